package elfbpf

import (
	"debug/dwarf"
	"errors"
)

type reader struct{}

// Parse reads a BPF object. name stands for the object in messages. The error
// is an *Error where the object as a whole cannot be used; where only some
// programs cannot, their Err says why.
func Parse(name string, data []byte, opt Options) (*Object, error) {
	return nil, &Error{Object: name, Reason: "not built yet"}
}

// Struct returns the layout of a structure or union by its C name, without
// "struct"; a typedef's name does too.
func (o *Object) Struct(name string) (*Struct, error) { return nil, errors.New("not built yet") }

// DWARF returns the object's debugging information, relocated; nil and an error
// where it has none.
func (o *Object) DWARF() (*dwarf.Data, error) { return nil, errors.New("not built yet") }

// Data returns the bytes of the first section with that name as they stand in
// the file, before relocation.
func (o *Object) Data(section string) ([]byte, bool) { return nil, false }

// Relocations returns the relocations that apply to the section with that name,
// in the order of the file.
func (o *Object) Relocations(section string) []Relocation { return nil }
