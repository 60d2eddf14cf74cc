package cfg

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bpfls/isa"
	"bpfls/platform"
)

// A platform of few functions, so that these tests do not depend on a real one.
var testPlatform = &platform.Platform{
	Name: "test",
	General: []platform.Helper{
		{ID: 1, Name: "map_lookup_elem", Return: platform.RetPtrToMapValueOrNull, Args: [5]platform.ArgType{platform.ArgPtrToMap, platform.ArgPtrToMapKey}},
		{ID: 5, Name: "tail_call", Return: platform.RetIntegerOrNoReturn, Args: [5]platform.ArgType{platform.ArgPtrToCtx, platform.ArgPtrToMapOfPrograms, platform.ArgAnything}},
		{ID: 7, Name: "ktime"},
		{ID: 10, Name: "csum_diff", Args: [5]platform.ArgType{
			platform.ArgPtrToReadableMemOrNull, platform.ArgConstSizeOrZero,
			platform.ArgPtrToReadableMemOrNull, platform.ArgConstSizeOrZero, platform.ArgAnything}},
		{ID: 11, Name: "output", Args: [5]platform.ArgType{platform.ArgPtrToMap, platform.ArgPtrToReadableMem, platform.ArgConstSize, platform.ArgAnything}, AllowedMapTypes: 1 << 27},
		{ID: 12, Name: "no_size", Args: [5]platform.ArgType{platform.ArgPtrToReadableMem, platform.ArgAnything}},
		{ID: 13, Name: "text", Args: [5]platform.ArgType{platform.ArgPtrToConstStr}},
		{ID: 14, Name: "strange", Return: platform.RetUnsupported},
		{ID: 15, Name: "zero", ZeroArgs: 0b100, Args: [5]platform.ArgType{platform.ArgPtrToStackOrNull}},
		{ID: 16, Name: "reserve", Return: platform.RetPtrToAllocMemOrNull, Args: [5]platform.ArgType{platform.ArgConstPtrToMap, platform.ArgConstAllocSizeOrZero}},
		{ID: 17, Name: "loop", Args: [5]platform.ArgType{platform.ArgAnything, platform.ArgPtrToFunc, platform.ArgPtrToCtxOrNull}},
		{ID: 18, Name: "getters", Args: [5]platform.ArgType{platform.ArgPtrToLong, platform.ArgPtrToInt, platform.ArgPtrToSockCommon, platform.ArgPtrToBTFID, platform.ArgPtrToAllocMem}},
		{ID: 19, Name: "lock", Args: [5]platform.ArgType{platform.ArgPtrToSpinLock, platform.ArgPtrToTimer}},
		{ID: 20, Name: "sleep", MightSleep: true},
		{ID: 21, Name: "push", Args: [5]platform.ArgType{platform.ArgPtrToMap, platform.ArgPtrToUninitMapValue}},
		{ID: 22, Name: "swap", Args: [5]platform.ArgType{platform.ArgPtrToMapValue}},
	},
	Builtins: []platform.Helper{
		{ID: -2, Name: "memcpy", SizeArg: 3, Args: [5]platform.ArgType{platform.ArgPtrToWritableMem, platform.ArgPtrToReadableMem, platform.ArgConstSize}},
	},
	Kfuncs: []platform.Kfunc{
		{BTFID: 1000, Helper: platform.Helper{Name: "kernel_function", Args: [5]platform.ArgType{platform.ArgPtrToCtx}}},
	},
	HelperMessage: func(*platform.HelperError) string { return helperUnavailable },
}

var testType = &platform.ProgramType{Name: "xdp", Context: &platform.Context{Size: 24, Data: 0, End: 4, Meta: 8}}

// The instructions of the tests. Targets of jumps and calls are slots.
type code []isa.Slot

func (c code) slot(s isa.Slot) code          { return append(c, s) }
func (c code) mov(dst isa.Reg, n int32) code { return c.slot(isa.Slot{Op: 0xb7, Dst: dst, Imm: n}) }
func (c code) alu(op uint8, dst, src isa.Reg) code {
	return c.slot(isa.Slot{Op: op, Dst: dst, Src: src})
}
func (c code) aluImm(op uint8, dst isa.Reg, n int32) code {
	return c.slot(isa.Slot{Op: op, Dst: dst, Imm: n})
}
func (c code) exit() code { return c.slot(isa.Slot{Op: isa.OpExit}) }
func (c code) jump(to int) code {
	return c.slot(isa.Slot{Op: isa.OpJA, Off: int16(to - len(c) - 1)})
}
func (c code) jeq(dst isa.Reg, n int32, to int) code { return c.cond(0x15, dst, 0, n, to) }
func (c code) cond(op uint8, dst, src isa.Reg, n int32, to int) code {
	return c.slot(isa.Slot{Op: op, Dst: dst, Src: src, Imm: n, Off: int16(to - len(c) - 1)})
}
func (c code) call(id int32) code { return c.slot(isa.Slot{Op: isa.OpCall, Imm: id}) }
func (c code) local(to int) code {
	return c.slot(isa.Slot{Op: isa.OpCall, Src: isa.SrcLocal, Imm: int32(to - len(c) - 1)})
}
func (c code) lddw(dst, src isa.Reg, lo, hi int32) code {
	return c.slot(isa.Slot{Op: isa.OpLDDW, Dst: dst, Src: src, Imm: lo}).slot(isa.Slot{Imm: hi})
}

func (c code) build(opt Options) (*Graph, *Rejection) {
	return Build(Input{Code: c, Platform: testPlatform, Type: testType, Maps: []platform.Map{{FD: 7}}}, opt)
}

// listing writes a node per line: its label, where it goes, what it does and
// what must hold.
func listing(g *Graph) string {
	var b strings.Builder
	for id := range NodeID(len(g.Nodes)) {
		var to []string
		for _, s := range g.Successors(id) {
			to = append(to, g.Label(s))
		}
		fmt.Fprintf(&b, "%s -> %s: %s", g.Label(id), strings.Join(to, ", "), g.InstText(id))
		for i := range g.Checks(id) {
			fmt.Fprintf(&b, " [%s]", g.CheckText(id, &g.Checks(id)[i]))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func order(g *Graph) string {
	text := g.WTO.String()
	var b strings.Builder
	for _, word := range strings.Fields(text) {
		id := 0
		open, rest := strings.Count(word, "("), strings.TrimLeft(word, "(")
		closed := strings.Count(rest, ")")
		fmt.Sscan(strings.TrimRight(rest, ")"), &id)
		b.WriteString(" " + strings.Repeat("(", open) + g.Label(NodeID(id)) + strings.Repeat(")", closed))
	}
	return strings.TrimSpace(b.String())
}

func TestBuild(t *testing.T) {
	const (
		lsh, rsh, arsh = 0x67, 0x77, 0xc7
		jgtReg         = 0x2d
	)
	for _, test := range []struct {
		name  string
		code  code
		opt   Options
		want  string
		order string
	}{{
		name: "straight line",
		code: code{}.mov(0, 0).exit(),
		want: `
entry -> 0: Undefined{0}
0 -> 1: r0 = 0
1 -> exit: exit [r0.type == number]
exit -> : Undefined{0}
`,
		order: "entry 0 1 exit",
	}, {
		name: "a conditional jump assumes its condition or the opposite, by target",
		code: code{}.jeq(1, 5, 2).mov(0, 1).cond(jgtReg, 1, 2, 0, 1).exit(),
		want: `
entry -> 0: Undefined{0}
0 -> 0:1, 0:2: if r1 == 5 goto label <2> [r1.type == number]
0:1 -> 1: assume r1 != 5
0:2 -> 2: assume r1 == 5
1 -> 2: r0 = 1
2 -> 2:1, 2:3: if r1 > r2 goto label <1> [valid_access(r1.offset) for comparison/subtraction] [valid_access(r2.offset) for comparison/subtraction] [r1.type in {number, ctx, stack, packet, shared}] [r1.type == r2.type in {ctx, stack, packet}]
2:1 -> 1: assume r1 > r2
2:3 -> 3: assume r1 <= r2
3 -> exit: exit [r0.type == number]
exit -> : Undefined{0}
`,
		order: "entry 0 0:2 0:1 (1 2 2:1) 2:3 3 exit",
	}, {
		name: "a conditional jump to what follows assumes nothing",
		code: code{}.jeq(1, 0, 1).exit(),
		want: `
entry -> 0: Undefined{0}
0 -> 1: if r1 == 0 goto label <1> [valid_access(r1.offset) for comparison/subtraction]
1 -> exit: exit [r0.type == number]
exit -> : Undefined{0}
`,
	}, {
		name: "64-bit loads and fused shifts take two slots",
		code: code{}.lddw(1, 0, -1, 1).aluImm(lsh, 0, 32).aluImm(rsh, 0, 32).aluImm(lsh, 0, 32).aluImm(arsh, 0, 32).exit(),
		want: `
entry -> 0: Undefined{0}
0 -> 2: r1 = 8589934591 ll
2 -> 4: w0 = r0 [r0.type == number]
4 -> 6: r0 s32= r0 [r0.type == number]
6 -> exit: exit [r0.type == number]
exit -> : Undefined{0}
`,
	}, {
		name: "loads by index and of variables are resolved",
		code: code{}.lddw(1, isa.SrcMapIndex, 0, 0).lddw(1, isa.SrcMapIdxAddr, 0, 4).lddw(1, isa.SrcVariable, 5, 0).lddw(1, isa.SrcCode, 1, 0).exit(),
		want: `
entry -> 0: Undefined{0}
0 -> 2: r1 = map_fd 7
2 -> 4: r1 = map_val(7) + 4
4 -> 6: r1 = 5 ll
6 -> 8: r1 = code_addr(1)
8 -> exit: exit [r0.type == number]
exit -> : Undefined{0}
`,
	}, {
		name: "every call of a local function gets a copy; frames sort by the text of their prefix",
		code: code{}.local(12).mov(6, 0).local(12).
			mov(1, 0).mov(1, 0).mov(1, 0).mov(1, 0).mov(1, 0).mov(1, 0).mov(1, 0).
			local(12).exit().
			mov(0, 0).exit(),
		want: `
entry -> 0: Undefined{0}
0 -> 0/12: call <12>
1 -> 2: r6 = 0
2 -> 2/12: call <12>
3 -> 4: r1 = 0
4 -> 5: r1 = 0
5 -> 6: r1 = 0
6 -> 7: r1 = 0
7 -> 8: r1 = 0
8 -> 9: r1 = 0
9 -> 10: r1 = 0
10 -> 10/12: call <12>
11 -> exit: exit [r0.type == number]
12 -> 13: r0 = 0
13 -> exit: exit [r0.type == number]
exit -> : Undefined{0}
0/12 -> 0/13: r0 = 0
0/13 -> 1: exit
10/12 -> 10/13: r0 = 0
10/13 -> 11: exit
2/12 -> 2/13: r0 = 0
2/13 -> 3: exit
`,
		order: "entry 0 0/12 0/13 1 2 2/12 2/13 3 4 5 6 7 8 9 10 10/12 10/13 11 exit",
	}, {
		name: "calls of unreachable code are left out",
		code: code{}.local(3).mov(0, 0).exit().local(5).exit().mov(0, 0).exit(),
		want: `
entry -> 0: Undefined{0}
0 -> 0/3: call <3>
1 -> 2: r0 = 0
2 -> exit: exit [r0.type == number]
3 -> : call <5>
4 -> exit: exit [r0.type == number]
5 -> 6: r0 = 0
6 -> exit: exit [r0.type == number]
exit -> : Undefined{0}
0/3 -> 0/3/5: call <5>
0/4 -> 1: exit
0/3/5 -> 0/3/6: r0 = 0
0/3/6 -> 0/4: exit
`,
	}, {
		name: "calls of unreachable code are inlined on demand",
		opt:  Options{UnreachableCalls: true},
		code: code{}.local(3).mov(0, 0).exit().local(5).exit().mov(0, 0).exit(),
		want: `
entry -> 0: Undefined{0}
0 -> 0/3: call <3>
1 -> 2: r0 = 0
2 -> exit: exit [r0.type == number]
3 -> 3/5: call <5>
4 -> exit: exit [r0.type == number]
5 -> 6: r0 = 0
6 -> exit: exit [r0.type == number]
exit -> : Undefined{0}
0/3 -> 0/3/5: call <5>
0/4 -> 1: exit
0/3/5 -> 0/3/6: r0 = 0
0/3/6 -> 0/4: exit
3/5 -> 3/6: r0 = 0
3/6 -> 4: exit
`,
	}, {
		// f1 calls h, f2 calls f1: when the call in f2 is inlined, that in f1
		// (unreachable as such) was inlined before, and its copy is copied.
		name: "a call behind one that its callee holds copies the copy",
		code: code{}.local(4).local(6).mov(0, 0).exit().
			local(8).exit(). // f1
			local(4).exit(). // f2
			exit(),          // h
		want: `
entry -> 0: Undefined{0}
0 -> 0/4: call <4>
1 -> 1/6: call <6>
2 -> 3: r0 = 0
3 -> exit: exit [r0.type == number]
4 -> 4/8: call <8>
5 -> exit: exit [r0.type == number]
6 -> 6/4: call <4>
7 -> exit: exit [r0.type == number]
8 -> exit: exit [r0.type == number]
exit -> : Undefined{0}
0/4 -> 0/4/8: call <8>
0/5 -> 1: exit
0/4/8 -> 0/5: exit
1/6 -> 1/6/4: call <4>
1/7 -> 2: exit
1/6/4 -> 1/6/4/8: call <8>
1/6/5 -> 1/7: exit
1/6/4/8 -> 1/6/5: exit
4/8 -> 5: exit
6/4 -> 6/4/8: call <8>
6/5 -> 7: exit
6/8 -> 6/5: exit
6/4/8 -> 6/8: exit
`,
	}, {
		name: "a counter stands behind every loop head",
		opt:  Options{Termination: true},
		code: code{}.mov(0, 0).aluImm(0x07, 0, 1).cond(0xa5, 0, 0, 5, 1).exit(),
		want: `
entry -> 0: Undefined{0}
0 -> 1: r0 = 0
1 -> 1 (counter): r0 += 1 [r0.type in {number, ctx, stack, packet, shared}]
1 (counter) -> 2: pc[1]++ [pc[1] < 100000]
2 -> 2:1, 2:3: if r0 < 5 goto label <1> [r0.type == number]
2:1 -> 1: assume r0 < 5
2:3 -> 3: assume r0 >= 5
3 -> exit: exit [r0.type == number]
exit -> : Undefined{0}
`,
		order: "entry 0 (1 1 (counter) 2 2:1) 2:3 3 exit",
	}, {
		name: "a loop that is one instruction",
		opt:  Options{Termination: true},
		code: code{}.jump(0).exit(),
		want: `
entry -> 0: Undefined{0}
0 -> 0 (counter): goto label <0>
0 (counter) -> 0: pc[0]++ [pc[0] < 100000]
1 -> exit: exit [r0.type == number]
exit -> : Undefined{0}
`,
		order: "entry (0 0 (counter))",
	}, {
		name: "loops in copies are loops of their own",
		opt:  Options{Termination: true},
		code: code{}.local(2).exit().jeq(1, 7, 2).exit(),
		want: `
entry -> 0: Undefined{0}
0 -> 0/2: call <2>
1 -> exit: exit [r0.type == number]
2 -> 2:2, 2:3: if r1 == 7 goto label <2> [r1.type == number]
2:2 -> 2: assume r1 == 7
2:3 -> 3: assume r1 != 7
3 -> exit: exit [r0.type == number]
exit -> : Undefined{0}
0/2 -> 0/2 (counter): if r1 == 7 goto label <2> [r1.type == number]
0/2 (counter) -> 0/2:2, 0/2:3: pc[0/2]++ [pc[0/2] < 100000]
0/2:2 -> 0/2: assume r1 == 7
0/2:3 -> 0/3: assume r1 != 7
0/3 -> 1: exit
`,
		order: "entry 0 (0/2 0/2 (counter) 0/2:2) 0/2:3 0/3 1 exit",
	}} {
		t.Run(test.name, func(t *testing.T) {
			g, r := test.code.build(test.opt)
			if r != nil {
				t.Fatal(r)
			}
			if diff := cmp.Diff(strings.TrimPrefix(test.want, "\n"), listing(g)); diff != "" {
				t.Errorf("graph (-want +got):\n%s", diff)
			}
			// "12 (counter)" is two words, so compare without spaces.
			if got := order(g); test.order != "" && got != test.order {
				t.Errorf("order:\ngot  %s\nwant %s", got, test.order)
			}
			checkGraph(t, g)
		})
	}
}

// checkGraph checks what holds of every graph.
func checkGraph(t testing.TB, g *Graph) {
	t.Helper()
	n := NodeID(len(g.Nodes))
	var edges [][]NodeID
	for id := range n {
		edges = append(edges, g.Successors(id))
		for _, list := range [][]NodeID{g.Successors(id), g.Predecessors(id)} {
			if !slices.IsSorted(list) || len(slices.Compact(slices.Clone(list))) != len(list) {
				t.Fatalf("%s: neighbours %v", g.Label(id), list)
			}
		}
		for _, s := range g.Successors(id) {
			if !slices.Contains(g.Predecessors(s), id) {
				t.Fatalf("%s is no predecessor of %s", g.Label(id), g.Label(s))
			}
		}
		f := g.Frame(id)
		if id < f.First || id >= f.End {
			t.Fatalf("%s is outside its frame", g.Label(id))
		}
		if g.Depth(id) != len(g.CallPath(id))+1 {
			t.Fatalf("%s: depth %d", g.Label(id), g.Depth(id))
		}
		if id > 0 && !labelLess(g, id-1, id) {
			t.Fatalf("%s is not before %s", g.Label(id-1), g.Label(id))
		}
	}
	checkWTO(t, edges, g.WTO)
}

// labelLess compares labels as PREVAIL does.
func labelLess(g *Graph, a, b NodeID) bool {
	type key struct {
		prefix   string
		from, to int
		special  string
	}
	of := func(id NodeID) (k key) {
		if f := g.Nodes[id].Frame; f > 0 {
			k.prefix = string(g.appendPrefix(nil, f))
		}
		op := g.Op(id)
		if op.Kind == Counter {
			k.special = "counter"
			op = g.Op(id - 1)
		}
		k.from, k.to = int(op.Slot), int(op.To)
		if op.Kind == Final {
			k.from = 1 << 31
		}
		return k
	}
	x, y := of(a), of(b)
	switch {
	case x.prefix != y.prefix:
		return x.prefix < y.prefix
	case x.from != y.from:
		return x.from < y.from
	case x.to != y.to:
		return x.to < y.to
	}
	return x.special < y.special
}

func TestChecks(t *testing.T) {
	const number = "r1.type == number"
	const any = "r1.type in {number, ctx, stack, packet, shared}"
	for _, test := range []struct {
		name string
		slot isa.Slot
		want []string
	}{
		{"mov", isa.Slot{Op: 0xbf, Dst: 2, Src: 1}, nil},
		{"mov of the low half", isa.Slot{Op: 0xbc, Dst: 2, Src: 1}, []string{number}},
		{"mov with sign extension", isa.Slot{Op: 0xbf, Dst: 2, Src: 1, Off: 8}, []string{number}},
		{"add of a number", isa.Slot{Op: 0x07, Dst: 1, Imm: 4}, []string{any}},
		{"add", isa.Slot{Op: 0x0f, Dst: 1, Src: 2}, []string{
			any, "r2.type in {number, ctx, stack, packet, shared}",
			"r2.type in {ctx, stack, packet, shared} -> r1.type == number",
			"r1.type in {ctx, stack, packet, shared} -> r2.type == number"}},
		{"sub", isa.Slot{Op: 0x1f, Dst: 1, Src: 2}, []string{any, "r2.type == number or r1.type == r2.type in {ctx, stack, packet}"}},
		{"mul", isa.Slot{Op: 0x2f, Dst: 1, Src: 2}, []string{number, "r2.type == number"}},
		{"div", isa.Slot{Op: 0x3f, Dst: 1, Src: 2}, []string{number, "r2 != 0"}},
		{"32-bit signed mod", isa.Slot{Op: 0x9c, Dst: 1, Src: 2, Off: 1}, []string{number, "w2 != 0"}},
		{"div by a number", isa.Slot{Op: 0x37, Dst: 1, Imm: 2}, []string{number}},
		{"neg", isa.Slot{Op: 0x87, Dst: 1}, []string{number}},
		{"load", isa.Slot{Op: 0x61, Dst: 0, Src: 1, Off: 4}, []string{
			"r1.type in {ctx, stack, packet, shared, socket, alloc_mem}", "valid_access(r1.offset+4, width=4) for read"}},
		{"store", isa.Slot{Op: 0x7b, Dst: 1, Src: 2, Off: -8}, []string{
			"r1.type in {ctx, stack, packet, shared, socket, alloc_mem}", "valid_access(r1.offset-8, width=8) for write",
			"r1.type != stack -> r2.type == number"}},
		{"narrow store", isa.Slot{Op: 0x73, Dst: 1, Src: 2}, []string{
			"r1.type in {ctx, stack, packet, shared, socket, alloc_mem}", "valid_access(r1.offset, width=1) for write", "r2.type == number"}},
		{"store of a number", isa.Slot{Op: 0x7a, Dst: 1}, []string{
			"r1.type in {ctx, stack, packet, shared, socket, alloc_mem}", "valid_access(r1.offset, width=8) for write"}},
		{"load from the frame", isa.Slot{Op: 0x79, Dst: 1, Src: 10, Off: -512}, nil},
		{"load from below the frame", isa.Slot{Op: 0x79, Dst: 1, Src: 10, Off: -513}, []string{"valid_access(r10.offset-513, width=8) for read"}},
		{"store above the frame", isa.Slot{Op: 0x7b, Dst: 10, Src: 1, Off: -7}, []string{"valid_access(r10.offset-7, width=8) for write"}},
		{"atomic", isa.Slot{Op: 0xdb, Dst: 1, Src: 2}, []string{
			"r2.type == number", "r1.type in {ctx, stack, packet, shared, socket, alloc_mem}", "valid_access(r1.offset, width=8) for write"}},
		{"legacy packet access", isa.Slot{Op: 0x30, Imm: 12}, []string{"r6.type == ctx", "r6.ctx_offset == 0"}},
		{"callx", isa.Slot{Op: isa.OpCallX, Dst: 3}, []string{"r3.type == number", "r3.type is helper"}},
		{"compare with null", isa.Slot{Op: 0x55, Dst: 1, Off: 1}, []string{"valid_access(r1.offset) for comparison/subtraction"}},
		{"compare with zero, signed", isa.Slot{Op: 0x65, Dst: 1, Off: 1}, []string{number, "valid_access(r1.offset) for comparison/subtraction"}},
		{"compare with zero, 32 bits", isa.Slot{Op: 0x56, Dst: 1, Off: 1}, []string{number, "valid_access(r1.offset) for comparison/subtraction"}},
		{"compare with a number", isa.Slot{Op: 0x55, Dst: 1, Off: 1, Imm: 3}, []string{number}},
		{"equal registers", isa.Slot{Op: 0x1d, Dst: 1, Src: 2, Off: 1}, []string{
			"valid_access(r1.offset) for comparison/subtraction", "valid_access(r2.offset) for comparison/subtraction",
			"r1.type == r2.type in {ctx, stack, packet}"}},

		{"map lookup", isa.Slot{Op: isa.OpCall, Imm: 1}, []string{"r1.type == map_fd", "r2.type in {stack, packet, shared}", "within(r2:key_size(r1))"}},
		{"tail call", isa.Slot{Op: isa.OpCall, Imm: 5}, []string{"r1.type == ctx", "r1.ctx_offset == 0", "r2.type == map_fd_programs", "r3.type == number"}},
		{"memory or null", isa.Slot{Op: isa.OpCall, Imm: 10}, []string{
			"r5.type == number",
			"r2.type == number", "r2.value >= 0", "r1.type in {number, stack, packet, shared}",
			"(r1.type == number and r1.value == 0) or valid_access(r1.offset, width=r2) for read",
			"r4.type == number", "r4.value >= 0", "r3.type in {number, stack, packet, shared}",
			"(r3.type == number and r3.value == 0) or valid_access(r3.offset, width=r4) for read"}},
		{"map of one type", isa.Slot{Op: isa.OpCall, Imm: 11}, []string{
			"r1.type == map_fd", "r4.type == number", "valid_map_type(r1, output)",
			"r3.type == number", "r3.value > 0", "r2.type in {stack, packet, shared}", "valid_access(r2.offset, width=r3) for read"}},
		{"argument that must be zero", isa.Slot{Op: isa.OpCall, Imm: 15}, []string{"r1.type in {number, stack}", "r3.type == number", "r3 == 0"}},
		{"allocation", isa.Slot{Op: isa.OpCall, Imm: 16}, []string{"r1.type == map_fd", "r2.type == number", "r2.value >= 0"}},
		{"callback", isa.Slot{Op: isa.OpCall, Imm: 17}, []string{
			"r1.type == number", "r2.type == func", "valid_callback_target(r2)", "r3.type in {number, ctx}", "r3.ctx_offset == 0"}},
		{"pointers", isa.Slot{Op: isa.OpCall, Imm: 18}, []string{
			"r1.type in {stack, packet, shared}", "valid_access(r1.offset, width=8) for write",
			"r2.type in {stack, packet, shared}", "valid_access(r2.offset, width=4) for write",
			"r3.type == socket", "r4.type == btf_id", "r5.type == alloc_mem"}},
		{"builtin", isa.Slot{Op: isa.OpCall, Src: isa.SrcBuiltin, Imm: -2}, []string{
			"r3.type == number", "r3.value > 0", "r1.type in {stack, packet, shared}", "valid_access(r1.offset, width=r3) for write",
			"r3.type == number", "r3.value > 0", "r2.type in {stack, packet, shared}", "valid_access(r2.offset, width=r3) for read"}},
		{"kernel function", isa.Slot{Op: isa.OpCall, Src: isa.SrcKfunc, Imm: 1000}, []string{"r1.type == ctx", "r1.ctx_offset == 0"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			g, r := code{test.slot}.exit().exit().build(Options{CallX: true, PacketAccess: true})
			if r != nil {
				t.Fatal(r)
			}
			var got []string
			for i := range g.Checks(1) {
				got = append(got, g.CheckText(1, &g.Checks(1)[i]))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A privileged program may compare, store and pass pointers.
func TestChecksPrivileged(t *testing.T) {
	in := Input{Platform: testPlatform, Type: &platform.ProgramType{Name: "kprobe", Context: testType.Context, Privileged: true}}
	in.Code = code{}.jeq(1, 5, 1).slot(isa.Slot{Op: 0x7b, Dst: 1, Src: 2}).call(17).exit()
	g, r := Build(in, Options{})
	if r != nil {
		t.Fatal(r)
	}
	if got := g.Checks(1); len(got) != 0 {
		t.Errorf("jump: %v", got)
	}
	if got := len(g.Checks(2)); got != 2 {
		t.Errorf("store: %d obligations, want 2", got)
	}
	if got := g.CheckText(3, &g.Checks(3)[0]); got != "r2.type == func" {
		t.Errorf("call: first obligation %s", got)
	}
}

func TestReject(t *testing.T) {
	deep := func(n int) code { // a chain of n functions
		var c code
		for i := range n {
			c = c.local(2*i + 2).exit()
		}
		return c.mov(0, 0).exit()
	}
	for _, test := range []struct {
		name string
		code code
		opt  Options
		want Rejection
	}{
		{"empty", nil, Options{}, Rejection{Encoding, "Zero length programs are not allowed", -1, nil}},
		{"encoding", code{}.mov(0, 0).slot(isa.Slot{Op: 0xff}), Options{}, Rejection{Encoding, "1: bad instruction op 0xff", 1, nil}},
		{"unknown helper, in dead code too", code{}.exit().call(2).exit(), Options{},
			Rejection{Unsupported, "rejected: helper function is unavailable on this platform (at 1)", 1, nil}},
		{"helper that may sleep", code{}.call(20).exit(), Options{},
			Rejection{Unsupported, "rejected: helper function is unavailable on this platform (at 0)", 0, nil}},
		{"memory without size", code{}.call(12).exit(), Options{},
			Rejection{Unsupported, "rejected: Pointer argument not followed by EBPF_ARGUMENT_TYPE_CONST_SIZE or EBPF_ARGUMENT_TYPE_CONST_SIZE_OR_ZERO: no_size (at 0)", 0, nil}},
		{"string argument", code{}.call(13).exit(), Options{},
			Rejection{Unsupported, "rejected: helper argument type is unavailable on this platform: text (at 0)", 0, nil}},
		{"value of no map", code{}.call(22).exit(), Options{},
			Rejection{Unsupported, "rejected: helper argument type is unavailable on this platform: swap (at 0)", 0, nil}},
		{"result without model", code{}.call(14).exit(), Options{},
			Rejection{Unsupported, "rejected: helper prototype is unavailable on this platform: strange (at 0)", 0, nil}},
		{"unknown kernel function", code{}.slot(isa.Slot{Op: isa.OpCall, Src: isa.SrcKfunc, Imm: 5}).exit(), Options{},
			Rejection{Unsupported, "not implemented: kfunc prototype lookup failed for BTF id 5 (at 0)", 0, nil}},
		{"a helper counts before a kernel function", code{}.slot(isa.Slot{Op: isa.OpCall, Src: isa.SrcKfunc, Imm: 5}).call(999).exit(), Options{},
			Rejection{Unsupported, "rejected: helper function is unavailable on this platform (at 1)", 1, nil}},
		{"unknown builtin", code{}.slot(isa.Slot{Op: isa.OpCall, Src: isa.SrcBuiltin, Imm: -9}).exit(), Options{},
			Rejection{Unsupported, "rejected: builtin function is unavailable on this platform (at 0)", 0, nil}},
		{"packet access", code{}.slot(isa.Slot{Op: 0x20}).exit(), Options{},
			Rejection{Unsupported, "rejected: requires conformance group packet (at 0)", 0, nil}},
		{"callx", code{}.slot(isa.Slot{Op: isa.OpCallX, Dst: 1}).exit(), Options{},
			Rejection{Unsupported, "rejected: requires conformance group callx (at 0)", 0, nil}},
		{"map index", code{}.lddw(1, isa.SrcMapIndex, 1, 0).exit(), Options{},
			Rejection{Structure, "invalid map index 1 (have 1 maps)", 0, nil}},
		{"no end", code{}.mov(0, 0), Options{}, Rejection{Structure, "fallthrough in last instruction", 0, nil}},
		{"conditional end", code{}.jeq(0, 0, 0), Options{}, Rejection{Structure, "fallthrough in last instruction", 0, nil}},
		{"jump into fused shifts", code{}.jeq(1, 0, 2).aluImm(0x67, 0, 32).aluImm(0x77, 0, 32).exit(), Options{},
			Rejection{Structure, "jump to undefined label 2", 0, nil}},
		{"goto into fused shifts", code{}.jump(2).aluImm(0x67, 0, 32).aluImm(0x77, 0, 32).exit(), Options{},
			Rejection{Structure, "jump to undefined label 2", 0, nil}},
		{"call into fused shifts", code{}.local(2).aluImm(0x67, 0, 32).aluImm(0x77, 0, 32).exit(), Options{},
			Rejection{Internal, "Label 2 not found in the CFG", 0, nil}},
		{"eight calls", deep(8), Options{}, Rejection{TooDeep, "too many call stack frames", 0, nil}},
		{"two calls of one allowed", deep(2), Options{MaxFrames: 2}, Rejection{TooDeep, "too many call stack frames", 0, nil}},
		{"too deep in dead code", code{}.mov(0, 0).exit().local(4).exit().local(6).exit().exit(), Options{MaxFrames: 2},
			Rejection{TooDeep, "too many call stack frames", 2, nil}},
		{"the program calls itself", code{}.mov(0, 0).local(0).exit(), Options{}, Rejection{TooDeep, "1: illegal recursion", 1, nil}},
		{"a function calls itself", code{}.local(2).exit().mov(0, 0).local(2).exit(), Options{},
			Rejection{TooDeep, "too many call stack frames", 3, nil}},
		{"two copies meet in a frame", code{}.local(4).local(7).mov(0, 0).exit().
			local(9).local(9).exit(). // f1
			local(4).exit().          // f2
			exit(), Options{}, Rejection{Internal, "Label 7/9 already exists", 7, nil}},
		{"too many nodes", deep(7), Options{MaxNodes: 20},
			Rejection{Limit, "too large to verify: with every call of a local function inlined, the program has more than 20 nodes", -1, nil}},
		{"too many tail calls", func() code {
			var c code
			for range 34 {
				c = c.call(5)
			}
			return c.exit()
		}(), Options{}, Rejection{TooDeep, "tail call chain depth exceeds 33 (at 33)", 33, nil}},
	} {
		t.Run(test.name, func(t *testing.T) {
			g, r := test.code.build(test.opt)
			if r == nil {
				t.Fatalf("no rejection, but:\n%s", listing(g))
			}
			got := *r
			got.Helper = nil
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if g, r := deep(7).build(Options{}); r != nil {
		t.Errorf("seven calls: %v", r)
	} else if got := g.Depth(NodeID(len(g.Nodes) - 1)); got != 8 {
		t.Errorf("seven calls: depth %d", got)
	}
}

// Tail calls of a loop count once, and only those of one path count.
func TestTailCalls(t *testing.T) {
	var c code
	for i := range 33 {
		c = c.jeq(6, int32(i), len(c)+3).call(5).jump(len(c) + 4).call(5)
	}
	c = c.jeq(7, 0, 0).exit() // back to the start: one component
	if _, r := c.build(Options{}); r == nil || !strings.HasPrefix(r.Text, "tail call chain depth exceeds 33 (at ") {
		t.Errorf("66 tail calls in a loop: %v", r)
	}
	c = c[:len(c)-2].exit()
	if _, r := c.build(Options{}); r != nil {
		t.Errorf("33 of 66 tail calls on every path: %v", r)
	}
}

func TestCallbackTarget(t *testing.T) {
	// 0 takes the address of 5; 5 calls 8, which exits; 6 follows. 9 loops.
	c := code{}.lddw(2, isa.SrcCode, 5, 0).mov(0, 0).exit().jump(4).
		local(8).exit().exit(). // 5
		exit().                 // 8
		jump(9).                // 9
		local(9).exit()         // 10: never returns
	g, r := c.build(Options{})
	if r != nil {
		t.Fatal(r)
	}
	type answer struct{ target, exits bool }
	for slot, want := range map[int64]answer{
		-1: {}, 0: {true, true}, 1: {}, 3: {}, 4: {true, false}, 5: {true, true}, 9: {true, false}, 10: {true, false}, 11: {}, 12: {},
	} {
		target, exits := g.CallbackTarget(slot)
		if got := (answer{target, exits}); got != want {
			t.Errorf("slot %d: got %v, want %v", slot, got, want)
		}
	}
}

func TestResolveHelper(t *testing.T) {
	g, r := code{}.slot(isa.Slot{Op: isa.OpCallX, Dst: 3}).exit().build(Options{CallX: true})
	if r != nil {
		t.Fatal(r)
	}
	c, checks, ok := g.ResolveHelper(1)
	if !ok || !c.MapLookup || c.Name != "map_lookup_elem" || len(checks) != 3 {
		t.Errorf("helper 1: %+v, %d obligations, %v", c, len(checks), ok)
	}
	if _, _, ok := g.ResolveHelper(999); ok {
		t.Error("helper 999 is usable")
	}
	if _, _, ok := g.ResolveHelper(13); ok {
		t.Error("helper 13 is usable, but its arguments are not modelled")
	}
}

func TestCallText(t *testing.T) {
	for id, want := range map[int32]string{
		1:  "r0 = map_lookup_elem:1(map_fd r1, map_key r2)",
		7:  "r0 = ktime:7()",
		10: "r0 = csum_diff:10(mem? r1[r2?], uint64_t r2, mem? r3[r4?], uint64_t r4, uint64_t r5)",
		15: "r0 = zero:15(stack? r1)",
		16: "r0 = reserve:16(map_fd r1, size? r2)",
		17: "r0 = loop:17(uint64_t r1, func r2, ctx? r3)",
		18: "r0 = getters:18(out_long r1, out_int r2, socket r3, btf_id r4, alloc_mem r5)",
		19: "r0 = lock:19(spin_lock r1, timer r2)",
		21: "r0 = push:21(map_fd r1, map_value r2)",
	} {
		c, err := resolve(testPlatform, testType, HelperCall, id, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.CallText(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	resolver := CallResolver(testPlatform, testType)
	for _, test := range []struct {
		in   isa.Inst
		want string
	}{
		{isa.Inst{Kind: isa.CallBuiltin, Imm: -2}, "r0 = memcpy:-2(out r1[r3], uint64_t r3)"},
		{isa.Inst{Kind: isa.Call, Imm: 1}, "r0 = map_lookup_elem:1(map_fd r1, map_key r2)"},
		{isa.Inst{Kind: isa.Call, Imm: 999}, "r0 = call:999"},
		{isa.Inst{Kind: isa.CallBTF, Imm: 1000}, "call_btf 1000"},
	} {
		if got := isa.Text(&test.in, resolver); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}

func TestBlocks(t *testing.T) {
	c := code{}.mov(0, 0).jeq(1, 0, 4).mov(0, 1).jump(4).exit().exit()
	g, r := c.build(Options{})
	if r != nil {
		t.Fatal(r)
	}
	text := func(blocks []Block) string {
		var lines []string
		for _, b := range blocks {
			var names []string
			for _, id := range b {
				names = append(names, g.Label(id))
			}
			lines = append(lines, strings.Join(names, " "))
		}
		return strings.Join(lines, "\n")
	}
	if got, want := text(g.Blocks(true)), "0 1\n1:2 2 3\n1:4\n4\n5\nexit"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got, want := text(g.Blocks(false)), "0\n1\n1:2\n1:4\n2\n3\n4\n5"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestStats(t *testing.T) {
	c := code{}.mov(0, 0).jeq(1, 0, 3).alu(0x0c, 0, 0).call(1).call(7).slot(isa.Slot{Op: 0x61, Dst: 1, Src: 2}).
		slot(isa.Slot{Op: 0x7b, Dst: 10, Src: 1, Off: -8}).slot(isa.Slot{Op: 0xdb, Dst: 1, Src: 2}).lddw(1, isa.SrcMapFD, 7, 0).call(11).exit()
	g, r := c.build(Options{})
	if r != nil {
		t.Fatal(r)
	}
	s := Count(g)
	var lines []string
	for _, row := range s.Rows() {
		lines = append(lines, fmt.Sprintf("%s %d", row.Name, row.Count))
	}
	want := "Instructions 12, arith 1, arith32 1, arith64 1, assign 2, assume 2, call_1 1, call_mem 1, call_nomem 1, instructions 15, " +
		"joins 1, jumps 1, load 1, load_store 1, map_in_map 0, other 4, packet_access 0, reallocate 0, store 1"
	if got := strings.Join(lines, ", "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestRegisters(t *testing.T) {
	mask := func(regs ...int) (m uint16) {
		for _, r := range regs {
			m |= 1 << r
		}
		return m
	}
	for _, test := range []struct {
		name     string
		slot     isa.Slot
		use, def uint16
	}{
		{"mov", isa.Slot{Op: 0xbf, Dst: 2, Src: 1}, mask(1), mask(2)},
		{"mov of a number", isa.Slot{Op: 0xb7, Dst: 2}, 0, mask(2)},
		{"add", isa.Slot{Op: 0x0f, Dst: 2, Src: 1}, mask(1, 2), mask(2)},
		{"load", isa.Slot{Op: 0x61, Dst: 2, Src: 1}, mask(1), mask(2)},
		{"store", isa.Slot{Op: 0x7b, Dst: 2, Src: 1}, mask(1, 2), 0},
		{"fetch", isa.Slot{Op: 0xdb, Dst: 2, Src: 1, Imm: 1}, mask(1, 2), mask(1)},
		{"compare and exchange", isa.Slot{Op: 0xdb, Dst: 2, Src: 1, Imm: 0xf1}, mask(0, 1, 2), mask(0)},
		{"call", isa.Slot{Op: isa.OpCall, Imm: 11}, mask(1, 2, 3, 4), mask(0, 1, 2, 3, 4, 5)},
		{"legacy packet access", isa.Slot{Op: 0x40, Src: 7}, mask(6, 7), mask(0, 1, 2, 3, 4, 5)},
	} {
		g, r := code{test.slot}.exit().build(Options{PacketAccess: true})
		if r != nil {
			t.Fatal(r)
		}
		if op := g.Op(1); op.Use != test.use || op.Def != test.def {
			t.Errorf("%s: use %b, def %b; want %b, %b", test.name, op.Use, op.Def, test.use, test.def)
		}
	}
}
