// Package mcp serves the facts of a session to programs that speak the Model Context
// Protocol: verdicts, findings, the verifier's state at a place, explanations, probes
// and tried changes. Like package lsp it only translates. It works on the session of a
// language server, and then sees what the editor shows, unsaved text included; or on
// one of its own.
package mcp

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"bpfls/explain"
	"bpfls/position"
	"bpfls/report"
	"bpfls/session"
)

// Options of a server. Session is needed.
type Options struct {
	Version string // of bpfls, told to clients
	Session *session.Session
	// Apply makes edits of files, by absolute path, in their present text. Nil: the server
	// changes nothing, and has no tool for it.
	Apply func(ctx context.Context, edits []explain.Edit) error
	// Without names tools that clients are not offered; see Tools.
	Without []string
}

// Tools are the names of the tools that change nothing.
var Tools = []string{"verify", "findings", "state", "explain", "probe", "fixes", "try_change"}

// instructions tell a model what the tools are for.
const instructions = `bpfls judges eBPF programs written in C as the verifier of Windows (PREVAIL) or, with the same rules, of a Linux program would.
Call verify with a file to learn which programs pass and why others do not; a finding names the C expression, the numbers and how the value came about.
Call state to see what the verifier knows in a line, probe to ask whether a C condition holds there, and explain for what a code means.
Call try_change before you change a file: it judges a copy. Lines and columns count from 1, columns in bytes; a range ends before its end column.
A verdict other than "pass" never means that the program is safe.`

// New returns a server with the tools; run it on a transport, or by Handler.
func New(opt Options) *mcp.Server {
	s := &server{opt}
	m := mcp.NewServer(&mcp.Implementation{Name: "bpfls", Title: "bpfls: eBPF verifier", Version: opt.Version},
		&mcp.ServerOptions{Instructions: instructions})
	readOnly := &mcp.ToolAnnotations{ReadOnlyHint: true, OpenWorldHint: ptr(false)}
	tool := func(name, title, description string) *mcp.Tool {
		return &mcp.Tool{Name: name, Title: title, Description: description, Annotations: readOnly}
	}
	addTool(opt, m, tool("verify", "Verify a file", "Compiles a C source, or reads an object, and judges all its programs."), s.verify)
	addTool(opt, m, tool("findings", "Findings shown now", "What the editor shows now, in one file or in all. Compiles nothing."), s.findings)
	addTool(opt, m, tool("state", "State at a place", "What the verifier knows before a line or the expression at a column: registers, stack, packet, checks."), s.state)
	addTool(opt, m, tool("explain", "Explain a code", "The catalogue's page of a finding's code, with an example before and after."), s.explain)
	addTool(opt, m, tool("probe", "Ask whether a condition holds", "Whether a C comparison, such as len <= 63 or data + 34 <= data_end, is provable before a line."), s.probe)
	addTool(opt, m, tool("fixes", "Find verified fixes", "Changes that make a finding go away: each was compiled and judged, and keeps what the program returns."), s.fixes)
	addTool(opt, m, tool("try_change", "Try a change", "Judges a file with edits applied to a copy. No file changes."), s.tryChange)
	if opt.Apply != nil {
		mcp.AddTool(m, &mcp.Tool{Name: "apply_change", Title: "Make a change", Description: "Applies edits to files of the workspace.",
			Annotations: &mcp.ToolAnnotations{DestructiveHint: ptr(true), OpenWorldHint: ptr(false)}}, s.applyChange)
	}
	return m
}

// addTool adds a tool unless it is left out.
func addTool[In, Out any](opt Options, m *mcp.Server, tool *mcp.Tool, handler mcp.ToolHandlerFor[In, Out]) {
	if !slices.Contains(opt.Without, tool.Name) {
		mcp.AddTool(m, tool, handler)
	}
}

type server struct{ opt Options }

func ptr[T any](v T) *T { return &v }

// File names a file.
type File struct {
	Path string `json:"path" jsonschema:"absolute path of a C source or an object"`
}

func (s *server) verify(ctx context.Context, _ *mcp.CallToolRequest, in File) (*mcp.CallToolResult, *report.Document, error) {
	return s.judge(ctx, in.Path, nil)
}

// judge judges a file with edits of copies and returns the JSON form of the report.
func (s *server) judge(ctx context.Context, path string, edits []explain.Edit) (*mcp.CallToolResult, *report.Document, error) {
	view, err := s.opt.Session.Judge(ctx, path, edits)
	if err != nil {
		return nil, nil, err
	}
	r := view.Runs[0].Outcome.Report
	return nil, report.NewDocument(s.opt.Version, []*explain.Report{r}, nil), nil
}

// Edit replaces a range of a file's text by another one; an empty range inserts.
type Edit struct {
	File      string `json:"file,omitempty" jsonschema:"absolute path; the judged file if left out"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndLine   int    `json:"end_line"`
	EndColumn int    `json:"end_column"`
	Text      string `json:"text"`
}

// Changed is a file with edits to try.
type Changed struct {
	Path  string `json:"path" jsonschema:"absolute path of the C source to judge"`
	Edits []Edit `json:"edits" jsonschema:"places in the present text, which do not overlap"`
}

func (c Changed) edits() []explain.Edit {
	var all []explain.Edit
	for _, e := range c.Edits {
		if e.File == "" {
			e.File = c.Path
		}
		all = append(all, explain.Edit{Range: explain.Range{File: e.File, Line: e.Line, Column: e.Column, EndLine: e.EndLine, EndColumn: e.EndColumn}, Text: e.Text})
	}
	return all
}

func (s *server) tryChange(ctx context.Context, _ *mcp.CallToolRequest, in Changed) (*mcp.CallToolResult, *report.Document, error) {
	return s.judge(ctx, in.Path, in.edits())
}

// Done says that a change was made.
type Done struct {
	Changed []string `json:"changed" jsonschema:"the files that were changed"`
}

func (s *server) applyChange(ctx context.Context, _ *mcp.CallToolRequest, in Changed) (*mcp.CallToolResult, *Done, error) {
	edits := in.edits()
	if len(edits) == 0 {
		return nil, nil, errors.New("there are no edits")
	}
	if err := s.opt.Apply(ctx, edits); err != nil {
		return nil, nil, err
	}
	done := &Done{}
	for _, e := range edits {
		done.Changed = append(done.Changed, e.Range.File)
	}
	slices.Sort(done.Changed)
	done.Changed = slices.Compact(done.Changed)
	return nil, done, nil
}

// MaybeFile names a file, or all.
type MaybeFile struct {
	Path string `json:"path,omitempty" jsonschema:"absolute path; all files if left out"`
}

// Shown is what an editor shows in a file.
type Shown struct {
	Path string `json:"path"`
	// Status is the file's, in one line: verified, failed, out of date, ...
	Status   string   `json:"status"`
	Green    bool     `json:"green" jsonschema:"all programs pass, in the present text"`
	Findings []Notice `json:"findings"`
}

// Notice is a finding as an editor shows it, at its place in the present text.
type Notice struct {
	Origin    string   `json:"origin" jsonschema:"bpfls or clang"`
	Code      string   `json:"code"`
	Severity  string   `json:"severity"`
	Message   string   `json:"message"`
	Line      int      `json:"line"`
	Column    int      `json:"column"`
	EndLine   int      `json:"end_line"`
	EndColumn int      `json:"end_column"`
	OutOfDate bool     `json:"out_of_date" jsonschema:"found before the last edit and not known to hold now"`
	Related   []string `json:"related"`
}

// AllShown is what an editor shows in several files.
type AllShown struct {
	Files []Shown `json:"files"`
}

func (s *server) findings(_ context.Context, _ *mcp.CallToolRequest, in MaybeFile) (*mcp.CallToolResult, *AllShown, error) {
	events := s.opt.Session.AllFindings()
	if in.Path != "" {
		events = []session.FindingsEvent{s.opt.Session.Findings(in.Path)}
	}
	all := &AllShown{Files: []Shown{}}
	for _, e := range events {
		status := s.opt.Session.Status(e.Path)
		file := Shown{Path: e.Path, Status: status.String(), Green: status.Green(), Findings: []Notice{}}
		for _, f := range e.Findings {
			n := Notice{
				Origin: f.Origin, Code: f.Code, Severity: f.Severity, Message: f.Message, OutOfDate: f.OutOfDate,
				Line: f.Range.Line, Column: f.Range.Column, EndLine: f.Range.EndLine, EndColumn: f.Range.EndColumn, Related: []string{},
			}
			for _, r := range f.Related {
				n.Related = append(n.Related, fmt.Sprintf("%s:%d:%d: %s", r.Path, r.Range.Line, r.Range.Column, r.Message))
			}
			file.Findings = append(file.Findings, n)
		}
		all.Files = append(all.Files, file)
	}
	return nil, all, nil
}

// Place is a place in a file.
type Place struct {
	Path   string `json:"path" jsonschema:"absolute path of a C source"`
	Line   int    `json:"line"`
	Column int    `json:"column,omitempty" jsonschema:"of an expression; the whole line if left out"`
}

// State is what the verifier knows at a place, in each program that the line is part of.
type State struct {
	Programs []ProgramState `json:"programs"`
}

// ProgramState is what the verifier knows at a place in one program.
type ProgramState struct {
	Section      string            `json:"section"`
	Function     string            `json:"function"`
	Verdict      string            `json:"verdict"`
	Reached      bool              `json:"reached" jsonschema:"false: no execution gets there"`
	Checks       int               `json:"checks"`
	Proven       int               `json:"proven"`
	Instructions []int             `json:"instructions"`
	Registers    map[string]string `json:"registers"`
	Stack        map[string]string `json:"stack"`
	Packet       string            `json:"packet,omitempty"`
}

func (s *server) state(ctx context.Context, _ *mcp.CallToolRequest, in Place) (*mcp.CallToolResult, *State, error) {
	view, err := s.opt.Session.Judge(ctx, in.Path, nil)
	if err != nil {
		return nil, nil, err
	}
	run := view.Runs[0]
	if run.Lines == nil || run.Outcome.Err != nil {
		return nil, nil, notJudged(run.Outcome)
	}
	facts, _ := run.Facts(ctx, view.Path, position.Point{Line: in.Line, Column: max(in.Column, 1)})
	state := &State{Programs: []ProgramState{}}
	for _, f := range facts {
		p := ProgramState{
			Section: f.Program.Program.Section, Function: f.Program.Program.Name, Verdict: f.Program.Report.Verdict,
			Reached: f.Reached, Checks: f.Checks, Proven: f.Proven, Instructions: append([]int{}, f.Slots...), Packet: f.Packet,
			Registers: map[string]string{}, Stack: map[string]string{},
		}
		for _, k := range f.Registers {
			p.Registers[k.Name] = k.Value
		}
		for _, k := range f.Stack {
			p.Stack[k.Name] = k.Value
		}
		state.Programs = append(state.Programs, p)
	}
	if len(state.Programs) == 0 {
		return nil, nil, fmt.Errorf("%s:%d: no instruction of a program belongs to this line", in.Path, in.Line)
	}
	return nil, state, nil
}

func notJudged(out *session.Outcome) error {
	if out.Err != nil {
		return out.Err
	}
	return errors.New("the file could not be judged")
}

// Code names a finding's code.
type Code struct {
	Code string `json:"code" jsonschema:"for instance BPF-packet-bounds"`
}

// Page is a page of the catalogue.
type Page struct {
	Code  string `json:"code"`
	Title string `json:"title"`
	Page  string `json:"page" jsonschema:"in Markdown"`
}

func (s *server) explain(_ context.Context, _ *mcp.CallToolRequest, in Code) (*mcp.CallToolResult, *Page, error) {
	e, ok := explain.Lookup(in.Code)
	if !ok {
		var codes []string
		for _, e := range explain.Catalogue() {
			codes = append(codes, e.Code)
		}
		return nil, nil, fmt.Errorf("there is no code %q; there are %s", in.Code, strings.Join(codes, ", "))
	}
	return nil, &Page{e.Code, e.Title, e.Page}, nil
}

// Question is a condition at a place.
type Question struct {
	Path       string `json:"path" jsonschema:"absolute path of a C source"`
	Line       int    `json:"line"`
	Expression string `json:"expression" jsonschema:"comparisons of C names, members and constants, several with &&"`
}

// Answers are the answers of the programs that the line is part of.
type Answers struct {
	Answers []Answer `json:"answers"`
}

// Answer is the answer of one program.
type Answer struct {
	Section  string `json:"section"`
	Function string `json:"function"`
	Verdict  string `json:"verdict" jsonschema:"proved, not proved, unreachable or no answer"`
	Reason   string `json:"reason"`
}

func (s *server) probe(ctx context.Context, _ *mcp.CallToolRequest, in Question) (*mcp.CallToolResult, *Answers, error) {
	view, err := s.opt.Session.Judge(ctx, in.Path, nil)
	if err != nil {
		return nil, nil, err
	}
	out := view.Runs[0].Outcome
	if out.Err != nil {
		return nil, nil, notJudged(out)
	}
	all := &Answers{Answers: []Answer{}}
	answers, err := out.Probe(ctx, view.Path, in.Line, in.Expression)
	if err != nil {
		return nil, nil, err
	}
	for _, a := range answers {
		all.Answers = append(all.Answers, Answer{a.Program.Program.Section, a.Program.Program.Name, a.Verdict, a.Reason})
	}
	if len(all.Answers) == 0 {
		return nil, nil, fmt.Errorf("%s:%d: no instruction of a program belongs to this line", in.Path, in.Line)
	}
	return nil, all, nil
}

// Which names a finding of a file.
type Which struct {
	Path    string `json:"path" jsonschema:"absolute path of a C source"`
	Program string `json:"program" jsonschema:"the function's name"`
	Finding int    `json:"finding,omitempty" jsonschema:"its number among the program's findings, from 0"`
}

func (s *server) fixes(ctx context.Context, _ *mcp.CallToolRequest, in Which) (*mcp.CallToolResult, *report.Finding, error) {
	view, err := s.opt.Session.Judge(ctx, in.Path, nil)
	if err != nil {
		return nil, nil, err
	}
	out := view.Runs[0].Outcome
	for _, p := range out.Programs {
		if p.Report == nil || p.Program.Name != in.Program {
			continue
		}
		if in.Finding < 0 || in.Finding >= len(p.Report.Findings) {
			return nil, nil, fmt.Errorf("%s has %d findings; they are numbered from 0", in.Program, len(p.Report.Findings))
		}
		f, err := out.Evidence(ctx, p, in.Finding)
		if err != nil {
			return nil, nil, err
		}
		found := report.NewFinding(&f, nil)
		return nil, &found, nil
	}
	if out.Err != nil {
		return nil, nil, notJudged(out)
	}
	return nil, nil, fmt.Errorf("%s has no program %q", filepath.Base(in.Path), in.Program)
}
