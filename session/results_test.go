package session_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bpfls/elfbpf"
	"bpfls/isa"
	"bpfls/linuxhooks"
	"bpfls/session"
	"bpfls/verifier"

	"github.com/google/go-cmp/cmp"
)

// known lists the programs of an outcome, those without "*" analysed anew.
func known(o *session.Outcome) []string {
	var out []string
	for _, po := range o.Programs {
		name := po.Program.Name
		if po.Known {
			name += "*"
		}
		out = append(out, name)
	}
	return out
}

// TestKnownResults edits a source and looks which programs are analysed anew, and that
// the report is that of a run which knows nothing.
func TestKnownResults(t *testing.T) {
	needClang(t)
	const source = `
typedef unsigned int u32;
typedef unsigned long long u64;
#define SEC(name) __attribute__((section(name), used))
struct xdp_md { u32 data, data_end, data_meta; };
static void *(*lookup)(void *, const void *) = (void *)1;
struct {
    int (*type)[2];
    u32 *key;
    u64 *value;
    int (*max_entries)[4];
} second SEC(".maps");

SEC("xdp/count") int count(struct xdp_md *c)
{
    u32 key = 0;
    u64 *v = lookup(&second, &key);
    if (v)
        *v += 1;
    return 2;
}

SEC("xdp/reads") int reads(struct xdp_md *c)
{
    char *p = (char *)(long)c->data;
    return p[3];
}

SEC("xdp/fails") int fails(struct xdp_md *c)
{
    u32 key = 0;
    u64 *v = lookup(&second, &key);
    return *v;
}
`
	for _, test := range []struct {
		name     string
		old, new string
		want     []string
	}{
		{"nothing", "", "", []string{"count*", "reads*", "fails*"}},
		{"a comment, which moves all lines", "typedef unsigned int", "// Types.\n\n\ntypedef unsigned int", []string{"count*", "reads*", "fails*"}},
		{"one function", "*v += 1", "*v += 2", []string{"count", "reads*", "fails*"}},
		{"names", "second", "third", []string{"count*", "reads*", "fails*"}},
		{"another map in front, which moves descriptors", "struct {\n", `struct {
    int (*type)[1];
    u32 *key;
    u32 *value;
    int (*max_entries)[9];
} first SEC(".maps");
SEC("xdp/other") int other(struct xdp_md *c) { u32 key = 0; return lookup(&first, &key) != 0; }

struct {
`, []string{"other", "count*", "reads*", "fails*"}},
		{"the size of the map's values", "u64 *value", "struct { u64 a, b; } *value", []string{"count", "reads*", "fails"}},
		{"a function in front", `SEC("xdp/count")`, `SEC("xdp/new") int new(struct xdp_md *c) { return c->data != 0; }` + "\n" + `SEC("xdp/count")`,
			[]string{"new", "count*", "reads*", "fails*"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := folder(t, "")
			path := filepath.Join(dir, "a.c")
			store := session.NewResults(64 << 20)
			run := func(text string, store *session.Results) *session.Outcome {
				if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
					t.Fatal(err)
				}
				o := session.Run(context.Background(), session.Request{
					Path: path, Choices: session.Choices{Platform: "linux", Type: "xdp"}, Results: store,
					Without: session.LeftOut(),
				})
				if o.Err != nil {
					t.Fatal(o.Err)
				}
				return o
			}
			if got, want := known(run(source, store)), []string{"count", "reads", "fails"}; !slices.Equal(got, want) {
				t.Errorf("at first: %v, want %v", got, want)
			}
			edited := strings.ReplaceAll(source, test.old, test.new)
			if test.old == "" {
				edited = source
			}
			if n := strings.Count(source, test.old); test.name != "names" && test.old != "" && n != 1 {
				edited = strings.Replace(source, test.old, test.new, 1)
			}
			got := run(edited, store)
			slices.Sort(test.want)
			names := known(got)
			slices.Sort(names)
			if !slices.Equal(names, test.want) {
				t.Errorf("after the edit: %v, want %v", names, test.want)
			}
			fresh := run(edited, nil)
			for i, p := range got.Report.Programs {
				q := fresh.Report.Programs[i]
				p.Seconds, q.Seconds = 0, 0
				if diff := cmp.Diff(q, p); diff != "" {
					t.Errorf("%s: a run that knows nothing says (-), this one (+)\n%s", p.Function, diff)
				}
				a, b := fresh.Programs[i], got.Programs[i]
				if a.Result.Graph() == nil || b.Result.Graph() == nil {
					t.Fatalf("%s: no graph", a.Program.Name)
				}
				if diff := cmp.Diff(a.Result.Listing(true), b.Result.Listing(true), cmp.Comparer(sameState)); diff != "" {
					t.Errorf("%s: states (-), (+)\n%s", a.Program.Name, diff)
				}
			}
		})
	}
}

func sameState(a, b verifier.State) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return a.Text() == b.Text()
}

// TestResultsAreBounded: what was not used for longest goes first.
func TestResultsAreBounded(t *testing.T) {
	needClang(t)
	dir := folder(t, `-- a.c --
#define SEC(name) __attribute__((section(name), used))
SEC("xdp/a") int a(void *c) { return 1; }
SEC("xdp/b") int b(void *c) { return 2; }
`)
	path := filepath.Join(dir, "a.c")
	run := func(store *session.Results, programs ...string) (all []string) {
		for _, p := range programs {
			o := session.Run(context.Background(), session.Request{
				Path: path, Program: p, Choices: session.Choices{Platform: "linux", Type: "xdp"}, Results: store,
			})
			if o.Err != nil {
				t.Fatal(o.Err)
			}
			all = append(all, known(o)...)
		}
		return all
	}
	o := session.Run(context.Background(), session.Request{Path: path, Choices: session.Choices{Platform: "linux", Type: "xdp"}})
	one := o.Programs[0].Result.Size()
	for _, test := range []struct {
		max  int
		want string
	}{
		{0, "a b a b"},
		{one + one/2, "a b a b"},
		{4 * one, "a b a* b*"},
	} {
		if got := strings.Join(run(session.NewResults(test.max), "a", "b", "a", "b"), " "); got != test.want {
			t.Errorf("%d bytes: %s, want %s", test.max, got, test.want)
		}
	}
}

// BenchmarkEdit changes a constant in one program of a large object and judges the
// object again. It reports how many programs were analysed.
func BenchmarkEdit(b *testing.B) {
	const name = "../../shared/corpus/ebpf-samples/falco/probe.o"
	object, err := os.ReadFile(name)
	if err != nil {
		b.Skip("the corpus is not here: ", err)
	}
	o, err := elfbpf.Parse(name, object, elfbpf.Options{Platform: linuxhooks.Platform()})
	if err != nil {
		b.Fatal(err)
	}
	at := place(b, object, o)
	path, err := filepath.Abs(name)
	if err != nil {
		b.Fatal(err)
	}
	for _, known := range []bool{false, true} {
		title := "all anew"
		if known {
			title = "one changed"
		}
		b.Run(title, func(b *testing.B) {
			var store *session.Results
			if known {
				store = session.NewResults(1 << 30)
			}
			analysed, n := 0, uint32(0)
			run := func() {
				n++
				binary.LittleEndian.PutUint32(object[at:], n)
				out := session.Run(context.Background(), session.Request{
					Path: path, Overlay: map[string][]byte{path: object}, Choices: session.Choices{Platform: "linux"},
					Results: store, NoFacts: true,
				})
				if out.Err != nil {
					b.Fatal(out.Err)
				}
				analysed = 0
				for _, po := range out.Programs {
					if !po.Known && !po.Skipped {
						analysed++
					}
				}
			}
			run()
			for b.Loop() {
				run()
			}
			b.ReportMetric(float64(analysed), "programs-analysed")
			b.ReportMetric(float64(len(object))/1e6, "MB-object")
		})
	}
}

// place finds the immediate of an instruction "r0 = 0" in a program's section.
func place(b *testing.B, object []byte, o *elfbpf.Object) int {
	for _, p := range o.Programs {
		for i, s := range p.Code {
			if s.Op != 0xb7 || s.Dst != 0 || i+1 >= len(p.Code) || p.Code[i+1].Op != isa.OpExit {
				continue
			}
			// The instructions from there on, as bytes.
			var want []byte
			for _, s := range p.Code[max(0, i-12) : i+2] {
				want = append(want, s.Op, byte(s.Dst)|byte(s.Src)<<4)
				want = binary.LittleEndian.AppendUint16(want, uint16(s.Off))
				want = binary.LittleEndian.AppendUint32(want, uint32(s.Imm))
			}
			if at := bytes.Index(object, want); at >= 0 && bytes.Count(object, want) == 1 {
				return at + len(want) - 12
			}
		}
	}
	b.Fatal("no place to edit")
	return 0
}
