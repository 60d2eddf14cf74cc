package lsp_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strings"
	"testing"

	"go.lsp.dev/protocol"
)

// createAbilities are actionAbilities of an editor whose edits can make files.
var createAbilities = strings.TrimSuffix(actionAbilities, "}") +
	`, "workspace": {"workspaceEdit": {"documentChanges": true, "resourceOperations": ["create"]}}}`

// settingAction returns the action about a place whose title begins so.
func (c *client) settingAction(name string, line, character uint32, title string) *protocol.CodeAction {
	c.t.Helper()
	list := c.actionsAt(name, line, character)
	for _, a := range list {
		if strings.HasPrefix(a.Title, title) {
			return a
		}
	}
	c.t.Fatalf("no action %q among %v", title, list)
	return nil
}

func (c *client) actionsAt(name string, line, character uint32) (found []*protocol.CodeAction) {
	c.t.Helper()
	at := protocol.Position{Line: line, Character: character}
	list, err := c.server.CodeAction(c.t.Context(), &protocol.CodeActionParams{
		TextDocument: c.document(name), Range: protocol.Range{Start: at, End: at},
		Context: protocol.CodeActionContext{Diagnostics: []protocol.Diagnostic{}}})
	if err != nil {
		c.t.Fatal(err)
	}
	for _, a := range list {
		found = append(found, a.(*protocol.CodeAction))
	}
	return found
}

// perform makes an edit of files in the client's folder on disk.
func (c *client) perform(edit *protocol.WorkspaceEdit) {
	c.t.Helper()
	for _, change := range edit.DocumentChanges {
		switch change := change.(type) {
		case *protocol.CreateFile:
			if _, err := os.Stat(change.URI.FsPath()); err == nil {
				c.t.Fatalf("%s exists", change.URI)
			}
			c.write(filepath.Base(change.URI.FsPath()), "")
		case *protocol.TextDocumentEdit:
			c.write(filepath.Base(change.TextDocument.URI.FsPath()), change.Edits[0].(*protocol.TextEdit).NewText)
		}
	}
	for u := range edit.Changes {
		name := filepath.Base(u.FsPath())
		before, err := os.ReadFile(filepath.Join(c.dir, name))
		if err != nil {
			c.t.Fatal(err)
		}
		c.write(name, c.apply(name, string(before), edit))
	}
}

const flowSource = `#include "include/flow.h"
__attribute__((section("flow/in"), used))
int f(struct flow *c)
{
	return c->first + 1 > c->last ? 0 : *c->first;
}
`

// A section that no platform knows is declared as a hook, and the program is verified.
func TestDeclareHook(t *testing.T) {
	c := connect(t, nil, `{}`, createAbilities)
	c.write("bpfls.toml", "root = true # here\nplatform = \"windows\"\n")
	if err := os.Mkdir(filepath.Join(c.dir, "include"), 0o777); err != nil {
		t.Fatal(err)
	}
	c.write("include/flow.h", "struct flow { unsigned long id; unsigned char *first, *last; };\n")
	c.open("a.bpf.c", flowSource)
	c.untilStatus("a.bpf.c", "failed: 1 finding in 1 of 1 program (windows)")
	a := c.settingAction("a.bpf.c", 2, 4, "Declare the hook flow in bpfls.toml")
	c.perform(a.Edit)
	got, _ := os.ReadFile(filepath.Join(c.dir, "bpfls.toml"))
	equal(t, "bpfls.toml", string(got), `root = true # here
platform = "windows"

[[hooks]]
name = "flow"
platform = "windows"
sections = ["flow"]
context = { header = "include/flow.h", type = "struct flow", data = "first", end = "last" }
`)
	c.untilStatus("a.bpf.c", "verified: verified, 1 program (windows)")
}

// The same where the layout is the source's own and there are no settings yet.
func TestDeclareHookInNewFile(t *testing.T) {
	c := connect(t, nil, `{"settings": {"platform": "windows"}}`, createAbilities)
	text := strings.Replace(flowSource, `#include "include/flow.h"`, "struct flow { unsigned long id; unsigned char *first, *last; };", 1)
	c.open("a.bpf.c", text)
	c.untilStatus("a.bpf.c", "failed: 1 finding in 1 of 1 program (windows)")
	a := c.settingAction("a.bpf.c", 2, 4, "Declare the hook flow in bpfls.toml, a new file")
	c.perform(a.Edit)
	c.untilStatus("a.bpf.c", "verified: verified, 1 program (windows)")

	// An editor that cannot make files is not asked to.
	plain := connect(t, nil, `{"settings": {"platform": "windows"}}`, actionAbilities)
	plain.open("a.bpf.c", text)
	plain.untilStatus("a.bpf.c", "failed: 1 finding in 1 of 1 program (windows)")
	for _, a := range plain.actionsAt("a.bpf.c", 2, 4) {
		if strings.HasPrefix(a.Title, "Declare") {
			t.Errorf("proposed: %s", a.Title)
		}
	}
}

// A program that was compiled without optimisation is compiled with -O2.
func TestAddOptimization(t *testing.T) {
	c := connect(t, nil, `{}`, createAbilities)
	c.write("bpfls.toml", "root = true\nplatform = \"windows\"\n[clang]\nflags = [\n\t\"-O0\", # to debug\n]\n")
	c.open("a.bpf.c", "static int (*update)(void *m, const void *k, const void *v, unsigned long f) = (void *)2;\n"+
		"__attribute__((section(\"bind\"), used))\nint f()\n{\n\treturn update(0, 0, 0, 0);\n}\n")
	c.until("a status", func() bool { return strings.HasPrefix(c.status["a.bpf.c"], "failed") })
	c.perform(c.settingAction("a.bpf.c", 4, 10, "Compile with -O2").Edit)
	got, _ := os.ReadFile(filepath.Join(c.dir, "bpfls.toml"))
	if !strings.Contains(string(got), "\t\"-O2\", # to debug\n") {
		t.Errorf("bpfls.toml:\n%s", got)
	}
	c.until("a finding about the map", func() bool {
		return strings.Contains(c.diagnostics("a.bpf.c"), "map") && !strings.Contains(c.diagnostics("a.bpf.c"), "optimi")
	})
}

// A header that lies elsewhere in the workspace is found once its directory is named; also
// where clangd shows the error.
func TestAddHeader(t *testing.T) {
	for _, clangd := range []bool{false, true} {
		c := connect(t, nil, fmt.Sprintf(`{"clangd": %v, "settings": {"platform": "linux"}}`, clangd), createAbilities)
		for _, dir := range []string{"src", "lib/inc/net", "lib/.git/net"} {
			if err := os.MkdirAll(filepath.Join(c.dir, dir), 0o777); err != nil {
				t.Fatal(err)
			}
		}
		c.write("lib/inc/net/answer.h", "#define ANSWER 1\n")
		c.write("lib/.git/net/answer.h", "#define ANSWER 1\n")
		c.open("a.bpf.c", "#include <net/answer.h>\n__attribute__((section(\"xdp\"), used))\nint f(void *c) { return ANSWER; }\n")
		c.until("an error", func() bool { return strings.HasPrefix(c.status["a.bpf.c"], "unknown: does not compile") })
		list := c.actionsAt("a.bpf.c", 0, 12)
		var got []string
		for _, a := range list {
			got = append(got, a.Title)
		}
		sort.Strings(got)
		equal(t, "actions", strings.Join(got, "|"), "Add lib/inc to headers in bpfls.toml, a new file")
		if len(list) == 1 {
			c.perform(list[0].Edit)
			c.untilStatus("a.bpf.c", "verified: verified, 1 program (linux)")
		}
	}
}

// A vmlinux.h is written when the user says so, and only where there is none.
func TestWriteVmlinux(t *testing.T) {
	if _, err := os.Stat("/sys/kernel/btf/vmlinux"); err != nil || runtime.GOOS != "linux" {
		t.Skip("this kernel does not show its types")
	}
	c := connect(t, nil, `{"settings": {"platform": "linux"}}`, createAbilities)
	c.open("a.bpf.c", "#include \"vmlinux.h\"\n__attribute__((section(\"xdp\"), used))\nint f(struct xdp_md *c) { return XDP_PASS; }\n")
	c.until("an error", func() bool { return strings.HasPrefix(c.status["a.bpf.c"], "unknown: does not compile") })
	a := c.settingAction("a.bpf.c", 0, 12, "Write vmlinux.h from the running kernel's types")
	if _, err := os.Stat(filepath.Join(c.dir, "vmlinux.h")); err == nil {
		t.Fatal("it was written before anybody said so")
	}
	run := func() error {
		_, err := c.server.ExecuteCommand(t.Context(), &protocol.ExecuteCommandParams{Command: a.Command.Command, Arguments: a.Command.Arguments})
		return err
	}
	if err := run(); err != nil && strings.Contains(err.Error(), "not installed") {
		if !strings.Contains(err.Error(), "apt install bpftool") {
			t.Error(err)
		}
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	c.untilStatus("a.bpf.c", "verified: verified, 1 program (linux)")
	if err := run(); err == nil || !strings.Contains(err.Error(), "exists") {
		t.Errorf("again: %v", err)
	}
}
