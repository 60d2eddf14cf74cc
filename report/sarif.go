package report

import (
	"encoding/json"
	"io"
	"net/url"
	"slices"
	"strings"

	"bpfls/explain"
)

// The types below are the part of SARIF 2.1.0 (OASIS, errata 01) that bpfls writes,
// by the names of the standard. What consumers made of it:
//
//   - columns count UTF-16 code units (columnKind); where the source's text is not
//     known a region has lines only;
//   - paths below the working directory stay relative, which GitHub's code scanning
//     needs to find them in a repository;
//   - a history is in codeFlows, which editors show step by step, and in
//     relatedLocations, which GitHub shows;
//   - the help of rules is Markdown and plain text, as GitHub shows the first and
//     Visual Studio the second;
//   - a file that could not be judged is a notification, not a result.

const sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool        sarifTool         `json:"tool"`
	Invocations []sarifInvocation `json:"invocations"`
	Artifacts   []sarifArtifact   `json:"artifacts,omitempty"`
	Results     []sarifResult     `json:"results"`
	ColumnKind  string            `json:"columnKind"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name    string      `json:"name"`
	Version string      `json:"version"`
	Rules   []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID                   string             `json:"id"`
	ShortDescription     sarifText          `json:"shortDescription"`
	FullDescription      sarifText          `json:"fullDescription"`
	Help                 sarifText          `json:"help"`
	DefaultConfiguration sarifConfiguration `json:"defaultConfiguration"`
}

type sarifConfiguration struct {
	Level string `json:"level"`
}

type sarifText struct {
	Text     string `json:"text"`
	Markdown string `json:"markdown,omitempty"`
}

type sarifInvocation struct {
	ExecutionSuccessful        bool                `json:"executionSuccessful"`
	ToolExecutionNotifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
}

type sarifNotification struct {
	Level     string          `json:"level"`
	Message   sarifText       `json:"message"`
	Locations []sarifLocation `json:"locations,omitempty"`
}

type sarifArtifact struct {
	Location       sarifArtifactLocation `json:"location"`
	SourceLanguage string                `json:"sourceLanguage,omitempty"`
}

type sarifArtifactLocation struct {
	URI   string `json:"uri"`
	Index *int   `json:"index,omitempty"`
}

type sarifResult struct {
	RuleID           string             `json:"ruleId"`
	RuleIndex        int                `json:"ruleIndex"`
	Level            string             `json:"level"`
	Message          sarifText          `json:"message"`
	Locations        []sarifLocation    `json:"locations"`
	CodeFlows        []sarifCodeFlow    `json:"codeFlows,omitempty"`
	RelatedLocations []sarifLocation    `json:"relatedLocations,omitempty"`
	Fixes            []sarifFix         `json:"fixes,omitempty"`
	Suppressions     []sarifSuppression `json:"suppressions,omitempty"`
	Properties       *sarifProperties   `json:"properties,omitempty"`
}

type sarifLocation struct {
	ID               *int                   `json:"id,omitempty"`
	PhysicalLocation *sarifPhysical         `json:"physicalLocation,omitempty"`
	LogicalLocations []sarifLogicalLocation `json:"logicalLocations,omitempty"`
	Message          *sarifText             `json:"message,omitempty"`
}

type sarifPhysical struct {
	ArtifactLocation sarifArtifactLocation `json:"artifactLocation"`
	Region           *sarifRegion          `json:"region,omitempty"`
	ContextRegion    *sarifRegion          `json:"contextRegion,omitempty"`
}

type sarifRegion struct {
	StartLine   int           `json:"startLine"`
	StartColumn int           `json:"startColumn,omitempty"`
	EndLine     int           `json:"endLine,omitempty"`
	EndColumn   int           `json:"endColumn,omitempty"`
	Snippet     *sarifContent `json:"snippet,omitempty"`
}

type sarifContent struct {
	Text string `json:"text"`
}

type sarifLogicalLocation struct {
	Name               string `json:"name"`
	FullyQualifiedName string `json:"fullyQualifiedName"`
	Kind               string `json:"kind"`
}

type sarifCodeFlow struct {
	ThreadFlows []sarifThreadFlow `json:"threadFlows"`
}

type sarifThreadFlow struct {
	Locations []sarifThreadFlowLocation `json:"locations"`
}

type sarifThreadFlowLocation struct {
	Location sarifLocation `json:"location"`
}

type sarifFix struct {
	Description     sarifText             `json:"description"`
	ArtifactChanges []sarifArtifactChange `json:"artifactChanges"`
}

type sarifArtifactChange struct {
	ArtifactLocation sarifArtifactLocation `json:"artifactLocation"`
	Replacements     []sarifReplacement    `json:"replacements"`
}

type sarifReplacement struct {
	DeletedRegion   sarifRegion   `json:"deletedRegion"`
	InsertedContent *sarifContent `json:"insertedContent,omitempty"`
}

type sarifSuppression struct {
	Kind          string `json:"kind"`
	Justification string `json:"justification,omitempty"`
}

// sarifProperties are the fields of the JSON form that SARIF has no place for.
type sarifProperties struct {
	Section         string  `json:"section"`
	Platform        string  `json:"platform,omitempty"`
	Engine          string  `json:"engine"`
	Verdict         string  `json:"verdict"`
	VerifierMessage *string `json:"verifierMessage,omitempty"`
	Instruction     *int    `json:"instruction,omitempty"`
	Label           *string `json:"label,omitempty"`
	Consequences    int     `json:"consequences"`
	MissingFact     *string `json:"missingFact,omitempty"`
	Class           *string `json:"class,omitempty"`
	Reason          *string `json:"reason,omitempty"`
}

// sarif collects one run.
type sarif struct {
	run   sarifRun
	path  func(string) string
	rules map[string]int
	files map[string]int
}

// SARIF writes findings in SARIF 2.1.0, one run for all files. path shortens the
// paths of sources; nil leaves them.
func SARIF(w io.Writer, version string, files []Judged, path func(string) string) error {
	if path == nil {
		path = func(p string) string { return p }
	}
	s := &sarif{path: path, rules: map[string]int{}, files: map[string]int{}}
	s.run = sarifRun{
		Tool:       sarifTool{sarifDriver{Name: "bpfls", Version: version, Rules: []sarifRule{}}},
		Results:    []sarifResult{},
		ColumnKind: "utf16CodeUnits",
	}
	s.addRules(files)
	invocation := sarifInvocation{ExecutionSuccessful: true}
	for i := range files {
		j := &files[i]
		s.artifact(j.Report.Path)
		for _, m := range j.Compiler {
			invocation.ToolExecutionNotifications = append(invocation.ToolExecutionNotifications, sarifNotification{
				Level: sarifLevel(m.Severity), Message: sarifText{Text: "clang: " + m.Text}, Locations: []sarifLocation{s.location(j, m.Range, "")},
			})
		}
		if j.Report.Error != "" {
			invocation.ExecutionSuccessful = false
			invocation.ToolExecutionNotifications = append(invocation.ToolExecutionNotifications, sarifNotification{
				Level: "error", Message: sarifText{Text: j.Report.Error}, Locations: []sarifLocation{s.location(j, explain.Range{}, "")},
			})
		}
		for _, p := range j.Report.Programs {
			for k := range p.Findings {
				s.run.Results = append(s.run.Results, s.result(j, p, &p.Findings[k]))
			}
		}
	}
	s.run.Invocations = []sarifInvocation{invocation}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(sarifLog{Schema: sarifSchema, Version: "2.1.0", Runs: []sarifRun{s.run}})
}

// addRules adds the rules that results refer to, sorted.
func (s *sarif) addRules(files []Judged) {
	var codes []string
	for i := range files {
		for _, p := range files[i].Report.Programs {
			for k := range p.Findings {
				codes = append(codes, p.Findings[k].Code)
			}
		}
	}
	slices.Sort(codes)
	for i, code := range slices.Compact(codes) {
		s.rules[code] = i
		rule := sarifRule{ID: code, ShortDescription: sarifText{Text: code}, DefaultConfiguration: sarifConfiguration{"error"}}
		rule.FullDescription, rule.Help = rule.ShortDescription, rule.ShortDescription
		if e, ok := explain.Lookup(code); ok {
			rule.ShortDescription.Text = e.Title
			rule.FullDescription.Text = e.Text
			rule.Help = sarifText{Text: PlainPage(e.Page, 0), Markdown: e.Page}
		}
		s.run.Tool.Driver.Rules = append(s.run.Tool.Driver.Rules, rule)
	}
}

// artifact is a file of the run.
func (s *sarif) artifact(file string) sarifArtifactLocation {
	uri := fileURI(s.path(file))
	i, ok := s.files[uri]
	if !ok {
		i = len(s.run.Artifacts)
		s.files[uri] = i
		a := sarifArtifact{Location: sarifArtifactLocation{URI: uri}}
		if strings.HasSuffix(uri, ".c") || strings.HasSuffix(uri, ".h") {
			a.SourceLanguage = "c"
		}
		s.run.Artifacts = append(s.run.Artifacts, a)
	}
	return sarifArtifactLocation{URI: uri, Index: &i}
}

// fileURI makes a URI of a path: relative ones stay relative.
func fileURI(path string) string {
	path = strings.ReplaceAll(path, `\`, "/")
	u := url.URL{Path: path}
	switch {
	case strings.HasPrefix(path, "//"): // of a server
		u.Scheme = "file"
		u.Host, u.Path, _ = strings.Cut(path[2:], "/")
		u.Path = "/" + u.Path
	case strings.HasPrefix(path, "/"):
		u.Scheme = "file"
	case len(path) > 1 && path[1] == ':':
		u.Scheme, u.Path = "file", "/"+path
	}
	return u.String()
}

// location is a place with a message, which may be empty.
func (s *sarif) location(j *Judged, r explain.Range, message string) sarifLocation {
	l := sarifLocation{PhysicalLocation: &sarifPhysical{ArtifactLocation: s.artifact(or(r.File, j.Report.Path)), Region: region(j, r)}}
	if message != "" {
		l.Message = &sarifText{Text: message}
	}
	return l
}

func region(j *Judged, r explain.Range) *sarifRegion {
	if r.Line == 0 {
		return nil
	}
	line, column, endLine, endColumn := j.utf16(r)
	return &sarifRegion{StartLine: line, StartColumn: column, EndLine: endLine, EndColumn: endColumn}
}

func (s *sarif) result(j *Judged, p *explain.Program, f *explain.Finding) sarifResult {
	at := s.location(j, placeOf(p, f), "")
	if f.Text != "" && at.PhysicalLocation.Region != nil {
		at.PhysicalLocation.ContextRegion = &sarifRegion{StartLine: f.Range.Line, Snippet: &sarifContent{f.Text}}
		if start, end := covered(f.Range, f.Text); start < end && f.Range.EndLine == f.Range.Line {
			at.PhysicalLocation.Region.Snippet = &sarifContent{f.Text[start:end]}
		}
	}
	at.LogicalLocations = []sarifLogicalLocation{{Name: p.Function, FullyQualifiedName: p.Section + " " + p.Function, Kind: "function"}}
	r := sarifResult{
		RuleID:    f.Code,
		RuleIndex: s.rules[f.Code],
		Level:     sarifLevel(f.Severity),
		Message:   sarifText{Text: f.Message},
		Locations: []sarifLocation{at},
		Properties: &sarifProperties{
			Section: p.Section, Platform: j.Report.Platform, Engine: f.Engine, Verdict: p.Verdict,
			VerifierMessage: known(f.VerifierMessage), Instruction: natural(f.Instruction), Label: known(f.Label),
			Consequences: f.Consequences, MissingFact: known(f.MissingFact),
			Class: known(f.Evidence.Class), Reason: known(f.Evidence.Reason),
		},
	}
	var flow []sarifThreadFlowLocation
	for _, related := range f.Related {
		l := s.location(j, related.Range, related.Message)
		if related.Range.Line > 0 {
			flow = append(flow, sarifThreadFlowLocation{l})
		}
		id := len(r.RelatedLocations) + 1
		l.ID = &id
		r.RelatedLocations = append(r.RelatedLocations, l)
	}
	if len(flow) > 0 {
		last := at
		last.Message = &sarifText{Text: f.Message}
		flow = append(flow, sarifThreadFlowLocation{last})
		r.CodeFlows = []sarifCodeFlow{{[]sarifThreadFlow{{flow}}}}
	}
	for _, fix := range f.Evidence.Fixes {
		if made, ok := s.fix(j, fix); ok {
			r.Fixes = append(r.Fixes, made)
		}
	}
	if f.Allowed != "" {
		r.Suppressions = []sarifSuppression{{Kind: "inSource", Justification: f.Allowed}}
	}
	return r
}

// fix makes a fix of edits; false where the columns of one are not known.
func (s *sarif) fix(j *Judged, fix explain.Fix) (sarifFix, bool) {
	title := fix.Title
	if fix.Verified {
		title += " (verified)"
	}
	out := sarifFix{Description: sarifText{Text: title}}
	for _, e := range fix.Edits {
		at := s.artifact(or(e.Range.File, j.Report.Path))
		i := slices.IndexFunc(out.ArtifactChanges, func(c sarifArtifactChange) bool { return c.ArtifactLocation.URI == at.URI })
		if i < 0 {
			i = len(out.ArtifactChanges)
			out.ArtifactChanges = append(out.ArtifactChanges, sarifArtifactChange{ArtifactLocation: at})
		}
		deleted := region(j, e.Range)
		if deleted == nil || deleted.StartColumn == 0 {
			return sarifFix{}, false
		}
		replacement := sarifReplacement{DeletedRegion: *deleted}
		if e.Text != "" {
			replacement.InsertedContent = &sarifContent{e.Text}
		}
		out.ArtifactChanges[i].Replacements = append(out.ArtifactChanges[i].Replacements, replacement)
	}
	return out, len(out.ArtifactChanges) > 0
}

func sarifLevel(severity string) string {
	switch severity {
	case "error", "warning":
		return severity
	}
	return "note"
}
