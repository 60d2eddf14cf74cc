package verifier

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"bpfls/isa"
)

// This file reads single instructions in the notation in which PREVAIL prints
// them. A program is a list of instructions, each of one slot, lddw included.

// asmInst is an assembled line.
type asmInst struct {
	isa.Inst
	assume bool // the comparison of a conditional jump, assumed on the way
}

const (
	asmReg = `([rw]\d\d?)`
	asmNum = `([-+]?(?:0x[0-9a-f]+|\d+))`
	asmMem = `\*\(([us])(\d+) ?\*\)\((r\d\d?) *([-+]) *` + asmNum + `\)`
	asmCmp = `(&==|&!=|==|!=|s?<=|s?>=|s?<|s?>)`
)

var asmPatterns = struct {
	call, callLabel, callX, callBTF, binReg, binImm, unary, mapVal, mapFD, pseudo, mva, load, store, atomic, packet, assume, jump *regexp.Regexp
}{
	call:      regexp.MustCompile(`^call ` + asmNum + `$`),
	callLabel: regexp.MustCompile(`^call (<\w+>)$`),
	callX:     regexp.MustCompile(`^callx ` + asmReg + `$`),
	callBTF:   regexp.MustCompile(`^call_btf ` + asmNum + `(?: module ` + asmNum + `)?$`),
	binReg:    regexp.MustCompile(`^` + asmReg + ` *(\S*?)= *` + asmReg + `$`),
	binImm:    regexp.MustCompile(`^` + asmReg + ` *(\S*?)= *` + asmNum + ` *(ll)?$`),
	unary:     regexp.MustCompile(`^` + asmReg + ` *= *(-|be16|be32|be64|le16|le32|le64|swap16|swap32|swap64) *` + asmReg + `$`),
	mapVal:    regexp.MustCompile(`^` + asmReg + ` *= *map_val\((\d+)\) *\+ *(\d+)$`),
	mapFD:     regexp.MustCompile(`^` + asmReg + ` *= *map_fd(?:_programs)? +(\d+)$`),
	pseudo:    regexp.MustCompile(`^` + asmReg + ` *= *(variable_addr|code_addr|map_by_idx)\(` + asmNum + `\)$`),
	mva:       regexp.MustCompile(`^` + asmReg + ` *= *mva\(map_by_idx\(` + asmNum + `\)\) *\+ *` + asmNum + `$`),
	load:      regexp.MustCompile(`^` + asmReg + ` *= *` + asmMem + `$`),
	store:     regexp.MustCompile(`^` + asmMem + ` *= *(` + asmReg + `|` + asmNum + `)$`),
	atomic:    regexp.MustCompile(`^lock ` + asmMem + ` (\+|\||&|\^|x|cx)= ` + asmReg + `( fetch)?$`),
	packet:    regexp.MustCompile(`^r0 = \*\(u(\d+) ?\*\) ?skb\[(?:(r\d\d?)(?: *\+ *)?)?` + asmNum + `?\]$`),
	assume:    regexp.MustCompile(`^assume ` + asmReg + ` *` + asmCmp + ` *(` + asmReg + `|` + asmNum + `)$`),
	jump:      regexp.MustCompile(`^(?:if ` + asmReg + ` *` + asmCmp + ` *(` + asmReg + `|` + asmNum + `) )?goto +(?:` + asmNum + ` *)?(<\w+>)$`),
}

var asmBinOps = map[string]isa.BinOp{
	"": isa.Mov, "+": isa.Add, "-": isa.Sub, "*": isa.Mul, "/": isa.UDiv, "%": isa.UMod, "|": isa.Or, "&": isa.And,
	"<<": isa.Lsh, ">>": isa.Rsh, "s>>": isa.Arsh, "^": isa.Xor, "s/": isa.SDiv, "s%": isa.SMod,
	"s8": isa.MovSX8, "s16": isa.MovSX16, "s32": isa.MovSX32,
}

var asmUnOps = map[string]isa.UnOp{
	"be16": isa.BE16, "be32": isa.BE32, "be64": isa.BE64, "le16": isa.LE16, "le32": isa.LE32, "le64": isa.LE64,
	"swap16": isa.Swap16, "swap32": isa.Swap32, "swap64": isa.Swap64, "-": isa.Neg,
}

var asmConditions = map[string]isa.Condition{
	"==": isa.EQ, "!=": isa.NE, "&==": isa.SET, "&!=": isa.NSET, "<": isa.LT, "<=": isa.LE, ">": isa.GT, ">=": isa.GE,
	"s<": isa.SLT, "s<=": isa.SLE, "s>": isa.SGT, "s>=": isa.SGE,
}

var asmAtomicOps = map[string]isa.AtomicOp{
	"+": isa.AtomicAdd, "|": isa.AtomicOr, "&": isa.AtomicAnd, "^": isa.AtomicXor, "x": isa.AtomicXchg, "cx": isa.AtomicCmpXchg,
}

func asmRegister(s string) isa.Reg {
	n, _ := strconv.Atoi(s[1:])
	return isa.Reg(n)
}

// asmImm reads a constant: of 32 bits, sign-extended, or of 64.
func asmImm(s string, wide bool) (int64, error) {
	s = strings.TrimPrefix(s, "+")
	if strings.HasPrefix(s, "-") {
		return strconv.ParseInt(s, 0, 64)
	}
	n, err := strconv.ParseUint(s, 0, 64)
	if wide {
		return int64(n), err
	}
	return int64(int32(n)), err
}

// operand sets the right operand of in.
func (in *asmInst) operand(s string) (err error) {
	if s[0] == 'r' || s[0] == 'w' {
		in.Src = asmRegister(s)
		return nil
	}
	in.UseImm = true
	in.Imm, err = asmImm(s, false)
	return err
}

// memory sets width and displacement of in from the groups of asmMem, and
// returns the base register.
func (in *asmInst) memory(m []string) (isa.Reg, error) {
	bits, _ := strconv.Atoi(m[1])
	off, err := asmImm(m[4], false)
	if m[3] == "-" {
		off = -off
	}
	in.Width, in.Off = uint8(bits/8), int32(off)
	return asmRegister(m[2]), err
}

// condition makes in a conditional jump.
func (in *asmInst) condition(left, op, right string) error {
	in.Kind, in.Cond = isa.Jump, true
	in.Op = uint8(asmConditions[op])
	in.Dst, in.Is64 = asmRegister(left), left[0] == 'r'
	return in.operand(right)
}

// asmLine reads one instruction; labels are slots.
func asmLine(line string, labels map[string]int) (in asmInst, err error) {
	text, _, _ := strings.Cut(line, ";")
	text = strings.Join(strings.Fields(text), " ")
	in.Slots = 1
	p := &asmPatterns
	label := func(name string) error {
		slot, ok := labels[name]
		if !ok {
			return fmt.Errorf("no label %s", name)
		}
		in.Target = int32(slot)
		return nil
	}
	if text == "exit" {
		in.Kind = isa.Exit
		return in, nil
	}
	if m := p.call.FindStringSubmatch(text); m != nil {
		in.Kind = isa.Call
		in.Imm, err = asmImm(m[1], false)
		return in, err
	}
	if m := p.callLabel.FindStringSubmatch(text); m != nil {
		in.Kind = isa.CallLocal
		return in, label(m[1])
	}
	if m := p.callX.FindStringSubmatch(text); m != nil {
		in.Kind, in.Dst = isa.CallX, asmRegister(m[1])
		return in, nil
	}
	if m := p.callBTF.FindStringSubmatch(text); m != nil {
		in.Kind = isa.CallBTF
		in.Imm, err = asmImm(m[1], false)
		if m[2] != "" {
			n, _ := asmImm(m[2], false)
			in.Off = int32(n)
		}
		return in, err
	}
	if m := p.unary.FindStringSubmatch(text); m != nil && m[1] == m[3] {
		in.Kind, in.Op, in.Dst, in.Is64 = isa.Un, uint8(asmUnOps[m[2]]), asmRegister(m[1]), m[1][0] == 'r'
		return in, nil
	}
	if m := p.mapVal.FindStringSubmatch(text); m != nil {
		in.Kind, in.Dst = isa.LoadMapAddress, asmRegister(m[1])
		in.Imm, _ = asmImm(m[2], false)
		n, err := asmImm(m[3], false)
		in.NextImm = int32(n)
		return in, err
	}
	if m := p.mapFD.FindStringSubmatch(text); m != nil {
		in.Kind, in.Dst = isa.LoadMapFD, asmRegister(m[1])
		in.Imm, err = asmImm(m[2], false)
		return in, err
	}
	if m := p.pseudo.FindStringSubmatch(text); m != nil {
		in.Kind, in.Dst = isa.LoadPseudo, asmRegister(m[1])
		in.Op = map[string]uint8{"variable_addr": 3, "code_addr": 4, "map_by_idx": 5}[m[2]]
		in.Imm, err = asmImm(m[3], false)
		return in, err
	}
	if m := p.mva.FindStringSubmatch(text); m != nil {
		in.Kind, in.Dst, in.Op = isa.LoadPseudo, asmRegister(m[1]), 6
		in.Imm, _ = asmImm(m[2], false)
		n, err := asmImm(m[3], false)
		in.NextImm = int32(n)
		return in, err
	}
	if m := p.binReg.FindStringSubmatch(text); m != nil {
		op, ok := asmBinOps[m[2]]
		if !ok {
			return in, fmt.Errorf("no operation %q", m[2])
		}
		in.Kind, in.Op, in.Dst, in.Src, in.Is64 = isa.Bin, uint8(op), asmRegister(m[1]), asmRegister(m[3]), m[1][0] == 'r'
		return in, nil
	}
	if m := p.binImm.FindStringSubmatch(text); m != nil {
		op, ok := asmBinOps[m[2]]
		if !ok {
			return in, fmt.Errorf("no operation %q", m[2])
		}
		in.Kind, in.Op, in.Dst, in.UseImm, in.Is64 = isa.Bin, uint8(op), asmRegister(m[1]), true, m[1][0] == 'r'
		in.LDDW = m[4] != ""
		in.Imm, err = asmImm(m[3], in.LDDW)
		return in, err
	}
	if m := p.load.FindStringSubmatch(text); m != nil {
		in.Kind, in.Dst, in.Signed = isa.Load, asmRegister(m[1]), m[2] == "s"
		in.Src, err = in.memory(m[2:])
		return in, err
	}
	if m := p.store.FindStringSubmatch(text); m != nil {
		in.Kind = isa.Store
		if in.Dst, err = in.memory(m[1:]); err != nil {
			return in, err
		}
		return in, in.operand(m[6])
	}
	if m := p.atomic.FindStringSubmatch(text); m != nil {
		in.Kind, in.Op, in.Src = isa.Atomic, uint8(asmAtomicOps[m[6]]), asmRegister(m[7])
		in.Fetch = m[8] != "" || m[6] == "x" || m[6] == "cx"
		in.Dst, err = in.memory(m[1:])
		return in, err
	}
	if m := p.packet.FindStringSubmatch(text); m != nil {
		bits, _ := strconv.Atoi(m[1])
		in.Kind, in.Width = isa.Packet, uint8(bits/8)
		if m[2] != "" {
			in.HasReg, in.Src = true, asmRegister(m[2])
		}
		if m[3] != "" {
			in.Imm, err = asmImm(m[3], false)
		}
		return in, err
	}
	if m := p.assume.FindStringSubmatch(text); m != nil {
		in.assume = true
		return in, in.condition(m[1], m[2], m[3])
	}
	if m := p.jump.FindStringSubmatch(text); m != nil {
		in.Kind = isa.Jump
		if m[1] != "" {
			if err := in.condition(m[1], m[2], m[3]); err != nil {
				return in, err
			}
		}
		return in, label(m[len(m)-1])
	}
	return in, fmt.Errorf("cannot read %q", text)
}
