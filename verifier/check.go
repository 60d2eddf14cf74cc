package verifier

import (
	"strconv"

	"bpfls/isa"
	"bpfls/verifier/cfg"
	"bpfls/verifier/zone"
)

// The sets of types that checks ask for.
const (
	typesPointer   = TypeContext | TypePacket | TypeStack | TypeShared
	typesSingleton = TypeContext | TypePacket | TypeStack
)

// check reports whether st proves c. msg says what is not proven, in PREVAIL's
// words, without the obligation itself.
func (p *program) check(st *state, c *cfg.Check, id cfg.NodeID) (msg string, ok bool) {
	if st.bottom() {
		return "", true
	}
	v := zone.RegSlot(c.Reg)
	switch c.Kind {
	case cfg.TypeConstraint:
		if st.t.of(v)&^TypeSet(c.Types) != 0 {
			return "Invalid type", false
		}
	case cfg.ValidAccess:
		return p.checkAccess(st, c)
	case cfg.Comparable:
		return p.checkComparable(st, c)
	case cfg.Addable:
		// If Reg is a pointer then Other is a number.
		if s, possible := st.t.restricted(v, typesPointer, zone.RegSlot(c.Other)); possible && s&^TypeNumber != 0 {
			return "Only numbers can be added to pointers", false
		}
	case cfg.ValidDivisor:
		if st.t.of(v)&typesPointer != 0 && !st.t.bottom {
			return "Only numbers can be used as divisors", false
		}
		if p.noDivZero && p.mayBeZero(st, c) {
			return "Possible division by zero", false
		}
	case cfg.ValidStore:
		if s, possible := st.t.restricted(v, TypeAny&^TypeStack, zone.RegSlot(c.Other)); possible && s&^TypeNumber != 0 {
			return "Only numbers can be stored to externally-visible regions", false
		}
	case cfg.ValidSize:
		size, zero := zone.V(reg(c.Reg, zone.KindSValue)), zone.Const(0)
		cond := zone.Gt(size, zero)
		if c.CanBeZero {
			cond = zone.Geq(size, zero)
		}
		if !st.entails(cond) {
			return "Invalid size", false
		}
	case cfg.ValidArgZero:
		if !st.entails(zone.Eq(zone.V(reg(c.Reg, zone.KindSValue)), zone.Const(0))) {
			return "Argument must be zero", false
		}
	case cfg.ValidMapKeyValue:
		return p.checkMapKeyValue(st, c)
	case cfg.ValidMapType:
		t, known := p.mapType(st, c.Reg)
		if !known || t == 0 {
			return "", true
		}
		h := c.Callee
		if t >= 64 {
			return "map type " + strconv.Itoa(int(t)) + " is out of supported range for " + h.Name, false
		}
		if h.AllowedMapTypes>>t&1 == 0 {
			return "map type " + strconv.Itoa(int(t)) + " is not allowed for " + h.Name, false
		}
	case cfg.ValidCallback:
		n, single := st.interval(reg(c.Reg, zone.KindUValue)).Singleton()
		if !single || !fitsInt32(n) {
			return "callback function pointer must be a singleton code address", false
		}
		target, exits := p.g.CallbackTarget(n.Int64())
		if !target {
			return "callback function pointer does not reference a valid callback entry", false
		}
		if !exits {
			return "callback function does not have a reachable exit", false
		}
	case cfg.ZeroContextOffset:
		zero := zone.Const(0)
		// Null and not null cannot be told apart after a join.
		if c.OrNull && st.isNumber(c.Reg) && st.entails(zone.Eq(zone.V(reg(c.Reg, zone.KindUValue)), zero)) {
			return "", true
		}
		if !st.entails(zone.Eq(zone.V(reg(c.Reg, zone.KindCtxOffset)), zero)) {
			return "Nonzero context offset", false
		}
	case cfg.BoundedLoopCount:
		if !st.entails(zone.Leq(zone.V(p.counter(id)), zone.Const(cfg.LoopLimit))) {
			return "Loop counter is too large", false
		}
	case cfg.FuncConstraint:
		msg, _, ok = p.checkFunction(st, c, id)
		return msg, ok
	}
	return "", true
}

// checkFunction checks the id of a helper in a register and, where that is one,
// what the helper demands. inner is the demand that is not met.
func (p *program) checkFunction(st *state, c *cfg.Check, id cfg.NodeID) (msg string, inner *cfg.Check, ok bool) {
	n, single := st.interval(reg(c.Reg, zone.KindUValue)).Singleton()
	if !single || !fitsInt32(n) {
		return "callx helper function id is not a valid singleton", nil, false
	}
	_, checks, usable := p.g.ResolveHelper(int32(n.Int64()))
	if !usable {
		return "invalid helper function id " + n.String(), nil, false
	}
	for i := range checks {
		if msg, ok := p.check(st, &checks[i], id); !ok {
			return msg, &checks[i], false
		}
	}
	return "", nil, true
}

func (p *program) checkComparable(st *state, c *cfg.Check) (msg string, ok bool) {
	a, b := zone.RegSlot(c.Reg), zone.RegSlot(c.Other)
	if !st.t.same(a, b) {
		// Perhaps of different types: then only a pointer and a number.
		if !st.t.is(b, TypeNumber) {
			return "Cannot subtract pointers to different regions", false
		}
		return "", true
	}
	// Numbers, or pointers to the same region: types of which there is one region.
	if s := st.t.of(b) &^ TypeNumber; s&^typesSingleton != 0 && s&^TypeMap != 0 {
		return "Cannot subtract pointers to non-singleton regions", false
	}
	// Against wrap-around they must be within bounds.
	for _, r := range [2]isa.Reg{c.Reg, c.Other} {
		in := cfg.Check{Kind: cfg.ValidAccess, Reg: r, Other: cfg.NoReg}
		if msg, ok := p.checkAccess(st, &in); !ok {
			return msg, false
		}
	}
	return "", true
}

// mayBeZero reports whether a divisor may be zero. One of 32 bits is zero if its
// lower half is, in the signed and the unsigned view.
func (p *program) mayBeZero(st *state, c *cfg.Check) bool {
	s, u := reg(c.Reg, zone.KindSValue), reg(c.Reg, zone.KindUValue)
	if !c.Is64 {
		return st.interval(u).ZeroExtend(32).Contains(zone.Zero) && st.interval(s).SignExtend(32).Contains(zone.Zero)
	}
	v := u
	if c.Signed {
		v = s
	}
	return !st.entails(zone.Neq(zone.V(v), zone.Const(0)))
}

// sizeText is the name of a variable in a message.
func sizeText(r isa.Reg, k zone.Kind) string {
	return "r" + strconv.Itoa(int(r)) + "." + k.String()
}

// within checks floor <= lo and hi <= ceiling.
func within(st *state, lo, hi, floor, ceiling *zone.Expr) (low, high bool) {
	if !st.entails(zone.Geq(*lo, *floor)) {
		return true, false
	}
	return false, !st.entails(zone.Leq(*hi, *ceiling))
}

func (p *program) checkAccess(st *state, c *cfg.Check) (msg string, ok bool) {
	v := zone.RegSlot(c.Reg)
	set := st.t.of(v)
	if set&TypeUninit != 0 {
		return "Invalid type", false
	}
	for rest := set; rest != 0; rest &= rest - 1 {
		if msg, ok := p.checkAccessAs(st, c, rest&-rest); !ok {
			return msg, false
		}
	}
	return "", true
}

// checkAccessAs checks an access through a pointer of type t.
func (p *program) checkAccessAs(st *state, c *cfg.Check, t TypeSet) (msg string, ok bool) {
	compare := c.Width == 0 && c.Other == cfg.NoReg
	width := zone.Const(int64(c.Width))
	if c.Other != cfg.NoReg {
		width = zone.V(reg(c.Other, zone.KindSValue))
	}
	zero := zone.Const(0)
	switch t {
	case TypeNumber:
		switch {
		case compare:
		case !c.OrNull:
			return "Only pointers can be dereferenced", false
		case !st.entails(zone.Eq(zone.V(reg(c.Reg, zone.KindSValue)), zero)):
			return "Non-null number", false
		case !st.entails(zone.Eq(width, zero)):
			return "Non-zero access size with null pointer", false
		}
		return "", true
	case TypeMap, TypeMapPrograms:
		return "FDs cannot be dereferenced directly", compare
	case TypeBTFID:
		return "Unsupported pointer type for memory access", compare
	case TypeFunction:
		return "Function pointers cannot be dereferenced", compare
	}
	k, _ := primaryKind(t)
	lo := zone.V(reg(c.Reg, k)).PlusConst(int64(c.Offset))
	hi := lo.Add(width)
	notNull := func() bool {
		return compare || c.OrNull || st.entails(zone.Gt(zone.V(reg(c.Reg, zone.KindUValue)), zero))
	}
	switch t {
	case TypeStack:
		floor := zone.V(reg(isa.R10, zone.KindStackOffset)).PlusConst(int64(-p.frameSize))
		ceiling := zone.Const(int64(p.stackSize))
		switch low, high := within(st, &lo, &hi, &floor, &ceiling); {
		case low:
			return "Lower bound must be at least r10.stack_offset - subprogram_stack_size", false
		case high:
			return "Upper bound must be at most total_stack_size", false
		}
		if c.Mode != cfg.Read {
			return "", true
		}
		if a, b, ok := p.clip(st.eval(&lo).Join(st.eval(&hi))); ok && st.s.allNumbers(a, b) {
			return "", true
		}
		size := zone.V(reg(c.Reg, zone.KindStackNumericSize)).PlusConst(int64(-c.Offset))
		if c.Offset < 0 || !st.entails(zone.Leq(width, size)) {
			return "Stack content is not numeric", false
		}
	case TypeContext:
		x := p.in.Type.Context
		if c.Mode == cfg.Write && x.End >= 0 {
			slot := x.End - x.Data
			if slot <= 0 {
				return "Cannot write to context with unexpected pointer-field layout", false
			}
			for _, f := range [3]int{x.Data, x.End, x.Meta} {
				if f >= 0 && st.intersects(zone.Gt(hi, zone.Const(int64(f)))) &&
					st.intersects(zone.Lt(lo, zone.Const(int64(f+slot)))) {
					return "Cannot write to context pointer field", false
				}
			}
		}
		ceiling := zone.Const(int64(x.Size))
		switch low, high := within(st, &lo, &hi, &zero, &ceiling); {
		case low:
			return "Lower bound must be at least 0", false
		case high:
			return "Upper bound must be at most " + strconv.Itoa(x.Size), false
		}
	case TypePacket:
		floor, ceiling := zone.V(zone.MetaOffset), zone.V(zone.PacketSize)
		if compare {
			// A pointer that is only compared may lie behind the packet.
			ceiling = zone.Const(int64(p.maxPacket))
		}
		switch low, high := within(st, &lo, &hi, &floor, &ceiling); {
		case low:
			return "Lower bound must be at least meta_offset", false
		case high && compare:
			return "Upper bound must be at most " + strconv.Itoa(p.maxPacket), false
		case high:
			return "Upper bound must be at most packet_size", false
		}
	case TypeShared, TypeAllocMem:
		size := zone.KindSharedRegionSize
		if t == TypeAllocMem {
			size = zone.KindAllocMemSize
		}
		ceiling := zone.V(reg(c.Reg, size))
		switch low, high := within(st, &lo, &hi, &zero, &ceiling); {
		case low:
			return "Lower bound must be at least 0", false
		case high:
			return "Upper bound must be at most " + sizeText(c.Reg, size), false
		}
		if !notNull() {
			return "Possible null access", false
		}
	case TypeSocket:
		if p.in.Platform.SocketFields == nil {
			return "Socket layout is unavailable", false
		}
		ceiling := zone.Const(int64(p.in.Platform.SocketSize))
		switch low, high := within(st, &lo, &hi, &zero, &ceiling); {
		case low:
			return "Lower bound must be at least 0", false
		case high:
			return "Upper bound must be at most " + strconv.Itoa(p.in.Platform.SocketSize), false
		}
		if compare {
			return "", true
		}
		if c.Mode == cfg.Write {
			return "Socket memory is read-only", false
		}
		if c.Other != cfg.NoReg {
			return "Socket access size must be constant", false
		}
		off, exact := st.eval(&lo).Singleton()
		if !exact || !fitsInt32(off) {
			return "Socket access offset must be precise", false
		}
		if !p.socketAccess(int(off.Int64()), int(c.Width)) {
			return "Invalid socket access", false
		}
		if !notNull() {
			return "Possible null access", false
		}
	default:
		return "Invalid type", false
	}
	return "", true
}

// socketAccess reports whether width bytes at off of a socket may be read.
func (p *program) socketAccess(off, width int) bool {
	if width <= 0 || off < 0 || off+width > p.in.Platform.SocketSize || off%width != 0 {
		return false
	}
	power := width&(width-1) == 0
	for _, f := range p.in.Platform.SocketFields {
		if f.Offset < 0 || f.Span <= 0 {
			continue
		}
		switch {
		case f.Narrow:
			if width <= f.MaxWidth && power && off >= f.Offset && off+width <= f.Offset+f.Span {
				return true
			}
		case off == f.Offset && width == f.MaxWidth:
			return true
		}
		if f.ExtraReadWidth > 0 && width == f.ExtraReadWidth && power && off == f.Offset {
			return true
		}
	}
	return false
}

func (p *program) checkMapKeyValue(st *state, c *cfg.Check) (msg string, ok bool) {
	what, size := "value", valueSize
	if c.Key {
		what, size = "key", keySize
	}
	n, single := p.mapRange(st, c.Other, size).Singleton()
	if !single {
		return "Map " + what + " size is not singleton", false
	}
	width := zone.ConstInt(n)
	v := zone.RegSlot(c.Reg)
	set := st.t.of(v)
	if set&TypeUninit != 0 {
		set = TypeUninit
	}
	for rest := set; rest != 0; rest &= rest - 1 {
		switch rest & -rest {
		case TypeStack:
			off := st.interval(reg(c.Reg, zone.KindStackOffset))
			at := p.place(off, zone.SingleInt(n))
			if lo, hi, ok := p.bytes(&at); !ok || !st.s.allNumbers(lo, hi) {
				return "Illegal map update with a non-numerical value [" + boundText(off.Lo, "-oo") + "-" +
					boundText(off.Hi.Add(n), "oo") + ")", false
			}
			if p.strict && c.Key {
				if msg, ok := p.checkArrayKey(st, c, off); !ok {
					return msg, false
				}
			} else if p.strict && p.arrayMap(st, c.Other) {
				if _, ok := off.Singleton(); !ok {
					return "Pointer must be a singleton", false
				}
			}
		case TypePacket:
			lo := zone.V(reg(c.Reg, zone.KindPacketOffset))
			hi := lo.Add(width)
			floor, ceiling := zone.V(zone.MetaOffset), zone.V(zone.PacketSize)
			switch low, high := within(st, &lo, &hi, &floor, &ceiling); {
			case low:
				return "Lower bound must be at least meta_offset", false
			case high:
				return "Upper bound must be at most packet_size", false
			}
		case TypeShared:
			lo := zone.V(reg(c.Reg, zone.KindSharedOffset))
			hi := lo.Add(width)
			floor, ceiling := zone.Const(0), zone.V(reg(c.Reg, zone.KindSharedRegionSize))
			switch low, high := within(st, &lo, &hi, &floor, &ceiling); {
			case low:
				return "Lower bound must be at least 0", false
			case high:
				return "Upper bound must be at most " + sizeText(c.Reg, zone.KindSharedRegionSize), false
			}
			if !st.entails(zone.Gt(zone.V(reg(c.Reg, zone.KindUValue)), zone.Const(0))) {
				return "Possible null access", false
			}
		default:
			return "Only stack, packet, or shared can be used as a parameter", false
		}
	}
	return "", true
}

func boundText(n zone.Int, infinite string) string {
	if n.IsInf() || !fitsInt32(n) {
		return infinite
	}
	return n.String()
}

// arrayMap reports whether r is surely an array.
func (p *program) arrayMap(st *state, r isa.Reg) bool {
	t, ok := p.mapType(st, r)
	return ok && p.in.Platform.MapType(t).Array
}

// checkArrayKey checks, where strictness is asked for, that a key on the stack is
// an index of the array.
func (p *program) checkArrayKey(st *state, c *cfg.Check, off zone.Interval) (msg string, ok bool) {
	if !p.arrayMap(st, c.Other) {
		return "", true
	}
	n, single := off.Singleton()
	if !single {
		return "Pointer must be a singleton", false
	}
	entries := p.mapRange(st, c.Other, maxEntries)
	if entries.Lo.IsInf() {
		return "Max entries is not finite", false
	}
	id, known := p.tab.Lookup(int(n.Int64()), 4)
	if !known {
		return "Array index overflow", false
	}
	key := zone.V(id.Var(zone.KindSValue))
	if !st.entails(zone.Lt(key, zone.ConstInt(entries.Lo))) {
		return "Array index overflow", false
	}
	if !st.entails(zone.Geq(key, zone.Const(0))) {
		return "Array index underflow", false
	}
	return "", true
}
