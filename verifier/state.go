package verifier

import "context"

// CheckKind is the kind of a proof obligation.
type CheckKind uint8

// The kinds of checks (PREVAIL's assertions).
const (
	CheckComparable CheckKind = iota
	CheckAddable
	CheckDivisor
	CheckAccess
	CheckStore
	CheckSize
	CheckMapKeyValue
	CheckCallback
	CheckType
	CheckFunction
	CheckZeroContextOffset
	CheckLoopCount
	CheckZeroArgument
	CheckMapType
)

// AccessMode is what an access check is about.
type AccessMode uint8

// The access modes.
const (
	AccessCompare AccessMode = iota
	AccessRead
	AccessWrite
)

// Check is a proof obligation as data, for explanations. Which fields mean
// something depends on Kind.
type Check struct {
	Kind   CheckKind
	Text   string // PREVAIL's text: "valid_access(r1.offset+8, width=8) for read"
	Reg    int8   // the register that it is about, -1 none
	Other  int8   // second register (size, map, compared), -1 none
	Offset int32  // access: displacement in bytes
	Width  int32  // access: bytes; 0 where Other holds the size
	Mode   AccessMode
	Types  TypeSet // CheckType: what is allowed
	Key    bool    // CheckMapKeyValue: key, not value
}

// TypeSet is a set of register types.
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
	TypeAny = TypeFunction<<1 - 1
)

// Range is an inclusive range of integers; an end that is not finite is unbounded.
type Range struct {
	Lo, Hi         int64
	LoInf, HiInf   bool
	LoWide, HiWide bool // the true bound lies outside int64 and was clamped
}

// Value is what is known of a register or a stack cell.
type Value struct {
	Types    TypeSet
	Signed   Range // as int64, for numbers
	Unsigned Range // as uint64 (clamped), for numbers and addresses
	Offset   Range // pointers of a single type: offset in their region
	// Region is the size of the region that a shared or allocated pointer
	// points to (its lower bound is what is proven).
	Region Range
	MapFD  Range // map types: descriptor
}

// Cell is a stack cell that the state knows a value of.
type Cell struct {
	Offset int // bytes from the top of the current frame, negative: -8 is r10-8
	Size   int // bytes
	Value  Value
}

// State is what is known before or after an instruction.
type State interface {
	// Bottom reports whether the point cannot be reached.
	Bottom() bool
	Register(r int) Value
	Cells() []Cell
	// NumericBytes lists the ranges of stack bytes that are known to be initialised
	// with numbers, as offsets from the top of the current frame.
	NumericBytes() []Range
	PacketSize() Range
	MetaOffset() Range
	// Difference bounds a.field - b.field for registers' values or offsets of the
	// same type: the relations that a range does not show.
	Difference(a, b int) Range
	// Strings is the state in PREVAIL's notation, sorted as it prints: types, numbers,
	// and last the stack ("Stack: Numbers -> {[4088...4095]}").
	Strings() []string
	// Text is the state as PREVAIL prints it, over several lines.
	Text() string
	// TextOf is Text with those constraints only that keep accepts.
	TextOf(keep func(constraint string) bool) string
}

// Point is one copy of an instruction in the control-flow graph; a subprogram
// called twice has each of its instructions twice.
type Point struct {
	Slot     int
	CallPath []int
}

// CheckStatus is a check of an instruction and whether it was proven.
type CheckStatus struct {
	Check  Check
	Proven bool
	// Unreachable: no state reaches the instruction, so nothing was checked.
	Unreachable bool
	Message     string // of a check that is not proven: PREVAIL's, without Check.Text
	// Root is the failure that this one follows from: what is checked here was made
	// by assuming that one away. Nil if it stands for itself.
	Root *Root
}

// Root names a check: one of Checks(Point).
type Root struct {
	Point Point
	Check int // index
}

// Analyze verifies a program. The error is not nil only where the input is no
// input (no platform, no type, a cancelled context): everything about the program
// itself is in the Result.
func Analyze(ctx context.Context, in Input, opt Options) (*Result, error) {
	return analyze(ctx, in, opt)
}

// Points lists the copies of the instruction at slot, in label order.
func (r *Result) Points(slot int) []Point { return r.points(slot) }

// Before returns the state before the instruction at p. Behind a failure in a
// program that failed these are the states of a run that assumes every failed
// check, so that they are true of every execution that gets there.
func (r *Result) Before(p Point) State { return r.state(p, false) }

// After returns the state after the instruction at p.
func (r *Result) After(p Point) State { return r.state(p, true) }

// Checks lists the checks at p.
func (r *Result) Checks(p Point) []CheckStatus { return r.checks(p) }
