package lsp

import (
	"context"

	"go.lsp.dev/protocol"
)

// DidOpen hands a buffer to the session.
func (s *server) DidOpen(_ context.Context, params *protocol.DidOpenTextDocumentParams) error {
	doc := params.TextDocument
	path, ok := s.path(doc.URI)
	if !ok {
		return nil
	}
	s.mu.Lock()
	s.uris[path] = doc.URI
	s.mu.Unlock()
	s.session.Open(path, doc.Version, doc.Text)
	return nil
}
