package elfbpf

// TypeKind is the kind of a CType.
type TypeKind uint8

// The kinds of types, qualifiers and typedefs stripped.
const (
	TypeVoid TypeKind = iota // void, and what is only declared
	TypeInt                  // integers, enumerations, floats
	TypePointer
	TypeArray
	TypeStruct
	TypeUnion
	TypeFunction
)

// CType is a C type as data, of DWARF or of BTF. What it refers to is read when it
// is first asked for.
type CType struct {
	Kind   TypeKind
	Name   string // as C spells it: "struct ethhdr *", "__u8[6]"; a typedef's own name
	Size   int64  // bytes; 0 where it has none
	Signed bool   // TypeInt
	Count  int64  // TypeArray: elements; 0 where C does not say
}

// Elem returns what a pointer points to or an array consists of; nil of other
// types and where it is not known.
func (t *CType) Elem() *CType { return nil }

// Members returns the members of a structure or union in the order of the source.
func (t *CType) Members() []CMember { return nil }

// CMember is a member of a structure or union. An anonymous structure or union has
// no Name.
type CMember struct {
	Name   string
	Offset int64 // bytes; of a bit field: of the byte that holds its first bit
	// BitOffset counts the bits of a bit field from the byte at Offset, the least
	// significant first on little-endian machines; BitSize is its width, 0 of others.
	BitOffset, BitSize int
	Type               *CType
}
