package repair

import (
	"context"
	"strings"

	"bpfls/explain"
)

// candidate is a change that may make a finding go away.
type candidate struct {
	title  string
	change Change
}

// maxTried bounds the candidates that are compiled for one finding, maxFixes those
// that are offered.
const (
	maxTried = 24
	maxFixes = 2
)

// fixes tries candidates until enough of them make the finding go away.
func (w *worker) fixes(ctx context.Context) ([]explain.Fix, error) {
	if w.Judge == nil {
		return nil, nil
	}
	var out []explain.Fix
	tried := 0
	for _, c := range w.candidates() {
		if len(out) >= maxFixes || tried >= maxTried {
			break
		}
		if len(c.change.Edits) == 0 && len(c.change.Flags) == 0 || !w.allowed(c.change) {
			continue
		}
		tried++
		ok, err := w.try(ctx, c)
		if err != nil {
			return out, err
		}
		if ok {
			out = append(out, explain.Fix{Title: c.title, Verified: true, Edits: c.change.Edits})
		}
	}
	return out, nil
}

// allowed reports whether all edits are in files that may be edited, and none in the
// definition of a macro.
func (w *worker) allowed(c Change) bool {
	for _, e := range c.Edits {
		f := w.source(e.Range.File)
		if f == nil || !w.writable(e.Range.File) || inDirective(f.Line, e.Range.Line) {
			return false
		}
	}
	return true
}

// inDirective reports whether a line belongs to a preprocessing directive.
func inDirective(text func(int) []byte, line int) bool {
	for line > 1 && strings.HasSuffix(strings.TrimRight(string(text(line-1)), " \t"), `\`) {
		line--
	}
	return strings.HasPrefix(strings.TrimLeft(string(text(line)), " \t"), "#")
}

// try compiles and judges a candidate: the finding must be gone and no new one come,
// and the program must do what it did on inputs that it handled safely.
func (w *worker) try(ctx context.Context, c candidate) (bool, error) {
	judged, err := w.Judge.Judge(ctx, c.change)
	if err != nil || judged.Error != "" {
		return false, err
	}
	after := map[string]int{}
	var changed *Subject
	for _, s := range judged.Programs {
		count(after, s)
		if s.Report.Function == w.s.Report.Function && (s.Report.Section == w.s.Report.Section || len(c.change.Edits) > 0 && changed == nil) {
			changed = s
		}
	}
	if changed == nil {
		return false, nil
	}
	before := map[string]int{}
	count(before, w.s)
	for _, s := range w.Others {
		count(before, s)
	}
	before[key(w.s, &w.finding)]--
	for k, n := range after {
		if n > before[k] {
			return false, nil
		}
	}
	if v := changed.Report.Verdict; v == "unknown" || v == "rejected" && w.s.Report.Verdict != "rejected" {
		return false, nil
	}
	return w.same(ctx, changed)
}

// count counts the findings of a program by what they are about.
func count(into map[string]int, s *Subject) {
	for i := range s.Report.Findings {
		into[key(s, &s.Report.Findings[i])]++
	}
}

// key says what a finding is about, so that it is found again where lines moved: the
// function, the code and the C text.
func key(s *Subject, f *explain.Finding) string {
	text := ""
	if r := f.Range; r.Line == r.EndLine && r.Column > 0 && r.EndColumn <= len(f.Text)+1 && r.Column <= r.EndColumn {
		text = f.Text[r.Column-1 : r.EndColumn-1]
	}
	return s.Report.Function + "\x00" + f.Code + "\x00" + text
}
