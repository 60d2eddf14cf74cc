package clangdriver

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// runRole, in the environment, has TestRunEndsAll be a program that starts another ("parent"),
// or the other: one that locks the file named in runLock and does not end.
const (
	runRole = "BPFLS_TEST_RUN"
	runLock = "BPFLS_TEST_LOCK"
)

// TestRunEndsAll: at the limit, what a program started ends with it.
func TestRunEndsAll(t *testing.T) {
	lock := os.Getenv(runLock)
	switch os.Getenv(runRole) {
	case "parent":
		cmd := exec.Command(os.Args[0], "-test.run", "^TestRunEndsAll$")
		cmd.Env = append(os.Environ(), runRole+"=child")
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		_ = cmd.Run()
		return
	case "child":
		if _, err := newLock(lock); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		return
	}
	lock = filepath.Join(t.TempDir(), lockFile)
	done := make(chan error)
	go func() {
		_, err := run(t.Context(), command{
			path: os.Args[0], args: []string{"-test.run", "^TestRunEndsAll$"}, limit: 3 * time.Second,
			env: environment(os.Environ()).with(runRole+"=parent", runLock+"="+lock),
		})
		done <- err
	}()
	locked := false
	var timeout *TimeoutError
	for end := false; !end; {
		select {
		case err := <-done:
			if !errors.As(err, &timeout) {
				t.Fatalf("got %v", err)
			}
			end = true
		case <-time.After(10 * time.Millisecond):
			locked = locked || isFile(lock)
		}
	}
	if !locked {
		t.Fatal("the other program did not start")
	}
	for deadline := time.Now().Add(10 * time.Second); !unlocked(lock); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the other program still runs")
		}
	}
}
