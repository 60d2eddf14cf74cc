package explain

import (
	"fmt"

	"bpfls/platform"
	"bpfls/verifier"
)

// hazards explains the mistakes of an accepted program that the verdict does not look
// at: warnings.
func (e *explainer) hazards(r *verifier.Result) []Finding {
	var out []Finding
	for _, h := range r.Hazards() {
		if h.Kind == verifier.HazardUncheckedBranch || h.Kind == verifier.HazardUncheckedLoop {
			out = append(out, e.unchecked(h))
			continue
		}
		if h.Kind == verifier.HazardBehindStack {
			out = append(out, e.behindStack(h))
			continue
		}
		w := resourceWords[h.Resource]
		f := Finding{Code: "BPF-released-resource", Severity: "warning", Engine: "builtin",
			Instruction: h.At.Slot, Label: h.Label, CallPath: h.At.CallPath}
		related := fmt.Sprintf("the %s is %s here", w.name, w.released)
		want := wantCall
		switch h.Kind {
		case verifier.HazardKept:
			f.Code = "BPF-resource-leak"
			f.Message = fmt.Sprintf("the %s that %s gives is not %s on every way out of the program. The verifier accepts the program, because it does not look at that.",
				w.name, helperName(h.Helper, e.insts[h.At.Slot]), w.released)
			related = fmt.Sprintf("on the way from here the %s is kept", w.name)
		case verifier.HazardReleasedTwice:
			f.Message = fmt.Sprintf("the %s was %s before. The verifier accepts the program, because it does not look at that.", w.name, w.released)
		case verifier.HazardUsed:
			f.Message = fmt.Sprintf("the %s is used after it was %s. The verifier accepts the program, because it does not look at that.", w.name, w.released)
			if !isCall(e.insts[h.At.Slot]) {
				want = wantAccess
			}
		}
		f.Range, f.Text = e.rangeAt(h.At.Slot, want, 0)
		if h.Other.Slot >= 0 {
			want := wantStatement
			if isCall(e.insts[h.Other.Slot]) {
				want = wantCall
			}
			if at, _ := e.rangeAt(h.Other.Slot, want, 0); at.Line > 0 {
				f.Related = append(f.Related, Related{Range: at, Message: related})
			}
		}
		out = append(out, f)
	}
	return out
}

// unchecked explains that the verifier did not look at a part of the program.
func (e *explainer) unchecked(h verifier.Hazard) Finding {
	f := Finding{Code: "BPF-unchecked-code", Severity: "warning", Engine: "builtin",
		Instruction: h.At.Slot, Label: h.Label, CallPath: h.At.CallPath}
	want := wantStatement
	f.Message = "one branch of this comparison is not checked: the verifier takes it for impossible, though a pointer may be compared here. It accepts the program, whatever the branch does."
	if h.Kind == verifier.HazardUncheckedLoop {
		want = wantLoop
		f.Message = "this loop is not checked, nor is what follows it: the verifier takes them for unreachable, because a variable is a number on one way and a pointer on another. It accepts the program, whatever is done there."
	}
	f.Range, f.Text = e.rangeAt(h.At.Slot, want, 0)
	return f
}

// behindStack explains that a helper reads bytes behind the stack.
func (e *explainer) behindStack(h verifier.Hazard) Finding {
	f := Finding{Code: "BPF-behind-stack", Severity: "warning", Engine: "builtin",
		Instruction: h.At.Slot, Label: h.Label, CallPath: h.At.CallPath}
	what, of := "the values", "the map"
	if h.Key {
		what = "the keys"
	}
	if h.Map != nil && h.Map.Name != "" {
		of = "map " + h.Map.Name
	}
	f.Range, f.Text = e.rangeAt(h.At.Slot, wantArgument, h.Argument)
	helper, in := "the helper", e.insts[h.At.Slot]
	if p := e.helper(in); p != nil {
		helper = helperName(p, in)
	}
	f.Message = fmt.Sprintf("%s of %s have %d bytes, and the stack ends %d bytes behind the start of this one: %s reads %d behind the stack. The verifier accepts the program, because it does not look there.",
		what, of, h.Size, h.Bytes, helper, h.Size-h.Bytes)
	return f
}

// resourceWords name a resource and what giving it back is called.
var resourceWords = map[platform.Resource]struct{ name, released string }{
	platform.RingbufRecord: {"record", "submitted or discarded"},
	platform.Socket:        {"socket", "released"},
}
