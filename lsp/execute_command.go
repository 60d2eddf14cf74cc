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

// command answers a command about a file; path is empty where none was named.
type command func(s *server, ctx context.Context, path string) (any, error)

// commands by name. Each takes the URI of a file as its only argument.
var commands = map[string]command{
	"bpfls.verify":      (*server).verify,
	"bpfls.disassemble": (*server).disassemble,
	"bpfls.doctor":      (*server).doctor,
	"bpfls.status":      (*server).statusOf,
}

func commandNames() []string { return slices.Sorted(maps.Keys(commands)) }

// ExecuteCommand runs one of the commands.
func (s *server) ExecuteCommand(ctx context.Context, params *protocol.ExecuteCommandParams) (protocol.LSPAny, error) {
	run, ok := commands[params.Command]
	if !ok {
		return nil, jsonrpc2.Errorf(jsonrpc2.InvalidParams, "there is no command %q; there are %v", params.Command, commandNames())
	}
	path := ""
	if len(params.Arguments) > 0 && string(params.Arguments[0]) != "null" {
		var u uri.URI
		if err := json.Unmarshal(params.Arguments[0], &u); err != nil || !u.IsFile() {
			return nil, jsonrpc2.Errorf(jsonrpc2.InvalidParams, "%s: the argument %s is no URI of a file", params.Command, params.Arguments[0])
		}
		path, _ = s.path(u)
	}
	result, err := run(s, ctx, path)
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
