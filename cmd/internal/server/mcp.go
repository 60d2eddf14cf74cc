package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"bpfls/cmd/internal/cli"
	"bpfls/explain"
	"bpfls/lsp"
	"bpfls/mcp"
	"bpfls/session"
)

// tokenVariable is the environment variable that holds the token of a server for MCP.
const tokenVariable = "BPFLS_MCP_TOKEN"

type mcpCmd struct {
	write   bool
	without []string
	folders []string
}

func (c *mcpCmd) Declare(f *cli.Flags) {
	f.Yes(&c.write, "write", "Let clients change files of the workspace (tool apply_change).")
	f.Names(&c.without, "without", "TOOL,...", "Tools to leave out: "+strings.Join(mcp.Tools, ", ")+".")
	f.Rest(&c.folders, "folder", "Folders of the workspace; the working directory if left out.", true)
}

// Run serves one client on standard input and output.
func (c *mcpCmd) Run(p *cli.Program) error {
	for _, name := range c.without {
		if !slices.Contains(mcp.Tools, name) {
			return cli.Usage("there is no tool %q; there are %s", name, strings.Join(mcp.Tools, ", "))
		}
	}
	folders := c.folders
	if len(folders) == 0 {
		folders = []string{"."}
	}
	for i, f := range folders {
		abs, err := filepath.Abs(f)
		if info, statErr := os.Stat(abs); err != nil || statErr != nil || !info.IsDir() {
			return cli.Usage("%s is no folder", f)
		}
		folders[i] = abs
	}
	s := session.New(session.Options{})
	defer s.Close()
	s.SetFolders(folders)
	opt := mcp.Options{Version: cli.Version(), Session: s, Without: c.without}
	if c.write {
		opt.Apply = s.Write
	}
	err := mcp.New(opt).Run(p.Ctx, &sdk.IOTransport{Reader: io.NopCloser(p.Stdin), Writer: nopCloser{p.Stdout}})
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// serveMCP opens an address on which other programs share the session of a language
// server. It tells where, and the file with the token, on standard error.
func serveMCP(p *cli.Program, address string, write bool) (started func(lsp.Live), end func(), err error) {
	end = func() {}
	l, err := listen(address)
	if err != nil {
		return nil, end, cli.Usage("--mcp: %v", err)
	}
	token := os.Getenv(tokenVariable)
	where := "the token is that of " + tokenVariable
	if token == "" {
		token = mcp.NewToken()
		file, err := writeToken(token)
		if err != nil {
			l.Close()
			return nil, end, err
		}
		end = func() { os.Remove(file) }
		where = "the token is in " + file
	}
	fmt.Fprintf(p.Stderr, "bpfls: MCP on %s; %s\n", url(l.Addr()), where)
	return func(live lsp.Live) {
		opt := mcp.Options{Version: cli.Version(), Session: live.Session}
		if write {
			opt.Apply = func(ctx context.Context, edits []explain.Edit) error { return live.Apply(ctx, edits) }
		}
		go func() {
			if err := mcp.Serve(p.Ctx, l, token, mcp.New(opt)); err != nil && !errors.Is(err, context.Canceled) {
				fmt.Fprintln(p.Stderr, "bpfls: MCP:", err)
			}
		}()
	}, end, nil
}

func url(a net.Addr) string {
	if a.Network() == "unix" {
		return "unix:" + a.String()
	}
	return "http://" + a.String()
}

// writeToken writes a token to a file that only its owner can read.
func writeToken(token string) (string, error) {
	f, err := os.CreateTemp("", "bpfls-mcp-token-*")
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(token + "\n")
	return f.Name(), errors.Join(err, f.Close())
}

// listen opens an address for MCP: "unix:PATH", a socket that only its owner can use,
// or a HOST:PORT of this machine's loopback interface. Other addresses are an error.
func listen(address string) (net.Listener, error) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		l, err := net.Listen("unix", path)
		if err != nil {
			return nil, err
		}
		if err := os.Chmod(path, 0o600); err != nil {
			l.Close()
			return nil, err
		}
		return l, nil
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%s is no address: write unix:PATH, or a port of this machine as 127.0.0.1:PORT (0 for any)", address)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("%s can be reached from other machines: use 127.0.0.1, ::1 or unix:PATH", address)
	}
	return net.Listen("tcp", address)
}
