package lsp

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"bpfls/explain"
	"bpfls/position"
	"bpfls/report"
	"bpfls/session"
)

// maxPrograms is the number of programs that a hover shows for one line; a function
// in a header may be part of many.
const maxPrograms = 3

// hoverText is the text of a hover, in Markdown or plain. It is empty where there is
// nothing to say.
func hoverText(ctx context.Context, view session.View, at position.Point, markdown bool) string {
	w := &hoverWriter{markdown: markdown}
	if section := view.SectionAt(at); section != "" {
		w.hook(view, section)
		return w.String()
	}
	word := view.WordAt(at)
	w.helper(view, word)
	w.mapOrField(view, at, word)
	shown, more := 0, 0
	for _, run := range view.Runs {
		facts, edited := run.Facts(ctx, view.Path, at)
		if edited {
			w.stale()
			return w.String()
		}
		programs := w.programs(ctx, run, view.Path, at, word)
		for _, f := range facts {
			if shown == maxPrograms {
				more++
				continue
			}
			if shown == 0 && !run.Current {
				w.stale()
			}
			shown++
			w.facts(f, word, len(facts) > 1 || len(view.Runs) > 1 || programs)
		}
	}
	if more > 0 {
		w.line("and %d more programs", more)
	}
	return w.String()
}

// hoverWriter writes the text of one hover, in Markdown or plain.
type hoverWriter struct {
	strings.Builder
	markdown bool
}

// line writes a paragraph.
func (w *hoverWriter) line(format string, args ...any) {
	if w.Len() > 0 {
		w.WriteString("\n")
		if w.markdown {
			w.WriteString("\n")
		}
	}
	fmt.Fprintf(w, format, args...)
}

// code marks up a piece of code.
func (w *hoverWriter) code(s string) string {
	if w.markdown {
		return "`" + s + "`"
	}
	return s
}

// block writes a block of code.
func (w *hoverWriter) block(text string) {
	text = strings.TrimRight(text, "\n")
	if w.markdown {
		text = "```text\n" + text + "\n```"
	}
	w.line("%s", text)
}

func (w *hoverWriter) rule() {
	if w.markdown && w.Len() > 0 {
		w.line("---")
	}
}

func (w *hoverWriter) stale() {
	text := "out of date: verified before your last edit"
	if w.markdown {
		text = "*" + text + "*"
	}
	w.line("%s", text)
}

// facts writes what is known of a line in one program: of the word under the cursor
// first, then of what else the line mentions; behind it, apart, the machine's view.
func (w *hoverWriter) facts(f session.Facts, word string, name bool) {
	w.rule()
	if name {
		w.line("%s", w.title(f.Program.Report, f.Source))
	}
	if f.Reached {
		w.named(f, word)
	}
	switch {
	case !f.Reached:
		w.line("the verifier never gets here: no execution does")
	case f.Checks == 0:
		w.line("nothing to prove here")
	default:
		text := fmt.Sprintf("proven here: %d of %s", f.Proven, number(f.Checks, "check"))
		if f.Line.Checks > f.Checks {
			text += fmt.Sprintf(" (%d of %d in the line)", f.Line.Proven, f.Line.Checks)
		}
		w.line("%s", text)
	}
	for _, l := range f.Lookups {
		if l.Inlined {
			w.line("bpf2c inlines this lookup: %s is an array map, and the only map here", w.code(l.Map))
		} else {
			w.line("bpf2c calls the helper for this lookup: %s", l.Reason)
		}
	}
	if len(f.Slots) == 0 {
		return
	}
	w.rule()
	if f.Reached {
		w.state(f)
	}
	text := slotsText(f.Slots)
	if f.Copies > 1 {
		text += fmt.Sprintf(", in %d copies (one for each way of calls); the state is the first one's", f.Copies)
	}
	w.line("%s", text)
	row := report.ProgramRow{Program: f.Program.Program, Type: f.Program.Type}
	if listing, err := report.Listing(row, f.Platform, f.Slots); err == nil {
		w.block(strings.Join(listing, "\n"))
	}
}

// maxNamed is the number of values that a hover tells of besides the word under the
// cursor.
const maxNamed = 5

// named writes what is known under C names, and what the instructions change of it.
func (w *hoverWriter) named(f session.Facts, word string) {
	told := map[string]bool{}
	others := 0
	for _, own := range []bool{true, false} {
		for _, k := range f.Before {
			isOwn := k.Named && word != "" && (k.Variable == word || k.Name == word)
			if told[k.Name] || !k.Named || !isOwn && (own || !k.Mentioned || others == maxNamed) {
				continue
			}
			if told[k.Name] = true; !isOwn {
				others++
			}
			w.line("%s: %s", w.code(k.Name), k.Text)
		}
	}
	if others = 0; f.Proven < f.Checks {
		return // what holds behind is what the failed check was to prove
	}
	for _, k := range f.Changed {
		if k.Mentioned && others < maxNamed {
			others++
			w.line("then %s: %s", w.code(k.Name), k.Text)
		}
	}
}

// state writes registers, packet and stack.
func (w *hoverWriter) state(f session.Facts) {
	registers := w.known(f.Registers)
	if f.Packet != "" {
		registers = append(registers, f.Packet)
	}
	if len(registers) > 0 {
		w.line("registers: %s", strings.Join(registers, ", "))
	}
	if stack := w.known(f.Stack); len(stack) > 0 {
		w.line("stack: %s", strings.Join(stack, ", "))
	}
}

func (w *hoverWriter) known(list []explain.RawFact) []string {
	var out []string
	for _, k := range list {
		out = append(out, w.code(k.Name)+" = "+k.Value)
	}
	return out
}

// slotsText names instructions: "instructions 6 to 7, 9".
func slotsText(slots []int) string {
	var parts []string
	for i := 0; i < len(slots); {
		j := i
		for j+1 < len(slots) && slots[j+1] == slots[j]+1 {
			j++
		}
		if i == j {
			parts = append(parts, fmt.Sprint(slots[i]))
		} else {
			parts = append(parts, fmt.Sprintf("%d to %d", slots[i], slots[j]))
		}
		i = j + 1
	}
	word := "instructions "
	if len(slots) == 1 {
		word = "instruction "
	}
	return word + strings.Join(parts, ", ")
}

// programs writes the verdicts of the programs whose name is at the position. It
// reports whether there are any.
func (w *hoverWriter) programs(ctx context.Context, run session.RunView, path string, at position.Point, word string) bool {
	line, ok := run.Lines.Compiled(at.Line)
	any := false
	for _, p := range run.Outcome.Report.Programs {
		if !ok || p.Function != word || p.Line != line || filepath.Clean(p.File) != path {
			continue
		}
		if !any && !run.Current {
			w.stale()
		}
		any = true
		w.line("%s: %s", w.title(p, run.Source), verdictText(p))
		for _, po := range run.Outcome.Programs {
			if po.Report == p {
				w.functions(explain.Functions(run.Outcome.Explained(ctx, po)))
			}
		}
	}
	return any
}

// functions writes what the functions of a program cost, where it has more than one,
// and what bpf2c makes of its map lookups.
func (w *hoverWriter) functions(list []explain.FunctionFacts) {
	lookups, inlined := 0, 0
	for _, f := range list {
		for _, l := range f.Lookups {
			if lookups++; l.Inlined {
				inlined++
			}
		}
		if len(list) == 1 {
			continue
		}
		text := fmt.Sprintf("%s, stack %s", number(f.Instructions, "instruction"), number(f.Stack, "byte"))
		if f.LoopBound > 0 {
			text += ", at most " + number(f.LoopBound, "loop turn")
		}
		w.line("%s: %s", w.code(f.Name), text)
	}
	if lookups > 0 {
		w.line("bpf2c inlines %d of %s", inlined, number(lookups, "map lookup"))
	}
}

func (w *hoverWriter) title(p *explain.Program, source string) string {
	name := p.Section + " " + p.Function
	if w.markdown {
		name = "**" + strings.ReplaceAll(name, "_", "\\_") + "**"
	}
	return name + " in " + filepath.Base(source)
}

// verdictText is a program from above (also in the code lens).
func verdictText(p *explain.Program) string {
	var parts []string
	switch p.Verdict {
	case "pass":
		parts = append(parts, "verified. "+number(p.Instructions, "instruction"), number(p.Checks, "check"))
		if p.LoopBound > 0 {
			parts = append(parts, fmt.Sprintf("at most %s", number(p.LoopBound, "loop turn")))
		}
		if p.Stack >= 0 {
			parts = append(parts, fmt.Sprintf("stack %d bytes", p.Stack))
		}
	case "fail", "rejected":
		consequences := 0
		for _, f := range p.Findings {
			consequences += f.Consequences
		}
		text := number(max(len(p.Findings), 1), "finding")
		if p.Verdict == "rejected" {
			text = "rejected: " + strings.TrimSuffix(p.Reason, ".")
		} else if consequences > 0 {
			text += " (" + number(consequences, "consequence") + ")"
		}
		parts = append(parts, text+". "+number(p.Instructions, "instruction"))
	default:
		parts = append(parts, "not verified: "+p.Reason)
	}
	return strings.TrimSuffix(strings.Join(parts, ", "), ".") + "."
}

// hook writes what a section's hook is.
func (w *hoverWriter) hook(view session.View, section string) {
	for _, run := range view.Runs {
		for _, p := range run.Outcome.Programs {
			if p.Program.Section != section || p.Type == nil || p.Type.Context == nil {
				continue
			}
			var b strings.Builder
			if err := report.Hook(&b, run.Outcome.Platform, p.Type); err == nil {
				w.block(b.String())
			}
			return
		}
	}
}

// helper writes the prototype that the hook of the file's programs gives to a helper.
func (w *hoverWriter) helper(view session.View, name string) {
	for _, run := range view.Runs {
		for _, p := range run.Outcome.Programs {
			if name == "" || p.Type == nil {
				continue
			}
			h, ok := run.Outcome.Platform.HelperByName(name, p.Type)
			if !ok {
				continue
			}
			w.line("%s (helper %d, hook %s)", w.code(report.Prototype(h)), h.ID, p.Type.Name)
			switch {
			case h.Doc != "":
				w.line("%s", h.Doc)
			case strings.HasSuffix(h.Return.String(), "_or_null"):
				w.line("null means that there is none: compare the result with null before it is used")
			}
			return
		}
	}
}

// mapOrField writes what a map is, or what the platform says of a member of a context.
func (w *hoverWriter) mapOrField(view session.View, at position.Point, word string) {
	for _, run := range view.Runs {
		if f := view.ContextFieldAt(run, at); f != nil {
			w.contextField(f, word)
			return
		}
		use := run.Outcome.MapNamed(word)
		if use == nil {
			continue
		}
		if !run.Current {
			w.stale()
		}
		w.line("%s: %s", w.code(word), report.MapText(use.Map, use.Platform))
		w.line("%s", report.MapKind(use.Map, use.Platform))
		var users []string
		for _, p := range use.Programs {
			users = append(users, p.Section+" "+p.Name)
		}
		if len(users) > 0 {
			w.line("used by %s", strings.Join(users, ", "))
		}
		return
	}
}

// contextField writes where a member of a context is and what programs may do with it.
func (w *hoverWriter) contextField(f *session.ContextField, word string) {
	c := f.Type.Context
	name := f.Field.Name
	if name == "" {
		name = word
	}
	w.line("%s: bytes %d to %d of the context of hook %s (%s), %s", w.code(strings.TrimSpace(f.Field.Type+" "+name)),
		f.Field.Offset, f.Field.Offset+f.Field.Size-1, f.Type.Name, f.Platform.Name, number(f.Field.Size, "byte"))
	role := ""
	switch f.Field.Offset {
	case c.Data:
		role = "a pointer to the first byte of the packet"
	case c.End:
		role = "a pointer behind the last byte of the packet"
	case c.Meta:
		role = "a pointer to the metadata in front of the packet"
	}
	if role != "" {
		w.line("the verifier takes it for %s; programs may read it, not write it", role)
	} else {
		w.line("a number of any value to the verifier, which lets programs read and write it")
	}
	if f.Own != nil && (f.Own.Offset != f.Field.Offset || f.Own.Size != f.Field.Size) {
		w.line("this program's structure has it at bytes %d to %d", f.Own.Offset, f.Own.Offset+f.Own.Size-1)
	}
}

func number(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
