package verifier

import (
	"slices"

	"bpfls/verifier/cfg"
)

// Unproven is a check that was not proven at one copy of its instruction.
type Unproven struct {
	Point  Point
	Index  int // in Checks(Point)
	Status CheckStatus
}

// Unproven lists the checks that were not proven, in the run that Before and Checks
// speak of, by slot and copy.
func (r *Result) Unproven() []Unproven {
	a := r.analysis
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	run := a.behind()
	g := run.g
	var failed []cfg.NodeID
	for id := range cfg.NodeID(len(g.Nodes)) {
		if len(run.found(id)) > 0 && g.Kind(id) == cfg.Instruction {
			failed = append(failed, id)
		}
	}
	for _, head := range a.run.loops {
		if a.unbounded(head) && len(run.found(head)) == 0 && g.Kind(head) == cfg.Instruction {
			failed = append(failed, head)
		}
	}
	slices.SortFunc(failed, func(a, b cfg.NodeID) int {
		if d := g.Slot(a) - g.Slot(b); d != 0 {
			return d
		}
		return int(a - b)
	})
	var out []Unproven
	for _, id := range failed {
		statuses := run.statuses(nil, id)
		if counter := g.CounterOf(id); counter != cfg.NoNode {
			statuses = a.run.statuses(statuses, counter)
		}
		p := Point{Slot: g.Slot(id), CallPath: g.CallPath(id)}
		for i, s := range statuses {
			if !s.Proven && !s.Unreachable {
				out = append(out, Unproven{p, i, s})
			}
		}
	}
	return out
}

// unbounded reports whether the counter of the loop at head failed.
func (a *analysis) unbounded(head cfg.NodeID) bool {
	counter := a.run.g.CounterOf(head)
	return counter != cfg.NoNode && len(a.run.found(counter)) > 0
}

// Tally counts the checks of all copies of an instruction and those that were proven.
type Tally struct {
	Checks, Proven int32
	Reached        bool // any copy is
}

// Tallies returns the tally of each instruction, by slot; nil where no state is known.
func (r *Result) Tallies() []Tally {
	a := r.analysis
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	shown := a.behind()
	g := shown.g
	out := make([]Tally, g.Insts.Len())
	for id := range cfg.NodeID(len(g.Nodes)) {
		if g.Kind(id) != cfg.Instruction {
			continue
		}
		t := &out[g.Slot(id)]
		t.add(shown, id)
		if c := g.CounterOf(id); c != cfg.NoNode {
			t.add(a.run, c)
		}
	}
	return out
}

// add counts the checks of a node in a run.
func (t *Tally) add(in *run, id cfg.NodeID) {
	n := int32(len(in.g.Checks(id)))
	t.Checks += n
	if !in.reached[id] {
		return
	}
	t.Reached = true
	t.Proven += n
	failed := -1
	for _, f := range in.found(id) {
		if f.check != failed { // several demands of one called helper are one check
			t.Proven--
		}
		failed = f.check
	}
}
