package repair_test

import (
	"fmt"
	"slices"
	"strings"

	"bpfls/csource"
	"bpfls/position"
)

// mutant is a program from which one check, initialisation or mask was removed.
type mutant struct {
	what     string // "line 12: if (!value)"
	function string // that was changed
	text     []byte
	// guarded are the ranges of the mutant's text, in bytes, of the expressions that the
	// removed code guarded.
	guarded [][2]int
}

// mutator removes code from a source. It knows C and nothing of verifiers: what a check
// guards it tells by the variables.
type mutator struct {
	*csource.File
	fn *csource.Function
}

// mutants returns all mutants of a source.
func mutants(text []byte) []mutant {
	m := mutator{File: csource.Parse(position.New(text))}
	var out []mutant
	for _, fn := range m.Functions {
		m.fn = fn
		fn.Body.Walk(func(st *csource.Stmt) bool {
			out = append(out, m.ofStatement(st)...)
			return true
		})
	}
	return out
}

// cut is a change: bytes from to to become text.
type cut struct {
	from, to int
	text     string
}

func (m *mutator) mutant(what string, guarded []csource.Span, cuts ...cut) []mutant {
	if len(guarded) == 0 {
		return nil
	}
	text := m.Text()
	var out []byte
	done := 0
	for _, c := range cuts {
		out = append(append(out, text[done:c.from]...), c.text...)
		done = c.to
	}
	out = append(out, text[done:]...)
	moved := func(at int) int {
		d := 0
		for _, c := range cuts {
			switch {
			case at >= c.to:
				d += len(c.text) - (c.to - c.from)
			case at > c.from:
				d += c.from - at
			}
		}
		return at + d
	}
	mu := mutant{what: what, function: m.Str(m.fn.Name), text: out}
	for _, g := range guarded {
		from, to := m.Offsets(g)
		if a, b := moved(from), moved(to); a < b {
			mu.guarded = append(mu.guarded, [2]int{a, b})
		}
	}
	return []mutant{mu}
}

func (m *mutator) name(s csource.Span) string {
	from, _ := m.Offsets(s)
	text := strings.Join(strings.Fields(m.TextOf(s)), " ")
	if len(text) > 60 {
		text = text[:60] + "..."
	}
	return fmt.Sprintf("line %d: %s", m.Point(from).Line, text)
}

func (m *mutator) cut(s csource.Span, text string) cut {
	from, to := m.Offsets(s)
	return cut{from, to, text}
}

func (m *mutator) ofStatement(st *csource.Stmt) (out []mutant) {
	switch st.Kind {
	case csource.If:
		head := csource.Span{First: st.First, Last: st.Body.First - 1}
		vars := m.variables(st.Cond)
		body := st.Body
		if body.Kind == csource.Block && len(body.List) == 1 {
			body = body.List[0]
		}
		leaves := body.Kind == csource.Return || body.Kind == csource.Jump
		clamps := body.Kind == csource.Expr && m.assigns(body, vars)
		if st.Else == nil && (leaves || clamps) {
			guarded := m.uses(vars, csource.Span{First: st.Last + 1, Last: m.fn.Last})
			out = append(out, m.mutant(m.name(head), guarded, m.cut(st.Span, ";"))...)
		} else if st.Else == nil {
			// What it guarded is its body, which stays.
			guarded := m.uses(vars, st.Body.Span)
			out = append(out, m.mutant(m.name(head), guarded, m.cut(head, ""))...)
		} else {
			guarded := m.uses(vars, st.Body.Span)
			out = append(out, m.mutant(m.name(head)+" else", guarded, m.cut(head, ""), m.cut(csource.Span{First: st.Body.Last + 1, Last: st.Else.Last}, ""))...)
		}
		out = append(out, m.conjuncts(st.Cond, st, leaves)...)
	case csource.Loop:
		if st.Cond.OK() {
			out = append(out, m.conjuncts(st.Cond, st, false)...)
		}
	case csource.Decl:
		for _, d := range st.Declarations {
			if !d.Init.OK() || d.Name < 0 || !m.constant(d.Init) && !m.Is(d.Init.First, "{") {
				continue
			}
			name := m.Str(d.Name)
			guarded := m.uses(map[string]bool{name: true}, csource.Span{First: st.Last + 1, Last: m.fn.Last})
			out = append(out, m.mutant(m.name(d.Whole), guarded, m.cut(csource.Span{First: d.Init.First - 1, Last: d.Init.Last}, ""))...)
		}
	case csource.Expr:
		if m.Is(st.First, "memset", "__builtin_memset") && len(m.Args(st.First+1)) == 3 {
			vars := m.variables(m.Args(st.First + 1)[0])
			guarded := m.uses(vars, csource.Span{First: st.Last + 1, Last: m.fn.Last})
			out = append(out, m.mutant(m.name(st.Span), guarded, m.cut(st.Span, ";"))...)
		}
	}
	if st.Kind == csource.Expr || st.Kind == csource.Decl || st.Kind == csource.Return {
		out = append(out, m.masks(st)...)
	}
	return out
}

// conjuncts removes one operand of && (of || where the statement leaves).
func (m *mutator) conjuncts(cond csource.Span, st *csource.Stmt, leaves bool) (out []mutant) {
	for _, op := range []string{"&&", "||"} {
		parts := m.Conjuncts(cond, op)
		if len(parts) < 2 || (op == "||") != leaves {
			continue
		}
		for i, p := range parts {
			guarded := m.uses(m.variables(p), csource.Span{First: p.Last + 1, Last: st.Last})
			if st.Kind == csource.Loop {
				guarded = append(guarded, csource.Span{First: st.First, Last: st.First}) // that it ends
			}
			if leaves {
				guarded = m.uses(m.variables(p), csource.Span{First: p.Last + 1, Last: m.fn.Last})
			}
			c := csource.Span{First: p.First, Last: p.Last + 1}
			if i == len(parts)-1 {
				c = csource.Span{First: p.First - 1, Last: p.Last}
			}
			out = append(out, m.mutant(m.name(p), guarded, m.cut(c, ""))...)
		}
	}
	return out
}

// masks removes "& constant" and "% constant".
func (m *mutator) masks(st *csource.Stmt) (out []mutant) {
	for i := st.First; i <= st.Last; i++ {
		if !m.Is(i, "&", "%") || !m.Operand(i-1) || i+1 > st.Last || m.Tokens[i+1].Kind != csource.Number {
			continue
		}
		// What the masked value is used for: the expression around, and the variable that
		// it is assigned to.
		guarded := []csource.Span{}
		if e := m.around(csource.Span{First: i - 1, Last: i - 1}, st.Span); e.First < i-1 || e.Last > i {
			guarded = append(guarded, e)
		}
		vars := map[string]bool{}
		for _, d := range st.Declarations {
			if d.Init.Contains(csource.Span{First: i, Last: i}) {
				vars[m.Str(d.Name)] = true
			}
		}
		if left, op, _, ok := m.Binary(csource.Span{First: st.First, Last: st.Last - 1}); ok && m.Is(op, "=", "+=") && st.Kind == csource.Expr && op < i {
			vars[m.TextOf(left)] = true
		}
		guarded = append(guarded, m.uses(vars, csource.Span{First: st.Last + 1, Last: m.fn.Last})...)
		out = append(out, m.mutant(m.name(csource.Span{First: i - 1, Last: i + 1}), guarded, m.cut(csource.Span{First: i, Last: i + 1}, ""))...)
	}
	return out
}

// constant reports whether an initialiser is a number.
func (m *mutator) constant(e csource.Span) bool {
	return e.First == e.Last && m.Tokens[e.First].Kind == csource.Number
}

// assigns reports whether a statement gives one of the variables a new value.
func (m *mutator) assigns(st *csource.Stmt, vars map[string]bool) bool {
	left, op, _, ok := m.Binary(csource.Span{First: st.First, Last: st.Last - 1})
	return ok && m.Is(op, "=") && vars[m.TextOf(left)]
}

// variables are the local variables and parameters that an expression mentions, without
// those for the packet's end, which no access goes through.
func (m *mutator) variables(e csource.Span) map[string]bool {
	vars := map[string]bool{}
	for i := e.First; i <= e.Last; i++ {
		name := m.Str(i)
		if m.IsIdent(i) && !m.Is(i-1, ".", "->") && m.local(name) && !strings.Contains(name, "end") && name != "ctx" {
			vars[name] = true
		}
	}
	return vars
}

func (m *mutator) local(name string) bool {
	_, ok := m.declaration(name)
	return ok
}

func (m *mutator) declaration(name string) (d csource.Declarator, ok bool) {
	for _, p := range m.fn.Params {
		if m.Str(p.Name) == name {
			return p, true
		}
	}
	m.fn.Body.Walk(func(st *csource.Stmt) bool {
		for _, x := range st.Declarations {
			if m.Str(x.Name) == name {
				d, ok = x, true
			}
		}
		return true
	})
	return d, ok
}

// related adds the variables that are computed from one of vars, and of pointers also
// those that they were computed from: they point into the same memory.
func (m *mutator) related(vars map[string]bool) map[string]bool {
	all := map[string]bool{}
	for v := range vars {
		all[v] = true
	}
	pointer := func(name string) bool {
		d, ok := m.declaration(name)
		return ok && d.Pointers > 0
	}
	for changed := true; changed; {
		changed = false
		link := func(to string, from map[string]bool) {
			for f := range from {
				if all[f] && !all[to] && m.local(to) {
					all[to], changed = true, true
				}
				if all[to] && !all[f] && pointer(to) && pointer(f) {
					all[f], changed = true, true
				}
			}
		}
		m.fn.Body.Walk(func(st *csource.Stmt) bool {
			for _, d := range st.Declarations {
				if d.Init.OK() {
					link(m.Str(d.Name), m.variables(d.Init))
				}
			}
			if st.Kind == csource.Expr {
				if left, op, right, ok := m.Binary(csource.Span{First: st.First, Last: st.Last - 1}); ok && strings.HasSuffix(m.Str(op), "=") {
					e := left
					for m.Is(e.First, "*", "(") {
						e.First++
					}
					link(m.Str(e.First), m.variables(right))
				}
			}
			return true
		})
	}
	return all
}

// uses returns the expressions of a span in which a variable, or one computed from it,
// is used to get at memory, as an argument or as a divisor, and what functions of the
// file do with it that are called.
func (m *mutator) uses(vars map[string]bool, in csource.Span) []csource.Span {
	if len(vars) == 0 {
		return nil
	}
	all := m.related(vars)
	var out []csource.Span
	for i := in.First; i <= in.Last; i++ {
		if !m.IsIdent(i) || m.Is(i-1, ".", "->") || !all[m.Str(i)] {
			continue
		}
		st := m.fn.StmtAt(csource.Span{First: i, Last: i})
		if st == nil {
			continue
		}
		e := m.around(csource.Span{First: i, Last: i}, st.Span)
		out = append(out, e)
		out = append(out, m.callees(i, 0)...)
	}
	return append(out, m.callers(all)...)
}

// callers returns the uses, in functions that call this one, of the variables that it
// sets through a parameter (*out = p).
func (m *mutator) callers(vars map[string]bool) (out []csource.Span) {
	for n, p := range m.fn.Params {
		if p.Name < 0 || p.Pointers < 2 || !vars[m.Str(p.Name)] {
			continue
		}
		for _, fn := range m.Functions {
			for i := fn.Body.First; i <= fn.Last && fn != m.fn; i++ {
				if !m.Is(i, m.Str(m.fn.Name)) || !m.Is(i+1, "(") {
					continue
				}
				if args := m.Args(i + 1); n < len(args) && m.Is(args[n].First, "&") {
					caller := mutator{m.File, fn}
					set := map[string]bool{m.Str(args[n].First + 1): true}
					out = append(out, caller.uses(set, csource.Span{First: m.Match(i + 1), Last: fn.Last})...)
				}
			}
		}
	}
	return out
}

// callees returns the accesses in functions of the file that get token i as a part of
// an argument.
func (m *mutator) callees(i, depth int) (out []csource.Span) {
	if depth > 3 {
		return nil
	}
	for open := i - 1; open > m.fn.First; open-- {
		if !m.Is(open, "(") || m.Match(open) < i || !m.IsIdent(open-1) {
			continue
		}
		for _, fn := range m.Functions {
			if m.Str(fn.Name) != m.Str(open-1) {
				continue
			}
			for n, a := range m.Args(open) {
				if !a.Contains(csource.Span{First: i, Last: i}) || n >= len(fn.Params) {
					continue
				}
				inner := mutator{m.File, fn}
				out = append(out, inner.uses(map[string]bool{m.Str(fn.Params[n].Name): true}, fn.Body.Span)...)
			}
		}
	}
	return out
}

// around widens a use of a variable to the expression that accesses memory through it,
// or that it is a divisor or index of; within limits.
func (m *mutator) around(e, limits csource.Span) csource.Span {
	for {
		next := e
		next.Last = max(next.Last, m.PostfixEnd(e.First))
		switch before := e.First - 1; {
		case m.Is(before, "*", "&", "!", "-") && !m.Operand(before-1):
			next.First = before
		case m.Is(before, ")") && m.Match(before) >= 0 && m.IsCast(m.Match(before)):
			next.First = m.Match(before)
		default:
			// Inside brackets: the whole of what they belong to, but not a call.
			open := before
			for open >= limits.First && !m.Is(open, "(", "[", ";", "{", "}", ",", "=", "&&", "||", "?") {
				if m.Is(open, ")", "]") && m.Match(open) >= 0 {
					open = m.Match(open)
				}
				open--
			}
			if m.Is(open, "[") && m.Match(open) >= e.Last {
				next = csource.Span{First: m.PostfixStart(open - 1), Last: m.Match(open)}
			} else if m.Is(open, "(") && m.Match(open) >= e.Last && !m.IsIdent(open-1) && m.Is(m.Match(open)+1, "->", ".", "[") {
				next = csource.Span{First: open, Last: m.Match(open)}
			} else if m.Is(open, "(") && m.Match(open) >= e.Last && !m.IsIdent(open-1) && (m.Is(open-1, "*") || m.Is(open-1, ")") && m.IsCast(m.Match(open-1))) {
				next = csource.Span{First: open, Last: m.Match(open)}
			}
		}
		if next.First > e.First || next == e || !limits.Contains(next) {
			return e
		}
		e = next
	}
}

// overlaps reports whether a range of the mutant touches an expression that the removed
// code guarded.
func (mu *mutant) overlaps(from, to int) bool {
	return slices.ContainsFunc(mu.guarded, func(g [2]int) bool { return from < g[1] && g[0] < max(to, from+1) })
}
