// Package elfbpf reads BPF objects: ELF files with programs, maps, relocations,
// BTF and line information. It turns bytes into an Object and knows neither the
// verifier nor files on disk nor the compiler.
package elfbpf

import (
	"bpfls/isa"
	"bpfls/platform"
)

// Options say how an object is read. The zero value, with a Platform, reads
// everything.
type Options struct {
	Platform *platform.Platform // record sizes, builtins, kernel functions; required
}

// Object is a parsed BPF object.
type Object struct {
	Name     string // as given to Parse, for messages
	Sections []Section
	Programs []*Program // in the order of the file: section, then offset
	Maps     []Map      // in descriptor order, data sections last
}

// Section is a row of the ELF section table.
type Section struct {
	Index   int
	Name    string
	Size    uint64 // bytes
	Address uint64
	Text    bool // executable
}

// Program is one function in an executable section, relocated and with the
// subprograms that it calls appended, ready for the verifier.
type Program struct {
	Section string
	Name    string     // C function; the section's name where there is no symbol
	Offset  int        // bytes from the start of the section
	Size    int        // bytes of the function itself, without appended subprograms
	Code    []isa.Slot // the whole program after relocation
	Lines   []Line     // sorted by Slot
	Subs    []Subprogram
	Relocs  []Relocation
	// Err says why the verifier could not be given this program ("rejected");
	// Code is then what was read so far, or nil.
	Err error
}

// Subprogram is a function appended to a program at its first call.
type Subprogram struct {
	Name    string
	Section string
	Slot    int // where it starts in Program.Code
	Offset  int // bytes from the start of its section
	Size    int // bytes
}

// Line is an entry of .BTF.ext line information.
type Line struct {
	Slot   int    // first slot it speaks of, in Program.Code
	File   string // as the compiler wrote it
	Line   int    // from 1; 0: no true line
	Column int    // from 1, in bytes; 0: unknown
	Text   string // source line as stored in BTF
}

// Relocation is a relocation of a program's section.
type Relocation struct {
	Offset int // bytes from the start of the program
	Type   uint32
	Symbol string
}

// Map is a map of the object: what the verifier needs and where it was defined.
type Map struct {
	platform.Map
	Section            string
	Pinning            uint32
	KeyType, ValueType string // C types where BTF tells; else empty
}
