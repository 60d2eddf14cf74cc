package explain

import (
	"bpfls/elfbpf"
	"bpfls/platform"
	"bpfls/position"
	"bpfls/verifier"
)

// Sources holds the texts that were compiled, by the path that line information
// gives. The zero value has none: findings then have a place but no expression.
type Sources map[string]*position.Mapper

// Input is what a program's report is made of.
type Input struct {
	Object   *elfbpf.Object
	Program  *elfbpf.Program
	Platform *platform.Platform
	Type     *platform.ProgramType
	Result   *verifier.Result // nil: Program.Err says why it was not judged
	Sources  Sources
	// ContextNote says how the program's own context type differs from the
	// hook's; empty where they agree or nothing is known of the program's.
	ContextNote string
}

// Explain makes the report of one program: findings in the user's terms and
// facts per line.
func Explain(in Input) *Program { return explain(in) }
