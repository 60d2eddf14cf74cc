package lsp_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"testing"
)

var update = flag.Bool("update", false, "write golden files anew")

// serverFlag has tests use a server that was built before (make features).
var serverFlag = flag.String("server", "", "the bpfls to test; empty: one that is built")

// caseFlag is of TestAcceptance, which -run has begin all of its scenarios.
var caseFlag = flag.String("case", "", "the only scenario of TestAcceptance to run")

// TestAcceptance drives the real server over real stdio with a client that is not
// ours: the library of VS Code's protocol, in testdata/client.
func TestAcceptance(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles and verifies for a minute: not with -short")
	}
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s was not found: the acceptance test's client needs Node 20 or later with npm", tool)
		}
	}
	client := acceptanceClient(t)
	server := buildServer(t)
	env := []string{"BPFLS=" + server, "WITHOUT=" + *withoutFlag, fmt.Sprintf("PATIENCE=%.0f", 3*untilFlag.Seconds())}
	if *update {
		env = append(env, "UPDATE=1")
	}
	args := []string{"--test", "--test-reporter=tap"}
	if *caseFlag != "" {
		args = append(args, "--test-name-pattern", "^"+regexp.QuoteMeta(*caseFlag)+"$")
	}
	cmd := exec.Command("node", append(args, "acceptance.test.mjs")...)
	cmd.Dir, cmd.Env = client, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	results := regexp.MustCompile(`(?m)^(ok|not ok) \d+ - (.*)$`).FindAllSubmatch(out, -1)
	for _, r := range results {
		t.Run(string(r[2]), func(t *testing.T) {
			switch {
			case bytes.Contains(r[2], []byte("# SKIP")):
				t.Skip(string(r[2]))
			case string(r[1]) != "ok":
				t.Fail()
			}
		})
	}
	if err != nil || len(results) == 0 {
		t.Errorf("%v: %v\n%s", cmd, err, out)
	}
}

// acceptanceClient returns the folder of the client, with the packages that it needs.
func acceptanceClient(t *testing.T) string {
	t.Helper()
	client, err := filepath.Abs(filepath.Join("testdata", "client"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(client, "node_modules")); err != nil {
		run(t, client, nil, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	}
	return client
}

// buildServer builds bpfls, with its servers beside it, as it is shipped.
func buildServer(t *testing.T) string {
	t.Helper()
	if *serverFlag != "" {
		return *serverFlag
	}
	dir := t.TempDir()
	run(t, "", []string{"CGO_ENABLED=0"}, "go", "build", "-o", dir+string(filepath.Separator), "bpfls/cmd/...")
	server := filepath.Join(dir, "bpfls")
	if runtime.GOOS == "windows" {
		server += ".exe"
	}
	return server
}

func run(t *testing.T, dir string, env []string, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	return out
}

// TestNeovim drives the real server with the client of Neovim.
func TestNeovim(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles and verifies: not with -short")
	}
	if _, err := exec.LookPath("nvim"); err != nil {
		t.Skip("nvim was not found")
	}
	script, err := filepath.Abs(filepath.Join("testdata", "nvim", "acceptance.lua"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "client", "fixtures"))); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "editors"))); err != nil {
		t.Fatal(err)
	}
	config, err := filepath.Abs(filepath.Join("..", "editors", "neovim"))
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"BPFLS=" + buildServer(t), "BPFLS_LUA=" + config, "XDG_STATE_HOME=" + t.TempDir(), "XDG_CACHE_HOME=" + t.TempDir(), "XDG_DATA_HOME=" + t.TempDir()}
	run(t, dir, env, "nvim", "--headless", "-u", "NONE", "-n", "-c", "luafile "+script)
}

// TestEmacs drives the real server with eglot, by the configuration in editors/emacs.
func TestEmacs(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles and verifies: not with -short")
	}
	if _, err := exec.LookPath("emacs"); err != nil {
		t.Skip("emacs was not found")
	}
	if out, err := exec.Command("emacs", "--batch", "--eval", "(require 'eglot)").CombinedOutput(); err != nil {
		t.Skipf("emacs has no eglot (package elpa-eglot): %s", out)
	}
	config, err := filepath.Abs(filepath.Join("..", "editors", "emacs", "bpfls.el"))
	if err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs(filepath.Join("testdata", "emacs", "acceptance.el"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "editors"))); err != nil {
		t.Fatal(err)
	}
	env := []string{"BPFLS=" + buildServer(t), "BPFLS_EL=" + config, "HOME=" + t.TempDir(), "XDG_CACHE_HOME=" + t.TempDir()}
	run(t, dir, env, "emacs", "--batch", "--load", script)
}
