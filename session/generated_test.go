package session_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"bpfls/elfbpf"
	"bpfls/explain"
	"bpfls/session"
)

// Every finding in the generated programs lies on an expression of its line, says
// what it is about in one sentence, and names no register.
func TestFindingsOfGenerated(t *testing.T) {
	dir, err := filepath.Abs(filepath.Join("..", "..", "shared", "generated"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the reference data ../shared/generated are not here")
	}
	objects, err := filepath.Glob(filepath.Join(dir, "*.o"))
	if err != nil || len(objects) == 0 {
		t.Fatalf("no objects: %v", err)
	}
	register := regexp.MustCompile(`\br[0-9]+\b`)
	findings, wholeLine := 0, 0
	codes := map[string]int{}
	for _, object := range objects {
		platform := "linux"
		if strings.HasPrefix(filepath.Base(object), "windows") {
			platform = "windows"
		}
		o := session.Run(t.Context(), session.Request{Path: object, NoFacts: true, Choices: session.Choices{Platform: platform}})
		if rejected := (*elfbpf.Error)(nil); o.Err != nil && !errors.As(o.Err, &rejected) {
			t.Errorf("%s: %v", object, o.Err)
		}
		for _, p := range o.Report.Programs {
			if (p.Verdict == "pass") != (len(p.Findings) == 0) {
				t.Errorf("%s %s: %s with %d findings", object, p.Function, p.Verdict, len(p.Findings))
			}
			for _, f := range p.Findings {
				findings++
				codes[f.Code]++
				if _, ok := explain.Lookup(f.Code); !ok {
					t.Errorf("%s: code %q is not in the catalogue", object, f.Code)
				}
				r := f.Range
				if r.Line < 1 || r.Column < 1 || r.EndLine < r.Line || r.EndLine == r.Line && r.EndColumn <= r.Column ||
					r.EndLine == r.Line && r.EndColumn > len(f.Text)+1 {
					t.Errorf("%s: %s at %+v in %q", object, f.Code, r, f.Text)
					continue
				}
				if line := strings.TrimSpace(f.Text); len(line) > 1 && r.EndColumn-r.Column >= len(line) {
					wholeLine++
				}
				if f.Message == "" || !strings.HasSuffix(f.Message, ".") || strings.Contains(f.Message, "\n") || register.MatchString(f.Message) {
					t.Errorf("%s: message %q", object, f.Message)
				}
			}
		}
	}
	if wholeLine > 0 {
		t.Errorf("%d of %d findings underline a whole line", wholeLine, findings)
	}
	t.Logf("%d findings: %v", findings, codes)
}
