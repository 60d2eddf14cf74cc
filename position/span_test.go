package position

import "testing"

func TestSpans(t *testing.T) {
	m := New([]byte("int  x1;\r\n\né\n"))
	tests := []struct {
		name      string
		got, want Point
	}{
		{"end of line", m.EndOfLine(1), Point{1, 9}},
		{"end of empty line", m.EndOfLine(2), Point{2, 1}},
		{"end of no line", m.EndOfLine(99), Point{4, 1}},
		{"word", m.EndOfWord(Point{1, 1}), Point{1, 4}},
		{"inside of a word", m.EndOfWord(Point{1, 7}), Point{1, 8}},
		{"no word", m.EndOfWord(Point{1, 8}), Point{1, 9}},
		{"end of the line", m.EndOfWord(Point{1, 9}), Point{1, 9}},
		{"character of two bytes", m.EndOfWord(Point{3, 1}), Point{3, 3}},
	}
	for _, test := range tests {
		if test.got != test.want {
			t.Errorf("%s: %v, want %v", test.name, test.got, test.want)
		}
	}
}
