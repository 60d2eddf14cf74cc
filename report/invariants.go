package report

import (
	"bufio"
	"fmt"
	"io"

	"bpfls/elfbpf"
	"bpfls/verifier"
	"bpfls/verifier/cfg"
)

// NetshInvariants writes what `netsh ebpf show verification` prints of a program at
// level verbose: the states before and after every block, up to the first failure.
// A program that fails is listed a second time, instruction by instruction.
func NetshInvariants(w io.Writer, p *elfbpf.Program, r *verifier.Result) error {
	g := r.Graph()
	if g == nil || r.Verdict != verifier.Pass && r.Verdict != verifier.Fail {
		return NetshVerification(w, p, r)
	}
	b := bufio.NewWriter(w)
	l := &listing{b: b, p: p, r: r, g: g, failures: map[string]verifier.Failure{}}
	for _, f := range r.Failures {
		if f.Reachable {
			l.failures[f.Label] = f
		}
	}
	if r.Verdict == verifier.Pass {
		l.write(true)
		fmt.Fprintf(b, "Verification succeeded\nProgram terminates within %d loop iterations\n", max(r.LoopBound, 0))
		return b.Flush()
	}
	b.WriteString("Verification failed\n\nVerification report:\n")
	l.write(true)
	l.write(false)
	if len(r.Failures) > 0 {
		writeFailure(b, p, r.Failures[0])
	}
	fmt.Fprintf(b, "%d errors\n\n", failedLabels(r))
	return b.Flush()
}

// listing writes a graph with its states.
type listing struct {
	b        *bufio.Writer
	p        *elfbpf.Program
	r        *verifier.Result
	g        *cfg.Graph
	failures map[string]verifier.Failure // by label
	source   string                      // the line that was written last
}

// write writes the blocks that are reached, up to the first failure; simplify
// merges chains of nodes.
func (l *listing) write(simplify bool) {
	l.source = ""
	for _, block := range l.g.Blocks(simplify) {
		first, last := block[0], block[len(block)-1]
		before := l.r.AtNode(first, false)
		if before.Bottom() {
			continue
		}
		fmt.Fprintf(l.b, "\nPre-invariant : %s\n", before.Text())
		l.labels("from", l.g.Predecessors(first))
		fmt.Fprintf(l.b, "%s:\n", l.g.Label(first))
		for _, id := range block {
			l.node(id)
			f, failed := l.failures[l.g.Label(id)]
			if !failed {
				continue
			}
			l.b.WriteString("\nVerification error:\n")
			if id != last {
				fmt.Fprintf(l.b, "After %s\n", l.r.AtNode(id, false).Text())
			}
			writeFailure(l.b, l.p, f)
			l.b.WriteString("\n")
			return
		}
		if after := l.r.AtNode(last, true); !after.Bottom() {
			l.labels("goto", l.g.Successors(last))
			fmt.Fprintf(l.b, "\nPost-invariant : %s\n", after.Text())
		}
	}
	l.b.WriteString("\n")
}

// node writes an instruction below its obligations, and its source line where
// that changes.
func (l *listing) node(id cfg.NodeID) {
	l.sourceLine(id)
	checks := l.g.Checks(id)
	for i := range checks {
		fmt.Fprintf(l.b, "  assert %s;\n", l.g.CheckText(id, &checks[i]))
	}
	fmt.Fprintf(l.b, "  %s;\n", l.g.InstText(id))
}

// sourceLine writes the source line of a node where it is not the one before.
func (l *listing) sourceLine(id cfg.NodeID) {
	if slot := l.g.Slot(id); slot >= 0 {
		if line, ok := l.p.Line(slot); ok && line.Text != l.source {
			l.b.WriteString("\n")
			writeLine(l.b, line)
			l.b.WriteString("\n")
			l.source = line.Text
		}
	}
}

func (l *listing) labels(direction string, ids []cfg.NodeID) {
	if len(ids) == 0 {
		l.b.WriteString("\n")
		return
	}
	fmt.Fprintf(l.b, "  %s ", direction)
	for i, id := range ids {
		if i > 0 {
			l.b.WriteByte(',')
		}
		l.b.WriteString(l.g.Label(id))
	}
	l.b.WriteString(";\n")
}
