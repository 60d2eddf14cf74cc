package repair

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"

	"bpfls/interp"
	"bpfls/isa"
)

// runner runs a program concretely.
type runner struct {
	s       *Subject
	program interp.Program
	globals map[int][]interp.Entry
	order   binary.ByteOrder

	numbers []uint64 // constants that the program compares or masks with
	sizes   []int    // sizes of packets that may matter to it
	places  []place  // what it was seen to load from packet and context
}

// place is what an instruction loads.
type place struct {
	context bool
	offset  int
	width   int
}

func newRunner(s *Subject) *runner {
	if s.Program == nil || s.Type == nil || s.Type.Context == nil || s.Object == nil {
		return nil
	}
	insts, err := isa.Decode(s.Program.Code)
	if err != nil {
		return nil
	}
	r := &runner{s: s, order: s.Object.ByteOrder, globals: map[int][]interp.Entry{}}
	r.program = interp.Program{Insts: insts, Platform: s.Platform, Type: s.Type}
	for _, m := range s.Object.Maps {
		r.program.Maps = append(r.program.Maps, m.Map)
		if data, ok := s.Object.Data(m.Section); m.Global {
			value := make([]byte, m.ValueSize)
			if ok {
				copy(value, data)
			}
			r.globals[m.FD] = []interp.Entry{{Key: make([]byte, m.KeySize), Value: value}}
		}
	}
	r.readConstants()
	return r
}

// readConstants collects what the program compares with and adds to pointers.
func (r *runner) readConstants() {
	numbers, sizes := map[uint64]bool{0: true, 1: true}, map[int]bool{0: true, 1: true, 14: true, 64: true}
	size := func(n int64) {
		for d := int64(-1); d <= 1; d++ {
			if n+d >= 0 && n+d <= 9000 {
				sizes[int(n+d)] = true
			}
		}
	}
	for _, in := range r.program.Insts {
		switch {
		case in.Kind == isa.Jump && in.Cond && in.UseImm:
			numbers[uint64(in.Imm)] = true
			size(int64(in.Imm))
		case in.Kind == isa.Bin && in.UseImm:
			numbers[uint64(in.Imm)] = true
			size(int64(in.Imm))
		case in.Kind == isa.Load:
			size(int64(in.Off) + int64(in.Width))
		}
	}
	for n := range numbers {
		r.numbers = append(r.numbers, n)
	}
	for n := range sizes {
		r.sizes = append(r.sizes, n)
	}
	slices.Sort(r.numbers)
	slices.Sort(r.sizes)
}

// execution is what became of a run.
type execution struct {
	in      interp.Input
	machine *interp.Machine
	result  uint64
	fault   *interp.Fault
	forever bool // the loop whose head is the target never ends
	done    bool
	news    bool // it did something that no run before did
	nearest int  // fewest steps of the control-flow graph left to the target
	trace   trace
}

// trace is what a run did with its input.
type trace struct {
	loads    []load
	compared [][2]uint64
	lookups  []lookup
	random   bool // a helper returned a number that is not known beforehand
}

type load struct {
	slot  int
	place place
}

// lookup is a lookup in a map.
type lookup struct {
	found bool
}

// explorer runs a program on many inputs, guided by what they reach.
type explorer struct {
	*runner
	random   *rand.Rand
	corpus   []interp.Input
	near     []int // by corpus
	seen     map[int]bool
	distance []int // by slot to the target; nil: no target
	target   int   // slot, -1 none
	opt      interp.Options
	steps    int64
	safe     []interp.Input // that ran to the end; what is varied too, where visitors add to it
}

// maxSteps bounds one run, allSteps all runs of an explorer.
const (
	maxSteps = 20_000
	allSteps = 6_000_000
)

func (r *runner) explore(target int) *explorer {
	e := &explorer{runner: r, random: rand.New(rand.NewPCG(1, 2)), seen: map[int]bool{}, target: target}
	e.opt.BigEndian = r.order == binary.ByteOrder(binary.BigEndian)
	if target >= 0 {
		e.distance = r.distances(target)
	}
	return e
}

// distances returns the number of edges from each slot to a target; large where it is
// not reached.
func (r *runner) distances(target int) []int {
	insts := r.program.Insts
	from := make([][]int, len(insts))
	edge := func(a, b int) {
		if b >= 0 && b < len(insts) {
			from[b] = append(from[b], a)
		}
	}
	for i, in := range insts {
		switch {
		case in.Slots == 0 || in.Kind == isa.Exit:
		case in.Kind == isa.Jump:
			edge(i, int(in.Target))
			if in.Cond {
				edge(i, i+int(in.Slots))
			}
		case in.Kind == isa.CallLocal:
			edge(i, int(in.Target))
			edge(i, i+int(in.Slots))
		default:
			edge(i, i+int(in.Slots))
		}
	}
	const far = 1 << 20
	d := make([]int, len(insts))
	for i := range d {
		d[i] = far
	}
	queue := []int{target}
	d[target] = 0
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, p := range from[at] {
			if d[p] == far {
				d[p] = d[at] + 1
				queue = append(queue, p)
			}
		}
	}
	return d
}

// run runs the program on one input.
func (e *explorer) run(ctx context.Context, in interp.Input) (*execution, error) {
	if in.Maps == nil {
		in.Maps = e.globals
	}
	m := interp.New(e.program, in, e.opt)
	x := &execution{in: in, machine: m, nearest: 1 << 20}
	var last [11]interp.Value
	quiet := false // only registers changed since the target
	for !m.Done() {
		if m.Steps >= maxSteps {
			break
		}
		if m.Steps&0x3ff == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		pc := m.PC
		if pc >= 0 && pc < len(e.program.Insts) {
			if e.distance != nil {
				x.nearest = min(x.nearest, e.distance[pc])
			}
			if pc == e.target {
				if quiet && last == m.Regs {
					x.forever = true
					break
				}
				last, quiet = m.Regs, true
			}
			e.watch(m, pc, x, &quiet)
		}
		err := m.Step()
		if err != nil {
			var f *interp.Fault
			if errors.As(err, &f) {
				x.fault = f
			}
			break
		}
		in := &e.program.Insts[pc]
		if in.Kind == isa.Jump && in.Cond {
			k := pc << 1
			if m.PC == int(in.Target) {
				k |= 1
			}
			if !e.seen[k] {
				e.seen[k], x.news = true, true
			}
		}
		if h := e.helper(in); h != nil {
			e.called(m, h, x)
		}
	}
	e.steps += m.Steps + 20
	if m.Done() {
		x.done, x.result = true, m.Regs[0].Bits
	}
	return x, nil
}

// watch notes what an instruction is about to load or compare.
func (e *explorer) watch(m *interp.Machine, pc int, x *execution, quiet *bool) {
	in := &e.program.Insts[pc]
	switch in.Kind {
	case isa.Jump:
		if in.Cond && len(x.trace.compared) < 64 {
			right := uint64(in.Imm)
			if !in.UseImm {
				right = m.Regs[in.Src].Bits
			}
			if m.Regs[in.Dst].Region == nil {
				x.trace.compared = append(x.trace.compared, [2]uint64{m.Regs[in.Dst].Bits, right})
			}
		}
	case isa.Load:
		v := m.Regs[in.Src]
		if v.Region == nil || len(x.trace.loads) >= 256 {
			return
		}
		if k := v.Region.Kind; k == interp.Packet || k == interp.Context {
			p := place{k == interp.Context, int(v.Offset()) + int(in.Off), int(in.Width)}
			x.trace.loads = append(x.trace.loads, load{pc, p})
		}
	case isa.Store, isa.Atomic, isa.Call, isa.CallBuiltin, isa.CallBTF, isa.CallX:
		*quiet = false
	}
}

// input makes an input: a new one, or a variation of one that got far.
func (e *explorer) input() interp.Input {
	r := e.random
	in := interp.Input{Seed: r.Uint64()}
	c := e.s.Type.Context
	if len(e.safe) > 0 && r.IntN(2) == 0 {
		base := e.safe[r.IntN(len(e.safe))]
		in.Context, in.Packet, in.Meta, in.Seed = slices.Clone(base.Context), slices.Clone(base.Packet), base.Meta, base.Seed
		if r.IntN(4) == 0 {
			in.Seed = r.Uint64()
		}
	} else if len(e.corpus) == 0 || r.IntN(8) == 0 {
		in.Context = make([]byte, c.Size)
		if r.IntN(3) == 0 {
			e.fill(in.Context)
		}
		if c.HasPacket() {
			in.Packet = make([]byte, e.size())
			if r.IntN(2) == 0 {
				e.fill(in.Packet)
			}
		}
	} else {
		base := e.pick()
		in.Context, in.Packet, in.Meta = slices.Clone(base.Context), slices.Clone(base.Packet), base.Meta
		if r.IntN(2) == 0 {
			in.Seed = base.Seed
		}
	}
	for range 1 + r.IntN(4) {
		e.mutate(&in)
	}
	return in
}

func (e *explorer) size() int {
	if e.random.IntN(4) == 0 {
		return e.random.IntN(256)
	}
	return e.sizes[e.random.IntN(len(e.sizes))]
}

func (e *explorer) fill(b []byte) {
	for i := range b {
		if e.random.IntN(2) == 0 {
			b[i] = byte(e.random.Uint32())
		}
	}
}

// pick chooses an input to vary, often the one that came nearest to the target.
func (e *explorer) pick() interp.Input {
	best := len(e.corpus) - 1
	if e.random.IntN(2) == 0 {
		return e.corpus[e.random.IntN(len(e.corpus))]
	}
	for i, n := range e.near {
		if n < e.near[best] {
			best = i
		}
	}
	return e.corpus[best]
}

// mutate changes an input in one place.
func (e *explorer) mutate(in *interp.Input) {
	r := e.random
	switch r.IntN(4) {
	case 0:
		if in.Packet == nil {
			return
		}
		n := e.size()
		if r.IntN(2) == 0 {
			n = max(0, len(in.Packet)+r.IntN(9)-4)
		}
		packet := make([]byte, n)
		copy(packet, in.Packet)
		in.Packet = packet
	case 1:
		b := in.Packet
		if len(b) == 0 || r.IntN(4) == 0 {
			b = in.Context
		}
		if len(b) > 0 {
			b[r.IntN(len(b))] = byte(r.Uint32())
		}
	default:
		if len(e.places) == 0 {
			return
		}
		p := e.places[r.IntN(len(e.places))]
		b := in.Packet
		if p.context {
			b = in.Context
		}
		if p.offset < 0 || p.offset+p.width > len(b) {
			return
		}
		v := e.numbers[r.IntN(len(e.numbers))] + uint64(int64(r.IntN(3)-1)*int64(r.IntN(2)))
		if r.IntN(8) == 0 {
			v = r.Uint64() >> r.IntN(64)
		}
		put(b[p.offset:p.offset+p.width], v, r.IntN(2) == 0)
	}
}

// put writes the low bytes of a number, the lowest first or last.
func put(b []byte, v uint64, big bool) {
	for i := range b {
		at := i
		if big {
			at = len(b) - 1 - i
		}
		b[at] = byte(v)
		v >>= 8
	}
}

// learn keeps an input that did something new, and what its run looked at.
func (e *explorer) learn(x *execution) {
	for _, l := range x.trace.loads {
		if !slices.Contains(e.places, l.place) && len(e.places) < 64 {
			e.places = append(e.places, l.place)
		}
	}
	nearer := len(e.near) == 0 || x.nearest < slices.Min(e.near)
	if !x.news && !nearer || len(e.corpus) >= 256 {
		return
	}
	for _, c := range x.trace.compared {
		for _, v := range c {
			if len(e.numbers) < 512 && !slices.Contains(e.numbers, v) {
				e.numbers = append(e.numbers, v)
			}
		}
	}
	e.corpus = append(e.corpus, x.in)
	e.near = append(e.near, x.nearest)
}

// each runs the program on inputs until visit returns false, the runs took too many
// steps, or there were too many.
func (e *explorer) each(ctx context.Context, runs int, visit func(*execution) bool) error {
	for range runs {
		if e.steps > allSteps {
			return nil
		}
		x, err := e.run(ctx, e.input())
		if err != nil {
			return err
		}
		e.learn(x)
		if !visit(x) {
			return nil
		}
	}
	return nil
}
