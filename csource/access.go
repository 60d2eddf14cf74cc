package csource

// UnaryStart returns the first token of the unary expression that ends at i.
func (f *File) UnaryStart(i int) int {
	i = f.PostfixStart(i)
	for i > 0 {
		switch {
		case f.Is(i-1, "!", "~"):
			i--
		case f.Is(i-1, "*", "&", "-", "+", "++", "--") && !f.Operand(i-2):
			i--
		case f.Is(i-1, ")") && f.Match(i-1) >= 0 && f.IsCast(f.Match(i-1)):
			i = f.Match(i - 1)
		default:
			return i
		}
	}
	return i
}

// IsAssignment reports whether a punctuator is = or one of its kin.
func IsAssignment(operator string) bool {
	switch operator {
	case "=", "+=", "-=", "*=", "/=", "%=", "&=", "^=", "|=", "<<=", ">>=":
		return true
	}
	return false
}

// BinaryAt returns the binary expression whose operator is the token at i.
func (f *File) BinaryAt(i int) Span {
	level, ok := precedence(f.Str(i))
	if !ok || level < 0 || !f.Operand(i-1) {
		return None
	}
	first := f.UnaryStart(i - 1)
	for first > 1 {
		p, ok := precedence(f.Str(first - 1))
		if !ok || p < level || !f.Operand(first-2) {
			break
		}
		first = f.UnaryStart(first - 2)
	}
	last := f.UnaryEnd(i + 1)
	for last+2 < len(f.Tokens) {
		p, ok := precedence(f.Str(last + 1))
		if !ok || p <= level {
			break
		}
		last = f.UnaryEnd(last + 2)
	}
	return Span{first, last}
}

// ExprEnd returns the last token of the expression that begins at i: up to the
// comma, bracket or semicolon that ends it.
func (f *File) ExprEnd(i int) int {
	for j := i; j < len(f.Tokens); j++ {
		if f.Is(j, "(", "[", "{") && f.Match(j) >= 0 {
			j = f.Match(j)
			continue
		}
		if f.Is(j, ",", ";", ")", "]", "}") {
			return j - 1
		}
	}
	return len(f.Tokens) - 1
}

// Access returns the expression that reads or writes memory, for the token that
// line information names.
func (f *File) Access(i int, write bool) Span {
	switch {
	case i < 0:
		return None
	case IsAssignment(f.Str(i)) && f.Tokens[i].Kind == Punct:
		if f.Str(i) == "=" && !write {
			if e := f.OnlyAccess(i+1, f.ExprEnd(i+1)); e.OK() {
				return e
			}
			return Span{i + 1, f.ExprEnd(i + 1)}
		}
		return Span{f.UnaryStart(i - 1), i - 1}
	case f.Is(i, "++", "--"):
		if f.Operand(i - 1) {
			return Span{f.UnaryStart(i - 1), i - 1}
		}
		return Span{i + 1, f.UnaryEnd(i + 1)}
	case f.Is(i, "return", "if", "while", "for", "switch", "do"):
		e := f.StatementExpr(i)
		if only := f.OnlyAccess(e.First, e.Last); only.OK() {
			return only
		}
		return e
	case f.Tokens[i].Kind == Ident && f.Is(i-1, "->", "."):
		return Span{f.PostfixStart(i), i}
	case f.Tokens[i].Kind == Ident && f.Is(i+1, "=") && !write: // int x = *p;
		if e := f.OnlyAccess(i+2, f.ExprEnd(i+2)); e.OK() {
			return e
		}
	case f.Is(i, "*", "&", "-", "+", "!", "~") && !f.Operand(i-1), f.IsCast(i):
		e := Span{i, f.UnaryEnd(i)}
		if f.Is(i, "*") {
			return e
		}
		if only := f.OnlyAccess(e.First, e.Last); only.OK() {
			return only
		}
		return e
	case f.Tokens[i].Kind == Punct && !f.Is(i, "("):
		if e := f.BinaryAt(i); e.OK() {
			if only := f.OnlyAccess(e.First, e.Last); only.OK() {
				return only
			}
			return e
		}
		return None
	}
	return Span{i, f.PostfixEnd(i)}
}

// StatementExpr returns the expression that a statement's keyword controls.
func (f *File) StatementExpr(i int) Span {
	if f.Is(i, "return") {
		return Span{i + 1, f.ExprEnd(i + 1)}
	}
	if f.Is(i+1, "(") && f.Match(i+1) > i+2 {
		return Span{i + 2, f.Match(i+1) - 1}
	}
	return Span{i, i}
}

// OnlyAccess returns the outermost subscript, member access through a pointer or
// dereference among the tokens, if there is exactly one.
func (f *File) OnlyAccess(first, last int) Span {
	found := None
	for i := first; i <= last; {
		e := None
		switch {
		case f.Is(i, "*") && !f.Operand(i-1):
			e = Span{i, f.UnaryEnd(i)}
		case f.Tokens[i].Kind == Ident && !statementWords()[f.Str(i)] && !f.Is(i-1, "->", ".") || f.Is(i, "(") && !f.IsCast(i):
			end := f.PostfixEnd(i)
			for j := i + 1; j <= end; j++ {
				if f.Is(j, "[", "->") {
					e = Span{i, end}
					break
				}
				if f.Is(j, "(") && f.Match(j) > j {
					break
				}
			}
		}
		if !e.OK() || e.Last > last {
			i++
			continue
		}
		if found.OK() {
			return None
		}
		found = e
		i = e.Last + 1
	}
	return found
}

// Pointer returns the pointer that an access goes through: p of *p, p[i], p->m.
func (f *File) Pointer(e Span) Span {
	if !e.OK() {
		return e
	}
	for f.Is(e.First, "(") && f.Match(e.First) == e.Last {
		e = Span{e.First + 1, e.Last - 1}
	}
	if f.Is(e.First, "*") && e.Last > e.First {
		return Span{e.First + 1, e.Last}
	}
	last := e.Last
	for last > e.First && f.Is(last, "++", "--") {
		last--
	}
	for last > e.First {
		switch {
		case f.Is(last, "]") && f.Match(last) > e.First:
			return Span{e.First, f.Match(last) - 1}
		case f.Tokens[last].Kind == Ident && f.Is(last-1, "->") && last-2 >= e.First:
			return Span{e.First, last - 2}
		case f.Tokens[last].Kind == Ident && f.Is(last-1, ".") && last-2 >= e.First:
			last -= 2
		default:
			return e
		}
	}
	return e
}

// Call finds the call whose callee begins at or holds the token at i: the span
// of the whole call and of its arguments. The arguments of a macro with parameters are
// not those of the helper that it calls, so it has none; one without parameters only
// names what is called.
func (f *File) Call(i int, isMacro func(string) bool) (whole Span, args []Span) {
	if i < 0 {
		return None, nil
	}
	if f.Is(i, "return") || IsAssignment(f.Str(i)) {
		i++
	}
	for f.IsCast(i) {
		i = f.Match(i) + 1
	}
	if i >= len(f.Tokens) {
		return None, nil
	}
	start := i
	if f.Tokens[i].Kind == Ident {
		start = f.PostfixStart(i)
	}
	open := -1
	if f.Is(i, "(") && f.Match(i) > i && f.Is(f.Match(i)+1, "(") { // (*f)(x)
		open = f.Match(i) + 1
	} else {
		end := f.PostfixEnd(i)
		for j := i; j <= end; j++ {
			if f.Is(j, "(") && f.Match(j) >= 0 {
				open = j
				break
			}
			if f.Is(j, "[") && f.Match(j) >= 0 {
				j = f.Match(j)
			}
		}
	}
	if open < 0 || f.Match(open) < 0 {
		return None, nil
	}
	whole = Span{start, f.Match(open)}
	if isMacro(f.Str(open - 1)) {
		return whole, nil
	}
	for j := open + 1; j < f.Match(open); {
		end := f.ExprEnd(j)
		if end < j {
			break
		}
		args = append(args, Span{j, end})
		j = end + 1
		if f.Is(j, ",") {
			j++
		}
	}
	return whole, args
}

// LoopKeyword returns the keyword of the innermost loop statement that holds the token.
func (f *File) LoopKeyword(i int) Span {
	for j := i; j >= 0; j-- {
		if f.Is(j, "for", "while", "do") && f.LoopEnd(j) >= i {
			if f.Is(j, "while") && f.Is(j-1, "}") && f.Match(j-1) > 0 && f.Is(f.Match(j-1)-1, "do") {
				return Span{f.Match(j-1) - 1, f.Match(j-1) - 1}
			}
			return Span{j, j}
		}
	}
	return None
}

// LoopEnd returns the last token of the loop statement whose keyword is at i.
func (f *File) LoopEnd(i int) int {
	j := i + 1
	if !f.Is(i, "do") {
		if !f.Is(j, "(") || f.Match(j) < 0 {
			return i
		}
		j = f.Match(j) + 1
	}
	return f.StatementEnd(j)
}

// StatementEnd returns the last token of the statement that begins at j.
func (f *File) StatementEnd(j int) int {
	for {
		switch {
		case f.Is(j, "{") && f.Match(j) >= 0:
			return f.Match(j)
		case f.Is(j, "if", "for", "while", "switch") && f.Is(j+1, "(") && f.Match(j+1) >= 0:
			j = f.Match(j+1) + 1
		default:
			for ; j < len(f.Tokens); j++ {
				if f.Is(j, ";") {
					return j
				}
				if f.Is(j, "(", "{", "[") && f.Match(j) >= 0 {
					j = f.Match(j)
				}
			}
			return len(f.Tokens) - 1
		}
	}
}

// Definition returns the place where a structure is defined: its first word. name
// is a tag or the name of a typedef.
func (f *File) Definition(name string) int {
	for i := range f.Tokens {
		if !f.Is(i, "{") || f.Match(i) < 0 {
			continue
		}
		first := -1
		switch {
		case f.Is(i-1, "struct", "union"):
			first = i - 1
		case i >= 2 && f.Tokens[i-1].Kind == Ident && f.Is(i-2, "struct", "union"):
			first = i - 2
		default:
			continue
		}
		tag := f.Is(i-1, name) && f.Tokens[i-1].Kind == Ident
		if f.Is(first-1, "typedef") {
			first--
			tag = tag || f.Is(f.Match(i)+1, name)
		}
		if tag {
			return first
		}
	}
	return -1
}
