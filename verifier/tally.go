package verifier

import "bpfls/verifier/cfg"

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
	var out []Unproven
	run := a.behind()
	for slot := range run.g.Insts.Len() {
		for _, id := range a.nodes(slot) {
			counter := run.g.CounterOf(id)
			if len(run.found(id)) == 0 && (counter == cfg.NoNode || len(a.run.found(counter)) == 0) {
				continue
			}
			statuses := run.statuses(nil, id)
			if counter != cfg.NoNode {
				statuses = a.run.statuses(statuses, counter)
			}
			p := Point{Slot: slot, CallPath: run.g.CallPath(id)}
			for i, s := range statuses {
				if !s.Proven && !s.Unreachable {
					out = append(out, Unproven{p, i, s})
				}
			}
		}
	}
	return out
}

// Tally counts the checks of all copies of an instruction and those that were proven;
// reached says whether any copy is.
func (r *Result) Tally(slot int) (checks, proven int, reached bool) {
	a := r.analysis
	if a == nil {
		return 0, 0, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	shown := a.behind()
	count := func(in *run, id cfg.NodeID) {
		n := len(in.g.Checks(id))
		checks += n
		if !in.reached[id] {
			return
		}
		reached = true
		proven += n
		failed := -1
		for _, f := range in.found(id) {
			if f.check != failed { // several demands of one called helper are one check
				proven--
			}
			failed = f.check
		}
	}
	for _, id := range a.nodes(slot) {
		count(shown, id)
		if c := shown.g.CounterOf(id); c != cfg.NoNode {
			count(a.run, c)
		}
	}
	return checks, proven, reached
}
