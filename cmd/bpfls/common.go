package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"bpfls/cmd/internal/cli"
	"bpfls/report"
	"bpfls/session"
	"bpfls/verifier"
)

// inputFlags are the flags of every command that reads programs.
type inputFlags struct {
	platformFlags
	typ, termination, format, level string
}

func (i *inputFlags) Declare(f *cli.Flags) {
	i.platformFlags.Declare(f)
	i.termination, i.format = "auto", "text"
	f.Text(&i.typ, "type", "T", "Program type of every program: its name, or a section prefix.")
	f.Text(&i.termination, "termination", "auto|on|off", "Whether loops must be proven to end: auto (on for Windows, off for Linux), on, off.", "auto", "on", "off")
	f.Text(&i.format, "format", "F", "Form of the output: text, netsh, json, sarif, msbuild.", "text", "netsh", "json", "sarif", "msbuild")
	f.Text(&i.level, "level", "L", "How much is shown: normal, informational, verbose.", "normal", "informational", "verbose")
}

// platformFlags are the flags of every command that a platform matters to.
type platformFlags struct{ platform, hooks string }

func (i *platformFlags) Declare(f *cli.Flags) {
	i.platform = "auto"
	f.Text(&i.platform, "platform", "P", "Platform of the programs: auto, windows or linux.", "auto", "windows", "linux")
	f.Text(&i.hooks, "hooks", "FILE", "File that declares more hooks.")
}

// check refuses what is not built yet.
func (f *inputFlags) check(formats ...string) error {
	for _, known := range formats {
		if f.format == known {
			return nil
		}
	}
	return unbuilt("--format " + f.format)
}

func (f *inputFlags) request(path string) session.Request {
	return session.Request{Path: path, Choices: session.Choices{
		Platform:    f.platform,
		Type:        f.typ,
		Termination: tristate(f.termination),
		Hooks:       f.hooks,
	}}
}

func tristate(s string) verifier.Tristate {
	switch s {
	case "on":
		return verifier.On
	case "off":
		return verifier.Off
	}
	return verifier.Auto
}

// diagnostics writes clang's diagnostics of a source, as clang does.
func diagnostics(p *cli.Program, o *session.Outcome) {
	if o.Compile == nil {
		return
	}
	for _, d := range o.Compile.Diagnostics {
		place := ""
		if d.Line > 0 {
			place = fmt.Sprintf("%s:%d:%d: ", p.Shorten(d.File), d.Line, d.Column)
		}
		option := ""
		if d.Option != "" {
			option = " [" + d.Option + "]"
		}
		fmt.Fprintf(p.Stderr, "%s%s: %s%s\n", place, d.Severity, d.Message, option)
		for _, n := range d.Notes {
			if n.Line > 0 {
				fmt.Fprintf(p.Stderr, "  %s:%d:%d: %s: %s\n", p.Shorten(n.File), n.Line, n.Column, n.Severity, n.Message)
			}
		}
	}
}

// failed writes why a file could not be judged, and the errors in its settings. told:
// diagnostics wrote clang's errors before.
func failed(p *cli.Program, o *session.Outcome, told bool) {
	for _, problem := range o.Problems {
		fmt.Fprintf(p.Stderr, "bpfls: %v\n", problem)
	}
	if o.Err == nil {
		return
	}
	message := o.Err.Error()
	if told && o.CompileErrors {
		message = "it does not compile"
	}
	if !strings.HasPrefix(message, o.Report.Path) && !filepath.IsAbs(message) {
		message = o.Report.Path + ": " + message
	}
	fmt.Fprintf(p.Stderr, "bpfls: %s\n", message)
}

// load reads a file without verifying its programs.
func load(p *cli.Program, f *inputFlags, file, section, function string) (*session.Outcome, error) {
	req := f.request(file)
	req.Section, req.Program, req.NoVerify, req.All = section, function, true, true
	o := session.Run(p.Ctx, req)
	diagnostics(p, o)
	failed(p, o, true)
	if o.Err != nil || len(o.Problems) > 0 {
		return o, &cli.Exit{Code: cli.Unjudged}
	}
	return o, nil
}

func rows(o *session.Outcome) []report.ProgramRow {
	out := make([]report.ProgramRow, 0, len(o.Programs))
	for _, po := range o.Programs {
		out = append(out, report.ProgramRow{Program: po.Program, Type: po.Type})
	}
	return out
}
