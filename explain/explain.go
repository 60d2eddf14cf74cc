package explain

import (
	"fmt"
	"strings"

	"bpfls/elfbpf"
	"bpfls/isa"
	"bpfls/platform"
	"bpfls/position"
	"bpfls/verifier"
)

// Sources holds the texts that were compiled, by the path that line information
// gives. Where it has no text, findings have a place but no expression.
type Sources map[string]*position.Mapper

// Input is what a program's report is made of.
type Input struct {
	Object   *elfbpf.Object
	Program  *elfbpf.Program
	Platform *platform.Platform
	Type     *platform.ProgramType
	Result   *verifier.Result // nil: Reason or Program.Err says why it was not judged
	Sources  Sources
	// Path turns a path of line information into the one that reports show; nil:
	// they show it as it is.
	Path func(string) string
	// Reason says why the program was not given to the verifier, and Advice what to
	// do; Code is the catalogue's code for it. Empty: Program.Err says so.
	Reason, Advice, Code string
	Unknown              bool // with Reason: the program was not judged at all
	// Context lists how the program's own context type differs from the hook's.
	Context []platform.ContextDifference
	// NoFacts leaves out the facts per line, which cost replays of states.
	NoFacts bool
	// VerdictOnly leaves out findings too.
	VerdictOnly bool
	// Stop, if not nil, is asked again and again: Explain returns nil once it says true.
	Stop func() bool
}

// Explain makes the report of one program: findings in the user's terms and
// facts per line. It returns nil only where Input.Stop ended it.
func Explain(in Input) *Program {
	p := &Program{
		Section:      in.Program.Section,
		Function:     in.Program.Name,
		Verdict:      verifier.Unknown.String(),
		Engine:       "builtin",
		Instructions: in.Program.Size / 8,
		LoopBound:    -1,
		Stack:        -1,
	}
	if in.Type != nil {
		p.Type = in.Type.Name
	}
	r := in.Result
	if in.VerdictOnly && r != nil && r.Verdict != verifier.Unknown {
		p.Verdict, p.Reason = r.Verdict.String(), r.Reason
		return p
	}
	e := newExplainer(in)
	p.File, p.Line, p.EndLine = e.extent()
	if r == nil || in.Reason != "" && r.Verdict == verifier.Rejected {
		e.unjudged(p)
		return p
	}
	p.Verdict = r.Verdict.String()
	p.Reason = r.Reason
	p.LoopBound, p.Stack = r.LoopBound, r.Stack
	if r.Instructions > 0 {
		p.Instructions = r.Instructions
	}
	switch r.Verdict {
	case verifier.Fail:
		p.LoopBound = -1
		p.Findings = e.findings()
	case verifier.Rejected, verifier.Unknown:
		p.LoopBound = -1
		p.Findings = []Finding{e.rejection(r)}
	case verifier.Pass:
		p.Findings = e.hazards(r)
	}
	if !in.NoFacts {
		p.Lines, p.Checks = e.lines()
	}
	if e.stopped() {
		return nil
	}
	return p
}

func (e *explainer) stopped() bool { return e.Stop != nil && e.Stop() }

func newExplainer(in Input) *explainer {
	e := &explainer{Input: in, texts: map[string]*source{}}
	e.insts, _ = isa.Decode(in.Program.Code)
	if len(e.insts) < len(in.Program.Code) {
		e.insts = append(e.insts, make([]isa.Inst, len(in.Program.Code)-len(e.insts))...)
	}
	return e
}

// slices returns the maker of the slices of the program's findings.
func (e *explainer) slices() *verifier.Slicer {
	if e.slicer == nil {
		e.slicer = e.Result.Slicer()
	}
	return e.slicer
}

// explainer holds what the findings of one program have in common.
type explainer struct {
	Input
	insts    []isa.Inst       // by slot
	causes   int              // checks whose cause was looked for
	slicer   *verifier.Slicer // made when first asked
	texts    map[string]*source
	single   map[string]*source             // see sourceOfLine
	from     *flow                          // made when first asked
	straight []block                        // by slot
	writes   []uint16                       // by slot: see effects
	scoped   map[int][]*elfbpf.Scope        // by slot
	relocs   map[string][]elfbpf.Relocation // by section
	names    *Namer                         // made when first asked
	failed   map[lineColumn][]*unproven     // see failing
}

// source returns the text of a file of line information, or nil.
func (e *explainer) source(file string) *source {
	if s, ok := e.texts[file]; ok {
		return s
	}
	var s *source
	if m := e.Sources[file]; m != nil {
		s = newSource(m)
	}
	e.texts[file] = s
	return s
}

// sourceOfLine returns the text of one line as a source of its own.
func (e *explainer) sourceOfLine(text string) *source {
	s, ok := e.single[text]
	if !ok {
		if e.single == nil {
			e.single = map[string]*source{}
		}
		s = newSource(position.New([]byte(text)))
		e.single[text] = s
	}
	return s
}

// isMacro reports whether one of the compiled texts defines a macro with parameters of
// this name, or one without that stands for such a macro. eBPF for Windows's helpers are
// macros without parameters: they stand for a function pointer.
func (e *explainer) isMacro(name string) bool {
	for range 8 { // macros may stand for each other
		alias := ""
		for file := range e.Sources {
			s := e.source(file)
			if s == nil {
				continue
			}
			if _, ok := s.Defined[name]; ok {
				return true
			}
			alias = or(alias, s.Aliases[name])
		}
		if alias == "" {
			return false
		}
		name = alias
	}
	return false
}

func (e *explainer) path(file string) string {
	if e.Path == nil {
		return file
	}
	return e.Path(file)
}

// unjudged fills in a program that the verifier was not given.
func (e *explainer) unjudged(p *Program) {
	p.Verdict = verifier.Rejected.String()
	if e.Unknown {
		p.Verdict = verifier.Unknown.String()
	}
	reason, advice := e.Reason, e.Advice
	message := reason
	if reason == "" && e.Program.Err != nil {
		reason = e.Program.Err.Error()
		message = reason
		if err, ok := e.Program.Err.(*elfbpf.Error); ok {
			reason, advice = err.Reason, err.Advice
			message = strings.TrimSuffix(strings.Join(append([]string{err.Reason}, err.Unresolved...), " "), ".")
		}
	}
	code := e.Code
	if code == "" {
		code = rejectionCode(reason)
	}
	if advice != "" {
		message = sentence(message) + " " + advice
		p.Reason = message
	} else {
		p.Reason = message
	}
	f := Finding{Code: code, Severity: "error", Engine: p.Engine, Message: sentence(message), Instruction: -1}
	switch {
	case e.Result != nil:
		f.VerifierMessage = e.Result.Reason
	case e.Reason == "":
		f.VerifierMessage = reason
	}
	f.Range, f.Text = e.functionRange()
	if code == "BPF-not-optimized" {
		if slots := e.Program.IndirectHelperCalls(); len(slots) > 0 {
			f.Instruction = slots[0]
			f.Range, f.Text = e.rangeAt(slots[0], wantCall, 0)
		}
	}
	p.Findings = []Finding{f}
}

// rejection explains why the verifier could not judge the program.
func (e *explainer) rejection(r *verifier.Result) Finding {
	f := Finding{Code: rejectionCode(r.Reason), Severity: "error", Engine: "builtin", Message: sentence(r.Reason), VerifierMessage: r.Reason, Instruction: r.At}
	if r.Verdict == verifier.Unknown && f.Code == "BPF-rejected" {
		f.Code = "BPF-limit"
	}
	if f.Code == "BPF-no-judgement" {
		f.Message = noJudgement(r.Reason)
	}
	if strings.Contains(r.Reason, "fallthrough in last instruction") {
		f.Message = "control runs off the end of the program: the compiler left out what follows, as it does behind undefined behaviour."
	}
	if r.At < 0 || r.At >= len(e.insts) {
		f.Instruction = -1
		f.Range, f.Text = e.functionRange()
		return f
	}
	in := e.insts[r.At]
	want := wantStatement
	if isCall(in) {
		want = wantCall
	}
	f.Range, f.Text = e.rangeAt(r.At, want, 0)
	if f.Code == "BPF-helper-unavailable" && in.Kind == isa.Call {
		if _, err := e.Platform.Helper(int32(in.Imm), e.Type); err != nil {
			if h, ok := err.(*platform.HelperError); ok {
				f.Message = sentence(h.Explain())
			}
		}
	}
	return f
}

// noJudgement says in which way PREVAIL stops with an error of its own.
func noJudgement(reason string) string {
	const stops = "PREVAIL stops here with an error of its own (%s): %s."
	switch {
	case strings.Contains(reason, "narrowing_error"):
		return fmt.Sprintf(stops, reason, "it cannot subtract the constant -2147483648, which has no positive counterpart in 32 bits")
	case strings.Contains(reason, "does not fit"):
		return fmt.Sprintf(stops, reason, "it shifts a value to the left of which its relations say that it is below 0 or above 64 bits")
	case strings.Contains(reason, "leads to bottom"):
		return fmt.Sprintf(stops, reason, "what it knows of the values in this instruction contradicts itself")
	}
	return fmt.Sprintf(stops, reason, "the program calls or jumps into the middle of what the verifier takes for one instruction")
}

// sentence makes a text end as a sentence does.
func sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || strings.HasSuffix(s, ".") || strings.HasSuffix(s, "!") || strings.HasSuffix(s, "?") {
		return s
	}
	return s + "."
}

// lines collects the facts of every line of the program and the number of checks.
func (e *explainer) lines() (facts []LineFacts, total int) {
	type key struct {
		file string
		line int
	}
	most := min(len(e.Program.Lines), len(e.insts)) // lines that begin somewhere
	facts = make([]LineFacts, 0, most/2)
	index := make(map[key]int32, most/2)
	var last key // most instructions are of the line of the one before
	at := int32(-1)
	of := make([]int32, len(e.insts)) // by slot: index in facts, or -1
	counts := []int32{}
	tallies := e.Result.Tallies()
	line := -1 // index in Program.Lines, of the line of the slot
	for slot := range e.insts {
		of[slot] = -1
		for line+1 < len(e.Program.Lines) && e.Program.Lines[line+1].Slot <= slot {
			line++
		}
		if e.insts[slot].Slots == 0 && slot > 0 && e.insts[slot-1].Slots == 2 {
			continue
		}
		if slot&15 == 0 && e.stopped() {
			return nil, 0
		}
		var t verifier.Tally
		if slot < len(tallies) {
			t = tallies[slot]
		}
		total += int(t.Checks)
		if line < 0 || e.Program.Lines[line].Line == 0 {
			continue
		}
		l := &e.Program.Lines[line]
		if k := (key{l.File, l.Line}); at < 0 || k != last {
			i, ok := index[k]
			if !ok {
				i = int32(len(facts))
				index[k] = i
				facts = append(facts, LineFacts{File: e.path(l.File), Line: l.Line, Unreachable: true})
				counts = append(counts, 0)
			}
			at, last = i, k
		}
		of[slot] = at
		counts[at]++
		f := &facts[at]
		f.Checks += int(t.Checks)
		f.Proven += int(t.Proven)
		if t.Reached {
			f.Unreachable = false
		}
	}
	// The lines share the memory of their slots.
	n := int32(0)
	slots := make([]int, len(e.insts))
	for i := range facts {
		facts[i].Slots = slots[n : n : n+counts[i]]
		n += counts[i]
	}
	for slot, i := range of {
		if i >= 0 {
			facts[i].Slots = append(facts[i].Slots, slot)
		}
	}
	return facts, total
}

// extent returns where the function is defined: its file, the line of its name
// and its last line that has code.
func (e *explainer) extent() (file string, first, last int) {
	own := e.Program.Size / 8
	raw := ""
	for _, l := range e.Program.Lines {
		if l.Slot >= own || l.Line == 0 {
			continue
		}
		if raw == "" {
			raw, first, last = l.File, l.Line, l.Line
		}
		if l.File == raw && l.Line > last {
			last = l.Line
		}
	}
	if raw == "" {
		return "", 0, 0
	}
	if s := e.source(raw); s != nil {
		if i := s.function(e.Program.Name); i >= 0 {
			first = s.Point(s.Tokens[i].Start).Line
			if end := s.functionEnd(i); end >= 0 {
				last = s.Point(s.Tokens[end].Start).Line
			}
		}
	}
	return e.path(raw), first, last
}
