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
	"slices"

	"github.com/alecthomas/kong"
)

// Exit codes. A run over several files has the largest one of them.
const (
	exitPass     = 0 // every program passes
	exitFail     = 1 // at least one fails or is rejected
	exitUnjudged = 2 // at least one input could not be judged
)

type cli struct {
	Verify      verifyCmd      `cmd:"" help:"Verify the programs of C sources and objects."`
	Sections    sectionsCmd    `cmd:"" help:"List programs and maps."`
	Disassemble disassembleCmd `cmd:"" help:"Show the instructions of programs."`
	Hooks       hooksCmd       `cmd:"" help:"List the hooks of a platform, with contexts and helpers."`
	Explain     explainCmd     `cmd:"" help:"Explain the code of a finding."`
	LSP         lspCmd         `cmd:"" name:"lsp" help:"Run the language server on standard input and output."`
	Doctor      doctorCmd      `cmd:"" help:"Show what was found on this machine, where, and what to do."`
	Version     versionCmd     `cmd:"" help:"Show the version."`
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
	if code, ok := p.verifyOnly(args); ok {
		return code
	}
	var c cli
	ended := -1
	parser, err := kong.New(&c,
		kong.Name("bpfls"),
		kong.Description("The verifier in the editor for eBPF programs written in C. Exit code: 0 every program passes; 1 a program fails or is rejected; 2 an input could not be judged."),
		kong.Writers(p.stdout, p.stderr),
		kong.Exit(func(code int) { ended = code }),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		fmt.Fprintln(p.stderr, "bpfls:", err)
		return exitUnjudged
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	ctx, err := parser.Parse(args)
	if ended >= 0 {
		return ended
	}
	if err != nil {
		fmt.Fprintf(p.stderr, "bpfls: %v; see bpfls --help\n", err)
		return exitUnjudged
	}
	return p.code(ctx.Run(p))
}

// verifyOnly runs the command verify if args say so and are right. It reads them
// by the grammar of this command alone: the whole one takes milliseconds to build,
// as long as it takes to verify a program. Help and errors are left to the whole.
func (p *program) verifyOnly(args []string) (code int, ok bool) {
	if len(args) == 0 || args[0] != "verify" || slices.Contains(args, "--help") || slices.Contains(args, "-h") {
		return 0, false
	}
	var c struct {
		Verify verifyCmd `cmd:""`
	}
	parser, err := kong.New(&c, kong.Name("bpfls"), kong.NoDefaultHelp())
	if err != nil {
		return 0, false
	}
	ctx, err := parser.Parse(args)
	if err != nil {
		return 0, false
	}
	return p.code(ctx.Run(p)), true
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
