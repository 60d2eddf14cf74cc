// Package repair finds out about a finding what needs programs to be compiled,
// verified or run again: the fact that is missing, changes of the source that make
// the program pass, and whether the program is wrong or the verifier lost
// something. It works on request, and everything it does ends with the context.
//
// Nothing is claimed without evidence. A missing fact was assumed and the check
// then held; a fix was compiled and judged; a bug has an input that runs into it.
//
// It does no input or output: sources are edited and judged through a Judge.
package repair

import (
	"context"

	"bpfls/elfbpf"
	"bpfls/explain"
	"bpfls/platform"
	"bpfls/verifier"
)

// Subject is a program as it was judged.
type Subject struct {
	Object   *elfbpf.Object
	Program  *elfbpf.Program
	Platform *platform.Platform
	Type     *platform.ProgramType
	Result   *verifier.Result // nil where the verifier was not run
	Options  verifier.Options // of Result
	Report   *explain.Program
	// Sources are the texts that were compiled, by the path of line information,
	// and Path gives the path that reports show for one of those; nil: the same.
	Sources explain.Sources
	Path    func(string) string
	// Writable reports whether a file, by its path in reports, may be edited:
	// system headers may not. nil: all may.
	Writable func(file string) bool
	// Flags are those that the source was compiled with, as far as they matter to
	// what is generated: optimisation and instruction set.
	Flags []string
}

// Change is a changed way to make the same programs.
type Change struct {
	Edits []explain.Edit // of sources, in no particular order, not overlapping
	Flags []string       // further flags of the compiler, behind all others
	// other: where bytes were read that were never written, the programs are about other
	// bytes with the change than those that happened to be there: what they do then is
	// nothing to compare with.
	other bool
}

// Judged is what became of all programs of a source with a change.
type Judged struct {
	// Error says why there are no programs: it does not compile. Empty otherwise.
	Error    string
	Programs []*Subject
}

// Judge compiles a copy of a source with a change, verifies its programs and
// explains the results. The source itself stays as it is.
type Judge interface {
	// Judge returns an error where the change could not be tried at all: the
	// context's, or that of a compiler that cannot be run.
	Judge(ctx context.Context, c Change) (*Judged, error)
}

// Request asks for evidence about one finding of a program.
type Request struct {
	Subject *Subject
	// Others are the other programs of the same object, which a fix must not break.
	Others  []*Subject
	Finding int   // index in Subject.Report.Findings
	Judge   Judge // nil: the source is not there; nothing is compiled
	Parts   Part  // what is looked for; 0: everything
}

// Part is a kind of evidence, or several.
type Part uint8

// The kinds of evidence.
const (
	MissingFact Part = 1 << iota
	Class            // with the witness
	Fixes
)

// Evidence returns the finding with everything that could be found out about it:
// MissingFact and Evidence are filled in. The error is the context's or the
// judge's; what was found before it is in the finding.
func Evidence(ctx context.Context, req Request) (explain.Finding, error) {
	return evidence(ctx, req)
}

// Answers to probes.
const (
	Proved      = "proved"
	NotProved   = "not proved"
	Unreachable = "unreachable"
	Absent      = "not in the program" // the program has no code there
	NoAnswer    = "no answer"          // the expression cannot be evaluated; Reason says why
)

// Answer says whether an expression is always true at a place.
type Answer struct {
	Verdict string // Proved, NotProved, Unreachable, Absent, NoAnswer
	// Reason says in one sentence what is known: "len is between 0 and 255".
	Reason string
	// Slot is the instruction before which the expression was evaluated, -1 none.
	Slot int
}

// Probe evaluates a C expression on what the verifier knows before a line of a file (a
// path as in reports), or the next one with code, without changing the program. The
// expression is one comparison, or several with &&, of variables, members and
// constants, to which constants may be added. The error is the context's.
func Probe(ctx context.Context, s *Subject, file string, line int, expression string) (Answer, error) {
	return probe(ctx, s, file, line, expression)
}
