package lsp_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"bpfls/lsp"
)

// seen to fail: features runs each test of docs/features.md with its feature off.
var features = flag.Bool("features", false, "switch each feature off and see its test fail")

// feature is a row of docs/features.md.
type feature struct {
	name, methods, off string
	tests              []string
}

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
		row := feature{name: strings.TrimSpace(cells[1]), methods: cells[2], off: strings.TrimSpace(cells[3])}
		row.tests = regexp.MustCompile(`\bTest\w+`).FindAllString(cells[4], -1)
		rows = append(rows, row)
	}
	return rows
}

// TestFeaturesDocumented holds docs/features.md against the server: every switch and every
// test that it names is there, and every switch has a row.
func TestFeaturesDocumented(t *testing.T) {
	var tests []string
	for _, pattern := range []string{"*_test.go", "../clangdriver/*_test.go", "../session/*_test.go", "../mcp/*_test.go"} {
		files, _ := filepath.Glob(pattern)
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllSubmatch(text, -1) {
				tests = append(tests, string(m[1]))
			}
		}
	}
	var switches []string
	for _, row := range documented(t) {
		if len(row.tests) == 0 {
			t.Errorf("%s: no test", row.name)
		}
		for _, name := range row.tests {
			if !slices.Contains(tests, name) {
				t.Errorf("%s: there is no test %s", row.name, name)
			}
		}
		if row.off == "" {
			continue
		}
		switches = append(switches, row.off)
		if err := lsp.CheckFeatures([]string{row.off}); err != nil {
			t.Errorf("%s: %v", row.name, err)
		}
	}
	for _, name := range lsp.Features() {
		if !slices.Contains(switches, name) {
			t.Errorf("the switch %s has no row in docs/features.md", name)
		}
	}
}

// TestFeaturesMatter switches each feature off; its test must fail.
func TestFeaturesMatter(t *testing.T) {
	if !*features {
		t.Skip("runs most tests of this package again: make features")
	}
	for _, row := range documented(t) {
		if row.off == "" {
			continue
		}
		t.Run(row.off+" "+row.name, func(t *testing.T) {
			for _, name := range row.tests {
				cmd := exec.Command(os.Args[0], "-test.run", "^"+name+"$", "-without", row.off, "-until", "3s")
				if out, err := cmd.CombinedOutput(); err == nil {
					t.Errorf("%s passes without %s:\n%s", name, row.off, out)
				}
			}
		})
	}
}
