package lsp

import (
	"context"
	"fmt"

	"go.lsp.dev/protocol"

	"bpfls/position"
)

// DidChange applies edits to a buffer.
func (s *server) DidChange(_ context.Context, params *protocol.DidChangeTextDocumentParams) error {
	path, ok := s.path(params.TextDocument.URI)
	if !ok {
		return nil
	}
	before, _, ok := s.session.Document(path)
	if !ok {
		return fmt.Errorf("%s is changed but not open", path)
	}
	text := apply(before, params.ContentChanges, s.features.encoding)
	s.session.Change(path, params.TextDocument.Version, text)
	return nil
}

// apply makes changes one after the other, each in the text that the one before left.
func apply(text *position.Mapper, changes []protocol.TextDocumentContentChangeEvent, enc position.Encoding) string {
	for _, change := range changes {
		switch change := change.(type) {
		case *protocol.TextDocumentContentChangeWholeDocument:
			text = position.New([]byte(change.Text))
		case *protocol.TextDocumentContentChangePartial:
			start := text.Offset(fromLSP(text, change.Range.Start, enc))
			end := max(start, text.Offset(fromLSP(text, change.Range.End, enc)))
			old := text.Text()
			text = position.New([]byte(string(old[:start]) + change.Text + string(old[end:])))
		}
	}
	return string(text.Text())
}
