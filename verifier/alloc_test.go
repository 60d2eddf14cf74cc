package verifier

import (
	"testing"

	"bpfls/bench/shapes"
	"bpfls/linuxhooks"
	"bpfls/verifier/cfg"
)

// settledRun analyses a program of a shape and returns the run, so that it can be made
// to visit everything once more.
func settledRun(tb testing.TB, s shapes.Shape, n int) *run {
	tb.Helper()
	p := linuxhooks.Platform()
	xdp, _ := p.TypeByName("xdp")
	prog := s.Make(n)
	in := Input{Code: prog.Code, Maps: prog.Maps, Platform: p, Type: xdp}
	o := cfg.DefaultOptions(p)
	o.Termination = s.Termination
	g, rej := cfg.Build(cfg.Input{Code: in.Code, Maps: in.Maps, Platform: p, Type: xdp}, o)
	if rej != nil {
		tb.Fatal(rej.Text)
	}
	r := newRun(in, g, Limits{}.withDefaults(1<<24), func() bool { return false })
	if err := r.solve(r.entry()); err != nil {
		tb.Fatal(err)
	}
	return r
}

// TestVisitsDoNotAllocate visits every node of analysed programs again. All states that
// are kept get replaced, so their memory and that of the states between is used again:
// nothing is left to allocate.
func TestVisitsDoNotAllocate(t *testing.T) {
	for _, s := range shapes.All {
		t.Run(s.Name, func(t *testing.T) {
			r := settledRun(t, s, 200)
			visits := r.visits
			again := func() {
				r.visit(r.g.Entry(), r.pre[r.g.Entry()].share())
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
