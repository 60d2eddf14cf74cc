package explain

import (
	"sort"
	"strings"

	"bpfls/csource"
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
		s = e.sourceOfLine(first)
		p := s.BTF(1, l.Column)
		if ex := e.expression(s, s.TokenAt(s.Offset(p)), w, n); ex.OK() {
			from, to := s.Point(s.Tokens[ex.First].Start), s.Point(s.Tokens[ex.Last].End)
			r.Column, r.EndColumn = from.Column, to.Column
			spelling = s.Spelling(ex)
		}
		return r, first, spelling
	}
	p := s.BTF(l.Line, l.Column)
	if p == (position.Point{}) {
		return Range{File: r.File, Line: l.Line, Column: 1, EndLine: l.Line, EndColumn: 1}, "", ""
	}
	i := s.TokenAt(s.Offset(p))
	if l.Column == 0 {
		if f := s.function(e.functionAt(slot)); f >= 0 && s.Point(s.Tokens[f].Start).Line <= p.Line && s.functionEnd(f) >= 0 &&
			s.Point(s.Tokens[f].End).Line == p.Line {
			i, w = f, wantStatement
			return s.rangeOf(r.File, csource.Span{First: i, Last: i}), string(s.Line(p.Line)), ""
		}
	}
	ex := e.expression(s, i, w, n)
	if !ex.OK() {
		end := s.Clamp(position.Point{Line: p.Line, Column: 1 << 30})
		if i >= 0 {
			ex = csource.Span{First: i, Last: i}
			return s.rangeOf(r.File, ex), string(s.Line(p.Line)), ""
		}
		return Range{r.File, p.Line, p.Column, p.Line, end.Column}, string(s.Line(p.Line)), ""
	}
	r = s.rangeOf(r.File, ex)
	return r, string(s.Line(r.Line)), s.Spelling(ex)
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
	for i := sort.Search(len(s.Tokens), func(i int) bool { return s.Tokens[i].Start >= from }); i < len(s.Tokens) && s.Tokens[i].End <= to; i++ {
		name := s.Str(i)
		if s.Tokens[i].Kind != csource.Ident || !s.Is(i+1, "(") {
			continue
		}
		for _, file := range sortedKeys(e.Sources) {
			m := e.source(file)
			if m == nil {
				continue
			}
			if at, ok := m.Defined[name]; ok {
				start, end := m.Point(at.Start), m.Point(at.End)
				return []Related{{Range{e.path(file), start.Line, start.Column, end.Line, end.Column}, "macro " + name + " is defined here"}}
			}
		}
	}
	return nil
}

func (s *source) rangeOf(file string, ex csource.Span) Range {
	from, to := s.Point(s.Tokens[ex.First].Start), s.Point(s.Tokens[ex.Last].End)
	return Range{file, from.Line, from.Column, to.Line, to.Column}
}

// expression chooses the expression at token i.
func (e *explainer) expression(s *source, i int, w want, n int) csource.Span {
	if i < 0 {
		return csource.None
	}
	switch w {
	case wantAccess:
		return s.Access(i, n == 1)
	case wantPointer:
		return s.Pointer(s.Access(i, n == 1))
	case wantBase:
		ex := s.Pointer(s.Access(i, n == 1))
		for next := s.Pointer(ex); next != ex && next.OK(); next = s.Pointer(ex) {
			if s.Is(ex.First, "*") {
				break // a pointer that was read from memory
			}
			ex = next
		}
		return ex
	case wantCall, wantArgument:
		whole, args := s.Call(i, e.isMacro)
		if w == wantArgument && n >= 1 && n <= len(args) {
			return args[n-1]
		}
		if whole.OK() {
			return whole
		}
	case wantOperator:
		if ex := s.BinaryAt(i); ex.OK() {
			return ex
		}
		if csource.IsAssignment(s.Str(i)) {
			return csource.Span{First: s.UnaryStart(i - 1), Last: s.ExprEnd(i + 1)}
		}
	case wantLoop:
		if ex := s.LoopKeyword(i); ex.OK() {
			return ex
		}
	}
	if s.Is(i, "return", "if", "while", "for", "switch") {
		if ex := s.StatementExpr(i); ex.OK() {
			return ex
		}
		return csource.Span{First: i, Last: i}
	}
	if s.Is(i, "{", "}", ";", ")") {
		return csource.Span{First: i, Last: i}
	}
	if ex := s.BinaryAt(i); ex.OK() {
		return ex
	}
	if csource.IsAssignment(s.Str(i)) && s.Operand(i-1) {
		return csource.Span{First: s.UnaryStart(i - 1), Last: s.ExprEnd(i + 1)}
	}
	if s.Tokens[i].Kind == csource.Ident && s.Is(i-1, "->", ".") {
		return csource.Span{First: s.PostfixStart(i), Last: i}
	}
	return csource.Span{First: i, Last: max(i, s.ExprEnd(i))}
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
				r := s.rangeOf(e.path(l.File), csource.Span{First: i, Last: i})
				return r, string(s.Line(r.Line))
			}
		}
		return e.rangeAt(l.Slot, wantStatement, 0)
	}
	return Range{}, ""
}

// function returns the token of a function's name in its definition, or -1.
func (s *source) function(name string) int {
	for i := range s.Tokens {
		if s.Tokens[i].Kind == csource.Ident && s.Str(i) == name && s.functionEnd(i) >= 0 {
			return i
		}
	}
	return -1
}

// functionEnd returns the closing brace of the function whose name is at i, or -1.
func (s *source) functionEnd(i int) int {
	if !s.Is(i+1, "(") || s.Match(i+1) < 0 {
		return -1
	}
	j := s.Match(i+1) + 1
	for s.Is(j, "__attribute__") && s.Is(j+1, "(") && s.Match(j+1) >= 0 {
		j = s.Match(j+1) + 1
	}
	if !s.Is(j, "{") {
		return -1
	}
	return s.Match(j)
}
