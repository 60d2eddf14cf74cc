// Package lsp is the language server: a translation between LSP 3.18 and the
// session. It parses, verifies and reads nothing itself. There is one file for each
// method of the protocol that it serves.
package lsp

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"go.lsp.dev/jsonrpc2"
	"go.lsp.dev/protocol"

	"bpfls/explain"
	"bpfls/session"
)

// Options of the server. The zero value is usable.
type Options struct {
	Version string // of bpfls, told to the client
	Log     *slog.Logger
	Session session.Options
	// Doctor gives the text of `bpfls doctor` for a file, or in general where path is
	// empty; nil: the command says that there is none.
	Doctor func(ctx context.Context, path string, editor session.Editor) (string, error)
	// Started, if not nil, is told of the session when the server began.
	Started func(Live)
	// FixWait bounds how long a list of code actions waits for fixes; 0: 2 s. Those that
	// take longer are found when the action is chosen.
	FixWait time.Duration
	// Without names features that are switched off; see Features.
	Without []string
}

// Live is a running server, for others who work on its session.
type Live struct {
	Session *session.Session
	// Apply has the editor change texts; it is done when the editor says so.
	Apply func(ctx context.Context, edits []explain.Edit) error
}

// ErrNoShutdown is what Serve returns where the client said exit, or went away, without a
// shutdown request before; the process's exit code is then 1 (LSP 3.18, exit).
var ErrNoShutdown = errors.New("the client left without a shutdown request")

// Serve speaks LSP on in and out until the client says exit or closes in.
func Serve(ctx context.Context, in io.Reader, out io.Writer, opt Options) error {
	if err := CheckFeatures(opt.Without); err != nil {
		return err
	}
	if opt.FixWait == 0 {
		opt.FixWait = 2 * time.Second
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	opt.Session.Log = opt.Log
	opt.Session.Paused = true
	for _, name := range opt.Without {
		opt.Session.Without.Set(name)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := newServer(opt)
	defer s.session.Close()
	box := newOutbox(out)
	defer flush(box)
	conn := jsonrpc2.NewConn(jsonrpc2.NewHeaderStream(pipe{in, box}), jsonrpc2.WithCodec(codec{}))
	s.client = protocol.ClientDispatcher(conn)
	if opt.Started != nil {
		opt.Started(Live{Session: s.session, Apply: s.applyEdits})
	}
	conn.Go(protocol.WithLogger(ctx, opt.Log), s.handler())
	select {
	case <-conn.Done():
		if err := conn.Err(); err != nil {
			return err
		}
	case <-s.exit:
	case <-ctx.Done():
		return ctx.Err()
	}
	if !s.downOrder.Load() {
		return ErrNoShutdown
	}
	return nil
}

// flush lets what was written go out, for a while: the client may have stopped reading.
func flush(box *outbox) {
	box.Close()
	select {
	case <-box.done:
	case <-time.After(time.Second):
	}
}

// pipe is the two directions of a connection. Closing it closes both where they can be
// closed.
type pipe struct {
	io.Reader
	io.Writer
}

func (p pipe) Close() error {
	var errs []error
	for _, end := range []any{p.Reader, p.Writer} {
		if c, ok := end.(io.Closer); ok {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}

// codec encodes parameters and results as the protocol package does.
type codec struct{}

func (codec) Marshal(v any) ([]byte, error) {
	if raw, ok := v.(jsonrpc2.RawMessage); ok {
		return raw, nil
	}
	return protocol.Marshal(v)
}

func (codec) Unmarshal(data []byte, v any) error {
	if raw, ok := v.(*jsonrpc2.RawMessage); ok {
		*raw = append(jsonrpc2.RawMessage{}, data...)
		return nil
	}
	return protocol.Unmarshal(data, v)
}
