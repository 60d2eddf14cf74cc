package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"bpfls/explain"
	"bpfls/linuxhooks"
	"bpfls/platform"
	"bpfls/report"
	"bpfls/winhooks"
)

// release is the version of a release build, set by the linker.
var release = ""

// version names this build.
func version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return strings.TrimPrefix(v, "v")
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "devel-" + s.Value[:12]
		}
	}
	return "devel"
}

type versionCmd struct{}

func (c *versionCmd) Run(p *program) error {
	fmt.Fprintf(p.stdout, "bpfls %s (%s, %s/%s)\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}

type hooksCmd struct {
	Platform string   `help:"Platform: auto (both), windows or linux." default:"auto" enum:"auto,windows,linux" placeholder:"P"`
	Hooks    string   `help:"File that declares more hooks." placeholder:"FILE"`
	Names    []string `arg:"" optional:"" name:"hook" help:"Show these hooks in full: context and helpers."`
}

func (c *hooksCmd) Run(p *program) error {
	var platforms []*platform.Platform
	if c.Platform != "linux" {
		windows, _ := winhooks.Installed()
		platforms = append(platforms, windows)
	}
	if c.Platform != "windows" {
		platforms = append(platforms, linuxhooks.Platform())
	}
	if len(c.Names) == 0 {
		return report.Hooks(p.stdout, platforms)
	}
	for _, name := range c.Names {
		found := false
		for _, pl := range platforms {
			if t, ok := pl.TypeByName(name); ok {
				found = true
				if err := report.Hook(p.stdout, pl, t); err != nil {
					return err
				}
			}
		}
		if !found {
			return usage("no hook is named %s; bpfls hooks lists them", name)
		}
	}
	return nil
}

type explainCmd struct {
	Code string `arg:"" optional:"" help:"Code of a finding: BPF-packet-bounds. Without one, all codes are listed."`
}

func (c *explainCmd) Run(p *program) error {
	if c.Code == "" {
		for _, e := range explain.Catalogue() {
			fmt.Fprintf(p.stdout, "%-28s %s\n", e.Code, e.Title)
		}
		return nil
	}
	e, ok := explain.Lookup(c.Code)
	if !ok {
		return usage("no finding has the code %s; bpfls explain lists them", c.Code)
	}
	fmt.Fprintf(p.stdout, "%s: %s\n\n%s\n", e.Code, e.Title, report.Wrap(e.Text, 78))
	return nil
}
