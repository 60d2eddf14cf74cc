package session

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestWatcherEnds: a watcher that is closed ends, whatever it is doing.
func TestWatcherEnds(t *testing.T) {
	dir := t.TempDir()
	set := &watchSet{files: map[string]bool{}}
	for i := range 20 {
		sub := filepath.Join(dir, fmt.Sprint(i))
		if err := os.Mkdir(sub, 0o755); err != nil {
			t.Fatal(err)
		}
		set.files[filepath.Join(sub, "a.h")] = false
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 200 {
			w, err := newWatcher(slog.New(slog.DiscardHandler), func(...string) {})
			if err != nil {
				t.Error(err)
				return
			}
			w.watch(set)
			time.Sleep(time.Duration(i) * 5 * time.Microsecond)
			w.close()
		}
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("a watcher does not end")
	}
}
