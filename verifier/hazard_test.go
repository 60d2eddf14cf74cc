package verifier

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"bpfls/isa"
	"bpfls/linuxhooks"
	"bpfls/platform"
	"bpfls/verifier/cfg"
)

// assemble reads a program: an instruction a line, and lines with a label, "<out>:".
func assemble(t *testing.T, text string) []isa.Inst {
	t.Helper()
	labels := map[string]int{}
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutSuffix(line, ":"); ok {
			labels[name] = len(lines)
		} else if line != "" {
			lines = append(lines, line)
		}
	}
	insts := make([]isa.Inst, len(lines))
	for i, line := range lines {
		in, err := asmLine(line, labels)
		if err != nil {
			t.Fatal(err)
		}
		insts[i] = in.Inst
	}
	return insts
}

// judge verifies an assembled program of the type xdp with a ring buffer, descriptor 1.
func judge(t *testing.T, insts []isa.Inst) *Result {
	t.Helper()
	p := linuxhooks.Platform()
	typ, _ := p.TypeByName("xdp")
	in := Input{Platform: p, Type: typ, Maps: []platform.Map{{FD: 1, Name: "records", Type: 27, MaxEntries: 4096}}}
	g, rej := cfg.Build(cfg.Input{Insts: insts, Maps: in.Maps, Platform: p, Type: typ}, cfg.DefaultOptions(p))
	if rej != nil {
		t.Fatal(rej)
	}
	r := newRun(in, g, Limits{}.withDefaults(math.MaxInt32), func() bool { return false }, nil)
	if err := r.solve(r.entry()); err != nil {
		t.Fatal(err)
	}
	res := &Result{Verdict: Pass, analysis: &analysis{run: r, in: in}}
	for id := range r.fail {
		if r.fail[id] != nil {
			t.Fatalf("%s: %s", g.Label(cfg.NodeID(id)), r.fail[id].msg)
		}
	}
	return res
}

// TestHazards: what is surely wrong is found, and what may be right is left alone.
func TestHazards(t *testing.T) {
	const reserve = `
		r6 = r1
		r1 = map_fd 1
		r2 = 16
		r3 = 0
		call 131
`
	const end = `
		<out>:
		r0 = 0
		exit
`
	const submit = `
		r2 = 0
		call 132
`
	for _, test := range []struct {
		name, code string
		want       string
	}{
		{"submitted", reserve + "if r0 == 0 goto <out>\n r1 = r0" + submit + end, ""},
		{"discarded on one way, submitted on the other", reserve + `
			if r0 == 0 goto <out>
			r1 = *(u32 *)(r6 + 12)
			if r1 == 0 goto <discard>
			r1 = r0
			r2 = 0
			call 132
			goto <out>
			<discard>:
			r1 = r0
			r2 = 0
			call 133` + end, ""},
		{"never given back", reserve + end, "kept 4 by -1"},
		{"never given back where it is not null", reserve + `
			if r0 == 0 goto <out>
			*(u64 *)(r0 + 0) = 1` + end, "kept 4 by -1"},
		{"a way out behind a check", reserve + `
			if r0 == 0 goto <out>
			r1 = *(u32 *)(r6 + 12)
			if r1 == 0 goto <out>
			r1 = r0` + submit + end, "kept 4 by 7"},
		{"given back twice", reserve + `
			if r0 == 0 goto <out>
			r7 = r0
			r1 = r0
			r2 = 0
			call 132
			r1 = r7` + submit + end, "twice 12 by 9"},
		{"written after it was submitted", reserve + `
			if r0 == 0 goto <out>
			r7 = r0
			r1 = r0
			r2 = 0
			call 132
			*(u64 *)(r7 + 8) = 1` + end, "used 10 by 9"},
		{"reserved if a flag is set, submitted if it is", `
			r6 = r1
			r7 = *(u32 *)(r1 + 12)
			r8 = 0
			if r7 == 0 goto <skip>
			r1 = map_fd 1
			r2 = 16
			r3 = 0
			call 131
			r8 = r0
			if r8 == 0 goto <out>
			<skip>:
			if r7 == 0 goto <out>
			r1 = r8
			if r1 == 0 goto <out>` + submit + end, ""},
		{"kept in the frame", reserve + `
			*(u64 *)(r10 - 8) = r0
			if r0 == 0 goto <out>
			r1 = *(u64 *)(r10 - 8)` + submit + end, ""},
		{"given back by a function", reserve + `
			if r0 == 0 goto <out>
			r1 = r0
			call <give>
			<out>:
			r0 = 0
			exit
			<give>:
			r2 = 0
			call 132
			r0 = 0
			exit
`, ""},
		{"a function that keeps it", reserve + `
			if r0 == 0 goto <out>
			r1 = r0
			call <give>
			<out>:
			r0 = 0
			exit
			<give>:
			*(u64 *)(r1 + 0) = 1
			r0 = 0
			exit
`, "kept 4 by -1"},
		{"one in each turn of a loop", `
			r6 = r1
			r7 = 0
			<again>:
			r1 = map_fd 1
			r2 = 16
			r3 = 0
			call 131
			if r0 == 0 goto <out>
			r1 = r0
			r2 = 0
			call 132
			r7 += 1
			if r7 < 4 goto <again>` + end, ""},
		{"a loop that keeps it in each turn", `
			r6 = r1
			r7 = 0
			<again>:
			r1 = map_fd 1
			r2 = 16
			r3 = 0
			call 131
			if r0 == 0 goto <out>
			r7 += 1
			if r7 < 4 goto <again>
			r1 = r0` + submit + end, "kept 5 by 8"},
		{"null told by a comparison that is never true", reserve + `
			if r0 != 0 goto <some>
			goto <out>
			<some>:
			r1 = r0` + submit + end, ""},
		{"the way on which what may be null is a pointer", `
			r7 = 0
			r8 = *(u32 *)(r1 + 0)
			r2 = *(u32 *)(r1 + 12)
			if r2 == 0 goto <join>
			r7 = r8
			<join>:
			if r7 == 0 goto <out>
			r0 = *(u8 *)(r7 + 5000)` + end, "branch 5 by -1"},
		{"what may be one of two numbers", `
			r7 = 0
			r2 = *(u32 *)(r1 + 12)
			if r2 == 0 goto <join>
			r7 = 4
			<join>:
			if r7 == 0 goto <out>
			if r7 == 7 goto <out>` + end, ""},
		{"a loop that is taken for unreachable", `
			r6 = r1
			r7 = *(u32 *)(r6 + 0)
			r8 = *(u32 *)(r6 + 4)
			r5 = r7
			r5 += 18
			if r5 <= r8 goto <go>
			goto <out>
			<go>:
			r9 = 0
			<loop>:
			r2 = -8463617409096351712 ll
			r2 -= -2
			if r9 != 64 goto <other>
			r5 = r2
			r8 = r2
			goto <join>
			<other>:
			r5 = r6
			r8 = r6
			<join>:
			r5 += 1
			r9 += 1
			if r9 < 19 goto <loop>
			r1 = *(u64 *)(r7 + 5000)` + end, "loop 8 by -1"},
		{"a loop that is never reached", `
			r9 = 0
			if r9 == 0 goto <out>
			<loop>:
			r9 += 1
			if r9 < 19 goto <loop>` + end, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, h := range judge(t, assemble(t, test.code)).Hazards() {
				kind := [...]string{"kept", "used", "twice", "branch", "loop"}[h.Kind]
				got = append(got, fmt.Sprintf("%s %d by %d", kind, h.At.Slot, h.Other.Slot))
			}
			if s := strings.Join(got, ", "); s != test.want {
				t.Errorf("found %q, want %q", s, test.want)
			}
		})
	}
}
