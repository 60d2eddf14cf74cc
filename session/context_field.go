package session

import (
	"bytes"
	"strings"

	"bpfls/elfbpf"
	"bpfls/explain"
	"bpfls/platform"
	"bpfls/position"
)

// MapUse is a map of an object and the programs that use it.
type MapUse struct {
	Map      *elfbpf.Map
	Platform *platform.Platform
	Programs []*elfbpf.Program
}

// MapNamed returns the map of a name in the outcome's object; nil where it has none.
func (o *Outcome) MapNamed(name string) *MapUse {
	if o.Object == nil || name == "" {
		return nil
	}
	for i := range o.Object.Maps {
		m := &o.Object.Maps[i]
		if m.Name != name || m.Global {
			continue
		}
		use := &MapUse{Map: m, Platform: o.Platform}
		for _, p := range o.Programs {
			for _, slot := range p.Program.Code {
				// A 64-bit load of the map's descriptor (RFC 9669, 5.4).
				if slot.Op == 0x18 && slot.Src == 1 && int(slot.Imm) == m.FD {
					use.Programs = append(use.Programs, p.Program)
					break
				}
			}
		}
		return use
	}
	return nil
}

// ContextField is a member of a hook's context, as the platform has it.
type ContextField struct {
	Type     *platform.ProgramType
	Platform *platform.Platform
	Field    platform.Field
	// Own is the member as the program's own structure has it; nil where that is not known.
	Own *elfbpf.Member
}

var (
	memberAt  = pattern{text: `([A-Za-z_]\w*)\s*(?:->|\.)\s*$`}
	parameter = pattern{text: `([A-Za-z_]\w*)\s*\*\s*(?:(?:const|restrict|volatile)\s+)*([A-Za-z_]\w*)\s*(?:__attribute__\s*\(\(\w+\)\)\s*)?[,)]`}
)

// ContextFieldAt returns the member of a context that is named at a place: of a parameter of
// the function around it whose type is the context of one of the run's programs.
func (v View) ContextFieldAt(run RunView, at position.Point) *ContextField {
	word := v.WordAt(at)
	if word == "" {
		return nil
	}
	line := v.Text.Line(at.Line)
	begin := at.Column - 1
	for begin > 0 && isWord(line[min(begin, len(line))-1]) {
		begin--
	}
	m := memberAt.get().FindSubmatch(line[:min(begin, len(line))])
	if m == nil {
		return nil
	}
	typeName := parameterType(v.Text, at, string(m[1]))
	if typeName == "" {
		return nil
	}
	for _, p := range run.Outcome.Programs {
		if p.Type == nil || p.Type.Context == nil {
			continue
		}
		own := p.Program.Context
		if contextName(p.Program.ContextType) != typeName && p.Type.Context.TypeName != typeName {
			continue
		}
		for _, f := range p.Type.Context.Fields {
			if f.Name != word {
				continue
			}
			field := &ContextField{Type: p.Type, Platform: run.Outcome.Platform, Field: f}
			if own != nil {
				if member, ok := own.Lookup(word); ok {
					field.Own = &member
				}
			}
			return field
		}
		if own == nil {
			continue
		}
		// A name that only the program has: what the platform has at its offset.
		if member, ok := own.Lookup(word); ok {
			f, _ := p.Type.Context.FieldAt(member.Offset)
			if f.Name == "" {
				f = platform.Field{Offset: member.Offset, Size: member.Size, Type: member.Type}
			}
			return &ContextField{Type: p.Type, Platform: run.Outcome.Platform, Field: f, Own: &member}
		}
	}
	return nil
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// contextName is the name in a C type of a pointer to a structure: xdp_md of "struct xdp_md *".
func contextName(ctype string) string {
	f := strings.Fields(strings.ReplaceAll(ctype, "*", " "))
	if len(f) == 0 {
		return ""
	}
	return f[len(f)-1]
}

// parameterType is the name of the structure that a parameter of the function around a place
// points to.
func parameterType(text *position.Mapper, at position.Point, name string) string {
	for _, d := range explain.Outline(text) {
		r := d.Range
		if d.Kind == explain.DeclaredMap || before(at, r.Line, r.Column) || !d.Open && !before(at, r.EndLine, r.EndColumn) {
			continue
		}
		head := text.Text()[text.Offset(position.Point{Line: r.Line, Column: r.Column}):text.Offset(at)]
		if i := bytes.IndexByte(head, '{'); i >= 0 {
			head = head[:i]
		}
		for _, m := range parameter.get().FindAllSubmatch(head, -1) {
			if string(m[2]) == name {
				return string(m[1])
			}
		}
	}
	return ""
}
