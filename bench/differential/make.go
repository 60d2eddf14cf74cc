package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"bpfls/isa"
	"bpfls/platform"
	"bpfls/soundness"
)

// Hooks that programs are made for: PREVAIL chooses the type by the section.
var hooks = []struct{ section, typ string }{
	{"xdp", "xdp"}, {"socket", "socket_filter"}, {"classifier", "sched_cls"}, {"kprobe/x", "kprobe"}, {"xdp", "xdp"},
}

// programsPerSource is how many C programs one run of clang compiles.
const programsPerSource = 20

type maker struct {
	p          *platform.Platform
	dir, clang string
	number     uint64 // of the C source that is compiled
	compiled   []byte
}

func newMaker(p *platform.Platform, dir, clang string) *maker {
	return &maker{p: p, dir: dir, clang: clang, number: ^uint64(0)}
}

// make makes the program of a seed.
func (m *maker) make(seed uint64, kind string) (subject, error) {
	if kind == "" {
		kind = [...]string{"c", "generated", "mutant", "generated", "cmutant", "splice"}[seed/programsPerSource%6]
	}
	hook := hooks[seed%uint64(len(hooks))]
	s := subject{kind: kind, section: hook.section, function: "prog", typ: hook.typ, seed: seed}
	var err error
	switch kind {
	case "c", "cmutant":
		s.object, err = m.compile(seed / programsPerSource)
		if err != nil {
			return s, err
		}
		s.typ = "xdp"
		s.section = fmt.Sprintf("xdp/%d", seed%programsPerSource)
		s.function = fmt.Sprintf("prog%d", seed%programsPerSource)
		if kind == "cmutant" {
			s.object, err = mutateSection(s.object, s.section, seed)
		}
	case "generated":
		s.object = object(m.generate(seed, hook.typ), s.section, s.function)
	case "mutant":
		p := m.generate(seed, hook.typ)
		p.Code = mutate(p.Code, seed)
		s.object = object(p, s.section, s.function)
	case "splice":
		p, q := m.generate(seed, hook.typ), m.generate(seed+1<<32, hook.typ)
		p.Code = understood(seed, func(seed uint64) []isa.Slot { return splice(p.Code, q.Code, seed) })
		s.object = object(p, s.section, s.function)
	default:
		err = fmt.Errorf("no kind %q", kind)
	}
	return s, err
}

func (m *maker) generate(seed uint64, typ string) soundness.Program {
	t, ok := m.p.TypeByName(typ)
	if !ok {
		panic("no program type " + typ)
	}
	c := soundness.Config{
		Type: t, Maps: soundness.Maps(1, 2), Length: 20 + int(seed/7%6)*25,
		Loops: seed%4 != 0, Calls: seed%5 != 0, Helpers: seed%3 != 0, Lookup: 1, Update: 2, Random: 7,
	}
	if seed%8 == 3 {
		c.Wild = 20
	}
	return soundness.Generate(seed, c)
}

// mutate changes two or more instructions. Of most seeds the result has an encoding
// that is understood: of a program that is refused no more than that is compared.
func mutate(code []isa.Slot, seed uint64) []isa.Slot {
	return understood(seed, func(seed uint64) []isa.Slot {
		return soundness.Mutate(seed+1<<40, soundness.Mutate(seed, code))
	})
}

// understood makes a program again, from other seeds, until it can be decoded; of one
// seed in sixteen the first will do.
func understood(seed uint64, change func(seed uint64) []isa.Slot) []isa.Slot {
	code := change(seed)
	for try := uint64(1); try < 64 && seed%16 != 9; try++ {
		linked := slices.Clone(code) // calls of other sections go to the next slot
		for i := range linked {
			if s := &linked[i]; s.Op == isa.OpCall && s.Src == isa.SrcLocal {
				s.Imm = 0
			}
		}
		if _, err := isa.Decode(linked); err == nil {
			break
		}
		code = change(seed + try<<48)
	}
	return code
}

// splice replaces a window of one program by one of another.
func splice(a, b []isa.Slot, seed uint64) []isa.Slot {
	r := rand.New(rand.NewPCG(seed, 0xd6e8feb86659fd93))
	out := append([]isa.Slot(nil), a...)
	n := min(3+r.IntN(25), len(a)-1, len(b))
	at, from := r.IntN(len(a)-n), r.IntN(len(b)-n+1)
	copy(out[at:], b[from:from+n])
	return out
}

// mutateSection changes two instructions of a section of an object, none that is
// relocated.
func mutateSection(object []byte, section string, seed uint64) ([]byte, error) {
	f, err := elf.NewFile(bytes.NewReader(object))
	if err != nil {
		return nil, err
	}
	s := f.Section(section)
	if s == nil {
		return nil, fmt.Errorf("no section %s", section)
	}
	out := bytes.Clone(object)
	data := out[s.Offset:][:s.Size]
	copy(data, isa.AppendBytes(nil, mutate(isa.Slots(data, binary.LittleEndian), seed), binary.LittleEndian))
	return out, nil
}

// compile compiles the C source of a number.
func (m *maker) compile(number uint64) ([]byte, error) {
	if m.number == number {
		return m.compiled, nil
	}
	src := filepath.Join(m.dir, "source.c")
	out := filepath.Join(m.dir, "source.o")
	if err := os.WriteFile(src, []byte(source(number)), 0o600); err != nil {
		return nil, err
	}
	cpu := [...]string{"-mcpu=v3", "-mcpu=v2", "-mcpu=v4", "-mcpu=v1"}[number%4]
	cmd := exec.Command(m.clang, "-target", "bpf", cpu, "-O2", "-g", "-w", "-c", src, "-o", out)
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("clang: %w\n%s", err, text)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		return nil, err
	}
	m.number, m.compiled = number, data
	return data, nil
}

// object writes a program as an ELF object with its maps in the old form: a section
// "maps" of structures.
func object(p soundness.Program, section, function string) []byte {
	le := binary.LittleEndian
	code := append([]isa.Slot(nil), p.Code...)
	var relocs []byte
	for i := range code {
		s := &code[i]
		if s.Op == isa.OpLDDW && s.Src == isa.SrcMapFD && s.Imm >= 1 && int(s.Imm) <= len(p.Maps) && i+1 < len(code) {
			relocs = le.AppendUint64(relocs, uint64(i)*isa.SlotSize)
			relocs = le.AppendUint64(relocs, uint64(1+s.Imm)<<32|1) // symbol of the map, R_BPF_64_64
			s.Imm, s.Src = 0, 0
		}
	}
	text := isa.AppendBytes(nil, code, le)
	var mapData []byte
	for _, m := range p.Maps {
		for _, v := range []uint32{m.Type, m.KeySize, m.ValueSize, m.MaxEntries, 0} {
			mapData = le.AppendUint32(mapData, v)
		}
	}
	names := stringTable{}
	names.add("")
	symbols := make([]byte, 24)
	symbol := func(name string, info byte, section uint16, value, size uint64) {
		symbols = le.AppendUint32(symbols, names.add(name))
		symbols = append(symbols, info, 0)
		symbols = le.AppendUint16(symbols, section)
		symbols = le.AppendUint64(symbols, value)
		symbols = le.AppendUint64(symbols, size)
	}
	symbol(function, 1<<4|2, 1, 0, uint64(len(text))) // global function
	for i, m := range p.Maps {
		symbol(m.Name, 1<<4|1, 3, uint64(i)*20, 20) // global object
	}
	type header struct {
		name                string
		typ, link, info     uint32
		flags, entry, align uint64
		data                []byte
	}
	sections := []header{
		{},
		{name: section, typ: 1, flags: 6, align: 8, data: text},
		{name: ".rel" + section, typ: 9, link: 4, info: 1, entry: 16, align: 8, data: relocs},
		{name: "maps", typ: 1, flags: 3, align: 4, data: mapData},
		{name: ".symtab", typ: 2, link: 5, info: 1, entry: 24, align: 8, data: symbols},
		{name: ".strtab", typ: 3, align: 1},
	}
	nameOf := make([]uint32, len(sections))
	for i, s := range sections {
		nameOf[i] = names.add(s.name)
	}
	sections[5].data = names.data
	out := make([]byte, 64)
	var headers []byte
	for i, s := range sections {
		for len(out)%8 != 0 {
			out = append(out, 0)
		}
		offset := uint64(len(out))
		if i == 0 {
			offset = 0
		}
		out = append(out, s.data...)
		headers = le.AppendUint32(headers, nameOf[i])
		headers = le.AppendUint32(headers, s.typ)
		for _, v := range []uint64{s.flags, 0, offset, uint64(len(s.data))} {
			headers = le.AppendUint64(headers, v)
		}
		headers = le.AppendUint32(headers, s.link)
		headers = le.AppendUint32(headers, s.info)
		headers = le.AppendUint64(headers, s.align)
		headers = le.AppendUint64(headers, s.entry)
	}
	for len(out)%8 != 0 {
		out = append(out, 0)
	}
	copy(out, "\x7fELF\x02\x01\x01")
	le.PutUint16(out[16:], 1)   // relocatable
	le.PutUint16(out[18:], 247) // BPF
	le.PutUint32(out[20:], 1)
	le.PutUint64(out[40:], uint64(len(out)))
	le.PutUint16(out[52:], 64)
	le.PutUint16(out[58:], 64)
	le.PutUint16(out[60:], uint16(len(sections)))
	le.PutUint16(out[62:], 5)
	return append(out, headers...)
}

// stringTable is an ELF string table.
type stringTable struct{ data []byte }

func (s *stringTable) add(text string) uint32 {
	at := uint32(len(s.data))
	s.data = append(append(s.data, text...), 0)
	return at
}
