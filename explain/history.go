package explain

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"bpfls/csource"
	"bpfls/elfbpf"
	"bpfls/isa"
	"bpfls/verifier"
)

const (
	maxRelated = 8  // places that a finding relates to at most
	maxCauses  = 64 // checks of a program whose cause is looked for
	maxNamed   = 12 // registers that are named for one history
)

// history words the slice of a finding: where what is known at the check comes
// from, what narrowed it and what lost it.
type history struct {
	*describer
	steps []verifier.Step
	items []item
	named int // registers that were named
}

// item is a place of a history.
type item struct {
	Related
	rank int // the lower, the more it says
	at   int // position among the steps: the oldest is first
}

// The ranks of places.
const (
	rankLost    = iota // what was known is lost here
	rankProven         // a check, or where the value comes from
	rankCaller         // a call
	rankContext        // of interest where there is room
)

// slice returns the steps that led to the finding.
func (d *describer) slice() []verifier.Step {
	if !d.sliced {
		d.sliced = true
		if d.Result != nil {
			d.steps = d.slices().Slice(d.u.point, d.u.check)
		}
	}
	return d.steps
}

// contextCause is the cause of what goes wrong because the program takes its context
// for another structure.
const contextCause = "context"

// cause identifies the one instruction that gave the value which the check is about,
// where the value itself is what is wrong with it: it may be null, or nothing is known
// of it. Checks of the same cause are one mistake. It is empty where there is no such
// instruction.
func (d *describer) cause() string {
	var types verifier.TypeSet
	for _, r := range []int8{d.u.check.Reg, d.u.check.Other} {
		if r >= 0 {
			types |= registerValue(d.state, r).Types
		}
	}
	if d.code == "BPF-context-layout" {
		return contextCause
	}
	null := d.code == "BPF-maybe-null"
	if !null && types&verifier.TypeUninit == 0 || d.causes >= maxCauses {
		return ""
	}
	d.causes++
	found := ""
	for _, s := range d.slice() {
		if s.Control {
			continue
		}
		key := ""
		switch {
		case null && s.Kind == verifier.StepCall && s.Subject.Kind == verifier.SubjectRegister:
			key = fmt.Sprintf("null %d", s.Point.Slot)
		case null:
		case s.After.Types&verifier.TypeUninit == 0:
		case s.Kind == verifier.StepLoad && len(d.Context) > 0 && d.fromContext(&s):
			key = contextCause
		case s.Kind == verifier.StepLoad || s.Kind == verifier.StepInvalidate || s.Kind == verifier.StepEntry:
			key = fmt.Sprintf("%d %d %v", s.Kind, s.Point.Slot, s.Subject)
		}
		if key != "" && found != "" && key != found {
			return ""
		}
		found = max(found, key)
	}
	return found
}

// fromContext reports whether a step loads from the context.
func (d *describer) fromContext(s *verifier.Step) bool {
	_, ok := d.contextBytes(s)
	return ok
}

// contextBytes returns the offset in the context that a step loads from.
func (d *describer) contextBytes(s *verifier.Step) (int64, bool) {
	in := d.insts[s.Point.Slot]
	if in.Kind != isa.Load {
		return 0, false
	}
	v := registerValue(d.Result.Before(s.Point), int8(in.Src))
	return v.Offset.Lo + int64(in.Off), v.Types == verifier.TypeContext && bounded(v.Offset) && v.Offset.Lo == v.Offset.Hi
}

// history returns the related places of a finding, oldest first.
func (d *describer) history(f *Finding) []Related {
	h := &history{describer: d, steps: d.slice()}
	if d.code != "BPF-context-layout" && d.because == contextCause && d.Type != nil {
		d.contextLayout("hook " + d.Type.Name)
	}
	switch d.code {
	case "BPF-context-layout", "BPF-context-bounds", "BPF-context-write", "BPF-pointer-leak", "BPF-map-type":
		// The structures say it all.
	default:
		for i := range h.steps {
			h.step(i)
		}
		if d.code == "BPF-uninitialized-bytes" || d.code == "BPF-uninitialized-value" {
			h.declaration(f)
		}
	}
	n := len(h.steps)
	for _, r := range d.inlineCallers(d.u.point.Slot) {
		h.add(n, rankCaller, r.Range, r.Message)
	}
	for _, r := range d.callers(d.u.point, "called from here") {
		h.add(n, rankCaller, r.Range, r.Message)
	}
	h.otherCalls(n, f)
	return append(d.related, h.chosen(f)...)
}

// add notes a place, once.
func (h *history) add(at, rank int, r Range, text string) {
	if r.Line == 0 || text == "" {
		return
	}
	for _, i := range h.items {
		if i.Range == r && i.Message == text {
			return
		}
	}
	h.items = append(h.items, item{Related{r, text}, rank, at})
}

// chosen returns the places that say most, in order.
func (h *history) chosen(f *Finding) []Related {
	room := maxRelated - len(h.related)
	items := h.items
	slices.SortStableFunc(items, func(a, b item) int { return a.rank - b.rank })
	if len(items) > room {
		items = items[:max(room, 0)]
	}
	slices.SortStableFunc(items, func(a, b item) int { return a.at - b.at })
	var out []Related
	for _, i := range items {
		out = append(out, i.Related)
	}
	return out
}

// step words one step.
func (h *history) step(i int) {
	s := &h.steps[i]
	slot := s.Point.Slot
	if slot < 0 || slot >= len(h.insts) {
		return
	}
	in := h.insts[slot]
	switch s.Kind {
	case verifier.StepCall:
		h.call(i, s, in)
	case verifier.StepInvalidate:
		h.invalidate(i, s, in)
	case verifier.StepNarrow:
		h.narrow(i, s)
	case verifier.StepJoin:
		h.join(i, s)
	case verifier.StepLoop:
		h.loop(i, s)
	case verifier.StepLoad:
		h.load(i, s, in)
	case verifier.StepCompute, verifier.StepFill:
		h.compute(i, s, in)
	case verifier.StepMayStore:
		r, _ := h.rangeAt(slot, wantAccess, 1)
		h.add(i, rankLost, r, "this write may hit it: where it goes on the stack is not known exactly")
	}
}

// call words the result of a helper, or memory that it wrote.
func (h *history) call(i int, s *verifier.Step, in isa.Inst) {
	r, _, text := h.locate(s.Point.Slot, wantCall, 0)
	fn := h.helper(in)
	if text == "" || len(text) > 80 {
		text = "a call"
		if fn != nil {
			text = helperName(fn, in)
		}
	}
	if s.Subject.Kind == verifier.SubjectStack {
		if h.code != "BPF-uninitialized-bytes" {
			h.add(i, rankContext, r, "written by "+text)
		}
		return
	}
	name := h.name("")
	switch {
	case s.After.Types == verifier.TypeNumber && h.code == "BPF-uninitialized-bytes":
		// It was written: the bytes that were not are others.
	case s.After.Types == verifier.TypeNumber:
		if v := h.registerAfter(s); v != "" && v != text {
			name = v
		} else if name == h.text && h.code != "BPF-number-argument" {
			name = "it"
		}
		h.add(i, rankProven, r, fmt.Sprintf("%s comes from %s: %s", orIt(name), text, h.what(s.After)))
	default:
		if !isCall(h.in) && name != "" {
			write := 0
			if h.u.check.Mode == verifier.AccessWrite {
				write = 1
			}
			_, _, base := h.locate(h.u.point.Slot, wantBase, write)
			name = or(base, name) // table of table->hits[i]
		}
		if name == "" || name == text {
			name = "it"
		}
		h.add(i, rankProven, r, fmt.Sprintf("%s comes from %s", name, text))
	}
}

func orIt(name string) string {
	if name == "" {
		return "it"
	}
	return name
}

// invalidate words a call that makes the subject unknown.
func (h *history) invalidate(i int, s *verifier.Step, in isa.Inst) {
	fn := h.helper(in)
	r, _ := h.rangeAt(s.Point.Slot, wantCall, 0)
	if fn == nil || !fn.ReallocatesPacket {
		if in.Kind == isa.Exit {
			h.add(i, rankLost, r, "what the function has on its stack is gone when it returns")
		} else if s.Subject.Kind == verifier.SubjectRegister {
			name := "the call"
			if fn != nil {
				name = helperName(fn, in)
			}
			h.add(i, rankLost, r, fmt.Sprintf("%s leaves no value in r1 to r5", name))
		}
		return
	}
	text := helperName(fn, in) + " invalidates pointers to the packet"
	if s.Subject.Kind == verifier.SubjectPacketSize {
		text = helperName(fn, in) + " can change the packet: what was checked of its size before does not count"
	}
	h.add(i, rankLost, r, text)
}

// narrow words a branch that restricts what is known.
func (h *history) narrow(i int, s *verifier.Step) {
	switch s.Subject.Kind {
	case verifier.SubjectPacketSize:
		if strings.HasPrefix(h.u.message, "Lower bound") {
			return
		}
		r, cond := h.condition(s)
		text := "this check proves " + byteCount(s.After.Signed.Lo)
		if cond != "" {
			text += ": " + cond
		} else if h.ofNumbers(s.Point.Slot) {
			text = "the packet has at least " + byteCount(s.After.Signed.Lo) + " here"
		}
		h.add(i, rankProven, r, text)
	case verifier.SubjectRegister:
		if h.sameBranch(i) {
			return // said of the packet's size
		}
		name := func() string { return orIt(h.registerBefore(s.Point, int(s.Subject.Reg))) }
		switch {
		case s.After.Types == verifier.TypePacket && s.Before.Offset == s.After.Offset:
			if s.After.Offset.Lo == s.After.Offset.Hi && bounded(s.After.Offset) {
				return // what is known of the packet's size says it
			}
			r, cond := h.condition(s)
			text := "this check proves that it lies before the packet's end"
			if cond != "" {
				text += ": " + cond
			}
			h.add(i, rankContext, r, text)
		case s.After.Types == verifier.TypeNumber && s.Before.Signed != s.After.Signed && interval(s.After.Signed) != "":
			if h.code != "BPF-loop-bound" {
				r, _ := h.condition(s)
				h.add(i, rankProven, r, fmt.Sprintf("behind this check %s is %s", name(), interval(s.After.Signed)))
			}
		case s.After.Types != s.Before.Types && s.After.Types != 0:
			r, _ := h.condition(s)
			h.add(i, rankContext, r, fmt.Sprintf("behind this check %s is %s", name(), h.what(s.After)))
		}
	}
}

// sameBranch reports whether another step of the same branch tells of the packet's size.
func (h *history) sameBranch(i int) bool {
	s := &h.steps[i]
	return slices.ContainsFunc(h.steps, func(o verifier.Step) bool {
		return o.Kind == verifier.StepNarrow && o.Subject.Kind == verifier.SubjectPacketSize && o.Edge == s.Edge &&
			samePoint(o.Point, s.Point)
	})
}

func samePoint(a, b verifier.Point) bool {
	return a.Slot == b.Slot && slices.Equal(a.CallPath, b.CallPath)
}

// interval words a range of numbers; empty where nothing is known.
func interval(r verifier.Range) string {
	lo, hi := !r.LoInf && !r.LoWide, !r.HiInf && !r.HiWide
	switch {
	case lo && hi && r.Lo == r.Hi:
		return fmt.Sprint(r.Lo)
	case lo && hi:
		return fmt.Sprintf("between %d and %d", r.Lo, r.Hi)
	case lo:
		return fmt.Sprintf("at least %d", r.Lo)
	case hi:
		return fmt.Sprintf("at most %d", r.Hi)
	}
	return ""
}

// known words what is known of the subject of a step.
func (h *history) known(s *verifier.Step, v verifier.Value) string {
	return h.subject(s) + " " + h.knownOf(s, v)
}

// subject names the subject of a step.
func (h *history) subject(s *verifier.Step) string {
	switch s.Subject.Kind {
	case verifier.SubjectPacketSize:
		return "the packet"
	case verifier.SubjectRegister:
		return orIt(h.registerBefore(s.Point, int(s.Subject.Reg)))
	}
	return "it"
}

// knownOf words what is known of the subject of a step, without its name.
func (h *history) knownOf(s *verifier.Step, v verifier.Value) string {
	if s.Subject.Kind == verifier.SubjectPacketSize {
		return "has at least " + byteCount(max(v.Signed.Lo, 0))
	}
	return "is " + h.valueWords(v)
}

// valueWords words a value with its range or its offset.
func (h *history) valueWords(v verifier.Value) string {
	switch {
	case v.Types == verifier.TypeNumber:
		if text := interval(v.Signed); text != "" {
			return text
		}
		if text := interval(v.Unsigned); text != "" && v.Unsigned.Lo != 0 {
			return text
		}
		return "any number"
	case v.Types == verifier.TypeShared && (v.Unsigned.LoInf || v.Unsigned.Lo <= 0):
		return h.what(v) + ", or null"
	}
	text := h.what(v)
	if o := interval(v.Offset); o != "" && o != "0" && (v.Types == verifier.TypePacket || v.Types == verifier.TypeShared) {
		text += ", " + o + " bytes behind its start"
	}
	return text
}

// join words a place where ways meet on which different things are known.
func (h *history) join(i int, s *verifier.Step) {
	if len(s.Ways) > 4 || s.Control {
		return
	}
	rank := rankLost
	if good, bad, known := outcomes(s); known && good == 0 {
		return // the check fails on every way by itself: that they meet is not why
	} else if !known || bad > 0 {
		rank = rankContext
	}
	guard := h.decides(s)
	spots := make([]Range, len(s.Ways))
	positions := make([]int, len(s.Ways))
	apart := true
	for w := range s.Ways {
		spots[w], positions[w] = h.wayPlace(i, s, &s.Ways[w])
		apart = apart && !slices.Contains(spots[:w], spots[w])
	}
	if guard == "" && !apart {
		var parts []string
		for w := range s.Ways {
			parts = append(parts, h.knownOf(s, s.Ways[w].Value))
		}
		h.replace(positions[0], i, rank, spots[0], "from here on there are several ways: "+h.subject(s)+" "+strings.Join(parts, ", or "))
	} else {
		for w := range s.Ways {
			way := &s.Ways[w]
			text := "on this way "
			if guard != "" {
				text = fmt.Sprintf("with %s = %s ", guard, interval(way.Guards[h.guardIndex(s)].Value.Signed))
			}
			h.replace(positions[w], i, rank, spots[w], text+h.known(s, way.Value))
		}
	}
	both := "both"
	if len(s.Ways) > 2 {
		both = fmt.Sprintf("%d", len(s.Ways))
	}
	text := fmt.Sprintf("here %s ways meet: ", both)
	if guard != "" {
		var values []string
		for _, w := range s.Ways {
			values = append(values, interval(w.Guards[h.guardIndex(s)].Value.Signed))
		}
		slices.SortFunc(values, func(a, b string) int {
			if len(a) != len(b) {
				return len(a) - len(b)
			}
			return strings.Compare(a, b)
		})
		text += fmt.Sprintf("%s is %s, ", guard, strings.Join(slices.Compact(values), " or "))
	}
	h.add(i, rank, h.meeting(s, spots), text+h.known(s, s.After))
}

// outcomes counts the ways of a join on which the check is proven, or is not reached,
// by that way alone, and those on which it fails; known is false if that was not
// found out.
func outcomes(s *verifier.Step) (good, bad int, known bool) {
	for _, w := range s.Ways {
		switch {
		case !w.Followed:
			return 0, 0, false
		case w.Reaches && !w.Proven:
			bad++
		default:
			good++
		}
	}
	return good, bad, true
}

// replace adds a place; what stood there of the same range is told by it, too.
func (h *history) replace(at, i, rank int, r Range, text string) {
	h.items = slices.DeleteFunc(h.items, func(o item) bool { return o.Range == r && o.rank == rankProven })
	if at < 0 {
		at = i
	}
	h.add(at, rank, r, text)
}

// guardIndex returns the branch behind a join that tells its ways apart: the one
// whose operand has one value on each way, not the same on all; -1 if there is none.
func (h *history) guardIndex(s *verifier.Step) int {
	for g := range s.Ways[0].Guards {
		distinct := false
		for i := range s.Ways {
			if g >= len(s.Ways[i].Guards) {
				return -1
			}
			v, first := s.Ways[i].Guards[g].Value, s.Ways[0].Guards[g].Value
			if v.Types != verifier.TypeNumber || v.Signed.LoInf || v.Signed.HiInf || v.Signed.Lo != v.Signed.Hi {
				distinct = false
				break
			}
			distinct = distinct || v.Signed.Lo != first.Signed.Lo
		}
		if distinct {
			return g
		}
	}
	return -1
}

// decides names the variable of that branch; empty if there is none or it has no
// name.
func (h *history) decides(s *verifier.Step) string {
	g := h.guardIndex(s)
	if g < 0 {
		return ""
	}
	guard := &s.Ways[0].Guards[g]
	if name := h.registerBefore(guard.Point, int(guard.Reg)); name != "" {
		return name
	}
	// A condition that is a name alone is the operand's.
	if _, _, text := h.locate(guard.Point.Slot, wantOperator, 0); identifier(text) {
		return text
	}
	return ""
}

// identifier reports whether a text is one C name.
func identifier(s string) bool {
	for i := range len(s) {
		if !csource.IsWordByte(s[i]) || i == 0 && s[i] >= '0' && s[i] <= '9' {
			return false
		}
	}
	return s != "" && !csource.IsStatementWord(s) && !csource.IsTypeWord(s)
}

// wayPlace returns the place where what is known on a way became known, and the
// position of its step.
func (h *history) wayPlace(join int, s *verifier.Step, way *verifier.Way) (Range, int) {
	for i := join - 1; i >= 0; i-- {
		o := &h.steps[i]
		if o.Subject.Kind == s.Subject.Kind && o.Subject.Reg == s.Subject.Reg && o.After == way.Value {
			switch o.Kind {
			case verifier.StepNarrow:
				r, _ := h.condition(o)
				return r, i
			case verifier.StepConstant, verifier.StepLoad, verifier.StepCall, verifier.StepCompute, verifier.StepCopy, verifier.StepAddress, verifier.StepFill:
				r, _ := h.rangeAt(o.Point.Slot, wantStatement, 0)
				return r, i
			}
		}
	}
	slot := way.From.Slot
	if way.Branch.Slot >= 0 {
		slot = way.Branch.Slot
	}
	r, _ := h.rangeAt(slot, wantOperator, 0)
	return r, -1
}

// meeting returns the place where ways meet. The compiler gives what stands behind
// a statement to some line before it; so it is the end of the statement that both
// ways lead through, where that can be found.
func (h *history) meeting(s *verifier.Step, spots []Range) Range {
	r, _ := h.rangeAt(s.Point.Slot, wantStatement, 0)
	var file string
	at := []int{}
	for w := range s.Ways {
		b := s.Ways[w].Branch.Slot
		if b < 0 {
			b = s.Ways[w].From.Slot
		}
		l, ok := h.Program.Line(b)
		src := h.source(l.File)
		if !ok || src == nil || file != "" && l.File != file {
			return r
		}
		file = l.File
		at = append(at, src.TokenAt(src.Offset(src.BTF(l.Line, l.Column))))
	}
	src := h.source(file)
	if src == nil || len(at) < 2 {
		return r
	}
	if end := src.enclosing(at); end >= 0 {
		if place := src.rangeOf(h.path(file), csource.Span{First: end, Last: end}); place.Line >= r.Line {
			return place
		}
	}
	return r
}

// enclosing returns the last token of the innermost if or switch statement that
// holds all the tokens, with its else branches; or -1.
func (s *source) enclosing(at []int) int {
	low := slices.Min(at)
	if low < 0 {
		return -1
	}
	for j := low; j >= 0; j-- {
		if !s.Is(j, "if", "switch") {
			continue
		}
		end := s.LoopEnd(j)
		for s.Is(end+1, "else") {
			end = s.StatementEnd(end + 2)
		}
		if end >= slices.Max(at) {
			return end
		}
	}
	return -1
}

// loop words what the turns of a loop do to a value.
func (h *history) loop(i int, s *verifier.Step) {
	if s.Subject.Kind != verifier.SubjectRegister || s.Control || h.code == "BPF-loop-bound" {
		return
	}
	first, v := verifier.Value{}, s.After
	for _, w := range s.Ways {
		if !w.Back {
			first = w.Value
		}
	}
	r, _ := h.rangeAt(s.Point.Slot, wantLoop, 0)
	switch {
	case first.Types == verifier.TypeNumber && v.Types == verifier.TypeNumber:
		name := h.registerBefore(s.Point, int(s.Subject.Reg))
		later := interval(v.Signed)
		if later == "" {
			later = "any number"
		}
		if was := interval(first.Signed); was != "" && was != later {
			h.add(i, rankProven, r, fmt.Sprintf("%s is %s before this loop; in its turns it is %s", orIt(name), was, later))
		}
	case first.Types == v.Types && first.Offset != v.Offset && interval(first.Offset) != "":
		name := h.registerBefore(s.Point, int(s.Subject.Reg))
		later := interval(v.Offset)
		if later == "" {
			later = "any number of"
		}
		h.add(i, rankProven, r, fmt.Sprintf("in this loop %s moves: it is %s bytes behind the start at first, %s bytes in later turns",
			orIt(name), interval(first.Offset), later))
	case first.Types != v.Types:
		h.add(i, rankLost, r, fmt.Sprintf("before this loop it is %s; in its turns it can be %s", h.what(first), h.what(v)))
	}
}

// load words a value that comes from memory.
func (h *history) load(i int, s *verifier.Step, in isa.Inst) {
	if in.Kind != isa.Load {
		return
	}
	uninit := s.After.Types&verifier.TypeUninit != 0
	switch {
	case uninit:
	case s.After.Types != verifier.TypeNumber:
		return // pointers to the packet: the message says where they point
	case h.code == "BPF-uninitialized-bytes":
		return // it was written: the bytes that were not are others
	}
	r, _, text := h.locate(s.Point.Slot, wantAccess, 0)
	name := h.assignee(s.Point.Slot)
	if name == "" {
		name = h.registerAfter(s)
	}
	if uninit {
		h.partOfField(i, s, in, r, name)
		return
	}
	if text == "" || len(text) > 60 {
		text = fmt.Sprintf("%s from memory", byteCount(int64(in.Width)))
	}
	says := interval(s.After.Signed)
	if says == "" {
		says = "of any value"
	}
	if name == "" || name == text {
		h.add(i, rankProven, r, fmt.Sprintf("%s is read here, %s", text, says))
		return
	}
	h.add(i, rankProven, r, fmt.Sprintf("%s is %s here, %s", name, text, says))
}

// partOfField words a load of the context that hits a field with a pointer to the
// packet and does not read it as that.
func (h *history) partOfField(i int, s *verifier.Step, in isa.Inst, r Range, name string) {
	off, ok := h.contextBytes(s)
	if !ok || h.Type == nil || h.Type.Context == nil {
		return
	}
	c := h.Type.Context
	width := c.End - c.Data
	for _, f := range []struct {
		name string
		at   int
	}{{"data", c.Data}, {"data_end", c.End}, {"data_meta", c.Meta}} {
		if f.at < 0 || off >= int64(f.at+width) || off+int64(in.Width) <= int64(f.at) {
			continue
		}
		h.add(i, rankLost, r, fmt.Sprintf("%s is read from %s of the context; hook %s has %s in %s, to be read as a whole",
			orIt(name), byteRange(off, off+int64(in.Width)-1), h.Type.Name, f.name, byteRange(int64(f.at), int64(f.at+width-1))))
		return
	}
}

// compute words an operation behind which less is known than before.
func (h *history) compute(i int, s *verifier.Step, in isa.Inst) {
	if s.Before.Types == 0 || s.After.Types == 0 {
		return
	}
	before, after := s.Before, s.After
	if s.Kind == verifier.StepFill {
		if before.Types != after.Types && after.Types&verifier.TypeUninit != 0 {
			r, _ := h.rangeAt(s.Point.Slot, wantOperator, 0)
			h.add(i, rankContext, r, "it is read from the stack here, where not all of it was written")
		}
		return
	}
	masks := in.Kind == isa.Bin && isa.BinOp(in.Op) == isa.And && in.UseImm
	rank, says := rankLost, ""
	switch {
	case before.Types != verifier.TypeNumber && after.Types == verifier.TypeNumber && s.Narrow32:
		r, _ := h.rangeAt(s.Point.Slot, wantOperator, 0)
		h.add(i, rankLost, r, "only the low 32 bits are kept here: what was a pointer is a number now")
	case before.Types != verifier.TypeNumber || after.Types != verifier.TypeNumber:
		if o, was := interval(after.Offset), interval(before.Offset); before.Types == after.Types && o != was &&
			(o == "" || after.Offset.HiInf) && !before.Offset.HiInf {
			says = ": behind this nothing bounds where it points to"
		}
	case bounded(before.Signed) && !bounded(after.Signed):
		says = " can be any number, though it is computed from one " + interval(before.Signed)
	case s.Narrow32 && !bounded(before.Signed) && bounded(after.Signed):
		rank, says = rankContext, " keeps the low 32 bits: "+interval(after.Signed)
	case masks && bounded(after.Signed):
		rank, says = rankProven, " is "+interval(after.Signed)
	}
	if says == "" {
		return // most often: the expression need not be looked for
	}
	r, _, text := h.locate(s.Point.Slot, wantOperator, 0)
	if len(text) > 60 || text == "" {
		text = "the result"
	}
	if rank == rankProven && !strings.Contains(text, "&") && !strings.Contains(text, " * ") {
		return // the compiler's, of a shift or a multiplication
	}
	h.add(i, rank, r, text+says)
}

func bounded(r verifier.Range) bool { return !r.LoInf && !r.LoWide && !r.HiInf && !r.HiWide }

// condition returns the place of a branch's condition and, for a simple comparison,
// its text as it holds on the step's edge.
func (h *history) condition(s *verifier.Step) (Range, string) {
	slot := s.Point.Slot
	r, _, text := h.locate(slot, wantOperator, 0)
	l, ok := h.Program.Line(slot)
	src := h.source(l.File)
	if !ok || src == nil || text == "" {
		return r, ""
	}
	i := src.TokenAt(src.Offset(src.BTF(l.Line, l.Column)))
	ex := h.expression(src, i, wantOperator, 0)
	if !ex.OK() || ex.Last-ex.First > 40 {
		return r, ""
	}
	return r, h.holding(src, ex, s)
}

// ofNumbers reports whether the line information of a branch names a comparison with a
// constant, which is none of pointers: the compiler has moved the check to it.
func (h *history) ofNumbers(slot int) bool {
	l, ok := h.Program.Line(slot)
	src := h.source(l.File)
	if !ok || src == nil {
		return false
	}
	left, op, right, ok := src.Binary(src.Unparen(h.expression(src, src.TokenAt(src.Offset(src.BTF(l.Line, l.Column))), wantOperator, 0)))
	return ok && src.Is(op, "<", ">", "<=", ">=", "==", "!=") && (number(src.bare(left)) || number(src.bare(right)))
}

// number reports whether a text is an integer constant.
func number(text string) bool {
	_, err := strconv.ParseInt(strings.TrimRight(text, "uUlL"), 0, 64)
	return err == nil
}

// holding writes the comparison in ex as it holds where the pointers to the packet
// that it compares were found to be in order; empty where it is no such comparison.
func (h *history) holding(src *source, ex csource.Span, s *verifier.Step) string {
	op := -1
	for j := ex.First; j <= ex.Last; j++ {
		if src.Is(j, "(", "[") && src.Match(j) > j && src.Match(j) <= ex.Last {
			if src.Match(j) != ex.Last || j != ex.First {
				j = src.Match(j)
			}
			continue
		}
		if src.Is(j, "&&", "||", "?") {
			return ""
		}
		if src.Is(j, "<", ">", "<=", ">=") && src.Operand(j-1) {
			if op >= 0 {
				return ""
			}
			op = j
		}
	}
	if op < 0 {
		return ""
	}
	left, right := src.bare(csource.Span{First: ex.First, Last: op - 1}), src.bare(csource.Span{First: op + 1, Last: ex.Last})
	if left == "" || right == "" || number(left) || number(right) {
		return ""
	}
	// The end of the packet is the side that a length is not added to.
	plusLeft, plusRight := strings.Contains(left, "+"), strings.Contains(right, "+")
	endLeft := strings.Contains(left, "end")
	if plusLeft != plusRight {
		endLeft = plusRight
	}
	sign := src.Str(op)
	strict := sign == "<" || sign == ">"
	switch {
	case !endLeft && (sign == ">" || sign == ">="):
		strict = !strict // the condition does not hold
	case endLeft && (sign == "<" || sign == "<="):
		strict = !strict
	}
	relation := map[bool]string{true: "<", false: "<="}[strict]
	if endLeft {
		relation = map[bool]string{true: ">", false: ">="}[strict]
	}
	return left + " " + relation + " " + right
}

// bare is the spelling of an expression without casts and outer parentheses.
func (s *source) bare(e csource.Span) string {
	for e.OK() && s.Is(e.First, "(") && s.Match(e.First) == e.Last {
		e = csource.Span{First: e.First + 1, Last: e.Last - 1}
	}
	for e.OK() && s.IsCast(e.First) {
		e.First = s.Match(e.First) + 1
	}
	for e.OK() && s.Is(e.First, "(") && s.Match(e.First) == e.Last {
		e = csource.Span{First: e.First + 1, Last: e.Last - 1}
	}
	return s.Spelling(e)
}

// registerBefore names a register before an instruction; empty where C has no name
// for it.
func (h *history) registerBefore(p verifier.Point, reg int) string {
	if reg < 0 || h.named >= maxNamed {
		return ""
	}
	h.named++
	if n, ok := h.namer().Register(p, reg); ok && len(n.Expr) <= 40 {
		return n.Expr
	}
	return ""
}

// registerAfter names the register that a step wrote, behind it.
func (h *history) registerAfter(s *verifier.Step) string {
	next := s.Point
	next.Slot += max(int(h.insts[s.Point.Slot].Slots), 1)
	if s.Subject.Kind != verifier.SubjectRegister || next.Slot >= len(h.insts) {
		return ""
	}
	return h.registerBefore(next, int(s.Subject.Reg))
}

// assignee returns the variable that the expression of an instruction is assigned
// to: step of "step = p[1]"; empty where it is none.
func (h *history) assignee(slot int) string {
	l, ok := h.Program.Line(slot)
	src := h.source(l.File)
	if !ok || src == nil {
		return ""
	}
	i := src.TokenAt(src.Offset(src.BTF(l.Line, l.Column)))
	if i < 0 {
		return ""
	}
	ex := h.expression(src, i, wantAccess, 0)
	if !ex.OK() {
		return ""
	}
	j := ex.First - 1
	for src.Is(j, ")") && src.Match(j) >= 0 && src.IsCast(src.Match(j)) {
		j = src.Match(j) - 1
	}
	if src.Is(j, "=") && src.Tokens[j-1].Kind == csource.Ident && !src.Is(ex.Last+1, "+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>") {
		return src.Spelling(csource.Span{First: src.PostfixStart(j - 1), Last: j - 1})
	}
	return ""
}

// declaration relates bytes or values that were never written to where the variable
// is declared, and to what was written of it.
func (h *history) declaration(f *Finding) {
	name := strings.TrimSpace(strings.TrimLeft(h.text, "&("))
	if h.code == "BPF-uninitialized-value" {
		// Only a variable that was never set: others were set, to something unknown.
		name = h.registerBefore(h.u.point, int(h.u.check.Reg))
		if c := h.u.check; c.Other >= 0 && registerValue(h.state, c.Reg).Types&verifier.TypeUninit == 0 {
			name = h.registerBefore(h.u.point, int(c.Other))
		}
		for _, s := range h.steps {
			if s.Kind == verifier.StepLoad || s.Kind == verifier.StepSpill {
				return
			}
		}
	}
	name, _, _ = strings.Cut(name, ".")
	name, _, _ = strings.Cut(name, "[")
	if !identifier(name) {
		return
	}
	l, ok := h.Program.Line(h.u.point.Slot)
	src := h.source(l.File)
	if !ok || src == nil {
		return
	}
	use := src.TokenAt(src.Offset(src.BTF(l.Line, l.Column)))
	decl := src.declared(name, use)
	if decl < 0 {
		return
	}
	r := src.rangeOf(h.path(l.File), csource.Span{First: decl, Last: decl})
	type part struct {
		line int
		text string
	}
	var parts []part
	whole := true
	for i := range h.steps {
		s := &h.steps[i]
		if s.Kind != verifier.StepSpill && s.Kind != verifier.StepCall || s.Subject.Kind != verifier.SubjectStack {
			continue
		}
		place, _, text := h.locate(s.Point.Slot, wantAccess, 1)
		if place.Line == 0 || place.File != r.File {
			continue
		}
		if text != name && !strings.HasPrefix(text, name+".") && !strings.HasPrefix(text, name+"[") {
			continue // of a variable that had the same place on the stack before
		}
		whole = whole && text == name
		member := strings.TrimPrefix(text, name+".")
		if !identifier(member) || member == name {
			member = ""
		}
		parts = append(parts, part{place.Line, member})
	}
	slices.SortStableFunc(parts, func(a, b part) int { return a.line - b.line })
	parts = slices.Compact(parts)
	text := name + " is declared here"
	if len(parts) > 0 {
		var names []string
		for _, p := range parts {
			if p.text == "" || len(parts) > 6 {
				names = nil
				break
			}
			if !slices.Contains(names, p.text) {
				names = append(names, p.text)
			}
		}
		what, are := "parts of it", "are"
		if len(names) > 0 {
			what = list(names)
			if len(names) == 1 {
				are = "is"
			}
		} else if whole {
			what, are = "it", "is"
		}
		first, last := parts[0].line, parts[len(parts)-1].line
		if first == last {
			text += fmt.Sprintf("; %s %s set in line %d", what, are, first)
		} else {
			text += fmt.Sprintf("; %s %s set in lines %d to %d", what, are, first, last)
		}
	} else if !src.Is(decl+1, "=") {
		text += " and not set before it is used"
	}
	h.add(-1, rankProven, r, text)
}

// list joins words: "src, dst and proto".
func list(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

// declared returns the token of a variable's name where it is declared, the last
// one before a use; or -1.
func (s *source) declared(name string, use int) int {
	for j := min(use, len(s.Tokens)-1); j > 0; j-- {
		if s.Tokens[j].Kind != csource.Ident || s.Str(j) != name || !s.Is(j+1, ";", "=", ",", "[", "__attribute__") {
			continue
		}
		// A declarator stands behind a type, a *, or another declarator's comma.
		k := j - 1
		for s.Is(k, "*") {
			k--
		}
		switch {
		case s.Is(k, ","):
			// int a = 1, name = 2; : look for the type at the statement's beginning.
			first := k
			for first > 0 && !s.Is(first-1, ";", "{", "}", ")") {
				if s.Is(first-1, "]") && s.Match(first-1) >= 0 {
					first = s.Match(first - 1)
					continue
				}
				first--
			}
			if s.Tokens[first].Kind == csource.Ident && s.Tokens[first+1].Kind == csource.Ident {
				return j
			}
		case k >= 0 && s.Tokens[k].Kind == csource.Ident && !csource.IsStatementWord(s.Str(k)), s.Is(k, "}"):
			if s.Is(j+1, "[") || k < j-1 || s.Tokens[k].Kind == csource.Ident || s.Is(k, "}") {
				return j
			}
		}
	}
	return -1
}

// otherCalls relates a finding in an inlined function, or in one that is called
// several times, to the calls from which the check is proven.
func (h *history) otherCalls(at int, f *Finding) {
	slot := h.u.point.Slot
	here, ok := h.Program.Line(slot)
	if !ok {
		return
	}
	var own []Range
	for _, r := range h.inlineCallers(slot) {
		own = append(own, r.Range)
	}
	for _, r := range h.callers(h.u.point, "") {
		own = append(own, r.Range)
	}
	if len(own) == 0 {
		return
	}
	for other := range h.slotsOf(here) {
		if h.insts[other].Kind != h.insts[slot].Kind || len(h.items) > 4*maxRelated {
			continue
		}
		for _, p := range h.Result.Points(other) {
			proven, checks := true, 0
			for _, c := range h.Result.Checks(p) {
				checks++
				proven = proven && c.Proven
			}
			if !proven || checks == 0 {
				continue
			}
			calls := append(h.inlineCallers(other), h.callers(p, "called from here")...)
			if len(calls) == 0 || slices.Contains(own, calls[0].Range) {
				continue
			}
			with := strings.TrimPrefix(calls[0].Message, "called from here")
			text := "the other call is proven"
			if with != "" {
				text = "the other call," + h.differing(with) + ", is proven"
			}
			h.add(at+1, rankContext, calls[0].Range, text)
		}
	}
}

// slotsOf returns the slots of a place of line information, in order.
func (e *explainer) slotsOf(at elfbpf.Line) iter.Seq[int] {
	return func(yield func(int) bool) {
		lines := e.Program.Lines
		for i := range lines {
			if l := &lines[i]; l.Line != at.Line || l.Column != at.Column || l.File != at.File {
				continue
			}
			end := len(e.insts)
			if i+1 < len(lines) {
				end = min(lines[i+1].Slot, end)
			}
			for slot := lines[i].Slot; slot < end; slot++ {
				if !yield(slot) {
					return
				}
			}
		}
	}
}

// differing leaves out of " with p = data, n = 12" what this finding's call has, too.
func (h *history) differing(with string) string {
	mine := ""
	if calls := h.inlineCallers(h.u.point.Slot); len(calls) > 0 {
		mine = strings.TrimPrefix(calls[0].Message, "called from here with ")
	}
	have := strings.Split(mine, ", ")
	var left []string
	for _, p := range strings.Split(strings.TrimPrefix(with, " with "), ", ") {
		if !slices.Contains(have, p) {
			left = append(left, p)
		}
	}
	if len(left) == 0 {
		return with
	}
	return " with " + strings.Join(left, ", ")
}

// advances says by what a loop's variable advances where that can be nothing: "i by
// step"; empty if it is not known or cannot be 0.
func (d *describer) advances() string {
	h := &history{describer: d}
	heads := map[int8]bool{}
	for _, s := range d.slice() {
		if s.Kind == verifier.StepLoop && s.Subject.Kind == verifier.SubjectRegister {
			heads[s.Subject.Reg] = true
		}
	}
	for _, s := range d.slice() {
		if s.Kind != verifier.StepCompute || s.Subject.Kind != verifier.SubjectRegister || !heads[s.Subject.Reg] || len(s.Sources) != 2 {
			continue
		}
		in := d.insts[s.Point.Slot]
		if in.Kind != isa.Bin || isa.BinOp(in.Op) != isa.Add {
			continue
		}
		by := registerValue(d.Result.Before(s.Point), s.Sources[1].Reg)
		if by.Types != verifier.TypeNumber || !bounded(by.Signed) || by.Signed.Lo > 0 || by.Signed.Hi < 0 {
			continue
		}
		what, step := "", ""
		if l, ok := d.Program.Line(s.Point.Slot); ok {
			if src := d.source(l.File); src != nil {
				i := src.TokenAt(src.Offset(src.BTF(l.Line, l.Column)))
				if i > 0 && src.Is(i, "+=") {
					what, step = src.Spelling(csource.Span{First: src.UnaryStart(i - 1), Last: i - 1}), src.bare(csource.Span{First: i + 1, Last: src.ExprEnd(i + 1)})
				}
			}
		}
		if what == "" || step == "" {
			what, step = h.registerBefore(s.Point, int(s.Subject.Reg)), h.registerBefore(s.Point, int(s.Sources[1].Reg))
		}
		if what == "" || step == "" {
			return ""
		}
		return what + " by " + step
	}
	return ""
}
