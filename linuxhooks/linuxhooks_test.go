package linuxhooks

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"bpfls/platform"
)

// TestSections: libbpf's section names and the program types (by PREVAIL's
// names) that they select.
func TestSections(t *testing.T) {
	for _, test := range []struct {
		section, name, matched string
		sleepable              bool
	}{
		{"socket", "socket_filter", "socket", false},
		{"xdp", "xdp", "xdp", false},
		{"xdp.frags", "xdp", "xdp.frags", false},
		{"xdp/devmap", "xdp", "xdp/devmap", false},
		{"xdp.frags/cpumap", "xdp", "xdp.frags/cpumap", false},
		{"tc", "sched_cls", "tc", false},
		{"tc/ingress", "sched_cls", "tc/ingress", false},
		{"tcx/ingress", "sched_cls", "tcx/ingress", false},
		{"tcx/egress", "sched_cls", "tcx/egress", false},
		{"netkit/peer", "sched_cls", "netkit/peer", false},
		{"classifier", "sched_cls", "classifier", false},
		{"action", "sched_act", "action", false},
		{"kprobe", "kprobe", "kprobe+", false},
		{"kprobe/do_unlinkat", "kprobe", "kprobe+", false},
		{"kretprobe/do_unlinkat", "kprobe", "kretprobe+", false},
		{"kprobe.multi/tcp_*", "kprobe", "kprobe.multi+", false},
		{"ksyscall/openat", "kprobe", "ksyscall+", false},
		{"uprobe", "kprobe", "uprobe+", false},
		{"uprobe//bin/bash:readline", "kprobe", "uprobe+", false},
		{"uretprobe/x", "kprobe", "uretprobe+", false},
		{"uprobe.s/x", "kprobe", "uprobe.s+", true},
		{"usdt", "kprobe", "usdt+", false},
		{"usdt.s/x", "kprobe", "usdt.s+", true},
		{"tracepoint/syscalls/sys_enter_open", "tracepoint", "tracepoint+", false},
		{"tp/sched/sched_switch", "tracepoint", "tp+", false},
		{"raw_tp/sched_switch", "raw_tracepoint", "raw_tp+", false},
		{"raw_tracepoint", "raw_tracepoint", "raw_tracepoint+", false},
		{"raw_tp.w/x", "raw_tracepoint_writable", "raw_tp.w+", false},
		{"tp_btf/sched_switch", "tracing", "tp_btf+", false},
		{"fentry/tcp_connect", "tracing", "fentry+", false},
		{"fexit/tcp_connect", "tracing", "fexit+", false},
		{"fmod_ret/x", "tracing", "fmod_ret+", false},
		{"fentry.s/x", "tracing", "fentry.s+", true},
		{"iter/task", "tracing", "iter+", false},
		{"iter.s/task", "tracing", "iter.s+", true},
		{"lsm/file_open", "lsm", "lsm+", false},
		{"lsm.s/file_open", "lsm", "lsm.s+", true},
		{"lsm_cgroup/socket_bind", "lsm", "lsm_cgroup+", false},
		{"struct_ops/init", "struct_ops", "struct_ops+", false},
		{"struct_ops.s/init", "struct_ops", "struct_ops.s+", true},
		{"perf_event", "perf_event", "perf_event", false},
		{"syscall", "syscall", "syscall", true},
		{"freplace/f", "ext", "freplace+", false},
		{"cgroup/skb", "cgroup_skb", "cgroup/skb", false},
		{"cgroup_skb/egress", "cgroup_skb", "cgroup_skb/egress", false},
		{"cgroup/sock_create", "cgroup_sock", "cgroup/sock_create", false},
		{"cgroup/post_bind4", "cgroup_sock", "cgroup/post_bind4", false},
		{"cgroup/bind4", "cgroup_sock_addr", "cgroup/bind4", false},
		{"cgroup/connect6", "cgroup_sock_addr", "cgroup/connect6", false},
		{"cgroup/getsockname_unix", "cgroup_sock_addr", "cgroup/getsockname_unix", false},
		{"cgroup/setsockopt", "cgroup_sockopt", "cgroup/setsockopt", false},
		{"cgroup/sysctl", "cgroup_sysctl", "cgroup/sysctl", false},
		{"cgroup/dev", "cgroup_device", "cgroup/dev", false},
		{"sockops", "sock_ops", "sockops", false},
		{"sk_skb/stream_verdict", "sk_skb", "sk_skb/stream_verdict", false},
		{"sk_msg", "sk_msg", "sk_msg", false},
		{"sk_lookup", "sk_lookup", "sk_lookup", false},
		{"sk_reuseport/migrate", "sk_reuseport", "sk_reuseport/migrate", false},
		{"lwt_in", "lwt_in", "lwt_in", false},
		{"lwt_seg6local", "lwt_seg6local", "lwt_seg6local", false},
		{"flow_dissector", "flow_dissector", "flow_dissector", false},
		{"netfilter", "netfilter", "netfilter", false},
		{"lirc_mode2", "lirc_mode2", "lirc_mode2", false},

		// libbpf refuses these, so they have no type.
		{"", "unspec", "", false},
		{".text", "unspec", "", false},
		{"xdp_prog", "unspec", "", false},
		{"xdp/other", "unspec", "", false},
		{"kprobes", "unspec", "", false},
		{"fentry.s.x", "unspec", "", false},
		{"2/7", "unspec", "", false},
	} {
		got, matched, ok := Platform().Match(test.section)
		if got.Name != test.name || matched != test.matched || got.Sleepable != test.sleepable || ok != (test.name != "unspec") {
			t.Errorf("section %q: type %s by %q, sleepable %v, found %v; want %s by %q, sleepable %v",
				test.section, got.Name, matched, got.Sleepable, ok, test.name, test.matched, test.sleepable)
		}
	}
	if Platform().Unknown.Context != nil {
		t.Error("an unknown section has a context, so its programs would be verified")
	}
}

// TestReference compares every fact with PREVAIL's own answers.
func TestReference(t *testing.T) {
	f, err := os.Open("testdata/prevail.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := Platform()
	counts := make(map[string]int)
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		kind, want, _ := strings.Cut(lines.Text(), "\t")
		fields := strings.Split(want, "\t")
		counts[kind]++
		switch kind {
		case "helper":
			h := p.General[number(t, fields[0])]
			got := fmt.Sprint(h.ID, "\t", h.Name, "\t", uint8(h.Return))
			for _, a := range h.Args {
				got += fmt.Sprint("\t", uint8(a))
			}
			got += fmt.Sprint("\t", bit(h.ReallocatesPacket), "\t", h.ZeroArgs, "\t", bit(h.MightSleep), "\t", h.AllowedMapTypes, "\t", bit(h.Unsupported))
			if got != want {
				t.Errorf("helper %s:\n got %s\nwant %s", h.Name, got, want)
			}
		case "type":
			if fields[0] == "unspec" {
				continue // no section selects it in PREVAIL; see TestSections
			}
			found, ok := p.TypeByName(fields[0])
			if !ok {
				t.Errorf("no program type %s", fields[0])
				continue
			}
			typ := *found
			typ.Sleepable = fields[1] == "1"
			var usable strings.Builder
			for id := int32(-1); id < 214; id++ {
				_, err := p.Helper(id, &typ)
				usable.WriteString(bit(err == nil))
			}
			c := typ.Context
			got := fmt.Sprintf("%s\t%s\t%d\t%d,%d,%d,%d\t%s\t%s", typ.Name, bit(typ.Sleepable), typ.ID,
				c.Size, c.Data, c.End, c.Meta, bit(typ.Privileged), usable.String())
			if got != want {
				t.Errorf("program type %s:\n got %s\nwant %s", typ.Name, got, want)
			}
		case "map":
			m := p.MapType(uint32(number(t, fields[0])))
			got := fmt.Sprintf("%d\t%s\t%s\t%d", m.ID, strings.ToUpper(m.Name), bit(m.Array), m.Value)
			if got != want {
				t.Errorf("map type: got %s, want %s", got, want)
			}
		default:
			t.Fatalf("unknown record %q", kind)
		}
	}
	if counts["helper"] != len(p.General) || counts["map"] != len(p.Maps) || counts["type"] == 0 {
		t.Errorf("compared %v with %d helpers and %d map types", counts, len(p.General), len(p.Maps))
	}
}

func TestHelperErrors(t *testing.T) {
	p := Platform()
	for _, test := range []struct {
		id      int32
		typ     string
		reason  platform.HelperRefusal
		explain string
	}{
		{999, "xdp", platform.HelperUnknown, "xdp programs have no helper with id 999"},
		{-1, "xdp", platform.HelperNegative, "-1 is not the id of a helper: ids are not negative"},
		{9, "xdp", platform.HelperWrongContext, "helper skb_store_bytes (9) is not available to xdp programs: it takes struct __sk_buff"},
		{44, "sched_cls", platform.HelperWrongContext, "helper xdp_adjust_head (44) is not available to sched_cls programs: it takes struct xdp_md"},
		{9, "flow_dissector", platform.HelperWrongContext, "helper skb_store_bytes (9) is not available to flow_dissector programs: it takes struct __sk_buff"},
		{148, "tracing", platform.HelperSleeps, "helper copy_from_user (148) may sleep: only sleepable programs (sections ending in .s) may call it"},
		{201, "xdp", platform.HelperUnsupported, "helper dynptr_read (201) is not supported by the verifier"},
		{46, "lxc", platform.HelperWrongType, "helper get_socket_cookie (46) is not available to lxc programs: only to socket_filter, sched_act, sched_cls, sk_skb, cgroup_skb, cgroup_sock, cgroup_sock_addr, sock_ops, sk_reuseport, tracing"},
	} {
		typ, _ := p.TypeByName(test.typ)
		_, err := p.Helper(test.id, typ)
		var refusal *platform.HelperError
		if !errors.As(err, &refusal) || refusal.Reason != test.reason || refusal.Explain() != test.explain {
			t.Errorf("helper %d in %s: got %+v\n want %s", test.id, test.typ, err, test.explain)
			continue
		}
		if got, want := err.Error(), "helper function is unavailable on this platform"; got != want {
			t.Errorf("helper %d in %s: error %q, want PREVAIL's %q", test.id, test.typ, got, want)
		}
	}
	if _, err := p.Helper(1, p.Unknown); err == nil {
		t.Error("a program without a hook may call helpers")
	}
}

// TestBuiltins: what becomes of a call of a function that is not in the object.
func TestBuiltins(t *testing.T) {
	p := Platform()
	for name, want := range map[string]int32{
		"memset": -11, "memcpy": -12, "memmove": -13, "memcmp": -14,
		"bpf_map_lookup_elem": 1, "ebpf_map_update_elem": 2, "map_delete_elem": 3,
		"printf": -100, "strlen": -100,
	} {
		h, ok := p.Builtin(name)
		if !ok || h.ID != want {
			t.Errorf("%s: id %d, found %v; want %d", name, h.ID, ok, want)
		}
		if want < 0 {
			if b, err := p.BuiltinByID(want); err != nil || b.ID != want {
				t.Errorf("builtin %d: %v", want, err)
			}
		}
	}
	if _, ok := p.Builtin(""); ok {
		t.Error("a call without a name was resolved")
	}
	if _, err := p.BuiltinByID(-1); err == nil || err.Error() != "builtin function is unavailable on this platform" {
		t.Errorf("builtin -1: %v", err)
	}
}

func TestKfuncs(t *testing.T) {
	p := Platform()
	xdp, _ := p.TypeByName("xdp")
	kprobe, _ := p.TypeByName("kprobe")
	for _, test := range []struct {
		id     int32
		module int16
		typ    *platform.ProgramType
		want   string // a name, or an error
	}{
		{12, 0, xdp, "kfunc_test_id_overlap_tail_call"},
		{1000, 0, xdp, "kfunc_test_ret_int"},
		{1000, 1, xdp, "kfunc_test_ret_int_other_module"},
		{1000, 2, xdp, "kfunc prototype lookup failed for BTF id 1000 in module 2"},
		{999, 0, xdp, "kfunc prototype lookup failed for BTF id 999"},
		{1003, 0, xdp, "kfunc_test_xdp_only"},
		{1003, 0, kprobe, "kfunc is unavailable for program type kprobe: kfunc_test_xdp_only"},
		{1004, 0, kprobe, "kfunc_test_privileged_only"},
		{1004, 0, xdp, "kfunc requires privileged program type: kfunc_test_privileged_only"},
		{1008, 0, xdp, "kfunc has unsupported flags (release requires lifecycle tracking): kfunc_test_release_flag"},
		{1009, 0, xdp, "bpf_cpumask_create"},
	} {
		k, err := p.KfuncByID(test.id, test.module, test.typ)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = k.Name
		}
		if got != test.want {
			t.Errorf("kernel function %d of module %d in %s: %q, want %q", test.id, test.module, test.typ.Name, got, test.want)
		}
	}
	if k, ok := p.Kfunc("bpf_testmod_test_mod_kfunc"); !ok || k.BTFID != 21000 || k.Module != 1 {
		t.Errorf("bpf_testmod_test_mod_kfunc: %d in module %d", k.BTFID, k.Module)
	}
	if _, ok := p.Kfunc("no_such_function"); ok {
		t.Error("no_such_function was resolved")
	}
}

// TestHelperNames: every argument of a helper has a name, and nothing has one
// behind the last argument.
func TestHelperNames(t *testing.T) {
	for _, h := range generalHelpers[1:] {
		for i, a := range h.Args {
			if (a != platform.ArgDontCare) != (h.ArgNames[i] != "") {
				t.Errorf("%s: argument %d has type %v and name %q", h.Name, i+1, a, h.ArgNames[i])
			}
		}
		if h.Doc == "" {
			t.Errorf("%s has no documentation", h.Name)
		}
	}
}

// TestFields: the members of each context lie inside it, by offset, and those
// at the packet pointers are there.
func TestFields(t *testing.T) {
	for _, typ := range Platform().Types {
		c := typ.Context
		last := 0
		for _, f := range c.Fields {
			if f.Offset < last || f.Offset+f.Size > c.Size {
				t.Errorf("%s: %s at %d with %d bytes is out of order or outside of %d bytes", typ.Name, f.Name, f.Offset, f.Size, c.Size)
			}
			last = f.Offset
		}
		for want, offset := range map[string]int{"data": c.Data, "data_end": c.End, "data_meta": c.Meta} {
			if f, ok := c.FieldAt(offset); offset >= 0 && (!ok || f.Name != want || f.Offset != offset) {
				t.Errorf("%s: at offset %d is %q, want %s", typ.Name, offset, f.Name, want)
			}
		}
	}
}

func number(t *testing.T, s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func bit(b bool) string {
	if b {
		return "1"
	}
	return "0"
}
