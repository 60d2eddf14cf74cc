package cli

import (
	"fmt"
	"strings"

	"bpfls/session"
	"bpfls/settings"
)

// Doctor writes what a file would be judged with, where that comes from and what to do,
// and returns the exit code: Unjudged where something stands in the way.
func (p *Program) Doctor(req session.Request) int {
	d := session.Doctor(p.Ctx, req)
	code := Pass
	out := func(format string, args ...any) { fmt.Fprintf(p.Stdout, format+"\n", args...) }
	out("bpfls %s", Version())
	if s := d.Clang; s != nil {
		if s.Error != nil {
			code = Unjudged
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
		code = Unjudged
		fmt.Fprintf(p.Stderr, "bpfls: %v\n", pr)
	}
	if d.Err != nil {
		code = Unjudged
		fmt.Fprintf(p.Stderr, "bpfls: %v\n", d.Err)
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
