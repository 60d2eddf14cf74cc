package interp

import (
	"math/bits"

	"bpfls/isa"
)

// compute computes a binary operation on 64-bit values (RFC 9669, section 4.1):
// division by zero gives zero, modulo by zero leaves the left operand, shifts
// take the low bits of the right one. A 32-bit operation works on the low
// halves and clears the high half of the result.
func compute(op isa.BinOp, a, b uint64, is64 bool) uint64 {
	switch op {
	case isa.MovSX8, isa.MovSX16, isa.MovSX32:
		return width(signExtend(b, 8<<(op-isa.MovSX8)), is64)
	}
	if is64 {
		return operate[int64](op, a, b, 64)
	}
	return uint64(operate[int32](op, uint32(a), uint32(b), 32))
}

// operate computes an operation on words of n bits: U is the word, S the same
// word as a signed number.
func operate[S int32 | int64, U uint32 | uint64](op isa.BinOp, a, b U, n U) U {
	minusOne := ^U(0)
	switch op {
	case isa.Mov:
		return b
	case isa.Add:
		return a + b
	case isa.Sub:
		return a - b
	case isa.Mul:
		return a * b
	case isa.UDiv:
		if b == 0 {
			return 0
		}
		return a / b
	case isa.UMod:
		if b == 0 {
			return a
		}
		return a % b
	case isa.SDiv:
		switch b {
		case 0:
			return 0
		case minusOne: // the smallest number has no negation
			return -a
		}
		return U(S(a) / S(b))
	case isa.SMod:
		switch b {
		case 0:
			return a
		case minusOne:
			return 0
		}
		return U(S(a) % S(b))
	case isa.Or:
		return a | b
	case isa.And:
		return a & b
	case isa.Xor:
		return a ^ b
	case isa.Lsh:
		return a << (b & (n - 1))
	case isa.Rsh:
		return a >> (b & (n - 1))
	case isa.Arsh:
		return U(S(a) >> (b & (n - 1)))
	}
	panic("interp: unknown binary operation")
}

// unary computes byte swaps and negation (RFC 9669, sections 4.1 and 4.2) as a
// little-endian machine does, or a big-endian one.
func unary(op isa.UnOp, a uint64, is64, bigEndian bool) uint64 {
	swap := false
	switch op {
	case isa.Neg:
		return width(-a, is64)
	case isa.BE16, isa.BE32, isa.BE64:
		swap = !bigEndian
	case isa.LE16, isa.LE32, isa.LE64:
		swap = bigEndian
	default:
		swap = true
	}
	switch op {
	case isa.BE16, isa.LE16, isa.Swap16:
		if swap {
			return uint64(bits.ReverseBytes16(uint16(a)))
		}
		return uint64(uint16(a))
	case isa.BE32, isa.LE32, isa.Swap32:
		if swap {
			return uint64(bits.ReverseBytes32(uint32(a)))
		}
		return uint64(uint32(a))
	}
	if swap {
		return bits.ReverseBytes64(a)
	}
	return a
}

// holds decides a condition (RFC 9669, section 4.3).
func holds(c isa.Condition, a, b uint64, is64 bool) bool {
	sa, sb := int64(a), int64(b)
	if !is64 {
		sa, sb = int64(int32(a)), int64(int32(b))
		a, b = uint64(uint32(a)), uint64(uint32(b))
	}
	switch c {
	case isa.EQ:
		return a == b
	case isa.NE:
		return a != b
	case isa.SET:
		return a&b != 0
	case isa.NSET:
		return a&b == 0
	case isa.LT:
		return a < b
	case isa.LE:
		return a <= b
	case isa.GT:
		return a > b
	case isa.GE:
		return a >= b
	case isa.SLT:
		return sa < sb
	case isa.SLE:
		return sa <= sb
	case isa.SGT:
		return sa > sb
	case isa.SGE:
		return sa >= sb
	}
	panic("interp: unknown condition")
}

// atomic computes what an atomic operation stores. The compare-exchange is the
// caller's.
func atomic(op isa.AtomicOp, old, operand uint64) uint64 {
	switch op {
	case isa.AtomicAdd:
		return old + operand
	case isa.AtomicOr:
		return old | operand
	case isa.AtomicAnd:
		return old & operand
	case isa.AtomicXor:
		return old ^ operand
	case isa.AtomicXchg:
		return operand
	}
	panic("interp: unknown atomic operation")
}

// width cuts a value to 32 bits unless it is a 64-bit one.
func width(v uint64, is64 bool) uint64 {
	if is64 {
		return v
	}
	return uint64(uint32(v))
}

// signExtend copies bit n-1 of v to the bits above.
func signExtend(v uint64, n uint) uint64 {
	return uint64(int64(v<<(64-n)) >> (64 - n))
}
