package explain

import (
	"strings"
	"sync"
)

// span is a run of tokens, both ends included. An expression of no tokens is
// none.
type span struct{ first, last int }

var none = span{0, -1}

func (e span) ok() bool { return e.first >= 0 && e.last >= e.first }

// operand reports whether the token ends an operand, so that an operator behind
// it is binary.
func (s *source) operand(i int) bool {
	if i < 0 {
		return false
	}
	switch s.tokens[i].kind {
	case tokNumber, tokString:
		return true
	case tokIdent:
		return !statementWord()[s.str(i)] && s.str(i) != "sizeof"
	}
	if s.is(i, ")") {
		return s.match[i] >= 0 && !s.isCast(s.match[i]) && !s.is(s.match[i]-1, "if", "while", "for", "switch")
	}
	return s.is(i, "]", "++", "--")
}

var statementWord = words("return if while for do else switch case goto break continue default")

var typeWord = words(`void char short int long float double signed unsigned _Bool bool struct union enum const volatile
	restrict __restrict __restrict__ __const __volatile__ _Atomic __attribute__ u8 u16 u32 u64 s8 s16 s32 s64
	__u8 __u16 __u32 __u64 __s8 __s16 __s32 __s64 __be16 __be32 __be64 __le16 __le32 __le64 __typeof__ typeof`)

// words is a set of words, made when it is first asked for.
func words(s string) func() map[string]bool {
	return sync.OnceValue(func() map[string]bool {
		m := map[string]bool{}
		for _, w := range strings.Fields(s) {
			m[w] = true
		}
		return m
	})
}

// isCast reports whether the parenthesis at i holds a type name: by its words, by
// a * at its end, or because an operand follows that could not otherwise.
func (s *source) isCast(i int) bool {
	if !s.is(i, "(") || s.match[i] <= i+1 {
		return false
	}
	if i > 0 && (s.is(i-1, "if", "while", "for", "switch", "]") || s.operand(i-1)) {
		return false // a condition, or a call's arguments
	}
	end := s.match[i]
	if s.tokens[i+1].kind != tokIdent {
		return false
	}
	if typeWord()[s.str(i+1)] {
		return true
	}
	for j := i + 1; j < end; j++ {
		if s.tokens[j].kind != tokIdent && !s.is(j, "*") {
			return false
		}
	}
	if s.is(end-1, "*") {
		return true
	}
	if end != i+2 {
		return end > i+2 // two words in a row: a type
	}
	name := s.str(i + 1)
	if strings.HasSuffix(name, "_t") {
		return true
	}
	// (name) followed by a word or a constant can only be a cast.
	return end+1 < len(s.tokens) && (s.tokens[end+1].kind != tokPunct)
}

// postfixEnd returns the last token of the postfix expression that begins at i.
func (s *source) postfixEnd(i int) int {
	if s.is(i, "(") {
		if s.match[i] < 0 {
			return i
		}
		i = s.match[i]
	}
	for {
		switch {
		case s.is(i+1, "[", "(") && s.match[i+1] >= 0:
			i = s.match[i+1]
		case s.is(i+1, "->", ".") && i+2 < len(s.tokens):
			i += 2
		case s.is(i+1, "++", "--"):
			i++
		default:
			return i
		}
	}
}

// unaryEnd returns the last token of the unary or cast expression that begins at i.
func (s *source) unaryEnd(i int) int {
	for i+1 < len(s.tokens) {
		switch {
		case s.is(i, "*", "&", "-", "+", "!", "~", "++", "--", "sizeof", "&&"):
			i++
		case s.isCast(i):
			i = s.match[i] + 1
		default:
			return s.postfixEnd(i)
		}
	}
	return min(i, len(s.tokens)-1)
}

// postfixStart returns the first token of the postfix expression that ends at i.
func (s *source) postfixStart(i int) int {
	for i > 0 {
		switch {
		case s.is(i, "++", "--"):
			i--
		case s.is(i, "]") && s.match[i] > 0:
			i = s.match[i] - 1
		case s.is(i, ")") && s.match[i] >= 0:
			open := s.match[i]
			if open == 0 || s.tokens[open-1].kind == tokIdent && (statementWord()[s.str(open-1)] || s.str(open-1) == "sizeof") ||
				s.tokens[open-1].kind != tokIdent && !s.is(open-1, ")", "]") || s.is(open-1, ")") && s.match[open-1] >= 0 && s.isCast(s.match[open-1]) {
				return open // a parenthesised expression
			}
			i = open - 1 // a call
		case s.is(i-1, "->", ".") && s.tokens[i].kind == tokIdent:
			i -= 2
		default:
			return i
		}
	}
	return max(i, 0)
}

// unaryStart returns the first token of the unary expression that ends at i.
func (s *source) unaryStart(i int) int {
	i = s.postfixStart(i)
	for i > 0 {
		switch {
		case s.is(i-1, "!", "~"):
			i--
		case s.is(i-1, "*", "&", "-", "+", "++", "--") && !s.operand(i-2):
			i--
		case s.is(i-1, ")") && s.match[i-1] >= 0 && s.isCast(s.match[i-1]):
			i = s.match[i-1]
		default:
			return i
		}
	}
	return i
}

// precedence of binary operators but assignments (C11, 6.5).
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
	}
	return 0, false
}

func isAssignment(operator string) bool {
	switch operator {
	case "=", "+=", "-=", "*=", "/=", "%=", "&=", "^=", "|=", "<<=", ">>=":
		return true
	}
	return false
}

// binary returns the binary expression whose operator is the token at i.
func (s *source) binary(i int) span {
	level, ok := precedence(s.str(i))
	if !ok || !s.operand(i-1) {
		return none
	}
	first := s.unaryStart(i - 1)
	for first > 1 {
		p, ok := precedence(s.str(first - 1))
		if !ok || p < level || !s.operand(first-2) {
			break
		}
		first = s.unaryStart(first - 2)
	}
	last := s.unaryEnd(i + 1)
	for last+2 < len(s.tokens) {
		p, ok := precedence(s.str(last + 1))
		if !ok || p <= level {
			break
		}
		last = s.unaryEnd(last + 2)
	}
	return span{first, last}
}

// exprEnd returns the last token of the expression that begins at i: up to the
// comma, bracket or semicolon that ends it.
func (s *source) exprEnd(i int) int {
	for j := i; j < len(s.tokens); j++ {
		if s.is(j, "(", "[", "{") && s.match[j] >= 0 {
			j = s.match[j]
			continue
		}
		if s.is(j, ",", ";", ")", "]", "}") {
			return j - 1
		}
	}
	return len(s.tokens) - 1
}

// access returns the expression that reads or writes memory, for the token that
// line information names.
func (s *source) access(i int, write bool) span {
	switch {
	case i < 0:
		return none
	case isAssignment(s.str(i)) && s.tokens[i].kind == tokPunct:
		if s.str(i) == "=" && !write {
			if e := s.onlyAccess(i+1, s.exprEnd(i+1)); e.ok() {
				return e
			}
			return span{i + 1, s.exprEnd(i + 1)}
		}
		return span{s.unaryStart(i - 1), i - 1}
	case s.is(i, "++", "--"):
		if s.operand(i - 1) {
			return span{s.unaryStart(i - 1), i - 1}
		}
		return span{i + 1, s.unaryEnd(i + 1)}
	case s.is(i, "return", "if", "while", "for", "switch", "do"):
		e := s.statementExpr(i)
		if only := s.onlyAccess(e.first, e.last); only.ok() {
			return only
		}
		return e
	case s.tokens[i].kind == tokIdent && s.is(i-1, "->", "."):
		return span{s.postfixStart(i), i}
	case s.tokens[i].kind == tokIdent && s.is(i+1, "=") && !write: // int x = *p;
		if e := s.onlyAccess(i+2, s.exprEnd(i+2)); e.ok() {
			return e
		}
	case s.is(i, "*", "&", "-", "+", "!", "~") && !s.operand(i-1), s.isCast(i):
		e := span{i, s.unaryEnd(i)}
		if s.is(i, "*") {
			return e
		}
		if only := s.onlyAccess(e.first, e.last); only.ok() {
			return only
		}
		return e
	case s.tokens[i].kind == tokPunct && !s.is(i, "("):
		if e := s.binary(i); e.ok() {
			if only := s.onlyAccess(e.first, e.last); only.ok() {
				return only
			}
			return e
		}
		return none
	}
	return span{i, s.postfixEnd(i)}
}

// statementExpr returns the expression that a statement's keyword controls.
func (s *source) statementExpr(i int) span {
	if s.is(i, "return") {
		return span{i + 1, s.exprEnd(i + 1)}
	}
	if s.is(i+1, "(") && s.match[i+1] > i+2 {
		return span{i + 2, s.match[i+1] - 1}
	}
	return span{i, i}
}

// onlyAccess returns the outermost subscript, member access through a pointer or
// dereference among the tokens, if there is exactly one.
func (s *source) onlyAccess(first, last int) span {
	found := none
	for i := first; i <= last; {
		e := none
		switch {
		case s.is(i, "*") && !s.operand(i-1):
			e = span{i, s.unaryEnd(i)}
		case s.tokens[i].kind == tokIdent && !statementWord()[s.str(i)] && !s.is(i-1, "->", ".") || s.is(i, "(") && !s.isCast(i):
			end := s.postfixEnd(i)
			for j := i + 1; j <= end; j++ {
				if s.is(j, "[", "->") {
					e = span{i, end}
					break
				}
				if s.is(j, "(") && s.match[j] > j {
					break
				}
			}
		}
		if !e.ok() || e.last > last {
			i++
			continue
		}
		if found.ok() {
			return none
		}
		found = e
		i = e.last + 1
	}
	return found
}

// pointer returns the pointer that an access goes through: p of *p, p[i], p->m.
func (s *source) pointer(e span) span {
	if !e.ok() {
		return e
	}
	for s.is(e.first, "(") && s.match[e.first] == e.last {
		e = span{e.first + 1, e.last - 1}
	}
	if s.is(e.first, "*") && e.last > e.first {
		return span{e.first + 1, e.last}
	}
	last := e.last
	for last > e.first && s.is(last, "++", "--") {
		last--
	}
	for last > e.first {
		switch {
		case s.is(last, "]") && s.match[last] > e.first:
			return span{e.first, s.match[last] - 1}
		case s.tokens[last].kind == tokIdent && s.is(last-1, "->") && last-2 >= e.first:
			return span{e.first, last - 2}
		case s.tokens[last].kind == tokIdent && s.is(last-1, ".") && last-2 >= e.first:
			last -= 2
		default:
			return e
		}
	}
	return e
}

// call finds the call whose callee begins at or holds the token at i: the span
// of the whole call and of its arguments. A macro's arguments are not those of
// the helper that it calls, so it has none.
func (s *source) call(i int, isMacro func(string) bool) (whole span, args []span) {
	if i < 0 {
		return none, nil
	}
	if s.is(i, "return") || isAssignment(s.str(i)) {
		i++
	}
	for s.isCast(i) {
		i = s.match[i] + 1
	}
	if i >= len(s.tokens) {
		return none, nil
	}
	start := i
	if s.tokens[i].kind == tokIdent {
		start = s.postfixStart(i)
	}
	open := -1
	if s.is(i, "(") && s.match[i] > i && s.is(s.match[i]+1, "(") { // (*f)(x)
		open = s.match[i] + 1
	} else {
		end := s.postfixEnd(i)
		for j := i; j <= end; j++ {
			if s.is(j, "(") && s.match[j] >= 0 {
				open = j
				break
			}
			if s.is(j, "[") && s.match[j] >= 0 {
				j = s.match[j]
			}
		}
	}
	if open < 0 || s.match[open] < 0 {
		return none, nil
	}
	whole = span{start, s.match[open]}
	if isMacro(s.str(open - 1)) {
		return whole, nil
	}
	for j := open + 1; j < s.match[open]; {
		end := s.exprEnd(j)
		if end < j {
			break
		}
		args = append(args, span{j, end})
		j = end + 1
		if s.is(j, ",") {
			j++
		}
	}
	return whole, args
}

// loop returns the keyword of the innermost loop statement that holds the token.
func (s *source) loop(i int) span {
	for j := i; j >= 0; j-- {
		if s.is(j, "for", "while", "do") && s.loopEnd(j) >= i {
			if s.is(j, "while") && s.is(j-1, "}") && s.match[j-1] > 0 && s.is(s.match[j-1]-1, "do") {
				return span{s.match[j-1] - 1, s.match[j-1] - 1}
			}
			return span{j, j}
		}
	}
	return none
}

// loopEnd returns the last token of the loop statement whose keyword is at i.
func (s *source) loopEnd(i int) int {
	j := i + 1
	if !s.is(i, "do") {
		if !s.is(j, "(") || s.match[j] < 0 {
			return i
		}
		j = s.match[j] + 1
	}
	return s.statementEnd(j)
}

func (s *source) statementEnd(j int) int {
	for {
		switch {
		case s.is(j, "{") && s.match[j] >= 0:
			return s.match[j]
		case s.is(j, "if", "for", "while", "switch") && s.is(j+1, "(") && s.match[j+1] >= 0:
			j = s.match[j+1] + 1
		default:
			for ; j < len(s.tokens); j++ {
				if s.is(j, ";") {
					return j
				}
				if s.is(j, "(", "{", "[") && s.match[j] >= 0 {
					j = s.match[j]
				}
			}
			return len(s.tokens) - 1
		}
	}
}

// definition returns the place where a structure is defined: its first word. name
// is a tag or the name of a typedef.
func (s *source) definition(name string) int {
	for i := range s.tokens {
		if !s.is(i, "{") || s.match[i] < 0 {
			continue
		}
		first := -1
		switch {
		case s.is(i-1, "struct", "union"):
			first = i - 1
		case i >= 2 && s.tokens[i-1].kind == tokIdent && s.is(i-2, "struct", "union"):
			first = i - 2
		default:
			continue
		}
		tag := s.is(i-1, name) && s.tokens[i-1].kind == tokIdent
		if s.is(first-1, "typedef") {
			first--
			tag = tag || s.is(s.match[i]+1, name)
		}
		if tag {
			return first
		}
	}
	return -1
}

// textOf returns the spelling of an expression with single blanks between words.
func (s *source) textOf(e span) string {
	if !e.ok() || e.last >= len(s.tokens) {
		return ""
	}
	return strings.Join(strings.Fields(string(s.text[s.tokens[e.first].start:s.tokens[e.last].end])), " ")
}
