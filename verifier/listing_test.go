package verifier_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"bpfls/elfbpf"
	"bpfls/verifier"
	"bpfls/winhooks"
)

// windowsProgram verifies a program of an object for Windows.
func windowsProgram(t *testing.T, path, section, function, typeName string, opt verifier.Options) *verifier.Result {
	t.Helper()
	p := winhooks.Platform()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	o, err := elfbpf.Parse(path, data, elfbpf.Options{Platform: p})
	if err != nil {
		t.Fatal(err)
	}
	for _, prog := range o.Programs {
		if prog.Section != section || prog.Name != function {
			continue
		}
		if prog.Err != nil {
			t.Fatal(prog.Err)
		}
		if typeName == "" {
			typeName = section
		}
		typ, ok := p.TypeByName(typeName)
		if !ok {
			t.Fatalf("no program type %s", typeName)
		}
		in := verifier.Input{Code: prog.Code, Platform: p, Type: typ}
		for _, m := range o.Maps {
			in.Maps = append(in.Maps, m.Map)
		}
		res, err := verifier.Analyze(context.Background(), in, opt)
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	t.Fatalf("no program %s in %s", function, path)
	return nil
}

// listingText writes a listing without source lines and empty lines.
func listingText(blocks []verifier.ListingBlock) string {
	var b strings.Builder
	for _, block := range blocks {
		b.WriteString("Pre-invariant : " + block.Pre.Text() + "\n")
		if len(block.From) > 0 {
			b.WriteString("  from " + strings.Join(block.From, ",") + ";\n")
		}
		b.WriteString(block.Label + ":\n")
		failed := false
		for _, l := range block.Lines {
			for _, a := range l.Asserts {
				b.WriteString("  assert " + a + ";\n")
			}
			b.WriteString("  " + l.Inst + ";\n")
			if l.Failure != "" {
				failed = true
				b.WriteString("Verification error:\n")
				if l.After != nil {
					b.WriteString("After " + l.After.Text() + "\n")
				}
				b.WriteString(l.Label + ": " + l.Failure + "\n")
			}
		}
		if failed {
			break
		}
		if !block.Post.Bottom() {
			if len(block.Goto) > 0 {
				b.WriteString("  goto " + strings.Join(block.Goto, ",") + ";\n")
			}
			b.WriteString("Post-invariant : " + block.Post.Text() + "\n")
		}
	}
	return b.String()
}

// TestListing compares the states of whole programs with what netsh prints of
// them at level verbose.
func TestListing(t *testing.T) {
	texts, err := filepath.Glob(filepath.Join(shared(t, "netsh"), "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	header := regexp.MustCompile(`(?m)^== verification-verbose (\S+) (\S+)(?: type=(\S+))?.*$`)
	count := 0
	for _, path := range texts {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, section := range strings.Split(string(data), "\n== ")[1:] {
			m := header.FindStringSubmatch("== " + section)
			if m == nil {
				continue
			}
			count++
			object := strings.TrimSuffix(path, ".txt") + ".o"
			t.Run(filepath.Base(object)+" "+m[2], func(t *testing.T) {
				_, section, _ := strings.Cut(section, "\n")
				var want strings.Builder
				for _, line := range strings.Split(section, "\n") {
					switch {
					case line == "" || line[0] == ';', strings.HasPrefix(line, "Verification "), strings.HasPrefix(line, "Program terminates"):
						if line != "Verification error:" {
							continue
						}
					case strings.HasSuffix(line, " errors"):
						continue
					}
					want.WriteString(line + "\n")
				}
				res := windowsProgram(t, object, m[1], m[2], m[3], verifier.Options{})
				// netsh prints a failed program twice, then the failure once more.
				got := listingText(res.Listing(true))
				if res.Verdict == verifier.Fail {
					got += listingText(res.Listing(false))
					got += res.Failures[0].Label + ": " + res.Failures[0].Message + "\n"
				}
				if got != want.String() {
					t.Errorf("got\n%s\nwant\n%s", got, want.String())
				}
			})
		}
	}
	if count == 0 {
		t.Error("no listings")
	}
}
