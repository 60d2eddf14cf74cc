package session

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"sync"

	"bpfls/explain"
	"bpfls/position"
	"bpfls/repair"
	"bpfls/settings"
	"bpfls/verifier"
)

// Evidence finds out about a finding of the newest verdict of a source: what fact is
// missing, which changes make it go away, and whether the program is wrong or the
// verifier lost something. It compiles and verifies copies, for as long as the
// context allows; what was found out is kept with the verdict. The finding is one of
// Outcome.Report of the source at path; it is returned with MissingFact and Evidence
// filled in, its places in the text that was compiled.
// Which parts of it are looked for can be said; none: all.
func (s *Session) Evidence(ctx context.Context, path string, f explain.Finding, parts ...repair.Part) (explain.Finding, error) {
	path = CleanPath(path)
	s.mu.Lock()
	trusted := !s.opt.Untrusted
	var out *Outcome
	if r := s.records[path]; r != nil && r.verdict != nil {
		out = r.verdict.outcome
		s.use(r)
	}
	s.mu.Unlock()
	switch {
	case !trusted:
		return f, errors.New("the workspace is not trusted: nothing is compiled")
	case out == nil:
		return f, fmt.Errorf("%s: it was not verified yet, or too long ago; verify it again", path)
	}
	for _, p := range out.Programs {
		if p.Report == nil {
			continue
		}
		for i := range p.Report.Findings {
			if reflect.DeepEqual(p.Report.Findings[i], f) {
				return out.Evidence(ctx, p, i, parts...)
			}
		}
	}
	return f, fmt.Errorf("%s: the finding is not one of the newest verdict", path)
}

// Probe asks whether an expression is provable before a line of the present
// text of a file, in each program that has code there.
func (s *Session) Probe(ctx context.Context, path string, line int, expression string) ([]ProbeAnswer, error) {
	view := s.View(ctx, path)
	if len(view.Runs) == 0 {
		return nil, fmt.Errorf("%s: it was not verified yet", path)
	}
	var answers []ProbeAnswer
	for _, run := range view.Runs {
		compiled, ok := run.Lines.Compiled(line)
		if !ok {
			return nil, fmt.Errorf("%s:%d: the line was edited since it was verified", path, line)
		}
		more, err := run.Outcome.Probe(ctx, path, compiled, expression)
		if err != nil {
			return nil, err
		}
		answers = append(answers, more...)
	}
	return answers, nil
}

// ProbeAnswer is the answer of one program to a probe.
type ProbeAnswer struct {
	Program *ProgramOutcome
	repair.Answer
}

// Probe asks whether an expression is provable before a line of a file (absolute), in
// each program that has code there.
func (o *Outcome) Probe(ctx context.Context, path string, line int, expression string) ([]ProbeAnswer, error) {
	var answers []ProbeAnswer
	for _, p := range o.Programs {
		if p.Report == nil || p.Result == nil && !p.hasCode(o.request.Path, path, line) {
			continue
		}
		subject, err := o.subject(ctx, p)
		if err != nil {
			return answers, err
		}
		if subject.Result == nil {
			continue
		}
		a, err := repair.Probe(ctx, subject, path, line, expression)
		if err != nil {
			return answers, err
		}
		if a.Verdict != repair.Absent {
			answers = append(answers, ProbeAnswer{p, a})
		}
	}
	return answers, nil
}

// hasCode reports whether a program whose states were not made yet has code in a file from
// a line on.
func (p *ProgramOutcome) hasCode(source, file string, line int) bool {
	return p.Stored && slices.ContainsFunc(p.Report.Lines, func(l explain.LineFacts) bool {
		return l.Line >= line && resolve(source, l.File) == file
	})
}

// asserts answers the comments "bpfls: assert EXPRESSION" of the sources: whether it is
// provable before the code in the lines behind.
func (p *pipeline) asserts() error {
	done := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(p.out.Sources)) {
		path := p.sourcePath(name)
		if path != p.req.Path && !p.out.writable(path) || done[path] {
			continue
		}
		done[path] = true
		comments, _ := settings.ParseComments(path, p.out.Sources[name].Text())
		for _, c := range comments {
			if c.Assert == "" {
				continue
			}
			answers, err := p.out.Probe(p.ctx, path, c.Line+1, c.Assert)
			if err != nil {
				return err
			}
			at := explain.Range{File: path, Line: c.Line, Column: c.Column, EndLine: c.Line, EndColumn: c.EndColumn}
			for _, a := range answers {
				a.Program.Report.Asserts = append(a.Program.Report.Asserts, explain.Assert{Range: at, Expression: c.Assert, Verdict: a.Verdict, Reason: a.Reason})
			}
		}
	}
	return nil
}

// Evidence finds out about finding i of a program's report; see Session.Evidence.
func (o *Outcome) Evidence(ctx context.Context, p *ProgramOutcome, i int, parts ...repair.Part) (explain.Finding, error) {
	subject, err := o.subject(ctx, p)
	if err != nil {
		return p.Report.Findings[i], err
	}
	req := repair.Request{Subject: subject, Finding: i}
	for _, part := range parts {
		req.Parts |= part
	}
	for _, other := range o.Programs {
		if other != p && other.Report != nil {
			req.Others = append(req.Others, o.subjectOf(other, other.Result)) // their reports are looked at
		}
	}
	if o.Compile != nil {
		req.Judge = copyJudge{o}
	}
	f, err := o.found.get(ctx, evidenceKey{p, i, req.Parts}, func() (explain.Finding, error) { return repair.Evidence(ctx, req) })
	if err != nil && f.Code == "" {
		f = p.Report.Findings[i] // the caller went away while it waited
	}
	return f, err
}

// evidenceCache keeps what was found out about the findings of an outcome. What an
// outcome says does not change, so neither does the evidence.
type evidenceCache struct {
	mu      sync.Mutex
	entries map[evidenceKey]*evidenceEntry
	order   []evidenceKey // of entries, the oldest first
}

type evidenceKey struct {
	program *ProgramOutcome
	finding int
	parts   repair.Part
}

// evidenceEntry is filled in when done is closed. ok is false where the evidence was not
// found out, as when its caller went away.
type evidenceEntry struct {
	done    chan struct{}
	finding explain.Finding
	ok      bool
}

// mostEvidence bounds the findings of an outcome whose evidence is kept.
const mostEvidence = 64

// get returns the evidence for a key, and looks for it where it is not kept. Callers
// that ask for the same at the same time wait for the first of them; if that one is
// cancelled, the next one looks for it.
func (c *evidenceCache) get(ctx context.Context, key evidenceKey, look func() (explain.Finding, error)) (explain.Finding, error) {
	for {
		c.mu.Lock()
		e := c.entries[key]
		if e == nil {
			e = &evidenceEntry{done: make(chan struct{})}
			c.put(key, e)
			c.mu.Unlock()
			f, err := look()
			c.mu.Lock()
			e.finding, e.ok = f, err == nil
			if err != nil && c.entries[key] == e {
				delete(c.entries, key)
				c.order = slices.DeleteFunc(c.order, func(k evidenceKey) bool { return k == key })
			}
			c.mu.Unlock()
			close(e.done)
			return f, err
		}
		c.mu.Unlock()
		select {
		case <-e.done:
		case <-ctx.Done():
			return explain.Finding{}, context.Cause(ctx)
		}
		if e.ok {
			return e.finding, nil
		}
	}
}

func (c *evidenceCache) put(key evidenceKey, e *evidenceEntry) {
	if len(c.order) >= mostEvidence {
		delete(c.entries, c.order[0])
		c.order = slices.Delete(c.order, 0, 1)
	}
	if c.entries == nil {
		c.entries = map[evidenceKey]*evidenceEntry{}
	}
	c.entries[key] = e
	c.order = append(c.order, key)
}

// subject is a program with its states.
func (o *Outcome) subject(ctx context.Context, p *ProgramOutcome) (*repair.Subject, error) {
	result, err := p.States(ctx)
	return o.subjectOf(p, result), err
}

func (o *Outcome) subjectOf(p *ProgramOutcome, result *verifier.Result) *repair.Subject {
	s := &repair.Subject{
		Object: o.Object, Program: p.Program, Platform: o.Platform, Type: p.Type,
		Result: result, Options: o.options, Report: p.Report,
		Sources: o.Sources, Path: o.path, Writable: o.writable,
	}
	if o.Compile != nil {
		for _, f := range o.Compile.Flags {
			s.Flags = append(s.Flags, f.Args...)
		}
	}
	return s
}

// writable reports whether a file that was compiled is one of the user's: the source
// itself, or a header below its directory or that of the settings.
func (o *Outcome) writable(file string) bool {
	path := resolve(o.request.Path, file)
	if path == o.request.Path {
		return true
	}
	rel, err := filepath.Rel(filepath.Dir(o.request.Path), path)
	return err == nil && filepath.IsLocal(rel) && o.Compile != nil && slices.Contains(o.Compile.Files, path)
}

// copyJudge runs changed copies of the sources of an outcome through the pipeline.
type copyJudge struct{ out *Outcome }

func (j copyJudge) Judge(ctx context.Context, c repair.Change) (*repair.Judged, error) {
	req := j.out.request
	req.NoFacts, req.Progress, req.Reports = true, nil, nil
	req.Display = j.out.Report.Path
	overlay := map[string][]byte{}
	for path, text := range req.Overlay {
		overlay[path] = text
	}
	// What is changed is what was compiled, whatever became of the files since.
	for path, text := range j.out.Compile.Sources {
		if j.out.writable(path) {
			overlay[path] = text
		}
	}
	byFile := map[string][]explain.Edit{}
	for _, e := range c.Edits {
		path := resolve(req.Path, e.Range.File)
		byFile[path] = append(byFile[path], e)
	}
	for path, edits := range byFile {
		text, ok := overlay[path]
		if !ok {
			return nil, fmt.Errorf("%s: it cannot be changed, as its text is not known", path)
		}
		changed, err := repair.Apply(text, edits)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		overlay[path] = changed
	}
	req.Overlay = overlay
	req.Choices.Clang.Flags = append(slices.Clone(req.Choices.Clang.Flags), c.Flags...)
	out := Run(ctx, req)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	judged := &repair.Judged{}
	if out.Err != nil {
		if out.Compile == nil {
			return nil, out.Err // clang could not be run
		}
		judged.Error = out.Err.Error()
		return judged, nil
	}
	for _, p := range out.Programs {
		if p.Report != nil {
			judged.Programs = append(judged.Programs, out.subjectOf(p, p.Result))
		}
	}
	return judged, nil
}

// verifierOptions are the options that a program was verified with.
func (p *pipeline) verifierOptions() verifier.Options {
	return verifier.Options{
		Termination: p.cfg.termination,
		Limits:      verifier.Limits{Nodes: p.cfg.LimitNodes.Value, Visits: p.cfg.LimitVisits.Value},
		VerdictOnly: p.req.VerdictOnly,
	}
}

// AddEvidence looks for evidence about all findings of the outcome's report and puts
// it there. It is for callers that own the outcome: those of a Session are shared.
func (o *Outcome) AddEvidence(ctx context.Context) error {
	for _, p := range o.Programs {
		if p.Report == nil {
			continue
		}
		found := slices.Clone(p.Report.Findings)
		for i := range found {
			f, err := o.Evidence(ctx, p, i)
			found[i] = f
			if err != nil {
				p.Report.Findings = found
				return err
			}
		}
		p.Report.Findings = found
	}
	return nil
}

// Source returns the text of a file that was compiled, by its path in reports; nil
// where it is not known.
func (o *Outcome) Source(file string) *position.Mapper {
	for name, m := range o.Sources {
		if name == file || o.path != nil && o.path(name) == file {
			return m
		}
	}
	return nil
}
