package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"bpfls/report"
)

// flagSet is the grammar of one command's line: its flags and its arguments, in
// any order. A command declares them; no grammar but that of the command that is
// run is ever built, since a verdict must not wait for it.
type flagSet struct {
	flags []option
	args  []argument
}

// option is a flag: --name, --name=value or --name value; or, short, -n, -nvalue or -n value.
type option struct {
	name, short string
	value       string // what stands for its value in the help; empty: it has none
	help        string
	set         func(string) error
}

// argument is a word that belongs to no flag.
type argument struct {
	name, help string
	optional   bool
	many       bool // all words that are left
	add        func(string)
	given      bool
}

// text declares a flag with a value; where there are choices, one of them.
func (f *flagSet) text(into *string, name, value, help string, choices ...string) {
	f.flags = append(f.flags, option{name: name, value: value, help: help, set: func(s string) error {
		if len(choices) > 0 && !slices.Contains(choices, s) {
			return fmt.Errorf("must be %s, not %q", list(choices), s)
		}
		*into = s
		return nil
	}})
}

// list writes choices for people: a, b or c.
func list(choices []string) string {
	n := len(choices) - 1
	return strings.Join(choices[:n], ", ") + " or " + choices[n]
}

// yes declares a flag without a value.
func (f *flagSet) yes(into *bool, name, help string) {
	f.flags = append(f.flags, option{name: name, help: help, set: func(s string) (err error) {
		if *into = true; s != "" {
			if *into, err = strconv.ParseBool(s); err != nil {
				err = fmt.Errorf("it takes no value but true or false, not %q", s)
			}
		}
		return err
	}})
}

func (f *flagSet) number(into *int, name, short, value, help string) {
	f.flags = append(f.flags, option{name: name, short: short, value: value, help: help, set: func(s string) (err error) {
		if *into, err = strconv.Atoi(s); err != nil {
			err = fmt.Errorf("%q is no number", s)
		}
		return err
	}})
}

// names declares a flag whose values are lists, and add up.
func (f *flagSet) names(into *[]string, name, value, help string) {
	f.flags = append(f.flags, option{name: name, value: value, help: help, set: func(s string) error {
		*into = append(*into, strings.Split(s, ",")...)
		return nil
	}})
}

func (f *flagSet) duration(into *time.Duration, name, value, help string) {
	f.flags = append(f.flags, option{name: name, value: value, help: help, set: func(s string) (err error) {
		if *into, err = time.ParseDuration(s); err != nil {
			err = fmt.Errorf("%q is no duration such as 30s or 2m", s)
		}
		return err
	}})
}

func (f *flagSet) arg(into *string, name, help string) {
	f.args = append(f.args, argument{name: name, help: help, add: func(s string) { *into = s }})
}

func (f *flagSet) optional(into *string, name, help string) {
	f.arg(into, name, help)
	f.args[len(f.args)-1].optional = true
}

// rest declares that the remaining words, at least one unless optional, are into.
func (f *flagSet) rest(into *[]string, name, help string, optional bool) {
	f.args = append(f.args, argument{name: name, help: help, optional: optional, many: true, add: func(s string) { *into = append(*into, s) }})
}

// parse reads the words behind the command's name.
func (f *flagSet) parse(words []string) error {
	next, onlyArgs := 0, false
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		switch {
		case onlyArgs || len(word) < 2 || word[0] != '-':
			if next == len(f.args) {
				return fmt.Errorf("unexpected argument %s", word)
			}
			a := &f.args[next]
			a.add(word)
			a.given = true
			if !a.many {
				next++
			}
		case word == "--":
			onlyArgs = true
		default:
			fl, value, given := f.find(word)
			if fl == nil {
				return fmt.Errorf("unknown flag %s", word)
			}
			if !given && fl.value != "" {
				if len(words) == 0 {
					return fmt.Errorf("--%s: a value is missing", fl.name)
				}
				value, words = words[0], words[1:]
			}
			if err := fl.set(value); err != nil {
				return fmt.Errorf("--%s: %w", fl.name, err)
			}
		}
	}
	for i := range f.args {
		if a := &f.args[i]; !a.given && !a.optional {
			return fmt.Errorf("expected %q", a.String())
		}
	}
	return nil
}

// find returns the flag that a word names, and the value in the word if there is
// one.
func (f *flagSet) find(word string) (fl *option, value string, given bool) {
	name, long := strings.CutPrefix(word, "--")
	if long {
		name, value, given = strings.Cut(name, "=")
	}
	for i := range f.flags {
		switch fl := &f.flags[i]; {
		case long && fl.name == name:
			return fl, value, given
		case !long && fl.short == word[1:2]:
			value = strings.TrimPrefix(word[2:], "=")
			return fl, value, len(word) > 2
		}
	}
	return nil, "", false
}

func (a *argument) String() string {
	s := "<" + a.name + ">"
	if a.many {
		s += " ..."
	}
	if a.optional {
		s = "[" + s + "]"
	}
	return s
}

func (fl *option) String() string {
	s := "    "
	if fl.short != "" {
		s = "-" + fl.short + ", "
	}
	if s += "--" + fl.name; fl.value != "" {
		s += "=" + fl.value
	}
	return s
}

// help writes how a command is used.
func (f *flagSet) help(w io.Writer, name, what string) {
	fmt.Fprintf(w, "Usage: bpfls %s", name)
	var args [][2]string
	for i := range f.args {
		fmt.Fprintf(w, " %s", &f.args[i])
		args = append(args, [2]string{f.args[i].String(), f.args[i].help})
	}
	if len(f.flags) > 0 {
		fmt.Fprint(w, " [flags]")
	}
	fmt.Fprintf(w, "\n\n%s\n", report.Wrap(what, helpWidth))
	columns(w, "Arguments", args)
	flags := [][2]string{{"-h, --help", "Show this help."}}
	for i := range f.flags {
		flags = append(flags, [2]string{f.flags[i].String(), f.flags[i].help})
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
