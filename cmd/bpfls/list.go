package main

import (
	"path/filepath"

	"bpfls/cmd/internal/cli"
	"bpfls/platform"
	"bpfls/report"
	"bpfls/session"
)

type sectionsCmd struct {
	inputFlags
	all, contents          bool
	file, section, program string
}

func (c *sectionsCmd) Declare(f *cli.Flags) {
	c.inputFlags.Declare(f)
	f.Yes(&c.all, "all", "List every section of the ELF file, as llvm-objdump -h does.")
	f.Yes(&c.contents, "contents", "Show the bytes of the section, as llvm-objdump -s does.")
	f.Arg(&c.file, "file", "C source or BPF object.")
	f.Optional(&c.section, "section", "Section; with statistics of its programs.")
	f.Optional(&c.program, "program", "Program of the section.")
}

func (c *sectionsCmd) Run(p *cli.Program) error {
	if err := c.check("text", "netsh"); err != nil {
		return err
	}
	section := c.section
	switch {
	case c.contents && c.section == "":
		return cli.Usage("sections --contents: name the section behind the file")
	case c.contents || c.all:
		section = "" // any section, not only those with programs
	}
	o, err := load(p, &c.inputFlags, c.file, section, c.program)
	if err != nil {
		return err
	}
	level := c.level
	if level == "" && c.section != "" {
		level = "verbose" // as netsh
	}
	switch {
	case c.contents:
		return report.Contents(p.Stdout, o.Object, c.section)
	case c.all:
		return report.ELFSections(p.Stdout, o.Object)
	case level == "verbose":
		maps := make([]platform.Map, len(o.Object.Maps))
		for i, m := range o.Object.Maps {
			maps[i] = m.Map
		}
		return report.NetshStatistics(p.Stdout, rows(o), o.Object.Maps, maps, o.Platform)
	}
	return report.NetshSections(p.Stdout, rows(o), o.Object.Maps, o.Platform)
}

type disassembleCmd struct {
	inputFlags
	bytes, relocations     bool
	file, section, program string
}

func (c *disassembleCmd) Declare(f *cli.Flags) {
	c.inputFlags.Declare(f)
	f.Yes(&c.bytes, "bytes", "Show the bytes of each instruction, as llvm-objdump -S does.")
	f.Yes(&c.relocations, "relocations", "Show the relocations, as llvm-objdump -r does.")
	f.Arg(&c.file, "file", "C source or BPF object.")
	f.Optional(&c.section, "section", "Section of the program.")
	f.Optional(&c.program, "program", "Program of the section.")
}

func (c *disassembleCmd) Run(p *cli.Program) error {
	if err := c.check("text", "netsh"); err != nil {
		return err
	}
	o, err := load(p, &c.inputFlags, c.file, c.section, c.program)
	if err != nil {
		return err
	}
	if c.bytes || c.relocations {
		return report.Objdump(p.Stdout, o.Object, report.ObjdumpOptions{
			Section: c.section, Program: c.program, Bytes: c.bytes, Relocations: c.relocations, Source: sourceLines(o)})
	}
	all := rows(o)
	if c.format == "netsh" {
		all = all[:1] // netsh shows the first one that matches
	}
	for _, r := range all {
		if err := report.Disassembly(p.Stdout, r, o.Platform, report.DisassemblyOptions{Title: len(all) > 1}); err != nil {
			return &cli.Exit{Code: cli.Unjudged, Message: c.file + ": " + r.Program.Section + " " + r.Program.Name + ": " + err.Error()}
		}
	}
	return nil
}

// sourceLines finds lines of the sources by the paths that DWARF gives: those of
// line information, made absolute in the compiler's directory.
func sourceLines(o *session.Outcome) func(string, int) (string, bool) {
	byName := map[string]string{}
	for file := range o.Sources {
		base := filepath.Base(file)
		if _, twice := byName[base]; twice {
			byName[base] = ""
		} else {
			byName[base] = file
		}
	}
	return func(file string, line int) (string, bool) {
		m := o.Sources[file]
		if m == nil {
			m = o.Sources[byName[filepath.Base(file)]]
		}
		if m == nil || line < 1 || line > m.Lines() {
			return "", false
		}
		return string(m.Line(line)), true
	}
}
