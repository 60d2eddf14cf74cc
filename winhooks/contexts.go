package winhooks

import "bpfls/platform"

// The contexts, with the layout that the C headers give them on every
// architecture of Windows (pointers have 8 bytes). Where members share bytes
// in a union the shorter one comes first.

var xdpContext = platform.Context{
	TypeName: "xdp_md_t", Size: 32, Data: 0, End: 8, Meta: 16,
	Fields: []platform.Field{
		{Name: "data", Type: "void *", Offset: 0, Size: 8},
		{Name: "data_end", Type: "void *", Offset: 8, Size: 8},
		{Name: "data_meta", Type: "uint64_t", Offset: 16, Size: 8},
		{Name: "ingress_ifindex", Type: "uint32_t", Offset: 24, Size: 4},
	},
}

var bindContext = platform.Context{
	TypeName: "bind_md_t", Size: 56, Data: 0, End: 8, Meta: -1,
	Fields: []platform.Field{
		{Name: "app_id_start", Type: "uint8_t *", Offset: 0, Size: 8},
		{Name: "app_id_end", Type: "uint8_t *", Offset: 8, Size: 8},
		{Name: "process_id", Type: "uint64_t", Offset: 16, Size: 8},
		{Name: "socket_address", Type: "uint8_t[16]", Offset: 24, Size: 16},
		{Name: "socket_address_length", Type: "uint8_t", Offset: 40, Size: 1},
		{Name: "operation", Type: "bind_operation_t", Offset: 44, Size: 4},
		{Name: "protocol", Type: "uint8_t", Offset: 48, Size: 1},
	},
}

var sockAddrContext = platform.Context{
	TypeName: "bpf_sock_addr_t", Size: 64, Data: -1, End: -1, Meta: -1,
	Fields: []platform.Field{
		{Name: "family", Type: "uint32_t", Offset: 0, Size: 4},
		{Name: "msg_src_ip4", Type: "uint32_t", Offset: 4, Size: 4},
		{Name: "msg_src_ip6", Type: "uint32_t[4]", Offset: 4, Size: 16},
		{Name: "msg_src_port", Type: "uint16_t", Offset: 20, Size: 2},
		{Name: "user_ip4", Type: "uint32_t", Offset: 24, Size: 4},
		{Name: "user_ip6", Type: "uint32_t[4]", Offset: 24, Size: 16},
		{Name: "user_port", Type: "uint16_t", Offset: 40, Size: 2},
		{Name: "protocol", Type: "uint32_t", Offset: 44, Size: 4},
		{Name: "compartment_id", Type: "uint32_t", Offset: 48, Size: 4},
		{Name: "interface_luid", Type: "uint64_t", Offset: 56, Size: 8},
	},
}

var sockOpsContext = platform.Context{
	TypeName: "bpf_sock_ops_t", Size: 64, Data: -1, End: -1, Meta: -1,
	Fields: []platform.Field{
		{Name: "op", Type: "bpf_sock_op_type_t", Offset: 0, Size: 4},
		{Name: "family", Type: "uint32_t", Offset: 4, Size: 4},
		{Name: "local_ip4", Type: "uint32_t", Offset: 8, Size: 4},
		{Name: "local_ip6", Type: "uint32_t[4]", Offset: 8, Size: 16},
		{Name: "local_port", Type: "uint32_t", Offset: 24, Size: 4},
		{Name: "remote_ip4", Type: "uint32_t", Offset: 28, Size: 4},
		{Name: "remote_ip6", Type: "uint32_t[4]", Offset: 28, Size: 16},
		{Name: "remote_port", Type: "uint32_t", Offset: 44, Size: 4},
		{Name: "protocol", Type: "uint8_t", Offset: 48, Size: 1},
		{Name: "compartment_id", Type: "uint32_t", Offset: 52, Size: 4},
		{Name: "interface_luid", Type: "uint64_t", Offset: 56, Size: 8},
	},
}

var sampleContext = platform.Context{
	TypeName: "sample_program_context_t", Size: 32, Data: 0, End: 8, Meta: -1,
	Fields: []platform.Field{
		{Name: "data_start", Type: "uint8_t *", Offset: 0, Size: 8},
		{Name: "data_end", Type: "uint8_t *", Offset: 8, Size: 8},
		{Name: "uint32_data", Type: "uint32_t", Offset: 16, Size: 4},
		{Name: "uint16_data", Type: "uint16_t", Offset: 20, Size: 2},
		{Name: "helper_data_1", Type: "uint32_t", Offset: 24, Size: 4},
		{Name: "helper_data_2", Type: "uint32_t", Offset: 28, Size: 4},
	},
}
