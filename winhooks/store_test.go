package winhooks

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"unicode/utf16"

	"bpfls/platform"
)

// The registry as tests write it.

func key(name string, parts ...any) Key {
	k := Key{Name: name, Values: make(map[string]RegistryValue)}
	for i := 0; i < len(parts); i++ {
		switch p := parts[i].(type) {
		case Key:
			k.Keys = append(k.Keys, p)
		case string:
			i++
			switch v := parts[i].(type) {
			case int:
				k.Values[p] = RegistryValue{REGDWORD, binary.LittleEndian.AppendUint32(nil, uint32(v))}
			case string:
				k.Values[p] = RegistryValue{REGSZ, utf16Bytes(v + "\x00")}
			case []byte:
				k.Values[p] = RegistryValue{REGBINARY, v}
			}
		}
	}
	return k
}

func utf16Bytes(s string) (b []byte) {
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

func numbers(list ...int) (b []byte) {
	for _, n := range list {
		b = binary.LittleEndian.AppendUint32(b, uint32(n))
	}
	return b
}

// guidBytes is 00000003-0002-0001-0405-060708090a0b with another first number.
func guidBytes(n byte) []byte { return []byte{n, 0, 0, 0, 2, 0, 1, 0, 4, 5, 6, 7, 8, 9, 10, 11} }

func guidName(n byte) string { return fmt.Sprintf("{%08X-0002-0001-0405-060708090A0B}", n) }

func helperKey(name string, prototype ...int) Key {
	for len(prototype) < 7 {
		prototype = append(prototype, 0)
	}
	return key(name, "Version", 1, "Size", 1, "Prototype", numbers(prototype...))
}

func typeKey(n byte, name string, context []byte, helpers ...Key) Key {
	return key(guidName(n), "Version", 1, "Size", 1, "HelperCount", len(helpers),
		key("TypeDescriptor", "Version", 1, "Size", 1, "Name", name, "ContextDescriptor", context, "BpfProgType", 100+int(n), "IsPrivileged", 0),
		Key{Name: "Helpers", Keys: helpers})
}

func sectionKey(prefix string, n byte) Key {
	return key(prefix, "ProgramType", guidBytes(n), "AttachType", guidBytes(n), "BpfProgType", 100+int(n))
}

var exampleStore = key("Providers",
	key("SectionData", sectionKey("flow", 1), sectionKey("flow/tcp", 1), sectionKey("sockops", 2), sectionKey("lonely", 9)),
	key("ProgramData",
		typeKey(1, "flow", numbers(40, 8, 16, -1),
			helperKey("flow_get", 65536, 1, 5, 7),
			key("flow_push", "Prototype", numbers(65537, 0, 4, 1, 0, 0, 0), "ReallocatePacket", 1)),
		typeKey(2, "sockops", numbers(72, -1, -1, -1), helperKey("bpf_sock_ops_get_flow_id", 65536, 0, 4)),
		typeKey(3, "bind", numbers(56, 0, 8, -1)),
		typeKey(4, "tiny", numbers(8, -1, -1, -1)),
		typeKey(5, "slots", numbers(40, 0, 24, -1)),
		key("not-a-guid")),
	key("GlobalHelpers",
		helperKey("bpf_map_lookup_elem", 1, 1, 5, 7),
		helperKey("bpf_map_update_elem", 2, 0, 5, 7, 8),
		helperKey("vendor_helper", 500, 99, 50, 20),
		key("broken", "Prototype", numbers(1, 2))),
	key("BtfResolvedFunctions",
		key(guidName(7), "Version", 1, "Size", 1, key("Functions",
			key("lookup", "ReturnType", 0, "Arguments", numbers(1, 11, 2, 0, 0), "Flags", 0),
			key("flagged", "ReturnType", 0, "Arguments", numbers(0, 0, 0, 0, 0), "Flags", 4)))))

func TestDecodeStore(t *testing.T) {
	s := DecodeStore(exampleStore)
	var got strings.Builder
	for _, typ := range s.Types {
		c := typ.Context
		fmt.Fprintf(&got, "%s %s %v id %d, context %d %d %d %d\n", typ.GUID, typ.Name, typ.Prefixes, typ.ID, c.Size, c.Data, c.End, c.Meta)
		for _, h := range typ.Helpers {
			fmt.Fprintf(&got, "  %d %s %v %v reallocates %v\n", h.ID, h.Name, h.Return, h.Args, h.ReallocatesPacket)
		}
	}
	for _, h := range s.General {
		fmt.Fprintf(&got, "%d %s %v %v\n", h.ID, h.Name, h.Return, h.Args)
	}
	for _, f := range s.Functions {
		fmt.Fprintf(&got, "%s in %s %v %v\n", f.Name, f.Module, f.Return, f.Args)
	}
	got.WriteString(strings.Join(s.Notes, "\n"))
	want := `00000003-0002-0001-0405-060708090a0b bind [] id 103, context 56 0 8 -1
00000001-0002-0001-0405-060708090a0b flow [flow flow/tcp] id 101, context 40 8 16 -1
  65536 flow_get ptr_to_map_value_or_null [ptr_to_map ptr_to_map_key dontcare dontcare dontcare] reallocates false
  65537 flow_push integer [ptr_to_ctx anything dontcare dontcare dontcare] reallocates true
00000002-0002-0001-0405-060708090a0b sockops [sockops] id 102, context 72 -1 -1 -1
  65536 bpf_sock_ops_get_flow_id integer [ptr_to_ctx dontcare dontcare dontcare dontcare] reallocates false
1 bpf_map_lookup_elem ptr_to_map_value_or_null [ptr_to_map ptr_to_map_key dontcare dontcare dontcare]
2 bpf_map_update_elem integer [ptr_to_map ptr_to_map_key ptr_to_map_value dontcare dontcare]
500 vendor_helper unsupported [unsupported ptr_to_btf_id dontcare dontcare dontcare]
lookup in 00000007-0002-0001-0405-060708090a0b integer [anything ptr_to_writable_mem const_size dontcare dontcare]
eBPF store: ProgramData\{00000004-0002-0001-0405-060708090A0B} is skipped: the context has 8 bytes; a context has at least 16
eBPF store: ProgramData\{00000005-0002-0001-0405-060708090A0B} is skipped: end must be directly behind data in the context, 4 or 8 bytes later; it is at offset 24, data at 0
eBPF store: ProgramData\not-a-guid is skipped: its name is not a GUID
eBPF store: GlobalHelpers\broken is skipped: the value Prototype has type 3 and 8 bytes; it must be binary with 28
eBPF store: BtfResolvedFunctions\{00000007-0002-0001-0405-060708090A0B}\Functions\flagged is skipped: its flags are 0x4; none are known`
	if got.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", got.String(), want)
	}
}

func TestExtend(t *testing.T) {
	p, notes := DecodeStore(exampleStore).Extend(Platform())
	for section, want := range map[string]string{
		"flow": "flow 40", "flow/tcp": "flow 40", "flow7": "flow 40", // new
		"sockops":         "sockops 72",   // the machine's differs
		"bind":            "bind 56",      // the same, without sections in the store
		"xdp":             "xdp 32",       // not in the store
		"cgroup/connect4": "sock_addr 64", // not in the store
	} {
		typ, _, ok := p.Match(section)
		if !ok {
			t.Errorf("section %s has no type, want %s", section, want)
			continue
		}
		if got := fmt.Sprint(typ.Name, " ", typ.Context.Size); got != want {
			t.Errorf("section %s: %s, want %s", section, got, want)
		}
	}
	bind, _ := p.TypeByName("bind")
	if f, ok := bind.Context.FieldAt(16); !ok || f.Name != "process_id" || bind.Header == "" || bind.Note != "" {
		t.Errorf("the stored type that equals the built-in one lost what is known of it: %+v", bind)
	}
	flow, _ := p.TypeByName("flow")
	for id, want := range map[int32]string{1: "bpf_map_lookup_elem", 500: "vendor_helper", 65536: "flow_get", 35: "bpf_redirect_map"} {
		if h, err := p.Helper(id, flow); err != nil || h.Name != want {
			t.Errorf("helper %d: %v, want %s", id, err, want)
		}
	}
	if h, _ := p.Helper(1, flow); h.ArgNames[0] != "map" {
		t.Error("the argument names of an equal helper are lost")
	}
	if h, _ := p.Helper(2, flow); h.Args[3] != platform.ArgDontCare {
		t.Error("the machine's prototype of helper 2 does not count")
	}
	wantNotes := []string{
		"eBPF store: general helper 2 (bpf_map_update_elem) differs from the one that is built in (bpf_map_update_elem)",
		"eBPF store: program type sockops has a context of 72 bytes (data -1, end -1, meta -1); the built-in one of sockops has 64 (-1, -1, -1)",
	}
	if got := strings.Join(notes[len(notes)-2:], "\n"); got != strings.Join(wantNotes, "\n") {
		t.Errorf("notes:\n%s\nwant:\n%s", got, strings.Join(wantNotes, "\n"))
	}
	if typ, _, _ := Platform().Match("flow"); typ.Name != "unspec" {
		t.Error("the built-in platform was changed")
	}
}

// TestInstalled: only Windows has a store.
func TestInstalled(t *testing.T) {
	p, notes := Installed()
	if runtime.GOOS != "windows" && (p != Platform() || notes != nil) {
		t.Errorf("this machine's platform is not the one that is built in; notes %q", notes)
	}
	if again, _ := Installed(); again != p {
		t.Error("the store is read twice")
	}
}

// FuzzStore: whatever the registry holds, each record is taken or skipped with
// a note, and what is taken can be verified against.
func FuzzStore(f *testing.F) {
	f.Add("flow", utf16Bytes("flow\x00"), guidBytes(1), numbers(40, 8, 16, 24), numbers(65536, 1, 5, 7, 0, 0, 0), uint32(1), uint32(REGSZ))
	f.Add("", []byte{1}, []byte{}, numbers(1<<31-1, 1<<31-1, 1<<31-1, 0), numbers(-1, 99, 50, 1, 2, 3, 4), uint32(0), uint32(7))
	f.Fuzz(func(t *testing.T, section string, name, guid, context, prototype []byte, count, nameType uint32) {
		helper := Key{Name: section, Values: map[string]RegistryValue{
			"Prototype": {REGBINARY, prototype}, "ReallocatePacket": {REGDWORD, numbers(int(count))},
			"ReturnType": {REGDWORD, numbers(int(nameType))}, "Arguments": {REGBINARY, prototype}, "Flags": {REGDWORD, numbers(0)},
		}}
		typ := key(guidName(1), "HelperCount", int(count), key("TypeDescriptor", "ContextDescriptor", context, "BpfProgType", int(nameType), "IsPrivileged", 0), key("Helpers", helper))
		typ.Keys[0].Values["Name"] = RegistryValue{nameType, name}
		s := DecodeStore(key("Providers", key("SectionData", key(section, "ProgramType", guid)), key("ProgramData", typ), key("GlobalHelpers", helper),
			key("BtfResolvedFunctions", key(guidName(2), key("Functions", helper)))))
		if len(s.Types)+len(s.Notes) == 0 {
			t.Error("the program type is lost without a note")
		}
		p, _ := s.Extend(Platform())
		for i := 1; i < len(p.General); i++ {
			if p.General[i-1].ID >= p.General[i].ID {
				t.Fatalf("helpers %d and %d are out of order", p.General[i-1].ID, p.General[i].ID)
			}
		}
		for _, typ := range p.Types {
			if err := typ.Context.Valid(); err != nil || typ.Name == "" {
				t.Errorf("program type %q: %v", typ.Name, err)
			}
			for _, h := range typ.Helpers {
				for _, a := range h.Args {
					if !a.Valid() || !h.Return.Valid() || h.ID < 0 {
						t.Errorf("helper %+v is outside of the ABI", h)
					}
				}
			}
		}
	})
}
