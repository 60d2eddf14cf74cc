//go:build unix

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"

	"bpfls/elfbpf"
	"bpfls/linuxhooks"
	"bpfls/platform"
	"bpfls/verifier"
)

// verifyAll verifies all programs in this process, each object read once.
func verifyAll(rows []row, root, cpu, memory string) error {
	if cpu != "" {
		f, err := os.Create(cpu)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	if memory != "" {
		runtime.MemProfileRate = 4096
		defer writeAllocations(memory)
	}
	p := linuxhooks.Platform()
	objects := map[string][]row{}
	var order []string
	for _, r := range rows {
		if objects[r.object] == nil {
			order = append(order, r.object)
		}
		objects[r.object] = append(objects[r.object], r)
	}
	for _, name := range order {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return err
		}
		o, err := elfbpf.Parse(name, data, elfbpf.Options{Platform: p})
		for _, r := range objects[name] {
			got := "rejected"
			if err == nil {
				if got, err = verify(o, p, r); err != nil {
					return fmt.Errorf("%v: %w", r, err)
				}
			}
			if got != r.verdict && (got == "pass") != (r.verdict == "pass") {
				return fmt.Errorf("%v: %s, the table says %s", r, got, r.verdict)
			}
		}
	}
	return nil
}

func verify(o *elfbpf.Object, p *platform.Platform, r row) (string, error) {
	typ, err := programType(p, r.typ)
	if err != nil {
		return "", err
	}
	for _, prog := range o.Programs {
		if prog.Section != r.section || prog.Name != r.function {
			continue
		}
		if prog.Err != nil {
			return "rejected", nil
		}
		maps := make([]platform.Map, len(o.Maps))
		for i, m := range o.Maps {
			maps[i] = m.Map
		}
		res, err := verifier.Analyze(context.Background(), verifier.Input{Code: prog.Code, Maps: maps, Platform: p, Type: typ, BigEndian: o.BigEndian()}, verifier.Options{})
		if err != nil {
			return "", err
		}
		return res.Verdict.String(), nil
	}
	return "", fmt.Errorf("no such program")
}

func programType(p *platform.Platform, name string) (*platform.ProgramType, error) {
	if name == "lxc" { // a rule of PREVAIL's for its samples
		sched, _ := p.TypeByName("sched_cls")
		base, _ := p.TypeByName("socket_filter")
		typ := *base
		typ.Context = sched.Context
		return &typ, nil
	}
	typ, ok := p.TypeByName(name)
	if !ok {
		return nil, fmt.Errorf("no program type %q", name)
	}
	return typ, nil
}

func writeAllocations(name string) {
	f, err := os.Create(name)
	if err == nil {
		err = pprof.Lookup("allocs").WriteTo(f, 0)
		f.Close()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-corpus:", err)
	}
}
