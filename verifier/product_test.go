package verifier

import (
	"fmt"
	"math/bits"
	"testing"

	"pgregory.net/rapid"

	"bpfls/verifier/zone"
)

// productBytes are the bytes of stack that the tests of the product look at.
const productBytes = 64

// point is a concrete element: one type and, of every variable, one value. Variables
// that do not belong to the type of their location have values too: they are what
// makes the relations with them true.
type point struct {
	types   map[owner]TypeSet
	values  map[zone.Var]int64
	numeric [productBytes]bool
}

// productWorld draws elements of the product, each with a point that lies in it.
type productWorld struct {
	*program
	locations []owner
	vars      []zone.Var
}

var productTypes = []TypeSet{TypeNumber, TypePacket, TypeShared, TypeStack, TypeUninit}

func newProductWorld() *productWorld {
	w := &productWorld{program: &program{}}
	w.tab, w.numbers, w.stackSize = zone.NewTable(), zone.NewPool(), productBytes
	w.locations = []owner{zone.RegSlot(0), zone.RegSlot(1), zone.RegSlot(2), w.tab.CellSlot(8, 8)}
	kinds := zone.KindSet(1 << zone.KindUValue)
	for _, s := range productTypes {
		kinds |= kindsOf(s)
	}
	for _, l := range w.locations {
		for ks := kinds; ks != 0; ks &= ks - 1 {
			w.vars = append(w.vars, l.Var(zone.Kind(bits.TrailingZeros16(uint16(ks)))))
		}
	}
	w.vars = append(w.vars, zone.PacketSize)
	return w
}

// means reports whether v has a meaning in x: whether it belongs to the type of its
// location.
func (x *point) means(v zone.Var) bool {
	return v == zone.PacketSize || v.Kind() == zone.KindUValue || kindsOf(x.types[v.Slot()])&v.Kind().Set() != 0
}

// in reports, by the first fact that does not hold, whether x lies in st. Only variables
// that use allows are looked at, and only relations between two such.
func (w *productWorld) in(x *point, st *state, use func(v zone.Var) bool) error {
	if st.bottom() {
		return fmt.Errorf("bottom")
	}
	for _, l := range w.locations {
		if x.types[l]&^st.t.of(l) != 0 {
			return fmt.Errorf("%s has type %#x, not one of %#x", w.tab.SlotName(l), x.types[l], st.t.of(l))
		}
		for _, m := range w.locations {
			if st.t.same(l, m) && x.types[l] != x.types[m] {
				return fmt.Errorf("types of %s and %s differ", w.tab.SlotName(l), w.tab.SlotName(m))
			}
		}
	}
	for i, numeric := range x.numeric {
		if !numeric && st.s.allNumbers(i, i+1) {
			return fmt.Errorf("byte %d is no number", i)
		}
	}
	var err error
	st.z.EachBound(func(v zone.Var, lo, hi zone.Int) {
		if n := zone.FromInt64(x.values[v]); use(v) && (n.Less(lo) || hi.Less(n)) {
			err = fmt.Errorf("%s is %v, not in [%v, %v]", w.tab.Name(v), n, lo, hi)
		}
	})
	st.z.EachEdge(func(s, d zone.Var, weight zone.Int) {
		if n := zone.FromInt64(x.values[d] - x.values[s]); use(s) && use(d) && weight.Less(n) {
			err = fmt.Errorf("%s - %s is %v, more than %v", w.tab.Name(d), w.tab.Name(s), n, weight)
		}
	})
	return err
}

func all(zone.Var) bool { return true }

func (x *point) clone() *point {
	y := &point{types: map[owner]TypeSet{}, values: map[zone.Var]int64{}, numeric: x.numeric}
	for k, v := range x.types {
		y.types[k] = v
	}
	for k, v := range x.values {
		y.values[k] = v
	}
	return y
}

// moved returns x with other values of the variables that have no meaning, such that
// they lie within the bounds of st. A join keeps the bounds of what only one side can
// have, and gives up the relations: any value will do.
func (x *point) moved(st *state) *point {
	y := x.clone()
	st.z.EachBound(func(v zone.Var, lo, hi zone.Int) {
		if x.means(v) {
			return
		}
		n := zone.FromInt64(y.values[v])
		if n.Less(lo) {
			y.values[v] = lo.Int64()
		} else if hi.Less(n) {
			y.values[v] = hi.Int64()
		}
	})
	return y
}

func (w *productWorld) start(t *rapid.T) (state, *point) {
	st := w.top()
	x := &point{types: map[owner]TypeSet{}, values: map[zone.Var]int64{}}
	for _, l := range w.locations {
		x.types[l] = rapid.SampledFrom(productTypes).Draw(t, "type")
	}
	for _, v := range w.vars {
		x.values[v] = rapid.Int64Range(-20, 50).Draw(t, w.tab.Name(v))
	}
	w.mutStack(&st).insert(8, 8, zone.AllKinds, w.locations[3])
	return st, x
}

// step applies one operation to st and to x, which is in st before and behind it. The
// operations are those of which transfer functions are made.
func (w *productWorld) step(t *rapid.T, st *state, x *point) {
	loc := func(name string) owner { return rapid.SampledFrom(w.locations).Draw(t, name) }
	variable := func(name string) zone.Var {
		return rapid.Custom(func(t *rapid.T) zone.Var { return rapid.SampledFrom(w.vars).Draw(t, name) }).
			Filter(x.means).Draw(t, name)
	}
	switch l := loc("location"); rapid.IntRange(0, 8).Draw(t, "operation") {
	case 0, 1: // a new value of one type
		s := rapid.SampledFrom(productTypes).Draw(t, "type")
		w.havoc(st, l, zone.AllKinds)
		w.assignType(st, l, s)
		x.types[l] = s
		for ks := kindsOf(s) | 1<<zone.KindUValue; ks != 0; ks &= ks - 1 {
			v := l.Var(zone.Kind(bits.TrailingZeros16(uint16(ks))))
			n := rapid.Int64Range(-20, 50).Draw(t, "value")
			w.mutZone(st).Set(v, zone.Range(n-rapid.Int64Range(0, 9).Draw(t, "below"), n+rapid.Int64Range(0, 9).Draw(t, "above")))
			x.values[v] = n
		}
	case 2: // a copy
		if from := loc("source"); from != l && x.types[from] != TypeUninit && st.valid(from) != 0 {
			w.havoc(st, l, zone.AllKinds)
			w.mutTypes(st).copy(l, from)
			x.types[l] = x.types[from]
			kinds := kindsOf(st.valid(from)) | 1<<zone.KindUValue
			w.copyKinds(st, l, from, kinds)
			for ks := kinds; ks != 0; ks &= ks - 1 {
				k := zone.Kind(bits.TrailingZeros16(uint16(ks)))
				x.values[l.Var(k)] = x.values[from.Var(k)]
			}
		}
	case 3, 4: // a comparison
		a, b := variable("a"), variable("b")
		w.add(st, zone.Leq(zone.V(a), zone.V(b).PlusConst(x.values[a]-x.values[b]+rapid.Int64Range(0, 3).Draw(t, "slack"))))
	case 5: // a sum
		v, k := variable("counter"), rapid.Int64Range(-3, 3).Draw(t, "step")
		w.assign(st, v, zone.V(v).PlusConst(k))
		x.values[v] += k
	case 6:
		w.forgetType(st, l)
		w.havoc(st, l, zone.AllKinds)
	case 7: // bytes of the stack
		lo, n, numeric := rapid.IntRange(0, productBytes-1).Draw(t, "from"), rapid.IntRange(1, 20).Draw(t, "bytes"), rapid.Bool().Draw(t, "numeric")
		w.mutStack(st).setBytes(lo, n, numeric)
		for i := lo; i < min(lo+n, productBytes); i++ {
			x.numeric[i] = numeric
		}
	case 8: // another way that comes here
		other, _ := w.grow(t, rapid.IntRange(0, 4).Draw(t, "steps of the other"))
		w.join(st, &other)
		*x = *x.moved(st)
	}
}

// grow draws a state and a point in it.
func (w *productWorld) grow(t *rapid.T, steps int) (state, *point) {
	st, x := w.start(t)
	for range steps {
		w.step(t, &st, x)
		if err := w.in(x, &st, all); err != nil {
			t.Fatalf("%v\nstate %q", err, w.text(&st))
		}
	}
	return st, x
}

// text is a state for messages.
func (w *productWorld) text(st *state) []string {
	if st.bottom() {
		return []string{"_|_"}
	}
	var out []string
	for l := range owner(len(st.t.class)) {
		if s := st.t.of(l); s != TypeAny {
			out = append(out, fmt.Sprintf("%s.type=%#x", w.tab.SlotName(l), s))
		}
	}
	return append(out, st.z.Strings(w.tab)...)
}

// The laws of the product:
//
//   - join and widening contain both sides;
//   - where only one side can have a type, the join keeps what that side knows of the
//     variables that belong to it;
//   - a point of both sides is one of their meet and of their narrowing, and the other way
//     about for the meet; types and bytes of the narrowing are those of the meet;
//   - the order is reflexive, has bottom and top, and is sound for the variables that
//     have a meaning: what is in the lesser state satisfies all that the greater one
//     says of these, and of two such. It says nothing of relations with others; see
//     case 7 of "Known unsoundness" in docs/fidelity.md;
//   - equal states lie below each other.
//
// Not laws: a lies below a ⊔ b (the order of zones is not complete).
func TestProductLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newProductWorld()
		a, x := w.grow(t, rapid.IntRange(0, 12).Draw(t, "steps of a"))
		b, y := a.share(), x.clone()
		if rapid.Bool().Draw(t, "apart") {
			b, y = w.grow(t, rapid.IntRange(0, 12).Draw(t, "steps of b"))
		} else { // b is a later state of a, as in loops
			for range rapid.IntRange(0, 5).Draw(t, "later steps") {
				w.step(t, &b, y)
			}
		}
		fail := func(law string, r *state, err error) {
			t.Helper()
			t.Fatalf("%s: %v\na %q\nb %q\nresult %q", law, err, w.text(&a), w.text(&b),
				w.text(r))
		}
		j := a.share()
		w.join(&j, &b)
		for _, pt := range []*point{x, y} {
			if err := w.in(pt.moved(&j), &j, all); err != nil {
				fail("join", &j, err)
			}
		}
		wd := w.widen(&a, &b)
		for _, pt := range []*point{x, y} {
			if err := w.in(pt.moved(&wd), &wd, all); err != nil {
				fail("widening", &wd, err)
			}
		}
		m, n := w.meet(&a, &b), w.narrow(&a, &b)
		for _, pt := range []*point{x, y} {
			inA, inB := w.in(pt, &a, all), w.in(pt, &b, all)
			if inA == nil && inB == nil {
				if err := w.in(pt, &m, all); err != nil {
					fail("meet", &m, err)
				}
				if err := w.in(pt, &n, all); err != nil {
					fail("narrowing", &n, err)
				}
			} else if w.in(pt, &m, all) == nil {
				fail("meet", &m, fmt.Errorf("has more than both: in a %v, in b %v", inA, inB))
			}
		}
		if n.bottom() != m.bottom() && n.bottom() {
			fail("narrowing", &n, fmt.Errorf("bottom, though the meet is not"))
		}
		if !n.bottom() && (!n.t.leq(&a.t.types) || !n.t.leq(&b.t.types) || !n.s.leq(&a.s.stack) || !n.s.leq(&b.s.stack)) {
			fail("narrowing", &n, fmt.Errorf("types or bytes are not below both"))
		}
		for _, l := range w.locations {
			own := kindsOf(a.t.of(l) &^ b.t.of(l))
			for k := range zone.NumKinds {
				if i := a.interval(l.Var(k)); own&k.Set() != 0 && j.interval(l.Var(k)) != i {
					fail("join", &j, fmt.Errorf("%s is not %v any more, though only a can have its type", w.tab.Name(l.Var(k)), i))
				}
			}
		}
		top, bottom := w.top(), state{}
		states := []*state{&a, &b, &j, &wd, &m, &n, &top, &bottom}
		for _, s := range states {
			if !w.leq(s, s) || !w.leq(&bottom, s) || !w.leq(s, &top) {
				fail("order", s, fmt.Errorf("not reflexive, or not between bottom and top"))
			}
			for _, o := range states {
				if s.equal(o) && !w.leq(s, o) {
					fail("order", o, fmt.Errorf("equal, but not below"))
				}
				if !w.leq(s, o) {
					continue
				}
				for _, pt := range []*point{x, y} {
					if w.in(pt, s, all) != nil {
						continue
					}
					if err := w.in(pt, o, pt.means); err != nil {
						fail("order", o, fmt.Errorf("%v, though %q is below", err, w.text(s)))
					}
				}
			}
		}
	})
}

// TestProductWidening: a loop that counts and changes types stabilizes after few
// widenings. Variables of which only the lower bound counts are left out: closure gives
// back upper bounds that the body loses, as PREVAIL's does.
func TestProductWidening(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newProductWorld()
		inv, _ := w.grow(t, rapid.IntRange(0, 10).Draw(t, "steps before"))
		type inc struct {
			v zone.Var
			k int64
		}
		var body []inc
		for range rapid.IntRange(1, 3).Draw(t, "assignments") {
			v := rapid.Custom(func(t *rapid.T) zone.Var { return rapid.SampledFrom(w.vars).Draw(t, "counter") }).
				Filter(func(v zone.Var) bool { return !v.MinOnly() }).Draw(t, "counter")
			body = append(body, inc{v, rapid.Int64Range(-3, 3).Draw(t, "step")})
		}
		l := rapid.SampledFrom(w.locations).Draw(t, "retyped")
		s := rapid.SampledFrom(productTypes).Draw(t, "type")
		for range 60 {
			next := inv.share()
			w.mutTypes(&next).assign(l, s)
			w.havoc(&next, l, typedKinds)
			for _, i := range body {
				w.assign(&next, i.v, zone.V(i.v).PlusConst(i.k))
			}
			w.join(&next, &inv)
			if w.leq(&next, &inv) {
				return
			}
			inv = w.widen(&inv, &next)
		}
		t.Fatalf("not stable after 60 widenings: %q", w.text(&inv))
	})
}
