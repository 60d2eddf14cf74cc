package report

import (
	"bufio"
	"debug/dwarf"
	"fmt"
	"io"
	"slices"
	"strings"

	"bpfls/elfbpf"
	"bpfls/isa"
)

// ELFSections writes the section table as `llvm-objdump -h` does.
func ELFSections(w io.Writer, o *elfbpf.Object) error {
	b := bufio.NewWriter(w)
	width := 13
	for _, s := range o.Sections {
		width = max(width, len(s.Name))
	}
	fmt.Fprintf(b, "\n%s:\tfile format elf64-bpf\n\nSections:\nIdx %-*s Size     VMA              Type\n", o.Name, width, "Name")
	for _, s := range o.Sections {
		fmt.Fprintf(b, "%3d %-*s %08x %016x %s\n", s.Index, width, s.Name, s.Size, s.Address, sectionKind(s))
	}
	return b.Flush()
}

// Contents writes the bytes of a section as `llvm-objdump -s` does.
func Contents(w io.Writer, o *elfbpf.Object, section string) error {
	data, ok := o.Data(section)
	if !ok {
		return &elfbpf.Error{Object: o.Name, Section: section, Reason: "there is no such section", Advice: "bpfls sections --all lists them"}
	}
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "\n%s:\tfile format elf64-bpf\nContents of section %s:\n", o.Name, section)
	for at := 0; at < len(data); at += 16 {
		row := data[at:min(at+16, len(data))]
		fmt.Fprintf(b, " %04x", at)
		for i := range 16 {
			if i%4 == 0 {
				b.WriteByte(' ')
			}
			if i < len(row) {
				fmt.Fprintf(b, "%02x", row[i])
			} else {
				b.WriteString("  ")
			}
		}
		b.WriteString("  ")
		for _, c := range row {
			if c < ' ' || c > '~' {
				c = '.'
			}
			b.WriteByte(c)
		}
		b.WriteByte('\n')
	}
	return b.Flush()
}

const (
	shtProgbits = 1
	shtNobits   = 8
	shfAlloc    = 2
)

// sectionKind is what llvm-objdump calls a section.
func sectionKind(s elfbpf.Section) string {
	switch {
	case s.Text:
		return "TEXT"
	case s.Type == shtNobits && s.Flags&shfAlloc != 0:
		return "BSS"
	case s.Type == shtProgbits && s.Flags&shfAlloc != 0:
		return "DATA"
	case strings.HasPrefix(s.Name, ".debug"):
		return "DEBUG"
	}
	return ""
}

// ObjdumpOptions choose what Objdump writes.
type ObjdumpOptions struct {
	Section, Program string // only these; empty: all
	Bytes            bool   // instructions with their bytes (-S)
	Relocations      bool   // relocations: below their instructions with Bytes, else as a table
	// Source returns a line of a source by the path that DWARF gives; nil, or false
	// where it is not known: the lines of BTF are shown.
	Source func(file string, line int) (string, bool)
}

// Objdump writes instructions with their bytes and relocations as llvm-objdump
// -S and -r do: the code as it stands in the file, before relocation.
func Objdump(w io.Writer, o *elfbpf.Object, opt ObjdumpOptions) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "\n%s:\tfile format elf64-bpf\n", o.Name)
	var sections []string
	for _, p := range o.Programs {
		if (opt.Section == "" || p.Section == opt.Section) && (opt.Program == "" || p.Name == opt.Program) &&
			!slices.Contains(sections, p.Section) {
			sections = append(sections, p.Section)
		}
	}
	dwarfLines := lineTables(o, opt.Source)
	for _, section := range sections {
		if !opt.Bytes {
			relocationTable(b, section, o.Relocations(section))
			continue
		}
		data, _ := o.Data(section)
		code := isa.Slots(data, o.ByteOrder)
		fmt.Fprintf(b, "\nDisassembly of section %s:\n", section)
		symbols := map[int]string{}
		for _, p := range o.Programs {
			if p.Section == section {
				symbols[p.Offset/8] = p.Name
			}
		}
		for _, p := range o.Programs {
			if p.Section != section || opt.Program != "" && p.Name != opt.Program {
				continue
			}
			var relocs []elfbpf.Relocation
			if opt.Relocations {
				relocs = o.Relocations(section)
			}
			objdumpFunction(b, p, code, data, symbols, relocs, dwarfLines[section])
		}
	}
	return b.Flush()
}

func objdumpFunction(b *bufio.Writer, p *elfbpf.Program, code []isa.Slot, data []byte, symbols map[int]string, relocs []elfbpf.Relocation, lines []sourceLine) {
	fmt.Fprintf(b, "\n%016x <%s>:\n", p.Offset, p.Name)
	first := p.Offset / 8
	end := min(first+p.Size/8, len(code))
	shown := sourceLine{}
	for slot := first; slot < end; {
		l, ok := lineAt(lines, slot)
		if lines == nil {
			l, ok = btfLine(p, slot-first)
		}
		if ok && (l.line != shown.line || l.file != shown.file) {
			if l.line != 0 {
				fmt.Fprintf(b, "; %s\n", l.text)
			}
			shown = l
		}
		text, slots := isa.ObjdumpText(code, slot, func(target int) string { return symbolAt(symbols, target) })
		slots = max(slots, 1)
		raw := data[8*slot : min(8*(slot+slots), len(data))]
		fmt.Fprintf(b, "%8d:\t% x\t%s\n", slot, raw, text)
		for _, r := range relocs {
			if r.Offset >= 8*slot && r.Offset < 8*(slot+slots) {
				fmt.Fprintf(b, "\t\t%016x:  %s\t%s\n", r.Offset, relocationName(r.Type), relocationValue(r))
			}
		}
		slot += slots
	}
}

// sourceLine is a line of a source from a slot of a section on.
type sourceLine struct {
	slot int
	file string
	line int // 0: no true line
	text string
}

func lineAt(lines []sourceLine, slot int) (sourceLine, bool) {
	i, found := slices.BinarySearchFunc(lines, slot, func(l sourceLine, slot int) int { return l.slot - slot })
	if !found {
		i--
	}
	if i < 0 {
		return sourceLine{}, false
	}
	return lines[i], true
}

func btfLine(p *elfbpf.Program, slot int) (sourceLine, bool) {
	l, ok := p.Line(slot)
	return sourceLine{file: l.File, line: l.Line, text: l.Text}, ok && l.Text != ""
}

// lineTables returns DWARF's lines by section; nil where they cannot be told
// apart or their sources are not known. An object's line table has a sequence per
// section with code, and its addresses begin at 0 in each: a sequence belongs to
// the section of its size whose BTF lines agree with it best.
func lineTables(o *elfbpf.Object, source func(string, int) (string, bool)) map[string][]sourceLine {
	if source == nil {
		return nil
	}
	d, err := o.DWARF()
	if err != nil || d == nil {
		return nil
	}
	type sequence struct {
		lines []sourceLine
		end   uint64
	}
	var sequences []sequence
	for r := d.Reader(); ; {
		unit, err := r.Next()
		if err != nil || unit == nil {
			break
		}
		r.SkipChildren()
		lr, err := d.LineReader(unit)
		if err != nil || lr == nil {
			continue
		}
		var lines []sourceLine
		var e dwarf.LineEntry
		for lr.Next(&e) == nil {
			if e.EndSequence {
				sequences = append(sequences, sequence{lines, e.Address})
				lines = nil
				continue
			}
			l := sourceLine{slot: int(e.Address / 8), line: e.Line}
			if e.File != nil {
				l.file = e.File.Name
			}
			if l.line != 0 {
				text, ok := source(l.file, l.line)
				if !ok {
					return nil
				}
				l.text = text
			}
			if n := len(lines); n > 0 && lines[n-1].slot == l.slot {
				lines[n-1] = l
				continue
			}
			lines = append(lines, l)
		}
	}
	tables := map[string][]sourceLine{}
	for _, s := range o.Sections {
		if !s.Text || s.Size == 0 {
			continue
		}
		best := -1
		for _, q := range sequences {
			if q.end != s.Size {
				continue
			}
			if n := agreement(o, s.Name, q.lines); n > best {
				best, tables[s.Name] = n, q.lines
			}
		}
		if best < 0 {
			return nil
		}
	}
	return tables
}

// agreement counts the slots of a section for which BTF names the same line.
func agreement(o *elfbpf.Object, section string, lines []sourceLine) (n int) {
	for _, p := range o.Programs {
		if p.Section != section {
			continue
		}
		for _, l := range p.Lines {
			if d, ok := lineAt(lines, p.Offset/8+l.Slot); ok && l.Slot < p.Size/8 && d.line == l.Line {
				n++
			}
		}
	}
	return n
}

// symbolAt names a place in a section by the function that holds it.
func symbolAt(symbols map[int]string, slot int) string {
	best := -1
	for at := range symbols {
		if at <= slot && at > best {
			best = at
		}
	}
	switch {
	case best < 0:
		return ""
	case best == slot:
		return symbols[best]
	}
	return fmt.Sprintf("%s+0x%x", symbols[best], 8*(slot-best))
}

func relocationTable(b *bufio.Writer, section string, relocs []elfbpf.Relocation) {
	if len(relocs) == 0 {
		return
	}
	fmt.Fprintf(b, "\nRELOCATION RECORDS FOR [%s]:\n%-16s %-24s %s\n", section, "OFFSET", "TYPE", "VALUE")
	for _, r := range relocs {
		fmt.Fprintf(b, "%016x %-24s %s\n", r.Offset, relocationName(r.Type), relocationValue(r))
	}
}

func relocationValue(r elfbpf.Relocation) string {
	if r.Addend > 0 {
		return fmt.Sprintf("%s+0x%x", r.Symbol, r.Addend)
	}
	if r.Addend < 0 {
		return fmt.Sprintf("%s-0x%x", r.Symbol, -r.Addend)
	}
	return r.Symbol
}

// relocationName is the name of a relocation type (Linux, Documentation/bpf/llvm_reloc.rst).
func relocationName(t uint32) string {
	switch t {
	case 0:
		return "R_BPF_NONE"
	case 1:
		return "R_BPF_64_64"
	case 2:
		return "R_BPF_64_ABS64"
	case 3:
		return "R_BPF_64_ABS32"
	case 4:
		return "R_BPF_64_NODYLD32"
	case 10:
		return "R_BPF_64_32"
	}
	return fmt.Sprintf("Unknown (%d)", t)
}
