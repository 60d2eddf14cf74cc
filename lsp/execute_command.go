package lsp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"go.lsp.dev/jsonrpc2"
	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"
)

// command answers a command.
type command func(s *server, ctx context.Context, args []protocol.LSPAny) (any, error)

// commands by name.
var commands = map[string]command{
	"bpfls.verify":      aboutFile((*server).verify),
	"bpfls.disassemble": aboutFile((*server).disassemble),
	"bpfls.doctor":      aboutFile((*server).doctor),
	"bpfls.object":      aboutFile((*server).object),
	"bpfls.settings":    aboutFile((*server).effectiveSettings),
	"bpfls.status":      aboutFile((*server).statusOf),
	"bpfls.explain":     (*server).explainCode,
	"bpfls.vmlinux":     aboutFile((*server).writeVmlinux),
}

func commandNames() []string { return slices.Sorted(maps.Keys(commands)) }

// aboutFile makes a command of one about a file, whose URI is the only argument; path is
// empty where none is named.
func aboutFile(run func(s *server, ctx context.Context, path string) (any, error)) command {
	return func(s *server, ctx context.Context, args []protocol.LSPAny) (any, error) {
		path := ""
		if len(args) > 0 && string(args[0]) != "null" {
			var u uri.URI
			if err := json.Unmarshal(args[0], &u); err != nil || !u.IsFile() {
				return nil, jsonrpc2.Errorf(jsonrpc2.InvalidParams, "the argument %s is no URI of a file", args[0])
			}
			path, _ = s.path(u)
		}
		return run(s, ctx, path)
	}
}

// ExecuteCommand runs one of the commands.
func (s *server) ExecuteCommand(ctx context.Context, params *protocol.ExecuteCommandParams) (protocol.LSPAny, error) {
	run, ok := commands[params.Command]
	if !ok {
		return nil, jsonrpc2.Errorf(jsonrpc2.InvalidParams, "there is no command %q; there are %v", params.Command, commandNames())
	}
	result, err := run(s, ctx, params.Arguments)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", params.Command, err)
	}
	return raw(result), nil
}

var errNoFile = jsonrpc2.NewError(jsonrpc2.InvalidParams, "name a file: its URI is the argument")

// verify judges a file, whatever it is, and returns its status.
func (s *server) verify(ctx context.Context, path string) (any, error) {
	if path == "" {
		return nil, errNoFile
	}
	status, err := s.session.Verify(ctx, path)
	return s.fileStatus(status), err
}

// statusOf returns what is known of a file without doing anything.
func (s *server) statusOf(_ context.Context, path string) (any, error) {
	if path == "" {
		return nil, errNoFile
	}
	return s.fileStatus(s.session.Status(path)), nil
}

// doctor returns what was found for a file, and where it came from, as text.
func (s *server) doctor(ctx context.Context, path string) (any, error) {
	if s.opt.Doctor == nil {
		return nil, errors.New("this server has no doctor")
	}
	if !s.session.Trusted() {
		return "The workspace is not trusted: nothing is compiled or run, and settings that name programs are ignored.\n", nil
	}
	return s.opt.Doctor(ctx, path, s.session.Editor(path))
}
