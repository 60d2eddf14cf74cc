package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"bpfls/explain"
)

// MSBuild writes findings in the form that MSBuild and Visual Studio take for
// diagnostics of a tool, one line each:
//
//	packet.c(6,12,6,19): error BPF-packet-bounds: reads byte 7 of the packet; ...
//
// Columns count UTF-16 code units from 1 (bytes where the text is not known); the end
// column is behind the last one. A
// finding without a place has the file alone, and one that a comment allows is a
// warning. Nothing else is written: a line of
// another form would be taken for output of the build. path shortens the paths of
// sources; nil leaves them.
func MSBuild(w io.Writer, files []Judged, path func(string) string) error {
	if path == nil {
		path = func(p string) string { return p }
	}
	b := bufio.NewWriter(w)
	for i := range files {
		j := &files[i]
		line := func(r explain.Range, severity, code, message string) {
			if code != "" {
				code = " " + code
			}
			if severity != "error" {
				severity = "warning" // MSBuild knows no third category
			}
			fmt.Fprintf(b, "%s: %s%s: %s\n", j.origin(r, path), severity, code, oneLine(message))
		}
		errors := 0
		for _, m := range j.Compiler {
			text := m.Text
			if m.Option != "" {
				text += " [" + m.Option + "]"
			}
			if m.Severity == "error" {
				errors++
			}
			line(m.Range, m.Severity, "clang", text)
		}
		if j.Report.Error != "" && errors == 0 {
			line(explain.Range{}, "error", "", j.Report.Error)
		}
		for _, p := range j.Report.Programs {
			for k := range p.Findings {
				f := &p.Findings[k]
				if f.Allowed != "" {
					line(placeOf(p, f), "warning", f.Code, f.Message+" (allowed here: "+f.Allowed+")")
					continue
				}
				line(placeOf(p, f), f.Severity, f.Code, f.Message)
			}
		}
	}
	return b.Flush()
}

// origin is where a diagnostic comes from, "file(line,column,endline,endcolumn)".
func (j *Judged) origin(r explain.Range, path func(string) string) string {
	if r.Line == 0 {
		return path(or(r.File, j.Report.Path)) + " "
	}
	file := path(or(r.File, j.Report.Path))
	line, column, endLine, endColumn := j.utf16(r)
	switch {
	case column == 0 && r.Column == 0:
		return fmt.Sprintf("%s(%d)", file, line)
	case column == 0: // the text is not known, as where it does not compile: most of it is ASCII
		column, endLine, endColumn = r.Column, max(r.EndLine, r.Line), max(r.EndColumn, r.Column)
	}
	return fmt.Sprintf("%s(%d,%d,%d,%d)", file, line, column, endLine, endColumn)
}

// placeOf is the range of a finding; where it has none, the line of its program.
func placeOf(p *explain.Program, f *explain.Finding) explain.Range {
	if f.Range.Line == 0 && p.Line > 0 {
		return explain.Range{File: p.File, Line: p.Line}
	}
	return f.Range
}

// oneLine makes one line of a text.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
