//go:build unix

package lsp_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
)

// bearer sends a token with every request.
type bearer string

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(r)
}

// live starts a server that also serves MCP, opens a.bpf.c and connects the official SDK.
func live(t *testing.T, binary string, args ...string) (*editor, *sdk.ClientSession) {
	t.Helper()
	w := newWorld(t, binary, map[string]string{"a.bpf.c": unsafe})
	w.args = append([]string{"--mcp", "127.0.0.1:0"}, args...)
	e := w.start("", "BPFLS_MCP_TOKEN=secret")
	address := ""
	e.open("a.bpf.c")
	e.untilState("a.bpf.c", "failed", "")
	if m := regexp.MustCompile(`MCP on (http://\S+);`).FindStringSubmatch(e.tail()); m != nil {
		address = m[1]
	}
	transport := &sdk.StreamableClientTransport{Endpoint: address, HTTPClient: &http.Client{Transport: bearer("secret")}}
	c, err := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, nil).Connect(t.Context(), transport, nil)
	if err != nil {
		t.Fatalf("%q: %v\n%s", address, err, e.tail())
	}
	t.Cleanup(func() { c.Close() })
	return e, c
}

// TestApplyEditFromMCP tries a change by MCP and has it made: the editor makes it, in the
// buffer, and the file stays as it is. Without --mcp-write there is no such tool.
func TestApplyEditFromMCP(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles and verifies: not with -short")
	}
	binary := buildServer(t)
	e, c := live(t, binary, "--mcp-write")
	change := map[string]any{"path": e.path("a.bpf.c"), "edits": []any{
		map[string]any{"line": 9, "column": 13, "end_line": 9, "end_column": 15, "text": "21"}}} // data + 14
	call := func(tool string) string {
		t.Helper()
		result, err := c.CallTool(t.Context(), &sdk.CallToolParams{Name: tool, Arguments: change})
		if err != nil {
			t.Fatalf("%s: %v", tool, err)
		}
		text := ""
		for _, part := range result.Content {
			if part, ok := part.(*sdk.TextContent); ok {
				text += part.Text
			}
		}
		if result.IsError {
			t.Fatalf("%s: %s", tool, text)
		}
		return text
	}
	if got := call("try_change"); !strings.Contains(got, `"verdict":"pass"`) {
		t.Errorf("try_change: %s", got)
	}
	if e.text("a.bpf.c") != unsafe {
		t.Error("a trial changed the buffer")
	}
	call("apply_change")
	if got, want := e.text("a.bpf.c"), source("21", 20); got != want {
		t.Errorf("the buffer is\n%s", got)
	}
	e.untilState("a.bpf.c", "outdated", "") // it is not saved
	e.save("a.bpf.c")
	e.untilState("a.bpf.c", "verified", "")
	e.sameAsFresh()

	_, readOnly := live(t, binary)
	tools, err := readOnly.ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(tools.Tools, func(tool *sdk.Tool) bool { return tool.Name == "apply_change" }) {
		t.Error("there is apply_change without --mcp-write")
	}
}

// TestLiveMCP: a client of MCP sees the text that is not saved, and one without the token
// nothing.
func TestLiveMCP(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles and verifies: not with -short")
	}
	e, c := live(t, buildServer(t))
	e.edit("a.bpf.c", safe)
	e.untilState("a.bpf.c", "outdated", "")
	result, err := c.CallTool(t.Context(), &sdk.CallToolParams{Name: "verify", Arguments: map[string]any{"path": e.path("a.bpf.c")}})
	if err != nil || result.IsError || !strings.Contains(result.Content[0].(*sdk.TextContent).Text, `"verdict":"pass"`) {
		t.Errorf("verify: %+v, %v", result, err)
	}
	address := regexp.MustCompile(`MCP on (http://\S+);`).FindStringSubmatch(e.tail())[1]
	for token, served := range map[string]bool{"": false, "wrong": false, "secret": true} {
		request, err := http.NewRequest(http.MethodPost, address, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+token)
		request.Header.Set("Accept", "application/json, text/event-stream")
		request.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if (answer.StatusCode != http.StatusUnauthorized) != served {
			t.Errorf("token %q: %s", token, answer.Status)
		}
	}
}

// TestLogLevels starts servers that log more and less.
func TestLogLevels(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles and verifies: not with -short")
	}
	binary := buildServer(t)
	for _, test := range []struct {
		level string
		debug bool
	}{{"error", false}, {"warning", false}, {"info", false}, {"debug", true}} {
		w := newWorld(t, binary, map[string]string{"a.bpf.c": safe})
		w.args = []string{"--log-level", test.level}
		e := w.start("")
		e.open("a.bpf.c")
		e.untilState("a.bpf.c", "verified", "")
		e.do(e.server.Shutdown(t.Context()))
		e.do(e.server.Exit(t.Context()))
		_ = e.cmd.Wait()
		if got := strings.Contains(e.tail(), "level=DEBUG"); got != test.debug {
			t.Errorf("%s: debugging messages %v, want %v\n%s", test.level, got, test.debug, e.tail())
		}
	}
}
