package verifier_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"bpfls/elfbpf"
	"bpfls/verifier"
)

// TestGoOnTakesOver compares the run that goes on behind the failures of a verdict, which
// takes over states of the verdict's run, with a run that goes on from the start.
func TestGoOnTakesOver(t *testing.T) {
	dir := shared(t, "generated")
	objects, _ := filepath.Glob(filepath.Join(dir, "linux_*.o"))
	p := referencePlatform("linux", false)
	typ, err := programType(p, "xdp", "")
	if err != nil {
		t.Fatal(err)
	}
	failing := 0
	for i, path := range objects {
		if i%7 != 0 {
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		o, err := elfbpf.Parse(path, data, elfbpf.Options{Platform: p})
		if err != nil {
			continue // of a source that left nothing to verify
		}
		for _, prog := range o.Programs {
			in := verifier.Input{Code: prog.Code, Platform: p, Type: typ}
			for _, m := range o.Maps {
				in.Maps = append(in.Maps, m.Map)
			}
			verdict, err := verifier.Analyze(context.Background(), in, verifier.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if verdict.Verdict != verifier.Fail {
				continue
			}
			failing++
			whole, err := verifier.Analyze(context.Background(), in, verifier.Options{ContinueAfterFailure: true})
			if err != nil {
				t.Fatal(err)
			}
			if got, want := verdict.Unproven(), whole.Unproven(); len(got) != len(want) {
				t.Errorf("%s: %d checks are not proven, %d from the start", filepath.Base(path), len(got), len(want))
				continue
			}
			tallies := verdict.Tallies()
			for slot := range prog.Code {
				for _, point := range verdict.Points(slot) {
					if got, want := verdict.Before(point).Strings(), whole.Before(point).Strings(); !slices.Equal(got, want) {
						t.Errorf("%s: before %v: %q, from the start %q", filepath.Base(path), point, got, want)
					}
				}
				for reg := range 11 {
					var want verifier.Value
					reached := false
					for _, point := range verdict.Points(slot) {
						if s := verdict.Before(point); !reached && !s.Bottom() {
							want, reached = s.Register(reg), true
						}
					}
					if got, ok := verdict.Register(slot, reg); ok != reached || got != want {
						t.Errorf("%s: slot %d: r%d is %+v, reached %v; its state says %+v, %v", filepath.Base(path), slot, reg, got, ok, want, reached)
					}
				}
				tally := tallies[slot]
				n, good, some := int32(0), int32(0), false
				for _, point := range verdict.Points(slot) {
					for _, s := range verdict.Checks(point) {
						n++
						if s.Proven {
							good++
						}
					}
					some = some || !verdict.Before(point).Bottom()
				}
				if tally != (verifier.Tally{Checks: n, Proven: good, Reached: some}) {
					t.Errorf("%s: slot %d: %+v; listed %d, %d, %v", filepath.Base(path), slot, tally, n, good, some)
				}
			}
		}
	}
	t.Logf("%d failing programs", failing)
}
