package explain

import (
	"fmt"
	"strings"

	"bpfls/verifier"
)

// raw is the state as the verifier has it.
func (w *factWriter) raw() (registers, stack []RawFact, packet string) {
	for r := range 10 {
		if text := w.rawValue(w.state.Register(r)); text != "" {
			registers = append(registers, RawFact{fmt.Sprintf("r%d", r), text})
		}
	}
	for _, c := range w.state.Cells() {
		if text := w.rawValue(c.Value); text != "" {
			stack = append(stack, RawFact{fmt.Sprintf("r10%+d (%s)", c.Offset, byteCount(int64(c.Size))), text})
		}
	}
	size := w.state.PacketSize()
	switch {
	case size.LoInf || size.Lo <= 0 && size.HiInf:
	case size.Lo == size.Hi && !size.HiInf:
		packet = fmt.Sprintf("packet_size = %d", size.Lo)
	case size.Lo > 0:
		packet = fmt.Sprintf("packet_size >= %d", size.Lo)
	}
	return registers, stack, packet
}

// typeNames are the kinds of values, in the order in which they are named.
var typeNames = []struct {
	t    verifier.TypeSet
	name string
}{
	{verifier.TypeNumber, "number"},
	{verifier.TypeContext, "context"},
	{verifier.TypePacket, "packet"},
	{verifier.TypeStack, "stack"},
	{verifier.TypeShared, "map value"},
	{verifier.TypeMap, "map"},
	{verifier.TypeMapPrograms, "map of programs"},
	{verifier.TypeSocket, "socket"},
	{verifier.TypeBTFID, "kernel object"},
	{verifier.TypeAllocMem, "allocated memory"},
	{verifier.TypeFunction, "function"},
	{verifier.TypeUninit, "not initialised"},
}

// rawValue says what a value is, as the verifier has it; empty where nothing is known of it.
func (w *factWriter) rawValue(v verifier.Value) string {
	var names []string
	for _, t := range typeNames {
		if v.Types&t.t != 0 {
			names = append(names, t.name)
		}
	}
	if len(names) != 1 {
		if v.Types&verifier.TypeUninit != 0 || len(names) == 0 {
			return ""
		}
		return strings.Join(names, " or ")
	}
	switch v.Types {
	case verifier.TypeUninit:
		return ""
	case verifier.TypeNumber:
		return rawNumber(v)
	case verifier.TypeStack:
		if offset, ok := singleton(v.Offset); ok {
			if frame, ok := singleton(w.state.Register(10).Offset); ok {
				return fmt.Sprintf("stack, r10%+d", offset-frame)
			}
		}
	case verifier.TypeShared, verifier.TypeAllocMem:
		name := names[0]
		if size, ok := singleton(v.Region); ok {
			name += " of " + byteCount(size)
		}
		name += rawOffset(v.Offset)
		if !v.Unsigned.LoInf && v.Unsigned.Lo <= 0 {
			name += ", or null"
		}
		return name
	case verifier.TypeMap, verifier.TypeMapPrograms:
		if m := w.mapByFD(v.MapFD); m != "" {
			return "map " + m
		}
		return names[0]
	case verifier.TypeFunction:
		return names[0]
	}
	return names[0] + rawOffset(v.Offset)
}

func rawOffset(r verifier.Range) string {
	if n, ok := singleton(r); ok {
		return fmt.Sprintf(" + %d", n)
	}
	if r.LoInf && r.HiInf {
		return " + an unknown offset"
	}
	return " + " + rawRange(r)
}

func rawNumber(v verifier.Value) string {
	if n, ok := singleton(v.Signed); ok {
		return fmt.Sprintf("number %d", n)
	}
	unbounded := func(r verifier.Range) bool {
		return (r.LoInf || r.LoWide || r.Lo == -1<<63) && (r.HiInf || r.HiWide || r.Hi == 1<<63-1)
	}
	switch {
	case !unbounded(v.Signed):
		return "number " + rawRange(v.Signed)
	case !v.Unsigned.HiInf && !v.Unsigned.HiWide && v.Unsigned.Hi != 1<<63-1 && v.Unsigned.Hi > 0:
		return "number " + rawRange(v.Unsigned) + ", unsigned"
	}
	return "number"
}

func rawRange(r verifier.Range) string {
	lo, hi := "-∞", "∞"
	if !r.LoInf && !r.LoWide {
		lo = fmt.Sprint(r.Lo)
	}
	if !r.HiInf && !r.HiWide {
		hi = fmt.Sprint(r.Hi)
	}
	return "[" + lo + ", " + hi + "]"
}
