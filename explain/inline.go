package explain

import (
	"debug/dwarf"
	"path"
	"strings"

	"bpfls/elfbpf"
)

// inlined is a call whose callee was inlined: where it stands and what it calls.
type inlined struct {
	file         string // as DWARF has it
	line, column int
	callee       string
	parameters   []string
}

// inlinedCalls returns the inlined calls that an instruction comes from, the
// innermost first; nil where DWARF does not tell.
func (e *explainer) inlinedCalls(slot int) []inlined {
	name, offset := e.Program.Name, e.Program.Offset+8*slot
	for _, sub := range e.Program.Subs {
		if slot >= sub.Slot && slot < sub.Slot+sub.Size/8 {
			name, offset = sub.Name, sub.Offset+8*(slot-sub.Slot)
		}
	}
	if e.debug == nil {
		e.debug = readDebug(e.Object)
	}
	return e.debug.chain(name, uint64(offset))
}

// debug finds functions in the debugging information of an object, which is read
// and walked once for all findings of a program.
type debug struct {
	d         *dwarf.Data
	functions map[string][]debugFunction // by name
}

// debugFunction is the entry of a function with code and children.
type debugFunction struct {
	entry dwarf.Offset
	unit  *dwarf.Entry
}

// readDebug returns an empty index where DWARF does not tell.
func readDebug(o *elfbpf.Object) *debug {
	x := &debug{functions: map[string][]debugFunction{}}
	d, err := o.DWARF()
	if err != nil || d == nil {
		return x
	}
	x.d = d
	r := d.Reader()
	for {
		unit, err := r.Next()
		if err != nil || unit == nil {
			return x
		}
		if unit.Tag != dwarf.TagCompileUnit || !unit.Children {
			r.SkipChildren()
			continue
		}
		for {
			die, err := r.Next()
			if err != nil {
				return x
			}
			if die == nil || die.Tag == 0 {
				break
			}
			if die.Tag == dwarf.TagSubprogram && die.Children {
				name := dieName(d, die)
				x.functions[name] = append(x.functions[name], debugFunction{die.Offset, unit})
			}
			r.SkipChildren()
		}
	}
}

// chain returns the inlined calls around an address of a function, the innermost
// first.
func (x *debug) chain(name string, pc uint64) []inlined {
	for _, f := range x.functions[name] {
		r := x.d.Reader()
		r.Seek(f.entry)
		if die, err := r.Next(); err == nil && die != nil && covers(x.d, die, pc) {
			return inlinedChain(x.d, r, unitFiles(x.d, f.unit), pc)
		}
	}
	return nil
}

// inlinedChain reads the children of a subprogram, at r, for the inlined calls
// around an address.
func inlinedChain(d *dwarf.Data, r *dwarf.Reader, files []*dwarf.LineFile, pc uint64) []inlined {
	var chain []inlined
	depth := 1
	for depth > 0 {
		die, err := r.Next()
		if err != nil || die == nil {
			return chain
		}
		switch {
		case die.Tag == 0:
			depth--
			continue
		case die.Tag == dwarf.TagInlinedSubroutine && covers(d, die, pc):
			call := inlined{callee: dieName(d, die), parameters: parameters(d, die)}
			line, _ := die.Val(dwarf.AttrCallLine).(int64)
			column, _ := die.Val(dwarf.AttrCallColumn).(int64)
			call.line, call.column = int(line), int(column)
			if i, ok := die.Val(dwarf.AttrCallFile).(int64); ok && i >= 0 && int(i) < len(files) && files[i] != nil {
				call.file = files[i].Name
			}
			chain = append([]inlined{call}, chain...)
		case die.Tag == dwarf.TagLexDwarfBlock && covers(d, die, pc):
		default:
			if die.Children {
				r.SkipChildren()
			}
			continue
		}
		if die.Children {
			depth++
		}
	}
	return chain
}

func unitFiles(d *dwarf.Data, unit *dwarf.Entry) []*dwarf.LineFile {
	lr, err := d.LineReader(unit)
	if err != nil || lr == nil {
		return nil
	}
	return lr.Files()
}

func covers(d *dwarf.Data, die *dwarf.Entry, pc uint64) bool {
	ranges, err := d.Ranges(die)
	if err != nil {
		return false
	}
	for _, r := range ranges {
		if r[0] <= pc && pc < r[1] {
			return true
		}
	}
	return false
}

// dieName returns a function's name, its own or that of its abstract origin.
func dieName(d *dwarf.Data, die *dwarf.Entry) string {
	for range 3 {
		if name, ok := die.Val(dwarf.AttrName).(string); ok {
			return name
		}
		origin := abstractOrigin(d, die)
		if origin == nil {
			return ""
		}
		die = origin
	}
	return ""
}

func abstractOrigin(d *dwarf.Data, die *dwarf.Entry) *dwarf.Entry {
	off, ok := die.Val(dwarf.AttrAbstractOrigin).(dwarf.Offset)
	if !ok {
		if off, ok = die.Val(dwarf.AttrSpecification).(dwarf.Offset); !ok {
			return nil
		}
	}
	r := d.Reader()
	r.Seek(off)
	origin, err := r.Next()
	if err != nil {
		return nil
	}
	return origin
}

// parameters returns the names of an inlined function's parameters.
func parameters(d *dwarf.Data, die *dwarf.Entry) []string {
	off, ok := die.Val(dwarf.AttrAbstractOrigin).(dwarf.Offset)
	if !ok {
		return nil
	}
	r := d.Reader()
	r.Seek(off)
	if origin, err := r.Next(); err != nil || origin == nil || !origin.Children {
		return nil
	}
	var names []string
	for {
		child, err := r.Next()
		if err != nil || child == nil || child.Tag == 0 {
			return names
		}
		if child.Tag == dwarf.TagFormalParameter {
			name, _ := child.Val(dwarf.AttrName).(string)
			names = append(names, name)
		}
		if child.Children {
			r.SkipChildren()
		}
	}
}

// lineFile finds the path of line information that means the same file as one of
// DWARF's.
func (e *explainer) lineFile(file string) string {
	if _, ok := e.Sources[file]; ok {
		return file
	}
	found := ""
	for _, f := range sortedKeys(e.Sources) {
		if strings.HasSuffix(file, "/"+strings.TrimPrefix(f, "./")) || path.Base(f) == path.Base(file) && found == "" {
			found = f
		}
	}
	return found
}

// inlineCallers relates a finding to the inlined calls that it came through.
func (e *explainer) inlineCallers(slot int) []Related {
	var out []Related
	for _, call := range e.inlinedCalls(slot) {
		file := e.lineFile(call.file)
		r := Range{File: e.path(file), Line: call.line, Column: max(call.column, 1), EndLine: call.line, EndColumn: max(call.column, 1) + len(call.callee)}
		message := "called from here"
		if s := e.source(file); s != nil {
			p := s.BTF(call.line, call.column)
			whole, args := s.call(s.at(s.Offset(p)), e.isMacro)
			if whole.ok() {
				r = s.rangeOf(e.path(file), whole)
			}
			var with []string
			for i, name := range call.parameters {
				if i < len(args) && name != "" {
					if text := s.textOf(args[i]); len(text) <= 40 && text != name {
						with = append(with, name+" = "+text)
					}
				}
			}
			if len(with) > 0 {
				message += " with " + strings.Join(with, ", ")
			}
		}
		if call.line > 0 {
			out = append(out, Related{r, message})
		}
	}
	return out
}
