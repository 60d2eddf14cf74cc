package verifier

import (
	"bpfls/isa"
	"bpfls/platform"
	"bpfls/verifier/cfg"
	"bpfls/verifier/zone"
)

// unchecked returns where an accepted program goes on to what the verdict takes for
// unreachable, so that nothing there is checked: cases 1, 4 and 9 of docs/fidelity.md, as
// far as they can be told for sure.
func (r *run) unchecked() []Hazard {
	var found []Hazard
	for id := range cfg.NodeID(len(r.g.Nodes)) {
		h := Hazard{At: Point{Slot: r.g.Slot(id), CallPath: r.g.CallPath(id)}, Label: r.g.Label(id), Other: Point{Slot: -1}}
		switch {
		case r.cycleOf[id] >= 0 && r.loopIsLost(id):
			h.Kind = HazardUncheckedLoop
		case r.g.Kind(id) == cfg.Assume && r.reached[id] && r.branchIsLost(id):
			h.Kind = HazardUncheckedBranch
			if n := len(found); n > 0 && found[n-1].Kind == h.Kind && found[n-1].At.Slot == h.At.Slot {
				continue // the other branch of the same comparison
			}
		default:
			continue
		}
		found = append(found, h)
	}
	return found
}

// loopIsLost reports whether states lead to the head of a loop, and the head has none.
func (r *run) loopIsLost(head cfg.NodeID) bool {
	if r.reached[head] {
		return false
	}
	for _, p := range r.g.Predecessors(head) {
		if !r.g.WTO.Deeper(p, head) && !r.post.At(p).bottom() {
			return true
		}
	}
	return false
}

// branchIsLost reports whether a branch has no states because its comparison looked at a
// number where the location may be a pointer, which goes there, or at two pointers of which
// it knows nothing.
func (r *run) branchIsLost(id cfg.NodeID) bool {
	in := &r.g.Op(id).Inst
	st := r.before(id)
	defer r.drop(&st)
	if st.bottom() {
		return false
	}
	have := st.typeOf(in.Dst)
	lost := false
	if in.UseImm {
		lost = have&TypeNumber != 0 && have&typesPointer != 0 && have&TypeUninit == 0 && holdsOfPointers(in)
	} else {
		l, o := zone.RegSlot(in.Dst), zone.RegSlot(in.Src)
		lost = !st.t.same(l, o) && !st.t.is(o, TypeNumber)
	}
	if !lost {
		return false
	}
	r.advance(&st, id)
	return st.bottom()
}

// holdsOfPointers reports whether a comparison with a constant holds of every pointer that
// is not null.
func holdsOfPointers(in *isa.Inst) bool {
	if !in.Is64 {
		return false
	}
	switch isa.Condition(in.Op) {
	case isa.NE, isa.GT:
		return in.Imm == 0
	case isa.GE:
		return in.Imm == 0 || in.Imm == 1
	}
	return false
}

// behindStack returns the keys and values of maps that end behind the stack, though the
// pointer to them is right: case 5 of docs/fidelity.md.
func (r *run) behindStack() []Hazard {
	var found []Hazard
	for id := range cfg.NodeID(len(r.g.Nodes)) {
		if !r.reached[id] || r.g.Kind(id) != cfg.Instruction || r.g.Op(id).Inst.Kind != isa.Call {
			continue
		}
		for _, c := range r.g.Checks(id) {
			if c.Kind != cfg.ValidMapKeyValue || r.farBelow(id, &c) {
				continue
			}
			h := Hazard{
				Kind: HazardBehindStack, At: Point{Slot: r.g.Slot(id), CallPath: r.g.CallPath(id)}, Label: r.g.Label(id),
				Other: Point{Slot: -1}, Argument: int(c.Reg), Key: c.Key,
			}
			if h.Map, h.Size, h.Bytes = r.keyOrValue(id, &c); h.Bytes < h.Size {
				found = append(found, h)
			}
		}
	}
	return found
}

// farBelow reports whether a key or value that the straight line before its call makes, as in
// r2 = r10, r2 += -16, r1 = map, is a part of the frame. It saves making the state again.
func (r *run) farBelow(id cfg.NodeID, c *cfg.Check) bool {
	off, at, size := int64(0), false, int64(-1)
	for range 16 {
		before := r.g.Predecessors(id)
		if len(before) != 1 || r.g.Kind(before[0]) != cfg.Instruction {
			return false
		}
		id = before[0]
		in := &r.g.Op(id).Inst
		switch {
		case in.Kind >= isa.Call && in.Kind <= isa.CallBTF:
			return false
		case in.Kind == isa.LoadMapFD && in.Dst == c.Other && size < 0:
			for i := range r.in.Maps {
				if m := &r.in.Maps[i]; m.FD == int(in.Imm) && c.Key {
					size = int64(m.KeySize)
				} else if m.FD == int(in.Imm) {
					size = int64(m.ValueSize)
				}
			}
		case in.Kind != isa.Bin || in.Dst != c.Reg || at:
		case in.Op == uint8(isa.Add) && in.UseImm:
			off += int64(in.Imm)
		case in.Op == uint8(isa.Mov) && !in.UseImm && in.Src == isa.R10:
			at = true
		default:
			return false
		}
		if at && size >= 0 {
			return off+size <= 0
		}
	}
	return false
}

// keyOrValue returns the map and the size of a key or value that is at a known place of the
// stack, and how many bytes of it are on the stack; twice 0 if that cannot be told for sure.
func (r *run) keyOrValue(id cfg.NodeID, c *cfg.Check) (m *platform.Map, size, bytes int) {
	st := r.before(id)
	defer r.drop(&st)
	if st.bottom() || st.typeOf(c.Reg) != TypeStack {
		return nil, 0, 0
	}
	of := valueSize
	if c.Key {
		of = keySize
	}
	n, ok := r.mapRange(&st, c.Other, of).Singleton()
	off, exact := st.interval(reg(c.Reg, zone.KindStackOffset)).Singleton()
	if !ok || !exact {
		return nil, 0, 0
	}
	if fd, ok := st.interval(reg(c.Other, zone.KindMapFD)).Singleton(); ok {
		for i := range r.in.Maps {
			if int64(r.in.Maps[i].FD) == fd.Int64() {
				m = &r.in.Maps[i]
			}
		}
	}
	size = int(n.Int64())
	return m, size, min(size, r.stackSize-int(off.Int64()))
}
