package position

// EndOfLine returns the place behind the last byte of a line, clamped to the text.
func (m *Mapper) EndOfLine(line int) Point {
	line = min(max(line, 1), len(m.starts))
	start, end := m.span(line)
	return Point{line, end - start + 1}
}

// EndOfWord returns the place behind the C identifier or number that begins at p or
// goes on there, or behind the one character there if it is neither.
func (m *Mapper) EndOfWord(p Point) Point {
	p = m.Clamp(p)
	text := m.Line(p.Line)[p.Column-1:]
	n := 0
	for n < len(text) && word(text[n]) {
		n++
	}
	if n == 0 && len(text) > 0 {
		n, _ = character1(text, UTF8)
	}
	return Point{p.Line, p.Column + n}
}

func word(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
