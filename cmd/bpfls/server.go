package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"bpfls/cmd/internal/cli"
)

// serve runs a command of bpfls-server in place of this one.
func serve(p *cli.Program, command string, words []string) error {
	path, err := serverPath()
	if err != nil {
		return err
	}
	// The server itself compares the versions: asking for its own would start it twice.
	code, err := become(p, path, append([]string{cli.ForFlag, cli.Version(), command}, words...))
	switch {
	case err != nil:
		return cli.Usage("%s: it cannot be started: %v", path, err)
	case code != cli.Pass:
		return &cli.Exit{Code: code}
	}
	return nil
}

// serverPath is where bpfls-server lies: beside this program, links followed.
func serverPath() (string, error) {
	self, err := os.Executable()
	if err != nil { // there is no /proc
		if self, err = exec.LookPath(os.Args[0]); err == nil {
			self, err = filepath.Abs(self)
		}
	}
	if err != nil {
		return "", cli.Usage("bpfls-server is beside bpfls, and where that is cannot be told: %v", err)
	}
	if real, err := filepath.EvalSymlinks(self); err == nil {
		self = real
	}
	path := filepath.Join(filepath.Dir(self), "bpfls-server")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	switch _, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return "", cli.Usage("%s does not exist: the language server and MCP are this second program; "+
			"put the one of the same build or package beside bpfls (go build -o bin/ ./cmd/... makes both)", path)
	case err != nil:
		return "", cli.Usage("the language server and MCP are a second program: %v", err)
	}
	return path, nil
}

// findServer gives the path of bpfls-server; the error says what is wrong with it.
func findServer(ctx context.Context) (string, error) {
	path, err := serverPath()
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, path, cli.ForFlag, cli.Version()).CombinedOutput()
	if err == nil {
		return path, nil
	}
	if text := strings.TrimPrefix(strings.TrimSpace(string(out)), "bpfls: "); text != "" {
		return "", errors.New(text)
	}
	return "", fmt.Errorf("%s: it cannot be started: %w", path, err)
}
