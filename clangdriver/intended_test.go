package clangdriver

import (
	"os"
	"path/filepath"
	"testing"
)

func TestForBPF(t *testing.T) {
	dir := t.TempDir()
	text := `[{"directory": "` + filepath.ToSlash(dir) + `", "file": "a.c", "command": "clang -target bpf -O2 -c a.c"},
		{"directory": "` + filepath.ToSlash(dir) + `", "file": "b.c", "arguments": ["cc", "-c", "b.c"]}]`
	path := filepath.Join(dir, "compile_commands.json")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"a.c": true, "b.c": false, "c.c": false} {
		got, ok := ForBPF(filepath.Join(dir, name), Settings{})
		if ok != want || want && got != path {
			t.Errorf("ForBPF(%s) = %s, %v; want %v", name, got, ok, want)
		}
	}
}
