package lsp

import (
	"context"

	"go.lsp.dev/protocol"

	"bpfls/position"
)

// InlayHint shows behind accesses to packets and maps which bytes they are about, where the
// setting inlayHints asks for it.
func (s *server) InlayHint(ctx context.Context, params *protocol.InlayHintParams) ([]protocol.InlayHint, error) {
	hints := []protocol.InlayHint{}
	path, ok := s.path(params.TextDocument.URI)
	text, _, open := s.session.Document(path)
	if !ok || !open || !s.session.WantsHints(path) {
		return hints, nil
	}
	ctx, cancel := context.WithTimeout(ctx, hoverWait)
	defer cancel()
	enc := s.features.encoding
	from, to := fromLSP(text, params.Range.Start, enc), fromLSP(text, params.Range.End, enc)
	for _, h := range s.session.Hints(ctx, path, from.Line, to.Line) {
		hint := protocol.InlayHint{Label: protocol.String(h.Text), PaddingLeft: ptr(true)}
		at := text.Clamp(position.Point{Line: h.Range.EndLine, Column: h.Range.EndColumn})
		hint.Position.Line, hint.Position.Character = text.LSP(at, enc)
		hints = append(hints, hint)
	}
	return hints, nil
}
