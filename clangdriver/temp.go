package clangdriver

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"
)

// How the names of temporary directories begin.
const (
	tempClang = "bpfls-clang-"
	tempLink  = "bpfls-link-"
)

// lockFile is a file in a temporary directory that is locked as long as the process that
// made the directory uses it. The system unlocks it when that process ends, however it ends.
const lockFile = "lock"

// tempDir is a temporary directory.
type tempDir struct {
	path string
	lock *os.File // nil where it cannot be locked: nobody removes it then but its owner
}

// newTempDir makes a directory in parent, or in that of the system where that is empty.
func newTempDir(parent, prefix string) (*tempDir, error) {
	path, err := os.MkdirTemp(parent, prefix)
	if err != nil {
		return nil, err
	}
	lock, err := newLock(filepath.Join(path, lockFile))
	if err != nil {
		lock = nil
	}
	return &tempDir{path, lock}, nil
}

// remove removes the directory.
func (t *tempDir) remove() error {
	if t.lock != nil {
		_ = t.lock.Close()
	}
	return os.RemoveAll(t.path)
}

// RemoveAbandoned removes the temporary directories of processes that ended without doing
// so, as one does that is killed.
func (d *Driver) RemoveAbandoned() {
	if d.KeepAbandoned {
		return
	}
	parent := cmp.Or(d.TempDir, os.TempDir())
	entries, _ := os.ReadDir(parent)
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), tempClang) && !strings.HasPrefix(e.Name(), tempLink) {
			continue
		}
		if dir := filepath.Join(parent, e.Name()); unlocked(filepath.Join(dir, lockFile)) {
			_ = os.RemoveAll(dir)
		}
	}
}
