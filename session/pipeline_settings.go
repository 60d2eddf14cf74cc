package session

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"bpfls/clangdriver"
	"bpfls/elfbpf"
	"bpfls/linuxhooks"
	"bpfls/platform"
	"bpfls/settings"
	"bpfls/verifier"
	"bpfls/winhooks"
)

// resolved is what the caller's choices, comments and bpfls.toml come to for one
// file.
type resolved struct {
	*settings.Settings
	platform    string // "windows", "linux"; empty: chosen by the file
	platformWhy string
	typeName    string // of every program, asked for; empty: by the settings
	termination verifier.Tristate
	clang       clangdriver.Settings
}

func (r *resolved) platformName() string {
	if r.platform == "" {
		return "auto"
	}
	return r.platform
}

// read reads a file for the settings: the overlay's text, else the disk's. Every
// file that was asked for is watched.
func (p *pipeline) read(path string) ([]byte, error) {
	if text, ok := p.req.Overlay[path]; ok {
		return text, nil
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		p.out.Missing = append(p.out.Missing, path)
	} else {
		p.out.Watch = append(p.out.Watch, path)
	}
	return data, err
}

// settings resolves the caller's choices, the comments of the source, the
// editor's settings and bpfls.toml, the first of them that says something.
func (p *pipeline) settings() error {
	c := p.req.Choices
	read := p.read
	if p.req.Without.SettingsFiles {
		read = noFile
	}
	s, problems := settings.Load(p.req.Path, read, c.Editor, c.Workspace)
	if p.object == nil {
		comments, more := settings.ParseComments(p.req.Path, p.text)
		problems = append(problems, more...)
		s.ApplyComments(p.req.Path, comments)
	}
	if c.Hooks != "" {
		path, err := filepath.Abs(c.Hooks)
		if err != nil {
			return err
		}
		hooks, more := settings.LoadHooks(path, p.read)
		problems = append(problems, more...)
		s.Hooks = append(hooks, s.Hooks...)
	}
	p.out.Settings, p.out.Problems = s, problems

	p.cfg = resolved{Settings: s, typeName: c.Type, termination: c.Termination}
	platformName, why := s.Platform.Value, "set by "+s.Platform.Origin.String()
	if c.Platform != "" && c.Platform != "auto" {
		platformName, why = c.Platform, "asked for"
	}
	switch platformName {
	case "", "auto":
	case "windows", "linux":
		p.cfg.platform, p.cfg.platformWhy = platformName, why
	default:
		return fmt.Errorf("there is no platform %q: choose auto, windows or linux", platformName)
	}
	if c.Termination == verifier.Auto {
		switch s.Termination.Value {
		case "on":
			p.cfg.termination = verifier.On
		case "off":
			p.cfg.termination = verifier.Off
		}
	}
	p.cfg.clang = clangdriver.Settings{
		Clang:           or(c.Clang.Clang, s.ClangPath.Value),
		Flags:           append(append([]string(nil), s.ClangFlags.Value...), c.Clang.Flags...),
		Headers:         append(append([]string(nil), c.Clang.Headers...), s.Headers.Value...),
		CompileCommands: or(c.Clang.CompileCommands, s.CompileCommands.Value),
		Dir:             c.Clang.Dir,
		Timeout:         s.ClangTimeout.Value,
		NoProject:       c.Clang.NoProject || p.req.Without.ProjectFlags,
	}
	if c.Clang.Timeout != 0 {
		p.cfg.clang.Timeout = c.Clang.Timeout
	}
	return nil
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// choosePlatform sets the platform: the chosen one, the compiler driver's, the
// host's; with the declared hooks that are for it.
func (p *pipeline) choosePlatform() error {
	name, why := p.cfg.platform, p.cfg.platformWhy
	switch {
	case name != "":
	case p.out.Compile != nil && p.out.Compile.Platform != "":
		name, why = p.out.Compile.Platform, p.out.Compile.Why
	case runtime.GOOS == "windows":
		name, why = "windows", "nothing else says so and this is Windows"
	default:
		name, why = "linux", "nothing else says so and this is not Windows"
	}
	p.out.Report.Platform, p.out.Report.Why = name, why
	p.out.Platform = linuxhooks.Platform()
	if name == "windows" {
		p.out.Platform, p.out.Notes = winhooks.Installed()
	}
	if err := p.declareHooks(); err != nil {
		return err
	}
	if p.cfg.typeName != "" {
		if _, ok := p.out.Platform.TypeByName(p.cfg.typeName); !ok {
			return p.unknownType(p.cfg.typeName, "--type")
		}
	}
	return nil
}

func (p *pipeline) unknownType(name, by string) error {
	return fmt.Errorf("%s knows no program type %q (%s); it knows %s", p.out.Platform.Name, name, by,
		strings.Join(p.out.Platform.TypeNames(), ", "))
}

// declareHooks adds the declared hooks to the platform. A context that is a
// structure of a header is read from the BTF of the compiled header, so that its
// offsets are written down once.
func (p *pipeline) declareHooks() error {
	if len(p.cfg.Hooks) == 0 {
		return nil
	}
	hooks := make([]settings.Hook, 0, len(p.cfg.Hooks))
	for _, h := range p.cfg.Hooks {
		if h.Platform != "" && h.Platform != p.out.Platform.Name {
			continue
		}
		if h.Context.Layout == nil {
			l, err := p.headerLayout(h.Context)
			if err == nil {
				h.Context.Layout, err = settings.ResolveContext(h.Context, l)
			}
			if err != nil {
				return fmt.Errorf("hook %s: %w", h.Name, err)
			}
		}
		hooks = append(hooks, h)
	}
	extended, notes, err := settings.Apply(p.out.Platform, hooks)
	if err != nil {
		return err
	}
	p.out.Platform, p.out.Notes = extended, slices.Concat(p.out.Notes, notes)
	return nil
}

// headerLayout compiles a header and returns the layout of the declared structure.
func (p *pipeline) headerLayout(d settings.ContextDeclaration) (platform.StructLayout, error) {
	out, err := clangdriver.CompileHeader(p.ctx, clangdriver.Request{
		Path:     d.Header,
		Platform: p.out.Platform.Name,
		Overlay:  p.req.Overlay,
		Settings: p.cfg.clang,
	}, d.Type)
	if out != nil {
		p.out.Watch = append(p.out.Watch, out.Files...)
		p.out.Missing = append(p.out.Missing, out.Missing...)
	}
	if err != nil {
		return platform.StructLayout{}, fmt.Errorf("%s: %w", d.Origin, err)
	}
	if out.Object == nil {
		for _, diag := range out.Diagnostics {
			if diag.Severity == clangdriver.SeverityError {
				return platform.StructLayout{}, fmt.Errorf("%s: %s does not compile: %s%s", d.Origin, d.Header, diagnosticPlace(diag), diag.Message)
			}
		}
		return platform.StructLayout{}, fmt.Errorf("%s: %s does not compile", d.Origin, d.Header)
	}
	obj, err := elfbpf.ParseTypes(d.Header, out.Object)
	if err != nil {
		return platform.StructLayout{}, fmt.Errorf("%s: %w", d.Origin, err)
	}
	s, err := obj.Struct(strings.TrimPrefix(d.Type, "struct "))
	if err != nil {
		return platform.StructLayout{}, fmt.Errorf("%s: %w", d.Origin, err)
	}
	return layout(s), nil
}

// diagnosticPlace is "file:line:column: ", or nothing where clang named no place.
func diagnosticPlace(d clangdriver.Diagnostic) string {
	if d.Line == 0 {
		return ""
	}
	return fmt.Sprintf("%s:%d:%d: ", d.File, d.Line, d.Column)
}

// programType chooses a program's type and says what chose it.
func (p *pipeline) programType(prog *elfbpf.Program) (t *platform.ProgramType, by string, err error) {
	pl := p.out.Platform
	if p.cfg.typeName != "" {
		t, _ := pl.TypeByName(p.cfg.typeName)
		return t, "--type", nil
	}
	if v := p.cfg.TypeOf(prog.Section); v.Value != "" {
		t, ok := pl.TypeByName(v.Value)
		if !ok {
			return nil, "", p.unknownType(v.Value, v.Origin.String())
		}
		by := "setting"
		if v.Origin.Kind == settings.FromComment {
			by = "comment"
		}
		return t, by, nil
	}
	t, _, ok := pl.Match(prog.Section)
	if !ok {
		return t, "", nil
	}
	return t, "section", nil
}

// analyze verifies one program within the limits of the settings, or finds the result
// of an equal input. late: a limit in time was reached.
func (p *pipeline) analyze(ctx context.Context, in verifier.Input) (result *verifier.Result, known, late bool, err error) {
	opt := p.verifierOptions()
	store := p.req.Results
	var key verifier.Key
	if store != nil {
		opt.VerdictOnly = false // another run may want the states
		key = verifier.KeyOf(in, opt)
		if r := store.find(key); r != nil {
			return r.For(in), true, false, nil
		}
	}
	limit := p.cfg.LimitTimeout.Value
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit,
			fmt.Errorf("it took longer than the limit of %s (limits.timeout)", limit.Round(time.Millisecond)))
		defer cancel()
	}
	result, err = verifier.Analyze(ctx, in, opt)
	late = ctx.Err() != nil
	if late && (err != nil || result == nil || result.Verdict == verifier.Unknown) {
		return nil, false, late, context.Cause(ctx)
	}
	if err == nil && store != nil {
		store.keep(key, result)
	}
	return result, false, late, err
}
