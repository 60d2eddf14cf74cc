package main

import (
	"path/filepath"

	"bpfls/platform"
	"bpfls/report"
	"bpfls/session"
)

type sectionsCmd struct {
	inputFlags
	All      bool   `help:"List every section of the ELF file, as llvm-objdump -h does."`
	Contents bool   `help:"Show the bytes of the section, as llvm-objdump -s does."`
	File     string `arg:"" help:"C source or BPF object."`
	Section  string `arg:"" optional:"" help:"Section; with statistics of its programs."`
	Program  string `arg:"" optional:"" help:"Program of the section."`
}

func (c *sectionsCmd) Run(p *program) error {
	if err := c.check("text", "netsh"); err != nil {
		return err
	}
	section := c.Section
	switch {
	case c.Contents && c.Section == "":
		return usage("sections --contents: name the section behind the file")
	case c.Contents || c.All:
		section = "" // any section, not only those with programs
	}
	o, err := p.load(&c.inputFlags, c.File, section, c.Program)
	if err != nil {
		return err
	}
	level := c.Level
	if level == "" && c.Section != "" {
		level = "verbose" // as netsh
	}
	switch {
	case c.Contents:
		return report.Contents(p.stdout, o.Object, c.Section)
	case c.All:
		return report.ELFSections(p.stdout, o.Object)
	case level == "verbose":
		maps := make([]platform.Map, len(o.Object.Maps))
		for i, m := range o.Object.Maps {
			maps[i] = m.Map
		}
		return report.NetshStatistics(p.stdout, rows(o), o.Object.Maps, maps, o.Platform)
	}
	return report.NetshSections(p.stdout, rows(o), o.Object.Maps, o.Platform)
}

type disassembleCmd struct {
	inputFlags
	Bytes       bool   `help:"Show the bytes of each instruction, as llvm-objdump -S does."`
	Relocations bool   `help:"Show the relocations, as llvm-objdump -r does."`
	File        string `arg:"" help:"C source or BPF object."`
	Section     string `arg:"" optional:"" help:"Section of the program."`
	Program     string `arg:"" optional:"" help:"Program of the section."`
}

func (c *disassembleCmd) Run(p *program) error {
	if err := c.check("text", "netsh"); err != nil {
		return err
	}
	o, err := p.load(&c.inputFlags, c.File, c.Section, c.Program)
	if err != nil {
		return err
	}
	if c.Bytes || c.Relocations {
		return report.Objdump(p.stdout, o.Object, report.ObjdumpOptions{
			Section: c.Section, Program: c.Program, Bytes: c.Bytes, Relocations: c.Relocations, Source: sourceLines(o)})
	}
	all := rows(o)
	if c.Format == "netsh" {
		all = all[:1] // netsh shows the first one that matches
	}
	for _, r := range all {
		if err := report.Disassembly(p.stdout, r, o.Platform, report.DisassemblyOptions{Title: len(all) > 1}); err != nil {
			return &exit{exitUnjudged, c.File + ": " + r.Program.Section + " " + r.Program.Name + ": " + err.Error()}
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
