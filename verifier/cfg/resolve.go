package cfg

import (
	"errors"
	"strconv"

	"bpfls/isa"
	"bpfls/platform"
)

// resolve makes the contract of a call. The error's text is the reason why the
// program is rejected; it is a *platform.HelperError where the platform refuses
// the helper.
func resolve(p *platform.Platform, t *platform.ProgramType, kind CallKind, id int32, module int16) (*Contract, error) {
	var h *platform.Helper
	switch kind {
	case HelperCall:
		found, err := p.Helper(id, t)
		if err != nil {
			return nil, err
		}
		h = found
	case BuiltinCall:
		found, err := p.BuiltinByID(id)
		if err != nil {
			return nil, err
		}
		h = found
	case KfuncCall:
		found, err := p.KfuncByID(id, module, t)
		if err != nil {
			return nil, err
		}
		h = &found.Helper
	}
	c := &Contract{
		Kind: kind, ID: id, Module: module, Name: h.Name, AllocSize: NoReg, Prototype: h,
		ReallocatesPacket: h.ReallocatesPacket,
		MapLookup:         h.Return == platform.RetPtrToMapValueOrNull,
		TailCall:          kind == HelperCall && h.Return == platform.RetIntegerOrNoReturn,
	}
	if c.Name == "" {
		c.Name = strconv.Itoa(int(id))
	}
	words := &helperWords
	if kind == KfuncCall {
		words = &kfuncWords
	} else {
		c.ZeroArgs, c.AllowedMapTypes = h.ZeroArgs, h.AllowedMapTypes
	}
	var ok bool
	if c.Return, c.ReturnNullable, ok = returned(h.Return); !ok {
		return nil, errors.New(words.returned + c.Name)
	}
	if h.SizeArg != 0 {
		if !c.sharedSize(h) {
			return nil, errors.New(words.argument + c.Name)
		}
		return c, nil
	}
	switch c.arguments(h) {
	case argUnavailable:
		return nil, errors.New(words.argument + c.Name)
	case argWithoutSize:
		return nil, errors.New(words.size + c.Name)
	}
	return c, nil
}

type refusalWords struct {
	returned, argument, size string
}

var helperWords = refusalWords{
	returned: "helper prototype is unavailable on this platform: ",
	argument: "helper argument type is unavailable on this platform: ",
	size:     "Pointer argument not followed by EBPF_ARGUMENT_TYPE_CONST_SIZE or EBPF_ARGUMENT_TYPE_CONST_SIZE_OR_ZERO: ",
}

var kfuncWords = refusalWords{
	returned: "kfunc return type is unsupported on this platform: ",
	argument: "kfunc argument type is unsupported on this platform: ",
	size:     "kfunc pointer argument not followed by EBPF_ARGUMENT_TYPE_CONST_SIZE or EBPF_ARGUMENT_TYPE_CONST_SIZE_OR_ZERO: ",
}

// returned returns the pointer type of a return type, 0 for numbers and map
// lookups; ok is false where it is not modelled.
func returned(r platform.RetType) (t TypeSet, nullable, ok bool) {
	switch r {
	case platform.RetInteger, platform.RetPtrToMapValueOrNull, platform.RetIntegerOrNoReturn:
		return 0, false, true
	case platform.RetPtrToSockCommonOrNull, platform.RetPtrToSocketOrNull, platform.RetPtrToTCPSocketOrNull:
		return TypeSocket, true, true
	case platform.RetPtrToAllocMemOrNull:
		return TypeAllocMem, true, true
	case platform.RetPtrToBTFIDOrNull, platform.RetPtrToMemOrBTFIDOrNull:
		return TypeBTFID, true, true
	case platform.RetPtrToBTFID, platform.RetPtrToMemOrBTFID:
		return TypeBTFID, false, true
	}
	return 0, false, false
}

// singleKinds maps argument types to kinds of single arguments, plus one.
var singleKinds = [...]ArgKind{
	platform.ArgAnything:             ArgAnything + 1,
	platform.ArgPtrToCtx:             ArgContext + 1,
	platform.ArgPtrToCtxOrNull:       ArgContext + 1,
	platform.ArgPtrToMap:             ArgMapFD + 1,
	platform.ArgConstPtrToMap:        ArgMapFD + 1,
	platform.ArgPtrToMapOfPrograms:   ArgMapFDPrograms + 1,
	platform.ArgPtrToMapKey:          ArgMapKey + 1,
	platform.ArgPtrToMapValue:        ArgMapValue + 1,
	platform.ArgPtrToUninitMapValue:  ArgMapValue + 1,
	platform.ArgPtrToStack:           ArgStack + 1,
	platform.ArgPtrToStackOrNull:     ArgStack + 1,
	platform.ArgPtrToFunc:            ArgFunc + 1,
	platform.ArgPtrToBTFIDSockCommon: ArgSocket + 1,
	platform.ArgPtrToSockCommon:      ArgSocket + 1,
	platform.ArgPtrToBTFID:           ArgBTFID + 1,
	platform.ArgPtrToPercpuBTFID:     ArgBTFID + 1,
	platform.ArgPtrToAllocMem:        ArgAllocMem + 1,
	platform.ArgPtrToSpinLock:        ArgSpinLock + 1,
	platform.ArgPtrToTimer:           ArgTimer + 1,
	platform.ArgConstAllocSizeOrZero: ArgSizeOrZero + 1,
	platform.ArgPtrToLong:            ArgWritableLong + 1,
	platform.ArgPtrToInt:             ArgWritableInt + 1,
}

func memoryArg(a platform.ArgType) (p Pair, ok bool) {
	switch a {
	case platform.ArgPtrToReadableMem, platform.ArgPtrToReadonlyMem:
		return Pair{}, true
	case platform.ArgPtrToReadableMemOrNull, platform.ArgPtrToReadonlyMemOrNull:
		return Pair{OrNull: true}, true
	case platform.ArgPtrToWritableMem:
		return Pair{Writable: true}, true
	case platform.ArgPtrToWritableMemOrNull:
		return Pair{Writable: true, OrNull: true}, true
	}
	return Pair{}, false
}

type argOutcome uint8

const (
	argsDone argOutcome = iota
	argUnavailable
	argWithoutSize
)

// arguments reads the arguments of a prototype, up to the first that does not
// matter.
func (c *Contract) arguments(h *platform.Helper) argOutcome {
	for i := 0; i < len(h.Args); i++ {
		a, reg := h.Args[i], isa.Reg(i+1)
		if a == platform.ArgDontCare {
			return argsDone
		}
		if a == platform.ArgConstSize || a == platform.ArgConstSizeOrZero {
			return argWithoutSize
		}
		if p, ok := memoryArg(a); ok {
			i++
			if i == len(h.Args) || h.Args[i] != platform.ArgConstSize && h.Args[i] != platform.ArgConstSizeOrZero {
				return argWithoutSize
			}
			p.Mem, p.Size, p.CanBeZero = reg, reg+1, h.Args[i] == platform.ArgConstSizeOrZero
			c.Pairs = append(c.Pairs, p)
			continue
		}
		if isOfMap(a) && !c.hasMap() {
			// A key or value of no map: PREVAIL's assertions stop it there.
			return argUnavailable
		}
		if !c.single(a, reg) {
			return argUnavailable
		}
	}
	return argsDone
}

// isOfMap tells whether an argument points to a key or value of the map argument
// before it.
func isOfMap(a platform.ArgType) bool {
	switch a {
	case platform.ArgPtrToMapKey, platform.ArgPtrToMapValue, platform.ArgPtrToUninitMapValue:
		return true
	}
	return false
}

// hasMap tells whether a map argument was read.
func (c *Contract) hasMap() bool {
	for _, a := range c.Singles {
		if a.Kind == ArgMapFD {
			return true
		}
	}
	return false
}

func (c *Contract) single(a platform.ArgType, reg isa.Reg) bool {
	if int(a) >= len(singleKinds) || singleKinds[a] == 0 {
		return false
	}
	orNull := a == platform.ArgPtrToCtxOrNull || a == platform.ArgPtrToStackOrNull
	c.Singles = append(c.Singles, Single{Kind: singleKinds[a] - 1, OrNull: orNull, Reg: reg})
	if a == platform.ArgConstAllocSizeOrZero {
		c.AllocSize = reg
	}
	return true
}

// sharedSize reads the arguments of a prototype in which one size belongs to
// every memory argument.
func (c *Contract) sharedSize(h *platform.Helper) bool {
	if int(h.SizeArg) > len(h.Args) {
		return false
	}
	size := isa.Reg(h.SizeArg)
	for i, a := range h.Args {
		reg := isa.Reg(i + 1)
		switch {
		case a == platform.ArgDontCare:
			return true
		case reg == size:
			continue
		}
		if isOfMap(a) && !c.hasMap() {
			return false
		}
		if p, ok := memoryArg(a); ok {
			p.Mem, p.Size, p.CanBeZero = reg, size, h.Args[size-1] == platform.ArgConstSizeOrZero
			c.Pairs = append(c.Pairs, p)
		} else if !c.single(a, reg) {
			return false
		}
	}
	return true
}

func (g *Graph) resolveHelper(id int32) (*Contract, []Check, bool) {
	for i := range g.Contracts {
		c := &g.Contracts[i]
		if c.Kind == HelperCall && c.ID == id {
			return c, g.callChecks(c), true
		}
	}
	c, err := resolve(g.in.Platform, g.in.Type, HelperCall, id, 0)
	if err != nil {
		return nil, nil, false
	}
	return c, g.callChecks(c), true
}

func (g *Graph) callChecks(c *Contract) []Check {
	m := maker{privileged: g.in.Type != nil && g.in.Type.Privileged, stackSize: int64(g.opt.StackSize)}
	m.call(c)
	return m.checks
}
