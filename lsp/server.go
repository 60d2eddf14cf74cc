package lsp

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"go.lsp.dev/jsonrpc2"
	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"

	"bpfls/position"
	"bpfls/session"
)

// server serves one client. Handlers translate and call the session; what happens in
// the session is told to the client by the session's events.
type server struct {
	protocol.UnimplementedServer

	opt     Options
	log     *slog.Logger
	session *session.Session
	client  protocol.Client
	exit    chan struct{} // closed when the client said exit

	initialized atomic.Bool
	downOrder   atomic.Bool // shutdown was requested
	refreshing  atomic.Bool // a refresh is about to be asked for
	trace       atomic.Bool // the client asked for $/logTrace
	exitOnce    sync.Once

	// Set by initialize.
	features features
	clangd   bool // clangd is active in the same editor

	mu       sync.Mutex
	uris     map[string]uri.URI // how the client spells the URI of an open file
	requests map[jsonrpc2.ID]context.CancelFunc
	progress map[string]func() // by token: cancels the run
	works    map[int64]*work
	tokens   int
}

// features are what the client can do.
type features struct {
	encoding        position.Encoding
	related         bool
	codeDescription bool // a code may link to its page
	tags            bool
	markdown        bool
	nestedSymbols   bool // document symbols may be a tree
	push            bool // the client takes diagnostics that it is told
	pull            bool // the client asks for diagnostics and is told none
	refresh         refreshing
	literalActions  bool // code actions may be more than commands
	resolveEdits    bool // the edit of a code action may be asked for later
	createFiles     bool // an edit may make a file
	progress        bool
	configuration   bool
	registerWatch   bool
	registerConfig  bool
}

// refreshing are the requests by which a client can be asked to ask again.
type refreshing struct{ diagnostics, lenses, hints bool }

func newServer(opt Options) *server {
	s := &server{
		opt: opt, log: opt.Log, session: session.New(opt.Session), exit: make(chan struct{}),
		uris: map[string]uri.URI{}, requests: map[jsonrpc2.ID]context.CancelFunc{},
		progress: map[string]func(){}, works: map[int64]*work{},
	}
	s.session.Subscribe(s.event)
	return s
}

// event tells the client what happened in the session.
func (s *server) event(e session.Event) {
	if !s.initialized.Load() || s.downOrder.Load() {
		return
	}
	ctx := context.Background()
	switch e := e.(type) {
	case session.FindingsEvent:
		s.publish(ctx, e)
		s.askAgain(ctx)
	case session.StatusEvent:
		s.tellStatus(ctx, e)
		s.askAgain(ctx)
	case session.HeadEvent:
		s.askAgain(ctx)
	case session.WorkEvent:
		s.follow(e)
	case session.NoticeEvent:
		s.notice(ctx, e)
	}
}

// path returns the path of a file URI; false for other schemes, which are not served.
func (s *server) path(u uri.URI) (string, bool) {
	if !u.IsFile() {
		return "", false
	}
	return session.CleanPath(u.FsPath()), true
}

// uri returns the URI of a path, as the client spells it if it opened the file.
func (s *server) uri(path string) uri.URI {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u, ok := s.uris[path]; ok {
		return u
	}
	return uri.File(path)
}
