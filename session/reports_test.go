package session

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bpfls/diskcache"
	"bpfls/elfbpf"
	"bpfls/explain"
	"bpfls/platform"
	"bpfls/verifier"

	"github.com/google/go-cmp/cmp"
)

func newInput() *reportInput {
	replaced := &platform.Context{Size: 4}
	return &reportInput{
		Path: "/a.c", Object: []byte{1}, Sources: map[string][]byte{"a.c": []byte("text")}, Paths: map[string]string{"a.c": "/a.c"},
		Platform: &platform.Platform{
			Name: "test", Types: []*platform.ProgramType{{Name: "xdp", Context: &platform.Context{Size: 8, Fields: []platform.Field{{Name: "data"}}, Replaces: replaced}, Helpers: []platform.Helper{{ID: 1}}}},
			General: []platform.Helper{{ID: 2, Context: replaced, Types: []string{"xdp"}}}, Maps: []platform.MapType{{ID: 1}}, Unknown: &platform.ProgramType{Name: "none"},
			Builtins: []platform.Helper{{ID: -1}}, Kfuncs: []platform.Kfunc{{BTFID: 1}}, SocketFields: []platform.SocketField{{Offset: 4}},
		},
		Programs: []reportProgram{{Section: "xdp", Name: "f", Type: &platform.ProgramType{Name: "xdp", Context: &platform.Context{Size: 8}, Helpers: []platform.Helper{{ID: 1}}}}},
	}
}

// TestReportKey changes each value that is reached from an input, one at a time, and sees
// the key change.
func TestReportKey(t *testing.T) {
	key := func(in *reportInput) [32]byte {
		k, ok := in.key()
		if !ok {
			t.Fatal("no key")
		}
		return k
	}
	base := key(newInput())
	if key(newInput()) != base {
		t.Fatal("equal inputs have different keys")
	}
	n := 0
	keys := map[[32]byte]string{base: "nothing"}
	// Every place is visited by its number, in a fresh input each time.
	for at := 0; ; at++ {
		in := newInput()
		left := at
		where := (&changer{left: &left, seen: map[uintptr]bool{}}).change(reflect.ValueOf(in).Elem(), "reportInput")
		if where == "" {
			break
		}
		n++
		k := key(in)
		if other, ok := keys[k]; ok {
			t.Errorf("%s: the key is that of: %s", where, other)
		}
		keys[k] = where
	}
	if n < 200 {
		t.Errorf("only %d values were changed", n)
	}
	in := newInput()
	in.Platform.General[0].Context = &platform.Context{Size: 4}
	if key(in) == base {
		t.Error("two contexts that are equal have the key of one that is in two places")
	}
	if _, ok := (&reportInput{Sources: nil, Platform: &platform.Platform{}}).key(); !ok {
		t.Error("an empty input has no key")
	}
}

// changer changes the value at place *left of all that it meets.
type changer struct {
	left *int
	seen map[uintptr]bool // pointers
}

// change returns the path of what it changed; "" where v does not hold so many values.
func (c *changer) change(v reflect.Value, path string) string {
	change := func(f func()) string {
		if *c.left == 0 {
			f()
			*c.left--
			return path
		}
		*c.left--
		return ""
	}
	v = reflect.NewAt(v.Type(), v.Addr().UnsafePointer()).Elem() // unexported fields, too
	switch v.Kind() {
	case reflect.Bool:
		return change(func() { v.SetBool(!v.Bool()) })
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return change(func() { v.SetInt(v.Int() + 1) })
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return change(func() { v.SetUint(v.Uint() + 1) })
	case reflect.String:
		return change(func() { v.SetString(v.String() + "x") })
	case reflect.Func:
		return change(func() {
			v.Set(reflect.MakeFunc(v.Type(), func([]reflect.Value) []reflect.Value { return nil }))
		})
	case reflect.Pointer:
		if v.IsNil() {
			return change(func() { v.Set(reflect.New(v.Type().Elem())) })
		}
		if c.seen[v.Pointer()] {
			return ""
		}
		c.seen[v.Pointer()] = true
		return c.change(v.Elem(), path)
	case reflect.Struct:
		for i := range v.NumField() {
			if where := c.change(v.Field(i), path+"."+v.Type().Field(i).Name); where != "" {
				return where
			}
		}
	case reflect.Array:
		for i := range v.Len() {
			if where := c.change(v.Index(i), fmt.Sprintf("%s[%d]", path, i)); where != "" {
				return where
			}
		}
	case reflect.Slice:
		if where := change(func() { v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem()))) }); where != "" {
			return where + " (longer)"
		}
		for i := range v.Len() {
			if where := c.change(v.Index(i), fmt.Sprintf("%s[%d]", path, i)); where != "" {
				return where
			}
		}
	case reflect.Map:
		if where := change(func() {
			m := reflect.MakeMap(v.Type())
			for _, k := range v.MapKeys() {
				m.SetMapIndex(k, v.MapIndex(k))
			}
			m.SetMapIndex(reflect.ValueOf("new"), reflect.Zero(v.Type().Elem()))
			v.Set(m)
		}); where != "" {
			return where + " (longer)"
		}
		for _, k := range v.MapKeys() {
			if where := change(func() {
				value := reflect.New(v.Type().Elem()).Elem()
				value.Set(v.MapIndex(k))
				zero := 0
				if value.Kind() == reflect.Slice {
					zero = 1 // an element, not the length
				}
				(&changer{left: &zero}).change(value, "")
				v.SetMapIndex(k, value)
			}); where != "" {
				return where + " (a value)"
			}
		}
	default:
		panic("a value of kind " + v.Kind().String())
	}
	return ""
}

// TestReportInputIsAll: what package explain is given of a program is in the key. A new field
// of its input must be put there, or listed with the reason why it need not be.
func TestReportInputIsAll(t *testing.T) {
	covered := map[string]string{
		"Object": "Object, Display", "Program": "Object, Programs", "Platform": "Platform", "Type": "Programs",
		"Result":  "keptReport.Input, of Object and Platform",
		"Sources": "Sources", "Path": "Paths", "Context": "Object and Programs: CompareContext of the two",
		"Reason": "empty where a report is kept", "Advice": "with Reason", "Code": "with Reason", "Unknown": "with Reason",
		"NoFacts": "NoFacts", "VerdictOnly": "nothing is kept", "Stop": "nothing is kept where it stopped",
	}
	for i := range reflect.TypeFor[explain.Input]().NumField() {
		if name := reflect.TypeFor[explain.Input]().Field(i).Name; covered[name] == "" {
			t.Errorf("explain.Input.%s is in no key of reports", name)
		}
	}
	parse := map[string]string{"Platform": "Platform", "Wanted": "Section, Program", "Stop": "nothing is kept where it stopped"}
	for i := range reflect.TypeFor[elfbpf.Options]().NumField() {
		if name := reflect.TypeFor[elfbpf.Options]().Field(i).Name; parse[name] == "" {
			t.Errorf("elfbpf.Options.%s is in no key of reports", name)
		}
	}
}

// heavy is a source whose program takes more visits than worthKeeping; it reads behind so
// many bytes of the packet that were checked. more is put in front of the program.
func heavy(read int, more string) string {
	var b strings.Builder
	b.WriteString(`#define SEC(name) __attribute__((section(name), used))
struct xdp_md { unsigned int data, data_end, data_meta, i, q, e; };
static void *(*lookup)(void *, const void *) = (void *)1;
struct { int (*type)[2]; unsigned int *key; unsigned long long *value; int (*max_entries)[4]; } counters SEC(".maps");
` + more + `
SEC("xdp") int heavy(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data;
	unsigned char *end = (void *)(long)ctx->data_end;
	unsigned int key = 0, sum = 0;
	unsigned long long *counter = lookup(&counters, &key);
	if (!counter || data + 200 > end)
		return 1;
`)
	for i := range 70 {
		fmt.Fprintf(&b, "\tif (data[%d] > %d) sum += *(volatile unsigned char *)(data + %d);\n", i, i, i)
	}
	fmt.Fprintf(&b, "\t*counter += sum;\n\treturn data[%d];\n}\nSEC(\"xdp/light\") int light(struct xdp_md *ctx) { return 2; }\n", read)
	return b.String()
}

func store(t *testing.T, dir string) *diskcache.Store {
	s := diskcache.NewStore(dir, func() string { return "a build" })
	t.Cleanup(s.Close)
	return s
}

func stored(o *Outcome) (names []string) {
	for _, po := range o.Programs {
		if po.Stored {
			names = append(names, po.Program.Name)
		}
	}
	return names
}

// TestReportsOnDisk runs a file with one process's store and with the next one's, something
// changed between. A report is taken from disk where nothing changed that it depends on, and
// whatever is taken is what a run that knows nothing says.
func TestReportsOnDisk(t *testing.T) {
	if _, err := exec.LookPath("clang-19"); err != nil {
		t.Skip("clang-19 was not found")
	}
	const header = "#define UNUSED 1\nstruct point { int x, y; };\n"
	write := func(name string, text func(string) string) func(*testing.T, string, *Request) {
		return func(t *testing.T, dir string, _ *Request) {
			path := filepath.Join(dir, name)
			old, err := os.ReadFile(path)
			if err != nil && name != "bpfls.toml" {
				t.Fatal(err)
			}
			if now := text(string(old)); now == string(old) {
				t.Fatal("nothing changes")
			} else if err := os.WriteFile(path, []byte(now), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	replaced := func(old, new string) func(string) string {
		return func(text string) string { return strings.Replace(text, old, new, 1) }
	}
	setting := func(line string) func(*testing.T, string, *Request) {
		return write("bpfls.toml", func(text string) string { return text + line + "\n" })
	}
	for _, test := range []struct {
		name   string
		read   int
		change func(t *testing.T, dir string, req *Request)
		taken  bool
	}{
		{"nothing, a program that passes", 3, nil, true},
		{"nothing, a program that fails", 300, nil, true},
		{"what no report depends on", 3, setting("inlayHints = true"), true},
		{"a constant of the program", 3, write("a.c", replaced("data[7] > 7", "data[7] > 8")), false},
		{"what makes it fail", 3, write("a.c", replaced("data + 200 > end", "data + 20 > end")), false},
		{"the other program", 3, write("a.c", replaced("return 2;", "return 1;")), false},
		{"a comment", 3, write("a.c", replaced("int heavy", "/* heavy */ int heavy")), false},
		{"a line in front", 3, write("a.c", func(text string) string { return "// one more\n" + text }), false},
		{"a name", 300, write("a.c", func(text string) string { return strings.ReplaceAll(text, "counters", "numbers") }), false},
		{"the size of the map's values", 3, write("a.c", replaced("unsigned long long *value;", "unsigned int *value;")), false},
		{"a macro in a header that makes no code", 3, write("a.h", replaced("UNUSED 1", "UNUSED 2")), false},
		{"a type in a header that makes no code", 3, write("a.h", replaced("x, y", "x, z")), false},
		{"a flag of clang", 3, setting("[clang]\nflags = [\"-mcpu=v3\"]"), false},
		{"an unsaved buffer", 3, func(_ *testing.T, dir string, req *Request) {
			req.Overlay = map[string][]byte{filepath.Join(dir, "a.c"): []byte(heavy(4, "#include \"a.h\"\n"))}
		}, false},
		{"the platform", 3, func(_ *testing.T, _ string, req *Request) { req.Choices.Platform = "windows" }, false},
		{"the program type", 3, func(_ *testing.T, _ string, req *Request) { req.Choices.Type = "socket_filter" }, false},
		{"termination", 3, func(_ *testing.T, _ string, req *Request) { req.Choices.Termination = verifier.On }, false},
		{"a limit", 3, setting("[limits]\nvisits = 1000000"), false},
		{"a limit that ends it", 3, setting("[limits]\nvisits = 100"), false},
		{"another name in reports", 3, func(_ *testing.T, _ string, req *Request) { req.Display = "b.c" }, false},
		{"no facts", 3, func(_ *testing.T, _ string, req *Request) { req.NoFacts = true }, false},
		{"one program", 3, func(_ *testing.T, _ string, req *Request) { req.Program = "heavy" }, false},
		{"somebody wants it anew", 3, func(_ *testing.T, _ string, req *Request) { req.Fresh = true }, false},
		{"a declared hook", 3, func(t *testing.T, dir string, _ *Request) {
			hooks := "[[hooks]]\nname = \"mine\"\nsections = [\"mine\"]\ncontext = { size = 16, data = 0, end = 8 }\n"
			if err := os.WriteFile(filepath.Join(dir, "bpfls.toml"), []byte("platform = \"linux\"\n"+hooks), 0o644); err != nil {
				t.Fatal(err)
			}
		}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir, cache := t.TempDir(), t.TempDir()
			for name, text := range map[string]string{"a.c": heavy(test.read, "#include \"a.h\"\n"), "a.h": header, "bpfls.toml": "root = true\n"} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			req := Request{Path: filepath.Join(dir, "a.c"), Choices: Choices{Platform: "linux"}, Without: LeftOut()}
			first := store(t, cache)
			req.Reports, req.Results = first, NewResults(64<<20)
			before := Run(t.Context(), req)
			if before.Err != nil || len(stored(before)) > 0 || before.Programs[0].Result.Visits() < worthKeeping {
				t.Fatalf("at first: %v, from disk %v, %d visits", before.Err, stored(before), before.Programs[0].Result.Visits())
			}
			first.Close()
			if test.change != nil {
				test.change(t, dir, &req)
			}
			req.Reports, req.Results = store(t, cache), NewResults(64<<20)
			got := Run(t.Context(), req)
			var want []string
			if test.taken {
				want = []string{"heavy"} // the light one is not worth it
			}
			if !slices.Equal(stored(got), want) {
				t.Errorf("from disk: %v, want %v (%v)", stored(got), want, got.Err)
			}
			req.Reports, req.Results = nil, nil
			fresh := Run(t.Context(), req)
			same(t, fresh, got)
		})
	}
}

// same holds an outcome against that of a run that knows nothing, states included.
func same(t *testing.T, fresh, got *Outcome) {
	t.Helper()
	for _, o := range []*Outcome{fresh, got} {
		for _, p := range o.Report.Programs {
			p.Seconds = 0
		}
	}
	if diff := cmp.Diff(fresh.Report, got.Report); diff != "" {
		t.Errorf("a run that knows nothing says (-), this one (+)\n%s", diff)
	}
	for i, po := range got.Programs {
		result, err := po.States(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		equal := cmp.Comparer(func(a, b verifier.State) bool {
			return a == nil && b == nil || a != nil && b != nil && a.Text() == b.Text()
		})
		if fresh.Programs[i].Result == nil {
			continue
		}
		if diff := cmp.Diff(fresh.Programs[i].Result.Listing(true), result.Listing(true), equal); diff != "" {
			t.Errorf("%s: states (-), (+)\n%s", po.Program.Name, diff)
		}
	}
}

// TestReportsOfObjects: objects that were compiled by others have reports, too; an object
// that changes has none.
func TestReportsOfObjects(t *testing.T) {
	object, err := os.ReadFile("../../shared/corpus/ebpf-samples/cilium-core/bpf_xdp.o")
	if err != nil {
		t.Skip("the corpus is not here: ", err)
	}
	cache := t.TempDir()
	path := filepath.Join(t.TempDir(), "a.o")
	run := func() *Outcome {
		t.Helper()
		if err := os.WriteFile(path, object, 0o644); err != nil {
			t.Fatal(err)
		}
		s := store(t, cache)
		o := Run(t.Context(), Request{Path: path, Choices: Choices{Platform: "linux", Type: "xdp"}, Reports: s})
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		s.Close()
		return o
	}
	if n := len(stored(run())); n != 0 {
		t.Errorf("at first: %d from disk", n)
	}
	again := run()
	if n := len(stored(again)); n < 5 {
		t.Errorf("again: %d from disk", n)
	}
	same(t, Run(t.Context(), Request{Path: path, Choices: Choices{Platform: "linux", Type: "xdp"}}), again)
	at := bytes.Index(object, []byte("\x00.strtab")) // a name that nothing depends on
	object[at+2] ^= 1
	if n := len(stored(run())); n != 0 {
		t.Errorf("another object: %d from disk", n)
	}
}

// TestReportsAreNotKept lists verdicts that are not kept.
func TestReportsAreNotKept(t *testing.T) {
	if _, err := exec.LookPath("clang-19"); err != nil {
		t.Skip("clang-19 was not found")
	}
	stopped, cancel := context.WithCancel(t.Context())
	for _, test := range []struct {
		name string
		text string
		ctx  context.Context
		req  Request
		want string // verdict
		keep int
	}{
		{"a verdict", heavy(3, ""), t.Context(), Request{}, "pass", 1},
		{"a limit", heavy(3, "// bpfls: type=xdp\n"), t.Context(), Request{Choices: Choices{Editor: []byte(`{"limits": {"visits": 450}}`)}}, "unknown", 0},
		{"only the verdict is asked for", heavy(3, ""), t.Context(), Request{VerdictOnly: true}, "pass", 0},
		{"no hook", strings.ReplaceAll(heavy(3, ""), `SEC("xdp")`, `SEC("none")`), t.Context(), Request{}, "rejected", 0},
		{"bytes that are no UTF-8", strings.Replace(heavy(300, ""), "return data[", "return/*\xe9*/ data[", 1), t.Context(), Request{}, "fail", 0},
		{"cancelled", heavy(3, ""), stopped, Request{Progress: func(p Progress) {
			if p.Stage == "verifying" {
				cancel()
			}
		}}, "", 0},
	} {
		path := filepath.Join(t.TempDir(), "a.c")
		if err := os.WriteFile(path, []byte(test.text), 0o644); err != nil {
			t.Fatal(err)
		}
		cache := t.TempDir()
		s := store(t, cache)
		test.req.Path, test.req.Reports, test.req.Choices.Platform = path, s, "linux"
		o := Run(test.ctx, test.req)
		s.Close()
		if test.want != "" && (len(o.Programs) == 0 || o.Programs[0].Report.Verdict != test.want) {
			t.Errorf("%s: %v %v", test.name, o.Err, o.Report)
		}
		if kept, _ := filepath.Glob(filepath.Join(cache, "*")); len(kept) != test.keep {
			t.Errorf("%s: kept %d, want %d", test.name, len(kept), test.keep)
		}
	}
}

// TestStatesOfStoredReports: an analysis is made once, goes on when the one who asked goes
// away, and ends with the session.
func TestStatesOfStoredReports(t *testing.T) {
	begun, goOn := make(chan struct{}, 9), make(chan struct{})
	var count atomic.Int32
	life, end := context.WithCancel(t.Context())
	po := &ProgramOutcome{later: &laterResult{life: life, analyse: func(ctx context.Context) (*verifier.Result, error) {
		count.Add(1)
		begun <- struct{}{}
		select {
		case <-goOn:
			return &verifier.Result{Verdict: verifier.Pass}, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}}
	impatient, leave := context.WithCancel(t.Context())
	go func() { <-begun; leave() }()
	if _, err := po.States(impatient); err == nil {
		t.Error("no error although the context ended")
	}
	goOn <- struct{}{}
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if r, err := po.States(t.Context()); err != nil || r.Verdict != verifier.Pass {
				t.Errorf("%v, %v", r, err)
			}
		})
	}
	wait.Wait()
	if n := count.Load(); n != 1 {
		t.Errorf("%d analyses", n)
	}
	end()
	po.later.result = nil
	if _, err := po.States(t.Context()); err == nil {
		t.Error("no error although the session ended")
	}
	po.later.analyse = func(context.Context) (*verifier.Result, error) { panic("a fault") }
	if _, err := po.States(t.Context()); err == nil {
		t.Error("no error although it panicked")
	}
}

// TestWrongReport: a report whose verdict is not the verifier's is found out when states
// are asked for, and removed.
func TestWrongReport(t *testing.T) {
	if _, err := exec.LookPath("clang-19"); err != nil {
		t.Skip("clang-19 was not found")
	}
	path := filepath.Join(t.TempDir(), "a.c")
	if err := os.WriteFile(path, []byte(heavy(300, "")), 0o644); err != nil {
		t.Fatal(err)
	}
	s := &memory{}
	req := Request{Path: path, Choices: Choices{Platform: "linux"}, Reports: s}
	Run(t.Context(), req)
	s.data = bytes.Replace(s.data, []byte(`"Verdict":"fail"`), []byte(`"Verdict":"pass"`), 1)
	o := Run(t.Context(), req)
	if len(stored(o)) != 1 || o.Programs[0].Report.Verdict != "pass" {
		t.Fatal("the wrong report was not taken")
	}
	if _, err := o.Programs[0].States(t.Context()); err == nil || !strings.Contains(err.Error(), "says pass, the verifier fail") {
		t.Errorf("error %v", err)
	}
	if s.data != nil {
		t.Error("the wrong report is still there")
	}
	s.data = []byte(`[{"Report": {"Verdict": "unknown"}}]`)
	if o := Run(t.Context(), req); len(stored(o)) > 0 || o.Programs[0].Report.Verdict != "fail" {
		t.Error("what is no report was taken")
	}
}

// memory is a ReportStore of one value.
type memory struct{ data []byte }

func (m *memory) Get([32]byte) []byte                 { return m.data }
func (m *memory) Put(value func() ([32]byte, []byte)) { _, m.data = value() }
func (m *memory) Drop([32]byte)                       { m.data = nil }

// TestSessionsShareReports: what one session found the next ones do not analyse, and show
// the same, until somebody asks for it or for states.
func TestSessionsShareReports(t *testing.T) {
	if _, err := exec.LookPath("clang-19"); err != nil {
		t.Skip("clang-19 was not found")
	}
	dir, cache := t.TempDir(), t.TempDir()
	path := filepath.Join(dir, "a.bpf.c")
	text := heavy(300, "")
	for name, text := range map[string]string{"a.bpf.c": text, "bpfls.toml": "root = true\nplatform = \"linux\"\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	type client struct {
		*Session
		store    *diskcache.Store
		analysed *atomic.Int32 // programs
	}
	start := func() client {
		c := client{store: store(t, cache), analysed: &atomic.Int32{}}
		c.Session = New(Options{NoWatch: true, Reports: c.store, Without: LeftOut(), Run: func(ctx context.Context, req Request) *Outcome {
			o := Run(ctx, req)
			for _, po := range o.Programs {
				if !po.Stored && !po.Known && po.Result != nil && po.Program.Name == "heavy" {
					c.analysed.Add(1)
				}
			}
			return o
		}})
		c.SetFolders([]string{dir})
		return c
	}
	shown := func(c client) FindingsEvent {
		t.Helper()
		c.Open(path, 1, text)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		status, err := c.Wait(ctx, path)
		if err != nil || status.State != Failed {
			t.Fatalf("%v, %v", status, err)
		}
		return c.Findings(path)
	}
	first := start()
	want := shown(first)
	if n := first.analysed.Load(); n != 1 {
		t.Fatalf("the first session analysed %d times", n)
	}
	first.Close()
	first.store.Close()
	// Two at once.
	second, third := start(), start()
	defer second.Close()
	defer third.Close()
	for _, c := range []client{second, third} {
		got := shown(c)
		if n := c.analysed.Load(); n != 0 {
			t.Errorf("another session analysed %d times", n)
		}
		plain := func(e FindingsEvent) string {
			for i := range e.Findings {
				e.Findings[i].Related = nil
			}
			data, _ := json.Marshal(e.Findings)
			return string(data)
		}
		if diff := cmp.Diff(plain(want), plain(got)); diff != "" {
			t.Errorf("the first session showed (-), this one (+)\n%s", diff)
		}
	}
	if err := os.RemoveAll(cache); err != nil {
		t.Fatal(err)
	}
	view := second.View(t.Context(), path)
	facts, _ := view.Runs[0].Facts(t.Context(), path, view.Text.Point(strings.Index(text, "*counter += sum")))
	if len(facts) != 1 || len(facts[0].Registers) == 0 {
		t.Errorf("facts: %+v", facts)
	}
	if _, err := second.Evidence(t.Context(), path, *want.Findings[0].explained); err != nil {
		t.Error(err)
	}
	if _, err := third.Verify(t.Context(), path); err != nil || third.analysed.Load() != 1 {
		t.Errorf("verified because somebody wanted it: %v, %d analyses", err, third.analysed.Load())
	}
}

func FuzzDecodeReports(f *testing.F) {
	f.Add([]byte("[]"))
	f.Add([]byte(`[{"Index": 0, "Input": [1, 2], "Report": {"Verdict": "pass", "Findings": [{"Message": "größe"}], "Lines": []}}]`))
	f.Add([]byte(`[{"Report": null}, {"Report": {"Verdict": "unknown"}}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := decodeReports(data)
		if err != nil {
			return
		}
		for _, r := range list {
			if r.Report.Verdict != "pass" && r.Report.Verdict != "fail" {
				t.Fatalf("the verdict is %q", r.Report.Verdict)
			}
		}
		if again, err := decodeReports(encodeReports(list)); err != nil || !reflect.DeepEqual(again, list) {
			t.Fatalf("%v, %+v is not %+v", err, again, list)
		}
	})
}
