package lsp

import "context"

// Shutdown ends the work; exit follows.
func (s *server) Shutdown(context.Context) error {
	s.downOrder.Store(true)
	return nil
}
