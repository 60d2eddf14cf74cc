package verifier

import (
	"context"
	"errors"
	"reflect"
	"runtime"
	"testing"
	"time"

	"bpfls/bench/shapes"
	"bpfls/linuxhooks"
	"bpfls/verifier/cfg"
)

// TestCancelIsSeen counts, for programs of all shapes, what is done between two looks at
// whether the run was cancelled, and behind the last one: visits, and the edges, variables and
// nodes that are gone over, which take 3 to 10 ns each. It begins with the arrays that are
// made for the run. Operations on large states are in pieces of thousands of edges too.
func TestCancelIsSeen(t *testing.T) {
	const (
		mostVisits = spendMost/replayStep + 1
		mostWork   = 100_000
	)
	for _, s := range shapes.All {
		t.Run(s.Name, func(t *testing.T) {
			in, g := shapedGraph(t, s, 2000)
			limits := Limits{}.withDefaults(1 << 24)
			analyze := func(r *run, cancelled func() bool) error {
				r.prepare(in, g, limits, cancelled, nil)
				if r.stop != nil {
					return r.stop
				}
				return r.solve(r.entry())
			}
			work := func(r *run) int {
				if r.numbers == nil {
					return r.work
				}
				return r.work + r.numbers.Work()
			}
			var r run
			visits, done, looks, longest := 0, 0, 0, 0
			from := 0 // the look before the most work
			err := analyze(&r, func() bool {
				if n := r.visits - visits; n > mostVisits {
					t.Errorf("%d visits without a look", n)
				}
				if n := work(&r) - done; n > longest {
					longest, from = n, looks
				}
				visits, done = r.visits, work(&r)
				looks++
				return false
			})
			if err != nil {
				t.Fatal(err)
			}
			longest = max(longest, work(&r)-done)
			if longest > mostWork {
				t.Errorf("%d edges, variables and nodes without a look, behind look %d of %d; want at most %d", longest, from, looks, mostWork)
			}
			most := 0
			places := []int{max(from, 1), looks * 2 / 3, looks - 1, looks}
			for at := 1; at < looks; at += 1 + at/2 {
				places = append(places, at)
			}
			for _, at := range places {
				var r run
				n, seen := 0, 0
				err := analyze(&r, func() bool {
					if n++; n == at {
						seen = work(&r)
					}
					return n >= at
				})
				if !errors.Is(err, context.Canceled) {
					t.Fatalf("cancelled at look %d of %d: %v", at, looks, err)
				}
				n = work(&r) - seen
				if most = max(most, n); n > mostWork {
					t.Errorf("cancelled at look %d of %d: %d more edges, variables and nodes; want at most %d", at, looks, n, mostWork)
				}
			}
			t.Logf("%d looks in %d; at most %d without one, %d behind the last", looks, work(&r), longest, most)
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

// TestCancelledRunLeavesNothing: wherever the run behind failures was cancelled, the next one
// finds what it would have found without that.
func TestCancelledRunLeavesNothing(t *testing.T) {
	in := shapedInput(failing(300))
	prepared := func(cancelAt int) (unproven []Unproven, looks int) {
		res, err := Analyze(context.Background(), in, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if cancelAt > 0 {
			res.analysis.goOn(func() bool { looks++; return looks >= cancelAt })
			if looks >= cancelAt && res.analysis.on != nil {
				t.Errorf("cancelled at look %d: the run was kept", cancelAt)
			}
			res.analysis.on = nil
		}
		if err := res.Prepare(context.Background()); err != nil {
			t.Fatal(err)
		}
		return res.Unproven(), looks
	}
	want, _ := prepared(0)
	_, looks := prepared(1 << 30)
	if len(want) == 0 || looks < 5 {
		t.Fatalf("%d checks not proven, %d looks", len(want), looks)
	}
	for at := 1; at <= looks; at++ {
		if got, _ := prepared(at); !reflect.DeepEqual(got, want) {
			t.Errorf("cancelled at look %d of %d, then: %v, want %v", at, looks, got, want)
		}
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
	in, g := shapedGraph(tb, s, n)
	return newRun(in, g, Limits{}.withDefaults(1<<24), func() bool { return false }, nil)
}

// shapedGraph makes a program of a shape, and its graph.
func shapedGraph(tb testing.TB, s shapes.Shape, n int) (Input, *cfg.Graph) {
	tb.Helper()
	in := shapedInput(s.Make(n))
	o := cfg.DefaultOptions(in.Platform)
	o.Termination = s.Termination
	g, rej := cfg.Build(cfg.Input{Code: in.Code, Maps: in.Maps, Platform: in.Platform, Type: in.Type}, o)
	if rej != nil {
		tb.Fatal(rej.Text)
	}
	return in, g
}

// BenchmarkCancel cancels the analysis of large programs after a while, and reports how
// long it takes to end then: by the clock, and in processor time of the thread that
// analyses, where the system tells, which other programs do not add to.
func BenchmarkCancel(b *testing.B) {
	for _, s := range shapes.All {
		n := 200_000
		if s.Max > 0 {
			n = s.Max
		}
		if s.Termination {
			n = 25_000 // nearly as many loops as there are counters
		}
		b.Run(s.Name, func(b *testing.B) {
			in := shapedInput(s.Make(n))
			opt := Options{}
			if s.Termination {
				opt.Termination = On
			}
			var worst, sum, after, worstCPU time.Duration
			count := 0
			for b.Loop() {
				after += 13 * time.Millisecond
				ctx, cancel := context.WithCancel(context.Background())
				type end struct {
					err  error
					at   time.Time
					used time.Duration
				}
				ended, thread := make(chan end), make(chan func() time.Duration)
				go func() {
					runtime.LockOSThread()
					defer runtime.UnlockOSThread()
					used := threadTime()
					thread <- used
					_, err := Analyze(ctx, in, opt)
					ended <- end{err, time.Now(), used()}
				}()
				used := <-thread
				time.Sleep(after % (200 * time.Millisecond))
				start, before := time.Now(), used()
				cancel()
				e := <-ended
				if e.err == nil {
					continue // it had ended before
				}
				took := e.at.Sub(start)
				worst, worstCPU = max(worst, took), max(worstCPU, e.used-before)
				sum += took
				count++
			}
			b.ReportMetric(float64(worst.Microseconds()), "worst-µs")
			b.ReportMetric(float64(worstCPU.Microseconds()), "worst-cpu-µs")
			b.ReportMetric(float64(count), "cancelled")
			if count > 0 {
				b.ReportMetric(float64(sum.Microseconds())/float64(count), "mean-µs")
			}
		})
	}
}
