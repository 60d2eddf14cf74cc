// Package clangdriver finds clang and the flags for a BPF source, runs it on a
// snapshot of the source and reads its diagnostics. It knows nothing of what
// happens to the object afterwards.
//
// One compilation is one run of clang. The text of the source is read once and
// given to clang through a virtual file overlay together with the caller's
// unsaved buffers, so that every line and column in the object refers to text
// that the caller has (Output.Sources), under the file's own name. Clang's
// diagnostics are read from the file that -serialize-diagnostics writes, not
// from the text for people. Everything clang writes goes to a directory of
// its own, removed before Compile returns.
package clangdriver

import (
	"context"
	"time"
)

// DefaultTimeout is the time that one run of clang may take where
// Settings.Timeout says nothing.
const DefaultTimeout = 30 * time.Second

// Settings are a user's choices. The zero value finds everything by itself.
type Settings struct {
	Clang   string   // path or name of clang; empty: found
	Flags   []string // added behind the defaults and those of compile_commands.json
	Headers []string // include directories searched first; or an ebpf-for-windows checkout or package
	// CompileCommands is the path of compile_commands.json; empty: found upwards.
	CompileCommands string
	// NoProject: nothing is taken from a compilation database, .clangd, go:generate line or
	// Makefile, wherever it is.
	NoProject bool
	// Dir is what relative paths in the fields above are relative to; empty:
	// the directory of the source.
	Dir string
	// Timeout bounds one run of clang; 0: DefaultTimeout.
	Timeout time.Duration
}

// Request is one compilation.
type Request struct {
	Path     string            // source, absolute
	Platform string            // "windows", "linux" or "auto"
	Overlay  map[string][]byte // contents that replace or add files, by absolute path
	Settings Settings
}

// Output is what a compilation gave. Object is nil where clang found errors.
type Output struct {
	Object      []byte
	Diagnostics []Diagnostic
	// Files are the files that were read, the source first, then headers in the
	// order in which clang entered them. Absolute and clean.
	Files []string
	// Sources are the very contents that were compiled, by path in Files. A
	// header that changed while clang ran, time and again, is not in it.
	Sources map[string][]byte
	// Missing are the paths that were searched in vain; a file that appears at
	// one of them makes the output out of date.
	Missing  []string
	Platform string // decided: "windows" or "linux"
	Why      string // how Platform was decided, for people: "includes ebpf_nethooks.h"
	// Command is the command that a person can type to get the same object:
	// what was run without the overlay and the temporary files.
	Command []string
	Flags   []Flag // those of Command, each with its origin
	Ignored []Flag // flags that were asked for and not taken; Reason says why
	Clang   Clang
	// Crashed: clang ended before it was done, by a signal or a fault of its own. What
	// Diagnostics say of that is not known to be the source's fault.
	Crashed bool
}

// Clang is a compiler that was found.
type Clang struct {
	Path    string
	Version string // "19.1.7"
	Major   int
	Origin  string // where it was found: "setting", "PATH", "/usr/lib/llvm-19/bin", ...
}

// Flag is an argument of clang, with its value where that is an argument of its
// own, and where it came from.
type Flag struct {
	Args   []string // "-I", "/src/include"
	Origin string   // "default", "setting", "/src/compile_commands.json", "found upwards: /src/vmlinux.h"
	Reason string   // of an ignored flag: why
}

// Severities of a Diagnostic. A fatal error is an error.
const (
	SeverityError   = "error"
	SeverityWarning = "warning"
	SeverityNote    = "note"
	SeverityRemark  = "remark"
)

// Diagnostic is an error, warning or note of clang. Lines and columns count
// from 1, columns in bytes of UTF-8; a range ends before EndColumn. File is
// empty and Line 0 where clang named no place (an unknown argument, a crash).
type Diagnostic struct {
	Severity           string // SeverityError, ...
	File               string // absolute
	Line, Column       int
	EndLine, EndColumn int
	Message            string
	Option             string // "-Wunused-variable"
	Category           string // clang's category: "Semantic Issue"
	// Header is the include that was not found, as written, where that is what
	// the error says. Message then says where it was looked for and what to do.
	Header string
	Notes  []Diagnostic
	Fixes  []Edit // all of them together are clang's proposal
}

// Edit replaces a range of a file by Text. Positions as in Diagnostic.
type Edit struct {
	File               string
	Line, Column       int
	EndLine, EndColumn int
	Text               string
}

// NotFoundError says that there is no usable clang and what to do about it.
type NotFoundError struct {
	Looked  []string // where it was looked for, with what was found wrong there
	Message string
}

func (e *NotFoundError) Error() string { return e.Message }

// MachineError says that a compilation failed for a reason that is not the source's: the
// disk is full, clang cannot be started, its output is gone. It may succeed later.
type MachineError struct{ Err error }

func (e *MachineError) Error() string { return e.Err.Error() }

func (e *MachineError) Unwrap() error { return e.Err }

// TimeoutError says that clang did not finish within the time limit. It and
// everything it started were killed.
type TimeoutError struct {
	Path  string // source
	Limit time.Duration
}

func (e *TimeoutError) Error() string {
	return e.Path + ": clang did not finish within " + e.Limit.String() +
		" and was stopped; raise the limit (bpfls.clang.timeout) if the source needs it"
}

func (e *TimeoutError) Unwrap() error { return context.DeadlineExceeded }

// Driver finds and runs clang. It caches what it knows of compilers and
// compilation databases by path and time of modification; safe for concurrent
// use. The zero value is ready.
type Driver struct {
	// TempDir is where the directory of a run is made; empty: os.TempDir().
	TempDir string
	// Env is the environment that clang is found with and runs in, as os.Environ
	// gives it; nil: the process's own.
	Env []string

	// PrecompiledDir is where precompiled headers are kept, for this and later processes;
	// empty: none are made. It may be shared by several processes.
	PrecompiledDir string

	// KeepAbandoned has RemoveAbandoned remove nothing, for those who want to see what clang
	// left.
	KeepAbandoned bool

	precompileAll bool // also what compiles quickly, for tests

	usual []string // patterns of usual places; nil: those of the system
	cache cache
}

var shared Driver

// Shared is the Driver that the package's functions use.
func Shared() *Driver { return &shared }

// CompileHeader compiles the header req.Path alone, so that the BTF of the object
// holds typeName ("struct xdp_md", or the name of a typedef). The header need
// not include what declares the fixed-width integers. Errors as those of Compile.
func CompileHeader(ctx context.Context, req Request, typeName string) (*Output, error) {
	return shared.CompileHeader(ctx, req, typeName)
}

// Doctor tells what Compile would do and why, without compiling. It has no
// error: what is wrong is part of what it tells. The source need not exist; an
// empty path asks about clang alone.
func Doctor(ctx context.Context, req Request) *Setup { return shared.Doctor(ctx, req) }

// Setup is what Compile would use for a source.
type Setup struct {
	Clang       Clang    // zero where Error is not nil
	Error       error    // why there is no clang: a *NotFoundError or a context error
	Looked      []string // every place that was looked at for clang, with what was there
	Oldest      bool     // Clang is older than OldestTested
	SourceError error    // the source cannot be read, or a setting is wrong; what follows is then empty

	Platform, Why   string
	Flags           []Flag
	Ignored         []Flag
	Headers         []HeaderDir // in the order of the search
	NotFound        []string    // includes that no directory has, skipped ones too
	CompileCommands string      // the database, "" where there is none
	InDatabase      bool        // the source has an entry of its own in it
	Command         []string
}

// HeaderDir is a directory where headers are looked for.
type HeaderDir struct {
	Path   string
	Origin string // as Flag.Origin; "clang" for those it has built in
	Exists bool
}
