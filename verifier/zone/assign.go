package zone

import "slices"

// halfDiff is one side of the difference constraints of an assignment x = e:
// x - v <= w (upper) or v - x <= w (lower).
type halfDiff struct {
	v Var
	w Int
}

// diffsOfAssign derives the constraints x - v <= w (upper) or x - v >= w (lower) that
// x = e implies for variables v of e. There is one for each bounded variable of
// positive coefficient if all are bounded, and one for the only unbounded variable if
// its coefficient is 1. ok is false if there are none.
func (z *Zone) diffsOfAssign(e Expr, upper bool, out *[maxTerms]halfDiff) int {
	residual := e.k
	var free Var
	haveFree := false
	n := 0
	for _, t := range e.t[:e.n] {
		r := z.Interval(t.v)
		b := r.Lo
		if upper == (t.c > 0) {
			b = r.Hi
		}
		if b.IsInf() {
			if haveFree || t.c != 1 {
				return 0
			}
			free, haveFree = t.v, true
			continue
		}
		residual = residual.Add(b.Mul(FromInt64(int64(t.c))))
		if t.c > 0 {
			out[n] = halfDiff{t.v, b}
			n++
		}
	}
	if haveFree {
		out[0] = halfDiff{free, residual}
		return 1
	}
	for i := range out[:n] {
		out[i].w = residual.Sub(out[i].w)
	}
	return n
}

// value is the value of e in the assignment given by the potentials; those of unmapped
// variables are 0.
func (z *Zone) value(e Expr) Int {
	r := e.k
	for _, t := range e.t[:e.n] {
		pot := Zero
		if i, ok := z.index(t.v); ok {
			pot = z.nodes[i].pot
		}
		r = r.Add(pot.Sub(z.zero).Mul(FromInt64(int64(t.c))))
	}
	return r
}

// Assign makes v equal to the value of e; v may occur in e. Where e has one value v
// gets bounds only. Otherwise v gets edges to the variables of e and, through them,
// to their neighbours.
func (z *Zone) Assign(v Var, e Expr) {
	if z.bottom || z.cancelled() {
		return
	}
	r := z.Eval(e)
	if r.isSingle() {
		z.Set(v, r)
		return
	}
	if e.n == 1 && e.t[0].c == 1 {
		if e.t[0].v == v {
			z.shift(v, e.k, r)
		} else {
			z.assignSum(v, e.t[0].v, e.k, r)
		}
		return
	}
	var lower, upper [maxTerms]halfDiff
	nl := z.diffsOfAssign(e, false, &lower)
	nu := z.diffsOfAssign(e, true, &upper)
	if nl+nu == 0 {
		z.Set(v, r)
		return
	}
	val := z.value(e)
	for _, h := range lower[:nl] {
		z.ensure(h.v)
	}
	for _, h := range upper[:nu] {
		z.ensure(h.v)
	}
	x := z.ensure(v)
	z.makeTwin(x) // its edges, which may be gone over, are dropped then
	sc := z.scratchFor()
	sc.resetNew()

	// Edges v -> d: paths over the variables that v has a constraint with, then one step.
	sc.startDist(len(z.vars))
	for _, h := range lower[:nl] {
		i, _ := z.index(h.v)
		i, k := z.rep(i)
		sc.lower(i, h.w.Neg().Sub(k))
	}
	z.relax(sc, false)
	slices.Sort(sc.hit)
	for _, d := range sc.hit {
		if int(d) != x {
			sc.add(edgeKey(x, int(d)), sc.dist[d])
		}
	}
	// Edges s -> v.
	sc.startDist(len(z.vars))
	for _, h := range upper[:nu] {
		i, _ := z.index(h.v)
		i, k := z.rep(i)
		sc.lower(i, h.w.Add(k))
	}
	z.relax(sc, true)
	for _, s := range sc.hit {
		if int(s) != x {
			sc.add(edgeKey(int(s), x), sc.dist[s])
		}
	}
	sc.sortNew()
	z.cut(x)
	z.mergeNew(sc)
	z.setBounds(x, r)
	z.nodes[x].pot = z.zero.Add(val)
	z.open = true
}

// relax takes the variables in sc.hit as directly connected to the searched variable,
// finds the shortest paths whose inner vertices are all among these, and extends them
// by one step to others. backward searches against the edges.
func (z *Zone) relax(sc *scratch, backward bool) {
	first := len(sc.hit)
	if first > 1 {
		for changed := true; changed; {
			changed = false
			if sc.spend(first * first) {
				return
			}
			for _, a := range sc.hit[:first] {
				for _, b := range sc.hit[:first] {
					k := edgeKey(int(a), int(b))
					if backward {
						k = reverse(k)
					}
					if w := z.weight(k); w != PosInf && a != b && sc.lower(int(b), sc.dist[a].Add(w)) {
						changed = true
					}
				}
			}
		}
	}
	for _, a := range sc.hit[:first] {
		w0 := sc.dist[a]
		if backward {
			z.touch()
			for j, k := range z.keys {
				if s, d := ends(k); d == int(a) {
					sc.lower(s, w0.Add(z.ws[j]))
				}
			}
			continue
		}
		j, _ := z.find(edgeKey(int(a), 0))
		for ; j < len(z.keys); j++ {
			s, d := ends(z.keys[j])
			if s != int(a) {
				break
			}
			sc.lower(d, w0.Add(z.ws[j]))
		}
	}
}

// shift is v = v + k where v does not have a single value: all edges move with it.
func (z *Zone) shift(v Var, k Int, r Interval) {
	x := z.ensure(v)
	if len(z.twins) > 0 {
		z.shiftClass(x, k)
	}
	z.touch()
	out := 0
	for j, key := range z.keys {
		s, d := ends(key)
		w := z.ws[j]
		switch {
		case s == x && d == x:
			continue
		case s == x:
			w = w.Sub(k)
		case d == x:
			w = w.Add(k)
		}
		if tooLarge(w) {
			continue // forgetting an edge is sound
		}
		z.keys[out], z.ws[out] = key, w
		out++
	}
	z.keys, z.ws = z.keys[:out], z.ws[:out]
	pot := z.nodes[x].pot.Add(k)
	z.setBounds(x, r)
	z.nodes[x].pot = pot
	if v.MinOnly() {
		z.open = true // closure may have given v an upper bound that is lost now
	}
}

// ShiftKinds adds n to all variables of the given kinds, keeping their relations.
func (z *Zone) ShiftKinds(kinds KindSet, n int64) {
	k := FromInt64(n)
	for i, v := range z.vars {
		if kinds&v.Kind().Set() != 0 && v.Slot() != specialSlot {
			z.shift(v, k, Interval{z.nodes[i].lo, z.visibleHi(i)}.Add(SingleInt(k)))
		}
	}
}

// assignSum is v = y + k where y is another variable without a single value: v is
// y + k exactly, and so related to all neighbours of y.
func (z *Zone) assignSum(v, y Var, k Int, r Interval) {
	if z.assignTwin(v, y, k, r) {
		return
	}
	z.expand()
	z.ensure(v)
	b := z.ensure(y)
	x, _ := z.index(v)
	sc := z.scratchFor()
	sc.resetNew()
	z.touch()
	out := 0
	for j, key := range z.keys {
		s, d := ends(key)
		if s == x || d == x {
			continue // v's old edges go
		}
		if s == b && d != b {
			sc.add(edgeKey(x, d), z.ws[j].Sub(k))
		} else if d == b && s != b {
			sc.add(edgeKey(s, x), z.ws[j].Add(k))
		}
		if out != j {
			z.keys[out], z.ws[out] = key, z.ws[j]
		}
		out++
	}
	z.keys, z.ws = z.keys[:out], z.ws[:out]
	sc.add(edgeKey(x, b), k.Neg())
	sc.add(edgeKey(b, x), k)
	sc.sortNew()
	pot := z.nodes[b].pot.Add(k)
	z.mergeNew(sc)
	z.setBounds(x, r)
	z.nodes[x].pot = pot
	if v.MinOnly() || y.MinOnly() {
		z.open = true
	}
}
