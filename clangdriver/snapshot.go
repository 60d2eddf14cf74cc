package clangdriver

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// maxSource bounds a source or header that is read whole.
const maxSource = 64 << 20

// snapshot is the files as a compilation sees them: unsaved texts in front of
// the disk.
type snapshot struct {
	texts map[string][]byte // by clean path
	keys  map[string]string // PathKey to the path in texts
	views map[string]string // a name that a file shall have besides its own, to its own
	scans *scans
}

func newSnapshot(overlay map[string][]byte, scans *scans) *snapshot {
	s := &snapshot{texts: map[string][]byte{}, keys: map[string]string{}, views: map[string]string{}, scans: scans}
	for path, text := range overlay {
		s.set(path, text)
	}
	return s
}

func (s *snapshot) set(path string, text []byte) {
	path = filepath.Clean(path)
	if text == nil {
		text = []byte{}
	}
	s.texts[path], s.keys[PathKey(path)] = text, path
}

func (s *snapshot) unset(path string) {
	delete(s.texts, path)
	delete(s.keys, PathKey(path))
}

// text is an unsaved text.
func (s *snapshot) text(path string) ([]byte, bool) {
	key, ok := s.keys[PathKey(path)]
	return s.texts[key], ok
}

// differsFromDisk says whether an unsaved text is another than its file's.
func (s *snapshot) differsFromDisk() bool {
	for path, text := range s.texts {
		info, err := os.Stat(path)
		if err != nil || info.Size() != int64(len(text)) {
			return true
		}
		if saved, err := os.ReadFile(path); err != nil || !bytes.Equal(saved, text) {
			return true
		}
	}
	return false
}

func (s *snapshot) exists(path string) bool {
	if _, ok := s.text(path); ok {
		return true
	}
	if _, ok := s.views[path]; ok {
		return true
	}
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

// existsDir says whether a directory is there, if only for an unsaved file.
func (s *snapshot) existsDir(dir string) bool {
	if isDir(dir) {
		return true
	}
	prefix := PathKey(dir) + string(filepath.Separator)
	for key := range s.keys {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}

// read reads a file whole. Errors name the path, then the cause.
func (s *snapshot) read(path string) ([]byte, error) {
	if text, ok := s.text(path); ok {
		return text, nil
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	switch {
	case info.IsDir():
		return nil, fmt.Errorf("%s: is a directory, not a C source", path)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: is no regular file", path)
	case info.Size() > maxSource:
		return nil, fmt.Errorf("%s: is larger than %d MiB", path, maxSource>>20)
	}
	return os.ReadFile(path)
}

// scans caches the directives of files on disk.
type scans struct {
	mu    sync.Mutex
	known map[string]knownScan
}

type knownScan struct {
	stamp      stamp
	directives []directive
}

// maxScans bounds the cache; a program reads some dozens of headers.
const maxScans = 4096

// directives lists those of a file; of one that cannot be read, none.
func (s *snapshot) directives(path string) []directive {
	if text, ok := s.text(path); ok {
		return scanIncludes(text)
	}
	if own, ok := s.views[path]; ok {
		path = own
	}
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxSource {
		return nil
	}
	s.scans.mu.Lock()
	known, ok := s.scans.known[path]
	s.scans.mu.Unlock()
	if ok && known.stamp == stampOf(info) {
		return known.directives
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	known = knownScan{stampOf(info), scanIncludes(text)}
	s.scans.mu.Lock()
	defer s.scans.mu.Unlock()
	if s.scans.known == nil || len(s.scans.known) >= maxScans {
		s.scans.known = map[string]knownScan{}
	}
	s.scans.known[path] = known
	return known.directives
}

// searchDirs are the directories of an include search, in order.
type searchDirs struct {
	quote  []string // for "name", behind the includer's own directory
	angled []string // for <name>, and behind quote for "name"
}

// candidates lists where a directive's file is looked for, in order.
func (dirs searchDirs) candidates(includer string, d directive) []string {
	if filepath.IsAbs(d.name) {
		return []string{filepath.Clean(d.name)}
	}
	name := filepath.FromSlash(d.name)
	in := filepath.Dir(includer)
	var list []string
	if !d.angled && !d.next {
		list = append(list, in)
		list = append(list, dirs.quote...)
	}
	angled := dirs.angled
	if d.next {
		// Behind the directory in which the includer was found.
		for i, dir := range angled {
			if rel, err := filepath.Rel(dir, includer); err == nil && filepath.IsLocal(rel) {
				angled = angled[i+1:]
				break
			}
		}
	}
	list = append(list, angled...)
	var paths []string
	for _, dir := range list {
		if path := filepath.Join(dir, name); !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	return paths
}

// reference is a directive with where it leads.
type reference struct {
	from string
	directive
	to string // "" where no directory has it
}

// maxClosure bounds the files of one program.
const maxClosure = 4096

// closure lists the directives of files and of what they include, as far as dirs
// have it, breadth first. Files below a directory of stop are not gone into.
func (s *snapshot) closure(roots []string, dirs searchDirs, stop []string) []reference {
	var refs []reference
	seen := map[string]bool{}
	queue := slices.Clone(roots)
	for _, r := range roots {
		seen[PathKey(r)] = true
	}
	for len(queue) > 0 && len(seen) < maxClosure {
		file := queue[0]
		queue = queue[1:]
		for _, d := range s.directives(file) {
			ref := reference{from: file, directive: d}
			for _, path := range dirs.candidates(file, d) {
				if s.exists(path) {
					ref.to = path
					break
				}
			}
			refs = append(refs, ref)
			if key := PathKey(ref.to); ref.to != "" && !seen[key] && !below(ref.to, stop) {
				seen[key] = true
				queue = append(queue, ref.to)
			}
		}
	}
	return refs
}

// below says whether a path is in one of the directories, at any depth.
func below(path string, dirs []string) bool {
	for _, dir := range dirs {
		if rel, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(rel) {
			return true
		}
	}
	return false
}
