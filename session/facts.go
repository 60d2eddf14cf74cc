package session

import (
	"context"
	"slices"

	"bpfls/explain"
	"bpfls/platform"
	"bpfls/position"
)

// Facts are what the verifier knows of a line in one program.
type Facts struct {
	Program  *ProgramOutcome
	Platform *platform.Platform
	Source   string // whose run it is
	Line     explain.LineFacts
	// LineState is about the instructions of the expression at the position that was
	// asked for, where line information tells expressions apart; else those of the line.
	explain.LineState
}

// Explained returns what the report of a program was made of, for explanations on
// demand. Its Result is nil where the context ends before the program's states are there.
func (o *Outcome) Explained(ctx context.Context, p *ProgramOutcome) explain.Input {
	result, _ := p.States(ctx)
	return explain.Input{
		Object: o.Object, Program: p.Program, Platform: o.Platform, Type: p.Type, Result: result, Sources: o.Sources, Path: o.path,
	}
}

// Facts returns what is known at a place of the present text, program by program. edited
// is true where the line was edited since the verdict: nothing is then known of it.
func (v RunView) Facts(ctx context.Context, path string, at position.Point) (facts []Facts, edited bool) {
	line, ok := v.Lines.Compiled(at.Line)
	if !ok {
		return nil, true
	}
	for _, p := range v.Outcome.Programs {
		if p.Report == nil {
			continue
		}
		for _, l := range p.Report.Lines {
			if l.Line == line && resolve(v.Source, l.File) == path {
				in := v.Outcome.Explained(ctx, p)
				if in.Result == nil {
					continue
				}
				f := Facts{Program: p, Platform: v.Outcome.Platform, Source: v.Source, Line: l}
				f.LineState = explain.LineAt(in, expression(p, l, at.Column))
				facts = append(facts, f)
			}
		}
	}
	return facts, false
}

// expression chooses among the instructions of a line those of the expression at a
// column: line information gives the column at which each instruction's begins.
func expression(p *ProgramOutcome, l explain.LineFacts, column int) []int {
	best := 0
	for _, slot := range l.Slots {
		if info, ok := p.Program.Line(slot); ok && info.Column <= column && info.Column > best {
			best = info.Column
		}
	}
	if best == 0 {
		return l.Slots
	}
	return slices.DeleteFunc(slices.Clone(l.Slots), func(slot int) bool {
		info, ok := p.Program.Line(slot)
		return !ok || info.Column != best
	})
}

var (
	sectionText = pattern{text: `\bSEC\s*\(\s*"([^"]+)"\s*\)|\bsection\s*\(\s*"([^"]+)"\s*\)`}
	identifier  = pattern{text: `[A-Za-z_]\w*`}
)

// SectionAt returns the name of the section that a mark at a place of the text gives.
func (v View) SectionAt(at position.Point) string {
	line := v.Text.Line(at.Line)
	for _, m := range sectionText.get().FindAllSubmatchIndex(line, -1) {
		if m[0] < at.Column && at.Column <= m[1] {
			if m[2] >= 0 {
				return string(line[m[2]:m[3]])
			}
			return string(line[m[4]:m[5]])
		}
	}
	return ""
}

// WordAt returns the C identifier at a place of the text.
func (v View) WordAt(at position.Point) string {
	line := v.Text.Line(at.Line)
	for _, m := range identifier.get().FindAllIndex(line, -1) {
		if m[0] < at.Column && at.Column <= m[1] {
			return string(line[m[0]:m[1]])
		}
	}
	return ""
}
