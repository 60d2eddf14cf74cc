package zone

import "math"

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

// operand is the right operand of an operation.
type operand struct {
	v     Var
	k     Int
	isVar bool
}

func (o operand) expr() Expr {
	if o.isVar {
		return V(o.v)
	}
	return ConstInt(o.k)
}

// word is the range of v cut to width bits, as its signedness says.
func (z *Zone) word(v Var, width int) Interval {
	r := z.Interval(v)
	switch {
	case width == 0:
		return r
	case v.Unsigned():
		return r.ZeroExtend(width)
	}
	return r.SignExtend(width)
}

// Apply computes x = y op w without wrapping. OpAdd and OpSub are relational and
// exact on integers; the others work on intervals, of width bits: OpMul, divisions
// and remainders on operands cut to width (0: as they are), bit operations on 64-bit
// words with shift counts and results masked to width.
func (z *Zone) Apply(op Op, x, y, w Var, width int) {
	z.apply(op, x, y, operand{v: w, isVar: true}, width)
}

// ApplyImm is Apply with a constant right operand. Divisions and remainders of 32 bits
// read it as a 32-bit number, signed or unsigned as the operation is; unsigned ones of
// 64 bits as a signed 32-bit number.
func (z *Zone) ApplyImm(op Op, x, y Var, k int64, width int) {
	z.apply(op, x, y, operand{k: FromInt64(k)}, width)
}

func (z *Zone) apply(op Op, x, y Var, w operand, width int) {
	switch {
	case z.bottom:
	case op == OpAdd:
		z.Assign(x, V(y).Add(w.expr()))
	case op == OpSub:
		z.Assign(x, V(y).Sub(w.expr()))
	default:
		z.Set(x, z.result(op, y, w, width))
	}
}

// result is the range of y op w, for the operations that are not relational.
func (z *Zone) result(op Op, y Var, w operand, width int) Interval {
	if op <= OpURem {
		a := z.word(y, width)
		var b Interval
		if w.isVar {
			b = z.word(w.v, width)
		} else {
			b = SingleInt(immediate(op, w.k, width))
		}
		switch op {
		case OpMul:
			return a.Mul(b)
		case OpSDiv:
			return a.SDiv(b)
		case OpUDiv:
			return a.UDiv(b)
		case OpSRem:
			return a.SRem(b)
		}
		return a.URem(b)
	}
	a := z.Interval(y)
	var b, r Interval
	if w.isVar {
		b = z.Interval(w.v)
	} else {
		b = SingleInt(FromUint64(w.k.lo))
	}
	if op >= OpShl && width > 0 {
		b = b.And(Single(int64(width - 1)))
	}
	switch op {
	case OpAnd:
		r = a.And(b)
	case OpOr:
		r = a.Or(b)
	case OpXor:
		r = a.Xor(b)
	case OpShl:
		r = a.Shl(b)
	case OpLShr:
		r = a.LShr(b)
	case OpAShr:
		r = a.AShr(b)
	}
	return r.maskValue(width)
}

// immediate is how an operation reads its constant operand (RFC 9669, section 4.1).
func immediate(op Op, k Int, width int) Int {
	switch {
	case op == OpMul:
		return k
	case op == OpSDiv || op == OpSRem:
		if width == 32 {
			return FromInt64(int64(int32(k.lo)))
		}
		return FromInt64(int64(k.lo))
	case width == 32:
		return FromUint64(uint64(uint32(k.lo)))
	}
	return FromInt64(int64(int32(k.lo)))
}

// ApplySigned computes the pair (xs, xu) = y op w: xs by Apply, then, unless width is
// 0, xu = xs, and both wrapped to width by OverflowBounds. With width 0 xu stays.
func (z *Zone) ApplySigned(op Op, xs, xu, y, w Var, width int) {
	z.applySigned(op, xs, xu, y, operand{v: w, isVar: true}, width)
}

// ApplySignedImm is ApplySigned with a constant right operand.
func (z *Zone) ApplySignedImm(op Op, xs, xu, y Var, k int64, width int) {
	z.applySigned(op, xs, xu, y, operand{k: FromInt64(k)}, width)
}

func (z *Zone) applySigned(op Op, xs, xu, y Var, w operand, width int) {
	switch {
	case z.bottom:
	case op > OpSub && width != 0:
		z.setPair(xs, xu, z.result(op, y, w, width), width)
	default:
		z.apply(op, xs, y, w, width)
		if width != 0 {
			z.AssignVar(xu, xs)
			z.OverflowPair(xs, xu, width)
		}
	}
}

// ApplyUnsigned is ApplySigned with the roles of xs and xu exchanged: xu by Apply,
// then xs = xu.
func (z *Zone) ApplyUnsigned(op Op, xs, xu, y, w Var, width int) {
	z.applyUnsigned(op, xs, xu, y, operand{v: w, isVar: true}, width)
}

// ApplyUnsignedImm is ApplyUnsigned with a constant right operand.
func (z *Zone) ApplyUnsignedImm(op Op, xs, xu, y Var, k int64, width int) {
	z.applyUnsigned(op, xs, xu, y, operand{k: FromInt64(k)}, width)
}

func (z *Zone) applyUnsigned(op Op, xs, xu, y Var, w operand, width int) {
	switch {
	case z.bottom:
	case op > OpSub && width != 0:
		z.setPair(xs, xu, z.result(op, y, w, width), width)
	default:
		z.apply(op, xu, y, w, width)
		if width != 0 {
			z.AssignVar(xs, xu)
			z.OverflowPair(xs, xu, width)
		}
	}
}

// Arith is the BPF operation (s, u) = (s, u) op w of width 32 or 64 bits, as PREVAIL's
// add_overflow, sub_overflow, mul, sdiv, udiv, srem, urem, bitwise_and, bitwise_or,
// bitwise_xor, shl_overflow. OpAdd, OpSub, OpMul, OpSDiv, OpSRem are computed on the
// svalue (OpAdd and OpSub on the uvalue if the svalue is unknown), the others on the
// uvalue. w is the operand's svalue or uvalue: PREVAIL takes the svalue for OpAdd,
// OpSub, OpMul, OpSDiv, OpSRem and the uvalue for the others. OpShl is of 64 bits
// whatever width says. Not for OpLShr, OpAShr (LShrImm, AShr).
func (z *Zone) Arith(op Op, s, u, w Var, width int) {
	z.arith(op, s, u, operand{v: w, isVar: true}, width)
}

// ArithImm is Arith with a constant operand. OpAnd, OpOr, OpXor and OpShl are of 64
// bits whatever width says; OpAnd with a mask that changes nothing is the identity.
func (z *Zone) ArithImm(op Op, s, u Var, k int64, width int) {
	switch op {
	case OpAnd:
		if z.maskIsIdentity(s, u, k) {
			return
		}
		width = 64
	case OpOr, OpXor:
		width = 64
	}
	z.arith(op, s, u, operand{k: FromInt64(k)}, width)
}

func (z *Zone) arith(op Op, s, u Var, w operand, width int) {
	switch op {
	case OpAdd, OpSub:
		y := s
		if z.Interval(s).IsTop() {
			y = u
		}
		z.applySigned(op, s, u, y, w, width)
	case OpMul, OpSDiv, OpSRem:
		z.applySigned(op, s, u, s, w, width)
	case OpShl:
		z.applyUnsigned(op, s, u, u, w, 64)
	default:
		z.applyUnsigned(op, s, u, u, w, width)
	}
}

// maskIsIdentity reports whether k is 2^n - 1 and svalue and uvalue are equal and within
// it. Leaving them alone keeps their relations.
func (z *Zone) maskIsIdentity(s, u Var, k int64) bool {
	if k <= 0 || k&(k+1) != 0 {
		return false
	}
	m := Range(0, k)
	a, b := z.Interval(s), z.Interval(u)
	return a.Leq(m) && a.Equal(b) && z.Entails(Eq(V(s), V(u)))
}

// NegWrap is the BPF negation of width bits.
func (z *Zone) NegWrap(s, u Var, width int) { z.ApplySignedImm(OpMul, s, u, s, -1, width) }

// ShlImm shifts left by n, 0 <= n < width.
func (z *Zone) ShlImm(s, u Var, n, width int) {
	if z.bottom {
		return
	}
	r := z.Interval(u)
	if !r.Finite() {
		z.ArithImm(OpShl, s, u, int64(n), 64)
		return
	}
	if !r.Lo.FitsUint64() || !r.Hi.FitsUint64() {
		// Not a machine word, so a relation gave it a range that no execution has.
		r = r.ZeroExtend(64)
	}
	lo, hi := r.Lo.lo, r.Hi.lo
	mask := uint64(math.MaxUint64)
	if width == 32 {
		mask = math.MaxUint32
	}
	if lost := width - n; lost < 64 && lo>>lost != hi>>lost {
		lo, hi = 0, mask<<n&mask
	} else {
		lo, hi = lo<<n&mask, hi<<n&mask
	}
	z.setPair(s, u, mk(FromUint64(lo), FromUint64(hi)), width)
}

// LShrImm shifts right by n, 0 <= n < width, filling with zeros.
func (z *Zone) LShrImm(s, u Var, n, width int) {
	if z.bottom {
		return
	}
	r := z.Interval(u)
	full := mk(Zero, FromUint64(math.MaxUint64>>n))
	switch {
	case !r.Finite():
		r = full
	case width == 64 && word(r.Lo) && word(r.Hi):
		r = Interval{FromUint64(r.Lo.lo >> n), FromUint64(r.Hi.lo >> n)}
	case width == 32:
		r = r.ZeroExtend(32)
		r = Interval{FromUint64(r.Lo.lo >> n), FromUint64(r.Hi.lo >> n)}
	default:
		r = full
	}
	if r.IsEmpty() {
		r = full // a range of words that wraps
	}
	z.setPair(s, u, r, width)
}

// AShr shifts right by the value of n, filling with the sign; forgets the pair if n
// has more than one value.
func (z *Zone) AShr(s, u Var, n Expr, width int) {
	if z.bottom {
		return
	}
	c := z.signedSplit(width == 64, s, u, n)
	count, ok := c.right.Singleton()
	if !ok {
		z.Havoc(s)
		z.Havoc(u)
		return
	}
	sh := uint(count.lo) & uint(width-1)
	lo, hi := int64(math.MinInt64)>>sh, int64(math.MaxInt64)>>sh
	if r := c.left; r.Finite() {
		if width == 64 {
			lo, hi = int64(r.Lo.lo)>>sh, int64(r.Hi.lo)>>sh
		} else {
			// The split has cut it to 32 bits.
			l, h := int32(r.Lo.lo)>>sh, int32(r.Hi.lo)>>sh
			if uint32(l) <= uint32(h) {
				lo, hi = int64(uint32(l)), int64(uint32(h))
			}
		}
	}
	z.setPair(s, u, mk(FromInt64(lo), FromInt64(hi)), width)
}

// SignExtend sets the pair to the low from bits of e's value, sign-extended, and
// wrapped to width.
func (z *Zone) SignExtend(s, u Var, e Expr, width, from int) {
	if z.bottom {
		return
	}
	z.setPair(s, u, z.Eval(e).SignExtend(from), width)
}

// OverflowBounds wraps v to width bits, as a signed or unsigned 64-bit number (a
// signed one of 32 bits is zero-extended, as BPF does). A range that wraps in the
// middle is forgotten; an unchanged range keeps its relations.
func (z *Zone) OverflowBounds(v Var, width int, signed bool) {
	if z.bottom {
		return
	}
	r := z.Interval(v)
	switch w := wrap(r, width, signed); {
	case w.IsTop():
		z.Havoc(v)
	case w != r:
		z.Set(v, w)
	}
}

// wrap is r wrapped to width bits, top if that is no range.
func wrap(r Interval, width int, signed bool) Interval {
	if !r.Finite() || r.IsEmpty() || One.shl(uint(width)).Leq(r.Size()) {
		return Top()
	}
	w := Interval{r.Lo.ZeroExtend(width), r.Hi.ZeroExtend(width)}
	if signed {
		w = Interval{FromInt64(w.Lo.Int64()), FromInt64(w.Hi.Int64())}
	}
	if w.IsEmpty() {
		return Top()
	}
	return w
}

// setPair gives both variables of a register the value range r and wraps them: it is
// u = r, s = u, OverflowPair. The two stay equal if neither wraps.
func (z *Zone) setPair(s, u Var, r Interval, width int) {
	ws, wu := wrap(r, width, true), wrap(r, width, false)
	z.Set(u, wu)
	if ws == r && wu == r && !r.IsTop() {
		z.AssignVar(s, u)
	} else {
		z.Set(s, ws)
	}
}

// OverflowPair is OverflowBounds of an svalue and a uvalue.
func (z *Zone) OverflowPair(s, u Var, width int) {
	z.OverflowBounds(s, width, true)
	z.OverflowBounds(u, width, false)
}
