package explain

import (
	"slices"

	"bpfls/isa"
)

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// predecessors returns, by slot, the slots that control comes from within a
// function: calls of local functions fall through.
func (e *explainer) predecessors() [][]int32 {
	if e.from != nil {
		return e.from
	}
	e.from = make([][]int32, len(e.insts))
	edge := func(from, to int) {
		if to >= 0 && to < len(e.from) {
			e.from[to] = append(e.from[to], int32(from))
		}
	}
	for slot, in := range e.insts {
		if in.Slots == 0 {
			continue
		}
		switch {
		case in.Kind == isa.Exit:
		case in.Kind == isa.Jump:
			edge(slot, int(in.Target))
			if in.Cond {
				edge(slot, slot+1)
			}
		default:
			edge(slot, slot+int(in.Slots))
		}
	}
	return e.from
}

// reachable returns the slots of the program's own function that are reached from
// its beginning without passing one instruction.
func (e *explainer) reachable(without int) map[int]bool {
	seen := map[int]bool{}
	work := []int{0}
	for len(work) > 0 {
		slot := work[len(work)-1]
		work = work[:len(work)-1]
		if slot < 0 || slot >= len(e.insts) || seen[slot] || slot == without {
			continue
		}
		seen[slot] = true
		in := e.insts[slot]
		switch {
		case in.Kind == isa.Exit || in.Slots == 0:
		case in.Kind == isa.Jump && !in.Cond:
			work = append(work, int(in.Target))
		case in.Kind == isa.Jump:
			work = append(work, int(in.Target), slot+1)
		default:
			work = append(work, slot+int(in.Slots))
		}
	}
	return seen
}

// origin returns the call whose result is in a register before an instruction, on
// every way that leads there. Copies between registers, offsets added to pointers
// and spills to the stack are followed.
func (e *explainer) origin(slot, reg int) (call int, ok bool) {
	// What is followed is a register, or 8 bytes of the stack at a negative offset.
	type place struct{ slot, what int }
	if reg < 0 || reg > 9 {
		return 0, false
	}
	from := e.predecessors()
	call = -1
	seen := map[place]bool{}
	work := []place{{slot, reg}}
	for len(work) > 0 && len(seen) < 100_000 {
		at := work[len(work)-1]
		work = work[:len(work)-1]
		if seen[at] {
			continue
		}
		seen[at] = true
		if len(from[at.slot]) == 0 {
			return 0, false // the function's beginning: an argument
		}
		for _, f := range from[at.slot] {
			what := at.what
			in := e.insts[f]
			switch {
			case isCall(in) || in.Kind == isa.CallLocal:
				if what == 0 && in.Kind != isa.CallLocal {
					if call >= 0 && call != int(f) {
						return 0, false
					}
					call = int(f)
					continue
				}
				if what >= 0 && what <= 5 {
					return 0, false
				}
			case in.Kind == isa.Store && what < 0:
				if in.Dst == isa.R10 && int(in.Off) == what {
					if in.UseImm || in.Width != 8 {
						return 0, false
					}
					what = int(in.Src)
				}
			case what < 0 || !writes(in, what):
			case in.Kind == isa.Bin && isa.BinOp(in.Op) == isa.Mov && in.Is64 && !in.UseImm:
				what = int(in.Src)
			case in.Kind == isa.Bin && (isa.BinOp(in.Op) == isa.Add || isa.BinOp(in.Op) == isa.Sub) && in.Is64:
				// The pointer with an offset has the same origin.
			case in.Kind == isa.Load && in.Src == isa.R10 && in.Width == 8 && in.Off < 0:
				what = int(in.Off)
			default:
				return 0, false
			}
			if what == 10 {
				return 0, false
			}
			work = append(work, place{int(f), what})
		}
	}
	return call, call >= 0
}

// writes reports whether an instruction that is no call changes a register.
func writes(in isa.Inst, reg int) bool {
	switch in.Kind {
	case isa.Bin, isa.Un, isa.LoadMapFD, isa.LoadMapAddress, isa.LoadPseudo, isa.Load:
		return int(in.Dst) == reg
	case isa.Packet:
		return reg <= 5
	case isa.Atomic:
		if isa.AtomicOp(in.Op) == isa.AtomicCmpXchg {
			return reg == 0
		}
		return in.Fetch && int(in.Src) == reg
	}
	return false
}
