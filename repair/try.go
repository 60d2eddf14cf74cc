package repair

import (
	"context"
	"fmt"
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

// fixes tries candidates until enough of them make the finding go away. Of those that
// bear the same title, which do the same in other words, the first that holds is
// offered. Where none is, why says so.
func (w *worker) fixes(ctx context.Context) (out []explain.Fix, why string, err error) {
	if w.Judge == nil {
		return nil, "there is no source to change: the object alone was judged", nil
	}
	var tried, forbidden int
	var refusals []string
	told, offered := map[string]bool{}, map[string]bool{}
	candidates := w.candidates()
	for _, c := range candidates {
		if len(out) >= maxFixes || tried >= maxTried {
			break
		}
		if len(c.change.Edits) == 0 && len(c.change.Flags) == 0 || offered[c.title] {
			continue
		}
		if !w.allowed(c.change) {
			forbidden++
			continue
		}
		tried++
		r, err := w.try(ctx, c)
		if err != nil {
			return out, "", err
		}
		if r.why == "" {
			offered[c.title] = true
			out = append(out, explain.Fix{Title: c.title, Verified: true, Inputs: r.inputs, Edits: c.change.Edits})
		} else if text := c.title + ": " + r.why; !told[text] {
			told[text] = true
			refusals = append(refusals, text)
		}
	}
	switch {
	case len(out) > 0:
		return out, "", nil
	case tried > 0:
		more := ""
		if n := len(refusals) - maxTold; n > 0 {
			refusals, more = refusals[:maxTold], fmt.Sprintf("; and %d more", n)
		}
		return nil, "none that was tried holds (" + strings.Join(refusals, "; ") + more + ")", nil
	case forbidden > 0:
		return nil, "what would have to change is the definition of a macro, or in a file that is not the program's own", nil
	case len(candidates) == 0 && fixable[w.finding.Code] && w.file == nil:
		return nil, "the place in the source is not known", nil
	case fixable[w.finding.Code]:
		return nil, "no change is known for code of this form", nil
	}
	return nil, "no change is known for this kind of finding", nil
}

// maxTold bounds the refused changes that are told.
const maxTold = 3

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

// refusal says why a candidate is not offered; why is empty where it is.
type refusal struct {
	why    string
	inputs int // on which the changed program did the same
}

// try compiles and judges a candidate: the finding must be gone and no new one come,
// and the program must do what it did on inputs that it handled safely.
func (w *worker) try(ctx context.Context, c candidate) (refusal, error) {
	judged, err := w.Judge.Judge(ctx, c.change)
	if err != nil {
		return refusal{}, err
	}
	if judged.Error != "" {
		return refusal{why: "it does not compile"}, nil
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
		return refusal{why: "the program is gone"}, nil
	}
	before := map[string]int{}
	count(before, w.s)
	for _, s := range w.Others {
		count(before, s)
	}
	own := key(w.s, &w.finding)
	before[own]--
	if after[own] > before[own] {
		return refusal{why: "the finding stays"}, nil
	}
	for _, s := range judged.Programs {
		for i := range s.Report.Findings {
			if f := &s.Report.Findings[i]; after[key(s, f)] > before[key(s, f)] {
				return refusal{why: "there a new finding comes, " + f.Code}, nil
			}
		}
	}
	if v := changed.Report.Verdict; v == "unknown" || v == "rejected" && w.s.Report.Verdict != "rejected" {
		return refusal{why: "it cannot be judged"}, nil
	}
	same, n, err := w.same(ctx, changed, c.change.other)
	if err == nil && !same {
		return refusal{why: "the program does something else on an input that it handled safely"}, nil
	}
	return refusal{inputs: n}, err
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
