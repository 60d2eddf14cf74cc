package verifier_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"bpfls/isa"
	"bpfls/linuxhooks"
	"bpfls/verifier"
)

// linuxInput is an xdp program without maps.
func linuxInput(t testing.TB, code []isa.Slot) verifier.Input {
	t.Helper()
	p := linuxhooks.Platform()
	typ, ok := p.TypeByName("xdp")
	if !ok {
		t.Fatal("no program type xdp")
	}
	return verifier.Input{Code: code, Platform: p, Type: typ}
}

var (
	exit     = isa.Slot{Op: 0x95}
	returns0 = []isa.Slot{{Op: 0xb7}, exit}
)

// spills is a chain of functions that each fill their stack frame with copies of one
// byte, in words of 4 bytes.
func spills(functions int) []isa.Slot {
	const size = 127
	body := size + 3
	code := []isa.Slot{
		{Op: 0x85, Imm: 7},           // r0 = get_prandom_u32()
		{Op: 0xbf, Dst: 6, Src: 0},   // r6 = r0
		{Op: 0x57, Dst: 6, Imm: 255}, // r6 &= 255
	}
	for i := range functions {
		for k := range size {
			code = append(code, isa.Slot{Op: 0x63, Dst: 10, Src: 6, Off: int16(-4 * (k + 1))})
		}
		if i+1 < functions {
			code = append(code, isa.Slot{Op: 0x85, Src: 1, Imm: int32(body - size - 1)})
		} else {
			code = append(code, isa.Slot{Op: 0xb7})
		}
		code = append(code, isa.Slot{Op: 0xb7}, exit)
	}
	return code
}

// TestLimits: a program that is too much says so, in time.
func TestLimits(t *testing.T) {
	loop := []isa.Slot{
		{Op: 0xb7},                     // r0 = 0
		{Op: 0x07, Imm: 1},             // r0 += 1
		{Op: 0xa5, Off: -2, Imm: 1000}, // if r0 < 1000 goto -2
		exit,
	}
	for _, test := range []struct {
		name   string
		code   []isa.Slot
		limits verifier.Limits
		want   verifier.Verdict
		reason string
	}{
		{"none", loop, verifier.Limits{}, verifier.Pass, ""},
		{"visits", loop, verifier.Limits{Visits: 5}, verifier.Unknown, "more than 5 steps"},
		{"nodes", loop, verifier.Limits{Nodes: 3}, verifier.Unknown, "3 nodes"},
		{"copies of one value", spills(8), verifier.Limits{}, verifier.Unknown, "too many relations"},
		{"fewer copies", spills(2), verifier.Limits{}, verifier.Pass, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			res, err := verifier.Analyze(context.Background(), linuxInput(t, test.code), verifier.Options{Limits: test.limits})
			if err != nil {
				t.Fatal(err)
			}
			if res.Verdict != test.want || !strings.Contains(res.Reason, test.reason) {
				t.Errorf("%v: %q; want %v: %q", res.Verdict, res.Reason, test.want, test.reason)
			}
		})
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := verifier.Analyze(ctx, linuxInput(t, returns0), verifier.Options{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
}

func TestStackUse(t *testing.T) {
	call := isa.Slot{Op: 0x85, Src: 1, Imm: 2} // f, behind two more instructions
	for _, test := range []struct {
		name string
		code []isa.Slot
		want int
	}{
		{"none", returns0, 0},
		{"a store", append([]isa.Slot{{Op: 0x7a, Dst: 10, Off: -16}}, returns0...), 16},
		{"a byte", append([]isa.Slot{{Op: 0x72, Dst: 10, Off: -17}}, returns0...), 24},
		{"a pointer", append([]isa.Slot{{Op: 0xbf, Dst: 2, Src: 10}, {Op: 0x07, Dst: 2, Imm: -40}}, returns0...), 40},
		{"a call", []isa.Slot{{Op: 0x7a, Dst: 10, Off: -16}, call, {Op: 0xb7}, exit, {Op: 0x7a, Dst: 10, Off: -8}, {Op: 0xb7}, exit}, 24},
	} {
		res, err := verifier.Analyze(context.Background(), linuxInput(t, test.code), verifier.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if res.Stack != test.want || res.Verdict != verifier.Pass {
			t.Errorf("%s: %v with %d bytes of stack, want %d", test.name, res.Verdict, res.Stack, test.want)
		}
	}
}
