package cli

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
		{words: "--jobs -3 f", want: line{Jobs: -3, File: "f"}},
		{words: "--all=false --limit 2m f", want: line{Limit: 2 * time.Minute, File: "f"}},
		{words: "--off a,b f --off=c", want: line{Off: []string{"a", "b", "c"}, File: "f"}},
		{words: "-- --all -j", want: line{File: "--all", More: []string{"-j"}}},
		{words: "-", want: line{File: "-"}},
		{words: "--color", err: "flag needs an argument: -color"},
		{words: "--color blue f", err: `invalid value "blue" for flag -color: must be red or green`},
		{words: "--all=x f", err: `invalid boolean value "x" for -all: parse error`},
		{words: "-j=3 f", want: line{Jobs: 3, File: "f"}},
		{words: "f --color", err: "flag needs an argument: -color"},
		{words: "-j", err: "flag needs an argument: -j"},
		{words: "---x f", err: "bad flag syntax: ---x"},
		{words: "-j x f", err: `invalid value "x" for flag -j: parse error`},
		{words: "--limit 3 f", err: `invalid value "3" for flag -limit: must be a duration like "30s" or "5m"`},
		{words: "--colour red f", err: "flag provided but not defined: -colour"},
		{words: "-x f", err: "flag provided but not defined: -x"},
		{words: "-color red f", want: line{Color: "red", File: "f"}},
		{words: "--help", err: "flag: help requested"},
		{words: "--all f -h", err: "flag: help requested"},
		{words: "--all", err: `expected "<file>"`},
	}
	for _, test := range tests {
		var got line
		f := NewFlags()
		f.Text(&got.Color, "color", "C", "", "red", "green")
		f.Yes(&got.All, "all", "")
		f.Number(&got.Jobs, "jobs", "j", "N", "")
		f.Duration(&got.Limit, "limit", "D", "")
		f.Names(&got.Off, "off", "X,...", "")
		f.Arg(&got.File, "file", "")
		f.Rest(&got.More, "more", "", true)
		text := ""
		if err := f.Parse(strings.Fields(test.words)); err != nil {
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
