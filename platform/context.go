package platform

import (
	"cmp"
	"fmt"
	"slices"
)

// StructLayout is the layout of a C structure, as BTF tells it. Members of
// anonymous structures and unions are listed as members of the structure.
type StructLayout struct {
	Name    string // tag or typedef name
	Size    int    // bytes
	Members []Field
}

// Member returns the member with that name.
func (l StructLayout) Member(name string) (Field, bool) {
	for _, m := range l.Members {
		if m.Name == name {
			return m, true
		}
	}
	return Field{}, false
}

// DifferenceKind says in what a program's context differs from the hook's.
type DifferenceKind uint8

// The kinds of differences.
const (
	DifferentOffset DifferenceKind = iota // the member is at another offset
	DifferentWidth                        // the member is there, with another size
	DifferentSize                         // the structures have different sizes
)

// ContextDifference is one difference between the structure that a program
// takes for its context and the hook's context.
type ContextDifference struct {
	Kind DifferenceKind
	// Field is the member's name; empty for DifferentSize.
	Field string
	// Pointer says that the member is the hook's data, end or metadata pointer.
	Pointer    bool
	Have, Want int // bytes: the program's, the hook's
}

// String returns the difference as a clause: "data_end is at offset 32; the
// hook has it at offset 8".
func (d ContextDifference) String() string {
	switch d.Kind {
	case DifferentOffset:
		return fmt.Sprintf("%s is at offset %d; the hook has it at offset %d", d.Field, d.Have, d.Want)
	case DifferentWidth:
		return fmt.Sprintf("%s has %d bytes; the hook's has %d", d.Field, d.Have, d.Want)
	}
	return fmt.Sprintf("it has %d bytes; the hook's context has %d", d.Have, d.Want)
}

// CompareContext lists the differences between have, the structure that a
// program takes for its context, and want, the hook's context: pointer fields
// first, then the sizes of the whole, then other members, by offset. Members
// are compared by name, so equally named ones at other offsets are found;
// names that only one side has are no difference. It returns nil where both
// agree, or where want is nil.
func CompareContext(have StructLayout, want *Context) []ContextDifference {
	if want == nil {
		return nil
	}
	var pointers, others []ContextDifference
	compared := make(map[string]bool)
	for _, slot := range want.pointerSlots() {
		for _, name := range slot.names {
			compared[name] = true
			if m, ok := have.Member(name); ok {
				if m.Offset != slot.offset {
					pointers = append(pointers, ContextDifference{DifferentOffset, name, true, m.Offset, slot.offset})
				}
				break
			}
		}
	}
	for _, f := range want.Fields {
		m, ok := have.Member(f.Name)
		switch {
		case !ok || compared[f.Name]:
		case m.Offset != f.Offset:
			others = append(others, ContextDifference{DifferentOffset, f.Name, false, m.Offset, f.Offset})
		case m.Size != f.Size && m.Size > 0 && f.Size > 0:
			others = append(others, ContextDifference{DifferentWidth, f.Name, false, m.Size, f.Size})
		}
	}
	slices.SortStableFunc(pointers, func(a, b ContextDifference) int { return cmp.Compare(a.Want, b.Want) })
	slices.SortStableFunc(others, func(a, b ContextDifference) int { return cmp.Compare(a.Want, b.Want) })
	if have.Size != want.Size && !want.UpperBound {
		pointers = append(pointers, ContextDifference{Kind: DifferentSize, Have: have.Size, Want: want.Size})
	}
	return append(pointers, others...)
}

type pointerSlot struct {
	offset int
	names  []string // names that a program may give it, most likely first
}

// pointerSlots returns the pointer fields of c. Where c does not name the field
// at such an offset, the usual names stand for it.
func (c *Context) pointerSlots() []pointerSlot {
	var slots []pointerSlot
	add := func(offset int, usual ...string) {
		if offset < 0 {
			return
		}
		for _, f := range c.Fields {
			if f.Offset == offset && f.Name != "" {
				usual = []string{f.Name}
				break
			}
		}
		slots = append(slots, pointerSlot{offset, usual})
	}
	add(c.Data, "data", "data_start")
	add(c.End, "data_end")
	add(c.Meta, "data_meta")
	return slots
}

// FieldAt returns the field that holds the byte at that offset.
func (c *Context) FieldAt(offset int) (Field, bool) {
	if c == nil {
		return Field{}, false
	}
	for _, f := range c.Fields {
		if f.Offset <= offset && offset < f.Offset+f.Size {
			return f, true
		}
	}
	return Field{}, false
}
