package verifier_test

import (
	"context"
	"testing"

	"bpfls/isa"
	"bpfls/verifier"
	"bpfls/winhooks"
)

// emptyStack is a stack that was never written.
type emptyStack struct{}

func (emptyStack) Load(off, size int) verifier.Word { return verifier.Word{Type: verifier.TypeUninit} }
func (emptyStack) Numbers(off, most int) int        { return 0 }

// What runs behind a failure show must hold of executions in which the failed check
// held: of an addition that not both operands are pointers, no more.
func TestAdmits(t *testing.T) {
	p := winhooks.Platform()
	typ, _ := p.TypeByName("xdp")
	number := verifier.Word{Type: verifier.TypeNumber, Bits: 5}
	pointer := verifier.Word{Type: verifier.TypeStack, Bits: 8000, Offset: 4000}
	load := func(r isa.Reg, off int16) isa.Slot { return isa.Slot{Op: 0x79, Dst: r, Src: 10, Off: off} }
	store := isa.Slot{Op: 0x7b, Dst: 0, Src: 2}
	for _, test := range []struct {
		name  string
		code  []isa.Slot
		at    int
		regs  map[isa.Reg]verifier.Word
		admit bool
	}{
		{"sum of what may be anything: a pointer and a number", []isa.Slot{load(0, -8), load(2, -16), {Op: 0x0f, Dst: 0, Src: 2}, {Op: 0xb7, Dst: 3}}, 3,
			map[isa.Reg]verifier.Word{0: pointer, 2: number}, true},
		{"sum of what may be anything: numbers", []isa.Slot{load(0, -8), load(2, -16), {Op: 0x0f, Dst: 0, Src: 2}, {Op: 0xb7, Dst: 3}}, 3,
			map[isa.Reg]verifier.Word{0: number, 2: number}, true},
		{"sum of pointers", []isa.Slot{{Op: 0xbf, Dst: 0, Src: 10}, load(2, -16), {Op: 0x0f, Dst: 0, Src: 2}, {Op: 0xb7, Dst: 3}}, 3,
			map[isa.Reg]verifier.Word{0: pointer, 2: pointer}, false},
		{"store through what may be anything: a number", []isa.Slot{load(0, -8), load(2, -16), store, {Op: 0xb7, Dst: 3}}, 3,
			map[isa.Reg]verifier.Word{0: pointer, 2: number}, true},
		{"store through what may be anything: a pointer, to the stack", []isa.Slot{load(0, -8), load(2, -16), store, {Op: 0xb7, Dst: 3}}, 3,
			map[isa.Reg]verifier.Word{0: pointer, 2: pointer}, true},
		{"a value outside of its bounds", []isa.Slot{{Op: 0xb7, Dst: 0, Imm: 4}}, 1, map[isa.Reg]verifier.Word{0: number}, false},
		{"a value within its bounds", []isa.Slot{{Op: 0xb7, Dst: 0, Imm: 5}}, 1, map[isa.Reg]verifier.Word{0: number}, true},
		{"a difference that does not hold", []isa.Slot{load(0, -8), {Op: 0x77, Dst: 0, Imm: 1}, {Op: 0xbf, Dst: 2, Src: 0}, {Op: 0x07, Dst: 2, Imm: 1}}, 4,
			map[isa.Reg]verifier.Word{0: number, 2: number}, false},
	} {
		code := append(test.code, isa.Slot{Op: isa.OpExit})
		r, err := verifier.Analyze(context.Background(), verifier.Input{Code: code, Platform: p, Type: typ}, verifier.Options{})
		if err != nil {
			t.Fatal(err)
		}
		c := verifier.Concrete{Stack: emptyStack{}, Packet: true, PacketSize: 60}
		for i := range c.Regs {
			c.Regs[i] = verifier.Word{Type: verifier.TypeUninit}
		}
		c.Regs[1] = verifier.Word{Type: verifier.TypeContext, Bits: 1 << 20}
		c.Regs[10] = verifier.Word{Type: verifier.TypeStack, Bits: 1<<16 + 4096, Offset: 4096}
		for reg, w := range test.regs {
			c.Regs[reg] = w
		}
		err = r.Admits(verifier.Point{Slot: test.at}, &c)
		if (err == nil) != test.admit {
			t.Errorf("%s: %v\n%s %v", test.name, err, r.Verdict, r.Before(verifier.Point{Slot: test.at}).Strings())
		}
	}
}
