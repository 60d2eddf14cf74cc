package explain

import (
	"slices"

	"bpfls/csource"
	"bpfls/elfbpf"
	"bpfls/isa"
	"bpfls/verifier"
)

// mapLoaded returns the name of the map whose address an instruction loads: the one
// that its relocation names. Descriptors do not tell, as equal maps may share one.
func (e *explainer) mapLoaded(slot int, in isa.Inst) string {
	section, offset := e.address(slot)
	for _, r := range e.relocations(section) {
		if r.Offset == offset && slices.ContainsFunc(e.Object.Maps, func(m elfbpf.Map) bool { return m.Name == r.Symbol }) {
			return r.Symbol
		}
	}
	return e.mapByFD(verifier.Range{Lo: in.Imm, Hi: in.Imm})
}

// relocations returns the relocations of a section, read once.
func (e *explainer) relocations(section string) []elfbpf.Relocation {
	if list, ok := e.relocs[section]; ok {
		return list
	}
	if e.relocs == nil {
		e.relocs = map[string][]elfbpf.Relocation{}
	}
	e.relocs[section] = e.Object.Relocations(section)
	return e.relocs[section]
}

// sets reports whether an instruction sets a register or 8 bytes of the stack, or
// leaves there what is not known.
func sets(in isa.Inst, what int) (set, clobbered bool) {
	if what < 0 {
		switch in.Kind {
		case isa.Store, isa.Atomic:
			if in.Dst != isa.R10 || int(in.Off)+int(in.Width) <= what || int(in.Off) >= what+8 {
				return false, false
			}
			set = in.Kind == isa.Store && int(in.Off) == what && in.Width == 8
			return set, !set
		}
		return false, false
	}
	if isCall(in) || in.Kind == isa.CallLocal {
		return what == 0, what >= 1 && what <= 5
	}
	return writes(in, what), false
}

// stable reports whether an expression that was true before slot d, or as the result
// of d, still is before slot u: the variables that it reads are in scope there and were
// not changed on the way, nor was the memory. entry: d is the beginning of a function.
func (n *Namer) stable(t *term, d, u int, entry bool) bool {
	if len(t.uses) == 0 {
		return true
	}
	slots, ok := n.behind(d, u)
	if !ok {
		return false
	}
	list := slots.list
	if entry {
		list = append(slices.Clip(list), int32(d))
	}
	for _, x := range t.uses {
		if x.variable != nil && !n.sameVariable(x, d, u, list, slots) || x.variable == nil && !n.sameMemory(x, u, list) {
			return false
		}
	}
	return true
}

// sameVariable reports whether a variable has at all of the slots the value that it had
// at d, in a register; between is what lies between d and u.
func (n *Namer) sameVariable(x use, d, u int, slots []int32, between *slotSet) bool {
	v := x.variable
	inScope := false
	n.visible(u, func(_ int, w *elfbpf.Variable) { inScope = inScope || w == v })
	if !inScope || x.once {
		return inScope
	}
	gap := false
	for _, slot := range slots {
		s := int(slot)
		_, offset := n.e.address(s)
		locations := v.Locations(offset)
		if len(locations) == 0 {
			gap = true
			continue
		}
		l := locations[0]
		switch {
		case l.Kind == elfbpf.InMemory:
			if x.reg < 0 && l.Register == int(isa.R10) {
				continue // it lies on the stack all the time
			}
			return false
		case l.Kind == elfbpf.IsConstant || x.reg < 0:
			return false
		case len(locations) > 1:
			return false
		}
		plus := int64(0)
		if l.Kind == elfbpf.IsSum {
			plus = l.Offset
		}
		if plus != x.plus || !n.sameValue(s, l.Register, d, x.reg, x.slot, between) {
			return false
		}
	}
	return !gap || n.assignedOnce(v)
}

// sameValue reports whether a register holds before slot s what another one held before
// slot d; between is what lies between them.
func (n *Namer) sameValue(s, reg, d, was, read int, between *slotSet) bool {
	if reg == was && read == d {
		// Nothing between wrote it.
		written := false
		for _, b := range between.list {
			b := int(b)
			if b != s || b == s && n.reaches(s, between) {
				if set, clobbered := sets(n.e.insts[b], reg); set || clobbered {
					written = true
					break
				}
			}
		}
		set, clobbered := sets(n.e.insts[d], reg)
		if !written && !set && !clobbered {
			return true
		}
	}
	a, ok := n.root(s, reg)
	if !ok {
		return false
	}
	b, ok := n.root(read, was)
	return ok && a == b && (a < 0 || !between.has(a))
}

// reaches reports whether a slot is on a circle of the slots between.
func (n *Namer) reaches(s int, between *slotSet) bool {
	for _, f := range n.e.flow().before(s) {
		if between.has(int(f)) {
			return true
		}
	}
	return false
}

// root follows copies, spills and fills backward to the instruction that made the value
// of a register; ^slot stands for the beginning of a function.
func (n *Namer) root(slot, reg int) (int, bool) {
	what := reg
	for range 32 {
		defs, ok := n.definitions(slot, what)
		if !ok || len(defs) != 1 {
			return 0, false
		}
		d := defs[0]
		if d < 0 {
			return d<<4 - what, true
		}
		in := n.e.insts[d]
		switch {
		case in.Kind == isa.Bin && isa.BinOp(in.Op) == isa.Mov && in.Is64 && !in.UseImm && int(in.Src) != 10:
			slot, what = d, int(in.Src)
		case in.Kind == isa.Store && !in.UseImm && in.Width == 8:
			slot, what = d, int(in.Src)
		case in.Kind == isa.Load && in.Src == isa.R10 && in.Width == 8 && in.Off < 0:
			slot, what = d, int(in.Off)
		default:
			return d, true
		}
	}
	return 0, false
}

// sameMemory reports whether memory that was read at x.slot is the same at all of the
// slots: nothing that may hit it was written on the way.
func (n *Namer) sameMemory(x use, u int, slots []int32) bool {
	stack := n.e.insts[x.slot].Src == isa.R10
	for _, slot := range slots {
		s := int(slot)
		if s == u {
			continue
		}
		in := n.e.insts[s]
		switch {
		case in.Kind == isa.Store || in.Kind == isa.Atomic:
			onStack := in.Dst == isa.R10
			if !onStack {
				v, ok := n.value(s, int(in.Dst))
				onStack = ok && v.Types == verifier.TypeStack
			}
			if onStack != stack || x.context && onStack {
				continue
			}
			if x.context {
				if v, ok := n.value(s, int(in.Dst)); ok && v.Types&verifier.TypeContext == 0 {
					continue
				}
			}
			return false
		case isCall(in):
			h := n.e.helper(in)
			if h == nil || !x.context || h.ReallocatesPacket {
				return false
			}
		case in.Kind == isa.CallLocal:
			return false
		}
	}
	return true
}

// assignedOnce reports whether the source gives a variable a value in one place only,
// its declaration or an assignment. Without the source it is not known.
func (n *Namer) assignedOnce(v *elfbpf.Variable) bool {
	if more, ok := n.assigned[v]; ok {
		return !more
	}
	more := true
	file := n.e.lineFile(v.Decl.File)
	if s := n.e.source(file); s != nil && v.Decl.Line > 0 {
		more = s.assignments(v.Name, v.Decl.Line, v.Parameter) > 1
	}
	n.assigned[v] = more
	return !more
}

// assignments counts the places that give a value to a variable declared at a line, from
// there to the end of its function: = and its kin, ++, --, and &. A parameter has one by
// being called.
func (s *source) assignments(name string, line int, parameter bool) int {
	n := 0
	if parameter {
		n = 1
	}
	started := false
	depth := 0
	for i := range s.Tokens {
		if !started {
			if s.Point(s.Tokens[i].Start).Line < line {
				continue
			}
			started = true
		}
		switch {
		case s.Is(i, "{"):
			depth++
		case s.Is(i, "}"):
			if depth--; depth < 0 || depth == 0 && parameter {
				return n
			}
		case s.Tokens[i].Kind == csource.Ident && s.Str(i) == name && !s.Is(i-1, "->", "."):
			if s.assigned(i) {
				n++
			}
		}
	}
	return n
}

// assigned reports whether the variable at a token is given a value there, or may be.
func (s *source) assigned(i int) bool {
	return csource.IsAssignment(s.Str(i+1)) && s.Tokens[i+1].Kind == csource.Punct || s.Is(i+1, "++", "--") || s.Is(i-1, "++", "--") ||
		s.Is(i-1, "&") && !s.Operand(i-2) ||
		s.Is(i-1, "(") && i > 1 && s.Tokens[i-2].Kind == csource.String && !s.emptyAsm(i-2)
}

// emptyAsm reports whether the operand at a token is one of an asm statement without
// an instruction, which only hides a value from the optimiser.
func (s *source) emptyAsm(i int) bool {
	for j := i; j > 0 && i-j < 100; j-- {
		if s.Is(j, "(") && s.Match(j) > i {
			return s.Str(j+1) == `""`
		}
	}
	return false
}

// initialised returns the variable that gets the value of the access at a token, casts
// apart: step of "step = (int)p[1]"; empty if the access is a part of something larger.
func (s *source) initialised(i int) string {
	a := s.Access(i, false)
	if !a.OK() {
		return ""
	}
	j, k := a.First-1, a.Last+1
	for {
		if s.Is(j, ")") && s.Match(j) >= 0 && s.IsCast(s.Match(j)) {
			j = s.Match(j) - 1
		} else if s.Is(j, "(") && s.Match(j) == k {
			j, k = j-1, k+1
		} else {
			break
		}
	}
	if !s.Is(j, "=") || !s.Is(k, ",", ";") || j < 1 || s.Tokens[j-1].Kind != csource.Ident {
		return ""
	}
	star := j - 2
	for s.Is(star, "*") {
		star--
	}
	if s.Is(star, "->", ".") || star != j-2 && (star < 0 || s.Tokens[star].Kind != csource.Ident || csource.IsStatementWord(s.Str(star))) && !s.Is(star, ",") {
		return "" // a member, or what a pointer points to
	}
	return s.Str(j - 1)
}

// trusted reports whether a variable can be what a register holds, as DWARF says it is:
// where the register was computed, the source assigns to the variable. (LLVM sometimes
// moves the beginning of a location behind an operation on the variable.)
func (n *Namer) trusted(v *elfbpf.Variable, slot, reg int) bool {
	defs, ok := n.definitions(slot, reg)
	if !ok {
		return true
	}
	for _, d := range defs {
		if d < 0 || v.Parameter {
			continue
		}
		in := n.e.insts[d]
		if in.Kind != isa.Bin && in.Kind != isa.Un {
			continue
		}
		op := isa.BinOp(in.Op)
		switch {
		case in.Kind == isa.Bin && op == isa.Mov:
		case in.Kind == isa.Bin && in.UseImm && (op == isa.Lsh || op == isa.Rsh || op == isa.Arsh) && (in.Imm == 32 || in.Imm == 48 || in.Imm == 56):
			// The extension of a narrower number.
		case in.Kind == isa.Bin && in.UseImm && op == isa.And && v.Type != nil && v.Type.Size < 8 && in.Imm == 1<<(8*v.Type.Size)-1:
		case !n.assigns(d, v):
			return false
		}
	}
	return true
}

// assigns reports whether the statement at an instruction gives a variable a value.
func (n *Namer) assigns(slot int, v *elfbpf.Variable) bool {
	l, ok := n.e.Program.Line(slot)
	if !ok {
		return true
	}
	s := n.e.source(l.File)
	line := l.Line
	if s == nil {
		s, line = n.e.sourceOfLine(l.Text), 1
	}
	i := s.TokenAt(s.Offset(s.BTF(line, max(l.Column, 1))))
	first, last := i, i
	for first > 0 && !s.Is(first-1, ";", "{", "}") {
		first--
	}
	for last < len(s.Tokens) && !s.Is(last, ";", "{", "}") {
		last++
	}
	// The head of a for is one statement: its parts share their instructions.
	for open := i; open > 0 && i-open < 200; open-- {
		if s.Is(open, "(") && s.Is(open-1, "for") && s.Match(open) >= i {
			first, last = open, s.Match(open)
		}
	}
	for i := max(first, 0); i < last; i++ {
		if s.Tokens[i].Kind == csource.Ident && s.Str(i) == v.Name && s.assigned(i) {
			return true
		}
	}
	return false
}
