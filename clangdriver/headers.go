package clangdriver

import (
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// efwHeaders are the headers of eBPF for Windows that a program includes and
// that Linux has none of the same name.
var efwHeaders = []string{
	"ebpf_core_structs.h", "ebpf_extension.h", "ebpf_extension_uuids.h", "ebpf_nethooks.h",
	"ebpf_program_attach_type_guids.h", "ebpf_program_types.h", "ebpf_result.h", "ebpf_structs.h",
	"ebpf_windows.h", "bpf_helpers_platform.h",
}

// builtinHeaders are those that clang brings along, for any target.
var builtinHeaders = []string{
	"float.h", "inttypes.h", "iso646.h", "limits.h", "stdalign.h", "stdarg.h", "stdatomic.h", "stdbool.h",
	"stddef.h", "stdint.h", "stdnoreturn.h", "tgmath.h",
}

// isEFWDir says whether a directory holds the headers of eBPF for Windows.
func isEFWDir(dir string) bool {
	return isFile(filepath.Join(dir, "ebpf_nethooks.h")) || isFile(filepath.Join(dir, "ebpf_structs.h"))
}

// headerRoot is the include directory of what a user names in Settings.Headers: that
// directory itself, an ebpf-for-windows package, or a checkout of it.
func headerRoot(dir string) string {
	for _, sub := range []string{"", "build/native/include", "include"} {
		if root := filepath.Join(dir, filepath.FromSlash(sub)); isEFWDir(root) {
			return root
		}
	}
	return dir
}

// headerParents lists the directories above a source in which headers are looked
// for: up to the root of the repository, or 12.
func headerParents(dir string) []string {
	const most = 12
	all := parents(dir)
	for i, up := range all {
		if i+1 == most || isDir(filepath.Join(up, ".git")) {
			return all[:i+1]
		}
	}
	return all
}

// foundDir is an include directory with where it came from.
type foundDir struct{ path, origin string }

// efwCheckout is the checkout of ebpf-for-windows that a directory lies in, "" if none.
func efwCheckout(dir string) string {
	for _, up := range parents(dir) {
		if isEFWDir(filepath.Join(up, "include")) && isDir(filepath.Join(up, "tests")) {
			return up
		}
	}
	return ""
}

// efwCheckoutDirs are the include directories that the checkout's own project
// compiles its samples with, those that exist.
func efwCheckoutDirs(root string) []string {
	var dirs []string
	for _, sub := range []string{
		"include", "external/bpftool", "tests/xdp", "tests/socket", "tests/sample/ext/inc", "tests/include",
		"tests/sample", "undocked/tests/sample/ext/inc",
	} {
		if dir := filepath.Join(root, filepath.FromSlash(sub)); isDir(dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// places collects directories that were looked at, for messages.
type places []string

func (p *places) add(place string) {
	if !slices.Contains(*p, place) {
		*p = append(*p, place)
	}
}

const efwPackagePattern = "packages/eBPF-for-Windows.*/build/native/include"

// findEFW gives the directory of the headers of eBPF for Windows for a source's
// directory, closest first, and says where it looked.
func findEFW(dir string, env environment, looked *places) (found foundDir, ok bool) {
	ups := headerParents(dir)
	for _, up := range ups {
		// packages.config style; restored by nuget beside the solution.
		matches, _ := filepath.Glob(filepath.Join(globQuote(up), "packages", "[eE][bB][pP][fF]-[fF]or-[wW]indows*", "build", "native", "include"))
		slices.SortFunc(matches, compareVersions)
		for _, m := range slices.Backward(matches) {
			if isEFWDir(m) {
				return foundDir{m, "found upwards"}, true
			}
		}
		for _, sub := range []string{"include", "ebpf-for-windows/include", "external/ebpf-for-windows/include"} {
			if m := filepath.Join(up, filepath.FromSlash(sub)); isEFWDir(m) {
				return foundDir{m, "found upwards"}, true
			}
		}
	}
	looked.add(efwPackagePattern + " (" + folders(len(ups)) + ")")
	looked.add("ebpf-for-windows/include (" + folders(len(ups)) + ")")
	var patterns []string
	home := env.get("USERPROFILE")
	if home == "" {
		home = env.get("HOME")
	}
	if root := env.get("NUGET_PACKAGES"); root != "" {
		patterns = append(patterns, filepath.Join(root, "ebpf-for-windows*", "*", "build", "native", "include"))
	} else if home != "" {
		patterns = append(patterns, filepath.Join(home, ".nuget", "packages", "ebpf-for-windows*", "*", "build", "native", "include"))
	}
	if programs := env.get("ProgramFiles"); programs != "" {
		patterns = append(patterns, filepath.Join(programs, "ebpf-for-windows", "include"))
	}
	for _, pattern := range patterns {
		matches, _ := filepath.Glob(pattern)
		slices.SortFunc(matches, compareVersions)
		for _, m := range slices.Backward(matches) {
			if isEFWDir(m) {
				return foundDir{m, "installed"}, true
			}
		}
		if rest, ok := strings.CutPrefix(pattern, home); ok && home != "" {
			pattern = "~" + rest
		}
		looked.add(filepath.ToSlash(pattern))
	}
	return foundDir{}, false
}

// windowsSDKDirs are the newest Windows SDK's directories that hold constants which
// programs share with user mode (ipifcons.h).
func windowsSDKDirs(env environment) []string {
	programs := env.get("ProgramFiles(x86)")
	if programs == "" {
		return nil
	}
	dirs, _ := filepath.Glob(filepath.Join(programs, "Windows Kits", "10", "Include", "*", "shared"))
	slices.SortFunc(dirs, compareVersions)
	return dirs[max(0, len(dirs)-1):]
}

// targetArch is the kernel's name of the host's architecture, as in
// __TARGET_ARCH_x86, and the names that directories have for it.
func targetArch(goarch string) (name string, dirs []string, triples []string) {
	switch goarch {
	case "amd64":
		return "x86", []string{"x86", "x86_64", "amd64"}, []string{"x86_64-linux-gnu"}
	case "arm64":
		return "arm64", []string{"arm64", "aarch64"}, []string{"aarch64-linux-gnu"}
	case "arm":
		return "arm", []string{"arm"}, []string{"arm-linux-gnueabihf", "arm-linux-gnueabi"}
	case "386":
		return "x86", []string{"x86", "i386"}, []string{"i386-linux-gnu"}
	case "riscv64":
		return "riscv", []string{"riscv"}, []string{"riscv64-linux-gnu"}
	case "ppc64le":
		return "powerpc", []string{"powerpc"}, []string{"powerpc64le-linux-gnu"}
	case "s390x":
		return "s390", []string{"s390"}, []string{"s390x-linux-gnu"}
	case "loong64":
		return "loongarch", []string{"loongarch"}, []string{"loongarch64-linux-gnu"}
	}
	return "", nil, nil
}

// linuxSystemDirs are the directories that clang for BPF searches by itself on
// this host, and the one that Debian keeps per architecture, which it does not.
func linuxSystemDirs() (own []string, perArch []string) {
	if runtime.GOOS != "linux" {
		return nil, nil
	}
	_, _, triples := targetArch(runtime.GOARCH)
	for _, t := range triples {
		if dir := filepath.Join("/usr/include", t); isDir(dir) {
			perArch = append(perArch, dir)
		}
	}
	return []string{"/usr/local/include", "/usr/include"}, perArch
}

// upwardSubs are the directories in each parent where a header that nothing else
// has is looked for.
func upwardSubs() []string {
	subs := []string{".", "include", "headers", "inc", "vmlinux", ".output", "build", "src"}
	_, archs, _ := targetArch(runtime.GOARCH)
	for _, arch := range archs {
		subs = append(subs, "vmlinux/"+arch, "vmlinux.h/include/"+arch, "include/"+arch, "headers/"+arch)
	}
	return subs
}

// findUpwards gives the directory above dir from which a name is found, and the
// paths where it was not.
func (s *snapshot) findUpwards(dir, name string) (found foundDir, missing []string, ok bool) {
	for _, up := range headerParents(dir) {
		for _, sub := range upwardSubs() {
			in := filepath.Join(up, filepath.FromSlash(sub))
			file := filepath.Join(in, filepath.FromSlash(name))
			if s.exists(file) {
				return foundDir{in, "found upwards"}, missing, true
			}
			missing = append(missing, file)
		}
	}
	return foundDir{}, missing, false
}

// libbpfSources are where checkouts keep libbpf's sources. There the headers have
// no directory named bpf, which programs write in front of them.
var libbpfSources = []string{
	"libbpf/src", "src/libbpf/src", "deps/libbpf/src", "third_party/libbpf/src", "third-party/libbpf/src",
	"external/libbpf/src", "lib/libbpf/src", "vendor/libbpf/src", "tools/lib/bpf",
}

// findLibbpf gives the directory of a libbpf checkout that has bpf/NAME.
func (s *snapshot) findLibbpf(dir, name string) (found foundDir, missing []string, ok bool) {
	rest, isBPF := strings.CutPrefix(name, "bpf/")
	if !isBPF {
		return foundDir{}, nil, false
	}
	for _, up := range headerParents(dir) {
		for _, sub := range libbpfSources {
			in := filepath.Join(up, filepath.FromSlash(sub))
			if s.exists(filepath.Join(in, filepath.FromSlash(rest))) {
				return foundDir{in, "found upwards"}, missing, true
			}
		}
		missing = append(missing, filepath.Join(up, "libbpf", "src", filepath.FromSlash(rest)))
	}
	return foundDir{}, missing, false
}

// libbpfView maps the headers of a checkout of libbpf to the names they have when
// installed: virtual directory VIEW, file VIEW/bpf/NAME is SRC/NAME.
func libbpfView(src string) (view string, files map[string]string) {
	view = filepath.Join(src, "installed-headers")
	files = map[string]string{}
	entries, _ := os.ReadDir(src)
	for _, e := range entries {
		if path.Ext(e.Name()) == ".h" && e.Type().IsRegular() {
			files[filepath.Join(view, "bpf", e.Name())] = filepath.Join(src, e.Name())
		}
	}
	return view, files
}

// folders says how far a walk went, for people.
func folders(n int) string {
	switch n {
	case 0, 1:
		return "this folder"
	case 2:
		return "1 folder up"
	}
	return itoa(n-1) + " folders up"
}
