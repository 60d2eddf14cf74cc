//go:build unix

package lsp_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf16"

	"go.lsp.dev/jsonrpc2"
	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"

	"bpfls/diskcache"
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
	under    []string // a command that the server runs under; the test is skipped where it fails
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
	server := buildServer(t)
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
			w := newWorld(t, server, files)
			if len(f.under) > 0 {
				if out, err := exec.Command(f.under[0], append(f.under[1:], "true")...).CombinedOutput(); err != nil {
					t.Skipf("%s cannot be used here: %v %s", f.under[0], err, out)
				}
			}
			w.under = f.under
			e := w.start(f.settings)
			w.under = nil
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
		pid := e.running()
		for syscall.Kill(pid, 0) == nil { // the progress of the last run is this one's, in the end
			e.mu.Lock()
			for _, token := range e.progress {
				e.do(e.server.WorkDoneProgressCancel(e.t.Context(), &protocol.WorkDoneProgressCancelParams{Token: protocol.String(token)}))
			}
			e.mu.Unlock()
			time.Sleep(50 * time.Millisecond)
		}
		e.untilState("a.bpf.c", "unknown", "cancelled")
		e.fault("")
		e.save("a.bpf.c") // of the same text
	}},
	{name: "the server is killed, and the editor starts another", happens: func(t *testing.T, e *editor, _ *rand.Rand) {
		victim := e.world.start(e.settings)
		victim.open("a.bpf.c")
		victim.untilState("a.bpf.c", "failed", "")
		victim.fault("waits")
		victim.edit("a.bpf.c", safe)
		victim.save("a.bpf.c")
		orphan := e.running()
		e.edit("a.bpf.c", safe)
		e.do(victim.cmd.Process.Kill())
		_ = victim.cmd.Wait()
		e.fault("")
		e.put(filepath.Join(e.clang, "go"), "")
		e.untilState("a.bpf.c", "verified", "")
		for deadline := time.Now().Add(patience()); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			if line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", orphan)); err != nil || len(line) == 0 {
				break // clang, which nobody waits for, has ended
			}
		}
		if left, _ := filepath.Glob(filepath.Join(e.temp, "bpfls-clang-*")); len(left) == 0 {
			t.Error("the server that was killed left nothing: this tests nothing")
		}
		// The next server removes what it left; sameAsFresh looks for it.
		next := e.world.start(e.settings)
		next.openText("a.bpf.c", safe)
		next.sameAsFresh()
	}},
	{name: "the temporary folder is full", happens: diskFull},
	{name: "precompiled headers are damaged", files: map[string]string{"big.h": big(14), "a.bpf.c": "#include \"big.h\"\n" + source("CHECKED", 20)}, happens: damagedCache},
	{name: "reports on disk are damaged", files: map[string]string{"a.bpf.c": heavy("14", 20)}, happens: damagedReports},
	{name: "two servers on one workspace", files: map[string]string{"a.bpf.c": withHeader("", 20), "b.bpf.c": withHeader("", 13), "limit.h": limitHeader(14)},
		happens: twoServers(func(read int) string { return withHeader("", read) })},
	{name: "two servers on one workspace, with reports on disk", files: map[string]string{"a.bpf.c": heavyWithHeader(20), "b.bpf.c": heavyWithHeader(13), "limit.h": limitHeader(14)},
		happens: twoServers(heavyWithHeader)},
	{name: "1,000 changes", happens: manyChanges},
	{name: "1,000 changes of a buffer that counts", settings: `{"verifyOn": "change"}`, happens: manyChanges},
	{name: "requests are cancelled", happens: cancelledRequests},
	{name: "clocks jump", files: map[string]string{"a.bpf.c": withHeader("", 20), "limit.h": limitHeader(14)}, happens: clockJumps},
	{name: "the file is deleted while it is verified", happens: func(t *testing.T, e *editor, _ *rand.Rand) {
		e.whileVerified(t, safe, func() { e.remove("a.bpf.c") })
		e.untilState("a.bpf.c", "unknown", "no such file")
	}},
	{name: "the file is deleted while it is verified, and comes back", happens: func(t *testing.T, e *editor, _ *rand.Rand) {
		e.whileVerified(t, safe, func() { e.remove("a.bpf.c") })
		e.untilState("a.bpf.c", "unknown", "no such file")
		e.write("a.bpf.c", safe)
	}},
	{name: "a header is deleted while the file is verified, and another comes", files: map[string]string{"a.bpf.c": withHeader("", 20), "limit.h": limitHeader(14)},
		happens: func(t *testing.T, e *editor, _ *rand.Rand) {
			e.whileVerified(t, withHeader("", 5), func() { e.remove("limit.h") })
			e.untilState("a.bpf.c", "unknown", "limit.h")
			e.edit("a.bpf.c", withHeader("", 25))
			e.save("a.bpf.c")
			e.write("limit.h", limitHeader(30))
		}},
	{name: "the folder is renamed", happens: func(_ *testing.T, e *editor, _ *rand.Rand) {
		e.rename(e.dir, e.dir+".renamed")
		e.untilState("a.bpf.c", "unknown", "no such file")
	}},
	{name: "another folder takes the folder's place", happens: func(_ *testing.T, e *editor, _ *rand.Rand) {
		other := e.dir + ".other"
		e.write(filepath.Join(other, "bpfls.toml"), "root = true\nplatform = \"linux\"\n")
		e.write(filepath.Join(other, "a.bpf.c"), safe)
		e.rename(e.dir, e.dir+".renamed")
		e.rename(other, e.dir)
		e.edit("a.bpf.c", safe) // the editor reloads
	}},
	{name: "the system watches no more directories", files: map[string]string{"a.bpf.c": withHeader("", 20), "limit.h": limitHeader(14)}, under: noWatches, happens: unwatched},
	{name: "the file system tells no changes", files: map[string]string{"a.bpf.c": withHeader("", 20), "limit.h": limitHeader(14)}, settings: `{"watch": "poll"}`, happens: unwatched},
	{name: "links lead in circles", files: map[string]string{"a.bpf.c": withHeader("here/here/", 20), "limit.h": limitHeader(14), "link here": "."}, happens: linkLoops},
	{name: "CRLF", happens: func(_ *testing.T, e *editor, _ *rand.Rand) {
		crlf := func(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") }
		e.edit("a.bpf.c", crlf(unsafe))
		e.save("a.bpf.c")
		e.untilState("a.bpf.c", "failed", "")
		e.edit("a.bpf.c", crlf(safe))
		e.save("a.bpf.c")
		e.untilState("a.bpf.c", "verified", "")
		e.write("a.bpf.c", safe) // git, for instance
		e.edit("a.bpf.c", crlf(source("14", 17)))
		e.save("a.bpf.c")
	}},
	{name: "UTF-16", happens: func(_ *testing.T, e *editor, _ *rand.Rand) {
		// The editor decodes what it reads and encodes what it writes.
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			e.edit("a.bpf.c", safe)
			e.write("a.bpf.c", utf16Text(safe, order))
			e.saved("a.bpf.c")
			e.untilState("a.bpf.c", "unknown", "UTF-16")
			e.edit("a.bpf.c", source("14", 13))
			e.save("a.bpf.c")
			e.untilState("a.bpf.c", "verified", "")
		}
		e.write("a.bpf.c", "\ufeff"+safe)
		e.saved("a.bpf.c")
		e.untilState("a.bpf.c", "verified", "")
		e.write("a.bpf.c", utf16Text(safe, binary.LittleEndian))
		e.saved("a.bpf.c")
	}},
	{name: "bytes that are no UTF-8", happens: func(_ *testing.T, e *editor, _ *rand.Rand) {
		// The editor shows a replacement and would write it, too; another program wrote this.
		latin := func(text string) string {
			return strings.Replace(text, "int parse", "/* caf\xe9 \xff\xfe */ int parse", 1)
		}
		shown := func(text string) string {
			return strings.ReplaceAll(strings.ToValidUTF8(latin(text), "\ufffd"), "\ufffd\ufffd", "\ufffd")
		}
		for _, text := range []string{source("14", 15), safe, unsafe, safe} {
			e.write("a.bpf.c", latin(text))
			e.edit("a.bpf.c", shown(text))
			e.saved("a.bpf.c")
			e.untilState("a.bpf.c", map[bool]string{true: "verified", false: "failed"}[text == safe], "")
		}
	}},
}

// withHeader is a source whose header, in a directory, says how much is checked.
func withHeader(dir string, read int) string {
	return fmt.Sprintf("#include \"%slimit.h\"\n", dir) + source("CHECKED", read)
}

func heavyWithHeader(read int) string { return "#include \"limit.h\"\n" + heavy("CHECKED", read) }

func limitHeader(n int) string { return fmt.Sprintf("#define CHECKED %d\n", n) }

// big is a header that takes clang so long that a precompiled one is made of it. The number
// is no macro's: of those clang would read the digits in big.h as it is now.
func big(n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "enum { CHECKED = %d };\n", n)
	for i := range 12_000 {
		fmt.Fprintf(&b, "struct s%d { int a, b; struct s%d *next; };\n", i, max(0, i-1))
	}
	return b.String()
}

func (w *world) remove(name string) {
	w.t.Helper()
	if err := os.Remove(w.path(name)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) rename(from, to string) {
	w.t.Helper()
	if err := os.Rename(w.path(from), w.path(to)); err != nil {
		w.t.Fatal(err)
	}
}

// whileVerified does something while clang compiles a text.
func (e *editor) whileVerified(t *testing.T, text string, do func()) {
	t.Helper()
	e.fault("waits")
	e.edit("a.bpf.c", text)
	e.save("a.bpf.c")
	e.running()
	do()
	e.fault("")
	e.put(filepath.Join(e.clang, "go"), "")
}

func diskFull(t *testing.T, e *editor, _ *rand.Rand) {
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		t.Skip("only root can mount a small disk, on Linux")
	}
	const page = 4096
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64k", "bpfls-test", e.temp).CombinedOutput(); err != nil {
		t.Skipf("a small disk could not be mounted: %s", out)
	}
	unmount := func() {
		for deadline := time.Now().Add(patience()); ; time.Sleep(20 * time.Millisecond) {
			out, err := exec.Command("umount", e.temp).CombinedOutput()
			if err == nil || bytes.Contains(out, []byte("not mounted")) {
				return
			}
			if time.Now().After(deadline) { // else a run may be at work there
				t.Errorf("%v: %s", err, out)
				return
			}
		}
	}
	t.Cleanup(unmount)
	ballast := filepath.Join(e.temp, "ballast")
	// From no space at all to some for everything but the object.
	failed := 0
	for free := range 6 {
		_ = os.Remove(ballast)
		_ = os.WriteFile(ballast, make([]byte, 64<<10), 0o600) // as much as fits
		if err := os.Truncate(ballast, 64<<10-int64(free)*page); err != nil {
			t.Fatal(err)
		}
		e.edit("a.bpf.c", source("14", free))
		e.save("a.bpf.c")
		e.until("an answer", func() bool {
			s := e.statuses[e.path("a.bpf.c")]
			if s.State == "unknown" && !strings.Contains(s.Message, "space") {
				e.complain("the disk is full, and the status is %q", s.Message)
				return true
			}
			if s.State == "unknown" {
				failed++
			}
			return s.Version != nil && *s.Version == e.buffers[e.path("a.bpf.c")].version() && (s.State == "unknown" || s.State == "verified")
		})
	}
	if failed == 0 {
		t.Error("the disk was never full")
	}
	_ = os.Remove(ballast)
	unmount()
	e.edit("a.bpf.c", source("14", 12))
	e.save("a.bpf.c")
}

// precompiled has a file compiled until there is a precompiled header of a text of big.h.
func (e *editor) precompiled(t *testing.T, header string, again func(string)) (file string, data []byte) {
	t.Helper()
	for deadline := time.Now().Add(patience()); ; time.Sleep(50 * time.Millisecond) {
		again("nothing else happened")
		files, _ := filepath.Glob(filepath.Join(e.cache, "bpfls", "precompiled", "[^.]*", "preamble.pch"))
		for _, file := range files {
			data, err := os.ReadFile(file)
			info, infoErr := os.ReadFile(strings.TrimSuffix(file, ".pch") + ".json")
			if err != nil || infoErr != nil {
				continue
			}
			// It names the digests of both.
			if bytes.Contains(info, []byte(diskcache.Digest(data))) && bytes.Contains(info, []byte(diskcache.Digest([]byte(header)))) {
				return file, data
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("no precompiled header was made\n%s", e.tail())
		}
	}
}

func damagedCache(t *testing.T, e *editor, random *rand.Rand) {
	text := func(read int) string { return "#include \"big.h\"\n" + source("CHECKED", read) }
	read := 0
	again := func(what string) {
		read = (read + 1) % 14
		e.edit("a.bpf.c", text(read))
		e.save("a.bpf.c")
		e.until("verified although "+what, func() bool {
			s := e.statuses[e.path("a.bpf.c")]
			return s.State == "verified" && *s.Version == e.buffers[e.path("a.bpf.c")].version()
		})
	}
	file, data := e.precompiled(t, big(14), again)
	info, err := os.ReadFile(strings.TrimSuffix(file, ".pch") + ".json")
	if err != nil {
		t.Fatal(err)
	}
	bits := bytes.Clone(data)
	for range 50 {
		bits[random.IntN(len(bits))] ^= 1 << random.IntN(8)
	}
	for what, damaged := range map[string][2][]byte{
		"the header is empty":  {nil, info},
		"the header is cut":    {data[:len(data)/2], info},
		"bits are wrong":       {bits, info},
		"what it needs is cut": {data, info[:len(info)/2]},
		"what it needs is {}":  {data, []byte("{}")},
		"both are nonsense":    {[]byte("nonsense"), []byte("nonsense")},
	} {
		for path, data := range map[string][]byte{file: damaged[0], strings.TrimSuffix(file, ".pch") + ".json": damaged[1]} {
			// The server may be putting a new one in the place of one that was damaged before.
			for deadline := time.Now().Add(patience()); ; {
				err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, data, 0o600))
				if err == nil {
					break
				}
				if !errors.Is(err, fs.ErrNotExist) || time.Now().After(deadline) {
					t.Fatal(err)
				}
			}
		}
		again(what)
	}
	// One of another big.h in its place: with it, what is unsafe would look safe.
	// It is moved away in one step: one may be being made.
	if err := os.Rename(filepath.Dir(file), filepath.Join(t.TempDir(), "gone")); err != nil {
		t.Fatal(err)
	}
	e.write("big.h", big(30))
	_, wrong := e.precompiled(t, big(30), again)
	e.write("big.h", big(14))
	e.precompiled(t, big(14), again) // the header is the first again
	for deadline := time.Now().Add(patience()); ; time.Sleep(20 * time.Millisecond) {
		if left, _ := filepath.Glob(filepath.Join(e.temp, "*")); len(left) == 0 || time.Now().After(deadline) {
			break // nothing is made in the background that would replace it
		}
	}
	e.write(file, string(wrong))
	e.edit("a.bpf.c", text(25))
	e.save("a.bpf.c")
}

// damagedReports has servers start on reports that are damaged, or another program's.
func damagedReports(t *testing.T, e *editor, random *rand.Rand) {
	folder := filepath.Join(e.cache, "bpfls", "reports")
	// files waits until so many reports are on disk, and returns the files.
	files := func(n int) []string {
		t.Helper()
		for deadline := time.Now().Add(patience()); ; time.Sleep(20 * time.Millisecond) {
			all, _ := filepath.Glob(filepath.Join(folder, "[^.]*", "value"))
			if len(all) == n {
				return all
			}
			if time.Now().After(deadline) {
				t.Fatalf("%q on disk, want %d\n%s", all, n, e.tail())
			}
		}
	}
	unsafe := files(1)[0]
	data, err := os.ReadFile(unsafe)
	e.do(err)
	// next starts a server on what is on disk.
	next := func(what string, taken bool) {
		t.Helper()
		s := e.world.start(e.settings)
		s.openText("a.bpf.c", heavy("14", 20))
		s.untilState("a.bpf.c", "failed", "1 finding in 1 of 1 program (linux)")
		logged := func() bool {
			s.log.mu.Lock()
			defer s.log.mu.Unlock()
			return strings.Contains(s.logged.String(), `"reports from disk"=1`)
		}
		// The log takes another way than the status, and may come behind it.
		for deadline := time.Now().Add(patience()); taken && !logged() && time.Now().Before(deadline); {
			time.Sleep(20 * time.Millisecond)
		}
		read := logged()
		if read != taken {
			t.Errorf("%s: reports are taken from disk: %v, want %v", what, read, taken)
		}
		s.sameAsFresh()
		if read {
			return
		}
		if now, err := os.ReadFile(files(1)[0]); err != nil || !bytes.Contains(now, []byte(`"Verdict":"fail"`)) {
			t.Errorf("%s: it was not made anew: %v", what, err)
		}
	}
	next("nothing happened", true)
	bits := bytes.Clone(data)
	bits[random.IntN(len(bits))] ^= 1 << random.IntN(8)
	for what, damaged := range map[string][]byte{
		"it is empty": nil, "it is cut": data[:len(data)/2], "a bit is wrong": bits, "it says pass": bytes.Replace(data, []byte(`"fail"`), []byte(`"pass"`), 1),
	} {
		e.do(os.WriteFile(unsafe, damaged, 0o600))
		next(what, false)
	}
	e.edit("a.bpf.c", heavy("14", 3))
	e.save("a.bpf.c")
	e.untilState("a.bpf.c", "verified", "")
	files(2)
	e.do(os.RemoveAll(filepath.Dir(unsafe)))
	e.edit("a.bpf.c", heavy("14", 20))
	e.save("a.bpf.c")
	e.untilState("a.bpf.c", "failed", "")
	for _, file := range files(2) {
		if file != unsafe {
			e.do(os.Rename(file, unsafe))
			e.do(os.Remove(filepath.Dir(file)))
		}
	}
	next("it is that of a program that is safe", false)
	e.do(os.RemoveAll(folder))
	e.do(os.WriteFile(folder, nil, 0o600))
	s := e.world.start(e.settings)
	s.openText("a.bpf.c", heavy("14", 20))
	s.untilState("a.bpf.c", "failed", "")
	s.sameAsFresh()
}

// twoServers has two servers work on the same files, and a third one start on what they left.
func twoServers(text func(read int) string) func(*testing.T, *editor, *rand.Rand) {
	return func(_ *testing.T, e *editor, random *rand.Rand) { bothServers(e, random, text) }
}

func bothServers(e *editor, random *rand.Rand, source func(read int) string) {
	other := e.world.start(e.settings)
	for _, who := range []*editor{e, other} {
		for _, name := range []string{"a.bpf.c", "b.bpf.c"} {
			if who == other || name != "a.bpf.c" {
				who.open(name)
			}
		}
	}
	for i := range 20 {
		who, reader := e, other
		if random.IntN(2) == 0 {
			who, reader = other, e
		}
		if random.IntN(4) == 0 {
			e.write("limit.h", limitHeader(10+random.IntN(20)))
			continue
		}
		name := []string{"a.bpf.c", "b.bpf.c"}[random.IntN(2)]
		who.edit(name, source(i))
		who.save(name)
		reader.edit(name, source(i)) // it reloads
		if random.IntN(3) == 0 {
			time.Sleep(time.Duration(random.IntN(300)) * time.Millisecond)
		}
	}
	e.write("limit.h", limitHeader(16))
	for _, name := range []string{"a.bpf.c", "b.bpf.c"} {
		text := source(map[string]int{"a.bpf.c": 3, "b.bpf.c": 18}[name])
		e.edit(name, text)
		e.save(name)
		other.edit(name, text)
	}
	other.sameAsFresh()
	third := e.world.start(e.settings)
	third.open("a.bpf.c")
	third.open("b.bpf.c")
	third.untilState("a.bpf.c", "verified", "")
	third.untilState("b.bpf.c", "failed", "")
	third.sameAsFresh()
}

// manyChanges types, with pauses, and saves now and then.
func manyChanges(_ *testing.T, e *editor, random *rand.Rand) {
	words := []string{"x", "\n", "// größe 😀\n", "/*", "*/", "\t", "return 0;", ";", "#if 1\n", "\r\n"}
	for i := range 1000 {
		text := e.text("a.bpf.c")
		switch random.IntN(4) {
		case 0: // a right program
			text = source("14", random.IntN(28))
		case 1: // without something
			runes := []rune(text)
			from := random.IntN(len(runes) + 1)
			to := min(len(runes), from+random.IntN(20))
			text = string(runes[:from]) + string(runes[to:])
		default: // with something
			runes := []rune(text)
			at := random.IntN(len(runes) + 1)
			text = string(runes[:at]) + words[random.IntN(len(words))] + string(runes[at:])
		}
		e.edit("a.bpf.c", text)
		if random.IntN(50) == 0 {
			e.save("a.bpf.c")
		}
		time.Sleep(8 * time.Millisecond)
		if i%200 == 0 { // so that what waits for the end of the typing happens, too
			time.Sleep(400 * time.Millisecond)
		}
	}
	e.edit("a.bpf.c", "// the end\n"+safe)
	e.save("a.bpf.c")
}

// cancelledRequests sends requests and cancels them at random.
func cancelledRequests(t *testing.T, e *editor, random *rand.Rand) {
	doc := map[string]any{"uri": uri.File(e.path("a.bpf.c"))}
	where := map[string]any{"line": 10, "character": 12}
	zone := map[string]any{"start": where, "end": where}
	requests := []struct {
		method string
		params any
	}{
		{"textDocument/hover", map[string]any{"textDocument": doc, "position": where}},
		{"textDocument/codeLens", map[string]any{"textDocument": doc}},
		{"textDocument/documentSymbol", map[string]any{"textDocument": doc}},
		{"textDocument/codeAction", map[string]any{"textDocument": doc, "range": zone, "context": map[string]any{"diagnostics": []any{}}}},
		{"textDocument/completion", map[string]any{"textDocument": doc, "position": where}},
		{"textDocument/diagnostic", map[string]any{"textDocument": doc}},
		{"workspace/symbol", map[string]any{"query": "p"}},
		{"workspace/executeCommand", map[string]any{"command": "bpfls.verify", "arguments": []any{doc["uri"]}}},
	}
	answers := make(chan error, 1000)
	for i := range 1000 {
		ctx, cancel := context.WithCancel(t.Context())
		request := requests[random.IntN(len(requests))]
		after := time.Duration(random.IntN(3000)) * time.Microsecond
		go func() {
			_, err := e.conn.Call(ctx, request.method, request.params, nil) // cancels with $/cancelRequest
			answers <- err
		}()
		time.AfterFunc(after, cancel)
		if random.IntN(25) == 0 {
			e.edit("a.bpf.c", source("14", i%28))
			e.save("a.bpf.c")
		}
		time.Sleep(time.Duration(random.IntN(2000)) * time.Microsecond)
	}
	for range 1000 {
		err := <-answers
		var answer *jsonrpc2.Error
		if errors.As(err, &answer) && answer.Code != -32800 {
			t.Errorf("a request that was cancelled is answered with %v", answer)
		}
	}
	e.edit("a.bpf.c", safe)
	e.save("a.bpf.c")
}

// clockJumps changes a header, whose size stays, and gives it times of modification from
// the past and the future; where they are the same as before, nothing but the content and
// the time of change tells.
func clockJumps(t *testing.T, e *editor, _ *rand.Rand) {
	looked := func() { // so that the server knows the content for good
		time.Sleep(2200 * time.Millisecond)
		e.do(e.server.DidChangeWatchedFiles(t.Context(), &protocol.DidChangeWatchedFilesParams{
			Changes: []protocol.FileEvent{{URI: uri.File(e.path("limit.h")), Type: protocol.FileChangeTypeChanged}}}))
		e.barrier()
		time.Sleep(500 * time.Millisecond) // it lets changes settle
	}
	looked()
	info, err := os.Stat(e.path("limit.h"))
	if err != nil {
		t.Fatal(err)
	}
	was := info.ModTime()
	checked := 14
	for _, mtime := range []time.Time{was, was.Add(-time.Hour), was, was, time.Unix(0, 0), time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), was} {
		checked = 44 - checked
		e.write("new.h", limitHeader(checked))
		if err := os.Chtimes(e.path("new.h"), mtime, mtime); err != nil {
			t.Fatal(err)
		}
		e.rename("new.h", "limit.h")
		e.untilState("a.bpf.c", map[int]string{14: "failed", 30: "verified"}[checked], "")
	}
	looked()
	e.write("limit.h", limitHeader(14))
	if err := os.Chtimes(e.path("limit.h"), was, was); err != nil {
		t.Fatal(err)
	}
}

// noWatches has a program run where the system refuses every watch.
var noWatches = []string{"unshare", "-Ur", "sh", "-c", `echo 0 > /proc/sys/user/max_inotify_watches && exec "$0" "$@"`}

// unwatched has changes on disk that the system does not tell.
func unwatched(_ *testing.T, e *editor, _ *rand.Rand) {
	e.write("limit.h", limitHeader(30))
	e.untilState("a.bpf.c", "verified", "")
	e.write("new.h", limitHeader(15))
	e.rename("new.h", "limit.h")
	e.untilState("a.bpf.c", "failed", "")
	other := e.dir + ".other"
	e.write(filepath.Join(other, "bpfls.toml"), "root = true\nplatform = \"linux\"\n")
	e.write(filepath.Join(other, "a.bpf.c"), withHeader("", 20))
	e.write(filepath.Join(other, "limit.h"), limitHeader(30))
	e.rename(e.dir, e.dir+".renamed")
	e.rename(other, e.dir)
	e.untilState("a.bpf.c", "verified", "")
	e.remove("limit.h")
	e.untilState("a.bpf.c", "unknown", "limit.h")
	e.edit("a.bpf.c", withHeader("", 21))
	e.write("a.bpf.c", withHeader("", 21)) // and nobody says that it was saved
	e.write("limit.h", limitHeader(30))
}

func linkLoops(t *testing.T, e *editor, _ *rand.Rand) {
	link := func(to, name string) {
		_ = os.Remove(e.path(name))
		if err := os.Symlink(to, e.path(name)); err != nil {
			t.Fatal(err)
		}
	}
	e.open("here/here/a.bpf.c") // the same file by another name
	e.untilState("here/here/a.bpf.c", "failed", "")
	link("limit.h", "limit.h")
	e.untilState("a.bpf.c", "unknown", "limit.h")
	e.remove("limit.h")
	e.write("limit.h", limitHeader(30))
	e.untilState("a.bpf.c", "verified", "")
	link("there", "here")
	link("here", "there")
	e.untilState("a.bpf.c", "unknown", "limit.h")
	e.remove("here")
	e.write("other/here/limit.h", limitHeader(24))
	link("other", "here")
	e.untilState("a.bpf.c", "verified", "")
	e.write("other/here/limit.h", limitHeader(15))
	e.untilState("a.bpf.c", "failed", "")
	e.write("bpfls.toml", "")
	link("bpfls.toml", "bpfls.toml")
}

func utf16Text(text string, order binary.AppendByteOrder) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune("\ufeff" + text)) {
		b = order.AppendUint16(b, unit)
	}
	return string(b)
}
