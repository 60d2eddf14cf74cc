package elfbpf

// Debug is an index of an object's debugging information (DWARF 4 and 5): its
// functions, the scopes in them, and where their variables are. It is read when
// Object.Debug is first called, and what a function holds when it is first asked
// for. It is safe for use by several goroutines.
type Debug struct{}

// Debug returns the index of the object's debugging information. Without such
// information, or where it cannot be read, the index is empty, never nil.
func (o *Object) Debug() *Debug { return &Debug{} }

// ScopeKind is what a Scope stands for.
type ScopeKind uint8

// The kinds of scopes.
const (
	ScopeFunction ScopeKind = iota // a function with code of its own
	ScopeInlined                   // a function that was inlined at a call
	ScopeBlock                     // a block in a function
)

// Scope is a function, an inlined function or a block, with its variables.
type Scope struct {
	Kind      ScopeKind
	Name      string      // of the function; empty of a block
	Decl      Place       // of a function: where it is declared
	Call      Place       // of ScopeInlined: the call
	Variables []*Variable // parameters first, both in the order of the source
	Inner     []*Scope
}

// Place is a place in a source as DWARF has it. Line 0 means that none is known.
type Place struct {
	File         string
	Line, Column int
}

// Variable is a variable or a parameter.
type Variable struct {
	Name      string
	Parameter bool
	Decl      Place
	Type      *CType // nil where it is not known
}

// Scopes returns the scopes that an instruction is in, the innermost first and its
// function last. The instruction is given by its section and its offset in it, in
// bytes. It returns nil where nothing is known.
func (d *Debug) Scopes(section string, offset int) []*Scope { return nil }

// LocationKind says where a variable is.
type LocationKind uint8

// The kinds of locations.
const (
	InRegister LocationKind = iota // the register holds the variable
	InMemory                       // it lies at the register's value plus the offset
	IsSum                          // it has no place; its value is the register's plus the offset
	IsConstant                     // it has no place; its value is the constant
)

// Location is where a variable, or a part of one, is at some instruction: DWARF 5,
// section 2.6.
type Location struct {
	Kind     LocationKind
	Register int   // InRegister, InMemory, IsSum
	Offset   int64 // InMemory, IsSum, in bytes
	Constant int64 // IsConstant
	// From and Size are the bytes of the variable that the location speaks of; Size 0
	// means all of it.
	From, Size int
}

// Locations returns where a variable is before the instruction at an offset of its
// section: the whole of it or parts; nil where it is nowhere.
func (v *Variable) Locations(offset int) []Location { return nil }
