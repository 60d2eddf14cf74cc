package session

import (
	"path/filepath"
	"strings"
)

// sourceNames are the file names that say BPF by themselves: libbpf
// and its bootstrap (x.bpf.c), the kernel's samples (x_kern.c).
var sourceNames = []string{"*.bpf.c", "*_kern.c", "*.kern.c", "*.ebpf.c"}

var (
	includeMark = pattern{text: `(?m)^[ \t]*#[ \t]*include[ \t]*["<]([^">]*/)?(bpf_helpers\.h|bpf_tracing\.h|bpf_core_read\.h|ebpf_nethooks\.h|vmlinux\.h)[">]`}
	secMark     = pattern{text: `(?m)^[^/\n]*\bSEC\s*\(\s*"`}
	attribute   = pattern{text: `(?m)^[^/\n]*__attribute__\s*\(\(.*\bsection\s*\(\s*"([^".][^"]*)"`}
	pragma      = pattern{text: `(?m)^[ \t]*#[ \t]*pragma[ \t]+clang[ \t]+section[ \t]+text[ \t]*=[ \t]*"[^".]`}
)

// isC reports whether a file may be a BPF source at all.
func isC(path string) bool { return strings.EqualFold(filepath.Ext(path), ".c") }

// detect decides whether a file is a BPF source from its name and text; why says what
// decided. Settings and compile commands are asked before it.
func detect(path, text string) (ok bool, why string) {
	if !isC(path) {
		return false, "not a C file"
	}
	base := strings.ToLower(filepath.Base(path))
	for _, pattern := range sourceNames {
		if match, _ := filepath.Match(pattern, base); match {
			return true, "its name is of the form " + pattern
		}
	}
	switch {
	case includeMark.get().MatchString(text):
		return true, "it includes a BPF header"
	case secMark.get().MatchString(text):
		return true, "it has SEC() marks"
	case pragma.get().MatchString(text):
		return true, "it has a #pragma clang section"
	case attribute.get().MatchString(text):
		return true, "it puts functions into sections of their own"
	}
	return false, "not a BPF source by its name, compile command, includes or section marks"
}
