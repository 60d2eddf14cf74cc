package zone

import (
	"slices"
	"testing"

	"bpfls/isa"
)

func r(i isa.Reg, k Kind) Var { return Reg(i, k) }

func check(t *testing.T, z *Zone, tab *Table, want ...string) {
	t.Helper()
	if got := z.Strings(tab); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestStrings(t *testing.T) {
	p, tab := NewPool(), NewTable()
	z := p.Top()
	check(t, z, tab)
	z.Set(r(1, KindSValue), Range(0, 7))
	z.AssignVar(r(1, KindUValue), r(1, KindSValue))
	check(t, z, tab, "r1.svalue=[0, 7]", "r1.uvalue=r1.svalue")
	z.Assign(r(3, KindSValue), V(r(1, KindUValue)).PlusConst(14))
	z.Havoc(r(1, KindSValue))
	check(t, z, tab, "r1.uvalue=[0, 7]", "r3.svalue=[14, 21]", "r3.svalue=r1.uvalue+14")
	z.Add(Leq(V(r(2, KindSValue)), V(r(1, KindUValue)).PlusConst(5)))
	check(t, z, tab, "r1.uvalue=[0, 7]", "r2.svalue-r1.uvalue<=5", "r2.svalue-r3.svalue<=-9", "r2.svalue=[-oo, 12]",
		"r3.svalue=[14, 21]", "r3.svalue=r1.uvalue+14")
	if z.Add(Gt(V(r(2, KindSValue)), Const(12))) || !z.IsBottom() {
		t.Error("not bottom")
	}
	check(t, z, tab, "_|_")
}

// TestDisequations: x != n trims an end of x's range, and that of direct neighbours; it
// never makes a bound that was not there, but for an unknown word that is not 0.
func TestDisequations(t *testing.T) {
	p, tab := NewPool(), NewTable()
	x, y := r(1, KindSValue), r(2, KindSValue)
	neq := func(v Var, n int64) Constraint { return Neq(V(v), Const(n)) }
	for _, c := range []struct {
		name string
		make func(z *Zone) bool
		want []string
	}{
		{"lower end", func(z *Zone) bool { z.Set(x, Range(0, 7)); return z.Add(neq(x, 0)) }, []string{"r1.svalue=[1, 7]"}},
		{"upper end", func(z *Zone) bool { z.Set(x, Range(0, 7)); return z.Add(neq(x, 7)) }, []string{"r1.svalue=[0, 6]"}},
		{"inside", func(z *Zone) bool { z.Set(x, Range(0, 7)); return z.Add(neq(x, 3)) }, []string{"r1.svalue=[0, 7]"}},
		{"6 then 7", func(z *Zone) bool { z.Set(x, Range(0, 7)); return z.Add(neq(x, 6)) && z.Add(neq(x, 7)) }, []string{"r1.svalue=[0, 6]"}},
		{"single value", func(z *Zone) bool { z.Set(x, Single(3)); return z.Add(neq(x, 3)) }, []string{"_|_"}},
		{"unknown", func(z *Zone) bool { return z.Add(neq(x, 0)) }, nil},
		{"neighbours, upper", func(z *Zone) bool {
			z.Set(x, Range(0, 7))
			z.Assign(y, V(x).PlusConst(10))
			return z.Add(neq(x, 7))
		}, []string{"r1.svalue=[0, 6]", "r2.svalue=[10, 16]", "r2.svalue=r1.svalue+10"}},
		{"neighbours, lower", func(z *Zone) bool {
			z.Set(x, Range(0, 7))
			z.Assign(y, V(x).PlusConst(10))
			return z.Add(neq(y, 10))
		}, []string{"r1.svalue=[1, 7]", "r2.svalue=[11, 17]", "r2.svalue=r1.svalue+10"}},
		{"another variable's only value", func(z *Zone) bool {
			z.Set(x, Range(0, 7))
			z.Set(y, Single(7))
			return z.Add(Neq(V(x), V(y)))
		}, []string{"r1.svalue=[0, 6]", "r2.svalue=7"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			z := p.Top()
			if c.make(z) == z.IsBottom() {
				t.Error("Add's result")
			}
			check(t, z, tab, c.want...)
		})
	}
}

// TestMinOnly: packet_size shows a lower bound only, but what relations say of its upper
// bound is not lost.
func TestMinOnly(t *testing.T) {
	p, tab := NewPool(), NewTable()
	off := r(1, KindPacketOffset)
	z := p.Top()
	z.Set(PacketSize, Range(0, 65534))
	if z.Interval(PacketSize) != (Interval{Zero, PosInf}) {
		t.Error("packet_size has an upper bound")
	}
	z.AssignVar(off, PacketSize)
	z.Add(Lt(V(off), Const(100)))
	check(t, z, tab, "packet_size=0", "r1.packet_offset=packet_size")
	if z.Interval(PacketSize).Hi != PosInf || z.Intersects(Geq(V(PacketSize), Const(100))) {
		t.Error("packet_size >= 100 contradicts r1.packet_offset < 100")
	}
}

// TestOrderCountsVariables: a mapped variable of which nothing is known makes a zone smaller
// in the order; joins forget it.
func TestOrderCountsVariables(t *testing.T) {
	p := NewPool()
	x, y := r(1, KindSValue), r(2, KindSValue)
	a, b := p.Top(), p.Top()
	a.Set(x, Range(0, 3))
	b.Set(x, Range(0, 5))
	b.Assign(y, V(y).PlusConst(1)) // unknown, but mapped
	if a.Leq(b) {
		t.Error("a zone of 1 variable is below one of 2")
	}
	if b.Tighten(); !a.Leq(b) {
		t.Error("a zone without bounds and edges of r2 is not below")
	}
}

// TestExplicitEdges: widening keeps an edge only if the new state has it explicitly.
func TestExplicitEdges(t *testing.T) {
	p, tab := NewPool(), NewTable()
	x, y := r(1, KindSValue), r(2, KindSValue)
	old, implied, explicit := p.Top(), p.Top(), p.Top()
	for _, z := range []*Zone{old, implied, explicit} {
		z.Set(x, Range(0, 3))
		z.Set(y, Range(5, 9))
	}
	k := Leq(V(x), V(y))
	old.Add(k)
	explicit.Add(k)
	for _, c := range []struct {
		z     *Zone
		edges int
	}{{implied, 0}, {explicit, 1}} {
		w := p.Copy(old)
		w.Widen(c.z)
		if _, n := w.Len(); n != c.edges {
			t.Errorf("%d edges after widening by %q, want %d", n, c.z.Strings(tab), c.edges)
		}
	}
}
