package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"

	"bpfls/lsp"
	"bpfls/session"
)

type lspCmd struct {
	Stdio    bool   `help:"Accepted for editors that pass it; standard input and output are always used."`
	LogLevel string `help:"How much is written to standard error: error, warning, info or debug." default:"warning" enum:"error,warning,info,debug" placeholder:"LEVEL"`
}

func (c *lspCmd) Run(p *program) error {
	levels := map[string]slog.Level{"error": slog.LevelError, "warning": slog.LevelWarn, "info": slog.LevelInfo, "debug": slog.LevelDebug}
	err := lsp.Serve(p.ctx, p.stdin, p.stdout, lsp.Options{
		Version: version(),
		Log:     slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: levels[c.LogLevel]})),
		Doctor:  p.doctorText,
	})
	switch {
	case errors.Is(err, lsp.ErrNoShutdown), errors.Is(err, context.Canceled):
		return &exit{code: 1}
	case err != nil:
		return &exit{code: 1, message: err.Error()}
	}
	return nil
}

// doctorText is what `bpfls doctor` prints.
func (p *program) doctorText(ctx context.Context, path string, _ session.Editor) (string, error) {
	var out bytes.Buffer
	doctor := *p
	doctor.ctx, doctor.stdout, doctor.stderr, doctor.terminal, doctor.progress = ctx, &out, &out, false, false
	args := []string{"doctor"}
	if path != "" {
		args = append(args, "--", path)
	}
	doctor.run(args)
	return out.String(), nil
}
