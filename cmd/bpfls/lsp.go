package main

import (
	"context"
	"errors"
	"strings"

	"bpfls/lsp"
	"bpfls/session"
)

type lspCmd struct {
	Stdio bool `help:"Accepted for editors that pass it; standard input and output are always used."`
}

// Run serves one client. The protocol wants exit code 1 where the client left
// without a shutdown request.
func (c *lspCmd) Run(p *program) error {
	err := lsp.Serve(p.ctx, p.stdin, p.stdout, lsp.Options{Version: version(), Doctor: p.doctorText})
	if errors.Is(err, lsp.ErrNoShutdown) {
		return &exit{code: exitFail, message: err.Error()}
	}
	return err
}

// doctorText is the text of `bpfls doctor` with an editor's settings.
func (p *program) doctorText(ctx context.Context, path string, editor session.Editor) (string, error) {
	var b strings.Builder
	inner := *p
	inner.ctx, inner.stdout, inner.stderr = ctx, &b, &b
	inner.doctor(session.Request{Path: path, Choices: session.Choices{Editor: editor.Settings, Workspace: editor.Workspace}})
	return b.String(), nil
}
