package paged_test

import (
	"testing"

	"bpfls/verifier/paged"
)

// TestArray: elements are where they were put, whatever the length, and none is shared with
// a copy.
func TestArray(t *testing.T) {
	for _, n := range []int{0, 1, 2, 1023, 1024, 1025, 5000} {
		made := paged.Make[int](n, func(int) bool { return false })
		filled := paged.Reserve[int](n / 2) // a guess that is too small
		for i := range n {
			*made.At(int32(i)) = i
			if p := filled.Append(-i); *p != -i {
				t.Fatalf("%d elements: appended %d at the place of %d", n, -i, *p)
			}
		}
		if made.Len() != n || filled.Len() != n {
			t.Fatalf("%d elements: lengths %d and %d", n, made.Len(), filled.Len())
		}
		c := made.Clone()
		for i := range n {
			*made.At(int32(i)) = 0
			if *c.At(int32(i)) != i || *filled.At(int32(i)) != -i {
				t.Fatalf("%d elements: %d and %d at %d", n, *c.At(int32(i)), *filled.At(int32(i)), i)
			}
		}
	}
}

// TestMakeLooks: making ends at the look that says so, and there is one for each page.
func TestMakeLooks(t *testing.T) {
	seen, looks := 0, 0
	paged.Make[int](10_000, func(n int) bool { seen += n; looks++; return false })
	if seen != 10_000 || looks != 10 {
		t.Errorf("%d elements in %d looks", seen, looks)
	}
	looks = 0
	paged.Make[int](10_000, func(int) bool { looks++; return looks == 3 })
	if looks != 3 {
		t.Errorf("it went on for %d looks", looks)
	}
}
