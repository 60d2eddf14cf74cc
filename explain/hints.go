package explain

import (
	"fmt"
	"slices"

	"bpfls/isa"
	"bpfls/verifier"
)

// Hint is what the verifier knows of an access to a packet or a map's value, in a few
// words, to be shown behind the expression.
type Hint struct {
	Range Range
	Text  string
}

// Hints lists hints for a program's accesses in some lines, given as reports show their
// files. Like LineAt it replays states.
func Hints(in Input, wanted func(file string, line int) bool) []Hint {
	if in.Result == nil || in.Program == nil {
		return nil
	}
	e := newExplainer(in)
	var hints []Hint
	for slot, inst := range e.insts {
		base, ok := pointerRegister(inst)
		l, known := in.Program.Line(slot)
		if !ok || !known || !wanted(e.path(l.File), l.Line) {
			continue
		}
		for _, point := range in.Result.Points(slot) {
			state := in.Result.Before(point)
			if state == nil || state.Bottom() {
				continue
			}
			if text := accessHint(state, inst, base); text != "" {
				write := 0
				if inst.Kind != isa.Load {
					write = 1
				}
				r, _ := e.rangeAt(slot, wantAccess, write)
				if h := (Hint{r, text}); r.Line > 0 && !slices.Contains(hints, h) {
					hints = append(hints, h)
				}
			}
			break
		}
	}
	return hints
}

// accessHint words the bytes that an access is about, and how many there are.
func accessHint(state verifier.State, in isa.Inst, base int) string {
	v := state.Register(base)
	var what string
	var size verifier.Range
	switch v.Types {
	case verifier.TypePacket:
		what, size = "packet", state.PacketSize()
	case verifier.TypeShared:
		what, size = "value", v.Region
	default:
		return ""
	}
	off := v.Offset
	if off.LoInf || off.HiInf || off.LoWide || off.HiWide {
		return ""
	}
	lo, hi := off.Lo+int64(in.Off), off.Hi+int64(in.Off)+int64(in.Width)-1
	bytes := fmt.Sprintf("%d..%d", lo, hi)
	if lo == hi {
		bytes = fmt.Sprint(lo)
	}
	if size.LoInf || size.Lo <= 0 {
		return what + " " + bytes
	}
	return fmt.Sprintf("%s %s of %d", what, bytes, size.Lo)
}
