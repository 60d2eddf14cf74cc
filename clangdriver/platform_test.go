package clangdriver

import (
	"runtime"
	"strings"
	"testing"
)

func TestDecidePlatform(t *testing.T) {
	host := runtime.GOOS
	if host != PlatformLinux {
		host = PlatformWindows
	}
	include := func(names ...string) (refs []reference) {
		for _, n := range names {
			// NAME, or NAME=PATH where it was found.
			name, to, _ := strings.Cut(n, "=")
			refs = append(refs, reference{directive: directive{name: name}, to: to})
		}
		return refs
	}
	const efw = "/pkg/include"
	for _, test := range []struct {
		name, setting, text string
		refs                []reference
		checkout            string
		want, why           string
	}{
		{name: "the setting", setting: "linux", text: "// bpfls: platform=windows", want: "linux", why: "setting"},
		{name: "auto is no setting", setting: "auto", refs: include("vmlinux.h"), want: "linux", why: "includes vmlinux.h"},
		{name: "a comment", text: "\n//bpfls: platform = Windows\n", refs: include("vmlinux.h"), want: "windows", why: "comment in line 2"},
		{name: "a comment that names none", text: "// bpfls: platform=solaris", refs: include("vmlinux.h"), want: "linux", why: "includes vmlinux.h"},
		{name: "Windows' own header", refs: include("ebpf_nethooks.h"), want: "windows", why: "includes ebpf_nethooks.h"},
		{name: "bpf_helpers.h alone", refs: include("bpf_helpers.h"), want: "windows", why: "includes bpf_helpers.h"},
		{name: "libbpf's", refs: include("bpf/bpf_helpers.h"), want: "linux", why: "includes bpf/bpf_helpers.h"},
		{name: "a header of Linux", refs: include("stdint.h", "linux/if_ether.h"), want: "linux", why: "includes linux/if_ether.h"},
		{name: "a name of Linux, found in Windows' headers", refs: include("linux/bpf.h=/pkg/include/linux/bpf.h"), want: "windows",
			why: "includes linux/bpf.h (/pkg/include/linux/bpf.h)"},
		{name: "both, Windows' found", refs: include("vmlinux.h", "bpf_helpers.h=/pkg/include/bpf_helpers.h"), want: "windows",
			why: "includes bpf_helpers.h (/pkg/include/bpf_helpers.h)"},
		{name: "both, Linux' found", refs: include("ebpf_nethooks.h", "vmlinux.h=/s/vmlinux.h"), want: "linux", why: "includes vmlinux.h (/s/vmlinux.h)"},
		{name: "both, none found: the host", refs: include("ebpf_nethooks.h", "vmlinux.h"), want: host},
		{name: "asked for only", refs: []reference{{directive: directive{name: "vmlinux.h", probe: true}}}, want: host},
		{name: "a checkout", refs: include("stdint.h"), checkout: "/efw", want: "windows", why: "lies in /efw, a checkout of ebpf-for-windows"},
		{name: "nothing tells", want: host},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, why := decidePlatform(test.setting, []byte(test.text), test.refs, []string{efw}, test.checkout)
			if got != test.want || test.why != "" && why != test.why || why == "" {
				t.Errorf("got %s: %s; want %s: %s", got, why, test.want, test.why)
			}
		})
	}
}
