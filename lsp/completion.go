package lsp

import (
	"context"
	"fmt"
	"strings"

	"go.lsp.dev/protocol"

	"bpfls/explain"
	"bpfls/position"
	"bpfls/report"
	"bpfls/session"
)

// Completion proposes section names, the helpers of the hook, map types and what
// comments can tell bpfls.
func (s *server) Completion(ctx context.Context, params *protocol.CompletionParams) (protocol.CompletionResult, error) {
	path, ok := s.path(params.TextDocument.URI)
	if !ok {
		return nil, nil
	}
	text, _, ok := s.session.Document(path)
	if !ok {
		return nil, nil
	}
	at := fromLSP(text, params.Position, s.features.encoding)
	proposals, replaces := s.session.Propose(ctx, path, at)
	from := text.Point(text.Offset(at) - replaces)
	place := explain.Range{Line: from.Line, Column: from.Column, EndLine: at.Line, EndColumn: at.Column}
	items := protocol.CompletionItemSlice{}
	for i, p := range proposals {
		item := protocol.CompletionItem{
			Label: p.Text, Kind: proposalKind(p.Kind), Detail: protocol.NewOptional(p.Detail),
			SortText:   protocol.NewOptional(fmt.Sprintf("%04d", i)),
			FilterText: protocol.NewOptional(p.Text),
			TextEdit:   &protocol.TextEdit{Range: exactRange(text, place, s.features.encoding), NewText: p.Text},
		}
		if doc := proposalDoc(p); doc != "" {
			item.Documentation = s.markup(doc)
		}
		items = append(items, item)
	}
	return items, nil
}

func proposalKind(k session.ProposalKind) protocol.CompletionItemKind {
	switch k {
	case session.ProposeSection:
		return protocol.CompletionItemKindEvent
	case session.ProposeHelper:
		return protocol.CompletionItemKindFunction
	case session.ProposeMapType:
		return protocol.CompletionItemKindEnumMember
	}
	return protocol.CompletionItemKindKeyword
}

func proposalDoc(p session.Proposal) string {
	switch {
	case p.Helper != nil:
		return strings.TrimSpace(report.Prototype(p.Helper) + "\n\n" + p.Helper.Doc)
	case p.Type != nil:
		return p.Type.Doc
	case p.Code != "":
		if e, ok := explain.Lookup(p.Code); ok {
			return e.Text
		}
	}
	return ""
}

// markup is a text as the client can show it.
func (s *server) markup(text string) *protocol.MarkupContent {
	kind := protocol.MarkupKindPlainText
	if s.features.markdown {
		kind = protocol.MarkupKindMarkdown
	}
	return &protocol.MarkupContent{Kind: kind, Value: text}
}

// exactRange converts a range that may be empty.
func exactRange(text *position.Mapper, r explain.Range, enc position.Encoding) protocol.Range {
	var out protocol.Range
	out.Start.Line, out.Start.Character = text.LSP(position.Point{Line: r.Line, Column: r.Column}, enc)
	out.End.Line, out.End.Character = text.LSP(position.Point{Line: r.EndLine, Column: r.EndColumn}, enc)
	return out
}
