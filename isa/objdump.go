package isa

import "strconv"

// Unknown is what llvm-objdump prints for an encoding that it does not know.
const Unknown = "<unknown>"

// objdumpALU are the operators of arithmetic opcodes in llvm-objdump's notation.
var objdumpALU = [16]string{
	0x0: "+=", 0x1: "-=", 0x2: "*=", 0x3: "/=", 0x4: "|=", 0x5: "&=", 0x6: "<<=", 0x7: ">>=", 0x9: "%=", 0xa: "^=", 0xb: "=", 0xc: "s>>=",
}

var objdumpConditions = [16]string{
	0x1: "==", 0x2: ">", 0x3: ">=", 0x4: "&", 0x5: "!=", 0x6: "s>", 0x7: "s>=", 0xa: "<", 0xb: "<=", 0xc: "s<", 0xd: "s<=",
}

// ObjdumpText prints the instruction at slot as llvm-objdump 19 does, and says
// how many slots it takes. It works on the code as it stands in the object, so
// that calls and map loads look as they do before relocation. symbol may be nil;
// it says what stands at the target of a jump ("func+0x18"), empty for nothing.
func ObjdumpText(code []Slot, slot int, symbol func(target int) string) (text string, slots int) {
	var buf [96]byte
	s := code[slot]
	if s.Op == OpLDDW {
		if slot+1 >= len(code) {
			return Unknown, 1
		}
		b, ok := appendObjdumpLDDW(buf[:0], s, code[slot+1])
		if !ok {
			return Unknown, 2
		}
		return string(b), 2
	}
	b, target, ok := appendObjdump(buf[:0], s)
	if !ok {
		return Unknown, 1
	}
	if target != noTarget && symbol != nil {
		if at := symbol(slot + 1 + target); at != "" {
			b = append(append(append(b, " <"...), at...), '>')
		}
	}
	return string(b), 1
}

// noTarget is the displacement of an instruction that does not jump.
const noTarget = 1 << 40

// lastObjdumpReg is the last register that llvm-objdump has a name for.
const lastObjdumpReg Reg = 11

func appendHex(b []byte, v int64) []byte {
	if v < 0 {
		return strconv.AppendUint(append(b, "-0x"...), -uint64(v), 16)
	}
	return strconv.AppendUint(append(b, "0x"...), uint64(v), 16)
}

// appendSignedHex writes an offset with its sign: "+0x3".
func appendSignedHex(b []byte, v int64) []byte {
	if v >= 0 {
		b = append(b, '+')
	}
	return appendHex(b, v)
}

func appendAddress(b []byte, base Reg, off int16) []byte {
	b = appendReg(append(b, '('), base, true)
	sign := " + "
	v := int64(off)
	if v < 0 {
		sign, v = " - ", -v
	}
	return append(appendHex(append(b, sign...), v), ')')
}

func appendObjdumpCell(b []byte, signed bool, size uint8, base Reg, off int16) []byte {
	c := byte('u')
	if signed {
		c = 's'
	}
	b = append(b, '*', '(', c)
	b = strconv.AppendUint(b, uint64(widths[size>>3])*8, 10)
	return appendAddress(append(b, " *)"...), base, off)
}

func appendObjdumpLDDW(b []byte, s, next Slot) ([]byte, bool) {
	if s.Dst > lastObjdumpReg || s.Off != 0 {
		return b, false
	}
	if s.Src != 0 {
		b = appendReg(append(b, "ld_pseudo\t"...), s.Dst, true)
		b = appendHex(append(b, ", "...), int64(s.Src))
		// The second slot's number is not shown.
		return appendHex(append(b, ", "...), int64(s.Imm)), true
	}
	b = append(appendReg(b, s.Dst, true), " = "...)
	return append(appendHex(b, int64(next.Imm)<<32|int64(uint32(s.Imm))), " ll"...), true
}

func appendObjdump(b []byte, s Slot) (out []byte, target int, ok bool) {
	switch s.Op & classMask {
	case classALU, classALU6:
		b, ok = appendObjdumpALU(b, s)
		return b, noTarget, ok
	case classJMP, classJMP3:
		return appendObjdumpJump(b, s)
	}
	b, ok = appendObjdumpMemory(b, s)
	return b, noTarget, ok
}

func appendObjdumpALU(b []byte, s Slot) ([]byte, bool) {
	wide := s.Op&classMask == classALU6
	register := s.Op&sourceReg != 0
	op := s.Op >> 4
	if s.Dst > lastObjdumpReg || register && s.Src > lastObjdumpReg && op != aluEnd {
		return b, false
	}
	b = append(appendReg(b, s.Dst, wide), ' ')
	operator := objdumpALU[op]
	switch op {
	case aluNeg:
		b = appendReg(append(b, "= -"...), s.Dst, wide)
		return b, !register
	case aluEnd:
		name := "le"
		switch {
		case wide && register:
			return b, false
		case wide:
			name = "bswap"
		case register:
			name = "be"
		}
		if s.Imm != 16 && s.Imm != 32 && s.Imm != 64 {
			return b, false
		}
		b = append(appendReg(b[:0], s.Dst, true), " = "...)
		b = strconv.AppendInt(append(b, name...), int64(s.Imm), 10)
		return appendReg(append(b, ' '), s.Dst, true), true
	case aluDiv, aluMod:
		if s.Off == 1 {
			operator = "s" + operator
		} else if s.Off != 0 {
			return b, false
		}
	case aluMov:
		if s.Off == 0 {
			break
		}
		switch {
		case !register:
			return b, false
		case s.Off == 8 || s.Off == 16 || s.Off == 32 && wide:
			b = append(strconv.AppendInt(append(b, "= (s"...), int64(s.Off), 10), ')')
			return appendReg(b, s.Src, wide), true
		case s.Off == 1 && wide:
			b = appendReg(append(b, "= addr_space_cast("...), s.Src, true)
			b = appendHex(append(b, ", "...), int64(uint32(s.Imm)>>16))
			b = appendHex(append(b, ", "...), int64(uint32(s.Imm)&0xffff))
			return append(b, ')'), true
		}
		return b, false
	default:
		if operator == "" || s.Off != 0 {
			return b, false
		}
	}
	b = append(append(b, operator...), ' ')
	if register {
		return appendReg(b, s.Src, wide), true
	}
	return appendHex(b, int64(s.Imm)), true
}

func appendObjdumpMemory(b []byte, s Slot) ([]byte, bool) {
	class, mode, size := s.Op&classMask, s.Op&modeMask, s.Op&sizeMask
	// Register fields that an instruction does not use may hold anything.
	usesDst, usesSrc := class != classLD, class == classLDX || class == classSTX || mode == modeIND
	if usesDst && s.Dst > lastObjdumpReg || usesSrc && s.Src > lastObjdumpReg {
		return b, false
	}
	switch {
	case class == classLD && (mode == modeABS || mode == modeIND) && size != sizeDW:
		b = strconv.AppendUint(append(b, "r0 = *(u"...), uint64(widths[size>>3])*8, 10)
		b = append(b, " *)skb["...)
		if mode == modeABS {
			b = appendHex(b, int64(s.Imm))
		} else {
			b = appendReg(b, s.Src, true)
		}
		return append(b, ']'), true
	case class == classLDX && (mode == modeMEM || mode == modeMEMSX && size != sizeDW):
		b = append(appendReg(b, s.Dst, true), " = "...)
		return appendObjdumpCell(b, mode == modeMEMSX, size, s.Src, s.Off), true
	case class == classST && mode == modeMEM:
		b = append(appendObjdumpCell(b, false, size, s.Dst, s.Off), " = "...)
		return appendHex(b, int64(s.Imm)), true
	case class == classSTX && mode == modeMEM:
		b = append(appendObjdumpCell(b, false, size, s.Dst, s.Off), " = "...)
		return appendReg(b, s.Src, true), true
	case class == classSTX && mode == modeATOMIC && (size == sizeW || size == sizeDW):
		return appendObjdumpAtomic(b, s, size == sizeDW)
	}
	return b, false
}

// appendObjdumpAtomic prints atomic operations. Of the 32-bit ones llvm-objdump
// knows addition alone unless it is told a newer processor.
func appendObjdumpAtomic(b []byte, s Slot, wide bool) ([]byte, bool) {
	op := AtomicOp(s.Imm & 0xf0)
	fetch := s.Imm&0xf == atomicFetch
	if !wide {
		if op != AtomicAdd {
			return b, false
		}
		b = append(appendObjdumpCell(append(b, "lock "...), false, sizeW, s.Dst, s.Off), " += "...)
		return appendReg(b, s.Src, true), true
	}
	operator, name := "", ""
	switch op {
	case AtomicAdd:
		operator, name = "+=", "add"
	case AtomicOr:
		operator, name = "|=", "or"
	case AtomicAnd:
		operator, name = "&=", "and"
	case AtomicXor:
		operator, name = "^=", "xor"
	case AtomicXchg, AtomicCmpXchg:
		if !fetch {
			return b, false
		}
		if op == AtomicXchg {
			b = append(appendReg(b, s.Src, true), " = xchg_64"...)
		} else {
			b = append(b, "r0 = cmpxchg_64"...)
		}
		b = appendAddress(b, s.Dst, s.Off)
		b = append(b[:len(b)-1], ", "...)
		if op == AtomicCmpXchg {
			b = append(b, "r0, "...)
		}
		return append(appendReg(b, s.Src, true), ')'), true
	default:
		return b, false
	}
	if fetch {
		b = append(append(appendReg(b, s.Src, true), " = atomic_fetch_"...), name...)
		b = appendAddress(append(b, "((u64 *)"...), s.Dst, s.Off)
		return append(appendReg(append(b, ", "...), s.Src, true), ')'), true
	}
	b = append(appendObjdumpCell(append(b, "lock "...), false, sizeDW, s.Dst, s.Off), ' ')
	b = append(append(b, operator...), ' ')
	return appendReg(b, s.Src, true), true
}

func appendObjdumpJump(b []byte, s Slot) ([]byte, int, bool) {
	wide := s.Op&classMask == classJMP
	register := s.Op&sourceReg != 0
	switch s.Op >> 4 {
	case jumpJA:
		switch s.Op {
		case OpJA:
			return appendSignedHex(append(b, "goto "...), int64(s.Off)), int(s.Off), true
		case OpJA32:
			return appendSignedHex(append(b, "gotol "...), int64(s.Imm)), int(s.Imm), true
		}
		return b, 0, false
	case jumpCall:
		switch {
		case s.Op == OpCall:
			return appendHex(append(b, "call "...), int64(s.Imm)), noTarget, true
		case s.Op == OpCallX && s.Dst <= lastObjdumpReg:
			return appendReg(append(b, "callx "...), s.Dst, true), noTarget, true
		}
		return b, 0, false
	case jumpExit:
		return append(b, "exit"...), noTarget, s.Op == OpExit && s.Imm == 0
	case 0xe:
		if s.Op == 0xe5 {
			return appendSignedHex(append(b, "may_goto "...), int64(s.Off)), int(s.Off), true
		}
	}
	operator := objdumpConditions[s.Op>>4]
	if operator == "" || s.Dst > lastObjdumpReg || register && s.Src > lastObjdumpReg {
		return b, 0, false
	}
	b = append(appendReg(append(b, "if "...), s.Dst, wide), ' ')
	b = append(append(b, operator...), ' ')
	if register {
		b = appendReg(b, s.Src, wide)
	} else {
		b = appendHex(b, int64(s.Imm))
	}
	return appendSignedHex(append(b, " goto "...), int64(s.Off)), int(s.Off), true
}
