package cfg

// WTO is a weak topological order of the nodes that are reachable from the
// entry (Bourdoncle, "Efficient chaotic iteration strategies with widenings",
// 1993). Order lists them; a cycle is a range of Order that starts with its head
// and in which other cycles may be nested.
type WTO struct {
	Order  []NodeID
	Cycles []Cycle // by Begin, so that a cycle comes before those nested in it
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
