package explain

import (
	"fmt"

	"bpfls/verifier"
)

// Swapped reports whether two checks of arguments of one call, which were not proven,
// would hold if the arguments changed places.
func Swapped(a, b verifier.Check, before verifier.State) bool {
	if a.Kind != verifier.CheckType || b.Kind != verifier.CheckType || a.Reg == b.Reg || before == nil {
		return false
	}
	fits := func(c verifier.Check, reg int8) bool {
		types := before.Register(int(reg)).Types
		return types != 0 && types&^c.Types == 0
	}
	return fits(a, b.Reg) && fits(b, a.Reg)
}

// argumentTypes collects the checks of the types of calls' arguments that were not proven,
// by the copy of the call.
func (e *explainer) argumentTypes(all []unproven) map[checkID][]verifier.Check {
	out := map[checkID][]verifier.Check{}
	for i := range all {
		u := &all[i]
		if u.check.Kind == verifier.CheckType && isCall(e.insts[u.point.Slot]) && u.check.Reg >= 1 && u.check.Reg <= 5 {
			at := checkID{u.id.slot, u.id.path, 0}
			out[at] = append(out[at], u.check)
		}
	}
	return out
}

// findSwapped looks for the argument that was swapped with the one that the check is about.
func (d *describer) findSwapped(arguments []verifier.Check) {
	if len(arguments) < 2 {
		return
	}
	for _, c := range arguments {
		if Swapped(d.u.check, c, d.state) {
			d.swapped = c.Reg
			return
		}
	}
}

// swap words two arguments in each other's place.
func (d *describer) swap() string {
	first, second := d.u.check.Reg, d.swapped
	r, _, text := d.locate(d.u.point.Slot, wantArgument, int(second))
	if text != "" && r != d.place {
		d.related = append(d.related, Related{r, fmt.Sprintf("this is argument %d", second)})
	}
	if first > second {
		first, second = second, first
	}
	is := func(reg int8) string {
		name := or(d.operand(reg), fmt.Sprintf("argument %d", reg))
		return name + " is " + d.what(registerValue(d.state, reg))
	}
	return fmt.Sprintf("arguments %s and %s of %s are swapped: %s, and %s.", d.numbered(first), d.numbered(second), d.callee(), is(first), is(second))
}
