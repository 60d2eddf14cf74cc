package session

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"bpfls/clangdriver"
	"bpfls/explain"
	"bpfls/position"
	"bpfls/settings"
)

// Finding is a finding or a compiler's diagnostic at its place in the present text
// of a file.
type Finding struct {
	Origin   string // "bpfls" or "clang"
	Code     string // "BPF-packet-bounds", "-Wunused-variable"; may be empty
	Severity string // "error", "warning", "information", "hint"
	Message  string // one sentence
	Range    explain.Range
	Related  []RelatedPlace
	// OutOfDate: found before the text or something that it depends on changed, and
	// not known to hold now. Message says so.
	OutOfDate bool
	// Unnecessary: it is no fault, but code that is dead to the verifier.
	Unnecessary bool
	// Sources are the files whose compilation has the finding, sorted: for a
	// header, those that include it.
	Sources []string

	explained *explain.Finding // as the report has it; nil for a compiler's
	header    string           // the include that clang did not find
}

// RelatedPlace is a place that helps to understand a finding.
type RelatedPlace struct {
	Path    string
	Range   explain.Range // Line 0: the file as a whole
	Text    *position.Mapper
	Message string
}

// item is a finding as a run found it, in the text that was compiled.
type item struct {
	path string // file that it is in, absolute
	Finding
}

// verdictItems are the findings of the verifier in a run of the source at path.
func verdictItems(path string, out *Outcome) []item {
	var items []item
	for _, p := range out.Report.Programs {
		where := explain.Range{File: p.File, Line: p.Line, EndLine: p.Line}
		for _, f := range shownFindings(p) {
			items = append(items, newItem(path, where, p, f))
		}
		if len(p.Findings) == 0 && p.Verdict != "pass" && p.Reason != "" {
			f := explain.Finding{Code: "BPF-" + p.Verdict, Severity: "error", Message: p.Function + ": " + p.Reason}
			if p.Verdict != "rejected" && p.Verdict != "fail" {
				f.Severity = "warning"
			}
			items = append(items, newItem(path, where, p, f))
		}
	}
	return items
}

func newItem(source string, function explain.Range, p *explain.Program, f explain.Finding) item {
	it := item{path: source, Finding: Finding{
		Origin: "bpfls", Code: f.Code, Severity: f.Severity, Message: f.Message, Range: f.Range, Sources: []string{source},
		explained: &f,
	}}
	if f.Consequences > 0 {
		it.Message = fmt.Sprintf("%s (and %s)", it.Message, count(f.Consequences, "consequence"))
	}
	if it.Range.Line == 0 {
		it.Range = function
	}
	if it.Range.Line == 0 {
		it.Range = explain.Range{Line: 1, EndLine: 1}
	} else {
		it.path = resolve(source, it.Range.File)
	}
	it.Range.File = ""
	for _, r := range f.Related {
		at := r.Range
		related := RelatedPlace{Path: resolve(source, at.File), Range: at, Message: r.Message}
		if at.Line == 0 {
			related.Path, related.Range = it.path, it.Range
		}
		related.Range.File = ""
		it.Related = append(it.Related, related)
	}
	own := func(format string, args ...any) {
		it.Related = append(it.Related, RelatedPlace{Path: it.path, Range: it.Range, Message: fmt.Sprintf(format, args...)})
	}
	if f.MissingFact != "" {
		own("missing: %s", f.MissingFact)
	}
	if f.VerifierMessage != "" {
		own("verifier, %s %s: %s", p.Section, p.Function, f.VerifierMessage)
	}
	return it
}

// compilerItems are clang's errors and warnings in a run of the source at path.
func compilerItems(path string, out *clangdriver.Output) []item {
	if out == nil {
		return nil
	}
	var items []item
	for _, d := range out.Diagnostics {
		it := item{path: path, Finding: Finding{
			Origin: "clang", Code: d.Option, Severity: d.Severity, Message: d.Message, Sources: []string{path},
			Range: explain.Range{Line: 1, EndLine: 1}, header: d.Header,
		}}
		if d.File != "" && d.Line > 0 {
			it.path, it.Range = resolve(path, d.File), clangRange(d)
		}
		if it.Severity != "warning" {
			it.Severity = "error"
		}
		for _, n := range d.Notes {
			if n.Line > 0 {
				it.Related = append(it.Related, RelatedPlace{Path: resolve(path, n.File), Range: clangRange(n), Message: n.Message})
			}
		}
		items = append(items, it)
	}
	return items
}

func clangRange(d clangdriver.Diagnostic) explain.Range {
	r := explain.Range{Line: d.Line, Column: d.Column, EndLine: d.EndLine, EndColumn: d.EndColumn}
	if r.EndLine == 0 {
		r.EndLine, r.EndColumn = r.Line, r.Column
	}
	return r
}

// settingsItems are the errors in settings files and comments that a run of the source
// at path used.
func settingsItems(path string, problems []*settings.Problem) []item {
	var items []item
	for _, p := range problems {
		if p.File == "" {
			continue // the editor's settings: a notice
		}
		items = append(items, item{path: CleanPath(p.File), Finding: Finding{
			Origin: "bpfls", Code: "settings", Severity: "error", Message: p.Message, Sources: []string{path},
			Range: explain.Range{Line: max(p.Line, 1), Column: p.Column, EndLine: max(p.Line, 1), EndColumn: p.EndColumn},
		}})
	}
	return items
}

// resolve makes a file name of line information or of clang absolute; such names are
// relative to the directory of the source that was compiled.
func resolve(source, name string) string {
	switch {
	case name == "":
		return source
	case !filepath.IsAbs(name):
		name = filepath.Join(filepath.Dir(source), name)
	}
	return CleanPath(name)
}

// merge makes one finding of those that several sources have at the same place of a
// header, and sorts them by place.
func merge(findings []Finding) []Finding {
	type key struct {
		origin, code, severity, message string
		at                              explain.Range
		outOfDate                       bool
	}
	index := map[key]int{}
	var merged []Finding
	for _, f := range findings {
		k := key{f.Origin, f.Code, f.Severity, f.Message, f.Range, f.OutOfDate}
		i, ok := index[k]
		if !ok {
			index[k] = len(merged)
			f.Sources = slices.Clone(f.Sources)
			f.Related = slices.Clone(f.Related)
			merged = append(merged, f)
			continue
		}
		for _, s := range f.Sources {
			if !slices.Contains(merged[i].Sources, s) {
				merged[i].Sources = append(merged[i].Sources, s)
			}
		}
		for _, r := range f.Related {
			if !slices.Contains(merged[i].Related, r) {
				merged[i].Related = append(merged[i].Related, r)
			}
		}
	}
	for i := range merged {
		slices.Sort(merged[i].Sources)
	}
	slices.SortStableFunc(merged, func(a, b Finding) int {
		if a.Range.Line != b.Range.Line {
			return a.Range.Line - b.Range.Line
		}
		if a.Range.Column != b.Range.Column {
			return a.Range.Column - b.Range.Column
		}
		return strings.Compare(a.Message, b.Message)
	})
	return merged
}

// outOfDate marks a finding as found before a change.
func (f Finding) outOfDate(why string) Finding {
	f.OutOfDate = true
	f.Severity = "information"
	f.Message = "out of date (" + why + "): " + f.Message
	return f
}
