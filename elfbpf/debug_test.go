package elfbpf

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func (l Location) text() string {
	part := ""
	if l.Size > 0 {
		part = fmt.Sprintf("[%d:%d] ", l.From, l.From+l.Size)
	}
	switch l.Kind {
	case InRegister:
		return fmt.Sprintf("%sr%d", part, l.Register)
	case InMemory:
		return fmt.Sprintf("%s*(r%d%+d)", part, l.Register, l.Offset)
	case IsSum:
		return fmt.Sprintf("%sr%d%+d", part, l.Register, l.Offset)
	}
	return fmt.Sprintf("%s= %d", part, l.Constant)
}

func (s *Scope) text(b *strings.Builder, indent string) {
	const mask = 1<<spreadBits - 1
	var ranges []string
	for _, r := range s.ranges {
		ranges = append(ranges, fmt.Sprintf("%d to %d", r[0]&mask, r[1]&mask))
	}
	kind := [...]string{"function", "inlined", "block"}[s.Kind]
	fmt.Fprintf(b, "%s%s %s: %s", indent, kind, s.Name, strings.Join(ranges, ", "))
	if s.External {
		b.WriteString(", external")
	}
	if s.Call.Line > 0 {
		fmt.Fprintf(b, ", called at %d:%d", s.Call.Line, s.Call.Column)
	}
	b.WriteString("\n")
	for _, v := range s.Variables {
		kind := "variable"
		if v.Parameter {
			kind = "parameter"
		}
		fmt.Fprintf(b, "%s  %s %s %s, line %d\n", indent, kind, v.Type.Name, v.Name, v.Decl.Line)
		for _, l := range v.located {
			var texts []string
			for _, at := range l.locations {
				texts = append(texts, at.text())
			}
			where := "always"
			if l.high != ^uint64(0) {
				where = fmt.Sprintf("%d to %d", l.low&mask, l.high&mask)
			}
			fmt.Fprintf(b, "%s    %s: %s\n", indent, where, strings.Join(texts, ", "))
		}
	}
	for _, in := range s.Inner {
		in.text(b, indent+"  ")
	}
}

func (t *CType) text(b *strings.Builder, indent string) {
	for _, m := range t.Members() {
		fmt.Fprintf(b, "%s%d %s: %s, %d bytes", indent, m.Offset, m.Name, m.Type.Name, m.Type.Size)
		if m.BitSize > 0 {
			fmt.Fprintf(b, ", bits %d to %d", m.BitOffset, m.BitOffset+m.BitSize-1)
		}
		b.WriteString("\n")
		for t := m.Type; t.Kind == TypeArray; {
			t = t.Elem()
			fmt.Fprintf(b, "%s  of %s, %d bytes\n", indent, t.Name, t.Size)
		}
		if m.Name == "" {
			m.Type.text(b, indent+"  ")
		}
	}
}

// TestDebug shows the scopes and variables of a program, read from both versions of
// DWARF and both byte orders.
func TestDebug(t *testing.T) {
	for _, name := range []string{"debug.dwarf4", "debug.dwarf5", "debug.eb"} {
		t.Run(name, func(t *testing.T) {
			o, err := Parse(name+".o", read(t, name+".o"), Options{Platform: linuxPlatform()})
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			for _, p := range o.Programs {
				scopes := o.Debug().Scopes(p.Section, p.Offset)
				if len(scopes) == 0 {
					t.Fatalf("%s: no scopes", p.Name)
				}
				function := scopes[len(scopes)-1]
				if function.Name != p.Name {
					t.Errorf("%s: in function %s", p.Name, function.Name)
				}
				function.text(&b, "")
				for _, v := range function.Variables {
					if v.Name == "local" {
						b.WriteString("struct pair\n")
						v.Type.text(&b, "  ")
					}
				}
			}
			golden := filepath.Join("testdata", name+".debug.golden")
			if *update {
				if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), b.String()); diff != "" {
				t.Errorf("differs from %s (-want +got), see -update:\n%s", golden, diff)
			}
		})
	}
	o, err := Parse("data.nobtf.o", read(t, "data.nobtf.o"), Options{Platform: linuxPlatform()})
	if err != nil {
		t.Fatal(err)
	}
	if s := o.Debug().Scopes(o.Programs[0].Section, 0); s != nil {
		t.Errorf("scopes of an object without debugging information: %v", s)
	}
}

// TestLocations reads location descriptions byte by byte.
func TestLocations(t *testing.T) {
	r := &locationReader{order: binary.LittleEndian, frame: 10}
	for _, tt := range []struct {
		name string
		expr []byte
		want string
	}{
		{"nowhere", nil, ""},
		{"register", []byte{0x56}, "r6"},
		{"register by number", []byte{0x90, 7}, "r7"},
		{"no register of BPF", []byte{0x5b}, ""},
		{"frame", []byte{0x91, 0x78}, "*(r10-8)"},
		{"memory", []byte{0x71, 4}, "*(r1+4)"},
		{"memory by number", []byte{0x92, 3, 0x7f}, "*(r3-1)"},
		{"value of a sum", []byte{0x76, 14, 0x9f}, "r6+14"},
		{"value of a longer sum", []byte{0x76, 14, 0x23, 0x80, 1, 0x9f}, "r6+142"},
		{"plus", []byte{0x76, 1, 0x33, 0x22, 0x9f}, "r6+4"},
		{"minus", []byte{0x76, 1, 0x33, 0x1c, 0x9f}, "r6-2"},
		{"literal", []byte{0x3f, 0x9f}, "= 15"},
		{"constant of 1 byte, signed", []byte{0x09, 0xff, 0x9f}, "= -1"},
		{"constant of 2 bytes", []byte{0x0a, 0xff, 0xff, 0x9f}, "= 65535"},
		{"constant of 8 bytes", []byte{0x0e, 1, 0, 0, 0, 0, 0, 0, 0x80, 0x9f}, "= -9223372036854775807"},
		{"signed constant", []byte{0x11, 0x9c, 0x7f, 0x9f}, "= -100"},
		{"implicit value", []byte{0x9e, 2, 0x34, 0x12}, "= 4660"},
		{"pieces", []byte{0x56, 0x93, 4, 0x93, 2, 0x32, 0x9f, 0x93, 2}, "[0:4] r6, [6:8] = 2"},
		{"operation that is not followed", []byte{0x76, 0, 0x33, 0x1a, 0x9f}, ""},
		{"entry value", []byte{0xa3, 1, 0x51, 0x9f}, ""},
		{"two registers", []byte{0x76, 0, 0x77, 0, 0x22, 0x9f}, ""},
		{"cut off", []byte{0x91}, ""},
		{"address of data", []byte{0x03, 0, 0, 0, 0, 0, 0, 0, 0}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, l := range r.expression(tt.expr) {
				got = append(got, l.text())
			}
			if text := strings.Join(got, ", "); text != tt.want {
				t.Errorf("%x: %q, want %q", tt.expr, text, tt.want)
			}
		})
	}
}

// TestLocationLists reads the entries of location lists.
func TestLocationLists(t *testing.T) {
	r := &locationReader{order: binary.LittleEndian, base: 0x100, frame: 10, address: func(i uint64) (uint64, bool) {
		return 0x1000 * (i + 1), i < 3
	}}
	quad := func(n byte) []byte { return []byte{n, 0, 0, 0, 0, 0, 0, 0} }
	lists := func(parts ...[]byte) []byte { return slices.Concat(parts...) }
	for _, tt := range []struct {
		name string
		data []byte
		loc  bool
		want string
	}{
		{"empty", []byte{0}, false, ""},
		{"offsets", []byte{4, 8, 16, 1, 0x50, 4, 16, 24, 1, 0x51, 0}, false, "0x108 0x110 r0; 0x110 0x118 r1"},
		{"base by index", []byte{1, 1, 4, 8, 16, 1, 0x50, 0}, false, "0x2008 0x2010 r0"},
		{"base", lists([]byte{6}, quad(0x40), []byte{4, 0, 8, 1, 0x50, 0}), false, "0x40 0x48 r0"},
		{"start and end by index", []byte{2, 0, 1, 1, 0x50, 0}, false, "0x1000 0x2000 r0"},
		{"start by index and length", []byte{3, 2, 8, 1, 0x50, 0}, false, "0x3000 0x3008 r0"},
		{"start and end", lists([]byte{7}, quad(8), quad(16), []byte{1, 0x50, 0}), false, "0x8 0x10 r0"},
		{"start and length", lists([]byte{8}, quad(8), []byte{16, 1, 0x50, 0}), false, "0x8 0x18 r0"},
		{"default", []byte{5, 1, 0x50, 0}, false, "0x0 0xffffffffffffffff r0"},
		{"no such index", []byte{3, 9, 8, 1, 0x50, 4, 8, 16, 1, 0x51, 0}, false, "0x108 0x110 r1"},
		{"nothing in between", []byte{4, 8, 8, 1, 0x50, 0}, false, ""},
		{"unknown kind", []byte{4, 8, 16, 1, 0x50, 77, 1}, false, "0x108 0x110 r0"},
		{"cut off", []byte{4, 8, 16, 5, 0x50}, false, ""},
		{"loc", lists(quad(8), quad(16), []byte{1, 0, 0x50}, quad(0), quad(0)), true, "0x108 0x110 r0"},
		{"loc with a base", lists([]byte{255, 255, 255, 255, 255, 255, 255, 255}, quad(0x40), quad(8), quad(16), []byte{1, 0, 0x50}, quad(0), quad(0)), true, "0x48 0x50 r0"},
		{"loc cut off", lists(quad(8), quad(16), []byte{9, 0, 0x50}), true, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			read := r.lists
			if tt.loc {
				read = r.loc
			}
			var got []string
			for _, l := range read(tt.data) {
				got = append(got, fmt.Sprintf("%#x %#x %s", l.low, l.high, l.locations[0].text()))
			}
			if text := strings.Join(got, "; "); text != tt.want {
				t.Errorf("%x: %q, want %q", tt.data, text, tt.want)
			}
		})
	}
}

// FuzzLocationList gives the readers of location lists any bytes: they end, and what
// they give makes sense.
func FuzzLocationList(f *testing.F) {
	f.Add([]byte{4, 8, 16, 1, 0x50, 4, 16, 24, 1, 0x51, 0}, false)
	f.Add([]byte{8, 8, 0, 0, 0, 0, 0, 0, 0, 16, 8, 0x56, 0x93, 4, 0x93, 2, 0x32, 0x9f, 0x93, 2, 0}, false)
	f.Add([]byte{1, 1, 2, 0, 1, 4, 0x76, 0x8e, 0, 0x9f, 3, 0, 8, 2, 0x91, 0x78, 0}, false)
	f.Add([]byte{8, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0x50, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, true)
	for _, name := range []string{"debug.dwarf4.o", "debug.dwarf5.o"} {
		o, err := Parse(name, read(f, name), Options{Platform: linuxPlatform()})
		if err != nil {
			f.Fatal(err)
		}
		_, sections, err := o.dwarf(true)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(sections["loclists"], false)
		f.Add(sections["loc"], true)
	}
	f.Fuzz(func(t *testing.T, data []byte, loc bool) {
		r := &locationReader{order: binary.LittleEndian, frame: 10, address: func(i uint64) (uint64, bool) { return i << 20, i < 1<<20 }}
		read := r.lists
		if loc {
			read = r.loc
		}
		for _, entry := range read(data) {
			if len(entry.locations) == 0 || len(entry.locations) > mostPieces {
				t.Fatalf("%d locations", len(entry.locations))
			}
			for _, l := range entry.locations {
				if l.Register < 0 || l.Register > lastRegister || l.Size < 0 || l.From < 0 || l.Kind > IsConstant {
					t.Fatalf("location %+v", l)
				}
			}
		}
	})
}
