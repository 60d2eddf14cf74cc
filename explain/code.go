package explain

import (
	"fmt"
	"strings"

	"bpfls/isa"
	"bpfls/verifier"
)

const (
	memoryTypes  = verifier.TypeStack | verifier.TypePacket | verifier.TypeShared
	mapTypes     = verifier.TypeMap | verifier.TypeMapPrograms
	accessTypes  = memoryTypes | verifier.TypeContext | verifier.TypeSocket | verifier.TypeAllocMem
	pointerTypes = accessTypes | verifier.TypeBTFID | verifier.TypeFunction
)

// failureCode returns the code of a check that was not proven. message is the
// verifier's, in is the instruction, value is what the checked register holds.
func failureCode(message string, check verifier.Check, in isa.Inst, value verifier.Value, contextSize int) string {
	for _, t := range failures {
		if t.begins(message) {
			if t.code != "" {
				return t.code
			}
			break
		}
	}
	if value.Types&verifier.TypeAny == verifier.TypeAny && strings.HasPrefix(message, fmt.Sprintf("Upper bound must be at most %d (", contextSize)) {
		return "BPF-context-bounds" // no state is known, but the bound is the context's size
	}
	return refine(check, in, value)
}

// refine tells by the check what the verifier's message leaves open.
func refine(check verifier.Check, in isa.Inst, value verifier.Value) string {
	switch check.Kind {
	case verifier.CheckComparable:
		return "BPF-pointer-comparison"
	case verifier.CheckAddable:
		return "BPF-pointer-arithmetic"
	case verifier.CheckDivisor:
		return "BPF-division-by-zero"
	case verifier.CheckStore:
		return "BPF-pointer-leak"
	case verifier.CheckSize:
		return "BPF-size-argument"
	case verifier.CheckMapKeyValue:
		return "BPF-map-sizes"
	case verifier.CheckCallback:
		return "BPF-callback-argument"
	case verifier.CheckFunction:
		return "BPF-indirect-call"
	case verifier.CheckZeroContextOffset:
		return "BPF-context-argument"
	case verifier.CheckLoopCount:
		return "BPF-loop-bound"
	case verifier.CheckZeroArgument:
		return "BPF-zero-argument"
	case verifier.CheckMapType:
		return "BPF-map-type"
	case verifier.CheckAccess:
		return boundsCode(check, value)
	}
	code := typeCode(check, in)
	if value.Types&verifier.TypeUninit != 0 && (code == "BPF-not-a-number" || code == "BPF-pointer-arithmetic") {
		return "BPF-uninitialized-value"
	}
	return code
}

// boundsCode names the region whose bounds an access may leave.
func boundsCode(check verifier.Check, value verifier.Value) string {
	switch value.Types &^ verifier.TypeNumber {
	case verifier.TypePacket:
		return "BPF-packet-bounds"
	case verifier.TypeStack:
		return "BPF-stack-bounds"
	case verifier.TypeShared:
		return "BPF-map-value-bounds"
	case verifier.TypeContext:
		return "BPF-context-bounds"
	case verifier.TypeSocket:
		return "BPF-socket-access"
	case verifier.TypeAllocMem:
		return "BPF-memory-bounds"
	case 0:
		return "BPF-not-a-pointer"
	}
	// Several kinds of pointers: the text says which bound was missed where the
	// value does not.
	if strings.Contains(check.Text, "comparison") {
		return "BPF-pointer-comparison"
	}
	return "BPF-memory-bounds"
}

func isCall(in isa.Inst) bool {
	return in.Kind == isa.Call || in.Kind == isa.CallBuiltin || in.Kind == isa.CallX || in.Kind == isa.CallBTF
}

func typeCode(check verifier.Check, in isa.Inst) string {
	call := isCall(in)
	switch t := check.Types; {
	case in.Kind == isa.Exit:
		return "BPF-return-value"
	case call && t&mapTypes != 0 && t&^mapTypes == 0:
		return "BPF-map-argument"
	case call && t == verifier.TypeNumber:
		return "BPF-number-argument"
	case call && t&verifier.TypeFunction != 0:
		return "BPF-callback-argument"
	case call && t&memoryTypes == 0 && t&verifier.TypeContext != 0:
		return "BPF-context-argument"
	case call:
		return "BPF-pointer-argument"
	case t&pointerTypes == 0:
		return "BPF-not-a-number"
	case t&verifier.TypeNumber != 0:
		return "BPF-pointer-arithmetic"
	}
	return "BPF-not-a-pointer"
}
