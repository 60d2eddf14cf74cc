package clangdriver

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/kballard/go-shellquote"
)

// compileCommand is the command that a compilation database has for a file.
type compileCommand struct {
	directory string
	args      []string // without the compiler
	err       error    // the command could not be split
}

// database is a compile_commands.json (clang.llvm.org/docs/JSONCompilationDatabase.html)
// or a compile_flags.txt, which holds for every file below it.
type database struct {
	path    string
	entries map[string]compileCommand // by PathKey of the file
	all     *compileCommand           // of compile_flags.txt
	err     error
}

// lookup is the command for a file; ok says whether it has one.
func (db *database) lookup(path string) (c compileCommand, ok bool) {
	if db.all != nil {
		return *db.all, true
	}
	c, ok = db.entries[PathKey(path)]
	return c, ok
}

// databases caches databases by path.
type databases struct {
	mu    sync.Mutex
	known map[string]knownDatabase
}

type knownDatabase struct {
	stamp stamp
	db    *database
}

const (
	maxDatabases    = 16
	maxDatabaseSize = 256 << 20
)

// findDatabase gives the database for a source, nil where there is none, and the
// paths where there was none.
func (d *Driver) findDatabase(s Settings, dir, source string) (db *database, missing []string) {
	if s.CompileCommands != "" {
		path := absIn(dir, s.CompileCommands)
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			path = filepath.Join(path, "compile_commands.json")
		}
		return d.readDatabase(path), nil
	}
	for _, up := range parents(filepath.Dir(source)) {
		for _, name := range []string{"compile_commands.json", "build/compile_commands.json", "compile_flags.txt"} {
			path := filepath.Join(up, filepath.FromSlash(name))
			if isFile(path) {
				return d.readDatabase(path), missing
			}
			missing = append(missing, path)
		}
	}
	return nil, missing
}

func (d *Driver) readDatabase(path string) *database {
	info, err := os.Stat(path)
	if err != nil {
		return &database{path: path, err: err}
	}
	c := &d.cache.databases
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.known[path]; ok && known.stamp == stampOf(info) {
		return known.db
	}
	if len(c.known) >= maxDatabases || c.known == nil {
		c.known = map[string]knownDatabase{}
	}
	db := &database{path: path}
	if info.Size() > maxDatabaseSize {
		db.err = fmt.Errorf("%s: is larger than %d MiB", path, maxDatabaseSize>>20)
	} else if text, err := os.ReadFile(path); err != nil {
		db.err = err
	} else if filepath.Base(path) == "compile_flags.txt" {
		db.all = parseFlagsFile(text, filepath.Dir(path))
	} else if db.entries, err = parseDatabase(text, filepath.Dir(path)); err != nil {
		db.err = fmt.Errorf("%s: %w", path, err)
	}
	c.known[path] = knownDatabase{stampOf(info), db}
	return db
}

// parseFlagsFile reads compile_flags.txt: an argument a line.
func parseFlagsFile(text []byte, dir string) *compileCommand {
	c := &compileCommand{directory: dir}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			c.args = append(c.args, line)
		}
	}
	return c
}

// parseDatabase reads compile_commands.json. A file with several commands has the
// first that compiles for BPF, else the first.
func parseDatabase(text []byte, dir string) (map[string]compileCommand, error) {
	var entries []struct {
		Directory string   `json:"directory"`
		File      string   `json:"file"`
		Arguments []string `json:"arguments"`
		Command   string   `json:"command"`
	}
	if err := json.Unmarshal(text, &entries); err != nil {
		return nil, fmt.Errorf("is no list of compile commands: %w", err)
	}
	found := map[string]compileCommand{}
	for _, e := range entries {
		c := compileCommand{directory: absIn(dir, e.Directory)}
		args := e.Arguments
		if len(args) == 0 {
			args, c.err = splitCommand(e.Command)
		}
		if len(args) > 0 {
			c.args = fromClangCL(args)
		}
		key := PathKey(absIn(c.directory, e.File))
		if old, ok := found[key]; !ok || !isBPFTarget(targetOf(old.args)) && isBPFTarget(targetOf(c.args)) {
			found[key] = c
		}
	}
	return found, nil
}

var windowsPath = pattern{text: `(^|[\s"])[A-Za-z]:\\`}

// splitCommand splits a command line by the rules of quoting of its platform. Nothing is
// expanded, and no operator of a shell means anything, as when clang's tools read it.
func splitCommand(line string) ([]string, error) {
	if windowsPath.get().MatchString(line) {
		return splitWindows(line), nil
	}
	args, err := shellquote.Split(line)
	if err != nil {
		return nil, fmt.Errorf("the command cannot be split: %w", err)
	}
	return args, nil
}

// splitWindows splits by the rules of CommandLineToArgvW: backslashes count only
// in front of a quote, and a doubled quote inside quotes is one.
func splitWindows(line string) []string {
	var args []string
	var arg []byte
	quoted, have := false, false
	for i := 0; i < len(line); {
		slashes := 0
		for i < len(line) && line[i] == '\\' {
			slashes, i = slashes+1, i+1
		}
		if i < len(line) && line[i] == '"' {
			arg = append(arg, strings.Repeat(`\`, slashes/2)...)
			have = true
			switch {
			case slashes%2 == 1:
				arg = append(arg, '"')
			case quoted && i+1 < len(line) && line[i+1] == '"':
				arg = append(arg, '"')
				i++
			default:
				quoted = !quoted
			}
			i++
			continue
		}
		if slashes > 0 {
			arg = append(arg, strings.Repeat(`\`, slashes)...)
			have = true
			continue
		}
		if i >= len(line) {
			break
		}
		if b := line[i]; !quoted && (b == ' ' || b == '\t' || b == '\r' || b == '\n') {
			if have {
				args = append(args, string(arg))
			}
			arg, have = arg[:0], false
		} else {
			arg = append(arg, b)
			have = true
		}
		i++
	}
	if have {
		args = append(args, string(arg))
	}
	return args
}

// fromClangCL cuts the compiler's name off a command; a command of cl or clang-cl
// is written as clang's, as far as flagRules know its flags.
func fromClangCL(args []string) []string {
	name := args[0]
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	name = strings.TrimSuffix(strings.ToLower(name), ".exe")
	args = args[1:]
	if name != "cl" && name != "clang-cl" {
		return args
	}
	var clang []string
	for i := 0; i < len(args); i++ {
		option := args[i]
		if len(option) < 2 || option[0] != '/' && option[0] != '-' {
			continue
		}
		translated := false
		for _, o := range []struct{ cl, clang string }{{"I", "-I"}, {"D", "-D"}, {"U", "-U"}, {"FI", "-include"}} {
			value, ok := strings.CutPrefix(option[1:], o.cl)
			if !ok {
				continue
			}
			if value == "" && i+1 < len(args) {
				i++
				value = args[i]
			}
			clang = append(clang, o.clang, value)
			translated = true
			break
		}
		if value, ok := strings.CutPrefix(option[1:], "std:"); ok {
			clang = append(clang, "-std="+value)
		} else if !translated && option[0] == '-' {
			clang = append(clang, option)
		}
	}
	return clang
}

// PathKey makes paths of one file equal where file systems usually fold case.
func PathKey(path string) string {
	path = filepath.Clean(path)
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		return strings.ToLower(path)
	}
	return path
}

// maxParents bounds a walk towards the root.
const maxParents = 64

// parents lists a directory and those above it, the closest first, without the root.
func parents(dir string) []string {
	var dirs []string
	for len(dirs) < maxParents {
		up := filepath.Dir(dir)
		if up == dir {
			break
		}
		dirs = append(dirs, dir)
		dir = up
	}
	return dirs
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
