// Command differential holds bpfls against a PREVAIL v0.2.6 of this machine: fresh
// programs, made from seeds, are written as ELF objects and judged by both.
//
//	differential -prevail PATH [-n 3000] [-seed 1]
//
// The programs are of four kinds: C with loops, calls and maps, compiled by clang;
// generated instructions; mutants of both with two instructions changed; and splices
// of two generated programs. Half of them are judged with the termination check.
// What is compared: the verdict; of failing programs the first label and message; of
// passing ones the loop bound. Each program can be made again: -seed S -n 1 -kind K.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"bpfls/elfbpf"
	"bpfls/linuxhooks"
	"bpfls/platform"
	"bpfls/verifier"
)

// judgement is what one verifier says of a program.
type judgement struct {
	verdict string // pass, fail, rejected; timeout, internal
	label   string
	message string
	bound   string
}

func (j judgement) String() string {
	return strings.TrimRight(strings.Join([]string{j.verdict, j.label, j.message, j.bound}, " "), " ")
}

// subject is a program to be judged.
type subject struct {
	kind, section, function, typ string
	seed                         uint64
	object                       []byte
}

func main() {
	prevail := flag.String("prevail", "", "a PREVAIL v0.2.6")
	n := flag.Int("n", 3000, "programs")
	seed := flag.Uint64("seed", 1, "the first seed")
	kind := flag.String("kind", "", "only this kind: c, cmutant, generated, mutant, splice")
	clang := flag.String("clang", "clang-19", "the clang that compiles the C programs")
	keep := flag.String("keep", "", "folder for the objects that are judged differently")
	limit := flag.Duration("timeout", 60*time.Second, "processor time of PREVAIL for one program; bpfls has twelve times that by the clock")
	answers := flag.String("answers", "", "file that keeps PREVAIL's answers for the next run")
	flag.Parse()
	if *prevail == "" {
		fmt.Fprintln(os.Stderr, "differential: give the path of a PREVAIL with -prevail")
		os.Exit(2)
	}
	if *keep != "" {
		if err := os.MkdirAll(*keep, 0o755); err != nil {
			fmt.Fprintln(os.Stderr, "differential:", err)
			os.Exit(1)
		}
	}
	known, err := openAnswers(*answers)
	if err == nil {
		defer known.close()
		err = run(*prevail, *clang, *keep, *kind, *n, *seed, *limit, known)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "differential:", err)
		os.Exit(1)
	}
}

func run(prevail, clang, keep, kind string, n int, seed uint64, limit time.Duration, known *answers) error {
	dir, err := os.MkdirTemp("", "differential")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	p := linuxhooks.Platform().Clone()
	p.Options.PacketAccess = false // as PREVAIL's command line has it
	m := newMaker(p, dir, clang)
	counts := map[string]*count{}
	total := new(count)
	for i := range uint64(n) {
		s, err := m.make(seed+i, kind)
		if err != nil {
			return fmt.Errorf("seed %d: %w", seed+i, err)
		}
		termination := (seed+i)%2 == 0
		path := filepath.Join(dir, "program.o")
		if err := os.WriteFile(path, s.object, 0o600); err != nil {
			return err
		}
		key := known.key(s, termination)
		want, ok := known.get(key, limit)
		if !ok {
			if want, err = askPrevail(prevail, path, s, termination, limit); err != nil {
				return err
			}
			if err := known.add(key, want); err != nil {
				return err
			}
		}
		start := time.Now()
		got := judge(p, s, termination, 12*limit)
		if took := time.Since(start); took > limit/5 {
			fmt.Printf("SLOW seed %d kind %s termination %v: %v in bpfls (%v), PREVAIL: %v\n", s.seed, s.kind, termination, took.Round(time.Millisecond), got, want)
			if keep != "" {
				if err := os.WriteFile(filepath.Join(keep, fmt.Sprintf("%s-%d.o", s.kind, s.seed)), s.object, 0o644); err != nil {
					return err
				}
			}
		}
		c := counts[s.kind]
		if c == nil {
			c = new(count)
			counts[s.kind] = c
		}
		equal := same(got, want)
		c.add(want, equal)
		total.add(want, equal)
		if !equal {
			fmt.Printf("DIFFERENT seed %d kind %s section %s %s termination %v\n  PREVAIL: %v\n  bpfls:   %v\n", s.seed, s.kind, s.section, s.function, termination, want, got)
			if keep != "" {
				if err := os.WriteFile(filepath.Join(keep, fmt.Sprintf("%s-%d.o", s.kind, s.seed)), s.object, 0o644); err != nil {
					return err
				}
			}
		}
		if (i+1)%250 == 0 {
			fmt.Fprintf(os.Stderr, "%d of %d: %v\n", i+1, n, total)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		fmt.Printf("%-10s %v\n", k, counts[k])
	}
	fmt.Printf("%-10s %v; seeds %d to %d\n", "all", total, seed, seed+uint64(n)-1)
	if total.equal*1000 < total.all*997 {
		return errors.New("fewer than 99.7 % are equal")
	}
	return nil
}

type count struct {
	all, equal, pass, fail, rejected, loops, other int
}

func (c *count) add(want judgement, equal bool) {
	c.all++
	if equal {
		c.equal++
	}
	switch want.verdict {
	case "pass":
		c.pass++
		if want.bound != "" && want.bound != "0" {
			c.loops++
		}
	case "fail":
		c.fail++
	case "rejected":
		c.rejected++
	default:
		c.other++
	}
}

func (c *count) String() string {
	return fmt.Sprintf("equal %d of %d (%.2f %%); PREVAIL: pass %d (%d with a loop bound over 0), fail %d, rejected %d, other %d",
		c.equal, c.all, 100*float64(c.equal)/float64(max(c.all, 1)), c.pass, c.loops, c.fail, c.rejected, c.other)
}

// same compares judgements. Of a rejected program the reason is not compared. A program
// that PREVAIL does not finish is equal when bpfls answers. One at which PREVAIL stops
// with an internal error has no verdict: it is equal when bpfls gives none either, or
// refuses it for the reason that PREVAIL's error gives.
func same(got, want judgement) bool {
	switch want.verdict {
	case "timeout":
		return got.verdict == "pass" || got.verdict == "fail" || got.verdict == "unknown"
	case "internal":
		return got.verdict == "unknown" || got.verdict == "rejected" && got.message != "" && strings.Contains(want.message, got.message)
	case "rejected":
		return got.verdict == "rejected"
	}
	return got == want
}

func judge(p *platform.Platform, s subject, termination bool, limit time.Duration) (j judgement) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	defer func() {
		if x := recover(); x != nil {
			j = judgement{verdict: "panic", message: fmt.Sprint(x)}
		}
	}()
	o, err := elfbpf.Parse("program.o", s.object, elfbpf.Options{Platform: p})
	if err != nil {
		return judgement{verdict: "rejected", message: err.Error()}
	}
	typ, ok := p.TypeByName(s.typ)
	if !ok {
		return judgement{verdict: "error", message: "no type " + s.typ}
	}
	for _, prog := range o.Programs {
		if prog.Section != s.section || prog.Name != s.function {
			continue
		}
		if prog.Err != nil {
			return judgement{verdict: "rejected", message: prog.Err.Error()}
		}
		in := verifier.Input{Code: prog.Code, Platform: p, Type: typ, BigEndian: o.BigEndian()}
		for _, m := range o.Maps {
			in.Maps = append(in.Maps, m.Map)
		}
		opt := verifier.Options{Termination: verifier.Off}
		if termination {
			opt.Termination = verifier.On
		}
		res, err := verifier.Analyze(ctx, in, opt)
		if ctx.Err() != nil {
			return judgement{verdict: "timeout"}
		}
		if err != nil {
			return judgement{verdict: "error", message: err.Error()}
		}
		j.verdict = res.Verdict.String()
		switch {
		case res.Verdict == verifier.Fail && len(res.Failures) > 0:
			j.label, j.message = res.Failures[0].Label, res.Failures[0].Message
		case res.Verdict == verifier.Pass && res.LoopBound >= 0:
			j.bound = fmt.Sprint(res.LoopBound)
		default:
			j.message = res.Reason
		}
		return j
	}
	return judgement{verdict: "error", message: "no such program"}
}

func askPrevail(prevail, path string, s subject, termination bool, limit time.Duration) (judgement, error) {
	// Processor time, so that the answer does not depend on the load.
	args := []string{"-c", fmt.Sprintf(`ulimit -t %d; exec "$0" "$@"`, int(limit.Seconds())), prevail, path, s.section, s.function}
	if termination {
		args = append(args, "--termination")
	}
	cmd := exec.Command("sh", args...)
	out, err := cmd.CombinedOutput()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		return judgement{}, err
	}
	if state := cmd.ProcessState.String(); strings.Contains(state, "CPU time limit") || strings.Contains(state, "killed") {
		return judgement{verdict: "timeout", message: limit.String()}, nil
	}
	return readPrevail(string(out), cmd.ProcessState.ExitCode()), nil
}

// readPrevail reads PREVAIL's output.
func readPrevail(out string, code int) judgement {
	lines := strings.Split(out, "\n")
	switch {
	case code == 2 || code < 0:
		return judgement{verdict: "internal", message: lines[0]}
	case strings.HasPrefix(out, "PASS: "):
		j := judgement{verdict: "pass"}
		if _, rest, ok := strings.Cut(lines[0], "(terminates within "); ok {
			j.bound, _, _ = strings.Cut(rest, " ")
		}
		return j
	case strings.HasPrefix(out, "FAIL: ") && len(lines) > 1:
		label, message, ok := strings.Cut(lines[1], ": ")
		if ok {
			return judgement{verdict: "fail", label: label, message: message}
		}
	}
	return judgement{verdict: "rejected", message: lines[0]}
}
