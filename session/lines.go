package session

import (
	"bytes"

	"bpfls/explain"
	"bpfls/position"
)

// LineMap says where the lines of a text that was compiled are in a later text of
// the same file. It is a function of the two texts, so that an edit that is taken
// back is no edit.
type LineMap struct {
	old, new *position.Mapper
	same     bool    // equal line by line
	to       []int32 // by old line-1: the new line with the same text, else 0
	from     []int32 // by new line-1: the old line with the same text, else 0
}

// maxDiff bounds the work of comparing the middle of two texts: old lines times
// new lines. Beyond it the whole middle counts as edited.
const maxDiff = 1 << 22

// newLineMap compares two texts line by line, ends of lines apart.
func newLineMap(old, new *position.Mapper) *LineMap {
	m := &LineMap{old: old, new: new}
	if old == new || bytes.Equal(old.Text(), new.Text()) {
		m.same = true
		return m
	}
	n, k := old.Lines(), new.Lines()
	m.to, m.from = make([]int32, n), make([]int32, k)
	equal := func(i, j int) bool { return bytes.Equal(old.Line(i+1), new.Line(j+1)) }
	pair := func(i, j int) { m.to[i], m.from[j] = int32(j+1), int32(i+1) }
	lo := 0
	for ; lo < n && lo < k && equal(lo, lo); lo++ {
		pair(lo, lo)
	}
	hiOld, hiNew := n, k
	for ; hiOld > lo && hiNew > lo && equal(hiOld-1, hiNew-1); hiOld, hiNew = hiOld-1, hiNew-1 {
		pair(hiOld-1, hiNew-1)
	}
	if lo == n && lo == k {
		m.same = true
	}
	a, b := hiOld-lo, hiNew-lo
	if a == 0 || b == 0 || a*b > maxDiff {
		return m
	}
	// The longest common subsequence of the lines between.
	length := make([]int32, (a+1)*(b+1))
	at := func(i, j int) *int32 { return &length[i*(b+1)+j] }
	for i := a - 1; i >= 0; i-- {
		for j := b - 1; j >= 0; j-- {
			if equal(lo+i, lo+j) {
				*at(i, j) = *at(i+1, j+1) + 1
			} else {
				*at(i, j) = max(*at(i+1, j), *at(i, j+1))
			}
		}
	}
	for i, j := 0, 0; i < a && j < b; {
		switch {
		case equal(lo+i, lo+j):
			pair(lo+i, lo+j)
			i, j = i+1, j+1
		case *at(i+1, j) >= *at(i, j+1):
			i++
		default:
			j++
		}
	}
	return m
}

// Same reports whether the texts are equal line by line.
func (m *LineMap) Same() bool { return m.same }

// Compiled returns the line of the compiled text that a present line is; false if
// the present line was edited since.
func (m *LineMap) Compiled(line int) (int, bool) {
	if m.same {
		return line, true
	}
	if line < 1 || line > len(m.from) || m.from[line-1] == 0 {
		return 0, false
	}
	return int(m.from[line-1]), true
}

// Present returns the place in the present text of a range of the compiled one.
// touched: one of its lines was edited since; the place is then the nearest
// that can be told. gone: nothing is left of its lines.
func (m *LineMap) Present(r explain.Range) (moved explain.Range, touched, gone bool) {
	if m.same || r.Line < 1 || r.Line > len(m.to) {
		return r, false, false
	}
	last := min(max(r.EndLine, r.Line), len(m.to))
	intact := true
	for line := r.Line; line <= last; line++ {
		if m.to[line-1] == 0 || m.to[line-1]-m.to[r.Line-1] != int32(line-r.Line) {
			intact = false
		}
	}
	if intact {
		r.EndLine += int(m.to[r.Line-1]) - r.Line
		r.Line = int(m.to[r.Line-1])
		return r, false, false
	}
	start, ok := m.near(position.Point{Line: r.Line, Column: r.Column}, false)
	if !ok {
		return r, true, true
	}
	end, ok := m.near(position.Point{Line: last, Column: r.EndColumn}, true)
	if !ok || end.Line < start.Line || end.Line == start.Line && end.Column < start.Column {
		end = start
	}
	r.Line, r.Column, r.EndLine, r.EndColumn = start.Line, start.Column, end.Line, end.Column
	return r, true, false
}

// near returns the place of p: in its line if that is there; else in the line that
// stands for it between the unedited lines around it.
func (m *LineMap) near(p position.Point, end bool) (position.Point, bool) {
	if to := m.to[p.Line-1]; to != 0 {
		return position.Point{Line: int(to), Column: p.Column}, true
	}
	// The edited old lines (first, last) became the new lines (before, after).
	first, last := p.Line, p.Line
	for first > 1 && m.to[first-2] == 0 {
		first--
	}
	for last < len(m.to) && m.to[last] == 0 {
		last++
	}
	before, after := 0, len(m.from)+1
	if first > 1 {
		before = int(m.to[first-2])
	}
	if last < len(m.to) {
		after = int(m.to[last])
	}
	if after-before <= 1 {
		return position.Point{}, false
	}
	line := min(before+1+p.Line-first, after-1)
	if after-before <= maxSimilar {
		line = m.similar(p.Line, before+1, after-1, line)
	}
	return position.Point{Line: line, Column: sameColumn(m.old.Line(p.Line), m.new.Line(line), p.Column, end)}, true
}

// maxSimilar bounds the number of lines among which an edited one is looked for.
const maxSimilar = 100

// similar returns which of the new lines from first to last is most like an old line:
// has most bytes in common with it at both ends; otherwise, if none has any.
func (m *LineMap) similar(old, first, last, otherwise int) int {
	best, most := otherwise, 0
	text := bytes.TrimSpace(m.old.Line(old))
	for line := first; line <= last; line++ {
		prefix, suffix := common(text, bytes.TrimSpace(m.new.Line(line)))
		if prefix+suffix > most {
			best, most = line, prefix+suffix
		}
	}
	return best
}

// common returns the number of bytes with which two lines begin alike, and of those
// behind with which they end alike.
func common(a, b []byte) (prefix, suffix int) {
	for prefix < len(a) && prefix < len(b) && a[prefix] == b[prefix] {
		prefix++
	}
	for suffix < len(a)-prefix && suffix < len(b)-prefix && a[len(a)-1-suffix] == b[len(b)-1-suffix] {
		suffix++
	}
	return prefix, suffix
}

// sameColumn moves a column of a line to the edited line: unchanged in what both
// begin with, counted from the end in what both end with, else at the edit's edge.
func sameColumn(old, new []byte, column int, end bool) int {
	prefix, suffix := common(old, new)
	at := column - 1
	switch {
	case at <= prefix:
		return column
	case at >= len(old)-suffix:
		return at + len(new) - len(old) + 1
	case end:
		return len(new) - suffix + 1
	default:
		return prefix + 1
	}
}
