package zone

// maxTerms is the number of variables that an Expr can hold: two operands, a
// width and a region size.
const maxTerms = 4

type term struct {
	c int32
	v Var
}

// Expr is a linear expression: a sum of variables with integer coefficients and a
// constant. It is a value without heap memory and holds at most 4 variables; more
// is a mistake in the calling code and panics.
type Expr struct {
	k Int
	t [maxTerms]term // ascending by variable, no zero coefficients
	n int8
}

// Const returns the expression k.
func Const(k int64) Expr { return Expr{k: FromInt64(k)} }

// ConstUint returns the expression k.
func ConstUint(k uint64) Expr { return Expr{k: FromUint64(k)} }

// ConstInt returns the expression k.
func ConstInt(k Int) Expr { return Expr{k: k} }

// V returns the expression v.
func V(v Var) Expr {
	e := Expr{n: 1}
	e.t[0] = term{1, v}
	return e
}

// Term returns the expression c*v.
func Term(c int32, v Var) Expr { return Expr{}.addTerm(c, v) }

func (e Expr) addTerm(c int32, v Var) Expr {
	if c == 0 {
		return e
	}
	i := 0
	for i < int(e.n) && e.t[i].v < v {
		i++
	}
	if i < int(e.n) && e.t[i].v == v {
		e.t[i].c += c
		if e.t[i].c == 0 {
			copy(e.t[i:], e.t[i+1:])
			e.n--
			e.t[e.n] = term{}
		}
		return e
	}
	if e.n == maxTerms {
		panic("zone: expression of more than 4 variables")
	}
	copy(e.t[i+1:], e.t[i:e.n])
	e.t[i] = term{c, v}
	e.n++
	return e
}

// Plus returns e + v.
func (e Expr) Plus(v Var) Expr { return e.addTerm(1, v) }

// Minus returns e - v.
func (e Expr) Minus(v Var) Expr { return e.addTerm(-1, v) }

// PlusConst returns e + k.
func (e Expr) PlusConst(k int64) Expr {
	e.k = e.k.Add(FromInt64(k))
	return e
}

// PlusInt returns e + k.
func (e Expr) PlusInt(k Int) Expr {
	e.k = e.k.Add(k)
	return e
}

// Add returns e + f.
func (e Expr) Add(f Expr) Expr {
	e.k = e.k.Add(f.k)
	for _, t := range f.t[:f.n] {
		e = e.addTerm(t.c, t.v)
	}
	return e
}

// Sub returns e - f.
func (e Expr) Sub(f Expr) Expr {
	e.k = e.k.Sub(f.k)
	for _, t := range f.t[:f.n] {
		e = e.addTerm(-t.c, t.v)
	}
	return e
}

// Neg returns -e.
func (e Expr) Neg() Expr {
	e.k = e.k.Neg()
	for i := range e.t[:e.n] {
		e.t[i].c = -e.t[i].c
	}
	return e
}

// IsConst reports whether e has no variables, and its value.
func (e Expr) IsConst() (Int, bool) { return e.k, e.n == 0 }

// Rel is the relation of a constraint's expression to zero.
type Rel uint8

// The relations.
const (
	EqZero Rel = iota
	LeZero
	LtZero
	NeZero
)

// Constraint is a linear constraint: an expression and its relation to zero.
type Constraint struct {
	Expr Expr
	Rel  Rel
}

// Leq returns a <= b.
func Leq(a, b Expr) Constraint { return Constraint{a.Sub(b), LeZero} }

// Lt returns a < b.
func Lt(a, b Expr) Constraint { return Constraint{a.Sub(b), LtZero} }

// Geq returns a >= b.
func Geq(a, b Expr) Constraint { return Leq(b, a) }

// Gt returns a > b.
func Gt(a, b Expr) Constraint { return Lt(b, a) }

// Eq returns a == b.
func Eq(a, b Expr) Constraint { return Constraint{a.Sub(b), EqZero} }

// Neq returns a != b.
func Neq(a, b Expr) Constraint { return Constraint{a.Sub(b), NeZero} }

// True returns a constraint that always holds.
func True() Constraint { return Constraint{Expr{}, EqZero} }

// False returns a constraint that never holds.
func False() Constraint { return Constraint{Expr{}, NeZero} }

// Negate returns the constraint that holds exactly where c does not.
func (c Constraint) Negate() Constraint {
	switch c.Rel {
	case EqZero:
		return Constraint{c.Expr, NeZero}
	case NeZero:
		return Constraint{c.Expr, EqZero}
	case LtZero:
		return Constraint{c.Expr.Neg(), LeZero}
	}
	return Constraint{c.Expr.Neg(), LtZero}
}

// constant reports whether c has no variables, and whether it then holds.
func (c Constraint) constant() (holds, isConst bool) {
	if c.Expr.n != 0 {
		return false, false
	}
	s := c.Expr.k.Sign()
	switch c.Rel {
	case EqZero:
		return s == 0, true
	case LeZero:
		return s <= 0, true
	case LtZero:
		return s < 0, true
	}
	return s != 0, true
}
