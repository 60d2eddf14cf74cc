// Command bpfls verifies eBPF programs: on the command line and, as a language
// server, in editors. The servers are a program of their own, bpfls-server, so that
// a verdict does not wait for what only they need.
package main

import (
	"os"
	"runtime/debug"

	"bpfls/cmd/internal/cli"
	_ "bpfls/cmd/internal/hugepage"
)

var commands = []cli.Command{
	{Name: "verify", Help: "Verify the programs of C sources and objects.", New: func() cli.Runner { return new(verifyCmd) }},
	{Name: "sections", Help: "List programs and maps.", New: func() cli.Runner { return new(sectionsCmd) }},
	{Name: "disassemble", Help: "Show the instructions of programs.", New: func() cli.Runner { return new(disassembleCmd) }},
	{Name: "hooks", Help: "List the hooks of a platform, with contexts and helpers.", New: func() cli.Runner { return new(hooksCmd) }},
	{Name: "explain", Help: "Explain the code of a finding.", New: func() cli.Runner { return new(explainCmd) }},
	{Name: "lsp", Help: cli.LSPHelp, Forward: func(p *cli.Program, words []string) error { return serve(p, "lsp", words) }},
	{Name: "mcp", Help: cli.MCPHelp, Forward: func(p *cli.Program, words []string) error { return serve(p, "mcp", words) }},
	{Name: "doctor", Help: "Show what was found on this machine, where, and what to do.", New: func() cli.Runner { return new(doctorCmd) }},
	{Name: "version", Help: "Show the version.", New: func() cli.Runner { return new(versionCmd) }},
}

// unbuilt says that a flag or value is known and not built yet.
func unbuilt(what string) error {
	return &cli.Exit{Code: cli.Unjudged, Message: what + " is not built yet"}
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "verify" {
		// A run on one program needs a few megabytes: a cycle of the collector, which
		// would start at four, costs more than it gives back.
		debug.SetGCPercent(400)
	}
	os.Exit(cli.Main().Run(commands, os.Args[1:]))
}
