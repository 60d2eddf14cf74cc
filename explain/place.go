package explain

import (
	"sort"
	"strings"

	"bpfls/position"
)

// want says which part of an expression a finding is about.
type want uint8

const (
	wantStatement want = iota // the expression at the point, as large as it goes
	wantAccess                // what reads or writes memory
	wantPointer               // the pointer that it goes through
	wantBase                  // the pointer that it begins at: v of v->list[i].x
	wantCall                  // the whole call
	wantArgument              // argument n of the call
	wantOperator              // the operator's expression
	wantLoop                  // the keyword of the loop
)

// rangeAt returns the place of an instruction in the sources and the text of its
// first line. n is the argument's number for wantArgument, and 1 for accesses that
// write.
func (e *explainer) rangeAt(slot int, w want, n int) (Range, string) {
	r, text, _ := e.locate(slot, w, n)
	return r, text
}

// locate is rangeAt that tells the spelling of the expression as well; it is
// empty where none was found.
func (e *explainer) locate(slot int, w want, n int) (r Range, line, spelling string) {
	l, ok := e.Program.Line(slot)
	if !ok || l.Line == 0 {
		if slot, ok = e.nearest(slot); !ok {
			return Range{}, "", ""
		}
		w, n = wantStatement, 0
		l, _ = e.Program.Line(slot)
	}
	r = Range{File: e.path(l.File), Line: l.Line, Column: max(l.Column, 1), EndLine: l.Line}
	s := e.source(l.File)
	if s == nil {
		// Without the text only the line that line information holds is known.
		first := strings.TrimRight(l.Text, "\r\n")
		if l.Column == 0 {
			r.Column = len(first) - len(strings.TrimLeft(first, " \t")) + 1
		}
		r.EndColumn = max(r.Column, len(first)+1)
		s = newSource(position.New([]byte(first)))
		p := s.BTF(1, l.Column)
		if ex := e.expression(s, s.at(s.Offset(p)), w, n); ex.ok() {
			from, to := s.Point(s.tokens[ex.first].start), s.Point(s.tokens[ex.last].end)
			r.Column, r.EndColumn = from.Column, to.Column
			spelling = s.textOf(ex)
		}
		return r, first, spelling
	}
	p := s.BTF(l.Line, l.Column)
	if p == (position.Point{}) {
		return Range{File: r.File, Line: l.Line, Column: 1, EndLine: l.Line, EndColumn: 1}, "", ""
	}
	i := s.at(s.Offset(p))
	if l.Column == 0 {
		if f := s.function(e.functionAt(slot)); f >= 0 && s.Point(s.tokens[f].start).Line <= p.Line && s.functionEnd(f) >= 0 &&
			s.Point(s.tokens[f].end).Line == p.Line {
			i, w = f, wantStatement
			return s.rangeOf(r.File, span{i, i}), string(s.Line(p.Line)), ""
		}
	}
	ex := e.expression(s, i, w, n)
	if !ex.ok() {
		end := s.Clamp(position.Point{Line: p.Line, Column: 1 << 30})
		if i >= 0 {
			ex = span{i, i}
			return s.rangeOf(r.File, ex), string(s.Line(p.Line)), ""
		}
		return Range{r.File, p.Line, p.Column, p.Line, end.Column}, string(s.Line(p.Line)), ""
	}
	r = s.rangeOf(r.File, ex)
	return r, string(s.Line(r.Line)), s.textOf(ex)
}

// nearest returns the instruction with a line that stands nearest to one without, in the
// same function and before it where there is one.
func (e *explainer) nearest(slot int) (int, bool) {
	first, end := 0, e.Program.Size/8
	for _, sub := range e.Program.Subs {
		if slot >= sub.Slot && slot < sub.Slot+sub.Size/8 {
			first, end = sub.Slot, sub.Slot+sub.Size/8
		}
	}
	for at := slot - 1; at >= first; at-- {
		if l, ok := e.Program.Line(at); ok && l.Line > 0 {
			return at, true
		}
	}
	for at := slot + 1; at < end; at++ {
		if l, ok := e.Program.Line(at); ok && l.Line > 0 {
			return at, true
		}
	}
	return 0, false
}

// placeNotes says what a place does not tell by itself: that it is only near, or that a
// macro is behind it.
func (e *explainer) placeNotes(slot int, r Range) []Related {
	l, ok := e.Program.Line(slot)
	if !ok || l.Line == 0 {
		if r.Line == 0 {
			return nil
		}
		return []Related{{r, "the compiler names no line for this instruction; this is the nearest one"}}
	}
	s := e.source(l.File)
	if s == nil || r.Line == 0 || r.File != e.path(l.File) {
		return nil
	}
	from := s.Offset(position.Point{Line: r.Line, Column: r.Column})
	to := s.Offset(position.Point{Line: r.EndLine, Column: r.EndColumn})
	for i := sort.Search(len(s.tokens), func(i int) bool { return s.tokens[i].start >= from }); i < len(s.tokens) && s.tokens[i].end <= to; i++ {
		name := s.str(i)
		if s.tokens[i].kind != tokIdent || !s.is(i+1, "(") {
			continue
		}
		for _, file := range sortedKeys(e.Sources) {
			m := e.source(file)
			if m == nil {
				continue
			}
			if at, ok := m.defined[name]; ok {
				start, end := m.Point(at.start), m.Point(at.end)
				return []Related{{Range{e.path(file), start.Line, start.Column, end.Line, end.Column}, "macro " + name + " is defined here"}}
			}
		}
	}
	return nil
}

func (s *source) rangeOf(file string, ex span) Range {
	from, to := s.Point(s.tokens[ex.first].start), s.Point(s.tokens[ex.last].end)
	return Range{file, from.Line, from.Column, to.Line, to.Column}
}

// expression chooses the expression at token i.
func (e *explainer) expression(s *source, i int, w want, n int) span {
	if i < 0 {
		return none
	}
	switch w {
	case wantAccess:
		return s.access(i, n == 1)
	case wantPointer:
		return s.pointer(s.access(i, n == 1))
	case wantBase:
		ex := s.pointer(s.access(i, n == 1))
		for next := s.pointer(ex); next != ex && next.ok(); next = s.pointer(ex) {
			if s.is(ex.first, "*") {
				break // a pointer that was read from memory
			}
			ex = next
		}
		return ex
	case wantCall, wantArgument:
		whole, args := s.call(i, e.isMacro)
		if w == wantArgument && n >= 1 && n <= len(args) {
			return args[n-1]
		}
		if whole.ok() {
			return whole
		}
	case wantOperator:
		if ex := s.binary(i); ex.ok() {
			return ex
		}
		if isAssignment(s.str(i)) {
			return span{s.unaryStart(i - 1), s.exprEnd(i + 1)}
		}
	case wantLoop:
		if ex := s.loop(i); ex.ok() {
			return ex
		}
	}
	if s.is(i, "return", "if", "while", "for", "switch") {
		if ex := s.statementExpr(i); ex.ok() {
			return ex
		}
		return span{i, i}
	}
	if s.is(i, "{", "}", ";", ")") {
		return span{i, i}
	}
	if ex := s.binary(i); ex.ok() {
		return ex
	}
	if isAssignment(s.str(i)) && s.operand(i-1) {
		return span{s.unaryStart(i - 1), s.exprEnd(i + 1)}
	}
	if s.tokens[i].kind == tokIdent && s.is(i-1, "->", ".") {
		return span{s.postfixStart(i), i}
	}
	return span{i, max(i, s.exprEnd(i))}
}

// functionAt returns the C function that the slot belongs to.
func (e *explainer) functionAt(slot int) string {
	for _, sub := range e.Program.Subs {
		if slot >= sub.Slot && slot < sub.Slot+sub.Size/8 {
			return sub.Name
		}
	}
	return e.Program.Name
}

// functionRange returns the place of the program's name in its definition.
func (e *explainer) functionRange() (Range, string) {
	for _, l := range e.Program.Lines {
		if l.Line == 0 {
			continue
		}
		if s := e.source(l.File); s != nil {
			if i := s.function(e.Program.Name); i >= 0 {
				r := s.rangeOf(e.path(l.File), span{i, i})
				return r, string(s.Line(r.Line))
			}
		}
		return e.rangeAt(l.Slot, wantStatement, 0)
	}
	return Range{}, ""
}

// function returns the token of a function's name in its definition, or -1.
func (s *source) function(name string) int {
	for i := range s.tokens {
		if s.tokens[i].kind == tokIdent && s.str(i) == name && s.functionEnd(i) >= 0 {
			return i
		}
	}
	return -1
}

// functionEnd returns the closing brace of the function whose name is at i, or -1.
func (s *source) functionEnd(i int) int {
	if !s.is(i+1, "(") || s.match[i+1] < 0 {
		return -1
	}
	j := s.match[i+1] + 1
	for s.is(j, "__attribute__") && s.is(j+1, "(") && s.match[j+1] >= 0 {
		j = s.match[j+1] + 1
	}
	if !s.is(j, "{") {
		return -1
	}
	return s.match[j]
}
