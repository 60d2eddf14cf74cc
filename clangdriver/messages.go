package clangdriver

import (
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// finishDiagnostics adds what clang does not know: how a header came in, where
// an include was looked for and what to do, where a flag came from.
func (c *compilation) finishDiagnostics(out *Output, g *includeGraph) {
	for i := range out.Diagnostics {
		d := &out.Diagnostics[i]
		if name, ok := notFoundName(d.Message); ok && d.Severity == SeverityError {
			d.Header = name
			d.Message += ": " + c.plan.advice(name) + " Looked at: " + c.plan.lookedAt(d.File, g.where[name]) + "."
		}
		if d.File == "" {
			d.Message += c.plan.flagOrigin(d.Message)
		}
		if d.File == "" || d.File == c.req.Path {
			continue
		}
		chain := g.chain(c.req.Path, d.File)
		for _, ref := range slices.Backward(chain) {
			d.Notes = append(d.Notes, Diagnostic{
				Severity: SeverityNote, File: ref.from, Line: ref.line, Column: ref.column,
				EndLine: ref.line, EndColumn: ref.column + ref.length,
				Message: "included from here",
			})
		}
	}
}

// flagOrigin says where a flag that clang complains about came from.
func (p *plan) flagOrigin(message string) string {
	for _, f := range p.flags {
		if f.Origin == "default" {
			continue
		}
		for _, a := range f.Args {
			if strings.Contains(message, "'"+a+"'") {
				return " (" + a + " is from: " + f.Origin + ")"
			}
		}
	}
	return ""
}

// advice is what to do for a header that was not found.
func (p *plan) advice(name string) string {
	base := filepath.Base(filepath.FromSlash(name))
	forWindows := "For eBPF for Windows: restore the NuGet package eBPF-for-Windows, or set bpfls.headers."
	switch {
	case strings.HasPrefix(base, "vmlinux") && filepath.Ext(base) == ".h":
		return "make it with: bpftool btf dump file /sys/kernel/btf/vmlinux format c > " + base + ", or set bpfls.headers."
	case slices.Contains(efwHeaders, base), p.platform == PlatformWindows && (strings.HasPrefix(base, "bpf_") || strings.HasPrefix(name, "net/")):
		return "installed nowhere that was looked at. " + forWindows
	case strings.HasPrefix(name, "bpf/") || base == "bpf_helpers.h" || base == "bpf_endian.h" || base == "bpf_tracing.h" || base == "bpf_core_read.h":
		s := "installed nowhere that was looked at. "
		if runtime.GOOS != "linux" {
			s += forWindows + " "
		}
		return s + "For Linux: install libbpf's headers (apt install libbpf-dev; dnf install libbpf-devel), or set bpfls.headers."
	case p.platform == PlatformLinux && (strings.HasPrefix(name, "linux/") || strings.HasPrefix(name, "asm/")):
		return "the kernel's headers for programs are not installed (apt install linux-libc-dev). Or set bpfls.headers."
	case p.platform == PlatformWindows && base == "ipifcons.h":
		return "it is part of the Windows SDK. Install that, or set bpfls.headers."
	}
	return "in no directory that is searched. Set bpfls.headers, or -I in bpfls.clang.flags."
}

// lookedAt lists where a header was looked for, for people: the source's own
// directory as ./, paths above it by how far up they are.
func (p *plan) lookedAt(includer string, paths []string) string {
	var list places
	for _, path := range paths {
		dir := filepath.Dir(path)
		rel, err := filepath.Rel(p.dir, dir)
		switch {
		case strings.Contains(filepath.ToSlash(dir), "/lib/clang/"): // clang's own headers
		case err == nil && rel == ".":
			list.add("./")
		case err == nil && filepath.IsLocal(rel):
			list.add("./" + filepath.ToSlash(rel))
		default:
			list.add(dir)
		}
	}
	if n := len(headerParents(p.dir)); n > 1 {
		list.add("include, headers and vmlinux (" + folders(n) + ")")
	}
	for _, l := range p.looked {
		list.add(l)
	}
	return strings.Join(list, ", ")
}
