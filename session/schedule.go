package session

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"bpfls/clangdriver"
	"bpfls/explain"
	"bpfls/position"
)

// The urgencies of runs.
const (
	urgentWatch   = iota // a header or setting changed
	urgentOpen           // a file was opened
	urgentSave           // the user saved or typed
	urgentCommand        // the user asked
)

// touch says that files may have changed, a little while ago.
func (s *Session) touch(paths ...string) { s.touchIn(s.opt.WatchDelay, paths...) }

// touchIn has files compared with what is known of them after a delay. Those that
// are waiting already are compared with them, at the earlier time.
func (s *Session) touchIn(delay time.Duration, paths ...string) {
	s.mu.Lock()
	due := time.Now().Add(delay)
	if len(s.pending) == 0 || due.Before(s.pendAt) {
		s.pendAt = due
	}
	for _, p := range paths {
		s.pending[CleanPath(p)] = true
	}
	s.mu.Unlock()
	select {
	case s.pendWake <- struct{}{}:
	default:
	}
}

// intake compares touched files with what is known of them, and has the sources
// judged anew that depend on those that changed.
func (s *Session) intake() {
	timer := time.NewTimer(time.Hour)
	polled := time.Now()
	for {
		s.mu.Lock()
		wait := time.Hour
		if files := s.polled(); len(files) > 0 {
			if wait = time.Until(polled.Add(s.opt.PollInterval)); wait <= 0 {
				polled = time.Now()
				if len(s.pending) == 0 {
					s.pendAt = polled
				}
				for _, p := range files {
					s.pending[p] = true
				}
			}
		}
		if len(s.pending) > 0 {
			wait = min(wait, time.Until(s.pendAt))
		}
		s.mu.Unlock()
		timer.Reset(max(wait, 0))
		select {
		case <-s.ctx.Done():
			return
		case <-s.pendWake:
			continue
		case <-timer.C:
		}
		s.compare()
	}
}

func (s *Session) compare() {
	s.mu.Lock()
	touched := slices.Sorted(maps.Keys(s.pending))
	s.pending = map[string]bool{}
	known := map[string]fileState{}
	for _, p := range touched {
		if state, ok := s.files.states[p]; ok || s.concerns(p) {
			known[p] = state
		}
	}
	s.mu.Unlock()
	found := map[string]fileState{}
	for p, state := range known {
		found[p] = look(p, state)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	any := false
	for _, p := range touched {
		now, ok := found[p]
		if !ok {
			continue
		}
		before, known := s.files.states[p]
		s.files.states[p] = now
		if known && now.digest == before.digest {
			continue
		}
		any = true
		for _, r := range s.readers(p) {
			if slices.Contains(r.asked, p) {
				s.reclassify(r)
			} else {
				s.changed(r, p, known)
			}
		}
	}
	s.headMoved(touched)
	if any {
		s.watchInputs()
		s.refreshAll()
	}
}

// changed has a record judged anew because a file that it depends on changed, unless
// the change is none for it. known: the file's earlier content was known.
func (s *Session) changed(r *record, path string, known bool) {
	busy := r.queued || r.cancel != nil
	switch {
	case !r.automatic() && !(r.commanded && busy):
		return
	case busy && !known:
		return // the run under way is compared with the files when it ends
	case !busy && !s.needed(r):
		return // the change was taken back
	case !busy && r.last == nil && !known:
		return
	}
	s.log.Debug("a file changed", "source", r.path, "path", path)
	urgent := urgentWatch
	if r.path == path {
		urgent = urgentSave
	}
	r.retries = 0
	s.trigger(r, urgent, 0)
}

// concerns reports whether a file matters to any record.
func (s *Session) concerns(path string) bool { return len(s.readers(path)) > 0 }

// trigger has a record judged after a delay. A run under way is cancelled: what it
// would find is of the past.
func (s *Session) trigger(r *record, urgent int, delay time.Duration) {
	if s.closed || s.opt.Untrusted || !r.source || s.records[r.path] != r {
		return
	}
	r.generation++
	r.stopped = ""
	r.stopHead()
	if r.cancel != nil && !s.opt.Without.Superseding {
		r.cancel()
	}
	if r.timer != nil {
		r.timer.Stop()
	}
	if r.queued {
		s.ready = slices.DeleteFunc(s.ready, func(other *record) bool { return other == r })
	}
	r.urgent = urgent
	r.forced = r.forced || urgent == urgentCommand
	s.setBusy(r, true)
	if delay == 0 {
		s.enqueue(r)
		return
	}
	generation := r.generation
	r.timer = time.AfterFunc(delay, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if r.generation == generation && !s.closed {
			s.enqueue(r)
		}
	})
}

func (s *Session) enqueue(r *record) {
	at := len(s.ready)
	for at > 0 && s.ready[at-1].urgent < r.urgent {
		at--
	}
	s.ready = slices.Insert(s.ready, at, r)
	s.readyC.Signal()
}

// setBusy says whether a record waits for a run; idle is closed when it neither
// waits nor runs.
func (s *Session) setBusy(r *record, queued bool) {
	before := r.queued || r.cancel != nil
	r.queued = queued
	s.settle(r, before)
}

func (s *Session) settle(r *record, before bool) {
	now := r.queued || r.cancel != nil
	switch {
	case now && !before:
		r.idle = make(chan struct{})
	case before && !now:
		close(r.idle)
	}
}

// halt takes a record out of the queue and cancels its run.
func (s *Session) halt(r *record) {
	r.generation++
	r.stopHead()
	if r.timer != nil {
		r.timer.Stop()
	}
	s.ready = slices.DeleteFunc(s.ready, func(other *record) bool { return other == r })
	if r.cancel != nil {
		r.cancel()
	}
	s.setBusy(r, false)
}

// worker runs what is ready, one after the other.
func (s *Session) worker() {
	for {
		s.mu.Lock()
		for {
			i := slices.IndexFunc(s.ready, func(r *record) bool { return r.cancel == nil })
			if s.closed || i >= 0 && !s.opt.Paused {
				if !s.closed {
					r := s.ready[i]
					s.ready = slices.Delete(s.ready, i, i+1)
					if j := s.begin(r); j != nil {
						s.mu.Unlock()
						s.do(j)
						break
					}
					continue
				}
				s.mu.Unlock()
				return
			}
			s.readyC.Wait()
		}
	}
}

// job is a run of a record.
type job struct {
	record     *record
	generation uint64
	options    string
	ctx        context.Context
	request    Request
	known      map[string]fileState
	id         int64
	cancel     context.CancelFunc
	halted     *bool // by the user; guarded by the session's lock
}

// begin takes a record out of the queue. It returns nil where nothing is to be done:
// what changed was taken back.
func (s *Session) begin(r *record) *job {
	if !r.forced && !s.needed(r) {
		s.setBusy(r, false)
		s.showItems(r)
		s.refresh(r)
		return nil
	}
	// What was judged before is found in memory. And somebody may want it done.
	fresh := r.last != nil || r.forced
	r.forced = false
	ctx, cancel := context.WithCancel(s.ctx)
	before := r.queued || r.cancel != nil
	r.cancel, r.queued = cancel, false
	s.settle(r, before)
	s.work++
	j := &job{
		record: r, generation: r.generation, options: r.options, ctx: ctx, cancel: cancel, id: s.work,
		known: map[string]fileState{r.path: s.files.states[r.path]}, halted: new(bool),
	}
	j.request = Request{Path: r.path, Timeout: runLimit, Compiler: s.opt.Compiler, Results: s.results, Folders: s.folders,
		Reports: s.opt.Reports, Fresh: fresh, Without: s.opt.Without, life: s.ctx}
	j.request.Choices.Editor, j.request.Choices.Workspace = r.editor.Settings, r.editor.Workspace
	if s.overlays(r) {
		j.request.Overlay = map[string][]byte{}
		for path, d := range s.docs {
			if d.digest != s.files.digest(path) {
				j.request.Overlay[path] = d.text.Text()
			}
		}
	}
	stop := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		*j.halted = true
		cancel()
	}
	j.request.Progress = func(p Progress) { s.mail.post(WorkEvent{ID: j.id, Path: r.path, Progress: p, Cancel: stop}) }
	s.mail.post(WorkEvent{ID: j.id, Path: r.path, Cancel: stop})
	s.refresh(r)
	return j
}

func (s *Session) do(j *job) {
	r := j.record
	before := look(r.path, j.known[r.path])
	s.mu.Lock()
	s.files.states[r.path] = before
	s.mu.Unlock()
	began := time.Now()
	f := s.runSafely(j)
	j.cancel()
	found := s.lookAt(f, began)

	s.mu.Lock()
	defer s.mu.Unlock()
	r.cancel = nil
	s.settle(r, true)
	if slices.Contains(s.ready, r) {
		s.readyC.Signal() // it became ready while it ran
	}
	s.mail.post(WorkEvent{ID: j.id, Path: r.path, Done: true, Cancel: func() {}})
	switch {
	case s.records[r.path] != r || s.closed:
	case *j.halted && r.generation == j.generation:
		r.stopped = "cancelled"
		s.showItems(r)
	case r.generation != j.generation || errors.Is(f.outcome.Err, context.Canceled):
		// A newer run is on its way: this one's findings are of the past.
	default:
		s.keep(r, f, found)
	}
	s.refreshAll()
}

// runSafely runs a job. A panic costs the job its outcome, nothing else.
func (s *Session) runSafely(j *job) (f *finished) {
	path := j.record.path
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("a run failed: this is a fault of bpfls", "path", path, "panic", p, "stack", string(debug.Stack()))
			err := fmt.Errorf("bpfls failed on this file, which is a fault of bpfls: %v", p)
			f = finish(path, &Outcome{Report: &explain.Report{Path: path, Error: err.Error()}, Err: err})
		}
		f.options = j.options
	}()
	s.log.Debug("run begins", "path", path)
	out := s.opt.Run(j.ctx, j.request)
	stored := 0
	for _, po := range out.Programs {
		if po.Stored {
			stored++
		}
	}
	s.log.Debug("run ended", "path", path, "error", out.Err, "reports from disk", stored)
	return finish(path, out)
}

// finish takes from an outcome what the session keeps.
func finish(path string, out *Outcome) *finished {
	f := &finished{
		judgement: judge(out), outcome: out, reports: out.Report.Programs,
		verifier: verdictItems(path, out), compiler: compilerItems(path, out.Compile), settings: settingsItems(path, out.Problems), dead: deadItems(path, out),
		texts: map[string]*position.Mapper{}, names: map[string]string{}, inputs: map[string]digest{path: absent},
		maps: map[string]*LineMap{},
	}
	if f.state == CompileError {
		for _, it := range f.compiler {
			if it.Severity == "error" {
				f.reason = fmt.Sprintf("line %d: %s", it.Range.Line, it.Message)
				break
			}
		}
	}
	for _, p := range out.Watch {
		f.inputs[CleanPath(p)] = absent
	}
	for name, text := range out.Sources {
		abs := resolve(path, name)
		f.texts[abs], f.names[abs] = text, name
		if _, ok := f.inputs[abs]; ok {
			f.inputs[abs] = digestOf(text.Text())
		}
	}
	if out.Compile != nil {
		for name, text := range out.Compile.Sources {
			if abs := CleanPath(name); f.texts[abs] == nil {
				f.texts[abs], f.names[abs] = position.New(text), abs
				f.inputs[abs] = digestOf(text)
			}
		}
	}
	f.keepTexts(path, out)
	for _, p := range out.Missing {
		f.missing = append(f.missing, CleanPath(p))
	}
	if out.Compile != nil && filepath.IsAbs(out.Compile.Clang.Path) {
		f.inputs[out.Compile.Clang.Path] = absent
		if target, err := filepath.EvalSymlinks(out.Compile.Clang.Path); err == nil {
			f.inputs[target] = absent
		}
	}
	var machine *clangdriver.MachineError
	f.passing = out.late.Load() || out.Compile != nil && out.Compile.Crashed || errors.As(out.Err, &machine)
	var missing *clangdriver.NotFoundError
	if errors.As(out.Err, &missing) {
		f.noClang = true
		for _, p := range missing.Looked {
			p, _, _ = strings.Cut(p, ": ")
			if filepath.IsAbs(p) && !strings.ContainsAny(p, "*?[") {
				if _, err := os.Stat(p); err != nil {
					f.missing = append(f.missing, CleanPath(p))
				}
			}
		}
	}
	return f
}

// keepTexts lets go of the texts that nothing is shown in: headers are many and may be
// large. Texts that the run did not bring are read from disk.
func (f *finished) keepTexts(path string, out *Outcome) {
	shown := map[string]bool{path: true}
	for _, it := range f.items() {
		shown[it.path] = true
		for _, r := range it.Related {
			shown[r.Path] = true
		}
	}
	for _, p := range out.Report.Programs {
		for _, l := range p.Lines {
			shown[resolve(path, l.File)] = true
		}
	}
	for p := range f.texts {
		if !shown[p] {
			delete(f.texts, p)
		}
	}
	for p := range shown {
		if f.texts[p] == nil {
			if text, err := os.ReadFile(p); err == nil {
				f.texts[p] = position.New(text)
			}
		}
	}
}

// lookAt reads the files that a run depended on. Those whose content the outcome did
// not bring count as the run read them if they did not change since it began.
func (s *Session) lookAt(f *finished, began time.Time) map[string]fileState {
	s.mu.Lock()
	known := map[string]fileState{}
	for path := range f.inputs {
		known[path] = s.files.states[path]
	}
	for _, path := range f.missing {
		known[path] = s.files.states[path]
	}
	s.mu.Unlock()
	found := map[string]fileState{}
	for path, state := range known {
		found[path] = look(path, state)
	}
	for path, d := range f.inputs {
		now := found[path]
		if d == absent && (now.since.Before(began) || now.stamp.changed < began.UnixNano()) {
			f.inputs[path] = now.digest
		}
	}
	return found
}

// maxRetries bounds the runs in a row that are made because a file changed while it
// was compiled. After them the outcome stays out of date until something else happens.
const maxRetries = 3

// keep makes a finished run the newest of its record.
func (s *Session) keep(r *record, f *finished, found map[string]fileState) {
	maps.Copy(s.files.states, found)
	changed := false
	for path, d := range f.inputs {
		if s.wanted(r, path) != d {
			changed = true
			s.log.Debug("changed while it was compiled", "source", r.path, "path", path)
		}
	}
	switch {
	case !changed:
		r.retries = 0
	case r.retries < maxRetries:
		r.retries++
		s.trigger(r, urgentWatch, s.opt.WatchDelay)
	}
	switch {
	case !f.passing:
		r.failures = 0
	case !f.outcome.late.Load(): // what was slow once is likely to be slow again
		s.tryLater(r)
	}
	old := r.last
	r.last, r.stopped = f, ""
	if f.verdict() {
		r.verdict = f
	}
	if old != nil && old != r.verdict {
		old.outcome = nil
	}
	s.note(r.path, f.outcome)
	s.use(r)
	s.showItems(r)
	s.watchInputs()
}

// laterDelays are the pauses before a run that failed for a passing reason is made again
// without anyone's doing; then the next save does.
var laterDelays = []time.Duration{time.Second, 10 * time.Second, time.Minute}

// tryLater has a record judged again after a while, unless something else has it judged
// before.
func (s *Session) tryLater(r *record) {
	if r.failures >= len(laterDelays) || s.opt.Without.Retries {
		return
	}
	generation := r.generation
	time.AfterFunc(laterDelays[r.failures], func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if r.generation == generation && r.automatic() {
			s.trigger(r, urgentWatch, 0)
			s.refresh(r)
		}
	})
	r.failures++
}

func (f *finished) items() []item { return slices.Concat(f.verifier, f.compiler, f.settings, f.dead) }

// showItems tells subscribers the findings of every file in which the record has
// some or had some.
func (s *Session) showItems(r *record) {
	files := map[string]bool{r.path: true}
	for _, p := range r.items {
		files[p] = true
	}
	r.items = nil
	for _, f := range []*finished{r.last, r.verdict} {
		if f == nil {
			continue
		}
		for _, it := range f.items() {
			files[it.path] = true
			r.items = append(r.items, it.path)
		}
	}
	slices.Sort(r.items)
	r.items = slices.Compact(r.items)
	for _, p := range slices.Sorted(maps.Keys(files)) {
		s.showAgain(p)
	}
}

// use notes that a record's outcome is used, and evicts the outcomes that were not
// used for longest where there are too many.
func (s *Session) use(r *record) {
	s.clock++
	r.used = s.clock
	var holders []*record
	for _, other := range s.records {
		if other.last != nil && other.last.outcome != nil || other.verdict != nil && other.verdict.outcome != nil {
			holders = append(holders, other)
		}
	}
	slices.SortFunc(holders, func(a, b *record) int { return int(a.used - b.used) })
	for len(holders) > s.opt.Keep {
		for _, f := range []*finished{holders[0].last, holders[0].verdict} {
			if f != nil {
				f.outcome = nil
			}
		}
		holders = holders[1:]
	}
}
