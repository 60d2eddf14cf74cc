package platform

import "strings"

// Near returns the section name that was most likely meant by one that selects no type,
// and the type that it selects: "xdp" for "xpd" and "xdp_prog", "kprobe/x" for "kprobes/x",
// "cgroup/bind4" for "bind4". contextType, the C type of what the program takes, excludes
// types with another context where it is the context of one. ok is false where no name is
// near, or several are equally.
func (p *Platform) Near(section, contextType string) (t *ProgramType, name string, ok bool) {
	const no = 1000
	least := no
	known := p.hasContext(contextType)
	for _, candidate := range p.Types {
		if candidate.Context == nil || known && !candidate.Context.Is(contextType) {
			continue
		}
		for _, pattern := range candidate.Prefixes {
			full, n := p.Names.near(pattern, section)
			switch {
			case n < 0 || n > least:
			case n < least, t == candidate && len(full) > len(name):
				t, name, least = candidate, full, n
			case t != nil && t.Name != candidate.Name:
				t = nil // two types are equally near
			}
		}
	}
	return t, name, t != nil
}

// near returns the section name that a pattern has for a mistyped one, and how far apart
// they are; -1: too far.
func (r NameRule) near(pattern, section string) (name string, apart int) {
	rest := ""
	if base, both := strings.CutSuffix(pattern, "+"); both && r == NamePattern {
		pattern = base
		if i := strings.IndexByte(section, '/'); i >= 0 {
			section, rest = section[:i], section[i:]
		}
	}
	most := 2
	if len(pattern) >= 6 {
		most = 3
	}
	apart = EditDistance(section, pattern, most)
	if strings.HasSuffix(pattern, "/"+section) || goesOn(section, pattern) {
		apart = 1
	}
	if apart >= most || len(pattern) < 3 && apart > 0 && !goesOn(section, pattern) {
		return "", -1
	}
	return pattern + rest, apart
}

// goesOn reports whether a name begins with another one and goes on behind a separator.
func goesOn(section, name string) bool {
	rest, ok := strings.CutPrefix(section, name)
	return ok && rest != "" && strings.IndexByte("_/-.", rest[0]) >= 0
}

func (p *Platform) hasContext(ctype string) bool {
	for _, t := range p.Types {
		if t.Context != nil && t.Context.Is(ctype) {
			return true
		}
	}
	return false
}

// Is reports whether a C type is that of the context, or a pointer to it.
func (c *Context) Is(ctype string) bool {
	words := strings.Fields(strings.NewReplacer("*", " ", "const ", " ", "struct ", " ").Replace(ctype))
	return len(words) > 0 && strings.Join(words, " ") == strings.TrimPrefix(c.TypeName, "struct ")
}

// EditDistance is the number of bytes that have to be changed, added, left out, or
// swapped with the next one to make one word of the other; most where it is at least that.
func EditDistance(a, b string, most int) int {
	if len(a)-len(b) >= most || len(b)-len(a) >= most {
		return most
	}
	rows := [3][]int{} // the last one is that of the bytes of a so far
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
	}
	for j := range rows[2] {
		rows[2][j] = j
	}
	for i := range len(a) {
		rows = [3][]int{rows[1], rows[2], rows[0]}
		row := rows[2]
		row[0] = i + 1
		for j := range len(b) {
			n := rows[1][j]
			if a[i] != b[j] {
				n++
			}
			n = min(n, row[j]+1, rows[1][j+1]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				n = min(n, rows[0][j-1]+1)
			}
			row[j+1] = n
		}
	}
	return min(rows[2][len(b)], most)
}
