package verifier

import (
	"testing"

	"pgregory.net/rapid"
)

const testOwners = 7

var drawOwner = rapid.Map(rapid.Uint16Range(0, testOwners-1), func(n uint16) owner { return owner(n) })

// drawTypes draws an element of the type domain by running random operations
// from top.
func drawTypes(t *rapid.T, label string) *types {
	var d types
	n := rapid.IntRange(0, 12).Draw(t, label+".ops")
	loc := drawOwner
	for range n {
		v := loc.Draw(t, "v")
		switch rapid.IntRange(0, 5).Draw(t, "op") {
		case 0:
			d.assign(v, 1<<rapid.IntRange(0, typeCount-1).Draw(t, "type"))
		case 1:
			d.forget(v)
		case 2:
			if w := loc.Draw(t, "w"); w != v {
				d.copy(v, w)
			}
		case 3:
			d.restrict(v, TypeSet(rapid.Uint16Range(1, uint16(TypeAny)).Draw(t, "set")))
		case 4:
			d.equate(v, loc.Draw(t, "w"))
		case 5:
			if w := loc.Draw(t, "w"); w != v {
				d.rename(v, w)
			}
		}
		if d.bottom {
			break
		}
	}
	checkTypes(t, &d)
	return &d
}

// checkTypes tests the invariants of the representation.
func checkTypes(t *rapid.T, d *types) {
	if d.bottom {
		return
	}
	count := make([]uint16, len(d.set))
	for v, c := range d.class {
		if c < classShared {
			continue
		}
		count[c-classShared]++
		s := d.set[c-classShared]
		if s == 0 || s&(s-1) == 0 {
			t.Fatalf("location %d is in class %d with the set %#x", v, c, s)
		}
	}
	for i := range count {
		if count[i] != d.count[i] {
			t.Fatalf("class %d has %d members, counted %d", i, count[i], d.count[i])
		}
	}
}

func joinTypes(a, b *types) *types {
	var j types
	j.join(a, b)
	return &j
}

func meetTypes(a, b *types) *types {
	var m types
	m.copyFrom(a)
	m.meet(b)
	return &m
}

func TestTypesLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := drawTypes(t, "a"), drawTypes(t, "b"), drawTypes(t, "c")
		eq := func(x, y *types) bool { return x.leq(y) && y.leq(x) }
		j := joinTypes(a, b)
		checkTypes(t, j)
		m := meetTypes(a, b)
		checkTypes(t, m)
		switch {
		case !a.leq(a):
			t.Fatal("a ⊑ a does not hold")
		case !a.leq(j) || !b.leq(j):
			t.Fatal("a ⊑ a ⊔ b does not hold")
		case !eq(j, joinTypes(b, a)):
			t.Fatal("⊔ does not commute")
		case !eq(joinTypes(a, a), a):
			t.Fatal("a ⊔ a is not a")
		case !m.leq(a) || !m.leq(b):
			t.Fatal("a ⊓ b ⊑ a does not hold")
		case a.leq(b) && b.leq(c) && !a.leq(c):
			t.Fatal("⊑ is not transitive")
		case a.leq(c) && b.leq(c) && !j.leq(c):
			t.Fatal("a ⊔ b is not the least upper bound")
		case c.leq(a) && c.leq(b) && !c.leq(m):
			t.Fatal("a ⊓ b is not the greatest lower bound")
		case a.leq(b) != eq(j, b):
			t.Fatal("a ⊑ b and a ⊔ b = b differ")
		}
	})
}

// TestTypesConcrete compares the domain with what it stands for: the set of
// assignments of types to locations.
func TestTypesConcrete(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawTypes(t, "a"), drawTypes(t, "b")
		var world [testOwners]TypeSet
		for i := range world {
			world[i] = 1 << rapid.IntRange(0, 3).Draw(t, "t")
		}
		in := func(d *types) bool {
			if d.bottom {
				return false
			}
			for v := range owner(testOwners) {
				if world[v]&d.of(v) == 0 {
					return false
				}
				for w := range owner(testOwners) {
					if d.same(v, w) && world[v] != world[w] {
						return false
					}
				}
			}
			return true
		}
		j, m := joinTypes(a, b), meetTypes(a, b)
		if (in(a) || in(b)) && !in(j) {
			t.Fatal("the join lost an assignment")
		}
		if in(m) != (in(a) && in(b)) {
			t.Fatal("the meet is not exact")
		}
		if a.leq(b) && in(a) && !in(b) {
			t.Fatal("⊑ holds, inclusion does not")
		}
		v := drawOwner.Draw(t, "v")
		s := TypeSet(rapid.Uint16Range(0, uint16(TypeAny)).Draw(t, "s"))
		var r types
		r.copyFrom(a)
		r.restrict(v, s)
		checkTypes(t, &r)
		if in(&r) != (in(a) && world[v]&s != 0) {
			t.Fatal("restrict is not exact")
		}
	})
}
