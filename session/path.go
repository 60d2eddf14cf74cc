package session

import (
	"path/filepath"
	"strings"
)

// CleanPath is the spelling of a path that a session knows a file by: clean, and with the letter
// of a drive large, as Windows, its environment and compilation databases have it. The URIs
// of editors have it small.
func CleanPath(path string) string {
	path = filepath.Clean(path)
	volume := filepath.VolumeName(path)
	return strings.ToUpper(volume[:min(len(volume), 1)]) + path[min(len(volume), 1):]
}
