package lsp_test

import (
	"encoding/json"
	"regexp"
	"testing"

	"go.lsp.dev/protocol"
)

// Flags that a project keeps in its own files are used, shown, and noticed when they change.
func TestEffectiveSettings(t *testing.T) {
	c := connect(t, nil, `{"settings": {"platform": "linux"}}`, actionAbilities)
	c.write("go.mod", "module x\n") // the root
	c.write("Makefile", "%.o: %.c\n\tclang -DANSWER=1 -target bpf -c $< -o $@\n")
	c.open("a.c", "int f(void *c) __attribute__((section(\"xdp\"), used));\nint f(void *c) { return ANSWER; }\n")
	c.untilStatus("a.c", "verified: verified, 1 program (linux)")
	shows := func(what string) {
		t.Helper()
		result, err := c.server.ExecuteCommand(t.Context(), &protocol.ExecuteCommandParams{
			Command: "bpfls.settings", Arguments: []protocol.LSPAny{protocol.LSPAny(`"` + string(c.uri("a.c")) + `"`)}})
		var text string
		if err != nil || json.Unmarshal(result, &text) != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(what).MatchString(text) {
			t.Errorf("%s is not in:\n%s", what, text)
		}
	}
	shows(`-DANSWER=1 .*[/\\][Mm]akefile:1\n`)
	shows(`  platform +linux +editor\n`)
	c.write("Makefile", "%.o: %.c\n\tclang -DOTHER=1 -target bpf -c $< -o $@\n")
	c.until("a compile error", func() bool { return c.status["a.c"] != "verified: verified, 1 program (linux)" })
	c.write(".clangd", "CompileFlags: {Add: -DANSWER=1}\n")
	c.untilStatus("a.c", "verified: verified, 1 program (linux)")
	c.write("Makefile", "%.o: %.c\n\tclang $(shell date) -target bpf -c $< -o $@\n")
	c.write(".clangd", "CompileFlags: {Add: -DANSWER=2}\n")
	shows(`(?s)not taken.* make \(.*[Mm]akefile\): line 1: \$\(shell date\) is not run; nothing of this rule is taken\n`)
}
