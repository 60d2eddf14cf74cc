// Command explain counts what the findings of many objects tell: places, C names, how
// much they underline. It measures package explain, not the verifier.
//
//	explain [-v] [-min 85] [DIR]     over DIR/corpus and DIR/generated (default ../shared)
//	explain -names OBJECT...         what a Namer says before every instruction
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"bpfls/elfbpf"
	"bpfls/explain"
	"bpfls/isa"
	"bpfls/session"
	"bpfls/verifier"
)

func main() {
	names := flag.Bool("names", false, "print the instructions of the objects given as arguments, with the names of their registers")
	verbose := flag.Bool("v", false, "print the findings that miss something")
	least := flag.Float64("min", 85, "per cent of memory accesses that must name a C variable")
	flag.Parse()
	if *names {
		for _, path := range flag.Args() {
			printNames(path)
		}
		return
	}
	dir := "../shared"
	if flag.NArg() > 0 {
		dir = flag.Arg(0)
	}
	if _, err := os.Stat(filepath.Join(dir, "generated")); err != nil {
		fmt.Fprintf(os.Stderr, "%s: the reference data are not there\n", dir)
		os.Exit(2)
	}
	generated, corpus := &counter{verbose: *verbose}, &counter{verbose: *verbose}
	objects, _ := filepath.Glob(filepath.Join(dir, "generated", "*.o"))
	for _, path := range objects {
		generated.object(path, session.Request{Path: path, NoFacts: true, Choices: session.Choices{Platform: platformOf(path)}})
	}
	rows, err := corpusRows(filepath.Join(dir, "corpus", "prevail-verdicts.tsv"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	for _, r := range rows {
		path := filepath.Join(dir, "corpus", "ebpf-samples", r.object)
		corpus.object(path, session.Request{Path: path, Section: r.section, Program: r.function, NoFacts: true, All: true,
			Choices: session.Choices{Platform: "linux", Type: r.typ, Termination: verifier.Off}})
	}
	generated.print("generated")
	corpus.print("corpus")
	ok := generated.silent == 0 && corpus.silent == 0 && generated.noPlace == 0 && corpus.noPlace == 0 && generated.wholeLine == 0 && generated.percent() >= *least
	if !ok {
		fmt.Println("below what is asked for: every failing program has a finding, and every finding file, line and column; of generated, none underlines a line and",
			*least, "per cent of the memory accesses name a C variable")
		os.Exit(1)
	}
}

func platformOf(path string) string {
	if strings.HasPrefix(filepath.Base(path), "windows") || strings.Contains(path, "netsh") {
		return "windows"
	}
	return "linux"
}

type row struct{ object, section, function, typ string }

// corpusRows reads the rows of failing programs.
func corpusRows(path string) ([]row, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var rows []row
	s := bufio.NewScanner(f)
	for s.Scan() {
		c := strings.Split(s.Text(), "\t")
		if len(c) > 4 && c[4] != "pass" && c[4] != "verdict" {
			rows = append(rows, row{c[0], c[1], c[2], c[3]})
		}
	}
	return rows, s.Err()
}

// counter counts findings.
type counter struct {
	verbose                    bool
	programs, failing, without int // programs in all, with a verdict other than pass, and of those without line info
	silent                     int // failing programs without a finding
	findings, noPlace          int // findings of programs with line info; those that have no place
	wholeLine                  int
	accesses, named            int // first findings on memory accesses; those whose message names a C variable
	arguments, different       int // arguments &v of calls; those that a Namer calls something else
}

var register = regexp.MustCompile(`\br[0-9]+\b`)

func (c *counter) object(path string, req session.Request) {
	o := session.Run(context.Background(), req)
	if o.Err != nil && o.Object == nil {
		return
	}
	for _, p := range o.Programs {
		if p.Report == nil {
			continue
		}
		c.programs++
		c.check(o, p)
		if p.Report.Verdict == "pass" {
			continue
		}
		c.failing++
		if len(p.Report.Findings) == 0 {
			c.silent++
			if c.verbose {
				fmt.Printf("no finding: %s %s\n", path, p.Program.Name)
			}
		}
		if len(p.Program.Lines) == 0 {
			c.without++
			continue
		}
		for i := range p.Report.Findings {
			c.finding(path, o, p, i)
		}
	}
}

func (c *counter) miss(what, path string, f *explain.Finding) {
	if c.verbose {
		fmt.Printf("%s: %s %s:%d:%d-%d %s\n    %s\n    %s\n", what, path, f.Range.File, f.Range.Line, f.Range.Column, f.Range.EndColumn, f.Message, strings.TrimSpace(f.Text), f.VerifierMessage)
	}
}

func (c *counter) finding(path string, o *session.Outcome, p *session.ProgramOutcome, i int) {
	f := &p.Report.Findings[i]
	c.findings++
	r := f.Range
	if r.File == "" || r.Line < 1 || r.Column < 1 || r.EndLine < r.Line || r.EndLine == r.Line && r.EndColumn <= r.Column {
		c.noPlace++
		c.miss("no place", path, f)
	}
	if r.EndLine > r.Line || f.Text != "" && r.EndColumn > len(f.Text)+1 {
		c.miss("beyond the line", path, f)
	}
	if t := strings.TrimSpace(f.Text); len(t) > 1 && r.EndColumn-r.Column >= len(t) {
		c.wholeLine++
		c.miss("whole line", path, f)
	}
	if register.MatchString(f.Message) {
		c.miss("a register", path, f)
	}
	if i > 0 || f.Instruction < 0 {
		return
	}
	insts, _ := isa.Decode(p.Program.Code)
	if f.Instruction >= len(insts) {
		return // it does not decode
	}
	switch insts[f.Instruction].Kind {
	case isa.Load, isa.Store, isa.Atomic:
	default:
		return
	}
	c.accesses++
	if namesVariable(o, p, f) {
		c.named++
	} else {
		c.miss("no name", path, f)
	}
}

// namesVariable reports whether a message has the name of a variable of the finding's
// function.
func namesVariable(o *session.Outcome, p *session.ProgramOutcome, f *explain.Finding) bool {
	section, offset := p.Program.Section, p.Program.Offset+8*f.Instruction
	for _, sub := range p.Program.Subs {
		if f.Instruction >= sub.Slot && f.Instruction < sub.Slot+sub.Size/8 {
			section, offset = sub.Section, sub.Offset+8*(f.Instruction-sub.Slot)
		}
	}
	scopes := o.Object.Debug().Scopes(section, offset)
	words := strings.FieldsFunc(f.Message, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
	var any func(s *elfbpf.Scope) bool
	any = func(s *elfbpf.Scope) bool {
		return slices.ContainsFunc(s.Variables, func(v *elfbpf.Variable) bool { return slices.Contains(words, v.Name) }) || slices.ContainsFunc(s.Inner, any)
	}
	return len(scopes) > 0 && any(scopes[len(scopes)-1])
}

var address = regexp.MustCompile(`^&(\w+)$`)

// check compares the names of the arguments &v of calls with what the source says: the
// two know nothing of each other.
func (c *counter) check(o *session.Outcome, p *session.ProgramOutcome) {
	if p.Result == nil {
		return
	}
	in := explain.Input{Object: o.Object, Program: p.Program, Platform: o.Platform, Type: p.Type, Result: p.Result, Sources: o.Sources}
	var namer *explain.Namer
	insts, _ := isa.Decode(p.Program.Code)
	for slot, inst := range insts {
		if inst.Kind != isa.Call {
			continue
		}
		line, ok := p.Program.Line(slot)
		if !ok || line.Column < 1 || line.Column > len(line.Text) {
			continue
		}
		text := line.Text[line.Column-1:]
		open := strings.IndexByte(text, '(')
		end := strings.IndexByte(text, ')')
		if open < 0 || end < open {
			continue
		}
		for i, arg := range strings.Split(text[open+1:end], ",") {
			m := address.FindStringSubmatch(strings.TrimSpace(arg))
			if m == nil || i > 4 {
				continue
			}
			if namer == nil {
				namer = explain.NewNamer(in)
			}
			n, ok := namer.Register(verifier.Point{Slot: slot}, i+1)
			if !ok {
				continue
			}
			c.arguments++
			if n.Expr != "&"+m[1] {
				c.different++
				if c.verbose {
					fmt.Printf("different: %s %s slot %d: r%d is %s, the source has %s\n", o.Report.Path, p.Program.Name, slot, i+1, n, m[0])
				}
			}
		}
	}
}

func (c *counter) percent() float64 { return 100 * float64(c.named) / float64(max(c.accesses, 1)) }

func (c *counter) print(what string) {
	fmt.Printf("%s: %d programs, %d fail or are rejected, %d of them without line information, %d without a finding\n", what, c.programs, c.failing, c.without, c.silent)
	fmt.Printf("  findings: %d, without file, line or column: %d, that underline a whole line: %d\n", c.findings, c.noPlace, c.wholeLine)
	fmt.Printf("  first findings on memory accesses: %d, that name a C variable: %d (%.1f %%)\n", c.accesses, c.named, c.percent())
	fmt.Printf("  arguments &v of calls: %d, that are called something else: %d\n", c.arguments, c.different)
}

// printNames prints what a Namer says before every instruction.
func printNames(path string) {
	o := session.Run(context.Background(), session.Request{Path: path, NoFacts: true, Choices: session.Choices{Platform: platformOf(path)}})
	if o.Err != nil {
		fmt.Fprintln(os.Stderr, o.Err)
		os.Exit(2)
	}
	for _, p := range o.Programs {
		if p.Result == nil {
			continue
		}
		fmt.Printf("%s %s\n", p.Program.Section, p.Program.Name)
		in := explain.Input{Object: o.Object, Program: p.Program, Platform: o.Platform, Type: p.Type, Result: p.Result, Sources: o.Sources}
		namer := explain.NewNamer(in)
		insts, _ := isa.Decode(p.Program.Code)
		for slot, inst := range insts {
			if inst.Slots == 0 {
				continue
			}
			line, _ := p.Program.Line(slot)
			var known []string
			at := verifier.Point{Slot: slot}
			for r := range 10 {
				if n, ok := namer.Register(at, r); ok {
					known = append(known, fmt.Sprintf("r%d: %s", r, n))
				}
			}
			switch inst.Kind {
			case isa.Load:
				if n, ok := namer.Memory(at, int(inst.Src), int(inst.Off), int(inst.Width)); ok {
					known = append(known, "reads "+n.Expr)
				}
			case isa.Store, isa.Atomic:
				if n, ok := namer.Memory(at, int(inst.Dst), int(inst.Off), int(inst.Width)); ok {
					known = append(known, "writes "+n.Expr)
				}
			}
			text, _ := isa.ObjdumpText(p.Program.Code, slot, func(int) string { return "" })
			fmt.Printf("%4d %-40s %4d:%-3d %s\n", slot, text, line.Line, line.Column, strings.Join(known, "; "))
		}
	}
}
