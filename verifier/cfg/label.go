package cfg

import "strconv"

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

// InstText returns the node's instruction as PREVAIL prints it: "r1 = 0",
// "assume r1 != 0", "pc[4]++", "r0 = bpf_map_lookup_elem:1(map_fd r1, map_key r2)".
func (g *Graph) InstText(id NodeID) string { return g.instText(id) }

// CallText returns how the call of a contract is printed, arguments included.
func (c *Contract) CallText() string { return c.callText() }

// Block is a run of nodes that listings print as one.
type Block struct {
	Nodes []NodeID // at least one
}

// Blocks returns the blocks of listings in order. simplify merges chains of
// nodes, as listings do by default; otherwise each node but Entry and Final is
// its own block.
func (g *Graph) Blocks(simplify bool) []Block { return g.blocks(simplify) }

// Stats counts a program's instructions as ebpf-for-windows does for "show
// sections": over all nodes, those of unreachable code, entry, exit and
// assumptions included.
type Stats struct {
	Instructions int
	Joins        int // nodes with several predecessors
	Jumps        int // nodes with several successors
	Other        int
	Assign       int
	Arith        int
	Load         int
	Store        int
	LoadStore    int // atomic
	PacketAccess int
	CallMapValue int // "call_1": the result is a map value
	CallMem      int // memory, map or context arguments
	CallNoMem    int
	Reallocate   int // 1 if a call may move the packet
	MapInMap     int
	Arith64      int
	Arith32      int
	Assume       int
	CallX        int
}

// Count counts the nodes of a graph. Build it with UnreachableCalls, or the
// counts lack what unreachable code calls.
func Count(g *Graph) Stats { return count(g) }

// Rows returns the counts by the names that ebpf-for-windows prints, sorted,
// "instructions" included. Assume and callx are left out where they are 0.
func (s *Stats) Rows() []StatRow { return s.rows() }

// StatRow is a count and its name.
type StatRow struct {
	Name  string
	Count int
}
