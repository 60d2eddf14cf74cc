package main

type lspCmd struct {
	Stdio bool `help:"Accepted for editors that pass it; standard input and output are always used."`
}

func (c *lspCmd) Run(p *program) error { return unbuilt("lsp") }
