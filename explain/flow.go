package explain

import (
	"slices"

	"bpfls/elfbpf"
	"bpfls/isa"
)

// flow tells where control comes from within a function.
type flow struct {
	at   []int32 // list[at[s]:at[s+1]] are the slots before slot s
	list []int32
}

// before returns the slots that control comes to a slot from.
func (f *flow) before(slot int) []int32 { return f.list[f.at[slot]:f.at[slot+1]] }

// flow returns the program's flow; calls of local functions fall through.
func (e *explainer) flow() *flow {
	if e.from != nil {
		return e.from
	}
	f := &flow{at: make([]int32, len(e.insts)+2)}
	e.eachEdge(func(_, to int) { f.at[to+2]++ })
	for i := 1; i < len(f.at); i++ {
		f.at[i] += f.at[i-1]
	}
	f.list = make([]int32, f.at[len(f.at)-1])
	e.eachEdge(func(from, to int) {
		f.list[f.at[to+1]] = int32(from)
		f.at[to+1]++
	})
	e.from = f
	return f
}

func (e *explainer) eachEdge(do func(from, to int)) {
	edge := func(from, to int) {
		if to >= 0 && to < len(e.insts) {
			do(from, to)
		}
	}
	for slot := range e.insts {
		in := &e.insts[slot]
		switch {
		case in.Slots == 0 || in.Kind == isa.Exit:
		case in.Kind == isa.Jump:
			edge(slot, int(in.Target))
			if in.Cond {
				edge(slot, slot+1)
			}
		default:
			edge(slot, slot+int(in.Slots))
		}
	}
}

// functionEntry reports whether a slot is the beginning of a function of the program.
func (e *explainer) functionEntry(slot int) bool {
	return slot == 0 || slices.ContainsFunc(e.Program.Subs, func(sub elfbpf.Subprogram) bool { return sub.Slot == slot })
}

// block says of a slot which straight piece of code it is in, one that nothing jumps into.
type block struct {
	head   int32  // the first slot
	before int32  // the slot before this one; of the head itself -1
	writes uint16 // effects from the head on, this slot's among them
}

// blocks returns the block of each slot.
func (e *explainer) blocks() []block {
	if e.straight != nil {
		return e.straight
	}
	from, effects := e.flow(), e.effects()
	e.straight = make([]block, len(e.insts))
	for s := range e.straight {
		b := block{int32(s), -1, effects[s]}
		if f := from.before(s); len(f) == 1 && int(f[0]) < s && s-int(f[0]) == int(e.insts[f[0]].Slots) && !e.functionEntry(s) {
			b = block{e.straight[f[0]].head, f[0], e.straight[f[0]].writes | effects[s]}
		}
		e.straight[s] = b
	}
	return e.straight
}

// storesFrame is the bit in effects of instructions that store through r10.
const storesFrame = 1 << 15

// effects returns, by slot, which registers an instruction sets or clobbers, one bit
// each, and storesFrame.
func (e *explainer) effects() []uint16 {
	if e.writes != nil {
		return e.writes
	}
	e.writes = make([]uint16, len(e.insts))
	for s := range e.insts {
		in := &e.insts[s]
		switch {
		case isCall(*in) || in.Kind == isa.CallLocal:
			e.writes[s] = 1<<6 - 1
		case in.Kind == isa.Packet:
			e.writes[s] = 1<<6 - 1
		case in.Kind == isa.Store || in.Kind == isa.Atomic:
			if in.Dst == isa.R10 {
				e.writes[s] = storesFrame
			}
			if in.Kind == isa.Atomic {
				e.writes[s] |= 1<<in.Src | 1
			}
		default:
			e.writes[s] = 1 << in.Dst
		}
	}
	return e.writes
}

// definitions returns the instructions that may have set a register, or 8 bytes of the
// stack at a negative offset, before a slot; ^slot stands for the beginning of the
// function at slot. It reports false where not all are known.
func (n *Namer) definitions(slot, what int) ([]int, bool) {
	key := place{slot, what}
	if d, ok := n.defined[key]; ok {
		return d, d != nil
	}
	defs, ok := n.define(slot, what)
	switch {
	case ok && defs == nil:
		defs = []int{}
	case !ok:
		defs = nil
	}
	if ok || n.budget > 0 {
		n.defined[key] = defs
	}
	return defs, ok
}

func (n *Namer) define(slot, what int) (defs []int, ok bool) {
	from, blocks, effects := n.e.flow(), n.e.blocks(), n.e.effects()
	bit := uint16(storesFrame)
	if what >= 0 {
		bit = 1 << what
	}
	seen := n.marks(len(blocks))
	n.work = append(n.work[:0], int32(slot))
work:
	for len(n.work) > 0 {
		at := n.work[len(n.work)-1]
		n.work = n.work[:len(n.work)-1]
		for b := &blocks[at]; b.before >= 0; b = &blocks[at] {
			if at = b.before; blocks[at].writes&bit == 0 {
				at = b.head
				break
			}
			if effects[at]&bit == 0 {
				continue
			}
			if set, clobbered := sets(n.e.insts[at], what); clobbered {
				return nil, false
			} else if set {
				if seen.add(int(at)) {
					defs = append(defs, int(at))
				}
				continue work
			}
		}
		if n.e.functionEntry(int(at)) && !slices.Contains(defs, ^int(at)) {
			defs = append(defs, ^int(at))
		}
		for _, f := range from.before(int(at)) {
			if !seen.add(int(f)) {
				continue
			}
			if n.budget--; n.budget <= 0 {
				return nil, false
			}
			if effects[f]&bit == 0 {
				n.work = append(n.work, f)
				continue
			}
			switch set, clobbered := sets(n.e.insts[f], what); {
			case clobbered:
				return nil, false
			case set:
				defs = append(defs, int(f))
			default:
				n.work = append(n.work, f)
			}
		}
	}
	return defs, true
}

// marks returns an empty set of n slots, which is valid until the next call.
func (n *Namer) marks(slots int) *marks {
	if len(n.scratch.at) < slots {
		n.scratch.at = make([]uint32, slots)
	}
	n.scratch.turn++
	return &n.scratch
}

// marks is a set of slots that is emptied in no time.
type marks struct {
	at   []uint32
	turn uint32
}

// add adds a slot; false where it was there.
func (m *marks) add(slot int) bool {
	if m.at[slot] == m.turn {
		return false
	}
	m.at[slot] = m.turn
	return true
}

// slotSet is a set of slots that is kept.
type slotSet struct {
	list []int32
	bits []uint64
}

func (s *slotSet) has(slot int) bool { return s.bits[slot>>6]&(1<<(slot&63)) != 0 }

func (s *slotSet) add(slot int) bool {
	if s.has(slot) {
		return false
	}
	s.bits[slot>>6] |= 1 << (slot & 63)
	s.list = append(s.list, int32(slot))
	return true
}

// behind returns the slots between two: those on a way from after d to u that does not
// pass d again, u among them. It reports false where they are too many.
func (n *Namer) behind(d, u int) (*slotSet, bool) {
	key := [2]int{d, u}
	if s, ok := n.between[key]; ok {
		return s, s != nil
	}
	from := n.e.flow()
	s := &slotSet{bits: make([]uint64, len(n.e.insts)/64+1)}
	s.add(u)
	for i := 0; i < len(s.list); i++ {
		for _, f := range from.before(int(s.list[i])) {
			if int(f) == d || !s.add(int(f)) {
				continue
			}
			if n.budget--; n.budget <= 0 {
				n.between[key] = nil
				return nil, false
			}
		}
	}
	n.between[key] = s
	return s, true
}
