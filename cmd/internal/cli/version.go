package cli

import (
	"runtime/debug"
	"strings"
)

// release is the version of a release build, set by the linker.
var release = ""

// Version names this build.
func Version() string {
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

// ForFlag is the first word of bpfls-server's line where bpfls starts it; the second
// is the version of bpfls. Both programs are of one version.
const ForFlag = "--for"
