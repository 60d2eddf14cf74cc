package clangdriver

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// tempOwner, in the environment, has a test make a temporary directory there and wait.
const tempOwner = "BPFLS_TEST_TEMP"

// TestRemoveAbandoned: the directory of a process that was killed is removed, and that of a
// living one is not, nor what is none of ours.
func TestRemoveAbandoned(t *testing.T) {
	if parent := os.Getenv(tempOwner); parent != "" {
		temp, err := newTempDir(parent, tempClang)
		fmt.Println(filepath.Base(temp.path), err)
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
		return
	}
	parent := t.TempDir()
	start := func() (name string, kill func()) {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestRemoveAbandoned$")
		cmd.Env = append(os.Environ(), tempOwner+"="+parent)
		if _, err := cmd.StdinPipe(); err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fscanln(out, &name, new(string)); err != nil {
			t.Fatal(err)
		}
		return name, func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	}
	_, killFirst := start()
	second, killSecond := start()
	defer killSecond()
	own, err := newTempDir(parent, tempLink)
	if err != nil {
		t.Fatal(err)
	}
	others := []string{tempClang + "unlocked", "other"}
	for _, name := range others {
		if err := os.MkdirAll(filepath.Join(parent, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(parent, "other", lockFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	killFirst()
	d := &Driver{TempDir: parent, KeepAbandoned: switchedOff("abandonedFolders")}
	left := func() (names []string) {
		d.RemoveAbandoned()
		entries, err := os.ReadDir(parent)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	want := append([]string{second, filepath.Base(own.path)}, others...)
	slices.Sort(want)
	if got := left(); !slices.Equal(got, want) {
		t.Errorf("%q are left, want %q", got, want)
	}
	killSecond()
	if err := own.remove(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(others)
	if got := left(); !slices.Equal(got, others) {
		t.Errorf("%q are left, want %q", got, others)
	}
}
