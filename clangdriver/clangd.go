package clangdriver

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// clangdFragment is a document of a .clangd file (clangd.llvm.org/config), as far as it
// concerns how a source is compiled.
type clangdFragment struct {
	file        string
	match       []*regexp.Regexp // PathMatch: one must match, if there are any
	exclude     []*regexp.Regexp // PathExclude: none may
	add, remove []string
	database    string // CompilationDatabase: a directory, "Ancestors" or "None"; empty: not said
}

const maxClangdSize = 1 << 20

// clangdFragments reads the .clangd files of a source's folder and those above, the
// outermost first, as clangd applies them: those that hold for the source.
func clangdFragments(source string, read, missing *[]string) (list []clangdFragment, problems []Flag) {
	for _, dir := range slices.Backward(parents(filepath.Dir(source))) {
		file := filepath.Join(dir, ".clangd")
		text, err := readBounded(file, maxClangdSize)
		if errors.Is(err, fs.ErrNotExist) {
			*missing = append(*missing, file)
			continue
		}
		if err != nil {
			if info, statErr := os.Stat(file); statErr == nil && info.IsDir() {
				continue
			}
			problems = append(problems, Flag{Args: []string{"CompileFlags"}, Origin: file, Reason: err.Error()})
			continue
		}
		*read = append(*read, file)
		fragments, err := parseClangd(file, text)
		if err != nil {
			problems = append(problems, Flag{Args: []string{"CompileFlags"}, Origin: file, Reason: err.Error()})
		}
		for _, f := range fragments {
			if rel, err := filepath.Rel(dir, source); err == nil && f.holds(filepath.ToSlash(rel)) {
				list = append(list, f)
			}
		}
	}
	return list, problems
}

// parseClangd reads the documents of a .clangd file. Those before one that is broken are
// returned with the error.
func parseClangd(file string, text []byte) (list []clangdFragment, err error) {
	defer func() {
		if p := recover(); p != nil { // the library's
			err = fmt.Errorf("is no YAML: %v", p)
		}
	}()
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for len(list) < 1000 {
		var d struct {
			If struct {
				PathMatch   any `yaml:"PathMatch"`
				PathExclude any `yaml:"PathExclude"`
			} `yaml:"If"`
			CompileFlags struct {
				Add                 any    `yaml:"Add"`
				Remove              any    `yaml:"Remove"`
				CompilationDatabase string `yaml:"CompilationDatabase"`
			} `yaml:"CompileFlags"`
		}
		err := decoder.Decode(&d)
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			first := strings.ReplaceAll(strings.TrimPrefix(err.Error(), "yaml: "), "\n", " ")
			return list, fmt.Errorf("is not understood: %s", first)
		}
		f := clangdFragment{file: file, database: d.CompileFlags.CompilationDatabase}
		if f.match, err = fullMatches(oneOrMore(d.If.PathMatch)); err != nil {
			return list, err
		}
		if f.exclude, err = fullMatches(oneOrMore(d.If.PathExclude)); err != nil {
			return list, err
		}
		f.add, f.remove = oneOrMore(d.CompileFlags.Add), oneOrMore(d.CompileFlags.Remove)
		list = append(list, f)
	}
	return list, errors.New("has more documents than are read")
}

// oneOrMore is a value that is one text or a list of them.
func oneOrMore(v any) []string {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		var list []string
		for _, e := range v {
			list = append(list, fmt.Sprint(e))
		}
		return list
	}
	return []string{fmt.Sprint(v)}
}

// fullMatches compiles expressions that match paths as a whole, whatever their case where
// file systems fold it.
func fullMatches(list []string) (out []*regexp.Regexp, err error) {
	fold := ""
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		fold = "(?i)"
	}
	for _, text := range list {
		re, err := regexp.Compile(fold + "^(?:" + text + ")$")
		if err != nil {
			return nil, fmt.Errorf("%q is no regular expression", text)
		}
		out = append(out, re)
	}
	return out, nil
}

// holds reports whether the fragment is for a path, relative to its folder, with slashes.
func (f *clangdFragment) holds(path string) bool {
	matches := func(re *regexp.Regexp) bool { return re.MatchString(path) }
	return (len(f.match) == 0 || slices.ContainsFunc(f.match, matches)) && !slices.ContainsFunc(f.exclude, matches)
}

// removed takes the flags out of a command that a Remove names: an option of clang with
// its value, all that begin with what stands before a *, or exactly that argument.
func removed(args []string, name string) []string {
	var left []string
	prefix, star := strings.CutSuffix(name, "*")
	rule := ruleFor(name)
	whole := rule != nil && (rule.name == name || rule.name == name+"=")
	for len(args) > 0 {
		var flag []string
		own := ruleFor(args[0])
		flag, args = splitFlag(args, own)
		joinedFlag := strings.Join(flag, "")
		switch {
		case star && strings.HasPrefix(joinedFlag, prefix):
		case !star && whole && own == rule:
		case !star && (joinedFlag == name || strings.Join(flag, " ") == name):
		default:
			left = append(left, flag...)
		}
	}
	return left
}
