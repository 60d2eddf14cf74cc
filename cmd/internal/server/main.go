// Package server has the commands that bpfls-server runs: bpfls lsp and bpfls mcp.
package server

import (
	"os"

	"bpfls/cmd/internal/cli"
)

var commands = []cli.Command{
	{Name: "lsp", Help: cli.LSPHelp, New: func() cli.Runner { return new(lspCmd) }},
	{Name: "mcp", Help: cli.MCPHelp, New: func() cli.Runner { return new(mcpCmd) }},
}

// Main is the process of bpfls-server. Its line is that of bpfls, behind the version of
// the bpfls that starts it (cli.ForFlag). With the version alone it says by its exit code
// whether it is the server of that bpfls.
func Main() {
	p := cli.Main()
	os.Exit(run(p, os.Args[1:]))
}

func run(p *cli.Program, args []string) int {
	if len(args) >= 2 && args[0] == cli.ForFlag {
		if args[1] != cli.Version() {
			self, err := os.Executable()
			if err != nil {
				self = "bpfls-server"
			}
			return p.Code(cli.Usage("%s is of version %s, and bpfls beside it is of version %s: "+
				"put both of one build or package in one folder (go build -o bin/ ./cmd/... makes both)", self, cli.Version(), args[1]))
		}
		if args = args[2:]; len(args) == 0 {
			return cli.Pass
		}
	}
	if len(args) == 0 {
		return p.Code(cli.Usage("this program runs the servers of bpfls: use bpfls lsp or bpfls mcp"))
	}
	return p.Run(commands, args)
}
