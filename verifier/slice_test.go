package verifier

import (
	"fmt"
	"strings"
	"testing"

	"bpfls/isa"
	"bpfls/platform"
	"bpfls/verifier/cfg"
	"bpfls/winhooks"
)

// TestSlice slices the first failure of small programs. Of each step stand the slot,
// with the target of a branch; what it did; to what; from what; and what was known
// before and behind it.
func TestSlice(t *testing.T) {
	for _, test := range []struct {
		name, code string
		want       string
	}{
		{"a check that proves too little", `
			r2 = *(u64 *)(r1 + 8)
			r1 = *(u64 *)(r1 + 0)
			r3 = r1
			r3 += 14
			if r3 > r2 goto <out>
			r0 = *(u8 *)(r1 + 23)
			out:
			r0 = 0
			exit`, `
			1 load r1: - -> packet+0
			4:5 narrow r1: packet+0 -> packet+0
			4:5 narrow packet_size: [0, +oo] -> [14, +oo]
			5 check r1: - -> packet+0`},
		{"a value that went over the stack", `
			r1 = 0
			*(u64 *)(r10 - 8) = r1
			r2 = r10
			r2 += -8
			r1 = map_fd 1
			call 1
			*(u64 *)(r10 - 16) = r0
			r3 = *(u64 *)(r10 - 16)
			r0 = *(u64 *)(r3 + 0)
			exit`, `
			5 call r0: - -> value+0 or null
			6 spill s[-16+8] from r0: value+0 or null -> value+0 or null
			7 fill r3 from s[-16+8]: value+0 or null -> value+0 or null
			8 check r3: - -> value+0 or null`},
		{"a branch on another value that says something of the packet's size", `
			r2 = *(u64 *)(r1 + 8)
			r1 = *(u64 *)(r1 + 0)
			r5 = 0
			r3 = r1
			r3 += 8
			if r3 > r2 goto <join>
			r5 = 1
			join:
			if r5 == 0 goto <out>
			r0 = *(u64 *)(r1 + 0)
			out:
			r0 = 0
			exit`, `
			1 load r1: - -> packet+0
			5:6 narrow r1: packet+0 -> packet+0
			7:8 narrow r1: packet+0 -> packet+0
			7:8 narrow packet_size: [0, +oo] -> [1, +oo]
			8 check r1: - -> packet+0`},
		{"a call that moves the packet", `
			r6 = r1
			r7 = *(u64 *)(r1 + 0)
			r2 = 0
			call 65536
			r0 = *(u8 *)(r7 + 0)
			exit`, `
			3 invalidate r7: packet+0 -> ?
			4 check r7: - -> ?`},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := sliceable(t, test.code)
			if len(r.Failures) == 0 {
				t.Fatalf("%v %s: nothing failed", r.Verdict, r.Reason)
			}
			f := r.Failures[0]
			var got []string
			for _, s := range r.Slice(Point{Slot: f.Slot, CallPath: f.CallPath}, f.Check) {
				got = append(got, stepLines(&s)...)
			}
			want := strings.Split(strings.TrimSpace(test.want), "\n")
			for i := range want {
				want[i] = strings.TrimPrefix(want[i], "\t\t\t")
			}
			if strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("%s: got\n%s\nwant\n%s", f.Message, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

// sliceable verifies an XDP program of eBPF for Windows.
func sliceable(t *testing.T, code string) *Result {
	t.Helper()
	labels := map[string]int{}
	var lines []string
	for _, l := range strings.Split(code, "\n") {
		l = strings.TrimSpace(l)
		if name, ok := strings.CutSuffix(l, ":"); ok {
			labels["<"+name+">"] = len(lines)
		} else if l != "" {
			lines = append(lines, l)
		}
	}
	insts := make([]isa.Inst, len(lines))
	for i, l := range lines {
		in, err := asmLine(l, labels)
		if err != nil {
			t.Fatalf("%s: %v", l, err)
		}
		insts[i] = in.Inst
	}
	p := winhooks.Platform()
	typ, _ := p.TypeByName("xdp")
	in := Input{Platform: p, Type: typ, Maps: []platform.Map{{FD: 1, Type: 2, KeySize: 4, ValueSize: 8, MaxEntries: 4}}}
	g, rej := cfg.Build(cfg.Input{Insts: insts, Maps: in.Maps, Platform: p, Type: typ}, cfg.DefaultOptions(p))
	if rej != nil {
		t.Fatal(rej)
	}
	return analyzeGraph(t, in, g)
}

var stepNames = [...]string{"entry", "constant", "address", "load", "copy", "compute", "spill", "fill", "may-store", "call", "invalidate", "narrow", "join", "loop", "check"}

func stepLines(s *Step) []string {
	var b strings.Builder
	fmt.Fprint(&b, s.Point.Slot)
	if s.Edge >= 0 {
		fmt.Fprintf(&b, ":%d", s.Edge)
	}
	fmt.Fprintf(&b, " %s %s", stepNames[s.Kind], subjectText(s.Subject))
	for i, x := range s.Sources {
		if i == 0 {
			b.WriteString(" from ")
		} else {
			b.WriteString(", ")
		}
		b.WriteString(subjectText(x))
	}
	fmt.Fprintf(&b, ": %s -> %s", knownText(s.Before), knownText(s.After))
	out := []string{b.String()}
	for _, w := range s.Ways {
		line := fmt.Sprintf("  %d", w.From.Slot)
		if w.Edge >= 0 {
			line += fmt.Sprintf(":%d", w.Edge)
		}
		line += " " + knownText(w.Value) + ": "
		switch {
		case w.Proven:
			line += "proven"
		case w.Reaches:
			line += "fails"
		case w.Followed:
			line += "does not get there"
		}
		for _, g := range w.Guards {
			line += fmt.Sprintf("; at %d r%d is %s", g.Point.Slot, g.Reg, knownText(g.Value))
		}
		out = append(out, line)
	}
	return out
}

func subjectText(s Subject) string {
	switch s.Kind {
	case SubjectRegister:
		return fmt.Sprintf("r%d", s.Reg)
	case SubjectStack:
		return fmt.Sprintf("s[%d+%d]", s.Offset, s.Size)
	}
	return "packet_size"
}

func knownText(v Value) string {
	span := func(r Range) string {
		lo, hi := fmt.Sprint(r.Lo), fmt.Sprint(r.Hi)
		if r.LoInf {
			lo = "-oo"
		}
		if r.HiInf {
			hi = "+oo"
		}
		if lo == hi {
			return lo
		}
		return "[" + lo + ", " + hi + "]"
	}
	switch v.Types {
	case TypeNumber:
		return span(v.Signed)
	case TypePacket:
		return "packet+" + span(v.Offset)
	case TypeStack:
		return "stack" + strings.TrimSuffix(span(v.Offset), "0")
	case TypeShared:
		if v.Unsigned.Lo == 0 {
			return "value+" + span(v.Offset) + " or null"
		}
		return "value+" + span(v.Offset)
	case 0:
		return "-"
	}
	return "?"
}

func analyzeGraph(t *testing.T, in Input, g *cfg.Graph) *Result {
	t.Helper()
	r := newRun(in, g, Limits{}.withDefaults(len(g.Nodes)), func() bool { return false }, nil)
	if err := r.solve(r.entry()); err != nil {
		t.Fatal(err)
	}
	res := &Result{At: -1, Verdict: Pass}
	for id := range cfg.NodeID(len(g.Nodes)) {
		if f := r.fail[id]; f != nil && r.reached[id] {
			res.Verdict = Fail
			res.Failures = append(res.Failures, r.report(id, f))
		}
	}
	r.trim()
	res.analysis = &analysis{run: r, in: in, limits: r.max}
	return res
}
