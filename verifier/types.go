package verifier

import (
	"math/bits"

	"bpfls/verifier/zone"
)

// Owner is a location that has a type: a register, a register saved for a caller,
// or a stack cell. The numeric variables of the location are numbered from it.
type owner = zone.Slot

// Classes of the type domain. A class is a set of locations that are known to
// have the same type. Locations whose type is known exactly share the class of
// that type, so that "same type" is one comparison.
const (
	// untracked: nothing was ever said of the location. It may have any type.
	classNone = 0
	// 1+i is the class of all locations of exactly the type 1<<i.
	classExact = 1
	// classFree is for locations that may have any type and equal no other:
	// not a class of equals, but one number for all such locations.
	classFree = classExact + typeCount
	// classShared is the first class with a set of its own.
	classShared = classFree + 1

	typeCount = 12
)

// types is the type domain: a partition of the tracked locations into classes
// of equal type, and for each class the set of types that it may have.
//
// Order: a ⊑ b when every location's set in a is a subset of its set in b and
// every equality of b holds in a. Top tracks nothing; bottom is a flag. The join
// is the coarsest common refinement of the partitions with the union of the
// sets. There are finitely many partitions of finitely many locations, so the
// join is the widening, and the meet the narrowing.
//
// The zero value is top.
type types struct {
	class  []uint16  // by owner; owners behind the end are untracked
	set    []TypeSet // by class-classShared
	count  []uint16  // members, by class-classShared
	bottom bool
}

func (t *types) reset() {
	t.class = t.class[:0]
	t.set = t.set[:0]
	t.count = t.count[:0]
	t.bottom = false
}

func (t *types) copyFrom(o *types) {
	t.class = append(t.class[:0], o.class...)
	t.set = append(t.set[:0], o.set...)
	t.count = append(t.count[:0], o.count...)
	t.bottom = o.bottom
}

func (t *types) classOf(v owner) uint16 {
	if int(v) < len(t.class) {
		return t.class[v]
	}
	return classNone
}

func (t *types) setOfClass(c uint16) TypeSet {
	switch {
	case c == classNone || c == classFree:
		return TypeAny
	case c < classFree:
		return 1 << (c - classExact)
	}
	return t.set[c-classShared]
}

// of returns the types that v may have.
func (t *types) of(v owner) TypeSet {
	if t.bottom {
		return 0
	}
	return t.setOfClass(t.classOf(v))
}

// tracked reports whether something is recorded of v, if only that it was
// forgotten.
func (t *types) tracked(v owner) bool { return !t.bottom && t.classOf(v) != classNone }

func (t *types) initialized(v owner) bool { return t.of(v)&TypeUninit == 0 }

func (t *types) within(v owner, s TypeSet) bool { return t.of(v)&^s == 0 }

// is reports whether v has exactly the single type s. Bottom has every type.
func (t *types) is(v owner, s TypeSet) bool { return t.bottom || t.of(v) == s }

// same reports whether a and b are known to have the same type.
func (t *types) same(a, b owner) bool {
	if t.bottom {
		return true
	}
	ca, cb := t.classOf(a), t.classOf(b)
	return ca == cb && ca != classNone && (ca != classFree || a == b)
}

// put moves v to class c.
func (t *types) put(v owner, c uint16) {
	for int(v) >= len(t.class) {
		t.class = append(t.class, classNone)
	}
	if old := t.class[v]; old >= classShared {
		t.count[old-classShared]--
	}
	t.class[v] = c
	if c >= classShared {
		t.count[c-classShared]++
	}
}

// fresh returns an empty class with the set s.
func (t *types) fresh(s TypeSet) uint16 {
	for i, n := range t.count {
		if n == 0 {
			t.set[i] = s
			return classShared + uint16(i)
		}
	}
	t.set = append(t.set, s)
	t.count = append(t.count, 0)
	return classShared + uint16(len(t.set)-1)
}

// classFor returns the class of a location alone with the set s.
func (t *types) classFor(s TypeSet) uint16 {
	switch {
	case s == TypeAny:
		return classFree
	case s&(s-1) == 0:
		return classExact + uint16(bits.TrailingZeros16(uint16(s)))
	}
	return t.fresh(s)
}

// relabel moves all members of class a to class b.
func (t *types) relabel(a, b uint16) {
	for v, c := range t.class {
		if c == a {
			t.put(owner(v), b)
		}
	}
}

// forget makes v a location of any type.
func (t *types) forget(v owner) {
	if !t.bottom {
		t.put(v, classFree)
	}
}

// assign gives v the one type s.
func (t *types) assign(v owner, s TypeSet) {
	if !t.bottom {
		t.put(v, t.classFor(s))
	}
}

// copy gives dst the type of src, which is another location.
func (t *types) copy(dst, src owner) {
	if t.bottom {
		return
	}
	c := t.classOf(src)
	if c == classNone || c == classFree {
		t.put(dst, classFree) // leave the old class first
		c = t.fresh(TypeAny)
		t.put(src, c)
	}
	t.put(dst, c)
}

// setClass gives the class of v the set s; the class is not an exact one.
func (t *types) setClass(v owner, s TypeSet) {
	c := t.classOf(v)
	if s == 0 {
		t.bottom = true
		return
	}
	if c < classShared {
		t.put(v, t.classFor(s))
		return
	}
	if s&(s-1) == 0 {
		t.relabel(c, t.classFor(s))
		return
	}
	t.set[c-classShared] = s
}

// restrict leaves v, and all that equal it, only the types in s.
func (t *types) restrict(v owner, s TypeSet) {
	if t.bottom {
		return
	}
	c := t.classOf(v)
	have := t.setOfClass(c)
	if have&^s == 0 && c != classNone {
		return
	}
	if c >= classExact && c < classFree {
		t.bottom = true // the one type is not in s
		return
	}
	t.setClass(v, have&s)
}

// equate assumes that a and b have the same type.
func (t *types) equate(a, b owner) {
	if t.bottom || t.same(a, b) {
		return
	}
	if a == b {
		t.put(a, classFree)
		return
	}
	ca, cb := t.classOf(a), t.classOf(b)
	s := t.setOfClass(ca) & t.setOfClass(cb)
	if s == 0 {
		t.bottom = true
		return
	}
	if s&(s-1) == 0 {
		c := t.classFor(s)
		t.moveAll(a, ca, c)
		t.moveAll(b, cb, c)
		return
	}
	// Neither class is exact here.
	c := t.fresh(s)
	t.put(a, c) // so that c is not handed out again
	t.moveAll(a, ca, c)
	t.moveAll(b, cb, c)
}

// moveAll moves v and the other members of its class from to class c.
func (t *types) moveAll(v owner, from, c uint16) {
	if from == c {
		return
	}
	if from >= classShared {
		t.relabel(from, c)
	}
	t.put(v, c)
}

// restricted returns the set of of after v is restricted to s, without changing
// the domain, and whether that is possible at all.
func (t *types) restricted(v owner, s TypeSet, of owner) (TypeSet, bool) {
	if t.bottom {
		return 0, false
	}
	left := t.of(v) & s
	if left == 0 {
		return 0, false
	}
	if of == v || t.same(v, of) {
		return left, true
	}
	return t.of(of), true
}

// rename moves what is known of from to to; nothing happens where from is untracked.
func (t *types) rename(from, to owner) {
	if t.bottom {
		return
	}
	c := t.classOf(from)
	if c == classNone {
		return
	}
	t.put(to, c)
	t.put(from, classNone)
}

// equal reports whether a and b are represented alike.
func (t *types) equal(o *types) bool {
	if t.bottom != o.bottom {
		return false
	}
	n := max(len(t.class), len(o.class))
	for v := range owner(n) {
		ca, cb := t.classOf(v), o.classOf(v)
		if ca != cb || ca >= classShared && t.set[ca-classShared] != o.set[cb-classShared] {
			return false
		}
	}
	return true
}

// pair is a class of the join: the locations that were equal on both sides.
type classPair struct{ a, b uint16 }

// join stores the join of a and b in t, which is neither of them.
func (t *types) join(a, b *types) {
	switch {
	case a.bottom:
		t.copyFrom(b)
		return
	case b.bottom || a.equal(b):
		t.copyFrom(a)
		return
	}
	t.reset()
	var buf [32]classPair
	pairs := buf[:0]
	n := max(len(a.class), len(b.class))
	if cap(t.class) < n {
		t.class = make([]uint16, 0, n+16)
	}
	t.class = t.class[:n]
	for i := range n {
		v := owner(i)
		ca, cb := a.classOf(v), b.classOf(v)
		switch {
		case ca == classNone && cb == classNone:
			t.class[i] = classNone
		case ca == classNone || cb == classNone || ca == classFree || cb == classFree:
			t.class[i] = classFree
		case ca == cb && ca < classShared:
			t.class[i] = ca
		default:
			p := classPair{ca, cb}
			k := 0
			for k < len(pairs) && pairs[k] != p {
				k++
			}
			if k == len(pairs) {
				pairs = append(pairs, p)
				t.set = append(t.set, a.setOfClass(ca)|b.setOfClass(cb))
				t.count = append(t.count, 0)
			}
			t.count[k]++
			t.class[i] = classShared + uint16(k)
		}
	}
}

// meet restricts t to what o allows.
func (t *types) meet(o *types) {
	if t.bottom {
		return
	}
	if o.bottom {
		t.bottom = true
		return
	}
	first := make([]int32, len(o.set))
	for i := range first {
		first[i] = -1
	}
	for i, c := range o.class {
		if c == classNone || t.bottom {
			continue
		}
		v := owner(i)
		if t.classOf(v) == classNone {
			t.put(v, classFree)
		}
		if c >= classShared {
			if f := &first[c-classShared]; *f < 0 {
				*f = int32(i)
			} else {
				t.equate(owner(*f), v)
			}
		}
		t.restrict(v, o.setOfClass(c))
	}
}

// leq reports whether t ⊑ o.
func (t *types) leq(o *types) bool {
	if t.bottom || o.bottom {
		return t.bottom
	}
	var buf [32]uint16
	rep := buf[:0]
	if len(o.set) > 0 {
		if len(o.set) > len(buf) {
			rep = make([]uint16, len(o.set))
		} else {
			rep = buf[:len(o.set)]
		}
	}
	for i := range max(len(t.class), len(o.class)) {
		v := owner(i)
		ct, co := t.classOf(v), o.classOf(v)
		if ct == co && ct < classShared {
			continue
		}
		if ct == classNone {
			if o.setOfClass(co) != TypeAny {
				return false
			}
		} else if t.setOfClass(ct)&^o.setOfClass(co) != 0 {
			return false
		}
		if co >= classShared && o.count[co-classShared] > 1 {
			// All members of o's class must be equal in t.
			if ct == classNone || ct == classFree {
				return false
			}
			if r := &rep[co-classShared]; *r == 0 {
				*r = ct
			} else if *r != ct {
				return false
			}
		}
	}
	return true
}
