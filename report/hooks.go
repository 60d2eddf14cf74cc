package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"bpfls/platform"
)

// Hooks writes a table of the program types of platforms.
func Hooks(w io.Writer, platforms []*platform.Platform) error {
	b := bufio.NewWriter(w)
	for i, p := range platforms {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(b, "%s\n", p.Name)
		fmt.Fprintf(b, "  %-22s %7s  %s\n", "Type", "Context", "Sections")
		for _, t := range p.Types {
			size := "-"
			if t.Context != nil {
				size = fmt.Sprint(t.Context.Size)
			}
			fmt.Fprintf(b, "  %-22s %7s  %s\n", t.Name, size, strings.Join(t.Prefixes, " "))
			if t.Note != "" {
				fmt.Fprintf(b, "  %-22s %7s  (%s)\n", "", "", t.Note)
			}
		}
	}
	return b.Flush()
}

// Hook writes what is known of one program type.
func Hook(w io.Writer, p *platform.Platform, t *platform.ProgramType) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "%s (%s, %s)\n", t.Name, p.Name, cmpOr(t.Origin, "built in"))
	if t.Doc != "" {
		fmt.Fprintf(b, "%s\n", Wrap(t.Doc, 78))
	}
	if t.Note != "" {
		fmt.Fprintf(b, "%s\n", t.Note)
	}
	fmt.Fprintf(b, "\nSections: %s\n", strings.Join(t.Prefixes, " "))
	if t.Header != "" {
		fmt.Fprintf(b, "Header: %s\n", t.Header)
	}
	if c := t.Context; c != nil {
		fmt.Fprintf(b, "Context: %s, %d bytes\n", cmpOr(c.TypeName, "structure"), c.Size)
		for _, f := range c.Fields {
			role := ""
			switch f.Offset {
			case c.Data:
				role = "  first byte of the packet"
			case c.End:
				role = "  behind the last byte of the packet"
			case c.Meta:
				role = "  first byte of the metadata before the packet"
			}
			fmt.Fprintf(b, "  %4d  %3d  %-20s %s%s\n", f.Offset, f.Size, f.Type, f.Name, role)
		}
	}
	b.WriteString("\nHelpers:\n")
	helpers := append(slices.Clone(p.General), t.Helpers...)
	for i := range helpers {
		h := &helpers[i]
		if usable, err := p.Helper(h.ID, t); err != nil || usable.Name != h.Name {
			continue
		}
		fmt.Fprintf(b, "  %5d  %s(%s)\n", h.ID, h.Name, strings.Join(arguments(h), ", "))
	}
	return b.Flush()
}

func arguments(h *platform.Helper) []string {
	var args []string
	for i, a := range h.Args {
		if a == platform.ArgDontCare {
			break
		}
		s := a.String()
		if h.ArgNames[i] != "" {
			s = h.ArgNames[i] + ": " + s
		}
		args = append(args, s)
	}
	return args
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// Wrap breaks a text into lines of at most width columns.
func Wrap(text string, width int) string {
	var b strings.Builder
	n := 0
	for _, word := range strings.Fields(text) {
		if n > 0 && n+1+len(word) > width {
			b.WriteByte('\n')
			n = 0
		}
		if n > 0 {
			b.WriteByte(' ')
			n++
		}
		b.WriteString(word)
		n += len(word)
	}
	return b.String()
}
