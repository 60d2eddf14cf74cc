package zone

import (
	"errors"
	"testing"

	"bpfls/isa"
)

func TestNames(t *testing.T) {
	tab := NewTable()
	tab.SetFrameName(0, "9")
	tab.SetFrameName(1, "9/17")
	tab.SetLoopName(1, "9/17/20")
	for _, c := range []struct {
		v    Var
		name string
	}{
		{Reg(1, KindSValue), "r1.svalue"},
		{Reg(10, KindStackOffset), "r10.stack_offset"},
		{Reg(0, KindMapFDPrograms), "r0.map_fd_programs"},
		{Reg(0, KindAllocMemSize), "r0.alloc_mem_size"},
		{PacketSize, "packet_size"},
		{MetaOffset, "meta_offset"},
		{tab.Cell(KindUValue, 4088, 8), "s[4088...4095].uvalue"},
		{tab.Cell(KindSValue, 511, 1), "s[511].svalue"},
		{tab.Frame(0, 6, KindSharedRegionSize), "9/r6.shared_region_size"},
		{tab.Frame(1, 9, KindUValue), "9/17/r9.uvalue"},
		{tab.Loop(1), "pc[9/17/20]"},
		{tab.Loop(0), "pc[0]"},
	} {
		if got := tab.Name(c.v); got != c.name {
			t.Errorf("%v is named %s, want %s", c.v, got, c.name)
		}
	}
	if a, b := tab.Cell(KindSValue, 4088, 8), tab.Cell(KindSValue, 4088, 4); a == b || a != tab.Cell(KindSValue, 4088, 8) {
		t.Error("cells are not told apart by place and size")
	}
	if off, size, ok := tab.CellOf(tab.CellSlot(4080, 4)); off != 4080 || size != 4 || !ok {
		t.Error("CellOf")
	}
	if _, _, ok := tab.CellOf(RegSlot(3)); ok {
		t.Error("a register is no cell")
	}
}

// TestFlags: PREVAIL's rules go by the end of the name.
func TestFlags(t *testing.T) {
	tab := NewTable()
	slots := []Slot{RegSlot(0), RegSlot(10), FrameSlot(0, 6), FrameSlot(7, 9), tab.CellSlot(0, 8)}
	for _, s := range slots {
		for k := KindSValue; k < NumKinds; k++ {
			v := s.Var(k)
			if v.Slot() != s || v.Kind() != k {
				t.Errorf("%s: slot %d kind %v", tab.Name(v), v.Slot(), v.Kind())
			}
			if got := v.MinOnly(); got != (k == KindSharedRegionSize || k == KindStackNumericSize) {
				t.Errorf("%s: min-only %v", tab.Name(v), got)
			}
			if got := v.Unsigned(); got != (k == KindUValue) {
				t.Errorf("%s: unsigned %v", tab.Name(v), got)
			}
		}
	}
	for _, v := range []Var{tab.Loop(0), MetaOffset} {
		if v.MinOnly() || v.Unsigned() {
			t.Errorf("flags of %s", tab.Name(v))
		}
	}
	if !PacketSize.MinOnly() || PacketSize.Unsigned() {
		t.Error("flags of packet_size")
	}
}

func TestTooManyVariables(t *testing.T) {
	tab := NewTable()
	n := 0
	for off := 0; tab.Err() == nil; off++ {
		tab.CellSlot(off, 8)
		n++
	}
	if n < 4000 || !errors.Is(tab.Err(), ErrTooManyVariables) {
		t.Errorf("limit after %d cells: %v", n, tab.Err())
	}
}

func TestVarSet(t *testing.T) {
	var s VarSet
	if !s.Empty() || s.Has(PacketSize) {
		t.Error("zero set is not empty")
	}
	s.Add(Reg(3, KindUValue))
	s.AddKinds(RegSlot(7), OffsetKinds)
	for _, c := range []struct {
		v   Var
		has bool
	}{
		{Reg(3, KindUValue), true}, {Reg(3, KindSValue), false}, {Reg(7, KindStackOffset), true},
		{Reg(7, KindSValue), false}, {Reg(8, KindStackOffset), false}, {NewTable().Cell(KindSValue, 0, 8), false},
	} {
		if s.Has(c.v) != c.has {
			t.Errorf("Has(%v) = %v", c.v, !c.has)
		}
	}
	if s.Clear(); !s.Empty() {
		t.Error("not empty after Clear")
	}
}

func TestExpr(t *testing.T) {
	x, y := Reg(1, KindSValue), Reg(2, KindSValue)
	if e := V(x).Plus(y).Minus(x).PlusConst(3).Sub(Const(1)); e != V(y).PlusConst(2) {
		t.Errorf("terms do not cancel: %v", e)
	}
	if V(y).Plus(x) != V(x).Plus(y) {
		t.Error("order of terms matters")
	}
	if k, ok := V(x).Minus(x).PlusConst(-5).IsConst(); !ok || k != FromInt64(-5) {
		t.Error("x - x - 5 is not the constant -5")
	}
	for _, c := range []struct {
		c     Constraint
		holds bool
	}{
		{True(), true}, {False(), false}, {Leq(Const(3), Const(3)), true}, {Lt(Const(3), Const(3)), false},
		{Gt(Const(4), Const(3)), true}, {Geq(Const(2), Const(3)), false}, {Eq(V(x), V(x)), true}, {Neq(V(x), V(x)), false},
	} {
		for _, n := range []Constraint{c.c, c.c.Negate().Negate()} {
			if holds, isConst := n.constant(); !isConst || holds != c.holds {
				t.Errorf("%v: holds %v", n, holds)
			}
		}
		if holds, _ := c.c.Negate().constant(); holds == c.holds {
			t.Errorf("%v and its negation", c.c)
		}
	}
}

// TestNoAllocation: operations on zones of a pool that is warm do not allocate.
func TestNoAllocation(t *testing.T) {
	p, tab := NewPool(), NewTable()
	x, y := typical(p, tab, 3), typical(p, tab, 4)
	k := Leq(V(Reg(7, KindPacketOffset)).PlusConst(20), V(Reg(8, KindPacketOffset)))
	far := Leq(V(Reg(7, KindPacketOffset)).PlusConst(28), V(Reg(1, KindUValue)).Plus(PacketSize))
	pairs := []Renaming{{Reg(6, KindUValue), tab.Frame(0, 6, KindUValue)}, {Reg(8, KindPacketOffset), tab.Frame(0, 8, KindPacketOffset)}}
	var drop VarSet
	drop.AddKinds(RegSlot(4), AllKinds)
	round := func() {
		z := p.Copy(x)
		z.Join(y)
		z.Tighten()
		z.Add(k)
		z.Entails(far)
		z.Intersects(Neq(V(Reg(1, KindUValue)), Const(3)))
		z.AssumeReg(isa.LT, true, Reg(1, KindSValue), Reg(1, KindUValue), Reg(2, KindSValue), Reg(2, KindUValue))
		z.Assign(Reg(9, KindSValue), V(Reg(1, KindSValue)).Plus(Reg(2, KindSValue)))
		z.Arith(OpMul, Reg(3, KindSValue), Reg(3, KindUValue), Reg(2, KindSValue), 64)
		z.HavocKinds(RegSlot(2), AllKinds)
		z.Rename(pairs)
		z.Leq(x)
		z.LeqWithout(y, &drop)
		w := p.Copy(x)
		w.Widen(z)
		w.Meet(y)
		w.Forget(&drop)
		p.Free(w)
		p.Free(z)
	}
	round()
	if n := testing.AllocsPerRun(50, round); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
