package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReadme runs the commands of README.md's console blocks in examples/ and compares
// what they print; -update writes it anew.
func TestReadme(t *testing.T) {
	if _, err := exec.LookPath("clang-19"); err != nil {
		t.Skip("clang-19 is not here: install it (apt install clang-19)")
	}
	readme, err := filepath.Abs("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := filepath.Join(filepath.Dir(readme), "examples")
	old, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(examples)
	var b strings.Builder
	console, commands := false, 0
	for line := range strings.Lines(string(old)) {
		switch {
		case strings.HasPrefix(line, "```"):
			console = strings.TrimSpace(line) == "```console"
			b.WriteString(line)
		case console && strings.HasPrefix(line, "$ bpfls "):
			commands++
			b.WriteString(line)
			stdout, stderr, _ := runBpfls(t, examples, strings.Fields(line)[2:]...)
			if stderr != "" {
				t.Errorf("%s%s", line, stderr)
			}
			// Clang puts a slash behind a directory everywhere.
			stdout = strings.NewReplacer(examples+string(filepath.Separator), "", examples+"/", "").Replace(stdout)
			b.WriteString(strings.TrimRight(stdout, "\n") + "\n")
		case !console:
			b.WriteString(line)
		}
	}
	if commands < 6 {
		t.Errorf("README.md has %d commands, want three pairs", commands)
	}
	if *update {
		if err := os.WriteFile(readme, []byte(b.String()), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(old), b.String()); diff != "" {
		t.Errorf("README.md is not what bpfls prints (-README +bpfls); go test ./cmd/bpfls -run TestReadme -update writes it anew:\n%s", diff)
	}
}
