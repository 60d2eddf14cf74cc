package explain

import (
	"fmt"
	"slices"

	"bpfls/csource"
	"bpfls/position"
	"bpfls/verifier"
)

// All of a macro's text has the place of its use. Two mistakes in it are told apart by
// counting: where one copy of the use has no more failed checks of a kind than the
// macro's text has expressions that can fail so, each of them is one. Where it has
// more, the compiler made several of one: loads of the halves of a number, turns of a
// loop.

// nth tells the failed checks of one use of a macro apart: the number of those before
// this one in the same copy of the code, 0 where they are not told apart.
func (d *describer) nth() int {
	at, ok := d.Program.Line(d.u.point.Slot)
	if !ok || at.Line == 0 {
		return 0
	}
	failed := d.failed[lineColumn{at.File, at.Line, at.Column}]
	if len(failed) < 2 {
		return 0
	}
	before, all := 0, 0
	copy := d.copyOf(d.u.point.Slot, d.u.id.path)
	for _, o := range failed {
		if d.copyOf(o.id.slot, o.id.path) != copy || o.check.Mode != d.u.check.Mode || isCall(d.insts[o.id.slot]) != isCall(d.in) {
			continue
		}
		all++
		if o.id.slot < d.u.id.slot {
			before++
		}
	}
	// Of a structure that is copied in several steps no part has a name.
	if all < 2 || d.object() == "" && !isCall(d.in) || all > d.expressionsOfMacro(at.File, at.Line, at.Column) {
		return 0
	}
	return before
}

// lineColumn is a place of line information.
type lineColumn struct {
	file         string
	line, column int
}

// failing sorts the checks that failed by themselves by their places, one for each
// instruction of a copy.
func (e *explainer) failing(all []unproven) map[lineColumn][]*unproven {
	out := map[lineColumn][]*unproven{}
	for i := range all {
		u := &all[i]
		if u.root != nil {
			continue
		}
		if l, ok := e.Program.Line(u.id.slot); ok && l.Line > 0 {
			k := lineColumn{l.File, l.Line, l.Column}
			if !slices.ContainsFunc(out[k], func(o *unproven) bool { return o.id.slot == u.id.slot && o.id.path == u.id.path }) {
				out[k] = append(out[k], u)
			}
		}
	}
	return out
}

// copyOf names the copy of the code that an instruction is of: the calls that lead to
// it, those that were inlined too.
func (e *explainer) copyOf(slot int, path string) string {
	for _, c := range e.inlinedCalls(slot) {
		path += fmt.Sprintf(" %s:%d:%d", c.file, c.line, c.column)
	}
	return path
}

// expressionsOfMacro counts, in the text of the macro that is used at a place, the
// expressions that can fail as the check does; 0 where no macro is used there.
func (d *describer) expressionsOfMacro(file string, line, column int) int {
	s := d.source(file)
	if s == nil {
		return 0
	}
	i := s.TokenAt(s.Offset(s.BTF(line, column)))
	if !s.IsIdent(i) || !s.Is(i+1, "(") || s.Match(i+1) < 0 {
		return 0
	}
	use := s.TextOf(csource.Span{First: i, Last: s.Match(i + 1)})
	expanded := csource.Expand(use, func(name string) (csource.Macro, bool) {
		for _, f := range sortedKeys(d.Sources) {
			if m := d.source(f); m != nil {
				if macro, ok := m.Macro(name); ok {
					return macro, true
				}
			}
		}
		return csource.Macro{}, false
	})
	f := csource.Scan(position.New([]byte(expanded)))
	if isCall(d.in) {
		return f.Calls()
	}
	if f.Is(0, s.Str(i)) {
		return 0 // no macro: it was not replaced
	}
	return f.Accesses(d.u.check.Mode == verifier.AccessWrite)
}
