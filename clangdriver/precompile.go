package clangdriver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"bpfls/diskcache"
)

// The headers at the beginning of a source, vmlinux.h above all, take most of the time of
// a compilation and seldom change. Their directives (the preamble) are compiled once into
// a precompiled header, in the background, behind a compilation that did without. Later
// compilations of a source with the same preamble use it, as long as everything it was
// made from is what it was: clang, flags, the text of the preamble, the contents of every
// header, and the absence of every file that would have been read instead of one.
//
// A compilation that fails with a precompiled header is made again without, so that what
// clang says of errors never depends on it.

// precompileFrom is the time from which on a compilation is worth a precompiled header.
const precompileFrom = 150 * time.Millisecond

// Bounds of the directory of precompiled headers.
const (
	maxPrecompiled      = 16
	maxPrecompiledBytes = 512 << 20
)

// precompiledFolder is where they are kept.
func (d *Driver) precompiledFolder() *diskcache.Folder {
	return &diskcache.Folder{Path: d.PrecompiledDir, MaxEntries: maxPrecompiled, MaxBytes: maxPrecompiledBytes}
}

// precompiled is a precompiled header on disk.
type precompiled struct {
	dir  string
	info precompiledInfo
}

// precompiledInfo is what has to hold for a precompiled header to be used, and what its
// compilation gave besides.
type precompiledInfo struct {
	Digest      string            // of the precompiled header: clang does not look whether it is damaged
	Inputs      map[string]string // digests of the headers' contents, by path
	Headers     []string          // those headers, in the order in which clang entered them
	Missing     []string          // what must stay absent
	Diagnostics []Diagnostic      // warnings in the headers
}

// Files in the directory of a precompiled header.
const (
	precompiledFile     = "preamble.pch"
	precompiledInfoFile = "preamble.json"
)

// precompiling is what is under way.
type precompiling struct {
	mu      sync.Mutex
	busy    map[string]bool
	failed  map[string]time.Time // keys that gave none, and when to try them again
	digests map[string]knownDigest
	wait    sync.WaitGroup
	used    atomic.Int64 // how often one saved time
	stop    context.CancelFunc
	closed  bool
}

type knownDigest struct {
	stamp  stamp
	since  time.Time // when the stamp was first seen
	read   time.Time // when the content was
	digest string
}

// preambleEnd returns where the preamble of a source ends: behind the last #include that
// has only directives, comments and blank lines before it; 0 where there is none. A
// #pragma ends the preamble, since it may mean more than the header that it stands in.
func preambleEnd(text []byte) int {
	c := cursor{text: text, line: 1, column: 1}
	end, depth := 0, 0
	included := false // within the open conditional
	for !c.end() {
		c.blanks()
		if c.end() || c.peek() != '#' {
			return end
		}
		c.advance()
		ahead := c
		word := ahead.directiveWord()
		switch word {
		case "include", "import":
			included = true
		case "if", "ifdef", "ifndef":
			depth++
		case "endif":
			depth--
		case "define", "undef", "else", "elif", "elifdef", "elifndef":
		default:
			return end
		}
		c.skipLine()
		if depth == 0 && included {
			end, included = c.i, false
		}
		if depth < 0 {
			return end
		}
	}
	return end
}

// without returns a text whose first bytes are blanks, lines where they were.
func without(text []byte, end int) []byte {
	blank := bytes.Clone(text)
	for i := range blank[:end] {
		if blank[i] != '\n' && blank[i] != '\r' {
			blank[i] = ' '
		}
	}
	return blank
}

// preamblePath is the name that the preamble of a source has for clang: beside the source,
// so that #include "x.h" finds the same file.
func preamblePath(source string) string {
	return filepath.Join(filepath.Dir(source), "."+filepath.Base(source)+".preamble.h")
}

// key names everything but the contents of headers that a precompiled header is made from.
func (c *compilation) preambleKey(end int) string {
	h := sha256.New()
	info, err := os.Stat(c.clang.Path)
	if err != nil {
		return ""
	}
	fmt.Fprintf(h, "%q %q %v %q %q %v\n", c.clang.Path, c.clang.Version, stampOf(info), c.cwd, c.req.Path, c.dirty)
	for _, f := range c.plan.flags {
		fmt.Fprintf(h, "%q\n", f.Args)
	}
	env := c.d.environ()
	for _, name := range []string{"CPATH", "C_INCLUDE_PATH", "SOURCE_DATE_EPOCH"} {
		fmt.Fprintf(h, "%q\n", env.get(name))
	}
	for _, view := range slices.Sorted(maps.Keys(c.files.views)) {
		fmt.Fprintf(h, "%q %q\n", view, c.files.views[view])
	}
	h.Write(c.text[:end])
	return hex.EncodeToString(h.Sum(nil))
}

// findPrecompiled returns the precompiled header for a compilation, nil where there is
// none that holds.
func (c *compilation) findPrecompiled(key string) *precompiled {
	folder := c.d.precompiledFolder()
	p := &precompiled{dir: folder.Entry(key)}
	data, err := os.ReadFile(filepath.Join(p.dir, precompiledInfoFile))
	if err != nil || p.info.decode(data) != nil || !c.holds(&p.info) {
		return nil
	}
	if c.digest(filepath.Join(p.dir, precompiledFile)) != p.info.Digest {
		return nil
	}
	folder.Used(key)
	return p
}

// encode writes JSON behind a line with its digest.
func (info *precompiledInfo) encode() ([]byte, error) {
	data, err := json.Marshal(info)
	return diskcache.Seal(data), err
}

// decode reads what encode wrote. The error says that it is damaged.
func (info *precompiledInfo) decode(data []byte) error {
	data, err := diskcache.Unseal(data)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, info)
}

// holds reports whether everything that a precompiled header was made from is as it was.
func (c *compilation) holds(info *precompiledInfo) bool {
	for path, digest := range info.Inputs {
		if c.digest(path) != digest {
			return false
		}
	}
	return !slices.ContainsFunc(info.Missing, c.files.exists)
}

// digest is the digest of a header's contents, "" where it cannot be read. That of a file
// on disk is known as long as the file's stamp stays.
func (c *compilation) digest(path string) string {
	if text, ok := c.files.text(path); ok {
		return diskcache.Digest(text)
	}
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	p := &c.d.cache.precompiling
	p.mu.Lock()
	known, ok := p.digests[path]
	p.mu.Unlock()
	now := time.Now()
	next := knownDigest{stamp: stampOf(info), since: now, read: now}
	if ok && known.stamp == next.stamp {
		if known.read.Sub(known.since) > grain {
			return known.digest
		}
		next.since = known.since
	}
	text, err := c.files.read(path)
	if err != nil {
		return ""
	}
	next.digest = diskcache.Digest(text)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.digests == nil || len(p.digests) >= maxScans {
		p.digests = map[string]knownDigest{}
	}
	p.digests[path] = next
	return next.digest
}

// grain is how long after a change a file may change again without another stamp.
const grain = 2 * time.Second

// precompile makes the precompiled header for a compilation, in the background, unless
// that is being done or was tried.
func (c *compilation) precompile(key string, end int) {
	p := &c.d.cache.precompiling
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy == nil {
		p.busy, p.failed = map[string]bool{}, map[string]time.Time{}
	}
	if p.closed || len(p.busy) > 0 || time.Now().Before(p.failed[key]) {
		return // one at a time: the next compilation asks again
	}
	p.busy[key] = true
	var ctx context.Context
	ctx, p.stop = context.WithCancel(context.Background())
	p.wait.Go(func() {
		err := c.makePrecompiled(ctx, key, end)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.stop()
		delete(p.busy, key)
		if err != nil && !errors.Is(err, errChanged) {
			// A preamble that does not compile may do so when one of its headers is
			// written to the end, a full disk may have room.
			p.failed[key] = time.Now().Add(tryAgain)
		}
	})
}

// tryAgain is how long no precompiled header is made where that failed.
const tryAgain = 20 * time.Second

var (
	errNoPreamble = errors.New("the preamble does not compile by itself")
	errChanged    = errors.New("a header changed while it was compiled")
	errCrashed    = errors.New("clang ended before it was done")
)

// WaitPrecompiled waits until the precompiled headers that are being made are there.
func (d *Driver) WaitPrecompiled() { d.cache.precompiling.wait.Wait() }

// Close ends what is done in the background, for the end of the process: nothing is left
// behind. What is compiled from now on has no precompiled headers made.
func (d *Driver) Close() {
	p := &d.cache.precompiling
	p.mu.Lock()
	p.closed = true
	if p.stop != nil {
		p.stop()
	}
	p.mu.Unlock()
	p.wait.Wait()
}

// makePrecompiled compiles the preamble.
func (c *compilation) makePrecompiled(ctx context.Context, key string, end int) error {
	path := preamblePath(c.req.Path)
	files := newSnapshot(c.files.texts, c.files.scans)
	maps.Copy(files.views, c.files.views)
	files.set(path, c.text[:end])
	req := c.req
	req.Path = path
	r := &compilation{d: c.d, req: req, files: files, text: c.text[:end], clang: c.clang, plan: c.plan, dirty: c.dirty, preamble: true}
	out, changed, err := r.run(ctx)
	switch {
	case err != nil:
		return err
	case len(changed) > 0:
		return errChanged
	case out.Crashed:
		return errCrashed
	case out.Object == nil:
		return errNoPreamble
	}
	info := precompiledInfo{Digest: diskcache.Digest(out.Object), Inputs: map[string]string{}, Missing: out.Missing}
	for _, file := range out.Files[1:] {
		text, ok := out.Sources[file]
		if !ok {
			continue // looked for by __has_include, or a compilation database
		}
		info.Inputs[file] = diskcache.Digest(text)
		info.Headers = append(info.Headers, file)
	}
	for _, d := range out.Diagnostics {
		info.Diagnostics = append(info.Diagnostics, renamed(d, path, c.req.Path))
	}
	data, err := info.encode()
	if err != nil {
		return err
	}
	return c.d.precompiledFolder().Put(key, map[string][]byte{precompiledFile: out.Object, precompiledInfoFile: data})
}

// renamed gives a diagnostic another file's name for one.
func renamed(d Diagnostic, from, to string) Diagnostic {
	if d.File == from {
		d.File = to
	}
	d.Notes = slices.Clone(d.Notes)
	for i := range d.Notes {
		d.Notes[i] = renamed(d.Notes[i], from, to)
	}
	return d
}
