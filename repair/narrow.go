package repair

import (
	"bpfls/csource"
	"bpfls/explain"
)

// narrowed are changes for a value of which only the low bits were compared, by a cast
// or in a smaller variable, and all bits are used: to compare them all, or to use what
// was compared.
func (w *worker) narrowed() []candidate {
	if w.fn == nil || w.stmt == nil {
		return nil
	}
	f := w.file
	var out []candidate
	copies := map[string]string{} // smaller variables by what was put there
	compared := func(cond csource.Span) {
		for i := cond.First; i <= cond.Last; i++ {
			// A cast of what the access uses.
			if end := f.Match(i); f.IsCast(i) {
				operand := csource.Span{First: end + 1, Last: f.UnaryEnd(end + 1)}
				uses := w.usesOf(operand)
				if len(uses) == 0 {
					continue
				}
				text, cast := f.TextOf(operand), csource.Span{First: i, Last: end}
				out = append(out, candidate{"compare all bits of " + text, Change{Edits: []explain.Edit{w.replace(w.path, cast, "")}}})
				var edits []explain.Edit
				for _, u := range uses {
					edits = append(edits, w.replace(w.path, u, f.TextOf(cast)+text))
				}
				out = append(out, candidate{"use only the bits of " + text + " that were compared", Change{Edits: edits}})
			}
			for value, name := range copies {
				if f.Str(i) != name || !f.IsIdent(i) || f.Is(i-1, "->", ".") {
					continue
				}
				var edits []explain.Edit
				for _, u := range w.usesOfText(value) {
					edits = append(edits, w.replace(w.path, u, name))
				}
				if len(edits) > 0 {
					out = append(out, candidate{"use " + name + ", which was compared, and not " + value, Change{Edits: edits}})
					out = append(out, candidate{"compare " + value + " and not " + name,
						Change{Edits: []explain.Edit{w.replace(w.path, csource.Span{First: i, Last: i}, value)}}})
				}
			}
		}
	}
	w.fn.Body.Walk(func(st *csource.Stmt) bool {
		if st.First > w.stmt.First || st.Parent != nil && !st.Parent.Contains(w.stmt.Span) {
			return true
		}
		for i := range st.Declarations {
			d := &st.Declarations[i]
			if value := f.Uncast(d.Init); d.Init.OK() && d.Pointers == 0 && !d.Array.OK() && simple(f, value) {
				copies[f.TextOf(value)] = f.Str(d.Name)
			}
		}
		if st.Kind == csource.If || st.Kind == csource.Loop {
			compared(st.Cond)
		}
		return true
	})
	return out
}

// usesOf lists where the finding's expression, or an index in it, is spelled as e is.
func (w *worker) usesOf(e csource.Span) []csource.Span {
	if !e.OK() || !simple(w.file, e) {
		return nil
	}
	return w.usesOfText(w.file.TextOf(e))
}

func (w *worker) usesOfText(text string) []csource.Span {
	f := w.file
	var out []csource.Span
	for i := w.at.First; i <= w.at.Last; i++ {
		if !f.IsIdent(i) || f.Is(i-1, "->", ".") {
			continue
		}
		for last := i; last <= w.at.Last; last++ {
			if e := (csource.Span{First: i, Last: last}); f.TextOf(e) == text && !f.Is(last+1, "->", ".", "(") {
				out = append(out, e)
				break
			}
		}
	}
	return out
}
