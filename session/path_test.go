package session_test

import (
	"path/filepath"
	"testing"

	"bpfls/session"
)

// TestCleanPath: where a path may begin with a drive, its letter is large.
func TestCleanPath(t *testing.T) {
	for path, onWindows := range map[string]string{
		"":                          ".",
		"/src/a/../b.c":             `\src\b.c`,
		"c:/src/b.c":                `C:\src\b.c`,
		`c:\src\..\b.c`:             `C:\b.c`,
		"C:/Src/b.c":                `C:\Src\b.c`,
		`\\server\share\src\b.c`:    `\\server\share\src\b.c`,
		`\\?\c:\src\b.c`:            `\\?\c:\src\b.c`,
		"relative/b.c":              `relative\b.c`,
		"\u00e9toile/\u00e9t\u00e9": "\u00e9toile\\\u00e9t\u00e9",
	} {
		want := filepath.Clean(path)
		if filepath.VolumeName("c:") != "" {
			want = onWindows
		}
		if got := session.CleanPath(path); got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}
