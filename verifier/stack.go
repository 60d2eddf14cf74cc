package verifier

import (
	"math/bits"
	"slices"

	"bpfls/verifier/zone"
)

// stack is the stack domain: which bytes are known to be numbers, and which
// ranges of bytes the state has cells for. The values of the cells are in the
// zone, their types in the type domain.
//
// Order: by set inclusion of the bytes that may be something else than a
// number. The cells take no part in the order: a cell says only that the other
// two domains may know something of these bytes, so join and meet alike keep
// the cells of both sides. The set of bytes is finite: join is the widening.
type stack struct {
	nonNum []uint64 // bit per byte: may be no number
	cells  []cell   // sorted by offset, then size
}

// cell is a range of stack bytes that has variables.
type cell struct {
	off, size uint16
	kinds     zone.KindSet // kinds of variables that were stored or loaded here
	owner     owner
}

func (c cell) end() int { return int(c.off) + int(c.size) }

func (s *stack) bytes() int { return len(s.nonNum) * 64 }

// reset makes s the top stack of size bytes, a multiple of 64.
func (s *stack) reset(size int) {
	s.nonNum = slices.Grow(s.nonNum[:0], size/64)[:size/64]
	for i := range s.nonNum {
		s.nonNum[i] = ^uint64(0)
	}
	s.cells = s.cells[:0]
}

func (s *stack) copyFrom(o *stack) {
	s.nonNum = append(s.nonNum[:0], o.nonNum...)
	s.cells = append(s.cells[:0], o.cells...)
}

// leq reports whether s ⊑ o.
func (s *stack) leq(o *stack) bool {
	for i, w := range s.nonNum {
		if w&^o.nonNum[i] != 0 {
			return false
		}
	}
	return true
}

// join stores the join of s and o in s.
func (s *stack) join(o *stack) {
	for i, w := range o.nonNum {
		s.nonNum[i] |= w
	}
	s.mergeCells(o)
}

// meet stores the meet of s and o in s.
func (s *stack) meet(o *stack) {
	for i, w := range o.nonNum {
		s.nonNum[i] &= w
	}
	s.mergeCells(o)
}

func (s *stack) equal(o *stack) bool {
	return slices.Equal(s.nonNum, o.nonNum) && slices.Equal(s.cells, o.cells)
}

// coversCells reports whether s has every cell of o.
func (s *stack) coversCells(o *stack) bool {
	i := 0
	for _, c := range o.cells {
		for i < len(s.cells) && s.cells[i].less(c) {
			i++
		}
		if i == len(s.cells) || s.cells[i].owner != c.owner || c.kinds&^s.cells[i].kinds != 0 {
			return false
		}
	}
	return true
}

func (s *stack) mergeCells(o *stack) {
	if s.coversCells(o) {
		return
	}
	a, b := s.cells, o.cells
	out := make([]cell, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].less(b[0]):
			out, a = append(out, a[0]), a[1:]
		case b[0].less(a[0]):
			out, b = append(out, b[0]), b[1:]
		default:
			c := a[0]
			c.kinds |= b[0].kinds
			out, a, b = append(out, c), a[1:], b[1:]
		}
	}
	out = append(append(out, a...), b...)
	s.cells = out
}

func (c cell) less(o cell) bool {
	return c.off < o.off || c.off == o.off && c.size < o.size
}

// setBytes marks the bytes [lo, lo+n) as numbers or as anything; bytes outside
// of the stack are ignored.
func (s *stack) setBytes(lo, n int, numeric bool) {
	if lo < 0 || lo >= s.bytes() {
		return
	}
	hi := min(lo+n, s.bytes())
	for lo < hi {
		w, b := lo/64, lo%64
		m := ^uint64(0) << b
		if e := hi - w*64; e < 64 {
			m &= 1<<e - 1
		}
		if numeric {
			s.nonNum[w] &^= m
		} else {
			s.nonNum[w] |= m
		}
		lo = (w + 1) * 64
	}
}

// uniform reports whether all the bytes [lo, lo+n) are numbers, and whether all may
// be something else. Of bytes outside of the stack both are true.
func (s *stack) uniform(lo int64, n int) (numeric, other bool) {
	if lo < 0 || lo >= int64(s.bytes()) {
		return true, true
	}
	numeric, other = true, true
	hi := min(lo+int64(n), int64(s.bytes()))
	for i := int(lo); i < int(hi); i++ {
		if s.nonNum[i/64]>>(i%64)&1 != 0 {
			numeric = false
		} else {
			other = false
		}
	}
	return numeric, other
}

// allNumbers reports whether the bytes [lo, hi), cut to the stack, are all numbers.
func (s *stack) allNumbers(lo, hi int) bool {
	if lo == hi {
		return true
	}
	lo, hi = max(lo, 0), min(hi, s.bytes())
	for lo < hi {
		w, b := lo/64, lo%64
		m := ^uint64(0) << b
		if e := hi - w*64; e < 64 {
			m &= 1<<e - 1
		}
		if s.nonNum[w]&m != 0 {
			return false
		}
		lo = (w + 1) * 64
	}
	return true
}

// anyNumber reports whether one of n bytes from lo on is known to be a number.
func (s *stack) anyNumber(lo, n int) bool {
	for i := lo; i < lo+n; i++ {
		if s.numbersFrom(i) > 0 {
			return true
		}
	}
	return false
}

// numbersFrom counts the bytes from lo on that are known to be numbers.
func (s *stack) numbersFrom(lo int) int {
	if lo < 0 || lo >= s.bytes() {
		return 0
	}
	i := lo
	for i < s.bytes() {
		w := s.nonNum[i/64] >> (i % 64)
		if w != 0 {
			return i + bits.TrailingZeros64(w) - lo
		}
		i = (i/64 + 1) * 64
	}
	return s.bytes() - lo
}

// find returns the index of the cell of these bytes, or where it would be.
func (s *stack) find(off, size int) (int, bool) {
	return slices.BinarySearchFunc(s.cells, cell{off: uint16(off), size: uint16(size)}, func(a, b cell) int {
		switch {
		case a.less(b):
			return -1
		case b.less(a):
			return 1
		}
		return 0
	})
}

// has reports whether there is a cell of these bytes with a variable of kind k.
func (s *stack) has(off, size int, k zone.KindSet) (owner, bool) {
	i, ok := s.find(off, size)
	if !ok || s.cells[i].kinds&k == 0 {
		return 0, false
	}
	return s.cells[i].owner, true
}

// insert adds the cell of these bytes with a variable of kind k. id is its
// location.
func (s *stack) insert(off, size int, k zone.KindSet, id owner) {
	i, ok := s.find(off, size)
	if !ok {
		s.cells = slices.Insert(s.cells, i, cell{off: uint16(off), size: uint16(size), owner: id})
	}
	s.cells[i].kinds |= k
}

// touches reports whether a cell with a variable of kind k, other than the one
// of exactly these bytes, overlaps [off, off+size).
func (s *stack) touches(off, size int, k zone.KindSet) bool {
	for _, c := range s.cells {
		if int(c.off) >= off+size {
			break
		}
		if c.kinds&k != 0 && c.end() > off && !(int(c.off) == off && int(c.size) == size) {
			return true
		}
	}
	return false
}
