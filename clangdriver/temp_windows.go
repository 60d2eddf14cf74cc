package clangdriver

import (
	"os"
)

// newLock makes a file that cannot be removed until it is closed.
func newLock(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

// unlocked reports whether there was a file that newLock made and no process has open; it is
// removed then.
func unlocked(path string) bool { return os.Remove(path) == nil }
