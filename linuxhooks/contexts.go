package linuxhooks

import "bpfls/platform"

// The contexts. Sizes and pointer offsets are those that PREVAIL takes; they
// and the members agree with the structures in the kernel's linux/bpf.h. A
// program type that takes the context of another (sched_cls and socket_filter,
// say) shares its variable, since helpers ask for a context by identity.

var skBuffFields = []platform.Field{
	{Name: "len", Type: "__u32", Offset: 0, Size: 4},
	{Name: "pkt_type", Type: "__u32", Offset: 4, Size: 4},
	{Name: "mark", Type: "__u32", Offset: 8, Size: 4},
	{Name: "queue_mapping", Type: "__u32", Offset: 12, Size: 4},
	{Name: "protocol", Type: "__u32", Offset: 16, Size: 4},
	{Name: "vlan_present", Type: "__u32", Offset: 20, Size: 4},
	{Name: "vlan_tci", Type: "__u32", Offset: 24, Size: 4},
	{Name: "vlan_proto", Type: "__u32", Offset: 28, Size: 4},
	{Name: "priority", Type: "__u32", Offset: 32, Size: 4},
	{Name: "ingress_ifindex", Type: "__u32", Offset: 36, Size: 4},
	{Name: "ifindex", Type: "__u32", Offset: 40, Size: 4},
	{Name: "tc_index", Type: "__u32", Offset: 44, Size: 4},
	{Name: "cb", Type: "__u32[5]", Offset: 48, Size: 20},
	{Name: "hash", Type: "__u32", Offset: 68, Size: 4},
	{Name: "tc_classid", Type: "__u32", Offset: 72, Size: 4},
	{Name: "data", Type: "__u32", Offset: 76, Size: 4},
	{Name: "data_end", Type: "__u32", Offset: 80, Size: 4},
	{Name: "napi_id", Type: "__u32", Offset: 84, Size: 4},
	{Name: "family", Type: "__u32", Offset: 88, Size: 4},
	{Name: "remote_ip4", Type: "__u32", Offset: 92, Size: 4},
	{Name: "local_ip4", Type: "__u32", Offset: 96, Size: 4},
	{Name: "remote_ip6", Type: "__u32[4]", Offset: 100, Size: 16},
	{Name: "local_ip6", Type: "__u32[4]", Offset: 116, Size: 16},
	{Name: "remote_port", Type: "__u32", Offset: 132, Size: 4},
	{Name: "local_port", Type: "__u32", Offset: 136, Size: 4},
	{Name: "data_meta", Type: "__u32", Offset: 140, Size: 4},
	{Name: "flow_keys", Type: "struct bpf_flow_keys *", Offset: 144, Size: 8},
	{Name: "tstamp", Type: "__u64", Offset: 152, Size: 8},
	{Name: "wire_len", Type: "__u32", Offset: 160, Size: 4},
	{Name: "gso_segs", Type: "__u32", Offset: 164, Size: 4},
	{Name: "sk", Type: "struct bpf_sock *", Offset: 168, Size: 8},
	{Name: "gso_size", Type: "__u32", Offset: 176, Size: 4},
	{Name: "tstamp_type", Type: "__u8", Offset: 180, Size: 1},
	{Name: "hwtstamp", Type: "__u64", Offset: 184, Size: 8},
}

var skBuff = platform.Context{
	TypeName: "__sk_buff", Size: 192, Data: 76, End: 80, Meta: 140,
	Fields: skBuffFields,
}

var xdpMD = platform.Context{
	TypeName: "xdp_md", Size: 24, Data: 0, End: 4, Meta: 8,
	Fields: []platform.Field{
		{Name: "data", Type: "__u32", Offset: 0, Size: 4},
		{Name: "data_end", Type: "__u32", Offset: 4, Size: 4},
		{Name: "data_meta", Type: "__u32", Offset: 8, Size: 4},
		{Name: "ingress_ifindex", Type: "__u32", Offset: 12, Size: 4},
		{Name: "rx_queue_index", Type: "__u32", Offset: 16, Size: 4},
		{Name: "egress_ifindex", Type: "__u32", Offset: 20, Size: 4},
	},
}

var skMsgMD = platform.Context{
	TypeName: "sk_msg_md", Size: 80, Data: 0, End: 8, Meta: -1,
	Fields: []platform.Field{
		{Name: "data", Type: "void *", Offset: 0, Size: 8},
		{Name: "data_end", Type: "void *", Offset: 8, Size: 8},
		{Name: "family", Type: "__u32", Offset: 16, Size: 4},
		{Name: "remote_ip4", Type: "__u32", Offset: 20, Size: 4},
		{Name: "local_ip4", Type: "__u32", Offset: 24, Size: 4},
		{Name: "remote_ip6", Type: "__u32[4]", Offset: 28, Size: 16},
		{Name: "local_ip6", Type: "__u32[4]", Offset: 44, Size: 16},
		{Name: "remote_port", Type: "__u32", Offset: 60, Size: 4},
		{Name: "local_port", Type: "__u32", Offset: 64, Size: 4},
		{Name: "size", Type: "__u32", Offset: 68, Size: 4},
		{Name: "sk", Type: "struct bpf_sock *", Offset: 72, Size: 8},
	},
}

var bpfSock = platform.Context{
	TypeName: "bpf_sock", Size: 80, Data: -1, End: -1, Meta: -1,
	Fields: []platform.Field{
		{Name: "bound_dev_if", Type: "__u32", Offset: 0, Size: 4},
		{Name: "family", Type: "__u32", Offset: 4, Size: 4},
		{Name: "type", Type: "__u32", Offset: 8, Size: 4},
		{Name: "protocol", Type: "__u32", Offset: 12, Size: 4},
		{Name: "mark", Type: "__u32", Offset: 16, Size: 4},
		{Name: "priority", Type: "__u32", Offset: 20, Size: 4},
		{Name: "src_ip4", Type: "__u32", Offset: 24, Size: 4},
		{Name: "src_ip6", Type: "__u32[4]", Offset: 28, Size: 16},
		{Name: "src_port", Type: "__u32", Offset: 44, Size: 4},
		{Name: "dst_port", Type: "__be16", Offset: 48, Size: 2},
		{Name: "dst_ip4", Type: "__u32", Offset: 52, Size: 4},
		{Name: "dst_ip6", Type: "__u32[4]", Offset: 56, Size: 16},
		{Name: "state", Type: "__u32", Offset: 72, Size: 4},
		{Name: "rx_queue_mapping", Type: "__s32", Offset: 76, Size: 4},
	},
}

var bpfSockOps = platform.Context{
	TypeName: "bpf_sock_ops", Size: 224, Data: -1, End: -1, Meta: -1,
	Fields: []platform.Field{
		{Name: "op", Type: "__u32", Offset: 0, Size: 4},
		{Name: "reply", Type: "__u32", Offset: 4, Size: 4},
		{Name: "args", Type: "__u32[4]", Offset: 4, Size: 16},
		{Name: "replylong", Type: "__u32[4]", Offset: 4, Size: 16},
		{Name: "family", Type: "__u32", Offset: 20, Size: 4},
		{Name: "remote_ip4", Type: "__u32", Offset: 24, Size: 4},
		{Name: "local_ip4", Type: "__u32", Offset: 28, Size: 4},
		{Name: "remote_ip6", Type: "__u32[4]", Offset: 32, Size: 16},
		{Name: "local_ip6", Type: "__u32[4]", Offset: 48, Size: 16},
		{Name: "remote_port", Type: "__u32", Offset: 64, Size: 4},
		{Name: "local_port", Type: "__u32", Offset: 68, Size: 4},
		{Name: "is_fullsock", Type: "__u32", Offset: 72, Size: 4},
		{Name: "snd_cwnd", Type: "__u32", Offset: 76, Size: 4},
		{Name: "srtt_us", Type: "__u32", Offset: 80, Size: 4},
		{Name: "bpf_sock_ops_cb_flags", Type: "__u32", Offset: 84, Size: 4},
		{Name: "state", Type: "__u32", Offset: 88, Size: 4},
		{Name: "rtt_min", Type: "__u32", Offset: 92, Size: 4},
		{Name: "snd_ssthresh", Type: "__u32", Offset: 96, Size: 4},
		{Name: "rcv_nxt", Type: "__u32", Offset: 100, Size: 4},
		{Name: "snd_nxt", Type: "__u32", Offset: 104, Size: 4},
		{Name: "snd_una", Type: "__u32", Offset: 108, Size: 4},
		{Name: "mss_cache", Type: "__u32", Offset: 112, Size: 4},
		{Name: "ecn_flags", Type: "__u32", Offset: 116, Size: 4},
		{Name: "rate_delivered", Type: "__u32", Offset: 120, Size: 4},
		{Name: "rate_interval_us", Type: "__u32", Offset: 124, Size: 4},
		{Name: "packets_out", Type: "__u32", Offset: 128, Size: 4},
		{Name: "retrans_out", Type: "__u32", Offset: 132, Size: 4},
		{Name: "total_retrans", Type: "__u32", Offset: 136, Size: 4},
		{Name: "segs_in", Type: "__u32", Offset: 140, Size: 4},
		{Name: "data_segs_in", Type: "__u32", Offset: 144, Size: 4},
		{Name: "segs_out", Type: "__u32", Offset: 148, Size: 4},
		{Name: "data_segs_out", Type: "__u32", Offset: 152, Size: 4},
		{Name: "lost_out", Type: "__u32", Offset: 156, Size: 4},
		{Name: "sacked_out", Type: "__u32", Offset: 160, Size: 4},
		{Name: "sk_txhash", Type: "__u32", Offset: 164, Size: 4},
		{Name: "bytes_received", Type: "__u64", Offset: 168, Size: 8},
		{Name: "bytes_acked", Type: "__u64", Offset: 176, Size: 8},
		{Name: "sk", Type: "struct bpf_sock *", Offset: 184, Size: 8},
		{Name: "skb_data", Type: "void *", Offset: 192, Size: 8},
		{Name: "skb_data_end", Type: "void *", Offset: 200, Size: 8},
		{Name: "skb_len", Type: "__u32", Offset: 208, Size: 4},
		{Name: "skb_tcp_flags", Type: "__u32", Offset: 212, Size: 4},
		{Name: "skb_hwtstamp", Type: "__u64", Offset: 216, Size: 8},
	},
}

var bpfSockAddr = platform.Context{
	TypeName: "bpf_sock_addr", Size: 72, Data: -1, End: -1, Meta: -1,
	Fields: []platform.Field{
		{Name: "user_family", Type: "__u32", Offset: 0, Size: 4},
		{Name: "user_ip4", Type: "__u32", Offset: 4, Size: 4},
		{Name: "user_ip6", Type: "__u32[4]", Offset: 8, Size: 16},
		{Name: "user_port", Type: "__u32", Offset: 24, Size: 4},
		{Name: "family", Type: "__u32", Offset: 28, Size: 4},
		{Name: "type", Type: "__u32", Offset: 32, Size: 4},
		{Name: "protocol", Type: "__u32", Offset: 36, Size: 4},
		{Name: "msg_src_ip4", Type: "__u32", Offset: 40, Size: 4},
		{Name: "msg_src_ip6", Type: "__u32[4]", Offset: 44, Size: 16},
		{Name: "sk", Type: "struct bpf_sock *", Offset: 64, Size: 8},
	},
}

var bpfSockopt = platform.Context{
	TypeName: "bpf_sockopt", Size: 40, Data: -1, End: -1, Meta: -1,
	Fields: []platform.Field{
		{Name: "sk", Type: "struct bpf_sock *", Offset: 0, Size: 8},
		{Name: "optval", Type: "void *", Offset: 8, Size: 8},
		{Name: "optval_end", Type: "void *", Offset: 16, Size: 8},
		{Name: "level", Type: "__s32", Offset: 24, Size: 4},
		{Name: "optname", Type: "__s32", Offset: 28, Size: 4},
		{Name: "optlen", Type: "__s32", Offset: 32, Size: 4},
		{Name: "retval", Type: "__s32", Offset: 36, Size: 4},
	},
}

var bpfSkLookup = platform.Context{
	TypeName: "bpf_sk_lookup", Size: 72, Data: -1, End: -1, Meta: -1,
	Fields: []platform.Field{
		{Name: "sk", Type: "struct bpf_sock *", Offset: 0, Size: 8},
		{Name: "cookie", Type: "__u64", Offset: 0, Size: 8},
		{Name: "family", Type: "__u32", Offset: 8, Size: 4},
		{Name: "protocol", Type: "__u32", Offset: 12, Size: 4},
		{Name: "remote_ip4", Type: "__u32", Offset: 16, Size: 4},
		{Name: "remote_ip6", Type: "__u32[4]", Offset: 20, Size: 16},
		{Name: "remote_port", Type: "__be16", Offset: 36, Size: 2},
		{Name: "local_ip4", Type: "__u32", Offset: 40, Size: 4},
		{Name: "local_ip6", Type: "__u32[4]", Offset: 44, Size: 16},
		{Name: "local_port", Type: "__u32", Offset: 60, Size: 4},
		{Name: "ingress_ifindex", Type: "__u32", Offset: 64, Size: 4},
	},
}

var skReuseportMD = platform.Context{
	TypeName: "sk_reuseport_md", Size: 56, Data: 0, End: 8, Meta: -1,
	Fields: []platform.Field{
		{Name: "data", Type: "void *", Offset: 0, Size: 8},
		{Name: "data_end", Type: "void *", Offset: 8, Size: 8},
		{Name: "len", Type: "__u32", Offset: 16, Size: 4},
		{Name: "eth_protocol", Type: "__u32", Offset: 20, Size: 4},
		{Name: "ip_protocol", Type: "__u32", Offset: 24, Size: 4},
		{Name: "bind_inany", Type: "__u32", Offset: 28, Size: 4},
		{Name: "hash", Type: "__u32", Offset: 32, Size: 4},
		{Name: "sk", Type: "struct bpf_sock *", Offset: 40, Size: 8},
		{Name: "migrating_sk", Type: "struct bpf_sock *", Offset: 48, Size: 8},
	},
}

var bpfSysctl = platform.Context{
	TypeName: "bpf_sysctl", Size: 8, Data: -1, End: -1, Meta: -1,
	Fields: []platform.Field{
		{Name: "write", Type: "__u32", Offset: 0, Size: 4},
		{Name: "file_pos", Type: "__u32", Offset: 4, Size: 4},
	},
}

var cgroupDevCtx = platform.Context{
	TypeName: "bpf_cgroup_dev_ctx", Size: 12, Data: -1, End: -1, Meta: -1,
	Fields: []platform.Field{
		{Name: "access_type", Type: "__u32", Offset: 0, Size: 4},
		{Name: "major", Type: "__u32", Offset: 4, Size: 4},
		{Name: "minor", Type: "__u32", Offset: 8, Size: 4},
	},
}

// flowDissector is the __sk_buff of a flow dissector, without metadata.
var flowDissector = platform.Context{
	TypeName: "__sk_buff", Size: 192, Data: 76, End: 80, Meta: -1,
	Fields: skBuffFields,
}

// ptRegsSize bounds struct pt_regs on all architectures; x86-64 has 168 bytes.
const ptRegsSize = 608

// ptRegs is the context of probes.
var ptRegs = platform.Context{TypeName: "pt_regs", Size: ptRegsSize, Data: -1, End: -1, Meta: -1, UpperBound: true}

// tracepointRecord is the record of a tracepoint, whose format each tracepoint
// has for itself, up to PERF_MAX_TRACE_SIZE bytes. Raw tracepoints take it too.
var tracepointRecord = platform.Context{Size: 2048, Data: -1, End: -1, Meta: -1, UpperBound: true}

// perfEventData holds the registers, sample_period and addr.
var perfEventData = platform.Context{
	TypeName: "bpf_perf_event_data", Size: 3*8 + ptRegsSize, Data: -1, End: -1, Meta: -1, UpperBound: true,
}

// functionArguments are the arguments of a kernel function, at most 12 of 8 bytes.
var functionArguments = platform.Context{TypeName: "unsigned long long", Size: 12 * 8, Data: -1, End: -1, Meta: -1, UpperBound: true}

// syscallArguments is the buffer that user space gives.
var syscallArguments = platform.Context{Size: 65535, Data: -1, End: -1, Meta: -1, UpperBound: true}

var lircSample = platform.Context{TypeName: "unsigned int", Size: 4, Data: -1, End: -1, Meta: -1}

var netfilterCtx = platform.Context{
	TypeName: "bpf_nf_ctx", Size: 16, Data: -1, End: -1, Meta: -1,
	Fields: []platform.Field{
		{Name: "state", Type: "const struct nf_hook_state *", Offset: 0, Size: 8},
		{Name: "skb", Type: "struct sk_buff *", Offset: 8, Size: 8},
	},
}

// noContext belongs to programs that replace a function of another program:
// nothing is known of their context.
var noContext = platform.Context{Size: 0, Data: -1, End: -1, Meta: -1}
