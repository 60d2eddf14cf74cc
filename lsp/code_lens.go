package lsp

import (
	"context"
	"fmt"

	"go.lsp.dev/protocol"

	"bpfls/explain"
	"bpfls/session"
)

// CodeLens shows above each program what the verifier says of it.
func (s *server) CodeLens(_ context.Context, params *protocol.CodeLensParams) ([]protocol.CodeLens, error) {
	path, ok := s.path(params.TextDocument.URI)
	if !ok {
		return nil, nil
	}
	list := []protocol.CodeLens{}
	status := s.session.Status(path)
	var head map[string]session.HeadProgram
	differs := false
	if s.has("headChange") {
		head, differs = s.session.Head(path)
	}
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
			if differs {
				title += headText(d.Program, head)
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

// headText says how a program differs from what it is in git's HEAD; empty: not.
func headText(p *explain.Program, head map[string]session.HeadProgram) string {
	before, ok := head[p.Section+" "+p.Function]
	if !ok {
		return " Not in HEAD."
	}
	text := ""
	switch d := p.Instructions - before.Instructions; {
	case d > 0:
		text = " " + number(d, "instruction") + " more than HEAD."
	case d < 0:
		text = " " + number(-d, "instruction") + " fewer than HEAD."
	}
	switch {
	case before.Verdict == p.Verdict:
	case before.Verdict == "pass":
		text += " It passes in HEAD."
	case p.Verdict == "pass":
		text += " It does not pass in HEAD."
	}
	return text
}
