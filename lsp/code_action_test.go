package lsp_test

import (
	_ "embed"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"
)

const actionAbilities = `{
	"general": {"positionEncodings": ["utf-8"]},
	"textDocument": {"publishDiagnostics": {"relatedInformation": true},
		"codeAction": {"dataSupport": true, "resolveSupport": {"properties": ["edit"]},
			"codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["quickfix"]}}}}
}`

// unchecked reads a map's value without comparing it with null.
//
//go:embed testdata/editors/unchecked.bpf.c
var unchecked string

// apply makes a workspace edit in a text of the client's file.
func (c *client) apply(name, text string, edit *protocol.WorkspaceEdit) string {
	c.t.Helper()
	var path uri.URI
	for u := range edit.Changes {
		path = u
	}
	if len(edit.Changes) != 1 || filepath.Base(path.FsPath()) != name {
		c.t.Fatalf("edits of %v", edit.Changes)
	}
	lines := strings.SplitAfter(text, "\n")
	offset := func(p protocol.Position) int {
		n := 0
		for _, l := range lines[:p.Line] {
			n += len(l)
		}
		return n + int(p.Character)
	}
	edits := edit.Changes[path]
	for i := len(edits) - 1; i >= 0; i-- {
		text = text[:offset(edits[i].Range.Start)] + edits[i].NewText + text[offset(edits[i].Range.End):]
	}
	return text
}

func (c *client) actions(name string, line uint32, kind protocol.CodeActionTriggerKind) map[string]*protocol.CodeAction {
	c.t.Helper()
	list, err := c.server.CodeAction(c.t.Context(), &protocol.CodeActionParams{
		TextDocument: c.document(name),
		Range:        protocol.Range{Start: protocol.Position{Line: line, Character: 2}, End: protocol.Position{Line: line, Character: 2}},
		Context:      protocol.CodeActionContext{Diagnostics: []protocol.Diagnostic{}, TriggerKind: kind},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	found := map[string]*protocol.CodeAction{}
	for _, a := range list {
		a := a.(*protocol.CodeAction)
		if len(a.Diagnostics) != 1 {
			c.t.Errorf("%s is about %d diagnostics", a.Title, len(a.Diagnostics))
		}
		found[a.Title] = a
	}
	return found
}

func titles(actions map[string]*protocol.CodeAction) string {
	var all []string
	for title := range actions {
		all = append(all, title)
	}
	data, _ := json.Marshal(all)
	return string(data)
}

func TestCodeAction(t *testing.T) {
	c := connect(t, nil, `{"settings": {"platform": "linux"}}`, actionAbilities)
	c.open("a.bpf.c", unchecked)
	c.untilStatus("a.bpf.c", "failed: 1 finding in 1 of 1 program (linux)")

	// While the cursor moves, nothing costly is done.
	actions := c.actions("a.bpf.c", 14, protocol.CodeActionTriggerKindAutomatic)
	lazy := actions["Look for a verified fix of BPF-maybe-null"]
	if lazy == nil || lazy.Edit != nil {
		t.Fatalf("actions: %s", titles(actions))
	}
	fix, err := c.server.CodeActionResolve(t.Context(), lazy)
	if err != nil {
		t.Fatal(err)
	}
	fixed := c.apply("a.bpf.c", unchecked, fix.Edit)
	if !strings.Contains(fixed, "if (") || strings.Count(fixed, "\n") <= strings.Count(unchecked, "\n") {
		t.Errorf("fixed:\n%s", fixed)
	}

	// Asked for by the user, fixes are listed by what they do.
	var preferred *protocol.CodeAction
	actions = c.actions("a.bpf.c", 14, protocol.CodeActionTriggerKindInvoked)
	for _, a := range actions {
		if a.IsPreferred != nil && *a.IsPreferred {
			preferred = a
		}
	}
	if preferred == nil || preferred.Edit == nil {
		t.Errorf("no fix among %s", titles(actions))
	}

	allow := actions["Allow BPF-maybe-null here"]
	if allow == nil {
		t.Fatalf("actions: %s", titles(actions))
	}
	allowed := c.apply("a.bpf.c", unchecked, allow.Edit)
	if !strings.Contains(allowed, "\n\t// bpfls: allow BPF-maybe-null say why\n\t*value += 1;") {
		t.Errorf("allowed:\n%s", allowed)
	}
	if none := c.actions("a.bpf.c", 12, protocol.CodeActionTriggerKindInvoked); len(none) > 0 {
		t.Errorf("elsewhere: %s", titles(none))
	}

	// The page of the code.
	explain := actions["Explain BPF-maybe-null"]
	if explain == nil || explain.Command.Command != "bpfls.explain" {
		t.Fatalf("actions: %s", titles(actions))
	}
	page, err := c.server.ExecuteCommand(t.Context(), &protocol.ExecuteCommandParams{Command: explain.Command.Command, Arguments: explain.Command.Arguments})
	if err != nil || !strings.Contains(string(page), "null") {
		t.Errorf("page: %s, %v", page, err)
	}

	// The fixed source verifies.
	if err := os.WriteFile(filepath.Join(c.dir, "a.bpf.c"), []byte(fixed), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := c.server.DidChange(t.Context(), &protocol.DidChangeTextDocumentParams{
		TextDocument:   protocol.VersionedTextDocumentIdentifier{TextDocumentIdentifier: c.document("a.bpf.c"), Version: 2},
		ContentChanges: []protocol.TextDocumentContentChangeEvent{&protocol.TextDocumentContentChangeWholeDocument{Text: fixed}}}); err != nil {
		t.Fatal(err)
	}
	if err := c.server.DidSave(t.Context(), &protocol.DidSaveTextDocumentParams{TextDocument: c.document("a.bpf.c")}); err != nil {
		t.Fatal(err)
	}
	c.untilStatus("a.bpf.c", "verified: verified, 1 program (linux)")
}

// An action that was listed before the file was judged anew says so.
func TestCodeActionOutOfDate(t *testing.T) {
	c := connect(t, finder, "{}", actionAbilities)
	c.open("a.bpf.c", "int x; FAIL;\n")
	c.untilStatus("a.bpf.c", "failed: 1 finding in 1 of 1 program (windows)")
	lazy := c.actions("a.bpf.c", 0, protocol.CodeActionTriggerKindAutomatic)
	if len(lazy) != 0 {
		t.Errorf("in front of the finding: %s", titles(lazy))
	}
	action := &protocol.CodeAction{Title: "Look for a verified fix of BPF-toy", Data: protocol.LSPAny(`{"uri": "` + string(c.uri("a.bpf.c")) + `", "finding": "gone"}`)}
	if _, err := c.server.CodeActionResolve(t.Context(), action); err == nil || !strings.Contains(err.Error(), "verified again") {
		t.Errorf("resolved: %v", err)
	}
}

func TestCodeDescription(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	with := strings.Replace(actionAbilities, `"relatedInformation": true`, `"relatedInformation": true, "codeDescriptionSupport": true`, 1)
	c := connect(t, nil, `{"settings": {"platform": "linux"}}`, with)
	c.open("a.bpf.c", unchecked)
	c.untilStatus("a.bpf.c", "failed: 1 finding in 1 of 1 program (linux)")
	c.mu.Lock()
	defer c.mu.Unlock()
	page, err := os.ReadFile(c.published["a.bpf.c"].Diagnostics[0].CodeDescription.Href.FsPath())
	if err != nil || !strings.Contains(string(page), "BPF-maybe-null") {
		t.Errorf("page: %.80s, %v", page, err)
	}
}
