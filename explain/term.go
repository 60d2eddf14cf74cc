package explain

import (
	"fmt"
	"strings"

	"bpfls/csource"
	"bpfls/elfbpf"
)

// term is a value as a C expression: text, or the address of the object that lvalue
// names, plus a number of bytes and, of pointers, an index.
type term struct {
	text   string
	level  int           // precedence of text, one of the levels below
	typ    *elfbpf.CType // of text; nil if not known
	lvalue string        // of an object's address: the object
	object *elfbpf.CType // its type
	off    int64         // bytes to add
	index  string        // times scale bytes to add
	scale  int64
	number bool // text is a constant: off is its value
	frame  bool // it is r10 plus off and the index
	// product: text is index times scale, which may become an index of a pointer.
	product bool

	variable string // that the expression begins with
	uses     []use  // what it depends on
	// otherwise is another name of the same value, which may last longer.
	otherwise *term
}

// use is a variable, or memory, that an expression reads at a slot.
type use struct {
	variable *elfbpf.Variable // nil: memory
	slot     int
	reg      int   // of a variable in a register or a sum of one, else -1
	plus     int64 // of a sum: what is added
	context  bool
	once     bool // of a variable that gets its value in one place only, which was passed
}

// Precedence of expressions (C11 6.5), as far as it matters here.
const (
	levelPrimary = iota // postfix and primary expressions
	levelUnary
	levelBinary
)

// within parenthesises an expression for a place that takes a level at most.
func within(text string, level, most int) string {
	if level > most {
		return "(" + text + ")"
	}
	return text
}

// plus adds bytes.
func (t term) plus(n int64) term {
	t.off += n
	return t
}

// signedText writes " + 3" or " - 3".
func signedText(n int64) string {
	if n < 0 {
		return fmt.Sprintf(" - %d", -n)
	}
	return fmt.Sprintf(" + %d", n)
}

// elem is what the pointer that t is points to, nil if not known.
func (t *term) elem() *elfbpf.CType {
	if t.lvalue != "" {
		return t.object
	}
	if t.typ == nil || t.typ.Kind != elfbpf.TypePointer {
		return nil
	}
	return t.typ.Elem()
}

// elemSize is the number of bytes by which C counts in pointer arithmetic: 1 for void.
func elemSize(e *elfbpf.CType) int64 {
	if e == nil || e.Kind == elfbpf.TypeVoid || e.Kind == elfbpf.TypeFunction {
		return 1
	}
	return e.Size
}

// rvalue spells the value.
func (t *term) rvalue() (text string, level int) {
	if t.number {
		return fmt.Sprint(t.off), levelPrimary
	}
	if t.frame {
		return "", 0
	}
	if t.lvalue != "" || t.pointer() {
		if t.off != 0 || t.index != "" || t.lvalue != "" {
			if e := t.elem(); e != nil && (t.lvalue != "" || structured(e) && (t.index != "" || e.Size <= 0 || t.off%e.Size != 0)) {
				if lv, typ, ok := t.deref(0, 0); ok {
					if typ != nil && typ.Kind == elfbpf.TypeArray {
						return lv, levelPrimary // an array is its own address
					}
					return "&" + lv, levelUnary
				}
			}
		}
	}
	if t.lvalue != "" {
		if t.index != "" {
			return "", 0
		}
		return "(char *)&" + t.lvalue + signedText(t.off), levelBinary
	}
	text, level = t.text, t.level
	if t.off == 0 && (t.index == "" || t.product) {
		return text, level
	}
	size := int64(1)
	if t.pointer() {
		if size = elemSize(t.elem()); size <= 0 || t.off%size != 0 || t.index != "" && t.scale != size {
			if t.index != "" && t.scale != 1 {
				return "", 0
			}
			text, level, size = "(char *)"+within(text, level, levelUnary), levelUnary, 1
		}
	} else if t.index != "" && t.scale != 1 {
		return "", 0
	}
	text = within(text, level, levelUnary)
	if t.index != "" {
		text += " + " + t.index
	}
	if t.off != 0 {
		text += signedText(t.off / size)
	}
	return text, levelBinary
}

func (t *term) pointer() bool { return t.typ != nil && t.typ.Kind == elfbpf.TypePointer }

func structured(e *elfbpf.CType) bool {
	return e.Kind == elfbpf.TypeStruct || e.Kind == elfbpf.TypeUnion || e.Kind == elfbpf.TypeArray
}

// deref spells the width bytes at an offset of what the value points to, as an lvalue
// with its type. Width 0 takes the largest object that begins there.
func (t *term) deref(offset, width int64) (string, *elfbpf.CType, bool) {
	total := t.off + offset
	e := t.elem()
	if e == nil {
		return "", nil, false
	}
	if t.lvalue != "" {
		path, typ, ok := memberPath(e, total, width, t.index, t.scale)
		return t.lvalue + path, typ, ok
	}
	base := within(t.text, t.level, levelPrimary)
	size := elemSize(e)
	k := int64(0)
	if size > 0 && (total < 0 || total >= size) {
		k = floorDiv(total, size)
	}
	switch {
	case structured(e) && size > 0 || e.Kind == elfbpf.TypeStruct:
		indexed := ""
		rest, index, scale := total, t.index, t.scale
		if t.index != "" && t.scale == size {
			indexed, index, scale = indexText(t.index, k), "", 0
			rest -= k * size
		} else if k != 0 && (k < 0 || !flexible(e)) {
			return "", nil, false // outside of the structure: the offset says more
		}
		path, typ, ok := memberPath(e, rest, width, index, scale)
		switch {
		case !ok:
			return "", nil, false
		case indexed != "":
			return base + indexed + path, typ, true
		case path == "":
			return "*" + within(t.text, t.level, levelUnary), typ, true
		case path[0] == '.':
			return base + "->" + path[1:], typ, true
		}
		return "(*" + within(t.text, t.level, levelUnary) + ")" + path, typ, true
	case e.Kind == elfbpf.TypeVoid || e.Kind == elfbpf.TypeFunction || size <= 0:
		return "", nil, false
	case width != 0 && width != size || total%size != 0 || t.index != "" && t.scale != size:
		return "", nil, false
	case t.index != "":
		return base + indexText(t.index, total/size), e, true
	case total == 0:
		return "*" + within(t.text, t.level, levelUnary), e, true
	}
	return base + indexText("", total/size), e, true
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// indexText writes "[i + 2]".
func indexText(index string, k int64) string {
	switch {
	case index == "":
		return fmt.Sprintf("[%d]", k)
	case k == 0:
		return "[" + index + "]"
	}
	return "[" + index + signedText(k) + "]"
}

// flexible reports whether a structure ends in an array of no fixed length.
func flexible(t *elfbpf.CType) bool {
	m := t.Members()
	if len(m) == 0 || m[len(m)-1].Type == nil {
		return false
	}
	last := m[len(m)-1].Type
	return last.Kind == elfbpf.TypeArray && last.Count == 0
}

const deepestPath = 16

// memberPath spells the way from an object of type t to the width bytes at an offset in
// it: ".key.port", "[2]"; empty for the whole object.
func memberPath(t *elfbpf.CType, off, width int64, index string, scale int64) (string, *elfbpf.CType, bool) {
	return memberPathIn(t, off, width, index, scale, 0)
}

func memberPathIn(t *elfbpf.CType, off, width int64, index string, scale int64, depth int) (string, *elfbpf.CType, bool) {
	if t == nil || depth > deepestPath || off < 0 {
		return "", nil, false
	}
	if off == 0 && index == "" && (width == 0 || width == t.Size) && (t.Kind != elfbpf.TypeStruct && t.Kind != elfbpf.TypeUnion || width == 0 || !single(t)) {
		return "", t, true
	}
	switch t.Kind {
	case elfbpf.TypeArray:
		e := t.Elem()
		if e == nil || e.Size <= 0 {
			return "", nil, false
		}
		k := off / e.Size
		if index != "" && scale == e.Size {
			path, typ, ok := memberPathIn(e, off-k*e.Size, width, "", 0, depth+1)
			return indexText(index, k) + path, typ, ok
		}
		if t.Count > 0 && k >= t.Count {
			return "", nil, false
		}
		path, typ, ok := memberPathIn(e, off-k*e.Size, width, index, scale, depth+1)
		return indexText("", k) + path, typ, ok
	case elfbpf.TypeStruct, elfbpf.TypeUnion:
		var found string
		var foundType *elfbpf.CType
		best := -1
		for _, m := range t.Members() {
			if m.Type == nil || off < m.Offset {
				continue
			}
			name := "." + m.Name
			if m.Name == "" {
				name = ""
			}
			if m.BitSize > 0 {
				bytes := int64(m.BitOffset+m.BitSize+7) / 8
				if alone(t, m) && index == "" && off == m.Offset && width >= bytes && width <= max(m.Type.Size, bytes) && best < 0 {
					found, foundType, best = name, m.Type, 0
				}
				continue
			}
			size := m.Type.Size
			if m.Type.Kind == elfbpf.TypeArray && m.Type.Count == 0 {
				size = 1 << 30
			}
			if off+max(width, 1) > m.Offset+size {
				continue
			}
			path, typ, ok := memberPathIn(m.Type, off-m.Offset, width, index, scale, depth+1)
			if !ok {
				continue
			}
			// Of the members of a union the one that fits best: a scalar of the width.
			rank := 1
			if typ != nil && width != 0 && typ.Size == width && !structured(typ) {
				rank = 2
			}
			if rank > best {
				found, foundType, best = name+path, typ, rank
			}
		}
		return found, foundType, best >= 0
	}
	return "", nil, false
}

// single reports whether a structure is nothing but one scalar, whose name says more.
func single(t *elfbpf.CType) bool {
	m := t.Members()
	return len(m) == 1 && m[0].Type != nil && m[0].Type.Size == t.Size && !structured(m[0].Type)
}

// alone reports whether no other bit field shares bytes with a bit field.
func alone(t *elfbpf.CType, m elfbpf.CMember) bool {
	first, last := m.Offset, m.Offset+int64(m.BitOffset+m.BitSize-1)/8
	for _, o := range t.Members() {
		if o.BitSize == 0 || o.Name == m.Name && o.Offset == m.Offset && o.BitOffset == m.BitOffset {
			continue
		}
		if o.Offset <= last && first <= o.Offset+int64(o.BitOffset+o.BitSize-1)/8 {
			return false
		}
	}
	return true
}

// name makes a Name of a term.
func (t *term) name(reg int) (Name, bool) {
	text, _ := t.rvalue()
	if text == "" || t.number || t.frame {
		return Name{}, false
	}
	n := Name{Expr: text, Variable: t.variable, Register: reg}
	if t.off == 0 && t.typ != nil && t.index == "" {
		n.Type = t.typ.Name
	}
	return n, true
}

// containsWord reports whether a C text has an identifier among its words.
func containsWord(text, word string) bool {
	for i := 0; word != ""; {
		j := strings.Index(text[i:], word)
		if j < 0 {
			return false
		}
		i += j
		end := i + len(word)
		if (i == 0 || !csource.IsWordByte(text[i-1])) && (end == len(text) || !csource.IsWordByte(text[end])) {
			return true
		}
		i = end
	}
	return false
}
