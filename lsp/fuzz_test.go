package lsp_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"bpfls/explain"
	"bpfls/lsp"
	"bpfls/session"
)

// FuzzServe gives the server any bytes: it must end when its input does, without a
// panic and within a few seconds, and answer with frames.
func FuzzServe(f *testing.F) {
	frame := func(bodies ...string) []byte {
		var b strings.Builder
		for _, body := range bodies {
			fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
		}
		return []byte(b.String())
	}
	const (
		initialize = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"processId":null,"rootUri":null,"capabilities":{}}}`
		open       = `{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{"textDocument":{"uri":"file:///a.bpf.c","languageId":"c","version":1,"text":"a\u00e9\nb"}}}`
		change     = `{"jsonrpc":"2.0","method":"textDocument/didChange","params":{"textDocument":{"uri":"file:///a.bpf.c","version":2},"contentChanges":[{"range":{"start":{"line":0,"character":1},"end":{"line":9,"character":9}},"text":"x"},{"text":"y"}]}}`
		hover      = `{"jsonrpc":"2.0","id":"h","method":"textDocument/hover","params":{"textDocument":{"uri":"file:///a.bpf.c"},"position":{"line":4294967295,"character":4294967295}}}`
	)
	f.Add(frame(initialize, `{"jsonrpc":"2.0","method":"initialized","params":{}}`, open, change, hover,
		`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":"h"}}`,
		`{"jsonrpc":"2.0","id":2,"method":"workspace/executeCommand","params":{"command":"bpfls.status","arguments":["file:///a.bpf.c"]}}`,
		`{"jsonrpc":"2.0","id":3,"method":"shutdown"}`, `{"jsonrpc":"2.0","method":"exit"}`))
	f.Add(frame(initialize, `{"jsonrpc":"2.0","method":"workspace/didChangeConfiguration","params":{"settings":{"bpfls":{"platform":7}}}}`,
		`{"jsonrpc":"2.0","method":"workspace/didChangeWorkspaceFolders","params":{"event":{"added":[{"uri":"file:///x","name":"x"}],"removed":[]}}}`,
		`{"jsonrpc":"2.0","method":"window/workDoneProgress/cancel","params":{"token":"bpfls-1"}}`, `[`, `{}`))
	f.Add([]byte("Content-Length: 5\r\n\r\nhello"))
	f.Add([]byte("Content-Length: -1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var out bytes.Buffer
		ended := make(chan error, 1)
		go func() {
			ended <- lsp.Serve(context.Background(), io.NopCloser(bytes.NewReader(in)), &locked{w: &out}, lsp.Options{Session: session.Options{
				NoWatch: true,
				Run: func(_ context.Context, req session.Request) *session.Outcome {
					return &session.Outcome{Report: &explain.Report{Path: req.Path}}
				},
			}})
		}()
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			t.Fatal("the server does not end with its input")
		}
		if out.Len() > 0 && !bytes.HasPrefix(out.Bytes(), []byte("Content-Length: ")) {
			t.Errorf("the server wrote %.60q", out.Bytes())
		}
	})
}
