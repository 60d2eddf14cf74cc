package verifier

import (
	"bpfls/isa"
	"bpfls/platform"
)

// Input is what is verified.
type Input struct {
	Code     []isa.Slot // relocated, subprograms appended
	Maps     []platform.Map
	Platform *platform.Platform
	Type     *platform.ProgramType
	// BigEndian says that the program runs on a big-endian machine: that its object
	// is big-endian (PREVAIL's runtime option big_endian).
	BigEndian bool
}

// Options choose what is checked. The zero value takes the platform's options.
type Options struct {
	Termination Tristate // every loop must be proven to end
	Limits      Limits
	// Assume holds facts to take for granted, for explanations; a run with
	// assumptions is never a verdict.
	Assume []Assumption
	// ContinueAfterFailure assumes every failed check and goes on. Such a run
	// is never a verdict.
	ContinueAfterFailure bool
	// VerdictOnly keeps no states: the Result has verdict, failures and bounds, and
	// knows no state of any point.
	VerdictOnly bool
}

// Tristate is yes, no or the platform's choice.
type Tristate uint8

// The values of Tristate.
const (
	Auto Tristate = iota
	On
	Off
)

// Limits bound the work by counts, never by a clock, so that verdicts do not
// depend on load. Zero values mean the defaults.
type Limits struct {
	Nodes  int // nodes of the control-flow graph after inlining
	Visits int // node visits in all; one of a very large state counts as several
	Edges  int // relations between two registers or stack cells, at one point
	Bytes  int // size of the states that are kept, one before and one behind each block
}

// Assumption is something assumed at all copies of an instruction: Premise or Branch if they
// are given, else the truth of a check.
type Assumption struct {
	Slot int
	// Check is the index of the check at that slot whose truth is assumed.
	Check   int
	Premise *Premise
	Branch  Branch
}

// Branch says which way control goes at a conditional jump. It splits what an analysis
// says into what it says of executions that go one way and of those that go the other.
type Branch uint8

// The branches.
const (
	AnyBranch Branch = iota
	Taken            // the jump is always taken
	NotTaken
)

// Premise is something that is assumed before an instruction runs and is checked: the
// executions of which it is not true are left out.
type Premise struct {
	// A - B <= C, unless one of the others is given.
	A, B Term
	C    int64
	// Types: register A.Reg has one of these types.
	Types TypeSet
	// Numbers: these bytes of the stack, counted from the top of the current frame, are
	// numbers; offsets are negative. Lo 0: none.
	Numbers Range
}

// Term is a quantity of a Premise.
type Term struct {
	Kind TermKind
	Reg  int8 // of TermSigned, TermUnsigned and TermOffset
}

// TermKind is what a Term stands for.
type TermKind uint8

// The kinds of terms.
const (
	TermZero       TermKind = iota // the number 0
	TermPacketSize                 // bytes from the packet's first to its end
	TermSigned                     // a register as int64
	TermUnsigned                   // a register as uint64
	TermOffset                     // a pointer's offset in its region
)

// Verdict is the outcome of a run.
type Verdict uint8

// The verdicts.
const (
	Unknown  Verdict = iota // a limit was reached, or the run was cancelled
	Pass                    // every check holds
	Fail                    // a check could not be proven
	Rejected                // the program cannot be judged: encoding, unavailable helper
)

// String returns the verdict's name in reports: pass, fail, rejected, unknown.
func (v Verdict) String() string {
	switch v {
	case Pass:
		return "pass"
	case Fail:
		return "fail"
	case Rejected:
		return "rejected"
	}
	return "unknown"
}

// Failure is a check that could not be proven.
type Failure struct {
	Label     string // PREVAIL's label: "4", "9/53", "12 (counter)", "4:14"
	Slot      int    // instruction, in slots of Input.Code
	CallPath  []int  // slots of the call instructions that led here, outermost first
	Message   string // PREVAIL's message without the label: `Invalid type (r1.type == map_fd)`
	Check     Check
	Reachable bool // false: reached only behind an assumed failure
}

// Result is what a run found. It is immutable and holds no pooled memory.
type Result struct {
	Verdict  Verdict
	Reason   string    // why Rejected or Unknown, in PREVAIL's words where it has some
	At       int       // slot that Reason speaks of, -1 if none
	Failures []Failure // in label order: the first is the one PREVAIL reports
	// LoopBound is the largest number of iterations of any loop; 0 where none
	// loops, -1 where termination was not checked.
	LoopBound    int
	Instructions int // instructions, inlined copies not counted again
	Stack        int // bytes of stack used by the deepest call chain, -1 unknown

	analysis *analysis // states for replay
	// mapShift is added to the map descriptors in the states of analysis; see For.
	mapShift int
}

// Visits returns how many nodes of the control-flow graph the run visited, 0 where there was
// none: what it cost. A visit of a very large state counts as several.
func (r *Result) Visits() int {
	if r.analysis == nil || r.analysis.run == nil {
		return 0
	}
	return r.analysis.run.visits
}
