package elfbpf

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"bpfls/isa"
)

// relocate applies one relocation to the instruction at slot of p. It reports
// false where the symbol cannot be resolved; an error rejects the whole object.
func (r *reader) relocate(p *program, slot int, sym *symbol, addend int64) (bool, error) {
	code := p.Code
	in := &code[slot]
	undefined := sym.section == shnUndef
	if undefined {
		if value, ok := r.opt.Platform.Extern(sym.name); ok {
			if done, err := loadConstant(code, slot, value); done || err != nil {
				return done, err
			}
		}
		// The address of anything else from outside is taken to be null.
		if slot+1 < len(code) && in.Op == isa.OpLDDW {
			if err := checkLDDW(code, slot, "external symbol"); err != nil {
				return false, err
			}
			in.Imm, code[slot+1].Imm = 0, 0
			return true, nil
		}
	}
	if in.Op == isa.OpCall && in.Src == isa.SrcLocal {
		return r.relocateCall(p, slot, sym, addend)
	}
	if sym.name == "" {
		// A section: only global variables are addressed that way.
		if !r.maps.data[sym.section] {
			return true, nil
		}
		return true, r.loadVariable(code, slot, sym, addend, "global variable")
	}
	if in.Op&7 != 0 { // not the class of lddw
		return false, nil
	}
	if r.maps.sections[sym.section] {
		i, ok := r.maps.index[sym.name]
		if !ok {
			return false, errors.New("Map descriptor not found: " + sym.name)
		}
		in.Src, in.Imm = isa.SrcMapFD, int32(r.maps.maps[i].FD)
		return true, nil
	}
	if r.maps.data[sym.section] {
		return true, r.loadVariable(code, slot, sym, addend, "global variable '"+sym.name+"'")
	}
	if isConfig(sym.name) {
		in.Imm = 0
		return true, nil
	}
	return false, nil
}

// checkLDDW makes sure that a lddw stands at slot.
func checkLDDW(code []isa.Slot, slot int, what string) error {
	if slot+1 >= len(code) {
		return errors.New("Invalid relocation: " + what + " reference at instruction boundary")
	}
	if op := code[slot].Op; op != isa.OpLDDW {
		return fmt.Errorf("Invalid relocation: expected LDDW first slot (opcode 0x18) for %s, found opcode 0x%d", what, op)
	}
	if op := code[slot+1].Op; op != 0 {
		return fmt.Errorf("Invalid relocation: expected LDDW second slot (opcode 0x00) for %s, found opcode 0x%d", what, op)
	}
	return nil
}

// loadConstant turns `rD = &symbol ll; rX = *(T *)(rD + 0)` into `rX = value`,
// with moves that do nothing before it; false where the code has another shape.
func loadConstant(code []isa.Slot, slot int, value uint64) (bool, error) {
	if len(code) <= slot+2 {
		return false, nil
	}
	if err := checkLDDW(code, slot, "external symbol"); err != nil {
		return false, err
	}
	load := &code[slot+2]
	const (
		ldx        = 0x01
		mem, memsx = 0x60, 0x80
	)
	mode := load.Op & 0xe0
	if load.Op&7 != ldx || mode != mem && mode != memsx || load.Src != code[slot].Dst || load.Off != 0 {
		return false, nil
	}
	bits := [4]uint{32, 16, 8, 64}[load.Op>>3&3]
	value = value << (64 - bits) >> (64 - bits)
	if mode == memsx {
		value = uint64(int64(value<<(64-bits)) >> (64 - bits))
	}
	if uint64(int64(int32(value))) != value {
		return false, nil
	}
	const mov64, mov32 = 0xb7, 0xb4
	load.Op = mov32
	if bits == 64 || mode == memsx {
		load.Op = mov64
	}
	load.Src, load.Imm = 0, int32(value)
	for i := slot; i < slot+2; i++ {
		code[i] = isa.Slot{Op: isa.OpMov, Dst: code[i].Dst, Src: code[i].Dst}
	}
	return true, nil
}

// loadVariable makes a lddw load the address of a global variable: the value of
// its section's map, plus its offset.
func (r *reader) loadVariable(code []isa.Slot, slot int, sym *symbol, addend int64, what string) error {
	if err := checkLDDW(code, slot, what); err != nil {
		return err
	}
	offset := int64(sym.value) + addend
	if sym.typ == sttSection {
		offset = addend
		if addend == 0 {
			offset = int64(code[slot].Imm)
		}
	}
	if offset != int64(int32(offset)) {
		return errors.New("narrowing_error")
	}
	name := r.f.sections[sym.section].name
	i, ok := r.maps.index[name]
	if !ok {
		return errors.New("Map descriptor not found: " + name)
	}
	code[slot].Src, code[slot].Imm = isa.SrcMapValue, int32(r.maps.maps[i].FD)
	code[slot+1].Imm = int32(offset)
	return nil
}

// relocateCall resolves a call of a function: a kernel function, a builtin or
// helper by name, or a function of the object that is appended later.
func (r *reader) relocateCall(p *program, slot int, sym *symbol, addend int64) (bool, error) {
	in := &p.Code[slot]
	if sym.section == shnUndef {
		if k, ok := r.kfuncs[sym.name]; ok {
			if k.known {
				if in.Dst != 0 || in.Off != 0 || k.id <= 0 || k.module < 0 {
					return false, fmt.Errorf("Invalid kfunc call rewrite for symbol %s: instruction encoding or resolver output is invalid", sym.name)
				}
				in.Src, in.Off, in.Imm = isa.SrcKfunc, k.module, k.id
				return true, nil
			}
			if sym.bind != stbWeak {
				return false, nil
			}
		}
		if resolve := r.opt.Platform.Builtin; resolve != nil {
			if h, ok := resolve(sym.name); ok {
				in.Src, in.Imm = isa.SrcHelper, h.ID
				if h.ID < 0 {
					in.Src = isa.SrcBuiltin
				}
				return true, nil
			}
		}
		return false, nil
	}
	name := sym.name
	if name == "" && sym.typ == sttSection {
		target := addend
		if addend == 0 {
			target = (int64(in.Imm) + 1) * isa.SlotSize
		}
		if target < 0 || target%isa.SlotSize != 0 {
			return false, errors.New("Invalid section-local call target offset")
		}
		if int(sym.section) < len(r.f.sections) {
			name, _ = r.functionAt(int(sym.section), uint64(target))
		}
	}
	if name == "" || p.called[slot] {
		return false, nil
	}
	p.addCall(slot, int(sym.section), name)
	return true, nil
}

func (p *program) addCall(slot, section int, name string) {
	if p.called == nil {
		p.called = map[int]bool{}
	}
	p.called[slot] = true
	p.calls = append(p.calls, localCall{slot: slot, section: section, name: name})
}

// callsWithoutRelocation finds calls of functions of the same section that the
// compiler resolved itself and whose target lies outside of the program.
func (r *reader) callsWithoutRelocation(p *program, sectionSlots int) error {
	first := p.Offset / isa.SlotSize
	for i := range p.Code {
		in := &p.Code[i]
		if in.Op != isa.OpCall || in.Src != isa.SrcLocal || p.called[i] {
			continue
		}
		target := int64(first) + int64(i) + 1 + int64(in.Imm)
		if target >= int64(first) && target < int64(first+len(p.Code)) {
			continue
		}
		if target < 0 || target >= int64(sectionSlots) {
			return errors.New("Local call target out of section bounds")
		}
		name, ok := r.functionAt(p.section, uint64(target)*isa.SlotSize)
		if !ok {
			return fmt.Errorf("Subprogram not found at section offset %d", target*isa.SlotSize)
		}
		p.addCall(i, p.section, name)
	}
	return nil
}

var (
	errRecursion = errors.New("Recursive subprogram call")
	errMutual    = errors.New("Mutual recursion in subprogram calls")
)

// appendAll appends to every program the functions that it calls. An error is
// one of all programs that have none yet.
func (r *reader) appendAll() error {
	failed := map[string]*Error{} // by section
	var fatal error
	for _, p := range r.programs {
		if r.stopped() {
			return errStopped
		}
		reason, err := r.appendTo(p, 0)
		if err != nil {
			fatal = r.sectionError(p.section, err.Error())
			break
		}
		if reason != "" && failed[p.Section] == nil {
			failed[p.Section] = r.sectionError(p.section, reason)
		}
	}
	for _, p := range r.programs {
		if err := failed[p.Section]; err != nil && p.Err == nil {
			p.Err = err
		}
	}
	return fatal
}

// appendTo appends the functions that p calls behind it, each once, with what
// they call behind them, and makes the calls go there. The reason says which
// function is missing; the error rejects all programs.
func (r *reader) appendTo(p *program, depth int) (reason string, err error) {
	if p.done {
		return "", nil
	}
	if p.active {
		return "", errMutual
	}
	if depth > deepestCalls {
		return "", fmt.Errorf("the functions call each other more than %d deep", deepestCalls)
	}
	p.active = true // stays so where a function is missing
	kept := p.Code != nil
	if kept {
		p.pieces = []piece{{0, p.Section, p.Offset, p.ownSlots}}
	}
	if len(p.calls) > 0 {
		starts := make(map[string]int, len(p.calls))
		for _, c := range p.calls {
			start, ok := starts[c.name]
			if !ok {
				start = p.slots
				starts[c.name] = start
				if c.section >= len(r.f.sections) {
					return "", errors.New("Invalid section index")
				}
				sub := r.callee(c)
				if sub == nil {
					return "Subprogram not found: " + c.name, nil
				}
				if sub == p {
					return "", errRecursion
				}
				if reason, err := r.appendTo(sub, depth+1); reason != "" || err != nil {
					return reason, err
				}
				r.slots += sub.slots
				if p.slots += sub.slots; p.slots > mostProgramSlots || r.slots > mostObjectSlots {
					return "", errors.New(r.tooLarge(p).Reason)
				}
				if !kept {
					continue
				}
				p.Code = append(p.Code, sub.Code...)
				for _, nested := range sub.pieces {
					nested.slot += start
					p.pieces = append(p.pieces, nested)
				}
				p.Subs = append(p.Subs, Subprogram{
					Name: sub.Name, Section: sub.Section, Slot: start, Offset: sub.Offset, Size: min(sub.Size, sub.ownSlots*isa.SlotSize),
				})
				p.Subs = slices.Grow(p.Subs, len(sub.Subs))
				for _, nested := range sub.Subs {
					nested.Slot += start
					p.Subs = append(p.Subs, nested)
				}
			}
			displacement := int64(start) - int64(c.slot) - 1
			if displacement > math.MaxInt32 || displacement < math.MinInt32 {
				return "", errors.New("narrowing_error")
			}
			if kept {
				p.Code[c.slot].Imm = int32(displacement)
			}
		}
	}
	p.active, p.done = false, true
	return "", nil
}
