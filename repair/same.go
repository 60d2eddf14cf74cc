package repair

import (
	"bytes"
	"context"
	"slices"

	"bpfls/interp"
	"bpfls/isa"
	"bpfls/platform"
)

// safeInputs is the number of inputs, handled safely by the original, on which a
// changed program must do the same.
const safeInputs = 1000

// same reports whether a changed program does what the original did, on inputs that
// the original handled safely: it returns the same and leaves the same packet and
// maps. inputs is how many there were: fewer than safeInputs where the original handles
// few or none.
func (w *worker) same(ctx context.Context, changed *Subject, other bool) (same bool, inputs int, err error) {
	before, after := newRunner(w.s), newRunner(changed)
	if before == nil || after == nil || w.s.Report.Verdict == "rejected" {
		return true, 0, nil
	}
	slot := -1
	if w.finding.Instruction < len(w.insts) {
		slot = w.finding.Instruction
	}
	same, inputs, err = w.agree(ctx, before.explore(slot), after)
	if err != nil || !same || inputs > 0 || other {
		return same, inputs, err
	}
	// Bytes of the stack that were never written stop every run: what does the program
	// do where they are zeros?
	e := before.explore(slot)
	e.opt.ZeroStack = true
	return w.agree(ctx, e, after)
}

func (w *worker) agree(ctx context.Context, e *explorer, after *runner) (same bool, safe int, err error) {
	fixed := after.explore(-1)
	fixed.opt = e.opt
	same = true
	err = e.each(ctx, 6*safeInputs, func(x *execution) bool {
		if !x.done {
			return true
		}
		safe++
		if len(e.safe) < 64 {
			e.safe = append(e.safe, x.in)
		}
		y, err := fixed.run(ctx, x.in)
		same = err == nil && y.done && e.equal(x, y)
		return same && safe < safeInputs
	})
	return same, safe, err
}

// equal reports whether two runs had the same effects.
func (r *runner) equal(x, y *execution) bool {
	if uint32(x.result) != uint32(y.result) {
		return false // what hooks see of a result has 32 bits
	}
	if p, q := x.machine.Packet, y.machine.Packet; p != nil && q != nil && !bytes.Equal(p.Data, q.Data) {
		return false
	}
	for _, m := range r.program.Maps {
		_, a := x.machine.Entries(m.FD)
		_, b := y.machine.Entries(m.FD)
		if !slices.EqualFunc(a, b, func(a, b interp.Entry) bool { return bytes.Equal(a.Key, b.Key) && bytes.Equal(a.Value, b.Value) }) {
			return false
		}
	}
	return true
}

// helper returns the prototype of what an instruction calls, or nil.
func (r *runner) helper(in *isa.Inst) *platform.Helper {
	switch in.Kind {
	case isa.CallBuiltin:
		if h, err := r.s.Platform.BuiltinByID(int32(in.Imm)); err == nil {
			return h
		}
	case isa.Call:
		if h, err := r.s.Platform.Helper(int32(in.Imm), r.s.Type); err == nil {
			return h
		}
	case isa.CallBTF:
		if k, err := r.s.Platform.KfuncByID(int32(in.Imm), int16(in.Off), r.s.Type); err == nil {
			return &k.Helper
		}
	}
	return nil
}

// called notes what a call returned.
func (e *explorer) called(m *interp.Machine, h *platform.Helper, x *execution) {
	switch h.Return {
	case platform.RetPtrToMapValueOrNull:
		r := m.Regs[0]
		x.trace.lookups = append(x.trace.lookups, lookup{found: !r.IsNull()})
	case platform.RetInteger:
		x.trace.random = true
	}
}
