package verifier

import (
	"maps"
	"slices"
	"strings"

	"bpfls/isa"
	"bpfls/verifier/cfg"
	"bpfls/verifier/zone"
)

// Relevance is what of a state matters at a node of a FailureSlice.
type Relevance struct {
	Registers uint16 // bit i is register i
	Stack     []int  // offsets from r10, ascending

	stackSize int
}

// Add adds what o has.
func (r *Relevance) Add(o *Relevance) {
	r.Registers |= o.Registers
	for _, off := range o.Stack {
		r.addStack(off)
	}
}

func (r *Relevance) addStack(off int) {
	if i, ok := slices.BinarySearch(r.Stack, off); !ok {
		r.Stack = slices.Insert(slices.Clip(r.Stack), i, off)
	}
}

func (r *Relevance) dropStack(off int) {
	if i, ok := slices.BinarySearch(r.Stack, off); ok {
		r.Stack = slices.Delete(slices.Clone(r.Stack), i, i+1)
	}
}

// size counts the registers and stack offsets.
func (r *Relevance) size() int {
	n := len(r.Stack)
	for m := r.Registers; m != 0; m &= m - 1 {
		n++
	}
	return n
}

// Concerns reports whether a constraint, in PREVAIL's notation, is about a relevant
// register or stack byte. The packet's size, and what is about neither registers nor
// the stack, concern everyone.
func (r *Relevance) Concerns(constraint string) bool {
	about := false
	for i := 0; i < len(constraint); i++ {
		if constraint[i] == 'r' {
			n, rest, ok := number(constraint[i+1:])
			if !ok || !strings.HasPrefix(rest, ".") {
				continue
			}
			about = true
			if n < 16 && r.Registers&(1<<n) != 0 {
				return true
			}
		}
		if after, ok := strings.CutPrefix(constraint[i:], "s["); ok {
			lo, rest, ok := number(after)
			if !ok {
				continue
			}
			hi := lo
			if more, ok := strings.CutPrefix(rest, "..."); ok {
				if hi, _, ok = number(more); !ok {
					continue
				}
			} else if !strings.HasPrefix(rest, "].") {
				continue
			}
			about = true
			for _, off := range r.Stack {
				if at := r.stackSize + off; lo <= at && at <= hi {
					return true
				}
			}
		}
	}
	return !about || strings.HasPrefix(constraint, "packet_size") || strings.HasPrefix(constraint, "meta_offset")
}

// number reads the decimal digits that s begins with.
func number(s string) (n int, rest string, ok bool) {
	i := 0
	for ; i < len(s) && i < 9 && '0' <= s[i] && s[i] <= '9'; i++ {
		n = 10*n + int(s[i]-'0')
	}
	return n, s[i:], i > 0
}

// FailureSlice is the first failure of a program as PREVAIL slices it
// (docs/failure-slicing.md there): the nodes of Graph that take part in it, and what
// of their states matters. It is kept for listings in PREVAIL's form; Slice tells more.
type FailureSlice struct {
	Failure Failure
	Node    cfg.NodeID
	// Relevant is what matters before each node of the slice.
	Relevant map[cfg.NodeID]*Relevance
}

// Nodes returns the nodes of the slice, ascending.
func (s *FailureSlice) Nodes() []cfg.NodeID { return slices.Sorted(maps.Keys(s.Relevant)) }

// failureSliceSteps is how many pairs of a node and what matters behind it PREVAIL
// looks at.
const failureSliceSteps = 200

// FailureSlice returns the slice of the first failure; nil where nothing failed.
func (r *Result) FailureSlice() *FailureSlice {
	a := r.analysis
	if a == nil || a.run == nil || len(r.Failures) == 0 {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	run := a.run
	for id := range cfg.NodeID(len(run.g.Nodes)) {
		if run.fail[id] != nil && run.reached[id] {
			return &FailureSlice{r.Failures[0], id, run.failureSlice(id)}
		}
	}
	return nil
}

// effects are what PREVAIL's slicing takes a node to read, write and lose. They are
// not Op.Use and Op.Def: PREVAIL's analysis and its slicing differ there.
type effects struct {
	read, written, lost     uint16
	stackRead, stackWritten []int // offsets from r10
	known                   bool  // false: of a node that was never run
}

func (r *run) effects(id cfg.NodeID) effects {
	e := effects{known: r.g.WTO.Position[id] >= 0}
	op := r.g.Op(id)
	if op.Kind != cfg.Instruction && op.Kind != cfg.Assume || !e.known {
		return e
	}
	in := &op.Inst
	dst, src := uint16(1)<<in.Dst, uint16(1)<<in.Src
	if in.UseImm {
		src = 0
	}
	const arguments = 0b11_1110
	switch in.Kind {
	case isa.Bin:
		e.written, e.read = dst, src
		if b := isa.BinOp(in.Op); b != isa.Mov && b < isa.MovSX8 {
			e.read |= dst
		}
	case isa.Un:
		e.written, e.read = dst, dst
	case isa.LoadMapFD, isa.LoadMapAddress:
		e.written = dst
	case isa.Load:
		e.read, e.written = 1<<in.Src, dst
		if off, ok := r.stackOffset(id, in.Src, in.Off); ok {
			e.stackRead = []int{off}
		}
	case isa.Store:
		e.read = dst | src
		if off, ok := r.stackOffset(id, in.Dst, in.Off); ok {
			e.stackWritten = []int{off}
		}
	case isa.Atomic:
		e.read = dst | 1<<in.Src
		if in.Fetch {
			e.written = 1 << in.Src
		}
		if off, ok := r.stackOffset(id, in.Dst, in.Off); ok {
			e.stackRead, e.stackWritten = []int{off}, []int{off}
		}
	case isa.Call, isa.CallBuiltin, isa.CallBTF:
		e.read, e.written, e.lost = arguments, 1, arguments
	case isa.CallX:
		e.read, e.written, e.lost = arguments|dst, 1, arguments
	case isa.CallLocal:
		e.read, e.written, e.lost = arguments|1<<isa.R10, 1|1<<isa.R10, arguments
	case isa.Exit:
		e.read = 1
		if r.g.Depth(id) > 1 {
			e.written = 0b111_1100_0000
		}
	case isa.Jump:
		if in.Cond {
			e.read = dst | src
		}
	case isa.Packet:
		if in.HasReg {
			e.read = 1 << in.Src
		}
		e.written, e.lost = 1, arguments
	}
	return e
}

// stackOffset returns where on the stack an access is, from r10 of the program's own
// frame; false where it is elsewhere or not known exactly. What goes through r10
// counts from that of its own frame.
func (r *run) stackOffset(id cfg.NodeID, base isa.Reg, off int32) (int, bool) {
	if base == isa.R10 {
		return int(off), true
	}
	st := r.before(id)
	defer r.drop(&st)
	if st.bottom() || st.typeOf(base) != TypeStack {
		return 0, false
	}
	n, ok := st.interval(reg(base, zone.KindStackOffset)).Singleton()
	if !ok || !n.FitsInt64() {
		return 0, false
	}
	return int(off) + int(n.Int64()) - r.stackSize, true
}

// failureSlice walks backward from a node that failed.
func (r *run) failureSlice(target cfg.NodeID) map[cfg.NodeID]*Relevance {
	seed := Relevance{stackSize: r.stackSize, Registers: r.failingRegisters(target)}
	everything := seed.Registers == 0 // a loop counter: all that leads there
	guards := r.g.Predecessors(target)
	type item struct {
		node  cfg.NodeID
		after Relevance
	}
	slice := map[cfg.NodeID]*Relevance{}
	visited := map[cfg.NodeID]*Relevance{}
	empty := map[cfg.NodeID]bool{} // visited with nothing relevant
	merge := func(m map[cfg.NodeID]*Relevance, id cfg.NodeID, x *Relevance) *Relevance {
		if m[id] == nil {
			m[id] = &Relevance{stackSize: r.stackSize}
		}
		m[id].Add(x)
		return m[id]
	}
	work := []item{{target, seed}}
	for steps := 0; len(work) > 0 && steps < failureSliceSteps; {
		it := work[len(work)-1]
		work = work[:len(work)-1]
		if it.after.size() == 0 && !everything && it.node != target {
			continue
		}
		old := 0
		if v := visited[it.node]; v != nil {
			old = v.size()
		}
		if v := merge(visited, it.node, &it.after); v.size() == old {
			if old > 0 || empty[it.node] {
				continue
			}
			empty[it.node] = true
		}
		before := it.after
		e := r.effects(it.node)
		if e.known {
			before.Registers &^= e.written | e.lost
			takesPart := everything || it.node == target || e.written&it.after.Registers != 0
			for _, off := range e.stackWritten {
				takesPart = takesPart || slices.Contains(it.after.Stack, off)
			}
			op := r.g.Op(it.node)
			if op.Kind == cfg.Assume || op.Kind == cfg.Instruction && op.Inst.Kind == isa.Jump {
				takesPart = takesPart || e.read&it.after.Registers != 0
			}
			if op.Kind == cfg.Assume && slices.Contains(guards, it.node) {
				takesPart = true
			}
			if takesPart {
				before.Registers |= e.read
				for _, off := range e.stackRead {
					before.addStack(off)
				}
			}
			for _, off := range e.stackWritten {
				if !slices.Contains(e.stackRead, off) {
					before.dropStack(off)
				}
			}
			if takesPart {
				merge(slice, it.node, &before)
			}
		} else {
			merge(slice, it.node, &before)
		}
		for _, p := range r.g.Predecessors(it.node) {
			work = append(work, item{p, before})
		}
		steps++
	}
	// Where ways meet, one of which is in the slice, all of them are shown.
	more := map[cfg.NodeID]*Relevance{}
	for _, id := range slices.Sorted(maps.Keys(visited)) {
		preds := r.g.Predecessors(id)
		if len(preds) < 2 || !slices.ContainsFunc(preds, func(p cfg.NodeID) bool { return slice[p] != nil }) {
			continue
		}
		if slice[id] == nil && more[id] == nil {
			more[id] = visited[id]
		}
		for _, p := range preds {
			if slice[p] != nil || more[p] != nil {
				continue
			}
			more[p] = visited[id]
			if visited[p] != nil {
				more[p] = visited[p]
			}
		}
	}
	maps.Copy(slice, more)
	return slice
}

// failingRegisters returns the registers of the first check of a node that the state
// before it does not prove, or of all its checks where it proves them.
func (r *run) failingRegisters(id cfg.NodeID) uint16 {
	st := r.before(id)
	defer r.drop(&st)
	all := uint16(0)
	checks := r.g.Checks(id)
	for i := range checks {
		all |= CheckRegisters(&checks[i])
		if st.bottom() {
			continue
		}
		if _, ok := r.check(&st, &checks[i], id); !ok {
			return CheckRegisters(&checks[i])
		}
	}
	return all
}

// CheckRegisters returns the registers that a check of a node of Graph is about: bit i
// is register i.
func CheckRegisters(c *cfg.Check) (m uint16) {
	for _, x := range [2]isa.Reg{c.Reg, c.Other} {
		if x != cfg.NoReg {
			m |= 1 << x
		}
	}
	return m
}
