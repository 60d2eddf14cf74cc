package lsp

import (
	"context"
	"time"

	"go.lsp.dev/protocol"
)

// hoverWait bounds how long a hover waits for states that must be computed again.
const hoverWait = 5 * time.Second

// Hover shows what the verifier knows at a place: the state, the checks, the
// instructions; of a program its verdict, of a section mark its hook.
func (s *server) Hover(ctx context.Context, params *protocol.HoverParams) (*protocol.Hover, error) {
	path, ok := s.path(params.TextDocument.URI)
	if !ok {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, hoverWait)
	defer cancel()
	view := s.session.View(ctx, path)
	if view.Text == nil {
		return nil, nil
	}
	at := fromLSP(view.Text, params.Position, s.features.encoding)
	text := hoverText(view, at, s.features.markdown)
	if text == "" {
		return nil, nil
	}
	kind := protocol.MarkupKindPlainText
	if s.features.markdown {
		kind = protocol.MarkupKindMarkdown
	}
	return &protocol.Hover{Contents: &protocol.MarkupContent{Kind: kind, Value: text}}, nil
}
