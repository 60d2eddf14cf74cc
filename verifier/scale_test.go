package verifier_test

import (
	"context"
	"testing"
	"time"

	"bpfls/bench/shapes"
	"bpfls/linuxhooks"
	"bpfls/verifier"
)

// shaped verifies a program of a shape.
func shaped(tb testing.TB, s shapes.Shape, n int) (verifier.Input, *verifier.Result) {
	tb.Helper()
	p := linuxhooks.Platform()
	xdp, _ := p.TypeByName("xdp")
	prog := s.Make(n)
	in := verifier.Input{Code: prog.Code, Maps: prog.Maps, Platform: p, Type: xdp}
	opt := verifier.Options{}
	if s.Termination {
		opt.Termination = verifier.On
	}
	res, err := verifier.Analyze(context.Background(), in, opt)
	if err != nil {
		tb.Fatal(err)
	}
	return in, res
}

// BenchmarkReplay asks for the state at every instruction of programs of 4,000
// instructions. It reports how long the slowest of these takes; of each the fastest of
// several counts, so that a pause of the machine is not taken for a slow replay.
func BenchmarkReplay(b *testing.B) {
	for _, s := range shapes.All {
		b.Run(s.Name, func(b *testing.B) {
			in, res := shaped(b, s, 4000)
			res.Before(verifier.Point{}) // of a failing program: the second run
			var worst, sum time.Duration
			count := 0
			for b.Loop() {
				worst, sum, count = 0, 0, 0
				for slot := range in.Code {
					points := res.Points(slot)
					if len(points) == 0 {
						continue
					}
					p := points[len(points)-1]
					least := time.Hour
					for i := 0; i < 3 || i < 8 && least > time.Millisecond/4; i++ {
						start := time.Now()
						res.Before(p)
						least = min(least, time.Since(start))
					}
					worst = max(worst, least)
					sum += least
					count++
				}
			}
			b.ReportMetric(float64(worst.Microseconds()), "worst-µs")
			b.ReportMetric(float64(sum.Microseconds())/float64(count), "mean-µs")
		})
	}
}
