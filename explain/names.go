package explain

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"bpfls/elfbpf"
	"bpfls/isa"
	"bpfls/verifier"
)

// Name is what a register or a piece of memory is called in the C source.
type Name struct {
	Expr string // a C expression: "eth->h_proto", "data + 14", "&key"
	// Variable is the variable that the expression begins with: "eth"; empty where it
	// begins with none (the result of a call, a map).
	Variable string
	Type     string // C type of the expression; empty where it is not known
	Register int    // the register that was asked for
}

// String returns the expression.
func (n Name) String() string { return n.Expr }

// Namer finds the names of a program's registers and memory. A name is true at the
// instruction that it was asked for, before the instruction runs: the expression,
// evaluated there, has the value of the register; of a call, the name tells which
// call's result it is. Where the variable itself has no register any more, the name
// comes from what the register was computed from, if nothing changed it since. A Namer
// is not safe for use by several goroutines.
type Namer struct {
	e        *explainer
	known    map[place]*term     // nil while it is looked for, and where there is none
	between  map[[2]int]*slotSet // nil: too many
	defined  map[place][]int     // nil: not all are known
	scratch  marks
	work     []int32
	assigned map[*elfbpf.Variable]bool // whether it is assigned to more than once
	depth    int
	budget   int
}

// place is a register, or 8 bytes of the stack at a negative offset, before a slot.
type place struct{ slot, what int }

// NewNamer returns a namer for the program of in. Of in it needs Object and Program;
// Result, Platform, Type and Sources make it know more.
func NewNamer(in Input) *Namer { return newExplainer(in).namer() }

// namer returns the namer of a program, which is made when it is first asked for.
func (e *explainer) namer() *Namer {
	if e.names == nil {
		e.names = &Namer{e: e, known: map[place]*term{}, between: map[[2]int]*slotSet{}, defined: map[place][]int{}, assigned: map[*elfbpf.Variable]bool{}}
	}
	return e.names
}

// The bounds of the search for a name.
const (
	deepestName  = 12      // instructions that a name is derived through
	mostNameWork = 200_000 // slots looked at for one name
)

// Register names what a register holds before the instruction at p; false where
// nothing is known.
func (n *Namer) Register(p verifier.Point, reg int) (Name, bool) {
	if t := n.onFrame(p.Slot, n.ask(p.Slot, reg)); t != nil && reg != 10 {
		return t.name(reg)
	}
	return Name{}, false
}

// Memory names the width bytes at offset of what a register points to before the
// instruction at p, as an lvalue: "eth->h_proto"; false where nothing is known. Of
// r10 it names variables on the stack. Width 0 takes what lies at the offset, however
// large.
func (n *Namer) Memory(p verifier.Point, reg int, offset, width int) (Name, bool) {
	n.budget, n.depth = mostNameWork, 0
	lvalue, typ, t := n.memory(p.Slot, reg, int64(offset), int64(width))
	if t == nil {
		return Name{}, false
	}
	name := Name{Expr: lvalue, Variable: t.variable, Register: reg}
	if typ != nil {
		name.Type = typ.Name
	}
	return name, true
}

// Stack names the bytes of the current frame at offset, which is negative and counts
// from r10: "key", "key.port".
func (n *Namer) Stack(p verifier.Point, offset, width int) (Name, bool) {
	return n.Memory(p, 10, offset, width)
}

// ask finds the term of a register with a new budget.
func (n *Namer) ask(slot, reg int) *term {
	n.budget, n.depth = mostNameWork, 0
	return n.register(slot, reg)
}

// candidate is a way to spell a register, of DWARF.
type candidate struct {
	term  term
	depth int // of its scope, the innermost 0
}

// candidates are the variables that a register has to do with before a slot: those that
// it holds, those that it is a constant away from, those that it points to.
func (n *Namer) candidates(slot, reg int) []candidate {
	_, offset := n.e.address(slot)
	var out []candidate
	n.visible(slot, func(depth int, v *elfbpf.Variable) {
		for _, l := range v.Locations(offset) {
			if l.Kind == elfbpf.IsConstant || l.Register != reg {
				continue
			}
			uses := []use{{variable: v, slot: slot, reg: -1}}
			t := term{text: v.Name, typ: v.Type, variable: v.Name, uses: uses}
			switch l.Kind {
			case elfbpf.InRegister:
				if !n.trusted(v, slot, reg) {
					continue
				}
				t.uses[0].reg = reg
				if l.Size > 0 && (v.Type == nil || int64(l.Size) != v.Type.Size || l.From != 0) {
					path, typ, ok := memberPath(v.Type, int64(l.From), int64(l.Size), "", 0)
					if !ok || path == "" {
						continue
					}
					t.text, t.typ = v.Name+path, typ
				}
			case elfbpf.IsSum:
				if l.Size > 0 || reg == 10 || !n.trusted(v, slot, reg) {
					continue
				}
				t.off = -l.Offset
				t.uses[0].reg, t.uses[0].plus = reg, l.Offset
			case elfbpf.InMemory:
				if l.Size > 0 || v.Type == nil {
					continue
				}
				t = term{lvalue: v.Name, object: v.Type, variable: v.Name, off: -l.Offset, uses: uses}
			}
			out = append(out, candidate{t, depth})
		}
	})
	return out
}

// visible calls do for the variables that C sees at a slot, the innermost scope first.
// Variables whose declaration comes later in the source are left out.
func (n *Namer) visible(slot int, do func(depth int, v *elfbpf.Variable)) {
	scopes := n.e.scopes(slot)
	line, file := 0, ""
	if l, ok := n.e.Program.Line(slot); ok {
		line, file = l.Line, l.File
	}
	for depth, s := range scopes {
		for _, v := range s.Variables {
			if !v.Parameter && line > 0 && v.Decl.Line > line && path.Base(v.Decl.File) == path.Base(file) {
				continue
			}
			do(depth, v)
		}
		if s.Kind == elfbpf.ScopeInlined {
			line, file = s.Call.Line, s.Call.File
		}
	}
}

// mentioned reports whether the line of a slot has an identifier.
func (n *Namer) mentioned(slot int, word string) bool {
	l, ok := n.e.Program.Line(slot)
	if !ok {
		return false
	}
	text := l.Text
	if s := n.e.source(l.File); s != nil && l.Line > 0 && l.Line <= s.Lines() {
		text = string(s.Line(l.Line))
	}
	return containsWord(text, word)
}

// register finds the term of a register before a slot; nil if there is none.
func (n *Namer) register(slot, reg int) *term {
	at := place{slot, reg}
	if t, ok := n.known[at]; ok {
		return t
	}
	n.known[at] = nil
	if n.depth >= deepestName || slot < 0 || slot >= len(n.e.insts) {
		delete(n.known, at)
		return nil
	}
	n.depth++
	t := n.find(slot, reg)
	n.depth--
	if t == nil && (n.depth > 0 || n.budget <= 0) {
		// It may be known on another way to it, with fewer steps behind.
		delete(n.known, at)
		return nil
	}
	n.known[at] = t
	return t
}

func (n *Namer) find(slot, reg int) *term {
	var list []candidate
	if reg != 10 {
		list = n.candidates(slot, reg)
	}
	if best := n.best(slot, list, func(c *candidate) int {
		if c.term.off == 0 && c.term.lvalue == "" {
			return 2
		}
		return 0
	}); best != nil {
		if !n.mentioned(slot, best.variable) {
			// Another variable that has the value may be the one that the line is about.
			if t := n.derive(slot, reg); t != nil && t.variable != "" && n.mentioned(slot, t.variable) {
				return t
			}
		}
		return best
	}
	if reg == 10 {
		return &term{frame: true}
	}
	return n.derive(slot, reg)
}

// onFrame makes of an address in the frame the address of the variable there.
func (n *Namer) onFrame(slot int, t *term) *term {
	if t == nil || !t.frame {
		return t
	}
	var fitting []candidate
	for _, c := range n.candidates(slot, 10) {
		if at := c.term.off + t.off; c.term.lvalue != "" && at >= 0 && at < max(c.term.object.Size, 1) {
			c.term.off, c.term.index, c.term.scale = at, t.index, t.scale
			c.term.uses = append(slices.Clone(c.term.uses), t.uses...)
			fitting = append(fitting, c)
		}
	}
	return n.best(slot, fitting, func(*candidate) int { return 0 })
}

// best chooses the candidate of the highest rank: one that the line mentions, then
// one that fits as fit says, then one of the innermost scope, then the last one.
func (n *Namer) best(slot int, list []candidate, fit func(*candidate) int) *term {
	best, rank := -1, 0
	for i := range list {
		c := &list[i]
		r := 64*fit(c) - min(c.depth, 31)
		if n.mentioned(slot, c.term.variable) {
			r += 32
		}
		if best < 0 || r >= rank {
			best, rank = i, r
		}
	}
	if best < 0 {
		return nil
	}
	return &list[best].term
}

// memory finds an lvalue for width bytes behind a register.
func (n *Namer) memory(slot, reg int, offset, width int64) (string, *elfbpf.CType, *term) {
	if slot < 0 || slot >= len(n.e.insts) {
		return "", nil, nil
	}
	var fitting []candidate
	for _, c := range n.candidates(slot, reg) {
		if c.term.lvalue != "" && (c.term.off+offset < 0 || c.term.object.Size > 0 && c.term.off+offset+max(width, 1) > c.term.object.Size) {
			continue
		}
		if _, _, ok := c.term.deref(offset, width); ok {
			fitting = append(fitting, c)
		}
	}
	best := n.best(slot, fitting, func(c *candidate) int {
		// What the line mentions, else a pointer whose structure the access lies in says
		// more than one far away.
		e := c.term.elem()
		total := c.term.off + offset
		fit := 0
		if n.mentioned(slot, c.term.variable) {
			fit += 4
		}
		if e != nil && total >= 0 && total+max(width, 1) <= max(e.Size, 1) {
			fit++
		}
		if e != nil && structured(e) && c.term.lvalue == "" {
			fit++
		}
		return fit
	})
	if best == nil && reg != 10 {
		if best = n.register(slot, reg); best == nil {
			return "", nil, nil
		}
		if best.frame {
			at := best.plus(offset)
			if best = n.onFrame(slot, &at); best == nil {
				return "", nil, nil
			}
			offset = 0
		}
	}
	if best == nil {
		return "", nil, nil
	}
	text, typ, ok := best.deref(offset, width)
	if !ok {
		return "", nil, nil
	}
	return text, typ, best
}

// derive names a register by what was computed into it, where there is one instruction
// on all ways that did so, or several that agree.
func (n *Namer) derive(slot, reg int) *term {
	defs, ok := n.definitions(slot, reg)
	if !ok || len(defs) == 0 || len(defs) > 4 {
		return nil
	}
	var found *term
	for _, d := range defs {
		var t *term
		if d < 0 {
			t = n.parameter(^d, reg)
			if t != nil && !n.stable(t, ^d, slot, true) {
				return nil
			}
		} else {
			for t = n.computed(d, reg); t != nil && !n.stable(t, d, slot, false); t = t.otherwise {
			}
		}
		if t == nil {
			return nil
		}
		if found != nil {
			a, _ := found.rvalue()
			b, _ := t.rvalue()
			if a != b || a == "" {
				return nil
			}
		}
		found = t
	}
	return found
}

// parameter names an argument at the first slot of a function.
func (n *Namer) parameter(entry, reg int) *term {
	if reg < 1 || reg > 5 {
		return nil
	}
	scopes := n.e.scopes(entry)
	if len(scopes) == 0 {
		return nil
	}
	f := scopes[len(scopes)-1]
	if f.Kind != elfbpf.ScopeFunction || !f.External && entry != 0 {
		return nil // the compiler may have dropped parameters of a function of its own
	}
	i := 1
	for _, v := range f.Variables {
		if !v.Parameter {
			break
		}
		if v.Type == nil || v.Type.Size > 8 || structured(v.Type) {
			return nil
		}
		if i == reg {
			return &term{text: v.Name, typ: v.Type, variable: v.Name, uses: []use{{variable: v, slot: entry, reg: reg}}}
		}
		i++
	}
	return nil
}

// computed names what an instruction leaves in a register.
func (n *Namer) computed(d, reg int) *term {
	in := n.e.insts[d]
	switch in.Kind {
	case isa.Bin:
		return n.binary(d, in)
	case isa.Load:
		return n.load(d, in)
	case isa.LoadMapFD:
		if m := n.e.mapLoaded(d, in); m != "" {
			return &term{text: "&" + m, level: levelUnary}
		}
	case isa.Call, isa.CallBuiltin, isa.CallX, isa.CallBTF, isa.CallLocal:
		if reg == 0 {
			return n.result(d, in)
		}
	}
	return nil
}

// longestName bounds the texts of the source that serve as names.
const longestName = 48

// result names what a call returned.
func (n *Namer) result(d int, in isa.Inst) *term {
	_, _, text := n.e.locate(d, wantCall, 0)
	if text == "" || len(text) > longestName || !strings.HasSuffix(text, ")") {
		name := ""
		if h := n.e.helper(in); h != nil {
			name = helperName(h, in)
		} else if in.Kind == isa.CallLocal {
			name = n.e.functionAt(int(in.Target))
		}
		if name == "" {
			return nil
		}
		text = name + "(...)"
	}
	return &term{text: text}
}

// load names what a load reads.
func (n *Namer) load(d int, in isa.Inst) *term {
	width := int64(in.Width)
	if in.Src == isa.R10 {
		if text, typ, t := n.memory(d, 10, int64(in.Off), width); t != nil {
			return &term{text: text, typ: typ, variable: t.variable, uses: append(slices.Clone(t.uses), use{slot: d, reg: -1})}
		}
		if width == 8 && in.Off < 0 {
			return n.spilled(d, int(in.Off))
		}
		return nil
	}
	text, typ, t := n.memory(d, int(in.Src), int64(in.Off), width)
	if t == nil {
		return nil
	}
	out := &term{text: text, typ: typ, variable: t.variable, uses: append(slices.Clone(t.uses), use{slot: d, reg: -1, context: n.isContext(d, int(in.Src))})}
	if strings.HasPrefix(text, "*") {
		out.level = levelUnary
	}
	return n.initialised(d, in, out)
}

// initialised names what a load reads after the variable that the statement there gives
// the value to, if nothing else gives it one: step of "step = p[1]". Compilers drop
// locations of variables easily.
func (n *Namer) initialised(d int, in isa.Inst, otherwise *term) *term {
	l, ok := n.e.Program.Line(d)
	s := n.e.source(l.File)
	if !ok || s == nil || l.Line == 0 || l.Column == 0 {
		return otherwise
	}
	name := s.initialised(s.TokenAt(s.Offset(s.BTF(l.Line, l.Column))))
	if name == "" {
		return otherwise
	}
	var found *elfbpf.Variable
	n.visible(d, func(_ int, v *elfbpf.Variable) {
		if v.Name == name && found == nil {
			found = v
		}
	})
	if found == nil || found.Type == nil || structured(found.Type) || found.Type.Size < int64(in.Width) || !n.assignedOnce(found) {
		return otherwise
	}
	return &term{text: name, typ: found.Type, variable: name, uses: []use{{variable: found, slot: d, reg: -1, once: true}}, otherwise: otherwise}
}

func (n *Namer) isContext(slot, reg int) bool {
	v, ok := n.value(slot, reg)
	return ok && v.Types == verifier.TypeContext
}

// value is what the verifier knows of a register before a slot, in the first copy that
// is reached.
func (n *Namer) value(slot, reg int) (verifier.Value, bool) {
	if n.e.Result == nil {
		return verifier.Value{}, false
	}
	return n.e.Result.Register(slot, reg)
}

// spilled names what was stored to the stack: a register that the compiler kept there.
func (n *Namer) spilled(slot, offset int) *term {
	defs, ok := n.definitions(slot, offset)
	if !ok || len(defs) != 1 || defs[0] < 0 {
		return nil
	}
	d := defs[0]
	in := n.e.insts[d]
	if in.Kind != isa.Store || in.UseImm || in.Width != 8 || int(in.Off) != offset || n.depth >= deepestName {
		return nil
	}
	n.depth++
	t := n.register(d, int(in.Src))
	n.depth--
	if t == nil || !n.stable(t, d, slot, false) {
		return nil
	}
	return t
}

// binary names the result of an operation.
func (n *Namer) binary(d int, in isa.Inst) *term {
	dst := int(in.Dst)
	op := isa.BinOp(in.Op)
	if op == isa.Mov {
		switch {
		case in.UseImm && !in.Is64:
			return &term{number: true, off: int64(uint32(in.Imm))}
		case in.UseImm:
			return &term{number: true, off: in.Imm}
		case in.Is64:
			return n.register(d, int(in.Src))
		}
		return n.narrowed(d, int(in.Src), n.register(d, int(in.Src)))
	}
	if op == isa.Rsh && in.UseImm && in.Imm == 32 && in.Is64 {
		// The low half: x <<= 32; x >>= 32.
		if defs, ok := n.definitions(d, dst); ok && len(defs) == 1 && defs[0] >= 0 {
			shift := n.e.insts[defs[0]]
			if shift.Kind == isa.Bin && isa.BinOp(shift.Op) == isa.Lsh && shift.UseImm && shift.Imm == 32 && shift.Is64 {
				t := n.register(defs[0], dst)
				if t != nil && n.stable(t, defs[0], d, false) {
					return n.narrowed(defs[0], dst, t)
				}
			}
		}
		return nil
	}
	left := n.register(d, dst)
	if left == nil {
		return nil
	}
	if in.UseImm {
		return n.withConstant(d, in, left)
	}
	right := n.register(d, int(in.Src))
	if right == nil || op != isa.Add || !in.Is64 {
		return nil
	}
	return n.indexed(d, dst, int(in.Src), left, right)
}

// narrowed is the low 32 bits of a register.
func (n *Namer) narrowed(slot, reg int, t *term) *term {
	if t == nil {
		return nil
	}
	if t.number || t.off == 0 && t.index == "" && t.typ != nil && t.typ.Size > 0 && t.typ.Size <= 4 {
		return t
	}
	if v, ok := n.value(slot, reg); ok && v.Types == verifier.TypeNumber && within32(v.Unsigned) {
		return t
	}
	return nil
}

// within32 reports whether a range lies in 31 bits, so that it is the same number in
// every width and sign.
func within32(r verifier.Range) bool {
	return !r.LoInf && !r.HiInf && !r.LoWide && !r.HiWide && r.Lo >= 0 && r.Hi < 1<<31
}

// withConstant names the result of an operation with a constant.
func (n *Namer) withConstant(d int, in isa.Inst, left *term) *term {
	op := isa.BinOp(in.Op)
	dst := int(in.Dst)
	v, known := n.value(d, dst)
	if known && v.Types&verifier.TypeNumber == 0 || !known && left.pointer() || left.lvalue != "" || left.frame {
		if op == isa.Add && in.Is64 {
			t := left.plus(in.Imm)
			return &t
		}
		if op == isa.Sub && in.Is64 {
			t := left.plus(-in.Imm)
			return &t
		}
		return nil
	}
	// Of numbers: only where no width or sign can matter.
	if !known || v.Types != verifier.TypeNumber || !within32(v.Unsigned) || in.Imm < 0 && op != isa.Add {
		return nil
	}
	lo, hi := v.Unsigned.Lo, v.Unsigned.Hi
	var word string
	switch {
	case op == isa.Add && lo+in.Imm >= 0 && hi+in.Imm < 1<<31:
		t := left.plus(in.Imm)
		return &t
	case op == isa.And:
		word = " & "
	case op == isa.Rsh && in.Imm < 32:
		word = " >> "
	case op == isa.Mul && in.Imm < 1<<31 && hi*in.Imm < 1<<31:
		return left.times(in.Imm)
	case op == isa.Lsh && in.Imm < 31 && hi<<in.Imm < 1<<31:
		return left.times(1 << in.Imm)
	default:
		return nil
	}
	text, level := left.rvalue()
	if text == "" || left.number {
		return nil
	}
	return &term{text: within(text, level, levelUnary) + word + fmt.Sprint(in.Imm), level: levelBinary, variable: left.variable, uses: left.uses}
}

// times is a number times a constant, kept apart as it may be an index.
func (t *term) times(n int64) *term {
	text, level := t.rvalue()
	if text == "" || t.number {
		return nil
	}
	return &term{text: within(text, level, levelUnary) + " * " + fmt.Sprint(n), level: levelBinary, variable: t.variable, uses: t.uses,
		index: text, scale: n, product: true}
}

// indexed names the sum of two registers, one of which points to something.
func (n *Namer) indexed(d, dst, src int, left, right *term) *term {
	v, known := n.value(d, dst)
	w, known2 := n.value(d, src)
	if !known || !known2 {
		return nil
	}
	if v.Types == verifier.TypeNumber && w.Types != verifier.TypeNumber {
		left, right, v, w = right, left, w, v
	}
	if v.Types&verifier.TypeNumber != 0 || w.Types != verifier.TypeNumber || left.number {
		return nil
	}
	if right.number {
		t := left.plus(right.off)
		return &t
	}
	if left.index != "" || right.index != "" && !right.product {
		return nil
	}
	t := *left
	t.uses = append(slices.Clone(left.uses), right.uses...)
	if right.product {
		t.index, t.scale = right.index, right.scale
		return &t
	}
	// A constant part of the number joins the pointer's.
	r := *right
	r.off = 0
	t.off += right.off
	text, level := r.rvalue()
	if text == "" {
		return nil
	}
	t.index, t.scale = within(text, level, levelUnary), 1
	if level == levelBinary && !strings.Contains(text, " + ") {
		t.index = "(" + text + ")"
	}
	return &t
}
