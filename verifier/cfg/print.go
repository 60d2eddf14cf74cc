package cfg

import (
	"strconv"

	"bpfls/isa"
	"bpfls/platform"
)

var argNames = [...]string{
	ArgMapFD: "map_fd", ArgMapFDPrograms: "map_fd_programs", ArgMapKey: "map_key", ArgMapValue: "map_value",
	ArgContext: "ctx", ArgStack: "stack", ArgFunc: "func", ArgAnything: "uint64_t", ArgSocket: "socket",
	ArgBTFID: "btf_id", ArgAllocMem: "alloc_mem", ArgSpinLock: "spin_lock", ArgTimer: "timer",
	ArgSizeOrZero: "size?", ArgWritableLong: "out_long", ArgWritableInt: "out_int",
}

// args returns the arguments as they are printed. What follows a register
// without an argument is not.
func (c *Contract) args() []string {
	var args []string
next:
	for reg := isa.Reg(1); reg <= 5; reg++ {
		for _, a := range c.Singles {
			if a.Reg == reg {
				text := argNames[a.Kind]
				if a.OrNull {
					text += "?"
				}
				args = append(args, text+" "+reg.String())
				continue next
			}
		}
		for _, p := range c.Pairs {
			if p.Mem == reg {
				args = append(args, p.text())
				reg++ // the register behind it is taken for the size
				continue next
			}
		}
		break
	}
	return args
}

func (p *Pair) text() string {
	text := "mem"
	if p.Writable {
		text = "out"
	}
	if p.OrNull {
		text += "?"
	}
	text += " " + p.Mem.String() + "[" + p.Size.String()
	if p.CanBeZero {
		text += "?"
	}
	return text + "], uint64_t " + p.Size.String()
}

// CallText returns how a call of the contract is printed:
// "r0 = bpf_map_lookup_elem:1(map_fd r1, map_key r2)".
func (c *Contract) CallText() string {
	in := isa.Inst{Kind: isa.Call, Imm: int64(c.ID)}
	return isa.Text(&in, func(*isa.Inst) (isa.CallInfo, bool) { return c.info(), true })
}

func (c *Contract) info() isa.CallInfo { return isa.CallInfo{Name: c.Name, Args: c.args()} }

// CallResolver names the calls of a program for listings that have no graph,
// as disassembly has. Functions that the platform lacks are not known to it.
func CallResolver(p *platform.Platform, t *platform.ProgramType) isa.CallResolver {
	return func(in *isa.Inst) (isa.CallInfo, bool) {
		kind := HelperCall
		switch in.Kind {
		case isa.CallBuiltin:
			kind = BuiltinCall
		case isa.CallBTF:
			return isa.CallInfo{}, false // listings show the id
		}
		c, err := resolve(p, t, kind, int32(in.Imm), int16(in.Off))
		if err != nil {
			return isa.CallInfo{}, false
		}
		return c.info(), true
	}
}

// InstText returns the node's instruction as PREVAIL prints it: "r1 = 0",
// "assume r1 != 0", "pc[4]++", "r0 = bpf_map_lookup_elem:1(map_fd r1, map_key r2)".
func (g *Graph) InstText(id NodeID) string {
	op := g.Op(id)
	switch op.Kind {
	case Entry, Final:
		return "Undefined{0}"
	case Counter:
		var buf [48]byte
		return string(append(g.appendCounter(buf[:0], id), "++"...))
	case Assume:
		return "assume " + isa.ConditionText(&op.Inst)
	}
	if op.Contract >= 0 {
		return isa.Text(&op.Inst, func(*isa.Inst) (isa.CallInfo, bool) { return g.Contracts[op.Contract].info(), true })
	}
	return isa.Text(&op.Inst, nil)
}

// Label returns PREVAIL's name of a node: "4", "9/53", "12 (counter)", "4:14",
// "entry", "exit".
func (g *Graph) Label(id NodeID) string {
	var buf [48]byte
	return string(g.appendLabel(buf[:0], id))
}

func (g *Graph) appendLabel(b []byte, id NodeID) []byte {
	op := g.Op(id)
	switch op.Kind {
	case Entry:
		return append(b, "entry"...)
	case Final:
		return append(b, "exit"...)
	case Counter:
		return append(g.appendLabel(b, g.Head(id)), " (counter)"...)
	}
	if f := g.Nodes[id].Frame; f != 0 {
		b = append(g.appendPrefix(b, f), '/')
	}
	b = strconv.AppendInt(b, int64(op.Slot), 10)
	if op.Kind == Assume {
		b = strconv.AppendInt(append(b, ':'), int64(op.To), 10)
	}
	return b
}

// appendPrefix appends the call sites that lead to a frame: "9/53".
func (g *Graph) appendPrefix(b []byte, frame int32) []byte {
	f := &g.Frames[frame]
	if f.Parent > 0 {
		b = append(g.appendPrefix(b, f.Parent), '/')
	}
	return strconv.AppendInt(b, int64(f.Site), 10)
}

// Block is a run of nodes that listings print as one; it is never empty.
type Block []NodeID

// Blocks returns the blocks of PREVAIL's listings, in order. simplify merges
// chains of nodes, as listings do by default; otherwise every node but entry
// and exit is a block of its own.
func (g *Graph) Blocks(simplify bool) []Block {
	n := NodeID(len(g.Nodes))
	all := make([]NodeID, 0, n)
	var blocks []Block
	if !simplify {
		for id := range n {
			if id != g.Entry() && id != g.Final() {
				all = append(all, id)
				blocks = append(blocks, Block(all[len(all)-1:len(all):len(all)]))
			}
		}
		return blocks
	}
	seen := make([]bool, n)
	for first := range n {
		if seen[first] {
			continue
		}
		seen[first] = true
		// A node that its only predecessor leads to is part of that one's block,
		// or of none if that one comes later.
		if p := g.Predecessors(first); len(p) == 1 && len(g.Successors(p[0])) == 1 {
			continue
		}
		start := len(all)
		all = append(all, first)
		for last := first; len(g.Successors(last)) == 1; {
			next := g.Successors(last)[0]
			if seen[next] || next == g.Final() || len(g.Predecessors(next)) != 1 {
				break
			}
			if all[start] == g.Entry() {
				all = all[:start] // entry shows nothing
			}
			seen[next] = true
			all = append(all, next)
			last = next
		}
		blocks = append(blocks, Block(all[start:len(all):len(all)]))
	}
	return blocks
}
