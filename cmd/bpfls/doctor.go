package main

import (
	"fmt"

	"bpfls/clangdriver"
)

type doctorCmd struct {
	File string `arg:"" optional:"" help:"Source that the answers are for."`
}

func (c *doctorCmd) Run(p *program) error {
	setup := clangdriver.Doctor(p.ctx, clangdriver.Request{Path: c.File, Platform: "auto"})
	if setup.Error != nil {
		fmt.Fprintln(p.stdout, "clang: not found:", setup.Error)
		return &exit{code: exitUnjudged}
	}
	fmt.Fprintf(p.stdout, "clang: %s (%s, found in %s)\n", setup.Clang.Path, setup.Clang.Version, setup.Clang.Origin)
	return nil
}
