package settings

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// Edit replaces the bytes from Start up to End of a settings file by Text. What is
// around them, comments and order, stays as it is.
type Edit struct {
	Start, End int
	Text       string
}

// Apply returns the file with the edit made.
func (e Edit) Apply(data []byte) []byte {
	return slices.Concat(data[:e.Start], []byte(e.Text), data[e.End:])
}

// errUnreadable says that a file is left alone since it is no TOML.
var errUnreadable = errors.New("it has errors; mend them first")

// tomlList is a list of a file.
type tomlList struct {
	line     int // of its key
	path     string
	elements []tomlElement
	close    int // offset of its closing bracket
}

type tomlElement struct {
	start, end int
	text       string
}

// tomlShape is where the parts of a file are.
type tomlShape struct {
	lists  []tomlList
	keys   map[string]bool // dotted paths of all values
	tables []tomlTable     // in their order
}

type tomlTable struct {
	path       string
	start, end int // offsets of its header's line
}

// shapeOf reads a file that has no errors.
func shapeOf(data []byte) (*tomlShape, error) {
	var tree map[string]any
	if len(data) > maxFileSize || toml.Unmarshal(data, &tree) != nil {
		return nil, errUnreadable
	}
	shape := &tomlShape{keys: map[string]bool{}}
	var parser unstable.Parser
	parser.Reset(data)
	table := ""
	for parser.NextExpression() {
		e := parser.Expression()
		if e.Kind == unstable.KeyValue {
			shape.value(data, table, e)
			continue
		}
		if e.Kind != unstable.Table && e.Kind != unstable.ArrayTable {
			continue
		}
		path, at := dotted("", e.Key())
		table = path
		start := bytes.LastIndexByte(data[:at], '\n') + 1
		shape.tables = append(shape.tables, tomlTable{path, start, lineEndAt(data, at)})
	}
	if parser.Error() != nil {
		return nil, errUnreadable
	}
	return shape, nil
}

// dotted returns the path of a key, and the offset where the key begins.
func dotted(prefix string, keys unstable.Iterator) (path string, at int) {
	path, at = prefix, -1
	for keys.Next() {
		node := keys.Node()
		if at < 0 {
			at = int(node.Raw.Offset)
		}
		if path != "" {
			path += "."
		}
		path += string(node.Data)
	}
	return path, at
}

// lineEndAt returns the offset behind the line of an offset.
func lineEndAt(data []byte, at int) int {
	if i := bytes.IndexByte(data[at:], '\n'); i >= 0 {
		return at + i + 1
	}
	return len(data)
}

func (s *tomlShape) value(data []byte, table string, pair *unstable.Node) {
	path, at := dotted(table, pair.Key())
	s.keys[path] = true
	switch node := pair.Value(); node.Kind {
	case unstable.InlineTable:
		for it := node.Children(); it.Next(); {
			if inner := it.Node(); inner.Kind == unstable.KeyValue {
				s.value(data, path, inner)
			}
		}
	case unstable.Array:
		end := int(pair.Raw.Offset + pair.Raw.Length)
		l := tomlList{line: 1 + bytes.Count(data[:at], []byte("\n")), path: path, close: bytes.LastIndexByte(data[:end], ']')}
		for it := node.Children(); it.Next(); {
			e := it.Node()
			if e.Kind != unstable.String {
				return // no list of ours
			}
			start := int(e.Raw.Offset)
			l.elements = append(l.elements, tomlElement{start, start + int(e.Raw.Length), string(e.Data)})
		}
		if l.close > at {
			s.lists = append(s.lists, l)
		}
	}
}

// AddToList returns the edit that adds a value to a list of texts of a bpfls.toml, named
// by its path, "headers" or "clang.flags"; line, if not 0, is the line of the list's key,
// which decides where the path does not (a [[files]] block has its own flags). The list is
// made where there is none. Values that replaced says yes to give way to the new one.
func AddToList(data []byte, path string, line int, value string, replaced func(string) bool) (Edit, error) {
	shape, err := shapeOf(data)
	if err != nil {
		return Edit{}, err
	}
	i := slices.IndexFunc(shape.lists, func(l tomlList) bool { return line > 0 && l.line == line || line == 0 && l.path == path })
	quoted := tomlText(value)
	newline := newlineOf(data)
	if i >= 0 {
		list := shape.lists[i]
		for _, e := range list.elements {
			if replaced != nil && replaced(e.text) {
				return Edit{e.start, e.end, quoted}, nil
			}
		}
		if len(list.elements) == 0 {
			return Edit{list.close, list.close, quoted}, nil
		}
		last := list.elements[len(list.elements)-1]
		begin := bytes.LastIndexByte(data[:last.start], '\n') + 1
		if indent := data[begin:last.start]; begin > 0 && len(bytes.TrimSpace(indent)) == 0 {
			return Edit{last.end, last.end, "," + newline + string(indent) + quoted}, nil
		}
		return Edit{last.end, last.end, ", " + quoted}, nil
	}
	table, key, inTable := strings.Cut(path, ".")
	if line > 0 || shape.keys[path] || inTable && shape.keys[table] {
		return Edit{}, fmt.Errorf("%s is written in a way that is not changed automatically", path)
	}
	if !inTable {
		// Keys of the root stand before the first table.
		at := len(data)
		if len(shape.tables) > 0 {
			at = shape.tables[0].start
		}
		return insertLines(data, at, table+" = ["+quoted+"]"+newline), nil
	}
	for _, t := range shape.tables {
		if t.path == table {
			return insertLines(data, t.end, key+" = ["+quoted+"]"+newline), nil
		}
	}
	return Append(data, "["+table+"]"+newline+key+" = ["+quoted+"]"+newline), nil
}

// Append returns the edit that adds lines of their own, a table, at the end of a file.
func Append(data []byte, text string) Edit {
	newline := newlineOf(data)
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", newline)
	if len(bytes.TrimSpace(data)) > 0 {
		text = newline + text
	}
	return insertLines(data, len(data), text)
}

// insertLines inserts whole lines at the start of a line, or at the end of the file.
func insertLines(data []byte, at int, text string) Edit {
	if at > 0 && data[at-1] != '\n' {
		text = newlineOf(data) + text
	}
	return Edit{at, at, text}
}

func newlineOf(data []byte) string {
	if i := bytes.IndexByte(data, '\n'); i > 0 && data[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// HooksFile returns the path of the file that a bpfls.toml names as that of its hooks, as
// written; empty: it declares them itself.
func HooksFile(data []byte) string {
	layout, _, _ := parseTOML[fileLayout]("", data)
	return layout.Hooks.File
}

// tomlText is a text as TOML has it: a literal string where that can hold it.
func tomlText(s string) string {
	if strings.Contains(s, `\`) && !strings.ContainsFunc(s, func(r rune) bool { return r == '\'' || r < ' ' || r == 0x7f }) {
		return "'" + s + "'"
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// HookDeclaration is a hook to be declared whose context a program's types tell.
type HookDeclaration struct {
	Name, Section, Platform string
	// Header declares the structure Type ("struct flow"), relative to the settings file;
	// empty: the layout is written out.
	Header, Type string
	Size         int
	Fields       []HookField
}

// HookField is a member of the context structure of a HookDeclaration.
type HookField struct {
	Name, Type   string
	Offset, Size int
}

// TOML returns the declaration as a [[hooks]] table. Members named data and data_end (or
// start and end) are taken for the pointers to the packet.
func (h HookDeclaration) TOML() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("[[hooks]]")
	line("name = %s", tomlText(h.Name))
	line("platform = %s", tomlText(h.Platform))
	section := h.Section
	if first, _, more := strings.Cut(section, "/"); more && first != "" {
		section = first
		if h.Platform == "linux" {
			section += "+"
		}
	}
	line("sections = [%s]", tomlText(section))
	pointer := func(names ...string) (HookField, bool) {
		for _, name := range names {
			if i := slices.IndexFunc(h.Fields, func(f HookField) bool { return f.Name == name }); i >= 0 {
				return h.Fields[i], true
			}
		}
		return HookField{}, false
	}
	data, hasData := pointer("data", "data_start", "start", "first", "begin")
	end, hasEnd := pointer("data_end", "end", "last")
	meta, hasMeta := pointer("data_meta", "meta")
	reference := func(f HookField) string {
		if h.Header != "" {
			return tomlText(f.Name)
		}
		return strconv.Itoa(f.Offset)
	}
	var parts []string
	if h.Header != "" {
		parts = append(parts, "header = "+tomlText(h.Header), "type = "+tomlText(h.Type))
	} else {
		parts = append(parts, "size = "+strconv.Itoa(h.Size))
	}
	if hasData && hasEnd {
		parts = append(parts, "data = "+reference(data), "end = "+reference(end))
		if hasMeta {
			parts = append(parts, "meta = "+reference(meta))
		}
	} else {
		line("# If members point to a packet or buffer, say so: data = and end =.")
	}
	if h.Header == "" {
		var fields []string
		for _, f := range h.Fields {
			if f.Size > 0 && f.Name != "" {
				fields = append(fields, fmt.Sprintf("{ name = %s, type = %s, offset = %d, size = %d }", tomlText(f.Name), tomlText(f.Type), f.Offset, f.Size))
			}
		}
		parts = append(parts, "fields = ["+strings.Join(fields, ", ")+"]")
	}
	line("context = { %s }", strings.Join(parts, ", "))
	return b.String()
}
