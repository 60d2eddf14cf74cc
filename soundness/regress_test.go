package soundness

import (
	"encoding/binary"
	"strings"
	"testing"

	"bpfls/isa"
	"bpfls/linuxhooks"
	"bpfls/verifier"
	"bpfls/winhooks"
)

// found are programs, cut down, in which these tests found something wrong once. Where
// PREVAIL was wrong too its verdict stays bpfls's, and the run must show that very
// unsoundness and no other (docs/fidelity.md).
var found = []struct {
	name    string
	typ     string // a program type of Linux, or windows/ and one
	big     bool   // on a big-endian machine
	asm     string
	verdict verifier.Verdict
	hole    int
}{
	// Mended, in the verifier, the machine, or the comparison of their states.
	{"callx of a helper that restricts the type of its map made the verifier panic", "sched_cls", false, `
		mov %r7, 25            # perf_event_output
		lddw %r2, map 1
		mov %r3, 0
		stdw [%r10-8], 0
		mov %r4, %r10
		add %r4, -8
		mov %r5, 8
		call %r7
		mov %r0, 0
		exit`, verifier.Fail, noHole},
	{"behind a failed check of a divisor it was taken for nonzero in runs that divide by zero", "windows/xdp", false, `
		call 6                 # get_prandom_u32
		and %r0, 1
		mov %r2, 5
		div %r2, %r0
		exit`, verifier.Fail, noHole},
	{"the sum of what may be anything was said to be a number", "xdp", false, `
		mov %r6, %r1
		call 7
		jset %r0, 1, odd
		stxdw [%r10-8], %r6
		stdw [%r10-16], 3
		ja sum
	odd:
		stxdw [%r10-16], %r6
		stdw [%r10-8], 3
	sum:
		ldxdw %r0, [%r10-8]
		ldxdw %r2, [%r10-16]
		add %r0, %r2
		mov %r3, 0
		mov %r0, 0
		exit`, verifier.Fail, noHole},
	{"a store of anything through anything was taken for one of a number", "xdp", false, `
		mov %r6, %r1
		stdw [%r10-24], 1
		mov %r2, %r10
		add %r2, -24
		lddw %r1, map 1
		call 1                 # lookup
		jeq %r0, 0, out
		mov %r8, %r0
		mov %r3, 5
		call 7
		jset %r0, 1, odd
		mov %r8, %r10
		add %r8, -8
		ja store
	odd:
		mov %r6, 5
	store:
		stxdw [%r8], %r6
		mov %r3, %r6
	out:
		mov %r0, 0
		exit`, verifier.Fail, noHole},
	{"a type through which an access could not be proven was given up though it may hold", "xdp", false, `
		mov %r6, %r1
		ldxw %r7, [%r6]
		ldxw %r8, [%r6+4]
		stdw [%r10-8], 1
		mov %r2, %r10
		add %r2, -8
		lddw %r1, map 1
		call 1                 # lookup
		jeq %r0, 0, out
		mov %r9, %r0
		call 7
		jset %r0, 1, join
		mov %r9, %r7
	join:
		ldxh %r1, [%r9+15]     # may end behind the packet
		mov %r2, %r9
	out:
		mov %r0, 0
		exit`, verifier.Fail, noHole},
	{"what was said of the number that a register may be was said of the pointer too", "xdp", false, `
		mov %r6, %r1
		call 7
		mov %r7, 20
		jset %r0, 1, join
		mov %r7, %r6
	join:
		mov %r0, %r7
		add %r0, 5
		ldxb %r1, [%r7+12]
		mov %r1, %r0
		mov %r0, 0
		exit`, verifier.Fail, noHole},
	{"a part of a pointer of the context was loaded as a number by the machine", "windows/xdp", false, `
		ldxw %r0, [%r1+6]
		exit`, verifier.Fail, noHole},
	{"a part of a pointer on the stack was loaded as a number by the machine", "xdp", false, `
		stxdw [%r10-8], %r1
		ldxw %r0, [%r10-8]
		exit`, verifier.Fail, noHole},
	{"an offset beyond 63 bits is a small one when the program runs", "xdp", false, `
		lddw %r2, 0x8000000000000000
		mov %r4, %r1
		sub %r4, %r2
		mov %r0, 0
		mov %r0, 0
		exit`, verifier.Pass, noHole},
	{"the type of a cell outlives a part of it that a helper overwrites", "xdp", false, `
		stxdw [%r10-8], %r1
		mov %r1, %r10
		add %r1, -16
		mov %r2, 9
		mov %r3, 0
		call 4                 # probe_read
		mov %r0, 0
		exit`, verifier.Pass, noHole},
	{"a number added to a spilled pointer leaves one", "xdp", false, `
		stxdw [%r10-8], %r1
		mov %r2, 1
		lock add [%r10-8], %r2
		ldxdw %r3, [%r10-8]
		mov %r0, 0
		exit`, verifier.Pass, noHole},
	{"pointers to a packet that was moved point nowhere", "xdp", false, `
		mov %r6, %r1
		ldxw %r7, [%r6]
		ldxw %r8, [%r6+4]
		mov %r2, 0
		call 44                # xdp_adjust_head
		mov %r3, %r7
		mov %r0, 0
		exit`, verifier.Pass, noHole},
	{"be16 swaps on little-endian machines", "xdp", false, `
		mov %r0, 0x1234
		be16 %r0
		jeq %r0, 0x3412, good
		ldxdw %r0, [%r0]
	good:
		exit`, verifier.Pass, noHole},
	{"be16 does not swap on big-endian machines", "xdp", true, `
		mov %r0, 0x1234
		be16 %r0
		jeq %r0, 0x1234, good
		ldxdw %r0, [%r0]
	good:
		exit`, verifier.Pass, noHole},
	{"the first byte of a number is its highest one on big-endian machines", "xdp", true, `
		stdw [%r10-8], 0x01020304
		ldxb %r0, [%r10-5]
		ldxh %r2, [%r10-2]
		jne %r0, 0, bad
		jeq %r2, 0x0304, good
	bad:
		ldxdw %r0, [%r0]
	good:
		exit`, verifier.Pass, noHole},
	{"behind a failure a pointer that is only compared was said not to be null", "xdp", false, `
		stdw [%r10-8], 5
		lddw %r1, map 1
		mov %r2, %r10
		add %r2, -8
	again:
		call 1                 # lookup; fails when it is called again
		jeq %r0, 0, again
		mov %r0, 0
		exit`, verifier.Fail, noHole},
	{"behind a failure only the first demand of a helper called through a register was assumed", "sched_cls", false, `
		mov %r6, %r1
		stdw [%r10-8], 5
		call 7
		jset %r0, 1, odd
		mov %r1, %r10
		add %r1, -8
		mov %r2, 8
	odd:                       # r1 is the context or unset, and r2 and r3 are unset
		mov %r7, 4             # probe_read
		mov %r3, 0
		jset %r0, 1, call
	call:
		call %r7
		ldxdw %r3, [%r10-8]
		mov %r0, 0
		exit`, verifier.Fail, noHole},
	{"behind a failure a loop's states were met though one speaks of a number, the other of a pointer", "windows/xdp", false, `
		call 6                 # get_prandom_u32
		or %r0, 1
		mov %r3, 7
		div %r3, %r0           # fails, but holds
		mov %r2, %r10
		add %r2, -31
		mov %r9, 0
	loop:
		mov %r2, %r9
		and %r2, 1023
		add %r2, 5
		mov %r4, %r2
		and %r4, 63
		add %r4, -2
		jsgt32 %r2, %r4, number
		mov %r4, %r10
		add %r4, -96
		mov %r2, %r4
		add %r2, 8
		sub %r2, 8
	number:
		add %r9, 1
		jlt %r9, 15, loop
		mov %r0, 0
		exit`, verifier.Fail, noHole},

	// PREVAIL's own, as numbered in docs/fidelity.md.
	{"1: what may be a number or a pointer, compared with a constant", "xdp", false, `
		mov %r7, 0
		ldxw %r8, [%r1]
		ldxw %r2, [%r1+12]
		jeq %r2, 0, join
		mov %r7, %r8
	join:
		jeq %r7, 0, out
		ldxb %r0, [%r7+5000]
	out:
		mov %r0, 0
		exit`, verifier.Pass, mixedCompare},
	{"2: a null pointer that was moved", "xdp", false, `
		stdw [%r10-8], 1
		mov %r2, %r10
		add %r2, -8
		lddw %r1, map 1
		call 1
		add %r0, 3
		ldxb %r0, [%r0]
		exit`, verifier.Pass, movedNull},
	{"3: an atomic operation at a displacement", "xdp", false, `
		stxdw [%r10-8], %r1
		stdw [%r10-16], 0
		stdw [%r10-24], 0
		mov %r2, %r10
		add %r2, -24
		mov %r3, 0
		lock fetch add [%r2+16], %r3
		mov %r0, 0
		exit`, verifier.Pass, displacedLoad},
	{"4: comparisons in privileged programs", "kprobe", false, `
		mov %r3, %r10
		jeq %r1, %r3, out
		ldxdw %r0, [%r1+5000]
	out:
		mov %r0, 0
		exit`, verifier.Pass, privilegedCompare},
	{"5: a key that ends behind the stack", "xdp", false, `
		stdw [%r10-8], 0
		mov %r2, %r10
		add %r2, -5
		lddw %r1, map 1
		call 1
		mov %r0, 0
		exit`, verifier.Pass, beyondStack},
	{"6: a store through a pointer to the stack or elsewhere", "xdp", false, `
		stdw [%r10-32], 1
		mov %r2, %r10
		add %r2, -32
		lddw %r1, map 1
		call 1
		jeq %r0, 0, out
		mov %r8, %r0
		call 7
		jset %r0, 1, join
		mov %r8, %r10
		add %r8, -16
	join:
		stdw [%r8], 1
		mov %r2, %r10
		add %r2, -16
		lddw %r1, map 1
		call 1
	out:
		mov %r0, 0
		exit`, verifier.Pass, mixedStore},
	{"7: a relation in a loop that a step made which is impossible", "xdp", false, `
		mov %r6, %r1
		mov %r9, 0
	loop:
		mov %r0, 0
		call 7
		jgt32 %r9, 0x40000000, never
		mov %r1, %r10
		mov %r7, %r10
		ja join
	never:
		mov %r1, 0x7ffffffe
		mov %r7, 0x7ffffffe
	join:
		add %r1, 1
		add %r9, 1
		jlt %r9, 10, loop
		mov %r0, 0
		exit`, verifier.Pass, unionInLoop},
	{"8: an unset register, stored at an offset in a range", "xdp", false, `
		call 7
		mov %r7, %r0
		stdw [%r10-8], 0
		stdw [%r10-16], 0
		stdw [%r10-24], 0
		and %r7, 1
		mov %r3, %r10
		add %r3, %r7
		add %r3, -24
		stxdw [%r3], %r4
		ldxdw %r0, [%r10-16]
		exit`, verifier.Pass, unsetStore},
	{"9: a loop whose states contradict each other in values of types that they exclude", "xdp", false, `
		mov %r6, %r1
		ldxw %r7, [%r6]
		ldxw %r8, [%r6+4]
		mov %r5, %r7
		add %r5, 18
		jle %r5, %r8, go
		mov %r0, 2
		exit
	go:
		mov %r9, 0
	loop:
		lddw %r2, -8463617409096351712
		sub %r2, -2
		jne %r9, 64, other
		mov %r5, %r2
		mov %r8, %r2
		ja join
	other:
		mov %r5, %r6
		mov %r8, %r6
	join:
		add %r5, 1
		add %r9, 1
		jlt %r9, 19, loop
		ldxdw %r1, [%r7+5000]
		mov %r0, 0
		exit`, verifier.Pass, wrongMeet},
	{"10: a packet load at an index that was never set", "sched_cls", false, `
		mov %r6, %r1
		ldindb %r3, 0
		exit`, verifier.Pass, legacyIndex},
	{"11: a compare-and-exchange outside of the stack with a pointer in r0", "xdp", false, `
		mov %r6, %r1
		ldxw %r7, [%r6]
		ldxw %r8, [%r6+4]
		mov %r2, %r7
		add %r2, 8
		jgt %r2, %r8, out
		mov %r0, %r7
		mov %r2, 1
		lock cmpxchg [%r7], %r2
		mov %r3, %r0
	out:
		mov %r0, 0
		exit`, verifier.Pass, exchangeType},
	{"numbers that a helper wrote over a spilled pointer", "xdp", false, `
		mov %r6, %r1
		ldxw %r7, [%r6]
		stxdw [%r10-8], %r7
		call 7
		jset %r0, 1, join
		mov %r1, %r10
		add %r1, -8
		mov %r2, 8
		mov %r3, 0
		call 4                 # probe_read
	join:
		ldxdw %r3, [%r10-8]
		mov %r0, 0
		exit`, verifier.Pass, helperOverPointer},
}

// TestFound runs what was found once.
func TestFound(t *testing.T) {
	win, lin := winhooks.Platform().Clone(), linuxhooks.Platform().Clone()
	win.Options.NoDivisionByZero = true
	lin.Options.CallX = true
	for _, test := range found {
		t.Run(test.name, func(t *testing.T) {
			name, p := test.typ, lin
			if n, ok := strings.CutPrefix(name, "windows/"); ok {
				name, p = n, win
			}
			typ, ok := p.TypeByName(name)
			if !ok {
				t.Fatalf("there is no program type %s", name)
			}
			code, err := Assemble(test.asm)
			if err != nil {
				t.Fatal(err)
			}
			insts, err := isa.Decode(code)
			if err != nil {
				t.Fatal(err)
			}
			program := Program{Code: code, Maps: Maps(1, 2), Type: typ, BigEndian: test.big}
			r, err := newResult(program, p, verifier.Options{Termination: verifier.Off})
			if err != nil {
				t.Fatal(err)
			}
			if r.Verdict != test.verdict {
				t.Fatalf("verdict %s %v, want %s", r.Verdict, r.Failures, test.verdict)
			}
			s := newSubject(insts, program.Maps, p, typ, r)
			if test.big {
				s.order = binary.BigEndian
			}
			for i := range uint64(200) {
				if _, err := s.run(input(i, typ), 1000, nil); err != nil {
					t.Fatalf("input %d: %v\n%s", i, err, listing(insts))
				}
			}
			for i, n := range s.holes {
				if (n > 0) != (i == test.hole) {
					t.Errorf("%d runs through: %s", n, holeNames[i])
				}
			}
		})
	}
}

func listing(insts []isa.Inst) string {
	var b strings.Builder
	for i := range insts {
		if insts[i].Slots > 0 {
			b.WriteString(isa.Text(&insts[i], nil) + "\n")
		}
	}
	return b.String()
}
