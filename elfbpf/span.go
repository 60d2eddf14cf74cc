package elfbpf

import "bpfls/isa"

// spans finds how far the code of a program extends in its section: at least to
// the next function, and as far as its jumps and calls lead.
type spans struct {
	code []isa.Slot
	far  []int32 // per slot: the last slot that is reachable from it; nil until needed
	// leave reports whether the range that end was last asked about may have jumps or
	// calls that lead out of it.
	leave bool
}

// next lists the slots that control can go to after the one at i; calls go to
// their function too. Targets outside of the section are left out.
func (s *spans) next(i int, into *[3]int32) []int32 {
	in := s.code[i]
	list := into[:0]
	add := func(to int64) {
		if to >= 0 && to < int64(len(s.code)) {
			list = append(list, int32(to))
		}
	}
	after := int64(i) + 1
	if in.Op == isa.OpLDDW {
		add(after)
		after++
	}
	if class := in.Op & 7; class == 5 || class == 6 {
		target := int64(i) + 1 + int64(in.Off)
		switch in.Op >> 4 {
		case 9: // exit
			return list
		case 8: // call
			if in.Op == isa.OpCall && in.Src == isa.SrcLocal {
				callee := int64(i) + 1 + int64(in.Imm)
				s.leave = s.leave || callee < 0 || callee >= int64(len(s.code))
				add(callee)
			}
		case 0: // jump; the 32-bit form counts as one to the next instruction
			add(target)
			return list
		default:
			add(target)
		}
	}
	add(after)
	return list
}

// end returns where the code that starts at first and nominally ends at end ends.
func (s *spans) end(first, end int) int {
	end = min(end, len(s.code))
	s.leave = false
	if s.far == nil {
		if s.inside(first, end) {
			return end
		}
		s.reach()
	}
	s.leave = true
	return max(end, int(s.far[first])+1)
}

// inside reports whether no instruction of the range leads out of it, reachable
// or not: so it is for nearly every function.
func (s *spans) inside(first, end int) bool {
	var buf [3]int32
	for i := first; i < end; i++ {
		// Within the range only jumps lead elsewhere than to the next slots.
		if class := s.code[i].Op & 7; class != 5 && class != 6 && i+2 < end {
			continue
		}
		for _, to := range s.next(i, &buf) {
			if int(to) < first || int(to) >= end {
				return false
			}
		}
	}
	return true
}

// reach computes far for the whole section: Tarjan's algorithm over strongly
// connected components, whose members reach the same slots.
func (s *spans) reach() {
	n := len(s.code)
	s.far = make([]int32, n)
	index := make([]int32, n) // 0: not visited
	low := make([]int32, n)
	onStack := make([]bool, n)
	type frame struct {
		at   int32
		edge int8
		n    int8
		to   [3]int32
	}
	var frames []frame
	var stack []int32
	counter := int32(0)
	push := func(i int32) {
		counter++
		index[i], low[i] = counter, counter
		s.far[i] = i
		onStack[i] = true
		stack = append(stack, i)
		f := frame{at: i}
		f.n = int8(len(s.next(int(i), &f.to)))
		frames = append(frames, f)
	}
	for root := range n {
		if index[root] != 0 {
			continue
		}
		push(int32(root))
		for len(frames) > 0 {
			f := &frames[len(frames)-1]
			if f.edge < f.n {
				to := f.to[f.edge]
				f.edge++
				switch {
				case index[to] == 0:
					push(to)
				case onStack[to]:
					low[f.at] = min(low[f.at], index[to])
				default:
					s.far[f.at] = max(s.far[f.at], s.far[to])
				}
				continue
			}
			at := f.at
			frames = frames[:len(frames)-1]
			if low[at] == index[at] {
				// at is the root of a component: all its members reach what any reaches.
				from := len(stack) - 1
				for stack[from] != at {
					from--
				}
				far := int32(0)
				for _, m := range stack[from:] {
					far = max(far, s.far[m])
				}
				for _, m := range stack[from:] {
					s.far[m] = far
					onStack[m] = false
				}
				stack = stack[:from]
			}
			if len(frames) > 0 {
				parent := frames[len(frames)-1].at
				low[parent] = min(low[parent], low[at])
				s.far[parent] = max(s.far[parent], s.far[at])
			}
		}
	}
}
