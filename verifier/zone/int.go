package zone

import (
	"math"
	"math/big"
	"math/bits"
	"strconv"
)

// Int is a 128-bit two's-complement integer, or one of the infinities NegInf and
// PosInf, which are the smallest and the largest value and compare accordingly.
// Bounds and edge weights need up to 66 bits; products up to 127. Finite numbers are
// between -(2^127 - 1) and 2^127 - 2.
//
// Add, Sub, Neg and Mul of finite numbers that leave the range saturate to the
// infinity of their sign. An infinite operand makes the sum infinite (of the first
// infinite operand's sign) and the product of nonzero numbers infinite.
type Int struct {
	hi int64
	lo uint64
}

// The infinities, and small numbers.
var (
	NegInf = Int{math.MinInt64, 0}
	PosInf = Int{math.MaxInt64, math.MaxUint64}
	Zero   = Int{}
	One    = Int{0, 1}
	minus1 = Int{-1, math.MaxUint64}
)

// FromInt64 returns n.
func FromInt64(n int64) Int { return Int{n >> 63, uint64(n)} }

// FromUint64 returns n.
func FromUint64(n uint64) Int { return Int{0, n} }

// IsInf reports whether a is NegInf or PosInf.
func (a Int) IsInf() bool { return a == PosInf || a == NegInf }

// Finite reports whether a is a number.
func (a Int) Finite() bool { return !a.IsInf() }

// Sign returns -1, 0 or 1.
func (a Int) Sign() int {
	switch {
	case a.hi < 0:
		return -1
	case a.hi|int64(a.lo) != 0 || a.lo != 0:
		return 1
	}
	return 0
}

// Cmp returns -1, 0 or 1 as a is less than, equal to or greater than b.
func (a Int) Cmp(b Int) int {
	switch {
	case a.Less(b):
		return -1
	case a == b:
		return 0
	}
	return 1
}

// Less reports a < b.
func (a Int) Less(b Int) bool { return a.hi < b.hi || a.hi == b.hi && a.lo < b.lo }

// Leq reports a <= b.
func (a Int) Leq(b Int) bool { return !b.Less(a) }

func minInt(a, b Int) Int {
	if b.Less(a) {
		return b
	}
	return a
}

func maxInt(a, b Int) Int {
	if a.Less(b) {
		return b
	}
	return a
}

// add is a + b modulo 2^128.
func (a Int) add(b Int) Int {
	lo, c := bits.Add64(a.lo, b.lo, 0)
	return Int{int64(uint64(a.hi) + uint64(b.hi) + c), lo}
}

// sub is a - b modulo 2^128.
func (a Int) sub(b Int) Int {
	lo, c := bits.Sub64(a.lo, b.lo, 0)
	return Int{int64(uint64(a.hi) - uint64(b.hi) - c), lo}
}

// Add returns a + b.
func (a Int) Add(b Int) Int {
	if a.IsInf() {
		return a
	}
	if b.IsInf() {
		return b
	}
	r := a.add(b)
	if (a.hi^r.hi)&(b.hi^r.hi) < 0 {
		if a.hi < 0 {
			return NegInf
		}
		return PosInf
	}
	return r
}

// Neg returns -a.
func (a Int) Neg() Int {
	switch a {
	case NegInf:
		return PosInf
	case PosInf:
		return NegInf
	}
	return Int{}.sub(a)
}

// Sub returns a - b.
func (a Int) Sub(b Int) Int {
	if a.IsInf() {
		return a
	}
	if b.IsInf() {
		return b.Neg()
	}
	r := a.sub(b)
	if (a.hi^b.hi)&(a.hi^r.hi) < 0 {
		if a.hi < 0 {
			return NegInf
		}
		return PosInf
	}
	return r
}

func (a Int) abs() (hi, lo uint64) {
	if a.hi < 0 {
		a = Int{}.sub(a)
	}
	return uint64(a.hi), a.lo
}

// Mul returns a * b.
func (a Int) Mul(b Int) Int {
	if a.Sign() == 0 || b.Sign() == 0 {
		return Int{}
	}
	neg := a.hi < 0 != (b.hi < 0)
	inf := PosInf
	if neg {
		inf = NegInf
	}
	if a.IsInf() || b.IsInf() {
		return inf
	}
	ah, al := a.abs()
	bh, bl := b.abs()
	if ah != 0 && bh != 0 {
		return inf
	}
	hi, lo := bits.Mul64(al, bl)
	h1, c1 := bits.Mul64(ah, bl)
	h2, c2 := bits.Mul64(al, bh)
	mid, c := bits.Add64(c1, c2, 0)
	hi, cc := bits.Add64(hi, mid, 0)
	if h1|h2|c|cc != 0 || hi>>63 != 0 {
		return inf
	}
	r := Int{int64(hi), lo}
	if neg {
		return Int{}.sub(r)
	}
	return r
}

// quoRem divides unsigned 128-bit numbers; the divisor is not 0.
func quoRem(ah, al, bh, bl uint64) (qh, ql, rh, rl uint64) {
	if bh == 0 {
		qh, r := ah/bl, ah%bl
		ql, rl := bits.Div64(r, al, bl)
		return qh, ql, 0, rl
	}
	// The quotient fits in 64 bits. An estimate from the divisor's highest 64 bits is
	// at most one too large (Warren, Hacker's Delight, section 9-5).
	n := uint(bits.LeadingZeros64(bh))
	v1 := bh<<n | bl>>(63-n)>>1
	uh, ul := ah>>1, ah<<63|al>>1
	q, _ := bits.Div64(uh, ul, v1)
	q >>= 63 - n
	if q != 0 {
		q--
	}
	ph, pl := bits.Mul64(q, bl)
	ph += q * bh
	rl, c := bits.Sub64(al, pl, 0)
	rh, _ = bits.Sub64(ah, ph, c)
	if rh > bh || rh == bh && rl >= bl {
		q++
		rl, c = bits.Sub64(rl, bl, 0)
		rh, _ = bits.Sub64(rh, bh, c)
	}
	return 0, q, rh, rl
}

// Quo returns a / b truncated toward zero, for finite a and b != 0.
func (a Int) Quo(b Int) Int {
	q, _ := a.quoRem(b)
	return q
}

// Rem returns the remainder of a / b, with the sign of a, for finite a and b != 0.
func (a Int) Rem(b Int) Int {
	_, r := a.quoRem(b)
	return r
}

func (a Int) quoRem(b Int) (q, r Int) {
	ah, al := a.abs()
	bh, bl := b.abs()
	qh, ql, rh, rl := quoRem(ah, al, bh, bl)
	q, r = Int{int64(qh), ql}, Int{int64(rh), rl}
	if a.hi < 0 != (b.hi < 0) {
		q = Int{}.sub(q)
	}
	if a.hi < 0 {
		r = Int{}.sub(r)
	}
	return q, r
}

// And returns a & b; like Or and Xor it works on two's complement.
func (a Int) And(b Int) Int { return Int{a.hi & b.hi, a.lo & b.lo} }

// Or returns a | b.
func (a Int) Or(b Int) Int { return Int{a.hi | b.hi, a.lo | b.lo} }

// Xor returns a ^ b.
func (a Int) Xor(b Int) Int { return Int{a.hi ^ b.hi, a.lo ^ b.lo} }

// shl is a << n modulo 2^128.
func (a Int) shl(n uint) Int {
	if n >= 64 {
		return Int{int64(a.lo << (n - 64)), 0}
	}
	return Int{a.hi<<n | int64(a.lo>>(63-n)>>1), a.lo << n}
}

// Shr returns a >> n (arithmetic).
func (a Int) Shr(n uint) Int {
	if n >= 64 {
		return Int{a.hi >> 63, uint64(a.hi >> min(n-64, 63))}
	}
	return Int{a.hi >> n, a.lo>>n | uint64(a.hi)<<(63-n)<<1}
}

// FitsInt64 reports whether a is in the range of int64.
func (a Int) FitsInt64() bool { return a.hi == int64(a.lo)>>63 }

// FitsUint64 reports whether a is in the range of uint64.
func (a Int) FitsUint64() bool { return a.hi == 0 }

// Int64 returns the low 64 bits of a as a signed number: a itself where FitsInt64.
func (a Int) Int64() int64 { return int64(a.lo) }

// Uint64 returns the low 64 bits of a: a itself where FitsUint64, and the same
// 64-bit machine word where FitsInt64.
func (a Int) Uint64() uint64 { return a.lo }

// SignExtend reads the low width bits (1 to 64) of a as a signed number.
func (a Int) SignExtend(width int) Int {
	s := 64 - uint(width)
	return FromInt64(int64(a.lo<<s) >> s)
}

// ZeroExtend reads the low width bits (1 to 64) of a as an unsigned number.
func (a Int) ZeroExtend(width int) Int {
	s := 64 - uint(width)
	return FromUint64(a.lo << s >> s)
}

// Big returns a as a big.Int; infinities as their sentinel numbers.
func (a Int) Big() *big.Int {
	r := big.NewInt(a.hi)
	r.Lsh(r, 64)
	return r.Add(r, new(big.Int).SetUint64(a.lo))
}

// String returns the decimal number, or -oo, +oo.
func (a Int) String() string {
	switch {
	case a == NegInf:
		return "-oo"
	case a == PosInf:
		return "+oo"
	case a.FitsInt64():
		return strconv.FormatInt(int64(a.lo), 10)
	case a.FitsUint64():
		return strconv.FormatUint(a.lo, 10)
	}
	return a.Big().String()
}
