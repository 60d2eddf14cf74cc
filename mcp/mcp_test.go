package mcp_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"bpfls/mcp"
	"bpfls/session"
)

// withoutFlag leaves tools out, to see their tests fail (make features).
var withoutFlag = flag.String("without", "", "tools to leave out, or mcpWrite, separated by commas")

// options are those of a server that offers all but what is left out.
func options(opt mcp.Options) mcp.Options {
	opt.Without = strings.Split(*withoutFlag, ",")
	if slices.Contains(opt.Without, "mcpWrite") {
		opt.Apply = nil
	}
	return opt
}

// source reads a packet's byte behind a check that proves fewer.
const source = `#define SEC(name) __attribute__((section(name), used))
struct xdp_md { unsigned int data, data_end, data_meta, i, q, e; };

SEC("xdp")
int parse(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data;
	unsigned char *end = (void *)(long)ctx->data_end;
	if (data + 14 > end)
		return 1;
	return data[20];
}
`

// workspace is a session on a folder with one source.
func workspace(t *testing.T) (s *session.Session, path string) {
	t.Helper()
	dir := t.TempDir()
	path = filepath.Join(dir, "parse.bpf.c")
	if err := os.WriteFile(path, []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	s = session.New(session.Options{})
	t.Cleanup(s.Close)
	s.SetFolders([]string{dir})
	s.Configure(session.Editor{Settings: []byte(`{"platform": "linux"}`)}, nil)
	return s, path
}

func client(t *testing.T, transport sdk.Transport) *sdk.ClientSession {
	t.Helper()
	c, err := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, nil).Connect(t.Context(), transport, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func connect(t *testing.T, opt mcp.Options) *sdk.ClientSession {
	t.Helper()
	here, there := sdk.NewInMemoryTransports()
	if _, err := mcp.New(options(opt)).Connect(t.Context(), here, nil); err != nil {
		t.Fatal(err)
	}
	return client(t, there)
}

// call calls a tool and decodes what it answers; errors of the tool are returned.
func call(t *testing.T, c *sdk.ClientSession, tool string, args map[string]any, out any) error {
	t.Helper()
	result, err := c.CallTool(t.Context(), &sdk.CallToolParams{Name: tool, Arguments: args})
	if err != nil {
		t.Fatalf("%s: %v", tool, err)
	}
	if result.IsError {
		return errors.New(result.Content[0].(*sdk.TextContent).Text)
	}
	data, err := json.Marshal(result.StructuredContent)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, out); err != nil {
		t.Fatalf("%s: %v in %s", tool, err, data)
	}
	return nil
}

// document is what of a report the tests look at.
type document struct {
	Files []struct {
		Programs []struct {
			Function, Verdict string
			Findings          []struct {
				Code string
				Line int
			}
		}
	}
}

func (d document) verdict() string {
	if len(d.Files) != 1 || len(d.Files[0].Programs) != 1 {
		return "no program"
	}
	p := d.Files[0].Programs[0]
	text := p.Function + " " + p.Verdict
	for _, f := range p.Findings {
		text += " " + f.Code
	}
	return text
}

func TestTools(t *testing.T) {
	s, path := workspace(t)
	c := connect(t, mcp.Options{Session: s})

	var report document
	if err := call(t, c, "verify", map[string]any{"path": path}, &report); err != nil || report.verdict() != "parse fail BPF-packet-bounds" {
		t.Errorf("verify: %s, %v", report.verdict(), err)
	}

	raise := map[string]any{"line": 9, "column": 13, "end_line": 9, "end_column": 15, "text": "21"}
	var tried document
	if err := call(t, c, "try_change", map[string]any{"path": path, "edits": []any{raise}}, &tried); err != nil || tried.verdict() != "parse pass" {
		t.Errorf("try_change: %s, %v", tried.verdict(), err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != source {
		t.Errorf("the file changed: %s, %v", text, err)
	}

	var state mcp.State
	if err := call(t, c, "state", map[string]any{"path": path, "line": 11}, &state); err != nil || len(state.Programs) != 1 ||
		!strings.Contains(state.Programs[0].Packet, "14") || state.Programs[0].Proven >= state.Programs[0].Checks {
		t.Errorf("state: %+v, %v", state, err)
	}
	if err := call(t, c, "state", map[string]any{"path": path, "line": 3}, &state); err == nil {
		t.Error("state of an empty line")
	}

	var page mcp.Page
	if err := call(t, c, "explain", map[string]any{"code": "bpf-packet-bounds"}, &page); err != nil || page.Code != "BPF-packet-bounds" || page.Page == "" {
		t.Errorf("explain: %+v, %v", page, err)
	}
	if err := call(t, c, "explain", map[string]any{"code": "BPF-nonsense"}, &page); err == nil || !strings.Contains(err.Error(), "BPF-packet-bounds") {
		t.Errorf("explain of no code: %v", err)
	}

	var answers mcp.Answers
	if err := call(t, c, "probe", map[string]any{"path": path, "line": 11, "expression": "data + 14 <= end"}, &answers); err != nil || len(answers.Answers) != 1 {
		t.Errorf("probe: %+v, %v", answers, err)
	}

	var shown mcp.AllShown // nothing is open in an editor
	if err := call(t, c, "findings", map[string]any{"path": path}, &shown); err != nil || len(shown.Files) != 1 || len(shown.Files[0].Findings) != 0 {
		t.Errorf("findings: %+v, %v", shown, err)
	}

	var finding struct {
		Code  string
		Fixes []struct{ Title string }
	}
	if err := call(t, c, "fixes", map[string]any{"path": path, "program": "parse"}, &finding); err != nil || finding.Code != "BPF-packet-bounds" {
		t.Errorf("fixes: %+v, %v", finding, err)
	}
	if err := call(t, c, "fixes", map[string]any{"path": path, "program": "parse", "finding": 7}, &finding); err == nil {
		t.Error("a finding that is not there")
	}
}

// Without leave to write there is no tool for it; with leave it writes.
func TestApplyChange(t *testing.T) {
	s, path := workspace(t)
	tools := func(c *sdk.ClientSession) string {
		list, err := c.ListTools(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, tool := range list.Tools {
			names = append(names, tool.Name)
			if tool.Annotations == nil || tool.Annotations.ReadOnlyHint == (tool.Name == "apply_change") {
				t.Errorf("%s: read only is %v", tool.Name, tool.Annotations)
			}
		}
		return strings.Join(names, " ")
	}
	if names := tools(connect(t, mcp.Options{Session: s})); strings.Contains(names, "apply_change") {
		t.Errorf("a server that is read only has %s", names)
	}
	c := connect(t, mcp.Options{Session: s, Apply: s.Write})
	if names := tools(c); !strings.Contains(names, "apply_change") {
		t.Errorf("a server that may write has %s", names)
	}
	raise := map[string]any{"line": 9, "column": 13, "end_line": 9, "end_column": 15, "text": "21"}
	var done mcp.Done
	if err := call(t, c, "apply_change", map[string]any{"path": path, "edits": []any{raise}}, &done); err != nil || len(done.Changed) != 1 {
		t.Fatalf("%+v, %v", done, err)
	}
	if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), "data + 21 > end") {
		t.Errorf("%s, %v", text, err)
	}
}

func TestOutsideOfTheWorkspace(t *testing.T) {
	s, path := workspace(t)
	c := connect(t, mcp.Options{Session: s})
	outside := filepath.Join(t.TempDir(), "x.c")
	if err := os.WriteFile(outside, []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(filepath.Dir(path), "link.c")
	if err := os.Symlink(outside, link); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{outside, link, "relative.c", filepath.Join(filepath.Dir(path), "..", "x.c")} {
		if err := call(t, c, "verify", map[string]any{"path": p}, &document{}); err == nil || !strings.Contains(err.Error(), "not in the workspace") {
			t.Errorf("%s: %v", p, err)
		}
	}
}

// What the editor has counts, saved or not.
func TestLive(t *testing.T) {
	s, path := workspace(t)
	s.Open(path, 1, strings.Replace(source, "data + 14", "data + 21", 1))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- mcp.Serve(ctx, l, "secret", mcp.New(options(mcp.Options{Session: s}))) }()
	endpoint := "http://" + l.Addr().String()

	c := client(t, &sdk.StreamableClientTransport{Endpoint: endpoint, HTTPClient: withToken("secret")})
	var report document
	if err := call(t, c, "verify", map[string]any{"path": path}, &report); err != nil || report.verdict() != "parse pass" {
		t.Errorf("unsaved: %s, %v", report.verdict(), err)
	}
	if _, err := s.Wait(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	var shown mcp.AllShown
	if err := call(t, c, "findings", map[string]any{}, &shown); err != nil {
		t.Error(err)
	}
	if len(shown.Files) != 1 || len(shown.Files[0].Findings) != 1 || shown.Files[0].Green {
		t.Errorf("what the editor shows of the saved text: %+v", shown)
	}

	for _, token := range []string{"", "wrong"} {
		request, err := http.NewRequest(http.MethodPost, endpoint, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`))
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			request.Header.Set("Authorization", "Bearer "+token)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("token %q: %s", token, answer.Status)
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the server ended with %v", err)
	}
	if err := mcp.Serve(t.Context(), l, "", nil); err == nil {
		t.Error("an empty token is taken")
	}
}

// withToken sends a token with every request.
func withToken(token string) *http.Client { return &http.Client{Transport: bearer(token)} }

type bearer string

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(r)
}
