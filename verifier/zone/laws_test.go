package zone

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"bpfls/isa"
	"pgregory.net/rapid"
)

// assignment is a concrete state: a value for each variable.
type assignment map[Var]Int

// in reports whether the assignment is one of z's.
func (a assignment) in(z *Zone) bool {
	if z.bottom {
		return false
	}
	for i, v := range z.vars {
		if n := &z.nodes[i]; a[v].Less(n.lo) || n.hi.Less(a[v]) {
			return false
		}
	}
	holds := true
	z.EachEdge(func(s, d Var, w Int) { holds = holds && !w.Less(a[d].Sub(a[s])) })
	return holds
}

func (a assignment) eval(e Expr) Int {
	r := e.k
	for _, t := range e.t[:e.n] {
		r = r.Add(a[t.v].Mul(FromInt64(int64(t.c))))
	}
	return r
}

func (a assignment) satisfies(c Constraint) bool {
	holds, _ := Constraint{ConstInt(a.eval(c.Expr)), c.Rel}.constant()
	return holds
}

// model is the assignment that the potentials of z are, for all variables.
func model(z *Zone, vars []Var) assignment {
	a := assignment{}
	for _, v := range vars {
		a[v] = Zero
		if i, ok := z.index(v); ok {
			a[v] = z.nodes[i].pot.Sub(z.zero)
		}
	}
	return a
}

// invariants are what every zone must satisfy between operations.
func invariants(t *rapid.T, z *Zone, vars []Var) {
	t.Helper()
	if z.bottom {
		return
	}
	if !slices.IsSorted(z.vars) || len(slices.Compact(slices.Clone(z.vars))) != len(z.vars) || len(z.nodes) != len(z.vars) {
		t.Fatalf("variables %v", z.vars)
	}
	for i, v := range z.vars {
		if j, ok := z.index(v); !ok || j != i {
			t.Fatalf("index of %v is %d, %v, not %d", v, j, ok, i)
		}
	}
	if !slices.IsSorted(z.keys) || len(slices.Compact(slices.Clone(z.keys))) != len(z.keys) || len(z.keys) != len(z.ws) {
		t.Fatalf("edges %x", z.keys)
	}
	if !model(z, vars).in(z) {
		t.Fatal("the potentials are not an assignment of the zone")
	}
	if !z.open {
		c := z.temp()
		c.open = true
		c.closeBounds()
		if !c.Equal(z) {
			t.Fatal("bounds are not closed, though open is false")
		}
		c.release()
	}
}

// world is two registers as pairs, and variables that are plain integers.
type world struct {
	pool   *Pool
	tab    *Table
	vars   []Var
	plain  []Var
	values *rapid.Generator[int64]
}

func newWorld(t *rapid.T) *world {
	w := &world{pool: NewPool(), tab: NewTable()}
	w.pool.classFrom = rapid.SampledFrom([]int{1, 4, math.MaxInt}).Draw(t, "classes from")
	w.plain = []Var{Reg(1, KindPacketOffset), Reg(2, KindSharedOffset), Reg(2, KindSharedRegionSize), PacketSize,
		w.tab.Cell(KindPacketOffset, 4088, 8)}
	for r := range isa.Reg(3) {
		w.vars = append(w.vars, Reg(r, KindSValue), Reg(r, KindUValue))
	}
	w.vars = append(w.vars, w.plain...)
	w.values = words
	return w
}

// start is an assignment in which registers are machine words.
func (w *world) start(t *rapid.T) assignment {
	a := assignment{}
	for _, v := range w.plain {
		a[v] = FromInt64(rapid.Int64Range(-20, 100).Draw(t, w.tab.Name(v)))
	}
	for r := range isa.Reg(3) {
		w.setWord(a, r, uint64(w.values.Draw(t, fmt.Sprintf("r%d", r))))
	}
	return a
}

func (w *world) setWord(a assignment, r isa.Reg, n uint64) {
	a[Reg(r, KindSValue)], a[Reg(r, KindUValue)] = FromInt64(int64(n)), FromUint64(n)
}

func (w *world) variable(t *rapid.T) Var { return rapid.SampledFrom(w.vars).Draw(t, "variable") }

func (w *world) constraint(t *rapid.T) Constraint {
	e := V(w.variable(t)).PlusConst(w.values.Draw(t, "constant"))
	if rapid.IntRange(0, 3).Draw(t, "terms") > 0 {
		e = e.Minus(w.variable(t))
	}
	if rapid.Bool().Draw(t, "negated") {
		e = e.Neg()
	}
	return Constraint{e, rapid.SampledFrom([]Rel{EqZero, LeZero, LeZero, LtZero, NeZero}).Draw(t, "relation")}
}

// hold turns c into a constraint that a satisfies.
func (a assignment) hold(c Constraint) Constraint {
	if a.satisfies(c) {
		return c
	}
	return c.Negate()
}

// step applies one operation to z and to a, which is in z before and must be after.
func (w *world) step(t *rapid.T, z *Zone, a assignment) {
	reg := func(name string) isa.Reg { return isa.Reg(rapid.IntRange(0, 2).Draw(t, name)) }
	r := reg("register")
	s, u := Reg(r, KindSValue), Reg(r, KindUValue)
	switch kind := rapid.IntRange(0, 9).Draw(t, "operation"); kind {
	case 0: // a plain variable gets a sum
		v := rapid.SampledFrom(w.plain).Draw(t, "to")
		e := V(w.variable(t)).PlusConst(rapid.Int64Range(-9, 9).Draw(t, "constant"))
		if rapid.Bool().Draw(t, "second") {
			e = e.Plus(w.variable(t))
		}
		n := a.eval(e)
		z.Assign(v, e)
		a[v] = n
	case 1: // a register gets the value of another
		from := reg("source")
		z.AssignVar(s, Reg(from, KindSValue))
		z.AssignVar(u, Reg(from, KindUValue))
		w.setWord(a, r, a[Reg(from, KindUValue)].Uint64())
	case 2:
		v := w.variable(t)
		lo, hi := rapid.Int64Range(0, 40).Draw(t, "below"), rapid.Int64Range(0, 40).Draw(t, "above")
		z.Set(v, Interval{a[v].Sub(FromInt64(lo)), a[v].Add(FromInt64(hi))})
	case 3:
		z.Havoc(w.variable(t))
	case 4, 5:
		c := a.hold(w.constraint(t))
		if !z.Add(c) {
			t.Fatalf("adding %v, which holds, gave bottom", c)
		}
	case 6: // register op register
		op := Op(rapid.IntRange(int(OpAdd), int(OpShl)).Draw(t, "op"))
		src, width := reg("source"), rapid.SampledFrom([]int{32, 64}).Draw(t, "width")
		if op == OpShl {
			width = 64
		}
		v := Reg(src, KindUValue)
		if op <= OpSDiv || op == OpSRem {
			v = Reg(src, KindSValue)
		}
		n := machine(op, a[u].Uint64(), a[Reg(src, KindUValue)].Uint64(), width)
		z.Arith(op, s, u, v, width)
		w.setWord(a, r, n)
	case 7: // register op constant
		op := Op(rapid.IntRange(int(OpAdd), int(OpShl)).Draw(t, "op"))
		width := rapid.SampledFrom([]int{32, 64}).Draw(t, "width")
		if op >= OpAnd {
			width = 64
		}
		k := int64(int32(w.values.Draw(t, "constant")))
		n := machine(op, a[u].Uint64(), uint64(k), width)
		z.ArithImm(op, s, u, k, width)
		w.setWord(a, r, n)
	case 8: // shifts and extension
		width := rapid.SampledFrom([]int{32, 64}).Draw(t, "width")
		n := rapid.IntRange(0, width-1).Draw(t, "count")
		x := a[u].Uint64()
		if width == 32 {
			z.ArithImm(OpAnd, s, u, math.MaxUint32, 64)
			x = uint64(uint32(x))
		}
		switch rapid.IntRange(0, 4).Draw(t, "shift") {
		case 0:
			z.ShlImm(s, u, n, width)
			x <<= n
		case 1:
			z.LShrImm(s, u, n, width)
			x >>= n
		case 2:
			z.AShr(s, u, Const(int64(n)), width)
			if width == 32 {
				x = uint64(int32(x) >> n)
			} else {
				x = uint64(int64(x) >> n)
			}
		case 3:
			z.SignExtend(s, u, V(s), width, 8)
			x = uint64(int8(x))
		case 4:
			z.NegWrap(s, u, width)
			x = -x
		}
		if width == 32 {
			x = uint64(uint32(x))
		}
		w.setWord(a, r, x)
	case 9: // a branch that is taken
		op := isa.Condition(rapid.IntRange(int(isa.EQ), int(isa.SGE)).Draw(t, "condition"))
		is64 := rapid.Bool().Draw(t, "64 bits")
		negated := map[isa.Condition]isa.Condition{isa.EQ: isa.NE, isa.NE: isa.EQ, isa.SET: isa.NSET, isa.NSET: isa.SET,
			isa.LT: isa.GE, isa.GE: isa.LT, isa.LE: isa.GT, isa.GT: isa.LE,
			isa.SLT: isa.SGE, isa.SGE: isa.SLT, isa.SLE: isa.SGT, isa.SGT: isa.SLE}
		if rapid.Bool().Draw(t, "immediate") {
			k := int64(int32(w.values.Draw(t, "constant")))
			if !taken(op, is64, a[u].Uint64(), uint64(k)) {
				op = negated[op]
			}
			if !z.AssumeImm(op, is64, s, u, k) {
				t.Fatalf("condition %d on %v, which holds, gave bottom", op, a[s])
			}
			return
		}
		src := reg("source")
		y := a[Reg(src, KindUValue)].Uint64()
		if !taken(op, is64, a[u].Uint64(), y) {
			op = negated[op]
		}
		if !z.AssumeReg(op, is64, s, u, Reg(src, KindSValue), Reg(src, KindUValue)) {
			t.Fatalf("condition %d on %v and %v, which holds, gave bottom", op, a[s], int64(y))
		}
	}
}

// machine is RFC 9669, section 4.1 on concrete words.
func machine(op Op, x, y uint64, width int) uint64 {
	if width == 32 {
		return uint64(uint32(machine(op, uint64(int64(int32(x))), uint64(int64(int32(y))), 0)))
	}
	narrow := width == 0 // operands are sign-extended 32-bit words
	switch op {
	case OpAdd:
		return x + y
	case OpSub:
		return x - y
	case OpMul:
		return x * y
	case OpSDiv, OpSRem:
		a, b := int64(x), int64(y)
		switch {
		case b == 0 && op == OpSDiv:
			return 0
		case b == 0:
			return x
		case b == -1 && op == OpSDiv:
			return -x
		case b == -1:
			return 0
		case op == OpSDiv:
			return uint64(a / b)
		}
		return uint64(a % b)
	case OpUDiv, OpURem:
		if narrow {
			x, y = uint64(uint32(x)), uint64(uint32(y))
		}
		switch {
		case y == 0 && op == OpUDiv:
			return 0
		case y == 0:
			return x
		case op == OpUDiv:
			return x / y
		}
		return x % y
	case OpAnd:
		return x & y
	case OpOr:
		return x | y
	case OpXor:
		return x ^ y
	}
	return x << (y & 63)
}

// taken is RFC 9669, section 4.3 on concrete words.
func taken(op isa.Condition, is64 bool, x, y uint64) bool {
	a, b := int64(x), int64(y)
	if !is64 {
		x, y = uint64(uint32(x)), uint64(uint32(y))
		a, b = int64(int32(x)), int64(int32(y))
	}
	switch op {
	case isa.EQ:
		return x == y
	case isa.NE:
		return x != y
	case isa.SET:
		return x&y != 0
	case isa.NSET:
		return x&y == 0
	case isa.LT:
		return x < y
	case isa.LE:
		return x <= y
	case isa.GT:
		return x > y
	case isa.GE:
		return x >= y
	case isa.SLT:
		return a < b
	case isa.SLE:
		return a <= b
	case isa.SGT:
		return a > b
	}
	return a >= b
}

// grow draws a zone and one of its assignments.
func (w *world) grow(t *rapid.T, name string) (*Zone, assignment) {
	z, a := w.pool.Top(), w.start(t)
	for range rapid.IntRange(0, 12).Draw(t, name+" steps") {
		w.step(t, z, a)
	}
	return z, a
}

// TestSoundness: what a machine computes stays inside what the zone computes, and the
// zone's answers are true of it.
func TestSoundness(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		z, a := w.pool.Top(), w.start(t)
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			before := z.Strings(w.tab)
			w.step(t, z, a)
			if !a.in(z) {
				t.Fatalf("%v\nis not in %q\nbefore the last step %q", a, z.Strings(w.tab), before)
			}
			invariants(t, z, w.vars)
			c := w.constraint(t)
			if holds := a.satisfies(c); z.Entails(c) && !holds || !z.Intersects(c) && holds {
				t.Fatalf("%v %v: entailed %v, intersects %v, holds %v", z.Strings(w.tab), c, z.Entails(c), z.Intersects(c), holds)
			}
			x, y := w.variable(t), w.variable(t)
			if d := z.Difference(x, y); !d.Contains(a[x].Sub(a[y])) || !z.Eval(V(x).Sub(V(y))).Contains(a[x].Sub(a[y])) {
				t.Fatalf("%s - %s in %v, is %v", w.tab.Name(x), w.tab.Name(y), d, a[x].Sub(a[y]))
			}
		}
	})
}

// TestLattice: the laws of the package comment.
func TestLattice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		p := w.pool
		x, a := w.grow(t, "x")
		y, b := w.grow(t, "y")
		if rapid.Bool().Draw(t, "related") { // y is a later state of x, as in loops
			y.CopyFrom(x)
			b = maps.Clone(a)
			for range rapid.IntRange(0, 4).Draw(t, "more steps") {
				w.step(t, y, b)
			}
		}
		points := []assignment{a, b, model(x, w.vars), model(y, w.vars)}
		each := func(what string, r *Zone, want func(m assignment) bool, exact bool) {
			invariants(t, r, w.vars)
			for _, m := range append(points, model(r, w.vars)) {
				if got, want := m.in(r), want(m); want && !got || exact && got != want {
					t.Fatalf("%s: in result %v, want %v\nx %q\ny %q\nresult %q", what, got, want, x.Strings(w.tab), y.Strings(w.tab),
						r.Strings(w.tab))
				}
			}
		}
		either := func(m assignment) bool { return m.in(x) || m.in(y) }
		both := func(m assignment) bool { return m.in(x) && m.in(y) }

		j := p.Copy(x)
		j.Join(y)
		each("join", j, either, false)
		wd := p.Copy(x)
		wd.Widen(y)
		each("widening", wd, either, false)
		m := p.Copy(x)
		if m.Meet(y) == m.IsBottom() {
			t.Fatal("Meet's result")
		}
		if m.IsBottom() {
			for _, pt := range points {
				if both(pt) {
					t.Fatal("meet of zones with a common assignment is bottom")
				}
			}
		} else {
			each("meet", m, both, true)
		}
		tight := p.Copy(x)
		tight.Tighten()
		each("tighten", tight, func(m assignment) bool { return m.in(x) }, true)
		self := p.Copy(x)
		self.Join(x)
		if !self.Equal(tight) {
			t.Fatalf("join with itself %q, Tighten %q", self.Strings(w.tab), tight.Strings(w.tab))
		}

		// The order.
		zs := []*Zone{x, y, j, wd, m, p.Top(), p.Bottom()}
		for _, z := range zs {
			if !z.Leq(z) || !p.Bottom().Leq(z) || !z.Leq(p.Top()) {
				t.Fatalf("reflexivity, bottom or top: %q", z.Strings(w.tab))
			}
			for _, o := range zs {
				if !z.Leq(o) {
					continue
				}
				for _, pt := range append(points, model(z, w.vars)) {
					if pt.in(z) && !pt.in(o) {
						t.Fatalf("%q <= %q, but not so", z.Strings(w.tab), o.Strings(w.tab))
					}
				}
				for _, q := range zs {
					if o.Leq(q) && !z.Leq(q) {
						t.Fatalf("not transitive: %q, %q, %q", z.Strings(w.tab), o.Strings(w.tab), q.Strings(w.tab))
					}
				}
			}
		}

		// Leaving variables out of the right side.
		var drop VarSet
		for _, v := range w.vars {
			if rapid.Bool().Draw(t, "drop "+w.tab.Name(v)) {
				drop.Add(v)
			}
		}
		less := p.Copy(y)
		less.Forget(&drop)
		invariants(t, less, w.vars)
		if x.LeqWithout(y, &drop) != x.Leq(less) {
			t.Fatal("LeqWithout differs from Forget and Leq")
		}

		// Exact transformers are monotone.
		c := Constraint{V(w.variable(t)).Minus(w.variable(t)).PlusConst(w.values.Draw(t, "k")), LeZero}
		fx, fj := p.Copy(x), p.Copy(j)
		fx.Add(c)
		fj.Add(c)
		if pt := model(fx, w.vars); !fx.IsBottom() && !pt.in(fj) {
			t.Fatal("Add is not monotone")
		}

		// Copies and frozen copies.
		if f := j.Freeze(); !f.Equal(j) || !p.Copy(f).Equal(j) || !f.Leq(j) || f.Entails(c) != j.Entails(c) {
			t.Fatal("frozen copy differs")
		}
	})
}

// TestPotentialsFall: constraints lower potentials, that of the constant 0 too, and raise
// none. PREVAIL's do so; see lowerPots.
func TestPotentialsFall(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		z, a := w.grow(t, "z")
		before := map[Var]Int{}
		for i, v := range z.vars {
			before[v] = z.nodes[i].pot
		}
		zero := z.zero
		c := a.hold(w.constraint(t))
		z.Add(c)
		invariants(t, z, w.vars)
		if zero.Less(z.zero) {
			t.Fatalf("%v: the potential of 0 rose from %v to %v", c, zero, z.zero)
		}
		for v, old := range before {
			if i, _ := z.index(v); old.Less(z.nodes[i].pot) {
				t.Fatalf("%v: the potential of %s rose from %v to %v", c, w.tab.Name(v), old, z.nodes[i].pot)
			}
		}
	})
}

// TestRename: a renaming is that of the assignments.
func TestRename(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		z, a := w.grow(t, "z")
		for _, v := range w.vars {
			z.ensure(v)
		}
		perm := rapid.Permutation(w.vars).Draw(t, "pairs")
		n := rapid.IntRange(0, len(perm)/2).Draw(t, "count")
		var rs []Renaming
		b := maps.Clone(a)
		for i := range n {
			rs = append(rs, Renaming{perm[2*i], perm[2*i+1]})
			b[perm[2*i+1]] = a[perm[2*i]]
			b[perm[2*i]] = FromInt64(12345)
		}
		edges := len(z.keys)
		z.Rename(rs)
		invariants(t, z, w.vars)
		if !b.in(z) || n == 0 && len(z.keys) != edges {
			t.Fatalf("%v: %v not in %q", rs, b, z.Strings(w.tab))
		}
	})
}

// TestEntailmentAgainstBruteForce: on differences and bounds of three variables in a small
// box, entailment, intersection and bottom are exact.
func TestEntailmentAgainstBruteForce(t *testing.T) {
	const side = 3
	vars := []Var{Reg(1, KindSValue), Reg(2, KindSValue), PacketSize - 1}
	var all []assignment
	for x := int64(-side); x <= side; x++ {
		for y := int64(-side); y <= side; y++ {
			for w := int64(-side); w <= side; w++ {
				all = append(all, assignment{vars[0]: FromInt64(x), vars[1]: FromInt64(y), vars[2]: FromInt64(w)})
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		z := NewPool().Top()
		for _, v := range vars {
			z.Set(v, Range(-side, side))
		}
		draw := func(rels ...Rel) Constraint {
			e := V(rapid.SampledFrom(vars).Draw(t, "x"))
			if rapid.IntRange(0, 2).Draw(t, "terms") > 0 {
				e = e.Minus(rapid.SampledFrom(vars).Draw(t, "y"))
			}
			return Constraint{e.PlusConst(rapid.Int64Range(-7, 7).Draw(t, "k")), rapid.SampledFrom(rels).Draw(t, "relation")}
		}
		left := all
		for range rapid.IntRange(0, 5).Draw(t, "constraints") {
			c := draw(LeZero, LtZero, EqZero)
			left = slices.DeleteFunc(slices.Clone(left), func(a assignment) bool { return !a.satisfies(c) })
			if z.Add(c) != (len(left) > 0) {
				t.Fatalf("%v: bottom %v, %d assignments", c, z.IsBottom(), len(left))
			}
			if len(left) == 0 {
				return
			}
		}
		c := draw(LeZero, LtZero, EqZero)
		some := slices.ContainsFunc(left, func(a assignment) bool { return a.satisfies(c) })
		none := slices.ContainsFunc(left, func(a assignment) bool { return !a.satisfies(c) })
		if z.Entails(c) != !none {
			t.Fatalf("%v entailed: %v", c, z.Entails(c))
		}
		if z.Intersects(c) != some {
			t.Fatalf("%v intersects: %v", c, z.Intersects(c))
		}
	})
}

// TestWideningTerminates: a loop of increments stabilizes after few widenings. It need
// not with min-only variables: closure gives back an upper bound that the loop body
// loses, as PREVAIL's does.
func TestWideningTerminates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		x, _ := w.grow(t, "x")
		counters := slices.DeleteFunc(slices.Clone(w.vars), Var.MinOnly)
		type inc struct {
			v Var
			k int64
		}
		var body []inc
		for range rapid.IntRange(1, 4).Draw(t, "assignments") {
			v := rapid.SampledFrom(counters).Draw(t, "counter")
			body = append(body, inc{v, rapid.Int64Range(-3, 3).Draw(t, "step")})
		}
		for range 60 {
			next := w.pool.Copy(x)
			for _, s := range body {
				next.Assign(s.v, V(s.v).PlusConst(s.k))
			}
			next.Join(x)
			if next.Leq(x) {
				return
			}
			x.Widen(next)
		}
		t.Fatalf("not stable after 60 widenings: %q", x.Strings(w.tab))
	})
}
