package session_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bpfls/clangdriver"
	"bpfls/explain"
	"bpfls/session"
)

const twoSources = `
-- bpfls.toml --
root = true
platform = "linux"
LINK
-- a.bpf.c --
int limit(int x);
extern int most;
__attribute__((section("xdp"), used))
int f(int *c)
{
	return limit(c[3]) + most;
}
-- lib/b.c --
int most = 5;
__attribute__((noinline)) int limit(int x) { return x & 3; }
-- lib/c.c --
static int limit(int x);
extern int most;
int other(void) { return limit(most); }
`

// A program that needs another translation unit says which one, and is verified once the
// two are linked.
func TestLink(t *testing.T) {
	needClang(t)
	for _, platform := range []string{"linux", "windows"} {
		dir := folder(t, strings.Replace(strings.Replace(twoSources, "LINK", "", 1), "linux", platform, 1))
		o := session.Run(t.Context(), session.Request{Path: filepath.Join(dir, "a.bpf.c"), Without: session.LeftOut()})
		if len(o.Report.Programs) != 1 || len(o.Report.Programs[0].Findings) == 0 {
			t.Fatalf("%s: %v %v", platform, o.Err, summary(o))
		}
		f := o.Report.Programs[0].Findings[0]
		message := f.Message
		for _, r := range f.Related {
			message += "|" + r.Message
		}
		for _, want := range []string{"limit is extern, defined in lib/b.c", "most is extern, defined in lib/b.c", `link = ["a.bpf.c", "lib/b.c"]`} {
			if !strings.Contains(message, want) {
				t.Errorf("%s: %q is not in %q", platform, want, message)
			}
		}
		if f.Code != "BPF-unresolved-symbol" {
			t.Errorf("%s: %v", platform, summary(o))
		}
	}

	// What the source defines itself it does not get from one that defines the same name.
	own := strings.Replace(strings.Replace(twoSources, "LINK", "", 1), "extern int most", "const volatile int most = 3", 1)
	o := session.Run(t.Context(), session.Request{Path: filepath.Join(folder(t, own), "a.bpf.c"), Without: session.LeftOut()})
	for _, f := range o.Report.Programs[0].Findings {
		for _, r := range append(f.Related, explain.Related{Message: f.Message}) {
			if strings.Contains(r.Message, "most") {
				t.Errorf("of its own variable: %s", r.Message)
			}
		}
	}

	linked := func(setting string) *session.Outcome {
		t.Helper()
		dir := folder(t, strings.Replace(twoSources, "LINK", setting, 1))
		o := session.Run(t.Context(), session.Request{Path: filepath.Join(dir, "a.bpf.c"), Without: session.LeftOut()})
		if errors.Is(o.Err, clangdriver.ErrNoTool) {
			if !strings.Contains(o.Err.Error(), "apt install bpftool") {
				t.Error(o.Err)
			}
			t.Skip(o.Err)
		}
		if diff := cmp.Diff([]string{"xdp f: xdp by section: pass", ".text limit: skipped"}, summary(o)); diff != "" {
			t.Errorf("%s (-want +got)\n%s%v", setting, diff, o.Err)
		}
		if other := filepath.Join(dir, "lib", "b.c"); !slices.Contains(o.Watch, other) {
			t.Errorf("%s is not watched: %v", other, o.Watch)
		}
		return o
	}
	linked(`link = ["a.bpf.c", "lib/b.c"]`)
	linked("[[files]]\nglob = \"a.bpf.c\"\nlink = [\"lib/b.c\"]")

	// What is wrong in the other source is found there.
	dir := folder(t, strings.Replace(strings.Replace(twoSources, "LINK", `link = ["a.bpf.c", "lib/b.c"]`, 1), "most = 5", "most = x", 1))
	o = session.Run(t.Context(), session.Request{Path: filepath.Join(dir, "a.bpf.c"), Without: session.LeftOut()})
	if !o.CompileErrors || o.Err == nil || !strings.Contains(o.Err.Error(), "b.c:1:") {
		t.Errorf("compile errors %v: %v", o.CompileErrors, o.Err)
	}
	// And what the linker does not take is said in its words.
	dir = folder(t, strings.Replace(strings.Replace(twoSources, "LINK", `link = ["a.bpf.c", "lib/b.c"]`, 1), "extern int most", "int most", 1))
	o = session.Run(t.Context(), session.Request{Path: filepath.Join(dir, "a.bpf.c"), Without: session.LeftOut()})
	if o.Err == nil || !strings.Contains(o.Err.Error(), "linking a.bpf.c and b.c: bpftool") || !strings.Contains(o.Err.Error(), "bpfls.toml:3") {
		t.Errorf("two definitions: %v", o.Err)
	}
	if err := os.Remove(filepath.Join(dir, "lib", "b.c")); err != nil {
		t.Fatal(err)
	}
	o = session.Run(t.Context(), session.Request{Path: filepath.Join(dir, "a.bpf.c"), Without: session.LeftOut()})
	if o.Err == nil || !strings.Contains(o.Err.Error(), "b.c, which link (") {
		t.Errorf("a missing source: %v", o.Err)
	}
}
