package verifier

import "bpfls/verifier/cfg"

// Graph returns the control-flow graph that was analysed; nil where the program
// was rejected before there was one.
func (r *Result) Graph() *cfg.Graph {
	if r.analysis == nil || r.analysis.run == nil {
		return nil
	}
	return r.analysis.run.g.ShiftMaps(r.mapShift)
}

// AtNode returns the state before or after a node of Graph in the run that gave the
// verdict, for listings. Unlike Before and After it is not true of every execution
// behind a failure: nodes that were skipped keep the state of their last visit.
func (r *Result) AtNode(id cfg.NodeID, after bool) State {
	a := r.analysis
	if a == nil || a.run == nil {
		return bottomView{}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if after {
		return r.shown(a.run.viewAfter(id))
	}
	return r.shown(a.run.viewBefore(id))
}
