package lsp

import (
	"context"
	"path/filepath"
	"strings"

	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"

	"bpfls/explain"
	"bpfls/session"
)

// publish replaces the diagnostics of a file.
func (s *server) publish(ctx context.Context, e session.FindingsEvent) {
	if s.features.pull || !s.has("publishDiagnostics") {
		return
	}
	params := &protocol.PublishDiagnosticsParams{URI: s.uri(e.Path), Diagnostics: []protocol.Diagnostic{}}
	if e.Open {
		params.Version.Set(e.Version)
	}
	for _, f := range e.Findings {
		if f.Unnecessary && !s.features.tags {
			continue // greyed where the editor can, else not shown
		}
		params.Diagnostics = append(params.Diagnostics, s.diagnostic(e, f))
	}
	if err := s.client.PublishDiagnostics(ctx, params); err != nil {
		s.log.Error("textDocument/publishDiagnostics", "error", err)
	}
}

func (s *server) diagnostic(e session.FindingsEvent, f session.Finding) protocol.Diagnostic {
	d := protocol.Diagnostic{
		Range:    toLSP(e.Text, f.Range, s.features.encoding),
		Severity: severity(f.Severity),
		Source:   protocol.NewOptional(f.Origin),
	}
	if f.Code != "" {
		d.Code = protocol.String(f.Code)
		if s.features.codeDescription && f.Origin == "bpfls" {
			if page, err := session.PageFile(f.Code); err == nil {
				d.CodeDescription = protocol.CodeDescription{Href: uri.File(page)}
			}
		}
	}
	if (f.OutOfDate || f.Unnecessary) && s.features.tags {
		d.Tags = protocol.NewDiagnosticTags(protocol.DiagnosticTagUnnecessary)
	}
	related := f.Related
	for _, source := range f.Sources {
		if source != e.Path {
			related = append(related[:len(related):len(related)], session.RelatedPlace{
				Path: source, Range: explain.Range{}, Message: "found in " + filepath.Base(source) + ", which includes this file",
			})
		}
	}
	message := f.Message
	if s.features.related {
		d.RelatedInformation = s.related(related)
	} else if s.has("relatedInMessage") {
		message = withRelated(message, related)
	}
	d.Message = protocol.String(message)
	return d
}

func (s *server) related(places []session.RelatedPlace) []protocol.DiagnosticRelatedInformation {
	var out []protocol.DiagnosticRelatedInformation
	for _, r := range places {
		info := protocol.DiagnosticRelatedInformation{
			Location: protocol.Location{URI: s.uri(r.Path)},
			Message:  r.Message,
		}
		if r.Range.Line > 0 {
			info.Location.Range = toLSP(r.Text, r.Range, s.features.encoding)
		}
		out = append(out, info)
	}
	return out
}

// withRelated appends related places to a message, for clients that cannot show them.
func withRelated(message string, places []session.RelatedPlace) string {
	var b strings.Builder
	b.WriteString(message)
	for _, r := range places {
		b.WriteString("\n  ")
		if r.Range.Line > 0 {
			b.WriteString(place(r))
			b.WriteString(": ")
		}
		b.WriteString(r.Message)
	}
	return b.String()
}

func severity(s string) protocol.DiagnosticSeverity {
	switch s {
	case "error":
		return protocol.DiagnosticSeverityError
	case "warning":
		return protocol.DiagnosticSeverityWarning
	}
	if s == "hint" {
		return protocol.DiagnosticSeverityHint
	}
	return protocol.DiagnosticSeverityInformation
}
