package lsp

import (
	"context"
	"time"
)

// refreshDelay gathers what happens within a moment into one request.
const refreshDelay = 30 * time.Millisecond

// askAgain asks the client to ask again for what it shows, as far as it can be asked.
func (s *server) askAgain(ctx context.Context) {
	if s.features.refresh == (refreshing{}) || !s.refreshing.CompareAndSwap(false, true) {
		return
	}
	time.AfterFunc(refreshDelay, func() {
		s.refreshing.Store(false)
		if s.downOrder.Load() {
			return
		}
		ask := func(can bool, method string, request func(context.Context) error) {
			if !can {
				return
			}
			if err := request(ctx); err != nil {
				s.log.Debug(method, "error", err)
			}
		}
		ask(s.features.refresh.diagnostics, "workspace/diagnostic/refresh", s.client.DiagnosticRefresh)
		ask(s.features.refresh.lenses, "workspace/codeLens/refresh", s.client.CodeLensRefresh)
		ask(s.features.refresh.hints, "workspace/inlayHint/refresh", s.client.InlayHintRefresh)
	})
}
