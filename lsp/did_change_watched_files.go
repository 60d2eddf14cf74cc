package lsp

import (
	"context"

	"go.lsp.dev/protocol"
)

// DidChangeWatchedFiles passes on what the editor noticed on disk.
func (s *server) DidChangeWatchedFiles(_ context.Context, params *protocol.DidChangeWatchedFilesParams) error {
	var paths []string
	for _, change := range params.Changes {
		if path, ok := s.path(change.URI); ok {
			paths = append(paths, path)
		}
	}
	s.session.FilesChanged(paths...)
	return nil
}
