package zone

// Zone is a set of assignments of integers to variables; see the package comment.
// Zones come from a Pool and are changed in place. No method of a zone allocates once
// its buffers have grown to size.
type Zone struct {
	pool   *Pool
	bottom bool
}

// Pool hands out zones and holds the scratch memory of their operations. A pool and
// its zones belong to one goroutine.
type Pool struct {
}

// NewPool returns an empty pool.
func NewPool() *Pool { return &Pool{} }

// Top returns a zone that knows nothing.
func (p *Pool) Top() *Zone { return &Zone{pool: p} }

// Bottom returns a zone without assignments.
func (p *Pool) Bottom() *Zone { return &Zone{pool: p, bottom: true} }

// Copy returns a copy of z, which may belong to another pool or be frozen.
func (p *Pool) Copy(z *Zone) *Zone { panic("zone: not built yet") }

// Free gives the memory of z back. z must not be used afterwards.
func (p *Pool) Free(z *Zone) {}

// Freeze returns a copy of z that owns exactly the memory it needs and belongs to no
// pool. It must not be changed; reading methods may be used from several goroutines.
func (z *Zone) Freeze() *Zone { panic("zone: not built yet") }

// CopyFrom makes z equal to o.
func (z *Zone) CopyFrom(o *Zone) { panic("zone: not built yet") }

// SetTop forgets everything.
func (z *Zone) SetTop() { panic("zone: not built yet") }

// SetBottom makes z the empty set. All changing methods leave bottom as it is,
// except SetTop, CopyFrom and Join.
func (z *Zone) SetBottom() { z.bottom = true }

// IsBottom reports whether z has no assignments. It is exact.
func (z *Zone) IsBottom() bool { return z.bottom }

// IsTop reports whether z has neither bounds nor edges.
func (z *Zone) IsTop() bool { panic("zone: not built yet") }

// Len returns the number of mapped variables, and the number of explicit edges.
func (z *Zone) Len() (vars, edges int) { panic("zone: not built yet") }

// Equal reports whether z and o have the same bounds and edges (for memos and tests).
func (z *Zone) Equal(o *Zone) bool { panic("zone: not built yet") }

// Interval returns the range of v; empty if z is bottom. MinOnly variables have no
// upper bound.
func (z *Zone) Interval(v Var) Interval { panic("zone: not built yet") }

// Eval returns the range of e by interval arithmetic on the ranges of its variables.
func (z *Zone) Eval(e Expr) Interval { panic("zone: not built yet") }

// Difference returns the range of a - b as far as bounds and explicit edges tell.
func (z *Zone) Difference(a, b Var) Interval { panic("zone: not built yet") }

// Havoc forgets v.
func (z *Zone) Havoc(v Var) { panic("zone: not built yet") }

// HavocKinds forgets the given kinds of a slot, in one pass.
func (z *Zone) HavocKinds(s Slot, kinds KindSet) { panic("zone: not built yet") }

// Forget forgets all variables of the set, in one pass.
func (z *Zone) Forget(s *VarSet) { panic("zone: not built yet") }

// Set forgets v and gives it the bounds of i. An empty i makes z bottom.
func (z *Zone) Set(v Var, i Interval) { panic("zone: not built yet") }

// AssignConst is Set(v, Single(n)).
func (z *Zone) AssignConst(v Var, n int64) { z.Set(v, Single(n)) }

// AssignVar is Assign(v, V(w)): v = w, with all relations of w.
func (z *Zone) AssignVar(v, w Var) { z.Assign(v, V(w)) }

// Assign makes v equal to the value of e; v may occur in e. Where e has one value v
// gets bounds only. Otherwise v gets edges to the variables of e and, through them,
// to their neighbours.
func (z *Zone) Assign(v Var, e Expr) { panic("zone: not built yet") }

// Add restricts z to c; false means that z became bottom. Disequations only trim
// the end of a range.
func (z *Zone) Add(c Constraint) bool { panic("zone: not built yet") }

// Entails reports whether c is proven to hold for all assignments. Bottom entails
// everything.
func (z *Zone) Entails(c Constraint) bool { panic("zone: not built yet") }

// Intersects reports whether c may hold: false is a proof that it does not. Bottom
// intersects nothing.
func (z *Zone) Intersects(c Constraint) bool { panic("zone: not built yet") }

// Implies reports whether conclusion is proven under the additional premise.
func (z *Zone) Implies(premise, conclusion Constraint) bool { panic("zone: not built yet") }

// Renaming is one pair of Rename.
type Renaming struct{ From, To Var }

// Rename renames From to To in order, for each From that is mapped; To is forgotten
// first. An unmapped From leaves To as it is. No To may be a From.
func (z *Zone) Rename(pairs []Renaming) { panic("zone: not built yet") }

// Join makes z the join of z and o (PREVAIL's z | o). Joining onto bottom copies o;
// PREVAIL joins o with itself there where types are involved, which is Tighten.
func (z *Zone) Join(o *Zone) { panic("zone: not built yet") }

// Tighten makes z the join of z with itself: explicit edges looser than the bounds
// are tightened and the graph closed again, and mapped variables without bounds and
// edges are forgotten. It is the identity for most zones and then costs one scan.
func (z *Zone) Tighten() { panic("zone: not built yet") }

// Widen makes z the widening of z (the old state) by o (the new one).
func (z *Zone) Widen(o *Zone) { panic("zone: not built yet") }

// Meet makes z the intersection of z and o; false means that z became bottom.
func (z *Zone) Meet(o *Zone) bool { panic("zone: not built yet") }

// Narrow is the descending step of PREVAIL's iteration: the identity on numbers,
// except that top narrowed by o is o, and bottom if either is bottom.
func (z *Zone) Narrow(o *Zone) { panic("zone: not built yet") }

// Leq reports whether z is below o in PREVAIL's order: no bound or edge of o is
// stronger than what z has explicitly or by bounds, and z maps at least as many
// variables as o.
func (z *Zone) Leq(o *Zone) bool { return z.LeqWithout(o, nil) }

// LeqWithout is Leq where o is taken without the variables in drop (a nil set is
// empty): the kinds that z's types rule out, which are bottom in z.
func (z *Zone) LeqWithout(o *Zone, drop *VarSet) bool { panic("zone: not built yet") }

// Strings returns the zone in PREVAIL's notation, sorted bytewise: "r1.svalue=[0, 7]",
// "r3.svalue=r1.uvalue+14", "r2.svalue-r1.uvalue<=5", equalities preferred. Bottom is
// the single string "_|_".
func (z *Zone) Strings(t *Table) []string { panic("zone: not built yet") }
