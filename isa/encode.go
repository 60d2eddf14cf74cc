package isa

import (
	"fmt"
	"math"
)

var aluOpcodes = [...]uint8{
	Mov: aluMov, Add: 0x0, Sub: 0x1, Mul: 0x2, UDiv: aluDiv, UMod: aluMod, Or: 0x4, And: 0x5, Lsh: 0x6, Rsh: 0x7,
	Arsh: 0xc, Xor: 0xa, SDiv: aluDiv, SMod: aluMod, MovSX8: aluMov, MovSX16: aluMov, MovSX32: aluMov,
}

var aluOffsets = [...]int16{SDiv: 1, SMod: 1, MovSX8: 8, MovSX16: 16, MovSX32: 32}

var jumpOpcodes = [...]uint8{EQ: 0x1, NE: 0x5, SET: 0x4, LT: 0xa, LE: 0xb, GT: 0x2, GE: 0x3, SLT: 0xc, SLE: 0xd, SGT: 0x6, SGE: 0x7}

var sizeOpcodes = [...]uint8{1: sizeB, 2: sizeH, 4: sizeW, 8: sizeDW}

// Encode is the inverse of Decode: decoding its result gives the same
// instructions. Where an instruction has several encodings it writes the one
// that clang 19 does. An unconditional jump too far for 16 bits becomes a 32-bit
// one; a conditional one is an error, as is what no encoding exists for.
func Encode(insts []Inst) ([]Slot, error) {
	code := make([]Slot, 0, len(insts))
	for i := range insts {
		in := &insts[i]
		if in.Slots == 0 {
			continue
		}
		if len(code) != i {
			return nil, fmt.Errorf("instruction %d: its number of slots does not match its place", i)
		}
		var err error
		if code, err = appendSlots(code, in); err != nil {
			return nil, fmt.Errorf("instruction %d: %w", i, err)
		}
	}
	return code, nil
}

func aluClass(wide bool) uint8 {
	if wide {
		return classALU6
	}
	return classALU
}

// operand sets the right operand of s.
func (s *Slot) operand(in *Inst) error {
	if !in.UseImm {
		s.Op |= sourceReg
		s.Src = in.Src
		return nil
	}
	if in.Imm != int64(int32(in.Imm)) {
		return fmt.Errorf("immediate %d does not fit 32 bits", in.Imm)
	}
	s.Imm = int32(in.Imm)
	return nil
}

func appendSlots(code []Slot, in *Inst) ([]Slot, error) {
	at := len(code)
	displacement := int64(in.Target) - int64(at) - 1
	switch in.Kind {
	case Bin:
		switch {
		case in.LDDW:
			return append(code, Slot{Op: OpLDDW, Dst: in.Dst, Imm: int32(in.Imm)}, Slot{Imm: int32(in.Imm >> 32)}), nil
		case in.Slots == 2: // two shifts
			second := Rsh
			if BinOp(in.Op) == MovSX32 {
				second = Arsh
			}
			return append(code,
				Slot{Op: aluOpcodes[Lsh]<<4 | classALU6, Dst: in.Dst, Imm: 32},
				Slot{Op: aluOpcodes[second]<<4 | classALU6, Dst: in.Dst, Imm: 32}), nil
		case int(in.Op) >= len(aluOpcodes):
			return nil, fmt.Errorf("no operation %d", in.Op)
		}
		s := Slot{Op: aluOpcodes[in.Op]<<4 | aluClass(in.Is64), Dst: in.Dst}
		if int(in.Op) < len(aluOffsets) {
			s.Off = aluOffsets[in.Op]
		}
		err := s.operand(in)
		return append(code, s), err
	case Un:
		s := Slot{Dst: in.Dst}
		switch op := UnOp(in.Op); op {
		case Neg:
			s.Op = aluNeg<<4 | aluClass(in.Is64)
		case BE16, BE32, BE64:
			s.Op, s.Imm = aluEnd<<4|classALU|sourceReg, 16<<(op-BE16)
		case LE16, LE32, LE64:
			s.Op, s.Imm = aluEnd<<4|classALU, 16<<(op-LE16)
		case Swap16, Swap32, Swap64:
			s.Op, s.Imm = aluEnd<<4|classALU6, 16<<(op-Swap16)
		default:
			return nil, fmt.Errorf("no operation %d", in.Op)
		}
		return append(code, s), nil
	case LoadMapFD, LoadMapAddress, LoadPseudo:
		src := Reg(in.Op)
		switch in.Kind {
		case LoadMapFD:
			src = SrcMapFD
		case LoadMapAddress:
			src = SrcMapValue
		}
		return append(code, Slot{Op: OpLDDW, Dst: in.Dst, Src: src, Imm: int32(in.Imm)}, Slot{Imm: in.NextImm}), nil
	case Jump:
		if !in.Cond {
			if displacement == int64(int16(displacement)) {
				return append(code, Slot{Op: OpJA, Off: int16(displacement)}), nil
			}
			return append(code, Slot{Op: OpJA32, Imm: int32(displacement)}), nil
		}
		if displacement < math.MinInt16 || displacement > math.MaxInt16 {
			return nil, fmt.Errorf("conditional jump by %d does not fit 16 bits", displacement)
		}
		if int(in.Op) >= len(jumpOpcodes) || jumpOpcodes[in.Op] == 0 {
			return nil, fmt.Errorf("no encoding of the condition %v", Condition(in.Op))
		}
		class := uint8(classJMP3)
		if in.Is64 {
			class = classJMP
		}
		s := Slot{Op: jumpOpcodes[in.Op]<<4 | class, Dst: in.Dst, Off: int16(displacement)}
		err := s.operand(in)
		return append(code, s), err
	case Call:
		return append(code, Slot{Op: OpCall, Imm: int32(in.Imm)}), nil
	case CallBuiltin:
		return append(code, Slot{Op: OpCall, Src: SrcBuiltin, Imm: int32(in.Imm)}), nil
	case CallLocal:
		return append(code, Slot{Op: OpCall, Src: SrcLocal, Imm: int32(displacement)}), nil
	case CallX:
		return append(code, Slot{Op: OpCallX, Dst: in.Dst}), nil
	case CallBTF:
		return append(code, Slot{Op: OpCall, Src: SrcKfunc, Off: int16(in.Off), Imm: int32(in.Imm)}), nil
	case Exit:
		return append(code, Slot{Op: OpExit}), nil
	}
	switch in.Width {
	case 1, 2, 4, 8:
	default:
		return nil, fmt.Errorf("no access of %d bytes", in.Width)
	}
	s := Slot{Op: sizeOpcodes[in.Width], Dst: in.Dst, Src: in.Src, Off: int16(in.Off)}
	switch in.Kind {
	case Load:
		s.Op |= classLDX | modeMEM
		if in.Signed {
			s.Op = classLDX | modeMEMSX | sizeOpcodes[in.Width]
		}
	case Store:
		s.Op |= classSTX | modeMEM
		if in.UseImm {
			s.Op = classST | modeMEM | sizeOpcodes[in.Width]
			s.Src, s.Imm = 0, int32(in.Imm)
		}
	case Packet:
		s = Slot{Op: classLD | modeABS | sizeOpcodes[in.Width], Imm: int32(in.Imm)}
		if in.HasReg {
			s.Op, s.Src = classLD|modeIND|sizeOpcodes[in.Width], in.Src
		}
	case Atomic:
		s.Op |= classSTX | modeATOMIC
		s.Imm = int32(in.Op)
		if in.Fetch {
			s.Imm |= atomicFetch
		}
	default:
		return nil, fmt.Errorf("no encoding of kind %d", in.Kind)
	}
	return append(code, s), nil
}
