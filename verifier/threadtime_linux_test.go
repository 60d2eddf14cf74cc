package verifier

import (
	"time"

	"golang.org/x/sys/unix"
)

// threadTime returns a function, for any thread to call, that tells the processor time of
// the thread that calls threadTime.
func threadTime() func() time.Duration {
	// The clock of thread id, as the C library makes its number (clock_getres(2)).
	clock := int32(^uint32(unix.Gettid())<<3 | 6)
	return func() time.Duration {
		var ts unix.Timespec
		if unix.ClockGettime(clock, &ts) != nil {
			return 0
		}
		return time.Duration(ts.Nano())
	}
}
