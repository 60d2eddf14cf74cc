package session

import (
	"errors"
	"maps"
	"slices"

	"bpfls/clangdriver"
	"bpfls/position"
)

func (s *Session) status(r *record) Status {
	p := present{
		path: r.path, source: r.source, why: r.why, trusted: !s.opt.Untrusted,
		busy: r.queued || r.cancel != nil, stopped: r.stopped,
	}
	if r.last != nil {
		p.last, p.current = &r.last.judgement, s.current(r, r.last)
	}
	return p.status()
}

// current reports whether everything that a run depended on is as it was, as far as
// the user can see: unsaved buffers count.
func (s *Session) current(r *record, f *finished) bool { return s.same(r, f, s.seen) }

// needed reports whether a run now would read something else than the last one.
func (s *Session) needed(r *record) bool {
	return r.last == nil || r.last.noClang || r.last.passing && !s.opt.Without.Retries || !s.same(r, r.last, func(path string) digest { return s.wanted(r, path) })
}

func (s *Session) same(r *record, f *finished, now func(string) digest) bool {
	if f.options != r.options {
		return false
	}
	for path, d := range f.inputs {
		if now(path) != d {
			return false
		}
	}
	for _, path := range f.missing {
		if now(path) != absent {
			return false
		}
	}
	return true
}

// seen is the content that the user sees: the buffer, else the file.
func (s *Session) seen(path string) digest {
	if d := s.docs[path]; d != nil {
		return d.digest
	}
	return s.files.digest(path)
}

// wanted is the content that a run of the record would read.
func (s *Session) wanted(r *record, path string) digest {
	if s.overlays(r) {
		return s.seen(path)
	}
	return s.files.digest(path)
}

// refresh tells subscribers a record's status if it changed.
func (s *Session) refresh(r *record) {
	if s.records[r.path] != r {
		return
	}
	if now := s.status(r); now != r.told {
		r.told = now
		event := StatusEvent{Status: now}
		if d := s.docs[r.path]; d != nil {
			event.Open, event.Version = true, d.version
		}
		s.mail.post(event)
	}
}

// refreshAll looks at every record's status.
func (s *Session) refreshAll() {
	for _, r := range s.records {
		s.refresh(r)
	}
}

// showAgain tells subscribers the findings of a file if they changed.
func (s *Session) showAgain(path string) {
	now := s.findings(path)
	doc := s.docs[path]
	before := s.shown[path]
	if before == nil && len(now) == 0 {
		return
	}
	if before != nil && before.open == (doc != nil) && slices.EqualFunc(before.findings, now, equalFinding) {
		return
	}
	if len(now) == 0 {
		delete(s.shown, path)
	} else {
		s.shown[path] = &shown{now, doc != nil}
	}
	s.mail.post(s.findingsEvent(path))
}

func equalFinding(a, b Finding) bool {
	return a.Origin == b.Origin && a.Code == b.Code && a.Severity == b.Severity && a.Message == b.Message &&
		a.Range == b.Range && a.OutOfDate == b.OutOfDate && slices.Equal(a.Sources, b.Sources) &&
		slices.EqualFunc(a.Related, b.Related, func(a, b RelatedPlace) bool {
			return a.Path == b.Path && a.Range == b.Range && a.Message == b.Message
		})
}

// text is the text of a file that its findings are shown in: the buffer, else the
// text that was compiled last.
func (s *Session) text(path string) *position.Mapper {
	if d := s.docs[path]; d != nil {
		return d.text
	}
	for _, p := range slices.Sorted(maps.Keys(s.records)) {
		for _, f := range []*finished{s.records[p].last, s.records[p].verdict} {
			if f != nil && f.texts[path] != nil {
				return f.texts[path]
			}
		}
	}
	return nil
}

// findings are the findings of all sources in a file, where they are now.
func (s *Session) findings(path string) []Finding {
	var all []Finding
	add := func(f *finished, items []item, why string) {
		for _, it := range items {
			if it.path != path {
				continue
			}
			if now, ok := s.place(f, it, why); ok {
				all = append(all, now)
			}
		}
	}
	for _, p := range slices.Sorted(maps.Keys(s.records)) {
		r := s.records[p]
		if r.last == nil {
			continue
		}
		add(r.last, r.last.settings, "")
		if !r.hidesCompileErrors() {
			add(r.last, r.last.compiler, "")
		}
		if r.last == r.verdict && r.stopped == "" && s.current(r, r.last) {
			add(r.last, r.last.dead, "")
		}
		stopped := r.stopped != "" && !s.current(r, r.last)
		if !stopped || r.last != r.verdict {
			add(r.last, r.last.verifier, "")
		}
		switch {
		case r.verdict == nil || s.wanted(r, p) == absent: // a file that is gone has no findings
		case stopped:
			add(r.verdict, r.verdict.verifier, r.stopped)
		case r.verdict == r.last:
		case r.last.state == CompileError:
			add(r.verdict, r.verdict.verifier, "the source does not compile now")
		default:
			add(r.verdict, r.verdict.verifier, "not verified since")
		}
	}
	return merge(all)
}

// place moves a finding from the text that was compiled to the present one. One whose
// own line was edited is marked, one whose lines are gone is left out.
func (s *Session) place(f *finished, it item, why string) (Finding, bool) {
	moved, touched, gone := s.move(f, it.path, it.Finding)
	switch {
	case gone:
		return Finding{}, false
	case why != "":
		moved = moved.outOfDate(why)
	case touched:
		moved = moved.outOfDate("edited since")
	}
	moved.Related = slices.Clone(moved.Related)
	for i, r := range moved.Related {
		moved.Related[i].Text = s.text(r.Path)
		if m := s.lineMap(f, r.Path); m != nil && !s.opt.Without.Moves {
			moved.Related[i].Range, _, _ = m.Present(r.Range)
		}
	}
	return moved, true
}

func (s *Session) move(f *finished, path string, finding Finding) (moved Finding, touched, gone bool) {
	m := s.lineMap(f, path)
	if m == nil {
		return finding, false, false
	}
	if s.opt.Without.Moves {
		return finding, !m.Same(), false
	}
	finding.Range, touched, gone = m.Present(finding.Range)
	return finding, touched, gone
}

// lineMap compares the text of a file as compiled with the present one; nil where
// no compiled text is known.
func (s *Session) lineMap(f *finished, path string) *LineMap {
	compiled := f.texts[path]
	if compiled == nil {
		return nil
	}
	now := compiled
	if d := s.docs[path]; d != nil {
		now = d.text
	}
	if m := f.maps[path]; m != nil && m.new == now {
		return m
	}
	m := newLineMap(compiled, now)
	f.maps[path] = m
	return m
}

// notice tells a message once, until its cause is gone.
func (s *Session) notice(path, message string, warning bool) {
	told := slices.Contains(slices.Collect(maps.Values(s.notices)), message)
	s.notices[path] = message
	if !told {
		s.mail.post(NoticeEvent{Message: message, Warning: warning})
	}
}

// note keeps the notices of a run.
func (s *Session) note(path string, out *Outcome) {
	var missing *clangdriver.NotFoundError
	var problem string
	for _, p := range out.Problems {
		if p.File == "" {
			problem = p.Message
		}
	}
	switch {
	case errors.As(out.Err, &missing):
		s.notice(path, missing.Message, false)
	case problem != "":
		s.notice(path, "settings of the editor: "+problem, true)
	default:
		delete(s.notices, path)
	}
}

// Findings returns what is shown in a file now, as a FindingsEvent would tell it.
func (s *Session) Findings(path string) FindingsEvent {
	path = CleanPath(path)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.findingsEvent(path)
}

// AllFindings returns what is shown in every file that something is shown in.
func (s *Session) AllFindings() []FindingsEvent {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []FindingsEvent
	for _, path := range slices.Sorted(maps.Keys(s.shown)) {
		all = append(all, s.findingsEvent(path))
	}
	return all
}

func (s *Session) findingsEvent(path string) FindingsEvent {
	event := FindingsEvent{Path: path, Findings: s.findings(path), Text: s.text(path)}
	if doc := s.docs[path]; doc != nil {
		event.Open, event.Version = true, doc.version
	}
	return event
}
