package explain

import (
	"fmt"
	"strings"
	"testing"

	"bpfls/position"
)

func TestOutline(t *testing.T) {
	kinds := map[DeclaredKind]string{DeclaredFunction: "function", DeclaredProgram: "program", DeclaredMap: "map"}
	for _, test := range []struct{ name, source, want string }{
		{"a program", "SEC(\"xdp\")\nint f(struct xdp_md *ctx)\n{\n\treturn 0;\n}\n", "program f xdp 1:1-5:2 at 2:5"},
		{"an attribute", `__attribute__((section("bind"), used)) int g(bind_md_t *c) { return 0; }`, "program g bind 1:1-1:73 at 1:44"},
		{"a map of BTF", "struct {\n  __uint(type, BPF_MAP_TYPE_HASH);\n} counters SEC(\".maps\");", "map counters .maps 1:1-3:25 at 3:3"},
		{"a legacy map", `SEC("maps") struct bpf_map_def m[] = {.type = 1};`, "map m maps 1:1-1:50 at 1:32"},
		{"a legacy map behind its type", `struct bpf_map_def SEC("maps") m = {.type = 1};`, "map m maps 1:1-1:48 at 1:32"},
		{"a function", "static __always_inline int h(int x) { return x; }", "function h  1:1-1:50 at 1:28"},
		{"what is none of them", "char LICENSE[] SEC(\"license\") = \"GPL\";\nstruct s { int x; };\ntypedef int u;\nint declared(int);\nint global = 3;", ""},
		{"libbpf's macros", "SEC(\"kprobe/f\")\nint BPF_KPROBE(handle, int x) { return 0; }", "program handle kprobe/f 1:1-2:44 at 2:16"},
		{"two programs", "SEC(\"a\") int f(void) { if (1) { } }\nSEC(\"b\") int g(void) { }", "program f a 1:1-1:36 at 1:14|program g b 2:1-2:25 at 2:14"},
		{"a body that is not ended", "SEC(\"a\")\nint f(void) {\n  if (x) {\nSEC(\"b\")\nint g(void) { }", "program f a 1:1-3:11 at 2:5|program g b 4:1-5:16 at 5:5"},
		{"a mark that is not ended", "SEC(\"a\nint f(void) { }", "function f  1:1-2:16 at 2:5"},
		{"stray braces", "} } SEC(\"a\") int f(void) { }", "program f a 1:5-1:29 at 1:18"},
		{"multi-byte text", "/* größe */ SEC(\"xdp\") int f(void) { }", "program f xdp 1:15-1:41 at 1:30"},
	} {
		var got []string
		for _, d := range Outline(position.New([]byte(test.source))) {
			got = append(got, fmt.Sprintf("%s %s %s %d:%d-%d:%d at %d:%d", kinds[d.Kind], d.Name, d.Section,
				d.Range.Line, d.Range.Column, d.Range.EndLine, d.Range.EndColumn, d.Selection.Line, d.Selection.Column))
		}
		if s := strings.Join(got, "|"); s != test.want {
			t.Errorf("%s:\n%s\nis %q\nwant %q", test.name, test.source, s, test.want)
		}
	}
}

func FuzzOutline(f *testing.F) {
	f.Add("SEC(\"xdp\")\nint f(struct xdp_md *ctx)\n{\n\treturn 0;\n}\n")
	f.Add("SEC(\"a\nint f(void) { }} [ ( SEC(")
	f.Add("BPF_PROG(")
	f.Fuzz(func(t *testing.T, text string) {
		last := 0
		for _, d := range Outline(position.New([]byte(text))) {
			if d.Name == "" || d.Range.Line < last || d.Selection.Line < d.Range.Line {
				t.Fatalf("%q: %+v", text, d)
			}
			last = d.Range.Line
		}
	})
}
