package session

import (
	"context"
	"slices"

	"bpfls/explain"
)

// Hints lists what is known at the accesses of some lines of a file, at their places in
// the present text. Lines that were edited since the verdict have none.
func (s *Session) Hints(ctx context.Context, path string, first, last int) []explain.Hint {
	view := s.View(ctx, path)
	var hints []explain.Hint
	for _, run := range view.Runs {
		if !run.Current && run.Outcome == nil {
			continue
		}
		compiled := map[int]bool{}
		for line := first; line <= last; line++ {
			if l, ok := run.Lines.Compiled(line); ok {
				compiled[l] = true
			}
		}
		for _, p := range run.Outcome.Programs {
			if ctx.Err() != nil || p.Report == nil {
				continue
			}
			wanted := func(file string, line int) bool { return compiled[line] && resolve(run.Source, file) == view.Path }
			if !slices.ContainsFunc(p.Report.Lines, func(l explain.LineFacts) bool { return wanted(l.File, l.Line) }) {
				continue
			}
			in := run.Outcome.Explained(ctx, p)
			if in.Result == nil {
				continue
			}
			for _, h := range explain.Hints(in, wanted) {
				at, touched, gone := run.Lines.Present(h.Range)
				if touched || gone {
					continue
				}
				h.Range = at
				hints = append(hints, h)
			}
		}
	}
	return hints
}

// WantsHints reports whether the settings of a file ask for inlay hints.
func (s *Session) WantsHints(path string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[path]
	return r != nil && r.settings != nil && r.settings.InlayHints.Value
}
