package platform

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Match returns the program type that a section's name selects, and the name
// or prefix that matched. Where nothing matches it returns p.Unknown, "", false.
func (p *Platform) Match(section string) (t *ProgramType, prefix string, ok bool) {
	for _, candidate := range p.Types {
		for _, name := range candidate.Prefixes {
			if p.Names.matches(name, section) && (!ok || len(name) > len(prefix)) {
				t, prefix, ok = candidate, name, true
			}
		}
	}
	if !ok {
		return p.Unknown, "", false
	}
	return t, prefix, true
}

func (r NameRule) matches(name, section string) bool {
	if r == NamePrefix {
		return strings.HasPrefix(section, name)
	}
	if base, both := strings.CutSuffix(name, "+"); both {
		rest, found := strings.CutPrefix(section, base)
		return found && (rest == "" || rest[0] == '/')
	}
	if strings.HasSuffix(name, "/") {
		return strings.HasPrefix(section, name)
	}
	return section == name
}

// TypeByName returns the program type that a user names: by the type's own
// name ("sched_cls"), else as a section's name would select it ("tc", "kprobe/x").
func (p *Platform) TypeByName(name string) (*ProgramType, bool) {
	for _, t := range p.Types {
		if t.Name == name {
			return t, true
		}
	}
	t, _, ok := p.Match(name)
	return t, ok
}

// TypeNames returns the names of the program types, sorted, each once.
func (p *Platform) TypeNames() []string {
	names := make([]string, 0, len(p.Types))
	for _, t := range p.Types {
		names = append(names, t.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// MapType returns the map type with that number. A number that the platform
// does not know is a plain map: keys and values of the declared sizes.
func (p *Platform) MapType(id uint32) MapType {
	if i := int(id); i < len(p.Maps) && p.Maps[i].ID == id {
		return p.Maps[i] // tables are dense, as bpf_map_type is
	}
	for _, m := range p.Maps {
		if m.ID == id {
			return m
		}
	}
	return MapType{Name: "unspec"}
}

// HelperByName returns the helper with that name as the platform or C code
// writes it: with or without bpf_. Any type's helpers are searched, general
// ones first; t, if not nil, is the only type whose own helpers are.
func (p *Platform) HelperByName(name string, t *ProgramType) (*Helper, bool) {
	short := strings.TrimPrefix(name, "bpf_")
	find := func(helpers []Helper) *Helper {
		for i := range helpers {
			if strings.TrimPrefix(helpers[i].Name, "bpf_") == short {
				return &helpers[i]
			}
		}
		return nil
	}
	if t != nil && t.HelpersFirst {
		if h := find(t.Helpers); h != nil {
			return h, true
		}
	}
	if h := find(p.General); h != nil {
		return h, true
	}
	for _, candidate := range p.Types {
		if t != nil && candidate != t {
			continue
		}
		if h := find(candidate.Helpers); h != nil {
			return h, true
		}
	}
	return nil, false
}

// Helper returns the prototype of the helper with that id if programs of type
// t may call it. Otherwise the error is a *HelperError. The Helper is shared
// and must not be changed.
func (p *Platform) Helper(id int32, t *ProgramType) (*Helper, error) {
	if t == nil || t.Context == nil {
		return nil, p.helperError(id, nil, t, HelperNoContext)
	}
	h := p.findHelper(id, t)
	if h == nil {
		if id < 0 {
			return nil, p.helperError(id, nil, t, HelperNegative)
		}
		return nil, p.helperError(id, nil, t, HelperUnknown)
	}
	if reason := h.refusal(t); reason != HelperUsable {
		return nil, p.helperError(id, h, t, reason)
	}
	return h, nil
}

func (p *Platform) findHelper(id int32, t *ProgramType) *Helper {
	own := func() *Helper {
		for i := range t.Helpers {
			if t.Helpers[i].ID == id {
				return &t.Helpers[i]
			}
		}
		return nil
	}
	if t.HelpersFirst {
		if h := own(); h != nil {
			return h
		}
	}
	i, found := slices.BinarySearchFunc(p.General, id, func(h Helper, id int32) int { return cmp.Compare(h.ID, id) })
	if found {
		return &p.General[i]
	}
	return own()
}

// refusal says why programs of type t may not call h.
func (h *Helper) refusal(t *ProgramType) HelperRefusal {
	switch {
	case h.Unsupported:
		return HelperUnsupported
	case len(h.Types) > 0 && !slices.Contains(h.Types, t.Name):
		return HelperWrongType
	case h.MightSleep && !t.Sleepable:
		return HelperSleeps
	case h.Context != nil && t.Context != h.Context && t.Context.Replaces != h.Context:
		return HelperWrongContext
	}
	return HelperUsable
}

// BuiltinByID returns the builtin with that negative id.
func (p *Platform) BuiltinByID(id int32) (*Helper, error) {
	for i := range p.Builtins {
		if p.Builtins[i].ID == id {
			return &p.Builtins[i], nil
		}
	}
	return nil, fmt.Errorf("builtin function is unavailable on this platform")
}

// KfuncByID returns the prototype of the kernel function with that BTF id in
// that module (0: the kernel itself) if programs of type t may call it. The
// errors are worded as PREVAIL's.
func (p *Platform) KfuncByID(btfID int32, module int16, t *ProgramType) (*Kfunc, error) {
	if p.Kfuncs == nil {
		return nil, fmt.Errorf("kfunc resolution is unavailable on this platform")
	}
	i, found := slices.BinarySearchFunc(p.Kfuncs, Kfunc{BTFID: btfID, Module: module}, func(a, b Kfunc) int {
		return cmp.Or(cmp.Compare(a.BTFID, b.BTFID), cmp.Compare(a.Module, b.Module))
	})
	if !found {
		if module != 0 {
			return nil, fmt.Errorf("kfunc prototype lookup failed for BTF id %d in module %d", btfID, module)
		}
		return nil, fmt.Errorf("kfunc prototype lookup failed for BTF id %d", btfID)
	}
	k := &p.Kfuncs[i]
	switch {
	case k.Releases:
		return nil, fmt.Errorf("kfunc has unsupported flags (release requires lifecycle tracking): %s", k.Name)
	case len(k.Types) > 0 && (t == nil || !slices.Contains(k.Types, t.Name)):
		name := ""
		if t != nil {
			name = t.Name
		}
		return nil, fmt.Errorf("kfunc is unavailable for program type %s: %s", name, k.Name)
	case k.Privileged && (t == nil || !t.Privileged):
		return nil, fmt.Errorf("kfunc requires privileged program type: %s", k.Name)
	case k.Unsupported || k.Return == RetUnsupported:
		return nil, fmt.Errorf("kfunc prototype is unavailable on this platform: %s", k.Name)
	}
	return k, nil
}

// Clone returns a copy of p whose lists of types, helpers and maps can be
// changed without changing p. The program types themselves are still shared.
func (p *Platform) Clone() *Platform {
	c := *p
	c.Types = slices.Clone(p.Types)
	c.General = slices.Clone(p.General)
	c.Maps = slices.Clone(p.Maps)
	return &c
}

// HelperRefusal is a reason why a program may not call a helper.
type HelperRefusal uint8

// The reasons.
const (
	HelperUsable       HelperRefusal = iota // it may
	HelperUnknown                           // the platform has no helper with that id
	HelperNegative                          // ids start at 0
	HelperNoContext                         // the program's type is unknown (unspec)
	HelperUnsupported                       // known, but not verified for any program
	HelperWrongType                         // not for programs of this type
	HelperWrongContext                      // takes the context of other hooks
	HelperSleeps                            // only for sleepable programs
)

// HelperError says why a program may not call a helper.
type HelperError struct {
	ID     int32
	Reason HelperRefusal
	Helper *Helper      // nil where the id is unknown to the type
	Type   *ProgramType // of the calling program; may be nil
	// Elsewhere are the program types that have a helper with that id, where
	// the calling program's type has none.
	Elsewhere []*ProgramType
	text      string
}

func (p *Platform) helperError(id int32, h *Helper, t *ProgramType, reason HelperRefusal) error {
	e := &HelperError{ID: id, Reason: reason, Helper: h, Type: t}
	if reason == HelperUnknown {
		for _, other := range p.Types {
			if slices.ContainsFunc(other.Helpers, func(h Helper) bool { return h.ID == id }) {
				e.Elsewhere = append(e.Elsewhere, other)
			}
		}
	}
	if p.HelperMessage != nil {
		e.text = p.HelperMessage(e)
	} else {
		e.text = e.Explain()
	}
	return e
}

// Error returns the platform's own words ("helper prototype not found: 999").
func (e *HelperError) Error() string { return e.text }

// Explain returns a sentence for users.
func (e *HelperError) Explain() string {
	name, hook := fmt.Sprintf("helper %d", e.ID), "this program"
	if e.Helper != nil {
		name = fmt.Sprintf("helper %s (%d)", e.Helper.Name, e.ID)
	}
	if e.Type != nil && e.Type.Name != "" {
		hook = e.Type.Name + " programs"
	}
	switch e.Reason {
	case HelperNegative:
		return fmt.Sprintf("%d is not the id of a helper: ids are not negative", e.ID)
	case HelperNoContext:
		return fmt.Sprintf("%s is not available: the program's section names no hook", name)
	case HelperUnsupported:
		return fmt.Sprintf("%s is not supported by the verifier", name)
	case HelperWrongType:
		return fmt.Sprintf("%s is not available to %s: only to %s", name, hook, strings.Join(e.Helper.Types, ", "))
	case HelperWrongContext:
		return fmt.Sprintf("%s is not available to %s: it takes struct %s", name, hook, e.Helper.Context.TypeName)
	case HelperSleeps:
		return fmt.Sprintf("%s may sleep: only sleepable programs (sections ending in .s) may call it", name)
	}
	text := fmt.Sprintf("%s have no helper with id %d", hook, e.ID)
	if e.Type == nil {
		text = fmt.Sprintf("there is no helper with id %d", e.ID)
	}
	for i, t := range e.Elsewhere {
		for j := range t.Helpers {
			if h := &t.Helpers[j]; h.ID == e.ID {
				text += map[bool]string{true: "; it is ", false: ", "}[i == 0] + h.Name + " in " + t.Name + " programs"
			}
		}
	}
	return text
}

// CName returns the helper's name as C code has it: bpf_map_lookup_elem, where the
// platform's own tables may say map_lookup_elem. Builtins (with negative ids) are C
// functions already.
func (h *Helper) CName() string {
	if h.ID < 0 || strings.HasPrefix(h.Name, "bpf_") {
		return h.Name
	}
	return "bpf_" + h.Name
}
