package lsp

import (
	"context"

	"go.lsp.dev/protocol"
)

// WorkDoneProgressCancel stops the run that a progress is of.
func (s *server) WorkDoneProgressCancel(_ context.Context, params *protocol.WorkDoneProgressCancelParams) error {
	token, ok := params.Token.(protocol.String)
	if !ok {
		return nil
	}
	s.mu.Lock()
	cancel := s.progress[string(token)]
	s.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	return nil
}
