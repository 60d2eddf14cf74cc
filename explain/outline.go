package explain

import (
	"strconv"
	"strings"

	"bpfls/csource"
	"bpfls/position"
)

// DeclaredKind says what a declaration declares.
type DeclaredKind uint8

// The kinds of declarations that an outline has.
const (
	DeclaredFunction DeclaredKind = iota
	DeclaredProgram               // a function with a section mark
	DeclaredMap
)

// Declared is a function, program or map that a source declares.
type Declared struct {
	Kind      DeclaredKind
	Name      string
	Section   string // of programs and maps, as it is written
	Range     Range  // the whole declaration; File is empty
	Selection Range  // the name
	Open      bool   // a function whose body is not ended: it is being written
}

// Outline lists the functions, programs and maps of a C source in their order. It
// reads the text alone, so that it has an answer for sources that do not compile:
// what stands in unused branches of the preprocessor is listed too, and what
// macros hide is not.
func Outline(m *position.Mapper) []Declared {
	s := newSource(m)
	var out []Declared
	for i := 0; i < len(s.Tokens); {
		d := s.declaration(i)
		if d.name >= 0 && (d.body >= 0 || d.kind == DeclaredMap) {
			out = append(out, Declared{
				Kind: d.kind, Name: s.Str(d.name), Section: d.section,
				Range:     s.rangeOf("", csource.Span{First: i, Last: d.last}),
				Selection: s.rangeOf("", csource.Span{First: d.name, Last: d.name}),
				Open:      d.body >= 0 && s.Match(d.body) < 0,
			})
		}
		i = d.last + 1
	}
	return out
}

// declaration is an external declaration (C11 6.9), in tokens.
type declaration struct {
	kind    DeclaredKind
	section string
	name    int // -1: none
	body    int // its {, -1: none
	last    int
}

// declaration reads the external declaration that begins at token i.
func (s *source) declaration(i int) declaration {
	d := declaration{name: -1, body: -1, last: len(s.Tokens) - 1}
	declarator := -1 // the word in front of what was read last
	call := -1       // of a function: its name
	for j := i; j < len(s.Tokens); j++ {
		switch {
		case s.Is(j, ";"):
			d.last = j
			d.finish(declarator)
			return d
		case s.Is(j, "}"): // a stray one
			d.last = j
			return d
		case s.Is(j, "="):
			d.finish(declarator)
			declarator = -1
		case s.Is(j, "SEC", "__attribute__", "__section") && s.Is(j+1, "("):
			if j > i && s.freshLine(j) && declarator >= 0 && call >= 0 {
				d.last = j - 1 // the declaration before it was never ended
				return d
			}
			if name, ok := s.sectionName(j); ok {
				d.section = name
			}
			j = s.skip(j + 1)
		case s.Is(j, "("):
			if declarator == j-1 && call < 0 {
				call = declarator
				if a := j + 1; strings.HasPrefix(s.Str(call), "BPF_") && a < len(s.Tokens) && s.Tokens[a].Kind == csource.Ident {
					call = a // BPF_PROG(name, ...)
				}
			}
			j = s.skip(j)
		case s.Is(j, "["):
			j = s.skip(j)
		case s.Is(j, "{"):
			if call >= 0 && d.name < 0 {
				d.name, d.body, d.last = call, j, s.skip(j)
				if d.section != "" {
					d.kind = DeclaredProgram
				}
				return d
			}
			j = s.skip(j) // members of a structure, or an initializer
		case s.Tokens[j].Kind == csource.Ident:
			declarator = j
		}
	}
	return d
}

// finish names what a declaration without a body declares.
func (d *declaration) finish(declarator int) {
	if d.name < 0 && declarator >= 0 && (d.section == ".maps" || d.section == "maps" || strings.HasPrefix(d.section, "maps/")) {
		d.kind, d.name = DeclaredMap, declarator
	}
}

// skip returns the bracket that closes the one at i, or the last token where none does.
func (s *source) skip(i int) int {
	if s.Match(i) > i {
		return s.Match(i)
	}
	if !s.Is(i, "{") {
		return i
	}
	// A body that was not ended yet reaches to the next section mark.
	for j := i + 1; j < len(s.Tokens); j++ {
		if s.Is(j, "SEC") && s.freshLine(j) {
			return j - 1
		}
	}
	return len(s.Tokens) - 1
}

// freshLine reports whether a token is the first of its line and not indented.
func (s *source) freshLine(i int) bool {
	return s.Point(s.Tokens[i].Start).Column == 1
}

// sectionName returns the section that SEC("x") or __attribute__((section("x"))) at
// token i gives.
func (s *source) sectionName(i int) (string, bool) {
	end := s.Match(i + 1)
	if end < 0 {
		end = min(i+4, len(s.Tokens))
	}
	if s.Is(i, "__attribute__") {
		for i++; i < end && !s.Is(i, "section", "__section__"); i++ {
		}
	}
	for j := i + 1; j < end; j++ {
		if s.Tokens[j].Kind == csource.String {
			name, err := strconv.Unquote(s.Str(j))
			return name, err == nil && name != ""
		}
	}
	return "", false
}
