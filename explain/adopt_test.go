package explain

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Whatever checks follow from, one of each group is told of.
func TestAdopt(t *testing.T) {
	const none = -1
	for _, c := range []struct {
		name string
		root map[int]int // by slot, in this order: 0, 1, 2, ...
		want []int
	}{
		{"a root and what follows", map[int]int{0: none, 1: 0, 2: 1}, []int{none, 0, 1}},
		{"what follows stands first", map[int]int{0: 2, 1: 2, 2: none}, []int{2, 2, none}},
		{"the root is proven in the end", map[int]int{0: 9, 1: 9, 2: 9}, []int{none, 0, 0}},
		{"of two of them", map[int]int{0: 9, 1: 8, 2: 9, 3: 8}, []int{none, none, 0, 1}},
		{"through another", map[int]int{0: 1, 1: 9, 2: 9}, []int{none, 0, 0}},
		{"from itself, in a circle", map[int]int{0: 1, 1: 2, 2: 0, 3: 1}, []int{none, 2, 0, 1}},
		{"from a circle", map[int]int{0: 1, 1: 2, 2: 1}, []int{none, none, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var all []unproven
			for slot := range len(c.root) {
				u := unproven{id: checkID{slot: slot}}
				if root := c.root[slot]; root != none {
					u.root = &checkID{slot: root}
				}
				all = append(all, u)
			}
			adopt(all)
			var got []int
			for _, u := range all {
				if u.root == nil {
					got = append(got, none)
				} else {
					got = append(got, u.root.slot)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("roots (-want +got)\n%s", diff)
			}
		})
	}
}
