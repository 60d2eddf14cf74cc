package findings

import (
	"strings"
	"testing"
)

// TestPages reads every page: its form is a promise to `bpfls explain`, hovers and
// SARIF. That its examples fail and pass is tested in package session, which can
// compile.
func TestPages(t *testing.T) {
	pages := Pages()
	if len(pages) < 45 {
		t.Errorf("there are %d pages, want 45 or more", len(pages))
	}
	for _, p := range pages {
		if first := p.Title[:1]; first != strings.ToLower(first) && !strings.HasPrefix(p.Title, "CO-RE") {
			t.Errorf("%s: the title begins with a capital: %s", p.Code, p.Title)
		}
		if !strings.HasSuffix(p.Summary, ".") {
			t.Errorf("%s: the summary is not made of sentences: %s", p.Code, p.Summary)
		}
		if p.Before == nil && !strings.Contains(p.Text, "There is no example: ") {
			t.Errorf("%s has no example and does not say why", p.Code)
		}
	}
}

// TestParseErrors says what a wrong page lacks.
func TestParseErrors(t *testing.T) {
	const rest = "\n\nA sentence.\n\n## What the verifier wants\n\nx\n\n## Before\n\nx\n\n## After\n\nx\n\n## Windows and Linux\n\nx\n\n## What to do\n\nx\n"
	for _, test := range []struct{ name, text, want string }{
		{"no title", "# BPF-y: title" + rest, `the first line is not "# BPF-x: TITLE"`},
		{"no summary", strings.Replace("# BPF-x: title"+rest, "A sentence.", "", 1), "one paragraph is wanted"},
		{"two paragraphs", strings.Replace("# BPF-x: title"+rest, "A sentence.", "A.\n\nB.", 1), "one paragraph is wanted"},
		{"a section is missing", strings.Replace("# BPF-x: title"+rest, "## After\n\nx\n\n", "", 1), "the sections are"},
		{"an empty section", strings.Replace("# BPF-x: title"+rest, "## After\n\nx\n\n", "## After\n\n", 1), `section "After" is empty`},
		{"an example without a platform", strings.Replace("# BPF-x: title"+rest, "## Before\n\nx", "## Before\n\n```c\nint x;\n```", 1), "wants platform=windows or platform=linux"},
		{"an unknown word", strings.Replace("# BPF-x: title"+rest, "## Before\n\nx", "## Before\n\n```c fast\nint x;\n```", 1), "unknown word fast"},
		{"an unknown language", strings.Replace("# BPF-x: title"+rest, "## Before\n\nx", "## Before\n\n```go\nint x;\n```", 1), "an example begins with"},
		{"an open example", strings.Replace("# BPF-x: title"+rest, "## Before\n\nx", "## Before\n\n```c platform=linux\nint x;", 1), "the example has no end"},
		{"one example", strings.Replace("# BPF-x: title"+rest, "## Before\n\nx", "## Before\n\n```c platform=linux\nint x;\n```", 1), "in neither"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse("BPF-x", test.text)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("the error is %v, want %q in it", err, test.want)
			}
		})
	}
	p, err := Parse("BPF-x", "# BPF-x: title"+rest)
	if err != nil || p.Title != "title" || p.Summary != "A sentence." {
		t.Errorf("the page is %+v, error %v", p, err)
	}
}
