package session_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bpfls/clangdriver"
	"bpfls/explain"
	"bpfls/platform"
	"bpfls/position"
	"bpfls/session"
)

// toy judges sources of a toy language as fast as tests like, through the seam that
// the pipeline has: every FAIL(text) in a source or header is a finding on it, ERROR a
// compile error, SLOW takes until it is cancelled or told to go on.
type toy struct {
	mu      sync.Mutex
	runs    []string // first lines of the sources that runs read
	release chan struct{}
	running chan string // told of each SLOW run
	noClang bool
}

var (
	includes = regexp.MustCompile(`(?m)^#include "(.*)"`)
	failure  = regexp.MustCompile(`FAIL\(([^)]*)\)`)
)

func newToy() *toy {
	return &toy{release: make(chan struct{}), running: make(chan string, 100)}
}

func (y *toy) run(ctx context.Context, req session.Request) *session.Outcome {
	out := &session.Outcome{Report: &explain.Report{Path: req.Path}, Sources: explain.Sources{}}
	read := func(path string) ([]byte, error) {
		if text, ok := req.Overlay[path]; ok {
			return text, nil
		}
		return os.ReadFile(path)
	}
	text, err := read(req.Path)
	if err != nil {
		out.Err = err
		return out
	}
	y.mu.Lock()
	first, _, _ := strings.Cut(string(text), "\n")
	y.runs = append(y.runs, first)
	noClang := y.noClang
	y.mu.Unlock()
	if noClang {
		out.Err = &clangdriver.NotFoundError{Message: "clang was not found. Install LLVM (apt install clang-19)."}
		return out
	}
	if bytes.Contains(text, []byte("SLOW")) {
		y.running <- first
		select {
		case <-ctx.Done():
			out.Err = ctx.Err()
			return out
		case <-y.release:
		}
	}
	if bytes.Contains(text, []byte("PANIC")) {
		panic("toy")
	}
	out.Watch = []string{req.Path}
	out.Sources[req.Path] = position.New(text)
	out.Compile = &clangdriver.Output{}
	texts := map[string][]byte{req.Path: text}
	for _, m := range includes.FindAllSubmatch(text, -1) {
		header := filepath.Join(filepath.Dir(req.Path), string(m[1]))
		data, err := read(header)
		if err != nil {
			out.Missing = append(out.Missing, header)
			out.CompileErrors = true
			out.Compile.Diagnostics = append(out.Compile.Diagnostics, clangdriver.Diagnostic{
				Severity: "error", File: req.Path, Line: 1, Column: 1, Message: string(m[1]) + " not found"})
			continue
		}
		out.Watch = append(out.Watch, header)
		texts[header] = data
		out.Sources[header] = position.New(data)
	}
	for path, data := range texts {
		if i := bytes.Index(data, []byte("ERROR")); i >= 0 {
			p := position.New(data).Point(i)
			out.CompileErrors = true
			out.Compile.Diagnostics = append(out.Compile.Diagnostics, clangdriver.Diagnostic{
				Severity: "error", File: path, Line: p.Line, Column: p.Column, EndLine: p.Line, EndColumn: p.Column + 5, Message: "syntax"})
		}
	}
	if out.CompileErrors {
		return out
	}
	out.Platform = &platform.Platform{Name: "windows"}
	program := &explain.Program{Section: "xdp", Function: "f", Verdict: "pass", File: req.Path, Line: 1, EndLine: 1}
	for path, data := range texts {
		for _, m := range failure.FindAllSubmatchIndex(data, -1) {
			at, end := position.New(data).Point(m[0]), position.New(data).Point(m[1])
			program.Verdict = "fail"
			program.Findings = append(program.Findings, explain.Finding{Code: "BPF-toy", Severity: "error", Message: string(data[m[2]:m[3]]),
				Range: explain.Range{File: path, Line: at.Line, Column: at.Column, EndLine: end.Line, EndColumn: end.Column}})
		}
	}
	out.Report.Programs = []*explain.Program{program}
	return out
}

func (y *toy) count() int {
	y.mu.Lock()
	defer y.mu.Unlock()
	return len(y.runs)
}

// bench is a session on a directory, with what its subscriber was told.
type bench struct {
	t   *testing.T
	dir string
	*session.Session
	toy *toy

	mu       sync.Mutex
	findings map[string][]string // by file name: "line:column message"
	history  map[string][]string
	statuses map[string][]string
	notices  []string
	change   chan struct{}
}

func newBench(t *testing.T, opt session.Options) *bench {
	b := &bench{t: t, dir: t.TempDir(), toy: newToy(), findings: map[string][]string{},
		history: map[string][]string{}, statuses: map[string][]string{}, change: make(chan struct{}, 1)}
	opt.Run, opt.Without = b.toy.run, session.LeftOut()
	b.Session = session.New(opt)
	b.Subscribe(b.event)
	b.SetFolders([]string{b.dir})
	t.Cleanup(b.Close)
	return b
}

func (b *bench) event(e session.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := e.(type) {
	case session.FindingsEvent:
		name := b.name(e.Path)
		var list []string
		for _, f := range e.Findings {
			text := fmt.Sprintf("%d:%d-%d %s", f.Range.Line, f.Range.Column, f.Range.EndColumn, f.Message)
			if len(f.Sources) > 1 || f.Sources[0] != e.Path {
				var names []string
				for _, s := range f.Sources {
					names = append(names, filepath.Base(s))
				}
				text += " [" + strings.Join(names, " ") + "]"
			}
			list = append(list, text)
		}
		b.findings[name] = list
		b.history[name] = append(b.history[name], strings.Join(list, "; "))
	case session.StatusEvent:
		name := b.name(e.Status.Path)
		b.statuses[name] = append(b.statuses[name], e.Status.String())
	case session.NoticeEvent:
		b.notices = append(b.notices, e.Message)
	}
	select {
	case b.change <- struct{}{}:
	default:
	}
}

// name is a path in the directory, with slashes.
func (b *bench) name(path string) string {
	name, _ := filepath.Rel(b.dir, path)
	return filepath.ToSlash(name)
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

func (b *bench) write(name, text string) string {
	b.t.Helper()
	path := b.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		b.t.Fatal(err)
	}
	return path
}

func (b *bench) open(name, text string) string {
	path := b.write(name, text)
	b.Open(path, 1, text)
	return path
}

// until waits until a condition holds, looking again after every event.
func (b *bench) until(what string, holds func() bool) {
	b.t.Helper()
	deadline := time.After(session.Patience())
	for {
		b.mu.Lock()
		ok := holds()
		b.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-b.change:
		case <-deadline:
			b.mu.Lock()
			defer b.mu.Unlock()
			b.t.Fatalf("not reached: %s\nfindings: %q\nstatuses: %q\nnotices: %q", what, b.findings, b.statuses, b.notices)
		}
	}
}

func (b *bench) untilFindings(name string, want ...string) {
	b.t.Helper()
	b.until(fmt.Sprintf("findings of %s: %q", name, want), func() bool { return slices.Equal(b.findings[name], want) })
}

func (b *bench) untilStatus(name, want string) {
	b.t.Helper()
	b.until("status of "+name+": "+want, func() bool {
		s := b.statuses[name]
		return len(s) > 0 && s[len(s)-1] == want
	})
}

const pass = "verified, 1 program (windows)"

func TestOpenFixSave(t *testing.T) {
	b := newBench(t, session.Options{})
	path := b.open("a.bpf.c", "x\n  FAIL(one)\n")
	b.untilFindings("a.bpf.c", "2:3-12 one")
	b.untilStatus("a.bpf.c", "1 finding in 1 of 1 program (windows)")

	b.Change(path, 2, "x\n  fine\n")
	b.untilFindings("a.bpf.c", "2:3-7 out of date (edited since): one")
	b.untilStatus("a.bpf.c", "out of date: 1 finding in 1 of 1 program (windows) before your last change")

	b.write("a.bpf.c", "x\n  fine\n")
	b.Save(path)
	b.untilFindings("a.bpf.c")
	b.untilStatus("a.bpf.c", pass)

	b.CloseDocument(path)
	if s := b.Status(path); s.Green() {
		t.Errorf("a closed file has status %v", s)
	}
}

func TestEditsMoveFindings(t *testing.T) {
	b := newBench(t, session.Options{})
	const text = "x\n  FAIL(one)\ny\n"
	path := b.open("a.bpf.c", text)
	b.untilFindings("a.bpf.c", "2:3-12 one")
	b.Change(path, 2, "x\n\n\n  FAIL(one)\ny\n")
	b.untilFindings("a.bpf.c", "4:3-12 one")
	b.untilStatus("a.bpf.c", "out of date: 1 finding in 1 of 1 program (windows) before your last change")
	b.Change(path, 3, "x\ny\n")
	b.untilFindings("a.bpf.c")
	b.Change(path, 4, text)
	b.untilFindings("a.bpf.c", "2:3-12 one")
	b.untilStatus("a.bpf.c", "1 finding in 1 of 1 program (windows)")
	if n := b.toy.count(); n != 1 {
		t.Errorf("%d runs, want 1: nothing was saved", n)
	}
}

func TestTouchWithoutChangeDoesNothing(t *testing.T) {
	b := newBench(t, session.Options{})
	b.write("h.h", "// nothing\n")
	path := b.open("a.bpf.c", "#include \"h.h\"\n")
	b.untilStatus("a.bpf.c", pass)
	runs := b.toy.count()
	for range 3 {
		b.write("a.bpf.c", "#include \"h.h\"\n")
		b.write("h.h", "// nothing\n")
		b.Save(path)
		b.FilesChanged(b.path("h.h"))
		time.Sleep(60 * time.Millisecond)
	}
	if n := b.toy.count(); n != runs {
		t.Errorf("%d more runs of unchanged files", n-runs)
	}
}

// A header that was searched for in vain appears, changes, and disappears.
func TestHeaders(t *testing.T) {
	b := newBench(t, session.Options{})
	b.open("a.bpf.c", "#include \"sub/dir/h.h\"\n")
	b.untilFindings("a.bpf.c", "1:1-1 sub/dir/h.h not found")
	b.untilStatus("a.bpf.c", "does not compile: line 1: sub/dir/h.h not found")
	b.write("sub/dir/h.h", "FAIL(two)\n")
	b.untilFindings("sub/dir/h.h", "1:1-10 two [a.bpf.c]")
	b.untilFindings("a.bpf.c")
	b.write("sub/dir/h.h", "fine\n")
	b.untilFindings("sub/dir/h.h")
	b.untilStatus("a.bpf.c", pass)
	if err := os.RemoveAll(b.path("sub")); err != nil {
		t.Fatal(err)
	}
	b.untilFindings("a.bpf.c", "1:1-1 sub/dir/h.h not found")
	b.write("sub/dir/h.h", "\nFAIL(three)\n")
	b.untilFindings("sub/dir/h.h", "2:1-12 three [a.bpf.c]")
	// As git does: another tree in place of the directory.
	b.write("new/dir/h.h", "fine\n")
	if err := os.Rename(b.path("sub"), b.path("old")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(b.path("new"), b.path("sub")); err != nil {
		t.Fatal(err)
	}
	b.untilStatus("a.bpf.c", pass)
	b.untilFindings("sub/dir/h.h")
}

// A file is watched under whatever name the file system finds it by.
func TestNamesInOtherCase(t *testing.T) {
	b := newBench(t, session.Options{})
	b.write("sub/h.h", "fine\n")
	if _, err := os.Stat(b.path("Sub/H.h")); err != nil {
		t.Skip("this file system tells large letters from small ones")
	}
	b.open("a.bpf.c", "#include \"Sub/H.h\"\n")
	b.untilStatus("a.bpf.c", pass)
	time.Sleep(100 * time.Millisecond) // the watch has begun
	b.write("sub/h.h", "FAIL(new)\n")
	b.untilFindings("Sub/H.h", "1:1-10 new [a.bpf.c]")
}

// Where the system does not tell changes, files are looked at.
func TestPolling(t *testing.T) {
	b := newBench(t, session.Options{PollInterval: 20 * time.Millisecond})
	b.write("bpfls.toml", "root = true\nwatch = \"poll\"\n")
	b.open("a.bpf.c", "#include \"sub/h.h\"\n")
	b.untilFindings("a.bpf.c", "1:1-1 sub/h.h not found")
	b.write("sub/h.h", "FAIL(new)\n")
	b.untilFindings("sub/h.h", "1:1-10 new [a.bpf.c]")
	b.write("h.h", "FAIL(renamed)\n")
	rename := func(from, to string) {
		t.Helper()
		if err := os.Rename(b.path(from), b.path(to)); err != nil {
			t.Fatal(err)
		}
	}
	rename("h.h", "sub/h.h")
	b.untilFindings("sub/h.h", "1:1-14 renamed [a.bpf.c]")
	b.write("other/h.h", "FAIL(replaced)\n")
	rename("sub", "away")
	b.untilFindings("a.bpf.c", "1:1-1 sub/h.h not found")
	rename("other", "sub")
	b.untilFindings("sub/h.h", "1:1-15 replaced [a.bpf.c]")
	// Back to what the system tells.
	b.write("bpfls.toml", "root = true\n")
	b.write("sub/h.h", "FAIL(watched)\n")
	b.untilFindings("sub/h.h", "1:1-14 watched [a.bpf.c]")
}

func TestReplacedByRename(t *testing.T) {
	b := newBench(t, session.Options{})
	b.open("a.bpf.c", "FAIL(old)\n")
	b.untilFindings("a.bpf.c", "1:1-10 old")
	b.write("a.bpf.c.tmp", "fine\n")
	if err := os.Rename(b.path("a.bpf.c.tmp"), b.path("a.bpf.c")); err != nil {
		t.Fatal(err)
	}
	// The buffer still holds the old text: what is known is not of it.
	b.untilStatus("a.bpf.c", "out of date: "+pass+" before your last change")
	b.Change(b.path("a.bpf.c"), 2, "fine\n")
	b.untilStatus("a.bpf.c", pass)
	b.untilFindings("a.bpf.c")
}

// Of ten saves in a row the last one counts, and nothing older comes after it.
func TestTenSaves(t *testing.T) {
	b := newBench(t, session.Options{Workers: 2})
	path := b.open("a.bpf.c", "FAIL(0)\n")
	for i := 1; i <= 10; i++ {
		text := fmt.Sprintf("FAIL(%d)\n", i)
		b.Change(path, int32(i+1), text)
		b.write("a.bpf.c", text)
		b.Save(path)
		time.Sleep(20 * time.Millisecond)
	}
	b.untilFindings("a.bpf.c", "1:1-9 10")
	b.untilStatus("a.bpf.c", "1 finding in 1 of 1 program (windows)")
	b.mu.Lock()
	defer b.mu.Unlock()
	newest := -1
	for _, h := range b.history["a.bpf.c"] {
		var n int
		if _, err := fmt.Sscanf(h, "1:1-8 %d", &n); err == nil {
			if n < newest {
				t.Errorf("the result of save %d came after that of save %d", n, newest)
			}
			newest = n
		}
	}
}

// A newer save cancels the run under way, whose outcome is never shown.
func TestSaveCancels(t *testing.T) {
	b := newBench(t, session.Options{Workers: 1})
	path := b.open("a.bpf.c", "SLOW\nFAIL(old)\n")
	<-b.toy.running
	b.Change(path, 2, "fine\n")
	b.write("a.bpf.c", "fine\n")
	b.Save(path)
	b.untilStatus("a.bpf.c", pass)
	if got := b.history["a.bpf.c"]; len(got) != 0 {
		t.Errorf("findings were shown: %q", got)
	}
}

func TestCancelledIsNotGreen(t *testing.T) {
	b := newBench(t, session.Options{})
	cancel := make(chan func(), 10)
	b.Subscribe(func(e session.Event) {
		if w, ok := e.(session.WorkEvent); ok && !w.Done && w.Progress.Stage == "" {
			cancel <- w.Cancel
		}
	})
	path := b.open("a.bpf.c", "fine\n")
	b.untilStatus("a.bpf.c", pass)
	<-cancel
	b.Change(path, 2, "SLOW\n")
	b.write("a.bpf.c", "SLOW\n")
	b.Save(path)
	<-b.toy.running
	(<-cancel)()
	b.untilStatus("a.bpf.c", "not verified: cancelled")
	if b.Status(path).Green() {
		t.Error("cancelled work looks green")
	}
	b.Change(path, 3, "fine\n")
	b.write("a.bpf.c", "fine\n")
	b.Save(path)
	b.untilStatus("a.bpf.c", pass)
}

func TestHeaderOfTwoSources(t *testing.T) {
	b := newBench(t, session.Options{})
	b.write("h.h", "FAIL(both)\n")
	b.write("g.h", "fine\n")
	one := b.open("a.bpf.c", "#include \"h.h\"\n")
	b.open("b.bpf.c", "#include \"h.h\"\n")
	b.untilFindings("h.h", "1:1-11 both [a.bpf.c b.bpf.c]")
	b.Change(one, 2, "#include \"g.h\"\n")
	b.write("a.bpf.c", "#include \"g.h\"\n")
	b.Save(one)
	b.untilFindings("h.h", "1:1-11 both [b.bpf.c]")
	b.CloseDocument(b.path("b.bpf.c"))
	b.untilFindings("h.h")
}

func TestCompileErrorMarksVerdict(t *testing.T) {
	b := newBench(t, session.Options{})
	path := b.open("a.bpf.c", "x\nFAIL(one)\n")
	b.untilFindings("a.bpf.c", "2:1-10 one")
	b.Change(path, 2, "ERROR\nFAIL(one)\n")
	b.write("a.bpf.c", "ERROR\nFAIL(one)\n")
	b.Save(path)
	b.untilFindings("a.bpf.c", "1:1-6 syntax", "2:1-10 out of date (the source does not compile now): one")
	b.untilStatus("a.bpf.c", "does not compile: line 1: syntax")
	b.Configure(session.Editor{Clangd: true}, nil)
	b.untilFindings("a.bpf.c", "2:1-10 out of date (the source does not compile now): one")
}

func TestClangMissing(t *testing.T) {
	b := newBench(t, session.Options{})
	b.toy.noClang = true
	one := b.open("a.bpf.c", "fine\n")
	b.open("b.bpf.c", "fine\n")
	b.untilStatus("a.bpf.c", "not verified: clang was not found. Install LLVM (apt install clang-19).")
	b.untilStatus("b.bpf.c", "not verified: clang was not found. Install LLVM (apt install clang-19).")
	if _, err := b.Verify(context.Background(), one); err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if want := []string{"clang was not found. Install LLVM (apt install clang-19)."}; !slices.Equal(b.notices, want) {
		t.Errorf("notices %q, want %q", b.notices, want)
	}
}

func TestPanicCostsOneRun(t *testing.T) {
	b := newBench(t, session.Options{})
	b.open("a.bpf.c", "PANIC\n")
	b.untilStatus("a.bpf.c", "not verified: bpfls failed on this file, which is a fault of bpfls: toy")
	b.open("b.bpf.c", "fine\n")
	b.untilStatus("b.bpf.c", pass)
}

func TestUntrusted(t *testing.T) {
	b := newBench(t, session.Options{Untrusted: true})
	path := b.open("a.bpf.c", "fine\n")
	b.untilStatus("a.bpf.c", "untrusted workspace: nothing is compiled")
	b.Save(path)
	if s, err := b.Verify(context.Background(), path); err != nil || s.State != session.Untrusted {
		t.Errorf("Verify: %v, %v", s, err)
	}
	if n := b.toy.count(); n != 0 {
		t.Errorf("%d runs in an untrusted workspace", n)
	}
	b.SetTrusted(true)
	b.untilStatus("a.bpf.c", pass)
}

func TestVerifyOn(t *testing.T) {
	b := newBench(t, session.Options{ChangeDelay: time.Millisecond})
	b.Configure(session.Editor{Settings: []byte(`{"verifyOn": "manual"}`)}, nil)
	path := b.open("a.bpf.c", "FAIL(one)\n")
	b.untilStatus("a.bpf.c", "not verified")
	if _, err := b.Verify(context.Background(), path); err != nil {
		t.Fatal(err)
	}
	b.untilFindings("a.bpf.c", "1:1-10 one")
	b.Configure(session.Editor{Settings: []byte(`{"verifyOn": "change"}`)}, nil)
	b.Change(path, 2, "FAIL(unsaved)\n")
	b.untilFindings("a.bpf.c", "1:1-14 unsaved")
}

func TestOnlySourcesAreTouched(t *testing.T) {
	b := newBench(t, session.Options{})
	b.open("a.c", "int main(void) { return 0; }\n")
	b.untilStatus("a.c", "not a BPF source by its name, compile command, includes or section marks")
	b.open("b.c", "SEC(\"xdp\") int f(void) { return 0; }\n")
	b.untilStatus("b.c", pass)
	if s, err := b.Verify(context.Background(), b.path("a.c")); err != nil || !s.Green() {
		t.Errorf("any C file by command: %v, %v", s, err)
	}
	b.write("compile_commands.json", `[{"directory": "`+filepath.ToSlash(b.dir)+`", "file": "c.c", "command": "clang -target bpf -c c.c"}]`)
	b.open("c.c", "int f(void) { return 0; }\n")
	b.untilStatus("c.c", pass)
	b.write("bpfls.toml", "exclude = [\"b.c\"]\n")
	b.untilStatus("b.c", "not a BPF source: the settings say so")
	b.write("bpfls.toml", "sources = [\"d.c\"]\n")
	b.untilStatus("c.c", "not a BPF source: the settings say so")
	b.open("d.c", "int f(void) { return 0; }\n")
	b.untilStatus("d.c", pass)
}

// Outcomes are bounded; a view has an evicted one made again.
func TestEviction(t *testing.T) {
	b := newBench(t, session.Options{Keep: 1})
	one := b.open("a.bpf.c", "fine\n")
	b.untilStatus("a.bpf.c", pass)
	b.open("b.bpf.c", "fine\n")
	b.untilStatus("b.bpf.c", pass)
	runs := b.toy.count()
	v := b.View(context.Background(), one)
	if len(v.Runs) != 1 || v.Runs[0].Outcome == nil || !v.Runs[0].Current {
		t.Errorf("view %+v", v)
	}
	if n := b.toy.count(); n != runs+1 {
		t.Errorf("%d runs for the view, want 1", n-runs)
	}
}

// Files are judged side by side: each of two runs waits until the other has begun.
func TestFilesOverlap(t *testing.T) {
	var begun sync.WaitGroup
	begun.Add(2)
	s := session.New(session.Options{Workers: 2, NoWatch: true, Without: session.LeftOut(), Run: func(ctx context.Context, req session.Request) *session.Outcome {
		begun.Done()
		both := make(chan struct{})
		go func() { begun.Wait(); close(both) }()
		out := &session.Outcome{Report: &explain.Report{Path: req.Path}}
		select {
		case <-both:
			out.Report.Programs = []*explain.Program{{Section: "xdp", Function: "f", Verdict: "pass"}}
		case <-time.After(session.Patience()):
			out.Err = errors.New("it ran alone")
		}
		return out
	}})
	defer s.Close()
	dir := t.TempDir()
	for _, name := range []string{"a.bpf.c", "b.bpf.c"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("int x;\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		s.Open(path, 1, "int x;\n")
	}
	for _, name := range []string{"a.bpf.c", "b.bpf.c"} {
		if status, err := s.Wait(t.Context(), filepath.Join(dir, name)); err != nil || status.State != session.Verified {
			t.Errorf("%s: %v, %v", name, status, err)
		}
	}
}
