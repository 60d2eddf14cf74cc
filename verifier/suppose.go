package verifier

import (
	"bpfls/isa"
	"bpfls/verifier/cfg"
	"bpfls/verifier/zone"
)

// ofCheck reports whether the assumption is that a check holds.
func (a *Assumption) ofCheck() bool { return a.Premise == nil && a.Branch == AnyBranch }

// suppose leaves out of st, a state before a node, the executions that assumptions
// exclude.
func (r *run) suppose(st *state, id cfg.NodeID) {
	for i := range r.assumptions {
		a := &r.assumptions[i]
		if a.ofCheck() || st.bottom() {
			continue
		}
		op := r.g.Op(id)
		switch {
		case int(op.Slot) != a.Slot:
		case a.Branch != AnyBranch && op.Kind == cfg.Assume:
			if (op.To == op.Inst.Target) != (a.Branch == Taken) {
				r.drop(st)
				*st = state{}
			}
		case a.Premise != nil && op.Kind == cfg.Instruction:
			r.grantPremise(st, a.Premise, id)
		}
	}
}

func (r *run) grantPremise(st *state, f *Premise, id cfg.NodeID) {
	switch {
	case f.Types != 0:
		r.grantType(st, isa.Reg(f.A.Reg), f.Types, nil)
	case f.Numbers.Lo < 0:
		top := int64(r.stackSize - (r.g.Depth(id)-1)*r.frameSize)
		if lo, hi := f.Numbers.Lo+top, f.Numbers.Hi+top; lo >= 0 && hi < int64(r.stackSize) {
			r.mutStack(st).setBytes(int(lo), int(hi-lo)+1, true)
		}
	default:
		a, ok := r.term(st, f.A)
		b, ok2 := r.term(st, f.B)
		if ok && ok2 {
			r.add(st, zone.Leq(a.Sub(b), zone.Const(f.C)))
		}
	}
	if st.bottom() {
		r.drop(st)
		*st = state{}
	}
}

// term returns the variable that a term stands for; false where a state has none, as
// for the offset of what may be no pointer.
func (r *run) term(st *state, t Term) (zone.Expr, bool) {
	if t.Kind != TermZero && t.Kind != TermPacketSize && (t.Reg < 0 || t.Reg > 10) {
		return zone.Expr{}, false
	}
	x := isa.Reg(t.Reg)
	switch t.Kind {
	case TermZero:
		return zone.Const(0), true
	case TermPacketSize:
		return zone.V(zone.PacketSize), true
	case TermSigned:
		return zone.V(reg(x, zone.KindSValue)), true
	case TermUnsigned:
		return zone.V(reg(x, zone.KindUValue)), true
	}
	k, ok := primaryKind(st.typeOf(x))
	if !ok || k == zone.KindSValue {
		return zone.Expr{}, false
	}
	return zone.V(reg(x, k)), true
}
