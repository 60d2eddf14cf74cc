package isa_test

import (
	"errors"
	"testing"

	"bpfls/isa"
)

// TestDecodeUntil: decoding ends at the first look that says so, and looks every few
// thousand slots.
func TestDecodeUntil(t *testing.T) {
	code := make([]isa.Slot, 100_000)
	for i := range code {
		code[i] = isa.Slot{Op: 0xb7}
	}
	looks := 0
	if _, err := isa.DecodeUntil(code, func() bool { looks++; return false }); err != nil || looks < 20 {
		t.Errorf("%d looks, %v", looks, err)
	}
	n := 0
	if _, err := isa.DecodeUntil(code, func() bool { n++; return n == 3 }); !errors.Is(err, isa.ErrStopped) || n != 3 {
		t.Errorf("%d looks, %v", n, err)
	}
}
