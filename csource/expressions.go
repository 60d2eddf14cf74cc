package csource

import "strings"

// Operand reports whether token i ends an operand, so that an operator behind it is
// binary.
func (f *File) Operand(i int) bool {
	if i < 0 || i >= len(f.Tokens) {
		return false
	}
	switch f.Tokens[i].Kind {
	case Number, String:
		return true
	case Ident:
		return !statementWords()[f.Str(i)]
	}
	if f.Is(i, ")") {
		return f.Match(i) >= 0 && !f.IsCast(f.Match(i)) && !f.Is(f.Match(i)-1, "if", "while", "for", "switch")
	}
	return f.Is(i, "]", "++", "--")
}

// IsCast reports whether the parenthesis at i holds the type of a cast: by its words, by
// a * at its end, or because an operand follows that could not otherwise.
func (f *File) IsCast(i int) bool {
	end := f.Match(i)
	if !f.Is(i, "(") || end <= i+1 || !f.IsIdent(i+1) {
		return false
	}
	if i > 0 && (f.Is(i-1, "if", "while", "for", "switch", "sizeof", "]") || f.Operand(i-1)) {
		return false // a condition, or a call's arguments
	}
	if typeWords()[f.Str(i+1)] {
		return true
	}
	for j := i + 1; j < end; j++ {
		if !f.IsIdent(j) && !f.Is(j, "*") {
			return false
		}
	}
	if f.Is(end-1, "*") || end > i+2 {
		return true // two words in a row: a type
	}
	// (name) followed by a word or a constant can only be a cast.
	return strings.HasSuffix(f.Str(i+1), "_t") || end+1 < len(f.Tokens) && f.Tokens[end+1].Kind != Punct
}

// PostfixEnd returns the last token of the postfix expression that begins at i.
func (f *File) PostfixEnd(i int) int {
	if f.Is(i, "(") && f.Match(i) >= 0 {
		i = f.Match(i)
	}
	for {
		switch {
		case f.Is(i+1, "[", "(") && f.Match(i+1) >= 0:
			i = f.Match(i + 1)
		case f.Is(i+1, "->", ".") && i+2 < len(f.Tokens):
			i += 2
		case f.Is(i+1, "++", "--"):
			i++
		default:
			return min(i, len(f.Tokens)-1)
		}
	}
}

// UnaryEnd returns the last token of the unary or cast expression that begins at i.
func (f *File) UnaryEnd(i int) int {
	for i+1 < len(f.Tokens) {
		switch {
		case f.Is(i, "*", "&", "-", "+", "!", "~", "++", "--", "sizeof"):
			i++
		case f.IsCast(i):
			i = f.Match(i) + 1
		default:
			return f.PostfixEnd(i)
		}
	}
	return len(f.Tokens) - 1
}

// PostfixStart returns the first token of the postfix expression that ends at i.
func (f *File) PostfixStart(i int) int {
	for i > 0 {
		switch {
		case f.Is(i, "++", "--"):
			i--
		case f.Is(i, "]") && f.Match(i) > 0:
			i = f.Match(i) - 1
		case f.Is(i, ")") && f.Match(i) >= 0:
			open := f.Match(i)
			if !f.Operand(open - 1) {
				return open
			}
			i = open - 1
		case f.Is(i-1, "->", ".") && f.IsIdent(i):
			i -= 2
		default:
			return i
		}
	}
	return max(i, 0)
}

// Args returns the arguments of the call whose parenthesis is at i.
func (f *File) Args(i int) []Span {
	if !f.Is(i, "(") || f.Match(i) < 0 {
		return nil
	}
	return f.split(f.inside(i), ",")
}

// precedence of binary operators (C11, 6.5); below zero for assignments.
func precedence(operator string) (level int, ok bool) {
	switch operator {
	case "*", "/", "%":
		return 10, true
	case "+", "-":
		return 9, true
	case "<<", ">>":
		return 8, true
	case "<", ">", "<=", ">=":
		return 7, true
	case "==", "!=":
		return 6, true
	case "&":
		return 5, true
	case "^":
		return 4, true
	case "|":
		return 3, true
	case "&&":
		return 2, true
	case "||":
		return 1, true
	case "?", ":":
		return 0, true
	case "=", "+=", "-=", "*=", "/=", "%=", "&=", "^=", "|=", "<<=", ">>=":
		return -1, true
	}
	return 0, false
}

// Binary splits an expression at the operator that is done last, the rightmost of
// several but for assignments. ok is false where it has none.
func (f *File) Binary(e Span) (left Span, op int, right Span, ok bool) {
	best, level := -1, 100
	for i := e.First; i <= e.Last; i++ {
		if f.Is(i, "(", "[", "{") && f.Match(i) >= 0 {
			i = f.Match(i)
			continue
		}
		if f.Tokens[i].Kind != Punct || i == e.First || !f.Operand(i-1) {
			continue
		}
		if p, is := precedence(f.Str(i)); is && (p < level || p == level && p > 0) {
			best, level = i, p
		}
	}
	if best < 0 || best == e.Last {
		return None, -1, None, false
	}
	return Span{e.First, best - 1}, best, Span{best + 1, e.Last}, true
}

// Unparen takes off parentheses around all of an expression.
func (f *File) Unparen(e Span) Span {
	for e.OK() && f.Is(e.First, "(") && f.Match(e.First) == e.Last && e.Last > e.First+1 {
		e = Span{e.First + 1, e.Last - 1}
	}
	return e
}

// Uncast takes off casts and parentheses around all of an expression.
func (f *File) Uncast(e Span) Span {
	for e.OK() {
		u := f.Unparen(e)
		if f.Is(u.First, "(") && f.IsCast(u.First) && f.UnaryEnd(u.First) == u.Last {
			u.First = f.Match(u.First) + 1
		}
		if u == e {
			return e
		}
		e = u
	}
	return e
}

// Conjuncts splits a condition at && and at || (which of them is told by all), without
// the parentheses around.
func (f *File) Conjuncts(e Span, op string) []Span {
	e = f.Unparen(e)
	left, at, right, ok := f.Binary(e)
	if !ok || !f.Is(at, op) {
		return []Span{e}
	}
	return append(f.Conjuncts(left, op), f.Conjuncts(right, op)...)
}

// Mentions reports whether an identifier is in a span, other than as a member.
func (f *File) Mentions(s Span, name string) bool {
	for i := s.First; i <= s.Last; i++ {
		if f.IsIdent(i) && f.Str(i) == name && !f.Is(i-1, ".", "->") {
			return true
		}
	}
	return false
}

// MentionsMember reports whether an identifier is in a span, be it a member.
func (f *File) MentionsMember(s Span, name string) bool {
	for i := s.First; i <= s.Last; i++ {
		if f.IsIdent(i) && f.Str(i) == name {
			return true
		}
	}
	return false
}
