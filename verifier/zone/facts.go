package zone

// EachBound calls f for every mapped variable with its bounds, in the order of the
// variables. Unlike Interval it gives the upper bounds that relations set on
// variables of which only the lower bound is shown (MinOnly).
func (z *Zone) EachBound(f func(v Var, lo, hi Int)) {
	if z.bottom {
		return
	}
	for i, v := range z.vars {
		f(v, z.nodes[i].lo, z.nodes[i].hi)
	}
}

// EachEdge calls f for every explicit difference d - s <= w.
func (z *Zone) EachEdge(f func(s, d Var, w Int)) {
	if z.bottom {
		return
	}
	given := z
	z = z.expanded()
	defer z.endOf(given)
	for i, k := range z.keys {
		s, d := ends(k)
		f(z.vars[s], z.vars[d], z.ws[i])
	}
}

// FrameOf returns the depth and number (6 to 9) of the register that is saved in a
// slot; false if it is no slot of a saved register.
func FrameOf(s Slot) (depth, reg int, ok bool) {
	if s < firstFrame || s >= firstDynamic {
		return 0, 0, false
	}
	n := int(s) - firstFrame
	return n / 4, 6 + n%4, true
}
