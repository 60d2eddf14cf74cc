package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bpfls/cmd/internal/cli"
)

// contract lists the fields of the JSON form, schema 1, by the path of their object.
// None is ever dropped; new ones may come.
var contract = map[string][]string{
	"":       {"files", "platform", "schema", "tool"},
	".tool":  {"name", "version"},
	".files": {"error", "path", "programs"},
	".files.programs": {"asserts", "engine", "engines", "findings", "function", "instructions", "loop_bound", "reason", "section",
		"stack", "type", "verdict"},
	".files.programs.engines": {"engine", "processed_instructions", "reason", "seconds", "verdict"},
	".files.programs.findings": {"call_path", "class", "class_reason", "code", "column", "consequences", "end_column", "end_line", "engine", "file",
		"fixes", "instruction", "label", "line", "message", "missing_fact", "missing_fact_line", "no_fix", "related", "severity", "verifier_message", "witness"},
	".files.programs.findings.related": {"column", "end_column", "end_line", "file", "line", "message"},
}

// TestJSON verifies the examples as a document and compares it with the golden;
// times and the version are masked.
func TestJSON(t *testing.T) {
	if _, err := exec.LookPath("clang-19"); err != nil {
		t.Skip("clang-19 is not here: install it (apt install clang-19)")
	}
	golden, err := filepath.Abs("testdata/examples.json")
	if err != nil {
		t.Fatal(err)
	}
	examples, err := filepath.Abs("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(examples)
	files, err := filepath.Glob("*.c")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	got, stderr, code := runBpfls(t, examples, append([]string{"verify", "--format", "json"}, files...)...)
	if code != cli.Fail {
		t.Errorf("exit code %d, want %d\n%s", code, cli.Fail, stderr)
	}
	var doc any
	if err := json.Unmarshal([]byte(got), &doc); err != nil {
		t.Fatalf("%v\n%s", err, got)
	}
	seen := map[string]bool{}
	checkFields(t, doc, "", seen)
	for path := range contract {
		if !seen[path] {
			t.Errorf("the examples show no object at %q", path)
		}
	}
	masked := regexp.MustCompile(`"seconds": [0-9.e-]+`).ReplaceAllString(got, `"seconds": 0`)
	masked = regexp.MustCompile(`"version": "[^"]*"`).ReplaceAllString(masked, `"version": ""`)
	if *update {
		if err := os.WriteFile(golden, []byte(masked), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(masked, "\n")); diff != "" {
		t.Errorf("(-golden +got)\n%s", diff)
	}
}

func checkFields(t *testing.T, v any, path string, seen map[string]bool) {
	t.Helper()
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			checkFields(t, e, path, seen)
		}
	case map[string]any:
		seen[path] = true
		var names []string
		for name, field := range v {
			names = append(names, name)
			checkFields(t, field, path+"."+name, seen)
		}
		slices.Sort(names)
		for _, field := range contract[path] {
			if !slices.Contains(names, field) {
				t.Errorf("an object at %q lacks the field %s", path, field)
			}
		}
	}
}
