package elfbpf

import (
	"debug/dwarf"
	"errors"
	"io"
	"testing"
)

// TestDWARF reads names, addresses and lines, which are all wrong if relocations
// are not applied.
func TestDWARF(t *testing.T) {
	for _, object := range []string{"programs.o", "programs.eb.o"} {
		t.Run(object, func(t *testing.T) {
			o, err := Parse(object, read(t, object), Options{Platform: linuxPlatform()})
			if err != nil {
				t.Fatal(err)
			}
			d, err := o.DWARF()
			if err != nil {
				t.Fatal(err)
			}
			type function struct {
				low  uint64
				line int64
			}
			functions := map[string]function{}
			files := map[string]bool{}
			r := d.Reader()
			for {
				e, err := r.Next()
				if err != nil {
					t.Fatal(err)
				}
				if e == nil {
					break
				}
				switch e.Tag {
				case dwarf.TagCompileUnit:
					if name := e.Val(dwarf.AttrName); name != "programs.c" {
						t.Errorf("compile unit %v", name)
					}
					lines, err := d.LineReader(e)
					if err != nil {
						t.Fatal(err)
					}
					for {
						var entry dwarf.LineEntry
						if err := lines.Next(&entry); errors.Is(err, io.EOF) {
							break
						} else if err != nil {
							t.Fatal(err)
						}
						if entry.File != nil {
							files[entry.File.Name] = true
						}
					}
				case dwarf.TagSubprogram:
					name, _ := e.Val(dwarf.AttrName).(string)
					low, _ := e.Val(dwarf.AttrLowpc).(uint64)
					line, _ := e.Val(dwarf.AttrDeclLine).(int64)
					functions[name] = function{low, line}
				}
			}
			for _, want := range []struct {
				name string
				function
			}{
				{"leaf", function{112, 9}}, {"middle", function{48, 14}}, {"weak_function", function{0, 19}}, {"second", function{16, 34}}, {"fourth", function{0, 50}},
			} {
				if got := functions[want.name]; got != want.function {
					t.Errorf("%s: %+v, want %+v", want.name, got, want.function)
				}
			}
			if len(files) == 0 {
				t.Error("no line table")
			}
			for name := range files {
				if name == "" {
					t.Error("a file without a name")
				}
			}
		})
	}
	o, err := Parse("data.nobtf.o", read(t, "data.nobtf.o"), Options{Platform: linuxPlatform()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.DWARF(); err == nil {
		t.Error("DWARF of an object without")
	}
}

// TestStruct looks up layouts by name.
func TestStruct(t *testing.T) {
	o, err := Parse("contexts.o", read(t, "contexts.o"), Options{Platform: windowsPlatform()})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"plain", "plain_t", "unnamed_t"} {
		s, err := o.Struct(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		same := o.Programs[0].Context
		if name == "unnamed_t" {
			same = o.Programs[2].Context
		}
		if s != same {
			t.Errorf("%s: not the layout of the program's context", name)
		}
	}
	s, err := o.Struct("plain")
	if err != nil {
		t.Fatal(err)
	}
	if m, ok := s.Lookup("data_end"); !ok || m.Offset != 8 || m.Size != 8 || !m.Pointer || m.Type != "void *" {
		t.Errorf("data_end: %+v, %v", m, ok)
	}
	if m, ok := s.Lookup("high"); !ok || m.Offset != 48 || m.Bits != 5 {
		t.Errorf("high: %+v, %v", m, ok)
	}
	if _, ok := s.Lookup("nothing"); ok {
		t.Error("a member that is not there")
	}
	for _, name := range []string{"nothing", "u32", "only_declared", ""} {
		if s, err := o.Struct(name); err == nil {
			t.Errorf("%q: %+v", name, s)
		}
	}
}

// TestSections reads sections, relocations and symbols by name.
func TestSections(t *testing.T) {
	o, err := Parse("data.o", read(t, "data.o"), Options{Platform: linuxPlatform()})
	if err != nil {
		t.Fatal(err)
	}
	if b, ok := o.Data(".data.custom"); !ok || len(b) != 4 || b[0] != 6 {
		t.Errorf(".data.custom: %v, %v", b, ok)
	}
	if _, ok := o.Data(".bss"); ok {
		t.Error("contents of .bss")
	}
	relocs := o.Relocations("socket")
	if len(relocs) != 8 || relocs[0] != (Relocation{Offset: 0, Type: Reloc64_64, Symbol: "initialised"}) || RelocationName(relocs[0].Type) != "R_BPF_64_64" {
		t.Errorf("relocations: %v", relocs)
	}
	if len(o.Relocations("nothing")) != 0 {
		t.Error("relocations of a section that is not there")
	}
	symbols := o.Symbols("socket")
	if len(symbols) != 1 || symbols[0] != (Symbol{Name: "program", Size: uint64(o.Programs[0].Size), Function: true}) {
		t.Errorf("symbols: %v", symbols)
	}
}
