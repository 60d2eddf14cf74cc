package lsp

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"go.lsp.dev/protocol"

	"bpfls/session"
)

// patience is how long a run takes before the client is told of its progress.
const patience = 500 * time.Millisecond

// work is a run that may become visible as a progress of the client.
type work struct {
	path   string
	cancel func()
	done   chan struct{}

	mu   sync.Mutex
	last session.Progress
}

// follow shows runs that take longer than patience.
func (s *server) follow(e session.WorkEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.works[e.ID]
	switch {
	case e.Done:
		if w != nil {
			close(w.done)
			delete(s.works, e.ID)
		}
	case w == nil:
		w = &work{path: e.Path, cancel: e.Cancel, done: make(chan struct{})}
		s.works[e.ID] = w
		if s.features.progress {
			s.tokens++
			go s.showProgress(w, fmt.Sprintf("bpfls-%d", s.tokens))
		}
	default:
		w.mu.Lock()
		w.last = e.Progress
		w.mu.Unlock()
	}
}

func (s *server) showProgress(w *work, token string) {
	select {
	case <-w.done:
		return
	case <-time.After(patience):
	}
	ctx := context.Background()
	if err := s.client.WorkDoneProgressCreate(ctx, &protocol.WorkDoneProgressCreateParams{Token: protocol.String(token)}); err != nil {
		s.log.Debug("window/workDoneProgress/create", "error", err)
		return
	}
	s.mu.Lock()
	s.progress[token] = w.cancel
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.progress, token)
		s.mu.Unlock()
	}()
	send := func(value any) {
		if err := s.client.Progress(ctx, &protocol.ProgressParams{Token: protocol.String(token), Value: raw(value)}); err != nil {
			s.log.Debug("$/progress", "error", err)
		}
	}
	send(map[string]any{"kind": "begin", "title": "bpfls", "cancellable": true, "message": w.message()})
	for before := w.message(); ; {
		select {
		case <-w.done:
			send(map[string]any{"kind": "end"})
			return
		case <-time.After(patience / 2):
		}
		if now := w.message(); now != before {
			before = now
			send(map[string]any{"kind": "report", "cancellable": true, "message": now})
		}
	}
}

func (w *work) message() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	name, p := filepath.Base(w.path), w.last
	switch {
	case p.Stage == "":
		return name
	case p.Total > 1:
		return fmt.Sprintf("%s: %s, %d of %d", name, p.Stage, p.Done, p.Total)
	}
	return name + ": " + p.Stage
}
