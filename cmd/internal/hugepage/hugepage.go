// Package hugepage asks for huge pages for the start of the heap, where a run on one
// program finds room: two page faults take the place of up to a thousand, which would
// be a good part of the run. Importing it is all that there is to do. The runtime
// initialises packages in the order of their paths as far as imports allow; this one
// imports next to nothing, so that those behind it touch pages that are there.
//
// It is a hint; nothing depends on it.
package hugepage
