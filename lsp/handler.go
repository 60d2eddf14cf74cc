package lsp

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"go.lsp.dev/jsonrpc2"
	"go.lsp.dev/protocol"
)

// served are the methods that the server answers. Requests of all others fail
// with "method not found"; notifications of all others are ignored.
var served = map[string]bool{
	protocol.MethodInitialize:                         true,
	protocol.MethodInitialized:                        true,
	protocol.MethodShutdown:                           true,
	protocol.MethodExit:                               true,
	protocol.MethodSetTrace:                           true,
	protocol.MethodCancelRequest:                      true,
	protocol.MethodTextDocumentDidOpen:                true,
	protocol.MethodTextDocumentDidChange:              true,
	protocol.MethodTextDocumentDidSave:                true,
	protocol.MethodTextDocumentDidClose:               true,
	protocol.MethodTextDocumentHover:                  true,
	protocol.MethodTextDocumentDocumentSymbol:         true,
	protocol.MethodTextDocumentInlayHint:              true,
	protocol.MethodTextDocumentCodeAction:             true,
	protocol.MethodCodeActionResolve:                  true,
	protocol.MethodTextDocumentCodeLens:               true,
	protocol.MethodTextDocumentCompletion:             true,
	protocol.MethodTextDocumentSignatureHelp:          true,
	protocol.MethodTextDocumentDiagnostic:             true,
	protocol.MethodWorkspaceDiagnostic:                true,
	protocol.MethodWorkspaceSymbol:                    true,
	protocol.MethodWorkspaceDidChangeWatchedFiles:     true,
	protocol.MethodWorkspaceDidChangeConfiguration:    true,
	protocol.MethodWorkspaceDidChangeWorkspaceFolders: true,
	protocol.MethodWorkspaceExecuteCommand:            true,
	protocol.MethodWindowWorkDoneProgressCancel:       true,
}

// handler is what the connection calls for each message, in their order.
func (s *server) handler() jsonrpc2.Handler {
	dispatch := protocol.ServerHandler(s, jsonrpc2.MethodNotFoundHandler)
	return func(ctx context.Context, req *jsonrpc2.Request) (any, error) {
		if err := s.admit(req); err != nil {
			return s.answer(req, nil, err)
		}
		if req.Method() == protocol.MethodCancelRequest {
			return s.answer(req, nil, s.cancelRequest(req.Params()))
		}
		if !req.IsCall() {
			result, err := s.safely(jsonrpc2.DetachContext(ctx), req, dispatch)
			return s.answer(req, result, err)
		}
		// The request's own context lives no longer than the request does, goroutines
		// that look at it may: requests have contexts of their own.
		own, cancel := context.WithCancel(jsonrpc2.DetachContext(ctx))
		defer cancel()
		defer s.register(req.ID(), cancel)()
		if m := req.Method(); m != protocol.MethodInitialize && m != protocol.MethodShutdown {
			jsonrpc2.Async(ctx) // what comes behind need not wait
		}
		result, err := s.safely(own, req, dispatch)
		if err != nil && own.Err() != nil {
			err = protocol.ErrRequestCancelled
		}
		return s.answer(req, result, err)
	}
}

// answer gives a request its result. An error of a notification would end the
// connection; it is logged instead.
func (s *server) answer(req *jsonrpc2.Request, result any, err error) (any, error) {
	if err != nil && !req.IsCall() {
		s.log.Info("a notification was not served", "method", req.Method(), "error", err)
		return nil, nil
	}
	return result, err
}

// admit checks whether a message may be served now (LSP 3.18, "Server lifecycle").
func (s *server) admit(req *jsonrpc2.Request) error {
	method := req.Method()
	switch {
	case !s.serves(method):
		return fmt.Errorf("%q: %w", method, jsonrpc2.ErrMethodNotFound)
	case method == protocol.MethodExit:
		return nil
	case s.downOrder.Load():
		return jsonrpc2.NewError(jsonrpc2.InvalidRequest, "the server was shut down")
	case method == protocol.MethodInitialize && s.initialized.Load():
		return jsonrpc2.NewError(jsonrpc2.InvalidRequest, "the server is initialized already")
	case method != protocol.MethodInitialize && !s.initialized.Load():
		return jsonrpc2.NewError(jsonrpc2.ServerNotInitialized, "the server is not initialized")
	}
	return nil
}

// safely serves a message. A panic costs that message, nothing else.
func (s *server) safely(ctx context.Context, req *jsonrpc2.Request, next jsonrpc2.Handler) (result any, err error) {
	method := strings.Clone(req.Method())
	began := time.Now()
	defer func() { s.traced(method, began, err) }()
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("a request failed: this is a fault of bpfls", "method", method, "panic", p, "stack", string(debug.Stack()))
			result, err = nil, jsonrpc2.Errorf(jsonrpc2.InternalError, "bpfls failed in %s, which is a fault of bpfls: %v", method, p)
		}
	}()
	return next(ctx, req)
}
