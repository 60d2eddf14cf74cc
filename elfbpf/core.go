package elfbpf

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"bpfls/isa"
)

// The kinds of CO-RE relocations (Linux, include/uapi/linux/bpf.h).
const (
	coreFieldByteOffset = iota
	coreFieldByteSize
	coreFieldExists
	coreFieldSigned
	coreFieldLShift
	coreFieldRShift
	coreTypeIDLocal
	coreTypeIDTarget
	coreTypeExists
	coreTypeSize
	coreEnumExists
	coreEnumValue
	coreTypeMatches
)

// btfExt is the header of .BTF.ext; offsets are from the start of the section.
type btfExt struct {
	data                []byte
	funcs, lines, cores [2]uint64 // start and end
	hasCores            bool
}

// readBTFExt reads the header of .BTF.ext; nil without the section.
func (r *reader) readBTFExt() (*btfExt, error) {
	s := r.f.section(".BTF.ext")
	if s == nil || !s.present {
		return nil, nil
	}
	f, b := r.f, r.f.contents(s)
	if len(b) < 24 {
		return nil, errors.New("BTF.ext header out of bounds")
	}
	if f.u16(b) != 0xeb9f || b[2] != 1 {
		return nil, errors.New("Invalid .BTF.ext header")
	}
	header := uint64(f.u32(b[4:]))
	if header < 24 || header > uint64(len(b)) {
		return nil, errors.New("Invalid .BTF.ext header length")
	}
	e := &btfExt{data: b}
	part := func(at int) [2]uint64 {
		start := header + uint64(f.u32(b[at:]))
		return [2]uint64{start, start + uint64(f.u32(b[at+4:]))}
	}
	e.funcs, e.lines = part(8), part(16)
	if header >= 32 {
		e.cores, e.hasCores = part(24), true
	}
	return e, nil
}

// relocateCORE applies the CO-RE relocations against the object's own types:
// what the program was compiled with is taken to be what it will run with.
func (r *reader) relocateCORE() error {
	e, err := r.readBTFExt()
	if err != nil || e == nil || !e.hasCores {
		return err
	}
	f, size := r.f, uint64(len(e.data))
	if e.cores[0] > size || e.cores[1] > size {
		return errors.New("BTF.ext core_relo subsection out of bounds")
	}
	at, end := e.cores[0], e.cores[1]
	if at == end {
		return nil
	}
	if end-at < 4 {
		return errors.New("BTF.ext core_relo subsection truncated")
	}
	record := uint64(f.u32(e.data[at:]))
	at += 4
	if record < 16 {
		return errors.New("Invalid CO-RE relocation record size")
	}
	bySection := map[string]*covering{}
	steps := 0
	for _, p := range r.programs {
		c := bySection[p.Section]
		if c == nil {
			c = &covering{}
			bySection[p.Section] = c
		}
		c.add(p)
	}
	for at < end {
		if size-at < 8 {
			return errors.New("CO-RE section info out of bounds")
		}
		nameOffset, n := f.u32(e.data[at:]), uint64(f.u32(e.data[at+4:]))
		at += 8
		if at > end || n != 0 && record > (end-at)/n {
			return errors.New("CO-RE section records out of bounds")
		}
		name, err := r.types.coreString(nameOffset, "CO-RE section name")
		if err != nil {
			return err
		}
		c := bySection[name]
		for i := uint64(0); i < n && c != nil; i++ {
			if i&63 == 0 && r.stopped() {
				return errStopped
			}
			b := e.data[at+i*record:]
			rel := coreRelocation{offset: f.u32(b), typ: f.u32(b[4:]), kind: f.u32(b[12:])}
			if rel.access, err = r.types.coreString(f.u32(b[8:]), "CO-RE access string"); err != nil {
				return err
			}
			p := c.find(rel.offset, &steps)
			if steps > mostObjectSlots {
				return errors.New("too many CO-RE relocations of sections with the same name")
			}
			if p == nil {
				return fmt.Errorf("Failed to find program for CO-RE relocation at instruction offset %d in section %s", rel.offset, name)
			}
			if err := r.applyCORE(p, rel); err != nil {
				return err
			}
		}
		at += n * record
	}
	return nil
}

// coreString returns a string that CO-RE records name; the tail of a longer one will do.
func (t *btfTypes) coreString(offset uint32, what string) (string, error) {
	s, ok := t.strings.at(offset)
	switch {
	case uint64(offset) >= uint64(len(t.strings)):
		return "", errors.New("Invalid BTF string offset for " + what)
	case !ok:
		return "", errors.New("Unterminated BTF string for " + what)
	}
	return s, nil
}

// covering finds the first program of a section whose code covers an offset.
type covering struct {
	programs []*program
	ends     []uint64 // the largest end of the programs up to here
	mixed    bool     // not in the order of offsets: several sections of one name
}

func (c *covering) add(p *program) {
	end := uint64(p.Offset) + uint64(p.ownSlots)*isa.SlotSize
	if n := len(c.programs); n > 0 {
		c.mixed = c.mixed || c.programs[n-1].Offset > p.Offset
		end = max(end, c.ends[n-1])
	}
	c.programs, c.ends = append(c.programs, p), append(c.ends, end)
}

func (c *covering) find(offset uint32, steps *int) *program {
	covers := func(p *program) bool {
		return int64(offset) >= int64(p.Offset) && int64(offset) < int64(p.Offset)+int64(p.ownSlots)*isa.SlotSize
	}
	if c.mixed {
		for _, p := range c.programs {
			*steps++
			if covers(p) {
				return p
			}
		}
		return nil
	}
	lo, hi := 0, len(c.ends)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if c.ends[mid] <= uint64(offset) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(c.programs) && covers(c.programs[lo]) {
		return c.programs[lo]
	}
	return nil
}

type coreRelocation struct {
	offset uint32 // in the section
	typ    uint32
	access string
	kind   uint32
}

// coreField is where an access string leads.
type coreField struct {
	typ    btfType
	bits   uint64 // from the start of the root type
	member uint32 // encoded offset of the last member; 0 if it was an array's element
}

// applyCORE applies a CO-RE relocation of a program.
func (r *reader) applyCORE(p *program, rel coreRelocation) error {
	offset := rel.offset - uint32(p.Offset)
	if offset%isa.SlotSize != 0 {
		return errors.New("CO-RE relocation offset is not instruction-aligned")
	}
	slot := int(offset / isa.SlotSize)
	code := p.Code
	if code == nil { // of a program that nobody wants: the relocation is only checked
		first := max(slot-1, 0)
		data := r.f.passing(&r.f.sections[p.section], &r.codeWindow)
		code = isa.AppendSlots(nil, data[p.Offset+first*isa.SlotSize:p.Offset+(slot+1)*isa.SlotSize], r.f.order)
		slot -= first
	}
	in := &code[slot]
	if in.Op == 0 && slot > 0 && code[slot-1].Op == isa.OpLDDW {
		return fmt.Errorf("CO-RE relocation at offset %d targets LDDW continuation slot", rel.offset)
	}
	return r.types.apply(in, rel)
}

// apply changes the instruction that a CO-RE relocation is about.
func (t *btfTypes) apply(in *isa.Slot, rel coreRelocation) error {
	immediate := func(v uint64) error {
		if v > math.MaxInt32 {
			return errors.New("narrowing_error")
		}
		in.Imm = int32(v)
		return nil
	}
	switch rel.kind {
	case coreFieldByteOffset:
		field, err := t.field(rel)
		if err != nil {
			return err
		}
		bytes := field.bits / 8
		class, mode := in.Op&7, in.Op&0xe0
		if class >= 1 && class <= 3 && (mode == 0x60 || mode == 0x80 || mode == 0xc0) {
			if bytes > math.MaxInt16 {
				return errors.New("CO-RE field offset does not fit instruction offset field")
			}
			in.Off = int16(bytes)
			return nil
		}
		return immediate(bytes)
	case coreFieldByteSize:
		field, err := t.field(rel)
		if err != nil {
			return err
		}
		size, err := t.sizeOf(field.typ.id)
		if err != nil {
			return err
		}
		return immediate(uint64(size))
	case coreFieldExists, coreTypeExists, coreTypeMatches:
		in.Imm = 1
		return nil
	case coreFieldSigned:
		field, err := t.field(rel)
		if err != nil {
			return err
		}
		in.Imm = 0
		switch field.typ.kind {
		case btfInt:
			in.Imm = int32(t.f.u32(field.typ.rest) >> 24 & 1)
		case btfEnum, btfEnum64:
			if field.typ.flag {
				in.Imm = 1
			}
		}
		return nil
	case coreFieldLShift, coreFieldRShift:
		field, err := t.field(rel)
		if err != nil {
			return err
		}
		width, err := t.bitWidth(field)
		if err != nil {
			return err
		}
		used := uint64(width)
		if rel.kind == coreFieldLShift {
			used += field.bits % 8
		}
		if width == 0 || width > 64 || used > 64 {
			return errors.New("CO-RE field bit width exceeds 64 bits")
		}
		in.Imm = int32(64 - used)
		return nil
	case coreTypeIDLocal, coreTypeIDTarget, coreTypeSize:
		ty, err := t.coreStrip(rel.typ)
		if err != nil {
			return err
		}
		if rel.kind != coreTypeSize {
			return immediate(uint64(ty.id))
		}
		size, err := t.sizeOf(ty.id)
		if err != nil {
			return err
		}
		return immediate(uint64(size))
	case coreEnumExists, coreEnumValue:
		return t.applyEnum(rel, immediate)
	}
	return fmt.Errorf("Unsupported CO-RE relocation kind: %d", rel.kind)
}

func (t *btfTypes) applyEnum(rel coreRelocation, immediate func(uint64) error) error {
	indices, err := accessIndices(rel.access)
	if err != nil {
		return err
	}
	if len(indices) == 0 {
		return errors.New("CO-RE enum relocation missing enum value index")
	}
	index := uint64(indices[len(indices)-1])
	ty, err := t.coreStrip(rel.typ)
	if err != nil {
		return err
	}
	var value uint64
	switch ty.kind {
	case btfEnum:
		if index >= uint64(ty.n) {
			return errors.New("CO-RE enum member index out of bounds")
		}
		value = uint64(t.f.u32(t.element(&ty, int(index), 8)[4:]))
	case btfEnum64:
		if index >= uint64(ty.n) {
			return errors.New("CO-RE enum64 member index out of bounds")
		}
		e := t.element(&ty, int(index), 12)
		value = uint64(t.f.u32(e[8:]))<<32 | uint64(t.f.u32(e[4:]))
	default:
		return errors.New("CO-RE enum relocation target is not enum/enum64")
	}
	if rel.kind == coreEnumExists {
		value = 1
	}
	return immediate(value)
}

// coreStrip walks typedefs, qualifiers and tags; chains longer than 255 are damage.
func (t *btfTypes) coreStrip(id uint32) (btfType, error) {
	for range 255 {
		ty, err := t.get(id)
		if err != nil {
			return ty, err
		}
		switch ty.kind {
		case btfTypedef, btfConst, btfVolatile, btfRestrict, btfTypeTag:
			id = ty.size
		default:
			return ty, nil
		}
	}
	return voidType, errors.New("CO-RE type resolution exceeded depth limit (possible corrupt BTF)")
}

// accessIndices splits an access string ("0:1:2").
func accessIndices(access string) ([]uint32, error) {
	var list []uint32
	for item := range strings.SplitSeq(access, ":") {
		if item == "" {
			continue
		}
		digits := len(item) - len(strings.TrimLeft(item, "0123456789"))
		n, err := strconv.ParseUint(item[:digits], 10, 32)
		if err != nil {
			return nil, errors.New("Invalid CO-RE access string: " + access)
		}
		list = append(list, uint32(n))
	}
	return list, nil
}

// field follows the access string of a field relocation.
func (t *btfTypes) field(rel coreRelocation) (coreField, error) {
	field := coreField{}
	indices, err := accessIndices(rel.access)
	if err != nil {
		return field, err
	}
	// The first index is of the root as an array, which it nearly never is.
	if len(indices) > 0 && indices[0] == 0 {
		indices = indices[1:]
	}
	id := rel.typ
	for _, index := range indices {
		ty, err := t.coreStrip(id)
		if err != nil {
			return field, err
		}
		switch ty.kind {
		case btfStruct, btfUnion:
			if uint64(index) >= uint64(ty.n) {
				kind := "struct"
				if ty.kind == btfUnion {
					kind = "union"
				}
				return field, fmt.Errorf("CO-RE: %s member index %d out of bounds (size %d) for access path %s", kind, index, ty.n, rel.access)
			}
			m := t.member(&ty, int(index))
			field.bits += uint64(m.offset & 0xffffff)
			field.member = m.offset
			id = m.typ
		case btfArray:
			n := t.f.u32(ty.rest[8:])
			if index >= n {
				return field, fmt.Errorf("CO-RE: array index %d out of bounds (size %d) for access path %s", index, n, rel.access)
			}
			id = t.f.u32(ty.rest)
			size, err := t.sizeOf(id)
			if err != nil {
				return field, err
			}
			field.bits += uint64(index) * uint64(size) * 8
			field.member = 0
		default:
			return field, errors.New("CO-RE: indexing into non-aggregate type")
		}
	}
	field.typ, err = t.coreStrip(id)
	return field, err
}

// bitWidth returns the width of a field in bits.
func (t *btfTypes) bitWidth(field coreField) (uint32, error) {
	if width := field.member >> 24; width != 0 {
		return width, nil
	}
	if field.typ.kind == btfInt {
		if width := t.f.u32(field.typ.rest) & 0xff; width != 0 {
			return width, nil
		}
		return field.typ.size * 8, nil
	}
	size, err := t.sizeOf(field.typ.id)
	return size * 8, err
}
