package interp

import (
	"bytes"
	"slices"

	"bpfls/isa"
	"bpfls/platform"
)

// mapState is a map's content: entries by key, each a region that stays where it
// is while the run lasts.
type mapState struct {
	def     platform.Map
	handle  *Region
	values  map[string]*Region
	order   []string // keys in the order of their making
	begin   []Entry  // what entries began with, in that order
	isArray bool
}

func (m *Machine) mapByFD(fd int) *mapState {
	if s := m.maps[fd]; s != nil {
		return s
	}
	for _, def := range m.Maps {
		if def.FD != fd {
			continue
		}
		s := &mapState{def: def, values: make(map[string]*Region)}
		s.handle = &Region{Kind: MapFD, Base: m.next, Map: fd}
		m.next += 4096
		s.isArray = m.Platform.MapType(def.Type).Array || def.Global
		m.maps[fd] = s
		for _, e := range m.initial[fd] {
			if len(e.Key) == int(def.KeySize) && len(e.Value) == int(def.ValueSize) && s.values[string(e.Key)] == nil {
				m.insert(s, string(e.Key), e.Value)
			}
		}
		return s
	}
	return nil
}

func (m *Machine) mapRegion(fd int) *Region {
	if s := m.mapByFD(fd); s != nil {
		return s.handle
	}
	return &Region{Kind: MapFD, Base: m.next, Map: fd}
}

// mapValue is the memory of a data section's map.
func (m *Machine) mapValue(fd int) (*Region, error) {
	s := m.mapByFD(fd)
	if s == nil {
		return nil, m.fault("there is no map %d", fd)
	}
	return m.value(s, string(make([]byte, s.def.KeySize)), true), nil
}

// value finds an entry, making it where wanted with arbitrary content.
func (m *Machine) value(s *mapState, key string, create bool) *Region {
	if r := s.values[key]; r != nil || !create {
		return r
	}
	value := make([]byte, s.def.ValueSize)
	if !m.closed {
		m.fill(value)
	}
	return m.insert(s, key, value)
}

// insert adds an entry.
func (m *Machine) insert(s *mapState, key string, value []byte) *Region {
	r := m.newRegion(Shared, len(value))
	copy(r.Data, value)
	s.values[key] = r
	s.order = append(s.order, key)
	s.begin = append(s.begin, Entry{[]byte(key), bytes.Clone(value)})
	return r
}

// Entries returns the entries of a map that the run used or made, in the order in
// which it did: what they began with, and what they hold now.
func (m *Machine) Entries(fd int) (begin, now []Entry) {
	s := m.maps[fd]
	if s == nil {
		return nil, nil
	}
	for _, key := range s.order {
		now = append(now, Entry{[]byte(key), bytes.Clone(s.values[key].Data)})
	}
	return slices.Clone(s.begin), now
}

// fill writes bytes that a program could not know; small numbers and the ends of
// the number ranges come up often.
func (m *Machine) fill(b []byte) {
	if m.random.IntN(3) == 0 {
		for i := range b {
			b[i] = 0
		}
	}
	for i := range b {
		switch m.random.IntN(4) {
		case 0:
			b[i] = byte(m.random.Uint32())
		case 1:
			b[i] = [...]byte{0, 1, 0x7f, 0x80, 0xff}[m.random.IntN(5)]
		}
	}
}

// anyNumber is what an integer-returning helper returns.
func (m *Machine) anyNumber() uint64 {
	switch m.random.IntN(6) {
	case 0:
		return uint64(m.random.IntN(4))
	case 1:
		return uint64(-int64(m.random.IntN(40)))
	case 2:
		return 1 << m.random.IntN(64)
	case 3:
		return 1<<m.random.IntN(64) - 1
	case 4:
		return uint64(m.random.Uint32())
	}
	return m.random.Uint64()
}

// call executes a helper or a builtin by its prototype.
func (m *Machine) call(id int32) error {
	if id < 0 {
		h, err := m.Platform.BuiltinByID(id)
		if err != nil {
			return m.fault("calls an unknown builtin: %v", err)
		}
		return m.callHelper(h)
	}
	h, err := m.Platform.Helper(id, m.Type)
	if err != nil {
		return m.fault("calls an unknown helper: %v", err)
	}
	return m.callHelper(h)
}

func (m *Machine) callKfunc(id int32, module int16) error {
	k, err := m.Platform.KfuncByID(id, module, m.Type)
	if err != nil {
		return m.fault("calls an unknown kernel function: %v", err)
	}
	return m.callHelper(&k.Helper)
}

// arguments is what the checks of a call's arguments found out.
type arguments struct {
	m      *mapState
	key    []byte
	value  Value
	hasMap bool
	writes []write
	alloc  uint64
}

// write is memory that a helper writes.
type write struct {
	at Value
	n  int
}

// callHelper checks the arguments against the prototype and has the effects that
// the prototype tells: it is any helper of that prototype, not the real one, but for
// maps, which behave as maps.
func (m *Machine) callHelper(h *platform.Helper) error {
	var args arguments
	for i := 0; i < len(h.Args); i++ {
		if h.Args[i] == platform.ArgDontCare {
			break
		}
		skip, err := m.argument(h, i, &args)
		if err != nil {
			return err
		}
		i += skip
	}
	for i := range 5 {
		if h.ZeroArgs&(1<<i) != 0 {
			if v, err := m.number(isa.Reg(i + 1)); err != nil || v != 0 {
				return m.fault("argument %d of %s must be zero", i+1, h.Name)
			}
		}
	}
	for _, w := range args.writes {
		b := make([]byte, w.n)
		m.fill(b)
		r, at, err := m.locate(w.at, 0, w.n, true)
		if err != nil {
			return err
		}
		copy(r.Data[at:], b)
		r.wrote(at, w.n)
	}
	result := m.result(h, &args)
	if h.ReallocatesPacket && m.Packet != nil {
		m.movePacket()
	}
	m.clobber()
	m.Regs[0] = result
	return nil
}

// movePacket does what a helper that reallocates the packet may do: it has another
// place and another size.
func (m *Machine) movePacket() {
	old := m.Packet
	data := make([]byte, m.random.IntN(len(old.Data)+64))
	copy(data, old.Data[old.Headroom:])
	meta := make([]byte, old.Headroom)
	m.setPacket(data, meta)
}

// words says what a value is.
func (m *Machine) words(v Value) string {
	if v.Kind() == MapFD {
		if s := m.mapByFD(v.Region.Map); s != nil && s.def.Name != "" {
			return "the map " + s.def.Name
		}
	}
	return kindWords[v.Kind()]
}

// argument checks argument i and says how many further arguments belong to it.
func (m *Machine) argument(h *platform.Helper, i int, args *arguments) (skip int, err error) {
	reg := isa.Reg(i + 1)
	v := m.Regs[reg]
	if !v.Set && !(h.Args[i] == platform.ArgAnything && m.Type.Privileged) {
		return 0, m.fault("argument %d of %s was never written", i+1, h.Name)
	}
	null := v.IsNull()
	wrong := func(want string) (int, error) {
		return 0, m.fault("argument %d of %s must be %s; it is %s", i+1, h.Name, want, m.words(v))
	}
	switch t := h.Args[i]; t {
	case platform.ArgAnything:
		if v.Region != nil && !m.Type.Privileged {
			return wrong("a number")
		}
	case platform.ArgPtrToMap, platform.ArgConstPtrToMap, platform.ArgPtrToMapOfPrograms:
		if v.Kind() != MapFD {
			return wrong("a map")
		}
		args.m, args.hasMap = m.mapByFD(v.Region.Map), true
		if args.m == nil {
			return wrong("a map of this program")
		}
		programs := m.Platform.MapType(args.m.def.Type).Value == platform.ValueProgram
		if programs != (t == platform.ArgPtrToMapOfPrograms) {
			return wrong("a map of programs")
		}
	case platform.ArgPtrToMapKey, platform.ArgPtrToMapValue, platform.ArgPtrToUninitMapValue:
		if args.m == nil {
			return wrong("behind a map")
		}
		n := int(args.m.def.ValueSize)
		if t == platform.ArgPtrToMapKey {
			n = int(args.m.def.KeySize)
		}
		b, err := m.readable(v, n)
		if err != nil {
			return 0, err
		}
		if t == platform.ArgPtrToMapKey {
			args.key = b
		} else {
			args.value = v
		}
	case platform.ArgPtrToCtx:
		if v.Kind() != Context || v.Offset() != 0 {
			return wrong("the context")
		}
	case platform.ArgPtrToCtxOrNull:
		if !null && (v.Kind() != Context || v.Offset() != 0) {
			return wrong("the context or null")
		}
	case platform.ArgPtrToStack:
		if v.Kind() != Stack {
			return wrong("a pointer to the stack")
		}
	case platform.ArgPtrToStackOrNull:
		if !null && v.Kind() != Stack {
			return wrong("a pointer to the stack or null")
		}
	case platform.ArgPtrToFunc:
		if v.Kind() != Code {
			return wrong("a function")
		}
	case platform.ArgPtrToReadableMem, platform.ArgPtrToReadonlyMem,
		platform.ArgPtrToReadableMemOrNull, platform.ArgPtrToReadonlyMemOrNull,
		platform.ArgPtrToWritableMem, platform.ArgPtrToWritableMemOrNull:
		if h.SizeArg != 0 {
			return 0, m.memoryArgument(h, i, int(h.SizeArg)-1, args)
		}
		return 1, m.memoryArgument(h, i, i+1, args)
	case platform.ArgConstSize, platform.ArgConstSizeOrZero:
		_, err := m.number(reg)
		return 0, err
	case platform.ArgPtrToLong:
		args.writes = append(args.writes, write{v, 8})
	case platform.ArgPtrToInt:
		args.writes = append(args.writes, write{v, 4})
	case platform.ArgConstAllocSizeOrZero:
		n, err := m.number(reg)
		if err != nil {
			return 0, err
		}
		args.alloc = n
	case platform.ArgPtrToAllocMem:
		if v.Kind() != AllocMem {
			return wrong("memory that a helper reserved")
		}
	case platform.ArgPtrToBTFIDSockCommon, platform.ArgPtrToSockCommon:
		if v.Kind() != Socket {
			return wrong("a socket")
		}
	case platform.ArgPtrToBTFID, platform.ArgPtrToPercpuBTFID:
		if v.Kind() != BTFObject {
			return wrong("a kernel object")
		}
	case platform.ArgPtrToSpinLock, platform.ArgPtrToTimer:
		if _, _, err := m.locate(v, 0, 1, true); err != nil {
			return 0, err
		}
	default:
		return 0, m.fault("argument %d of %s has a type that is not known here", i+1, h.Name)
	}
	return 0, nil
}

// memoryArgument checks a pointer, argument i, and the size of what it points to.
func (m *Machine) memoryArgument(h *platform.Helper, i, size int, args *arguments) error {
	v := m.Regs[i+1]
	if size >= len(h.Args) {
		return m.fault("argument %d of %s has no size", i+1, h.Name)
	}
	n, err := m.number(isa.Reg(size + 1))
	if err != nil {
		return err
	}
	t := h.Args[i]
	orNull := t == platform.ArgPtrToReadableMemOrNull || t == platform.ArgPtrToReadonlyMemOrNull || t == platform.ArgPtrToWritableMemOrNull
	if n == 0 {
		if h.Args[size] != platform.ArgConstSizeOrZero {
			return m.fault("argument %d of %s, a size, is zero", size+1, h.Name)
		}
	}
	if v.Region == nil || v.IsNull() {
		if v.IsNull() && orNull && n == 0 {
			return nil
		}
		return m.fault("argument %d of %s must be a pointer; it is a number", i+1, h.Name)
	}
	if n > 1<<30 {
		return m.fault("argument %d of %s, a size, is %d", size+1, h.Name, n)
	}
	if t == platform.ArgPtrToWritableMem || t == platform.ArgPtrToWritableMemOrNull {
		if _, _, err := m.locate(v, 0, int(n), true); err != nil {
			return err
		}
		args.writes = append(args.writes, write{v, int(n)})
		return nil
	}
	_, err = m.readable(v, int(n))
	return err
}

// readable gives n bytes that a helper reads: they must be initialised numbers.
func (m *Machine) readable(v Value, n int) ([]byte, error) {
	r, at, err := m.locate(v, 0, n, false)
	if err != nil {
		return nil, err
	}
	if r.Kind == Stack && !r.numeric(at, n) {
		return nil, m.fault("a helper reads %d bytes of the stack of which some were never written or are a pointer", n)
	}
	return r.Data[at : at+n], nil
}

// result has the effect of map helpers and gives r0.
func (m *Machine) result(h *platform.Helper, args *arguments) Value {
	switch h.Return {
	case platform.RetPtrToMapValueOrNull:
		return m.lookup(args)
	case platform.RetPtrToSockCommonOrNull, platform.RetPtrToSocketOrNull, platform.RetPtrToTCPSocketOrNull:
		if m.random.IntN(2) == 0 || m.Platform.SocketSize == 0 {
			return null(Socket, m.Platform.SocketSize)
		}
		r := m.newRegion(Socket, m.Platform.SocketSize)
		r.ReadOnly = true
		return Ptr(r, 0)
	case platform.RetPtrToAllocMemOrNull:
		if m.random.IntN(2) == 0 || args.alloc > 1<<20 {
			return null(AllocMem, int(min(args.alloc, 1<<62)))
		}
		return Ptr(m.newRegion(AllocMem, int(args.alloc)), 0)
	case platform.RetPtrToBTFIDOrNull, platform.RetPtrToMemOrBTFIDOrNull:
		if m.random.IntN(2) == 0 {
			return null(BTFObject, 0)
		}
		return Ptr(m.newRegion(BTFObject, 0), 0)
	case platform.RetPtrToBTFID, platform.RetPtrToMemOrBTFID:
		return Ptr(m.newRegion(BTFObject, 0), 0)
	}
	if args.hasMap && args.m != nil && args.key != nil {
		if args.value.Region != nil { // an update
			if r := m.value(args.m, string(args.key), args.m.isArray || m.random.IntN(4) != 0); r != nil {
				if src, at, err := m.locate(args.value, 0, len(r.Data), false); err == nil {
					copy(r.Data, src.Data[at:])
				}
			}
		}
		// Deletion keeps the region: pointers to it stay usable until the program
		// ends.
	}
	return Num(m.anyNumber())
}

// lookup finds a value of a map: in an array by index; in a hash sometimes.
func (m *Machine) lookup(args *arguments) Value {
	s := args.m
	if s == nil {
		return null(Shared, 0)
	}
	if s.def.InnerFD >= 0 && m.Platform.MapType(s.def.Type).Value == platform.ValueMap {
		if m.random.IntN(3) == 0 {
			v := null(MapFD, 0)
			v.Region.Map = s.def.InnerFD
			return v
		}
		return Ptr(m.mapRegion(s.def.InnerFD), 0)
	}
	none := null(Shared, int(s.def.ValueSize))
	key := string(args.key)
	create := m.random.IntN(3) != 0 && !m.closed
	if s.isArray {
		if len(args.key) < 4 {
			return none
		}
		create = m.get(args.key, 4) < uint64(s.def.MaxEntries)
		if !create {
			return none
		}
	}
	if r := m.value(s, key, create); r != nil {
		return Ptr(r, 0)
	}
	return none
}
