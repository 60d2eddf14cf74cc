package cfg

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"bpfls/isa"
	"bpfls/platform"
	"bpfls/verifier/paged"
)

// Build makes the graph of a program, or says why it has none. The first
// reason counts, in PREVAIL's order: encoding, functions and instructions that
// the platform lacks, maps, jumps, calls, tail calls; within one, by slot.
//
// The input's code, maps and platform must not be changed while the graph is in
// use.
func Build(in Input, opt Options) (*Graph, *Rejection) {
	if opt.StackSize == 0 {
		opt.StackSize = 512
	}
	if opt.MaxFrames == 0 {
		opt.MaxFrames = 8
	}
	if opt.MaxNodes == 0 {
		opt.MaxNodes = DefaultMaxNodes
	}
	b := builder{g: &Graph{in: in, opt: opt}}
	if r := b.decode(); r != nil {
		return nil, r
	}
	for _, pass := range []func() *Rejection{b.support, b.lower, b.connect, b.inline, b.assemble, b.order, b.finish} {
		if b.work(stopEvery) {
			return nil, cancelled()
		}
		if r := pass(); r != nil {
			return nil, r
		}
	}
	b.g.opt.Stop = nil
	return b.g, nil
}

// decode decodes the program, or takes what was decoded before.
func (b *builder) decode() *Rejection {
	g := b.g
	n := len(g.in.Code)
	if g.in.Insts != nil {
		n = len(g.in.Insts)
	}
	g.Insts = paged.Make[isa.Inst](n, b.work)
	if b.stopped {
		return cancelled()
	}
	for i, in := range g.in.Insts {
		*g.Insts.At(int32(i)) = in
	}
	if g.in.Insts != nil {
		return nil
	}
	err := isa.DecodeTo(g.in.Code, func(slot int) *isa.Inst { return g.Insts.At(int32(slot)) }, g.opt.Stop)
	switch {
	case errors.Is(err, isa.ErrStopped):
		return cancelled()
	case err != nil:
		return encodingRejection(err)
	}
	return nil
}

// stopEvery is the number of nodes that are worked on between two looks at
// Options.Stop: a fraction of a millisecond, or a few where each page of memory is touched
// for the first time.
const stopEvery = 1 << 11

// work counts n more nodes that were worked on and reports whether to give up.
func (b *builder) work(n int) bool {
	if b.worked += n; b.worked < stopEvery || b.stopped {
		return b.stopped
	}
	b.worked = 0
	b.stopped = b.g.opt.Stop != nil && b.g.opt.Stop()
	return b.stopped
}

func cancelled() *Rejection { return &Rejection{Kind: Cancelled, Slot: -1} }

func encodingRejection(err error) *Rejection {
	r := &Rejection{Kind: Encoding, Text: err.Error(), Slot: -1}
	if d, ok := err.(*isa.DecodeError); ok {
		r.Slot = d.Slot
	}
	return r
}

// none marks the absence of a successor, toReturn the successor of an exit: the
// node behind the call, which depends on the frame.
const (
	none     int32 = -1
	toReturn int32 = -2
)

// edges are the successors of an op: at most two, ascending in a pristine body.
type edges [2]int32

type builder struct {
	g *Graph

	// The program's own nodes are its ops: entry, every instruction followed by
	// its assumptions, final.
	opAt   []int32 // by slot: the instruction's op, -1 for a second slot
	succ   []edges // by op; a call of a local function leads to what follows it
	final  int32   // op
	calls  []int32 // ops that call local functions, ascending
	kfunc  bool    // the program calls kernel functions
	pseudo bool    // the program has LoadPseudo instructions
	code   bool    // the program takes addresses of its instructions

	frames []frame
	nodes  int // in all frames

	worked  int // nodes since Options.Stop was asked
	stopped bool

	inlining inlining
}

// frame is an inlined copy of a body.
type frame struct {
	body   *body
	parent int32
	call   int32   // index of the call in the parent's body
	callee []int32 // frames by call of the body: parallel to body.calls; -1 not inlined
	depth  int32
}

// body is what is copied for a call: the ops that can be reached from a
// function's first instruction.
type body struct {
	ops   []int32 // ascending
	succ  []edges // indices of ops, or toReturn
	calls []int32 // indices of ops that call local functions, in the order in which PREVAIL inlines them
	entry int32   // index of the first instruction's op
}

func label(slot int32) string { return strconv.Itoa(int(slot)) }

// support checks that the platform has every instruction and function, and
// resolves the contracts of calls.
func (b *builder) support() *Rejection {
	g := b.g
	n := 2
	for i := range int32(g.Insts.Len()) {
		in := g.Insts.At(i)
		if in.Slots == 0 {
			continue
		}
		n++
		if in.Kind == isa.Jump && in.Cond {
			n += 2
		}
	}
	g.Ops = paged.Reserve[Op](n + 1) // one for counters
	b.opAt = make([]int32, g.Insts.Len())
	g.Ops.Append(Op{Kind: Entry, Slot: -1, To: -1, Contract: -1})
	for i := range int32(g.Insts.Len()) {
		in := g.Insts.At(i)
		if in.Slots == 0 {
			b.opAt[i] = none
			continue
		}
		if b.work(1) {
			return cancelled()
		}
		slot := i
		b.opAt[i] = int32(g.Ops.Len())
		op := g.Ops.Append(Op{Inst: *in, Kind: Instruction, Slot: slot, To: -1, Contract: -1})
		switch in.Kind {
		case isa.Jump:
			next := slot + int32(in.Slots)
			if in.Cond && in.Target != next {
				taken := Op{Inst: *in, Kind: Assume, Slot: slot, To: in.Target, Contract: -1}
				falls := Op{Inst: *in, Kind: Assume, Slot: slot, To: next, Contract: -1}
				falls.Inst.Op = uint8(isa.Condition(in.Op).Negate())
				if in.Target > next {
					taken, falls = falls, taken
				}
				g.Ops.Append(taken)
				g.Ops.Append(falls)
			}
		case isa.Call, isa.CallBuiltin:
			if r := b.resolve(op); r != nil {
				return r
			}
		case isa.CallBTF:
			b.kfunc = true
		case isa.LoadPseudo:
			b.pseudo = true
		case isa.CallLocal:
			b.calls = append(b.calls, b.opAt[i])
		case isa.CallX:
			if !g.opt.CallX {
				return unsupported(slot, "requires conformance group callx")
			}
		case isa.Packet:
			if !g.opt.PacketAccess {
				return unsupported(slot, "requires conformance group packet")
			}
		}
	}
	b.final = int32(g.Ops.Len())
	g.Ops.Append(Op{Kind: Final, Slot: -1, To: -1, Contract: -1})
	if g.opt.FallOffEnd {
		b.opAt = append(b.opAt, b.final)
	}
	return nil
}

func unsupported(slot int32, reason string) *Rejection {
	return &Rejection{Kind: Unsupported, Text: "rejected: " + reason + " (at " + label(slot) + ")", Slot: int(slot)}
}

// lower resolves kernel functions and loads that name maps by index.
func (b *builder) lower() *Rejection {
	g := b.g
	if b.kfunc {
		for i := range int32(g.Ops.Len()) {
			op := g.Ops.At(i)
			if op.Kind != Instruction || op.Inst.Kind != isa.CallBTF {
				continue
			}
			if r := b.resolve(op); r != nil {
				return r
			}
		}
	}
	if !b.pseudo {
		return nil
	}
	for i := range int32(g.Ops.Len()) {
		op := g.Ops.At(i)
		if op.Kind != Instruction || op.Inst.Kind != isa.LoadPseudo {
			continue
		}
		in := &op.Inst
		source := isa.Reg(in.Op)
		if source == isa.SrcCode {
			b.code = true
			continue
		}
		if source == isa.SrcVariable {
			imm := int64(uint64(uint32(in.Imm)) | uint64(uint32(in.NextImm))<<32)
			*in = isa.Inst{Kind: isa.Bin, Op: uint8(isa.Mov), Dst: in.Dst, UseImm: true, Is64: true, LDDW: true, Imm: imm, Slots: in.Slots}
			continue
		}
		if in.Imm < 0 || in.Imm >= int64(len(g.in.Maps)) {
			return &Rejection{
				Kind: Structure,
				Text: fmt.Sprintf("invalid map index %d (have %d maps)", in.Imm, len(g.in.Maps)),
				Slot: int(op.Slot),
			}
		}
		kind, offset := isa.LoadMapFD, int32(0)
		if source == isa.SrcMapIdxAddr {
			kind, offset = isa.LoadMapAddress, in.NextImm
		}
		*in = isa.Inst{Kind: kind, Dst: in.Dst, Imm: int64(g.in.Maps[in.Imm].FD), NextImm: offset, Slots: in.Slots}
	}
	return nil
}

// connect makes the edges of the program as if calls of local functions were
// plain instructions.
func (b *builder) connect() *Rejection {
	g := b.g
	b.succ = make([]edges, g.Ops.Len())
	if b.work(stopEvery) {
		return cancelled()
	}
	for i := range b.succ {
		if b.work(1) { // fresh memory is found here, page by page
			return cancelled()
		}
		b.succ[i] = edges{none, none}
	}
	b.succ[0][0] = 1
	for i := range int32(g.Ops.Len()) {
		if b.work(1) {
			return cancelled()
		}
		op := g.Ops.At(i)
		if op.Kind != Instruction {
			continue
		}
		in := &op.Inst
		next := op.Slot + int32(in.Slots)
		last := int(next) >= len(b.opAt)
		e := &b.succ[i]
		falls := in.Kind != isa.Exit && (in.Kind != isa.Jump || in.Cond)
		if last && falls {
			return &Rejection{Kind: Structure, Text: "fallthrough in last instruction", Slot: int(op.Slot)}
		}
		switch {
		case in.Kind == isa.Exit:
			e[0] = b.final
		case in.Kind != isa.Jump:
			e[0] = b.opAt[next]
		case !in.Cond:
			if e[0] = b.opAt[in.Target]; e[0] == none {
				// PREVAIL says it in the words of its standard library ("map::at:
				// key not found"), which differ between platforms.
				return &Rejection{Kind: Structure, Text: "jump to undefined label " + label(in.Target), Slot: int(op.Slot)}
			}
		case in.Target == next:
			e[0] = b.opAt[next]
		default:
			if b.opAt[in.Target] == none {
				return &Rejection{Kind: Structure, Text: "jump to undefined label " + label(in.Target), Slot: int(op.Slot)}
			}
			first := int32(i) + 1
			*e = edges{first, first + 1}
			b.succ[first][0] = b.opAt[g.Ops.At(first).To]
			b.succ[first+1][0] = b.opAt[g.Ops.At(first+1).To]
		}
	}
	return nil
}

// assemble numbers the nodes of all frames and connects them. The frames are in
// the order of their prefixes.
func (b *builder) assemble() *Rejection {
	g := b.g
	g.Frames = make([]Frame, len(b.frames))
	at := int32(0)
	for i := range b.frames {
		n := int32(len(b.frames[i].body.ops))
		g.Frames[i] = Frame{Parent: -1, Depth: b.frames[i].depth, Site: -1, Call: NoNode, Return: NoNode, First: at, End: at + n}
		at += n
	}
	g.Nodes = make([]Node, at, at+1)
	if b.work(stopEvery) {
		return cancelled()
	}
	g.succAt = make([]int32, at+1, at+2)
	g.succ = make([]NodeID, 0, at+at/4)
	if b.work(stopEvery) {
		return cancelled()
	}
	for i := range b.frames {
		f := &b.frames[i]
		frame := &g.Frames[i]
		frame.Entry = frame.First + f.body.entry
		if i > 0 {
			parent := &b.frames[f.parent]
			base := g.Frames[f.parent].First
			frame.Parent = f.parent
			frame.Call = base + f.call
			frame.Site = g.Ops.At(parent.body.ops[f.call]).Slot
			frame.Return = base + parent.body.succ[f.call][0]
		}
		call := 0 // next call of a body whose calls ascend
		for j, op := range f.body.ops {
			if b.work(1) {
				return cancelled()
			}
			id := frame.First + int32(j)
			g.Nodes[id] = Node{Op: op, Frame: int32(i)}
			if op == b.final && i == 0 {
				g.final = id
			}
			if g.Ops.At(op).Inst.Kind == isa.CallLocal && g.Ops.At(op).Kind == Instruction {
				k := call
				if k >= len(f.body.calls) || f.body.calls[k] != int32(j) {
					k = slices.Index(f.body.calls, int32(j))
				}
				call = k + 1
				if callee := f.callee[k]; callee >= 0 {
					g.succ = append(g.succ, g.Frames[callee].First+b.frames[callee].body.entry)
				}
				g.succAt[id+1] = int32(len(g.succ))
				continue
			}
			e := f.body.succ[j]
			x, y := b.target(frame, e[0]), b.target(frame, e[1])
			if x > y && y != NoNode {
				x, y = y, x
			}
			if x != NoNode {
				g.succ = append(g.succ, x)
			}
			if y != NoNode && y != x {
				g.succ = append(g.succ, y)
			}
			g.succAt[id+1] = int32(len(g.succ))
		}
	}
	return nil
}

func (b *builder) target(f *Frame, e int32) NodeID {
	switch e {
	case none:
		return NoNode
	case toReturn:
		return f.Return
	}
	return f.First + e
}

// order orders the nodes, checks tail calls and adds loop counters.
func (b *builder) order() *Rejection {
	g := b.g
	var r *Rejection
	if g.WTO, r = newWTO(g.succAt, g.succ, b.work); r != nil {
		return r
	}
	if b.work(stopEvery) {
		return cancelled()
	}
	if r := g.tailCalls(); r != nil {
		return r
	}
	if g.opt.Termination && len(g.WTO.Cycles) > 0 {
		if b.work(stopEvery) {
			return cancelled()
		}
		if r := g.addCounters(b.work); r != nil {
			return r
		}
		g.WTO, r = newWTO(g.succAt, g.succ, b.work)
		return r
	}
	return nil
}

// finish finds the targets of callbacks, the predecessors and the obligations.
func (b *builder) finish() *Rejection {
	for _, pass := range []func(){b.callbacks, b.connectBack, b.explicate} {
		if b.work(stopEvery) {
			return cancelled()
		}
		if pass(); b.stopped {
			return cancelled()
		}
	}
	return nil
}

// connectBack derives the predecessors.
func (b *builder) connectBack() {
	g := b.g
	n := len(g.Nodes)
	g.predAt = make([]int32, n+1)
	if b.work(stopEvery) {
		return
	}
	g.pred = make([]NodeID, len(g.succ))
	if b.work(stopEvery) {
		return
	}
	for _, to := range g.succ {
		g.predAt[to+1]++
	}
	for i := 0; i < n; i++ {
		g.predAt[i+1] += g.predAt[i]
	}
	// Fill from the front, moving the starts, then move them back.
	for from := 0; from < n && !b.work(1); from++ {
		for _, to := range g.succ[g.succAt[from]:g.succAt[from+1]] {
			g.pred[g.predAt[to]] = int32(from)
			g.predAt[to]++
		}
	}
	copy(g.predAt[1:], g.predAt[:n])
	g.predAt[0] = 0
}

// addCounters puts a counter behind every head of a cycle. work is told of the nodes, and
// ends it.
func (g *Graph) addCounters(work func(int) bool) *Rejection {
	n := int32(len(g.Nodes))
	heads := len(g.WTO.Cycles)
	if int(n)+heads > g.opt.MaxNodes {
		return tooManyNodes(g.opt.MaxNodes)
	}
	head := make([]bool, n)
	for i := range g.WTO.Cycles {
		head[g.WTO.Cycles[i].Head] = true
	}
	counter := int32(g.Ops.Len())
	g.Ops.Append(Op{Kind: Counter, Slot: -1, To: -1, Contract: -1})
	to := make([]NodeID, n+1) // new number of a node
	next := int32(0)
	for id := range n {
		if work(1) {
			return cancelled()
		}
		to[id] = next
		next++
		if head[id] {
			next++
		}
	}
	to[n] = next
	nodes := make([]Node, next)
	if work(stopEvery) {
		return cancelled()
	}
	succAt := make([]int32, next+1)
	if work(stopEvery) {
		return cancelled()
	}
	succ := make([]NodeID, 0, len(g.succ)+heads)
	for id := range n {
		if work(1) {
			return cancelled()
		}
		at := to[id]
		nodes[at] = g.Nodes[id]
		if head[id] {
			succ = append(succ, at+1)
			succAt[at+1] = int32(len(succ))
			at++
			nodes[at] = Node{Op: counter, Frame: g.Nodes[id].Frame}
		}
		for _, s := range g.Successors(id) {
			succ = append(succ, to[s])
		}
		succAt[at+1] = int32(len(succ))
	}
	g.Nodes, g.succAt, g.succ = nodes, succAt, succ
	g.final = to[g.final]
	for i := range g.Frames {
		f := &g.Frames[i]
		f.First, f.End, f.Entry = to[f.First], to[f.End], to[f.Entry]
		if i > 0 {
			f.Call, f.Return = to[f.Call], to[f.Return]
		}
	}
	return nil
}

func tooManyNodes(limit int) *Rejection {
	return &Rejection{
		Kind: Limit,
		Text: fmt.Sprintf("too large to verify: with every call of a local function inlined, the program has more than %d nodes", limit),
		Slot: -1,
	}
}

// callbacks finds the instructions that a callback may start at.
func (b *builder) callbacks() {
	if !b.code {
		return // no register can hold the address of one
	}
	g := b.g
	n := int32(g.Ops.Len())
	// exits[op]: an exit of the op's own function can be reached. A call gets
	// behind itself only where its callee exits.
	exits := make([]bool, n)
	predAt := make([]int32, n+1)
	for _, e := range b.succ {
		for _, to := range e {
			if to >= 0 {
				predAt[to+1]++
			}
		}
	}
	for i := int32(0); i < n; i++ {
		predAt[i+1] += predAt[i]
	}
	pred := make([]int32, predAt[n])
	fill := slices.Clone(predAt[:n])
	for from, e := range b.succ {
		for _, to := range e {
			if to >= 0 {
				pred[fill[to]] = int32(from)
				fill[to]++
			}
		}
	}
	callers := make(map[int32][]int32)
	for _, c := range b.calls {
		if t := b.opAt[g.Ops.At(c).Inst.Target]; t >= 0 {
			callers[t] = append(callers[t], c)
		}
	}
	work := []int32{b.final}
	exits[b.final] = true
	for len(work) > 0 {
		op := work[len(work)-1]
		work = work[:len(work)-1]
		reach := func(p int32) {
			if exits[p] {
				return
			}
			if in := &g.Ops.At(p).Inst; g.Ops.At(p).Kind == Instruction && in.Kind == isa.CallLocal {
				if !exits[b.opAt[in.Target]] || !exits[b.succ[p][0]] {
					return
				}
			}
			exits[p] = true
			work = append(work, p)
		}
		for _, p := range pred[predAt[op]:predAt[op+1]] {
			reach(p)
		}
		for _, c := range callers[op] {
			reach(c)
		}
	}
	g.callback = make([]uint8, len(b.opAt))
	for slot, op := range b.opAt {
		if op < 0 || g.Ops.At(op).Inst.Kind == isa.Exit {
			continue
		}
		g.callback[slot] = callbackTarget
		if exits[op] {
			g.callback[slot] |= callbackExits
		}
	}
}

// tailCallLimit is the number of tail calls that may follow one another.
const tailCallLimit = 33

// tailCalls rejects programs in which a path passes more tail calls than may
// follow one another. Those of a cycle count once each.
func (g *Graph) tailCalls() *Rejection {
	total := 0
	for _, id := range g.WTO.Order {
		if g.isTailCall(id) {
			total++
		}
	}
	if total <= tailCallLimit {
		return nil
	}
	n := len(g.Nodes)
	component := make([]NodeID, n) // the node that stands for its outermost cycle
	for i := range component {
		component[i] = NoNode
	}
	sites := make([]int32, n)
	first := make([]NodeID, n) // first tail call of a component
	for i := range first {
		first[i] = NoNode
	}
	for id := range int32(n) {
		if g.WTO.Position[id] < 0 {
			continue
		}
		c := g.WTO.Outermost(id)
		component[id] = c
		if g.isTailCall(id) {
			sites[c]++
			if first[c] == NoNode {
				first[c] = id
			}
		}
	}
	// Edges between components, each once, ascending.
	type edge struct{ from, to NodeID }
	var between []edge
	for id := range int32(n) {
		if component[id] == NoNode {
			continue
		}
		for _, s := range g.Successors(id) {
			if component[s] != component[id] {
				between = append(between, edge{component[id], component[s]})
			}
		}
	}
	slices.SortFunc(between, func(a, b edge) int {
		if a.from != b.from {
			return int(a.from) - int(b.from)
		}
		return int(a.to) - int(b.to)
	})
	between = slices.Compact(between)
	start := make([]int32, n+1)
	degree := make([]int32, n)
	for _, e := range between {
		start[e.from+1]++
		degree[e.to]++
	}
	for i := 0; i < n; i++ {
		start[i+1] += start[i]
	}
	const unset = math.MinInt32
	depth := make([]int32, n)
	where := make([]NodeID, n)
	var queue []NodeID
	for id := range int32(n) {
		depth[id], where[id] = unset, NoNode
		if component[id] == id && degree[id] == 0 {
			depth[id], where[id] = sites[id], first[id]
			queue = append(queue, id)
		}
	}
	// The order of the queue decides which of several chains is reported, so
	// it is complete before depths are looked at.
	for i := 0; i < len(queue); i++ {
		for _, e := range between[start[queue[i]]:start[queue[i]+1]] {
			if degree[e.to]--; degree[e.to] == 0 {
				queue = append(queue, e.to)
			}
		}
	}
	for _, c := range queue {
		if depth[c] > tailCallLimit {
			at := where[c]
			if at == NoNode {
				at = c
			}
			return &Rejection{
				Kind: TooDeep,
				Text: fmt.Sprintf("tail call chain depth exceeds %d (at %s)", tailCallLimit, g.Label(at)),
				Slot: g.Slot(at),
			}
		}
		for _, e := range between[start[c]:start[c+1]] {
			if d := depth[c] + sites[e.to]; d > depth[e.to] {
				depth[e.to] = d
				if where[e.to] = first[e.to]; where[e.to] == NoNode {
					where[e.to] = where[c]
				}
			}
		}
	}
	return nil
}

// isTailCall reports whether the node may be a tail call. What a callx calls is
// not known yet.
func (g *Graph) isTailCall(id NodeID) bool {
	op := g.Op(id)
	if op.Kind != Instruction {
		return false
	}
	switch op.Inst.Kind {
	case isa.CallX:
		return true
	case isa.Call:
		return g.Contracts[op.Contract].TailCall
	}
	return false
}

// resolve finds or makes the contract of a call.
func (b *builder) resolve(op *Op) *Rejection {
	g := b.g
	in := &op.Inst
	kind := HelperCall
	switch in.Kind {
	case isa.CallBuiltin:
		kind = BuiltinCall
	case isa.CallBTF:
		kind = KfuncCall
	}
	for i := range g.Contracts {
		c := &g.Contracts[i]
		if c.Kind == kind && int64(c.ID) == in.Imm && (kind != KfuncCall || int32(c.Module) == in.Off) {
			op.Contract = int32(i)
			return nil
		}
	}
	c, err := resolve(g.in.Platform, g.in.Type, kind, int32(in.Imm), int16(in.Off))
	if err != nil {
		r := &Rejection{Kind: Unsupported, Slot: int(op.Slot), Helper: err}
		at := " (at " + label(op.Slot) + ")"
		switch {
		case kind == KfuncCall:
			r.Text = "not implemented: " + err.Error() + at
		case isPlatformError(err):
			r.Text = err.Error()
		default:
			r.Text = "rejected: " + err.Error() + at
		}
		return r
	}
	op.Contract = int32(len(g.Contracts))
	g.Contracts = append(g.Contracts, *c)
	return nil
}

// helperUnavailable is how PREVAIL words the refusal of a helper. A platform
// that words it otherwise (HelperMessage) speaks instead of PREVAIL.
const helperUnavailable = "helper function is unavailable on this platform"

func isPlatformError(err error) bool {
	_, ok := err.(*platform.HelperError)
	return ok && !strings.HasPrefix(err.Error(), helperUnavailable)
}
