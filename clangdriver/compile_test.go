package clangdriver

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write the outputs in testdata/compile anew")

// withoutFlag switches things off, to see their tests fail (make features).
var withoutFlag = flag.String("without", "", "what to switch off, separated by commas")

// switchedOff reports whether a thing is switched off.
func switchedOff(feature string) bool {
	return slices.Contains(strings.Split(*withoutFlag, ","), feature)
}

// goldenMajor is the version of clang whose words the goldens have.
const goldenMajor = 19

// testDriver is a driver that sees nothing of the user's own directories.
func testDriver(t *testing.T) *Driver {
	t.Helper()
	return &Driver{TempDir: t.TempDir(), Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent"}}
}

// needClang skips where there is no clang; BPFLS_TEST_CLANG names another than the
// one that is found.
func needClang(t *testing.T, d *Driver) (Settings, Clang) {
	t.Helper()
	s := Settings{Clang: os.Getenv("BPFLS_TEST_CLANG")}
	c, _, err := d.findClang(t.Context(), s, "/")
	var none *NotFoundError
	if errors.As(err, &none) {
		t.Skipf("needs clang: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

// unpack writes the files of an archive below a directory, but for those under
// unsaved/, which it gives as an overlay. The directory is the root of a repository.
func unpack(t *testing.T, ar *txtar.Archive, dir string) (overlay map[string][]byte) {
	t.Helper()
	overlay = map[string][]byte{}
	write := func(path string, data []byte) {
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(dir, ".git", "HEAD"), nil)
	for _, f := range ar.Files {
		if rest, ok := strings.CutPrefix(f.Name, "unsaved/"); ok {
			overlay[filepath.Join(dir, rest)] = f.Data
		} else if f.Name != "output" {
			write(filepath.Join(dir, f.Name), bytes.ReplaceAll(f.Data, []byte("$DIR"), []byte(filepath.ToSlash(dir))))
		}
	}
	return overlay
}

// projectFile matches the files that may say how a project compiles a source.
var projectFile = pattern{text: `compile_|(^|/)(\.clangd|(GNUm|m|M)akefile)$`}

// TestCompile compiles a program of each archive in testdata/compile with the real clang. The
// comment of an archive has what is asked for, a line each:
//
//	source: PATH
//	platform: auto|windows|linux
//	flags: ARG ARG
//	headers: DIR DIR
//	show: object text | files | missing | command | ignored | diagnostics | platform
//
// and # lines that say what is shown.
func TestCompile(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("the goldens were made on Linux, x86-64")
	}
	archives, err := filepath.Glob("testdata/compile/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("there are no archives in testdata/compile", err)
	}
	d := testDriver(t)
	settings, clang := needClang(t, d)
	if clang.Major != goldenMajor {
		t.Skipf("the goldens are in the words of clang %d; there is %s", goldenMajor, clang.Version)
	}
	for _, file := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			dir := realTempDir(t)
			req := Request{Settings: settings, Overlay: unpack(t, ar, dir)}
			req.Settings.Dir = dir
			var show []string
			for line := range strings.Lines(string(ar.Comment)) {
				key, value, ok := strings.Cut(strings.TrimSpace(line), ":")
				value = strings.TrimSpace(value)
				switch {
				case strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "":
				case ok && key == "source":
					req.Path = filepath.Join(dir, value)
				case ok && key == "platform":
					req.Platform = value
				case ok && key == "flags":
					req.Settings.Flags = strings.Fields(value)
				case ok && key == "headers":
					req.Settings.Headers = strings.Fields(value)
				case ok && key == "show":
					show = strings.Fields(value)
				default:
					t.Fatalf("%s: unknown line %q", file, line)
				}
			}
			out, err := d.Compile(t.Context(), req)
			var got string
			if err != nil {
				got = "error: " + err.Error() + "\n"
			} else {
				got = dump(out, dir, show)
			}
			got = strings.ReplaceAll(got, dir, "$DIR")
			got = strings.ReplaceAll(got, clang.Path, "clang")
			checkNothingLeft(t, d)
			i := slices.IndexFunc(ar.Files, func(f txtar.File) bool { return f.Name == "output" })
			if *update {
				if i < 0 {
					i = len(ar.Files)
					ar.Files = append(ar.Files, txtar.File{Name: "output"})
				}
				ar.Files[i].Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(ar), 0o666); err != nil {
					t.Fatal(err)
				}
				return
			}
			if i < 0 {
				t.Fatalf("%s has no output; make it with -update", file)
			}
			if diff := cmp.Diff(string(ar.Files[i].Data), got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// dump writes the parts of an output that a test shows. Files outside of dir,
// which differ between machines, are left out.
func dump(out *Output, dir string, show []string) string {
	var b strings.Builder
	inside := func(paths []string) (list []string) {
		for _, p := range paths {
			if rel, err := filepath.Rel(dir, p); err == nil && filepath.IsLocal(rel) {
				list = append(list, filepath.ToSlash(rel))
			}
		}
		return list
	}
	for _, what := range show {
		switch what {
		case "platform":
			fmt.Fprintf(&b, "platform: %s (%s)\n", out.Platform, out.Why)
		case "object":
			if out.Object == nil {
				b.WriteString("object: none\n")
			} else {
				b.WriteString("object: yes\n")
			}
		case "command":
			fmt.Fprintf(&b, "command: %s\n", strings.Join(out.Command, " "))
		case "origins":
			for _, f := range out.Flags {
				fmt.Fprintf(&b, "flag: %s (%s)\n", strings.Join(f.Args, " "), f.Origin)
			}
		case "ignored":
			for _, f := range out.Ignored {
				fmt.Fprintf(&b, "ignored: %s (%s): %s\n", strings.Join(f.Args, " "), f.Origin, f.Reason)
			}
		case "files":
			fmt.Fprintf(&b, "files: %s\n", strings.Join(inside(out.Files), " "))
		case "missing":
			for _, m := range inside(out.Missing) {
				if !projectFile.get().MatchString(m) {
					fmt.Fprintf(&b, "missing: %s\n", m)
				}
			}
		case "diagnostics":
			for _, d := range out.Diagnostics {
				dumpDiagnostic(&b, d, "", out)
			}
		case "strings":
			// What .BTF and .debug_line say of the sources.
			for _, s := range printable(out.Object) {
				if strings.Contains(s, dir) || strings.Contains(s, "return") {
					fmt.Fprintf(&b, "string: %s\n", s)
				}
			}
		default:
			fmt.Fprintf(&b, "unknown: %s\n", what)
		}
	}
	return b.String()
}

func dumpDiagnostic(b *strings.Builder, d Diagnostic, indent string, out *Output) {
	fmt.Fprintf(b, "%s%s:%d:%d-%d:%d: %s: %s", indent, d.File, d.Line, d.Column, d.EndLine, d.EndColumn, d.Severity, d.Message)
	if d.Option != "" {
		fmt.Fprintf(b, " [%s]", d.Option)
	}
	b.WriteByte('\n')
	if line := lineOf(out.Sources[d.File], d.Line); d.EndLine == d.Line && d.Column <= d.EndColumn && d.EndColumn-1 <= len(line) && d.Line > 0 {
		fmt.Fprintf(b, "%s  |%s|\n", indent, line[d.Column-1:d.EndColumn-1])
	}
	for _, e := range d.Fixes {
		fmt.Fprintf(b, "%s  fix: %d:%d-%d:%d %q\n", indent, e.Line, e.Column, e.EndLine, e.EndColumn, e.Text)
	}
	for _, n := range d.Notes {
		dumpDiagnostic(b, n, indent+"  ", out)
	}
}

// printable lists the strings of a file, each once, in order.
func printable(data []byte) []string {
	var list []string
	for _, s := range bytes.FieldsFunc(data, func(r rune) bool { return r < ' ' || r > '~' }) {
		if len(s) > 3 && !slices.Contains(list, string(s)) {
			list = append(list, string(s))
		}
	}
	slices.Sort(list)
	return list
}

// realTempDir is a directory without a symbolic link in its path.
func realTempDir(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func checkNothingLeft(t *testing.T, d *Driver) {
	t.Helper()
	left, err := os.ReadDir(d.TempDir)
	if err != nil || len(left) > 0 {
		t.Errorf("temporary files are left: %v %v", left, err)
	}
}

// TestEveryClang compiles one program with all the versions of clang that are
// installed, or that BPFLS_TEST_CLANGS lists: the same flags work, an
// unsaved header counts, diagnostics are read.
func TestEveryClang(t *testing.T) {
	d := testDriver(t)
	paths := filepath.SplitList(os.Getenv("BPFLS_TEST_CLANGS"))
	if len(paths) == 0 {
		for _, c := range pathCandidates(environment(d.Env).pathDirs(), exeSuffix(runtime.GOOS)) {
			paths = append(paths, c.path)
		}
	}
	tested := 0
	for _, path := range paths {
		clang, err := d.ask(t.Context(), candidate{path, "test"})
		if err != nil {
			continue
		}
		tested++
		t.Run(clang.Version, func(t *testing.T) {
			dir := realTempDir(t)
			overlay := unpack(t, txtar.Parse([]byte(`
-- prog.c --
old text
-- inc/n.h --
old text
-- unsaved/prog.c --
#include "inc/../n.h"
#include "inc/n.h"
__attribute__((section("xdp"))) int prog(int *ctx)
{
	int unused;
	return *ctx + ONE + TWO;
}
-- unsaved/n.h --
#define ONE 1
-- unsaved/inc/n.h --
#define TWO 2
`)), dir)
			out, err := d.Compile(t.Context(), Request{
				Path: filepath.Join(dir, "prog.c"), Overlay: overlay, Settings: Settings{Clang: path}, Platform: PlatformWindows,
			})
			if err != nil {
				t.Fatal(err)
			}
			if out.Object == nil {
				t.Fatalf("no object: %+v", out.Diagnostics)
			}
			want := []string{filepath.Join(dir, "prog.c"), filepath.Join(dir, "n.h"), filepath.Join(dir, "inc/n.h")}
			if diff := cmp.Diff(want, out.Files); diff != "" {
				t.Errorf("files: -want +got\n%s", diff)
			}
			for path, text := range overlay {
				if !bytes.Equal(out.Sources[path], text) {
					t.Errorf("%s was compiled as %q", path, out.Sources[path])
				}
			}
			if len(out.Diagnostics) != 1 || out.Diagnostics[0].Line != 5 || out.Diagnostics[0].Column != 6 ||
				out.Diagnostics[0].EndColumn != 12 || out.Diagnostics[0].Option != "-Wunused-variable" {
				t.Errorf("diagnostics: %+v", out.Diagnostics)
			}
			if !bytes.Contains(out.Object, []byte("return *ctx + ONE + TWO;")) {
				t.Error(".BTF does not have the line that was compiled")
			}
			checkNothingLeft(t, d)
		})
	}
	if tested == 0 {
		t.Skip("no clang is installed")
	}
	t.Logf("%d versions", tested)
}

// TestUnsavedChangesNothingElse: the program is the same whether its text comes
// from the disk or from a buffer.
func TestUnsavedChangesNothingElse(t *testing.T) {
	d := testDriver(t)
	settings, _ := needClang(t, d)
	dir := realTempDir(t)
	text := []byte("__attribute__((section(\"xdp\"))) int prog(int *ctx) { return *ctx; }\n")
	path := filepath.Join(dir, "prog.c")
	if err := os.WriteFile(path, text, 0o666); err != nil {
		t.Fatal(err)
	}
	first, err := d.Compile(t.Context(), Request{Path: path, Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	second, err := d.Compile(t.Context(), Request{Path: path, Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Object, second.Object) {
		t.Error("two runs give two objects")
	}
	unsaved, err := d.Compile(t.Context(), Request{Path: path, Settings: settings, Overlay: map[string][]byte{path: text}})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Object, unsaved.Object) {
		t.Error("a buffer that equals the file gives another object")
	}
	other := append(bytes.Clone(text), "// more\n"...)
	edited, err := d.Compile(t.Context(), Request{Path: path, Settings: settings, Overlay: map[string][]byte{path: other}})
	if err != nil {
		t.Fatal(err)
	}
	for _, section := range []string{"xdp", ".BTF", ".BTF.ext"} {
		if !bytes.Equal(sectionData(t, first.Object, section), sectionData(t, edited.Object, section)) {
			t.Errorf("a comment behind the program changes %s", section)
		}
	}
	if !slices.Equal(first.Command, edited.Command) {
		t.Errorf("commands %v and %v", first.Command, edited.Command)
	}
}

func sectionData(t *testing.T, object []byte, name string) []byte {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(object))
	if err != nil {
		t.Fatal(err)
	}
	section := f.Section(name)
	if section == nil {
		t.Fatalf("there is no section %s", name)
	}
	data, err := section.Data()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestHeaderChangesWhileClangReads: the text of a header that is reported is the
// one that was compiled.
func TestHeaderChangesWhileClangReads(t *testing.T) {
	d := testDriver(t)
	_, clang := needClang(t, d)
	if runtime.GOOS == "windows" {
		t.Skip("the compiler is a shell script")
	}
	dir := realTempDir(t)
	header, path := filepath.Join(dir, "n.h"), filepath.Join(dir, "prog.c")
	for path, text := range map[string]string{header: "#define N 1\n", path: "#include \"n.h\"\nint prog(void) { return N; }\n"} {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(header, old, old); err != nil {
		t.Fatal(err)
	}
	// Behind clang's back the header is replaced, once, by a file as old as it.
	script := filepath.Join(dir, "clang")
	writeScript(t, script, fmt.Sprintf(`%q "$@"
status=$?
if [ ! -e %[2]s/done ]; then
	case "$*" in *-header-include-file*)
		touch %[2]s/done
		printf '#define N 2\n' > %[2]s/new.h
		touch -r %[2]s/n.h %[2]s/new.h
		mv %[2]s/new.h %[2]s/n.h
	esac
fi
exit $status
`, clang.Path, dir))
	out, err := d.Compile(t.Context(), Request{Path: path, Settings: Settings{Clang: script}})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(out.Sources[header]); got != "#define N 2\n" {
		t.Errorf("the header is said to be %q", got)
	}
	direct, err := d.Compile(t.Context(), Request{Path: path, Settings: Settings{Clang: clang.Path}})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out.Object, direct.Object) {
		t.Error("the object is not of the header as reported")
	}
}

func TestQuotedWords(t *testing.T) {
	line := ` "/usr/bin/clang" "-cc1" "-D" "A=\"x\\y\"" "C:\\a b" plain "" "\$x"` + "\r\n"
	want := []string{"/usr/bin/clang", "-cc1", "-D", `A="x\y"`, `C:\a b`, "plain", "", "$x"}
	if diff := cmp.Diff(want, quotedWords(line)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestCompileErrors(t *testing.T) {
	d := testDriver(t)
	dir := realTempDir(t)
	noClang := filepath.Join(dir, "nonexistent", "clang"+exeSuffix(runtime.GOOS))
	for _, test := range []struct {
		name string
		req  Request
		want string
	}{
		{"relative path", Request{Path: "a.c"}, "a.c: is not an absolute path"},
		{"no file", Request{Path: filepath.Join(dir, "none.c")}, filepath.Join(dir, "none.c") + ": file does not exist"},
		{"directory", Request{Path: dir}, dir + ": is a directory, not a C source"},
		{"clang of the setting", Request{Path: filepath.Join(dir, "a.c"), Overlay: map[string][]byte{filepath.Join(dir, "a.c"): nil},
			Settings: Settings{Clang: noClang}},
			"clang was not found: the setting names " + noClang + ": there is no such file. Verification is off for this file. " + installAdvice},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := d.Compile(t.Context(), test.req)
			if err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

func TestCompileCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	path := filepath.Join(t.TempDir(), "a.c")
	_, err := testDriver(t).Compile(ctx, Request{Path: path, Overlay: map[string][]byte{path: nil}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func writeScript(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o777); err != nil {
		t.Fatal(err)
	}
}
