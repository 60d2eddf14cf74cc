package session

import (
	"context"
	"os"
	"path/filepath"

	"bpfls/clangdriver"
	"bpfls/explain"
	"bpfls/platform"
	"bpfls/settings"
)

// Checkup is what would be used to judge a file, and where each part comes from.
type Checkup struct {
	Clang    *clangdriver.Setup
	Settings *settings.Settings
	Problems []*settings.Problem // errors in settings files and comments
	Platform *platform.Platform  // with the declared hooks; nil where it is not known or a hook is wrong
	Name     string              // of the platform
	Why      string              // how it was chosen
	Notes    []string            // what declared hooks override, what the eBPF store changes
	Err      error               // why a file could not be judged, as far as is known without compiling it
}

// Doctor tells what Run would do with a file, without compiling it. An empty
// Path is any file of the working directory.
func Doctor(ctx context.Context, req Request) *Checkup {
	p := &pipeline{ctx: ctx, req: req, out: &Outcome{Report: &explain.Report{Path: req.Path}}}
	c := &Checkup{}
	if req.Path == "" {
		dir, err := os.Getwd()
		if err != nil {
			c.Err = err
			return c
		}
		p.req.Path = filepath.Join(dir, "any.bpf.c")
	} else if err := p.open(); err != nil {
		c.Err = err
		if !filepath.IsAbs(p.req.Path) {
			return c
		}
	}
	if err := p.settings(); err != nil && c.Err == nil {
		c.Err = err
	}
	c.Settings, c.Problems = p.out.Settings, p.out.Problems
	c.Clang = clangdriver.Doctor(ctx, clangdriver.Request{
		Path:     p.req.Path,
		Platform: p.cfg.platformName(),
		Overlay:  req.Overlay,
		Settings: p.cfg.clang,
	})
	if p.cfg.platform == "" && p.object == nil {
		p.cfg.platform, p.cfg.platformWhy = c.Clang.Platform, c.Clang.Why
	}
	if err := p.choosePlatform(); err != nil {
		if c.Err == nil {
			c.Err = err
		}
	} else {
		c.Platform = p.out.Platform
	}
	c.Name, c.Why, c.Notes = p.out.Report.Platform, p.out.Report.Why, p.out.Notes
	return c
}

// Checkup tells what a file would be judged with now, unsaved buffers and the editor's
// settings included; nil where the workspace is not trusted.
func (s *Session) Checkup(ctx context.Context, path string) *Checkup {
	path = CleanPath(path)
	if !s.Trusted() {
		return nil
	}
	editor := s.Editor(path)
	return Doctor(ctx, Request{Path: path, Overlay: s.overlay(), Without: s.opt.Without,
		Choices: Choices{Editor: editor.Settings, Workspace: editor.Workspace}})
}
