package repair_test

import (
	"testing"

	"bpfls/explain"
	"bpfls/repair"
)

func TestApply(t *testing.T) {
	at := func(line, column, endLine, endColumn int, text string) explain.Edit {
		return explain.Edit{Range: explain.Range{Line: line, Column: column, EndLine: endLine, EndColumn: endColumn}, Text: text}
	}
	for _, test := range []struct {
		text  string
		edits []explain.Edit
		want  string // empty: an error
	}{
		{"a\nb\n", nil, "a\nb\n"},
		{"a\nb\n", []explain.Edit{at(2, 1, 2, 2, "c")}, "a\nc\n"},
		{"a\r\nb\r\n", []explain.Edit{at(2, 1, 2, 1, "x\r\n")}, "a\r\nx\r\nb\r\n"},
		{"abc", []explain.Edit{at(1, 3, 1, 4, "C"), at(1, 1, 1, 2, "A")}, "AbC"},
		{"äb", []explain.Edit{at(1, 3, 1, 4, "c")}, "äc"},
		{"abc", []explain.Edit{at(1, 1, 1, 3, ""), at(1, 2, 1, 4, "")}, ""},
		{"abc", []explain.Edit{at(3, 1, 3, 1, "x")}, ""},
		{"abc", []explain.Edit{at(1, 9, 1, 9, "x")}, ""},
	} {
		got, err := repair.Apply([]byte(test.text), test.edits)
		if (err != nil) != (test.want == "") || err == nil && string(got) != test.want {
			t.Errorf("%q: got %q, %v; want %q", test.text, got, err, test.want)
		}
	}
}
