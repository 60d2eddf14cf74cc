package clangdriver

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

type cache struct {
	entered      entered
	compilers    compilers
	databases    databases
	generates    generates
	scans        scans
	precompiling precompiling
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
	return req, files, text, err
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
	dirty := files.differsFromDisk()
	files.set(req.Path, text)
	for attempt := 1; ; attempt++ {
		p, err := d.makePlan(req, files, text)
		if err != nil {
			return nil, err
		}
		r := &compilation{d: d, req: req, files: files, text: text, clang: clang, plan: p, dirty: dirty}
		out, changed, err := r.runFast(ctx)
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
	dirty bool // a text that is compiled may differ from the file's
	// preamble: text is the directives at the beginning of a source, and the object a
	// precompiled header.
	preamble bool
	layout   bool             // clang tells the layout of stack frames: see tellStack
	pch      *precompiled     // used; nil: none
	before   map[string]stamp // of headers, before clang was started
	cwd      string           // of clang
	temp     string           // directory of the run
}

// Files in the directory of a run.
const (
	tempObject      = "object.o"
	tempDiagnostics = "diagnostics.dia"
	tempHeaders     = "headers.txt"
	tempOverlay     = "overlay.json"
	tempSystem      = "system"
)

// runFast is run with a precompiled header, where there is one, and has one made where it
// would pay.
func (c *compilation) runFast(ctx context.Context) (out *Output, changed []string, err error) {
	end := 0
	if c.d.PrecompiledDir != "" {
		end = preambleEnd(c.text)
	}
	if end == 0 {
		return c.run(ctx)
	}
	c.setDir()
	key := c.preambleKey(end)
	if c.pch = c.findPrecompiled(key); c.pch != nil {
		c.files.set(c.req.Path, without(c.text, end))
		// The precompiled header names the file that it was made from, and clang wants to see
		// it where it looks at a place in one of the headers.
		c.files.set(preamblePath(c.req.Path), c.text[:end])
		out, changed, err = c.run(ctx)
		c.files.unset(preamblePath(c.req.Path))
		c.files.set(c.req.Path, c.text)
		if err == nil && out.Object != nil {
			c.d.cache.precompiling.used.Add(1)
			// Debug information has the digest of the text that clang saw.
			saw, is := md5.Sum(without(c.text, end)), md5.Sum(c.text)
			out.Object = bytes.ReplaceAll(out.Object, saw[:], is[:])
			return out, changed, nil
		}
		if err != nil && ctx.Err() != nil {
			return out, changed, err
		}
		c.pch = nil
	}
	started := time.Now()
	out, changed, err = c.run(ctx)
	if err == nil && out.Object != nil && len(changed) == 0 && (c.d.precompileAll || time.Since(started) > precompileFrom) {
		c.precompile(key, end)
	}
	return out, changed, err
}

// setDir chooses clang's working directory.
func (c *compilation) setDir() {
	c.cwd = c.plan.dir
	for !isDir(c.cwd) {
		c.cwd = filepath.Dir(c.cwd)
	}
}

// run runs clang and reads what it wrote. changed are headers whose text may not
// be the one that clang read.
func (c *compilation) run(ctx context.Context) (out *Output, changed []string, err error) {
	c.setDir()
	temp, err := newTempDir(c.d.TempDir, tempClang)
	if err != nil {
		return nil, nil, tempError(err)
	}
	c.temp = temp.path
	defer func() {
		if e := temp.remove(); e != nil && err == nil {
			err = tempError(e)
		}
	}()
	args, err := c.prepare()
	if err != nil {
		return nil, nil, tempError(err)
	}
	c.before = c.d.cache.entered.stamps(c.req.Path)
	started := time.Now()
	if !isFile(c.req.Path) {
		if args, err = c.frontEnd(ctx, args); err != nil {
			return nil, nil, err
		}
	}
	res, err := c.runClang(ctx, args)
	if err != nil {
		return nil, nil, err
	}
	out, changed, err = c.read(res, started)
	if err == nil && out.Object == nil && c.pch == nil {
		err = c.tellStack(ctx, out)
	}
	return out, changed, err
}

func (c *compilation) runClang(ctx context.Context, args []string) (*runResult, error) {
	limit := c.req.Settings.Timeout
	if limit <= 0 {
		limit = DefaultTimeout
	}
	res, err := run(ctx, command{
		path: c.clang.Path, args: args, dir: c.cwd, limit: limit,
		env: c.d.environ().with("TMPDIR="+c.temp, "TMP="+c.temp, "TEMP="+c.temp),
	})
	var timeout *TimeoutError
	switch {
	case errors.As(err, &timeout):
		timeout.Path = c.req.Path
		return nil, timeout
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, &MachineError{fmt.Errorf("clang at %s cannot be run: %w", c.clang.Path, err)}
	}
	return res, nil
}

// frontEnd gives the arguments that clang's driver would run its front end with.
// The driver wants a source that is on the disk; the front end looks through the
// overlay. So the driver is asked (-###) about a file that is there, and the name
// is replaced. An error of the driver is one of the second run, too.
func (c *compilation) frontEnd(ctx context.Context, args []string) ([]string, error) {
	standIn := filepath.Join(c.temp, "stand-in.c")
	if err := os.WriteFile(standIn, nil, 0o600); err != nil {
		return nil, tempError(err)
	}
	asked := slices.Clone(args)
	asked[slices.Index(asked, "-c")+1] = standIn
	res, err := c.runClang(ctx, append([]string{"-###"}, asked...))
	if err != nil || res.exit != 0 {
		return asked, err
	}
	for line := range strings.Lines(string(res.stderr)) {
		words := quotedWords(line)
		if len(words) < 2 || words[1] != "-cc1" {
			continue
		}
		for i, w := range words {
			switch {
			case w == standIn:
				words[i] = c.req.Path
			case i > 0 && words[i-1] == "-main-file-name":
				words[i] = filepath.Base(c.req.Path)
			}
		}
		return words[1:], nil
	}
	return nil, fmt.Errorf("clang at %s does not tell how it runs its front end", c.clang.Path)
}

// quotedWords reads a line of -###: words in double quotes, in which a backslash
// keeps the byte behind it, or without.
func quotedWords(line string) []string {
	var words []string
	for i := 0; i < len(line); {
		switch line[i] {
		case ' ', '\n', '\r':
			i++
		case '"':
			var word []byte
			for i++; i < len(line) && line[i] != '"'; i++ {
				if line[i] == '\\' && i+1 < len(line) {
					i++
				}
				word = append(word, line[i])
			}
			i++
			words = append(words, string(word))
		default:
			end := i
			for end < len(line) && !strings.ContainsRune(" \r\n", rune(line[end])) {
				end++
			}
			words = append(words, line[i:end])
			i = end
		}
	}
	return words
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
	if c.dirty && !olderDWARF(args) {
		// The source lines in .BTF come from the disk, unless the debug
		// information has the sources.
		if c.clang.Major < 14 {
			args = append(args, "-gdwarf-5")
		}
		args = append(args, "-gembed-source")
	}
	switch {
	case c.preamble:
		args = append(args, "-x", "c-header")
	case c.pch != nil:
		// Whether it holds was decided by contents, which clang does not do.
		args = append(args, "-include-pch", filepath.Join(c.pch.dir, precompiledFile), "-Xclang", "-fno-validate-pch")
	}
	if c.layout {
		args = append(args, layoutFlags...)
	}
	return append(args,
		"-ivfsoverlay", filepath.Join(c.temp, tempOverlay),
		"-serialize-diagnostics", filepath.Join(c.temp, tempDiagnostics),
		"-Xclang", "-header-include-file", "-Xclang", filepath.Join(c.temp, tempHeaders), "-Xclang", "-sys-header-deps",
		"-fno-crash-diagnostics", "-fno-color-diagnostics", "-fno-caret-diagnostics",
		"-c", c.req.Path, "-o", filepath.Join(c.temp, tempObject),
	), nil
}

// olderDWARF reports whether flags ask for a version of DWARF that cannot hold sources.
// The last one counts.
func olderDWARF(flags []string) bool {
	older := false
	for _, f := range flags {
		if version, ok := strings.CutPrefix(f, "-gdwarf-"); ok {
			older = version == "2" || version == "3" || version == "4"
		}
	}
	return older
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
	if c.pch != nil {
		own := slices.DeleteFunc(headers, func(h string) bool { return slices.Contains(c.pch.info.Headers, h) })
		headers = slices.Concat(c.pch.info.Headers, own)
	}
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
	c.d.cache.entered.keep(c.req.Path, headers)

	// Diagnostics.
	var nodes []*rawNode
	data, unread := os.ReadFile(filepath.Join(c.temp, tempDiagnostics))
	if unread == nil {
		nodes, unread = parseDiagnostics(data)
	}
	failed := res.exit != 0
	out.Crashed = res.crashed()
	if !failed && unread != nil {
		// Where it failed, what it printed is read instead.
		out.Diagnostics = append(out.Diagnostics, Diagnostic{
			Severity: SeverityWarning, Message: fmt.Sprintf("warnings of clang %s are lost: %v", c.clang.Version, unread),
		})
	}
	errorSeen := false
	for _, n := range nodes {
		diagnostic := n.finish(c.abs, c.textOf(out))
		if diagnostic.File == "" && strings.Contains(diagnostic.Message, "command failed") {
			continue // the driver says that its other half crashed; failure says more
		}
		errorSeen = errorSeen || diagnostic.Severity == SeverityError
		out.Diagnostics = append(out.Diagnostics, diagnostic)
	}
	if failed && !errorSeen {
		out.Diagnostics = append(out.Diagnostics, c.failure(stderr, res, c.textOf(out))...)
	}
	graph := c.graph(out, search)
	c.finishDiagnostics(out, graph)
	if c.pch != nil {
		out.Diagnostics = slices.Concat(c.pch.info.Diagnostics, out.Diagnostics)
	}

	if !failed {
		object, err := os.ReadFile(filepath.Join(c.temp, tempObject))
		switch {
		case err != nil:
			return nil, nil, &MachineError{fmt.Errorf("clang at %s said that it compiled %s, but there is no object: %w", c.clang.Path, c.req.Path, err)}
		case len(object) == 0:
			return nil, nil, &MachineError{fmt.Errorf("clang at %s said that it compiled %s, but the object is empty", c.clang.Path, c.req.Path)}
		}
		out.Object = object
	}
	out.Missing = slices.Concat(c.plan.missing, graph.missing)
	out.Files = append(out.Files, graph.probed...)
	if c.plan.db != nil {
		out.Files = append(out.Files, c.plan.db.path)
	}
	out.Files = append(out.Files, c.plan.read...)
	slices.Sort(out.Missing)
	out.Missing = slices.Compact(out.Missing)
	for _, path := range graph.found {
		if info, err := os.Stat(path); err == nil && !c.stable(path, info, started) {
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
	return text, err == nil && c.stable(path, info, started), err
}

// clockSlack is how much coarser than the clock a file system's times may be.
const clockSlack = 20 * time.Millisecond

// stable reports whether a file is the one that it was when clang was started. Of one that
// was not looked at before, the clock must say so, which may be another than the file
// system's: then the next attempt knows.
func (c *compilation) stable(path string, info os.FileInfo, started time.Time) bool {
	if before, ok := c.before[path]; ok {
		return before == stampOf(info)
	}
	return ChangeTime(info).Before(started.Add(-clockSlack))
}

// entered remembers which headers the last compilation of a source entered.
type entered struct {
	mu      sync.Mutex
	headers map[string][]string // by source
}

// maxEntered bounds the sources that are remembered.
const maxEntered = 512

func (e *entered) keep(source string, headers []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.headers == nil || len(e.headers) >= maxEntered {
		e.headers = map[string][]string{}
	}
	e.headers[source] = headers
}

// stamps are the present stamps of the headers of a source.
func (e *entered) stamps(source string) map[string]stamp {
	e.mu.Lock()
	headers := e.headers[source]
	e.mu.Unlock()
	stamps := map[string]stamp{}
	for _, path := range headers {
		if info, err := os.Stat(path); err == nil {
			stamps[path] = stampOf(info)
		}
	}
	return stamps
}

// readHeaders reads the list that -header-include-file wrote: a path a line, as a
// C string's inside.
func (c *compilation) readHeaders(path string) []string {
	data, _ := os.ReadFile(path) // none: nothing was included
	var headers []string
	seen := map[string]bool{PathKey(c.req.Path): true}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		if line == "" {
			continue
		}
		header := c.abs(unstringify(line))
		if own, ok := c.files.views[header]; ok {
			header = own
		}
		if seen[PathKey(header)] || below(header, []string{c.temp}) {
			continue
		}
		seen[PathKey(header)] = true
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
			dirs.angled = append(dirs.angled, filepath.Clean(dir))
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
func (c *compilation) failure(stderr string, res *runResult, text texts) []Diagnostic {
	var reasons []string
	for line := range strings.Lines(stderr) {
		line = strings.TrimSpace(line)
		for _, mark := range []string{"fatal error: ", "error: ", "LLVM ERROR: "} {
			i := strings.Index(line, mark)
			if i == 0 || i > 0 && strings.HasSuffix(line[:i], ": ") {
				if reason := line[i+len(mark):]; !strings.Contains(reason, "command failed") {
					reasons = append(reasons, reason)
				}
				break
			}
		}
	}
	if !res.crashed() && len(reasons) > 0 {
		var found []Diagnostic
		for _, reason := range reasons {
			found = append(found, Diagnostic{Severity: SeverityError, Message: reason})
		}
		return found
	}
	message := fmt.Sprintf("clang %s failed (%s)", c.clang.Version, res.state)
	if res.crashed() {
		message = fmt.Sprintf("clang %s crashed (%s)", c.clang.Version, res.state)
	}
	if last := lastLine(stderr); len(reasons) == 0 && last != "" && !strings.Contains(last, "command failed") {
		reasons = append(reasons, last)
	}
	if len(reasons) > 0 {
		message += ": " + strings.Join(reasons, "; ")
	}
	d := Diagnostic{Severity: SeverityError, Message: message + ". Another version of clang may do better; the command was: " +
		strings.Join(c.command(), " ")}
	if m := crashPlace.get().FindStringSubmatch(stderr); m != nil {
		line, errLine := strconv.Atoi(m[2])
		column, errColumn := strconv.Atoi(m[3])
		if errLine == nil && errColumn == nil {
			d.File, d.Line, d.Column = c.abs(m[1]), line, column
			d.EndLine = line
			d.EndColumn = column + tokenLength(lineOf(text(d.File), line), column-1)
		}
	}
	return []Diagnostic{d}
}

// crashPlace is where clang was when it crashed: "1.\t/src/a.c:2:23: current parser
// token ..." in the list that it prints.
var crashPlace = pattern{text: `(?m)^\d+\.\t(.+?):(\d+):(\d+): `}

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
	return &MachineError{fmt.Errorf("the temporary files of a compilation cannot be written: %w; %s", err, hint)}
}

func tempVariable() string {
	if runtime.GOOS == "windows" {
		return "TEMP"
	}
	return "TMPDIR"
}
