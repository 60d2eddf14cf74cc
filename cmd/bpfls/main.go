// Command bpfls verifies eBPF programs: on the command line and, as a language
// server, in editors.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"

	"github.com/spf13/pflag"

	"bpfls/report"
)

// Exit codes. A run over several files has the largest one of them.
const (
	exitPass     = 0 // every program passes
	exitFail     = 1 // at least one fails or is rejected
	exitUnjudged = 2 // at least one input could not be judged
)

// command is one of bpfls's commands.
type command struct {
	name, help string
	new        func() runner
}

// runner is a command with its flags and arguments.
type runner interface {
	// declare says which flags and arguments there are; they are set before Run.
	declare(*flagSet)
	Run(*program) error
}

var commands = [...]command{
	{"verify", "Verify the programs of C sources and objects.", func() runner { return new(verifyCmd) }},
	{"sections", "List programs and maps.", func() runner { return new(sectionsCmd) }},
	{"disassemble", "Show the instructions of programs.", func() runner { return new(disassembleCmd) }},
	{"hooks", "List the hooks of a platform, with contexts and helpers.", func() runner { return new(hooksCmd) }},
	{"explain", "Explain the code of a finding.", func() runner { return new(explainCmd) }},
	{"lsp", "Run the language server on standard input and output.", func() runner { return new(lspCmd) }},
	{"mcp", "Serve the Model Context Protocol on standard input and output.", func() runner { return new(mcpCmd) }},
	{"doctor", "Show what was found on this machine, where, and what to do.", func() runner { return new(doctorCmd) }},
	{"version", "Show the version.", func() runner { return new(versionCmd) }},
}

// program is what commands need of the world.
type program struct {
	ctx            context.Context
	stdin          io.Reader
	stdout, stderr io.Writer
	terminal       bool // stdout is one
	progress       bool // stderr is one
	dir            string
}

// exit is an exit code that a command ends with; its message, if any, was not
// printed yet.
type exit struct {
	code    int
	message string
}

func (e *exit) Error() string { return e.message }

// unbuilt says that a flag or value is known and not built yet.
func unbuilt(what string) error {
	return &exit{exitUnjudged, what + " is not built yet"}
}

func usage(format string, args ...any) error {
	return &exit{exitUnjudged, fmt.Sprintf(format, args...)}
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "verify" {
		// A run on one program needs a few megabytes: a cycle of the collector, which
		// would start at four, costs more than it gives back.
		debug.SetGCPercent(400)
		preferHugePages()
	}
	// A second interrupt ends the process at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop)
	dir, _ := os.Getwd()
	p := &program{
		ctx:      ctx,
		stdin:    os.Stdin,
		stdout:   os.Stdout,
		stderr:   os.Stderr,
		terminal: isTerminal(os.Stdout) && os.Getenv("NO_COLOR") == "",
		progress: isTerminal(os.Stderr),
		dir:      dir,
	}
	os.Exit(p.run(os.Args[1:]))
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}

// run runs one command and returns the exit code.
func (p *program) run(args []string) int {
	if len(args) == 0 || args[0] == "--help" || args[0] == "-h" || args[0] == "help" {
		p.help()
		return exitPass
	}
	i := slices.IndexFunc(commands[:], func(c command) bool { return c.name == args[0] })
	if i < 0 {
		return p.code(usage("there is no command %s; see bpfls --help", args[0]))
	}
	cmd := commands[i]
	c, flags := cmd.new(), newFlagSet()
	c.declare(flags)
	switch err := flags.parse(args[1:]); {
	case errors.Is(err, pflag.ErrHelp):
		flags.help(p.stdout, cmd.name, cmd.help)
		return exitPass
	case err != nil:
		return p.code(usage("%v; see bpfls %s --help", err, cmd.name))
	}
	return p.code(c.Run(p))
}

// help lists the commands.
func (p *program) help() {
	fmt.Fprintln(p.stdout, "Usage: bpfls <command>")
	fmt.Fprintf(p.stdout, "\n%s\n", report.Wrap("The verifier in the editor for eBPF programs written in C. "+
		"Exit code: 0 every program passes; 1 a program fails or is rejected; 2 an input could not be judged.", helpWidth))
	rows := make([][2]string, len(commands))
	for i, c := range commands {
		rows[i] = [2]string{c.name, c.help}
	}
	columns(p.stdout, "Commands", rows)
	fmt.Fprintln(p.stdout, "\nbpfls <command> --help says more about a command.")
}

// code is the exit code for the end of a command; it writes the error's message.
func (p *program) code(err error) int {
	var e *exit
	switch {
	case err == nil:
		return exitPass
	case errors.As(err, &e):
		if e.message != "" {
			fmt.Fprintln(p.stderr, "bpfls:", e.message)
		}
		return e.code
	}
	fmt.Fprintln(p.stderr, "bpfls:", err)
	return exitUnjudged
}
