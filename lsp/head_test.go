package lsp_test

import (
	"os/exec"
	"strings"
	"testing"

	"go.lsp.dev/protocol"
)

// The lens of a program says how it differs from git's HEAD, in its source and headers.
func TestChangeAgainstHead(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	refreshing := strings.Replace(actionAbilities, `"textDocument": {`, `"workspace": {"codeLens": {"refreshSupport": true}}, "textDocument": {`, 1)
	c := connect(t, nil, `{"settings": {"platform": "linux"}}`, refreshing)
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@b"}, args...)...)
		cmd.Dir = c.dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	lens := func() string {
		list, err := c.server.CodeLens(t.Context(), &protocol.CodeLensParams{TextDocument: c.document("a.bpf.c")})
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, l := range list {
			_, change, _ := strings.Cut(l.Command.Title, ".") // behind the verdict
			_, change, _ = strings.Cut(change, ". ")
			all = append(all, change)
		}
		return strings.Join(all, "|")
	}
	untilLens := func(want string) {
		t.Helper()
		c.until("lens "+want, func() bool {
			c.mu.Unlock()
			defer c.mu.Lock()
			return c.status["a.bpf.c"] == "verified: verified, 2 programs (linux)" && lens() == want
		})
	}
	const source = "#include \"answer.h\"\n" +
		"__attribute__((section(\"xdp\"), used)) int f(int *c) { return ANSWER; }\n" +
		"__attribute__((section(\"xdp\"), used)) int g(int *c) { return 0; }\n"
	c.write("answer.h", "#define ANSWER 1\n")
	c.write("a.bpf.c", source)
	git("init", "-q")
	git("add", ".")
	git("commit", "-q", "-m", "first")

	c.open("a.bpf.c", source)
	untilLens("|")
	c.write("answer.h", "#define ANSWER c[3] + c[4]\n")
	untilLens("2 instructions more than HEAD.|")
	git("commit", "-q", "-a", "-m", "second")
	untilLens("|")
	c.edit("a.bpf.c", 2, 2, 42, 43, "h")
	c.write("a.bpf.c", strings.Replace(source, "int g", "int h", 1))
	c.write("answer.h", "#define ANSWER 1\n")
	if err := c.server.DidSave(t.Context(), &protocol.DidSaveTextDocumentParams{TextDocument: c.document("a.bpf.c")}); err != nil {
		t.Fatal(err)
	}
	untilLens("2 instructions fewer than HEAD.|Not in HEAD.")
}
