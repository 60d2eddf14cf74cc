package report

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	sarif210 "github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	"github.com/xeipuuv/gojsonschema"

	"bpfls/explain"
	"bpfls/position"
)

// source is a text with what is hard to show: characters of two, three and four
// bytes, wide ones, and tabs, before and inside of the ranges.
const source = "int f(struct xdp_md *ctx)\n" +
	"{\n" +
	"\t/* Größe */\tif (p + 14 > ctx->end)\n" +
	"    /* 数据 🐝 */ return größe[\t7];\n" +
	"}\n"

// rangeOf is the range of a part of the source.
func rangeOf(t *testing.T, part string) explain.Range {
	t.Helper()
	i := strings.Index(source, part)
	if i < 0 {
		t.Fatalf("the source has no %q", part)
	}
	m := position.New([]byte(source))
	a, b := m.Point(i), m.Point(i+len(part))
	return explain.Range{File: "/src/a b.c", Line: a.Line, Column: a.Column, EndLine: b.Line, EndColumn: b.Column}
}

func lineOfSource(n int) string { return strings.Split(source, "\n")[n-1] }

// judged is a file with everything that a finding can have.
func judged(t *testing.T) Judged {
	access, check := rangeOf(t, "größe[\t7]"), rangeOf(t, "p + 14 > ctx->end")
	edit := rangeOf(t, "14")
	r := &explain.Report{Path: "a b.c", Platform: "windows", Programs: []*explain.Program{
		{
			Section: "xdp", Function: "f", Type: "xdp", Verdict: "fail", Engine: "builtin", Instructions: 7, LoopBound: -1, Stack: -1,
			File: "/src/a b.c", Line: 1, EndLine: 5,
			Findings: []explain.Finding{{
				Code: "BPF-packet-bounds", Severity: "error", Engine: "builtin", Message: "reads byte 20 of the packet.",
				VerifierMessage: "4: Upper bound must be at most packet_size", Instruction: 4, Label: "4",
				Range: access, Text: lineOfSource(4), Consequences: 2, MissingFact: "p + 21 <= ctx->end",
				Related: []explain.Related{{Range: check, Message: "this check proves 14 bytes"}, {Message: "said without a place"}},
				Evidence: explain.Evidence{
					Class: explain.ClassBug, Reason: "a packet of 14 bytes runs into it", FactAt: check,
					Witness: &explain.Witness{Packet: []byte{0, 1}, Maps: map[string][]explain.MapEntry{"m": {{Key: []byte{1}, Value: []byte{2}}}}},
					Fixes:   []explain.Fix{{Title: "raise the check to 21 bytes", Verified: true, Edits: []explain.Edit{{Range: edit, Text: "21"}}}},
				},
			}, {
				Code: "BPF-no-hook", Severity: "warning", Engine: "builtin", Message: "has no place.", Instruction: -1, Allowed: "for a test",
			}},
		},
		{Section: "bind", Function: "g", Verdict: "pass", Engine: "builtin", Instructions: 2, Checks: 1, Stack: 8, LoopBound: 12, Seconds: 0.0123},
		{Section: "bind", Function: "h", Verdict: "rejected", Reason: "it has no hook", Engine: "builtin", LoopBound: -1, Stack: -1},
	}}
	return Judged{Report: r, Source: func(file string) *position.Mapper {
		if file != "/src/a b.c" {
			return nil
		}
		return position.New([]byte(source))
	}}
}

func shorten(p string) string { return strings.TrimPrefix(p, "/src/") }

// TestText shows a finding with all that it can have: notes have lines of their
// own, marks stand under what they mark, the fix is a diff.
func TestText(t *testing.T) {
	j := judged(t)
	var b strings.Builder
	if err := Text(&b, j.Report, Options{Path: shorten, Source: j.Source}); err != nil {
		t.Fatal(err)
	}
	const want = `a b.c:4:30: error: reads byte 20 of the packet. [BPF-packet-bounds]
   4 |     /* 数据 🐝 */ return größe[    7];
     |                          ~~~~~~~~~~~~
a b.c:3:20: note: this check proves 14 bytes
   3 |     /* Größe */    if (p + 14 > ctx->end)
     |                        -----------------
     = note: said without a place
     = verifier: 4: Upper bound must be at most packet_size
     = missing: p + 21 <= ctx->end (from line 3 on)
     = class: bug: a packet of 14 bytes runs into it
     = packet: 0001
     = map m: key 01, value 02
     = fix: raise the check to 21 bytes (verified)
        --- a b.c
        +++ a b.c
        @@ -2,3 +2,3 @@
         {
        -	/* Größe */	if (p + 14 > ctx->end)
        +	/* Größe */	if (p + 21 > ctx->end)
             /* 数据 🐝 */ return größe[	7];

a b.c: warning: has no place. [BPF-no-hook]
     = allowed here: for a test

xdp f: 2 findings (2 consequences). 7 instructions.
bind g: verified. 2 instructions, 1 check, at most 12 loop turns, stack 8 of 512 bytes.
bind h: rejected: it has no hook
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestTextColor: on a terminal the same text in colours, and nothing else.
func TestTextColor(t *testing.T) {
	j := judged(t)
	var plain, color strings.Builder
	if err := Text(&plain, j.Report, Options{Source: j.Source}); err != nil {
		t.Fatal(err)
	}
	if err := Text(&color, j.Report, Options{Source: j.Source, Color: true}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(color.String(), red+"error:"+reset) || strings.Contains(plain.String(), "\x1b") {
		t.Error("colours are missing, or where none were asked for")
	}
	stripped := color.String()
	for _, c := range []string{bold, red, green, cyan, gray, reset} {
		stripped = strings.ReplaceAll(stripped, c, "")
	}
	if diff := cmp.Diff(plain.String(), stripped); diff != "" {
		t.Errorf("without its colours the text differs (-plain +coloured):\n%s", diff)
	}
}

// TestTextControls: what a source holds does not control the terminal.
func TestTextControls(t *testing.T) {
	f := explain.Finding{Code: "BPF-x", Severity: "error", Message: "m.", Text: "a\x1b[31mb\u009bc", Range: explain.Range{Line: 1, Column: 1, EndLine: 1, EndColumn: 2}}
	r := &explain.Report{Path: "x.c", Programs: []*explain.Program{{Verdict: "fail", Findings: []explain.Finding{f}}}}
	var b strings.Builder
	if err := Text(&b, r, Options{}); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(b.String(), "\x1b\u009b") {
		t.Errorf("%q", b.String())
	}
}

// TestTextRanges: a range that its line does not have, and one of several lines.
func TestTextRanges(t *testing.T) {
	for _, test := range []struct {
		name string
		r    explain.Range
		want string
	}{
		{"behind the line", explain.Range{Line: 1, Column: 9, EndLine: 1, EndColumn: 12}, "   1 | abc\n     |    ~\n"},
		{"no columns", explain.Range{Line: 1, EndLine: 1}, "   1 | abc\n     | ~\n"},
		{"empty", explain.Range{Line: 1, Column: 2, EndLine: 1, EndColumn: 2}, "   1 | abc\n     |  ~\n"},
		{"several lines", explain.Range{Line: 1, Column: 2, EndLine: 3, EndColumn: 2}, "   1 | abc\n     |  ~~...\n"},
		{"a large number", explain.Range{Line: 12345, Column: 1, EndLine: 12345, EndColumn: 2}, " 12345 | abc\n       | ~\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := explain.Finding{Severity: "error", Text: "abc", Range: test.r}
			r := &explain.Report{Path: "x.c", Programs: []*explain.Program{{Verdict: "fail", Findings: []explain.Finding{f}}}}
			var b strings.Builder
			if err := Text(&b, r, Options{}); err != nil {
				t.Fatal(err)
			}
			_, got, _ := strings.Cut(b.String(), "\n")
			got, _, _ = strings.Cut(got, "\n\n")
			if diff := cmp.Diff(test.want, got+"\n"); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestMSBuild(t *testing.T) {
	j := judged(t)
	j.Compiler = []CompilerMessage{{Range: explain.Range{File: "/src/other.h", Line: 3, Column: 5, EndLine: 3, EndColumn: 6}, Severity: "warning", Text: "unused", Option: "-Wunused"}}
	failed := Judged{Report: &explain.Report{Path: "b.c", Error: "clang was not found.\nInstall it."}}
	var b strings.Builder
	if err := MSBuild(&b, []Judged{j, failed}, shorten); err != nil {
		t.Fatal(err)
	}
	// Columns count UTF-16 code units: the bee has two, 数 has one.
	const want = `other.h(3,5,3,6): warning clang: unused [-Wunused]
a b.c(4,24,4,33): error BPF-packet-bounds: reads byte 20 of the packet.
a b.c(1): warning BPF-no-hook: has no place. (allowed here: for a test)
b.c : error: clang was not found. Install it.
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestSARIF validates a document with everything in it against the schema of SARIF
// 2.1.0, and looks for what consumers need.
func TestSARIF(t *testing.T) {
	j := judged(t)
	j.Compiler = []CompilerMessage{{Severity: "warning", Text: "unused"}}
	failed := Judged{Report: &explain.Report{Path: `C:\src\b.c`, Error: "clang was not found."}}
	for name, files := range map[string][]Judged{"nothing": nil, "one": {j}, "failed": {j, failed}} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			if err := SARIF(&b, "1.2.3", files, shorten); err != nil {
				t.Fatal(err)
			}
			validateSARIF(t, b.String())
		})
	}
	var b strings.Builder
	if err := SARIF(&b, "1.2.3", []Judged{j, failed}, shorten); err != nil {
		t.Fatal(err)
	}
	doc, err := sarif210.FromString(b.String())
	if err != nil {
		t.Fatal(err)
	}
	run := doc.Runs[0]
	result := run.Results[0]
	if got := *result.Locations[0].PhysicalLocation.Region.StartColumn; got != 24 {
		t.Errorf("the column is %d, want 24", got)
	}
	if got := *result.Locations[0].PhysicalLocation.Region.Snippet.Text; got != "größe[\t7]" {
		t.Errorf("the snippet is %q", got)
	}
	if got := *result.Locations[0].PhysicalLocation.ArtifactLocation.URI; got != "a%20b.c" {
		t.Errorf("the URI is %s", got)
	}
	flow := result.CodeFlows[0].ThreadFlows[0].Locations
	if len(flow) != 2 || *flow[1].Location.PhysicalLocation.Region.StartLine != 4 {
		t.Errorf("the history has %d steps, and does not end at the finding", len(flow))
	}
	if len(result.RelatedLocations) != 2 {
		t.Errorf("there are %d related locations", len(result.RelatedLocations))
	}
	change := result.Fixes[0].ArtifactChanges[0].Replacements[0]
	if *change.InsertedContent.Text != "21" || *change.DeletedRegion.StartColumn != 22 || *change.DeletedRegion.EndColumn != 24 {
		t.Errorf("the fix replaces %+v by %q", change.DeletedRegion, *change.InsertedContent.Text)
	}
	if rule := run.Tool.Driver.Rules[result.RuleIndex]; *rule.ID != "BPF-packet-bounds" || !strings.Contains(*rule.Help.Markdown, "## What to do") {
		t.Errorf("the rule is %+v", rule)
	}
	if *run.Results[1].Suppressions[0].Justification != "for a test" {
		t.Error("what a comment allows is not suppressed")
	}
	invocation := run.Invocations[0]
	if *invocation.ExecutionSuccessful || len(invocation.ToolExecutionNotifications) != 2 {
		t.Error("a file that could not be judged is not told")
	}
	if got := *run.Artifacts[1].Location.URI; got != "file:///C:/src/b.c" {
		t.Errorf("a path of Windows has the URI %s", got)
	}
}

// sarifSchemaText is the official schema of SARIF 2.1.0. The module go-sarif has it
// in a constant that it does not export, so it is read from the module's source.
var sarifSchemaText = sync.OnceValues(func() (string, error) {
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif").Output()
	if err != nil {
		return "", err
	}
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(dir)), "schema.go"), nil, parser.SkipObjectResolution)
	if err != nil {
		return "", err
	}
	schema := ""
	ast.Inspect(f, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if text, err := strconv.Unquote(lit.Value); err == nil && strings.Contains(text, "sarif-schema-2.1.0.json") {
				schema = text
			}
		}
		return schema == ""
	})
	if schema == "" {
		return "", errors.New("go-sarif has no schema")
	}
	return schema, nil
})

// validateSARIF validates a document against the official schema.
func validateSARIF(t *testing.T, text string) {
	t.Helper()
	schema, err := sarifSchemaText()
	if err != nil {
		t.Fatal(err)
	}
	result, err := gojsonschema.Validate(gojsonschema.NewStringLoader(schema), gojsonschema.NewStringLoader(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range result.Errors() {
		t.Errorf("%s", e)
	}
}

// TestSARIFSchema: the validation can fail.
func TestSARIFSchema(t *testing.T) {
	schema, err := sarifSchemaText()
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		`{"version": "2.1.0"}`,
		`{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}, "results": [{}]}]}`,
		`{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}, "unknown": 1}]}`,
	} {
		result, err := gojsonschema.Validate(gojsonschema.NewStringLoader(schema), gojsonschema.NewStringLoader(text))
		if err != nil || result.Valid() {
			t.Errorf("%s is valid (error %v)", text, err)
		}
	}
}

func TestJSON(t *testing.T) {
	j := judged(t)
	var b strings.Builder
	if err := JSON(&b, "1.2.3", []*explain.Report{j.Report}, shorten); err != nil {
		t.Fatal(err)
	}
	var doc Document
	if err := json.Unmarshal([]byte(b.String()), &doc); err != nil {
		t.Fatal(err)
	}
	f := doc.Files[0].Programs[0].Findings[0]
	if *f.File != "a b.c" || *f.Line != 4 || *f.Column != 30 || *f.EndColumn != 41 {
		t.Errorf("the place is %s:%d:%d-%d, want a b.c:4:30-41, in bytes", *f.File, *f.Line, *f.Column, *f.EndColumn)
	}
	if len(f.Related) != 2 || f.Related[1].File != nil {
		t.Errorf("related: %+v", f.Related)
	}
	if len(f.Fixes) != 1 || f.Fixes[0].Edits[0].Text != "21" || !f.Fixes[0].Verified {
		t.Errorf("fixes: %+v", f.Fixes)
	}
	if g := doc.Files[0].Programs[0].Findings[1]; g.Line != nil || g.Instruction != nil {
		t.Errorf("what is not known is not null: %+v", g)
	}
}

// TestPlainPage makes text of a page.
func TestPlainPage(t *testing.T) {
	const page = "# BPF-x: a title\n\nWords `and` words\nand words.\n\n## Before\n\n```c platform=windows\nint f(void)\n{\n}\n```\n"
	const want = "BPF-x: a title\n\nWords and words\nand words.\n\nBefore\n\n    int f(void)\n    {\n    }\n"
	if diff := cmp.Diff(want, PlainPage(page, 16)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	var b strings.Builder
	if err := Page(&b, page, true); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(b.String(), bold+"BPF-x: a title"+reset+"\n") || !strings.Contains(b.String(), bold+"Before"+reset+"\n") {
		t.Errorf("the headings are not bold: %q", b.String())
	}
}
