package cfg

import (
	"cmp"
	"container/heap"
	"math"
	"slices"
	"strconv"
	"strings"

	"bpfls/isa"
)

// Calls of local functions are inlined: each call gets a copy of the ops that
// can be reached from its target, up to the exits. PREVAIL does so call by call,
// in the order of the program's instructions, and each time copies what the
// graph looks like then. That matters where a function that is called holds
// calls that were inlined before (they stand before the call in the code): then
// the copies made for them are copied in their turn, flattened into the new
// frame. Such programs are rejected where two copies meet in one frame, and have
// strange unreachable nodes where not.
//
// So there are two ways here. In the usual one, no callee holds a call that
// stands before the call of it: every copy is of the same pristine body, nothing
// but the depth can be wrong, and frames are made in their final order, for
// calls in reachable code only. The other one follows PREVAIL step by step.

type inlining struct {
	functions []function
	ofTarget  map[int32]int32 // by op of the first instruction: index in functions
	mark      []int32         // by op: epoch of the last search that reached it
	index     []int32         // by op: its index in the body being made
	epoch     int32
	stack     []int32
}

// function is what is called at some slot.
type function struct {
	body *body
	// firstSite is the slot of the first call in it or in what it calls;
	// MaxInt32 if there is none.
	firstSite int32
	depth     int32 // frames that a call of it takes
	recursive bool
	state     uint8 // of the search over calls
}

func (b *builder) inline() *Rejection {
	g := b.g
	n := g.Ops.Len()
	if n > g.opt.MaxNodes {
		return tooManyNodes(g.opt.MaxNodes)
	}
	b.nodes = n
	top := &body{ops: make([]int32, n), succ: b.succ, calls: b.calls}
	for i := range top.ops {
		top.ops[i] = int32(i)
	}
	b.frames = append(b.frames, frame{body: top, parent: -1, depth: 1})
	if len(b.calls) == 0 {
		return nil
	}
	b.frames[0].callee = noFrames(len(b.calls))
	il := &b.inlining
	il.mark = make([]int32, n)
	if b.work(stopEvery) {
		return cancelled()
	}
	il.index = make([]int32, n)
	if b.work(stopEvery) {
		return cancelled()
	}
	il.ofTarget = make(map[int32]int32)

	usual := true
	for _, c := range b.calls {
		if b.work(1) {
			return cancelled()
		}
		t := b.opAt[g.Ops.At(c).Inst.Target]
		if t == none {
			usual = false // an error, to be reported in its turn
			continue
		}
		f := b.function(t)
		if f.recursive || f.firstSite <= g.Ops.At(c).Slot {
			usual = false
		}
	}
	if !usual {
		return b.inlineInOrder()
	}
	for _, c := range b.calls {
		if int(b.function(b.opAt[g.Ops.At(c).Inst.Target]).depth)+1 > g.opt.MaxFrames {
			return tooManyFrames(int(g.Ops.At(c).Slot))
		}
	}
	return b.inlineUsual()
}

func tooManyFrames(slot int) *Rejection {
	return &Rejection{Kind: TooDeep, Text: "too many call stack frames", Slot: slot}
}

func noFrames(n int) []int32 {
	if n == 0 {
		return nil
	}
	s := make([]int32, n)
	for i := range s {
		s[i] = none
	}
	return s
}

// function returns what is known of the function that starts at op.
func (b *builder) function(target int32) *function {
	il := &b.inlining
	if i, ok := il.ofTarget[target]; ok && il.functions[i].state == 2 {
		return &il.functions[i]
	}
	// Search over calls without recursion: a stack of functions and how many of
	// their calls were followed.
	type visit struct{ fn, next int32 }
	enter := func(op int32) int32 {
		i := int32(len(il.functions))
		il.ofTarget[op] = i
		il.functions = append(il.functions, function{body: b.pristine(op), firstSite: math.MaxInt32, depth: 1, state: 1})
		return i
	}
	stack := []visit{{enter(target), 0}}
	for len(stack) > 0 {
		v := &stack[len(stack)-1]
		f := &il.functions[v.fn]
		if int(v.next) == len(f.body.calls) {
			f.state = 2
			done := *f
			stack = stack[:len(stack)-1]
			if len(stack) > 0 {
				il.functions[stack[len(stack)-1].fn].include(&done)
			}
			continue
		}
		op := b.g.Ops.At(f.body.ops[f.body.calls[v.next]])
		v.next++
		f.firstSite = min(f.firstSite, op.Slot)
		t := b.opAt[op.Inst.Target]
		if t == none {
			continue
		}
		i, known := il.ofTarget[t]
		switch {
		case !known:
			stack = append(stack, visit{enter(t), 0})
		case il.functions[i].state == 1:
			f.recursive = true
		default:
			f.include(&il.functions[i])
		}
	}
	return &il.functions[il.ofTarget[target]]
}

// include takes account of a call of callee.
func (f *function) include(callee *function) {
	f.firstSite = min(f.firstSite, callee.firstSite)
	f.depth = max(f.depth, callee.depth+1)
	f.recursive = f.recursive || callee.recursive
}

// pristine returns the ops that can be reached from target, with calls taken
// as plain instructions.
func (b *builder) pristine(target int32) *body {
	il := &b.inlining
	il.epoch++
	il.stack = append(il.stack[:0], target)
	il.mark[target] = il.epoch
	n, lo, hi := 0, target, target
	for len(il.stack) > 0 && !b.work(1) {
		op := il.stack[len(il.stack)-1]
		il.stack = il.stack[:len(il.stack)-1]
		n++
		lo, hi = min(lo, op), max(hi, op)
		for _, s := range b.succ[op] {
			if s >= 0 && s != b.final && il.mark[s] != il.epoch {
				il.mark[s] = il.epoch
				il.stack = append(il.stack, s)
			}
		}
	}
	if b.stopped {
		return &body{}
	}
	bd := &body{ops: make([]int32, 0, n), succ: make([]edges, n)}
	for op := lo; op <= hi; op++ {
		if il.mark[op] == il.epoch {
			il.index[op] = int32(len(bd.ops))
			bd.ops = append(bd.ops, op)
		}
	}
	for i, op := range bd.ops {
		for k, s := range b.succ[op] {
			switch s {
			case none:
				bd.succ[i][k] = none
			case b.final:
				bd.succ[i][k] = toReturn
			default:
				bd.succ[i][k] = il.index[s]
			}
		}
		if b.isCall(op) {
			bd.calls = append(bd.calls, int32(i))
		}
	}
	bd.entry = il.index[target]
	return bd
}

func (b *builder) isCall(op int32) bool {
	o := b.g.Ops.At(op)
	return o.Kind == Instruction && o.Inst.Kind == isa.CallLocal
}

// inlineUsual makes the frames of the usual case, sorted by prefix: a frame,
// then its callees in the order of the text of their call sites, each followed
// by its own.
func (b *builder) inlineUsual() *Rejection {
	g := b.g
	top := b.frames[0].body
	var live []bool
	if !g.opt.UnreachableCalls {
		live = b.reachableOps()
	}
	type call struct{ parent, rank int32 }
	var stack []call
	push := func(parent int32) {
		f := &b.frames[parent]
		from := len(stack)
		for k := range f.body.calls {
			if parent == 0 && live != nil && !live[top.calls[k]] {
				continue
			}
			stack = append(stack, call{parent, int32(k)})
		}
		slices.SortFunc(stack[from:], func(x, y call) int {
			if b.work(1) {
				return 0 // whatever the order is then
			}
			sx, sy := g.Ops.At(f.body.ops[f.body.calls[x.rank]]).Slot, g.Ops.At(f.body.ops[f.body.calls[y.rank]]).Slot
			return compareDecimal(sy, sx) // the last is made first
		})
	}
	if b.stopped {
		return cancelled()
	}
	push(0)
	for len(stack) > 0 {
		c := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		parent := &b.frames[c.parent]
		call := parent.body.calls[c.rank]
		bd := b.function(b.opAt[g.Ops.At(parent.body.ops[call]).Inst.Target]).body
		if b.nodes += len(bd.ops); b.nodes > g.opt.MaxNodes {
			return tooManyNodes(g.opt.MaxNodes)
		}
		if b.work(8) {
			return cancelled()
		}
		id := int32(len(b.frames))
		parent.callee[c.rank] = id
		b.frames = append(b.frames, frame{body: bd, parent: c.parent, call: call, callee: noFrames(len(bd.calls)), depth: parent.depth + 1})
		push(id)
	}
	return nil
}

// reachableOps tells which ops of the program itself can be reached if calls
// are taken as plain instructions.
func (b *builder) reachableOps() []bool {
	live := make([]bool, len(b.succ))
	live[0] = true
	stack := []int32{0}
	for len(stack) > 0 && !b.work(1) {
		op := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, s := range b.succ[op] {
			if s >= 0 && !live[s] {
				live[s] = true
				stack = append(stack, s)
			}
		}
	}
	return live
}

// compareDecimal compares the decimal texts of two numbers that are not
// negative: "10" is before "2".
func compareDecimal(x, y int32) int {
	var bx, by [10]byte
	return slices.Compare(strconv.AppendInt(bx[:0], int64(x), 10), strconv.AppendInt(by[:0], int64(y), 10))
}

// inlineInOrder follows PREVAIL step by step.
func (b *builder) inlineInOrder() *Rejection {
	o := ordered{b: b, prefix: []string{""}}
	for k := range b.calls {
		if r := o.expand(0, int32(k)); r != nil {
			return r
		}
	}
	// Sort the frames by prefix.
	order := make([]int32, len(b.frames))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(x, y int32) int { return strings.Compare(o.prefix[x], o.prefix[y]) })
	to := make([]int32, len(order))
	sorted := make([]frame, len(order))
	for i, old := range order {
		to[old] = int32(i)
		sorted[i] = b.frames[old]
	}
	for i := range sorted {
		f := &sorted[i]
		if f.parent >= 0 {
			f.parent = to[f.parent]
		}
		for k, callee := range f.callee {
			if callee >= 0 {
				f.callee[k] = to[callee]
			}
		}
	}
	b.frames = sorted
	return nil
}

// ordered inlines calls in PREVAIL's order.
type ordered struct {
	b      *builder
	prefix []string // of frames
}

// place is a node of the graph as it is while calls are inlined.
type place struct {
	frame, index int32
}

// expand inlines a call of a frame, then the calls of the copy.
func (o *ordered) expand(caller, rank int32) *Rejection {
	b := o.b
	g := b.g
	parent := b.frames[caller]
	call := parent.body.calls[rank]
	op := g.Ops.At(parent.body.ops[call])
	if int(parent.depth)+1 > g.opt.MaxFrames {
		return tooManyFrames(int(op.Slot))
	}
	prefix := label(op.Slot)
	if caller > 0 {
		prefix = o.prefix[caller] + "/" + prefix
	}
	bd, r := o.copy(place{caller, call}, prefix, op)
	if r != nil {
		return r
	}
	id := int32(len(b.frames))
	b.frames[caller].callee[rank] = id
	b.frames = append(b.frames, frame{body: bd, parent: caller, call: call, callee: noFrames(len(bd.calls)), depth: parent.depth + 1})
	o.prefix = append(o.prefix, prefix)
	for k := range bd.calls {
		if r := o.expand(id, int32(k)); r != nil {
			return r
		}
	}
	return nil
}

// copy returns the body that is made for a call: what can be reached from its
// target in the graph as it is now.
func (o *ordered) copy(caller place, prefix string, call *Op) (*body, *Rejection) {
	b := o.b
	g := b.g
	target := b.opAt[call.Inst.Target]
	if target == none {
		return nil, &Rejection{Kind: Internal, Text: "Label " + label(call.Inst.Target) + " not found in the CFG", Slot: int(call.Slot)}
	}
	// Places are visited in the order of their labels. The copy of the target
	// follows the call as soon as it is made; to come to it is recursion.
	const own = math.MaxInt32
	queue := &placeQueue{ordered: o, prefix: prefix, own: own, target: target}
	heap.Push(queue, place{0, target})
	seen := map[place]bool{{0, target}: true}
	made := map[int32]bool{} // ops of the copy
	var found []place
	for queue.Len() > 0 {
		p := heap.Pop(queue).(place)
		if p.frame == own {
			return nil, &Rejection{Kind: TooDeep, Text: prefix + ": illegal recursion", Slot: int(call.Slot)}
		}
		op := b.frames[p.frame].body.ops[p.index]
		if made[op] {
			return nil, &Rejection{Kind: Internal, Text: "Label " + prefix + "/" + o.opLabel(op) + " already exists", Slot: int(call.Slot)}
		}
		made[op] = true
		if b.nodes++; b.nodes > g.opt.MaxNodes {
			return nil, tooManyNodes(g.opt.MaxNodes)
		}
		if b.work(8) {
			return nil, cancelled()
		}
		found = append(found, p)
		next := o.successors(p)
		if p == caller {
			next = append(next, place{own, target})
		}
		for _, s := range next {
			if !o.isFinal(s) && !seen[s] {
				seen[s] = true
				heap.Push(queue, s)
			}
		}
	}

	slices.SortFunc(found, func(x, y place) int {
		return cmp.Compare(b.frames[x.frame].body.ops[x.index], b.frames[y.frame].body.ops[y.index])
	})
	bd := &body{ops: make([]int32, len(found)), succ: make([]edges, len(found))}
	index := b.inlining.index
	for i, p := range found {
		bd.ops[i] = b.frames[p.frame].body.ops[p.index]
		index[bd.ops[i]] = int32(i)
	}
	bd.entry = index[target]
	var calls []place
	for i, p := range found {
		bd.succ[i] = edges{none, none}
		for k, s := range o.successors(p) {
			if o.isFinal(s) {
				bd.succ[i][k] = toReturn
			} else {
				bd.succ[i][k] = index[b.frames[s.frame].body.ops[s.index]]
			}
		}
		if b.isCall(bd.ops[i]) {
			calls = append(calls, p)
		}
	}
	slices.SortFunc(calls, queue.compare)
	for _, p := range calls {
		bd.calls = append(bd.calls, index[b.frames[p.frame].body.ops[p.index]])
	}
	return bd, nil
}

func (o *ordered) isFinal(p place) bool { return p.frame == 0 && p.index == o.b.final }

func (o *ordered) opLabel(op int32) string {
	x := o.b.g.Ops.At(op)
	if x.Kind == Assume {
		return label(x.Slot) + ":" + label(x.To)
	}
	return label(x.Slot)
}

// successors returns the successors of p in the graph as it is now.
func (o *ordered) successors(p place) []place {
	b := o.b
	f := &b.frames[p.frame]
	if b.isCall(f.body.ops[p.index]) {
		if callee := f.callee[slices.Index(f.body.calls, p.index)]; callee >= 0 {
			return []place{{callee, b.frames[callee].body.entry}}
		}
	}
	var next []place
	for _, s := range f.body.succ[p.index] {
		switch s {
		case none:
		case toReturn:
			parent := &b.frames[f.parent]
			next = append(next, place{f.parent, parent.body.succ[f.call][0]})
		default:
			next = append(next, place{p.frame, s})
		}
	}
	return next
}

// placeQueue is a heap of places by label.
type placeQueue struct {
	*ordered
	places []place
	prefix string // of the frame own
	own    int32
	target int32
}

func (q *placeQueue) compare(x, y place) int {
	px, ox := q.key(x)
	py, oy := q.key(y)
	return cmp.Or(strings.Compare(px, py), cmp.Compare(ox, oy))
}

func (q *placeQueue) key(p place) (prefix string, op int32) {
	if p.frame == q.own {
		return q.prefix, q.target
	}
	return q.ordered.prefix[p.frame], q.b.frames[p.frame].body.ops[p.index]
}

func (q *placeQueue) Len() int           { return len(q.places) }
func (q *placeQueue) Less(i, j int) bool { return q.compare(q.places[i], q.places[j]) < 0 }
func (q *placeQueue) Swap(i, j int)      { q.places[i], q.places[j] = q.places[j], q.places[i] }
func (q *placeQueue) Push(x any)         { q.places = append(q.places, x.(place)) }
func (q *placeQueue) Pop() any {
	p := q.places[len(q.places)-1]
	q.places = q.places[:len(q.places)-1]
	return p
}
