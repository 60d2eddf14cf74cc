// Package isa decodes, encodes and prints the BPF instruction set of RFC 9669.
//
// It knows nothing of ELF files or platforms. Two notations are printed: the
// one of the PREVAIL verifier (the form that netsh shows) and the one of
// llvm-objdump.
package isa

// Reg is a register number, r0 to r10.
type Reg uint8

// R10 is the read-only frame pointer.
const R10 Reg = 10

// Slot is one 8-byte instruction word as it stands in an object file
// (RFC 9669, section 3.1). A lddw takes two slots.
type Slot struct {
	Op  uint8
	Dst Reg
	Src Reg
	Off int16
	Imm int32
}

// Kind is the class of a decoded instruction.
type Kind uint8

// The kinds of instructions. Each comment names the fields of Inst that are
// meaningful besides Kind and Slots.
const (
	Undefined      Kind = iota // Op: the opcode that was not understood
	Bin                        // Op (BinOp), Dst, Src or Imm, UseImm, Is64, LDDW
	Un                         // Op (UnOp), Dst, Is64
	LoadMapFD                  // Dst, Imm: map descriptor
	LoadMapAddress             // Dst, Imm: map descriptor, NextImm: offset in the value
	LoadPseudo                 // Dst, Op: source field 3, 4, 5 or 6, Imm, NextImm
	Jump                       // Target; if Cond: Op (Condition), Dst, Src or Imm, UseImm, Is64
	Call                       // Imm: helper id
	CallBuiltin                // Imm: the platform's number of a compiler builtin (memcpy), resolved by the loader
	CallLocal                  // Target: slot of the callee's first instruction
	CallX                      // Dst: register that holds the helper id
	CallBTF                    // Imm: BTF id of a kfunc, Off: module
	Exit                       //
	Load                       // Dst, Src: base, Off, Width, Signed
	Store                      // Dst: base, Off, Width, Src or Imm, UseImm
	Packet                     // legacy packet access: Width, Imm: offset, Src and HasReg for LD_IND
	Atomic                     // Op (AtomicOp), Fetch, Dst: base, Off, Width, Src: value register
)

// BinOp is a binary operation.
type BinOp uint8

// The binary operations.
const (
	Mov BinOp = iota
	Add
	Sub
	Mul
	UDiv
	UMod
	Or
	And
	Lsh
	Rsh
	Arsh
	Xor
	SDiv
	SMod
	MovSX8
	MovSX16
	MovSX32
)

// UnOp is a unary operation.
type UnOp uint8

// The unary operations.
const (
	BE16 UnOp = iota
	BE32
	BE64
	LE16
	LE32
	LE64
	Swap16
	Swap32
	Swap64
	Neg
)

// Condition is the comparison of a conditional jump.
type Condition uint8

// The conditions.
const (
	EQ   Condition = iota
	NE             //
	SET            // left & right != 0
	NSET           // left & right == 0; only the negation of SET, never encoded
	LT             // unsigned
	LE
	GT
	GE
	SLT // signed
	SLE
	SGT
	SGE
)

// AtomicOp is an atomic read-modify-write operation; values are the encoding's
// imm field without the fetch bit.
type AtomicOp uint8

// The atomic operations.
const (
	AtomicAdd     AtomicOp = 0x00
	AtomicOr      AtomicOp = 0x40
	AtomicAnd     AtomicOp = 0x50
	AtomicXor     AtomicOp = 0xa0
	AtomicXchg    AtomicOp = 0xe0
	AtomicCmpXchg AtomicOp = 0xf0
)

// Inst is a decoded instruction. It is a flat value so that programs are
// arrays of it; which fields mean something depends on Kind.
type Inst struct {
	Kind    Kind
	Op      uint8 // BinOp, UnOp, Condition, AtomicOp or source field, by Kind
	Dst     Reg
	Src     Reg
	UseImm  bool  // the right operand is Imm, not Src
	Cond    bool  // Jump: conditional
	Is64    bool  // 64-bit operation or comparison
	LDDW    bool  // Bin Mov that was a 64-bit immediate load
	Signed  bool  // Load: sign-extending
	Fetch   bool  // Atomic: old value goes back to Src (R0 for compare-exchange)
	HasReg  bool  // Packet: Src is added to the offset
	Width   uint8 // bytes accessed
	Slots   uint8 // 8-byte slots taken: 1 or 2; 0 in the entry of a second slot, where a jump is an error
	Off     int32 // displacement of a memory access, or module of CallBTF
	Target  int32 // Jump, CallLocal: slot index in the program
	NextImm int32 // immediate of the second slot, where it is kept apart
	Imm     int64 // sign-extended immediate, or the 64-bit one of lddw
}
