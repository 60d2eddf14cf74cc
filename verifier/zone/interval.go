package zone

import "math"

// Interval is an inclusive range of integers; Lo may be NegInf and Hi PosInf. Lo > Hi
// is the empty interval; operations return it as [0, -1]. The zero value is [0, 0].
//
// The arithmetic is sound: the result contains every result of the operation on
// members of the operands. Division and remainder by zero follow RFC 9669, section
// 4.1: the quotient is 0, the remainder the dividend. An operation whose exact bounds
// leave 128 bits returns the top interval.
type Interval struct{ Lo, Hi Int }

// Top is the interval of all integers.
func Top() Interval { return Interval{NegInf, PosInf} }

// Empty is the empty interval.
func Empty() Interval { return Interval{Zero, minus1} }

// Range returns [lo, hi].
func Range(lo, hi int64) Interval { return mk(FromInt64(lo), FromInt64(hi)) }

// Single returns [n, n].
func Single(n int64) Interval { return Interval{FromInt64(n), FromInt64(n)} }

// SingleInt returns [n, n].
func SingleInt(n Int) Interval { return Interval{n, n} }

func mk(lo, hi Int) Interval {
	if hi.Less(lo) {
		return Empty()
	}
	return Interval{lo, hi}
}

// SignedRange is the range of a two's-complement number of width bits, 1 to 64.
func SignedRange(width int) Interval {
	return Interval{One.shl(uint(width - 1)).Neg(), One.shl(uint(width - 1)).sub(One)}
}

// UnsignedRange is the range of an unsigned number of width bits, 1 to 64.
func UnsignedRange(width int) Interval { return Interval{Zero, One.shl(uint(width)).sub(One)} }

// NonNegativeRange is the part of SignedRange from 0.
func NonNegativeRange(width int) Interval { return Interval{Zero, One.shl(uint(width - 1)).sub(One)} }

// NegativeRange is the part of SignedRange below 0.
func NegativeRange(width int) Interval { return Interval{One.shl(uint(width - 1)).Neg(), minus1} }

// HighRange is the part of UnsignedRange above the signed maximum.
func HighRange(width int) Interval {
	return Interval{One.shl(uint(width - 1)), One.shl(uint(width)).sub(One)}
}

// IsEmpty reports whether i has no members.
func (i Interval) IsEmpty() bool { return i.Hi.Less(i.Lo) }

// IsTop reports whether both bounds are infinite.
func (i Interval) IsTop() bool { return i.Lo.IsInf() && i.Hi.IsInf() }

// Finite reports whether both bounds are finite.
func (i Interval) Finite() bool { return i.Lo.Finite() && i.Hi.Finite() }

// Singleton returns the only member of i, if it has exactly one.
func (i Interval) Singleton() (Int, bool) { return i.Lo, i.Lo == i.Hi && i.Lo.Finite() }

// isSingle reports a single finite member.
func (i Interval) isSingle() bool { return i.Lo == i.Hi }

// Size returns the number of members: 0 if empty, PosInf if not finite.
func (i Interval) Size() Int {
	switch {
	case i.IsEmpty():
		return Zero
	case !i.Finite():
		return PosInf
	}
	return i.Hi.Sub(i.Lo).Add(One)
}

// Contains reports whether n is in i.
func (i Interval) Contains(n Int) bool { return i.Lo.Leq(n) && n.Leq(i.Hi) }

// Leq reports whether i is a subset of x.
func (i Interval) Leq(x Interval) bool {
	return i.IsEmpty() || !x.IsEmpty() && x.Lo.Leq(i.Lo) && i.Hi.Leq(x.Hi)
}

// Equal reports whether i and x have the same members.
func (i Interval) Equal(x Interval) bool { return i == x || i.IsEmpty() && x.IsEmpty() }

// Join returns the smallest interval that contains both.
func (i Interval) Join(x Interval) Interval {
	switch {
	case i.IsEmpty():
		return x
	case x.IsEmpty():
		return i
	}
	return Interval{minInt(i.Lo, x.Lo), maxInt(i.Hi, x.Hi)}
}

// Meet returns the intersection.
func (i Interval) Meet(x Interval) Interval {
	if i.IsEmpty() || x.IsEmpty() {
		return Empty()
	}
	return mk(maxInt(i.Lo, x.Lo), minInt(i.Hi, x.Hi))
}

// sane is [lo, hi], or top if a bound saturated on the side where it would say too much.
func sane(lo, hi Int) Interval {
	if lo == PosInf || hi == NegInf {
		return Top()
	}
	return mk(lo, hi)
}

// Add returns the sums.
func (i Interval) Add(x Interval) Interval {
	if i.IsEmpty() || x.IsEmpty() {
		return Empty()
	}
	return sane(i.Lo.Add(x.Lo), i.Hi.Add(x.Hi))
}

// Neg returns the negated members.
func (i Interval) Neg() Interval {
	if i.IsEmpty() {
		return Empty()
	}
	return Interval{i.Hi.Neg(), i.Lo.Neg()}
}

// Sub returns the differences.
func (i Interval) Sub(x Interval) Interval {
	if i.IsEmpty() || x.IsEmpty() {
		return Empty()
	}
	return sane(i.Lo.Sub(x.Hi), i.Hi.Sub(x.Lo))
}

func span4(a, b, c, d Int) Interval {
	return sane(minInt(minInt(a, b), minInt(c, d)), maxInt(maxInt(a, b), maxInt(c, d)))
}

// Mul returns the hull of the products.
func (i Interval) Mul(x Interval) Interval {
	if i.IsEmpty() || x.IsEmpty() {
		return Empty()
	}
	return span4(i.Lo.Mul(x.Lo), i.Lo.Mul(x.Hi), i.Hi.Mul(x.Lo), i.Hi.Mul(x.Hi))
}

// scale is i * c for a coefficient of a linear expression.
func (i Interval) scale(c int64) Interval {
	switch c {
	case 1:
		return i
	case -1:
		return i.Neg()
	}
	return i.Mul(Single(c))
}

// quoBound divides a bound: a finite number by an infinite one is 0, an infinite
// one keeps or turns its sign. ok is false for infinity by infinity.
func quoBound(a, b Int) (q Int, ok bool) {
	switch {
	case b.IsInf():
		return Zero, !a.IsInf()
	case a.IsInf():
		if b.Sign() < 0 {
			return a.Neg(), true
		}
		return a, true
	}
	return a.Quo(b), true
}

// udivBound is quoBound on 64-bit machine words: negative finite numbers are read
// as unsigned, infinities keep their sign.
func udivBound(a, b Int) (q Int, ok bool) {
	switch {
	case b.IsInf():
		return Zero, !a.IsInf()
	case a.IsInf():
		return a, true
	}
	if a.Sign() < 0 {
		if !a.FitsInt64() {
			return Zero, false
		}
		a = FromUint64(a.lo)
	}
	if b.Sign() < 0 {
		if !b.FitsInt64() {
			return Zero, false
		}
		b = FromUint64(b.lo)
	}
	return a.Quo(b), true
}

func corners(f func(a, b Int) (Int, bool), i, x Interval) Interval {
	a, ok1 := f(i.Lo, x.Lo)
	b, ok2 := f(i.Lo, x.Hi)
	c, ok3 := f(i.Hi, x.Lo)
	d, ok4 := f(i.Hi, x.Hi)
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return Top()
	}
	return span4(a, b, c, d)
}

// below and above split an interval around zero.
func (i Interval) below() Interval { return mk(i.Lo, minus1) }
func (i Interval) above() Interval { return mk(One, i.Hi) }

// quoSingle divides by a nonzero constant, or returns [0, 0] for 0.
func (i Interval) quoSingle(c Int) Interval {
	switch {
	case c == One:
		return i
	case c.Sign() > 0:
		lo, _ := quoBound(i.Lo, c)
		hi, _ := quoBound(i.Hi, c)
		return mk(lo, hi)
	case c.Sign() < 0:
		lo, _ := quoBound(i.Hi, c)
		hi, _ := quoBound(i.Lo, c)
		return mk(lo, hi)
	}
	return Single(0)
}

// Quo returns the signed quotients of integers, truncated toward zero; x/0 = 0.
func (i Interval) Quo(x Interval) Interval { return i.quo(x, false) }

// SDiv is Quo on 64-bit machine words: a divisor constant above the range of int64
// is read as the negative number of the same word.
func (i Interval) SDiv(x Interval) Interval { return i.quo(x, true) }

func (i Interval) quo(x Interval, machine bool) Interval {
	if i.IsEmpty() || x.IsEmpty() {
		return Empty()
	}
	if c, ok := x.Singleton(); ok {
		if !machine {
			return i.quoSingle(c)
		}
		if c.FitsInt64() || c.FitsUint64() {
			return i.quoSingle(FromInt64(c.Int64()))
		}
	}
	switch {
	case x.Contains(Zero):
		return i.quo(x.below(), machine).Join(i.quo(x.above(), machine)).Join(Single(0))
	case i.Contains(Zero):
		return i.below().quo(x, machine).Join(i.above().quo(x, machine)).Join(Single(0))
	}
	return corners(quoBound, i, x)
}

// UDiv returns the quotients of unsigned 64-bit words; x/0 = 0.
func (i Interval) UDiv(x Interval) Interval {
	if i.IsEmpty() || x.IsEmpty() {
		return Empty()
	}
	if c, ok := x.Singleton(); ok && (c.FitsInt64() || c.FitsUint64()) {
		c = FromUint64(c.lo)
		switch {
		case c == One:
			return i
		case c.Sign() == 0:
			return Single(0)
		}
		lo, ok1 := udivBound(i.Lo, c)
		hi, ok2 := udivBound(i.Hi, c)
		if !ok1 || !ok2 {
			return Top()
		}
		return mk(lo, hi)
	}
	switch {
	case x.Contains(Zero):
		return i.UDiv(x.below()).Join(i.UDiv(x.above())).Join(Single(0))
	case i.Contains(Zero):
		return i.below().UDiv(x).Join(i.above().UDiv(x)).Join(Single(0))
	}
	a := i
	if a.Hi.Sign() < 0 {
		if x.Hi.Sign() < 0 {
			a = a.Add(x).Add(Single(1))
		} else {
			a = a.Add(Single(1)).Sub(x)
		}
	}
	return corners(udivBound, a, x)
}

// SRem returns the signed remainders, with the sign of the dividend; x%0 = x.
func (i Interval) SRem(x Interval) Interval {
	if i.IsEmpty() || x.IsEmpty() {
		return Empty()
	}
	if a, ok := i.Singleton(); ok {
		if b, ok := x.Singleton(); ok {
			if b.Sign() == 0 {
				return i
			}
			return SingleInt(a.Rem(b))
		}
	}
	if x.Contains(Zero) {
		return i.SRem(x.below()).Join(i.SRem(x.above())).Join(i)
	}
	if !x.Finite() {
		return i.Join(Single(0))
	}
	least, most := x.Lo, x.Hi
	if least.Sign() < 0 {
		least = least.Neg()
	}
	if most.Sign() < 0 {
		most = most.Neg()
	}
	if most.Less(least) {
		least, most = most, least
	}
	if i.Hi.Less(least) && i.Lo.Neg().Less(least) {
		return i
	}
	most = most.Sub(One)
	switch {
	case i.Lo.Sign() >= 0:
		return mk(Zero, most)
	case i.Hi.Sign() > 0:
		return mk(most.Neg(), most)
	}
	return mk(most.Neg(), Zero)
}

// URem returns the remainders of unsigned 64-bit words; x%0 = x.
func (i Interval) URem(x Interval) Interval {
	if i.IsEmpty() || x.IsEmpty() {
		return Empty()
	}
	if a, ok := i.Singleton(); ok {
		if b, ok := x.Singleton(); ok && word(a) && word(b) {
			if b.Sign() == 0 {
				return i
			}
			return SingleInt(FromUint64(a.lo % b.lo))
		}
	}
	switch {
	case x.Contains(Zero):
		return i.URem(x.below()).Join(i.URem(x.above())).Join(i)
	case i.Contains(Zero):
		return i.below().URem(x).Join(i.above().URem(x)).Join(i)
	case !x.Finite():
		// A dividend that is negative as a number is a large word: anything is possible.
		if i.Hi.Sign() < 0 {
			return Top()
		}
		return i.Join(Single(0))
	case !word(x.Lo) || !word(x.Hi) || i.Hi.Finite() && !word(i.Hi):
		return Top()
	case i.Hi.Finite() && i.Hi.lo < x.Lo.lo:
		return i
	}
	return mk(Zero, FromUint64(x.Hi.lo).Sub(One))
}

// word reports whether a is a 64-bit machine word, read signed or unsigned.
func word(a Int) bool { return a.FitsInt64() || a.FitsUint64() }

// unsigned is the operand of a bitwise operation: an interval with a negative lower
// bound as unsigned 64-bit words.
func (i Interval) unsigned() Interval {
	if !i.IsTop() && i.Lo.Sign() < 0 {
		return i.ZeroExtend(64)
	}
	return i
}

var maxU64 = FromUint64(math.MaxUint64)

// And returns a hull of the bitwise ands of 64-bit words.
func (i Interval) And(x Interval) Interval {
	if i.IsEmpty() || x.IsEmpty() {
		return Empty()
	}
	l, r := i.unsigned(), x.unsigned()
	if l == Single(0) || r == Single(0) {
		return Single(0)
	}
	if c, ok := r.Singleton(); ok {
		if a, ok := l.Singleton(); ok {
			return SingleInt(a.And(c))
		}
		switch {
		case c == maxU64:
			return l.ZeroExtend(64)
		case c == FromUint64(math.MaxUint32):
			return l.ZeroExtend(32)
		case c == FromUint64(math.MaxUint16):
			return l.ZeroExtend(16)
		case c == FromUint64(math.MaxUint8):
			return l.ZeroExtend(8)
		}
	}
	lt, rt := l.IsTop(), r.IsTop()
	switch {
	case r.Contains(maxU64):
		return Interval{Zero, l.ZeroExtend(64).Hi}
	case !lt && !rt:
		return Interval{Zero, minInt(l.Hi, r.Hi)}
	case !rt:
		return Interval{Zero, r.Hi}
	case !lt:
		return Interval{Zero, l.Hi}
	}
	return Top()
}

// fillOnes sets every bit below the highest one.
func (a Int) fillOnes() Int {
	for s := uint(1); s < 128; s *= 2 {
		a = a.Or(a.Shr(s))
	}
	return a
}

// Or returns a hull of the bitwise ors.
func (i Interval) Or(x Interval) Interval {
	if i.IsEmpty() || x.IsEmpty() {
		return Empty()
	}
	if a, ok := i.Singleton(); ok {
		if b, ok := x.Singleton(); ok {
			return SingleInt(a.Or(b))
		}
	}
	return i.orHull(x)
}

func (i Interval) orHull(x Interval) Interval {
	if i.Lo.Sign() < 0 || x.Lo.Sign() < 0 {
		return Top()
	}
	if i.Hi.Finite() && x.Hi.Finite() {
		return Interval{Zero, maxInt(i.Hi, x.Hi).fillOnes()}
	}
	return Interval{Zero, PosInf}
}

// Xor returns a hull of the bitwise exclusive ors.
func (i Interval) Xor(x Interval) Interval {
	if i.IsEmpty() || x.IsEmpty() {
		return Empty()
	}
	if a, ok := i.Singleton(); ok {
		if b, ok := x.Singleton(); ok {
			return SingleInt(a.Xor(b))
		}
	}
	return i.orHull(x)
}

// shiftCount returns the constant shift count of x, at most 128.
func (x Interval) shiftCount() (uint, bool) {
	c, ok := x.Singleton()
	if !ok || c.Sign() < 0 || FromInt64(128).Less(c) {
		return 0, false
	}
	return uint(c.lo), true
}

// Shl returns i * 2^x for a constant x from 0, else top.
func (i Interval) Shl(x Interval) Interval {
	if i.IsEmpty() || x.IsEmpty() {
		return Empty()
	}
	if n, ok := x.shiftCount(); ok && n < 127 {
		return i.Mul(SingleInt(One.shl(n)))
	}
	return Top()
}

// AShr returns i / 2^x for a constant x from 0, else top.
func (i Interval) AShr(x Interval) Interval {
	if i.IsEmpty() || x.IsEmpty() {
		return Empty()
	}
	if n, ok := x.shiftCount(); ok && n < 127 {
		return i.Quo(SingleInt(One.shl(n)))
	}
	return Top()
}

// LShr returns i >> x for a constant x above 0 and finite nonnegative i, else top.
func (i Interval) LShr(x Interval) Interval {
	if i.IsEmpty() || x.IsEmpty() {
		return Empty()
	}
	if n, ok := x.shiftCount(); ok && n > 0 && n < 128 && i.Lo.Sign() >= 0 && i.Hi.Finite() {
		return Interval{i.Lo.Shr(n), i.Hi.Shr(n)}
	}
	return Top()
}

// SignExtend returns the range of the low width bits (1 to 64) read as signed.
func (i Interval) SignExtend(width int) Interval {
	full := SignedRange(width)
	if i.Finite() && i.Size().Less(full.Size()) {
		if e := (Interval{i.Lo.SignExtend(width), i.Hi.SignExtend(width)}); !e.IsEmpty() {
			return e
		}
	}
	return full
}

// ZeroExtend returns the range of the low width bits (1 to 64) read as unsigned.
func (i Interval) ZeroExtend(width int) Interval {
	full := UnsignedRange(width)
	if i.Finite() && i.Size().Less(full.Size()) {
		if e := (Interval{i.Lo.ZeroExtend(width), i.Hi.ZeroExtend(width)}); !e.IsEmpty() {
			return e
		}
	}
	return full
}

// maskValue keeps the low width bits of an unsigned result; nothing for 0 and 64.
func (i Interval) maskValue(width int) Interval {
	if width > 0 && width < 64 {
		return i.And(UnsignedRange(width).hiSingle())
	}
	return i
}

func (i Interval) hiSingle() Interval { return Interval{i.Hi, i.Hi} }

// String returns [lo, hi], or _|_ if empty.
func (i Interval) String() string {
	if i.IsEmpty() {
		return "_|_"
	}
	return "[" + i.Lo.String() + ", " + i.Hi.String() + "]"
}
