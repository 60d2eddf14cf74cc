package explain

import (
	"fmt"

	"bpfls/verifier"
)

// Name is what a register or a piece of memory is called in the C source.
type Name struct {
	Expr string // a C expression: "eth->h_proto", "data + 14", "&key"
	// Variable is the variable that the expression begins with: "eth"; empty where it
	// begins with none (the result of a call, a map).
	Variable string
	Type     string // C type of the expression; empty where it is not known
	Register int    // the register that was asked for
}

// String returns the expression.
func (n Name) String() string { return n.Expr }

// Unnamed words a register that has no name: "a value that was optimised away (r1)".
func Unnamed(reg int) string { return fmt.Sprintf("a value that was optimised away (r%d)", reg) }

// Namer finds the names of a program's registers and memory. A name is true at the
// instruction that it was asked for, before the instruction runs: the expression,
// evaluated there, has the value of the register. It is not safe for use by several
// goroutines.
type Namer struct{ e *explainer }

// NewNamer returns a namer for the program of in. Of in it needs Object and Program;
// Result, Platform, Type and Sources make it know more.
func NewNamer(in Input) *Namer { return &Namer{e: newExplainer(in)} }

// Register names what a register holds before the instruction at p; false where
// nothing is known.
func (n *Namer) Register(p verifier.Point, reg int) (Name, bool) { return Name{}, false }

// Memory names the width bytes at offset of what a register points to before the
// instruction at p, as an lvalue: "eth->h_proto"; false where nothing is known. Of
// r10 it names variables on the stack. Width 0 takes what lies at the offset, however
// large.
func (n *Namer) Memory(p verifier.Point, reg int, offset, width int) (Name, bool) {
	return Name{}, false
}

// Stack names the bytes of the current frame at offset, which is negative and counts
// from r10: "key", "key.port".
func (n *Namer) Stack(p verifier.Point, offset, width int) (Name, bool) {
	return n.Memory(p, 10, offset, width)
}
