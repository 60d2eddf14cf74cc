package cfg

import (
	"bpfls/isa"
	"bpfls/platform"
)

// ArgKind is what an argument that stands alone must be.
type ArgKind uint8

// The kinds of single arguments.
const (
	ArgMapFD ArgKind = iota
	ArgMapFDPrograms
	ArgMapKey
	ArgMapValue
	ArgContext
	ArgStack
	ArgFunc
	ArgAnything
	ArgSocket
	ArgBTFID
	ArgAllocMem
	ArgSpinLock
	ArgTimer
	ArgSizeOrZero
	ArgWritableLong // memory of 8 bytes that is written
	ArgWritableInt  // memory of 4 bytes that is written
)

// Single is an argument that stands alone.
type Single struct {
	Kind   ArgKind
	OrNull bool
	Reg    isa.Reg
}

// Pair is a memory argument and the argument that holds its size in bytes.
type Pair struct {
	Writable  bool // is written; else read
	OrNull    bool
	Mem, Size isa.Reg
	CanBeZero bool // the size may be 0
}

// CallKind says what a contract's number counts.
type CallKind uint8

// The kinds of calls.
const (
	HelperCall CallKind = iota
	BuiltinCall
	KfuncCall
)

// Contract is what a call demands of its arguments and how its result looks.
// It is made of a prototype.
type Contract struct {
	Kind    CallKind
	ID      int32
	Module  int16 // KfuncCall
	Name    string
	Singles []Single // in argument order
	Pairs   []Pair   // in argument order
	// Return is the pointer type of the result; 0 for a number and for the
	// result of a map lookup.
	Return            TypeSet
	ReturnNullable    bool
	MapLookup         bool // the result is a value of the map argument, or null
	ReallocatesPacket bool
	AllocSize         isa.Reg // register that holds the size of the memory that is returned; NoReg
	ZeroArgs          uint8   // bit i: argument i+1 must be zero
	AllowedMapTypes   uint64  // bit per map type below 64; 0: any
	// TailCall: the helper does not return where it succeeds.
	TailCall  bool
	Prototype *platform.Helper
}

// ResolveHelper returns the contract of the helper with that id and the
// obligations of a call of it, for a callx whose register holds the id. ok is
// false if programs of this type may not call it or if its prototype is not
// modelled (of which PREVAIL demands nothing then). The obligations' accesses
// are those of the program's own frame whatever the caller's: PREVAIL checks
// them so.
func (g *Graph) ResolveHelper(id int32) (c *Contract, checks []Check, ok bool) {
	return g.resolveHelper(id)
}
