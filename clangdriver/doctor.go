package clangdriver

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// Doctor tells what Compile would do; see the function Doctor.
func (d *Driver) Doctor(ctx context.Context, req Request) *Setup {
	setup := &Setup{}
	dir := req.Settings.Dir
	if dir == "" {
		dir = filepath.Dir(req.Path)
	}
	setup.Clang, setup.Looked, setup.Error = d.findClang(ctx, req.Settings, dir)
	setup.Oldest = setup.Error == nil && setup.Clang.Major < OldestTested
	if req.Path == "" {
		return setup
	}
	req, files, text, err := d.open(req)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = nil, nil // a file to come
	}
	if err == nil {
		var p *plan
		if p, err = d.makePlan(req, files, text); err == nil {
			d.describe(ctx, setup, p)
			return setup
		}
	}
	setup.SourceError = err
	return setup
}

func (d *Driver) describe(ctx context.Context, setup *Setup, p *plan) {
	setup.Platform, setup.Why = p.platform, p.why
	setup.Flags, setup.Ignored = p.flags, p.ignored
	setup.NotFound = slices.Sorted(maps.Keys(p.unresolved))
	if p.db != nil {
		setup.CompileCommands, setup.InDatabase = p.db.path, p.inDatabase
	}
	setup.Headers = p.headers
	if setup.Error != nil {
		return
	}
	setup.Command = p.command(setup.Clang)
	// Clang itself knows best which directories it searches.
	args := []string{"-v", "-E", "-x", "c"}
	for _, f := range p.flags {
		args = append(args, f.Args...)
	}
	res, err := run(ctx, command{
		path: setup.Clang.Path, args: append(args, os.DevNull), env: d.environ(), limit: askTimeout,
	})
	if err != nil || res.exit != 0 {
		return
	}
	search := parseSearch(string(res.stderr))
	var headers []HeaderDir
	for _, dir := range slices.Concat(search.quote, search.angled) {
		h := HeaderDir{Path: dir, Origin: "clang", Exists: isDir(dir)}
		for _, known := range p.headers {
			if known.Path == dir {
				h.Origin = known.Origin
			}
		}
		if !slices.Contains(headers, h) {
			headers = append(headers, h)
		}
	}
	setup.Headers = headers
}
