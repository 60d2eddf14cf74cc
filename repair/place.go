package repair

import (
	"slices"
	"strings"

	"bpfls/csource"
	"bpfls/explain"
	"bpfls/isa"
	"bpfls/position"
	"bpfls/verifier"
)

// worker looks for evidence about one finding.
type worker struct {
	*Request
	s       *Subject
	finding explain.Finding
	files   map[string]*csource.File // by path in reports
	insts   []isa.Inst

	// The check that failed and what was known before it; check.Kind means nothing
	// where found is false.
	point verifier.Point
	check verifier.Check
	index int // of the check at the point
	found bool
	state verifier.State // nil: not known
	value verifier.Value // of check.Reg

	// Where the finding lies in the source; file is nil where that is not known.
	path string
	file *csource.File
	at   csource.Span
	fn   *csource.Function
	stmt *csource.Stmt
}

func newWorker(req *Request) *worker {
	s := req.Subject
	w := &worker{Request: req, s: s, finding: s.Report.Findings[req.Finding], files: map[string]*csource.File{}}
	if s.Program != nil {
		w.insts, _ = isa.Decode(s.Program.Code)
	}
	w.findCheck()
	w.findPlace()
	return w
}

// findCheck finds the check that the finding is about: its text stands at the end of
// the verifier's message.
func (w *worker) findCheck() {
	f := &w.finding
	w.value = verifier.Value{Types: verifier.TypeAny}
	if w.s.Result == nil || f.Instruction < 0 || f.Instruction >= len(w.insts) {
		return
	}
	w.point = verifier.Point{Slot: f.Instruction, CallPath: f.CallPath}
	for i, c := range w.s.Result.Checks(w.point) {
		if !c.Proven && !c.Unreachable && (!w.found || strings.HasSuffix(f.VerifierMessage, "("+c.Check.Text+")")) {
			w.check, w.index, w.found = c.Check, i, true
			if strings.HasSuffix(f.VerifierMessage, "("+c.Check.Text+")") {
				break
			}
		}
	}
	if st := w.s.Result.Before(w.point); st != nil && !st.Bottom() {
		w.state = st
		if w.found && w.check.Reg >= 0 {
			w.value = st.Register(int(w.check.Reg))
		}
	}
}

func (w *worker) findPlace() {
	r := w.finding.Range
	if r.Line == 0 {
		return
	}
	w.path = r.File
	if w.file = w.source(r.File); w.file == nil {
		return
	}
	w.at = w.span(w.file, r)
	if !w.at.OK() {
		return
	}
	if w.fn = w.file.FunctionAt(w.at); w.fn != nil {
		w.stmt = w.fn.StmtAt(w.at)
	}
}

// source returns a file that was compiled by its path in reports, or nil.
func (w *worker) source(path string) *csource.File {
	if f, ok := w.files[path]; ok {
		return f
	}
	var f *csource.File
	if m := w.s.text(path); m != nil {
		f = csource.Parse(m)
	}
	w.files[path] = f
	return f
}

// text returns the text of a file by its path in reports, or nil.
func (s *Subject) text(path string) *position.Mapper {
	for name, m := range s.Sources {
		if name == path || s.Path != nil && s.Path(name) == path {
			return m
		}
	}
	return nil
}

// paths lists the files that were compiled, by their paths in reports, sorted.
func (s *Subject) paths() []string {
	var out []string
	for name := range s.Sources {
		if s.Path != nil {
			name = s.Path(name)
		}
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// span returns the tokens of a range.
func (w *worker) span(f *csource.File, r explain.Range) csource.Span {
	from := f.Offset(position.Point{Line: r.Line, Column: r.Column})
	to := f.Offset(position.Point{Line: r.EndLine, Column: r.EndColumn})
	return f.At(from, to)
}

// writable reports whether a file may be edited.
func (w *worker) writable(path string) bool { return w.s.Writable == nil || w.s.Writable(path) }

// bytes returns the bytes that the failed access may touch, as offsets in its
// region; known is false where no bounds of them are known.
func (w *worker) bytes() (lo, hi int64, known bool) {
	off := w.value.Offset
	if w.state == nil || !finite(off) {
		return 0, 0, false
	}
	width := int64(w.check.Width)
	if w.check.Other >= 0 {
		size := w.state.Register(int(w.check.Other)).Signed
		if !finite(size) {
			return 0, 0, false
		}
		width = size.Hi
	}
	return off.Lo + int64(w.check.Offset), off.Hi + int64(w.check.Offset) + max(width, 1) - 1, true
}

func finite(r verifier.Range) bool { return !r.LoInf && !r.HiInf && !r.LoWide && !r.HiWide }

// replace is an edit that puts a text in the place of tokens.
func (w *worker) replace(path string, s csource.Span, text string) explain.Edit {
	f := w.files[path]
	from, to := f.Offsets(s)
	return edit(path, f, from, to, text)
}

// insert is an edit that puts a text before a byte offset.
func (w *worker) insert(path string, at int, text string) explain.Edit {
	return edit(path, w.files[path], at, at, text)
}

func edit(path string, f *csource.File, from, to int, text string) explain.Edit {
	a, b := f.Point(from), f.Point(to)
	return explain.Edit{Range: explain.Range{File: path, Line: a.Line, Column: a.Column, EndLine: b.Line, EndColumn: b.Column}, Text: text}
}

// lineOf is the line of a token.
func lineOf(f *csource.File, token int) int { return f.Point(f.Tokens[token].Start).Line }
