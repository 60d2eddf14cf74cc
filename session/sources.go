package session

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"bpfls/clangdriver"
	"bpfls/settings"
)

// Configure takes new settings of the editor, and those of folders of the workspace that
// have their own. Open files are judged anew where it matters to them.
func (s *Session) Configure(general Editor, byFolder map[string]Editor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.editor, s.byFolder = general, byFolder
	for _, path := range slices.Sorted(maps.Keys(s.records)) {
		s.reclassify(s.records[path])
	}
	s.watchInputs()
}

// editorOf returns the settings of the innermost folder that has some.
func (s *Session) editorOf(path string) Editor {
	editor, best := s.editor, ""
	for folder, own := range s.byFolder {
		if len(folder) >= len(best) && strings.HasPrefix(path, folder+string(filepath.Separator)) {
			editor, best = own, folder
		}
	}
	return editor
}

// reclassify looks at the settings of a file again, and has it judged anew if they
// make a difference.
func (s *Session) reclassify(r *record) {
	s.classify(r.path)
	switch {
	case !r.source:
		s.halt(r)
		r.last, r.verdict = nil, nil
	case r.last == nil && !r.automatic() && !r.commanded:
	case s.needed(r):
		s.trigger(r, urgentOpen, 0)
	}
	s.showItems(r)
	s.refresh(r)
}

// optionsOf are the settings that a run depends on, as text to compare.
func optionsOf(s *settings.Settings) string {
	var b strings.Builder
	for _, e := range s.List() {
		switch e.Key {
		case "compileErrors", "verifyOn", "watch", "sources", "exclude":
		default:
			fmt.Fprintf(&b, "%s=%s\n", e.Key, e.Value)
		}
	}
	return b.String()
}

// hidesCompileErrors reports whether clang's errors and warnings are left to another
// server.
func (r *record) hidesCompileErrors() bool {
	switch r.settings.CompileErrors.Value {
	case "show":
		return false
	case "hide":
		return true
	}
	return r.editor.Clangd
}

func (r *record) automatic() bool { return r.settings.VerifyOn.Value != "manual" }

// overlays reports whether runs of a record read unsaved texts.
func (s *Session) overlays(r *record) bool {
	return r.settings.VerifyOn.Value == "change" && !s.opt.Without.UnsavedText
}

// classify reads the settings of a file and decides by them, its name and its text
// whether it is a source to verify.
func (s *Session) classify(path string) *record {
	r := s.records[path]
	if r == nil {
		r = &record{path: path, idle: make(chan struct{})}
		close(r.idle)
		s.records[path] = r
	}
	r.asked = nil
	read := func(name string) ([]byte, error) {
		r.asked = append(r.asked, name)
		data, err := os.ReadFile(name)
		if _, known := s.files.states[name]; !known {
			// What is compared with it later is what the settings were read from.
			s.files.states[name] = fileState{}
			if err == nil {
				s.files.states[name] = fileState{digest: digestOf(data)}
			}
		}
		return data, err
	}
	r.editor = s.editorOf(path)
	if s.opt.Without.SettingsFiles {
		read = noFile
	}
	r.settings, _ = settings.Load(path, read, r.editor.Settings, r.editor.Workspace)
	r.options = optionsOf(r.settings)
	if r.commanded {
		r.source, r.why = true, "verified by command"
	} else if source, known := r.settings.IsSource(path); known {
		r.source, r.why = source, "not a BPF source: the settings say so"
	} else if r.byCommand != "" {
		r.source, r.why = true, r.byCommand+" compiles it for BPF"
	} else if d := s.docs[path]; d != nil {
		if r.source, r.why = detect(path, string(d.text.Text())); !r.source && isC(path) {
			s.askDatabase(r)
		}
	}
	return r
}

// noFile is the reader of settings where there are no files with any.
func noFile(name string) ([]byte, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// askDatabase looks, on the side since it may be large, whether a compilation database
// compiles a file for BPF.
func (s *Session) askDatabase(r *record) {
	choice := clangdriver.Settings{CompileCommands: r.settings.CompileCommands.Value, NoProject: s.opt.Without.ProjectFlags}
	if r.asking || s.opt.Untrusted || s.closed {
		return
	}
	r.asking = true
	s.start(func() {
		database, ok := clangdriver.ForBPF(r.path, choice)
		s.mu.Lock()
		defer s.mu.Unlock()
		r.asking = false
		if ok && r.byCommand == "" && s.records[r.path] == r && !s.closed {
			r.byCommand = database
			s.reclassify(r)
		}
	})
}
