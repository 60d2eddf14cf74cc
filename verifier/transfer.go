package verifier

import (
	"math"
	"math/bits"
	"strconv"

	"bpfls/isa"
	"bpfls/platform"
	"bpfls/verifier/cfg"
	"bpfls/verifier/zone"
)

// scratch is the register that an atomic operation computes in. It stands where
// registers saved at the deepest call would, which saves none.
var scratch = isa.Reg(zone.FrameSlot(7, 6))

// transfer runs the instruction of a node on st, which is not bottom and has one
// holder for the parts that it changes.
func (p *program) transfer(st *state, id cfg.NodeID) {
	op := p.g.Op(id)
	switch op.Kind {
	case cfg.Entry, cfg.Final:
		return
	case cfg.Counter:
		v := p.counter(id)
		p.mutZone(st).ApplySignedImm(zone.OpAdd, v, v, v, 1, 0)
		return
	case cfg.Assume:
		p.assume(st, &op.Inst)
		return
	}
	in := &op.Inst
	switch in.Kind {
	case isa.Bin:
		p.binary(st, in)
	case isa.Un:
		p.unary(st, in)
	case isa.LoadMapFD:
		p.loadMap(st, in.Dst, int(in.Imm), false)
	case isa.LoadMapAddress:
		p.loadMapAddress(st, in)
	case isa.LoadPseudo:
		p.loadCode(st, in)
	case isa.Call, isa.CallBuiltin, isa.CallBTF:
		if op.Contract >= 0 {
			p.call(st, &p.g.Contracts[op.Contract])
		}
	case isa.CallX:
		p.callIndirect(st, in)
	case isa.CallLocal:
		p.enter(st, p.g.Depth(id))
	case isa.Exit:
		if d := p.g.Depth(id); d > 1 {
			p.leave(st, d)
		}
	case isa.Load:
		p.loadMem(st, in.Dst, in.Src, in.Off, in.Width, in.Signed)
		if in.Signed {
			ext := isa.Inst{Kind: isa.Bin, Op: uint8(isa.MovSX32), Dst: in.Dst, Src: in.Dst, Is64: true}
			switch in.Width {
			case 1:
				ext.Op = uint8(isa.MovSX8)
			case 2:
				ext.Op = uint8(isa.MovSX16)
			}
			p.binary(st, &ext)
		}
	case isa.Store:
		val := regValue(in.Src)
		if in.UseImm {
			val = value{s: zone.Const(in.Imm), u: zone.ConstUint(uint64(in.Imm))}
		}
		p.storeMem(st, in.Dst, in.Off, in.Width, &val)
	case isa.Packet:
		p.havocReg(st, 0, zone.AllKinds)
		p.assignType(st, 0, TypeNumber)
		p.clobber(st)
	case isa.Atomic:
		p.atomic(st, in)
	}
}

// clobber forgets r1 to r5, which no call keeps.
func (p *program) clobber(st *state) {
	for r := isa.Reg(1); r <= 5; r++ {
		p.forgetReg(st, r)
	}
}

// eachType runs f once for each type that r may have, with r restricted to it, and
// joins what comes out. f may change the stack: it is one for all runs. The type
// is TypeUninit, and nothing is restricted, where r may be uninitialised.
func (p *program) eachType(st *state, r isa.Reg, f func(st *state, t TypeSet)) {
	v := zone.RegSlot(r)
	set := st.t.of(v)
	if set&TypeUninit != 0 {
		f(st, TypeUninit)
		return
	}
	if set&(set-1) == 0 && set != 0 {
		f(st, set)
		p.mutZone(st).Tighten()
		return
	}
	all := kindsOf(set)
	var acc state // the join of types and numbers; the stack goes through all runs
	for rest := set; rest != 0; rest &= rest - 1 {
		t := rest & -rest
		st.z.refs++
		st.t.refs++
		tmp := *st
		st.s = nil
		p.mutTypes(&tmp).restrict(v, t)
		if kinds := all &^ kindsOf(t); kinds != 0 {
			p.havoc(&tmp, v, kinds)
		}
		f(&tmp, t)
		st.s, tmp.s = tmp.s, nil
		switch {
		case tmp.z.IsBottom():
			p.drop(&tmp)
		case acc.z == nil:
			p.mutZone(&tmp).Tighten()
			acc = tmp
		default:
			p.joinNumbers(&acc, &tmp)
			p.drop(&tmp)
		}
	}
	if acc.z == nil {
		p.setBottom(st)
		return
	}
	p.dropZone(st.z)
	p.dropTypes(st.t)
	st.z, st.t = acc.z, acc.t
}

// assume restricts st to the condition of in.
func (p *program) assume(st *state, in *isa.Inst) {
	op := isa.Condition(in.Op)
	l := in.Dst
	ls, lu := reg(l, zone.KindSValue), reg(l, zone.KindUValue)
	if in.UseImm {
		p.mutZone(st).AssumeImm(op, in.Is64, ls, lu, in.Imm)
		return
	}
	r := in.Src
	rs, ru := reg(r, zone.KindSValue), reg(r, zone.KindUValue)
	switch {
	case st.t.same(zone.RegSlot(l), zone.RegSlot(r)):
		p.eachType(st, l, func(st *state, t TypeSet) {
			if t == TypeNumber {
				p.mutZone(st).AssumeReg(op, in.Is64, ls, lu, rs, ru)
				return
			}
			// Pointers into one region, or an equality of descriptors.
			if k, ok := primaryKind(t); ok {
				p.add(st, comparePointers(op, zone.V(reg(l, k)), zone.V(reg(r, k))))
			}
		})
	case st.t.is(zone.RegSlot(r), TypeNumber):
		p.mutZone(st).AssumeReg(op, in.Is64, ls, lu, rs, ru)
	default:
		// A pointer compared with something of another type: that was a failure.
		p.setBottom(st)
	}
}

// comparePointers returns what a comparison of pointers says of their offsets; it is
// unsigned whatever the condition says.
func comparePointers(op isa.Condition, l, r zone.Expr) zone.Constraint {
	switch op {
	case isa.EQ:
		return zone.Eq(l, r)
	case isa.NE:
		return zone.Neq(l, r)
	case isa.GE, isa.SGE:
		return zone.Geq(l, r)
	case isa.LE, isa.SLE:
		return zone.Leq(l, r)
	case isa.GT, isa.SGT:
		return zone.Gt(l, r)
	case isa.LT, isa.SLT:
		return zone.Gt(r, l)
	}
	return zone.True()
}

// validPointer gives r the address of something, or null.
func (p *program) validPointer(st *state, r isa.Reg, nullable bool) {
	u := reg(r, zone.KindUValue)
	lo := int64(1)
	if nullable {
		lo = 0
	}
	z := p.mutZone(st)
	z.Havoc(u)
	z.Add(zone.Leq(zone.Const(lo), zone.V(u)))
	z.Add(zone.Leq(zone.V(u), zone.Const(p.maxAddress())))
}

// maxAddress is the largest address that a pointer is taken to have.
func (p *program) maxAddress() int64 { return math.MaxInt32 - int64(p.maxPacket) }

// mapFD returns the map with that descriptor.
func (p *program) mapFD(fd int) *platform.Map {
	if i := fd - 1; i >= 0 && i < len(p.in.Maps) && p.in.Maps[i].FD == fd {
		return &p.in.Maps[i]
	}
	for i := range p.in.Maps {
		if p.in.Maps[i].FD == fd {
			return &p.in.Maps[i]
		}
	}
	return nil
}

// noMap ends the run: a descriptor that the program can get names no map.
func (p *program) noMap(fd int) {
	if p.reject == nil {
		text := "map_fd " + strconv.Itoa(fd) + " not found"
		if f := p.in.Platform.MapMessage; f != nil {
			text = f(fd)
		}
		p.reject = &errReject{text}
	}
}

// maps calls f for each map whose descriptor r may hold, until it returns false.
// The result is false if these are not known, or too many.
func (p *program) maps(st *state, r isa.Reg, f func(m *platform.Map) bool) bool {
	i := st.interval(reg(r, zone.KindMapFD))
	if !i.Finite() || !fitsInt32(i.Lo) || !fitsInt32(i.Hi) {
		return false
	}
	lo, hi := i.Lo.Int64(), i.Hi.Int64()
	if hi-lo >= 32 {
		return false
	}
	for fd := lo; fd <= hi; fd++ {
		m := p.mapFD(int(fd))
		if m == nil {
			p.noMap(int(fd))
			return false
		}
		if !f(m) {
			break
		}
	}
	return true
}

// commonMap returns the value of f for all maps whose descriptor r may hold; ok is
// false if it is not the same for all.
func (p *program) commonMap(st *state, r isa.Reg, f func(m *platform.Map) int64) (val int64, ok bool) {
	n, same := 0, true
	known := p.maps(st, r, func(m *platform.Map) bool {
		x := f(m)
		if n > 0 && x != val {
			same = false
		}
		val = x
		n++
		return same
	})
	return val, known && same && n > 0
}

func (p *program) mapType(st *state, r isa.Reg) (uint32, bool) {
	t, ok := p.commonMap(st, r, func(m *platform.Map) int64 { return int64(m.Type) })
	return uint32(t), ok
}

// mapRange returns the range of f over all maps whose descriptor r may hold.
func (p *program) mapRange(st *state, r isa.Reg, f func(m *platform.Map) int64) zone.Interval {
	i := zone.Empty()
	if !p.maps(st, r, func(m *platform.Map) bool {
		i = i.Join(zone.Single(f(m)))
		return true
	}) {
		return zone.Top()
	}
	return i
}

func keySize(m *platform.Map) int64    { return int64(m.KeySize) }
func valueSize(m *platform.Map) int64  { return int64(m.ValueSize) }
func maxEntries(m *platform.Map) int64 { return int64(m.MaxEntries) }
func innerFD(m *platform.Map) int64    { return int64(m.InnerFD) }

// loadMap gives r the map with descriptor fd.
func (p *program) loadMap(st *state, r isa.Reg, fd int, nullable bool) {
	v := zone.RegSlot(r)
	p.havoc(st, v, typedKinds)
	m := p.mapFD(fd)
	if m == nil {
		p.noMap(fd)
	}
	if m != nil && p.in.Platform.MapType(m.Type).Value == platform.ValueProgram {
		p.assignType(st, v, TypeMapPrograms)
		p.mutZone(st).AssignConst(reg(r, zone.KindMapFDPrograms), int64(fd))
	} else {
		p.assignType(st, v, TypeMap)
		p.mutZone(st).AssignConst(reg(r, zone.KindMapFD), int64(fd))
	}
	p.validPointer(st, r, nullable)
}

func (p *program) loadMapAddress(st *state, in *isa.Inst) {
	v := zone.RegSlot(in.Dst)
	p.havoc(st, v, typedKinds)
	p.assignType(st, v, TypeShared)
	z := p.mutZone(st)
	z.AssignConst(reg(in.Dst, zone.KindSharedOffset), int64(in.NextImm))
	if m := p.mapFD(int(in.Imm)); m != nil {
		z.AssignConst(reg(in.Dst, zone.KindSharedRegionSize), int64(m.ValueSize))
	} else {
		p.noMap(int(in.Imm))
	}
	p.validPointer(st, in.Dst, false)
}

// loadCode gives a register the address of a function.
func (p *program) loadCode(st *state, in *isa.Inst) {
	v, u := zone.RegSlot(in.Dst), reg(in.Dst, zone.KindUValue)
	p.havoc(st, v, typedKinds)
	z := p.mutZone(st)
	z.Assign(u, zone.ConstUint(uint64(uint32(in.Imm))|uint64(uint32(in.NextImm))<<32))
	z.OverflowBounds(u, 64, false)
	p.assignType(st, v, TypeFunction)
}

// unary is a byte swap or negation.
func (p *program) unary(st *state, in *isa.Inst) {
	r := in.Dst
	s, u := reg(r, zone.KindSValue), reg(r, zone.KindUValue)
	op := isa.UnOp(in.Op)
	if op == isa.Neg {
		width := 32
		if in.Is64 {
			width = 64
		}
		p.mutZone(st).NegWrap(s, u, width)
		p.havocReg(st, r, zone.OffsetKinds)
		return
	}
	width := 16
	switch op {
	case isa.BE32, isa.LE32, isa.Swap32:
		width = 32
	case isa.BE64, isa.LE64, isa.Swap64:
		width = 64
	}
	swap := true
	switch op {
	case isa.BE16, isa.BE32, isa.BE64:
		swap = !p.in.BigEndian
	case isa.LE16, isa.LE32, isa.LE64:
		swap = p.in.BigEndian
	}
	if width == 64 && !swap {
		return
	}
	z := p.mutZone(st)
	number := st.isNumber(r)
	for _, v := range [2]zone.Var{s, u} {
		n, ok := zone.Int{}, false
		if number {
			n, ok = z.Interval(v).Singleton()
			ok = ok && (n.FitsInt64() || n.FitsUint64())
		}
		if !ok {
			z.Havoc(v)
			p.havocReg(st, r, zone.OffsetKinds)
			continue
		}
		w := n.Uint64()
		if swap {
			w = bits.ReverseBytes64(w) >> (64 - width)
		} else {
			w &= 1<<width - 1
		}
		switch {
		case width == 64 && v == s:
			z.Set(v, zone.Single(int64(w)))
		default:
			z.Set(v, zone.SingleInt(zone.FromUint64(w)))
		}
	}
}

// loadMem loads width bytes at base+off into dst.
func (p *program) loadMem(st *state, dst, base isa.Reg, off int32, width uint8, signed bool) {
	if base == isa.R10 {
		addr := zone.V(reg(base, zone.KindStackOffset)).PlusConst(int64(off))
		p.loadStack(st, dst, &addr, int(width), base)
		return
	}
	p.eachType(st, base, func(st *state, t TypeSet) {
		switch t {
		case TypeContext:
			addr := zone.V(reg(base, zone.KindCtxOffset)).PlusConst(int64(off))
			p.loadContext(st, dst, &addr, int(width), signed)
		case TypeStack:
			addr := zone.V(reg(base, zone.KindStackOffset)).PlusConst(int64(off))
			p.loadStack(st, dst, &addr, int(width), base)
		case TypePacket, TypeShared, TypeAllocMem, TypeSocket, TypeBTFID:
			// What is stored there is not tracked.
			p.forgetReg(st, dst)
			p.loadNumber(st, dst, int(width), signed)
		}
		// The other types cannot be loaded from: that was a failure.
	})
}

// loadNumber makes dst, of which nothing is known, a number that was loaded from
// memory. Loads of four bytes have no range: PREVAIL knows none.
func (p *program) loadNumber(st *state, dst isa.Reg, width int, signed bool) {
	p.assignType(st, zone.RegSlot(dst), TypeNumber)
	s, u := reg(dst, zone.KindSValue), reg(dst, zone.KindUValue)
	z := p.mutZone(st)
	switch {
	case signed && width < 8:
		z.Set(s, zone.SignedRange(width*8))
		z.Havoc(u)
	case width <= 2:
		full := zone.UnsignedRange(width * 8)
		z.Set(s, full)
		z.Set(u, full)
	}
}

// loadContext loads a field of the context.
func (p *program) loadContext(st *state, dst isa.Reg, addr *zone.Expr, width int, signed bool) {
	c := p.in.Type.Context
	d := zone.RegSlot(dst)
	if c.End < 0 {
		p.forgetReg(st, dst)
		p.loadNumber(st, dst, width, signed)
		return
	}
	i := st.eval(addr)
	p.forgetReg(st, dst)
	// In the program's view these fields are offsets into the packet; they are
	// pointers when it runs. Reading a part of one gives neither a pointer nor a
	// number that may be shown.
	slot := c.End - c.Data
	read := i.Add(zone.Range(0, int64(width-1)))
	touches := func(field int) bool {
		return field >= 0 && !read.Meet(zone.Range(int64(field), int64(field+slot-1))).IsEmpty()
	}
	n, exact := i.Singleton()
	is := func(field int) bool { return exact && n == zone.FromInt64(int64(field)) }
	off := reg(dst, zone.KindPacketOffset)
	switch {
	case !is(c.Data) && !is(c.End) && !is(c.Meta):
		if !touches(c.Data) && !touches(c.Meta) && !touches(c.End) {
			p.loadNumber(st, dst, width, signed)
		}
		return
	case width != slot:
		return
	case is(c.Data):
		p.mutZone(st).AssignConst(off, 0)
	case is(c.End):
		z := p.mutZone(st)
		z.AssignVar(off, zone.PacketSize)
		// packet_size has no upper bound of its own; give the pointer one.
		z.Add(zone.Lt(zone.V(off), zone.Const(int64(p.maxPacket))))
	default:
		p.mutZone(st).AssignVar(off, zone.MetaOffset)
	}
	p.assignType(st, d, TypePacket)
	u := zone.V(reg(dst, zone.KindUValue))
	p.add(st, zone.Leq(zone.Const(4098), u))
	p.add(st, zone.Leq(u, zone.Const(p.maxAddress())))
}

// storeMem stores width bytes at base+off. Only the stack remembers them.
func (p *program) storeMem(st *state, base isa.Reg, off int32, width uint8, val *value) {
	v := reg(base, zone.KindStackOffset)
	if base == isa.R10 {
		if n, ok := st.interval(v).Singleton(); ok {
			addr := zone.Const(int64(int32(n.Int64())) + int64(off))
			p.storeStack(st, &addr, int(width), val)
			return
		}
	}
	p.eachType(st, base, func(st *state, t TypeSet) {
		if t == TypeStack {
			addr := zone.V(v).PlusConst(int64(off))
			p.storeStack(st, &addr, int(width), val)
		}
	})
}

// atomic reads, changes and writes memory.
func (p *program) atomic(st *state, in *isa.Inst) {
	const deref = TypeContext | TypePacket | TypeStack | TypeShared | TypeSocket | TypeAllocMem
	if st.typeOf(in.Dst)&^deref != 0 || !st.isNumber(in.Src) {
		return
	}
	op := isa.AtomicOp(in.Op)
	if st.typeOf(in.Dst)&TypeStack == 0 {
		// What is in other memory is not known.
		if op == isa.AtomicCmpXchg {
			p.havocReg(st, 0, zone.AllKinds)
		} else if in.Fetch {
			p.havocReg(st, in.Src, zone.AllKinds)
		}
		return
	}
	p.loadMem(st, scratch, in.Dst, in.Off, in.Width, false)
	compute := isa.Inst{Kind: isa.Bin, Dst: scratch, Src: in.Src, Is64: in.Width == 8}
	switch op {
	case isa.AtomicAdd:
		compute.Op = uint8(isa.Add)
	case isa.AtomicOr:
		compute.Op = uint8(isa.Or)
	case isa.AtomicAnd:
		compute.Op = uint8(isa.And)
	case isa.AtomicXor:
		compute.Op = uint8(isa.Xor)
	default:
		compute.Op = uint8(isa.Mov)
	}
	p.binary(st, &compute)
	if op == isa.AtomicCmpXchg {
		p.loadMem(st, 0, in.Dst, in.Off, in.Width, false)
		// The new value is one of two.
		p.havocReg(st, scratch, zone.AllKinds)
	} else if in.Fetch {
		p.loadMem(st, in.Src, in.Dst, in.Off, in.Width, false)
	}
	val := regValue(scratch)
	p.storeMem(st, in.Dst, in.Off, in.Width, &val)
	p.forgetReg(st, scratch)
}

// call is the call of a helper, builtin or kernel function.
func (p *program) call(st *state, c *cfg.Contract) {
	mapReg, hasMap := isa.Reg(0), false
	for _, a := range c.Singles {
		switch a.Kind {
		case cfg.ArgMapFD:
			mapReg, hasMap = a.Reg, true
		case cfg.ArgWritableLong, cfg.ArgWritableInt:
			width := 8
			if a.Kind == cfg.ArgWritableInt {
				width = 4
			}
			p.eachType(st, a.Reg, func(st *state, t TypeSet) {
				if t == TypeStack {
					at := p.placeN(st.interval(reg(a.Reg, zone.KindStackOffset)), width)
					p.havocCells(st, zone.AllKinds, &at)
					p.storeNumbers(st, &at)
				}
			})
		}
	}
	for _, a := range c.Pairs {
		if !a.Writable {
			continue
		}
		width := st.interval(reg(a.Size, zone.KindSValue))
		onlyStack, seen := true, false
		var at place
		p.eachType(st, a.Mem, func(st *state, t TypeSet) {
			if t != TypeStack {
				onlyStack = false
				return
			}
			at, seen = p.place(st.interval(reg(a.Mem, zone.KindStackOffset)), width), true
			p.havocCells(st, zone.AllKinds, &at)
		})
		// The stack is one for all types: only if it is surely the stack that was
		// written its bytes are numbers now.
		if onlyStack && seen {
			p.storeNumbers(st, &at)
		}
	}
	p.result(st, c, mapReg, hasMap)
	p.clobber(st)
	if c.ReallocatesPacket {
		p.forgetPacket(st)
	}
}

func (p *program) storeNumbers(st *state, at *place) {
	if p.fits(at) {
		p.mutStack(st).setBytes(at.off, at.size, true)
	}
}

// result gives r0 what a function returns.
func (p *program) result(st *state, c *cfg.Contract, mapReg isa.Reg, hasMap bool) {
	r0 := zone.RegSlot(0)
	p.havoc(st, r0, 1<<zone.KindStackNumericSize)
	switch {
	case c.MapLookup:
		size := zone.Top()
		if hasMap {
			if t, ok := p.mapType(st, mapReg); ok {
				if p.in.Platform.MapType(t).Value != platform.ValueMap {
					size = p.mapRange(st, mapReg, valueSize)
				} else if fd, ok := p.commonMap(st, mapReg, innerFD); ok {
					p.loadMap(st, 0, int(fd), true)
					return
				}
			}
		}
		p.havoc(st, r0, typedKinds)
		p.assignType(st, r0, TypeShared)
		p.validPointer(st, 0, true)
		z := p.mutZone(st)
		z.AssignConst(reg(0, zone.KindSharedOffset), 0)
		z.Set(reg(0, zone.KindSharedRegionSize), size)
	case c.Return != 0:
		p.havoc(st, r0, typedKinds)
		t := TypeSet(c.Return)
		p.assignType(st, r0, t)
		p.validPointer(st, 0, c.ReturnNullable)
		z := p.mutZone(st)
		switch {
		case t == TypeAllocMem && c.AllocSize != cfg.NoReg:
			z.AssignConst(reg(0, zone.KindAllocMemOffset), 0)
			z.Set(reg(0, zone.KindAllocMemSize), z.Interval(reg(c.AllocSize, zone.KindUValue)))
		case t == TypeSocket:
			z.AssignConst(reg(0, zone.KindSocketOffset), 0)
		}
	default:
		p.havoc(st, r0, zone.AllKinds)
		p.assignType(st, r0, TypeNumber)
	}
}

// forgetPacket forgets all packet pointers and the size of the packet.
func (p *program) forgetPacket(st *state) {
	for i := range st.t.class {
		v := owner(i)
		if st.t.tracked(v) && st.t.of(v)&TypePacket != 0 {
			p.forgetType(st, v)
			p.havoc(st, v, zone.AllKinds)
		}
	}
	p.initPacket(st)
}

// initPacket says what is known of every packet.
func (p *program) initPacket(st *state) {
	z := p.mutZone(st)
	z.Havoc(zone.PacketSize)
	z.Havoc(zone.MetaOffset)
	z.Add(zone.Leq(zone.Const(0), zone.V(zone.PacketSize)))
	z.Add(zone.Lt(zone.V(zone.PacketSize), zone.Const(int64(p.maxPacket))))
	if p.in.Type.Context.Meta >= 0 {
		z.Add(zone.Leq(zone.V(zone.MetaOffset), zone.Const(0)))
		z.Add(zone.Geq(zone.V(zone.MetaOffset), zone.Const(-4098)))
	} else {
		z.AssignConst(zone.MetaOffset, 0)
	}
}

// callIndirect is a call of the helper whose id is in a register.
func (p *program) callIndirect(st *state, in *isa.Inst) {
	if n, ok := st.interval(reg(in.Dst, zone.KindUValue)).Singleton(); ok && fitsInt32(n) {
		if c, _, ok := p.g.ResolveHelper(int32(n.Int64())); ok {
			p.call(st, c)
			return
		}
	}
	// The check of the id failed, and the run goes on: it may be any helper.
	p.forgetReg(st, 0)
	p.clobber(st)
	p.forgetStack(st)
	p.forgetPacket(st)
}

// forgetStack forgets what is in the stack.
func (p *program) forgetStack(st *state) {
	at := p.placeN(zone.Single(0), p.stackSize)
	p.havocCells(st, zone.AllKinds|1<<zone.KindType, &at)
	p.mutStack(st).setBytes(at.off, at.size, false)
	addr := zone.Const(0)
	p.refreshNumericSizes(st, &addr, p.stackSize, false)
}

// savedKinds are the variables that are saved of a register of the types.
func savedKinds(s TypeSet) zone.KindSet { return kindsOf(s) | 1<<zone.KindUValue }

// enter enters a function called at the given depth: r6 to r9 are saved for it.
func (p *program) enter(st *state, depth int) {
	for r := isa.Reg(6); r <= 9; r++ {
		v := zone.RegSlot(r)
		if !st.t.initialized(v) {
			continue
		}
		save := zone.FrameSlot(depth-1, r)
		p.havoc(st, save, typedKinds)
		p.mutTypes(st).copy(save, v)
		p.copyKinds(st, save, v, savedKinds(st.valid(v)))
	}
	p.addImm(st, isa.R10, int64(-p.frameSize), 64)
}

// leave returns from a function at the given depth.
func (p *program) leave(st *state, depth int) {
	if n, ok := st.interval(reg(isa.R10, zone.KindStackOffset)).Singleton(); ok {
		at := p.placeN(zone.Single(n.Int64()-int64(p.frameSize)), p.frameSize)
		p.kill(st, 1<<zone.KindType, &at)
		if at.exact {
			p.mutStack(st).setBytes(at.off, at.size, false)
		}
		p.havocCells(st, zone.AllKinds, &at)
	}
	for r := isa.Reg(6); r <= 9; r++ {
		p.forgetReg(st, r)
	}
	var buf [4 * zone.NumKinds]zone.Renaming
	pairs := buf[:0]
	for r := isa.Reg(6); r <= 9; r++ {
		from, to := zone.FrameSlot(depth-2, r), zone.RegSlot(r)
		p.mutTypes(st).rename(from, to)
		for k := zone.KindSValue; k < zone.NumKinds; k++ {
			pairs = append(pairs, zone.Renaming{From: from.Var(k), To: to.Var(k)})
		}
	}
	p.mutZone(st).Rename(pairs)
	p.addImm(st, isa.R10, int64(p.frameSize), 64)
	p.clobber(st)
}

// addImm adds a constant to a register.
func (p *program) addImm(st *state, r isa.Reg, imm int64, width int) {
	v := zone.RegSlot(r)
	s, u := reg(r, zone.KindSValue), reg(r, zone.KindUValue)
	if st.typeOf(r)&TypeNumber != 0 {
		p.mutZone(st).ArithImm(zone.OpAdd, s, u, imm, width)
		if !st.isNumber(r) {
			// Perhaps a pointer: where it points to now is not computed.
			p.havoc(st, v, zone.OffsetKinds)
		}
	} else {
		if k, ok := primaryKind(st.typeOf(r)); ok {
			x := reg(r, k)
			p.mutZone(st).ApplySignedImm(zone.OpAdd, x, x, x, imm, 0)
		} else {
			p.havoc(st, v, zone.OffsetKinds)
		}
		p.mutZone(st).ApplyUnsignedImm(zone.OpAdd, s, u, u, imm, width)
	}
	if st.typeOf(r)&TypeStack != 0 {
		size := reg(r, zone.KindStackNumericSize)
		if imm > 0 {
			p.mutZone(st).ApplySignedImm(zone.OpSub, size, size, size, imm, 0)
		} else if imm < 0 {
			p.mutZone(st).Havoc(size)
		}
		p.refreshNumericSize(st, v)
	}
}

// shiftImm shifts by a constant.
func (p *program) shiftImm(st *state, op isa.BinOp, r isa.Reg, n int64, width int) {
	p.havocReg(st, r, zone.OffsetKinds)
	s, u := reg(r, zone.KindSValue), reg(r, zone.KindUValue)
	z := p.mutZone(st)
	if !st.isNumber(r) {
		z.Havoc(s)
		z.Havoc(u)
		return
	}
	count := int(n) & (width - 1)
	if op == isa.Lsh {
		if have := z.Interval(u); have.Finite() && p.reject == nil {
			// PREVAIL shifts machine words. A relation can leave bounds that are none.
			for _, bound := range [...]zone.Int{have.Lo, have.Hi} {
				if !bound.FitsUint64() {
					p.reject = &errReject{"Number " + bound.String() + " does not fit"}
					break
				}
			}
		}
		z.ShlImm(s, u, count, width)
	} else {
		z.LShrImm(s, u, count, width)
	}
}

func (p *program) arshBy(st *state, r isa.Reg, n zone.Expr, width int) {
	p.havocReg(st, r, zone.OffsetKinds)
	s, u := reg(r, zone.KindSValue), reg(r, zone.KindUValue)
	z := p.mutZone(st)
	if st.isNumber(r) {
		z.AShr(s, u, n, width)
	} else {
		z.Havoc(s)
		z.Havoc(u)
	}
}

var arithOps = [...]zone.Op{
	isa.Mul: zone.OpMul, isa.UDiv: zone.OpUDiv, isa.UMod: zone.OpURem, isa.SDiv: zone.OpSDiv, isa.SMod: zone.OpSRem,
	isa.Or: zone.OpOr, isa.And: zone.OpAnd, isa.Xor: zone.OpXor,
}

// binary is an arithmetic instruction.
func (p *program) binary(st *state, in *isa.Inst) {
	op := isa.BinOp(in.Op)
	moves := op == isa.Mov || op >= isa.MovSX8
	if !moves && !st.t.initialized(zone.RegSlot(in.Dst)) {
		p.forgetReg(st, in.Dst)
		return
	}
	done := false
	if in.UseImm {
		done = p.binaryImm(st, in, op)
	} else {
		if !st.t.initialized(zone.RegSlot(in.Src)) {
			p.forgetReg(st, in.Dst)
			return
		}
		done = p.binaryReg(st, in, op)
	}
	if done || in.Is64 {
		return
	}
	p.cutTo32(st, in.Dst)
}

// cutTo32 zeroes the upper half of a number. The lower half of an address is
// neither a pointer nor a number: nothing is known of it.
func (p *program) cutTo32(st *state, r isa.Reg) {
	if st.isNumber(r) {
		p.mutZone(st).ArithImm(zone.OpAnd, reg(r, zone.KindSValue), reg(r, zone.KindUValue), math.MaxUint32, 64)
	} else {
		p.forgetReg(st, r)
	}
}

// binaryImm is an instruction with a constant operand; done means that nothing is
// left to do for 32 bits.
func (p *program) binaryImm(st *state, in *isa.Inst, op isa.BinOp) (done bool) {
	r, width, imm := in.Dst, 64, in.Imm
	if !in.Is64 {
		width, imm = 32, int64(int32(imm))
		p.cutTo32(st, r)
	}
	s, u := reg(r, zone.KindSValue), reg(r, zone.KindUValue)
	z := p.mutZone(st)
	switch op {
	case isa.Mov:
		z.AssignConst(s, imm)
		z.AssignConst(u, imm)
		z.OverflowBounds(u, width, false)
		p.assignType(st, zone.RegSlot(r), TypeNumber)
		p.havocReg(st, r, zone.OffsetKinds)
	case isa.Add, isa.Sub:
		if imm == 0 {
			return true
		}
		if op == isa.Sub {
			if imm = -imm; imm > math.MaxInt32 && p.reject == nil {
				// PREVAIL turns a subtraction into an addition of an int.
				p.reject = &errReject{"narrowing_error"}
			}
		}
		p.addImm(st, r, imm, width)
	case isa.Lsh, isa.Rsh:
		p.shiftImm(st, op, r, imm, width)
	case isa.Arsh:
		p.arshBy(st, r, zone.Const(int64(int32(imm))), width)
	default:
		z.ArithImm(arithOps[op], s, u, imm, width)
		if op == isa.And && int32(imm) > 0 {
			z.Add(zone.Leq(zone.V(s), zone.Const(imm)))
			z.Add(zone.Leq(zone.V(u), zone.Const(imm)))
			z.Add(zone.Leq(zone.Const(0), zone.V(s)))
			z.Add(zone.Leq(zone.Const(0), zone.V(u)))
		}
		p.havocReg(st, r, zone.OffsetKinds)
	}
	return false
}

// binaryReg is an instruction with a register operand.
func (p *program) binaryReg(st *state, in *isa.Inst, op isa.BinOp) (done bool) {
	dst, src, width := in.Dst, in.Src, 64
	if !in.Is64 {
		width = 32
	}
	ds, du := reg(dst, zone.KindSValue), reg(dst, zone.KindUValue)
	ss, su := reg(src, zone.KindSValue), reg(src, zone.KindUValue)
	switch op {
	case isa.Add:
		p.addReg(st, dst, src, width)
	case isa.Sub:
		p.subReg(st, dst, src, width)
	case isa.Mul, isa.SDiv, isa.SMod:
		p.mutZone(st).Arith(arithOps[op], ds, du, ss, width)
		p.havocReg(st, dst, zone.OffsetKinds)
	case isa.UDiv, isa.UMod, isa.Or, isa.And, isa.Xor:
		p.mutZone(st).Arith(arithOps[op], ds, du, su, width)
		p.havocReg(st, dst, zone.OffsetKinds)
	case isa.Lsh, isa.Rsh:
		if st.isNumber(src) {
			if n, ok := st.interval(su).Singleton(); ok {
				if !in.Is64 {
					p.mutZone(st).ArithImm(zone.OpAnd, ds, du, math.MaxUint32, 64)
				}
				p.shiftImm(st, op, dst, int64(n.Uint64()&uint64(width-1)), width)
				break
			}
		}
		if op == isa.Lsh {
			p.mutZone(st).Arith(zone.OpShl, ds, du, su, 64)
			p.havocReg(st, dst, zone.OffsetKinds)
		} else {
			p.havocReg(st, dst, zone.AllKinds)
		}
	case isa.Arsh:
		if st.isNumber(src) {
			p.arshBy(st, dst, zone.V(ss), width)
		} else {
			p.havocReg(st, dst, zone.AllKinds)
		}
	case isa.MovSX8, isa.MovSX16, isa.MovSX32:
		from := 8 << (op - isa.MovSX8)
		if in.Is64 && dst == src && st.interval(ds).Leq(zone.SignedRange(from)) {
			return true // changes nothing: keep the relations
		}
		if !st.isNumber(src) {
			p.forgetReg(st, dst)
			break
		}
		p.havocReg(st, dst, zone.OffsetKinds)
		p.assignType(st, zone.RegSlot(dst), TypeNumber)
		p.mutZone(st).SignExtend(ds, du, zone.V(ss), width, from)
	case isa.Mov:
		switch {
		case !in.Is64 && !st.isNumber(src):
			p.forgetReg(st, dst)
		case dst != src:
			p.copyReg(st, dst, src)
		}
	}
	return false
}

// addReg adds registers: numbers, or a pointer and a number.
func (p *program) addReg(st *state, dst, src isa.Reg, width int) {
	d, sr := zone.RegSlot(dst), zone.RegSlot(src)
	ds, du := reg(dst, zone.KindSValue), reg(dst, zone.KindUValue)
	ss, su := reg(src, zone.KindSValue), reg(src, zone.KindUValue)
	if st.t.same(d, sr) {
		p.mutZone(st).Arith(zone.OpAdd, ds, du, ss, width)
		return
	}
	p.eachType(st, dst, func(st *state, dt TypeSet) {
		p.eachType(st, src, func(st *state, ct TypeSet) {
			switch {
			case dt == TypeNumber && ct == TypeNumber:
				p.mutZone(st).ApplySigned(zone.OpAdd, ds, du, ds, ss, width)
			case dt == TypeNumber: // number += pointer
				p.assignType(st, d, ct)
				if k, ok := primaryKind(ct); ok {
					p.mutZone(st).Apply(zone.OpAdd, reg(dst, k), ds, reg(src, k), 0)
				}
				p.mutZone(st).ApplyUnsigned(zone.OpAdd, ds, du, du, su, width)
				if ct == TypeShared {
					p.mutZone(st).AssignVar(reg(dst, zone.KindSharedRegionSize), reg(src, zone.KindSharedRegionSize))
				}
			case ct == TypeNumber: // pointer += number
				p.assignType(st, d, dt)
				if k, ok := primaryKind(dt); ok {
					p.mutZone(st).Apply(zone.OpAdd, reg(dst, k), reg(dst, k), ss, 0)
					if dt == TypeStack {
						size := reg(dst, zone.KindStackNumericSize)
						if st.intersects(zone.Lt(zone.V(ss), zone.Const(0))) {
							p.mutZone(st).Havoc(size)
							p.refreshNumericSize(st, d)
						} else {
							p.mutZone(st).ApplySigned(zone.OpSub, size, size, size, ss, 0)
						}
					}
				}
				p.mutZone(st).ApplyUnsigned(zone.OpAdd, ds, du, du, su, width)
			default:
				p.setBottom(st)
			}
		})
	})
}

// subReg subtracts registers: numbers, pointers into one region, or a number from
// a pointer.
func (p *program) subReg(st *state, dst, src isa.Reg, width int) {
	d, sr := zone.RegSlot(dst), zone.RegSlot(src)
	ds, du := reg(dst, zone.KindSValue), reg(dst, zone.KindUValue)
	ss, su := reg(src, zone.KindSValue), reg(src, zone.KindUValue)
	if st.t.same(d, sr) {
		p.eachType(st, dst, func(st *state, t TypeSet) {
			if t == TypeNumber {
				p.mutZone(st).ApplySigned(zone.OpSub, ds, du, ds, ss, width)
			} else if k, ok := primaryKind(t); ok {
				p.mutZone(st).ApplySigned(zone.OpSub, ds, du, reg(dst, k), reg(src, k), width)
			}
			p.havoc(st, d, zone.OffsetKinds)
			p.assignType(st, d, TypeNumber)
		})
		return
	}
	if !st.isNumber(src) {
		p.forgetReg(st, dst)
		return
	}
	if st.typeOf(dst)&TypeNumber != 0 {
		p.mutZone(st).Arith(zone.OpSub, ds, du, ss, width)
		if !st.isNumber(dst) {
			p.havoc(st, d, zone.OffsetKinds)
		}
	} else {
		if k, ok := primaryKind(st.typeOf(dst)); ok {
			x := reg(dst, k)
			p.mutZone(st).ApplySigned(zone.OpSub, x, x, x, ss, 0)
		} else {
			p.havoc(st, d, zone.OffsetKinds)
		}
		p.mutZone(st).ApplyUnsigned(zone.OpSub, ds, du, du, su, width)
	}
	if st.typeOf(dst)&TypeStack != 0 {
		size := reg(dst, zone.KindStackNumericSize)
		if st.intersects(zone.Gt(zone.V(ss), zone.Const(0))) {
			p.mutZone(st).Havoc(size)
			p.refreshNumericSize(st, d)
		} else {
			p.mutZone(st).Apply(zone.OpAdd, size, size, ss, 0)
		}
	}
}
