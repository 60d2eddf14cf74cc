package lsp

import "context"

// Exit ends Serve.
func (s *server) Exit(context.Context) error {
	s.exitOnce.Do(func() { close(s.exit) })
	return nil
}
