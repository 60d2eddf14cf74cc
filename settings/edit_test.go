package settings

import (
	"bytes"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pelletier/go-toml/v2"
)

// Values are added where a person would write them, and nothing else moves.
func TestAddToList(t *testing.T) {
	optimizes := func(flag string) bool { return strings.HasPrefix(flag, "-O") }
	for _, test := range []struct {
		name, before, path, value, after string
		line                             int
	}{
		{"an empty file", "", "headers", "include", "headers = [\"include\"]\n", 0},
		{"before the first table", "root = true # all\n\n[clang]\npath = \"clang\"\n", "headers", "a b", "root = true # all\n\nheaders = [\"a b\"]\n[clang]\npath = \"clang\"\n", 0},
		{"a list", "headers = [ 'x' ] # ours\n", "headers", "y", "headers = [ 'x', \"y\" ] # ours\n", 0},
		{"an empty list", "headers = []\n", "headers", "y", "headers = [\"y\"]\n", 0},
		{"a list of lines", "headers = [\n\t\"x\", # ]\n]\n", "headers", "y", "headers = [\n\t\"x\",\n\t\"y\", # ]\n]\n", 0},
		{"a list of lines with CRLF", "headers = [\r\n\t\"x\"\r\n]\r\n", "headers", "y", "headers = [\r\n\t\"x\",\r\n\t\"y\"\r\n]\r\n", 0},
		{"no line end", "root = true", "headers", "y", "root = true\nheaders = [\"y\"]\n", 0},
		{"in a table", "[clang]\npath = \"clang\"\n[limits]\nnodes = 5\n", "clang.flags", "-O2", "[clang]\nflags = [\"-O2\"]\npath = \"clang\"\n[limits]\nnodes = 5\n", 0},
		{"a dotted key", "clang.flags = [\"-DX\"]\n", "clang.flags", "-O2", "clang.flags = [\"-DX\", \"-O2\"]\n", 0},
		{"an inline table", "clang = { flags = [\"-O0\"] }\n", "clang.flags", "-O2", "clang = { flags = [\"-O2\"] }\n", 0},
		{"a table that is missing", "root = true\n", "clang.flags", "-O2", "root = true\n\n[clang]\nflags = [\"-O2\"]\n", 0},
		{"a value that gives way", "[clang]\nflags = [\"-O0\", \"-DX\"]\n", "clang.flags", "-O2", "[clang]\nflags = [\"-O2\", \"-DX\"]\n", 0},
		{"by line", "[[files]]\nglob = \"a.c\"\nflags = [\"-O0\"]\n", "clang.flags", "-O2", "[[files]]\nglob = \"a.c\"\nflags = [\"-O2\"]\n", 3},
		{"a backslash", "", "headers", `C:\inc`, "headers = ['C:\\inc']\n", 0},
	} {
		edit, err := AddToList([]byte(test.before), test.path, test.line, test.value, optimizes)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if diff := cmp.Diff(test.after, string(edit.Apply([]byte(test.before)))); diff != "" {
			t.Errorf("%s (-want +got)\n%s", test.name, diff)
		}
	}
	for name, before := range map[string]string{
		"broken":       "headers = [\n",
		"inline table": "clang = { path = \"clang\" }\n",
		"no list":      "[clang]\nflags = \"-O0\"\n",
	} {
		path := "clang.flags"
		if name == "broken" {
			path = "headers"
		}
		if edit, err := AddToList([]byte(before), path, 0, "x", nil); err == nil {
			t.Errorf("%s: %v", name, edit)
		}
	}
}

// A declaration is one that can be read back.
func TestHookDeclaration(t *testing.T) {
	fields := []HookField{{"data", "unsigned char *", 0, 8}, {"data_end", "unsigned char *", 8, 8}, {"id", "unsigned int", 16, 4}}
	for name, d := range map[string]HookDeclaration{
		"layout": {Name: "flow", Section: "flow/in", Platform: "linux", Size: 24, Fields: fields},
		"header": {Name: "flow", Section: "flow", Platform: "windows", Header: "include/flow.h", Type: "struct flow", Fields: fields},
		"odd":    {Name: `a"b\`, Section: `a"b`, Platform: "windows", Size: 8, Fields: fields[2:]},
	} {
		data := Append([]byte("root = true"), d.TOML()).Apply([]byte("root = true"))
		s, problems := Load("/src/a.c", func(path string) ([]byte, error) {
			if filepath.ToSlash(path) == "/src/bpfls.toml" {
				return data, nil
			}
			return nil, fs.ErrNotExist
		}, nil, "")
		if name == "odd" {
			problems = nil // the member lies behind the structure
		}
		if len(problems) > 0 || len(s.Hooks) != 1 && name != "odd" {
			t.Errorf("%s: %v\n%s", name, problems, data)
			continue
		}
		if name == "layout" {
			if h := s.Hooks[0]; h.Sections[0] != "flow+" || h.Context.Layout.Data != 0 || h.Context.Layout.End != 8 || h.Context.Layout.Size != 24 {
				t.Errorf("%+v", h)
			}
		}
		if name == "header" && (s.Hooks[0].Context.Data != "data" || filepath.ToSlash(s.Hooks[0].Context.Header) != "/src/include/flow.h") {
			t.Errorf("%+v", s.Hooks[0].Context)
		}
	}
}

// An edit of a file without errors gives one without errors.
func FuzzAddToList(f *testing.F) {
	for _, seed := range []string{"", "headers = []", "[clang]\nflags=[\n'a' #\n]\n", "clang = {flags = ['x']}", "[[files]]\nflags = [\"a\", ]\n", "headers = [[\"a\"]]"} {
		f.Add([]byte(seed), "a'\"\\\n")
	}
	f.Fuzz(func(t *testing.T, data []byte, value string) {
		for _, path := range []string{"headers", "clang.flags"} {
			edit, err := AddToList(data, path, 0, strings.ToValidUTF8(value, ""), nil)
			if err != nil {
				continue
			}
			after := edit.Apply(data)
			var tree map[string]any
			if err := toml.Unmarshal(after, &tree); err != nil && !bytes.Contains(data, []byte("\r")) {
				t.Errorf("%q became %q: %v", data, after, err)
			}
		}
	})
}
