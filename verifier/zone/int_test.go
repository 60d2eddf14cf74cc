package zone

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func bigInt(s string) *big.Int {
	b, ok := new(big.Int).SetString(s, 10)
	if !ok {
		panic(s)
	}
	return b
}

// fromBig is b as an Int; saturated is true if b does not fit.
func fromBig(b *big.Int) (n Int, saturated bool) {
	if b.Cmp(PosInf.Big()) >= 0 {
		return PosInf, true
	}
	if b.Cmp(NegInf.Big()) <= 0 {
		return NegInf, true
	}
	lo := new(big.Int).And(b, new(big.Int).SetUint64(math.MaxUint64)).Uint64()
	return Int{new(big.Int).Rsh(b, 64).Int64(), lo}, false
}

var edgeInts = []Int{Zero, One, minus1, FromInt64(math.MaxInt32), FromInt64(math.MinInt32), FromUint64(math.MaxUint32),
	FromUint64(math.MaxUint32 + 1), FromInt64(math.MaxInt64), FromInt64(math.MinInt64), FromUint64(math.MaxUint64),
	FromUint64(1 << 63), {1, 0}, {1, 1}, {-1, 0}, {math.MaxInt64, 0}, {math.MinInt64, 1}, {math.MinInt64, 2}, {1 << 62, math.MaxUint64},
	{math.MaxInt64, math.MaxUint64 - 1}}

// TestIntAgainstBig compares every operation on all pairs of edge values with math/big.
func TestIntAgainstBig(t *testing.T) {
	for _, a := range edgeInts {
		for _, b := range edgeInts {
			checkIntOps(t, a, b)
		}
	}
}

func TestIntRandomAgainstBig(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) Int {
			n := Int{rapid.Int64().Draw(t, name+"hi"), rapid.Uint64().Draw(t, name+"lo")}
			return n.Shr(uint(rapid.IntRange(0, 127).Draw(t, name+"shift")))
		}
		a, b := draw("a"), draw("b")
		if a.Finite() && b.Finite() {
			checkIntOps(t, a, b)
		}
	})
}

func checkIntOps(t interface{ Errorf(string, ...any) }, a, b Int) {
	A, B := a.Big(), b.Big()
	is := func(op string, got Int, want *big.Int) {
		if w, _ := fromBig(want); got != w {
			t.Errorf("%v %s %v = %v, want %v", a, op, b, got, w)
		}
	}
	is("+", a.Add(b), new(big.Int).Add(A, B))
	is("-", a.Sub(b), new(big.Int).Sub(A, B))
	is("*", a.Mul(b), new(big.Int).Mul(A, B))
	is("neg", a.Neg(), new(big.Int).Neg(A))
	is("&", a.And(b), new(big.Int).And(A, B))
	is("|", a.Or(b), new(big.Int).Or(A, B))
	is("^", a.Xor(b), new(big.Int).Xor(A, B))
	if b.Sign() != 0 {
		is("quo", a.Quo(b), new(big.Int).Quo(A, B))
		is("rem", a.Rem(b), new(big.Int).Rem(A, B))
	}
	if a.Cmp(b) != A.Cmp(B) || a.Less(b) != (A.Cmp(B) < 0) || a.Leq(b) != (A.Cmp(B) <= 0) {
		t.Errorf("comparison of %v and %v", a, b)
	}
	if a.Sign() != A.Sign() || a.FitsInt64() != A.IsInt64() || a.FitsUint64() != A.IsUint64() || a.String() != A.String() {
		t.Errorf("sign, size or decimal of %v", A)
	}
	for _, s := range []uint{0, 1, 31, 63, 64, 65, 100, 127} {
		if w, _ := fromBig(new(big.Int).Rsh(A, s)); a.Shr(s) != w {
			t.Errorf("%v >> %d = %v, want %v", a, s, a.Shr(s), w)
		}
	}
	for _, w := range []int{1, 8, 16, 32, 63, 64} {
		mod := new(big.Int).Lsh(big.NewInt(1), uint(w))
		u := new(big.Int).Mod(A, mod)
		is("zero-extended", a.ZeroExtend(w), u)
		if u.Bit(w-1) == 1 {
			u.Sub(u, mod)
		}
		is("sign-extended", a.SignExtend(w), u)
	}
}

func TestIntInfinities(t *testing.T) {
	for _, c := range []struct {
		what      string
		got, want Int
	}{
		{"+oo + 1", PosInf.Add(One), PosInf},
		{"1 + -oo", One.Add(NegInf), NegInf},
		{"1 - -oo", One.Sub(NegInf), PosInf},
		{"-(+oo)", PosInf.Neg(), NegInf},
		{"+oo * -2", PosInf.Mul(FromInt64(-2)), NegInf},
		{"0 * -oo", Zero.Mul(NegInf), Zero},
		{"2^126 + 2^126", Int{1 << 62, 0}.Add(Int{1 << 62, 0}), PosInf},
		{"2^64 * -2^64", Int{1, 0}.Mul(Int{-1, 0}), NegInf},
	} {
		if c.got != c.want {
			t.Errorf("%s = %v, want %v", c.what, c.got, c.want)
		}
	}
	if !NegInf.Less(FromInt64(math.MinInt64)) || !FromUint64(math.MaxUint64).Less(PosInf) {
		t.Error("infinities do not compare as such")
	}
	if got := bigInt("-340282366920938463463374607431768211456").Cmp(NegInf.Big()); got >= 0 {
		t.Error("NegInf is not the least 128-bit number")
	}
}
