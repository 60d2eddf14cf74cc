package soundness

import "bpfls/isa"

// mix emits something with values of which the verifier knows little: pointers that are
// one of several, parts of pointers, numbers in odd ranges, loops of which nothing is
// known.
func (g *generator) mix() {
	switch g.IntN(20) {
	case 0, 1, 2:
		g.several()
	case 3, 4:
		g.severalUsed()
	case 5, 6, 7:
		g.ranged()
	case 8, 9:
		g.divide()
	case 10:
		g.partOfContext()
	case 11:
		g.clear()
	case 12:
		g.scatter()
	case 13:
		g.legacy()
	case 14, 15:
		g.behind()
	case 16, 17:
		g.signed()
	default:
		if g.cfg.Loops && g.depth == 0 && len(g.pending) == 0 {
			g.loopUntil()
		} else {
			g.ranged()
		}
	}
}

// source is something that a register can be set to.
type source struct {
	reg   int // or -1
	imm   int32
	holds holds
	room  int
}

func (g *generator) source(not int) source {
	r := g.pick(packetPtr, valuePtr, stackPtr, ctxPtr, number, small, allocPtr)
	switch {
	case g.IntN(4) == 0 || r < 0 || r == not:
		return source{-1, g.edge(), number, 0}
	case g.IntN(5) == 0:
		return source{10, 0, stackPtr, 0}
	}
	return source{r, 0, g.regs[r], g.room[r]}
}

func (g *generator) set(dst int, s source) {
	if s.reg < 0 {
		g.emit(isa.Slot{Op: 0xb7, Dst: isa.Reg(dst), Imm: s.imm})
	} else {
		g.emit(isa.Slot{Op: 0xbf, Dst: isa.Reg(dst), Src: isa.Reg(s.reg)})
	}
}

// several sets a register, or two to the same, on one path to something and on another
// to something else.
func (g *generator) several() {
	dst, twin := g.reg(), -1
	if g.IntN(2) == 0 {
		if twin = g.reg(); twin == dst {
			twin = -1
		}
	}
	cond := g.someNumber()
	a, b := g.source(dst), g.source(dst)
	if g.IntN(3) == 0 {
		if r := g.pick(packetPtr, valuePtr); r >= 0 && r != dst && r != twin {
			a = source{r, 0, g.regs[r], g.room[r]}
			g.clear()
			b = source{10, 0, stackPtr, 0}
		}
	}
	for _, s := range []source{a, b} {
		if s.reg >= 0 && (s.reg == dst || s.reg == twin) {
			return
		}
	}
	op := [...]uint8{0x25, 0x35, 0x45, 0x55, 0x65, 0xa5, 0x26, 0x56}[g.IntN(8)]
	n := 1
	if twin >= 0 {
		n = 2
	}
	down := b.reg == 10 && g.IntN(4) != 0
	skip := n
	if down {
		skip += n
	}
	each := func(s source) {
		g.set(dst, s)
		if twin >= 0 {
			g.set(twin, s)
		}
	}
	g.emit(isa.Slot{Op: op, Dst: isa.Reg(cond), Imm: g.edge(), Off: int16(n + 1)})
	each(a)
	g.emit(isa.Slot{Op: isa.OpJA, Off: int16(skip)})
	each(b)
	if down {
		for i := range n {
			g.emit(isa.Slot{Op: 0x07, Dst: isa.Reg([]int{dst, twin}[i]), Imm: -64})
		}
		b.room = 64
	}
	h := mixed
	switch {
	case a.holds == b.holds:
		h = a.holds
	case (a.holds == number || a.holds == small) && (b.holds == number || b.holds == small):
		h = number
	case a.holds == number || b.holds == number || a.holds == small || b.holds == small || a.holds == ctxPtr || b.holds == ctxPtr:
		h = nothing
	}
	for i := range n {
		r := []int{dst, twin}[i]
		g.regs[r], g.room[r] = h, min(a.room, b.room)
	}
	// What may be done with it whatever it is.
	for k := g.IntN(3); k > 0; k-- {
		g.moveSeveral(dst)
	}
}

// moveSeveral adds to what may be a pointer of several kinds, or a number.
func (g *generator) moveSeveral(dst int) {
	n := int32(g.IntN(max(1, min(g.room[dst], 8)))) + 1
	switch g.IntN(5) {
	case 0, 1:
		g.emit(isa.Slot{Op: 0x07, Dst: isa.Reg(dst), Imm: n})
	case 2:
		g.emit(isa.Slot{Op: 0x17, Dst: isa.Reg(dst), Imm: n})
	default:
		r := g.pick(small, number)
		if r < 0 || r == dst {
			return
		}
		g.emit(isa.Slot{Op: [...]uint8{0x0f, 0x1f}[g.IntN(2)], Dst: isa.Reg(dst), Src: isa.Reg(r)})
	}
	if g.regs[dst] != number && g.regs[dst] != small {
		g.regs[dst] = nothing
	}
}

// severalUsed does something with a pointer that is one of several.
func (g *generator) severalUsed() {
	r := g.pick(mixed)
	if r < 0 {
		g.several()
		return
	}
	dst := g.reg()
	if dst == r {
		return
	}
	switch g.IntN(4) {
	case 0: // a store through it
		if g.room[r] < 8 {
			return
		}
		size := memSizes[g.IntN(4)]
		g.emit(isa.Slot{Op: 0x62 | size.op, Dst: isa.Reg(r), Off: int16(g.IntN(g.room[r] - size.n + 1)), Imm: g.edge()})
	case 1:
		g.mov(dst, r)
	case 2: // moved in a copy
		g.mov(dst, r)
		g.moveSeveral(dst)
	default:
		if g.room[r] < 8 {
			return
		}
		size := memSizes[g.IntN(4)]
		g.emit(isa.Slot{Op: 0x61 | size.op, Dst: isa.Reg(dst), Src: isa.Reg(r), Off: int16(g.IntN(g.room[r] - size.n + 1))})
		g.regs[dst] = number
	}
}

// ranged makes a number of which a range is known, of either sign, and another one to
// compute with.
func (g *generator) ranged() {
	a, b := g.reg(), g.reg()
	for _, r := range []int{a, b} {
		src := g.someNumber()
		if src != r {
			g.emit(isa.Slot{Op: 0xbf, Dst: isa.Reg(r), Src: isa.Reg(src)})
		}
		g.emit(isa.Slot{Op: 0x57, Dst: isa.Reg(r), Imm: 1<<(1+g.IntN(12)) - 1})
		switch g.IntN(4) {
		case 0:
			g.emit(isa.Slot{Op: 0x07, Dst: isa.Reg(r), Imm: g.edge()})
		case 1:
			g.emit(isa.Slot{Op: 0x07, Dst: isa.Reg(r), Imm: g.Int32N(300) - 200})
		case 2:
			g.emit(isa.Slot{Op: 0x67, Dst: isa.Reg(r), Imm: g.Int32N(64)})
		}
		g.regs[r] = number
	}
	if a == b {
		return
	}
	switch g.IntN(3) {
	case 0:
		op := [...]struct {
			op  uint8
			off int16
		}{{0x30, 0}, {0x30, 1}, {0x90, 0}, {0x90, 1}, {0x20, 0}, {0x40, 0}, {0x50, 0}, {0xa0, 0}, {0x30, 1}, {0x90, 1}}[g.IntN(10)]
		g.emit(isa.Slot{Op: op.op | [...]uint8{0x0f, 0x0c}[g.IntN(2)], Dst: isa.Reg(a), Src: isa.Reg(b), Off: op.off})
	case 1:
		op := [...]uint8{0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0}[g.IntN(11)]
		g.pending = append(g.pending, fix{slot: len(g.code), left: 1 + g.IntN(4), saved: g.save()})
		g.emit(isa.Slot{Op: op | [...]uint8{0x0d, 0x0e}[g.IntN(2)], Dst: isa.Reg(a), Src: isa.Reg(b)})
	default:
		g.mov(a, b)
		g.emit(isa.Slot{Op: 0x07, Dst: isa.Reg(a), Imm: g.Int32N(64) - 32})
		g.emit(isa.Slot{Op: 0x07, Dst: isa.Reg(b), Imm: g.Int32N(64) - 32})
	}
}

// signed divides a number in a range of one sign, or around zero, by a constant or a number
// in a range, as signed numbers.
func (g *generator) signed() {
	dst, by := g.reg(), g.reg()
	if dst == by {
		return
	}
	inRange := func(r int, from int32) {
		if src := g.someNumber(); src != r {
			g.emit(isa.Slot{Op: 0xbf, Dst: isa.Reg(r), Src: isa.Reg(src)})
		}
		g.emit(isa.Slot{Op: 0x57, Dst: isa.Reg(r), Imm: 1<<(1+g.IntN(6)) - 1})
		g.emit(isa.Slot{Op: 0x07, Dst: isa.Reg(r), Imm: from})
		g.regs[r] = number
	}
	inRange(dst, [...]int32{-g.Int32N(300) - 64, -g.Int32N(64), g.Int32N(64)}[g.IntN(3)])
	op, class := [...]uint8{0x30, 0x90}[g.IntN(2)], [...]uint8{0x07, 0x04}[g.IntN(2)]
	if g.IntN(2) == 0 {
		n := g.Int32N(20) + 1
		if g.IntN(2) == 0 {
			n = -n
		}
		g.emit(isa.Slot{Op: op | class, Dst: isa.Reg(dst), Off: 1, Imm: n})
		return
	}
	inRange(by, [...]int32{1, 1 + g.Int32N(9), -g.Int32N(80) - 1}[g.IntN(3)])
	g.emit(isa.Slot{Op: op | class | 0x08, Dst: isa.Reg(dst), Src: isa.Reg(by), Off: 1})
}

// divide divides by what is surely not zero, or seems so.
func (g *generator) divide() {
	dst, by := g.someNumber(), g.reg()
	if dst == by || dst == 9 {
		return
	}
	wide := g.IntN(2) == 0
	class := uint8(0x0c)
	if wide {
		class = 0x0f
	}
	op := [...]struct {
		op  uint8
		off int16
	}{{0x30, 0}, {0x30, 1}, {0x90, 0}, {0x90, 1}}[g.IntN(4)]
	switch g.IntN(4) {
	case 0: // a constant, perhaps one whose low half is zero
		g.emit(isa.Slot{Op: isa.OpLDDW, Dst: isa.Reg(by), Imm: g.edge()})
		g.emit(isa.Slot{Imm: g.edge()})
		if g.IntN(2) == 0 {
			g.code[len(g.code)-2].Imm = 0
		}
	case 1: // compared with zero
		src := g.someNumber()
		g.emit(isa.Slot{Op: 0xbf, Dst: isa.Reg(by), Src: isa.Reg(src)})
		g.emit(isa.Slot{Op: [...]uint8{0x15, 0x16}[g.IntN(2)], Dst: isa.Reg(by), Off: 1})
	case 2:
		src := g.someNumber()
		g.emit(isa.Slot{Op: 0xbf, Dst: isa.Reg(by), Src: isa.Reg(src)})
		g.emit(isa.Slot{Op: 0x57, Dst: isa.Reg(by), Imm: 1<<g.IntN(8) - 1})
		g.emit(isa.Slot{Op: 0x07, Dst: isa.Reg(by), Imm: 1 - 2*g.Int32N(2)})
		if g.IntN(2) == 0 {
			g.emit(isa.Slot{Op: 0x67, Dst: isa.Reg(by), Imm: 32})
		}
	default:
		g.emit(isa.Slot{Op: 0x37 | uint8(op.op&0x60), Dst: isa.Reg(dst), Off: op.off, Imm: g.edge() | 1})
		g.regs[dst] = number
		return
	}
	g.regs[by] = number
	g.emit(isa.Slot{Op: op.op | class, Dst: isa.Reg(dst), Src: isa.Reg(by), Off: op.off})
	g.regs[dst] = number
}

// partOfContext loads or, taking a risk, stores bytes around the context's pointers.
func (g *generator) partOfContext() {
	c := g.cfg.Type.Context
	if g.regs[6] != ctxPtr || !c.HasPacket() {
		return
	}
	size := memSizes[g.IntN(4)]
	field := [...]int{c.Data, c.End, c.Meta}[g.IntN(3)]
	off := field + g.IntN(16) - 8
	if field < 0 || off < 0 || off+size.n > c.Size {
		return
	}
	if g.cfg.Wild > 0 && g.IntN(2) == 0 {
		g.emit(isa.Slot{Op: 0x62 | size.op, Dst: 6, Off: int16(off), Imm: g.edge()})
		return
	}
	dst := g.reg()
	g.emit(isa.Slot{Op: 0x61 | size.op, Dst: isa.Reg(dst), Src: 6, Off: int16(off)})
	g.regs[dst] = nothing
}

// clear stores numbers to the upper words of the frame.
func (g *generator) clear() {
	n := 4 + g.IntN(5)
	for w := range n {
		g.emit(isa.Slot{Op: 0x7a, Dst: 10, Off: int16(-8 * (w + 1)), Imm: g.edge()})
		g.wrote(10, int16(-8*(w+1)), 8)
	}
}

// scatter accesses the frame at an offset in a range: loads of numbers, stores of
// numbers and pointers.
func (g *generator) scatter() {
	base, idx := g.reg(), g.someNumber()
	if base == idx || idx == 9 {
		return
	}
	g.clear()
	mask := [...]int32{1, 3, 7, 8, 15, 24}[g.IntN(6)]
	g.emit(isa.Slot{Op: 0x57, Dst: isa.Reg(idx), Imm: mask})
	g.regs[idx] = small
	g.mov(base, 10)
	switch g.IntN(3) {
	case 0:
		g.emit(isa.Slot{Op: 0x07, Dst: isa.Reg(base), Imm: -32})
		g.emit(isa.Slot{Op: 0x0f, Dst: isa.Reg(base), Src: isa.Reg(idx)})
	case 1:
		g.emit(isa.Slot{Op: 0x0f, Dst: isa.Reg(base), Src: isa.Reg(idx)})
		g.emit(isa.Slot{Op: 0x07, Dst: isa.Reg(base), Imm: -32})
	default:
		g.emit(isa.Slot{Op: 0x1f, Dst: isa.Reg(base), Src: isa.Reg(idx)})
		g.emit(isa.Slot{Op: 0x07, Dst: isa.Reg(base), Imm: -8})
	}
	g.regs[base] = nothing
	size := memSizes[g.IntN(4)]
	for k := 1 + g.IntN(2); k > 0; k-- {
		switch g.IntN(4) {
		case 0:
			dst := g.reg()
			if dst == base {
				return
			}
			g.emit(isa.Slot{Op: 0x61 | size.op, Dst: isa.Reg(dst), Src: isa.Reg(base), Off: int16(g.IntN(9) - 4)})
			g.regs[dst] = number
		case 1: // a pointer somewhere
			r := g.pick(packetPtr, valuePtr, stackPtr, ctxPtr)
			if r < 0 || r == base {
				return
			}
			g.emit(isa.Slot{Op: 0x7b, Dst: isa.Reg(base), Src: isa.Reg(r)})
			g.doubtAll()
		case 2: // a pointer at a place, and a load around it
			r := g.pick(packetPtr, valuePtr, stackPtr, ctxPtr)
			if r < 0 || r == base {
				return
			}
			w := g.IntN(5)
			g.emit(isa.Slot{Op: 0x7b, Dst: 10, Src: isa.Reg(r), Off: int16(-8 * (w + 1))})
			g.stack[w] = false
			g.spilled[w] = spill{g.regs[r], g.room[r]}
		default:
			src := g.someNumber()
			if src == base {
				return
			}
			g.emit(isa.Slot{Op: 0x63 | size.op, Dst: isa.Reg(base), Src: isa.Reg(src)})
			clear(g.spilled)
		}
	}
	if g.IntN(2) == 0 { // where the numbers end
		dst := g.reg()
		if dst != base {
			n := g.IntN(24)
			g.mov(dst, 10)
			g.emit(isa.Slot{Op: 0x07, Dst: isa.Reg(dst), Imm: int32(-8*(g.IntN(9)+1) - g.IntN(8))})
			if g.IntN(2) == 0 {
				g.emit(isa.Slot{Op: 0x0f, Dst: isa.Reg(dst), Src: isa.Reg(idx)})
			}
			g.emit(isa.Slot{Op: 0x07, Dst: isa.Reg(dst), Imm: int32(n) - 12})
			g.regs[dst] = nothing
			if g.cfg.Wild > 0 {
				g.emit(isa.Slot{Op: 0x61 | size.op, Dst: 0, Src: isa.Reg(dst), Off: int16(g.IntN(9) - 4)})
				g.regs[0] = nothing
			}
		}
	}
}

// behind makes a pointer to the frame, with numbers, pointers and unset bytes around it,
// and does what depends on how many numbers follow it.
func (g *generator) behind() {
	base, idx := g.reg(), g.someNumber()
	if base == idx || idx == 9 {
		return
	}
	words := 1 + g.IntN(6)
	for w := range words {
		if g.IntN(4) != 0 {
			g.emit(isa.Slot{Op: 0x7a, Dst: 10, Off: int16(-8 * (w + 1)), Imm: g.edge()})
			g.wrote(10, int16(-8*(w+1)), 8)
		}
	}
	off := -8 * (1 + g.IntN(words))
	if g.IntN(2) == 0 {
		off += g.IntN(8) - 1
	}
	g.mov(base, 10)
	g.emit(isa.Slot{Op: 0x07, Dst: isa.Reg(base), Imm: int32(off)})
	g.regs[base] = nothing
	spread := g.IntN(2) == 0
	if spread {
		g.emit(isa.Slot{Op: 0x57, Dst: isa.Reg(idx), Imm: [...]int32{1, 3, 7, 8}[g.IntN(4)]})
		g.regs[idx] = small
		if g.IntN(2) == 0 {
			g.emit(isa.Slot{Op: 0x87, Dst: isa.Reg(idx)})
			g.regs[idx] = number
		}
		g.emit(isa.Slot{Op: [...]uint8{0x0f, 0x0f, 0x1f}[g.IntN(3)], Dst: isa.Reg(base), Src: isa.Reg(idx)})
	}
	for k := 1 + g.IntN(3); k > 0; k-- {
		switch g.IntN(4) {
		case 0: // a pointer over what it points to
			r := g.pick(packetPtr, valuePtr, stackPtr, ctxPtr)
			if r < 0 || r == base {
				return
			}
			if !spread && off%8 == 0 && g.IntN(3) == 0 {
				g.emit(isa.Slot{Op: 0x7b, Dst: isa.Reg(base), Src: isa.Reg(r)})
				g.doubtAll()
				break
			}
			w := (-off+7)/8 - 1
			g.emit(isa.Slot{Op: 0x7b, Dst: 10, Src: isa.Reg(r), Off: int16(-8 * (w + 1))})
			g.stack[w] = false
			g.spilled[w] = spill{g.regs[r], g.room[r]}
		case 1: // what it points to, perhaps not all of it numbers
			src := g.someNumber()
			if src == base || src == 9 || src == idx {
				return
			}
			op := [...]uint8{0xdb, 0xc3}[g.IntN(2)]
			if off > -8 {
				op = 0xc3
			}
			if off > -4 || spread && off > -16 {
				return
			}
			g.emit(isa.Slot{Op: op, Dst: isa.Reg(base), Src: isa.Reg(src), Imm: [...]int32{0x01, 0x41, 0x51, 0xa1, 0xe1}[g.IntN(5)]})
			g.regs[src] = nothing
			g.doubtAll()
		case 2:
			g.emit(isa.Slot{Op: 0x07, Dst: isa.Reg(base), Imm: g.Int32N(17) - 8})
			off -= 8
		default:
			if g.cfg.Wild == 0 {
				break
			}
			size := memSizes[g.IntN(4)]
			g.emit(isa.Slot{Op: 0x61 | size.op, Dst: 0, Src: isa.Reg(base), Off: int16(g.IntN(9) - 4)})
			g.regs[0] = nothing
		}
	}
}

// legacy loads from the packet as classic BPF did.
func (g *generator) legacy() {
	if !g.cfg.Legacy || g.regs[6] != ctxPtr {
		return
	}
	op := [...]uint8{0x20, 0x28, 0x30, 0x40, 0x48, 0x50}[g.IntN(6)]
	s := isa.Slot{Op: op, Imm: int32(g.IntN(40))}
	if op >= 0x40 {
		r := g.someNumber()
		s.Src = isa.Reg(r)
		if g.IntN(2) == 0 && r != 9 {
			g.emit(isa.Slot{Op: 0x57, Dst: isa.Reg(r), Imm: 15})
			g.regs[r] = small
		}
	}
	g.emit(s)
	for r := 1; r <= 5; r++ {
		g.regs[r] = nothing
	}
	g.regs[0] = number
}

// loopUntil loops until a helper's number says so: nothing counts the turns.
func (g *generator) loopUntil() {
	before := g.save()
	head := len(g.code)
	for r := range 10 {
		if r != 6 && r != 9 && g.IntN(3) != 0 {
			g.regs[r] = nothing
		}
	}
	g.depth++
	saved := g.pending
	g.pending = nil
	for n := 1 + g.IntN(4); n > 0; n-- {
		g.step()
	}
	if g.IntN(2) == 0 {
		g.several()
	}
	g.resolve(true)
	g.pending = saved
	g.depth--
	g.call(g.cfg.Random)
	g.regs[0] = number
	g.emit(isa.Slot{Op: 0x45, Dst: 0, Imm: 1 << g.IntN(20), Off: int16(head - len(g.code) - 1)})
	g.meet(before)
}
