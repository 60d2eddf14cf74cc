package zone

import (
	"slices"
	"strings"
)

// Strings returns the zone in PREVAIL's notation, sorted bytewise: "r1.svalue=[0, 7]",
// "r3.svalue=r1.uvalue+14", "r2.svalue-r1.uvalue<=5", equalities preferred. Bottom is
// the single string "_|_".
//
// PREVAIL prints x=y for any edge of weight 0 from x to y, even where only y <= x is
// known, and leaves out the bounds and other differences of x then.
func (z *Zone) Strings(t *Table) []string {
	if z.bottom {
		return []string{"_|_"}
	}
	given := z
	z = z.expanded()
	defer z.endOf(given)
	names := make([]string, len(z.vars))
	leader := make([]int, len(z.vars))
	for i, v := range z.vars {
		names[i], leader[i] = t.Name(v), i
	}
	for j, k := range z.keys {
		if s, d := ends(k); z.ws[j] == Zero && names[d] < names[leader[s]] {
			leader[s] = d
		}
	}
	var out []string
	for i := range z.vars {
		if leader[i] != i {
			out = append(out, names[i]+"="+names[leader[i]])
		}
	}
	for j, k := range z.keys {
		s, d := ends(k)
		w := z.ws[j]
		if w == Zero || leader[s] != s || leader[d] != d {
			continue
		}
		if s == d || z.weight(reverse(k)) != w.Neg() {
			out = append(out, names[d]+"-"+names[s]+"<="+w.String())
		} else if w.Sign() > 0 {
			out = append(out, names[d]+"="+names[s]+"+"+w.String())
		}
	}
	for i, v := range z.vars {
		n := &z.nodes[i]
		hi := z.visibleHi(i)
		if leader[i] != i || n.lo == NegInf && hi == PosInf {
			continue
		}
		var b strings.Builder
		b.WriteString(names[i])
		b.WriteByte('=')
		if v.MinOnly() || n.lo == hi {
			b.WriteString(n.lo.String())
		} else {
			b.WriteString(Interval{n.lo, hi}.String())
		}
		out = append(out, b.String())
	}
	slices.Sort(out)
	return slices.Compact(out)
}
