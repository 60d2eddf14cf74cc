package verifier_test

import (
	"reflect"
	"slices"
	"testing"

	"bpfls/isa"
	"bpfls/platform"
	"bpfls/verifier"
)

// keyed is an input in which everything that a key is made of occurs.
type keyed struct {
	Input       verifier.Input
	Options     verifier.Options
	Platform    platform.Platform
	MapType     platform.MapType
	Socket      platform.SocketField
	Type        platform.ProgramType
	Context     platform.Context
	Map         platform.Map
	Helper      platform.Helper
	Instruction isa.Slot
}

func newKeyed() *keyed {
	return &keyed{
		Platform:    platform.Platform{Name: "test"},
		MapType:     platform.MapType{ID: 1, Array: true},
		Type:        platform.ProgramType{Name: "type"},
		Context:     platform.Context{Size: 8},
		Map:         platform.Map{FD: 3, Type: 1, InnerFD: -1},
		Helper:      platform.Helper{ID: 7},
		Instruction: isa.Slot{Op: 0xb7},
	}
}

func (k *keyed) key() verifier.Key {
	k.Platform.Maps = []platform.MapType{k.MapType}
	k.Platform.SocketFields = []platform.SocketField{k.Socket}
	k.Platform.General = []platform.Helper{k.Helper}
	k.Input.Platform, k.Input.Type = &k.Platform, &k.Type
	k.Type.Context = &k.Context
	k.Input.Maps = []platform.Map{k.Map}
	k.Input.Code = []isa.Slot{
		k.Instruction,
		{Op: isa.OpLDDW, Src: isa.SrcMapFD, Imm: 3}, {},
		{Op: isa.OpCall, Imm: 7},
		exit,
	}
	return verifier.KeyOf(k.Input, k.Options)
}

// TestKey changes each field of each part of an input and looks whether the key
// changes. The fields that are not part of the key are listed: a new field must be
// hashed or listed.
func TestKey(t *testing.T) {
	ignored := map[string][]string{
		"Input":    {"Code", "Maps", "Platform", "Type"}, // set by key
		"Options":  {"Limits"},                           // see below
		"Platform": {"Types", "General", "Maps", "Legacy", "Options", "Names", "Unknown", "Builtin", "Builtins", "Kfunc", "Kfuncs", "HelperMessage", "MapMessage", "SocketFields"},
		"MapType":  {"Name"},
		"Type":     {"Prefixes", "Context", "ID", "Helpers", "HelpersFirst", "Header", "Doc", "Origin", "Note"},
		"Context":  {"TypeName", "Fields", "Replaces"},
		"Map":      {"Name"},
		"Helper":   {"ArgNames", "Doc"},
	}
	base := newKeyed().key()
	if newKeyed().key() != base {
		t.Fatal("equal inputs have different keys")
	}
	parts := reflect.TypeFor[keyed]()
	for i := range parts.NumField() {
		part := parts.Field(i)
		for j := range part.Type.NumField() {
			field := part.Type.Field(j)
			k := newKeyed()
			v := reflect.ValueOf(k).Elem().Field(i).Field(j)
			if !change(v) {
				t.Errorf("%s.%s cannot be changed by this test", part.Name, field.Name)
				continue
			}
			changed := k.key() != base
			if want := !slices.Contains(ignored[part.Name], field.Name); changed != want {
				t.Errorf("%s.%s: the key changes: %v, want %v", part.Name, field.Name, changed, want)
			}
		}
	}
	for name, f := range map[string]func(*keyed){
		"a limit of nodes":        func(k *keyed) { k.Options.Limits.Nodes = 5 },
		"a limit of visits":       func(k *keyed) { k.Options.Limits.Visits = 5 },
		"a limit of edges":        func(k *keyed) { k.Options.Limits.Edges = 5 },
		"a limit of bytes":        func(k *keyed) { k.Options.Limits.Bytes = 5 },
		"an assumption":           func(k *keyed) { k.Options.Assume = []verifier.Assumption{{Slot: 1}} },
		"a premise":               func(k *keyed) { k.Options.Assume = []verifier.Assumption{{Premise: &verifier.Premise{C: 1}}} },
		"termination":             func(k *keyed) { k.Platform.Options.Termination = true },
		"the stack's size":        func(k *keyed) { k.Platform.Options.StackSize = 64 },
		"a helper of the type":    func(k *keyed) { k.Type.HelpersFirst, k.Type.Helpers = true, []platform.Helper{{ID: 7, Return: 1}} },
		"where the map is":        func(k *keyed) { k.Map.FD = 4 }, // the program's is not found any more
		"what the map's type is ": func(k *keyed) { k.Map.Type = 2; k.Platform.Options.Strict = true },
	} {
		k := newKeyed()
		if f(k); k.key() == base {
			t.Errorf("%s does not change the key", name)
		}
	}
}

// change gives v another value.
func change(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int, reflect.Int16, reflect.Int32:
		v.SetInt(v.Int() + 1)
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(v.Uint() + 1)
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Array:
		return change(v.Index(0))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	case reflect.Struct, reflect.Func:
		// See the fields and the list in TestKey.
	default:
		return false
	}
	return true
}

// TestKeyOfDescriptors: keys count map descriptors from the first one that the program
// can get hold of.
func TestKeyOfDescriptors(t *testing.T) {
	load := func(fd int32) []isa.Slot {
		return []isa.Slot{{Op: isa.OpLDDW, Src: isa.SrcMapFD, Imm: fd}, {}}
	}
	m := func(fd int, value uint32, inner int) platform.Map {
		return platform.Map{FD: fd, Type: 1, KeySize: 4, ValueSize: value, MaxEntries: 1, InnerFD: inner}
	}
	key := func(maps []platform.Map, fds ...int32) verifier.Key {
		in := linuxInput(t, nil)
		in.Maps = maps
		for _, fd := range fds {
			in.Code = append(in.Code, load(fd)...)
		}
		return verifier.KeyOf(in, verifier.Options{})
	}
	for _, test := range []struct {
		name string
		a, b verifier.Key
		same bool
	}{
		{"moved", key([]platform.Map{m(1, 8, -1), m(2, 16, -1)}, 1, 2), key([]platform.Map{m(5, 8, -1), m(6, 16, -1)}, 5, 6), true},
		{"moved behind another", key([]platform.Map{m(1, 8, -1)}, 1), key([]platform.Map{m(1, 64, -1), m(2, 8, -1)}, 2), true},
		{"another value size", key([]platform.Map{m(1, 8, -1)}, 1), key([]platform.Map{m(1, 16, -1)}, 1), false},
		{"swapped", key([]platform.Map{m(1, 8, -1), m(2, 16, -1)}, 1, 2), key([]platform.Map{m(1, 8, -1), m(2, 16, -1)}, 2, 1), false},
		{"another map between", key([]platform.Map{m(1, 8, -1), m(2, 8, -1), m(3, 8, -1)}, 1, 3), key([]platform.Map{m(1, 8, -1), m(2, 64, -1), m(3, 8, -1)}, 1, 3), false},
		{"an inner map", key([]platform.Map{m(1, 8, 2), m(2, 8, -1)}, 1), key([]platform.Map{m(1, 8, 2), m(2, 64, -1)}, 1), false},
		{"an inner map, moved", key([]platform.Map{m(1, 8, 2), m(2, 8, -1)}, 1), key([]platform.Map{m(3, 8, 4), m(4, 8, -1)}, 3), true},
		{"a gap between, moved: a message may name it", key([]platform.Map{m(1, 8, -1), m(3, 8, -1)}, 1, 3), key([]platform.Map{m(2, 8, -1), m(4, 8, -1)}, 2, 4), false},
	} {
		if same := test.a == test.b; same != test.same {
			t.Errorf("%s: equal %v, want %v", test.name, same, test.same)
		}
	}
}
