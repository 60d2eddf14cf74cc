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

func (c *versionCmd) declare(*flagSet) {}

func (c *versionCmd) Run(p *program) error {
	fmt.Fprintf(p.stdout, "bpfls %s (%s, %s/%s)\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}

type hooksCmd struct {
	platformFlags
	names []string
}

func (c *hooksCmd) declare(f *flagSet) {
	c.platformFlags.declare(f) // auto: both
	f.rest(&c.names, "hook", "Show these hooks in full: context and helpers.", true)
}

func (c *hooksCmd) Run(p *program) error {
	var platforms []*platform.Platform
	if c.platform != "linux" {
		windows, _ := winhooks.Installed()
		platforms = append(platforms, windows)
	}
	if c.platform != "windows" {
		platforms = append(platforms, linuxhooks.Platform())
	}
	if len(c.names) == 0 {
		return report.Hooks(p.stdout, platforms)
	}
	for _, name := range c.names {
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

type explainCmd struct{ finding string }

func (c *explainCmd) declare(f *flagSet) {
	f.optional(&c.finding, "code", "Code of a finding: BPF-packet-bounds. Without one, all codes are listed.")
}

func (c *explainCmd) Run(p *program) error {
	if c.finding == "" {
		for _, e := range explain.Catalogue() {
			fmt.Fprintf(p.stdout, "%-28s %s\n", e.Code, e.Title)
		}
		return nil
	}
	e, ok := explain.Lookup(c.finding)
	if !ok {
		meant := ""
		if near := explain.Nearest(c.finding); len(near) > 0 {
			meant = "; did you mean " + strings.Join(near, ", ") + "?"
		}
		return usage("no finding has the code %s%s; bpfls explain lists them", c.finding, meant)
	}
	return report.Page(p.stdout, e.Page, p.terminal)
}
