//go:build !harness

package lsp

// Harness reports whether this build is for tests, which switch everything off in turn
// (make features).
const Harness = false
