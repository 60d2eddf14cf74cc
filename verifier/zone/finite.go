package zone

import "bpfls/isa"

// Op is an arithmetic or bitwise operation on machine words.
type Op uint8

// The operations.
const (
	OpAdd Op = iota
	OpSub
	OpMul
	OpSDiv
	OpUDiv
	OpSRem
	OpURem
	OpAnd
	OpOr
	OpXor
	OpShl
	OpLShr
	OpAShr
)

// Apply computes x = y op z without wrapping. OpAdd and OpSub are relational and
// exact on integers; the others work on intervals, of width bits: OpMul, divisions
// and remainders on operands cut to width (0: as they are), bit operations on 64-bit
// words with shift counts and results masked to width.
func (z *Zone) Apply(op Op, x, y, w Var, width int) { panic("zone: not built yet") }

// ApplyImm is Apply with a constant right operand.
func (z *Zone) ApplyImm(op Op, x, y Var, k int64, width int) { panic("zone: not built yet") }

// ApplySigned computes the pair (xs, xu) = y op w: xs by Apply, then, unless width is
// 0, xu = xs, and both wrapped to width by OverflowBounds. With width 0 xu stays.
func (z *Zone) ApplySigned(op Op, xs, xu, y, w Var, width int) { panic("zone: not built yet") }

// ApplySignedImm is ApplySigned with a constant right operand.
func (z *Zone) ApplySignedImm(op Op, xs, xu, y Var, k int64, width int) {
	panic("zone: not built yet")
}

// ApplyUnsigned is ApplySigned with the roles of xs and xu exchanged: xu by Apply,
// then xs = xu.
func (z *Zone) ApplyUnsigned(op Op, xs, xu, y, w Var, width int) { panic("zone: not built yet") }

// ApplyUnsignedImm is ApplyUnsigned with a constant right operand.
func (z *Zone) ApplyUnsignedImm(op Op, xs, xu, y Var, k int64, width int) {
	panic("zone: not built yet")
}

// Arith is the BPF operation (s, u) = (s, u) op w of width 32 or 64 bits, as PREVAIL's
// add_overflow, sub_overflow, mul, sdiv, udiv, srem, urem, bitwise_and, bitwise_or,
// bitwise_xor, shl_overflow. OpAdd, OpSub, OpMul, OpSDiv, OpSRem are computed on the
// svalue (OpAdd and OpSub on the uvalue if the svalue is unknown), the others on the
// uvalue. w is the operand's svalue or uvalue: PREVAIL takes the svalue for OpAdd,
// OpSub, OpMul, OpSDiv, OpSRem and the uvalue for the others. OpShl is of 64 bits
// whatever width says. Not for OpLShr, OpAShr (LShrImm, AShr).
func (z *Zone) Arith(op Op, s, u, w Var, width int) { panic("zone: not built yet") }

// ArithImm is Arith with a constant operand. OpAnd, OpOr, OpXor and OpShl are of 64
// bits whatever width says; OpAnd with a mask that changes nothing is the identity.
func (z *Zone) ArithImm(op Op, s, u Var, k int64, width int) { panic("zone: not built yet") }

// NegWrap is the BPF negation of width bits.
func (z *Zone) NegWrap(s, u Var, width int) { panic("zone: not built yet") }

// ShlImm shifts left by n, 0 <= n < width.
func (z *Zone) ShlImm(s, u Var, n, width int) { panic("zone: not built yet") }

// LShrImm shifts right by n, 0 <= n < width, filling with zeros.
func (z *Zone) LShrImm(s, u Var, n, width int) { panic("zone: not built yet") }

// AShr shifts right by the value of n, filling with the sign; forgets the pair if n
// has more than one value.
func (z *Zone) AShr(s, u Var, n Expr, width int) { panic("zone: not built yet") }

// SignExtend sets the pair to the low from bits of e's value, sign-extended, and
// wrapped to width.
func (z *Zone) SignExtend(s, u Var, e Expr, width, from int) { panic("zone: not built yet") }

// OverflowBounds wraps v to width bits, as a signed or unsigned 64-bit number (a
// signed one of 32 bits is zero-extended, as BPF does). A range that wraps in the
// middle is forgotten; an unchanged range keeps its relations.
func (z *Zone) OverflowBounds(v Var, width int, signed bool) { panic("zone: not built yet") }

// OverflowPair is OverflowBounds of an svalue and a uvalue.
func (z *Zone) OverflowPair(s, u Var, width int) {
	z.OverflowBounds(s, width, true)
	z.OverflowBounds(u, width, false)
}

// AssumeImm restricts z to the assignments in which the comparison of the register
// (s, u) with imm holds; false if z became bottom.
func (z *Zone) AssumeImm(op isa.Condition, is64 bool, s, u Var, imm int64) bool {
	panic("zone: not built yet")
}

// AssumeReg is AssumeImm with a register (ss, su) as right operand.
func (z *Zone) AssumeReg(op isa.Condition, is64 bool, s, u, ss, su Var) bool {
	panic("zone: not built yet")
}
