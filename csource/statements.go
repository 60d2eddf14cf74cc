package csource

import (
	"strings"
	"sync"
)

// StmtKind is what a statement is.
type StmtKind uint8

// The kinds of statements.
const (
	Expr   StmtKind = iota // an expression, or what could not be read
	Block                  // { ... }
	Decl                   // a declaration
	If                     // with Cond, Body and Else
	Loop                   // while, do, for, and macros that look like them; with Cond and Body
	Switch                 // with Cond and Body
	Return                 // with Value
	Jump                   // goto, break, continue
	Label                  // case, default and labels: only the label, not what it labels
)

// Stmt is a statement of a function.
type Stmt struct {
	Span          // all of it, the semicolon included
	Kind          StmtKind
	Parent        *Stmt
	Cond          Span // without the parentheses; of a for its second clause
	Init, Step    Span // of a for
	Value         Span // of a return
	Body, Else    *Stmt
	List          []*Stmt      // of a block
	Declarations  []Declarator // of a declaration, and of the first clause of a for
	ForHeader     Span         // of a loop: all between its parentheses
	Uninterpreted bool         // a macro that looks like a loop
}

// Declarator is a variable or parameter that is declared.
type Declarator struct {
	Name     int  // token; -1 where it has none
	Type     Span // specifiers, shared by the declarators of a declaration
	Pointers int  // stars before the name
	Array    Span // all brackets behind the name; None if there are none
	Init     Span // initialiser without the =
	Whole    Span // from the first star to the end of the initialiser
}

// Function is the definition of a function.
type Function struct {
	Span
	Name   int  // token
	Type   Span // specifiers and stars before the name
	Params []Declarator
	Body   *Stmt
}

// Walk calls visit for a statement and those in it, outer ones first, until it
// returns false.
func (s *Stmt) Walk(visit func(*Stmt) bool) bool {
	if s == nil {
		return true
	}
	if !visit(s) {
		return false
	}
	for _, c := range s.List {
		if !c.Walk(visit) {
			return false
		}
	}
	return s.Body.Walk(visit) && s.Else.Walk(visit)
}

// FunctionAt returns the function that holds a span, or nil.
func (f *File) FunctionAt(s Span) *Function {
	for _, fn := range f.Functions {
		if fn.Contains(s) {
			return fn
		}
	}
	return nil
}

// StmtAt returns the innermost statement of a function that holds a span, or nil.
func (fn *Function) StmtAt(s Span) *Stmt {
	var found *Stmt
	fn.Body.Walk(func(st *Stmt) bool {
		if st.Contains(s) {
			found = st
		}
		return true
	})
	return found
}

var typeWords = words(`void char short int long float double signed unsigned _Bool bool struct union enum const volatile
	restrict __restrict __restrict__ __const __volatile__ _Atomic static extern register inline __inline __inline__ auto
	typedef _Thread_local __typeof__ typeof u8 u16 u32 u64 s8 s16 s32 s64 __u8 __u16 __u32 __u64 __s8 __s16 __s32 __s64
	__be16 __be32 __be64 __le16 __le32 __le64 __sum16 __wsum __always_inline __noinline`)

var statementWords = words("return if while for do else switch case goto break continue default sizeof")

// IsTypeWord reports whether a word is one that types and their specifiers are made of.
func IsTypeWord(word string) bool { return typeWords()[word] }

// IsStatementWord reports whether a word is a keyword of a statement, or sizeof.
func IsStatementWord(word string) bool { return statementWords()[word] }

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

// top reads the file's declarations and functions.
func (f *File) top() {
	for i := 0; i < len(f.Tokens); {
		if f.Is(i, ";", "}") {
			i++
			continue
		}
		// A definition ends with the body of a function, everything else with a
		// semicolon.
		end, body, name := i, -1, -1
		for ; end < len(f.Tokens); end++ {
			if f.Is(end, "(") && f.IsIdent(end-1) && !f.Is(end-1, "__attribute__", "section", "SEC", "__declspec", "typeof", "__typeof__", "_Alignas") && name == -1 && f.Match(end) >= 0 {
				name = end - 1
			}
			if f.Is(end, "=") && name == -1 {
				name = -2 // an initialiser: no function
			}
			if f.Is(end, "(", "[") && f.Match(end) >= 0 {
				end = f.Match(end)
				continue
			}
			if f.Is(end, "{") {
				if f.Match(end) < 0 {
					return
				}
				if name >= 0 {
					body = end
					break
				}
				end = f.Match(end)
				continue
			}
			if f.Is(end, ";") {
				break
			}
		}
		if body >= 0 {
			fn := &Function{Span: Span{i, f.Match(body)}, Name: name, Type: Span{i, name - 1}}
			fn.Params = f.params(Span{name + 2, f.Match(name+1) - 1})
			fn.Body = f.block(body, nil)
			f.Functions = append(f.Functions, fn)
			i = f.Match(body) + 1
			continue
		}
		if name < 0 && !f.Is(i, "typedef") && end < len(f.Tokens) { // no prototype
			f.Globals = append(f.Globals, f.declarators(i, end-1)...)
		}
		i = end + 1
	}
}

// params reads the parameters of a function.
func (f *File) params(s Span) []Declarator {
	var out []Declarator
	for _, p := range f.split(s, ",") {
		out = append(out, f.declarators(p.First, p.Last)...)
	}
	return out
}

// split cuts a span at a punctuator outside of brackets.
func (f *File) split(s Span, at string) []Span {
	var out []Span
	first := s.First
	for i := s.First; i <= s.Last; i++ {
		switch {
		case f.Is(i, "(", "[", "{") && f.Match(i) >= 0:
			i = f.Match(i)
		case f.Is(i, at):
			out = append(out, Span{first, i - 1})
			first = i + 1
		}
	}
	if first <= s.Last {
		out = append(out, Span{first, s.Last})
	}
	return out
}

func newStmt(kind StmtKind, at Span, parent *Stmt) *Stmt {
	return &Stmt{Span: at, Kind: kind, Parent: parent, Cond: None, Init: None, Step: None, Value: None, ForHeader: None}
}

// block reads the statements from the brace at i on.
func (f *File) block(i int, parent *Stmt) *Stmt {
	b := newStmt(Block, Span{i, f.Match(i)}, parent)
	for j := i + 1; j < b.Last; {
		s := f.statement(j, b.Last, b)
		b.List = append(b.List, s)
		j = s.Last + 1
	}
	return b
}

// statement reads the statement at i, which ends before limit.
func (f *File) statement(i, limit int, parent *Stmt) *Stmt {
	s := newStmt(Expr, Span{i, i}, parent)
	switch {
	case f.Is(i, "{") && f.Match(i) >= 0:
		return f.block(i, parent)
	case f.Is(i, ";"):
		return s
	case f.Is(i, "if") && f.Is(i+1, "(") && f.Match(i+1) > 0:
		s.Kind, s.Cond = If, f.inside(i+1)
		f.body(s, f.Match(i+1)+1, limit)
		if f.Is(s.Last+1, "else") && s.Last+2 < limit {
			s.Else = f.statement(s.Last+2, limit, s)
			s.Last = s.Else.Last
		}
		return s
	case f.Is(i, "while", "switch", "for") && f.Is(i+1, "(") && f.Match(i+1) > 0:
		s.Kind, s.Cond = Loop, f.inside(i+1)
		s.ForHeader = s.Cond
		if f.Is(i, "switch") {
			s.Kind = Switch
		}
		if f.Is(i, "for") {
			f.forHeader(s)
		}
		f.body(s, f.Match(i+1)+1, limit)
		return s
	case f.Is(i, "do") && i+1 < limit:
		s.Kind = Loop
		f.body(s, i+1, limit)
		if w := s.Last + 1; f.Is(w, "while") && f.Is(w+1, "(") && f.Match(w+1) > 0 {
			s.Cond = f.inside(w + 1)
			s.Last = min(f.Match(w+1)+1, limit-1)
		}
		return s
	case f.Is(i, "case", "default") || f.IsIdent(i) && f.Is(i+1, ":") && !f.Is(i, "default"):
		s.Kind = Label
		for s.Last < limit-1 && !f.Is(s.Last, ":") {
			s.Last++
		}
		return s
	case f.IsIdent(i) && !statementWords()[f.Str(i)] && f.Is(i+1, "(") && f.Match(i+1) > 0 && f.Is(f.Match(i+1)+1, "{"):
		s.Kind, s.Uninterpreted, s.ForHeader = Loop, true, f.inside(i+1)
		f.body(s, f.Match(i+1)+1, limit)
		return s
	}
	s.Last = f.semicolon(i, limit)
	switch {
	case f.Is(i, "return"):
		s.Kind, s.Value = Return, Span{i + 1, s.Last - 1}
	case f.Is(i, "goto", "break", "continue"):
		s.Kind = Jump
	case f.declaration(i):
		s.Kind = Decl
		s.Declarations = f.declarators(i, s.Last-1)
	}
	return s
}

// inside is what lies between the parentheses at i.
func (f *File) inside(i int) Span { return Span{i + 1, f.Match(i) - 1} }

func (f *File) body(s *Stmt, at, limit int) {
	if at >= limit {
		s.Last = limit - 1
		return
	}
	s.Body = f.statement(at, limit, s)
	s.Last = s.Body.Last
}

func (f *File) forHeader(s *Stmt) {
	var semis []int
	for i := s.ForHeader.First; i <= s.ForHeader.Last; i++ {
		if f.Is(i, "(", "[", "{") && f.Match(i) >= 0 {
			i = f.Match(i)
		} else if f.Is(i, ";") {
			semis = append(semis, i)
		}
	}
	s.Cond, s.Init, s.Step = None, None, None
	if len(semis) == 2 {
		s.Init = Span{s.ForHeader.First, semis[0] - 1}
		s.Cond = Span{semis[0] + 1, semis[1] - 1}
		s.Step = Span{semis[1] + 1, s.ForHeader.Last}
		if s.Init.OK() && f.declaration(s.Init.First) {
			s.Declarations = f.declarators(s.Init.First, s.Init.Last)
		}
	}
}

// semicolon returns the semicolon that ends the statement at i.
func (f *File) semicolon(i, limit int) int {
	for ; i < limit-1; i++ {
		if f.Is(i, "(", "[", "{") && f.Match(i) >= 0 && f.Match(i) < limit {
			i = f.Match(i)
			continue
		}
		if f.Is(i, ";") {
			return i
		}
	}
	return max(limit-1, 0)
}

// declaration reports whether a declaration begins at i.
func (f *File) declaration(i int) bool {
	if !f.IsIdent(i) || statementWords()[f.Str(i)] {
		return false
	}
	if typeWords()[f.Str(i)] {
		return true
	}
	// name name, or name * name with what follows a declarator.
	j := i + 1
	for f.Is(j, "*", "const") {
		j++
	}
	return f.IsIdent(j) && f.Is(j+1, "=", ";", ",", "[", "__attribute__")
}

// declarators reads a declaration without its semicolon.
func (f *File) declarators(first, last int) []Declarator {
	spec := Span{first, first - 1}
	i := first
	for ; i <= last; i++ {
		switch {
		case f.Is(i, "struct", "union", "enum"):
			if f.IsIdent(i+1) && i < last {
				i++
			}
			if f.Is(i+1, "{") && f.Match(i+1) > 0 && i < last {
				i = f.Match(i + 1)
			}
			spec.Last = i
			continue
		case f.Is(i, "__attribute__", "typeof", "__typeof__", "SEC") && f.Is(i+1, "(") && f.Match(i+1) > 0:
			i = f.Match(i + 1)
			spec.Last = i
			continue
		case f.IsIdent(i) && (typeWords()[f.Str(i)] || !spec.OK() || onlyQualifiers(f, spec)):
			spec.Last = i
			continue
		}
		break
	}
	if !spec.OK() || i > last {
		return nil
	}
	var out []Declarator
	for _, part := range f.split(Span{i, last}, ",") {
		d := Declarator{Name: -1, Type: spec, Array: None, Init: None, Whole: part}
		j := part.First
		for ; j <= part.Last && f.Is(j, "*", "const", "volatile", "restrict", "__restrict"); j++ {
			if f.Is(j, "*") {
				d.Pointers++
			}
		}
		if j <= part.Last && f.Is(j, "(") && f.Match(j) > 0 { // a function pointer, or an array's pointer
			for k := j + 1; k < f.Match(j); k++ {
				if f.IsIdent(k) && !typeWords()[f.Str(k)] {
					d.Name = k
					d.Pointers++
					break
				}
			}
			j = f.Match(j) + 1
		} else if j <= part.Last && f.IsIdent(j) {
			d.Name = j
			j++
		}
		for ; j <= part.Last; j++ {
			if f.Is(j, "[") && f.Match(j) > 0 {
				if !d.Array.OK() {
					d.Array.First = j
				}
				d.Array.Last = f.Match(j)
				j = f.Match(j)
				continue
			}
			if f.Is(j, "=") {
				d.Init = Span{j + 1, part.Last}
				break
			}
			if f.Is(j, "(") && f.Match(j) > 0 {
				j = f.Match(j)
			}
		}
		if d.Name >= 0 {
			out = append(out, d)
		}
	}
	return out
}

// onlyQualifiers reports whether no type was named yet.
func onlyQualifiers(f *File, s Span) bool {
	for i := s.First; i <= s.Last; i++ {
		if !f.Is(i, "const", "volatile", "static", "extern", "register", "inline", "__inline", "__inline__", "__always_inline",
			"__noinline", "typedef", "__attribute__", "SEC") && f.IsIdent(i) {
			return false
		}
		if f.Is(i, "(") {
			i = f.Match(i)
		}
	}
	return true
}
