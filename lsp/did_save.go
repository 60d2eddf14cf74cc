package lsp

import (
	"context"

	"go.lsp.dev/protocol"
)

// DidSave has the file verified.
func (s *server) DidSave(_ context.Context, params *protocol.DidSaveTextDocumentParams) error {
	if path, ok := s.path(params.TextDocument.URI); ok {
		s.session.Save(path)
	}
	return nil
}
