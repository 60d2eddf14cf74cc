package winhooks

import "bpfls/platform"

// Short names make the tables readable: a line of arguments per helper.
type (
	args  = [5]platform.ArgType
	names = [5]string
)

const (
	anything       = platform.ArgAnything
	context        = platform.ArgPtrToCtx
	mapFD          = platform.ArgPtrToMap
	programs       = platform.ArgPtrToMapOfPrograms
	mapKey         = platform.ArgPtrToMapKey
	mapValue       = platform.ArgPtrToMapValue
	readable       = platform.ArgPtrToReadableMem
	readableOrNull = platform.ArgPtrToReadableMemOrNull
	writable       = platform.ArgPtrToWritableMem
	size           = platform.ArgConstSize
	sizeOrZero     = platform.ArgConstSizeOrZero

	integer           = platform.RetInteger
	integerOrNoReturn = platform.RetIntegerOrNoReturn
	mapValueOrNull    = platform.RetPtrToMapValueOrNull
)

// generalHelpers are the helpers of every program type, by id. The names are
// those of the prototypes, which the tools print: bpf_memcpy for bpf_memcpy_s.
var generalHelpers = []platform.Helper{
	{ID: 1, Name: "bpf_map_lookup_elem", Return: mapValueOrNull,
		Args: args{mapFD, mapKey}, ArgNames: names{"map", "key"},
		Doc: "Finds the value of a key. Returns a pointer to it, or null where the map has no such key."},
	{ID: 2, Name: "bpf_map_update_elem", Return: integer,
		Args: args{mapFD, mapKey, mapValue, anything}, ArgNames: names{"map", "key", "value", "flags"},
		Doc: "Stores a value under a key. Returns 0, or a negative error."},
	{ID: 3, Name: "bpf_map_delete_elem", Return: integer,
		Args: args{mapFD, mapKey}, ArgNames: names{"map", "key"},
		Doc: "Removes a key and its value. Returns 0, or a negative error."},
	{ID: 4, Name: "bpf_map_lookup_and_delete_elem", Return: mapValueOrNull,
		Args: args{mapFD, mapKey}, ArgNames: names{"map", "key"},
		Doc: "Finds the value of a key and removes the entry. Returns a pointer to the value, or null where there is none."},
	{ID: 5, Name: "bpf_tail_call", Return: integerOrNoReturn,
		Args: args{context, programs, anything}, ArgNames: names{"ctx", "prog_array_map", "index"},
		Doc: "Goes on in the program at an index of a program array. Returns only where that fails, with a negative error."},
	{ID: 6, Name: "bpf_get_prandom_u32", Return: integer,
		Doc: "Returns a pseudo-random number of 32 bits."},
	{ID: 7, Name: "bpf_ktime_get_boot_ns", Return: integer,
		Doc: "Returns the nanoseconds since boot, suspended time included."},
	{ID: 8, Name: "bpf_get_smp_processor_id", Return: integer,
		Doc: "Returns the number of the processor that runs the program."},
	{ID: 9, Name: "bpf_ktime_get_ns", Return: integer,
		Doc: "Returns the nanoseconds since boot, suspended time excluded."},
	{ID: 10, Name: "bpf_csum_diff", Return: integer,
		Args:     args{readableOrNull, sizeOrZero, readableOrNull, sizeOrZero, anything},
		ArgNames: names{"from", "from_size", "to", "to_size", "seed"},
		Doc:      "Returns the difference of the Internet checksums of two buffers, or a negative error. The sizes must be multiples of 4."},
	{ID: 11, Name: "bpf_ringbuf_output", Return: integer,
		Args: args{mapFD, readable, size, anything}, ArgNames: names{"ring_buffer", "data", "size", "flags"},
		Doc: "Copies data into a ring buffer. Returns 0, or a negative error."},
	{ID: 12, Name: "bpf_trace_printk2", Return: integer,
		Args: args{readable, size}, ArgNames: names{"fmt", "fmt_size"},
		Doc: "Prints a text to the trace; bpf_printk calls it. Returns the bytes written, or a negative error."},
	{ID: 13, Name: "bpf_trace_printk3", Return: integer,
		Args: args{readable, size, anything}, ArgNames: names{"fmt", "fmt_size", "arg3"},
		Doc: "Prints a text with one number to the trace; bpf_printk calls it. Returns the bytes written, or a negative error."},
	{ID: 14, Name: "bpf_trace_printk4", Return: integer,
		Args: args{readable, size, anything, anything}, ArgNames: names{"fmt", "fmt_size", "arg3", "arg4"},
		Doc: "Prints a text with two numbers to the trace; bpf_printk calls it. Returns the bytes written, or a negative error."},
	{ID: 15, Name: "bpf_trace_printk5", Return: integer,
		Args:     args{readable, size, anything, anything, anything},
		ArgNames: names{"fmt", "fmt_size", "arg3", "arg4", "arg5"},
		Doc:      "Prints a text with three numbers to the trace; bpf_printk calls it. Returns the bytes written, or a negative error."},
	{ID: 16, Name: "bpf_map_push_elem", Return: integer,
		Args: args{mapFD, mapValue, anything}, ArgNames: names{"map", "value", "flags"},
		Doc: "Adds a value to a queue or stack; with BPF_EXIST a full one loses its oldest value. Returns 0, or a negative error."},
	{ID: 17, Name: "bpf_map_pop_elem", Return: integer,
		Args: args{mapFD, mapValue}, ArgNames: names{"map", "value"},
		Doc: "Takes a value from a queue (the oldest) or stack (the newest) and copies it to value, whose bytes the verifier wants initialized. Returns 0, or a negative error."},
	{ID: 18, Name: "bpf_map_peek_elem", Return: integer,
		Args: args{mapFD, mapValue}, ArgNames: names{"map", "value"},
		Doc: "Copies the next value of a queue or stack to value without taking it; the verifier wants its bytes initialized. Returns 0, or a negative error."},
	{ID: 19, Name: "bpf_get_current_pid_tgid", Return: integer,
		Doc: "Returns the process id in the upper and the thread id in the lower 32 bits."},
	{ID: 20, Name: "bpf_get_current_logon_id", Return: integer,
		Args: args{context}, ArgNames: names{"ctx"},
		Doc: "Returns the logon id of the user that caused the event, or 0 on failure."},
	{ID: 21, Name: "bpf_is_current_admin", Return: integer,
		Args: args{context}, ArgNames: names{"ctx"},
		Doc: "Returns 1 where the user that caused the event is an administrator, else 0, or a negative error."},
	{ID: 22, Name: "bpf_memcpy", Return: integer,
		Args:     args{writable, sizeOrZero, readable, sizeOrZero},
		ArgNames: names{"destination", "destination_size", "source", "source_size"},
		Doc:      "Copies source to destination. Returns 0, or a negative error where it does not fit. __builtin_memcpy is faster where the size is constant."},
	{ID: 23, Name: "bpf_memcmp", Return: integer,
		Args:     args{readable, sizeOrZero, readable, sizeOrZero},
		ArgNames: names{"memory1", "memory1_size", "memory2", "memory2_size"},
		Doc:      "Compares two regions. Returns 0, a negative or a positive number, as memcmp does."},
	{ID: 24, Name: "bpf_memset", Return: integer,
		Args: args{writable, sizeOrZero, anything}, ArgNames: names{"memory", "size", "value"},
		Doc: "Fills a region with a byte."},
	{ID: 25, Name: "bpf_memmove", Return: integer,
		Args:     args{writable, sizeOrZero, readable, sizeOrZero},
		ArgNames: names{"destination", "destination_size", "source", "source_size"},
		Doc:      "Copies source to destination, which may overlap. Returns 0, or a negative error where it does not fit."},
	{ID: 26, Name: "bpf_get_socket_cookie", Return: integer,
		Args: args{context}, ArgNames: names{"ctx"},
		Doc: "Returns a number that identifies the socket of the context."},
	{ID: 27, Name: "bpf_strncpy_s", Return: integer,
		Args:     args{writable, sizeOrZero, readable, sizeOrZero},
		ArgNames: names{"dest", "dest_size", "src", "count"},
		Doc:      "Copies a string of at most count bytes. Returns 0, or -ERANGE where it does not fit."},
	{ID: 28, Name: "bpf_strncat_s", Return: integer,
		Args:     args{writable, sizeOrZero, readable, sizeOrZero},
		ArgNames: names{"dest", "dest_size", "src", "count"},
		Doc:      "Appends at most count bytes of a string to another. Returns 0, or a negative error."},
	{ID: 29, Name: "bpf_strnlen_s", Return: integer,
		Args: args{readable, sizeOrZero}, ArgNames: names{"str", "str_size"},
		Doc: "Returns the length of a string, str_size where it does not end before that."},
	{ID: 30, Name: "bpf_ktime_get_boot_ms", Return: integer,
		Doc: "Returns the milliseconds since boot, suspended time included; coarser and faster than bpf_ktime_get_boot_ns."},
	{ID: 31, Name: "bpf_ktime_get_ms", Return: integer,
		Doc: "Returns the milliseconds since boot, suspended time excluded; coarser and faster than bpf_ktime_get_ns."},
	{ID: 32, Name: "bpf_perf_event_output", Return: integer,
		Args:     args{context, mapFD, anything, readable, size},
		ArgNames: names{"ctx", "perf_event_array", "flags", "data", "size"},
		Doc:      "Copies data into a perf event array; flags name the processor and how much of the context to add. Returns 0, or a negative error."},
	{ID: 33, Name: "bpf_get_current_process_start_key", Return: integer,
		Doc: "Returns the start key of the current process, which no later process has."},
	{ID: 34, Name: "bpf_get_current_thread_create_time", Return: integer,
		Doc: "Returns when the current thread was created, in units of 100 ns since 1601."},
	{ID: 35, Name: "bpf_redirect_map", Return: integer,
		Args: args{mapFD, anything, anything}, ArgNames: names{"map", "key", "flags"},
		Doc: "Sends the packet to the endpoint at a key of a map. Returns the action for the program to return."},
}

// Helpers of one program type have ids from 65536; each type counts for itself.

var xdpHelpers = []platform.Helper{
	{ID: 65536, Name: "bpf_xdp_adjust_head", Return: integer,
		Args: args{context, anything}, ArgNames: names{"ctx", "delta"}, ReallocatesPacket: true,
		Doc: "Moves the start of the packet by delta bytes. Pointers into the packet must be read again from the context. Returns 0, or a negative error."},
}

// Id 65536 was bpf_get_current_pid_tgid, which is a general helper now.
var sockAddrHelpers = []platform.Helper{
	{ID: 65537, Name: "bpf_sock_addr_set_redirect_context", Return: integer,
		Args: args{context, readable, size}, ArgNames: names{"ctx", "data", "data_size"},
		Doc: "Attaches data to a redirected connect, for the process that receives it. Returns 0, or a negative error."},
	{ID: 65538, Name: "bpf_sock_addr_get_network_context", Return: integer,
		Args: args{context, writable, size}, ArgNames: names{"ctx", "context", "context_size"},
		Doc: "Copies what is known of the network of the connection to context. Returns 0, or a negative error."},
}

var sockOpsHelpers = []platform.Helper{
	{ID: 65536, Name: "bpf_sock_ops_get_flow_id", Return: integer,
		Args: args{context}, ArgNames: names{"ctx"},
		Doc: "Returns the WFP flow id of the connection."},
}

var sampleHelpers = []platform.Helper{
	{ID: 65536, Name: "sample_ebpf_extension_helper_function1", Return: integer,
		Args: args{context}, ArgNames: names{"context"}},
	{ID: 65537, Name: "sample_ebpf_extension_find", Return: integer,
		Args: args{readable, size, readable, size}, ArgNames: names{"buffer", "size", "find", "arg_size"},
		Doc: "Returns the offset of a pattern in a buffer."},
	{ID: 65538, Name: "sample_ebpf_extension_replace", Return: integer,
		Args:     args{readable, size, anything, readable, size},
		ArgNames: names{"buffer", "size", "position", "replace", "arg_size"},
		Doc:      "Replaces the bytes of a buffer from a position on. Returns 0, or -1."},
	{ID: 65539, Name: "sample_ebpf_extension_helper_implicit_1", Return: integer},
	{ID: 65540, Name: "sample_ebpf_extension_helper_implicit_2", Return: integer},
	{ID: 65541, Name: "sample_ext_helper_map_lookup_element", Return: mapValueOrNull,
		Args: args{mapFD, mapKey}, ArgNames: names{"map", "key"}},
	{ID: 65542, Name: "sample_ext_helper_map_get_value", Return: integer,
		Args: args{mapFD, mapKey, writable, size}, ArgNames: names{"map", "key", "value", "value_size"}},
}
