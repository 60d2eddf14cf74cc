package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"bpfls/clangdriver"
	"bpfls/elfbpf"
	"bpfls/explain"
	"bpfls/platform"
	"bpfls/verifier"
)

// run carries one request through the pipeline. Each step fills in what it finds
// and the first error ends the run; what was found before stays.
type pipeline struct {
	ctx    context.Context
	req    Request
	out    *Outcome
	cfg    resolved
	dir    string // where relative paths of line information begin
	object *object
	text   []byte            // of a C source
	paths  map[string]string // absolute paths by path of line information
	// sourceFiles are other C sources that may define what this one declares, once listed.
	sourceFiles []string
	listed      sync.Once
	kept        keptReports
}

func run(ctx context.Context, req Request) *Outcome {
	display := req.Display
	if display == "" {
		display = req.Path
	}
	p := &pipeline{ctx: ctx, req: req, out: &Outcome{Report: &explain.Report{Path: display}}}
	if req.Timeout > 0 {
		var cancel context.CancelFunc
		p.ctx, cancel = context.WithTimeoutCause(ctx, req.Timeout,
			fmt.Errorf("it took longer than the limit of %s", req.Timeout))
		defer cancel()
	}
	defer func() { p.object.close() }()
	for _, step := range []func() error{p.open, p.settings, p.compile, p.parse, p.judge} {
		if err := step(); err != nil {
			p.fail(err)
			break
		}
	}
	slices.Sort(p.out.Watch)
	p.out.Watch = slices.Compact(p.out.Watch)
	return p.out
}

// fail records why the run ended.
func (p *pipeline) fail(err error) {
	if p.req.Timeout > 0 && errors.Is(err, context.DeadlineExceeded) && p.ctx.Err() != nil {
		if cause := context.Cause(p.ctx); cause != nil {
			err = cause
		}
	}
	if errors.Is(err, context.DeadlineExceeded) || p.ctx.Err() != nil {
		p.out.late.Store(true)
	}
	p.out.Err = err
	p.out.Report.Error = err.Error()
}

func (p *pipeline) progress(stage, program string, done, total int) {
	if p.req.Progress != nil {
		p.req.Progress(Progress{stage, program, done, total})
	}
}

// open finds out what the file is.
func (p *pipeline) open() error {
	path, err := filepath.Abs(p.req.Path)
	if err != nil {
		return err
	}
	p.req.Path = path
	p.dir = filepath.Dir(path)
	p.out.Watch = append(p.out.Watch, path)
	data, ok := p.req.Overlay[path]
	if ok && isObject(data) {
		p.object = &object{data: data}
	} else if !ok {
		p.object, data, err = openObject(path)
	}
	if err != nil {
		return fileError(err)
	}
	if p.object != nil {
		return p.readWhole()
	}
	switch ext := strings.ToLower(filepath.Ext(path)); {
	case ext == ".o" || ext == ".obj" || ext == ".elf":
		return &elfbpf.Error{Object: p.out.Report.Path, Reason: "this is no ELF file",
			Advice: "compile a BPF source into it (clang -target bpf -O2 -g -c), or give the source itself"}
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		return fmt.Errorf("%s: it is UTF-16, which clang does not read; save it as UTF-8", p.out.Report.Path)
	case bytes.IndexByte(data, 0) >= 0:
		return fmt.Errorf("%s: this is neither an ELF object nor C source: it has null bytes", p.out.Report.Path)
	}
	p.text = data
	return nil
}

// readWhole reads an object's file where reports are kept: by all that is in it.
func (p *pipeline) readWhole() error {
	if f := p.object.file; f != nil && p.req.Reports != nil && f.info.Size() <= maxText {
		data, err := io.ReadAll(io.NewSectionReader(f, 0, f.info.Size()))
		p.object.close()
		if err != nil {
			return fileError(err)
		}
		p.object = &object{data: data}
	}
	return nil
}

func isObject(data []byte) bool { return bytes.HasPrefix(data, []byte("\x7fELF")) }

// fileError says what to do about a file that cannot be read.
func fileError(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) && errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: no such file", pe.Path)
	}
	if errors.As(err, &pe) {
		return fmt.Errorf("%s: it cannot be read: %w", pe.Path, pe.Err)
	}
	return err
}

// compile makes the object of a C source.
func (p *pipeline) compile() error {
	if p.object != nil {
		return nil
	}
	p.progress("compiling", "", 0, 0)
	out, err := p.req.compiler().Compile(p.ctx, p.compilation(p.req.Path))
	if err == nil && out.Object != nil && len(p.cfg.Link.Value) > 1 && !p.req.Without.Link {
		err = p.link(out)
	}
	p.out.Compile = out
	if out != nil {
		p.out.Watch = append(p.out.Watch, out.Files...)
		p.out.Missing = append(p.out.Missing, out.Missing...)
		if out.Platform != "" {
			p.out.Report.Platform, p.out.Report.Why = out.Platform, out.Why
		}
	}
	if err != nil {
		return err
	}
	n := 0
	first := ""
	for _, d := range out.Diagnostics {
		if d.Severity == clangdriver.SeverityError {
			if n == 0 {
				first = d.Message
				if d.Line > 0 {
					first = fmt.Sprintf("%s:%d:%d: %s", p.shown(d.File), d.Line, d.Column, d.Message)
				}
			}
			n++
		}
	}
	if out.Object == nil {
		p.out.CompileErrors = n > 0
		switch n {
		case 0:
			return fmt.Errorf("%s: clang made no object and gave no reason", p.out.Report.Path)
		case 1:
			return fmt.Errorf("it does not compile: %s", first)
		}
		return fmt.Errorf("it does not compile: %d errors, the first: %s", n, first)
	}
	p.object = &object{data: out.Object}
	return nil
}

// compilation is the request for one source.
func (p *pipeline) compilation(path string) clangdriver.Request {
	return clangdriver.Request{Path: path, Platform: p.cfg.platformName(), Overlay: p.req.Overlay, Settings: p.cfg.clang}
}

// link compiles the sources that belong to the same object, and puts that object in place
// of the first one's; what clang says of them, and the files that they read, is added.
func (p *pipeline) link(out *clangdriver.Output) error {
	objects := []clangdriver.Linked{{Path: p.req.Path, Object: out.Object}}
	for _, path := range p.cfg.Link.Value {
		if path == p.req.Path {
			continue
		}
		req := p.compilation(path)
		if out.Platform != "" {
			req.Platform = out.Platform // of the object as a whole
		}
		// Relative paths in flags are those of the source that is verified.
		req.Settings.Dir = or(req.Settings.Dir, p.dir)
		other, err := p.req.compiler().Compile(p.ctx, req)
		if other != nil {
			out.Files = append(out.Files, other.Files...)
			out.Missing = append(out.Missing, other.Missing...)
			out.Diagnostics = append(out.Diagnostics, other.Diagnostics...)
			maps.Copy(out.Sources, other.Sources)
		}
		if err != nil {
			out.Object = nil
			return fmt.Errorf("%s, which link (%s) names: %w", path, p.cfg.Link.Origin, err)
		}
		if other.Object == nil {
			out.Object = nil
			return nil // its errors are among the diagnostics
		}
		objects = append(objects, clangdriver.Linked{Path: path, Object: other.Object})
	}
	object, err := clangdriver.Link(p.ctx, p.req.compiler().TempDir, objects)
	if err != nil {
		return fmt.Errorf("%w (link is set by %s)", err, p.cfg.Link.Origin)
	}
	out.Object = object
	return nil
}

// shown is a path as messages show it: relative to the source if it lies below
// its directory and the request's path was relative, else as it is.
func (p *pipeline) shown(path string) string {
	if path == p.req.Path {
		return p.out.Report.Path
	}
	return path
}

// parse reads the object, with the hooks of the platform and the declared ones.
func (p *pipeline) parse() error {
	p.progress("reading", "", 0, 0)
	if err := p.choosePlatform(); err != nil {
		return err
	}
	obj, err := p.readObject()
	if err == nil && p.cfg.platform == "" && p.out.Compile == nil {
		// Nothing but the object says which platform it is for.
		if name, why := objectPlatform(obj); name != "" && name != p.out.Platform.Name {
			p.cfg.platform, p.cfg.platformWhy = name, why
			if err := p.choosePlatform(); err != nil {
				return err
			}
			obj, err = p.readObject()
		} else if name != "" {
			p.out.Report.Why = why
		}
	}
	if err != nil {
		if p.stopped() {
			return p.ctx.Err()
		}
		return err
	}
	p.out.Object = obj
	if err := p.choosePrograms(); err != nil {
		return err
	}
	p.out.request, p.out.options, p.out.path = p.req, p.verifierOptions(), p.sourcePath
	if !p.req.VerdictOnly {
		p.out.Sources = p.sources()
	}
	return nil
}

func (p *pipeline) readObject() (*elfbpf.Object, error) {
	return p.object.parse(p.out.Report.Path, elfbpf.Options{Platform: p.out.Platform, Wanted: p.wanted, Stop: p.stopped})
}

// wanted reports whether a program was asked for.
func (p *pipeline) wanted(prog *elfbpf.Program) bool {
	req := &p.req
	return (req.Section == "" || req.Section == prog.Section) && (req.Program == "" || req.Program == prog.Name)
}

// objectPlatform tells by the context types of an object's programs which
// platform it is for.
func objectPlatform(obj *elfbpf.Object) (name, why string) {
	for _, prog := range obj.Programs {
		f := strings.Fields(strings.NewReplacer("*", " ", "const ", "").Replace(prog.ContextType))
		if len(f) == 0 {
			continue
		}
		switch t := f[len(f)-1]; t {
		case "xdp_md_t", "bind_md_t", "bpf_sock_addr_t", "bpf_sock_ops_t", "sample_program_context_t":
			return "windows", fmt.Sprintf("%s takes %s", prog.Name, prog.ContextType)
		case "__sk_buff", "xdp_md", "pt_regs", "bpf_sock_addr", "bpf_sock_ops", "bpf_sock", "sk_msg_md", "bpf_perf_event_data":
			return "linux", fmt.Sprintf("%s takes %s", prog.Name, prog.ContextType)
		}
	}
	return "", ""
}

// choosePrograms finds the programs that were asked for and their types.
func (p *pipeline) choosePrograms() error {
	req, obj := p.req, p.out.Object
	others := false // the object has programs besides the functions of .text
	for _, prog := range obj.Programs {
		others = others || prog.Section != ".text"
	}
	sections, functions := map[string]bool{}, map[string]bool{}
	for _, prog := range obj.Programs {
		sections[prog.Section] = true
		if req.Section != "" && prog.Section != req.Section {
			continue
		}
		functions[prog.Name] = true
		if req.Program != "" && prog.Name != req.Program {
			continue
		}
		po := &ProgramOutcome{Program: prog}
		named := req.Program != "" || req.Section == ".text"
		po.Skipped = prog.Section == ".text" && others && !req.All && !named
		var err error
		if po.Type, po.TypeBy, err = p.programType(prog); err != nil {
			return err
		}
		p.out.Programs = append(p.out.Programs, po)
	}
	switch name := p.out.Report.Path; {
	case len(obj.Programs) == 0:
		return &elfbpf.Error{Object: name, Reason: "it has no program",
			Advice: "put the function into a section of its own: __attribute__((section(\"xdp\"), used))"}
	case len(p.out.Programs) > 0:
		return nil
	case req.Section != "" && !sections[req.Section]:
		return &elfbpf.Error{Object: name, Reason: fmt.Sprintf("it has no section %s with programs", req.Section),
			Advice: "it has " + list(sections)}
	default:
		return &elfbpf.Error{Object: name, Section: req.Section, Reason: fmt.Sprintf("it has no program %s", req.Program),
			Advice: "it has " + list(functions)}
	}
}

func list(set map[string]bool) string {
	names := make([]string, 0, len(set))
	for n := range set {
		names = append(names, n)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// judge verifies the programs and explains the results.
func (p *pipeline) judge() error {
	if p.req.NoVerify {
		return p.ctx.Err()
	}
	var work []*ProgramOutcome
	for _, po := range p.out.Programs {
		if !po.Skipped {
			work = append(work, po)
		}
	}
	order := slices.Clone(work)
	slices.SortStableFunc(order, func(a, b *ProgramOutcome) int { return len(b.Program.Code) - len(a.Program.Code) })
	descriptors := make([]platform.Map, len(p.out.Object.Maps))
	for i, m := range p.out.Object.Maps {
		descriptors[i] = m.Map
	}
	jobs := p.req.Jobs
	if jobs <= 0 {
		jobs = runtime.GOMAXPROCS(0)
	}
	jobs = min(jobs, len(order))
	if jobs == 1 { // no other goroutine, which would need a stack of its own
		for i, po := range order {
			p.judgeProgram(po, descriptors)
			p.progress("verifying", po.Program.Section+" "+po.Program.Name, i+1, len(order))
		}
	} else {
		p.judgeAll(order, descriptors, jobs)
	}
	for _, po := range work {
		if po.Report != nil {
			p.out.Report.Programs = append(p.out.Report.Programs, po.Report)
		}
	}
	p.keepReports()
	p.allow()
	if err := p.ctx.Err(); err != nil {
		return err
	}
	return p.asserts()
}

// judgeAll judges programs, several at once.
func (p *pipeline) judgeAll(order []*ProgramOutcome, maps []platform.Map, jobs int) {
	next := make(chan *ProgramOutcome)
	var wg sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for range jobs {
		wg.Go(func() {
			for po := range next {
				p.judgeProgram(po, maps)
				mu.Lock()
				done++
				p.progress("verifying", po.Program.Section+" "+po.Program.Name, done, len(order))
				mu.Unlock()
			}
		})
	}
	for _, po := range order {
		next <- po
	}
	close(next)
	wg.Wait()
}

// judgeProgram verifies one program and explains the result.
func (p *pipeline) judgeProgram(po *ProgramOutcome, maps []platform.Map) {
	in := explain.Input{
		Object:   p.out.Object,
		Program:  po.Program,
		Platform: p.out.Platform,
		Type:     po.Type,
		Sources:  p.out.Sources,
		Path:     p.sourcePath,
		NoFacts:  p.req.NoFacts,

		VerdictOnly: p.req.VerdictOnly,
	}
	start := time.Now()
	defer func() {
		if r := recover(); r != nil {
			po.Result, po.Stored, po.later, po.keep = nil, false, nil, nil
			in.Result = nil
			in.Code = "BPF-internal"
			in.Reason = fmt.Sprintf("bpfls stopped with an internal error at this program: %v", r)
			in.Advice = "Please report it, with the object"
			in.Unknown, in.Stop = true, nil
			po.Report = explain.Explain(in)
		}
		if !po.Stored {
			po.Report.Seconds = time.Since(start).Seconds()
		}
	}()
	input := verifier.Input{
		Code:      po.Program.Code,
		Maps:      maps,
		Platform:  p.out.Platform,
		Type:      po.Type,
		BigEndian: p.out.Object.BigEndian(),
	}
	unfinished := context.Cause(p.ctx)
	if unfinished == nil && po.Program.Err == nil {
		if p.findKept(po, input) {
			p.explainExtern(po)
			return
		}
		var late bool
		if po.Result, po.Known, late, unfinished = p.analyze(p.ctx, input); late {
			p.out.late.Store(true)
		}
	}
	p.adviseLink(po)
	in.Result = po.Result
	if po.Type != nil && po.Type.Context != nil && po.Program.Context != nil {
		in.Context = platform.CompareContext(layout(po.Program.Context), po.Type.Context)
	}
	switch {
	case po.Result == nil && po.Program.Err == nil:
		in.Unknown = true
		in.Code, in.Reason = "BPF-limit", notVerified(unfinished)
	case p.notOptimised(po):
		in.Code = "BPF-not-optimized"
		in.Reason = "this call was compiled without optimisation: the helper's number is loaded from memory and called through a register (callx), and a verifier needs it in the instruction"
		in.Advice = "Compile with -O2"
	case po.Type == nil || po.Type.Context == nil:
		in.Code = "BPF-no-hook"
		in.Reason, in.Advice = p.noHook(po.Program)
	}
	in.Stop = p.stopped
	if po.Result == nil || p.req.VerdictOnly || po.Result.Prepare(p.ctx) == nil {
		if po.Report = explain.Explain(in); po.Report != nil {
			if in.Reason == "" {
				po.Report.Seconds = time.Since(start).Seconds()
				p.mayKeep(po, input)
			}
			p.explainExtern(po)
			return
		}
	}
	// There was no time to explain it.
	po.Result, in.Result, in.Stop = nil, nil, nil
	in.Unknown, in.Code, in.Reason, in.Advice = true, "BPF-limit", notVerified(context.Cause(p.ctx)), ""
	po.Report = explain.Explain(in)
}

// notVerified is the reason of a program whose run was ended.
func notVerified(cause error) string {
	if cause == nil || errors.Is(cause, context.Canceled) {
		return "it was not verified: the work was cancelled"
	}
	return "it was not verified: " + cause.Error()
}

func (p *pipeline) stopped() bool { return p.ctx.Err() != nil }

// notOptimised reports whether a program was refused for calling a helper through
// a register.
func (p *pipeline) notOptimised(po *ProgramOutcome) bool {
	calls := po.Program.IndirectHelperCalls()
	if len(calls) == 0 || p.out.Platform.Options.CallX {
		return false
	}
	return po.Program.Err != nil || po.Result != nil && po.Result.Verdict == verifier.Rejected &&
		(po.Result.At < 0 || slices.Contains(calls, po.Result.At))
}

// noHook says that a section names no hook and how to choose one.
func (p *pipeline) noHook(prog *elfbpf.Program) (reason, advice string) {
	os := "Linux"
	if p.out.Platform.Name == "windows" {
		os = "eBPF for Windows"
	}
	if t, name, ok := p.out.Platform.Near(prog.Section, prog.ContextType); ok {
		return fmt.Sprintf("section %s names no hook of %s; did you mean %s?", prog.Section, os, name), otherwise("Or say", t.Name)
	}
	var prefixes []string
	for _, t := range p.out.Platform.Types {
		if len(t.Prefixes) > 0 && t.Context != nil {
			prefixes = append(prefixes, t.Prefixes[0])
		}
	}
	slices.Sort(prefixes)
	prefixes = slices.Compact(prefixes)
	example := "bind"
	if len(prefixes) > 0 && !slices.Contains(prefixes, example) {
		example = prefixes[0]
	}
	if len(prefixes) > 8 {
		prefixes = append(prefixes[:8], "...")
	}
	return fmt.Sprintf("section %s names no hook of %s (%s)", prog.Section, os, strings.Join(prefixes, ", ")),
		otherwise("Name the section after its hook, or say", example)
}

// otherwise tells how to say what a program is where its section does not.
func otherwise(say, example string) string {
	return fmt.Sprintf("%s what it is: --type %[2]s, type = %[2]q in bpfls.toml, or a comment // bpfls: type=%[2]s before the function", say, example)
}

func layout(s *elfbpf.Struct) platform.StructLayout {
	l := platform.StructLayout{Name: s.Name, Size: s.Size}
	for _, m := range s.Members {
		l.Members = append(l.Members, platform.Field{Name: m.Name, Type: m.Type, Offset: m.Offset, Size: m.Size})
	}
	return l
}
