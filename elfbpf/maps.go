package elfbpf

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"bpfls/platform"
)

// noFD is the descriptor of an inner map where there is none.
const noFD = -1

func isMapSection(name string) bool {
	return name == "maps" || name == ".maps" || strings.HasPrefix(name, "maps/") || strings.HasPrefix(name, ".maps/")
}

func isDataSection(name string) bool {
	for _, base := range [...]string{".data", ".rodata", ".bss"} {
		if name == base || strings.HasPrefix(name, base) && name[len(base)] == '.' {
			return true
		}
	}
	return false
}

// mapTable is what the relocations need to know of maps.
type mapTable struct {
	maps     []Map
	index    map[string]int  // symbol or data section to its index in maps
	sections map[uint16]bool // sections whose symbols are maps
	data     map[uint16]bool // sections that are global variables
}

func newMapTable() *mapTable {
	return &mapTable{index: map[string]int{}, sections: map[uint16]bool{}, data: map[uint16]bool{}}
}

// readMaps finds the object's maps: those that BTF describes where there is BTF
// and a .maps section, else records in map sections. Data sections follow.
func (r *reader) readMaps() (*mapTable, error) {
	table, err := r.declaredMaps()
	if err != nil {
		return nil, err
	}
	r.addDataSections(table)
	inner := map[int]bool{}
	for i := range table.maps {
		if fd := table.maps[i].InnerFD; fd != noFD {
			inner[fd] = true
		}
	}
	for i := range table.maps {
		table.maps[i].Template = inner[table.maps[i].FD]
	}
	return table, nil
}

func (r *reader) declaredMaps() (*mapTable, error) {
	hasBTF := r.f.section(".BTF") != nil
	if hasBTF && r.f.section(".maps") != nil {
		table, err := r.btfMaps()
		if err == nil {
			return table, nil
		}
		// What BTF does not describe may still be records.
		table, legacyErr := r.legacyMaps()
		if legacyErr != nil {
			return nil, r.object(legacyErr).advise("the maps are not read by their BTF because of this: " + err.Error())
		}
		return table, nil
	}
	for i := range r.f.sections {
		if isMapSection(r.f.sections[i].name) {
			return r.legacyMaps()
		}
	}
	if hasBTF {
		table, err := r.btfMaps()
		if err != nil {
			return nil, r.f.fail(".BTF", err.Error(), rebuildTypes)
		}
		return table, nil
	}
	return newMapTable(), nil
}

// addDataSections appends a map of one value for every section of global variables.
func (r *reader) addDataSections(table *mapTable) {
	for i := range r.f.sections {
		s := &r.f.sections[i]
		if !isDataSection(s.name) || s.typ != shtNobits && s.typ != shtProgbits || s.size == 0 {
			continue
		}
		table.index[s.name] = len(table.maps)
		table.maps = append(table.maps, Map{
			Map: platform.Map{
				FD: len(table.maps) + 1, Name: s.name, KeySize: 4, ValueSize: uint32(s.size), MaxEntries: 1,
				InnerFD: noFD, Global: true,
			},
			Section: s.name,
		})
		table.data[uint16(i)] = true
	}
}

// btfMap is a map while BTF is read: its type takes the place of a descriptor.
type btfMap struct {
	Map
	typ, inner uint32
}

// btfMaps reads the maps of the .maps section as BTF describes them. Maps are
// ordered by the id of their type; maps of one type share a descriptor.
func (r *reader) btfMaps() (*mapTable, error) {
	if r.btfErr != nil {
		return nil, fmt.Errorf("Unsupported or invalid BTF data: %w", r.btfErr)
	}
	list, err := r.types.maps()
	if err != nil {
		return nil, fmt.Errorf("Unsupported or invalid BTF map metadata: %w", err)
	}
	table := newMapTable()
	descriptors := map[uint32]int{}
	for _, m := range list {
		if _, ok := descriptors[m.typ]; !ok {
			descriptors[m.typ] = len(descriptors) + 1
		}
	}
	for _, m := range list {
		m.FD = descriptors[m.typ]
		m.InnerFD = noFD
		if m.inner != 0 {
			fd, ok := descriptors[m.inner]
			if !ok {
				return nil, fmt.Errorf("Unknown inner map type ID in BTF: %d", m.inner)
			}
			m.InnerFD = fd
		}
		if _, ok := table.index[m.Name]; !ok {
			table.index[m.Name] = len(table.maps)
		}
		table.maps = append(table.maps, m.Map)
	}
	if i, ok := r.f.byName[".maps"]; ok {
		table.sections[uint16(i)] = true
	}
	return table, nil
}

// maps reads the definitions in .maps, the inner maps that they name, and
// libbpf's three data sections.
func (t *btfTypes) maps() ([]btfMap, error) {
	var list []btfMap
	defined := map[uint32]bool{}
	if id := t.sections[".maps"]; id != 0 {
		section, err := t.expect(id, btfDatasec)
		if err != nil {
			return nil, err
		}
		var inner []uint32 // sorted
		add := func(name string, id uint32) error {
			m, err := t.mapDefinition(name, id)
			if err != nil {
				return err
			}
			list = append(list, m)
			defined[m.typ] = true
			if m.inner != 0 {
				if i, ok := slices.BinarySearch(inner, m.inner); !ok {
					inner = slices.Insert(inner, i, m.inner)
				}
			}
			return nil
		}
		for i := range section.n {
			v, err := t.expect(t.f.u32(t.element(&section, i, 12)), btfVar)
			if err != nil {
				return nil, err
			}
			if err := add(t.str(v.name), v.size); err != nil {
				return nil, err
			}
		}
		// Inner maps that have no variable of their own: two levels of them, the
		// most that Linux allows.
		for range 2 {
			for i := 0; i < len(inner); i++ {
				id := inner[i]
				if defined[id] {
					continue
				}
				if err := add("", id); err != nil {
					return nil, err
				}
				// What was inserted before this one waits for the next round.
				i, _ = slices.BinarySearch(inner, id)
			}
		}
	}
	for _, name := range [...]string{".bss", ".data", ".rodata"} {
		id := t.sections[name]
		if id == 0 {
			continue
		}
		section, err := t.expect(id, btfDatasec)
		if err != nil {
			return nil, err
		}
		if section.n == 0 {
			continue
		}
		last := t.element(&section, section.n-1, 12)
		list = append(list, btfMap{typ: id, Map: Map{
			Map:     platform.Map{Name: name, KeySize: 4, ValueSize: t.f.u32(last[4:]) + t.f.u32(last[8:]), MaxEntries: 1, Global: true},
			Section: name,
		}})
	}
	slices.SortStableFunc(list, func(a, b btfMap) int { return int(int64(a.typ) - int64(b.typ)) })
	return list, nil
}

// number reads what the macro __uint(name, value) wrote: a pointer to an array
// of value elements.
func (t *btfTypes) number(id uint32) (uint32, error) {
	p, err := t.expect(id, btfPtr)
	if err != nil {
		return 0, err
	}
	a, err := t.expect(p.size, btfArray)
	if err != nil {
		return 0, err
	}
	return t.f.u32(a.rest[8:]), nil
}

func (t *btfTypes) mapDefinition(name string, id uint32) (btfMap, error) {
	m := btfMap{Map: Map{Map: platform.Map{Name: name}, Section: ".maps"}}
	ty, err := t.strip(id, false)
	if err != nil {
		return m, err
	}
	if ty, err = t.expect(ty.id, btfStruct); err != nil {
		return m, err
	}
	m.typ = ty.id
	var kind, entries, key, keySize, value, valueSize, values, pinning uint32
	for i := range ty.n {
		member := t.member(&ty, i)
		into := map[string]*uint32{
			"type": &kind, "max_entries": &entries, "key_size": &keySize, "value_size": &valueSize,
			"values": &values, "pinning": &pinning, "key": &key, "value": &value,
		}[t.str(member.name)]
		switch into {
		case nil:
		case &key, &value:
			p, err := t.expect(member.typ, btfPtr)
			if err != nil {
				return m, err
			}
			*into = p.size
		default:
			*into = member.typ
		}
	}
	if kind == 0 {
		return m, errors.New("invalid map type")
	}
	if m.Type, err = t.number(kind); err != nil {
		return m, err
	}
	if entries != 0 {
		if m.MaxEntries, err = t.number(entries); err != nil {
			return m, err
		}
	}
	size := func(what string, typ, number uint32) (uint32, string, error) {
		switch {
		case typ != 0:
			n, err := t.sizeOf(typ)
			if err == nil && n == 0 {
				ty, _ := t.get(typ)
				text := "void"
				if typ != 0 {
					text = t.str(ty.name)
				}
				if text == "" {
					text = fmt.Sprintf("type_id=%d", typ)
				}
				err = fmt.Errorf("map '%s': cannot determine %s size for type '%s'", name, what, text)
			}
			return n, t.typeText(typ), err
		case number != 0:
			n, err := t.number(number)
			return n, "", err
		}
		return 0, "", nil
	}
	if m.KeySize, m.KeyType, err = size("key", key, keySize); err != nil {
		return m, err
	}
	if m.ValueSize, m.ValueType, err = size("value", value, valueSize); err != nil {
		return m, err
	}
	if pinning != 0 {
		// Pinning does not matter to the verifier: what is not understood is not pinned.
		m.Pinning, _ = t.number(pinning)
	}
	if values == 0 {
		return m, nil
	}
	array, err := t.expect(values, btfArray)
	if err != nil {
		return m, err
	}
	pointer, err := t.expect(t.f.u32(array.rest), btfPtr)
	if err != nil {
		return m, err
	}
	target, err := t.strip(pointer.size, false)
	if err != nil {
		return m, err
	}
	switch {
	case t.isMap(&target):
		m.inner = target.id
	case target.kind == btfFuncProto:
	default:
		return m, errors.New("invalid type for values")
	}
	m.ValueSize = 4
	return m, nil
}

// isMap reports whether a type is the definition of a map.
func (t *btfTypes) isMap(ty *btfType) bool {
	if ty.kind != btfStruct {
		return false
	}
	kind, entries := false, false
	for i := range ty.n {
		switch t.str(t.member(ty, i).name) {
		case "type":
			kind = true
		case "max_entries":
			entries = true
		}
	}
	return kind && entries
}

// legacyMaps reads the records in map sections. Their size is that of the
// smallest symbol in the section, or the platform's.
func (r *reader) legacyMaps() (*mapTable, error) {
	f, legacy := r.f, r.opt.Platform.Legacy
	table := newMapTable()
	recordSizes := map[uint16]uint64{}
	bases := map[uint16]int{}
	var records []legacyRecord
	for i := range f.sections {
		s := &f.sections[i]
		if !isMapSection(s.name) {
			continue
		}
		table.sections[uint16(i)] = true
		symbols := r.symbolsOf(i)
		var size, end uint64
		named, outside := false, false
		for _, n := range symbols {
			sym := f.symbol(int(n))
			if sym.name == "" {
				continue
			}
			named = true
			if sym.size != 0 && (size == 0 || sym.size < size) {
				size = sym.size
			}
			end = max(end, sym.value)
			outside = outside || sym.value >= s.size
		}
		if !named {
			continue
		}
		if size == 0 {
			size = uint64(legacy.RecordSize)
		}
		malformed := r.f.fail(s.name, "Malformed legacy maps section: "+s.name, fmt.Sprintf(
			"its %d bytes are not whole records of %d bytes; %s reads records of %d bytes", s.size, size, r.opt.Platform.Name, legacy.RecordSize))
		if !s.present || size < 16 || size%4 != 0 || s.size < size {
			return nil, malformed
		}
		count := s.size / size
		if s.size%size != 0 {
			end += size
			if outside || end > s.size {
				return nil, malformed
			}
			count = end / size
		}
		index := uint16(i)
		recordSizes[index] = size
		if !legacy.HasIDs {
			bases[index] = len(records)
		} else {
			// On Windows records become descriptors only after all sections are
			// read: every section starts at the first.
			bases[index] = 0
		}
		data := f.contents(s)
		for n := range count {
			records = append(records, r.legacyRecord(data[n*size:n*size+size], s.name))
		}
	}
	var err error
	if legacy.HasIDs {
		err = r.windowsDescriptors(records)
	} else {
		err = r.linuxDescriptors(records)
	}
	if err != nil {
		return nil, err
	}
	for i := range records {
		table.maps = append(table.maps, records[i].Map)
	}
	for i := range f.count {
		size, ok := recordSizes[f.symbolSection(i)]
		if !ok {
			continue
		}
		sym := f.symbol(i)
		if sym.name == "" {
			continue
		}
		if sym.value%size != 0 || sym.value >= f.sections[sym.section].size {
			name := f.sections[sym.section].name
			return nil, f.fail(name, fmt.Sprintf("Legacy map symbol '%s' has invalid offset: not aligned to %d-byte boundary or out of section bounds", sym.name, size),
				fmt.Sprintf("%s reads records of %d bytes", r.opt.Platform.Name, legacy.RecordSize))
		}
		n := bases[sym.section] + int(sym.value/size)
		if n >= len(table.maps) {
			return nil, errors.New("Legacy map symbol index out of range for: " + sym.name)
		}
		table.index[sym.name] = n
		table.maps[n].Name = sym.name
	}
	return table, nil
}

// legacyRecord is a record of a map section.
type legacyRecord struct {
	Map
	innerIndex  uint32
	id, innerID uint32
}

// legacyRecord reads a record; fields behind its end are zero.
func (r *reader) legacyRecord(b []byte, section string) legacyRecord {
	field := func(offset int) uint32 {
		var word [4]byte
		if offset < len(b) {
			copy(word[:], b[offset:])
		}
		return r.f.u32(word[:])
	}
	rec := legacyRecord{Map: Map{
		Map:     platform.Map{Type: field(0), KeySize: field(4), ValueSize: field(8), MaxEntries: field(12), InnerFD: noFD},
		Section: section,
	}}
	if r.opt.Platform.Legacy.HasIDs {
		// type, key_size, value_size, max_entries, inner_map_idx, pinning, id, inner_id
		rec.innerIndex, rec.Pinning, rec.id, rec.innerID = field(16), field(20), field(24), field(28)
	} else {
		// type, key_size, value_size, max_entries, map_flags, inner_map_idx, numa_node
		rec.innerIndex = field(20)
	}
	return rec
}

// mapType looks up a map type of the platform; unknown ones are plain.
func (r *reader) mapType(id uint32) platform.MapType {
	for i := range r.opt.Platform.Maps {
		if r.opt.Platform.Maps[i].ID == id {
			return r.opt.Platform.Maps[i]
		}
	}
	return platform.MapType{ID: id}
}

// linuxDescriptors numbers records from 1; equal maps share a descriptor where
// the platform says so.
func (r *reader) linuxDescriptors(records []legacyRecord) error {
	type likeness struct {
		value                      platform.MapValueKind
		key, valueSize, maxEntries uint32
	}
	known := map[likeness]int{}
	for i := range records {
		m := &records[i]
		m.FD = i + 1
		if !r.opt.Platform.Legacy.Share {
			continue
		}
		t := r.mapType(m.Type)
		l := likeness{t.Value, m.KeySize, m.ValueSize, 0}
		if t.Array {
			l.maxEntries = m.MaxEntries
		}
		if fd, ok := known[l]; ok {
			m.FD = fd
		} else {
			known[l] = m.FD
		}
	}
	for i := range records {
		m := &records[i]
		if m.innerIndex > math.MaxInt32 {
			return errors.New("narrowing_error")
		}
		if int(m.innerIndex) >= len(records) {
			return fmt.Errorf("bad inner map index %d for map %d", m.innerIndex, i)
		}
		m.InnerFD = records[m.innerIndex].FD
	}
	return nil
}

// windowsDescriptors numbers records from 1 and finds inner maps by their id,
// or by their index where the record names no id.
func (r *reader) windowsDescriptors(records []legacyRecord) error {
	byID := map[uint32]int{}
	for i := range records {
		records[i].FD = i + 1
		if _, ok := byID[records[i].id]; !ok {
			byID[records[i].id] = i + 1
		}
	}
	for i := range records {
		m := &records[i]
		if r.mapType(m.Type).Value != platform.ValueMap {
			continue
		}
		fd, ok := 0, false
		if m.innerID != 0 {
			fd, ok = byID[m.innerID]
		} else if int64(m.innerIndex) < int64(len(records)) {
			fd, ok = int(m.innerIndex)+1, true
		}
		if !ok {
			return fmt.Errorf("bad inner map (index %d id %d) for map %d", m.innerIndex, m.innerID, m.FD)
		}
		m.InnerFD = fd
	}
	return nil
}
