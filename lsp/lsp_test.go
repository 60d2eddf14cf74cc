package lsp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.lsp.dev/jsonrpc2"
	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"

	"bpfls/clangdriver"
	"bpfls/explain"
	"bpfls/lsp"
	"bpfls/platform"
	"bpfls/position"
	"bpfls/session"
	"bpfls/verifier"
)

// withoutFlag switches features off, to see their tests fail (make features).
var withoutFlag = flag.String("without", "", "features of the server to switch off, separated by commas")

// untilFlag bounds how long a test waits for what must come.
var untilFlag = flag.Duration("until", 20*time.Second, "how long a test waits for what must come")

func without() []string {
	if *withoutFlag == "" {
		return nil
	}
	return strings.Split(*withoutFlag, ",")
}

// client is an editor in this process, on the protocol package's other half.
type client struct {
	protocol.UnimplementedClient
	t      *testing.T
	dir    string
	server protocol.Server
	conn   jsonrpc2.Conn
	ended  chan error

	mu        sync.Mutex
	published map[string]*protocol.PublishDiagnosticsParams
	status    map[string]string
	messages  []string
	progress  []string
	settings  map[string]any
	refreshes int
	traces    []string
	change    chan struct{}
}

func (c *client) changed() {
	select {
	case c.change <- struct{}{}:
	default:
	}
}

func (c *client) PublishDiagnostics(_ context.Context, params *protocol.PublishDiagnosticsParams) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.published[filepath.Base(params.URI.FsPath())] = params
	c.changed()
	return nil
}

func (c *client) ShowMessage(_ context.Context, params *protocol.ShowMessageParams) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.messages = append(c.messages, params.Message)
	c.changed()
	return nil
}

func (c *client) Configuration(_ context.Context, params *protocol.ConfigurationParams) ([]protocol.LSPAny, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []protocol.LSPAny
	for range params.Items {
		data, _ := json.Marshal(c.settings)
		all = append(all, protocol.LSPAny(data))
	}
	return all, nil
}

func (c *client) WorkDoneProgressCreate(context.Context, *protocol.WorkDoneProgressCreateParams) error {
	return nil
}

func (c *client) Progress(_ context.Context, params *protocol.ProgressParams) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.progress = append(c.progress, fmt.Sprintf("%v %s", params.Token, params.Value))
	c.changed()
	return nil
}

func (c *client) refreshed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refreshes++
	c.changed()
	return nil
}

func (c *client) LogTrace(_ context.Context, params *protocol.LogTraceParams) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.traces = append(c.traces, params.Message)
	c.changed()
	return nil
}

func (c *client) DiagnosticRefresh(context.Context) error { return c.refreshed() }
func (c *client) CodeLensRefresh(context.Context) error   { return c.refreshed() }
func (c *client) InlayHintRefresh(context.Context) error  { return c.refreshed() }

func (c *client) handle(next jsonrpc2.Handler) jsonrpc2.Handler {
	return func(ctx context.Context, req *jsonrpc2.Request) (any, error) {
		if req.Method() != "bpfls/status" {
			return next(ctx, req)
		}
		var s struct{ URI, State, Message string }
		if err := json.Unmarshal(req.Params(), &s); err != nil {
			c.t.Error(err)
		}
		c.mu.Lock()
		c.status[filepath.Base(s.URI)] = s.State + ": " + s.Message
		c.mu.Unlock()
		c.changed()
		return nil, nil
	}
}

type codec struct{}

func (codec) Marshal(v any) ([]byte, error)      { return protocol.Marshal(v) }
func (codec) Unmarshal(data []byte, v any) error { return protocol.Unmarshal(data, v) }

// abilities are what the editor says that it can do, and its settings.
const abilities = `{
	"general": {"positionEncodings": ["utf-16", "utf-8"]},
	"textDocument": {"publishDiagnostics": {"relatedInformation": true, "tagSupport": {"valueSet": [1, 2]}}, "hover": {"contentFormat": ["markdown"]}},
	"window": {"workDoneProgress": true},
	"workspace": {"configuration": true}
}`

// connect starts a server and initializes it.
func connect(t *testing.T, run func(context.Context, session.Request) *session.Outcome, init, capabilities string) *client {
	t.Helper()
	return connectIn(t, t.TempDir(), session.Options{Run: run}, init, capabilities)
}

// connectIn is connect for a folder and a session.
func connectIn(t *testing.T, dir string, opt session.Options, init, capabilities string) *client {
	t.Helper()
	c := &client{t: t, dir: dir, ended: make(chan error, 1), published: map[string]*protocol.PublishDiagnosticsParams{},
		status: map[string]string{}, change: make(chan struct{}, 1)}
	toServer, fromClient := io.Pipe()
	toClient, fromServer := io.Pipe()
	var log bytes.Buffer
	options := lsp.Options{Version: "1.2.3", Session: opt, Without: without(), FixWait: time.Minute, Log: slog.New(slog.NewTextHandler(&locked{w: &log}, nil))}
	go func() {
		c.ended <- lsp.Serve(context.Background(), toServer, fromServer, options)
		fromServer.Close()
	}()
	c.conn = jsonrpc2.NewConn(jsonrpc2.NewHeaderStream(struct {
		io.Reader
		io.WriteCloser
	}{toClient, fromClient}), jsonrpc2.WithCodec(codec{}))
	c.conn.Go(context.Background(), c.handle(protocol.ClientHandler(c, jsonrpc2.MethodNotFoundHandler)))
	c.server = protocol.ServerDispatcher(c.conn)
	t.Cleanup(func() { fromClient.Close() })
	var params protocol.InitializeParams
	text := fmt.Sprintf(`{"processId": null, "rootUri": %q, "capabilities": %s, "initializationOptions": %s}`, uri.File(c.dir), capabilities, init)
	if err := protocol.Unmarshal([]byte(text), &params); err != nil {
		t.Fatal(err)
	}
	result, err := c.server.Initialize(t.Context(), &params)
	if err != nil {
		t.Fatal(err)
	}
	if result.ServerInfo.Name != "bpfls" {
		t.Errorf("server info %+v", result.ServerInfo)
	}
	if err := c.server.Initialized(t.Context(), &protocol.InitializedParams{}); err != nil {
		t.Fatal(err)
	}
	return c
}

type locked struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func (c *client) uri(name string) uri.URI { return uri.File(filepath.Join(c.dir, name)) }

func (c *client) open(name, text string) {
	c.t.Helper()
	c.write(name, text)
	err := c.server.DidOpen(c.t.Context(), &protocol.DidOpenTextDocumentParams{TextDocument: protocol.TextDocumentItem{
		URI: c.uri(name), LanguageID: "c", Version: 1, Text: text}})
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) write(name, text string) {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o644); err != nil {
		c.t.Fatal(err)
	}
}

// edit replaces a range, given as LSP positions, and leaves the file as it is.
func (c *client) edit(name string, version int32, line, from, to uint32, text string) {
	c.t.Helper()
	params := &protocol.DidChangeTextDocumentParams{
		TextDocument: protocol.VersionedTextDocumentIdentifier{TextDocumentIdentifier: protocol.TextDocumentIdentifier{URI: c.uri(name)}, Version: version},
		ContentChanges: []protocol.TextDocumentContentChangeEvent{&protocol.TextDocumentContentChangePartial{
			Range: protocol.Range{Start: protocol.Position{Line: line, Character: from}, End: protocol.Position{Line: line, Character: to}}, Text: text}},
	}
	if err := c.server.DidChange(c.t.Context(), params); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) until(what string, holds func() bool) {
	c.t.Helper()
	deadline := time.After(*untilFlag)
	for {
		c.mu.Lock()
		ok := holds()
		c.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-c.change:
		case <-deadline:
			c.mu.Lock()
			defer c.mu.Unlock()
			data, _ := json.Marshal(c.published)
			c.t.Fatalf("not reached: %s\npublished: %s\nstatus: %q\nmessages: %q\nprogress: %q", what, data, c.status, c.messages, c.progress)
		}
	}
}

func (c *client) untilStatus(name, want string) {
	c.t.Helper()
	c.until("status of "+name+": "+want, func() bool { return c.status[name] == want })
}

// diagnostics of a file, a line each: range, severity, message.
func (c *client) diagnostics(name string) string {
	p := c.published[name]
	if p == nil {
		return "none published"
	}
	var b strings.Builder
	for _, d := range p.Diagnostics {
		r := d.Range
		fmt.Fprintf(&b, "%d:%d-%d:%d %d %v %v\n", r.Start.Line, r.Start.Character, r.End.Line, r.End.Character, d.Severity, d.Code, d.Message)
	}
	return b.String()
}

func (c *client) untilDiagnostics(name, want string) {
	c.t.Helper()
	c.until("diagnostics of "+name+": "+want, func() bool { return c.diagnostics(name) == want })
}

// finder finds fault with every FAIL in a source.
func finder(ctx context.Context, req session.Request) *session.Outcome {
	out := &session.Outcome{Report: &explain.Report{Path: req.Path}, Platform: &platform.Platform{Name: "windows"}}
	text, err := os.ReadFile(req.Path)
	if err != nil {
		out.Err = err
		return out
	}
	if bytes.Contains(text, []byte("SLOW")) {
		req.Progress(session.Progress{Stage: "verifying", Done: 1, Total: 2})
		<-ctx.Done()
		out.Err = ctx.Err()
		return out
	}
	m := position.New(text)
	out.Watch, out.Sources = []string{req.Path}, explain.Sources{req.Path: m}
	p := &explain.Program{Section: "xdp", Function: "f", Verdict: "pass", File: req.Path, Line: 1}
	if i := bytes.Index(text, []byte("FAIL")); i >= 0 {
		at := m.Point(i)
		p.Verdict = "fail"
		r := explain.Range{File: req.Path, Line: at.Line, Column: at.Column, EndLine: at.Line, EndColumn: at.Column + 4}
		p.Findings = []explain.Finding{{Code: "BPF-toy", Severity: "error", Message: "bad.", Range: r, Consequences: 2,
			Related: []explain.Related{{Range: explain.Range{File: req.Path, Line: 1, Column: 1, EndLine: 1, EndColumn: 4}, Message: "see here"}}}}
	}
	out.Report.Programs = []*explain.Program{p}
	return out
}

func TestDiagnostics(t *testing.T) {
	c := connect(t, finder, "{}", abilities)
	c.open("a.bpf.c", "int é; FAIL;\n")
	c.untilDiagnostics("a.bpf.c", "0:8-0:12 1 BPF-toy bad. (and 2 consequences)\n") // UTF-8: é has two bytes
	c.mu.Lock()
	p := c.published["a.bpf.c"]
	if v, ok := p.Version.Get(); !ok || v != 1 {
		t.Errorf("version %v", p.Version)
	}
	if r := p.Diagnostics[0].RelatedInformation; len(r) != 1 || r[0].Message != "see here" || r[0].Location.Range.End.Character != 3 {
		t.Errorf("related information %+v", r)
	}
	c.mu.Unlock()
	c.untilStatus("a.bpf.c", "failed: 1 finding in 1 of 1 program (windows)")

	c.edit("a.bpf.c", 2, 0, 0, 0, "// new\n")
	c.untilDiagnostics("a.bpf.c", "1:8-1:12 1 BPF-toy bad. (and 2 consequences)\n")
	c.untilStatus("a.bpf.c", "outdated: out of date: 1 finding in 1 of 1 program (windows) before your last change")
	c.edit("a.bpf.c", 3, 1, 8, 12, "fine")
	c.untilDiagnostics("a.bpf.c", "1:8-1:12 3 BPF-toy out of date (edited since): bad. (and 2 consequences)\n")
	c.mu.Lock()
	if tags := c.published["a.bpf.c"].Diagnostics[0].Tags.Slice(); len(tags) != 1 || tags[0] != protocol.DiagnosticTagUnnecessary {
		t.Errorf("tags %v", tags)
	}
	c.mu.Unlock()
	c.write("a.bpf.c", "// new\nint é; fine;\n")
	if err := c.server.DidSave(t.Context(), &protocol.DidSaveTextDocumentParams{TextDocument: protocol.TextDocumentIdentifier{URI: c.uri("a.bpf.c")}}); err != nil {
		t.Fatal(err)
	}
	c.untilDiagnostics("a.bpf.c", "")
	c.untilStatus("a.bpf.c", "verified: verified, 1 program (windows)")
}

func TestUTF16AndNoRelatedInformation(t *testing.T) {
	c := connect(t, finder, "{}", "{}")
	c.open("a.bpf.c", "int x; /* \U0001F600 */ FAIL;\n")
	// The emoji has two units in UTF-16, four in UTF-8.
	c.untilDiagnostics("a.bpf.c", "0:16-0:20 1 BPF-toy bad. (and 2 consequences)\n  a.bpf.c:1:1: see here\n")
	c.edit("a.bpf.c", 2, 0, 9, 12, "")
	c.untilDiagnostics("a.bpf.c", "0:13-0:17 3 BPF-toy out of date (edited since): bad. (and 2 consequences)\n  a.bpf.c:1:1: see here\n")
}

func TestUntrusted(t *testing.T) {
	c := connect(t, func(context.Context, session.Request) *session.Outcome {
		t.Error("something was compiled")
		return &session.Outcome{Report: &explain.Report{}}
	}, `{"trusted": false}`, abilities)
	c.open("a.bpf.c", "FAIL\n")
	c.untilStatus("a.bpf.c", "untrusted: untrusted workspace: nothing is compiled")
}

func TestClangMissingIsSaidOnce(t *testing.T) {
	c := connect(t, func(context.Context, session.Request) *session.Outcome {
		return &session.Outcome{Report: &explain.Report{}, Err: &clangdriver.NotFoundError{Message: "clang was not found. Install LLVM."}}
	}, "{}", abilities)
	c.open("a.bpf.c", "")
	c.open("b.bpf.c", "")
	c.untilStatus("a.bpf.c", "unknown: not verified: clang was not found. Install LLVM.")
	c.untilStatus("b.bpf.c", "unknown: not verified: clang was not found. Install LLVM.")
	if _, err := c.execute("bpfls.verify", "a.bpf.c"); err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.messages) != 1 || c.messages[0] != "bpfls: clang was not found. Install LLVM." {
		t.Errorf("messages %q", c.messages)
	}
}

func (c *client) execute(command, name string) (string, error) {
	params := &protocol.ExecuteCommandParams{Command: command}
	if name != "" {
		data, _ := json.Marshal(c.uri(name))
		params.Arguments = []protocol.LSPAny{protocol.LSPAny(data)}
	}
	result, err := c.server.ExecuteCommand(c.t.Context(), params)
	return string(result), err
}

func TestProgressAndCancel(t *testing.T) {
	c := connect(t, finder, "{}", abilities)
	c.open("a.bpf.c", "SLOW\n")
	c.until("a progress begins", func() bool { return len(c.progress) > 0 })
	c.mu.Lock()
	first := c.progress[0]
	c.mu.Unlock()
	if want := `"title":"bpfls"`; !strings.Contains(first, want) {
		t.Errorf("progress %s lacks %s", first, want)
	}
	token, _, _ := strings.Cut(first, " ")
	if err := c.server.WorkDoneProgressCancel(t.Context(), &protocol.WorkDoneProgressCancelParams{Token: protocol.String(token)}); err != nil {
		t.Fatal(err)
	}
	c.untilStatus("a.bpf.c", "unknown: not verified: cancelled")
	c.until("the progress ends", func() bool { return strings.Contains(c.progress[len(c.progress)-1], `"kind":"end"`) })
}

func TestPanicInOneRun(t *testing.T) {
	c := connect(t, func(context.Context, session.Request) *session.Outcome {
		return &session.Outcome{Report: &explain.Report{Programs: []*explain.Program{nil}}}
	}, "{}", abilities)
	c.open("a.bpf.c", "SEC(\"xdp\")\n")
	c.until("the run fails", func() bool {
		return strings.HasPrefix(c.status["a.bpf.c"], "unknown: not verified: bpfls failed on this file, which is a fault of bpfls")
	})
	c.open("b.c", "int main;\n")
	c.untilStatus("b.c", "ignored: not a BPF source by its name, compile command, includes or section marks")
}

func TestPanicInOneRequest(t *testing.T) {
	c := connect(t, func(_ context.Context, req session.Request) *session.Outcome {
		p := &explain.Program{Function: "f", Verdict: "pass", Lines: []explain.LineFacts{{File: req.Path, Line: 1, Slots: []int{0}}}}
		return &session.Outcome{
			Report:   &explain.Report{Programs: []*explain.Program{p}},
			Watch:    []string{req.Path},
			Sources:  explain.Sources{req.Path: position.New([]byte("int x;\n"))},
			Programs: []*session.ProgramOutcome{{Report: p, Result: &verifier.Result{}}}, // and no Program: hovers fail
		}
	}, "{}", abilities)
	c.open("a.bpf.c", "int x;\n")
	c.untilStatus("a.bpf.c", "verified: verified, 1 program")
	params := &protocol.HoverParams{TextDocumentPositionParams: protocol.TextDocumentPositionParams{
		TextDocument: protocol.TextDocumentIdentifier{URI: c.uri("a.bpf.c")}}}
	_, err := c.server.Hover(t.Context(), params)
	if err == nil || !strings.Contains(err.Error(), "bpfls failed in textDocument/hover, which is a fault of bpfls") {
		t.Errorf("hover: %v", err)
	}
	if status, err := c.execute("bpfls.status", "a.bpf.c"); err != nil || !strings.Contains(status, `"state":"verified"`) {
		t.Errorf("after it: %s, %v", status, err)
	}
}

func TestProtocol(t *testing.T) {
	c := connect(t, finder, "{}", abilities)
	code := func(err error) jsonrpc2.Code {
		var e *jsonrpc2.Error
		errors.As(err, &e)
		if e == nil {
			return 0
		}
		return e.Code
	}
	call := func(method string, params any) error {
		_, err := c.conn.Call(t.Context(), method, params, nil)
		return err
	}
	if err := call("textDocument/rename", map[string]any{}); code(err) != jsonrpc2.MethodNotFound {
		t.Errorf("a method that is not served: %v", err)
	}
	if err := call("no/such", nil); code(err) != jsonrpc2.MethodNotFound {
		t.Errorf("a method that does not exist: %v", err)
	}
	for _, bad := range []any{"text", map[string]any{"textDocument": 3}} {
		if err := c.conn.Notify(t.Context(), protocol.MethodTextDocumentDidOpen, bad); err != nil {
			t.Fatal(err)
		}
	}
	c.edit("not-open.c", 1, 0, 0, 0, "x")
	if err := c.conn.Notify(t.Context(), "$/unheardOf", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.execute("bpfls.nonsense", ""); code(err) != jsonrpc2.InvalidParams {
		t.Errorf("an unknown command: %v", err)
	}
	if _, err := c.execute("bpfls.verify", ""); code(err) != jsonrpc2.InvalidParams {
		t.Errorf("a command without its argument: %v", err)
	}
	var again protocol.InitializeParams
	if _, err := c.server.Initialize(t.Context(), &again); code(err) != jsonrpc2.InvalidRequest {
		t.Errorf("initialize twice: %v", err)
	}
	if err := c.server.Shutdown(t.Context()); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	if _, err := c.execute("bpfls.verify", "a.c"); code(err) != jsonrpc2.InvalidRequest {
		t.Errorf("a request after shutdown: %v", err)
	}
	if err := c.server.Exit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-c.ended; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestExitWithoutShutdown(t *testing.T) {
	c := connect(t, finder, "{}", abilities)
	if err := c.server.Exit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-c.ended; !errors.Is(err, lsp.ErrNoShutdown) {
		t.Errorf("Serve: %v, want %v", err, lsp.ErrNoShutdown)
	}
}

func TestSettings(t *testing.T) {
	seen := make(chan session.Choices, 10)
	run := func(ctx context.Context, req session.Request) *session.Outcome {
		seen <- req.Choices
		return finder(ctx, req)
	}
	c := connect(t, run, `{"settings": {"platform": "windows"}}`, "{}")
	c.open("a.bpf.c", "\n")
	next := func() (choices session.Choices) {
		select {
		case choices = <-seen:
		case <-time.After(*untilFlag):
			t.Fatal("nothing runs")
		}
		return choices
	}
	if got := next(); string(got.Editor) != `{"platform":"windows"}` || got.Workspace != c.dir {
		t.Errorf("settings %s in %s", got.Editor, got.Workspace)
	}
	err := c.server.DidChangeConfiguration(t.Context(), &protocol.DidChangeConfigurationParams{Settings: protocol.LSPAny(`{"bpfls": {"platform": "linux"}}`)})
	if err != nil {
		t.Fatal(err)
	}
	if got := next(); string(got.Editor) != `{"platform":"linux"}` {
		t.Errorf("settings %s", got.Editor)
	}
}

// Settings of a bpfls.toml are read, and again when it changes.
func TestSettingsFile(t *testing.T) {
	c := connect(t, finder, "{}", abilities)
	c.write("bpfls.toml", "exclude = [\"b.bpf.c\"]\n")
	c.open("a.bpf.c", "FAIL\n")
	c.untilStatus("a.bpf.c", "failed: 1 finding in 1 of 1 program (windows)")
	c.open("b.bpf.c", "FAIL\n")
	c.untilStatus("b.bpf.c", "ignored: not a BPF source: the settings say so")
	c.write("bpfls.toml", "exclude = [\"a.bpf.c\"]\n")
	c.untilStatus("a.bpf.c", "ignored: not a BPF source: the settings say so")
	c.untilStatus("b.bpf.c", "failed: 1 finding in 1 of 1 program (windows)")
}

// Where the settings say so, unsaved text is verified.
func TestUnsavedText(t *testing.T) {
	run := func(ctx context.Context, req session.Request) *session.Outcome {
		if text, ok := req.Overlay[req.Path]; ok {
			copied := filepath.Join(t.TempDir(), filepath.Base(req.Path))
			if err := os.WriteFile(copied, text, 0o644); err != nil {
				t.Error(err)
			}
			path := req.Path
			req.Path = copied
			out := finder(ctx, req)
			out.Watch = []string{path}
			out.Sources = explain.Sources{path: position.New(text)}
			for _, p := range out.Report.Programs {
				p.File = path
				for i := range p.Findings {
					p.Findings[i].Range.File = path
					p.Findings[i].Related = nil
				}
			}
			return out
		}
		return finder(ctx, req)
	}
	c := connect(t, run, `{"settings": {"verifyOn": "change"}}`, "{}")
	c.open("a.bpf.c", "fine\n")
	c.untilStatus("a.bpf.c", "verified: verified, 1 program (windows)")
	c.edit("a.bpf.c", 2, 0, 0, 4, "FAIL")
	c.untilStatus("a.bpf.c", "failed: 1 finding in 1 of 1 program (windows)")
	c.untilDiagnostics("a.bpf.c", "0:0-0:4 1 BPF-toy bad. (and 2 consequences)\n")
}

// What the server serves is traced from when the client asks until it asks no more.
func TestTrace(t *testing.T) {
	c := connect(t, finder, "{}", abilities)
	set := func(value protocol.TraceValue) {
		if err := c.server.SetTrace(t.Context(), &protocol.SetTraceParams{Value: value}); err != nil {
			t.Fatal(err)
		}
	}
	c.open("a.bpf.c", "int x;\n")
	set(protocol.TraceValueMessages)
	c.open("b.bpf.c", "int x;\n")
	c.until("a trace", func() bool { return len(c.traces) > 1 })
	set(protocol.TraceValueOff)
	c.open("c.bpf.c", "int x;\n")
	c.untilStatus("c.bpf.c", "verified: verified, 1 program (windows)")
	c.mu.Lock()
	defer c.mu.Unlock()
	opened := 0
	for _, text := range c.traces {
		if strings.HasPrefix(text, "textDocument/didOpen took ") {
			opened++
		}
	}
	if opened != 1 {
		t.Errorf("traced: %q", c.traces)
	}
}
