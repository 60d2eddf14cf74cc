package verifier

import (
	"math/bits"

	"bpfls/verifier/cfg"
	"bpfls/verifier/zone"
)

// Values that mean something only for some of the types of a location.
//
// A zone holds them all in one conjunction: of a location that is a number or a pointer to
// the stack the number and the offset. What a state says is this: of the variables that
// mean nothing in an execution, because the location has another type there, there are
// values with which all constraints hold. Transfer functions, joins and widenings keep to
// it. Two steps of PREVAIL's iteration do not:
//
//   - The order leaves out the variables of types that the smaller state excludes
//     (pool.leq), though the greater one may relate them to others: values with which that
//     holds need not exist. Case 7 of docs/fidelity.md.
//   - The meet of a descending step combines what two states say of such variables, and
//     needs values that fit both. Case 9.
//
// A verdict's run follows PREVAIL. The run that goes on behind failures, whose states
// are shown, does not: unrelate and judgeMeet.

// dependent returns the kinds of variables of a location with the types of set that mean
// something only for some of them. An address beside a number is the number's.
func dependent(set TypeSet) zone.KindSet {
	if set&(set-1) == 0 || set == TypeAny {
		return 0
	}
	kinds := kindsOf(set)
	if set&TypeNumber != 0 {
		kinds |= 1 << zone.KindUValue
	}
	return kinds
}

// numberKinds are the kinds that speak of a number.
const numberKinds = zone.KindSet(1<<zone.KindSValue | 1<<zone.KindUValue)

// unrelate forgets relations between variables that mean something for some types of their
// location only, or for none, and others. Their ranges stay.
func (r *run) unrelate(st *state) {
	if st.bottom() {
		return
	}
	var cut zone.VarSet
	found := false
	loose := func(v zone.Var) bool {
		if v == zone.PacketSize || v == zone.MetaOffset {
			return false
		}
		set := st.t.of(v.Slot())
		return (dependent(set)|typedKinds&^kindsOf(set))&v.Kind().Set() != 0
	}
	var vars []zone.Var
	st.z.EachEdge(func(s, d zone.Var, _ zone.Int) {
		if s.Slot() == d.Slot() && numberKinds&s.Kind().Set() != 0 && numberKinds&d.Kind().Set() != 0 {
			return
		}
		for _, v := range [2]zone.Var{s, d} {
			if !cut.Has(v) && loose(v) {
				cut.AddKinds(v.Slot(), v.Kind().Set())
				vars = append(vars, v)
				found = true
			}
		}
	})
	if !found {
		return
	}
	z := r.mutZone(st)
	for _, v := range vars {
		z.Set(v, z.Interval(v))
	}
}

// forgetNumbers forgets the address of locations that could be a number in old and, in st,
// which was made from it, cannot any more: it was the number's.
func (r *run) forgetNumbers(st, old *state) {
	if st.bottom() || st.t.equal(&old.t.types) {
		return
	}
	for i := range old.t.class {
		if v := owner(i); old.t.of(v)&TypeNumber != 0 && st.t.of(v)&TypeNumber == 0 {
			r.havoc(st, v, 1<<zone.KindUValue)
		}
	}
}

// meetFault says what is wrong with the meet of a loop's descending step.
type meetFault uint8

const (
	meetFine      meetFault = iota
	meetTooStrong           // it says more than is true
	meetEmpty               // it says that the loop is never reached
)

// judgeMeet looks whether m, the meet of a and b in the first descending step of the loop
// at head, says more than a and b say together of what means something: then both hold
// values of a type that one of them excludes, or relations with values of one of
// several types, with contradictions. A run that goes on behind failures takes b then,
// which is true by itself; in a verdict's run the fault is noted.
func (r *run) judgeMeet(head cfg.NodeID, a, b, m *state) {
	fault := r.meetFault(a, b, m)
	if fault == meetFine {
		return
	}
	if r.assuming {
		r.drop(m)
		*m = b.share()
		return
	}
	if r.wrongMeets == nil {
		r.wrongMeets = make(map[cfg.NodeID]meetFault)
	}
	r.wrongMeets[head] = fault
}

func (r *run) meetFault(a, b, m *state) meetFault {
	if a.bottom() || b.bottom() {
		return meetFine
	}
	var doubtful zone.VarSet // what may say too much
	found := false
	for i := range max(len(a.t.class), len(b.t.class)) {
		v := owner(i)
		kinds := doubtfulKinds(a.t.of(v), b.t.of(v))
		doubtful.AddKinds(v, kinds)
		for ; kinds != 0 && !found; kinds &= kinds - 1 {
			x := v.Var(zone.Kind(bits.TrailingZeros16(uint16(kinds))))
			i, j := a.z.Interval(x), b.z.Interval(x)
			found = !i.IsTop() && !j.IsTop() && i != j
		}
	}
	related := func(s, d zone.Var, _ zone.Int) {
		found = found || doubtful.Has(s) || doubtful.Has(d)
	}
	if !found && !doubtful.Empty() {
		a.z.EachEdge(related)
		b.z.EachEdge(related)
	}
	if !found {
		return meetFine
	}
	// Without what is doubtful, and with that of numbers, or of pointers: an execution in
	// which the location has another type.
	for _, without := range [3]zone.KindSet{zone.AllKinds, zone.AllKinds &^ numberKinds, numberKinds} {
		var gone zone.VarSet
		x, y := a.share(), b.share()
		for i := range max(len(a.t.class), len(b.t.class)) {
			v := owner(i)
			sa, sb := a.t.of(v), b.t.of(v)
			kinds := doubtfulKinds(sa, sb)&without | typedKinds&^kindsOf(sa&sb)
			gone.AddKinds(v, kinds)
			for _, side := range [2]struct {
				st  *state
				set TypeSet
			}{{&x, sa}, {&y, sb}} {
				forget := kinds
				if side.set&TypeNumber != 0 && sa&sb&TypeNumber == 0 {
					forget |= 1 << zone.KindUValue // the number's
				}
				if forget != 0 {
					r.havoc(side.st, v, forget)
				}
			}
		}
		n := r.meet(&x, &y)
		r.drop(&x)
		r.drop(&y)
		if n.bottom() {
			continue
		}
		more := m.bottom() || !n.z.LeqWithout(m.z.Zone, &gone)
		r.drop(&n)
		switch {
		case m.bottom():
			return meetEmpty
		case more:
			return meetTooStrong
		}
	}
	return meetFine
}

// doubtfulKinds returns the kinds of variables of a location, of one type set in one state
// and another in the other, of which their meet may say too much.
func doubtfulKinds(a, b TypeSet) zone.KindSet {
	kinds := typedKinds&^kindsOf(a&b) | dependent(a&b)
	if (a|b)&TypeNumber != 0 && a&b&TypeNumber == 0 {
		kinds |= 1 << zone.KindUValue
	}
	return kinds
}

// relates reports whether what the state at a node says holds of all executions also where
// it relates variables that mean something for some types only.
func (r *run) relates(id cfg.NodeID) bool {
	return r.assuming && !(r.taken != nil && r.taken[id])
}
