package verifier

import (
	"unsafe"

	"bpfls/verifier/cfg"
)

// Size returns roughly how many bytes of memory r takes, for caches: the states that it
// keeps, its graph, and a second run if the program failed.
func (r *Result) Size() int {
	n := int(unsafe.Sizeof(*r))
	if a := r.analysis; a != nil {
		nodes, ops := len(a.run.g.Nodes), a.run.g.Ops.Len()
		perNode := 2*unsafe.Sizeof(state{}) + unsafe.Sizeof(cfg.Node{}) + 64 // edges, order, chains
		states := a.run.kept + nodes*int(perNode)
		if a.run.failures > 0 {
			states *= 2
		}
		n += states + ops*int(2*unsafe.Sizeof(cfg.Op{}))
	}
	return n
}
