package session_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"bpfls/docs/findings"
	"bpfls/explain"
	"bpfls/platform"
	"bpfls/repair"
	"bpfls/session"
	"bpfls/verifier"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write the goldens of testdata/programs anew")

// TestPrograms takes the programs of testdata/programs through the whole pipeline.
// An archive holds one source, C or assembly, with one or more programs; the files
// windows.h and linux.h beside it can be included. What the lines before its first
// file say is for readers, but for those of the form "key: value": platform,
// termination, flags (of clang), option (findings.Example).
//
// Two things are expected of it. A comment "want CODE" stands in every line that a
// finding is about ("nowhere CODE" where no line is known, as in assembly); it is
// written by hand. The file "want" has the findings in full,
// one line each ("packet.c:5:12-5:16 BPF-packet-bounds: reads byte 7 of ...") with
// the history, the missing fact and the fixes as differences behind it, or why there is
// none; go test -update writes it.
func TestPrograms(t *testing.T) {
	needClang(t)
	archives, err := filepath.Glob("testdata/programs/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no programs: %v", err)
	}
	results := make([]struct {
		platform string
		programs []*explain.Program
	}, len(archives))
	t.Run("all", func(t *testing.T) {
		for i, path := range archives {
			t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
				t.Parallel()
				archive, err := txtar.ParseFile(path)
				if err != nil {
					t.Fatal(err)
				}
				c := readProgramCase(t, archive)
				results[i].platform, results[i].programs = c.Platform, c.judge(t)
				c.check(t, path, results[i].programs)
			})
		}
	})
	count := map[string]int{}
	codes := map[string]int{}
	for _, r := range results {
		if r.programs == nil {
			return // not all of them were judged
		}
		count[r.platform] += len(r.programs)
		for _, p := range r.programs {
			for _, f := range p.Findings {
				codes[f.Code]++
			}
		}
	}
	t.Logf("%d archives; programs: %v; findings: %v", len(archives), count, codes)
	if total := count["windows"] + count["linux"]; total < 120 || count["windows"] < 40 || count["linux"] < 40 {
		t.Errorf("there are %d programs for Windows and %d for Linux; want 120, and 40 of each", count["windows"], count["linux"])
	}
	checkFixes(t, archives, func(i int) (string, []*explain.Program) { return results[i].platform, results[i].programs })
	for _, page := range findings.Pages() {
		if page.Before != nil && codes[page.Code] == 0 {
			t.Errorf("no program of testdata/programs has a finding %s", page.Code)
		}
	}
}

// fixClasses are the kinds of fixes, by how their titles begin; each is verified in a
// program for each platform.
var fixClasses = map[string][]string{
	"a check of the packet's length": {"check the packet's length", "raise the check"},
	"a check for null":               {"check value for null", "check e for null"},
	"initialisation":                 {"set count to zero", "set value to zero", "set format to zero", "set key to zero"},
	"zeros in padding":               {"set all bytes of"},
	"a bound of an index":            {"check that ctx->process_id is below", "check that ctx->rx_queue_index is below"},
	"a mask of an index":             {"keep the index below"},
	"pointers loaded again":          {"load the packet's pointers again"},
	"a check of all bits":            {"compare all bits of"},
	"optimisation":                   {"compile with -O2"},
	"the type of a map":              {"make programs a map of type"},
	"the size of a map's keys":       {"make the keys of"},
	"swapped arguments":              {"swap arguments"},
	"the hook's declaration":         {"name the section after"},
}

// checkFixes looks for each kind of fix, and for each reason to refuse one.
func checkFixes(t *testing.T, archives []string, result func(int) (string, []*explain.Program)) {
	refusals := []string{"the finding stays", "a new finding comes", "does something else on an input that it handled safely"}
	seen, refused, fixed := map[string]bool{}, map[string]bool{}, 0
	for i := range archives {
		platform, programs := result(i)
		has := false
		for _, p := range programs {
			for _, f := range p.Findings {
				for _, fix := range f.Evidence.Fixes {
					has = true
					for class, titles := range fixClasses {
						if slices.ContainsFunc(titles, func(title string) bool { return strings.HasPrefix(fix.Title, title) }) {
							seen[class+" on "+platform] = true
						}
					}
				}
				for _, r := range refusals {
					if strings.Contains(f.Evidence.NoFix, r) {
						refused[r] = true
					}
				}
			}
		}
		if has {
			fixed++
		}
	}
	if fixed < 30 {
		t.Errorf("%d archives have a fix, want 30", fixed)
	}
	for class := range fixClasses {
		for _, platform := range []string{"windows", "linux"} {
			if !seen[class+" on "+platform] {
				t.Errorf("no program for %s is mended by %s", platform, class)
			}
		}
	}
	for _, r := range refusals {
		if !refused[r] {
			t.Errorf("no change is refused because %s", r)
		}
	}
}

// programCase is one archive.
type programCase struct {
	findings.Example
	name    string // of the source
	dir     string // where its files were written
	archive *txtar.Archive
	t       *testing.T
}

func readProgramCase(t *testing.T, archive *txtar.Archive) *programCase {
	t.Helper()
	c := &programCase{archive: archive, t: t}
	for line := range strings.Lines(string(archive.Comment)) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok {
			continue
		}
		switch key {
		case "platform":
			c.Platform = value
		case "termination":
			c.Termination = value
		case "type":
			c.Type = value
		case "flags":
			c.Flags = strings.Fields(value)
		case "option":
			c.Option = value
		}
	}
	if c.Platform == "" {
		t.Fatal("a line \"platform: windows\" or \"platform: linux\" is missing")
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c.dir = dir
	for _, f := range archive.Files {
		switch filepath.Ext(f.Name) {
		case ".c", ".s":
			if c.name != "" {
				t.Fatalf("two sources, %s and %s", c.name, f.Name)
			}
			c.name, c.Source = f.Name, string(f.Data)
		case ".h":
		default:
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if c.name == "" {
		t.Fatal("there is no source")
	}
	return c
}

// judge takes a source through the pipeline and asks for evidence about what is
// found. Assembly is compiled here, and what is verified with an option: fixes are for C.
func (c *programCase) judge(t *testing.T) []*explain.Program {
	t.Helper()
	headers, err := filepath.Abs("testdata/programs")
	if err != nil {
		t.Fatal(err)
	}
	var flags []string
	if filepath.Ext(c.name) == ".c" {
		flags = []string{"-ffreestanding", "-I" + headers}
	}
	flags = append(flags, c.Flags...)
	toml := fmt.Sprintf("root = true\nplatform = %q\n", c.Platform)
	if c.Type != "" {
		toml += fmt.Sprintf("type = %q\n", c.Type)
	}
	req := session.Request{Path: filepath.Join(c.dir, c.name), Jobs: 1, NoFacts: true, NoVerify: c.Option != ""}
	if filepath.Ext(c.name) == ".c" && c.Option == "" {
		toml += "[clang]\nflags = [\n"
		for _, flag := range flags {
			toml += fmt.Sprintf("%q,\n", flag)
		}
		toml += "]\n"
	} else {
		req.Path = filepath.Join(c.dir, "program.o")
		args := []string{"-target", "bpf", "-fdebug-compilation-dir=.", "-c", c.name, "-o", req.Path}
		if filepath.Ext(c.name) == ".c" {
			args = append(args, "-O2", "-g")
		}
		cmd := exec.Command("clang-19", append(args, flags...)...)
		cmd.Dir = c.dir
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Fatalf("clang: %v\n%s", err, out)
		}
	}
	if err := os.WriteFile(filepath.Join(c.dir, "bpfls.toml"), []byte(toml), 0o666); err != nil {
		t.Fatal(err)
	}
	switch c.Termination {
	case "on":
		req.Choices.Termination = verifier.On
	case "off":
		req.Choices.Termination = verifier.Off
	}
	o := session.Run(context.Background(), req)
	if o.Err != nil || len(o.Problems) > 0 {
		t.Fatalf("error %v, problems %v", o.Err, o.Problems)
	}
	if len(o.Programs) == 0 {
		t.Fatal("there is no program")
	}
	if c.Option != "" {
		return judgeWithOption(t, o, c.Option)
	}
	for _, po := range o.Programs {
		if po.Report == nil {
			continue
		}
		found := slices.Clone(po.Report.Findings)
		for i := range found {
			f, err := o.Evidence(context.Background(), po, i)
			if err != nil {
				t.Fatal(err)
			}
			found[i] = f
		}
		po.Report.Findings = found
	}
	return o.Report.Programs
}

// judgeWithOption verifies with a choice that no platform makes.
func judgeWithOption(t *testing.T, o *session.Outcome, option string) []*explain.Program {
	t.Helper()
	p := o.Platform.Clone()
	switch option {
	case "strict":
		p.Options.Strict = true
	case "no-division-by-zero":
		p.Options.NoDivisionByZero = true
	case "callx":
		p.Options.CallX = true
	default:
		t.Fatalf("no option is named %s", option)
	}
	var maps []platform.Map
	for _, m := range o.Object.Maps {
		maps = append(maps, m.Map)
	}
	var programs []*explain.Program
	for _, po := range o.Programs {
		in := explain.Input{Object: o.Object, Program: po.Program, Platform: p, Type: po.Type, Sources: o.Sources}
		result, err := verifier.Analyze(context.Background(), verifier.Input{Code: po.Program.Code, Maps: maps, Platform: p, Type: po.Type}, verifier.Options{})
		if err != nil {
			t.Fatal(err)
		}
		in.Result = result
		programs = append(programs, explain.Explain(in))
	}
	return programs
}

var wantComment = regexp.MustCompile(`(?://|#) (want|nowhere) ((?:BPF-[a-z-]+ ?)+)`)

// check compares the findings with the comments of the source and with the golden.
func (c *programCase) check(t *testing.T, path string, programs []*explain.Program) {
	t.Helper()
	lines := map[string][]string{}
	for _, f := range c.archive.Files {
		n := 0
		for line := range strings.Lines(string(f.Data)) {
			n++
			if m := wantComment.FindStringSubmatch(line); m != nil && f.Name != "want" {
				at := fmt.Sprintf("%s:%d", f.Name, n)
				if m[1] == "nowhere" {
					at = "no line"
				}
				lines[at] = append(lines[at], strings.Fields(m[2])...)
			}
		}
	}
	for _, p := range programs {
		for _, f := range p.Findings {
			at := fmt.Sprintf("%s:%d", c.show(f.Range.File), f.Range.Line)
			if f.Range.Line == 0 {
				at = "no line"
			}
			i := slices.Index(lines[at], f.Code)
			if i < 0 {
				t.Errorf("%s: there is no comment \"want %s\"", at, f.Code)
				continue
			}
			lines[at] = slices.Delete(lines[at], i, i+1)
		}
	}
	for _, at := range slices.Sorted(maps.Keys(lines)) {
		if len(lines[at]) > 0 {
			t.Errorf("%s: want %s, which is not found", at, strings.Join(lines[at], " "))
		}
	}
	got := c.golden(programs)
	i := slices.IndexFunc(c.archive.Files, func(f txtar.File) bool { return f.Name == "want" })
	if *update {
		if i < 0 {
			i = len(c.archive.Files)
			c.archive.Files = append(c.archive.Files, txtar.File{Name: "want"})
		}
		c.archive.Files[i].Data = []byte(got)
		if err := os.WriteFile(path, txtar.Format(c.archive), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want := ""
	if i >= 0 {
		want = string(c.archive.Files[i].Data)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the findings differ (-want +got); go test ./session -run TestPrograms -update writes them anew:\n%s", diff)
	}
}

// show is a path as goldens have it.
func (c *programCase) show(path string) string {
	if rel, err := filepath.Rel(c.dir, path); err == nil && filepath.IsAbs(path) && !strings.HasPrefix(rel, "..") {
		return filepath.ToSlash(rel)
	}
	return filepath.Base(path)
}

// golden writes what was found, a line for each thing.
func (c *programCase) golden(programs []*explain.Program) string {
	var b strings.Builder
	for _, p := range programs {
		fmt.Fprintf(&b, "%s %s: %s\n", p.Section, p.Function, p.Verdict)
		for i := range p.Findings {
			c.goldenFinding(&b, &p.Findings[i])
		}
	}
	return b.String()
}

func (c *programCase) goldenFinding(b *strings.Builder, f *explain.Finding) {
	fmt.Fprintf(b, "  %s %s: %s\n", c.place(f.Range), f.Code, f.Message)
	if f.Severity != "error" {
		fmt.Fprintf(b, "    severity: %s\n", f.Severity)
	}
	if text := cut(f.Text, f.Range); text != "" {
		fmt.Fprintf(b, "    text: %s\n", text)
	}
	if f.VerifierMessage != "" && f.VerifierMessage != strings.TrimSuffix(f.Message, ".") {
		fmt.Fprintf(b, "    verifier: %s\n", f.VerifierMessage)
	}
	for _, r := range f.Related {
		fmt.Fprintf(b, "    related: %s %s\n", c.place(r.Range), r.Message)
	}
	if f.Consequences > 0 {
		fmt.Fprintf(b, "    consequences: %d\n", f.Consequences)
	}
	if f.MissingFact != "" {
		fmt.Fprintf(b, "    missing: %s\n", f.MissingFact)
	}
	if f.Evidence.Class != "" {
		fmt.Fprintf(b, "    class: %s: %s\n", f.Evidence.Class, f.Evidence.Reason)
	}
	for _, fix := range f.Evidence.Fixes {
		if !fix.Verified {
			c.t.Errorf("%s: the fix %q is not verified", c.place(f.Range), fix.Title)
		}
		fmt.Fprintf(b, "    fix: %s (same on %d inputs)\n", fix.Title, fix.Inputs)
		c.goldenEdits(b, fix.Edits)
	}
	if f.Evidence.NoFix != "" {
		fmt.Fprintf(b, "    no fix: %s\n", f.Evidence.NoFix)
	}
}

// goldenEdits writes edits as the lines that go and those that come.
func (c *programCase) goldenEdits(b *strings.Builder, edits []explain.Edit) {
	byFile := map[string][]explain.Edit{}
	for _, e := range edits {
		byFile[e.Range.File] = append(byFile[e.Range.File], e)
	}
	for _, path := range slices.Sorted(maps.Keys(byFile)) {
		text, err := os.ReadFile(path)
		if err != nil {
			c.t.Fatal(err)
		}
		changed, err := repair.Apply(text, byFile[path])
		if err != nil {
			c.t.Fatal(err)
		}
		before, after := strings.Split(string(text), "\n"), strings.Split(string(changed), "\n")
		for len(before) > 0 || len(after) > 0 {
			if len(before) > 0 && len(after) > 0 && before[0] == after[0] {
				before, after = before[1:], after[1:]
				continue
			}
			// To the next line that both have, and the one behind it.
			n, m := len(before), len(after)
			for i := range before {
				for j := range after {
					if i+j < n+m && before[i] == after[j] && (i+1 == len(before)) == (j+1 == len(after)) && (i+1 == len(before) || before[i+1] == after[j+1]) {
						n, m = i, j
					}
				}
			}
			fmt.Fprintf(b, "      %s:%d\n", c.show(path), strings.Count(string(text), "\n")+2-len(before))
			for _, s := range before[:n] {
				fmt.Fprintf(b, "      -%s\n", s)
			}
			for _, s := range after[:m] {
				fmt.Fprintf(b, "      +%s\n", s)
			}
			before, after = before[n:], after[m:]
		}
	}
}

func (c *programCase) place(r explain.Range) string {
	if r.Line == 0 {
		return "-"
	}
	return fmt.Sprintf("%s:%d:%d-%d:%d", c.show(r.File), r.Line, r.Column, r.EndLine, r.EndColumn)
}

// cut is the part of a line that a range covers.
func cut(line string, r explain.Range) string {
	end := r.EndColumn - 1
	if r.EndLine > r.Line {
		end = len(line)
	}
	if r.Line == 0 || r.Column < 1 || end > len(line) || r.Column-1 > end {
		return ""
	}
	return line[r.Column-1 : end]
}
