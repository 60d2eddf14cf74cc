package repair

import (
	"errors"
	"fmt"
	"slices"

	"bpfls/explain"
	"bpfls/position"
)

// Apply returns a copy of a text with edits applied. Their ranges are of the text as
// it is given; edits that overlap, or lie outside of the text, are an error.
func Apply(text []byte, edits []explain.Edit) ([]byte, error) {
	m := position.New(text)
	type change struct {
		from, to int
		text     string
	}
	changes := make([]change, len(edits))
	for i, e := range edits {
		from := position.Point{Line: e.Range.Line, Column: e.Range.Column}
		to := position.Point{Line: e.Range.EndLine, Column: e.Range.EndColumn}
		c := change{m.Offset(from), m.Offset(to), e.Text}
		if m.Point(c.from) != from || m.Point(c.to) != to || c.to < c.from {
			return nil, fmt.Errorf("there is no range %d:%d to %d:%d", from.Line, from.Column, to.Line, to.Column)
		}
		changes[i] = c
	}
	slices.SortStableFunc(changes, func(a, b change) int { return a.from - b.from })
	var out []byte
	done := 0
	for _, c := range changes {
		if c.from < done {
			return nil, errors.New("two edits change the same text")
		}
		out = append(out, text[done:c.from]...)
		out = append(out, c.text...)
		done = c.to
	}
	return append(out, text[done:]...), nil
}
