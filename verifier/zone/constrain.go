package zone

// leqParts are the constraints that e <= 0 gives: upper and lower bounds of
// variables, and differences a - b <= w.
type leqParts struct {
	nlo, nhi, nd int
	lo, hi       [maxTerms]halfDiff // v >= w, v <= w
	diff         [maxTerms * maxTerms / 4]struct {
		a, b Var
		w    Int
	}
}

// partsOf derives bounds and differences from e <= 0 under the present bounds. At most
// one variable may be unbounded on the side that matters, or one of each sign.
func (z *Zone) partsOf(e Expr, p *leqParts) {
	p.nlo, p.nhi, p.nd = 0, 0, 0
	type bounded struct {
		v Var
		c int64
		b Int
	}
	var pos, neg [maxTerms]bounded
	var freePos, freeNeg bounded
	havePos, haveNeg := false, false
	np, nn := 0, 0
	ub := e.k.Neg()
	for _, t := range e.t[:e.n] {
		r := z.Interval(t.v)
		if t.c > 0 {
			if r.Lo.IsInf() {
				if havePos {
					return
				}
				freePos, havePos = bounded{v: t.v, c: int64(t.c)}, true
				continue
			}
			ub = ub.Sub(r.Lo.Mul(FromInt64(int64(t.c))))
			pos[np] = bounded{t.v, int64(t.c), r.Lo}
			np++
			continue
		}
		if r.Hi.IsInf() {
			if haveNeg {
				return
			}
			freeNeg, haveNeg = bounded{v: t.v, c: -int64(t.c)}, true
			continue
		}
		ub = ub.Sub(r.Hi.Mul(FromInt64(int64(t.c))))
		neg[nn] = bounded{t.v, -int64(t.c), r.Hi}
		nn++
	}
	if ub.IsInf() {
		return
	}
	quo := func(a Int, c int64) Int {
		if c == 1 {
			return a
		}
		return a.Quo(FromInt64(c))
	}
	diff := func(a, b Var, w Int) {
		p.diff[p.nd].a, p.diff[p.nd].b, p.diff[p.nd].w = a, b, w
		p.nd++
	}
	switch {
	case havePos && haveNeg:
		if freePos.c == 1 && freeNeg.c == 1 {
			diff(freePos.v, freeNeg.v, ub)
		}
	case havePos:
		if freePos.c == 1 {
			for _, n := range neg[:nn] {
				diff(freePos.v, n.v, ub.Sub(n.b))
			}
		}
		p.hi[0] = halfDiff{freePos.v, quo(ub, freePos.c)}
		p.nhi = 1
	case haveNeg:
		if freeNeg.c == 1 {
			for _, q := range pos[:np] {
				diff(q.v, freeNeg.v, ub.Add(q.b))
			}
		}
		p.lo[0] = halfDiff{freeNeg.v, quo(ub.Neg(), freeNeg.c)}
		p.nlo = 1
	default:
		for _, n := range neg[:nn] {
			for _, q := range pos[:np] {
				diff(q.v, n.v, ub.Sub(n.b).Add(q.b))
			}
		}
		for _, n := range neg[:nn] {
			p.lo[p.nlo] = halfDiff{n.v, quo(ub.Neg(), n.c).Add(n.b)}
			p.nlo++
		}
		for _, q := range pos[:np] {
			p.hi[p.nhi] = halfDiff{q.v, quo(ub, q.c).Add(q.b)}
			p.nhi++
		}
	}
}

// addLeq adds e <= 0; false if that has no assignments. z is then not to be used but
// for SetBottom.
func (z *Zone) addLeq(e Expr) bool {
	var p leqParts
	z.partsOf(e, &p)
	for _, b := range p.lo[:p.nlo] {
		i := z.ensure(b.v)
		if z.nodes[i].lo.Less(b.w) && !z.raiseLo(i, b.w) {
			return false
		}
	}
	for _, b := range p.hi[:p.nhi] {
		if b.v.MinOnly() {
			continue
		}
		i := z.ensure(b.v)
		if b.w.Less(z.nodes[i].hi) && !z.lowerHi(i, b.w) {
			return false
		}
	}
	for _, d := range p.diff[:p.nd] {
		z.ensure(d.b)
		z.ensure(d.a)
		s, _ := z.index(d.b)
		t, _ := z.index(d.a)
		if !z.addEdge(s, t, d.w) {
			return false
		}
	}
	z.closeBounds()
	return true
}

// raiseLo sets a greater lower bound and repairs the potentials; false if there are no
// assignments left.
func (z *Zone) raiseLo(i int, lo Int) bool {
	if len(z.twins) > 0 {
		var k Int
		i, k = z.rep(i)
		if lo = lo.Sub(k); lo.Leq(z.nodes[i].lo) {
			return true
		}
	}
	n := &z.nodes[i]
	if n.hi.Less(lo) {
		return false
	}
	if tooLarge(lo) {
		return true
	}
	n.lo = lo
	z.open = true
	if n.pot.sub(z.zero).Less(lo) {
		return z.lowerPots(i)
	}
	return true
}

// lowerHi sets a lesser upper bound and repairs the potentials.
func (z *Zone) lowerHi(i int, hi Int) bool {
	if len(z.twins) > 0 {
		var k Int
		i, k = z.rep(i)
		if hi = hi.Sub(k); z.nodes[i].hi.Leq(hi) {
			return true
		}
	}
	n := &z.nodes[i]
	if hi.Less(n.lo) {
		return false
	}
	if tooLarge(hi) {
		return true
	}
	n.hi = hi
	z.open = true
	if hi.Less(n.pot.sub(z.zero)) {
		n.pot = z.zero.add(hi)
		return z.lowerPots(-1)
	}
	return true
}

// lowerPots lowers potentials until all edges and bounds are satisfied again. With
// tail < 0 it is because of a new upper bound of a variable that was lowered, and
// passing a lower bound means that there are no assignments. Otherwise it is because of
// a new edge from tail, or a new lower bound of it; then the constant 0 may be lowered
// too, and having to lower tail means that there are no assignments.
//
// Potentials are only ever lowered, as in PREVAIL. Which of the possible assignments
// they are is part of the state: it decides in which order Join reaches variables that
// are equally far, and with that which edges it finds.
func (z *Zone) lowerPots(tail int) bool {
	for changed := true; changed; {
		changed = false
		if z.spend(len(z.keys)) {
			return false
		}
		for j, k := range z.keys {
			s, d := ends(k)
			if p := z.nodes[s].pot.add(z.ws[j]); p.Less(z.nodes[d].pot) {
				if d == tail || tail < 0 && p.sub(z.zero).Less(z.nodes[d].lo) {
					return false
				}
				z.nodes[d].pot = p
				changed = true
			}
		}
		if tail < 0 {
			continue
		}
		zero := z.zero
		for i := range z.nodes {
			if n := &z.nodes[i]; n.lo != NegInf {
				zero = minInt(zero, n.pot.sub(n.lo))
			}
		}
		if zero == z.zero {
			continue
		}
		z.zero = zero
		for i := range z.nodes {
			if n := &z.nodes[i]; n.hi != PosInf {
				if p := zero.add(n.hi); p.Less(n.pot) {
					if i == tail {
						return false
					}
					n.pot = p
					changed = true
				}
			}
		}
	}
	return true
}

// addEdge adds t - s <= w and the edges that follow by going over this edge once; false
// if there are no assignments left. An edge that is already there is gone over again.
func (z *Zone) addEdge(s, t int, w Int) bool {
	if tooLarge(w) {
		return w.Sign() > 0
	}
	if len(z.twins) > 0 {
		rs, ks := z.rep(s)
		rt, kt := z.rep(t)
		switch old := z.weight(edgeKey(s, t)); {
		case rs == rt:
			return !w.Less(old) // going over what is there gives nothing new
		case old == PosInf || w.Less(old):
			// What follows for s and t follows for all of their classes.
			s, t, w = rs, rt, w.Add(ks).Sub(kt)
		case z.hasTwins(rs) || z.hasTwins(rt):
			// But going over an edge again is about these two alone.
			z.mirror()
			z.expand()
		}
	}
	at, have := z.find(edgeKey(s, t))
	tighter := !have || w.Less(z.ws[at])
	if have {
		if tighter {
			z.ws[at] = w
		} else {
			w = z.ws[at]
		}
	}
	sc := z.scratchFor()
	sc.resetNew()
	if tighter {
		z.open = true
		if !have {
			sc.add(edgeKey(s, t), w)
		}
		if p := z.nodes[s].pot.add(w); p.Less(z.nodes[t].pot) {
			// Not yet among z's edges; the reverse edge would be the shortest cycle.
			z.nodes[t].pot = p
			if !z.lowerPots(s) {
				return false
			}
		}
	}
	// improve notes a - > b of weight nw if that is better than what there is.
	improve := func(a, b int, nw Int) bool {
		k := edgeKey(a, b)
		if i, ok := z.find(k); ok {
			if !nw.Less(z.ws[i]) {
				return false
			}
			z.ws[i] = nw
			z.open = true
			return true
		}
		sc.add(k, nw)
		return true
	}
	z.touch()
	// Sources of s that got a better edge to t, with the weight of their edge to s.
	sc.pairs = sc.pairs[:0]
	for j, k := range z.keys {
		if a, b := ends(k); b == s && a != t && a != s {
			if wa := z.ws[j]; improve(a, t, wa.add(w)) {
				sc.pairs = append(sc.pairs, pair{int32(a), wa})
			}
		}
	}
	sources := len(sc.pairs)
	j, _ := z.find(edgeKey(t, 0))
	for ; j < len(z.keys); j++ {
		a, b := ends(z.keys[j])
		if a != t {
			break
		}
		if b != s && b != t {
			if wb := z.ws[j]; improve(s, b, w.add(wb)) {
				sc.pairs = append(sc.pairs, pair{int32(b), wb})
			}
		}
	}
	for _, a := range sc.pairs[:sources] {
		if z.spend(len(sc.pairs) - sources) {
			break
		}
		for _, b := range sc.pairs[sources:] {
			improve(int(a.i), int(b.i), w.add(a.w).add(b.w))
		}
	}
	if len(sc.newKeys) > 0 {
		z.open = true
		sc.sortNew()
		z.mergeNew(sc)
	}
	return true
}

type pair struct {
	i int32
	w Int
}

// closeBounds tightens bounds along edges: over paths whose inner vertices had such a
// bound before, and one step further to variables that had none.
func (z *Zone) closeBounds() {
	if !z.open {
		return
	}
	z.open = false
	open := false
	for changed := true; changed && !z.spend(len(z.keys)); {
		changed = false
		for j, k := range z.keys {
			s, d := ends(k)
			ns, nd, w := &z.nodes[s], &z.nodes[d], z.ws[j]
			if ns.hi != PosInf {
				if nd.hi == PosInf {
					open = true
				} else if h := ns.hi.add(w); h.Less(nd.hi) {
					nd.hi = h
					changed = true
				}
			}
			if nd.lo != NegInf {
				if ns.lo == NegInf {
					open = true
				} else if l := nd.lo.sub(w); ns.lo.Less(l) {
					ns.lo = l
					changed = true
				}
			}
		}
	}
	if !open {
		z.mirror()
		return
	}
	z.open = true // the new bounds were not followed further
	z.spend(2 * len(z.keys))
	sc := z.scratchFor()
	sc.startDist(len(z.vars))
	for j, k := range z.keys {
		if s, d := ends(k); z.nodes[s].hi != PosInf && z.nodes[d].hi == PosInf {
			sc.lower(d, z.nodes[s].hi.add(z.ws[j]))
		}
	}
	his := sc.hit
	for _, i := range his {
		if !tooLarge(sc.dist[i]) {
			z.nodes[i].hi = sc.dist[i]
		}
	}
	sc.startDist(len(z.vars))
	for j, k := range z.keys {
		if s, d := ends(k); z.nodes[d].lo != NegInf && z.nodes[s].lo == NegInf {
			sc.lower(s, z.ws[j].sub(z.nodes[d].lo))
		}
	}
	for _, i := range sc.hit {
		if !tooLarge(sc.dist[i]) {
			z.nodes[i].lo = sc.dist[i].Neg()
		}
	}
	z.mirror()
}

// trimmed is i without n where n is an end of i, and the range of nonzero 64-bit words
// for everything without 0.
func trimmed(i Interval, n Int) Interval {
	switch {
	case i.Lo == n:
		return mk(n.Add(One), i.Hi)
	case i.Hi == n:
		return mk(i.Lo, n.Sub(One))
	case i.IsTop() && n == Zero:
		return Interval{One, maxU64}
	}
	return i
}

// addNeq adds v != n, which trims an end of v's range.
func (z *Zone) addNeq(v Var, n Int) bool {
	old := z.Interval(v)
	r := trimmed(old, n)
	if r.IsEmpty() {
		return false
	}
	if r.IsTop() || !r.Leq(old) {
		return true
	}
	i, k := z.rep(z.ensure(v))
	ok := !(r.Lo.Finite() && !z.strengthenLo(i, r.Lo.Sub(k))) &&
		(r.Hi.IsInf() || v.MinOnly() || z.strengthenHi(i, r.Hi.Sub(k)))
	z.mirror()
	return ok
}

// strengthenLo raises an existing lower bound and those of the direct neighbours.
func (z *Zone) strengthenLo(i int, lo Int) bool {
	if old := z.nodes[i].lo; old == NegInf || lo.Leq(old) {
		return true
	}
	if !z.raiseLo(i, lo) {
		return false
	}
	z.touch()
	for j, k := range z.keys {
		if s, d := ends(k); d == i {
			if l := lo.sub(z.ws[j]); z.nodes[s].lo.Less(l) && !z.raiseLo(s, l) {
				return false
			}
		}
	}
	return true
}

// strengthenHi lowers an existing upper bound and those of the direct neighbours.
func (z *Zone) strengthenHi(i int, hi Int) bool {
	if old := z.nodes[i].hi; old == PosInf || old.Leq(hi) {
		return true
	}
	if !z.lowerHi(i, hi) {
		return false
	}
	j, _ := z.find(edgeKey(i, 0))
	for ; j < len(z.keys); j++ {
		s, d := ends(z.keys[j])
		if s != i {
			break
		}
		if h := hi.add(z.ws[j]); h.Less(z.nodes[d].hi) && !z.lowerHi(d, h) {
			return false
		}
	}
	return true
}

// Add restricts z to c; false means that z became bottom. Disequations only trim
// the end of a range.
func (z *Zone) Add(c Constraint) bool {
	if z.bottom || z.cancelled() {
		return !z.bottom
	}
	if !z.add(c) {
		z.SetBottom()
		return false
	}
	if z.loose {
		z.compact()
	}
	return true
}

func (z *Zone) add(c Constraint) bool {
	if holds, isConst := c.constant(); isConst {
		return holds
	}
	switch c.Rel {
	case LeZero:
		return z.addLeq(c.Expr)
	case LtZero:
		return z.addLeq(c.Expr.PlusInt(One))
	case EqZero:
		return z.addLeq(c.Expr) && z.addLeq(c.Expr.Neg())
	}
	for _, t := range c.Expr.t[:c.Expr.n] {
		// The values of t.v for which the rest of the expression can make a zero.
		r := SingleInt(c.Expr.k.Neg())
		for _, u := range c.Expr.t[:c.Expr.n] {
			if u.v != t.v {
				r = r.Sub(z.Interval(u.v).scale(int64(u.c)))
			}
		}
		if n, ok := r.Quo(Single(int64(t.c))).Singleton(); ok && !z.addNeq(t.v, n) {
			return false
		}
	}
	return true
}

// feasible reports whether e <= 0 can be added without making z bottom.
func (z *Zone) feasible(e Expr) bool {
	var p leqParts
	z.partsOf(e, &p)
	sure := true
	for _, b := range p.lo[:p.nlo] {
		if i, ok := z.index(b.v); ok {
			if z.nodes[i].hi.Less(b.w) {
				return false
			}
			sure = sure && b.w.Leq(z.nodes[i].pot.sub(z.zero))
		}
	}
	for _, b := range p.hi[:p.nhi] {
		if i, ok := z.index(b.v); ok && !b.v.MinOnly() {
			if b.w.Less(z.nodes[i].lo) {
				return false
			}
			sure = sure && z.nodes[i].pot.sub(z.zero).Leq(b.w)
		}
	}
	for _, d := range p.diff[:p.nd] {
		t, ok1 := z.index(d.a)
		s, ok2 := z.index(d.b)
		if !ok1 || !ok2 {
			continue
		}
		// A path t -> s with which the new edge would make a negative cycle.
		back := z.weight(edgeKey(t, s))
		if z.nodes[t].lo != NegInf && z.nodes[s].hi != PosInf {
			back = minInt(back, z.nodes[s].hi.sub(z.nodes[t].lo))
		}
		if back != PosInf && back.Add(d.w).Sign() < 0 {
			return false
		}
		sure = sure && z.nodes[t].pot.sub(z.nodes[s].pot).Leq(d.w)
	}
	if sure {
		return true
	}
	t := z.temp()
	ok := t.addLeq(e)
	t.release()
	return ok
}

// Entails reports whether c is proven to hold for all assignments. Bottom entails
// everything.
func (z *Zone) Entails(c Constraint) bool {
	if z.bottom {
		return true
	}
	if holds, isConst := c.constant(); isConst {
		return holds
	}
	r := z.Eval(c.Expr)
	switch c.Rel {
	case EqZero:
		if r == Single(0) {
			return true
		}
		return !z.feasible(c.Expr.Neg().PlusInt(One)) && !z.feasible(c.Expr.PlusInt(One))
	case LeZero:
		return r.Hi.Leq(Zero) || !z.feasible(c.Expr.Neg().PlusInt(One))
	case LtZero:
		return r.Hi.Less(Zero) || !z.feasible(c.Expr.Neg())
	}
	if r.Hi.Less(Zero) || Zero.Less(r.Lo) {
		return true
	}
	return !z.mayAdd(c.Negate())
}

// mayAdd reports whether c can be added without making z bottom.
func (z *Zone) mayAdd(c Constraint) bool {
	t := z.temp()
	ok := t.add(c)
	t.release()
	return ok
}

// Intersects reports whether c may hold: false is a proof that it does not. Bottom
// intersects nothing.
func (z *Zone) Intersects(c Constraint) bool {
	if z.bottom {
		return false
	}
	if holds, isConst := c.constant(); isConst {
		return holds
	}
	switch c.Rel {
	case LeZero:
		return z.feasible(c.Expr)
	case LtZero:
		return z.feasible(c.Expr.PlusInt(One))
	}
	return z.IsTop() || z.mayAdd(c)
}

// Implies reports whether conclusion is proven under the additional premise.
func (z *Zone) Implies(premise, conclusion Constraint) bool {
	if z.bottom {
		return true
	}
	t := z.temp()
	ok := !t.add(premise) || t.Entails(conclusion)
	t.release()
	return ok
}
