package repair

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"bpfls/csource"
	"bpfls/explain"
	"bpfls/platform"
	"bpfls/verifier"
)

// fixable are the codes that candidates knows changes for.
var fixable = map[string]bool{
	"BPF-not-optimized": true, "BPF-no-hook": true, "BPF-maybe-null": true, "BPF-packet-bounds": true,
	"BPF-map-value-bounds": true, "BPF-stack-bounds": true, "BPF-memory-bounds": true, "BPF-map-index": true,
	"BPF-size-argument": true, "BPF-uninitialized-bytes": true, "BPF-uninitialized-value": true, "BPF-return-value": true,
	"BPF-not-a-number": true, "BPF-pointer-argument": true, "BPF-number-argument": true, "BPF-not-a-pointer": true,
	"BPF-pointer-comparison": true, "BPF-pointer-arithmetic": true, "BPF-division-by-zero": true,
	"BPF-map-type": true, "BPF-map-argument": true, "BPF-context-argument": true,
	"BPF-behind-stack": true,
}

// candidates lists changes that may make the finding go away, the most natural first.
func (w *worker) candidates() []candidate {
	var out []candidate
	if w.finding.Code == "BPF-not-optimized" {
		return w.optimise()
	}
	if w.file == nil || w.at.First < 0 {
		return nil
	}
	switch w.finding.Code {
	case "BPF-no-hook":
		out = w.declareHook()
	case "BPF-maybe-null":
		out = append(w.checkNull(), w.checkNullOfMember()...)
	case "BPF-packet-bounds":
		out = append(w.lowerChecks(), w.packetChecks()...)
	case "BPF-map-value-bounds", "BPF-stack-bounds", "BPF-memory-bounds", "BPF-map-index":
		out = slices.Concat(w.sizeOfMap(), w.lowerChecks(), w.indexChecks(), w.sizeChecks())
	case "BPF-size-argument":
		out = w.sizeChecks()
	case "BPF-behind-stack":
		out = w.sizeOfMap()
	case "BPF-uninitialized-bytes", "BPF-uninitialized-value", "BPF-return-value", "BPF-not-a-number", "BPF-pointer-argument", "BPF-number-argument":
		out = append(w.sizeOfMap(), w.initialise()...)
		if w.finding.Code == "BPF-pointer-argument" {
			out = append(append(w.checkNull(), w.reload()...), out...)
		}
	case "BPF-not-a-pointer", "BPF-pointer-comparison", "BPF-pointer-arithmetic":
		out = append(w.reload(), w.initialise()...)
	case "BPF-division-by-zero":
		out = w.checkDivisor()
	case "BPF-map-type", "BPF-map-argument":
		out = w.mapType()
	}
	switch w.finding.Code {
	case "BPF-packet-bounds", "BPF-map-value-bounds", "BPF-stack-bounds", "BPF-memory-bounds", "BPF-size-argument":
		out = append(w.narrowed(), append(out, w.barriers()...)...)
	}
	out = append(w.swapArguments(), out...)
	var unique []candidate
	seen := map[string]bool{}
	for _, c := range out {
		if k := w.effect(c.change); !seen[k] {
			seen[k] = true
			unique = append(unique, c)
		}
	}
	return unique
}

// effect is what a change makes of the sources, so that two ways to make the same text
// are tried once.
func (w *worker) effect(c Change) string {
	byFile := map[string][]explain.Edit{}
	for _, e := range c.Edits {
		byFile[e.Range.File] = append(byFile[e.Range.File], e)
	}
	var b strings.Builder
	fmt.Fprint(&b, c.Flags)
	for _, path := range slices.Sorted(maps.Keys(byFile)) {
		if f := w.source(path); f != nil {
			text, err := Apply(f.Text(), byFile[path])
			fmt.Fprintf(&b, "\x00%s\x00%s\x00%v", path, text, err)
		}
	}
	return b.String()
}

// guards makes candidates that leave the function before a statement where cond is
// true, one for each of the ways in which the function gives up.
func (w *worker) guards(fn *csource.Function, st *csource.Stmt, title, cond string) []candidate {
	if fn == nil || st == nil {
		return nil
	}
	f := w.file
	s := styleOf(f, fn)
	var out []candidate
	exits := w.exits(f, fn, st)
	for _, exit := range exits[:min(len(exits), 2)] {
		edits := w.before(w.path, st, s, func(indent string) string { return s.ifThen(indent, cond, exit) })
		out = append(out, candidate{title, Change{Edits: edits}})
	}
	return out
}

// checkNull compares the pointer with null behind the statement that sets it, or
// before its use.
func (w *worker) checkNull() []candidate {
	if w.fn == nil || w.stmt == nil {
		return nil
	}
	f := w.file
	e := f.Uncast(w.at)
	if f.Is(e.First, "&") {
		return nil
	}
	name := f.TextOf(e)
	if !simple(f, e) {
		return nil
	}
	s := styleOf(f, w.fn)
	cond := strings.ReplaceAll(s.notNull, "%s", name)
	title := "check " + name + " for null before its use"
	var out []candidate
	if set := w.setter(name); set != nil {
		exits := w.exits(f, w.fn, w.stmt)
		for _, exit := range exits[:min(len(exits), 2)] {
			edits := w.after(w.path, set, s, func(indent string) string { return s.ifThen(indent, cond, exit) })
			out = append(out, candidate{title, Change{Edits: edits}})
		}
	}
	out = append(out, w.guards(w.fn, w.stmt, title, cond)...)
	// Or only this statement is left out.
	if w.stmt.Kind == csource.Expr {
		indent := indentation(f, lineOf(f, w.stmt.First))
		from, to := f.Offsets(w.stmt.Span)
		text := s.ifThen(indent, name, f.TextOf(w.stmt.Span))
		out = append(out, candidate{"leave the statement out where " + name + " is null", Change{Edits: []explain.Edit{edit(w.path, f, from, to, text)}}})
	}
	return out
}

// checkNullOfMember does the same for the variable that an expression like v->list[i]
// begins with.
func (w *worker) checkNullOfMember() []candidate {
	f := w.file
	e := f.Uncast(w.at)
	for f.Is(e.First, "*", "&", "(") {
		e.First++
	}
	if w.fn == nil || !f.IsIdent(e.First) || simple(f, f.Uncast(w.at)) {
		return nil
	}
	saved := w.at
	defer func() { w.at = saved }()
	if f.Is(e.First+1, "(") { // a builtin that works on memory: its first argument
		args := f.Args(e.First + 1)
		if len(args) == 0 {
			return nil
		}
		w.at = args[0]
		return w.checkNull()
	}
	w.at = csource.Span{First: e.First, Last: e.First}
	return w.checkNull()
}

// barriers keep the compiler from using what it knows of a variable behind the place
// where it is set, so that a check of it is made on the variable that is used.
func (w *worker) barriers() []candidate {
	if w.fn == nil || w.stmt == nil || w.file == nil {
		return nil
	}
	f := w.file
	var out []candidate
	for i := w.at.First; i <= w.at.Last; i++ {
		name := f.Str(i)
		if !f.IsIdent(i) || f.Is(i-1, "->", ".") || f.Is(i+1, "(") {
			continue
		}
		d, _ := declarator(f, w.fn, name)
		if d == nil || d.Array.OK() {
			continue
		}
		if set := w.setter(name); set != nil {
			text := fmt.Sprintf("__asm__ volatile(\"\" : \"+r\"(%s));", name)
			edits := w.after(w.path, set, styleOf(f, w.fn), func(string) string { return text })
			out = append(out, candidate{"keep the compiler from rewriting checks of " + name, Change{Edits: edits}})
		}
	}
	return out
}

// simple reports whether an expression is a name or members of one.
func simple(f *csource.File, e csource.Span) bool {
	for i := e.First; i <= e.Last; i++ {
		if f.IsIdent(i) == ((i-e.First)%2 == 1) {
			return false
		}
		if (i-e.First)%2 == 1 && !f.Is(i, "->", ".") {
			return false
		}
	}
	return e.OK()
}

// setter returns the last statement before the finding that sets a variable and
// stands in a block around the finding's statement.
func (w *worker) setter(name string) *csource.Stmt {
	f := w.file
	var last *csource.Stmt
	w.fn.Body.Walk(func(st *csource.Stmt) bool {
		if st.First >= w.stmt.First || st.Parent == nil || st.Parent.Kind != csource.Block || !st.Parent.Contains(w.stmt.Span) {
			return true
		}
		sets := false
		for _, d := range st.Declarations {
			sets = sets || f.Str(d.Name) == name && d.Init.OK()
		}
		if st.Kind == csource.Expr {
			if left, op, _, ok := f.Binary(csource.Span{First: st.First, Last: st.Last - 1}); ok && f.Is(op, "=") && f.TextOf(left) == name {
				sets = true
			}
		}
		if sets {
			last = st
		}
		return true
	})
	return last
}

// declarator returns the declaration of a variable or parameter of a function, and
// the statement that it is in (nil for a parameter).
func declarator(f *csource.File, fn *csource.Function, name string) (*csource.Declarator, *csource.Stmt) {
	var found *csource.Declarator
	var in *csource.Stmt
	fn.Body.Walk(func(st *csource.Stmt) bool {
		for i := range st.Declarations {
			if f.Str(st.Declarations[i].Name) == name {
				found, in = &st.Declarations[i], st
			}
		}
		return true
	})
	if found == nil {
		for i := range fn.Params {
			if f.Str(fn.Params[i].Name) == name {
				return &fn.Params[i], nil
			}
		}
	}
	return found, in
}

// typeOf is the type of a declared variable as it is written: "struct iphdr *".
func typeOf(f *csource.File, d *csource.Declarator) string {
	var parts []string
	for i := d.Type.First; i <= d.Type.Last; i++ {
		if !f.Is(i, "static", "const", "register", "volatile", "inline", "__always_inline") {
			parts = append(parts, f.Str(i))
		}
	}
	t := strings.Join(parts, " ")
	if d.Pointers > 0 {
		t += " " + strings.Repeat("*", d.Pointers)
	}
	return t
}

// initialise gives a variable that is used before it was set, or not wholly, a value
// where it is declared.
func (w *worker) initialise() []candidate {
	if w.fn == nil {
		return nil
	}
	f := w.file
	var out []candidate
	seen := map[string]bool{}
	names := []int{}
	for i := w.at.First; i <= w.at.Last; i++ {
		names = append(names, i)
	}
	if w.stmt != nil && w.finding.Code != "BPF-uninitialized-bytes" {
		for i := w.stmt.First; i <= w.stmt.Last && w.stmt.Kind != csource.Block; i++ {
			names = append(names, i)
		}
	}
	empty := "{0}"
	if strings.Contains(string(f.Text()), "= {}") {
		empty = "{}"
	}
	for _, i := range names {
		name := f.Str(i)
		if !f.IsIdent(i) || f.Is(i-1, ".", "->") || seen[name] {
			continue
		}
		seen[name] = true
		d, st := declarator(f, w.fn, name)
		if d == nil || st == nil {
			continue
		}
		aggregate := d.Array.OK() || d.Pointers == 0 && f.Is(d.Type.First, "struct", "union") || d.Pointers == 0 && w.aggregate(f.TextOf(d.Type))
		_, end := f.Offsets(d.Whole)
		title := "set " + name + " to zero where it is declared"
		switch {
		case !d.Init.OK() && aggregate:
			out = append(out, candidate{title, Change{Edits: []explain.Edit{w.insert(w.path, end, " = "+empty)}}})
		case !d.Init.OK():
			out = append(out, candidate{title, Change{Edits: []explain.Edit{w.insert(w.path, end, " = 0")}}})
		}
		if !aggregate || len(st.Declarations) != 1 && d.Init.OK() {
			continue
		}
		address := "&" + name
		if d.Array.OK() {
			address = name
		}
		s := styleOf(f, w.fn)
		zero := fmt.Sprintf("%s(%s, 0, sizeof(%s));", w.memset(), address, name)
		title = "set all bytes of " + name + " to zero first, padding too"
		if !d.Init.OK() {
			out = append(out, candidate{title, Change{Edits: w.after(w.path, st, s, func(string) string { return zero })}})
			continue
		}
		// With an initialiser: zeros first, then member by member.
		members, ok := designated(f, d.Init)
		if !ok {
			continue
		}
		var cut []explain.Edit
		_, name2 := f.Offsets(csource.Span{First: d.Whole.First, Last: d.Init.First - 2})
		cut = append(cut, edit(w.path, f, name2, end, ""))
		cut = append(cut, w.after(w.path, st, s, func(indent string) string {
			text := zero
			for _, m := range members {
				text += s.eol + indent + name + m[0] + " = " + m[1] + ";"
			}
			return text
		})...)
		out = append(out, candidate{title, Change{Edits: cut}})
	}
	return out
}

// aggregate reports whether a typedef's name is that of a structure, as far as the
// sources tell.
func (w *worker) aggregate(name string) bool {
	if w.s.Object == nil {
		return false
	}
	_, err := w.s.Object.Struct(strings.TrimPrefix(name, "struct "))
	return err == nil
}

// memset is how the file clears memory.
func (w *worker) memset() string {
	for i := range w.file.Tokens {
		if w.file.Is(i, "memset", "bpf_memset") && w.file.Is(i+1, "(") {
			return w.file.Str(i)
		}
	}
	return "__builtin_memset"
}

// designated reads an initialiser { .a = 1, .b = x } as pairs of member and value.
func designated(f *csource.File, init csource.Span) (members [][2]string, ok bool) {
	if !f.Is(init.First, "{") || f.Match(init.First) != init.Last {
		return nil, false
	}
	for i := init.First + 1; i < init.Last; {
		if !f.Is(i, ".") || !f.IsIdent(i+1) || !f.Is(i+2, "=") {
			return nil, false
		}
		end := i + 3
		for end < init.Last && !f.Is(end, ",") {
			if f.Is(end, "(", "[", "{") && f.Match(end) > 0 {
				end = f.Match(end)
			}
			end++
		}
		if f.Is(i+3, "{") {
			return nil, false
		}
		members = append(members, [2]string{"." + f.Str(i+1), f.TextOf(csource.Span{First: i + 3, Last: end - 1})})
		i = end + 1
	}
	return members, true
}

// checkDivisor leaves the function where the divisor is zero.
func (w *worker) checkDivisor() []candidate {
	f := w.file
	var out []candidate
	for i := w.at.First; i <= w.at.Last; i++ {
		if !f.Is(i, "/", "%", "/=", "%=") || i == w.at.First {
			continue
		}
		e := csource.Span{First: i + 1, Last: f.UnaryEnd(i + 1)}
		out = append(out, w.guards(w.fn, w.stmt, "check that "+f.TextOf(e)+" is not zero", f.TextOf(e)+" == 0")...)
	}
	return out
}

// indexChecks bounds an index before it is used, or masks it.
func (w *worker) indexChecks() []candidate {
	f := w.file
	var checks, masks []candidate
	for i := w.at.Last; i >= w.at.First; i-- {
		if !f.Is(i, "[") || f.Match(i) < 0 {
			continue
		}
		index := csource.Span{First: i + 1, Last: f.Match(i) - 1}
		if !index.OK() || f.Tokens[index.First].Kind == csource.Number && index.First == index.Last || effects(f, index) {
			continue
		}
		limit, n := w.length(i)
		if limit == "" {
			continue
		}
		text := f.TextOf(index)
		operand := text
		if index.First != index.Last && f.PostfixEnd(index.First) != index.Last {
			operand = "(" + text + ")"
		}
		title := fmt.Sprintf("check that %s is below %s before it is used as an index", text, limit)
		upper := operand + " >= " + limit
		checks = append(checks, w.guards(w.fn, w.stmt, title, upper)...)
		checks = append(checks, w.guards(w.fn, w.stmt, title, operand+" < 0 || "+upper)...)
		if n > 0 && n&(n-1) == 0 {
			masks = append(masks, candidate{
				fmt.Sprintf("keep the index below %d with a mask", n),
				Change{Edits: []explain.Edit{w.replace(w.path, index, fmt.Sprintf("%s & %d", operand, n-1))}},
			})
		} else {
			masks = append(masks, candidate{
				fmt.Sprintf("keep the index below %s with a remainder", limit),
				Change{Edits: []explain.Edit{w.replace(w.path, index, fmt.Sprintf("%s %% %s", operand, limit))}},
			})
		}
	}
	return append(checks, masks...)
}

// lowerChecks leave the function where an index is negative.
func (w *worker) lowerChecks() []candidate {
	var out []candidate
	for _, index := range w.lowIndices() {
		text := paren(w.file, index)
		out = append(out, w.guards(w.fn, w.stmt, fmt.Sprintf("check that %s is not negative before it is used as an index", w.file.TextOf(index)), text+" < 0")...)
	}
	return out
}

// effects reports whether an expression does more than give a value.
func effects(f *csource.File, e csource.Span) bool {
	for i := e.First; i <= e.Last; i++ {
		if f.Is(i, "++", "--", "=", "+=", "-=") || f.Is(i, "(") && f.IsIdent(i-1) && i > e.First && !f.Is(i-1, "sizeof") {
			return true
		}
	}
	return false
}

// length returns the length of the array that is indexed with the bracket at i, as
// it is declared and as a number (0: not known).
func (w *worker) length(i int) (text string, n int64) {
	f := w.file
	if !f.IsIdent(i - 1) {
		return "", 0
	}
	name := f.Str(i - 1)
	if w.fn != nil && !f.Is(i-2, "->", ".") {
		if d, _ := declarator(f, w.fn, name); d != nil && d.Array.OK() {
			text = f.TextOf(csource.Span{First: d.Array.First + 1, Last: f.Match(d.Array.First) - 1})
			n, _ = w.number(text)
			return text, n
		}
	}
	for _, path := range append([]string{w.path}, w.s.paths()...) {
		g := w.source(path)
		if g == nil {
			continue
		}
		for j := range g.Tokens {
			if !g.IsIdent(j) || g.Str(j) != name || !g.Is(j+1, "[") || g.Match(j+1) <= j+2 || !g.Is(g.Match(j+1)+1, ";", ",", "=", "[") {
				continue
			}
			if !g.IsIdent(j-1) && !g.Is(j-1, "*", ",") || g.Is(j-1, "return") {
				continue
			}
			text = g.TextOf(csource.Span{First: j + 2, Last: g.Match(j+1) - 1})
			n, _ = w.number(text)
			return text, n
		}
	}
	return w.lengthByState()
}

// lengthByState tells how many elements of the width of the access fit.
func (w *worker) lengthByState() (string, int64) {
	if w.state == nil || w.check.Width <= 0 || w.value.Region.LoInf || w.value.Region.Lo <= 0 {
		return "", 0
	}
	n := w.value.Region.Lo / int64(w.check.Width)
	return strconv.FormatInt(n, 10), n
}

// number reads an integer constant, a macro of one included.
func (w *worker) number(text string) (int64, bool) {
	text = strings.TrimSpace(text)
	for range 4 {
		if n, err := strconv.ParseInt(strings.TrimRight(text, "uUlL"), 0, 64); err == nil {
			return n, true
		}
		value, ok := w.macro(text)
		if !ok {
			return 0, false
		}
		text = strings.Trim(value, "() \t")
	}
	return 0, false
}

// macro returns what a macro without parameters is defined as.
func (w *worker) macro(name string) (string, bool) {
	for _, path := range w.s.paths() {
		g := w.source(path)
		if g == nil || !g.Macros[name] {
			continue
		}
		for line := 1; line <= g.Lines(); line++ {
			f := strings.Fields(string(g.Line(line)))
			if len(f) >= 3 && f[0] == "#define" && f[1] == name {
				return strings.Join(f[2:], " "), true
			}
		}
	}
	return "", false
}

// sizeChecks bounds the size argument of a helper's call.
func (w *worker) sizeChecks() []candidate {
	f := w.file
	if w.stmt == nil || w.check.Reg < 1 || w.check.Reg > 5 {
		return nil
	}
	open := -1
	for i := w.at.First; i >= w.stmt.First; i-- {
		if f.Is(i, "(") && f.Match(i) >= w.at.Last && f.IsIdent(i-1) {
			open = i
			break
		}
	}
	args := f.Args(open)
	if w.finding.Code != "BPF-size-argument" {
		if w.check.Other < 1 || int(w.check.Other) > len(args) {
			return nil
		}
		size, pointer := args[w.check.Other-1], args[w.check.Reg-1]
		if effects(f, size) {
			return nil
		}
		if w.constant(w.check.Other) {
			return w.ownSize(size, pointer)
		}
		object := strings.TrimPrefix(f.TextOf(f.Uncast(pointer)), "&")
		text := f.TextOf(size)
		title := fmt.Sprintf("check that %s is not larger than %s", text, object)
		limit := "sizeof(" + object + ")"
		if w.value.Region.Lo > 0 && !w.value.Region.LoInf {
			limit = strconv.FormatInt(w.value.Region.Lo, 10)
		}
		return append(w.guards(w.fn, w.stmt, title, text+" > "+limit),
			w.guards(w.fn, w.stmt, title, text+" < 1 || "+text+" > "+limit)...)
	}
	if int(w.check.Reg) > len(args) {
		return nil
	}
	text := f.TextOf(args[w.check.Reg-1])
	title := fmt.Sprintf("check that %s is positive", text)
	return append(w.guards(w.fn, w.stmt, title, text+" < 1"), w.guards(w.fn, w.stmt, title, fmt.Sprintf("%s < 1 || %s > 65535", text, text))...)
}

// ownSize passes the size of the variable that a pointer is the address of.
func (w *worker) ownSize(size, pointer csource.Span) []candidate {
	f := w.file
	e := f.Uncast(pointer)
	if f.Is(e.First, "&") {
		e.First++
	}
	name := f.TextOf(e)
	d, _ := declarator(f, w.fn, name)
	if e.First != e.Last || d == nil || d.Pointers > 0 && !d.Array.OK() {
		return nil
	}
	return []candidate{{"pass the size of " + name, Change{Edits: []explain.Edit{w.replace(w.path, size, "sizeof("+name+")")}}}}
}

// swapArguments exchanges two arguments of a call that stand in each other's place, without
// their casts where they only compile so.
func (w *worker) swapArguments() []candidate {
	if !w.found || w.check.Kind != verifier.CheckType {
		return nil
	}
	name, args := w.call()
	var out []candidate
	for _, c := range w.s.Result.Checks(w.point) {
		if c.Proven || !explain.Swapped(w.check, c.Check, w.state) {
			continue
		}
		a, b := int(min(w.check.Reg, c.Check.Reg)), int(max(w.check.Reg, c.Check.Reg))
		if a < 1 || b > len(args) {
			continue
		}
		f, first, second := w.file, args[a-1], args[b-1]
		title := fmt.Sprintf("swap arguments %d and %d of %s", a, b, name)
		for _, text := range []func(csource.Span) string{f.TextOf, func(e csource.Span) string { return f.TextOf(f.Uncast(e)) }} {
			out = append(out, candidate{title, Change{Edits: []explain.Edit{w.replace(w.path, first, text(second)), w.replace(w.path, second, text(first))}}})
		}
	}
	return out
}

// optimise compiles with -O2.
func (w *worker) optimise() []candidate {
	return []candidate{{"compile with -O2", Change{Flags: []string{"-O2"}}}}
}

// declareHook names the section after the hook that its name is near, or whose context
// the program takes.
func (w *worker) declareHook() []candidate {
	if w.fn == nil || w.s.Program == nil {
		return nil
	}
	f := w.file
	var out []candidate
	for i := w.fn.First; i < w.fn.Name; i++ {
		if f.Tokens[i].Kind != csource.String || !f.Is(i-2, "SEC", "section") {
			continue
		}
		declare := func(t *platform.ProgramType, section string) {
			out = append(out, candidate{
				fmt.Sprintf("name the section after the hook %s", t.Name),
				Change{Edits: []explain.Edit{w.replace(w.path, csource.Span{First: i, Last: i}, strconv.Quote(section))}},
			})
			from, _ := f.Offsets(csource.Span{First: w.fn.First, Last: w.fn.First})
			out = append(out, candidate{
				fmt.Sprintf("say that programs of this section are of type %s", t.Name),
				Change{Edits: []explain.Edit{w.insert(w.path, from, fmt.Sprintf("// bpfls: type=%s section=%s%s", t.Name, w.s.Program.Section, styleOf(f, w.fn).eol))}},
			})
		}
		if t, section, ok := w.s.Platform.Near(w.s.Program.Section, w.s.Program.ContextType); ok {
			declare(t, section)
			continue
		}
		for _, t := range w.s.Platform.Types {
			if t.Context != nil && len(t.Prefixes) > 0 && t.Context.Is(w.s.Program.ContextType) {
				declare(t, strings.TrimRight(t.Prefixes[0], "/+"))
			}
		}
	}
	return out
}
