package session

import "testing"

func TestAllowing(t *testing.T) {
	for _, test := range []struct {
		name, text string
		line       int // that the comment speaks of
	}{
		{"in the line", "x;\ny; // bpfls: allow BPF-x because\nz;\n", 2},
		{"before the line", "// bpfls: allow BPF-x because\nx;\n", 2},
		{"before other comments", "\t/* bpfls: allow BPF-x because */\n\n// and so\n  x;\n", 4},
		{"at the end", "x;\n// bpfls: allow BPF-x because", 3},
		{"in front of code", "/* bpfls: allow BPF-x because */ x;\ny;\n", 1},
	} {
		got := allowing("a.c", []byte(test.text))
		if len(got) != 1 || len(got[test.line]) != 1 || got[test.line][0].Reason != "because" {
			t.Errorf("%s: %v, want line %d", test.name, got, test.line)
		}
	}
	if got := allowing("a.c", []byte("// bpfls: type=xdp\nx;\n")); got != nil {
		t.Errorf("a comment that allows nothing: %v", got)
	}
}
