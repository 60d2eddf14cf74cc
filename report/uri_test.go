package report

import "testing"

func TestFileURI(t *testing.T) {
	for path, want := range map[string]string{
		"a.c":              "a.c",
		"dir/a b.c":        "dir/a%20b.c",
		`dir\a#1.c`:        "dir/a%231.c",
		"ab:c.c":           "./ab:c.c",
		"dir/a:b.c":        "dir/a:b.c",
		"/src/100%.c":      "file:///src/100%25.c",
		"/src/naïve.c":     "file:///src/na%C3%AFve.c",
		"/src/a+b&(c)=?.c": "file:///src/a+b&%28c%29=%3F.c",
		`C:\src\a.c`:       "file:///C:/src/a.c",
		`\\server\share\a`: "file://server/share/a",
	} {
		if got := fileURI(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}
