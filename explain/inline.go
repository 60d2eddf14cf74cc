package explain

import (
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

// address returns the section of an instruction and its offset in it, in bytes: a
// program holds copies of functions of other sections.
func (e *explainer) address(slot int) (section string, offset int) {
	for _, sub := range e.Program.Subs {
		if slot >= sub.Slot && slot < sub.Slot+sub.Size/8 {
			return sub.Section, sub.Offset + 8*(slot-sub.Slot)
		}
	}
	return e.Program.Section, e.Program.Offset + 8*slot
}

// scopes returns the scopes of C that an instruction is in, the innermost first.
func (e *explainer) scopes(slot int) []*elfbpf.Scope {
	if s, ok := e.scoped[slot]; ok {
		return s
	}
	s := e.Object.Debug().Scopes(e.address(slot))
	if e.scoped == nil {
		e.scoped = map[int][]*elfbpf.Scope{}
	}
	e.scoped[slot] = s
	return s
}

// inlinedCalls returns the inlined calls that an instruction comes from, the
// innermost first; nil where DWARF does not tell.
func (e *explainer) inlinedCalls(slot int) []inlined {
	var chain []inlined
	for _, s := range e.scopes(slot) {
		if s.Kind != elfbpf.ScopeInlined {
			continue
		}
		chain = append(chain, inlined{file: s.Call.File, line: s.Call.Line, column: s.Call.Column, callee: s.Name, parameters: s.Parameters})
	}
	return chain
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
			whole, args := s.Call(s.TokenAt(s.Offset(p)), e.isMacro)
			if whole.OK() {
				r = s.rangeOf(e.path(file), whole)
			}
			var with []string
			for i, name := range call.parameters {
				if i < len(args) && name != "" {
					if text := s.Spelling(args[i]); len(text) <= 40 && text != name {
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
