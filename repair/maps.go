package repair

import (
	"strings"

	"bpfls/csource"
	"bpfls/explain"
)

// mapTypes are the types of maps that a helper needs.
func mapTypes(helper string) []string {
	switch helper {
	case "tail_call":
		return []string{"BPF_MAP_TYPE_PROG_ARRAY"}
	case "perf_event_output":
		return []string{"BPF_MAP_TYPE_PERF_EVENT_ARRAY", "BPF_MAP_TYPE_PERF_EVENT_ARRAY"}
	case "perf_event_read":
		return []string{"BPF_MAP_TYPE_PERF_EVENT_ARRAY"}
	case "ringbuf_output", "ringbuf_reserve", "ringbuf_query":
		return []string{"BPF_MAP_TYPE_RINGBUF"}
	case "redirect_map":
		return []string{"BPF_MAP_TYPE_DEVMAP", "BPF_MAP_TYPE_CPUMAP", "BPF_MAP_TYPE_XSKMAP"}
	case "get_stackid":
		return []string{"BPF_MAP_TYPE_STACK_TRACE"}
	case "sk_redirect_map":
		return []string{"BPF_MAP_TYPE_SOCKMAP"}
	case "sk_redirect_hash":
		return []string{"BPF_MAP_TYPE_SOCKHASH"}
	case "map_push_elem", "map_pop_elem", "map_peek_elem":
		return []string{"BPF_MAP_TYPE_QUEUE", "BPF_MAP_TYPE_STACK"}
	case "map_lookup_elem", "map_update_elem":
		return []string{"BPF_MAP_TYPE_HASH", "BPF_MAP_TYPE_ARRAY"}
	case "map_delete_elem":
		return []string{"BPF_MAP_TYPE_HASH"}
	case "current_task_under_cgroup":
		return []string{"BPF_MAP_TYPE_CGROUP_ARRAY"}
	}
	return nil
}

// call finds the call around the finding, or the one that is the finding: its name
// and arguments.
func (w *worker) call() (name string, args []csource.Span) {
	f := w.file
	if w.stmt == nil {
		return "", nil
	}
	for i := w.at.Last; i >= w.stmt.First; i-- {
		if f.Is(i, "(") && f.IsIdent(i-1) && (f.Match(i) >= w.at.Last || i > w.at.First) {
			return f.Str(i - 1), f.Args(i)
		}
	}
	return "", nil
}

// mapDefinition finds the definition of the map that an argument names.
func (w *worker) mapDefinition(arg csource.Span) (path string, def *csource.Declarator) {
	f := w.file
	arg = f.Uncast(arg)
	if f.Is(arg.First, "&") {
		arg.First++
	}
	name := f.TextOf(f.Uncast(arg))
	for _, path := range append([]string{w.path}, w.s.paths()...) {
		g := w.source(path)
		if g == nil {
			continue
		}
		for i := range g.Globals {
			if d := &g.Globals[i]; g.Str(d.Name) == name {
				return path, d
			}
		}
	}
	return "", nil
}

// mapType gives the map that a helper is called with the type that the helper needs.
func (w *worker) mapType() []candidate {
	name, args := w.call()
	var out []candidate
	for _, arg := range args {
		path, def := w.mapDefinition(arg)
		if def == nil {
			continue
		}
		g := w.files[path]
		for i := def.Type.First; i <= def.Whole.Last; i++ {
			if !g.IsIdent(i) || !strings.HasPrefix(g.Str(i), "BPF_MAP_TYPE_") {
				continue
			}
			for _, want := range mapTypes(strings.TrimPrefix(name, "bpf_")) {
				out = append(out, candidate{
					"make " + g.Str(def.Name) + " a map of type " + want,
					Change{Edits: []explain.Edit{w.replace(path, csource.Span{First: i, Last: i}, want)}},
				})
			}
		}
	}
	return out
}

// sizeOfMap gives the keys or values of a map the type of what the helper is called
// with, or the variable the type of the map's.
func (w *worker) sizeOfMap() []candidate {
	f := w.file
	_, args := w.call()
	if len(args) < 2 || w.fn == nil {
		return nil
	}
	path, def := w.mapDefinition(args[0])
	if def == nil {
		return nil
	}
	g := w.files[path]
	var out []candidate
	for n, member := range []string{"key", "value"} {
		if n+1 >= len(args) {
			break
		}
		arg := f.Uncast(args[n+1])
		if !f.Is(arg.First, "&") || !arg.Contains(f.Uncast(w.at)) && !w.at.Contains(arg) {
			continue
		}
		d, st := declarator(f, w.fn, f.TextOf(f.Uncast(csource.Span{First: arg.First + 1, Last: arg.Last})))
		if d == nil || d.Array.OK() {
			continue
		}
		typ := typeOf(f, d)
		for i := def.Type.First; i <= def.Type.Last; i++ {
			// __type(key, T), or T *key.
			var t csource.Span
			switch {
			case g.Is(i, "__type") && g.Is(i+2, member) && len(g.Args(i+1)) == 2:
				t = g.Args(i + 1)[1]
			case g.Is(i, member) && g.Is(i-1, "*") && g.Is(i+1, ";"):
				t = csource.Span{First: i - 2, Last: i - 2}
			default:
				continue
			}
			have := g.TextOf(t)
			if have == typ {
				continue
			}
			if st != nil && d.Pointers == 0 && len(st.Declarations) == 1 {
				out = append(out, candidate{"give " + f.Str(d.Name) + " the type of the map's " + member + "s, " + have,
					Change{Edits: []explain.Edit{w.replace(w.path, d.Type, have)}, other: true}})
			}
			out = append(out, candidate{"make the " + member + "s of " + g.Str(def.Name) + " as large as " + f.Str(d.Name) + ": " + typ,
				Change{Edits: []explain.Edit{w.replace(path, t, typ)}, other: true}})
		}
	}
	return out
}
