package session

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"bpfls/explain"
	"bpfls/position"
	"bpfls/repair"
)

// Judge judges a file as the user sees it now, whatever settings say of when to verify:
// unsaved buffers count, and so do edits of their texts, which are tried and not kept.
// What the editor shows does not change. The file must lie in a folder of the workspace
// or be open. The view has one run, the file's own; the error says why there is none.
func (s *Session) Judge(ctx context.Context, path string, edits []explain.Edit) (View, error) {
	path = CleanPath(path)
	if err := s.mayRead(path); err != nil {
		return View{}, err
	}
	overlay := s.overlay()
	changed, err := s.changedTexts(path, edits, overlay)
	if err != nil {
		return View{}, err
	}
	maps.Copy(overlay, changed)
	s.mu.Lock()
	editor := s.editorOf(path)
	s.mu.Unlock()
	out := s.opt.Run(ctx, Request{
		Path: path, Overlay: overlay, Timeout: runLimit, Compiler: s.opt.Compiler, Without: s.opt.Without,
		Choices: Choices{Editor: editor.Settings, Workspace: editor.Workspace},
	})
	if err := ctx.Err(); err != nil {
		return View{}, err
	}
	view := View{Path: path, Status: Status{Path: path}}
	f := finish(path, out)
	view.Text = f.texts[path]
	if text, ok := overlay[path]; ok && view.Text == nil {
		view.Text = position.New(text)
	}
	run := RunView{Source: path, Name: f.names[path], Outcome: out, Current: true}
	if view.Text != nil {
		run.Lines = newLineMap(view.Text, view.Text)
	}
	view.Runs = []RunView{run}
	return view, nil
}

// changedTexts returns the texts of files with edits applied, by path. Paths of edits are
// relative to a source; overlay holds the texts of buffers.
func (s *Session) changedTexts(source string, edits []explain.Edit, overlay map[string][]byte) (map[string][]byte, error) {
	byFile := map[string][]explain.Edit{}
	for _, e := range edits {
		file := resolve(source, e.Range.File)
		if err := s.mayRead(file); err != nil {
			return nil, err
		}
		byFile[file] = append(byFile[file], e)
	}
	changed := map[string][]byte{}
	for file, list := range byFile {
		text, ok := overlay[file]
		if !ok {
			var err error
			if text, err = os.ReadFile(file); err != nil {
				return nil, fileError(err)
			}
		}
		var err error
		if changed[file], err = repair.Apply(text, list); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	return changed, nil
}

// Write makes edits of files on disk, by absolute path. Files that are open in an editor
// are the editor's: they are an error. Nothing is written where one edit is wrong.
func (s *Session) Write(_ context.Context, edits []explain.Edit) error {
	changed, err := s.changedTexts("", edits, nil)
	if err != nil {
		return err
	}
	for path := range changed {
		if _, _, open := s.Document(path); open {
			return fmt.Errorf("%s is open in an editor", path)
		}
	}
	for path, text := range changed {
		if err := writeWhole(filepath.Dir(path), path, text); err != nil {
			return err
		}
	}
	s.FilesChanged(slices.Collect(maps.Keys(changed))...)
	return nil
}

// Place makes edits, by absolute path, edits of present texts: those that an editor has,
// else those on disk.
func (s *Session) Place(edits []explain.Edit) ([]FileEdit, error) {
	overlay := s.overlay()
	if _, err := s.changedTexts("", edits, overlay); err != nil {
		return nil, err
	}
	var placed []FileEdit
	for _, e := range edits {
		path := CleanPath(e.Range.File)
		data, ok := overlay[path]
		if !ok {
			var err error
			if data, err = os.ReadFile(path); err != nil {
				return nil, fileError(err)
			}
		}
		at := e.Range
		at.File = ""
		placed = append(placed, FileEdit{Path: path, Text: position.New(data), Range: at, New: e.Text})
	}
	return placed, nil
}

// mayRead reports, as an error, that a file is none of the workspace's.
func (s *Session) mayRead(path string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opt.Untrusted {
		return errors.New("the workspace is not trusted: nothing is compiled")
	}
	if s.docs[path] != nil {
		return nil
	}
	// A link in the workspace may lead out of it.
	inside := func(folder string) bool {
		rel, err := filepath.Rel(realPath(folder), realPath(path))
		return err == nil && filepath.IsLocal(rel)
	}
	if !filepath.IsAbs(path) || !slices.ContainsFunc(s.folders, inside) {
		return fmt.Errorf("%s is not in the workspace (%s)", path, strings.Join(s.folders, ", "))
	}
	return nil
}

// realPath is a path without links, as far as it exists.
func realPath(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	dir := filepath.Dir(path)
	if dir == path {
		return path
	}
	return filepath.Join(realPath(dir), filepath.Base(path))
}
