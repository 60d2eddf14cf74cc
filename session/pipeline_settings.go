package session

import (
	"fmt"
	"runtime"
	"strings"

	"bpfls/clangdriver"
	"bpfls/elfbpf"
	"bpfls/linuxhooks"
	"bpfls/platform"
	"bpfls/verifier"
	"bpfls/winhooks"
)

// resolved is what the caller's choices and bpfls.toml come to for one file.
type resolved struct {
	platform    string // "windows", "linux"; empty: chosen by the file
	platformWhy string
	typeName    string
	typeBy      string
	termination verifier.Tristate
	clang       clangdriver.Settings
}

func (r *resolved) platformName() string {
	if r.platform == "" {
		return "auto"
	}
	return r.platform
}

// settings resolves the caller's choices with bpfls.toml.
func (p *pipeline) settings() error {
	c := p.req.Choices
	p.cfg = resolved{termination: c.Termination, clang: c.Clang}
	switch c.Platform {
	case "", "auto":
	case "windows", "linux":
		p.cfg.platform, p.cfg.platformWhy = c.Platform, "asked for"
	default:
		return fmt.Errorf("there is no platform %q: choose auto, windows or linux", c.Platform)
	}
	if c.Type != "" {
		p.cfg.typeName, p.cfg.typeBy = c.Type, "--type"
	}
	return nil
}

// choosePlatform sets the platform: the chosen one, the compiler driver's, the
// host's.
func (p *pipeline) choosePlatform() error {
	name, why := p.cfg.platform, p.cfg.platformWhy
	switch {
	case name != "":
	case p.out.Compile != nil && p.out.Compile.Platform != "":
		name, why = p.out.Compile.Platform, p.out.Compile.Why
	case runtime.GOOS == "windows":
		name, why = "windows", "nothing else says so and this is Windows"
	default:
		name, why = "linux", "nothing else says so and this is not Windows"
	}
	p.out.Report.Platform, p.out.Report.Why = name, why
	p.out.Platform = linuxhooks.Platform()
	if name == "windows" {
		p.out.Platform = winhooks.Platform()
	}
	if p.cfg.typeName != "" {
		if _, ok := p.out.Platform.TypeByName(p.cfg.typeName); !ok {
			return fmt.Errorf("%s knows no program type %q (%s); it knows %s", name, p.cfg.typeName, p.cfg.typeBy,
				strings.Join(p.out.Platform.TypeNames(), ", "))
		}
	}
	return nil
}

// programType chooses a program's type and says what chose it.
func (r *resolved) programType(pl *platform.Platform, prog *elfbpf.Program) (*platform.ProgramType, string) {
	if r.typeName != "" {
		if t, ok := pl.TypeByName(r.typeName); ok {
			return t, r.typeBy
		}
	}
	t, _, ok := pl.Match(prog.Section)
	if !ok {
		return t, ""
	}
	return t, "section"
}
