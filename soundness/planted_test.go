package soundness

// plantedBug is a bug that TestPlantedBugs plants: in a file of the verifier a text,
// which stands there once, is replaced.
type plantedBug struct {
	name      string
	changelog string // the version of PREVAIL whose changelog names it, or ""
	file      string // below verifier/
	old, new  string
}

// planted are bugs that each make the verifier accept an unsafe program, or show a state
// that is not true, for some program. A widening that keeps too much is none of them: the
// ascending sequence ends only when the order says that the body adds nothing, so it does
// not end then, and the verdict is unknown. Nor is a zone that contradicts its potentials:
// its closure does not end.
var planted = []plantedBug{
	// Transfer functions.
	{"subtraction of a constant adds it", "", "transfer.go", "if imm = -imm; imm > math.MaxInt32", "if imm > math.MaxInt32"},
	{"right shift shifts left", "", "transfer.go", "z.LShrImm(s, u, count, width)", "z.ShlImm(s, u, count, width)"},
	{"32-bit results keep their upper half", "", "transfer.go", "if done || in.Is64 {", "if done || !done {"},
	{"calls keep r5", "", "transfer.go", "for r := isa.Reg(1); r <= 5; r++ {\n\t\tp.forgetReg(st, r)", "for r := isa.Reg(1); r <= 4; r++ {\n\t\tp.forgetReg(st, r)"},
	{"lookups never fail", "", "transfer.go", "\t\tlo = 0\n", "\t\tlo = 1\n"},
	{"fetches leave the register as it is", "", "transfer.go", "\t\tp.loadMem(st, in.Src, in.Dst, in.Off, in.Width, false)\n", ""},
	{"sign extension from twice the width", "", "transfer.go", "from := 8 << (op - isa.MovSX8)", "from := 16 << (op - isa.MovSX8)"},
	{"and with a negative constant bounds", "", "transfer.go", "if op == isa.And && int32(imm) > 0 {", "if op == isa.And && imm != 0 {"},
	{"loads never extend the sign", "", "transfer.go", "\t\tif in.Signed {\n\t\t\text :=", "\t\tif in.Signed && in.Width > 4 {\n\t\t\text :="},
	{"sums of packet pointers and numbers keep the old offset", "", "transfer.go", "k, ok := primaryKind(dt); ok {\n\t\t\t\t\tp.mutZone(st).Apply(zone.OpAdd", "k, ok := primaryKind(dt); ok && dt != TypePacket {\n\t\t\t\t\tp.mutZone(st).Apply(zone.OpAdd"},
	{"a packet that is moved leaves pointers to it", "", "transfer.go", "if c.ReallocatesPacket {", "if c.ReallocatesPacket && c.MapLookup {"},
	{"registers that a callee wrote survive its return", "", "transfer.go", "\tfor r := isa.Reg(6); r <= 9; r++ {\n\t\tp.forgetReg(st, r)\n\t}\n", ""},
	{"a call keeps the callee's stack", "", "transfer.go", "p.kill(st, 1<<zone.KindType, &at)\n\t\tif at.exact {\n\t\t\tp.mutStack(st).setBytes(at.off, at.size, false)\n\t\t}\n\t\tp.havocCells(st, zone.AllKinds, &at)", "_ = at"},
	{"numbers behind a pointer grow when it is moved back", "", "transfer.go", "if st.intersects(zone.Lt(zone.V(ss), zone.Const(0))) {", "if st.bottom() {"},
	{"loop counters stand still", "", "transfer.go", "p.mutZone(st).ApplySignedImm(zone.OpAdd, v, v, v, 1, 0)", "p.mutZone(st).ApplySignedImm(zone.OpAdd, v, v, v, 0, 0)"},
	{"a big-endian machine swaps the bytes of be16 too", "", "transfer.go", "swap = !p.in.BigEndian", "swap = true"},
	{"a helper's writes leave what the stack held", "", "transfer.go", "at, seen = p.place(st.interval(reg(a.Mem, zone.KindStackOffset)), width), true\n\t\t\tp.havocCells(st, zone.AllKinds, &at)", "at, seen = p.place(st.interval(reg(a.Mem, zone.KindStackOffset)), width), true"},

	// Memory.
	{"32-bit stores keep the whole signed value", "", "memory.go", "p.mutZone(st).OverflowBounds(v, width*8, true)", ""},
	{"a store keeps cells that it hits by one byte", "", "memory.go", "hit := c.end() > at.off && int(c.off) < at.off+at.size", "hit := c.end() > at.off+1 && int(c.off) < at.off+at.size"},
	{"a store of a pointer leaves numeric bytes numeric", "", "memory.go", "p.mutStack(st).setBytes(at.off, at.size, number)", "p.mutStack(st).setBytes(at.off, at.size, true)"},
	{"a pointer stored somewhere makes only the first bytes doubtful", "", "memory.go", "p.mutStack(st).setBytes(lo, hi-lo, false)", "p.mutStack(st).setBytes(lo, min(hi-lo, 8), false)"},
	{"a store somewhere keeps the cells it may hit", "", "memory.go", "r := at.idx.Join(at.idx.Add(at.width).Sub(zone.Single(1)))", "r := zone.SingleInt(at.idx.Lo)"},
	{"a load takes one byte behind the numbers for a number", "", "memory.go", "st.entails(zone.Leq(zone.Const(int64(width)), zone.V(reg(base, zone.KindStackNumericSize))))", "st.entails(zone.Leq(zone.Const(int64(width-1)), zone.V(reg(base, zone.KindStackNumericSize))))"},
	{"a pointer stored leaves the count of numbers at pointers to it", "", "memory.go", "\t\t\tif !number {\n\t\t\t\tp.mutZone(st).Havoc(size)\n\t\t\t}\n", ""},
	{"bytes of a number are taken from the wrong end on big-endian machines", "", "memory.go", "\tif p.in.BigEndian {\n\t\tat = width - 1 - at\n\t}\n", ""},
	{"numbers are put together from bytes in the wrong order on big-endian machines", "", "memory.go", "if p.in.BigEndian {\n\t\t\t\tword = word<<8 | uint64(b)\n\t\t\t} else {", "{"},

	// Checks.
	{"accesses may end one byte behind their region", "", "check.go", "!st.entails(zone.Leq(*hi, *ceiling))", "!st.entails(zone.Leq(hi.PlusConst(-1), *ceiling))"},
	{"accesses may start one byte before their region", "", "check.go", "if !st.entails(zone.Geq(*lo, *floor)) {", "if !st.entails(zone.Geq(lo.PlusConst(1), *floor)) {"},
	{"map values may be null", "", "check.go", "\t\tif !notNull() {\n\t\t\treturn \"Possible null access\", false\n\t\t}\n\tcase TypeSocket:", "\tcase TypeSocket:"},
	{"pointers may be added", "", "check.go", "return \"Only numbers can be added to pointers\", false", "return \"\", true"},
	{"pointers may be stored to map values", "", "check.go", "return \"Only numbers can be stored to externally-visible regions\", false", "return \"\", true"},
	{"values of maps are checked for the size of keys", "", "check.go", "what, size := \"value\", valueSize", "what, size := \"value\", keySize"},
	{"sizes may be zero", "", "check.go", "cond := zone.Gt(size, zero)", "cond := zone.Geq(size, zero)"},

	// Joins, order, widening, iteration.
	{"joins keep the numbers of one side", "", "product.go", "\tz.Join(b.z.Zone)\n", ""},
	{"joins keep intervals of types that both sides have", "", "product.go", "extra = saveBounds(extra, b, v, kindsOf(sb&^sa))", "extra = saveBounds(extra, b, v, kindsOf(sb))"},
	{"joins keep upper bounds of one side", "", "zone/lattice.go", "res.hi = maxInt(l.hi, r.hi)", "res.hi = l.hi"},
	{"joins keep the relations of one side", "", "zone/lattice.go", "sc.add(a[i].key, maxInt(a[i].w, b[j].w))", "sc.add(a[i].key, a[i].w)"},
	{"joins keep bytes that are numbers on one side", "", "stack.go", "\t\ts.nonNum[i] |= w\n", "\t\ts.nonNum[i] &= w\n"},
	{"joins keep the equal types of one side", "", "types.go", "for k < len(pairs) && pairs[k] != p {", "for k < len(pairs) && pairs[k].a != p.a {"},
	{"joins keep the types of one side", "", "types.go", "a.setOfClass(ca)|b.setOfClass(cb)", "a.setOfClass(ca)"},
	{"the order does not look at upper bounds", "", "zone/lattice.go", "z.nodes[at[i]].lo.Less(n.lo) || n.hi.Less(z.nodes[at[i]].hi)", "z.nodes[at[i]].lo.Less(n.lo)"},
	{"the order does not look at lower bounds", "", "zone/lattice.go", "z.nodes[at[i]].lo.Less(n.lo) || n.hi.Less(z.nodes[at[i]].hi)", "n.hi.Less(z.nodes[at[i]].hi)"},
	{"loops are left after two steps", "", "engine.go", "if r.leq(&next, &inv) {", "if n > 1 || r.leq(&next, &inv) {"},

	// Numbers and conditions.
	{"pointer >= pointer is taken for >", "", "transfer.go", "case isa.GE, isa.SGE:\n\t\treturn zone.Geq(l, r)", "case isa.GE, isa.SGE:\n\t\treturn zone.Gt(l, r)"},
	{"signed <= of registers is taken for <", "", "zone/assume.go", "q.add(order(op == isa.SLT || op == isa.SLE, op == isa.SLT || op == isa.SGT, V(s), V(ss)))", "q.add(order(op == isa.SLT || op == isa.SLE, op != isa.SGE, V(s), V(ss)))"},
	{"equality with a negative number makes both views equal", "", "zone/assume.go", "if r.Leq(NonNegativeRange(64)) && !r.isSingle() {", "if !r.isSingle() {"},
	{"inequality trims two numbers", "", "zone/constrain.go", "return mk(n.Add(One), i.Hi)", "return mk(n.Add(One).Add(One), i.Hi)"},
	{"sums that wrap in the middle keep their ends", "", "zone/finite.go", "\tif w.IsEmpty() {\n\t\treturn Top()\n\t}\n\treturn w\n", "\tif w.IsEmpty() {\n\t\treturn Interval{w.Hi, w.Lo}\n\t}\n\treturn w\n"},
	{"left shift keeps bits that are shifted out", "", "zone/finite.go", "if lost := width - n; lost < 64 && lo>>lost != hi>>lost {", "if lost := width - n; lost < 0 {"},
	{"32-bit arithmetic right shift fills with zeros", "", "zone/finite.go", "l, h := int32(r.Lo.lo)>>sh, int32(r.Hi.lo)>>sh", "l, h := uint32(r.Lo.lo)>>sh, uint32(r.Hi.lo)>>sh"},
	{"remainders are below the least divisor", "", "zone/interval.go", "return mk(Zero, FromUint64(x.Hi.lo).Sub(One))", "return mk(Zero, FromUint64(x.Lo.lo).Sub(One))"},
	{"or is at most the greater operand", "", "zone/interval.go", "maxInt(i.Hi, x.Hi).fillOnes()", "maxInt(i.Hi, x.Hi)"},
	{"relations to a register that a constant is added to stay", "", "zone/assign.go", "\t\t\tw = w.Add(k)\n", ""},
	{"a copy plus a constant has the bounds of what it is a copy of", "", "zone/assign.go", "z.assignSum(v, e.t[0].v, e.k, r)", "z.assignSum(v, e.t[0].v, e.k, z.Interval(e.t[0].v))"},

	// What PREVAIL's changelog names between 0.2.4 and 0.2.6.
	{"a sign-extending move of 32 bits that changes nothing is not cut", "0.2.6", "transfer.go", "if in.Is64 && dst == src && st.interval(ds)", "if dst == src && st.interval(ds)"},
	{"32-bit signed comparisons restrict 64 bits", "0.2.6", "zone/assume.go", "ls, rs := c.z.Interval(c.s), c.z.Eval(c.rs)\n\tint32s", "ls, rs := p.left, p.right\n\tint32s"},
	{"32-bit unsigned comparisons restrict 64 bits", "0.2.6", "zone/assume.go", "lu, ru := c.z.Interval(c.u), c.z.Eval(c.ru)", "lu, ru := c.z.Interval(c.u).ZeroExtend(32), c.z.Eval(c.ru).ZeroExtend(32)"},
	{"loads of a part of a context pointer give a number", "0.2.6", "transfer.go", "read := i.Add(zone.Range(0, int64(width-1)))", "read := i"},
	{"an unset register leaves the stack cell that it is stored to", "0.2.6", "memory.go", "\tat := p.placeN(st.eval(addr), width)\n\tp.kill(st, 1<<zone.KindType, &at)\n\tif at.exact {", "\tif val.isReg && !st.t.initialized(zone.RegSlot(val.reg)) {\n\t\treturn\n\t}\n\tat := p.placeN(st.eval(addr), width)\n\tp.kill(st, 1<<zone.KindType, &at)\n\tif at.exact {"},
	{"a meet of satisfiable relations is bottom", "0.2.6", "zone/lattice.go", "for range len(z.nodes) + 2 {", "for range 1 {"},
	{"loops of a callee have no way back", "0.2.6", "cfg/inline.go", "\t\t\tdefault:\n\t\t\t\tbd.succ[i][k] = il.index[s]\n", "\t\t\tdefault:\n\t\t\t\tif bd.succ[i][k] = il.index[s]; il.index[s] <= int32(i) {\n\t\t\t\t\tbd.succ[i][k] = none\n\t\t\t\t}\n"},
	{"sign-extending loads have a small unsigned value", "0.2.6", "transfer.go", "\t\tz.Set(s, zone.SignedRange(width*8))\n\t\tz.Havoc(u)\n", "\t\tz.Set(s, zone.SignedRange(width*8))\n\t\tz.Set(u, zone.UnsignedRange(width*8))\n"},
	{"the result of a lookup keeps the value of the number before it", "0.2.6", "transfer.go", "\t\tp.havoc(st, r0, typedKinds)\n\t\tp.assignType(st, r0, TypeShared)\n", "\t\tp.assignType(st, r0, TypeShared)\n"},
	{"a copied pointer keeps the value of the number before it", "0.2.6", "product.go", "\td, s := zone.RegSlot(dst), zone.RegSlot(src)\n\tp.havoc(st, d, typedKinds)\n", "\td, s := zone.RegSlot(dst), zone.RegSlot(src)\n"},
	{"signed division by a range moves the dividend first", "0.2.6", "zone/interval.go", "\treturn corners(quoBound, i, x)\n", "\tif i.Hi.Sign() < 0 {\n\t\tif x.Hi.Sign() < 0 {\n\t\t\ti = i.Add(x).Add(Single(1))\n\t\t} else {\n\t\t\ti = i.Add(Single(1)).Sub(x)\n\t\t}\n\t}\n\treturn corners(quoBound, i, x)\n"},
	{"constants are stored without their sign", "0.2.6", "transfer.go", "u: zone.ConstUint(uint64(in.Imm))", "u: zone.ConstUint(uint64(uint32(in.Imm)))"},
	{"a helper's writes through a pointer of several types leave the stack", "0.2.6", "transfer.go", "onlyStack, seen := true, false\n", "if set := st.typeOf(a.Mem); set&(set-1) != 0 {\n\t\t\tcontinue\n\t\t}\n\t\tonlyStack, seen := true, false\n"},
	{"loads from sockets leave the register as it is", "0.2.6", "transfer.go", "case TypePacket, TypeShared, TypeAllocMem, TypeSocket, TypeBTFID:", "case TypePacket, TypeShared, TypeAllocMem, TypeBTFID:"},
	{"32-bit divisors are checked in 64 bits", "0.2.6", "check.go", "\tif !c.Is64 {\n\t\treturn st.interval(u)", "\tif st.bottom() {\n\t\treturn st.interval(u)"},
	{"quotients of a negative divisor have the sign of the dividend", "", "zone/interval.go", "\t\tlo, _ := quoBound(i.Hi, c)\n\t\thi, _ := quoBound(i.Lo, c)\n", "\t\tlo, _ := quoBound(i.Lo, c.Neg())\n\t\thi, _ := quoBound(i.Hi, c.Neg())\n"},
	{"pointers of the context may be overwritten", "0.2.4", "check.go", "return \"Cannot write to context pointer field\", false", "continue"},
	{"a constant added to a pointer or number leaves the pointer's offset", "0.2.4", "transfer.go", "\t\t\t// Perhaps a pointer: where it points to now is not computed.\n\t\t\tp.havoc(st, v, zone.OffsetKinds)\n", ""},
	{"a constant added to one of several pointers leaves their offsets", "0.2.4", "transfer.go", "\t\t\tp.mutZone(st).ApplySignedImm(zone.OpAdd, x, x, x, imm, 0)\n\t\t} else {\n\t\t\tp.havoc(st, v, zone.OffsetKinds)\n\t\t}\n", "\t\t\tp.mutZone(st).ApplySignedImm(zone.OpAdd, x, x, x, imm, 0)\n\t\t}\n"},
	{"a register taken from one of several pointers leaves their offsets", "0.2.4", "transfer.go", "\t\t\tp.mutZone(st).ApplySigned(zone.OpSub, x, x, x, ss, 0)\n\t\t} else {\n\t\t\tp.havoc(st, d, zone.OffsetKinds)\n\t\t}\n", "\t\t\tp.mutZone(st).ApplySigned(zone.OpSub, x, x, x, ss, 0)\n\t\t}\n"},
	{"32-bit sums of pointers stay pointers", "0.2.4", "transfer.go", "\t} else {\n\t\tp.forgetReg(st, r)\n\t}\n}\n\n// binaryImm", "\t}\n}\n\n// binaryImm"},
}

// impossible are the soundness fixes of that changelog that are not planted.
var impossible = []struct{ entry, why string }{
	{"0.2.6, equalities in the order of types", "the head of a loop takes what its body gave, not what that was compared with, and is looked at once more: an equality that does not hold is gone then, and the checks that need it fail"},
	{"0.2.6, width argument in the weak type-store havoc", "it marked more bytes than it had to, which is sound; the bug the other way round is planted"},
	{"0.2.6, sign of an infinite bound in signed division", "operands of a division are words of 32 or 64 bits here: no bound is infinite (Zone.word)"},
	{"0.2.5, queries of numeric bytes outside the stack window", "what is asked for is cut to the stack first (program.clip), and an empty range is no proof"},
	{"0.2.5, map key and value widths out of range", "bounds are 128-bit integers here: no width overflows"},
	{"0.2.5, bounds of quotients of a negative divisor swapped", "a range whose ends are swapped is empty here, and a transfer function that leads to bottom ends in unknown; a wrong sign is planted"},
	{"0.2.5, undefined left shift by zero", "shifts by the width or more are defined in Go"},
	{"0.2.6, direct socket reads hidden by stale facts", "the hiding is the bug of stale values, which is planted for results and copies"},
}
