package shapes_test

import (
	"context"
	"testing"

	"bpfls/bench/shapes"
	"bpfls/linuxhooks"
	"bpfls/verifier"
)

// TestShapes: small programs of all shapes have the verdict that they are made for.
func TestShapes(t *testing.T) {
	p := linuxhooks.Platform()
	xdp, _ := p.TypeByName("xdp")
	for _, s := range shapes.All {
		t.Run(s.Name, func(t *testing.T) {
			opt := verifier.Options{}
			if s.Termination {
				opt.Termination = verifier.On
			}
			prog := s.Make(1000)
			res, err := verifier.Analyze(context.Background(), verifier.Input{Code: prog.Code, Maps: prog.Maps, Platform: p, Type: xdp}, opt)
			if err != nil {
				t.Fatal(err)
			}
			want := verifier.Pass
			if s.Fails {
				want = verifier.Fail
			}
			if res.Verdict != want {
				t.Errorf("%v %s, want %v", res.Verdict, res.Reason, want)
			}
		})
	}
}
