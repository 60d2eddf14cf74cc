package lsp

import (
	"io"
	"sync"
)

// outbox is a writer that never makes its callers wait for the client to read: a
// client that writes to us before it reads would otherwise wait for us, and we for
// it. What it holds is bounded by what the session says while the client does not read.
type outbox struct {
	out  io.Writer
	done chan struct{} // closed when everything was written, or nothing more can be

	mu     sync.Mutex
	wake   *sync.Cond
	queue  [][]byte
	err    error
	closed bool
}

func newOutbox(out io.Writer) *outbox {
	b := &outbox{out: out, done: make(chan struct{})}
	b.wake = sync.NewCond(&b.mu)
	go b.run()
	return b
}

func (b *outbox) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.err != nil:
		return 0, b.err
	case b.closed:
		return 0, io.ErrClosedPipe
	}
	b.queue = append(b.queue, append([]byte(nil), p...))
	b.wake.Signal()
	return len(p), nil
}

// Close refuses further writes; what was written before still goes out.
func (b *outbox) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.wake.Signal()
	return nil
}

func (b *outbox) run() {
	defer close(b.done)
	for {
		b.mu.Lock()
		for len(b.queue) == 0 && !b.closed {
			b.wake.Wait()
		}
		queue := b.queue
		b.queue = nil
		b.mu.Unlock()
		if len(queue) == 0 {
			return
		}
		for _, p := range queue {
			if _, err := b.out.Write(p); err != nil {
				b.mu.Lock()
				b.err = err
				b.mu.Unlock()
				return
			}
		}
	}
}
