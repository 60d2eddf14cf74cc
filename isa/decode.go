package isa

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// The fields of an opcode (RFC 9669, section 3.2).
const (
	classMask = 0x07
	classLD   = 0x00
	classLDX  = 0x01
	classST   = 0x02
	classSTX  = 0x03
	classALU  = 0x04
	classJMP  = 0x05
	classJMP3 = 0x06 // 32-bit comparisons
	classALU6 = 0x07 // 64-bit arithmetic

	sourceReg = 0x08 // the right operand is a register; byte swaps: big endian

	sizeMask = 0x18
	sizeW    = 0x00
	sizeH    = 0x08
	sizeB    = 0x10
	sizeDW   = 0x18

	modeMask   = 0xe0
	modeIMM    = 0x00
	modeABS    = 0x20
	modeIND    = 0x40
	modeMEM    = 0x60
	modeMEMSX  = 0x80
	modeATOMIC = 0xc0

	jumpJA   = 0x0
	jumpCall = 0x8
	jumpExit = 0x9

	aluDiv = 0x3
	aluNeg = 0x8
	aluMod = 0x9
	aluMov = 0xb
	aluEnd = 0xd

	atomicFetch = 1
)

// Opcodes that readers of object files look for.
const (
	OpLDDW  = 0x18 // 64-bit immediate load, first slot
	OpCall  = 0x85 // call; Src says of what
	OpCallX = 0x8d // call of the helper whose id a register holds
	OpExit  = 0x95
	OpJA    = 0x05
	OpJA32  = 0x06
	OpMov   = 0xbf // 64-bit register move
)

// Source fields of a lddw (RFC 9669, section 5.4).
const (
	SrcImm        Reg = 0 // a number
	SrcMapFD      Reg = 1 // address of the map with the descriptor imm
	SrcMapValue   Reg = 2 // map value of the descriptor imm, plus next imm
	SrcVariable   Reg = 3 // address of a platform variable
	SrcCode       Reg = 4 // address of an instruction
	SrcMapIndex   Reg = 5 // address of the map with index imm
	SrcMapIdxAddr Reg = 6 // map value of the map with index imm, plus next imm
)

// Source fields of a call.
const (
	SrcHelper Reg = 0 // a helper, by id
	SrcLocal  Reg = 1 // a function of the program, by displacement
	SrcKfunc  Reg = 2 // a kernel function, by BTF id
	// SrcBuiltin marks a call of a compiler's builtin (memcpy) that a loader
	// resolved; imm is the platform's negative number for it. It does not fit the
	// encoding's four bits, so no object can hold it.
	SrcBuiltin Reg = 16
)

// SlotSize is the size of an encoded Slot in bytes.
const SlotSize = 8

// Slots reads instruction words from the bytes of a section; bytes behind the
// last whole word are ignored. In a big-endian object the two register fields
// change places too.
func Slots(data []byte, order binary.ByteOrder) []Slot { return AppendSlots(nil, data, order) }

// AppendSlots is Slots, appending to code.
func AppendSlots(code []Slot, data []byte, order binary.ByteOrder) []Slot {
	n := len(code)
	code = slices.Grow(code, len(data)/SlotSize)[:n+len(data)/SlotSize]
	// The fields are set one by one and data advances: the loop of a large object.
	if order == binary.ByteOrder(binary.BigEndian) {
		for i := n; i < len(code) && len(data) >= SlotSize; i++ {
			v, s := binary.BigEndian.Uint64(data), &code[i]
			s.Op, s.Dst, s.Src, s.Off, s.Imm = uint8(v>>56), Reg(v>>52&0xf), Reg(v>>48&0xf), int16(v>>32), int32(v)
			data = data[SlotSize:]
		}
		return code
	}
	for i := n; i < len(code) && len(data) >= SlotSize; i++ {
		v, s := binary.LittleEndian.Uint64(data), &code[i]
		s.Op, s.Dst, s.Src, s.Off, s.Imm = uint8(v), Reg(v>>8&0xf), Reg(v>>12&0xf), int16(v>>16), int32(v>>32)
		data = data[SlotSize:]
	}
	return code
}

// AppendBytes appends the encoding of code to b.
func AppendBytes(b []byte, code []Slot, order binary.ByteOrder) []byte {
	big := order == binary.ByteOrder(binary.BigEndian)
	for _, s := range code {
		if big {
			b = append(b, s.Op, byte(s.Dst)<<4|byte(s.Src)&0xf)
			b = binary.BigEndian.AppendUint16(b, uint16(s.Off))
			b = binary.BigEndian.AppendUint32(b, uint32(s.Imm))
		} else {
			b = append(b, s.Op, byte(s.Dst)&0xf|byte(s.Src)<<4)
			b = binary.LittleEndian.AppendUint16(b, uint16(s.Off))
			b = binary.LittleEndian.AppendUint32(b, uint32(s.Imm))
		}
	}
	return b
}

// DecodeError says why a program's encoding is not understood.
type DecodeError struct {
	Slot int    // where; -1 for a program without instructions
	Text string // in PREVAIL's words: "bad instruction op 0xff"
}

// Error returns the form that PREVAIL prints behind "unmarshaling error at".
func (e *DecodeError) Error() string {
	if e.Slot < 0 {
		return e.Text
	}
	return fmt.Sprintf("%d: %s", e.Slot, e.Text)
}

// Decode decodes a program. The result has one entry per slot, so that jump
// targets index it: the entry of the second slot of a two-slot instruction has
// Slots == 0 and must not be executed.
//
// It accepts exactly the encodings that PREVAIL accepts; the error is a
// *DecodeError for the first one that it does not. Two shifts that zero- or
// sign-extend the low half of a register (`r1 <<= 32; r1 >>= 32`) are one
// two-slot instruction, a 32-bit Mov or a MovSX32, even where the second shift
// is the target of a jump. Whether the platform has a helper, and whether it
// allows legacy packet access or callx, is not looked at.
func Decode(code []Slot) ([]Inst, error) { return DecodeUntil(code, nil) }

// ErrStopped is DecodeUntil's error if it was told to stop.
var ErrStopped = errors.New("decoding was stopped")

// stopEvery is the number of slots between two looks at whether to stop.
const stopEvery = 1 << 11

// DecodeUntil is Decode that asks stop, if that is not nil, every few thousand slots, and
// gives up with ErrStopped once it says true.
func DecodeUntil(code []Slot, stop func() bool) ([]Inst, error) {
	insts := make([]Inst, len(code))
	if err := DecodeTo(code, func(slot int) *Inst { return &insts[slot] }, stop); err != nil {
		return nil, err
	}
	return insts, nil
}

// DecodeTo is DecodeUntil that puts each instruction where at says, which has zeroes there.
func DecodeTo(code []Slot, at func(slot int) *Inst, stop func() bool) error {
	if len(code) == 0 {
		return &DecodeError{Slot: -1, Text: "Zero length programs are not allowed"}
	}
	d := decoder{code: code}
	look := stopEvery
	for i := 0; i < len(code); {
		if i >= look && stop != nil {
			if look += stopEvery; stop() {
				return ErrStopped
			}
		}
		in := at(i)
		if text := d.decode(i, in); text != "" {
			return &DecodeError{Slot: i, Text: text}
		}
		n := 1
		switch {
		case in.Slots == 2:
			n = 2
		case in.Kind == Bin && BinOp(in.Op) == Lsh && in.Is64 && in.UseImm && in.Imm == 32 && i+1 < len(code) && code[i+1].Op&classMask == classALU6:
			// The second shift is decoded here; if it is not what we look for,
			// it is decoded again in its turn.
			next := at(i + 1)
			if text := d.decode(i+1, next); text != "" {
				return &DecodeError{Slot: i + 1, Text: text}
			}
			if next.Kind == Bin && next.Dst == in.Dst && next.UseImm && next.Imm == 32 && (BinOp(next.Op) == Rsh || BinOp(next.Op) == Arsh) {
				fused := Inst{Kind: Bin, Op: uint8(Mov), Dst: in.Dst, Src: in.Dst, Slots: 2}
				if BinOp(next.Op) == Arsh {
					fused.Op, fused.Is64 = uint8(MovSX32), true
				}
				*in, n = fused, 2
			}
			*next = Inst{}
		}
		i += n
	}
	return nil
}

type decoder struct {
	code []Slot
}

func opText(text string, op uint8) string { return fmt.Sprintf("%s op 0x%x", text, op) }
func badInst(op uint8) string             { return opText("bad instruction", op) }
func nonzeroImm(op uint8) string          { return opText("nonzero imm for", op) }
func nonzeroOff(op uint8) string          { return opText("nonzero offset for", op) }
func nonzeroDst(op uint8) string          { return opText("nonzero dst for register", op) }
func invalidOff(op uint8) string          { return opText("invalid offset for", op) }

const (
	badRegister     = "bad register"
	unsupportedImm  = "unsupported immediate"
	cannotModifyR10 = "cannot modify r10"
	reservedFields  = "lddw uses reserved fields"
)

// decode decodes the instruction at i into in, which is zero; the result is the
// reason why it cannot, empty if it can.
func (d *decoder) decode(i int, in *Inst) string {
	s := d.code[i]
	in.Slots = 1
	switch s.Op & classMask {
	case classLD:
		if s.Op == OpLDDW {
			return d.lddw(i, in)
		}
		return d.memory(s, in)
	case classLDX, classST, classSTX:
		return d.memory(s, in)
	case classALU, classALU6:
		return d.alu(s, in)
	default:
		return d.jump(i, in)
	}
}

// binOps maps the operation of an arithmetic opcode; division, modulo, mov,
// negation and byte swaps depend on more than the opcode.
var binOps = [16]BinOp{0x0: Add, 0x1: Sub, 0x2: Mul, 0x4: Or, 0x5: And, 0x6: Lsh, 0x7: Rsh, 0xa: Xor, 0xc: Arsh}

func (d *decoder) alu(s Slot, in *Inst) string {
	if s.Dst == R10 {
		return "invalid target r10"
	}
	if s.Dst > R10 || s.Src > R10 {
		return badRegister
	}
	in.Dst = s.Dst
	in.Is64 = s.Op&classMask == classALU6
	op := s.Op >> 4
	// Only these give the offset field a meaning.
	switch op {
	case aluDiv, aluMod:
		unsigned, signed := UDiv, SDiv
		if op == aluMod {
			unsigned, signed = UMod, SMod
		}
		switch s.Off {
		case 0:
			in.Op = uint8(unsigned)
		case 1:
			in.Op = uint8(signed)
		default:
			return invalidOff(s.Op)
		}
		return d.binary(s, in)
	case aluMov:
		if s.Off > 0 && s.Op&sourceReg == 0 {
			return nonzeroOff(s.Op)
		}
		switch s.Off {
		case 0:
			in.Op = uint8(Mov)
		case 8:
			in.Op = uint8(MovSX8)
		case 16:
			in.Op = uint8(MovSX16)
		case 32:
			in.Op = uint8(MovSX32)
		default:
			return invalidOff(s.Op)
		}
		return d.binary(s, in)
	}
	if s.Off != 0 {
		return nonzeroOff(s.Op)
	}
	switch op {
	case aluNeg:
		if s.Op&sourceReg != 0 || s.Src != 0 {
			return badInst(s.Op)
		}
		if s.Imm != 0 {
			return nonzeroImm(s.Op)
		}
		in.Kind, in.Op = Un, uint8(Neg)
		return ""
	case aluEnd:
		if s.Src != 0 || in.Is64 && s.Op&sourceReg != 0 {
			return badInst(s.Op)
		}
		first := LE16
		switch {
		case in.Is64:
			first = Swap16
		case s.Op&sourceReg != 0:
			first = BE16
		}
		in.Kind = Un
		switch s.Imm {
		case 16:
			in.Op = uint8(first)
		case 32:
			in.Op = uint8(first) + 1
		case 64:
			in.Op = uint8(first) + 2
		default:
			return unsupportedImm
		}
		return ""
	case 0xe, 0xf:
		return badInst(s.Op)
	}
	in.Op = uint8(binOps[op])
	return d.binary(s, in)
}

func (d *decoder) binary(s Slot, in *Inst) string {
	in.Kind = Bin
	if s.Op&sourceReg != 0 {
		if s.Imm != 0 {
			return nonzeroImm(s.Op)
		}
		in.Src = s.Src
		return ""
	}
	if s.Src != 0 {
		return badInst(s.Op)
	}
	in.UseImm, in.Imm = true, int64(s.Imm)
	return ""
}

// widths are the bytes that each size field means.
var widths = [4]uint8{sizeW >> 3: 4, sizeH >> 3: 2, sizeB >> 3: 1, sizeDW >> 3: 8}

func (d *decoder) memory(s Slot, in *Inst) string {
	if s.Dst > R10 || s.Src > R10 {
		return badRegister
	}
	class := s.Op & classMask
	width := widths[s.Op&sizeMask>>3]
	in.Width = width
	switch s.Op & modeMask {
	case modeABS, modeIND:
		indirect := s.Op&modeMask == modeIND
		if class != classLD || width == 8 {
			return badInst(s.Op)
		}
		if s.Dst != 0 {
			return nonzeroDst(s.Op)
		}
		if !indirect && s.Src > 0 {
			return badInst(s.Op)
		}
		if s.Off != 0 {
			return nonzeroOff(s.Op)
		}
		in.Kind, in.Imm, in.HasReg, in.Src = Packet, int64(s.Imm), indirect, s.Src
		return ""
	case modeMEM:
		if class == classLD {
			return badInst(s.Op)
		}
		load := class == classLDX
		if load && s.Dst == R10 {
			return cannotModifyR10
		}
		if class == classST {
			if s.Src != 0 {
				return badInst(s.Op)
			}
			in.UseImm, in.Imm = true, int64(s.Imm)
		} else if s.Imm != 0 {
			return nonzeroImm(s.Op)
		}
		in.Kind = Store
		if load {
			in.Kind = Load
		}
		in.Dst, in.Src, in.Off = s.Dst, s.Src, int32(s.Off)
		return ""
	case modeMEMSX:
		if class != classLDX || width == 8 {
			return badInst(s.Op)
		}
		if s.Dst == R10 {
			return cannotModifyR10
		}
		if s.Imm != 0 {
			return nonzeroImm(s.Op)
		}
		in.Kind, in.Signed = Load, true
		in.Dst, in.Src, in.Off = s.Dst, s.Src, int32(s.Off)
		return ""
	case modeATOMIC:
		if class != classSTX || width < 4 {
			return badInst(s.Op)
		}
		op := s.Imm &^ atomicFetch
		switch {
		case op == int32(AtomicXchg) || op == int32(AtomicCmpXchg):
			if s.Imm&atomicFetch == 0 {
				return unsupportedImm
			}
		case op == int32(AtomicAdd) || op == int32(AtomicOr) || op == int32(AtomicAnd) || op == int32(AtomicXor):
		default:
			return unsupportedImm
		}
		in.Kind, in.Op, in.Fetch = Atomic, uint8(op), s.Imm&atomicFetch != 0
		in.Dst, in.Src, in.Off = s.Dst, s.Src, int32(s.Off)
		return ""
	}
	return badInst(s.Op)
}

func (d *decoder) lddw(i int, in *Inst) string {
	if i+1 >= len(d.code) {
		return "incomplete lddw"
	}
	s, next := d.code[i], d.code[i+1]
	if next.Op != 0 || next.Dst != 0 || next.Src != 0 || next.Off != 0 {
		return "invalid lddw"
	}
	if s.Off != 0 {
		return nonzeroOff(s.Op)
	}
	if s.Dst > R10 {
		return badRegister
	}
	in.Slots, in.Dst, in.Imm = 2, s.Dst, int64(s.Imm)
	switch s.Src {
	case SrcImm:
		in.Kind, in.Op, in.UseImm, in.Is64, in.LDDW = Bin, uint8(Mov), true, true, true
		in.Imm = int64(next.Imm)<<32 | int64(uint32(s.Imm))
		return ""
	case SrcMapFD:
		in.Kind = LoadMapFD
	case SrcMapValue:
		in.Kind, in.NextImm = LoadMapAddress, next.Imm
		return ""
	case SrcVariable, SrcCode, SrcMapIndex:
		in.Kind, in.Op = LoadPseudo, uint8(s.Src)
	case SrcMapIdxAddr:
		in.Kind, in.Op, in.NextImm = LoadPseudo, uint8(s.Src), next.Imm
		return ""
	default:
		return badInst(s.Op)
	}
	if next.Imm != 0 {
		return reservedFields
	}
	return ""
}

// conditions maps the operation of a jump opcode.
var conditions = [16]Condition{
	0x1: EQ, 0x2: GT, 0x3: GE, 0x4: SET, 0x5: NE, 0x6: SGT, 0x7: SGE, 0xa: LT, 0xb: LE, 0xc: SLT, 0xd: SLE,
}

func (d *decoder) target(i int, displacement int32, in *Inst) string {
	t := int64(i) + 1 + int64(displacement)
	if t < 0 || t >= int64(len(d.code)) {
		return "jump out of bounds"
	}
	if d.code[t].Op == 0 {
		return "jump to middle of lddw"
	}
	in.Target = int32(t)
	return ""
}

func (d *decoder) jump(i int, in *Inst) string {
	s := d.code[i]
	wide := s.Op&classMask == classJMP
	register := s.Op&sourceReg != 0
	switch s.Op >> 4 {
	case jumpCall:
		return d.call(i, in)
	case jumpExit:
		switch {
		case !wide || register || s.Src != 0:
			return badInst(s.Op)
		case s.Dst != 0:
			return nonzeroDst(s.Op)
		case s.Imm != 0:
			return nonzeroImm(s.Op)
		case s.Off != 0:
			return nonzeroOff(s.Op)
		}
		in.Kind = Exit
		return ""
	case jumpJA:
		switch {
		case register:
			return badInst(s.Op)
		case wide && s.Imm != 0:
			return nonzeroImm(s.Op)
		case !wide && s.Off != 0:
			return nonzeroOff(s.Op)
		case s.Dst != 0:
			return nonzeroDst(s.Op)
		case s.Src != 0:
			return badInst(s.Op)
		}
		in.Kind = Jump
		if wide {
			return d.target(i, int32(s.Off), in)
		}
		return d.target(i, s.Imm, in)
	case 0xe, 0xf:
		return badInst(s.Op)
	}
	switch {
	case !register && s.Src != 0:
		return badInst(s.Op)
	case register && s.Imm != 0:
		return nonzeroImm(s.Op)
	}
	if text := d.target(i, int32(s.Off), in); text != "" {
		return text
	}
	if s.Dst > R10 || register && s.Src > R10 {
		return badRegister
	}
	in.Kind, in.Cond, in.Is64 = Jump, true, wide
	in.Op, in.Dst = uint8(conditions[s.Op>>4]), s.Dst
	if register {
		in.Src = s.Src
	} else {
		in.UseImm, in.Imm = true, int64(s.Imm)
	}
	return ""
}

func (d *decoder) call(i int, in *Inst) string {
	s := d.code[i]
	switch {
	case s.Op&classMask != classJMP:
		return badInst(s.Op)
	case s.Src == SrcBuiltin && s.Op == OpCall:
		in.Kind, in.Imm = CallBuiltin, int64(s.Imm)
		return ""
	case s.Src > SrcKfunc:
		return badInst(s.Op)
	case s.Src == SrcLocal:
		switch {
		case s.Off != 0:
			return nonzeroOff(s.Op)
		case s.Op&sourceReg != 0:
			return badInst(s.Op)
		case s.Dst != 0:
			return nonzeroDst(s.Op)
		}
		in.Kind = CallLocal
		return d.target(i, s.Imm, in)
	case s.Op&sourceReg != 0:
		switch {
		case s.Src != 0:
			return badInst(s.Op)
		case s.Off != 0:
			return nonzeroOff(s.Op)
		case s.Dst > R10:
			return badRegister
		}
		in.Kind, in.Dst = CallX, s.Dst
		if s.Imm != 0 {
			// clang before 19 put the register's number into imm.
			if s.Dst > 0 {
				return nonzeroImm(s.Op)
			}
			if s.Imm < 0 || s.Imm > int32(R10) {
				return badRegister
			}
			in.Dst = Reg(s.Imm)
		}
		return ""
	case s.Dst != 0:
		return nonzeroDst(s.Op)
	case s.Src == SrcKfunc:
		if s.Off < 0 {
			return opText("negative module for", s.Op)
		}
		in.Kind, in.Imm, in.Off = CallBTF, int64(s.Imm), int32(s.Off)
		return ""
	case s.Off != 0:
		return nonzeroOff(s.Op)
	}
	in.Kind, in.Imm = Call, int64(s.Imm)
	return ""
}
