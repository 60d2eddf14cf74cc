package clangdriver

import "path/filepath"

// ForBPF reports whether a project compiles the source at path, absolute, for BPF, and
// where it says so: a compilation database, a .clangd file, a go:generate line, a Makefile.
func ForBPF(path string, s Settings) (where string, ok bool) {
	dir := s.Dir
	if dir == "" {
		dir = filepath.Dir(path)
	}
	c := shared.projectCommand(s, dir, path)
	where = c.origin
	for _, f := range c.clangd {
		if isBPFTarget(targetOf(f.add)) {
			where = f.file
		}
	}
	return where, c.forBPF
}
