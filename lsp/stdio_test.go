//go:build unix

package lsp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.lsp.dev/jsonrpc2"
	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"

	"bpfls/session"
)

// clangScript stands between the server and clang-19, which it runs unless the file
// "fault" beside it says otherwise. Texts whose compilation succeeded go to "compiled".
const clangScript = `#!/bin/sh
here=${0%/*}
case "$*" in *--print-targets*|*-###*) exec clang-19 "$@";; esac
fault=
read fault < "$here/fault"
case $fault in
killed) # once, mid-way, as the kernel does where memory is short
	echo > "$here/fault"
	clang-19 "$@" &
	kill -9 $!
	wait $!
	exit $?;;
half) # once, when half of the object was written
	echo > "$here/fault"
	clang-19 "$@"
	for object; do :; done
	head -c 300 "$object" > "$object.half" && mv "$object.half" "$object"
	kill -9 $$;;
hangs)
	echo $$ > "$here/running"
	exec sleep 1000;;
waits) # until it is told to go on
	echo $$ > "$here/running"
	while [ ! -e "$here/go" ]; do sleep 0.05; done;;
esac
clang-19 "$@"
status=$?
if [ $status = 0 ]; then
	for word; do
		if [ "$before" = -ivfsoverlay ]; then
			mkdir "$here/compiled/$$" && cp "${word%/*}"/*.c "$here/compiled/$$"
		fi
		before=$word
	done
fi
exit $status
`

// world is a folder of files with what editors do to it, and a clang that may fail.
type world struct {
	t      *testing.T
	binary string   // of the server
	dir    string   // the workspace
	clang  string   // directory of the script
	temp   string   // the servers' TMPDIR
	cache  string   // their XDG_CACHE_HOME
	under  []string // a command that servers run under
	args   []string // of servers

	mu     sync.Mutex
	known  map[string]bool // texts that a server may have read, without what does not count
	limits []int           // values of CHECKED that a header had
}

func newWorld(t *testing.T, binary string, files map[string]string) *world {
	t.Helper()
	w := &world{t: t, binary: binary, known: map[string]bool{}}
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for path, name := range map[*string]string{&w.dir: "work", &w.clang: "clang", &w.temp: "temp", &w.cache: "cache"} {
		*path = filepath.Join(root, name)
		if err := os.MkdirAll(*path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(w.clang, "compiled"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.clang, "clang"), []byte(clangScript), 0o755); err != nil {
		t.Fatal(err)
	}
	w.fault("")
	w.write("bpfls.toml", "root = true\nplatform = \"linux\"\n")
	for name, text := range files {
		if name, ok := strings.CutPrefix(name, "link "); ok {
			if err := os.Symlink(text, w.path(name)); err != nil {
				t.Fatal(err)
			}
			continue
		}
		w.write(name, text)
	}
	return w
}

// fault says what the next runs of clang do.
func (w *world) fault(kind string) { w.put(filepath.Join(w.clang, "fault"), kind+"\n") }

func (w *world) put(path, text string) {
	w.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// running waits until clang runs that hangs or waits, and returns its process.
func (w *world) running() (pid int) {
	w.t.Helper()
	for deadline := time.Now().Add(patience()); ; time.Sleep(10 * time.Millisecond) {
		text, _ := os.ReadFile(filepath.Join(w.clang, "running"))
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			return pid
		}
		if time.Now().After(deadline) {
			w.t.Fatal("clang was not started")
		}
	}
}

func (w *world) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(w.dir, name)
}

var limit = regexp.MustCompile(`(?m)^(?:#define CHECKED|enum \{ CHECKED =) (\d+)`)

// write writes a file of the workspace.
func (w *world) write(name, text string) {
	w.t.Helper()
	w.learn(text)
	w.put(w.path(name), text)
}

// learn notes a text that a server may read from now on.
func (w *world) learn(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.known[bare(text)] = true
	if m := limit.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1])
		w.limits = append(w.limits, n)
	}
}

// source reads a byte of a packet behind a check of so many bytes, a number or CHECKED.
func source(checked string, read int) string {
	return fmt.Sprintf(`#define SEC(name) __attribute__((section(name), used))
struct xdp_md { unsigned int data, data_end, data_meta, i, q, e; };

SEC("xdp")
int parse(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data;
	unsigned char *end = (void *)(long)ctx->data_end;
	if (data + %s > end)
		return 1;
	return data[%d];
}
`, checked, read)
}

var (
	checks = regexp.MustCompile(`\tif \(data \+ (\d+|CHECKED) > end\)\r?\n\t\treturn 1;\r?\n\treturn data\[(\d+)\];\r?\n\}\r?\n$`)
	blank  = regexp.MustCompile(`(?m)^[ \t]*(#.*)?\n`)
)

// bare is a text without what makes no difference to a compilation: marks, forms of line
// ends, bytes that are no text, and directives, which a precompiled header may hold.
func bare(text string) string {
	text = strings.TrimPrefix(text, "\ufeff")
	text = strings.ReplaceAll(strings.ToValidUTF8(text, ""), "\ufffd", "")
	return blank.ReplaceAllString(strings.ReplaceAll(text, "\r\n", "\n"), "")
}

// mayBeGreen says why a text must not look verified; "" if it may: it is safe, was on disk
// (or in a buffer that counts), and clang finished it.
func (w *world) mayBeGreen(text string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if m := checks.FindStringSubmatch(text); m != nil {
		read, _ := strconv.Atoi(m[2])
		checked := w.limits
		if n, err := strconv.Atoi(m[1]); err == nil {
			checked = []int{n}
		}
		if !slices.ContainsFunc(checked, func(n int) bool { return n > read }) {
			return "reads what was not checked"
		}
	} else if why := isVerified(text); why != "" {
		return why
	}
	if !w.known[bare(text)] {
		return "was never saved"
	}
	compiled, _ := filepath.Glob(filepath.Join(w.clang, "compiled", "*", "*.c"))
	for _, path := range compiled {
		if data, err := os.ReadFile(path); err == nil && bare(string(data)) == bare(text) {
			return ""
		}
	}
	return "was not compiled to the end"
}

// isVerified says why a text that has another form, such as one with a line end where none
// was, is not verified in a folder of its own; "" if it is.
func isVerified(text string) string {
	dir, err := os.MkdirTemp("", "bpfls-alone-")
	if err != nil {
		return err.Error()
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "a.bpf.c")
	if err := errors.Join(os.WriteFile(path, []byte(text), 0o600),
		os.WriteFile(filepath.Join(dir, "bpfls.toml"), []byte("root = true\nplatform = \"linux\"\n"), 0o600)); err != nil {
		return err.Error()
	}
	o := session.Run(context.Background(), session.Request{Path: path})
	switch {
	case o.Err != nil:
		return "is no program: " + o.Err.Error()
	case o.CompileErrors || len(o.Report.Programs) == 0:
		return "is no program"
	}
	for _, p := range o.Report.Programs {
		if p.Verdict != "pass" {
			return "is not verified alone"
		}
	}
	return ""
}

// editor is a client of a real server over stdio. It holds every message that it gets
// against what it knows: nothing may look green that was not verified.
type editor struct {
	protocol.UnimplementedClient
	*world
	cmd      *exec.Cmd
	log      *locked
	logged   *bytes.Buffer
	conn     jsonrpc2.Conn
	server   protocol.Server
	settings string
	onChange bool // unsaved texts count

	mu        sync.Mutex // before world.mu
	change    chan struct{}
	buffers   map[string]*buffer // by path
	published map[string]*protocol.PublishDiagnosticsParams
	statuses  map[string]status
	progress  []string // tokens that began
	messages  []string
	wrong     []string // what looked green and was not
	lenses    int      // code lenses that were looked at
	asking    bool
}

// buffer is an open document with all that it was.
type buffer struct {
	texts []string // by version, from 1
	sent  int      // the newest version that the server has for certain, but for the first
	seen  int32    // the newest version that a message spoke of
}

func (b *buffer) text() string   { return b.texts[len(b.texts)-1] }
func (b *buffer) version() int32 { return int32(len(b.texts)) }

type status struct {
	URI            uri.URI
	State, Message string
	Version        *int32
}

// patience bounds how long a test waits for what must come.
func patience() time.Duration { return 4 * *untilFlag }

// start starts a server on the workspace. env is added to its environment.
func (w *world) start(settings string, env ...string) *editor {
	w.t.Helper()
	if settings == "" {
		settings = "{}"
	}
	var all map[string]any
	if err := json.Unmarshal([]byte(settings), &all); err != nil {
		w.t.Fatal(err)
	}
	clang, _ := all["clang"].(map[string]any)
	if clang == nil {
		clang = map[string]any{}
	}
	clang["path"] = filepath.Join(w.clang, "clang")
	all["clang"] = clang
	data, _ := json.Marshal(all)
	e := &editor{world: w, settings: settings, onChange: all["verifyOn"] == "change", logged: &bytes.Buffer{}, change: make(chan struct{}, 1),
		buffers: map[string]*buffer{}, published: map[string]*protocol.PublishDiagnosticsParams{}, statuses: map[string]status{}}
	e.log = &locked{w: e.logged}
	command := append(slices.Clone(w.under), w.binary, "lsp", "--log-level", "debug")
	command = append(command, w.args...) // the last --log-level counts
	for _, feature := range without() {
		command = append(command, "--without", feature)
	}
	e.cmd = exec.Command(command[0], command[1:]...)
	e.cmd.Dir = filepath.Dir(w.dir)
	e.cmd.Env = append(append(os.Environ(), "TMPDIR="+w.temp, "XDG_CACHE_HOME="+w.cache), env...)
	e.cmd.Stderr = e.log
	in, err := e.cmd.StdinPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	out, err := e.cmd.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := e.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = e.cmd.Process.Kill() })
	e.conn = jsonrpc2.NewConn(jsonrpc2.NewHeaderStream(struct {
		io.Reader
		io.WriteCloser
	}{out, in}), jsonrpc2.WithCodec(codec{}))
	e.conn.Go(context.Background(), e.handle(protocol.ClientHandler(e, jsonrpc2.MethodNotFoundHandler)))
	e.server = protocol.ServerDispatcher(e.conn)
	var params protocol.InitializeParams
	text := fmt.Sprintf(`{"processId": null, "rootUri": %q, "capabilities": {
		"textDocument": {"publishDiagnostics": {"relatedInformation": true, "tagSupport": {"valueSet": [1, 2]}}, "hover": {"contentFormat": ["markdown"]}},
		"window": {"workDoneProgress": true}}, "initializationOptions": {"settings": %s}}`, uri.File(w.dir), data)
	if err := protocol.Unmarshal([]byte(text), &params); err != nil {
		w.t.Fatal(err)
	}
	if _, err := e.server.Initialize(w.t.Context(), &params); err != nil {
		w.t.Fatalf("initialize: %v\n%s", err, e.tail())
	}
	e.do(e.server.Initialized(w.t.Context(), &protocol.InitializedParams{}))
	return e
}

func (e *editor) do(err error) {
	e.t.Helper()
	if err != nil {
		e.t.Fatalf("%v\n%s", err, e.tail())
	}
}

// tail is the end of what the server logged.
func (e *editor) tail() string {
	e.log.mu.Lock()
	defer e.log.mu.Unlock()
	text := e.logged.String()
	return text[max(0, len(text)-4000):]
}

func (e *editor) changed() {
	select {
	case e.change <- struct{}{}:
	default:
	}
}

func (e *editor) complain(format string, args ...any) {
	e.wrong = append(e.wrong, fmt.Sprintf(format, args...))
}

// speaks notes the version that a message speaks of and returns its text; nil where it
// speaks of none.
func (e *editor) speaks(what, path string, version int32) *string {
	b := e.buffers[path]
	switch {
	case b == nil:
		return nil // closed since
	case version < 1 || version > b.version():
		e.complain("%s of %s: there is no version %d", what, path, version)
		return nil
	case version < b.seen:
		e.complain("%s of %s: version %d after %d", what, path, version, b.seen)
	}
	b.seen = version
	return &b.texts[version-1]
}

func (e *editor) PublishDiagnostics(_ context.Context, params *protocol.PublishDiagnosticsParams) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	path := params.URI.FsPath()
	e.published[path] = params
	if v, ok := params.Version.Get(); ok {
		if text := e.speaks("diagnostics", path, v); text != nil {
			lines := breaks(*text) + 1
			for _, d := range params.Diagnostics {
				if int(d.Range.End.Line) > lines {
					e.complain("a diagnostic of %s in line %d of %d: %v", path, d.Range.End.Line, lines, d.Message)
				}
			}
		}
	}
	e.ask()
	e.changed()
	return nil
}

// states are what a status may be, and how its message then begins.
var states = map[string]string{"verified": "verified, ", "failed": "", "verifying": "verifying", "outdated": "out of date: ", "unknown": "",
	"untrusted": "untrusted", "ignored": "not "}

func (e *editor) handle(next jsonrpc2.Handler) jsonrpc2.Handler {
	return func(ctx context.Context, req *jsonrpc2.Request) (any, error) {
		if req.Method() != "bpfls/status" {
			return next(ctx, req)
		}
		var s status
		err := json.Unmarshal(req.Params(), &s)
		e.mu.Lock()
		defer e.mu.Unlock()
		path := s.URI.FsPath()
		begins, ok := states[s.State]
		switch {
		case err != nil:
			e.complain("bpfls/status %s: %v", req.Params(), err)
		case !ok || !strings.HasPrefix(s.Message, begins) || s.State != "verified" && strings.HasPrefix(s.Message, "verified"):
			e.complain("the status %s of %s says %q", s.State, path, s.Message)
		}
		e.statuses[path] = s
		if s.Version != nil {
			if text := e.speaks("the status", path, *s.Version); text != nil && s.State == "verified" {
				if why := e.mayBeGreen(*text); why != "" {
					e.complain("version %d of %s looks verified, but %s", *s.Version, path, why)
				}
				if p := e.published[path]; p != nil {
					for _, d := range p.Diagnostics {
						if d.Severity == protocol.DiagnosticSeverityError && len(d.RelatedInformation) == 0 {
							e.complain("version %d of %s looks verified, but has the error %v", *s.Version, path, d.Message)
						}
					}
				}
			}
		}
		e.ask()
		e.changed()
		return nil, nil
	}
}

// ask looks at the code lenses of open files, in turn, unless that is being done.
func (e *editor) ask() {
	if e.asking {
		return
	}
	e.asking = true
	go func() {
		e.mu.Lock()
		sent := map[string]int{}
		for path, b := range e.buffers {
			sent[path] = max(b.sent, 1)
		}
		e.asking = false
		e.mu.Unlock()
		for path, first := range sent {
			lenses, err := e.server.CodeLens(context.Background(), &protocol.CodeLensParams{TextDocument: protocol.TextDocumentIdentifier{URI: uri.File(path)}})
			if err != nil {
				return // the server goes away
			}
			e.mu.Lock()
			for _, l := range lenses {
				e.lenses++
				b := e.buffers[path]
				if b == nil || !strings.HasPrefix(l.Command.Title, "verified. ") {
					continue
				}
				why := ""
				for _, text := range b.texts[min(first, len(b.texts))-1:] {
					if why = e.mayBeGreen(text); why == "" {
						break
					}
				}
				if why != "" {
					e.complain("a code lens of %s says %q, but version %d %s", path, l.Command.Title, b.version(), why)
				}
			}
			e.mu.Unlock()
		}
	}()
}

func (e *editor) ShowMessage(_ context.Context, params *protocol.ShowMessageParams) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.messages = append(e.messages, params.Message)
	return nil
}

func (e *editor) WorkDoneProgressCreate(context.Context, *protocol.WorkDoneProgressCreateParams) error {
	return nil
}

func (e *editor) Progress(_ context.Context, params *protocol.ProgressParams) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if strings.Contains(string(params.Value), `"begin"`) {
		e.progress = append(e.progress, fmt.Sprint(params.Token))
	}
	e.changed()
	return nil
}

// ApplyEdit makes the changes of one buffer.
func (e *editor) ApplyEdit(_ context.Context, params *protocol.ApplyWorkspaceEditParams) (*protocol.ApplyWorkspaceEditResult, error) {
	for u, edits := range params.Edit.Changes {
		text := e.text(u.FsPath())
		slices.SortFunc(edits, func(a, b protocol.TextEdit) int { return int(b.Range.Start.Line) - int(a.Range.Start.Line) })
		for _, edit := range edits {
			offset := func(p protocol.Position) int { // of ASCII
				lines := strings.SplitAfter(text, "\n")
				return len(strings.Join(lines[:p.Line], "")) + int(p.Character)
			}
			text = text[:offset(edit.Range.Start)] + edit.NewText + text[offset(edit.Range.End):]
		}
		e.edit(u.FsPath(), text)
	}
	return &protocol.ApplyWorkspaceEditResult{Applied: len(params.Edit.Changes) > 0}, nil
}

// open opens a file with the text that it has on disk.
func (e *editor) open(name string) {
	e.t.Helper()
	data, err := os.ReadFile(e.path(name))
	e.do(err)
	e.openText(name, string(data))
}

// openText opens a file with a text.
func (e *editor) openText(name, text string) {
	e.t.Helper()
	path := e.path(name)
	e.mu.Lock()
	e.buffers[path] = &buffer{texts: []string{text}}
	e.mu.Unlock()
	e.do(e.server.DidOpen(e.t.Context(), &protocol.DidOpenTextDocumentParams{TextDocument: protocol.TextDocumentItem{
		URI: uri.File(path), LanguageID: "c", Version: 1, Text: text}}))
}

// edit makes a text that of a buffer, by replacing what is different.
func (e *editor) edit(name, text string) {
	e.t.Helper()
	path := e.path(name)
	e.mu.Lock()
	b := e.buffers[path]
	old := b.text()
	b.texts = append(b.texts, text)
	version := b.version()
	e.mu.Unlock()
	if e.onChange {
		e.learn(text)
	}
	from := 0
	for from < min(len(old), len(text)) && old[from] == text[from] {
		from++
	}
	from = strings.LastIndexByte(old[:from], '\n') + 1 // no half character
	end := len(old)
	for n := len(text); end > from && n > from && old[end-1] == text[n-1]; n-- {
		end--
	}
	if i := strings.IndexByte(old[end:], '\n'); i >= 0 {
		end += i + 1
	} else {
		end = len(old)
	}
	at := func(i int) protocol.Position { return protocol.Position{Line: uint32(breaks(old[:i]))} }
	stop := at(end)
	stop.Character = uint32(end - 1 - strings.LastIndexAny(old[:end], "\r\n")) // as many at least
	e.do(e.server.DidChange(e.t.Context(), &protocol.DidChangeTextDocumentParams{
		TextDocument: protocol.VersionedTextDocumentIdentifier{TextDocumentIdentifier: protocol.TextDocumentIdentifier{URI: uri.File(path)}, Version: version},
		ContentChanges: []protocol.TextDocumentContentChangeEvent{&protocol.TextDocumentContentChangePartial{
			Range: protocol.Range{Start: at(from), End: stop}, Text: text[from : len(text)-(len(old)-end)]}},
	}))
	e.mu.Lock()
	b.sent = int(version)
	e.mu.Unlock()
}

// breaks counts the line breaks of LSP.
func breaks(text string) int {
	return strings.Count(text, "\n") + strings.Count(text, "\r") - strings.Count(text, "\r\n")
}

// save writes a buffer to its file.
func (e *editor) save(name string) {
	e.t.Helper()
	e.write(name, e.text(name))
	e.saved(name)
}

// saved says that a buffer was written.
func (e *editor) saved(name string) {
	e.t.Helper()
	e.do(e.server.DidSave(e.t.Context(), &protocol.DidSaveTextDocumentParams{TextDocument: protocol.TextDocumentIdentifier{URI: uri.File(e.path(name))}}))
}

func (e *editor) text(name string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.buffers[e.path(name)].text()
}

// until waits until a condition holds, looking again after every message.
func (e *editor) until(what string, holds func() bool) {
	e.t.Helper()
	deadline := time.After(patience())
	for {
		e.mu.Lock()
		ok := holds()
		e.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-e.change:
		case <-deadline:
			e.t.Fatalf("not reached: %s\nstate:\n%s\nmessages: %q\nlog:\n%s", what, strings.Join(e.state(), "\n"), e.messages, e.tail())
		}
	}
}

// untilState waits for a status of a file; more is a part of its message.
func (e *editor) untilState(name, state, more string) {
	e.t.Helper()
	e.until(name+" is "+state+" "+more, func() bool {
		s := e.statuses[e.path(name)]
		return s.State == state && strings.Contains(s.Message, more)
	})
}

// barrier waits until the server has dealt with all that was sent to it.
func (e *editor) barrier() {
	e.t.Helper()
	_, err := e.server.ExecuteCommand(e.t.Context(), &protocol.ExecuteCommandParams{Command: "bpfls.status",
		Arguments: []protocol.LSPAny{protocol.LSPAny(fmt.Sprintf("%q", uri.File(e.path("a.bpf.c"))))}})
	e.do(err)
}

// state is the last published state of every file: its status and diagnostics.
func (e *editor) state() (lines []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, path := range slices.Sorted(maps.Keys(e.statuses)) {
		if e.buffers[path] != nil {
			lines = append(lines, path+": "+e.statuses[path].State+": "+e.statuses[path].Message)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(e.published)) {
		for _, d := range e.published[path].Diagnostics {
			data, err := protocol.Marshal(&d)
			if err != nil {
				e.complain("%v", err)
			}
			lines = append(lines, path+": "+string(data))
		}
	}
	return lines
}

// stop ends the server as the protocol wants it. It must leave no files.
func (e *editor) stop() {
	e.t.Helper()
	e.do(e.server.Shutdown(e.t.Context()))
	e.do(e.server.Exit(e.t.Context()))
	if err := e.cmd.Wait(); err != nil {
		e.t.Errorf("the server ended with %v\n%s", err, e.tail())
	}
}

// sameAsFresh holds the last published state against that of a server that knows nothing
// but the files and the buffers.
func (e *editor) sameAsFresh() {
	e.t.Helper()
	fresh := e.world.start(e.settings, "XDG_CACHE_HOME="+e.t.TempDir())
	e.mu.Lock()
	texts := map[string]string{}
	for path, b := range e.buffers {
		texts[path] = b.text()
	}
	e.mu.Unlock()
	for path, text := range texts {
		fresh.openText(path, text)
	}
	fresh.until("a fresh server is done", func() bool {
		for path := range texts {
			if s := fresh.statuses[path]; s.State == "" || s.State == "verifying" {
				return false
			}
		}
		return true
	})
	fresh.barrier()
	want := fresh.state()
	fresh.stop()
	deadline := time.Now().Add(patience())
	for !slices.Equal(e.state(), want) && time.Now().Before(deadline) {
		select {
		case <-e.change:
		case <-time.After(time.Second):
		}
	}
	e.barrier()
	if diff := cmp.Diff(want, e.state()); diff != "" {
		e.t.Errorf("a fresh server says (-), this one (+)\n%s\n%s", diff, e.tail())
	}
	for _, who := range []*editor{fresh, e} {
		who.mu.Lock()
		for _, wrong := range who.wrong {
			e.t.Errorf("%s", wrong)
		}
		who.mu.Unlock()
	}
	e.stop()
	if e.lenses == 0 {
		e.t.Error("no code lens was looked at")
	}
	for {
		left, _ := filepath.Glob(filepath.Join(e.temp, "*"))
		if len(left) == 0 {
			break
		}
		if time.Now().After(deadline) { // another server may work there
			e.t.Errorf("left in the temporary folder: %q", left)
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
}
