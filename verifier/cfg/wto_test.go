package cfg

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// adjacency makes the successor arrays of a graph.
func adjacency(edges [][]NodeID) (succAt []int32, succ []NodeID, work func(int) bool) {
	succAt = append(succAt, 0)
	for _, list := range edges {
		succ = append(succ, list...)
		succAt = append(succAt, int32(len(succ)))
	}
	return succAt, succ, func(int) bool { return false }
}

// String writes the order as Bourdoncle does: "1 2 (3 4 (5 6) 7) 8".
func (w *WTO) String() string {
	var b strings.Builder
	var ends []int32
	cycle := 0
	for i, v := range w.Order {
		for len(ends) > 0 && ends[len(ends)-1] == int32(i) {
			b.WriteByte(')')
			ends = ends[:len(ends)-1]
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		if cycle < len(w.Cycles) && w.Cycles[cycle].Begin == int32(i) {
			b.WriteByte('(')
			ends = append(ends, w.Cycles[cycle].End)
			cycle++
		}
		fmt.Fprint(&b, v)
	}
	return b.String() + strings.Repeat(")", len(ends))
}

func TestWTO(t *testing.T) {
	for _, test := range []struct {
		name  string
		edges [][]NodeID
		want  string
	}{
		{"one node", [][]NodeID{{}}, "0"},
		{"branch and join", [][]NodeID{{1, 2}, {3}, {3}, {}}, "0 2 1 3"},
		{"unreachable nodes are left out", [][]NodeID{{2}, {2}, {}}, "0 2"},
		{"self loop", [][]NodeID{{1}, {1, 2}, {}}, "0 (1) 2"},
		{"the entry is a head", [][]NodeID{{1}, {0}}, "(0 1)"},
		{"two heads", [][]NodeID{{1, 2}, {2}, {1, 3}, {}}, "0 (1 2) 3"},
		{"nested", [][]NodeID{{1}, {2}, {2, 3}, {1, 4}, {}}, "0 (1 (2) 3) 4"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, r := newWTO(adjacency(test.edges))
			if r != nil {
				t.Fatal(r)
			}
			if got := w.String(); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// The example of section 3.1 of Bourdoncle's paper, with its numbers.
func TestWTOPaper(t *testing.T) {
	w, _ := newWTO(adjacency([][]NodeID{{1}, {2}, {3, 8}, {4}, {5, 7}, {6}, {5, 7}, {3, 8}, {}}))
	if got, want := w.String(), "0 1 2 (3 4 (5 6) 7) 8"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, test := range []struct {
		a, b NodeID
		want bool
	}{
		{5, 3, true},  // in the cycle of 3, which has no cycle around it
		{3, 3, false}, // a head is a member of the cycle around its own
		{6, 5, true},
		{7, 5, false},
		{7, 3, true},
		{2, 3, false},
		{6, 8, true},
	} {
		if got := w.Deeper(test.a, test.b); got != test.want {
			t.Errorf("Deeper(%d, %d) = %v", test.a, test.b, got)
		}
	}
	for id, want := range []NodeID{0, 1, 2, 3, 3, 3, 3, 3, 8} {
		if got := w.Outermost(NodeID(id)); got != want {
			t.Errorf("Outermost(%d) = %d, want %d", id, got, want)
		}
	}
}

// Every edge leads forward, out of or within the cycles around its start, or to
// the head of a cycle around its start (definition 2 of the paper); cycles are
// strongly connected, nested and listed in order.
func TestWTOIsWeakTopologicalOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 24).Draw(t, "nodes")
		edges := make([][]NodeID, n)
		for i := range edges {
			seen := make(map[NodeID]bool)
			for _, s := range rapid.SliceOfN(rapid.Int32Range(0, int32(n-1)), 0, 3).Draw(t, "successors") {
				seen[s] = true
			}
			for s := range NodeID(n) {
				if seen[s] {
					edges[i] = append(edges[i], s)
				}
			}
		}
		w, r := newWTO(adjacency(edges))
		if r != nil {
			t.Fatal(r)
		}
		checkWTO(t, edges, w)
	})
}

func checkWTO(t interface{ Fatalf(string, ...any) }, edges [][]NodeID, w *WTO) {
	reached := reach(edges, 0, func(NodeID) bool { return true })
	for id := range NodeID(len(edges)) {
		if reached[id] != (w.Position[id] >= 0) {
			t.Fatalf("node %d: reachable %v, position %d in %s", id, reached[id], w.Position[id], w)
		}
	}
	for i, v := range w.Order {
		if w.Position[v] != int32(i) {
			t.Fatalf("node %d is at %d, not at %d", v, i, w.Position[v])
		}
	}
	inside := func(id NodeID, c *Cycle) bool { return c.Begin <= w.Position[id] && w.Position[id] < c.End }
	for i := range w.Cycles {
		c := &w.Cycles[i]
		if w.Order[c.Begin] != c.Head || c.End <= c.Begin {
			t.Fatalf("cycle %d: %+v in %s", i, *c, w)
		}
		if p := c.Parent; p >= 0 && (p >= int32(i) || w.Cycles[p].Begin >= c.Begin || w.Cycles[p].End < c.End || w.Cycles[p].Depth+1 != c.Depth) {
			t.Fatalf("cycle %d is not nested in its parent: %+v in %s", i, *c, w)
		}
		for k := i + 1; k < len(w.Cycles); k++ {
			if nested := w.Cycles[k].Begin < c.End; nested != (int32(k) < c.Next) {
				t.Fatalf("cycle %d: next %d, but cycle %d nested: %v in %s", i, c.Next, k, nested, w)
			}
		}
		// Strongly connected without the heads of the cycles around it.
		member := func(id NodeID) bool { return w.Position[id] >= 0 && inside(id, c) }
		from := reach(edges, c.Head, member)
		for _, v := range w.Order[c.Begin:c.End] {
			if !from[v] || !reachesBack(edges, v, c.Head, member) {
				t.Fatalf("cycle %d of %s is not strongly connected at %d", i, w, v)
			}
		}
	}
	for id := range NodeID(len(edges)) {
		if w.Position[id] < 0 {
			continue
		}
		innermost := int32(-1)
		for i := range w.Cycles {
			if c := &w.Cycles[i]; inside(id, c) && c.Head != id {
				innermost = int32(i)
			}
		}
		if w.Component[id] != innermost {
			t.Fatalf("node %d: component %d, want %d in %s", id, w.Component[id], innermost, w)
		}
		for _, to := range edges[id] {
			back := false
			for i := range w.Cycles {
				back = back || w.Cycles[i].Head == to && inside(id, &w.Cycles[i])
			}
			if forward := w.Position[id] < w.Position[to]; forward == back {
				t.Fatalf("edge %d -> %d: forward %v, to a head around it %v in %s", id, to, forward, back, w)
			}
		}
	}
}

func reach(edges [][]NodeID, from NodeID, within func(NodeID) bool) []bool {
	seen := make([]bool, len(edges))
	seen[from] = true
	work := []NodeID{from}
	for len(work) > 0 {
		v := work[len(work)-1]
		work = work[:len(work)-1]
		for _, s := range edges[v] {
			if !seen[s] && within(s) {
				seen[s] = true
				work = append(work, s)
			}
		}
	}
	return seen
}

// reachesBack tells whether a path of at least one edge leads from one node to another.
func reachesBack(edges [][]NodeID, from, to NodeID, within func(NodeID) bool) bool {
	for _, s := range edges[from] {
		if within(s) && reach(edges, s, within)[to] {
			return true
		}
	}
	return false
}
