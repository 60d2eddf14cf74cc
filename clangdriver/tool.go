package clangdriver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// toolTimeout is the time that a tool may take, maxToolOutput what it may write.
const (
	toolTimeout   = 30 * time.Second
	maxToolOutput = 64 << 20
)

// ErrNoTool is the error of a tool that is not installed.
var ErrNoTool = errors.New("is not installed")

// install says how a tool is installed.
var install = map[string]string{
	"bpftool": "apt install bpftool (Debian), apt install linux-tools-generic (Ubuntu), dnf install bpftool (Fedora)",
	"git":     "see git-scm.com",
}

// Tool runs another program than clang, found on PATH or where administrators have theirs,
// as clang is run: with a time limit, and ended with all that it started. It returns what
// the program writes to its standard output. The error wraps ErrNoTool where there is no
// such program, and has its last words where it failed.
func Tool(ctx context.Context, name, dir string, args ...string) ([]byte, error) {
	path, err := findTool(name)
	if err != nil {
		return nil, err
	}
	c := command{path: path, args: args, dir: dir, env: environment(os.Environ()), limit: toolTimeout, output: maxToolOutput}
	result, err := run(ctx, c)
	var timeout *TimeoutError
	switch {
	case errors.As(err, &timeout):
		return nil, fmt.Errorf("%s did not finish within %s", name, toolTimeout)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	case result.exit != 0:
		words := strings.TrimSpace(string(result.stderr))
		if i := strings.LastIndexByte(words, '\n'); i >= 0 {
			words = words[i+1:]
		}
		return nil, fmt.Errorf("%s: %s (%s)", name, words, result.state)
	case len(result.stdout) >= maxToolOutput:
		return nil, fmt.Errorf("%s wrote more than %d MiB", name, maxToolOutput>>20)
	}
	return result.stdout, nil
}

// findTool finds a program on PATH, or in /usr/sbin, which is not on everyone's.
func findTool(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil && filepath.IsAbs(path) {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/local/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	if how := install[name]; how != "" {
		return "", fmt.Errorf("%s %w: %s", name, ErrNoTool, how)
	}
	return "", fmt.Errorf("%s %w", name, ErrNoTool)
}

// Linked is a source that was compiled to be linked with others.
type Linked struct {
	Path   string // of the source
	Object []byte
}

// Link makes one object of several, as `bpftool gen object` does: functions and variables
// that one declares and another defines become one. DWARF is lost, line information and
// types stay. The directory of its files is made in parent; empty: os.TempDir().
func Link(ctx context.Context, parent string, list []Linked) ([]byte, error) {
	temp, err := newTempDir(parent, tempLink)
	if err != nil {
		return nil, tempError(err)
	}
	defer temp.remove()
	dir := temp.path
	out := filepath.Join(dir, "linked.o")
	args := []string{"gen", "object", out}
	for i, l := range list {
		// bpftool names files in its messages: they are the sources' then.
		name := fmt.Sprintf("%d-%s.o", i+1, strings.TrimSuffix(filepath.Base(l.Path), filepath.Ext(l.Path)))
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, l.Object, 0o600); err != nil {
			return nil, tempError(err)
		}
		args = append(args, file)
	}
	if _, err := Tool(ctx, "bpftool", dir, args...); err != nil {
		return nil, fmt.Errorf("linking %s: %w", names(list), err)
	}
	object, err := os.ReadFile(out)
	if err != nil {
		return nil, fmt.Errorf("linking %s: bpftool made no object: %w", names(list), err)
	}
	return object, nil
}

func names(list []Linked) string {
	var all []string
	for _, l := range list {
		all = append(all, filepath.Base(l.Path))
	}
	return strings.Join(all, " and ")
}
