// Command bpfls-server is the language server and the server for the Model Context
// Protocol. Users run `bpfls lsp` and `bpfls mcp`, which start this program; what it
// links never slows the start of bpfls itself.
package main

import "bpfls/cmd/internal/server"

func main() { server.Main() }
