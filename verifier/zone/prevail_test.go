package zone

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"bpfls/isa"
)

// TestAgainstPREVAIL replays operations on four zones that were recorded with PREVAIL
// v0.2.6's numeric domain: testdata/prevail.txt. Each operation is followed by its answer
// or by the zone it changed: what PREVAIL prints, the number of mapped variables, and all
// edges of its graph (0 is the constant, so "0>x:5" is x <= 5 and "x>0:-2" is x >= 2).
//
// The operations are set, assign, havoc, add (a constraint), entail, intersect, implies,
// eval, join, tighten (join with itself), widen, meet, narrow, leq, copy, rename;
// asv/asi/auv (ApplySigned, ApplySignedImm, ApplyUnsigned), arv/ari (Arith, ArithImm), neg,
// shl, lshr, ashr, ashrv, sext, ovf (OverflowBounds), asmi/asmr (AssumeImm, AssumeReg). The
// first operand is the zone. An expression is a count, coefficients with variables, and a
// constant; a constraint is a relation to zero (0 =, 1 <=, 2 <, 3 !=) and an expression.
func TestAgainstPREVAIL(t *testing.T) {
	data, err := os.ReadFile("testdata/prevail.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, classes := range []struct {
		name string
		from int
	}{{"no classes", math.MaxInt}, {"classes", 1}} {
		t.Run(classes.name, func(t *testing.T) {
			r := newReplay()
			r.pool.classFrom = classes.from
			r.compare(t, string(data))
		})
	}
}

// compare does what is recorded and compares the results.
func (r *replay) compare(t *testing.T, data string) {
	var history []string
	count := 0
	lines := strings.Split(strings.TrimSuffix(data, "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		switch line := lines[i]; {
		case strings.HasPrefix(line, "#") || line == "":
		case line == "reset":
			r.reset()
			history = history[:0]
		default:
			i++
			count++
			history = append(history, line)
			if got, want := r.do(line), strings.TrimPrefix(lines[i], "\t"); got != want {
				t.Fatalf("line %d, after\n%s\ngot  %s\nwant %s", i, strings.Join(history, "\n"), got, want)
			}
		}
	}
	if count < 1000 {
		t.Errorf("only %d operations", count)
	}
}

// replay interprets recorded operations.
type replay struct {
	pool  *Pool
	tab   *Table
	vars  map[string]Var
	zones [4]*Zone
	words []string
}

func newReplay() *replay {
	r := &replay{pool: NewPool(), tab: NewTable(), vars: map[string]Var{}}
	r.tab.SetLoopName(0, "3")
	add := func(v Var) { r.vars[r.tab.Name(v)] = v }
	for k := KindSValue; k < NumKinds; k++ {
		for i := range isa.Reg(4) {
			add(Reg(i, k))
		}
		add(r.tab.Cell(k, 4088, 8))
	}
	add(PacketSize)
	add(MetaOffset)
	add(r.tab.Loop(0))
	r.reset()
	return r
}

func (r *replay) reset() {
	for i := range r.zones {
		r.pool.Free(r.zones[i])
		r.zones[i] = r.pool.Top()
	}
}

func (r *replay) word() string {
	w := r.words[0]
	r.words = r.words[1:]
	return w
}

func (r *replay) int() int {
	n, err := strconv.Atoi(r.word())
	if err != nil {
		panic(err)
	}
	return n
}

func (r *replay) num() Int {
	switch w := r.word(); w {
	case "-oo":
		return NegInf
	case "+oo":
		return PosInf
	default:
		n, _ := fromBig(bigInt(w))
		return n
	}
}

func (r *replay) v() Var {
	w := r.word()
	v, ok := r.vars[w]
	if !ok {
		panic("no variable " + w)
	}
	return v
}

func (r *replay) expr() Expr {
	e := Expr{}
	for range r.int() {
		c := int32(r.int())
		e = e.Add(Term(c, r.v()))
	}
	return e.PlusInt(r.num())
}

func (r *replay) constraint() Constraint {
	rel := Rel(r.int())
	return Constraint{r.expr(), rel}
}

func (r *replay) do(line string) string {
	r.words = strings.Fields(line)
	op := r.word()
	z := r.zones[r.int()]
	other := func() *Zone { return r.pool.Copy(r.zones[r.int()]) }
	switch op {
	case "set":
		z.Set(r.v(), Interval{r.num(), r.num()})
	case "assign":
		z.Assign(r.v(), r.expr())
	case "havoc":
		z.Havoc(r.v())
	case "add":
		z.Add(r.constraint())
	case "entail":
		return strconv.FormatBool(z.Entails(r.constraint()))
	case "intersect":
		return strconv.FormatBool(z.Intersects(r.constraint()))
	case "implies":
		return strconv.FormatBool(z.Implies(r.constraint(), r.constraint()))
	case "eval":
		return z.Eval(r.expr()).String()
	case "join":
		z.Join(other())
	case "tighten":
		z.Tighten()
	case "widen":
		z.Widen(other())
	case "meet":
		z.Meet(other())
	case "narrow":
		z.Narrow(other())
	case "leq":
		return strconv.FormatBool(z.Leq(other()))
	case "copy":
		z.CopyFrom(other())
	case "top":
		z.SetTop()
	case "rename":
		var pairs []Renaming
		for range r.int() {
			pairs = append(pairs, Renaming{r.v(), r.v()})
		}
		z.Rename(pairs)
	case "asv":
		z.ApplySigned(Op(r.int()), r.v(), r.v(), r.v(), r.v(), r.int())
	case "auv":
		z.ApplyUnsigned(Op(r.int()), r.v(), r.v(), r.v(), r.v(), r.int())
	case "arv":
		z.Arith(Op(r.int()), r.v(), r.v(), r.v(), r.int())
	case "ari":
		z.ArithImm(Op(r.int()), r.v(), r.v(), r.num().Int64(), r.int())
	case "neg":
		z.NegWrap(r.v(), r.v(), r.int())
	case "shl":
		z.ShlImm(r.v(), r.v(), r.int(), r.int())
	case "lshr":
		z.LShrImm(r.v(), r.v(), r.int(), r.int())
	case "ashr":
		z.AShr(r.v(), r.v(), ConstInt(r.num()), r.int())
	case "ashrv":
		z.AShr(r.v(), r.v(), V(r.v()), r.int())
	case "sext":
		z.SignExtend(r.v(), r.v(), V(r.v()), r.int(), r.int())
	case "ovf":
		z.OverflowBounds(r.v(), r.int(), r.int() == 1)
	case "asmi":
		z.AssumeImm(isa.Condition(r.int()), r.int() == 1, r.v(), r.v(), r.num().Int64())
	case "asmr":
		z.AssumeReg(isa.Condition(r.int()), r.int() == 1, r.v(), r.v(), r.v(), r.v())
	default:
		panic("unknown operation " + op)
	}
	return dump(z, r.tab)
}

// dump is the printed zone, the number of mapped variables, and all edges.
func dump(z *Zone, t *Table) string {
	if z.bottom {
		return "_|_"
	}
	var edges []string
	for i, v := range z.vars {
		if n := &z.nodes[i]; n.lo != NegInf {
			edges = append(edges, t.Name(v)+">0:"+n.lo.Neg().String())
		}
		if n := &z.nodes[i]; n.hi != PosInf {
			edges = append(edges, "0>"+t.Name(v)+":"+n.hi.String())
		}
	}
	z.EachEdge(func(s, d Var, w Int) { edges = append(edges, t.Name(s)+">"+t.Name(d)+":"+w.String()) })
	slices.Sort(edges)
	return strings.TrimSuffix(fmt.Sprintf("%s | %d | %s", strings.Join(z.Strings(t), "; "), len(z.vars), strings.Join(edges, " ")), " ")
}
