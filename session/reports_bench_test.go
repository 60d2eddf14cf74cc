package session

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"bpfls/verifier"
)

// BenchmarkReports judges the programs of the corpus one by one and reads their reports
// back from bytes. It prints what either takes by the visits of the verifier, which say
// from where on a report is worth to be kept (worthKeeping). Read times are without the
// disk's; BenchmarkStore in diskcache has those.
func BenchmarkReports(b *testing.B) {
	objects, _ := filepath.Glob("../../shared/corpus/ebpf-samples/*/*.o")
	if len(objects) == 0 {
		b.Skip("the corpus is not here")
	}
	type figures struct {
		visits, size  int
		judged        time.Duration
		read, written time.Duration
	}
	var all []figures
	for b.Loop() {
		all = nil
		for _, path := range objects {
			out := Run(context.Background(), Request{Path: path, Choices: Choices{Platform: "linux"}, Jobs: 1})
			for i, po := range out.Programs {
				if po.Result == nil || po.Report == nil || po.Result.Verdict != verifier.Pass && po.Result.Verdict != verifier.Fail {
					continue
				}
				list := []keptReport{{i, verifier.Key{}, po.Report}}
				start := time.Now()
				data := encodeReports(list)
				f := figures{visits: po.Result.Visits(), size: len(data), judged: time.Duration(po.Report.Seconds * 1e9), written: time.Since(start)}
				if data == nil {
					b.Errorf("%s %s: not kept", path, po.Program.Name)
				}
				start = time.Now()
				if _, err := decodeReports(data); err != nil {
					b.Fatal(err)
				}
				f.read = time.Since(start)
				all = append(all, f)
			}
		}
	}
	slices.SortFunc(all, func(a, b figures) int { return cmp.Compare(a.visits, b.visits) })
	fmt.Fprintln(os.Stderr, "visits from    programs   judged ms median   all   read ms median   all    bytes   slower to read")
	for from, at := 0, 0; at < len(all); from = max(2*from, 50) {
		var part []figures
		for at < len(all) && all[at].visits < max(2*from, 50) {
			part = append(part, all[at])
			at++
		}
		if len(part) == 0 {
			continue
		}
		ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
		column := func(of func(figures) time.Duration) (median, sum float64) {
			slices.SortFunc(part, func(a, b figures) int { return cmp.Compare(of(a), of(b)) })
			for _, f := range part {
				sum += ms(of(f))
			}
			return ms(of(part[len(part)/2])), sum
		}
		judged, judgedAll := column(func(f figures) time.Duration { return f.judged })
		read, readAll := column(func(f figures) time.Duration { return f.read })
		size, slower := 0, 0
		for _, f := range part {
			size += f.size
			if f.read > f.judged {
				slower++
			}
		}
		fmt.Fprintf(os.Stderr, "%11d %11d %13.3f %12.1f %9.3f %10.1f %9d %9d\n", from, len(part), judged, judgedAll, read, readAll, size, slower)
	}
}

// BenchmarkReportKey takes the key of the largest object of the corpus.
func BenchmarkReportKey(b *testing.B) {
	path, _ := filepath.Abs("../../shared/corpus/ebpf-samples/falco/probe.o")
	data, err := os.ReadFile(path)
	if err != nil {
		b.Skip("the corpus is not here: ", err)
	}
	out := Run(context.Background(), Request{Path: path, Choices: Choices{Platform: "linux"}, NoVerify: true})
	for b.Loop() {
		p := &pipeline{out: out, object: &object{data: data}}
		if _, ok := p.reportKey(); !ok {
			b.Fatal("no key")
		}
	}
	b.ReportMetric(float64(len(data))/1e6, "MB-object")
}
