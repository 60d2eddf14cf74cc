// Package settings reads bpfls.toml: the settings for BPF sources below its
// folder and hooks that the platform does not know. It also reads the editor's
// settings, which have the same names, and the comments in sources that begin
// with "bpfls:".
//
// It touches no disk: the caller gives a function that reads a file.
package settings

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// FileName is the name of a settings file.
const FileName = "bpfls.toml"

// Origin says where a value came from.
type Origin struct {
	Kind OriginKind
	File string // of FromFile and FromComment
	Line int    // in File, from 1; 0 unknown
}

// OriginKind is a kind of place for settings.
type OriginKind uint8

// The places, from the weakest to the strongest.
const (
	BuiltIn     OriginKind = iota // the default
	FromFile                      // a bpfls.toml, or a file of hooks
	FromEditor                    // the editor's settings
	FromComment                   // a comment in the source
	FromFlag                      // the command line
)

// String returns the origin for people: "/src/bpfls.toml:3".
func (o Origin) String() string {
	switch o.Kind {
	case FromFile, FromComment:
		if o.Line > 0 {
			return o.File + ":" + strconv.Itoa(o.Line)
		}
		return o.File
	case FromEditor:
		return "editor"
	case FromFlag:
		return "command line"
	}
	return "built in"
}

// Value is a value with its origin.
type Value[T any] struct {
	Value  T
	Origin Origin
}

// Settings are the settings for one file.
type Settings struct {
	Platform      Value[string]   // auto, windows or linux
	Type          Value[string]   // name or section prefix of the type of all programs; empty: by section
	SectionTypes  []SectionType   // types that comments give to single sections
	VerifyOn      Value[string]   // save, change or manual
	Watch         Value[string]   // auto or poll
	Termination   Value[string]   // auto (the platform's), on or off
	InlayHints    Value[bool]     // shown by editors
	CompileErrors Value[string]   // auto, show or hide
	Sources       Value[[]Glob]   // which files are BPF sources; empty: decided by name and content
	Exclude       Value[[]Glob]   // which are not, whatever else says so
	Headers       Value[[]string] // include directories, absolute
	// Link are the sources, absolute, that the file is compiled with into one object, the
	// file among them; empty: it is compiled alone.
	Link Value[[]string]

	ClangPath       Value[string] // absolute, or a name to find; empty: found
	ClangFlags      Value[[]string]
	CompileCommands Value[string] // path of compile_commands.json, absolute; empty: found upwards
	ClangTimeout    Value[time.Duration]

	LimitNodes   Value[int]           // nodes of the control-flow graph; 0: the verifier's limit
	LimitVisits  Value[int]           // node visits; 0: the verifier's limit
	LimitTimeout Value[time.Duration] // of the verification of one program

	// Hooks are the declared hooks, those of the closest file first. They may
	// be for either platform: see Hook.Platform.
	Hooks []Hook
	// Files are the files that were read, the closest first.
	Files []string
}

// SectionType is the program type that a comment gives to a section.
type SectionType struct {
	Section string
	Type    Value[string]
}

// defaults are the settings where nothing is set.
func defaults() *Settings {
	return &Settings{
		Platform:      Value[string]{Value: "auto"},
		VerifyOn:      Value[string]{Value: "save"},
		Watch:         Value[string]{Value: "auto"},
		Termination:   Value[string]{Value: "auto"},
		CompileErrors: Value[string]{Value: "auto"},
		ClangTimeout:  Value[time.Duration]{Value: 30 * time.Second},
		LimitTimeout:  Value[time.Duration]{Value: 60 * time.Second},
	}
}

// Problem is an error in a settings file, the editor's settings or a comment.
// Lines and columns count from 1, columns in bytes of UTF-8; Line is 0 where
// there is no place to show (the editor's settings). A range ends before EndColumn.
type Problem struct {
	File                    string
	Line, Column, EndColumn int
	Message                 string // names the key, the cause and what is allowed
}

// Error returns the problem with its place: "/src/bpfls.toml:3:1: unknown key ...".
func (p *Problem) Error() string {
	switch {
	case p.File == "":
		return p.Message
	case p.Line == 0:
		return p.File + ": " + p.Message
	}
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message)
}

// Reader reads a file. Its error is fs.ErrNotExist where there is none.
type Reader func(path string) ([]byte, error)

// Load returns the settings for a file: of each bpfls.toml from its folder
// upwards (the closest file that sets a value wins), overridden by the editor's
// settings, a JSON object or nil. Relative paths in the editor's settings are
// relative to workspace. Load reads through read alone, and asks it for every
// bpfls.toml on the way, so that the caller knows what to watch.
//
// A file with an error contributes what is right in it. Problems are in the
// order of the files. The Settings are never nil.
func Load(file string, read Reader, editor []byte, workspace string) (*Settings, []*Problem) {
	s := defaults()
	var problems []*Problem
	if len(editor) > 0 {
		layout, found := parseEditor(editor)
		problems = append(problems, found...)
		s.merge(layout, file, source{kind: FromEditor, dir: workspace})
	}
	for dir := filepath.Dir(file); ; dir = filepath.Dir(dir) {
		path := filepath.Join(dir, FileName)
		data, err := read(path)
		switch {
		case err == nil:
			layout, positions, found := parseTOML[fileLayout](path, data)
			s.Files = append(s.Files, path)
			s.merge(layout, file, source{kind: FromFile, file: path, dir: dir, positions: positions})
			problems = append(problems, byPlace(append(found, s.addHooks(layout, path, positions, read)...))...)
			if layout.Root {
				return s, problems
			}
		case !errors.Is(err, fs.ErrNotExist):
			problems = append(problems, &Problem{File: path, Message: "cannot be read: " + err.Error()})
		}
		if dir == filepath.Dir(dir) {
			return s, problems
		}
	}
}

// LoadHooks reads the hooks that a file declares: a bpfls.toml, or a file with
// nothing but [[hooks]].
func LoadHooks(path string, read Reader) ([]Hook, []*Problem) {
	data, err := read(path)
	if err != nil {
		return nil, []*Problem{{File: path, Message: "cannot be read: " + err.Error()}}
	}
	var hooks hookList
	var positions positions
	var problems []*Problem
	if filepath.Base(path) == FileName {
		var layout fileLayout
		layout, positions, problems = parseTOML[fileLayout](path, data)
		hooks = layout.Hooks
		if hooks.File != "" {
			inner, more := LoadHooks(absolute(filepath.Dir(path), hooks.File), read)
			return inner, append(problems, more...)
		}
	} else {
		var layout hooksLayout
		layout, positions, problems = parseTOML[hooksLayout](path, data)
		hooks = layout.Hooks
		if hooks.File != "" {
			at := positions.at("hooks").ofValue()
			problems = append(problems, &Problem{File: path, Line: at.line, Column: at.column, EndColumn: at.end,
				Message: "hooks must be [[hooks]] tables here: a file of hooks cannot name another"})
		}
	}
	declared, more := checkHooks(hooks.Hooks, path, positions)
	return declared, byPlace(append(problems, more...))
}

// byPlace sorts the problems of one file.
func byPlace(problems []*Problem) []*Problem {
	slices.SortStableFunc(problems, func(a, b *Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return problems
}

func (s *Settings) addHooks(layout fileLayout, path string, positions positions, read Reader) []*Problem {
	if layout.Hooks.File != "" {
		file := absolute(filepath.Dir(path), layout.Hooks.File)
		s.Files = append(s.Files, file)
		hooks, problems := LoadHooks(file, read)
		if len(problems) == 1 && problems[0].Line == 0 { // unreadable: show it where it is named
			at := positions.at("hooks").ofValue()
			problems[0] = &Problem{File: path, Line: at.line, Column: at.column, EndColumn: at.end,
				Message: "hooks: " + file + " " + problems[0].Message}
		}
		s.Hooks = append(s.Hooks, hooks...)
		return problems
	}
	hooks, problems := checkHooks(layout.Hooks.Hooks, path, positions)
	s.Hooks = append(s.Hooks, hooks...)
	return problems
}

// source is a place that settings come from.
type source struct {
	kind      OriginKind
	file, dir string
	positions positions
}

func (src source) origin(path ...any) Origin {
	return Origin{src.kind, src.file, src.positions.at(path...).line}
}

// merge takes the values of a layout that nothing closer has set.
func (s *Settings) merge(f fileLayout, file string, src source) {
	for i, o := range slices.Backward(f.Files) { // the last block that fits wins
		if len(o.Glob) == 0 || !matchAny(globs(src.dir, o.Glob), file) {
			continue
		}
		at := func(key string) Origin { return src.origin("files", i, key) }
		set(&s.Platform, o.Platform, at("platform"))
		set(&s.Type, o.Type, at("type"))
		set(&s.Termination, o.Termination, at("termination"))
		set(&s.VerifyOn, o.VerifyOn, at("verifyOn"))
		if o.Flags != nil {
			set(&s.ClangFlags, &o.Flags, at("flags"))
		}
		if o.Link != nil {
			list := linked(src.dir, o.Link)
			if !slices.Contains(list, filepath.Clean(file)) {
				list = append([]string{filepath.Clean(file)}, list...)
			}
			set(&s.Link, &list, at("link"))
		}
	}
	set(&s.Platform, f.Platform, src.origin("platform"))
	set(&s.Type, f.Type, src.origin("type"))
	set(&s.VerifyOn, f.VerifyOn, src.origin("verifyOn"))
	set(&s.Watch, f.Watch, src.origin("watch"))
	set(&s.Termination, f.Termination, src.origin("termination"))
	set(&s.InlayHints, f.InlayHints, src.origin("inlayHints"))
	set(&s.CompileErrors, f.CompileErrors, src.origin("compileErrors"))
	if f.Sources != nil {
		list := globs(src.dir, f.Sources)
		set(&s.Sources, &list, src.origin("sources"))
	}
	if f.Exclude != nil {
		list := globs(src.dir, f.Exclude)
		set(&s.Exclude, &list, src.origin("exclude"))
	}
	if f.Headers != nil {
		list := make([]string, len(f.Headers))
		for i, h := range f.Headers {
			list[i] = absolute(src.dir, h)
		}
		set(&s.Headers, &list, src.origin("headers"))
	}
	if list := linked(src.dir, f.Link); slices.Contains(list, filepath.Clean(file)) {
		set(&s.Link, &list, src.origin("link"))
	}
	if f.Clang.Path != nil {
		path := *f.Clang.Path
		if strings.ContainsAny(path, `/\`) {
			path = absolute(src.dir, path)
		}
		set(&s.ClangPath, &path, src.origin("clang", "path"))
	}
	if f.Clang.Flags != nil {
		set(&s.ClangFlags, &f.Clang.Flags, src.origin("clang", "flags"))
	}
	if f.Clang.CompileCommands != nil {
		path := absolute(src.dir, *f.Clang.CompileCommands)
		set(&s.CompileCommands, &path, src.origin("clang", "compileCommands"))
	}
	set(&s.ClangTimeout, f.Clang.Timeout.pointer(), src.origin("clang", "timeout"))
	set(&s.LimitNodes, f.Limits.Nodes, src.origin("limits", "nodes"))
	set(&s.LimitVisits, f.Limits.Visits, src.origin("limits", "visits"))
	set(&s.LimitTimeout, f.Limits.Timeout.pointer(), src.origin("limits", "timeout"))
}

// linked makes the paths of sources absolute.
func linked(dir string, list []string) []string {
	out := make([]string, len(list))
	for i, path := range list {
		out[i] = absolute(dir, path)
	}
	return out
}

// set stores a value that is given, unless a closer place has set it.
func set[T any](v *Value[T], given *T, origin Origin) {
	if given != nil && v.Origin.Kind == BuiltIn {
		*v = Value[T]{*given, origin}
	}
}

// absolute makes a path absolute and clean; a relative one is in dir, and one that begins
// with a separator but names no drive, as Windows has it, is on the drive of dir.
func absolute(dir, path string) string {
	switch {
	case filepath.IsAbs(path):
		return filepath.Clean(path)
	case strings.HasPrefix(filepath.ToSlash(path), "/"):
		return filepath.Clean(filepath.VolumeName(dir) + path)
	}
	return filepath.Join(dir, filepath.FromSlash(path))
}

// ApplyComments lets the comments of a source override the settings.
func (s *Settings) ApplyComments(file string, comments []Comment) {
	for _, c := range comments {
		origin := Origin{FromComment, file, c.Line}
		section, hasSection := c.Settings["section"]
		for key, value := range c.Settings {
			v := Value[string]{value, origin}
			switch key {
			case "type":
				if hasSection {
					s.SectionTypes = append(s.SectionTypes, SectionType{section, v})
				} else {
					s.Type = v
				}
			case "platform":
				s.Platform = v
			case "termination":
				s.Termination = v
			}
		}
	}
}

// TypeOf returns the program type that the settings give to programs of a
// section; its value is empty where the section's name decides.
func (s *Settings) TypeOf(section string) Value[string] {
	for _, t := range s.SectionTypes {
		if t.Section == section {
			return t.Type
		}
	}
	return s.Type
}

// IsSource tells whether settings say that a file is, or is not, a BPF source;
// known is false where they say nothing.
func (s *Settings) IsSource(file string) (source, known bool) {
	if matchAny(s.Exclude.Value, file) {
		return false, true
	}
	if len(s.Sources.Value) > 0 {
		return matchAny(s.Sources.Value, file), true
	}
	return false, false
}

// Entry is one setting for people.
type Entry struct {
	Key, Value string
	Origin     Origin
}

// List returns all settings with their origins, sorted by key, for a report.
func (s *Settings) List() []Entry {
	entries := []Entry{
		{"clang.compileCommands", s.CompileCommands.Value, s.CompileCommands.Origin},
		{"clang.flags", strings.Join(s.ClangFlags.Value, " "), s.ClangFlags.Origin},
		{"clang.path", s.ClangPath.Value, s.ClangPath.Origin},
		{"clang.timeout", s.ClangTimeout.Value.String(), s.ClangTimeout.Origin},
		{"compileErrors", s.CompileErrors.Value, s.CompileErrors.Origin},
		{"exclude", globText(s.Exclude.Value), s.Exclude.Origin},
		{"headers", strings.Join(s.Headers.Value, " "), s.Headers.Origin},
		{"inlayHints", strconv.FormatBool(s.InlayHints.Value), s.InlayHints.Origin},
		{"limits.nodes", limitText(s.LimitNodes.Value), s.LimitNodes.Origin},
		{"limits.timeout", s.LimitTimeout.Value.String(), s.LimitTimeout.Origin},
		{"limits.visits", limitText(s.LimitVisits.Value), s.LimitVisits.Origin},
		{"link", strings.Join(s.Link.Value, " "), s.Link.Origin},
		{"platform", s.Platform.Value, s.Platform.Origin},
		{"sources", globText(s.Sources.Value), s.Sources.Origin},
		{"termination", s.Termination.Value, s.Termination.Origin},
		{"type", s.Type.Value, s.Type.Origin},
		{"verifyOn", s.VerifyOn.Value, s.VerifyOn.Origin},
		{"watch", s.Watch.Value, s.Watch.Origin},
	}
	for _, t := range s.SectionTypes {
		entries = append(entries, Entry{"type of section " + t.Section, t.Type.Value, t.Type.Origin})
	}
	for _, h := range s.Hooks {
		entries = append(entries, Entry{"hook " + h.Name, strings.Join(h.Sections, " "), h.Origin})
	}
	slices.SortStableFunc(entries, func(a, b Entry) int { return cmp.Compare(a.Key, b.Key) })
	return entries
}

func limitText(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// editorOnly are settings of the editor's extension itself.
var editorOnly = []string{"log", "server", "trace"}

// parseEditor reads the editor's settings. An editor sends the defaults of
// settings that nobody has set; so a value that equals the default counts as
// not set and overrides nothing.
func parseEditor(data []byte) (fileLayout, []*Problem) {
	var layout fileLayout
	var tree map[string]any
	if err := json.Unmarshal(data, &tree); err != nil {
		return layout, []*Problem{{Message: "the editor's settings are not a JSON object: " + err.Error()}}
	}
	for _, key := range editorOnly {
		delete(tree, key)
	}
	d := decoder{json: true}
	d.decodeRoot(tree, &layout)
	for _, p := range d.problems {
		p.Message = "editor settings: " + p.Message
	}
	base := defaults()
	unsetDefault(&layout.Platform, base.Platform.Value)
	unsetDefault(&layout.Type, "")
	unsetDefault(&layout.VerifyOn, base.VerifyOn.Value)
	unsetDefault(&layout.Watch, base.Watch.Value)
	unsetDefault(&layout.Termination, base.Termination.Value)
	unsetDefault(&layout.InlayHints, false)
	unsetDefault(&layout.CompileErrors, base.CompileErrors.Value)
	unsetDefault(&layout.Clang.Path, "")
	unsetDefault(&layout.Clang.CompileCommands, "")
	unsetDefault(&layout.Limits.Nodes, 0)
	unsetDefault(&layout.Limits.Visits, 0)
	for _, list := range []*[]string{&layout.Sources, &layout.Exclude, &layout.Headers, &layout.Link, &layout.Clang.Flags} {
		if len(*list) == 0 {
			*list = nil
		}
	}
	return layout, d.problems
}

func unsetDefault[T comparable](p **T, value T) {
	if *p != nil && **p == value {
		*p = nil
	}
}
