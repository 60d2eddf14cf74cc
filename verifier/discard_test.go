package verifier_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"bpfls/elfbpf"
	"bpfls/verifier"
)

// TestVerdictOnly makes sure that a run that gives up its states on the way finds what
// one that keeps them finds: with loops and without, failing and not.
func TestVerdictOnly(t *testing.T) {
	objects, err := filepath.Glob(filepath.Join(shared(t, "generated"), "linux_*.o"))
	if err != nil || len(objects) == 0 {
		t.Fatalf("no objects: %v", err)
	}
	p := referencePlatform("linux", true)
	verdicts := map[verifier.Verdict]int{}
	for i, name := range objects {
		if testing.Short() && i%4 != 0 {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		o, err := elfbpf.Parse(name, data, elfbpf.Options{Platform: p})
		if err != nil {
			continue // an object without programs
		}
		in := verifier.Input{Platform: p}
		for _, m := range o.Maps {
			in.Maps = append(in.Maps, m.Map)
		}
		for _, prog := range o.Programs {
			if prog.Err != nil {
				continue
			}
			in.Code = prog.Code
			in.Type, _, _ = p.Match(prog.Section)
			for _, termination := range []verifier.Tristate{verifier.Off, verifier.On} {
				var got [2]*verifier.Result
				for i := range got {
					got[i], err = verifier.Analyze(context.Background(), in, verifier.Options{Termination: termination, VerdictOnly: i == 1})
					if err != nil {
						t.Fatal(err)
					}
				}
				verdicts[got[0].Verdict]++
				if diff := cmp.Diff(got[0], got[1], cmpopts.IgnoreUnexported(verifier.Result{})); diff != "" {
					t.Errorf("%s %s, termination %v: with states and without:\n%s", filepath.Base(name), prog.Name, termination, diff)
				}
			}
		}
	}
	if verdicts[verifier.Pass] == 0 || verdicts[verifier.Fail] == 0 {
		t.Errorf("verdicts were %v", verdicts)
	}
}
