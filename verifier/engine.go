package verifier

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"

	"bpfls/isa"
	"bpfls/verifier/cfg"
	"bpfls/verifier/paged"
	"bpfls/verifier/zone"
)

// The limits that apply where Limits leaves them open.
const (
	defaultVisits = 2_000_000
	visitsPerNode = 8
	defaultEdges  = 1 << 18
	defaultBytes  = 2 << 30
	// The ascending sequence of a loop ends after a few steps (10 at most in all tables
	// of verdicts), or else a bound grows in each of them: widening drops it, and the
	// closure behind it finds another one a little further out. restlessSteps is where
	// the second begins, and maxRestless the visits that are given to it.
	restlessSteps = 64
	maxRestless   = 50_000
)

const (
	// maxReplay bounds the work of a replay: the sum of the sizes (zone.Zone.Len) of
	// the states that it goes through, and replayStep for each.
	maxReplay  = 1 << 12
	replayStep = 64
	// fewestSteps are between kept states however large they are: where replays of these
	// take longer for it, keeping more of them would take too much memory.
	fewestSteps = 16
)

// withDefaults fills in the limits that were left open, for a graph of so many nodes.
func (l Limits) withDefaults(nodes int) Limits {
	if l.Visits == 0 {
		l.Visits = defaultVisits + visitsPerNode*nodes
	}
	if l.Edges == 0 {
		l.Edges = defaultEdges
	}
	if l.Bytes == 0 {
		l.Bytes = defaultBytes
	}
	return l
}

// run is one analysis: states for all nodes of a graph, brought to a fixpoint in the
// order of its weak topological order.
//
// A node is visited by joining the states behind its predecessors, checking its
// obligations and running its instruction. The first failure of a node is kept
// for good: from then on the node is passed over, and the state behind it stays
// what the last good visit left. So failures found while widening remain, as they
// do in PREVAIL, and what lies behind a failure is seen only with states from
// before it.
type run struct {
	program

	// Chains: a node with one successor whose only predecessor it is runs together
	// with it, and only the state before the first and behind the last node of a
	// chain is kept; and behind a node that failed, if that is another one. In long
	// chains states between are kept too, so that a replay never has far to go: see
	// maxReplay.
	next      []cfg.NodeID // next node of the chain, or NoNode
	inner     []bool       // not the first node of its chain
	pre, post paged.Array[state]
	cur       state      // at the node that is being visited
	reached   []bool     // the state before the node is not bottom
	fail      []*failure // by node
	failures  int
	loops     []cfg.NodeID // heads, in the order of the counters
	cycleOf   []int32      // cycle that a node is the head of, or -1
	limits    state        // met with a loop's state at its first widening

	visits    int
	restless  int // of the visits, those in steps of loops beyond restlessSteps
	max       Limits
	kept      int         // bytes of the states in pre and post
	cancelled func() bool // asked again and again
	work      int         // ever done; see spend
	lookAt    int         // the work at which cancelled is asked again
	stop      error       // why the run ended early
	stopAt    cfg.NodeID

	wrongMeets  map[cfg.NodeID]meetFault // by loop head; see judgeMeet
	assumptions []Assumption             // checks that are taken for granted
	discard     *discard                 // nil: all states are kept

	// base is a run that found failures, of which this one takes over what lies before
	// the first of them; taken says of which nodes.
	base    *run
	taken   []bool
	cycling int // cycles that are running

	// Of a run that goes on behind failures:
	assuming bool
	missed   [][]*failure // by node
	noted    map[failureKey]*failure
}

// failure is a check that a visit could not prove.
type failure struct {
	node  cfg.NodeID
	check int        // index in the node's checks
	inner *cfg.Check // what is not proven where that is a demand of a called helper
	msg   string
	st    state // at the visit that failed
	// Of a run that goes on behind failures: others are further demands of that helper
	// that are not proven; root is the failure that this one is a consequence of, itself
	// if of none.
	others []*cfg.Check
	root   *failure
}

// errInternal is the end of a run in a situation in which PREVAIL stops with an
// internal error.
type errInternal struct{ text string }

func (e *errInternal) Error() string { return e.text }

// errLimit says which limit ended a run.
type errLimit struct{ text string }

func (e *errLimit) Error() string { return e.text }

func limitError(limit string, n int, why string) error {
	return &errLimit{fmt.Sprintf("the analysis needs more than %d %s: %s", n, limit, why)}
}

// errReject says why a program cannot be judged where that shows only while it
// is analyzed.
type errReject struct{ text string }

func (e *errReject) Error() string { return e.text }

func (p *program) init(in Input, g *cfg.Graph) {
	o := &in.Platform.Options
	p.g, p.in = g, in
	p.tab = zone.NewTable()
	p.numbers = zone.NewPool()
	p.frameSize = 512
	if o.StackSize > 0 {
		p.frameSize = o.StackSize
	}
	frames := 8
	if o.MaxFrames > 0 {
		frames = o.MaxFrames
	}
	p.stackSize = frames * p.frameSize
	p.maxPacket = math.MaxUint16
	if o.MaxPacketSize > 0 {
		p.maxPacket = o.MaxPacketSize
	}
	p.strict, p.noDivZero = o.Strict, o.NoDivisionByZero
}

// counter returns the variable of a counter node.
func (p *program) counter(id cfg.NodeID) zone.Var { return p.counters[id] }

// newRun prepares a run. base, if not nil, is a run of the same program whose states
// it may take over; it shares base's variables.
func newRun(in Input, g *cfg.Graph, limits Limits, cancelled func() bool, base *run) *run {
	r := new(run)
	r.prepare(in, g, limits, cancelled, base)
	return r
}

// prepare is newRun on a zero run. Where it is cancelled, or there are too many loops, stop
// is set and r is of no use.
func (r *run) prepare(in Input, g *cfg.Graph, limits Limits, cancelled func() bool, base *run) {
	r.max, r.cancelled, r.stopAt, r.base = limits, cancelled, cfg.NoNode, base
	r.init(in, g)
	if base != nil {
		r.tab, r.numbers = base.tab, base.numbers
		r.taken = make([]bool, len(g.Nodes))
	}
	r.numbers.StopWhen(cancelled)
	r.numbers.LimitEdges(limits.Edges)
	n := len(g.Nodes)
	// Arrays as long as the program take milliseconds where their memory is new.
	made := func(n int) bool { return !r.spend(n) }
	r.pre = paged.Make[state](n, made)
	r.post = paged.Make[state](n, made)
	if r.stop != nil {
		return
	}
	r.fail = make([]*failure, n)
	if !r.spend(spendMost) {
		return
	}
	r.reached = make([]bool, n)
	if base != nil {
		r.next, r.inner, r.cycleOf = base.next, base.inner, base.cycleOf
		r.loops, r.counters, r.limits = base.loops, base.counters, base.limits.share()
		return
	}
	r.arrange()
}

// arrange finds the loops of the graph and their counters, the chains, and the limits.
func (r *run) arrange() {
	g, n := r.g, len(r.g.Nodes)
	for d := range 7 {
		r.tab.SetFrameName(d, strings.TrimSuffix(savedPrefix(d), "/"))
	}
	r.cycleOf = make([]int32, n)
	if !r.spend(spendMost) {
		return
	}
	for i := range r.cycleOf {
		if !r.spend(1) { // fresh memory is found here, page by page
			return
		}
		r.cycleOf[i] = -1
	}
	for i := range g.WTO.Cycles {
		if !r.spend(16) {
			return
		}
		c := &g.WTO.Cycles[i]
		r.cycleOf[c.Head] = int32(i)
		if id := g.CounterOf(c.Head); id != cfg.NoNode {
			if r.counters == nil {
				r.counters = make([]zone.Var, n)
			}
			loop := len(r.loops)
			r.loops = append(r.loops, c.Head)
			r.counters[id] = r.tab.Loop(loop)
			r.tab.SetLoopName(loop, g.Label(c.Head))
		}
	}
	if r.stop == nil {
		r.stop = r.tab.Err() // more loops than there are counters for
	}
	if r.stop == nil {
		r.chain()
	}
	if r.stop == nil {
		r.limits = r.constantLimits()
	}
}

// chain finds the chains of nodes.
func (r *run) chain() {
	n := len(r.g.Nodes)
	r.next = make([]cfg.NodeID, n)
	r.inner = make([]bool, n)
	for i := range r.next {
		if !r.spend(1) {
			return
		}
		id := cfg.NodeID(i)
		r.next[i] = cfg.NoNode
		succ := r.g.Successors(id)
		if len(succ) != 1 || r.g.Kind(id) == cfg.Counter {
			continue
		}
		if s := succ[0]; len(r.g.Predecessors(s)) == 1 && r.cycleOf[s] < 0 && r.g.Kind(s) != cfg.Counter && s != r.g.Entry() {
			r.next[i] = s
			r.inner[s] = true
		}
	}
}

// top returns a state that says nothing.
func (p *program) top() state {
	st := state{z: p.newZone(p.numbers.Top()), t: p.newTypes(), s: p.newStack()}
	st.t.reset()
	st.s.reset(p.stackSize)
	return st
}

// entry returns the state before the program.
func (r *run) entry() state {
	st := r.top()
	z := r.mutZone(&st)
	u := zone.V(reg(10, zone.KindUValue))
	z.Add(zone.Leq(zone.Const(int64(r.stackSize)), u))
	z.Add(zone.Leq(u, zone.Const(r.maxAddress())))
	z.AssignConst(reg(10, zone.KindStackOffset), int64(r.stackSize))
	r.assignType(&st, zone.RegSlot(10), TypeStack)
	if r.in.Type.Context != nil && r.in.Type.Context.Size > 0 {
		u := zone.V(reg(1, zone.KindUValue))
		z.Add(zone.Leq(zone.Const(1), u))
		z.Add(zone.Leq(u, zone.Const(r.maxAddress())))
		z.AssignConst(reg(1, zone.KindCtxOffset), 0)
		r.assignType(&st, zone.RegSlot(1), TypeContext)
	}
	r.initPacket(&st)
	return st
}

// constantLimits returns the state that a loop's state is met with when it is
// widened for the first time: ranges that most programs keep to.
func (r *run) constantLimits() state {
	st := r.top()
	z := r.mutZone(&st)
	bound := func(v zone.Var, lo, hi int64) {
		z.Add(zone.Leq(zone.V(v), zone.Const(hi)))
		z.Add(zone.Geq(zone.V(v), zone.Const(lo)))
	}
	for x := range owner(10) {
		bound(x.Var(zone.KindSValue), math.MinInt32, math.MaxInt32)
		bound(x.Var(zone.KindUValue), 0, math.MaxUint32)
		bound(x.Var(zone.KindStackOffset), 0, int64(r.stackSize))
		shared, packet := zone.V(x.Var(zone.KindSharedOffset)), zone.V(x.Var(zone.KindPacketOffset))
		z.Add(zone.Leq(shared, zone.V(x.Var(zone.KindSharedRegionSize))))
		z.Add(zone.Geq(shared, zone.Const(0)))
		z.Add(zone.Leq(packet, zone.V(zone.PacketSize)))
		z.Add(zone.Geq(packet, zone.Const(0)))
		for i := range r.loops {
			if !r.spend(replayStep) {
				return st
			}
			c := r.tab.Loop(i)
			bound(c, 0, math.MaxInt32)
			z.Add(zone.Leq(zone.V(c), zone.V(x.Var(zone.KindSValue))))
		}
	}
	return st
}

// solve runs the analysis from the given entry state.
func (r *run) solve(start state) error {
	for i := range r.loops {
		if !start.bottom() {
			r.mutZone(&start).AssignConst(r.tab.Loop(i), 0)
		}
	}
	if r.stop != nil {
		return r.stop // while it was prepared
	}
	if first := r.g.WTO.Position[r.g.Entry()]; r.takeOver(first, first+1) {
		r.drop(&start)
	} else {
		r.visit(r.g.Entry(), start)
	}
	if r.discard == nil {
		r.pass(0, int32(len(r.g.WTO.Order)))
	} else {
		for i, n := int32(0), int32(len(r.g.WTO.Order)); i < n && r.stop == nil; {
			next := i + 1
			if c := r.cycleOf[r.g.WTO.Order[i]]; c >= 0 {
				next = r.g.WTO.Cycles[c].End
			}
			r.pass(i, next)
			r.discard.done(r, i, next)
			i = next
		}
	}
	if r.stop == nil {
		r.stop = r.tab.Err()
	}
	return r.stop
}

// pass visits the components in a range of the order once, bringing inner cycles
// to their fixpoints.
func (r *run) pass(begin, end int32) {
	order := r.g.WTO.Order
	for i := begin; i < end && r.stop == nil; {
		id := order[i]
		if c := r.cycleOf[id]; c >= 0 {
			if next := r.g.WTO.Cycles[c].End; r.takeOver(i, next) {
				i = next
				continue
			}
			r.cycling++
			r.cycle(c)
			r.cycling--
			i = r.g.WTO.Cycles[c].End
			continue
		}
		if id != r.g.Entry() && !r.inner[id] && !r.takeOver(i, i+1) {
			r.visit(id, r.joinPredecessors(id))
		}
		i++
	}
}

// takeOver gives the nodes in a range of the order, a cycle or one node with its chain,
// the states that base has there, if those are no others: no node of them failed in
// base, and what leads to them was taken over too or is in the states of base before
// them. (What this run knows of a node is never more than what base knows, as it follows
// more ways.) Such a state has no marks: what is not proven on the ways that base went
// is a consequence of nothing.
//
// In a cycle that is running nothing is taken over: its states are those of a step.
func (r *run) takeOver(begin, end int32) bool {
	if r.base == nil || r.cycling > 0 {
		return false
	}
	nodes := r.g.WTO.Order[begin:end]
	if end-begin == 1 {
		nodes = nil
		for n := r.g.WTO.Order[begin]; n != cfg.NoNode; n = r.next[n] {
			nodes = append(nodes, n)
		}
	}
	for _, id := range nodes {
		if r.base.fail[id] != nil || r.base.wrongMeets[id] != meetFine {
			return false
		}
	}
	for _, id := range nodes {
		if r.inner[id] {
			continue
		}
		for _, p := range r.g.Predecessors(id) {
			at := r.g.WTO.Position[p]
			if at < 0 || at >= begin && at < end || r.taken[p] || r.post.At(p).bottom() {
				continue
			}
			if r.base.pre.At(id).bottom() || !r.spend(r.post.At(p).size()) || !r.leq(r.post.At(p), r.base.pre.At(id)) {
				return false
			}
		}
	}
	for _, id := range nodes {
		r.taken[id] = true
		*r.pre.At(id), *r.post.At(id), r.reached[id] = r.base.pre.At(id).share(), r.base.post.At(id).share(), r.base.reached[id]
		r.kept += r.pre.At(id).bytes() + r.post.At(id).bytes()
	}
	return true
}

// joinPredecessors returns the join of the states behind all predecessors.
func (r *run) joinPredecessors(id cfg.NodeID) state {
	var st state
	for _, p := range r.g.Predecessors(id) {
		r.join(&st, r.post.At(p))
		if !r.spend(st.size()) {
			break
		}
	}
	return st
}

// visit checks and runs the nodes of the chain that starts at start, on the state
// before it.
func (r *run) visit(start cfg.NodeID, pre state) {
	old := *r.pre.At(start)
	r.kept += pre.bytes() - old.bytes()
	*r.pre.At(start) = pre
	r.cur = pre.share()
	cur := &r.cur
	work := 0 // since the last kept state
	for id := start; r.count(); id = r.next[id] {
		failed := !r.assuming && r.fail[id] != nil
		if id != start && !failed {
			r.checkpoint(id, cur, &work)
		}
		r.suppose(cur, id)
		r.reached[id] = !cur.bottom()
		if failed {
			// Neither this node's state nor those of the nodes behind it change any more.
			break
		}
		if !cur.bottom() {
			vars, edges := cur.z.Len()
			work += min(replayStep+vars+edges, maxReplay/fewestSteps)
			r.spend(vars + edges)
			if edges > r.max.Edges {
				r.stop = r.tooManyEdges()
				break
			}
			if !r.assuming && !r.checkAll(start, id, cur, &old) {
				break
			}
		}
		r.advance(cur, id)
		if !r.assuming && r.reached[id] && cur.bottom() && r.g.Kind(id) != cfg.Assume {
			r.stop, r.stopAt = &errInternal{"Bug! instruction " + r.g.Label(id) + " leads to bottom"}, id
		}
		if r.reject != nil {
			r.stop, r.stopAt = r.reject, id
		}
		if r.stop != nil {
			break
		}
		if r.next[id] == cfg.NoNode {
			r.setPost(id, *cur)
			*cur = state{}
			break
		}
	}
	r.drop(cur)
	r.drop(&old)
}

// checkpoint keeps the state before a node inside a chain if a replay from the last
// kept one would go through too much.
func (r *run) checkpoint(id cfg.NodeID, cur *state, work *int) {
	r.kept -= r.pre.At(id).bytes()
	r.drop(r.pre.At(id))
	if *work > maxReplay && !cur.bottom() {
		*r.pre.At(id) = cur.share()
		r.kept += cur.bytes()
		*work = 0
	}
}

// setPost keeps the state behind a node, and counts a visit of a state with more
// relations than usual as several, as it takes as long.
func (r *run) setPost(id cfg.NodeID, st state) {
	if !st.bottom() {
		_, edges := st.z.Len()
		r.visits += edges >> 9
	}
	r.kept += st.bytes() - r.post.At(id).bytes()
	r.drop(r.post.At(id))
	*r.post.At(id) = st
	if r.kept > r.max.Bytes {
		r.stop = limitError("bytes for the states between instructions", r.max.Bytes,
			"the program is too large, or keeps too many values at once")
	}
}

// count counts a visit of a node; false ends the run.
func (r *run) count() bool {
	if r.visits++; r.visits > r.max.Visits {
		r.stop = limitError("steps", r.max.Visits, "the program has too many loops or calls for it")
	}
	return r.spend(replayStep)
}

func (r *run) tooManyEdges() error {
	return limitError("relations between registers and stack cells at one point", r.max.Edges,
		"the program copies one value to too many places")
}

// spendMost is the work between two looks at whether the run was cancelled: a tenth of a
// millisecond, or a few where memory for kept states is touched for the first time.
const spendMost = 1 << 11

// spend counts work by the sizes of the states that it is done on, and ends the run if
// that was cancelled.
func (r *run) spend(n int) bool {
	if r.numbers.TooManyEdges() {
		r.stop = r.tooManyEdges()
	}
	if r.work += n; r.work >= r.lookAt || r.numbers.Stopped() {
		r.lookAt = r.work + spendMost
		if r.numbers.Stopped() || r.cancelled() {
			r.stop = context.Canceled
		}
	}
	return r.stop == nil
}

// goesOn is spend where the run has ended: only a cancellation counts.
func (r *run) goesOn(n int) bool {
	r.spend(n)
	return r.stop != context.Canceled
}

// checkAll checks the obligations of a node. old is the state before the chain at
// the visit before this one.
func (r *run) checkAll(start, id cfg.NodeID, cur, old *state) bool {
	if r.g.Kind(id) == cfg.Counter {
		return true // see checkCounters
	}
	checks := r.g.Checks(id)
	for i := range checks {
		msg, ok := r.check(cur, &checks[i], id)
		if r.reject != nil {
			return false
		}
		if ok {
			continue
		}
		if r.isAssumed(id, i) {
			r.grant(cur, &checks[i], nil)
			continue
		}
		r.setFailure(id, i, msg, cur)
		if r.next[id] != cfg.NoNode && !old.bottom() {
			// The state behind the node stays what the last good visit left.
			st := old.share()
			for n := start; ; n = r.next[n] {
				r.advance(&st, n)
				if n == id {
					break
				}
			}
			r.kept += st.bytes() - r.post.At(id).bytes()
			r.drop(r.post.At(id))
			*r.post.At(id) = st
		}
		return false
	}
	return true
}

// advance runs a node on a state that may be bottom.
func (r *run) advance(st *state, id cfg.NodeID) {
	r.suppose(st, id)
	if st.bottom() {
		if r.assuming {
			r.missed[id] = nil
		}
		return
	}
	if r.assuming {
		r.visitAssuming(st, id)
		m := r.marksBehind(st, id)
		r.transfer(st, id)
		st.m = m
	} else {
		for _, a := range r.assumptions {
			if r.g.Kind(id) != cfg.Instruction || r.g.Slot(id) != a.Slot {
				continue
			}
			checks := r.g.Checks(id)
			if !a.ofCheck() || a.Check < 0 || a.Check >= len(checks) {
				continue
			}
			if _, ok := r.check(st, &checks[a.Check], id); !ok {
				r.grant(st, &checks[a.Check], nil)
			}
		}
		r.transfer(st, id)
	}
	if st.bottom() {
		r.drop(st)
	}
}

// isAssumed reports whether a check is taken for granted on the user's behalf.
func (r *run) isAssumed(id cfg.NodeID, check int) bool {
	for _, a := range r.assumptions {
		if a.ofCheck() && a.Check == check && a.Slot == r.g.Slot(id) && r.g.Kind(id) == cfg.Instruction {
			return true
		}
	}
	return false
}

// trim gives up the memory that only a running analysis needs.
func (r *run) trim() {
	r.numbers.Trim()
	r.zones, r.types, r.stacks = nil, nil, nil
}

// before returns the state before a node; the caller drops it.
func (r *run) before(id cfg.NodeID) state {
	if !r.inner[id] || r.pre.At(id).z != nil {
		return r.pre.At(id).share()
	}
	p := r.g.Predecessors(id)[0]
	return r.after(p)
}

// after returns the state behind a node; the caller drops it.
func (r *run) after(id cfg.NodeID) state {
	if r.next[id] == cfg.NoNode || r.fail[id] != nil {
		return r.post.At(id).share()
	}
	st := r.before(id)
	r.advance(&st, id)
	return st
}

func (r *run) setFailure(id cfg.NodeID, check int, msg string, st *state) {
	f := &failure{node: id, check: check, msg: msg, st: st.share()}
	c := &r.g.Checks(id)[check]
	if c.Kind == cfg.FuncConstraint {
		_, f.inner, _ = r.checkFunction(&f.st, c, id)
	}
	if r.discard != nil {
		r.drop(&f.st)
	}
	r.fail[id] = f
	r.failures++
}

// step runs the body of a cycle on a state of its head and returns what comes back
// to the head.
func (r *run) step(c *cfg.Cycle, inv *state) state {
	r.visit(c.Head, inv.share())
	r.pass(c.Begin+1, c.End)
	if r.stop != nil {
		return state{}
	}
	return r.joinPredecessors(c.Head)
}

// ascend is the nth step of an ascending sequence.
func (r *run) ascend(c *cfg.Cycle, inv *state, n int) state {
	if n <= restlessSteps {
		return r.step(c, inv)
	}
	if r.restless > maxRestless {
		r.stop, r.stopAt = &errLimit{fmt.Sprintf("the analysis of the loop at %s does not come to rest: "+
			"after %d steps a bound still grows", r.g.Label(c.Head), n-1)}, c.Head
		return state{}
	}
	visits, restless := r.visits, r.restless
	next := r.step(c, inv)
	r.restless = restless + r.visits - visits // those of inner loops among them
	return next
}

// cycle brings a cycle to its fixpoint: an ascending sequence that joins once, then
// widens, and a descending one that meets once, then narrows.
func (r *run) cycle(i int32) {
	c := &r.g.WTO.Cycles[i]
	head := c.Head
	var inv state
	for _, p := range r.g.Predecessors(head) {
		if !r.g.WTO.Deeper(p, head) {
			r.join(&inv, r.post.At(p))
		}
	}
	delete(r.wrongMeets, head) // of the loop's states when its outer loop was at an earlier step
	for n := 1; ; n++ {
		if r.assuming {
			r.unrelate(&inv)
		}
		next := r.ascend(c, &inv, n)
		if r.stop != nil {
			return
		}
		if r.leq(&next, &inv) {
			r.drop(&inv)
			inv = next
			break
		}
		var up state
		if n == 1 {
			// The new state is joined with the old one.
			up = next.share()
			if up.bottom() {
				r.drop(&up)
			}
			r.join(&up, &inv)
		} else {
			up = r.widen(&inv, &next)
			if n == 2 {
				m := r.meet(&up, &r.limits)
				r.drop(&up)
				up = m
			}
		}
		r.drop(&next)
		r.drop(&inv)
		inv = up
	}
	for n := 1; ; n++ {
		failures := r.failures
		next := r.step(c, &inv)
		if r.stop != nil {
			return
		}
		if r.leq(&inv, &next) {
			r.drop(&next)
			break
		}
		var down state
		if n == 1 {
			down = r.meet(&inv, &next)
			r.judgeMeet(head, &inv, &next, &down)
		} else {
			down = r.narrow(&inv, &next)
			if r.assuming {
				r.forgetNumbers(&down, &inv)
			}
		}
		r.drop(&next)
		// PREVAIL repeats a step that changes nothing up to two million times. The
		// same state gives the same states and failures again.
		same := n > 1 && failures == r.failures && down.equal(&inv)
		r.drop(&inv)
		inv = down
		if same {
			break
		}
	}
	r.kept += inv.bytes() - r.pre.At(head).bytes()
	r.drop(r.pre.At(head))
	*r.pre.At(head) = inv
	r.reached[head] = !inv.bottom()
}

// checkCounters checks the loop counters, which is done only where nothing else
// failed.
func (r *run) checkCounters() {
	for id := range cfg.NodeID(len(r.g.Nodes)) {
		if !r.goesOn(1) {
			return
		}
		if r.g.Kind(id) != cfg.Counter || !r.reached[id] {
			continue
		}
		r.goesOn(r.pre.At(id).size())
		checks := r.g.Checks(id)
		for i := range checks {
			if msg, ok := r.check(r.pre.At(id), &checks[i], id); !ok {
				r.setFailure(id, i, msg, r.pre.At(id))
			}
		}
	}
}

// loopBound returns the largest number of iterations of any loop.
func (r *run) loopBound() int {
	most := zone.Zero
	for id := range cfg.NodeID(len(r.g.Nodes)) {
		if len(r.loops) == 0 || !r.goesOn(1) {
			break
		}
		if r.inner[id] || !r.reached[id] {
			continue
		}
		st := r.pre.At(id).share()
		for n := id; n != cfg.NoNode && !st.bottom(); n = r.next[n] {
			if r.advance(&st, n); st.bottom() || !r.goesOn(st.size()+len(r.loops)) {
				break
			}
			for i := range r.loops {
				if hi := st.z.Interval(r.tab.Loop(i)).Hi; most.Less(hi) {
					most = hi
				}
			}
		}
		r.drop(&st)
	}
	if !fitsInt32(most) {
		return math.MaxInt32
	}
	return int(most.Int64())
}

// canceller returns a function that tells whether a context is done, for little, and
// one to call when it is not needed any more.
func canceller(ctx context.Context) (cancelled, done func() bool) {
	flag := new(atomic.Bool)
	flag.Store(ctx.Err() != nil) // AfterFunc tells it a little later
	return flag.Load, context.AfterFunc(ctx, func() { flag.Store(true) })
}

func analyze(ctx context.Context, in Input, opt Options) (*Result, error) {
	if in.Platform == nil || in.Type == nil {
		return nil, errors.New("verifier: no platform or no program type was given")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	res := &Result{At: -1, Stack: -1, LoopBound: -1}
	if in.Type.Context == nil {
		res.Verdict, res.Reason = Rejected, "Unspecified program type."
		return res, nil
	}
	o := cfg.DefaultOptions(in.Platform)
	switch opt.Termination {
	case On:
		o.Termination = true
	case Off:
		o.Termination = false
	}
	if opt.Limits.Nodes > 0 {
		o.MaxNodes = opt.Limits.Nodes
	}
	cancelled, done := canceller(ctx)
	defer done()
	o.Stop = cancelled
	g, rej := cfg.Build(cfg.Input{Code: in.Code, Maps: in.Maps, Platform: in.Platform, Type: in.Type}, o)
	if cancelled() {
		return nil, context.Cause(ctx)
	}
	if rej != nil {
		res.Verdict, res.Reason, res.At = Rejected, rej.Text, rej.Slot
		if rej.Kind == cfg.Limit {
			res.Verdict = Unknown
		}
		return res, nil
	}
	limits := opt.Limits.withDefaults(len(g.Nodes))
	r := newRun(in, g, limits, cancelled, nil)
	r.assumptions = opt.Assume
	if opt.ContinueAfterFailure {
		r.goOn()
	}
	if opt.VerdictOnly && len(r.loops) == 0 { // a loop's bound is read from the states
		r.discard = newDiscard(r)
	}
	err := r.solve(r.entry())
	for i := range int32(g.Insts.Len()) {
		if !r.goesOn(1) {
			break
		}
		if g.Insts.At(i).Slots > 0 {
			res.Instructions++
		}
	}
	res.Stack = r.stackBytes()
	if cancelled() {
		return nil, context.Cause(ctx)
	}
	var internal *errInternal
	var limit *errLimit
	var reject *errReject
	switch {
	case err == nil:
	case errors.As(err, &reject):
		res.Verdict, res.Reason, res.At = Rejected, err.Error(), g.Slot(r.stopAt)
		return res, nil
	case errors.As(err, &internal) || errors.As(err, &limit) || errors.Is(err, zone.ErrTooManyVariables):
		res.Verdict, res.Reason = Unknown, err.Error()
		if r.stopAt != cfg.NoNode {
			res.At = g.Slot(r.stopAt)
		}
		return res, nil
	default:
		return nil, err
	}
	if opt.ContinueAfterFailure {
		if !r.collect(res) {
			return nil, context.Cause(ctx)
		}
		r.trim()
		res.analysis = &analysis{run: r, in: in, limits: limits}
		return res, nil
	}
	if r.failures == 0 && o.Termination {
		r.checkCounters()
		if r.failures == 0 {
			res.LoopBound = r.loopBound()
		}
	}
	res.Verdict = Pass
	if r.failures > 0 {
		res.Verdict = Fail
	}
	if cancelled() {
		return nil, context.Cause(ctx)
	}
	for id := range cfg.NodeID(len(g.Nodes)) {
		if !r.goesOn(1) {
			return nil, context.Cause(ctx)
		}
		if f := r.fail[id]; f != nil && r.reached[id] {
			res.Failures = append(res.Failures, r.report(id, f))
		}
	}
	if opt.VerdictOnly {
		return res, nil
	}
	r.trim()
	res.analysis = &analysis{run: r, in: in, limits: limits}
	return res, nil
}

// stackBytes returns the bytes of stack that the deepest call chain uses, as far as
// constant offsets from the frame pointer tell: in each frame from the lowest one,
// in steps of 8 bytes.
func (r *run) stackBytes() int {
	g := r.g
	most := 0
	sum := make([]int, len(g.Frames)) // a frame's caller comes before it
	for i := range g.Frames {
		f := &g.Frames[i]
		lowest := int64(0)
		var copied isa.Reg // register that the instruction before made a copy of r10, or r10
		for id := f.First; id < f.End && r.goesOn(1); id++ {
			op := g.Op(id)
			in := &op.Inst
			if op.Kind != cfg.Instruction {
				continue
			}
			last := copied
			copied = isa.R10
			switch in.Kind {
			case isa.Load:
				if in.Src == isa.R10 {
					lowest = min(lowest, int64(in.Off))
				}
			case isa.Store, isa.Atomic:
				if in.Dst == isa.R10 {
					lowest = min(lowest, int64(in.Off))
				}
			case isa.Bin:
				switch isa.BinOp(in.Op) {
				case isa.Mov:
					if !in.UseImm && in.Src == isa.R10 {
						copied = in.Dst
					}
				case isa.Add:
					if in.UseImm && in.Dst == last {
						lowest = min(lowest, in.Imm)
					}
				}
			}
		}
		sum[i] = int(-lowest+7) &^ 7
		if f.Parent >= 0 {
			sum[i] += sum[f.Parent]
		}
		most = max(most, sum[i])
	}
	return most
}

// goOn makes r a run that goes on behind failures.
func (r *run) goOn() {
	r.assuming = true
	r.missed = make([][]*failure, len(r.g.Nodes))
	r.noted = make(map[failureKey]*failure)
}

// collect fills in the result of a run that went on behind failures; false: it was
// cancelled.
func (r *run) collect(res *Result) bool {
	res.Verdict = Pass
	for id := range cfg.NodeID(len(r.g.Nodes)) {
		if !r.goesOn(1) {
			return false
		}
		for _, f := range r.missed[id] {
			res.Verdict = Fail
			res.Failures = append(res.Failures, r.report(id, f))
		}
	}
	return true
}

// report describes a failure of a node.
func (r *run) report(id cfg.NodeID, f *failure) Failure {
	c := &r.g.Checks(id)[f.check]
	if f.inner != nil {
		c = f.inner
	}
	check := r.describe(id, c)
	return Failure{
		Label:     r.g.Label(id),
		Slot:      r.g.Slot(id),
		CallPath:  r.g.CallPath(id),
		Message:   f.msg + " (" + check.Text + ")",
		Check:     check,
		Reachable: true,
	}
}

// describe returns a check as data.
func (r *run) describe(id cfg.NodeID, c *cfg.Check) Check {
	d := Check{
		Kind:   CheckKind(c.Kind),
		Text:   r.g.CheckText(id, c),
		Reg:    -1,
		Other:  -1,
		Offset: c.Offset,
		Width:  c.Width,
		Mode:   AccessMode(c.Mode),
		Types:  TypeSet(c.Types),
		Key:    c.Key,
	}
	if c.Reg != cfg.NoReg {
		d.Reg = int8(c.Reg)
	}
	if c.Other != cfg.NoReg {
		d.Other = int8(c.Other)
	}
	return d
}
