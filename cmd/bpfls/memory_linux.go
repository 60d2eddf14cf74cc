package main

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// heapChunk is the step by which Go's heap grows, and what its address is a multiple
// of; its first pages are in use before main runs.
const heapChunk = 4 << 20

// preferHugePages asks for huge pages for the start of the heap, where a run on one
// program finds room: two page faults take the place of up to a thousand, which
// would be a good part of the run. It is a hint; nothing depends on it.
func preferHugePages() {
	inside := new([64]byte)
	start := unsafe.Pointer(uintptr(unsafe.Pointer(inside)) &^ (heapChunk - 1))
	chunk := unsafe.Slice((*byte)(start), heapChunk)
	if unix.Madvise(chunk, unix.MADV_HUGEPAGE) == nil {
		// What is in use already is moved into a huge page.
		_ = unix.Madvise(chunk, unix.MADV_COLLAPSE)
	}
	runtime.KeepAlive(inside)
}
