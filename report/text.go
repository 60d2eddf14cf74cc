package report

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"bpfls/explain"
	"bpfls/position"
)

// Options say how text for people is written.
type Options struct {
	Color bool                // ANSI colours
	Times bool                // how long the verifier took: not the same twice
	Path  func(string) string // shortens the paths of sources; nil: as they are
	// Facts adds what is known of each line (level informational).
	Facts bool
	// Source gives the text of a file that was compiled, by its path in the report, to
	// show the lines of notes, and fixes as a diff; nil: they are only named.
	Source func(string) *position.Mapper
}

type printer struct {
	*bufio.Writer
	Options
	gutter int // width of line numbers
}

const (
	bold  = "\x1b[1m"
	red   = "\x1b[1;31m"
	green = "\x1b[1;32m"
	cyan  = "\x1b[1;36m"
	gray  = "\x1b[90m"
	reset = "\x1b[0m"
)

func (p *printer) color(c, s string) string {
	if !p.Color {
		return s
	}
	return c + s + reset
}

func (p *printer) path(s string) string {
	if p.Path == nil {
		return s
	}
	return p.Path(s)
}

// Text writes a report for people: each finding with its place, its sentence, the C
// line and its history, then a line per program.
func Text(w io.Writer, r *explain.Report, opt Options) error {
	p := &printer{Writer: bufio.NewWriter(w), Options: opt}
	for _, prog := range r.Programs {
		for i := range prog.Findings {
			p.finding(r, prog, &prog.Findings[i])
		}
		for _, a := range prog.Asserts {
			p.assert(r, &a)
		}
		p.summary(prog)
		if opt.Facts {
			p.facts(prog)
		}
	}
	return p.Flush()
}

// place writes "file:line:column"; without a line the file alone.
func (p *printer) place(r explain.Range, otherwise string) string {
	if r.Line == 0 {
		return otherwise
	}
	return fmt.Sprintf("%s:%d:%d", p.path(r.File), r.Line, r.Column)
}

// finding writes a finding as compilers write theirs, so that terminals and editors
// find its places: a line with the place and the sentence, the C line with the
// range marked, then the same for each place of the history. What has no place
// stands behind "=".
func (p *printer) finding(r *explain.Report, prog *explain.Program, f *explain.Finding) {
	severity := red
	if f.Severity != "error" {
		severity = cyan
	}
	// The numbers of all lines of a finding are equally wide.
	p.gutter = digits(f.Range.Line)
	for _, rel := range f.Related {
		p.gutter = max(p.gutter, digits(rel.Range.Line))
	}
	fmt.Fprintf(p, "%s: %s %s %s\n", p.color(bold, p.place(f.Range, r.Path)), p.color(severity, f.Severity+":"), f.Message,
		p.color(gray, "["+f.Code+"]"))
	p.underline(f.Range, or(f.Text, p.line(f.Range)), severity, '~')
	shown := f.Range
	for _, rel := range f.Related {
		if rel.Range.Line == 0 {
			p.aside("note", rel.Message)
			continue
		}
		fmt.Fprintf(p, "%s: %s %s\n", p.color(bold, p.place(rel.Range, "")), p.color(cyan, "note:"), rel.Message)
		if rel.Range != shown {
			p.underline(rel.Range, p.line(rel.Range), cyan, '-')
		}
		shown = rel.Range
	}
	if f.VerifierMessage != "" && f.VerifierMessage != f.Message {
		p.aside("verifier", f.VerifierMessage)
	}
	if f.Allowed != "" {
		p.aside("allowed here", f.Allowed)
	}
	if f.MissingFact != "" {
		from := ""
		if at := f.Evidence.FactAt; at.Line > 0 {
			from = fmt.Sprintf(" (from line %d on)", at.Line)
		}
		p.aside("missing", f.MissingFact+from)
	}
	p.evidence(&f.Evidence)
	fmt.Fprintln(p)
}

// assert writes the answer to an assert comment.
func (p *printer) assert(r *explain.Report, a *explain.Assert) {
	verdict := a.Verdict
	switch verdict {
	case "proved":
		verdict = p.color(green, verdict)
	case "not proved":
		verdict = p.color(red, verdict)
	}
	reason := ""
	if a.Reason != "" {
		reason = " (" + a.Reason + ")"
	}
	fmt.Fprintf(p, "%s: %s assert %s: %s%s\n", p.color(bold, p.place(a.Range, r.Path)), p.color(cyan, "note:"), a.Expression, verdict, reason)
}

// aside writes what has no place of its own.
func (p *printer) aside(what, text string) {
	fmt.Fprintf(p, " %s = %s %s\n", strings.Repeat(" ", p.gutter), p.color(bold, what+":"), printable(text))
}

// line is the first line of a range; empty where the text is not known.
func (p *printer) line(r explain.Range) string {
	if p.Source == nil || r.Line == 0 {
		return ""
	}
	m := p.Source(r.File)
	if m == nil || r.Line > m.Lines() {
		return ""
	}
	return string(m.Line(r.Line))
}

func digits(line int) int { return max(len(strconv.Itoa(line)), 3) }

// covered is the part of a range's first line that the range covers, as byte offsets.
func covered(r explain.Range, text string) (start, end int) {
	start = min(max(r.Column, 1), len(text)+1) - 1
	end = min(r.EndColumn-1, len(text))
	if r.EndLine > r.Line {
		end = len(text)
	}
	return start, max(start, end)
}

// underline writes a source line with its number and marks what a range covers of it;
// one that goes on in further lines is marked to the end of the line and dots.
func (p *printer) underline(r explain.Range, text, color string, mark byte) {
	if r.Line == 0 || text == "" {
		return
	}
	start, end := covered(r, text)
	text = text[:start] + strings.TrimRight(text[start:], " \t\r")
	end = max(min(end, len(text)), start)
	fmt.Fprintf(p, " %s | %s\n", p.color(cyan, fmt.Sprintf("%*d", p.gutter, r.Line)), printable(expand(text)))
	marks := strings.Repeat(string(mark), max(width(expand(text[start:end])), 1))
	if r.EndLine > r.Line {
		marks += "..."
	}
	fmt.Fprintf(p, " %s | %s%s\n", strings.Repeat(" ", p.gutter), strings.Repeat(" ", width(expand(text[:start]))), p.color(color, marks))
}

// expand replaces tabs, which terminals show as wide as they like.
func expand(s string) string { return strings.ReplaceAll(s, "\t", "    ") }

// printable replaces bytes that a terminal would take for more than text.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && (r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0) {
			return utf8.RuneError
		}
		return r
	}, s)
}

func width(s string) (n int) {
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

// runeWidth is the number of columns that terminals give a character: 2 for
// East Asian wide ones and emoji, 0 for combining marks (Unicode Annex 11, by blocks).
func runeWidth(r rune) int {
	switch {
	case r >= 0x300 && r <= 0x36f, r == 0x200d, r >= 0xfe00 && r <= 0xfe0f:
		return 0
	case r >= 0x1100 && r <= 0x115f, r >= 0x2e80 && r <= 0xa4cf, r >= 0xac00 && r <= 0xd7a3, r >= 0xf900 && r <= 0xfaff,
		r >= 0xfe30 && r <= 0xfe6f, r >= 0xff00 && r <= 0xff60, r >= 0x1f300 && r <= 0x1faff, r >= 0x20000 && r <= 0x3fffd:
		return 2
	}
	return 1
}

func (p *printer) summary(prog *explain.Program) {
	name := prog.Section + " " + prog.Function
	var facts []string
	facts = append(facts, count(prog.Instructions, "instruction"))
	switch prog.Verdict {
	case "pass":
		if prog.Checks > 0 {
			facts = append(facts, count(prog.Checks, "check"))
		}
		if prog.LoopBound > 0 {
			facts = append(facts, "at most "+count(prog.LoopBound, "loop turn"))
		}
		if prog.Stack >= 0 {
			facts = append(facts, fmt.Sprintf("stack %d of 512 bytes", prog.Stack))
		}
		if p.Times {
			facts = append(facts, duration(prog.Seconds))
		}
		fmt.Fprintf(p, "%s: %s. %s.\n", p.color(bold, name), p.color(green, "verified"), strings.Join(facts, ", "))
	case "fail":
		n := 0
		for i := range prog.Findings {
			n += prog.Findings[i].Consequences
		}
		found := count(len(prog.Findings), "finding")
		if n > 0 {
			found += " (" + count(n, "consequence") + ")"
		}
		fmt.Fprintf(p, "%s: %s. %s.\n", p.color(bold, name), p.color(red, found), strings.Join(facts, ", "))
	case "rejected":
		p.refused(name, p.color(red, "rejected"), prog)
	default:
		p.refused(name, "not judged", prog)
	}
}

// refused writes the line of a program without a judgement; its reason is above
// where there is a finding.
func (p *printer) refused(name, how string, prog *explain.Program) {
	if len(prog.Findings) > 0 || prog.Reason == "" {
		fmt.Fprintf(p, "%s: %s.\n", p.color(bold, name), how)
		return
	}
	fmt.Fprintf(p, "%s: %s: %s\n", p.color(bold, name), how, prog.Reason)
}

// facts lists what was proven in each line.
func (p *printer) facts(prog *explain.Program) {
	for _, l := range prog.Lines {
		state := fmt.Sprintf("%d of %s proven", l.Proven, count(l.Checks, "check"))
		if l.Unreachable {
			state = "never reached"
		} else if l.Checks == 0 {
			continue
		}
		fmt.Fprintf(p, "  %s:%d: %s\n", p.path(l.File), l.Line, state)
	}
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

func duration(seconds float64) string {
	switch {
	case seconds < 0.0095:
		return fmt.Sprintf("%.1f ms", seconds*1000)
	case seconds < 0.9995:
		return fmt.Sprintf("%.0f ms", seconds*1000)
	}
	return fmt.Sprintf("%.1f s", seconds)
}
