package session

import "fmt"

// State is what is known of a file.
type State uint8

// The states. Only Verified may look green, and only in a Status that is neither
// Busy nor Outdated (Status.Green).
const (
	Ignored      State = iota // not a BPF source: not touched
	Untrusted                 // a BPF source in a workspace that is not trusted: nothing is compiled
	Unknown                   // never judged, cancelled, timed out, or it could not be judged
	Verified                  // every program passes
	Failed                    // a program fails or is rejected
	CompileError              // clang found errors
)

// Status is what is known of one file, as a value: a function of the file's
// content, its headers, flags, platform, options and tools, and of what runs.
type Status struct {
	Path  string
	State State
	// Busy: a run of the file is queued or under way. State is then what was known before.
	Busy bool
	// Outdated: the content, a header, the settings or the tools changed since State was found.
	Outdated bool
	// Reason says why State is Ignored, Unknown or CompileError; empty otherwise.
	Reason   string
	Programs int // programs that were judged
	Failing  int // of them, those that fail or are rejected
	Findings int // errors, without consequences
	Platform string
}

// Green reports whether the file may look verified.
func (s Status) Green() bool { return s.State == Verified && !s.Busy && !s.Outdated }

// String is the status in one line, without the path.
func (s Status) String() string {
	text := s.text()
	switch {
	case s.Busy && s.State == Ignored, s.Busy && s.State == Unknown:
		return "verifying"
	case s.Busy:
		return "verifying (before: " + text + ")"
	case s.Outdated && s.State != Unknown:
		return "out of date: " + text + " before your last change"
	}
	return text
}

func (s Status) text() string {
	switch s.State {
	case Ignored:
		return orElse(s.Reason, "not a BPF source")
	case Untrusted:
		return "untrusted workspace: nothing is compiled"
	case Verified:
		return fmt.Sprintf("verified, %s%s", count(s.Programs, "program"), s.on())
	case Failed:
		return fmt.Sprintf("%s in %d of %s%s", count(s.Findings, "finding"), s.Failing, count(s.Programs, "program"), s.on())
	case CompileError:
		return s.because("does not compile")
	}
	return s.because("not verified")
}

func (s Status) because(text string) string {
	if s.Reason == "" {
		return text
	}
	return text + ": " + s.Reason
}

func (s Status) on() string {
	if s.Platform == "" {
		return ""
	}
	return " (" + s.Platform + ")"
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// judgement is what a finished run says of a file, before the present is compared
// with it.
type judgement struct {
	state    State
	reason   string
	programs int
	failing  int
	findings int
	platform string
}

// judge reads a finished run. Nothing but a verdict on every program is Verified.
func judge(out *Outcome) judgement {
	j := judgement{state: Unknown}
	if out.Platform != nil {
		j.platform = out.Platform.Name
	}
	if out.CompileErrors {
		j.state = CompileError
		return j
	}
	unknown := ""
	for _, p := range out.Report.Programs {
		j.programs++
		for _, f := range p.Findings {
			if f.Severity == "error" {
				j.findings++
			}
		}
		switch p.Verdict {
		case "pass":
		case "fail", "rejected":
			j.failing++
			if len(p.Findings) == 0 {
				j.findings++
			}
		default:
			unknown = p.Function + ": " + orElse(p.Reason, "no verdict")
		}
	}
	switch {
	case j.failing > 0:
		j.state = Failed
	case out.Err != nil:
		j.reason = orElse(out.Report.Error, out.Err.Error())
	case out.Report.Error != "":
		j.reason = out.Report.Error
	case unknown != "":
		j.reason = unknown
	case j.programs == 0:
		j.reason = "it has no BPF programs"
	default:
		j.state = Verified
	}
	return j
}

// verdict reports whether the run judged the file, one way or the other.
func (j judgement) verdict() bool { return j.state == Verified || j.state == Failed }

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// present is what a Status is a function of.
type present struct {
	path    string
	source  bool   // a BPF source, or verified by command
	why     string // why not
	trusted bool
	busy    bool
	last    *judgement // the last run that finished, nil if none
	current bool       // last's inputs are what they were
	stopped string     // why the newest run gave nothing; empty if it gave last
}

func (p present) status() Status {
	s := Status{Path: p.path, Busy: p.busy}
	switch {
	case !p.source:
		s.Busy, s.Reason = false, p.why
	case !p.trusted:
		s.Busy, s.State = false, Untrusted
	case p.stopped != "" && !(p.last != nil && p.current):
		s.State, s.Reason = Unknown, p.stopped
	case p.last == nil:
		s.State = Unknown
	default:
		s.State, s.Reason, s.Platform = p.last.state, p.last.reason, p.last.platform
		s.Programs, s.Failing, s.Findings = p.last.programs, p.last.failing, p.last.findings
		s.Outdated = !p.current
	}
	return s
}
