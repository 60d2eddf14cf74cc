package cfg

// RejectKind is the kind of a rejection.
type RejectKind uint8

// The kinds of rejections.
const (
	Encoding    RejectKind = iota // the code cannot be decoded
	Unsupported                   // an instruction or function that the platform does not have
	Structure                     // jumps, calls, maps
	TooDeep                       // calls nested too deeply, recursion, tail calls
	Internal                      // PREVAIL stops with an internal error
	Limit                         // a limit of this package, not of PREVAIL
	Cancelled                     // Options.Stop said so
)

// Rejection says why a program has no graph.
type Rejection struct {
	Kind RejectKind
	// Text is PREVAIL's text, without "error: "; for Encoding without what
	// platforms write before it ("unmarshaling error at ", "parse failure: "):
	// "5: bad instruction op 0xff".
	Text string
	Slot int // instruction that it is about; -1 if none
	// Helper is the error of a helper lookup, or nil (*platform.HelperError).
	Helper error
}

// Error returns Text.
func (r *Rejection) Error() string { return r.Text }
