package session

import (
	"sync"

	"bpfls/position"
)

// Event is something that subscribers are told, in the order in which it
// happened: a FindingsEvent, StatusEvent, WorkEvent, NoticeEvent or HeadEvent.
type Event interface{ event() }

// FindingsEvent holds all findings of a file, which replace the earlier ones. The
// file may be a header, with findings of several sources.
type FindingsEvent struct {
	Path     string
	Open     bool  // in an editor; Version is then the buffer's that Findings speak of
	Version  int32 // of the buffer
	Text     *position.Mapper
	Findings []Finding
}

// StatusEvent says that a file's status changed.
type StatusEvent struct {
	Status  Status
	Open    bool  // in an editor; Version is then the buffer's that Status speaks of
	Version int32 // of the buffer
}

// WorkEvent accompanies a run: one with Stage "" when it begins, more as it goes
// on, one with Done when it ended, whatever the end.
type WorkEvent struct {
	ID       int64
	Path     string
	Progress Progress
	Done     bool
	Cancel   func() // stops the run; never nil
}

// NoticeEvent is a message for the user that concerns no place in a source: clang is
// missing, a settings file is broken. The same message is not repeated before
// its cause was gone.
type NoticeEvent struct {
	Warning bool // else an error
	Message string
}

func (FindingsEvent) event() {}
func (StatusEvent) event()   {}
func (WorkEvent) event()     {}
func (NoticeEvent) event()   {}

// barrier is an event for no subscriber: it is closed when all before it were told.
type barrier chan struct{}

func (barrier) event() {}

// mailbox hands events to subscribers, one at a time and in order, without making
// those wait who post.
type mailbox struct {
	mu          sync.Mutex
	queue       []Event
	subscribers map[int]func(Event)
	next        int
	wake        chan struct{}
	done        chan struct{}
}

func newMailbox() *mailbox {
	return &mailbox{subscribers: map[int]func(Event){}, wake: make(chan struct{}, 1), done: make(chan struct{})}
}

func (m *mailbox) post(e Event) {
	m.mu.Lock()
	m.queue = append(m.queue, e)
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

func (m *mailbox) subscribe(f func(Event)) (cancel func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id := m.next
	m.next++
	m.subscribers[id] = f
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.subscribers, id)
	}
}

func (m *mailbox) run() {
	for {
		select {
		case <-m.wake:
		case <-m.done:
			return
		}
		for {
			m.mu.Lock()
			queue := m.queue
			m.queue = nil
			var subscribers []func(Event)
			for id := range m.next {
				if f, ok := m.subscribers[id]; ok {
					subscribers = append(subscribers, f)
				}
			}
			m.mu.Unlock()
			if len(queue) == 0 {
				break
			}
			for _, e := range queue {
				if b, ok := e.(barrier); ok {
					close(b)
					continue
				}
				for _, f := range subscribers {
					f(e)
				}
			}
		}
	}
}

func (m *mailbox) close() { close(m.done) }
