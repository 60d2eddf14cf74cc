package settings

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"bpfls/platform"
)

// Hook is a hook that a user declares.
type Hook struct {
	Name       string
	Platform   string   // windows, linux, or empty for both
	Sections   []string // section names, written as the platform compares them
	Context    ContextDeclaration
	ID         *uint32 // bpf_prog_type
	Privileged *bool   // nil: as the built-in hook that it overrides, else false
	Sleepable  *bool
	Doc        string
	Helpers    []platform.Helper
	Origin     Origin
}

// ContextDeclaration is a hook's context as declared: with explicit offsets, or
// as a structure in a C header (Header is not empty).
type ContextDeclaration struct {
	// Layout is the context: given at once with explicit offsets; nil with a
	// header until ResolveContext has made it.
	Layout *platform.Context

	Header          string // path of the header, absolute
	Type            string // typedef name, or "struct NAME"
	Data, End, Meta string // names of the pointer members; empty: none
	Origin          Origin
}

// argName and retName are the names of argument and return types.
type (
	argName struct{ value platform.ArgType }
	retName struct{ value platform.RetType }
)

func (a *argName) decode(v any) error {
	text, ok := v.(string)
	names := platform.ArgTypeNames()[1:] // a hole ends the arguments, so nobody declares one
	if ok {
		if a.value, ok = platform.ParseArgType(text); ok && a.value != platform.ArgDontCare {
			return nil
		}
	}
	return wrongName(v, names)
}

func (*argName) schema() map[string]any {
	return map[string]any{"enum": platform.ArgTypeNames()[1:]}
}

func (r *retName) decode(v any) error {
	text, ok := v.(string)
	if ok {
		if r.value, ok = platform.ParseRetType(text); ok {
			return nil
		}
	}
	return wrongName(v, platform.RetTypeNames())
}

func (*retName) schema() map[string]any {
	return map[string]any{"enum": platform.RetTypeNames(), "default": platform.RetInteger.String()}
}

func wrongName(v any, names []string) error {
	if text, ok := v.(string); ok {
		if near := nearest(text, names); near != "" {
			return fmt.Errorf("must be a name of ebpf_base.h in lower case, not %q; did you mean %q?", text, near)
		}
	}
	return fmt.Errorf("must be one of %s, not %s", strings.Join(names, ", "), describe(v))
}

// checkHooks turns layouts into hooks. A hook with an error is left out.
func checkHooks(layouts []hookLayout, path string, positions positions) (hooks []Hook, problems []*Problem) {
	dir := filepath.Dir(path)
	for i, l := range layouts {
		before := len(problems)
		wrong := func(key []any, format string, args ...any) {
			at := positions.at(append([]any{"hooks", i}, key...)...)
			if len(key) > 0 {
				at = at.ofValue()
			}
			problems = append(problems, &Problem{File: path, Line: at.line, Column: at.column, EndColumn: at.end,
				Message: fmt.Sprintf("hook %s: ", l.Name) + fmt.Sprintf(format, args...)})
		}
		if l.wrong {
			continue
		}
		origin := func(key ...any) Origin {
			return Origin{FromFile, path, positions.at(append([]any{"hooks", i}, key...)...).line}
		}
		h := Hook{Name: l.Name, Platform: l.Platform, Sections: l.Sections, Privileged: l.Privileged,
			Sleepable: l.Sleepable, Doc: l.Doc, Origin: origin()}
		if l.ID != nil {
			id := uint32(*l.ID)
			h.ID = &id
		}
		for j, s := range l.Sections {
			if strings.TrimSuffix(s, "+") == "" {
				wrong([]any{"sections", j}, "a section name must not be empty: it would select every section")
			}
		}
		h.Context = checkContext(l.Context, dir, wrong)
		h.Context.Origin = origin("context")
		for j, helper := range l.Helpers {
			if p, ok := checkHelper(helper, j, wrong); ok {
				if slices.ContainsFunc(h.Helpers, func(o platform.Helper) bool { return o.ID == p.ID }) {
					wrong([]any{"helpers", j, "id"}, "two helpers have the id %d", p.ID)
				}
				h.Helpers = append(h.Helpers, p)
			}
		}
		if len(problems) == before {
			hooks = append(hooks, h)
		}
	}
	return hooks, problems
}

func checkContext(l contextLayout, dir string, wrong func(key []any, format string, args ...any)) ContextDeclaration {
	at := func(key string) []any { return []any{"context", key} }
	pointers := []struct {
		key string
		ref *reference
	}{{"data", l.Data}, {"end", l.End}, {"meta", l.Meta}}
	if l.Header != "" || l.Type != "" {
		d := ContextDeclaration{Header: absolute(dir, l.Header), Type: l.Type}
		readable := true
		if l.Header == "" {
			wrong(at("type"), "context.type names a structure; context.header must say in which file it is")
		}
		if l.Type == "" {
			wrong(at("header"), "context.header needs context.type, the name of the structure in it")
		}
		if l.Size != nil || l.Fields != nil {
			wrong([]any{"context"}, "with context.header the size and the members come from the header: remove context.size and context.fields")
		}
		for i, p := range pointers {
			name := []*string{&d.Data, &d.End, &d.Meta}[i]
			switch {
			case p.ref == nil:
			case p.ref.Name != "":
				*name = p.ref.Name
			case p.ref.Offset >= 0:
				readable = false
				wrong(at(p.key), "with context.header, context.%s must be the name of a member, not an offset", p.key)
			}
		}
		if readable && (d.Data == "") != (d.End == "") {
			wrong([]any{"context"}, "the context has only one of data and end; one without the other bounds nothing")
		}
		if d.Meta != "" && d.Data == "" {
			wrong(at("meta"), "the context has meta but no data and end")
		}
		return d
	}
	c := platform.Context{Data: -1, End: -1, Meta: -1}
	readable := true
	if l.Size == nil {
		wrong([]any{"context"}, "the context needs a size, or a header and a type")
		return ContextDeclaration{}
	}
	c.Size = *l.Size
	for i, p := range pointers {
		offset := []*int{&c.Data, &c.End, &c.Meta}[i]
		switch {
		case p.ref == nil:
		case p.ref.Name != "":
			wrong(at(p.key), "without context.header, context.%s must be an offset in bytes, not a name", p.key)
			readable = false
		default:
			*offset = p.ref.Offset
		}
	}
	for _, f := range l.Fields {
		c.Fields = append(c.Fields, platform.Field{Name: f.Name, Type: f.Type, Offset: f.Offset, Size: f.Size})
	}
	if err := c.Valid(); readable && err != nil {
		wrong([]any{"context"}, "%v", err)
	}
	return ContextDeclaration{Layout: &c}
}

func checkHelper(l helperLayout, index int, wrong func(key []any, format string, args ...any)) (platform.Helper, bool) {
	h := platform.Helper{ID: int32(l.ID), Name: l.Name, Return: l.Return.value, ReallocatesPacket: l.ReallocatesPacket, Doc: l.Doc}
	if len(l.Arguments) > len(h.Args) {
		wrong([]any{"helpers", index, "arguments"}, "helper %s has %d arguments; a helper has at most %d", l.Name, len(l.Arguments), len(h.Args))
		return h, false
	}
	for i, a := range l.Arguments {
		h.Args[i], h.ArgNames[i] = a.Type.value, a.Name
	}
	if err := h.Valid(); err != nil {
		wrong([]any{"helpers", index, "arguments"}, "%v", err)
		return h, false
	}
	return h, true
}

// ResolveContext makes the context of a declaration with a header from the
// layout that the compiled header gives the structure. The declaration's own
// Layout, of explicit offsets, is returned as it is.
func ResolveContext(d ContextDeclaration, layout platform.StructLayout) (*platform.Context, error) {
	if d.Header == "" {
		return d.Layout, nil
	}
	c := &platform.Context{TypeName: strings.TrimPrefix(d.Type, "struct "), Size: layout.Size, Data: -1, End: -1, Meta: -1, Fields: layout.Members}
	for _, pointer := range []struct {
		key, name string
		offset    *int
	}{{"data", d.Data, &c.Data}, {"end", d.End, &c.End}, {"meta", d.Meta, &c.Meta}} {
		if pointer.name == "" {
			continue
		}
		m, ok := layout.Member(pointer.name)
		if !ok {
			names := make([]string, len(layout.Members))
			for i, m := range layout.Members {
				names[i] = m.Name
			}
			hint := "its members are " + strings.Join(names, ", ")
			if near := nearest(pointer.name, names); near != "" {
				hint = "did you mean " + near + "?"
			}
			return nil, fmt.Errorf("%s: context.%s: %s in %s has no member %s; %s", d.Origin, pointer.key, d.Type, d.Header, pointer.name, hint)
		}
		*pointer.offset = m.Offset
	}
	if err := c.Valid(); err != nil {
		return nil, fmt.Errorf("%s: %s in %s cannot be a context: %w", d.Origin, d.Type, d.Header, err)
	}
	return c, nil
}

// Apply returns base with the declared hooks that are for it. A declared hook
// overrides the built-in program types of the same section names: they lose
// these names, and the new type takes their helpers, number and privileges
// where the declaration says nothing. notes say what was overridden. It fails
// where a hook's context is not resolved, or where two hooks declare the same
// section name in one file; of two files, the first hook (the closest file's) wins.
func Apply(base *platform.Platform, hooks []Hook) (p *platform.Platform, notes []string, err error) {
	p = base.Clone()
	owner := make(map[string]Hook) // by section name
	var declared []*platform.ProgramType
	for _, h := range hooks {
		if h.Platform != "" && h.Platform != base.Name {
			continue
		}
		if h.Context.Layout == nil {
			return nil, nil, fmt.Errorf("%s: hook %s: the context %s of %s was not resolved", h.Origin, h.Name, h.Context.Type, h.Context.Header)
		}
		var names []string
		for _, name := range h.Sections {
			if other, taken := owner[name]; taken {
				if other.Origin.File == h.Origin.File {
					return nil, nil, fmt.Errorf("%s: hook %s: section %s is declared twice; also at %s", h.Origin, h.Name, name, other.Origin)
				}
				notes = append(notes, fmt.Sprintf("hook %s at %s wins over hook %s at %s in section %s", other.Name, other.Origin, h.Name, h.Origin, name))
				continue
			}
			owner[name] = h
			names = append(names, name)
		}
		if len(names) > 0 {
			t := override(p, h, names)
			if t.Note != "" {
				notes = append(notes, fmt.Sprintf("hook %s at %s %s", h.Name, h.Origin, t.Note))
			}
			declared = append(declared, t)
		}
	}
	p.Types = append(declared, p.Types...)
	return p, notes, nil
}

// override makes the program type of a declared hook and takes its section
// names from the built-in types of p.
func override(p *platform.Platform, h Hook, names []string) *platform.ProgramType {
	context := *h.Context.Layout
	t := &platform.ProgramType{Name: h.Name, Prefixes: names, Context: &context, Helpers: h.Helpers,
		HelpersFirst: true, Header: h.Context.Header, Doc: h.Doc, Origin: h.Origin.String()}
	var old []*platform.ProgramType
	var rest []*platform.ProgramType
	for _, b := range p.Types {
		left := slices.DeleteFunc(slices.Clone(b.Prefixes), func(name string) bool { return slices.Contains(names, name) })
		if len(left) == len(b.Prefixes) {
			if b.Name == h.Name {
				old = append(old, b)
			}
			rest = append(rest, b)
			continue
		}
		old = append(old, b)
		if len(left) > 0 {
			b := *b
			b.Prefixes = left
			rest = append(rest, &b)
		}
	}
	p.Types = rest
	if len(old) > 0 {
		b := old[0]
		context.Replaces = b.Context
		t.ID, t.Privileged, t.Sleepable = b.ID, b.Privileged, b.Sleepable
		for _, helper := range b.Helpers {
			if !slices.ContainsFunc(h.Helpers, func(o platform.Helper) bool { return o.ID == helper.ID }) {
				t.Helpers = append(t.Helpers[:len(t.Helpers):len(t.Helpers)], helper)
			}
		}
		if t.Doc == "" {
			t.Doc = b.Doc
		}
		var overridden []string
		for _, b := range old {
			if !slices.Contains(overridden, b.Name) {
				overridden = append(overridden, b.Name)
			}
		}
		t.Note = "overrides the built-in hook " + strings.Join(overridden, ", ")
	}
	if h.ID != nil {
		t.ID = *h.ID
	}
	if h.Privileged != nil {
		t.Privileged = *h.Privileged
	}
	if h.Sleepable != nil {
		t.Sleepable = *h.Sleepable
	}
	return t
}
