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

// reachable returns the slots of the program's own function that are reached from
// its beginning without passing one instruction.
func (e *explainer) reachable(without int) []bool {
	seen := make([]bool, len(e.insts))
	work := []int{0}
	for len(work) > 0 {
		slot := work[len(work)-1]
		work = work[:len(work)-1]
		if slot < 0 || slot >= len(e.insts) || seen[slot] || slot == without {
			continue
		}
		seen[slot] = true
		in := &e.insts[slot]
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
	if reg < 0 || reg > 9 {
		return 0, false
	}
	n := e.namer()
	n.budget = mostNameWork
	call = -1
	places := []place{{slot, reg}}
	for i := 0; i < len(places) && i < mostOrigins; i++ {
		at := places[i]
		defs, ok := n.definitions(at.slot, at.what)
		if !ok {
			return 0, false
		}
		for _, d := range defs {
			if d < 0 {
				return 0, false // an argument
			}
			what := at.what
			in := e.insts[d]
			switch {
			case isCall(in):
				if call >= 0 && call != d {
					return 0, false
				}
				call = d
				continue
			case in.Kind == isa.Store && !in.UseImm:
				what = int(in.Src)
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
			if next := (place{d, what}); !slices.Contains(places, next) {
				places = append(places, next)
			}
		}
	}
	return call, call >= 0 && len(places) <= mostOrigins
}

// mostOrigins bounds the places that the origin of a value is followed through.
const mostOrigins = 256

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
