package session_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/features"

	"bpfls/explain"
	"bpfls/interp"
	"bpfls/isa"
	"bpfls/repair"
	"bpfls/session"
)

// TestWitnessInKernel takes programs for Linux that fail, and gives the witness that is
// found to the running kernel (BPF_PROG_TEST_RUN, nothing attached): the program with
// the fix returns there what it returns in interp. So does the program as it was, where
// the kernel accepts it and the interpreter, with zeros in place of what was never
// written, runs it to its end.
func TestWitnessInKernel(t *testing.T) {
	needClang(t)
	if err := features.HaveProgramType(ebpf.XDP); err != nil {
		t.Skipf("this kernel or user cannot load programs: %v", err)
	}
	const maps = `#include "linux.h"

struct key { __u64 id; __u8 kind; };
struct table { __u64 slots[16]; };
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __type(key, struct key);
    __type(value, __u64);
    __uint(max_entries, 16);
} ids SEC(".maps");
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __type(key, __u32);
    __type(value, struct table);
    __uint(max_entries, 1);
} tables SEC(".maps");
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __type(key, __u32);
    __type(value, __u64);
    __uint(max_entries, 16);
} counters SEC(".maps");

SEC("xdp") int program(struct xdp_md *ctx)
{
    __u8 *data = (__u8 *)(long)ctx->data, *end = (__u8 *)(long)ctx->data_end;
    if (data + 14 > end)
        return XDP_PASS;
`
	both := 0
	for _, test := range []struct {
		name, body string
		accepted   bool // by the kernel, as it is
	}{
		{"check too short", "    return data[23];", false},
		{"type of the packet", "    if (data[12] == 8 && data[13] == 1)\n        return data[30] + 3;\n    return XDP_DROP;", false},
		{"no entry", "    __u32 key = data[0];\n    __u64 *n = bpf_map_lookup_elem(&counters, &key);\n    *n += 1;\n    return *n + 7;", false},
		{"index", "    __u32 zero = 0;\n    struct table *t = bpf_map_lookup_elem(&tables, &zero);\n    if (!t)\n        return XDP_PASS;\n    return t->slots[data[3]] + 5;", false},
		{"padding", "    struct key key;\n    key.id = data[1];\n    key.kind = 1;\n    return bpf_map_lookup_elem(&ids, &key) ? XDP_DROP : 11;", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := maps + test.body + "\n}\n"
			out, path := runSource(t, text)
			po := out.Programs[0]
			if po.Report == nil || len(po.Report.Findings) == 0 {
				t.Fatal("nothing is found")
			}
			f, err := out.Evidence(context.Background(), po, 0, repair.Class, repair.Fixes)
			if err != nil {
				t.Fatal(err)
			}
			w := f.Evidence.Witness
			if w == nil || len(f.Evidence.Fixes) == 0 {
				t.Fatalf("no witness or no fix for %s (%s)", f.Message, f.Evidence.NoFix)
			}
			fixed, err := repair.Apply([]byte(text), f.Evidence.Fixes[0].Edits)
			if err != nil {
				t.Fatal(err)
			}
			mended, mendedPath := runSource(t, string(fixed))
			want, err := interpret(mended, w, interp.Options{})
			if err != nil {
				t.Fatalf("interp runs the program with %q into %v", f.Evidence.Fixes[0].Title, err)
			}
			got, err := inKernel(t, mendedPath, w)
			if err != nil {
				t.Fatalf("the program with %q: %v", f.Evidence.Fixes[0].Title, err)
			}
			if got != want {
				t.Errorf("%s, with %q: the kernel returns %d, interp %d", f.Evidence.Reason, f.Evidence.Fixes[0].Title, got, want)
			}
			// As it was.
			var fault *interp.Fault
			if _, err := interpret(out, w, interp.Options{}); !errors.As(err, &fault) {
				t.Errorf("interp runs the program to its end on its witness (%v)", err)
			}
			got, err = inKernel(t, path, w)
			if accepted := err == nil; accepted != test.accepted {
				t.Errorf("the kernel accepts the program as it was: %t (%v), want %t", accepted, err, test.accepted)
			}
			if err == nil {
				if want, err := interpret(out, w, interp.Options{ZeroStack: true}); err != nil || got != want {
					t.Errorf("as it was: the kernel returns %d, interp %d (%v)", got, want, err)
				}
				both++
			}
		})
	}
	if both == 0 {
		t.Error("the kernel accepts none of the programs that fail")
	}
}

// runSource takes a program for Linux through the pipeline.
func runSource(t *testing.T, text string) (*session.Outcome, string) {
	t.Helper()
	headers, err := filepath.Abs("testdata/programs")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "program.c")
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	req := session.Request{Path: path, Jobs: 1, NoFacts: true}
	req.Choices.Platform = "linux"
	req.Choices.Clang.Flags = []string{"-ffreestanding", "-I" + headers}
	out := session.Run(context.Background(), req)
	if out.Err != nil || len(out.Programs) != 1 {
		t.Fatalf("%v, %d programs\n%s", out.Err, len(out.Programs), text)
	}
	return out, path
}

// interpret runs the only program of an outcome on a witness.
func interpret(out *session.Outcome, w *explain.Witness, opt interp.Options) (uint32, error) {
	po := out.Programs[0]
	insts, err := isa.Decode(po.Program.Code)
	if err != nil {
		return 0, err
	}
	p := interp.Program{Insts: insts, Platform: out.Platform, Type: po.Type}
	in := interp.Input{Packet: w.Packet, Context: w.Context, Maps: map[int][]interp.Entry{}, Closed: true}
	for _, m := range out.Object.Maps {
		p.Maps = append(p.Maps, m.Map)
		for _, e := range w.Maps[m.Name] {
			in.Maps[m.FD] = append(in.Maps[m.FD], interp.Entry(e))
		}
	}
	result, err := interp.New(p, in, opt).Run(context.Background(), 100_000)
	return uint32(result), err
}

// inKernel runs the only program of a source on a witness in the running kernel.
func inKernel(t *testing.T, path string, w *explain.Witness) (uint32, error) {
	t.Helper()
	object := filepath.Join(t.TempDir(), "program.o")
	cmd := exec.Command("clang-19", "-target", "bpf", "-O2", "-g", "-ffreestanding", "-Itestdata/programs", "-c", path, "-o", object)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("clang: %v\n%s", err, out)
	}
	spec, err := ebpf.LoadCollectionSpec(object)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range spec.Programs {
		p.License = "GPL"
	}
	loaded, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{Programs: ebpf.ProgramOptions{LogDisabled: true}})
	if err != nil {
		return 0, err
	}
	defer loaded.Close()
	for name, entries := range w.Maps {
		for _, e := range entries {
			if err := loaded.Maps[name].Put(e.Key, e.Value); err != nil {
				t.Fatalf("map %s: %v", name, err)
			}
		}
	}
	opt := ebpf.RunOptions{Data: bytes.Clone(w.Packet), Repeat: 1}
	if w.Context != nil {
		opt.Context = w.Context
	}
	result, err := loaded.Programs["program"].Run(&opt)
	if err != nil {
		t.Fatalf("the kernel does not run the witness: %v", err)
	}
	return result, nil
}
