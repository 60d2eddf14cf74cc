package settings

import (
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// Glob is a pattern of file names below a folder. In it * stands for any text
// without a slash, ? for one character but a slash, ** between slashes for any
// number of folders. A pattern without a slash fits a file in any folder.
type Glob struct {
	Dir     string // the folder, absolute
	Pattern string
}

// Match tells whether the pattern fits the file with that absolute path.
func (g Glob) Match(path string) bool {
	rel, err := filepath.Rel(g.Dir, path)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return false
	}
	rel = filepath.ToSlash(rel)
	pattern := strings.TrimPrefix(g.Pattern, "./")
	if !strings.Contains(pattern, "/") {
		return matchName(pattern, rel[strings.LastIndexByte(rel, '/')+1:])
	}
	return matchPath(strings.Split(strings.TrimPrefix(pattern, "/"), "/"), strings.Split(rel, "/"))
}

// matchPath compares folder by folder. reach[j] says that the patterns so far
// fit the first j names, so the time is their product and no more.
func matchPath(patterns, names []string) bool {
	reach := make([]bool, len(names)+1)
	reach[0] = true
	for _, p := range patterns {
		next := make([]bool, len(names)+1)
		if p == "**" {
			for j, on := 0, false; j <= len(names); j++ {
				on = on || reach[j]
				next[j] = on
			}
		} else {
			for j, name := range names {
				next[j+1] = reach[j] && matchName(p, name)
			}
		}
		reach = next
	}
	return reach[len(names)]
}

// matchName compares one name. A star is retried from its last place only,
// which is enough and keeps the time within the product of the lengths.
func matchName(pattern, name string) bool {
	p, n := 0, 0
	star, retry := -1, 0
	for n < len(name) {
		size := utf8Length(name[n:])
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, retry = p, n
			p++
			continue
		case p < len(pattern) && pattern[p] == '?':
			p++
			n += size
			continue
		case p < len(pattern) && pattern[p] == name[n]:
			p++
			n++
			continue
		case star < 0:
			return false
		}
		retry += utf8Length(name[retry:])
		p, n = star+1, retry
	}
	return strings.Trim(pattern[p:], "*") == ""
}

func utf8Length(s string) int {
	_, size := utf8.DecodeRuneInString(s)
	return size
}

func globs(dir string, patterns []string) []Glob {
	list := make([]Glob, len(patterns))
	for i, p := range patterns {
		list[i] = Glob{dir, p}
	}
	return list
}

func matchAny(list []Glob, path string) bool {
	for _, g := range list {
		if g.Match(path) {
			return true
		}
	}
	return false
}

func globText(list []Glob) string {
	texts := make([]string, len(list))
	for i, g := range list {
		texts[i] = g.Pattern
	}
	return strings.Join(texts, " ")
}
