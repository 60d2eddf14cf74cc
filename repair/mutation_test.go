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

	"github.com/rogpeppe/go-internal/txtar"
)

var manyMutants = flag.Int("repair.mutants", 24, "mutants whose fixes are looked for, spread over all; 0: all")

// original is a source of the mutation test. Only functions of programs that pass are
// changed.
type original struct {
	name    string
	text    []byte
	request session.Request
}

// originals are the programs here, the examples, and the C sources that the pipeline's
// tests take.
func originals(t *testing.T) []original {
	var out []original
	for _, pattern := range []string{"testdata/*.c", "../examples/*.c", "../session/testdata/programs/*.txtar"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			path, err := filepath.Abs(file)
			if err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			o := original{filepath.Base(file), text, session.Request{Path: path, NoFacts: true, Jobs: 1}}
			if filepath.Ext(file) == ".txtar" && !fromArchive(t, &o) {
				continue
			}
			out = append(out, o)
		}
	}
	if len(out) < 12 {
		t.Fatalf("only %d sources", len(out))
	}
	return out
}

// fromArchive takes the source out of an archive of the pipeline's tests; false where it
// has none that is C for a known platform and compiled as usual.
func fromArchive(t *testing.T, o *original) bool {
	archive := txtar.Parse(o.text)
	headers, err := filepath.Abs("../session/testdata/programs")
	if err != nil {
		t.Fatal(err)
	}
	o.request.Choices.Clang.Flags = []string{"-ffreestanding", "-I" + headers}
	for line := range strings.Lines(string(archive.Comment)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "platform":
			o.request.Choices.Platform = value
		case "flags", "option", "type", "termination":
			return false
		}
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, f := range archive.Files {
		path := filepath.Join(dir, f.Name)
		switch filepath.Ext(f.Name) {
		case ".c":
			o.text, o.request.Path, found = f.Data, path, true
		case ".h":
		default:
			continue
		}
		if err := os.WriteFile(path, f.Data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return found && o.request.Choices.Platform != ""
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
		original
		mutant
		broken map[string]bool // programs that fail without the change
	}
	var jobs []job
	for _, o := range originals(t) {
		out := session.Run(context.Background(), o.request)
		if out.Err != nil || len(out.Problems) > 0 {
			t.Errorf("%s: %v %v", o.name, out.Err, out.Problems)
			continue
		}
		broken := map[string]bool{}
		for _, p := range out.Report.Programs {
			if p.Verdict != "pass" {
				broken[p.Function] = true
			}
		}
		if len(broken) > 0 && filepath.Base(filepath.Dir(o.request.Path)) == "testdata" {
			t.Errorf("%s does not pass", o.name)
		}
		for _, m := range mutants(o.text) {
			if !broken[m.function] {
				jobs = append(jobs, job{o, m, broken})
			}
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
				failed, hit, fix, detail := judgeMutant(&j.original, &j.mutant, j.broken)
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
						t.Logf("%s, %s: on the guarded expression %t, fix %t: %s", j.name, j.what, hit, fix, detail)
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
func judgeMutant(o *original, m *mutant, broken map[string]bool) (failed, hit, fixed bool, detail string) {
	ctx := context.Background()
	path := o.request.Path
	req := o.request
	req.Overlay = map[string][]byte{path: m.text}
	out := session.Run(ctx, req)
	if out.Err != nil {
		return false, false, false, out.Err.Error()
	}
	for _, p := range out.Programs {
		if p.Report == nil || broken[p.Report.Function] || p.Report.Verdict != "fail" || len(p.Report.Findings) == 0 {
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
