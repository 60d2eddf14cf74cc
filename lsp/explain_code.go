package lsp

import (
	"context"
	"encoding/json"
	"fmt"

	"go.lsp.dev/jsonrpc2"
	"go.lsp.dev/protocol"

	"bpfls/explain"
)

// explainCode returns the page of a finding's code as Markdown.
func (s *server) explainCode(_ context.Context, args []protocol.LSPAny) (any, error) {
	var code string
	if len(args) != 1 || json.Unmarshal(args[0], &code) != nil {
		return nil, jsonrpc2.NewError(jsonrpc2.InvalidParams, "name the code of a finding: it is the argument")
	}
	e, ok := explain.Lookup(code)
	if !ok {
		return nil, jsonrpc2.NewError(jsonrpc2.InvalidParams, fmt.Sprintf("there is no code %q", code))
	}
	return e.Page, nil
}
