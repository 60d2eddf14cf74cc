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
	Asserts           []Assert
}

// Assert is the answer to a comment "bpfls: assert EXPRESSION". It changes no verdict.
type Assert struct {
	Range      Range // of the comment's text
	Expression string
	Verdict    string // "proved", "not proved", "unreachable", "no answer"
	Reason     string // what is known, or why there is no answer
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
	MissingFact     string // what would have to hold, in C; empty: not asked for or not known
	Related         []Related
	Evidence        Evidence
	// Allowed is the reason that a comment gives for allowing the finding: editors
	// hide it then. It changes no verdict.
	Allowed string
}

// Evidence is what package repair found out about a finding by running things
// again. It is made on request only, and its zero value says that nobody asked.
type Evidence struct {
	// Class is ClassBug, ClassPrecision or ClassCompiler; empty without evidence.
	Class string
	// Reason says how the class was shown, in one sentence: "a packet of 14 bytes
	// with h_proto 0x0800 reads behind its end".
	Reason  string
	Witness *Witness // of ClassBug
	// FactAt is the outermost line where stating the finding's MissingFact suffices;
	// Line 0: that of the finding, or not known.
	FactAt Range
	Fixes  []Fix
	// NoFix says why Fixes is empty, in words that go on from "no fix:".
	NoFix string
}

// The classes of findings.
const (
	ClassBug       = "bug"            // an input runs into the violation
	ClassPrecision = "lost precision" // true on every way, lost where ways meet
	ClassCompiler  = "compiler"       // another way to compile the same source verifies
)

// Witness is an input on which the program violates what the verifier asks for, in
// the form that BPF_PROG_TEST_RUN takes.
type Witness struct {
	Context []byte // as BPF_PROG_TEST_RUN takes it (ctx_in); nil where it takes none
	Packet  []byte // data_in; nil for hooks without a packet
	// Maps holds the entries that maps must have, by map name.
	Maps map[string][]MapEntry
}

// MapEntry is an entry of a map.
type MapEntry struct{ Key, Value []byte }

// Fix is a change of the sources that removes a finding.
type Fix struct {
	Title string // a verb phrase: "check the packet's length before reading"
	// Verified: with the edits applied the program was compiled and judged anew, the
	// finding is gone, no new one came, and the program returns what it returned on
	// inputs that it handled safely before.
	Verified bool
	// Inputs is the number of those inputs; fewer than 1,000 where few were found that
	// the program handles safely.
	Inputs int
	Edits  []Edit // of different places, in order
}

// Edit replaces a range of a source by a text. An empty range inserts.
type Edit struct {
	Range Range
	Text  string
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
