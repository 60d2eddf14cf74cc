package clangdriver

import (
	"os"
	"syscall"
	"time"
)

// changeTime is when a file's contents or name last changed: a rename counts,
// which leaves the time of modification alone.
func changeTime(info os.FileInfo) time.Time {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(s.Ctimespec.Unix())
	}
	return info.ModTime()
}
