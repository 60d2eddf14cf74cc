package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"bpfls/clangdriver"
	"bpfls/elfbpf"
	"bpfls/explain"
	"bpfls/position"
	"bpfls/settings"
)

// SettingActions are changes of bpfls.toml, which is made where there is none, that
// concern findings: the declaration of a hook that no platform has, -O2, the directory
// of a header that was not found and lies elsewhere in the workspace. For a vmlinux.h
// that is nowhere there is an action that writes it. Findings that are left to another
// server to show count too.
func (s *Session) SettingActions(ctx context.Context, path string, at explain.Range) []Action {
	path = CleanPath(path)
	_, findings := s.FindingsAt(path, at)
	findings = append(findings, s.hiddenAt(path, at)...)
	var list []Action
	for _, f := range findings {
		if f.OutOfDate || len(f.Sources) == 0 {
			continue
		}
		var found []Action
		switch {
		case f.Code == "BPF-no-hook":
			found = s.declareHook(f)
		case f.Code == "BPF-not-optimized":
			found = s.optimize(f)
		case f.header != "":
			found = s.findHeader(ctx, f)
		}
		for _, a := range found {
			a.Finding = f
			list = append(list, a)
		}
	}
	return list
}

// hiddenAt returns the compile errors at a place that are not shown since clangd shows
// them.
func (s *Session) hiddenAt(path string, at explain.Range) (found []Finding) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[path]
	if r == nil || r.last == nil || !r.hidesCompileErrors() {
		return nil
	}
	for _, it := range r.last.compiler {
		if now, ok := s.place(r.last, it, ""); ok && it.path == path && touches(now.Range, at) {
			found = append(found, now)
		}
	}
	return found
}

// touches reports whether two ranges have a place in common.
func touches(a, b explain.Range) bool {
	return !after(a.Line, a.Column, b.EndLine, b.EndColumn) && !after(b.Line, b.Column, a.EndLine, a.EndColumn)
}

// settingsFile is the bpfls.toml that a change for a source is made in: the one that set
// the value, else the closest, else a new one in the source's folder of the workspace.
// It is empty where the value is set elsewhere, in the editor's settings for instance.
func (s *Session) settingsFile(source string, origin settings.Origin) (file string, line int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[source]
	if r == nil {
		return "", 0
	}
	switch origin.Kind {
	case settings.FromFile:
		return origin.File, origin.Line
	case settings.BuiltIn:
	default:
		return "", 0
	}
	for _, f := range r.settings.Files {
		if filepath.Base(f) == settings.FileName {
			return f, 0
		}
	}
	dir := filepath.Dir(source)
	for _, folder := range s.folders {
		if rel, err := filepath.Rel(folder, source); err == nil && filepath.IsLocal(rel) {
			dir = folder
		}
	}
	return filepath.Join(dir, settings.FileName), 0
}

// presentText returns the text that the editor has of a file, else the disk's; exists is
// false where there is no such file.
func (s *Session) presentText(path string) (text []byte, exists bool, err error) {
	if m, _, open := s.Document(path); open {
		return m.Text(), true, nil
	}
	text, err = os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	return text, err == nil, err
}

// changeSettings is the action that changes one settings file.
func (s *Session) changeSettings(title, file string, change func(text []byte) (settings.Edit, error)) []Action {
	text, exists, err := s.presentText(file)
	if err != nil {
		return nil
	}
	edit, err := change(text)
	if err != nil {
		s.log.Debug("a settings file is not changed", "path", file, "error", err)
		return nil
	}
	m := position.New(text)
	from, to := m.Point(edit.Start), m.Point(edit.End)
	if !exists {
		title += ", a new file"
	}
	return []Action{{Title: title, Edits: []FileEdit{{
		Path: file, Text: m, New: edit.Text, Create: !exists,
		Range: explain.Range{Line: from.Line, Column: from.Column, EndLine: to.Line, EndColumn: to.Column},
	}}}}
}

// declareHook declares the hook that a program's section names, with the context that its
// first parameter points to.
func (s *Session) declareHook(f Finding) []Action {
	s.mu.Lock()
	var program *ProgramOutcome
	var out *Outcome
	if r := s.records[f.Sources[0]]; r != nil && r.verdict != nil {
		out = r.verdict.outcome
	}
	if out != nil {
		for _, p := range out.Programs {
			if p.Report == nil || p.Type != nil && p.Type.Context != nil {
				continue
			}
			for _, own := range p.Report.Findings {
				if f.explained != nil && own.Code == f.explained.Code && own.Range == f.explained.Range && own.Message == f.explained.Message {
					program = p
				}
			}
		}
	}
	s.mu.Unlock()
	if program == nil || program.Program.Context == nil || out.Platform == nil {
		return nil
	}
	file, _ := s.settingsFile(f.Sources[0], settings.Origin{})
	text, exists, err := s.presentText(file)
	if err != nil {
		return nil
	}
	if exists {
		if named := settings.HooksFile(text); named != "" {
			file = resolve(file, filepath.FromSlash(named))
		}
	}
	d := declarationOf(program.Program, out, filepath.Dir(file))
	title := fmt.Sprintf("Declare the hook %s in %s", d.Name, filepath.Base(file))
	return s.changeSettings(title, file, func(text []byte) (settings.Edit, error) {
		return settings.Append(text, d.TOML()), nil
	})
}

// declarationOf makes the declaration of a program's hook, for a file in dir.
func declarationOf(p *elfbpf.Program, out *Outcome, dir string) settings.HookDeclaration {
	name, _, _ := strings.Cut(p.Section, "/")
	d := settings.HookDeclaration{Name: name, Section: p.Section, Platform: out.Platform.Name, Size: p.Context.Size}
	for _, m := range p.Context.Members {
		if m.Bits == 0 {
			d.Fields = append(d.Fields, settings.HookField{Name: m.Name, Type: m.Type, Offset: m.Offset, Size: m.Size})
		}
	}
	header, typeName := declaringHeader(p, out)
	if rel, err := filepath.Rel(dir, header); header != "" && err == nil && filepath.IsLocal(rel) {
		d.Header, d.Type = filepath.ToSlash(rel), typeName
	}
	return d
}

// declaringHeader finds the user's header that declares the structure of a program's
// context; empty where it is declared in the source itself, or not found for sure.
func declaringHeader(p *elfbpf.Program, out *Outcome) (header, typeName string) {
	if out.Compile == nil || p.Context.Name == "" {
		return "", ""
	}
	typeName = strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(p.ContextType), "const "), "*"))
	if typeName == "" || strings.Contains(typeName, "*") {
		return "", ""
	}
	for _, file := range out.Compile.Files {
		text, ok := out.Compile.Sources[file]
		if !ok || !out.writable(file) || !declaresStruct(text, p.Context.Name) {
			continue
		}
		if header != "" || file == out.request.Path {
			return "", ""
		}
		header = file
	}
	return header, typeName
}

// declaresStruct reports whether a C text has the members of a structure, or of the
// structure of a typedef.
func declaresStruct(text []byte, name string) bool {
	for _, m := range structBegun.get().FindAllSubmatchIndex(text, -1) {
		if m[2] >= 0 && string(text[m[2]:m[3]]) == name {
			return true
		}
		depth := 0
		for i := m[1] - 1; i < len(text); i++ {
			if text[i] == '{' {
				depth++
			} else if text[i] == '}' {
				if depth--; depth == 0 {
					if t := typedefName.get().FindSubmatch(text[i:]); t != nil && string(t[1]) == name {
						return true
					}
					break
				}
			}
		}
	}
	return false
}

var (
	structBegun = pattern{text: `\bstruct\s*(\w+)?\s*\{`}
	typedefName = pattern{text: `^\}\s*(\w+)\s*;`}
)

// optimize adds -O2 to clang's flags, in place of another level.
func (s *Session) optimize(f Finding) []Action {
	source := f.Sources[0]
	s.mu.Lock()
	r := s.records[source]
	if r == nil || !isC(source) {
		s.mu.Unlock()
		return nil // an object: its own build made it
	}
	origin := r.settings.ClangFlags.Origin
	s.mu.Unlock()
	file, line := s.settingsFile(source, origin)
	if file == "" {
		return nil
	}
	return s.changeSettings("Compile with -O2: "+filepath.Base(file), file, func(text []byte) (settings.Edit, error) {
		return settings.AddToList(text, "clang.flags", line, "-O2", func(flag string) bool {
			return strings.HasPrefix(flag, "-O")
		})
	})
}

// maxHeaderPlaces is the number of directories that are proposed for a header.
const maxHeaderPlaces = 3

// findHeader adds the directory of a header that lies elsewhere in the workspace, or
// writes the running kernel's vmlinux.h.
func (s *Session) findHeader(ctx context.Context, f Finding) (list []Action) {
	source := f.Sources[0]
	s.mu.Lock()
	var origin settings.Origin
	if r := s.records[source]; r != nil {
		origin = r.settings.Headers.Origin
	}
	s.mu.Unlock()
	file, line := s.settingsFile(source, origin)
	dirs := s.headerDirs(ctx, source, f.header)
	for _, dir := range dirs {
		if file == "" {
			break
		}
		name := dir
		if rel, err := filepath.Rel(filepath.Dir(file), dir); err == nil && filepath.IsLocal(rel) {
			name = filepath.ToSlash(rel)
		}
		list = append(list, s.changeSettings(fmt.Sprintf("Add %s to headers in %s", name, filepath.Base(file)), file, func(text []byte) (settings.Edit, error) {
			return settings.AddToList(text, "headers", line, name, nil)
		})...)
	}
	if base := path.Base(f.header); len(dirs) == 0 && strings.HasPrefix(base, "vmlinux") && path.Ext(base) == ".h" && filepath.IsLocal(f.header) && kernelTypes() {
		to := filepath.Join(filepath.Dir(source), filepath.FromSlash(f.header))
		list = append(list, Action{Title: "Write " + f.header + " from the running kernel's types", Vmlinux: to})
	}
	return list
}

// headerDirs finds the directories of the workspace in which an include would be found,
// those nearest to the source first.
func (s *Session) headerDirs(ctx context.Context, source, name string) []string {
	ending := string(filepath.Separator) + filepath.FromSlash(path.Clean(name))
	var dirs []string
	s.eachFile(ctx, func(file string, _ fs.DirEntry) {
		if strings.HasSuffix(file, ending) {
			dirs = append(dirs, strings.TrimSuffix(file, ending))
		}
	})
	distance := func(dir string) int {
		rel, err := filepath.Rel(filepath.Dir(source), dir)
		if err != nil {
			return 1 << 20
		}
		return strings.Count(rel, string(filepath.Separator))
	}
	slices.SortFunc(dirs, func(a, b string) int { return cmp.Or(cmp.Compare(distance(a), distance(b)), cmp.Compare(a, b)) })
	dirs = slices.Compact(dirs)
	return dirs[:min(len(dirs), maxHeaderPlaces)]
}

// kernelBTF is where Linux shows the types of the running kernel.
const kernelBTF = "/sys/kernel/btf/vmlinux"

func kernelTypes() bool {
	_, err := os.Stat(kernelBTF)
	return runtime.GOOS == "linux" && err == nil
}

// WriteVmlinux writes the types of the running kernel as C, which bpftool does, to a new
// file of the workspace.
func (s *Session) WriteVmlinux(ctx context.Context, to string) error {
	to = CleanPath(to)
	if err := s.mayRead(to); err != nil {
		return err
	}
	if base := filepath.Base(to); !strings.HasPrefix(base, "vmlinux") || filepath.Ext(base) != ".h" {
		return fmt.Errorf("%s: a file of the kernel's types is called vmlinux.h", to)
	}
	if _, err := os.Lstat(to); err == nil {
		return fmt.Errorf("%s exists: it is left as it is", to)
	}
	if !kernelTypes() {
		return fmt.Errorf("this kernel does not show its types (%s): it needs CONFIG_DEBUG_INFO_BTF, and Linux", kernelBTF)
	}
	text, err := clangdriver.Tool(ctx, "bpftool", "", "btf", "dump", "file", kernelBTF, "format", "c")
	if err != nil {
		return err
	}
	if !strings.Contains(string(text[:min(len(text), 1024)]), "__VMLINUX_H__") {
		return errors.New("bpftool wrote something else than a vmlinux.h")
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return err
	}
	if err := writeWhole(filepath.Dir(to), to, text); err != nil {
		return err
	}
	if err := os.Chmod(to, 0o644); err != nil {
		return err
	}
	s.FilesChanged(to)
	return nil
}
