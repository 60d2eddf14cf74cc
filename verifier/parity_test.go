package verifier_test

import (
	"bufio"
	"bytes"
	"context"
	"debug/elf"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"bpfls/elfbpf"
	"bpfls/linuxhooks"
	"bpfls/platform"
	"bpfls/verifier"
	"bpfls/winhooks"
)

// The tests of this file compare verdicts with tables of what PREVAIL v0.2.6 says
// of the same programs. The thresholds may only be raised.

// shared returns the path of a file of the reference data, or skips the test.
func shared(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if filepath.Dir(dir) == dir {
			t.Fatal("no go.mod above the test's directory")
		}
		dir = filepath.Dir(dir)
	}
	path := filepath.Join(filepath.Dir(dir), "shared", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the reference data are not here: %v", err)
	}
	return path
}

// record is a row of a table.
type record map[string]string

func readTable(t testing.TB, name string) []record {
	t.Helper()
	f, err := os.Open(shared(t, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var header []string
	var rows []record
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), "\t")
		if header == nil {
			header = fields
			continue
		}
		row := make(record)
		for i, h := range header {
			if i < len(fields) {
				row[h] = fields[i]
			}
		}
		rows = append(rows, row)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return rows
}

// referencePlatform returns a platform with the options of PREVAIL's command
// line: legacy packet instructions only where the row says so.
func referencePlatform(name string, packet bool) *platform.Platform {
	p := winhooks.Platform()
	if name == "linux" {
		p = linuxhooks.Platform()
	}
	p = p.Clone()
	p.Options.PacketAccess = packet
	return p
}

// programType returns the type that PREVAIL took for a row.
func programType(p *platform.Platform, name, section string) (*platform.ProgramType, error) {
	if name == "" {
		typ, _, _ := p.Match(section)
		return typ, nil
	}
	if name == "lxc" {
		// A rule of PREVAIL's for its samples: the context of sched_cls with the
		// helpers of socket_filter.
		sched, ok := p.TypeByName("sched_cls")
		base, ok2 := p.TypeByName("socket_filter")
		if !ok || !ok2 {
			return nil, fmt.Errorf("no sched_cls or socket_filter")
		}
		typ := *base
		typ.Context = sched.Context
		return &typ, nil
	}
	typ, ok := p.TypeByName(name)
	if !ok {
		return nil, fmt.Errorf("no program type %q", name)
	}
	return typ, nil
}

// judgement is what is compared of a row.
type judgement struct {
	verdict, pc, message, bound string
}

type judge struct {
	root     string // folder of the objects
	platform string
	mu       sync.Mutex
	objects  map[string]*elfbpf.Object
	errs     map[string]error
}

func (j *judge) object(name string, p *platform.Platform) (*elfbpf.Object, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if o, ok := j.objects[name]; ok {
		return o, j.errs[name]
	}
	data, err := os.ReadFile(filepath.Join(j.root, name))
	var o *elfbpf.Object
	if err == nil {
		o, err = elfbpf.Parse(name, data, elfbpf.Options{Platform: p})
	}
	j.objects[name], j.errs[name] = o, err
	return o, err
}

// mutant parses an object with 8 bytes of a section replaced.
func (j *judge) mutant(row record, p *platform.Platform) (*elfbpf.Object, error) {
	data, err := os.ReadFile(filepath.Join(j.root, row["object"]))
	if err != nil {
		return nil, err
	}
	off, err := strconv.Atoi(row["section_offset"])
	if err != nil {
		return nil, err
	}
	with, err := hex.DecodeString(row["mutated"])
	if err != nil {
		return nil, err
	}
	file, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	if s := file.Section(row["section"]); s != nil {
		copy(data[int(s.Offset)+off:], with)
		return elfbpf.Parse(row["object"], data, elfbpf.Options{Platform: p})
	}
	return nil, fmt.Errorf("no section %s", row["section"])
}

func (j *judge) judge(row record) (got judgement, err error) {
	defer func() {
		if x := recover(); x != nil {
			buf := make([]byte, 4096)
			err = fmt.Errorf("panic: %v\n%s", x, buf[:runtime.Stack(buf, false)])
		}
	}()
	name := j.platform
	if p := row["platform"]; p != "" {
		name = p
	}
	p := referencePlatform(name, row["options"] == "packet")
	var o *elfbpf.Object
	if row["mutated"] != "" {
		o, err = j.mutant(row, p)
	} else {
		o, err = j.object(row["object"], p)
	}
	if err != nil {
		return judgement{verdict: "rejected", message: err.Error()}, nil
	}
	for _, prog := range o.Programs {
		if prog.Section != row["section"] || prog.Name != row["function"] {
			continue
		}
		if prog.Err != nil {
			return judgement{verdict: "rejected", message: prog.Err.Error()}, nil
		}
		typ, err := programType(p, row["type"], row["section"])
		if err != nil {
			return got, err
		}
		in := verifier.Input{Code: prog.Code, Platform: p, Type: typ, BigEndian: o.BigEndian()}
		for _, m := range o.Maps {
			in.Maps = append(in.Maps, m.Map)
		}
		var opt verifier.Options
		switch row["termination"] {
		case "yes":
			opt.Termination = verifier.On
		case "no":
			opt.Termination = verifier.Off
		}
		res, err := verifier.Analyze(context.Background(), in, opt)
		if err != nil {
			return got, err
		}
		got.verdict = res.Verdict.String()
		switch {
		case res.Verdict == verifier.Fail && len(res.Failures) > 0:
			got.pc, got.message = res.Failures[0].Label, res.Failures[0].Message
		case res.Verdict == verifier.Pass && res.LoopBound >= 0:
			got.bound = strconv.Itoa(res.LoopBound)
		default:
			got.message = res.Reason
		}
		return got, nil
	}
	return got, fmt.Errorf("no such program")
}

// score counts rows.
type score struct {
	rows, verdict, fails, pc, message, bounds, bound, errors int
}

// full counts rows in which everything is equal.
func (s score) String() string {
	return fmt.Sprintf("verdict %d of %d; of %d failures: place %d, message %d; loop bound %d of %d; errors %d",
		s.verdict, s.rows, s.fails, s.pc, s.message, s.bound, s.bounds, s.errors)
}

// compare judges all rows and reports those that differ.
func compare(t *testing.T, j *judge, rows []record) score {
	t.Helper()
	j.objects = make(map[string]*elfbpf.Object)
	j.errs = make(map[string]error)
	got := make([]judgement, len(rows))
	errs := make([]error, len(rows))
	var wg sync.WaitGroup
	next := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range next {
				got[i], errs[i] = j.judge(rows[i])
			}
		})
	}
	for i := range rows {
		next <- i
	}
	close(next)
	wg.Wait()
	var s score
	for i, row := range rows {
		g := got[i]
		s.rows++
		if errs[i] != nil {
			s.errors++
			t.Logf("%s: %v", rowName(row), errs[i])
			continue
		}
		want := judgement{row["verdict"], row["pc"], row["message"], row["loop_bound"]}
		same := g.verdict == want.verdict || want.verdict == "timeout" && (g.verdict == "pass" || g.verdict == "fail")
		if same {
			s.verdict++
		}
		if want.verdict == "fail" {
			s.fails++
			if g.pc == want.pc {
				s.pc++
			}
			if g.message == want.message {
				s.message++
			}
			same = same && g.pc == want.pc && g.message == want.message
		}
		if want.verdict == "pass" && want.bound != "" {
			s.bounds++
			if g.bound == want.bound {
				s.bound++
			}
			same = same && g.bound == want.bound
		}
		if !same {
			t.Logf("%s: want %s %s %s %s\n\tgot %s %s %s %s", rowName(row), want.verdict, want.pc, want.message, want.bound,
				g.verdict, g.pc, g.message, g.bound)
		}
	}
	t.Log(s)
	return s
}

func rowName(row record) string {
	name := row["object"] + " " + row["section"] + " " + row["function"] + " " + row["type"]
	for _, k := range []string{"platform", "termination", "section_offset", "mutated"} {
		if row[k] != "" {
			name += " " + k + "=" + row[k]
		}
	}
	return name
}

// atLeast fails the test where a count is below its threshold.
func (s score) atLeast(t *testing.T, want score) {
	t.Helper()
	for _, c := range []struct {
		what      string
		got, want int
	}{
		{"equal verdicts", s.verdict, want.verdict},
		{"equal places of the first failure", s.pc, want.pc},
		{"equal messages", s.message, want.message},
		{"equal loop bounds", s.bound, want.bound},
	} {
		if c.got < c.want {
			t.Errorf("%s: %d, want at least %d", c.what, c.got, c.want)
		}
	}
	if s.errors > 0 {
		t.Errorf("%d programs could not be judged", s.errors)
	}
}

const samples = "corpus/ebpf-samples"

func TestParityCorpus(t *testing.T) {
	rows := readTable(t, "corpus/prevail-verdicts.tsv")
	s := compare(t, &judge{root: shared(t, samples), platform: "linux"}, rows)
	s.atLeast(t, score{verdict: 586, pc: 140, message: 140})
}

func TestParityTermination(t *testing.T) {
	rows := readTable(t, "corpus/prevail-termination.tsv")
	s := compare(t, &judge{root: shared(t, samples), platform: "linux"}, rows)
	s.atLeast(t, score{verdict: 586, pc: 141, message: 141, bound: 442})
}

func TestParityWindows(t *testing.T) {
	rows := readTable(t, "corpus/prevail-windows.tsv")
	s := compare(t, &judge{root: shared(t, samples), platform: "windows"}, rows)
	s.atLeast(t, score{verdict: 1277, pc: 228, message: 228, bound: 132})
}

func TestParityGenerated(t *testing.T) {
	rows := readTable(t, "generated/prevail.tsv")
	root := shared(t, "generated")
	// One judge for each platform: an object is read differently by each.
	byPlatform := make(map[string][]record)
	for _, row := range rows {
		byPlatform[row["platform"]] = append(byPlatform[row["platform"]], row)
	}
	for name, rows := range byPlatform {
		t.Run(name, func(t *testing.T) {
			s := compare(t, &judge{root: root, platform: name}, rows)
			s.atLeast(t, map[string]score{
				"linux":   {verdict: 734, pc: 434, message: 434, bound: 79},
				"windows": {verdict: 348, pc: 251, message: 251, bound: 92},
			}[name])
		})
	}
}

func TestParityTraps(t *testing.T) {
	rows := readTable(t, "traps/prevail.tsv")
	s := compare(t, &judge{root: shared(t, "traps"), platform: "linux"}, rows)
	s.atLeast(t, score{verdict: 196, pc: 53, message: 53, bound: 65})
}

func TestParityMutants(t *testing.T) {
	rows := readTable(t, "corpus/prevail-mutants.tsv")
	s := compare(t, &judge{root: shared(t, samples), platform: "linux"}, rows)
	s.atLeast(t, score{verdict: 4000, pc: 2181, message: 2181})
}
