package lsp

import (
	"context"

	"go.lsp.dev/protocol"

	"bpfls/explain"
	"bpfls/session"
)

// DocumentSymbol lists the programs, maps and functions of a source.
func (s *server) DocumentSymbol(_ context.Context, params *protocol.DocumentSymbolParams) (protocol.DocumentSymbolResult, error) {
	path, ok := s.path(params.TextDocument.URI)
	if !ok {
		return nil, nil
	}
	symbols := s.session.Symbols(path)
	if !s.features.nestedSymbols {
		flat := protocol.SymbolInformationSlice{}
		for _, d := range symbols {
			flat = append(flat, protocol.SymbolInformation{BaseSymbolInformation: baseSymbol(d), Location: s.symbolLocation(d)})
		}
		return flat, nil
	}
	list := protocol.DocumentSymbolSlice{}
	for _, d := range symbols {
		symbol := protocol.DocumentSymbol{
			Name: d.Name, Kind: symbolKind(d.Kind),
			Range:          toLSP(d.Text, d.Range, s.features.encoding),
			SelectionRange: toLSP(d.Text, d.Selection, s.features.encoding),
		}
		if detail := symbolDetail(d); detail != "" {
			symbol.Detail = &detail
		}
		list = append(list, symbol)
	}
	return list, nil
}

func symbolKind(k explain.DeclaredKind) protocol.SymbolKind {
	switch k {
	case explain.DeclaredProgram:
		return protocol.SymbolKindEvent // what runs when something happens
	case explain.DeclaredMap:
		return protocol.SymbolKindObject
	}
	return protocol.SymbolKindFunction
}

// symbolDetail is a section and, as far as it is known of the present text, the verdict.
func symbolDetail(d session.Symbol) string {
	detail := d.Section
	if d.Program != nil && d.Current {
		detail += ": " + verdictWord(d.Program)
	}
	return detail
}

func verdictWord(p *explain.Program) string {
	switch p.Verdict {
	case "pass":
		return "verified"
	case "fail":
		return number(max(len(p.Findings), 1), "finding")
	case "rejected":
		return "rejected"
	}
	return "not verified"
}

func baseSymbol(d session.Symbol) protocol.BaseSymbolInformation {
	base := protocol.BaseSymbolInformation{Name: d.Name, Kind: symbolKind(d.Kind)}
	if d.Section != "" {
		base.ContainerName = &d.Section
	}
	return base
}

func (s *server) symbolLocation(d session.Symbol) protocol.Location {
	return protocol.Location{URI: s.uri(d.Path), Range: toLSP(d.Text, d.Selection, s.features.encoding)}
}
