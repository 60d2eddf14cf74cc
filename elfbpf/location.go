package elfbpf

import (
	"encoding/binary"
)

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
	frame      bool // of InMemory: relative to the frame base
}

// located is an entry of a location list: where a variable is at the addresses from
// low on and below high.
type located struct {
	low, high uint64
	locations []Location
}

// The limits of what is read: more than any compiler writes, little enough that a
// damaged object costs nothing.
const (
	mostLocations  = 1 << 12 // entries of one location list
	mostPieces     = 64      // of one location description
	deepestOperand = 64      // stack of a DWARF expression
)

// bytesReader reads numbers of a byte slice. Behind its end it gives zeros and sets
// short.
type bytesReader struct {
	data  []byte
	order binary.ByteOrder
	short bool
}

func (b *bytesReader) take(n uint64) []byte {
	if n > uint64(len(b.data)) {
		b.short, b.data = true, nil
		return nil
	}
	out := b.data[:n]
	b.data = b.data[n:]
	return out
}

// unsigned reads n bytes, at most 8, as an unsigned number.
func (b *bytesReader) unsigned(n uint64) uint64 {
	s := b.take(n)
	switch len(s) {
	case 1:
		return uint64(s[0])
	case 2:
		return uint64(b.order.Uint16(s))
	case 4:
		return uint64(b.order.Uint32(s))
	case 8:
		return b.order.Uint64(s)
	}
	return 0
}

// signed is unsigned, sign-extended.
func (b *bytesReader) signed(n uint64) int64 {
	shift := 64 - 8*n
	return int64(b.unsigned(n)<<shift) >> shift
}

// uleb and sleb read LEB128 numbers (DWARF 5, section 7.6). Bits above the 64th are
// dropped.
func (b *bytesReader) uleb() uint64 {
	v, _, _ := b.leb()
	return v
}

func (b *bytesReader) sleb() int64 {
	v, shift, negative := b.leb()
	if negative && shift < 64 {
		v |= ^uint64(0) << shift
	}
	return int64(v)
}

func (b *bytesReader) leb() (v uint64, shift uint, negative bool) {
	for {
		c := b.take(1)
		if c == nil {
			return v, shift, false
		}
		if shift < 64 {
			v |= uint64(c[0]&0x7f) << shift
		}
		shift += 7
		if c[0]&0x80 == 0 {
			return v, shift, c[0]&0x40 != 0
		}
	}
}

// locationReader reads the location lists and expressions of one unit.
type locationReader struct {
	order   binary.ByteOrder
	base    uint64                      // base address of the unit
	address func(uint64) (uint64, bool) // entry of .debug_addr; nil: there is none
	// frame is the register that the function's frame base is in, -1 if not known.
	frame int
}

// The kinds of entries of a location list (DWARF 5, section 7.7.3).
const (
	lleEndOfList = iota
	lleBaseAddressX
	lleStartEndX
	lleStartLengthX
	lleOffsetPair
	lleDefaultLocation
	lleBaseAddress
	lleStartEnd
	lleStartLength
)

// lists reads a location list of .debug_loclists. A damaged list ends where it can
// no longer be read; entries that mean nothing to us are left out.
func (r *locationReader) lists(data []byte) []located {
	b := bytesReader{data: data, order: r.order}
	base := r.base
	var out []located
	for range mostLocations {
		kind := b.unsigned(1)
		var low, high uint64
		ok, description := true, true
		switch kind {
		case lleBaseAddressX:
			base, ok = r.indexed(b.uleb())
			description = false
		case lleStartEndX:
			var ok2 bool
			low, ok = r.indexed(b.uleb())
			high, ok2 = r.indexed(b.uleb())
			ok = ok && ok2
		case lleStartLengthX:
			low, ok = r.indexed(b.uleb())
			high = low + b.uleb()
		case lleOffsetPair:
			low, high = base+b.uleb(), base+b.uleb()
		case lleDefaultLocation:
			high = ^uint64(0)
		case lleBaseAddress:
			base = b.unsigned(8)
			description = false
		case lleStartEnd:
			low, high = b.unsigned(8), b.unsigned(8)
		case lleStartLength:
			low = b.unsigned(8)
			high = low + b.uleb()
		default: // the end of the list, or nothing that is known
			return out
		}
		if b.short || !ok && !description {
			return out
		}
		if !description {
			continue
		}
		expr := b.take(b.uleb())
		if b.short {
			return out
		}
		if locations := r.expression(expr); ok && low < high && len(locations) > 0 {
			out = append(out, located{low, high, locations})
		}
	}
	return out
}

// loc reads a location list of .debug_loc (DWARF 4, section 2.6.2).
func (r *locationReader) loc(data []byte) []located {
	b := bytesReader{data: data, order: r.order}
	base := r.base
	var out []located
	for range mostLocations {
		low, high := b.unsigned(8), b.unsigned(8)
		switch {
		case b.short || low == 0 && high == 0:
			return out
		case low == ^uint64(0):
			base = high
			continue
		}
		expr := b.take(b.unsigned(2))
		if b.short {
			return out
		}
		if locations := r.expression(expr); low < high && len(locations) > 0 {
			out = append(out, located{base + low, base + high, locations})
		}
	}
	return out
}

func (r *locationReader) indexed(i uint64) (uint64, bool) {
	if r.address == nil {
		return 0, false
	}
	return r.address(i)
}

// The operations of DWARF expressions that say where a variable is (DWARF 5, section
// 7.7.1). What else there is computes, and makes a location that is not understood.
const (
	opAddr          = 0x03
	opConst1u       = 0x08 // to opConst8s: 1, 2, 4, 8 bytes, unsigned and signed in turn
	opConst8s       = 0x0f
	opConstu        = 0x10
	opConsts        = 0x11
	opDup           = 0x12
	opDrop          = 0x13
	opSwap          = 0x16
	opMinus         = 0x1c
	opPlus          = 0x22
	opPlusUconst    = 0x23
	opLit0          = 0x30
	opLit31         = 0x4f
	opReg0          = 0x50
	opReg31         = 0x6f
	opBreg0         = 0x70
	opBreg31        = 0x8f
	opRegx          = 0x90
	opFbreg         = 0x91
	opBregx         = 0x92
	opPiece         = 0x93
	opNop           = 0x96
	opBitPiece      = 0x9d
	opImplicitValue = 0x9e
	opStackValue    = 0x9f
)

// lastRegister is the last register that a BPF program has.
const lastRegister = 10

// operand is a value of a DWARF expression: a register's value plus an offset, or the
// offset alone. unknown operands come from operations that are not followed.
type operand struct {
	register int // -1: none
	offset   int64
	frame    bool
	unknown  bool
}

// expression reads a location description, simple or of pieces. It returns nil if the
// variable is nowhere, or if it is not understood: parts of it that are not
// understood are left out.
func (r *locationReader) expression(data []byte) []Location {
	b := bytesReader{data: data, order: r.order}
	var out []Location
	var stack []operand
	var whole *Location // of the description that is being read
	at, pieces := 0, false
	push := func(o operand) {
		if len(stack) < deepestOperand {
			stack = append(stack, o)
		}
	}
	pop := func() operand {
		if len(stack) == 0 {
			return operand{register: -1, unknown: true}
		}
		o := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		return o
	}
	// end ends a simple description and says what it describes.
	end := func() (Location, bool) {
		if whole != nil {
			return *whole, whole.Register <= lastRegister
		}
		if len(stack) == 0 {
			return Location{}, false
		}
		o := pop()
		if o.unknown || o.register < 0 || o.register > lastRegister {
			return Location{}, false // an address of a section's data is no place on the way of a program
		}
		return Location{Kind: InMemory, Register: o.register, Offset: o.offset, frame: o.frame}, true
	}
	for len(b.data) > 0 && len(out) < mostPieces {
		op := b.unsigned(1)
		switch {
		case op >= opLit0 && op <= opLit31:
			push(operand{register: -1, offset: int64(op - opLit0)})
		case op >= opReg0 && op <= opReg31:
			whole = &Location{Kind: InRegister, Register: int(op - opReg0)}
		case op == opRegx:
			whole = &Location{Kind: InRegister, Register: int(min(b.uleb(), lastRegister+1))}
		case op >= opBreg0 && op <= opBreg31:
			push(operand{register: int(op - opBreg0), offset: b.sleb()})
		case op == opBregx:
			push(operand{register: int(min(b.uleb(), lastRegister+1)), offset: b.sleb()})
		case op == opFbreg:
			push(operand{register: r.frame, offset: b.sleb(), frame: true, unknown: r.frame < 0})
		case op >= opConst1u && op <= opConst8s:
			width := uint64(1) << ((op - opConst1u) / 2)
			if op&1 != 0 {
				push(operand{register: -1, offset: b.signed(width)})
			} else {
				push(operand{register: -1, offset: int64(b.unsigned(width))})
			}
		case op == opConstu:
			push(operand{register: -1, offset: int64(b.uleb())})
		case op == opConsts:
			push(operand{register: -1, offset: b.sleb()})
		case op == opAddr:
			b.take(8)
			push(operand{register: -1, unknown: true})
		case op == opDup:
			o := pop()
			push(o)
			push(o)
		case op == opDrop:
			pop()
		case op == opSwap:
			x, y := pop(), pop()
			push(x)
			push(y)
		case op == opPlusUconst:
			o := pop()
			o.offset += int64(b.uleb())
			push(o)
		case op == opPlus:
			push(sum(pop(), pop()))
		case op == opMinus:
			x := pop()
			y := pop()
			if x.register >= 0 {
				x.unknown = true
			}
			x.offset = -x.offset
			push(sum(x, y))
		case op == opStackValue:
			o := pop()
			switch {
			case o.unknown || o.register > lastRegister:
				whole = &Location{Register: lastRegister + 1}
			case o.register < 0:
				whole = &Location{Kind: IsConstant, Constant: o.offset}
			case o.frame:
				whole = &Location{Kind: IsSum, Register: o.register, Offset: o.offset, frame: true}
			default:
				whole = &Location{Kind: IsSum, Register: o.register, Offset: o.offset}
			}
		case op == opImplicitValue:
			value := b.take(b.uleb())
			switch len(value) {
			case 1, 2, 4, 8:
				v := bytesReader{data: value, order: r.order}
				whole = &Location{Kind: IsConstant, Constant: v.signed(uint64(len(value)))}
			default:
				whole = &Location{Register: lastRegister + 1}
			}
		case op == opPiece:
			size := int(min(b.uleb(), 1<<16))
			if l, ok := end(); ok && size > 0 {
				l.From, l.Size = at, size
				out = append(out, l)
			}
			at += size
			whole, stack, pieces = nil, stack[:0], true
		case op == opNop:
		default: // an operation that is not followed, opBitPiece among them
			return out
		}
		if b.short {
			return out
		}
	}
	if pieces {
		return out
	}
	if l, ok := end(); ok {
		return []Location{l}
	}
	return nil
}

func sum(x, y operand) operand {
	o := operand{register: max(x.register, y.register), offset: x.offset + y.offset, frame: x.frame || y.frame, unknown: x.unknown || y.unknown}
	if x.register >= 0 && y.register >= 0 {
		o.unknown = true
	}
	return o
}
