// Package soundness holds the verifier against concrete execution: programs are
// generated or mutated, judged, and run on many inputs. An accepted program must
// never do an unsafe step, and every concrete state must lie in the abstract state
// that is shown at its instruction.
package soundness

import (
	"math/rand/v2"

	"bpfls/isa"
	"bpfls/platform"
)

// Program is a generated program.
type Program struct {
	Code []isa.Slot
	Maps []platform.Map
	Type *platform.ProgramType

	BigEndian bool // runs on a big-endian machine
}

// Maps are the maps that generated programs use: an array and a hash with the
// numbers of eBPF for Windows, which are Linux' with other names.
func Maps(hash, array uint32) []platform.Map {
	return []platform.Map{
		{FD: 1, Name: "table", Type: hash, KeySize: 8, ValueSize: 24, MaxEntries: 16, InnerFD: -1},
		{FD: 2, Name: "slots", Type: array, KeySize: 4, ValueSize: 16, MaxEntries: 4, InnerFD: -1},
	}
}

// Config says what a generator may use.
type Config struct {
	Type    *platform.ProgramType
	Maps    []platform.Map
	Length  int // about how many instructions
	Wild    int // one of so many steps ignores what is known to be safe; 0: none
	Loops   bool
	Calls   bool
	Helpers bool // map helpers and the random numbers of ids Lookup, Update, Random
	// Pointers allows pointer arithmetic and comparisons of all kinds, fields of the
	// context as targets of stores, and addresses of map values.
	Pointers bool
	Lookup   int32
	Update   int32
	Random   int32
	Callees  []Callee // called with arguments by their prototypes
	CallX    bool     // some helpers through a register
	Legacy   bool     // legacy packet loads
	Mixes    bool     // registers of several types, contexts' pointers in parts, divisors that are not zero

	Socket []platform.SocketField // what may be loaded from a socket
}

// holds is what the generator believes of a register.
type holds uint8

const (
	nothing holds = iota
	number
	small  // a number below 64
	ctxPtr // r1 as it came
	stackPtr
	packetPtr
	endPtr
	valuePtr // a map value, checked for null
	allocPtr // memory that a helper reserved
	sockPtr
	btfPtr
	mixed // one of several pointers
)

type generator struct {
	*rand.Rand
	cfg     Config
	code    []isa.Slot
	regs    [10]holds
	room    [10]int  // bytes behind a pointer that may be accessed
	stack   [64]bool // 8-byte words of the frame that hold numbers; word 0 is r10-8
	spilled map[int]spill
	pending []fix // jumps forward to be resolved
	subs    [2]function
	inside  int // number of the subprogram that is made; 0: none
	depth   int
}

type spill struct {
	holds holds
	room  int
}

// fix is a conditional jump whose target comes later, and what was known there.
type fix struct {
	slot  int
	left  int // instructions until it is resolved
	saved snapshot
}

type snapshot struct {
	regs    [10]holds
	room    [10]int
	stack   [64]bool
	spilled map[int]spill
}

// Generate makes a program. Equal seeds give equal programs.
func Generate(seed uint64, cfg Config) Program {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0xbf58476d1ce4e5b9)), cfg: cfg, spilled: map[int]spill{}}
	g.program()
	return Program{Code: g.code, Maps: cfg.Maps, Type: cfg.Type}
}

func (g *generator) emit(s isa.Slot) { g.code = append(g.code, s) }

func (g *generator) program() {
	g.regs[1] = ctxPtr
	g.mov(6, 1)
	if g.cfg.Type.Context.HasPacket() && g.IntN(4) != 0 {
		g.openPacket()
	}
	n := g.cfg.Length/2 + g.IntN(g.cfg.Length+1)
	for len(g.code) < n {
		g.step()
	}
	g.resolve(true)
	r := g.pick(number, small)
	if r < 0 || g.IntN(3) == 0 {
		g.movImm(0, g.edge())
	} else {
		g.mov(0, r)
	}
	g.emit(isa.Slot{Op: isa.OpExit})
	for k := range g.subs {
		if len(g.subs[k].sites) > 0 {
			g.subprogram(k)
		}
	}
}

// step emits one construct.
func (g *generator) step() {
	g.resolve(false)
	if g.cfg.Wild > 0 && g.IntN(g.cfg.Wild) == 0 {
		g.wild()
		return
	}
	if g.cfg.Mixes && g.IntN(5) == 0 {
		g.mix()
		return
	}
	if len(g.cfg.Callees) > 0 && g.IntN(16) == 0 {
		g.callee()
		return
	}
	n := 32
	if g.cfg.Pointers {
		n = 38
	}
	switch k := g.IntN(n); {
	case k >= 32:
		g.pointers()
	case k < 9:
		g.alu()
	case k < 12:
		g.load()
	case k < 16:
		g.store()
	case k < 18:
		g.atomic()
	case k < 21:
		g.branch()
	case k < 23:
		g.indexed()
	case k < 24:
		g.extend()
	case k < 25:
		g.spill()
	case k < 26 && g.cfg.Helpers:
		g.lookup()
	case k < 27 && g.cfg.Helpers:
		g.update()
	case k < 28 && g.cfg.Helpers:
		g.call(g.cfg.Random)
		g.regs[0] = number
	case k < 29 && g.cfg.Loops && g.depth == 0 && len(g.pending) == 0:
		g.loop()
	case k < 30 && g.cfg.Calls && g.depth == 0:
		g.callLocal()
	case k < 31 && g.cfg.Type.Context.HasPacket():
		g.openPacket()
	default:
		g.movImm(g.reg(), g.edge())
	}
}

// reg picks a register to write: not r6, which keeps the context, and not r9,
// which counts in loops.
func (g *generator) reg() int {
	for {
		if r := g.IntN(9); r != 6 {
			return r
		}
	}
}

// pick finds a register that holds one of kinds, -1 if there is none.
func (g *generator) pick(kinds ...holds) int {
	start := g.IntN(10)
	for i := range 10 {
		r := (start + i) % 10
		for _, k := range kinds {
			if g.regs[r] == k {
				return r
			}
		}
	}
	return -1
}

// someNumber is a register that holds a number, made if need be.
func (g *generator) someNumber() int {
	if r := g.pick(number, small); r >= 0 && g.IntN(8) != 0 {
		return r
	}
	r := g.reg()
	g.movImm(r, g.edge())
	return r
}

// edge gives an immediate, the ends of ranges often.
func (g *generator) edge() int32 {
	switch g.IntN(6) {
	case 0:
		return g.Int32N(16) - 4
	case 1:
		return [...]int32{0, 1, -1, 2, 7, 8, 31, 32, 63, 64, 127, 128, 255, 256, 65535, 65536}[g.IntN(16)]
	case 2:
		return [...]int32{-1 << 31, 1<<31 - 1, -1<<31 + 1, 1<<31 - 2, -2, 1 << 30}[g.IntN(6)]
	case 3:
		return 1<<g.IntN(31) - 1
	case 4:
		return 1 << g.IntN(31)
	}
	return int32(g.Uint32())
}

func (g *generator) mov(dst, src int) {
	g.emit(isa.Slot{Op: 0xbf, Dst: isa.Reg(dst), Src: isa.Reg(src)})
	if src < 10 {
		g.regs[dst], g.room[dst] = g.regs[src], g.room[src]
	}
}

func (g *generator) movImm(dst int, imm int32) {
	switch g.IntN(8) {
	case 0:
		hi := int32(g.Uint32())
		if g.IntN(2) == 0 {
			hi = g.edge()
		}
		g.emit(isa.Slot{Op: isa.OpLDDW, Dst: isa.Reg(dst), Imm: imm})
		g.emit(isa.Slot{Imm: hi})
	case 1:
		g.emit(isa.Slot{Op: 0xb4, Dst: isa.Reg(dst), Imm: imm})
	default:
		g.emit(isa.Slot{Op: 0xb7, Dst: isa.Reg(dst), Imm: imm})
	}
	g.regs[dst] = number
}

// alu emits an operation on numbers.
func (g *generator) alu() {
	dst := g.someNumber()
	if dst == 9 {
		dst = g.reg()
		g.movImm(dst, g.edge())
	}
	class := uint8(0x07)
	if g.IntN(2) == 0 {
		class = 0x04
	}
	g.regs[dst] = number
	switch g.IntN(12) {
	case 0: // byte swaps
		g.emit(isa.Slot{Op: [...]uint8{0xdc, 0xd4, 0xd7}[g.IntN(3)], Dst: isa.Reg(dst), Imm: [...]int32{16, 32, 64}[g.IntN(3)]})
		return
	case 1: // negation
		g.emit(isa.Slot{Op: 0x80 | class, Dst: isa.Reg(dst)})
		return
	case 2: // sign-extending moves
		src := g.someNumber()
		off := [...]int16{8, 16, 32}[g.IntN(3)]
		if class == 0x04 && off == 32 {
			off = 16
		}
		g.emit(isa.Slot{Op: 0xb8 | class, Dst: isa.Reg(dst), Src: isa.Reg(src), Off: off})
		return
	case 3: // the two shifts that extend a low half
		g.emit(isa.Slot{Op: 0x67, Dst: isa.Reg(dst), Imm: 32})
		g.emit(isa.Slot{Op: [...]uint8{0x77, 0xc7}[g.IntN(2)], Dst: isa.Reg(dst), Imm: 32})
		return
	}
	ops := [...]struct {
		op  uint8
		off int16
	}{{0x00, 0}, {0x10, 0}, {0x20, 0}, {0x30, 0}, {0x30, 1}, {0x40, 0}, {0x50, 0}, {0x60, 0}, {0x70, 0}, {0x90, 0}, {0x90, 1}, {0xa0, 0}, {0xb0, 0}, {0xc0, 0}}
	o := ops[g.IntN(len(ops))]
	s := isa.Slot{Op: o.op | class, Dst: isa.Reg(dst), Off: o.off}
	if g.IntN(2) == 0 {
		s.Op |= 0x08
		s.Src = isa.Reg(g.someNumber())
		if o.op == 0xb0 && class == 0x07 {
			g.regs[dst] = g.regs[s.Src]
		}
	} else {
		s.Imm = g.edge()
		if o.op == 0x60 || o.op == 0x70 || o.op == 0xc0 {
			s.Imm = g.Int32N(32)
			if class == 0x07 {
				s.Imm = g.Int32N(64)
			}
		}
	}
	g.emit(s)
	if s.Op&0x08 == 0 && o.op == 0x50 && s.Imm >= 0 && s.Imm < 64 {
		g.regs[dst] = small
	}
}

var memSizes = [...]struct {
	op uint8
	n  int
}{{0x10, 1}, {0x08, 2}, {0x00, 4}, {0x18, 8}}

// place finds memory of at least n bytes: a base register and an offset.
func (g *generator) place(n int, write bool) (base int, off int16, ok bool) {
	if g.IntN(2) == 0 {
		if r := g.pick(packetPtr, valuePtr, stackPtr, allocPtr, mixed); r >= 0 && g.room[r] >= n && !(write && g.regs[r] == mixed) {
			if g.cfg.Wild > 0 && g.IntN(4) == 0 { // one byte too far
				return r, int16([...]int{g.room[r] - n + 1, -1}[g.IntN(2)]), true
			}
			return r, int16(g.IntN(g.room[r] - n + 1)), true
		}
	}
	// The frame: whole words that hold numbers for reads, anything for writes.
	off = int16(-(g.IntN(96) + 1))
	if g.IntN(2) == 0 {
		off = -int16(g.IntN(12)+1) * 8
	}
	if int(off)+n > 0 {
		off = int16(-n)
	}
	if write {
		return 10, off, true
	}
	for i := range n {
		if !g.stack[(-int(off)-i-1)/8] {
			return 0, 0, false
		}
	}
	return 10, off, true
}

// wrote notes that bytes of the frame hold numbers.
func (g *generator) wrote(base int, off int16, n int) {
	if base != 10 {
		return
	}
	for i := range n {
		w := (-int(off) - i - 1) / 8
		delete(g.spilled, w)
	}
	if n == 8 && off%8 == 0 {
		g.stack[-off/8-1] = true
	}
}

func (g *generator) load() {
	size := memSizes[g.IntN(4)]
	dst := g.reg()
	if g.IntN(6) == 0 && g.regs[6] == ctxPtr { // a field of the context
		c := g.cfg.Type.Context
		lo := 0
		for _, p := range []int{c.Data, c.End, c.Meta} {
			if p >= lo {
				lo = p + 8
			}
		}
		if lo+size.n <= c.Size {
			off := lo + g.IntN(c.Size-lo-size.n+1)
			g.emit(isa.Slot{Op: 0x61 | size.op, Dst: isa.Reg(dst), Src: 6, Off: int16(off)})
			g.regs[dst] = number
			return
		}
	}
	base, off, ok := g.place(size.n, false)
	if !ok {
		return
	}
	op := 0x61 | size.op
	if g.IntN(3) == 0 && size.n < 8 {
		op = 0x81 | size.op // sign-extending
	}
	g.emit(isa.Slot{Op: op, Dst: isa.Reg(dst), Src: isa.Reg(base), Off: off})
	g.regs[dst] = number
}

func (g *generator) store() {
	size := memSizes[g.IntN(4)]
	if g.IntN(8) == 0 { // of what may be anything, or unset
		r, w := g.pick(nothing), g.IntN(8)
		if r < 0 {
			return
		}
		g.emit(isa.Slot{Op: 0x7b, Dst: 10, Src: isa.Reg(r), Off: int16(-8 * (w + 1))})
		g.stack[w] = false
		delete(g.spilled, w)
		return
	}
	base, off, ok := g.place(size.n, true)
	if !ok {
		return
	}
	if g.IntN(2) == 0 {
		g.emit(isa.Slot{Op: 0x62 | size.op, Dst: isa.Reg(base), Off: off, Imm: g.edge()})
	} else {
		src := g.someNumber()
		if src == base {
			return
		}
		g.emit(isa.Slot{Op: 0x63 | size.op, Dst: isa.Reg(base), Src: isa.Reg(src), Off: off})
	}
	g.wrote(base, off, size.n)
}

// atomic emits a read-modify-write of a word that holds a number.
func (g *generator) atomic() {
	n, op := 8, uint8(0xdb)
	if g.IntN(2) == 0 {
		n, op = 4, 0xc3
	}
	base, off, ok := g.place(n, false)
	if !ok {
		return
	}
	src := g.someNumber()
	if src == base || src == 9 {
		return
	}
	imm := [...]int32{0x00, 0x40, 0x50, 0xa0, 0x01, 0x41, 0x51, 0xa1, 0xe1, 0xf1}[g.IntN(10)]
	if imm == 0xf1 && g.regs[0] != number && g.regs[0] != small {
		g.movImm(0, g.edge())
		if base == 0 {
			return
		}
	}
	if imm == 0xf1 && base == 0 {
		return
	}
	g.emit(isa.Slot{Op: op, Dst: isa.Reg(base), Src: isa.Reg(src), Off: off, Imm: imm})
	switch {
	case imm == 0xf1:
		g.regs[0] = number
	case imm&1 != 0:
		g.regs[src] = number
	}
	g.wrote(base, off, n)
}

// branch emits a comparison that jumps a few constructs ahead.
func (g *generator) branch() {
	left := g.someNumber()
	op := [...]uint8{0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0}[g.IntN(11)]
	s := isa.Slot{Op: op | 0x05, Dst: isa.Reg(left), Imm: g.edge()}
	if g.IntN(2) == 0 {
		s.Op = op | 0x06
	}
	if g.IntN(3) == 0 {
		s.Op |= 0x08
		s.Imm = 0
		s.Src = isa.Reg(g.someNumber())
		s.Dst = isa.Reg(left)
		if g.regs[left] != number && g.regs[left] != small {
			return
		}
	}
	g.pending = append(g.pending, fix{slot: len(g.code), left: 1 + g.IntN(5), saved: g.save()})
	g.emit(s)
}

func (g *generator) save() snapshot {
	spilled := make(map[int]spill, len(g.spilled))
	for k, v := range g.spilled {
		spilled[k] = v
	}
	return snapshot{g.regs, g.room, g.stack, spilled}
}

// meet keeps what holds on both ways.
func (g *generator) meet(s snapshot) {
	for r := range g.regs {
		a, b := g.regs[r], s.regs[r]
		if a != b {
			if (a == number || a == small) && (b == number || b == small) {
				g.regs[r] = number
			} else {
				g.regs[r] = nothing
			}
		}
		g.room[r] = min(g.room[r], s.room[r])
	}
	for w := range g.stack {
		g.stack[w] = g.stack[w] && s.stack[w]
	}
	for w, v := range g.spilled {
		if s.spilled[w] != v {
			delete(g.spilled, w)
		}
	}
}

// resolve lets jumps land here whose time has come.
func (g *generator) resolve(all bool) {
	kept := g.pending[:0]
	for _, f := range g.pending {
		if f.left--; f.left > 0 && !all {
			kept = append(kept, f)
			continue
		}
		g.code[f.slot].Off = int16(len(g.code) - f.slot - 1)
		g.meet(f.saved)
	}
	g.pending = kept
}

// indexed makes a pointer with a variable offset that is checked or masked first.
func (g *generator) indexed() {
	base := g.pick(packetPtr, valuePtr, stackPtr)
	idx := g.someNumber()
	if idx == 9 || idx == base {
		return
	}
	if base < 0 {
		base = g.reg()
		if base == idx {
			return
		}
		g.mov(base, 10)
		g.emit(isa.Slot{Op: 0x07, Dst: isa.Reg(base), Imm: -64})
		g.regs[base], g.room[base] = stackPtr, 64
	}
	room := g.room[base]
	if room < 8 {
		return
	}
	limit := room/2 - 1
	switch g.IntN(3) {
	case 0: // a mask
		mask := 1
		for mask*2-1 <= limit {
			mask *= 2
		}
		limit = mask - 1
		g.emit(isa.Slot{Op: 0x57, Dst: isa.Reg(idx), Imm: int32(limit)})
	case 1: // a remainder
		g.emit(isa.Slot{Op: 0x97, Dst: isa.Reg(idx), Imm: int32(limit + 1)})
	default: // a comparison; beyond it, zero
		op := [...]uint8{0xb5, 0xb6}[g.IntN(2)]
		if op == 0xb6 {
			g.emit(isa.Slot{Op: 0xbc, Dst: isa.Reg(idx), Src: isa.Reg(idx)})
		}
		g.emit(isa.Slot{Op: op, Dst: isa.Reg(idx), Imm: int32(limit), Off: 1})
		g.emit(isa.Slot{Op: 0xb7, Dst: isa.Reg(idx), Imm: 0})
	}
	g.regs[idx] = small
	dst := g.reg()
	if dst == idx || dst == base {
		return
	}
	g.mov(dst, base)
	g.emit(isa.Slot{Op: 0x0f, Dst: isa.Reg(dst), Src: isa.Reg(idx)})
	g.regs[dst], g.room[dst] = g.regs[base], room-limit
}

// extend moves a pointer by a constant.
func (g *generator) extend() {
	base := g.pick(packetPtr, valuePtr, stackPtr)
	if base < 0 || g.room[base] < 4 {
		return
	}
	dst := g.reg()
	if dst == base {
		return
	}
	n := g.IntN(g.room[base])
	room := g.room[base] - n
	g.mov(dst, base)
	if g.IntN(3) == 0 {
		g.emit(isa.Slot{Op: 0x17, Dst: isa.Reg(dst), Imm: int32(-n)})
	} else {
		g.emit(isa.Slot{Op: 0x07, Dst: isa.Reg(dst), Imm: int32(n)})
	}
	g.room[dst] = room
}

// pointers emits something that is done with pointers.
func (g *generator) pointers() {
	kind := [...]holds{packetPtr, valuePtr, stackPtr, ctxPtr}[g.IntN(4)]
	if kind == stackPtr && g.pick(stackPtr) < 0 {
		r := g.reg()
		g.mov(r, 10)
		g.emit(isa.Slot{Op: 0x07, Dst: isa.Reg(r), Imm: -96})
		g.regs[r], g.room[r] = stackPtr, 96
	}
	base := g.pick(kind)
	dst, tmp := g.reg(), g.reg()
	if base < 0 || dst == base || tmp == base || dst == tmp {
		return
	}
	room := 1
	if kind != ctxPtr && g.room[base] > 1 {
		room = g.room[base]
	}
	n := int32(g.IntN(room))
	become := func(h holds) { g.regs[dst], g.room[dst] = h, max(0, g.room[base]-int(n)) }
	switch g.IntN(10) {
	case 8: // half of a pointer
		g.mov(dst, base)
		s := isa.Slot{Op: [...]uint8{0x04, 0x14}[g.IntN(2)], Dst: isa.Reg(dst), Imm: n}
		if g.IntN(2) == 0 {
			s.Op, s.Src, s.Imm = s.Op|0x08, isa.Reg(tmp), 0
			g.emit(isa.Slot{Op: 0xb7, Dst: isa.Reg(tmp), Imm: n})
			g.regs[tmp] = number
		}
		g.emit(s)
		g.regs[dst] = nothing
	case 0: // number += pointer
		g.emit(isa.Slot{Op: 0xb7, Dst: isa.Reg(dst), Imm: n})
		g.emit(isa.Slot{Op: 0x0f, Dst: isa.Reg(dst), Src: isa.Reg(base)})
		become(g.regs[base])
	case 1: // pointer -= number
		g.emit(isa.Slot{Op: 0xb7, Dst: isa.Reg(tmp), Imm: -n})
		g.regs[tmp] = number
		g.mov(dst, base)
		g.emit(isa.Slot{Op: 0x1f, Dst: isa.Reg(dst), Src: isa.Reg(tmp)})
		become(g.regs[base])
	case 2: // there and back by constants
		g.mov(dst, base)
		g.emit(isa.Slot{Op: 0x07, Dst: isa.Reg(dst), Imm: 8})
		g.emit(isa.Slot{Op: 0x17, Dst: isa.Reg(dst), Imm: 8})
	case 3, 4: // comparison of pointers
		g.mov(dst, base)
		if kind != valuePtr && g.IntN(2) == 0 {
			g.emit(isa.Slot{Op: 0x07, Dst: isa.Reg(dst), Imm: n})
			become(g.regs[base])
		}
		if kind == valuePtr {
			return
		}
		op := [...]uint8{0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0}[g.IntN(11)]
		g.pending = append(g.pending, fix{slot: len(g.code), left: 1 + g.IntN(4), saved: g.save()})
		g.emit(isa.Slot{Op: op | 0x0d, Dst: isa.Reg(dst), Src: isa.Reg(base)})
	case 5: // comparison with null
		op := [...]uint8{0x10, 0x50, 0x20, 0xa0, 0x30, 0xb0, 0x40}[g.IntN(7)]
		g.pending = append(g.pending, fix{slot: len(g.code), left: 1 + g.IntN(4), saved: g.save()})
		g.emit(isa.Slot{Op: op | 0x05, Dst: isa.Reg(base)})
	case 6: // distance
		if kind == valuePtr {
			return
		}
		g.mov(dst, base)
		g.emit(isa.Slot{Op: 0x07, Dst: isa.Reg(dst), Imm: n})
		g.emit(isa.Slot{Op: [...]uint8{0x1f, 0x1f, 0x1f, 0x1c}[g.IntN(4)], Dst: isa.Reg(dst), Src: isa.Reg(base)})
		g.regs[dst] = number
	case 7: // addresses from the loader
		if g.IntN(4) == 0 || len(g.cfg.Maps) == 0 {
			g.emit(isa.Slot{Op: isa.OpLDDW, Dst: isa.Reg(dst), Src: isa.SrcVariable, Imm: g.edge()})
			g.emit(isa.Slot{})
			g.regs[dst] = number
			return
		}
		m := g.cfg.Maps[g.IntN(len(g.cfg.Maps))]
		if g.IntN(3) == 0 {
			g.emit(isa.Slot{Op: isa.OpLDDW, Dst: isa.Reg(tmp), Src: isa.SrcMapFD, Imm: int32(m.FD)})
			g.emit(isa.Slot{})
			g.regs[tmp] = nothing
			g.mov(dst, tmp)
			return
		}
		off := int32(g.IntN(int(m.ValueSize)))
		g.emit(isa.Slot{Op: isa.OpLDDW, Dst: isa.Reg(dst), Src: isa.SrcMapValue, Imm: int32(m.FD)})
		g.emit(isa.Slot{Imm: off})
		g.regs[dst], g.room[dst] = valuePtr, int(m.ValueSize)-int(off)
	default: // a field of the context
		c := g.cfg.Type.Context
		lo := 0
		for _, p := range []int{c.Data, c.End, c.Meta} {
			if p >= lo {
				lo = p + 8
			}
		}
		size := memSizes[g.IntN(4)]
		if g.regs[6] != ctxPtr || lo+size.n > c.Size {
			return
		}
		off := int16(lo + g.IntN(c.Size-lo-size.n+1))
		switch g.IntN(3) {
		case 0:
			g.emit(isa.Slot{Op: 0x62 | size.op, Dst: 6, Off: off, Imm: g.edge()})
		case 1:
			g.emit(isa.Slot{Op: 0x63 | size.op, Dst: 6, Src: isa.Reg(g.someNumber()), Off: off})
		default:
			if size.n < 8 {
				g.emit(isa.Slot{Op: 0x81 | size.op, Dst: isa.Reg(dst), Src: 6, Off: off})
				g.regs[dst] = number
			}
		}
	}
}

// spill stores a register to the frame and reads one back.
func (g *generator) spill() {
	w := g.IntN(12)
	if s, ok := g.spilled[w]; ok && g.IntN(2) == 0 {
		dst := g.reg()
		g.emit(isa.Slot{Op: 0x79, Dst: isa.Reg(dst), Src: 10, Off: int16(-8 * (w + 1))})
		g.regs[dst], g.room[dst] = s.holds, s.room
		return
	}
	r := g.pick(packetPtr, valuePtr, stackPtr, number, small, endPtr, mixed, allocPtr)
	if g.cfg.Mixes && g.IntN(6) == 0 {
		r = 1 + g.IntN(5) // perhaps one that was never set
	}
	if r < 0 {
		return
	}
	if g.regs[r] == nothing {
		g.emit(isa.Slot{Op: 0x7b, Dst: 10, Src: isa.Reg(r), Off: int16(-8 * (w + 1))})
		delete(g.spilled, w)
		g.stack[w] = false
		return
	}
	g.emit(isa.Slot{Op: 0x7b, Dst: 10, Src: isa.Reg(r), Off: int16(-8 * (w + 1))})
	g.spilled[w] = spill{g.regs[r], g.room[r]}
	g.stack[w] = g.regs[r] == number || g.regs[r] == small
}

// openPacket loads the packet's pointers and checks for some bytes.
func (g *generator) openPacket() {
	if g.regs[6] != ctxPtr {
		return
	}
	c := g.cfg.Type.Context
	op := uint8(0x79)
	if c.End-c.Data == 4 {
		op = 0x61
	}
	data, end, probe := 7, 8, 5
	g.emit(isa.Slot{Op: op, Dst: isa.Reg(data), Src: 6, Off: int16(c.Data)})
	g.emit(isa.Slot{Op: op, Dst: isa.Reg(end), Src: 6, Off: int16(c.End)})
	g.regs[data], g.room[data], g.regs[end] = packetPtr, 0, endPtr
	n := 1 + g.IntN(40)
	g.mov(probe, data)
	g.emit(isa.Slot{Op: 0x07, Dst: isa.Reg(probe), Imm: int32(n)})
	g.regs[probe] = nothing
	// if probe > end, or end < probe: give up with a number.
	if g.IntN(2) == 0 {
		g.emit(isa.Slot{Op: 0xbd, Dst: isa.Reg(probe), Src: isa.Reg(end), Off: 2}) // probe <= end
	} else {
		g.emit(isa.Slot{Op: 0x3d, Dst: isa.Reg(end), Src: isa.Reg(probe), Off: 2}) // end >= probe
	}
	g.emit(isa.Slot{Op: 0xb7, Dst: 0, Imm: 2})
	g.emit(isa.Slot{Op: isa.OpExit})
	g.room[data] = n
}

// call emits a helper call.
func (g *generator) call(id int32) {
	g.emit(isa.Slot{Op: isa.OpCall, Imm: id})
	for r := 0; r <= 5; r++ {
		g.regs[r] = nothing
	}
}

// key puts a key for a map into the frame and points r2 to it.
func (g *generator) key(m platform.Map) {
	off := int32(-128)
	if m.KeySize == 4 {
		g.emit(isa.Slot{Op: 0x62, Dst: 10, Off: int16(off), Imm: g.Int32N(6)})
	} else {
		g.emit(isa.Slot{Op: 0x7a, Dst: 10, Off: int16(off), Imm: g.Int32N(6)})
	}
	g.emit(isa.Slot{Op: 0xbf, Dst: 2, Src: 10})
	g.emit(isa.Slot{Op: 0x07, Dst: 2, Imm: off})
}

func (g *generator) mapArgument(m platform.Map) {
	g.emit(isa.Slot{Op: isa.OpLDDW, Dst: 1, Src: isa.SrcMapFD, Imm: int32(m.FD)})
	g.emit(isa.Slot{})
}

// lookup finds a map value and checks it.
func (g *generator) lookup() {
	m := g.cfg.Maps[g.IntN(len(g.cfg.Maps))]
	g.key(m)
	g.mapArgument(m)
	g.call(g.cfg.Lookup)
	g.checked(valuePtr, int(m.ValueSize))
}

// update stores initialised bytes of the frame under a key.
func (g *generator) update() {
	m := g.cfg.Maps[g.IntN(len(g.cfg.Maps))]
	g.key(m)
	at := int32(-128 - 8 - int32(m.ValueSize+7)&^7)
	for i := int32(0); i < int32(m.ValueSize); i += 8 {
		g.emit(isa.Slot{Op: 0x7a, Dst: 10, Off: int16(at + i), Imm: g.edge()})
	}
	g.emit(isa.Slot{Op: 0xbf, Dst: 3, Src: 10})
	g.emit(isa.Slot{Op: 0x07, Dst: 3, Imm: at})
	g.emit(isa.Slot{Op: 0xb7, Dst: 4, Imm: 0})
	g.mapArgument(m)
	g.call(g.cfg.Update)
	g.regs[0] = number
}

// loop counts r9 to a constant around a few constructs.
func (g *generator) loop() {
	turns := int32(1 + g.IntN(20))
	g.emit(isa.Slot{Op: 0xb7, Dst: 9, Imm: 0})
	g.regs[9] = small
	before := g.save()
	head := len(g.code)
	// The body may only rely on what every turn leaves.
	for r := range 10 {
		if r != 6 && r != 9 && g.IntN(3) != 0 {
			g.regs[r] = nothing
		}
	}
	top := g.IntN(2) == 0
	var out int
	if top {
		out = len(g.code)
		g.emit(isa.Slot{Op: 0x35, Dst: 9, Imm: turns}) // r9 >= turns: out
	}
	g.depth++
	saved := g.pending
	g.pending = nil
	for n := 1 + g.IntN(4); n > 0; n-- {
		g.step()
	}
	g.resolve(true)
	g.pending = saved
	g.depth--
	g.emit(isa.Slot{Op: 0x07, Dst: 9, Imm: 1})
	if top {
		g.emit(isa.Slot{Op: isa.OpJA, Off: int16(head - len(g.code) - 1)})
		g.code[out].Off = int16(len(g.code) - out - 1)
	} else {
		g.emit(isa.Slot{Op: 0xa5, Dst: 9, Imm: turns, Off: int16(head - len(g.code) - 1)}) // r9 < turns: again
	}
	g.meet(before)
	g.regs[9] = number
}

// function is a subprogram: what it takes, and where it is called.
type function struct {
	pointer bool // r1 points to 64 bytes of numbers in the caller's frame
	sites   []int
}

// callLocal calls a subprogram. The first one may call the second.
func (g *generator) callLocal() {
	k := g.IntN(2)
	if g.inside > 0 {
		k = 1
	}
	f := &g.subs[k]
	if len(f.sites) == 0 {
		f.pointer = g.cfg.Mixes && g.IntN(3) == 0
	}
	a, b := g.someNumber(), g.someNumber()
	g.emit(isa.Slot{Op: 0xbf, Dst: 2, Src: isa.Reg(b)})
	if a == 2 {
		a = b
	}
	if f.pointer {
		g.clear()
		for w := range 8 {
			if !g.stack[w] {
				g.emit(isa.Slot{Op: 0x7a, Dst: 10, Off: int16(-8 * (w + 1)), Imm: g.edge()})
				g.wrote(10, int16(-8*(w+1)), 8)
			}
		}
		g.frameInto(1, -64)
	} else {
		g.emit(isa.Slot{Op: 0xbf, Dst: 1, Src: isa.Reg(a)})
	}
	f.sites = append(f.sites, len(g.code))
	g.emit(isa.Slot{Op: isa.OpCall, Src: isa.SrcLocal})
	for r := 1; r <= 5; r++ {
		g.regs[r] = nothing
	}
	g.regs[0] = number
}

// subprogram is what callLocal calls: two numbers in, or a pointer and a number, and a
// number out.
func (g *generator) subprogram(k int) {
	f := &g.subs[k]
	g.inside = k + 1
	start := len(g.code)
	g.regs = [10]holds{1: number, 2: number}
	if f.pointer {
		g.regs[1], g.room[1] = stackPtr, 64
	}
	g.stack = [64]bool{}
	g.spilled = map[int]spill{}
	g.depth++
	saved := g.cfg
	g.cfg.Loops = false
	body := func(n int) {
		for n += len(g.code); len(g.code) < n; {
			switch g.IntN(6) {
			case 0:
				g.load()
			case 1:
				g.store()
			case 2:
				if g.cfg.Mixes {
					g.ranged()
				}
				g.resolve(true)
			default:
				g.alu()
			}
		}
	}
	body(3 + g.IntN(8))
	if saved.Loops && g.IntN(2) == 0 {
		g.emit(isa.Slot{Op: 0xb7, Dst: 9, Imm: 0})
		g.regs[9] = small
		head := len(g.code)
		body(1 + g.IntN(5))
		g.emit(isa.Slot{Op: 0x07, Dst: 9, Imm: 1})
		g.emit(isa.Slot{Op: 0xa5, Dst: 9, Imm: int32(1 + g.IntN(12)), Off: int16(head - len(g.code) - 1)})
		g.regs[9] = number
	}
	if k == 0 && g.IntN(3) == 0 {
		g.callLocal()
	}
	body(g.IntN(6))
	g.cfg = saved
	g.mov(0, g.someNumber())
	g.emit(isa.Slot{Op: isa.OpExit})
	for _, s := range f.sites {
		g.code[s].Imm = int32(start - s - 1)
	}
}

// wild emits something that may well be unsafe.
func (g *generator) wild() {
	r := func() isa.Reg { return isa.Reg(g.IntN(10)) }
	switch g.IntN(13) {
	case 10, 11: // a pointer into memory that others see
		base, p := g.pick(valuePtr, packetPtr), g.pick(stackPtr, packetPtr, ctxPtr, valuePtr)
		if base < 0 || p < 0 || g.room[base] < 8 {
			return
		}
		g.emit(isa.Slot{Op: 0x7b, Dst: isa.Reg(base), Src: isa.Reg(p), Off: int16(g.IntN(g.room[base] - 7))})
	case 12: // what a lookup gives, without a look at it
		if !g.cfg.Helpers {
			return
		}
		m := g.aMap()
		g.key(m)
		g.mapArgument(m)
		g.call(g.cfg.Lookup)
		g.regs[0], g.room[0] = valuePtr, int(m.ValueSize)
		g.mov(7+g.IntN(2), 0)
		g.emit(isa.Slot{Op: 0x71, Dst: isa.Reg(1 + g.IntN(5)), Src: 0, Off: int16(g.IntN(8))})
	case 8: // an atomic operation on what may be a spilled pointer, or never written
		imm := [...]int32{0x00, 0x40, 0x50, 0xa0, 0x01, 0x41, 0x51, 0xa1, 0xe1, 0xf1}[g.IntN(10)]
		g.emit(isa.Slot{Op: [...]uint8{0xdb, 0xc3}[g.IntN(2)], Dst: 10, Src: isa.Reg(g.someNumber()), Off: int16(-8 * (g.IntN(12) + 1)), Imm: imm})
	case 9: // a part of a pointer, or a pointer beside others
		size := memSizes[g.IntN(4)]
		g.emit(isa.Slot{Op: 0x63 | size.op, Dst: 10, Src: r(), Off: int16(-(g.IntN(96) + 8))})
	case 0:
		g.emit(isa.Slot{Op: 0x0f, Dst: r(), Src: r()})
	case 1:
		g.emit(isa.Slot{Op: 0x1f, Dst: r(), Src: r()})
	case 2:
		size := memSizes[g.IntN(4)]
		dst := r()
		g.emit(isa.Slot{Op: 0x61 | size.op, Dst: dst, Src: isa.Reg(g.IntN(11)), Off: int16(g.IntN(64) - 40)})
	case 3:
		size := memSizes[g.IntN(4)]
		g.emit(isa.Slot{Op: 0x63 | size.op, Dst: isa.Reg(g.IntN(11)), Src: r(), Off: int16(g.IntN(64) - 40)})
	case 4:
		g.emit(isa.Slot{Op: 0xbf, Dst: r(), Src: isa.Reg(g.IntN(11))})
	case 5:
		g.pending = append(g.pending, fix{slot: len(g.code), left: 1 + g.IntN(4), saved: g.save()})
		g.emit(isa.Slot{Op: [...]uint8{0x1d, 0x2d, 0x3d, 0x5d, 0xad, 0xbd, 0x6d, 0xcd}[g.IntN(8)], Dst: r(), Src: r()})
	case 6:
		g.emit(isa.Slot{Op: 0x07, Dst: r(), Imm: g.edge()})
	default:
		g.alu()
	}
}

// Mutate changes one or two instructions of a program in a small way, as a wrong
// compiler or a hostile author might.
func Mutate(seed uint64, code []isa.Slot) []isa.Slot {
	r := rand.New(rand.NewPCG(seed, 0x94d049bb133111eb))
	out := append([]isa.Slot(nil), code...)
	for n := 1 + r.IntN(2); n > 0; n-- {
		s := &out[r.IntN(len(out))]
		switch r.IntN(7) {
		case 0:
			s.Dst = isa.Reg(r.IntN(10))
		case 1:
			s.Src = isa.Reg(r.IntN(11))
		case 2:
			s.Off += int16(r.IntN(17) - 8)
		case 3:
			s.Imm += r.Int32N(17) - 8
		case 4:
			s.Imm = 1<<r.IntN(31) - int32(r.IntN(2))
		case 5:
			s.Op ^= 1 << r.IntN(8)
		default:
			s.Op ^= 0x03 // 64-bit to 32-bit arithmetic, or comparison
		}
	}
	return out
}
