package explain

import (
	"fmt"
	"strings"

	"bpfls/isa"
	"bpfls/position"
	"bpfls/verifier"
)

// longestSubject bounds the C texts in a finding's sentence.
const longestSubject = 40

// object is what C calls the memory that the checked access is about: "eth->h_proto",
// "p[n]"; empty where that is not known. The place must be known, see underlined.
func (d *describer) object() string {
	if d.memory == nil {
		name := d.findObject()
		d.memory = &name
	}
	return *d.memory
}

func (d *describer) findObject() string {
	reg, ok := baseRegister(d.in)
	if !ok || int(d.u.check.Reg) != reg || d.u.check.Mode == verifier.AccessCompare {
		return ""
	}
	if isAccess(d.text) && len(d.text) <= longestSubject {
		return d.text
	}
	if n, ok := d.namer().Memory(d.u.point, reg, int(d.in.Off), int(d.in.Width)); ok && len(n.Expr) <= longestSubject {
		return n.Expr
	}
	return ""
}

// baseRegister is the register that a load or store goes through.
func baseRegister(in isa.Inst) (int, bool) {
	switch in.Kind {
	case isa.Load:
		return int(in.Src), true
	case isa.Store, isa.Atomic:
		return int(in.Dst), true
	}
	return 0, false
}

// isAccess reports whether a C expression is one access to memory and nothing else.
func isAccess(text string) bool {
	if text == "" {
		return false
	}
	s := newSource(position.New([]byte(text)))
	last := len(s.Tokens) - 1
	if last < 0 {
		return false
	}
	e := s.OnlyAccess(0, last)
	return e.OK() && e.First == 0 && e.Last == last && !s.Is(last, "++", "--", ")") || e.OK() && s.Is(0, "*") && e.Last == last
}

// through is what C calls the pointer that the checked access goes through, where the
// access moves it: "data + 54"; empty where that is not known.
func (d *describer) through() string {
	n, ok := d.namer().Register(d.u.point, int(d.u.check.Reg))
	if !ok || len(n.Expr) > longestSubject {
		return ""
	}
	return n.Expr
}

// operand is what C calls a register at the finding; empty where that is not known, or
// is but a constant.
func (d *describer) operand(reg int8) string {
	if reg < 0 || reg > 9 {
		return ""
	}
	n, ok := d.namer().Register(d.u.point, int(reg))
	if !ok || len(n.Expr) > longestSubject {
		return ""
	}
	return n.Expr
}

// valued says what a register holds, under its C name: "len, a number between 0 and 255";
// without a name "a number between 0 and 255".
func (d *describer) valued(reg int8) string {
	what := d.what(registerValue(d.state, reg))
	if name := d.operand(reg); name != "" {
		return name + ", " + what
	}
	return what
}

// subjectIs is "x is a number", or "it is a number" without a name.
func (d *describer) subjectIs(reg int8) string {
	name := d.operand(reg)
	if name == "" {
		name = "it"
	}
	return name + " is " + d.what(registerValue(d.state, reg))
}

// touches words an access: "reads eth->h_proto, bytes 12 to 13 of the packet".
func (d *describer) touches(bytes, of string) string {
	verb := d.verb()
	if o := d.object(); o != "" {
		return fmt.Sprintf("%s %s, %s of %s", verb, o, bytes, of)
	}
	if t := d.through(); t != "" && t != of {
		if isCall(d.in) {
			return fmt.Sprintf("%s %s of %s through %s", verb, bytes, of, t)
		}
		return fmt.Sprintf("%s %s of %s at %s", verb, bytes, of, d.displaced(t))
	}
	return fmt.Sprintf("%s %s of %s", verb, bytes, of)
}

// displaced is the pointer that an access goes through, moved by the instruction's
// displacement; the pointer alone where that cannot be spelled.
func (d *describer) displaced(pointer string) string {
	reg, ok := baseRegister(d.in)
	if !ok || d.in.Off == 0 {
		return pointer
	}
	if t := d.namer().onFrame(d.u.point.Slot, d.namer().ask(d.u.point.Slot, reg)); t != nil {
		moved := t.plus(int64(d.in.Off))
		if text, _ := moved.rvalue(); text != "" && len(text) <= longestSubject {
			return text
		}
	}
	return pointer
}

// comma ends an apposition: "p, a pointer" goes on as "p, a pointer,".
func comma(text string) string {
	if strings.Contains(text, ", ") {
		return text + ","
	}
	return text
}

// leak words a pointer that is stored where others can read it.
func (d *describer) leak() string {
	// What the pointer points to is where the address goes.
	where := strings.TrimPrefix(strings.TrimPrefix(d.what(d.value), "a pointer into "), "a pointer to ")
	if o := d.object(); o != "" {
		where = o + ", in " + where
	}
	return fmt.Sprintf("stores %s in %s; only numbers may be stored there.", comma(d.valued(d.u.check.Other)), where)
}
