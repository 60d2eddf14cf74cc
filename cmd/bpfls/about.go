package main

import (
	"fmt"
	"runtime"
	"strings"

	"bpfls/cmd/internal/cli"
	"bpfls/explain"
	"bpfls/linuxhooks"
	"bpfls/platform"
	"bpfls/report"
	"bpfls/winhooks"
)

type versionCmd struct{}

func (c *versionCmd) Declare(*cli.Flags) {}

func (c *versionCmd) Run(p *cli.Program) error {
	fmt.Fprintf(p.Stdout, "bpfls %s (%s, %s/%s)\n", cli.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}

type hooksCmd struct {
	platformFlags
	names []string
}

func (c *hooksCmd) Declare(f *cli.Flags) {
	c.platformFlags.Declare(f) // auto: both
	f.Rest(&c.names, "hook", "Show these hooks in full: context and helpers.", true)
}

func (c *hooksCmd) Run(p *cli.Program) error {
	var platforms []*platform.Platform
	if c.platform != "linux" {
		windows, _ := winhooks.Installed()
		platforms = append(platforms, windows)
	}
	if c.platform != "windows" {
		platforms = append(platforms, linuxhooks.Platform())
	}
	if len(c.names) == 0 {
		return report.Hooks(p.Stdout, platforms)
	}
	for _, name := range c.names {
		found := false
		for _, pl := range platforms {
			if t, ok := pl.TypeByName(name); ok {
				found = true
				if err := report.Hook(p.Stdout, pl, t); err != nil {
					return err
				}
			}
		}
		if !found {
			return cli.Usage("no hook is named %s; bpfls hooks lists them", name)
		}
	}
	return nil
}

type explainCmd struct{ finding string }

func (c *explainCmd) Declare(f *cli.Flags) {
	f.Optional(&c.finding, "code", "Code of a finding: BPF-packet-bounds. Without one, all codes are listed.")
}

func (c *explainCmd) Run(p *cli.Program) error {
	if c.finding == "" {
		for _, e := range explain.Catalogue() {
			fmt.Fprintf(p.Stdout, "%-28s %s\n", e.Code, e.Title)
		}
		return nil
	}
	e, ok := explain.Lookup(c.finding)
	if !ok {
		meant := ""
		if near := explain.Nearest(c.finding); len(near) > 0 {
			meant = "; did you mean " + strings.Join(near, ", ") + "?"
		}
		return cli.Usage("no finding has the code %s%s; bpfls explain lists them", c.finding, meant)
	}
	return report.Page(p.Stdout, e.Page, p.Terminal)
}
