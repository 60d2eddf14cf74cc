package linuxhooks

import "testing"

func TestNear(t *testing.T) {
	for _, test := range []struct{ section, context, typ, name string }{
		{"xpd", "", "xdp", "xdp"},
		{"xdp_prog", "struct xdp_md *", "xdp", "xdp"},
		{"xdp.fraps", "", "xdp", "xdp.frags"},
		{"kprobes/vfs_read", "void *", "kprobe", "kprobe/vfs_read"},
		{"kpobe", "", "kprobe", "kprobe"},
		{"tracepiont/syscalls/sys_enter_openat", "", "tracepoint", "tracepoint/syscalls/sys_enter_openat"},
		{"bind4", "", "cgroup_sock_addr", "cgroup/bind4"},
		{"tc_ingress", "const struct __sk_buff *", "sched_cls", "tc/ingress"},
		{"tc_mine", "", "sched_cls", "tc"},
		{"xpd", "struct __sk_buff *", "", ""}, // its context is another hook's
		{"lsm.x/file_open", "", "lsm", "lsm/file_open"},
		{"tx", "", "", ""},
		{"mine", "", "", ""},
		{"my_program", "", "", ""},
		{".text", "", "", ""},
		{"", "", "", ""},
	} {
		got, name, ok := Platform().Near(test.section, test.context)
		typ := ""
		if ok {
			typ = got.Name
		}
		if typ != test.typ || ok && name != test.name || ok != (test.typ != "") {
			t.Errorf("%q of %q: %q %q, want %q %q", test.section, test.context, typ, name, test.typ, test.name)
		}
	}
}
