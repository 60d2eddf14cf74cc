package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"bpfls/explain"
	"bpfls/position"
	"bpfls/repair"
)

// Action is a change of files that can be made about a finding.
type Action struct {
	Title     string // a verb phrase
	Finding   Finding
	Preferred bool // it makes the finding go away, for sure
	Edits     []FileEdit
	// Vmlinux, instead of Edits, is where WriteVmlinux writes the running kernel's types.
	Vmlinux string
}

// FileEdit replaces a range of a file's present text.
type FileEdit struct {
	Path  string
	Text  *position.Mapper
	Range explain.Range
	New   string
	// Create: there is no such file yet; New is all of it.
	Create bool
}

// FindingsAt returns the findings of a file that a range of its present text touches.
func (s *Session) FindingsAt(path string, r explain.Range) (FindingsEvent, []Finding) {
	all := s.Findings(path)
	var at []Finding
	for _, f := range all.Findings {
		if !after(f.Range.Line, f.Range.Column, r.EndLine, r.EndColumn) && !after(r.Line, r.Column, f.Range.EndLine, f.Range.EndColumn) {
			at = append(at, f)
		}
	}
	return all, at
}

// after reports whether a place is behind another one.
func after(line, column, otherLine, otherColumn int) bool {
	return line > otherLine || line == otherLine && column > otherColumn
}

// Allow is the action that allows a finding by a comment in the line before it.
func (s *Session) Allow(event FindingsEvent, f Finding) (Action, bool) {
	if event.Text == nil || f.Origin != "bpfls" || f.explained == nil || f.Range.Line == 0 {
		return Action{}, false
	}
	line := event.Text.Line(f.Range.Line)
	indent := line[:len(line)-len(bytes.TrimLeft(line, " \t"))]
	at := explain.Range{Line: f.Range.Line, Column: 1, EndLine: f.Range.Line, EndColumn: 1}
	text := fmt.Sprintf("%s// bpfls: allow %s say why%s", indent, f.Code, lineEnd(event.Text))
	return Action{Title: "Allow " + f.Code + " here", Finding: f, Edits: []FileEdit{{Path: event.Path, Text: event.Text, Range: at, New: text}}}, true
}

// lineEnd is how the lines of a text end.
func lineEnd(text *position.Mapper) string {
	if i := bytes.IndexByte(text.Text(), '\n'); i > 0 && text.Text()[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// ErrOutOfDate is returned where a fix was asked for a finding of an earlier text.
var ErrOutOfDate = errors.New("the finding is out of date: verify the file again")

// Fixes finds changes of the sources that make a finding go away. Each was compiled and
// verified, on copies of the sources; it can take seconds.
func (s *Session) Fixes(ctx context.Context, f Finding) ([]Action, error) {
	if f.explained == nil || len(f.Sources) == 0 {
		return nil, nil
	}
	if f.OutOfDate {
		return nil, ErrOutOfDate
	}
	source := f.Sources[0]
	known, err := s.Evidence(ctx, source, *f.explained, repair.Fixes)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[source]
	if r == nil || r.verdict == nil {
		return nil, ErrOutOfDate
	}
	var actions []Action
	for _, fix := range known.Evidence.Fixes {
		if !fix.Verified {
			continue
		}
		a := Action{Title: fix.Title, Finding: f, Preferred: len(actions) == 0}
		for _, e := range fix.Edits {
			path := resolve(source, e.Range.File)
			at, ok := s.presentPlace(r.verdict, path, e.Range)
			if !ok {
				return nil, ErrOutOfDate
			}
			a.Edits = append(a.Edits, FileEdit{Path: path, Text: s.text(path), Range: at, New: e.Text})
		}
		if len(a.Edits) > 0 {
			actions = append(actions, a)
		}
	}
	return actions, nil
}

// presentPlace moves an edit's place from the text that was compiled to the present one;
// false where that place was edited.
func (s *Session) presentPlace(f *finished, path string, r explain.Range) (explain.Range, bool) {
	r.File = ""
	m := s.lineMap(f, path)
	if m == nil {
		return r, s.text(path) != nil
	}
	moved, touched, gone := m.Present(r)
	return moved, !touched && !gone
}

// FindingByKey returns the finding of a file that has a key, as Finding.Key gives it.
func (s *Session) FindingByKey(path, key string) (FindingsEvent, Finding, bool) {
	event := s.Findings(path)
	i := slices.IndexFunc(event.Findings, func(f Finding) bool { return f.Key() == key })
	if i < 0 {
		return event, Finding{}, false
	}
	return event, event.Findings[i], true
}

// Key names a finding among those of its file, until the file is judged anew.
func (f Finding) Key() string {
	if f.explained == nil || len(f.Sources) == 0 {
		return ""
	}
	return fmt.Sprintf("%s %s %d %s", f.Sources[0], f.Code, f.explained.Instruction, f.explained.VerifierMessage)
}
