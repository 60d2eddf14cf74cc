package interp

import (
	"encoding/binary"
	"fmt"
)

// Kind is what a region of memory is, in PREVAIL's memory model.
type Kind uint8

// The kinds of regions. A Value without a region is a number.
const (
	Number Kind = iota
	Context
	Packet
	Stack
	Shared // a map value, or memory that a helper returned
	MapFD  // no memory: the address of a map
	Code   // no memory: the address of an instruction
	Socket
	BTFObject
	AllocMem
)

var kindNames = [...]string{"number", "ctx", "packet", "stack", "shared", "map_fd", "func", "socket", "btf_id", "alloc_mem"}

// kindWords say what a value of a kind is.
var kindWords = [...]string{
	"a number", "a pointer to the context", "a pointer into the packet", "a pointer to the stack", "a pointer to a map value", "a map",
	"a function", "a pointer to a socket", "a pointer to a kernel object", "a pointer to allocated memory",
}

// String returns PREVAIL's name of the kind.
func (k Kind) String() string { return kindNames[k] }

// Region is a piece of memory that pointers point into. Address zero is in no
// region. A pointer's region is part of the pointer, so an access beyond the
// region is found even where other memory lies there.
type Region struct {
	Kind     Kind
	Base     uint64 // address of offset 0; for packets that of the data, behind Headroom
	Data     []byte // Data[Headroom] is offset 0
	Headroom int    // bytes before offset 0: packet metadata
	ReadOnly bool
	Freed    bool   // a packet that a helper moved
	Null     bool   // no memory: what a null pointer would point to if it were none
	Size     int    // bytes that a Null region would have
	Map      int    // descriptor, for MapFD
	Slot     int    // instruction, for Code
	Init     []bool // per byte: written by the program or a helper; nil: all of it

	// pointers are the 8-byte words that carry pointers. Overlapping stores remove
	// them.
	pointers []pointerWord
}

// pointerWord is a pointer in memory.
type pointerWord struct {
	at int // in Data
	to *Region
}

// Value is the content of a register: bits, and the region that they point into
// if they are a pointer. A register that was never written is not Set.
type Value struct {
	Bits   uint64
	Region *Region
	Set    bool
}

// Num is the value of a number.
func Num(bits uint64) Value { return Value{Bits: bits, Set: true} }

// Ptr is a pointer to offset in a region.
func Ptr(r *Region, offset int64) Value {
	return Value{Bits: r.Base + uint64(offset), Region: r, Set: true}
}

// null is the null pointer that a function returns instead of a pointer to a region
// of a kind. It stays one of that kind, as in PREVAIL's model: numbers may be added
// to it, and it can be compared with 0.
func null(k Kind, size int) Value {
	return Value{Region: &Region{Kind: k, Null: true, Size: size}, Set: true}
}

// IsNull reports whether v is 0.
func (v Value) IsNull() bool {
	return v.Set && v.Bits == 0 && (v.Region == nil || v.Region.Null)
}

// Kind is the kind of region that a value points into.
func (v Value) Kind() Kind {
	if v.Region == nil {
		return Number
	}
	return v.Region.Kind
}

// Offset is a pointer's offset in its region.
func (v Value) Offset() int64 { return int64(v.Bits - v.Region.Base) }

// Fault is an unsafe step: what the verifier must never accept.
type Fault struct {
	Slot int
	Text string
}

func (f *Fault) Error() string { return fmt.Sprintf("instruction %d: %s", f.Slot, f.Text) }

// locate checks an access of n bytes at a pointer plus offset and gives its place in
// the region's data.
func (m *Machine) locate(base Value, off int64, n int, write bool) (*Region, int, error) {
	r := base.Region
	verb := "reads"
	if write {
		verb = "writes"
	}
	if r == nil {
		return nil, 0, m.fault("%s %s at the number %#x", verb, countText(n), base.Bits+uint64(off))
	}
	if r.Null {
		return nil, 0, m.fault("%s %s through a null pointer", verb, countText(n))
	}
	switch r.Kind {
	case MapFD, Code, BTFObject:
		return nil, 0, m.fault("%s %s through %s", verb, countText(n), m.words(base))
	}
	if r.Freed {
		return nil, 0, m.fault("%s the packet through a pointer that a helper made invalid", verb)
	}
	if write && r.ReadOnly {
		return nil, 0, m.fault("writes read-only memory")
	}
	at := base.Offset() + off + int64(r.Headroom)
	if at < 0 || at+int64(n) > int64(len(r.Data)) {
		first := at - int64(r.Headroom)
		return nil, 0, m.fault("%s %s of %s memory, which has %s", verb,
			bytesText(first, first+int64(n)-1), r.Kind, bytesText(int64(-r.Headroom), int64(len(r.Data)-r.Headroom-1)))
	}
	return r, int(at), nil
}

// countText counts bytes.
func countText(n int) string {
	if n == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}

// bytesText names bytes by their offsets.
func bytesText(first, last int64) string {
	switch {
	case last < first:
		return "no bytes"
	case last == first:
		return fmt.Sprintf("byte %d", first)
	}
	return fmt.Sprintf("bytes %d to %d", first, last)
}

func (m *Machine) order() binary.ByteOrder {
	if m.BigEndian {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// get reads n bytes as a number.
func (m *Machine) get(b []byte, n int) uint64 {
	switch n {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(m.order().Uint16(b))
	case 4:
		return uint64(m.order().Uint32(b))
	}
	return m.order().Uint64(b)
}

// put writes the low n bytes of a number.
func (m *Machine) put(b []byte, n int, v uint64) {
	switch n {
	case 1:
		b[0] = byte(v)
	case 2:
		m.order().PutUint16(b, uint16(v))
	case 4:
		m.order().PutUint32(b, uint32(v))
	default:
		m.order().PutUint64(b, v)
	}
}

// load reads n bytes at base+off. A whole word that carries a pointer gives the
// pointer; a part of one gives what was never written.
func (m *Machine) load(base Value, off int64, n int) (Value, error) {
	r, at, err := m.locate(base, off, n, false)
	if err != nil {
		return Value{}, err
	}
	v := Value{Bits: m.get(r.Data[at:], n), Set: true}
	if r.Init != nil {
		for i := range n {
			v.Set = v.Set && r.Init[at+i]
		}
	}
	if r.Kind == Context && n == m.slotWidth {
		if p, ok := m.contextPointers[at]; ok {
			// The slots of struct xdp_md are 4 bytes wide and give 8-byte pointers:
			// such loads are rewritten when a program is loaded.
			return p, nil
		}
	}
	if r.Kind == Context && m.overlapsContextPointer(at, n) {
		// A part of a pointer is neither a pointer nor a number that may be shown.
		return Value{}, nil
	}
	if n == 8 {
		v.Region = r.pointerTo(at)
	}
	if v.Region == nil && r.partOfPointer(at, n) {
		return Value{}, nil // neither a pointer nor a number that may be shown
	}
	return v, nil
}

// store writes the low n bytes of a value at base+off.
func (m *Machine) store(base Value, off int64, n int, v Value) error {
	r, at, err := m.locate(base, off, n, true)
	if err != nil {
		return err
	}
	if v.Region != nil && r.Kind != Stack && !m.Type.Privileged {
		return m.fault("stores a pointer into %s memory", r.Kind)
	}
	if r.Kind == Context && m.overlapsContextPointer(at, n) {
		return m.fault("overwrites a pointer of the context")
	}
	m.put(r.Data[at:], n, v.Bits)
	r.wrote(at, n)
	if n == 8 && v.Region != nil {
		r.pointers = append(r.pointers, pointerWord{at, v.Region})
	}
	if r.Init != nil && !v.Set {
		for i := range n {
			r.Init[at+i] = false
		}
	}
	return nil
}

// wrote notes that bytes hold numbers now.
func (r *Region) wrote(at, n int) {
	for i := 0; i < len(r.pointers); {
		if p := r.pointers[i].at; p+8 > at && p < at+n {
			r.pointers[i] = r.pointers[len(r.pointers)-1]
			r.pointers = r.pointers[:len(r.pointers)-1]
			continue
		}
		i++
	}
	if r.Init != nil {
		for i := range n {
			r.Init[at+i] = true
		}
	}
}

// pointerTo gives what the pointer at a place in Data points into, nil if there
// is none.
func (r *Region) pointerTo(at int) *Region {
	for _, p := range r.pointers {
		if p.at == at {
			return p.to
		}
	}
	return nil
}

// partOfPointer reports whether some of n bytes carry a part of a pointer.
func (r *Region) partOfPointer(at, n int) bool {
	for _, p := range r.pointers {
		if p.at+8 > at && p.at < at+n {
			return true
		}
	}
	return false
}

// numeric reports whether n bytes are initialised and carry no pointer.
func (r *Region) numeric(at, n int) bool { return r.numbers(at, n) == n }

// numbers counts the bytes from at on, up to n, that are initialised and carry no
// pointer.
func (r *Region) numbers(at, n int) int {
	n = min(n, len(r.Data)-at)
	if n <= 0 || at < 0 {
		return 0
	}
	for _, p := range r.pointers {
		if p.at+8 > at {
			n = min(n, max(p.at-at, 0))
		}
	}
	if r.Init == nil {
		return n
	}
	for i, set := range r.Init[at : at+n] {
		if !set {
			return i
		}
	}
	return n
}

// PointerAt gives the region that the word at an offset of the region points
// into, nil if it carries none.
func (r *Region) PointerAt(offset int) *Region { return r.pointerTo(offset + r.Headroom) }

// Pointers counts the words that carry pointers.
func (r *Region) Pointers() int { return len(r.pointers) }

// Numbers counts the bytes from an offset on, up to n, that are initialised and
// part of no pointer.
func (r *Region) Numbers(offset, n int) int { return r.numbers(offset+r.Headroom, n) }

// Peek gives what the n bytes at an offset hold, as a load would: any n up to 8. Bytes
// outside of the region were never written.
func (r *Region) Peek(offset, n int, order binary.ByteOrder) Value {
	at := offset + r.Headroom
	if at < 0 || n > 8 || at+n > len(r.Data) {
		return Value{}
	}
	v := Value{Set: true}
	if r.Init != nil {
		for _, set := range r.Init[at : at+n] {
			if !set {
				return Value{}
			}
		}
	}
	var word [8]byte
	if order == binary.LittleEndian {
		copy(word[:], r.Data[at:at+n])
	} else {
		copy(word[8-n:], r.Data[at:at+n])
	}
	v.Bits = order.Uint64(word[:])
	if n == 8 {
		v.Region = r.pointerTo(at)
	}
	if v.Region == nil && r.partOfPointer(at, n) {
		return Value{}
	}
	return v
}

// overlapsContextPointer reports whether a write would touch a pointer of the context.
func (m *Machine) overlapsContextPointer(at, n int) bool {
	for slot := range m.contextPointers {
		if at < slot+m.slotWidth && slot < at+n {
			return true
		}
	}
	return false
}
