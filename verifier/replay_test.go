package verifier_test

import (
	"slices"
	"sync"
	"testing"

	"bpfls/verifier"
)

// TestGoOnBehindFailures checks what is reported of a program beyond the failure
// that gives the verdict.
func TestGoOnBehindFailures(t *testing.T) {
	type finding struct {
		slot    int
		text    string
		message string
		root    int // index of the finding that it follows from, -1 none
	}
	for _, test := range []struct {
		object, section, function string
		want                      []finding
	}{
		// Three arguments of one call are wrong. That the sizes of key and value are not
		// known follows from the first of them.
		{"netsh/helpers.o", "bind", "func", []finding{
			{4, "r1.type == map_fd", "Invalid type", -1},
			{4, "r2.type in {stack, packet, shared}", "Invalid type", -1},
			{4, "within(r2:key_size(r1))", "Map key size is not singleton", 0},
			{4, "r3.type in {stack, packet, shared}", "Invalid type", -1},
			{4, "within(r3:value_size(r1))", "Map value size is not singleton", 0},
		}},
		// The store through the pointer is the load's failure again: it is taken for
		// granted once.
		{"netsh/legacy_map.o", "bind", "count", []finding{
			{7, "valid_access(r0.offset, width=8) for read", "Possible null access", -1},
		}},
		{"netsh/bounds.o", "xdp", "reads_too_far", []finding{
			{7, "valid_access(r1.offset+23, width=1) for read", "Upper bound must be at most packet_size", -1},
		}},
	} {
		t.Run(test.object+" "+test.function, func(t *testing.T) {
			res := windowsProgram(t, shared(t, test.object), test.section, test.function, "", verifier.Options{})
			var got []finding
			var at []verifier.Root
			for slot := range res.Instructions * 2 {
				for _, p := range res.Points(slot) {
					for i, c := range res.Checks(p) {
						if c.Proven || c.Unreachable {
							continue
						}
						f := finding{slot, c.Check.Text, c.Message, -1}
						if c.Root != nil {
							f.root = slices.IndexFunc(at, func(r verifier.Root) bool {
								return r.Check == c.Root.Check && r.Point.Slot == c.Root.Point.Slot
							})
						}
						got = append(got, f)
						at = append(at, verifier.Root{Point: p, Check: i})
					}
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got  %v\nwant %v", got, test.want)
			}
		})
	}
}

// TestReplay reads states of a program, from several goroutines at once.
func TestReplay(t *testing.T) {
	res := windowsProgram(t, shared(t, "netsh/bounds.o"), "xdp", "reads_too_far", "", verifier.Options{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			p := verifier.Point{Slot: 7}
			before, after := res.Before(p), res.After(p)
			if got := before.Register(1); got.Types != verifier.TypePacket || got.Offset != (verifier.Range{}) {
				t.Errorf("r1 before the read: %+v", got)
			}
			if got := before.PacketSize(); got.Lo != 14 || !got.HiInf {
				t.Errorf("packet size before the read: %+v", got)
			}
			// Behind the read it is taken for granted that it was in bounds.
			if got := after.PacketSize(); got.Lo != 24 {
				t.Errorf("packet size behind the read: %+v", got)
			}
			if got := after.Register(0); got.Types != verifier.TypeNumber || got.Unsigned.Hi != 255 {
				t.Errorf("r0 behind the read: %+v", got)
			}
			if got := before.Difference(3, 1); got.Lo != 14 || got.Hi != 14 {
				t.Errorf("r3 - r1 before the read: %+v", got)
			}
			if res.AtFailure(0).Strings()[0] != "r0.type=number" {
				t.Errorf("the state at the failure: %v", res.AtFailure(0).Strings())
			}
			if !res.Before(verifier.Point{Slot: 1000}).Bottom() {
				t.Error("a state of no instruction")
			}
		})
	}
	wg.Wait()
}

// TestAssume takes the failing check of a program for granted, or something that it
// follows from: nothing else fails.
func TestAssume(t *testing.T) {
	path := shared(t, "netsh/bounds.o")
	longer := func(n int64) *verifier.Premise { // the packet has at least n bytes
		return &verifier.Premise{B: verifier.Term{Kind: verifier.TermPacketSize}, C: -n}
	}
	for _, test := range []struct {
		assume []verifier.Assumption
		want   verifier.Verdict
	}{
		{nil, verifier.Fail},
		{[]verifier.Assumption{{Slot: 7, Check: 0}}, verifier.Fail}, // is proven anyway
		{[]verifier.Assumption{{Slot: 7, Check: 1}}, verifier.Pass},
		{[]verifier.Assumption{{Slot: 7, Premise: longer(24)}}, verifier.Pass},
		{[]verifier.Assumption{{Slot: 0, Premise: longer(24)}}, verifier.Pass},
		{[]verifier.Assumption{{Slot: 0, Premise: longer(23)}}, verifier.Fail},
		{[]verifier.Assumption{{Slot: 5, Branch: verifier.Taken}}, verifier.Pass}, // the access is not reached
		{[]verifier.Assumption{{Slot: 5, Branch: verifier.NotTaken}}, verifier.Fail},
		{[]verifier.Assumption{{Slot: 7, Premise: &verifier.Premise{A: verifier.Term{Reg: 1}, Types: verifier.TypeStack}}}, verifier.Fail},
	} {
		res := windowsProgram(t, path, "xdp", "reads_too_far", "", verifier.Options{Assume: test.assume})
		if res.Verdict != test.want {
			t.Errorf("assuming %v: %v, want %v", test.assume, res.Verdict, test.want)
		}
		if st := res.After(verifier.Point{Slot: 7}); test.want == verifier.Pass && !st.Bottom() && st.PacketSize().Lo != 24 {
			t.Errorf("packet size behind the read: %+v", st.PacketSize())
		}
	}
}
