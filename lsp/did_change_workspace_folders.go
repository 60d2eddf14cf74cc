package lsp

import (
	"context"
	"slices"

	"go.lsp.dev/protocol"
)

// DidChangeWorkspaceFolders adds and removes folders; each may have settings of its own.
func (s *server) DidChangeWorkspaceFolders(_ context.Context, params *protocol.DidChangeWorkspaceFoldersParams) error {
	folders := s.session.Folders()
	for _, removed := range params.Event.Removed {
		if path, ok := s.path(removed.URI); ok {
			folders = slices.DeleteFunc(folders, func(f string) bool { return f == path })
		}
	}
	for _, added := range params.Event.Added {
		if path, ok := s.path(added.URI); ok && !slices.Contains(folders, path) {
			folders = append(folders, path)
		}
	}
	s.session.SetFolders(folders)
	go s.pullConfiguration(context.Background())
	return nil
}
