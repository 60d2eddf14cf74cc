package verifier

import (
	"testing"

	"bpfls/bench/shapes"
)

// TestVisitsDoNotAllocate visits every node of analysed programs again. All states that
// are kept get replaced, so their memory and that of the states between is used again:
// nothing is left to allocate.
func TestVisitsDoNotAllocate(t *testing.T) {
	for _, s := range shapes.All {
		t.Run(s.Name, func(t *testing.T) {
			r := newShapedRun(t, s, 200)
			if err := r.solve(r.entry()); err != nil {
				t.Fatal(err)
			}
			visits := r.visits
			again := func() {
				r.visit(r.g.Entry(), r.pre.At(r.g.Entry()).share())
				r.pass(0, int32(len(r.g.WTO.Order)))
			}
			// Buffers that are handed round grow to the size of the largest state at first.
			allocs := 1.0
			for i := 0; i < 200 && allocs > 0; i++ {
				allocs = testing.AllocsPerRun(1, again)
			}
			if r.stop != nil {
				t.Fatal(r.stop)
			}
			if allocs > 0 {
				t.Errorf("%.0f allocations in a round of %d visits", allocs, visits)
			}
		})
	}
}
