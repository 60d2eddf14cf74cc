// Package session owns the work of bpfls: it decides when a source is compiled,
// an object read and a program verified, and keeps what that gave. The command
// line and the language server are callers of it.
package session

import (
	"context"
	"sync/atomic"
	"time"

	"bpfls/clangdriver"
	"bpfls/elfbpf"
	"bpfls/explain"
	"bpfls/platform"
	"bpfls/settings"
	"bpfls/verifier"
)

// Choices are what the user asked for on the command line or in the editor.
// They override bpfls.toml; a zero value leaves the choice to it and then to the
// defaults.
type Choices struct {
	Platform    string // "auto" or empty, "windows", "linux"
	Type        string // program type of every program, or a section name prefix
	Termination verifier.Tristate
	Hooks       string // file of declared hooks, read besides those of bpfls.toml
	// Editor is the editor's settings, a JSON object or nil; relative paths in it
	// begin in Workspace.
	Editor    []byte
	Workspace string
	Clang     clangdriver.Settings
}

// Request is the judgement of one file.
type Request struct {
	// Path is the file, made absolute by Run. A file that begins with the ELF magic
	// number is an object; everything else is C and compiled first.
	Path string
	// Display is the path in reports; empty: Path as given.
	Display string
	// Overlay holds contents that replace files or add them, by absolute path:
	// unsaved buffers. Nothing of it is read from disk.
	Overlay map[string][]byte
	Choices Choices

	Section string // only programs of this section; empty: all
	Program string // only the function of this name, wherever it is; empty: all
	All     bool   // also functions of .text that belong to no hook
	// Folders are those of the workspace: a source that defines what another declares
	// is looked for there, else beside the source.
	Folders []string
	// Compiler compiles C sources; nil: one that all such requests share.
	Compiler *clangdriver.Driver
	// NoFacts leaves the facts per line out of the report. They cost a replay of
	// the states.
	NoFacts bool
	// VerdictOnly leaves out all that explains a verdict: of a program that was
	// judged, Report has the verdict and the reason of a rejection. Sources are not
	// looked for. Programs have their lines; Results have no states.
	VerdictOnly bool
	// NoVerify stops after the object was read: Programs have no Result.
	NoVerify bool
	Jobs     int // programs verified at once; 0: one per processor
	// Results, if not nil, has results of earlier runs and takes those of this one.
	Results *Results
	// Reports, if not nil, has reports of earlier processes and takes those of this run;
	// Fresh: what it has is not used.
	Reports ReportStore
	Fresh   bool
	// Without is what the run leaves out; what concerns sessions alone is nothing to it.
	Without Without
	// Timeout bounds the whole run, compile included; 0: no limit. What was found
	// before it is in the Outcome.
	Timeout time.Duration
	// Progress, if not nil, is told what is being done. It is called from several
	// goroutines, one at a time.
	Progress func(Progress)

	life context.Context // of what goes on when the run is over; nil: that of the process
}

// Progress is a step of a run.
type Progress struct {
	Stage   string // "compiling", "reading", "verifying"
	Program string // the program that was finished; empty outside of "verifying"
	Done    int
	Total   int
}

// Outcome is everything that a run found. It is immutable once returned, and
// what is known is there even where Err is not nil.
type Outcome struct {
	Report   *explain.Report     // never nil
	Compile  *clangdriver.Output // nil for an object, or where clang could not be run
	Object   *elfbpf.Object      // nil where there is none
	Platform *platform.Platform  // nil where it could not be chosen
	Programs []*ProgramOutcome   // those that were asked for, and skipped ones, in the object's order
	// Sources are the texts as they were compiled, by the path that line
	// information gives. Texts of an object's sources are those on disk where
	// they agree with the lines that the object holds.
	Sources explain.Sources
	// Watch lists the files whose change makes the outcome out of date, absolute:
	// the source, its headers, bpfls.toml, hook files. Missing lists paths that were
	// looked for in vain and would be used if they appeared.
	Watch   []string
	Missing []string
	// Settings are those that hold for the file, each with its origin; nil where
	// the file could not be read. Problems are the errors in settings files, the
	// editor's settings and comments; what is right in them was used.
	Settings *settings.Settings
	Problems []*settings.Problem
	// Notes say what declared hooks override, and how the eBPF store of this
	// machine differs from what is built in.
	Notes []string
	// Err says why the file could not be judged, or not wholly. It is the
	// context's error where the run was cancelled: nothing must then be shown.
	Err error
	// CompileErrors: clang found errors in the source; they are in Compile.Diagnostics.
	CompileErrors bool

	// late: a limit in time was reached; another run may get further.
	late atomic.Bool
	// What a run that finds evidence needs to do the same again.
	request Request
	options verifier.Options
	path    func(string) string // from line information to reports

	found evidenceCache
}

// ProgramOutcome is what is known of one program.
type ProgramOutcome struct {
	Program *elfbpf.Program
	Type    *platform.ProgramType
	TypeBy  string // what chose the type: "--type", "setting", "comment", "section"
	// Skipped: the program was not judged, being a function of .text in an object
	// that has other programs. It has no report.
	Skipped bool
	Result  *verifier.Result // nil where the verifier was not run; see States
	// Known: the verifier was not run, because Request.Results had the result.
	Known bool
	// Stored: the verifier was not run, because Request.Reports had the report.
	Stored bool
	Report *explain.Program // its part of Outcome.Report; nil with NoVerify

	later *laterResult // where Stored
	keep  *keptReport  // to be kept when the run ends
}

// Run judges one file: settings, compile, object, platform and hooks, verifier
// and explanation, in this order. It never returns nil.
func Run(ctx context.Context, req Request) *Outcome {
	if req.Without.KnownResults {
		req.Results = nil
	}
	if req.Without.DiskReports {
		req.Reports = nil
	}
	return run(ctx, req)
}

// compiler is the one that compiles sources of the request.
func (r *Request) compiler() *clangdriver.Driver {
	if r.Compiler != nil {
		return r.Compiler
	}
	return clangdriver.Shared()
}
