package repair

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bpfls/csource"
	"bpfls/elfbpf"
	"bpfls/explain"
	"bpfls/isa"
	"bpfls/position"
	"bpfls/verifier"
)

func probe(ctx context.Context, s *Subject, file string, line int, expression string) (Answer, error) {
	none := func(format string, args ...any) (Answer, error) {
		return Answer{Verdict: NoAnswer, Reason: fmt.Sprintf(format, args...), Slot: -1}, nil
	}
	if s.Result == nil || s.Program == nil || s.Object == nil {
		return none("the program was not verified")
	}
	w := &worker{s: s, files: map[string]*csource.File{}}
	w.insts, _ = isa.Decode(s.Program.Code)
	p := &prober{worker: w, e: csource.Parse(position.New([]byte(expression)))}
	p.namer = explain.NewNamer(explain.Input{Object: s.Object, Program: s.Program, Platform: s.Platform, Type: s.Type,
		Result: s.Result, Sources: s.Sources, Path: s.Path})
	if len(p.e.Tokens) == 0 {
		return none("the expression is empty")
	}
	places := p.places(file, line)
	if len(places) == 0 {
		return Answer{Verdict: Absent, Reason: "no instruction of the program comes from the code from this line on", Slot: -1}, nil
	}
	whole := csource.Span{First: 0, Last: len(p.e.Tokens) - 1}
	out := Answer{Verdict: Unreachable, Reason: "no execution gets here", Slot: places[0]}
	var problem error
	for _, slot := range places {
		for _, point := range s.Result.Points(slot) {
			state := s.Result.Before(point)
			if state.Bottom() {
				continue
			}
			for _, part := range p.e.Conjuncts(whole, "&&") {
				ok, why, err := p.proved(ctx, point, state, part)
				if ctx.Err() != nil {
					return out, ctx.Err()
				}
				if err != nil {
					problem = err
					continue
				}
				if !ok {
					return Answer{NotProved, why, slot}, nil
				}
				if out.Verdict == Unreachable {
					out = Answer{Verdict: Proved, Slot: slot}
				}
				if why != "" && !strings.Contains(out.Reason, why) {
					if out.Reason != "" {
						out.Reason += "; "
					}
					out.Reason += why
				}
			}
		}
	}
	if problem != nil {
		return none("%v", problem)
	}
	return out, nil
}

// prober evaluates one expression in one program.
type prober struct {
	*worker
	e     *csource.File // the expression
	namer *explain.Namer
}

// places are the instructions that stand at the beginning of the code from a line on:
// those of the first line that has some and that control enters from other lines. The
// compiler moves instructions about; of several of which one is always passed before the
// other the last one counts.
func (p *prober) places(file string, line int) []int {
	at := func(slot int) (string, int) {
		if slot < 0 || slot >= len(p.insts) || p.insts[slot].Slots == 0 {
			return "", 0
		}
		l, ok := p.s.Program.Line(slot)
		if !ok {
			return "", 0
		}
		if p.s.Path != nil {
			return p.s.Path(l.File), l.Line
		}
		return l.File, l.Line
	}
	last := 1 << 30
	if f := p.source(file); f != nil {
		for _, fn := range f.Functions {
			if from, to := lineOf(f, fn.First), lineOf(f, fn.Last); from <= line && line <= to {
				last = to
			}
		}
	}
	next := 0
	for slot := range p.insts {
		if f, l := at(slot); f == file && l >= line && l <= last && (next == 0 || l < next) {
			next = l
		}
	}
	var entries []int
	for slot := range p.insts {
		f, l := at(slot)
		if f != file || l != next || next == 0 {
			continue
		}
		if pf, pl := at(slot - 1); slot == 0 || pf != file || pl != next {
			entries = append(entries, slot)
		}
	}
	return slices.DeleteFunc(slices.Clone(entries), func(a int) bool {
		return slices.ContainsFunc(entries, func(b int) bool {
			return a < b && p.reach(a, -1)[b] && !p.reach(0, a)[b] && !p.reach(b, -1)[a]
		})
	})
}

// quantity is the value of an operand: a term of the verifier's state plus a constant,
// or only a range.
type quantity struct {
	text    string
	term    verifier.Term
	plus    int64
	elem    int64           // bytes that adding 1 adds; 1 for numbers
	pointer bool            // term is an offset
	known   *verifier.Range // of a value on the stack
	types   verifier.TypeSet
}

// proved decides one comparison. why says what is known.
func (p *prober) proved(ctx context.Context, at verifier.Point, state verifier.State, e csource.Span) (ok bool, why string, err error) {
	left, op, right, is := p.e.Binary(e)
	operator := "!="
	if is {
		operator = p.e.Str(op)
	}
	if !is || !slices.Contains([]string{"<", "<=", "==", "!=", ">=", ">"}, operator) {
		left, right, operator = e, csource.None, "!="
		if p.e.Is(e.First, "!") {
			left, operator = csource.Span{First: e.First + 1, Last: e.Last}, "=="
		}
	}
	a, err := p.operand(at, state, left)
	if err != nil {
		return false, "", err
	}
	b := quantity{text: "0", elem: 1}
	if right.OK() {
		if b, err = p.operand(at, state, right); err != nil {
			return false, "", err
		}
	}
	why = p.known(state, a, b)
	// Of the packet's size the verifier knows a lower bound alone, so that assuming that
	// it is small contradicts nothing.
	for _, pair := range [][2]*quantity{{&a, &b}, {&b, &a}} {
		if start, end := pair[0], pair[1]; end.term.Kind == verifier.TermPacketSize && start.pointer && start.term.Kind == verifier.TermZero {
			size := state.PacketSize()
			size.HiInf = true
			start.known, end.known = &verifier.Range{}, &size
		}
	}
	if a.known != nil || b.known != nil {
		ok, err := byRange(a, operator, b)
		return ok, why, err
	}
	// A pointer is compared with null by its address.
	for _, q := range []*quantity{&a, &b} {
		other := &b
		if q == &b {
			other = &a
		}
		if q.pointer && !other.pointer && other.term.Kind == verifier.TermZero && other.plus == 0 && q.term.Kind == verifier.TermOffset {
			q.term.Kind, q.pointer = verifier.TermUnsigned, false
		}
	}
	if a.pointer != b.pointer {
		return false, "", fmt.Errorf("%s and %s cannot be compared: one is a pointer", a.text, b.text)
	}
	// a op b cannot be false: with its negation assumed nothing is left.
	d := b.plus - a.plus // a <= b means a.term - b.term <= d
	less := func(x, y verifier.Term, c int64) *verifier.Premise { return &verifier.Premise{A: x, B: y, C: c} }
	var cases [][]*verifier.Premise
	switch operator {
	case "<=":
		cases = [][]*verifier.Premise{{less(b.term, a.term, -d-1)}}
	case "<":
		cases = [][]*verifier.Premise{{less(b.term, a.term, -d)}}
	case ">=":
		cases = [][]*verifier.Premise{{less(a.term, b.term, d-1)}}
	case ">":
		cases = [][]*verifier.Premise{{less(a.term, b.term, d)}}
	case "==":
		cases = [][]*verifier.Premise{{less(b.term, a.term, -d-1)}, {less(a.term, b.term, d-1)}}
	case "!=":
		cases = [][]*verifier.Premise{{less(a.term, b.term, d), less(b.term, a.term, -d)}}
	}
	for _, premises := range cases {
		empty, err := p.contradicts(ctx, at, premises)
		if err != nil || !empty {
			return false, why, err
		}
	}
	return true, why, nil
}

// contradicts reports whether no execution is left at a point where all premises hold.
func (p *prober) contradicts(ctx context.Context, at verifier.Point, premises []*verifier.Premise) (bool, error) {
	opt := p.s.Options
	for _, x := range premises {
		if x.A == x.B {
			if x.C < 0 {
				return true, nil
			}
			continue
		}
		opt.Assume = append(opt.Assume, verifier.Assumption{Slot: at.Slot, Premise: x})
	}
	if len(opt.Assume) == 0 {
		return false, nil
	}
	r, err := verifier.Analyze(ctx, p.input(), opt)
	if err != nil {
		return false, err
	}
	if r.Verdict != verifier.Pass && r.Verdict != verifier.Fail {
		return false, errors.New("the analysis did not come to an end: " + r.Reason)
	}
	return r.After(at).Bottom(), nil
}

// byRange decides a comparison by ranges alone.
func byRange(a quantity, operator string, b quantity) (bool, error) {
	x, ok := a.interval()
	y, ok2 := b.interval()
	if !ok || !ok2 {
		return false, fmt.Errorf("%s and %s cannot be compared: one of them is on the stack and the other no constant", a.text, b.text)
	}
	switch operator {
	case "<":
		return !x.HiInf && !y.LoInf && x.Hi < y.Lo, nil
	case "<=":
		return !x.HiInf && !y.LoInf && x.Hi <= y.Lo, nil
	case ">":
		return !x.LoInf && !y.HiInf && x.Lo > y.Hi, nil
	case ">=":
		return !x.LoInf && !y.HiInf && x.Lo >= y.Hi, nil
	case "==":
		return finite(x) && finite(y) && x.Lo == x.Hi && y.Lo == y.Hi && x.Lo == y.Lo, nil
	}
	return !x.HiInf && !y.LoInf && x.Hi < y.Lo || !x.LoInf && !y.HiInf && x.Lo > y.Hi, nil
}

func (q quantity) interval() (verifier.Range, bool) {
	switch {
	case q.known != nil:
		r := *q.known
		r.Lo, r.Hi = r.Lo+q.plus, r.Hi+q.plus
		return r, true
	case q.term.Kind == verifier.TermZero && !q.pointer:
		return verifier.Range{Lo: q.plus, Hi: q.plus}, true
	}
	return verifier.Range{}, false
}

// known says what is known of the operands.
func (p *prober) known(state verifier.State, list ...quantity) string {
	var parts []string
	for _, q := range list {
		text := strings.TrimSpace(q.text)
		switch r := (verifier.Range{}); {
		case q.known != nil:
			parts = append(parts, text+" is "+rangeWords(*q.known))
		case q.term.Kind == verifier.TermPacketSize:
			size := state.PacketSize()
			if size.LoInf || size.Lo <= 0 {
				parts = append(parts, "no byte of the packet is known to be there")
			} else {
				parts = append(parts, "the packet has at least "+plural(int(size.Lo), "byte"))
			}
		case q.term.Kind == verifier.TermSigned || q.term.Kind == verifier.TermUnsigned:
			if r = state.Register(int(q.term.Reg)).Signed; q.term.Kind == verifier.TermUnsigned {
				r = state.Register(int(q.term.Reg)).Unsigned
			}
			parts = append(parts, name(q)+" is "+rangeWords(r))
		case q.term.Kind == verifier.TermOffset:
			v := state.Register(int(q.term.Reg))
			what := "what it points into"
			if v.Types == verifier.TypePacket {
				what = "the packet"
			}
			if !v.Offset.LoInf && !v.Offset.HiInf || v.Types == verifier.TypePacket {
				parts = append(parts, fmt.Sprintf("%s is at offset %s of %s", name(q), offsetWords(v.Offset), what))
			}
			if v.Types != verifier.TypePacket && v.Unsigned.Lo <= 0 {
				parts = append(parts, name(q)+" may be null")
			}
		}
	}
	return strings.Join(parts, "; ")
}

// name is the operand without the constant and casts.
func name(q quantity) string {
	f := csource.Parse(position.New([]byte(q.text)))
	e := f.Uncast(csource.Span{First: 0, Last: len(f.Tokens) - 1})
	if left, op, _, ok := f.Binary(e); ok && q.plus != 0 && f.Is(op, "+", "-") {
		e = f.Uncast(left)
	}
	return f.TextOf(e)
}

func rangeWords(r verifier.Range) string {
	lo, hi := r.LoInf || r.LoWide || r.Lo == -1<<63, r.HiInf || r.HiWide || r.Hi == 1<<63-1
	switch {
	case lo && hi:
		return "any number"
	case lo:
		return fmt.Sprintf("at most %d", r.Hi)
	case hi:
		return fmt.Sprintf("at least %d", r.Lo)
	case r.Lo == r.Hi:
		return strconv.FormatInt(r.Lo, 10)
	}
	return fmt.Sprintf("between %d and %d", r.Lo, r.Hi)
}

func offsetWords(r verifier.Range) string {
	if finite(r) && r.Lo == r.Hi {
		return strconv.FormatInt(r.Lo, 10)
	}
	return rangeWords(r)
}

// operand finds the value of an expression at a point.
func (p *prober) operand(at verifier.Point, state verifier.State, e csource.Span) (quantity, error) {
	f := p.e
	text := f.TextOf(e)
	e = f.Unparen(e)
	if f.Is(e.First, "(") && f.IsCast(e.First) && f.UnaryEnd(e.First) == e.Last {
		cast := f.TextOf(csource.Span{First: e.First + 1, Last: f.Match(e.First) - 1})
		q, err := p.operand(at, state, csource.Span{First: f.Match(e.First) + 1, Last: e.Last})
		q.text = text
		if strings.HasSuffix(cast, "*") {
			q.elem = 0
			if p.byteType(cast) {
				q.elem = 1
			}
		}
		return q, err
	}
	if left, op, right, ok := f.Binary(e); ok {
		if !f.Is(op, "+", "-") {
			return quantity{}, fmt.Errorf("%s: only sums and differences with a constant are evaluated", text)
		}
		a, err := p.operand(at, state, left)
		if err != nil {
			return a, err
		}
		b, err := p.operand(at, state, right)
		if err != nil {
			return b, err
		}
		if f.Is(op, "+") && constantOf(a) && !constantOf(b) {
			a, b = b, a
		}
		if !constantOf(b) {
			return quantity{}, fmt.Errorf("%s: only sums and differences with a constant are evaluated", text)
		}
		if a.pointer && a.elem == 0 {
			return quantity{}, fmt.Errorf("%s: the size of what it points to is not known here", text)
		}
		n := b.plus * max(a.elem, 1)
		if f.Is(op, "-") {
			n = -n
		}
		a.plus += n
		a.text = text
		return a, nil
	}
	if n, ok := p.number(strings.ReplaceAll(text, " ", "")); ok {
		return quantity{text: text, plus: n, elem: 1}, nil
	}
	if text == "NULL" {
		return quantity{text: text, elem: 1}, nil
	}
	return p.variable(at, state, e, text)
}

func constantOf(q quantity) bool {
	return q.term.Kind == verifier.TermZero && !q.pointer && q.known == nil
}

// variable finds a variable or member.
func (p *prober) variable(at verifier.Point, state verifier.State, e csource.Span, text string) (quantity, error) {
	f := p.e
	if last := f.Str(e.Last); f.Is(e.Last-1, "->") && last == p.endField() {
		return quantity{text: text, term: verifier.Term{Kind: verifier.TermPacketSize}, pointer: true, elem: 1}, nil
	} else if f.Is(e.Last-1, "->") && last == p.startField() {
		return quantity{text: text, pointer: true, elem: 1}, nil
	}
	if e.First == e.Last {
		if v := p.declared(at.Slot, text); v != nil {
			if p.isAlways(v, p.endField()) {
				return quantity{text: text, term: verifier.Term{Kind: verifier.TermPacketSize}, pointer: true, elem: 1}, nil
			}
			if q, ok := p.located(at.Slot, state, v); ok {
				q.text = text
				return q, nil
			}
			if p.isAlways(v, p.startField()) {
				return quantity{text: text, pointer: true, elem: p.elem(v)}, nil
			}
		}
	}
	want := plain(text)
	for r := range 10 {
		n, ok := p.namer.Register(at, r)
		if !ok || plain(n.Expr) != want {
			continue
		}
		q := p.inRegister(state, int8(r), !unsigned(n.Type))
		q.text = text
		if q.pointer {
			q.elem = 0
			if p.byteType(n.Type) {
				q.elem = 1
			}
		}
		return q, nil
	}
	for _, c := range state.Cells() {
		if n, ok := p.namer.Stack(at, c.Offset, c.Size); ok && plain(n.Expr) == want && c.Value.Types == verifier.TypeNumber {
			return quantity{text: text, known: cellRange(c.Value, !unsigned(n.Type)), elem: 1}, nil
		}
	}
	return quantity{}, fmt.Errorf("the value of %s is not known here: it is no variable in scope, or the compiler keeps it nowhere", text)
}

// declared returns the variable of that name that C sees at an instruction, or nil.
func (p *prober) declared(slot int, name string) *elfbpf.Variable {
	section, offset := p.address(slot)
	for _, s := range p.s.Object.Debug().Scopes(section, offset) {
		for _, v := range s.Variables {
			if v.Name == name {
				return v
			}
		}
	}
	return nil
}

// address is the place of an instruction in its section.
func (p *prober) address(slot int) (section string, offset int) {
	for _, sub := range p.s.Program.Subs {
		if slot >= sub.Slot && slot < sub.Slot+sub.Size/8 {
			return sub.Section, sub.Offset + 8*(slot-sub.Slot)
		}
	}
	return p.s.Program.Section, p.s.Program.Offset + 8*slot
}

// isAlways reports whether a variable holds a pointer of the context wherever it is set.
func (p *prober) isAlways(v *elfbpf.Variable, field string) bool {
	if v.Type == nil || v.Type.Kind != elfbpf.TypePointer {
		return false
	}
	if v.Parameter {
		return field == p.endField() && strings.HasSuffix(v.Name, "end")
	}
	for _, path := range p.s.paths() {
		f := p.source(path)
		if f == nil {
			continue
		}
		for _, fn := range f.Functions {
			d, _ := declarator(f, fn, v.Name)
			if d == nil || lineOf(f, d.Name) != v.Decl.Line || !d.Init.OK() || !f.MentionsMember(d.Init, field) {
				continue
			}
			for i := fn.Body.First; i <= fn.Last; i++ {
				if !f.Is(i, v.Name) || i == d.Name || f.Is(i-1, "->", ".") {
					continue
				}
				if f.Is(i+1, "++", "--", "+=", "-=") || f.Is(i-1, "++", "--", "&") && !f.Operand(i-2) {
					return false
				}
				if st := fn.StmtAt(csource.Span{First: i, Last: i}); f.Is(i+1, "=") && st != nil && !f.MentionsMember(st.Span, field) {
					return false
				}
			}
			return true
		}
	}
	return false
}

// elem is the number of bytes that adding 1 to a pointer adds; 0 where it is not known.
func (p *prober) elem(v *elfbpf.Variable) int64 {
	switch {
	case v.Type == nil:
		return 0
	case p.byteType(v.Type.Name):
		return 1
	}
	if to := v.Type.Elem(); to != nil {
		return to.Size
	}
	return 0
}

// soon returns where DWARF says that a variable is a few instructions later, if it is
// there already: LLVM sometimes begins a location late.
func (p *prober) soon(slot int, v *elfbpf.Variable) []elfbpf.Location {
	from, _ := p.s.Program.Line(slot)
	for next := slot; next < slot+4 && next+1 < len(p.insts); next++ {
		in := p.insts[next]
		if in.Kind == isa.Exit || in.Kind == isa.Jump && !in.Cond || in.Slots == 0 {
			return nil
		}
		_, offset := p.address(next + 1)
		for _, l := range v.Locations(offset) {
			if l.Kind != elfbpf.InRegister || l.Size > 0 && v.Type != nil && int64(l.Size) != v.Type.Size {
				continue
			}
			for at := slot; at <= next; at++ {
				if changes(p.insts[at], int8(l.Register)) {
					return nil
				}
			}
			to, _ := p.s.Program.Line(next + 1)
			if p.assigned(v.Name, from, to) {
				return nil
			}
			return []elfbpf.Location{l}
		}
	}
	return nil
}

// assigned reports whether a line from one to another gives a variable a value.
func (p *prober) assigned(name string, from, to elfbpf.Line) bool {
	path := from.File
	if p.s.Path != nil {
		path = p.s.Path(path)
	}
	f := p.source(path)
	if f == nil || from.File != to.File {
		return true
	}
	for i := range f.Tokens {
		line := lineOf(f, i)
		if line < min(from.Line, to.Line) || line > max(from.Line, to.Line) || !f.Is(i, name) {
			continue
		}
		if f.Is(i+1, "=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>=", "++", "--") || f.Is(i-1, "++", "--", "&") && !f.Operand(i-2) {
			return true
		}
	}
	return false
}

// located is the value of a variable where DWARF says that it is.
func (p *prober) located(slot int, state verifier.State, v *elfbpf.Variable) (quantity, bool) {
	_, offset := p.address(slot)
	signed := v.Type == nil || v.Type.Kind != elfbpf.TypeInt || v.Type.Signed
	locations := v.Locations(offset)
	if len(locations) == 0 {
		locations = p.soon(slot, v)
	}
	for _, l := range locations {
		if l.Size > 0 && v.Type != nil && int64(l.Size) != v.Type.Size {
			continue
		}
		switch l.Kind {
		case elfbpf.IsConstant:
			return quantity{plus: l.Constant, elem: 1}, true
		case elfbpf.InRegister, elfbpf.IsSum:
			q := p.inRegister(state, int8(l.Register), signed)
			if l.Kind == elfbpf.IsSum {
				q.plus = l.Offset
			}
			if q.pointer {
				q.elem = p.elem(v)
			}
			return q, true
		case elfbpf.InMemory:
			if l.Register != 10 || v.Type == nil {
				continue
			}
			for _, c := range state.Cells() {
				if int64(c.Offset) == l.Offset && int64(c.Size) == v.Type.Size && c.Value.Types == verifier.TypeNumber {
					return quantity{known: cellRange(c.Value, signed), elem: 1}, true
				}
			}
		}
	}
	return quantity{}, false
}

// inRegister is the value of a register: an offset for pointers, else a number.
func (p *prober) inRegister(state verifier.State, r int8, signed bool) quantity {
	v := state.Register(int(r))
	q := quantity{term: verifier.Term{Kind: verifier.TermUnsigned, Reg: r}, elem: 1, types: v.Types}
	switch {
	case v.Types == verifier.TypeNumber && signed:
		q.term.Kind = verifier.TermSigned
	case v.Types&verifier.TypeNumber == 0 && v.Types != 0:
		q.term.Kind, q.pointer = verifier.TermOffset, true
	}
	return q
}

func cellRange(v verifier.Value, signed bool) *verifier.Range {
	r := v.Unsigned
	if signed {
		r = v.Signed
	}
	return &r
}

func unsigned(typ string) bool {
	for _, word := range []string{"unsigned", "uint", "__u", "u8", "u16", "u32", "u64", "size_t", "_Bool", "__be"} {
		if strings.Contains(typ, word) {
			return true
		}
	}
	return false
}

// plain is an expression without blanks and parentheses.
func plain(text string) string {
	return strings.NewReplacer(" ", "", "(", "", ")", "").Replace(text)
}
