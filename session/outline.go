package session

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"bpfls/explain"
	"bpfls/platform"
	"bpfls/position"
)

// Symbol is a program, map or function of a source, at its place in the present text.
type Symbol struct {
	explain.Declared
	Path string
	Text *position.Mapper
	// Program is the judgement of the program that the source had last; nil where there
	// is none. Current: nothing that it depends on changed since.
	Program *explain.Program
	Current bool
}

// Symbols lists what a source declares, in its order. It reads the text that the editor
// has, else the file, and needs no compiler.
func (s *Session) Symbols(path string) []Symbol {
	path = CleanPath(path)
	text, _, open := s.Document(path)
	if !open {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		text = position.New(data)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var programs []*explain.Program
	var lines *LineMap
	current := false
	if r := s.records[path]; r != nil && r.verdict != nil && r.verdict.texts[path] != nil {
		programs, lines = r.verdict.reports, s.lineMap(r.verdict, path)
		current = r.verdict == r.last && r.stopped == "" && s.current(r, r.verdict)
	}
	var out []Symbol
	for _, d := range explain.Outline(text) {
		symbol := Symbol{Declared: d, Path: path, Text: text}
		for _, p := range programs {
			if d.Kind == explain.DeclaredProgram && p.Function == d.Name && p.Section == d.Section {
				symbol.Program, symbol.Current = p, current && lines.Same()
			}
		}
		out = append(out, symbol)
	}
	return out
}

// Bounds of the search for symbols in the workspace.
const (
	maxSearched   = 20_000  // files and folders looked at
	maxSourceSize = 4 << 20 // bytes
)

// FindSymbols lists the programs and maps of the workspace whose names have the letters
// of the query in their order, whatever their case: those of its BPF sources, open or not.
func (s *Session) FindSymbols(ctx context.Context, query string) ([]Symbol, error) {
	var out []Symbol
	for _, path := range s.sources(ctx) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for _, symbol := range s.Symbols(path) {
			if symbol.Kind != explain.DeclaredFunction && hasLetters(symbol.Name, query) {
				out = append(out, symbol)
			}
		}
	}
	return out, nil
}

// sources lists the BPF sources of the workspace and those that are open.
func (s *Session) sources(ctx context.Context) []string {
	s.mu.Lock()
	var paths []string
	for path, r := range s.records {
		if r.source {
			paths = append(paths, path)
		}
	}
	s.mu.Unlock()
	s.eachFile(ctx, func(path string, entry fs.DirEntry) {
		if !isC(path) {
			return
		}
		if info, err := entry.Info(); err != nil || info.Size() > maxSourceSize {
			return
		}
		if text, err := os.ReadFile(path); err == nil { // what cannot be read has no symbols
			if ok, _ := detect(path, string(text)); ok {
				paths = append(paths, path)
			}
		}
	})
	slices.Sort(paths)
	return slices.Compact(paths)
}

// eachFile calls f for the regular files of the workspace, but those in hidden folders and
// node_modules, until it has looked at maxSearched or the context ends.
func (s *Session) eachFile(ctx context.Context, f func(path string, entry fs.DirEntry)) {
	looked := 0
	for _, folder := range s.Folders() {
		_ = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			looked++
			switch {
			case ctx.Err() != nil || looked > maxSearched:
				return fs.SkipAll
			case err != nil:
			case entry.IsDir() && path != folder && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules"):
				return fs.SkipDir
			case entry.Type().IsRegular():
				f(path, entry)
			}
			return nil
		})
	}
}

// hasLetters reports whether a name has the letters of a query in their order.
func hasLetters(name, query string) bool {
	rest := strings.ToLower(name)
	for _, c := range strings.ToLower(query) {
		i := strings.IndexRune(rest, c)
		if i < 0 {
			return false
		}
		rest = rest[i+len(string(c)):]
	}
	return true
}

// PlatformOf returns the platform that a file is judged for, declared hooks included, and
// the type of a program of the section there; both nil where they are not known. It
// compiles nothing.
func (s *Session) PlatformOf(ctx context.Context, path, section string) (*platform.Platform, *platform.ProgramType) {
	path = CleanPath(path)
	s.mu.Lock()
	var p *platform.Platform
	var known *platform.ProgramType
	if r := s.records[path]; r != nil {
		for _, f := range []*finished{r.last, r.verdict} {
			if f == nil || f.outcome == nil || f.outcome.Platform == nil || p != nil {
				continue
			}
			p = f.outcome.Platform
			for _, program := range f.outcome.Programs {
				if program.Program.Section == section && program.Type != nil {
					known = program.Type
				}
			}
		}
	}
	s.mu.Unlock()
	if p == nil {
		if c := s.Checkup(ctx, path); c != nil {
			p = c.Platform
		}
	}
	if known == nil && p != nil && section != "" {
		if t, _, ok := p.Match(section); ok {
			known = t
		}
	}
	return p, known
}

// overlay returns the texts of all open buffers.
func (s *Session) overlay() map[string][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string][]byte{}
	for path, d := range s.docs {
		all[path] = d.text.Text()
	}
	return all
}

// enclosing returns the section of the program whose body holds a place of a text.
func enclosing(text *position.Mapper, at position.Point) string {
	section := ""
	for _, d := range explain.Outline(text) {
		r := d.Range
		if before(at, r.Line, r.Column) {
			break
		}
		section = ""
		if d.Kind == explain.DeclaredProgram && (d.Open || before(at, r.EndLine, r.EndColumn)) {
			section = d.Section
		}
	}
	return section
}

func before(p position.Point, line, column int) bool {
	return p.Line < line || p.Line == line && p.Column < column
}

// lineBefore returns the text of a line up to a place.
func lineBefore(text *position.Mapper, at position.Point) []byte {
	line := bytes.TrimRight(text.Line(at.Line), "\r\n")
	return line[:min(max(at.Column-1, 0), len(line))]
}
