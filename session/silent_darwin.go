package session

import "syscall"

// silentTypes are the file systems whose files may change without kqueue's knowing.
var silentTypes = map[string]bool{"nfs": true, "smbfs": true, "webdav": true, "afpfs": true, "macfuse": true, "osxfuse": true, "virtiofs": true}

// isSilent reports whether changes in a directory may go untold.
func isSilent(dir string) bool {
	var fs syscall.Statfs_t
	if syscall.Statfs(dir, &fs) != nil {
		return false
	}
	name := make([]byte, 0, len(fs.Fstypename))
	for _, c := range fs.Fstypename {
		if c == 0 {
			break
		}
		name = append(name, byte(c))
	}
	return silentTypes[string(name)]
}
