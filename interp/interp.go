// Package interp executes BPF programs concretely, on a given context, packet and
// maps, in PREVAIL's memory model: every pointer knows its region, and a step that
// leaves it, uses a number as a pointer or breaks a helper's prototype is a Fault.
//
// It exists to test the verifier's soundness (an accepted program has no Fault on any
// input, and every concrete state lies in the abstract one) and to replay witnesses. It
// knows the instruction set and the platform's data, not the verifier.
package interp

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"bpfls/isa"
	"bpfls/platform"
)

// Program is what is executed.
type Program struct {
	Insts    []isa.Inst // as isa.Decode gives them
	Maps     []platform.Map
	Platform *platform.Platform
	Type     *platform.ProgramType
}

// Input is what a program runs on.
type Input struct {
	Packet []byte // the packet's data; programs without a packet ignore it
	Meta   []byte // metadata before it
	// Context fills the context structure; its pointers are set to the packet.
	// Shorter than the structure: zeros.
	Context []byte
	// Seed decides what helpers return and what uninitialised memory holds.
	Seed uint64
	// Memory, if not nil, is what r1 points to, with r2 its size, instead of a
	// context (the convention of the instruction-set conformance tests).
	Memory []byte
	// Maps holds entries that maps have when the program begins, by descriptor; of
	// maps of one value (global variables) the key is zero. Other entries are made up,
	// unless Closed says that there are none: then arrays begin with zeros.
	Maps   map[int][]Entry
	Closed bool
}

// Entry is an entry of a map.
type Entry struct{ Key, Value []byte }

// ErrSteps is returned by Run when a program took more steps than allowed.
var ErrSteps = errors.New("interp: too many steps")

// Frame is a function call in progress.
type Frame struct {
	Return int      // slot to go on at
	Call   int      // slot of the call
	Saved  [4]Value // r6 to r9 of the caller
}

// Machine is the state of a run. Its fields may be read between steps.
type Machine struct {
	Program
	BigEndian bool

	PC     int // slot of the next instruction
	Regs   [11]Value
	Frames []Frame
	Stack  *Region // all frames; offset 0 is the lowest byte, as PREVAIL counts
	Ctx    *Region
	Packet *Region // the current packet; replaced when a helper moves it
	Steps  int64
	Turns  map[int]int // per slot: times executed, if counting was asked for

	contextPointers map[int]Value
	slotWidth       int
	maps            map[int]*mapState
	initial         map[int][]Entry
	closed          bool
	random          *rand.Rand
	done            bool
	next            uint64 // where the next region is placed
}

// Options change how a program is run. The zero value is how platforms run them.
type Options struct {
	BigEndian bool
	Count     bool // fill Machine.Turns
	// ZeroStack takes the stack for zeros that were written, not for bytes that never
	// were: it tells what a program does that reads them.
	ZeroStack bool
}

// New prepares a run.
func New(p Program, in Input, opt Options) *Machine {
	m := &Machine{Program: p, BigEndian: opt.BigEndian, maps: make(map[int]*mapState)}
	m.random = rand.New(rand.NewPCG(in.Seed, 0x9e3779b97f4a7c15))
	if opt.Count {
		m.Turns = make(map[int]int)
	}
	frames, size := p.Platform.Options.MaxFrames, p.Platform.Options.StackSize
	if frames == 0 {
		frames = 8
	}
	if size == 0 {
		size = 512
	}
	m.next = 1<<16 + m.random.Uint64N(1<<12)*8
	m.Stack = m.newRegion(Stack, frames*size)
	if !opt.ZeroStack {
		m.Stack.Init = make([]bool, frames*size)
	}
	m.initial, m.closed = in.Maps, in.Closed
	m.Regs[isa.R10] = Ptr(m.Stack, int64(frames*size))

	if in.Memory != nil {
		r := m.newRegion(Shared, len(in.Memory))
		copy(r.Data, in.Memory)
		m.Regs[1], m.Regs[2] = Ptr(r, 0), Num(uint64(len(in.Memory)))
		return m
	}
	m.setContext(in)
	return m
}

// setContext builds the context and the packet that it points to.
func (m *Machine) setContext(in Input) {
	c := m.Type.Context
	if c == nil {
		return
	}
	m.Ctx = m.newRegion(Context, c.Size)
	for i := range m.Ctx.Data {
		if i < len(in.Context) {
			m.Ctx.Data[i] = in.Context[i]
		}
	}
	m.Regs[1] = Ptr(m.Ctx, 0)
	if !c.HasPacket() {
		return
	}
	m.slotWidth = c.End - c.Data
	if m.slotWidth < 0 {
		m.slotWidth = -m.slotWidth
	}
	m.setPacket(in.Packet, in.Meta)
}

// setPacket makes a packet the current one; pointers to an older one are dead.
func (m *Machine) setPacket(data, meta []byte) {
	c := m.Type.Context
	if m.Packet != nil {
		m.Packet.Freed = true
	}
	m.Packet = m.newRegion(Packet, len(meta)+len(data))
	copy(m.Packet.Data, meta)
	copy(m.Packet.Data[len(meta):], data)
	m.Packet.Headroom = len(meta)
	m.Packet.Base += uint64(len(meta))
	m.contextPointers = map[int]Value{
		c.Data: Ptr(m.Packet, 0),
		c.End:  Ptr(m.Packet, int64(len(data))),
	}
	if c.Meta >= 0 {
		m.contextPointers[c.Meta] = Ptr(m.Packet, -int64(len(meta)))
	}
}

// newRegion places a region. Addresses stay far below 2^31, as PREVAIL assumes.
func (m *Machine) newRegion(k Kind, size int) *Region {
	r := &Region{Kind: k, Base: m.next, Data: make([]byte, size)}
	m.next += (uint64(size)+4096+7)&^7 + m.random.Uint64N(64)*8
	return r
}

func (m *Machine) fault(format string, args ...any) error {
	return &Fault{Slot: m.PC, Text: fmt.Sprintf(format, args...)}
}

// Done reports whether the program has returned; its result is r0.
func (m *Machine) Done() bool { return m.done }

// Run steps until the program returns and gives r0. The error is a *Fault, ErrSteps,
// or the context's.
func (m *Machine) Run(ctx context.Context, steps int64) (uint64, error) {
	for !m.done {
		if m.Steps >= steps {
			return 0, ErrSteps
		}
		if m.Steps&0xfff == 0 && ctx.Err() != nil {
			return 0, ctx.Err()
		}
		if err := m.Step(); err != nil {
			return 0, err
		}
	}
	return m.Regs[0].Bits, nil
}

// Step executes one instruction.
func (m *Machine) Step() error {
	if m.PC < 0 || m.PC >= len(m.Insts) || m.Insts[m.PC].Slots == 0 {
		return m.fault("runs outside the program")
	}
	in := &m.Insts[m.PC]
	m.Steps++
	if m.Turns != nil {
		m.Turns[m.PC]++
	}
	next := m.PC + int(in.Slots)
	switch in.Kind {
	case isa.Bin:
		if err := m.bin(in); err != nil {
			return err
		}
	case isa.Un:
		v, err := m.number(in.Dst)
		if err != nil {
			return err
		}
		m.Regs[in.Dst] = Num(unary(isa.UnOp(in.Op), v, in.Is64, m.BigEndian))
	case isa.LoadMapFD:
		m.Regs[in.Dst] = Ptr(m.mapRegion(int(in.Imm)), 0)
	case isa.LoadMapAddress:
		r, err := m.mapValue(int(in.Imm))
		if err != nil {
			return err
		}
		m.Regs[in.Dst] = Ptr(r, int64(in.NextImm))
	case isa.LoadPseudo:
		if err := m.loadPseudo(in); err != nil {
			return err
		}
	case isa.Jump:
		taken, err := m.jump(in)
		if err != nil {
			return err
		}
		if taken {
			next = int(in.Target)
		}
	case isa.Load:
		v, err := m.load(m.Regs[in.Src], int64(in.Off), int(in.Width))
		if err != nil {
			return err
		}
		if in.Signed {
			v.Bits = signExtend(v.Bits, 8*uint(in.Width))
		}
		m.Regs[in.Dst] = v
	case isa.Store:
		v := Num(uint64(in.Imm))
		if !in.UseImm {
			v = m.Regs[in.Src]
		}
		if err := m.store(m.Regs[in.Dst], int64(in.Off), int(in.Width), v); err != nil {
			return err
		}
	case isa.Atomic:
		if err := m.atomicOp(in); err != nil {
			return err
		}
	case isa.Packet:
		done, err := m.packetLoad(in)
		if err != nil {
			return err
		}
		if done {
			return m.exit(&next)
		}
	case isa.Call, isa.CallBuiltin:
		if err := m.call(int32(in.Imm)); err != nil {
			return err
		}
	case isa.CallX:
		id, err := m.number(in.Dst)
		if err != nil {
			return err
		}
		if err := m.call(int32(id)); err != nil {
			return err
		}
	case isa.CallBTF:
		if err := m.callKfunc(int32(in.Imm), int16(in.Off)); err != nil {
			return err
		}
	case isa.CallLocal:
		if len(m.Frames)+1 >= m.frames() {
			return m.fault("calls more than %d functions deep", m.frames())
		}
		m.Frames = append(m.Frames, Frame{Return: next, Call: m.PC, Saved: [4]Value(m.Regs[6:10])})
		m.Regs[isa.R10].Bits -= uint64(m.frameSize())
		next = int(in.Target)
	case isa.Exit:
		if err := m.exit(&next); err != nil {
			return err
		}
	default:
		return m.fault("unknown instruction")
	}
	m.PC = next
	return nil
}

func (m *Machine) frames() int {
	if n := m.Platform.Options.MaxFrames; n != 0 {
		return n
	}
	return 8
}

func (m *Machine) frameSize() int {
	if n := m.Platform.Options.StackSize; n != 0 {
		return n
	}
	return 512
}

// exit returns from a function, or from the program.
func (m *Machine) exit(next *int) error {
	if len(m.Frames) == 0 {
		if !m.Regs[0].Set {
			return m.fault("returns r0, which was never written")
		}
		if m.Regs[0].Region != nil && !m.Type.Privileged {
			return m.fault("returns a pointer")
		}
		m.done = true
		*next = m.PC
		return nil
	}
	f := m.Frames[len(m.Frames)-1]
	m.Frames = m.Frames[:len(m.Frames)-1]
	copy(m.Regs[6:10], f.Saved[:])
	for i := 1; i <= 5; i++ {
		m.Regs[i] = Value{}
	}
	// The callee's frame is gone: nothing in it may be relied upon.
	top := int(m.Regs[isa.R10].Offset())
	m.Regs[isa.R10].Bits += uint64(m.frameSize())
	m.Stack.wrote(top-m.frameSize(), m.frameSize())
	if m.Stack.Init != nil {
		clear(m.Stack.Init[top-m.frameSize() : top])
	}
	*next = f.Return
	return nil
}

// number gives a register that must hold a number.
func (m *Machine) number(r isa.Reg) (uint64, error) {
	v := m.Regs[r]
	if !v.Set {
		return 0, m.fault("uses r%d, which was never written", r)
	}
	if v.Region != nil && !v.IsNull() {
		return 0, m.fault("uses the pointer in r%d as a number", r)
	}
	return v.Bits, nil
}

// bin executes a binary operation: pointers may be copied, and moved within their
// region by numbers; a pointer minus one of the same region is a number.
func (m *Machine) bin(in *isa.Inst) error {
	op := isa.BinOp(in.Op)
	right := Num(uint64(in.Imm))
	if !in.UseImm {
		right = m.Regs[in.Src]
		if !right.Set && !(op == isa.Mov && in.Is64) {
			return m.fault("uses r%d, which was never written", in.Src)
		}
	}
	if op == isa.Mov && in.Is64 {
		m.Regs[in.Dst] = right
		return nil
	}
	if op == isa.Mov || op >= isa.MovSX8 {
		if right.Region != nil {
			return m.fault("takes a part of the pointer in r%d", in.Src)
		}
		m.Regs[in.Dst] = Num(compute(op, 0, right.Bits, in.Is64))
		return nil
	}
	left := m.Regs[in.Dst]
	if !left.Set {
		return m.fault("uses r%d, which was never written", in.Dst)
	}
	if m.Platform.Options.NoDivisionByZero && right.Region == nil && !in.UseImm {
		switch op {
		case isa.UDiv, isa.SDiv, isa.UMod, isa.SMod:
			if right.Bits == 0 || !in.Is64 && uint32(right.Bits) == 0 {
				return m.fault("divides by zero")
			}
		}
	}
	result := Num(compute(op, left.Bits, right.Bits, in.Is64))
	switch {
	case left.Region == nil && right.Region == nil:
	case op == isa.Sub && left.Region != nil && left.Region == right.Region:
		// A number: the distance.
	case op == isa.Add && left.Region != nil && right.Region == nil && movable(left):
		result.Region = left.Region
	case op == isa.Add && left.Region == nil && movable(right):
		result.Region = right.Region
	case op == isa.Sub && left.Region != nil && right.Region == nil && movable(left):
		result.Region = left.Region
	default:
		return m.fault("computes with a pointer: %s of %s and %s", opNames[op], left.Kind(), right.Kind())
	}
	if result.Region != nil && !in.Is64 {
		result = Value{} // half of an address is neither a pointer nor a number
	}
	m.Regs[in.Dst] = result
	return nil
}

var opNames = [...]string{"move", "sum", "difference", "product", "quotient", "remainder", "or", "and", "left shift",
	"right shift", "arithmetic shift", "xor", "signed quotient", "signed remainder"}

// movable reports whether numbers may be added to a pointer.
func movable(v Value) bool {
	return v.Region != nil && v.Region.Kind != MapFD && v.Region.Kind != Code
}

// jump decides a jump.
func (m *Machine) jump(in *isa.Inst) (bool, error) {
	if !in.Cond {
		return true, nil
	}
	left, right := m.Regs[in.Dst], Num(uint64(in.Imm))
	if !in.UseImm {
		right = m.Regs[in.Src]
	}
	if !left.Set || !right.Set {
		return false, m.fault("compares a register that was never written")
	}
	if !m.Type.Privileged && (left.Region != nil || right.Region != nil) {
		// A pointer is compared with another one into the same region, with a number on
		// the right, or with the constant 0.
		c := isa.Condition(in.Op)
		switch {
		case in.UseImm && (in.Imm != 0 || !in.Is64 || c >= isa.SLT):
			return false, m.fault("compares %s with a number", left.Kind())
		case right.Region != nil && left.Region != right.Region:
			return false, m.fault("compares %s with %s", left.Kind(), right.Kind())
		}
	}
	return holds(isa.Condition(in.Op), left.Bits, right.Bits, in.Is64), nil
}

// loadPseudo loads an address that the platform gives.
func (m *Machine) loadPseudo(in *isa.Inst) error {
	switch isa.Reg(in.Op) {
	case isa.SrcCode:
		m.Regs[in.Dst] = Ptr(&Region{Kind: Code, Base: uint64(uint32(in.Imm)), Slot: int(in.Imm)}, 0)
	case isa.SrcVariable:
		m.Regs[in.Dst] = Num(uint64(uint32(in.Imm)) | uint64(uint32(in.NextImm))<<32)
	case isa.SrcMapIndex, isa.SrcMapIdxAddr:
		if in.Imm < 0 || int(in.Imm) >= len(m.Maps) {
			return m.fault("there is no map %d", in.Imm)
		}
		fd := m.Maps[in.Imm].FD
		if isa.Reg(in.Op) == isa.SrcMapIndex {
			m.Regs[in.Dst] = Ptr(m.mapRegion(fd), 0)
			return nil
		}
		r, err := m.mapValue(fd)
		if err != nil {
			return err
		}
		m.Regs[in.Dst] = Ptr(r, int64(in.NextImm))
	default:
		return m.fault("unknown address load")
	}
	return nil
}

// atomicOp executes an atomic read-modify-write (RFC 9669, section 5.3).
func (m *Machine) atomicOp(in *isa.Inst) error {
	operand, err := m.number(in.Src)
	if err != nil {
		return err
	}
	base, off, n := m.Regs[in.Dst], int64(in.Off), int(in.Width)
	if base.Region != nil && base.Region.Kind == Context {
		return m.fault("changes the context atomically")
	}
	old, err := m.load(base, off, n)
	if err != nil {
		return err
	}
	stored := Num(0)
	if op := isa.AtomicOp(in.Op); op == isa.AtomicCmpXchg {
		// PREVAIL does not ask what is in r0.
		stored = Num(operand)
		if width(m.Regs[0].Bits, n == 8) != old.Bits {
			// What was not written before, or a pointer, is a number from here on:
			// PREVAIL takes it for one (docs/fidelity.md).
			stored = Num(old.Bits)
		}
		m.Regs[0] = old
	} else {
		stored.Bits = atomic(op, old.Bits, operand)
		if n == 8 && op != isa.AtomicXchg {
			// Whatever is computed from a pointer stays one, perhaps to nowhere:
			// PREVAIL takes it for one whose offset it does not know.
			stored.Region = old.Region
		}
		if in.Fetch {
			m.Regs[in.Src] = old
		}
	}
	return m.store(base, off, n, stored)
}

// packetLoad executes a legacy packet load (RFC 9669, section 5.5): beyond the
// packet it ends the program with 0.
func (m *Machine) packetLoad(in *isa.Inst) (ended bool, err error) {
	if m.Regs[6].Kind() != Context {
		return false, m.fault("r6 must be the context for a packet load")
	}
	at := int64(in.Imm)
	if in.HasReg {
		v, err := m.number(in.Src)
		if err != nil {
			return false, err
		}
		at += int64(int32(v))
	}
	m.clobber()
	n := int64(in.Width)
	if m.Packet == nil || at < 0 || at+n > int64(len(m.Packet.Data)-m.Packet.Headroom) {
		m.Frames = nil
		m.Regs[0] = Num(0)
		return true, nil
	}
	v := uint64(0)
	for _, b := range m.Packet.Data[m.Packet.Headroom+int(at):][:n] {
		v = v<<8 | uint64(b) // network byte order
	}
	m.Regs[0] = Num(v)
	return false, nil
}

// clobber forgets the caller-saved registers.
func (m *Machine) clobber() {
	for i := 1; i <= 5; i++ {
		m.Regs[i] = Value{}
	}
}
