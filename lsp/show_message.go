package lsp

import (
	"context"

	"go.lsp.dev/protocol"

	"bpfls/session"
)

// notice shows a message that concerns no place in a source.
func (s *server) notice(ctx context.Context, e session.NoticeEvent) {
	kind := protocol.MessageTypeError
	if e.Warning {
		kind = protocol.MessageTypeWarning
	}
	if err := s.client.ShowMessage(ctx, &protocol.ShowMessageParams{Type: kind, Message: "bpfls: " + e.Message}); err != nil {
		s.log.Error("window/showMessage", "error", err)
	}
}
