package main

import (
	"os/exec"
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

// TestLean lists what must not be linked into bpfls: all that is linked is initialised
// at the start of a process, which is most of the time that a verdict takes.
func TestLean(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for name := range strings.Lines(string(out)) {
		name = strings.TrimSpace(name)
		for _, heavy := range []string{
			"bpfls/lsp", "bpfls/mcp", "bpfls/cmd/internal/server", "go.lsp.dev/", "github.com/modelcontextprotocol/",
			"net/http", "crypto/tls", "encoding/gob", "testing",
		} {
			if name == heavy || strings.HasSuffix(heavy, "/") && strings.HasPrefix(name, heavy) {
				t.Errorf("%s is linked into bpfls", name)
			}
		}
	}
}
