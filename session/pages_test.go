package session_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bpfls/docs/findings"
	"bpfls/explain"
	"bpfls/platform"
	"bpfls/session"
	"bpfls/verifier"
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
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	toml := fmt.Sprintf("root = true\nplatform = %q\n", e.Platform)
	if e.Type != "" {
		toml += fmt.Sprintf("type = %q\n", e.Type)
	}
	if len(e.Flags) > 0 {
		toml += fmt.Sprintf("[clang]\nflags = [\"%s\"]\n", strings.Join(e.Flags, `", "`))
	}
	req := session.Request{Path: filepath.Join(dir, "example.c"), NoVerify: e.Option != ""}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("bpfls.toml", toml)
	if e.Language == "asm" {
		write("example.s", e.Source)
		cmd := exec.Command("clang-19", "-target", "bpf", "-c", "example.s", "-o", "example.o")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		req.Path = filepath.Join(dir, "example.o")
	} else {
		write("example.c", e.Source)
	}
	switch e.Termination {
	case "on":
		req.Choices.Termination = verifier.On
	case "off":
		req.Choices.Termination = verifier.Off
	}
	o := session.Run(context.Background(), req)
	if o.Err != nil || len(o.Problems) > 0 {
		t.Fatalf("error %v, problems %v", o.Err, o.Problems)
	}
	if o.Compile != nil && len(o.Compile.Diagnostics) > 0 {
		t.Errorf("clang: %v", o.Compile.Diagnostics[0].Message)
	}
	if len(o.Programs) == 0 {
		t.Fatal("there is no program")
	}
	if e.Option == "" {
		return o.Report.Programs
	}
	return judgeWithOption(t, o, e.Option)
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
