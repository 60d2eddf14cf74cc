package elfbpf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// patch is an object that is changed in place.
type patch struct {
	t    testing.TB
	data []byte
	f    *elfFile
}

func newPatch(t testing.TB, name string) *patch {
	data := bytes.Clone(read(t, name))
	f, err := readELF(name, inMemory(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return &patch{t, data, f}
}

// header returns the section header of a section.
func (p *patch) header(name string) []byte {
	p.t.Helper()
	i, ok := p.f.byName[name]
	if !ok {
		p.t.Fatalf("no section %s", name)
	}
	at := binary.LittleEndian.Uint64(p.data[40:]) + uint64(i)*64
	return p.data[at : at+64]
}

// section returns the contents of a section.
func (p *patch) section(name string) []byte {
	h := p.header(name)
	at, size := binary.LittleEndian.Uint64(h[24:]), binary.LittleEndian.Uint64(h[32:])
	return p.data[at : at+size]
}

// symbol returns the symbol table entry of a symbol.
func (p *patch) symbol(name string) []byte {
	p.t.Helper()
	for i := range p.f.count {
		if p.f.symbol(i).name == name {
			return p.section(".symtab")[i*24 : i*24+24]
		}
	}
	p.t.Fatalf("no symbol %s", name)
	return nil
}

// TestBroken breaks an object in one place and gives what is said of it.
func TestBroken(t *testing.T) {
	le := binary.LittleEndian
	tests := []struct {
		name   string
		object string
		patch  func(p *patch)
		// reason is of the object as a whole if no section is given, else of that
		// section alone. unreadable: Parse itself fails.
		reason     string
		section    string
		unreadable bool
	}{
		{name: "empty", patch: func(p *patch) { p.data = nil }, reason: "the file is empty", unreadable: true},
		{name: "text", patch: func(p *patch) { p.data = []byte("#include <bpf.h>\nint main;\n") }, reason: "Can't process ELF file programs.o", unreadable: true},
		{name: "cut", patch: func(p *patch) { p.data = p.data[:len(p.data)/2] }, reason: "ELF section header table in programs.o is out of bounds", unreadable: true},
		{name: "machine", patch: func(p *patch) { le.PutUint16(p.data[18:], 62) }, reason: "Unsupported ELF machine in file programs.o: expected EM_BPF", unreadable: true},
		{name: "section entry size", patch: func(p *patch) { le.PutUint16(p.data[58:], 63) }, reason: "ELF section header table in programs.o has invalid entry size", unreadable: true},
		{name: "section outside", patch: func(p *patch) { le.PutUint64(p.header("one")[32:], 1<<40) }, reason: "ELF section 'one' has out-of-bounds file range", unreadable: true},
		{name: "symbol size", patch: func(p *patch) { le.PutUint64(p.header(".symtab")[56:], 8) }, reason: "Invalid symbol section in ELF file programs.o", unreadable: true},
		{name: "symbol strings", patch: func(p *patch) { le.PutUint32(p.header(".symtab")[40:], 999) }, reason: "Invalid symbol string table link in ELF file programs.o", unreadable: true},
		{
			name: "no symbols", patch: func(p *patch) { copy(p.section(".strtab")[le.Uint32(p.header(".symtab")):], ".nosymb") },
			reason: "No symbol section found in ELF file programs.o", unreadable: true,
		},
		{
			name: "nothing executable",
			patch: func(p *patch) {
				for _, name := range []string{".text", "one", "two", "three"} {
					le.PutUint64(p.header(name)[8:], 2)
				}
			},
			reason: "No executable sections", unreadable: true,
		},
		{
			name: "unaligned function", patch: func(p *patch) { le.PutUint64(p.symbol("second")[8:], 12) },
			reason: "Non-instruction-aligned FUNC symbol 'second' at offset 12 in section one", unreadable: true,
		},
		{name: "half an instruction", patch: func(p *patch) { le.PutUint64(p.header("two")[32:], 60) }, reason: "Invalid argument to vector_of"},
		{name: "relocation type", patch: func(p *patch) { le.PutUint32(p.section(".relone")[8:], 77) }, reason: "Unsupported relocation type 77 in section one"},
		{name: "relocation symbol", patch: func(p *patch) { le.PutUint32(p.section(".relone")[12:], 7777) }, reason: "Invalid relocation symbol index 7777 in section one"},
		{name: "relocation offset", patch: func(p *patch) { p.section(".relone")[0]++ }, reason: "Unaligned relocation offset"},
		{name: "relocation table", patch: func(p *patch) { le.PutUint64(p.header(".relone")[56:], 5) }, reason: "Malformed relocation section one"},
		{name: "callee is data", patch: func(p *patch) { p.symbol("weak_function")[4] = 0x11 }, reason: "Subprogram not found: weak_function", section: "three"},
		{name: "BTF magic", patch: func(p *patch) { p.section(".BTF")[0] = 1 }, reason: "Unsupported or invalid BTF data: Invalid .BTF section - wrong magic"},
		{name: "BTF kind", patch: func(p *patch) { p.section(".BTF")[24+7] = 31 }, reason: "Unsupported or invalid BTF data: Invalid .BTF section - invalid BTF_KIND - 0"},
		{name: "BTF name", patch: func(p *patch) { le.PutUint32(p.section(".BTF")[24+12+16:], 1<<30) }, reason: "Unsupported or invalid BTF data: Invalid .BTF section - invalid string offset"},
		{name: "BTF extension", patch: func(p *patch) { p.section(".BTF.ext")[0] = 1 }, reason: "Unsupported or invalid CO-RE/BTF relocation data: Invalid .BTF.ext header"},
		{name: "CO-RE kind", object: "core.o", patch: func(p *patch) { le.PutUint32(coreRecord(p, 0)[12:], 99) }, reason: "Unsupported or invalid CO-RE/BTF relocation data: Unsupported CO-RE relocation kind: 99"},
		{name: "CO-RE type", object: "core.o", patch: func(p *patch) { le.PutUint32(coreRecord(p, 0)[4:], 9999) }, reason: "Unsupported or invalid CO-RE/BTF relocation data: BTF type id not found: 9999"},
		{name: "CO-RE offset", object: "core.o", patch: func(p *patch) { le.PutUint32(coreRecord(p, 0), 4096) }, reason: "Unsupported or invalid CO-RE/BTF relocation data: Failed to find program for CO-RE relocation at instruction offset 4096 in section socket"},
		{name: "map symbol", object: "legacy_short.o", patch: func(p *patch) { le.PutUint64(p.symbol("second")[8:], 4) }, reason: "Legacy map symbol 'second' has invalid offset: not aligned to 20-byte boundary or out of section bounds"},
		{name: "map record", object: "legacy_short.o", patch: func(p *patch) { le.PutUint64(p.symbol("second")[16:], 12) }, reason: "Malformed legacy maps section: maps"},
		{name: "inner map", object: "legacy_linux.o", patch: func(p *patch) { p.section("maps")[20] = 6 }, reason: "bad inner map index 6 for map 0"},
		{
			name: "not a lddw", object: "data.o", patch: func(p *patch) { p.section("socket")[0] = 0x30 },
			reason: "Invalid relocation: expected LDDW first slot (opcode 0x18) for global variable 'initialised', found opcode 0x48",
		},
		{
			name: "call out of the section", patch: func(p *patch) { le.PutUint64(p.section("two"), 0x7fff_0000_1085) },
			reason: "Local call target out of section bounds",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			object := tt.object
			if object == "" {
				object = "programs.o"
			}
			p := newPatch(t, object)
			tt.patch(p)
			o, err := Parse(object, p.data, Options{Platform: linuxPlatform()})
			if tt.unreadable {
				var e *Error
				if !errors.As(err, &e) || e.Reason != tt.reason || o != nil {
					t.Fatalf("got %v, want the reason %q", err, tt.reason)
				}
				if text := err.Error(); !strings.HasPrefix(text, object+": ") {
					t.Errorf("the message does not begin with the object: %s", text)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, prog := range o.Programs {
				var e *Error
				if tt.section != "" && prog.Section != tt.section {
					if prog.Err != nil {
						t.Errorf("%s in %s: %v", prog.Name, prog.Section, prog.Err)
					}
				} else if !errors.As(prog.Err, &e) || e.Reason != tt.reason {
					t.Errorf("%s in %s: got %v, want the reason %q", prog.Name, prog.Section, prog.Err, tt.reason)
				}
			}
			if tt.section == "" && o.Err == nil {
				t.Error("no error of the object")
			}
		})
	}
}

// coreRecord returns the n-th CO-RE relocation record.
func coreRecord(p *patch, n int) []byte {
	ext := p.section(".BTF.ext")
	at := binary.LittleEndian.Uint32(ext[4:]) + binary.LittleEndian.Uint32(ext[24:])
	return ext[int(at)+4+8+16*n:]
}

// TestMessages gives whole messages: object, section, cause, what to do.
func TestMessages(t *testing.T) {
	tests := []struct {
		object string
		opt    Options
		patch  func(p *patch)
		want   string
	}{
		{
			"legacy_short.o", Options{Platform: linuxPlatform()}, func(p *patch) { binary.LittleEndian.PutUint64(p.symbol("second")[16:], 12) },
			"legacy_short.o: section maps: Malformed legacy maps section: maps; its 40 bytes are not whole records of 12 bytes; linux reads records of 28 bytes",
		},
		{
			"unresolved.o", Options{Platform: windowsPlatform()}, func(p *patch) { p.rename("missing", "memcpy") },
			"unresolved.o: section bad: Unresolved symbols found. Unresolved external symbol memcpy in section bad at location 1.; " +
				"the platform has no memcpy to call: use __builtin_memcpy with a small constant size, which clang expands in place",
		},
		{
			"btf_maps.o", Options{Platform: linuxPlatform()}, func(p *patch) { p.section(".BTF")[0] = 0 },
			"btf_maps.o: section .maps: Legacy map symbol 'first' has invalid offset: not aligned to 24-byte boundary or out of section bounds; the maps are not read by their BTF because of this: " +
				"Unsupported or invalid BTF data: Invalid .BTF section - wrong magic",
		},
	}
	for _, tt := range tests {
		p := newPatch(t, tt.object)
		tt.patch(p)
		o, err := Parse(tt.object, p.data, tt.opt)
		if err != nil {
			t.Errorf("%s: %v", tt.object, err)
			continue
		}
		if err := o.Programs[0].Err; err == nil || err.Error() != tt.want {
			t.Errorf("%s: got\n%v\nwant\n%s", tt.object, err, tt.want)
		}
	}
}

// rename gives a symbol a shorter name.
func (p *patch) rename(symbol, name string) {
	strings := p.section(".strtab")
	at := binary.LittleEndian.Uint32(p.symbol(symbol))
	copy(strings[at:], name+"\x00")
}

// TestParseTypes reads the types of an object without looking for programs.
func TestParseTypes(t *testing.T) {
	o, err := ParseTypes("contexts.o", read(t, "contexts.o"))
	if err != nil {
		t.Fatal(err)
	}
	if s, err := o.Struct("plain"); err != nil || s.Size != 72 {
		t.Errorf("plain: %+v, %v", s, err)
	}
	if len(o.Symbols("a")) == 0 || len(o.Sections) == 0 || len(o.Programs) != 0 {
		t.Error("not an object without programs")
	}
	p := newPatch(t, "contexts.o")
	p.section(".BTF")[2] = 9
	for _, data := range [][]byte{read(t, "data.nobtf.o"), p.data, nil} {
		if o, err := ParseTypes("x.o", data); err == nil || o != nil {
			t.Errorf("got %v, %v", o, err)
		}
	}
}

// FuzzBTF: type information is read or refused; every type that is read can be
// measured, printed and laid out, and so can the maps among them.
func FuzzBTF(f *testing.F) {
	for _, tt := range objects {
		data := read(f, tt.name+".o")
		e, err := readELF(tt.name, inMemory(data), int64(len(data)))
		if err != nil {
			f.Fatal(err)
		}
		if s := e.section(".BTF"); s != nil {
			f.Add(s.data, e.big)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, big bool) {
		e := &elfFile{name: "fuzz.o", order: binary.LittleEndian, class: class64}
		if big {
			e.order, e.big = binary.BigEndian, true
		}
		types, err := readBTF(e, data)
		if (types == nil) == (err == nil) {
			t.Fatalf("types %v, error %v", types, err)
		}
		if err != nil {
			return
		}
		s := structs{types: types, known: map[uint32]*Struct{}}
		for id := range min(len(types.offsets), 1000) {
			id := uint32(id)
			ty, err := types.get(id)
			if err != nil {
				t.Fatal(err)
			}
			types.sizeOf(id)
			if text := types.typeText(id); text == "" {
				t.Fatalf("type %d of kind %d has no text", id, ty.kind)
			}
			if target, alias, ok := types.structure(id); ok && s.layout(target, alias) == nil {
				t.Fatalf("type %d leads to %d, which has no layout", id, target)
			}
			types.field(coreRelocation{typ: id, access: "0:0:1"})
			types.applyEnum(coreRelocation{typ: id, access: "0", kind: coreEnumValue}, func(uint64) error { return nil })
		}
		types.maps()
	})
}

// FuzzParse: an object is read or refused with a reason; what is read can be
// asked everything.
func FuzzParse(f *testing.F) {
	for _, tt := range objects {
		f.Add(read(f, tt.name+".o"))
	}
	platforms := []Options{{Platform: linuxPlatform()}, {Platform: windowsPlatform()}}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, opt := range platforms {
			o, err := Parse("fuzz.o", data, opt)
			if (o == nil) == (err == nil) {
				t.Fatalf("object %v, error %v", o, err)
			}
			if err != nil {
				var e *Error
				if !errors.As(err, &e) || e.Reason == "" || e.Object != "fuzz.o" {
					t.Fatalf("error %#v", err)
				}
				continue
			}
			if len(o.Programs) == 0 {
				t.Fatal("no programs and no error")
			}
			slots := 0
			for _, p := range o.Programs {
				var e *Error
				if p.Err != nil && (!errors.As(p.Err, &e) || e.Reason == "") {
					t.Fatalf("error %#v", p.Err)
				}
				slots += len(p.Code)
				last := -1
				for _, l := range p.Lines {
					if l.Slot <= last || l.Slot >= len(p.Code) {
						t.Fatalf("line at slot %d after %d in %d slots", l.Slot, last, len(p.Code))
					}
					last = l.Slot
				}
				for _, s := range p.Subs {
					if s.Slot < 0 || s.Slot+s.Size/8 > len(p.Code) {
						t.Fatalf("subprogram %+v in %d slots", s, len(p.Code))
					}
				}
				p.IndirectHelperCalls()
			}
			if slots > 2*mostObjectSlots {
				t.Fatalf("%d slots from %d bytes", slots, len(data))
			}
			for _, s := range o.Sections {
				o.Data(s.Name)
				o.Relocations(s.Name)
				o.Symbols(s.Name)
			}
			o.Struct("plain")
			o.DWARF()
		}
	})
}
