package lsp_test

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"bpfls/lsp"
	"bpfls/mcp"
	"bpfls/session"
)

// features runs each test of docs/features.md with its feature on, and off.
var features = flag.Bool("features", false, "switch each feature off and see its tests fail")

// feature is a row of docs/features.md.
type feature struct {
	name string
	off  []string // switches; each of the tests fails with each of them
	also bool     // switched off by hand, too, not in tests alone
	test []testCase
}

// testCase is a test, or one of its subtests.
type testCase struct{ name, sub string }

func (c testCase) String() string {
	if c.sub == "" {
		return c.name
	}
	return c.name + "/" + strings.ReplaceAll(c.sub, " ", "_")
}

var (
	testName = regexp.MustCompile(`\bTest\w+|"[^"]+"`)
	switches = regexp.MustCompile(`\w+`)
	// failure is what a failed test says first, or Node of a scenario of TestAcceptance.
	failure = regexp.MustCompile(`(?:_test\.go:\d+: |\n +error: (?:\|-\n +)?)(.+)`)
)

// documented reads the table: "| feature | methods | switch, ... | Test, Test "subtest", "subtest" |".
// A switch with a star behind it is for tests alone.
func documented(t *testing.T) (rows []feature) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "docs", "features.md"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if len(cells) != 6 || strings.Contains(cells[1], "---") || strings.TrimSpace(cells[1]) == "feature" {
			continue
		}
		row := feature{name: strings.TrimSpace(cells[1]), off: switches.FindAllString(cells[3], -1), also: !strings.Contains(cells[3], "*")}
		last := ""
		for _, word := range testName.FindAllString(cells[4], -1) {
			if sub, ok := strings.CutPrefix(word, "\""); ok {
				row.test = append(row.test, testCase{last, strings.TrimSuffix(sub, "\"")})
				continue
			}
			row.test = append(row.test, testCase{name: word})
			last = word
		}
		// A test whose subtests are named is not meant as a whole.
		row.test = slices.DeleteFunc(row.test, func(c testCase) bool {
			return c.sub == "" && slices.ContainsFunc(row.test, func(other testCase) bool { return other.name == c.name && other.sub != "" })
		})
		rows = append(rows, row)
	}
	return rows
}

// testPackages are the packages that have tests of features.
var testPackages = []string{"lsp", "session", "clangdriver", "mcp"}

// packageOf finds the package of each test.
func packageOf(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, name := range testPackages {
		files, _ := filepath.Glob(filepath.Join("..", name, "*_test.go"))
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllSubmatch(text, -1) {
				if all[string(m[1])] == "" {
					all[string(m[1])] = name
				}
			}
		}
	}
	return all
}

// TestFeaturesDocumented holds docs/features.md against the server: every row has a switch
// and tests that exist, and every switch has a row.
func TestFeaturesDocumented(t *testing.T) {
	tests := packageOf(t)
	var seen []string
	for _, row := range documented(t) {
		if len(row.test) == 0 {
			t.Errorf("%s: no test", row.name)
		}
		for _, c := range row.test {
			if tests[c.name] == "" {
				t.Errorf("%s: there is no test %s", row.name, c.name)
			}
		}
		if len(row.off) == 0 {
			t.Errorf("%s: no switch", row.name)
		}
		for _, name := range row.off {
			seen = append(seen, name)
			if slices.Contains(mcp.Tools, name) {
				continue // bpfls mcp --without
			}
			if !slices.Contains(lsp.TestedFeatures(), name) {
				t.Errorf("%s: there is no switch %s", row.name, name)
			}
			if !lsp.Harness && row.also != (lsp.CheckFeatures([]string{name}) == nil) {
				t.Errorf("%s: %s: a star is for what only builds for tests switch off: %v", row.name, name, lsp.CheckFeatures([]string{name}))
			}
		}
	}
	for _, name := range append(lsp.TestedFeatures(), mcp.Tools...) {
		if !slices.Contains(seen, name) {
			t.Errorf("the switch %s has no row in docs/features.md", name)
		}
	}
	for _, name := range session.WithoutNames() {
		if !slices.Contains(lsp.TestedFeatures(), name) {
			t.Errorf("the server cannot switch %s off", name)
		}
	}
}

// TestFeaturesMatter runs the tests of each row, which must pass, and again with its feature
// switched off: each must fail then.
func TestFeaturesMatter(t *testing.T) {
	if !*features || !lsp.Harness {
		t.Skip("runs many tests again and again: make features")
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	build := func(args ...string) {
		run(t, root, nil, "go", append([]string{args[0], "-tags", "harness"}, args[1:]...)...)
	}
	build("build", "-o", bin+string(filepath.Separator), "./cmd/...")
	for _, name := range testPackages {
		build("test", "-c", "-o", filepath.Join(bin, name+".test"), "./"+name)
	}
	if _, err := exec.LookPath("npm"); err == nil {
		acceptanceClient(t) // once, before several tests want it
	}
	packages := packageOf(t)
	// runTest runs one test, and says whether it passed, failed or did neither.
	runTest := func(t *testing.T, c testCase, args ...string) (result string, out []byte) {
		pattern := "^" + c.name + "$"
		switch {
		case c.name == "TestAcceptance":
			args = append(args, "-case", c.sub)
		case c.sub != "":
			pattern += "/^" + regexp.QuoteMeta(c.sub) + "$"
		}
		name := packages[c.name]
		args = append([]string{"-test.v", "-test.timeout", "4m", "-test.run", pattern}, args...)
		if name == "lsp" {
			args = append(args, "-server", filepath.Join(bin, "bpfls"))
		}
		cmd := exec.Command(filepath.Join(bin, name+".test"), args...)
		cmd.Dir = filepath.Join(root, name)
		out, _ = cmd.CombinedOutput()
		switch {
		case bytes.Contains(out, []byte("--- FAIL: "+c.String()+" (")):
			return "fail", out
		case bytes.Contains(out, []byte("--- PASS: "+c.String()+" (")):
			return "pass", out
		case bytes.Contains(out, []byte("--- SKIP: "+c.name)):
			return "skip", out
		}
		return "neither", out
	}
	var mu sync.Mutex
	on := map[testCase]func() (string, []byte){}
	for _, row := range documented(t) {
		for _, off := range row.off {
			t.Run(off+" "+row.name, func(t *testing.T) {
				t.Parallel()
				for _, c := range row.test {
					mu.Lock()
					if on[c] == nil {
						on[c] = sync.OnceValues(func() (string, []byte) { return runTest(t, c) })
					}
					once := on[c]
					mu.Unlock()
					switch result, out := once(); result {
					case "skip":
						t.Skipf("%s cannot be run here:\n%s", c, out)
					case "pass":
					default:
						t.Fatalf("with everything %s should pass: %s\n%s", c, result, out)
					}
					args := []string{"-without", off}
					if slices.Contains([]string{"lsp", "session"}, packages[c.name]) {
						args = append(args, "-until", "3s")
					}
					result, out := runTest(t, c, args...)
					if result != "fail" {
						t.Errorf("without %s %s should fail: %s\n%s", off, c, result, out)
						continue
					}
					why := ""
					for _, said := range failure.FindAllSubmatch(out, -1) {
						if text := string(said[1]); why == "" && !strings.HasPrefix(text, "seed ") && !strings.Contains(text, "# SKIP") && !strings.HasSuffix(text, ": exit status 1") {
							why = text
						}
					}
					if why == "" {
						t.Errorf("without %s %s fails and does not say why:\n%s", off, c, out)
					}
					t.Logf("without %s %s fails: %.300s", off, c, why)
				}
			})
		}
	}
}
