package clangdriver

import "strings"

// directive is a place in a text that names a file: #include, #include_next,
// #import, #embed, and the operand of __has_include and its like. Directives that
// preprocessing skips are not told apart here, and names that a macro spells are
// not seen: what clang read decides (includeGraph).
type directive struct {
	name   string // as written, without the delimiters
	angled bool   // <name>
	next   bool   // #include_next, __has_include_next
	probe  bool   // __has_include, __has_embed: asks whether the file exists
	line   int
	column int // of the opening delimiter, in bytes from 1
	length int // with the delimiters, in bytes
}

// scanIncludes lists the directives of a C text. It never fails: text that is no
// C has no directives.
func scanIncludes(text []byte) []directive {
	var found []directive
	c := cursor{text: text, line: 1, column: 1}
	for !c.end() {
		c.blanks()
		if c.peek() != '#' {
			c.skipLine()
			continue
		}
		c.advance()
		if ahead := c; mayName(ahead.directiveWord()) {
			found = append(found, readDirective(c.directiveLine())...)
		} else {
			c.skipLine()
		}
	}
	return found
}

// mayName tells the directives that may name a file.
func mayName(directive string) bool {
	switch directive {
	case "include", "include_next", "import", "embed", "if", "elif":
		return true
	}
	return false
}

// directiveWord reads the name of a directive behind its #; no name is longer
// than 16 bytes.
func (c *cursor) directiveWord() string {
	var word []byte
	for isBlank(c.peek()) || c.comment() {
		if isBlank(c.peek()) {
			c.advance()
		}
	}
	for isWord(c.peek()) && len(word) < 16 {
		word = append(word, c.peek())
		c.advance()
	}
	return string(word)
}

// cursor goes through a text as C's first translation phases see it: a
// backslash-newline is nothing.
type cursor struct {
	text         []byte
	i            int
	line, column int
}

func (c *cursor) end() bool { c.splice(); return c.i >= len(c.text) }

func (c *cursor) splice() {
	for c.i < len(c.text) && c.text[c.i] == '\\' {
		n := c.i + 1
		if n < len(c.text) && c.text[n] == '\r' {
			n++
		}
		if n >= len(c.text) || c.text[n] != '\n' {
			return
		}
		c.i, c.line, c.column = n+1, c.line+1, 1
	}
}

// peek is the next byte, 0 at the end.
func (c *cursor) peek() byte {
	if c.end() {
		return 0
	}
	return c.text[c.i]
}

// peek2 is the byte behind the next one; a splice between the two is not looked through.
func (c *cursor) peek2() byte {
	if c.end() || c.i+1 >= len(c.text) {
		return 0
	}
	return c.text[c.i+1]
}

func (c *cursor) advance() {
	if c.end() {
		return
	}
	if c.text[c.i] == '\n' {
		c.line, c.column = c.line+1, 1
	} else {
		c.column++
	}
	c.i++
}

func isBlank(b byte) bool { return b == ' ' || b == '\t' || b == '\r' || b == '\v' || b == '\f' }

// blanks goes over blanks, empty lines and comments.
func (c *cursor) blanks() {
	for !c.end() && (isBlank(c.peek()) || c.peek() == '\n' || c.comment()) {
		if isBlank(c.peek()) || c.peek() == '\n' {
			c.advance()
		}
	}
}

// comment goes over a comment, if there is one; the newline behind a // stays.
func (c *cursor) comment() bool {
	if c.peek() != '/' {
		return false
	}
	switch c.peek2() {
	case '/':
		for !c.end() && c.peek() != '\n' {
			c.advance()
		}
	case '*':
		c.advance()
		c.advance()
		for !c.end() && (c.peek() != '*' || c.peek2() != '/') {
			c.advance()
		}
		c.advance()
		c.advance()
	default:
		return false
	}
	return true
}

// skipLine goes behind the next newline that is in no comment. Literals hide
// what looks like a comment in them.
func (c *cursor) skipLine() {
	for !c.end() {
		switch b := c.peek(); b {
		case '\n':
			c.advance()
			return
		case '"', '\'':
			c.advance()
			for !c.end() && c.peek() != b && c.peek() != '\n' {
				if c.peek() == '\\' {
					c.advance()
				}
				c.advance()
			}
			if c.peek() == b {
				c.advance()
			}
		default:
			if !c.comment() {
				c.advance()
			}
		}
	}
}

// token is a byte of a directive with its place.
type token struct {
	b            byte
	line, column int
}

// directiveLine reads behind # to the newline: no comments, and header names,
// which may hold what looks like one, as they are.
func (c *cursor) directiveLine() []token {
	var line []token
	keep := func() {
		line = append(line, token{c.peek(), c.line, c.column})
		c.advance()
	}
	for !c.end() && c.peek() != '\n' {
		place := token{' ', c.line, c.column}
		switch b := c.peek(); {
		case c.comment():
			line = append(line, place)
		case b == '"' || b == '<' && namesHeader(line):
			stop := b
			if b == '<' {
				stop = '>'
			}
			keep()
			for !c.end() && c.peek() != stop && c.peek() != '\n' {
				keep()
			}
			if c.peek() == stop {
				keep()
			}
		default:
			keep()
		}
	}
	return line
}

// includeWord tells the directives and operators in front of a header name.
func includeWord(word string) (d directive, ok bool) {
	switch word {
	case "include", "import", "embed":
		return directive{}, true
	case "include_next":
		return directive{next: true}, true
	case "__has_include", "__has_embed":
		return directive{probe: true}, true
	case "__has_include_next":
		return directive{probe: true, next: true}, true
	}
	return directive{}, false
}

// namesHeader says whether a < behind these bytes opens a header name.
func namesHeader(line []token) bool {
	_, ok := includeWord(wordBefore(line))
	return ok
}

func isWord(b byte) bool {
	return b == '_' || '0' <= b && b <= '9' || 'a' <= b|0x20 && b|0x20 <= 'z'
}

func tokenText(tokens []token) string {
	var s strings.Builder
	for _, t := range tokens {
		s.WriteByte(t.b)
	}
	return s.String()
}

// readDirective finds the header names of a directive.
func readDirective(line []token) []directive {
	var found []directive
	for i := 0; i < len(line); i++ {
		open := line[i].b
		if open != '"' && open != '<' {
			continue
		}
		d, names := includeWord(wordBefore(line[:i]))
		if open == '<' && !names {
			continue // less than
		}
		stop := open
		if open == '<' {
			stop = '>'
		}
		end := i + 1
		for end < len(line) && line[end].b != stop {
			end++
		}
		if names && end > i+1 && end < len(line) {
			d.name = tokenText(line[i+1 : end])
			d.angled = open == '<'
			d.line, d.column = line[i].line, line[i].column
			d.length = len(d.name) + 2
			found = append(found, d)
		}
		i = end
	}
	return found
}

// wordBefore is the word in front of a header name, a parenthesis between them.
func wordBefore(line []token) string {
	i := len(line)
	for i > 0 && (isBlank(line[i-1].b) || line[i-1].b == '(') {
		i--
	}
	end := i
	for i > 0 && isWord(line[i-1].b) {
		i--
	}
	return tokenText(line[i:end])
}
