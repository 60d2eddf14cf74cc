package soundness

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	plant        = flag.Bool("soundness.plant", false, "plant bugs in the verifier and see whether the soundness tests find them")
	plantOnly    = flag.String("soundness.plant.only", "", "plant only bugs whose name matches this regular expression")
	plantBudget  = flag.String("soundness.plant.programs", "4000", "accepted programs to run before a planted bug counts as not found")
	plantAllowed = flag.Int("soundness.plant.missed", 2, "planted bugs that may stay unfound")
)

// path is the absolute path of the file that a bug changes.
func (b *plantedBug) path(t testing.TB) string {
	path, err := filepath.Abs(filepath.Join("..", "verifier", filepath.FromSlash(b.file)))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// changed is the text of the file with the bug.
func (b *plantedBug) changed(t testing.TB) (string, error) {
	text, err := os.ReadFile(b.path(t))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), b.old); n != 1 {
		return "", fmt.Errorf("the text to replace stands in verifier/%s %d times, not once; say in planted_test.go what it is now:\n%s", b.file, n, b.old)
	}
	return strings.Replace(string(text), b.old, b.new, 1), nil
}

// TestPlantedBugsApply looks whether each planted bug can still be planted: its text
// stands in its file once, and what comes out is Go.
func TestPlantedBugsApply(t *testing.T) {
	names := map[string]bool{}
	entries := 0
	for i := range planted {
		b := &planted[i]
		if names[b.name] {
			t.Errorf("%s: there are two bugs of that name", b.name)
		}
		names[b.name] = true
		if b.changelog != "" {
			entries++
		}
		text, err := b.changed(t)
		if err != nil {
			t.Errorf("%s: %v", b.name, err)
			continue
		}
		if _, err := parser.ParseFile(token.NewFileSet(), b.file, text, parser.SkipObjectResolution); err != nil {
			t.Errorf("%s: %v", b.name, err)
		}
	}
	if len(planted) < 40 || entries < 10 {
		t.Errorf("%d bugs, %d of them from PREVAIL's changelog; there should be 40 and 10", len(planted), entries)
	}
}

var foundAfter = regexp.MustCompile(`first violation after (\d+) programs`)

// TestPlantedBugs plants bugs one by one and runs TestSoundness and, if it finds
// nothing, TestSoundnessBigEndian on the result, for bugs of big-endian machines only that.
// An analysis that does not end any more is found when the test's time is over ("panic"):
// a bug that they do not find shows what the soundness tests cannot see.
func TestPlantedBugs(t *testing.T) {
	if !*plant {
		t.Skip("make mutants runs it")
	}
	only, err := regexp.Compile(*plantOnly)
	if err != nil {
		t.Fatal(err)
	}
	type outcome struct {
		tried bool
		test  string
		after string
		text  string // why it was not tried, or what was found
	}
	results := make([]outcome, len(planted))
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(2, runtime.GOMAXPROCS(0)) {
		dir := t.TempDir()
		wg.Go(func() {
			for i := range next {
				r, b := &results[i], &planted[i]
				began := time.Now()
				binary, err := b.build(t, dir)
				if err != nil {
					r.text = err.Error()
					continue
				}
				r.tried = true
				tests := []string{"TestSoundness", "TestSoundnessBigEndian"}
				if strings.Contains(b.name, "big-endian") {
					tests = tests[1:]
				}
				for _, test := range tests {
					run := exec.Command(binary, "-test.run", "^"+test+"$", "-test.timeout", "10m",
						"-soundness.first", "-soundness.programs", *plantBudget, "-soundness.steps", "1")
					run.Env = append(os.Environ(), "GOMAXPROCS=1")
					out, err := run.CombinedOutput()
					if err == nil {
						continue
					}
					r.test, r.text = test, string(out)
					if m := foundAfter.FindSubmatch(out); m != nil {
						r.after = string(m[1])
					} else if bytes.Contains(out, []byte("panic:")) {
						r.after = "panic"
					} else {
						r.after = "?"
					}
					break
				}
				fmt.Fprintf(os.Stderr, "%s: %s %s (%.0f s)\n", b.name, r.test, r.after, time.Since(began).Seconds())
			}
		})
	}
	for i := range planted {
		if only.MatchString(planted[i].name) {
			next <- i
		} else {
			results[i].text = "left out"
		}
	}
	close(next)
	wg.Wait()

	var table strings.Builder
	tried, found, entries := 0, 0, 0
	for i := range planted {
		r, b := &results[i], &planted[i]
		if !r.tried {
			if r.text != "left out" {
				t.Errorf("%s: %s", b.name, r.text)
			}
			continue
		}
		tried++
		where := "NOT FOUND"
		if r.test != "" {
			found++
			if b.changelog != "" {
				entries++
			}
			where = r.after
			if r.test != "TestSoundness" {
				where += " (big-endian)"
			}
			if *plantOnly != "" {
				t.Logf("%s:\n%s", b.name, r.text)
			}
		}
		fmt.Fprintf(&table, "%-66s %-8s %s\n", b.name, b.changelog, where)
	}
	t.Logf("bug, version of PREVAIL whose changelog names it, programs until it was found\n%s", table.String())
	for _, e := range impossible {
		t.Logf("in PREVAIL's changelog, not planted: %s: %s", e.entry, e.why)
	}
	t.Logf("%d of %d planted bugs found, %d of them from PREVAIL's changelog", found, tried, entries)
	if tried-found > *plantAllowed {
		t.Errorf("%d planted bugs were not found", tried-found)
	}
}

// build builds this package's tests with the bug.
func (b *plantedBug) build(t testing.TB, dir string) (binary string, err error) {
	text, err := b.changed(t)
	if err != nil {
		return "", err
	}
	changed := filepath.Join(dir, filepath.Base(b.file))
	if err := os.WriteFile(changed, []byte(text), 0o666); err != nil {
		return "", err
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{b.path(t): changed}})
	if err != nil {
		return "", err
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o666); err != nil {
		return "", err
	}
	binary = filepath.Join(dir, "soundness.test")
	if out, err := exec.Command("go", "test", "-vet=off", "-ldflags=-s -w", "-overlay", list, "-c", "-o", binary, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("does not build: %s", out)
	}
	return binary, nil
}
