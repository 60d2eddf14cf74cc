package session

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"reflect"
	"slices"
	"sync"

	"bpfls/explain"
	"bpfls/platform"
	"bpfls/verifier"
)

// Results (results.go) are kept in memory, with their states. Reports are kept on disk as
// well, for the next process: what the verifier and package explain made of the programs
// of a file, by the digest of everything that they were given. States are far larger and
// are not kept. A program whose report was kept is analysed when somebody asks for its
// states (ProgramOutcome.States).

// ReportStore keeps bytes by key between processes. What it gives is what was put under
// that key by the same build of this program, or nil. Its methods are safe for concurrent
// use, and failing to keep is no error.
type ReportStore interface {
	Get(key [32]byte) []byte
	// Put keeps what value returns, which it calls in the background. Nothing is kept where
	// the data are nil.
	Put(value func() (key [32]byte, data []byte))
	Drop(key [32]byte)
}

// worthKeeping is the number of visits of the verifier from which on a program's report is
// kept: below it, reading the report is not clearly faster than making it
// (docs/performance.md).
const worthKeeping = 400

// keptReport is the report of a program in a ReportStore.
type keptReport struct {
	Index  int          // of the program in Outcome.Programs
	Input  verifier.Key // what the verifier was given
	Report *explain.Program
}

// keptReports is what a run reads from a ReportStore and writes there.
type keptReports struct {
	keyed, read sync.Once
	key         [32]byte
	ok          bool // there is a key
	found       []keptReport
}

// reportInput is everything that the reports of a file's programs are made of. What it
// holds of the platform are its data; functions count as part of this program.
type reportInput struct {
	Path, Display, Dir string
	Section, Program   string
	All, NoFacts       bool
	Object             []byte
	Sources            map[string][]byte // as compiled, by the path that line information gives
	Paths              map[string]string // that reports show for those
	Platform           *platform.Platform
	Programs           []reportProgram
	Options            verifier.Options
}

type reportProgram struct {
	Section, Name string
	Size          int
	Skipped       bool
	Type          *platform.ProgramType
}

// key is the digest of an input. ok is false where it holds something that has none.
func (in *reportInput) key() (key [32]byte, ok bool) {
	w := valueWriter{h: sha256.New(), seen: map[pointer]int{}}
	w.write(reflect.ValueOf(in))
	w.flush()
	w.h.Sum(key[:0])
	return key, !w.failed
}

// valueWriter writes Go values to a hash, each so that it cannot be taken for another.
type valueWriter struct {
	h      hash.Hash
	buf    []byte
	seen   map[pointer]int // what was written, in its order: it may be in several places
	failed bool
}

// pointer is what a pointer points to. A structure and its first field are two things.
type pointer struct {
	kind reflect.Type
	at   uintptr
}

func (w *valueWriter) flush() {
	w.h.Write(w.buf)
	w.buf = w.buf[:0]
}

func (w *valueWriter) int(n int64) {
	if len(w.buf) > 4096 {
		w.flush()
	}
	for ; n >= 0x80 || n < 0; n = int64(uint64(n) >> 7) {
		w.buf = append(w.buf, byte(n)|0x80)
	}
	w.buf = append(w.buf, byte(n))
}

func (w *valueWriter) bytes(b []byte) {
	w.int(int64(len(b)))
	w.flush()
	w.h.Write(b)
}

func (w *valueWriter) write(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		n := int64(0)
		if v.Bool() {
			n = 1
		}
		w.int(n)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		w.int(v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		w.int(int64(v.Uint()))
	case reflect.String:
		w.int(int64(v.Len()))
		w.buf = append(w.buf, v.String()...)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			w.bytes(v.Bytes())
			return
		}
		w.int(int64(v.Len()))
		for i := range v.Len() {
			w.write(v.Index(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			w.write(v.Index(i))
		}
	case reflect.Map:
		if v.Type().Key().Kind() != reflect.String {
			w.failed = true
			return
		}
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int {
			if a.String() < b.String() {
				return -1
			}
			return 1
		})
		w.int(int64(len(keys)))
		for _, k := range keys {
			w.write(k)
			w.write(v.MapIndex(k))
		}
	case reflect.Pointer:
		if v.IsNil() {
			w.int(0)
			return
		}
		to := pointer{v.Type(), v.Pointer()}
		if n, ok := w.seen[to]; ok {
			w.int(int64(n))
			return
		}
		w.seen[to] = len(w.seen) + 2
		w.int(1)
		w.write(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			w.write(v.Field(i))
		}
	case reflect.Func:
		n := int64(0)
		if !v.IsNil() {
			n = 1
		}
		w.int(n)
	default:
		w.failed = true
	}
}

// reportKey returns what the reports of a run are kept by.
func (p *pipeline) reportKey() ([32]byte, bool) {
	k := &p.kept
	k.keyed.Do(func() {
		if p.object.data == nil {
			return
		}
		in := reportInput{
			Path: p.req.Path, Display: p.out.Report.Path, Dir: p.dir,
			Section: p.req.Section, Program: p.req.Program, All: p.req.All, NoFacts: p.req.NoFacts,
			Object: p.object.data, Sources: map[string][]byte{}, Paths: p.paths,
			Platform: p.out.Platform, Options: p.out.options,
		}
		for name, text := range p.out.Sources {
			in.Sources[name] = text.Text()
		}
		for _, po := range p.out.Programs {
			in.Programs = append(in.Programs, reportProgram{po.Program.Section, po.Program.Name, po.Program.Size, po.Skipped, po.Type})
		}
		k.key, k.ok = in.key()
	})
	return k.key, k.ok
}

// findKept takes the report of a program from disk, and reports whether there was one.
func (p *pipeline) findKept(po *ProgramOutcome, in verifier.Input) bool {
	if p.req.Reports == nil || p.req.Fresh || p.req.VerdictOnly || p.req.Results.has(in, p.verifierOptions()) {
		return false
	}
	key, ok := p.reportKey()
	if !ok {
		return false
	}
	k := &p.kept
	k.read.Do(func() {
		data := p.req.Reports.Get(key)
		if data == nil {
			return
		}
		var err error
		if k.found, err = decodeReports(data); err != nil {
			p.req.Reports.Drop(key)
		}
	})
	index := slices.Index(p.out.Programs, po)
	i := slices.IndexFunc(k.found, func(r keptReport) bool { return r.Index == index })
	if i < 0 || k.found[i].Input != verifier.KeyOf(in, p.verifierOptions()) {
		return false
	}
	report := k.found[i].Report
	if report.Section != po.Program.Section || report.Function != po.Program.Name {
		return false
	}
	po.Report, po.Stored, po.keep = report, true, &keptReport{index, k.found[i].Input, clonedReport(report)}
	life := p.req.life
	if life == nil {
		life = context.Background()
	}
	po.later = &laterResult{life: life, analyse: func(ctx context.Context) (*verifier.Result, error) {
		r, _, _, err := p.analyze(ctx, in)
		if err == nil && r.Verdict.String() != report.Verdict {
			p.req.Reports.Drop(key)
			err = fmt.Errorf("%s: its report on disk says %s, the verifier %s", report.Function, report.Verdict, r.Verdict)
		}
		if err == nil {
			err = r.Prepare(ctx)
		}
		if err != nil {
			return nil, err
		}
		return r, nil
	}}
	return true
}

// clonedReport copies what is changed of a report when all programs were judged.
func clonedReport(r *explain.Program) *explain.Program {
	c := *r
	c.Findings = slices.Clone(r.Findings)
	return &c
}

// mayKeep notes the report of a program that was explained just now, to be kept: a verdict
// that took more than it takes to read it. No later step has changed the report yet.
func (p *pipeline) mayKeep(po *ProgramOutcome, in verifier.Input) {
	r := po.Result
	if p.req.Reports == nil || p.req.VerdictOnly || r == nil || r.Verdict != verifier.Pass && r.Verdict != verifier.Fail ||
		r.Verdict.String() != po.Report.Verdict || r.Visits() < worthKeeping {
		return
	}
	po.keep = &keptReport{slices.Index(p.out.Programs, po), verifier.KeyOf(in, p.verifierOptions()), clonedReport(po.Report)}
}

// keepReports has the reports of a run that ended kept, unless that was done before.
func (p *pipeline) keepReports() {
	if p.req.Reports == nil || p.ctx.Err() != nil {
		return
	}
	var list []keptReport
	known := true
	for _, po := range p.out.Programs {
		if po.keep != nil {
			list = append(list, *po.keep)
			known = known && po.Stored
			po.keep = nil
		}
	}
	if known {
		return
	}
	p.req.Reports.Put(func() ([32]byte, []byte) {
		key, ok := p.reportKey()
		if !ok {
			return key, nil
		}
		return key, encodeReports(list)
	})
}

// encodeReports returns the bytes that decodeReports makes the same reports of, or nil where
// there are none: JSON has no bytes that are no UTF-8.
func encodeReports(list []keptReport) []byte {
	data, err := json.Marshal(list)
	if err != nil {
		return nil
	}
	if same, err := decodeReports(data); err != nil || !reflect.DeepEqual(same, list) {
		return nil
	}
	return data
}

var errReports = errors.New("these are no reports")

// decodeReports reads reports. All of them are verdicts.
func decodeReports(data []byte) ([]keptReport, error) {
	var list []keptReport
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, err
	}
	for _, r := range list {
		if r.Report == nil || r.Report.Verdict != verifier.Pass.String() && r.Report.Verdict != verifier.Fail.String() {
			return nil, errReports
		}
	}
	return list, nil
}

// laterResult is the result of a program whose report was kept, once somebody asks for it.
type laterResult struct {
	life    context.Context // an analysis goes on when the one who asked went away
	analyse func(context.Context) (*verifier.Result, error)

	mu      sync.Mutex
	result  *verifier.Result
	err     error
	running chan struct{} // closed when the analysis ends; nil: none runs
}

func (l *laterResult) get(ctx context.Context) (*verifier.Result, error) {
	l.mu.Lock()
	if l.result != nil {
		defer l.mu.Unlock()
		return l.result, nil
	}
	if l.running == nil {
		l.running = make(chan struct{})
		go l.run()
	}
	running := l.running
	l.mu.Unlock()
	select {
	case <-running:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.result, l.err
}

func (l *laterResult) run() {
	var result *verifier.Result
	err := errors.New("bpfls stopped with an internal error")
	defer func() {
		_ = recover() // the program has no states, then
		l.mu.Lock()
		defer l.mu.Unlock()
		l.result, l.err = result, err
		close(l.running)
		l.running = nil
	}()
	result, err = l.analyse(l.life)
}

// States returns what the verifier found, with the states at every instruction: Result, or
// what an analysis finds now, where the report was kept on disk. The analysis is made once
// and goes on in the background when the context ends. The result is nil where the verifier
// was not run.
func (p *ProgramOutcome) States(ctx context.Context) (*verifier.Result, error) {
	if p.later == nil {
		return p.Result, nil
	}
	return p.later.get(ctx)
}
