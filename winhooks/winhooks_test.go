package winhooks

import (
	"fmt"
	"strings"
	"testing"

	"bpfls/platform"
)

func TestSections(t *testing.T) {
	for _, test := range []struct{ section, name, matched string }{
		{"xdp", "xdp", "xdp"},
		{"xdp_test", "xdp", "xdp"},
		{"xdp/5", "xdp", "xdp"},
		{"bind", "bind", "bind"},
		{"bind_2", "bind", "bind"},
		{"bind/5", "bind", "bind"},
		{"cgroup/connect4", "sock_addr", "cgroup/connect4"},
		{"cgroup/connect4foo", "sock_addr", "cgroup/connect4"},
		{"cgroup/connect6", "sock_addr", "cgroup/connect6"},
		{"cgroup/recv_accept4", "sock_addr", "cgroup/recv_accept4"},
		{"cgroup/recv_accept6", "sock_addr", "cgroup/recv_accept6"},
		{"cgroup/connect_authorization4", "sock_addr", "cgroup/connect_authorization4"},
		{"cgroup/connect_authorization6", "sock_addr", "cgroup/connect_authorization6"},
		{"cgroup/bind4", "sock_addr", "cgroup/bind4"},
		{"cgroup/bind6", "sock_addr", "cgroup/bind6"},
		{"cgroup/listen4", "sock_addr", "cgroup/listen4"},
		{"cgroup/listen6", "sock_addr", "cgroup/listen6"},
		{"sockops", "sockops", "sockops"},
		{"sockops1", "sockops", "sockops"},
		{"sample_ext", "sample", "sample_ext"},
		{"sample_ext1", "sample", "sample_ext"},

		{"", "unspec", ""},
		{".text", "unspec", ""},
		{"myprog", "unspec", ""},
		{"cgroup/connect", "unspec", ""},
		{"cgroup/sock_addr", "unspec", ""},
		{"Bind", "unspec", ""},
		{"sample", "unspec", ""},
	} {
		got, matched, ok := Platform().Match(test.section)
		if got.Name != test.name || matched != test.matched || ok != (test.name != "unspec") {
			t.Errorf("section %q: type %s by %q, found %v; want %s by %q", test.section, got.Name, matched, ok, test.name, test.matched)
		}
	}
}

// TestTypeByName: what --type and netsh's type= accept.
func TestTypeByName(t *testing.T) {
	for name, want := range map[string]string{
		"xdp": "xdp", "bind": "bind", "sock_addr": "sock_addr", "sockops": "sockops", "sample": "sample",
		"cgroup/connect4": "sock_addr", "sample_ext": "sample", "nosuch": "unspec",
	} {
		if got, ok := Platform().TypeByName(name); got.Name != want || ok != (want != "unspec") {
			t.Errorf("%s: type %s, found %v; want %s", name, got.Name, ok, want)
		}
	}
	if got, want := strings.Join(Platform().TypeNames(), " "), "bind sample sock_addr sockops xdp"; got != want {
		t.Errorf("types: %s, want %s", got, want)
	}
}

func TestContexts(t *testing.T) {
	for name, want := range map[string]string{
		"xdp":       "1: xdp_md_t, 32 bytes, data 0, end 8, meta 16",
		"bind":      "2: bind_md_t, 56 bytes, data 0, end 8, meta -1",
		"sock_addr": "3: bpf_sock_addr_t, 64 bytes, data -1, end -1, meta -1",
		"sockops":   "4: bpf_sock_ops_t, 64 bytes, data -1, end -1, meta -1",
		"sample":    "999: sample_program_context_t, 32 bytes, data 0, end 8, meta -1",
	} {
		typ, _ := Platform().TypeByName(name)
		c := typ.Context
		got := fmt.Sprintf("%d: %s, %d bytes, data %d, end %d, meta %d", typ.ID, c.TypeName, c.Size, c.Data, c.End, c.Meta)
		if got != want || typ.Privileged || typ.Sleepable {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
		last := 0
		for _, f := range c.Fields {
			if f.Offset < last || f.Offset+f.Size > c.Size {
				t.Errorf("%s: %s at %d with %d bytes is out of order or outside", name, f.Name, f.Offset, f.Size)
			}
			last = f.Offset
		}
	}
	if Platform().Unknown.Context != nil {
		t.Error("an unknown section has a context, so its programs would be verified")
	}
}

// TestHelpers: the prototypes by program type and id. Letters as in the
// documentation of the helpers' kinds: M map, K key, V value, P program array,
// C context, A anything, R readable and W writable memory, S size, Z size or
// zero, ? or null; before the parentheses what it returns: I integer, L map
// value or null, T integer unless it does not return.
func TestHelpers(t *testing.T) {
	general := `1 bpf_map_lookup_elem L(MK)
2 bpf_map_update_elem I(MKVA)
3 bpf_map_delete_elem I(MK)
4 bpf_map_lookup_and_delete_elem L(MK)
5 bpf_tail_call T(CPA)
6 bpf_get_prandom_u32 I()
7 bpf_ktime_get_boot_ns I()
8 bpf_get_smp_processor_id I()
9 bpf_ktime_get_ns I()
10 bpf_csum_diff I(R?ZR?ZA)
11 bpf_ringbuf_output I(MRSA)
12 bpf_trace_printk2 I(RS)
13 bpf_trace_printk3 I(RSA)
14 bpf_trace_printk4 I(RSAA)
15 bpf_trace_printk5 I(RSAAA)
16 bpf_map_push_elem I(MVA)
17 bpf_map_pop_elem I(MV)
18 bpf_map_peek_elem I(MV)
19 bpf_get_current_pid_tgid I()
20 bpf_get_current_logon_id I(C)
21 bpf_is_current_admin I(C)
22 bpf_memcpy I(WZRZ)
23 bpf_memcmp I(RZRZ)
24 bpf_memset I(WZA)
25 bpf_memmove I(WZRZ)
26 bpf_get_socket_cookie I(C)
27 bpf_strncpy_s I(WZRZ)
28 bpf_strncat_s I(WZRZ)
29 bpf_strnlen_s I(RZ)
30 bpf_ktime_get_boot_ms I()
31 bpf_ktime_get_ms I()
32 bpf_perf_event_output I(CMARS)
33 bpf_get_current_process_start_key I()
34 bpf_get_current_thread_create_time I()
35 bpf_redirect_map I(MAA)
`
	own := map[string]string{
		"bind":      "",
		"xdp":       "65536 bpf_xdp_adjust_head I(CA) reallocates\n",
		"sock_addr": "65537 bpf_sock_addr_set_redirect_context I(CRS)\n65538 bpf_sock_addr_get_network_context I(CWS)\n",
		"sockops":   "65536 bpf_sock_ops_get_flow_id I(C)\n",
		"sample": `65536 sample_ebpf_extension_helper_function1 I(C)
65537 sample_ebpf_extension_find I(RSRS)
65538 sample_ebpf_extension_replace I(RSARS)
65539 sample_ebpf_extension_helper_implicit_1 I()
65540 sample_ebpf_extension_helper_implicit_2 I()
65541 sample_ext_helper_map_lookup_element L(MK)
65542 sample_ext_helper_map_get_value I(MKWS)
`,
	}
	for name, ownHelpers := range own {
		typ, _ := Platform().TypeByName(name)
		var got strings.Builder
		for id := int32(-2); id < 70000; id++ {
			h, err := Platform().Helper(id, typ)
			if err == nil {
				got.WriteString(prototype(h))
			}
		}
		if got.String() != general+ownHelpers {
			t.Errorf("%s may call:\n%swant:\n%s%s", name, got.String(), general, ownHelpers)
		}
	}
}

func prototype(h *platform.Helper) string {
	letters := map[platform.ArgType]string{
		anything: "A", context: "C", mapFD: "M", programs: "P", mapKey: "K", mapValue: "V",
		readable: "R", readableOrNull: "R?", writable: "W", size: "S", sizeOrZero: "Z",
	}
	text := fmt.Sprintf("%d %s %s(", h.ID, h.Name, map[platform.RetType]string{integer: "I", mapValueOrNull: "L", integerOrNoReturn: "T"}[h.Return])
	for _, a := range h.Args {
		text += letters[a]
	}
	text += ")"
	if h.ReallocatesPacket {
		text += " reallocates"
	}
	return text + "\n"
}

func TestHelperErrors(t *testing.T) {
	p := Platform()
	for _, test := range []struct {
		id                    int32
		typ, message, explain string
	}{
		{999, "xdp", "helper prototype not found: 999", "xdp programs have no helper with id 999"},
		{0, "bind", "helper prototype not found: 0", "bind programs have no helper with id 0"},
		{65538, "xdp", "helper prototype not found: 65538",
			"xdp programs have no helper with id 65538; it is bpf_sock_addr_get_network_context in sock_addr programs, sample_ebpf_extension_replace in sample programs"},
		{-1, "xdp", "helper ID is negative: -1", "-1 is not the id of a helper: ids are not negative"},
		{1, "unspec", "helper not usable: 1", "helper 1 is not available: the program's section names no hook"},
		{-1, "unspec", "helper not usable: -1", "helper -1 is not available: the program's section names no hook"},
	} {
		typ, _ := p.TypeByName(test.typ)
		_, err := p.Helper(test.id, typ)
		refusal, ok := err.(*platform.HelperError)
		if !ok || refusal.Error() != test.message || refusal.Explain() != test.explain {
			t.Errorf("helper %d in %s: %v\n want %s\n and %s", test.id, test.typ, err, test.message, test.explain)
			if ok {
				t.Log(refusal.Explain())
			}
		}
	}
}

func TestMapTypes(t *testing.T) {
	for id, want := range map[uint32]string{
		0: "unspec", 1: "hash", 2: "array, array", 3: "prog_array, array, programs", 4: "percpu_hash",
		5: "percpu_array, array", 6: "hash_of_maps, maps", 7: "array_of_maps, array, maps",
		8: "lru_hash", 10: "queue", 13: "ringbuf", 16: "xskmap", 17: "unspec", 1 << 31: "unspec",
	} {
		m := Platform().MapType(id)
		got := m.Name
		if m.Array {
			got += ", array"
		}
		got += map[platform.MapValueKind]string{platform.ValueMap: ", maps", platform.ValueProgram: ", programs"}[m.Value]
		if got != want {
			t.Errorf("map type %d: %s, want %s", id, got, want)
		}
	}
}

func TestOptions(t *testing.T) {
	got := Platform().Options
	want := platform.Options{Termination: true, StackSize: 512, MaxFrames: 8, MaxPacketSize: 65535}
	if got != want {
		t.Errorf("options %+v, want %+v", got, want)
	}
	if Platform().Legacy.RecordSize != 32 {
		t.Errorf("legacy map records have %d bytes, want 32", Platform().Legacy.RecordSize)
	}
}

func TestHelperDocs(t *testing.T) {
	for _, h := range generalHelpers {
		if h.Doc == "" {
			t.Errorf("%s has no documentation", h.Name)
		}
	}
	for _, typ := range append(Platform().Types, &unspec) {
		if typ.Doc == "" {
			t.Errorf("program type %s has no documentation", typ.Name)
		}
		for _, h := range append(typ.Helpers, generalHelpers...) {
			for i, a := range h.Args {
				if (a != platform.ArgDontCare) != (h.ArgNames[i] != "") {
					t.Errorf("%s: argument %d has type %v and name %q", h.Name, i+1, a, h.ArgNames[i])
				}
			}
		}
	}
}
