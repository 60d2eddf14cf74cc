package repair

import (
	"bytes"
	"slices"
	"strings"

	"bpfls/csource"
	"bpfls/explain"
)

// style is how a function is written, so that an edit looks like what is around it.
type style struct {
	eol      string // "\n", "\r\n"
	unit     string // one level of indentation
	braces   bool   // around a body of one statement
	ownLine  bool   // an opening brace of a block stands in a line of its own
	sameLine bool   // a body of one statement stands behind its if
	notNull  string // how a pointer is compared with null: "!%s", "%s == NULL", "NULL == %s"
}

// styleOf reads the style of a function, of the whole file where the function does
// not tell.
func styleOf(f *csource.File, fn *csource.Function) style {
	s := style{eol: "\n", unit: "    ", notNull: "!%s"}
	if bytes.Contains(f.Text(), []byte("\r\n")) {
		s.eol = "\r\n"
	}
	functions := []*csource.Function{}
	if fn != nil {
		functions = append(functions, fn)
	}
	for _, other := range f.Functions {
		if other != fn {
			functions = append(functions, other)
		}
	}
	unit, braces, own, null := false, 0, 0, false
	for n, fn := range functions {
		if n > 0 && unit && braces != 0 && own != 0 {
			break
		}
		fn.Body.Walk(func(st *csource.Stmt) bool {
			if p := st.Parent; !unit && p != nil && p.Kind == csource.Block && st.Kind != csource.Label {
				outer, inner := indentation(f, lineOf(f, p.Last)), indentation(f, lineOf(f, st.First))
				if rest, ok := strings.CutPrefix(inner, outer); ok && rest != "" && firstOfLine(f, st.First) {
					s.unit, unit = rest, true
				}
			}
			if st.Kind != csource.If {
				return true
			}
			if st.Body != nil && st.Body.Kind == csource.Block {
				if own == 0 {
					own = 1
					if lineOf(f, st.Body.First) != lineOf(f, st.Body.First-1) {
						own = 2
					}
				}
				if len(st.Body.List) == 1 && braces == 0 {
					braces = 2
				}
			} else if st.Body != nil && braces == 0 {
				braces = 1
				s.sameLine = lineOf(f, st.Body.First) == lineOf(f, st.First)
			}
			if text := f.TextOf(st.Cond); !null && strings.Contains(text, "NULL") && strings.Contains(text, "==") {
				s.notNull, null = "%s == NULL", true
				if strings.HasPrefix(text, "NULL") {
					s.notNull = "NULL == %s"
				}
			} else if !null && strings.HasPrefix(text, "!") {
				null = true
			}
			return true
		})
	}
	s.braces, s.ownLine = braces == 2, own == 2
	return s
}

// indentation is the white space that a line begins with.
func indentation(f *csource.File, line int) string {
	text := f.Line(line)
	return string(text[:len(text)-len(bytes.TrimLeft(text, " \t"))])
}

// firstOfLine reports whether only white space stands before a token in its line.
func firstOfLine(f *csource.File, token int) bool {
	p := f.Point(f.Tokens[token].Start)
	return len(bytes.TrimLeft(f.Line(p.Line)[:p.Column-1], " \t")) == 0
}

// ifThen writes an if statement without the indentation of its first line.
func (s style) ifThen(indent, cond, then string) string {
	head := "if (" + cond + ")"
	switch {
	case s.braces && s.ownLine:
		return head + s.eol + indent + "{" + s.eol + indent + s.unit + then + s.eol + indent + "}"
	case s.braces:
		return head + " {" + s.eol + indent + s.unit + then + s.eol + indent + "}"
	case s.sameLine:
		return head + " " + then
	}
	return head + s.eol + indent + s.unit + then
}

// before makes the edit that puts statements before st. Where st is the body of an if
// or a loop without braces, braces are put around.
func (w *worker) before(path string, st *csource.Stmt, s style, statements func(indent string) string) []explain.Edit {
	f := w.files[path]
	from, to := f.Offsets(st.Span)
	p := st.Parent
	if p != nil && p.Kind == csource.If && p.Else == st && st.Kind == csource.If {
		return w.before(path, p, s, statements) // else if: before the whole chain
	}
	if p != nil && (p.Kind == csource.Block || p.Kind == csource.Switch) {
		indent := indentation(f, lineOf(f, st.First))
		return []explain.Edit{w.insert(path, from, statements(indent)+s.eol+indent)}
	}
	if p == nil {
		return nil
	}
	outer := indentation(f, lineOf(f, p.First))
	inner := outer + s.unit
	open := "{" + s.eol + inner
	behind := f.Tokens[st.First-1].End
	lead := " "
	if s.ownLine {
		lead = s.eol + outer
	}
	return []explain.Edit{
		edit(path, f, behind, from, lead+open+statements(inner)+s.eol+inner),
		w.insert(path, to, s.eol+outer+"}"),
	}
}

// after makes the edit that puts statements behind st, which stands in a block.
func (w *worker) after(path string, st *csource.Stmt, s style, statements func(indent string) string) []explain.Edit {
	f := w.files[path]
	if st.Parent == nil || st.Parent.Kind != csource.Block {
		return nil
	}
	indent := indentation(f, lineOf(f, st.First))
	_, to := f.Offsets(st.Span)
	return []explain.Edit{w.insert(path, to, s.eol+indent+statements(indent))}
}

// exits returns what the function does where it gives up, the most usual first: the
// bodies of its ifs that are a single return, goto, break or continue, then what is
// returned at its end.
func (w *worker) exits(f *csource.File, fn *csource.Function, at *csource.Stmt) []string {
	type exit struct {
		text  string
		count int
	}
	var found []exit
	add := func(text string, weight int) {
		text = strings.TrimSpace(text)
		for i := range found {
			if found[i].text == text {
				found[i].count += weight
				return
			}
		}
		found = append(found, exit{text, weight})
	}
	inLoop := func(st *csource.Stmt) *csource.Stmt {
		for p := st.Parent; p != nil; p = p.Parent {
			if p.Kind == csource.Loop || p.Kind == csource.Switch {
				return p
			}
		}
		return nil
	}
	fn.Body.Walk(func(st *csource.Stmt) bool {
		if st.Kind != csource.If || st.Body == nil || st.Else != nil {
			return true
		}
		body := st.Body
		if body.Kind == csource.Block && len(body.List) == 1 {
			body = body.List[0]
		}
		weight := 1
		switch cond := f.TextOf(st.Cond); {
		case body.Kind != csource.Return && body.Kind != csource.Jump:
			return true
		case f.Is(body.First, "break", "continue") && (inLoop(st) == nil || inLoop(st) != inLoop(at)):
			return true
		case strings.Contains(cond, "end") || strings.HasPrefix(cond, "!") || strings.Contains(cond, "NULL") || strings.Contains(cond, "< 0"):
			weight = 4 // an error
		}
		if body.Kind == csource.Return && !usable(f, fn, body.Value, at) {
			return true
		}
		add(f.TextOf(body.Span), weight)
		return true
	})
	slices.SortStableFunc(found, func(a, b exit) int { return b.count - a.count })
	if n := len(fn.Body.List); n > 0 {
		if last := fn.Body.List[n-1]; last.Kind == csource.Return && last != at && usable(f, fn, last.Value, at) {
			add(f.TextOf(last.Span), 0)
		}
	}
	if len(found) == 0 {
		if name := w.harmless(fn); name != "" {
			add("return "+name+";", 0)
		} else if fn.Name > 0 && f.Is(fn.Name-1, "void") {
			add("return;", 0)
		} else {
			add("return 0;", 0)
		}
	}
	var out []string
	for _, e := range found {
		out = append(out, e.text)
	}
	return out
}

// usable reports whether what a return gives can be returned before a statement too:
// it is a constant, or a variable that was declared by then.
func usable(f *csource.File, fn *csource.Function, e csource.Span, at *csource.Stmt) bool {
	for i := e.First; i <= e.Last; i++ {
		if !f.IsIdent(i) {
			if f.Tokens[i].Kind == csource.Punct && !f.Is(i, "-", "(", ")", "|", "<<", "~") {
				return false
			}
			continue
		}
		if f.Is(i+1, "(") && !f.Macros[f.Str(i)] {
			return false
		}
		late := false
		fn.Body.Walk(func(st *csource.Stmt) bool {
			for _, d := range st.Declarations {
				late = late || f.Str(d.Name) == f.Str(i) && st.First >= at.First
			}
			return true
		})
		if late {
			return false
		}
	}
	return true
}

// harmless is what a program returns that lets everything pass, where the hook has a
// constant for that and the sources know it.
func (w *worker) harmless(fn *csource.Function) string {
	names := map[string][]string{"xdp": {"XDP_PASS"}, "sched_cls": {"TC_ACT_OK"}, "bind": {"BIND_PERMIT", "BIND_PERMIT_SOFT"}}
	if w.s.Type == nil || w.file.Str(fn.Name) != w.s.Report.Function {
		return ""
	}
	for _, name := range names[w.s.Type.Name] {
		for _, path := range w.s.paths() {
			g := w.source(path)
			if g == nil {
				continue
			}
			for i := range g.Tokens {
				if g.Is(i, name) {
					return name
				}
			}
		}
	}
	return ""
}
