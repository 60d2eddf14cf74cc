package lsp

import (
	"context"
	"fmt"
	"time"

	"go.lsp.dev/protocol"
)

// SetTrace turns notifications about what the server does on or off.
func (s *server) SetTrace(_ context.Context, params *protocol.SetTraceParams) error {
	s.trace.Store(params.Value != protocol.TraceValueOff)
	return nil
}

// traced tells the client that a message was served, where it asked for a trace.
func (s *server) traced(method string, began time.Time, err error) {
	if !s.trace.Load() || !s.has("trace") {
		return
	}
	text := fmt.Sprintf("%s took %.1f ms", method, float64(time.Since(began).Microseconds())/1000)
	if err != nil {
		text += ": " + err.Error()
	}
	if err := s.client.LogTrace(context.Background(), &protocol.LogTraceParams{Message: text}); err != nil {
		s.log.Debug("$/logTrace", "error", err)
	}
}
