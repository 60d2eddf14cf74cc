package elfbpf

import (
	"cmp"
	"slices"
	"sort"

	"bpfls/isa"
)

// lineRecord is an entry of .BTF.ext line information.
type lineRecord struct {
	offset     uint32 // in the section
	file, text uint32 // offsets in the string table
	lineColumn uint32
}

// readLines reads the line information of the programs that are to have lines. A
// damaged table gives no lines: the verdict does not depend on it.
func (r *reader) readLines() {
	if r.f.section(".BTF") == nil || r.types == nil {
		return
	}
	var programs []*program
	records := map[string][]lineRecord{} // of the sections that they are of
	for _, p := range r.programs {
		if !p.wanted {
			continue
		}
		programs = append(programs, p)
		if p.pieces == nil {
			p.pieces = []piece{{0, p.Section, p.Offset, p.ownSlots}}
		}
		for _, piece := range p.pieces {
			records[piece.section] = nil
		}
	}
	if len(programs) == 0 {
		return
	}
	e, err := r.readBTFExt()
	if err != nil || e == nil {
		return
	}
	ok := r.infoSections(e.data, e.lines, 16, func(section string, n, size int, b []byte) bool {
		list, wanted := records[section]
		if wanted && list == nil {
			list = make([]lineRecord, 0, n)
		}
		for ; len(b) > 0; b = b[size:] {
			rec := lineRecord{r.f.u32(b), r.f.u32(b[4:]), r.f.u32(b[8:]), r.f.u32(b[12:])}
			if !r.types.strings.valid(rec.file) || !r.types.strings.valid(rec.text) {
				return false
			}
			if wanted {
				list = append(list, rec)
			}
		}
		if wanted {
			records[section] = list
		}
		return true
	})
	if !ok {
		return
	}
	for section, list := range records {
		if !slices.IsSortedFunc(list, byOffset) {
			slices.SortStableFunc(list, byOffset)
		}
		// The last record for an instruction counts.
		out := list[:0]
		for i, rec := range list {
			if i+1 == len(list) || list[i+1].offset/isa.SlotSize != rec.offset/isa.SlotSize {
				out = append(out, rec)
			}
		}
		records[section] = out
	}
	for _, p := range programs {
		for _, piece := range p.pieces {
			list := records[piece.section]
			low, high := uint64(piece.offset), uint64(piece.offset)+uint64(piece.slots)*isa.SlotSize
			from := sort.Search(len(list), func(i int) bool { return uint64(list[i].offset) >= low })
			to := from + sort.Search(len(list)-from, func(i int) bool { return uint64(list[from+i].offset) >= high })
			p.addLines(r.types, piece, list[from:to])
		}
	}
}

func byOffset(a, b lineRecord) int { return cmp.Compare(a.offset, b.offset) }

// addLines adds the lines of a piece, of the records that fall into it. A record
// without a line number counts for its own instruction alone: after it the last
// record with one goes on.
func (p *program) addLines(t *btfTypes, at piece, list []lineRecord) {
	if known := len(p.Lines); known > 0 && p.Lines[known-1] != (Line{Slot: p.Lines[known-1].Slot}) &&
		(len(list) == 0 || list[0].offset >= uint32(at.offset)+isa.SlotSize) {
		p.Lines = append(p.Lines, Line{Slot: at.slot}) // those of the piece before end here
	}
	n := len(list)
	for _, rec := range list {
		if rec.lineColumn>>10 == 0 {
			n++
		}
	}
	p.Lines = slices.Grow(p.Lines, n)
	var last, line Line
	for i, rec := range list {
		slot := int(rec.offset-uint32(at.offset)) / isa.SlotSize
		// Neighbours are nearly always of the same file, often of the same line.
		if i == 0 || rec.file != list[i-1].file {
			line.File = t.str(rec.file)
		}
		if i == 0 || rec.text != list[i-1].text {
			line.Text = t.str(rec.text)
		}
		line.Slot, line.Line, line.Column = at.slot+slot, int(rec.lineColumn>>10), int(rec.lineColumn&0x3ff)
		p.Lines = append(p.Lines, line)
		if line.Line != 0 {
			last = line
			continue
		}
		next := slot + 1
		if next < at.slots && (i+1 == len(list) || int(list[i+1].offset-uint32(at.offset))/isa.SlotSize > next) {
			last.Slot = at.slot + next
			p.Lines = append(p.Lines, last)
		}
	}
}

// infoSections walks a part of .BTF.ext: a record size, then per section a name,
// a count and n records of that size. It reports false where the part is damaged
// or visit does.
func (r *reader) infoSections(data []byte, part [2]uint64, least uint64, visit func(section string, n, size int, records []byte) bool) bool {
	at, end := part[0], part[1]
	if end > uint64(len(data)) || at > end || end-at < 4 {
		return false
	}
	size := uint64(r.f.u32(data[at:]))
	if size < least {
		return false
	}
	for at += 4; at < end; {
		if end-at < 8 {
			return false
		}
		name, err := r.types.strings.name(r.f.u32(data[at:]))
		n := uint64(r.f.u32(data[at+4:]))
		at += 8
		if err != nil || n > (end-at)/size {
			return false
		}
		if !visit(name, int(n), int(size), data[at:at+n*size]) {
			return false
		}
		at += n * size
	}
	return true
}

// readContexts sets the type of each program's first parameter from BTF's
// function information.
func (r *reader) readContexts() {
	if r.types == nil {
		return
	}
	e, err := r.readBTFExt()
	if err != nil || e == nil {
		return
	}
	type place struct {
		section string
		offset  uint32
	}
	functions := make(map[place]uint32, len(r.programs))
	r.infoSections(e.data, e.funcs, 8, func(section string, _, size int, b []byte) bool {
		for ; len(b) > 0; b = b[size:] {
			functions[place{section, r.f.u32(b)}] = r.f.u32(b[4:])
		}
		return true
	})
	texts := map[uint32]string{}
	for _, p := range r.programs {
		id, ok := functions[place{p.Section, uint32(p.Offset)}]
		if !ok {
			continue
		}
		f, err := r.types.expect(id, btfFunc)
		if err != nil {
			continue
		}
		proto, err := r.types.expect(f.size, btfFuncProto)
		if err != nil || proto.n == 0 {
			continue
		}
		param := r.f.u32(r.types.element(&proto, 0, 8)[4:])
		text, ok := texts[param]
		if !ok {
			text = r.types.typeText(param)
			texts[param] = text
		}
		p.ContextType = text
		if target, alias, ok := r.types.pointee(param); ok {
			p.Context = r.structs.layout(target, alias)
		}
	}
}
