package clangdriver

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestCompileHeader(t *testing.T) {
	d := testDriver(t)
	settings, _ := needClang(t, d)
	dir := realTempDir(t)
	for name, text := range map[string]string{
		"hook.h": "#pragma once\n#include \"base.h\"\ntypedef struct my_ctx { void *data; void *data_end; u32 mark; } my_ctx_t;\nstruct open;\n",
		"base.h": "typedef unsigned int u32;\n",
		// Expects stdint.h in front of it.
		"bare.h": "struct bare { uint64_t a; bool b; };\n",
		// Declares what stdint.h declares, differently.
		"own.h":    "typedef unsigned long long uint64_t;\nstruct own { uint64_t a; };\n",
		"broken.h": "struct broken { nowhere_t a; };\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct{ header, typeName, has, message string }{
		{header: "hook.h", typeName: "struct my_ctx", has: "my_ctx"},
		{header: "hook.h", typeName: "my_ctx_t", has: "my_ctx_t"},
		{header: "bare.h", typeName: "struct bare", has: "bare"},
		{header: "own.h", typeName: "struct own", has: "own"},
		{header: "hook.h", typeName: "struct none", message: "hook.h:1:1: struct none: tentative definition has type 'struct none' that is never completed"},
		{header: "hook.h", typeName: "none_t", message: "hook.h:1:1: none_t: unknown type name 'none_t'"},
		{header: "broken.h", typeName: "struct broken", message: "broken.h:1:17: unknown type name 'nowhere_t'"},
	} {
		t.Run(test.header+" "+test.typeName, func(t *testing.T) {
			path := filepath.Join(dir, test.header)
			out, err := d.CompileHeader(t.Context(), Request{Path: path, Platform: PlatformWindows, Settings: settings}, test.typeName)
			if err != nil {
				t.Fatal(err)
			}
			if slices.Index(out.Files, path) != 0 || slices.Contains(out.Files[1:], path) {
				t.Errorf("files %v", out.Files)
			}
			for _, f := range append(out.Files, out.Missing...) {
				if strings.Contains(f, "bpfls-context") {
					t.Errorf("%s is named, which is no file", f)
				}
			}
			if test.message != "" {
				if out.Object != nil || len(out.Diagnostics) == 0 {
					t.Fatalf("there is an object; diagnostics: %+v", out.Diagnostics)
				}
				diag := out.Diagnostics[0]
				got := filepath.Base(diag.File) + ":" + itoa(diag.Line) + ":" + itoa(diag.Column) + ": " + diag.Message
				if !strings.HasPrefix(got, test.message) {
					t.Errorf("got  %s\nwant %s", got, test.message)
				}
				return
			}
			if out.Object == nil {
				t.Fatalf("no object: %+v", out.Diagnostics)
			}
			data := sectionData(t, out.Object, ".BTF")
			if !bytes.Contains(data, []byte("\x00"+test.has+"\x00")) {
				t.Errorf(".BTF does not name %s", test.has)
			}
		})
	}
	t.Run("names", func(t *testing.T) {
		for _, name := range []string{"", "struct", "struct a b", "int; int", "a*", "enum e"} {
			_, err := d.CompileHeader(context.Background(), Request{Path: filepath.Join(dir, "hook.h"), Settings: settings}, name)
			if name == "struct" {
				continue // a keyword: clang says so
			}
			if err == nil || !strings.Contains(err.Error(), "is not the name of a C type") {
				t.Errorf("%q: %v", name, err)
			}
		}
		_, err := d.CompileHeader(context.Background(), Request{Path: filepath.Join(dir, "none.h"), Settings: settings}, "a")
		if err == nil || !strings.Contains(err.Error(), "none.h: file does not exist") {
			t.Errorf("no header: %v", err)
		}
	})
}
