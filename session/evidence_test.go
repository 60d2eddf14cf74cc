package session

import (
	"context"
	"errors"
	"sync"
	"testing"

	"bpfls/explain"
	"bpfls/repair"
)

func TestEvidenceIsKept(t *testing.T) {
	var c evidenceCache
	p := &ProgramOutcome{}
	looked := 0
	look := func() (explain.Finding, error) {
		looked++
		return explain.Finding{MissingFact: "x != 0"}, nil
	}
	ask := func(key evidenceKey) {
		t.Helper()
		f, err := c.get(t.Context(), key, look)
		if err != nil || f.MissingFact != "x != 0" {
			t.Fatalf("got %q, %v", f.MissingFact, err)
		}
	}
	fixes := evidenceKey{p, 0, repair.Fixes}
	ask(fixes)
	ask(fixes)
	if looked != 1 {
		t.Errorf("looked %d times for the same, want 1", looked)
	}
	ask(evidenceKey{p, 0, repair.MissingFact})
	ask(evidenceKey{p, 1, repair.Fixes})
	if looked != 3 {
		t.Errorf("looked %d times for three things", looked)
	}
	for i := range 3 * mostEvidence {
		ask(evidenceKey{p, 2 + i, repair.Fixes})
	}
	if n := len(c.entries); n != mostEvidence || len(c.order) != n {
		t.Errorf("%d entries are kept, %d in order, want %d", n, len(c.order), mostEvidence)
	}
	ask(fixes)
	if looked != 3+3*mostEvidence+1 {
		t.Error("the oldest was not given up")
	}
}

// TestEvidenceOfACancelledCaller has one caller look and be cancelled while another one
// waits for the same: that one looks then.
func TestEvidenceOfACancelledCaller(t *testing.T) {
	var c evidenceCache
	key := evidenceKey{&ProgramOutcome{}, 0, 0}
	begun, gone := make(chan struct{}), make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		_, err := c.get(t.Context(), key, func() (explain.Finding, error) {
			close(begun)
			<-gone
			return explain.Finding{}, context.Canceled
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the cancelled caller got %v", err)
		}
	})
	<-begun
	wait.Go(func() {
		f, err := c.get(t.Context(), key, func() (explain.Finding, error) { return explain.Finding{Message: "found"}, nil })
		if err != nil || f.Message != "found" {
			t.Errorf("the one that waited got %q, %v", f.Message, err)
		}
	})
	close(gone)
	wait.Wait()

	// Who waits can go away, too.
	hold := make(chan struct{})
	started := make(chan struct{})
	other := evidenceKey{key.program, 1, 0}
	wait.Go(func() {
		c.get(t.Context(), other, func() (explain.Finding, error) { close(started); <-hold; return explain.Finding{}, nil })
	})
	<-started
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.get(ctx, other, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a waiting caller that is cancelled got %v", err)
	}
	close(hold)
	wait.Wait()
}
