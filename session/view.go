package session

import (
	"context"
	"errors"
	"maps"
	"slices"

	"bpfls/position"
)

// View is what is known of an open file at one moment, for hovers: it does not change.
type View struct {
	Path    string
	Open    bool
	Version int32            // of the buffer
	Text    *position.Mapper // the buffer, else the text compiled last; nil if neither
	Status  Status
	// Runs are the last verdicts of the sources that the file is a part of: its own
	// first, then those that include it, by path.
	Runs []RunView
}

// RunView is the last verdict of a source, seen from a file that the source read.
type RunView struct {
	Source string
	// Name is what line information calls the file.
	Name    string
	Outcome *Outcome
	Lines   *LineMap // of the file: from compiled to present
	// Current: the source, its headers, the settings and tools are what they were.
	Current bool
}

// View returns what is known of a file. Outcomes that were evicted are made again,
// for as long as the context allows.
func (s *Session) View(ctx context.Context, path string) View {
	path = CleanPath(path)
	for _, source := range s.evicted(path) {
		if _, err := s.Wait(ctx, source); err != nil {
			break
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v := View{Path: path, Text: s.text(path), Status: Status{Path: path, Reason: "not open"}}
	if d := s.docs[path]; d != nil {
		v.Open, v.Version = true, d.version
	}
	if r := s.records[path]; r != nil {
		v.Status = s.status(r)
	}
	for _, p := range slices.Sorted(maps.Keys(s.records)) {
		r := s.records[p]
		f := r.verdict
		if f == nil || f.outcome == nil || f.texts[path] == nil {
			continue
		}
		s.use(r)
		v.Runs = append(v.Runs, RunView{
			Source: p, Name: f.names[path], Outcome: f.outcome, Lines: s.lineMap(f, path),
			Current: f == r.last && r.stopped == "" && s.current(r, f),
		})
	}
	slices.SortStableFunc(v.Runs, func(a, b RunView) int {
		switch {
		case a.Source == path && b.Source != path:
			return -1
		case b.Source == path && a.Source != path:
			return 1
		}
		return 0
	})
	return v
}

// evicted has outcomes made again that a view of the file needs.
func (s *Session) evicted(path string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var sources []string
	for p, r := range s.records {
		if f := r.verdict; f != nil && f.outcome == nil && f == r.last && f.texts[path] != nil {
			sources = append(sources, p)
			if !r.queued && r.cancel == nil {
				s.trigger(r, urgentCommand, 0)
			}
		}
	}
	s.refreshAll()
	return sources
}

// Document returns the text and version of an open buffer.
func (s *Session) Document(path string) (text *position.Mapper, version int32, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.docs[CleanPath(path)]
	if d == nil {
		return nil, 0, false
	}
	return d.text, d.version, true
}

// Outcome returns the newest outcome of a file with an object, judging the file first
// where there is none; current is false where the file changed since.
func (s *Session) Outcome(ctx context.Context, path string) (out *Outcome, current bool, err error) {
	path = CleanPath(path)
	for range 2 {
		s.mu.Lock()
		if r := s.records[path]; r != nil {
			for _, f := range []*finished{r.last, r.verdict} {
				if f != nil && f.outcome != nil && (f.outcome.Object != nil || out == nil) {
					s.use(r)
					out, current = f.outcome, s.current(r, f)
					if out.Object != nil {
						break
					}
				}
			}
		}
		s.mu.Unlock()
		if out != nil {
			return out, current, nil
		}
		if status, err := s.Verify(ctx, path); err != nil {
			return nil, false, err
		} else if status.State == Untrusted {
			return nil, false, errors.New("the workspace is not trusted: nothing is compiled")
		}
	}
	return nil, false, errors.New("the file could not be judged: " + s.Status(path).String())
}

// Editor returns the editor's settings that hold for a file.
func (s *Session) Editor(path string) Editor {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.editorOf(path)
}
