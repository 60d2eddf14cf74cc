package lsp_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.lsp.dev/protocol"
)

// An object that was compiled elsewhere shows its maps, programs and instructions, and its
// findings at the instructions.
func TestObject(t *testing.T) {
	clang, err := exec.LookPath("clang-19")
	if err != nil {
		t.Skip("clang-19 is not installed")
	}
	c := connect(t, nil, `{"settings": {"platform": "linux"}}`, actionAbilities)
	c.write("a.c", unchecked)
	cmd := exec.Command(clang, "-target", "bpf", "-O2", "-g", "-c", "a.c", "-o", "a.o")
	cmd.Dir = c.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ask := func(name string) (view struct {
		Text        string                `json:"text"`
		Diagnostics []protocol.Diagnostic `json:"diagnostics"`
	}, err error) {
		result, err := c.server.ExecuteCommand(t.Context(), &protocol.ExecuteCommandParams{
			Command: "bpfls.object", Arguments: []protocol.LSPAny{protocol.LSPAny(`"` + string(c.uri(name)) + `"`)}})
		if err == nil {
			err = protocol.Unmarshal(result, &view)
		}
		return view, err
	}
	view, err := ask("a.o")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"platform linux", "; maps\n;   ", "xdp count:\n; hook xdp\n; 1 finding", "*value += 1;\n"} {
		if !strings.Contains(view.Text, want) {
			t.Errorf("%q is not in:\n%s", want, view.Text)
		}
	}
	if len(view.Diagnostics) != 1 {
		t.Fatalf("diagnostics: %+v", view.Diagnostics)
	}
	d := view.Diagnostics[0]
	line := strings.Split(view.Text, "\n")[d.Range.Start.Line]
	at := line[d.Range.Start.Character:d.Range.End.Character]
	if !strings.HasPrefix(at, "r") || !strings.Contains(at, "*(u") || d.Severity != protocol.DiagnosticSeverityError {
		t.Errorf("%q in %q: %+v", at, line, d)
	}
	if r := d.RelatedInformation; len(r) != 1 || filepath.Base(r[0].Location.URI.FsPath()) != "a.c" || r[0].Location.Range.Start.Line != 14 {
		t.Errorf("related: %+v", r)
	}
	c.write("b.o", "no object")
	if _, err := ask("b.o"); err == nil || !strings.Contains(err.Error(), "no ELF") {
		t.Errorf("b.o: %v", err)
	}
}
