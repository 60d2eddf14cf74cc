package clangdriver

import (
	"os"
	"syscall"
	"time"
)

// ChangeTime is when a file's contents or name last changed: a rename counts,
// which leaves the time of modification alone.
func ChangeTime(info os.FileInfo) time.Time {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(s.Ctim.Unix())
	}
	return info.ModTime()
}
