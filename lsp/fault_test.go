//go:build unix

package lsp_test

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"
)

var faultSeed = flag.Uint64("fault.seed", 0, "the seed of the fault tests; 0: a new one")

// Sources that pass, and that fail.
var (
	safe   = source("14", 13)
	unsafe = source("14", 20)
)

// fault is something that goes wrong around the server.
type fault struct {
	name     string
	files    map[string]string // of the workspace; none: a.bpf.c, which is unsafe
	settings string
	// happens makes it go wrong and ends when nothing is wrong any more. a.bpf.c is open, and
	// failed.
	happens func(t *testing.T, e *editor, random *rand.Rand)
}

// TestFaults lets things go wrong around a real server, and real clang. After each, what
// the server published last is what a fresh server publishes of the same files; and no message
// made anything look green that was not verified to the end (see editor).
func TestFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles and verifies for a minute: not with -short")
	}
	if _, err := exec.LookPath("clang-19"); err != nil {
		t.Skip("clang-19 was not found")
	}
	binary := buildServer(t)
	seed := *faultSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d (-fault.seed)", seed)
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			files := f.files
			if files == nil {
				files = map[string]string{"a.bpf.c": unsafe}
			}
			w := newWorld(t, binary, files)
			e := w.start(f.settings)
			e.open("a.bpf.c")
			e.untilState("a.bpf.c", "failed", "1 finding in 1 of 1 program (linux)")
			f.happens(t, e, rand.New(rand.NewPCG(seed, 0)))
			e.sameAsFresh()
		})
	}
}

var faults = []fault{
	{name: "clang is killed mid-way", happens: func(_ *testing.T, e *editor, _ *rand.Rand) {
		e.fault("killed")
		e.edit("a.bpf.c", safe)
		e.save("a.bpf.c")
		// The server tries again by itself.
	}},
	{name: "clang is killed when half of the object is written", happens: func(_ *testing.T, e *editor, _ *rand.Rand) {
		e.fault("half")
		e.edit("a.bpf.c", safe)
		e.save("a.bpf.c")
	}},
	{name: "clang hangs, and the user saves again", happens: func(t *testing.T, e *editor, _ *rand.Rand) {
		e.fault("hangs")
		e.edit("a.bpf.c", source("14", 12))
		e.save("a.bpf.c")
		pid := e.running()
		e.fault("")
		e.edit("a.bpf.c", safe)
		e.save("a.bpf.c")
		e.untilState("a.bpf.c", "verified", "")
		if err := syscall.Kill(pid, 0); err == nil {
			t.Error("the clang that hangs still runs")
		}
	}},
	{name: "clang hangs until the limit", settings: `{"clang": {"timeout": "4s"}}`, happens: func(_ *testing.T, e *editor, _ *rand.Rand) {
		e.fault("hangs")
		e.edit("a.bpf.c", safe)
		e.save("a.bpf.c")
		e.untilState("a.bpf.c", "unknown", "clang did not finish within 4s and was stopped")
		e.fault("")
		e.save("a.bpf.c") // of the same text
	}},
	{name: "a run is cancelled in the editor", happens: func(_ *testing.T, e *editor, _ *rand.Rand) {
		e.fault("hangs")
		e.edit("a.bpf.c", safe)
		e.save("a.bpf.c")
		e.running()
		e.until("progress", func() bool { return len(e.progress) > 0 })
		e.do(e.server.WorkDoneProgressCancel(e.t.Context(), &protocol.WorkDoneProgressCancelParams{Token: protocol.String(e.progress[0])}))
		e.untilState("a.bpf.c", "unknown", "cancelled")
		e.fault("")
		e.save("a.bpf.c") // of the same text
	}},
}

var _ = bytes.Equal
var _ = fmt.Sprint
var _ = os.Args
var _ = filepath.Join
var _ = runtime.GOOS
var _ = strings.Cut
var _ = uri.File
