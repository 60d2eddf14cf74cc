package elfbpf

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"bpfls/isa"
)

// buildObject makes an object of functions in .text; calls[i] are the functions
// that function i calls, each by a relocation.
func buildObject(calls [][]int) []byte {
	le := binary.LittleEndian
	var code, rel, symtab []byte
	strtab := []byte{0}
	symtab = append(symtab, make([]byte, 24)...)
	for i, list := range calls {
		name := fmt.Sprintf("f%d", i)
		at := len(code)
		for _, callee := range list {
			rel = le.AppendUint64(rel, uint64(len(code)))
			rel = le.AppendUint64(rel, uint64(callee+1)<<32|Reloc64_32)
			code = isa.AppendBytes(code, []isa.Slot{{Op: isa.OpCall, Src: isa.SrcLocal, Imm: -1}}, le)
		}
		code = isa.AppendBytes(code, []isa.Slot{{Op: isa.OpExit}}, le)
		symtab = le.AppendUint32(symtab, uint32(len(strtab)))
		symtab = append(symtab, 1<<4|sttFunc, 0, 1, 0)
		symtab = le.AppendUint64(symtab, uint64(at))
		symtab = le.AppendUint64(symtab, uint64(len(code)-at))
		strtab = append(append(strtab, name...), 0)
	}
	type section struct {
		name       string
		typ        uint32
		flags      uint64
		data       []byte
		link, info uint32
		entsize    uint64
	}
	sections := []section{
		{}, {".text", shtProgbits, shfExecinstr, code, 0, 0, 0}, {".rel.text", shtRel, 0, rel, 3, 1, 16},
		{".symtab", shtSymtab, 0, symtab, 4, 0, 24}, {".strtab", shtStrtab, 0, strtab, 0, 0, 0},
	}
	names := []byte{0}
	out := make([]byte, 64)
	var headers []byte
	for i := range sections {
		s := &sections[i]
		if i == len(sections)-1 {
			// The names of sections stand in the same table.
			s.data = append(s.data, "\x00.text\x00.rel.text\x00.symtab\x00.strtab\x00"...)
			names = s.data
		}
		headers = append(headers, make([]byte, 64)...)
		h := headers[i*64:]
		le.PutUint32(h[4:], s.typ)
		le.PutUint64(h[8:], s.flags)
		le.PutUint64(h[24:], uint64(len(out)))
		le.PutUint64(h[32:], uint64(len(s.data)))
		le.PutUint32(h[40:], s.link)
		le.PutUint32(h[44:], s.info)
		le.PutUint64(h[56:], s.entsize)
		out = append(out, s.data...)
	}
	for i, s := range sections[1:] {
		le.PutUint32(headers[(i+1)*64:], uint32(strings.Index(string(names), "\x00"+s.name+"\x00")+1))
	}
	copy(out, "\x7fELF\x02\x01\x01")
	le.PutUint16(out[18:], machineBPF)
	le.PutUint64(out[40:], uint64(len(out)))
	le.PutUint16(out[58:], 64)
	le.PutUint16(out[60:], uint16(len(sections)))
	le.PutUint16(out[62:], uint16(len(sections)-1))
	return append(out, headers...)
}

// TestCalls gives call graphs and what becomes of them.
func TestCalls(t *testing.T) {
	chain := func(n, width int) [][]int {
		calls := make([][]int, n)
		for i := range calls {
			for j := i + 1; j <= i+width && j < n; j++ {
				calls[i] = append(calls[i], j)
			}
		}
		return calls
	}
	tests := []struct {
		name   string
		calls  [][]int
		subs   int    // functions appended to the first
		reason string // why all are refused
	}{
		{name: "none", calls: [][]int{nil}},
		{name: "one", calls: [][]int{{1}, nil}, subs: 1},
		{name: "twice", calls: [][]int{{1, 1}, nil}, subs: 1},
		{name: "shared", calls: [][]int{{1, 2}, {3}, {3}, nil}, subs: 4},
		{name: "chain", calls: chain(10, 1), subs: 9},
		{name: "self", calls: [][]int{{0}}, reason: "Recursive subprogram call"},
		{name: "circle", calls: [][]int{{1}, {2}, {0}}, reason: "Mutual recursion in subprogram calls"},
		{name: "exponential", calls: chain(60, 2), reason: "the programs are too large: with their subprograms more than 2097152 instructions"},
		{name: "deep", calls: chain(6000, 1), reason: "the functions call each other more than 4096 deep"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, err := Parse("calls.o", buildObject(tt.calls), Options{Platform: linuxPlatform()})
			if err != nil {
				t.Fatal(err)
			}
			if len(o.Programs) != len(tt.calls) {
				t.Fatalf("%d programs, want %d", len(o.Programs), len(tt.calls))
			}
			p := o.Programs[0]
			if tt.reason != "" {
				e, ok := p.Err.(*Error)
				if !ok || e.Reason != tt.reason || e.Section != ".text" {
					t.Fatalf("got %v, want the reason %q", p.Err, tt.reason)
				}
				return
			}
			if p.Err != nil || len(p.Subs) != tt.subs {
				t.Fatalf("%v, %d functions appended, want %d", p.Err, len(p.Subs), tt.subs)
			}
			insts, err := isa.Decode(p.Code)
			if err != nil {
				t.Fatal(err)
			}
			starts := map[int]bool{}
			for _, s := range p.Subs {
				starts[s.Slot] = true
			}
			for i := range insts {
				if insts[i].Kind == isa.CallLocal && !starts[int(insts[i].Target)] {
					t.Errorf("the call at %d goes to %d, where no function starts", i, insts[i].Target)
				}
			}
		})
	}
}

// TestSpans compares the extent of random code with a plain search.
func TestSpans(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	ops := []uint8{0xb7, 0x05, 0x06, 0x15, 0x95, 0x85, isa.OpLDDW, 0x2d}
	for range 3000 {
		n := 1 + rng.IntN(24)
		code := make([]isa.Slot, n)
		for i := range code {
			code[i] = isa.Slot{Op: ops[rng.IntN(len(ops))], Src: isa.Reg(rng.IntN(2)), Off: int16(rng.IntN(16) - 8), Imm: int32(rng.IntN(16) - 8)}
		}
		first := rng.IntN(n)
		end := first + 1 + rng.IntN(n-first)
		want := plainEnd(code, first, end)
		if got := (&spans{code: code}).end(first, end); got != want {
			t.Fatalf("%v from %d to %d: got %d, want %d", code, first, end, got, want)
		}
		again := &spans{code: code}
		again.reach()
		if got := again.end(first, end); got != want {
			t.Fatalf("%v from %d to %d, without the short way: got %d, want %d", code, first, end, got, want)
		}
	}
}

// plainEnd is the definition of an extent: as far as a search from first gets,
// but not before end.
func plainEnd(code []isa.Slot, first, end int) int {
	s := spans{code: code}
	seen := map[int]bool{first: true}
	work := []int{first}
	for len(work) > 0 {
		at := work[0]
		work = work[1:]
		end = max(end, at+1)
		var buf [3]int32
		for _, to := range s.next(at, &buf) {
			if !seen[int(to)] {
				seen[int(to)] = true
				work = append(work, int(to))
			}
		}
	}
	return end
}
