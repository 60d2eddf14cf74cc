package platform

import "fmt"

// Valid says what is wrong with a prototype that was not written for this
// program (declared by a user, read from a store). Nil: the verifier can use it.
func (h *Helper) Valid() error {
	if !h.Return.Valid() {
		return fmt.Errorf("helper %s: %d is not a return type", h.Name, uint8(h.Return))
	}
	sized := false // the argument before wants a size
	for i, a := range h.Args {
		size := a == ArgConstSize || a == ArgConstSizeOrZero
		switch {
		case !a.Valid():
			return fmt.Errorf("helper %s: argument %d: %d is not an argument type", h.Name, i+1, uint8(a))
		case sized && !size:
			return fmt.Errorf("helper %s: argument %d (%s) must be followed by its size, const_size or const_size_or_zero", h.Name, i, h.Args[i-1])
		case size && !sized && h.SizeArg == 0:
			return fmt.Errorf("helper %s: argument %d (%s) must follow the pointer to the memory whose size it is", h.Name, i+1, a)
		case a == ArgDontCare:
			return nil
		}
		sized = a.sized() && h.SizeArg == 0
	}
	if sized {
		return fmt.Errorf("helper %s: argument 5 (%s) has no argument behind it for its size", h.Name, h.Args[4])
	}
	return nil
}

// sized tells whether a pointer is to memory of a size that another argument holds.
func (a ArgType) sized() bool {
	switch a {
	case ArgPtrToReadableMem, ArgPtrToReadableMemOrNull, ArgPtrToWritableMem, ArgPtrToWritableMemOrNull,
		ArgPtrToReadonlyMem, ArgPtrToReadonlyMemOrNull:
		return true
	}
	return false
}

// Valid says what is wrong with a context that was not written for this
// program. The pointer fields must have the width from data to end, which is 4
// or 8 bytes, lie inside the structure and not overlap.
func (c *Context) Valid() error {
	if c.Size < 0 || c.Size > 65535 {
		return fmt.Errorf("the context has %d bytes; 0 to 65535 can be verified", c.Size)
	}
	if (c.Data < 0) != (c.End < 0) {
		return fmt.Errorf("the context has only one of data and end; one without the other bounds nothing")
	}
	if c.Meta >= 0 && c.Data < 0 {
		return fmt.Errorf("the context has meta but no data and end")
	}
	width := c.End - c.Data
	if c.Data >= 0 && width != 4 && width != 8 {
		return fmt.Errorf("end must be directly behind data in the context, 4 or 8 bytes later; it is at offset %d, data at %d", c.End, c.Data)
	}
	for _, slot := range []struct {
		name   string
		offset int
	}{{"data", c.Data}, {"end", c.End}, {"meta", c.Meta}} {
		if slot.offset >= 0 && (slot.offset > c.Size || slot.offset+width > c.Size) {
			return fmt.Errorf("%s at offset %d with %d bytes is outside of the context, which has %d", slot.name, slot.offset, width, c.Size)
		}
	}
	if c.Meta >= 0 && c.Meta < c.End+width && c.Meta+width > c.Data {
		return fmt.Errorf("meta at offset %d overlaps data or end in the context", c.Meta)
	}
	for _, f := range c.Fields {
		if f.Offset < 0 || f.Size < 0 || f.Offset > c.Size || f.Offset+f.Size > c.Size {
			return fmt.Errorf("the member %s at offset %d with %d bytes is outside of the context, which has %d", f.Name, f.Offset, f.Size, c.Size)
		}
	}
	return nil
}
