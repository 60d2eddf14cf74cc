package verifier

import (
	"context"
	"errors"
	"testing"
	"time"

	"bpfls/bench/shapes"
	"bpfls/linuxhooks"
	"bpfls/verifier/cfg"
)

// TestCancelIsSeen counts, for programs of all shapes, what is done between two looks at
// whether the run was cancelled, and what is done after one that says so.
func TestCancelIsSeen(t *testing.T) {
	for _, s := range shapes.All {
		t.Run(s.Name, func(t *testing.T) {
			r := newShapedRun(t, s, 1500)
			const most = spendMost/replayStep + 1 // visits
			last, polls := 0, 0
			r.cancelled = func() bool {
				if n := r.visits - last; n > most {
					t.Errorf("%d visits without a look", n)
				}
				last = r.visits
				polls++
				return false
			}
			r.numbers.StopWhen(r.cancelled)
			if err := r.solve(r.entry()); err != nil {
				t.Fatal(err)
			}
			if polls == 0 {
				t.Fatal("it never looked")
			}
			for _, at := range []int{1, (polls + 1) / 2, polls} {
				r := newShapedRun(t, s, 1500)
				n, seen := 0, 0
				r.cancelled = func() bool {
					if n++; n == at {
						seen = r.visits
					}
					return n >= at
				}
				r.numbers.StopWhen(r.cancelled)
				if err := r.solve(r.entry()); !errors.Is(err, context.Canceled) {
					t.Fatalf("cancelled at look %d of %d: %v", at, polls, err)
				}
				if n := r.visits - seen; n > 1 {
					t.Errorf("cancelled at look %d of %d: %d more visits", at, polls, n)
				}
			}
		})
	}
}

// TestPrepareIsCancelled: so does the run that goes on behind failures.
func TestPrepareIsCancelled(t *testing.T) {
	in := shapedInput(failing(1000))
	res, err := Analyze(context.Background(), in, Options{})
	if err != nil || res.Verdict != Fail {
		t.Fatal(res, err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	reason := errors.New("no time")
	cancel(reason)
	if err := res.Prepare(ctx); !errors.Is(err, reason) {
		t.Errorf("error %v, want %v", err, reason)
	}
	if res.analysis.on != nil {
		t.Error("the second run was made all the same")
	}
	if err := res.Prepare(context.Background()); err != nil || res.analysis.on == nil {
		t.Errorf("it was not made at last: %v", err)
	}
}

// failing is a straight program with a failure in front.
func failing(n int) shapes.Program {
	p := shapes.All[0].Make(n)
	p.Code[0].Op = 0x61 // r0 = *(u32 *)(r0 + 0): no pointer
	p.Code[0].Imm = 0
	return p
}

func shapedInput(prog shapes.Program) Input {
	p := linuxhooks.Platform()
	xdp, _ := p.TypeByName("xdp")
	return Input{Code: prog.Code, Maps: prog.Maps, Platform: p, Type: xdp}
}

// newShapedRun prepares the analysis of a program of a shape.
func newShapedRun(tb testing.TB, s shapes.Shape, n int) *run {
	tb.Helper()
	in := shapedInput(s.Make(n))
	o := cfg.DefaultOptions(in.Platform)
	o.Termination = s.Termination
	g, rej := cfg.Build(cfg.Input{Code: in.Code, Maps: in.Maps, Platform: in.Platform, Type: in.Type}, o)
	if rej != nil {
		tb.Fatal(rej.Text)
	}
	return newRun(in, g, Limits{}.withDefaults(1<<24), func() bool { return false }, nil)
}

// BenchmarkCancel cancels the analysis of large programs after a while, and reports how
// long it takes to end then.
func BenchmarkCancel(b *testing.B) {
	for _, s := range shapes.All {
		n := 200_000
		if s.Max > 0 {
			n = s.Max
		}
		b.Run(s.Name, func(b *testing.B) {
			in := shapedInput(s.Make(n))
			opt := Options{}
			if s.Termination {
				opt.Termination = On
			}
			var worst, sum, after time.Duration
			count := 0
			for b.Loop() {
				after += 13 * time.Millisecond
				ctx, cancel := context.WithCancel(context.Background())
				ended := make(chan error)
				go func() {
					_, err := Analyze(ctx, in, opt)
					ended <- err
				}()
				time.Sleep(after % (200 * time.Millisecond))
				start := time.Now()
				cancel()
				if err := <-ended; err == nil {
					continue // it had ended before
				}
				took := time.Since(start)
				worst = max(worst, took)
				sum += took
				count++
			}
			b.ReportMetric(float64(worst.Microseconds()), "worst-µs")
			if count > 0 {
				b.ReportMetric(float64(sum.Microseconds())/float64(count), "mean-µs")
			}
		})
	}
}
