package lsp

import (
	"context"
	"encoding/hex"
	"hash/fnv"

	"go.lsp.dev/protocol"

	"bpfls/session"
)

// Diagnostic answers a client that asks for the diagnostics of a file instead of being
// told. It waits for a run that is under way.
func (s *server) Diagnostic(ctx context.Context, params *protocol.DocumentDiagnosticParams) (protocol.DocumentDiagnosticReport, error) {
	path, ok := s.path(params.TextDocument.URI)
	if !ok {
		return &protocol.RelatedFullDocumentDiagnosticReport{FullDocumentDiagnosticReport: protocol.FullDocumentDiagnosticReport{
			Kind: "full", Items: []protocol.Diagnostic{}}}, nil
	}
	if _, err := s.session.Wait(ctx, path); err != nil {
		return nil, err
	}
	items, id := s.diagnostics(s.session.Findings(path))
	if params.PreviousResultID != nil && *params.PreviousResultID == id {
		return &protocol.RelatedUnchangedDocumentDiagnosticReport{UnchangedDocumentDiagnosticReport: protocol.UnchangedDocumentDiagnosticReport{
			Kind: "unchanged", ResultID: id}}, nil
	}
	return &protocol.RelatedFullDocumentDiagnosticReport{FullDocumentDiagnosticReport: protocol.FullDocumentDiagnosticReport{
		Kind: "full", ResultID: &id, Items: items}}, nil
}

// DiagnosticWorkspace lists the diagnostics of all files that have some.
func (s *server) DiagnosticWorkspace(_ context.Context, params *protocol.WorkspaceDiagnosticParams) (*protocol.WorkspaceDiagnosticReport, error) {
	before := map[string]string{}
	for _, p := range params.PreviousResultIds {
		if path, ok := s.path(p.URI); ok {
			before[path] = p.Value
		}
	}
	events := s.session.AllFindings()
	listed := map[string]bool{}
	for _, e := range events {
		listed[e.Path] = true
	}
	for path := range before {
		if !listed[path] {
			events = append(events, s.session.Findings(path)) // it had some, and has none now
		}
	}
	report := &protocol.WorkspaceDiagnosticReport{Items: []protocol.WorkspaceDocumentDiagnosticReport{}}
	for _, e := range events {
		items, id := s.diagnostics(e)
		var version *int32
		if e.Open {
			version = &e.Version
		}
		if before[e.Path] == id {
			report.Items = append(report.Items, &protocol.WorkspaceUnchangedDocumentDiagnosticReport{
				UnchangedDocumentDiagnosticReport: protocol.UnchangedDocumentDiagnosticReport{Kind: "unchanged", ResultID: id},
				URI:                               s.uri(e.Path), Version: version})
			continue
		}
		report.Items = append(report.Items, &protocol.WorkspaceFullDocumentDiagnosticReport{
			FullDocumentDiagnosticReport: protocol.FullDocumentDiagnosticReport{Kind: "full", ResultID: &id, Items: items},
			URI:                          s.uri(e.Path), Version: version})
	}
	return report, nil
}

// diagnostics are the diagnostics of a file and an identifier that is theirs alone.
func (s *server) diagnostics(e session.FindingsEvent) (items []protocol.Diagnostic, id string) {
	items = []protocol.Diagnostic{}
	h := fnv.New128a()
	for _, f := range e.Findings {
		if f.Unnecessary && !s.features.tags {
			continue
		}
		d := s.diagnostic(e, f)
		items = append(items, d)
		data, err := protocol.Marshal(&d)
		if err != nil {
			continue
		}
		h.Write(data)
		h.Write([]byte{0})
	}
	return items, hex.EncodeToString(h.Sum(nil))
}
