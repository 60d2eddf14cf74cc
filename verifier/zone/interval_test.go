package zone

import (
	"math"
	"math/bits"
	"testing"

	"pgregory.net/rapid"
)

var words = rapid.OneOf(
	rapid.Int64(),
	rapid.Int64Range(-10, 10),
	rapid.SampledFrom([]int64{0, 1, -1, math.MaxInt64, math.MinInt64, math.MaxInt32, math.MinInt32, math.MaxInt32 + 1,
		math.MaxUint32, math.MaxUint32 + 1, math.MinInt32 - 1, 255, 256, 65535, 4096, -4096}),
)

// around draws an interval that contains n, reading as signed numbers.
func around(t *rapid.T, n int64, name string) Interval {
	a, b := words.Draw(t, name+" end"), words.Draw(t, name+" other end")
	i := Range(min(a, b, n), max(a, b, n))
	switch rapid.IntRange(0, 11).Draw(t, name+" open") {
	case 0:
		i.Lo = NegInf
	case 1:
		i.Hi = PosInf
	case 2, 3, 4:
		return Single(n)
	}
	return i
}

// aroundWord is around, reading as unsigned 64-bit words.
func aroundWord(t *rapid.T, n uint64, name string) Interval {
	a, b := uint64(words.Draw(t, name+" end")), uint64(words.Draw(t, name+" other end"))
	i := Interval{FromUint64(min(a, b, n)), FromUint64(max(a, b, n))}
	switch rapid.IntRange(0, 9).Draw(t, name+" open") {
	case 0:
		i.Hi = PosInf
	case 1:
		return Top()
	case 2, 3, 4:
		return SingleInt(FromUint64(n))
	}
	return i
}

// TestSignedIntervalOps: for members x, y of the operands the result contains what the
// machine (or, for Add, Sub and Mul, mathematics) computes.
func TestSignedIntervalOps(t *testing.T) {
	quo := func(x, y int64) int64 {
		switch {
		case y == 0:
			return 0
		case y == -1:
			return -x // RFC 9669, section 4.1: the most negative number stays
		}
		return x / y
	}
	rem := func(x, y int64) int64 {
		switch y {
		case 0:
			return x
		case -1:
			return 0
		}
		return x % y
	}
	rapid.Check(t, func(t *rapid.T) {
		x, y := words.Draw(t, "x"), words.Draw(t, "y")
		i, j := around(t, x, "i"), around(t, y, "j")
		X, Y := FromInt64(x), FromInt64(y)
		has := func(op string, r Interval, n Int) {
			if !r.Contains(n) {
				t.Errorf("%d in %v %s %d in %v: %v not in %v", x, i, op, y, j, n, r)
			}
		}
		has("+", i.Add(j), X.Add(Y))
		has("-", i.Sub(j), X.Sub(Y))
		has("*", i.Mul(j), X.Mul(Y))
		has("negated", i.Neg(), X.Neg())
		has("join", i.Join(j), X)
		if j.Contains(X) {
			has("meet", i.Meet(j), X)
		}
		if !(x == math.MinInt64 && y == -1) { // the quotient is 2^63, wrapped by the caller
			has("sdiv", i.SDiv(j), FromInt64(quo(x, y)))
		}
		has("srem", i.SRem(j), FromInt64(rem(x, y)))
		for _, w := range []int{8, 16, 32, 64} {
			has("sign-extended", i.SignExtend(w), X.SignExtend(w))
			has("zero-extended", i.ZeroExtend(w), X.ZeroExtend(w))
		}
		has("and", i.And(j).ZeroExtend(64), FromUint64(uint64(x)&uint64(y)))
		has("or", i.Or(j).ZeroExtend(64), FromUint64(uint64(x)|uint64(y)))
		has("xor", i.Xor(j).ZeroExtend(64), FromUint64(uint64(x)^uint64(y)))
		if i.Leq(j) != (j.Lo.Leq(i.Lo) && i.Hi.Leq(j.Hi)) || !i.Leq(i.Join(j)) || !i.Meet(j).Leq(i) || !Empty().Leq(i) {
			t.Errorf("order of %v and %v", i, j)
		}
	})
}

// TestUnsignedIntervalOps is TestSignedIntervalOps for operands read as unsigned words.
func TestUnsignedIntervalOps(t *testing.T) {
	div := func(x, y uint64) uint64 {
		if y == 0 {
			return 0
		}
		return x / y
	}
	rem := func(x, y uint64) uint64 {
		if y == 0 {
			return x
		}
		return x % y
	}
	rapid.Check(t, func(t *rapid.T) {
		x, y := uint64(words.Draw(t, "x")), uint64(words.Draw(t, "y"))
		i, j := aroundWord(t, x, "i"), aroundWord(t, y, "j")
		has := func(op string, r Interval, n uint64) {
			if !r.Contains(FromUint64(n)) {
				t.Errorf("%d in %v %s %d in %v: %v not in %v", x, i, op, y, j, n, r)
			}
		}
		has("udiv", i.UDiv(j), div(x, y))
		has("urem", i.URem(j), rem(x, y))
		has("and", i.And(j), x&y)
		has("or", i.Or(j), x|y)
		has("xor", i.Xor(j), x^y)
		n := uint(rapid.IntRange(0, 63).Draw(t, "shift"))
		if bits.Len64(x)+int(n) <= 64 {
			has("shl", i.Shl(Single(int64(n))), x<<n)
		}
		has("lshr", i.LShr(Single(int64(n))), x>>n)
	})
}

func TestIntervalTable(t *testing.T) {
	for _, c := range []struct {
		what      string
		got, want Interval
	}{
		{"empty is canonical", Range(3, 2), Empty()},
		{"[1,5] * [-2,3]", Range(1, 5).Mul(Range(-2, 3)), Range(-10, 15)},
		{"division by zero", Range(5, 9).UDiv(Single(0)), Single(0)},
		{"remainder by zero", Range(5, 9).URem(Single(0)), Range(5, 9)},
		{"dividend below divisor", Range(0, 6).URem(Range(7, 8)), Range(0, 6)},
		{"[-7,7] % 3", Range(-7, 7).SRem(Single(3)), Range(-2, 2)},
		{"[0,9] & 12: no bits of the mask are used", Range(0, 9).And(Single(12)), Range(0, 9)},
		{"unknown & 7", Top().And(Single(7)), Range(0, 7)},
		{"-1 & 255", Single(-1).And(Single(255)), Single(255)},
		{"[1,5] | [2,9]", Range(1, 5).Or(Range(2, 9)), Range(0, 15)},
		{"[250,260] as byte wraps", Range(250, 260).ZeroExtend(8), Range(0, 255)},
		{"[120,130] as signed byte wraps", Range(120, 130).SignExtend(8), Range(-128, 127)},
		{"[256,260] as byte", Range(256, 260).ZeroExtend(8), Range(0, 4)},
		{"shift count over 63", Range(1, 2).Shl(Single(200)), Top()},
		{"(2^127-2) + (2^127-2)", SingleInt(PosInf.sub(One)).Add(SingleInt(PosInf.sub(One))), Top()},
	} {
		if c.got != c.want {
			t.Errorf("%s = %v, want %v", c.what, c.got, c.want)
		}
	}
	if n := Top().Size(); n != PosInf {
		t.Errorf("size of top is %v", n)
	}
	if n := Range(-1, 1).Size(); n != FromInt64(3) {
		t.Errorf("size of [-1, 1] is %v", n)
	}
}
