package explain

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bpfls/isa"
	"bpfls/platform"
	"bpfls/verifier"
)

// unproven is a check that was not proven at one copy of an instruction.
type unproven struct {
	label    string
	point    verifier.Point
	message  string // the verifier's; empty where only the check is known
	check    verifier.Check
	verdict  bool // it belongs to the verdict's run, not to what lies behind a failure
	code     string
	pointer  string // C text of the pointer that an access goes through
	finding  int    // index of the finding that it became or belongs to
	consumed bool
}

// findings turns the failures of a result into root causes in the order in
// which the verifier met them, and counts the rest as consequences.
func (e *explainer) findings() []Finding {
	all := e.unproven()
	var out []Finding
	type key struct {
		slot  int
		check string
	}
	seen := map[key]int{}        // checks of one C expression; inlined copies share it
	missing := map[[2]int]bool{} // slot, register: what the register should be is not known
	roots := map[string]int{}    // code and C text of the pointer: later uses of the same pointer
	for i := range all {
		u := &all[i]
		c := u.check
		if j, ok := seen[key{u.point.Slot, c.Text}]; ok {
			out[j].Related = append(out[j].Related, e.callers(u.point, "fails here too, called from here")...)
			continue
		}
		if !u.verdict || u.message == "" {
			if j, ok := e.cause(u, missing, out); ok {
				out[j].Consequences++
				seen[key{u.point.Slot, c.Text}] = j
				continue
			}
		}
		f := e.finding(u)
		if root := f.Code + "\x00" + u.pointer; u.pointer != "" && !u.verdict {
			if j, ok := roots[root]; ok {
				out[j].Consequences++
				continue
			}
		}
		if u.pointer != "" {
			roots[f.Code+"\x00"+u.pointer] = len(out)
		}
		seen[key{u.point.Slot, c.Text}] = len(out)
		missing[[2]int{u.point.Slot, int(c.Reg)}] = true
		out = append(out, f)
	}
	return out
}

// cause finds the finding at the same instruction that u follows from: the size
// of a key when the map is no map, an access through what is no pointer.
func (e *explainer) cause(u *unproven, missing map[[2]int]bool, out []Finding) (int, bool) {
	for _, r := range []int8{u.check.Reg, u.check.Other} {
		if r < 0 || !missing[[2]int{u.point.Slot, int(r)}] {
			continue
		}
		for j := range out {
			if out[j].Instruction == u.point.Slot {
				return j, true
			}
		}
	}
	return 0, false
}

// unproven collects the failures of the verdict's run, then the other unproven
// checks in program order.
func (e *explainer) unproven() []unproven {
	var all []unproven
	type key struct {
		slot int
		path string
		text string
	}
	seen := map[key]bool{}
	for _, f := range e.Result.Failures {
		p := verifier.Point{Slot: f.Slot, CallPath: f.CallPath}
		seen[key{f.Slot, fmt.Sprint(f.CallPath), f.Check.Text}] = true
		all = append(all, unproven{label: f.Label, point: p, message: f.Message, check: f.Check, verdict: f.Reachable})
	}
	for slot := range e.insts {
		for _, p := range e.Result.Points(slot) {
			for _, c := range e.Result.Checks(p) {
				if c.Proven || c.Unreachable || seen[key{slot, fmt.Sprint(p.CallPath), c.Check.Text}] {
					continue
				}
				all = append(all, unproven{label: label(p), point: p, check: c.Check})
			}
		}
	}
	// The verdict's own failures come first, then what lies behind them, in
	// program order; the checks of one instruction stay together and in order.
	if len(all) > 0 {
		first := all[0].point.Slot
		slices.SortStableFunc(all, func(a, b unproven) int {
			if d := rank(a, first) - rank(b, first); d != 0 {
				return d
			}
			return a.point.Slot - b.point.Slot
		})
	}
	return all
}

func rank(u unproven, first int) int {
	if u.point.Slot == first && len(u.point.CallPath) == 0 || u.verdict && u.point.Slot == first {
		return 0
	}
	return 1
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

// finding explains one unproven check.
func (e *explainer) finding(u *unproven) Finding {
	in := e.insts[u.point.Slot]
	state := e.Result.Before(u.point)
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
	f := Finding{
		Code:        d.code,
		Severity:    "error",
		Engine:      "builtin",
		Instruction: u.point.Slot,
		Label:       u.label,
		CallPath:    u.point.CallPath,
	}
	f.VerifierMessage = u.label + ": " + u.message
	if u.message == "" {
		f.VerifierMessage = u.label + ": not proven (" + u.check.Text + ")"
	}
	var text string
	f.Range, f.Text, text = d.place()
	d.text = text
	f.Message = d.message()
	f.Related = append(append(d.related, e.inlineCallers(u.point.Slot)...), e.callers(u.point, "called from here")...)
	f.MissingFact = d.missing
	u.code = d.code
	if d.code == "BPF-maybe-null" || d.code == "BPF-not-a-pointer" {
		u.pointer = text
	}
	return f
}

func registerValue(s verifier.State, r int8) verifier.Value {
	if s == nil || r < 0 || r > 10 {
		return verifier.Value{Types: verifier.TypeAny}
	}
	return s.Register(int(r))
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
	case isa.Call:
		if in.Imm < 0 {
			if h, err := e.Platform.BuiltinByID(int32(in.Imm)); err == nil {
				return h
			}
			return nil
		}
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
	if r.LoInf || r.HiInf || r.Lo != r.Hi {
		return ""
	}
	for _, m := range e.Object.Maps {
		if int64(m.FD) == r.Lo {
			return m.Name
		}
	}
	return ""
}
