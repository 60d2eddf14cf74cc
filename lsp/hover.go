package lsp

import (
	"context"
	"time"

	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"

	"bpfls/explain"
	"bpfls/session"
)

// hoverWait bounds how long a hover waits for states that must be computed again.
const hoverWait = 5 * time.Second

// Hover shows what the verifier knows at a place: the state, the checks, the
// instructions; of a program its verdict, of a section mark its hook.
func (s *server) Hover(ctx context.Context, params *protocol.HoverParams) (*protocol.Hover, error) {
	path, ok := s.path(params.TextDocument.URI)
	if !ok {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, hoverWait)
	defer cancel()
	view := s.session.View(ctx, path)
	if view.Text == nil {
		return nil, nil
	}
	at := fromLSP(view.Text, params.Position, s.features.encoding)
	text := hoverText(ctx, view, at, s.features.markdown)
	_, findings := s.session.FindingsAt(path, explain.Range{Line: at.Line, Column: at.Column, EndLine: at.Line, EndColumn: at.Column})
	text = s.pages(text, findings)
	if text == "" {
		return nil, nil
	}
	kind := protocol.MarkupKindPlainText
	if s.features.markdown {
		kind = protocol.MarkupKindMarkdown
	}
	return &protocol.Hover{Contents: &protocol.MarkupContent{Kind: kind, Value: text}}, nil
}

// pages adds to a hover what the codes of findings there mean, and where their pages are.
func (s *server) pages(text string, findings []session.Finding) string {
	w := &hoverWriter{markdown: s.features.markdown}
	w.WriteString(text)
	told := map[string]bool{}
	for _, f := range findings {
		entry, ok := explain.Lookup(f.Code)
		if !ok || told[f.Code] {
			continue
		}
		told[f.Code] = true
		w.rule()
		page, err := session.PageFile(f.Code)
		switch {
		case err != nil:
			w.line("%s: %s", f.Code, entry.Title)
		case w.markdown:
			w.line("[%s](%s): %s", f.Code, uri.File(page), entry.Title)
		default:
			w.line("%s: %s (%s)", f.Code, entry.Title, page)
		}
	}
	return w.String()
}
