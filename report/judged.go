package report

import (
	"bpfls/explain"
	"bpfls/position"
)

// Judged is what the machine-readable forms need of one file.
type Judged struct {
	Report *explain.Report
	// Source returns the text of a file that was compiled, by its path in the report;
	// nil, or a nil result, where it is not known: columns are then left out of forms
	// that count other units than bytes.
	Source func(file string) *position.Mapper
	// Compiler holds what the compiler said about the source.
	Compiler []CompilerMessage
}

// CompilerMessage is an error or a warning of the compiler.
type CompilerMessage struct {
	Range    explain.Range
	Severity string // "error", "warning"
	Text     string
	Option   string // that controls a warning: "-Wunused-variable"
}

func (j *Judged) source(file string) *position.Mapper {
	if j.Source == nil {
		return nil
	}
	return j.Source(file)
}

// utf16 converts a range to lines and columns in UTF-16 code units. Columns are 0
// where the text is not known.
func (j *Judged) utf16(r explain.Range) (line, column, endLine, endColumn int) {
	m := j.source(r.File)
	if m == nil || r.Line == 0 || r.Column == 0 {
		return r.Line, 0, max(r.EndLine, r.Line), 0
	}
	line, column = m.UTF16(position.Point{Line: r.Line, Column: r.Column})
	endLine, endColumn = line, column
	if r.EndLine > 0 && r.EndColumn > 0 {
		endLine, endColumn = m.UTF16(position.Point{Line: r.EndLine, Column: r.EndColumn})
	}
	return line, column, endLine, endColumn
}
