package explain

import "bpfls/verifier"

// NamedFact is what the verifier knows of one value, under its name in C.
type NamedFact struct {
	Name  string // "data", "key.port"; a register's ("r1") where C has none for it
	Named bool   // Name is a C name
	// Where is the register or stack bytes that hold the value: "r1", "r10-8".
	Where string
	// Text says what is known: "packet + 0, at least 14 bytes to data_end (line 11)".
	Text  string
	Value verifier.Value
}

// LineState is what the verifier knows around a line or an expression, on demand.
type LineState struct {
	Slots          []int // the instructions, in order
	Checks, Proven int   // all copies
	Reached        bool  // false: dead for the verifier
	Copies         int   // copies of the first instruction, one for each way of calls
	Before, After  []NamedFact
	// Changed is what of After was different before, or not known.
	Changed []NamedFact
}

// LineAt tells what is known of the given instructions of a program: those of a C
// line, or of one expression of it. It replays states, and so is not for the way of a
// save.
func LineAt(in Input, slots []int) LineState { return LineState{Slots: slots} }

// FunctionFacts are the facts of a C function of a program, inlined ones not among
// them.
type FunctionFacts struct {
	Name         string
	File         string // empty without line info
	Line         int
	Instructions int
	LoopBound    int // -1: not known
	Stack        int // bytes of its frame that it uses
	// Inlinable lists the map lookups that bpf2c can inline: one array map is proven to
	// be the argument of every copy of the call (eBPF for Windows,
	// docs/VerifierAssistedMapOptimization.md).
	Inlinable []InlinableLookup
}

// InlinableLookup is a call of bpf_map_lookup_elem that bpf2c can replace by code.
type InlinableLookup struct {
	Slot  int
	Map   string
	Range Range
}

// Functions tells the facts of a program's functions, the program itself first.
func Functions(in Input) []FunctionFacts { return nil }
