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
