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
)

// watcher notices changes of a set of files, which need not exist. It watches their
// directories, since editors replace files by renaming others over them; of a
// directory that does not exist the nearest parent that does; and all parents below
// the folders of the workspace, since whole trees are replaced too.
type watcher struct {
	log     *slog.Logger
	notify  *fsnotify.Watcher
	changed func(...string) // told of files that may have changed
	wait    sync.WaitGroup
	blind   atomic.Bool // some directory could not be watched

	mu     sync.Mutex
	set    *watchSet        // the newest set; nil once it was taken
	events []fsnotify.Event // not yet looked at
	lost   bool             // events were lost
	wake   chan struct{}
	done   chan struct{}

	// Of the goroutine that runs follow alone.
	files   map[string]bool
	folders []string
	watched map[string]bool // directories
	refused map[string]bool // directories that could not be watched: told once
}

// watchSet says what to watch.
type watchSet struct {
	files   map[string]bool
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
		files: map[string]bool{}, watched: map[string]bool{}, refused: map[string]bool{},
	}
	w.wait.Add(2)
	go w.receive()
	go w.follow()
	return w, nil
}

func (w *watcher) close() {
	close(w.done)
	w.notify.Close()
	w.wait.Wait()
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
	defer w.wait.Done()
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
	defer w.wait.Done()
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
	if w.files[path] {
		touched[path] = true
	}
	if !op.Has(fsnotify.Create) && !op.Has(fsnotify.Remove) && !op.Has(fsnotify.Rename) {
		return
	}
	below := path + string(filepath.Separator)
	for f := range w.files {
		if strings.HasPrefix(f, below) {
			touched[f] = true
		}
	}
	for d := range w.watched {
		if d == path || strings.HasPrefix(d, below) {
			// What has this name may be another directory by now.
			_ = w.notify.Remove(d)
			delete(w.watched, d)
		}
	}
}

// update watches the directories that the files need and no others. Files in
// directories that were not watched before are touched: they may have changed.
func (w *watcher) update(touched map[string]bool) {
	nearest := map[string]string{} // by directory
	want := map[string]bool{}
	for f := range w.files {
		dir := filepath.Dir(f)
		if _, ok := nearest[dir]; ok {
			continue
		}
		exists := existing(dir)
		nearest[dir] = exists
		want[exists] = true
		for _, folder := range w.folders {
			for d := exists; strings.HasPrefix(d, folder+string(filepath.Separator)); {
				d = filepath.Dir(d)
				want[d] = true
			}
		}
	}
	for d := range w.watched {
		if !want[d] {
			_ = w.notify.Remove(d)
			delete(w.watched, d)
		}
	}
	fresh := map[string]bool{}
	for d := range want {
		if w.watched[d] {
			continue
		}
		if err := w.notify.Add(d); err != nil {
			if !w.refused[d] {
				w.refused[d] = true
				w.blind.Store(true)
				w.log.Warn("a directory is not watched", "directory", d, "error", err)
			}
			continue
		}
		w.watched[d] = true
		fresh[d] = true
	}
	if len(fresh) == 0 {
		return
	}
	for f := range w.files {
		if fresh[nearest[filepath.Dir(f)]] {
			touched[f] = true
		}
	}
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

// dependencies are the files that any record or its last runs depend on.
func (s *Session) dependencies() map[string]bool {
	files := map[string]bool{}
	for path, r := range s.records {
		if r.source {
			files[path] = true
		}
		for _, p := range r.dependencies() {
			files[p] = true
		}
	}
	return files
}

// dependencies are the files that the record's settings and last runs depend on.
func (r *record) dependencies() []string {
	files := slices.Clone(r.asked)
	for _, f := range []*finished{r.last, r.verdict} {
		if f != nil {
			files = slices.AppendSeq(files, maps.Keys(f.inputs))
			files = append(files, f.missing...)
		}
	}
	return files
}
