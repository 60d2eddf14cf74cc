package lsp

import (
	"context"
	"fmt"
	"strings"

	"bpfls/report"
)

// disassemble returns the instructions of a file's programs as text, in PREVAIL's
// notation.
func (s *server) disassemble(ctx context.Context, path string) (any, error) {
	if path == "" {
		return nil, errNoFile
	}
	out, current, err := s.session.Outcome(ctx, path)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	if !current {
		b.WriteString("; out of date: compiled before your last change\n\n")
	}
	if out.Object == nil {
		return nil, fmt.Errorf("there is no object: %s", out.Report.Error)
	}
	for _, p := range out.Programs {
		row := report.ProgramRow{Program: p.Program, Type: p.Type}
		if err := report.Disassembly(&b, row, out.Platform, report.DisassemblyOptions{Title: true}); err != nil {
			fmt.Fprintf(&b, "; %s %s: %v\n\n", p.Program.Section, p.Program.Name, err)
		}
	}
	return b.String(), nil
}
