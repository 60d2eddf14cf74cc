package settings

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"bpfls/platform"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// maxFileSize bounds a settings file, maxDepth the tables and lists in it whose
// places are remembered: no key of ours is as deep.
const (
	maxFileSize = 1 << 18
	maxDepth    = 16
)

// parseTOML reads a file into a layout. What is wrong is left at its zero value.
func parseTOML[T any](path string, data []byte) (T, positions, []*Problem) {
	var layout T
	if len(data) > maxFileSize {
		return layout, nil, []*Problem{{File: path, Message: fmt.Sprintf("has %d bytes; a settings file has at most %d", len(data), maxFileSize)}}
	}
	var tree map[string]any
	if err := toml.Unmarshal(data, &tree); err != nil {
		problem := &Problem{File: path, Line: 1, Column: 1, EndColumn: 1, Message: strings.TrimPrefix(err.Error(), "toml: ")}
		var at *toml.DecodeError
		if errors.As(err, &at) {
			problem.Line, problem.Column = at.Position()
			problem.EndColumn = problem.Column
		}
		return layout, nil, []*Problem{problem}
	}
	d := decoder{file: path, positions: findPositions(data)}
	d.decodeRoot(tree, &layout)
	return layout, d.positions, d.problems
}

// positions are the places of keys and values, by path.
type positions map[string]position

type position struct {
	line, column, end int // of the key
	value             *position
}

func pathKey(path []any) string {
	var b strings.Builder
	for _, p := range path {
		switch p := p.(type) {
		case string:
			b.WriteString(p)
		case int:
			b.WriteString(strconv.Itoa(p))
		}
		b.WriteByte(0)
	}
	return b.String()
}

// at returns the place of a key, or of the closest table around it.
func (ps positions) at(path ...any) position {
	for n := len(path); n > 0; n-- {
		if p, ok := ps[pathKey(path[:n])]; ok {
			return p
		}
	}
	return position{}
}

func (p position) ofValue() position {
	if p.value != nil {
		return *p.value
	}
	return p
}

// findPositions walks over a document that is known to be right.
func findPositions(data []byte) positions {
	found := make(positions)
	var parser unstable.Parser
	parser.Reset(data)
	lines := []int{0} // where each line starts
	for i, c := range data {
		if c == '\n' {
			lines = append(lines, i+1)
		}
	}
	place := func(raw unstable.Range) position {
		line, _ := slices.BinarySearch(lines, int(raw.Offset)+1)
		start := lines[line-1]
		end := int(raw.Offset + raw.Length)
		if line < len(lines) {
			end = min(end, lines[line]-1) // a text of several lines: its first
		}
		return position{line: line, column: int(raw.Offset) - start + 1, end: end - start + 1}
	}
	elements := make(map[string]int) // of arrays of tables so far
	var table []any
	// keys turns a dotted key into a path: behind the name of an array of
	// tables comes the number of its last element.
	keys := func(prefix []any, it unstable.Iterator, newElement bool) []any {
		path := slices.Clone(prefix)
		for it.Next() {
			node := it.Node()
			path = append(path, string(node.Data))
			if len(path) > maxDepth {
				continue
			}
			key := pathKey(path)
			if _, known := found[key]; !known {
				found[key] = place(node.Raw)
			}
			if newElement && it.IsLast() {
				elements[key]++
			}
			if n := elements[key]; n > 0 {
				path = append(path, n-1)
				if _, known := found[pathKey(path)]; !known {
					found[pathKey(path)] = place(node.Raw)
				}
			}
		}
		return path
	}
	var value func(path []any, node *unstable.Node)
	value = func(path []any, node *unstable.Node) {
		if len(path) > maxDepth {
			return
		}
		if node.Raw.Length > 0 {
			at := found[pathKey(path)]
			v := place(node.Raw)
			if at.line == 0 {
				at = v
			}
			at.value = &v
			found[pathKey(path)] = at
		}
		switch node.Kind {
		case unstable.InlineTable:
			for it := node.Children(); it.Next(); {
				if pair := it.Node(); pair.Kind == unstable.KeyValue {
					value(keys(path, pair.Key(), false), pair.Value())
				}
			}
		case unstable.Array:
			for it, i := node.Children(), 0; it.Next(); i++ {
				value(append(slices.Clone(path), i), it.Node())
			}
		}
	}
	for parser.NextExpression() {
		switch e := parser.Expression(); e.Kind {
		case unstable.Table:
			table = keys(nil, e.Key(), false)
		case unstable.ArrayTable:
			table = keys(nil, e.Key(), true)
		case unstable.KeyValue:
			value(keys(table, e.Key(), false), e.Value())
		}
	}
	return found
}

// decoder stores a tree of TOML or JSON values in a layout.
type decoder struct {
	file      string
	json      bool
	positions positions
	problems  []*Problem
}

func (d *decoder) decodeRoot(tree map[string]any, layout any) {
	d.table(tree, reflect.ValueOf(layout).Elem(), nil)
}

func (d *decoder) problem(at position, path []any, format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	if name := d.name(path); name != "" {
		message = name + " " + message
	}
	d.problems = append(d.problems, &Problem{File: d.file, Line: at.line, Column: at.column, EndColumn: at.end, Message: message})
}

// name is a path for people, who see its line: without element numbers.
func (d *decoder) name(path []any) string {
	var names []string
	if d.json && len(path) > 0 {
		names = append(names, "bpfls")
	}
	for _, p := range path {
		if name, ok := p.(string); ok {
			names = append(names, name)
		}
	}
	return strings.Join(names, ".")
}

func (d *decoder) table(tree map[string]any, into reflect.Value, path []any) {
	t := into.Type()
	var allowed []string
	for i := range t.NumField() {
		field := t.Field(i)
		key := field.Tag.Get("key")
		if key == "" {
			continue
		}
		allowed = append(allowed, key)
		v, given := tree[key]
		switch {
		case given && v == nil && d.json: // null: not set
		case given:
			d.value(v, into.Field(i), field.Tag, append(slices.Clone(path), key))
		case field.Tag.Get("required") != "":
			d.problem(d.positions.at(path...), path, "has no %q, which it needs", key)
		}
	}
	for _, key := range sortedKeys(tree) {
		if slices.Contains(allowed, key) {
			continue
		}
		where := ""
		if name := d.name(path); name != "" {
			where = " in " + name
		}
		hint := "allowed are " + strings.Join(allowed, ", ")
		if near := nearest(key, allowed); near != "" {
			hint = "did you mean " + strconv.Quote(near) + "?"
		}
		d.problem(d.positions.at(append(slices.Clone(path), key)...), nil, "unknown key %q%s; %s", key, where, hint)
	}
}

func (d *decoder) value(v any, into reflect.Value, tag reflect.StructTag, path []any) {
	at := d.positions.at(path...).ofValue()
	switch target := into.Addr().Interface().(type) {
	case *hookList:
		d.hooks(v, target, path)
		return
	case custom:
		if err := target.decode(v); err != nil {
			into.SetZero()
			d.problem(at, path, "%v", err)
		}
		return
	}
	switch into.Kind() {
	case reflect.Pointer:
		element := reflect.New(into.Type().Elem())
		before := len(d.problems)
		d.value(v, element.Elem(), tag, path)
		if len(d.problems) == before {
			into.Set(element)
		}
	case reflect.String:
		text, ok := v.(string)
		values := tag.Get("enum")
		switch {
		case !ok && values != "":
			d.problem(at, path, "must be one of %s, not %s", strings.ReplaceAll(values, ",", ", "), describe(v))
		case !ok:
			d.problem(at, path, "must be a text, not %s", describe(v))
		case values != "" && !slices.Contains(strings.Split(values, ","), text):
			d.problem(at, path, "must be one of %s, not %q%s", strings.ReplaceAll(values, ",", ", "), text, meant(text, strings.Split(values, ",")))
		case tag.Get("required") != "" && text == "":
			d.problem(at, path, "must not be empty")
		default:
			into.SetString(text)
		}
	case reflect.Bool:
		b, ok := v.(bool)
		if !ok {
			d.problem(at, path, "must be true or false, not %s", describe(v))
			return
		}
		into.SetBool(b)
	case reflect.Int:
		n, ok := wholeNumber(v)
		least, most := bound(tag, "min", math.MinInt32), bound(tag, "max", math.MaxInt32)
		switch {
		case !ok:
			d.problem(at, path, "must be a whole number, not %s", describe(v))
		case n < least || n > most:
			if tag.Get("max") == "" {
				d.problem(at, path, "must be at least %d, not %d", least, n)
			} else {
				d.problem(at, path, "must be between %d and %d, not %d", least, most, n)
			}
		default:
			into.SetInt(n)
		}
	case reflect.Struct:
		tree, ok := v.(map[string]any)
		if !ok {
			d.problem(at, path, "must be a table, not %s", describe(v))
			return
		}
		d.table(tree, into, path)
	case reflect.Slice:
		list, ok := v.([]any)
		if !ok {
			d.problem(at, path, "must be a list, not %s", describe(v))
			return
		}
		if tag.Get("required") != "" && len(list) == 0 {
			d.problem(at, path, "must not be empty")
			return
		}
		before := len(d.problems)
		slice := reflect.MakeSlice(into.Type(), len(list), len(list))
		for i, e := range list {
			d.value(e, slice.Index(i), "", append(slices.Clone(path), i))
		}
		if len(d.problems) == before {
			into.Set(slice)
		}
	default:
		panic("settings: a layout has a field of kind " + into.Kind().String())
	}
}

// hookList is what hooks may be: a file, or tables.
type hookList struct {
	File  string
	Hooks []hookLayout
}

func (d *decoder) hooks(v any, into *hookList, path []any) {
	at := d.positions.at(path...).ofValue()
	switch v := v.(type) {
	case string:
		if v == "" {
			d.problem(at, path, "must not be empty")
		}
		into.File = v
	case []any:
		for i, e := range v {
			before := len(d.problems)
			var hook hookLayout
			d.value(e, reflect.ValueOf(&hook).Elem(), "", append(slices.Clone(path), i))
			hook.wrong = len(d.problems) > before
			into.Hooks = append(into.Hooks, hook)
		}
	default:
		d.problem(at, path, "must be [[hooks]] tables or the path of a file, not %s", describe(v))
	}
}

func wholeNumber(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case float64: // of JSON
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v), true
		}
	}
	return 0, false
}

func bound(tag reflect.StructTag, name string, otherwise int64) int64 {
	if n, err := strconv.ParseInt(tag.Get(name), 10, 64); err == nil {
		return n
	}
	return otherwise
}

// describe names a value for a message about its kind.
func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "nothing"
	case string:
		return "the text " + strconv.Quote(v)
	case bool, int64, float64:
		return fmt.Sprint(v)
	case []any:
		return "a list"
	case map[string]any:
		return "a table"
	}
	return "a date or time"
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// meant is the end of a message that suggests an allowed value.
func meant(word string, allowed []string) string {
	if near := nearest(word, allowed); near != "" {
		return "; did you mean " + strconv.Quote(near) + "?"
	}
	return ""
}

// nearest returns the word of a list that a mistyped one most likely was, or "".
func nearest(word string, list []string) string {
	best, least := "", len(word)/3+2 // so many edits are still a typing error
	for _, candidate := range list {
		if n := platform.EditDistance(plain(word), plain(candidate), least); n < least {
			best, least = candidate, n
		}
	}
	return best
}

// plain takes away what is most easily confused: case, - and _.
func plain(word string) string {
	return strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(word))
}
