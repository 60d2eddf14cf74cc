package explain

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bpfls/elfbpf"
	"bpfls/isa"
	"bpfls/platform"
	"bpfls/verifier"
)

// unproven is a check that was not proven at one copy of an instruction.
type unproven struct {
	id      checkID
	label   string
	point   verifier.Point
	message string // the verifier's, with the check's text
	check   verifier.Check
	root    *checkID // what it follows from; nil: it stands for itself
}

// checkID names a check of one copy of an instruction.
type checkID struct {
	slot  int
	path  string
	index int
}

// findings turns the checks that were not proven into root causes, the one where
// the verifier failed first before the others in program order, and counts the
// rest as consequences.
func (e *explainer) findings() []Finding {
	all := e.unproven()
	e.failed = e.failing(all)
	var out []Finding
	belongs := map[checkID]int{}    // the finding that a check became or follows from
	expression := map[checkID]int{} // the same without the path: inlined copies share their C expression
	wrong := map[[2]int]int{}       // slot, register: the finding about what the register holds
	arguments := e.argumentTypes(all)
	roots := map[string]int{} // what made the check fail: later uses of the same value
	places := map[spot]int{}  // what fails where in the source
	for i := range all {
		u := &all[i]
		if u.root != nil {
			continue
		}
		if e.stopped() {
			return nil
		}
		here := checkID{u.id.slot, "", u.id.index}
		if j, ok := expression[here]; ok {
			belongs[u.id] = j
			out[j].Related = append(out[j].Related, e.callers(u.point, "fails here too, called from here")...)
			continue
		}
		// A check of the same instruction says the same of the same register, or
		// cannot be made without it: the size of a key where the map is no map.
		if j, ok := e.sameRegister(u, wrong); ok {
			belongs[u.id] = j
			out[j].Consequences++
			continue
		}
		d := e.describe(u)
		d.findSwapped(arguments[checkID{u.id.slot, u.id.path, 0}])
		d.because = d.cause()
		if j, ok := roots[d.because]; ok && d.because != "" {
			belongs[u.id] = j
			out[j].Consequences++
			continue
		}
		d.place, d.excerpt, d.text = d.underlined()
		at := d.spot()
		if j, ok := places[at]; ok && d.place.Column < d.place.EndColumn {
			// Another copy of the expression, or another part of it.
			belongs[u.id], expression[here] = j, j
			e.anotherCall(&out[j], u.point)
			continue
		}
		f := d.finding()
		n := len(out)
		roots[d.because], belongs[u.id], expression[here], places[at] = n, n, n, n
		wrong[[2]int{u.id.slot, int(u.check.Reg)}] = n
		if d.swapped > 0 {
			wrong[[2]int{u.id.slot, int(d.swapped)}] = n
		}
		out = append(out, f)
	}
	for j := range out {
		out[j].Consequences += e.uses(&out[j])
	}
	for changed := true; changed; {
		changed = false
		for i := range all {
			u := &all[i]
			if u.root == nil {
				continue
			}
			if j, ok := belongs[*u.root]; ok {
				belongs[u.id] = j
				out[j].Consequences++
				u.root, changed = nil, true
			}
		}
	}
	return out
}

func (e *explainer) sameRegister(u *unproven, wrong map[[2]int]int) (int, bool) {
	for _, r := range []int8{u.check.Reg, u.check.Other} {
		if j, ok := wrong[[2]int{u.id.slot, int(r)}]; ok && r >= 0 {
			return j, true
		}
	}
	return 0, false
}

// adopt gives checks that follow from none of all another root. In a loop a value may be
// lost by a check that the last visit proves, or follow from itself: of those that name
// one such check the first is the root then, and the others follow from it.
func adopt(all []unproven) {
	byID := make(map[checkID]*unproven, len(all))
	for i := range all {
		byID[all[i].id] = &all[i]
	}
	heirs := map[checkID]*checkID{} // by a root that is not in all
	for i := range all {
		u := &all[i]
		at := u
		for steps := 0; at != nil && at.root != nil && steps < len(all); steps++ {
			next := byID[*at.root]
			if next == nil && heirs[*at.root] != nil {
				next = byID[*heirs[*at.root]]
			}
			if next == nil {
				heirs[*at.root] = &u.id
			}
			at = next
		}
		if at == nil || at.root != nil {
			u.root = nil
		} else if u.root != nil && byID[*u.root] == nil {
			u.root = heirs[*u.root]
		}
	}
}

// unproven collects the checks that were not proven.
func (e *explainer) unproven() []unproven {
	var all []unproven
	type key struct {
		slot       int
		path, text string
	}
	labels := map[key]verifier.Failure{}
	for _, f := range e.Result.Failures {
		labels[key{f.Slot, fmt.Sprint(f.CallPath), f.Check.Text}] = f
	}
	for _, c := range e.Result.Unproven() {
		path := fmt.Sprint(c.Point.CallPath)
		u := unproven{id: checkID{c.Point.Slot, path, c.Index}, label: label(c.Point), point: c.Point, check: c.Status.Check, message: c.Status.Message}
		if u.message != "" && u.check.Text != "" {
			u.message += " (" + u.check.Text + ")"
		}
		k := key{u.id.slot, path, u.check.Text}
		if f, ok := labels[k]; ok {
			u.label, u.message = f.Label, f.Message
			delete(labels, k)
		}
		if root := c.Status.Root; root != nil {
			u.root = &checkID{root.Point.Slot, fmt.Sprint(root.Point.CallPath), root.Check}
		}
		all = append(all, u)
	}
	// Every failure of the verdict's run is told, found among the checks or not.
	for _, f := range e.Result.Failures {
		k := key{f.Slot, fmt.Sprint(f.CallPath), f.Check.Text}
		if _, ok := labels[k]; ok {
			delete(labels, k)
			all = append(all, unproven{id: checkID{f.Slot, k.path, -1}, label: f.Label, point: verifier.Point{Slot: f.Slot, CallPath: f.CallPath},
				message: f.Message, check: f.Check})
		}
	}
	if len(e.Result.Failures) > 0 {
		first := e.Result.Failures[0]
		rank := func(u unproven) int {
			if u.label == first.Label {
				return 0
			}
			return 1
		}
		slices.SortStableFunc(all, func(a, b unproven) int {
			if d := rank(a) - rank(b); d != 0 {
				return d
			}
			return a.point.Slot - b.point.Slot
		})
	}
	adopt(all)
	return all
}

// label writes a point as PREVAIL does: "9/53".
func label(p verifier.Point) string {
	var b strings.Builder
	for _, c := range p.CallPath {
		b.WriteString(strconv.Itoa(c))
		b.WriteByte('/')
	}
	b.WriteString(strconv.Itoa(p.Slot))
	return b.String()
}

// describe prepares what is said of an unproven check.
func (e *explainer) describe(u *unproven) *describer {
	in := e.insts[u.point.Slot]
	state := e.slices().Before(u.point)
	if state != nil && state.Bottom() {
		state = nil
	}
	d := &describer{explainer: e, u: u, in: in, state: state, value: registerValue(state, u.check.Reg)}
	size := -1
	if e.Type != nil && e.Type.Context != nil {
		size = e.Type.Context.Size
	}
	d.code = failureCode(u.message, u.check, in, d.value, size)
	if d.code == "BPF-context-bounds" && len(e.Context) > 0 {
		d.code = "BPF-context-layout"
	}
	return d
}

// spot is what fails where: checks of one spot are one finding, whether the compiler
// made several accesses of one expression or several copies of it.
type spot struct {
	code  string
	place Range
	mode  verifier.AccessMode
	types verifier.TypeSet
	nth   int // of the macro that is used there
}

func (d *describer) spot() spot {
	return spot{d.code, d.place, d.u.check.Mode, d.value.Types, d.nth()}
}

// anotherCall relates a finding to the inlined call through which the same expression
// fails at another point.
func (e *explainer) anotherCall(f *Finding, p verifier.Point) {
	calls := append(e.inlineCallers(p.Slot), e.callers(p, "called from here")...)
	for _, c := range calls {
		if slices.ContainsFunc(f.Related, func(r Related) bool { return r.Range == c.Range }) {
			continue
		}
		if len(f.Related) < maxRelated {
			f.Related = append(f.Related, Related{c.Range, "fails here too, " + c.Message})
		}
		return
	}
}

// finding explains the check.
func (d *describer) finding() Finding {
	f := Finding{
		Code:            d.code,
		Severity:        "error",
		Engine:          "builtin",
		Instruction:     d.u.point.Slot,
		Label:           d.u.label,
		CallPath:        d.u.point.CallPath,
		VerifierMessage: d.u.label + ": " + d.u.message,
	}
	f.Range, f.Text = d.place, d.excerpt
	f.Message = d.message()
	f.Related = append(d.history(&f), d.placeNotes(d.u.point.Slot, f.Range)...)
	f.MissingFact = d.missing
	return f
}

func registerValue(s verifier.State, r int8) verifier.Value {
	if s == nil || r < 0 || r > 10 {
		return verifier.Value{Types: verifier.TypeAny}
	}
	return s.Register(int(r))
}

// uses counts the accesses through a pointer that may be null which the verifier
// did not refuse only because it had refused an earlier one: those that are
// reached through the finding's instruction alone, and behind no comparison of
// the pointer with null.
func (e *explainer) uses(f *Finding) (n int) {
	if f.Code != "BPF-maybe-null" || len(f.CallPath) > 0 {
		return 0
	}
	base, ok := pointerRegister(e.insts[f.Instruction])
	if !ok {
		return 0
	}
	call, ok := e.origin(f.Instruction, base)
	if !ok {
		return 0
	}
	at, known := e.Program.Line(f.Instruction)
	free := e.reachable(f.Instruction) // without passing the finding's instruction
	var guards [][]bool
	for slot, in := range e.insts {
		if free[slot] || slot == f.Instruction || in.Kind != isa.Jump || !in.Cond || !in.UseImm || in.Imm != 0 || len(guards) > 16 {
			continue
		}
		if c, ok := e.origin(slot, int(in.Dst)); ok && c == call {
			guards = append(guards, e.reachable(slot))
		}
	}
	for slot, in := range e.insts {
		reg, ok := pointerRegister(in)
		if !ok || free[slot] || slot == f.Instruction || n >= 1000 {
			continue
		}
		if l, ok := e.Program.Line(slot); ok && known && l.File == at.File && l.Line == at.Line && l.Column == at.Column {
			continue // the other half of the same expression: *value += 1
		}
		guarded := false
		for _, g := range guards {
			guarded = guarded || !g[slot]
		}
		if c, ok := e.origin(slot, reg); !guarded && ok && c == call {
			n++
		}
	}
	return n
}

// pointerRegister returns the register through which an instruction accesses memory.
func pointerRegister(in isa.Inst) (int, bool) {
	switch in.Kind {
	case isa.Load:
		return int(in.Src), in.Src != isa.R10
	case isa.Store, isa.Atomic:
		return int(in.Dst), in.Dst != isa.R10
	}
	return 0, false
}

// callers lists the calls that lead to a point, the innermost first.
func (e *explainer) callers(p verifier.Point, text string) []Related {
	var out []Related
	for i := len(p.CallPath) - 1; i >= 0; i-- {
		r, _ := e.rangeAt(p.CallPath[i], wantCall, 0)
		if r.Line > 0 {
			out = append(out, Related{r, text})
		}
	}
	return out
}

// helper returns the prototype that a call instruction calls, or nil.
func (e *explainer) helper(in isa.Inst) *platform.Helper {
	switch in.Kind {
	case isa.CallBuiltin:
		if h, err := e.Platform.BuiltinByID(int32(in.Imm)); err == nil {
			return h
		}
	case isa.Call:
		if h, err := e.Platform.Helper(int32(in.Imm), e.Type); err == nil {
			return h
		}
	case isa.CallBTF:
		if k, err := e.Platform.KfuncByID(int32(in.Imm), int16(in.Off), e.Type); err == nil {
			return &k.Helper
		}
	}
	return nil
}

func (e *explainer) mapByFD(r verifier.Range) string {
	maps := e.mapsByFD(r)
	if len(maps) != 1 {
		return "" // equal maps share a descriptor
	}
	return maps[0].Name
}

func (e *explainer) mapsByFD(r verifier.Range) (maps []*elfbpf.Map) {
	for i := range e.Object.Maps {
		if m := &e.Object.Maps[i]; !r.LoInf && !r.HiInf && r.Lo == r.Hi && int64(m.FD) == r.Lo {
			maps = append(maps, m)
		}
	}
	return maps
}
