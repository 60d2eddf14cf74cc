package cli

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"bpfls/report"
)

// Flags is the grammar of one command's line: its flags and its arguments, in
// any order. A command declares them; no grammar but that of the command that is
// run is ever built, since a verdict must not wait for it.
//
// Package flag reads the flags: --name=value or --name value; -- ends them. Those
// without a value may say --name=false. A value that begins with - is a value.
type Flags struct {
	set   *flag.FlagSet
	flags []flagHelp
	args  []argument
}

// flagHelp is what the help says of a flag.
type flagHelp struct {
	name, short string
	value       string // what stands for its value; empty: it needs none
	help        string
}

// ErrHelp is the error of a line that asks for help.
var ErrHelp = flag.ErrHelp

// argument is a word that belongs to no flag.
type argument struct {
	name, help string
	optional   bool
	many       bool // all words that are left
	add        func(string)
}

// NewFlags gives a grammar that knows --help alone.
func NewFlags() *Flags {
	f := &Flags{set: flag.NewFlagSet("", flag.ContinueOnError)}
	f.set.SetOutput(io.Discard) // the caller prints errors and help
	f.flags = []flagHelp{{"help", "h", "", "Show this help."}}
	return f
}

// Text declares a flag with a value; where there are choices, one of them. Its
// variable holds the default.
func (f *Flags) Text(into *string, name, value, help string, choices ...string) {
	f.set.Func(name, "", func(s string) error {
		if len(choices) > 0 && !slices.Contains(choices, s) {
			n := len(choices) - 1
			return fmt.Errorf("must be %s or %s", strings.Join(choices[:n], ", "), choices[n])
		}
		*into = s
		return nil
	})
	f.flags = append(f.flags, flagHelp{name, "", value, help})
}

// Yes declares a flag without a value.
func (f *Flags) Yes(into *bool, name, help string) {
	f.set.BoolVar(into, name, *into, "")
	f.flags = append(f.flags, flagHelp{name, "", "", help})
}

// Number declares a flag whose value is an integer; it has a short name, too.
func (f *Flags) Number(into *int, name, short, value, help string) {
	f.set.IntVar(into, name, *into, "")
	f.set.IntVar(into, short, *into, "")
	f.flags = append(f.flags, flagHelp{name, short, value, help})
}

// Names declares a flag whose values are lists, and add up.
func (f *Flags) Names(into *[]string, name, value, help string) {
	f.set.Func(name, "", func(s string) error {
		*into = append(*into, strings.Split(s, ",")...)
		return nil
	})
	f.flags = append(f.flags, flagHelp{name, "", value, help})
}

// Duration declares a flag whose value is a time, 30s or 2m.
func (f *Flags) Duration(into *time.Duration, name, value, help string) {
	f.set.Func(name, "", func(s string) error {
		d, err := time.ParseDuration(s)
		if err != nil {
			return errors.New(`must be a duration like "30s" or "5m"`)
		}
		*into = d
		return nil
	})
	f.flags = append(f.flags, flagHelp{name, "", value, help})
}

// Arg declares the next argument.
func (f *Flags) Arg(into *string, name, help string) {
	f.args = append(f.args, argument{name: name, help: help, add: func(s string) { *into = s }})
}

// Optional declares an argument that may be left out; only such ones follow it.
func (f *Flags) Optional(into *string, name, help string) {
	f.Arg(into, name, help)
	f.args[len(f.args)-1].optional = true
}

// Rest declares that the remaining words, at least one unless optional, are into.
func (f *Flags) Rest(into *[]string, name, help string, optional bool) {
	f.args = append(f.args, argument{name: name, help: help, optional: optional, many: true, add: func(s string) { *into = append(*into, s) }})
}

// Parse reads the words behind the command's name. The error is ErrHelp where they ask
// for help.
func (f *Flags) Parse(line []string) error {
	var words []string
	for len(line) > 0 {
		// Package flag stops at the first word that is none of a flag, and behind "--".
		if err := f.set.Parse(line); err != nil {
			return err
		}
		rest := f.set.Args()
		if read := len(line) - len(rest); len(rest) == 0 || read > 0 && line[read-1] == "--" {
			words = append(words, rest...)
			break
		}
		words, line = append(words, rest[0]), rest[1:]
	}
	for _, a := range f.args {
		switch {
		case len(words) == 0 && !a.optional:
			return fmt.Errorf("expected %q", a.String())
		case a.many:
			for _, w := range words {
				a.add(w)
			}
			words = nil
		case len(words) > 0:
			a.add(words[0])
			words = words[1:]
		}
	}
	if len(words) > 0 {
		return fmt.Errorf("unexpected argument %s", words[0])
	}
	return nil
}

func (a argument) String() string {
	s := "<" + a.name + ">"
	if a.many {
		s += " ..."
	}
	if a.optional {
		s = "[" + s + "]"
	}
	return s
}

// help writes how a command is used.
func (f *Flags) help(w io.Writer, name, what string) {
	fmt.Fprintf(w, "Usage: bpfls %s", name)
	var args, flags [][2]string
	for _, a := range f.args {
		fmt.Fprintf(w, " %s", a)
		args = append(args, [2]string{a.String(), a.help})
	}
	fmt.Fprintf(w, " [flags]\n\n%s\n", report.Wrap(what, helpWidth))
	columns(w, "Arguments", args)
	for _, o := range f.flags {
		term := "    --" + o.name
		if o.short != "" {
			term = "-" + o.short + ", --" + o.name
		}
		if o.value != "" {
			term += "=" + o.value
		}
		flags = append(flags, [2]string{term, o.help})
	}
	columns(w, "Flags", flags)
}

const helpWidth = 80

// columns writes rows of a term and its explanation under a title.
func columns(w io.Writer, title string, rows [][2]string) {
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s:\n", title)
	width := 0
	for _, row := range rows {
		width = max(width, len(row[0]))
	}
	for _, row := range rows {
		text := report.Wrap(row[1], helpWidth-width-6)
		for i, line := range strings.Split(text, "\n") {
			if i > 0 {
				row[0] = ""
			}
			fmt.Fprintf(w, "  %-*s    %s\n", width, row[0], line)
		}
	}
}

// Problems lists what is wrong with the grammars of commands; tests ask for it.
func Problems(commands []Command) (problems []string) {
	for _, c := range commands {
		if c.New == nil {
			continue
		}
		f := NewFlags()
		c.New().Declare(f)
		for _, o := range f.flags {
			if !strings.HasSuffix(o.help, ".") {
				problems = append(problems, fmt.Sprintf("%s: the help of --%s is no sentence: %q", c.Name, o.name, o.help))
			}
		}
		for i, a := range f.args {
			if a.many && i+1 < len(f.args) {
				problems = append(problems, fmt.Sprintf("%s: %s leaves no words for later arguments", c.Name, a.name))
			}
		}
	}
	return problems
}
