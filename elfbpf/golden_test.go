package elfbpf

//go:generate ./testdata/generate.sh

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"bpfls/isa"
	"bpfls/platform"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// objects are the objects in testdata, each built from the C source of the same
// name by generate.sh, with the platform that reads it.
var objects = []struct {
	name     string
	windows  bool
	optimise string // how clang builds it
	flags    []string
}{
	{name: "programs"},
	{name: "programs.eb", flags: []string{"-target", "bpfeb"}},
	{name: "legacy_linux"},
	{name: "legacy_short"},
	{name: "legacy_windows", windows: true},
	{name: "btf_maps"},
	{name: "btf_maps.eb", flags: []string{"-target", "bpfeb"}},
	{name: "data"},
	{name: "data.nobtf", flags: []string{"-g0"}},
	{name: "externs"},
	{name: "unresolved", windows: true},
	{name: "core"},
	{name: "core_flexible"},
	{name: "contexts"},
	{name: "callx", windows: true, optimise: "-O0"},
	{name: "recursive"},
}

func (s *Struct) text(indent string) string {
	var b strings.Builder
	kind := "struct"
	if s.Union {
		kind = "union"
	}
	fmt.Fprintf(&b, "%s%s %s: %d bytes\n", indent, kind, s.Name, s.Size)
	for _, m := range s.Members {
		fmt.Fprintf(&b, "%s  %3d %3d %s: %s", indent, m.Offset, m.Size, m.Name, m.Type)
		if m.Bits != 0 {
			fmt.Fprintf(&b, ", %d bits", m.Bits)
		}
		if m.Pointer {
			b.WriteString(", pointer")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// outline is what an object holds apart from its code.
func outline(o *Object) string {
	var b strings.Builder
	if o.Err != nil {
		fmt.Fprintf(&b, "error: %v\n", o.Err)
	}
	for _, m := range o.Maps {
		fmt.Fprintf(&b, "map %d %q: section %s type %d key %d (%s) value %d (%s) entries %d inner %d pinning %d template %v global %v\n",
			m.FD, m.Name, m.Section, m.Type, m.KeySize, m.KeyType, m.ValueSize, m.ValueType, m.MaxEntries, m.InnerFD, m.Pinning, m.Template, m.Global)
	}
	for _, p := range o.Programs {
		fmt.Fprintf(&b, "program %s in %s", p.Name, p.Section)
		if p.ContextType != "" {
			fmt.Fprintf(&b, ", context %s", p.ContextType)
		}
		b.WriteByte('\n')
		if p.Err != nil {
			fmt.Fprintf(&b, "  error: %v\n", p.Err)
		}
		if p.Context != nil {
			b.WriteString(p.Context.text("  "))
		}
		for _, s := range p.Subs {
			fmt.Fprintf(&b, "  appended %s of %s\n", s.Name, s.Section)
		}
		for _, r := range p.Relocs {
			fmt.Fprintf(&b, "  %s %s\n", RelocationName(r.Type), r.Symbol)
		}
		if n := len(p.IndirectHelperCalls()); n > 0 {
			fmt.Fprintf(&b, "  %d indirect calls of helpers\n", n)
		}
	}
	return b.String()
}

// listing is the code of an object's programs with the lines that it comes from.
func listing(o *Object) string {
	var b strings.Builder
	for _, p := range o.Programs {
		fmt.Fprintf(&b, "\n%s %s at %d, %d bytes\n", p.Section, p.Name, p.Offset, p.Size)
		insts, err := isa.Decode(p.Code)
		if err != nil {
			fmt.Fprintf(&b, "  %v\n", err)
			continue
		}
		last := Line{}
		for i := range insts {
			for _, s := range p.Subs {
				if s.Slot == i {
					fmt.Fprintf(&b, "  <%s, at %d, %d bytes>\n", s.Name, s.Offset, s.Size)
				}
			}
			line, _ := p.Line(i)
			if line != last {
				fmt.Fprintf(&b, "  ; %d:%d %s\n", line.Line, line.Column, strings.TrimSpace(line.Text))
				last = line
			}
			if insts[i].Slots != 0 {
				fmt.Fprintf(&b, "%5d: %s\n", i, isa.Text(&insts[i], nil))
			}
		}
	}
	return b.String()
}

func testPlatform(windows bool) *platform.Platform {
	if windows {
		return windowsPlatform()
	}
	return linuxPlatform()
}

func TestGolden(t *testing.T) {
	for _, tt := range objects {
		t.Run(tt.name, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join("testdata", tt.name+".o"))
			if err != nil {
				t.Fatal(err)
			}
			o, err := Parse(tt.name+".o", data, Options{Platform: testPlatform(tt.windows)})
			if err != nil {
				t.Fatal(err)
			}
			got := outline(o) + listing(o)
			golden := filepath.Join("testdata", tt.name+".golden")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("differs from %s (-want +got), see -update:\n%s", golden, diff)
			}
		})
	}
}

// TestCompiled compiles the sources and compares what does not depend on the
// compiler's version.
func TestCompiled(t *testing.T) {
	clang, err := exec.LookPath("clang-19")
	if err != nil {
		t.Skip("clang-19 is not installed")
	}
	for _, tt := range objects {
		t.Run(tt.name, func(t *testing.T) {
			source := strings.TrimSuffix(strings.TrimSuffix(tt.name, ".eb"), ".nobtf") + ".c"
			out := filepath.Join(t.TempDir(), "a.o")
			args := []string{"-target", "bpf", "-O2", "-g"}
			if tt.optimise != "" {
				args = append(args, tt.optimise)
			}
			args = append(append(args, tt.flags...), "-c", "-o", out, source)
			cmd := exec.Command(clang, args...)
			cmd.Dir = "testdata"
			if text, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("clang: %v\n%s", err, text)
			}
			data, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			o, err := Parse(tt.name+".o", data, Options{Platform: testPlatform(tt.windows)})
			if err != nil {
				t.Fatal(err)
			}
			got := outline(o)
			want, err := os.ReadFile(filepath.Join("testdata", tt.name+".golden"))
			if err != nil {
				t.Fatal(err)
			}
			before, _, _ := strings.Cut(string(want), "\n\n")
			if diff := cmp.Diff(strings.TrimSpace(before), strings.TrimSpace(got)); diff != "" {
				t.Errorf("compiled anew (-want +got):\n%s", diff)
			}
		})
	}
}
