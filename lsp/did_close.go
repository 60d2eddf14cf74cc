package lsp

import (
	"context"

	"go.lsp.dev/protocol"
)

// DidClose gives a buffer up.
func (s *server) DidClose(_ context.Context, params *protocol.DidCloseTextDocumentParams) error {
	if path, ok := s.path(params.TextDocument.URI); ok {
		s.session.CloseDocument(path)
	}
	return nil
}
