package repair

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"bpfls/csource"
	"bpfls/explain"
	"bpfls/isa"
	"bpfls/verifier"
)

// fact is something that would make a check hold: in C, and as a premise before the
// check's instruction.
type fact struct {
	text    string
	premise verifier.Premise
	// names are the variables of text: it can be stated where all are declared.
	names []string
}

// missing finds the fact that is missing: one that, assumed before the instruction,
// makes the check hold; and the outermost line where stating it suffices.
func (w *worker) missing(ctx context.Context) error {
	if !w.found || w.state == nil {
		return nil
	}
	slot := w.finding.Instruction
	for _, f := range w.facts() {
		if f.text == "" {
			continue
		}
		ok, err := w.holds(ctx, verifier.Assumption{Slot: slot, Premise: &f.premise})
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		w.finding.MissingFact = f.text
		at, err := w.outermost(ctx, f)
		w.finding.Evidence.FactAt = at
		return err
	}
	return nil
}

// facts lists what might be missing, the most natural first.
func (w *worker) facts() []fact {
	c := w.check
	reg := func(k verifier.TermKind, r int8) verifier.Term { return verifier.Term{Kind: k, Reg: r} }
	size := verifier.Term{Kind: verifier.TermPacketSize}
	var out []fact
	add := func(text string, p verifier.Premise, names ...string) { out = append(out, fact{text, p, names}) }
	switch c.Kind {
	case verifier.CheckAccess:
		out = append(out, w.nullFact(c.Reg)...)
		lo, hi, known := w.bytes()
		switch w.value.Types &^ verifier.TypeNumber {
		case verifier.TypePacket:
			out = append(out, w.lowerFacts()...)
			end := w.endName()
			if text := w.behindAccess(); text != "" && end != "" && w.value.Offset.Lo != w.value.Offset.Hi && c.Other < 0 {
				add(text+" <= "+end, verifier.Premise{A: reg(verifier.TermOffset, c.Reg), B: size, C: -int64(c.Offset) - int64(c.Width)}, text, end)
			}
			if start := w.startName(); known && hi < maxPacket && start != "" && end != "" {
				add(fmt.Sprintf("%s + %d <= %s", start, hi+1, end), verifier.Premise{B: size, C: -(hi + 1)}, start, end)
			}
		case verifier.TypeShared, verifier.TypeAllocMem, verifier.TypeStack:
			out = append(out, w.indexFacts(lo, known)...)
		}
		if c.Other >= 0 {
			if limit, text := w.sizeLimit(), w.argument(c.Other); limit >= 0 && text != "" && !w.constant(c.Other) {
				add(fmt.Sprintf("%s <= %d", text, limit), verifier.Premise{A: reg(verifier.TermSigned, c.Other), C: limit}, text)
			}
		}
		out = append(out, w.setFacts()...)
	case verifier.CheckSize:
		if text := w.argument(c.Reg); text != "" {
			least := int64(1)
			if strings.Contains(c.Text, ">= 0") {
				least = 0
			}
			add(fmt.Sprintf("%s >= %d", text, least), verifier.Premise{B: reg(verifier.TermSigned, c.Reg), C: -least}, text)
		}
	case verifier.CheckDivisor:
		if text := w.divisor(); text != "" {
			add(text+" != 0", verifier.Premise{B: reg(verifier.TermUnsigned, c.Reg), C: -1}, text)
		}
	case verifier.CheckMapKeyValue:
		out = append(out, w.nullFact(c.Reg)...)
		out = append(out, w.setFacts()...)
	case verifier.CheckType:
		out = append(out, w.nullFact(c.Reg)...)
		if w.value.Types&verifier.TypeUninit != 0 && c.Types != 0 && w.file != nil {
			if e := w.file.Uncast(w.at); simple(w.file, e) {
				add(w.file.TextOf(e)+" is set", verifier.Premise{A: reg(verifier.TermZero, c.Reg), Types: c.Types}, w.file.TextOf(e))
			}
		}
	}
	return out
}

// nullFact says that a pointer is not null.
func (w *worker) nullFact(r int8) []fact {
	if w.finding.Code != "BPF-maybe-null" && !(w.value.Types&(verifier.TypeShared|verifier.TypeSocket|verifier.TypeAllocMem) != 0 && !w.value.Unsigned.LoInf && w.value.Unsigned.Lo <= 0) {
		return nil
	}
	if w.file == nil {
		return nil
	}
	e := w.file.Uncast(w.at)
	member := false
	for e.First < e.Last {
		switch {
		case w.file.IsCast(e.First):
			e.First = w.file.Match(e.First) + 1
			continue
		case w.file.Is(e.First, "*", "(", "&"):
			member = member || w.file.Is(e.First, "&")
			e.First++
			continue
		}
		break
	}
	if member || !simple(w.file, e) { // &e->member: e is the pointer
		e.Last = e.First
	}
	name := w.file.TextOf(e)
	if !w.file.IsIdent(e.First) || w.file.Is(e.First+1, "(") || w.file.Macros[name] {
		return nil // a call or a macro: it has no name that could be compared
	}
	return []fact{{name + " != NULL", verifier.Premise{B: verifier.Term{Kind: verifier.TermUnsigned, Reg: r}, C: -1}, []string{name}}}
}

// lowerFacts say that an index is not negative, where it is the lower end of the access
// that was not proven.
func (w *worker) lowerFacts() []fact {
	var out []fact
	for _, index := range w.lowIndices() {
		text := w.file.TextOf(index)
		out = append(out, fact{text + " >= 0", verifier.Premise{B: verifier.Term{Kind: verifier.TermOffset, Reg: w.check.Reg}, C: int64(w.check.Offset)}, []string{text}})
	}
	return out
}

// lowIndices are the indices of the finding's expression, the last one first, where it is
// bounded above and may lie before the memory.
func (w *worker) lowIndices() []csource.Span {
	f, off := w.file, w.value.Offset
	if f == nil || !w.found || w.check.Kind != verifier.CheckAccess || !strings.Contains(w.finding.VerifierMessage, ": Lower bound") ||
		off.HiInf || off.HiWide || !off.LoInf && off.Lo == off.Hi {
		return nil
	}
	var out []csource.Span
	for i := w.at.Last; i >= w.at.First; i-- {
		index := csource.Span{First: i + 1, Last: f.Match(i) - 1}
		if f.Is(i, "[") && index.OK() && variable(f, index) && !effects(f, index) {
			out = append(out, index)
		}
	}
	return out
}

// variable reports whether an expression mentions a name that is no macro's.
func variable(f *csource.File, e csource.Span) bool {
	for i := e.First; i <= e.Last; i++ {
		if f.IsIdent(i) && !f.Macros[f.Str(i)] {
			return true
		}
	}
	return false
}

// indexFacts bound the index of an array by the bytes that there are.
func (w *worker) indexFacts(lo int64, known bool) []fact {
	f := w.file
	if f == nil || w.check.Other >= 0 {
		return nil
	}
	c := w.check
	var out []fact
	for i := w.at.Last; i >= w.at.First; i-- {
		if !f.Is(i, "[") || f.Match(i) < 0 {
			continue
		}
		index := csource.Span{First: i + 1, Last: f.Match(i) - 1}
		if f.Tokens[index.First].Kind == csource.Number && index.First == index.Last {
			continue
		}
		text := f.TextOf(index)
		limit, _ := w.length(i)
		if limit == "" {
			continue
		}
		offset := verifier.Term{Kind: verifier.TermOffset, Reg: c.Reg}
		if region := w.value.Region; w.value.Types&verifier.TypeStack == 0 && !region.LoInf {
			most := region.Lo - int64(c.Offset) - int64(c.Width)
			if known && lo < 0 || w.value.Offset.LoInf {
				out = append(out, fact{text + " >= 0", verifier.Premise{B: offset, C: int64(c.Offset)}, []string{text}})
			}
			out = append(out, fact{text + " < " + limit, verifier.Premise{A: offset, C: most}, []string{text}})
		}
	}
	return out
}

// sizeLimit is the number of bytes that a helper may access through the pointer.
func (w *worker) sizeLimit() int64 {
	v := w.value
	if !finite(v.Offset) {
		return -1
	}
	switch {
	case v.Types == verifier.TypeStack:
		return -v.Offset.Hi + w.state.Register(10).Offset.Hi
	case (v.Types == verifier.TypeShared || v.Types == verifier.TypeAllocMem) && !v.Region.LoInf:
		return v.Region.Lo - v.Offset.Hi
	}
	return -1
}

// constant reports whether a register holds one number always: comparing it proves
// nothing.
func (w *worker) constant(r int8) bool {
	v := w.state.Register(int(r))
	return v.Types == verifier.TypeNumber && finite(v.Signed) && v.Signed.Lo == v.Signed.Hi
}

// argument is the C text of an argument of the call at the finding.
func (w *worker) argument(r int8) string {
	_, args := w.call()
	if r < 1 || int(r) > len(args) {
		return ""
	}
	return w.file.TextOf(args[r-1])
}

// divisor is the C text of what the expression divides by.
func (w *worker) divisor() string {
	if w.file == nil {
		return ""
	}
	for i := w.at.First + 1; i <= w.at.Last; i++ {
		if w.file.Is(i, "/", "%", "/=", "%=") {
			return w.file.TextOf(csource.Span{First: i + 1, Last: w.file.UnaryEnd(i + 1)})
		}
	}
	return ""
}

// setFacts says that bytes on the stack are set which a helper reads.
func (w *worker) setFacts() []fact {
	if w.value.Types != verifier.TypeStack || !finite(w.value.Offset) || w.value.Offset.Lo != w.value.Offset.Hi || w.file == nil {
		return nil
	}
	lo, hi, known := w.bytes()
	if w.check.Kind == verifier.CheckMapKeyValue {
		size, ok := w.mapSize()
		if !ok {
			return nil
		}
		lo = w.value.Offset.Lo
		hi, known = lo+size-1, true
	}
	top := w.state.Register(10).Offset.Lo
	if !known {
		return nil
	}
	first, last := int64(0), int64(-1)
	for b := lo; b <= hi; b++ {
		set := slices.ContainsFunc(w.state.NumericBytes(), func(r verifier.Range) bool { return r.Lo <= b-top && b-top <= r.Hi })
		if !set {
			if last < first {
				first = b
			}
			last = b
		}
	}
	if last < first {
		return nil
	}
	name := strings.TrimPrefix(w.file.TextOf(w.file.Uncast(w.at)), "&")
	text := name + " is set"
	switch {
	case first == lo && last == hi:
	case first == last:
		text = fmt.Sprintf("byte %d of %s is set", first-lo, name)
	default:
		text = fmt.Sprintf("bytes %d to %d of %s are set", first-lo, last-lo, name)
	}
	return []fact{{text, verifier.Premise{Numbers: verifier.Range{Lo: first - top, Hi: last - top}}, []string{name}}}
}

// mapSize is the size of the key or value that the check is about.
func (w *worker) mapSize() (int64, bool) {
	if w.check.Other < 0 {
		return 0, false
	}
	fd := w.state.Register(int(w.check.Other)).MapFD
	for _, m := range w.s.Object.Maps {
		if finite(fd) && fd.Lo == fd.Hi && int64(m.FD) == fd.Lo {
			if w.check.Key {
				return int64(m.KeySize), true
			}
			return int64(m.ValueSize), true
		}
	}
	return 0, false
}

// maxPacket is how long a packet is at most: a check of more bytes never holds.
const maxPacket = 65535

// behindAccess is the C expression for the end of what is accessed.
func (w *worker) behindAccess() string {
	f := w.file
	if f == nil || w.fn == nil {
		return ""
	}
	a := f.Unparen(w.at)
	if bracket := a.Last; f.Is(bracket, "]") && f.Match(bracket) > a.First {
		base := csource.Span{First: a.First, Last: f.Match(bracket) - 1}
		index := csource.Span{First: f.Match(bracket) + 1, Last: bracket - 1}
		if w.bytePointer(base) && !effects(f, index) {
			return f.TextOf(base) + " + " + next(f, index)
		}
	}
	if f.Is(a.First, "*") {
		return "(void *)(" + next(f, csource.Span{First: a.First + 1, Last: a.Last}) + ")"
	}
	if _, _, _, binary := f.Binary(a); binary || !f.Is(a.Last, "]") && !f.Is(a.Last-1, "->", ".") {
		return "" // no part of the packet: the access itself was not found
	}
	return "(void *)(&" + f.TextOf(a) + " + 1)"
}

// endName and startName are how the source calls the packet's end and start: in the
// finding's function, else in the program's.
func (w *worker) endName() string {
	return w.inEither(func() string { return first(w.ends(w.fn, w.stmt)) })
}
func (w *worker) startName() string { return w.inEither(w.startText) }

func first(ends []end) string {
	if len(ends) == 0 {
		return ""
	}
	return ends[0].text
}

func (w *worker) startText() string {
	if d := w.start(); d != nil {
		return w.file.Str(d.Name)
	}
	return ""
}

func (w *worker) inEither(name func() string) string {
	if w.fn == nil || w.stmt == nil {
		return ""
	}
	if text := name(); text != "" {
		return text
	}
	fn, st := w.fn, w.stmt
	defer func() { w.fn, w.stmt = fn, st }()
	for _, g := range w.file.Functions {
		if w.file.Str(g.Name) == w.s.Report.Function && g != fn && len(g.Body.List) > 0 {
			w.fn, w.stmt = g, g.Body.List[len(g.Body.List)-1]
			return name()
		}
	}
	return ""
}

// outermost finds the first line on the way to the check where stating the fact
// suffices; Line 0 where that is the finding's own line or none is known.
func (w *worker) outermost(ctx context.Context, f fact) (explain.Range, error) {
	slot := w.finding.Instruction
	places := w.dominators(slot, f)
	lo, hi := 0, len(places) // places[hi:] suffice
	for lo < hi {
		mid := (lo + hi) / 2
		p := f.premise
		if p.A.Kind != verifier.TermZero && p.A.Kind != verifier.TermPacketSize {
			p.A.Reg = places[mid].reg
		}
		if p.B.Kind != verifier.TermZero && p.B.Kind != verifier.TermPacketSize {
			p.B.Reg = places[mid].reg
		}
		ok, err := w.holds(ctx, verifier.Assumption{Slot: places[mid].slot, Premise: &p})
		if err != nil {
			return explain.Range{}, err
		}
		if ok {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	if hi >= len(places) {
		return explain.Range{}, nil
	}
	r := w.lineRange(places[hi].slot)
	if r.File == w.finding.Range.File && r.Line == w.finding.Range.Line {
		return explain.Range{}, nil
	}
	return r, nil
}

// stated is a place where a fact can be stated.
type stated struct {
	slot int
	reg  int8 // that holds the value there
}

// dominators lists the instructions that every way to slot passes and where the fact's
// variables are declared, in order. Where it is about a register, only those behind
// which the register's value does not change are listed.
func (w *worker) dominators(slot int, f fact) []stated {
	if len(w.point.CallPath) > 0 || f.premise.Types != 0 || f.premise.Numbers.Lo < 0 {
		return nil
	}
	reg := int8(-1)
	for _, t := range []verifier.Term{f.premise.A, f.premise.B} {
		if t.Kind != verifier.TermZero && t.Kind != verifier.TermPacketSize {
			reg = t.Reg
		}
	}
	behind := w.declared(f)
	var out []stated
	for d := slot - 1; d >= 0 && len(out) < 400; d-- {
		in := w.insts[d]
		if in.Slots == 0 {
			continue
		}
		if reg >= 0 && isa.BinOp(in.Op) == isa.Mov && in.Kind == isa.Bin && in.Is64 && !in.UseImm && int8(in.Dst) == reg {
			reg = int8(in.Src)
		} else if reg >= 0 && changes(in, reg) {
			break
		}
		if w.reach(0, d)[slot] {
			continue
		}
		r := w.lineRange(d)
		if r.Line == 0 || r.File != behind.File || r.Line <= behind.Line {
			continue
		}
		out = append(out, stated{d, reg})
	}
	slices.Reverse(out)
	return out
}

// changes reports whether an instruction gives a register a new value.
func changes(in isa.Inst, reg int8) bool {
	switch in.Kind {
	case isa.Call, isa.CallBuiltin, isa.CallBTF, isa.CallX, isa.CallLocal, isa.Packet:
		return reg <= 5
	case isa.Bin, isa.Un, isa.LoadMapFD, isa.LoadMapAddress, isa.LoadPseudo, isa.Load:
		return int8(in.Dst) == reg
	case isa.Atomic:
		return in.Fetch && (int8(in.Src) == reg || reg == 0)
	}
	return false
}

// declared returns the last line that declares a variable of the fact, in the
// program's function or the finding's.
func (w *worker) declared(f fact) explain.Range {
	out := explain.Range{File: w.path}
	if w.file == nil {
		return out
	}
	for _, g := range w.file.Functions {
		if g != w.fn && w.file.Str(g.Name) != w.s.Report.Function {
			continue
		}
		for _, text := range f.names {
			for i := g.First; i <= g.Last; i++ {
				if !w.file.IsIdent(i) || !mentionsWord(text, w.file.Str(i)) {
					continue
				}
				if d, _ := declarator(w.file, g, w.file.Str(i)); d != nil && d.Name == i {
					out.Line = max(out.Line, lineOf(w.file, d.Whole.Last))
				}
			}
		}
	}
	return out
}

// mentionsWord reports whether an identifier stands in a text.
func mentionsWord(text, word string) bool {
	for _, part := range strings.FieldsFunc(text, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) {
		if part == word {
			return true
		}
	}
	return false
}

// lineRange is the line of an instruction, by its path in reports.
func (w *worker) lineRange(slot int) explain.Range {
	info, ok := w.s.Program.Line(slot)
	if !ok || info.Line == 0 {
		return explain.Range{}
	}
	path := info.File
	if w.s.Path != nil {
		path = w.s.Path(path)
	}
	return explain.Range{File: path, Line: info.Line, Column: 1, EndLine: info.Line, EndColumn: 1}
}
