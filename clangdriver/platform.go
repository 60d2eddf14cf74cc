package clangdriver

import (
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// The platforms of a Request and an Output.
const (
	PlatformWindows = "windows"
	PlatformLinux   = "linux"
	PlatformAuto    = "auto"
)

func itoa(n int) string { return strconv.Itoa(n) }

var platformComment = pattern{text: `(?m)//[ \t]*bpfls:[ \t]*platform[ \t]*=[ \t]*([A-Za-z]+)`}

// commentPlatform reads "// bpfls: platform=linux".
func commentPlatform(text []byte) (platform string, line int) {
	m := platformComment.get().FindSubmatchIndex(text)
	if m == nil {
		return "", 0
	}
	name := strings.ToLower(string(text[m[2]:m[3]]))
	if name != PlatformWindows && name != PlatformLinux {
		return "", 0
	}
	return name, 1 + strings.Count(string(text[:m[0]]), "\n")
}

// evidence is an include that tells the platform.
type evidence struct {
	platform string
	include  string // as written
	file     string // where it leads, "" where nowhere
}

func (e *evidence) why() string {
	if e.file != "" {
		return "includes " + e.include + " (" + e.file + ")"
	}
	return "includes " + e.include
}

// includeEvidence tells the platform of one include. A header that eBPF for
// Windows brings under a name of Linux (linux/bpf.h) is one of Windows where that
// is the one found.
func includeEvidence(ref reference, efwDirs []string) *evidence {
	if ref.probe {
		return nil // asks for a file; a program for both platforms does
	}
	e := &evidence{include: ref.name, file: ref.to}
	base := filepath.Base(filepath.FromSlash(ref.name))
	switch {
	case ref.to != "" && below(ref.to, efwDirs):
		e.platform = PlatformWindows
	case slices.Contains(efwHeaders, base):
		e.platform = PlatformWindows
	case strings.HasPrefix(base, "vmlinux") && filepath.Ext(base) == ".h",
		strings.HasPrefix(ref.name, "linux/"), strings.HasPrefix(ref.name, "asm/"), strings.HasPrefix(ref.name, "uapi/"),
		strings.HasPrefix(ref.name, "bpf/bpf_"), ref.name == "bpf/usdt.bpf.h":
		e.platform = PlatformLinux
	case ref.name == "bpf_helpers.h" || ref.name == "bpf_helper_defs.h" || ref.name == "bpf_endian.h":
		// Both have them. libbpf's come with more of its own.
		e.platform = PlatformWindows
		if ref.to != "" && isFile(filepath.Join(filepath.Dir(ref.to), "bpf_tracing.h")) {
			e.platform = PlatformLinux
		}
	default:
		return nil
	}
	return e
}

// decidePlatform decides for one platform, and says why: the setting, else a
// comment in the source, else the includes, else a checkout of ebpf-for-windows
// that the source lies in, else the host. Where includes speak
// for both (a program for both platforms), those of them that are found count,
// then the host. A host that is neither Windows nor Linux counts as Windows, which
// is what bpfls is for first.
func decidePlatform(setting string, text []byte, refs []reference, efwDirs []string, checkout string) (platform, why string) {
	if setting != "" && setting != PlatformAuto {
		return setting, "setting"
	}
	if p, line := commentPlatform(text); p != "" {
		return p, "comment in line " + itoa(line)
	}
	var first = map[string]*evidence{}
	for _, ref := range refs {
		e := includeEvidence(ref, efwDirs)
		if e == nil {
			continue
		}
		if old := first[e.platform]; old == nil || old.file == "" && e.file != "" {
			first[e.platform] = e
		}
	}
	windows, linux := first[PlatformWindows], first[PlatformLinux]
	switch {
	case windows == nil && linux == nil && checkout != "":
		return PlatformWindows, "lies in " + checkout + ", a checkout of ebpf-for-windows"
	case windows == nil && linux == nil:
		if runtime.GOOS == PlatformLinux {
			return PlatformLinux, "no include tells; the host is Linux"
		}
		if runtime.GOOS == PlatformWindows {
			return PlatformWindows, "no include tells; the host is Windows"
		}
		return PlatformWindows, "neither an include nor the host tells"
	case linux == nil || windows != nil && windows.file != "" && linux.file == "":
		return PlatformWindows, windows.why()
	case windows == nil || linux.file != "" && windows.file == "":
		return PlatformLinux, linux.why()
	case runtime.GOOS == PlatformLinux:
		return PlatformLinux, linux.why() + "; also " + windows.include + ", but the host is Linux"
	}
	return PlatformWindows, windows.why() + "; also " + linux.include
}
