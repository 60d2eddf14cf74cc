package verifier

import (
	"bpfls/verifier/cfg"
)

// ListingBlock is a run of nodes that PREVAIL's listing of states prints as one.
type ListingBlock struct {
	Label string   // of its first node: "entry", "4", "9/53"
	From  []string // labels that control comes from
	Pre   State    // before its first node
	Lines []ListingLine
	Goto  []string // labels that control goes to
	Post  State    // behind its last node
}

// ListingLine is a node of the control-flow graph.
type ListingLine struct {
	Label   string
	Slot    int      // instruction that the node belongs to; -1 for entry and exit
	Asserts []string // what is checked, in order
	Inst    string   // "r1 = 0", "assume r1 != 0", "pc[4]++"
	// Failure is PREVAIL's message, without the label, where a check failed; After
	// is then the state before the node, nil where it is the last one of its block.
	Failure string
	After   State
}

// Listing returns the reachable blocks with the states of the run that gave the
// verdict, up to the first failure, as PREVAIL prints them with -v. Without
// simplify each node is a block of its own.
func (r *Result) Listing(simplify bool) []ListingBlock {
	a := r.analysis
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	run := a.run
	g := run.g.ShiftMaps(r.mapShift)
	var out []ListingBlock
	for _, b := range g.Blocks(simplify) {
		first, last := b[0], b[len(b)-1]
		if !run.reached[first] {
			continue
		}
		block := ListingBlock{
			Label: g.Label(first),
			From:  labels(g, g.Predecessors(first)),
			Pre:   r.shown(run.viewBefore(first)),
			Goto:  labels(g, g.Successors(last)),
			Post:  r.shown(run.viewAfter(last)),
		}
		failed := false
		for _, id := range b {
			line := ListingLine{Label: g.Label(id), Slot: g.Slot(id), Inst: g.InstText(id)}
			checks := g.Checks(id)
			for i := range checks {
				line.Asserts = append(line.Asserts, g.CheckText(id, &checks[i]))
			}
			if f := run.fail[id]; f != nil {
				line.Failure = run.report(id, f).Message
				if id != last {
					line.After = r.shown(run.viewBefore(id))
				}
				failed = true
			}
			block.Lines = append(block.Lines, line)
			if failed {
				break
			}
		}
		out = append(out, block)
		if failed {
			break
		}
	}
	return out
}

func labels(g *cfg.Graph, ids []cfg.NodeID) []string {
	var out []string
	for _, id := range ids {
		out = append(out, g.Label(id))
	}
	return out
}
