package elfbpf

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
)

// The parts of the ELF format that are looked at (System V ABI, chapter 4).
const (
	class32 = 1
	class64 = 2

	dataLSB = 1
	dataMSB = 2

	machineNone = 0
	machineBPF  = 247

	shtNull     = 0
	shtProgbits = 1
	shtSymtab   = 2
	shtStrtab   = 3
	shtRela     = 4
	shtNobits   = 8
	shtRel      = 9

	shfExecinstr = 4

	shnUndef = 0

	sttFunc    = 2
	sttSection = 3

	stbWeak = 2
)

// The types of BPF relocations (Linux, Documentation/bpf/llvm_reloc.rst).
const (
	RelocNone    = 0
	Reloc64_64   = 1  // lddw
	Reloc64Abs64 = 2  // data, 8 bytes
	Reloc64Abs32 = 3  // data, 4 bytes
	Reloc64Nodyl = 4  // .BTF and .BTF.ext
	Reloc64_32   = 10 // call
)

// RelocationName returns the name of a BPF relocation type as llvm-objdump and
// readelf print it.
func RelocationName(typ uint32) string {
	switch typ {
	case RelocNone:
		return "R_BPF_NONE"
	case Reloc64_64:
		return "R_BPF_64_64"
	case Reloc64Abs64:
		return "R_BPF_64_ABS64"
	case Reloc64Abs32:
		return "R_BPF_64_ABS32"
	case Reloc64Nodyl:
		return "R_BPF_64_NODYLD32"
	case Reloc64_32:
		return "R_BPF_64_32"
	}
	return "Unknown"
}

// elfSection is a section header. Its contents are read by elfFile.contents.
type elfSection struct {
	name    string
	typ     uint32
	flags   uint64
	address uint64
	size    uint64
	link    uint32
	info    uint32
	entsize uint64
	offset  uint64 // of the contents in the file
	present bool   // it has contents in the file
	outside bool   // its contents lie outside the file
	data    []byte // contents, once they are read
}

type symbol struct {
	name    string
	value   uint64
	size    uint64
	section uint16
	typ     uint8
	bind    uint8
}

// elfFile is the ELF layer of an object: section headers and symbols.
type elfFile struct {
	name     string
	order    binary.ByteOrder
	big      bool
	class    byte
	sections []elfSection
	byName   map[string]int // first section of each name
	symbols  []byte         // the symbol table
	names    stringTable    // of the symbols
	count    int            // of the symbols

	mu     sync.Mutex // guards the sections' data
	file   io.ReaderAt
	failed error // the first error of reading the file
}

func (f *elfFile) u16(b []byte) uint16 {
	if f.big {
		return binary.BigEndian.Uint16(b)
	}
	return binary.LittleEndian.Uint16(b)
}

func (f *elfFile) u32(b []byte) uint32 {
	if f.big {
		return binary.BigEndian.Uint32(b)
	}
	return binary.LittleEndian.Uint32(b)
}

func (f *elfFile) u64(b []byte) uint64 {
	if f.big {
		return binary.BigEndian.Uint64(b)
	}
	return binary.LittleEndian.Uint64(b)
}

// word reads a field that is 4 bytes wide in the 32-bit class and 8 in the other.
func (f *elfFile) word(b []byte, offset32, offset64 int) uint64 {
	if f.class == class32 {
		return uint64(f.u32(b[offset32:]))
	}
	return f.u64(b[offset64:])
}

// section returns the first section with that name, nil if there is none.
func (f *elfFile) section(name string) *elfSection {
	if i, ok := f.byName[name]; ok {
		return &f.sections[i]
	}
	return nil
}

func (f *elfFile) fail(section, reason, advice string) *Error {
	return &Error{Object: f.name, Section: section, Reason: reason, Advice: advice}
}

const notAnObject = "it is not a BPF object; compile the source with clang -target bpf -O2 -g -c"

// readELF reads section headers and symbols of a file of the given size.
func readELF(name string, file io.ReaderAt, size int64) (*elfFile, *Error) {
	f := &elfFile{name: name, file: file}
	unreadable := func() *Error {
		if size == 0 {
			return f.fail("", "the file is empty", notAnObject)
		}
		return f.fail("", "Can't process ELF file "+name, notAnObject)
	}
	data := f.read(0, uint64(min(size, 64)))
	if f.failed != nil {
		return nil, f.unread()
	}
	if len(data) < 16 || string(data[:4]) != "\x7fELF" {
		return nil, unreadable()
	}
	f.class = data[4]
	headerSize, sectionSize := 64, 64
	switch f.class {
	case class64:
	case class32:
		headerSize, sectionSize = 52, 40
	default:
		return nil, unreadable()
	}
	switch data[5] {
	case dataLSB:
		f.order = binary.LittleEndian
	case dataMSB:
		f.order, f.big = binary.BigEndian, true
	default:
		return nil, unreadable()
	}
	if len(data) < headerSize {
		return nil, unreadable()
	}

	// The section header table.
	is32 := f.class == class32
	tableOffset := f.word(data, 32, 40)
	at := func(o32, o64 int) int {
		if is32 {
			return o32
		}
		return o64
	}
	entry := int(f.u16(data[at(46, 58):]))
	count := int(f.u16(data[at(48, 60):]))
	names := int(f.u16(data[at(50, 62):]))
	if tableOffset != 0 || count != 0 {
		bad := "ELF section header table in " + name + " "
		if entry < sectionSize {
			return nil, f.fail("", bad+"has invalid entry size", "compile the source again: the file is damaged")
		}
		if tableOffset > uint64(size) || uint64(count) > (uint64(size)-tableOffset)/uint64(entry) || count == 0 && uint64(size)-tableOffset < uint64(sectionSize) {
			return nil, f.fail("", bad+"is out of bounds", "compile the source again: the file is damaged or cut short")
		}
	}
	if machine := f.u16(data[18:]); machine != machineBPF && machine != machineNone {
		return nil, f.fail("", "Unsupported ELF machine in file "+name+": expected EM_BPF",
			fmt.Sprintf("the object was compiled for machine %d; compile it with clang -target bpf", machine))
	}

	f.sections = make([]elfSection, count)
	nameOffsets := make([]uint32, count)
	table := f.read(tableOffset, uint64(count)*uint64(entry))
	if f.failed != nil {
		return nil, f.unread()
	}
	for i := range f.sections {
		h := table[i*entry:][:sectionSize]
		s := &f.sections[i]
		nameOffsets[i] = f.u32(h)
		s.typ = f.u32(h[4:])
		s.flags = f.word(h, 8, 8)
		s.address = f.word(h, 12, 16)
		s.offset = f.word(h, 16, 24)
		s.size = f.word(h, 20, 32)
		s.link = f.u32(h[at(24, 40):])
		s.info = f.u32(h[at(28, 44):])
		s.entsize = f.word(h, 36, 56)
		inside := s.offset <= uint64(size) && s.size <= uint64(size)-s.offset
		s.present = inside && s.typ != shtNull && s.typ != shtNobits
		s.outside = !inside && s.typ != shtNobits
	}
	if names != 0 && names < count {
		table := cString(f.contents(&f.sections[names]))
		for i := range f.sections {
			f.sections[i].name, _ = table.at(nameOffsets[i])
		}
	}
	f.byName = make(map[string]int, count)
	for i := range f.sections {
		s := &f.sections[i]
		if s.outside {
			return nil, f.fail(s.name, "ELF section '"+s.name+"' has out-of-bounds file range", "compile the source again: the file is damaged or cut short")
		}
		if _, ok := f.byName[s.name]; !ok {
			f.byName[s.name] = i
		}
	}
	f.prefetch()
	if f.failed != nil {
		return nil, f.unread()
	}
	if err := f.readSymbols(); err != nil {
		return nil, err
	}
	return f, nil
}

// read returns size bytes of the file.
func (f *elfFile) read(offset, size uint64) []byte {
	if whole, ok := f.file.(inMemory); ok {
		return whole[offset : offset+size : offset+size]
	}
	data := make([]byte, size)
	if n, err := f.file.ReadAt(data, int64(offset)); n < len(data) && f.failed == nil {
		f.failed = err
	}
	return data
}

// inMemory is a file that is in memory.
type inMemory []byte

func (m inMemory) ReadAt(b []byte, at int64) (int, error) {
	n := copy(b, m[min(at, int64(len(m))):])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// unread is the error of a file that could not be read.
func (f *elfFile) unread() *Error {
	return f.fail("", "the file could not be read: "+f.failed.Error(), "try again: another program may have been writing it")
}

// contents returns what a section has in the file, nil if it has nothing there. It is
// read at the first call.
func (f *elfFile) contents(s *elfSection) []byte {
	if !s.present {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if s.data == nil {
		s.data = f.read(s.offset, s.size)
	}
	return s.data
}

// window is a part of the file that was read last.
type window struct {
	offset uint64
	data   []byte
}

// passing is contents for those who do not keep it: it is valid until the next call
// with the same window. Sections of code and their relocations follow one another in
// the file, so that one reading of it serves several.
func (f *elfFile) passing(s *elfSection, w *window) []byte {
	if _, ok := f.file.(inMemory); ok || s.data != nil || !s.present {
		return f.contents(s)
	}
	if s.size == 0 {
		return []byte{}
	}
	if s.offset < w.offset || s.offset+s.size > w.offset+uint64(len(w.data)) {
		const usual = 64 << 10
		w.offset, w.data = s.offset, slices.Grow(w.data[:0], max(usual, int(s.size)))
		n, err := f.file.ReadAt(w.data[:max(usual, s.size)], int64(s.offset))
		if w.data = w.data[:n]; uint64(n) < s.size {
			if f.failed == nil {
				f.failed = err
			}
			return make([]byte, s.size)
		}
	}
	return w.data[s.offset-w.offset:][:s.size:s.size]
}

// prefetch reads what a verdict needs besides code: not debugging information, which
// is more than half of most objects. Neighbours are read at once.
func (f *elfFile) prefetch() {
	if _, ok := f.file.(inMemory); ok {
		return
	}
	var list []*elfSection
	for i := range f.sections {
		s := &f.sections[i]
		later := s.flags&shfExecinstr != 0 || s.typ == shtRel || s.typ == shtRela || strings.HasPrefix(s.name, ".debug")
		if s.present && s.data == nil && s.size > 0 && !later {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b *elfSection) int { return cmp.Compare(a.offset, b.offset) })
	const page = 4096
	for len(list) > 0 {
		start, end, n := list[0].offset, list[0].offset, 0
		for n < len(list) && list[n].offset <= end+page {
			end = max(end, list[n].offset+list[n].size)
			n++
		}
		data := f.read(start, end-start)
		for _, s := range list[:n] {
			s.data = data[s.offset-start:][:s.size:s.size]
		}
		list = list[n:]
	}
}

func (f *elfFile) readSymbols() *Error {
	table := f.section(".symtab")
	if table == nil {
		return f.fail("", "No symbol section found in ELF file "+f.name, "programs are found by their symbols: do not strip the object")
	}
	size := 24
	if f.class == class32 {
		size = 16
	}
	data := f.contents(table)
	if table.entsize != uint64(size) || data == nil || len(data)%size != 0 {
		return f.fail(".symtab", "Invalid symbol section in ELF file "+f.name, "compile the source again: the symbol table is damaged")
	}
	if int(table.link) >= len(f.sections) || !f.sections[table.link].present {
		return f.fail(".symtab", "Invalid symbol string table link in ELF file "+f.name, "compile the source again: the symbol table is damaged")
	}
	f.names = cString(f.contents(&f.sections[table.link]))
	f.symbols, f.count = data, len(data)/size
	return nil
}

// symbol returns an entry of the symbol table. Most of them are labels that nothing
// asks for.
func (f *elfFile) symbol(i int) symbol {
	s := symbol{section: f.symbolSection(i)}
	var info byte
	if f.class == class32 {
		b := f.symbols[i*16:][:16]
		s.name, _ = f.names.at(f.u32(b))
		s.value, s.size = uint64(f.u32(b[4:])), uint64(f.u32(b[8:]))
		info = b[12]
	} else {
		b := f.symbols[i*24:][:24]
		s.name, _ = f.names.at(f.u32(b))
		s.value, s.size = f.u64(b[8:]), f.u64(b[16:])
		info = b[4]
	}
	s.typ, s.bind = info&0xf, info>>4
	return s
}

func (f *elfFile) symbolSection(i int) uint16 {
	if f.class == class32 {
		return f.u16(f.symbols[i*16+14:])
	}
	return f.u16(f.symbols[i*24+6:])
}

// stringTable is a table of NUL-terminated strings, converted once so that the
// strings in it are substrings.
type stringTable string

func cString(data []byte) stringTable { return stringTable(data) }

// at returns the string that starts at the offset; false if it lies outside or
// has no end.
func (t stringTable) at(offset uint32) (string, bool) {
	if uint64(offset) >= uint64(len(t)) {
		return "", false
	}
	s := string(t[offset:])
	n := strings.IndexByte(s, 0)
	if n < 0 {
		return "", false
	}
	return s[:n], true
}

// relocation is an entry of a relocation table.
type relocation struct {
	offset uint64
	symbol uint32
	typ    uint32
	addend int64
}

// relocations reads a relocation table; false if it is malformed.
func (f *elfFile) relocations(s *elfSection) ([]relocation, bool) {
	return f.appendRelocations(nil, s, f.contents(s))
}

// appendRelocations reads a relocation table from its data.
func (f *elfFile) appendRelocations(list []relocation, s *elfSection, data []byte) ([]relocation, bool) {
	if s.typ != shtRel && s.typ != shtRela {
		return nil, false
	}
	is32, rela := f.class == class32, s.typ == shtRela
	size := 16
	switch {
	case is32 && rela:
		size = 12
	case is32:
		size = 8
	case rela:
		size = 24
	}
	if s.entsize != uint64(size) || data == nil || len(data)%size != 0 {
		return nil, false
	}
	list = slices.Grow(list[:0], len(data)/size)[:len(data)/size]
	for i := range list {
		b := data[i*size : i*size+size]
		list[i] = relocation{}
		r := &list[i]
		if is32 {
			r.offset = uint64(f.u32(b))
			info := f.u32(b[4:])
			r.symbol, r.typ = info>>8, info&0xff
			if rela {
				r.addend = int64(int32(f.u32(b[8:])))
			}
		} else {
			r.offset = f.u64(b)
			info := f.u64(b[8:])
			r.symbol, r.typ = uint32(info>>32), uint32(info)
			if rela {
				r.addend = int64(f.u64(b[16:]))
			}
		}
	}
	return list, true
}
