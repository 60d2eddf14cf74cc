package lsp

import (
	"context"

	"go.lsp.dev/protocol"
)

// writeVmlinux writes the types of the running kernel to a new vmlinux.h and tells the user.
func (s *server) writeVmlinux(ctx context.Context, path string) (any, error) {
	if path == "" {
		return nil, errNoFile
	}
	if err := s.session.WriteVmlinux(ctx, path); err != nil {
		return nil, err
	}
	message := "bpfls: wrote " + path + ", the types of the running kernel"
	return path, s.client.ShowMessage(ctx, &protocol.ShowMessageParams{Type: protocol.MessageTypeInfo, Message: message})
}
