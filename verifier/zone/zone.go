package zone

import (
	"math/bits"
	"slices"
)

// Zone is a set of assignments of integers to variables; see the package comment.
// Zones come from a Pool and are changed in place. No method of a zone allocates once
// its buffers have grown to size.
type Zone struct {
	pool   *Pool
	bottom bool

	// Mapped variables, ascending; a variable's index in vars is its index in nodes
	// and in the edge keys. dense has a bit for each mapped variable below denseVars.
	vars  []Var
	nodes []node
	dense [denseVars / 64]uint64

	// Explicit edges, ascending by key: source index in the high half, destination in
	// the low half. Edge s -> d of weight w means d - s <= w. A closure over a cycle may
	// leave an edge from a variable to itself; it says nothing, but counts as an edge.
	keys []uint32
	ws   []Int

	// Variables without edges of their own, ascending; see classes.go. loose says that
	// edges of twins were stored since classes were looked for.
	twins []twin
	loose bool

	// zero is the potential of the constant 0.
	zero Int

	// open is false only if closeBounds would change nothing: no upper bound is greater
	// than that of an edge's source plus the weight, no lower bound less than that of an
	// edge's destination minus the weight.
	open bool
}

// node is what is known of one variable.
type node struct {
	// lo and hi are the bounds. hi of a min-only variable is not shown by Interval,
	// but closure may set it, and then it is an edge like others.
	lo, hi Int
	// pot - Zone.zero is the value of the variable in one assignment of the zone.
	pot Int
}

var freeNode = node{lo: NegInf, hi: PosInf}

func edgeKey(s, d int) uint32   { return uint32(s)<<16 | uint32(d) }
func ends(k uint32) (s, d int)  { return int(k >> 16), int(k & 0xffff) }
func reverse(k uint32) uint32   { return k<<16 | k>>16 }
func (n *node) unbounded() bool { return n.lo == NegInf && n.hi == PosInf }
func tooLarge(w Int) bool       { return uint64(w.hi)+1<<40 >= 1<<41 }
func (z *Zone) visibleHi(i int) Int {
	if z.vars[i].MinOnly() {
		return PosInf
	}
	return z.nodes[i].hi
}

// Pool hands out zones and holds the scratch memory of their operations. A pool and
// its zones belong to one goroutine.
type Pool struct {
	free []*Zone
	scratch
}

// StopWhen has stop asked again and again by operations that may take long. Once it says
// true they end early, and their results must not be used.
func (p *Pool) StopWhen(stop func() bool) { p.stop = stop }

// Stopped reports whether stop has said true.
func (p *Pool) Stopped() bool { return p.stopped }

// Work is the number of edges and variables that the operations of the pool's zones went
// over since it was made: a measure of the time that they took.
func (p *Pool) Work() int { return p.work }

// LimitEdges is how many edges a zone may store; 0: any number. More come together where
// an operation needs all edges of many equal variables. It leaves a zone that knows less
// then, and TooManyEdges says so.
func (p *Pool) LimitEdges(n int) { p.mostEdges = n }

// TooManyEdges reports whether LimitEdges was exceeded.
func (p *Pool) TooManyEdges() bool { return p.tooMany }

// NewPool returns an empty pool.
func NewPool() *Pool { return &Pool{} }

func (p *Pool) get() *Zone {
	if n := len(p.free); n > 0 {
		z := p.free[n-1]
		p.free = p.free[:n-1]
		return z
	}
	return &Zone{pool: p}
}

// Top returns a zone that knows nothing.
func (p *Pool) Top() *Zone {
	z := p.get()
	z.SetTop()
	return z
}

// Bottom returns a zone without assignments.
func (p *Pool) Bottom() *Zone {
	z := p.get()
	z.SetBottom()
	return z
}

// Copy returns a copy of z, which may belong to another pool or be frozen.
func (p *Pool) Copy(z *Zone) *Zone {
	c := p.get()
	c.CopyFrom(z)
	return c
}

// Free gives the memory of z back. z must not be used afterwards.
func (p *Pool) Free(z *Zone) {
	if z != nil && z.pool == p {
		p.free = append(p.free, z)
	}
}

// Trim gives up the memory that the pool holds for later zones and operations.
func (p *Pool) Trim() { *p = Pool{} }

// Freeze returns a copy of z that owns exactly the memory it needs and belongs to no
// pool. It must not be changed; its reading methods may be used from several goroutines.
func (z *Zone) Freeze() *Zone {
	c := &Zone{bottom: z.bottom, dense: z.dense, zero: z.zero, open: z.open}
	c.vars = append(make([]Var, 0, len(z.vars)), z.vars...)
	c.nodes = append(make([]node, 0, len(z.nodes)), z.nodes...)
	c.keys = append(make([]uint32, 0, len(z.keys)), z.keys...)
	c.ws = append(make([]Int, 0, len(z.ws)), z.ws...)
	c.twins, c.loose = slices.Clone(z.twins), z.loose
	return c
}

// Bytes is the memory that z's contents take.
func (z *Zone) Bytes() int { return len(z.vars)*(2+48) + len(z.keys)*(4+16) + len(z.twins)*(4+16) }

// temp is a copy of z for questions that need one; free ends its life.
func (z *Zone) temp() *Zone {
	p := z.pool
	if p == nil {
		p = NewPool()
	}
	return p.Copy(z)
}

func (z *Zone) release() { z.pool.Free(z) }

// CopyFrom makes z equal to o.
func (z *Zone) CopyFrom(o *Zone) {
	if z == o || z.spend(len(o.keys)+len(o.vars)) {
		return
	}
	z.bottom, z.zero, z.dense, z.open = o.bottom, o.zero, o.dense, o.open
	z.vars = append(z.vars[:0], o.vars...)
	z.nodes = append(z.nodes[:0], o.nodes...)
	z.keys = append(z.keys[:0], o.keys...)
	z.ws = append(z.ws[:0], o.ws...)
	z.twins, z.loose = append(z.twins[:0], o.twins...), o.loose
}

// SetTop forgets everything.
func (z *Zone) SetTop() {
	z.SetBottom()
	z.bottom = false
}

// SetBottom makes z the empty set. All changing methods leave bottom as it is,
// except SetTop, CopyFrom and Join.
func (z *Zone) SetBottom() {
	z.bottom, z.zero, z.open = true, Zero, false
	clear(z.dense[:])
	z.vars, z.nodes, z.keys, z.ws = z.vars[:0], z.nodes[:0], z.keys[:0], z.ws[:0]
	z.twins, z.loose = z.twins[:0], false
}

// IsBottom reports whether z has no assignments. It is exact.
func (z *Zone) IsBottom() bool { return z.bottom }

// IsTop reports whether z has neither bounds nor edges.
func (z *Zone) IsTop() bool {
	if z.bottom || len(z.keys)+len(z.twins) != 0 {
		return false
	}
	for i := range z.nodes {
		if !z.nodes[i].unbounded() {
			return false
		}
	}
	return true
}

// Len returns the number of mapped variables, and that of stored edges: of a class of
// equal variables those of one, and one for each other.
func (z *Zone) Len() (vars, edges int) { return len(z.vars), len(z.keys) + len(z.twins) }

// Equal reports whether z and o have the same mapped variables, bounds and edges (for
// memos and tests).
func (z *Zone) Equal(o *Zone) bool {
	if z.bottom || o.bottom {
		return z.bottom == o.bottom
	}
	if !slices.Equal(z.twins, o.twins) {
		a, b := z.expanded(), o.expanded()
		defer a.endOf(z)
		defer b.endOf(o)
		return a.Equal(b)
	}
	if z.touch() {
		return true
	}
	return slices.Equal(z.vars, o.vars) && slices.Equal(z.keys, o.keys) && slices.Equal(z.ws, o.ws) &&
		slices.EqualFunc(z.nodes, o.nodes, func(a, b node) bool { return a.lo == b.lo && a.hi == b.hi })
}

// numDense returns the number of mapped variables below denseVars.
func (z *Zone) numDense() int {
	return bits.OnesCount64(z.dense[0]) + bits.OnesCount64(z.dense[1]) + bits.OnesCount64(z.dense[2])
}

// index returns the index of v, or where it would be inserted.
func (z *Zone) index(v Var) (int, bool) {
	if v < denseVars {
		w, bit := v>>6, uint64(1)<<(v&63)
		i := bits.OnesCount64(z.dense[w] & (bit - 1))
		if w > 0 {
			i += bits.OnesCount64(z.dense[0])
		}
		if w > 1 {
			i += bits.OnesCount64(z.dense[1])
		}
		return i, z.dense[w]&bit != 0
	}
	i, j := z.numDense(), len(z.vars)
	for i < j {
		m := int(uint(i+j) >> 1)
		if z.vars[m] < v {
			i = m + 1
		} else {
			j = m
		}
	}
	return i, i < len(z.vars) && z.vars[i] == v
}

// ensure maps v, without bounds or edges if it is new, and returns its index. Indices
// of later variables move.
func (z *Zone) ensure(v Var) int {
	i, ok := z.index(v)
	if ok {
		return i
	}
	z.touch()
	z.vars = slices.Insert(z.vars, i, v)
	z.nodes = slices.Insert(z.nodes, i, freeNode) // PREVAIL's potential of a new variable is 0 too
	if v < denseVars {
		z.dense[v>>6] |= 1 << (v & 63)
	}
	for j := range z.twins {
		t := &z.twins[j]
		if int(t.at) >= i {
			t.at++
		}
		if int(t.of) >= i {
			t.of++
		}
	}
	// Later variables move up by one.
	first, _ := z.find(edgeKey(i, 0))
	below := int32(i) - 1
	for j, k := range z.keys[:first] {
		z.keys[j] = k + uint32(below-int32(k&0xffff))>>31
	}
	for j, k := range z.keys[first:] {
		z.keys[first+j] = k + 1<<16 + uint32(below-int32(k&0xffff))>>31
	}
	return i
}

// cut drops the edges of the variable at index i.
func (z *Zone) cut(i int) {
	z.touch()
	z.detach(i)
	x, out := uint32(i), 0
	for j, k := range z.keys {
		if k>>16 == x || k&0xffff == x {
			continue
		}
		if out != j {
			z.keys[out], z.ws[out] = k, z.ws[j]
		}
		out++
	}
	z.keys, z.ws = z.keys[:out], z.ws[:out]
}

// remove unmaps the variable at index i.
func (z *Zone) remove(i int) {
	z.touch()
	z.detach(i)
	for j := range z.twins {
		t := &z.twins[j]
		if int(t.at) > i {
			t.at--
		}
		if int(t.of) > i {
			t.of--
		}
	}
	if v := z.vars[i]; v < denseVars {
		z.dense[v>>6] &^= 1 << (v & 63)
	}
	z.vars = slices.Delete(z.vars, i, i+1)
	z.nodes = slices.Delete(z.nodes, i, i+1)
	x, out := uint32(i), 0
	for j, k := range z.keys {
		s, d := k>>16, k&0xffff
		if s == x || d == x {
			continue
		}
		if d > x {
			k--
		}
		if s > x {
			k -= 1 << 16
		}
		z.keys[out] = k
		if out != j {
			z.ws[out] = z.ws[j]
		}
		out++
	}
	z.keys, z.ws = z.keys[:out], z.ws[:out]
}

const gone = 0xffff

// removeIf unmaps the variables whose index is not kept. keep has one entry for each
// variable and is overwritten.
func (z *Zone) removeUnless(keep []uint16) {
	if len(z.twins) > 0 {
		z.detachGone(keep)
	}
	z.touch()
	n := 0
	for i, k := range keep {
		if k == gone {
			if v := z.vars[i]; v < denseVars {
				z.dense[v>>6] &^= 1 << (v & 63)
			}
			continue
		}
		keep[i] = uint16(n)
		if n != i {
			z.vars[n], z.nodes[n] = z.vars[i], z.nodes[i]
		}
		n++
	}
	z.vars, z.nodes = z.vars[:n], z.nodes[:n]
	for j := range z.twins {
		t := &z.twins[j]
		t.at, t.of = keep[t.at], keep[t.of]
	}
	out := 0
	for j, k := range z.keys {
		s, d := keep[k>>16], keep[k&0xffff]
		if s == gone || d == gone {
			continue
		}
		z.keys[out], z.ws[out] = uint32(s)<<16|uint32(d), z.ws[j]
		out++
	}
	z.keys, z.ws = z.keys[:out], z.ws[:out]
}

// find returns the position of an edge in keys, or where it would be inserted.
func (z *Zone) find(k uint32) (int, bool) {
	i, j := 0, len(z.keys)
	for i < j {
		m := int(uint(i+j) >> 1)
		if z.keys[m] < k {
			i = m + 1
		} else {
			j = m
		}
	}
	return i, i < len(z.keys) && z.keys[i] == k
}

// weight returns the weight of the explicit edge, PosInf if there is none.
func (z *Zone) weight(k uint32) Int {
	if len(z.twins) > 0 {
		return z.classWeight(k)
	}
	if i, ok := z.find(k); ok {
		return z.ws[i]
	}
	return PosInf
}

// Interval returns the range of v; empty if z is bottom. MinOnly variables have no
// upper bound.
func (z *Zone) Interval(v Var) Interval {
	if z.bottom {
		return Empty()
	}
	i, ok := z.index(v)
	if !ok {
		return Top()
	}
	return Interval{z.nodes[i].lo, z.visibleHi(i)}
}

// Eval returns the range of e by interval arithmetic on the ranges of its variables.
func (z *Zone) Eval(e Expr) Interval {
	if z.bottom {
		return Empty()
	}
	r := SingleInt(e.k)
	for _, t := range e.t[:e.n] {
		r = r.Add(z.Interval(t.v).scale(int64(t.c)))
	}
	return r
}

// Difference returns the range of a - b as far as bounds and explicit edges tell.
func (z *Zone) Difference(a, b Var) Interval {
	if z.bottom {
		return Empty()
	}
	if a == b {
		return Single(0)
	}
	r := z.Interval(a).Sub(z.Interval(b))
	i, ok1 := z.index(a)
	j, ok2 := z.index(b)
	if ok1 && ok2 {
		r = r.Meet(Interval{z.weight(edgeKey(i, j)).Neg(), z.weight(edgeKey(j, i))})
	}
	return r
}

// Havoc forgets v.
func (z *Zone) Havoc(v Var) {
	if i, ok := z.index(v); ok {
		z.remove(i)
	}
}

// HavocKinds forgets the given kinds of a slot, in one pass.
func (z *Zone) HavocKinds(s Slot, kinds KindSet) {
	v := s.Var(0)
	first, _ := z.index(v)
	var have KindSet
	if v < denseVars {
		have = KindSet(z.dense[v>>6]>>(v&63)) & kinds
	} else {
		for i := first; i < len(z.vars) && z.vars[i].Slot() == s; i++ {
			have |= z.vars[i].Kind().Set()
		}
		have &= kinds
	}
	switch {
	case have == 0:
	case have&(have-1) == 0:
		z.Havoc(v | Var(bits.TrailingZeros16(uint16(have))))
	default:
		keep := z.scratchFor().marks(len(z.vars))
		for i := first; i < len(z.vars) && z.vars[i].Slot() == s; i++ {
			if have&z.vars[i].Kind().Set() != 0 {
				keep[i] = gone
			}
		}
		z.removeUnless(keep)
	}
}

// Forget forgets all variables of the set, in one pass.
func (z *Zone) Forget(s *VarSet) {
	if s == nil || len(z.vars) == 0 {
		return
	}
	keep, any := z.scratchFor().marks(len(z.vars)), false
	for i, v := range z.vars {
		if s.Has(v) {
			keep[i], any = gone, true
		}
	}
	if any {
		z.removeUnless(keep)
	}
}

// Set forgets v and gives it the bounds of i. An empty i makes z bottom.
func (z *Zone) Set(v Var, i Interval) {
	switch {
	case z.bottom || z.cancelled():
	case i.IsEmpty():
		z.SetBottom()
	case i.IsTop():
		z.Havoc(v)
	default:
		x, old := z.index(v)
		if old {
			z.cut(x)
		} else {
			z.ensure(v)
		}
		z.setBounds(x, i)
	}
}

// setBounds gives bounds to a variable without edges.
func (z *Zone) setBounds(x int, i Interval) {
	n := &z.nodes[x]
	n.lo, n.hi, n.pot = i.Lo, i.Hi, Zero
	if z.vars[x].MinOnly() {
		n.hi = PosInf
	}
	if n.lo != NegInf && tooLarge(n.lo) {
		n.lo = NegInf
	}
	if n.hi != PosInf && tooLarge(n.hi) {
		n.hi = PosInf
	}
	switch {
	case n.lo != NegInf:
		n.pot = z.zero.add(n.lo)
	case n.hi != PosInf:
		n.pot = z.zero.add(n.hi)
	}
}

// AssignConst is Set(v, Single(n)).
func (z *Zone) AssignConst(v Var, n int64) { z.Set(v, Single(n)) }

// AssignVar is Assign(v, V(w)): v = w, with all relations of w.
func (z *Zone) AssignVar(v, w Var) { z.Assign(v, V(w)) }

// Renaming is one pair of Rename.
type Renaming struct{ From, To Var }

// Rename renames From to To in order, for each From that is mapped; To is forgotten
// first. An unmapped From leaves To as it is. No To may be a From.
func (z *Zone) Rename(pairs []Renaming) {
	if z.bottom {
		return
	}
	for _, r := range pairs {
		if _, ok := z.index(r.From); ok && r.From != r.To {
			z.Havoc(r.To)
			i, _ := z.index(r.From)
			z.renameAt(i, r.To)
		}
	}
}

// renameAt gives the variable at index i another, unmapped id and moves it to its place.
func (z *Zone) renameAt(i int, to Var) {
	z.touch()
	n := z.nodes[i]
	if v := z.vars[i]; v < denseVars {
		z.dense[v>>6] &^= 1 << (v & 63)
	}
	// Place of the new id among the others.
	j := 0
	for k, v := range z.vars {
		if k != i && v < to {
			j++
		}
	}
	z.vars = slices.Insert(slices.Delete(z.vars, i, i+1), j, to)
	z.nodes = slices.Insert(slices.Delete(z.nodes, i, i+1), j, n)
	if to < denseVars {
		z.dense[to>>6] |= 1 << (to & 63)
	}
	if i == j {
		return
	}
	sc := z.scratchFor()
	sc.resetNew()
	move := func(x int) int {
		switch {
		case x == i:
			return j
		case i < x && x <= j:
			return x - 1
		case j <= x && x < i:
			return x + 1
		}
		return x
	}
	z.renumber(move)
	for k := range z.keys {
		s, d := ends(z.keys[k])
		sc.add(edgeKey(move(s), move(d)), z.ws[k])
	}
	sc.sortNew()
	z.keys = append(z.keys[:0], sc.newKeys...)
	z.ws = append(z.ws[:0], sc.newWs...)
}
