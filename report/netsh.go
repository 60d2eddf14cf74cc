package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"bpfls/elfbpf"
	"bpfls/isa"
	"bpfls/platform"
	"bpfls/verifier"
	"bpfls/verifier/cfg"
)

// ProgramRow is a program and its type, for tables.
type ProgramRow struct {
	Program *elfbpf.Program
	Type    *platform.ProgramType // nil: unspec
}

func (r ProgramRow) typeName() string {
	if r.Type == nil || r.Type.Context == nil {
		return "unspec"
	}
	return r.Type.Name
}

// NetshSections writes the tables of `netsh ebpf show sections`: programs, last
// one first, then maps.
func NetshSections(w io.Writer, rows []ProgramRow, maps []elfbpf.Map, p *platform.Platform) error {
	b := bufio.NewWriter(w)
	b.WriteString("\n")
	b.WriteString("                                                                     Size\n")
	b.WriteString("                       Section                   Program       Type  (bytes)\n")
	b.WriteString("==============================  ========================  =========  =======\n")
	for i := len(rows) - 1; i >= 0; i-- {
		r := rows[i]
		fmt.Fprintf(b, "%30s  %24s  %9s  %7d\n", r.Program.Section, r.Program.Name, r.typeName(), 8*len(r.Program.Code))
	}
	writeMaps(b, maps, p)
	return b.Flush()
}

func writeMaps(b *bufio.Writer, maps []elfbpf.Map, p *platform.Platform) {
	b.WriteString("\n")
	b.WriteString("                     Key  Value      Max\n")
	b.WriteString("          Map Type  Size   Size  Entries  Name\n")
	b.WriteString("==================  ====  =====  =======  ========\n")
	for _, m := range maps {
		name := "other"
		if !m.Global {
			name = p.MapType(m.Type).Name
		}
		if name == "" {
			name = "unspec"
		}
		fmt.Fprintf(b, "%18s%6d%7d%9d  %s\n", name, m.KeySize, m.ValueSize, m.MaxEntries, m.Name)
	}
}

// NetshStatistics writes `netsh ebpf show sections` at level verbose: for each
// program, last one first, its size and what its instructions are.
func NetshStatistics(w io.Writer, rows []ProgramRow, maps []elfbpf.Map, all []platform.Map, p *platform.Platform) error {
	b := bufio.NewWriter(w)
	for i := len(rows) - 1; i >= 0; i-- {
		r := rows[i]
		fmt.Fprintf(b, "\nSection      : %s\nProgram      : %s\nProgram Type : %s\nSize         : %d bytes\n",
			r.Program.Section, r.Program.Name, r.typeName(), 8*len(r.Program.Code))
		stats, err := Statistics(r, all, p)
		if err != nil {
			b.Flush()
			return err
		}
		for _, row := range stats {
			fmt.Fprintf(b, "%-13s: %d\n", row.Name, row.Count)
		}
	}
	writeMaps(b, maps, p)
	return b.Flush()
}

// Statistics counts a program's instructions by kind.
func Statistics(r ProgramRow, maps []platform.Map, p *platform.Platform) ([]cfg.StatRow, error) {
	if r.Program.Err != nil {
		return nil, r.Program.Err
	}
	opt := cfg.DefaultOptions(p)
	opt.UnreachableCalls = true
	g, rejection := cfg.Build(cfg.Input{Code: r.Program.Code, Maps: maps, Platform: p, Type: r.Type}, opt)
	if rejection != nil {
		return nil, rejection
	}
	stats := cfg.Count(g)
	return stats.Rows(), nil
}

// DisassemblyOptions say how a listing is headed.
type DisassemblyOptions struct {
	Title bool // the section and the function above the listing
}

// Disassembly writes a program in PREVAIL's notation, as `netsh ebpf show
// disassembly` and `prevail --asm` do: source lines where they change.
func Disassembly(w io.Writer, r ProgramRow, p *platform.Platform, opt DisassemblyOptions) error {
	insts, err := isa.Decode(r.Program.Code)
	if err != nil {
		return err
	}
	b := bufio.NewWriter(w)
	if opt.Title {
		fmt.Fprintf(b, "%s %s:\n", r.Program.Section, r.Program.Name)
	}
	resolve := cfg.CallResolver(p, r.Type)
	numbers := isa.ListingNumbers(insts)
	source := ""
	for slot := range insts {
		if insts[slot].Slots == 0 {
			continue
		}
		if l, ok := r.Program.Line(slot); ok && l.Text != source {
			writeLine(b, l)
			source = l.Text
		}
		fmt.Fprintf(b, "%8d:\t%s\n", numbers[slot], isa.ListingText(insts, numbers, slot, resolve))
	}
	b.WriteString("\n")
	return b.Flush()
}

func writeLine(b *bufio.Writer, l elfbpf.Line) {
	fmt.Fprintf(b, "; %s:%d\n; %s\n", l.File, l.Line, l.Text)
}

// NetshVerification writes what `netsh ebpf show verification` prints of a program
// at level normal.
func NetshVerification(w io.Writer, p *elfbpf.Program, r *verifier.Result) error {
	b := bufio.NewWriter(w)
	switch r.Verdict {
	case verifier.Pass:
		fmt.Fprintf(b, "Verification succeeded\nProgram terminates within %d loop iterations\n", max(r.LoopBound, 0))
	case verifier.Fail:
		b.WriteString("Verification failed\n\nVerification report:\n")
		if len(r.Failures) > 0 {
			writeFailure(b, p, r.Failures[0])
		}
		fmt.Fprintf(b, "%d errors\n\n", failedLabels(r))
	default:
		b.WriteString(netshReason(r.Reason) + "\n")
	}
	return b.Flush()
}

// writeFailure writes a failure below the source line that it is in.
func writeFailure(b *bufio.Writer, p *elfbpf.Program, f verifier.Failure) {
	if l, ok := p.Line(f.Slot); ok {
		b.WriteString("\n")
		writeLine(b, l)
		b.WriteString("\n")
	}
	fmt.Fprintf(b, "%s: %s\n\n", f.Label, f.Message)
}

// failedLabels counts the nodes that failed in the verdict's run.
func failedLabels(r *verifier.Result) int {
	labels := map[string]bool{}
	for _, f := range r.Failures {
		if f.Reachable {
			labels[f.Label] = true
		}
	}
	return len(labels)
}

// netshReason writes a rejection as netsh does.
func netshReason(reason string) string {
	for _, prefix := range []string{"error: ", "parse failure: "} {
		if strings.HasPrefix(reason, prefix) {
			return reason
		}
	}
	return "error: " + reason
}
