// Package paged has arrays in pieces.
//
// Memory for millions of elements in one piece is made ready in one piece: its pages are
// cleared one by one, for tens of milliseconds where the system has to find them first. Nobody can
// look meanwhile whether the elements are still wanted. An array in pages can be made, or
// filled, with looks in between.
package paged

const (
	bits = 10
	size = 1 << bits // elements of a page
)

// Array is an array in pages. The zero value is empty.
type Array[T any] struct {
	pages [][]T
	n     int
	most  int // elements that there will be, as far as was known
}

// Make returns an array of n zero elements. look is told after each page how many elements it
// has; once it says true the array is left without the others, which must not be looked at.
func Make[T any](n int, look func(int) bool) Array[T] {
	a := Array[T]{n: n, pages: make([][]T, 0, (n+size-1)>>bits)}
	for done := 0; done < n; done += size {
		p := make([]T, min(size, n-done))
		a.pages = append(a.pages, p)
		if look(len(p)) {
			break
		}
	}
	return a
}

// Reserve returns an empty array that n elements will be appended to. Pages are made when
// they are needed.
func Reserve[T any](n int) Array[T] { return Array[T]{most: n} }

// Len returns the number of elements.
func (a *Array[T]) Len() int { return a.n }

// At returns the element at index i. It stays where it is until the next Append.
func (a *Array[T]) At(i int32) *T { return &a.pages[uint32(i)>>bits][uint32(i)&(size-1)] }

// Append adds an element and returns its place.
func (a *Array[T]) Append(x T) *T {
	if a.n&(size-1) == 0 {
		a.pages = append(a.pages, make([]T, 0, max(1, min(size, a.most-a.n))))
	}
	p := &a.pages[len(a.pages)-1]
	*p = append(*p, x)
	a.n++
	return &(*p)[len(*p)-1]
}

// Clone returns a copy.
func (a *Array[T]) Clone() Array[T] {
	c := Array[T]{n: a.n, most: a.most, pages: make([][]T, len(a.pages))}
	for i, p := range a.pages {
		c.pages[i] = append(make([]T, 0, cap(p)), p...)
	}
	return c
}
