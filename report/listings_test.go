package report

import (
	"context"
	"os"
	"strings"
	"testing"

	"bpfls/elfbpf"
	"bpfls/linuxhooks"
	"bpfls/platform"
	"bpfls/verifier"
)

// TestListings writes the listings of a small object: each has what it is for. The
// command line's scripts compare them whole, with llvm-objdump's and netsh's own.
func TestListings(t *testing.T) {
	data, err := os.ReadFile("../elfbpf/testdata/programs.o")
	if err != nil {
		t.Fatal(err)
	}
	p := linuxhooks.Platform()
	o, err := elfbpf.Parse("programs.o", data, elfbpf.Options{Platform: p})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := ELFSections(&b, o); err != nil || !strings.Contains(b.String(), ".text") {
		t.Errorf("sections: %v\n%s", err, b.String())
	}
	b.Reset()
	if err := Objdump(&b, o, ObjdumpOptions{}); err != nil || !strings.Contains(b.String(), "R_BPF_64_32") {
		t.Errorf("objdump: %v\n%s", err, b.String())
	}
	b.Reset()
	if err := Hooks(&b, []*platform.Platform{p}); err != nil || !strings.Contains(b.String(), "xdp") {
		t.Errorf("hooks: %v\n%s", err, b.String())
	}
	xdp, ok := p.TypeByName("xdp")
	if !ok {
		t.Fatal("Linux has no xdp")
	}
	prog := o.Programs[0]
	r, err := verifier.Analyze(context.Background(), verifier.Input{Code: prog.Code, Platform: p, Type: xdp}, verifier.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b.Reset()
	if err := NetshVerification(&b, prog, r); err != nil || !strings.Contains(b.String(), "Verification ") {
		t.Errorf("netsh: %v\n%s", err, b.String())
	}
}
