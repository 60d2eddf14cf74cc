// Package position converts between the ways in which tools name a place in a
// source text: byte offsets, lines with byte columns (clang, BTF and DWARF line
// information, reports) and LSP positions (lines with UTF-8 or UTF-16 code units).
// No other package adds or subtracts one to turn one into another.
package position

import (
	"bytes"
	"sort"
	"unicode/utf8"
)

// Point is a line and a column, both from 1, the column in bytes of the line.
// A byte order mark is no part of the first line: its first character has
// column 1. The zero Point is no place.
type Point struct {
	Line, Column int
}

// Encoding is how LSP counts the characters of a line (LSP 3.17, PositionEncodingKind).
type Encoding uint8

// The encodings.
const (
	UTF16 Encoding = iota
	UTF8
)

// Mapper converts positions in one text. It is immutable.
type Mapper struct {
	text   []byte
	starts []int // byte offset of each line's first character
}

var bom = []byte("\xef\xbb\xbf")

// New returns a Mapper of text, which must not change afterwards. Lines end at
// LF, CRLF or CR, as they do for clang and LSP; the last one may be empty.
func New(text []byte) *Mapper {
	m := &Mapper{text: text}
	start := 0
	if bytes.HasPrefix(text, bom) {
		start = len(bom)
	}
	m.starts = append(m.starts, start)
	for i := start; i < len(text); i++ {
		switch text[i] {
		case '\r':
			if i+1 < len(text) && text[i+1] == '\n' {
				i++
			}
			m.starts = append(m.starts, i+1)
		case '\n':
			m.starts = append(m.starts, i+1)
		}
	}
	return m
}

// Text returns the whole text, a byte order mark included.
func (m *Mapper) Text() []byte { return m.text }

// Lines returns the number of lines, at least 1.
func (m *Mapper) Lines() int { return len(m.starts) }

// Line returns the bytes of a line without its end; nil if there is no such line.
func (m *Mapper) Line(line int) []byte {
	if line < 1 || line > len(m.starts) {
		return nil
	}
	start, end := m.span(line)
	return m.text[start:end]
}

// span returns the byte offsets of a line's first character and of its end.
func (m *Mapper) span(line int) (start, end int) {
	start, end = m.starts[line-1], len(m.text)
	if line < len(m.starts) {
		end = m.starts[line]
	}
	if end > start && m.text[end-1] == '\n' {
		end--
	}
	if end > start && m.text[end-1] == '\r' {
		end--
	}
	return start, end
}

// Clamp moves p to the nearest place that exists: a line of the text and a
// column from 1 to one behind the line's last byte.
func (m *Mapper) Clamp(p Point) Point {
	p.Line = min(max(p.Line, 1), len(m.starts))
	start, end := m.span(p.Line)
	p.Column = min(max(p.Column, 1), end-start+1)
	return p
}

// Offset returns the byte offset of p, clamped to the text.
func (m *Mapper) Offset(p Point) int {
	p = m.Clamp(p)
	return m.starts[p.Line-1] + p.Column - 1
}

// Point returns the place of a byte offset, clamped to the text. An offset
// inside a line's end is the place behind the line's last byte.
func (m *Mapper) Point(offset int) Point {
	offset = min(max(offset, m.starts[0]), len(m.text))
	line := sort.Search(len(m.starts), func(i int) bool { return m.starts[i] > offset })
	return m.Clamp(Point{line, offset - m.starts[line-1] + 1})
}

// BTF returns the place that line information (.BTF.ext, DWARF) names. Column 0,
// "unknown", becomes the first character of the line that is not blank. The
// result is the zero Point where the text has no such line.
func (m *Mapper) BTF(line, column int) Point {
	if line < 1 || line > len(m.starts) {
		return Point{}
	}
	if column == 0 {
		text := m.Line(line)
		return Point{line, len(text) - len(bytes.TrimLeft(text, " \t\v\f")) + 1}
	}
	if line == 1 && m.starts[0] > 0 {
		column -= m.starts[0] // compilers count the bytes of the mark
	}
	return m.Clamp(Point{line, column})
}

// LSP returns p as a zero-based line and the number of code units before it.
// A column inside a character counts as its start.
func (m *Mapper) LSP(p Point, enc Encoding) (line, character uint32) {
	p = m.Clamp(p)
	text := m.Line(p.Line)
	column, units := 1, 0
	for len(text) > 0 {
		size, n := character1(text, enc)
		if column+size > p.Column {
			break
		}
		column += size
		units += n
		text = text[size:]
	}
	return uint32(p.Line - 1), uint32(units)
}

// FromLSP returns the place of an LSP position, clamped to the text: a character
// behind the line's end is its end, one inside a character is its start.
func (m *Mapper) FromLSP(line, character uint32, enc Encoding) Point {
	if uint64(line) >= uint64(len(m.starts)) {
		return m.Point(len(m.text))
	}
	p := Point{int(line) + 1, 1}
	text := m.Line(p.Line)
	left := uint64(character)
	for len(text) > 0 {
		size, n := character1(text, enc)
		if uint64(n) > left {
			break
		}
		left -= uint64(n)
		p.Column += size
		text = text[size:]
	}
	return p
}

// character1 returns the bytes that the first character of text takes and its
// code units. Bytes that are no UTF-8 count as editors decode them: one U+FFFD for
// each maximal prefix of a valid sequence (Unicode 15, section 3.9, "U+FFFD
// Substitution of Maximal Subparts"); in UTF-8 units that is three.
func character1(text []byte, enc Encoding) (size, units int) {
	r, size := utf8.DecodeRune(text)
	if r == utf8.RuneError && size == 1 {
		size = maximalSubpart(text)
		if enc == UTF8 {
			return size, 3
		}
		return size, 1
	}
	switch {
	case enc == UTF8:
		return size, size
	case r > 0xffff:
		return size, 2
	}
	return size, 1
}

// maximalSubpart returns the length of the longest prefix of text that begins a
// valid UTF-8 sequence, at least 1, where text begins with no whole one.
func maximalSubpart(text []byte) int {
	if len(text) < 2 {
		return 1
	}
	lo, hi, more := byte(0x80), byte(0xbf), 0
	switch b := text[0]; {
	case b >= 0xe0 && b <= 0xef:
		more = 2
		switch b {
		case 0xe0:
			lo = 0xa0
		case 0xed:
			hi = 0x9f
		}
	case b >= 0xf0 && b <= 0xf4:
		more = 3
		switch b {
		case 0xf0:
			lo = 0x90
		case 0xf4:
			hi = 0x8f
		}
	}
	n := 1
	for ; n < len(text) && n < more && text[n] >= lo && text[n] <= hi; n++ {
		lo, hi = 0x80, 0xbf
	}
	return n
}

// UTF16 returns p as a line and a column that counts UTF-16 code units, both from 1,
// as SARIF (columnKind utf16CodeUnits) and Visual Studio count.
func (m *Mapper) UTF16(p Point) (line, column int) {
	l, c := m.LSP(p, UTF16)
	return int(l) + 1, int(c) + 1
}
