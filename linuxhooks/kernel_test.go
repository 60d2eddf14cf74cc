package linuxhooks

import (
	"testing"

	"github.com/cilium/ebpf/btf"

	"bpfls/platform"
)

// TestFieldsAgainstKernel compares the members of contexts with the types of
// the running kernel, where it tells them.
func TestFieldsAgainstKernel(t *testing.T) {
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		t.Skipf("the running kernel's BTF is needed: %v", err)
	}
	seen := make(map[*platform.Context]bool)
	for _, typ := range Platform().Types {
		c := typ.Context
		if c.TypeName == "" || len(c.Fields) == 0 || seen[c] {
			continue
		}
		seen[c] = true
		var s *btf.Struct
		if err := spec.TypeByName(c.TypeName, &s); err != nil {
			t.Logf("%s: not in this kernel: %v", c.TypeName, err)
			continue
		}
		layout := platform.StructLayout{Name: s.Name, Size: int(s.Size), Members: members(t, s.Members, 0)}
		for _, f := range c.Fields {
			m, ok := layout.Member(f.Name)
			if !ok || m.Offset != f.Offset || m.Size != f.Size {
				t.Errorf("struct %s: %s is at %d with %d bytes here; the kernel has it (%v) at %d with %d",
					c.TypeName, f.Name, f.Offset, f.Size, ok, m.Offset, m.Size)
			}
		}
		for _, d := range platform.CompareContext(layout, c) {
			t.Errorf("struct %s of the kernel: %s", c.TypeName, d)
		}
	}
	if len(seen) < 10 {
		t.Errorf("only %d contexts were compared", len(seen))
	}
}

func members(t *testing.T, list []btf.Member, base int) (all []platform.Field) {
	for _, m := range list {
		offset := base + int(m.Offset.Bytes())
		switch inner := btf.UnderlyingType(m.Type).(type) {
		case *btf.Struct:
			if m.Name == "" {
				all = append(all, members(t, inner.Members, offset)...)
				continue
			}
		case *btf.Union:
			if m.Name == "" {
				all = append(all, members(t, inner.Members, offset)...)
				continue
			}
		}
		size, err := btf.Sizeof(m.Type)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, platform.Field{Name: m.Name, Offset: offset, Size: size})
	}
	return all
}
