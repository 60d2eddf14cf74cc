// Package verifier proves that a BPF program is safe, by abstract
// interpretation in the manner of PREVAIL (Gershuni et al., "Simple and Precise
// Static Analysis of Untrusted Linux Kernel Extensions", PLDI 2019): register
// types, zones over values and offsets, and a byte-precise stack.
//
// It is a function of its input: it knows no C source, files, clock or output format.
//
// # What is proven
//
// A verdict Pass says: no execution of the program, on any input that the program
// type allows, accesses memory outside of the context, packet, stack and map
// values, passes something else to a helper than its prototype asks for, stack
// bytes that were never written included, or shows an address; and, where
// termination is checked, every loop ends within cfg.LoopLimit iterations. Helpers are trusted to do what their prototypes say. Not part of it,
// as in PREVAIL: references that must be released, locks, bodies of callbacks,
// sleeping.
//
// # The domain
//
// A state is a triple of types, numbers and stack (product.go), each an abstract
// domain with its own file:
//
//   - types: which type each register, saved register and stack cell may have,
//     and which of them have the same one; a partition with a set for each class.
//   - package zone: bounds of, and differences between, the values, offsets and
//     sizes that belong to these locations.
//   - stack: for each byte of the stack whether it is known to be a number, and
//     which ranges of bytes the other two know something of.
//
// The order is that of the parts, but a variable that belongs to a type which
// the smaller state excludes is bottom there, whatever the larger one says of it.
// The join keeps the bounds of variables whose type only one side can have. The
// widening joins types and stack bytes, of which there are finitely many, and
// widens zones; it does not keep such bounds, or chains of widenings might not
// end. Laws: joins are upper bounds of both sides, the order is reflexive; the
// type and stack domains are lattices, their joins least upper bounds. The order
// of zones is not complete (see package zone), so that two states with the same
// meaning need not be equal.
//
// # Over-approximation
//
// Every transfer function contains the concrete effect of its instruction:
//
//   - Arithmetic is on mathematical integers for offsets and on (svalue, uvalue)
//     pairs for numbers, wrapped to 32 or 64 bits behind every operation; a range
//     that wraps in the middle is forgotten. A 32-bit operation on what may be a
//     pointer forgets the register.
//   - A load of 1 or 2 bytes from packet, context or map value has the range of
//     its width, one of 4 or 8 bytes none. What is in such memory is not tracked.
//   - A load from the stack knows what was stored: the cell of exactly its bytes,
//     or bytes put together from known numbers. A store at an uncertain offset
//     forgets all that it may touch. Where a pointer may point to the stack or
//     elsewhere, a store marks the bytes as if it hit the stack. That is PREVAIL's
//     rule and not sound (docs/fidelity.md, with the other exceptions to this list);
//     the bytes' values are joined with what was there.
//   - A load of a part of a context field that holds a packet pointer gives a
//     register of unknown type.
//   - A helper forgets r1 to r5 and all stack cells that its writable arguments
//     may reach; one that may move the packet forgets all packet pointers.
//   - A call of a function of the program is the function's body, once for each
//     call site; r6 to r9 are saved, its frame is forgotten at its end.
//   - A comparison restricts both its edges; one of pointers into the same region
//     restricts their offsets.
//
// # Failures
//
// A check is made at every visit of a node, also while loops are widened, and a
// failure stays (engine.go): verdict and first failure are PREVAIL's. For the
// states behind failures see Result.Before.
package verifier
