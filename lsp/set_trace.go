package lsp

import (
	"context"

	"go.lsp.dev/protocol"
)

// SetTrace is accepted; the client traces messages itself.
func (s *server) SetTrace(context.Context, *protocol.SetTraceParams) error { return nil }
