package hugepage

import (
	"syscall"
	"unsafe"
)

const (
	// chunk is the step by which Go's heap grows, and what its address is a multiple of.
	chunk = 4 << 20

	madvCollapse = 25 // of madvise(2), since Linux 6.1; package syscall does not have it
)

func init() {
	inside := new([64]byte)
	start := uintptr(unsafe.Pointer(inside)) &^ (chunk - 1)
	if _, _, errno := syscall.RawSyscall(syscall.SYS_MADVISE, start, chunk, syscall.MADV_HUGEPAGE); errno == 0 {
		// What is in use already is moved into a huge page.
		_, _, _ = syscall.RawSyscall(syscall.SYS_MADVISE, start, chunk, madvCollapse)
	}
}
