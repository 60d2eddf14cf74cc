package cfg

import (
	"bpfls/isa"
)

const (
	callArgs  = 0b11_1110       // r1 to r5
	callDefs  = 0b11_1111       // r0 to r5
	calleeSet = 0b11_1100_0000  // r6 to r9
	frameReg  = 1 << isa.R10    // r10
	allButR0  = 0b111_1111_1110 // r1 to r10
)

// explicate makes the proof obligations of every op, and finds the registers
// that it uses.
func (b *builder) explicate() {
	g := b.g
	m := maker{checks: make([]Check, 0, min(g.Ops.Len()+16, checksOfPiece)), privileged: g.in.Type != nil && g.in.Type.Privileged, stackSize: int64(g.opt.StackSize)}
	// Obligations of calls are made once per contract.
	type span struct{ from, n int32 }
	ofContract := make([]span, len(g.Contracts))
	for i := range g.Contracts {
		from := m.start(g)
		m.call(&g.Contracts[i])
		ofContract[i] = span{from, m.since(g, from)}
	}
	for i := range int32(g.Ops.Len()) {
		if b.work(1) {
			return
		}
		op := g.Ops.At(i)
		op.Use, op.Def = registers(op, g.Contracts)
		if op.Contract >= 0 {
			op.checks, op.nchecks = ofContract[op.Contract].from, ofContract[op.Contract].n
			continue
		}
		from := m.start(g)
		switch op.Kind {
		case Instruction:
			m.instruction(&op.Inst)
		case Counter:
			m.add(Check{Kind: BoundedLoopCount, Reg: NoReg})
		}
		op.checks, op.nchecks = from, m.since(g, from)
	}
	g.checks = append(g.checks, m.checks)
}

// start returns where the checks of an op or contract that are added next will be.
func (m *maker) start(g *Graph) int32 {
	const fewest = 32 // so many have room without growing the piece, more than any instruction has
	if len(m.checks) > checksOfPiece-fewest {
		g.checks = append(g.checks, m.checks)
		m.checks = make([]Check, 0, checksOfPiece)
	}
	return int32(len(g.checks)*checksOfPiece + len(m.checks))
}

// since counts the checks that were added behind from, which start returned.
func (m *maker) since(g *Graph, from int32) int32 {
	return int32(len(g.checks)*checksOfPiece+len(m.checks)) - from
}

// maker collects proof obligations.
type maker struct {
	checks     []Check // the last piece
	privileged bool    // pointers may be compared with numbers, stored and passed
	stackSize  int64
}

// add adds an obligation; Other is filled in where it is not needed.
func (m *maker) add(c Check) {
	switch c.Kind {
	case Comparable, Addable, ValidStore, ValidMapKeyValue:
	default:
		c.Other = NoReg
	}
	m.checks = append(m.checks, c)
}

func (m *maker) types(r isa.Reg, t TypeSet) { m.add(Check{Kind: TypeConstraint, Reg: r, Types: t}) }

func (m *maker) access(r isa.Reg, offset int32, width int32, mode AccessMode) {
	m.add(Check{Kind: ValidAccess, Reg: r, Offset: offset, Width: width, Mode: mode})
}

func (m *maker) context(r isa.Reg, orNull bool) {
	t := TypeContext
	if orNull {
		t |= TypeNumber
	}
	m.types(r, t)
	m.add(Check{Kind: ZeroContextOffset, Reg: r, OrNull: orNull})
}

func (m *maker) instruction(in *isa.Inst) {
	switch in.Kind {
	case isa.Bin:
		m.binary(in)
	case isa.Un:
		m.types(in.Dst, TypeNumber)
	case isa.Jump:
		if in.Cond && !m.privileged {
			m.condition(in)
		}
	case isa.CallX:
		m.types(in.Dst, TypeNumber)
		m.add(Check{Kind: FuncConstraint, Reg: in.Dst})
	case isa.Exit:
		m.types(0, TypeNumber)
	case isa.Load:
		m.memory(in, in.Src, Read)
	case isa.Store:
		m.memory(in, in.Dst, Write)
	case isa.Packet:
		m.context(6, false)
	case isa.Atomic:
		m.types(in.Src, TypeNumber)
		m.types(in.Dst, TypesDereference)
		m.access(in.Dst, in.Off, int32(in.Width), Write)
	}
}

func (m *maker) binary(in *isa.Inst) {
	const pointerOrNumber = TypesPointer | TypeNumber
	switch op := isa.BinOp(in.Op); op {
	case isa.Mov:
		// A move of the low half makes a number of anything but a number.
		if !in.UseImm && !in.Is64 {
			m.types(in.Src, TypeNumber)
		}
	case isa.MovSX8, isa.MovSX16, isa.MovSX32:
		if !in.UseImm {
			m.types(in.Src, TypeNumber)
		}
	case isa.Add:
		m.types(in.Dst, pointerOrNumber)
		if !in.UseImm {
			m.types(in.Src, pointerOrNumber)
			m.add(Check{Kind: Addable, Reg: in.Src, Other: in.Dst})
			m.add(Check{Kind: Addable, Reg: in.Dst, Other: in.Src})
		}
	case isa.Sub:
		m.types(in.Dst, pointerOrNumber)
		if !in.UseImm {
			m.add(Check{Kind: Comparable, Reg: in.Dst, Other: in.Src, OrNumber: true})
		}
	case isa.UDiv, isa.UMod, isa.SDiv, isa.SMod:
		m.types(in.Dst, TypeNumber)
		if !in.UseImm {
			m.add(Check{Kind: ValidDivisor, Reg: in.Src, Is64: in.Is64, Signed: op == isa.SDiv || op == isa.SMod})
		}
	default:
		m.types(in.Dst, TypeNumber)
		if !in.UseImm {
			m.types(in.Src, TypeNumber)
		}
	}
}

func (m *maker) condition(in *isa.Inst) {
	c := isa.Condition(in.Op)
	switch {
	case !in.UseImm:
		m.access(in.Dst, 0, 0, Compare)
		m.access(in.Src, 0, 0, Compare)
		if c != isa.EQ && c != isa.NE {
			m.types(in.Dst, TypesPointer|TypeNumber)
		}
		m.add(Check{Kind: Comparable, Reg: in.Dst, Other: in.Src})
	case in.Imm != 0:
		m.types(in.Dst, TypeNumber)
	default:
		// A pointer may be compared with null.
		if !in.Is64 || c >= isa.SLT {
			m.types(in.Dst, TypeNumber)
		}
		m.access(in.Dst, 0, 0, Compare)
	}
}

func (m *maker) memory(in *isa.Inst, base isa.Reg, mode AccessMode) {
	if base == isa.R10 {
		// Where the access is in the frame nothing is left to prove: stack that
		// was never written holds a value of unknown type.
		if int64(in.Off) < -m.stackSize || int64(in.Off)+int64(in.Width) > 0 {
			m.access(base, in.Off, int32(in.Width), mode)
		}
		return
	}
	m.types(base, TypesDereference)
	m.access(base, in.Off, int32(in.Width), mode)
	if mode == Write && !in.UseImm && !m.privileged {
		if in.Width == 8 {
			m.add(Check{Kind: ValidStore, Reg: base, Other: in.Src})
		} else {
			m.types(in.Src, TypeNumber)
		}
	}
}

// call makes the obligations of a call.
func (m *maker) call(c *Contract) {
	mapReg := NoReg
	for _, a := range c.Singles {
		null := TypeSet(0)
		if a.OrNull {
			null = TypeNumber
		}
		switch a.Kind {
		case ArgAnything:
			if !m.privileged {
				m.types(a.Reg, TypeNumber)
			}
		case ArgMapFDPrograms:
			m.types(a.Reg, TypeMapPrograms)
		case ArgMapFD:
			m.types(a.Reg, TypeMap)
			mapReg = a.Reg
		case ArgMapKey, ArgMapValue:
			m.types(a.Reg, TypesMemory)
			m.add(Check{Kind: ValidMapKeyValue, Reg: a.Reg, Other: mapReg, Key: a.Kind == ArgMapKey})
		case ArgStack:
			m.types(a.Reg, TypeStack|null)
		case ArgFunc:
			m.types(a.Reg, TypeFunction)
			m.add(Check{Kind: ValidCallback, Reg: a.Reg})
		case ArgContext:
			m.context(a.Reg, a.OrNull)
		case ArgSocket:
			m.types(a.Reg, TypeSocket)
		case ArgBTFID:
			m.types(a.Reg, TypeBTFID)
		case ArgAllocMem:
			m.types(a.Reg, TypeAllocMem)
		case ArgSpinLock, ArgTimer:
			m.types(a.Reg, TypesMemory)
		case ArgSizeOrZero:
			m.types(a.Reg, TypeNumber)
			m.add(Check{Kind: ValidSize, Reg: a.Reg, CanBeZero: true})
		case ArgWritableLong:
			m.types(a.Reg, TypesMemory)
			m.access(a.Reg, 0, 8, Write)
		case ArgWritableInt:
			m.types(a.Reg, TypesMemory)
			m.access(a.Reg, 0, 4, Write)
		}
	}
	if mapReg != NoReg && c.AllowedMapTypes != 0 {
		m.add(Check{Kind: ValidMapType, Reg: mapReg})
		m.checks[len(m.checks)-1].Callee = c
	}
	for _, p := range c.Pairs {
		t, mode := TypesMemory, Read
		if p.OrNull {
			t |= TypeNumber
		}
		if p.Writable {
			mode = Write
		}
		m.types(p.Size, TypeNumber)
		m.add(Check{Kind: ValidSize, Reg: p.Size, CanBeZero: p.CanBeZero})
		m.types(p.Mem, t)
		m.add(Check{Kind: ValidAccess, Reg: p.Mem, Mode: mode, OrNull: p.OrNull})
		m.checks[len(m.checks)-1].Other = p.Size
	}
	for i := range isa.Reg(5) {
		if c.ZeroArgs&(1<<i) != 0 {
			m.types(i+1, TypeNumber)
			m.add(Check{Kind: ValidArgZero, Reg: i + 1})
		}
	}
}

// registers returns the registers that an op uses and those that it defines.
func registers(op *Op, contracts []Contract) (use, def uint16) {
	in := &op.Inst
	if op.Kind != Instruction && op.Kind != Assume {
		return 0, 0
	}
	dst, src := uint16(1)<<in.Dst, uint16(1)<<in.Src
	if in.UseImm {
		src = 0
	}
	switch in.Kind {
	case isa.Bin:
		switch isa.BinOp(in.Op) {
		case isa.Mov, isa.MovSX8, isa.MovSX16, isa.MovSX32:
			return src, dst
		}
		return src | dst, dst
	case isa.Un:
		return dst, dst
	case isa.LoadMapFD, isa.LoadMapAddress, isa.LoadPseudo:
		return 0, dst
	case isa.Jump:
		if in.Cond {
			return src | dst, 0
		}
	case isa.Call, isa.CallBuiltin, isa.CallBTF:
		return contracts[op.Contract].uses(), callDefs
	case isa.CallX:
		return callArgs | dst, callDefs
	case isa.CallLocal:
		return calleeSet | frameReg, frameReg
	case isa.Exit:
		return 1, allButR0
	case isa.Load:
		return src, dst
	case isa.Store:
		return src | dst, 0
	case isa.Packet:
		use = 1 << 6
		if in.HasReg {
			use |= src
		}
		return use, callDefs
	case isa.Atomic:
		use = src | dst
		if !in.Fetch {
			return use, 0
		}
		if isa.AtomicOp(in.Op) == isa.AtomicCmpXchg {
			return use | 1, 1
		}
		return use, src
	}
	return 0, 0
}

// uses returns the argument registers of a call.
func (c *Contract) uses() (use uint16) {
	for _, a := range c.Singles {
		use |= 1 << a.Reg
	}
	for _, p := range c.Pairs {
		use |= 1<<p.Mem | 1<<p.Size
	}
	return use | uint16(c.ZeroArgs)<<1
}
