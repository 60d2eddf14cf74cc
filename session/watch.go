package session

import (
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/fsnotify/fsnotify"

	"bpfls/clangdriver"
)

// watcher notices changes of a set of files, which need not exist. It watches their
// directories, since editors replace files by renaming others over them; of a
// directory that does not exist the nearest parent that does; and all parents below
// the folders of the workspace, since whole trees are replaced too. A directory that has
// several names, by links, is watched once, under its real one: the system knows no other.
// Files in directories whose changes the system does not tell are looked at now and then.
type watcher struct {
	log     *slog.Logger
	notify  *fsnotify.Watcher
	changed func(...string)          // told of files that may have changed
	polled  atomic.Pointer[[]string] // files to be looked at now and then
	taking  sync.WaitGroup           // receive
	looking sync.WaitGroup           // follow

	mu     sync.Mutex
	set    *watchSet        // the newest set; nil once it was taken
	events []fsnotify.Event // not yet looked at
	lost   bool             // events were lost
	wake   chan struct{}
	done   chan struct{}

	// Of the goroutine that runs follow alone.
	files   map[string]bool     // true: not to be watched but looked at
	keys    map[string][]string // by clangdriver.PathKey, files: the system has names as they are on disk
	folders []string
	watched map[string][]string // real directories, with the names that files have them by
	real    map[string]string   // of names, the real directories
	silent  map[string]bool     // real directories: whether the system tells no changes in them
	refused map[string]bool     // directories that could not be watched: told once
}

// watchSet says what to watch.
type watchSet struct {
	files   map[string]bool // true: not to be watched but looked at
	folders []string
}

func newWatcher(log *slog.Logger, changed func(...string)) (*watcher, error) {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	w := &watcher{
		log: log, notify: notify, changed: changed,
		wake: make(chan struct{}, 1), done: make(chan struct{}),
		files: map[string]bool{}, watched: map[string][]string{}, real: map[string]string{}, refused: map[string]bool{},
		silent: map[string]bool{},
	}
	w.taking.Go(w.receive)
	w.looking.Go(w.follow)
	return w, nil
}

// close ends the watcher. fsnotify is closed last: on Windows an Add that it has not answered
// by then is never answered.
func (w *watcher) close() {
	close(w.done)
	w.looking.Wait()
	w.notify.Close()
	w.taking.Wait()
}

// watch replaces the set. It returns at once.
func (w *watcher) watch(set *watchSet) {
	w.mu.Lock()
	w.set = set
	w.mu.Unlock()
	w.signal()
}

func (w *watcher) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// receive takes events from fsnotify without ever waiting: on some systems it would
// not answer Add while an event waits to be taken.
func (w *watcher) receive() {
	for {
		select {
		case e, ok := <-w.notify.Events:
			if !ok {
				return
			}
			w.mu.Lock()
			w.events = append(w.events, e)
			w.mu.Unlock()
		case err, ok := <-w.notify.Errors:
			if !ok {
				return
			}
			w.log.Warn("watching files", "error", err)
			if errors.Is(err, fsnotify.ErrEventOverflow) {
				w.mu.Lock()
				w.lost = true
				w.mu.Unlock()
			}
		}
		w.signal()
	}
}

// follow applies new sets and looks at events.
func (w *watcher) follow() {
	for {
		select {
		case <-w.done:
			return
		case <-w.wake:
		}
		w.mu.Lock()
		set, events, lost := w.set, w.events, w.lost
		w.set, w.events, w.lost = nil, nil, false
		w.mu.Unlock()
		touched := map[string]bool{}
		for _, e := range events {
			w.look(filepath.Clean(e.Name), e.Op, touched)
		}
		if set != nil {
			w.files, w.folders = set.files, set.folders
			w.keys = map[string][]string{}
			for f := range w.files {
				key := clangdriver.PathKey(f)
				w.keys[key] = append(w.keys[key], f)
			}
		}
		if set != nil || len(touched) > 0 {
			w.update(touched)
		}
		if lost {
			for f := range w.files {
				touched[f] = true
			}
		}
		if len(touched) > 0 {
			var paths []string
			for p := range touched {
				paths = append(paths, p)
			}
			slices.Sort(paths)
			w.changed(paths...)
		}
	}
}

// look collects the files that an event touches. One of a directory above some of
// them touches all of those.
func (w *watcher) look(path string, op fsnotify.Op, touched map[string]bool) {
	names := []string{path}
	names = append(names, w.watched[path]...)
	for _, dir := range w.watched[filepath.Dir(path)] {
		names = append(names, filepath.Join(dir, filepath.Base(path)))
	}
	for _, name := range names {
		key := clangdriver.PathKey(name)
		for _, f := range w.keys[key] {
			touched[f] = true
		}
		if !op.Has(fsnotify.Create) && !op.Has(fsnotify.Remove) && !op.Has(fsnotify.Rename) {
			continue
		}
		below := key + string(filepath.Separator)
		for k, files := range w.keys {
			if strings.HasPrefix(k, below) {
				for _, f := range files {
					touched[f] = true
				}
			}
		}
		for d, real := range w.real {
			if k := clangdriver.PathKey(d); k == key || strings.HasPrefix(k, below) {
				// What has this name may be another directory by now.
				w.forget(real)
			}
		}
	}
}

// forget ends the watch of a real directory, for update to begin it anew.
func (w *watcher) forget(real string) {
	_ = w.notify.Remove(real)
	delete(w.watched, real)
}

// update watches the directories that the files need and no others. Files in
// directories that were not watched before, or had another name, are touched: they may
// have changed.
func (w *watcher) update(touched map[string]bool) {
	nearest := map[string]string{} // by directory
	real := map[string]string{}
	want := map[string][]string{}
	add := func(dir string) {
		if _, ok := real[dir]; ok {
			return
		}
		real[dir] = dir
		if r, err := filepath.EvalSymlinks(dir); err == nil {
			real[dir] = r
		}
		want[real[dir]] = append(want[real[dir]], dir)
	}
	for f, poll := range w.files {
		dir := filepath.Dir(f)
		if _, ok := nearest[dir]; ok || poll {
			continue
		}
		exists := existing(dir)
		nearest[dir] = exists
		add(exists)
		for _, folder := range w.folders {
			for d := exists; strings.HasPrefix(d, folder+string(filepath.Separator)); {
				d = filepath.Dir(d)
				add(d)
			}
		}
	}
	for d := range w.watched {
		if want[d] == nil {
			w.forget(d)
		}
	}
	fresh := map[string]bool{}  // by name
	polled := map[string]bool{} // by name
	for d, names := range want {
		if w.watched[d] == nil {
			if !w.watchDir(d) {
				for _, name := range names {
					polled[name] = true
				}
				continue
			}
			for _, name := range names {
				fresh[name] = true
			}
		}
		w.watched[d] = names
		for _, name := range names {
			if w.real[name] != d {
				fresh[name] = true
			}
		}
	}
	w.real = real
	var poll []string
	for f, forced := range w.files {
		at := nearest[filepath.Dir(f)]
		if forced || polled[at] {
			poll = append(poll, f)
		}
		if fresh[at] && !forced {
			touched[f] = true
		}
	}
	if before := w.polled.Swap(&poll); len(poll) > 0 && (before == nil || len(*before) == 0) {
		w.changed() // the polling begins
	}
}

// watchDir begins to watch a real directory; false where its files must be looked at.
func (w *watcher) watchDir(dir string) bool {
	silent, known := w.silent[dir]
	if !known {
		silent = isSilent(dir)
		w.silent[dir] = silent
		if silent {
			w.log.Info("changes in a directory are not told here; it is looked at every few seconds", "directory", dir)
		}
	}
	if silent {
		return false
	}
	err := w.notify.Add(dir)
	if err != nil && !w.refused[dir] {
		w.refused[dir] = true
		w.log.Warn("a directory is not watched; it is looked at every few seconds instead", "directory", dir, "error", err)
	}
	return err == nil
}

// existing returns the directory or the nearest parent of it that exists.
func existing(dir string) string {
	for {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return dir
		}
		dir = parent
	}
}

// watchInputs watches every file that an open source or its last runs depend on.
// The session's lock is held.
func (s *Session) watchInputs() {
	if s.watch == nil || s.closed {
		return
	}
	s.watch.watch(&watchSet{s.dependencies(), slices.Clone(s.folders)})
}

// dependencies are the files that any record or its last runs depend on; true where a
// setting says that they are to be looked at.
func (s *Session) dependencies() map[string]bool {
	files := map[string]bool{}
	for path, r := range s.records {
		poll := r.settings.Watch.Value == "poll"
		if r.source {
			files[path] = files[path] || poll
		}
		for _, p := range r.dependencies() {
			files[p] = files[p] || poll
		}
	}
	return files
}

// polled are the files whose changes nobody tells: they are looked at now and then. The
// session's lock is held.
func (s *Session) polled() []string {
	switch {
	case s.opt.NoWatch, s.opt.Without.Watching, s.opt.Without.Polling:
		return nil
	case s.watch == nil:
		return slices.Collect(maps.Keys(s.dependencies()))
	}
	if files := s.watch.polled.Load(); files != nil {
		return *files
	}
	return nil
}

// dependencies are the files that the record's settings and last runs depend on.
func (r *record) dependencies() []string {
	files := slices.Clone(r.asked)
	if r.head != nil && r.head.log != "" {
		files = append(files, r.head.log)
	}
	for _, f := range []*finished{r.last, r.verdict} {
		if f != nil {
			files = slices.AppendSeq(files, maps.Keys(f.inputs))
			files = append(files, f.missing...)
		}
	}
	return files
}
