package soundness

import (
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"bpfls/isa"
	"bpfls/linuxhooks"
	"bpfls/platform"
	"bpfls/verifier"
	"bpfls/winhooks"
)

// How much the soundness tests do. `make test` and `make soak` set them; a plain
// `go test` does less.
var (
	wantPrograms = flag.Int("soundness.programs", 2000, "accepted programs to run")
	wantSteps    = flag.Int64("soundness.steps", 1_000_000, "steps to check")
	firstSeed    = flag.Uint64("soundness.seed", 0, "seed of the first program")
	printStates  = flag.Bool("soundness.states", false, "print the abstract states at a violation")
	onlySeed     = flag.Int64("soundness.only", -1, "run only this seed")
	progress     = flag.Duration("soundness.progress", 0, "how often to print to standard error how far the search is; 0: never")
	stopAtFirst  = flag.Bool("soundness.first", false, "stop at the first violation")
	printTable   = flag.Bool("soundness.table", false, "print which opcodes ran with which operand types")
)

func init() {
	if n, err := strconv.Atoi(os.Getenv("BPFLS_SOUNDNESS_PROGRAMS")); err == nil {
		*wantPrograms = n
	}
	if n, err := strconv.ParseInt(os.Getenv("BPFLS_SOUNDNESS_STEPS"), 10, 64); err == nil {
		*wantSteps = n
	}
	if n, err := strconv.ParseUint(os.Getenv("BPFLS_SOUNDNESS_SEED"), 10, 64); err == nil {
		*firstSeed = n
	}
}

// hook is a program type that programs are generated for.
type hook struct {
	platform *platform.Platform
	config   Config
}

func hooks(t testing.TB) []hook {
	win, lin := winhooks.Platform(), linuxhooks.Platform()
	// Platforms as somebody may configure them: divisors must not be zero, helpers may
	// be called through registers.
	strict, calls := win.Clone(), lin.Clone()
	strict.Options.NoDivisionByZero, strict.Options.CallX = true, true
	calls.Options.CallX = true
	var out []hook
	add := func(p *platform.Platform, name string, hash, array uint32, random int32) {
		typ, ok := p.TypeByName(name)
		if !ok {
			t.Fatalf("there is no program type %s on %s", name, p.Name)
		}
		out = append(out, hook{p, Config{Type: typ, Maps: Maps(hash, array), Length: 50, Loops: true, Calls: true, Helpers: true, Pointers: true,
			Lookup: 1, Update: 2, Random: random, Callees: Callees(p, typ), CallX: p.Options.CallX, Legacy: p.Options.PacketAccess, Mixes: true, Socket: p.SocketFields}})
	}
	add(win, "xdp", 1, 2, 6)
	add(win, "bind", 1, 2, 6)
	add(lin, "xdp", 1, 2, 7)
	add(strict, "xdp", 1, 2, 6)
	add(strict, "sock_addr", 1, 2, 6)
	add(calls, "sched_cls", 1, 2, 7)
	return out
}

// generated returns the program of a seed: one in three is a mutant, one in four takes
// risks.
func generated(seed uint64, hs []hook) (Program, *platform.Platform) {
	r := rand.New(rand.NewPCG(seed, 0xda942042e4dd58b5))
	h := hs[r.IntN(len(hs))]
	c := h.config
	c.Length = 20 + r.IntN(5)*20
	c.Loops = r.IntN(4) != 0
	c.Calls = r.IntN(5) != 0
	c.Mixes = r.IntN(3) != 0
	switch r.IntN(8) {
	case 3:
		c.Wild = 12
	case 6:
		c.Wild = 30
	}
	p := Generate(seed, c)
	if r.IntN(3) == 0 && len(p.Code) > 0 {
		p.Code = Mutate(seed, p.Code)
	}
	return p, h.platform
}

// TestSoundness generates programs, verifies them, and runs them on many inputs. An
// accepted program never does an unsafe step, no loop runs more often than its bound
// says, and every state lies in the state that the verifier shows at the
// instruction. Of programs that fail the latter is tested too, up to where the
// execution does what was assumed away.
func TestSoundness(t *testing.T) {
	s := newSearch(t)
	hs := hooks(t)
	if *onlySeed >= 0 {
		s.first, s.next = uint64(*onlySeed), uint64(*onlySeed)
		*wantPrograms, *wantSteps = 1, 1
	}

	runs := max(4, int(*wantSteps/int64(*wantPrograms)/40))
	if *onlySeed >= 0 {
		runs = 100
	}
	s.search(func(seed uint64) (string, Program, *platform.Platform, int) {
		p, pl := generated(seed, hs)
		return fmt.Sprintf("seed %d", seed), p, pl, runs
	})
	s.report(t)
}

// TestSoundnessBigEndian does what TestSoundness does on a big-endian machine.
func TestSoundnessBigEndian(t *testing.T) {
	s := newSearch(t)
	s.first, s.next, s.limit = 0, 0, 2_000
	hs := hooks(t)
	s.search(func(seed uint64) (string, Program, *platform.Platform, int) {
		p, pl := generated(seed, hs)
		p.BigEndian = true
		return fmt.Sprintf("big-endian, seed %d", seed), p, pl, 4
	})
	s.report(t)
}

// search is a search for violations.
type search struct {
	t     *testing.T
	mu    sync.Mutex
	first uint64
	next  uint64
	limit uint64 // seeds end here; 0: when there are enough programs and steps
	seen  map[uint64]bool
	hash  maphash.Seed
	cover *coverage

	accepted, failed, rejected int
	without                    int // failed programs that have no true states
	steps, failedSteps         int64
	bad                        []string
	holes                      [len(holeNames)]int
}

func newSearch(t *testing.T) *search {
	return &search{t: t, first: *firstSeed, next: *firstSeed, seen: make(map[uint64]bool), hash: maphash.MakeSeed(), cover: newCoverage()}
}

func (s *search) done() bool {
	if *stopAtFirst && len(s.bad) > 0 {
		return true
	}
	if s.limit > 0 {
		return len(s.bad) >= 5 || s.next >= s.limit
	}
	return len(s.bad) >= 5 || s.accepted >= *wantPrograms && s.steps >= *wantSteps
}

// search runs the programs that gen makes of seeds until there are enough of them.
func (s *search) search(gen func(seed uint64) (name string, p Program, pl *platform.Platform, runs int)) {
	defer s.watch()()
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // a run is short and leaves much behind
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			cover := newCoverage()
			for {
				s.mu.Lock()
				if s.done() {
					s.cover.add(cover)
					s.mu.Unlock()
					return
				}
				seed := s.next
				s.next++
				s.mu.Unlock()
				name, p, pl, runs := gen(seed)
				s.program(name, seed, p, pl, runs, cover)
			}
		})
	}
	wg.Wait()
}

// watch prints now and then how far the search is, until the function that it
// returns is called.
func (s *search) watch() (stop func()) {
	if *progress <= 0 {
		return func() {}
	}
	tick := time.NewTicker(*progress)
	end := make(chan struct{})
	go func() {
		for {
			select {
			case <-tick.C:
				s.mu.Lock()
				fmt.Fprintf(os.Stderr, "%s: next seed %d; %d accepted programs with %d steps, %d failed ones with %d, %d violations\n",
					s.t.Name(), s.next, s.accepted, s.steps, s.failed, s.failedSteps, len(s.bad))
				s.mu.Unlock()
			case <-end:
				return
			}
		}
	}()
	return func() { tick.Stop(); close(end) }
}

// program verifies and runs one program.
func (s *search) program(name string, seed uint64, p Program, pl *platform.Platform, runs int, cover *coverage) {
	raw := isa.AppendBytes([]byte(pl.Name+p.Type.Name), p.Code, binary.LittleEndian)
	h := maphash.Bytes(s.hash, raw)
	s.mu.Lock()
	known := s.seen[h]
	s.seen[h] = true
	s.mu.Unlock()
	if known {
		return
	}
	insts, err := isa.Decode(p.Code)
	if err != nil {
		return
	}
	opt := verifier.Options{Limits: verifier.Limits{Visits: 200_000}}
	opt.Termination = verifier.On
	if seed%2 == 0 {
		opt.Termination = verifier.Off
	}
	r, err := newResult(p, pl, opt)
	if err != nil {
		s.fail(fmt.Sprintf("%s: %v", name, err))
		return
	}
	if r.Verdict != verifier.Pass && r.Verdict != verifier.Fail {
		s.mu.Lock()
		s.rejected++
		s.mu.Unlock()
		return
	}
	sub := newSubject(insts, p.Maps, pl, p.Type, r)
	if !sub.states.True() {
		s.mu.Lock()
		s.without++
		s.mu.Unlock()
		return
	}
	if p.BigEndian {
		sub.order = binary.BigEndian
	}
	cover.start(insts)
	if r.Verdict == verifier.Fail {
		runs = min((runs+1)/2, 16)
	}
	steps := int64(0)
	for i := range runs {
		n, err := sub.run(input(seed<<10+uint64(i), p.Type), 20_000, cover)
		steps += n
		if err != nil {
			var v *violation
			trace := ""
			if errors.As(err, &v) {
				trace = sub.lastSteps(v.step)
				if n := v.step; *printStates && n > 0 {
					at := sub.trace[(n-1)%int64(len(sub.trace))]
					for _, slot := range []int{at, v.at} {
						for _, p := range r.Points(slot) {
							trace += fmt.Sprintf("before %d %v: %s\n", slot, p.CallPath, strings.Join(r.Before(p).Strings(), ", "))
						}
					}
				}
			}
			s.fail(fmt.Sprintf("%s, input %d, %s %s, verdict %s: %v\n%s", name, i, pl.Name, p.Type.Name, r.Verdict, err, trace))
			break
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, n := range sub.holes {
		s.holes[i] += n
	}
	if r.Verdict == verifier.Pass {
		s.accepted++
		s.steps += steps
	} else {
		s.failed++
		s.failedSteps += steps
	}
}

func newResult(p Program, pl *platform.Platform, opt verifier.Options) (*verifier.Result, error) {
	in := verifier.Input{Code: p.Code, Maps: p.Maps, Platform: pl, Type: p.Type, BigEndian: p.BigEndian}
	return verifier.Analyze(context.Background(), in, opt)
}

func (s *search) fail(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.bad) == 0 {
		text = fmt.Sprintf("first violation after %d programs: %s", s.accepted+s.failed+s.rejected+1, text)
	}
	if *progress > 0 {
		fmt.Fprintln(os.Stderr, text)
	}
	s.bad = append(s.bad, text)
}

func (s *search) report(t *testing.T) {
	for _, b := range s.bad {
		t.Error(b)
	}
	holes, all := s.cover.holes()
	t.Logf("seeds %d to %d", s.first, s.next-1)
	t.Logf("%d accepted programs with %d steps, %d failed ones with %d steps, %d others without states, %d rejected; %d of %d pairs of opcode and operand types ran",
		s.accepted, s.steps, s.failed, s.failedSteps, s.without, s.rejected, all-len(holes), all)
	for i, n := range s.holes {
		t.Logf("runs through a known unsoundness of PREVAIL: %d: %s", n, holeNames[i])
	}
	if len(holes) > 0 && *onlySeed < 0 {
		t.Logf("never ran: %s", strings.Join(holes, "; "))
	}
	if *printTable {
		t.Log("runs by opcode and operand types (left, right):\n" + s.cover.table())
	}
}
