package clangdriver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// answer is what a clang says that is asked for its version.
const answer = `case "$*" in *--print-targets*)
	echo "clang version 19.1.7" >&2
	echo "    bpf        - BPF (host endian)"
	exit 0
esac
`

// fakeRequest is a source to be compiled by a script.
func fakeRequest(t *testing.T, script string) (Request, string) {
	t.Helper()
	dir := realTempDir(t)
	source, clang := filepath.Join(dir, "a.c"), filepath.Join(dir, "clang")
	if err := os.WriteFile(source, []byte("int x;\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	writeScript(t, clang, answer+script)
	return Request{Path: source, Settings: Settings{Clang: clang}}, dir
}

// waitDead waits until the process whose id a file has is gone.
func waitDead(t *testing.T, pidFile string) {
	t.Helper()
	text, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		// A killed child of a dead parent may stay a zombie where nobody reaps it.
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if syscall.Kill(pid, 0) != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("process %d still runs: %s", pid, stat)
		}
	}
}

const hangs = `sleep 300 &
echo $! > "$(dirname "$0")/child"
wait
`

func TestTimeLimit(t *testing.T) {
	d := testDriver(t)
	req, dir := fakeRequest(t, hangs)
	req.Settings.Timeout = 500 * time.Millisecond
	_, err := d.Compile(t.Context(), req)
	want := req.Path + ": clang did not finish within 500ms and was stopped; raise the limit (bpfls.clang.timeout) if the source needs it"
	var timeout *TimeoutError
	if !errors.As(err, &timeout) || err.Error() != want {
		t.Fatalf("got  %v\nwant %s", err, want)
	}
	waitDead(t, filepath.Join(dir, "child"))
	checkNothingLeft(t, d)
}

func TestCancelKillsTheGroup(t *testing.T) {
	d := testDriver(t)
	req, dir := fakeRequest(t, hangs)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for !isFile(filepath.Join(dir, "child")) {
			time.Sleep(5 * time.Millisecond)
		}
		time.Sleep(20 * time.Millisecond)
		cancel()
	}()
	_, err := d.Compile(ctx, req)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	waitDead(t, filepath.Join(dir, "child"))
	checkNothingLeft(t, d)
}

// TestLeftBehind: what a compiler leaves running ends with it, and does not hold
// the answer up.
func TestLeftBehind(t *testing.T) {
	d := testDriver(t)
	req, dir := fakeRequest(t, `sleep 300 &
echo $! > "$(dirname "$0")/child"
echo "error: no more" >&2
exit 1
`)
	out, err := d.Compile(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Diagnostics) != 1 || out.Diagnostics[0].Message != "no more" {
		t.Errorf("got %+v", out.Diagnostics)
	}
	waitDead(t, filepath.Join(dir, "child"))
	checkNothingLeft(t, d)
}

func TestFailures(t *testing.T) {
	for _, test := range []struct {
		name, script, message, err string
		object                     bool
	}{
		{name: "killed", script: "kill -9 $$",
			message: "clang 19.1.7 crashed (signal: killed). Another version of clang may do better; the command was: "},
		{name: "an error of the driver", script: "echo \"clang: error: unknown argument: '-fbogus'\" >&2; exit 1",
			message: "unknown argument: '-fbogus'"},
		{name: "says nothing", script: "exit 3",
			message: "clang 19.1.7 failed (exit status 3). Another"},
		{name: "a fatal error in the back end", script: "echo 'fatal error: error in backend: out of registers' >&2; exit 70",
			message: "clang 19.1.7 crashed (exit status 70): error in backend: out of registers. "},
		{name: "no object", script: "exit 0", err: "said that it compiled"},
		{name: "lost warnings", script: `for a; do last=$a; done; echo object > "$last"`, object: true,
			message: "warnings of clang 19.1.7 are lost: "},
		{name: "an empty object", script: `for a; do last=$a; done; : > "$last"`, err: "but the object is empty"},
		{name: "disk full", script: "echo 'LLVM ERROR: IO failure on output stream: No space left on device' >&2; exit 70",
			err: "the temporary files of a compilation cannot be written: no space left on device; free space there, or set TMPDIR to a directory that has some"},
		{name: "diagnostics that are none", script: `while [ "$1" != -serialize-diagnostics ]; do shift; done
printf DIAGjunk > "$2"; echo "a.c:1:1: error: this and that" >&2; exit 1`, message: "this and that"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := testDriver(t)
			req, _ := fakeRequest(t, test.script+"\n")
			out, err := d.Compile(t.Context(), req)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("got %v, want %s", err, test.err)
				}
			} else if err != nil {
				t.Error(err)
			} else if len(out.Diagnostics) != 1 || !strings.HasPrefix(out.Diagnostics[0].Message, test.message) {
				t.Errorf("got %+v, want %s", out.Diagnostics, test.message)
			} else if (out.Object != nil) != test.object {
				t.Errorf("object: %q", out.Object)
			}
			checkNothingLeft(t, d)
		})
	}
}

// TestDiskFull fills a real file system.
func TestDiskFull(t *testing.T) {
	d := testDriver(t)
	settings, _ := needClang(t, d)
	small := t.TempDir()
	if err := syscall.Mount("none", small, "tmpfs", 0, "size=16k"); err != nil {
		t.Skipf("needs to mount a file system: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(small, 0); err != nil {
			t.Error(err)
		}
	}()
	d.TempDir = small
	for _, size := range []int{1, 3000, 30000} { // clang's output does not fit, the overlay does not
		path := filepath.Join(t.TempDir(), "a.c")
		text := "int f(int x) { return x; }\n"
		for i := range size / 20 {
			text += fmt.Sprintf("int f%d(int *p) { return *p + %d; }\n", i, i)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := d.Compile(t.Context(), Request{Path: path, Settings: settings})
		if size == 1 {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), "no space left on device; free space there, or set TMPDIR") {
			t.Errorf("with %d bytes: %v", len(text), err)
		}
		checkNothingLeft(t, d)
	}
}

func TestTempDirMissing(t *testing.T) {
	d := testDriver(t)
	req, _ := fakeRequest(t, "exit 0")
	d.TempDir = filepath.Join(d.TempDir, "none")
	_, err := d.Compile(t.Context(), req)
	if err == nil || !strings.HasPrefix(err.Error(), "the temporary files of a compilation cannot be written: ") {
		t.Errorf("got %v", err)
	}
}

// TestAskedAgain: a clang that could not be run is asked again, though its file is the same.
func TestAskedAgain(t *testing.T) {
	d := testDriver(t)
	req, _ := fakeRequest(t, "")
	held, err := os.OpenFile(req.Settings.Clang, os.O_WRONLY, 0) // "text file busy"
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = d.findClang(t.Context(), req.Settings, "/")
	if err == nil || !strings.Contains(err.Error(), "cannot be run: ") {
		t.Errorf("got %v", err)
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	if found, _, err := d.findClang(t.Context(), req.Settings, "/"); err != nil || found.Major != 19 {
		t.Errorf("got %+v, %v", found, err)
	}
}
