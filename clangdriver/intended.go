package clangdriver

import "path/filepath"

// ForBPF reports whether a compilation database compiles the source at path, absolute,
// for BPF, and which database that is.
func ForBPF(path string, s Settings) (database string, ok bool) {
	dir := s.Dir
	if dir == "" {
		dir = filepath.Dir(path)
	}
	db, _ := shared.findDatabase(s, dir, path)
	if db == nil || db.err != nil {
		return "", false
	}
	c, ok := db.lookup(path)
	return db.path, ok && isBPFTarget(targetOf(c.args))
}
