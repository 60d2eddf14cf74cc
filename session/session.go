package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"bpfls/clangdriver"
	"bpfls/position"
	"bpfls/settings"
)

// Options of a Session. The zero value is what an editor wants.
type Options struct {
	// Run judges one file; nil: the package's Run.
	Run func(context.Context, Request) *Outcome
	// Log takes messages for those who look for a fault; nil: none.
	Log *slog.Logger
	// Workers is the number of files judged at once; 0: half of the processors, at
	// least one. (One file's programs are verified side by side.)
	Workers int
	// Keep is the number of outcomes kept whole, states included; 0: 16. Of older
	// ones only what is shown is kept; a hover has them made again.
	Keep int
	// ChangeDelay is the pause after the last keystroke before an unsaved buffer is
	// verified; 0: 300 ms. WatchDelay lets changes of files settle; 0: 40 ms.
	ChangeDelay, WatchDelay time.Duration
	// Untrusted: nothing is compiled.
	Untrusted bool
	// Paused: nothing is run before Resume, so that the first run has the settings
	// that an editor sends after it opened files.
	Paused bool
	// NoWatch leaves noticing changes of files to the caller (FilesChanged).
	NoWatch bool
}

// Editor is what an editor sets for a folder of the workspace, or for files in none.
type Editor struct {
	// Settings is a JSON object with the names of bpfls.toml; nil: none. It overrides
	// bpfls.toml. Relative paths in it begin in Workspace.
	Settings  []byte
	Workspace string
	// Clangd: clangd serves the same files in this editor and shows compile errors.
	Clangd bool
}

// runLimit bounds the run of a file as a whole; settings bound its steps.
const runLimit = 5 * time.Minute

// Session holds the documents of an editor and what is known of them. Its methods
// may be called from any goroutine and return at once where they have no context.
// What they lead to is told by events.
type Session struct {
	opt  Options
	log  *slog.Logger
	mail *mailbox
	ctx  context.Context
	stop context.CancelFunc
	wait sync.WaitGroup

	mu       sync.Mutex
	editor   Editor
	byFolder map[string]Editor // of folders of the workspace that have their own
	folders  []string
	docs     map[string]*document
	records  map[string]*record
	files    *fileTable
	watch    *watcher // nil: not watching
	pending  map[string]bool
	pendAt   time.Time // when pending is due
	pendWake chan struct{}
	ready    []*record // waiting for a worker
	readyC   *sync.Cond
	work     int64 // last WorkEvent ID
	clock    int64 // counts uses of outcomes
	notices  map[string]string
	shown    map[string]*shown // by file: what subscribers were told
	closed   bool
}

// document is a buffer of the editor.
type document struct {
	version int32
	text    *position.Mapper
	digest  digest
}

// record is a source and what is known of it.
type record struct {
	path      string
	editor    Editor
	settings  *settings.Settings // those that hold for the file
	options   string             // those of them that a run depends on
	asked     []string           // files that settings were looked for in
	source    bool               // is to be verified
	why       string             // what decided about source
	byCommand string             // the compilation database that compiles it for BPF
	asking    bool               // a database is being looked for
	commanded bool               // verified by command, whatever it is

	generation uint64             // counts reasons to judge it anew
	timer      *time.Timer        // before it is ready
	queued     bool               // waits for timer or worker
	forced     bool               // to be judged even where nothing changed
	urgent     int                // a higher one is taken first
	cancel     context.CancelFunc // of the run under way
	idle       chan struct{}      // closed while neither queued nor running
	retries    int                // runs in a row whose inputs changed under way

	last    *finished // the last run that finished
	verdict *finished // the last one with a verdict; may be last
	stopped string    // why the newest run gave nothing
	used    int64     // Session.clock of the last use of an outcome
	items   []string  // files that have findings of this source
	told    Status
}

// finished is a run that finished, and what it depended on.
type finished struct {
	judgement
	outcome  *Outcome // nil: evicted
	verifier []item
	compiler []item
	settings []item                      // errors in settings files
	texts    map[string]*position.Mapper // as compiled, by absolute path
	names    map[string]string           // absolute path to the name in line information
	inputs   map[string]digest           // what it read
	missing  []string                    // what must stay absent
	options  string                      // record.options when it began
	noClang  bool                        // there was no clang: the next save looks again
	maps     map[string]*LineMap         // by path, for the text that was last asked for
}

// shown is what subscribers were told of a file.
type shown struct {
	findings []Finding
	open     bool
}

// New returns a running session. Close ends it.
func New(opt Options) *Session {
	if opt.Run == nil {
		opt.Run = Run
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	setDefault(&opt.Workers, max(1, runtime.GOMAXPROCS(0)/2))
	setDefault(&opt.Keep, 16)
	setDefault(&opt.ChangeDelay, 300*time.Millisecond)
	setDefault(&opt.WatchDelay, 40*time.Millisecond)
	s := &Session{
		opt: opt, log: opt.Log, mail: newMailbox(),
		docs: map[string]*document{}, records: map[string]*record{}, files: newFileTable(),
		pending: map[string]bool{}, pendWake: make(chan struct{}, 1),
		notices: map[string]string{}, shown: map[string]*shown{},
	}
	s.readyC = sync.NewCond(&s.mu)
	s.ctx, s.stop = context.WithCancel(context.Background())
	if !opt.NoWatch {
		w, err := newWatcher(s.log, s.touch)
		if err != nil {
			s.log.Error("files are not watched; changes outside of the editor show after the next save", "error", err)
		}
		s.watch = w
	}
	s.start(s.mail.run)
	s.start(s.intake)
	for range opt.Workers {
		s.start(s.worker)
	}
	return s
}

func setDefault[T comparable](p *T, value T) {
	var zero T
	if *p == zero {
		*p = value
	}
}

func (s *Session) start(f func()) {
	s.wait.Add(1)
	go func() {
		defer s.wait.Done()
		f()
	}()
}

// Close cancels what runs and ends the session.
func (s *Session) Close() {
	s.mu.Lock()
	s.closed = true
	s.readyC.Broadcast()
	for _, r := range s.records {
		if r.timer != nil {
			r.timer.Stop()
		}
	}
	s.mu.Unlock()
	s.stop()
	if s.watch != nil {
		s.watch.close()
	}
	s.mail.close()
	s.wait.Wait()
}

// Subscribe has f called for every event from now on, one at a time. f must not
// wait for the session.
func (s *Session) Subscribe(f func(Event)) (cancel func()) { return s.mail.subscribe(f) }

// SetFolders names the folders of the workspace. Directories in them are watched
// with all their parents, so that a folder that is replaced is noticed.
func (s *Session) SetFolders(folders []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.folders = nil
	for _, f := range folders {
		s.folders = append(s.folders, filepath.Clean(f))
	}
	s.watchInputs()
}

// Folders returns the folders of the workspace.
func (s *Session) Folders() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.folders)
}

// SetTrusted says whether the workspace is trusted; where it is not, nothing is compiled.
func (s *Session) SetTrusted(trusted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opt.Untrusted = !trusted
	for _, r := range s.records {
		if trusted {
			s.trigger(r, urgentOpen, 0)
		} else {
			s.halt(r)
		}
		s.refresh(r)
	}
}

// Trusted reports whether the workspace is trusted.
func (s *Session) Trusted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.opt.Untrusted
}

// Resume ends a pause.
func (s *Session) Resume() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opt.Paused = false
	s.readyC.Broadcast()
}

// Configure takes new settings of the editor, and those of folders of the workspace that
// have their own. Open files are judged anew where it matters to them.
func (s *Session) Configure(general Editor, byFolder map[string]Editor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.editor, s.byFolder = general, byFolder
	for _, path := range slices.Sorted(maps.Keys(s.records)) {
		s.reclassify(s.records[path])
	}
	s.watchInputs()
}

// editorOf returns the settings of the innermost folder that has some.
func (s *Session) editorOf(path string) Editor {
	editor, best := s.editor, ""
	for folder, own := range s.byFolder {
		if len(folder) >= len(best) && strings.HasPrefix(path, folder+string(filepath.Separator)) {
			editor, best = own, folder
		}
	}
	return editor
}

// reclassify looks at the settings of a file again, and has it judged anew if they
// make a difference.
func (s *Session) reclassify(r *record) {
	s.classify(r.path)
	switch {
	case !r.source:
		s.halt(r)
		r.last, r.verdict = nil, nil
	case r.last == nil && !r.automatic() && !r.commanded:
	case s.needed(r):
		s.trigger(r, urgentOpen, 0)
	}
	s.showItems(r)
	s.refresh(r)
}

// optionsOf are the settings that a run depends on, as text to compare.
func optionsOf(s *settings.Settings) string {
	var b strings.Builder
	for _, e := range s.List() {
		switch e.Key {
		case "compileErrors", "verifyOn", "sources", "exclude":
		default:
			fmt.Fprintf(&b, "%s=%s\n", e.Key, e.Value)
		}
	}
	return b.String()
}

// hidesCompileErrors reports whether clang's errors and warnings are left to another
// server.
func (r *record) hidesCompileErrors() bool {
	switch r.settings.CompileErrors.Value {
	case "show":
		return false
	case "hide":
		return true
	}
	return r.editor.Clangd
}

func (r *record) automatic() bool { return r.settings.VerifyOn.Value != "manual" }
func (r *record) overlays() bool  { return r.settings.VerifyOn.Value == "change" }

// The urgencies of runs.
const (
	urgentWatch   = iota // a header or setting changed
	urgentOpen           // a file was opened
	urgentSave           // the user saved or typed
	urgentCommand        // the user asked
)

// Open takes a buffer that the editor opened. A BPF source is verified.
func (s *Session) Open(path string, version int32, text string) {
	path = filepath.Clean(path)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.docs[path] = newDocument(version, text)
	r := s.classify(path)
	if r.source && r.last == nil && r.automatic() {
		s.trigger(r, urgentOpen, 0)
	}
	s.watchInputs()
	s.showAgain(path)
	s.refresh(r)
}

func newDocument(version int32, text string) *document {
	data := []byte(text)
	return &document{version: version, text: position.New(data), digest: digestOf(data)}
}

// classify reads the settings of a file and decides by them, its name and its text
// whether it is a source to verify.
func (s *Session) classify(path string) *record {
	r := s.records[path]
	if r == nil {
		r = &record{path: path, idle: make(chan struct{})}
		close(r.idle)
		s.records[path] = r
	}
	r.asked = nil
	read := func(name string) ([]byte, error) {
		r.asked = append(r.asked, name)
		return os.ReadFile(name)
	}
	r.editor = s.editorOf(path)
	r.settings, _ = settings.Load(path, read, r.editor.Settings, r.editor.Workspace)
	r.options = optionsOf(r.settings)
	if r.commanded {
		r.source, r.why = true, "verified by command"
	} else if source, known := r.settings.IsSource(path); known {
		r.source, r.why = source, "not a BPF source: the settings say so"
	} else if r.byCommand != "" {
		r.source, r.why = true, r.byCommand+" compiles it for BPF"
	} else if d := s.docs[path]; d != nil {
		if r.source, r.why = detect(path, string(d.text.Text())); !r.source && isC(path) {
			s.askDatabase(r)
		}
	}
	return r
}

// askDatabase looks, on the side since it may be large, whether a compilation database
// compiles a file for BPF.
func (s *Session) askDatabase(r *record) {
	choice := clangdriver.Settings{CompileCommands: r.settings.CompileCommands.Value}
	if r.asking || s.opt.Untrusted || s.closed {
		return
	}
	r.asking = true
	s.start(func() {
		database, ok := clangdriver.ForBPF(r.path, choice)
		s.mu.Lock()
		defer s.mu.Unlock()
		r.asking = false
		if ok && r.byCommand == "" && s.records[r.path] == r && !s.closed {
			r.byCommand = database
			s.reclassify(r)
		}
	})
}

// Change takes the new text of a buffer.
func (s *Session) Change(path string, version int32, text string) {
	path = filepath.Clean(path)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.docs[path] == nil {
		return
	}
	s.docs[path] = newDocument(version, text)
	readers := s.readers(path)
	for _, r := range readers {
		if r.overlays() {
			s.trigger(r, urgentSave, s.opt.ChangeDelay)
		}
	}
	s.showAgain(path)
	for _, r := range readers {
		s.refresh(r)
	}
}

// readers returns the records whose last run read the file, and the file's own.
func (s *Session) readers(path string) []*record {
	var readers []*record
	for _, p := range slices.Sorted(maps.Keys(s.records)) {
		r := s.records[p]
		if p == path || r.reads(path) {
			readers = append(readers, r)
		}
	}
	return readers
}

func (r *record) reads(path string) bool {
	for _, f := range []*finished{r.last, r.verdict} {
		if f == nil {
			continue
		}
		if _, ok := f.inputs[path]; ok || slices.Contains(f.missing, path) {
			return true
		}
	}
	return slices.Contains(r.asked, path)
}

// Save says that the editor wrote the buffer to its file.
func (s *Session) Save(path string) {
	path = filepath.Clean(path)
	s.mu.Lock()
	r := s.classify(path)
	again := r.last == nil || r.last.noClang
	if s.docs[path] != nil && r.source && r.automatic() && again && r.cancel == nil && !r.queued {
		s.trigger(r, urgentSave, 0)
	}
	s.refresh(r)
	s.mu.Unlock()
	s.touchIn(0, path)
}

// CloseDocument says that the editor closed the buffer. What was found in the file
// as a source is withdrawn; what open sources find in it as a header stays.
func (s *Session) CloseDocument(path string) {
	path = filepath.Clean(path)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.docs, path)
	if r := s.records[path]; r != nil {
		s.halt(r)
		delete(s.records, path)
		for _, p := range r.items {
			s.showAgain(p)
		}
		s.watchInputs()
	}
	s.showAgain(path)
}

// FilesChanged says that files may have changed on disk: an editor's own watching.
func (s *Session) FilesChanged(paths ...string) { s.touch(paths...) }

// Verify judges a file now, whatever it is and whether or not anything changed,
// and waits until subscribers were told of the end. The error is the context's.
func (s *Session) Verify(ctx context.Context, path string) (Status, error) {
	path = filepath.Clean(path)
	s.mu.Lock()
	r := s.classify(path)
	r.commanded = true
	s.classify(path)
	s.trigger(r, urgentCommand, 0)
	s.watchInputs()
	s.refresh(r)
	s.mu.Unlock()
	status, err := s.Wait(ctx, path)
	if err != nil {
		return status, err
	}
	told := make(chan struct{})
	s.mail.post(barrier(told))
	select {
	case <-told:
	case <-ctx.Done():
	case <-s.ctx.Done():
	}
	return status, ctx.Err()
}

// Wait waits until no work is queued or under way for a file.
func (s *Session) Wait(ctx context.Context, path string) (Status, error) {
	path = filepath.Clean(path)
	for {
		s.mu.Lock()
		r := s.records[path]
		if r == nil {
			s.mu.Unlock()
			return Status{Path: path, Reason: "not open"}, nil
		}
		idle, status := r.idle, s.status(r)
		s.mu.Unlock()
		if !status.Busy {
			return status, nil
		}
		select {
		case <-idle:
		case <-ctx.Done():
			return status, ctx.Err()
		case <-s.ctx.Done():
			return status, s.ctx.Err()
		}
	}
}

// Status returns what is known of a file.
func (s *Session) Status(path string) Status {
	path = filepath.Clean(path)
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.records[path]; r != nil {
		return s.status(r)
	}
	return Status{Path: path, Reason: "not open"}
}

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
	return r.last == nil || r.last.noClang || !s.same(r, r.last, func(path string) digest { return s.wanted(r, path) })
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
	if r.overlays() {
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
		s.mail.post(StatusEvent{now})
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
	event := FindingsEvent{Path: path, Findings: now, Text: s.text(path)}
	if doc != nil {
		event.Open, event.Version = true, doc.version
	}
	if len(now) == 0 {
		delete(s.shown, path)
	} else {
		s.shown[path] = &shown{now, doc != nil}
	}
	s.mail.post(event)
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
		stopped := r.stopped != "" && !s.current(r, r.last)
		if !stopped || r.last != r.verdict {
			add(r.last, r.last.verifier, "")
		}
		switch {
		case r.verdict == nil:
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
		if m := s.lineMap(f, r.Path); m != nil {
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
