package verifier

import "testing"

// TestTakeOver checks from which instructions the run that goes on behind failures takes
// the states of the verdict's run.
func TestTakeOver(t *testing.T) {
	for _, test := range []struct {
		name, code string
		taken, not []int // slots
	}{
		{"what the failing way knows is known on the other one", `
			r2 = *(u32 *)(r1 + 24)
			r1 = *(u64 *)(r1 + 0)
			r3 = 0
			if r2 == 7 goto <out>
			r3 = 0
			r0 = *(u8 *)(r1 + 23)
			r0 = 0
			r1 = 0
			r2 = 0
			goto <end>
			out:
			r0 = 0
			r1 = 0
			r2 = 0
			end:
			r3 += 1
			if r3 == 2 goto <more>
			more:
			r0 = 0
			exit`,
			[]int{0, 10, 16}, []int{5}},
		{"the failing way knows something else", `
			r2 = *(u32 *)(r1 + 24)
			r1 = *(u64 *)(r1 + 0)
			r3 = 0
			if r2 == 7 goto <out>
			r3 = 5
			r0 = *(u8 *)(r1 + 23)
			r0 = 0
			r1 = 0
			r2 = 0
			goto <end>
			out:
			r0 = 0
			r1 = 0
			r2 = 0
			end:
			r3 += 1
			r0 = r3
			exit`,
			[]int{0, 10}, []int{5, 13}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := sliceable(t, test.code).analysis
			on := a.behind()
			if on == a.run {
				t.Fatal("nothing failed")
			}
			check := func(slots []int, want bool) {
				for _, s := range slots {
					for _, id := range a.nodes(s) {
						if on.taken[id] != want {
							t.Errorf("slot %d: taken %v, want %v", s, !want, want)
						}
					}
				}
			}
			check(test.taken, true)
			check(test.not, false)
		})
	}
}
