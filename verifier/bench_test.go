package verifier_test

import (
	"context"
	"os"
	"testing"

	"bpfls/elfbpf"
	"bpfls/verifier"
)

// BenchmarkAnalyze verifies heavy programs of the corpus.
func BenchmarkAnalyze(b *testing.B) {
	for _, c := range []struct{ object, section, function, typ string }{
		{"cilium/bpf_lxc.o", "2/7", "tail_handle_nat_fwd_ipv4", "lxc"},
		{"falco/probe.o", "raw_tracepoint/filler/sys_mmap_e", "bpf_sys_mmap_e", "raw_tracepoint"},
		{"build/bounded_loop.o", "test", "test_bounded_loop", "socket_filter"},
	} {
		p := referencePlatform("linux", true)
		data, err := os.ReadFile(shared(b, samples+"/"+c.object))
		if err != nil {
			b.Fatal(err)
		}
		o, err := elfbpf.Parse(c.object, data, elfbpf.Options{Platform: p})
		if err != nil {
			b.Fatal(err)
		}
		typ, err := programType(p, c.typ, "")
		if err != nil {
			b.Fatal(err)
		}
		var in verifier.Input
		for _, prog := range o.Programs {
			if prog.Section == c.section {
				in = verifier.Input{Code: prog.Code, Platform: p, Type: typ}
			}
		}
		for _, m := range o.Maps {
			in.Maps = append(in.Maps, m.Map)
		}
		b.Run(c.object+" "+c.section, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := verifier.Analyze(context.Background(), in, verifier.Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
