package main

import (
	"fmt"
	"strings"

	"bpfls/session"
	"bpfls/settings"
)

type doctorCmd struct {
	platformFlags
	file string
}

func (c *doctorCmd) declare(f *flagSet) {
	c.platformFlags.declare(f)
	f.optional(&c.file, "file", "Source or object that the answers are for; without one, any in this folder.")
}

// Run prints what was found, where it came from and what to do. The exit code is
// 2 where something stands in the way of judging the file.
func (c *doctorCmd) Run(p *program) error {
	if code := p.doctor(session.Request{Path: c.file, Choices: session.Choices{Platform: c.platform, Hooks: c.hooks}}); code != exitPass {
		return &exit{code: code}
	}
	return nil
}

// doctor writes what a file would be judged with and returns the exit code.
func (p *program) doctor(req session.Request) int {
	d := session.Doctor(p.ctx, req)
	code := exitPass
	out := func(format string, args ...any) { fmt.Fprintf(p.stdout, format+"\n", args...) }
	out("bpfls %s", version())
	if s := d.Clang; s != nil {
		if s.Error != nil {
			code = exitUnjudged
			out("\nclang: %v", s.Error)
			for _, l := range s.Looked {
				out("  looked at %s", l)
			}
		} else {
			out("\nclang: %s, version %s (%s)", s.Clang.Path, s.Clang.Version, s.Clang.Origin)
			if s.Oldest {
				out("  this version is older than any that bpfls was tested with")
			}
		}
		if s.CompileCommands != "" {
			in := "the file is in it"
			if !s.InDatabase {
				in = "the file is not in it"
			}
			out("  %s: %s", s.CompileCommands, in)
		}
		for _, f := range s.Flags {
			out("  %-40s %s", strings.Join(f.Args, " "), f.Origin)
		}
		for _, f := range s.Ignored {
			out("  not taken: %s (%s): %s", strings.Join(f.Args, " "), f.Origin, f.Reason)
		}
		if len(s.Headers) > 0 {
			out("\nheaders are looked for in")
		}
		for _, h := range s.Headers {
			missing := ""
			if !h.Exists {
				missing = ", does not exist"
			}
			out("  %s (%s%s)", h.Path, h.Origin, missing)
		}
		if len(s.Command) > 0 && req.Path != "" {
			out("\ncommand\n  %s", quoteAll(s.Command))
		}
	}
	if d.Name != "" {
		out("\nplatform: %s (%s)", d.Name, d.Why)
	}
	for _, n := range d.Notes {
		out("  %s", n)
	}
	if d.Settings != nil {
		out("\nsettings")
		for _, e := range d.Settings.List() {
			if e.Value == "" && e.Origin.Kind == settings.BuiltIn {
				continue
			}
			out("  %-24s %-24s %s", e.Key, e.Value, e.Origin)
		}
	}
	for _, pr := range d.Problems {
		code = exitUnjudged
		fmt.Fprintf(p.stderr, "bpfls: %v\n", pr)
	}
	if d.Err != nil {
		code = exitUnjudged
		fmt.Fprintf(p.stderr, "bpfls: %v\n", d.Err)
	}
	return code
}

// quoteAll writes a command so that a shell reads it back.
func quoteAll(args []string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		quoted[i] = a
		if strings.ContainsAny(a, " \t\"'\\$&|;<>()*?[]{}`!#~") || a == "" {
			quoted[i] = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}
