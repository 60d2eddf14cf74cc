//go:build !linux && !darwin

package clangdriver

import (
	"os"
	"time"
)

// ChangeTime is when a file's contents last changed.
func ChangeTime(info os.FileInfo) time.Time { return info.ModTime() }
