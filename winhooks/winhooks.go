// Package winhooks describes eBPF for Windows to the verifier: its program
// types with their section prefixes and contexts, its helpers, map types and
// verifier options. On Windows it also reads the eBPF store in the registry,
// where extensions publish further program types and helpers.
package winhooks

import (
	"strconv"

	"bpfls/platform"
)

// Platform returns eBPF for Windows as it ships, without what the store of a
// machine adds (see Store.Extend). The result is shared and must not be changed.
func Platform() *platform.Platform { return &windows }

// Where the program types come from.
const (
	builtIn   = "built in"
	netHeader = "ebpf_nethooks.h"
)

var windows = platform.Platform{
	Name:          "windows",
	Types:         []*platform.ProgramType{&xdp, &bind, &sockAddr, &sockOps, &sample},
	General:       generalHelpers,
	Maps:          mapTypes,
	Legacy:        platform.LegacyMaps{RecordSize: 32, HasIDs: true},
	Names:         platform.NamePrefix,
	Unknown:       &unspec,
	HelperMessage: helperMessage,
	MapMessage:    mapMessage,
	Options: platform.Options{
		Termination:   true,
		StackSize:     512,
		MaxFrames:     8,
		MaxPacketSize: 65535,
	},
}

// unspec is the type of a section without a hook: nothing is known of its
// context, so it is refused ("Unspecified program type.").
var unspec = platform.ProgramType{
	Name:   "unspec",
	Origin: builtIn,
	Doc:    "No hook of eBPF for Windows takes programs from this section.",
}

var xdp = platform.ProgramType{
	Name:     "xdp",
	Prefixes: []string{"xdp"},
	Context:  &xdpContext,
	ID:       1,
	Helpers:  xdpHelpers,
	Header:   "xdp/ebpfhook.h",
	Origin:   builtIn,
	Doc: "Sees each packet that a network interface receives, before the network stack does. " +
		"Returns XDP_PASS (1), XDP_DROP (2) or XDP_TX (3). The hook ships with XDP for Windows.",
}

var bind = platform.ProgramType{
	Name:     "bind",
	Prefixes: []string{"bind"},
	Context:  &bindContext,
	ID:       2,
	Header:   netHeader,
	Origin:   builtIn,
	Doc: "Decides whether a process may bind a socket to an address. The data is the path of the " +
		"application. Returns BIND_PERMIT_SOFT (0), BIND_DENY (1), BIND_REDIRECT (2) or BIND_PERMIT_HARD (3).",
}

var sockAddr = platform.ProgramType{
	Name: "sock_addr",
	Prefixes: []string{
		"cgroup/connect4", "cgroup/connect6",
		"cgroup/recv_accept4", "cgroup/recv_accept6",
		"cgroup/connect_authorization4", "cgroup/connect_authorization6",
		"cgroup/bind4", "cgroup/bind6",
		"cgroup/listen4", "cgroup/listen6",
	},
	Context: &sockAddrContext,
	ID:      3,
	Helpers: sockAddrHelpers,
	Header:  netHeader,
	Origin:  builtIn,
	Doc: "Decides about a connect, accept, bind or listen, and may redirect a connect by changing the " +
		"destination in the context. Returns BPF_SOCK_ADDR_VERDICT_REJECT (0), ..._PROCEED_SOFT (1) or ..._PROCEED_HARD (2).",
}

var sockOps = platform.ProgramType{
	Name:     "sockops",
	Prefixes: []string{"sockops"},
	Context:  &sockOpsContext,
	ID:       4,
	Helpers:  sockOpsHelpers,
	Header:   netHeader,
	Origin:   builtIn,
	Doc:      "Is told when a connection is established, in either direction, and when it ends. Returns 0 on success.",
}

var sample = platform.ProgramType{
	Name:     "sample",
	Prefixes: []string{"sample_ext"},
	Context:  &sampleContext,
	ID:       999,
	Helpers:  sampleHelpers,
	Header:   "sample_ext_helpers.h",
	Origin:   builtIn,
	Doc:      "The hook of the sample extension, for tests of eBPF for Windows itself.",
}

// mapTypes has every map type of eBPF for Windows. The verifier of Windows
// knows the first eight; the others are plain maps to it.
var mapTypes = []platform.MapType{
	{ID: 0, Name: "unspec"},
	{ID: 1, Name: "hash"},
	{ID: 2, Name: "array", Array: true},
	{ID: 3, Name: "prog_array", Array: true, Value: platform.ValueProgram},
	{ID: 4, Name: "percpu_hash"},
	{ID: 5, Name: "percpu_array", Array: true},
	{ID: 6, Name: "hash_of_maps", Value: platform.ValueMap},
	{ID: 7, Name: "array_of_maps", Array: true, Value: platform.ValueMap},
	{ID: 8, Name: "lru_hash"},
	{ID: 9, Name: "lpm_trie"},
	{ID: 10, Name: "queue"},
	{ID: 11, Name: "lru_percpu_hash"},
	{ID: 12, Name: "stack"},
	{ID: 13, Name: "ringbuf"},
	{ID: 14, Name: "perf_event_array"},
	{ID: 15, Name: "sample_hash_map"},
	{ID: 16, Name: "xskmap"},
}

// helperMessage words the refusal of a helper as the Windows tools print it.
func helperMessage(e *platform.HelperError) string {
	id := strconv.Itoa(int(e.ID))
	switch e.Reason {
	case platform.HelperNoContext:
		return "helper not usable: " + id
	case platform.HelperNegative:
		return "helper ID is negative: " + id
	}
	return "helper prototype not found: " + id
}

// mapMessage words that no map has a descriptor, as ebpf-for-windows does: it keeps
// descriptors as unsigned numbers.
func mapMessage(fd int) string {
	return "Map cache entry for original map fd " + strconv.FormatUint(uint64(fd), 10) + " not found."
}
