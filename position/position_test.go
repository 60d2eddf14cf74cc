package position

import (
	"strings"
	"testing"
	"unicode/utf16"

	"pgregory.net/rapid"
)

func TestLines(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       []string
	}{
		{"empty", "", []string{""}},
		{"LF", "a\nb\n", []string{"a", "b", ""}},
		{"CRLF", "a\r\nb", []string{"a", "b"}},
		{"CR", "a\rb\r\rc", []string{"a", "b", "", "c"}},
		{"LF and CR are two ends", "a\n\rb", []string{"a", "", "b"}},
		{"byte order mark", "\ufeffa\nb", []string{"a", "b"}},
		{"only a mark", "\ufeff", []string{""}},
	} {
		m := New([]byte(test.text))
		var got []string
		for i := 1; i <= m.Lines(); i++ {
			got = append(got, string(m.Line(i)))
		}
		if strings.Join(got, "|") != strings.Join(test.want, "|") {
			t.Errorf("%s: lines %q, want %q", test.name, got, test.want)
		}
		if m.Line(0) != nil || m.Line(m.Lines()+1) != nil {
			t.Errorf("%s: lines outside of the text", test.name)
		}
	}
}

func TestBTF(t *testing.T) {
	for _, test := range []struct {
		name, text   string
		line, column int
		want         Point
	}{
		{"plain", "int f;\n\treturn 0;", 2, 2, Point{2, 2}},
		{"tabs are one column", "\t\tx = 1;", 1, 3, Point{1, 3}},
		{"column unknown", "a\n \t return 0;", 2, 0, Point{2, 4}},
		{"column unknown on a blank line", "a\n  ", 2, 0, Point{2, 3}},
		{"compilers count a mark's bytes", "\ufeffint f;", 1, 8, Point{1, 5}},
		{"a mark counts in line 1 only", "\ufeffa\nint f;", 2, 5, Point{2, 5}},
		{"behind the end", "abc", 1, 900, Point{1, 4}},
		{"the end of a CRLF line", "abc\r\nd", 1, 900, Point{1, 4}},
		{"no true line", "abc", 0, 0, Point{}},
		{"no such line", "abc", 2, 1, Point{}},
	} {
		if got := New([]byte(test.text)).BTF(test.line, test.column); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

func TestLSP(t *testing.T) {
	for _, test := range []struct {
		name, text    string
		point         Point
		line          uint32
		utf16, utf8   uint32
		utf16ToColumn int // back from UTF-16, where it differs from point
	}{
		{"ASCII", "abc\ndef", Point{2, 3}, 1, 2, 2, 3},
		{"two bytes", "é = x", Point{1, 6}, 0, 4, 5, 6},
		{"an emoji is two units of UTF-16", "😀 x", Point{1, 6}, 0, 3, 5, 6},
		{"inside a character", "😀 x", Point{1, 3}, 0, 0, 0, 1},
		{"mark", "\ufeffabc", Point{1, 2}, 0, 1, 1, 2},
		{"a stray byte is one character", "\xff\xfex", Point{1, 3}, 0, 2, 6, 3},
		{"a cut sequence is one character", "\xe2\x82x", Point{1, 3}, 0, 1, 3, 3},
		{"an overlong sequence is two", "\xc0\x80x", Point{1, 3}, 0, 2, 6, 3},
		{"behind the line's end", "abc\r\n", Point{1, 9}, 0, 3, 3, 4},
		{"behind the text", "abc", Point{7, 1}, 0, 0, 0, 1},
	} {
		m := New([]byte(test.text))
		line, char := m.LSP(test.point, UTF16)
		if line != test.line || char != test.utf16 {
			t.Errorf("%s: UTF-16 %d:%d, want %d:%d", test.name, line, char, test.line, test.utf16)
		}
		if back := m.FromLSP(line, char, UTF16); back.Column != test.utf16ToColumn {
			t.Errorf("%s: back from UTF-16: column %d, want %d", test.name, back.Column, test.utf16ToColumn)
		}
		if line, char := m.LSP(test.point, UTF8); line != test.line || char != test.utf8 {
			t.Errorf("%s: UTF-8 %d:%d, want %d:%d", test.name, line, char, test.line, test.utf8)
		}
	}
}

// Converting to LSP and back is the identity at the starts of characters, and
// UTF-16 columns are those of the decoded text.
func TestLSPRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.SampledFrom([]rune("ab\t\r\né€😀\ufeff")), 0, 30, -1).Draw(t, "text")
		m := New([]byte(text))
		for line := 1; line <= m.Lines(); line++ {
			s := string(m.Line(line))
			for i := range s + "x" {
				p := Point{line, i + 1}
				for _, enc := range []Encoding{UTF8, UTF16} {
					l, c := m.LSP(p, enc)
					if got := m.FromLSP(l, c, enc); got != p {
						t.Fatalf("%v: %v to %d:%d and back to %v", enc, p, l, c, got)
					}
				}
				if _, c := m.LSP(p, UTF16); int(c) != len(utf16.Encode([]rune(s[:i]))) {
					t.Fatalf("UTF-16 column of %v in %q is %d", p, s, c)
				}
				if got := m.Point(m.Offset(p)); got != p {
					t.Fatalf("%v to an offset and back to %v", p, got)
				}
			}
		}
	})
}

func FuzzMapper(f *testing.F) {
	f.Add([]byte("int f(void)\r\n{\n\treturn 0;\r}"), 2, 5, uint32(1), uint32(3))
	f.Add([]byte("\ufeff😀\xff\xe2\x82\n"), 1, 2, uint32(0), uint32(9))
	f.Fuzz(func(t *testing.T, text []byte, line, column int, l, c uint32) {
		m := New(text)
		for _, p := range []Point{m.BTF(line, column), m.Clamp(Point{line, column}), m.FromLSP(l, c, UTF16), m.FromLSP(l, c, UTF8), m.Point(column)} {
			if p == (Point{}) {
				continue
			}
			if p != m.Clamp(p) {
				t.Fatalf("%v lies outside of the text", p)
			}
			if o := m.Offset(p); o < 0 || o > len(text) {
				t.Fatalf("offset %d of %v", o, p)
			}
			m.LSP(p, UTF16)
		}
	})
}
