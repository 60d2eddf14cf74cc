package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"bpfls/elfbpf"
	"bpfls/isa"
	"bpfls/verifier"
	"bpfls/verifier/cfg"
)

// NetshSlice writes what `netsh ebpf show verification` prints of a program at level
// informational: of a program that fails the instructions that took part in its first
// failure, with what of their states matters.
func NetshSlice(w io.Writer, p *elfbpf.Program, r *verifier.Result) error {
	s := r.FailureSlice()
	if s == nil {
		return NetshVerification(w, p, r)
	}
	b := bufio.NewWriter(w)
	l := &listing{b: b, p: p, r: r, g: r.Graph(), failures: map[string]verifier.Failure{}}
	for _, f := range r.Failures {
		if f.Reachable {
			l.failures[f.Label] = f
		}
	}
	b.WriteString("Verification failed\n\nVerification report:\n")
	fmt.Fprintf(b, "=== Failure Slice 1 of 1 ===\n\n[ERROR] %s\n[LOCATION] %s\n", s.Failure.Message, l.g.Label(s.Node))
	if at := s.Relevant[s.Node]; at != nil {
		fmt.Fprintf(b, "[RELEVANT REGISTERS] %s\n", strings.Join(relevant(at), ", "))
	}
	fmt.Fprintf(b, "[SLICE SIZE] %d program points\n\n", len(s.Relevant))
	fmt.Fprintf(b, "[CONTROL FLOW] %s", strings.Join(l.flow(s), ", "))
	if s.Relevant[s.Node] != nil {
		b.WriteString(" FAIL")
	}
	b.WriteString("\n\n[CAUSAL TRACE]\n")
	for _, block := range l.g.Blocks(false) {
		if id := block[0]; s.Relevant[id] != nil {
			l.sliced(s, id)
		}
	}
	fmt.Fprintf(b, "\n%d errors\n\n", failedLabels(r))
	return b.Flush()
}

// relevant lists the registers and stack bytes that matter.
func relevant(r *verifier.Relevance) []string {
	var out []string
	for i := range 11 {
		if r.Registers&(1<<i) != 0 {
			out = append(out, fmt.Sprintf("r%d", i))
		}
	}
	for _, off := range r.Stack {
		out = append(out, fmt.Sprintf("stack[%d]", off))
	}
	return out
}

// flow lists the nodes of a slice; those that meet stand before the node where they do.
func (l *listing) flow(s *verifier.FailureSlice) []string {
	meet := map[cfg.NodeID][]cfg.NodeID{}
	for _, id := range s.Nodes() {
		var in []cfg.NodeID
		for _, p := range l.g.Predecessors(id) {
			if s.Relevant[p] != nil {
				in = append(in, p)
			}
		}
		if len(in) > 1 {
			meet[id] = in
		}
	}
	told := map[cfg.NodeID]bool{}
	for _, in := range meet {
		for _, p := range in {
			told[p] = meet[p] == nil
		}
	}
	var out []string
	for _, id := range s.Nodes() {
		if told[id] {
			continue
		}
		text := l.annotated(id)
		if in := meet[id]; in != nil {
			var ways []string
			for _, p := range in {
				ways = append(ways, l.annotated(p))
			}
			text = "{" + strings.Join(ways, " | ") + "} -> " + text
		}
		out = append(out, text)
	}
	return out
}

// annotated is a node's label, with the condition of a branch.
func (l *listing) annotated(id cfg.NodeID) string {
	op, word := l.g.Op(id), "if"
	switch {
	case op.Kind == cfg.Assume:
		word = "assume"
	case op.Kind != cfg.Instruction || op.Inst.Kind != isa.Jump || !op.Inst.Cond:
		return l.g.Label(id)
	}
	in := op.Inst
	in.Is64 = true // whichever half of the registers is compared: PREVAIL does not say
	return fmt.Sprintf("%s (%s %s)", l.g.Label(id), word, isa.ConditionText(&in))
}

// sliced writes a node of a slice with the states around it.
func (l *listing) sliced(s *verifier.FailureSlice, id cfg.NodeID) {
	before := l.r.AtNode(id, false)
	if before.Bottom() {
		return
	}
	rel := s.Relevant[id]
	preds := l.g.Predecessors(id)
	fmt.Fprintf(l.b, "\nPre-invariant : %s\n", before.TextOf(rel.Concerns))
	l.labels("from", preds)
	fmt.Fprintf(l.b, "%s:\n", l.g.Label(id))
	l.ways(s, id, preds)
	l.sourceLine(id)
	checks := l.g.Checks(id)
	for i := range checks {
		if m := verifier.CheckRegisters(&checks[i]); m == 0 || m&rel.Registers != 0 {
			fmt.Fprintf(l.b, "  assert %s;\n", l.g.CheckText(id, &checks[i]))
		}
	}
	fmt.Fprintf(l.b, "  %s;\n", l.plain(id))
	if f, failed := l.failures[l.g.Label(id)]; failed {
		l.b.WriteString("\nVerification error:\n")
		writeFailure(l.b, l.p, f)
		l.b.WriteString("\n")
	}
	if after := l.r.AtNode(id, true); !after.Bottom() {
		l.labels("goto", l.g.Successors(id))
		fmt.Fprintf(l.b, "\nPost-invariant : %s\n", after.TextOf(rel.Concerns))
	}
}

// ways writes what is known on each of several ways that meet at a node.
func (l *listing) ways(s *verifier.FailureSlice, id cfg.NodeID, preds []cfg.NodeID) {
	union := *s.Relevant[id]
	var in []cfg.NodeID
	for _, p := range preds {
		if r := s.Relevant[p]; r != nil {
			in = append(in, p)
			union.Add(r)
		}
	}
	if len(in) < 2 {
		return
	}
	l.b.WriteString("  --- join point: per-predecessor state ---\n")
	for _, p := range in {
		if after := l.r.AtNode(p, true); !after.Bottom() {
			fmt.Fprintf(l.b, "  from %s: %s\n", l.g.Label(p), after.TextOf(union.Concerns))
		}
	}
	l.b.WriteString("  --- end join point ---\n")
}

// plain is a node's instruction without what the platform knows of calls.
func (l *listing) plain(id cfg.NodeID) string {
	if op := l.g.Op(id); op.Kind == cfg.Instruction {
		return isa.Text(&op.Inst, nil)
	}
	return l.g.InstText(id)
}
