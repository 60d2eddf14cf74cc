package elfbpf

import "fmt"

// structs converts structures of the object's BTF, each once.
type structs struct {
	types *btfTypes
	known map[uint32]*Struct
}

// pointee returns the id of the structure or union that a pointer type points
// to, through typedefs and qualifiers, and the typedef's name if the structure
// itself has none; false if it points to something else.
func (t *btfTypes) pointee(id uint32) (uint32, string, bool) {
	ty, err := t.strip(id, true)
	if err != nil || ty.kind != btfPtr {
		return 0, "", false
	}
	return t.structure(ty.size)
}

// structure resolves an id to a structure or union.
func (t *btfTypes) structure(id uint32) (uint32, string, bool) {
	name := ""
	for range longestChain {
		ty, err := t.get(id)
		if err != nil {
			return 0, "", false
		}
		switch ty.kind {
		case btfTypedef:
			name = t.str(ty.name)
			id = ty.size
		case btfConst, btfVolatile, btfRestrict, btfTypeTag:
			id = ty.size
		case btfStruct, btfUnion:
			return id, name, true
		default:
			return 0, "", false
		}
	}
	return 0, "", false
}

func (s *structs) layout(id uint32, name string) *Struct {
	if known, ok := s.known[id]; ok {
		return known
	}
	ty, err := s.types.get(id)
	if err != nil || ty.kind != btfStruct && ty.kind != btfUnion {
		return nil
	}
	out := &Struct{Name: s.types.str(ty.name), Union: ty.kind == btfUnion, Size: int(ty.size)}
	if out.Name == "" {
		out.Name = name
	}
	s.known[id] = out
	budget := mostMembers
	s.members(out, &ty, 0, 0, &budget)
	return out
}

// mostMembers bounds a layout: anonymous structures that contain each other
// more than once would multiply.
const mostMembers = 1 << 16

func (s *structs) members(out *Struct, ty *btfType, base uint64, depth int, budget *int) {
	t := s.types
	if depth > deepestType {
		return
	}
	for i := range ty.n {
		if *budget--; *budget < 0 {
			return
		}
		m := t.member(ty, i)
		bits := base + uint64(m.bits)
		if m.name == 0 {
			// strip does not walk to a structure by name: only an anonymous
			// structure has its members in ours.
			if inner, err := t.strip(m.typ, true); err == nil && (inner.kind == btfStruct || inner.kind == btfUnion) {
				s.members(out, &inner, bits, depth+1, budget)
			}
			continue
		}
		size, _ := t.sizeOf(m.typ)
		inner, err := t.strip(m.typ, true)
		if m.width == 0 && err == nil && inner.kind == btfInt {
			// Before kind_flag existed a bit field was an int of odd width.
			if enc := t.f.u32(inner.rest); enc&0xff != 0 && enc&0xff != inner.size*8 {
				m.width = enc & 0xff
				bits += uint64(enc >> 16 & 0xff)
			}
		}
		out.Members = append(out.Members, Member{
			Name: t.str(m.name), Offset: int(bits / 8), Size: int(size), Type: t.typeText(m.typ),
			Bits: int(m.width), Pointer: err == nil && inner.kind == btfPtr,
		})
	}
}

// Struct returns the layout of a structure or union by its C name, without
// "struct"; a typedef's name does too. Where several types have the name, one
// with members wins.
func (o *Object) Struct(name string) (*Struct, error) {
	r := o.reader
	if r.types == nil {
		return nil, fmt.Errorf("%s: no BTF that describes %s; compile with -g", o.Name, name)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.types
	var best *Struct
	for id := uint32(1); int(id) < len(t.offsets); id++ {
		ty, _ := t.get(id)
		if ty.name == 0 || t.str(ty.name) != name {
			continue
		}
		switch ty.kind {
		case btfStruct, btfUnion, btfTypedef:
		default:
			continue
		}
		target, alias, ok := t.structure(id)
		if !ok {
			continue
		}
		if s := r.structs.layout(target, alias); s != nil && (best == nil || len(best.Members) == 0) {
			best = s
		}
	}
	if best == nil {
		return nil, fmt.Errorf("%s: no structure %s in its BTF; a structure is there if the program uses it or a variable of it is defined", o.Name, name)
	}
	return best, nil
}
