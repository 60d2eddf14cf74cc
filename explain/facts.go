package explain

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bpfls/elfbpf"
	"bpfls/isa"
	"bpfls/verifier"
)

// NamedFact is what the verifier knows of one value, under its name in C.
type NamedFact struct {
	Name     string // "data", "key.port"; a register's ("r1") where C has none for it
	Variable string // that Name begins with; empty if none
	Named    bool   // Name is a C name
	// Where is the register or stack bytes that hold the value: "r1", "r10-8"; empty of
	// what has no place.
	Where string
	// Text says what is known: "packet + 0, at least 14 bytes to data_end (line 11)".
	Text      string
	Mentioned bool // the source line has the variable
	Value     verifier.Value
}

// LineState is what the verifier knows around a line or an expression.
type LineState struct {
	Slots          []int // the instructions, in order
	Checks, Proven int   // all copies
	Reached        bool  // false: dead for the verifier
	Copies         int   // copies of the first instruction, one for each way of calls
	// Before and After are the states before the first and behind the last of the
	// instructions, in the first copy that is reached; Changed is what of After was
	// different before, or not known. What the line mentions comes first.
	Before, After, Changed []NamedFact
	// Registers, Stack and Packet are the state before as the verifier has it.
	Registers, Stack []RawFact
	Packet           string // "packet_size >= 14"; empty: nothing is known
	Lookups          []MapLookup
}

// RawFact is a register or a place on the stack and what is known of it.
type RawFact struct{ Name, Value string }

// LineAt tells what is known of the given instructions of a program: those of a C
// line, or of one expression of it. It replays states, and so is not for the way of a
// save.
func LineAt(in Input, slots []int) LineState {
	s := LineState{Slots: slots}
	if in.Result == nil || in.Program == nil || len(slots) == 0 {
		return s
	}
	e := newExplainer(in)
	for _, slot := range slots {
		for _, point := range in.Result.Points(slot) {
			for _, c := range in.Result.Checks(point) {
				s.Checks++
				if c.Proven {
					s.Proven++
				}
			}
			if state := in.Result.Before(point); state != nil && !state.Bottom() {
				s.Reached = true
			}
		}
	}
	points := in.Result.Points(slots[0])
	s.Copies = len(points)
	for _, point := range points {
		state := in.Result.Before(point)
		if state == nil || state.Bottom() {
			continue
		}
		w := &factWriter{explainer: e, point: point, state: state}
		s.Before = w.named(slots[0])
		s.Registers, s.Stack, s.Packet = w.raw()
		e.behind(&s, point)
		break
	}
	for _, l := range e.lookups() {
		if slices.Contains(slots, l.Slot) {
			s.Lookups = append(s.Lookups, l)
		}
	}
	return s
}

// behind fills in After and Changed.
func (e *explainer) behind(s *LineState, first verifier.Point) {
	slot := s.Slots[len(s.Slots)-1]
	if slot < 0 || slot >= len(e.insts) {
		return
	}
	last := verifier.Point{Slot: slot, CallPath: first.CallPath}
	state := e.Result.After(last)
	if state == nil || state.Bottom() {
		return
	}
	at := slot
	if in := e.insts[slot]; in.Kind != isa.Jump && in.Kind != isa.Exit {
		at += max(int(in.Slots), 1)
	}
	w := &factWriter{explainer: e, point: verifier.Point{Slot: min(at, len(e.insts)-1), CallPath: first.CallPath}, state: state}
	s.After = w.named(s.Slots[0])
	before := map[string]string{}
	for _, f := range s.Before {
		before[f.Name] = f.Text
	}
	for _, f := range s.After {
		if text, ok := before[f.Name]; f.Named && (!ok || text != f.Text) {
			s.Changed = append(s.Changed, f)
		}
	}
}

// factWriter puts a state into words.
type factWriter struct {
	*explainer
	point verifier.Point
	state verifier.State
}

// named lists what is known of registers, stack cells and constants under their C
// names; line is an instruction of the line whose words come first.
func (w *factWriter) named(line int) []NamedFact {
	var facts []NamedFact
	seen := map[string]bool{}
	n := w.namer()
	add := func(f NamedFact) {
		if f.Text == "" || seen[f.Name] {
			return
		}
		seen[f.Name] = true
		f.Mentioned = f.Variable != "" && n.mentioned(line, f.Variable)
		facts = append(facts, f)
	}
	for r := range 10 {
		v := w.state.Register(r)
		f := NamedFact{Name: fmt.Sprintf("r%d", r), Where: fmt.Sprintf("r%d", r), Value: v}
		if name, ok := n.Register(w.point, r); ok {
			if strings.HasPrefix(name.Expr, "&") || v.Types == verifier.TypeStack {
				continue // where an object lies is no news
			}
			f.Name, f.Variable, f.Named = name.Expr, name.Variable, true
		}
		f.Text = w.value(r, v)
		add(f)
	}
	for _, c := range w.state.Cells() {
		f := NamedFact{Name: fmt.Sprintf("r10%+d", c.Offset), Where: fmt.Sprintf("r10%+d", c.Offset), Value: c.Value}
		if name, ok := n.Stack(w.point, c.Offset, c.Size); ok {
			f.Name, f.Variable, f.Named = name.Expr, name.Variable, true
		}
		f.Text = w.value(-1, c.Value)
		add(f)
	}
	w.variables(n, add)
	slices.SortStableFunc(facts, func(a, b NamedFact) int {
		rank := func(f NamedFact) int {
			switch {
			case f.Mentioned:
				return 0
			case f.Named:
				return 1
			}
			return 2
		}
		return rank(a) - rank(b)
	})
	return facts
}

// variables adds constants that have no register, and what is not written of the
// variables on the stack.
func (w *factWriter) variables(n *Namer, add func(NamedFact)) {
	_, offset := w.address(w.point.Slot)
	n.visible(w.point.Slot, func(_ int, v *elfbpf.Variable) {
		for _, l := range v.Locations(offset) {
			switch {
			case l.Size > 0:
			case l.Kind == elfbpf.IsConstant:
				add(NamedFact{Name: v.Name, Variable: v.Name, Named: true, Text: strconv.FormatInt(constantOf(v.Type, l.Constant), 10)})
			case l.Kind == elfbpf.InMemory && l.Register == int(isa.R10) && v.Type != nil && v.Type.Size > 0 && l.Offset >= -512 && l.Offset < 0 && n.mentioned(w.point.Slot, v.Name):
				first, last, ok := unwritten(w.state.NumericBytes(), l.Offset, l.Offset+v.Type.Size-1)
				f := NamedFact{Name: v.Name, Variable: v.Name, Named: true, Where: fmt.Sprintf("r10%+d", l.Offset)}
				switch {
				case !ok:
					f.Text = byteCount(v.Type.Size) + ", all written"
				case first == l.Offset && last == l.Offset+v.Type.Size-1:
					f.Text = byteCount(v.Type.Size) + ", never written, or not numbers"
				default:
					f.Text = fmt.Sprintf("%s, of which %s were never written, or are not numbers", byteCount(v.Type.Size), byteRange(first-l.Offset, last-l.Offset))
				}
				add(f)
			}
		}
	})
}

// constantOf is a constant as its type reads it.
func constantOf(t *elfbpf.CType, c int64) int64 {
	if t == nil || t.Size <= 0 || t.Size >= 8 {
		return c
	}
	shift := 64 - 8*uint(t.Size)
	if t.Signed {
		return c << shift >> shift
	}
	return int64(uint64(c) << shift >> shift)
}

// value says what is known of a register, or of a value elsewhere (-1); empty where
// that is nothing.
func (w *factWriter) value(reg int, v verifier.Value) string {
	switch v.Types {
	case verifier.TypeNumber:
		text := numberText(v)
		if reg >= 0 {
			text += w.turns(reg)
		}
		return text
	case verifier.TypePacket:
		text := "packet" + offsetText(v.Offset)
		size := w.state.PacketSize()
		if !size.LoInf && finite(v.Offset) && size.Lo > v.Offset.Hi {
			text += fmt.Sprintf(", at least %s to data_end", byteCount(size.Lo-v.Offset.Hi))
			if line := w.checkedAt(size.Lo); line > 0 {
				text += fmt.Sprintf(" (line %d)", line)
			}
		}
		return text
	case verifier.TypeContext:
		if n, ok := singleton(v.Offset); ok && n == 0 {
			return "the context"
		}
		return "context" + offsetText(v.Offset)
	case verifier.TypeShared:
		text := "map value"
		if reg >= 0 {
			if call, ok := w.origin(w.point.Slot, reg); ok {
				if m := w.mapAt(call); m != "" {
					text = "value of map " + m
				}
			}
		}
		text += offsetText(v.Offset)
		if size, ok := singleton(v.Region); ok {
			text += fmt.Sprintf(" of %s", byteCount(size))
		}
		if mayBeNull(v) {
			text += ", or null"
		}
		return text
	case verifier.TypeMap, verifier.TypeMapPrograms:
		if m := w.mapByFD(v.MapFD); m != "" {
			return "map " + m
		}
		return "a map"
	case verifier.TypeStack:
		if offset, ok := singleton(v.Offset); ok {
			if frame, ok := singleton(w.state.Register(10).Offset); ok {
				return fmt.Sprintf("stack, r10%+d", offset-frame)
			}
		}
		return "stack" + offsetText(v.Offset)
	case verifier.TypeAllocMem:
		text := "allocated memory" + offsetText(v.Offset)
		if mayBeNull(v) {
			text += ", or null"
		}
		return text
	}
	if v.Types&verifier.TypeUninit != 0 {
		return ""
	}
	var parts []string
	for _, t := range typeWords {
		if v.Types&t.t != 0 {
			parts = append(parts, t.text)
		}
	}
	return strings.Join(parts, " or ")
}

// mayBeNull reports whether an address can be 0.
func mayBeNull(v verifier.Value) bool { return v.Unsigned.LoInf || v.Unsigned.Lo <= 0 }

func finite(r verifier.Range) bool { return !r.LoInf && !r.HiInf && !r.LoWide && !r.HiWide }

func singleton(r verifier.Range) (int64, bool) { return r.Lo, finite(r) && r.Lo == r.Hi }

func offsetText(r verifier.Range) string {
	switch {
	case !finite(r):
		return " + an unknown offset"
	case r.Lo == r.Hi && r.Lo < 0:
		return fmt.Sprintf(" - %d", -r.Lo)
	case r.Lo == r.Hi:
		return fmt.Sprintf(" + %d", r.Lo)
	}
	return fmt.Sprintf(" + %d to %d", r.Lo, r.Hi)
}

// numberText is "0 to 63".
func numberText(v verifier.Value) string {
	r := v.Signed
	if !finite(r) || r.Lo == -1<<63 && r.Hi == 1<<63-1 {
		r = v.Unsigned
	}
	switch {
	case finite(r) && r.Lo == r.Hi:
		return strconv.FormatInt(r.Lo, 10)
	case finite(r):
		return fmt.Sprintf("%d to %d", r.Lo, r.Hi)
	case !r.LoInf && !r.LoWide && r.Lo > 0:
		return fmt.Sprintf("at least %d", r.Lo)
	case !v.Signed.HiInf && !v.Signed.HiWide && v.Signed.Hi < 1<<63-1:
		return fmt.Sprintf("at most %d", v.Signed.Hi)
	}
	return "any number"
}

// mostFactWork bounds the instructions that are looked at for one fact.
const mostFactWork = 2000

// before is the state before an instruction of the writer's copy.
func (w *factWriter) before(slot int) verifier.State {
	s := w.Result.Before(verifier.Point{Slot: slot, CallPath: w.point.CallPath})
	if s == nil || s.Bottom() {
		return nil
	}
	return s
}

// checkedAt returns the line of the comparison that proved the packet to have size
// bytes, where one did on every way; 0 if there is none.
func (w *factWriter) checkedAt(size int64) int {
	has := func(slot int) bool {
		s := w.before(slot)
		return s != nil && !s.PacketSize().LoInf && s.PacketSize().Lo >= size
	}
	from := w.flow()
	seen := map[int]bool{w.point.Slot: true}
	work := []int{w.point.Slot}
	found := 0
	for len(work) > 0 {
		slot := work[len(work)-1]
		work = work[:len(work)-1]
		before := from.before(slot)
		for _, f := range before {
			at := int(f)
			if len(before) == 1 && !seen[at] && keepsPacket(w.insts[at].Kind) && len(seen) < mostFactWork {
				// What holds behind it holds before it: no need to replay.
				seen[at] = true
				work = append(work, at)
				continue
			}
			if seen[at] || w.before(at) == nil {
				continue
			}
			seen[at] = true
			if len(seen) > mostFactWork {
				return 0
			}
			if has(at) {
				work = append(work, at)
				continue
			}
			l, ok := w.Program.Line(at)
			if !ok || l.Line == 0 || w.insts[at].Kind != isa.Jump || found != 0 && found != l.Line {
				return 0
			}
			found = l.Line
		}
	}
	return found
}

// keepsPacket reports whether instructions of a kind leave alone what is known of the
// packet's size.
func keepsPacket(k isa.Kind) bool {
	switch k {
	case isa.Bin, isa.Un, isa.LoadMapFD, isa.LoadMapAddress, isa.LoadPseudo, isa.Load, isa.Store, isa.Atomic:
		return true
	}
	return false
}

// loop is a run of instructions that ends with a jump back to its first.
type loop struct{ head, last int }

// loops lists the loops of the code, the innermost of nested ones first.
func (e *explainer) loops() []loop {
	last := map[int]int{}
	for slot, in := range e.insts {
		if in.Kind == isa.Jump && int(in.Target) <= slot && in.Target >= 0 {
			last[int(in.Target)] = max(last[int(in.Target)], slot)
		}
	}
	var out []loop
	for head, end := range last {
		out = append(out, loop{head, end})
	}
	slices.SortFunc(out, func(a, b loop) int {
		if d := (a.last - a.head) - (b.last - b.head); d != 0 {
			return d
		}
		return a.head - b.head
	})
	return out
}

// turnsOf returns how often a loop turns at most, as the verifier counts; -1 if that is
// not known.
func (w *factWriter) turnsOf(l loop) int {
	if w.Result.LoopBound < 0 || l.last-l.head > mostFactWork {
		return -1
	}
	prefix := fmt.Sprintf("pc[%d]=", l.head)
	most := int64(-1)
	for slot := l.head; slot <= l.last; slot++ {
		s := w.before(slot)
		if s == nil {
			continue
		}
		for _, text := range s.Strings() {
			if rest, ok := strings.CutPrefix(text, prefix); ok {
				rest = strings.TrimSuffix(rest[strings.LastIndexByte(rest, ' ')+1:], "]")
				if n, err := strconv.ParseInt(rest, 10, 64); err == nil {
					most = max(most, n)
				}
			}
		}
	}
	if most < 0 || len(w.loops()) == 1 {
		return w.Result.LoopBound
	}
	return int(min(most, 1<<31-1))
}

// turns adds to a number what bounds the loop that it counts: "; at most 64 turns;
// bound from i < 64 (line 20)". It is empty where the number decides about no end of a
// loop around the point.
func (w *factWriter) turns(reg int) string {
	name, ok := w.namer().Register(w.point, reg)
	if !ok || name.Variable == "" {
		return ""
	}
	for _, l := range w.loops() {
		if w.point.Slot < l.head || w.point.Slot > l.last {
			continue
		}
		for slot := l.head; slot <= l.last; slot++ {
			in := w.insts[slot]
			if in.Kind != isa.Jump || !in.Cond {
				continue
			}
			leaves := int(in.Target) < l.head || int(in.Target) > l.last || slot == l.last
			if !leaves || !w.compares(slot, in, name.Variable) {
				continue
			}
			turns := w.turnsOf(l)
			if turns <= 0 {
				return ""
			}
			text := fmt.Sprintf("; at most %d turns", turns)
			if turns == 1 {
				text = "; at most 1 turn"
			}
			r, _, spelling := w.locate(slot, wantOperator, 0)
			if header := strings.Split(spelling, ";"); len(header) == 3 {
				spelling = strings.TrimSpace(header[1]) // of a for its condition
			}
			if containsWord(spelling, name.Variable) && len(spelling) <= longestSubject {
				text += fmt.Sprintf("; bound from %s (line %d)", spelling, r.Line)
			}
			return text
		}
		return ""
	}
	return ""
}

// compares reports whether a branch is about a variable.
func (w *factWriter) compares(slot int, in isa.Inst, variable string) bool {
	at := verifier.Point{Slot: slot, CallPath: w.point.CallPath}
	if n, ok := w.namer().Register(at, int(in.Dst)); ok && containsWord(n.Expr, variable) {
		return true
	}
	if !in.UseImm {
		if n, ok := w.namer().Register(at, int(in.Src)); ok && containsWord(n.Expr, variable) {
			return true
		}
	}
	_, _, spelling := w.locate(slot, wantOperator, 0)
	return containsWord(spelling, variable)
}

// FunctionFacts are the facts of a C function of a program that has code of its own.
type FunctionFacts struct {
	Name         string
	File         string // empty without line info
	Line         int
	Instructions int // 8-byte slots
	LoopBound    int // turns of its loops at most, as far as the verifier knows; 0: none loops; -1: not known
	Stack        int // bytes of its frame that it uses
	Lookups      []MapLookup
}

// MapLookup is a call of bpf_map_lookup_elem, with the answer whether bpf2c replaces it
// by code: it does where one named array map, no template of inner maps, is proven to be
// the argument, and not in subprograms (eBPF for Windows,
// docs/VerifierAssistedMapOptimization.md).
type MapLookup struct {
	Slot    int
	Map     string // empty where more than one is possible
	Inlined bool
	Reason  string // why not
	Range   Range
}

// Functions tells the facts of a program's functions, the program itself first. It
// replays states, and so is not for the way of a save.
func Functions(in Input) []FunctionFacts {
	if in.Program == nil {
		return nil
	}
	e := newExplainer(in)
	w := &factWriter{explainer: e}
	var lookups []MapLookup
	if in.Result != nil {
		lookups = e.lookups()
	}
	one := func(name string, first, size int) FunctionFacts {
		f := FunctionFacts{Name: name, Instructions: size, Stack: frameUse(e.insts[first:min(first+size, len(e.insts))])}
		for slot := first; slot < first+size; slot++ {
			if l, ok := in.Program.Line(slot); ok && l.Line > 0 {
				f.File, f.Line = e.path(l.File), l.Line
				if s := e.source(l.File); s != nil {
					if i := s.function(name); i >= 0 {
						f.Line = s.Point(s.Tokens[i].Start).Line
					}
				}
				break
			}
		}
		for _, l := range e.loops() {
			if l.head < first || l.head >= first+size {
				continue
			}
			if in.Result == nil {
				f.LoopBound = -1
				break
			}
			turns := w.turnsOf(l)
			if turns < 0 {
				f.LoopBound = -1
				break
			}
			f.LoopBound = max(f.LoopBound, turns)
		}
		for _, l := range lookups {
			if l.Slot >= first && l.Slot < first+size {
				f.Lookups = append(f.Lookups, l)
			}
		}
		return f
	}
	own := min(in.Program.Size/8, len(e.insts))
	out := []FunctionFacts{one(in.Program.Name, 0, own)}
	for _, sub := range in.Program.Subs {
		if sub.Slot <= len(e.insts) {
			out = append(out, one(sub.Name, sub.Slot, sub.Size/8))
		}
	}
	return out
}

// frameUse is the number of bytes of its frame that a function uses.
func frameUse(insts []isa.Inst) int {
	lowest := 0
	for i, in := range insts {
		switch in.Kind {
		case isa.Load:
			if in.Src == isa.R10 {
				lowest = min(lowest, int(in.Off))
			}
		case isa.Store, isa.Atomic:
			if in.Dst == isa.R10 {
				lowest = min(lowest, int(in.Off))
			}
		case isa.Bin:
			if i > 0 && isa.BinOp(in.Op) == isa.Add && in.UseImm {
				if b := insts[i-1]; b.Kind == isa.Bin && isa.BinOp(b.Op) == isa.Mov && !b.UseImm && b.Src == isa.R10 && b.Dst == in.Dst {
					lowest = min(lowest, int(in.Imm))
				}
			}
		}
	}
	return -lowest
}

const (
	mapLookupElem = 1 // the helper, on both platforms
	mapTypeArray  = 2 // BPF_MAP_TYPE_ARRAY, on both platforms
)

// lookups lists the program's map lookups; none on platforms without bpf2c.
func (e *explainer) lookups() []MapLookup {
	if e.Platform == nil || e.Platform.Name != "windows" || e.Result == nil {
		return nil
	}
	var out []MapLookup
	own := e.Program.Size / 8
	for slot, in := range e.insts {
		if in.Kind != isa.Call || in.Imm != mapLookupElem {
			continue
		}
		l := MapLookup{Slot: slot}
		l.Range, _ = e.rangeAt(slot, wantCall, 0)
		l.Map, l.Reason = e.lookupMap(slot)
		if l.Reason == "" && slot >= own {
			l.Reason = "it is in a subprogram, which bpf2c leaves as it is"
		}
		l.Inlined = l.Reason == ""
		out = append(out, l)
	}
	return out
}

// lookupMap returns the map of a lookup, and why bpf2c cannot inline it.
func (e *explainer) lookupMap(slot int) (name, why string) {
	reached := false
	for _, p := range e.Result.Points(slot) {
		s := e.Result.Before(p)
		if s == nil || s.Bottom() {
			continue
		}
		reached = true
		fd, ok := singleton(s.Register(1).MapFD)
		if !ok || s.Register(1).Types != verifier.TypeMap {
			return "", "more than one map is possible here"
		}
		for _, m := range e.Object.Maps {
			if int64(m.FD) != fd {
				continue
			}
			switch {
			case name != "" && name != m.Name:
				return "", "more than one map is possible here"
			case m.Name == "":
				return "", "the map has no name"
			case m.Template:
				return m.Name, m.Name + " is only a template of inner maps"
			case m.Type != mapTypeArray:
				return m.Name, m.Name + " is no array map"
			}
			name = m.Name
		}
	}
	switch {
	case !reached:
		return "", "it is never reached"
	case name == "":
		return "", "the map is not known"
	}
	return name, ""
}
