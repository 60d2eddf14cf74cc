package session_test

import (
	"slices"
	"testing"

	"bpfls/docs/findings"
	"bpfls/explain"

	"github.com/rogpeppe/go-internal/txtar"
)

// TestPages takes the examples of the catalogue through the whole pipeline: the one
// before fails with the code of its page, and nothing is found in the one after.
func TestPages(t *testing.T) {
	needClang(t)
	for _, page := range findings.Pages() {
		if page.Before == nil {
			continue
		}
		t.Run(page.Code, func(t *testing.T) {
			t.Parallel()
			before := judgeExample(t, page.Before)
			if codes := codesOf(before); !slices.Contains(codes, page.Code) {
				t.Errorf("before has the findings %q:\n%s", codes, page.Before.Source)
			}
			after := judgeExample(t, page.After)
			for _, p := range after {
				if p.Verdict != "pass" || len(p.Findings) > 0 {
					t.Errorf("after: %s is judged %s, %q:\n%s", p.Function, p.Verdict, codesOf(after), page.After.Source)
				}
			}
		})
	}
}

func codesOf(programs []*explain.Program) []string {
	var codes []string
	for _, p := range programs {
		for _, f := range p.Findings {
			codes = append(codes, f.Code)
		}
	}
	return codes
}

// judgeExample compiles and verifies an example.
func judgeExample(t *testing.T, e *findings.Example) []*explain.Program {
	t.Helper()
	name := "example.c"
	if e.Language == "asm" {
		name = "example.s"
	}
	archive := &txtar.Archive{
		Comment: []byte("platform: " + e.Platform),
		Files:   []txtar.File{{Name: name, Data: []byte(e.Source)}},
	}
	c := readProgramCase(t, archive)
	c.Example = *e
	return c.judge(t)
}
