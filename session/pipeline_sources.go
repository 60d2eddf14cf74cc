package session

import (
	"os"
	"path/filepath"
	"strings"

	"bpfls/elfbpf"
	"bpfls/explain"
	"bpfls/position"
)

// sources collects the texts that line information speaks of: for a source that
// was compiled, the texts that clang read; for an object, the files on disk that
// still agree with the lines that the object holds. Only files of the chosen
// programs are looked at.
func (p *pipeline) sources() explain.Sources {
	lines := map[string][]*elfbpf.Line{}
	for _, po := range p.out.Programs {
		var list []*elfbpf.Line // of the file of the line before
		file := ""
		for i := range po.Program.Lines {
			l := &po.Program.Lines[i]
			if l.Line == 0 || l.File == "" {
				continue
			}
			if l.File != file {
				if file != "" {
					lines[file] = list
				}
				file, list = l.File, lines[l.File]
			}
			list = append(list, l)
		}
		if file != "" {
			lines[file] = list
		}
	}
	p.paths = map[string]string{}
	sources := explain.Sources{}
	if out := p.out.Compile; out != nil {
		byPath := map[string]*position.Mapper{}
		for path, text := range out.Sources {
			byPath[filepath.Clean(path)] = position.New(text)
		}
		for file := range lines {
			if path, ok := p.compiledPath(file, byPath); ok {
				sources[file], p.paths[file] = byPath[path], path
				delete(byPath, path)
			}
		}
		// Headers without code are searched for macros and structures.
		for path, m := range byPath {
			if _, taken := sources[path]; !taken {
				sources[path] = m
			}
		}
		return sources
	}
	for file, ls := range lines {
		path := file
		if !filepath.IsAbs(path) {
			path = filepath.Join(p.dir, filepath.FromSlash(path))
		}
		text, ok := p.req.Overlay[path]
		if !ok {
			var err error
			if text, err = os.ReadFile(path); err != nil {
				continue
			}
		}
		m := position.New(text)
		if agrees(m, ls) {
			sources[file], p.paths[file] = m, path
		}
	}
	return sources
}

// compiledPath finds the file that a path of line information means among those
// that clang read.
func (p *pipeline) compiledPath(file string, files map[string]*position.Mapper) (string, bool) {
	native := filepath.FromSlash(file)
	candidates := []string{native}
	if !filepath.IsAbs(native) {
		candidates = []string{filepath.Join(p.dir, native)}
	}
	for _, c := range candidates {
		if _, ok := files[filepath.Clean(c)]; ok {
			return filepath.Clean(c), true
		}
	}
	// Another directory or a link: the only file with that ending.
	ending := string(filepath.Separator) + filepath.Clean(native)
	found := ""
	for path := range files {
		if strings.HasSuffix(path, ending) {
			if found != "" {
				return "", false
			}
			found = path
		}
	}
	return found, found != ""
}

// agrees reports whether a text has the lines that an object holds of it.
func agrees(m *position.Mapper, lines []*elfbpf.Line) bool {
	for _, l := range lines {
		if l.Text != "" && strings.TrimRight(l.Text, "\r") != string(m.Line(l.Line)) {
			return false
		}
	}
	return true
}

// sourcePath is the path that reports show for one of line information: absolute
// where the file is known, else as the compiler wrote it.
func (p *pipeline) sourcePath(file string) string {
	if path, ok := p.paths[file]; ok {
		return path
	}
	return file
}
