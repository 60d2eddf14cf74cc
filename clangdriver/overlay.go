package clangdriver

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// writeOverlay writes the texts of the snapshot and the file that maps names to
// them (clang's -ivfsoverlay), so that clang compiles them under the names of the
// files that they stand for.
func (c *compilation) writeOverlay() error {
	var b strings.Builder
	fold := runtime.GOOS == "windows" || runtime.GOOS == "darwin"
	fmt.Fprintf(&b, `{"version":0,"case-sensitive":"%t","use-external-names":"false","overlay-relative":"false","roots":[`, !fold)
	first := true
	entry := func(name, contents string, external bool) {
		if !first {
			b.WriteByte(',')
		}
		first = false
		fmt.Fprintf(&b, "\n"+`{"type":"file","name":%s,"external-contents":%s,"use-external-name":"%t"}`,
			yamlString(name), yamlString(contents), external)
	}
	for i, path := range slices.Sorted(maps.Keys(c.files.texts)) {
		contents := filepath.Join(c.temp, strconv.Itoa(i)+".c")
		if err := os.WriteFile(contents, c.files.texts[path], 0o600); err != nil {
			return err
		}
		entry(path, contents, false)
		// A search directory may spell the same file differently.
		if real, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil && real != filepath.Dir(path) {
			if alias := filepath.Join(real, filepath.Base(path)); c.files.texts[alias] == nil {
				entry(alias, contents, false)
			}
		}
	}
	for _, path := range slices.Sorted(maps.Keys(c.files.views)) {
		entry(path, c.files.views[path], true)
	}
	b.WriteString("\n]}\n")
	return os.WriteFile(filepath.Join(c.temp, tempOverlay), []byte(b.String()), 0o600)
}

// yamlString quotes a string so that YAML and LLVM's reader of it agree.
func yamlString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		switch ch := s[i]; {
		case ch == '"' || ch == '\\':
			b.WriteByte('\\')
			b.WriteByte(ch)
		case ch < 0x20 || ch == 0x7f:
			fmt.Fprintf(&b, `\x%02X`, ch)
		default:
			b.WriteByte(ch)
		}
	}
	b.WriteByte('"')
	return b.String()
}
