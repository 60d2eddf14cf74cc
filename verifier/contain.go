package verifier

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"bpfls/isa"
	"bpfls/verifier/cfg"
	"bpfls/verifier/zone"
)

// Word is what a register or a range of stack bytes holds in an execution.
type Word struct {
	// Type is one type: TypeUninit of what was never written or is partly a pointer,
	// else a number or what the word points to. A null pointer has the type of what it
	// would point to.
	Type TypeSet
	Bits uint64 // a number, zero-extended if it comes from fewer than 8 bytes, or an address
	// Offset of a pointer in its region, in bytes. Offsets of the stack count from
	// the lowest byte of the stack of all frames, those of a packet from its first
	// byte behind the metadata.
	Offset int64
	Size   int64 // bytes of the region of a TypeShared or TypeAllocMem
	FD     int   // descriptor of a TypeMap or TypeMapPrograms
}

// ConcreteStack is the memory of all frames.
type ConcreteStack interface {
	// Load returns what size bytes at an offset hold.
	Load(off, size int) Word
	// Numbers counts the bytes from off on that are initialised and part of no
	// pointer, up to most.
	Numbers(off, most int) int
}

// Concrete is the state of an execution before an instruction.
type Concrete struct {
	Regs   [11]Word
	Saved  [][4]Word // r6 to r9 of the callers, outermost first
	Calls  []int     // slots of the calls in progress, outermost first
	Stack  ConcreteStack
	Packet bool // PacketSize and MetaOffset have a meaning
	// PacketSize is the number of bytes behind the metadata, MetaOffset the offset of
	// the metadata: 0 or negative.
	PacketSize, MetaOffset int64
}

// ErrNotAnalyzed is returned where a result has no state for a point.
var ErrNotAnalyzed = errors.New("there is no state: the program was not analyzed, or has no such instruction")

// A Containment decides whether states of executions lie in the states of a
// Result (those that Before returns). It is not safe for concurrent use.
type Containment struct {
	a      *analysis
	run    *run
	facts  []*facts         // by node
	news   []*facts         // by node: what its state says that the one before does not
	last   cfg.NodeID       // of the state that was admitted last, or NoNode
	frames map[[2]int]int32 // frame by parent frame and call site
	nodes  [][]cfg.NodeID   // by frame and slot
	words  []Word           // of the locations of the state at hand
	maps   int              // Result.mapShift
}

// Containment prepares containment tests, nil if the program was not analyzed.
func (r *Result) Containment() *Containment {
	a := r.analysis
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	run := a.behind()
	g := run.g
	c := &Containment{
		a:      a,
		run:    run,
		facts:  make([]*facts, len(g.Nodes)),
		news:   make([]*facts, len(g.Nodes)),
		last:   cfg.NoNode,
		frames: make(map[[2]int]int32),
		nodes:  make([][]cfg.NodeID, len(g.Frames)),
		maps:   r.mapShift,
	}
	for i := range g.Frames {
		if f := &g.Frames[i]; f.Parent >= 0 {
			c.frames[[2]int{int(f.Parent), int(f.Site)}] = int32(i)
		}
	}
	return c
}

// Admits reports, as an error that names the first fact that does not hold, that m
// does not lie in the state before the instruction at p.
func (r *Result) Admits(p Point, m *Concrete) error {
	c := r.Containment()
	if c == nil {
		return ErrNotAnalyzed
	}
	at := *m
	at.Calls = p.CallPath
	_, err := c.Admits(p.Slot, &at)
	return err
}

// node returns the copy of the instruction at slot that belongs to the calls.
func (c *Containment) node(slot int, calls []int) cfg.NodeID {
	frame := int32(0)
	for _, site := range calls {
		f, ok := c.frames[[2]int{int(frame), site}]
		if !ok {
			return cfg.NoNode
		}
		frame = f
	}
	g := c.run.g
	if c.nodes[frame] == nil {
		at := make([]cfg.NodeID, g.Insts.Len())
		for i := range at {
			at[i] = cfg.NoNode
		}
		for id := range cfg.NodeID(len(g.Nodes)) {
			if g.Nodes[id].Frame == frame && g.Kind(id) == cfg.Instruction {
				at[g.Slot(id)] = id
			}
		}
		c.nodes[frame] = at
	}
	if slot < 0 || slot >= len(c.nodes[frame]) {
		return cfg.NoNode
	}
	return c.nodes[frame][slot]
}

// Admits reports, as an error that names the first fact that does not hold, that m
// does not lie in the state before the instruction at slot, in the copy of it that
// belongs to m.Calls. It returns a number of that copy.
//
// A zone's variable is looked at where it has a meaning: the value of a number, the
// offset of a pointer of its kind. Of the numeric bytes at a stack pointer a zone
// holds a lower bound. Loop counters are not looked at.
func (c *Containment) Admits(slot int, m *Concrete) (node int, err error) {
	c.last = cfg.NoNode
	id := c.node(slot, m.Calls)
	if id == cfg.NoNode {
		return -1, ErrNotAnalyzed
	}
	if err := c.admits(c.factsOf(id), m); err != nil {
		return int(id), err
	}
	c.last = id
	return int(id), nil
}

// AdmitsNext is Admits for a state one step after the one that was admitted last. It
// looks only at what can have changed: where the instruction of that step is the only
// way to this one, not at what both states say of locations that the step does not
// write.
func (c *Containment) AdmitsNext(slot int, m *Concrete) (node int, err error) {
	last := c.last
	if last == cfg.NoNode {
		return c.Admits(slot, m)
	}
	c.last = cfg.NoNode
	id := c.node(slot, m.Calls)
	if id == cfg.NoNode {
		return -1, ErrNotAnalyzed
	}
	f := c.news[id]
	switch {
	case c.before(id) != last:
		f = c.factsOf(id)
	case f == nil:
		f = c.factsOf(id).news(c.factsOf(last), &c.run.g.Op(last).Inst)
		c.news[id] = f
	}
	if err := c.admits(f, m); err != nil {
		return int(id), err
	}
	c.last = id
	return int(id), nil
}

// True reports whether the states are meant to be true of every execution. They are not
// where a program failed and the run that goes on behind failures did not come to its
// end.
func (c *Containment) True() bool { return c.run.assuming || c.run.failures == 0 }

// Restart tells that the next state is not one step after the last one.
func (c *Containment) Restart() { c.last = cfg.NoNode }

// before returns the instruction that is the only way to the one at id, or NoNode.
func (c *Containment) before(id cfg.NodeID) cfg.NodeID {
	g := c.run.g
	p := g.Predecessors(id)
	if len(p) == 1 && g.Kind(p[0]) == cfg.Assume {
		p = g.Predecessors(p[0])
	}
	if len(p) != 1 || g.Kind(p[0]) != cfg.Instruction {
		return cfg.NoNode
	}
	return p[0]
}

func (c *Containment) admits(f *facts, m *Concrete) error {
	if f.bottom {
		return errors.New("the state is bottom: the instruction is said to be unreachable")
	}
	c.words = c.words[:0]
	for _, l := range f.places {
		c.words = append(c.words, l.word(m))
	}
	for _, t := range f.types {
		if have := c.words[t.place].Type; have&^t.set != 0 {
			return fmt.Errorf("%s.type is %s, not one of %s", c.name(f, t.place), setString(have), setString(t.set))
		}
	}
	for _, e := range f.equal {
		if a, b := c.words[e[0]].Type, c.words[e[1]].Type; a != b {
			return fmt.Errorf("%s.type = %s.type does not hold: they are %s and %s", c.name(f, e[0]), c.name(f, e[1]), setString(a), setString(b))
		}
	}
	for i := range f.bounds {
		b := &f.bounds[i]
		n, ok := c.value(b.v, m)
		if !ok {
			continue
		}
		if (n.Less(b.lo) || !b.lowOnly && b.hi.Less(n)) && !wraps(b.v.v, n, b.lo, b.hi) {
			return fmt.Errorf("%s is %v, outside of [%v, %v]", c.run.tab.Name(b.v.v), n, b.lo, b.hi)
		}
	}
	for i := range f.edges {
		e := &f.edges[i]
		s, ok := c.value(e.s, m)
		if !ok {
			continue
		}
		d, ok := c.value(e.d, m)
		if ok && e.w.Less(d.Sub(s)) && !far(e.s.v, s) && !far(e.d.v, d) && !far(e.d.v, e.w) {
			return fmt.Errorf("%s - %s is %v - %v, more than %v", c.run.tab.Name(e.d.v), c.run.tab.Name(e.s.v), d, s, e.w)
		}
	}
	for _, r := range f.numeric {
		if n := m.Stack.Numbers(r[0], r[1]); n < r[1] {
			return fmt.Errorf("byte %d of the stack is no initialised number, which bytes %d to %d are said to be", r[0]+n, r[0], r[0]+r[1]-1)
		}
	}
	return nil
}

// wraps reports whether an offset lies in [lo, hi] when 2^64 is added or taken away:
// offsets are integers to the verifier, and words when a program runs. An access needs a
// small one, which is the same in both.
func wraps(v zone.Var, n, lo, hi zone.Int) bool {
	if v.Slot() == zone.PacketSize.Slot() || zone.OffsetKinds>>v.Kind()&1 == 0 {
		return false
	}
	for _, m := range [2]zone.Int{n.Add(word64), n.Sub(word64)} {
		if lo.Leq(m) && m.Leq(hi) {
			return true
		}
	}
	return false
}

var word64 = zone.FromUint64(1 << 63).Add(zone.FromUint64(1 << 63))

// far reports whether v is an offset and n so large that it may have wrapped.
func far(v zone.Var, n zone.Int) bool {
	limit := zone.FromInt64(1 << 62)
	return zone.OffsetKinds>>v.Kind()&1 != 0 && (limit.Less(n) || n.Less(limit.Neg()))
}

// Type returns the types that a register may have at a copy of an instruction, by the
// slot and calls of m.
func (c *Containment) Type(slot int, m *Concrete, r isa.Reg) TypeSet {
	id := c.node(slot, m.Calls)
	if id == cfg.NoNode {
		return 0
	}
	return c.factsOf(id).regs[r]
}

// Conditional reports whether the state at a copy of an instruction, by the number
// that Admits gives, relates another variable to one that has a meaning only for some
// of the types that its location may have, or to an address beside which a number stands
// that the location cannot be.
func (c *Containment) Conditional(node int) bool { return c.factsOf(cfg.NodeID(node)).conditional }

// LoopHead reports whether a copy of an instruction, by the number that Admits
// gives, is the head of a loop, whose executions Result.LoopBound bounds.
func (c *Containment) LoopHead(node int) bool { return c.run.cycleOf[node] >= 0 }

// WrongMeet reports whether the state at a copy of an instruction, by the number that
// Admits gives, says too much because PREVAIL's iteration met values of types that a
// location cannot have (docs/fidelity.md).
func (c *Containment) WrongMeet(node int) bool {
	return c.run.wrongMeets[cfg.NodeID(node)] != meetFine
}

// name returns the name of a location.
func (c *Containment) name(f *facts, place int32) string {
	return c.run.tab.SlotName(f.places[place].slot)
}

// facts are what a state says, as a list.
type facts struct {
	bottom bool
	// conditional: see Containment.Conditional.
	conditional bool
	regs        [11]TypeSet
	places      []concretePlace
	types       []typeFact
	equal       [][2]int32
	bounds      []boundFact
	edges       []edgeFact
	numeric     [][2]int // offset and number of bytes
}

// concretePlace says where the word of a location is found.
type concretePlace struct {
	slot zone.Slot
	kind placeKind
	a, b int // register; depth and index; offset and size
}

type placeKind uint8

const (
	inRegister placeKind = iota
	inFrame
	inStack
	nowhere
)

func (p *concretePlace) word(m *Concrete) Word {
	switch p.kind {
	case inRegister:
		return m.Regs[p.a]
	case inFrame:
		return m.Saved[p.a][p.b]
	case inStack:
		return m.Stack.Load(p.a, p.b)
	}
	return Word{Type: TypeUninit}
}

type typeFact struct {
	place int32
	set   TypeSet
}

// placedVar is a variable and the location that it speaks of, -1 for the packet.
type placedVar struct {
	v     zone.Var
	place int32
	mixed bool // it may be a number
}

type boundFact struct {
	v       placedVar
	lo, hi  zone.Int
	lowOnly bool
}

type edgeFact struct {
	s, d placedVar
	w    zone.Int // d - s <= w
}

// value returns the value of a variable; false if it has no meaning.
func (c *Containment) value(x placedVar, m *Concrete) (zone.Int, bool) {
	if x.place < 0 {
		if x.v == zone.PacketSize {
			return zone.FromInt64(m.PacketSize), m.Packet
		}
		return zone.FromInt64(m.MetaOffset), m.Packet
	}
	w := &c.words[x.place]
	k := x.v.Kind()
	switch k {
	case zone.KindUValue:
		// Of a location that may be a number it speaks only of the number.
		return zone.FromUint64(w.Bits), w.Type == TypeNumber || w.Type != TypeUninit && !x.mixed
	case zone.KindSValue:
		return zone.FromInt64(int64(w.Bits)), w.Type == TypeNumber
	}
	if typeKinds[bits.TrailingZeros16(uint16(w.Type))]>>k&1 == 0 {
		return zone.Zero, false
	}
	switch k {
	case zone.KindMapFD, zone.KindMapFDPrograms:
		return zone.FromInt64(int64(w.FD - c.maps)), true
	case zone.KindSharedRegionSize, zone.KindAllocMemSize:
		return zone.FromInt64(w.Size), true
	case zone.KindStackNumericSize:
		return zone.FromInt64(int64(m.Stack.Numbers(int(w.Offset), 1<<30))), true
	}
	return zone.FromInt64(w.Offset), true
}

// factsOf lists what the state before a node says.
func (c *Containment) factsOf(id cfg.NodeID) *facts {
	if c.facts[id] == nil {
		c.a.mu.Lock()
		defer c.a.mu.Unlock()
		c.listChain(id)
	}
	return c.facts[id]
}

// listChain lists the facts of all nodes of the chain that a node belongs to.
func (c *Containment) listChain(id cfg.NodeID) {
	r := c.run
	for r.inner[id] {
		id = r.g.Predecessors(id)[0]
	}
	st := r.before(id)
	for {
		c.facts[id] = r.list(&st, id)
		next := r.next[id]
		if next == cfg.NoNode {
			break
		}
		if r.fail[id] != nil {
			r.drop(&st)
			st = r.post.At(id).share()
		} else {
			r.advance(&st, id)
		}
		id = next
	}
	r.drop(&st)
}

// news returns what f says and the state before it, of which p are the facts, does not,
// or says of what the instruction between them writes.
func (f *facts) news(p *facts, in *isa.Inst) *facts {
	if f.bottom || p.bottom {
		return f
	}
	written, memory := zone.Slot(0), false // a register, or the stack
	switch in.Kind {
	case isa.Bin, isa.Un, isa.Load, isa.LoadMapFD, isa.LoadMapAddress, isa.LoadPseudo:
		written = zone.RegSlot(in.Dst)
	case isa.Jump:
		written = zone.RegSlot(isa.R10) // nothing that may be written
	case isa.Store:
		memory = true
	default:
		return f
	}
	fresh := func(q *facts, place int32) bool {
		l := &q.places[place]
		return l.slot == written && !memory || memory && l.kind == inStack
	}
	freshVar := func(q *facts, x placedVar) bool {
		return x.place >= 0 && (fresh(q, x.place) || memory && x.v.Kind() == zone.KindStackNumericSize)
	}
	n := &facts{regs: f.regs, conditional: f.conditional}
	to := make([]int32, len(f.places))
	for i := range to {
		to[i] = -1
	}
	place := func(i int32) int32 {
		if i >= 0 && to[i] < 0 {
			to[i] = int32(len(n.places))
			n.places = append(n.places, f.places[i])
		}
		if i < 0 {
			return i
		}
		return to[i]
	}
	placed := func(x placedVar) placedVar { x.place = place(x.place); return x }

	types := make(map[zone.Slot]TypeSet, len(p.types))
	for _, t := range p.types {
		types[p.places[t.place].slot] = t.set
	}
	for _, t := range f.types {
		if set, ok := types[f.places[t.place].slot]; !ok || set != t.set || fresh(f, t.place) {
			n.types = append(n.types, typeFact{place(t.place), t.set})
		}
	}
	equal := make(map[[2]zone.Slot]bool, len(p.equal))
	for _, e := range p.equal {
		equal[[2]zone.Slot{p.places[e[0]].slot, p.places[e[1]].slot}] = true
	}
	for _, e := range f.equal {
		if !equal[[2]zone.Slot{f.places[e[0]].slot, f.places[e[1]].slot}] || fresh(f, e[0]) || fresh(f, e[1]) {
			n.equal = append(n.equal, [2]int32{place(e[0]), place(e[1])})
		}
	}
	bounds := make(map[zone.Var]*boundFact, len(p.bounds))
	for i := range p.bounds {
		bounds[p.bounds[i].v.v] = &p.bounds[i]
	}
	for _, b := range f.bounds {
		if o := bounds[b.v.v]; o == nil || o.v.mixed != b.v.mixed || o.lo != b.lo || o.hi != b.hi || o.lowOnly != b.lowOnly || freshVar(f, b.v) {
			b.v = placed(b.v)
			n.bounds = append(n.bounds, b)
		}
	}
	edges := make(map[[2]zone.Var]*edgeFact, len(p.edges))
	for i := range p.edges {
		e := &p.edges[i]
		edges[[2]zone.Var{e.s.v, e.d.v}] = e
	}
	for _, e := range f.edges {
		if o := edges[[2]zone.Var{e.s.v, e.d.v}]; o == nil || o.s.mixed != e.s.mixed || o.d.mixed != e.d.mixed || o.w != e.w || freshVar(f, e.s) || freshVar(f, e.d) {
			e.s, e.d = placed(e.s), placed(e.d)
			n.edges = append(n.edges, e)
		}
	}
	if memory || !slices.Equal(f.numeric, p.numeric) {
		n.numeric = f.numeric
	}
	return n
}

// list lists what a state at a node says.
func (r *run) list(st *state, id cfg.NodeID) *facts {
	f := &facts{bottom: st.bottom()}
	if f.bottom {
		return f
	}
	for i := range f.regs {
		f.regs[i] = st.typeOf(isa.Reg(i))
	}
	at := make(map[zone.Slot]int32)
	place := func(s zone.Slot) int32 {
		i, ok := at[s]
		if ok {
			return i
		}
		p := concretePlace{slot: s, kind: nowhere}
		if off, size, ok := r.tab.CellOf(s); ok {
			p.kind, p.a, p.b = inStack, off, size
		} else if d, reg, ok := zone.FrameOf(s); ok {
			if d < r.g.Depth(id)-1 {
				p.kind, p.a, p.b = inFrame, d, reg-6
			}
		} else if s <= zone.RegSlot(isa.R10) {
			p.kind, p.a = inRegister, int(s)
		}
		i = int32(len(f.places))
		f.places = append(f.places, p)
		at[s] = i
		return i
	}
	first := make(map[uint16]int32) // of a class
	for i, class := range st.t.class {
		s := zone.Slot(i)
		set := st.t.setOfClass(class)
		if set == TypeAny && class < classShared {
			continue
		}
		p := place(s)
		if q := &f.places[p]; q.kind == nowhere || q.kind == inStack && (st.s.anyNumber(q.a, q.b) || q.b != 8 && set != TypeNumber) {
			// Loads look at the type of a cell only if it has 8 bytes none of which is
			// known to be a number. That of a smaller cell is what the word had of which
			// it is a part, that of numbers may be older than what a function wrote
			// there.
			continue
		}
		f.types = append(f.types, typeFact{p, set})
		if class >= classShared {
			if q, ok := first[class]; ok {
				f.equal = append(f.equal, [2]int32{q, p})
			} else {
				first[class] = p
			}
		}
	}
	placed := func(v zone.Var) (placedVar, bool) {
		if v == zone.PacketSize || v == zone.MetaOffset {
			return placedVar{v, -1, false}, true
		}
		p := place(v.Slot())
		mixed := st.t.of(v.Slot())&TypeNumber != 0
		return placedVar{v, p, mixed}, f.places[p].kind != nowhere
	}
	lowOnly := func(v zone.Var) bool {
		return v.Kind() == zone.KindStackNumericSize && v != zone.PacketSize && v != zone.MetaOffset
	}
	st.z.EachBound(func(v zone.Var, lo, hi zone.Int) {
		if x, ok := placed(v); ok && !(lo == zone.NegInf && hi == zone.PosInf) {
			f.bounds = append(f.bounds, boundFact{x, lo, hi, lowOnly(v)})
		}
	})
	sometimes := func(v zone.Var) bool {
		t := st.t.of(v.Slot())
		return v != zone.PacketSize && v != zone.MetaOffset && typedKinds>>v.Kind()&1 != 0 && t&(t-1) != 0 && t != TypeAny
	}
	// leftover: the address of one of several pointers, where a number that the location
	// was in a step found impossible later is still there.
	leftover := func(v zone.Var) bool {
		t := st.t.of(v.Slot())
		return v.Kind() == zone.KindUValue && t&(t-1) != 0 && t&(TypeNumber|TypeUninit) == 0 &&
			!st.interval(v.Slot().Var(zone.KindSValue)).IsTop()
	}
	st.z.EachEdge(func(s, d zone.Var, w zone.Int) {
		if !r.relates(id) && s.Slot() != d.Slot() && (sometimes(s) || sometimes(d) || leftover(s) || leftover(d)) {
			f.conditional = true
		}
		if lowOnly(d) {
			return
		}
		x, okx := placed(s)
		y, oky := placed(d)
		if okx && oky {
			f.edges = append(f.edges, edgeFact{x, y, w})
		}
	})
	for i := 0; i < st.s.bytes(); {
		n := st.s.numbersFrom(i)
		switch {
		case n > 0:
			f.numeric = append(f.numeric, [2]int{i, n})
		case i%64 == 0 && st.s.nonNum[i/64] == ^uint64(0):
			n = 63
		}
		i += n + 1
	}
	return f
}

// Assumed reports whether the checks at slot that a run behind failures took for
// granted surely hold in m. Where one may not, what the states behind it say need not
// be true of the execution. Without such checks it is true.
func (c *Containment) Assumed(slot int, m *Concrete) bool {
	id := c.node(slot, m.Calls)
	if id == cfg.NoNode {
		return false
	}
	if !c.run.assuming {
		return c.run.fail[id] == nil
	}
	for _, f := range c.run.missed[id] {
		check := f.inner
		if check == nil {
			check = &c.run.g.Checks(id)[f.check]
		}
		if !c.run.surely(check, m) {
			return false
		}
		for _, check := range f.others {
			if !c.run.surely(check, m) {
				return false
			}
		}
	}
	return true
}

// surely reports whether a check holds in m as far as that is seen easily.
func (r *run) surely(c *cfg.Check, m *Concrete) bool {
	typ := func(x isa.Reg) TypeSet { return m.Regs[x].Type }
	switch c.Kind {
	case cfg.TypeConstraint:
		return typ(c.Reg)&^TypeSet(c.Types) == 0
	case cfg.Addable:
		return typ(c.Reg)&typesPointer == 0 || typ(c.Other) == TypeNumber
	case cfg.ValidStore:
		return typ(c.Reg) == TypeStack || typ(c.Other) == TypeNumber
	case cfg.ValidDivisor:
		n := m.Regs[c.Reg].Bits
		if !c.Is64 {
			n = uint64(uint32(n))
		}
		return typ(c.Reg) == TypeNumber && (n != 0 || !r.noDivZero)
	case cfg.ValidSize:
		n := int64(m.Regs[c.Reg].Bits)
		return typ(c.Reg) == TypeNumber && (n > 0 || n == 0 && c.CanBeZero)
	case cfg.ValidArgZero:
		return typ(c.Reg) == TypeNumber && m.Regs[c.Reg].Bits == 0
	case cfg.ZeroContextOffset:
		return typ(c.Reg) == TypeContext && m.Regs[c.Reg].Offset == 0
	case cfg.ValidAccess:
		return r.surelyAccess(c, m)
	}
	return false
}

func (r *run) surelyAccess(c *cfg.Check, m *Concrete) bool {
	w := &m.Regs[c.Reg]
	width := int64(c.Width)
	if c.Other != cfg.NoReg {
		if m.Regs[c.Other].Type != TypeNumber {
			return false
		}
		width = int64(m.Regs[c.Other].Bits)
	}
	if width <= 0 || width > 1<<20 {
		return false
	}
	lo := w.Offset + int64(c.Offset)
	var from, to int64
	switch w.Type {
	case TypeStack:
		from, to = m.Regs[isa.R10].Offset-int64(r.frameSize), int64(r.stackSize)
		if c.Mode == cfg.Read && lo >= 0 && m.Stack.Numbers(int(lo), int(width)) < int(width) {
			return false
		}
	case TypeContext:
		if c.Mode == cfg.Write {
			return false
		}
		to = int64(r.in.Type.Context.Size)
	case TypePacket:
		from, to = m.MetaOffset, m.PacketSize
	case TypeShared, TypeAllocMem:
		if w.Bits == 0 || w.Offset == int64(w.Bits) {
			return false // null
		}
		to = w.Size
	default:
		return false
	}
	return lo >= from && lo+width <= to
}
