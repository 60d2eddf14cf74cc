package lsp

import (
	"context"
	"encoding/json"

	"go.lsp.dev/protocol"
)

// Initialized asks the client for settings and changes of files; runs begin when the
// settings are there.
func (s *server) Initialized(context.Context, *protocol.InitializedParams) error {
	go func() {
		defer s.session.Resume()
		ctx := context.Background()
		s.pullConfiguration(ctx)
		s.registerCapabilities(ctx)
	}()
	return nil
}

// registerCapabilities asks the client for the notifications that it sends on request only.
func (s *server) registerCapabilities(ctx context.Context) {
	var wanted []protocol.Registration
	if s.features.registerConfig {
		wanted = append(wanted, protocol.Registration{
			ID: "configuration", Method: protocol.MethodWorkspaceDidChangeConfiguration,
			RegisterOptions: raw(map[string]any{"section": "bpfls"}),
		})
	}
	if s.features.registerWatch {
		// The session watches files itself; editors notice more, on remote disks for instance.
		wanted = append(wanted, protocol.Registration{
			ID: "files", Method: protocol.MethodWorkspaceDidChangeWatchedFiles,
			RegisterOptions: raw(map[string]any{"watchers": []any{
				map[string]any{"globPattern": "**/*.{c,h}"},
				map[string]any{"globPattern": "**/{bpfls.toml,compile_commands.json,compile_flags.txt,.clangd,Makefile,makefile,GNUmakefile,*.go}"},
			}}),
		})
	}
	if len(wanted) == 0 {
		return
	}
	if err := s.client.RegisterCapability(ctx, &protocol.RegistrationParams{Registrations: wanted}); err != nil {
		s.log.Warn("client/registerCapability", "error", err)
	}
}

func raw(v any) protocol.LSPAny {
	data, err := json.Marshal(v)
	if err != nil {
		return protocol.LSPAny("null")
	}
	return protocol.LSPAny(data)
}
