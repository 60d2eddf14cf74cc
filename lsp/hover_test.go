package lsp_test

import (
	"fmt"
	"strings"
	"testing"

	"go.lsp.dev/protocol"
)

func TestHover(t *testing.T) {
	c := connect(t, nil, `{"settings": {"platform": "linux"}}`, actionAbilities)
	c.open("a.bpf.c", unchecked)
	c.untilStatus("a.bpf.c", "failed: 1 finding in 1 of 1 program (linux)")
	for _, test := range []struct {
		name       string
		line, char uint32
		want       string // a part of the text
	}{
		{"an access", 14, 2, "proven here: 5 of 6 checks"},
		{"a finding", 14, 2, "BPF-maybe-null: "},
		{"a helper", 13, 30, "bpf_map_lookup_elem(map: "},
		{"a section", 9, 6, "xdp (linux, built in)"},
		{"a program", 10, 5, "xdp count in a.bpf.c: 1 finding"},
		{"nothing", 8, 0, ""},
	} {
		hover, err := c.server.Hover(t.Context(), &protocol.HoverParams{TextDocumentPositionParams: c.at("a.bpf.c", test.line, test.char)})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if hover != nil {
			got = hover.Contents.(*protocol.MarkupContent).Value
		}
		if (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s: %q is not in:\n%s", test.name, test.want, got)
		}
	}
}

func TestInlayHint(t *testing.T) {
	hints := func(c *client) string {
		var got []string
		list, err := c.server.InlayHint(t.Context(), &protocol.InlayHintParams{TextDocument: c.document("a.bpf.c"),
			Range: protocol.Range{End: protocol.Position{Line: 17}}})
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range list {
			got = append(got, fmt.Sprintf("%d:%d %s", h.Position.Line, h.Position.Character, h.Label))
		}
		return strings.Join(got, "|")
	}
	c := connect(t, nil, `{"settings": {"platform": "linux", "inlayHints": true}}`, actionAbilities)
	c.open("a.bpf.c", unchecked)
	c.untilStatus("a.bpf.c", "failed: 1 finding in 1 of 1 program (linux)")
	equal(t, "hints", hints(c), "14:7 value 0..3 of 4")
	c.edit("a.bpf.c", 2, 0, 0, 0, "// new\n")
	equal(t, "moved", hints(c), "15:7 value 0..3 of 4")
	c.edit("a.bpf.c", 3, 15, 2, 2, "(")
	equal(t, "edited", hints(c), "")

	off := connect(t, nil, `{"settings": {"platform": "linux"}}`, actionAbilities)
	off.open("a.bpf.c", unchecked)
	off.untilStatus("a.bpf.c", "failed: 1 finding in 1 of 1 program (linux)")
	equal(t, "not asked for", hints(off), "")
}
