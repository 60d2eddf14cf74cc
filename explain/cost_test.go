package explain_test

import (
	"bufio"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bpfls/elfbpf"
	"bpfls/explain"
	"bpfls/linuxhooks"
	"bpfls/verifier"
)

// samples reads a sample of the corpus' programs of a verdict, without the tables'
// rows of programs that need another type than their section says.
func samples(b *testing.B, verdict string, every int) []explain.Input {
	b.Helper()
	dir, err := filepath.Abs(filepath.Join("..", "..", "shared", "corpus"))
	if err != nil {
		b.Fatal(err)
	}
	f, err := os.Open(filepath.Join(dir, "prevail-verdicts.tsv"))
	if err != nil {
		b.Skip("the reference data ../shared/corpus are not here")
	}
	defer f.Close()
	p := linuxhooks.Platform()
	objects := map[string]*elfbpf.Object{}
	var out []explain.Input
	lines := bufio.NewScanner(f)
	for n := 0; lines.Scan(); {
		row := strings.Split(lines.Text(), "\t")
		if len(row) < 5 || row[4] != verdict {
			continue
		}
		if n++; n%every != 0 {
			continue
		}
		typ, ok := p.TypeByName(row[3])
		if !ok {
			continue
		}
		o := objects[row[0]]
		if o == nil {
			data, err := os.ReadFile(filepath.Join(dir, "ebpf-samples", row[0]))
			if err != nil {
				b.Fatal(err)
			}
			if o, err = elfbpf.Parse(row[0], data, elfbpf.Options{Platform: p}); err != nil {
				b.Fatal(err)
			}
			objects[row[0]] = o
		}
		for _, prog := range o.Programs {
			if prog.Section == row[1] && prog.Name == row[2] && prog.Err == nil {
				out = append(out, explain.Input{Object: o, Program: prog, Platform: p, Type: typ})
			}
		}
	}
	return out
}

func analyze(b *testing.B, in explain.Input, opt verifier.Options) *verifier.Result {
	v := verifier.Input{Code: in.Program.Code, Platform: in.Platform, Type: in.Type}
	for _, m := range in.Object.Maps {
		v.Maps = append(v.Maps, m.Map)
	}
	res, err := verifier.Analyze(context.Background(), v, opt)
	if err != nil {
		b.Fatal(err)
	}
	return res
}

// BenchmarkFailingReport compares the verdict, the root causes and the report of
// programs that fail with an analysis in which their failing checks are assumed. The
// first is to take at most 1.3 times as long.
func BenchmarkFailingReport(b *testing.B) {
	in := samples(b, "fail", 3)
	assumed := make([]verifier.Options, len(in))
	for i := range in {
		res := analyze(b, in[i], verifier.Options{})
		for _, u := range res.Unproven() {
			assumed[i].Assume = append(assumed[i].Assume, verifier.Assumption{Slot: u.Point.Slot, Check: u.Index})
		}
	}
	compare(b, in, func(i int) { analyze(b, in[i], assumed[i]) }, func(i int) {
		p := in[i]
		p.Result = analyze(b, p, verifier.Options{})
		explain.Explain(p)
	})
}

// BenchmarkPassingReport compares the verdict and the report of programs that pass with
// the verdict alone. The first is to take at most 1.1 times as long.
func BenchmarkPassingReport(b *testing.B) {
	in := samples(b, "pass", 12)
	compare(b, in, func(i int) { analyze(b, in[i], verifier.Options{}) }, func(i int) {
		p := in[i]
		p.Result = analyze(b, p, verifier.Options{})
		explain.Explain(p)
	})
}

// compare times two functions in turn for each input, and reports both sums.
func compare(b *testing.B, in []explain.Input, base, whole func(i int)) {
	for i := range in {
		base(i)
		whole(i) // what an object is read for once is not of the program
	}
	var a, c time.Duration
	for b.Loop() {
		for i := range in {
			start := time.Now()
			base(i)
			middle := time.Now()
			whole(i)
			a += middle.Sub(start)
			c += time.Since(middle)
		}
	}
	n := float64(b.N)
	b.ReportMetric(a.Seconds()*1e3/n, "ms-analysis")
	b.ReportMetric(c.Seconds()*1e3/n, "ms-report")
	b.ReportMetric(c.Seconds()/a.Seconds(), "ratio")
	b.ReportMetric(float64(len(in)), "programs")
}
