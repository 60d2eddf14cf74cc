package clangdriver

import (
	"path/filepath"
	"slices"
)

// projectCommand is how a project compiles a source.
type projectCommand struct {
	compileCommand
	origin  string // "" where nothing says how
	db      *database
	inDB    bool
	forBPF  bool
	clangd  []clangdFragment
	ignored []Flag   // what was found and not taken, with the reasons
	read    []string // files that were read besides db
	missing []string // that would be read
}

// projectCommand finds the command of a source: that of a compilation database, if it
// compiles for BPF; else that of a go:generate line of bpf2go; else that of a rule of a
// Makefile; else that of the database, for another machine, or compile_flags.txt. What
// .clangd files say changes it.
func (d *Driver) projectCommand(s Settings, settingsDir, source string) *projectCommand {
	c := &projectCommand{}
	if s.NoProject {
		return c
	}
	c.clangd, c.ignored = clangdFragments(source, &c.read, &c.missing)
	if s.CompileCommands == "" {
		for _, f := range c.clangd {
			switch f.database {
			case "":
			case "Ancestors":
				s.CompileCommands = ""
			default:
				s.CompileCommands = absIn(filepath.Dir(f.file), f.database)
				if f.database == "None" {
					s.CompileCommands = "None"
				}
			}
		}
	}
	if s.CompileCommands != "None" {
		var missing []string
		c.db, missing = d.findDatabase(s, settingsDir, source)
		c.missing = append(c.missing, missing...)
	}
	if c.db != nil && c.db.err != nil {
		c.ignored = append(c.ignored, Flag{Args: []string{c.db.path}, Origin: c.db.path, Reason: c.db.err.Error()})
	} else if c.db != nil {
		if command, ok := c.db.lookup(source); ok {
			c.inDB = true
			c.compileCommand, c.origin = command, c.db.path
		}
	}
	if c.forBPF = isBPFTarget(targetOf(c.args)); !c.forBPF && c.err == nil {
		d.buildCommand(source, c)
	}
	for _, f := range c.clangd {
		c.forBPF = c.forBPF || isBPFTarget(targetOf(f.add))
	}
	return c
}

// buildCommand takes the command of a bpf2go line or of a Makefile instead.
func (d *Driver) buildCommand(source string, c *projectCommand) {
	if g := d.generateCommand(source, &c.read); g != nil {
		command, err := g.command(d.environ())
		if err == nil {
			c.compileCommand, c.origin, c.forBPF = command, g.origin(), true
			return
		}
		c.ignored = append(c.ignored, Flag{Args: []string{"bpf2go"}, Origin: g.origin(), Reason: err.Error() + "; nothing of this line is taken"})
	}
	command, origin, err := d.makeCommand(source, &c.read, &c.missing)
	switch {
	case err != nil:
		c.ignored = append(c.ignored, Flag{Args: []string{"make"}, Origin: origin, Reason: err.Error() + "; nothing of this rule is taken"})
	case origin != "":
		c.compileCommand, c.origin, c.forBPF = command, origin, true
	}
}

// flags filters the command, changed by .clangd files.
func (c *projectCommand) flags(source string) takenFlags {
	t := takenFlags{}
	directory := c.directory
	if directory == "" {
		directory = filepath.Dir(source)
	}
	type part struct {
		args   []string
		origin string
	}
	parts := []part{{c.args, c.origin}}
	for _, f := range c.clangd {
		for _, name := range f.remove {
			for i := range parts {
				parts[i].args = removed(parts[i].args, name)
			}
		}
		if len(f.add) > 0 {
			parts = append(parts, part{slices.Clone(f.add), f.file})
		}
	}
	target := ""
	for _, p := range parts {
		if named := targetOf(p.args); named != "" {
			target = named
		}
	}
	for _, p := range parts {
		one := filterPart(p.args, target, directory, p.origin, source)
		t.taken = append(t.taken, one.taken...)
		t.ignored = append(t.ignored, one.ignored...)
		if one.optimize != nil {
			t.optimize = one.optimize
		}
		t.warnings = t.warnings || one.warnings
	}
	t.target = target
	if c.err != nil {
		t.ignore(c.origin, c.err.Error(), "command")
	}
	t.ignored = append(t.ignored, c.ignored...)
	return t
}
