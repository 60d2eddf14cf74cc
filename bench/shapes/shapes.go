// Package shapes makes programs of any size in a few shapes, to see how the cost of
// a verdict grows. A program of n instructions does n times what one instruction of its
// shape does: what grows faster than n is the verifier's doing.
package shapes

import (
	"bpfls/isa"
	"bpfls/platform"
)

// Program is a generated XDP program of Linux.
type Program struct {
	Code []isa.Slot
	Maps []platform.Map
}

// Shape is a family of programs.
type Shape struct {
	Name string
	Doc  string
	// Make returns the program of about n instructions, copies of functions counted
	// where they are called.
	Make func(n int) Program
	// Max is the largest n that the shape has a program for; 0: any.
	Max int
	// Termination: the loops are checked to end.
	Termination bool
	// Fails: the program fails. PREVAIL cannot prove that the second loop ends.
	Fails bool
}

// All are the shapes.
var All = []Shape{
	{Name: "straight", Doc: "arithmetic without a jump", Make: straight},
	{Name: "diamonds", Doc: "if and else, one behind the other", Make: diamonds},
	{Name: "ladder", Doc: "one switch whose cases all meet behind it", Make: ladder},
	{Name: "ladders", Doc: "switches of 64 cases, one behind the other", Make: ladders},
	{Name: "loops", Doc: "loops of eight rounds, one behind the other", Make: loops},
	{Name: "loops, termination", Doc: "the same, with a counter each", Make: loops, Termination: true, Fails: true},
	{Name: "nests", Doc: "nests of three loops, one behind the other", Make: nests},
	{Name: "calls", Doc: "eight frames, one call in each", Make: chain(1)},
	{Name: "calls, three each", Doc: "eight frames, three calls in each: 3,280 copies", Make: chain(3)},
	{Name: "calls of one function", Doc: "one small function called again and again", Make: repeatedCalls},
	{Name: "500 maps", Doc: "lookups in 500 maps in turn", Make: lookups(500)},
	{Name: "a map each", Doc: "lookups, each in a map of its own", Make: lookups(0)},
	{Name: "cells", Doc: "512 stack cells written singly, again and again", Make: cells(1)},
	{Name: "words", Doc: "64 stack cells of eight bytes written singly, again and again", Make: cells(8)},
	{Name: "copies", Doc: "one register copied to 64 stack cells, again and again", Make: copies(8)},
	{Name: "copies, diamonds", Doc: "the same, and an if behind every eighth of them", Make: branchedCopies},
	{Name: "copies, bytes", Doc: "one register copied to ever more stack cells of one byte, in eight frames", Make: spread, Max: 4000},
	{Name: "headers", Doc: "packet parsers of 100 headers of fixed length", Make: headers(false)},
	{Name: "headers, lengths", Doc: "packet parsers of 100 headers that tell their lengths", Make: headers(true)},
}

// Registers.
const (
	r0 isa.Reg = iota
	r1
	r2
	r3
	r4
	r5
	r6
	r7
	r8
	r9
	fp
)

// Opcodes of RFC 9669 that the shapes use.
const (
	movImm, movReg   = 0xb7, 0xbf
	addImm, addReg   = 0x07, 0x0f
	andImm, xorImm   = 0x57, 0xa7
	lshImm           = 0x67
	load1, load4     = 0x71, 0x61
	load8            = 0x79
	store1, store8   = 0x73, 0x7b
	set8             = 0x7a
	ja, ja32         = 0x05, 0x06
	jeqImm, jneImm   = 0x15, 0x55
	jltImm, jgtImm   = 0xa5, 0x25
	jleReg           = 0xbf&^0x07 | 0x05
	call, exit, lddw = 0x85, 0x95, 0x18
)

// Helpers of Linux.
const (
	mapLookup = 1
	random    = 7
)

type asm []isa.Slot

func (a *asm) op(op uint8, dst, src isa.Reg, off int16, imm int32) {
	*a = append(*a, isa.Slot{Op: op, Dst: dst, Src: src, Off: off, Imm: imm})
}

// random makes dst an unknown number of 0 to 255.
func (a *asm) random(dst isa.Reg) {
	a.op(call, 0, 0, 0, random)
	a.op(movReg, dst, r0, 0, 0)
	a.op(andImm, dst, 0, 0, 255)
}

func (a *asm) exit() {
	a.op(movImm, r0, 0, 0, 0)
	a.op(exit, 0, 0, 0, 0)
}

// until repeats body until there are n instructions, then exits.
func until(n int, start func(*asm), body func(a *asm, i int)) Program {
	var a asm
	if start != nil {
		start(&a)
	}
	for i := 0; len(a) < n-2; i++ {
		body(&a, i)
	}
	a.exit()
	return Program{Code: a}
}

func straight(n int) Program {
	return until(n, func(a *asm) {
		a.random(r6)
		a.op(movImm, r7, 0, 0, 0)
	}, func(a *asm, i int) {
		a.op(movReg, r8, r6, 0, 0)
		a.op(addImm, r8, 0, 0, int32(i&15))
		a.op(andImm, r8, 0, 0, 0xff)
		a.op(addReg, r7, r8, 0, 0)
		a.op(movReg, r9, r7, 0, 0)
		a.op(xorImm, r9, 0, 0, int32(i&255))
		a.op(lshImm, r9, 0, 0, 3)
		a.op(andImm, r7, 0, 0, 0xffff)
	})
}

func diamonds(n int) Program {
	return until(n, func(a *asm) { a.random(r6) }, func(a *asm, i int) {
		a.op(jgtImm, r6, 0, 3, int32(i&255)) // r6 > i?
		a.op(movImm, r7, 0, 0, int32(i&63))
		a.op(movReg, r8, r6, 0, 0)
		a.op(ja, 0, 0, 2, 0)
		a.op(movReg, r7, r6, 0, 0)
		a.op(movImm, r8, 0, 0, 1)
		a.op(movReg, r9, r7, 0, 0)
	})
}

// cases appends a switch over r6 with n cases. Each case sets r7.
func (a *asm) cases(n int) {
	var ends []int
	for i := range n {
		a.op(jneImm, r6, 0, 2, int32(i))
		a.op(movImm, r7, 0, 0, int32(i&255))
		ends = append(ends, len(*a))
		a.op(ja32, 0, 0, 0, 0)
	}
	a.op(movImm, r7, 0, 0, 0)
	for _, e := range ends {
		(*a)[e].Imm = int32(len(*a) - e - 1)
	}
}

func ladder(n int) Program {
	var a asm
	a.op(call, 0, 0, 0, random)
	a.op(movReg, r6, r0, 0, 0)
	a.cases(n / 3)
	a.exit()
	return Program{Code: a}
}

func ladders(n int) Program {
	return until(n, nil, func(a *asm, _ int) {
		a.random(r6)
		a.cases(64)
	})
}

func loops(n int) Program {
	return until(n, nil, func(a *asm, _ int) {
		a.random(r7)
		a.op(movImm, r6, 0, 0, 0)
		a.op(jgtImm, r6, 0, 4, 7) // r6 > 7?
		a.op(addReg, r7, r6, 0, 0)
		a.op(andImm, r7, 0, 0, 255)
		a.op(addImm, r6, 0, 0, 1)
		a.op(ja, 0, 0, -5, 0)
	})
}

func nests(n int) Program {
	return until(n, nil, func(a *asm, _ int) {
		a.random(r9)
		a.nest([]isa.Reg{r6, r7, r8}, r9)
	})
}

// nest appends a nest of loops with a counter each; the innermost changes sum.
func (a *asm) nest(counters []isa.Reg, sum isa.Reg) {
	if len(counters) == 0 {
		a.op(addImm, sum, 0, 0, 1)
		a.op(andImm, sum, 0, 0, 255)
		return
	}
	c := counters[0]
	a.op(movImm, c, 0, 0, 0)
	start := len(*a)
	a.op(jgtImm, c, 0, 0, 7)
	a.nest(counters[1:], sum)
	a.op(addImm, c, 0, 0, 1)
	a.op(ja, 0, 0, int16(start-len(*a)-1), 0)
	(*a)[start].Off = int16(len(*a) - start - 1)
}

// chain returns programs of eight frames in which each function calls the next one
// calls times.
func chain(calls int) func(int) Program {
	return func(n int) Program {
		const frames = 8
		copies, all := 1, 0
		for range frames {
			all += copies
			copies *= calls
		}
		body := max(1, n/all-4*calls-3)
		var a asm
		for f := range frames {
			var sites []int
			a.op(movReg, r6, r1, 0, 0)
			for i := range body {
				switch i & 3 {
				case 0:
					a.op(movReg, r7, r6, 0, 0)
				case 1:
					a.op(addImm, r7, 0, 0, int32(i&255))
				case 2:
					a.op(store8, fp, r7, int16(-8*(1+i>>2&7)), 0)
				case 3:
					a.op(andImm, r7, 0, 0, 255)
				}
			}
			for range calls {
				if f+1 == frames {
					break
				}
				a.op(call, 0, 0, 0, random)
				a.op(movReg, r1, r0, 0, 0)
				a.op(andImm, r1, 0, 0, 255)
				sites = append(sites, len(a))
				a.op(call, 0, 1, 0, 0)
			}
			a.op(movReg, r0, r6, 0, 0)
			a.op(exit, 0, 0, 0, 0)
			for _, s := range sites {
				a[s].Imm = int32(len(a) - s - 1) // the function behind this one
			}
		}
		a[0] = isa.Slot{Op: movImm, Dst: r6}
		return Program{Code: a}
	}
}

func repeatedCalls(n int) Program {
	const size = 12
	var a asm
	for len(a)*(size+3)/3 < n-2 {
		a.op(movImm, r1, 0, 0, 1)
		a.op(call, 0, 1, 0, 0)
		a.op(movReg, r6, r0, 0, 0)
	}
	a.exit()
	f := len(a)
	for i := range a {
		if a[i].Op == call {
			a[i].Imm = int32(f - i - 1)
		}
	}
	a.op(movReg, r6, r1, 0, 0)
	for i := range size - 3 {
		a.op(addImm, r6, 0, 0, int32(i))
	}
	a.op(movReg, r0, r6, 0, 0)
	a.op(exit, 0, 0, 0, 0)
	return Program{Code: a}
}

// lookups returns programs that look into a number of maps in turn; 0: as many as
// there are lookups.
func lookups(count int) func(int) Program {
	return func(n int) Program {
		const size = 10
		maps := count
		if maps == 0 {
			maps = max(1, n/size)
		}
		p := until(n, nil, func(a *asm, i int) {
			a.op(set8, fp, 0, -8, 0)
			a.op(movReg, r2, fp, 0, 0)
			a.op(addImm, r2, 0, 0, -8)
			a.op(lddw, r1, 1, 0, int32(i%maps+1))
			a.op(0, 0, 0, 0, 0)
			a.op(call, 0, 0, 0, mapLookup)
			a.op(jeqImm, r0, 0, 2, 0)
			a.op(load8, r6, r0, 8, 0)
			a.op(store8, r0, r6, 0, 0)
		})
		for i := range maps {
			p.Maps = append(p.Maps, platform.Map{FD: i + 1, Type: 1, KeySize: 8, ValueSize: uint32(16 + i&7*8), MaxEntries: 16, InnerFD: -1})
		}
		return p
	}
}

// cells returns programs that write all of their stack frame, cell by cell, with
// different unknown numbers.
func cells(size int) func(int) Program {
	return func(n int) Program {
		return until(n, func(a *asm) { a.random(r6) }, func(a *asm, i int) {
			if i%16 == 0 {
				a.random(r6)
			}
			a.op(addImm, r6, 0, 0, 1)
			a.op(andImm, r6, 0, 0, 255)
			op := uint8(store1)
			if size == 8 {
				op = store8
			}
			a.op(op, fp, r6, int16(-size*(1+i%(512/size))), 0)
		})
	}
}

func copies(size int) func(int) Program {
	return func(n int) Program {
		return until(n, func(a *asm) { a.random(r6) }, func(a *asm, i int) {
			a.op(store8, fp, r6, int16(-size*(1+i%(512/size))), 0)
		})
	}
}

// branchedCopies is copies with ways that meet.
func branchedCopies(n int) Program {
	return until(n, func(a *asm) {
		a.random(r7)
		a.random(r6)
	}, func(a *asm, i int) {
		a.op(store8, fp, r6, int16(-8*(1+i%64)), 0)
		if i%8 == 7 {
			a.op(jgtImm, r7, 0, 2, int32(i&255)) // r7 > i?
			a.op(movReg, r8, r6, 0, 0)
			a.op(ja, 0, 0, 1, 0)
			a.op(movImm, r8, 0, 0, 1)
		}
	})
}

// spread copies one register to n cells of one byte, 500 in each of up to 8 frames.
func spread(n int) Program {
	const each = 500
	var a asm
	a.random(r6)
	for done := 0; done < n; done += each {
		for i := range min(each, n-done) {
			a.op(store1, fp, r6, int16(-1-i), 0)
		}
		if done+each < n {
			a.op(call, 0, 1, 0, 2) // the function behind the exit
		}
		a.exit()
	}
	return Program{Code: a}
}

// headers returns parsers of 100 headers each.
func headers(lengths bool) func(int) Program {
	return func(n int) Program {
		const many = 100
		return until(n, func(a *asm) {
			a.op(movReg, r6, r1, 0, 0)
		}, func(a *asm, i int) {
			if i%many == 0 {
				a.op(load4, r7, r6, 0, 0) // data
				a.op(load4, r8, r6, 4, 0) // data_end
			}
			a.op(movReg, r2, r7, 0, 0)
			a.op(addImm, r2, 0, 0, 8)
			a.op(jleReg, r2, r8, 2, 0) // r2 <= r8?
			a.exit()
			a.op(load1, r3, r7, 0, 0)
			if lengths {
				a.op(andImm, r3, 0, 0, 15)
				a.op(lshImm, r3, 0, 0, 2)
				a.op(addImm, r3, 0, 0, 8)
				a.op(addReg, r7, r3, 0, 0)
			} else {
				a.op(load1, r4, r7, 7, 0)
				a.op(movReg, r7, r2, 0, 0)
			}
		})
	}
}
