package lsp

import (
	"context"
	"strings"

	"go.lsp.dev/protocol"

	"bpfls/report"
)

// SignatureHelp shows the prototype that the hook gives to the helper that is being called.
func (s *server) SignatureHelp(ctx context.Context, params *protocol.SignatureHelpParams) (*protocol.SignatureHelp, error) {
	path, ok := s.path(params.TextDocument.URI)
	if !ok {
		return nil, nil
	}
	text, _, ok := s.session.Document(path)
	if !ok {
		return nil, nil
	}
	found := s.session.SignatureAt(ctx, path, fromLSP(text, params.Position, s.features.encoding))
	if found == nil {
		return nil, nil
	}
	label := report.Prototype(found.Helper)
	info := protocol.SignatureInformation{Label: label, Documentation: s.markup("hook " + found.Type.Name + "\n\n" + found.Helper.Doc)}
	// Parameters are named by their place in the label, which has ASCII letters only.
	open, end := strings.IndexByte(label, '('), strings.LastIndexByte(label, ')')
	if open >= 0 && open < end {
		at := open + 1
		for _, argument := range strings.Split(label[open+1:end], ", ") {
			info.Parameters = append(info.Parameters, protocol.ParameterInformation{
				Label: protocol.ParameterInformationLabelTuple{uint32(at), uint32(at + len(argument))},
			})
			at += len(argument) + len(", ")
		}
	}
	return &protocol.SignatureHelp{
		Signatures:      []protocol.SignatureInformation{info},
		ActiveSignature: ptr(uint32(0)),
		ActiveParameter: protocol.NewNullable(uint32(found.Argument)),
	}, nil
}
