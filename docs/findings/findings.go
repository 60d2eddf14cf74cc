// Package findings holds the catalogue of findings: a Markdown page for every
// code that bpfls gives, read by people here and printed by `bpfls explain`.
//
// A page is named after its code and has the form
//
//	# BPF-packet-bounds: access outside of the packet
//
//	One paragraph that says what it means; lists and hovers show it.
//
//	## What the verifier wants
//
//	## Before
//
//	```c platform=windows
//	a program that fails with this code
//	```
//
//	## After
//
//	```c platform=windows
//	the same program, mended
//	```
//
//	## Windows and Linux
//
//	## What to do
//
// An example is C, or the assembly that clang reads where no compiler makes such a
// program; Example lists the words behind the language. A page whose section Before
// has no example says there why there can be none. To add a code, add a page; a test
// of package session compiles and verifies its examples.
package findings

import (
	"embed"
	"fmt"
	"slices"
	"strings"
	"sync"
)

//go:embed BPF-*.md
var files embed.FS

// Page is one page of the catalogue.
type Page struct {
	Code    string // stable: "BPF-packet-bounds"
	Title   string // a few words: "access outside of the packet"
	Summary string // one paragraph, on one line
	Text    string // the whole page, Markdown

	// Before fails with the page's code, After passes. Both are nil where the page
	// says why there is no example.
	Before, After *Example
}

// Example is a program of a page. The words of its fence behind the language set the
// fields from Platform on: platform=linux termination=off flags=-O0.
type Example struct {
	Language string // "c", or "asm": LLVM's assembly for BPF
	Source   string

	Platform    string   // "windows", "linux"
	Type        string   // program type, where the section does not choose it
	Termination string   // "on", "off"; empty: the platform's default
	Flags       []string // for clang, behind -O2 -g
	// Option is a choice of the verifier that no platform makes: "strict",
	// "no-division-by-zero", "callx".
	Option string
}

// The sections of a page, in order.
var sections = []string{"What the verifier wants", "Before", "After", "Windows and Linux", "What to do"}

// Pages returns all pages, sorted by code. They are shared: callers leave them as
// they are.
var Pages = sync.OnceValue(func() []*Page {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // the files are embedded
	}
	pages := make([]*Page, 0, len(entries))
	for _, e := range entries {
		text, err := files.ReadFile(e.Name())
		if err != nil {
			panic(err)
		}
		p, err := Parse(strings.TrimSuffix(e.Name(), ".md"), string(text))
		if err != nil {
			panic(err) // TestPages reads every page
		}
		pages = append(pages, p)
	}
	slices.SortFunc(pages, func(a, b *Page) int { return strings.Compare(a.Code, b.Code) })
	return pages
})

// Parse reads the page of a code. The error says what the page lacks.
func Parse(code, text string) (*Page, error) {
	text = strings.ReplaceAll(text, "\r\n", "\n") // as git may check it out
	p := &Page{Code: code, Text: text}
	parts := strings.Split("\n"+text, "\n## ")
	head := strings.TrimSpace(parts[0])
	first, summary, _ := strings.Cut(head, "\n")
	var ok bool
	if p.Title, ok = strings.CutPrefix(first, "# "+code+": "); !ok {
		return nil, fmt.Errorf("%s: the first line is not \"# %s: TITLE\"", code, code)
	}
	p.Summary = strings.Join(strings.Fields(summary), " ")
	if p.Summary == "" || strings.Contains(strings.TrimSpace(summary), "\n\n") {
		return nil, fmt.Errorf("%s: one paragraph is wanted between the title and the first section", code)
	}
	var names []string
	for _, part := range parts[1:] {
		name, body, _ := strings.Cut(part, "\n")
		names = append(names, name)
		if strings.TrimSpace(body) == "" {
			return nil, fmt.Errorf("%s: section %q is empty", code, name)
		}
		var err error
		switch name {
		case "Before":
			p.Before, err = example(body)
		case "After":
			p.After, err = example(body)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: section %q: %w", code, name, err)
		}
	}
	if !slices.Equal(names, sections) {
		return nil, fmt.Errorf("%s: the sections are %q, want %q", code, names, sections)
	}
	if (p.Before == nil) != (p.After == nil) {
		return nil, fmt.Errorf("%s: an example is wanted both before and after, or in neither", code)
	}
	return p, nil
}

// example reads the first example of a section; nil if it has none.
func example(body string) (*Example, error) {
	_, fence, ok := strings.Cut("\n"+body, "\n```")
	if !ok {
		return nil, nil
	}
	info, source, _ := strings.Cut(fence, "\n")
	source, _, ok = strings.Cut(source, "\n```")
	if !ok {
		return nil, fmt.Errorf("the example has no end")
	}
	words := strings.Fields(info)
	if len(words) == 0 || words[0] != "c" && words[0] != "asm" {
		return nil, fmt.Errorf("an example begins with ```c or ```asm, not with ```%s", info)
	}
	e := &Example{Language: words[0], Source: source + "\n"}
	for _, w := range words[1:] {
		key, value, _ := strings.Cut(w, "=")
		switch key {
		case "platform":
			e.Platform = value
		case "type":
			e.Type = value
		case "termination":
			e.Termination = value
		case "flags":
			e.Flags = strings.Split(value, ",")
		case "option":
			e.Option = value
		default:
			return nil, fmt.Errorf("the example's first line has the unknown word %s", w)
		}
	}
	if e.Platform != "windows" && e.Platform != "linux" {
		return nil, fmt.Errorf("the example's first line wants platform=windows or platform=linux")
	}
	return e, nil
}
