// Command explain counts what the findings of many objects tell: places, C names, how
// much is underlined. It is a measure of package explain, not of the verifier.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"bpfls/elfbpf"
	"bpfls/explain"
	"bpfls/isa"
	"bpfls/session"
	"bpfls/verifier"
)

func main() {
	names := flag.Bool("names", false, "print the instructions of the objects given as arguments, with the names of their registers")
	verbose := flag.Bool("v", false, "print the findings that miss something")
	flag.Parse()
	if *names {
		for _, path := range flag.Args() {
			printNames(path)
		}
		return
	}
	_ = verbose
}

func run(path string) *session.Outcome {
	platform := "linux"
	if strings.HasPrefix(filepath.Base(path), "windows") || strings.Contains(path, "netsh") {
		platform = "windows"
	}
	return session.Run(context.Background(), session.Request{Path: path, NoFacts: true, Choices: session.Choices{Platform: platform}})
}

// printNames prints what a Namer says before every instruction.
func printNames(path string) {
	o := run(path)
	if o.Err != nil {
		fmt.Fprintln(os.Stderr, o.Err)
		os.Exit(2)
	}
	for _, p := range o.Programs {
		if p.Result == nil {
			continue
		}
		fmt.Printf("%s %s\n", p.Program.Section, p.Program.Name)
		in := explain.Input{Object: o.Object, Program: p.Program, Platform: o.Platform, Type: p.Type, Result: p.Result, Sources: o.Sources}
		namer := explain.NewNamer(in)
		insts, _ := isa.Decode(p.Program.Code)
		for slot, inst := range insts {
			if inst.Slots == 0 {
				continue
			}
			line, _ := p.Program.Line(slot)
			var known []string
			at := verifier.Point{Slot: slot}
			for r := range 10 {
				if n, ok := namer.Register(at, r); ok {
					known = append(known, fmt.Sprintf("r%d: %s", r, n))
				}
			}
			switch inst.Kind {
			case isa.Load:
				if n, ok := namer.Memory(at, int(inst.Src), int(inst.Off), int(inst.Width)); ok {
					known = append(known, "reads "+n.Expr)
				}
			case isa.Store, isa.Atomic:
				if n, ok := namer.Memory(at, int(inst.Dst), int(inst.Off), int(inst.Width)); ok {
					known = append(known, "writes "+n.Expr)
				}
			}
			text, _ := isa.ObjdumpText(p.Program.Code, slot, func(int) string { return "" })
			fmt.Printf("%4d %-40s %4d:%-3d %s\n", slot, text, line.Line, line.Column, strings.Join(known, "; "))
		}
	}
}

var _ = []any{elfbpf.Parse, regexp.MustCompile, slices.Sort[[]int]}
