// Package cli is what bpfls and the program of its servers have in common: the
// grammar of command lines, exit codes, the version, and the answers of bpfls doctor.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"

	"bpfls/report"
)

// Exit codes. A run over several files has the largest one of them.
const (
	Pass     = 0 // every program passes
	Fail     = 1 // at least one fails or is rejected
	Unjudged = 2 // at least one input could not be judged
)

// Command is a command of bpfls.
type Command struct {
	Name, Help string
	// New makes the command. Where it is nil, Forward gets the words behind the name.
	New     func() Runner
	Forward func(p *Program, words []string) error
}

// What bpfls --help and the servers' own help say of them.
const (
	LSPHelp = "Run the language server on standard input and output."
	MCPHelp = "Serve the Model Context Protocol on standard input and output."
)

// Runner is a command with its flags and arguments.
type Runner interface {
	// Declare says which flags and arguments there are; they are set before Run.
	Declare(*Flags)
	Run(*Program) error
}

// Program is what commands need of the world.
type Program struct {
	Ctx            context.Context
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Terminal       bool   // Stdout is one that may be coloured
	Progress       bool   // Stderr is one
	Dir            string // working directory; empty where there is none
}

// Main is the world of this process. Its context ends with the first interrupt; a
// second one ends the process at once.
func Main() *Program {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop)
	dir, _ := os.Getwd()
	return &Program{
		Ctx:      ctx,
		Stdin:    os.Stdin,
		Stdout:   os.Stdout,
		Stderr:   os.Stderr,
		Terminal: isTerminal(os.Stdout) && os.Getenv("NO_COLOR") == "",
		Progress: isTerminal(os.Stderr),
		Dir:      dir,
	}
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}

// Exit is an exit code that a command ends with, and a message that was not printed
// yet, if any.
type Exit struct {
	Code    int
	Message string
}

func (e *Exit) Error() string { return e.Message }

// Usage is the end of a command whose line or input is wrong.
func Usage(format string, args ...any) error {
	return &Exit{Unjudged, fmt.Sprintf(format, args...)}
}

// Run runs one of the commands and returns the exit code.
func (p *Program) Run(commands []Command, args []string) int {
	if len(args) == 0 || args[0] == "--help" || args[0] == "-h" || args[0] == "help" {
		p.help(commands)
		return Pass
	}
	i := slices.IndexFunc(commands, func(c Command) bool { return c.Name == args[0] })
	if i < 0 {
		return p.Code(Usage("there is no command %s; see bpfls --help", args[0]))
	}
	cmd := commands[i]
	if cmd.New == nil {
		return p.Code(cmd.Forward(p, args[1:]))
	}
	c, flags := cmd.New(), NewFlags()
	c.Declare(flags)
	switch err := flags.Parse(args[1:]); {
	case errors.Is(err, ErrHelp):
		flags.help(p.Stdout, cmd.Name, cmd.Help)
		return Pass
	case err != nil:
		return p.Code(Usage("%v; see bpfls %s --help", err, cmd.Name))
	}
	return p.Code(c.Run(p))
}

// Shorten makes paths below the working directory relative to it.
func (p *Program) Shorten(path string) string {
	if p.Dir == "" || !filepath.IsAbs(path) {
		return path
	}
	rel, err := filepath.Rel(p.Dir, path)
	if err != nil || strings.HasPrefix(rel, "..") && len(rel) > len(path) {
		return path
	}
	return rel
}

// help lists the commands.
func (p *Program) help(commands []Command) {
	fmt.Fprintln(p.Stdout, "Usage: bpfls <command>")
	fmt.Fprintf(p.Stdout, "\n%s\n", report.Wrap("The verifier in the editor for eBPF programs written in C. "+
		"Exit code: 0 every program passes; 1 a program fails or is rejected; 2 an input could not be judged.", helpWidth))
	rows := make([][2]string, len(commands))
	for i, c := range commands {
		rows[i] = [2]string{c.Name, c.Help}
	}
	columns(p.Stdout, "Commands", rows)
	fmt.Fprintln(p.Stdout, "\nbpfls <command> --help says more about a command.")
}

// Code is the exit code for the end of a command; it writes the error's message.
func (p *Program) Code(err error) int {
	var e *Exit
	switch {
	case err == nil:
		return Pass
	case errors.As(err, &e):
		if e.Message != "" {
			fmt.Fprintln(p.Stderr, "bpfls:", e.Message)
		}
		return e.Code
	}
	fmt.Fprintln(p.Stderr, "bpfls:", err)
	return Unjudged
}
