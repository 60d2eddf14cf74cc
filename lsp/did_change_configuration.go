package lsp

import (
	"context"
	"encoding/json"

	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"

	"bpfls/session"
)

// DidChangeConfiguration takes new settings: those that the client sends along, or, of
// clients that can be asked, those that they have for each folder.
func (s *server) DidChangeConfiguration(_ context.Context, params *protocol.DidChangeConfigurationParams) error {
	if s.features.configuration {
		go s.pullConfiguration(context.Background())
		return nil
	}
	var all struct {
		BPFLS json.RawMessage `json:"bpfls"`
	}
	if len(params.Settings) == 0 {
		return nil
	}
	if err := json.Unmarshal(params.Settings, &all); err != nil {
		return err
	}
	s.configure(all.BPFLS, nil)
	return nil
}

// pullConfiguration asks for the settings of the workspace and of each folder.
func (s *server) pullConfiguration(ctx context.Context) {
	if !s.features.configuration {
		return
	}
	folders := s.session.Folders()
	items := []protocol.ConfigurationItem{{Section: ptr("bpfls")}}
	for _, f := range folders {
		items = append(items, protocol.ConfigurationItem{ScopeURI: ptr(uri.File(f)), Section: ptr("bpfls")})
	}
	values, err := s.client.Configuration(ctx, &protocol.ConfigurationParams{Items: items})
	if err != nil || len(values) != len(items) {
		s.log.Warn("workspace/configuration", "values", len(values), "error", err)
		return
	}
	byFolder := map[string]json.RawMessage{}
	for i, f := range folders {
		byFolder[f] = json.RawMessage(values[i+1])
	}
	s.configure(json.RawMessage(values[0]), byFolder)
}

// configure hands settings to the session, as they came.
func (s *server) configure(general json.RawMessage, byFolder map[string]json.RawMessage) {
	root := ""
	if all := s.session.Folders(); len(all) > 0 {
		root = all[0]
	}
	editor := func(data json.RawMessage, folder string) session.Editor {
		if string(data) == "null" || !s.has("configuration") {
			data = nil
		}
		return session.Editor{Settings: data, Workspace: folder, Clangd: s.clangd}
	}
	folders := map[string]session.Editor{}
	for f, data := range byFolder {
		folders[f] = editor(data, f)
	}
	s.session.Configure(editor(general, root), folders)
}
