package platform

import "strconv"

// The names are those of ebpf-for-windows' ebpf_base.h (EBPF_ARGUMENT_TYPE_...,
// EBPF_RETURN_TYPE_...), in lower case.
var argTypeNames = [...]string{
	ArgDontCare:               "dontcare",
	ArgAnything:               "anything",
	ArgConstSize:              "const_size",
	ArgConstSizeOrZero:        "const_size_or_zero",
	ArgPtrToCtx:               "ptr_to_ctx",
	ArgPtrToMap:               "ptr_to_map",
	ArgPtrToMapOfPrograms:     "ptr_to_map_of_programs",
	ArgPtrToMapKey:            "ptr_to_map_key",
	ArgPtrToMapValue:          "ptr_to_map_value",
	ArgPtrToReadableMem:       "ptr_to_readable_mem",
	ArgPtrToReadableMemOrNull: "ptr_to_readable_mem_or_null",
	ArgPtrToWritableMem:       "ptr_to_writable_mem",
	ArgPtrToStack:             "ptr_to_stack",
	ArgPtrToStackOrNull:       "ptr_to_stack_or_null",
	ArgPtrToCtxOrNull:         "ptr_to_ctx_or_null",
	ArgPtrToWritableMemOrNull: "ptr_to_writable_mem_or_null",
	ArgPtrToBTFIDSockCommon:   "ptr_to_btf_id_sock_common",
	ArgPtrToSpinLock:          "ptr_to_spin_lock",
	ArgPtrToSockCommon:        "ptr_to_sock_common",
	ArgPtrToBTFID:             "ptr_to_btf_id",
	ArgPtrToLong:              "ptr_to_long",
	ArgPtrToInt:               "ptr_to_int",
	ArgPtrToConstStr:          "ptr_to_const_str",
	ArgPtrToFunc:              "ptr_to_func",
	ArgConstAllocSizeOrZero:   "const_alloc_size_or_zero",
	ArgPtrToAllocMem:          "ptr_to_alloc_mem",
	ArgPtrToTimer:             "ptr_to_timer",
	ArgPtrToPercpuBTFID:       "ptr_to_percpu_btf_id",
	ArgPtrToReadonlyMem:       "ptr_to_readonly_mem",
	ArgPtrToReadonlyMemOrNull: "ptr_to_readonly_mem_or_null",
	ArgPtrToUninitMapValue:    "ptr_to_uninit_map_value",
	ArgConstPtrToMap:          "const_ptr_to_map",
	ArgUnsupported:            "unsupported",
}

var retTypeNames = [...]string{
	RetInteger:               "integer",
	RetPtrToMapValueOrNull:   "ptr_to_map_value_or_null",
	RetIntegerOrNoReturn:     "integer_or_no_return_if_succeed",
	RetUnsupported:           "unsupported",
	RetPtrToSockCommonOrNull: "ptr_to_sock_common_or_null",
	RetPtrToSocketOrNull:     "ptr_to_socket_or_null",
	RetPtrToTCPSocketOrNull:  "ptr_to_tcp_socket_or_null",
	RetPtrToAllocMemOrNull:   "ptr_to_alloc_mem_or_null",
	RetPtrToBTFIDOrNull:      "ptr_to_btf_id_or_null",
	RetPtrToMemOrBTFIDOrNull: "ptr_to_mem_or_btf_id_or_null",
	RetPtrToBTFID:            "ptr_to_btf_id",
	RetPtrToMemOrBTFID:       "ptr_to_mem_or_btf_id",
}

// String returns the name of a in settings: "ptr_to_map_key".
func (a ArgType) String() string {
	if int(a) < len(argTypeNames) && argTypeNames[a] != "" {
		return argTypeNames[a]
	}
	return "argument type " + strconv.Itoa(int(a))
}

// Valid tells whether a is an argument type of the ABI.
func (a ArgType) Valid() bool { return int(a) < len(argTypeNames) && argTypeNames[a] != "" }

// String returns the name of r in settings: "ptr_to_map_value_or_null".
func (r RetType) String() string {
	if int(r) < len(retTypeNames) {
		return retTypeNames[r]
	}
	return "return type " + strconv.Itoa(int(r))
}

// Valid tells whether r is a return type of the ABI.
func (r RetType) Valid() bool { return int(r) < len(retTypeNames) }

// ArgTypeNames returns the names of the argument types in the order of their numbers.
func ArgTypeNames() []string {
	names := make([]string, 0, len(argTypeNames))
	for _, n := range argTypeNames {
		if n != "" {
			names = append(names, n)
		}
	}
	return names
}

// RetTypeNames returns the names of the return types in the order of their numbers.
func RetTypeNames() []string { return append([]string(nil), retTypeNames[:]...) }

// ParseArgType returns the argument type with that name.
func ParseArgType(name string) (ArgType, bool) {
	for a, n := range argTypeNames {
		if n == name && n != "" {
			return ArgType(a), true
		}
	}
	return 0, false
}

// ParseRetType returns the return type with that name.
func ParseRetType(name string) (RetType, bool) {
	for r, n := range retTypeNames {
		if n == name {
			return RetType(r), true
		}
	}
	return 0, false
}
