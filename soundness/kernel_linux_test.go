package soundness

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/features"

	"bpfls/interp"
	"bpfls/isa"
	"bpfls/linuxhooks"
)

// TestKernelAgrees runs generated programs in the running kernel (BPF_PROG_TEST_RUN,
// nothing attached) and in interp: both must return the same.
func TestKernelAgrees(t *testing.T) {
	if err := features.HaveProgramType(ebpf.XDP); err != nil {
		t.Skipf("this kernel or user cannot load programs: %v", err)
	}
	p := linuxhooks.Platform()
	typ, ok := p.TypeByName("xdp")
	if !ok {
		t.Fatal("there is no program type xdp")
	}
	want := 1500
	if testing.Short() {
		want = 100
	}
	loaded, refused, runs := 0, 0, 0
	for seed := uint64(0); loaded < want; seed++ {
		if refused > 10*want {
			t.Fatalf("the kernel refused %d programs of %d", refused, refused+loaded)
		}
		prog := Generate(seed, Config{Type: typ, Length: 60, Loops: true, Calls: true})
		insts, err := isa.Decode(prog.Code)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		// Unaligned atomics are refused by some kernels, unset registers by all.
		kernel, err := load(prog)
		if err != nil {
			refused++
			continue
		}
		loaded++
		rng := rand.New(rand.NewPCG(seed, 1))
		for run := range uint64(4) {
			packet := make([]byte, 14+rng.IntN(60))
			for i := range packet {
				packet[i] = byte(rng.Uint32())
			}
			m := interp.New(interp.Program{Insts: insts, Platform: p, Type: typ}, interp.Input{Packet: packet, Seed: run}, interp.Options{})
			// The fields of xdp_md behind the pointers are the kernel's: not compared.
			if readsContext(insts, typ.Context.Meta+4) {
				break
			}
			got, err := m.Run(context.Background(), 1_000_000)
			var fault *interp.Fault
			if errors.As(err, &fault) {
				break // the kernel lets root read what was never written
			}
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			result, err := kernel.Run(&ebpf.RunOptions{Data: bytes.Clone(packet), Repeat: 1})
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if uint32(got) != result {
				t.Fatalf("seed %d, run %d: the kernel returns %#x, interp %#x\n%s", seed, run, result, uint32(got), listing(insts))
			}
			runs++
		}
		kernel.Close()
	}
	if runs < want {
		t.Errorf("only %d runs of %d programs could be compared", runs, loaded)
	}
	t.Logf("%d programs, %d runs: the kernel and interp agree; the kernel refused %d programs", loaded, runs, refused)
}

func load(p Program) (*ebpf.Program, error) {
	raw := isa.AppendBytes(nil, p.Code, binary.LittleEndian)
	insns, err := asm.AppendInstructions(nil, bytes.NewReader(raw), binary.LittleEndian, "linux")
	if err != nil {
		return nil, err
	}
	return ebpf.NewProgramWithOptions(&ebpf.ProgramSpec{Type: ebpf.XDP, Instructions: insns, License: "GPL"}, ebpf.ProgramOptions{LogDisabled: true})
}

// readsContext reports whether a program loads context bytes from an offset on.
func readsContext(insts []isa.Inst, from int) bool {
	for _, in := range insts {
		if in.Kind == isa.Load && in.Src == 6 && int(in.Off) >= from {
			return true
		}
	}
	return false
}
