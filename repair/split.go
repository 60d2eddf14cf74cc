package repair

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"bpfls/isa"
	"bpfls/verifier"
)

// maxSplits bounds the branches at which paths are split.
const maxSplits = 24

// split shows that the check holds on each of the ways that lead to it from one branch,
// and was lost where they meet. It returns how, or nothing.
func (w *worker) split(ctx context.Context) (string, error) {
	if !w.found || w.s.Result == nil || w.finding.Code == "BPF-loop-bound" {
		return "", nil
	}
	slot := w.finding.Instruction
	tried := 0
	for b := len(w.insts) - 1; b >= 0 && tried < maxSplits; b-- {
		in := w.insts[b]
		next := b + int(in.Slots)
		if in.Kind != isa.Jump || !in.Cond || int(in.Target) == next {
			continue
		}
		// Both ways lead to the check, and neither back to the branch: an execution goes
		// one of them.
		left, right := w.reach(next, -1), w.reach(int(in.Target), -1)
		if !left[slot] || !right[slot] || left[b] || right[b] {
			continue
		}
		tried++
		proven := true
		for _, way := range []verifier.Branch{verifier.Taken, verifier.NotTaken} {
			ok, err := w.holds(ctx, verifier.Assumption{Slot: b, Branch: way})
			if err != nil {
				return "", err
			}
			if proven = proven && ok; !proven {
				break
			}
		}
		if !proven {
			continue
		}
		meet := w.meeting(left, right, slot)
		text := fmt.Sprintf("true on both ways from %s", w.lineWords(b))
		if cond := w.conditionText(b); cond != "" {
			text = fmt.Sprintf("true where %s holds and where it does not (%s)", cond, w.lineWords(b))
		}
		if meet >= 0 {
			text += ", lost where they meet at " + w.lineWords(meet)
		}
		return text, nil
	}
	return "", nil
}

// holds reports whether the finding's check is proven under an assumption, in all
// copies of its instruction.
func (w *worker) holds(ctx context.Context, assume ...verifier.Assumption) (bool, error) {
	opt := w.s.Options
	opt.Assume = assume
	r, err := verifier.Analyze(ctx, w.input(), opt)
	if err != nil {
		return false, err
	}
	if r.Verdict != verifier.Pass && r.Verdict != verifier.Fail {
		return false, ctx.Err()
	}
	checks := r.Checks(w.point)
	if w.index >= len(checks) {
		return false, nil
	}
	c := checks[w.index]
	return (c.Proven || c.Unreachable) && c.Check.Text == w.check.Text, nil
}

// input is what the verifier was given.
func (w *worker) input() verifier.Input {
	in := verifier.Input{Code: w.s.Program.Code, Platform: w.s.Platform, Type: w.s.Type, BigEndian: w.s.Object.BigEndian()}
	for _, m := range w.s.Object.Maps {
		in.Maps = append(in.Maps, m.Map)
	}
	return in
}

// reach returns the instructions that are reached from one, without going through
// another.
func (w *worker) reach(from, without int) map[int]bool {
	seen := map[int]bool{}
	work := []int{from}
	for len(work) > 0 {
		at := work[len(work)-1]
		work = work[:len(work)-1]
		if at < 0 || at >= len(w.insts) || at == without || seen[at] || w.insts[at].Slots == 0 {
			continue
		}
		seen[at] = true
		in := w.insts[at]
		switch {
		case in.Kind == isa.Exit:
		case in.Kind == isa.Jump && !in.Cond:
			work = append(work, int(in.Target))
		case in.Kind == isa.Jump:
			work = append(work, int(in.Target), at+int(in.Slots))
		case in.Kind == isa.CallLocal:
			work = append(work, int(in.Target), at+int(in.Slots))
		default:
			work = append(work, at+int(in.Slots))
		}
	}
	return seen
}

// meeting returns the first instruction that both ways reach and all that lies on the
// way to slot, -1 if it is not known.
func (w *worker) meeting(left, right map[int]bool, slot int) int {
	for at := range w.insts {
		if left[at] && right[at] && (at == slot || w.reach(at, -1)[slot]) {
			return at
		}
	}
	return -1
}

// lineWords is "line 40", with the file where it is another than the finding's.
func (w *worker) lineWords(slot int) string {
	info, ok := w.s.Program.Line(slot)
	if !ok || info.Line == 0 {
		return fmt.Sprintf("instruction %d", slot)
	}
	return fmt.Sprintf("line %d", info.Line)
}

// conditionText is the condition of the if statement of a jump, where line information
// leads to one.
func (w *worker) conditionText(slot int) string {
	info, ok := w.s.Program.Line(slot)
	if !ok || info.Line == 0 {
		return ""
	}
	path := info.File
	if w.s.Path != nil {
		path = w.s.Path(path)
	}
	f := w.source(path)
	if f == nil {
		return ""
	}
	for i := range f.Tokens {
		if lineOf(f, i) == info.Line && f.Is(i, "if") && f.Is(i+1, "(") && f.Match(i+1) > 0 {
			text := string(f.Text()[f.Tokens[i+1].End:f.Tokens[f.Match(i+1)].Start])
			if len(text) <= 40 && !strings.Contains(text, "\n") {
				return text
			}
		}
	}
	return ""
}

// otherWays are ways to compile a source that are tried.
var otherWays = [][]string{{"-mcpu=v3"}, {"-mcpu=v2"}, {"-mcpu=v1"}, {"-O1"}, {"-Os"}, {"-O2", "-fno-unroll-loops"}}

// recompile shows that the source verifies when it is compiled in another way, or with
// a barrier that changes nothing but what the compiler may do.
func (w *worker) recompile(ctx context.Context) (string, error) {
	if w.Judge == nil || !w.found {
		return "", nil
	}
	for _, c := range w.barriers() {
		if !w.allowed(c.change) {
			continue
		}
		r, err := w.try(ctx, c)
		if err != nil {
			return "", err
		}
		if r.why == "" {
			return "with a barrier in line " + strconv.Itoa(c.change.Edits[0].Range.Line+1) + ", which tells the compiler less, the same source verifies", nil
		}
	}
	for _, flags := range otherWays {
		j, err := w.Judge.Judge(ctx, Change{Flags: flags})
		if err != nil {
			return "", err
		}
		if j.Error != "" {
			continue
		}
		for _, s := range j.Programs {
			if s.Report.Function == w.s.Report.Function && s.Report.Section == w.s.Report.Section && s.Report.Verdict == "pass" {
				return "compiled with " + strings.Join(flags, " ") + ", the same source verifies", nil
			}
		}
	}
	return "", nil
}
