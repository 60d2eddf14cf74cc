package verifier

import (
	"math/bits"

	"bpfls/isa"
	"bpfls/verifier/cfg"
	"bpfls/verifier/zone"
)

// A state is an element of the product of the type domain, the zone and the
// stack domain. Its parts are shared between states and copied before they are
// changed. A state without a zone is bottom.
//
// The product is reduced by types: the zone's variables of a location mean
// something only where the location can have the type that they belong to
// (kindsOf). Join, order and widening look at the types of both sides; see
// joinNumbers.
type state struct {
	z *zonePart
	t *typePart
	s *stackPart
	m *marks // of a run that goes on behind failures
}

type zonePart struct {
	*zone.Zone
	refs int32
}

type typePart struct {
	types
	refs int32
}

type stackPart struct {
	stack
	refs int32
}

func (st *state) bottom() bool { return st.z == nil || st.z.IsBottom() }

// bytes is the memory that st takes, parts that it shares with other states included.
func (st *state) bytes() int {
	if st.z == nil {
		return 0
	}
	return st.z.Bytes() + 2*len(st.t.class) + 8*(len(st.s.nonNum)+len(st.s.cells))
}

// size is a measure of the work that operations on st take.
func (st *state) size() int {
	if st.bottom() {
		return 1
	}
	vars, edges := st.z.Len()
	return replayStep + vars + edges
}

// pool keeps the parts of states that are no longer needed. It belongs to one
// run and is not safe for concurrent use.
type pool struct {
	numbers  *zone.Pool
	excluded zone.VarSet // scratch
	zones    []*zonePart
	types    []*typePart
	stacks   []*stackPart
}

func (p *pool) newZone(z *zone.Zone) *zonePart {
	if n := len(p.zones); n > 0 {
		h := p.zones[n-1]
		p.zones = p.zones[:n-1]
		h.Zone, h.refs = z, 1
		return h
	}
	return &zonePart{z, 1}
}

func (p *pool) newTypes() *typePart {
	if n := len(p.types); n > 0 {
		t := p.types[n-1]
		p.types = p.types[:n-1]
		t.refs = 1
		return t
	}
	return &typePart{refs: 1}
}

func (p *pool) newStack() *stackPart {
	if n := len(p.stacks); n > 0 {
		s := p.stacks[n-1]
		p.stacks = p.stacks[:n-1]
		s.refs = 1
		return s
	}
	return &stackPart{refs: 1}
}

func (p *pool) dropZone(z *zonePart) {
	if z != nil {
		if z.refs--; z.refs == 0 {
			p.numbers.Free(z.Zone)
			z.Zone = nil
			p.zones = append(p.zones, z)
		}
	}
}

func (p *pool) dropTypes(t *typePart) {
	if t != nil {
		if t.refs--; t.refs == 0 {
			p.types = append(p.types, t)
		}
	}
}

func (p *pool) dropStack(s *stackPart) {
	if s != nil {
		if s.refs--; s.refs == 0 {
			p.stacks = append(p.stacks, s)
		}
	}
}

// drop gives up st.
func (p *pool) drop(st *state) {
	p.dropZone(st.z)
	p.dropTypes(st.t)
	p.dropStack(st.s)
	*st = state{}
}

// share returns st for a second holder.
func (st *state) share() state {
	if st.z != nil {
		st.z.refs++
		st.t.refs++
		st.s.refs++
	}
	return *st
}

// mutZone returns st's zone for changes; st is not bottom.
func (p *pool) mutZone(st *state) *zone.Zone {
	if st.z.refs > 1 {
		n := p.newZone(p.numbers.Copy(st.z.Zone))
		st.z.refs--
		st.z = n
	}
	return st.z.Zone
}

func (p *pool) mutTypes(st *state) *types {
	if st.t.refs > 1 {
		n := p.newTypes()
		n.copyFrom(&st.t.types)
		st.t.refs--
		st.t = n
	}
	return &st.t.types
}

func (p *pool) mutStack(st *state) *stack {
	if st.s.refs > 1 {
		n := p.newStack()
		n.copyFrom(&st.s.stack)
		st.s.refs--
		st.s = n
	}
	return &st.s.stack
}

// setBottom makes the numbers of st, and with them st, bottom.
func (p *pool) setBottom(st *state) { p.mutZone(st).SetBottom() }

// The kinds of variables that belong to a type: they mean something only where a
// location may have that type. uvalue belongs to all.
var typeKinds = [typeCount]zone.KindSet{
	1:  1 << zone.KindMapFDPrograms,
	2:  1 << zone.KindMapFD,
	3:  1 << zone.KindSValue,
	4:  1 << zone.KindCtxOffset,
	5:  1 << zone.KindPacketOffset,
	6:  1<<zone.KindStackOffset | 1<<zone.KindStackNumericSize,
	7:  1<<zone.KindSharedOffset | 1<<zone.KindSharedRegionSize,
	8:  1 << zone.KindSocketOffset,
	9:  1 << zone.KindBTFIDOffset,
	10: 1<<zone.KindAllocMemOffset | 1<<zone.KindAllocMemSize,
}

// typedKinds are the kinds that belong to some type.
const typedKinds = zone.AllKinds &^ (1 << zone.KindUValue)

// kindsOf returns the kinds that belong to a type of the set.
func kindsOf(s TypeSet) zone.KindSet {
	var k zone.KindSet
	for i := range typeKinds {
		if s>>i&1 != 0 {
			k |= typeKinds[i]
		}
	}
	return k
}

// primaryKind returns the variable that says where in its region a pointer of the
// one type s points to, the descriptor of a map, or the value of a number.
func primaryKind(s TypeSet) (zone.Kind, bool) {
	switch s {
	case TypeContext:
		return zone.KindCtxOffset, true
	case TypeMap:
		return zone.KindMapFD, true
	case TypeMapPrograms:
		return zone.KindMapFDPrograms, true
	case TypePacket:
		return zone.KindPacketOffset, true
	case TypeShared:
		return zone.KindSharedOffset, true
	case TypeStack:
		return zone.KindStackOffset, true
	case TypeSocket:
		return zone.KindSocketOffset, true
	case TypeBTFID:
		return zone.KindBTFIDOffset, true
	case TypeAllocMem:
		return zone.KindAllocMemOffset, true
	case TypeNumber:
		return zone.KindSValue, true
	}
	return 0, false
}

func reg(r isa.Reg, k zone.Kind) zone.Var { return zone.Reg(r, k) }

func (st *state) interval(v zone.Var) zone.Interval { return st.z.Interval(v) }

func (st *state) eval(e *zone.Expr) zone.Interval { return st.z.Eval(*e) }

func (st *state) entails(c zone.Constraint) bool { return st.z.Entails(c) }

func (st *state) intersects(c zone.Constraint) bool { return st.z.Intersects(c) }

func (p *pool) add(st *state, c zone.Constraint) { p.mutZone(st).Add(c) }

func (p *pool) assign(st *state, v zone.Var, e zone.Expr) { p.mutZone(st).Assign(v, e) }

// havoc forgets the variables of the given kinds of a location.
func (p *pool) havoc(st *state, v owner, kinds zone.KindSet) { p.mutZone(st).HavocKinds(v, kinds) }

func (p *pool) havocReg(st *state, r isa.Reg, kinds zone.KindSet) {
	p.havoc(st, zone.RegSlot(r), kinds)
}

// forgetReg forgets the type and all values of a register.
func (p *pool) forgetReg(st *state, r isa.Reg) {
	p.forgetType(st, zone.RegSlot(r))
	p.havocReg(st, r, zone.AllKinds)
}

func (p *pool) forgetType(st *state, v owner) {
	if st.t.classOf(v) != classFree || st.t.bottom {
		p.mutTypes(st).forget(v)
	}
}

func (p *pool) assignType(st *state, v owner, s TypeSet) {
	if st.t.bottom || st.t.of(v) != s {
		p.mutTypes(st).assign(v, s)
	}
}

func (st *state) typeOf(r isa.Reg) TypeSet { return st.t.of(zone.RegSlot(r)) }

func (st *state) isNumber(r isa.Reg) bool { return st.t.within(zone.RegSlot(r), TypeNumber) }

// copyReg gives dst the type and values of src, another register.
func (p *pool) copyReg(st *state, dst, src isa.Reg) {
	d, s := zone.RegSlot(dst), zone.RegSlot(src)
	p.havoc(st, d, typedKinds)
	if !st.t.same(d, s) || st.t.classOf(s) >= classShared {
		p.mutTypes(st).copy(d, s)
	}
	p.assign(st, reg(dst, zone.KindUValue), zone.V(reg(src, zone.KindUValue)))
	p.copyKinds(st, d, s, kindsOf(st.valid(s)))
}

func (p *pool) copyKinds(st *state, dst, src owner, kinds zone.KindSet) {
	for k := zone.KindSValue; k < zone.NumKinds; k++ {
		if kinds>>k&1 != 0 {
			p.assign(st, dst.Var(k), zone.V(src.Var(k)))
		}
	}
}

// valid returns the types that v may have where it is initialised, or 0 where it
// may not be: only then its values have a meaning.
func (st *state) valid(v owner) TypeSet {
	s := st.t.of(v)
	if s&TypeUninit != 0 {
		return 0
	}
	return s
}

// saved is a bound of a variable that a join of zones alone would lose.
type savedBound struct {
	v zone.Var
	i zone.Interval
}

// joinNumbers stores the join of the types and zones of a and b in a. Where only
// one side can have a type, the variables that belong to it keep the interval of
// that side.
func (p *pool) joinNumbers(a, b *state) {
	if b.z.IsBottom() {
		return
	}
	if a.z.IsBottom() {
		p.takeNumbers(a, b)
		p.mutZone(a).Tighten()
		return
	}
	var buf [64]savedBound
	extra := buf[:0]
	sameTypes := a.t == b.t
	if !sameTypes {
		ta, tb := &a.t.types, &b.t.types
		for i := range max(len(ta.class), len(tb.class)) {
			v := owner(i)
			sa, sb := ta.of(v), tb.of(v)
			if sa == sb {
				continue
			}
			extra = saveBounds(extra, a, v, kindsOf(sa&^sb))
			extra = saveBounds(extra, b, v, kindsOf(sb&^sa))
		}
	}
	z := p.mutZone(a)
	z.Join(b.z.Zone)
	for _, e := range extra {
		z.Set(e.v, e.i)
	}
	if !sameTypes && !a.t.equal(&b.t.types) {
		t := p.newTypes()
		t.join(&a.t.types, &b.t.types)
		p.dropTypes(a.t)
		a.t = t
	}
}

// takeNumbers gives a the types and the zone of b.
func (p *pool) takeNumbers(a, b *state) {
	b.z.refs++
	b.t.refs++
	p.dropZone(a.z)
	p.dropTypes(a.t)
	a.z, a.t = b.z, b.t
}

func saveBounds(out []savedBound, st *state, v owner, kinds zone.KindSet) []savedBound {
	for ; kinds != 0; kinds &= kinds - 1 {
		x := v.Var(zone.Kind(bits.TrailingZeros16(uint16(kinds))))
		if i := st.z.Interval(x); !i.IsTop() {
			out = append(out, savedBound{x, i})
		}
	}
	return out
}

// join stores the join of a and b in a.
func (p *pool) join(a, b *state) {
	if b.bottom() {
		return
	}
	if a.bottom() {
		p.drop(a)
		*a = b.share()
		return
	}
	a.m = joinMarks(a.m, b.m)
	if a.s != b.s && !(a.s.coversCells(&b.s.stack) && b.s.leq(&a.s.stack)) {
		p.mutStack(a).join(&b.s.stack)
	}
	p.joinNumbers(a, b)
}

// leq reports whether a ⊑ b.
func (p *pool) leq(a, b *state) bool {
	if a.bottom() || b.bottom() {
		return a.bottom()
	}
	if !a.s.leq(&b.s.stack) || !a.t.leq(&b.t.types) {
		return false
	}
	// Variables that belong to a type that a excludes are bottom there: they
	// are below whatever b says of them.
	p.excluded.Clear()
	if !a.t.bottom {
		for i := range a.t.class {
			v := owner(i)
			if s := a.t.of(v); s != TypeAny {
				p.excluded.AddKinds(v, typedKinds&^kindsOf(s))
			}
		}
	}
	return a.z.LeqWithout(b.z.Zone, &p.excluded)
}

// widen returns the widening of a by b. Types and stack bytes are finite: they
// are joined. In contrast to join, intervals of types that only one side has are
// lost.
func (p *pool) widen(a, b *state) state {
	if a.bottom() {
		return b.share()
	}
	r := a.share()
	if b.bottom() {
		return r
	}
	p.mutStack(&r).join(&b.s.stack)
	p.mutZone(&r).Widen(b.z.Zone)
	t := p.newTypes()
	t.join(&a.t.types, &b.t.types)
	p.dropTypes(r.t)
	r.t = t
	return r
}

// meet returns the meet of a and b.
func (p *pool) meet(a, b *state) state {
	if a.bottom() || b.bottom() {
		return state{}
	}
	r := a.share()
	t := p.mutTypes(&r)
	t.meet(&b.t.types)
	if t.bottom || !p.mutZone(&r).Meet(b.z.Zone) {
		p.drop(&r)
		return state{}
	}
	p.mutStack(&r).meet(&b.s.stack)
	return r
}

// narrow returns the narrowing of a by b: of numbers a's, of types and stack
// bytes the meet.
func (p *pool) narrow(a, b *state) state {
	if a.bottom() || b.bottom() {
		return state{}
	}
	r := a.share()
	p.mutZone(&r).Narrow(b.z.Zone)
	p.mutTypes(&r).meet(&b.t.types)
	p.mutStack(&r).meet(&b.s.stack)
	return r
}

// equal reports whether a and b are represented alike.
func (a *state) equal(b *state) bool {
	if a.bottom() || b.bottom() {
		return a.bottom() == b.bottom()
	}
	return (a.s == b.s || a.s.equal(&b.s.stack)) && (a.t == b.t || a.t.equal(&b.t.types)) &&
		(a.z == b.z || a.z.Equal(b.z.Zone))
}

// program is what the transfer functions and checks need to know of the program
// besides the state.
type program struct {
	pool
	g         *cfg.Graph
	tab       *zone.Table
	in        Input
	frameSize int
	stackSize int // of all frames
	maxPacket int
	strict    bool
	noDivZero bool
	reject    error      // why no verdict can be given, found while analyzing
	counters  []zone.Var // of loops, by counter node
}
