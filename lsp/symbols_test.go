package lsp_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"go.lsp.dev/protocol"

	"bpfls/linuxhooks"
	"bpfls/session"
)

// twoPrograms is a source with a map, a function and two programs, of which finder
// finds fault with f.
const twoPrograms = `struct { int (*type)[1]; } counters SEC(".maps");
static int helper(int x) { return x; }
SEC("xdp")
int f(void *ctx) { return /* ä */ FAIL; }
SEC("tc")
int g(void *ctx) { return bpf_map_lookup_elem(&counters, ctx); }
`

// finderOnLinux is finder for Linux, with its hooks and helpers.
func finderOnLinux(ctx context.Context, req session.Request) *session.Outcome {
	out := finder(ctx, req)
	out.Platform = linuxhooks.Platform()
	return out
}

func (c *client) document(name string) protocol.TextDocumentIdentifier {
	return protocol.TextDocumentIdentifier{URI: c.uri(name)}
}

func (c *client) at(name string, line, character uint32) protocol.TextDocumentPositionParams {
	return protocol.TextDocumentPositionParams{TextDocument: c.document(name), Position: protocol.Position{Line: line, Character: character}}
}

func span(r protocol.Range) string {
	return fmt.Sprintf("%d:%d-%d:%d", r.Start.Line, r.Start.Character, r.End.Line, r.End.Character)
}

func equal(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n%s\nwant:\n%s", what, got, want)
	}
}

func TestDocumentSymbol(t *testing.T) {
	nested := strings.Replace(abilities, `"hover"`, `"documentSymbol": {"hierarchicalDocumentSymbolSupport": true}, "hover"`, 1)
	c := connect(t, finderOnLinux, "{}", nested)
	c.open("a.bpf.c", twoPrograms)
	c.untilStatus("a.bpf.c", "failed: 1 finding in 1 of 1 program (linux)")
	result, err := c.server.DocumentSymbol(t.Context(), &protocol.DocumentSymbolParams{TextDocument: c.document("a.bpf.c")})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range result.(protocol.DocumentSymbolSlice) {
		detail := ""
		if d.Detail != nil {
			detail = *d.Detail
		}
		got = append(got, fmt.Sprintf("%s %s %s (%s)", span(d.Range), d.Name, span(d.SelectionRange), detail))
	}
	equal(t, "symbols", strings.Join(got, "\n"), `0:0-0:49 counters 0:27-0:35 (.maps)
1:0-1:38 helper 1:11-1:17 ()
2:0-3:42 f 3:4-3:5 (xdp: 1 finding)
4:0-5:64 g 5:4-5:5 (tc)`)
}

// Clients of old take a list.
func TestFlatDocumentSymbol(t *testing.T) {
	c := connect(t, finder, "{}", "{}")
	c.open("a.bpf.c", twoPrograms)
	result, err := c.server.DocumentSymbol(t.Context(), &protocol.DocumentSymbolParams{TextDocument: c.document("a.bpf.c")})
	if err != nil {
		t.Fatal(err)
	}
	list := result.(protocol.SymbolInformationSlice)
	if len(list) != 4 || list[2].Name != "f" || *list[2].ContainerName != "xdp" || span(list[2].Location.Range) != "3:4-3:5" {
		t.Errorf("%+v", list)
	}
}

func TestWorkspaceSymbol(t *testing.T) {
	c := connect(t, finder, "{}", abilities)
	c.write("closed.bpf.c", "SEC(\"xdp\") int parse_packet(void *ctx) { return 0; }\nint other(void) { return 0; }\n")
	c.write("no.c", "int parse_nothing(void) { return 0; }\n")
	c.open("a.bpf.c", twoPrograms)
	for query, want := range map[string]string{
		"":    "counters f g parse_packet",
		"PPK": "parse_packet",
		"zzz": "",
	} {
		result, err := c.server.Symbols(t.Context(), &protocol.WorkspaceSymbolParams{Query: query})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range result.(protocol.SymbolInformationSlice) {
			got = append(got, d.Name)
		}
		equal(t, query, strings.Join(got, " "), want)
	}
}

func TestCodeLens(t *testing.T) {
	refreshing := strings.Replace(abilities, `"configuration": true`, `"configuration": true, "codeLens": {"refreshSupport": true}`, 1)
	c := connect(t, finderOnLinux, "{}", refreshing)
	lenses := func() string {
		list, err := c.server.CodeLens(t.Context(), &protocol.CodeLensParams{TextDocument: c.document("a.bpf.c")})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, l := range list {
			got = append(got, fmt.Sprintf("%s %s (%s)", span(l.Range), l.Command.Title, l.Command.Command))
		}
		return strings.Join(got, "\n")
	}
	c.open("a.bpf.c", twoPrograms)
	c.untilStatus("a.bpf.c", "failed: 1 finding in 1 of 1 program (linux)")
	equal(t, "verdicts", lenses(), `3:4-3:5 1 finding (2 consequences). 0 instructions. (bpfls.verify)
5:4-5:5 not verified: 1 finding in 1 of 1 program (linux) (bpfls.verify)`)
	c.until("a refresh", func() bool { return c.refreshes > 0 })
	c.edit("a.bpf.c", 2, 3, 26, 26, "1 + ")
	equal(t, "edited", strings.SplitN(lenses(), "\n", 2)[0], "3:4-3:5 out of date: verified before your last edit (bpfls.verify)")
}

func TestCompletion(t *testing.T) {
	c := connect(t, finderOnLinux, "{}", abilities)
	c.write("bpfls.toml", "root = true\nplatform = \"linux\"\n")
	c.open("a.bpf.c", twoPrograms)
	c.untilStatus("a.bpf.c", "failed: 1 finding in 1 of 1 program (linux)")
	for _, test := range []struct {
		name, line string // | is where the cursor is
		want       string // proposals that there must be, with what they replace
		not        string // one that must not be there
	}{
		{"sections", `SEC("tra|`, "tracepoint/ 5-8", "bpf_map_lookup_elem"},
		{"the attribute", `__attribute__((section("x|`, "xdp 24-25", ""},
		{"map types", `__uint(type, BPF_|`, "BPF_MAP_TYPE_RINGBUF 13-17", "xdp"},
		{"helpers of the hook", `SEC("xdp") int h(void *c) { bpf_xdp|`, "bpf_xdp_adjust_head 28-35", "bpf_skb_load_bytes"},
		{"helpers of another hook", `SEC("tc") int h(void *c) { bpf_skb|`, "bpf_skb_load_bytes 27-34", "bpf_xdp_adjust_head"},
		{"no helpers outside of programs", `int h(void *c) { bpf_xdp|`, "", "bpf_xdp_adjust_head"},
		{"comments", `// bpfls: al|`, "allow  10-12", ""},
		{"types in comments", `// bpfls: type=x|`, "xdp 15-16", ""},
		{"codes in comments", `// bpfls: allow BPF-p|`, "BPF-packet-bounds 16-21", ""},
		{"nothing in other comments", `SEC("xdp") int h(void) { // bpf_|`, "", "bpf_map_lookup_elem"},
	} {
		before, after, _ := strings.Cut(test.line, "|")
		c.open("b.bpf.c", before+after+"\n")
		result, err := c.server.Completion(t.Context(), &protocol.CompletionParams{
			TextDocumentPositionParams: c.at("b.bpf.c", 0, uint32(len(before)))})
		if err != nil {
			t.Fatal(err)
		}
		found, wrong := test.want == "", false
		for _, item := range result.(protocol.CompletionItemSlice) {
			r := item.TextEdit.(*protocol.TextEdit).Range
			text := fmt.Sprintf("%s %d-%d", item.Label, r.Start.Character, r.End.Character)
			found = found || text == test.want
			wrong = wrong || test.not != "" && item.Label == test.not
		}
		if !found || wrong {
			t.Errorf("%s: %s: %q proposed: %v; %q: %v", test.name, test.line, test.want, found, test.not, wrong)
		}
	}
}

// Where clangd serves the same file, what it knows as well is left to it.
func TestNoFightWithClangd(t *testing.T) {
	c := connect(t, finderOnLinux, `{"clangd": true}`, abilities)
	text := "SEC(\"xdp\") int h(void *c) { bpf_xdp_adjust_head( }\n"
	c.open("a.bpf.c", text)
	c.untilStatus("a.bpf.c", "verified: verified, 1 program (linux)")
	items, err := c.server.Completion(t.Context(), &protocol.CompletionParams{TextDocumentPositionParams: c.at("a.bpf.c", 0, 35)})
	if err != nil || len(items.(protocol.CompletionItemSlice)) > 0 {
		t.Errorf("helpers proposed: %v, %v", items, err)
	}
	items, err = c.server.Completion(t.Context(), &protocol.CompletionParams{TextDocumentPositionParams: c.at("a.bpf.c", 0, 5)})
	if err != nil || len(items.(protocol.CompletionItemSlice)) == 0 {
		t.Errorf("no sections proposed: %v", err)
	}
	help, err := c.server.SignatureHelp(t.Context(), &protocol.SignatureHelpParams{TextDocumentPositionParams: c.at("a.bpf.c", 0, 48)})
	if err != nil || help != nil {
		t.Errorf("signature shown: %v, %v", help, err)
	}
}

func TestSignatureHelp(t *testing.T) {
	c := connect(t, finderOnLinux, "{}", abilities)
	c.write("bpfls.toml", "root = true\nplatform = \"linux\"\n")
	c.open("a.bpf.c", twoPrograms)
	c.untilStatus("a.bpf.c", "failed: 1 finding in 1 of 1 program (linux)")
	for _, test := range []struct{ name, line, want string }{
		{"the first argument", `SEC("tc") int h(void *c) { bpf_map_lookup_elem(|`, "bpf_map_lookup_elem 0 map: "},
		{"the second", `SEC("tc") int h(void *c) { bpf_map_lookup_elem(&m, f(1, 2)|`, "bpf_map_lookup_elem 1 key: "},
		{"a call in a call", `SEC("tc") int h(void *c) { bpf_map_lookup_elem(&m, f(1, |`, ""},
		{"behind the call", `SEC("tc") int h(void *c) { bpf_map_lookup_elem(&m, c); |`, ""},
		{"outside of programs", `int h(void *c) { bpf_map_lookup_elem(|`, ""},
		{"a helper of another hook", `SEC("tc") int h(void *c) { bpf_xdp_adjust_head(|`, ""},
	} {
		before, _, _ := strings.Cut(test.line, "|")
		c.open("b.bpf.c", before+"\n")
		help, err := c.server.SignatureHelp(t.Context(), &protocol.SignatureHelpParams{
			TextDocumentPositionParams: c.at("b.bpf.c", 0, uint32(len(before)))})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if help != nil {
			s := help.Signatures[0]
			active, _ := help.ActiveParameter.Get()
			label := s.Parameters[active].Label.(protocol.ParameterInformationLabelTuple)
			argument, _, _ := strings.Cut(s.Label[label[0]:label[1]], " ")
			name, _, _ := strings.Cut(s.Label, "(")
			got = fmt.Sprintf("%s %d %s ", name[strings.LastIndexAny(name, " *")+1:], active, argument)
		}
		equal(t, test.name, got, test.want)
	}
}

func TestPullDiagnostics(t *testing.T) {
	const pulls = `{"textDocument": {"diagnostic": {"relatedDocumentSupport": true}}, "workspace": {"diagnostics": {"refreshSupport": true}}}`
	c := connect(t, finder, "{}", pulls)
	c.open("a.bpf.c", "int x; FAIL;\n")
	ask := func(before *string) protocol.DocumentDiagnosticReport {
		r, err := c.server.Diagnostic(t.Context(), &protocol.DocumentDiagnosticParams{TextDocument: c.document("a.bpf.c"), PreviousResultID: before})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	full, ok := ask(nil).(*protocol.RelatedFullDocumentDiagnosticReport)
	if !ok || len(full.Items) != 1 || span(full.Items[0].Range) != "0:7-0:11" || full.ResultID == nil {
		t.Fatalf("%+v", full)
	}
	if same, ok := ask(full.ResultID).(*protocol.RelatedUnchangedDocumentDiagnosticReport); !ok || same.ResultID != *full.ResultID {
		t.Errorf("asked again: %+v", same)
	}
	c.until("a refresh", func() bool { return c.refreshes > 0 })
	report, err := c.server.DiagnosticWorkspace(t.Context(), &protocol.WorkspaceDiagnosticParams{PreviousResultIds: []protocol.PreviousResultId{}})
	if err != nil || len(report.Items) != 1 {
		t.Fatalf("%+v, %v", report, err)
	}
	item := report.Items[0].(*protocol.WorkspaceFullDocumentDiagnosticReport)
	if filepath.Base(item.URI.FsPath()) != "a.bpf.c" || *item.Version != 1 || len(item.Items) != 1 {
		t.Errorf("%+v", item)
	}
	c.edit("a.bpf.c", 2, 0, 0, 0, "\n\n")
	if moved, ok := ask(full.ResultID).(*protocol.RelatedFullDocumentDiagnosticReport); !ok || span(moved.Items[0].Range) != "2:7-2:11" {
		t.Errorf("moved: %+v", moved)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.published) > 0 {
		data, _ := json.Marshal(c.published)
		t.Errorf("told as well: %s", data)
	}
}
