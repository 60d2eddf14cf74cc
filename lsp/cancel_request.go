package lsp

import (
	"context"

	"go.lsp.dev/jsonrpc2"
	"go.lsp.dev/protocol"
)

// register makes a request cancellable until the returned function is called.
func (s *server) register(id jsonrpc2.ID, cancel context.CancelFunc) (done func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests[id] = cancel
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.requests, id)
	}
}

// cancelRequest cancels a request that is being served; of others it knows nothing.
func (s *server) cancelRequest(data []byte) error {
	var params protocol.CancelParams
	if err := protocol.Unmarshal(data, &params); err != nil {
		return err
	}
	var id jsonrpc2.ID
	switch v := params.ID.(type) {
	case protocol.Integer:
		id = jsonrpc2.NewNumberID(int64(v))
	case protocol.String:
		id = jsonrpc2.NewStringID(string(v))
	}
	s.mu.Lock()
	cancel := s.requests[id]
	s.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	return nil
}
