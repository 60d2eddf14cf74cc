package verifier

import (
	"slices"

	"bpfls/isa"
	"bpfls/platform"
	"bpfls/verifier/cfg"
)

// A Hazard is a mistake that the verdict does not look at: the program is accepted,
// and what it does is wrong all the same.
type Hazard struct {
	Kind     HazardKind
	Resource platform.Resource
	Helper   *platform.Helper // that gave the resource
	// At, of a resource, is the call that took it where it is kept, else the instruction
	// that uses or gives back what was given back.
	At    Point
	Label string // PREVAIL's of At
	// Other is where the way begins on which the resource is kept, or the call that gave
	// it back; its Slot is -1 if there is no such instruction.
	Other Point
	// Of HazardBehindStack: the map, nil if it can be one of several; the number of the
	// argument, from 1; whether it is a key, not a value; the map's size of one, and how
	// many of its bytes are on the stack.
	Map         *platform.Map
	Argument    int
	Key         bool
	Size, Bytes int
}

// HazardKind is the kind of a hazard.
type HazardKind uint8

// The hazards.
const (
	HazardKept          HazardKind = iota // not given back on a way to the end
	HazardUsed                            // used after it was given back
	HazardReleasedTwice                   // given back a second time
	// HazardUncheckedBranch and HazardUncheckedLoop: the verdict takes the branch of a
	// comparison, or a loop and all that follows, for unreachable, and does not check
	// it, though executions go there. At is the comparison, or the head of the loop.
	HazardUncheckedBranch
	HazardUncheckedLoop
	// HazardBehindStack: the map of the call at At has keys or values that are larger than
	// what there is of the stack behind the pointer to one.
	HazardBehindStack
)

// Hazards returns the hazards of an accepted program that the graph shows: first what was
// not checked, then keys and values behind the stack, then what is wrong with resources, each in label order. A way that the program perhaps never takes, because two conditions exclude
// each other, is not held against it: what is not sure is left out.
func (r *Result) Hazards() []Hazard {
	a := r.analysis
	if a == nil || r.Verdict != Pass {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	found := append(a.run.unchecked(), a.run.behindStack()...)
	if f := newResources(a.run); len(f.calls) > 0 {
		f.solve()
		found = append(found, f.hazards()...)
	}
	return found
}

// What became of a resource on the ways to a point.
const (
	notTaken uint8 = 1 << iota // its call was not reached
	gotNull                    // the call gave null
	held
	released
)

// maxResources is how many calls are followed.
const maxResources = 32

// holding is the state of the resources behind a node: of each call that takes one, what
// may have become of it, and which locations hold it on every way on which the call
// gave one.
type holding struct {
	reached bool
	fate    [maxResources]uint8
	regs    [11]uint32 // bit per call
	saved   [8][4]uint32
	cells   map[int32]uint32         // by offset from the top of the program's own frame
	by      [maxResources]cfg.NodeID // the call that released it; NoNode: none or several
}

// resources follows what helpers give and take back through the graph of an accepted
// program.
type resources struct {
	run   *run
	g     *cfg.Graph
	calls []cfg.NodeID // that take a resource
	index map[cfg.NodeID]int
	after []holding // by node
	edge  []uint8   // of an Assume node: 1 may be taken, 2 is not; 0 not asked yet
	// lost are calls whose resource went where it cannot be followed.
	lost  uint32
	found []Hazard
	final bool // the states are final: note hazards
}

func newResources(r *run) *resources {
	f := &resources{run: r, g: r.g, index: map[cfg.NodeID]int{}}
	takes := false
	for i := range r.g.Contracts {
		p := r.g.Contracts[i].Prototype
		takes = takes || p != nil && p.Acquires != platform.NoResource
	}
	if !takes {
		return f
	}
	for id := range cfg.NodeID(len(r.g.Nodes)) {
		if h := f.helper(id); h != nil && h.Acquires != platform.NoResource && r.reached[id] && len(f.calls) < maxResources {
			f.index[id] = len(f.calls)
			f.calls = append(f.calls, id)
		}
	}
	return f
}

// helper returns the helper that a node calls, or nil.
func (f *resources) helper(id cfg.NodeID) *platform.Helper {
	op := f.g.Op(id)
	if op.Kind != cfg.Instruction || op.Inst.Kind != isa.Call || op.Contract < 0 {
		return nil
	}
	return f.g.Contracts[op.Contract].Prototype
}

// solve brings the states to a fixpoint.
func (f *resources) solve() {
	f.after = make([]holding, len(f.g.Nodes))
	f.edge = make([]uint8, len(f.g.Nodes))
	work := []cfg.NodeID{f.g.Entry()}
	queued := make([]bool, len(f.g.Nodes))
	for len(work) > 0 {
		id := work[len(work)-1]
		work = work[:len(work)-1]
		queued[id] = false
		st, ok := f.before(id)
		if ok && !f.step(id, &st) {
			ok = false // the way is not taken
		}
		if !ok || f.after[id].equal(&st) {
			continue
		}
		f.after[id] = st
		for _, s := range f.g.Successors(id) {
			if !queued[s] && f.run.reached[s] {
				queued[s] = true
				work = append(work, s)
			}
		}
	}
}

// before returns the join of the states behind the predecessors of a node.
func (f *resources) before(id cfg.NodeID) (st holding, ok bool) {
	if id == f.g.Entry() {
		st.reached = true
		for i := range st.fate {
			st.fate[i], st.by[i] = notTaken, cfg.NoNode
		}
		return st, true
	}
	for _, p := range f.g.Predecessors(id) {
		if f.after[p].reached {
			st.join(&f.after[p])
		}
	}
	return st, st.reached
}

// free has a bit for each call that gave no resource on any way to the state: of it
// all is true.
func (st *holding) free() (bits uint32) {
	for i, s := range st.fate {
		if s&(held|released) == 0 {
			bits |= 1 << i
		}
	}
	return bits
}

func (st *holding) join(o *holding) {
	if !st.reached {
		*st = *o
		st.cells = cloneCells(o.cells)
		return
	}
	a, b := st.free(), o.free()
	and := func(x, y uint32) uint32 { return (x | a) & (y | b) }
	for i := range st.regs {
		st.regs[i] = and(st.regs[i], o.regs[i])
	}
	for i := range st.saved {
		for j := range st.saved[i] {
			st.saved[i][j] = and(st.saved[i][j], o.saved[i][j])
		}
	}
	cells := make(map[int32]uint32)
	for k, v := range st.cells {
		cells[k] = and(v, o.cells[k])
	}
	for k, v := range o.cells {
		cells[k] = and(st.cells[k], v)
	}
	st.cells = cells
	for i := range st.fate {
		if st.by[i] != o.by[i] {
			switch {
			case st.fate[i]&released == 0:
				st.by[i] = o.by[i]
			case o.fate[i]&released != 0:
				st.by[i] = cfg.NoNode
			}
		}
		st.fate[i] |= o.fate[i]
	}
}

func cloneCells(m map[int32]uint32) map[int32]uint32 {
	c := make(map[int32]uint32, len(m))
	for k, v := range m {
		c[k] = v
	}
	return c
}

func (st *holding) equal(o *holding) bool {
	if st.reached != o.reached || st.fate != o.fate || st.regs != o.regs || st.saved != o.saved || st.by != o.by {
		return false
	}
	for k, v := range st.cells {
		if o.cells[k] != v {
			return false
		}
	}
	for k, v := range o.cells {
		if st.cells[k] != v {
			return false
		}
	}
	return true
}

// step runs a node. It is false where control does not get there.
func (f *resources) step(id cfg.NodeID, st *holding) bool {
	op := f.g.Op(id)
	in := &op.Inst
	switch op.Kind {
	case cfg.Assume:
		if f.never(id) {
			return false
		}
		// What is null is not held.
		if c := isa.Condition(in.Op); in.UseImm && in.Imm == 0 && in.Is64 && (c == isa.EQ || c == isa.LE) {
			for i := range f.calls {
				if st.regs[in.Dst]>>i&1 != 0 {
					if st.fate[i] &^= held | released; st.fate[i] == 0 {
						return false
					}
				}
			}
		}
		return true
	case cfg.Instruction:
	default:
		return true
	}
	switch in.Kind {
	case isa.Bin:
		switch o := isa.BinOp(in.Op); {
		case o == isa.Mov && !in.UseImm && in.Is64:
			st.regs[in.Dst] = st.regs[in.Src]
		case (o == isa.Add || o == isa.Sub) && in.UseImm && in.Is64: // still points into it
		default:
			st.regs[in.Dst] = 0
		}
	case isa.Un, isa.LoadMapFD, isa.LoadMapAddress, isa.LoadPseudo:
		st.regs[in.Dst] = 0
	case isa.Load:
		f.use(id, st, in.Src)
		held := uint32(0)
		if in.Src == isa.R10 && in.Width == 8 && !in.Signed {
			held = st.cells[f.cell(id, in.Off)]
		}
		st.regs[in.Dst] = held
	case isa.Store:
		f.use(id, st, in.Dst)
		value := uint32(0)
		if !in.UseImm && in.Width == 8 {
			value = st.regs[in.Src]
		}
		f.store(id, st, in, value)
	case isa.Atomic:
		f.use(id, st, in.Dst)
		f.store(id, st, in, 0)
		f.lost |= st.regs[in.Src]
		if in.Fetch {
			st.regs[in.Src] = 0
			if isa.AtomicOp(in.Op) == isa.AtomicCmpXchg {
				st.regs[0] = 0
			}
		}
	case isa.Call:
		f.call(id, st)
	case isa.CallBuiltin, isa.CallBTF, isa.CallX:
		for r := isa.Reg(1); r <= 5; r++ {
			f.lost |= st.regs[r]
		}
		f.afterCall(st)
		clear(st.cells)
	case isa.CallLocal:
		copy(st.saved[f.g.Depth(id)-1][:], st.regs[6:10])
	case isa.Exit:
		if d := f.g.Depth(id); d > 1 {
			copy(st.regs[6:10], st.saved[d-2][:])
			clear(st.regs[1:6])
			for k := range st.cells {
				if k < -int32((d-1)*f.run.frameSize) {
					delete(st.cells, k) // the frame is gone
				}
			}
		}
	case isa.Packet:
		f.afterCall(st)
	}
	return true
}

// never reports whether the verdict's run found that control does not take the edge.
func (f *resources) never(id cfg.NodeID) bool {
	if f.edge[id] == 0 {
		st := f.run.after(id)
		f.edge[id] = 1
		if st.bottom() {
			f.edge[id] = 2
		}
		f.run.drop(&st)
	}
	return f.edge[id] == 2
}

// cell is the place of a cell of the node's frame.
func (f *resources) cell(id cfg.NodeID, off int32) int32 {
	return off - int32((f.g.Depth(id)-1)*f.run.frameSize)
}

func (f *resources) afterCall(st *holding) { clear(st.regs[:6]) }

// mayBeStack reports whether a register may point to the stack.
func (f *resources) mayBeStack(id cfg.NodeID, r isa.Reg) bool {
	st := f.run.before(id)
	defer f.run.drop(&st)
	return st.bottom() || st.typeOf(r)&TypeStack != 0
}

// store notes that a value was stored, and forgets what it may have overwritten.
func (f *resources) store(id cfg.NodeID, st *holding, in *isa.Inst, value uint32) {
	if in.Dst != isa.R10 {
		if f.mayBeStack(id, in.Dst) {
			clear(st.cells)
		}
		f.lost |= value
		return
	}
	at := f.cell(id, in.Off)
	for k := range st.cells {
		if k < at+int32(in.Width) && at < k+8 {
			delete(st.cells, k)
		}
	}
	if value != 0 {
		if st.cells == nil {
			st.cells = make(map[int32]uint32)
		}
		st.cells[at] = value
	}
}

// call runs a call of a helper.
func (f *resources) call(id cfg.NodeID, st *holding) {
	op := f.g.Op(id)
	if op.Contract < 0 {
		f.afterCall(st)
		return
	}
	c := &f.g.Contracts[op.Contract]
	h := c.Prototype
	if h == nil {
		h = &platform.Helper{}
	}
	if h.Releases != platform.NoResource {
		given := uint32(0)
		for i, call := range f.calls {
			if f.helper(call).Acquires == h.Releases && st.regs[1]>>i&1 != 0 && st.fate[i]&(held|released) != 0 {
				given |= 1 << i
				if st.fate[i]&held == 0 {
					f.note(Hazard{Kind: HazardReleasedTwice, At: f.point(id), Label: f.g.Label(id), Other: f.point(st.by[i])}, i)
				} else {
					st.by[i] = id
				}
				st.fate[i] = st.fate[i]&^held | released
			}
		}
		if given == 0 { // one of those that are held, but which?
			for i := range f.calls {
				if st.fate[i]&held != 0 {
					f.lost |= 1 << i
				}
			}
		}
	} else {
		for r := isa.Reg(1); r <= 5; r++ {
			if op.Use>>r&1 != 0 {
				f.use(id, st, r)
			}
		}
	}
	for _, p := range c.Pairs {
		if p.Writable && f.mayBeStack(id, p.Mem) {
			clear(st.cells)
		}
	}
	for _, s := range c.Singles {
		if s.Kind == cfg.ArgWritableLong || s.Kind == cfg.ArgWritableInt || s.Kind == cfg.ArgStack {
			clear(st.cells)
		}
		if s.Kind == cfg.ArgBTFID && h.Releases == platform.NoResource {
			f.lost |= st.regs[s.Reg] // perhaps it is given away
		}
	}
	f.afterCall(st)
	if i, ok := f.index[id]; ok {
		bit := uint32(1) << i
		for r := range st.regs {
			st.regs[r] &^= bit
		}
		for d := range st.saved {
			for r := range st.saved[d] {
				st.saved[d][r] &^= bit
			}
		}
		for k := range st.cells {
			st.cells[k] &^= bit
		}
		st.fate[i], st.by[i] = held|gotNull, cfg.NoNode
		st.regs[0] = bit
	}
}

// use notes that memory is accessed, or handed to a helper, through a register.
func (f *resources) use(id cfg.NodeID, st *holding, r isa.Reg) {
	for i := range f.calls {
		if st.regs[r]>>i&1 != 0 && st.fate[i]&(held|released) == released {
			f.note(Hazard{Kind: HazardUsed, At: f.point(id), Label: f.g.Label(id), Other: f.point(st.by[i])}, i)
		}
	}
}

func (f *resources) note(h Hazard, i int) {
	if !f.final || f.lost>>i&1 != 0 {
		return
	}
	h.Helper = f.helper(f.calls[i])
	h.Resource = h.Helper.Acquires
	if !slices.ContainsFunc(f.found, func(o Hazard) bool { return o.Kind == h.Kind && o.At.Slot == h.At.Slot }) {
		f.found = append(f.found, h)
	}
}

func (f *resources) point(id cfg.NodeID) Point {
	if id == cfg.NoNode {
		return Point{Slot: -1}
	}
	return Point{Slot: f.g.Slot(id), CallPath: f.g.CallPath(id)}
}

// hazards reads the hazards off the final states.
func (f *resources) hazards() []Hazard {
	f.final = true
	for id := range cfg.NodeID(len(f.g.Nodes)) {
		if f.after[id].reached {
			st, _ := f.before(id)
			f.step(id, &st)
		}
	}
	ends := f.canReach(func(id cfg.NodeID) bool { return id == f.g.Final() }, cfg.NoNode)
	for i, call := range f.calls {
		if f.lost>>i&1 != 0 {
			continue
		}
		gives := f.canReach(func(id cfg.NodeID) bool {
			h := f.helper(id)
			if h == nil || h.Releases != f.helper(call).Acquires {
				return false
			}
			if !f.after[id].reached {
				// PREVAIL says so; it is not always right (a pointer or 0, compared with 0).
				return true
			}
			st, _ := f.before(id)
			return st.fate[i]&held != 0 && st.regs[1]>>i&1 != 0
		}, call)
		for id := range cfg.NodeID(len(f.g.Nodes)) {
			st := &f.after[id]
			if !st.reached || st.fate[i]&(held|released|notTaken) != held || !ends[id] ||
				slices.ContainsFunc(f.g.Successors(id), func(s cfg.NodeID) bool { return gives[s] }) {
				continue
			}
			h := Hazard{Kind: HazardKept, At: f.point(call), Label: f.g.Label(call), Other: Point{Slot: -1}}
			if id != call {
				h.Other = f.point(id)
			}
			f.note(h, i)
			break
		}
	}
	return f.found
}

// canReach returns the nodes from which one of the wanted ones can be reached, itself
// included, without running through stop.
func (f *resources) canReach(wanted func(cfg.NodeID) bool, stop cfg.NodeID) []bool {
	can := make([]bool, len(f.g.Nodes))
	var work []cfg.NodeID
	for id := range cfg.NodeID(len(f.g.Nodes)) {
		if wanted(id) {
			can[id] = true
			work = append(work, id)
		}
	}
	for len(work) > 0 {
		id := work[len(work)-1]
		work = work[:len(work)-1]
		for _, p := range f.g.Predecessors(id) {
			if !can[p] && p != stop {
				can[p] = true
				work = append(work, p)
			}
		}
	}
	return can
}
