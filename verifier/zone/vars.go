package zone

import (
	"errors"
	"fmt"
	"strconv"

	"bpfls/isa"
)

// Kind says what a variable holds about a register or a stack cell. The order is
// PREVAIL's (DataKind).
type Kind uint8

// The kinds.
const (
	KindType             Kind = iota // type set; never mapped in a zone
	KindSValue                       // value as a signed 64-bit integer
	KindUValue                       // value as an unsigned 64-bit integer
	KindCtxOffset                    // offset of a context pointer
	KindMapFD                        // map descriptor
	KindMapFDPrograms                // descriptor of a map of programs
	KindPacketOffset                 // offset of a packet pointer
	KindSharedOffset                 // offset of a pointer to a map value
	KindStackOffset                  // offset of a stack pointer
	KindSharedRegionSize             // size of the map value; only a lower bound is kept
	KindStackNumericSize             // numeric bytes at a stack pointer; only a lower bound is kept
	KindSocketOffset                 // offset of a socket pointer
	KindBTFIDOffset                  // offset of a pointer to a kernel object
	KindAllocMemOffset               // offset of a pointer to allocated memory
	KindAllocMemSize                 // size of the allocated memory
	NumKinds
)

var kindNames = [NumKinds]string{
	"type", "svalue", "uvalue", "ctx_offset", "map_fd", "map_fd_programs", "packet_offset", "shared_offset",
	"stack_offset", "shared_region_size", "stack_numeric_size", "socket_offset", "btf_id_offset",
	"alloc_mem_offset", "alloc_mem_size",
}

// String returns the kind's name as it is printed behind the dot of a variable.
func (k Kind) String() string {
	if k < NumKinds {
		return kindNames[k]
	}
	return "kind(" + strconv.Itoa(int(k)) + ")"
}

// KindSet is a set of kinds: bit k is kind k.
type KindSet uint16

// Sets of kinds.
const (
	// AllKinds are all numeric kinds.
	AllKinds KindSet = 1<<NumKinds - 1 - 1<<KindType
	// OffsetKinds are all kinds but svalue and uvalue: what is forgotten of a
	// register that becomes a number.
	OffsetKinds = AllKinds &^ (1<<KindSValue | 1<<KindUValue)

	minOnlyKinds KindSet = 1<<KindSharedRegionSize | 1<<KindStackNumericSize
)

// Set returns the set of one kind.
func (k Kind) Set() KindSet { return 1 << k }

// Var is a numeric variable. Variables come in slots of 16, one for each register,
// saved caller register or stack cell; the position in the slot is the Kind. So
// v.Kind() and v.Slot() are arithmetic, and the variables of a slot are Slot.Var(k).
type Var uint16

// Slot is a place that holds a value: a register, a saved register or a stack cell.
type Slot uint16

const (
	specialSlot  = 11 // packet_size and meta_offset
	firstFrame   = 12 // saved registers, 4 for each depth
	maxDepth     = 8
	firstDynamic = firstFrame + 4*maxDepth
	numSlots     = 1 << 12

	// denseVars is the number of ids covered by the bitmap of a zone.
	denseVars = firstFrame * 16
)

// The variables that belong to no register.
const (
	// MetaOffset is the offset of the packet's metadata, at most 0.
	MetaOffset Var = specialSlot*16 + Var(KindSharedOffset)
	// PacketSize is the size of the packet. Only a lower bound of it is shown.
	PacketSize Var = specialSlot*16 + Var(KindSharedRegionSize)
)

// RegSlot returns the slot of a register.
func RegSlot(r isa.Reg) Slot { return Slot(r) }

// Reg returns the variable of kind k of a register.
func Reg(r isa.Reg, k Kind) Var { return Var(r)<<4 | Var(k) }

// FrameSlot returns the slot in which register r (r6 to r9) of the caller at
// the given depth (0 for the outermost function) is saved during a call.
func FrameSlot(depth int, r isa.Reg) Slot { return Slot(firstFrame + 4*depth + int(r) - 6) }

// Var returns the variable of kind k of the slot.
func (s Slot) Var(k Kind) Var { return Var(s)<<4 | Var(k) }

// Slot returns the slot of the variable.
func (v Var) Slot() Slot { return Slot(v >> 4) }

// Kind returns the kind of the variable. It has no meaning for PacketSize,
// MetaOffset and loop counters.
func (v Var) Kind() Kind { return Kind(v & 15) }

// MinOnly reports whether only the lower bound of v has a meaning: packet_size,
// shared_region_size, stack_numeric_size. Upper bounds of such a variable are not
// set and not shown, though relations may bound it inside the graph.
func (v Var) MinOnly() bool { return minOnlyKinds>>(v&15)&1 != 0 }

// Unsigned reports whether v is a uvalue.
func (v Var) Unsigned() bool { return Kind(v&15) == KindUValue }

// Table gives ids to the stack cells, saved registers and loop counters of one
// program, and names to all variables. It is not safe for concurrent use while
// variables are being added.
type Table struct {
	cells  map[cellKey]Slot
	slots  []slotInfo // from firstDynamic on
	loops  []Slot
	labels []string
	frames [maxDepth]string
	err    error
}

type cellKey struct{ off, size int32 }

type slotInfo struct {
	key  cellKey
	loop int32 // -1 for a cell
}

// ErrTooManyVariables reports a program that touches more different stack cells
// and loops than a zone can tell apart.
var ErrTooManyVariables = errors.New("the program uses too many different stack cells and loops (more than " +
	strconv.Itoa(numSlots-firstDynamic) + "): use fewer or larger local variables")

// NewTable returns a table without cells and loops.
func NewTable() *Table {
	t := &Table{cells: make(map[cellKey]Slot)}
	for i := range t.frames {
		t.frames[i] = strconv.Itoa(i)
	}
	return t
}

// Err returns ErrTooManyVariables after a CellSlot or Loop that found no free id;
// from then on these return ids that are shared, so results must be discarded.
func (t *Table) Err() error { return t.err }

func (t *Table) alloc(info slotInfo) Slot {
	if len(t.slots) >= numSlots-firstDynamic {
		t.err = ErrTooManyVariables
		return numSlots - 1
	}
	t.slots = append(t.slots, info)
	return Slot(firstDynamic + len(t.slots) - 1)
}

// CellSlot returns the slot of the stack cell of size bytes at off, counted from
// the lowest byte of the whole stack. Cells of the same place have the same slot.
func (t *Table) CellSlot(off, size int) Slot {
	k := cellKey{int32(off), int32(size)}
	if s, ok := t.cells[k]; ok {
		return s
	}
	s := t.alloc(slotInfo{k, -1})
	t.cells[k] = s
	return s
}

// Lookup returns the slot that CellSlot gave to a cell before; false if it never did.
func (t *Table) Lookup(off, size int) (Slot, bool) {
	s, ok := t.cells[cellKey{int32(off), int32(size)}]
	return s, ok
}

// Cell returns the variable of kind k of the cell at off.
func (t *Table) Cell(k Kind, off, size int) Var { return t.CellSlot(off, size).Var(k) }

// CellOf returns offset and size of the cell of a slot; false if it is no cell.
func (t *Table) CellOf(s Slot) (off, size int, ok bool) {
	if i := int(s) - firstDynamic; i >= 0 && i < len(t.slots) && t.slots[i].loop < 0 {
		return int(t.slots[i].key.off), int(t.slots[i].key.size), true
	}
	return 0, 0, false
}

// Frame returns the variable of kind k of saved register r (r6 to r9) at depth.
func (t *Table) Frame(depth int, r isa.Reg, k Kind) Var { return FrameSlot(depth, r).Var(k) }

// Loop returns the counter of loop i, the caller's number of a loop head.
func (t *Table) Loop(i int) Var {
	for len(t.loops) <= i {
		n := len(t.loops)
		t.loops = append(t.loops, t.alloc(slotInfo{loop: int32(n)}))
		t.labels = append(t.labels, strconv.Itoa(n))
	}
	return t.loops[i].Var(KindSValue)
}

// SetLoopName sets the label of loop i: its counter is printed as pc[label].
func (t *Table) SetLoopName(i int, label string) {
	t.Loop(i)
	t.labels[i] = label
}

// SetFrameName sets the prefix of the frame at depth ("9", "9/17"): its saved
// registers are printed as 9/17/r6.svalue.
func (t *Table) SetFrameName(depth int, prefix string) { t.frames[depth] = prefix }

// Name returns PREVAIL's name of the variable: r1.svalue, s[4088...4095].uvalue,
// packet_size, pc[3], 9/r6.svalue.
func (t *Table) Name(v Var) string {
	switch v {
	case PacketSize:
		return "packet_size"
	case MetaOffset:
		return "meta_offset"
	}
	s, k := v.Slot(), "."+v.Kind().String()
	if i := int(s) - firstDynamic; i >= 0 && i < len(t.slots) && t.slots[i].loop >= 0 {
		return "pc[" + t.labels[t.slots[i].loop] + "]"
	}
	return t.SlotName(s) + k
}

// SlotName returns the part of the name before the dot: r1, s[4088...4095], 9/r6.
func (t *Table) SlotName(s Slot) string {
	switch {
	case s < specialSlot:
		return "r" + strconv.Itoa(int(s))
	case s >= firstFrame && s < firstDynamic:
		d := int(s) - firstFrame
		return t.frames[d/4] + "/r" + strconv.Itoa(6+d%4)
	}
	if off, size, ok := t.CellOf(s); ok {
		if size == 1 {
			return fmt.Sprintf("s[%d]", off)
		}
		return fmt.Sprintf("s[%d...%d]", off, off+size-1)
	}
	return fmt.Sprintf("slot%d", s)
}

// VarSet is a set of variables.
type VarSet struct {
	bits []uint64
}

// Add puts v into the set.
func (s *VarSet) Add(v Var) {
	i := int(v >> 6)
	for len(s.bits) <= i {
		s.bits = append(s.bits, 0)
	}
	s.bits[i] |= 1 << (v & 63)
}

// AddKinds puts the given kinds of a slot into the set.
func (s *VarSet) AddKinds(sl Slot, kinds KindSet) {
	v := Var(sl) << 4
	s.Add(v)
	s.bits[v>>6] &^= 1 << (v & 63)
	s.bits[v>>6] |= uint64(kinds) << (v & 63)
}

// Has reports whether v is in the set.
func (s *VarSet) Has(v Var) bool {
	i := int(v >> 6)
	return i < len(s.bits) && s.bits[i]>>(v&63)&1 != 0
}

// Empty reports whether nothing is in the set.
func (s *VarSet) Empty() bool {
	for _, b := range s.bits {
		if b != 0 {
			return false
		}
	}
	return true
}

// Clear empties the set and keeps its memory.
func (s *VarSet) Clear() {
	clear(s.bits)
	s.bits = s.bits[:0]
}
