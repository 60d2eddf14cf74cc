package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"bpfls/report"
)

// Flags is the grammar of one command's line: its flags and its arguments, in
// any order. A command declares them; no grammar but that of the command that is
// run is ever built, since a verdict must not wait for it.
type Flags struct {
	flags  *pflag.FlagSet
	values map[string]string // what stands for a flag's value in the help, by name
	args   []argument
	helped bool // --help was given
}

// argument is a word that belongs to no flag.
type argument struct {
	name, help string
	optional   bool
	many       bool // all words that are left
	add        func(string)
}

// NewFlags gives a grammar that knows --help alone.
func NewFlags() *Flags {
	f := &Flags{flags: pflag.NewFlagSet("", pflag.ContinueOnError), values: map[string]string{}}
	f.flags.SortFlags = false
	f.flags.SetOutput(io.Discard)
	f.flags.BoolVarP(&f.helped, "help", "h", false, "Show this help.")
	return f
}

// Text declares a flag with a value; where there are choices, one of them. Its
// variable holds the default.
func (f *Flags) Text(into *string, name, value, help string, choices ...string) {
	f.values[name] = value
	f.flags.Var(&choice{into, choices}, name, help)
}

// choice is the value of a flag that is one of several words.
type choice struct {
	into    *string
	choices []string
}

func (c *choice) String() string { return *c.into }
func (c *choice) Type() string   { return "string" }

func (c *choice) Set(s string) error {
	if len(c.choices) > 0 && !slices.Contains(c.choices, s) {
		n := len(c.choices) - 1
		return fmt.Errorf("must be %s or %s", strings.Join(c.choices[:n], ", "), c.choices[n])
	}
	*c.into = s
	return nil
}

// Yes declares a flag without a value.
func (f *Flags) Yes(into *bool, name, help string) { f.flags.BoolVar(into, name, *into, help) }

// Number declares a flag whose value is an integer.
func (f *Flags) Number(into *int, name, short, value, help string) {
	f.values[name] = value
	f.flags.IntVarP(into, name, short, *into, help)
}

// Names declares a flag whose values are lists, and add up.
func (f *Flags) Names(into *[]string, name, value, help string) {
	f.values[name] = value
	f.flags.StringSliceVar(into, name, nil, help)
}

// Duration declares a flag whose value is a time, 30s or 2m.
func (f *Flags) Duration(into *time.Duration, name, value, help string) {
	f.values[name] = value
	f.flags.DurationVar(into, name, *into, help)
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

// Parse reads the words behind the command's name. The error is pflag.ErrHelp where
// they ask for help.
func (f *Flags) Parse(words []string) error {
	if err := f.flags.Parse(words); err != nil {
		return err
	}
	if f.helped {
		return pflag.ErrHelp
	}
	words = f.flags.Args()
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
	f.flags.VisitAll(func(o *pflag.Flag) {
		term := "    --" + o.Name
		if o.Shorthand != "" {
			term = "-" + o.Shorthand + ", --" + o.Name
		}
		if value := f.values[o.Name]; value != "" {
			term += "=" + value
		}
		flags = append(flags, [2]string{term, o.Usage})
	})
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
		c.New().Declare(f) // panics where a flag is declared twice
		f.flags.VisitAll(func(o *pflag.Flag) {
			if !strings.HasSuffix(o.Usage, ".") {
				problems = append(problems, fmt.Sprintf("%s: the help of --%s is no sentence: %q", c.Name, o.Name, o.Usage))
			}
		})
		for i, a := range f.args {
			if a.many && i+1 < len(f.args) {
				problems = append(problems, fmt.Sprintf("%s: %s leaves no words for later arguments", c.Name, a.name))
			}
		}
	}
	return problems
}
