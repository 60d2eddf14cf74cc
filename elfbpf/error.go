package elfbpf

import "strings"

// Error says why an object, or one program of it, cannot be read.
type Error struct {
	Object  string // as given to Parse
	Section string // where; empty if it is the file as a whole
	Reason  string // the cause, in PREVAIL's words where it has some
	Advice  string // what to do; empty if nothing is known
	// Unresolved lists, where the reason is unresolved symbols, one line per symbol.
	Unresolved []string
}

// Error names the object, then the section, the cause and what to do.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Object)
	if e.Section != "" {
		b.WriteString(": section ")
		b.WriteString(e.Section)
	}
	b.WriteString(": ")
	b.WriteString(e.Reason)
	for _, u := range e.Unresolved {
		b.WriteString(" ")
		b.WriteString(u)
		b.WriteString(".")
	}
	if e.Advice != "" {
		b.WriteString("; ")
		b.WriteString(e.Advice)
	}
	return b.String()
}
