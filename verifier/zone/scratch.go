package zone

import "slices"

// scratch is memory that operations of a pool's zones use and leave behind.
type scratch struct {
	mark    []uint16 // one per variable
	newKeys []uint32 // edges to be merged in
	newWs   []Int
	keys    []uint32 // result of a merge, swapped with a zone's
	ws      []Int

	dist  []Int    // tentative distances, one per variable
	seen  []uint32 // equals stamp where dist is valid
	stamp uint32
	hit   []uint16 // variables with a valid dist
	pairs []pair

	join joinScratch
	heap heap

	// Of classes.
	classList          []uint16
	classOf            []twin // the class of each variable, itself included
	classStart         []int32
	rowStart, colStart []int32
	byDest             []int32
	large, small       []edgeBuffer // of zones that store all edges, and that have classes
	classFrom          int          // stored edges from which on there are classes; 0: the default
	mostEdges          int          // more than these are not stored; 0: any number
	tooMany            bool

	stop    func() bool // see Pool.StopWhen
	work    int         // ever done
	lookAt  int         // the work at which stop is asked again
	stopped bool
}

// spend counts work, in edges and variables that are gone over, and reports whether to
// end. What an operation leaves then is of no use.
//
// Whatever goes over all edges or variables of a zone calls it, once or in each round, so
// that none of what the analysis does on large states is without a look; who may go on for
// long after it asks for the answer.
func (sc *scratch) spend(n int) bool {
	if sc.work += n; sc.work >= sc.lookAt {
		sc.look()
	}
	return sc.stopped
}

//go:noinline
func (sc *scratch) look() {
	sc.lookAt = sc.work + stopEvery
	if !sc.stopped && sc.stop != nil {
		sc.stopped = sc.stop()
	}
}

func (z *Zone) spend(n int) bool { return z.pool != nil && z.pool.spend(n) }

// touch is spend for one pass over the zone.
func (z *Zone) touch() bool { return z.spend(len(z.keys) + len(z.vars)) }

// cancelled reports whether z's run was cancelled, so that what z is does not matter.
func (z *Zone) cancelled() bool { return z.pool != nil && z.pool.stopped }

// stopEvery is the work between two looks at stop: some tenths of a millisecond.
const stopEvery = 1 << 13

func (z *Zone) scratchFor() *scratch { return &z.scratchPool().scratch }

func (z *Zone) scratchPool() *Pool {
	if z.pool == nil {
		z.pool = NewPool()
	}
	return z.pool
}

func (sc *scratch) classEdges() int {
	if sc.classFrom > 0 {
		return sc.classFrom
	}
	return defaultClassEdges
}

// marks returns n zeroes.
func (sc *scratch) marks(n int) []uint16 {
	sc.mark = slices.Grow(sc.mark[:0], n)[:n]
	clear(sc.mark)
	return sc.mark
}

func (sc *scratch) resetNew() { sc.newKeys, sc.newWs = sc.newKeys[:0], sc.newWs[:0] }

// add notes an edge to be merged in. A weight out of range is as good as no edge.
func (sc *scratch) add(k uint32, w Int) {
	if tooLarge(w) {
		return
	}
	sc.newKeys = append(sc.newKeys, k)
	sc.newWs = append(sc.newWs, w)
}

// sortNew sorts the noted edges by key. They are nearly sorted in most uses.
func (sc *scratch) sortNew() {
	n := len(sc.newKeys)
	if n <= 24 {
		for i := 1; i < n; i++ {
			k, w := sc.newKeys[i], sc.newWs[i]
			j := i
			for ; j > 0 && sc.newKeys[j-1] > k; j-- {
				sc.newKeys[j], sc.newWs[j] = sc.newKeys[j-1], sc.newWs[j-1]
			}
			sc.newKeys[j], sc.newWs[j] = k, w
		}
		return
	}
	if slices.IsSorted(sc.newKeys) {
		return
	}
	sc.spend(8 * n)
	// Sort keys with their positions in one word.
	sc.join.words = sc.join.words[:0]
	for i, k := range sc.newKeys {
		sc.join.words = append(sc.join.words, uint64(k)<<32|uint64(i))
	}
	slices.Sort(sc.join.words)
	sc.ws = append(sc.ws[:0], sc.newWs...)
	for i, w := range sc.join.words {
		sc.newKeys[i], sc.newWs[i] = uint32(w>>32), sc.ws[uint32(w)]
	}
}

// mergeNew inserts the noted edges, which are sorted and not yet in z.
func (z *Zone) mergeNew(sc *scratch) {
	n, m := len(z.keys), len(sc.newKeys)
	if m == 0 {
		return
	}
	z.spend(n + m)
	z.keys = slices.Grow(z.keys, m)[:n+m]
	z.ws = slices.Grow(z.ws, m)[:n+m]
	// From the back, moving what lies between two new edges at once.
	end := n
	for j := m - 1; j >= 0; j-- {
		k := sc.newKeys[j]
		at, hi := 0, end
		for at < hi {
			mid := int(uint(at+hi) >> 1)
			if z.keys[mid] < k {
				at = mid + 1
			} else {
				hi = mid
			}
		}
		copy(z.keys[at+j+1:], z.keys[at:end])
		copy(z.ws[at+j+1:], z.ws[at:end])
		z.keys[at+j], z.ws[at+j] = k, sc.newWs[j]
		end = at
	}
}

// startDist begins a search over n variables.
func (sc *scratch) startDist(n int) {
	if len(sc.dist) < n {
		sc.dist = slices.Grow(sc.dist, n-len(sc.dist))[:n]
		sc.seen = append(sc.seen, make([]uint32, n-len(sc.seen))...)
	}
	sc.stamp++
	if sc.stamp == 0 {
		clear(sc.seen)
		sc.stamp = 1
	}
	sc.hit = sc.hit[:0]
}

// lower sets dist[i] to w if that is less, and reports whether it did.
func (sc *scratch) lower(i int, w Int) bool {
	if sc.seen[i] != sc.stamp {
		sc.seen[i], sc.dist[i] = sc.stamp, w
		sc.hit = append(sc.hit, uint16(i))
		return true
	}
	if w.Less(sc.dist[i]) {
		sc.dist[i] = w
		return true
	}
	return false
}

// heap is a binary heap of variable indices by dist. Equal distances come out in the
// order of PREVAIL's (MiniSat's) heap.
type heap struct {
	items []uint16
	at    []int32 // position in items, -1 if not in the heap
}

func (h *heap) reset(n int) {
	h.items = h.items[:0]
	h.at = slices.Grow(h.at[:0], n)[:n]
	for i := range h.at {
		h.at[i] = -1
	}
}

func (h *heap) up(i int, dist []Int) {
	x := h.items[i]
	for i != 0 {
		p := (i - 1) / 2
		if !dist[x].Less(dist[h.items[p]]) {
			break
		}
		h.items[i] = h.items[p]
		h.at[h.items[i]] = int32(i)
		i = p
	}
	h.items[i] = x
	h.at[x] = int32(i)
}

// put inserts x, or moves it up after its distance became less.
func (h *heap) put(x int, dist []Int) {
	if h.at[x] < 0 {
		h.at[x] = int32(len(h.items))
		h.items = append(h.items, uint16(x))
	}
	h.up(int(h.at[x]), dist)
}

func (h *heap) pop(dist []Int) int {
	top, n := h.items[0], len(h.items)-1
	last := h.items[n]
	h.items = h.items[:n]
	h.at[top] = -1
	if n == 0 {
		return int(top)
	}
	i := 0
	for {
		c := 2*i + 1
		if c >= n {
			break
		}
		if c+1 < n && dist[h.items[c+1]].Less(dist[h.items[c]]) {
			c++
		}
		if !dist[h.items[c]].Less(dist[last]) {
			break
		}
		h.items[i] = h.items[c]
		h.at[h.items[i]] = int32(i)
		i = c
	}
	h.items[i] = last
	h.at[last] = int32(i)
	return int(top)
}
