package verifier

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"bpfls/verifier/zone"
)

const testStack = 128

// drawStack draws an element of the stack domain by running random operations
// from top.
func drawStack(t *rapid.T, label string) *stack {
	var s stack
	s.reset(testStack)
	for range rapid.IntRange(0, 10).Draw(t, label+".ops") {
		lo := rapid.IntRange(0, testStack-1).Draw(t, "lo")
		n := rapid.IntRange(1, 70).Draw(t, "n")
		if rapid.Bool().Draw(t, "cell") {
			size := 1 << rapid.IntRange(0, 3).Draw(t, "size")
			if lo+size <= testStack {
				// The location of a cell is a function of its bytes.
				s.insert(lo, size, zone.Kind(rapid.IntRange(0, 3).Draw(t, "kind")).Set(), owner(lo*16+size))
			}
			continue
		}
		s.setBytes(lo, n, rapid.Bool().Draw(t, "numeric"))
	}
	return &s
}

func TestStackLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := drawStack(t, "a"), drawStack(t, "b"), drawStack(t, "c")
		with := func(x *stack, f func(r *stack)) *stack {
			var r stack
			r.copyFrom(x)
			f(&r)
			if !slices.IsSortedFunc(r.cells, func(x, y cell) int {
				if x.less(y) {
					return -1
				}
				return 1
			}) {
				t.Fatal("cells are not in order")
			}
			return &r
		}
		eq := func(x, y *stack) bool { return x.leq(y) && y.leq(x) }
		j := with(a, func(r *stack) { r.join(b) })
		m := with(a, func(r *stack) { r.meet(b) })
		switch {
		case !a.leq(a):
			t.Fatal("a ⊑ a does not hold")
		case !a.leq(j) || !b.leq(j):
			t.Fatal("a ⊑ a ⊔ b does not hold")
		case !m.leq(a) || !m.leq(b):
			t.Fatal("a ⊓ b ⊑ a does not hold")
		case !j.equal(with(b, func(r *stack) { r.join(a) })):
			t.Fatal("⊔ does not commute")
		case a.leq(c) && b.leq(c) && !j.leq(c):
			t.Fatal("a ⊔ b is not the least upper bound")
		case c.leq(a) && c.leq(b) && !c.leq(m):
			t.Fatal("a ⊓ b is not the greatest lower bound")
		case a.leq(b) != eq(j, b):
			t.Fatal("a ⊑ b and a ⊔ b = b differ")
		case !j.coversCells(a) || !j.coversCells(b) || !m.coversCells(a) || !m.coversCells(b):
			t.Fatal("a cell was lost")
		}
	})
}

// TestStackBytes compares the queries with a plain array of bits.
func TestStackBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s stack
		s.reset(testStack)
		var model [testStack]bool // numbers
		for range rapid.IntRange(1, 12).Draw(t, "ops") {
			lo := rapid.IntRange(-4, testStack+4).Draw(t, "lo")
			n := rapid.IntRange(0, 80).Draw(t, "n")
			numeric := rapid.Bool().Draw(t, "numeric")
			s.setBytes(lo, n, numeric)
			if lo >= 0 {
				for i := lo; i < lo+n && i < testStack; i++ {
					model[i] = numeric
				}
			}
		}
		lo := rapid.IntRange(0, testStack-1).Draw(t, "from")
		hi := rapid.IntRange(lo+1, testStack).Draw(t, "to")
		all, none, run := true, true, 0
		for i := lo; i < hi; i++ {
			if model[i] {
				none = false
			} else {
				all = false
			}
		}
		for run = 0; lo+run < testStack && model[lo+run]; run++ {
		}
		if s.allNumbers(lo, hi) != all {
			t.Errorf("allNumbers(%d, %d) = %v", lo, hi, !all)
		}
		if numeric, other := s.uniform(int64(lo), hi-lo); numeric != all || other != none {
			t.Errorf("uniform(%d, %d) = %v, %v, want %v, %v", lo, hi-lo, numeric, other, all, none)
		}
		if got := s.numbersFrom(lo); got != run {
			t.Errorf("numbersFrom(%d) = %d, want %d", lo, got, run)
		}
	})
}
