//go:build !unix

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "bench-corpus: measuring needs the process accounting of Unix")
	os.Exit(1)
}
