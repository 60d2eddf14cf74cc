package clangdriver

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// environment is a process's environment as os.Environ gives it.
type environment []string

// unwanted are variables that make clang write files of its own, or change its
// arguments behind our back.
var unwanted = []string{
	"CCC_OVERRIDE_OPTIONS", "CC_PRINT_OPTIONS", "CC_PRINT_HEADERS", "CC_LOG_DIAGNOSTICS", "CC_PRINT_PROC_STAT",
	"DEPENDENCIES_OUTPUT", "SUNPRO_DEPENDENCIES",
}

func (d *Driver) environ() environment {
	env := environment(d.Env)
	if env == nil {
		env = os.Environ()
	}
	return slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(unwanted, name)
	})
}

func (e environment) get(name string) string {
	for i := len(e) - 1; i >= 0; i-- {
		key, value, ok := strings.Cut(e[i], "=")
		if ok && (key == name || runtime.GOOS == "windows" && strings.EqualFold(key, name)) {
			return value
		}
	}
	return ""
}

// with sets variables, "NAME=value".
func (e environment) with(vars ...string) environment { return append(slices.Clip(e), vars...) }

// pathDirs are the absolute directories of PATH. A relative one, which means the
// directory of whoever asks, is left out: a workspace must not choose programs.
func (e environment) pathDirs() []string {
	var dirs []string
	for _, dir := range filepath.SplitList(e.get("PATH")) {
		if filepath.IsAbs(dir) && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// lookPath is the path of a program, "" where PATH does not have it.
func (e environment) lookPath(name string) string {
	if suffix := exeSuffix(runtime.GOOS); suffix != "" && filepath.Ext(name) == "" {
		name += suffix
	}
	for _, dir := range e.pathDirs() {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			return path
		}
	}
	return ""
}
