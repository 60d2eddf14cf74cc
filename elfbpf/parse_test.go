package elfbpf

import (
	"os"
	"path/filepath"
	"testing"

	"bpfls/platform"
)

// linuxPlatform and windowsPlatform are as much of the platforms as reading an
// object needs.
func linuxPlatform() *platform.Platform {
	p := &platform.Platform{Name: "linux", Legacy: platform.LegacyMaps{RecordSize: 28, Share: true}}
	for id := range uint32(34) {
		t := platform.MapType{ID: id}
		switch id {
		case 2, 3, 4, 6, 8, 12:
			t.Array = true
		}
		switch id {
		case 3:
			t.Value = platform.ValueProgram
		case 12, 13:
			t.Value = platform.ValueMap
		}
		p.Maps = append(p.Maps, t)
	}
	p.Builtin = func(name string) (platform.Helper, bool) {
		builtins := map[string]int32{"memset": -11, "memcpy": -12, "memmove": -13, "memcmp": -14}
		id, ok := builtins[name]
		if !ok {
			id = -100
		}
		return platform.Helper{ID: id, Name: name}, name != ""
	}
	p.Kfunc = func(name string) (platform.Kfunc, bool) {
		if name == "bpf_cpumask_create" {
			return platform.Kfunc{BTFID: 1009}, true
		}
		return platform.Kfunc{}, false
	}
	return p
}

func windowsPlatform() *platform.Platform {
	return &platform.Platform{
		Name:   "windows",
		Legacy: platform.LegacyMaps{RecordSize: 32, HasIDs: true},
		Maps: []platform.MapType{
			{ID: 0}, {ID: 1}, {ID: 2, Array: true}, {ID: 3, Array: true, Value: platform.ValueProgram}, {ID: 4},
			{ID: 5, Array: true}, {ID: 6, Value: platform.ValueMap}, {ID: 7, Array: true, Value: platform.ValueMap},
		},
	}
}

// shared returns the path of a file of the reference data beside the
// repository; the test is skipped where there are none.
func shared(t testing.TB, elem ...string) string {
	t.Helper()
	path := filepath.Join(append([]string{"..", "..", "shared"}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no reference data: %v", err)
	}
	return path
}

func BenchmarkParse(b *testing.B) {
	for _, name := range []string{"cilium-core/bpf_host.o", "cilium/bpf_xdp_dsr_linux.o", "cilium-core/bpf_lxc.o", "falco/probe.o", "cilium/bpf_lxc.o"} {
		b.Run(name, func(b *testing.B) {
			data, err := os.ReadFile(shared(b, "corpus", "ebpf-samples", filepath.FromSlash(name)))
			if err != nil {
				b.Fatal(err)
			}
			opt := Options{Platform: linuxPlatform()}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(name, data, opt); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
