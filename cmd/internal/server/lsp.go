package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"bpfls/clangdriver"
	"bpfls/cmd/internal/cli"
	"bpfls/diskcache"
	"bpfls/lsp"
	"bpfls/session"
)

type lspCmd struct {
	without  []string
	mcp      string
	mcpWrite bool
	logLevel string
}

func (c *lspCmd) Declare(f *cli.Flags) {
	var stdio bool
	f.Yes(&stdio, "stdio", "Accepted for editors that pass it; standard input and output are always used.")
	f.Names(&c.without, "without", "FEATURE,...", "Features to switch off: codeLens, completion, hover, ... (a wrong name lists them).")
	f.Text(&c.mcp, "mcp", "ADDRESS", "Also serve the Model Context Protocol on what the editor shows: 127.0.0.1:PORT or unix:PATH.")
	f.Yes(&c.mcpWrite, "mcp-write", "Let clients of --mcp change files.")
	c.logLevel = "warning"
	f.Text(&c.logLevel, "log-level", "LEVEL", "How much is written to standard error: error, warning, info or debug.", "error", "warning", "info", "debug")
}

// Run serves one client. The protocol wants exit code 1 where the client left
// without a shutdown request.
func (c *lspCmd) Run(p *cli.Program) error {
	has := func(feature string) bool { return !slices.Contains(c.without, feature) }
	levels := map[string]slog.Level{"error": slog.LevelError, "warning": slog.LevelWarn, "info": slog.LevelInfo, "debug": slog.LevelDebug}
	if err := lsp.CheckFeatures(c.without); err != nil {
		return &cli.Exit{Code: 2, Message: err.Error()}
	}
	level := slog.LevelWarn
	if has("logLevels") {
		level = levels[c.logLevel]
	}
	var started func(lsp.Live)
	if c.mcp != "" && has("mcp") {
		var err error
		var end func()
		if started, end, err = serveMCP(p, c.mcp, c.mcpWrite && has("mcpWrite")); err != nil {
			return err
		}
		defer end() // takes the file with the token away
	}
	compiler := &clangdriver.Driver{KeepAbandoned: !has("abandonedFolders")}
	if has("precompiledHeaders") {
		compiler.PrecompiledDir = cacheDir("precompiled")
	}
	defer compiler.Close()
	go compiler.RemoveAbandoned()
	opt := session.Options{Compiler: compiler}
	if dir := cacheDir("reports"); dir != "" {
		reports := diskcache.NewStore(dir, identity())
		defer reports.Close()
		opt.Reports = reports
	}
	err := lsp.Serve(p.Ctx, p.Stdin, p.Stdout, lsp.Options{
		Version: cli.Version(),
		Log:     slog.New(slog.NewTextHandler(p.Stderr, &slog.HandlerOptions{Level: level})),
		Doctor:  doctorText(p),
		Without: c.without,
		Started: started,
		Session: opt,
	})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, lsp.ErrNoShutdown), errors.Is(err, context.Canceled):
		return &cli.Exit{Code: 1}
	}
	return &cli.Exit{Code: 1, Message: err.Error()}
}

// doctorText is the text of `bpfls doctor` with an editor's settings.
func doctorText(p *cli.Program) func(context.Context, string, session.Editor) (string, error) {
	return func(ctx context.Context, path string, editor session.Editor) (string, error) {
		var b strings.Builder
		inner := *p
		inner.Ctx, inner.Stdout, inner.Stderr = ctx, &b, &b
		inner.Doctor(session.Request{Path: path, Choices: session.Choices{Editor: editor.Settings, Workspace: editor.Workspace}})
		return b.String(), nil
	}
}

// identity begins to find out which build this process is, and returns how to ask: the
// digest of its program file, "" where that cannot be read.
func identity() func() string {
	name := "/proc/self/exe" // what runs, even where another file has its name now
	if runtime.GOOS != "linux" {
		var err error
		if name, err = os.Executable(); err != nil {
			return func() string { return "" }
		}
	}
	program, err := os.Open(name)
	digest := sync.OnceValue(func() string {
		if err != nil {
			return ""
		}
		defer program.Close()
		h := sha256.New()
		if _, err := io.Copy(h, program); err != nil {
			return ""
		}
		return fmt.Sprintf("%s %x", cli.Version(), h.Sum(nil))
	})
	go digest()
	return digest
}

// cacheDir is a directory for what can be made again; empty where the system has none.
func cacheDir(name string) string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "bpfls", name)
}
