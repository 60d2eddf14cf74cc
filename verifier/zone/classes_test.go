package zone

import (
	"math"
	"math/rand/v2"
	"testing"

	"bpfls/isa"
)

// pairOfZones is one zone twice: with classes from the first edge on, and with none.
type pairOfZones struct{ with, without *Zone }

func (p pairOfZones) both(f func(z *Zone)) { f(p.with); f(p.without) }

// differs returns what is different, all edges and potentials included; "" is nothing.
func (p pairOfZones) differs(tab *Table) string {
	if a, b := dump(p.with, tab), dump(p.without, tab); a != b {
		return "with    " + a + "\nwithout " + b
	}
	if p.with.bottom {
		return ""
	}
	if p.with.zero != p.without.zero {
		return "potential of 0"
	}
	for i := range p.with.nodes {
		if p.with.nodes[i] != p.without.nodes[i] {
			return "potential of " + tab.Name(p.with.vars[i])
		}
	}
	return ""
}

// TestClasses: that equal variables store their edges once changes nothing, not even
// potentials or edges that say nothing.
func TestClasses(t *testing.T) {
	seeds := uint64(4_000)
	if testing.Short() {
		seeds = 1000
	}
	twins, operations := 0, 0
	for seed := range seeds {
		rnd := rand.New(rand.NewPCG(seed, 0))
		with, without := NewPool(), NewPool()
		with.classFrom, without.classFrom = 1+rnd.IntN(4), math.MaxInt
		tab := NewTable()
		vars := []Var{PacketSize, Reg(1, KindSharedRegionSize), Reg(2, KindPacketOffset), Reg(3, KindPacketOffset)}
		for r := range isa.Reg(5) {
			vars = append(vars, Reg(r, KindSValue), Reg(r, KindUValue))
		}
		for i := range 6 {
			vars = append(vars, tab.Cell(KindSValue, 8*i, 8))
		}
		vars = vars[rnd.IntN(5) : len(vars)-rnd.IntN(5)]
		v := func() Var { return vars[rnd.IntN(len(vars))] }
		n := func() int64 { return int64(rnd.IntN(21) - 10) }
		expr := func() Expr {
			e := V(v())
			switch rnd.IntN(6) {
			case 0:
				e = e.Plus(v())
			case 1:
				e = e.Minus(v())
			}
			if rnd.IntN(2) == 0 {
				e = e.PlusConst(n())
			}
			return e
		}
		var zones [3]pairOfZones
		for i := range zones {
			zones[i] = pairOfZones{with.Top(), without.Top()}
		}
		var did string
		for range 30 {
			p, o := zones[rnd.IntN(3)], zones[rnd.IntN(3)]
			switch op := rnd.IntN(24); {
			case op < 10:
				did = "copy"
				a, e := v(), V(v()).PlusConst(n()*int64(rnd.IntN(2)))
				p.both(func(z *Zone) { z.Assign(a, e) })
			case op < 11:
				did = "assign"
				a, e := v(), expr()
				p.both(func(z *Zone) { z.Assign(a, e) })
			case op < 12:
				did = "set"
				a, lo := v(), n()
				i := Range(lo, lo+int64(1+rnd.IntN(9)))
				switch rnd.IntN(4) {
				case 0:
					i.Lo = NegInf
				case 1:
					i.Hi = PosInf
				}
				p.both(func(z *Zone) { z.Set(a, i) })
			case op < 14:
				did = "forget"
				var s VarSet
				for range 1 + rnd.IntN(4) {
					s.Add(v())
				}
				p.both(func(z *Zone) { z.Forget(&s) })
			case op < 15:
				did = "shift"
				a, k := v(), n()
				p.both(func(z *Zone) { z.Assign(a, V(a).PlusConst(k)) })
			case op < 18:
				did = "add"
				c := Constraint{expr().Sub(V(v())), []Rel{EqZero, LeZero, LeZero, LtZero, NeZero}[rnd.IntN(5)]}
				if rnd.IntN(3) == 0 {
					c.Expr = expr()
				}
				if p.with.Entails(c) != p.without.Entails(c) || p.with.Intersects(c) != p.without.Intersects(c) {
					t.Fatalf("seed %d: %v is entailed or intersects: not the same", seed, c)
				}
				if p.without.Intersects(c) || rnd.IntN(20) == 0 {
					p.both(func(z *Zone) { z.Add(c) })
				}
			case op < 19:
				did = "rename"
				a, b := v(), v()
				p.both(func(z *Zone) { z.Rename([]Renaming{{a, b}}) })
			case op < 20:
				did = "join"
				p.with.Join(o.with)
				p.without.Join(o.without)
			case op < 21:
				did = "widen"
				p.with.Widen(o.with)
				p.without.Widen(o.without)
			case op < 22:
				did = "meet"
				t1, t2 := with.Copy(p.with), without.Copy(p.without)
				if ok := t2.Meet(o.without); t1.Meet(o.with) != ok {
					t.Fatalf("seed %d: meet: not the same", seed)
				} else if ok {
					p.with.CopyFrom(t1)
					p.without.CopyFrom(t2)
				}
			case op < 23:
				did = "leq"
				var s VarSet
				for range rnd.IntN(3) {
					s.Add(v())
				}
				if p.with.LeqWithout(o.with, &s) != p.without.LeqWithout(o.without, &s) {
					t.Fatalf("seed %d: order: not the same", seed)
				}
				if p.with.Equal(o.with) != p.without.Equal(o.without) {
					t.Fatalf("seed %d: equality: not the same", seed)
				}
			default:
				did = "copy of the zone"
				p.with.CopyFrom(o.with)
				p.without.CopyFrom(o.without)
			}
			if p.with.bottom && p.without.bottom {
				p.both(func(z *Zone) { z.SetTop() })
			}
			twins += len(p.with.twins)
			operations++
			if d := p.differs(tab); d != "" {
				t.Fatalf("seed %d: after %s: %s", seed, did, d)
			}
			a, b := v(), v()
			if p.with.Difference(a, b) != p.without.Difference(a, b) {
				t.Fatalf("seed %d: difference of %s and %s", seed, tab.Name(a), tab.Name(b))
			}
		}
	}
	if 2*twins < operations {
		t.Errorf("%d twins in %d operations: too few to tell anything", twins, operations)
	}
}
