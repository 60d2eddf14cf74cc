package elfbpf

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
	"sync"

	"bpfls/isa"
)

// reader is an object while it is read, and what is kept of it for questions
// that are asked later.
type reader struct {
	f   *elfFile
	opt Options

	types  *btfTypes // nil without usable BTF
	btfErr error     // why there is none, where the object has a .BTF section

	mu      sync.Mutex // guards structs
	structs structs
	debug   debugOnce

	// Symbols by section: bySection[start[i]:start[i+1]] are the indices of the
	// symbols of section i, in the order of the symbol table.
	bySection []int32
	start     []int32
	functions map[int][]function

	maps     *mapTable
	kfuncs   map[string]kfunc
	programs []*program
	slots    int                      // in all programs
	relocs   int                      // read for all sections
	byName   map[programName]*program // the first of each name

	// Of the section that is being read.
	code                     []isa.Slot
	relocations              []relocation
	codeWindow, relocsWindow window
	// tables are, by section, the first relocation table that says it is for it.
	tables map[int]*elfSection
}

// function is a function symbol of a section.
type function struct {
	offset uint64
	first  string // name of the first symbol there
	last   string // name of the last symbol there, which names the program
}

// program is a Program while it is read.
type program struct {
	*Program
	section int // index
	calls   []localCall
	called  map[int]bool // slots of calls
	wanted  bool
	// ownSlots is the length of its code before subprograms are appended, and slots
	// with those that were.
	ownSlots, slots int
	pieces          []piece
	done            bool
	active          bool // its subprograms are being appended
}

// programName tells programs apart as calls do.
type programName struct{ section, name string }

// callee finds the function that a call names; nil if there is none.
func (r *reader) callee(c localCall) *program {
	return r.byName[programName{r.f.sections[c.section].name, c.name}]
}

// piece is a function's code in a program.
type piece struct {
	slot    int // where it starts in Program.Code
	section string
	offset  int // bytes from the start of the section
	slots   int
}

// localCall is a call of a function that has to be appended.
type localCall struct {
	slot    int
	section int // index of the callee's section
	name    string
}

// The most that is read of an object, so that a damaged one cannot use up the
// memory: slots of one program, which is the most instructions that Linux looks
// at, and slots of all programs.
//
// The largest objects known have some 130,000 slots and 30,000 relocations.
const (
	mostProgramSlots = 1 << 20
	mostObjectSlots  = 1 << 21
	mostRelocations  = 1 << 22
	deepestCalls     = 1 << 12
)

// Parse reads a BPF object. name stands for the object in messages; data must
// not be changed as long as the Object is used. The error
// is an *Error where no programs can be told: no ELF file, no symbols, nothing
// executable. Where programs are known but cannot be verified, all of them
// (Object.Err) or some, Program.Err says why.
func Parse(name string, data []byte, opt Options) (*Object, error) {
	return Open(name, inMemory(data), int64(len(data)), opt)
}

// Open is Parse for a file of the given size, of which it reads what a verdict
// needs. Debugging information is read from it when it is first asked for.
func Open(name string, file io.ReaderAt, size int64, opt Options) (*Object, error) {
	if opt.Platform == nil {
		return nil, errors.New("elfbpf: no platform")
	}
	f, ferr := readELF(name, file, size)
	if ferr != nil {
		return nil, ferr
	}
	r := &reader{f: f, opt: opt}
	o := newObject(name, r)
	if err := r.findPrograms(); err != nil {
		return nil, err
	}
	o.Programs = make([]*Program, len(r.programs))
	r.byName = make(map[programName]*program, len(r.programs))
	for i, p := range r.programs {
		o.Programs[i] = p.Program
		p.wanted = opt.Wanted == nil || opt.Wanted(p.Program)
		name := programName{p.Section, p.Name}
		if _, ok := r.byName[name]; !ok {
			r.byName[name] = p
		}
	}
	if s := f.section(".BTF"); s != nil {
		r.types, r.btfErr = readBTF(f, f.contents(s))
		r.structs = structs{types: r.types, known: map[uint32]*Struct{}}
	}
	if r.stopped() {
		return nil, errStopped
	}
	if err := r.load(); err == errStopped {
		return nil, err
	} else if err != nil {
		o.Err = r.object(err)
		for _, p := range o.Programs {
			if p.Err == nil {
				p.Err = o.Err
			}
		}
	}
	if r.maps != nil {
		o.Maps = r.maps.maps
	}
	r.readContexts()
	r.code, r.relocations, r.codeWindow, r.relocsWindow = nil, nil, window{}, window{}
	if f.failed != nil {
		return nil, f.unread()
	}
	r.opt.Stop = nil
	return o, nil
}

// errStopped is the error of a Parse that Options.Stop ended.
var errStopped = context.Canceled

func (r *reader) stopped() bool { return r.opt.Stop != nil && r.opt.Stop() }

const rebuildTypes = "compile the source again: the type information is damaged"

// newObject makes an object with its sections.
func newObject(name string, r *reader) *Object {
	f := r.f
	o := &Object{Name: name, ByteOrder: f.order, reader: r}
	o.Sections = make([]Section, len(f.sections))
	for i := range f.sections {
		s := &f.sections[i]
		o.Sections[i] = Section{
			Index: i, Name: s.name, Size: s.size, Address: s.address, Text: s.flags&shfExecinstr != 0, Type: s.typ, Flags: s.flags,
		}
	}
	r.indexSymbols()
	return o
}

// ParseTypes reads the types of an object that need not have programs: a
// compiled header. The Object has neither programs nor maps. The error is an
// *Error.
func ParseTypes(name string, data []byte) (*Object, error) {
	f, ferr := readELF(name, inMemory(data), int64(len(data)))
	if ferr != nil {
		return nil, ferr
	}
	r := &reader{f: f}
	o := newObject(name, r)
	s := f.section(".BTF")
	if s == nil {
		return nil, f.fail("", "it has no BTF", "compile with -g")
	}
	if r.types, r.btfErr = readBTF(f, f.contents(s)); r.btfErr != nil {
		return nil, f.fail(".BTF", r.btfErr.Error(), rebuildTypes)
	}
	r.structs = structs{types: r.types, known: map[uint32]*Struct{}}
	return o, nil
}

// object makes an error of the object as a whole.
func (r *reader) object(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Object: r.f.name, Reason: err.Error()}
}

func (r *reader) sectionError(section int, reason string) *Error {
	return &Error{Object: r.f.name, Section: r.f.sections[section].name, Reason: reason}
}

// indexSymbols sorts the symbols by section.
func (r *reader) indexSymbols() {
	n := len(r.f.sections)
	r.start = make([]int32, n+1)
	for i := range r.f.count {
		if s := int(r.f.symbolSection(i)); s < n {
			r.start[s+1]++
		}
	}
	for i := range n {
		r.start[i+1] += r.start[i]
	}
	r.bySection = make([]int32, r.start[n])
	next := append([]int32(nil), r.start[:n]...)
	for i := range r.f.count {
		if s := int(r.f.symbolSection(i)); s < n {
			r.bySection[next[s]] = int32(i)
			next[s]++
		}
	}
	r.functions = map[int][]function{}
}

func (r *reader) symbolsOf(section int) []int32 {
	return r.bySection[r.start[section]:r.start[section+1]]
}

// functionsOf returns the named functions of a section by offset.
func (r *reader) functionsOf(section int) []function {
	if list, ok := r.functions[section]; ok {
		return list
	}
	var list []function
	for _, n := range r.symbolsOf(section) {
		if s := r.f.symbol(int(n)); s.typ == sttFunc && s.name != "" {
			list = append(list, function{s.value, s.name, s.name})
		}
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].offset < list[j].offset })
	out := list[:0]
	for _, f := range list {
		if n := len(out); n > 0 && out[n-1].offset == f.offset {
			out[n-1].last = f.last
			continue
		}
		out = append(out, f)
	}
	r.functions[section] = out
	return out
}

// functionAt returns the name of the function at an offset of a section.
func (r *reader) functionAt(section int, offset uint64) (string, bool) {
	list := r.functionsOf(section)
	i := sort.Search(len(list), func(i int) bool { return list[i].offset >= offset })
	if i < len(list) && list[i].offset == offset {
		return list[i].first, true
	}
	return "", false
}

// findPrograms cuts the executable sections at the function symbols.
func (r *reader) findPrograms() *Error {
	for i := range r.f.sections {
		s := &r.f.sections[i]
		if s.flags&shfExecinstr == 0 || s.size == 0 || !s.present {
			continue
		}
		cut := uint64(0)
		name := s.name
		add := func(end uint64) {
			p := &Program{Section: s.name, Name: name, Offset: int(cut), Size: int(end - cut)}
			r.programs = append(r.programs, &program{Program: p, section: i})
		}
		for _, f := range r.functionsOf(i) {
			if f.offset%isa.SlotSize != 0 {
				return r.f.fail(s.name, fmt.Sprintf("Non-instruction-aligned FUNC symbol '%s' at offset %d in section %s", f.last, f.offset, s.name),
					"compile the source again: the symbol table is damaged")
			}
			if f.offset >= s.size {
				continue
			}
			if f.offset > cut {
				add(f.offset)
				cut = f.offset
			}
			name = f.last
		}
		add(s.size)
	}
	if len(r.programs) == 0 {
		return r.f.fail("", "No executable sections", "put a program into a section of its own, as with SEC(\"xdp\"), and compile with clang -target bpf -O2 -g -c")
	}
	return nil
}

// load reads everything that the verifier needs. An error is one of the object
// as a whole; what goes wrong in one section is set in its programs.
func (r *reader) load() error {
	var err error
	if r.maps, err = r.readMaps(); err != nil {
		return err
	}
	if r.btfErr != nil {
		return r.f.fail(".BTF", r.btfErr.Error(), rebuildTypes)
	}
	if err := r.findKfuncs(); err != nil {
		return r.f.fail(".BTF", err.Error(), rebuildTypes)
	}
	unresolved := map[string][]string{} // by the name of the section
	for at := 0; at < len(r.programs); {
		if r.stopped() {
			return errStopped
		}
		section := r.programs[at].section
		end := at
		for end < len(r.programs) && r.programs[end].section == section {
			end++
		}
		if err := r.loadSection(section, r.programs[at:end], nil, unresolved); err != nil {
			return err
		}
		at = end
	}
	if err := r.loadCallees(); err != nil {
		return err
	}
	if r.types != nil {
		if err := r.relocateCORE(); err == errStopped {
			return err
		} else if err != nil {
			return r.f.fail(".BTF.ext", "Unsupported or invalid CO-RE/BTF relocation data: "+err.Error(),
				"accesses to types with preserve_access_index are relocated; one that cannot be refuses the whole object")
		}
	}
	for _, p := range r.programs {
		if list := unresolved[p.Section]; len(list) > 0 {
			p.Err = &Error{
				Object: r.f.name, Section: p.Section, Reason: "Unresolved symbols found.", Unresolved: list, Advice: unresolvedAdvice(list),
			}
		}
	}
	err = r.appendAll()
	r.readLines()
	return err
}

// unresolvedAdvice says what to do about symbols that nothing defines.
func unresolvedAdvice(list []string) string {
	for _, builtin := range [...]string{"memcpy", "memset", "memmove", "memcmp"} {
		for _, text := range list {
			if strings.Contains(text, " symbol "+builtin+" ") {
				return "the platform has no " + builtin + " to call: use __builtin_" + builtin + " with a small constant size, which clang expands in place"
			}
		}
	}
	return "define the functions and variables in this source file, or make the functions static inline"
}

// loadCallees reads the code of functions that nobody asked for but that a wanted
// program calls.
func (r *reader) loadCallees() error {
	if r.opt.Wanted == nil {
		return nil
	}
	var stack []*program
	for _, p := range r.programs {
		if p.wanted {
			stack = append(stack, p)
		}
	}
	for len(stack) > 0 {
		p := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, c := range p.calls {
			if c.section >= len(r.f.sections) {
				continue
			}
			sub := r.callee(c)
			if sub == nil || sub.Code != nil {
				continue
			}
			slots, relocs := r.slots, r.relocs
			sub.calls, sub.called = nil, nil
			first, _ := slices.BinarySearchFunc(r.programs, sub, func(p, sub *program) int {
				return cmp.Or(cmp.Compare(p.section, sub.section), cmp.Compare(p.Offset, sub.Offset))
			})
			end := first
			for end < len(r.programs) && r.programs[end].section == sub.section {
				end++
			}
			if err := r.loadSection(sub.section, r.programs[first:end], sub, map[string][]string{}); err != nil {
				return err
			}
			r.slots, r.relocs = slots, relocs // they were counted before
			stack = append(stack, sub)
		}
	}
	return nil
}

// loadSection reads the code of the programs of one section and relocates it: of all
// of them, keeping what is wanted, or of one of them alone, which is kept.
func (r *reader) loadSection(section int, programs []*program, only *program, unresolved map[string][]string) error {
	s := &r.f.sections[section]
	if s.size%isa.SlotSize != 0 {
		return r.sectionError(section, "Invalid argument to vector_of").advise(
			fmt.Sprintf("its size, %d bytes, is not a multiple of 8: it does not hold whole instructions", s.size))
	}
	code := isa.AppendSlots(r.code[:0], r.f.passing(s, &r.codeWindow), r.f.order)
	r.code = code
	if r.opt.Wanted == nil {
		r.code = nil // it is kept
	}
	relocs, err := r.sectionRelocations(section)
	if err != nil {
		return err
	}
	// Relocations by offset; those of a program are applied in the order of the file.
	order := make([]int32, len(relocs))
	sorted := true
	for i := range relocs {
		order[i] = int32(i)
		sorted = sorted && (i == 0 || relocs[i-1].offset <= relocs[i].offset)
	}
	if !sorted {
		sort.SliceStable(order, func(i, j int) bool { return relocs[order[i]].offset < relocs[order[j]].offset })
	}
	spans := spans{code: code}
	for n, p := range programs {
		if only != nil && p != only {
			continue
		}
		keep := p.wanted || p == only
		first := p.Offset / isa.SlotSize
		end := spans.end(first, first+p.Size/isa.SlotSize)
		leave := spans.leave
		for _, next := range programs[n+1:] {
			// Functions that the program reaches without a relocation.
			if next.Offset >= end*isa.SlotSize || !keep {
				break
			}
			p.Subs = append(p.Subs, Subprogram{
				Name: next.Name, Section: next.Section, Slot: (next.Offset - p.Offset) / isa.SlotSize, Offset: next.Offset,
				Size: min(next.Size, end*isa.SlotSize-next.Offset),
			})
		}
		if r.slots += end - first; r.slots > mostObjectSlots {
			return r.tooLarge(p)
		}
		p.ownSlots, p.slots = end-first, end-first
		p.Code = code[first:end:end]
		if end*isa.SlotSize > p.Offset+p.Size || keep && r.opt.Wanted != nil {
			// It shares code with the programs behind it, which are relocated on their
			// own, or with those of the sections that are read next.
			p.Code = append(make([]isa.Slot, 0, end-first), p.Code...)
		}
		low, high := uint64(first)*isa.SlotSize, uint64(end)*isa.SlotSize
		from := sort.Search(len(order), func(i int) bool { return relocs[order[i]].offset >= low })
		to := from + sort.Search(len(order)-from, func(i int) bool { return relocs[order[from+i]].offset >= high })
		mine := order[from:to]
		if !sorted {
			mine = append([]int32(nil), mine...)
			sort.Slice(mine, func(i, j int) bool { return mine[i] < mine[j] })
		}
		if len(mine) > 0 && keep {
			p.Relocs = make([]Relocation, 0, len(mine))
		}
		for _, n := range mine {
			rel := &relocs[n]
			offset := rel.offset - low
			if offset%isa.SlotSize != 0 {
				return r.sectionError(section, "Unaligned relocation offset").advise(fmt.Sprintf("the relocation at offset %d is not at an instruction", rel.offset))
			}
			sym := r.f.symbol(int(rel.symbol))
			slot := int(offset / isa.SlotSize)
			if int(offset) < p.Size && keep {
				p.Relocs = append(p.Relocs, Relocation{Offset: int(offset), Type: rel.typ, Symbol: r.symbolName(&sym), Extern: sym.section == shnUndef, Addend: rel.addend})
			}
			ok, err := r.relocate(p, slot, &sym, rel.addend)
			if err != nil {
				return r.sectionError(section, err.Error())
			}
			if !ok {
				name := sym.name
				if name == "" {
					name = "<anonymous>"
				}
				unresolved[s.name] = append(unresolved[s.name], fmt.Sprintf("Unresolved external symbol %s in section %s at location %d", name, s.name, slot))
			}
		}
		if !sorted {
			sort.SliceStable(p.Relocs, func(i, j int) bool { return p.Relocs[i].Offset < p.Relocs[j].Offset })
		}
		if leave {
			if err := r.callsWithoutRelocation(p, len(code)); err != nil {
				return r.sectionError(section, err.Error())
			}
		}
		if !keep {
			p.Code = nil
		}
	}
	return nil
}

func (r *reader) tooLarge(p *program) *Error {
	return r.sectionError(p.section, fmt.Sprintf("the programs are too large: with their subprograms more than %d instructions", mostObjectSlots)).advise(
		"split the object, or call fewer functions that are not inlined")
}

func (e *Error) advise(advice string) *Error {
	e.Advice = advice
	return e
}

// symbolName is the symbol's name in lists; of a section's symbol the section's.
func (r *reader) symbolName(s *symbol) string {
	if s.name == "" && s.typ == sttSection && int(s.section) < len(r.f.sections) {
		return r.f.sections[s.section].name
	}
	return s.name
}

// relocationTable finds the table of a section: by name, and where several
// sections have the same name, by the section that the table says it is for.
func (r *reader) relocationTable(section int) *elfSection {
	f := r.f
	name := f.sections[section].name
	i, ok := f.byName[".rel"+name]
	if !ok {
		if i, ok = f.byName[".rela"+name]; !ok {
			return nil
		}
	}
	found := &f.sections[i]
	if f.byName[name] != section || int(found.info) != section {
		if r.tables == nil {
			r.tables = map[int]*elfSection{}
			for j := range f.sections {
				s := &f.sections[j]
				if _, ok := r.tables[int(s.info)]; !ok && (s.typ == shtRel || s.typ == shtRela) {
					r.tables[int(s.info)] = s
				}
			}
		}
		if own := r.tables[section]; own != nil {
			found = own
		} else if f.byName[name] != section {
			return nil
		}
	}
	if !found.present {
		return nil
	}
	return found
}

// sectionRelocations reads and checks the relocations of an executable section.
func (r *reader) sectionRelocations(section int) ([]relocation, error) {
	table := r.relocationTable(section)
	if table == nil {
		return nil, nil
	}
	name := r.f.sections[section].name
	list, ok := r.f.appendRelocations(r.relocations, table, r.f.passing(table, &r.relocsWindow))
	r.relocations = list[:0]
	if r.relocs += len(list); r.relocs > mostRelocations {
		return nil, r.sectionError(section, fmt.Sprintf("the object has more than %d relocations", mostRelocations)).advise("the object is damaged: compile the source again")
	}
	if !ok {
		return nil, r.sectionError(section, "Malformed relocation section "+name).advise("compile the source again: the object is damaged")
	}
	out := list[:0]
	for _, rel := range list {
		switch rel.typ {
		case RelocNone, Reloc64_64, Reloc64_32:
		default:
			return nil, r.sectionError(section, fmt.Sprintf("Unsupported relocation type %d in section %s", rel.typ, name))
		}
		if rel.typ == RelocNone && rel.symbol == 0 {
			continue
		}
		if int64(rel.symbol) >= int64(r.f.count) {
			return nil, r.sectionError(section, fmt.Sprintf("Invalid relocation symbol index %d in section %s", rel.symbol, name))
		}
		out = append(out, rel)
	}
	return out, nil
}

// kfunc is a kernel function that BTF's .ksyms section declares.
type kfunc struct {
	id     int32
	module int16
	known  bool
}

// findKfuncs asks the platform for the functions in the .ksyms section.
func (r *reader) findKfuncs() error {
	if r.types == nil {
		return nil
	}
	t := r.types
	id := t.sections[".ksyms"]
	if id == 0 {
		return nil
	}
	section, err := t.expect(id, btfDatasec)
	if err != nil {
		return fmt.Errorf("Unsupported or invalid BTF .ksyms section (id %d): %w", id, err)
	}
	r.kfuncs = map[string]kfunc{}
	for i := range section.n {
		ty, err := t.get(t.f.u32(t.element(&section, i, 12)))
		if err != nil {
			return err
		}
		if ty.kind != btfFunc {
			continue
		}
		name := t.str(ty.name)
		if _, ok := r.kfuncs[name]; ok || name == "" {
			continue
		}
		var k kfunc
		if resolve := r.opt.Platform.Kfunc; resolve != nil {
			if found, ok := resolve(name); ok {
				k = kfunc{found.BTFID, found.Module, true}
			}
		}
		r.kfuncs[name] = k
	}
	return nil
}

// Data returns the bytes of the first section with that name as they stand in
// the file, before relocation; false where there is none or it has no contents.
func (o *Object) Data(section string) ([]byte, bool) {
	s := o.reader.f.section(section)
	if s == nil || !s.present {
		return nil, false
	}
	return o.reader.f.contents(s), true
}

// Relocations returns the relocations that apply to the section with that name,
// in the order of the file.
func (o *Object) Relocations(section string) []Relocation {
	f := o.reader.f
	target, ok := f.byName[section]
	if !ok {
		return nil
	}
	var out []Relocation
	for i := range f.sections {
		s := &f.sections[i]
		if s.typ != shtRel && s.typ != shtRela || int(s.info) != target {
			continue
		}
		list, ok := f.relocations(s)
		if !ok {
			continue
		}
		for _, rel := range list {
			entry := Relocation{Offset: int(rel.offset), Type: rel.typ, Addend: rel.addend}
			if int64(rel.symbol) < int64(f.count) {
				sym := f.symbol(int(rel.symbol))
				entry.Symbol, entry.Extern = o.reader.symbolName(&sym), sym.section == shnUndef
			}
			out = append(out, entry)
		}
	}
	return out
}

// Symbols returns the named symbols of a section by offset, for listings.
func (o *Object) Symbols(section string) []Symbol {
	r := o.reader
	i, ok := r.f.byName[section]
	if !ok {
		return nil
	}
	var out []Symbol
	for _, n := range r.symbolsOf(i) {
		if s := r.f.symbol(int(n)); s.name != "" && s.typ != sttSection {
			out = append(out, Symbol{Name: s.name, Offset: s.value, Size: s.size, Function: s.typ == sttFunc})
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].Offset < out[j].Offset })
	return out
}

// Symbol is a named place in a section.
type Symbol struct {
	Name     string
	Offset   uint64
	Size     uint64
	Function bool
}

// isConfig reports whether an undefined symbol is one of Cilium's compile-time
// constants, which loaders replace.
func isConfig(name string) bool { return strings.HasPrefix(name, "__config_") }
