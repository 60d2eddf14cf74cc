package lsp

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"

	"go.lsp.dev/protocol"

	"bpfls/explain"
	"bpfls/position"
	"bpfls/report"
	"bpfls/session"
)

// objectView is what an editor shows of an object.
type objectView struct {
	Text        string          `json:"text"`
	Diagnostics json.RawMessage `json:"diagnostics"` // protocol.Diagnostic
}

// object judges an object, or what a source is compiled into, and returns a text with its
// maps, programs and instructions, and its findings as diagnostics of that text.
func (s *server) object(ctx context.Context, path string) (any, error) {
	if path == "" {
		return nil, errNoFile
	}
	out, _, err := s.session.Outcome(ctx, path)
	if err != nil {
		return nil, err
	}
	if out.Object == nil {
		return nil, fmt.Errorf("there is no object: %s", out.Report.Error)
	}
	var rows []report.JudgedRow
	for _, p := range out.Programs {
		rows = append(rows, report.JudgedRow{ProgramRow: report.ProgramRow{Program: p.Program, Type: p.Type}, Report: p.Report})
	}
	annotated := report.Annotate(out.Object, rows, out.Platform, verdictText)
	text := fmt.Sprintf("; %s\n; platform %s (%s)\n", path, out.Report.Platform, out.Report.Why)
	const above = 2
	text += annotated.Text
	list := []protocol.Diagnostic{}
	mapper := position.New([]byte(text))
	for _, a := range annotated.Places {
		at := explain.Range{Line: a.Line + above, Column: a.Column, EndLine: a.Line + above, EndColumn: a.EndColumn}
		d := protocol.Diagnostic{
			Range: toLSP(mapper, at, s.features.encoding), Severity: severity(a.Finding.Severity),
			Source: protocol.NewOptional("bpfls"), Code: protocol.String(a.Finding.Code), Message: protocol.String(a.Finding.Message),
		}
		if f := a.Finding; f.Range.Line > 0 && filepath.IsAbs(f.Range.File) && s.features.related {
			place := session.RelatedPlace{Path: filepath.Clean(f.Range.File), Range: f.Range, Message: "in C"}
			if place.Text = out.Source(f.Range.File); place.Text != nil {
				d.RelatedInformation = s.related([]session.RelatedPlace{place})
			}
		}
		list = append(list, d)
	}
	data, err := protocol.Marshal(list)
	return objectView{text, data}, err
}
