// Package clangdriver finds clang and the flags for a BPF source, runs it on a
// snapshot of the source and reads its diagnostics. It knows nothing of what
// happens to the object afterwards.
package clangdriver

import "context"

// Settings are a user's choices. The zero value finds everything by itself.
type Settings struct {
	Clang   string   // path or name of clang; empty: found
	Flags   []string // added behind the defaults
	Headers []string // include directories searched first; or an ebpf-for-windows checkout or package
	// CompileCommands is the path of compile_commands.json; empty: found upwards.
	CompileCommands string
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
	// Files are the files that were read, the source first, with the very
	// contents that were compiled where they are known.
	Files []string
	// Missing are the paths that were searched in vain; a file that appears at
	// one of them makes the output out of date.
	Missing  []string
	Platform string   // decided: "windows" or "linux"
	Why      string   // how Platform was decided
	Command  []string // as run, for doctor
	Clang    Clang
}

// Clang is a compiler that was found.
type Clang struct {
	Path    string
	Version string // "19.1.7"
	Major   int
	Origin  string // where it was found: setting, PATH, ...
}

// Diagnostic is an error, warning or note of clang. Lines and columns count
// from 1, columns in bytes of UTF-8; a range ends before EndColumn.
type Diagnostic struct {
	Severity           string // "error", "warning"
	File               string
	Line, Column       int
	EndLine, EndColumn int
	Message            string
	Option             string // "-Wunused-variable"
	Notes              []Diagnostic
}

// NotFoundError says that there is no usable clang and what to do about it.
type NotFoundError struct {
	Looked  []string // where it was looked for
	Message string
}

func (e *NotFoundError) Error() string { return e.Message }

// Compile compiles a source. The error is a *NotFoundError, a context error or a
// failure to run clang at all; what clang says of the source is in Output.
func Compile(ctx context.Context, req Request) (*Output, error) { return compile(ctx, req) }
