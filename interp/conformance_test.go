package interp

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bpfls/isa"
	"bpfls/platform"
	"bpfls/soundness"
)

// conformancePlatform has the one helper that the conformance tests call.
var conformancePlatform = &platform.Platform{
	Name:    "conformance",
	General: []platform.Helper{{ID: 5, Name: "unwind", Args: [5]platform.ArgType{platform.ArgAnything}}},
	Options: platform.Options{CallX: true},
	Unknown: &platform.ProgramType{Name: "conformance", Context: &platform.Context{Data: -1, End: -1, Meta: -1}},
}

// TestConformanceISA runs the concrete instruction-set cases of bpf_conformance
// (assembly, memory, expected r0).
func TestConformanceISA(t *testing.T) {
	files, _ := filepath.Glob("../../shared/conformance/isa/*.data")
	if len(files) == 0 {
		t.Skip("../shared/conformance/isa is not there")
	}
	passed := 0
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".data")
		if t.Run(name, func(t *testing.T) { runConformance(t, file) }) {
			passed++
		}
	}
	t.Logf("%d of %d instruction-set cases pass", passed, len(files))
}

func runConformance(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c, err := soundness.ReadCase(string(text))
	if err != nil {
		t.Fatal(err)
	}
	insts, err := isa.Decode(c.Code)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	m := New(Program{Insts: insts, Platform: conformancePlatform, Type: conformancePlatform.Unknown}, Input{Memory: c.Memory}, Options{})
	got, err := m.Run(context.Background(), 100_000)
	if err != nil || got != c.Result {
		t.Errorf("got %#x, %v; want %#x\n%s", got, err, c.Result, text)
	}
}
