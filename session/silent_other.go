//go:build !linux && !darwin

package session

import "strings"

// isSilent reports whether changes in a directory may go untold: on Windows, those of other
// machines and of WSL.
func isSilent(dir string) bool {
	return strings.HasPrefix(dir, `\\`) && !strings.HasPrefix(dir, `\\?\`)
}
