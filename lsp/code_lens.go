package lsp

import (
	"context"
	"fmt"

	"go.lsp.dev/protocol"

	"bpfls/explain"
)

// CodeLens shows above each program what the verifier says of it.
func (s *server) CodeLens(_ context.Context, params *protocol.CodeLensParams) ([]protocol.CodeLens, error) {
	path, ok := s.path(params.TextDocument.URI)
	if !ok {
		return nil, nil
	}
	list := []protocol.CodeLens{}
	status := s.session.Status(path)
	for _, d := range s.session.Symbols(path) {
		if d.Kind != explain.DeclaredProgram {
			continue
		}
		title := ""
		switch {
		case d.Program != nil && d.Current:
			title = verdictText(d.Program)
			if d.Program.Verdict == "pass" && d.Program.Seconds > 0 {
				title = title[:len(title)-1] + fmt.Sprintf(", %.1f ms.", d.Program.Seconds*1000)
			}
		case status.Busy:
			title = "verifying"
		case d.Program != nil:
			title = "out of date: verified before your last edit"
		default:
			title = "not verified: " + status.String()
		}
		list = append(list, protocol.CodeLens{
			Range: toLSP(d.Text, d.Selection, s.features.encoding),
			Command: protocol.Command{
				Title: title, Command: "bpfls.verify", Arguments: []protocol.LSPAny{raw(params.TextDocument.URI)},
			},
		})
	}
	return list, nil
}
