package cfg

import (
	"math"

	"bpfls/verifier/paged"
)

// WTO is a weak topological order of the nodes that are reachable from the
// entry (Bourdoncle, "Efficient chaotic iteration strategies with widenings",
// 1993). Order lists them; a cycle is a range of Order that starts with its head
// and in which other cycles may be nested.
type WTO struct {
	Order    []NodeID
	Cycles   []Cycle // by Begin, so that a cycle comes before those nested in it
	Position []int32 // by node id: its index in Order, -1 if it is unreachable
	// Component is the innermost cycle that a node is a member of, by node id; a
	// cycle's head counts as a member of the cycle around it. -1: of none, or the
	// node is unreachable.
	Component []int32
}

// Cycle is a strongly connected component with a head, inside the cycle around
// it once that one's head is taken away.
type Cycle struct {
	Head       NodeID // Order[Begin]
	Begin, End int32  // range of Order
	Parent     int32  // cycle around it; -1
	Depth      int32  // 1 for a cycle in no other
	Next       int32  // first cycle that is not nested in this one
}

// Deeper reports whether a's nesting is deeper than b's: every cycle that has b
// as a member has a too, and a is a member of more. An iterator that enters the
// cycle with head b starts from the predecessors that are not deeper.
func (w *WTO) Deeper(a, b NodeID) bool {
	ca, cb := w.Component[a], w.Component[b]
	depth := int32(0)
	if cb >= 0 {
		depth = w.Cycles[cb].Depth
	}
	if ca < 0 || w.Cycles[ca].Depth <= depth {
		return false
	}
	for ca >= 0 && w.Cycles[ca].Depth > depth {
		ca = w.Cycles[ca].Parent
	}
	return ca == cb
}

// Outermost returns the head of the outermost cycle around a node, or the node
// itself.
func (w *WTO) Outermost(id NodeID) NodeID {
	c := w.Component[id]
	if c < 0 {
		return id
	}
	for w.Cycles[c].Parent >= 0 {
		c = w.Cycles[c].Parent
	}
	return w.Cycles[c].Head
}

// unnumbered is the depth-first number of a node that has found its place.
const unnumbered = math.MaxInt32

// maxSteps bounds the work on one order: loops nested n deep are walked n times.
const maxSteps = 1 << 27

// newWTO orders the nodes that can be reached from node 0. It is Bourdoncle's
// algorithm (figure 4 of his paper) with its recursion on an explicit stack;
// successors are visited in ascending order. work is told of the steps, and ends it.
func newWTO(succAt []int32, succ []NodeID, work func(int) bool) (*WTO, *Rejection) {
	n := len(succAt) - 1
	const (
		enter = iota // number a node and visit its successors
		leave        // all successors were visited
		close        // all members of a cycle have found their places
		kinds = 4
	)
	type vertex struct {
		dfn  int32 // depth-first number; 0: not visited
		head int32 // smallest number that can be reached; 0: not known
	}
	vertices := paged.Make[vertex](n, work)
	if work(0) {
		return nil, cancelled()
	}
	tasks := make([]uint32, 0, 64)
	stack := make([]NodeID, 0, 64)
	var ends []int32 // of open cycles
	order := make([]NodeID, n)
	at := int32(n) // the order is filled from its end
	num := int32(0)
	steps := 0

	visit := func(v NodeID) {
		list := succ[succAt[v]:succAt[v+1]]
		for i := len(list) - 1; i >= 0; i-- {
			if vertices.At(list[i]).dfn == 0 {
				tasks = append(tasks, uint32(list[i])*kinds+enter)
			}
		}
	}
	w := &WTO{}
	if n > 0 {
		tasks = append(tasks, enter)
	}
	for len(tasks) > 0 {
		task := tasks[len(tasks)-1]
		tasks = tasks[:len(tasks)-1]
		v := NodeID(task / kinds)
		x := vertices.At(v)
		if steps&1023 == 1023 && work(1024) {
			return nil, cancelled()
		}
		if steps++; steps > maxSteps {
			return nil, &Rejection{Kind: Limit, Text: "too large to verify: loops are nested too deeply", Slot: -1}
		}
		switch task % kinds {
		case enter:
			if x.dfn != 0 {
				continue
			}
			num++
			x.dfn = num
			stack = append(stack, v)
			tasks = append(tasks, uint32(v)*kinds+leave)
			visit(v)
		case leave:
			head, loop := x.dfn, false
			for _, s := range succ[succAt[v]:succAt[v+1]] {
				y := vertices.At(s)
				least := y.dfn
				if y.head != 0 && y.dfn != unnumbered {
					least = y.head
				}
				if least <= head {
					head, loop = least, true
				}
			}
			if head != x.dfn {
				x.head = head
				continue
			}
			x.dfn = unnumbered
			top := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if !loop {
				x.head = head
				at--
				order[at] = v
				continue
			}
			for top != v {
				*vertices.At(top) = vertex{}
				top = stack[len(stack)-1]
				stack = stack[:len(stack)-1]
			}
			x.head = head
			ends = append(ends, at)
			tasks = append(tasks, uint32(v)*kinds+close)
			visit(v)
		case close:
			at--
			order[at] = v
			w.Cycles = append(w.Cycles, Cycle{Head: v, Begin: at, End: ends[len(ends)-1], Parent: -1})
			ends = ends[:len(ends)-1]
		}
	}
	w.Order = order[at:]
	if !w.arrange(n, at, work) {
		return nil, cancelled()
	}
	return w, nil
}

// arrange sorts the cycles, which were found from the last to the first, nests
// them and finds the innermost one around each node; false: work ended it.
func (w *WTO) arrange(n int, shift int32, work func(int) bool) bool {
	for i, j := 0, len(w.Cycles)-1; i < j; i, j = i+1, j-1 {
		w.Cycles[i], w.Cycles[j] = w.Cycles[j], w.Cycles[i]
	}
	w.Position = make([]int32, n)
	if work(stopEvery) {
		return false
	}
	w.Component = make([]int32, n)
	if work(stopEvery) {
		return false
	}
	for i := range w.Component {
		if i&1023 == 1023 && work(1024) {
			return false
		}
		w.Position[i], w.Component[i] = -1, -1
	}
	current, next := int32(-1), 0
	for i, v := range w.Order {
		if i&1023 == 1023 && work(1024) {
			return false
		}
		for current >= 0 && w.Cycles[current].End == int32(i) {
			w.Cycles[current].Next = int32(next)
			current = w.Cycles[current].Parent
		}
		w.Position[v] = int32(i)
		w.Component[v] = current
		if next < len(w.Cycles) && w.Cycles[next].Begin-shift == int32(i) {
			c := &w.Cycles[next]
			c.Begin, c.End, c.Parent, c.Depth = int32(i), c.End-shift, current, 1
			if current >= 0 {
				c.Depth = w.Cycles[current].Depth + 1
			}
			current = int32(next)
			next++
		}
	}
	for current >= 0 {
		w.Cycles[current].Next = int32(next)
		current = w.Cycles[current].Parent
	}
	return true
}
