package verifier_test

import (
	"context"
	"errors"
	"math"
	"slices"
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

// meeting puts a conditional copy of r6 in front of the last two instructions.
func meeting(code []isa.Slot) []isa.Slot {
	return slices.Insert(code, len(code)-2,
		isa.Slot{Op: 0x25, Dst: 6, Off: 1, Imm: 3}, // if r6 > 3 goto +1
		isa.Slot{Op: 0xbf, Dst: 8, Src: 6})         // r8 = r6
}

// creeping is a program whose analysis does not end where termination is checked: at
// the head of the inner loop its count is bounded by way of the address in r2, and
// every widening finds that bound a little higher. PREVAIL does not end either.
var creeping = []isa.Slot{
	{Op: 0x61, Dst: 4, Src: 1, Off: 4},  //  0: r4 = *(u32 *)(r1 + 4)
	{Op: 0x61, Dst: 3, Src: 1},          //  1: r3 = *(u32 *)(r1 + 0)
	{Op: 0xbf, Dst: 5, Src: 3},          //  2: r5 = r3
	{Op: 0x07, Dst: 5, Imm: 29},         //  3: r5 += 29
	{Op: 0x2d, Dst: 5, Src: 4, Off: 2},  //  4: if r5 > r4 goto 7
	{Op: 0x61, Dst: 2, Src: 3, Off: 25}, //  5: r2 = *(u32 *)(r3 + 25)
	{Op: 0x85, Src: 1},                  //  6: call 7
	{Op: 0xbf, Dst: 7, Src: 2},          //  7: r7 = r2
	{Op: 0xbf, Dst: 4, Src: 7},          //  8: r4 = r7
	{Op: 0x57, Dst: 4, Imm: 7},          //  9: r4 &= 7
	{Op: 0xbf, Dst: 2, Src: 1},          // 10: r2 = r1
	{Op: 0x0f, Dst: 2, Src: 4},          // 11: r2 += r4
	{Op: 0xbf, Dst: 3, Src: 7},          // 12: r3 = r7
	{Op: 0x57, Dst: 3, Imm: 10},         // 13: r3 &= 10
	{Op: 0xae, Dst: 4, Src: 3, Off: -1}, // 14: if w4 < w3 goto 14
	{Op: 0x15, Dst: 3, Off: -1},         // 15: if r3 == 0 goto 15
	exit,
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
		{"edges", spills(1), verifier.Limits{Edges: 100}, verifier.Unknown, "more than 100 relations"},
		{"bytes", loop, verifier.Limits{Bytes: 1000}, verifier.Unknown, "more than 1000 bytes"},
		{"nodes", loop, verifier.Limits{Nodes: 3}, verifier.Unknown, "3 nodes"},
		{"copies of one value", spills(8), verifier.Limits{Edges: 5000}, verifier.Pass, ""},
		{"edges where ways meet", meeting(spills(1)), verifier.Limits{Edges: 5000}, verifier.Unknown, "more than 5000 relations"},
		{"not too many edges where ways meet", meeting(spills(1)), verifier.Limits{}, verifier.Pass, ""},
		{"a bound that grows", creeping, verifier.Limits{}, verifier.Unknown, "the loop at 6/15 does not come to rest"},
		{"fewer copies", spills(2), verifier.Limits{}, verifier.Pass, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			res, err := verifier.Analyze(context.Background(), linuxInput(t, test.code), verifier.Options{Termination: verifier.On, Limits: test.limits})
			if err != nil {
				t.Fatal(err)
			}
			if res.Verdict != test.want || !strings.Contains(res.Reason, test.reason) {
				t.Errorf("%v: %q; want %v: %q", res.Verdict, res.Reason, test.want, test.reason)
			}
		})
	}
}

// TestNarrowingError: PREVAIL negates the constant of a subtraction and adds that as an
// int. For the least one it stops with a conversion error where it gets there.
func TestNarrowingError(t *testing.T) {
	mov := isa.Slot{Op: 0xb7, Dst: 1, Imm: 5}
	for _, test := range []struct {
		name string
		code []isa.Slot
		want verifier.Verdict
		at   int
	}{
		{"64 bits", append([]isa.Slot{mov, {Op: 0x17, Dst: 1, Imm: math.MinInt32}}, returns0...), verifier.Rejected, 1},
		{"32 bits", append([]isa.Slot{mov, {Op: 0x14, Dst: 1, Imm: math.MinInt32}}, returns0...), verifier.Rejected, 1},
		{"the least constant but one", append([]isa.Slot{mov, {Op: 0x17, Dst: 1, Imm: math.MinInt32 + 1}}, returns0...), verifier.Pass, -1},
		{"an addition", append([]isa.Slot{mov, {Op: 0x07, Dst: 1, Imm: math.MinInt32}}, returns0...), verifier.Pass, -1},
		{"not reached", append([]isa.Slot{mov, {Op: 0x15, Dst: 1, Off: 1, Imm: 5}, {Op: 0x17, Dst: 1, Imm: math.MinInt32}}, returns0...), verifier.Pass, -1},
	} {
		res, err := verifier.Analyze(context.Background(), linuxInput(t, test.code), verifier.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if res.Verdict != test.want || res.At != test.at || (test.want == verifier.Rejected) != (res.Reason == "narrowing_error") {
			t.Errorf("%s: %v at %d: %q, want %v at %d", test.name, res.Verdict, res.At, res.Reason, test.want, test.at)
		}
	}
}

// TestShiftOfNoWord: relations can leave an unsigned value with bounds that no machine
// word has; where such a value is shifted left PREVAIL stops with a conversion error.
func TestShiftOfNoWord(t *testing.T) {
	code := []isa.Slot{
		{Op: 0x61, Dst: 1, Src: 1, Off: 12},
		{Op: 0xbc, Dst: 2, Src: 1},
		{Op: 0xb4, Dst: 8, Imm: 0x1000},
		{Op: 0x6c, Dst: 8, Src: 2}, // w8 <<= w2
		{Op: 0xb7, Dst: 7},
		{Op: 0xbf, Dst: 1, Src: 7},
		{Op: 0xbf, Dst: 0, Src: 1},
		{Op: 0x67, Dst: 0, Imm: 1}, // r0 <<= 1
		{Op: 0xbf, Dst: 1, Src: 8},
		{Op: 0x0f, Dst: 7, Src: 1},
		{Op: 0xa5, Dst: 7, Off: -6, Imm: 8}, // if r7 < 8
		{Op: 0x05, Off: -8},
		exit,
	}
	res, err := verifier.Analyze(context.Background(), linuxInput(t, code), verifier.Options{Termination: verifier.On})
	if err != nil {
		t.Fatal(err)
	}
	if want := "Number -4294967295 does not fit"; res.Verdict != verifier.Rejected || res.At != 7 || res.Reason != want {
		t.Errorf("%v at %d: %q, want %v at 7: %q", res.Verdict, res.At, res.Reason, verifier.Rejected, want)
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
