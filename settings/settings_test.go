package settings

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write what the tests see into their golden files")

// TestGolden runs the archives in testdata. An archive holds files below
// /src, of which the first line of its comment names the one that is opened
// (with an editor's settings in editor.json), and in the file "want" what
// the settings are: those that are not built in, then the problems.
func TestGolden(t *testing.T) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, path := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			files := make(map[string][]byte)
			for _, f := range archive.Files {
				files[f.Name] = f.Data
			}
			opened, _, _ := strings.Cut(string(archive.Comment), "\n")
			s, problems := Load("/src/"+opened, reader(files), files["editor.json"], "/src")
			if source, ok := files[opened]; ok {
				comments, more := ParseComments("/src/"+opened, source)
				s.ApplyComments("/src/"+opened, comments)
				problems = append(problems, more...)
			}
			var got strings.Builder
			for _, e := range s.List() {
				if e.Origin.Kind != BuiltIn {
					fmt.Fprintf(&got, "%s = %s (%s)\n", e.Key, e.Value, e.Origin)
				}
			}
			for _, p := range problems {
				fmt.Fprintf(&got, "%v\n", p)
			}
			list := filepath.ToSlash(got.String()) // Windows writes paths with backslashes
			if list == string(files["want"]) {
				return
			}
			if !*update {
				t.Errorf("got:\n%s\nwant:\n%s", list, files["want"])
				return
			}
			for i, f := range archive.Files {
				if f.Name == "want" {
					archive.Files[i].Data = []byte(list)
				}
			}
			if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// reader reads files by their path below /src.
func reader(files map[string][]byte) Reader {
	return func(path string) ([]byte, error) {
		name, ok := strings.CutPrefix(filepath.ToSlash(path), "/src/")
		if data, found := files[name]; ok && found {
			return data, nil
		}
		return nil, fs.ErrNotExist
	}
}

// TestWatch: Load asks for every file that could change its answer.
func TestWatch(t *testing.T) {
	var asked []string
	files := map[string][]byte{"a/bpfls.toml": []byte("root = true\nhooks = 'hooks.toml'\n")}
	s, problems := Load("/src/a/b/x.c", func(path string) ([]byte, error) {
		asked = append(asked, filepath.ToSlash(path))
		return reader(files)(path)
	}, nil, "")
	if got, want := strings.Join(asked, " "), "/src/a/b/bpfls.toml /src/a/bpfls.toml /src/a/hooks.toml"; got != want {
		t.Errorf("asked for %s, want %s", got, want)
	}
	if len(problems) != 1 || filepath.ToSlash(problems[0].Error()) != "/src/a/bpfls.toml:2:9: hooks: /src/a/hooks.toml cannot be read: file does not exist" {
		t.Errorf("problems %v", problems)
	}
	if got, want := filepath.ToSlash(strings.Join(s.Files, " ")), "/src/a/bpfls.toml /src/a/hooks.toml"; got != want {
		t.Errorf("files %s, want %s", got, want)
	}
}

func TestGlobs(t *testing.T) {
	for _, test := range []struct {
		pattern, file string
		want          bool
	}{
		{"*.bpf.c", "/src/x.bpf.c", true},
		{"*.bpf.c", "/src/a/b/x.bpf.c", true},
		{"*.bpf.c", "/src/x.c", false},
		{"*.bpf.c", "/other/x.bpf.c", false},
		{"bpf/*.c", "/src/bpf/x.c", true},
		{"bpf/*.c", "/src/bpf/sub/x.c", false},
		{"bpf/*.c", "/src/a/bpf/x.c", false},
		{"./bpf/*.c", "/src/bpf/x.c", true},
		{"/bpf/*.c", "/src/bpf/x.c", true},
		{"**/bpf/*.c", "/src/a/b/bpf/x.c", true},
		{"**/bpf/*.c", "/src/bpf/x.c", true},
		{"bpf/**", "/src/bpf/a/b.c", true},
		{"bpf/**/x.c", "/src/bpf/x.c", true},
		{"a/**/b/**/c.c", "/src/a/1/2/b/c.c", true},
		{"a/**/b/**/c.c", "/src/a/1/2/c.c", false},
		{"?.c", "/src/é.c", true},
		{"?.c", "/src/ab.c", false},
		{"a*b*c", "/src/aXbXbXc", true},
		{"a*b*c", "/src/aXcXb", false},
		{"***.c", "/src/x.c", true},
		{"", "/src/x.c", false},
	} {
		if got := (Glob{"/src", test.pattern}).Match(test.file); got != test.want {
			t.Errorf("%q fits %s: %v, want %v", test.pattern, test.file, got, test.want)
		}
	}
}

func TestIsSource(t *testing.T) {
	s, _ := Load("/src/x.c", reader(map[string][]byte{"bpfls.toml": []byte("sources = ['*.bpf.c']\nexclude = ['gen/**']\n")}), nil, "")
	for file, want := range map[string]string{
		"/src/x.bpf.c": "true true", "/src/x.c": "false true", "/src/gen/x.bpf.c": "false true",
	} {
		source, known := s.IsSource(file)
		if got := fmt.Sprint(source, known); got != want {
			t.Errorf("%s: source, known = %s, want %s", file, got, want)
		}
	}
	if source, known := defaults().IsSource("/src/x.bpf.c"); source || known {
		t.Error("without settings a file is known to be a source")
	}
}

// TestSchemaIsCurrent: docs/bpfls.schema.json is what Schema says.
func TestSchemaIsCurrent(t *testing.T) {
	const path = "../docs/bpfls.schema.json"
	if *update {
		if err := os.WriteFile(path, Schema(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil || string(have) != string(Schema()) {
		t.Errorf("docs/bpfls.schema.json is out of date (%v): run go test ./settings -update", err)
	}
}

// TestDeep: a file that is nested without end is read in no time.
func TestDeep(t *testing.T) {
	for name, text := range map[string]string{
		"dotted key":    "a" + strings.Repeat(".a", 100_000) + " = 1",
		"table":         "[a" + strings.Repeat(".a", 100_000) + "]",
		"arrays":        "a = " + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000),
		"inline tables": "a = " + strings.Repeat("{a = ", 30_000) + "1" + strings.Repeat("}", 30_000),
		"many tables":   strings.Repeat("[[a]]\n", 40_000),
		"too large":     strings.Repeat("#", maxFileSize+1),
	} {
		_, problems := Load("/src/x.c", reader(map[string][]byte{"bpfls.toml": []byte(text)}), nil, "")
		if len(problems) != 1 {
			t.Errorf("%s: %d problems, want one", name, len(problems))
		}
	}
}

func FuzzLoad(f *testing.F) {
	archives, _ := filepath.Glob("testdata/*.txtar")
	for _, path := range archives {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			if strings.HasSuffix(file.Name, ".toml") {
				f.Add(file.Data, []byte(`{"platform": "linux", "clang": {"flags": ["-DX"]}}`))
			}
		}
	}
	f.Fuzz(func(t *testing.T, data, editor []byte) {
		s, problems := Load("/src/x.bpf.c", reader(map[string][]byte{"bpfls.toml": data}), editor, "/src")
		for _, p := range problems {
			checkPlace(t, p, data)
		}
		for _, e := range s.List() {
			if e.Origin.Kind == FromFile && (e.Origin.Line < 1 || e.Origin.Line > strings.Count(string(data), "\n")+1) {
				t.Errorf("%s comes from line %d", e.Key, e.Origin.Line)
			}
		}
		for _, h := range s.Hooks {
			if h.Name == "" || len(h.Sections) == 0 || h.Context.Layout == nil && h.Context.Header == "" {
				t.Errorf("an incomplete hook was accepted: %+v", h)
			}
			for _, helper := range h.Helpers {
				if err := helper.Valid(); err != nil {
					t.Error(err)
				}
			}
		}
	})
}

func FuzzComments(f *testing.F) {
	for _, seed := range []string{
		"// bpfls: type=bind\n", "/* bpfls: assert a < b */ int x;", "char *s = \"// bpfls: type=xdp\";",
		"/*\n * bpfls: allow BPF-x because\n*/", "// bpfls:", "'\\", "/*bpfls:type=é platform=", "\"\\\n\" // bpfls: type=a section=b",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		comments, problems := ParseComments("/src/x.c", text)
		for _, p := range problems {
			checkPlace(t, p, text)
		}
		lines := strings.Split(string(text), "\n")
		for _, c := range comments {
			if c.Line < 1 || c.Line > len(lines) || c.Column < 1 || c.EndColumn <= c.Column || c.EndColumn > len(lines[c.Line-1])+1 {
				t.Errorf("comment at %d:%d-%d of %q", c.Line, c.Column, c.EndColumn, text)
			}
			if given := (len(c.Settings) > 0) != (c.Assert != ""); given == (c.Allow != "") {
				t.Errorf("not exactly one meaning: %+v", c)
			}
		}
	})
}

func checkPlace(t *testing.T, p *Problem, text []byte) {
	t.Helper()
	if p.Message == "" {
		t.Errorf("a problem without a message: %+v", p)
	}
	if p.File == "" || p.Line == 0 && strings.Contains(p.Message, "cannot be read") {
		return // the editor's settings; a file that is not there
	}
	if p.File != "/src/bpfls.toml" && p.File != "/src/x.c" {
		return
	}
	if p.Line == 0 && strings.Contains(p.Message, "a settings file has at most") {
		return
	}
	lines := strings.Split(string(text), "\n")
	if p.Line < 1 || p.Line > len(lines) || p.Column < 1 || p.EndColumn < p.Column {
		t.Errorf("a problem outside of the file: %+v", p)
	}
}
