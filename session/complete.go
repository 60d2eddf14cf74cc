package session

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strings"

	"bpfls/explain"
	"bpfls/platform"
	"bpfls/position"
)

// ProposalKind says what a proposal is.
type ProposalKind uint8

// The kinds of proposals.
const (
	ProposeSection ProposalKind = iota // a section's name behind SEC("
	ProposeHelper                      // a helper that the hook's programs may call
	ProposeMapType                     // a map type behind __uint(type,
	ProposeComment                     // what stands behind // bpfls:
)

// Proposal is something that may be written at a place.
type Proposal struct {
	Kind   ProposalKind
	Text   string                // what is written
	Detail string                // a few words
	Type   *platform.ProgramType // of ProposeSection
	Helper *platform.Helper      // of ProposeHelper
	Code   string                // of ProposeComment, where a finding's code is named
}

var (
	sectionBegun = pattern{text: `(?:\bSEC\s*\(\s*|\bsection\s*\(\s*)"([^"]*)$`}
	mapTypeBegun = pattern{text: `(?:\b__uint\s*\(\s*type\s*,\s*|\.type\s*=\s*)(\w*)$`}
	commentBegun = pattern{text: `//\s*bpfls:\s*(.*)$`}
	wordBegun    = pattern{text: `(\w+)$`}
)

// Propose lists what may be written at a place of an open file, and how many bytes in
// front of the place it replaces. What clangd proposes as well, helpers and map types,
// is left to it where it serves the file.
func (s *Session) Propose(ctx context.Context, path string, at position.Point) (list []Proposal, replaces int) {
	text, _, ok := s.Document(path)
	if !ok {
		return nil, 0
	}
	line := lineBefore(text, at)
	if m := sectionBegun.get().FindSubmatch(line); m != nil {
		p, _ := s.PlatformOf(ctx, path, "")
		return sectionProposals(p), len(m[1])
	}
	if m := commentBegun.get().FindSubmatch(line); m != nil {
		p, _ := s.PlatformOf(ctx, path, "")
		return commentProposals(p, m[1])
	}
	if s.Editor(path).Clangd || bytes.Contains(line, []byte("//")) {
		return nil, 0
	}
	if m := mapTypeBegun.get().FindSubmatch(line); m != nil {
		if p, _ := s.PlatformOf(ctx, path, ""); p != nil {
			for _, t := range p.Maps {
				list = append(list, Proposal{Kind: ProposeMapType, Text: mapTypeName(t), Detail: "map type of " + p.Name})
			}
		}
		return list, len(m[1])
	}
	m := wordBegun.get().FindSubmatch(line)
	section := enclosing(text, at)
	if m == nil || section == "" {
		return nil, 0
	}
	p, t := s.PlatformOf(ctx, path, section)
	for _, h := range helpers(p, t) {
		name := h.CName()
		if strings.HasPrefix(name, string(m[1])) {
			list = append(list, Proposal{Kind: ProposeHelper, Text: name, Detail: "helper of " + t.Name, Helper: h})
		}
	}
	return list, len(m[1])
}

// mapTypeName is a map type as C has it.
func mapTypeName(t platform.MapType) string {
	return "BPF_MAP_TYPE_" + strings.ToUpper(strings.TrimPrefix(strings.ToLower(t.Name), "bpf_map_type_"))
}

// sectionProposals lists the section names that select a hook.
func sectionProposals(p *platform.Platform) (list []Proposal) {
	if p == nil {
		return nil
	}
	for _, t := range p.Types {
		if t.Context == nil {
			continue
		}
		for _, prefix := range t.Prefixes {
			if target, more := strings.CutSuffix(prefix, "+"); more {
				prefix = target + "/" // what it attaches to follows
			}
			list = append(list, Proposal{Kind: ProposeSection, Text: prefix, Detail: "hook " + t.Name + " of " + p.Name, Type: t})
		}
	}
	for _, name := range []string{".maps", "license"} {
		list = append(list, Proposal{Kind: ProposeSection, Text: name, Detail: "section of the loader"})
	}
	return list
}

// commentProposals lists what may stand in a comment for bpfls, of which the beginning
// is given.
func commentProposals(p *platform.Platform, begun []byte) (list []Proposal, replaces int) {
	word := begun[bytes.LastIndexAny(begun, " =")+1:]
	switch {
	case bytes.HasPrefix(begun, []byte("type=")) && p != nil:
		for _, name := range p.TypeNames() {
			list = append(list, Proposal{Kind: ProposeComment, Text: name, Detail: "program type of " + p.Name})
		}
	case bytes.HasPrefix(begun, []byte("allow ")) && bytes.Count(begun, []byte(" ")) == 1:
		for _, e := range explain.Catalogue() {
			list = append(list, Proposal{Kind: ProposeComment, Text: e.Code, Detail: e.Title, Code: e.Code})
		}
	case !bytes.ContainsAny(begun, " ="):
		for _, key := range []struct{ text, detail string }{
			{"type=", "the program type of the file's programs"},
			{"platform=", "windows or linux"},
			{"assert ", "tells whether the verifier knows that an expression holds"},
			{"allow ", "hides a finding here, with a reason"},
		} {
			list = append(list, Proposal{Kind: ProposeComment, Text: key.text, Detail: key.detail})
		}
	}
	return list, len(word)
}

// helpers lists the helpers that programs of a type may call, by name.
func helpers(p *platform.Platform, t *platform.ProgramType) (list []*platform.Helper) {
	if p == nil || t == nil {
		return nil
	}
	seen := map[string]bool{}
	for _, of := range [][]platform.Helper{p.General, t.Helpers} {
		for i := range of {
			if h, err := p.Helper(of[i].ID, t); err == nil && !seen[h.Name] {
				seen[h.Name] = true
				list = append(list, h)
			}
		}
	}
	slices.SortFunc(list, func(a, b *platform.Helper) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// Signature is the helper whose call's arguments a place is among.
type Signature struct {
	Helper   *platform.Helper
	Type     *platform.ProgramType
	Argument int // from 0
}

// SignatureAt returns the helper that is being called at a place of an open file; nil
// where it is none, and where clangd serves the file, which shows the declaration.
func (s *Session) SignatureAt(ctx context.Context, path string, at position.Point) *Signature {
	path = CleanPath(path)
	text, _, ok := s.Document(path)
	section := ""
	if ok {
		section = enclosing(text, at)
	}
	if section == "" || s.Editor(path).Clangd {
		return nil
	}
	// The call may have begun in a line before, and have calls among its arguments.
	from := text.Offset(position.Point{Line: max(at.Line-10, 1), Column: 1})
	name, argument := openCall(text.Text()[from:text.Offset(at)])
	if name == "" {
		return nil
	}
	p, t := s.PlatformOf(ctx, path, section)
	if p == nil || t == nil {
		return nil
	}
	h, ok := p.HelperByName(name, t)
	if !ok {
		return nil
	}
	if _, err := p.Helper(h.ID, t); err != nil {
		return nil
	}
	return &Signature{h, t, argument}
}

// openCall returns the name of the innermost call that is not closed at the end of a
// text, and the number of the argument there.
func openCall(text []byte) (name string, argument int) {
	depth := 0
	for i := len(text) - 1; i >= 0; i-- {
		switch text[i] {
		case ')', ']':
			depth++
		case '[':
			depth = max(depth-1, 0)
		case '(':
			if depth == 0 {
				if m := wordBegun.get().FindSubmatch(bytes.TrimRight(text[:i], " \t")); m != nil {
					return string(m[1]), argument
				}
				return "", 0
			}
			depth--
		case ',':
			if depth == 0 {
				argument++
			}
		case ';', '{', '}':
			if depth == 0 {
				return "", 0
			}
		}
	}
	return "", 0
}
