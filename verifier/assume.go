package verifier

import (
	"bpfls/isa"
	"bpfls/verifier/cfg"
	"bpfls/verifier/zone"
)

// A run that goes on behind failures takes every check for granted that it cannot
// prove, so that its states are true of every execution that gets that far. Its
// failures are those of the last visit of each node: what only a step of widening
// could not prove is no failure of it.
//
// Where nothing of a location fits what a check asks for, the location becomes
// one of which only that is known, and it is marked with the failure: a later
// failure that is about a marked location is a consequence.

// marks says by location which failure made what is there. It is not changed
// once made; nil marks nothing.
type marks struct{ at []*failure }

func (m *marks) of(v owner) *failure {
	if m == nil || int(v) >= len(m.at) {
		return nil
	}
	return m.at[v]
}

// with returns m with v marked; f nil takes the mark away.
func (m *marks) with(v owner, f *failure) *marks {
	if m.of(v) == f {
		return m
	}
	n := new(marks)
	if m != nil {
		n.at = append(n.at, m.at...)
	}
	for int(v) >= len(n.at) {
		n.at = append(n.at, nil)
	}
	n.at[v] = f
	return n
}

// joinMarks returns the marks of both; of two marks the first.
func joinMarks(a, b *marks) *marks {
	if a == b || b == nil {
		return a
	}
	if a == nil {
		return b
	}
	for i, f := range b.at {
		if v := owner(i); f != nil && a.of(v) == nil {
			a = a.with(v, f)
		}
	}
	return a
}

type failureKey struct {
	node  cfg.NodeID
	check int
}

// note returns the failure of a check in a run that goes on; it is the same one
// at every visit.
func (r *run) note(id cfg.NodeID, check int, msg string) *failure {
	k := failureKey{id, check}
	f := r.noted[k]
	if f == nil {
		f = &failure{node: id, check: check}
		r.noted[k] = f
	}
	f.msg, f.inner, f.others = msg, nil, nil
	return f
}

// visitAssuming is a visit that takes unproven checks for granted. pre is changed.
func (r *run) visitAssuming(st *state, id cfg.NodeID) {
	r.missed[id] = r.missed[id][:0]
	checks := r.g.Checks(id)
	for i := range checks {
		c := &checks[i]
		msg, ok := r.check(st, c, id)
		if ok || r.reject != nil {
			continue
		}
		f := r.note(id, i, msg)
		if c.Kind == cfg.FuncConstraint {
			_, f.inner, _ = r.checkFunction(st, c, id)
			if f.inner != nil {
				c = f.inner
			}
		}
		demands := []*cfg.Check{c}
		if f.inner != nil {
			f.others = r.othersDemanded(st, &checks[i], f.inner, id)
			demands = append(demands, f.others...)
		}
		f.root = f
		for _, x := range [2]isa.Reg{c.Reg, c.Other} {
			if x == cfg.NoReg {
				continue
			}
			if m := st.m.of(zone.RegSlot(x)); m != nil {
				f.root = m.root
			}
		}
		r.missed[id] = append(r.missed[id], f)
		for _, c := range demands {
			r.grant(st, c, f.root)
		}
	}
}

// othersDemanded returns what a helper that is called through a register demands beside
// inner, the first demand that is not met, and is not met either.
func (r *run) othersDemanded(st *state, c, inner *cfg.Check, id cfg.NodeID) (others []*cfg.Check) {
	n, _ := st.interval(reg(c.Reg, zone.KindUValue)).Singleton()
	_, checks, _ := r.g.ResolveHelper(int32(n.Int64()))
	for i := range checks {
		if checks[i] == *inner {
			continue
		}
		if _, ok := r.check(st, &checks[i], id); !ok {
			others = append(others, &checks[i])
		}
	}
	return others
}

// grant restricts st to the executions in which c holds; root is the failure that
// explains that it was not proven.
func (r *run) grant(st *state, c *cfg.Check, root *failure) {
	switch c.Kind {
	case cfg.TypeConstraint:
		r.grantType(st, c.Reg, TypeSet(c.Types), root)
	case cfg.Addable:
		// Not both are pointers. Where both may be, types cannot say that.
		switch have, other := st.typeOf(c.Reg), st.typeOf(c.Other); {
		case have&^typesPointer == 0:
			r.grantType(st, c.Other, TypeNumber, root)
		case other&^typesPointer == 0:
			r.mutTypes(st).restrict(zone.RegSlot(c.Reg), have&^typesPointer)
		}
	case cfg.ValidStore:
		// A pointer goes to the stack only.
		switch have, other := st.typeOf(c.Reg), st.typeOf(c.Other); {
		case have&TypeStack == 0:
			r.grantType(st, c.Other, TypeNumber, root)
		case other&TypeNumber == 0:
			r.mutTypes(st).restrict(zone.RegSlot(c.Reg), TypeStack)
		}
	case cfg.ValidDivisor:
		r.grantType(st, c.Reg, TypeNumber, root)
		if r.noDivZero && c.Is64 {
			r.grantValue(st, c.Reg, root, zone.Neq(zone.V(reg(c.Reg, zone.KindUValue)), zone.Const(0)))
		}
	case cfg.ValidSize:
		least := int64(1)
		if c.CanBeZero {
			least = 0
		}
		r.grantValue(st, c.Reg, root, zone.Geq(zone.V(reg(c.Reg, zone.KindSValue)), zone.Const(least)))
	case cfg.ValidArgZero:
		r.grantValue(st, c.Reg, root, zone.Eq(zone.V(reg(c.Reg, zone.KindSValue)), zone.Const(0)))
	case cfg.ZeroContextOffset:
		r.grantValue(st, c.Reg, root, zone.Eq(zone.V(reg(c.Reg, zone.KindCtxOffset)), zone.Const(0)))
	case cfg.Comparable:
		r.grantType(st, c.Reg, typesSingleton|TypeNumber, root)
		if !st.t.same(zone.RegSlot(c.Reg), zone.RegSlot(c.Other)) {
			// Whether they were of one type cannot be said of what is known: let
			// them be so from here on.
			both := st.typeOf(c.Reg) & st.typeOf(c.Other)
			r.grantType(st, c.Other, typesSingleton|TypeNumber, root)
			if both != 0 && both&TypeUninit == 0 {
				r.mutTypes(st).equate(zone.RegSlot(c.Reg), zone.RegSlot(c.Other))
			} else {
				r.grantType(st, c.Other, TypeNumber, root)
			}
		}
	case cfg.ValidAccess:
		r.grantAccess(st, c, root)
	case cfg.ValidMapKeyValue:
		size := valueSize
		if c.Key {
			size = keySize
		}
		if n, ok := r.mapRange(st, c.Other, size).Singleton(); ok && n.FitsInt64() {
			access := cfg.Check{Kind: cfg.ValidAccess, Reg: c.Reg, Other: cfg.NoReg, Mode: cfg.Read, Width: int32(n.Int64())}
			r.grantAccess(st, &access, root)
		} else {
			r.mark(st, c.Reg, root)
		}
	}
}

func (r *run) mark(st *state, x isa.Reg, root *failure) {
	st.m = st.m.with(zone.RegSlot(x), root)
}

// grantType leaves x the types in allowed. Where it can have none of them, or might be
// uninitialised, nothing is known of its value then, unless it points to memory that is
// merely of another kind.
func (r *run) grantType(st *state, x isa.Reg, allowed TypeSet, root *failure) {
	v := zone.RegSlot(x)
	have := st.t.of(v)
	if (have == TypeAllocMem || have == TypeSocket) && allowed&have == 0 && allowed&(TypePacket|TypeShared) != 0 {
		// Moving such a pointer and writing through it mean the same as for the memory that
		// is allowed. As a pointer to anything it would seem to hit the stack.
		r.mark(st, x, root)
		return
	}
	if have&allowed == 0 || have&TypeUninit != 0 {
		r.havoc(st, v, zone.AllKinds)
		r.mutTypes(st).forget(v)
		r.mark(st, x, root)
	}
	if have&TypeNumber != 0 && allowed&TypeNumber == 0 {
		// The uvalue spoke of the number only.
		for i := range st.t.class {
			if x := owner(i); x == v || st.t.same(x, v) {
				r.havoc(st, x, 1<<zone.KindUValue)
			}
		}
	}
	r.mutTypes(st).restrict(v, allowed)
}

// grantValue adds a constraint on a register.
func (r *run) grantValue(st *state, x isa.Reg, root *failure, c zone.Constraint) {
	if st.intersects(c) {
		old := st.share()
		r.add(st, c)
		if !st.z.IsBottom() {
			r.drop(&old)
			return
		}
		r.drop(st)
		*st = old
	}
	r.havocReg(st, x, zone.AllKinds)
	r.add(st, c)
	r.mark(st, x, root)
}

// grantAccess restricts a pointer to what may be accessed.
func (r *run) grantAccess(st *state, c *cfg.Check, root *failure) {
	v := zone.RegSlot(c.Reg)
	const deref = typesPointer | TypeSocket | TypeAllocMem
	compare := c.Width == 0 && c.Other == cfg.NoReg // not accessed; it may be null
	allowed := deref
	if c.OrNull {
		allowed |= TypeNumber
	}
	if compare {
		allowed = TypeAny &^ TypeUninit
	}
	if have := st.t.of(v); have&TypeUninit != 0 || have&allowed == 0 {
		r.grantType(st, c.Reg, allowed, root)
		return
	}
	// Types through which the access never holds are given up while others are left.
	var good TypeSet
	for rest := st.t.of(v); rest != 0; rest &= rest - 1 {
		t := rest & -rest
		if _, ok := r.checkAccessAs(st, c, t); ok || t&deref != 0 {
			good |= t
		}
	}
	if good != 0 {
		r.grantType(st, c.Reg, good, root)
		if good&(good-1) != 0 {
			return // of which of them the access holds cannot be said
		}
		if _, ok := r.checkAccess(st, c); ok {
			return
		}
	}
	r.grantType(st, c.Reg, allowed, root)
	t := st.t.of(v)
	k, ok := primaryKind(t)
	if !ok || t == TypeNumber {
		r.mark(st, c.Reg, root)
		return
	}
	width := zone.Const(int64(c.Width))
	if c.Other != cfg.NoReg {
		width = zone.V(reg(c.Other, zone.KindSValue))
	}
	lo := zone.V(reg(c.Reg, k)).PlusConst(int64(c.Offset))
	hi := lo.Add(width)
	floor, ceiling := zone.Const(0), zone.Expr{}
	switch t {
	case TypeStack:
		floor = zone.V(reg(isa.R10, zone.KindStackOffset)).PlusConst(int64(-r.frameSize))
		ceiling = zone.Const(int64(r.stackSize))
	case TypeContext:
		ceiling = zone.Const(int64(r.in.Type.Context.Size))
	case TypePacket:
		floor, ceiling = zone.V(zone.MetaOffset), zone.V(zone.PacketSize)
		if compare {
			ceiling = zone.Const(int64(r.maxPacket))
		}
	case TypeShared:
		ceiling = zone.V(reg(c.Reg, zone.KindSharedRegionSize))
	case TypeAllocMem:
		ceiling = zone.V(reg(c.Reg, zone.KindAllocMemSize))
	default:
		ceiling = zone.Const(int64(r.in.Platform.SocketSize))
	}
	old := st.share()
	r.add(st, zone.Geq(lo, floor))
	r.add(st, zone.Leq(hi, ceiling))
	if !compare && !c.OrNull && (t == TypeShared || t == TypeAllocMem || t == TypeSocket) {
		r.add(st, zone.Gt(zone.V(reg(c.Reg, zone.KindUValue)), zone.Const(0)))
	}
	if st.z.IsBottom() {
		// The pointer is never in bounds: nothing is known of where it points to.
		r.drop(st)
		*st = old
		if at := r.place(st.eval(&lo), st.eval(&width)); t == TypeStack && at.exact {
			// Nor is anything known of the bytes of the stack that it hits: taken for
			// numbers, they are the cause of no further failure.
			r.mutStack(st).setBytes(at.off, at.size, true)
		}
		r.havoc(st, v, zone.AllKinds)
		r.mark(st, c.Reg, root)
		return
	}
	r.drop(&old)
	if _, one := st.interval(reg(c.Reg, zone.KindCtxOffset)).Singleton(); t == TypeContext && !one {
		r.mark(st, c.Reg, root) // which member is read, and so of which type, is not known
	}
	if t == TypeStack && c.Mode == cfg.Read {
		// What is read there is taken for numbers.
		if at := r.place(st.eval(&lo), st.eval(&width)); r.fits(&at) {
			r.mutStack(st).setBytes(at.off, at.size, true)
		} else {
			r.mark(st, c.Reg, root)
		}
	}
}

// marksBehind returns the marks behind a node, from the state before it.
func (r *run) marksBehind(st *state, id cfg.NodeID) *marks {
	m := st.m
	if m == nil {
		return nil
	}
	op := r.g.Op(id)
	if op.Kind != cfg.Instruction {
		return m
	}
	in := &op.Inst
	dst := zone.RegSlot(in.Dst)
	clobber := func() {
		for x := owner(1); x <= 5; x++ {
			m = m.with(x, nil)
		}
	}
	switch in.Kind {
	case isa.Bin:
		src := m.of(zone.RegSlot(in.Src))
		op := isa.BinOp(in.Op)
		switch {
		case in.UseImm && op == isa.Mov:
			m = m.with(dst, nil)
		case in.UseImm:
		case op == isa.Mov || op >= isa.MovSX8:
			m = m.with(dst, src)
		case src != nil:
			m = m.with(dst, src)
		}
	case isa.LoadMapFD, isa.LoadMapAddress, isa.LoadPseudo:
		m = m.with(dst, nil)
	case isa.Load:
		f := m.of(zone.RegSlot(in.Src))
		if v, ok := r.cellAt(st, in.Src, in.Off, int(in.Width)); ok && f == nil {
			f = m.of(v)
		}
		m = m.with(dst, f)
	case isa.Store:
		if v, ok := r.cellAt(st, in.Dst, in.Off, int(in.Width)); ok {
			var f *failure
			if !in.UseImm {
				f = m.of(zone.RegSlot(in.Src))
			}
			m = m.with(v, f)
		}
	case isa.Call, isa.CallBuiltin, isa.CallBTF, isa.CallX:
		var f *failure
		if op.Contract >= 0 && r.g.Contracts[op.Contract].MapLookup {
			f = m.of(1)
		}
		m = m.with(0, f)
		clobber()
	case isa.Packet:
		m = m.with(0, nil)
		clobber()
	case isa.Atomic:
		if in.Fetch {
			x := zone.RegSlot(in.Src)
			if isa.AtomicOp(in.Op) == isa.AtomicCmpXchg {
				x = 0
			}
			m = m.with(x, m.of(dst))
		}
	case isa.CallLocal:
		for x := isa.Reg(6); x <= 9; x++ {
			m = m.with(zone.FrameSlot(r.g.Depth(id)-1, x), m.of(zone.RegSlot(x)))
		}
	case isa.Exit:
		if d := r.g.Depth(id); d > 1 {
			for x := isa.Reg(6); x <= 9; x++ {
				m = m.with(zone.RegSlot(x), m.of(zone.FrameSlot(d-2, x)))
			}
			clobber()
		}
	}
	return m
}

// cellAt returns the location of the stack cell that an access hits, if that is
// one cell.
func (r *run) cellAt(st *state, base isa.Reg, off int32, width int) (owner, bool) {
	if st.typeOf(base) != TypeStack {
		return 0, false
	}
	addr := zone.V(reg(base, zone.KindStackOffset)).PlusConst(int64(off))
	at := r.placeN(st.eval(&addr), width)
	if !r.fits(&at) {
		return 0, false
	}
	return r.tab.Lookup(at.off, at.size)
}
