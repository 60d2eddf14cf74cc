package elfbpf

import (
	"debug/dwarf"
	"fmt"
	"strings"
)

// TypeKind is the kind of a CType.
type TypeKind uint8

// The kinds of types, qualifiers and typedefs stripped.
const (
	TypeVoid TypeKind = iota // void, and what is not known
	TypeInt                  // integers, enumerations, floats
	TypePointer
	TypeArray
	TypeStruct
	TypeUnion
	TypeFunction
)

// CType is a C type as data, of DWARF or of BTF. What it refers to is read when it
// is first asked for; several goroutines may ask.
type CType struct {
	Kind   TypeKind
	Name   string // as C spells it: "struct ethhdr *", "__u8[6]"; a typedef's own name
	Size   int64  // bytes; 0 where it has none
	Signed bool   // TypeInt
	Count  int64  // TypeArray: elements; 0 where C does not say

	reader typeReader // of what it refers to; nil: nothing
	elem   uint64     // of a pointer or array, as reader has it
	inner  int        // dimensions of an array that were taken off
	self   uint64     // of a structure
}

// typeReader reads what types refer to.
type typeReader interface {
	elemType(*CType) *CType
	memberTypes(*CType) []CMember
}

// Elem returns what a pointer points to or an array consists of; nil of other
// types and where it is not known.
func (t *CType) Elem() *CType {
	if t == nil || t.reader == nil || t.Kind != TypePointer && t.Kind != TypeArray {
		return nil
	}
	return t.reader.elemType(t)
}

// Members returns the members of a structure or union in the order of the source;
// none of one that is only declared.
func (t *CType) Members() []CMember {
	if t == nil || t.reader == nil || t.Kind != TypeStruct && t.Kind != TypeUnion {
		return nil
	}
	return t.reader.memberTypes(t)
}

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

func (d *Debug) elemType(t *CType) *CType {
	d.mu.Lock()
	defer d.mu.Unlock()
	if t.Kind == TypeArray && t.inner >= 0 {
		return d.arrayType(dwarf.Offset(t.self), t.inner+1, 0)
	}
	return d.ctype(dwarf.Offset(t.elem), 0)
}

// ctype reads the type at an offset, as far as C spells it. A type that contains
// itself in a way that C has no word for comes out as void.
func (d *Debug) ctype(off dwarf.Offset, depth int) *CType {
	if t, ok := d.types[off]; ok {
		return t
	}
	if depth > deepestType {
		return &CType{Name: "?"}
	}
	r := d.data.Reader()
	r.Seek(off)
	die, err := r.Next()
	if err != nil || die == nil {
		return &CType{Name: "?"}
	}
	t := d.readType(die, depth)
	d.types[off] = t
	return t
}

// target reads the type that an entry refers to; void if none.
func (d *Debug) target(die *dwarf.Entry, depth int) (*CType, dwarf.Offset, bool) {
	off, ok := die.Val(dwarf.AttrType).(dwarf.Offset)
	if !ok {
		return &CType{Name: "void"}, 0, false
	}
	return d.ctype(off, depth+1), off, true
}

func (d *Debug) readType(die *dwarf.Entry, depth int) *CType {
	name, _ := die.Val(dwarf.AttrName).(string)
	size, _ := die.Val(dwarf.AttrByteSize).(int64)
	t := &CType{Name: name, Size: size, reader: d, self: uint64(die.Offset), inner: -1}
	tagged := func(word string) string {
		if name == "" {
			return word + " {...}"
		}
		return word + " " + name
	}
	switch die.Tag {
	case dwarf.TagBaseType:
		t.Kind = TypeInt
		encoding, _ := die.Val(dwarf.AttrEncoding).(int64)
		t.Signed = encoding == 5 || encoding == 6 // DW_ATE_signed, DW_ATE_signed_char
	case dwarf.TagEnumerationType:
		t.Kind, t.Name = TypeInt, tagged("enum")
	case dwarf.TagStructType:
		t.Kind, t.Name = TypeStruct, tagged("struct")
	case dwarf.TagUnionType:
		t.Kind, t.Name = TypeUnion, tagged("union")
	case dwarf.TagTypedef:
		target, _, _ := d.target(die, depth)
		*t = *target
		t.Name = name
	case dwarf.TagConstType, dwarf.TagVolatileType, dwarf.TagRestrictType, dwarf.TagAtomicType:
		target, _, _ := d.target(die, depth)
		*t = *target
		word := map[dwarf.Tag]string{dwarf.TagConstType: "const", dwarf.TagVolatileType: "volatile", dwarf.TagRestrictType: "restrict", dwarf.TagAtomicType: "_Atomic"}[die.Tag]
		if target.Kind == TypePointer {
			t.Name = target.Name + word
		} else {
			t.Name = word + " " + target.Name
		}
	case dwarf.TagPointerType:
		target, off, ok := d.target(die, depth)
		t.Kind, t.Size, t.Name = TypePointer, 8, pointerName(target.Name)
		t.elem = uint64(off)
		if !ok {
			t.reader = nil
		}
	case dwarf.TagArrayType:
		return d.arrayType(die.Offset, 0, depth)
	case dwarf.TagSubroutineType:
		t.Kind = TypeFunction
		result, _, _ := d.target(die, depth)
		t.Name = result.Name + " ()"
	default:
		t.reader = nil
		if t.Name == "" {
			t.Name = "void"
		}
	}
	return t
}

// pointerName spells a pointer to a type.
func pointerName(to string) string {
	switch {
	case strings.HasSuffix(to, " ()"):
		return strings.TrimSuffix(to, "()") + "(*)()"
	case strings.HasSuffix(to, "]"):
		i := strings.IndexByte(to, '[')
		return to[:i] + " (*)" + to[i:]
	case strings.HasSuffix(to, "*"):
		return to + "*"
	}
	return to + " *"
}

// arrayType is the array at an offset with the first dimensions taken off.
func (d *Debug) arrayType(off dwarf.Offset, without, depth int) *CType {
	r := d.data.Reader()
	r.Seek(off)
	die, err := r.Next()
	if err != nil || die == nil {
		return &CType{Name: "?"}
	}
	elem, ref, ok := d.target(die, depth)
	if !ok {
		return &CType{Name: "?"}
	}
	var counts []int64
	for die.Children && len(counts) < deepestType {
		child, err := r.Next()
		if err != nil || child == nil || child.Tag == 0 {
			break
		}
		if child.Tag == dwarf.TagSubrangeType {
			n, ok := child.Val(dwarf.AttrCount).(int64)
			if upper, is := child.Val(dwarf.AttrUpperBound).(int64); !ok && is {
				n = upper + 1
			}
			counts = append(counts, max(n, 0))
		}
		if child.Children {
			r.SkipChildren()
		}
	}
	if without >= len(counts) {
		return elem
	}
	counts = counts[without:]
	t := &CType{Kind: TypeArray, Count: counts[0], Size: elem.Size, reader: d, self: uint64(off), elem: uint64(ref), inner: without}
	var dims strings.Builder
	for _, n := range counts {
		if t.Size > 0 && n > 1<<40/t.Size {
			return &CType{Name: "?"}
		}
		t.Size *= n
		fmt.Fprintf(&dims, "[%d]", n)
	}
	if len(counts) == 1 {
		t.inner = -1
	}
	t.Name = elem.Name + dims.String()
	return t
}

func (d *Debug) memberTypes(t *CType) []CMember {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.data.Reader()
	r.Seek(dwarf.Offset(t.self))
	die, err := r.Next()
	if err != nil || die == nil || !die.Children {
		return nil
	}
	var out []CMember
	for len(out) < mostMembers {
		child, err := r.Next()
		if err != nil || child == nil || child.Tag == 0 {
			break
		}
		if child.Tag == dwarf.TagMember {
			out = append(out, d.member(child))
		}
		if child.Children {
			r.SkipChildren()
		}
	}
	return out
}

// member reads a member. Bit fields are described in two ways: by the offset of their
// first bit in the structure (DWARF 4 and later), or by a storage unit and the number
// of bits to the left of the field in it, as a big-endian machine counts.
func (d *Debug) member(die *dwarf.Entry) CMember {
	m := CMember{}
	m.Name, _ = die.Val(dwarf.AttrName).(string)
	if off, ok := die.Val(dwarf.AttrType).(dwarf.Offset); ok {
		m.Type = d.ctype(off, 0)
	}
	m.Offset, _ = die.Val(dwarf.AttrDataMemberLoc).(int64)
	bits, ok := die.Val(dwarf.AttrBitSize).(int64)
	if !ok || bits <= 0 || bits > 64 {
		return m
	}
	m.BitSize = int(bits)
	if first, ok := die.Val(dwarf.AttrDataBitOffset).(int64); ok && first >= 0 {
		m.Offset, m.BitOffset = first/8, int(first%8)
		return m
	}
	left, _ := die.Val(dwarf.AttrBitOffset).(int64)
	unit, ok := die.Val(dwarf.AttrByteSize).(int64)
	if !ok && m.Type != nil {
		unit = m.Type.Size
	}
	first := left
	if !d.f.big {
		first = 8*unit - left - bits
	}
	if first >= 0 {
		m.Offset, m.BitOffset = m.Offset+first/8, int(first%8)
	}
	return m
}
