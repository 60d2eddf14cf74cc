// Package linuxhooks describes BPF on Linux to the verifier. Sections select
// program types as libbpf does; contexts, helpers and map types are those that
// PREVAIL v0.2.6 knows, so that its verdicts can be compared.
package linuxhooks

import (
	"strconv"

	"strings"

	"bpfls/platform"
)

// Platform returns Linux. The result is shared and must not be changed.
func Platform() *platform.Platform { return &linux }

var linux = platform.Platform{
	Name:          "linux",
	Types:         programTypes,
	General:       generalHelpers,
	Maps:          mapTypes,
	Legacy:        platform.LegacyMaps{RecordSize: 28, Share: true},
	Names:         platform.NamePattern,
	Unknown:       &unspec,
	Builtin:       builtin,
	Builtins:      builtins,
	Kfunc:         kfunc,
	Kfuncs:        kfuncs,
	HelperMessage: helperMessage,
	MapMessage:    mapMessage,
	SocketFields:  socketFields,
	SocketSize:    80,
	Options: platform.Options{
		StackSize:     512,
		MaxFrames:     8,
		MaxPacketSize: 65535,
		PacketAccess:  true,
	},
}

// unspec is the type of a section that libbpf does not know: nothing is known
// of its context, so it is refused, as libbpf refuses to load it.
var unspec = platform.ProgramType{
	Name:   "unspec",
	Origin: builtIn,
	Doc:    "libbpf knows no program type for this section.",
}

// helperMessage words the refusal of a helper as PREVAIL does, whatever the reason.
func helperMessage(*platform.HelperError) string {
	return "helper function is unavailable on this platform"
}

// mapTypes are the map types of enum bpf_map_type.
var mapTypes = []platform.MapType{
	{ID: 0, Name: "unspec"},
	{ID: 1, Name: "hash"},
	{ID: 2, Name: "array", Array: true},
	{ID: 3, Name: "prog_array", Array: true, Value: platform.ValueProgram},
	{ID: 4, Name: "perf_event_array", Array: true},
	{ID: 5, Name: "percpu_hash"},
	{ID: 6, Name: "percpu_array", Array: true},
	{ID: 7, Name: "stack_trace"},
	{ID: 8, Name: "cgroup_array", Array: true},
	{ID: 9, Name: "lru_hash"},
	{ID: 10, Name: "lru_percpu_hash"},
	{ID: 11, Name: "lpm_trie"},
	{ID: 12, Name: "array_of_maps", Array: true, Value: platform.ValueMap},
	{ID: 13, Name: "hash_of_maps", Value: platform.ValueMap},
	{ID: 14, Name: "devmap"},
	{ID: 15, Name: "sockmap"},
	{ID: 16, Name: "cpumap"},
	{ID: 17, Name: "xskmap"},
	{ID: 18, Name: "sockhash"},
	{ID: 19, Name: "cgroup_storage"},
	{ID: 20, Name: "reuseport_sockarray"},
	{ID: 21, Name: "percpu_cgroup_storage"},
	{ID: 22, Name: "queue"},
	{ID: 23, Name: "stack"},
	{ID: 24, Name: "sk_storage"},
	{ID: 25, Name: "devmap_hash"},
	{ID: 26, Name: "struct_ops"},
	{ID: 27, Name: "ringbuf"},
	{ID: 28, Name: "inode_storage"},
	{ID: 29, Name: "task_storage"},
	{ID: 30, Name: "bloom_filter"},
	{ID: 31, Name: "user_ringbuf"},
	{ID: 32, Name: "cgrp_storage"},
	{ID: 33, Name: "arena"},
}

// builtins are the calls that the compiler makes of library functions, and the
// call of a function that nobody knows.
var builtins = []platform.Helper{
	{ID: -100, Name: "extern_unspecified", Return: integer,
		Args: args{anything, anything, anything, anything, anything}, ReallocatesPacket: true,
		Doc: "A function that is not in the object: it may do anything with numbers and moves the packet."},
	{ID: -14, Name: "memcmp", Return: integer,
		Args: args{readable, readable, size}, ArgNames: names{"a", "b", "size"}, SizeArg: 3},
	{ID: -13, Name: "memmove", Return: integer,
		Args: args{writable, readable, size}, ArgNames: names{"destination", "source", "size"}, SizeArg: 3},
	{ID: -12, Name: "memcpy", Return: integer,
		Args: args{writable, readable, size}, ArgNames: names{"destination", "source", "size"}, SizeArg: 3},
	{ID: -11, Name: "memset", Return: integer,
		Args: args{writable, anything, size}, ArgNames: names{"destination", "value", "size"}, SizeArg: 3},
}

// builtin resolves a call of an undefined function: to memset, memcpy, memmove
// or memcmp, to a helper of that name (which the verifier then takes for a
// normal helper call), or to extern_unspecified.
func builtin(name string) (platform.Helper, bool) {
	for i := range builtins[1:] {
		if b := &builtins[1+i]; b.Name == name {
			return *b, true
		}
	}
	short, cut := strings.CutPrefix(name, "bpf_")
	if !cut {
		short = strings.TrimPrefix(name, "ebpf_")
	}
	for i := range generalHelpers {
		if generalHelpers[i].Name == short {
			return generalHelpers[i], true
		}
	}
	if name == "" {
		return platform.Helper{}, false
	}
	return builtins[0], true
}

// kfuncs are prototypes of kernel functions. The kernel's functions have other
// ids on each machine; like PREVAIL's, these ids are invented, and most of the
// functions exist for tests of the resolution alone.
var kfuncs = []platform.Kfunc{
	{BTFID: 12, Helper: platform.Helper{Name: "kfunc_test_id_overlap_tail_call"}},
	{BTFID: 1000, Helper: platform.Helper{Name: "kfunc_test_ret_int"}},
	{BTFID: 1000, Module: 1, Helper: platform.Helper{Name: "kfunc_test_ret_int_other_module"}},
	{BTFID: 1001, Helper: platform.Helper{Name: "kfunc_test_ctx_arg", Args: args{context}}},
	{BTFID: 1002, Helper: platform.Helper{Name: "kfunc_test_acquire_flag"}},
	{BTFID: 1003, Helper: platform.Helper{Name: "kfunc_test_xdp_only", Types: []string{"xdp"}}},
	{BTFID: 1004, Helper: platform.Helper{Name: "kfunc_test_privileged_only"}, Privileged: true},
	{BTFID: 1005, Helper: platform.Helper{Name: "kfunc_test_ret_map_value_or_null", Return: mapValueOrNull}},
	{BTFID: 1006, Helper: platform.Helper{Name: "kfunc_test_readable_mem_or_null_size", Args: args{readableOrNull, sizeOrZero}}},
	{BTFID: 1007, Helper: platform.Helper{Name: "kfunc_test_writable_mem_size", Args: args{writable, size}}},
	{BTFID: 1008, Helper: platform.Helper{Name: "kfunc_test_release_flag"}, Releases: true},
	{BTFID: 1009, Helper: platform.Helper{Name: "bpf_cpumask_create"}},
	{BTFID: 1010, Helper: platform.Helper{Name: "bpf_cpumask_release"}},
}

// kfunc gives the invented id of a kernel function that an object names. Ids
// from 20001 have no prototype: their calls are found and then refused.
func kfunc(name string) (platform.Kfunc, bool) {
	k := platform.Kfunc{Helper: platform.Helper{Name: name}}
	switch name {
	case "bpf_skb_ct_lookup":
		k.BTFID = 20001
	case "bpf_ct_release":
		k.BTFID = 20002
	case "bpf_fentry_test1":
		k.BTFID = 20003
	case "bpf_cpumask_create":
		k.BTFID = 1009
	case "bpf_cpumask_release":
		k.BTFID = 1010
	case "bpf_kfunc_call_test_mem_len_pass1":
		k.BTFID = 20007
	case "tcp_cong_avoid_ai":
		k.BTFID = 20008
	case "tcp_reno_cong_avoid":
		k.BTFID = 20009
	case "tcp_reno_undo_cwnd":
		k.BTFID = 20010
	case "tcp_slow_start":
		k.BTFID = 20011
	case "bpf_map_sum_elem_count":
		k.BTFID = 20012
	case "bpf_testmod_test_mod_kfunc":
		k.BTFID, k.Module = 21000, 1
	default:
		return platform.Kfunc{}, false
	}
	return k, true
}

// socketFields are the members of struct bpf_sock that every kind of socket
// has: all can be read, none written.
var socketFields = []platform.SocketField{
	{Offset: 0, Span: 4, MaxWidth: 4},                                   // bound_dev_if
	{Offset: 4, Span: 4, MaxWidth: 4, Narrow: true},                     // family
	{Offset: 24, Span: 4, MaxWidth: 4, Narrow: true},                    // src_ip4
	{Offset: 28, Span: 16, MaxWidth: 4, Narrow: true},                   // src_ip6
	{Offset: 44, Span: 4, MaxWidth: 4, Narrow: true},                    // src_port
	{Offset: 48, Span: 2, MaxWidth: 2, Narrow: true, ExtraReadWidth: 4}, // dst_port
	{Offset: 52, Span: 4, MaxWidth: 4, Narrow: true},                    // dst_ip4
	{Offset: 56, Span: 16, MaxWidth: 4, Narrow: true},                   // dst_ip6
	{Offset: 72, Span: 4, MaxWidth: 4, Narrow: true},                    // state
	{Offset: 76, Span: 4, MaxWidth: 4, Narrow: true},                    // rx_queue_mapping
}

// mapMessage words that no map has a descriptor, as PREVAIL does.
func mapMessage(fd int) string { return "map_fd " + strconv.Itoa(fd) + " not found" }
