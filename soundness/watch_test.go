package soundness

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"bpfls/interp"
	"bpfls/isa"
	"bpfls/platform"
	"bpfls/verifier"
)

// A subject is a program under test with the verifier's result.
type subject struct {
	insts        []isa.Inst
	maps         []platform.Map
	platform     *platform.Platform
	typ          *platform.ProgramType
	result       *verifier.Result
	order        binary.ByteOrder // of the machine
	states       *verifier.Containment
	counts       []int // executions in this run, by node
	touched      []int // nodes whose count is not 0
	programs     map[int]bool
	throughUnion bool                // the run passed a loop head of that kind
	throughMeet  bool                // or of that
	holes        [len(holeNames)]int // runs in which a known unsoundness of PREVAIL showed
	trace        [40]int             // slots of the last steps of this run, round
	regs         [11]interp.Value    // that were turned into words last
}

func newSubject(insts []isa.Inst, maps []platform.Map, p *platform.Platform, typ *platform.ProgramType, r *verifier.Result) *subject {
	s := &subject{insts: insts, maps: maps, platform: p, typ: typ, result: r, order: binary.LittleEndian, states: r.Containment(), programs: map[int]bool{}}
	for _, m := range maps {
		s.programs[m.FD] = p.MapType(m.Type).Value == platform.ValueProgram
	}
	return s
}

var wordTypes = [...]verifier.TypeSet{
	interp.Number: verifier.TypeNumber, interp.Context: verifier.TypeContext, interp.Packet: verifier.TypePacket,
	interp.Stack: verifier.TypeStack, interp.Shared: verifier.TypeShared, interp.MapFD: verifier.TypeMap,
	interp.Code: verifier.TypeFunction, interp.Socket: verifier.TypeSocket, interp.BTFObject: verifier.TypeBTFID,
	interp.AllocMem: verifier.TypeAllocMem,
}

// The places where PREVAIL v0.2.6, and with it bpfls, accepts what is not safe or
// says of states what is not true (docs/fidelity.md, "Known unsoundness"). What
// follows in a run is no new finding.
const (
	displacedLoad = iota
	movedNull
	mixedCompare
	privilegedCompare
	beyondStack
	unionInLoop
	mixedStore
	helperOverPointer
	unsetStore
	wrongMeet
	legacyIndex
	exchangeType
	noHole
)

var holeNames = [...]string{
	displacedLoad:     "fetch at a displacement from a stack pointer with numbers behind it",
	movedNull:         "null pointer moved by a number",
	mixedCompare:      "comparison of a pointer that may be a number with a number",
	privilegedCompare: "comparison with something of another type in a privileged program",
	beyondStack:       "key or value of a map that ends behind the stack",
	unionInLoop:       "relation at a loop head with what has a meaning for one type only",
	mixedStore:        "store through a pointer to the stack or to something else",
	helperOverPointer: "numbers that a helper wrote over a spilled pointer",
	wrongMeet:         "loop whose states are met with values of types that they exclude",
	exchangeType:      "compare-and-exchange elsewhere than in the stack, with a pointer in r0",
	legacyIndex:       "packet load at an index that is no number",
	unsetStore:        "store of a register that may be unset through a pointer to the stack",
}

// word is what a value is to the verifier.
func (s *subject) word(v interp.Value) verifier.Word {
	if !v.Set {
		return verifier.Word{Type: verifier.TypeUninit}
	}
	r := v.Region
	if r == nil {
		return verifier.Word{Type: verifier.TypeNumber, Bits: v.Bits}
	}
	if r.Freed {
		return verifier.Word{Type: verifier.TypeUninit} // a packet that a helper moved
	}
	w := verifier.Word{Type: wordTypes[r.Kind], Bits: v.Bits, Offset: v.Offset(), Size: int64(len(r.Data) - r.Headroom)}
	if r.Null {
		w.Size = int64(r.Size)
	}
	if r.Kind == interp.MapFD {
		w.FD = r.Map
		if s.programs[r.Map] {
			w.Type = verifier.TypeMapPrograms
		}
	}
	return w
}

// stackView is a run's stack as the verifier wants to see it.
type stackView struct {
	s *subject
	r *interp.Region
}

func (v stackView) Load(off, size int) verifier.Word {
	if size <= 8 {
		return v.s.word(v.r.Peek(off, size, v.s.order))
	}
	return verifier.Word{Type: verifier.TypeUninit}
}

func (v stackView) Numbers(off, most int) int { return v.r.Numbers(off, most) }

// violation is a run that shows the verifier, or the machine, to be wrong.
type violation struct {
	at   int
	step int64
	text string
}

func (v *violation) Error() string {
	return fmt.Sprintf("step %d, instruction %d: %s", v.step, v.at, v.text)
}

// run executes the program on an input and holds every state against the abstract
// one. It returns the number of states that were checked.
func (s *subject) run(in interp.Input, limit int64, seen *coverage) (int64, error) {
	_, n, err := s.execute(in, limit, seen)
	return n, err
}

// execute is run that gives the machine too.
func (s *subject) execute(in interp.Input, limit int64, seen *coverage) (*interp.Machine, int64, error) {
	m := interp.New(interp.Program{Insts: s.insts, Maps: s.maps, Platform: s.platform, Type: s.typ}, in,
		interp.Options{BigEndian: s.order == binary.ByteOrder(binary.BigEndian)})
	var c verifier.Concrete
	c.Stack = stackView{s, m.Stack}
	for _, n := range s.touched {
		s.counts[n] = 0
	}
	s.touched = s.touched[:0]
	accepted := s.result.Verdict == verifier.Pass
	s.states.Restart()
	s.throughUnion, s.throughMeet = false, false
	known := noHole // an unsoundness that the run went through
	pointers := 0   // in the stack, before a call
	overwritten := false
	wrong := func(text string) error {
		switch {
		case known != noHole:
		case s.throughUnion:
			known = unionInLoop
		case s.throughMeet:
			known = wrongMeet
		case overwritten:
			known = helperOverPointer
		}
		if known != noHole {
			s.holes[known]++
			return nil
		}
		return &violation{m.PC, m.Steps, text}
	}
	var before *isa.Inst
	var base interp.Value
	for !m.Done() {
		if m.Steps >= limit {
			return m, m.Steps, nil
		}
		s.trace[m.Steps%int64(len(s.trace))] = m.PC
		if before != nil {
			s.excuse(m, &c, before, base)
		}
		if err := s.admit(m, &c); err != nil {
			return m, m.Steps, wrong(err.Error())
		}
		if seen != nil {
			seen.note(m)
		}
		if !accepted && !s.states.Assumed(m.PC, &c) {
			return m, m.Steps, nil // what follows is behind a failure
		}
		before = nil
		in := &m.Insts[m.PC]
		switch in.Kind {
		case isa.Jump:
			if in.Cond && m.Regs[in.Dst].Region != nil && (in.UseImm || m.Regs[in.Src].Region == nil) &&
				s.states.Type(m.PC, &c, in.Dst)&verifier.TypeNumber != 0 {
				known = mixedCompare
			}
			if in.Cond && !in.UseImm && s.typ.Privileged && s.states.Type(m.PC, &c, in.Src) != verifier.TypeNumber {
				known = privilegedCompare
			}
		case isa.Packet:
			if in.HasReg && (!m.Regs[in.Src].Set || m.Regs[in.Src].Region != nil) {
				known = legacyIndex
			}
		case isa.Load:
			before, base = in, m.Regs[in.Src]
		case isa.Store:
			if t := s.states.Type(m.PC, &c, in.Dst); t&verifier.TypeStack != 0 && t != verifier.TypeStack && m.Regs[in.Dst].Kind() != interp.Stack {
				known = mixedStore
			}
			if !in.UseImm && in.Dst != isa.R10 && s.states.Type(m.PC, &c, in.Src)&verifier.TypeUninit != 0 {
				known = unsetStore
			}
		case isa.Atomic:
			before, base = in, m.Regs[in.Dst]
			t := s.states.Type(m.PC, &c, in.Dst)
			if t&verifier.TypeStack != 0 && t != verifier.TypeStack && base.Kind() != interp.Stack {
				known = mixedStore
			}
			if isa.AtomicOp(in.Op) == isa.AtomicCmpXchg && t&verifier.TypeStack == 0 && s.states.Type(m.PC, &c, 0)&verifier.TypeNumber == 0 {
				known = exchangeType
			}
			if base.Kind() == interp.Stack && in.Off != 0 && m.Stack.Numbers(int(base.Offset()+int64(in.Off)), int(in.Width)) < int(in.Width) {
				known = displacedLoad // what is there is taken for a number too
			}
		case isa.Call, isa.CallBuiltin, isa.CallBTF, isa.CallX:
			pointers = m.Stack.Pointers()
		}
		if err := m.Step(); err != nil {
			var fault *interp.Fault
			if errors.As(err, &fault) && !accepted {
				return m, m.Steps, nil
			}
			if (in.Kind == isa.Call || in.Kind == isa.CallX) && s.endsBehindStack(m) {
				known = beyondStack
			}
			return m, m.Steps, wrong(err.Error())
		}
		switch in.Kind {
		case isa.Call, isa.CallBuiltin, isa.CallBTF, isa.CallX:
			overwritten = overwritten || m.Stack.Pointers() < pointers
			s.regs = [11]interp.Value{} // a packet that was moved leaves other words
		case isa.Bin:
			if v := &m.Regs[in.Dst]; v.Region != nil && v.Region.Null && v.Bits != 0 {
				known = movedNull
			}
		}
	}
	return m, m.Steps, nil
}

// excuse turns what was loaded from the stack into a number where PREVAIL takes it
// for one without reason: a load at a displacement from a pointer with numeric bytes
// behind it is said to give a number whatever the displacement (docs/fidelity.md).
// bpfls keeps to PREVAIL's verdict.
func (s *subject) excuse(m *interp.Machine, c *verifier.Concrete, in *isa.Inst, base interp.Value) {
	if base.Kind() != interp.Stack || in.Off == 0 {
		return
	}
	r := in.Dst
	if in.Kind == isa.Atomic {
		r = in.Src
		if isa.AtomicOp(in.Op) == isa.AtomicCmpXchg {
			r = 0
		}
		if !in.Fetch {
			return
		}
	}
	t := s.states.Type(m.PC, c, r)
	if v := &m.Regs[r]; s.word(*v).Type&^t != 0 && t&verifier.TypeNumber != 0 {
		*v = interp.Num(v.Bits)
		s.holes[displacedLoad]++
	}
}

// endsBehindStack reports whether the key or value that a call's arguments point to
// lies partly behind the stack.
func (s *subject) endsBehindStack(m *interp.Machine) bool {
	if m.Regs[1].Kind() != interp.MapFD {
		return false
	}
	for _, def := range s.maps {
		if def.FD != m.Regs[1].Region.Map {
			continue
		}
		for i, size := range []uint32{def.KeySize, def.ValueSize} {
			if v := m.Regs[2+i]; v.Kind() == interp.Stack && v.Offset()+int64(size) > int64(len(m.Stack.Data)) {
				return true
			}
		}
	}
	return false
}

// lastSteps lists the last instructions that ran before a step, and it.
func (s *subject) lastSteps(step int64) string {
	var b strings.Builder
	n := int64(len(s.trace))
	for i := max(0, step-n+1); i <= step; i++ {
		at := s.trace[i%n]
		if at >= 0 && at < len(s.insts) {
			fmt.Fprintf(&b, "%4d: %s\n", at, isa.Text(&s.insts[at], nil))
		}
	}
	return b.String()
}

// admit checks the state before an instruction.
func (s *subject) admit(m *interp.Machine, c *verifier.Concrete) error {
	for i := range m.Regs {
		if v := &m.Regs[i]; *v != s.regs[i] || m.Steps == 0 || !v.Set {
			s.regs[i], c.Regs[i] = *v, s.word(*v)
		}
	}
	c.Calls, c.Saved = c.Calls[:0], c.Saved[:0]
	for i := range m.Frames {
		f := &m.Frames[i]
		c.Calls = append(c.Calls, f.Call)
		var saved [4]verifier.Word
		for k := range saved {
			saved[k] = s.word(f.Saved[k])
		}
		c.Saved = append(c.Saved, saved)
	}
	if m.Packet != nil {
		c.Packet = true
		c.PacketSize, c.MetaOffset = int64(len(m.Packet.Data)-m.Packet.Headroom), -int64(m.Packet.Headroom)
	}
	n, err := s.states.AdmitsNext(m.PC, c)
	if n >= 0 && s.states.LoopHead(n) {
		s.throughUnion = s.throughUnion || s.states.Conditional(n)
		s.throughMeet = s.throughMeet || s.states.WrongMeet(n)
	}
	if err != nil {
		return err
	}
	for n >= len(s.counts) {
		s.counts = append(s.counts, 0)
	}
	if s.counts[n] == 0 {
		s.touched = append(s.touched, n)
	}
	s.counts[n]++
	if s.result.LoopBound >= 0 && s.counts[n] > s.result.LoopBound && s.states.LoopHead(n) {
		return fmt.Errorf("the loop head runs for the %dth time; the bound is %d", s.counts[n], s.result.LoopBound)
	}
	return nil
}

// input makes an input for a program: packets and contexts of all sizes, the ends
// of number ranges often.
func input(seed uint64, typ *platform.ProgramType) interp.Input {
	r := rand.New(rand.NewPCG(seed, 0xd6e8feb86659fd93))
	bytes := func(n int) []byte {
		b := make([]byte, n)
		style := r.IntN(4)
		for i := range b {
			switch style {
			case 0:
				b[i] = byte(r.Uint32())
			case 1:
				b[i] = [...]byte{0, 1, 0x7f, 0x80, 0xff}[r.IntN(5)]
			case 2:
				if r.IntN(4) == 0 {
					b[i] = byte(r.IntN(64))
				}
			default:
				b[i] = byte(-(r.IntN(5) / 4))
			}
		}
		return b
	}
	in := interp.Input{Seed: seed}
	if typ.Context == nil {
		return in
	}
	in.Context = bytes(typ.Context.Size)
	if typ.Context.HasPacket() {
		in.Packet = bytes(r.IntN([...]int{1, 8, 64, 64, 256, 1600}[r.IntN(6)]) + 1)
		if typ.Context.Meta >= 0 && r.IntN(2) == 0 {
			in.Meta = bytes(4 * r.IntN(9))
		}
	}
	return in
}

// coverage counts which instructions ran with which types of operands.
type coverage struct {
	ids   map[string]int
	names []string
	runs  [][]int64 // by id: 12 x 12 types
	slots []int     // id of the program's instructions
}

func newCoverage() *coverage {
	return &coverage{ids: make(map[string]int)}
}

const kinds = 11 // no operand, then the kinds of interp; numbers are kind 0

// start prepares for a program.
func (c *coverage) start(insts []isa.Inst) {
	c.slots = c.slots[:0]
	for i := range insts {
		name := form(&insts[i])
		id, ok := c.ids[name]
		if !ok {
			id = len(c.names)
			c.ids[name] = id
			c.names = append(c.names, name)
			c.runs = append(c.runs, make([]int64, (kinds+1)*(kinds+1)))
		}
		c.slots = append(c.slots, id)
	}
}

func (c *coverage) note(m *interp.Machine) {
	in := &m.Insts[m.PC]
	a, b := 0, 0
	kind := func(r isa.Reg) int {
		v := m.Regs[r]
		switch {
		case !v.Set:
			return kinds
		case v.Region != nil && v.Region.Null:
			return int(interp.Shared) + 1
		}
		return int(v.Kind()) + 1
	}
	switch in.Kind {
	case isa.Bin:
		if isa.BinOp(in.Op) != isa.Mov && in.Op < uint8(isa.MovSX8) {
			a = kind(in.Dst)
		}
		if !in.UseImm {
			b = kind(in.Src)
		}
	case isa.Un:
		a = kind(in.Dst)
	case isa.Jump:
		if in.Cond {
			a = kind(in.Dst)
			if !in.UseImm {
				b = kind(in.Src)
			}
		}
	case isa.CallX:
		a = kind(in.Dst)
	case isa.Packet:
		if in.HasReg {
			b = kind(in.Src)
		}
	case isa.Load:
		b = kind(in.Src)
	case isa.Store, isa.Atomic:
		a = kind(in.Dst)
		if !in.UseImm {
			b = kind(in.Src)
		}
	}
	c.runs[c.slots[m.PC]][a*(kinds+1)+b]++
}

// add adds the counts of d.
func (c *coverage) add(d *coverage) {
	for i, name := range d.names {
		id, ok := c.ids[name]
		if !ok {
			id = len(c.names)
			c.ids[name] = id
			c.names = append(c.names, name)
			c.runs = append(c.runs, make([]int64, (kinds+1)*(kinds+1)))
		}
		for k, n := range d.runs[i] {
			c.runs[id][k] += n
		}
	}
}

var binNames = [...]string{"mov", "add", "sub", "mul", "div", "mod", "or", "and", "lsh", "rsh", "arsh", "xor", "sdiv", "smod", "movsx8", "movsx16", "movsx32"}
var unNames = [...]string{"be16", "be32", "be64", "le16", "le32", "le64", "swap16", "swap32", "swap64", "neg"}
var conditionNames = [...]string{"eq", "ne", "set", "nset", "lt", "le", "gt", "ge", "slt", "sle", "sgt", "sge"}
var atomicNames = map[isa.AtomicOp]string{isa.AtomicAdd: "add", isa.AtomicOr: "or", isa.AtomicAnd: "and", isa.AtomicXor: "xor", isa.AtomicXchg: "xchg", isa.AtomicCmpXchg: "cmpxchg"}

// form names an instruction's opcode, with a register or an immediate on the right.
func form(in *isa.Inst) string {
	wide := "32"
	if in.Is64 {
		wide = "64"
	}
	right := " reg"
	if in.UseImm {
		right = " imm"
	}
	switch in.Kind {
	case isa.Bin:
		if in.LDDW {
			return "lddw"
		}
		return binNames[in.Op] + wide + right
	case isa.Un:
		if isa.UnOp(in.Op) == isa.Neg {
			return "neg" + wide
		}
		return unNames[in.Op]
	case isa.LoadMapFD:
		return "lddw map"
	case isa.LoadMapAddress:
		return "lddw map value"
	case isa.LoadPseudo:
		return "lddw code or variable"
	case isa.Jump:
		if !in.Cond {
			return "ja"
		}
		return "j" + conditionNames[in.Op] + wide + right
	case isa.Call:
		return "call helper"
	case isa.CallBuiltin:
		return "call builtin"
	case isa.CallLocal:
		return "call local"
	case isa.CallX:
		return "callx"
	case isa.CallBTF:
		return "call kfunc"
	case isa.Exit:
		return "exit"
	case isa.Load:
		if in.Signed {
			return fmt.Sprintf("lds%d", in.Width)
		}
		return fmt.Sprintf("ld%d", in.Width)
	case isa.Store:
		return fmt.Sprintf("st%d", in.Width) + right
	case isa.Packet:
		if in.HasReg {
			return fmt.Sprintf("ldind%d", in.Width)
		}
		return fmt.Sprintf("ldabs%d", in.Width)
	case isa.Atomic:
		fetch := ""
		if in.Fetch && isa.AtomicOp(in.Op) != isa.AtomicXchg && isa.AtomicOp(in.Op) != isa.AtomicCmpXchg {
			fetch = " fetch"
		}
		return fmt.Sprintf("atomic%d %s%s", in.Width, atomicNames[isa.AtomicOp(in.Op)], fetch)
	}
	return "undefined"
}

// forms lists the opcodes, in the order of the table.
func forms() []string {
	var out []string
	for _, wide := range []string{"64", "32"} {
		for i, n := range binNames {
			if n == "movsx32" && wide == "32" {
				continue // there is none
			}
			out = append(out, n+wide+" reg")
			if i < int(isa.MovSX8) {
				out = append(out, n+wide+" imm")
			}
		}
		out = append(out, "neg"+wide)
	}
	out = append(out, unNames[:9]...)
	for _, wide := range []string{"64", "32"} {
		for i, n := range conditionNames {
			if isa.Condition(i) != isa.NSET {
				out = append(out, "j"+n+wide+" reg", "j"+n+wide+" imm")
			}
		}
	}
	out = append(out, "ja", "lddw", "lddw map", "lddw map value", "lddw code or variable", "call helper", "call builtin", "call kfunc", "callx", "call local", "exit")
	for _, w := range []string{"1", "2", "4"} {
		out = append(out, "ldabs"+w, "ldind"+w)
	}
	for _, w := range []string{"1", "2", "4", "8"} {
		out = append(out, "ld"+w)
		if w != "8" {
			out = append(out, "lds"+w)
		}
		out = append(out, "st"+w+" reg", "st"+w+" imm")
	}
	for _, w := range []string{"4", "8"} {
		for _, op := range []string{"add", "or", "and", "xor"} {
			out = append(out, "atomic"+w+" "+op, "atomic"+w+" "+op+" fetch")
		}
		out = append(out, "atomic"+w+" xchg", "atomic"+w+" cmpxchg")
	}
	return out
}

// shorts are the names of operand kinds in the table: 0 is none.
var shorts = [kinds + 1]string{"-", "num", "ctx", "pkt", "stk", "map", "fd", "code", "sock", "btf", "alloc", "unset"}

// table prints, for every opcode, the pairs of operand types that ran.
func (c *coverage) table() string {
	var b strings.Builder
	for _, name := range forms() {
		fmt.Fprintf(&b, "%-18s", name)
		id, ok := c.ids[name]
		if !ok {
			b.WriteString(" (never ran)\n")
			continue
		}
		for k, n := range c.runs[id] {
			if n > 0 {
				fmt.Fprintf(&b, " %s,%s:%d", shorts[k/(kinds+1)], shorts[k%(kinds+1)], n)
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// acceptedOperands lists the pairs of operand types that the verifier accepts for an opcode.
func acceptedOperands(name string) []string {
	memory := []string{"ctx", "pkt", "stk", "map"}
	pairs := func(as, bs []string) (out []string) {
		for _, a := range as {
			for _, b := range bs {
				out = append(out, a+","+b)
			}
		}
		return out
	}
	num := []string{"num"}
	none := []string{"-"}
	pointers := []string{"ctx", "pkt", "stk", "map"}
	op, right, _ := strings.Cut(name, " ")
	r := num
	if right == "imm" {
		r = none
	}
	switch {
	case op == "mov64" && right == "reg":
		return pairs(none, append([]string{"num", "fd"}, pointers...))
	case strings.HasPrefix(op, "mov"):
		return pairs(none, r)
	case op == "add64" && right == "reg":
		return append(pairs(append(num, pointers...), num), pairs(num, pointers)...)
	case op == "sub64" && right == "reg":
		return append(pairs(append(num, pointers...), num), "ctx,ctx", "pkt,pkt", "stk,stk")
	case op == "add64" || op == "sub64":
		return pairs(append(num, pointers...), none)
	case (op == "jeq64" || op == "jne64") && right == "reg":
		return append(pairs(num, num), "ctx,ctx", "pkt,pkt", "stk,stk")
	case (op == "jeq64" || op == "jne64") && right == "imm":
		return pairs(append(num, pointers...), none)
	case strings.HasSuffix(op, "64") && op[0] == 'j' && right == "reg":
		return append(pairs(num, num), "pkt,pkt")
	case op == "ja" || op == "lddw" || op == "call" || op == "exit":
		return []string{"-,-"}
	case strings.HasPrefix(op, "ldabs"):
		return []string{"-,-"}
	case strings.HasPrefix(op, "ldind"):
		return pairs(none, num)
	case op == "ld8":
		return pairs(none, memory)
	case strings.HasPrefix(op, "ld"):
		return pairs(none, append(memory, "sock"))
	case op == "st8" && right == "reg":
		return append(pairs(memory, num), pairs([]string{"stk"}, pointers)...)
	case strings.HasPrefix(op, "st") && len(op) == 3:
		return pairs(memory, r)
	case strings.HasPrefix(op, "atomic"):
		return pairs([]string{"pkt", "stk", "map"}, num)
	case right == "":
		return pairs(num, none)
	}
	return pairs(num, r)
}

// holes names the opcodes and operand types that are accepted and never ran.
func (c *coverage) holes() (out []string, all int) {
	index := make(map[string]int)
	for i, s := range shorts {
		index[s] = i
	}
	for _, name := range forms() {
		for _, pair := range acceptedOperands(name) {
			all++
			a, b, _ := strings.Cut(pair, ",")
			id, ok := c.ids[name]
			if !ok || c.runs[id][index[a]*(kinds+1)+index[b]] == 0 {
				out = append(out, name+" ("+pair+")")
			}
		}
	}
	return out, all
}
