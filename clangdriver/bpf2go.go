package clangdriver

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// generateLine is a //go:generate line that runs bpf2go, which compiles a source for a Go
// program (pkg.go.dev/github.com/cilium/ebpf/cmd/bpf2go).
type generateLine struct {
	file string // the Go file
	line int
	args []string // of bpf2go
	err  error    // the line cannot be read exactly
}

func (g *generateLine) origin() string { return g.file + ":" + strconv.Itoa(g.line) }

// Bounds of the search for generate lines.
const (
	maxGoFiles    = 400     // in one directory
	maxGoFileSize = 2 << 20 // bytes
	maxUpwards    = 4       // directories above the source's
)

// projectDirs are the directories in which a project may say how a source is compiled:
// the source's own and some above it, up to the root of its module or repository.
func projectDirs(source string) []string {
	dirs := parents(filepath.Dir(source))
	dirs = dirs[:min(len(dirs), 1+maxUpwards)]
	for i, dir := range dirs {
		for _, root := range []string{"go.mod", ".git"} {
			if _, err := os.Stat(filepath.Join(dir, root)); err == nil {
				return dirs[:i+1]
			}
		}
	}
	return dirs
}

// generates caches the generate lines of Go files.
type generates struct {
	mu    sync.Mutex
	known map[string]knownGenerates
}

type knownGenerates struct {
	stamp stamp
	lines []generateLine
}

// generateCommand is the first bpf2go line that names the source. Files that have bpf2go
// lines are added to read.
func (d *Driver) generateCommand(source string, read *[]string) *generateLine {
	env := d.environ()
	for _, dir := range projectDirs(source) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		n := 0
		for _, e := range entries {
			if filepath.Ext(e.Name()) != ".go" || !e.Type().IsRegular() {
				continue
			}
			if n++; n > maxGoFiles {
				break
			}
			lines := d.generateLines(filepath.Join(dir, e.Name()), env)
			if len(lines) > 0 {
				*read = append(*read, filepath.Join(dir, e.Name()))
			}
			for i := range lines {
				if lines[i].compiles(source) {
					return &lines[i]
				}
			}
		}
	}
	return nil
}

func (d *Driver) generateLines(file string, env environment) []generateLine {
	info, err := os.Stat(file)
	if err != nil || info.Size() > maxGoFileSize {
		return nil
	}
	c := &d.cache.generates
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.known[file]; ok && known.stamp == stampOf(info) {
		return known.lines
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	if len(c.known) >= maxScans || c.known == nil {
		c.known = map[string]knownGenerates{}
	}
	lines := parseGenerate(file, text, env)
	c.known[file] = knownGenerates{stampOf(info), lines}
	return lines
}

// parseGenerate finds the lines of a Go file that run bpf2go, split into words as go
// generate splits them.
func parseGenerate(file string, text []byte, env environment) (lines []generateLine) {
	if !strings.Contains(string(text), "bpf2go") {
		return nil
	}
	short := map[string][]string{} // -command
	n := 0
	for raw := range strings.Lines(string(text)) {
		n++
		rest, ok := strings.CutPrefix(raw, "//go:generate ")
		if !ok {
			continue
		}
		g := generateLine{file: file, line: n}
		words, err := splitGenerate(strings.TrimSpace(rest))
		if err == nil && len(words) > 2 && words[0] == "-command" {
			short[words[1]] = words[2:]
			continue
		}
		if err == nil && len(words) > 0 && short[words[0]] != nil {
			words = slices.Concat(short[words[0]], words[1:])
		}
		at := runsBPF2Go(words)
		if at < 0 {
			continue
		}
		for i := range words {
			var unset string
			words[i] = os.Expand(words[i], func(name string) string {
				value, ok := generateVariable(name, file, n, env)
				if !ok {
					unset = name
				}
				return value
			})
			if unset != "" && err == nil {
				err = fmt.Errorf("it uses $%s, which is not set in the environment of bpfls", unset)
			}
		}
		g.args, g.err = words[at:], err
		lines = append(lines, g)
	}
	return lines
}

// runsBPF2Go returns where bpf2go's arguments begin in a command that runs it, else -1:
// bpf2go itself, go tool bpf2go, go run with its package.
func runsBPF2Go(words []string) int {
	for i, w := range words {
		name, _, _ := strings.Cut(w, "@")
		if path.Base(filepath.ToSlash(name)) != "bpf2go" {
			continue
		}
		if i == 0 || words[0] == "go" && len(words) > 1 && (words[1] == "run" || words[1] == "tool") {
			return i + 1
		}
		return -1
	}
	return -1
}

// generateVariable is a variable that go generate sets, or one of the environment.
func generateVariable(name, file string, line int, env environment) (string, bool) {
	switch name {
	case "GOFILE":
		return filepath.Base(file), true
	case "GOLINE":
		return strconv.Itoa(line), true
	case "DOLLAR":
		return "$", true
	case "PWD":
		return filepath.Dir(file), true
	case "GOARCH":
		return orText(env.get(name), runtime.GOARCH), true
	case "GOOS":
		return orText(env.get(name), runtime.GOOS), true
	}
	value := env.get(name)
	return value, value != ""
}

func orText(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// splitGenerate splits a line as go generate does: at blanks, but for Go's quoted strings.
func splitGenerate(line string) (words []string, err error) {
	for line = strings.TrimLeft(line, " \t"); line != ""; line = strings.TrimLeft(line, " \t") {
		if line[0] == '"' {
			quoted, err := strconv.QuotedPrefix(line)
			if err != nil {
				return words, errors.New("it has a quoted string that does not end")
			}
			word, err := strconv.Unquote(quoted)
			if err != nil {
				return words, err
			}
			words, line = append(words, word), line[len(quoted):]
			continue
		}
		end := strings.IndexAny(line, " \t")
		if end < 0 {
			end = len(line)
		}
		words, line = append(words, line[:end]), line[end:]
	}
	return words, nil
}

// bpf2GoFlags are the flags of bpf2go that have a value.
var bpf2GoFlags = []string{"cc", "strip", "tags", "makebase", "type", "output-stem", "output-suffix", "output-dir", "go-package"}

// options parses the arguments of bpf2go.
func (g *generateLine) options() (cflags, target, source string, own []string, err error) {
	set := flag.NewFlagSet("bpf2go", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	for _, name := range bpf2GoFlags {
		set.String(name, "", "")
	}
	for _, name := range []string{"verbose", "no-strip", "no-global-types"} {
		set.Bool(name, false, "")
	}
	set.StringVar(&cflags, "cflags", "", "")
	set.StringVar(&target, "target", "bpfel,bpfeb", "")
	if err := set.Parse(g.args); err != nil {
		return "", "", "", nil, err
	}
	args := set.Args()
	if i := slices.Index(args, "--"); i >= 0 {
		args, own = args[:i], args[i+1:]
	}
	if len(args) < 2 {
		return "", "", "", nil, errors.New("it names no source")
	}
	return cflags, target, args[1], own, nil
}

func (g *generateLine) compiles(source string) bool {
	if g.err != nil && len(g.args) == 0 {
		return false
	}
	_, _, named, _, err := g.options()
	return err == nil && PathKey(absIn(filepath.Dir(g.file), named)) == PathKey(source)
}

// command is the command that bpf2go runs: its own defaults, then the flags of
// -cflags or BPF2GO_CFLAGS, then those behind --.
func (g *generateLine) command(env environment) (compileCommand, error) {
	c := compileCommand{directory: filepath.Dir(g.file)}
	if g.err != nil {
		return c, g.err
	}
	cflags, target, _, own, err := g.options()
	if err != nil {
		return c, err
	}
	if cflags == "" {
		cflags = env.get("BPF2GO_CFLAGS")
	}
	words, err := splitCommand(cflags)
	if err != nil {
		return c, err
	}
	define, err := bpf2GoTarget(target)
	if err != nil {
		return c, err
	}
	c.args = slices.Concat([]string{"-O2", "-mcpu=v1"}, words, own)
	if define != "" {
		c.args = append(c.args, "-D__TARGET_ARCH_"+define)
	}
	c.args = append(c.args, "-target", "bpf")
	return c, nil
}

// bpf2GoTarget chooses among the targets of a line: generic BPF, else the machine that
// bpfls runs on, else the first with its byte order. It returns what __TARGET_ARCH_ is for.
func bpf2GoTarget(list string) (define string, err error) {
	targets := strings.Split(list, ",")
	for _, generic := range []string{"bpfel", "bpf"} {
		if slices.Contains(targets, generic) {
			return "", nil
		}
	}
	if slices.Contains(targets, "native") {
		targets = []string{runtime.GOARCH}
	}
	if slices.Contains(targets, runtime.GOARCH) {
		targets = []string{runtime.GOARCH}
	}
	for _, t := range targets {
		if arch, _, _ := targetArch(t); arch != "" && t != "s390x" {
			return arch, nil
		}
	}
	return "", fmt.Errorf("its targets, %s, are for big-endian machines, which bpfls does not compile for", list)
}
