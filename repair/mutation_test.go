package repair_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"bpfls/position"
	"bpfls/repair"
	"bpfls/session"
)

var manyMutants = flag.Int("repair.mutants", 24, "mutants whose fixes are looked for, spread over all; 0: all")

// passing lists the programs of the mutation test: those here and the examples that pass.
func passing(t *testing.T) []string {
	var out []string
	for _, pattern := range []string{"testdata/*.c", "../examples/*.c"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, files...)
	}
	if len(out) < 12 {
		t.Fatalf("only %d programs", len(out))
	}
	return out
}

func needClang(t *testing.T) {
	if _, err := exec.LookPath("clang-19"); err != nil {
		t.Skip("clang-19 is not here: install it (apt install clang-19)")
	}
}

// TestMutants removes each check, initialisation and mask of passing programs in turn. Of
// the mutants that fail, the first finding must lie on an expression that the removed
// code guarded in 95 %, and a verified fix be offered in 60 %.
func TestMutants(t *testing.T) {
	needClang(t)
	type job struct {
		path string
		mutant
	}
	var jobs []job
	for _, file := range passing(t) {
		path, err := filepath.Abs(file)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		out := session.Run(context.Background(), session.Request{Path: path, NoFacts: true})
		if out.Err != nil {
			t.Fatal(out.Err)
		}
		pass := true
		for _, p := range out.Report.Programs {
			pass = pass && p.Verdict == "pass"
		}
		if !pass {
			if strings.HasPrefix(file, "testdata") {
				t.Errorf("%s does not pass", file)
			}
			continue
		}
		for _, m := range mutants(text) {
			jobs = append(jobs, job{path, m})
		}
	}
	all := len(jobs)
	if n := *manyMutants; n > 0 && n < len(jobs) {
		for i := range n {
			jobs[i] = jobs[i*all/n]
		}
		jobs = jobs[:n]
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	failing, hits, fixed := 0, 0, 0
	next := make(chan job)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for j := range next {
				failed, hit, fix, detail := judgeMutant(j.path, &j.mutant)
				mu.Lock()
				if failed {
					failing++
					if hit {
						hits++
					}
					if fix {
						fixed++
					}
					if !hit || !fix || testing.Verbose() {
						t.Logf("%s, %s: on the guarded expression %t, fix %t: %s", filepath.Base(j.path), j.what, hit, fix, detail)
					}
				}
				mu.Unlock()
			}
		})
	}
	for _, j := range jobs {
		next <- j
	}
	close(next)
	wg.Wait()
	if failing == 0 {
		t.Fatal("no mutant fails")
	}
	t.Logf("%d mutants, %d tried, %d fail; first finding on a guarded expression: %d (%.1f %%); verified fix: %d (%.1f %%)",
		all, len(jobs), failing, hits, 100*float64(hits)/float64(failing), fixed, 100*float64(fixed)/float64(failing))
	if hits*100 < failing*95 {
		t.Errorf("the first finding lies on a guarded expression in %d of %d, want 95 %%", hits, failing)
	}
	if fixed*100 < failing*60 {
		t.Errorf("a verified fix is offered for %d of %d, want 60 %%", fixed, failing)
	}
}

// judgeMutant verifies a mutant and asks for fixes of the first finding.
func judgeMutant(path string, m *mutant) (failed, hit, fixed bool, detail string) {
	ctx := context.Background()
	out := session.Run(ctx, session.Request{Path: path, NoFacts: true, Overlay: map[string][]byte{path: m.text}})
	if out.Err != nil {
		return false, false, false, out.Err.Error()
	}
	for _, p := range out.Programs {
		if p.Report == nil || p.Report.Verdict != "fail" || len(p.Report.Findings) == 0 {
			continue
		}
		f := p.Report.Findings[0]
		lines := position.New(m.text)
		from := lines.Offset(position.Point{Line: f.Range.Line, Column: f.Range.Column})
		to := lines.Offset(position.Point{Line: f.Range.EndLine, Column: f.Range.EndColumn})
		hit = f.Range.File == path && f.Range.Line > 0 && m.overlaps(from, to)
		detail = fmt.Sprintf("line %d: %s [%s]", f.Range.Line, f.Message, f.Code)
		evidence, err := out.Evidence(ctx, p, 0, repair.Fixes)
		if err != nil {
			return true, hit, false, err.Error()
		}
		for _, x := range evidence.Evidence.Fixes {
			if x.Verified {
				return true, hit, true, detail + "; " + x.Title
			}
		}
		return true, hit, false, detail
	}
	return false, false, false, ""
}
