package verifier

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"bpfls/isa"
	"bpfls/linuxhooks"
	"bpfls/platform"
	"bpfls/verifier/cfg"
	"bpfls/verifier/zone"
)

// yamlCase is a case of PREVAIL's own tests: what is known before a piece of
// code, and what must be known behind it.
type yamlCase struct {
	Name      string        `yaml:"test-case"`
	Exception string        `yaml:"expected-exception"`
	Options   []string      `yaml:"options"`
	Pre       []string      `yaml:"pre"`
	Code      yaml.MapSlice `yaml:"code"`
	Post      []string      `yaml:"post"`
	Messages  []string      `yaml:"messages"`
	Observe   any           `yaml:"observe"`
}

type yamlObservation struct {
	at, point, mode string
	constraints     []string
}

func yamlFolder(t *testing.T) string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "..", "..", "shared", "conformance", "prevail-yaml")
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the reference data are not here: %v", err)
	}
	return path
}

// TestParityYAML runs PREVAIL's own cases: one state in, one state out, all of it
// compared.
func TestParityYAML(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(yamlFolder(t), "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	total, passed := 0, 0
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".yaml")
		if name == "test-schema" {
			continue
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		dec := yaml.NewDecoder(f)
		for i := 0; ; i++ {
			var c yamlCase
			if err := dec.Decode(&c); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			if c.Name == "" {
				continue
			}
			total++
			if diff := c.run(); diff != "" {
				t.Logf("%s %d (%s):\n%s", name, i, c.Name, diff)
			} else {
				passed++
			}
		}
		f.Close()
	}
	t.Logf("%d of %d cases pass", passed, total)
	if passed < total || total < yamlCases {
		t.Errorf("%d of %d cases pass, want all of at least %d", passed, total, yamlCases)
	}
}

// yamlCases may only be raised.
const yamlCases = 802

var yamlContext = &platform.Context{Size: 64, Data: 0, End: 4, Meta: -1}

// run returns how the case differs from what is expected; empty if it does not.
func (c *yamlCase) run() (diff string) {
	defer func() {
		if x := recover(); x != nil {
			diff = fmt.Sprintf("panic: %v", x)
		}
	}()
	observed, err := c.observations()
	if c.Exception != "" {
		if err == nil || err.Error() != c.Exception {
			return fmt.Sprintf("\tthe error is %v, want %s\n", err, c.Exception)
		}
		return ""
	}
	if err != nil {
		return err.Error()
	}
	post, messages, err := c.analyze(observed)
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	compare := func(what string, got, want []string) {
		for _, s := range got {
			if !slices.Contains(want, s) {
				fmt.Fprintf(&b, "\tunexpected %s: %s\n", what, s)
			}
		}
		for _, s := range want {
			if !slices.Contains(got, s) {
				fmt.Fprintf(&b, "\tunseen %s: %s\n", what, s)
			}
		}
	}
	compare("property", post, c.Post)
	compare("message", messages, c.Messages)
	return b.String()
}

func (c *yamlCase) analyze(observed []yamlObservation) (post, messages []string, err error) {
	p := linuxhooks.Platform().Clone()
	p.Options = platform.Options{PacketAccess: true, CallX: true}
	for _, o := range c.Options {
		switch o {
		case "!allow_division_by_zero":
			p.Options.NoDivisionByZero = true
		case "termination":
			p.Options.Termination = true
		case "strict":
			p.Options.Strict = true
		}
	}
	insts, err := c.assemble()
	if err != nil {
		return nil, nil, err
	}
	in := Input{Platform: p, Type: &platform.ProgramType{Name: c.Name, Context: yamlContext}}
	in.BigEndian = slices.Contains(c.Options, "big_endian")
	for fd := -1; fd < 100; fd++ {
		// Every descriptor is that of the same map.
		in.Maps = append(in.Maps, platform.Map{FD: fd, KeySize: 4, ValueSize: 4, MaxEntries: 4})
	}
	o := cfg.DefaultOptions(p)
	o.FallOffEnd = true
	plain := make([]isa.Inst, len(insts))
	for i := range insts {
		plain[i] = insts[i].Inst
	}
	// One map is known by index.
	g, rej := cfg.Build(cfg.Input{Insts: plain, Maps: in.Maps[1:2], Platform: p, Type: in.Type}, o)
	if rej != nil {
		return nil, []string{rej.Text}, nil
	}
	labels := make([]string, len(g.Nodes))
	texts := make([]string, len(g.Nodes))
	for id := range g.Nodes {
		labels[id] = g.Label(cfg.NodeID(id))
	}
	for i := range int32(g.Ops.Len()) {
		if op := g.Ops.At(i); op.Kind == cfg.Instruction && insts[op.Slot].assume {
			op.Kind = cfg.Assume
		}
	}
	for id := range g.Nodes {
		texts[id] = g.InstText(cfg.NodeID(id))
	}
	r := newRun(in, g, Limits{}.withDefaults(math.MaxInt32), func() bool { return false }, nil)
	entry, err := r.parseState(c.Pre)
	if err != nil {
		return nil, nil, err
	}
	if err := r.solve(entry); err != nil {
		return nil, nil, err
	}
	if r.failures == 0 && p.Options.Termination {
		r.checkCounters()
	}
	for id, f := range r.fail {
		if f != nil && r.reached[id] {
			messages = append(messages, labels[id]+": "+r.report(cfg.NodeID(id), f).Message)
			break
		}
	}
	for id := range g.Nodes {
		if g.Kind(cfg.NodeID(id)) != cfg.Assume || !r.reached[id] || r.fail[id] != nil {
			continue
		}
		if st := r.after(cfg.NodeID(id)); st.bottom() {
			messages = append(messages, labels[id]+": Code becomes unreachable ("+texts[id]+")")
		}
	}
	for _, ob := range observed {
		ok, err := r.observe(labels, ob)
		if err != nil {
			return nil, nil, err
		}
		if !ok {
			messages = append(messages, fmt.Sprintf("%s: observation %s failed at %s", ob.at, ob.mode, ob.point))
		}
	}
	final := r.after(g.Final())
	return r.strings(&final, g.Final()), messages, nil
}

// strings returns a state as PREVAIL's tests write it: the numbers on the stack
// are constraints like others.
func (r *run) strings(st *state, id cfg.NodeID) []string {
	v, ok := r.view(st, id).(*view)
	if !ok {
		return []string{"_|_"}
	}
	out := append(v.typeStrings(), v.numberStrings()...)
	for _, n := range v.NumericBytes() {
		lo, hi := n.Lo+v.top, n.Hi+v.top
		s := "s[" + strconv.FormatInt(lo, 10)
		if hi > lo {
			s += "..." + strconv.FormatInt(hi, 10)
		}
		out = append(out, s+"].type=number")
	}
	return out
}

func (c *yamlCase) assemble() ([]asmInst, error) {
	labels := make(map[string]int)
	var lines []string
	for _, block := range c.Code {
		labels[fmt.Sprint(block.Key)] = len(lines)
		lines = append(lines, strings.Split(strings.TrimSuffix(fmt.Sprint(block.Value), "\n"), "\n")...)
	}
	insts := make([]asmInst, len(lines))
	for i, line := range lines {
		var err error
		if insts[i], err = asmLine(line, labels); err != nil {
			return nil, err
		}
		if insts[i].assume {
			insts[i].Target = int32(i + 1) // a jump to what follows has the same checks
		}
	}
	return insts, nil
}

// observations reads the observations of a case; some cases are about the error
// that says why they cannot be read.
func (c *yamlCase) observations() ([]yamlObservation, error) {
	list, ok := c.Observe.([]any)
	if !ok && c.Observe != nil {
		return nil, errors.New("observe must be a sequence")
	}
	var out []yamlObservation
	for _, item := range list {
		m, ok := item.(map[string]any)
		if !ok {
			return nil, errors.New("observe item must be a map")
		}
		o := yamlObservation{at: fmt.Sprint(m["at"]), point: "pre", mode: "consistent"}
		if n, err := strconv.Atoi(o.at); o.at != "entry" && o.at != "exit" && (err != nil || n < 0) {
			return nil, fmt.Errorf("Invalid observation label: %s", o.at)
		}
		if s, ok := m["point"].(string); ok {
			o.point = s
		}
		if s, ok := m["mode"].(string); ok {
			o.mode = s
		}
		if m["constraints"] == nil {
			return nil, errors.New("observe item missing required 'constraints' field")
		}
		cs, ok := m["constraints"].([]any)
		if !ok {
			return nil, errors.New("observe.constraints must be a sequence of strings")
		}
		for _, s := range cs {
			o.constraints = append(o.constraints, fmt.Sprint(s))
		}
		out = append(out, o)
	}
	return out, nil
}

// observe checks an observation against the states of a finished run.
func (r *run) observe(labels []string, o yamlObservation) (bool, error) {
	id := slices.Index(labels, o.at)
	if id < 0 {
		return false, nil
	}
	st := r.before(cfg.NodeID(id))
	if o.point == "post" {
		st = r.after(cfg.NodeID(id))
	}
	seen, err := r.parseState(o.constraints)
	if err != nil {
		return false, err
	}
	if seen.bottom() || st.bottom() {
		return false, nil
	}
	if o.mode == "entailed" {
		return r.leq(&seen, &st), nil
	}
	m := r.meet(&st, &seen)
	return !m.bottom(), nil
}

var (
	yamlVar      = `(?:(packet_size|meta_offset)|r(\d+)\.(\w+)|s\[(\d+)\.\.\. ?(\d+)\]\.(svalue|uvalue))`
	yamlConst    = regexp.MustCompile(`^ *` + yamlVar + ` *= *\[?([-+]?(?:0x[0-9a-f]+|\d+))\]? *$`)
	yamlRange    = regexp.MustCompile(`^ *` + yamlVar + ` *= *\[([-+]?\d+), *([-+]?\d+)\] *$`)
	yamlEqual    = regexp.MustCompile(`^ *` + yamlVar + ` *= *` + yamlVar + ` *$`)
	yamlDiff     = regexp.MustCompile(`^ *` + yamlVar + ` *- *` + yamlVar + ` *<= *([-+]?\d+) *$`)
	yamlTypeEq   = regexp.MustCompile(`^ *r(\d+)\.type *= *r(\d+)\.type *$`)
	yamlType     = regexp.MustCompile(`^ *r(\d+)\.type *= *(\w+) *$`)
	yamlTypeIn   = regexp.MustCompile(`^ *r(\d+)\.type *in *\{([^}]*)\} *$`)
	yamlCellType = regexp.MustCompile(`^ *s\[(\d+)\.\.\. ?(\d+)\]\.type *= *(\w+) *$`)
)

func typeNamed(name string) (TypeSet, error) {
	for t := TypeSet(1); t < TypeAny; t <<= 1 {
		if cfg.TypeSet(t).String() == strings.TrimSpace(name) {
			return t, nil
		}
	}
	return 0, fmt.Errorf("no type %q", name)
}

// variable reads the groups of yamlVar.
func (r *run) variable(m []string) (zone.Var, error) {
	if m[0] == "packet_size" {
		return zone.PacketSize, nil
	}
	if m[0] == "meta_offset" {
		return zone.MetaOffset, nil
	}
	kind := m[2]
	if m[1] == "" {
		kind = m[5]
	}
	for k := zone.KindSValue; k < zone.NumKinds; k++ {
		if k.String() != kind {
			continue
		}
		if m[1] != "" {
			n, err := strconv.Atoi(m[1])
			return reg(isa.Reg(n), k), err
		}
		lo, _ := strconv.Atoi(m[3])
		hi, err := strconv.Atoi(m[4])
		return r.tab.Cell(k, lo, hi-lo+1), err
	}
	return 0, fmt.Errorf("no kind %q", kind)
}

func numberExpr(s string, v zone.Var) (zone.Expr, error) {
	if v.Unsigned() {
		n, err := strconv.ParseUint(strings.TrimPrefix(s, "+"), 0, 64)
		return zone.ConstUint(n), err
	}
	n, err := strconv.ParseInt(strings.TrimPrefix(s, "+"), 0, 64)
	return zone.Const(n), err
}

// parseState returns the state that satisfies the constraints.
func (r *run) parseState(constraints []string) (st state, err error) {
	if slices.Equal(constraints, []string{"_|_"}) {
		return state{}, nil
	}
	constraints = slices.Clone(constraints)
	slices.Sort(constraints)
	constraints = slices.Compact(constraints)
	st = r.top()
	t := r.mutTypes(&st)
	var values []zone.Constraint
	var restrict []func()
	var numeric [][2]int
	for _, c := range constraints {
		if m := yamlTypeEq.FindStringSubmatch(c); m != nil {
			a, _ := strconv.Atoi(m[1])
			b, _ := strconv.Atoi(m[2])
			t.equate(owner(a), owner(b))
		} else if m := yamlType.FindStringSubmatch(c); m != nil {
			a, _ := strconv.Atoi(m[1])
			s, err := typeNamed(m[2])
			if err != nil {
				return st, err
			}
			restrict = append(restrict, func() { t.restrict(owner(a), s) })
		} else if m := yamlTypeIn.FindStringSubmatch(c); m != nil {
			a, _ := strconv.Atoi(m[1])
			var set TypeSet
			for _, n := range strings.Split(m[2], ",") {
				s, err := typeNamed(n)
				if err != nil {
					return st, err
				}
				set |= s
			}
			restrict = append(restrict, func() { t.restrict(owner(a), set) })
		} else if m := yamlCellType.FindStringSubmatch(c); m != nil {
			lo, _ := strconv.Atoi(m[1])
			hi, _ := strconv.Atoi(m[2])
			if m[3] == "number" {
				numeric = append(numeric, [2]int{lo, hi})
				continue
			}
			s, err := typeNamed(m[3])
			if err != nil {
				return st, err
			}
			id := r.tab.CellSlot(lo, hi-lo+1)
			restrict = append(restrict, func() { t.restrict(id, s) })
		} else if m := yamlConst.FindStringSubmatch(c); m != nil {
			v, err := r.variable(m[1:7])
			if err != nil {
				return st, err
			}
			e, err := numberExpr(m[7], v)
			if err != nil {
				return st, err
			}
			values = append(values, zone.Eq(zone.V(v), e))
		} else if m := yamlRange.FindStringSubmatch(c); m != nil {
			v, err := r.variable(m[1:7])
			if err != nil {
				return st, err
			}
			lo, err1 := numberExpr(m[7], v)
			hi, err2 := numberExpr(m[8], v)
			if err := errors.Join(err1, err2); err != nil {
				return st, err
			}
			values = append(values, zone.Leq(lo, zone.V(v)), zone.Leq(zone.V(v), hi))
		} else if m := yamlEqual.FindStringSubmatch(c); m != nil {
			a, err1 := r.variable(m[1:7])
			b, err2 := r.variable(m[7:13])
			if err := errors.Join(err1, err2); err != nil {
				return st, err
			}
			values = append(values, zone.Eq(zone.V(a), zone.V(b)))
		} else if m := yamlDiff.FindStringSubmatch(c); m != nil {
			a, err1 := r.variable(m[1:7])
			b, err2 := r.variable(m[7:13])
			n, err3 := strconv.ParseInt(m[13], 10, 64)
			if err := errors.Join(err1, err2, err3); err != nil {
				return st, err
			}
			values = append(values, zone.Leq(zone.V(a).Minus(b), zone.Const(n)))
		} else {
			return st, fmt.Errorf("cannot read the constraint %q", c)
		}
	}
	for _, f := range restrict {
		f()
	}
	for _, c := range values {
		r.add(&st, c)
	}
	if st.bottom() {
		r.drop(&st)
		return st, nil
	}
	for _, n := range numeric {
		r.mutStack(&st).setBytes(n[0], n[1]-n[0]+1, true)
		r.makeCell(&st, zone.KindSValue, n[0], n[1]-n[0]+1)
	}
	return st, nil
}
