package verifier

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"

	"bpfls/isa"
	"bpfls/verifier/cfg"
	"bpfls/verifier/zone"
)

// analysis is what a Result keeps of its runs. Its states are read only; all that
// is computed later is computed under mu.
type analysis struct {
	run    *run // the run that gave the verdict
	in     Input
	limits Limits

	mu     sync.Mutex
	on     *run // the run that went on behind failures, once it is asked for
	index  []cfg.NodeID
	slotAt []int32 // index[slotAt[s]:slotAt[s+1]] are the nodes of slot s
}

// nodes returns the copies of an instruction, in label order.
func (a *analysis) nodes(slot int) []cfg.NodeID {
	g := a.run.g
	if a.slotAt == nil {
		at := make([]int32, g.Insts.Len()+2)
		for id := range cfg.NodeID(len(g.Nodes)) {
			if g.Kind(id) == cfg.Instruction {
				at[g.Slot(id)+2]++
			}
		}
		for i := 1; i < len(at); i++ {
			at[i] += at[i-1]
		}
		a.index = make([]cfg.NodeID, at[len(at)-1])
		for id := range cfg.NodeID(len(g.Nodes)) {
			if g.Kind(id) == cfg.Instruction {
				s := g.Slot(id) + 1
				a.index[at[s]] = id
				at[s]++
			}
		}
		a.slotAt = at[:len(at)-1]
	}
	if slot < 0 || slot+1 >= len(a.slotAt) {
		return nil
	}
	return a.index[a.slotAt[slot]:a.slotAt[slot+1]]
}

func (a *analysis) node(p Point) cfg.NodeID {
	for _, id := range a.nodes(p.Slot) {
		if slices.Equal(a.run.g.CallPath(id), p.CallPath) {
			return id
		}
	}
	return cfg.NoNode
}

// behind returns the run whose states are true of every execution: the verdict's
// run unless it found failures.
func (a *analysis) behind() *run {
	if a.run.failures == 0 || a.run.assuming {
		return a.run
	}
	if a.on == nil {
		a.goOn(func() bool { return false })
	}
	if a.on.stop != nil {
		return a.run
	}
	return a.on
}

// goOn makes the run that goes on behind failures, unless it is cancelled.
func (a *analysis) goOn(cancelled func() bool) {
	// It is for explanations, so it must not take long: where loops keep it from
	// ending soon, the verdict's run has to do.
	limits := a.limits
	limits.Visits = min(limits.Visits, 10_000+100*len(a.run.g.Nodes))
	r := newRun(a.in, a.run.g, limits, cancelled, a.run)
	r.assumptions = a.run.assumptions
	r.goOn()
	r.solve(r.entry())
	r.trim()
	if !cancelled() {
		a.on = r
	}
}

// Prepare does the work that the first question about a state behind a failure would
// need, so that it can be cancelled: an analysis that goes on behind failures. The error
// is that of the context. Nothing is done for programs without failures.
func (r *Result) Prepare(ctx context.Context) error {
	a := r.analysis
	if a == nil || a.run.failures == 0 || a.run.assuming {
		return nil
	}
	cancelled, done := canceller(ctx)
	defer done()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.on == nil {
		a.goOn(cancelled)
	}
	if cancelled() {
		return context.Cause(ctx)
	}
	return nil
}

func (r *Result) points(slot int) []Point {
	a := r.analysis
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var points []Point
	for _, id := range a.nodes(slot) {
		points = append(points, Point{Slot: slot, CallPath: a.run.g.CallPath(id)})
	}
	return points
}

func (r *Result) state(p Point, after bool) State {
	a := r.analysis
	if a == nil {
		return bottomView{}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	id := a.node(p)
	if id == cfg.NoNode {
		return bottomView{}
	}
	run := a.behind()
	if after {
		return r.shown(run.viewAfter(id))
	}
	return r.shown(run.viewBefore(id))
}

// shown returns a state of the analysis with the map descriptors of r.
func (r *Result) shown(st State) State {
	if v, ok := st.(*view); ok {
		v.maps = int64(r.mapShift)
	}
	return st
}

func (r *Result) checks(p Point) []CheckStatus {
	a := r.analysis
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	id := a.node(p)
	if id == cfg.NoNode {
		return nil
	}
	run := a.behind()
	out := run.statuses(nil, id)
	if c := run.g.CounterOf(id); c != cfg.NoNode {
		// Counters are checked only where nothing else failed.
		out = a.run.statuses(out, c)
	}
	return out
}

// statuses appends the checks of a node and what became of them.
func (r *run) statuses(out []CheckStatus, id cfg.NodeID) []CheckStatus {
	bottom := !r.reached[id]
	checks := r.g.Checks(id)
	for i := range checks {
		c := CheckStatus{Check: r.describe(id, &checks[i]), Proven: !bottom, Unreachable: bottom}
		for _, f := range r.found(id) {
			if f.check != i || bottom {
				continue
			}
			c.Proven = false
			c.Message = f.msg
			if f.inner != nil {
				c.Check = r.describe(id, f.inner)
			}
			if f.root != nil && f.root != f {
				c.Root = &Root{
					Point: Point{Slot: r.g.Slot(f.root.node), CallPath: r.g.CallPath(f.root.node)},
					Check: f.root.check,
				}
			}
		}
		out = append(out, c)
	}
	return out
}

// found returns the failures of a node.
func (r *run) found(id cfg.NodeID) []*failure {
	if r.assuming {
		return r.missed[id]
	}
	if r.fail[id] != nil {
		return []*failure{r.fail[id]}
	}
	return nil
}

// AtFailure returns the state in which failure i could not be proven. It may be one
// from before a loop's fixpoint was reached, and then is not true of every
// execution: see Before.
func (r *Result) AtFailure(i int) State {
	a := r.analysis
	if a == nil || i < 0 || i >= len(r.Failures) {
		return bottomView{}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for id, f := range a.run.fail {
		if f == nil || !a.run.reached[id] {
			continue
		}
		if n == i {
			return r.shown(a.run.view(&f.st, cfg.NodeID(id)))
		}
		n++
	}
	return bottomView{}
}

// bottomView is the State of a point that is not reached.
type bottomView struct{}

func (bottomView) Bottom() bool              { return true }
func (bottomView) Register(int) Value        { return Value{} }
func (bottomView) Cells() []Cell             { return nil }
func (bottomView) NumericBytes() []Range     { return nil }
func (bottomView) PacketSize() Range         { return Range{LoInf: true, HiInf: true} }
func (bottomView) MetaOffset() Range         { return Range{LoInf: true, HiInf: true} }
func (bottomView) Difference(a, b int) Range { return Range{LoInf: true, HiInf: true} }
func (bottomView) Strings() []string         { return []string{"_|_"} }

// view is a State that owns its parts.
type view struct {
	z     *zone.Zone
	t     types
	s     stack
	tab   *zone.Table
	names []string // prefixes of the frames around, outermost first
	top   int64    // of the current frame, in bytes from the lowest of the stack
	maps  int64    // Result.mapShift
}

// view returns a copy of st, a state at a node.
func (r *run) view(st *state, id cfg.NodeID) State {
	if st.bottom() {
		return bottomView{}
	}
	v := &view{z: st.z.Freeze(), tab: r.tab, names: r.frameNames(id)}
	v.t.copyFrom(&st.t.types)
	v.s.copyFrom(&st.s.stack)
	v.top = int64(r.stackSize - (r.g.Depth(id)-1)*r.frameSize)
	if n, ok := v.z.Interval(reg(isa.R10, zone.KindStackOffset)).Singleton(); ok && n.FitsInt64() {
		v.top = n.Int64()
	}
	return v
}

func (r *run) viewBefore(id cfg.NodeID) State {
	st := r.before(id)
	defer r.drop(&st)
	return r.view(&st, id)
}

func (r *run) viewAfter(id cfg.NodeID) State {
	st := r.after(id)
	defer r.drop(&st)
	return r.view(&st, id)
}

// frameNames returns the prefixes under which registers are saved at a node: of
// the call path 9, 53 these are "9" and "9/53".
func (r *run) frameNames(id cfg.NodeID) []string {
	var names []string
	path, prefix := r.g.CallPath(id), ""
	if op := r.g.Op(id); op.Kind == cfg.Instruction && op.Inst.Kind == isa.CallLocal {
		path = append(path, int(op.Slot)) // behind it registers are saved for the callee
	}
	for _, site := range path {
		if prefix != "" {
			prefix += "/"
		}
		prefix += strconv.Itoa(site)
		names = append(names, prefix)
	}
	return names
}

func (v *view) Bottom() bool { return false }

// rangeOf returns an interval, moved by -base, as a Range.
func rangeOf(i zone.Interval, base int64) Range {
	return Range{}.low(i.Lo, base).high(i.Hi, base)
}

func clamp(n zone.Int, base int64) (x int64, inf, wide bool) {
	if n.IsInf() {
		return 0, true, false
	}
	n = n.Sub(zone.FromInt64(base))
	switch {
	case n.FitsInt64():
		return n.Int64(), false, false
	case n.Sign() < 0:
		return -1 << 63, false, true
	}
	return 1<<63 - 1, false, true
}

func (r Range) low(n zone.Int, base int64) Range {
	r.Lo, r.LoInf, r.LoWide = clamp(n, base)
	return r
}

func (r Range) high(n zone.Int, base int64) Range {
	r.Hi, r.HiInf, r.HiWide = clamp(n, base)
	return r
}

// value returns what is known of a location.
func (v *view) value(x owner, t TypeSet) Value {
	top := zone.Top()
	val := Value{Types: t, Signed: rangeOf(top, 0), Offset: rangeOf(top, 0), Region: rangeOf(top, 0), MapFD: rangeOf(top, 0)}
	val.Unsigned = rangeOf(v.z.Interval(x.Var(zone.KindUValue)), 0)
	if t&TypeNumber != 0 {
		val.Signed = rangeOf(v.z.Interval(x.Var(zone.KindSValue)), 0)
	}
	if k, ok := primaryKind(t); ok {
		i := v.z.Interval(x.Var(k))
		switch t {
		case TypeNumber:
		case TypeMap, TypeMapPrograms:
			val.MapFD = rangeOf(i, -v.maps)
		case TypeStack:
			val.Offset = rangeOf(i, v.top)
		default:
			val.Offset = rangeOf(i, 0)
		}
	}
	switch t {
	case TypeShared:
		val.Region = rangeOf(v.z.Interval(x.Var(zone.KindSharedRegionSize)), 0)
	case TypeAllocMem:
		val.Region = rangeOf(v.z.Interval(x.Var(zone.KindAllocMemSize)), 0)
	}
	return val
}

func (v *view) Register(r int) Value {
	if r < 0 || r > 10 {
		return Value{}
	}
	x := zone.RegSlot(isa.Reg(r))
	return v.value(x, v.t.of(x))
}

func (v *view) Cells() []Cell {
	var out []Cell
	for _, c := range v.s.cells {
		t := v.t.of(c.owner)
		if v.s.allNumbers(int(c.off), c.end()) {
			t = TypeNumber
		} else if c.kinds&(1<<zone.KindType) == 0 {
			continue
		}
		val := v.value(c.owner, t)
		if t == TypeAny || t == TypeNumber && val.Signed.LoInf && val.Signed.HiInf && val.Unsigned.LoInf && val.Unsigned.HiInf {
			continue
		}
		out = append(out, Cell{Offset: int(int64(c.off) - v.top), Size: int(c.size), Value: val})
	}
	return out
}

func (v *view) NumericBytes() []Range {
	var out []Range
	for i := 0; i < v.s.bytes(); {
		n := v.s.numbersFrom(i)
		if n > 0 {
			out = append(out, Range{Lo: int64(i) - v.top, Hi: int64(i+n-1) - v.top})
		}
		i += n + 1
	}
	return out
}

func (v *view) PacketSize() Range { return rangeOf(v.z.Interval(zone.PacketSize), 0) }

func (v *view) MetaOffset() Range { return rangeOf(v.z.Interval(zone.MetaOffset), 0) }

func (v *view) Difference(a, b int) Range {
	none := rangeOf(zone.Top(), 0)
	if a < 0 || b < 0 || a > 10 || b > 10 {
		return none
	}
	x, y := zone.RegSlot(isa.Reg(a)), zone.RegSlot(isa.Reg(b))
	k, ok := primaryKind(v.t.of(x))
	if !ok || v.t.of(x) != v.t.of(y) {
		return none
	}
	return rangeOf(v.z.Difference(x.Var(k), y.Var(k)), 0)
}

func (v *view) Strings() []string {
	return append(append(v.typeStrings(), v.numberStrings()...), "Stack: "+v.stackString())
}

// named replaces the names of saved registers, which the zone numbers by depth,
// by those of the frames around.
func (v *view) named(s string) string {
	for d := len(v.names) - 1; d >= 0; d-- {
		s = strings.ReplaceAll(s, savedPrefix(d), v.names[d]+"/")
	}
	return s
}

// savedPrefix is what a table's names of registers saved at a depth start with.
// Names of deeper frames sort first, as those of the frames themselves do.
func savedPrefix(depth int) string { return "\x00" + strconv.Itoa(9-depth) + "/" }

func (v *view) typeStrings() []string {
	var out []string
	if v.t.bottom {
		return []string{"_|_"}
	}
	members := make(map[uint16][]string)
	for i, c := range v.t.class {
		x := owner(i)
		t := v.t.setOfClass(c)
		if t == TypeAny {
			continue
		}
		name := v.named(v.tab.SlotName(x)) + ".type"
		if c >= classShared {
			members[c] = append(members[c], name)
			continue
		}
		if _, _, cell := v.tab.CellOf(x); cell && t == TypeNumber {
			continue // said of the bytes
		}
		out = append(out, name+"="+cfg.TypeSet(t).String())
	}
	for c, names := range members {
		slices.Sort(names)
		out = append(out, names[0]+" in "+setString(v.t.setOfClass(c)))
		for _, n := range names[1:] {
			out = append(out, n+"="+names[0])
		}
	}
	slices.Sort(out)
	return out
}

// setString lists the types of a set in the order of their numbers.
func setString(t TypeSet) string {
	var names []string
	for ; t != 0; t &= t - 1 {
		names = append(names, cfg.TypeSet(t&-t).String())
	}
	return "{" + strings.Join(names, ", ") + "}"
}

func (v *view) numberStrings() []string {
	z := v.z
	if v.maps != 0 {
		z = z.Freeze()
		z.ShiftKinds(zone.KindMapFD.Set()|zone.KindMapFDPrograms.Set(), v.maps)
	}
	out := z.Strings(v.tab)
	if len(v.names) > 0 {
		for i, s := range out {
			out[i] = v.named(s)
		}
		slices.Sort(out)
	}
	return out
}

func (v *view) stackString() string {
	var b strings.Builder
	b.WriteString("Numbers -> {")
	first := true
	for i := 0; i < v.s.bytes(); {
		n := v.s.numbersFrom(i)
		if n > 0 {
			if !first {
				b.WriteString(", ")
			}
			first = false
			b.WriteString("[" + strconv.Itoa(i))
			if n > 1 {
				b.WriteString("..." + strconv.Itoa(i+n-1))
			}
			b.WriteString("]")
		}
		i += n + 1
	}
	b.WriteString("}")
	return b.String()
}

// Text returns the state as PREVAIL prints it, over several lines.
func (v *view) Text() string {
	return bracket(v.typeStrings()) + bracket(v.numberStrings()) + "\nStack: " + v.stackString()
}

// TextOf returns the text of the constraints that keep accepts. What is known of
// the stack's bytes is always there.
func (v *view) TextOf(keep func(constraint string) bool) string {
	drop := func(s string) bool { return !keep(s) }
	return bracket(slices.DeleteFunc(v.typeStrings(), drop)) + bracket(slices.DeleteFunc(v.numberStrings(), drop)) + "\nStack: " + v.stackString()
}

func (bottomView) Text() string { return "_|_" }

func (bottomView) TextOf(func(string) bool) string { return "_|_" }

// bracket writes constraints as PREVAIL does: those on one variable or register
// share a line.
func bracket(items []string) string {
	var b strings.Builder
	b.WriteByte('[')
	last := ""
	for i, s := range items {
		if i > 0 {
			b.WriteString(", ")
		}
		base := s
		if n := strings.IndexAny(s, ".=["); n >= 0 {
			base = s[:n]
		}
		if base != last {
			b.WriteString("\n    ")
			last = base
		}
		b.WriteString(s)
	}
	b.WriteByte(']')
	return b.String()
}
