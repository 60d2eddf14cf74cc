package session

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"bpfls/clangdriver"
)

// HeadProgram is a program as git's HEAD has it.
type HeadProgram struct {
	Verdict      string // as explain.Program.Verdict
	Instructions int
}

// headState is what is known of a source in HEAD, beside one finished run.
type headState struct {
	of       *finished
	cancel   context.CancelFunc // nil: it is known
	programs map[string]HeadProgram
	log      string    // git's list of what HEAD was, whose time tells that it moved
	moved    time.Time // of log
}

// HeadEvent says that what a file's programs are in HEAD became known, or is to be asked for
// again.
type HeadEvent struct{ Path string }

func (HeadEvent) event() {}

// Bounds of the work for HEAD.
const (
	headLimit   = time.Minute
	maxHeadDiff = 100 // files that differ from HEAD and are compiled as they are there
)

// Head returns the programs of a source as git's HEAD has them, by section and function;
// changed is false where they are what they were, or where nothing is known (yet): no git,
// no repository, a file that HEAD does not have. The first call for a text has HEAD's
// compiled and verified when nothing else is to be done, which an event tells.
func (s *Session) Head(path string) (programs map[string]HeadProgram, changed bool) {
	path = CleanPath(path)
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[path]
	if r == nil || s.opt.Untrusted || s.closed || !isC(path) || r.verdict == nil || r.verdict != r.last {
		return nil, false
	}
	if h := r.head; h != nil && h.of == r.verdict {
		return h.programs, h.programs != nil
	}
	for _, other := range s.records {
		if other.queued || other.cancel != nil || other.head != nil && other.head.cancel != nil {
			return nil, false // its end makes the editor ask again
		}
	}
	ctx, cancel := context.WithTimeout(s.ctx, headLimit)
	h := &headState{of: r.verdict, cancel: cancel}
	r.head = h
	req := Request{
		Path: path, VerdictOnly: true, Jobs: 1, Compiler: s.opt.Compiler, Results: s.results, Without: s.opt.Without,
		Choices: Choices{Editor: r.editor.Settings, Workspace: r.editor.Workspace},
	}
	compiled := r.verdict.texts[path].Text()
	inputs := make(map[string]bool, len(r.verdict.inputs))
	for p := range r.verdict.inputs {
		inputs[p] = true
	}
	s.start(func() {
		log, programs := s.atHead(ctx, req, compiled, inputs)
		interrupted := errors.Is(ctx.Err(), context.Canceled)
		cancel()
		s.mu.Lock()
		defer s.mu.Unlock()
		h.cancel = nil
		h.log, h.programs = log, programs
		if info, err := os.Stat(log); err == nil {
			h.moved = info.ModTime()
		}
		if interrupted && r.head == h {
			r.head = nil
		}
		s.watchInputs()
		s.mail.post(HeadEvent{path})
	})
	return nil, false
}

// stopHead ends the work for HEAD of a record that is judged anew.
func (r *record) stopHead() {
	if r.head != nil && r.head.cancel != nil {
		r.head.cancel()
	}
}

// headMoved forgets what is known of HEAD where one of the files is the log of a HEAD that
// has moved.
func (s *Session) headMoved(touched []string) {
	for _, r := range s.records {
		if h := r.head; h != nil && h.cancel == nil && slices.Contains(touched, h.log) {
			if info, err := os.Stat(h.log); err == nil && !info.ModTime().Equal(h.moved) {
				r.head = nil
				s.mail.post(HeadEvent{r.path})
			}
		}
	}
}

// atHead judges a source and the files that it reads as HEAD has them. log is empty where
// there is no repository; programs is nil where HEAD's are the same, or none.
func (s *Session) atHead(ctx context.Context, req Request, compiled []byte, inputs map[string]bool) (log string, programs map[string]HeadProgram) {
	dir := filepath.Dir(req.Path)
	git := func(args ...string) (string, error) {
		out, err := clangdriver.Tool(ctx, "git", dir, append([]string{"--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false"}, args...)...)
		if err != nil {
			s.log.Debug("git", "path", req.Path, "error", err)
		}
		return string(out), err
	}
	text, err := git("rev-parse", "--show-toplevel", "--git-path", "logs/HEAD")
	top, log, ok := strings.Cut(strings.TrimRight(text, "\r\n"), "\n")
	if err != nil || !ok {
		return "", nil
	}
	log = resolve(req.Path, filepath.FromSlash(strings.TrimSpace(log)))
	before, err := git("show", "HEAD:./"+filepath.Base(req.Path))
	if err != nil {
		return log, nil
	}
	diff, err := git("diff", "--name-only", "--no-ext-diff", "-z", "HEAD", "--", ":/")
	if err != nil {
		return log, nil
	}
	// git names files by their real paths, the session as the editor does.
	byReal := map[string]string{}
	for p := range inputs {
		byReal[realPath(p)] = p
	}
	req.Overlay = map[string][]byte{}
	for name := range strings.SplitSeq(diff, "\x00") {
		file := realPath(filepath.Join(filepath.FromSlash(strings.TrimSpace(top)), filepath.FromSlash(name)))
		path, read := byReal[file]
		if !read {
			// A header that HEAD includes may be gone.
			if _, err := os.Stat(file); err == nil || filepath.Ext(name) != ".h" {
				continue
			}
			path = file
		}
		if path == req.Path || len(req.Overlay) >= maxHeadDiff {
			continue
		}
		if old, err := git("show", "HEAD:"+name); err == nil {
			req.Overlay[path] = []byte(old)
		}
	}
	same := bytes.Equal(bytes.ReplaceAll(compiled, []byte("\r\n"), []byte("\n")), bytes.ReplaceAll([]byte(before), []byte("\r\n"), []byte("\n")))
	if same && len(req.Overlay) == 0 {
		return log, nil
	}
	req.Overlay[req.Path] = []byte(before)
	out := s.opt.Run(ctx, req)
	if out.Err != nil {
		s.log.Debug("HEAD cannot be judged", "path", req.Path, "error", out.Err)
		return log, nil
	}
	programs = map[string]HeadProgram{}
	for _, p := range out.Programs {
		if p.Report == nil || p.Report.Verdict == "unknown" {
			continue
		}
		h := HeadProgram{Verdict: p.Report.Verdict, Instructions: p.Report.Instructions}
		if p.Result != nil && p.Result.Instructions > 0 { // there are no details in the report
			h.Instructions = p.Result.Instructions
		}
		programs[p.Report.Section+" "+p.Report.Function] = h
	}
	return log, programs
}
