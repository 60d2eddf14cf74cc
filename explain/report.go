// Package explain turns an Object and the verifier's Results into a Report: plain
// data that every front end shares. It knows no LSP, no terminal and no compiler.
package explain

// Report is what is known of one file. The JSON form of it (package report) is
// a contract; see docs/json.md.
type Report struct {
	Path     string
	Platform string // "windows", "linux"
	Why      string // how the platform was chosen
	Error    string // why the file could not be judged, with what to do; empty if it was
	Programs []*Program
}

// Program is the judgement of one program.
type Program struct {
	Section, Function string
	Type              string // program type; empty if none
	Verdict           string // pass, fail, rejected, unknown
	Reason            string
	Engine            string // "builtin", "kernel"
	Instructions      int
	LoopBound         int // -1: not known
	Stack             int // -1: not known
	Checks            int // proof obligations, all inlined copies
	Seconds           float64
	File              string // where the function is defined; empty without line info
	Line, EndLine     int
	Findings          []Finding
	Lines             []LineFacts
}

// Finding is a failure or rejection in the user's terms.
type Finding struct {
	Code            string // "BPF-packet-bounds"
	Severity        string // "error", "warning"
	Engine          string
	Message         string // one sentence
	VerifierMessage string // "4: Invalid type (r1.type == map_fd)"
	Instruction     int    // slot, -1 none
	Label           string // PREVAIL's label; empty where the message is about no instruction
	CallPath        []int  // slots of the calls that lead to the instruction, outermost first
	Range           Range
	Text            string // the source line of Range as it was compiled; empty if not known
	Consequences    int
	MissingFact     string
	Related         []Related
}

// Range is a place in a source. Lines and columns count from 1, columns in
// bytes of UTF-8; it ends before EndColumn. Line 0 means that no place is known.
type Range struct {
	File               string
	Line, Column       int
	EndLine, EndColumn int
}

// Related is a place that helps to understand a finding.
type Related struct {
	Range   Range
	Message string
}

// LineFacts are the facts of one C line of a program.
type LineFacts struct {
	File        string
	Line        int
	Slots       []int // instructions of the line, in order
	Checks      int   // obligations of the line, all copies
	Proven      int
	Unreachable bool // the verifier never gets there
}
