package explain

import (
	"fmt"
	"strings"

	"bpfls/isa"
	"bpfls/verifier"
)

// probeRead tells how memory of the kernel or of a process is read where its address is a
// number to the verifier, if programs of this type have the helpers for that.
func (d *describer) probeRead() {
	u := d.value.Unsigned
	constant := !u.LoInf && !u.HiInf && u.Lo == u.Hi
	if d.in.Kind != isa.Load || d.value.Types != verifier.TypeNumber || constant || d.Type == nil || d.Type.Context.HasPacket() {
		return
	}
	for _, name := range []string{"probe_read_kernel", "probe_read_user"} {
		h, ok := d.Platform.HelperByName(name, nil)
		if !ok {
			return
		}
		if _, err := d.Platform.Helper(h.ID, d.Type); err != nil {
			return
		}
	}
	d.related = append(d.related, Related{d.place, fmt.Sprintf("the verifier knows no memory behind addresses like this one: read it with bpf_probe_read_kernel(%s), or bpf_probe_read_user if it is of a process", d.probed())})
}

// probed is what the helpers take to read what the instruction loads.
func (d *describer) probed() string {
	n, ok := d.namer().Memory(d.u.point, int(d.u.check.Reg), int(d.in.Off), int(d.in.Width))
	if !ok || len(n.Expr) > longestSubject {
		return fmt.Sprintf("&value, %d, address", d.in.Width)
	}
	address := "&" + n.Expr
	if pointer, star := strings.CutPrefix(n.Expr, "*"); star {
		address = pointer
	}
	return fmt.Sprintf("&value, sizeof(value), %s", address)
}
