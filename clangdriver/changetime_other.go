//go:build !linux && !darwin

package clangdriver

import (
	"os"
	"time"
)

// changeTime is when a file's contents last changed.
func changeTime(info os.FileInfo) time.Time { return info.ModTime() }
