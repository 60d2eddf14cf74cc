package lsp_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"go.lsp.dev/protocol"
)

// TestExamples compares hovers and lenses with testdata/examples/hover.txtar: what they
// say, registers and times apart, and of which range.
func TestExamples(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the source includes headers of the system")
	}
	golden := filepath.Join("testdata", "examples", "hover.txtar")
	archive, err := txtar.ParseFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	marks := map[int]protocol.Position{}
	mark := regexp.MustCompile(`/\*(\d)\*/`)
	lines := strings.SplitAfter(string(archive.Files[0].Data), "\n")
	for i, l := range lines {
		for {
			m := mark.FindStringSubmatchIndex(l)
			if m == nil {
				break
			}
			n, _ := strconv.Atoi(l[m[2]:m[3]])
			marks[n] = protocol.Position{Line: uint32(i), Character: uint32(m[0])}
			l = l[:m[0]] + l[m[1]:]
		}
		lines[i] = l
	}
	source := strings.Join(lines, "")
	name := archive.Files[0].Name
	c := connect(t, nil, `{"settings": {"platform": "linux", "termination": "on"}}`, actionAbilities)
	c.open(name, source)
	c.until("a verdict", func() bool {
		return strings.HasPrefix(c.status[name], "failed") || strings.HasPrefix(c.status[name], "verified")
	})

	var got strings.Builder
	times := regexp.MustCompile(`[\d.]+ (ms|s)\b`)
	list, err := c.server.CodeLens(t.Context(), &protocol.CodeLensParams{TextDocument: c.document(name)})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range list {
		fmt.Fprintf(&got, "%s %s\n", span(l.Range), times.ReplaceAllString(l.Command.Title, "T $1"))
	}
	hover := func(n int) string {
		p := marks[n]
		h, err := c.server.Hover(t.Context(), &protocol.HoverParams{TextDocumentPositionParams: c.at(name, p.Line, p.Character)})
		if err != nil {
			t.Fatal(err)
		}
		if h == nil {
			return "nothing"
		}
		of := ""
		if h.Range != nil {
			of = span(*h.Range) + "\n"
		}
		text := times.ReplaceAllString(h.Contents.(*protocol.MarkupContent).Value, "T $1")
		if lines := strings.SplitAfter(text, "\n"); len(lines) > 24 {
			text = strings.Join(lines[:24], "") + "...\n" // a hook has 200 helpers
		}
		return of + text
	}
	archive.Files = []txtar.File{archive.Files[0], {Name: "lenses", Data: []byte(got.String())}}
	for n := 1; n <= len(marks); n++ {
		archive.Files = append(archive.Files, txtar.File{Name: fmt.Sprintf("hover %d", n), Data: []byte(strings.TrimSuffix(hover(n), "\n") + "\n")})
	}
	// The line of hover 1 is edited: what was said of it is no longer true.
	p := marks[1]
	c.edit(name, 2, p.Line, p.Character, p.Character, " ")
	archive.Files = append(archive.Files, txtar.File{Name: "hover 1, edited", Data: []byte(strings.TrimSuffix(hover(1), "\n") + "\n")})
	text := txtar.Format(archive)
	if *update {
		if err := os.WriteFile(golden, text, 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, golden, string(text), string(want))
}
