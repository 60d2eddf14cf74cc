// Package report renders what explain, elfbpf and the verifier found: as text for
// people, as JSON, in the form of netsh, and listings like llvm-objdump's. It
// writes to writers that its callers give it and knows no files or terminals.
package report

import (
	"encoding/json"
	"io"

	"bpfls/explain"
)

// Schema is the version of the JSON form. Fields are only ever added to it.
const Schema = 1

// A pointer is null in JSON where the value is not known; a list never is.

// Document is the JSON form of a run over several files. docs/json.md describes
// the fields for users.
type Document struct {
	Schema   int     `json:"schema"`
	Tool     Tool    `json:"tool"`
	Platform *string `json:"platform"` // null where the files are for different ones
	Files    []File  `json:"files"`
}

// Tool names the program that wrote a document.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// File is one input.
type File struct {
	Path     string    `json:"path"`
	Error    *string   `json:"error"`
	Programs []Program `json:"programs"`
}

// Program is one program of a file.
type Program struct {
	Section      string         `json:"section"`
	Function     string         `json:"function"`
	Type         *string        `json:"type"`
	Verdict      string         `json:"verdict"`
	Reason       *string        `json:"reason"`
	Engine       string         `json:"engine"`
	Engines      []EngineAnswer `json:"engines"`
	Instructions int            `json:"instructions"`
	LoopBound    *int           `json:"loop_bound"`
	Stack        *int           `json:"stack"`
	Findings     []Finding      `json:"findings"`
	Asserts      []Assert       `json:"asserts"`
}

// Assert is the answer to a comment "bpfls: assert EXPRESSION".
type Assert struct {
	File       *string `json:"file"`
	Line       *int    `json:"line"`
	Column     *int    `json:"column"`
	EndLine    *int    `json:"end_line"`
	EndColumn  *int    `json:"end_column"`
	Expression string  `json:"expression"`
	Verdict    string  `json:"verdict"`
	Reason     *string `json:"reason"`
}

// EngineAnswer is what one engine says of a program.
type EngineAnswer struct {
	Engine                string   `json:"engine"`
	Verdict               string   `json:"verdict"`
	Reason                *string  `json:"reason"`
	Seconds               *float64 `json:"seconds"`
	ProcessedInstructions *int     `json:"processed_instructions"`
}

// Finding is a root cause. Lines and columns count from 1, columns in bytes of
// UTF-8; a range ends before its end column.
type Finding struct {
	Code            string    `json:"code"`
	Severity        string    `json:"severity"`
	Engine          string    `json:"engine"`
	Message         string    `json:"message"`
	VerifierMessage *string   `json:"verifier_message"`
	Instruction     *int      `json:"instruction"`
	Label           *string   `json:"label"`
	CallPath        []int     `json:"call_path"`
	File            *string   `json:"file"`
	Line            *int      `json:"line"`
	Column          *int      `json:"column"`
	EndLine         *int      `json:"end_line"`
	EndColumn       *int      `json:"end_column"`
	Consequences    int       `json:"consequences"`
	MissingFact     *string   `json:"missing_fact"`
	MissingFactLine *int      `json:"missing_fact_line"`
	Class           *string   `json:"class"`
	ClassReason     *string   `json:"class_reason"`
	Witness         *Witness  `json:"witness"`
	Related         []Related `json:"related"`
	Fixes           []Fix     `json:"fixes"`
	NoFix           *string   `json:"no_fix"`
	Allowed         *string   `json:"allowed"`
}

// Related is a place that helps to understand a finding.
type Related struct {
	File      *string `json:"file"`
	Line      *int    `json:"line"`
	Column    *int    `json:"column"`
	EndLine   *int    `json:"end_line"`
	EndColumn *int    `json:"end_column"`
	Message   string  `json:"message"`
}

// Fix is a change of the sources that removes a finding.
type Fix struct {
	Title    string `json:"title"`
	Verified bool   `json:"verified"`
	Inputs   int    `json:"inputs"`
	Edits    []Edit `json:"edits"`
}

// Edit replaces a range of a file by a text.
type Edit struct {
	File      string `json:"file"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndLine   int    `json:"end_line"`
	EndColumn int    `json:"end_column"`
	Text      string `json:"text"`
}

// NewDocument makes the JSON form of reports. path shortens the paths of sources;
// nil leaves them as they are.
func NewDocument(version string, reports []*explain.Report, path func(string) string) *Document {
	if path == nil {
		path = func(p string) string { return p }
	}
	d := &Document{Schema: Schema, Tool: Tool{"bpfls", version}, Files: []File{}}
	for i, r := range reports {
		switch {
		case i == 0 && r.Platform != "":
			d.Platform = &r.Platform
		case d.Platform != nil && r.Platform != *d.Platform && r.Platform != "":
			d.Platform = nil
		}
		f := File{Path: r.Path, Error: known(r.Error), Programs: []Program{}}
		for _, p := range r.Programs {
			f.Programs = append(f.Programs, newProgram(p, path))
		}
		d.Files = append(d.Files, f)
	}
	return d
}

func newProgram(p *explain.Program, path func(string) string) Program {
	out := Program{
		Section:      p.Section,
		Function:     p.Function,
		Type:         known(p.Type),
		Verdict:      p.Verdict,
		Reason:       known(p.Reason),
		Engine:       p.Engine,
		Engines:      []EngineAnswer{{Engine: p.Engine, Verdict: p.Verdict, Reason: known(p.Reason), Seconds: &p.Seconds}},
		Instructions: p.Instructions,
		LoopBound:    natural(p.LoopBound),
		Stack:        natural(p.Stack),
		Findings:     []Finding{},
		Asserts:      []Assert{},
	}
	for i := range p.Findings {
		out.Findings = append(out.Findings, NewFinding(&p.Findings[i], path))
	}
	for _, a := range p.Asserts {
		o := Assert{Expression: a.Expression, Verdict: a.Verdict, Reason: known(a.Reason)}
		o.File, o.Line, o.Column, o.EndLine, o.EndColumn = place(a.Range, path)
		out.Asserts = append(out.Asserts, o)
	}
	return out
}

// NewFinding makes the JSON form of a finding. path shortens the paths of sources; nil leaves
// them as they are.
func NewFinding(f *explain.Finding, path func(string) string) Finding {
	if path == nil {
		path = func(p string) string { return p }
	}
	out := Finding{
		Code:            f.Code,
		Severity:        f.Severity,
		Engine:          f.Engine,
		Message:         f.Message,
		VerifierMessage: known(f.VerifierMessage),
		Instruction:     natural(f.Instruction),
		Label:           known(f.Label),
		CallPath:        append([]int{}, f.CallPath...),
		Consequences:    f.Consequences,
		MissingFact:     known(f.MissingFact),
		Allowed:         known(f.Allowed),
		MissingFactLine: positive(f.Evidence.FactAt.Line),
		Class:           known(f.Evidence.Class),
		ClassReason:     known(f.Evidence.Reason),
		Witness:         newWitness(f.Evidence.Witness),
		NoFix:           known(f.Evidence.NoFix),
		Related:         []Related{},
		Fixes:           []Fix{},
	}
	out.File, out.Line, out.Column, out.EndLine, out.EndColumn = place(f.Range, path)
	for _, r := range f.Related {
		o := Related{Message: r.Message}
		o.File, o.Line, o.Column, o.EndLine, o.EndColumn = place(r.Range, path)
		out.Related = append(out.Related, o)
	}
	for _, fix := range f.Evidence.Fixes {
		out.Fixes = append(out.Fixes, newFix(fix, path))
	}
	return out
}

func newFix(f explain.Fix, path func(string) string) Fix {
	out := Fix{Title: f.Title, Verified: f.Verified, Inputs: f.Inputs, Edits: []Edit{}}
	for _, e := range f.Edits {
		out.Edits = append(out.Edits, Edit{path(e.Range.File), e.Range.Line, e.Range.Column, e.Range.EndLine, e.Range.EndColumn, e.Text})
	}
	return out
}

func place(r explain.Range, path func(string) string) (file *string, line, column, endLine, endColumn *int) {
	if r.Line == 0 {
		return
	}
	return known(path(r.File)), natural(r.Line), natural(r.Column), natural(r.EndLine), natural(r.EndColumn)
}

func known(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func natural(n int) *int {
	if n < 0 {
		return nil
	}
	return &n
}

// JSON writes the JSON form of reports.
func JSON(w io.Writer, version string, reports []*explain.Report, path func(string) string) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(NewDocument(version, reports, path))
}

func positive(n int) *int {
	if n <= 0 {
		return nil
	}
	return &n
}
