package main

import (
	"flag"
	"os"
	"os/exec"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"bpfls/cmd/internal/server"
)

var update = flag.Bool("update", false, "write the goldens of the scripts anew")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"bpfls": main, "bpfls-server": server.Main})
}

// TestScripts runs testdata/*.txtar: each is a walk through the command line with
// its files. Those named tutorial-N go through the steps of section N of
// ebpf-for-windows' docs/tutorial.md, say where today's Windows prints something
// else, and compare listings with llvm-objdump's own.
func TestScripts(t *testing.T) {
	if _, err := exec.LookPath("clang-19"); err != nil {
		t.Skip("clang-19 is not here: install it (apt install clang-19 llvm-19)")
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			// Objects hold the same paths wherever the script runs.
			env.Setenv("CFLAGS", "-target bpf -Wall -ffreestanding -fdebug-compilation-dir=.")
			env.Setenv("LC_ALL", "C")
			env.Setenv("XDG_CACHE_HOME", os.DevNull)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// clang ARGS... compiles with what every script needs: BPF, no host
			// headers' surprises, and paths that do not depend on the place.
			"clang": func(ts *testscript.TestScript, neg bool, args []string) {
				args = append([]string{"-target", "bpf", "-Wall", "-ffreestanding", "-fdebug-compilation-dir=."}, args...)
				if err := ts.Exec("clang-19", args...); err != nil && !neg {
					ts.Fatalf("clang-19: %v", err)
				}
			},
			// exit CODE ARGS... runs bpfls and expects this exit code.
			"exit": func(ts *testscript.TestScript, neg bool, args []string) {
				err := ts.Exec("bpfls", args[1:]...)
				code := "0"
				if err != nil {
					code = "?"
					if e, ok := err.(*exec.ExitError); ok {
						code = string(rune('0' + e.ExitCode()))
					}
				}
				if code != args[0] {
					ts.Fatalf("bpfls exits with %s, not %s", code, args[0])
				}
			},
		},
	})
}
