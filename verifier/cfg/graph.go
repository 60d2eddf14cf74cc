// Package cfg turns a BPF program into a control-flow graph that an abstract
// interpreter can run over: one node per instruction, assumptions on the edges
// of conditional jumps, calls of local functions inlined per call site, loop
// counters where termination is checked, proof obligations for every
// instruction, and a weak topological order.
//
// The graph is the one that the PREVAIL verifier (v0.2.6) builds: the same
// nodes, edges, order and obligations, and the same programs rejected in the
// same words. Nodes are numbered in the order of PREVAIL's labels, which
// decides what is joined first and which of several failures is reported.
package cfg

import (
	"bpfls/isa"
	"bpfls/platform"
	"bpfls/verifier/paged"
)

// Input is a program.
type Input struct {
	Code []isa.Slot // relocated, subprograms appended
	// Insts, if not nil, is the decoded program, by slot, and Code is not looked at:
	// for programs that were never encoded.
	Insts    []isa.Inst
	Maps     []platform.Map
	Platform *platform.Platform
	Type     *platform.ProgramType
}

// Options choose how the graph is built.
type Options struct {
	Termination  bool // put a counter behind every loop head
	StackSize    int  // bytes per frame; 0: 512
	MaxFrames    int  // calls that may be nested, the program itself included; 0: 8
	PacketAccess bool // legacy packet instructions are allowed
	CallX        bool // callx is allowed
	// MaxNodes bounds the nodes of the graph after inlining; 0: DefaultMaxNodes.
	MaxNodes int
	// UnreachableCalls inlines the functions called by unreachable code of the
	// program too, as PREVAIL does. It changes no verdict: statistics and
	// listings count those nodes.
	UnreachableCalls bool
	// Stop, if not nil, is asked again and again: Build gives up once it says true, with
	// a rejection of kind Cancelled.
	Stop func() bool
	// FallOffEnd lets the last instruction fall through to the program's exit: for
	// tests of single instructions.
	FallOffEnd bool
}

// DefaultMaxNodes is the default bound on the number of nodes.
const DefaultMaxNodes = 4 << 20

// DefaultOptions returns the options that a platform sets.
func DefaultOptions(p *platform.Platform) Options {
	o := p.Options
	return Options{
		Termination:  o.Termination,
		StackSize:    o.StackSize,
		MaxFrames:    o.MaxFrames,
		PacketAccess: o.PacketAccess,
		CallX:        o.CallX,
	}
}

// NodeID is the index of a node in Graph.Nodes. Ids ascend in the order of
// PREVAIL's labels: the program's own nodes, its exit, then the nodes of the
// inlined frames, by the text of their prefix ("10/" before "2/").
type NodeID = int32

// NoNode stands for the absence of a node.
const NoNode NodeID = -1

// Kind is the kind of a node.
type Kind uint8

// The kinds of nodes.
const (
	Entry       Kind = iota // the first node, before the first instruction
	Final                   // behind the program's own exit instructions
	Instruction             // Op.Inst runs
	Assume                  // on an edge of a conditional jump: the comparison in Op.Inst holds
	Counter                 // behind a loop head: one more iteration
)

// Op is what a node does. Ops are shared by all nodes of the same instruction.
type Op struct {
	// Inst is the instruction. For an Assume it is the jump, with the condition
	// negated on the edge that falls through. Loads of variable addresses and of
	// maps by index stand in their resolved form (Bin Mov, LoadMapFD,
	// LoadMapAddress).
	Inst isa.Inst
	Kind Kind
	Slot int32 // the instruction's slot; -1 for Entry, Final and Counter
	To   int32 // Assume: slot of the edge's target; else -1
	// Contract is the index in Graph.Contracts of a call of a helper, builtin or
	// kernel function; else -1.
	Contract int32
	// Use and Def are the registers that the instruction or its obligations read
	// and those that it writes or makes unknown: bit i is register i. A call uses
	// the arguments of its contract. A call of a local function saves r6 to r9
	// and moves r10; Exit is that of an inlined function, which restores them and
	// makes r1 to r5 unknown.
	Use, Def uint16

	// Checks from checks % checksOfPiece on, of piece checks / checksOfPiece.
	checks, nchecks int32
}

// checksOfPiece is more than the index of a check that an op's checks begin with. Those of an
// op are all in one piece.
const checksOfPiece = 1 << 10

// Node is a node of the graph.
type Node struct {
	Op    int32 // index in Graph.Ops
	Frame int32 // index in Graph.Frames
}

// Frame is one inlined copy of a function; frame 0 is the program itself.
type Frame struct {
	Parent int32  // frame of the caller; -1 for frame 0
	Depth  int32  // 1 for frame 0, one more per call
	Site   int32  // slot of the call instruction; -1 for frame 0
	Call   NodeID // node of the call instruction
	Entry  NodeID // first node of the function
	Return NodeID // node that the function's exit instructions lead to
	First  NodeID // nodes of the frame are [First, End)
	End    NodeID
}

// Graph is a program's control-flow graph. It is immutable.
type Graph struct {
	Nodes     []Node
	Ops       paged.Array[Op]
	Frames    []Frame // sorted by prefix, as their nodes are
	Contracts []Contract
	WTO       *WTO
	// Insts is the decoded program, by slot, as isa.Decode returns it.
	Insts paged.Array[isa.Inst]

	in       Input
	opt      Options
	checks   [][]Check // in pieces: see Graph.Checks
	succ     []NodeID
	succAt   []int32
	pred     []NodeID
	predAt   []int32
	final    NodeID
	callback []uint8 // by slot: bits callbackTarget, callbackExits
}

// Entry returns the node before the first instruction: 0.
func (g *Graph) Entry() NodeID { return 0 }

// Final returns the node behind the program's exit instructions.
func (g *Graph) Final() NodeID { return g.final }

// Op returns what the node does.
func (g *Graph) Op(id NodeID) *Op { return g.Ops.At(g.Nodes[id].Op) }

// Kind returns the kind of the node.
func (g *Graph) Kind(id NodeID) Kind { return g.Ops.At(g.Nodes[id].Op).Kind }

// Frame returns the frame that the node belongs to.
func (g *Graph) Frame(id NodeID) *Frame { return &g.Frames[g.Nodes[id].Frame] }

// Depth returns the depth of the node's frame: 1 in the program itself.
func (g *Graph) Depth(id NodeID) int { return int(g.Frames[g.Nodes[id].Frame].Depth) }

// Successors returns the nodes that control goes to, ascending. The caller must
// not change them.
func (g *Graph) Successors(id NodeID) []NodeID { return g.succ[g.succAt[id]:g.succAt[id+1]] }

// Predecessors returns the nodes that control comes from, ascending,
// unreachable ones included. The caller must not change them.
func (g *Graph) Predecessors(id NodeID) []NodeID { return g.pred[g.predAt[id]:g.predAt[id+1]] }

// Head returns the loop head that a Counter counts for.
func (g *Graph) Head(counter NodeID) NodeID { return counter - 1 }

// CounterOf returns the counter behind a loop head, or NoNode.
func (g *Graph) CounterOf(head NodeID) NodeID {
	if int(head)+1 < len(g.Nodes) && g.Kind(head+1) == Counter {
		return head + 1
	}
	return NoNode
}

// Slot returns the slot of the node's instruction; that of the loop head for a
// counter, that of the jump for an assumption, -1 for Entry and Final.
func (g *Graph) Slot(id NodeID) int {
	op := g.Op(id)
	if op.Kind == Counter {
		op = g.Op(id - 1)
	}
	return int(op.Slot)
}

// CallPath returns the slots of the call instructions that lead to the node's
// frame, outermost first; nil in the program itself.
func (g *Graph) CallPath(id NodeID) []int {
	f := g.Frame(id)
	if f.Depth <= 1 {
		return nil
	}
	path := make([]int, f.Depth-1)
	for i := len(path) - 1; i >= 0; i-- {
		path[i] = int(f.Site)
		f = &g.Frames[f.Parent]
	}
	return path
}

// Checks returns the proof obligations of the node, in the order in which they
// are checked. The caller must not change them.
func (g *Graph) Checks(id NodeID) []Check {
	op := g.Op(id)
	if op.Kind == Instruction && op.Inst.Kind == isa.Exit && g.Nodes[id].Frame != 0 {
		return nil // only the program's own result must be a number
	}
	from := op.checks & (checksOfPiece - 1)
	return g.checks[op.checks/checksOfPiece][from : from+op.nchecks]
}

// ShiftMaps returns the graph of the same program with other map descriptors: all by n
// greater.
func (g *Graph) ShiftMaps(n int) *Graph {
	if n == 0 {
		return g
	}
	c := *g
	c.Insts, c.Ops = g.Insts.Clone(), g.Ops.Clone()
	shift := func(in *isa.Inst) {
		if in.Kind == isa.LoadMapFD || in.Kind == isa.LoadMapAddress {
			in.Imm += int64(n)
		}
	}
	for i := range int32(c.Insts.Len()) {
		shift(c.Insts.At(i))
	}
	for i := range int32(c.Ops.Len()) {
		shift(&c.Ops.At(i).Inst)
	}
	return &c
}

const (
	callbackTarget = 1 << iota
	callbackExits
)

// CallbackTarget reports whether the instruction at slot can be the first one
// of a callback (it is an instruction of the program, and not an exit), and
// whether an exit can be reached from it.
func (g *Graph) CallbackTarget(slot int64) (target, exits bool) {
	if slot < 0 || slot >= int64(len(g.callback)) {
		return false, false
	}
	b := g.callback[slot]
	return b&callbackTarget != 0, b&callbackExits != 0
}
