package cfg

import "bpfls/isa"

// Stats counts a program's nodes as ebpf-for-windows does for "show sections":
// unreachable code, entry, exit, assumptions and counters included.
type Stats struct {
	Slots        int // 8-byte slots of the program
	Nodes        int
	Joins        int // nodes with several predecessors
	Jumps        int // nodes with several successors
	Other        int
	Assign       int
	Arith        int
	Arith64      int // binary operations, moves included
	Arith32      int
	Load         int
	Store        int
	LoadStore    int // atomic operations
	PacketAccess int // legacy packet instructions
	CallMapValue int // calls that return a map value
	CallMem      int // calls with an argument that is more than a number
	CallNoMem    int
	CallX        int
	Assume       int
	Reallocate   int // 1 if a call may move the packet
	MapInMap     int // 1 if an inner map without template is loaded
}

// Count counts the nodes of a graph. Build it with UnreachableCalls, or the
// counts lack the copies that PREVAIL makes for calls in unreachable code.
func Count(g *Graph) Stats {
	s := Stats{Slots: g.Insts.Len(), Nodes: len(g.Nodes)}
	for id := range NodeID(len(g.Nodes)) {
		if len(g.Predecessors(id)) > 1 {
			s.Joins++
		}
		if len(g.Successors(id)) > 1 {
			s.Jumps++
		}
		op := g.Op(id)
		switch {
		case op.Kind == Assume:
			s.Assume++
		case op.Kind != Instruction:
			s.Other++
		default:
			s.count(op, g.Contracts)
		}
	}
	return s
}

func (s *Stats) count(op *Op, contracts []Contract) {
	in := &op.Inst
	switch in.Kind {
	case isa.Bin:
		if in.Is64 {
			s.Arith64++
		} else {
			s.Arith32++
		}
		switch isa.BinOp(in.Op) {
		case isa.Mov, isa.MovSX8, isa.MovSX16, isa.MovSX32:
			s.Assign++
		default:
			s.Arith++
		}
	case isa.Un:
		s.Arith++
	case isa.LoadMapFD:
		s.Assign++
		if in.Imm == -1 {
			s.MapInMap = 1
		}
	case isa.LoadMapAddress, isa.LoadPseudo:
		s.Assign++
	case isa.Call, isa.CallBuiltin, isa.CallBTF:
		c := &contracts[op.Contract]
		if c.ReallocatesPacket {
			s.Reallocate = 1
		}
		switch {
		case c.MapLookup:
			s.CallMapValue++
		case c.numbersOnly():
			s.CallNoMem++
		default:
			s.CallMem++
		}
	case isa.CallX:
		s.CallX++
	case isa.Load:
		s.Load++
	case isa.Store:
		s.Store++
	case isa.Atomic:
		s.LoadStore++
	case isa.Packet:
		s.PacketAccess++
	default:
		s.Other++
	}
}

func (c *Contract) numbersOnly() bool {
	for _, a := range c.Singles {
		if a.Kind != ArgAnything {
			return false
		}
	}
	return len(c.Pairs) == 0
}

// StatRow is a count and the name that ebpf-for-windows prints.
type StatRow struct {
	Name  string
	Count int
}

// Rows returns the counts in the order in which ebpf-for-windows prints them.
// Assumptions and callx have no row where there are none.
func (s *Stats) Rows() []StatRow {
	rows := make([]StatRow, 0, 20)
	row := func(name string, n int) { rows = append(rows, StatRow{name, n}) }
	row("Instructions", s.Slots)
	row("arith", s.Arith)
	row("arith32", s.Arith32)
	row("arith64", s.Arith64)
	row("assign", s.Assign)
	if s.Assume > 0 {
		row("assume", s.Assume)
	}
	row("call_1", s.CallMapValue)
	row("call_mem", s.CallMem)
	row("call_nomem", s.CallNoMem)
	if s.CallX > 0 {
		row("callx", s.CallX)
	}
	row("instructions", s.Nodes)
	row("joins", s.Joins)
	row("jumps", s.Jumps)
	row("load", s.Load)
	row("load_store", s.LoadStore)
	row("map_in_map", s.MapInMap)
	row("other", s.Other)
	row("packet_access", s.PacketAccess)
	row("reallocate", s.Reallocate)
	row("store", s.Store)
	return rows
}
