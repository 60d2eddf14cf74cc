package clangdriver

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bpfls/diskcache"

	"github.com/google/go-cmp/cmp"
)

func TestPreambleEnd(t *testing.T) {
	for _, test := range []struct{ name, preamble, rest string }{
		{"includes", "#include \"a.h\"\n#include <b.h>\n", "\nint x;\n#include \"c.h\"\n"},
		{"comments and blank lines", "// a\n\n/* b\n */\n#include \"a.h\" // c\n", "int x;"},
		{"definitions before an include", "#define A 1\n#undef B\n#include \"a.h\"\n", "#define C 2\nint x;"},
		{"a conditional", "#ifdef A\n#include \"a.h\"\n#else\n#include \"b.h\"\n#endif\n", "#ifdef C\nint x;\n#endif\n"},
		{"code in a conditional", "#include \"a.h\"\n", "#ifdef A\nint x;\n#endif\n#include \"b.h\"\n"},
		{"an include in a conditional with code", "", "#ifdef A\n#include \"a.h\"\nint x;\n#endif\n"},
		{"a pragma", "#include \"a.h\"\n", "#pragma once\n#include \"b.h\"\n"},
		{"no includes", "", "#define A 1\nint x;\n"},
		{"a continued line", "#include \\\n \"a.h\"\n", "int x;"},
		{"a stray #endif", "#include \"a.h\"\n", "#endif\n#include \"b.h\"\n"},
		{"the end of the text", "#include \"a.h\"", ""},
	} {
		text := []byte(test.preamble + test.rest)
		if end := preambleEnd(text); end != len(test.preamble) {
			t.Errorf("%s: the preamble is %q, want %q", test.name, text[:end], test.preamble)
		}
	}
}

func FuzzPreambleEnd(f *testing.F) {
	f.Add("#include \"a.h\"\nint x;")
	f.Add("#if 1\n#include <a.h>\n#endif /* */\\\n#define")
	f.Fuzz(func(t *testing.T, text string) {
		end := preambleEnd([]byte(text))
		if end < 0 || end > len(text) {
			t.Fatalf("%d of %d", end, len(text))
		}
		if blank := without([]byte(text), end); len(blank) != len(text) || bytes.Count(blank, []byte("\n")) != strings.Count(text, "\n") {
			t.Fatalf("%q", blank)
		}
	})
}

// folder is a folder with a source and its headers.
func folder(t *testing.T, files map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// precompiledSource has what a header may hold: types, macros, inline functions that warn,
// no include guard, attributes as in vmlinux.h, a header that is looked for, and another include behind code.
var precompiledSource = map[string]string{
	"types.h":  "#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)\nstruct xdp_md { unsigned int data, data_end; };\n#pragma clang attribute pop\ntypedef unsigned int u32;\nenum verdict { DROP = 1, PASS = 2 };\n",
	"macros.h": "#ifndef MACROS\n#define MACROS\n#define SEC(name) __attribute__((section(name), used))\n#define AT(p, i) ((unsigned char *)(p))[i]\n#endif\n",
	"inline.h": "static inline int first(void *p) { int unused; return AT(p, 0); }\n",
	"tail.h":   "static int tail(u32 x) { return x & 7; }\n",
	"a.c": "// größe\n#define LIMIT 14\n#include \"types.h\"\n#if LIMIT > 3\n#include \"macros.h\"\n#endif\n#include \"inline.h\"\n" +
		"#if __has_include(\"none.h\")\n#include \"none.h\"\n#endif\n\nint global;\n#include \"tail.h\"\n" +
		"SEC(\"xdp\")\nint f(struct xdp_md *ctx)\n{\n\tvoid *p = (void *)(long)ctx->data;\n\tif (p + LIMIT > (void *)(long)ctx->data_end)\n\t\treturn DROP;\n\tglobal = __LINE__;\n\treturn first(p) + tail(3) + PASS;\n}\n",
}

// TestPrecompiled holds that a precompiled header changes nothing but the time.
func TestPrecompiled(t *testing.T) {
	dir := folder(t, precompiledSource)
	req := Request{Path: filepath.Join(dir, "a.c"), Platform: PlatformLinux}
	plain := compileWith(t, &Driver{}, req)
	d := &Driver{PrecompiledDir: t.TempDir(), precompileAll: true}
	if switchedOff("precompiledHeaders") {
		d.PrecompiledDir = ""
	}
	compileWith(t, d, req)
	d.WaitPrecompiled()
	if made := d.made(); len(made) != 1 {
		t.Fatalf("precompiled headers: %v", made)
	}
	fast := compileWith(t, d, req)
	if d.used() != 1 {
		t.Errorf("the precompiled header was used %d times", d.used())
	}
	if !bytes.Equal(plain.Object, fast.Object) {
		t.Errorf("the object is another one (%d and %d bytes)", len(plain.Object), len(fast.Object))
	}
	plain.Object, fast.Object = nil, nil
	if diff := cmp.Diff(plain, fast); diff != "" {
		t.Error(diff)
	}
	if len(fast.Diagnostics) != 1 || !strings.HasSuffix(fast.Diagnostics[0].File, "inline.h") {
		t.Errorf("diagnostics: %+v", fast.Diagnostics)
	}
	if _, err := os.Stat(preamblePath(req.Path)); err == nil {
		t.Error("the preamble was written beside the source")
	}
}

// TestPrecompiledOutOfDate changes what a precompiled header was made from, in turn; the
// result must be that of a compilation without.
func TestPrecompiledOutOfDate(t *testing.T) {
	for _, test := range []struct {
		name    string
		change  func(t *testing.T, dir string, req *Request)
		stillIn bool // the precompiled header still holds
	}{
		{"nothing", func(*testing.T, string, *Request) {}, true},
		{"the code", edit("a.c", "tail(3)", "tail(4)"), true},
		{"a header", edit("types.h", "PASS = 2", "PASS = 3"), false},
		{"the preamble", edit("a.c", "#define LIMIT 14", "#define LIMIT 15"), false},
		{"a header that was looked for appears", func(t *testing.T, dir string, _ *Request) {
			if err := os.WriteFile(filepath.Join(dir, "none.h"), []byte("int none;\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"an unsaved header", func(t *testing.T, dir string, req *Request) {
			req.Overlay = map[string][]byte{filepath.Join(dir, "types.h"): []byte(strings.Replace(precompiledSource["types.h"], "2", "4", 1))}
		}, false},
		{"an unsaved source", func(t *testing.T, dir string, req *Request) {
			req.Overlay = map[string][]byte{req.Path: []byte(strings.Replace(precompiledSource["a.c"], "tail(3)", "tail(5)", 1))}
		}, false},
		{"flags", func(_ *testing.T, _ string, req *Request) { req.Settings.Flags = []string{"-DX=1"} }, false},
		{"an error in the code", edit("a.c", "return first", "return second"), false}, // clang tells it without
		{"an error in a header", edit("inline.h", "return AT", "return TA"), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := folder(t, precompiledSource)
			req := Request{Path: filepath.Join(dir, "a.c"), Platform: PlatformLinux}
			d := &Driver{PrecompiledDir: t.TempDir(), precompileAll: true}
			compileWith(t, d, req)
			d.WaitPrecompiled()
			before := d.used()
			test.change(t, dir, &req)
			fast, plain := compileWith(t, d, req), compileWith(t, &Driver{}, req)
			d.WaitPrecompiled()
			if used := d.used() > before; used != test.stillIn {
				t.Errorf("the precompiled header was used: %v, want %v", used, test.stillIn)
			}
			if diff := cmp.Diff(plain, fast); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestPrecompiledDamaged makes sure that a damaged cache costs time and nothing else.
func TestPrecompiledDamaged(t *testing.T) {
	dir := folder(t, precompiledSource)
	req := Request{Path: filepath.Join(dir, "a.c"), Platform: PlatformLinux}
	plain := compileWith(t, &Driver{}, req)
	for _, file := range []string{precompiledFile, precompiledInfoFile} {
		for name, damage := range map[string]func([]byte) []byte{
			"empty":    func([]byte) []byte { return nil },
			"cut":      func(b []byte) []byte { return b[:len(b)/2] },
			"nonsense": func([]byte) []byte { return []byte("nonsense") },
			"a bit": func(b []byte) []byte {
				b[len(b)*3/4] ^= 4
				return b
			},
		} {
			d := &Driver{PrecompiledDir: t.TempDir(), precompileAll: true}
			compileWith(t, d, req)
			d.WaitPrecompiled()
			path := filepath.Join(d.PrecompiledDir, d.made()[0], file)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, damage(data), 0o600); err != nil {
				t.Fatal(err)
			}
			got := compileWith(t, d, req)
			d.WaitPrecompiled()
			if diff := cmp.Diff(plain, got); diff != "" {
				t.Errorf("%s %s: %s", file, name, diff)
			}
		}
	}
}

// TestPrecompiledOfOtherHeaders puts a precompiled header of other headers in another's
// place, which clang takes without a word: nothing but the digest tells.
func TestPrecompiledOfOtherHeaders(t *testing.T) {
	dir := folder(t, precompiledSource)
	req := Request{Path: filepath.Join(dir, "a.c"), Platform: PlatformLinux}
	d := &Driver{PrecompiledDir: t.TempDir(), precompileAll: true}
	made := func() (file string, pch []byte) {
		t.Helper()
		compileWith(t, d, req)
		d.WaitPrecompiled()
		file = filepath.Join(d.PrecompiledDir, d.made()[0], precompiledFile)
		pch, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return file, pch
	}
	_, other := made()
	edit("types.h", "PASS = 2", "PASS = 7")(t, dir, &req)
	file, pch := made()
	if bytes.Equal(pch, other) {
		t.Fatal("the precompiled header was not made anew")
	}
	plain := compileWith(t, &Driver{}, req)
	reader := &Driver{PrecompiledDir: d.PrecompiledDir}
	reader.Close() // it makes none
	for what, content := range map[string][]byte{"other headers": other, "its own headers": pch} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		// That it would be taken: the digest says that it is the right one.
		info := filepath.Join(filepath.Dir(file), precompiledInfoFile)
		right, err := os.ReadFile(info)
		if err != nil {
			t.Fatal(err)
		}
		var lying precompiledInfo
		if err := lying.decode(right); err != nil {
			t.Fatal(err)
		}
		lying.Digest = diskcache.Digest(content)
		data, err := lying.encode()
		if err != nil {
			t.Fatal(err)
		}
		for name, test := range map[string]struct {
			info []byte
			same bool
		}{"the digest is the header's": {data, what == "its own headers"}, "the digest is what it was": {right, true}} {
			if err := os.WriteFile(info, test.info, 0o600); err != nil {
				t.Fatal(err)
			}
			got := compileWith(t, reader, req)
			if same := bytes.Equal(got.Object, plain.Object); same != test.same {
				t.Errorf("%s, %s: the object is that of a compilation without: %v, want %v", what, name, same, test.same)
			}
		}
		if err := os.WriteFile(info, right, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// edit replaces a text in a file.
func edit(name, old, new string) func(*testing.T, string, *Request) {
	return func(t *testing.T, dir string, _ *Request) {
		t.Helper()
		path := filepath.Join(dir, name)
		text, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(text), old) {
			t.Fatalf("%s: %q is not in it, %v", name, old, err)
		}
		if err := os.WriteFile(path, []byte(strings.Replace(string(text), old, new, 1)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func compileWith(t *testing.T, d *Driver, req Request) *Output {
	t.Helper()
	out, err := d.Compile(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// made lists the precompiled headers of a driver.
func (d *Driver) made() (names []string) {
	entries, _ := os.ReadDir(d.PrecompiledDir)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func (d *Driver) used() int64 { return d.cache.precompiling.used.Load() }
