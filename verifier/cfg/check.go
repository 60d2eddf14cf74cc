package cfg

import (
	"math/bits"
	"strconv"

	"bpfls/isa"
)

// CheckKind is the kind of a proof obligation. The order is that of
// verifier.CheckKind.
type CheckKind uint8

// The kinds of proof obligations. Each comment names the fields of Check that
// are meaningful besides Kind.
const (
	Comparable        CheckKind = iota // Reg and Other point into the same region; OrNumber: or Other is a number (subtraction)
	Addable                            // if Reg is a pointer, Other is a number
	ValidDivisor                       // Reg is not zero; Signed, Is64
	ValidAccess                        // Reg+Offset may be accessed: Width bytes, or as many as Other says; Mode, OrNull
	ValidStore                         // if Reg does not point to the stack, Other is a number
	ValidSize                          // Reg is positive; CanBeZero: or zero
	ValidMapKeyValue                   // Reg points to a key (Key) or value of the map in Other
	ValidCallback                      // Reg is the address of a function that exits
	TypeConstraint                     // the type of Reg is one of Types
	FuncConstraint                     // Reg holds the id of a helper whose own obligations hold
	ZeroContextOffset                  // Reg points to the start of the context; OrNull
	BoundedLoopCount                   // the counter is not above LoopLimit
	ValidArgZero                       // Reg is zero
	ValidMapType                       // the map in Reg has a type that Callee allows
)

// LoopLimit is the number of iterations of a loop that is accepted where
// termination is checked.
const LoopLimit = 100_000

// AccessMode is what a ValidAccess is about. The order is that of
// verifier.AccessMode.
type AccessMode uint8

// The access modes.
const (
	Compare AccessMode = iota // the pointer is only compared or subtracted
	Read                      // what is read must be initialised
	Write
)

// NoReg stands for the absence of a register in a Check.
const NoReg isa.Reg = 0xff

// Check is a proof obligation of a node.
type Check struct {
	Kind      CheckKind
	Reg       isa.Reg // what it is about; NoReg for BoundedLoopCount
	Other     isa.Reg // second register; NoReg where there is none
	Mode      AccessMode
	OrNull    bool // holds for a null pointer too
	OrNumber  bool // Comparable: holds too if Other is a number
	Signed    bool // ValidDivisor
	Is64      bool // ValidDivisor: the whole register; else its low half
	CanBeZero bool // ValidSize
	Key       bool // ValidMapKeyValue: a key, not a value
	Types     TypeSet
	Offset    int32     // ValidAccess: bytes
	Width     int32     // ValidAccess: bytes; 0 for a comparison, or where Other holds the size
	Callee    *Contract // ValidMapType: whose map it is
}

// TypeSet is a set of register types. The bits are those of verifier.TypeSet.
type TypeSet uint16

// The register types.
const (
	TypeUninit TypeSet = 1 << iota
	TypeMapPrograms
	TypeMap
	TypeNumber
	TypeContext
	TypePacket
	TypeStack
	TypeShared // map values
	TypeSocket
	TypeBTFID
	TypeAllocMem
	TypeFunction
)

// The sets of types that obligations name.
const (
	TypesMemory      = TypePacket | TypeStack | TypeShared
	TypesPointer     = TypeContext | TypePacket | TypeStack | TypeShared
	TypesSingleton   = TypeContext | TypePacket | TypeStack // regions of which there is one
	TypesDereference = TypesPointer | TypeSocket | TypeAllocMem
)

// typeNames lists the types in the order in which an obligation names them.
var typeNames = [...]struct {
	t    TypeSet
	name string
}{
	{TypeUninit, "uninit"},
	{TypeMapPrograms, "map_fd_programs"},
	{TypeMap, "map_fd"},
	{TypeNumber, "number"},
	{TypeContext, "ctx"},
	{TypeStack, "stack"},
	{TypePacket, "packet"},
	{TypeShared, "shared"},
	{TypeSocket, "socket"},
	{TypeBTFID, "btf_id"},
	{TypeAllocMem, "alloc_mem"},
	{TypeFunction, "func"},
}

// String returns the set as obligations print it: "number", "{stack, packet}".
func (t TypeSet) String() string { return string(t.append(nil)) }

func (t TypeSet) append(b []byte) []byte {
	single := bits.OnesCount16(uint16(t)) == 1
	if !single {
		b = append(b, '{')
	}
	first := true
	for _, n := range &typeNames {
		if t&n.t == 0 {
			continue
		}
		if !first {
			b = append(b, ", "...)
		}
		first = false
		b = append(b, n.name...)
	}
	if !single {
		b = append(b, '}')
	}
	return b
}

// CheckText returns a proof obligation of a node in PREVAIL's words:
// "valid_access(r1.offset+8, width=4) for read".
func (g *Graph) CheckText(id NodeID, c *Check) string {
	var buf [96]byte
	return string(g.appendCheck(buf[:0], id, c))
}

func appendReg(b []byte, r isa.Reg) []byte { return strconv.AppendUint(append(b, 'r'), uint64(r), 10) }

func appendType(b []byte, r isa.Reg, t TypeSet) []byte {
	b = append(appendReg(b, r), ".type "...)
	if bits.OnesCount16(uint16(t)) == 1 {
		b = append(b, "== "...)
	} else {
		b = append(b, "in "...)
	}
	return t.append(b)
}

func (g *Graph) appendCheck(b []byte, id NodeID, c *Check) []byte {
	switch c.Kind {
	case Comparable:
		if c.OrNumber {
			b = append(appendType(b, c.Other, TypeNumber), " or "...)
		}
		b = append(appendReg(b, c.Reg), ".type == "...)
		b = append(appendReg(b, c.Other), ".type in "...)
		b = TypesSingleton.append(b)
	case Addable:
		b = append(appendType(b, c.Reg, TypesPointer), " -> "...)
		b = appendType(b, c.Other, TypeNumber)
	case ValidDivisor:
		name := byte('w')
		if c.Is64 {
			name = 'r'
		}
		b = strconv.AppendUint(append(b, name), uint64(c.Reg), 10)
		b = append(b, " != 0"...)
	case ValidAccess:
		if c.OrNull {
			b = appendType(append(b, '('), c.Reg, TypeNumber)
			b = append(appendReg(append(b, " and "...), c.Reg), ".value == 0) or "...)
		}
		b = append(appendReg(append(b, "valid_access("...), c.Reg), ".offset"...)
		if c.Offset > 0 {
			b = append(b, '+')
		}
		if c.Offset != 0 {
			b = strconv.AppendInt(b, int64(c.Offset), 10)
		}
		if c.Width == 0 && c.Other == NoReg {
			b = append(b, ") for comparison/subtraction"...)
			break
		}
		b = append(b, ", width="...)
		if c.Other != NoReg {
			b = appendReg(b, c.Other)
		} else {
			b = strconv.AppendInt(b, int64(c.Width), 10)
		}
		if c.Mode == Read {
			b = append(b, ") for read"...)
		} else {
			b = append(b, ") for write"...)
		}
	case ValidStore:
		b = append(appendReg(b, c.Reg), ".type != stack -> "...)
		b = appendType(b, c.Other, TypeNumber)
	case ValidSize:
		b = append(appendReg(b, c.Reg), ".value > 0"...)
		if c.CanBeZero {
			b = append(b[:len(b)-len("> 0")], ">= 0"...)
		}
	case ValidMapKeyValue:
		b = appendReg(append(b, "within("...), c.Reg)
		if c.Key {
			b = append(b, ":key_size("...)
		} else {
			b = append(b, ":value_size("...)
		}
		b = append(appendReg(b, c.Other), "))"...)
	case ValidCallback:
		b = append(appendReg(append(b, "valid_callback_target("...), c.Reg), ')')
	case TypeConstraint:
		b = appendType(b, c.Reg, c.Types)
	case FuncConstraint:
		b = append(appendReg(b, c.Reg), ".type is helper"...)
	case ZeroContextOffset:
		b = append(appendReg(b, c.Reg), ".ctx_offset == 0"...)
	case BoundedLoopCount:
		b = append(g.appendCounter(b, id), " < "...)
		b = strconv.AppendInt(b, LoopLimit, 10)
	case ValidArgZero:
		b = append(appendReg(b, c.Reg), " == 0"...)
	case ValidMapType:
		b = appendReg(append(b, "valid_map_type("...), c.Reg)
		b = append(b, ", "...)
		if c.Callee != nil {
			b = append(b, c.Callee.Name...)
		}
		b = append(b, ')')
	}
	return b
}

// appendCounter appends the name of the counter behind a loop head.
func (g *Graph) appendCounter(b []byte, counter NodeID) []byte {
	return append(g.appendLabel(append(b, "pc["...), g.Head(counter)), ']')
}
