package session

import (
	"context"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"

	"bpfls/clangdriver"
	"bpfls/explain"
	"bpfls/position"
	"bpfls/settings"
)

// Options of a Session. The zero value is what an editor wants.
type Options struct {
	// Run judges one file; nil: the package's Run.
	Run func(context.Context, Request) *Outcome
	// Compiler compiles C sources; nil: one that all sessions share.
	Compiler *clangdriver.Driver
	// Log takes messages for those who look for a fault; nil: none.
	Log *slog.Logger
	// Workers is the number of files judged at once; 0: half of the processors, at
	// least one. (One file's programs are verified side by side.)
	Workers int
	// Keep is the number of outcomes kept whole, states included; 0: 16. Of older
	// ones only what is shown is kept; a hover has them made again.
	Keep int
	// Reports, if not nil, keeps reports of programs for later processes.
	Reports ReportStore
	// ResultBytes bounds the memory for results of the verifier that wait for a run with
	// the same program; 0: 128 MB.
	ResultBytes int
	// ChangeDelay is the pause after the last keystroke before an unsaved buffer is
	// verified; 0: 300 ms. WatchDelay lets changes of files settle; 0: 40 ms.
	ChangeDelay, WatchDelay time.Duration
	// PollInterval is how often files are looked at whose changes the system does not tell;
	// 0: 2 s.
	PollInterval time.Duration
	// Untrusted: nothing is compiled.
	Untrusted bool
	// Paused: nothing is run before Resume, so that the first run has the settings
	// that an editor sends after it opened files.
	Paused bool
	// NoWatch leaves noticing changes of files to the caller (FilesChanged).
	NoWatch bool
	// Without is what the session leaves out.
	Without Without
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
	opt Options
	log *slog.Logger
	// results of programs, of all files
	results *Results
	mail    *mailbox
	ctx     context.Context
	stop    context.CancelFunc
	wait    sync.WaitGroup

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
	failures   int                // runs in a row that failed for a passing reason

	last    *finished // the last run that finished
	verdict *finished // the last one with a verdict; may be last
	stopped string    // why the newest run gave nothing
	used    int64     // Session.clock of the last use of an outcome
	items   []string  // files that have findings of this source
	told    Status
	head    *headState // what HEAD has; nil: not asked for
}

// finished is a run that finished, and what it depended on.
type finished struct {
	judgement
	outcome  *Outcome           // nil: evicted
	reports  []*explain.Program // of its programs; kept when the outcome is evicted
	verifier []item
	compiler []item
	settings []item                      // errors in settings files
	dead     []item                      // code that is dead to the verifier
	texts    map[string]*position.Mapper // as compiled, by absolute path
	names    map[string]string           // absolute path to the name in line information
	inputs   map[string]digest           // what it read
	missing  []string                    // what must stay absent
	options  string                      // record.options when it began
	noClang  bool                        // there was no clang: the next save looks again
	passing  bool                        // it failed for a reason that is not the file's and may pass
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
	if opt.Without.Overlap {
		opt.Workers = 1
	}
	setDefault(&opt.Workers, max(1, runtime.GOMAXPROCS(0)/2))
	setDefault(&opt.Keep, 16)
	setDefault(&opt.ResultBytes, 128<<20)
	setDefault(&opt.ChangeDelay, 300*time.Millisecond)
	setDefault(&opt.PollInterval, 2*time.Second)
	setDefault(&opt.WatchDelay, 40*time.Millisecond)
	s := &Session{
		opt: opt, log: opt.Log, mail: newMailbox(),
		docs: map[string]*document{}, records: map[string]*record{}, files: newFileTable(),
		pending: map[string]bool{}, pendWake: make(chan struct{}, 1),
		notices: map[string]string{}, shown: map[string]*shown{},
	}
	s.results = NewResults(opt.ResultBytes)
	s.readyC = sync.NewCond(&s.mu)
	s.ctx, s.stop = context.WithCancel(context.Background())
	if !opt.NoWatch && !opt.Without.Watching {
		w, err := newWatcher(s.log, s.touch)
		if err != nil {
			s.log.Error("files are not watched; they are looked at every few seconds instead", "error", err)
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
		s.folders = append(s.folders, CleanPath(f))
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

// Open takes a buffer that the editor opened. A BPF source is verified.
func (s *Session) Open(path string, version int32, text string) {
	path = CleanPath(path)
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

// Change takes the new text of a buffer.
func (s *Session) Change(path string, version int32, text string) {
	path = CleanPath(path)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.docs[path] == nil {
		return
	}
	s.docs[path] = newDocument(version, text)
	readers := s.readers(path)
	for _, r := range readers {
		if s.overlays(r) {
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
	path = CleanPath(path)
	s.mu.Lock()
	r := s.classify(path)
	again := r.last == nil || r.last.noClang || !s.opt.Without.Retries && (r.last.passing || r.stopped != "")
	if s.docs[path] != nil && r.source && r.automatic() && again && r.cancel == nil && !r.queued {
		s.trigger(r, urgentSave, 0)
	}
	s.refresh(r)
	files := append(r.dependencies(), path)
	s.mu.Unlock()
	s.touchIn(0, files...)
}

// CloseDocument says that the editor closed the buffer. What was found in the file
// as a source is withdrawn; what open sources find in it as a header stays.
func (s *Session) CloseDocument(path string) {
	path = CleanPath(path)
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
func (s *Session) FilesChanged(paths ...string) {
	if !s.opt.Without.Watching {
		s.touch(paths...)
	}
}

// Verify judges a file now, whatever it is and whether or not anything changed,
// and waits until subscribers were told of the end. The error is the context's.
func (s *Session) Verify(ctx context.Context, path string) (Status, error) {
	path = CleanPath(path)
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
	path = CleanPath(path)
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
	path = CleanPath(path)
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.records[path]; r != nil {
		return s.status(r)
	}
	return Status{Path: path, Reason: "not open"}
}
