package clangdriver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

type cache struct {
	compilers compilers
	databases databases
	scans     scans
}

// maxAttempts bounds the runs of clang for one Compile, where headers change while
// clang reads them.
const maxAttempts = 3

// Compile compiles a source; see the function Compile.
func (d *Driver) Compile(ctx context.Context, req Request) (*Output, error) {
	req, files, text, err := d.open(req)
	if err != nil {
		return nil, err
	}
	return d.compile(ctx, req, files, text)
}

// open reads the source, once: that text is what is compiled.
func (d *Driver) open(req Request) (Request, *snapshot, []byte, error) {
	if !filepath.IsAbs(req.Path) {
		return req, nil, nil, fmt.Errorf("%s: is not an absolute path", req.Path)
	}
	req.Path = filepath.Clean(req.Path)
	files := newSnapshot(req.Overlay, &d.cache.scans)
	text, err := files.read(req.Path)
	if err != nil {
		return req, nil, nil, err
	}
	return req, files, text, nil
}

func (d *Driver) compile(ctx context.Context, req Request, files *snapshot, text []byte) (*Output, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	dir := req.Settings.Dir
	if dir == "" {
		dir = filepath.Dir(req.Path)
	}
	clang, _, err := d.findClang(ctx, req.Settings, dir)
	if err != nil {
		return nil, err
	}
	_, unsaved := files.text(req.Path)
	files.set(req.Path, text)
	for attempt := 1; ; attempt++ {
		p, err := d.makePlan(req, files, text)
		if err != nil {
			return nil, err
		}
		r := &compilation{d: d, req: req, files: files, text: text, clang: clang, plan: p, dirty: unsaved || len(req.Overlay) > 0}
		out, changed, err := r.run(ctx)
		if err != nil {
			return nil, err
		}
		if len(changed) == 0 {
			return out, nil
		}
		if attempt == maxAttempts {
			for _, path := range changed {
				delete(out.Sources, path)
			}
			return out, nil
		}
	}
}

// compilation is one run of clang.
type compilation struct {
	d     *Driver
	req   Request
	files *snapshot
	text  []byte
	clang Clang
	plan  *plan
	dirty bool   // a text that is compiled may differ from the file's
	cwd   string // of clang
	temp  string // directory of the run
}

// Files in the directory of a run.
const (
	tempObject      = "object.o"
	tempDiagnostics = "diagnostics.dia"
	tempHeaders     = "headers.txt"
	tempOverlay     = "overlay.json"
	tempSystem      = "system"
)

// run runs clang and reads what it wrote. changed are headers whose text may not
// be the one that clang read.
func (c *compilation) run(ctx context.Context) (out *Output, changed []string, err error) {
	c.cwd = c.plan.dir
	for !isDir(c.cwd) {
		c.cwd = filepath.Dir(c.cwd)
	}
	c.temp, err = os.MkdirTemp(c.d.TempDir, "bpfls-clang-")
	if err != nil {
		return nil, nil, tempError(err)
	}
	defer func() {
		if e := os.RemoveAll(c.temp); e != nil && err == nil {
			err = tempError(e)
		}
	}()
	args, err := c.prepare()
	if err != nil {
		return nil, nil, tempError(err)
	}
	limit := c.req.Settings.Timeout
	if limit <= 0 {
		limit = DefaultTimeout
	}
	started := time.Now()
	res, err := run(ctx, command{
		path: c.clang.Path, args: args, dir: c.cwd, limit: limit,
		env: c.d.environ().with("TMPDIR="+c.temp, "TMP="+c.temp, "TEMP="+c.temp),
	})
	var timeout *TimeoutError
	switch {
	case errors.As(err, &timeout):
		timeout.Path = c.req.Path
		return nil, nil, timeout
	case ctx.Err() != nil:
		return nil, nil, ctx.Err()
	case err != nil:
		return nil, nil, fmt.Errorf("clang at %s cannot be run: %w", c.clang.Path, err)
	}
	return c.read(res, started)
}

// prepare writes the snapshot and gives clang's arguments.
func (c *compilation) prepare() ([]string, error) {
	if err := c.writeOverlay(); err != nil {
		return nil, err
	}
	args := []string{"-v"} // prints the include search
	for _, f := range c.plan.flags {
		args = append(args, f.Args...)
	}
	if c.plan.platform == PlatformLinux {
		dir, err := c.writeSystem()
		if err != nil {
			return nil, err
		}
		if dir != "" {
			args = append(args, "-idirafter", dir)
		}
	}
	if c.dirty {
		// The source lines in .BTF come from the disk, unless the debug
		// information has the sources.
		if c.clang.Major < 14 {
			args = append(args, "-gdwarf-5")
		}
		args = append(args, "-gembed-source")
	}
	return append(args,
		"-ivfsoverlay", filepath.Join(c.temp, tempOverlay),
		"-serialize-diagnostics", filepath.Join(c.temp, tempDiagnostics),
		"-Xclang", "-header-include-file", "-Xclang", filepath.Join(c.temp, tempHeaders),
		"-fno-crash-diagnostics", "-fno-color-diagnostics", "-fno-caret-diagnostics",
		"-c", c.req.Path, "-o", filepath.Join(c.temp, tempObject),
	), nil
}

// writeSystem gives a directory that is searched last, "" if none is needed. C
// libraries of x86-64 that are installed without their 32-bit half lack
// gnu/stubs-32.h, which they include for every other target, BPF among them; it
// says which functions do not work and declares nothing.
func (c *compilation) writeSystem() (string, error) {
	_, perArch := linuxSystemDirs()
	const stubs = "gnu/stubs-32.h"
	have := false
	for _, dir := range perArch {
		if isFile(filepath.Join(dir, stubs)) || isFile(filepath.Join("/usr/include", stubs)) {
			return "", nil
		}
		have = have || isFile(filepath.Join(dir, "gnu/stubs.h"))
	}
	if !have {
		return "", nil
	}
	dir := filepath.Join(c.temp, tempSystem)
	if err := os.MkdirAll(filepath.Join(dir, "gnu"), 0o700); err != nil {
		return "", err
	}
	return dir, os.WriteFile(filepath.Join(dir, stubs), nil, 0o600)
}

// command is what a person can type.
func (c *compilation) command() []string { return c.plan.command(c.clang) }

func (p *plan) command(clang Clang) []string {
	args := []string{clang.Path}
	for _, f := range p.flags {
		args = append(args, f.Args...)
	}
	object := strings.TrimSuffix(filepath.Base(p.source), filepath.Ext(p.source)) + ".o"
	return append(args, "-c", p.source, "-o", object)
}

// read reads what clang wrote.
func (c *compilation) read(res *runResult, started time.Time) (out *Output, changed []string, err error) {
	stderr := string(res.stderr)
	if isDiskFull(stderr) {
		return nil, nil, tempError(syscall.ENOSPC)
	}
	out = &Output{
		Platform: c.plan.platform, Why: c.plan.why, Clang: c.clang,
		Command: c.command(), Flags: c.plan.flags, Ignored: c.plan.ignored,
		Sources: map[string][]byte{c.req.Path: c.text},
	}
	search := parseSearch(stderr)
	headers := c.readHeaders(filepath.Join(c.temp, tempHeaders))
	for _, path := range headers {
		text, stable, err := c.header(path, started)
		if err != nil {
			changed = append(changed, path) // removed or replaced since
			continue
		}
		out.Sources[path] = text
		if !stable {
			changed = append(changed, path)
		}
	}
	out.Files = append([]string{c.req.Path}, headers...)

	// Diagnostics.
	var nodes []*rawNode
	data, err := os.ReadFile(filepath.Join(c.temp, tempDiagnostics))
	if err == nil {
		nodes, err = parseDiagnostics(data)
	}
	failed := res.exit != 0
	errorSeen := false
	for _, n := range nodes {
		diagnostic := n.finish(c.abs, c.textOf(out))
		errorSeen = errorSeen || diagnostic.Severity == SeverityError
		out.Diagnostics = append(out.Diagnostics, diagnostic)
	}
	if failed && !errorSeen {
		out.Diagnostics = append(out.Diagnostics, c.failure(res)...)
	}
	graph := c.graph(out, search)
	c.finishDiagnostics(out, graph)

	if !failed {
		object, err := os.ReadFile(filepath.Join(c.temp, tempObject))
		switch {
		case err != nil:
			return nil, nil, fmt.Errorf("clang at %s said that it compiled %s, but there is no object: %w", c.clang.Path, c.req.Path, err)
		case len(object) == 0:
			return nil, nil, fmt.Errorf("clang at %s said that it compiled %s, but the object is empty", c.clang.Path, c.req.Path)
		}
		out.Object = object
	}
	out.Missing = slices.Concat(c.plan.missing, graph.missing)
	out.Files = append(out.Files, graph.probed...)
	if c.plan.db != nil {
		out.Files = append(out.Files, c.plan.db.path)
	}
	slices.Sort(out.Missing)
	out.Missing = slices.Compact(out.Missing)
	for _, path := range graph.found {
		if info, err := os.Stat(path); err == nil && changedSince(info, started) {
			changed = append(changed, path)
		}
	}
	return out, changed, nil
}

// abs makes a path of clang's absolute.
func (c *compilation) abs(path string) string { return absIn(c.cwd, filepath.FromSlash(path)) }

func (c *compilation) textOf(out *Output) texts {
	return func(file string) []byte { return out.Sources[file] }
}

// header reads a header that clang read. stable says that it did not change since
// clang was started.
func (c *compilation) header(path string, started time.Time) (text []byte, stable bool, err error) {
	if text, ok := c.files.text(path); ok {
		return text, true, nil
	}
	text, err = c.files.read(path)
	if err != nil {
		return nil, false, err
	}
	info, err := os.Stat(path)
	return text, err == nil && !changedSince(info, started), err
}

// clockSlack is how much coarser than the clock a file system's times may be.
const clockSlack = 20 * time.Millisecond

func changedSince(info os.FileInfo, started time.Time) bool {
	return changeTime(info).After(started.Add(-clockSlack))
}

// readHeaders reads the list that -header-include-file wrote: a path a line, as a
// C string's inside.
func (c *compilation) readHeaders(path string) []string {
	data, _ := os.ReadFile(path) // none: nothing was included
	var headers []string
	seen := map[string]bool{pathKey(c.req.Path): true}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		if line == "" {
			continue
		}
		header := c.abs(unstringify(line))
		if own, ok := c.files.views[header]; ok {
			header = own
		}
		if seen[pathKey(header)] || below(header, []string{c.temp}) {
			continue
		}
		seen[pathKey(header)] = true
		headers = append(headers, header)
	}
	return headers
}

// unstringify undoes clang's Lexer::Stringify.
func unstringify(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
			if s[i] == 'n' {
				b.WriteByte('\n')
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// parseSearch reads the include search that clang -v prints.
func parseSearch(stderr string) searchDirs {
	var dirs searchDirs
	var list *[]string
	for line := range strings.Lines(stderr) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.HasPrefix(line, `ignoring nonexistent directory "`):
			// It may come to be. Where in the order it would stand is not told;
			// in front it hides the most.
			dir := strings.TrimSuffix(strings.TrimPrefix(line, `ignoring nonexistent directory "`), `"`)
			dirs.angled = append(dirs.angled, dir)
		case strings.HasPrefix(line, `#include "..." search starts here:`):
			list = &dirs.quote
		case strings.HasPrefix(line, `#include <...> search starts here:`):
			list = &dirs.angled
		case line == "End of search list.":
			return dirs
		case list != nil && strings.HasPrefix(line, " "):
			dir := strings.TrimSpace(line)
			if strings.HasSuffix(dir, " (framework directory)") || strings.HasSuffix(dir, " (headermap)") {
				continue
			}
			*list = append(*list, filepath.Clean(dir))
		}
	}
	return dirs
}

// failure makes diagnostics of a run that failed without telling why in the usual
// way: a crash, an error of the driver, a program that is no clang.
func (c *compilation) failure(res *runResult) []Diagnostic {
	var found []Diagnostic
	for line := range strings.Lines(string(res.stderr)) {
		line = strings.TrimSpace(line)
		for _, mark := range []string{"fatal error: ", "error: "} {
			i := strings.Index(line, mark)
			if i == 0 || i > 0 && strings.HasSuffix(line[:i], ": ") {
				found = append(found, Diagnostic{Severity: SeverityError, Message: line[i+len(mark):]})
				break
			}
		}
	}
	how := res.state
	if res.exit > 128 || res.exit < 0 {
		how += " (it crashed or was killed)"
	}
	message := fmt.Sprintf("clang %s failed: %s", c.clang.Version, how)
	if last := lastLine(string(res.stderr)); len(found) == 0 && last != "" {
		message += ": " + last
	}
	message += ". The command was: " + strings.Join(c.command(), " ")
	if len(found) == 0 || res.exit > 1 || res.exit < 0 {
		found = append(found, Diagnostic{Severity: SeverityError, Message: message})
	}
	return found
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

func isDiskFull(stderr string) bool {
	return strings.Contains(stderr, "No space left on device") || strings.Contains(stderr, "not enough space on the disk")
}

// tempError is a failure to write the files of a run.
func tempError(err error) error {
	hint := "set " + tempVariable() + " to a directory that can be written"
	if errors.Is(err, syscall.ENOSPC) || strings.Contains(err.Error(), "not enough space") {
		hint = "free space there, or set " + tempVariable() + " to a directory that has some"
	}
	return fmt.Errorf("the temporary files of a compilation cannot be written: %w; %s", err, hint)
}

func tempVariable() string {
	if runtime.GOOS == "windows" {
		return "TEMP"
	}
	return "TMPDIR"
}
