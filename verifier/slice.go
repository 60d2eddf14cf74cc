package verifier

import (
	"slices"

	"bpfls/isa"
	"bpfls/verifier/cfg"
	"bpfls/verifier/zone"
)

// SubjectKind is a kind of thing that a slice follows.
type SubjectKind uint8

// The kinds of subjects.
const (
	SubjectRegister   SubjectKind = iota // Reg
	SubjectStack                         // bytes of the stack: Offset, Size
	SubjectPacketSize                    // how long the packet is known to be
)

// Subject is what a slice follows backward: a register, bytes of the stack, or
// the size of the packet.
type Subject struct {
	Kind   SubjectKind
	Reg    int8
	Offset int // bytes from the top of the frame of the step's point: -8 is r10-8
	Size   int // bytes
}

// Fact is what is known of a subject at a point. Of the packet's size it is
// Value.Signed.
type Fact struct {
	Subject Subject
	Value   Value
}

// StepKind says what an instruction did to the subject of a step.
type StepKind uint8

// The kinds of steps.
const (
	StepEntry      StepKind = iota // the subject is what the program begins with, or was never set
	StepConstant                   // set to a constant
	StepAddress                    // set to a map, a map's value or a function
	StepLoad                       // loaded from memory that the verifier does not track, or from the context
	StepCopy                       // copied from Sources
	StepCompute                    // computed from Sources
	StepSpill                      // stored to the stack
	StepFill                       // loaded from the stack
	StepMayStore                   // a store that may have hit it, at an offset that is not known exactly
	StepCall                       // returned by a helper, or written by it
	StepInvalidate                 // made unknown by a call
	StepNarrow                     // restricted by a branch: see Edge
	StepJoin                       // ways meet on which different things are known of it: see Ways
	StepLoop                       // as StepJoin, at the head of a loop: what is known there holds in every turn
	StepCheck                      // the check that the slice explains
)

// Step is an instruction that takes part in what is known at the check.
type Step struct {
	Point   Point
	Kind    StepKind
	Subject Subject // behind the instruction; of a join before it
	Sources []Subject
	// Before is what is known of the first of Sources before the instruction (of
	// Subject, for StepNarrow and StepInvalidate), After of Subject behind it.
	Before, After Value
	// Edge is the slot to which a branch leads where its condition restricts the
	// subject (StepNarrow); -1 otherwise.
	Edge int
	// Narrow32 says that the instruction keeps the low 32 bits of its result only.
	Narrow32 bool
	Ways     []Way // of StepJoin and StepLoop, in label order
	// Control says that the subject decides only whether control gets to the check;
	// it is no part of what is checked.
	Control bool

	node cfg.NodeID
}

// Way is one of the ways that meet at a join.
type Way struct {
	From  Point // the last instruction on it: the branch, for an edge of one
	Edge  int   // slot to which a branch leads; -1 where From is no branch
	Value Value // of the step's subject
	// Branch is the last branch whose condition holds on this way alone, with the
	// edge taken; its Point is invalid (Slot -1) where there is none.
	Branch     Point
	BranchEdge int
	Back       bool // leads back to the head of a loop
	// What becomes of the check if the program comes by this way only, and where
	// that is known (Followed): whether it gets there, and whether the check holds.
	Followed, Reaches, Proven bool
	// Guards tells of the branches between the join and the check what is known of
	// their operands on this way.
	Guards []Guard
}

// Guard is a branch that control passes on every way from a join to the check.
type Guard struct {
	Point Point // the jump
	Edge  int   // slot to which it leads on the way to the check
	Reg   int8  // its left operand
	Value Value // of Reg, before the jump
}

// Slice returns the steps that led to what is known at a check, the oldest first;
// the last one is the check itself. It follows data: registers through copies,
// arithmetic, calls, the stack and frames, and what branches say of them; and
// control where ways met on which more was known. It is computed when asked for,
// and bounded. For several checks of one report see Slicer.
func (r *Result) Slice(p Point, c Check) []Step {
	s := r.Slicer()
	s.share = maxSliceWork
	return s.Slice(p, c)
}

// Slicer makes the slices of one report. Together they take no more than a share of the
// time that the verdict took: the first ones reach farther than the last ones of many.
// It is not safe for use by several goroutines.
type Slicer struct {
	r      *Result
	run    *run
	states map[cfg.NodeID]*state // before nodes, of run
	share  int                   // work for one slice
	least  int                   // work that each slice may take, if nothing is left
	left   int                   // work for all slices

	seen  map[sliceAt]bool // memory for the next slice
	queue []sliceAt
}

// Slicer returns a Slicer for the result.
func (r *Result) Slicer() *Slicer {
	s := &Slicer{r: r, seen: map[sliceAt]bool{}}
	if a := r.analysis; a != nil && a.run != nil {
		s.left = 1_500 + a.run.visits/16
		s.share, s.least = s.left/3, 120
	}
	return s
}

// Slice is Result.Slice within what is left of the work.
func (x *Slicer) Slice(p Point, c Check) []Step {
	a := x.r.analysis
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	id := a.node(p)
	if id == cfg.NoNode {
		return nil
	}
	from := a.behind()
	if c.Kind == CheckLoopCount {
		from = a.run
	}
	x.of(from)
	start := max(min(x.share, x.left), x.least)
	clear(x.seen)
	s := &slicer{run: from, maps: int64(x.r.mapShift), seen: x.seen, queue: x.queue[:0], states: x.states, work: start}
	steps := s.slice(id, &c)
	x.queue = s.queue
	x.left -= start - s.work
	return steps
}

// Before is Result.Before. The state is kept for slices to the same point.
func (x *Slicer) Before(p Point) State {
	a := x.r.analysis
	if a == nil {
		return bottomView{}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	id := a.node(p)
	if id == cfg.NoNode {
		return bottomView{}
	}
	x.of(a.behind())
	s := &slicer{run: x.run, maps: int64(x.r.mapShift), states: x.states, work: maxSliceWork}
	return x.r.shown(x.run.view(s.at(id), id))
}

// Register returns what is known of a register before an instruction, in the first of its
// copies that is reached; false where none is. It costs less than a State: most often a
// state that is kept tells, see slicer.stateOf.
func (r *Result) Register(slot, reg int) (Value, bool) {
	a := r.analysis
	if a == nil || reg < 0 || reg > 10 {
		return Value{}, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	s := &slicer{run: a.behind(), maps: int64(r.mapShift), states: map[cfg.NodeID]*state{}, work: maxSliceWork}
	defer func() {
		for _, st := range s.states {
			s.drop(st)
		}
	}()
	x := register(isa.Reg(reg))
	for _, id := range a.nodes(slot) {
		if st := s.stateOf(id, x); s.reached[id] && !st.bottom() {
			return s.value(st, x), true
		}
	}
	return Value{}, false
}

// of makes the states that are kept those of a run.
func (x *Slicer) of(from *run) {
	if x.run == from && len(x.states) <= mostSliceStates {
		return
	}
	for _, st := range x.states {
		from.drop(st)
	}
	x.run, x.states = from, map[cfg.NodeID]*state{}
}

// The bounds of a slice.
const (
	maxSliceWork  = 400_000
	maxSliceSteps = 256
	maxFollow     = 400 // nodes on the ways from a join to the check

	mostSliceStates = 4096 // that a Slicer keeps
)

// subject is a Subject with stack bytes counted from the lowest one of all frames.
type subject struct {
	kind      SubjectKind
	reg       isa.Reg
	off, size int
}

type sliceAt struct {
	node   cfg.NodeID
	what   subject
	ctl    bool
	behind bool // the node; else before it
}

// slicer computes one slice.
type slicer struct {
	*run
	seen   map[sliceAt]bool
	queue  []sliceAt
	work   int // left: what running and looking at nodes costs
	steps  []Step
	states map[cfg.NodeID]*state // before nodes; see Slicer
	maps   int64                 // Result.mapShift
}

// at returns the state before a node. It belongs to the slicer. It is bottom where no
// work is left for it.
func (s *slicer) at(id cfg.NodeID) *state {
	if !s.inner[id] || s.pre.At(id).z != nil {
		return s.pre.At(id)
	}
	if st, ok := s.states[id]; ok {
		return st
	}
	// States inside a chain are computed from the last one that is known.
	start := id
	for s.inner[start] && s.pre.At(start).z == nil {
		if _, ok := s.states[start]; ok {
			break
		}
		start = s.g.Predecessors(start)[0]
	}
	known, ok := s.states[start]
	if !ok {
		known = s.pre.At(start)
	}
	st := new(state)
	*st = known.share()
	for n := start; n != id; n = s.next[n] {
		if s.work <= 0 {
			s.drop(st)
			return st
		}
		if s.fail[n] != nil && !s.assuming {
			s.drop(st)
			*st = s.post.At(n).share() // what is known behind a failure is kept there
		} else {
			s.runNode(st, n, nil)
		}
	}
	s.states[id] = st
	return st
}

// workOn is what running a node on a state counts, where looking at one counts 1.
func workOn(st *state) int { return st.size() / 12 }

// runNode runs a node as advance does, but records nothing. failed, if not nil, is told
// which checks could not be proven.
func (s *slicer) runNode(st *state, id cfg.NodeID, failed func(check int)) {
	s.suppose(st, id)
	s.work -= workOn(st)
	if st.bottom() {
		return
	}
	checks := s.g.Checks(id)
	if s.g.Kind(id) == cfg.Counter || failed == nil && s.assuming && len(s.missed[id]) == 0 {
		checks = nil // those hold in all states
	}
	for i := range checks {
		c := &checks[i]
		if _, ok := s.check(st, c, id); ok || s.reject != nil {
			continue
		}
		if failed != nil {
			failed(i)
		}
		if c.Kind == cfg.FuncConstraint {
			if _, inner, _ := s.checkFunction(st, c, id); inner != nil {
				c = inner
			}
		}
		s.grant(st, c, nil)
	}
	s.transfer(st, id)
	st.m = nil
	if st.bottom() {
		s.drop(st)
	}
}

// before returns what is known of x before a node. Most often a state that is kept tells:
// the one before the node's chain or behind it, if nothing between has to do with x.
func (s *slicer) before(id cfg.NodeID, x subject) Value { return s.value(s.stateOf(id, x), x) }

// behind returns what is known of x behind a node.
func (s *slicer) behind(id cfg.NodeID, x subject) Value { return s.value(s.stateBehind(id, x), x) }

// stateOf returns a state that knows of x, and of x and the packet's size, what is known
// before a node. It belongs to the slicer.
func (s *slicer) stateOf(id cfg.NodeID, x subject) *state {
	if len(s.assumptions) > 0 {
		return s.at(id)
	}
	for n := id; ; {
		if st, ok := s.states[n]; ok {
			return st
		}
		if !s.inner[n] || s.pre.At(n).z != nil {
			return s.pre.At(n)
		}
		if n = s.g.Predecessors(n)[0]; s.changes(n, x) {
			break
		}
	}
	for n := id; !s.changes(n, x); {
		next := s.next[n]
		if next == cfg.NoNode {
			return s.post.At(n)
		}
		n = next
		if st, ok := s.states[n]; ok {
			return st
		}
		if s.pre.At(n).z != nil {
			return s.pre.At(n)
		}
	}
	return s.at(id)
}

// stateBehind is stateOf behind a node.
func (s *slicer) stateBehind(id cfg.NodeID, x subject) *state {
	if s.next[id] == cfg.NoNode || s.fail[id] != nil {
		return s.post.At(id)
	}
	return s.stateOf(s.next[id], x)
}

// changes reports whether what is known of x may differ before and behind a node that is
// no branch.
func (s *slicer) changes(id cfg.NodeID, x subject) bool {
	op := s.g.Op(id)
	if op.Kind == cfg.Assume || s.fail[id] != nil || s.assuming && len(s.missed[id]) > 0 {
		return true
	}
	if op.Kind == cfg.Instruction && (op.Inst.Kind == isa.CallLocal || op.Inst.Kind == isa.Exit) {
		return true // the frame
	}
	return s.touches(id, x)
}

// value returns what a state knows of a subject.
func (s *slicer) value(st *state, x subject) Value {
	if st.bottom() {
		return Value{}
	}
	v := view{z: st.z.Zone, t: st.t.types, tab: s.tab, maps: s.maps}
	if n, ok := v.z.Interval(reg(isa.R10, zone.KindStackOffset)).Singleton(); ok && n.FitsInt64() {
		v.top = n.Int64()
	}
	switch x.kind {
	case SubjectRegister:
		o := zone.RegSlot(x.reg)
		return v.value(o, v.t.of(o))
	case SubjectPacketSize:
		top := rangeOf(zone.Top(), 0)
		val := Value{Types: TypeNumber, Offset: top, Region: top, MapFD: top, Unsigned: top}
		val.Signed = rangeOf(v.z.Interval(zone.PacketSize), 0)
		return val
	}
	top := rangeOf(zone.Top(), 0)
	val := Value{Types: TypeAny, Signed: top, Unsigned: top, Offset: top, Region: top, MapFD: top}
	o, ok := s.tab.Lookup(x.off, x.size)
	if ok {
		if _, here := st.s.find(x.off, x.size); here {
			val = v.value(o, v.t.of(o))
		}
	}
	if x.off+x.size <= st.s.bytes() && st.s.allNumbers(x.off, x.off+x.size) {
		if val.Types&TypeNumber == 0 || !ok {
			val.Types = TypeNumber
		} else {
			val = v.value(o, TypeNumber)
		}
	}
	return val
}

// public returns a subject with stack bytes counted from the top of a node's frame.
func (s *slicer) public(x subject, id cfg.NodeID) Subject {
	out := Subject{Kind: x.kind, Reg: -1}
	switch x.kind {
	case SubjectRegister:
		out.Reg = int8(x.reg)
	case SubjectStack:
		out.Offset, out.Size = x.off-s.frameTop(id), x.size
	}
	return out
}

// frameTop is the offset of the top of a node's frame.
func (s *slicer) frameTop(id cfg.NodeID) int { return s.stackSize - (s.g.Depth(id)-1)*s.frameSize }

func (s *slicer) point(id cfg.NodeID) Point {
	return Point{Slot: s.g.Slot(id), CallPath: s.g.CallPath(id)}
}

// edge returns the slot that an assumption's branch leads to, or -1.
func (s *slicer) edge(id cfg.NodeID) int {
	if op := s.g.Op(id); op.Kind == cfg.Assume {
		return int(op.To)
	}
	return -1
}

func (s *slicer) record(id cfg.NodeID, st Step) {
	if len(s.steps) >= maxSliceSteps {
		return
	}
	st.node = id
	st.Point = s.point(id)
	if st.Kind != StepNarrow {
		st.Edge = -1
	}
	s.steps = append(s.steps, st)
}

// push goes on with a subject before a node.
func (s *slicer) push(id cfg.NodeID, x subject, ctl bool) {
	at := sliceAt{id, x, ctl, false}
	if s.seen[at] || ctl && s.seen[sliceAt{id, x, false, false}] || s.work <= 0 {
		return
	}
	s.seen[at] = true
	s.work -= 4
	s.queue = append(s.queue, at)
}

func register(r isa.Reg) subject { return subject{kind: SubjectRegister, reg: r} }

// slice computes the steps to a check of a node.
func (s *slicer) slice(id cfg.NodeID, c *Check) []Step {
	st := s.at(id)
	checks := s.g.Checks(id)
	index := -1
	for i := range checks {
		if CheckKind(checks[i].Kind) == c.Kind && s.g.CheckText(id, &checks[i]) == c.Text {
			index = i
		}
	}
	last := Step{Kind: StepCheck, Subject: Subject{Kind: SubjectPacketSize, Reg: -1}}
	if c.Reg >= 0 {
		x := register(isa.Reg(c.Reg))
		last.Subject = s.public(x, id)
		last.After = s.value(st, x)
	}
	if c.Kind == CheckLoopCount {
		s.loopExits(id)
	} else {
		for _, x := range s.subjects(st, id, c) {
			s.push(id, x, false)
		}
	}
	s.follow()
	s.explainJoins(id, index)
	slices.SortStableFunc(s.steps, func(a, b Step) int { return int(s.position(a.node) - s.position(b.node)) })
	last.node, last.Point, last.Edge = id, s.point(id), -1
	return append(s.steps, last)
}

// position orders nodes by the weak topological order.
func (s *slicer) position(id cfg.NodeID) int32 { return s.g.WTO.Position[id] }

// subjects returns what a check is about.
func (s *slicer) subjects(st *state, id cfg.NodeID, c *Check) []subject {
	var out []subject
	if c.Reg >= 0 {
		out = append(out, register(isa.Reg(c.Reg)))
	}
	if c.Other >= 0 && c.Other != c.Reg {
		out = append(out, register(isa.Reg(c.Other)))
	}
	if st.bottom() || c.Reg < 0 {
		return out
	}
	t := st.typeOf(isa.Reg(c.Reg))
	switch {
	case c.Kind == CheckAccess && t&TypePacket != 0 && t&TypeUninit == 0:
		out = append(out, subject{kind: SubjectPacketSize})
	case t == TypeStack && (c.Kind == CheckMapKeyValue || c.Kind == CheckAccess && c.Mode == AccessRead):
		width := zone.Single(int64(c.Width))
		switch {
		case c.Kind == CheckMapKeyValue && c.Other >= 0:
			size := valueSize
			if c.Key {
				size = keySize
			}
			width = s.mapRange(st, isa.Reg(c.Other), size)
		case c.Other >= 0:
			width = st.interval(reg(isa.Reg(c.Other), zone.KindSValue))
		}
		off := st.interval(reg(isa.Reg(c.Reg), zone.KindStackOffset)).Add(zone.Single(int64(c.Offset)))
		if at := s.place(off, width); s.fits(&at) && at.size > 0 {
			out = append(out, subject{kind: SubjectStack, off: at.off, size: at.size})
		}
	}
	return out
}

// loopExits follows what decides when a loop ends: the operands of the branches
// that leave it.
func (s *slicer) loopExits(head cfg.NodeID) {
	w := s.g.WTO
	var c *cfg.Cycle
	for i := range w.Cycles {
		h := w.Cycles[i].Head
		if h == head || s.g.Slot(h) == s.g.Slot(head) && s.g.Nodes[h].Frame == s.g.Nodes[head].Frame {
			c = &w.Cycles[i]
		}
	}
	if c == nil {
		return
	}
	inside := func(id cfg.NodeID) bool { p := s.position(id); return c.Begin <= p && p < c.End }
	for i := c.Begin; i < c.End; i++ {
		id := w.Order[i]
		op := s.g.Op(id)
		if op.Kind != cfg.Instruction || op.Inst.Kind != isa.Jump || !op.Inst.Cond {
			continue
		}
		leaves := false
		for _, n := range s.g.Successors(id) {
			for _, m := range s.g.Successors(n) {
				leaves = leaves || !inside(m)
			}
			leaves = leaves || !inside(n)
		}
		if leaves {
			for x := isa.Reg(0); x <= 9; x++ {
				if op.Use&(1<<x) != 0 {
					s.push(id, register(x), false)
				}
			}
		}
	}
}

// follow follows subjects backward, the nearest instructions first, until nothing is
// left.
func (s *slicer) follow() {
	for i := 0; i < len(s.queue); i++ {
		at := s.queue[i]
		s.back(at.node, at.what, at.ctl)
	}
}

// back goes from a subject before a node to what it was behind the nodes that
// control comes from.
func (s *slicer) back(id cfg.NodeID, x subject, ctl bool) {
	preds := s.g.Predecessors(id)
	if id == s.g.Entry() || len(preds) == 0 {
		s.record(id, Step{Kind: StepEntry, Subject: s.public(x, id), After: s.value(s.at(id), x), Control: ctl})
		return
	}
	reached := 0
	for _, p := range preds {
		if s.reached[p] {
			reached++
		}
	}
	if reached > 1 {
		s.ways(id, x, ctl)
	}
	for _, p := range preds {
		if !s.reached[p] {
			continue
		}
		// Pass over what has nothing to do with x.
		n := p
		for i := 0; n != s.g.Entry() && !s.touches(n, x); i++ {
			if i%16 == 0 {
				s.work--
			}
			before := s.g.Predecessors(n)
			if len(before) != 1 {
				break
			}
			n = before[0]
		}
		if at := (sliceAt{n, x, ctl, true}); s.touches(n, x) {
			if !s.seen[at] {
				s.seen[at] = true
				s.through(n, x, ctl)
			}
		} else {
			s.push(n, x, ctl)
		}
	}
}

// touches reports whether a node may have to do with x.
func (s *slicer) touches(id cfg.NodeID, x subject) bool {
	op := s.g.Op(id)
	switch op.Kind {
	case cfg.Assume:
		return s.concerns(id, x)
	case cfg.Instruction:
	default:
		return false
	}
	in := &op.Inst
	switch x.kind {
	case SubjectRegister:
		if in.Kind == isa.CallLocal {
			return false
		}
		return op.Def&(1<<x.reg) != 0 || in.Kind == isa.Exit || op.Contract >= 0 && s.g.Contracts[op.Contract].ReallocatesPacket
	case SubjectStack:
		return in.Kind == isa.Store || in.Kind == isa.Atomic || in.Kind == isa.Exit ||
			op.Contract >= 0 && (len(s.g.Contracts[op.Contract].Pairs) > 0 || s.g.Contracts[op.Contract].ReallocatesPacket)
	}
	return op.Contract >= 0 && s.g.Contracts[op.Contract].ReallocatesPacket
}

// ways notes that ways meet on which different things are known of x.
func (s *slicer) ways(id cfg.NodeID, x subject, ctl bool) {
	step := Step{Kind: StepJoin, Subject: s.public(x, id), After: s.value(s.pre.At(id), x), Control: ctl}
	if s.cycleOf[id] >= 0 {
		step.Kind = StepLoop
	}
	same := true
	for _, p := range s.g.Predecessors(id) {
		st := s.post.At(p)
		if st.bottom() {
			continue
		}
		v := s.value(st, x)
		w := Way{From: s.point(p), Edge: s.edge(p), Value: v, Branch: Point{Slot: -1}, BranchEdge: -1}
		w.Back = s.cycleOf[id] >= 0 && (p == id || s.position(p) >= s.position(id))
		same = same && v == step.After
		step.Ways = append(step.Ways, w)
	}
	if len(step.Ways) < 2 || same {
		return
	}
	s.record(id, step)
}

// through goes from a subject behind node p to what it was made of.
func (s *slicer) through(p cfg.NodeID, x subject, ctl bool) {
	op := s.g.Op(p)
	switch op.Kind {
	case cfg.Entry, cfg.Final, cfg.Counter:
		s.push(p, x, ctl)
		return
	case cfg.Assume:
		s.throughBranch(p, x, ctl)
		return
	}
	in := &op.Inst
	switch x.kind {
	case SubjectRegister:
		s.throughRegister(p, in, op, x, ctl)
	case SubjectStack:
		s.throughStack(p, in, op, x, ctl)
	case SubjectPacketSize:
		if op.Contract >= 0 && s.g.Contracts[op.Contract].ReallocatesPacket {
			s.record(p, Step{Kind: StepInvalidate, Subject: s.public(x, p), Before: s.before(p, x), After: s.behind(p, x), Control: ctl})
			return
		}
		s.push(p, x, ctl)
	}
}

// throughBranch notes that a branch restricts x, if it does.
func (s *slicer) throughBranch(p cfg.NodeID, x subject, ctl bool) {
	if s.concerns(p, x) {
		old, now := s.at(p), s.stateBehind(p, x)
		before, after := s.value(old, x), s.value(now, x)
		narrowed := before != after
		if !narrowed && x.kind == SubjectRegister {
			narrowed = s.nearerToEnd(old, now, x.reg)
		}
		if narrowed {
			s.record(p, Step{Kind: StepNarrow, Subject: s.public(x, p), Before: before, After: after, Edge: s.edge(p), Control: ctl})
			if x.kind == SubjectPacketSize {
				return // what was known before is less
			}
		}
	}
	s.push(p, x, ctl)
}

// concerns reports whether the condition of an assumption can say something of x: that
// it is one of the operands, or stands in a relation with one.
func (s *slicer) concerns(p cfg.NodeID, x subject) bool {
	op := s.g.Op(p)
	if x.kind == SubjectRegister && op.Use&(1<<x.reg) != 0 {
		return true
	}
	st := s.at(p)
	if st.bottom() {
		return false
	}
	var v zone.Var
	switch x.kind {
	case SubjectPacketSize:
		v = zone.PacketSize
	case SubjectRegister:
		k, ok := primaryKind(st.typeOf(x.reg))
		if !ok {
			return false
		}
		v = reg(x.reg, k)
	case SubjectStack:
		o, ok := st.s.has(x.off, x.size, 1<<zone.KindSValue)
		if !ok {
			return false
		}
		v = o.Var(zone.KindSValue)
	}
	for r := isa.Reg(0); r <= 9; r++ {
		if op.Use&(1<<r) == 0 {
			continue
		}
		if k, ok := primaryKind(st.typeOf(r)); ok {
			if d := st.z.Difference(reg(r, k), v); !d.IsTop() {
				return true
			}
		}
	}
	return false
}

// nearerToEnd reports whether a packet pointer is known to lie further before the
// packet's end behind a branch than before it.
func (s *slicer) nearerToEnd(before, after *state, r isa.Reg) bool {
	if before.bottom() || after.bottom() || after.typeOf(r) != TypePacket {
		return false
	}
	v := reg(r, zone.KindPacketOffset)
	old, now := before.z.Difference(v, zone.PacketSize), after.z.Difference(v, zone.PacketSize)
	return now.Hi.Less(old.Hi)
}

// throughRegister goes through an instruction that may write register x.
func (s *slicer) throughRegister(p cfg.NodeID, in *isa.Inst, op *cfg.Op, x subject, ctl bool) {
	r := x.reg
	step := Step{Kind: StepCompute, Subject: s.public(x, p), Control: ctl}
	var sources []subject
	call := false
	switch in.Kind {
	case isa.Bin:
		if in.Dst != r {
			s.push(p, x, ctl)
			return
		}
		bop := isa.BinOp(in.Op)
		moves := bop == isa.Mov || bop >= isa.MovSX8
		if !moves {
			sources = append(sources, register(in.Dst))
		}
		if !in.UseImm && !(in.Src == in.Dst && !moves) {
			sources = append(sources, register(in.Src))
		}
		step.Narrow32 = !in.Is64
		switch {
		case moves && in.UseImm:
			step.Kind = StepConstant
		case bop == isa.Mov && in.Is64:
			step.Kind = StepCopy
		case bop == isa.Xor && !in.UseImm && in.Src == in.Dst:
			step.Kind, sources = StepConstant, nil
		}
	case isa.Un:
		if in.Dst != r {
			s.push(p, x, ctl)
			return
		}
		sources = []subject{x}
	case isa.LoadMapFD, isa.LoadMapAddress, isa.LoadPseudo:
		if in.Dst != r {
			s.push(p, x, ctl)
			return
		}
		step.Kind = StepAddress
	case isa.Load:
		if in.Dst != r {
			s.push(p, x, ctl)
			return
		}
		step.Kind = StepLoad
		if at, ok := s.stackPlace(p, in.Src, in.Off, int(in.Width)); ok && s.fits(&at) {
			step.Kind = StepFill
			sources = []subject{{kind: SubjectStack, off: at.off, size: at.size}}
		}
	case isa.Call, isa.CallBuiltin, isa.CallBTF, isa.CallX, isa.Packet:
		call = true
	case isa.Atomic:
		dst := in.Src
		if isa.AtomicOp(in.Op) == isa.AtomicCmpXchg {
			dst = 0
		}
		if !in.Fetch || dst != r {
			s.push(p, x, ctl)
			return
		}
		step.Kind = StepLoad
	case isa.CallLocal:
		s.push(p, x, ctl)
		return
	case isa.Exit:
		f := s.g.Frame(p)
		switch {
		case f.Depth > 1 && r >= 6 && r <= 9:
			s.push(f.Call, x, ctl) // kept by the caller
			return
		case f.Depth > 1 && r >= 1 && r <= 5:
			step.Kind = StepInvalidate
		default:
			s.push(p, x, ctl)
			return
		}
	default:
		s.push(p, x, ctl)
		return
	}
	if call {
		switch {
		case r == 0:
			step.Kind = StepCall
		case r <= 5:
			step.Kind = StepInvalidate
		case op.Contract >= 0 && s.g.Contracts[op.Contract].ReallocatesPacket && s.before(p, x).Types&TypePacket != 0:
			step.Kind = StepInvalidate
		default:
			s.push(p, x, ctl)
			return
		}
	}
	step.After = s.behind(p, x)
	switch {
	case step.Kind == StepInvalidate:
		step.Before = s.before(p, x)
	case len(sources) > 0:
		step.Before = s.before(p, sources[0])
	}
	decided := decidesAlone(in, &step)
	for _, y := range sources {
		step.Sources = append(step.Sources, s.public(y, p))
		if !decided {
			s.push(p, y, ctl)
		}
	}
	s.record(p, step)
}

// decidesAlone reports whether what is known behind an operation does not depend on
// its operands: a mask that is all that bounds the result.
func decidesAlone(in *isa.Inst, s *Step) bool {
	if in.Kind != isa.Bin || isa.BinOp(in.Op) != isa.And || !in.UseImm || in.Imm < 0 || s.Before.Types != TypeNumber {
		return false
	}
	r := s.After.Signed
	return !r.LoInf && !r.HiInf && r.Lo == 0 && r.Hi == in.Imm
}

// stackPlace returns where on the stack a node's access is; ok is false if it goes
// elsewhere for sure.
func (s *slicer) stackPlace(p cfg.NodeID, base isa.Reg, off int32, width int) (place, bool) {
	at, ok := s.stackOffset(p, base)
	return s.placeN(at.Add(zone.Single(int64(off))), width), ok
}

// stackOffset returns where on the stack a register points to before a node; ok is
// false if it points elsewhere for sure. Most often the instructions just before tell,
// without their states.
func (s *slicer) stackOffset(p cfg.NodeID, r isa.Reg) (zone.Interval, bool) {
	moved := int64(0)
	id := p
	for s.inner[id] && s.pre.At(id).z == nil {
		if r == isa.R10 {
			break
		}
		if _, ok := s.states[id]; ok {
			break
		}
		id = s.g.Predecessors(id)[0]
		op := s.g.Op(id)
		if op.Def&(1<<r) == 0 {
			continue
		}
		in := &op.Inst
		switch {
		case in.Kind == isa.Bin && isa.BinOp(in.Op) == isa.Mov && in.Is64 && !in.UseImm:
			r = in.Src
		case in.Kind == isa.Bin && isa.BinOp(in.Op) == isa.Add && in.Is64 && in.UseImm:
			moved += in.Imm
		case in.Kind == isa.Bin && isa.BinOp(in.Op) == isa.Mov && in.UseImm,
			in.Kind == isa.LoadMapFD, in.Kind == isa.LoadMapAddress,
			op.Contract >= 0 && r == 0:
			return zone.Interval{}, false
		default:
			at, ok := s.pointsAt(s.next[id], r)
			return at.Add(zone.Single(moved)), ok
		}
	}
	if r == isa.R10 {
		return zone.Single(int64(s.frameTop(id)) + moved), true
	}
	at, ok := s.pointsAt(id, r)
	return at.Add(zone.Single(moved)), ok
}

// pointsAt is stackOffset of what the state before a node knows.
func (s *slicer) pointsAt(p cfg.NodeID, r isa.Reg) (zone.Interval, bool) {
	st := s.at(p)
	if st.bottom() || st.typeOf(r)&TypeStack == 0 {
		return zone.Interval{}, false
	}
	return st.interval(reg(r, zone.KindStackOffset)), true
}

// throughStack goes through an instruction that may write the stack bytes x.
func (s *slicer) throughStack(p cfg.NodeID, in *isa.Inst, op *cfg.Op, x subject, ctl bool) {
	var at place
	hit := false
	kind := StepSpill
	switch in.Kind {
	case isa.Store, isa.Atomic:
		at, hit = s.stackPlace(p, in.Dst, in.Off, int(in.Width))
	case isa.Call, isa.CallBuiltin, isa.CallBTF:
		if op.Contract < 0 {
			break
		}
		c := &s.g.Contracts[op.Contract]
		kind = StepCall
		for _, pair := range c.Pairs {
			if !pair.Writable {
				continue
			}
			if off, ok := s.stackOffset(p, pair.Mem); ok && !s.at(p).bottom() {
				at, hit = s.place(off, s.at(p).interval(reg(pair.Size, zone.KindSValue))), true
			}
		}
		if c.ReallocatesPacket && !hit {
			st := s.at(p)
			if st.bottom() {
				break
			}
			if o, ok := s.tab.Lookup(x.off, x.size); ok && st.t.tracked(o) && st.t.of(o)&TypePacket != 0 {
				s.record(p, Step{Kind: StepInvalidate, Subject: s.public(x, p), Before: s.value(st, x), After: s.behind(p, x), Control: ctl})
				return
			}
		}
	case isa.Exit:
		if d := s.g.Depth(p); d > 1 && x.off+x.size <= s.frameTop(p) && x.off >= s.frameTop(p)-s.frameSize {
			s.record(p, Step{Kind: StepInvalidate, Subject: s.public(x, p), Control: ctl})
			return
		}
	}
	if !hit {
		s.push(p, x, ctl)
		return
	}
	if !at.exact {
		lo, hi, ok := s.bytes(&at)
		if !ok || hi <= x.off || x.off+x.size <= lo {
			s.push(p, x, ctl)
			return
		}
		s.record(p, Step{Kind: StepMayStore, Subject: s.public(x, p), Before: s.before(p, x), After: s.behind(p, x), Control: ctl})
		s.push(p, x, ctl)
		return
	}
	lo, hi := max(at.off, x.off), min(at.off+at.size, x.off+x.size)
	if lo >= hi {
		s.push(p, x, ctl)
		return
	}
	part := subject{kind: SubjectStack, off: lo, size: hi - lo}
	step := Step{Kind: kind, Subject: s.public(part, p), Control: ctl}
	step.After = s.behind(p, part)
	if in.Kind == isa.Store && !in.UseImm {
		src := register(in.Src)
		step.Sources = []Subject{s.public(src, p)}
		step.Before = s.before(p, src)
		s.push(p, src, ctl)
	}
	s.record(p, step)
	// The other bytes were written before.
	if lo > x.off {
		s.push(p, subject{kind: SubjectStack, off: x.off, size: lo - x.off}, ctl)
	}
	if hi < x.off+x.size {
		s.push(p, subject{kind: SubjectStack, off: hi, size: x.off + x.size - hi}, ctl)
	}
}

// comparison is the condition of a branch that holds on a way.
type comparison struct {
	op      isa.Condition
	dst     isa.Reg
	src     isa.Reg
	imm     int64
	useImm  bool
	is64    bool
	touches uint16 // registers that it speaks of
}

func comparisonOf(op *cfg.Op) comparison {
	in := &op.Inst
	c := comparison{op: isa.Condition(in.Op), dst: in.Dst, useImm: in.UseImm, is64: in.Is64, touches: 1 << in.Dst}
	if in.UseImm {
		c.imm = in.Imm
	} else {
		c.src = in.Src
		c.touches |= 1 << in.Src
	}
	return c
}

// contradicts reports whether one of the conditions is the opposite of c.
func contradicts(known []comparison, c comparison) bool {
	c.op = c.op.Negate()
	return slices.Contains(known, c)
}

// without returns the conditions that speak of none of the registers.
func without(known []comparison, registers uint16) []comparison {
	if !slices.ContainsFunc(known, func(c comparison) bool { return c.touches&registers != 0 }) {
		return known
	}
	return slices.DeleteFunc(slices.Clone(known), func(c comparison) bool { return c.touches&registers != 0 })
}

// conditions returns the conditions of the branches that control has passed since
// the last place where ways met, as far as they still hold behind node p; and the
// last of those branches.
func (s *slicer) conditions(p cfg.NodeID) (known []comparison, last cfg.NodeID) {
	last = cfg.NoNode
	changed := uint16(0)
	for id := p; ; {
		op := s.g.Op(id)
		if op.Kind == cfg.Assume {
			if c := comparisonOf(op); c.touches&changed == 0 {
				known = append(known, c)
			}
			if last == cfg.NoNode {
				last = id
			}
		}
		changed |= op.Def
		preds := s.g.Predecessors(id)
		if len(preds) != 1 || len(known) >= 32 {
			return known, last
		}
		id = preds[0]
	}
}

// explainJoins tells of the nearest joins of what the check is about what becomes
// of the check on each way by itself.
func (s *slicer) explainJoins(target cfg.NodeID, check int) {
	var joins []int
	for i := range s.steps {
		st := &s.steps[i]
		if st.Kind != StepJoin && st.Kind != StepLoop || st.Control {
			continue
		}
		for j, p := range s.reachedPredecessors(st.node) {
			if _, b := s.conditions(p); b != cfg.NoNode && j < len(st.Ways) {
				st.Ways[j].Branch, st.Ways[j].BranchEdge = s.point(b), s.edge(b)
			}
		}
		if st.Kind == StepJoin && s.position(st.node) < s.position(target) {
			joins = append(joins, i)
		}
	}
	slices.SortStableFunc(joins, func(a, b int) int { return int(s.position(s.steps[b].node) - s.position(s.steps[a].node)) })
	for _, i := range joins[:min(len(joins), 3)] {
		s.eachWay(&s.steps[i], target, check)
	}
}

// reachedPredecessors returns the predecessors of a node that are reached, those
// of the ways of a join there.
func (s *slicer) reachedPredecessors(id cfg.NodeID) []cfg.NodeID {
	var out []cfg.NodeID
	for _, p := range s.g.Predecessors(id) {
		if !s.post.At(p).bottom() {
			out = append(out, p)
		}
	}
	return out
}

// eachWay runs the nodes between a join and the check once for each way that leads
// to the join, as if the program always came by that one. Conditions of branches are
// remembered as they stand, so that a condition which is tested twice is known to
// have the same outcome.
func (s *slicer) eachWay(step *Step, target cfg.NodeID, check int) {
	w := s.g.WTO
	first, last := s.position(step.node), s.position(target)
	if first < 0 || last < first || last-first > maxFollow || int(last-first)*len(step.Ways)*workOn(s.pre.At(step.node)) > s.work {
		return
	}
	region := w.Order[first : last+1]
	for _, id := range region[1:] {
		if s.cycleOf[id] >= 0 {
			return // a loop between: ways mix there again and again
		}
	}
	guards := s.guards(region)
	for i, p := range s.reachedPredecessors(step.node) {
		if i < len(step.Ways) {
			s.alone(&step.Ways[i], p, region, guards, check)
		}
	}
}

// guards returns the assumptions that control passes on every way through a region
// from its first node to its last.
func (s *slicer) guards(region []cfg.NodeID) []cfg.NodeID {
	first, last := s.position(region[0]), s.position(region[len(region)-1])
	var out []cfg.NodeID
	reach := make([]bool, len(region))
	for i := len(region) - 2; i > 0 && len(out) < 8; i-- {
		g := region[i]
		if s.g.Kind(g) != cfg.Assume {
			continue
		}
		clear(reach)
		reach[0] = true
		for j, id := range region[1:] {
			if id == g {
				continue
			}
			for _, p := range s.g.Predecessors(id) {
				if at := s.position(p); at >= first && at <= last && at-first < int32(j+1) && reach[at-first] {
					reach[j+1] = true
				}
			}
		}
		if !reach[len(region)-1] {
			out = append(out, g)
		}
	}
	return out
}

// alone runs a region for one way to its first node.
func (s *slicer) alone(way *Way, p cfg.NodeID, region, guards []cfg.NodeID, check int) {
	type outcome struct {
		st    state
		known []comparison
	}
	outs := make([]outcome, len(region))
	defer func() {
		for i := range outs {
			s.drop(&outs[i].st)
		}
	}()
	first, target := s.position(region[0]), region[len(region)-1]
	way.Followed = true
	for i, id := range region {
		var st state
		var known []comparison
		if i == 0 {
			st = s.post.At(p).share()
			known, _ = s.conditions(p)
		} else {
			met := false
			for _, q := range s.g.Predecessors(id) {
				at := s.position(q) - first
				if at < 0 || int(at) >= i || outs[at].st.bottom() {
					continue
				}
				o := &outs[at]
				s.join(&st, &o.st)
				if !met {
					known = o.known
				} else {
					known = slices.DeleteFunc(slices.Clone(known), func(c comparison) bool { return !slices.Contains(o.known, c) })
				}
				met = true
			}
		}
		if st.bottom() {
			continue
		}
		op := s.g.Op(id)
		for _, g := range guards {
			if s.g.Predecessors(g)[0] == id {
				r := op.Inst.Dst
				way.Guards = append(way.Guards, Guard{Point: s.point(id), Edge: s.edge(g), Reg: int8(r), Value: s.value(&st, register(r))})
			}
		}
		if id == target {
			way.Reaches, way.Proven = true, check >= 0
			s.runNode(&st, id, func(c int) { way.Proven = way.Proven && c != check })
			s.drop(&st)
			return
		}
		if op.Kind == cfg.Assume {
			c := comparisonOf(op)
			if contradicts(known, c) {
				s.drop(&st)
				continue
			}
			known = append(slices.Clip(known), c)
		}
		s.runNode(&st, id, nil)
		outs[i] = outcome{st, without(known, op.Def)}
	}
}
