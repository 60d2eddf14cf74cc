//go:build !linux

package verifier

import "time"

// threadTime tells nothing here.
func threadTime() func() time.Duration { return func() time.Duration { return 0 } }
