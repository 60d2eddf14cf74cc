package clangdriver

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSplitCommand(t *testing.T) {
	for _, test := range []struct {
		name, line string
		want       []string
		err        bool
	}{
		{"plain", "clang -c a.c", []string{"clang", "-c", "a.c"}, false},
		{"quotes", `cc '-DA="x y"' "-DB=\"z\"" -DC=\'q\' a\ b.c`, []string{"cc", `-DA="x y"`, `-DB="z"`, "-DC='q'", "a b.c"}, false},
		{"nothing is expanded", `cc ~/x *.c "" 'a$b'`, []string{"cc", "~/x", "*.c", "", "a$b"}, false},
		{"a variable", `cc $CFLAGS a.c`, []string{"cc", "$CFLAGS", "a.c"}, false},
		{"backslashes in double quotes", `cc "a\b" "\$c" "\` + "`" + `" '\'`, []string{"cc", `a\b`, "$c", "`", `\`}, false},
		{"a joined line", "cc a\\\nb \\\n c", []string{"cc", "ab", "c"}, false},
		{"parts of one word", `cc -D'A'="b"\ c ""''`, []string{"cc", "-DA=b c", ""}, false},
		{"operators", `cc a.c; cc b.c >log`, []string{"cc", "a.c;", "cc", "b.c", ">log"}, false},
		{"operators in quotes", `cc "-DA=(1|2)" ';'`, []string{"cc", "-DA=(1|2)", ";"}, false},
		{"a backslash at the end", `cc a\`, nil, true},
		{"an open quote", `cc "a`, nil, true},
		{"Windows", `C:\LLVM\bin\clang.exe -IC:\inc -DA=\"x\" "C:\My Files\a.c"`,
			[]string{`C:\LLVM\bin\clang.exe`, `-IC:\inc`, `-DA="x"`, `C:\My Files\a.c`}, false},
		{"Windows, quoted compiler", `"C:\Program Files\LLVM\bin\clang.exe" -I"C:\a b\\" a.c`,
			[]string{`C:\Program Files\LLVM\bin\clang.exe`, `-IC:\a b\`, `a.c`}, false},
		{"Windows, doubled quotes", `D:\c.exe "-DA=""x""" "" a.c`, []string{`D:\c.exe`, `-DA="x"`, ``, `a.c`}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := splitCommand(test.line)
			if (err != nil) != test.err {
				t.Fatalf("error %v", err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestFromClangCL(t *testing.T) {
	for _, test := range []struct{ args, want []string }{
		{[]string{"/usr/bin/clang", "-I", "x", "/src/a.c"}, []string{"-I", "x", "/src/a.c"}},
		{[]string{`C:\VS\cl.exe`, "/nologo", "/IC:\\inc", "/I", "b", "/DA=1", "/std:c11", "/FI", "pre.h", "/Ox", "/c", `C:\a.c`},
			[]string{"-I", `C:\inc`, "-I", "b", "-D", "A=1", "-std=c11", "-include", "pre.h"}},
		{[]string{"clang-cl", "--target=bpf", "-DX"}, []string{"--target=bpf", "-D", "X"}},
	} {
		if diff := cmp.Diff(test.want, fromClangCL(test.args)); diff != "" {
			t.Errorf("%q: -want +got\n%s", test.args, diff)
		}
	}
}

// TestParseDatabase: a file with two commands has the one for BPF.
func TestParseDatabase(t *testing.T) {
	entries, err := parseDatabase([]byte(`[
		{"directory": "/b", "file": "../s/a.c", "arguments": ["cc", "-DHOST"]},
		{"directory": "/b", "file": "/s/a.c", "command": "clang -target bpf -DBPF"},
		{"directory": "/b", "file": "/s/a.c", "arguments": ["cc", "-DHOST2"]},
		{"directory": "rel", "file": "b.c", "arguments": ["cc"]}]`), "/db")
	if err != nil {
		t.Fatal(err)
	}
	if got := entries[PathKey("/s/a.c")].args; !cmp.Equal(got, []string{"-target", "bpf", "-DBPF"}) {
		t.Errorf("got %q", got)
	}
	if _, ok := entries[PathKey("/db/rel/b.c")]; !ok {
		t.Errorf("got %v", entries)
	}
}

func FuzzSplitWindows(f *testing.F) {
	f.Add(`C:\a "b \" c" ""`)
	f.Fuzz(func(t *testing.T, line string) {
		total := 0
		for _, arg := range splitWindows(line) {
			total += len(arg)
		}
		if total > len(line) {
			t.Errorf("%q grew", line)
		}
	})
}

func FuzzDatabase(f *testing.F) {
	f.Add([]byte(`[{"directory": "/b", "file": "a.c", "command": "clang -target bpf -Xclang -load -o"}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		entries, err := parseDatabase(text, "/db")
		if err != nil {
			return
		}
		for path, c := range entries {
			filterCommand(c.args, c.directory, "db", path)
			filterSettings(c.args, c.directory)
		}
	})
}
