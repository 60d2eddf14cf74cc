package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"bpfls/report"
)

// Flags is the grammar of one command's line: its flags and its arguments, in
// any order. A command declares them; no grammar but that of the command that is
// run is ever built, since a verdict must not wait for it.
//
// Flags are written --name=value or --name value, -n value or -nvalue; -- ends them.
// Those without a value may say --name=false. A value that begins with - is a value.
type Flags struct {
	flags  []flag
	args   []argument
	helped bool // --help was given
}

// flag is a word that begins with -.
type flag struct {
	name, short string
	value       string // what stands for its value in the help; empty: it needs none
	help        string
	set         func(string) error
}

// ErrHelp is the error of a line that asks for help.
var ErrHelp = errors.New("help is asked for")

// argument is a word that belongs to no flag.
type argument struct {
	name, help string
	optional   bool
	many       bool // all words that are left
	add        func(string)
}

// NewFlags gives a grammar that knows --help alone.
func NewFlags() *Flags {
	f := new(Flags)
	f.Yes(&f.helped, "help", "Show this help.")
	f.flags[0].short = "h"
	return f
}

// Text declares a flag with a value; where there are choices, one of them. Its
// variable holds the default.
func (f *Flags) Text(into *string, name, value, help string, choices ...string) {
	f.flags = append(f.flags, flag{name: name, value: value, help: help, set: func(s string) error {
		if len(choices) > 0 && !slices.Contains(choices, s) {
			n := len(choices) - 1
			return fmt.Errorf("must be %s or %s", strings.Join(choices[:n], ", "), choices[n])
		}
		*into = s
		return nil
	}})
}

// Yes declares a flag without a value.
func (f *Flags) Yes(into *bool, name, help string) {
	f.flags = append(f.flags, flag{name: name, help: help, set: func(s string) error {
		switch s {
		case "true":
			*into = true
		case "false":
			*into = false
		default:
			return errors.New("must be true or false")
		}
		return nil
	}})
}

// Number declares a flag whose value is an integer.
func (f *Flags) Number(into *int, name, short, value, help string) {
	f.flags = append(f.flags, flag{name: name, short: short, value: value, help: help, set: func(s string) error {
		n, err := strconv.Atoi(s)
		if err != nil {
			return errors.New("must be an integer")
		}
		*into = n
		return nil
	}})
}

// Names declares a flag whose values are lists, and add up.
func (f *Flags) Names(into *[]string, name, value, help string) {
	f.flags = append(f.flags, flag{name: name, value: value, help: help, set: func(s string) error {
		*into = append(*into, strings.Split(s, ",")...)
		return nil
	}})
}

// Duration declares a flag whose value is a time, 30s or 2m.
func (f *Flags) Duration(into *time.Duration, name, value, help string) {
	f.flags = append(f.flags, flag{name: name, value: value, help: help, set: func(s string) error {
		d, err := time.ParseDuration(s)
		if err != nil {
			return errors.New(`must be a duration like "30s" or "5m"`)
		}
		*into = d
		return nil
	}})
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
		word := line[0]
		line = line[1:]
		switch {
		case word == "--":
			words, line = append(words, line...), nil
		case len(word) < 2 || word[0] != '-':
			words = append(words, word)
		default:
			var err error
			if line, err = f.flag(word, line); err != nil {
				return err
			}
		}
	}
	if f.helped {
		return ErrHelp
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

// flag sets the flag of a word, with the next word as its value if need be, and
// returns the words that are left.
func (f *Flags) flag(word string, line []string) ([]string, error) {
	var at int
	var value string
	var has bool
	called := word
	if name, long := strings.CutPrefix(word, "--"); long {
		name, value, has = strings.Cut(name, "=")
		called = "--" + name
		if at = slices.IndexFunc(f.flags, func(o flag) bool { return o.name == name }); at < 0 {
			return nil, fmt.Errorf("unknown flag: %s", called)
		}
	} else {
		short, rest := word[1:2], word[2:]
		if at = slices.IndexFunc(f.flags, func(o flag) bool { return o.short == short }); at < 0 {
			return nil, fmt.Errorf("unknown flag: -%s in %s", short, word)
		}
		called = fmt.Sprintf("-%s, --%s", short, f.flags[at].name)
		value, has = strings.TrimPrefix(rest, "="), rest != ""
	}
	o := &f.flags[at]
	switch {
	case has:
	case o.value == "":
		value = "true"
	case len(line) == 0:
		return nil, fmt.Errorf("flag needs an argument: %s", called)
	default:
		value, line = line[0], line[1:]
	}
	if err := o.set(value); err != nil {
		return nil, fmt.Errorf("invalid argument %q for %q flag: %w", value, called, err)
	}
	return line, nil
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
		for i, o := range f.flags {
			if !strings.HasSuffix(o.help, ".") {
				problems = append(problems, fmt.Sprintf("%s: the help of --%s is no sentence: %q", c.Name, o.name, o.help))
			}
			for _, other := range f.flags[:i] {
				if other.name == o.name || o.short != "" && other.short == o.short {
					problems = append(problems, fmt.Sprintf("%s: --%s is declared twice", c.Name, o.name))
				}
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
