package report

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"bpfls/explain"
	"bpfls/position"
)

// evidence writes what was found out about a finding on request.
func (p *printer) evidence(e *explain.Evidence) {
	if e.Class != "" {
		p.aside("class", e.Class+": "+e.Reason)
	}
	if w := e.Witness; w != nil {
		if w.Context != nil {
			p.aside("context", hexText(w.Context))
		}
		if w.Packet != nil {
			p.aside("packet", or(hexText(w.Packet), "(no bytes)"))
		}
		for _, name := range sortedKeys(w.Maps) {
			for _, entry := range w.Maps[name] {
				p.aside("map "+name, "key "+hexText(entry.Key)+", value "+hexText(entry.Value))
			}
		}
	}
	for _, f := range e.Fixes {
		verified := ""
		if f.Verified {
			verified = " (verified)"
		}
		p.aside("fix", f.Title+verified)
		p.diff(f.Edits)
	}
	if e.NoFix != "" {
		p.aside("no fix", e.NoFix)
	}
}

// hexText is bytes for readers: many zeros are counted. JSON has them all.
func hexText(b []byte) string {
	var out strings.Builder
	for len(b) > 0 {
		zeros := 0
		for zeros < len(b) && b[zeros] == 0 {
			zeros++
		}
		if zeros > 16 {
			fmt.Fprintf(&out, " (%d times 00) ", zeros)
			b = b[zeros:]
			continue
		}
		n := max(zeros, 1)
		out.WriteString(hex.EncodeToString(b[:n]))
		b = b[n:]
	}
	return strings.TrimSpace(out.String())
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// diff writes edits as a unified diff, with a line around each hunk.
func (p *printer) diff(edits []explain.Edit) {
	if p.Source == nil {
		return
	}
	edits = slices.Clone(edits)
	slices.SortStableFunc(edits, func(a, b explain.Edit) int {
		if c := strings.Compare(a.Range.File, b.Range.File); c != 0 {
			return c
		}
		if a.Range.Line != b.Range.Line {
			return a.Range.Line - b.Range.Line
		}
		return a.Range.Column - b.Range.Column
	})
	file, shift := "", 0
	for len(edits) > 0 {
		n := 1
		last := edits[0].Range.EndLine
		for n < len(edits) && edits[n].Range.File == edits[0].Range.File && edits[n].Range.Line <= last+3 {
			last = max(last, edits[n].Range.EndLine)
			n++
		}
		hunk := edits[:n]
		edits = edits[n:]
		m := p.Source(hunk[0].Range.File)
		if m == nil {
			continue
		}
		if hunk[0].Range.File != file {
			file, shift = hunk[0].Range.File, 0
			fmt.Fprintf(p, "        --- %[1]s\n        +++ %[1]s\n", p.path(file))
		}
		shift += p.hunk(m, hunk, last, shift)
	}
}

// hunk writes the edits of lines that lie together, and returns by how many lines the
// text grew.
func (p *printer) hunk(m *position.Mapper, edits []explain.Edit, last, shift int) int {
	first := edits[0].Range.Line
	from, to := max(first-1, 1), min(last+1, m.Lines())
	var old, changed strings.Builder
	at := position.Point{Line: first, Column: 1}
	text := m.Text()
	piece := func(end position.Point) {
		changed.Write(text[m.Offset(at):m.Offset(end)])
	}
	for _, e := range edits {
		piece(position.Point{Line: e.Range.Line, Column: e.Range.Column})
		changed.WriteString(e.Text)
		at = position.Point{Line: e.Range.EndLine, Column: e.Range.EndColumn}
	}
	piece(m.EndOfLine(last))
	old.Write(text[m.Offset(position.Point{Line: first, Column: 1}):m.Offset(m.EndOfLine(last))])
	before, after := lines(old.String()), lines(changed.String())
	head, tail := 0, 0
	for head < min(len(before), len(after)) && before[head] == after[head] {
		head++
	}
	for tail < min(len(before), len(after))-head && before[len(before)-1-tail] == after[len(after)-1-tail] {
		tail++
	}
	grown := len(after) - len(before)
	// Lines that stay at both ends are context; one of them is enough.
	fmt.Fprintf(p, "        @@ -%d,%d +%d,%d @@\n", from, to-from+1, from+shift, to-from+1+grown)
	line := func(mark, s string) { fmt.Fprintf(p, "        %s%s\n", mark, printable(s)) }
	if from < first {
		line(" ", string(m.Line(from)))
	}
	for _, s := range before[:head] {
		line(" ", s)
	}
	for _, s := range before[head : len(before)-tail] {
		line(p.mark(red, "-"), s)
	}
	for _, s := range after[head : len(after)-tail] {
		line(p.mark(green, "+"), s)
	}
	for _, s := range before[len(before)-tail:] {
		line(" ", s)
	}
	if to > last {
		line(" ", string(m.Line(to)))
	}
	return grown
}

func (p *printer) mark(color, s string) string { return p.color(color, s) }

func lines(s string) []string { return strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n") }

// Witness is an input on which a program violates what the verifier asks for; bytes are
// written in hexadecimal.
type Witness struct {
	Context *string      `json:"context"`
	Packet  *string      `json:"packet"`
	Maps    []WitnessMap `json:"maps"`
}

// WitnessMap holds the entries that a map must have.
type WitnessMap struct {
	Name    string         `json:"name"`
	Entries []WitnessEntry `json:"entries"`
}

// WitnessEntry is an entry of a map.
type WitnessEntry struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

func newWitness(w *explain.Witness) *Witness {
	if w == nil {
		return nil
	}
	out := &Witness{Maps: []WitnessMap{}}
	if w.Context != nil {
		s := hex.EncodeToString(w.Context)
		out.Context = &s
	}
	if w.Packet != nil {
		s := hex.EncodeToString(w.Packet)
		out.Packet = &s
	}
	for _, name := range sortedKeys(w.Maps) {
		m := WitnessMap{Name: name, Entries: []WitnessEntry{}}
		for _, e := range w.Maps[name] {
			m.Entries = append(m.Entries, WitnessEntry{hex.EncodeToString(e.Key), hex.EncodeToString(e.Value)})
		}
		out.Maps = append(out.Maps, m)
	}
	return out
}
