//go:build unix

package main

import (
	"os"

	"golang.org/x/sys/unix"

	"bpfls/cmd/internal/cli"
)

// become replaces this process, with its streams and its id, by another program. It
// returns only where that fails.
func become(_ *cli.Program, path string, args []string) (int, error) {
	return 0, unix.Exec(path, append([]string{path}, args...), os.Environ())
}
