package explain

import (
	"strings"
	"testing"

	"bpfls/isa"
	"bpfls/verifier"
)

// TestMessages gives a code to every message that the verifier has for a check
// that fails. Where the message does not tell, the check and the value do.
func TestMessages(t *testing.T) {
	call := isa.Inst{Kind: isa.Call}
	load := isa.Inst{Kind: isa.Load}
	exit := isa.Inst{Kind: isa.Exit}
	bin := isa.Inst{Kind: isa.Bin}
	types := func(t verifier.TypeSet) verifier.Check { return verifier.Check{Kind: verifier.CheckType, Types: t} }
	holds := func(t verifier.TypeSet) verifier.Value { return verifier.Value{Types: t} }
	access := verifier.Check{Kind: verifier.CheckAccess, Text: "valid_access(r1.offset+8, width=8) for read"}
	for _, test := range []struct {
		message string
		check   verifier.Check
		in      isa.Inst
		value   verifier.Value
		code    string
	}{
		{"Invalid type (r1.type == map_fd)", types(verifier.TypeMap), call, holds(verifier.TypeNumber), "BPF-map-argument"},
		{"Invalid type (r2.type == map_fd_programs)", types(verifier.TypeMapPrograms), call, holds(verifier.TypeMap), "BPF-map-argument"},
		{"Invalid type (r2.type in {stack, packet, shared})", types(memoryTypes), call, holds(verifier.TypeNumber), "BPF-pointer-argument"},
		{"Invalid type (r4.type == number)", types(verifier.TypeNumber), call, holds(verifier.TypeStack), "BPF-number-argument"},
		{"Invalid type (r1.type == ctx)", types(verifier.TypeContext), call, holds(verifier.TypeNumber), "BPF-context-argument"},
		{"Invalid type (r2.type == func)", types(verifier.TypeFunction), call, holds(verifier.TypeNumber), "BPF-callback-argument"},
		{"Invalid type (r0.type == number)", types(verifier.TypeNumber), exit, holds(verifier.TypeShared), "BPF-return-value"},
		{"Invalid type (r3.type == number)", types(verifier.TypeNumber), bin, holds(verifier.TypePacket), "BPF-not-a-number"},
		{"Invalid type (r3.type in {number, ctx, stack, packet, shared})", types(verifier.TypeNumber | memoryTypes | verifier.TypeContext), bin, holds(verifier.TypeMap), "BPF-pointer-arithmetic"},
		{"Invalid type (r3.type == number)", types(verifier.TypeNumber), bin, holds(verifier.TypeAny), "BPF-uninitialized-value"},
		{"Invalid type (r1.type in {ctx, stack, packet, shared, socket, alloc_mem})", types(accessTypes), load, holds(verifier.TypeNumber), "BPF-not-a-pointer"},
		{"Only numbers can be added to pointers (r1.type in {ctx, stack, packet, shared} -> r2.type == number)", verifier.Check{Kind: verifier.CheckAddable}, bin, holds(verifier.TypePacket), "BPF-pointer-arithmetic"},
		{"Only numbers can be used as divisors (r2 != 0)", verifier.Check{Kind: verifier.CheckDivisor}, bin, holds(verifier.TypePacket), "BPF-not-a-number"},
		{"Possible division by zero (r2 != 0)", verifier.Check{Kind: verifier.CheckDivisor}, bin, holds(verifier.TypeNumber), "BPF-division-by-zero"},
		{"Only numbers can be stored to externally-visible regions (r1.type != stack -> r2.type == number)", verifier.Check{Kind: verifier.CheckStore}, isa.Inst{Kind: isa.Store}, holds(verifier.TypeShared), "BPF-pointer-leak"},
		{"Cannot subtract pointers to non-singleton regions (r1.type == r2.type in {ctx, stack, packet})", verifier.Check{Kind: verifier.CheckComparable}, bin, holds(verifier.TypeShared), "BPF-pointer-comparison"},
		{"Cannot subtract pointers to different regions (r1.type == r2.type in {ctx, stack, packet})", verifier.Check{Kind: verifier.CheckComparable}, bin, holds(verifier.TypePacket), "BPF-pointer-comparison"},
		{"Loop counter is too large (pc[4] < 100000)", verifier.Check{Kind: verifier.CheckLoopCount, Reg: -1}, bin, holds(verifier.TypeAny), "BPF-loop-bound"},
		{"invalid helper function id 999 (r2.type is helper)", verifier.Check{Kind: verifier.CheckFunction}, isa.Inst{Kind: isa.CallX}, holds(verifier.TypeNumber), "BPF-indirect-call"},
		{"callx helper function id is not a valid singleton (r2.type is helper)", verifier.Check{Kind: verifier.CheckFunction}, isa.Inst{Kind: isa.CallX}, holds(verifier.TypeNumber), "BPF-indirect-call"},
		{"Invalid size (r3.value > 0)", verifier.Check{Kind: verifier.CheckSize}, call, holds(verifier.TypeNumber), "BPF-size-argument"},
		{"Argument must be zero (r4 == 0)", verifier.Check{Kind: verifier.CheckZeroArgument}, call, holds(verifier.TypeNumber), "BPF-zero-argument"},
		{"callback function pointer must be a singleton code address (valid_callback_target(r2))", verifier.Check{Kind: verifier.CheckCallback}, call, holds(verifier.TypeFunction), "BPF-callback-argument"},
		{"callback function pointer does not reference a valid callback entry (valid_callback_target(r2))", verifier.Check{Kind: verifier.CheckCallback}, call, holds(verifier.TypeFunction), "BPF-callback-argument"},
		{"callback function does not have a reachable exit (valid_callback_target(r2))", verifier.Check{Kind: verifier.CheckCallback}, call, holds(verifier.TypeFunction), "BPF-callback-argument"},
		{"Map key size is not singleton (within(r2:key_size(r1)))", verifier.Check{Kind: verifier.CheckMapKeyValue, Key: true}, call, holds(verifier.TypeStack), "BPF-map-sizes"},
		{"Map value size is out of supported range (within(r3:value_size(r1)))", verifier.Check{Kind: verifier.CheckMapKeyValue}, call, holds(verifier.TypeStack), "BPF-map-sizes"},
		{"Illegal map update with a non-numerical value [4088-4096) (within(r3:value_size(r1)))", verifier.Check{Kind: verifier.CheckMapKeyValue}, call, holds(verifier.TypeStack), "BPF-uninitialized-bytes"},
		{"Pointer must be a singleton (within(r2:key_size(r1)))", verifier.Check{Kind: verifier.CheckMapKeyValue}, call, holds(verifier.TypeStack), "BPF-map-index"},
		{"Array index overflow (within(r2:key_size(r1)))", verifier.Check{Kind: verifier.CheckMapKeyValue}, call, holds(verifier.TypeStack), "BPF-map-index"},
		{"Array index underflow (within(r2:key_size(r1)))", verifier.Check{Kind: verifier.CheckMapKeyValue}, call, holds(verifier.TypeStack), "BPF-map-index"},
		{"Max entries is not finite (within(r2:key_size(r1)))", verifier.Check{Kind: verifier.CheckMapKeyValue}, call, holds(verifier.TypeStack), "BPF-map-index"},
		{"Lower bound must be at least meta_offset (valid_access(r1.offset-4, width=4) for read)", access, load, holds(verifier.TypePacket), "BPF-packet-bounds"},
		{"Lower bound must be at least 0 (valid_access(r1.offset-4, width=4) for read)", access, load, holds(verifier.TypeShared), "BPF-map-value-bounds"},
		{"Lower bound must be at least 0 (valid_access(r1.offset-4, width=4) for read)", access, load, holds(verifier.TypeContext), "BPF-context-bounds"},
		{"Lower bound must be at least r10.stack_offset - subprogram_stack_size (valid_access(r1.offset-4, width=4) for read)", access, load, holds(verifier.TypeStack), "BPF-stack-bounds"},
		{"Upper bound must be at most packet_size (valid_access(r1.offset+4, width=4) for read)", access, load, holds(verifier.TypePacket), "BPF-packet-bounds"},
		{"Upper bound must be at most 65535 (valid_access(r1.offset) for comparison/subtraction)", access, load, holds(verifier.TypePacket), "BPF-packet-bounds"},
		{"Upper bound must be at most total_stack_size (valid_access(r1.offset+4, width=4) for read)", access, load, holds(verifier.TypeStack), "BPF-stack-bounds"},
		{"Upper bound must be at most r1.shared_region_size (valid_access(r1.offset+4, width=4) for read)", access, load, holds(verifier.TypeShared), "BPF-map-value-bounds"},
		{"Upper bound must be at most r1.alloc_mem_size (valid_access(r1.offset+4, width=4) for read)", access, load, holds(verifier.TypeAllocMem), "BPF-memory-bounds"},
		{"Upper bound must be at most 32 (valid_access(r1.offset+32, width=8) for read)", access, load, holds(verifier.TypeContext), "BPF-context-bounds"},
		{"Upper bound must be at most 32 (valid_access(r1.offset+32, width=8) for read)", access, load, holds(verifier.TypeAny), "BPF-context-bounds"},
		{"Upper bound must be at most 80 (valid_access(r1.offset+80, width=8) for read)", access, load, holds(verifier.TypeSocket), "BPF-socket-access"},
		{"Possible null access (valid_access(r0.offset, width=8) for read)", access, load, holds(verifier.TypeShared), "BPF-maybe-null"},
		{"Only stack, packet, or shared can be used as a parameter (within(r2:key_size(r1)))", verifier.Check{Kind: verifier.CheckMapKeyValue}, call, holds(verifier.TypeContext), "BPF-pointer-argument"},
		{"map type 3 is not allowed for bpf_map_push_elem (valid_map_type(r1, bpf_map_push_elem))", verifier.Check{Kind: verifier.CheckMapType}, call, holds(verifier.TypeMap), "BPF-map-type"},
		{"map type 99 is out of supported range for bpf_map_push_elem (valid_map_type(r1, bpf_map_push_elem))", verifier.Check{Kind: verifier.CheckMapType}, call, holds(verifier.TypeMap), "BPF-map-type"},
		{"Stack content is not numeric (valid_access(r2.offset, width=12) for read)", access, call, holds(verifier.TypeStack), "BPF-uninitialized-bytes"},
		{"Cannot write to context pointer field (valid_access(r1.offset, width=8) for write)", access, load, holds(verifier.TypeContext), "BPF-context-write"},
		{"Cannot write to context with unexpected pointer-field layout (valid_access(r1.offset, width=8) for write)", access, load, holds(verifier.TypeContext), "BPF-context-write"},
		{"Socket layout is unavailable (valid_access(r1.offset, width=4) for read)", access, load, holds(verifier.TypeSocket), "BPF-socket-access"},
		{"Socket memory is read-only (valid_access(r1.offset, width=4) for write)", access, load, holds(verifier.TypeSocket), "BPF-socket-access"},
		{"Socket access size must be constant (valid_access(r1.offset, width=r2) for read)", access, call, holds(verifier.TypeSocket), "BPF-socket-access"},
		{"Socket access offset must be precise (valid_access(r1.offset, width=4) for read)", access, load, holds(verifier.TypeSocket), "BPF-socket-access"},
		{"Invalid socket access (valid_access(r1.offset, width=4) for read)", access, load, holds(verifier.TypeSocket), "BPF-socket-access"},
		{"Non-null number ((r2.type == number and r2.value == 0) or valid_access(r2.offset, width=r3) for read)", access, call, holds(verifier.TypeNumber), "BPF-not-a-pointer"},
		{"Non-zero access size with null pointer ((r2.type == number and r2.value == 0) or valid_access(r2.offset, width=r3) for read)", access, call, holds(verifier.TypeNumber), "BPF-maybe-null"},
		{"Only pointers can be dereferenced (valid_access(r1.offset, width=4) for read)", access, load, holds(verifier.TypeNumber), "BPF-not-a-pointer"},
		{"FDs cannot be dereferenced directly (valid_access(r1.offset, width=4) for read)", access, load, holds(verifier.TypeMap), "BPF-not-a-pointer"},
		{"Unsupported pointer type for memory access (valid_access(r1.offset, width=4) for read)", access, load, holds(verifier.TypeBTFID), "BPF-not-a-pointer"},
		{"Function pointers cannot be dereferenced (valid_access(r1.offset, width=4) for read)", access, load, holds(verifier.TypeFunction), "BPF-not-a-pointer"},
		{"Nonzero context offset (r1.ctx_offset == 0)", verifier.Check{Kind: verifier.CheckZeroContextOffset}, call, holds(verifier.TypeContext), "BPF-context-argument"},
	} {
		if got := failureCode(test.message, test.check, test.in, test.value, 32); got != test.code {
			t.Errorf("%s\nhas code %s, want %s", test.message, got, test.code)
		}
	}
}

// TestRejections gives a code to every reason for which a program is not judged.
func TestRejections(t *testing.T) {
	for reason, code := range map[string]string{
		"Unspecified program type.":                                                                                                   "BPF-no-hook",
		"rejected: requires conformance group callx (at 7)":                                                                           "BPF-unsupported-instruction",
		"rejected: requires conformance group packet (at 7)":                                                                          "BPF-unsupported-instruction",
		"rejected: helper function is unavailable on this platform (at 3)":                                                            "BPF-helper-unavailable",
		"rejected: helper prototype is unavailable on this platform: bpf_x (at 3)":                                                    "BPF-helper-unavailable",
		"not implemented: helper argument type is unavailable on this platform: bpf_x (at 3)":                                         "BPF-helper-unavailable",
		"rejected: Pointer argument not followed by EBPF_ARGUMENT_TYPE_CONST_SIZE or EBPF_ARGUMENT_TYPE_CONST_SIZE_OR_ZERO: f (at 3)": "BPF-helper-unavailable",
		"rejected: builtin function is unavailable on this platform (at 3)":                                                           "BPF-helper-unavailable",
		"rejected: kfunc resolution is unavailable on this platform (at 3)":                                                           "BPF-kfunc-unavailable",
		"rejected: kfunc prototype lookup failed for BTF id 7 (at 3)":                                                                 "BPF-kfunc-unavailable",
		"helper prototype not found: 999":                                                                                             "BPF-helper-unavailable",
		"helper ID is negative: -1":                                                                                                   "BPF-helper-unavailable",
		"helper not usable: 1":                                                                                                        "BPF-helper-unavailable",
		"too many call stack frames":                                                                                                  "BPF-call-depth",
		"4: illegal recursion":                                                                                                        "BPF-call-depth",
		"Recursive subprogram call":                                                                                                   "BPF-call-depth",
		"Mutual recursion in subprogram calls":                                                                                        "BPF-call-depth",
		"tail call chain depth exceeds 33 (at 3)":                                                                                     "BPF-tail-call-depth",
		"narrowing_error":                    "BPF-no-judgement",
		"Number -2147418112 does not fit":    "BPF-no-judgement",
		"Bug! instruction 4 leads to bottom": "BPF-no-judgement",
		"Label 53 not found in the CFG":      "BPF-no-judgement",
		"Label 7/9 already exists":           "BPF-no-judgement",
		"jump to undefined label 9":          "BPF-encoding",
		"fallthrough in last instruction":    "BPF-encoding",
		"5: bad instruction op 0xff":         "BPF-encoding",
		"5: nonzero imm for op 0xbf":         "BPF-encoding",
		"5: bad register":                    "BPF-encoding",
		"5: cannot modify r10":               "BPF-encoding",
		"5: invalid target r10":              "BPF-encoding",
		"5: jump out of bounds":              "BPF-encoding",
		"5: jump to middle of lddw":          "BPF-encoding",
		"5: incomplete lddw":                 "BPF-encoding",
		"5: lddw uses reserved fields":       "BPF-encoding",
		"5: unsupported immediate":           "BPF-encoding",
		"invalid map index 3 (have 1 maps)":  "BPF-map-definition",
		"Map descriptor not found: m":        "BPF-map-definition",
		"bad inner map index 7 for map m":    "BPF-map-definition",
		"Unresolved symbols found.":          "BPF-unresolved-symbol",
		"Unsupported or invalid CO-RE/BTF relocation data: array index 4 out of bounds (size 0)": "BPF-core-relocation",
		"Unsupported relocation type 3 in section .relxdp":                                       "BPF-relocation",
		"something new": "BPF-rejected",
		"Map cache entry for original map fd 7 not found.": "BPF-map-definition",
		"Invalid .BTF section - wrong magic":               "BPF-type-information",
		"Zero length programs are not allowed":             "BPF-encoding",
	} {
		if got := rejectionCode(reason); got != code {
			t.Errorf("%q has code %s, want %s", reason, got, code)
		}
	}
}

func TestCatalogue(t *testing.T) {
	for _, e := range Catalogue() {
		if e.Title == "" || !strings.HasSuffix(e.Text, ".") {
			t.Errorf("%s: a title and sentences are needed", e.Code)
		}
		if got, ok := Lookup(strings.ToUpper(strings.TrimPrefix(e.Code, "BPF-"))); !ok || got.Code != e.Code {
			t.Errorf("%s is not found by its short name", e.Code)
		}
	}
	for _, table := range [][]template{failures, rejections} {
		for _, tm := range table {
			if tm.code == "" {
				continue
			}
			if _, ok := Lookup(tm.code); !ok {
				t.Errorf("%q has code %s, which is not in the catalogue", tm.text, tm.code)
			}
		}
	}
	if _, ok := Lookup("BPF-nonsense"); ok {
		t.Error("an unknown code was found")
	}
}

// TestNearest finds the codes that a mistyped one may have meant.
func TestNearest(t *testing.T) {
	for code, want := range map[string]string{
		"packet-bound":    "BPF-packet-bounds",
		"BPF-PACKETBOUND": "BPF-packet-bounds",
		"null":            "BPF-maybe-null",
		"BPF-maybe-nul":   "BPF-maybe-null",
		"uninitialised":   "BPF-uninitialized-bytes",
		"nonsense":        "",
		"":                "",
	} {
		got := Nearest(code)
		if len(got) > 3 {
			t.Errorf("%q has %d neighbours: %q", code, len(got), got)
		}
		if want == "" && len(got) > 0 || want != "" && (len(got) == 0 || got[0] != want) {
			t.Errorf("%q is nearest to %q, want %q first", code, got, want)
		}
	}
}
