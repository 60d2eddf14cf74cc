// Package elfbpf reads BPF objects: ELF files with programs, maps, relocations,
// BTF and line information. It turns bytes into an Object and knows neither the
// verifier nor files on disk nor the compiler.
package elfbpf

import (
	"encoding/binary"

	"bpfls/isa"
	"bpfls/platform"
)

// Options say how an object is read. The zero value, with a Platform, reads
// everything.
type Options struct {
	Platform *platform.Platform // record sizes, builtins, kernel functions; required
	// Wanted says which programs are read; nil: all. The others, too, are checked for
	// what rejects the object, but have neither Code nor Lines, Subs and Relocs.
	Wanted func(*Program) bool
	// Stop, if not nil, is asked again and again: Parse gives up once it says true.
	Stop func() bool
}

// Object is a parsed BPF object. It is safe for use by several goroutines.
type Object struct {
	Name      string // as given to Parse, for messages
	ByteOrder binary.ByteOrder
	Sections  []Section  // in the order of the section table, with the null section first
	Programs  []*Program // in the order of the file: section, then offset
	Maps      []Map      // in the order of PREVAIL's descriptor table, data sections last

	// Err says why none of the programs can be verified, where the cause is the
	// object and not one program; the programs' Err is then the same.
	Err error

	reader *reader
}

// BigEndian reports whether the object was compiled for a big-endian machine.
func (o *Object) BigEndian() bool { return o.ByteOrder == binary.ByteOrder(binary.BigEndian) }

// Section is a row of the ELF section table.
type Section struct {
	Index   int
	Name    string
	Size    uint64 // bytes
	Address uint64
	Text    bool   // executable
	Type    uint32 // SHT_*
	Flags   uint64 // SHF_*
}

// Program is one function in an executable section, relocated and with the
// subprograms that it calls appended, ready for the verifier.
type Program struct {
	Section string
	Name    string     // C function; the section's name where there is no symbol
	Offset  int        // bytes from the start of the section
	Size    int        // bytes of the function itself, up to the next function
	Code    []isa.Slot // the whole program after relocation
	Lines   []Line     // sorted by Slot
	Subs    []Subprogram
	Relocs  []Relocation // of the function itself, sorted by offset

	// ContextType is the C type of the function's first parameter as BTF has it
	// ("struct xdp_md *", "bind_md_t *"); empty without BTF or without parameters.
	ContextType string
	// Context is the layout of the structure that ContextType points to; nil if it
	// points to none, or to one that is only declared.
	Context *Struct

	// Err says why the verifier could not be given this program ("rejected"); it is
	// an *Error. Code is then what was read so far, or nil.
	Err error
}

// Subprogram is a function whose code follows in a program: one that was appended
// at its first call, or one that the program reaches in its own section.
type Subprogram struct {
	Name    string
	Section string
	Slot    int // where it starts in Program.Code
	Offset  int // bytes from the start of its section
	Size    int // bytes
}

// Line is an entry of .BTF.ext line information. It holds from its slot up to
// the next entry's.
type Line struct {
	Slot   int    // first slot it speaks of, in Program.Code
	File   string // as the compiler wrote it; empty: nothing is known from here on
	Line   int    // from 1; 0: no true line
	Column int    // from 1, in bytes; 0: unknown
	Text   string // source line as stored in BTF
}

// Relocation is a relocation of a program's section.
type Relocation struct {
	Offset int // bytes from the start of the program, or of the section (Object.Relocations)
	Type   uint32
	Symbol string
	Extern bool  // the object does not define the symbol
	Addend int64 // of SHT_RELA sections
}

// Map is a map of the object: what the verifier needs and where it was defined.
type Map struct {
	platform.Map
	Section            string
	Pinning            uint32
	KeyType, ValueType string // C types where BTF tells; else empty
}

// Struct is the layout of a C structure or union as BTF has it.
type Struct struct {
	Name    string // without "struct"; the typedef's name where the structure has none
	Union   bool
	Size    int // bytes
	Members []Member
}

// Member is a member of a Struct. Members of anonymous structures and unions
// inside it are listed in place, as C reaches them.
type Member struct {
	Name    string
	Offset  int    // bytes; of a bit field: of the byte that holds its first bit
	Size    int    // bytes; 0 for a flexible array; of a bit field: of its declared type
	Type    string // C type: "unsigned char *", "__u8[16]"
	Bits    int    // width of a bit field, else 0
	Pointer bool
}

// Lookup returns the member with that name.
func (s *Struct) Lookup(name string) (Member, bool) {
	for _, m := range s.Members {
		if m.Name == name {
			return m, true
		}
	}
	return Member{}, false
}

// Line returns the line information of a slot of Code.
func (p *Program) Line(slot int) (Line, bool) {
	lo, hi := 0, len(p.Lines)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if p.Lines[mid].Slot <= slot {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == 0 || p.Lines[lo-1].File == "" && p.Lines[lo-1].Line == 0 {
		return Line{}, false
	}
	return p.Lines[lo-1], true
}

// IndirectHelperCalls lists the slots of Code that call a helper through a
// register (callx). clang emits them for helpers declared as function pointers
// when it does not optimise: the source was compiled without -O2.
func (p *Program) IndirectHelperCalls() []int {
	var slots []int
	for i := 0; i < len(p.Code); i++ {
		switch p.Code[i].Op {
		case isa.OpCallX:
			slots = append(slots, i)
		case isa.OpLDDW:
			i++
		}
	}
	return slots
}
