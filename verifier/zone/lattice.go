package zone

import "slices"

// joinScratch is the memory of the operations on two zones.
type joinScratch struct {
	words []uint64
	vars  []Var
	nodes []node
	li    []uint16 // index in the left zone, of each variable of the result; gone if absent
	ri    []uint16
	lmap  []uint16 // index in the result, of each variable of the left zone; gone if absent
	rmap  []uint16
	both  []pairEdge
	row   []int32 // start of a vertex's edges in both
	pots  []Int
	extra [2][]colorEdge
	ways  [2]ways
	mark  []uint8
	flags []uint8
	up    [4][]uint16
}

// pairEdge is an edge in a common numbering of two graphs: its weight in each, PosInf
// where it has none.
type pairEdge struct {
	key  uint32
	l, r Int
}

// colorEdge is an edge of one graph that was put together from two: an explicit
// one (black) and another one (white).
type colorEdge struct {
	key   uint32
	w     Int
	color uint8
}

// ways are the edges of one graph over which a search goes on behind its first vertex, by
// source: those of source v are edges[row[v]:row[v+1]].
type ways struct {
	edges []way
	row   []int32
}

type way struct {
	to    uint16
	color uint8
	w     Int
}

const (
	black uint8 = 1 << iota
	white
	grey = black | white
)

// align numbers the variables that both zones map (or that either maps).
func (js *joinScratch) align(l, r *Zone, union bool) {
	js.vars, js.li, js.ri = js.vars[:0], js.li[:0], js.ri[:0]
	js.lmap = slices.Grow(js.lmap[:0], len(l.vars))[:len(l.vars)]
	js.rmap = slices.Grow(js.rmap[:0], len(r.vars))[:len(r.vars)]
	i, j := 0, 0
	for i < len(l.vars) || j < len(r.vars) {
		switch {
		case j == len(r.vars) || i < len(l.vars) && l.vars[i] < r.vars[j]:
			js.lmap[i] = gone
			if union {
				js.lmap[i] = uint16(len(js.vars))
				js.vars, js.li, js.ri = append(js.vars, l.vars[i]), append(js.li, uint16(i)), append(js.ri, gone)
			}
			i++
		case i == len(l.vars) || r.vars[j] < l.vars[i]:
			js.rmap[j] = gone
			if union {
				js.rmap[j] = uint16(len(js.vars))
				js.vars, js.li, js.ri = append(js.vars, r.vars[j]), append(js.li, gone), append(js.ri, uint16(j))
			}
			j++
		default:
			js.lmap[i], js.rmap[j] = uint16(len(js.vars)), uint16(len(js.vars))
			js.vars, js.li, js.ri = append(js.vars, l.vars[i]), append(js.li, uint16(i)), append(js.ri, uint16(j))
			i, j = i+1, j+1
		}
	}
}

// pairUp lists the edges of both graphs between aligned variables, by key.
func (js *joinScratch) pairUp(l, r *Zone) {
	l.touch()
	l.spend(len(r.keys) + len(r.vars))
	js.both = js.both[:0]
	j := 0
	rkey := func() (uint32, bool) {
		for ; j < len(r.keys); j++ {
			s, d := ends(r.keys[j])
			if a, b := js.rmap[s], js.rmap[d]; a != gone && b != gone {
				return edgeKey(int(a), int(b)), true
			}
		}
		return 0, false
	}
	rk, rok := rkey()
	flush := func(limit uint32, all bool) {
		for rok && (all || rk < limit) {
			js.both = append(js.both, pairEdge{rk, PosInf, r.ws[j]})
			j++
			rk, rok = rkey()
		}
	}
	for i, k := range l.keys {
		s, d := ends(k)
		a, b := js.lmap[s], js.lmap[d]
		if a == gone || b == gone {
			continue
		}
		k = edgeKey(int(a), int(b))
		flush(k, false)
		if rok && rk == k {
			js.both = append(js.both, pairEdge{k, l.ws[i], r.ws[j]})
			j++
			rk, rok = rkey()
		} else {
			js.both = append(js.both, pairEdge{k, l.ws[i], PosInf})
		}
	}
	flush(0, true)
}

// Join makes z the join of z and o (PREVAIL's z | o). Joining onto bottom copies o;
// PREVAIL joins o with itself there where types are involved, which is Tighten.
func (z *Zone) Join(o *Zone) {
	switch {
	case o.bottom || z.cancelled():
		return
	case z.bottom:
		z.CopyFrom(o)
		return
	case o.IsTop():
		z.CopyFrom(o)
		return
	case z.IsTop():
		return
	}
	given := o
	o = z.unfold(o)
	defer o.endOf(given)
	sc := z.scratchFor()
	js := &sc.join
	js.align(z, o, false)
	js.pairUp(z, o)
	n := len(js.vars)
	if sc.stopped {
		return
	}

	// An edge of one side meets the bounds of the other: what these imply is an edge
	// there too. Colour edges by where their weight comes from.
	js.closeSide(sc, 0, z, o)
	js.closeSide(sc, 1, o, z)
	if sc.stopped {
		return
	}

	// The edges that both closed graphs have, with the greater weight.
	sc.resetNew()
	a, b := js.extra[0], js.extra[1]
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i].key < b[j].key:
			i++
		case b[j].key < a[i].key:
			j++
		default:
			sc.add(a[i].key, maxInt(a[i].w, b[j].w))
			i, j = i+1, j+1
		}
	}

	// Variables whose bounds moved, and the bounds of the result.
	for i := range js.up {
		js.up[i] = js.up[i][:0]
	}
	const loUp, loDown, hiUp, hiDown = 0, 1, 2, 3
	js.nodes = js.nodes[:0]
	for i := range n {
		l, r := &z.nodes[js.li[i]], &o.nodes[js.ri[i]]
		res := node{lo: NegInf, hi: PosInf, pot: l.pot.sub(z.zero)}
		if l.lo != NegInf && r.lo != NegInf {
			res.lo = minInt(l.lo, r.lo)
			if l.lo.Less(r.lo) {
				js.up[loUp] = append(js.up[loUp], uint16(i))
			} else if r.lo.Less(l.lo) {
				js.up[loDown] = append(js.up[loDown], uint16(i))
			}
		}
		if l.hi != PosInf && r.hi != PosInf {
			res.hi = maxInt(l.hi, r.hi)
			if l.hi.Less(r.hi) {
				js.up[hiUp] = append(js.up[hiUp], uint16(i))
			} else if r.hi.Less(l.hi) {
				js.up[hiDown] = append(js.up[hiDown], uint16(i))
			}
		}
		js.nodes = append(js.nodes, res)
	}

	keys, ws := sc.keys[:0], sc.ws[:0]
	if len(js.up[loUp])*len(js.up[hiUp])+len(js.up[loDown])*len(js.up[hiDown]) == 0 {
		keys, ws = append(keys, sc.newKeys...), append(ws, sc.newWs...)
	} else {
		// Differences of variables that moved the same way. The sources are in one of the
		// two lists, so going through all of them in order gives the edges by key.
		next := 0
		take := func(limit uint32, all bool) {
			for next < len(sc.newKeys) && (all || sc.newKeys[next] < limit) {
				keys, ws = append(keys, sc.newKeys[next]), append(ws, sc.newWs[next])
				next++
			}
		}
		ups, downs := js.up[loUp], js.up[loDown]
		for len(ups)+len(downs) > 0 {
			var s uint16
			dest := js.up[hiUp]
			if len(downs) == 0 || len(ups) > 0 && ups[0] < downs[0] {
				s, ups = ups[0], ups[1:]
			} else {
				s, downs = downs[0], downs[1:]
				dest = js.up[hiDown]
			}
			l, r := &z.nodes[js.li[s]], &o.nodes[js.ri[s]]
			sc.spend(len(dest))
			for _, d := range dest {
				if s == d {
					continue
				}
				w := maxInt(z.nodes[js.li[d]].hi.sub(l.lo), o.nodes[js.ri[d]].hi.sub(r.lo))
				k := edgeKey(int(s), int(d))
				take(k, false)
				if next < len(sc.newKeys) && sc.newKeys[next] == k {
					sc.newWs[next] = minInt(sc.newWs[next], w)
				} else {
					keys, ws = append(keys, k), append(ws, w)
				}
			}
		}
		take(0, true)
	}
	z.replaceGraph(sc, keys, ws)
	z.zero = Zero
	z.open = z.open || o.open
	z.forgetUnconstrained(sc)
	z.compact()
}

// unfold prepares an operation on all edges of z and o: it stores z's, and returns o if it
// stores its own, or else a copy that does, in z's pool. endOf ends its life.
func (z *Zone) unfold(o *Zone) *Zone {
	z.expand()
	if len(o.twins) == 0 {
		return o
	}
	t := z.scratchPool().Copy(o)
	t.expand()
	return t
}

// replaceGraph gives z the aligned variables, js.nodes and the given edges.
func (z *Zone) replaceGraph(sc *scratch, keys []uint32, ws []Int) {
	sc.spend(len(keys) + len(sc.join.vars))
	sc.keys, sc.ws, z.keys, z.ws = z.keys, z.ws, keys, ws
	js := &sc.join
	z.vars = append(z.vars[:0], js.vars...)
	z.nodes = append(z.nodes[:0], js.nodes...)
	clear(z.dense[:])
	for _, v := range z.vars {
		if v >= denseVars {
			break
		}
		z.dense[v>>6] |= 1 << (v & 63)
	}
}

// forgetUnconstrained unmaps variables without bounds and edges.
func (z *Zone) forgetUnconstrained(sc *scratch) {
	lone := false
	for i := range z.nodes {
		if z.nodes[i].unbounded() {
			lone = true
			break
		}
	}
	if !lone {
		return
	}
	keep := sc.marks(len(z.vars))
	for i := range keep {
		if z.nodes[i].unbounded() {
			keep[i] = gone
		}
	}
	for _, k := range z.keys {
		keep[k>>16], keep[k&0xffff] = 0, 0
	}
	for _, t := range z.twins {
		keep[t.at], keep[t.of] = 0, 0
	}
	if slices.Contains(keep, gone) {
		z.removeUnless(keep)
	}
}

// closeSide puts into js.extra[side] the graph of own together with the edges of other
// weighted by own's bounds, and closes it. js.both has the edges of the left zone (side
// 0) in l, of the right one in r.
func (js *joinScratch) closeSide(sc *scratch, side int, own, other *Zone) {
	index := js.li
	if side == 1 {
		index = js.ri
	}
	sc.spend(len(js.both))
	g := js.extra[side][:0]
	colors := uint8(0)
	for _, e := range js.both {
		mine, theirs := e.l, e.r
		if side == 1 {
			mine, theirs = e.r, e.l
		}
		implied := PosInf
		if theirs != PosInf {
			s, d := ends(e.key)
			if lo, hi := own.nodes[index[s]].lo, own.nodes[index[d]].hi; lo != NegInf && hi != PosInf {
				implied = hi.sub(lo)
			}
		}
		w, c := mine, black
		switch {
		case mine == PosInf && implied == PosInf:
			continue
		case implied.Less(mine):
			w, c = implied, white
		case implied == mine:
			c = grey
		}
		colors |= 1 << c
		g = append(g, colorEdge{e.key, w, c})
	}
	js.extra[side] = g
	if colors&(1<<black) == 0 || colors&(1<<white) == 0 {
		return // paths are over edges of alternating colour
	}
	n := len(js.vars)
	js.pots = js.pots[:0]
	for _, i := range index[:n] {
		js.pots = append(js.pots, own.nodes[i].pot)
	}
	js.extra[side] = js.chromaticClosure(sc, g, n)
}

func (w *ways) start(n int) {
	w.edges = w.edges[:0]
	w.row = slices.Grow(w.row[:0], n+1)[:0]
}

// add appends an edge; they come in the order of their keys.
func (w *ways) add(e *colorEdge) {
	for s := int(e.key >> 16); len(w.row) <= s; {
		w.row = append(w.row, int32(len(w.edges)))
	}
	w.edges = append(w.edges, way{uint16(e.key), e.color, e.w})
}

func (w *ways) finish(n int) {
	for len(w.row) <= n {
		w.row = append(w.row, int32(len(w.edges)))
	}
}

// rows computes where the edges of each source start.
func (js *joinScratch) rows(g []colorEdge, n int) {
	js.row = slices.Grow(js.row[:0], n+1)[:n+1]
	v := 0
	for i := range g {
		for s := int(g[i].key >> 16); v <= s; v++ {
			js.row[v] = int32(i)
		}
	}
	for ; v <= n; v++ {
		js.row[v] = int32(len(g))
	}
}

// chromaticClosure adds to g, sorted by key, the edges that go over paths of alternating
// colour: both constituents are taken as closed already, so a path of one colour needs
// no closing, and a vertex reached with both colours at equal cost neither (Gange et
// al., section 5.3). js.pots satisfies all edges.
func (js *joinScratch) chromaticClosure(sc *scratch, g []colorEdge, n int) []colorEdge {
	sc.spend(2 * len(g))
	js.rows(g, n)
	// Colours that leave a vertex, and the edges of each: where many variables are equal
	// nearly all edges have one colour and the others are the ones that are looked for.
	js.flags = slices.Grow(js.flags[:0], n)[:n]
	clear(js.flags)
	js.ways[0].start(n)
	js.ways[1].start(n)
	for i := range g {
		if c := g[i].color; c != grey {
			js.flags[g[i].key>>16] |= c
			js.ways[c-black].add(&g[i])
		}
	}
	js.ways[0].finish(n)
	js.ways[1].finish(n)
	js.mark = slices.Grow(js.mark[:0], n)[:n]
	sc.resetNew()
	for src := range n {
		if sc.stopped {
			break
		}
		out := g[js.row[src]:js.row[src+1]]
		worth := false
		for i := range out {
			if c := out[i].color; c != grey && js.flags[out[i].key&0xffff]&(grey^c) != 0 {
				worth = true
				break
			}
		}
		if !worth {
			continue
		}
		js.search(sc, g, src, n, func(v int) *ways {
			switch js.mark[v] {
			case black:
				return &js.ways[white-black]
			case white:
				return &js.ways[0]
			}
			return nil
		}, func(v int, e uint8) uint8 { return e })
	}
	return sc.mergeColored(g)
}

// search runs Dijkstra's algorithm from src over reduced costs and notes in sc the edges
// src -> v that are missing or longer than the way found. A vertex is left over the edges
// of leave(v), if that is not nil; whoever is reached over an edge of colour c from v gets
// the mark arrive(v, c), ored over all shortest ways found before it is left.
func (js *joinScratch) search(sc *scratch, g []colorEdge, src, n int, leave func(v int) *ways,
	arrive func(v int, c uint8) uint8) {
	sc.spend(n)
	sc.startDist(n)
	sc.heap.reset(n)
	h, pots := &sc.heap, js.pots
	sc.seen[src], sc.dist[src] = sc.stamp, Zero
	for _, e := range g[js.row[src]:js.row[src+1]] {
		d := int(e.key & 0xffff)
		sc.seen[d], sc.dist[d] = sc.stamp, pots[src].add(e.w).sub(pots[d])
		js.mark[d] = arrive(src, e.color)
		h.put(d, sc.dist)
	}
	direct := g[js.row[src]:js.row[src+1]]
	for len(h.items) > 0 && !sc.stopped {
		v := h.pop(sc.dist)
		cost := sc.dist[v].add(pots[v])
		w := cost.sub(pots[src])
		k := edgeKey(src, v)
		if i, ok := slices.BinarySearchFunc(direct, k, func(e colorEdge, k uint32) int { return int(e.key) - int(k) }); !ok || w.Less(direct[i].w) {
			sc.add(k, w)
		}
		on := leave(v)
		if on == nil {
			continue
		}
		out := on.edges[on.row[v]:on.row[v+1]]
		sc.spend(1 + len(out))
		for i := range out {
			e := &out[i]
			d := int(e.to)
			c := cost.add(e.w).sub(pots[d])
			switch {
			case sc.seen[d] != sc.stamp || c.Less(sc.dist[d]):
				sc.seen[d], sc.dist[d] = sc.stamp, c
				js.mark[d] = arrive(v, e.color)
				h.put(d, sc.dist)
			case c == sc.dist[d]:
				js.mark[d] |= arrive(v, e.color)
			}
		}
	}
}

// mergeColored merges the noted edges into g; they replace edges of the same key.
func (sc *scratch) mergeColored(g []colorEdge) []colorEdge {
	if len(sc.newKeys) == 0 {
		return g
	}
	sc.sortNew()
	if sc.spend(len(g) + 8*len(sc.newKeys)) {
		return g
	}
	// From the back, into the grown slice.
	add := 0
	for i, k := range sc.newKeys {
		if _, ok := slices.BinarySearchFunc(g, k, func(e colorEdge, k uint32) int { return int(e.key) - int(k) }); !ok {
			add++
		}
		_ = i
	}
	i, j := len(g)-1, len(sc.newKeys)-1
	g = slices.Grow(g, add)[:len(g)+add]
	for out := len(g) - 1; j >= 0; out-- {
		k := sc.newKeys[j]
		switch {
		case i >= 0 && g[i].key > k:
			g[out] = g[i]
			i--
		case i >= 0 && g[i].key == k:
			g[out] = colorEdge{k, sc.newWs[j], g[i].color}
			i, j = i-1, j-1
		default:
			g[out] = colorEdge{k, sc.newWs[j], grey}
			j--
		}
	}
	return g
}

// Tighten makes z the join of z with itself: explicit edges looser than the bounds
// are tightened and the graph closed again, and mapped variables without bounds and
// edges are forgotten. It is the identity for most zones and then costs one scan.
func (z *Zone) Tighten() {
	if z.bottom {
		return
	}
	z.touch()
	for j, k := range z.keys {
		s, d := ends(k)
		// Twins have just the same edges and bounds.
		if lo, hi := z.nodes[s].lo, z.nodes[d].hi; lo != NegInf && hi != PosInf && hi.sub(lo).Less(z.ws[j]) {
			t := z.temp()
			z.Join(t)
			t.release()
			return
		}
	}
	if !z.IsTop() {
		z.forgetUnconstrained(z.scratchFor())
	}
}

// Widen makes z the widening of z (the old state) by o (the new one).
func (z *Zone) Widen(o *Zone) {
	if o.bottom || z.cancelled() {
		return
	}
	if z.bottom {
		z.CopyFrom(o)
		return
	}
	given := o
	o = z.unfold(o)
	defer o.endOf(given)
	sc := z.scratchFor()
	js := &sc.join
	js.align(z, o, false)
	js.pairUp(z, o)
	n := len(js.vars)
	if sc.stopped {
		return
	}

	// Keep what o has at least as tight. A vertex that lost an outgoing edge or its lower
	// bound is unstable.
	js.flags = slices.Grow(js.flags[:0], n)[:n]
	clear(js.flags)
	unstable := false
	g := js.extra[0][:0]
	for _, e := range js.both {
		switch {
		case e.l == PosInf:
		case e.r != PosInf && e.r.Leq(e.l):
			g = append(g, colorEdge{e.key, e.l, black})
		default:
			js.flags[e.key>>16] = 1
			unstable = true
		}
	}
	js.nodes, js.pots = js.nodes[:0], js.pots[:0]
	for i := range n {
		l, r := &z.nodes[js.li[i]], &o.nodes[js.ri[i]]
		res := node{lo: l.lo, hi: l.hi, pot: l.pot.sub(z.zero)}
		if l.lo != NegInf && r.lo.Less(l.lo) {
			res.lo = NegInf
			js.flags[i] = 1
			unstable = true
		}
		if l.hi != PosInf && l.hi.Less(r.hi) {
			res.hi = PosInf
			unstable = true // the constant 0
		}
		js.nodes = append(js.nodes, res)
		js.pots = append(js.pots, res.pot)
	}
	if unstable {
		// Close from unstable vertices over unstable vertices.
		js.rows(g, n)
		js.mark = slices.Grow(js.mark[:0], n)[:n]
		all := &js.ways[0]
		all.start(n)
		for i := range g {
			all.add(&g[i])
		}
		all.finish(n)
		sc.resetNew()
		const fromUnstable, fromStable = 0, 1
		for src := range n {
			if js.flags[src] == 0 || sc.stopped {
				continue
			}
			js.search(sc, g, src, n, func(v int) *ways {
				if js.mark[v] == fromStable {
					return nil
				}
				return all
			}, func(v int, c uint8) uint8 {
				if js.flags[v] == 0 {
					return fromStable
				}
				return fromUnstable
			})
		}
		g = sc.mergeColored(g)
	}
	js.extra[0] = g
	keys, ws := sc.keys[:0], sc.ws[:0]
	for _, e := range g {
		keys, ws = append(keys, e.key), append(ws, e.w)
	}
	z.replaceGraph(sc, keys, ws)
	z.zero = Zero
	if unstable {
		z.open = true
		z.closeBounds()
	}
	z.compact()
}

// Meet makes z the intersection of z and o; false means that z became bottom.
func (z *Zone) Meet(o *Zone) bool {
	switch {
	case z.bottom:
		return false
	case o.bottom:
		z.SetBottom()
		return false
	case z.IsTop():
		z.CopyFrom(o)
		return true
	case o.IsTop():
		return true
	}
	given := o
	o = z.unfold(o)
	defer o.endOf(given)
	sc := z.scratchFor()
	js := &sc.join
	js.align(z, o, true)
	js.pairUp(z, o)
	n := len(js.vars)
	js.nodes = js.nodes[:0]
	for i := range n {
		res := freeNode
		if j := js.ri[i]; j != gone {
			res = o.nodes[j]
			res.pot = res.pot.sub(o.zero)
		}
		if j := js.li[i]; j != gone {
			l := z.nodes[j]
			res.lo, res.hi, res.pot = maxInt(res.lo, l.lo), minInt(res.hi, l.hi), l.pot.sub(z.zero)
		}
		if res.hi.Less(res.lo) {
			z.SetBottom()
			return false
		}
		js.nodes = append(js.nodes, res)
	}
	g := js.extra[0][:0]
	keys, ws := sc.keys[:0], sc.ws[:0]
	for _, e := range js.both {
		c := black
		if e.r.Less(e.l) {
			c = white
		} else if e.r == e.l {
			c = grey
		}
		w := minInt(e.l, e.r)
		g = append(g, colorEdge{e.key, w, c})
		keys, ws = append(keys, e.key), append(ws, w)
	}
	z.replaceGraph(sc, keys, ws)
	z.zero = Zero
	if !z.findPots() {
		z.SetBottom()
		return false
	}
	js.pots = js.pots[:0]
	for i := range z.nodes {
		js.pots = append(js.pots, z.nodes[i].pot)
	}
	g = js.chromaticClosure(sc, g, n)
	js.extra[0] = g
	z.keys, z.ws = z.keys[:0], z.ws[:0]
	for _, e := range g {
		z.keys, z.ws = append(z.keys, e.key), append(z.ws, e.w)
	}
	z.open = true
	z.closeBounds()
	z.compact()
	return true
}

// findPots lowers potentials until they satisfy all bounds and edges, or reports that
// nothing does (Bellman and Ford).
func (z *Zone) findPots() bool {
	for range len(z.nodes) + 2 {
		if z.spend(len(z.keys)) {
			return false
		}
		changed := false
		for j, k := range z.keys {
			s, d := ends(k)
			if p := z.nodes[s].pot.add(z.ws[j]); p.Less(z.nodes[d].pot) {
				z.nodes[d].pot = p
				changed = true
			}
		}
		for i := range z.nodes {
			if n := &z.nodes[i]; n.lo != NegInf {
				if p := n.pot.sub(n.lo); p.Less(z.zero) {
					z.zero = p
					changed = true
				}
			}
		}
		for i := range z.nodes {
			if n := &z.nodes[i]; n.hi != PosInf {
				if p := z.zero.add(n.hi); p.Less(n.pot) {
					n.pot = p
					changed = true
				}
			}
		}
		if !changed {
			return true
		}
	}
	return false
}

// Narrow is the descending step of PREVAIL's iteration: the identity on numbers,
// except that top narrowed by o is o, and bottom if either is bottom.
func (z *Zone) Narrow(o *Zone) {
	switch {
	case z.bottom:
	case o.bottom:
		z.SetBottom()
	case z.IsTop():
		z.CopyFrom(o)
	}
}

// Leq reports whether z is below o in PREVAIL's order: no bound or edge of o is
// stronger than what z has explicitly or by bounds, and z maps at least as many
// variables as o.
func (z *Zone) Leq(o *Zone) bool { return z.LeqWithout(o, nil) }

// LeqWithout is Leq where o is taken without the variables in drop (a nil set is
// empty): the kinds that z's types rule out, which are bottom in z.
func (z *Zone) LeqWithout(o *Zone, drop *VarSet) bool {
	if z.bottom {
		return true
	}
	if o.bottom {
		return false
	}
	if len(z.twins)+len(o.twins) > 0 {
		a, b := z.expanded(), o.expanded()
		defer a.endOf(z)
		defer b.endOf(o)
		return a.LeqWithout(b, drop)
	}
	if z.spend(len(o.keys) + len(o.vars)) {
		return true
	}
	// The index in z of each variable of o; missing if z does not map it, gone if it is
	// dropped.
	const missing = gone - 1
	var buf [192]uint16
	at := buf[:0]
	count, top, j := 0, true, 0
	for i, v := range o.vars {
		if drop != nil && drop.Has(v) {
			at = append(at, gone)
			continue
		}
		count++
		top = top && o.nodes[i].unbounded()
		for j < len(z.vars) && z.vars[j] < v {
			j++
		}
		if j < len(z.vars) && z.vars[j] == v {
			at = append(at, uint16(j))
		} else {
			at = append(at, missing)
		}
	}
	if top {
		for _, k := range o.keys {
			if s, d := ends(k); at[s] != gone && at[d] != gone {
				top = false
				break
			}
		}
	}
	switch {
	case top:
		return true
	case z.IsTop(), len(z.vars) < count:
		return false
	}
	for i := range o.nodes {
		n := &o.nodes[i]
		if at[i] == gone || n.unbounded() {
			continue
		}
		if at[i] == missing || z.nodes[at[i]].lo.Less(n.lo) || n.hi.Less(z.nodes[at[i]].hi) {
			return false
		}
	}
	next := 0
	for i, k := range o.keys {
		s, d := ends(k)
		a, b := at[s], at[d]
		switch {
		case a == gone || b == gone:
			continue
		case a == missing || b == missing:
			return false
		}
		w := o.ws[i]
		if lo, hi := z.nodes[a].lo, z.nodes[b].hi; lo != NegInf && hi != PosInf && hi.sub(lo).Leq(w) {
			continue
		}
		// Both lists are in the same order.
		k = edgeKey(int(a), int(b))
		for next < len(z.keys) && z.keys[next] < k {
			next++
		}
		if next == len(z.keys) || z.keys[next] != k || w.Less(z.ws[next]) {
			return false
		}
	}
	return true
}
