package zone

import "slices"

// Copies of one value are related pairwise, and each to whatever one of them is related
// to: n copies have n² edges. PREVAIL stores them all, and widening and join look at
// each, so they are part of the state. A zone with many edges stores them once: of a class
// of variables that differ by constants one, the representative, has edges, and the others,
// its twins, are known by their distance from it.
//
// A twin has exactly the edges of its representative, moved by the distance, and edges of
// the distance to the other variables of its class; and its bounds and potential are those
// of the representative moved by the distance. Edges from a variable to itself are
// nobody else's. Variables with a meaningless upper bound (MinOnly) are never in a class.
//
// Operations that keep this work on representatives alone. The others call expand, which
// stores all edges, and work on these; compact finds the classes again.
// TestClasses compares zones with and without classes, edge by edge.

// twin says that the variable at an index is that at index of, plus k.
type twin struct {
	at, of uint16
	k      Int
}

// defaultClassEdges is the number of stored edges from which on a zone has classes: many
// more than zones of usual programs have, in which edges are cheaper.
const defaultClassEdges = 256

// fewEquals are so few equal variables that no class is made for them.
const fewEquals = 8

// twinOf returns the position in twins of the variable at index i, or where it would be.
func (z *Zone) twinOf(i int) (int, bool) {
	a, b := 0, len(z.twins)
	for a < b {
		m := int(uint(a+b) >> 1)
		if int(z.twins[m].at) < i {
			a = m + 1
		} else {
			b = m
		}
	}
	return a, a < len(z.twins) && int(z.twins[a].at) == i
}

// rep returns the representative of the variable at index i, and its distance from it.
func (z *Zone) rep(i int) (int, Int) {
	if len(z.twins) > 0 {
		if t, ok := z.twinOf(i); ok {
			return int(z.twins[t].of), z.twins[t].k
		}
	}
	return i, Zero
}

// hasTwins reports whether the variable at index i represents others.
func (z *Zone) hasTwins(i int) bool {
	for j := range z.twins {
		if int(z.twins[j].of) == i {
			return true
		}
	}
	return false
}

// classWeight is weight where there are classes.
func (z *Zone) classWeight(k uint32) Int {
	s, d := ends(k)
	rs, ks := z.rep(s)
	rd, kd := z.rep(d)
	if rs == rd && s != d {
		return kd.sub(ks)
	}
	if rs == rd && rs != s {
		return PosInf
	}
	i, ok := z.find(edgeKey(rs, rd))
	if !ok {
		return PosInf
	}
	return z.ws[i].sub(ks).add(kd)
}

// makeTwin makes the variable at index i a twin where it is the representative of others:
// the first of these takes its place.
func (z *Zone) makeTwin(i int) {
	first := slices.IndexFunc(z.twins, func(t twin) bool { return int(t.of) == i })
	if first < 0 {
		return
	}
	n, k := int(z.twins[first].at), z.twins[first].k
	z.twins = slices.Delete(z.twins, first, first+1)
	for j := range z.twins {
		if t := &z.twins[j]; int(t.of) == i {
			t.of, t.k = uint16(n), t.k.sub(k)
		}
	}
	at, _ := z.twinOf(i)
	z.twins = slices.Insert(z.twins, at, twin{uint16(i), uint16(n), k.Neg()})
	z.touch()
	sc := z.scratchFor()
	sc.resetNew()
	for j, key := range z.keys {
		s, d := ends(key)
		w := z.ws[j]
		switch {
		case s == i && d == i:
			continue
		case s == i:
			s, w = n, w.sub(k)
		case d == i:
			d, w = n, w.add(k)
		}
		sc.add(edgeKey(s, d), w)
	}
	sc.sortNew()
	z.keys = append(z.keys[:0], sc.newKeys...)
	z.ws = append(z.ws[:0], sc.newWs...)
}

// detach takes the variable at index i out of its class; it has no edges then.
func (z *Zone) detach(i int) {
	if len(z.twins) == 0 {
		return
	}
	z.makeTwin(i)
	if t, ok := z.twinOf(i); ok {
		z.twins = slices.Delete(z.twins, t, t+1)
	}
}

// detachGone takes the variables out of their classes that removeUnless does not keep.
func (z *Zone) detachGone(keep []uint16) {
	for j := 0; j < len(z.twins); j++ {
		t := z.twins[j]
		switch {
		case keep[t.at] == gone:
			z.twins = slices.Delete(z.twins, j, j+1)
			j--
		case keep[t.of] == gone:
			// All twins of t.of before this one are gone: this one is the first.
			z.detach(int(t.of))
			j--
		}
	}
}

// renumber gives twins the new indices of their variables.
func (z *Zone) renumber(index func(i int) int) {
	for j := range z.twins {
		t := &z.twins[j]
		t.at, t.of = uint16(index(int(t.at))), uint16(index(int(t.of)))
	}
	slices.SortFunc(z.twins, func(a, b twin) int { return int(a.at) - int(b.at) })
}

// assignTwin is assignSum where that makes v a twin; false if v has to have its own edges.
func (z *Zone) assignTwin(v, y Var, k Int, r Interval) bool {
	if len(z.twins) == 0 {
		sc := z.scratchFor()
		if len(z.keys) < sc.classEdges() || sc.classFrom == 0 && !z.hasEquals(y) {
			return false
		}
		if z.compact(); len(z.twins) == 0 && sc.classFrom == 0 {
			return false
		}
	}
	if v.MinOnly() || y.MinOnly() || tooLarge(k) || r.Lo.Finite() && tooLarge(r.Lo) || r.Hi.Finite() && tooLarge(r.Hi) {
		return false
	}
	z.ensure(v)
	b := z.ensure(y)
	x, _ := z.index(v)
	z.cut(x)
	of, d := z.rep(b)
	at, _ := z.twinOf(x)
	z.twins = slices.Insert(z.twins, at, twin{uint16(x), uint16(of), d.add(k)})
	pot := z.nodes[b].pot.Add(k)
	z.setBounds(x, r)
	z.nodes[x].pot = pot
	return true
}

// hasEquals reports whether v differs by constants from more than a few others.
func (z *Zone) hasEquals(v Var) bool {
	i, ok := z.index(v)
	if !ok {
		return false
	}
	n := 0
	for j, _ := z.find(edgeKey(i, 0)); j < len(z.keys) && n < fewEquals; j++ {
		s, d := ends(z.keys[j])
		if s != i {
			break
		}
		if z.weight(edgeKey(d, s)) == z.ws[j].Neg() {
			n++
		}
	}
	return n == fewEquals
}

// shiftClass moves the variable at index x against the others of its class.
func (z *Zone) shiftClass(x int, k Int) {
	if t, ok := z.twinOf(x); ok {
		z.twins[t].k = z.twins[t].k.add(k)
		return
	}
	for j := range z.twins {
		if t := &z.twins[j]; int(t.of) == x {
			t.k = t.k.sub(k)
		}
	}
}

// mirror gives twins the bounds and potentials of their representatives.
func (z *Zone) mirror() {
	for i := range z.twins {
		t := &z.twins[i]
		n := z.nodes[t.of]
		if n.lo != NegInf {
			n.lo = n.lo.add(t.k)
		}
		if n.hi != PosInf {
			n.hi = n.hi.add(t.k)
		}
		n.pot = n.pot.add(t.k)
		z.nodes[t.at] = n
	}
}

// members lists the variables by class: those of representative r are
// list[start[r]:start[r+1]], r among them. sc.classOf gets the class of each.
func (z *Zone) members(sc *scratch) (list []uint16, start []int32) {
	n := len(z.vars)
	sc.classStart = slices.Grow(sc.classStart[:0], n+2)[:n+2]
	clear(sc.classStart)
	start = sc.classStart
	rep := slices.Grow(sc.classOf[:0], n)[:n]
	sc.classOf = rep
	for i := range rep {
		rep[i] = twin{uint16(i), uint16(i), Zero}
	}
	for _, t := range z.twins {
		rep[t.at] = t
	}
	for i := range rep {
		start[rep[i].of+2]++
	}
	for i := 2; i < len(start); i++ {
		start[i] += start[i-1]
	}
	sc.classList = slices.Grow(sc.classList[:0], n)[:n]
	for i := range rep {
		r := rep[i].of
		sc.classList[start[r+1]] = uint16(i)
		start[r+1]++
	}
	return sc.classList, start[:n+1]
}

// expand stores the edges of all twins. Indices of variables stay.
func (z *Zone) expand() {
	if len(z.twins) == 0 {
		return
	}
	sc := z.scratchFor()
	list, start := z.members(sc)
	size := func(r int) int { return int(start[r+1] - start[r]) }
	count := 0
	z.touch()
	for _, k := range z.keys {
		s, d := ends(k)
		count += size(s) * size(d)
	}
	for r := range z.vars {
		count += size(r) * (size(r) - 1)
	}
	if sc.mostEdges > 0 && count > sc.mostEdges {
		sc.tooMany = true
		z.twins = z.twins[:0]
		return
	}
	z.loose = true
	buf := takeBuffer(&sc.large, count)
	for a := range z.vars {
		r, ka := int(sc.classOf[a].of), sc.classOf[a].k
		sc.startDist(len(z.vars))
		for _, b := range list[start[r]:start[r+1]] {
			if int(b) != a {
				sc.lower(int(b), sc.classOf[b].k.sub(ka))
			}
		}
		j, _ := z.find(edgeKey(r, 0))
		for ; j < len(z.keys); j++ {
			s, d := ends(z.keys[j])
			if s != r {
				break
			}
			if d == r {
				if a == r {
					sc.lower(a, z.ws[j])
				}
				continue
			}
			w := z.ws[j].sub(ka)
			for _, b := range list[start[d]:start[d+1]] {
				sc.lower(int(b), w.add(sc.classOf[b].k))
			}
		}
		slices.Sort(sc.hit)
		for _, b := range sc.hit {
			if w := sc.dist[b]; !tooLarge(w) {
				buf.keys, buf.ws = append(buf.keys, edgeKey(a, int(b))), append(buf.ws, w)
			}
		}
		if sc.spend(len(sc.hit)) {
			break
		}
	}
	z.twins = z.twins[:0]
	sc.small = append(sc.small, edgeBuffer{z.keys, z.ws})
	z.keys, z.ws = buf.keys, buf.ws
}

// edgeBuffer is memory for edges.
type edgeBuffer struct {
	keys []uint32
	ws   []Int
}

// giveLarge keeps a buffer for the next zone that stores all edges. There are never more
// than a few of these at once.
func (sc *scratch) giveLarge(b edgeBuffer) {
	if len(sc.large) < 4 {
		sc.large = append(sc.large, b)
	}
}

// takeBuffer returns an empty buffer for n edges, from those that are left if there is one.
func takeBuffer(from *[]edgeBuffer, n int) edgeBuffer {
	var b edgeBuffer
	if m := len(*from); m > 0 {
		b = (*from)[m-1]
		*from = (*from)[:m-1]
	}
	return edgeBuffer{slices.Grow(b.keys[:0], n), slices.Grow(b.ws[:0], n)}
}

// expanded returns z if it has no classes, or else a copy that stores all edges. endOf
// ends its life.
func (z *Zone) expanded() *Zone {
	if len(z.twins) == 0 {
		return z
	}
	t := z.temp()
	t.expand()
	return t
}

// endOf frees z if it is a copy that expanded or unfold made of o.
func (z *Zone) endOf(o *Zone) {
	if z != o {
		sc := z.scratchFor()
		sc.giveLarge(edgeBuffer{z.keys, z.ws})
		b := takeBuffer(&sc.small, 0)
		z.keys, z.ws = b.keys, b.ws
		z.release()
	}
}

// compact finds classes in a zone with many edges.
func (z *Zone) compact() {
	z.loose = false
	sc := z.scratchFor()
	if len(z.twins) > 0 || len(z.keys) < sc.classEdges() {
		return
	}
	n := len(z.vars)
	if sc.spend(len(z.keys)) {
		return
	}
	// Where the edges of each source start, and the edges by destination.
	row := slices.Grow(sc.rowStart[:0], n+1)[:n+1]
	col := slices.Grow(sc.colStart[:0], n+2)[:n+2]
	clear(row)
	clear(col)
	sc.rowStart, sc.colStart = row, col
	for _, k := range z.keys {
		s, d := ends(k)
		row[s+1]++
		col[d+2]++
	}
	for i := 1; i <= n; i++ {
		row[i] += row[i-1]
		col[i+1] += col[i]
	}
	by := slices.Grow(sc.byDest[:0], len(z.keys))[:len(z.keys)]
	sc.byDest = by
	for j, k := range z.keys {
		d := k & 0xffff
		by[col[d+1]] = int32(j)
		col[d+1]++
	}
	// Of columns, col[d] is now the start.
	taken := sc.marks(n)
	for i := range n {
		if taken[i] != 0 || z.vars[i].MinOnly() {
			continue
		}
		// Edges i -> d of w with edges d -> i of -w, for greater d.
		c := col[i]
		for j := row[i]; j < row[i+1]; j++ {
			d := int(z.keys[j] & 0xffff)
			if d <= i || taken[d] != 0 || z.vars[d].MinOnly() {
				continue
			}
			for c < col[i+1] && int(z.keys[by[c]]>>16) < d {
				c++
			}
			if c == col[i+1] {
				break
			}
			if sc.stopped {
				z.twins = z.twins[:0]
				return
			}
			if int(z.keys[by[c]]>>16) == d && z.ws[by[c]] == z.ws[j].Neg() && z.alike(i, d, z.ws[j], row, col, by) {
				taken[d] = 1
				z.twins = append(z.twins, twin{uint16(d), uint16(i), z.ws[j]})
			}
		}
	}
	stored := 0
	for _, k := range z.keys {
		if taken[k>>16]|taken[k&0xffff] == 0 {
			stored++
		}
	}
	if 2*(stored+len(z.twins)) > len(z.keys) && sc.classFrom == 0 {
		// Not worth it: an operation that needs all edges would make them again.
		z.twins = z.twins[:0]
		return
	}
	slices.SortFunc(z.twins, func(a, b twin) int { return int(a.at) - int(b.at) })
	// The zone may be kept for long: it gets a buffer of its new size if that is much less.
	inPlace := cap(z.keys) <= 4*stored+8*defaultClassEdges
	buf := edgeBuffer{z.keys[:0], z.ws[:0]}
	if !inPlace {
		buf = takeBuffer(&sc.small, stored)
	}
	for j, k := range z.keys {
		if taken[k>>16]|taken[k&0xffff] == 0 {
			buf.keys, buf.ws = append(buf.keys, k), append(buf.ws, z.ws[j])
		}
	}
	if !inPlace {
		sc.giveLarge(edgeBuffer{z.keys, z.ws})
	}
	z.keys, z.ws = buf.keys, buf.ws
}

// alike reports whether the variable at index d, which is k more than that at i, has just the
// bounds and edges that a twin of i has. by[col[d]:col[d+1]] are the positions of the
// edges to d.
func (z *Zone) alike(i, d int, k Int, row, col, by []int32) bool {
	a, b := &z.nodes[i], &z.nodes[d]
	if (a.lo == NegInf) != (b.lo == NegInf) || a.lo != NegInf && a.lo.add(k) != b.lo ||
		(a.hi == PosInf) != (b.hi == PosInf) || a.hi != PosInf && a.hi.add(k) != b.hi || a.pot.add(k) != b.pot {
		return false
	}
	z.spend(int(row[i+1] - row[i] + col[i+1] - col[i]))
	// Both lists of edges without those to i and d; an edge from d to itself is one that a
	// twin cannot have.
	x, y := row[i], row[d]
	for {
		for x < row[i+1] && (int(z.keys[x]&0xffff) == i || int(z.keys[x]&0xffff) == d) {
			x++
		}
		if y < row[d+1] && int(z.keys[y]&0xffff) == d {
			return false
		}
		if y < row[d+1] && int(z.keys[y]&0xffff) == i {
			y++
			continue
		}
		if x == row[i+1] || y == row[d+1] {
			break
		}
		if z.keys[x]&0xffff != z.keys[y]&0xffff || z.ws[x].sub(k) != z.ws[y] {
			return false
		}
		x, y = x+1, y+1
	}
	if x != row[i+1] || y != row[d+1] {
		return false
	}
	x, y = col[i], col[d]
	for {
		for x < col[i+1] && (int(z.keys[by[x]]>>16) == i || int(z.keys[by[x]]>>16) == d) {
			x++
		}
		for y < col[d+1] && int(z.keys[by[y]]>>16) == i {
			y++
		}
		if x == col[i+1] || y == col[d+1] {
			break
		}
		if z.keys[by[x]]>>16 != z.keys[by[y]]>>16 || z.ws[by[x]].add(k) != z.ws[by[y]] {
			return false
		}
		x, y = x+1, y+1
	}
	return x == col[i+1] && y == col[d+1]
}
