package verifier

import (
	"math/bits"
	"slices"

	"bpfls/isa"
	"bpfls/verifier/zone"
)

// The stack as memory: stores and loads of cells. Offsets count from the lowest
// byte of the stack of all frames.
//
// A store at one offset is a strong update: cells that overlap it are forgotten,
// then a cell of exactly its bytes is made. Where the bytes of an overlapping
// cell of 8 bytes are known, its parts outside of the store become cells of
// their own. A store at a range of offsets forgets all cells that it may touch.

const valueKinds zone.KindSet = 1<<zone.KindSValue | 1<<zone.KindUValue

// place is a range of stack bytes: at one offset, or possibly anywhere in an interval.
type place struct {
	idx, width zone.Interval
	off, size  int // where exact
	exact      bool
}

func (p *program) place(idx, width zone.Interval) place {
	at := place{idx: idx, width: width}
	n, ok := idx.Singleton()
	w, okw := width.Singleton()
	if ok && okw && n.FitsUint64() && n.Uint64() <= uint64(p.stackSize) && w.FitsUint64() && w.Uint64() <= uint64(p.stackSize) {
		at.off, at.size, at.exact = int(n.Int64()), int(w.Int64()), true
	}
	return at
}

func (p *program) placeN(idx zone.Interval, width int) place {
	return p.place(idx, zone.Single(int64(width)))
}

// bytes returns the range of bytes that at may touch, cut to the stack, as
// [lo, hi]; ok is false if that is no range.
func (p *program) bytes(at *place) (lo, hi int, ok bool) {
	return p.clip(at.idx.Join(at.idx.Add(at.width)))
}

func (p *program) clip(i zone.Interval) (lo, hi int, ok bool) {
	i = i.Meet(zone.Range(0, int64(p.stackSize)))
	if i.IsEmpty() {
		return 0, 0, false
	}
	lo, hi = int(i.Lo.Int64()), int(i.Hi.Int64())
	return lo, hi, lo < hi
}

// fits reports whether at is an exact place inside the stack.
func (p *program) fits(at *place) bool { return at.exact && at.off+at.size <= p.stackSize }

// kill forgets the variables of the given kinds of all cells that at may
// overlap, and takes the kinds from the cells. svalue and uvalue of a cell are
// forgotten together.
func (p *program) kill(st *state, kinds zone.KindSet, at *place) {
	if at.exact {
		for i := 0; i < len(st.s.cells); i++ {
			c := st.s.cells[i]
			if int(c.off) >= at.off+at.size && int(c.off) > at.off {
				break
			}
			hit := c.end() > at.off && int(c.off) < at.off+at.size || int(c.off) == at.off && int(c.size) == at.size
			if hit && c.kinds&kinds != 0 {
				i = p.killCell(st, i, kinds)
			}
		}
		return
	}
	r := at.idx.Join(at.idx.Add(at.width).Sub(zone.Single(1)))
	for kinds := kinds; kinds != 0; kinds &= kinds - 1 {
		k := kinds & -kinds
		// Cells of one offset are taken or left together, by the largest of them.
		for i := len(st.s.cells) - 1; i >= 0; {
			off, top := st.s.cells[i].off, -1
			first := i
			for ; first >= 0 && st.s.cells[first].off == off; first-- {
				if c := st.s.cells[first]; top < 0 && c.kinds&k != 0 {
					top = c.end() - 1
				}
			}
			if top >= 0 && !r.Meet(zone.Range(int64(off), int64(top))).IsEmpty() {
				for j := i; j > first; j-- {
					if st.s.cells[j].kinds&k != 0 {
						p.killCell(st, j, k)
					}
				}
			}
			i = first
		}
	}
}

// killCell takes the kinds from cell i and returns the index of the cell before
// the next one.
func (p *program) killCell(st *state, i int, kinds zone.KindSet) int {
	c := st.s.cells[i]
	hit := c.kinds & kinds
	gone := hit &^ (1 << zone.KindType)
	if hit&valueKinds != 0 {
		gone |= valueKinds
	}
	if gone != 0 {
		p.havoc(st, c.owner, gone)
	}
	if hit&(1<<zone.KindType) != 0 {
		p.forgetType(st, c.owner)
	}
	s := p.mutStack(st)
	if s.cells[i].kinds &^= hit; s.cells[i].kinds == 0 {
		s.cells = append(s.cells[:i], s.cells[i+1:]...)
		return i - 1
	}
	return i
}

// make makes a cell with a variable of kind k at an exact place.
func (p *program) makeCell(st *state, k zone.Kind, off, size int) owner {
	if id, ok := st.s.has(off, size, k.Set()); ok {
		return id
	}
	id := p.tab.CellSlot(off, size)
	p.mutStack(st).insert(off, size, k.Set(), id)
	return id
}

// havocCells forgets the given kinds at a place, after keeping what is known of
// the bytes beside it.
func (p *program) havocCells(st *state, kinds zone.KindSet, at *place) {
	if rest := kinds &^ valueKinds; rest != 0 {
		p.kill(st, rest, at)
	}
	if kinds&(1<<zone.KindSValue) != 0 {
		p.split(st, zone.KindSValue, at)
		p.kill(st, 1<<zone.KindSValue, at)
	}
	if kinds&(1<<zone.KindUValue) != 0 {
		p.split(st, zone.KindUValue, at)
		p.kill(st, 1<<zone.KindUValue, at)
	}
}

// storeValue makes room for a store of an svalue or uvalue and returns its
// variable; false if the place is not exact.
func (p *program) storeKind(st *state, k zone.Kind, at *place) (zone.Var, bool) {
	p.havocCells(st, k.Set(), at)
	if !p.fits(at) {
		return 0, false
	}
	return p.makeCell(st, k, at.off, at.size).Var(k), true
}

// split makes cells of the known bytes of numbers that the place cuts.
func (p *program) split(st *state, k zone.Kind, at *place) {
	if !at.exact {
		return
	}
	cut := func(c cell) bool {
		return c.kinds&k.Set() != 0 && c.end() > at.off && int(c.off) < at.off+at.size &&
			!(int(c.off) == at.off && int(c.size) == at.size)
	}
	var buf [16]cell
	over := buf[:0]
	for _, c := range st.s.cells {
		if int(c.off) > at.off {
			if int(c.off) >= at.off+at.size {
				break
			}
			if cut(c) {
				over = append(over, c)
			}
		} else if cut(c) {
			// Cells that start at or before the place come first, the last ones
			// first, those of one offset by size.
			i := 0
			for i < len(over) && over[i].off == c.off {
				i++
			}
			over = slices.Insert(over, i, c)
		}
	}
	for _, c := range over {
		if !st.s.allNumbers(int(c.off), c.end()) || c.size < 8 {
			continue
		}
		if _, ok := st.interval(c.owner.Var(k)).Singleton(); !ok {
			continue
		}
		if int(c.off) < at.off {
			p.splitCell(st, k, int(c.off), at.off-int(c.off))
		}
		if end := at.off + at.size; end < c.end() {
			p.splitCell(st, k, end, c.end()-end)
		}
	}
}

func (p *program) splitCell(st *state, k zone.Kind, off, size int) {
	s, oks := p.load(st, zone.KindSValue, off, size)
	u, oku := p.load(st, zone.KindUValue, off, size)
	id := p.makeCell(st, k, off, size)
	p.assignOrHavoc(st, id.Var(zone.KindSValue), s, oks)
	p.assignOrHavoc(st, id.Var(zone.KindUValue), u, oku)
}

func (p *program) assignOrHavoc(st *state, v zone.Var, e zone.Expr, ok bool) {
	if ok {
		p.assign(st, v, e)
	} else {
		p.mutZone(st).Havoc(v)
	}
}

// byteAt returns one byte of the aligned number of the given width at off, if
// that number is known.
func (p *program) byteAt(st *state, off, width int) (byte, bool) {
	base := off / width * width
	id, ok := p.tab.Lookup(base, width)
	if !ok {
		return 0, false
	}
	n, ok := st.interval(id.Var(zone.KindSValue)).Singleton()
	if !ok {
		return 0, false
	}
	at := off - base // of the byte, from the lowest one
	if p.in.BigEndian {
		at = width - 1 - at
	}
	return byte(n.Uint64() >> (8 * at)), true
}

// load returns the value of kind k of the bytes at off: a cell's variable, or a
// number put together from known bytes. Where nothing overlaps the bytes they
// become a cell. ok is false if nothing is known.
func (p *program) load(st *state, k zone.Kind, off, size int) (e zone.Expr, ok bool) {
	if id, ok := st.s.has(off, size, k.Set()); ok {
		return zone.V(id.Var(k)), true
	}
	if k.Set()&valueKinds != 0 {
		var word uint64
		known := true
		for i := range min(size, 8) {
			b, ok := byte(0), false
			for w := 8; w > 0 && !ok; w /= 2 {
				b, ok = p.byteAt(st, off+i, w)
			}
			if known = ok; !known {
				break
			}
			if p.in.BigEndian {
				word = word<<8 | uint64(b)
			} else {
				word |= uint64(b) << (8 * i)
			}
		}
		if known {
			switch size {
			case 1, 2, 4:
				return zone.ConstUint(word), true
			case 8:
				if k == zone.KindUValue {
					return zone.ConstUint(word), true
				}
				return zone.Const(int64(word)), true
			}
		}
	}
	if st.s.touches(off, size, k.Set()) {
		return zone.Expr{}, false
	}
	return zone.V(p.makeCell(st, k, off, size).Var(k)), true
}

// loadAt is load at a place that may not be exact.
func (p *program) loadAt(st *state, k zone.Kind, at *place) (zone.Expr, bool) {
	if !p.fits(at) {
		return zone.Expr{}, false
	}
	return p.load(st, k, at.off, at.size)
}

// loadType gives the location dst the type of the bytes at a place.
func (p *program) loadType(st *state, dst owner, at *place) {
	if n, ok := at.idx.Singleton(); ok {
		w := int(at.width.Lo.Int64())
		if !n.FitsInt64() {
			p.forgetType(st, dst)
			return
		}
		numeric, other := st.s.uniform(n.Int64(), w)
		switch {
		case numeric:
			p.assignType(st, dst, TypeNumber)
			return
		case other && w == 8 && p.fits(at):
			if id, ok := st.s.has(at.off, 8, 1<<zone.KindType); ok {
				p.mutTypes(st).copy(dst, id)
				return
			}
			if !st.s.touches(at.off, 8, 1<<zone.KindType) {
				id := p.makeCell(st, zone.KindType, at.off, 8)
				p.mutTypes(st).copy(dst, id)
				return
			}
		}
		p.forgetType(st, dst)
		return
	}
	// Is every byte that may be read a number?
	full := at.idx.Hi.Sub(at.idx.Lo).Add(at.width.Lo)
	if at.idx.Finite() && fitsUint32(at.idx.Lo) && fitsUint32(full) {
		if numeric, _ := st.s.uniform(at.idx.Lo.Int64(), int(full.Int64())); numeric {
			p.assignType(st, dst, TypeNumber)
			return
		}
	}
	p.forgetType(st, dst)
}

func fitsUint32(n zone.Int) bool { return n.FitsUint64() && n.Uint64()>>32 == 0 }

func fitsInt32(n zone.Int) bool { return n.FitsInt64() && int64(int32(n.Int64())) == n.Int64() }

// loadStack loads width bytes at addr into dst. base is the pointer register.
func (p *program) loadStack(st *state, dst isa.Reg, addr *zone.Expr, width int, base isa.Reg) {
	at := p.placeN(st.eval(addr), width)
	d := zone.RegSlot(dst)
	if st.entails(zone.Leq(zone.Const(int64(width)), zone.V(reg(base, zone.KindStackNumericSize)))) {
		p.assignType(st, d, TypeNumber)
	} else {
		p.loadType(st, d, &at)
		if !st.t.initialized(d) {
			p.forgetReg(st, dst)
			return
		}
	}
	s, oks := p.loadAt(st, zone.KindSValue, &at)
	u, oku := p.loadAt(st, zone.KindUValue, &at)
	p.havocReg(st, dst, zone.AllKinds)
	p.assignOrHavoc(st, reg(dst, zone.KindSValue), s, oks)
	p.assignOrHavoc(st, reg(dst, zone.KindUValue), u, oku)
	for kinds := kindsOf(st.valid(d)); kinds != 0; kinds &= kinds - 1 {
		k := zone.Kind(bits.TrailingZeros16(uint16(kinds)))
		e, ok := p.loadAt(st, k, &at)
		p.assignOrHavoc(st, reg(dst, k), e, ok)
	}
}

// value is what is stored: a register, or a constant.
type value struct {
	s, u  zone.Expr
	reg   isa.Reg
	isReg bool
}

func regValue(r isa.Reg) value {
	return value{s: zone.V(reg(r, zone.KindSValue)), u: zone.V(reg(r, zone.KindUValue)), reg: r, isReg: true}
}

// storeStack stores width bytes at addr.
func (p *program) storeStack(st *state, addr *zone.Expr, width int, val *value) {
	at := p.placeN(st.eval(addr), width)
	p.kill(st, 1<<zone.KindType, &at)
	if at.exact {
		p.mutStack(st).setBytes(at.off, at.size, false)
	}
	p.kill(st, zone.AllKinds&^valueKinds, &at)
	number := false
	if val.isReg && !st.t.initialized(zone.RegSlot(val.reg)) {
		p.havocCells(st, valueKinds, &at)
	} else {
		number = !val.isReg || st.isNumber(val.reg)
		p.storeType(st, &at, number, val)
		switch {
		case width == 8:
			p.havocCells(st, valueKinds, &at)
			if v, ok := p.storeKind(st, zone.KindSValue, &at); ok {
				p.assign(st, v, val.s)
			}
			if v, ok := p.storeKind(st, zone.KindUValue, &at); ok {
				p.assign(st, v, val.u)
			}
			if !number {
				for kinds := kindsOf(st.valid(zone.RegSlot(val.reg))); kinds != 0; kinds &= kinds - 1 {
					k := zone.Kind(bits.TrailingZeros16(uint16(kinds)))
					if v, ok := p.storeKind(st, k, &at); ok {
						p.assign(st, v, zone.V(reg(val.reg, k)))
					}
				}
			}
		case number:
			// Numbers on the stack may be used as indices later.
			if v, ok := p.storeKind(st, zone.KindSValue, &at); ok {
				p.assign(st, v, val.s)
				p.mutZone(st).OverflowBounds(v, width*8, true)
			}
			if v, ok := p.storeKind(st, zone.KindUValue, &at); ok {
				p.assign(st, v, val.u)
				p.mutZone(st).OverflowBounds(v, width*8, false)
			}
		default:
			p.havocCells(st, valueKinds, &at)
		}
	}
	p.refreshNumericSizes(st, addr, width, number)
}

// storeType records the type of the bytes that are stored.
func (p *program) storeType(st *state, at *place, number bool, val *value) {
	p.kill(st, 1<<zone.KindType, at)
	if p.fits(at) {
		p.mutStack(st).setBytes(at.off, at.size, number)
		id := p.makeCell(st, zone.KindType, at.off, at.size)
		if number {
			p.assignType(st, id, TypeNumber)
		} else {
			p.mutTypes(st).copy(id, zone.RegSlot(val.reg))
		}
		return
	}
	// A number that is stored somewhere leaves the bytes that it does not hit as they
	// are; something else makes all of them doubtful.
	if lo, hi, ok := p.bytes(at); ok && !number {
		p.mutStack(st).setBytes(lo, hi-lo, false)
	}
}

// refreshNumericSizes updates what stack pointers know of the numbers that they
// point to, after a store.
func (p *program) refreshNumericSizes(st *state, addr *zone.Expr, width int, number bool) {
	for i := range st.t.class {
		v := owner(i)
		s := st.t.of(v)
		if s&TypeStack == 0 || s&TypeUninit != 0 {
			continue
		}
		off, size := v.Var(zone.KindStackOffset), v.Var(zone.KindStackNumericSize)
		if st.intersects(zone.Leq(*addr, zone.V(off).Plus(size))) &&
			st.intersects(zone.Geq(addr.PlusConst(int64(width)), zone.V(off))) {
			if !number {
				p.mutZone(st).Havoc(size)
			}
			p.refreshNumericSize(st, v)
		}
	}
}

// refreshNumericSize counts the numbers at the stack pointer v anew, if there are any.
func (p *program) refreshNumericSize(st *state, v owner) {
	if st.t.of(v)&TypeStack == 0 {
		return
	}
	i := st.interval(v.Var(zone.KindStackOffset))
	if !i.Finite() || !fitsInt32(i.Lo) || !fitsInt32(i.Hi) {
		return
	}
	lo, hi := i.Lo.Int64(), i.Hi.Int64()
	if n := int64(st.s.numbersFrom(int(lo))) - (hi - lo); n > 0 {
		p.mutZone(st).AssignConst(v.Var(zone.KindStackNumericSize), n)
	}
}
