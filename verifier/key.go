package verifier

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"math"
	"slices"

	"bpfls/isa"
	"bpfls/platform"
)

// Key identifies what a Result depends on: inputs with equal keys have equal results.
// It is of no use beyond the process that made it, as it does not name the version of
// the verifier.
type Key [sha256.Size]byte

// KeyOf returns the key of a run. It is made of the instructions, the definitions of
// the maps that the program can get hold of, the program type with the layout of its
// context, the prototypes of what the program calls, and the options. Not in it are the
// names of maps and types, and the descriptors of maps but for their differences: if a
// map is added to an object, programs that do not use it keep their results. What line
// information says is no input of the verifier.
func KeyOf(in Input, opt Options) Key {
	k := keyWriter{h: sha256.New()}
	k.bool(in.Platform == nil)
	k.bool(in.Type == nil)
	if in.Platform == nil || in.Type == nil {
		return k.sum()
	}
	base, maps := reachableMaps(&in)
	k.code(&in, base)
	k.int(int64(len(maps)))
	for _, m := range maps {
		k.int(int64(m.FD - base))
		inner := int64(m.InnerFD)
		if m.InnerFD >= 0 {
			inner -= int64(base)
		}
		k.int(inner)
		k.int(int64(m.Type))
		k.int(int64(m.KeySize))
		k.int(int64(m.ValueSize))
		k.int(int64(m.MaxEntries))
		k.bool(m.Template)
		k.bool(m.Global)
		t := in.Platform.MapType(m.Type)
		k.bool(t.Array)
		k.int(int64(t.Value))
	}
	k.context(in.Type)
	k.platform(in.Platform)
	k.bool(in.BigEndian)

	k.int(int64(opt.Termination))
	k.int(int64(opt.Limits.Nodes))
	k.int(int64(opt.Limits.Visits))
	k.int(int64(opt.Limits.Edges))
	k.int(int64(opt.Limits.Bytes))
	k.bool(opt.ContinueAfterFailure)
	k.bool(opt.VerdictOnly)
	for _, a := range opt.Assume {
		if a.Premise != nil {
			k.string(fmt.Sprint(*a.Premise))
		}
		a.Premise = nil
		k.string(fmt.Sprint(a))
	}
	return k.sum()
}

// For returns r as the result of in, an input with the same key as that of r: they may
// differ in the numbers of map descriptors.
func (r *Result) For(in Input) *Result {
	if r.analysis == nil {
		return r
	}
	base, _ := reachableMaps(&in)
	own, _ := reachableMaps(&r.analysis.in)
	if base-own == r.mapShift {
		return r
	}
	c := *r
	c.mapShift = base - own
	return &c
}

// reachableMaps returns the maps whose descriptors the program can compute with: a
// register that holds one of several maps stands for all descriptors between. base is
// what the descriptors are counted from: the least of them, or 0 where their own
// numbers show, because some have no map or the program names maps by index.
func reachableMaps(in *Input) (base int, maps []*platform.Map) {
	lo, hi := math.MaxInt, math.MinInt
	add := func(fd int) { lo, hi = min(lo, fd), max(hi, fd) }
	absolute := false
	for i := 0; i < len(in.Code); i++ {
		s := &in.Code[i]
		if s.Op != isa.OpLDDW {
			continue
		}
		switch s.Src {
		case isa.SrcMapFD, isa.SrcMapValue:
			add(int(s.Imm))
		case isa.SrcMapIndex, isa.SrcMapIdxAddr:
			absolute = true
		}
		i++
	}
	if absolute {
		for i := range in.Maps {
			add(in.Maps[i].FD)
		}
	}
	for n := -1; n != len(maps); {
		n = len(maps)
		maps = maps[:0]
		for i := range in.Maps {
			if m := &in.Maps[i]; m.FD >= lo && m.FD <= hi {
				maps = append(maps, m)
				if m.InnerFD >= 0 {
					add(m.InnerFD)
				}
			}
		}
	}
	if len(maps) == 0 {
		return 0, nil
	}
	if !absolute {
		slices.SortStableFunc(maps, func(a, b *platform.Map) int { return a.FD - b.FD })
		next := lo
		for _, m := range maps {
			if m.FD > next {
				absolute = true // there is no map next
			}
			next = max(next, m.FD+1)
		}
		absolute = absolute || next != hi+1
	}
	if absolute {
		return 0, maps
	}
	return lo, maps
}

// keyWriter writes values to a hash, each so that it cannot be taken for others.
type keyWriter struct {
	h   hash.Hash
	buf []byte
}

func (k *keyWriter) flush() {
	k.h.Write(k.buf)
	k.buf = k.buf[:0]
}

func (k *keyWriter) sum() (key Key) {
	k.flush()
	k.h.Sum(key[:0])
	return key
}

func (k *keyWriter) int(n int64) {
	k.buf = binary.AppendVarint(k.buf, n)
	if len(k.buf) > 4096 {
		k.flush()
	}
}

func (k *keyWriter) bool(b bool) {
	if b {
		k.int(1)
	} else {
		k.int(0)
	}
}

func (k *keyWriter) string(s string) {
	k.int(int64(len(s)))
	k.buf = append(k.buf, s...)
}

// code writes the instructions and what they call.
func (k *keyWriter) code(in *Input, base int) {
	k.int(int64(len(in.Code)))
	callx := false
	called := map[isa.Slot]bool{}
	for i := 0; i < len(in.Code); i++ {
		s := in.Code[i]
		wide := s.Op == isa.OpLDDW
		if wide && (s.Src == isa.SrcMapFD || s.Src == isa.SrcMapValue) {
			s.Imm -= int32(base)
		}
		k.slot(s)
		switch {
		case wide && i+1 < len(in.Code):
			i++
			k.slot(in.Code[i])
		case s.Op == isa.OpCallX:
			callx = true
		case s.Op == isa.OpCall && s.Src != isa.SrcLocal && !called[s]:
			called[s] = true
			k.prototype(in, &s)
		}
	}
	if callx {
		// It may call any helper.
		for i := range in.Platform.General {
			k.helper(&in.Platform.General[i], in.Type)
		}
		for i := range in.Type.Helpers {
			k.helper(&in.Type.Helpers[i], in.Type)
		}
		k.bool(in.Type.HelpersFirst)
	}
}

func (k *keyWriter) slot(s isa.Slot) {
	var b [8]byte
	b[0], b[1], b[2] = s.Op, byte(s.Dst), byte(s.Src)
	binary.LittleEndian.PutUint16(b[3:], uint16(s.Off))
	k.buf = append(k.buf, b[:5]...)
	k.int(int64(s.Imm))
}

// prototype writes what is called, or why it may not be called.
func (k *keyWriter) prototype(in *Input, s *isa.Slot) {
	var h *platform.Helper
	var err error
	switch s.Src {
	case isa.SrcBuiltin:
		h, err = in.Platform.BuiltinByID(s.Imm)
	case isa.SrcKfunc:
		var f *platform.Kfunc
		if f, err = in.Platform.KfuncByID(s.Imm, s.Off, in.Type); err == nil {
			h = &f.Helper
			k.bool(f.Privileged)
			k.bool(f.Releases)
		}
	default:
		h, err = in.Platform.Helper(s.Imm, in.Type)
	}
	if err != nil {
		k.string(err.Error())
		return
	}
	k.helper(h, in.Type)
}

func (k *keyWriter) helper(h *platform.Helper, t *platform.ProgramType) {
	k.int(int64(h.ID))
	k.string(h.Name)
	k.int(int64(h.Return))
	for _, a := range h.Args {
		k.int(int64(a))
	}
	k.bool(h.ReallocatesPacket)
	k.int(int64(h.Acquires))
	k.int(int64(h.Releases))
	k.int(int64(h.ZeroArgs))
	k.bool(h.MightSleep)
	k.int(int64(h.AllowedMapTypes))
	k.bool(h.Unsupported)
	k.int(int64(h.SizeArg))
	k.bool(h.Context != nil)
	if c := t.Context; h.Context != nil && c != nil {
		k.bool(h.Context == c || h.Context == c.Replaces)
	}
	k.int(int64(len(h.Types)))
	for _, name := range h.Types {
		k.string(name)
	}
}

func (k *keyWriter) context(t *platform.ProgramType) {
	k.string(t.Name)
	k.bool(t.Privileged)
	k.bool(t.Sleepable)
	k.bool(t.Context != nil)
	if c := t.Context; c != nil {
		k.int(int64(c.Size))
		k.int(int64(c.Data))
		k.int(int64(c.End))
		k.int(int64(c.Meta))
		k.bool(c.UpperBound)
	}
}

func (k *keyWriter) platform(p *platform.Platform) {
	k.string(p.Name) // also stands for its functions
	o := &p.Options
	k.bool(o.Termination)
	k.int(int64(o.StackSize))
	k.int(int64(o.MaxFrames))
	k.int(int64(o.MaxPacketSize))
	k.bool(o.PacketAccess)
	k.bool(o.CallX)
	k.bool(o.NoDivisionByZero)
	k.bool(o.Strict)
	k.int(int64(p.SocketSize))
	k.int(int64(len(p.SocketFields)))
	for _, f := range p.SocketFields {
		k.int(int64(f.Offset))
		k.int(int64(f.Span))
		k.bool(f.Writable)
		k.int(int64(f.MaxWidth))
		k.bool(f.Narrow)
		k.int(int64(f.ExtraReadWidth))
	}
}
