// Package csource reads C sources as far as tools need that point at expressions or edit
// them: tokens, functions, statements, declarations and the extent of expressions. It
// does not preprocess: the text is what a person sees, macro calls look like function calls, and
// directives are left out. What it cannot make sense of it reads as an expression
// statement that ends at the next semicolon.
package csource

import (
	"bytes"
	"sort"
	"strings"

	"bpfls/position"
)

// Kind is what a token is.
type Kind uint8

// The kinds of tokens.
const (
	Ident Kind = iota // identifiers and keywords
	Number
	String // string and character constants
	Punct
)

// Token is a preprocessing token (C11, 6.4): bytes Start to End of the text.
type Token struct {
	Kind       Kind
	Start, End int
}

// File is a source that was read. It is immutable.
type File struct {
	*position.Mapper
	Tokens []Token
	Macros map[string]bool // names that the text defines
	// Defined holds, by name, the token that names a macro with parameters where it is
	// defined. It is none of Tokens.
	Defined map[string]Token
	// Aliases holds, by name, the identifier that a macro without parameters stands for.
	Aliases   map[string]string
	Functions []*Function  // definitions, in order
	Globals   []Declarator // of variables, types' members not included

	text  []byte
	match []int // index of the matching bracket, or -1
}

// Span is a run of tokens, both ends included.
type Span struct{ First, Last int }

// None is the span of no tokens.
var None = Span{0, -1}

// OK reports whether the span has tokens.
func (s Span) OK() bool { return s.First >= 0 && s.Last >= s.First }

// Contains reports whether o lies in s.
func (s Span) Contains(o Span) bool { return o.OK() && s.First <= o.First && o.Last <= s.Last }

// Parse reads a source. It takes any text.
func Parse(m *position.Mapper) *File {
	f := Scan(m)
	f.top()
	return f
}

// Scan reads the tokens of a source: the File has no Functions and no Globals, but
// knows expressions.
func Scan(m *position.Mapper) *File {
	f := &File{Mapper: m, text: m.Text(), Macros: map[string]bool{}, Defined: map[string]Token{}, Aliases: map[string]string{}}
	f.scan()
	f.pair()
	return f
}

func (f *File) scan() {
	t := f.text
	fresh := true // only blanks since the line began
	add := func(k Kind, from, to int) int {
		f.Tokens = append(f.Tokens, Token{k, from, to})
		fresh = false
		return to
	}
	for i := 0; i < len(t); {
		switch c := t[i]; {
		case c == '\n' || c == '\r':
			fresh = true
			i++
		case c == '/' && i+1 < len(t) && t[i+1] == '/':
			i = f.lineEnd(i)
		case c == '/' && i+1 < len(t) && t[i+1] == '*':
			n := bytes.Index(t[i+2:], []byte("*/"))
			if n < 0 {
				return
			}
			i += n + 4
		case c == '#' && fresh:
			end := f.lineEnd(i)
			f.directive(i+1, end)
			i = end
		case c == '"' || c == '\'':
			i = add(String, i, quoted(t, i))
		case digit(c) || c == '.' && i+1 < len(t) && digit(t[i+1]):
			i = add(Number, i, number(t, i))
		case word(c):
			end := i + 1
			for end < len(t) && word(t[end]) {
				end++
			}
			i = add(Ident, i, end)
		default:
			if n := punctuator(t[i:]); n > 0 {
				i = add(Punct, i, i+n)
			} else {
				i++ // a blank, or what no token begins with
			}
		}
	}
}

// lineEnd returns the end of the logical line at i.
func (f *File) lineEnd(i int) int {
	for ; i < len(f.text); i++ {
		switch f.text[i] {
		case '\\':
			if bytes.HasPrefix(f.text[i+1:], []byte("\r\n")) {
				i++
			}
			i++
		case '\n', '\r':
			return i
		}
	}
	return len(f.text)
}

// directive remembers the name that the directive in bytes from to end defines.
func (f *File) directive(from, end int) {
	at := from
	blanks := func() {
		for at < end && (f.text[at] == ' ' || f.text[at] == '\t') {
			at++
		}
	}
	name := func() string {
		start := at
		for at < end && word(f.text[at]) {
			at++
		}
		return string(f.text[start:at])
	}
	blanks()
	if name() != "define" {
		return
	}
	blanks()
	start := at
	macro := name()
	if macro == "" {
		return
	}
	f.Macros[macro] = true
	if at < end && f.text[at] == '(' {
		f.Defined[macro] = Token{Ident, start, at}
		return
	}
	blanks()
	if alias := name(); alias != "" {
		if blanks(); at == end {
			f.Aliases[macro] = alias
		}
	}
}

// IsWordByte reports whether a byte can stand in an identifier.
func IsWordByte(c byte) bool { return word(c) }

func digit(c byte) bool { return c >= '0' && c <= '9' }

func word(c byte) bool {
	return c == '_' || c == '$' || digit(c) || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80
}

// number returns the end of the preprocessing number at i.
func number(t []byte, i int) int {
	hex := i+1 < len(t) && t[i] == '0' && t[i+1]|0x20 == 'x'
	for i++; i < len(t); i++ {
		sign := (t[i] == '+' || t[i] == '-') && (t[i-1]|0x20 == 'p' || t[i-1]|0x20 == 'e' && !hex)
		if !word(t[i]) && t[i] != '.' && !sign {
			break
		}
	}
	return i
}

// quoted returns the end of the string or character constant at i.
func quoted(t []byte, i int) int {
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

// pair finds the brackets that belong together. A stray one belongs to none, and no
// pair crosses a brace.
func (f *File) pair() {
	f.match = make([]int, len(f.Tokens))
	var open []int
	for i := range f.Tokens {
		f.match[i] = -1
		if f.Tokens[i].Kind != Punct {
			continue
		}
		switch c := f.Str(i); c {
		case "(", "[", "{":
			open = append(open, i)
		case ")", "]", "}":
			want := map[string]string{")": "(", "]": "[", "}": "{"}[c]
			for n := len(open) - 1; n >= 0; n-- {
				if f.Str(open[n]) == want {
					f.match[i], f.match[open[n]] = open[n], i
					open = open[:n]
					break
				}
				if want != "{" && f.Str(open[n]) == "{" {
					break
				}
			}
		}
	}
}

// Str returns the spelling of a token, empty where there is none.
func (f *File) Str(i int) string {
	if i < 0 || i >= len(f.Tokens) {
		return ""
	}
	return string(f.text[f.Tokens[i].Start:f.Tokens[i].End])
}

// Is reports whether token i is one of these words or punctuators.
func (f *File) Is(i int, spellings ...string) bool {
	if i < 0 || i >= len(f.Tokens) || f.Tokens[i].Kind == String {
		return false
	}
	str := f.text[f.Tokens[i].Start:f.Tokens[i].End]
	for _, s := range spellings {
		if string(str) == s {
			return true
		}
	}
	return false
}

// Match returns the bracket that belongs to the one at i, or -1.
func (f *File) Match(i int) int {
	if i < 0 || i >= len(f.match) {
		return -1
	}
	return f.match[i]
}

// IsIdent reports whether token i is an identifier or keyword.
func (f *File) IsIdent(i int) bool { return i >= 0 && i < len(f.Tokens) && f.Tokens[i].Kind == Ident }

// TextOf returns the text of a span as it is written.
func (f *File) TextOf(s Span) string {
	if !s.OK() || s.Last >= len(f.Tokens) {
		return ""
	}
	return string(f.text[f.Tokens[s.First].Start:f.Tokens[s.Last].End])
}

// Offsets returns the byte offsets where a span begins and ends.
func (f *File) Offsets(s Span) (start, end int) { return f.Tokens[s.First].Start, f.Tokens[s.Last].End }

// TokenAt returns the token at a byte offset: the one that holds it, else the next one
// of the same line, else -1.
func (f *File) TokenAt(offset int) int {
	i := sort.Search(len(f.Tokens), func(i int) bool { return f.Tokens[i].End > offset })
	if i == len(f.Tokens) || f.Tokens[i].Start > offset && f.Point(f.Tokens[i].Start).Line != f.Point(offset).Line {
		return -1
	}
	return i
}

// Spelling returns the text of a span with single blanks between words.
func (f *File) Spelling(s Span) string { return strings.Join(strings.Fields(f.TextOf(s)), " ") }

// At returns the tokens that lie in bytes from to to, and of an empty range the token
// that holds it or begins there.
func (f *File) At(from, to int) Span {
	first := sort.Search(len(f.Tokens), func(i int) bool { return f.Tokens[i].End > from })
	last := sort.Search(len(f.Tokens), func(i int) bool { return f.Tokens[i].Start >= max(to, from+1) }) - 1
	if first >= len(f.Tokens) || last < first {
		return None
	}
	return Span{first, last}
}
