package explain

import (
	"bytes"
	"sort"

	"bpfls/position"
)

// token is a preprocessing token of C, enough of one to find where an expression
// begins and ends: C11 6.4 without phases of translation before it.
type token struct {
	kind       tokenKind
	start, end int // byte offsets
}

type tokenKind uint8

const (
	tokIdent tokenKind = iota
	tokNumber
	tokString // string or character constant
	tokPunct
)

// source is a text with its tokens. Comments and preprocessing directives have
// none; the macros that directives define are remembered by name.
type source struct {
	*position.Mapper
	text   []byte
	tokens []token
	match  []int // index of the matching bracket, or -1
	macros map[string]bool
	// defined holds, by name, where the macros with parameters are defined: the bytes of
	// the name.
	defined map[string]token
}

func newSource(m *position.Mapper) *source {
	s := &source{Mapper: m, text: m.Text(), macros: map[string]bool{}, defined: map[string]token{}}
	s.scan()
	s.pair()
	return s
}

func (s *source) scan() {
	t := s.text
	fresh := true // only blanks since the line began
	for i := 0; i < len(t); {
		c := t[i]
		switch {
		case c == '\n' || c == '\r':
			fresh = true
			i++
		case c == ' ' || c == '\t' || c == '\v' || c == '\f':
			i++
		case c == '\\' && i+1 < len(t) && (t[i+1] == '\n' || t[i+1] == '\r'):
			i += 2
		case c == '/' && i+1 < len(t) && t[i+1] == '/':
			i = s.lineEnd(i)
		case c == '/' && i+1 < len(t) && t[i+1] == '*':
			if n := bytes.Index(t[i+2:], []byte("*/")); n >= 0 {
				i += n + 4
			} else {
				i = len(t)
			}
		case c == '#' && fresh:
			end := s.lineEnd(i)
			s.directive(t[i:end], i)
			i = end
		case c == '"' || c == '\'':
			end := stringEnd(t, i)
			s.tokens = append(s.tokens, token{tokString, i, end})
			fresh, i = false, end
		case identByte(c) && (c < '0' || c > '9'):
			end := i + 1
			for end < len(t) && identByte(t[end]) {
				end++
			}
			s.tokens = append(s.tokens, token{tokIdent, i, end})
			fresh, i = false, end
		case c >= '0' && c <= '9' || c == '.' && i+1 < len(t) && t[i+1] >= '0' && t[i+1] <= '9':
			end := i + 1
			for end < len(t) && (identByte(t[end]) || t[end] == '.' ||
				(t[end] == '+' || t[end] == '-') && (t[end-1]|0x20 == 'e' || t[end-1]|0x20 == 'p') && !hex(t[i:end])) {
				end++
			}
			s.tokens = append(s.tokens, token{tokNumber, i, end})
			fresh, i = false, end
		default:
			n := punctuator(t[i:])
			if c >= 0x80 || n > 0 {
				n = max(n, 1)
				s.tokens = append(s.tokens, token{tokPunct, i, i + n})
				fresh = false
			}
			i += max(n, 1)
		}
	}
}

// lineEnd returns the end of the logical line at i: one whose line end is behind
// a backslash goes on.
func (s *source) lineEnd(i int) int {
	for ; i < len(s.text); i++ {
		switch s.text[i] {
		case '\\':
			if i+2 < len(s.text) && s.text[i+1] == '\r' && s.text[i+2] == '\n' {
				i++
			}
			i++
		case '\n', '\r':
			return i
		}
	}
	return len(s.text)
}

// directive remembers the name that a #define defines; the directive begins at a byte.
func (s *source) directive(line []byte, at int) {
	f := bytes.Fields(bytes.TrimPrefix(line, []byte("#")))
	if len(f) < 2 || string(f[0]) != "define" {
		return
	}
	name := f[1]
	for i, c := range name {
		if !identByte(c) {
			if c == '(' {
				word := bytes.Index(line, []byte("define")) + len("define")
				start := at + word + bytes.Index(line[word:], name)
				s.defined[string(name[:i])] = token{tokIdent, start, start + i}
			}
			name = name[:i]
			break
		}
	}
	s.macros[string(name)] = true
}

func hex(number []byte) bool {
	return len(number) > 1 && number[0] == '0' && number[1]|0x20 == 'x' && !bytes.ContainsAny(number, "pP")
}

func identByte(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80
}

func stringEnd(t []byte, i int) int {
	for j := i + 1; j < len(t); j++ {
		switch t[j] {
		case '\\':
			j++
		case '\n', '\r':
			return j
		case t[i]:
			return j + 1
		}
	}
	return len(t)
}

var punctuators = []string{"<<=", ">>=", "...", "->", "++", "--", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||",
	"+=", "-=", "*=", "/=", "%=", "&=", "^=", "|="}

// punctuator returns the length of the punctuator that t begins with.
func punctuator(t []byte) int {
	for _, p := range punctuators {
		if bytes.HasPrefix(t, []byte(p)) {
			return len(p)
		}
	}
	if bytes.IndexByte([]byte("[](){}.&*+-~!/%<>^|?:;=,"), t[0]) >= 0 {
		return 1
	}
	return 0
}

func (s *source) pair() {
	s.match = make([]int, len(s.tokens))
	var open []int
	for i := range s.tokens {
		s.match[i] = -1
		if s.tokens[i].kind != tokPunct {
			continue
		}
		switch c := s.str(i); c {
		case "(", "[", "{":
			open = append(open, i)
		case ")", "]", "}":
			want := map[string]string{")": "(", "]": "[", "}": "{"}[c]
			for n := len(open) - 1; n >= 0; n-- {
				if s.str(open[n]) == want {
					s.match[i], s.match[open[n]] = open[n], i
					open = open[:n]
					break
				}
				if want != "{" && s.str(open[n]) == "{" {
					break // a stray closing bracket: never across a block
				}
			}
		}
	}
}

// str returns a token's spelling, empty outside of the text.
func (s *source) str(i int) string {
	if i < 0 || i >= len(s.tokens) {
		return ""
	}
	return string(s.text[s.tokens[i].start:s.tokens[i].end])
}

func (s *source) is(i int, spellings ...string) bool {
	if i < 0 || i >= len(s.tokens) || s.tokens[i].kind == tokString {
		return false
	}
	str := s.str(i)
	for _, sp := range spellings {
		if str == sp {
			return true
		}
	}
	return false
}

// at returns the token at a byte offset: the one that holds it, else the next one
// of the same line, else -1.
func (s *source) at(offset int) int {
	i := sort.Search(len(s.tokens), func(i int) bool { return s.tokens[i].end > offset })
	if i == len(s.tokens) || s.tokens[i].start > offset && s.Point(s.tokens[i].start).Line != s.Point(offset).Line {
		return -1
	}
	return i
}
