package cfg

import (
	"testing"

	"bpfls/bench/shapes"
	"bpfls/linuxhooks"
)

// TestStop: building a graph is ended soon after Stop said so. Stop is asked at least
// once in 2*stopEvery nodes, in all of the passes.
func TestStop(t *testing.T) {
	p := linuxhooks.Platform()
	xdp, _ := p.TypeByName("xdp")
	for _, s := range shapes.All {
		if s.Max > 0 {
			continue
		}
		prog := s.Make(100_000)
		in := Input{Code: prog.Code, Maps: prog.Maps, Platform: p, Type: xdp}
		o := DefaultOptions(p)
		o.Termination = s.Termination
		asked := 0
		o.Stop = func() bool { asked++; return false }
		g, rej := Build(in, o)
		if rej != nil {
			t.Fatalf("%s: %s", s.Name, rej.Text)
		}
		if least := len(g.Nodes) / (2 * stopEvery); asked < least {
			t.Errorf("%s: asked %d times for %d nodes, want at least %d", s.Name, asked, len(g.Nodes), least)
		}
		for at := 1; at <= asked; at += 1 + asked/8 {
			n := 0
			o.Stop = func() bool { n++; return n >= at }
			if _, rej := Build(in, o); rej == nil || rej.Kind != Cancelled || n != at {
				t.Errorf("%s: stopped at %d: asked %d times, %v", s.Name, at, n, rej)
			}
		}
	}
}
