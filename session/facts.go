package session

import (
	"fmt"
	"slices"
	"strings"

	"bpfls/explain"
	"bpfls/platform"
	"bpfls/position"
	"bpfls/verifier"
)

// Facts are what the verifier knows of a line in one program.
type Facts struct {
	Program  *ProgramOutcome
	Platform *platform.Platform
	Source   string // whose run it is
	Line     explain.LineFacts
	// Slots are the instructions of the expression at the position that was asked for,
	// where line information tells expressions apart; else those of the line.
	Slots []int
	// Checks and Proven count the checks of Slots, all copies together.
	Checks, Proven int
	// Reached: an execution gets to one of Slots.
	Reached bool
	// Registers, Stack and Packet are the state before the first of Slots.
	Registers, Stack []Known
	Packet           string // "packet_size >= 14"; empty: nothing is known
	// Copies is the number of copies of the instruction, one for each way of calls
	// that leads to it; the state is that of the first one that is reached.
	Copies int
}

// Known is a register or a place on the stack and what is known of it.
type Known struct{ Name, Value string }

// Facts returns what is known at a place of the present text, program by program. edited
// is true where the line was edited since the verdict: nothing is then known of it.
func (v RunView) Facts(path string, at position.Point) (facts []Facts, edited bool) {
	line, ok := v.Lines.Compiled(at.Line)
	if !ok {
		return nil, true
	}
	for _, p := range v.Outcome.Programs {
		if p.Report == nil || p.Result == nil {
			continue
		}
		for _, l := range p.Report.Lines {
			if l.Line == line && resolve(v.Source, l.File) == path {
				f := Facts{Program: p, Platform: v.Outcome.Platform, Source: v.Source, Line: l}
				f.Slots = expression(p, l, at.Column)
				f.fill(v.Outcome)
				facts = append(facts, f)
			}
		}
	}
	return facts, false
}

// expression chooses among the instructions of a line those of the expression at a
// column: line information gives the column at which each instruction's begins.
func expression(p *ProgramOutcome, l explain.LineFacts, column int) []int {
	best := 0
	for _, slot := range l.Slots {
		if info, ok := p.Program.Line(slot); ok && info.Column <= column && info.Column > best {
			best = info.Column
		}
	}
	if best == 0 {
		return l.Slots
	}
	return slices.DeleteFunc(slices.Clone(l.Slots), func(slot int) bool {
		info, ok := p.Program.Line(slot)
		return !ok || info.Column != best
	})
}

// fill counts the checks of the instructions and replays the state before the first.
func (f *Facts) fill(out *Outcome) {
	result := f.Program.Result
	for _, slot := range f.Slots {
		for _, point := range result.Points(slot) {
			for _, c := range result.Checks(point) {
				f.Checks++
				if c.Proven {
					f.Proven++
				}
			}
			if state := result.Before(point); state != nil && !state.Bottom() {
				f.Reached = true
			}
		}
	}
	if len(f.Slots) == 0 {
		return
	}
	points := result.Points(f.Slots[0])
	f.Copies = len(points)
	for _, point := range points {
		state := result.Before(point)
		if state == nil || state.Bottom() {
			continue
		}
		words := wording{frame: state.Register(10), object: out}
		for r := range 10 {
			if text := words.value(state.Register(r)); text != "" {
				f.Registers = append(f.Registers, Known{fmt.Sprintf("r%d", r), text})
			}
		}
		for _, c := range state.Cells() {
			if text := words.value(c.Value); text != "" {
				f.Stack = append(f.Stack, Known{fmt.Sprintf("r10%+d (%s)", c.Offset, count(c.Size, "byte")), text})
			}
		}
		f.Packet = packetText(state.PacketSize())
		return
	}
}

func packetText(size verifier.Range) string {
	switch {
	case size.LoInf || size.Lo <= 0 && size.HiInf:
		return ""
	case size.Lo == size.Hi && !size.HiInf:
		return fmt.Sprintf("packet_size = %d", size.Lo)
	case size.Lo > 0:
		return fmt.Sprintf("packet_size >= %d", size.Lo)
	}
	return ""
}

// wording puts values into words.
type wording struct {
	frame  verifier.Value // of r10
	object *Outcome
}

// typeNames are the kinds of values, in the order in which they are named.
var typeNames = []struct {
	t    verifier.TypeSet
	name string
}{
	{verifier.TypeNumber, "number"},
	{verifier.TypeContext, "context"},
	{verifier.TypePacket, "packet"},
	{verifier.TypeStack, "stack"},
	{verifier.TypeShared, "map value"},
	{verifier.TypeMap, "map"},
	{verifier.TypeMapPrograms, "map of programs"},
	{verifier.TypeSocket, "socket"},
	{verifier.TypeBTFID, "kernel object"},
	{verifier.TypeAllocMem, "allocated memory"},
	{verifier.TypeFunction, "function"},
	{verifier.TypeUninit, "not initialised"},
}

// value says what a value is; empty where nothing is known of it.
func (w wording) value(v verifier.Value) string {
	var names []string
	for _, t := range typeNames {
		if v.Types&t.t != 0 {
			names = append(names, t.name)
		}
	}
	if len(names) != 1 {
		if v.Types&verifier.TypeUninit != 0 || len(names) == 0 {
			return ""
		}
		return strings.Join(names, " or ")
	}
	switch v.Types {
	case verifier.TypeUninit:
		return ""
	case verifier.TypeNumber:
		return numberText(v)
	case verifier.TypeStack:
		if offset, ok := singleton(v.Offset); ok {
			if frame, ok := singleton(w.frame.Offset); ok {
				return fmt.Sprintf("stack, r10%+d", offset-frame)
			}
		}
	case verifier.TypeShared, verifier.TypeAllocMem:
		name := names[0]
		if size, ok := singleton(v.Region); ok {
			name += " of " + count(int(size), "byte")
		}
		name += offsetText(v.Offset)
		if !v.Unsigned.LoInf && v.Unsigned.Lo <= 0 {
			name += ", or null"
		}
		return name
	case verifier.TypeMap, verifier.TypeMapPrograms:
		if fd, ok := singleton(v.MapFD); ok && w.object.Object != nil {
			for _, m := range w.object.Object.Maps {
				if int64(m.FD) == fd && m.Name != "" {
					return "map " + m.Name
				}
			}
		}
		return names[0]
	case verifier.TypeFunction:
		return names[0]
	}
	return names[0] + offsetText(v.Offset)
}

func singleton(r verifier.Range) (int64, bool) {
	return r.Lo, !r.LoInf && !r.HiInf && !r.LoWide && !r.HiWide && r.Lo == r.Hi
}

func offsetText(r verifier.Range) string {
	if n, ok := singleton(r); ok {
		return fmt.Sprintf(" + %d", n)
	}
	if r.LoInf && r.HiInf {
		return " + an unknown offset"
	}
	return " + " + rangeText(r)
}

func numberText(v verifier.Value) string {
	if n, ok := singleton(v.Signed); ok {
		return fmt.Sprintf("number %d", n)
	}
	unbounded := func(r verifier.Range) bool {
		return (r.LoInf || r.LoWide || r.Lo == -1<<63) && (r.HiInf || r.HiWide || r.Hi == 1<<63-1)
	}
	switch {
	case !unbounded(v.Signed):
		return "number " + rangeText(v.Signed)
	case !v.Unsigned.HiInf && !v.Unsigned.HiWide && v.Unsigned.Hi != 1<<63-1 && v.Unsigned.Hi > 0:
		return "number " + rangeText(v.Unsigned) + ", unsigned"
	}
	return "number"
}

func rangeText(r verifier.Range) string {
	lo, hi := "-∞", "∞"
	if !r.LoInf && !r.LoWide {
		lo = fmt.Sprint(r.Lo)
	}
	if !r.HiInf && !r.HiWide {
		hi = fmt.Sprint(r.Hi)
	}
	return "[" + lo + ", " + hi + "]"
}

var (
	sectionText = pattern(`\bSEC\s*\(\s*"([^"]+)"\s*\)|\bsection\s*\(\s*"([^"]+)"\s*\)`)
	identifier  = pattern(`[A-Za-z_]\w*`)
)

// SectionAt returns the name of the section that a mark at a place of the text gives.
func (v View) SectionAt(at position.Point) string {
	line := v.Text.Line(at.Line)
	for _, m := range sectionText().FindAllSubmatchIndex(line, -1) {
		if m[0] < at.Column && at.Column <= m[1] {
			if m[2] >= 0 {
				return string(line[m[2]:m[3]])
			}
			return string(line[m[4]:m[5]])
		}
	}
	return ""
}

// WordAt returns the C identifier at a place of the text.
func (v View) WordAt(at position.Point) string {
	line := v.Text.Line(at.Line)
	for _, m := range identifier().FindAllIndex(line, -1) {
		if m[0] < at.Column && at.Column <= m[1] {
			return string(line[m[0]:m[1]])
		}
	}
	return ""
}
