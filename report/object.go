package report

import (
	"fmt"
	"strings"

	"bpfls/elfbpf"
	"bpfls/explain"
	"bpfls/isa"
	"bpfls/platform"
	"bpfls/verifier/cfg"
)

// Annotated is a text that stands for an object in an editor, and where its findings are.
type Annotated struct {
	Text   string
	Places []Annotation
}

// Annotation is a finding at a line of the text, from 1, with the columns that it covers,
// from 1 in bytes.
type Annotation struct {
	Line, Column, EndColumn int
	Program                 *explain.Program
	Finding                 *explain.Finding
}

// JudgedRow is a program with what was found.
type JudgedRow struct {
	ProgramRow
	Report *explain.Program // nil where it was not judged
}

// Annotate writes an object's maps and programs: each with its verdict, its instructions in
// PREVAIL's notation below the source lines that they come from.
func Annotate(o *elfbpf.Object, rows []JudgedRow, p *platform.Platform, verdict func(*explain.Program) string) Annotated {
	w := &annotator{line: 1}
	for i := range o.Maps {
		if i == 0 {
			w.writeln("; maps")
		}
		w.writeln(fmt.Sprintf(";   %s: %s", o.Maps[i].Name, MapText(&o.Maps[i], p)))
	}
	for _, row := range rows {
		w.writeln("")
		title := w.line
		w.writeln(fmt.Sprintf("%s %s:", row.Program.Section, row.Program.Name))
		if row.Type != nil {
			w.writeln("; hook " + row.Type.Name)
		}
		if row.Report != nil {
			w.writeln("; " + verdict(row.Report))
		}
		w.program(row, p, title)
	}
	return Annotated{w.String(), w.places}
}

type annotator struct {
	strings.Builder
	line   int
	places []Annotation
}

func (w *annotator) writeln(text string) {
	w.WriteString(strings.ReplaceAll(text, "\n", " "))
	w.WriteByte('\n')
	w.line++
}

func (w *annotator) program(row JudgedRow, p *platform.Platform, title int) {
	bySlot := map[int][]*explain.Finding{}
	if row.Report != nil {
		for i := range row.Report.Findings {
			f := &row.Report.Findings[i]
			bySlot[f.Instruction] = append(bySlot[f.Instruction], f)
		}
	}
	annotate := func(slot, line, column, end int) {
		for _, f := range bySlot[slot] {
			w.places = append(w.places, Annotation{line, column, end, row.Report, f})
		}
		delete(bySlot, slot)
	}
	defer func() { // about no instruction: at the title
		for slot := range bySlot {
			annotate(slot, title, 1, len(row.Program.Section)+len(row.Program.Name)+3)
		}
	}()
	insts, err := isa.Decode(row.Program.Code)
	if err != nil {
		w.writeln("; " + err.Error())
		return
	}
	resolve := cfg.CallResolver(p, row.Type)
	numbers := isa.ListingNumbers(insts)
	var last elfbpf.Line
	for slot := range insts {
		if insts[slot].Slots == 0 {
			continue
		}
		if l, ok := row.Program.Line(slot); ok && l.Line > 0 && (l.File != last.File || l.Line != last.Line) {
			w.writeln(fmt.Sprintf("; %s:%d: %s", l.File, l.Line, strings.TrimSpace(l.Text)))
			last = l
		}
		text := fmt.Sprintf("%8d:\t%s", numbers[slot], isa.ListingText(insts, numbers, slot, resolve))
		annotate(slot, w.line, strings.IndexByte(text, '\t')+2, len(text)+1)
		w.writeln(text)
	}
}

// MapText describes a map in a line: "array of 16 entries, key 4 bytes (__u32), value 8 bytes
// (struct counters)".
func MapText(m *elfbpf.Map, p *platform.Platform) string {
	if m.Global {
		return fmt.Sprintf("data section %s, %s", m.Section, count(int(m.ValueSize), "byte"))
	}
	name := p.MapType(m.Type).Name
	if name == "" {
		name = fmt.Sprintf("type %d", m.Type)
	}
	var parts []string
	if m.MaxEntries > 0 {
		unit := "entry"
		if m.MaxEntries != 1 {
			unit = "entries"
		}
		if m.KeySize == 0 && m.ValueSize == 0 {
			unit = "bytes" // a ring buffer
		}
		parts = append(parts, fmt.Sprintf("%s of %d %s", name, m.MaxEntries, unit))
	} else {
		parts = append(parts, name)
	}
	for _, side := range []struct {
		what, ctype string
		size        uint32
	}{{"key", m.KeyType, m.KeySize}, {"value", m.ValueType, m.ValueSize}} {
		text := fmt.Sprintf("%s %s", side.what, count(int(side.size), "byte"))
		if side.ctype != "" {
			text += " (" + side.ctype + ")"
		}
		if side.size > 0 || side.ctype != "" {
			parts = append(parts, text)
		}
	}
	if m.Template {
		parts = append(parts, "a template of inner maps")
	}
	return strings.Join(parts, ", ")
}

// MapKind says what the platform says of a map's type: "map type array (2) of windows: keys
// are numbers below 16".
func MapKind(m *elfbpf.Map, p *platform.Platform) string {
	kind := p.MapType(m.Type)
	text := fmt.Sprintf("map type %s (%d) of %s", kind.Name, m.Type, p.Name)
	switch {
	case kind.Array:
		text += fmt.Sprintf(": keys are numbers below %d", m.MaxEntries)
	case kind.Value == platform.ValueMap:
		text += ": its values are maps"
	case kind.Value == platform.ValueProgram:
		text += ": its values are programs"
	}
	return text
}
