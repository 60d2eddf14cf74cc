package explain

import (
	"slices"
	"strings"
)

// Entry is the catalogue's entry of a code: what a finding of that kind means.
type Entry struct {
	Code  string // stable: "BPF-packet-bounds"
	Title string // a few words
	Text  string // what it means and what to do, for `bpfls explain` and hovers
}

// catalogue lists every code, sorted.
var catalogue = []Entry{
	{"BPF-call-depth", "calls nested too deeply",
		"Functions of a program are verified once per call, and calls may be nested eight deep, the program itself included. Recursion is never accepted. Make the chain of calls shorter, or turn it into a loop."},
	{"BPF-callback-argument", "not a function that can be called back",
		"The helper calls back the function that it is given. The verifier must know exactly which function of the program that is."},
	{"BPF-context-argument", "not the context",
		"The helper takes the context that the program was called with, and not a pointer into it or a copy of it. Pass the program's own argument."},
	{"BPF-context-bounds", "access outside of the context",
		"A program may read its context, which has a fixed size for each hook, and nothing around it. Check that the program includes the header that the hook's own component uses."},
	{"BPF-context-layout", "another structure than the hook's context",
		"The program takes its argument for another structure than the one that the hook passes: members are at other offsets. Include the header that declares the hook's context; if the hook is your own, declare it in bpfls.toml with its header."},
	{"BPF-context-write", "write to the context",
		"The fields of the context that hold pointers to the packet cannot be written."},
	{"BPF-core-relocation", "CO-RE relocation",
		"A CO-RE relocation of the object cannot be resolved against its own BTF."},
	{"BPF-division-by-zero", "possible division by zero",
		"The divisor can be 0. Check it before the division."},
	{"BPF-encoding", "not a valid program",
		"The instructions cannot be decoded, or a jump leads out of the program. A compiler does not make such code: the object is damaged or was written by hand."},
	{"BPF-helper-unavailable", "helper not available",
		"The hook's programs cannot call this helper. `bpfls hooks` lists the helpers of each hook."},
	{"BPF-indirect-call", "call through a register",
		"A helper can be called through a register only where its number is known exactly. Compile with -O2, so that the number is in the instruction."},
	{"BPF-internal", "internal error of bpfls",
		"bpfls itself failed at this program. The program is neither accepted nor refused. Please report it, with the object."},
	{"BPF-kfunc-unavailable", "kernel function not available",
		"The program calls a kernel function that is unknown to the verifier, or that programs of this type cannot call."},
	{"BPF-limit", "too large to be judged",
		"The program was too large for the limits of the analysis. It is neither accepted nor refused."},
	{"BPF-loop-bound", "loop without a proven end",
		"The verifier must see that a loop ends within 100,000 turns. Count upwards to a constant, in steps that are never 0, and leave the loop at the count."},
	{"BPF-map-argument", "not a map",
		"The helper takes a map: the address of a map variable of the program, or a map that was looked up in a map of maps and checked for null."},
	{"BPF-map-definition", "map definition",
		"A map of the object is defined in a way that cannot be read, or an instruction names a map that is not there."},
	{"BPF-map-index", "array index",
		"In strict mode the key of an array must be below the number of its entries."},
	{"BPF-map-sizes", "key or value size not known",
		"The size of the map's keys or values is not known here, so it is not known how many bytes the helper accesses. Different maps meet at this call."},
	{"BPF-map-type", "wrong type of map",
		"The helper does not work with maps of this type."},
	{"BPF-map-value-bounds", "access outside of a map value",
		"A pointer from a map lookup points to one value. Check an index into it against the value's size."},
	{"BPF-maybe-null", "pointer may be null",
		"A map lookup returns null where the map has no entry for the key, and other helpers return null where they have nothing to give. Compare the pointer with null before it is used."},
	{"BPF-memory-bounds", "access outside of allocated memory",
		"A pointer to memory that a helper allocated points to as many bytes as were asked for."},
	{"BPF-no-hook", "section without a hook",
		"The section's name says what a program is for, and no hook has a prefix that this name begins with. Name the section after a hook (`bpfls hooks` lists them), or say what it is: --type NAME, type = \"NAME\" in bpfls.toml, or a comment // bpfls: type=NAME."},
	{"BPF-not-a-number", "not a number",
		"The operation needs a number, and here the operand can be a pointer or was never set. Arithmetic on pointers is addition and subtraction of numbers."},
	{"BPF-not-a-pointer", "not a pointer",
		"Memory is accessed through something that is not known to be a pointer: a number, a map, or a variable that was never set. A pointer that was kept in fewer than 8 bytes, or mixed with numbers, is no pointer any more."},
	{"BPF-not-optimized", "compiled without optimisation",
		"Compiled without -O2, clang keeps the number of a helper in memory and calls it through a register (callx), which eBPF does not have. Compile with -O2."},
	{"BPF-number-argument", "argument must be a number",
		"The helper's argument must be a number, not an address, and must have been set."},
	{"BPF-packet-bounds", "access outside of the packet",
		"Bytes of a packet may be read and written after the program has compared their end with the end of the packet: if (data + n > data_end) return ...;. What was compared counts, and only on the ways behind the comparison."},
	{"BPF-pointer-argument", "argument must be a pointer",
		"The helper's argument must point to memory that the program may use: its stack, the packet, or a map value."},
	{"BPF-pointer-arithmetic", "arithmetic on pointers",
		"Only numbers can be added to a pointer."},
	{"BPF-pointer-comparison", "pointers that cannot be compared",
		"Pointers can be compared and subtracted only if both point into the same thing: the packet, the context or the stack."},
	{"BPF-pointer-leak", "address leaves the program",
		"Addresses may be kept on the stack only. Maps, packets and the context can be seen by others, so only numbers may be stored there."},
	{"BPF-rejected", "not accepted",
		"The program is not accepted; the reason says why."},
	{"BPF-relocation", "relocation",
		"The object has a relocation that BPF loaders do not know."},
	{"BPF-return-value", "no number is returned",
		"A program returns a number to its hook, on every way. Here the result can be an address or was never set."},
	{"BPF-size-argument", "size argument",
		"The size of the memory that a helper gets must be known to be positive (for some helpers 0 is allowed too) and not larger than the memory."},
	{"BPF-socket-access", "access to a socket",
		"Only some fields of a socket can be read, in whole or in the parts that the kernel allows, and few can be written."},
	{"BPF-stack-bounds", "access outside of the stack",
		"Each function has 512 bytes of stack. Use an index into an array on the stack only behind a check."},
	{"BPF-tail-call-depth", "too many tail calls",
		"A chain of tail calls may have 33 links."},
	{"BPF-uninitialized-bytes", "bytes that were never written",
		"A helper reads memory of the program, and some of those bytes were never written, or hold an address. Often it is padding between or behind the members of a structure: set the whole structure to zero first."},
	{"BPF-uninitialized-value", "value that was never set",
		"A variable or a part of an array is used that was not set on every way that leads here, so nothing is known of it, not even whether it is a number. Give it a value where it is declared."},
	{"BPF-unresolved-symbol", "unresolved symbol",
		"The program uses a function or variable that the object does not define. Define it, or mark the function static inline in a header that is included."},
	{"BPF-unsupported-instruction", "instruction not supported",
		"The platform's verifier does not take this instruction. Choose an older instruction set with -mcpu."},
	{"BPF-zero-argument", "argument must be zero",
		"This argument of the helper is reserved and must be 0."},
}

// Catalogue returns the entries of all codes, sorted by code.
func Catalogue() []Entry { return slices.Clone(catalogue) }

// Lookup returns the entry of a code, whatever its case and with or without BPF-.
func Lookup(code string) (Entry, bool) {
	code = strings.ToLower(strings.TrimPrefix(strings.ToLower(code), "bpf-"))
	for _, e := range catalogue {
		if strings.ToLower(strings.TrimPrefix(e.Code, "BPF-")) == code {
			return e, true
		}
	}
	return Entry{}, false
}

// A template is the beginning of a message of the verifier and the code of the
// findings that say so. "*" stands for any text without blanks.
type template struct{ text, code string }

// failures are the verifier's messages about a check. Those with more than one
// cause are told apart by refine.
var failures = []template{
	{"Invalid type", ""},
	{"Only numbers can be added to pointers", "BPF-pointer-arithmetic"},
	{"Only numbers can be used as divisors", "BPF-not-a-number"},
	{"Possible division by zero", "BPF-division-by-zero"},
	{"Only numbers can be stored to externally-visible regions", "BPF-pointer-leak"},
	{"Cannot subtract pointers to", "BPF-pointer-comparison"},
	{"Loop counter is too large", "BPF-loop-bound"},
	{"invalid helper function id", "BPF-indirect-call"},
	{"callx helper function id is not a valid singleton", "BPF-indirect-call"},
	{"helper function id", "BPF-indirect-call"},
	{"Invalid size", "BPF-size-argument"},
	{"Argument must be zero", "BPF-zero-argument"},
	{"callback function", "BPF-callback-argument"},
	{"Map key size", "BPF-map-sizes"},
	{"Map value size", "BPF-map-sizes"},
	{"Illegal map update with a non-numerical value", "BPF-uninitialized-bytes"},
	{"Pointer must be a singleton", "BPF-map-index"},
	{"Array index", "BPF-map-index"},
	{"Max entries is not finite", "BPF-map-index"},
	{"Lower bound must be at least meta_offset", "BPF-packet-bounds"},
	{"Lower bound must be at least *.stack_offset", "BPF-stack-bounds"},
	{"Lower bound must be at least 0", ""},
	{"Lower bound must be at least", "BPF-stack-bounds"},
	{"Upper bound must be at most packet_size", "BPF-packet-bounds"},
	{"Upper bound must be at most total_stack_size", "BPF-stack-bounds"},
	{"Upper bound must be at most *.shared_region_size", "BPF-map-value-bounds"},
	{"Upper bound must be at most *.alloc_mem_size", "BPF-memory-bounds"},
	{"Upper bound must be at most", ""},
	{"Possible null access", "BPF-maybe-null"},
	{"Only stack, packet, or shared can be used as a parameter", "BPF-pointer-argument"},
	{"map type", "BPF-map-type"},
	{"Stack content is not numeric", "BPF-uninitialized-bytes"},
	{"Cannot write to context", "BPF-context-write"},
	{"Socket", "BPF-socket-access"},
	{"Invalid socket access", "BPF-socket-access"},
	{"Non-null number", "BPF-not-a-pointer"},
	{"Non-zero access size with null pointer", "BPF-maybe-null"},
	{"Only pointers can be dereferenced", "BPF-not-a-pointer"},
	{"FDs cannot be dereferenced directly", "BPF-not-a-pointer"},
	{"Unsupported pointer type for memory access", "BPF-not-a-pointer"},
	{"Function pointers cannot be dereferenced", "BPF-not-a-pointer"},
	{"Nonzero context offset", "BPF-context-argument"},
}

// rejections are the reasons of programs that cannot be judged. They are looked
// for anywhere in the reason.
var rejections = []template{
	{"Unspecified program type", "BPF-no-hook"},
	{"kfunc", "BPF-kfunc-unavailable"},
	{"helper", "BPF-helper-unavailable"},
	{"builtin function is unavailable", "BPF-helper-unavailable"},
	{"Pointer argument not followed by", "BPF-helper-unavailable"},
	{"platform is unavailable", "BPF-helper-unavailable"},
	{"unknown CallKind", "BPF-helper-unavailable"},
	{"too many call stack frames", "BPF-call-depth"},
	{"recursion", "BPF-call-depth"},
	{"Recursive subprogram call", "BPF-call-depth"},
	{"Mutual recursion", "BPF-call-depth"},
	{"tail call chain depth", "BPF-tail-call-depth"},
	{"jump to undefined label", "BPF-encoding"},
	{"fallthrough in last instruction", "BPF-encoding"},
	{"empty instruction sequence", "BPF-encoding"},
	{"requires conformance group", "BPF-unsupported-instruction"},
	{"lddw unknown pseudo", "BPF-unsupported-instruction"},
	{"not implemented", "BPF-unsupported-instruction"},
	{"invalid map index", "BPF-map-definition"},
	{"Map descriptor not found", "BPF-map-definition"},
	{"inner map", "BPF-map-definition"},
	{"map record", "BPF-map-definition"},
	{"Unresolved", "BPF-unresolved-symbol"},
	{"CO-RE", "BPF-core-relocation"},
	{"relocation", "BPF-relocation"},
	{"bad instruction", "BPF-encoding"},
	{"nonzero", "BPF-encoding"},
	{"bad register", "BPF-encoding"},
	{"cannot modify r10", "BPF-encoding"},
	{"invalid target", "BPF-encoding"},
	{"jump out of bounds", "BPF-encoding"},
	{"jump to middle", "BPF-encoding"},
	{"incomplete lddw", "BPF-encoding"},
	{"invalid lddw", "BPF-encoding"},
	{"lddw uses reserved fields", "BPF-encoding"},
	{"unsupported immediate", "BPF-encoding"},
	{"unmarshaling", "BPF-encoding"},
	{"invalid offset", "BPF-encoding"},
	{"unsupported", "BPF-unsupported-instruction"},
}

func (t template) begins(message string) bool {
	before, after, star := strings.Cut(t.text, "*")
	if !star {
		return strings.HasPrefix(message, t.text)
	}
	rest, ok := strings.CutPrefix(message, before)
	if !ok {
		return false
	}
	word, _, _ := strings.Cut(rest, " ")
	return strings.Contains(word, after)
}

// rejectionCode returns the code for the reason of a rejection.
func rejectionCode(reason string) string {
	for _, t := range rejections {
		if strings.Contains(reason, t.text) {
			return t.code
		}
	}
	return "BPF-rejected"
}
