package repair

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"bpfls/csource"
	"bpfls/explain"
	"bpfls/verifier"
)

// end is an expression for the end of the packet, as a function spells it.
type end struct{ text, typ string }

// contextField is the name of the member at an offset of the context.
func (w *worker) contextField(offset int, otherwise string) string {
	if w.s.Program != nil && w.s.Program.Context != nil {
		for _, m := range w.s.Program.Context.Members {
			if m.Offset == offset && m.Bits == 0 {
				return m.Name
			}
		}
	}
	return otherwise
}

func (w *worker) endField() string {
	if w.s.Type == nil || w.s.Type.Context == nil {
		return "data_end"
	}
	return w.contextField(w.s.Type.Context.End, "data_end")
}

func (w *worker) startField() string {
	if w.s.Type == nil || w.s.Type.Context == nil {
		return "data"
	}
	return w.contextField(w.s.Type.Context.Data, "data")
}

// ends returns the expressions for the packet's end that can be used at a statement.
func (w *worker) ends(fn *csource.Function, st *csource.Stmt) []end {
	f := w.file
	field := w.endField()
	var out []end
	add := func(d *csource.Declarator) {
		if d.Pointers > 0 && !d.Array.OK() {
			out = append(out, end{f.Str(d.Name), typeOf(f, d)})
		}
	}
	fn.Body.Walk(func(s *csource.Stmt) bool {
		if s.First >= st.First || s.Parent != nil && !s.Parent.Contains(st.Span) {
			return true
		}
		for i := range s.Declarations {
			d := &s.Declarations[i]
			if d.Init.OK() && f.MentionsMember(d.Init, field) || strings.Contains(strings.ToLower(f.Str(d.Name)), "end") {
				add(d)
			}
		}
		return true
	})
	for i := range fn.Params {
		if d := &fn.Params[i]; d.Name >= 0 && strings.Contains(strings.ToLower(f.Str(d.Name)), "end") {
			add(d)
		}
	}
	// The member itself.
	for i := fn.First; i <= fn.Last; i++ {
		if !f.IsIdent(i) || f.Str(i) != field || !f.Is(i-1, "->", ".") || f.Is(i+1, "=") {
			continue
		}
		e := csource.Span{First: f.PostfixStart(i), Last: i}
		typ := "void *"
		for f.Is(e.First-1, ")") && f.Match(e.First-1) > 0 && f.IsCast(f.Match(e.First-1)) {
			cast := csource.Span{First: f.Match(e.First-1) + 1, Last: e.First - 2}
			e.First = f.Match(e.First - 1)
			typ = f.TextOf(cast)
		}
		out = append(out, end{f.TextOf(e), typ})
		break
	}
	if len(out) == 0 && w.s.Program != nil && w.s.Program.Context != nil {
		// The context, if it is a parameter.
		for i := range fn.Params {
			d := &fn.Params[i]
			if d.Pointers != 1 || !strings.Contains(w.s.Program.ContextType, f.Str(d.Type.Last)) {
				continue
			}
			if m, ok := w.s.Program.Context.Lookup(field); ok && m.Pointer {
				out = append(out, end{f.Str(d.Name) + "->" + field, m.Type})
			} else if ok {
				out = append(out, end{"(void *)(long)" + f.Str(d.Name) + "->" + field, "void *"})
			}
		}
	}
	return out
}

// packetChecks raises a check of the packet's length, or adds one before the access.
func (w *worker) packetChecks() []candidate {
	if w.fn == nil || w.stmt == nil {
		return nil
	}
	raised := w.raise(w.fn, w.stmt)
	var added []candidate
	ends := w.ends(w.fn, w.stmt)
	for _, e := range ends[:min(len(ends), 2)] {
		for _, cond := range w.conditions(e) {
			added = append(added, w.guards(w.fn, w.stmt, "check the packet's length before the access", cond)...)
		}
	}
	if len(raised) > 0 && w.sameBase(w.fn) {
		added = append(raised, added...)
	} else {
		added = append(added, raised...)
	}
	// The access is in a function that is called: the program checks, or those between.
	functions := slices.Clone(w.file.Functions)
	slices.SortStableFunc(functions, func(a, b *csource.Function) int { return w.programs(b) - w.programs(a) })
	for _, g := range functions {
		if st := w.calling(g); g != w.fn && st != nil {
			added = append(added, w.raise(g, st)...)
		}
	}
	// A loop whose condition reads the packet.
	if w.stmt.Kind == csource.Loop && w.stmt.Cond.Contains(w.at) {
		for _, e := range ends[:min(len(ends), 1)] {
			for _, cond := range w.conditions(e) {
				cond = strings.Replace(cond, " > ", " <= ", 1)
				from, _ := w.file.Offsets(w.stmt.Cond)
				added = append(added, candidate{"check the packet's length in the loop's condition", Change{Edits: []explain.Edit{w.insert(w.path, from, cond+" && ")}}})
			}
		}
	}
	return added
}

// programs is 1 for the program's own function and 0 for others.
func (w *worker) programs(g *csource.Function) int {
	if w.file.Str(g.Name) == w.s.Report.Function {
		return 1
	}
	return 0
}

// calling is the statement of a function that calls the function of the finding; of the
// program's, which may call it through others, otherwise the last one.
func (w *worker) calling(g *csource.Function) *csource.Stmt {
	name := w.file.Str(w.fn.Name)
	for i := g.Body.First; i <= g.Last; i++ {
		if w.file.Is(i, name) && w.file.Is(i+1, "(") {
			if st := g.StmtAt(csource.Span{First: i, Last: i}); st != nil {
				return st
			}
		}
	}
	if n := len(g.Body.List); w.programs(g) > 0 && n > 0 {
		return g.Body.List[n-1]
	}
	return nil
}

// conditions are C expressions that are true where the access leaves the packet.
func (w *worker) conditions(e end) []string {
	f := w.file
	cast := func(x string) string { return "(" + e.typ + ")" + x + " > " + e.text }
	var out []string
	a := f.Unparen(w.at)
	_, hi, known := w.bytes()
	switch {
	case f.Is(a.First, "*") && f.UnaryEnd(a.First) == a.Last:
		pointer := csource.Span{First: a.First + 1, Last: a.Last}
		inner := f.Uncast(pointer)
		if left, op, right, ok := f.Binary(inner); ok && f.Is(op, "+") && f.Tokens[right.First].Kind == csource.Number && right.First == right.Last && w.bytePointer(left) {
			if n, err := strconv.ParseInt(f.TextOf(right), 0, 64); err == nil && w.check.Width > 0 {
				out = append(out, w.compare(e, f.TextOf(left)+" + "+strconv.FormatInt(n+int64(w.check.Width), 10), left))
			}
		}
		if simple(f, pointer) {
			if w.bytePointer(pointer) {
				out = append(out, w.compare(e, next(f, pointer), pointer))
			}
		}
		out = append(out, cast("("+next(f, pointer)+")"))
	case f.PostfixEnd(a.First) == a.Last || simple(f, a):
		arrow, bracket := -1, -1
		for i := a.First; i <= a.Last; i++ {
			if f.Is(i, "(", "[") && f.Match(i) > 0 && f.Match(i) <= a.Last {
				if f.Is(i, "[") {
					bracket = i
				}
				i = f.Match(i)
			} else if f.Is(i, "->") {
				arrow = i
			}
		}
		switch {
		case arrow > 0:
			base := csource.Span{First: a.First, Last: arrow - 1}
			out = append(out, cast("("+f.TextOf(base)+" + 1)"))
		case bracket > 0 && f.Match(bracket) == a.Last:
			base := csource.Span{First: a.First, Last: bracket - 1}
			index := csource.Span{First: bracket + 1, Last: a.Last - 1}
			if effects(f, index) {
				return nil
			}
			if w.bytePointer(base) {
				if n, err := strconv.ParseInt(f.TextOf(index), 0, 64); err == nil {
					out = append(out, w.compare(e, fmt.Sprintf("%s + %d", f.TextOf(base), n+1), base))
				} else {
					out = append(out, w.compare(e, f.TextOf(base)+" + "+next(f, index), base))
				}
			}
		}
		out = append(out, cast("(&"+f.TextOf(a)+" + 1)"))
	default:
		if w.check.Other > 0 || w.check.Width > 0 { // an argument of a helper
			out = append(out, cast("("+f.TextOf(a)+" + 1)"))
		}
	}
	// In bytes from the packet's start.
	if known && w.value.Offset.Lo == w.value.Offset.Hi {
		if d := w.start(); d != nil {
			out = append(out, w.compareText(e, f.Str(d.Name)+" + "+strconv.FormatInt(hi+1, 10), typeOf(f, d)))
		}
	}
	return out
}

// start returns the variable that holds the packet's start.
func (w *worker) start() *csource.Declarator {
	f := w.file
	var found *csource.Declarator
	w.fn.Body.Walk(func(s *csource.Stmt) bool {
		for i := range s.Declarations {
			d := &s.Declarations[i]
			if d.Init.OK() && found == nil && s.First < w.stmt.First && f.MentionsMember(d.Init, w.startField()) && w.byteType(typeOf(f, d)) {
				found = d
			}
		}
		return true
	})
	return found
}

// compare is "pointer > end", with a cast where the types differ.
func (w *worker) compare(e end, pointer string, base csource.Span) string {
	typ := ""
	if base = w.file.Uncast(base); base.First == base.Last {
		if d, _ := declarator(w.file, w.fn, w.file.TextOf(base)); d != nil {
			typ = typeOf(w.file, d)
		}
	}
	return w.compareText(e, pointer, typ)
}

func (w *worker) compareText(e end, pointer, typ string) string {
	same := strings.ReplaceAll(typ, " ", "") == strings.ReplaceAll(e.typ, " ", "")
	void := strings.ReplaceAll(typ, " ", "") == "void*" || strings.ReplaceAll(e.typ, " ", "") == "void*"
	if same || void {
		return pointer + " > " + e.text
	}
	return "(" + e.typ + ")(" + pointer + ") > " + e.text
}

// next is the C expression for one more than an expression: "p + 1" of p, "p + 2" of p + 1.
func next(f *csource.File, e csource.Span) string {
	number := func(e csource.Span) (int64, bool) {
		if !e.OK() || e.First != e.Last || f.Tokens[e.First].Kind != csource.Number {
			return 0, false
		}
		n, err := strconv.ParseInt(f.TextOf(e), 0, 64)
		return n, err == nil && n < math.MaxInt32
	}
	inner := f.Unparen(e)
	if n, ok := number(inner); ok {
		return strconv.FormatInt(n+1, 10)
	}
	left, op, right, binary := f.Binary(inner)
	n, constant := number(right)
	switch {
	case !binary:
		return f.TextOf(e) + " + 1"
	case constant && f.Is(op, "+"):
		return f.TextOf(left) + " + " + strconv.FormatInt(n+1, 10)
	case constant && f.Is(op, "-") && n == 1:
		return f.TextOf(left)
	}
	return "(" + f.TextOf(inner) + ") + 1"
}

func paren(f *csource.File, e csource.Span) string {
	if f.PostfixEnd(e.First) == e.Last {
		return f.TextOf(e)
	}
	return "(" + f.TextOf(e) + ")"
}

// bytePointer reports whether adding a number to an expression adds bytes, as far as
// the declaration of a variable tells.
func (w *worker) bytePointer(e csource.Span) bool {
	e = w.file.Unparen(e)
	if e.First != e.Last || w.fn == nil {
		return false
	}
	d, _ := declarator(w.file, w.fn, w.file.TextOf(e))
	return d != nil && w.byteType(typeOf(w.file, d))
}

func (w *worker) byteType(t string) bool {
	switch strings.ReplaceAll(t, " ", "") {
	case "void*", "char*", "unsignedchar*", "signedchar*", "uint8_t*", "int8_t*", "u8*", "__u8*", "BYTE*", "UINT8*":
		return true
	}
	return false
}

// sameBase reports whether the access and a check of the function begin with the same
// variable.
func (w *worker) sameBase(fn *csource.Function) bool {
	f := w.file
	base := f.Uncast(w.at)
	for f.Is(base.First, "*", "&", "(") && base.First < base.Last {
		base.First++
		base = f.Uncast(base)
	}
	name := f.Str(base.First)
	same := false
	fn.Body.Walk(func(st *csource.Stmt) bool {
		if st.Kind == csource.If && st.First < w.stmt.First && f.Mentions(st.Cond, name) && w.lengthCheck(st.Cond) {
			same = true
		}
		return true
	})
	return same
}

// lengthCheck reports whether a condition compares with the packet's end.
func (w *worker) lengthCheck(e csource.Span) bool {
	f := w.file
	for i := e.First; i <= e.Last; i++ {
		if f.IsIdent(i) && (f.Str(i) == w.endField() || strings.Contains(strings.ToLower(f.Str(i)), "end")) {
			return true
		}
	}
	return false
}

// raise makes candidates that demand more bytes in the checks of a function before a
// statement, the nearest first.
func (w *worker) raise(fn *csource.Function, before *csource.Stmt) []candidate {
	f := w.file
	_, hi, known := w.bytes()
	if !known || w.state == nil {
		return nil
	}
	have := int64(0)
	if size := w.state.PacketSize(); !size.LoInf {
		have = size.Lo
	}
	hi = max(hi, w.furthest())
	delta := hi + 1 - have
	if delta <= 0 || delta > 9000 || have <= 0 {
		return nil
	}
	var out []candidate
	fn.Body.Walk(func(st *csource.Stmt) bool {
		if st.Kind != csource.If || st.First >= before.First || !w.lengthCheck(st.Cond) {
			return true
		}
		title := fmt.Sprintf("raise the check in line %d to %d bytes", lineOf(f, st.Cond.First), hi+1)
		for _, or := range f.Conjuncts(st.Cond, "||") {
			for _, c := range f.Conjuncts(or, "&&") {
				if e, ok := w.raised(c, delta); ok {
					out = append([]candidate{{title, Change{Edits: []explain.Edit{e}}}}, out...)
				}
			}
		}
		return true
	})
	return out
}

// furthest is the last byte of the packet that copies of the finding's expression were
// not proven to find, as far as bounds of it are known.
func (w *worker) furthest() int64 {
	at, ok := w.s.Program.Line(w.point.Slot)
	if !ok || at.Line == 0 {
		return 0
	}
	last := int64(0)
	for _, c := range w.s.Result.Unproven() {
		l, ok := w.s.Program.Line(c.Point.Slot)
		k := &c.Status.Check
		if !ok || l.File != at.File || l.Line != at.Line || l.Column != at.Column || k.Reg < 0 || k.Other >= 0 {
			continue
		}
		st := w.s.Result.Before(c.Point)
		if st == nil || st.Bottom() {
			continue
		}
		if v := st.Register(int(k.Reg)); v.Types == verifier.TypePacket && finite(v.Offset) {
			last = max(last, v.Offset.Hi+int64(k.Offset)+int64(max(k.Width, 1))-1)
		}
	}
	return last
}

// raised makes a comparison with the packet's end demand delta more bytes.
func (w *worker) raised(c csource.Span, delta int64) (explain.Edit, bool) {
	f := w.file
	left, op, right, ok := f.Binary(c)
	if !ok || !f.Is(op, "<", ">", "<=", ">=") {
		return explain.Edit{}, false
	}
	side := left
	if w.lengthCheck(left) {
		side = right
	}
	inner := f.Unparen(side)
	if n, err := strconv.ParseInt(strings.TrimRight(f.TextOf(inner), "uUlL"), 0, 64); err == nil && inner.First == inner.Last {
		return w.replace(w.path, inner, strconv.FormatInt(n+delta, 10)), true
	}
	if _, plus, n, ok := f.Binary(inner); ok && f.Is(plus, "+") && n.First == n.Last {
		if x, err := strconv.ParseInt(strings.TrimRight(f.TextOf(n), "uUlL"), 0, 64); err == nil && !f.IsCast(inner.First) {
			return w.replace(w.path, n, strconv.FormatInt(x+delta, 10)), true
		}
	}
	_, to := f.Offsets(side)
	return w.insert(w.path, to, " + "+strconv.FormatInt(delta, 10)), true
}

// reload sets the pointers into the packet anew behind a call that may move it, and
// checks the packet's length again.
func (w *worker) reload() []candidate {
	if w.fn == nil || w.stmt == nil {
		return nil
	}
	f := w.file
	var out []candidate
	// Statements before the access, in blocks around it: what sets pointers from the
	// context or from other such pointers, and the checks of the length.
	packet := map[string]bool{w.startField(): true, w.endField(): true}
	var again []string
	w.fn.Body.Walk(func(st *csource.Stmt) bool {
		if st.First >= w.stmt.First || st.Parent == nil || st.Parent.Kind != csource.Block || !st.Parent.Contains(w.stmt.Span) {
			return true
		}
		switch {
		case st.Kind == csource.Decl:
			for i := range st.Declarations {
				d := &st.Declarations[i]
				if d.Init.OK() && d.Pointers > 0 && mentionsAny(f, d.Init, packet) && !effects(f, d.Init) {
					packet[f.Str(d.Name)] = true
					again = append(again, f.Str(d.Name)+" = "+f.TextOf(d.Init)+";")
				}
			}
		case st.Kind == csource.If && st.Else == nil && w.lengthCheck(st.Cond) && mentionsAny(f, st.Cond, packet):
			again = append(again, f.TextOf(st.Span))
		case st.Kind == csource.Expr:
			if left, op, right, ok := f.Binary(csource.Span{First: st.First, Last: st.Last - 1}); ok && f.Is(op, "=") && simple(f, left) && mentionsAny(f, right, packet) && !effects(f, right) {
				packet[f.TextOf(left)] = true
				again = append(again, f.TextOf(st.Span))
			}
		}
		// Behind this statement, if it calls something.
		if calls(f, st) && len(again) > 0 && (st.Kind == csource.Expr || st.Kind == csource.If || st.Kind == csource.Decl) && st.Kind != csource.Block {
			lines := append([]string(nil), again...)
			s := styleOf(f, w.fn)
			edits := w.after(w.path, st, s, func(indent string) string { return strings.Join(lines, s.eol+indent) })
			out = append([]candidate{{"load the packet's pointers again, which the call made invalid", Change{Edits: edits}}}, out...)
		}
		return true
	})
	return out
}

func mentionsAny(f *csource.File, e csource.Span, names map[string]bool) bool {
	for i := e.First; i <= e.Last; i++ {
		if f.IsIdent(i) && names[f.Str(i)] {
			return true
		}
	}
	return false
}

// calls reports whether a statement calls a function, other than in its body.
func calls(f *csource.File, st *csource.Stmt) bool {
	last := st.Last
	if st.Body != nil {
		last = st.Body.First - 1
	}
	for i := st.First; i <= last; i++ {
		if f.IsIdent(i) && f.Is(i+1, "(") && !f.Is(i, "if", "while", "for", "switch", "sizeof", "return") {
			return true
		}
	}
	return false
}
