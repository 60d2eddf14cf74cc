package bpfls_test

import (
	"encoding/json"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// rooms is the architecture as a rule: which packages of this module each package
// may import (docs/architecture.md says why). A package that is not listed fails
// the test, so that a new room is a decision.
var rooms = map[string][]string{
	"isa":                   {},
	"position":              {},
	"csource":               {"position"},
	"platform":              {"isa"},
	"winhooks":              {"platform"},
	"linuxhooks":            {"platform"},
	"settings":              {"platform"},
	"elfbpf":                {"isa", "platform"},
	"verifier/zone":         {"isa"},
	"verifier/paged":        {},
	"verifier/cfg":          {"isa", "platform", "verifier/paged"},
	"verifier":              {"isa", "platform", "verifier/zone", "verifier/cfg", "verifier/paged"},
	"interp":                {"isa", "platform"},
	"soundness":             {"isa", "platform"},
	"diskcache":             {},
	"clangdriver":           {"diskcache"},
	"docs/findings":         {},
	"explain":               {"csource", "docs/findings", "elfbpf", "isa", "platform", "position", "verifier"},
	"report":                {"elfbpf", "explain", "isa", "platform", "position", "verifier", "verifier/cfg"},
	"repair":                {"csource", "elfbpf", "explain", "interp", "isa", "platform", "position", "verifier"},
	"session":               {"clangdriver", "elfbpf", "explain", "isa", "linuxhooks", "platform", "position", "repair", "settings", "verifier", "winhooks"},
	"mcp":                   {"explain", "position", "report", "session"},
	"lsp":                   {"explain", "position", "report", "session"},
	"cmd/bpfls":             {"cmd/internal/cli", "cmd/internal/hugepage", "elfbpf", "explain", "linuxhooks", "platform", "report", "session", "verifier", "winhooks"},
	"cmd/bpfls-server":      {"cmd/internal/server"},
	"cmd/internal/cli":      {"report", "session", "settings"},
	"cmd/internal/hugepage": {},
	"cmd/internal/server":   {"clangdriver", "cmd/internal/cli", "diskcache", "explain", "lsp", "mcp", "session"},
	"bench/corpus":          {"elfbpf", "linuxhooks", "platform", "verifier"},
	"bench/shapes":          {"isa", "platform"},
	"bench/save":            {},
	"bench/scale":           {"bench/shapes", "linuxhooks", "verifier"},
	"bench/explain":         {"elfbpf", "explain", "isa", "session", "verifier"},
	"bench/differential":    {"elfbpf", "isa", "linuxhooks", "platform", "soundness", "verifier"},
}

// restricted lists packages from outside that only some rooms may import.
var restricted = map[string][]string{
	"go.lsp.dev/":                      {"lsp"},
	"github.com/fsnotify/":             {"session"},
	"os/exec":                          {"clangdriver", "cmd/bpfls", "bench/corpus", "bench/differential", "bench/save", "bench/scale"},
	"net":                              {"cmd/internal/server", "mcp"},
	"net/http":                         {"mcp"},
	"github.com/modelcontextprotocol/": {"cmd/internal/server", "mcp"},
	"os":                               {"clangdriver", "diskcache", "session", "cmd/bpfls", "cmd/internal/cli", "cmd/internal/server", "bench/corpus", "bench/differential", "bench/explain", "bench/save", "bench/scale"},
	"time":                             {"clangdriver", "diskcache", "settings", "session", "lsp", "mcp", "cmd/bpfls", "cmd/internal/cli", "bench/corpus", "bench/differential", "bench/save", "bench/scale"},
	"github.com/cilium/ebpf":           {"elfbpf"},
	"debug/dwarf":                      {"elfbpf", "explain", "report"},
	"debug/elf":                        {"elfbpf", "bench/differential"},
}

func TestImports(t *testing.T) {
	type pkg struct {
		ImportPath string
		Imports    []string
	}
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		room, ok := strings.CutPrefix(p.ImportPath, "bpfls/")
		if !ok || strings.Contains(room, "/internal/") && rooms[room] == nil || strings.Contains(room, "/testdata/") {
			continue
		}
		allowed, ok := rooms[room]
		if !ok {
			t.Errorf("package %s is in no room: add it to the rooms of this test and to docs/architecture.md", room)
			continue
		}
		for _, imported := range p.Imports {
			if inner, ok := strings.CutPrefix(imported, "bpfls/"); ok {
				own := strings.HasPrefix(inner, room+"/internal/")
				if !own && !slices.Contains(allowed, inner) {
					t.Errorf("%s must not know %s", room, inner)
				}
				continue
			}
			for prefix, who := range restricted {
				match := imported == prefix || strings.HasSuffix(prefix, "/") && strings.HasPrefix(imported, prefix)
				if match && !slices.Contains(who, room) {
					t.Errorf("%s must not import %s; only %s may", room, imported, strings.Join(who, ", "))
				}
			}
		}
	}
}
