package server

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"bpfls/cmd/internal/cli"
)

// TestGrammars makes sure that every command declares its flags once, with help.
func TestGrammars(t *testing.T) {
	for _, problem := range cli.Problems(commands) {
		t.Error(problem)
	}
}

// TestFor runs the program as bpfls does, and as it should not be run.
func TestFor(t *testing.T) {
	tests := []struct {
		args   []string
		code   int
		stdout string
		stderr string
	}{
		{args: []string{cli.ForFlag, cli.Version()}},
		{args: []string{cli.ForFlag, "0.0.1"}, code: 2, stderr: "is of version " + cli.Version() + ", and bpfls beside it is of version 0.0.1: put both"},
		{args: []string{cli.ForFlag, "0.0.1", "lsp", "--help"}, code: 2, stderr: "is of version"},
		{args: []string{cli.ForFlag, cli.Version(), "lsp", "--help"}, stdout: "Usage: bpfls lsp [flags]"},
		{args: []string{cli.ForFlag, cli.Version(), "mcp", "--nonsense"}, code: 2, stderr: "see bpfls mcp --help"},
		{args: []string{"mcp", "--help"}, stdout: "Usage: bpfls mcp"},
		{args: nil, code: 2, stderr: "use bpfls lsp or bpfls mcp"},
		{args: []string{"verify"}, code: 2, stderr: "there is no command verify"},
	}
	for _, test := range tests {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			var out, errs bytes.Buffer
			p := &cli.Program{Ctx: context.Background(), Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs}
			if code := run(p, test.args); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			if !strings.Contains(out.String(), test.stdout) || test.stdout == "" && out.Len() > 0 {
				t.Errorf("standard output %q, want %q", out.String(), test.stdout)
			}
			if !strings.Contains(errs.String(), test.stderr) || test.stderr == "" && errs.Len() > 0 {
				t.Errorf("standard error %q, want %q", errs.String(), test.stderr)
			}
		})
	}
}
