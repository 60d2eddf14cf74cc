package isa

import (
	"strconv"
)

// CallInfo is how a call of a helper, builtin or kernel function is printed.
type CallInfo struct {
	Name string
	Args []string // per argument: "map_fd r1", "mem r2[r3], uint64_t r3"
}

// CallResolver says how a call is printed; false where it does not know.
type CallResolver func(in *Inst) (CallInfo, bool)

var binText = [...]string{
	Mov: "", Add: "+", Sub: "-", Mul: "*", UDiv: "/", UMod: "%", Or: "|", And: "&", Lsh: "<<", Rsh: ">>",
	Arsh: ">>>", Xor: "^", SDiv: "s/", SMod: "s%", MovSX8: "s8", MovSX16: "s16", MovSX32: "s32",
}

var unText = [...]string{
	BE16: "be16 ", BE32: "be32 ", BE64: "be64 ", LE16: "le16 ", LE32: "le32 ", LE64: "le64 ",
	Swap16: "swap16 ", Swap32: "swap32 ", Swap64: "swap64 ", Neg: "-",
}

var conditionText = [...]string{
	EQ: "==", NE: "!=", SET: "&==", NSET: "&!=", LT: "<", LE: "<=", GT: ">", GE: ">=",
	SLT: "s<", SLE: "s<=", SGT: "s>", SGE: "s>=",
}

// String returns the operator in PREVAIL's notation: "==", "s<", "&==".
func (c Condition) String() string {
	if int(c) < len(conditionText) {
		return conditionText[c]
	}
	return "?"
}

var negations = [...]Condition{
	EQ: NE, NE: EQ, SET: NSET, NSET: SET, LT: GE, LE: GT, GT: LE, GE: LT, SLT: SGE, SLE: SGT, SGT: SLE, SGE: SLT,
}

// Negate returns the condition that holds where c does not.
func (c Condition) Negate() Condition { return negations[c] }

// String returns the register's 64-bit name: "r0".
func (r Reg) String() string { return "r" + strconv.Itoa(int(r)) }

// Text prints an instruction as PREVAIL prints it outside listings: jumps as
// "goto label <9>". resolve may be nil; calls that it does not know are printed
// as "r0 = call:2".
func Text(in *Inst, resolve CallResolver) string {
	var buf [64]byte
	return string(appendText(buf[:0], in, resolve, nil))
}

// ConditionText prints the comparison of a conditional jump, in PREVAIL's
// notation: "r3 > r2", "r1 ws< 5".
func ConditionText(in *Inst) string {
	var buf [32]byte
	return string(appendCondition(buf[:0], in, Condition(in.Op)))
}

// ListingNumbers returns the number that PREVAIL's listings print before each
// instruction, by slot. It is the slot, except that a fused pair of shifts
// counts as one, so that what follows is numbered lower.
func ListingNumbers(insts []Inst) []int32 {
	numbers := make([]int32, len(insts))
	n := int32(0)
	for i := range insts {
		in := &insts[i]
		numbers[i] = n
		switch {
		case in.Slots == 0:
			numbers[i] = -1
		case in.Slots == 2 && in.Kind == Bin && !in.LDDW:
			n++
		default:
			n += int32(in.Slots)
		}
	}
	return numbers
}

// ListingText prints the instruction at slot as PREVAIL's listings do, where
// jumps are "goto +3 <9>". numbers comes from ListingNumbers.
func ListingText(insts []Inst, numbers []int32, slot int, resolve CallResolver) string {
	in := &insts[slot]
	var buf [64]byte
	if in.Kind != Jump {
		return string(appendText(buf[:0], in, resolve, nil))
	}
	// A jump into the second half of a fused pair has no number of its own.
	to := in.Target
	if n := numbers[to]; n >= 0 {
		to = n
	}
	displacement := to - numbers[slot] - 1
	return string(appendText(buf[:0], in, resolve, &displacement))
}

func appendReg(b []byte, r Reg, wide bool) []byte {
	c := byte('r')
	if !wide {
		c = 'w'
	}
	return strconv.AppendUint(append(b, c), uint64(r), 10)
}

func appendOperand(b []byte, in *Inst) []byte {
	if in.UseImm {
		return strconv.AppendInt(b, in.Imm, 10)
	}
	return appendReg(b, in.Src, true)
}

func appendCondition(b []byte, in *Inst, c Condition) []byte {
	b = append(appendReg(b, in.Dst, true), ' ')
	if !in.Is64 {
		b = append(b, 'w')
	}
	b = append(b, conditionText[c]...)
	return appendOperand(append(b, ' '), in)
}

func appendCell(b []byte, width uint8, base Reg, off int32, signed bool) []byte {
	c := byte('u')
	if signed {
		c = 's'
	}
	b = append(b, '*', '(', c)
	b = strconv.AppendInt(b, int64(width)*8, 10)
	b = append(b, " *)("...)
	b = appendReg(b, base, true)
	sign := " + "
	if off < 0 {
		sign, off = " - ", -off
	}
	b = append(b, sign...)
	b = strconv.AppendInt(b, int64(off), 10)
	return append(b, ')')
}

func appendText(b []byte, in *Inst, resolve CallResolver, displacement *int32) []byte {
	switch in.Kind {
	case Bin:
		b = append(appendReg(b, in.Dst, in.Is64), ' ')
		b = append(b, binText[in.Op]...)
		b = appendOperand(append(b, "= "...), in)
		if in.LDDW {
			b = append(b, " ll"...)
		}
	case Un:
		b = append(appendReg(b, in.Dst, true), " = "...)
		b = appendReg(append(b, unText[in.Op]...), in.Dst, true)
	case LoadMapFD:
		b = append(appendReg(b, in.Dst, true), " = map_fd "...)
		b = strconv.AppendInt(b, in.Imm, 10)
	case LoadMapAddress:
		b = append(appendReg(b, in.Dst, true), " = map_val("...)
		b = append(strconv.AppendInt(b, in.Imm, 10), ") + "...)
		b = strconv.AppendInt(b, int64(in.NextImm), 10)
	case LoadPseudo:
		b = append(appendReg(b, in.Dst, true), " = "...)
		switch Reg(in.Op) {
		case SrcVariable:
			b = append(b, "variable_addr("...)
		case SrcCode:
			b = append(b, "code_addr("...)
		case SrcMapIndex:
			b = append(b, "map_by_idx("...)
		default:
			b = append(b, "mva(map_by_idx("...)
			b = append(strconv.AppendInt(b, in.Imm, 10), ")) + "...)
			return strconv.AppendInt(b, int64(in.NextImm), 10)
		}
		b = append(strconv.AppendInt(b, in.Imm, 10), ')')
	case Jump:
		if in.Cond {
			b = append(appendCondition(append(b, "if "...), in, Condition(in.Op)), ' ')
		}
		b = append(b, "goto "...)
		if displacement == nil {
			b = append(b, "label "...)
		} else {
			if *displacement > 0 {
				b = append(b, '+')
			}
			b = append(strconv.AppendInt(b, int64(*displacement), 10), ' ')
		}
		b = append(b, '<')
		b = append(strconv.AppendInt(b, int64(in.Target), 10), '>')
	case Call, CallBuiltin:
		b = appendCall(b, in, resolve)
	case CallBTF:
		if resolve != nil {
			if info, ok := resolve(in); ok {
				return appendCallInfo(b, in, info)
			}
		}
		b = strconv.AppendInt(append(b, "call_btf "...), in.Imm, 10)
		if in.Off != 0 {
			b = strconv.AppendInt(append(b, " module "...), int64(in.Off), 10)
		}
	case CallLocal:
		b = strconv.AppendInt(append(b, "call <"...), int64(in.Target), 10)
		b = append(b, '>')
	case CallX:
		b = appendReg(append(b, "callx "...), in.Dst, true)
	case Exit:
		b = append(b, "exit"...)
	case Load:
		b = append(appendReg(b, in.Dst, true), " = "...)
		b = appendCell(b, in.Width, in.Src, in.Off, in.Signed)
	case Store:
		b = append(appendCell(b, in.Width, in.Dst, in.Off, false), " = "...)
		b = appendOperand(b, in)
	case Packet:
		b = append(b, "r0 = *(u"...)
		b = append(strconv.AppendInt(b, int64(in.Width)*8, 10), " *)skb["...)
		if in.HasReg {
			b = appendReg(b, in.Src, true)
		}
		if in.Imm != 0 {
			if in.HasReg {
				b = append(b, " + "...)
			}
			b = strconv.AppendInt(b, in.Imm, 10)
		}
		b = append(b, ']')
	case Atomic:
		b = appendCell(append(b, "lock "...), in.Width, in.Dst, in.Off, false)
		op := ""
		switch AtomicOp(in.Op) {
		case AtomicAdd:
			op = "+"
		case AtomicOr:
			op = "|"
		case AtomicAnd:
			op = "&"
		case AtomicXor:
			op = "^"
		case AtomicXchg:
			op = "x"
		case AtomicCmpXchg:
			op = "cx"
		}
		b = append(append(append(b, ' '), op...), "= "...)
		b = appendReg(b, in.Src, true)
		if in.Fetch && AtomicOp(in.Op) != AtomicXchg && AtomicOp(in.Op) != AtomicCmpXchg {
			b = append(b, " fetch"...)
		}
	default:
		b = strconv.AppendUint(append(b, "Undefined{"...), uint64(in.Op), 10)
		b = append(b, '}')
	}
	return b
}

func appendCall(b []byte, in *Inst, resolve CallResolver) []byte {
	if resolve != nil {
		if info, ok := resolve(in); ok {
			return appendCallInfo(b, in, info)
		}
	}
	if in.Kind == CallBuiltin {
		b = append(b, "r0 = call_builtin:"...)
	} else {
		b = append(b, "r0 = call:"...)
	}
	return strconv.AppendInt(b, in.Imm, 10)
}

func appendCallInfo(b []byte, in *Inst, info CallInfo) []byte {
	b = append(append(append(b, "r0 = "...), info.Name...), ':')
	b = append(strconv.AppendInt(b, in.Imm, 10), '(')
	for i, arg := range info.Args {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(b, arg...)
	}
	return append(b, ')')
}
