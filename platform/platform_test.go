package platform

import (
	"fmt"
	"strings"
	"testing"
)

// TestMatch: of the names that fit a section the longest wins, of equally long
// ones the first.
func TestMatch(t *testing.T) {
	a, b := &ProgramType{Name: "a", Prefixes: []string{"x", "x/y"}}, &ProgramType{Name: "b", Prefixes: []string{"xy", "x/y", "z+", "w/"}}
	for _, test := range []struct {
		rule          NameRule
		section, want string
	}{
		{NamePrefix, "x", "a by x"},
		{NamePrefix, "xyz", "b by xy"},
		{NamePrefix, "x/y", "a by x/y"},
		{NamePrefix, "", "unspec by "},
		{NamePattern, "x", "a by x"},
		{NamePattern, "xyz", "unspec by "},
		{NamePattern, "x/y", "a by x/y"},
		{NamePattern, "z", "b by z+"},
		{NamePattern, "z/1", "b by z+"},
		{NamePattern, "z1", "unspec by "},
		{NamePattern, "w/1", "b by w/"},
		{NamePattern, "w", "unspec by "},
	} {
		p := &Platform{Types: []*ProgramType{a, b}, Names: test.rule, Unknown: &ProgramType{Name: "unspec"}}
		typ, by, ok := p.Match(test.section)
		if got := typ.Name + " by " + by; got != test.want || ok != (by != "") {
			t.Errorf("rule %d, section %q: %s (%v), want %s", test.rule, test.section, got, ok, test.want)
		}
	}
}

func TestExterns(t *testing.T) {
	p := &Platform{}
	for name, want := range map[string]uint64{
		"LINUX_KERNEL_VERSION": 0x60600, "CONFIG_HZ": 250, "CONFIG_BPF_SYSCALL": 1, "LINUX_HAS_SYSCALL_WRAPPER": 1,
		"LINUX_HAS_BPF_COOKIE": 1, "CONFIG_DEFAULT_HOSTNAME": 'l',
	} {
		if got, ok := p.Extern(name); got != want || !ok {
			t.Errorf("%s = %d (%v), want %d", name, got, ok, want)
		}
	}
	if _, ok := p.Extern("CONFIG_NO_SUCH"); ok {
		t.Error("CONFIG_NO_SUCH is known")
	}
}

func TestCompareContext(t *testing.T) {
	xdp := &Context{Size: 32, Data: 0, End: 8, Meta: 16, Fields: []Field{
		{Name: "data", Offset: 0, Size: 8}, {Name: "data_end", Offset: 8, Size: 8},
		{Name: "data_meta", Offset: 16, Size: 8}, {Name: "ingress_ifindex", Offset: 24, Size: 4},
	}}
	tutorial := StructLayout{Name: "ebpf_xdp_args_t", Size: 48, Members: []Field{
		{Name: "more", Offset: 0, Size: 8}, {Name: "stuff", Offset: 8, Size: 8}, {Name: "here", Offset: 16, Size: 8},
		{Name: "data", Offset: 24, Size: 8}, {Name: "data_end", Offset: 32, Size: 8}, {Name: "data_meta", Offset: 40, Size: 8},
	}}
	for _, test := range []struct {
		name string
		have StructLayout
		want *Context
		text string
	}{
		{"the same", StructLayout{Size: 32, Members: xdp.Fields}, xdp, ""},
		{"no hook", tutorial, nil, ""},
		{"the tutorial's mismatch", tutorial, xdp, `data is at offset 24; the hook has it at offset 0
data_end is at offset 32; the hook has it at offset 8
data_meta is at offset 40; the hook has it at offset 16
it has 48 bytes; the hook's context has 32`},
		{"a hook of offsets alone", tutorial, &Context{Size: 24, Data: 0, End: 8, Meta: -1}, `data is at offset 24; the hook has it at offset 0
data_end is at offset 32; the hook has it at offset 8
it has 48 bytes; the hook's context has 24`},
		{"other names, no pointer", StructLayout{Size: 32, Members: []Field{{Name: "a", Offset: 0, Size: 8}}}, xdp, ""},
		{"another member moved and grew", StructLayout{Size: 32, Members: []Field{{Name: "ingress_ifindex", Offset: 20, Size: 8}}}, xdp,
			"ingress_ifindex is at offset 20; the hook has it at offset 24"},
		{"another member grew", StructLayout{Size: 32, Members: []Field{{Name: "ingress_ifindex", Offset: 24, Size: 8}}}, xdp,
			"ingress_ifindex has 8 bytes; the hook's has 4"},
		{"a bound is no size", StructLayout{Size: 168}, &Context{Size: 608, Data: -1, End: -1, Meta: -1, UpperBound: true}, ""},
	} {
		var lines []string
		for _, d := range CompareContext(test.have, test.want) {
			lines = append(lines, d.String())
			if pointer := strings.HasPrefix(d.Field, "data"); d.Pointer != pointer {
				t.Errorf("%s: %s: pointer is %v", test.name, d, d.Pointer)
			}
		}
		if got := strings.Join(lines, "\n"); got != test.text {
			t.Errorf("%s:\n%s\nwant:\n%s", test.name, got, test.text)
		}
	}
}

func TestNames(t *testing.T) {
	for i := range 256 {
		a, r := ArgType(i), RetType(i)
		if parsed, ok := ParseArgType(a.String()); ok != a.Valid() || ok && parsed != a {
			t.Errorf("argument type %d is %s, which is %d", a, a, parsed)
		}
		if parsed, ok := ParseRetType(r.String()); ok != r.Valid() || ok && parsed != r {
			t.Errorf("return type %d is %s, which is %d", r, r, parsed)
		}
	}
	if n, m := len(ArgTypeNames()), len(RetTypeNames()); n != 33 || m != 12 {
		t.Errorf("%d argument types and %d return types, want the 33 and 12 of the ABI", n, m)
	}
}

func TestHelperLookup(t *testing.T) {
	own := Helper{ID: 2, Name: "own"}
	p := &Platform{General: []Helper{{ID: 1, Name: "bpf_one"}, {ID: 2, Name: "bpf_two"}, {ID: 40, Name: "bpf_forty"}}}
	typ := func(first bool) *ProgramType {
		return &ProgramType{Name: "t", Context: &Context{}, Helpers: []Helper{own, {ID: 2, Name: "never"}, {ID: 50, Name: "fifty"}}, HelpersFirst: first}
	}
	for _, first := range []bool{false, true} {
		var got []string
		for id := int32(0); id < 60; id++ {
			if h, err := p.Helper(id, typ(first)); err == nil {
				got = append(got, fmt.Sprint(id, h.Name))
			}
		}
		want := map[bool]string{false: "1bpf_one 2bpf_two 40bpf_forty 50fifty", true: "1bpf_one 2own 40bpf_forty 50fifty"}[first]
		if strings.Join(got, " ") != want {
			t.Errorf("own helpers first %v: %v, want %s", first, got, want)
		}
	}
	if h, ok := p.HelperByName("two", nil); !ok || h.ID != 2 {
		t.Error("a helper is not found by its name without bpf_")
	}
}
