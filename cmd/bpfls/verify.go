package main

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"bpfls/cmd/internal/cli"
	"bpfls/explain"
	"bpfls/report"
	"bpfls/session"
)

type verifyCmd struct {
	inputFlags
	section, program string
	all              bool
	engine           string
	timeout          time.Duration
	jobs             int
	fixes            bool
	files            []string
}

func (c *verifyCmd) Declare(f *cli.Flags) {
	c.inputFlags.Declare(f)
	f.Text(&c.section, "section", "S", "Verify only the programs of this section.")
	f.Text(&c.program, "program", "F", "Verify only the program of this name.")
	f.Yes(&c.all, "all", "Verify functions of .text too where the object has other programs.")
	c.engine = "builtin"
	f.Text(&c.engine, "engine", "E", "Who judges: builtin, kernel, both.", "builtin", "kernel", "both")
	f.Duration(&c.timeout, "timeout", "D", "Time limit per file, compilation included (30s, 2m); 0: none.")
	f.Number(&c.jobs, "jobs", "j", "N", "Programs that are verified at once; 0: one per processor.")
	f.Yes(&c.fixes, "fixes", "For each finding, look for what is missing, for changes that make the program pass, and for an input that shows a bug.")
	f.Rest(&c.files, "file", "C sources and BPF objects.", false)
}

func (c *verifyCmd) Run(p *cli.Program) error {
	if err := c.check("text", "netsh", "json", "sarif", "msbuild"); err != nil {
		return err
	}
	switch {
	case c.engine != "builtin":
		return unbuilt("--engine " + c.engine)
	case c.jobs < 0:
		return cli.Usage("-j %d: the number of jobs is not negative", c.jobs)
	}
	reports := make([]*explain.Report, 0, len(c.files))
	var judged []report.Judged
	code := cli.Pass
	for o := range outcomes(p, c) {
		if p.Ctx.Err() != nil {
			return &cli.Exit{Code: cli.Unjudged, Message: "interrupted"}
		}
		code = max(code, verdict(o))
		if c.fixes {
			if err := o.AddEvidence(p.Ctx); err != nil && p.Ctx.Err() == nil {
				fmt.Fprintf(p.Stderr, "bpfls: %s: looking for fixes: %v\n", o.Report.Path, err)
			}
		}
		told := false
		switch c.format {
		case "json":
			reports = append(reports, o.Report)
		case "sarif":
			judged = append(judged, judgedFile(o))
		case "msbuild":
			if err := report.MSBuild(p.Stdout, []report.Judged{judgedFile(o)}, p.Shorten); err != nil {
				return err
			}
		default:
			diagnostics(p, o)
			told = true
			if err := c.write(p, o); err != nil {
				return err
			}
		}
		failed(p, o, told)
	}
	if c.format == "sarif" {
		if err := report.SARIF(p.Stdout, cli.Version(), judged, p.Shorten); err != nil {
			return err
		}
	}
	if c.format == "json" {
		if err := report.JSON(p.Stdout, cli.Version(), reports, p.Shorten); err != nil {
			return err
		}
	}
	if code != cli.Pass {
		return &cli.Exit{Code: code}
	}
	return nil
}

// judgedFile is what the forms for machines need of an outcome.
func judgedFile(o *session.Outcome) report.Judged {
	j := report.Judged{Report: o.Report, Source: o.Source}
	if o.Compile == nil {
		return j
	}
	for _, d := range o.Compile.Diagnostics {
		severity := d.Severity
		if severity != "warning" {
			severity = "error"
		}
		j.Compiler = append(j.Compiler, report.CompilerMessage{
			Range:    explain.Range{File: d.File, Line: d.Line, Column: d.Column, EndLine: d.EndLine, EndColumn: d.EndColumn},
			Severity: severity, Text: d.Message, Option: d.Option,
		})
	}
	return j
}

func (c *verifyCmd) request(file string) session.Request {
	req := c.inputFlags.request(file)
	req.Section, req.Program, req.All = c.section, c.program, c.all
	req.Jobs, req.Timeout = c.jobs, c.timeout
	req.NoFacts = c.format != "text"
	req.VerdictOnly = c.format == "netsh" && (c.level == "" || c.level == "normal") && !c.fixes
	return req
}

// outcomes judges the files, several at once, and yields them in order.
func outcomes(p *cli.Program, c *verifyCmd) func(func(*session.Outcome) bool) {
	jobs := c.jobs
	if jobs == 0 {
		jobs = runtime.GOMAXPROCS(0)
	}
	return func(yield func(*session.Outcome) bool) {
		if len(c.files) == 1 {
			bar := newProgress(p, 1)
			req := c.request(c.files[0])
			req.Progress = func(s session.Progress) { bar.show(c.files[0], s) }
			o := session.Run(p.Ctx, req)
			bar.clear()
			yield(o)
			return
		}
		results := make([]chan *session.Outcome, len(c.files))
		for i := range results {
			results[i] = make(chan *session.Outcome, 1)
		}
		slots := make(chan struct{}, jobs)
		bar := newProgress(p, len(c.files))
		defer bar.clear()
		go func() {
			for i, file := range c.files {
				slots <- struct{}{}
				go func() {
					defer func() { <-slots }()
					req := c.request(file)
					req.Progress = func(s session.Progress) { bar.show(file, s) }
					results[i] <- session.Run(p.Ctx, req)
				}()
			}
		}()
		for i := range results {
			o := <-results[i]
			bar.clear()
			if !yield(o) {
				return
			}
		}
	}
}

// verdict is the exit code of one file.
func verdict(o *session.Outcome) int {
	if o.Err != nil || len(o.Problems) > 0 {
		return cli.Unjudged // wrong settings may have chosen the wrong platform or type
	}
	code := cli.Pass
	for _, prog := range o.Report.Programs {
		switch prog.Verdict {
		case "pass":
		case "fail", "rejected":
			code = max(code, cli.Fail)
		default:
			code = cli.Unjudged
		}
	}
	return code
}

func (c *verifyCmd) write(p *cli.Program, o *session.Outcome) error {
	if c.format == "netsh" {
		for _, po := range slices.Backward(o.Programs) {
			if po.Skipped || po.Report == nil {
				continue
			}
			var err error
			switch {
			case po.Result == nil:
				_, err = fmt.Fprintf(p.Stdout, "error: %s\n", po.Report.Reason)
			case c.level == "verbose":
				err = report.NetshInvariants(p.Stdout, po.Program, po.Result)
			case c.level == "informational":
				err = report.NetshSlice(p.Stdout, po.Program, po.Result)
			default:
				err = report.NetshVerification(p.Stdout, po.Program, po.Result)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	err := report.Text(p.Stdout, o.Report, report.Options{
		Color:  p.Terminal,
		Times:  p.Terminal,
		Path:   p.Shorten,
		Source: o.Source,
		Facts:  c.level == "informational" || c.level == "verbose",
	})
	for _, po := range o.Programs {
		if err != nil || c.level != "verbose" || po.Result == nil {
			continue
		}
		fmt.Fprintf(p.Stdout, "\n%s %s, state by state:\n", po.Program.Section, po.Program.Name)
		err = report.NetshInvariants(p.Stdout, po.Program, po.Result)
	}
	return err
}

// progress shows on a terminal what is being done once it takes long.
type progress struct {
	p       *cli.Program
	mu      sync.Mutex
	start   time.Time
	shown   bool
	files   int
	current string
}

func newProgress(p *cli.Program, files int) *progress {
	return &progress{p: p, start: time.Now(), files: files}
}

func (b *progress) show(file string, s session.Progress) {
	if !b.p.Progress {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Since(b.start) < time.Second/2 {
		return
	}
	line := fmt.Sprintf("%s: %s", file, s.Stage)
	if s.Total > 1 {
		line += fmt.Sprintf(" %d of %d", s.Done, s.Total)
	}
	if line != b.current {
		fmt.Fprintf(b.p.Stderr, "\r\x1b[K%s", line)
		b.shown, b.current = true, line
	}
}

func (b *progress) clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.shown {
		fmt.Fprint(b.p.Stderr, "\r\x1b[K")
		b.shown, b.current = false, ""
	}
}
