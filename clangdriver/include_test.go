package clangdriver

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestScanIncludes(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"quoted and angled", "#include \"a.h\"\n#include <sys/b.h>\n", `1:10 "a.h"; 2:10 <sys/b.h>`},
		{"blanks and a comment in front", "/* x\n */ \t# /* y */ include\t\"a.h\" // z", `2:24 "a.h"`},
		{"next, import, embed", "#include_next <a.h>\n#import \"b.h\"\n#embed \"c.bin\" limit(1)\n", `1:15 next <a.h>; 2:9 "b.h"; 3:8 "c.bin"`},
		{"probes", "#if defined(X) && __has_include(<a.h>) || __has_include_next ( \"b.h\" )\n#endif", `1:33 probe <a.h>; 1:64 probe next "b.h"`},
		{"probe in an expression with <", "#if X < 3 && __has_include(<a.h>)", `1:28 probe <a.h>`},
		{"line splices", "#inc\\\nlude \"a\\\r\n.h\"\n#include \"b.h\"", `2:6 "a.h"; 4:10 "b.h"`},
		{"a name that looks like a comment", "#include <a//b.h>\n#include \"/*c.h\"\n#include \"d.h\"", `1:10 <a//b.h>; 2:10 "/*c.h"; 3:10 "d.h"`},
		{"in comments", "// #include \"a.h\"\n/*\n#include \"b.h\"\n*/\n// \\\n#include \"c.h\"\n", ``},
		{"in literals", "char *s = \"/*\"; char c = '\"';\n#include \"a.h\"\nchar *t = \"\\\"/*\";\n#include \"b.h\"", `2:10 "a.h"; 4:10 "b.h"`},
		{"behind code", "int x; #include \"a.h\"\n", ``},
		{"by macro", "#include NAME\n#define N \"a.h\"\n", ``},
		{"empty and unfinished names", "#include \"\"\n#include <>\n#include \"a.h\n#include <b.h\n#include", ``},
		{"windows line ends", "#include \"a.h\"\r\n#include <b.h>\r\n", `1:10 "a.h"; 2:10 <b.h>`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, d := range scanIncludes([]byte(test.text)) {
				s := fmt.Sprintf("%d:%d ", d.line, d.column)
				if d.probe {
					s += "probe "
				}
				if d.next {
					s += "next "
				}
				if d.angled {
					s += "<" + d.name + ">"
				} else {
					s += `"` + d.name + `"`
				}
				got = append(got, s)
			}
			if diff := cmp.Diff(test.want, strings.Join(got, "; ")); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func FuzzScanIncludes(f *testing.F) {
	for _, s := range []string{"#include \"a.h\"", "#if __has_include(<a>)", "/*", "#\\\n", "'\\", "#include <a\\\n>"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		lines := strings.Count(string(text), "\n") + 1
		for _, d := range scanIncludes(text) {
			if d.name == "" || d.line < 1 || d.line > lines || d.column < 1 {
				t.Errorf("%+v in a text of %d lines", d, lines)
			}
		}
	})
}
