package session_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bpfls/session"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// folder writes the files of a txtar archive to a new directory.
func folder(t *testing.T, archive string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range txtar.Parse([]byte(archive)).Files {
		path := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func needClang(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("clang-19"); err != nil {
		t.Skip("clang-19 is not here: install it (apt install clang-19)")
	}
}

// compile makes an object of a source as another build would.
func compile(t *testing.T, dir, source string) string {
	t.Helper()
	object := strings.TrimSuffix(source, ".c") + ".o"
	cmd := exec.Command("clang-19", "-target", "bpf", "-O2", "-g", "-fdebug-compilation-dir=.", "-c", source, "-o", object)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(dir, object)
}

// summary writes an outcome in a line per program and finding.
func summary(o *session.Outcome) []string {
	var out []string
	for _, po := range o.Programs {
		name := po.Program.Section + " " + po.Program.Name
		if po.Skipped {
			out = append(out, name+": skipped")
			continue
		}
		typ := "none"
		if po.Type != nil {
			typ = po.Type.Name
		}
		out = append(out, fmt.Sprintf("%s: %s by %s: %s", name, typ, po.TypeBy, po.Report.Verdict))
		for _, f := range po.Report.Findings {
			out = append(out, fmt.Sprintf("  %s:%d:%d-%d:%d %s %q", filepath.Base(f.Range.File), f.Range.Line, f.Range.Column,
				f.Range.EndLine, f.Range.EndColumn, f.Code, strings.TrimSpace(f.Text)))
		}
	}
	if o.Err != nil {
		out = append(out, "error")
	}
	return out
}

// TestRun takes files through the whole pipeline.
func TestRun(t *testing.T) {
	needClang(t)
	for _, test := range []struct {
		name  string
		files string
		file  string // "x.o" is compiled from x.c first
		req   session.Request
		want  []string
		err   string // part of the error
	}{
		{
			name:  "the section's name chooses the type, the setting the platform",
			files: "-- bpfls.toml --\nroot = true\nplatform = \"windows\"\n-- a.c --\n__attribute__((section(\"bind_2\"), used)) int f() { return 0; }\n",
			file:  "a.c",
			want:  []string{"bind_2 f: bind by section: pass"},
		},
		{
			name:  "a comment chooses the type",
			files: "-- bpfls.toml --\nroot = true\nplatform = \"windows\"\n-- a.c --\n// bpfls: type=bind\nint f() { return 0; }\n",
			file:  "a.c",
			want:  []string{".text f: bind by comment: pass"},
		},
		{
			name:  "a comment for one section",
			files: "-- bpfls.toml --\nroot = true\nplatform = \"windows\"\n-- a.c --\n// bpfls: type=bind section=mine\n__attribute__((section(\"mine\"), used)) int f() { return 0; }\n__attribute__((section(\"other\"), used)) int g() { return 0; }\n",
			file:  "a.c",
			want: []string{"mine f: bind by comment: pass", "other g: unspec by : rejected",
				`  a.c:3:45-3:46 BPF-no-hook "__attribute__((section(\"other\"), used)) int g() { return 0; }"`},
		},
		{
			name:  "a setting chooses the type",
			files: "-- bpfls.toml --\nroot = true\nplatform = \"windows\"\ntype = \"xdp\"\n-- a.c --\nint f() { return 0; }\n",
			file:  "a.c",
			want:  []string{".text f: xdp by setting: pass"},
		},
		{
			name:  "the caller's choices win",
			files: "-- bpfls.toml --\nroot = true\nplatform = \"windows\"\ntype = \"xdp\"\n-- a.c --\nint f() { return 0; }\n",
			file:  "a.c",
			req:   session.Request{Choices: session.Choices{Platform: "linux", Type: "kprobe"}},
			want:  []string{".text f: kprobe by --type: pass"},
		},
		{
			name:  "the editor's settings win over the file's",
			files: "-- bpfls.toml --\nroot = true\nplatform = \"linux\"\ntype = \"xdp\"\n-- a.c --\nint f() { return 0; }\n",
			file:  "a.c",
			req:   session.Request{Choices: session.Choices{Editor: []byte(`{"platform": "windows", "type": "bind"}`)}},
			want:  []string{".text f: bind by setting: pass"},
		},
		{
			name:  "an unknown type",
			files: "-- bpfls.toml --\nroot = true\nplatform = \"windows\"\ntype = \"bund\"\n-- a.c --\nint f() { return 0; }\n",
			file:  "a.c",
			want:  []string{"error"},
			err:   `windows knows no program type "bund"`,
		},
		{
			name:  "an object tells its platform by its context",
			files: "-- bpfls.toml --\nroot = true\n-- a.c --\ntypedef struct { void *data, *data_end; } xdp_md_t;\n__attribute__((section(\"xdp\"), used)) int f(xdp_md_t *c) { return *(char *)c->data; }\n",
			file:  "a.o",
			want:  []string{"xdp f: xdp by section: fail", `  a.c:2:67-2:83 BPF-packet-bounds "__attribute__((section(\"xdp\"), used)) int f(xdp_md_t *c) { return *(char *)c->data; }"`},
		},
		{
			name:  "a syntax error",
			files: "-- bpfls.toml --\nroot = true\n-- a.c --\nint f() { return 0 0; }\n",
			file:  "a.c",
			want:  []string{"error"},
			err:   "a.c:1:19: ",
		},
		{
			name:  "a broken object",
			files: "-- bpfls.toml --\nroot = true\n-- a.o --\n\x7fELF\n",
			file:  "a.o",
			want:  []string{"error"},
			err:   "a.o",
		},
		{
			name:  "functions of .text are skipped where there are programs",
			files: "-- bpfls.toml --\nroot = true\nplatform = \"windows\"\n-- a.c --\n__attribute__((noinline)) int g(int x) { return x * 3; }\n__attribute__((section(\"bind\"), used)) int f(int *c) { return g(4); }\n",
			file:  "a.c",
			want:  []string{".text g: skipped", "bind f: bind by section: pass"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := folder(t, test.files)
			if source := strings.TrimSuffix(test.file, ".o") + ".c"; source != test.file {
				if _, err := os.Stat(filepath.Join(dir, source)); err == nil {
					compile(t, dir, source)
				}
			}
			req := test.req
			req.Path = filepath.Join(dir, test.file)
			o := session.Run(t.Context(), req)
			if diff := cmp.Diff(test.want, summary(o)); diff != "" {
				t.Errorf("(-want +got)\n%s%v", diff, o.Err)
			}
			if test.err != "" && (o.Err == nil || !strings.Contains(o.Err.Error(), test.err) || o.Report.Error != o.Err.Error()) {
				t.Errorf("error %q (report: %q), want %q", o.Err, o.Report.Error, test.err)
			}
			if !slices.Contains(o.Watch, req.Path) {
				t.Errorf("the file is not watched: %v", o.Watch)
			}
		})
	}
}

// The text that was compiled is the one that findings speak of: an unsaved buffer
// is neither read from disk nor mixed with it.
func TestRunOverlay(t *testing.T) {
	needClang(t)
	dir := folder(t, "-- bpfls.toml --\nroot = true\nplatform = \"windows\"\n-- a.c --\n#include \"a.h\"\nint on_disk;\n-- a.h --\n#error on disk\n")
	path := filepath.Join(dir, "a.c")
	o := session.Run(t.Context(), session.Request{Path: path, Overlay: map[string][]byte{
		path:                      []byte("// \U0001F600\n#include \"a.h\"\nPROGRAM { return ctx->data[9]; }\n"),
		filepath.Join(dir, "a.h"): []byte("struct c { unsigned char *data, *data_end; };\n#define PROGRAM __attribute__((section(\"xdp\"), used)) int f(struct c *ctx)\n"),
	}})
	want := []string{"xdp f: xdp by section: fail", `  a.c:3:18-3:30 BPF-packet-bounds "PROGRAM { return ctx->data[9]; }"`}
	if diff := cmp.Diff(want, summary(o)); diff != "" {
		t.Errorf("(-want +got)\n%s%v", diff, o.Err)
	}
	if !slices.Contains(o.Watch, filepath.Join(dir, "a.h")) || !slices.Contains(o.Watch, filepath.Join(dir, "bpfls.toml")) {
		t.Errorf("watched: %v", o.Watch)
	}
}

// An object's sources are used as long as they are those that it was made of.
func TestRunStaleSource(t *testing.T) {
	needClang(t)
	dir := folder(t, "-- bpfls.toml --\nroot = true\nplatform = \"windows\"\n-- a.c --\nstruct c { unsigned char *data, *data_end; };\n__attribute__((section(\"xdp\"), used))\nint f(struct c *ctx)\n{\n    return ctx->data[9];\n}\n")
	object := compile(t, dir, "a.c")
	o := session.Run(t.Context(), session.Request{Path: object})
	if len(o.Sources) != 1 || o.Report.Programs[0].Findings[0].Range.File != filepath.Join(dir, "a.c") {
		t.Errorf("sources %v, finding %+v", o.Sources, o.Report.Programs[0].Findings)
	}
	if err := os.WriteFile(filepath.Join(dir, "a.c"), []byte("// edited\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	o = session.Run(t.Context(), session.Request{Path: object})
	if len(o.Sources) != 0 {
		t.Errorf("a source was used that the object was not made of: %v", o.Sources)
	}
	// The line is still known: BTF holds it.
	f := o.Report.Programs[0].Findings[0]
	if f.Text != "    return ctx->data[9];" || f.Range.Column != 12 || f.Range.EndColumn != 24 {
		t.Errorf("finding at %+v in %q", f.Range, f.Text)
	}
}

func TestRunCancelled(t *testing.T) {
	dir := folder(t, "-- a.c --\nint f() { return 0; }\n")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := session.Run(ctx, session.Request{Path: filepath.Join(dir, "a.c")})
	if !errors.Is(o.Err, context.Canceled) {
		t.Errorf("error %v, want that of the context", o.Err)
	}
}

// A declared hook takes its context from a header; a change of the header or of
// bpfls.toml makes the outcome out of date.
func TestRunDeclaredHook(t *testing.T) {
	needClang(t)
	dir := folder(t, `
-- bpfls.toml --
root = true
platform = "windows"
[[hooks]]
name = "flow"
sections = ["flow"]
context = { header = "include/flow.h", type = "struct flow", data = "first", end = "last" }
-- include/flow.h --
struct flow { unsigned long id; unsigned char *first, *last; };
-- a.c --
#include "include/flow.h"
__attribute__((section("flow/in"), used))
int f(struct flow *c)
{
    return c->first + 1 > c->last ? 0 : *c->first;
}
-- wrong.c --
struct flow { unsigned char *first, *last; unsigned long id; };
__attribute__((section("flow/in"), used))
int f(struct flow *c)
{
    return c->first + 1 > c->last ? 0 : *c->first;
}
`)
	o := session.Run(t.Context(), session.Request{Path: filepath.Join(dir, "a.c")})
	if diff := cmp.Diff([]string{"flow/in f: flow by section: pass"}, summary(o)); diff != "" {
		t.Errorf("(-want +got)\n%s%v", diff, o.Err)
	}
	if header := filepath.Join(dir, "include", "flow.h"); !slices.Contains(o.Watch, header) {
		t.Errorf("%s is not watched: %v", header, o.Watch)
	}
	o = session.Run(t.Context(), session.Request{Path: filepath.Join(dir, "wrong.c")})
	if o.Err != nil || len(o.Report.Programs) != 1 || o.Report.Programs[0].Verdict != "fail" {
		t.Fatalf("%v %v", o.Err, summary(o))
	}
}

// Without -O2 a helper's number is loaded from memory and called through a register.
// clang 19 encodes that with the register in the destination; older ones put it
// into the immediate. Both are explained at the call.
func TestRunNotOptimised(t *testing.T) {
	needClang(t)
	dir := folder(t, "-- bpfls.toml --\nroot = true\nplatform = \"windows\"\n-- a.c --\n"+
		"static int (*update)(void *m, const void *k, const void *v, unsigned long f) = (void *)2;\n"+
		"__attribute__((section(\"bind\"), used))\nint f()\n{\n    return update(0, 0, 0, 0);\n}\n")
	object := filepath.Join(dir, "a.o")
	cmd := exec.Command("clang-19", "-target", "bpf", "-O0", "-g", "-fdebug-compilation-dir=.", "-c", "a.c", "-o", object)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	today, err := os.ReadFile(object)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(today, []byte{0x8d, 0x05, 0, 0, 0, 0, 0, 0})
	if at < 0 {
		t.Fatal("no callx r5 in the object")
	}
	older := bytes.Clone(today)
	copy(older[at:], []byte{0x8d, 0, 0, 0, 5, 0, 0, 0})
	for name, data := range map[string][]byte{"register in the destination": today, "register in the immediate": older} {
		if err := os.WriteFile(object, data, 0o666); err != nil {
			t.Fatal(err)
		}
		o := session.Run(t.Context(), session.Request{Path: object})
		want := []string{"bind f: bind by section: rejected", `  a.c:5:12-5:30 BPF-not-optimized "return update(0, 0, 0, 0);"`}
		if diff := cmp.Diff(want, summary(o)); diff != "" {
			t.Errorf("%s (-want +got)\n%s%v", name, diff, o.Err)
			continue
		}
		if f := o.Report.Programs[0].Findings[0]; !strings.Contains(f.Message, "Compile with -O2") {
			t.Errorf("%s: message %q", name, f.Message)
		}
	}
}
