package soundness

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"bpfls/isa"
)

// Case is a case of the instruction-set conformance tests.
type Case struct {
	Code   []isa.Slot
	Memory []byte // what r1 points to
	Result uint64 // r0 at the end
}

// ReadCase reads a case: sections of assembly, memory in hexadecimal, and result.
func ReadCase(text string) (Case, error) {
	parts := map[string]string{}
	section := ""
	for _, line := range strings.Split(strings.ReplaceAll(text, "\r", ""), "\n") {
		if name, ok := strings.CutPrefix(line, "-- "); ok {
			section = strings.TrimSpace(name)
			continue
		}
		parts[section] += line + "\n"
	}
	var c Case
	var err error
	if c.Code, err = Assemble(parts["asm"]); err != nil {
		return c, err
	}
	if c.Memory, err = hex.DecodeString(strings.Join(strings.Fields(parts["mem"]), "")); err != nil {
		return c, err
	}
	c.Result, err = strconv.ParseUint(strings.TrimSpace(parts["result"]), 0, 64)
	return c, err
}

// Assemble reads the notation of the instruction-set conformance tests (bpf_conformance): `add32 %r0, -5`,
// `ldxdw %r0, [%r1+8]`, `lock fetch add [%r10-8], %r1`, labels; besides, `lddw %r1, map 1` and
// `ldindb %r3, 14`, a legacy packet load.
func Assemble(text string) ([]isa.Slot, error) {
	var code []isa.Slot
	labels := map[string]int{}
	type use struct {
		slot  int
		label string
		wide  bool // in Imm, not Off
	}
	var uses []use
	exit := -1
	for n, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if label, ok := strings.CutSuffix(line, ":"); ok {
			labels[label] = len(code)
			continue
		}
		op, rest, _ := strings.Cut(line, " ")
		for op == "lock" || op == "fetch" || op == "lock fetch" || op == "call" && strings.HasPrefix(rest, "local ") {
			word, more, _ := strings.Cut(strings.TrimSpace(rest), " ")
			op, rest = op+" "+word, more
			if op != "lock fetch" {
				break
			}
		}
		var args []string
		for _, a := range strings.Split(rest, ",") {
			if a = strings.TrimSpace(a); a != "" {
				args = append(args, a)
			}
		}
		slots, label, wide, err := asmEncode(op, args)
		if err != nil {
			return nil, fmt.Errorf("line %d: %s: %w", n+1, line, err)
		}
		if label != "" {
			uses = append(uses, use{len(code), label, wide})
		}
		if op == "exit" && exit < 0 {
			exit = len(code)
		}
		code = append(code, slots...)
	}
	for _, u := range uses {
		target, ok := labels[u.label]
		if !ok && u.label == "exit" {
			// The last exit is where `exit` jumps to.
			for i := len(code) - 1; i >= 0 && !ok; i-- {
				if code[i].Op == isa.OpExit {
					target, ok = i, true
				}
			}
		}
		if !ok {
			if n, err := strconv.Atoi(strings.TrimPrefix(u.label, "+")); err == nil {
				target, ok = u.slot+1+n, true
			}
		}
		if !ok {
			return nil, fmt.Errorf("no label %s", u.label)
		}
		if u.wide {
			code[u.slot].Imm = int32(target - u.slot - 1)
		} else {
			code[u.slot].Off = int16(target - u.slot - 1)
		}
	}
	return code, nil
}

var aluOps = map[string]struct {
	op  uint8
	off int16
}{"add": {0x00, 0}, "sub": {0x10, 0}, "mul": {0x20, 0}, "div": {0x30, 0}, "sdiv": {0x30, 1}, "or": {0x40, 0}, "and": {0x50, 0}, "lsh": {0x60, 0},
	"rsh": {0x70, 0}, "neg": {0x80, 0}, "mod": {0x90, 0}, "smod": {0x90, 1}, "xor": {0xa0, 0}, "mov": {0xb0, 0}, "arsh": {0xc0, 0}}

var jumpOps = map[string]uint8{"ja": 0x00, "jeq": 0x10, "jgt": 0x20, "jge": 0x30, "jset": 0x40, "jne": 0x50, "jsgt": 0x60, "jsge": 0x70,
	"jlt": 0xa0, "jle": 0xb0, "jslt": 0xc0, "jsle": 0xd0}

var sizes = map[string]uint8{"w": 0x00, "h": 0x08, "b": 0x10, "dw": 0x18}

var atomicOps = map[string]int32{"add": 0x00, "or": 0x40, "and": 0x50, "xor": 0xa0, "xchg": 0xe1, "cmpxchg": 0xf1}

func asmRegister(s string) (isa.Reg, bool) {
	n, err := strconv.Atoi(strings.TrimPrefix(strings.TrimPrefix(s, "%"), "r"))
	return isa.Reg(n), err == nil && strings.HasPrefix(s, "%r")
}

func asmNumber(s string) (int64, error) {
	if u, err := strconv.ParseUint(s, 0, 64); err == nil {
		return int64(u), nil
	}
	return strconv.ParseInt(s, 0, 64)
}

// asmCell reads `[%r1+8]`.
func asmCell(s string) (isa.Reg, int16, error) {
	s = strings.Trim(s, "[]")
	i := strings.IndexAny(s, "+-")
	off := int64(0)
	if i > 0 {
		var err error
		if off, err = asmNumber(strings.TrimPrefix(s[i:], "+")); err != nil {
			return 0, 0, err
		}
		s = s[:i]
	}
	r, ok := asmRegister(s)
	if !ok {
		return 0, 0, errors.New("not a register: " + s)
	}
	return r, int16(off), nil
}

func asmEncode(op string, args []string) (slots []isa.Slot, label string, wide bool, err error) {
	one := func(s isa.Slot) ([]isa.Slot, string, bool, error) { return []isa.Slot{s}, label, wide, err }
	arg := func(i int) string {
		if i < len(args) {
			return args[i]
		}
		return ""
	}
	// operand puts a register or an immediate into a slot.
	operand := func(s *isa.Slot, text string) error {
		if r, ok := asmRegister(text); ok {
			s.Src, s.Op = r, s.Op|0x08
			return nil
		}
		n, err := asmNumber(text)
		s.Imm = int32(n)
		return err
	}
	if name, ok := strings.CutPrefix(op, "lock "); ok {
		name, fetch := strings.CutPrefix(name, "fetch ")
		name, is32 := strings.CutSuffix(name, "32")
		imm, ok := atomicOps[name]
		if !ok {
			return nil, "", false, errors.New("unknown atomic operation")
		}
		if fetch {
			imm |= 1
		}
		s := isa.Slot{Op: 0xdb, Imm: imm}
		if is32 {
			s.Op = 0xc3
		}
		if s.Dst, s.Off, err = asmCell(arg(0)); err != nil {
			return nil, "", false, err
		}
		s.Src, _ = asmRegister(arg(1))
		return one(s)
	}
	switch op {
	case "exit":
		return one(isa.Slot{Op: 0x95})
	case "call":
		s := isa.Slot{Op: 0x85}
		if r, ok := asmRegister(arg(0)); ok {
			return one(isa.Slot{Op: 0x8d, Dst: r})
		}
		n, err := asmNumber(arg(0))
		s.Imm = int32(n)
		return []isa.Slot{s}, "", false, err
	case "call local":
		label, wide = arg(0), true
		return one(isa.Slot{Op: 0x85, Src: 1})
	case "lddw":
		r, _ := asmRegister(arg(0))
		if fd, ok := strings.CutPrefix(arg(1), "map "); ok {
			n, err := asmNumber(fd)
			return []isa.Slot{{Op: 0x18, Dst: r, Src: isa.SrcMapFD, Imm: int32(n)}, {}}, "", false, err
		}
		n, err := asmNumber(arg(1))
		return []isa.Slot{{Op: 0x18, Dst: r, Imm: int32(n)}, {Imm: int32(n >> 32)}}, "", false, err
	case "ja32":
		label, wide = arg(0), true
		return one(isa.Slot{Op: 0x06})
	case "ja":
		label = arg(0)
		return one(isa.Slot{Op: 0x05})
	}
	dst, _ := asmRegister(arg(0))
	for _, e := range []struct {
		prefix string
		op     uint8
	}{{"be", 0xdc}, {"le", 0xd4}, {"swap", 0xd7}, {"bswap", 0xd7}} {
		if n, err := strconv.Atoi(strings.TrimPrefix(op, e.prefix)); err == nil && strings.HasPrefix(op, e.prefix) {
			return one(isa.Slot{Op: e.op, Dst: dst, Imm: int32(n)})
		}
	}
	for _, m := range []struct {
		name string
		op   uint8
		off  int16
	}{{"movsx832", 0xbc, 8}, {"movsx1632", 0xbc, 16}, {"movsx864", 0xbf, 8}, {"movsx1664", 0xbf, 16}, {"movsx3264", 0xbf, 32}} {
		if op == m.name {
			src, _ := asmRegister(arg(1))
			return one(isa.Slot{Op: m.op, Dst: dst, Src: src, Off: m.off})
		}
	}
	if size, ok := strings.CutPrefix(op, "ldind"); ok {
		s := isa.Slot{Op: 0x40 | sizes[size]}
		s.Src, _ = asmRegister(arg(0))
		n, err := asmNumber(arg(1))
		s.Imm = int32(n)
		return []isa.Slot{s}, "", false, err
	}
	if size, ok := strings.CutPrefix(op, "ldxs"); ok {
		s := isa.Slot{Op: 0x81 | sizes[size], Dst: dst}
		s.Src, s.Off, err = asmCell(arg(1))
		return one(s)
	}
	if size, ok := strings.CutPrefix(op, "ldx"); ok {
		s := isa.Slot{Op: 0x61 | sizes[size], Dst: dst}
		s.Src, s.Off, err = asmCell(arg(1))
		return one(s)
	}
	if size, ok := strings.CutPrefix(op, "stx"); ok {
		s := isa.Slot{Op: 0x63 | sizes[size]}
		s.Dst, s.Off, err = asmCell(arg(0))
		s.Src, _ = asmRegister(arg(1))
		return one(s)
	}
	if size, ok := strings.CutPrefix(op, "st"); ok {
		s := isa.Slot{Op: 0x62 | sizes[size]}
		if s.Dst, s.Off, err = asmCell(arg(0)); err == nil {
			var n int64
			n, err = asmNumber(arg(1))
			s.Imm = int32(n)
		}
		return one(s)
	}
	name, is32 := strings.CutSuffix(op, "32")
	if code, ok := jumpOps[name]; ok {
		s := isa.Slot{Op: 0x05 | code, Dst: dst}
		if is32 {
			s.Op = 0x06 | code
		}
		label = arg(2)
		err = operand(&s, arg(1))
		return one(s)
	}
	name = strings.TrimSuffix(name, "64")
	if a, ok := aluOps[name]; ok {
		s := isa.Slot{Op: 0x07 | a.op, Dst: dst, Off: a.off}
		if is32 {
			s.Op = 0x04 | a.op
		}
		if name != "neg" {
			err = operand(&s, arg(1))
		}
		return one(s)
	}
	return nil, "", false, errors.New("unknown instruction")
}
