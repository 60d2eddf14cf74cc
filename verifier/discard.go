package verifier

import "bpfls/verifier/cfg"

// discard gives up the states of a run for nothing but a verdict as soon as no node
// needs them any more: those behind a node when all its successors are done, those
// before it when it is done itself. A cycle is done as a whole. The states that are
// left at any time are few, and their memory serves the next ones.
//
// What is kept is counted as in other runs, so that the limits are the same.
type discard struct {
	// Nodes by the position in the weak topological order behind the component that
	// is the last to need them.
	first []cfg.NodeID // by position
	next  []cfg.NodeID // by node
}

func newDiscard(r *run) *discard {
	wto := r.g.WTO
	n := int32(len(wto.Order))
	end := make([]int32, n) // by position: where the outermost component ends
	for i := int32(0); i < n; {
		next := i + 1
		if c := r.cycleOf[wto.Order[i]]; c >= 0 {
			next = wto.Cycles[c].End
		}
		for ; i < next; i++ {
			end[i] = next
		}
	}
	d := &discard{first: make([]cfg.NodeID, n+1), next: make([]cfg.NodeID, len(r.g.Nodes))}
	for i := range d.first {
		d.first[i] = cfg.NoNode
	}
	for i, id := range wto.Order {
		last := end[i]
		for _, s := range r.g.Successors(id) {
			if at := wto.Position[s]; at >= 0 {
				last = max(last, end[at])
			}
		}
		d.next[id], d.first[last] = d.first[last], id
	}
	return d
}

// done gives up what is not needed behind the component from begin to end.
func (d *discard) done(r *run, begin, end int32) {
	for _, id := range r.g.WTO.Order[begin:end] {
		r.drop(r.pre.At(id))
	}
	for id := d.first[end]; id != cfg.NoNode; id = d.next[id] {
		r.drop(r.post.At(id))
	}
}
