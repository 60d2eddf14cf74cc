package explain

import (
	"fmt"
	"math"
	"math/bits"
	"path"
	"slices"
	"strconv"
	"strings"

	"bpfls/csource"
	"bpfls/elfbpf"
	"bpfls/isa"
	"bpfls/platform"
	"bpfls/verifier"
)

// describer words one finding.
type describer struct {
	*explainer
	u       *unproven
	in      isa.Inst
	state   verifier.State // before the instruction; nil where it is not known
	value   verifier.Value // of the checked register
	code    string
	place   Range     // what is underlined
	excerpt string    // the lines there
	text    string    // C text of the place
	related []Related // what belongs to the message itself
	missing string
	swapped int8            // the argument in whose place the checked one stands; 0: none
	because string          // see cause
	steps   []verifier.Step // see slice
	sliced  bool
	memory  *string // what object found
}

// underlined chooses what to underline: the place, its lines and its C text.
func (d *describer) underlined() (Range, string, string) {
	slot, c := d.u.point.Slot, d.u.check
	write := 0
	if d.in.Kind == isa.Store || d.in.Kind == isa.Atomic {
		write = 1
	}
	switch {
	case c.Kind == verifier.CheckLoopCount:
		return d.locate(slot, wantLoop, 0)
	case isCall(d.in) && c.Reg >= 1 && c.Reg <= 5:
		return d.locate(slot, wantArgument, int(c.Reg))
	case isCall(d.in):
		return d.locate(slot, wantCall, 0)
	case d.in.Kind == isa.Load || d.in.Kind == isa.Store || d.in.Kind == isa.Atomic || d.in.Kind == isa.Packet:
		if d.code == "BPF-pointer-leak" {
			return d.locate(slot, wantStatement, 0)
		}
		if d.code == "BPF-maybe-null" {
			if _, ok := d.origin(slot, int(c.Reg)); ok {
				return d.locate(slot, wantBase, write) // the call's result itself, not an array in what it points to
			}
		}
		if d.code == "BPF-maybe-null" || d.code == "BPF-not-a-pointer" {
			return d.locate(slot, wantPointer, write)
		}
		return d.locate(slot, wantAccess, write)
	case d.in.Kind == isa.Bin || d.in.Kind == isa.Jump:
		return d.locate(slot, wantOperator, 0)
	}
	return d.locate(slot, wantStatement, 0)
}

// message is the finding's sentence.
func (d *describer) message() string {
	c := d.u.check
	if d.swapped > 0 {
		return d.swap()
	}
	switch d.code {
	case "BPF-packet-bounds":
		return d.packet()
	case "BPF-context-bounds", "BPF-context-layout":
		return d.context()
	case "BPF-stack-bounds":
		return d.stack()
	case "BPF-map-value-bounds":
		return d.mapValue()
	case "BPF-memory-bounds":
		return d.access("the memory", d.value.Region, "the memory has")
	case "BPF-maybe-null":
		return d.null()
	case "BPF-map-argument":
		if c.Types == verifier.TypeMapPrograms {
			return d.argument("must be a map of programs" + d.mapType())
		}
		return d.argument("must be a map")
	case "BPF-pointer-argument":
		d.allocated()
		return d.argument("must point to stack, packet or map memory")
	case "BPF-number-argument":
		return d.argument("must be a number")
	case "BPF-context-argument":
		return d.argument("must be the context that the program was called with")
	case "BPF-zero-argument":
		return d.argument("is reserved and must be 0")
	case "BPF-callback-argument":
		return d.argument("must be a function of this program")
	case "BPF-size-argument":
		return d.size()
	case "BPF-map-sizes":
		what := "values"
		if c.Key {
			what = "keys"
		}
		return fmt.Sprintf("%s: the size of the map's %s is not known here.", d.argumentName(), what)
	case "BPF-map-type":
		return fmt.Sprintf("%s does not work with maps of this type.", d.callee())
	case "BPF-uninitialized-bytes":
		return d.uninitialized()
	case "BPF-return-value":
		return fmt.Sprintf("the program must return a number; here it returns %s.", d.valued(c.Reg))
	case "BPF-not-a-pointer":
		d.probeRead()
		return fmt.Sprintf("%s is not a pointer that can be used here: it is %s.", d.name(or(d.operand(c.Reg), "the address")), d.what(d.value))
	case "BPF-uninitialized-value":
		subject := "a value that"
		if name := d.operand(c.Reg); name != "" {
			subject = name + ", which"
		}
		return "uses " + subject + " may never have been set: it is not known whether it is a number or an address."
	case "BPF-not-a-number":
		return fmt.Sprintf("the operation needs a number; here it gets %s.", d.valued(c.Reg))
	case "BPF-pointer-arithmetic":
		if c.Kind == verifier.CheckAddable {
			return fmt.Sprintf("adds %s to %s; only numbers can be added to a pointer.", comma(d.valued(c.Other)), d.valued(c.Reg))
		}
		d.allocated()
		if d.value.Types != 0 && d.value.Types&(verifier.TypeUninit|c.Types) == 0 {
			return fmt.Sprintf("computes with %s; only pointers to stack, packet, context and map memory can be moved.", d.valued(c.Reg))
		}
		return fmt.Sprintf("the operation needs a number or a pointer; here it gets %s.", d.valued(c.Reg))
	case "BPF-pointer-comparison":
		if c.Other >= 0 {
			return fmt.Sprintf("compares %s with %s; only pointers into the same memory can be compared or subtracted.",
				comma(d.valued(c.Reg)), d.valued(c.Other))
		}
		return fmt.Sprintf("compares %s, which may lie outside of what it points to.", d.valued(c.Reg))
	case "BPF-division-by-zero":
		return fmt.Sprintf("divides by %s, which can be 0.", d.valued(c.Reg))
	case "BPF-pointer-leak":
		return d.leak()
	case "BPF-loop-bound":
		text := "no bound below 100,000 turns is known for this loop"
		if by := d.advances(); by != "" {
			text += "; each turn advances " + by + ", which can be 0"
		}
		return text + "."
	case "BPF-indirect-call":
		return "calls a helper whose number is not known here, or that this program may not call."
	case "BPF-context-write":
		return "writes to a field of the context that holds a pointer to the packet; these fields are read-only."
	case "BPF-socket-access":
		return "accesses a part of the socket that cannot be accessed so."
	case "BPF-map-index":
		return fmt.Sprintf("%s: the index is not known to be below the number of the array's entries.", d.argumentName())
	}
	return sentence(d.u.message)
}

// verb tells what an access does: reads, writes.
func (d *describer) verb() string {
	switch {
	case d.compares():
		return "compares with"
	case isCall(d.in):
		v := "reads"
		if d.u.check.Mode == verifier.AccessWrite {
			v = "writes"
		}
		return d.callee() + " " + v
	case d.u.check.Mode == verifier.AccessWrite:
		return "writes"
	}
	return "reads"
}

// compares reports whether a pointer is compared or subtracted, and nothing accessed
// through it.
func (d *describer) compares() bool {
	return d.u.check.Mode == verifier.AccessCompare && d.u.check.Kind != verifier.CheckMapKeyValue
}

// reach returns the bytes that an access may touch, as offsets in its region.
// exact: the access is always to these bytes.
func (d *describer) reach() (lo, hi int64, exact, known bool) {
	if d.u.check.Kind == verifier.CheckMapKeyValue {
		return d.argumentBytes()
	}
	off := d.value.Offset
	if d.state == nil || off.LoInf || off.HiInf || off.LoWide || off.HiWide {
		return 0, 0, false, false
	}
	c := d.u.check
	width := int64(c.Width)
	exact = off.Lo == off.Hi
	if c.Other >= 0 {
		size := registerValue(d.state, c.Other).Signed
		if size.HiInf || size.HiWide {
			return 0, 0, false, false
		}
		width = size.Hi
		exact = exact && !size.LoInf && size.Lo == size.Hi
	}
	lo, hi = off.Lo+int64(c.Offset), off.Hi+int64(c.Offset)+max(width, 1)-1
	if exact && c.Other < 0 {
		lo, hi = d.together(lo, hi)
	}
	return lo, hi, exact, true
}

// together adds to the bytes of a load or store those that others load or store of the
// same expression and right beside it: what is not aligned is taken in pieces.
func (d *describer) together(lo, hi int64) (int64, int64) {
	at, ok := d.Program.Line(d.u.point.Slot)
	base, access := pointerRegister(d.in)
	if !ok || at.Line == 0 || !access || !isMember(d.text) {
		return lo, hi // elements may be read in turns of a loop
	}
	const near = 24 // instructions
	from, to := max(d.u.point.Slot-near, 0), min(d.u.point.Slot+near, len(d.insts)-1)
	copy := d.copyOf(d.u.point.Slot, "")
	for grown := true; grown; {
		grown = false
		for slot := from; slot <= to; slot++ {
			in := d.insts[slot]
			l, ok := d.Program.Line(slot)
			if reg, loads := pointerRegister(in); !ok || l.File != at.File || l.Line != at.Line || l.Column != at.Column ||
				!loads || reg != base || in.Kind != d.in.Kind || slot == d.u.point.Slot || d.copyOf(slot, "") != copy {
				continue
			}
			first := d.value.Offset.Lo + int64(in.Off)
			last := first + int64(in.Width) - 1
			if last == lo-1 && d.sameBase(slot, base) {
				lo, grown = first, true
			} else if first == hi+1 && d.sameBase(slot, base) {
				hi, grown = last, true
			}
		}
	}
	return lo, hi
}

// isMember reports whether an expression is a member of a structure, none of an array.
func isMember(text string) bool {
	i := strings.LastIndexAny(text, ".>")
	return i > 0 && (text[i] == '.' || text[i-1] == '-') && !strings.ContainsAny(text[i:], "[](*) ") && isAccess(text)
}

// sameBase reports whether a register points to the same place before another
// instruction as before the finding's.
func (d *describer) sameBase(slot, reg int) bool {
	p := d.u.point
	p.Slot = slot
	state := d.slices().Before(p)
	return state != nil && !state.Bottom() && state.Register(reg).Offset == d.value.Offset
}

func byteRange(lo, hi int64) string {
	if lo == hi {
		return fmt.Sprintf("byte %d", lo)
	}
	return fmt.Sprintf("bytes %d to %d", lo, hi)
}

// below reports whether it is the lower end of an access that was not proven.
func (d *describer) below() bool { return strings.HasPrefix(d.u.message, "Lower bound") }

// onlyBelow reports whether it is the lower end alone that a place without known bounds
// lacks: the number that it is computed from was compared with something above, and may
// be negative.
func (d *describer) onlyBelow() bool {
	return d.below() && slices.ContainsFunc(d.slice(), func(s verifier.Step) bool {
		n := s.After.Signed
		return s.Kind == verifier.StepNarrow && s.After.Types == verifier.TypeNumber && !n.HiInf && n.Hi < math.MaxInt32 && (n.LoInf || n.Lo < 0)
	})
}

func (d *describer) packet() string {
	if d.state == nil {
		return d.touches("a place", "the packet") + " that is not known to be there."
	}
	lo, hi, exact, known := d.reach()
	have := int64(0)
	if size := d.state.PacketSize(); !size.LoInf {
		have = size.Lo
	}
	there := "no byte of it is known to be there, as nothing was compared with the packet's end"
	switch {
	case have == 1:
		there = "only byte 0 is known to be there"
	case have > 1:
		there = fmt.Sprintf("only bytes 0 to %d are known to be there", have-1)
	}
	low := d.below()
	switch {
	case d.compares() && low:
		return "compares a pointer that may lie before the first byte of the packet."
	case d.compares():
		return "compares a pointer that may lie more than 65,535 bytes behind the start of the packet, where no packet reaches."
	case !known && low:
		return d.touches("a place", "the packet") + " whose offset may be negative: no lower bound of it is known."
	case !known:
		return fmt.Sprintf("%s whose offset has no known upper bound; %s.", d.touches("a place", "the packet"), there)
	case low || lo < 0 && hi < have:
		return fmt.Sprintf("%s, which may begin before its first byte.", d.touches(byteRange(lo, hi), "the packet"))
	case exact:
		return fmt.Sprintf("%s; %s.", d.touches(byteRange(lo, hi), "the packet"), there)
	case hi >= have && d.related == nil && hi < 65535:
		return fmt.Sprintf("%s; %s.", d.touches(fmt.Sprintf("a place between byte %d and byte %d", lo, hi), "the packet"), there)
	}
	return fmt.Sprintf("%s that is not known to lie before its end; %s.", d.touches(fmt.Sprintf("a place between byte %d and byte %d", lo, hi), "the packet"), there)
}

func (d *describer) context() string {
	size := 0
	hook := "this hook"
	if d.Type != nil && d.Type.Context != nil {
		size, hook = d.Type.Context.Size, "hook "+d.Type.Name
	}
	lo, hi, _, known := d.reach()
	d.contextLayout(hook)
	if !known {
		return fmt.Sprintf("%s whose offset is not known; the context of %s has %d bytes.", d.touches("a place", "the context"), hook, size)
	}
	have := fmt.Sprintf("the context of %s has %d", hook, size)
	if lo == hi {
		have += " bytes"
	}
	return fmt.Sprintf("%s; %s.", d.touches(byteRange(lo, hi), "the context"), have)
}

// contextLayout relates a finding to the structure that the program takes for
// its context.
func (d *describer) contextLayout(hook string) {
	if len(d.Context) == 0 || d.Program.Context == nil {
		return
	}
	name := or(d.typedefName(), d.Program.Context.Name)
	// The member that the access is about says most.
	diff := d.Context[0]
	lo, _, _, known := d.reach()
	for _, c := range d.Context {
		if m, ok := d.Program.Context.Lookup(c.Field); known && ok && int64(m.Offset) <= lo && lo < int64(m.Offset+max(m.Size, 1)) {
			diff = c
			break
		}
	}
	var text string
	switch diff.Kind {
	case platform.DifferentOffset:
		text = fmt.Sprintf("%s has %s at offset %d; %s has it at offset %d", name, diff.Field, diff.Have, hook, diff.Want)
	case platform.DifferentWidth:
		text = fmt.Sprintf("%s has %s with %d bytes; %s has it with %d", name, diff.Field, diff.Have, hook, diff.Want)
	default:
		text = fmt.Sprintf("%s has %d bytes; the context of %s has %d", name, diff.Have, hook, diff.Want)
	}
	r := d.structRange(name, d.Program.Context.Name)
	d.related = append(d.related, Related{r, text})
	note := "this structure is not the hook's: include the hook's own header"
	if d.Type != nil && d.Type.Header != "" {
		note += " (" + path.Base(filepathToSlash(d.Type.Header)) + ")"
	}
	d.related = append(d.related, Related{r, note})
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func filepathToSlash(p string) string { return strings.ReplaceAll(p, `\`, "/") }

// typedefName returns the name of the context's type as the program spells it.
func (d *describer) typedefName() string {
	f := strings.Fields(strings.NewReplacer("*", " ", "const ", "").Replace(d.Program.ContextType))
	if len(f) == 0 {
		return ""
	}
	return f[len(f)-1]
}

// structRange finds the definition of a structure in the compiled sources.
func (d *describer) structRange(names ...string) Range {
	for _, file := range sortedKeys(d.Sources) {
		s := d.source(file)
		if s == nil {
			continue
		}
		for _, name := range names {
			if i := s.Definition(name); name != "" && i >= 0 {
				return s.rangeOf(d.path(file), csource.Span{First: i, Last: i})
			}
		}
	}
	return Range{}
}

func (d *describer) stack() string {
	lo, hi, exact, known := d.reach()
	top := registerValue(d.state, 10).Offset
	if !known && d.onlyBelow() {
		return d.touches("a place", "the stack") + " whose offset has no known lower bound; a function's stack has 512 bytes."
	}
	if !known || top.LoInf || top.Lo != top.Hi {
		return d.touches("a place", "the stack") + " whose offset has no known bounds; a function's stack has 512 bytes."
	}
	lo, hi = lo-top.Lo, hi-top.Lo
	const frame = "a function's stack is bytes -512 to -1, counted from its top"
	if exact {
		return fmt.Sprintf("%s; %s.", d.touches(byteRange(lo, hi), "the stack"), frame)
	}
	return fmt.Sprintf("%s; %s.", d.touches(fmt.Sprintf("a place between byte %d and byte %d", lo, hi), "the stack"), frame)
}

func (d *describer) mapValue() string {
	what := "the map value"
	if m := d.originMap(); m != "" {
		what = "the value of map " + m
	}
	return d.access(what, d.value.Region, "a value has")
}

// access words an access to a region whose size is known to be at least size.Lo.
func (d *describer) access(what string, size verifier.Range, has string) string {
	lo, hi, exact, known := d.reach()
	tail := ""
	if !size.LoInf && d.state != nil {
		tail = fmt.Sprintf("; %s %d bytes", has, size.Lo)
	}
	switch {
	case !known && d.onlyBelow():
		return fmt.Sprintf("%s whose offset may be negative: no lower bound of it is known%s.", d.touches("a place", what), tail)
	case !known:
		return fmt.Sprintf("%s whose offset has no known bounds%s.", d.touches("a place", what), tail)
	case d.below() && lo < 0:
		return fmt.Sprintf("%s, which may begin before its first byte%s.", d.touches(byteRange(lo, hi), what), tail)
	case exact:
		return fmt.Sprintf("%s%s.", d.touches(byteRange(lo, hi), what), tail)
	}
	return fmt.Sprintf("%s%s.", d.touches(fmt.Sprintf("a place between byte %d and byte %d", lo, hi), what), tail)
}

func (d *describer) null() string {
	verb := "read"
	if d.u.check.Mode == verifier.AccessWrite {
		verb = "written"
	}
	if isCall(d.in) {
		verb = "passed to " + d.callee()
	}
	name := d.name(or(d.operand(d.u.check.Reg), "the pointer"))
	if callee, _, call := strings.Cut(name, "("); call && identifier(callee) { // a macro or builtin around the access
		name = or(d.operand(d.u.check.Reg), "the pointer")
	}
	call, ok := d.origin(d.u.point.Slot, int(d.u.check.Reg))
	if !ok {
		return fmt.Sprintf("%s may be null; it is %s here without a check.", name, verb)
	}
	in := d.insts[call]
	h := d.helper(in)
	if h == nil {
		return fmt.Sprintf("%s may be null; it is %s here without a check.", name, verb)
	}
	_, _, text := d.locate(call, wantCall, 0)
	d.missing = name + " != 0"
	if name == "the pointer" {
		d.missing = ""
	}
	if h.Return != platform.RetPtrToMapValueOrNull {
		return fmt.Sprintf("%s is null when %s has nothing to give; it is %s here without a check.", name, helperName(h, in), verb)
	}
	m := d.mapAt(call)
	if m == "" {
		m = "the map"
	}
	key := "the key"
	if _, _, k := d.locate(call, wantArgument, 2); k != "" && k != text {
		key = strings.TrimSpace(strings.TrimPrefix(k, "&"))
	}
	return fmt.Sprintf("%s is null when %s has no entry for %s; it is %s here without a check.", name, m, key, verb)
}

// mapAt returns the name of the map that a call gets in r1.
func (e *explainer) mapAt(call int) string {
	if n, ok := e.namer().Register(verifier.Point{Slot: call}, 1); ok {
		for _, m := range e.Object.Maps {
			if n.Expr == "&"+m.Name {
				return m.Name
			}
		}
	}
	for _, p := range e.Result.Points(call) {
		if s := e.Result.Before(p); s != nil && !s.Bottom() {
			return e.mapByFD(s.Register(1).MapFD)
		}
	}
	return ""
}

func (d *describer) originMap() string {
	if call, ok := d.origin(d.u.point.Slot, int(d.u.check.Reg)); ok {
		if h := d.helper(d.insts[call]); h != nil && h.Return == platform.RetPtrToMapValueOrNull {
			return d.mapAt(call)
		}
	}
	return ""
}

// name is the C text of the range if it is short enough to be read in a sentence.
func (d *describer) name(otherwise string) string {
	if d.text == "" || len(d.text) > 40 {
		return otherwise
	}
	return d.text
}

// callee names the function that a call calls.
func (d *describer) callee() string {
	if h := d.helper(d.in); h != nil {
		return helperName(h, d.in)
	}
	return "the helper"
}

// helperName is the name that C programs use: PREVAIL's tables for Linux leave
// out the bpf_ of helpers.
func helperName(h *platform.Helper, in isa.Inst) string {
	if in.Kind == isa.Call && !strings.HasPrefix(h.Name, "bpf_") {
		return "bpf_" + h.Name
	}
	return h.Name
}

// argumentName is "argument 1 (map) of bpf_map_update_elem".
func (d *describer) argumentName() string {
	n := d.u.check.Reg
	if n < 1 || n > 5 {
		return "an argument of " + d.callee()
	}
	return fmt.Sprintf("argument %s of %s", d.numbered(n), d.callee())
}

// numbered is an argument's number with its name: "1 (map)".
func (d *describer) numbered(n int8) string {
	name := ""
	if h := d.helper(d.in); h != nil {
		name = or(h.ArgNames[n-1], argRole(h.Args[n-1]))
	}
	if name == "" {
		return strconv.Itoa(int(n))
	}
	return fmt.Sprintf("%d (%s)", n, name)
}

// argRole names an argument whose name is not known.
func argRole(t platform.ArgType) string {
	switch t {
	case platform.ArgPtrToMap, platform.ArgConstPtrToMap:
		return "map"
	case platform.ArgPtrToMapOfPrograms:
		return "map of programs"
	case platform.ArgPtrToMapKey:
		return "key"
	case platform.ArgPtrToMapValue, platform.ArgPtrToUninitMapValue:
		return "value"
	case platform.ArgPtrToCtx, platform.ArgPtrToCtxOrNull:
		return "context"
	case platform.ArgConstSize, platform.ArgConstSizeOrZero:
		return "size"
	case platform.ArgPtrToFunc:
		return "callback"
	}
	return ""
}

// allocated tells how memory that a helper allocated is filled: through the pointer that
// the helper gave, and by no other helper.
func (d *describer) allocated() {
	if d.value.Types == verifier.TypeAllocMem {
		d.related = append(d.related, Related{d.place, "the verifier lets allocated memory be written with stores alone: have this done to a variable on the stack, and copy that with __builtin_memcpy"})
	}
}

func (d *describer) argument(must string) string {
	if d.state == nil {
		return fmt.Sprintf("%s %s.", d.argumentName(), must)
	}
	if !isCall(d.in) {
		return fmt.Sprintf("the operand %s; here %s.", must, d.subjectIs(d.u.check.Reg))
	}
	return fmt.Sprintf("%s %s; here %s.", d.argumentName(), must, d.subjectIs(d.u.check.Reg))
}

// mapType tells the type of the map that an argument is: ", and not of type hash".
func (d *describer) mapType() string {
	if maps := d.mapsByFD(d.value.MapFD); d.value.Types == verifier.TypeMap && len(maps) > 0 {
		return ", not of type " + d.Platform.MapType(maps[0].Type).Name
	}
	return ""
}

func (d *describer) size() string {
	v := d.value.Signed
	if d.value.Types == verifier.TypeNumber && !v.LoInf && v.Lo < 0 {
		return fmt.Sprintf("%s can be negative: %s.", d.argumentName(), d.subjectIs(d.u.check.Reg))
	}
	if d.value.Types == verifier.TypeNumber && !v.LoInf && v.Lo == 0 {
		return fmt.Sprintf("%s can be 0: %s.", d.argumentName(), d.subjectIs(d.u.check.Reg))
	}
	return fmt.Sprintf("%s is not known to be positive: %s.", d.argumentName(), d.subjectIs(d.u.check.Reg))
}

func (d *describer) uninitialized() string {
	lo, hi, exact, known := d.argumentBytes()
	name := strings.TrimSpace(strings.TrimPrefix(d.name(d.argumentName()), "&"))
	reader := "it"
	if isCall(d.in) {
		reader = d.callee()
	}
	generic := fmt.Sprintf("%s reads bytes of %s that were never written, or that hold an address.", reader, name)
	if !isCall(d.in) {
		generic = strings.TrimPrefix(generic, "it ")
	}
	if !known || !exact || d.value.Types != verifier.TypeStack || d.state == nil {
		return generic
	}
	top := registerValue(d.state, 10).Offset
	if top.LoInf || top.Lo != top.Hi {
		return generic
	}
	first, last, ok := unwritten(d.state.NumericBytes(), lo-top.Lo, hi-top.Lo)
	if !ok {
		return generic
	}
	size := hi - lo + 1
	holds := d.stored(first, last)
	first, last = first-(lo-top.Lo), last-(lo-top.Lo)
	switch all := first == 0 && last == size-1; {
	case holds != "" && all:
		return fmt.Sprintf("%s holds %s; %s reads its %s.", name, holds, reader, byteCount(size))
	case holds != "":
		hold := "hold"
		if first == last {
			hold = "holds"
		}
		return fmt.Sprintf("%s of %s%s %s %s.", byteRange(first, last), name, d.member(first, last), hold, holds)
	}
	if d.unwrittenWays(name, lo-top.Lo, hi-top.Lo) {
		return fmt.Sprintf("%s of %s%s %s not written on every way.", byteRange(first, last), name, d.member(first, last), were(first, last))
	}
	if first == 0 && last == size-1 {
		return fmt.Sprintf("%s was never written; %s reads its %s.", name, reader, byteCount(size))
	}
	return fmt.Sprintf("%s of %s%s %s never written.", byteRange(first, last), name, d.member(first, last), were(first, last))
}

// stored says what was written to bytes of the stack that are not known to be numbers;
// empty if they were never written. The offsets count from the top of the frame.
func (d *describer) stored(first, last int64) string {
	for _, s := range slices.Backward(d.slice()) {
		off := int64(s.Subject.Offset)
		if s.Kind == verifier.StepSpill && len(s.Sources) > 0 && s.Before.Types != verifier.TypeNumber && s.Before.Types != 0 &&
			off <= last && first < off+int64(s.Subject.Size) {
			return d.what(s.Before)
		}
	}
	return ""
}

func byteCount(n int64) string {
	if n == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}

// unwritten returns the first run of bytes from lo to hi that are in none of the
// ranges.
func unwritten(written []verifier.Range, lo, hi int64) (first, last int64, ok bool) {
	for b := lo; b <= hi; b++ {
		in := false
		for _, r := range written {
			if r.Lo <= b && b <= r.Hi {
				in = true
				b = min(r.Hi, hi)
				break
			}
		}
		switch {
		case !in && !ok:
			first, last, ok = b, b, true
		case !in:
			last = b
		case ok:
			return first, last, true
		}
	}
	return first, last, ok
}

// member says which members of the map's key or value lie there, or that it is
// padding: " (padding after proto)". It is empty where the type is not known.
func (d *describer) member(first, last int64) string {
	c := d.u.check
	if c.Kind != verifier.CheckMapKeyValue || c.Other < 0 {
		return ""
	}
	fd := registerValue(d.state, c.Other).MapFD
	for _, m := range d.Object.Maps {
		if fd.LoInf || fd.Lo != fd.Hi || int64(m.FD) != fd.Lo {
			continue
		}
		t := m.ValueType
		if c.Key {
			t = m.KeyType
		}
		if t == "" {
			return ""
		}
		s, err := d.Object.Struct(strings.TrimPrefix(t, "struct "))
		if err != nil || s.Union {
			return ""
		}
		return membersAt(s, first, last)
	}
	return ""
}

// membersAt says which members of a structure lie at bytes, or which padding.
func membersAt(s *elfbpf.Struct, first, last int64) string {
	before := ""
	var names []string
	for _, m := range s.Members {
		switch lo, hi := int64(m.Offset), int64(m.Offset+m.Size-1); {
		case hi < first:
			before = m.Name
		case lo > first && names == nil && lo <= last:
			return "" // padding, and more
		case lo <= last:
			names = append(names, m.Name)
		}
	}
	switch {
	case len(names) > 4:
		return ""
	case len(names) > 1:
		return " (members " + listed(names) + ")"
	case len(names) == 1:
		return " (member " + names[0] + ")"
	case before != "":
		return " (padding after " + before + ")"
	}
	return ""
}

// argumentBytes returns the bytes that a helper reads through the argument.
func (d *describer) argumentBytes() (lo, hi int64, exact, known bool) {
	c := d.u.check
	if c.Kind != verifier.CheckMapKeyValue {
		return d.reach()
	}
	off := d.value.Offset
	if d.state == nil || c.Other < 0 || off.LoInf || off.HiInf {
		return 0, 0, false, false
	}
	fd := registerValue(d.state, c.Other).MapFD
	for _, m := range d.Object.Maps {
		if fd.LoInf || fd.Lo != fd.Hi || int64(m.FD) != fd.Lo {
			continue
		}
		size := int64(m.ValueSize)
		if c.Key {
			size = int64(m.KeySize)
		}
		return off.Lo, off.Hi + size - 1, off.Lo == off.Hi, true
	}
	return 0, 0, false, false
}

var typeWords = []struct {
	t    verifier.TypeSet
	text string
}{
	{verifier.TypeUninit, "a variable that was never set"},
	{verifier.TypeMapPrograms, "a map of programs"},
	{verifier.TypeMap, "a map"},
	{verifier.TypeNumber, "a number"},
	{verifier.TypeContext, "a pointer to the context"},
	{verifier.TypePacket, "a pointer into the packet"},
	{verifier.TypeStack, "a pointer to the stack"},
	{verifier.TypeShared, "a pointer to a map value"},
	{verifier.TypeSocket, "a pointer to a socket"},
	{verifier.TypeBTFID, "a pointer to a kernel object"},
	{verifier.TypeAllocMem, "a pointer to allocated memory"},
	{verifier.TypeFunction, "a function"},
}

// what says what a value is: "the number 0", "a pointer into the packet or a number".
func (d *describer) what(v verifier.Value) string {
	if v.Types == verifier.TypeNumber {
		s := v.Signed
		switch {
		case s.LoInf || s.HiInf || s.LoWide || s.HiWide:
			return "a number"
		case s.Lo == s.Hi:
			return "the number " + strconv.FormatInt(s.Lo, 10)
		}
		return fmt.Sprintf("a number between %d and %d", s.Lo, s.Hi)
	}
	if v.Types == verifier.TypeMap || v.Types == verifier.TypeMapPrograms {
		if m := d.mapByFD(v.MapFD); m != "" {
			return "the map " + m
		}
	}
	if n := bits.OnesCount16(uint16(v.Types & verifier.TypeAny)); n == 0 || n > 4 {
		return "a value that may never have been set, or whose kind is not known"
	}
	var parts []string
	for _, w := range typeWords {
		if v.Types&w.t != 0 {
			parts = append(parts, w.text)
		}
	}
	return strings.Join(parts, " or ")
}
