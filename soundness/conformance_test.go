package soundness

import (
	"os"
	"path/filepath"
	"testing"

	"bpfls/interp"
	"bpfls/isa"
	"bpfls/platform"
	"bpfls/verifier"
)

// TestSoundnessConformance verifies the cases of the instruction-set conformance
// tests with their memory as a context of which nothing is known, and runs them:
// every state of the run, the result among them, lies in the abstract one.
func TestSoundnessConformance(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(shared(t, "conformance/isa"), "*.data"))
	if err != nil {
		t.Fatal(err)
	}
	verdicts := map[verifier.Verdict]int{}
	ended, steps, behind := 0, int64(0), 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		c, err := ReadCase(string(text))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		insts, err := isa.Decode(c.Code)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		p := &platform.Platform{
			Name:    "conformance",
			General: []platform.Helper{{ID: 5, Name: "unwind", Args: [5]platform.ArgType{platform.ArgAnything}}},
			Options: platform.Options{CallX: true},
			Unknown: &platform.ProgramType{Name: "conformance", Context: &platform.Context{Size: max(len(c.Memory), 8), Data: -1, End: -1, Meta: -1}},
		}
		r, err := newResult(Program{Code: c.Code, Type: p.Unknown}, p, verifier.Options{})
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		verdicts[r.Verdict]++
		if r.Verdict != verifier.Pass && r.Verdict != verifier.Fail {
			continue
		}
		s := newSubject(insts, nil, p, p.Unknown, r)
		m, n, err := s.execute(interp.Input{Context: c.Memory}, 100_000, nil)
		steps += n
		switch {
		case err != nil:
			t.Errorf("%s: %v\n%s", filepath.Base(file), err, text)
		case !m.Done():
			behind++ // it does what could not be proven safe
		case m.Regs[0].Bits != c.Result:
			t.Errorf("%s: the result is %#x, want %#x\n%s", filepath.Base(file), m.Regs[0].Bits, c.Result, text)
		default:
			ended++
		}
	}
	t.Logf("%d cases: %v; %d ran to their result within the states, %d up to a failed check, %d steps", len(files), verdicts, ended, behind, steps)
	if ended < 200 {
		t.Errorf("only %d cases ran to their result", ended)
	}
}
