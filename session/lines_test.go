package session

import (
	"fmt"
	"strings"
	"testing"

	"bpfls/explain"
	"bpfls/position"

	"pgregory.net/rapid"
)

// Each case: the text that was compiled, the present one; [ ] marks a finding's
// range in the first and where it must be in the second. Lines are split by |.
func TestLineMap(t *testing.T) {
	tests := []struct {
		name, compiled, present string
		touched, gone           bool
	}{
		{name: "nothing changed", compiled: "a|b [x] c", present: "a|b [x] c"},
		{name: "lines before", compiled: "a|b [x] c|d", present: "n|m|a|b [x] c|d"},
		{name: "lines removed before", compiled: "a|z|b [x] c|d", present: "b [x] c|d"},
		{name: "lines behind", compiled: "b [x] c|d", present: "b [x] c|e|f"},
		{name: "edits on both sides", compiled: "a|b [x] c|d", present: "A|A2|b [x] c|D"},
		{name: "edit in front in the line", compiled: "f(1, [x], 2);", present: "f(100, [x], 2);", touched: true},
		{name: "edit behind in the line", compiled: "f(1, [x], 2);", present: "f(1, [x], 222);", touched: true},
		{name: "edit inside", compiled: "f(1, [abc], 2);", present: "f(1, [aXXc], 2);", touched: true},
		{name: "lines before an edited line", compiled: "int x = f([y]);|d", present: "// new|// newer|int x = f([y] + 1);|d", touched: true},
		{name: "line removed", compiled: "a|b [x] c|d", present: "a|d", gone: true},
		{name: "two lines", compiled: "a|f([x,|y]);|d", present: "n|a|f([x,|y]);|d"},
		{name: "split in between", compiled: "f([x,|y]);|d", present: "f([x,|n|y]);|d", touched: true},
		{name: "line ends do not count", compiled: "a\r|b [x]\r", present: "n|a|b [x]"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			compiled, r := marked(test.compiled)
			present, want := marked(test.present)
			got, touched, gone := newLineMap(position.New(compiled), position.New(present)).Present(r)
			if touched != test.touched && !gone || gone != test.gone {
				t.Errorf("touched %v, gone %v; want %v, %v", touched, gone, test.touched, test.gone)
			}
			if !gone && got != want {
				t.Errorf("moved to %+v, want %+v", got, want)
			}
		})
	}
}

func marked(s string) ([]byte, explain.Range) {
	text := strings.ReplaceAll(s, "|", "\n")
	start := strings.Index(text, "[")
	text = strings.Replace(text, "[", "", 1)
	end := strings.Index(text, "]")
	text = strings.Replace(text, "]", "", 1)
	if start < 0 {
		return []byte(text), explain.Range{}
	}
	m := position.New([]byte(text))
	a, b := m.Point(start), m.Point(end)
	return []byte(text), explain.Range{Line: a.Line, Column: a.Column, EndLine: b.Line, EndColumn: b.Column}
}

// Unedited lines are paired in order and only with equal ones, and what is moved
// stays inside the text.
func TestLineMapLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := func(label string) *position.Mapper {
			lines := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "", "long line"}), 0, 12).Draw(t, label)
			return position.New([]byte(strings.Join(lines, "\n")))
		}
		old, new := text("old"), text("new")
		m := newLineMap(old, new)
		before := 0
		for line := 1; line <= new.Lines(); line++ {
			compiled, ok := m.Compiled(line)
			if !ok {
				continue
			}
			if string(old.Line(compiled)) != string(new.Line(line)) {
				t.Fatalf("line %d %q is said to be %d %q", line, new.Line(line), compiled, old.Line(compiled))
			}
			if compiled <= before {
				t.Fatalf("line %d is said to be %d, behind %d", line, compiled, before)
			}
			before = compiled
		}
		for line := 1; line <= old.Lines(); line++ {
			r := explain.Range{Line: line, Column: 1, EndLine: line, EndColumn: len(old.Line(line)) + 1}
			moved, _, gone := m.Present(r)
			if gone {
				continue
			}
			for _, p := range []position.Point{{Line: moved.Line, Column: moved.Column}, {Line: moved.EndLine, Column: moved.EndColumn}} {
				if new.Clamp(p) != p {
					t.Fatalf("%+v moved to %+v, outside of the text", r, moved)
				}
			}
		}
	})
}

func TestDigest(t *testing.T) {
	same := [][2]string{
		{"\xef\xbb\xbfint x;\n", "int x;\n"},
		{"a\r\nb\r\n", "a\nb\n"},
		{"caf\xe9\n", "caf\uFFFD\n"},
	}
	for _, pair := range same {
		if digestOf([]byte(pair[0])) != digestOf([]byte(pair[1])) {
			t.Errorf("%q and %q differ", pair[0], pair[1])
		}
	}
	if digestOf([]byte("a")) == digestOf([]byte("b")) || digestOf(nil) == absent {
		t.Error("different contents are the same")
	}
}

// Only a verdict on every program of exactly the present content is green.
func TestStatus(t *testing.T) {
	verified, failed := &judgement{state: Verified, programs: 2}, &judgement{state: Failed, programs: 2, failing: 1, findings: 3}
	broken, unknown := &judgement{state: CompileError, reason: "line 3: x"}, &judgement{state: Unknown, reason: "timed out after 1m0s"}
	tests := []struct {
		name string
		present
		want  string
		green bool
	}{
		{"verified", present{last: verified, current: true}, "verified, 2 programs", true},
		{"verified, edited", present{last: verified}, "out of date: verified, 2 programs before your last change", false},
		{"verified, running again", present{last: verified, current: true, busy: true}, "verifying (before: verified, 2 programs)", false},
		{"verified, cancelled after an edit", present{last: verified, stopped: "cancelled"}, "not verified: cancelled", false},
		{"verified, cancelled without an edit", present{last: verified, current: true, stopped: "cancelled"}, "verified, 2 programs", true},
		{"failed", present{last: failed, current: true}, "3 findings in 1 of 2 programs", false},
		{"does not compile", present{last: broken, current: true}, "does not compile: line 3: x", false},
		{"timed out", present{last: unknown, current: true}, "not verified: timed out after 1m0s", false},
		{"first run", present{busy: true}, "verifying", false},
		{"nothing known", present{}, "not verified", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.source, test.trusted = true, true
			s := test.status()
			if s.String() != test.want || s.Green() != test.green {
				t.Errorf("%q, green %v; want %q, %v", s, s.Green(), test.want, test.green)
			}
			test.trusted = false
			if s := test.status(); s.Green() || s.State != Untrusted {
				t.Errorf("untrusted: %v", s)
			}
			test.source = false
			if s := test.status(); s.Green() || s.State != Ignored {
				t.Errorf("not a source: %v", s)
			}
		})
	}
}

func TestJudge(t *testing.T) {
	program := func(verdict string) *explain.Program { return &explain.Program{Function: "f", Verdict: verdict} }
	tests := []struct {
		programs []*explain.Program
		err      error
		broken   bool
		want     State
	}{
		{[]*explain.Program{program("pass"), program("pass")}, nil, false, Verified},
		{[]*explain.Program{program("pass"), program("fail")}, nil, false, Failed},
		{[]*explain.Program{program("pass"), program("rejected")}, nil, false, Failed},
		{[]*explain.Program{program("pass"), program("unknown")}, nil, false, Unknown},
		{[]*explain.Program{program("pass")}, fmt.Errorf("timed out"), false, Unknown},
		{nil, nil, false, Unknown},
		{[]*explain.Program{program("pass")}, nil, true, CompileError},
	}
	for i, test := range tests {
		out := &Outcome{Report: &explain.Report{Programs: test.programs}, Err: test.err, CompileErrors: test.broken}
		if got := judge(out).state; got != test.want {
			t.Errorf("case %d: state %d, want %d", i, got, test.want)
		}
	}
}

func TestDetect(t *testing.T) {
	tests := []struct {
		path, text string
		want       bool
	}{
		{"a.bpf.c", "", true},
		{"xdp_kern.c", "", true},
		{"a.h", "SEC(\"xdp\")", false},
		{"a.c", "int main(void) { return 0; }", false},
		{"a.c", "#include <bpf/bpf_helpers.h>\n", true},
		{"a.c", "#include \"bpf_helpers.h\"\n", true},
		{"a.c", "#include <bpf/libbpf.h>\n", false},
		{"a.c", "  SEC(\"xdp\")\nint f(void *ctx)", true},
		{"a.c", "// SEC(\"xdp\")\n", false},
		{"a.c", "__attribute__((section(\"myprog\"), used))\nint func()", true},
		{"a.c", "__attribute__((section(\".init.text\")))\nint func()", false},
		{"a.c", "#pragma clang section text=\"bind\"\n", true},
	}
	for _, test := range tests {
		if got, why := detect(test.path, test.text); got != test.want {
			t.Errorf("detect(%q, %q) = %v (%s)", test.path, test.text, got, why)
		}
	}
}
