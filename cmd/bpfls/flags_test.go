package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFlags(t *testing.T) {
	type line struct {
		Color string
		All   bool
		Jobs  int
		Limit time.Duration
		Off   []string
		File  string
		More  []string
	}
	tests := []struct {
		words string
		want  line
		err   string
	}{
		{words: "f", want: line{File: "f"}},
		{words: "--color red f", want: line{Color: "red", File: "f"}},
		{words: "f --color=red", want: line{Color: "red", File: "f"}},
		{words: "f --color red a --all b", want: line{Color: "red", All: true, File: "f", More: []string{"a", "b"}}},
		{words: "-j 3 f", want: line{Jobs: 3, File: "f"}},
		{words: "-j3 f", want: line{Jobs: 3, File: "f"}},
		{words: "--jobs -3 f", want: line{Jobs: -3, File: "f"}},
		{words: "--all=false --limit 2m f", want: line{Limit: 2 * time.Minute, File: "f"}},
		{words: "--off a,b f --off=c", want: line{Off: []string{"a", "b", "c"}, File: "f"}},
		{words: "-- --all -j", want: line{File: "--all", More: []string{"-j"}}},
		{words: "-", want: line{File: "-"}},
		{words: "--color", err: "--color: a value is missing"},
		{words: "--color blue f", err: `--color: must be red or green, not "blue"`},
		{words: "--all=x f", err: `--all: it takes no value but true or false, not "x"`},
		{words: "-jx f", err: `--jobs: "x" is no number`},
		{words: "--limit 3 f", err: `--limit: "3" is no duration such as 30s or 2m`},
		{words: "--colour red f", err: "unknown flag --colour"},
		{words: "-x f", err: "unknown flag -x"},
		{words: "-color red f", err: "unknown flag -color"},
		{words: "--all", err: `expected "<file>"`},
	}
	for _, test := range tests {
		var got line
		var f flagSet
		f.text(&got.Color, "color", "C", "", "red", "green")
		f.yes(&got.All, "all", "")
		f.number(&got.Jobs, "jobs", "j", "N", "")
		f.duration(&got.Limit, "limit", "D", "")
		f.names(&got.Off, "off", "X,...", "")
		f.arg(&got.File, "file", "")
		f.rest(&got.More, "more", "", true)
		text := ""
		if err := f.parse(strings.Fields(test.words)); err != nil {
			text = err.Error()
		}
		if text != test.err {
			t.Errorf("%s: error %q, want %q", test.words, text, test.err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" && test.err == "" {
			t.Errorf("%s:\n%s", test.words, diff)
		}
	}
}

// TestGrammars makes sure that every command declares its flags once, with help.
func TestGrammars(t *testing.T) {
	for _, c := range commands {
		var f flagSet
		c.new().declare(&f)
		names := map[string]bool{"help": true, "h": true}
		for _, o := range f.flags {
			if names[o.name] || o.short != "" && names[o.short] {
				t.Errorf("%s: --%s is declared twice", c.name, o.name)
			}
			names[o.name], names[o.short] = true, true
			if !strings.HasSuffix(o.help, ".") {
				t.Errorf("%s: the help of --%s is no sentence: %q", c.name, o.name, o.help)
			}
		}
		for i, a := range f.args {
			if a.many && i+1 < len(f.args) {
				t.Errorf("%s: %s leaves no words for later arguments", c.name, a.name)
			}
		}
	}
}
