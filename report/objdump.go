package report

import (
	"bufio"
	"fmt"
	"io"

	"bpfls/elfbpf"
	"bpfls/platform"
)

// ELFSections writes the section table as `llvm-objdump -h` does.
func ELFSections(w io.Writer, o *elfbpf.Object) error {
	b := bufio.NewWriter(w)
	width := 13
	for _, s := range o.Sections {
		width = max(width, len(s.Name))
	}
	fmt.Fprintf(b, "\n%s:\tfile format elf64-bpf\n\nSections:\nIdx %-*s Size     VMA              Type\n", o.Name, width, "Name")
	for _, s := range o.Sections {
		fmt.Fprintf(b, "%3d %-*s %08x %016x %s\n", s.Index, width, s.Name, s.Size, s.Address, sectionKind(s))
	}
	return b.Flush()
}

const (
	shtProgbits = 1
	shtNobits   = 8
	shfWrite    = 1
	shfAlloc    = 2
)

// sectionKind is what llvm-objdump calls a section.
func sectionKind(s elfbpf.Section) string {
	switch {
	case s.Text:
		return "TEXT"
	case s.Type == shtNobits && s.Flags&shfAlloc != 0:
		return "BSS"
	case s.Type == shtProgbits && s.Flags&shfAlloc != 0:
		return "DATA"
	case len(s.Name) > 6 && s.Name[:6] == ".debug":
		return "DEBUG"
	}
	return ""
}

// ObjdumpOptions choose what Objdump writes.
type ObjdumpOptions struct {
	Section, Program   string // only these; empty: all
	Bytes, Relocations bool
}

// Objdump writes instructions with their bytes and relocations as llvm-objdump
// -S and -r do.
func Objdump(w io.Writer, o *elfbpf.Object, p *platform.Platform, opt ObjdumpOptions) error {
	return fmt.Errorf("not built yet")
}
