package repair

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bpfls/csource"
	"bpfls/explain"
	"bpfls/interp"
	"bpfls/isa"
	"bpfls/position"
)

// witnessRuns bounds the runs in search of a witness.
const witnessRuns = 4000

// witness looks for an input on which the program does what the check forbids, and
// makes it small. It returns nil where there is none, or none was found.
func (w *worker) witness(ctx context.Context) (*explain.Witness, string, error) {
	r := newRunner(w.s)
	if r == nil || !w.found || w.finding.Instruction >= len(r.program.Insts) {
		return nil, "", nil
	}
	e := r.explore(w.finding.Instruction)
	var hit *execution
	err := e.each(ctx, witnessRuns, func(x *execution) bool {
		if w.violates(x) {
			hit = x
		}
		return hit == nil
	})
	if err != nil || hit == nil {
		return nil, "", err
	}
	in, depends, err := w.shrink(ctx, e, hit.in)
	if err != nil {
		return nil, "", err
	}
	x, err := e.run(ctx, in)
	if err != nil || !w.violates(x) {
		return nil, "", err
	}
	out := &explain.Witness{Packet: in.Packet}
	if in.Packet == nil && w.s.Type.Context.HasPacket() {
		out.Packet = []byte{}
	}
	for _, m := range w.s.Object.Maps {
		if m.Global {
			continue
		}
		for _, entry := range in.Maps[m.FD] {
			if out.Maps == nil {
				out.Maps = map[string][]explain.MapEntry{}
			}
			out.Maps[m.Name] = append(out.Maps[m.Name], explain.MapEntry(entry))
		}
	}
	if !zeros(in.Context) || !w.s.Type.Context.HasPacket() {
		out.Context = w.contextInput(in)
	}
	return out, w.describe(x, depends), nil
}

// violates reports whether a run did what the finding's check forbids.
func (w *worker) violates(x *execution) bool {
	if w.finding.Code == "BPF-loop-bound" {
		return x.forever
	}
	if x.fault == nil || x.fault.Slot != w.finding.Instruction {
		return false
	}
	in := w.insts[x.fault.Slot]
	switch in.Kind {
	case isa.Call, isa.CallBuiltin, isa.CallBTF, isa.CallX:
		// A call has several arguments; the fault names one, or is the only failed check.
		if n := strings.Index(x.fault.Text, "argument "); n >= 0 {
			return strings.HasPrefix(x.fault.Text[n:], fmt.Sprintf("argument %d ", w.check.Reg))
		}
		open := 0
		for _, c := range w.s.Result.Checks(w.point) {
			if !c.Proven && !c.Unreachable && c.Root == nil {
				open++
			}
		}
		return open == 1
	}
	return true
}

// What a witness depends on besides context and packet.
const (
	onNothing = iota // maps may be empty
	onMaps           // on entries of maps
	onChance         // on what helpers return
)

// ethernetHeader is the size of an Ethernet header, in bytes.
const ethernetHeader = 14

// shrink makes an input smaller while the program still violates the check, and says
// what else it depends on.
func (w *worker) shrink(ctx context.Context, e *explorer, in interp.Input) (interp.Input, int, error) {
	var failed error
	holds := func(in interp.Input, seeds uint64) bool {
		for s := range seeds {
			if s > 0 {
				in.Seed = s
			}
			x, err := e.run(ctx, in)
			if err != nil {
				failed = err
				return false
			}
			if !w.violates(x) {
				return false
			}
		}
		return true
	}
	const seeds = 6
	depends := onChance
	empty := in
	empty.Maps, empty.Closed = e.globals, true
	if holds(empty, seeds) {
		in, depends = empty, onNothing
	} else if x, err := e.run(ctx, in); err == nil {
		full := in
		full.Maps, full.Closed = map[int][]interp.Entry{}, true
		for fd, entries := range e.globals {
			full.Maps[fd] = entries
		}
		for _, m := range e.program.Maps {
			begin, _ := x.machine.Entries(m.FD)
			if len(begin) > 0 && !m.Global {
				full.Maps[m.FD] = begin
			}
		}
		if holds(full, seeds) {
			in, depends = full, onMaps
		}
	}
	n := uint64(1)
	if depends != onChance {
		n = 2
	}
	in.Meta = nil
	// The packet: shorter, then with fewer bytes that are not zero. Where that is enough
	// it keeps an Ethernet header: BPF_PROG_TEST_RUN of Linux takes no shorter one.
	shortest := 0
	if w.s.Platform.Name == "linux" && w.s.Type.Context.HasPacket() {
		next := in
		next.Packet = append(slices.Clone(in.Packet), make([]byte, max(0, ethernetHeader-len(in.Packet)))...)
		if holds(next, n) {
			in, shortest = next, ethernetHeader
		}
	}
	for step := len(in.Packet); step > 0; step /= 2 {
		for len(in.Packet)-step >= shortest {
			next := in
			next.Packet = in.Packet[:len(in.Packet)-step]
			if !holds(next, n) {
				break
			}
			in = next
		}
	}
	for _, field := range []func(*interp.Input) *[]byte{
		func(in *interp.Input) *[]byte { return &in.Packet }, func(in *interp.Input) *[]byte { return &in.Context },
	} {
		next := in
		if b := field(&next); len(*b) > 0 {
			*b = make([]byte, len(*b))
			if holds(next, n) {
				in = next
				continue
			}
		}
		for i, v := range *field(&in) {
			if v == 0 {
				continue
			}
			next := in
			b := slices.Clone(*field(&in))
			b[i] = 0
			*field(&next) = b
			if holds(next, n) {
				in = next
			}
		}
	}
	if depends == onMaps {
		for fd, entries := range in.Maps {
			for i := len(entries) - 1; i >= 0; i-- {
				for _, value := range [][]byte{nil, make([]byte, len(entries[i].Value))} {
					next := in
					next.Maps = map[int][]interp.Entry{}
					for k, v := range in.Maps {
						next.Maps[k] = v
					}
					kept := slices.Delete(slices.Clone(entries), i, i+1)
					if value != nil {
						kept = slices.Insert(kept, i, interp.Entry{Key: entries[i].Key, Value: value})
					}
					next.Maps[fd] = kept
					if _, global := e.globals[fd]; !global && holds(next, n) {
						in, entries = next, kept
						break
					}
				}
			}
		}
	}
	return in, depends, failed
}

// contextInput is the context as BPF_PROG_TEST_RUN takes it: offsets instead of pointers.
func (w *worker) contextInput(in interp.Input) []byte {
	c := w.s.Type.Context
	b := make([]byte, c.Size)
	copy(b, in.Context)
	if c.HasPacket() {
		width := max(c.End-c.Data, c.Data-c.End)
		for _, at := range []int{c.Data, c.Meta, c.End} {
			if at >= 0 && at+width <= len(b) {
				clear(b[at : at+width])
			}
		}
		if c.End+width <= len(b) && w.s.Platform.Name == "linux" {
			put(b[c.End:c.End+min(width, 8)], uint64(len(in.Packet)), w.s.Object.BigEndian())
		}
	}
	return b
}

func zeros(b []byte) bool { return !slices.ContainsFunc(b, func(c byte) bool { return c != 0 }) }

// describe says in one sentence which input runs into the violation.
func (w *worker) describe(x *execution, depends int) string {
	var what string
	c := w.s.Type.Context
	var fields []string
	seen := map[place]bool{}
	for _, l := range x.trace.loads {
		b := x.in.Packet
		if l.place.context {
			b = x.in.Context
			if pointer := l.place.offset; c.HasPacket() && (pointer == c.Data || pointer == c.End || pointer == c.Meta) {
				continue
			}
		}
		if seen[l.place] || l.place.offset < 0 || l.place.offset+l.place.width > len(b) || len(fields) >= 4 {
			continue
		}
		seen[l.place] = true
		bytes := b[l.place.offset : l.place.offset+l.place.width]
		if zeros(bytes) && !w.decides(x, l) {
			continue
		}
		fields = append(fields, w.fieldName(l)+" "+w.fieldValue(bytes, l.place.context))
	}
	switch {
	case c.HasPacket() && strings.HasPrefix(w.startField(), "data"):
		what = "a packet of " + plural(len(x.in.Packet), "byte")
	case c.HasPacket() && len(x.in.Packet) > 0:
		what = fmt.Sprintf("a call with %s at %s", plural(len(x.in.Packet), "byte"), w.startField())
	case len(fields) > 0:
		what = "a call"
	default:
		what = "every call"
	}
	if len(fields) > 0 {
		what += " with " + list(fields)
	}
	switch depends {
	case onMaps:
		what += ", with entries in the maps as given,"
	case onChance:
		what += ", where helpers return what makes it so,"
	default:
		for _, l := range x.trace.lookups {
			if !l.found {
				what += ", where the maps are empty,"
				break
			}
		}
	}
	if x.forever {
		return what + " makes this loop run for ever"
	}
	// What the interpreter says is about the program, or says itself what it is about.
	for _, subject := range []string{"argument ", "a helper ", "there ", "r6 ", "unknown "} {
		if strings.HasPrefix(x.fault.Text, subject) {
			return what + " runs into it: " + x.fault.Text
		}
	}
	return what + " runs into it: the program " + x.fault.Text
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// decides reports whether a value that is zero says something: it is what the access
// or a comparison is about. Only steps of a loop are.
func (w *worker) decides(x *execution, l load) bool { return x.forever }

func list(parts []string) string {
	if len(parts) == 1 {
		return parts[0]
	}
	return strings.Join(parts[:len(parts)-1], ", ") + " and " + parts[len(parts)-1]
}

// fieldName is what the source calls what an instruction loads: the last member, or
// the bytes of the packet.
func (w *worker) fieldName(l load) string {
	if l.place.context {
		for _, f := range w.s.Type.Context.Fields {
			if f.Offset == l.place.offset {
				return f.Name
			}
		}
	}
	otherwise := "byte " + strconv.Itoa(l.place.offset)
	if l.place.width > 1 {
		otherwise = fmt.Sprintf("bytes %d to %d", l.place.offset, l.place.offset+l.place.width-1)
	}
	if l.place.context {
		otherwise += " of the context"
	}
	info, ok := w.s.Program.Line(l.slot)
	if !ok || info.Line == 0 || info.Column == 0 {
		return otherwise
	}
	path := info.File
	if w.s.Path != nil {
		path = w.s.Path(path)
	}
	f := w.source(path)
	if f == nil {
		return otherwise
	}
	at := f.Offset(position.Point{Line: info.Line, Column: info.Column})
	t := f.At(at, at)
	if !t.OK() {
		return otherwise
	}
	if f.IsIdent(t.First) && f.Is(t.First-1, "->", ".") {
		return f.Str(t.First)
	}
	e := csource.Span{First: t.First, Last: f.PostfixEnd(t.First)}
	if f.Is(t.First, "*") {
		e.Last = f.UnaryEnd(t.First)
	}
	if text := f.TextOf(e); e.Last > e.First && !f.Is(e.Last, ")") && len(text) <= 24 && !strings.Contains(text, "\n") {
		return text
	}
	return otherwise
}

// fieldValue shows a number of the packet as it is on the wire, one of the context as
// the machine reads it.
func (w *worker) fieldValue(b []byte, context bool) string {
	v := uint64(0)
	for i := range b {
		at := i
		if context && !w.s.Object.BigEndian() {
			at = len(b) - 1 - i
		}
		v = v<<8 | uint64(b[at])
	}
	if len(b) == 1 || context {
		return strconv.FormatUint(v, 10)
	}
	return fmt.Sprintf("0x%0*x", 2*len(b), v)
}
