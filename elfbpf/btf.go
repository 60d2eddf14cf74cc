package elfbpf

import (
	"errors"
	"fmt"
	"strings"
)

// BTF kinds (Linux, Documentation/bpf/btf.rst).
const (
	btfVoid = iota
	btfInt
	btfPtr
	btfArray
	btfStruct
	btfUnion
	btfEnum
	btfFwd
	btfTypedef
	btfVolatile
	btfConst
	btfRestrict
	btfFunc
	btfFuncProto
	btfVar
	btfDatasec
	btfFloat
	btfDeclTag
	btfTypeTag
	btfEnum64
	btfKinds
)

// btfTrailer is, per kind, how many bytes follow the common part of a type and
// how many follow for each of its elements; btfNamed says which must have a name.
var (
	btfTrailer = [btfKinds]struct{ fixed, each int }{
		btfInt: {4, 0}, btfArray: {12, 0}, btfStruct: {0, 12}, btfUnion: {0, 12}, btfEnum: {0, 8},
		btfFuncProto: {0, 8}, btfVar: {4, 0}, btfDatasec: {0, 12}, btfDeclTag: {4, 0}, btfEnum64: {0, 12},
	}
	btfNamed = [btfKinds]bool{
		btfInt: true, btfFwd: true, btfTypedef: true, btfFunc: true, btfVar: true, btfDatasec: true,
		btfFloat: true, btfDeclTag: true, btfTypeTag: true,
	}
)

// btfTypes is the .BTF section: an index over its bytes. Types are read where
// they stand, nothing is copied.
type btfTypes struct {
	f       *elfFile
	raw     []byte // of the types
	offsets []uint32
	strings stringTable
	// sections are the types whose names start with a dot: the first of each name.
	sections map[string]uint32
}

// btfStrings reads the header and the string table of a .BTF section.
func btfStrings(f *elfFile, data []byte) (header [6]uint32, table stringTable, err error) {
	fail := func(text string) ([6]uint32, stringTable, error) {
		return header, "", errors.New("Invalid .BTF section - " + text)
	}
	if len(data) < 24 {
		return fail("invalid type length")
	}
	if f.u16(data) != 0xeb9f {
		return fail("wrong magic")
	}
	if data[2] != 1 {
		return fail("wrong version")
	}
	for i := range 5 {
		header[i] = f.u32(data[4+4*i:])
	}
	if header[0] < 24 {
		return fail("wrong size")
	}
	size := uint64(len(data))
	if uint64(header[0]) > size {
		return fail("invalid header length")
	}
	start := uint64(header[0]) + uint64(header[3])
	end := start + uint64(header[4])
	if start > size || end > size {
		return fail("invalid offset")
	}
	if end > start && data[end-1] != 0 {
		return fail("invalid string length")
	}
	return header, cString(data[start:end]), nil
}

// name returns the string at the offset, which must be the start of a string:
// the tails of strings are not names.
func (t stringTable) name(offset uint32) (string, error) {
	if uint64(offset) >= uint64(len(t)) || offset > 0 && t[offset-1] != 0 {
		return "", errors.New("Invalid .BTF section - invalid string offset")
	}
	s, _ := t.at(offset)
	return s, nil
}

// valid reports whether a string starts at the offset.
func (t stringTable) valid(offset uint32) bool {
	return uint64(offset) < uint64(len(t)) && (offset == 0 || t[offset-1] == 0)
}

// readBTF checks a .BTF section and indexes its types.
func readBTF(f *elfFile, data []byte) (*btfTypes, error) {
	header, table, err := btfStrings(f, data)
	if err != nil {
		return nil, err
	}
	start := uint64(header[0]) + uint64(header[1])
	end := start + uint64(header[2])
	if start > uint64(len(data)) || end > uint64(len(data)) {
		return nil, errors.New("Invalid .BTF section - invalid offset")
	}
	t := &btfTypes{f: f, raw: data[start:end], strings: table, sections: map[string]uint32{}}
	badName := errors.New("Invalid .BTF section - invalid string offset")
	tooShort := errors.New("Invalid .BTF section - invalid type length")
	t.offsets = make([]uint32, 1, 1+len(t.raw)/20)
	for at := 0; at < len(t.raw); {
		if len(t.raw)-at < 12 {
			return nil, tooShort
		}
		b := t.raw[at:]
		nameOffset, info := f.u32(b), f.u32(b[4:])
		kind := info >> 24 & 0x1f
		switch {
		case nameOffset != 0:
			if !table.valid(nameOffset) {
				return nil, badName
			}
		case kind < btfKinds && btfNamed[kind]:
			return nil, errors.New("Invalid .BTF section - missing name")
		}
		if kind == btfVoid || kind >= btfKinds {
			return nil, errors.New("Invalid .BTF section - invalid BTF_KIND - 0")
		}
		n := int(info & 0xffff)
		trailer := btfTrailer[kind]
		if trailer.each == 0 {
			n = 0
		}
		length := 12 + trailer.fixed + n*trailer.each
		if len(b) < length {
			return nil, tooShort
		}
		switch kind {
		case btfStruct, btfUnion, btfFuncProto:
			for m := b[12:length]; len(m) > 0; m = m[trailer.each:] {
				if o := f.u32(m); o != 0 && !table.valid(o) {
					return nil, badName
				}
			}
		case btfEnum, btfEnum64:
			for m := b[12:length]; len(m) > 0; m = m[trailer.each:] {
				o := f.u32(m)
				if kind == btfEnum && o == 0 {
					return nil, errors.New("Invalid .BTF section - invalid BTF_KIND_ENUM member name")
				}
				if !table.valid(o) {
					return nil, badName
				}
			}
		}
		if nameOffset != 0 && table[nameOffset] == '.' {
			name, _ := table.at(nameOffset)
			if _, ok := t.sections[name]; !ok {
				t.sections[name] = uint32(len(t.offsets))
			}
		}
		t.offsets = append(t.offsets, uint32(at))
		at += length
	}
	return t, nil
}

// btfType is one type as it stands in the section.
type btfType struct {
	id   uint32
	kind uint32
	flag bool   // kind_flag
	n    int    // vlen: elements; linkage of a function
	size uint32 // size in bytes, or the id of the type that it refers to
	name uint32 // offset in the string table
	rest []byte // what follows the common part
}

var voidType = btfType{}

// get returns a type; an id that is not there is an error.
func (t *btfTypes) get(id uint32) (btfType, error) {
	if id == 0 {
		return voidType, nil
	}
	if uint64(id) >= uint64(len(t.offsets)) {
		return voidType, fmt.Errorf("BTF type id not found: %d", id)
	}
	b := t.raw[t.offsets[id]:]
	info := t.f.u32(b[4:])
	return btfType{
		id: id, kind: info >> 24 & 0x1f, flag: info>>31 != 0, n: int(info & 0xffff),
		size: t.f.u32(b[8:]), name: t.f.u32(b), rest: b[12:],
	}, nil
}

// expect returns a type that must be of the given kind.
func (t *btfTypes) expect(id uint32, kind uint32) (btfType, error) {
	ty, err := t.get(id)
	if err == nil && ty.kind != kind {
		err = fmt.Errorf("Wrong type: Expected %d Actual %d", kind, ty.kind)
	}
	return ty, err
}

func (t *btfTypes) str(offset uint32) string {
	s, _ := t.strings.at(offset)
	return s
}

// element returns the i-th element's words (members, parameters, variables of
// a section), w of them.
func (t *btfTypes) element(ty *btfType, i, size int) []byte { return ty.rest[i*size : i*size+size] }

// btfMember is a member of a structure or union.
type btfMember struct {
	name   uint32
	typ    uint32
	offset uint32 // as encoded
	bits   uint32 // from the start of the structure
	width  uint32 // of a bit field, else 0
}

func (t *btfTypes) member(ty *btfType, i int) btfMember {
	b := t.element(ty, i, 12)
	m := btfMember{name: t.f.u32(b), typ: t.f.u32(b[4:]), offset: t.f.u32(b[8:])}
	m.bits = m.offset
	if ty.flag {
		m.bits, m.width = m.offset&0xffffff, m.offset>>24
	}
	return m
}

// longestChain is how many types are walked, each of which only refers to the
// next; a longer chain leads in a circle.
const longestChain = 1 << 10

// sizeOf returns the size of a type in bytes as the loader counts it: 0 for what
// has none, and for types that contain themselves.
func (t *btfTypes) sizeOf(id uint32) (uint32, error) {
	factor := uint32(1)
	for range longestChain {
		ty, err := t.get(id)
		if err != nil {
			return 0, err
		}
		switch ty.kind {
		case btfPtr:
			return factor * 8, nil
		case btfTypedef, btfVolatile, btfConst, btfRestrict, btfFunc, btfVar, btfDeclTag, btfTypeTag:
			id = ty.size
		case btfInt, btfStruct, btfUnion, btfEnum, btfFloat, btfEnum64:
			return factor * ty.size, nil
		case btfArray:
			factor *= t.f.u32(ty.rest[8:])
			id = t.f.u32(ty.rest)
		default:
			return 0, nil
		}
	}
	return 0, nil
}

// strip walks typedefs and qualifiers; tags too if asked. A type that leads to
// itself comes back as the id where the walk closed.
func (t *btfTypes) strip(id uint32, tags bool) (btfType, error) {
	for range longestChain {
		ty, err := t.get(id)
		if err != nil {
			return ty, err
		}
		switch ty.kind {
		case btfTypedef, btfConst, btfVolatile, btfRestrict:
			id = ty.size
		case btfTypeTag:
			if !tags {
				return ty, nil
			}
			id = ty.size
		default:
			return ty, nil
		}
	}
	return t.get(id)
}

// typeText prints a type as C does, without a declared name: "struct foo *",
// "unsigned char[16]", "int (*)(void *)".
func (t *btfTypes) typeText(id uint32) string {
	return t.declaration(id, "", 0)
}

const deepestType = 32

// declaration prints a declaration of inner with the type id.
func (t *btfTypes) declaration(id uint32, inner string, depth int) string {
	ty, err := t.get(id)
	if err != nil || depth > deepestType {
		return "?"
	}
	named := func(prefix string) string {
		text := t.str(ty.name)
		if text == "" {
			text = "{...}"
		}
		text = prefix + text
		if inner == "" {
			return text
		}
		if inner[0] == '[' {
			return text + inner
		}
		return text + " " + inner
	}
	switch ty.kind {
	case btfVoid:
		if inner == "" {
			return "void"
		}
		return "void " + inner
	case btfInt, btfTypedef, btfFloat:
		return named("")
	case btfStruct:
		return named("struct ")
	case btfUnion:
		return named("union ")
	case btfEnum, btfEnum64:
		return named("enum ")
	case btfFwd:
		if ty.flag {
			return named("union ")
		}
		return named("struct ")
	case btfConst, btfVolatile, btfRestrict:
		word := [...]string{btfConst: "const", btfVolatile: "volatile", btfRestrict: "restrict"}[ty.kind]
		target, err := t.get(ty.size)
		if err == nil && target.kind == btfPtr {
			// A qualified pointer: the qualifier stands behind the star.
			if inner != "" {
				word += " " + inner
			}
			return t.pointer(target.size, word, depth+1)
		}
		return word + " " + t.declaration(ty.size, inner, depth+1)
	case btfTypeTag:
		return t.declaration(ty.size, inner, depth+1)
	case btfPtr:
		return t.pointer(ty.size, inner, depth+1)
	case btfArray:
		n := t.f.u32(ty.rest[8:])
		return t.declaration(t.f.u32(ty.rest), fmt.Sprintf("%s[%d]", inner, n), depth+1)
	case btfFuncProto:
		var b strings.Builder
		b.WriteString(inner)
		b.WriteByte('(')
		for i := range ty.n {
			p := t.element(&ty, i, 8)
			if i > 0 {
				b.WriteString(", ")
			}
			if i == ty.n-1 && t.f.u32(p) == 0 && t.f.u32(p[4:]) == 0 {
				b.WriteString("...")
				break
			}
			b.WriteString(t.declaration(t.f.u32(p[4:]), "", depth+1))
			if b.Len() > 256 {
				b.WriteString(", ...")
				break
			}
		}
		if ty.n == 0 {
			b.WriteString("void")
		}
		b.WriteByte(')')
		return t.declaration(ty.size, b.String(), depth+1)
	case btfFunc, btfVar:
		return t.declaration(ty.size, inner, depth+1)
	}
	return "?"
}

func (t *btfTypes) pointer(to uint32, inner string, depth int) string {
	for range longestChain {
		// A tag on the pointed-to type is not shown.
		ty, err := t.get(to)
		if err != nil || ty.kind != btfTypeTag {
			break
		}
		to = ty.size
	}
	inner = "*" + inner
	if ty, err := t.get(to); err == nil && (ty.kind == btfArray || ty.kind == btfFuncProto) {
		inner = "(" + inner + ")"
	}
	return t.declaration(to, inner, depth)
}
