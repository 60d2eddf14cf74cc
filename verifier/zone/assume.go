package zone

import (
	"math"

	"bpfls/isa"
)

// comparands are the operands of a comparison: a register's pair of variables, and the
// right side's two readings.
type comparands struct {
	z      *Zone
	s, u   Var
	rs, ru Expr
}

// consequences are the constraints that a comparison implies. They are all derived
// from the state before any of them is added.
type consequences struct {
	n int
	c [8]Constraint
}

func (q *consequences) add(c ...Constraint) { q.n += copy(q.c[q.n:], c) }

// AssumeImm restricts z to the assignments in which the comparison of the register
// (s, u) with imm holds; false if z became bottom.
func (z *Zone) AssumeImm(op isa.Condition, is64 bool, s, u Var, imm int64) bool {
	if z.bottom {
		return false
	}
	var q consequences
	c := comparands{z, s, u, Const(imm), ConstUint(uint64(imm))}
	switch op {
	case isa.EQ, isa.SLT, isa.SLE, isa.SGT, isa.SGE:
		c.signed(op, is64, &q)
	case isa.SET, isa.NSET:
		bitTest(op, is64, z.Interval(u), Single(imm), &q)
	default:
		c.unsigned(op, is64, &q)
	}
	return z.addAll(&q)
}

// AssumeReg is AssumeImm with a register (ss, su) as right operand.
func (z *Zone) AssumeReg(op isa.Condition, is64 bool, s, u, ss, su Var) bool {
	if z.bottom {
		return false
	}
	var q consequences
	c := comparands{z, s, u, V(ss), V(su)}
	switch op {
	case isa.SET, isa.NSET:
		bitTest(op, is64, z.Interval(u), z.Interval(su), &q)
	case isa.EQ, isa.SLT, isa.SLE, isa.SGT, isa.SGE, isa.NE:
		if !is64 {
			if op == isa.NE {
				c.unsigned(op, false, &q)
			} else {
				c.signed(op, false, &q)
			}
			break
		}
		switch op {
		case isa.EQ:
			c.equal64(z.Interval(ss), &q)
		case isa.NE:
			q.add(Neq(V(s), V(ss)))
		default:
			q.add(order(op == isa.SLT || op == isa.SLE, op == isa.SLT || op == isa.SGT, V(s), V(ss)))
		}
	default:
		c.unsigned(op, is64, &q)
	}
	return z.addAll(&q)
}

func (z *Zone) addAll(q *consequences) bool {
	for i := range q.c[:q.n] {
		if !z.Add(q.c[i]) {
			return false
		}
	}
	return true
}

// order returns l < r, l <= r, l > r or l >= r.
func order(less, strict bool, l, r Expr) Constraint {
	if !less {
		l, r = r, l
	}
	if strict {
		return Lt(l, r)
	}
	return Leq(l, r)
}

// bitTest decides l & r != 0 (SET) or == 0 (NSET) for single values.
func bitTest(op isa.Condition, is64 bool, l, r Interval, q *consequences) {
	a, ok1 := l.Singleton()
	b, ok2 := r.Singleton()
	if !ok1 || !ok2 || !word(a) || !word(b) {
		return
	}
	m := b.lo
	if !is64 {
		m = uint64(uint32(m))
	}
	if (a.lo&m != 0) == (op == isa.SET) {
		q.add(True())
	} else {
		q.add(False())
	}
}

// split is the operands' ranges for a comparison: the left one's also in two parts, on
// which signed and unsigned order agree.
type split struct {
	left, right Interval
	// Parts of left: nonnegative and negative numbers, or words below and above the
	// signed maximum.
	low, high Interval
}

// signedSplit is the split of a signed comparison. An unknown svalue is taken from the
// uvalue.
func (z *Zone) signedSplit(is64 bool, s, u Var, rs Expr) split {
	p := split{left: z.Interval(s), right: z.Eval(rs)}
	if !is64 {
		switch {
		case p.left.Leq(NonNegativeRange(32)) && p.right.Leq(NonNegativeRange(32)),
			p.left.Leq(NegativeRange(32)) && p.right.Leq(NegativeRange(32)):
			is64 = true // 64-bit values compare like 32-bit ones
		default:
			p.left, p.right = p.left.SignExtend(32), p.right.SignExtend(32)
		}
	}
	width := 32
	if is64 {
		width = 64
	}
	if !p.left.IsTop() {
		p.low, p.high = p.left.Meet(NonNegativeRange(width)), p.left.Meet(NegativeRange(width))
	} else if p.left = z.Interval(u); !p.left.IsTop() {
		p.low = p.left.Meet(NonNegativeRange(width))
		hi := int64(-1)
		if p.left.Hi.Finite() {
			hi = p.left.Hi.Int64()
		}
		p.high = mk(FromInt64(math.MinInt64), FromInt64(hi))
	} else {
		p.low, p.high = NonNegativeRange(width), NegativeRange(width)
	}
	p.left, p.right = p.left.SignExtend(64), p.right.SignExtend(64)
	return p
}

// unsignedSplit is the split of an unsigned comparison. An unknown uvalue is taken from
// the svalue.
func (z *Zone) unsignedSplit(is64 bool, s, u Var, ru Expr) split {
	p := split{left: z.Interval(u), right: z.Eval(ru)}
	if !is64 {
		switch {
		case p.left.Leq(NonNegativeRange(32)) && p.right.Leq(NonNegativeRange(32)),
			p.left.Leq(HighRange(32)) && p.right.Leq(HighRange(32)):
			is64 = true
		default:
			p.left, p.right = p.left.ZeroExtend(32), p.right.ZeroExtend(32)
		}
	}
	width := 32
	if is64 {
		width = 64
	}
	if !p.left.IsTop() {
		p.low, p.high = p.left.Meet(NonNegativeRange(width)), p.left.Meet(HighRange(width))
	} else if p.left = z.Interval(s); !p.left.IsTop() {
		p.low, p.high = mk(Zero, p.left.Hi).ZeroExtend(64), mk(p.left.Lo, minus1).ZeroExtend(64)
	} else {
		p.low, p.high = NonNegativeRange(width), HighRange(width)
	}
	p.left, p.right = p.left.ZeroExtend(64), p.right.ZeroExtend(64)
	return p
}

// equal64 is left == right on 64 bits, where r is the range of the right side's svalue.
func (c *comparands) equal64(r Interval, q *consequences) {
	q.add(Eq(V(c.s), c.rs), Eq(V(c.u), c.ru))
	if r.Leq(NonNegativeRange(64)) && !r.isSingle() {
		q.add(Eq(V(c.s), V(c.u)))
	}
}

// equal32 is left == right on the low 32 bits, for a single right value: the svalue is
// between the first and the last number in its range with these low bits.
func (c *comparands) equal32(r Interval, q *consequences) {
	n, ok := r.Singleton()
	left := c.z.Interval(c.s)
	if !ok || !left.Finite() || !word(left.Lo) || !word(left.Hi) {
		return
	}
	const step = 1 << 32
	low := int64(uint32(n.lo))
	lb, ub := left.Lo.Int64(), left.Hi.Int64()
	first, last := lb&^(step-1)|low, ub&^(step-1)|low
	if first < lb {
		if first > math.MaxInt64-step {
			return
		}
		first += step
	}
	if last > ub {
		if last < math.MinInt64+step {
			return
		}
		last -= step
	}
	q.add(Geq(V(c.s), Const(first)), Leq(V(c.s), Const(last)))
	if uint64(first) <= uint64(last) {
		q.add(Geq(V(c.u), ConstUint(uint64(first))), Leq(V(c.u), ConstUint(uint64(last))))
	}
}

// compare holds one ordered comparison: less says which way, strict whether equality
// is left out.
type compare struct{ less, strict bool }

func (o compare) of(l, r Expr) Constraint { return order(o.less, o.strict, l, r) }

// below reports l < r, or l <= r unless strict.
func below(l, r Int, strict bool) bool {
	if strict {
		return l.Less(r)
	}
	return l.Leq(r)
}

// signed adds what a signed comparison (or equality) implies.
func (c *comparands) signed(op isa.Condition, is64 bool, q *consequences) {
	p := c.z.signedSplit(is64, c.s, c.u, c.rs)
	if op == isa.EQ {
		if is64 {
			c.equal64(p.right, q)
		} else {
			c.equal32(p.right, q)
		}
		return
	}
	o := compare{op == isa.SLT || op == isa.SLE, op == isa.SLT || op == isa.SGT}
	l, r := p.left, p.right
	if o.less {
		switch {
		case below(r.Hi, l.Lo, !o.strict):
			q.add(False())
			return
		case below(l.Hi, r.Lo, o.strict):
			q.add(True())
			return
		}
	} else {
		switch {
		case below(l.Hi, r.Lo, !o.strict):
			q.add(False())
			return
		case below(r.Hi, l.Lo, o.strict):
			q.add(True())
			return
		}
	}
	s, u := V(c.s), V(c.u)
	both := func(lowBound Constraint) { q.add(lowBound, o.of(u, c.ru), o.of(s, c.rs)) }
	nonNegative := func(width int) {
		// Both sides are nonnegative: svalue and uvalue are one.
		q.add(Geq(s, Const(0)), o.of(s, c.rs), Leq(s, u), Geq(s, u), Geq(u, Const(0)), o.of(u, c.ru),
			Leq(u, ConstInt(p.low.SignExtend(width).Hi)))
	}
	if is64 {
		if o.less {
			if r.Leq(NegativeRange(64)) || p.high.Join(p.low).Leq(NonNegativeRange(64)) && r.Leq(NonNegativeRange(64)) {
				q.add(o.of(s, c.rs), Leq(Const(0), u), o.of(u, c.ru))
				return
			}
			q.add(o.of(s, c.rs))
			return
		}
		switch {
		case r.Leq(NonNegativeRange(64)):
			nonNegative(64)
		case p.high.Join(p.low).Leq(NegativeRange(64)) && r.Leq(NegativeRange(64)):
			both(Lt(Const(math.MaxInt64), u))
		default:
			q.add(o.of(s, c.rs))
		}
		return
	}
	// The constraints are on 64-bit variables: these must be known to be the 32-bit
	// values that are compared.
	ls, rs := c.z.Interval(c.s), c.z.Eval(c.rs)
	int32s := ls.Leq(SignedRange(32)) && rs.Leq(SignedRange(32))
	if o.less {
		switch {
		case ls.Leq(SignedRange(32)) && rs.Leq(NegativeRange(32)):
			both(Lt(Const(math.MaxInt32), u))
		case ls.Leq(NonNegativeRange(32)) && rs.Leq(NonNegativeRange(32)):
			nonNegative(32)
		case int32s:
			q.add(o.of(s, c.rs))
		}
		return
	}
	switch {
	case ls.Leq(SignedRange(32)) && rs.Leq(NonNegativeRange(32)):
		nonNegative(32)
	case ls.Leq(NegativeRange(32)) && rs.Leq(NegativeRange(32)):
		both(Geq(u, Const(math.MaxInt32+1)))
	case int32s:
		q.add(o.of(s, c.rs))
	}
}

// unsigned adds what an unsigned comparison (or inequality) implies.
func (c *comparands) unsigned(op isa.Condition, is64 bool, q *consequences) {
	p := c.z.unsignedSplit(is64, c.s, c.u, c.ru)
	if op == isa.NE {
		// Only an inequality with an end of the range says something: > or <.
		n, ok := p.right.Singleton()
		width := 32
		if is64 {
			width = 64
		}
		switch {
		case !ok:
			return
		case n == p.left.ZeroExtend(width).Lo:
			op, p.right = isa.GT, SingleInt(p.left.Lo)
		case n == p.left.Hi:
			op, p.right = isa.LT, SingleInt(p.left.Hi)
		default:
			return
		}
	}
	o := compare{op == isa.LT || op == isa.LE, op == isa.LT || op == isa.GT}
	u := V(c.u)
	l, r := p.left, p.right
	never, always := below(r.Hi, l.Lo, !o.strict), below(l.Hi, r.Lo, o.strict)
	if !o.less {
		never, always = below(l.Hi, r.Lo, !o.strict), below(r.Hi, l.Lo, o.strict)
	}
	switch {
	case never:
		q.add(False())
	case always:
		// The relation is new even so: widening may keep it.
		if is64 {
			q.add(o.of(u, c.ru))
		}
	case is64 && o.less:
		c.below64(o, p, q)
	case is64:
		c.above64(o, p, q)
	default:
		c.unsigned32(o, q)
	}
}

// below64 is an unsigned 64-bit < or <=.
func (c *comparands) below64(o compare, p split, q *consequences) {
	s, u, zero := V(c.s), V(c.u), Const(0)
	r := p.right
	low, high := p.low.ZeroExtend(64), p.high.ZeroExtend(64)
	out := func(bound Constraint) {
		q.add(Geq(u, zero), bound)
		if hi := c.z.Interval(c.s).Hi; hi.Finite() {
			q.add(Leq(u, ConstInt(hi)))
		}
		q.add(Geq(s, zero))
	}
	switch {
	case r.Leq(NonNegativeRange(64)) && below(r.Hi, low.Lo, !o.strict):
		out(o.of(u, c.ru))
	case r.Leq(HighRange(64)) && below(r.Hi, high.Lo, !o.strict):
		out(o.of(u, ConstInt(r.Hi)))
	case r.Leq(SignedRange(64)):
		q.add(Leq(zero, u), o.of(u, c.ru), Leq(u, ConstInt(low.Hi)), Leq(zero, s), o.of(s, c.rs))
	case p.low.IsEmpty() && r.Leq(HighRange(64)):
		q.add(Leq(zero, u), o.of(u, c.ru), o.of(s, c.rs))
	case p.low.Join(p.high).Equal(UnsignedRange(64)):
		q.add(o.of(u, c.ru))
	default:
		q.add(Leq(zero, u), o.of(u, c.ru))
	}
}

// above64 is an unsigned 64-bit > or >=.
func (c *comparands) above64(o compare, p split, q *consequences) {
	s, u, zero := V(c.s), V(c.u), Const(0)
	r := p.right
	low, high := p.low.ZeroExtend(64), p.high.ZeroExtend(64)
	switch {
	case r.Leq(NonNegativeRange(64)) && below(low.Hi, r.Lo, !o.strict):
		// Only words above the signed maximum are left.
		bound := Geq(u, ConstInt(high.Lo))
		if high.Lo == maxU64 {
			bound = Eq(u, ConstInt(high.Lo))
		}
		q.add(o.of(u, c.ru), bound, Lt(s, zero))
	case r.Leq(HighRange(64)),
		p.low.Join(p.high).Leq(NonNegativeRange(64)) && r.Leq(NonNegativeRange(64)):
		q.add(Leq(zero, u), o.of(u, c.ru), o.of(s, c.rs))
	default:
		q.add(Leq(zero, u), o.of(u, c.ru))
	}
}

// unsigned32 is an unsigned 32-bit comparison. As with signed ones, the 64-bit
// variables must be known to be the 32-bit values that are compared.
func (c *comparands) unsigned32(o compare, q *consequences) {
	ls, rs := c.z.Interval(c.s), c.z.Eval(c.rs)
	lu, ru := c.z.Interval(c.u), c.z.Eval(c.ru)
	s, u, zero := V(c.s), V(c.u), Const(0)
	var both bool
	if o.less {
		both = lu.Leq(NonNegativeRange(32)) && ru.Leq(NonNegativeRange(32)) ||
			ls.Leq(NegativeRange(32)) && rs.Leq(NegativeRange(32))
	} else {
		both = ls.Leq(SignedRange(32)) && rs.Leq(NegativeRange(32))
	}
	switch {
	case both:
		q.add(Leq(zero, u), o.of(u, c.ru), o.of(s, c.rs))
	case lu.Leq(UnsignedRange(32)) && ru.Leq(UnsignedRange(32)):
		q.add(Leq(zero, u), o.of(u, c.ru))
	}
}
