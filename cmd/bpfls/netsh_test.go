package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bpfls/cmd/internal/cli"
)

// runBpfls runs the command line in this process, in a directory.
func runBpfls(t *testing.T, dir string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	p := &cli.Program{Ctx: context.Background(), Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Dir: dir}
	code = p.Run(commands, args)
	return out.String(), errs.String(), code
}

// shared returns a directory of reference data, or skips the test.
func shared(t *testing.T, name string) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", "..", "..", "shared", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the reference data ../shared/%s are not here", name)
	}
	return dir
}

// TestNetsh compares listings with those of netsh's own library, line by line.
// Each golden file of ../shared/netsh holds several, below lines "== KIND ARGS".
func TestNetsh(t *testing.T) {
	dir := shared(t, "netsh")
	goldens, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(goldens) == 0 {
		t.Fatalf("no goldens: %v", err)
	}
	compared := map[string]int{}
	for _, golden := range goldens {
		data, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		object := strings.TrimSuffix(golden, ".txt") + ".o"
		for _, part := range strings.Split("\n"+string(data), "\n== ")[1:] {
			head, want, _ := strings.Cut(part, "\n")
			t.Run(filepath.Base(object)+" "+head, func(t *testing.T) {
				words := strings.Fields(head)
				kind := words[0]
				args := []string{"--platform", "windows", "--format", "netsh"}
				var positional []string
				for _, w := range words[1:] {
					if typ, ok := strings.CutPrefix(w, "type="); ok {
						args = append(args, "--type", typ)
					} else {
						positional = append(positional, w)
					}
				}
				switch kind {
				case "sections", "disassembly":
					command := map[string]string{"sections": "sections", "disassembly": "disassemble"}[kind]
					args = append(append([]string{command, object}, positional...), args...)
				case "verification":
					args = append([]string{"verify", "--section", positional[0], "--program", positional[1], object}, args...)
				case "verification-verbose":
					args = append([]string{"verify", "--level", "verbose", "--section", positional[0], "--program", positional[1], object}, args...)
				case "verification-informational":
					args = append([]string{"verify", "--level", "informational", "--section", positional[0], "--program", positional[1], object}, args...)
				default:
					t.Fatalf("unknown listing %q", kind)
				}
				got, stderr, _ := runBpfls(t, dir, args...)
				if kind == "sections" {
					got, _, _ = strings.Cut(got, "\n                     Key  Value") // the goldens have programs only
				}
				if diff := cmp.Diff(lines(want), lines(got)); diff != "" {
					t.Errorf("bpfls %s (-netsh +bpfls):\n%s%s", strings.Join(args, " "), diff, stderr)
				}
				compared[kind]++
			})
		}
	}
	t.Logf("compared: %v", compared)
}

func lines(s string) []string { return strings.Split(strings.TrimRight(s, "\n"), "\n") }
