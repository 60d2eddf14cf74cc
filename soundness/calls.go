package soundness

import (
	"bpfls/isa"
	"bpfls/platform"
)

// Callee is a function of the platform that generated programs may call: a helper,
// a builtin of the compiler, or a kernel function.
type Callee struct {
	Slot isa.Slot // the call instruction
	*platform.Helper
}

// Callees are the functions that a program of the type may call and whose arguments the
// generator can make.
func Callees(p *platform.Platform, t *platform.ProgramType) []Callee {
	var out []Callee
	add := func(s isa.Slot, h *platform.Helper) {
		for i, a := range h.Args {
			if a == platform.ArgDontCare {
				break
			}
			if !makeable(a) || i > 0 && h.SizeArg == 0 && needsSize(h.Args[i-1]) && !isSize(a) {
				return
			}
		}
		switch h.Return {
		case platform.RetUnsupported, platform.RetIntegerOrNoReturn:
			return
		}
		out = append(out, Callee{s, h})
	}
	seen := map[int32]bool{}
	for _, list := range [][]platform.Helper{p.General, t.Helpers} {
		for i := range list {
			id := list[i].ID
			if h, err := p.Helper(id, t); err == nil && !seen[id] {
				seen[id] = true
				add(isa.Slot{Op: isa.OpCall, Imm: id}, h)
			}
		}
	}
	for i := range p.Builtins {
		add(isa.Slot{Op: isa.OpCall, Src: isa.SrcBuiltin, Imm: p.Builtins[i].ID}, &p.Builtins[i])
	}
	for i := range p.Kfuncs {
		k := &p.Kfuncs[i]
		if f, err := p.KfuncByID(k.BTFID, k.Module, t); err == nil {
			add(isa.Slot{Op: isa.OpCall, Src: isa.SrcKfunc, Imm: k.BTFID, Off: k.Module}, &f.Helper)
		}
	}
	return out
}

func returnsSocket(c *Callee) bool {
	switch c.Return {
	case platform.RetPtrToSockCommonOrNull, platform.RetPtrToSocketOrNull, platform.RetPtrToTCPSocketOrNull:
		return true
	}
	return false
}

func needsSize(a platform.ArgType) bool {
	switch a {
	case platform.ArgPtrToReadableMem, platform.ArgPtrToReadonlyMem, platform.ArgPtrToReadableMemOrNull,
		platform.ArgPtrToReadonlyMemOrNull, platform.ArgPtrToWritableMem, platform.ArgPtrToWritableMemOrNull:
		return true
	}
	return false
}

func isSize(a platform.ArgType) bool {
	return a == platform.ArgConstSize || a == platform.ArgConstSizeOrZero
}

func makeable(a platform.ArgType) bool {
	switch a {
	case platform.ArgAnything, platform.ArgPtrToCtx, platform.ArgPtrToCtxOrNull, platform.ArgPtrToMap, platform.ArgConstPtrToMap,
		platform.ArgPtrToMapKey, platform.ArgPtrToMapValue, platform.ArgPtrToUninitMapValue, platform.ArgPtrToStack,
		platform.ArgPtrToStackOrNull, platform.ArgPtrToLong, platform.ArgPtrToInt, platform.ArgConstAllocSizeOrZero,
		platform.ArgPtrToAllocMem, platform.ArgPtrToBTFIDSockCommon, platform.ArgPtrToSockCommon, platform.ArgPtrToBTFID:
		return true
	}
	return needsSize(a) || isSize(a)
}

// Where arguments lie in the frame: below what the other constructs use.
const (
	keyAt    = -128
	valueAt  = -160 // 24 bytes
	memoryAt = -224 // 64 bytes
)

// callee emits a call of any function, with arguments as its prototype wants them.
func (g *generator) callee() {
	if len(g.cfg.Callees) == 0 {
		return
	}
	f := &g.cfg.Callees[g.IntN(len(g.cfg.Callees))]
	for k := g.IntN(12); k > 0 && !returnsSocket(f); k-- { // few do, but what they give is special
		if f2 := &g.cfg.Callees[g.IntN(len(g.cfg.Callees))]; returnsSocket(f2) {
			f = f2
		}
	}
	// Arguments are made of what r6 to r10 hold: first look whether all can be.
	for _, a := range f.Args {
		need := nothing
		switch a {
		case platform.ArgPtrToCtx:
			if g.regs[6] != ctxPtr {
				return
			}
		case platform.ArgPtrToAllocMem:
			need = allocPtr
		case platform.ArgPtrToBTFIDSockCommon, platform.ArgPtrToSockCommon:
			need = sockPtr
		case platform.ArgPtrToBTFID:
			need = btfPtr
		}
		if need != nothing && g.regs[7] != need && g.regs[8] != need {
			return
		}
	}
	m := g.aMap()
	size := 0 // of the memory argument before
	alloc := 0
	var shared int
	if f.SizeArg != 0 {
		shared = 1 + g.IntN(32)
	}
	for i, a := range f.Args {
		if a == platform.ArgDontCare {
			break
		}
		r := i + 1
		switch a {
		case platform.ArgAnything:
			g.numberInto(r)
		case platform.ArgPtrToCtx:
			g.mov(r, 6)
		case platform.ArgPtrToCtxOrNull:
			if g.regs[6] == ctxPtr && g.IntN(3) != 0 {
				g.mov(r, 6)
			} else {
				g.emit(isa.Slot{Op: 0xb7, Dst: isa.Reg(r)})
			}
		case platform.ArgPtrToMap, platform.ArgConstPtrToMap:
			g.emit(isa.Slot{Op: isa.OpLDDW, Dst: isa.Reg(r), Src: isa.SrcMapFD, Imm: int32(m.FD)})
			g.emit(isa.Slot{})
		case platform.ArgPtrToMapKey:
			g.mapMemory(r, keyAt, int(m.KeySize))
		case platform.ArgPtrToMapValue, platform.ArgPtrToUninitMapValue:
			g.mapMemory(r, valueAt, int(m.ValueSize))
		case platform.ArgPtrToStack, platform.ArgPtrToStackOrNull:
			g.frameInto(r, memoryAt)
		case platform.ArgPtrToLong, platform.ArgPtrToInt:
			n := 8
			if a == platform.ArgPtrToInt {
				n = 4
			}
			g.memoryInto(r, n, true, false)
		case platform.ArgConstAllocSizeOrZero:
			alloc = g.IntN(40)
			g.emit(isa.Slot{Op: 0xb7, Dst: isa.Reg(r), Imm: int32(alloc)})
		case platform.ArgPtrToAllocMem:
			g.mov(r, g.either(allocPtr))
		case platform.ArgPtrToBTFIDSockCommon, platform.ArgPtrToSockCommon:
			g.mov(r, g.either(sockPtr))
		case platform.ArgPtrToBTFID:
			g.mov(r, g.either(btfPtr))
		case platform.ArgConstSize, platform.ArgConstSizeOrZero:
			n := size
			if shared != 0 {
				n = shared
			}
			g.sizeInto(r, n, a == platform.ArgConstSizeOrZero)
		default: // memory
			size = 1 + g.IntN(32)
			if shared != 0 {
				size = shared
			}
			write := a == platform.ArgPtrToWritableMem || a == platform.ArgPtrToWritableMemOrNull
			orNull := a == platform.ArgPtrToReadableMemOrNull || a == platform.ArgPtrToReadonlyMemOrNull || a == platform.ArgPtrToWritableMemOrNull
			if orNull && g.IntN(4) == 0 {
				g.emit(isa.Slot{Op: 0xb7, Dst: isa.Reg(r)})
				size = 0
				break
			}
			g.memoryInto(r, size, write, f.SizeArg == 0)
		}
	}
	s := f.Slot
	if s.Src == isa.SrcHelper && g.cfg.CallX && g.IntN(3) == 0 {
		r := 7 + g.IntN(2)
		g.emit(isa.Slot{Op: 0xb7, Dst: isa.Reg(r), Imm: s.Imm})
		g.regs[r] = number
		s = isa.Slot{Op: isa.OpCallX, Dst: isa.Reg(r)}
	}
	g.emit(s)
	for r := 0; r <= 5; r++ {
		g.regs[r] = nothing
	}
	if f.ReallocatesPacket && (g.cfg.Wild == 0 || g.IntN(3) != 0) {
		for r := range g.regs {
			if g.regs[r] == packetPtr || g.regs[r] == endPtr || g.regs[r] == mixed {
				g.regs[r] = nothing
			}
		}
		for w, s := range g.spilled {
			if s.holds == packetPtr || s.holds == endPtr || s.holds == mixed {
				delete(g.spilled, w)
			}
		}
	}
	switch f.Return {
	case platform.RetPtrToMapValueOrNull:
		room := int(m.ValueSize)
		if f.Args[0] != platform.ArgPtrToMap && f.Args[0] != platform.ArgConstPtrToMap {
			room = 0
		}
		g.checked(valuePtr, room)
	case platform.RetPtrToSockCommonOrNull, platform.RetPtrToSocketOrNull, platform.RetPtrToTCPSocketOrNull:
		g.checked(sockPtr, 0)
		for k := g.IntN(4); k > 0; k-- {
			g.loadSocket()
		}
	case platform.RetPtrToAllocMemOrNull:
		g.checked(allocPtr, alloc)
	case platform.RetPtrToBTFIDOrNull, platform.RetPtrToMemOrBTFIDOrNull:
		g.checked(btfPtr, 0)
	case platform.RetPtrToBTFID, platform.RetPtrToMemOrBTFID:
		g.regs[0] = btfPtr
		g.mov(7+g.IntN(2), 0)
	default:
		g.regs[0] = number
	}
}

// aMap is a map that has keys and values.
// loadSocket loads a member of a socket, or a part of one.
func (g *generator) loadSocket() {
	dst, base := g.reg(), g.pick(sockPtr)
	if base < 0 || base == dst {
		return
	}
	f := &g.cfg.Socket[g.IntN(len(g.cfg.Socket))]
	size := memSizes[g.IntN(3)]
	off := f.Offset
	switch {
	case f.Narrow && size.n <= f.MaxWidth:
		off += size.n * g.IntN(f.Span/size.n)
	case size.n != f.MaxWidth:
		return
	}
	g.emit(isa.Slot{Op: [...]uint8{0x61, 0x61, 0x81}[g.IntN(3)] | size.op, Dst: isa.Reg(dst), Src: isa.Reg(base), Off: int16(off)})
	g.regs[dst] = number
}

func (g *generator) aMap() platform.Map { return g.cfg.Maps[g.IntN(len(g.cfg.Maps))] }

func (g *generator) either(h holds) int {
	if g.regs[7] == h {
		return 7
	}
	return 8
}

// numberInto puts a number into an argument register.
func (g *generator) numberInto(r int) {
	for _, s := range []int{7, 8, 9} {
		if (g.regs[s] == number || g.regs[s] == small) && g.IntN(3) == 0 {
			g.emit(isa.Slot{Op: 0xbf, Dst: isa.Reg(r), Src: isa.Reg(s)})
			return
		}
	}
	g.emit(isa.Slot{Op: 0xb7, Dst: isa.Reg(r), Imm: g.edge()})
}

func (g *generator) frameInto(r int, off int32) {
	g.emit(isa.Slot{Op: 0xbf, Dst: isa.Reg(r), Src: 10})
	g.emit(isa.Slot{Op: 0x07, Dst: isa.Reg(r), Imm: off})
}

// mapMemory points r to a key or value for a map.
func (g *generator) mapMemory(r, at, n int) {
	if g.IntN(4) == 0 {
		for _, b := range []int{7, 8} {
			if h := g.regs[b]; (h == packetPtr || h == valuePtr || h == mixed) && g.room[b] >= n {
				g.emit(isa.Slot{Op: 0xbf, Dst: isa.Reg(r), Src: isa.Reg(b)})
				return
			}
		}
	}
	g.initialize(at, n)
	g.frameInto(r, int32(at))
}

// initialize stores numbers to n bytes of the frame, or, taking a risk, to fewer.
func (g *generator) initialize(at, n int) {
	if g.cfg.Wild > 0 && g.IntN(4) == 0 {
		n -= 1 + g.IntN(n)
	}
	for n > 0 {
		size := 8
		op := uint8(0x7a)
		switch {
		case n >= 8:
		case n >= 4:
			size, op = 4, 0x62
		case n >= 2:
			size, op = 2, 0x6a
		default:
			size, op = 1, 0x72
		}
		imm := g.edge()
		if g.IntN(2) == 0 {
			imm = g.Int32N(6)
		}
		g.emit(isa.Slot{Op: op, Dst: 10, Off: int16(at), Imm: imm})
		g.wrote(10, int16(at), size)
		at, n = at+size, n-size
	}
}

// memoryInto points r to n bytes that a function may read, or may write.
func (g *generator) memoryInto(r, n int, write, mayBeMixed bool) {
	if write && mayBeMixed && g.IntN(3) == 0 && g.stackOr(r, n) {
		return
	}
	if g.IntN(2) == 0 {
		for _, b := range []int{8, 7} {
			h := g.regs[b]
			if (h == packetPtr || h == valuePtr || h == allocPtr && write || h == mixed && mayBeMixed) && g.room[b] >= n {
				g.emit(isa.Slot{Op: 0xbf, Dst: isa.Reg(r), Src: isa.Reg(b)})
				if h == mixed && write {
					g.doubtAll()
				}
				return
			}
		}
	}
	at := memoryAt
	if write && g.IntN(2) == 0 { // over what the program uses
		at = -8*(g.IntN(12)+1) - g.IntN(8)
		at = min(at, -n)
		for w := range g.spilled {
			if off := -8 * (w + 1); off+8 > at && off < at+n {
				delete(g.spilled, w)
			}
		}
	}
	if !write || g.IntN(2) == 0 {
		g.initialize(at, n)
	}
	g.frameInto(r, int32(at))
}

// stackOr points r to the frame, over numbers that are known, or elsewhere; it reports
// whether there is something for that.
func (g *generator) stackOr(r, n int) bool {
	other, cond := -1, -1
	for _, b := range []int{7, 8, 9} {
		switch h := g.regs[b]; {
		case (h == packetPtr || h == valuePtr) && g.room[b] >= n:
			other = b
		case h == number || h == small:
			cond = b
		}
	}
	if other < 0 || cond < 0 {
		return false
	}
	g.clear()
	g.frameInto(r, -64)
	g.emit(isa.Slot{Op: [...]uint8{0x25, 0x45, 0x65}[g.IntN(3)], Dst: isa.Reg(cond), Imm: g.edge(), Off: 1})
	g.emit(isa.Slot{Op: 0xbf, Dst: isa.Reg(r), Src: isa.Reg(other)})
	g.doubtAll()
	return true
}

// doubtAll forgets what the frame holds: it was perhaps overwritten.
func (g *generator) doubtAll() {
	g.stack = [64]bool{}
	clear(g.spilled)
}

// sizeInto puts a size of at most n bytes into r: a constant, or a number in a range.
func (g *generator) sizeInto(r, n int, zero bool) {
	if g.cfg.Wild > 0 && g.IntN(6) == 0 {
		n = [...]int{0, n + 1, -1}[g.IntN(3)]
	}
	if n > 1 && g.IntN(3) == 0 {
		for _, s := range []int{7, 8, 9} {
			if g.regs[s] != number && g.regs[s] != small {
				continue
			}
			mask := 1
			for mask*2 <= n {
				mask *= 2
			}
			g.emit(isa.Slot{Op: 0xbf, Dst: isa.Reg(r), Src: isa.Reg(s)})
			g.emit(isa.Slot{Op: 0x57, Dst: isa.Reg(r), Imm: int32(mask - 1)})
			if !zero {
				g.emit(isa.Slot{Op: 0x07, Dst: isa.Reg(r), Imm: 1})
			}
			return
		}
	}
	g.emit(isa.Slot{Op: 0xb7, Dst: isa.Reg(r), Imm: int32(n)})
}

// checked gives up where r0, a pointer or null, is null, and keeps a copy. The check is
// of r0 or of the copy.
func (g *generator) checked(h holds, room int) {
	dst := 7 + g.IntN(2)
	of := 0
	if g.IntN(3) == 0 {
		of = dst
	}
	g.mov(dst, 0)
	if g.IntN(4) == 0 {
		g.emit(isa.Slot{Op: 0x15, Dst: isa.Reg(of), Imm: 0, Off: 1})
		g.emit(isa.Slot{Op: isa.OpJA, Off: 2})
	} else {
		g.emit(isa.Slot{Op: 0x55, Dst: isa.Reg(of), Imm: 0, Off: 2})
	}
	g.emit(isa.Slot{Op: 0xb7, Dst: 0, Imm: g.edge()})
	g.emit(isa.Slot{Op: isa.OpExit})
	// The check says nothing of the other register but through their equality.
	other := dst
	if of == dst {
		other = 0
	}
	g.regs[of], g.room[of] = h, room
	g.regs[other] = nothing
	if g.IntN(2) == 0 {
		g.mov(other, of)
	}
	if g.cfg.Wild > 0 && g.IntN(4) == 0 {
		g.regs[other], g.room[other] = h, room
	}
}
