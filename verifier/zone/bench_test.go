package zone

import (
	"testing"

	"bpfls/isa"
)

// typical is a zone of the mean size seen in real programs: 43 variables and 36 edges.
// The registers' values differ with seed.
func typical(p *Pool, t *Table, seed int64) *Zone {
	z := p.Top()
	z.Set(PacketSize, Range(0, 1<<40))
	z.Set(MetaOffset, Single(0))
	for i := range isa.Reg(6) {
		s, u := Reg(i, KindSValue), Reg(i, KindUValue)
		z.Set(s, Range(0, 100+seed*int64(i)))
		z.AssignVar(u, s)
	}
	z.Set(Reg(6, KindCtxOffset), Single(0))
	z.Set(Reg(6, KindUValue), Range(1, 1<<31))
	z.Set(Reg(7, KindPacketOffset), Single(14+seed))
	z.Set(Reg(7, KindUValue), Range(4098, 1<<31))
	z.AssignVar(Reg(8, KindPacketOffset), PacketSize)
	z.Set(Reg(8, KindUValue), Range(4098, 1<<31))
	z.Set(Reg(10, KindStackOffset), Single(4096))
	z.Set(Reg(10, KindUValue), Range(4096, 1<<31))
	for off := 4088; off >= 4088-8*7; off -= 8 {
		s, u := t.Cell(KindSValue, off, 8), t.Cell(KindUValue, off, 8)
		switch off / 8 % 3 {
		case 0:
			z.AssignConst(s, int64(off))
			z.AssignConst(u, int64(off))
		case 1:
			z.AssignVar(s, Reg(isa.Reg(off/8%5), KindSValue))
			z.AssignVar(u, Reg(isa.Reg(off/8%5), KindUValue))
		default:
			z.AssignVar(t.Cell(KindPacketOffset, off, 8), Reg(7, KindPacketOffset))
			z.AssignVar(u, Reg(7, KindUValue))
		}
	}
	return z
}

func TestTypicalSize(t *testing.T) {
	z := typical(NewPool(), NewTable(), 3)
	if v, e := z.Len(); v < 38 || v > 48 || e < 30 || e > 60 {
		t.Errorf("%d variables, %d edges: not the typical zone that the benchmarks are about", v, e)
	}
}

func BenchmarkCopy(b *testing.B) {
	p, t := NewPool(), NewTable()
	z, c := typical(p, t, 3), p.Top()
	b.ReportAllocs()
	for b.Loop() {
		c.CopyFrom(z)
	}
}

func BenchmarkSet(b *testing.B) {
	p, t := NewPool(), NewTable()
	z := typical(p, t, 3)
	b.ReportAllocs()
	for b.Loop() {
		z.Set(Reg(9, KindSValue), Range(0, 255))
	}
}

// BenchmarkMove is r9 = r2 and forgetting r9, as spills and register moves do.
func BenchmarkMove(b *testing.B) {
	p, t := NewPool(), NewTable()
	z := typical(p, t, 3)
	b.ReportAllocs()
	for b.Loop() {
		z.AssignVar(Reg(9, KindUValue), Reg(2, KindUValue))
		z.AssignVar(Reg(9, KindSValue), Reg(2, KindSValue))
		z.HavocKinds(RegSlot(9), AllKinds)
	}
}

// BenchmarkIncrement is r2 += 1 and r2 -= 1 with wrapping.
func BenchmarkIncrement(b *testing.B) {
	p, t := NewPool(), NewTable()
	z := typical(p, t, 3)
	b.ReportAllocs()
	for b.Loop() {
		z.ArithImm(OpAdd, Reg(2, KindSValue), Reg(2, KindUValue), 1, 64)
		z.ArithImm(OpSub, Reg(2, KindSValue), Reg(2, KindUValue), 1, 64)
	}
}

// BenchmarkAddBound copies a zone and assumes r2 <= 50 on 64 bits.
func BenchmarkAddBound(b *testing.B) {
	p, t := NewPool(), NewTable()
	z, c := typical(p, t, 3), p.Top()
	b.ReportAllocs()
	for b.Loop() {
		c.CopyFrom(z)
		c.AssumeImm(isa.LE, true, Reg(2, KindSValue), Reg(2, KindUValue), 50)
	}
}

// BenchmarkAddDifference copies a zone and adds r7.packet_offset + 20 <= r8.packet_offset.
func BenchmarkAddDifference(b *testing.B) {
	p, t := NewPool(), NewTable()
	z, c := typical(p, t, 3), p.Top()
	k := Leq(V(Reg(7, KindPacketOffset)).PlusConst(20), V(Reg(8, KindPacketOffset)))
	b.ReportAllocs()
	for b.Loop() {
		c.CopyFrom(z)
		c.Add(k)
	}
}

func BenchmarkEntails(b *testing.B) {
	p, t := NewPool(), NewTable()
	z := typical(p, t, 3)
	z.Add(Leq(V(Reg(7, KindPacketOffset)).PlusConst(20), V(Reg(8, KindPacketOffset))))
	yes := Leq(V(Reg(7, KindPacketOffset)).PlusConst(8), V(PacketSize))
	no := Leq(V(Reg(7, KindPacketOffset)).PlusConst(28), V(PacketSize))
	b.ReportAllocs()
	for b.Loop() {
		if !z.Entails(yes) || z.Entails(no) {
			b.Fatal("wrong answer")
		}
	}
}

func BenchmarkJoin(b *testing.B) {
	p, t := NewPool(), NewTable()
	x, y, c := typical(p, t, 3), typical(p, t, 4), p.Top()
	b.ReportAllocs()
	for b.Loop() {
		c.CopyFrom(x)
		c.Join(y)
	}
}

func BenchmarkTighten(b *testing.B) {
	p, t := NewPool(), NewTable()
	z := typical(p, t, 3)
	b.ReportAllocs()
	for b.Loop() {
		z.Tighten()
	}
}

func BenchmarkLeq(b *testing.B) {
	p, t := NewPool(), NewTable()
	x, y := typical(p, t, 3), typical(p, t, 4)
	y.Join(x)
	b.ReportAllocs()
	for b.Loop() {
		if !x.Leq(y) {
			b.Fatal("not below")
		}
	}
}

func BenchmarkWiden(b *testing.B) {
	p, t := NewPool(), NewTable()
	x, y, c := typical(p, t, 3), typical(p, t, 4), p.Top()
	b.ReportAllocs()
	for b.Loop() {
		c.CopyFrom(x)
		c.Widen(y)
	}
}

// BenchmarkManyCopies spills one register to 64 cells: every cell is related to every
// other one.
func BenchmarkManyCopies(b *testing.B) {
	p, t := NewPool(), NewTable()
	b.ReportAllocs()
	for b.Loop() {
		z := p.Top()
		z.Set(Reg(1, KindSValue), Range(0, 9))
		for i := range 64 {
			z.AssignVar(t.Cell(KindSValue, 4088-8*i, 8), Reg(1, KindSValue))
		}
		p.Free(z)
	}
}
