// Package zone is the numeric abstract domain of the verifier: intervals and
// differences of two variables (zones, "difference-bound matrices"), over
// 128-bit integers, with the finite-width arithmetic of BPF on top.
//
// # What a zone means
//
// A Zone stands for the set of assignments of integers to variables that satisfy
//
//	lo(x) <= x <= hi(x)     for every variable x with bounds
//	d - s <= w              for every explicit edge s -> d of weight w
//
// A variable that is not mapped can have any value. Bottom stands for the empty
// set. The integers are mathematical ones: registers are modelled by a pair of
// variables (svalue, uvalue), and the finite-width operations in this package
// keep that pair true to what a 32- or 64-bit machine computes.
//
// The domain follows PREVAIL's "split" zones (Gange, Navas, Schachte,
// Søndergaard, Stuckey: Exploiting Sparsity in Difference-Bound Matrices, SAS
// 2016): bounds are kept apart from differences, and a difference is stored only
// where an operation made it. Which differences are stored is part of the state,
// because widening looks at nothing else. Every operation here makes, closes and
// drops the same edges as PREVAIL v0.2.6.
//
// # Order, join, widening, laws
//
//   - a.Leq(b) is sound: if it says true then every assignment of a is one of b.
//     It is reflexive and transitive. It is not complete: a relation of b that a
//     has only through a path of explicit edges is not found, and a zone with
//     fewer mapped variables is never below one with more (but for top).
//   - a.Join(b) contains a and b. It keeps an edge that both have, or that one has
//     and the bounds of the other imply, and adds an edge for pairs of variables
//     whose lower and upper bounds moved the same way. It forgets variables
//     without bounds and edges.
//   - a.Meet(b) is the set of common assignments, exactly; false means that there
//     are none.
//   - a.Widen(b) contains a and b. It keeps the bounds and edges of a that b has
//     explicitly and not looser. Each step that changes something drops a bound or
//     an edge, but the closure that follows may restore some, as PREVAIL's does:
//     so chains end for ordinary variables in practice, need not with min-only
//     ones, and the caller must limit its iteration.
//   - Assign, Set, Havoc, Add and the arithmetic are sound for the concrete
//     operation, and Interval, Eval, Entails and Intersects never contradict a
//     concrete assignment in the zone. Add of a constraint on at most two
//     variables with coefficients 1 and -1, other than a disequation, is exact and
//     so monotone; entailment of such constraints is complete. Monotony is not
//     claimed for the others.
//
// Where PREVAIL stops with an internal error (a number that is no 64-bit word in a
// shift or division, 128 bits exceeded) the operations here return a sound result.
//
// # Potentials
//
// Beside bounds and edges a zone holds one assignment that satisfies all of them
// (the potentials of the graph). It makes most feasibility questions a single
// comparison and makes infeasibility exact (Cotton and Maler: Fast and Flexible
// Difference Constraint Propagation for DPLL(T), SAT 2006).
package zone
