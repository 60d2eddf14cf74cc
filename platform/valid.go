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
