package clangdriver

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// makefile is what is read of a Makefile (GNU make manual, 4.4): variables and rules. It
// is read as make reads it or not at all: what would need a shell, or functions that are
// not known here, has a value that cannot be used, and a command that uses one is not taken.
type makefile struct {
	dir   string // of the outermost file: where commands run
	env   environment
	vars  map[string]*makeVar
	rules []makeRule
	files []string // that were read
	// opaque are lines whose effect is not known, $(eval ...) for instance.
	opaque []string
	depth  int
	steps  int // expansions so far
	bytes  int // that they made
	globs  int // $(wildcard)s
}

type makeVar struct {
	value string
	done  bool  // expanded when it was set (:=)
	err   error // the value is not known
}

type makeRule struct {
	file      string
	line      int
	targets   []string
	pattern   string // of a static pattern rule's targets: "%.o"
	prereqs   []string
	orderOnly []string
	recipe    []string
	err       error // a part of the rule cannot be expanded
}

// Bounds of a Makefile.
const (
	maxMakefileSize = 1 << 20
	maxMakeDepth    = 40      // of expansions and includes
	maxMakeValue    = 1 << 18 // bytes of an expanded text
	maxMakeSteps    = 100_000 // expansions
	maxMakeBytes    = 8 << 20 // that they make
	maxMakeGlobs    = 1000
)

// errMake is an error about a part of a Makefile that is not read.
type errMake struct{ what string }

func (e *errMake) Error() string { return e.what }

func unreadable(format string, args ...any) error { return &errMake{fmt.Sprintf(format, args...)} }

// makeCommand is the command by which a Makefile compiles the source for BPF. The error
// says why a Makefile that seems to compile it cannot be read. Files that were read are
// added to read, names that were looked for in vain to missing.
func (d *Driver) makeCommand(source string, read, missing *[]string) (c compileCommand, origin string, err error) {
	for _, dir := range projectDirs(source) {
		for _, name := range []string{"GNUmakefile", "makefile", "Makefile"} {
			file := filepath.Join(dir, name)
			text, err := readBounded(file, maxMakefileSize)
			if err != nil {
				*missing = append(*missing, file)
				continue
			}
			*read = append(*read, file)
			if !strings.Contains(string(text), "bpf") {
				break
			}
			m := newMakefile(dir, d.environ())
			problem := m.parse(file, string(text))
			*read = append(*read, m.files...)
			c, at, err := m.commandFor(source)
			switch {
			case at != "" && err == nil && problem == nil:
				return c, at, nil
			case at != "" && err == nil:
				return compileCommand{}, file, problem
			case err != nil:
				return compileCommand{}, orText(at, file), err
			}
			break // make reads one of them
		}
	}
	return compileCommand{}, "", nil
}

func readBounded(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, fmt.Errorf("%s: is no file of at most %d bytes", path, limit)
	}
	return os.ReadFile(path)
}

func newMakefile(dir string, env environment) *makefile {
	m := &makefile{dir: dir, env: env, vars: map[string]*makeVar{}}
	for name, value := range map[string]string{"CURDIR": dir, "CC": "cc", "MAKE": "make", "AR": "ar", "RM": "rm -f"} {
		m.vars[name] = &makeVar{value: value, done: true}
	}
	return m
}

var (
	makeAssign  = pattern{text: `^\s*((?:(?:export|override|private)\s+)*)([^\s:#=!?+]+)\s*(::?:?=|\?=|\+=|!=|=)\s*(.*)$`}
	makeKeyword = pattern{text: `^\s*(ifeq|ifneq|ifdef|ifndef|else|endif|define|endef|include|-include|sinclude|export|unexport|override|undefine|vpath)\b\s*(.*)$`}
)

// makeBranch is an open conditional.
type makeBranch struct{ taken, active bool }

// parse reads the lines of a file. The error is about a line that decides about others and
// cannot be evaluated.
func (m *makefile) parse(file, text string) error {
	if m.depth++; m.depth > maxMakeDepth {
		return unreadable("its includes go too deep")
	}
	defer func() { m.depth-- }()
	m.vars["MAKEFILE_LIST"] = &makeVar{value: strings.TrimSpace(m.plain("MAKEFILE_LIST") + " " + file), done: true}
	var branches []makeBranch
	active := func() bool {
		return !slices.ContainsFunc(branches, func(b makeBranch) bool { return !b.active })
	}
	var problem error
	inRule := false
	defining := ""
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		at := i + 1
		line := lines[i]
		for strings.HasSuffix(line, `\`) && !strings.HasSuffix(line, `\\`) && i+1 < len(lines) {
			i++
			line = line[:len(line)-1] + " " + strings.TrimLeft(lines[i], " \t")
		}
		if defining != "" {
			if strings.TrimSpace(line) == "endef" {
				defining = ""
			}
			continue
		}
		if strings.HasPrefix(line, "\t") && inRule {
			if active() {
				last := &m.rules[len(m.rules)-1]
				last.recipe = append(last.recipe, line[1:])
			}
			continue
		}
		line = uncomment(line)
		if strings.TrimSpace(line) == "" {
			continue
		}
		word, rest := "", ""
		if k := makeKeyword.get().FindStringSubmatch(line); k != nil && makeAssign.get().FindStringSubmatch(line) == nil {
			word, rest = k[1], strings.TrimSpace(k[2])
		}
		switch word {
		case "ifeq", "ifneq", "ifdef", "ifndef":
			b := makeBranch{}
			if active() {
				holds, err := m.condition(word, rest)
				if err != nil && problem == nil {
					problem = unreadable("line %d: %v", at, err)
				}
				b.taken, b.active = holds, holds
			}
			branches = append(branches, b)
			continue
		case "else":
			if len(branches) == 0 {
				return unreadable("line %d: else without a condition", at)
			}
			b := &branches[len(branches)-1]
			outer := !slices.ContainsFunc(branches[:len(branches)-1], func(b makeBranch) bool { return !b.active })
			b.active = !b.taken && outer
			if k := makeKeyword.get().FindStringSubmatch(rest); k != nil && strings.HasPrefix(k[1], "if") && b.active {
				holds, err := m.condition(k[1], strings.TrimSpace(k[2]))
				if err != nil && problem == nil {
					problem = unreadable("line %d: %v", at, err)
				}
				b.active = holds
			}
			b.taken = b.taken || b.active
			continue
		case "endif":
			if len(branches) == 0 {
				return unreadable("line %d: endif without a condition", at)
			}
			branches = branches[:len(branches)-1]
			continue
		}
		if !active() {
			if word == "define" {
				defining = rest
			}
			continue
		}
		if word == "" || word == "export" || word == "override" {
			if a := makeAssign.get().FindStringSubmatch(line); a != nil {
				m.assign(a[2], a[3], strings.TrimLeft(a[4], " \t"))
				inRule = false
				continue
			}
		}
		inRule = false
		switch word {
		case "define":
			defining = orText(rest, "define")
			name := strings.Fields(rest)
			if len(name) > 0 {
				m.vars[name[0]] = &makeVar{err: unreadable("$(%s) is a define of several lines", name[0])}
			}
		case "include", "-include", "sinclude":
			if err := m.include(rest, word == "include"); err != nil && problem == nil {
				problem = unreadable("line %d: %v", at, err)
			}
		case "export", "unexport", "vpath", "endef":
		case "override", "undefine":
			m.opaque = append(m.opaque, line)
		default:
			if m.rule(file, at, line) {
				inRule = true
			} else if value, err := m.expand(line, 0); err != nil || strings.TrimSpace(value) != "" {
				m.opaque = append(m.opaque, line)
			}
		}
	}
	return problem
}

// uncomment cuts a comment off a line.
func uncomment(line string) string {
	for i := 0; i < len(line); i++ {
		if line[i] == '#' && (i == 0 || line[i-1] != '\\') {
			return line[:i]
		}
	}
	return line
}

// plain is the value of a variable that was set by this package.
func (m *makefile) plain(name string) string {
	if v := m.vars[name]; v != nil {
		return v.value
	}
	return ""
}

func (m *makefile) assign(name, operator, value string) {
	name, err := m.expand(name, 0)
	if err != nil {
		m.opaque = append(m.opaque, value)
		return
	}
	old := m.vars[name]
	inherited := old == nil && m.env.get(name) != ""
	switch operator {
	case "?=":
		if old != nil || inherited {
			return
		}
		m.vars[name] = &makeVar{value: value}
	case "=":
		m.vars[name] = &makeVar{value: value}
	case "!=":
		m.vars[name] = &makeVar{err: unreadable("$(%s) is the output of a command", name)}
	case "+=":
		switch {
		case old == nil && !inherited:
			m.vars[name] = &makeVar{value: value}
		case old == nil:
			m.vars[name] = &makeVar{value: m.env.get(name) + " " + value}
		case old.err != nil:
		case old.done:
			more, err := m.expand(value, 0)
			m.vars[name] = &makeVar{value: old.value + " " + more, done: true, err: err}
		default:
			m.vars[name] = &makeVar{value: old.value + " " + value}
		}
	default:
		expanded, err := m.expand(value, 0)
		m.vars[name] = &makeVar{value: expanded, done: true, err: err}
	}
}

func (m *makefile) include(list string, must bool) error {
	names, err := m.expand(list, 0)
	if err != nil {
		if must {
			return err
		}
		m.opaque = append(m.opaque, list)
		return nil
	}
	for _, name := range strings.Fields(names) {
		file := absIn(m.dir, name)
		text, err := readBounded(file, maxMakefileSize)
		if err != nil {
			if must {
				return unreadable("%s, which it includes, cannot be read", name)
			}
			continue
		}
		m.files = append(m.files, file)
		if err := m.parse(file, string(text)); err != nil {
			return err
		}
	}
	return nil
}

func (m *makefile) condition(word, rest string) (bool, error) {
	if word == "ifdef" || word == "ifndef" {
		name, err := m.expand(rest, 0)
		if err != nil {
			return false, err
		}
		v := m.vars[strings.TrimSpace(name)]
		defined := v != nil && (v.value != "" || v.err != nil) || v == nil && m.env.get(strings.TrimSpace(name)) != ""
		return defined == (word == "ifdef"), nil
	}
	var parts []string
	if inner, ok := strings.CutPrefix(rest, "("); ok && strings.HasSuffix(inner, ")") {
		parts = splitArgs(strings.TrimSuffix(inner, ")"), 2)
	} else if words, err := splitCommand(strings.ReplaceAll(rest, "$", `\$`)); err == nil {
		parts = words
	}
	if len(parts) != 2 {
		return false, unreadable("the condition is not understood")
	}
	var values [2]string
	for i, p := range parts {
		value, err := m.expand(strings.TrimSpace(p), 0)
		if err != nil {
			return false, err
		}
		values[i] = value
	}
	return (values[0] == values[1]) == (word == "ifeq"), nil
}

// rule reads a line of the form targets: prerequisites. It reports whether it is one.
func (m *makefile) rule(file string, at int, line string) bool {
	colon := topLevel(line, ':')
	if colon < 0 {
		return false
	}
	r := makeRule{file: file, line: at}
	left, right := line[:colon], strings.TrimLeft(line[colon:], ":")
	if recipe := topLevel(right, ';'); recipe >= 0 {
		r.recipe = append(r.recipe, strings.TrimSpace(right[recipe+1:]))
		right = right[:recipe]
	}
	targets, err := m.expand(left, 0)
	if err != nil {
		r.err = err
	}
	r.targets = strings.Fields(targets)
	if topLevel(right, '=') >= 0 {
		// A variable of one target: its value is for its recipe alone.
		r.err = unreadable("it sets variables for single targets")
		m.rules = append(m.rules, r)
		return true
	}
	if static := topLevel(right, ':'); static >= 0 {
		if r.pattern, err = m.expand(strings.TrimSpace(right[:static]), 0); err != nil {
			r.err = err
		}
		right = right[static+1:]
	}
	prereqs, err := m.expand(right, 0)
	if err != nil && r.err == nil {
		r.err = err
	}
	prereqs, orderOnly, _ := strings.Cut(prereqs, "|")
	r.prereqs, r.orderOnly = strings.Fields(prereqs), strings.Fields(orderOnly)
	m.rules = append(m.rules, r)
	return true
}

// topLevel is the index of a character outside of $(...), -1 if none.
func topLevel(s string, c byte) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '$' && i+1 < len(s) && (s[i+1] == '(' || s[i+1] == '{'):
			depth++
			i++
		case depth > 0 && (s[i] == '(' || s[i] == '{'):
			depth++
		case depth > 0 && (s[i] == ')' || s[i] == '}'):
			depth--
		case depth == 0 && s[i] == c:
			return i
		}
	}
	return -1
}

// splitArgs splits the arguments of a function at commas, into at most n.
func splitArgs(s string, n int) []string {
	var args []string
	for n <= 0 || len(args) < n-1 {
		i := topLevel(s, ',')
		if i < 0 {
			break
		}
		args, s = append(args, s[:i]), s[i+1:]
	}
	return append(args, s)
}

// expand replaces references to variables and functions.
func (m *makefile) expand(s string, depth int) (string, error) {
	if m.steps++; depth > maxMakeDepth || m.steps > maxMakeSteps {
		return "", unreadable("its variables go too deep")
	}
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '$')
		if i < 0 || i+1 >= len(s) {
			b.WriteString(s)
			return b.String(), nil
		}
		b.WriteString(s[:i])
		var value string
		var err error
		switch c := s[i+1]; c {
		case '$':
			value, s = "$", s[i+2:]
		case '(', '{':
			end := closing(s[i+1:])
			if end < 0 {
				return "", unreadable("a reference has no end")
			}
			value, err = m.reference(s[i+2:i+1+end], depth+1)
			s = s[i+2+end:]
		default:
			value, err = m.variable(string(c), depth+1)
			s = s[i+2:]
		}
		if err != nil {
			return "", err
		}
		m.bytes += len(value)
		if b.WriteString(value); b.Len() > maxMakeValue || m.bytes > maxMakeBytes {
			return "", unreadable("its variables grow too large")
		}
	}
}

// closing is the index of the bracket that closes the one that s begins with.
func closing(s string) int {
	open, shut := s[0], byte(')')
	if open == '{' {
		shut = '}'
	}
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case open:
			depth++
		case shut:
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

var makeFunction = pattern{text: `^([a-z-]+)[ \t]+(.*)$`}

func (m *makefile) reference(s string, depth int) (string, error) {
	if f := makeFunction.get().FindStringSubmatch(s); f != nil {
		if function, ok := makeFunctions()[f[1]]; ok {
			return function(m, f[2], depth)
		}
		return "", unreadable("$(%s ...) is not evaluated", f[1])
	}
	if colon := topLevel(s, ':'); colon >= 0 {
		if from, to, ok := strings.Cut(s[colon+1:], "="); ok {
			value, err := m.variable(s[:colon], depth)
			if err != nil {
				return "", err
			}
			if !strings.Contains(from, "%") {
				from, to = "%"+from, "%"+to
			}
			return m.evaluate(depth, func(a []string) string {
				return eachWord(value, func(w string) string { return substitute(a[0], a[1], w) })
			}, from, to)
		}
	}
	return m.variable(s, depth)
}

func (m *makefile) variable(name string, depth int) (string, error) {
	name, err := m.expand(name, depth)
	if err != nil {
		return "", err
	}
	for _, line := range m.opaque {
		if containsWord(line, name) {
			return "", unreadable("$(%s) may be set by %q, which is not evaluated", name, shortLine(line))
		}
	}
	if form := automatic(name); form != "" {
		return m.automatic(name[:1], form)
	}
	v := m.vars[name]
	switch {
	case v == nil:
		return m.env.get(name), nil
	case v.err != nil:
		return "", v.err
	case v.done:
		return v.value, nil
	}
	return m.expand(v.value, depth+1)
}

func shortLine(line string) string {
	line = strings.TrimSpace(line)
	if len(line) > 60 {
		return line[:60] + "..."
	}
	return line
}

func containsWord(line, word string) bool {
	for i := 0; word != ""; {
		j := strings.Index(line[i:], word)
		if j < 0 {
			return false
		}
		start, end := i+j, i+j+len(word)
		if (start == 0 || !isNameByte(line[start-1])) && (end == len(line) || !isNameByte(line[end])) {
			return true
		}
		i = end
	}
	return false
}

func isNameByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// automatic says which part of an automatic variable a name means: "file" of $<, "D" or
// "F" of $(<D); empty: it is none.
func automatic(name string) string {
	switch {
	case len(name) == 1 && strings.Contains("@<^+?*%|", name):
		return "file"
	case len(name) == 2 && strings.Contains("@<^+?*", name[:1]) && (name[1] == 'D' || name[1] == 'F'):
		return name[1:]
	}
	return ""
}

func (m *makefile) automatic(name, form string) (string, error) {
	v := m.vars["\x00"+name]
	if v == nil {
		return "", nil // outside of recipes
	}
	switch form {
	case "D":
		return eachWord(v.value, func(w string) string { return filepath.ToSlash(filepath.Dir(w)) }), nil
	case "F":
		return eachWord(v.value, func(w string) string { return filepath.Base(w) }), nil
	}
	return v.value, nil
}

// evaluate calls a function with expanded arguments.
func (m *makefile) evaluate(depth int, f func([]string) string, args ...string) (string, error) {
	values := make([]string, len(args))
	for i, a := range args {
		var err error
		if values[i], err = m.expand(a, depth); err != nil {
			return "", err
		}
	}
	return f(values), nil
}

func eachWord(s string, f func(string) string) string {
	words := strings.Fields(s)
	for i, w := range words {
		words[i] = f(w)
	}
	return strings.Join(words, " ")
}

func filterWords(s string, keep func(string) bool) string {
	return strings.Join(slices.DeleteFunc(strings.Fields(s), func(w string) bool { return !keep(w) }), " ")
}

// substitute replaces a word that matches a pattern with one % or none.
func substitute(pattern, to, word string) string {
	stem, ok := matchPercent(pattern, word)
	if !ok {
		return word
	}
	if !strings.Contains(pattern, "%") {
		return to
	}
	return strings.Replace(to, "%", stem, 1)
}

func matchPercent(pattern, word string) (stem string, ok bool) {
	before, after, percent := strings.Cut(pattern, "%")
	if !percent {
		return "", pattern == word
	}
	if len(word) < len(before)+len(after) || !strings.HasPrefix(word, before) || !strings.HasSuffix(word, after) {
		return "", false
	}
	return word[len(before) : len(word)-len(after)], true
}

func matchesAny(patterns, word string) bool {
	return slices.ContainsFunc(strings.Fields(patterns), func(p string) bool { _, ok := matchPercent(p, word); return ok })
}

// makeFunctions are the functions that depend on nothing but text and the names of files
// (manual, chapter 8).
func makeFunctions() map[string]makeFunctionOf {
	functionsOnce.Do(fillFunctions)
	return functions
}

type makeFunctionOf = func(m *makefile, args string, depth int) (string, error)

// They are made when they are first needed.
var (
	functionsOnce sync.Once
	functions     map[string]makeFunctionOf
)

func fillFunctions() {
	plain := func(n int, f func(m *makefile, a []string) string) func(*makefile, string, int) (string, error) {
		return func(m *makefile, args string, depth int) (string, error) {
			list := splitArgs(args, n)
			if len(list) < n {
				return "", unreadable("a function has too few arguments")
			}
			return m.evaluate(depth, func(a []string) string { return f(m, a) }, list...)
		}
	}
	words := func(f func(m *makefile, w string) string) func(*makefile, string, int) (string, error) {
		return plain(1, func(m *makefile, a []string) string {
			return strings.Join(strings.Fields(eachWord(a[0], func(w string) string { return f(m, w) })), " ")
		})
	}
	functions = map[string]makeFunctionOf{
		"subst": plain(3, func(_ *makefile, a []string) string { return strings.ReplaceAll(a[2], a[0], a[1]) }),
		"patsubst": plain(3, func(_ *makefile, a []string) string {
			return eachWord(a[2], func(w string) string { return substitute(a[0], a[1], w) })
		}),
		"strip": plain(1, func(_ *makefile, a []string) string { return strings.Join(strings.Fields(a[0]), " ") }),
		"findstring": plain(2, func(_ *makefile, a []string) string {
			if strings.Contains(a[1], a[0]) {
				return a[0]
			}
			return ""
		}),
		"filter": plain(2, func(_ *makefile, a []string) string {
			return filterWords(a[1], func(w string) bool { return matchesAny(a[0], w) })
		}),
		"filter-out": plain(2, func(_ *makefile, a []string) string {
			return filterWords(a[1], func(w string) bool { return !matchesAny(a[0], w) })
		}),
		"sort": plain(1, func(_ *makefile, a []string) string {
			list := strings.Fields(a[0])
			slices.Sort(list)
			return strings.Join(slices.Compact(list), " ")
		}),
		"word": plain(2, func(_ *makefile, a []string) string {
			n, _ := strconv.Atoi(strings.TrimSpace(a[0]))
			if list := strings.Fields(a[1]); n >= 1 && n <= len(list) {
				return list[n-1]
			}
			return ""
		}),
		"words": plain(1, func(_ *makefile, a []string) string { return strconv.Itoa(len(strings.Fields(a[0]))) }),
		"firstword": plain(1, func(_ *makefile, a []string) string {
			if list := strings.Fields(a[0]); len(list) > 0 {
				return list[0]
			}
			return ""
		}),
		"lastword": plain(1, func(_ *makefile, a []string) string {
			if list := strings.Fields(a[0]); len(list) > 0 {
				return list[len(list)-1]
			}
			return ""
		}),
		"dir": words(func(_ *makefile, w string) string {
			if i := strings.LastIndexByte(w, '/'); i >= 0 {
				return w[:i+1]
			}
			return "./"
		}),
		"notdir":   words(func(_ *makefile, w string) string { return w[strings.LastIndexByte(w, '/')+1:] }),
		"suffix":   words(func(_ *makefile, w string) string { return filepath.Ext(w) }),
		"basename": words(func(_ *makefile, w string) string { return strings.TrimSuffix(w, filepath.Ext(w)) }),
		"abspath":  words(func(m *makefile, w string) string { return absIn(m.dir, w) }),
		"realpath": words(func(m *makefile, w string) string {
			real, err := filepath.EvalSymlinks(absIn(m.dir, w))
			if err != nil {
				return ""
			}
			return real
		}),
		"addsuffix": plain(2, func(_ *makefile, a []string) string { return eachWord(a[1], func(w string) string { return w + a[0] }) }),
		"addprefix": plain(2, func(_ *makefile, a []string) string { return eachWord(a[1], func(w string) string { return a[0] + w }) }),
		"wildcard":  (*makefile).wildcard,
		"info":      func(*makefile, string, int) (string, error) { return "", nil },
		"warning":   func(*makefile, string, int) (string, error) { return "", nil },
		"if": func(m *makefile, args string, depth int) (string, error) {
			list := splitArgs(args, 3)
			condition, err := m.expand(strings.TrimSpace(list[0]), depth)
			switch {
			case err != nil:
				return "", err
			case condition != "" && len(list) > 1:
				return m.expand(list[1], depth)
			case condition == "" && len(list) > 2:
				return m.expand(list[2], depth)
			}
			return "", nil
		},
		"or": func(m *makefile, args string, depth int) (string, error) {
			for _, a := range splitArgs(args, 0) {
				if value, err := m.expand(strings.TrimSpace(a), depth); err != nil || value != "" {
					return value, err
				}
			}
			return "", nil
		},
		"and": func(m *makefile, args string, depth int) (value string, err error) {
			for _, a := range splitArgs(args, 0) {
				if value, err = m.expand(strings.TrimSpace(a), depth); err != nil || value == "" {
					return "", err
				}
			}
			return value, nil
		},
		"foreach": func(m *makefile, args string, depth int) (string, error) {
			list := splitArgs(args, 3)
			if len(list) < 3 {
				return "", unreadable("a function has too few arguments")
			}
			name := strings.TrimSpace(list[0])
			values, err := m.expand(list[1], depth)
			if err != nil {
				return "", err
			}
			old := m.vars[name]
			defer func() { m.vars[name] = old }()
			var out []string
			for _, w := range strings.Fields(values) {
				m.vars[name] = &makeVar{value: w, done: true}
				text, err := m.expand(list[2], depth)
				if err != nil {
					return "", err
				}
				if out = append(out, text); len(out) > 1000 {
					return "", unreadable("its variables grow too large")
				}
			}
			return strings.Join(out, " "), nil
		},
		"shell": (*makefile).shell,
	}
}

var (
	shellMachine = pattern{text: `^uname -m((?:\s*\|\s*sed(?:\s+-e)?\s+(?:'[^']*'|"[^"]*"|\S+)(?:\s+-e\s+(?:'[^']*'|"[^"]*"|\S+))*)*)$`}
	sedScript    = pattern{text: `(?:sed(?:\s+-e)?|-e)\s+('[^']*'|"[^"]*"|[^\s|]+)`}
	sedReplace   = pattern{text: `^s([/|,])([\w.*]+)[/|,]([\w]*)[/|,](g?)$`}
	shellWhich   = pattern{text: `^(?:which|command -v)\s+([\w.+-]+)(?:\s+2>\s*/dev/null)?$`}
)

// shell knows what a few commands print that Makefiles use again and again: the machine's
// name as the kernel spells it, where clang looks for headers (bpfls finds these itself),
// where a program is, and the directory. Nothing is run.
func (m *makefile) shell(args string, depth int) (string, error) {
	command, err := m.expand(args, depth)
	if err != nil {
		return "", err
	}
	command = strings.TrimSpace(command)
	switch machine := unameMachine(); {
	case command == "pwd":
		return m.dir, nil
	case strings.Contains(command, "search starts here") && strings.Contains(command, "-idirafter"):
		return "", nil
	case shellWhich.get().MatchString(command):
		return shellWhich.get().FindStringSubmatch(command)[1], nil
	case machine != "" && shellMachine.get().MatchString(command):
		for _, s := range sedScript.get().FindAllStringSubmatch(command, -1) {
			for _, one := range strings.Split(strings.Trim(s[1], `'"`), ";") {
				r := sedReplace.get().FindStringSubmatch(strings.TrimSpace(one))
				if r == nil {
					return "", unreadable("$(shell %s) is not run", shortLine(command))
				}
				machine = sedOnce(machine, r[2], r[3], r[4] != "")
			}
		}
		return machine, nil
	}
	return "", unreadable("$(shell %s) is not run", shortLine(command))
}

// wildcard lists the files that match patterns, of which one part of the path may have
// wildcards: a walk over whole trees is not for the start of a compilation.
func (m *makefile) wildcard(args string, depth int) (string, error) {
	patterns, err := m.expand(args, depth)
	if err != nil {
		return "", err
	}
	var list []string
	for _, p := range strings.Fields(patterns) {
		if strings.ContainsAny(filepath.Dir(p), "*?[") {
			return "", unreadable("$(wildcard %s) is not evaluated", shortLine(p))
		}
		if m.globs++; m.globs > maxMakeGlobs {
			return "", unreadable("it looks for too many files")
		}
		found, _ := filepath.Glob(absIn(m.dir, p))
		for _, f := range found {
			if rel, err := filepath.Rel(m.dir, f); err == nil && !filepath.IsAbs(p) {
				f = rel
			}
			list = append(list, f)
		}
	}
	return strings.Join(list, " "), nil
}

// sedOnce replaces the first match of an expression of letters, dots and stars, or all.
func sedOnce(text, expression, to string, all bool) string {
	re, err := regexp.Compile(expression)
	if err != nil {
		return text
	}
	if all {
		return re.ReplaceAllLiteralString(text, to)
	}
	at := re.FindStringIndex(text)
	if at == nil {
		return text
	}
	return text[:at[0]] + to + text[at[1]:]
}

// unameMachine is what uname -m prints here; empty where that is not known.
func unameMachine() string {
	if runtime.GOOS != "linux" {
		return ""
	}
	return map[string]string{"amd64": "x86_64", "arm64": "aarch64", "riscv64": "riscv64", "loong64": "loongarch64", "ppc64le": "ppc64le", "s390x": "s390x"}[runtime.GOARCH]
}

// commandFor finds the rule that compiles the source for BPF. at is empty where there is
// none; the error says why one that seems to cannot be read.
func (m *makefile) commandFor(source string) (c compileCommand, at string, err error) {
	var failed error
	for _, r := range m.rules {
		if len(r.recipe) == 0 || !r.mayCompile() {
			continue
		}
		for _, named := range r.prereqs {
			target, stem, ok := r.makes(m.dir, named, source)
			if !ok {
				continue
			}
			at := r.file + ":" + strconv.Itoa(r.line)
			if r.err != nil {
				return c, at, r.err
			}
			args, err := m.recipeCommand(r, target, stem, source)
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("line %d: %w", r.line, err))
				continue
			}
			if args != nil {
				return compileCommand{directory: m.dir, args: args}, at, nil
			}
		}
	}
	return c, "", failed
}

// mayCompile reports whether a recipe may run clang.
func (r *makeRule) mayCompile() bool {
	return slices.ContainsFunc(r.recipe, func(line string) bool {
		l := strings.ToLower(line)
		return strings.Contains(l, "clang") || strings.Contains(l, "cc") || strings.Contains(l, "bpf")
	})
}

// makes reports whether a prerequisite of the rule is the source, and which target and
// stem belong to it.
func (r *makeRule) makes(dir, prereq, source string) (target, stem string, ok bool) {
	pattern := r.pattern
	if pattern == "" && len(r.targets) == 1 && strings.Contains(r.targets[0], "%") {
		pattern = r.targets[0]
	}
	if pattern == "" || !strings.Contains(prereq, "%") {
		if len(r.targets) == 0 || pattern != "" || PathKey(absIn(dir, prereq)) != PathKey(source) {
			return "", "", false
		}
		return r.targets[0], "", true
	}
	rel, err := filepath.Rel(dir, source)
	if err != nil {
		return "", "", false
	}
	for _, name := range []string{filepath.ToSlash(rel), "./" + filepath.ToSlash(rel), filepath.ToSlash(source)} {
		if stem, ok = matchPercent(strings.TrimPrefix(prereq, "./"), strings.TrimPrefix(name, "./")); ok && stem != "" {
			target = strings.Replace(pattern, "%", stem, 1)
			return target, stem, r.pattern == "" || slices.Contains(r.targets, target)
		}
	}
	return "", "", false
}

// recipeCommand finds the command of a recipe that compiles the source for BPF; nil where
// none does.
func (m *makefile) recipeCommand(r makeRule, target, stem, source string) ([]string, error) {
	var prereqs []string
	for _, p := range r.prereqs {
		prereqs = append(prereqs, strings.Replace(p, "%", stem, 1))
	}
	for name, value := range map[string]string{
		"@": target, "<": prereqs[0], "^": strings.Join(prereqs, " "), "+": strings.Join(prereqs, " "), "?": strings.Join(prereqs, " "),
		"*": stem, "|": strings.Join(r.orderOnly, " "),
	} {
		m.vars["\x00"+name] = &makeVar{value: value, done: true}
	}
	if stem == "" {
		m.vars["\x00*"] = &makeVar{value: strings.TrimSuffix(target, filepath.Ext(target)), done: true}
	}
	defer func() {
		for _, name := range []string{"@", "<", "^", "+", "?", "*", "|"} {
			delete(m.vars, "\x00"+name)
		}
	}()
	var failed error
	for _, line := range r.recipe {
		text, err := m.expand(line, 0)
		if err != nil {
			if l := strings.ToLower(line); strings.Contains(l, "clang") || strings.Contains(l, "cc)") || strings.Contains(l, "cc}") {
				failed = err
			}
			continue
		}
		words, err := splitCommand(strings.TrimLeft(text, "@-+ \t"))
		// What a shell would do beyond splitting is not done, so such a recipe is not read.
		if err != nil || strings.ContainsAny(text, "$`|&;<>()") || !isBPFTarget(targetOf(words)) {
			if strings.Contains(text, "bpf") && strings.Contains(text, "clang") && strings.Contains(text, "-target") {
				failed = unreadable("its command is more than one")
			}
			continue
		}
		compiles := slices.ContainsFunc(words, func(w string) bool { return PathKey(absIn(m.dir, w)) == PathKey(source) })
		first := slices.IndexFunc(words, func(w string) bool { return strings.HasPrefix(w, "-") })
		isClang := first > 0 && slices.ContainsFunc(words[:first], func(w string) bool { return strings.HasPrefix(filepath.Base(w), "clang") })
		if compiles && isClang {
			return words[first:], nil
		}
	}
	return nil, failed
}
