package lsp

import (
	"context"
	"fmt"
	"path/filepath"

	"go.lsp.dev/jsonrpc2"
	"go.lsp.dev/uri"

	"bpfls/session"
)

// methodStatus is a notification of our own: what is known of a file, for a status bar.
const methodStatus = "bpfls/status"

// fileStatus are its parameters.
type fileStatus struct {
	URI uri.URI `json:"uri"`
	// State is verifying, verified, failed, outdated, unknown, untrusted or ignored.
	// Only verified may look green.
	State   string `json:"state"`
	Message string `json:"message"` // one line
	// Version of the buffer that State speaks of, in the notification; absent for a file
	// that is not open.
	Version *int32 `json:"version,omitempty"`
}

func (s *server) fileStatus(status session.Status) fileStatus {
	return fileStatus{URI: s.uri(status.Path), State: stateName(status), Message: status.String()}
}

func stateName(s session.Status) string {
	switch {
	case s.Green():
		return "verified"
	case s.Busy:
		return "verifying"
	case s.State == session.Ignored:
		return "ignored"
	case s.State == session.Untrusted:
		return "untrusted"
	case s.Outdated && s.State != session.Unknown:
		return "outdated"
	case s.State == session.Failed:
		return "failed"
	}
	return "unknown"
}

func (s *server) tellStatus(ctx context.Context, e session.StatusEvent) {
	if !s.has("status") {
		return
	}
	params := s.fileStatus(e.Status)
	if e.Open {
		params.Version = &e.Version
	}
	if err := s.notify(ctx, methodStatus, params); err != nil {
		s.log.Error(methodStatus, "error", err)
	}
}

// notify sends a notification that the protocol does not know.
func (s *server) notify(ctx context.Context, method string, params any) error {
	conn, ok := s.client.(interface {
		Notify(context.Context, string, any) error
	})
	if !ok {
		return jsonrpc2.ErrMethodNotFound
	}
	return conn.Notify(ctx, method, jsonrpc2.RawMessage(raw(params)))
}

// place names a related place for people.
func place(r session.RelatedPlace) string {
	return fmt.Sprintf("%s:%d:%d", filepath.Base(r.Path), r.Range.Line, r.Range.Column)
}
