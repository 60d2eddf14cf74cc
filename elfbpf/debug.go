package elfbpf

import (
	"cmp"
	"debug/dwarf"
	"encoding/binary"
	"slices"
	"sort"
	"sync"

	"bpfls/isa"
)

// Debug is an index of an object's debugging information (DWARF 4 and 5): its
// functions, the scopes in them, and where their variables are. Object.Debug walks
// the information once for the functions; what is in a function is read when it is
// first asked for. It is safe for use by several goroutines.
type Debug struct {
	mu        sync.Mutex
	f         *elfFile
	data      *dwarf.Data // nil: there is none
	sections  map[string][]byte
	functions []*debugFunction // sorted by address
	units     []*debugUnit     // sorted by offset
	types     map[dwarf.Offset]*CType
}

// debugUnit is a compilation unit.
type debugUnit struct {
	entry   *dwarf.Entry
	version uint16
	base    uint64 // lowest address, which location lists count from
	files   []*dwarf.LineFile
	read    bool // files
}

// debugFunction is a function with code.
type debugFunction struct {
	low, high uint64
	entry     dwarf.Offset
	unit      *debugUnit
	read      bool
	scope     *Scope
}

// debugOnce is the part of a reader that makes an object's Debug.
type debugOnce struct {
	once  sync.Once
	debug *Debug
}

// Debug returns the index of the object's debugging information. Without such
// information, or where it cannot be read, the index is empty, never nil.
func (o *Object) Debug() *Debug {
	d := &o.reader.debug
	d.once.Do(func() { d.debug = newDebug(o) })
	return d.debug
}

func newDebug(o *Object) *Debug {
	d := &Debug{f: o.reader.f, types: map[dwarf.Offset]*CType{}}
	data, sections, err := o.dwarf(true)
	if err != nil {
		return d
	}
	d.data, d.sections = data, sections
	versions := unitVersions(sections["info"], o.ByteOrder)
	r := data.Reader()
	for {
		entry, err := r.Next()
		if err != nil || entry == nil {
			break
		}
		if entry.Tag != dwarf.TagCompileUnit || !entry.Children {
			r.SkipChildren()
			continue
		}
		u := &debugUnit{entry: entry}
		if i := sort.Search(len(versions), func(i int) bool { return versions[i].offset > entry.Offset }); i > 0 {
			u.version = versions[i-1].version
		}
		u.base, _ = entry.Val(dwarf.AttrLowpc).(uint64)
		d.units = append(d.units, u)
		if !d.readUnit(r, u) {
			break
		}
	}
	slices.SortFunc(d.functions, func(a, b *debugFunction) int { return cmp.Compare(a.low, b.low) })
	return d
}

// readUnit notes the functions among the children of a unit. It reports false where
// nothing more can be read.
func (d *Debug) readUnit(r *dwarf.Reader, u *debugUnit) bool {
	for {
		die, err := r.Next()
		if err != nil {
			return false
		}
		if die == nil || die.Tag == 0 {
			return die != nil
		}
		if die.Tag == dwarf.TagSubprogram && die.Val(dwarf.AttrInline) == nil {
			if ranges, err := d.data.Ranges(die); err == nil {
				for _, x := range ranges {
					d.functions = append(d.functions, &debugFunction{low: x[0], high: x[1], entry: die.Offset, unit: u})
				}
			}
		}
		if die.Children {
			r.SkipChildren()
		}
	}
}

// unitVersion is where a unit's header ends and the DWARF version that it gives.
type unitVersion struct {
	offset  dwarf.Offset
	version uint16
}

// unitVersions reads the headers of .debug_info, which debug/dwarf does not show.
func unitVersions(info []byte, order binary.ByteOrder) []unitVersion {
	var out []unitVersion
	for at := 0; at+6 <= len(info); {
		length, header := uint64(order.Uint32(info[at:])), 4
		if length == 0xffffffff && at+14 <= len(info) {
			length, header = order.Uint64(info[at+4:]), 12
		}
		if at+header+2 > len(info) {
			break
		}
		out = append(out, unitVersion{dwarf.Offset(at + header), order.Uint16(info[at+header:])})
		if length > uint64(len(info)-at-header) {
			break
		}
		at += header + int(length)
	}
	return out
}

// ScopeKind is what a Scope stands for.
type ScopeKind uint8

// The kinds of scopes.
const (
	ScopeFunction ScopeKind = iota // a function with code of its own
	ScopeInlined                   // a function that was inlined at a call
	ScopeBlock                     // a block in a function
)

// Scope is a function, an inlined function or a block, with its variables.
type Scope struct {
	Kind      ScopeKind
	Name      string      // of the function; empty of a block
	Decl      Place       // of a function: where it is declared
	Call      Place       // of ScopeInlined: the call
	External  bool        // of a function: it can be called from elsewhere, so that its arguments are where the ABI says
	Variables []*Variable // parameters first, both in the order of the source
	// Parameters are the names of all parameters of ScopeInlined, also of those that
	// are not among Variables because nothing is left of them.
	Parameters []string
	Inner      []*Scope
	ranges     [][2]uint64
}

// Place is a place in a source as DWARF has it. Line 0 means that none is known.
type Place struct {
	File         string
	Line, Column int
}

// Variable is a variable or a parameter.
type Variable struct {
	Name      string
	Parameter bool
	Decl      Place
	Type      *CType // nil where it is not known
	section   uint64 // in the place where spread addresses have it
	located   []located
}

// Locations returns where a variable is before the instruction at an offset of its
// section: the whole of it or parts; nil where it is nowhere.
func (v *Variable) Locations(offset int) []Location {
	pc := v.section | uint64(offset)
	for i := range v.located {
		if l := &v.located[i]; l.low <= pc && pc < l.high {
			return l.locations
		}
	}
	return nil
}

// AllLocations returns what Locations returns at one instruction or another.
func (v *Variable) AllLocations() (locations [][]Location) {
	for i := range v.located {
		locations = append(locations, v.located[i].locations)
	}
	return locations
}

// Scopes returns the scopes that an instruction is in, the innermost first and its
// function last. The instruction is given by its section and its offset in it, in
// bytes. It returns nil where nothing is known.
func (d *Debug) Scopes(section string, offset int) []*Scope {
	if d.data == nil || offset < 0 {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.f.sections {
		s := &d.f.sections[i]
		if s.name != section || s.flags&shfExecinstr == 0 {
			continue
		}
		pc := uint64(i)<<spreadBits | uint64(offset)
		f := d.function(pc)
		if f == nil {
			continue
		}
		var chain []*Scope
		for scope := d.scopeOf(f); scope != nil; scope = scope.inner(pc) {
			chain = append(chain, scope)
		}
		slices.Reverse(chain)
		return chain
	}
	return nil
}

// function finds the function at an address.
func (d *Debug) function(pc uint64) *debugFunction {
	i := sort.Search(len(d.functions), func(i int) bool { return d.functions[i].low > pc })
	for i--; i >= 0; i-- {
		if f := d.functions[i]; pc < f.high {
			return f
		} else if f.low>>spreadBits != pc>>spreadBits {
			return nil
		}
	}
	return nil
}

func (s *Scope) inner(pc uint64) *Scope {
	for _, in := range s.Inner {
		for _, r := range in.ranges {
			if r[0] <= pc && pc < r[1] {
				return in
			}
		}
	}
	return nil
}

// scopeOf reads a function's scopes.
func (d *Debug) scopeOf(f *debugFunction) *Scope {
	if f.read {
		return f.scope
	}
	f.read = true
	r := d.data.Reader()
	r.Seek(f.entry)
	die, err := r.Next()
	if err != nil || die == nil {
		return nil
	}
	w := &scopeReader{Debug: d, r: r, unit: f.unit, section: f.low &^ (1<<spreadBits - 1), locations: locationReader{
		order: d.f.order, base: f.unit.base, address: d.addresses(f.unit), frame: -1,
	}}
	if expr, ok := die.Val(dwarf.AttrFrameBase).([]byte); ok {
		if l := w.locations.expression(expr); len(l) == 1 && l[0].Kind == InRegister {
			w.locations.frame = l[0].Register
		}
	}
	f.scope = w.scope(die, ScopeFunction, 0)
	d.settleFrame(f)
	return f.scope
}

// addresses returns a reader of the unit's part of .debug_addr.
func (d *Debug) addresses(u *debugUnit) func(uint64) (uint64, bool) {
	table := d.sections["addr"]
	base, ok := u.entry.Val(dwarf.AttrAddrBase).(int64)
	if !ok || base < 0 || base > int64(len(table)) {
		return nil
	}
	table = table[base:]
	return func(i uint64) (uint64, bool) {
		if i >= uint64(len(table)/8) {
			return 0, false
		}
		return d.f.order.Uint64(table[8*i:]), true
	}
}

// scopeReader reads what is in one function.
type scopeReader struct {
	*Debug
	r         *dwarf.Reader
	unit      *debugUnit
	section   uint64
	locations locationReader
	entries   int
}

const (
	deepestScope   = 128
	mostParameters = 128
	mostEntries    = 1 << 18 // of one function
)

// scope reads an entry's children, which are next.
func (w *scopeReader) scope(die *dwarf.Entry, kind ScopeKind, depth int) *Scope {
	s := &Scope{Kind: kind}
	s.ranges, _ = w.data.Ranges(die)
	if kind != ScopeBlock {
		about := w.about(die)
		s.Name, s.Decl, s.External = about.name, about.decl, about.external
	}
	if kind == ScopeInlined {
		s.Call = w.place(die, dwarf.AttrCallFile, dwarf.AttrCallLine, dwarf.AttrCallColumn)
		s.Parameters = w.parameters(die)
	}
	if !die.Children {
		return s
	}
	for {
		child, err := w.r.Next()
		if w.entries++; err != nil || child == nil || child.Tag == 0 || w.entries > mostEntries {
			break
		}
		inner := ScopeBlock
		switch child.Tag {
		case dwarf.TagFormalParameter, dwarf.TagVariable:
			if v := w.variable(child); v != nil {
				s.Variables = append(s.Variables, v)
			}
			fallthrough
		default:
			if child.Children {
				w.r.SkipChildren()
			}
			continue
		case dwarf.TagInlinedSubroutine:
			inner = ScopeInlined
		case dwarf.TagLexDwarfBlock:
		}
		if depth == deepestScope {
			w.r.SkipChildren()
			continue
		}
		s.Inner = append(s.Inner, w.scope(child, inner, depth+1))
	}
	slices.SortStableFunc(s.Variables, func(a, b *Variable) int {
		switch {
		case a.Parameter && !b.Parameter:
			return -1
		case b.Parameter && !a.Parameter:
			return 1
		}
		return 0
	})
	return s
}

// about is what an entry says of itself or through the entry that it is a copy of.
type about struct {
	name     string
	decl     Place
	typ      dwarf.Offset
	typed    bool
	external bool
}

func (d *Debug) about(die *dwarf.Entry) (a about) {
	for range 4 {
		if a.name == "" {
			a.name, _ = die.Val(dwarf.AttrName).(string)
		}
		if a.decl.Line == 0 {
			a.decl = d.place(die, dwarf.AttrDeclFile, dwarf.AttrDeclLine, dwarf.AttrDeclColumn)
		}
		if !a.typed {
			a.typ, a.typed = die.Val(dwarf.AttrType).(dwarf.Offset)
		}
		if x, ok := die.Val(dwarf.AttrExternal).(bool); ok && x {
			a.external = true
		}
		off, ok := die.Val(dwarf.AttrAbstractOrigin).(dwarf.Offset)
		if !ok {
			if off, ok = die.Val(dwarf.AttrSpecification).(dwarf.Offset); !ok {
				return a
			}
		}
		r := d.data.Reader()
		r.Seek(off)
		origin, err := r.Next()
		if err != nil || origin == nil {
			return a
		}
		die = origin
	}
	return a
}

// parameters returns the names of an inlined function's parameters.
func (d *Debug) parameters(die *dwarf.Entry) []string {
	off, ok := die.Val(dwarf.AttrAbstractOrigin).(dwarf.Offset)
	if !ok {
		return nil
	}
	r := d.data.Reader()
	r.Seek(off)
	if origin, err := r.Next(); err != nil || origin == nil || !origin.Children {
		return nil
	}
	var names []string
	for len(names) < mostParameters {
		child, err := r.Next()
		if err != nil || child == nil || child.Tag == 0 {
			break
		}
		if child.Tag == dwarf.TagFormalParameter {
			names = append(names, d.about(child).name)
		}
		if child.Children {
			r.SkipChildren()
		}
	}
	return names
}

// place reads a place of an entry's attributes.
func (d *Debug) place(die *dwarf.Entry, file, line, column dwarf.Attr) Place {
	n, ok := die.Val(line).(int64)
	if !ok || n <= 0 || n > 1<<30 {
		return Place{}
	}
	p := Place{Line: int(n)}
	if c, ok := die.Val(column).(int64); ok && c > 0 && c < 1<<30 {
		p.Column = int(c)
	}
	i, ok := die.Val(file).(int64)
	if u := d.unitOf(die.Offset); ok && u != nil {
		if !u.read {
			u.read = true
			if lr, err := d.data.LineReader(u.entry); err == nil && lr != nil {
				u.files = lr.Files()
			}
		}
		if i >= 0 && i < int64(len(u.files)) && u.files[i] != nil {
			p.File = u.files[i].Name
		}
	}
	return p
}

func (d *Debug) unitOf(off dwarf.Offset) *debugUnit {
	i := sort.Search(len(d.units), func(i int) bool { return d.units[i].entry.Offset > off })
	if i == 0 {
		return nil
	}
	return d.units[i-1]
}

// variable reads a variable or parameter; nil where it has no name.
func (w *scopeReader) variable(die *dwarf.Entry) *Variable {
	about := w.about(die)
	if about.name == "" {
		return nil
	}
	v := &Variable{Name: about.name, Parameter: die.Tag == dwarf.TagFormalParameter, Decl: about.decl, section: w.section}
	if about.typed {
		v.Type = w.ctype(about.typ, 0)
	}
	everywhere := func(l []Location) {
		if len(l) > 0 {
			v.located = []located{{low: 0, high: ^uint64(0), locations: l}}
		}
	}
	if f := die.AttrField(dwarf.AttrLocation); f != nil {
		switch x := f.Val.(type) {
		case []byte:
			everywhere(w.locations.expression(x))
		case int64:
			v.located = w.list(uint64(x), false)
		case uint64:
			v.located = w.list(x, true)
		}
	} else if f := die.AttrField(dwarf.AttrConstValue); f != nil {
		if c, ok := f.Val.(int64); ok {
			everywhere([]Location{{Kind: IsConstant, Constant: c}})
		}
	}
	return v
}

// list reads a location list, given by its offset or its index.
func (w *scopeReader) list(at uint64, indexed bool) []located {
	if w.unit.version < 5 {
		if data := w.sections["loc"]; at < uint64(len(data)) {
			return w.locations.loc(data[at:])
		}
		return nil
	}
	data := w.sections["loclists"]
	if indexed {
		base, ok := w.unit.entry.Val(dwarf.AttrLoclistsBase).(int64)
		if !ok || base < 0 || at > uint64(len(data)) || uint64(base)+4*at+4 > uint64(len(data)) {
			return nil
		}
		at = uint64(base) + uint64(w.f.order.Uint32(data[uint64(base)+4*at:]))
	}
	if at >= uint64(len(data)) {
		return nil
	}
	return w.locations.lists(data[at:])
}

// settleFrame makes offsets from the frame base offsets from r10. LLVM counts them
// from the lowest byte of the frame, whose size it does not tell, though it names r10,
// the highest, as the base: the size is taken from the code.
func (d *Debug) settleFrame(f *debugFunction) {
	var all []*Location
	lowest, highest := int64(0), int64(0)
	f.scope.variables(func(v *Variable) {
		for i := range v.located {
			for j := range v.located[i].locations {
				l := &v.located[i].locations[j]
				if !l.frame {
					continue
				}
				all = append(all, l)
				size := int64(1)
				if v.Type != nil {
					size = max(v.Type.Size, 1)
				}
				if l.Size > 0 {
					size = int64(l.Size)
				}
				lowest, highest = min(lowest, l.Offset), max(highest, l.Offset+size)
			}
		}
	})
	if len(all) == 0 || lowest < 0 {
		return
	}
	size := max(d.frameSize(f), (highest+7)&^7)
	for _, l := range all {
		l.Offset -= size
	}
}

func (s *Scope) variables(do func(*Variable)) {
	for _, v := range s.Variables {
		do(v)
	}
	for _, in := range s.Inner {
		in.variables(do)
	}
}

// frameSize is the size of a function's frame, in bytes: it ends at the lowest byte
// that an instruction accesses through r10 or takes the address of.
func (d *Debug) frameSize(f *debugFunction) int64 {
	section := f.low >> spreadBits
	if section >= uint64(len(d.f.sections)) {
		return 0
	}
	data := d.f.contents(&d.f.sections[section])
	const mask = 1<<spreadBits - 1
	low, high := f.low&mask, f.high&mask
	if low > high || high > uint64(len(data)) {
		return 0
	}
	slots := isa.Slots(data[low:high], d.f.order)
	lowest := int64(0)
	for i, s := range slots {
		switch class := s.Op & 7; {
		case i > 0 && slots[i-1].Op == isa.OpLDDW: // the second half of a wide instruction
		case class == 1 && s.Src == frameRegister, (class == 2 || class == 3) && s.Dst == frameRegister:
			lowest = min(lowest, int64(s.Off))
		case s.Op == opAdd64Imm && i > 0 && slots[i-1].Op == opMov64Reg && slots[i-1].Src == frameRegister && slots[i-1].Dst == s.Dst:
			lowest = min(lowest, int64(s.Imm))
		}
	}
	return (-lowest + 7) &^ 7
}

const (
	frameRegister = 10
	opMov64Reg    = 0xbf
	opAdd64Imm    = 0x07
)
