package lsp

import (
	"context"

	"go.lsp.dev/protocol"
)

// Symbols lists the programs and maps of the workspace whose names match a query.
func (s *server) Symbols(ctx context.Context, params *protocol.WorkspaceSymbolParams) (protocol.WorkspaceSymbolResult, error) {
	found, err := s.session.FindSymbols(ctx, params.Query)
	if err != nil {
		return nil, err
	}
	list := protocol.SymbolInformationSlice{}
	for _, d := range found {
		list = append(list, protocol.SymbolInformation{BaseSymbolInformation: baseSymbol(d), Location: s.symbolLocation(d)})
	}
	return list, nil
}
