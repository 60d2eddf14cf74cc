package clangdriver

import (
	"slices"
	"strings"
)

// includeGraph is who included what in a compilation.
type includeGraph struct {
	edges   []reference         // directives of files that were read whose file was read too
	missing []string            // paths that were searched in vain
	probed  []string            // found by __has_include only, or not to be read
	found   []string            // on disk, though clang did not read them
	where   map[string][]string // by name of an include that was not found: the paths that were tried
}

// graph compares the directives of the files that were read with the include
// search: what is in front of the file that was found was searched in vain.
func (c *compilation) graph(out *Output, search searchDirs) *includeGraph {
	if len(search.quote)+len(search.angled) == 0 { // clang did not come so far
		search = c.plan.search
	}
	read := map[string]bool{}
	for _, f := range out.Files {
		read[PathKey(f)] = true
	}
	notFound := map[string]bool{}
	for _, d := range out.Diagnostics {
		if name, ok := notFoundName(d.Message); ok {
			notFound[name] = true
		}
	}
	g := &includeGraph{where: map[string][]string{}}
	seen := map[string]bool{}
	for _, file := range out.Files {
		for _, d := range scanIncludes(out.Sources[file]) {
			var missed []string
			to := ""
			for _, path := range search.candidates(file, d) {
				if below(path, []string{c.temp}) {
					continue
				}
				if c.files.exists(path) {
					to = path
					break
				}
				missed = append(missed, path)
			}
			if own, ok := c.files.views[to]; ok {
				to = own
			}
			switch {
			case to != "" && read[PathKey(to)]:
				g.edges = append(g.edges, reference{file, d, to})
			case d.probe && to != "":
				g.probed = append(g.probed, to)
			case d.probe:
			case notFound[d.name] && to == "":
				g.where[d.name] = append(g.where[d.name], missed...)
				missed = slices.Concat(missed, c.plan.unresolved[d.name], c.plan.packages)
			case to != "":
				// Skipped by the preprocessor, or it appeared since.
				g.found = append(g.found, to)
				continue
			default:
				continue
			}
			for _, path := range missed {
				if !seen[path] {
					seen[path] = true
					g.missing = append(g.missing, path)
				}
			}
		}
	}
	for _, d := range out.Diagnostics {
		path, ok := notOpened(d.Message)
		switch path = c.abs(path); {
		case !ok || read[PathKey(path)]:
		case c.files.exists(path):
			g.probed = append(g.probed, path)
		case !seen[path]:
			seen[path] = true
			g.missing = append(g.missing, path)
		}
	}
	slices.Sort(g.probed)
	g.probed = slices.Compact(g.probed)
	return g
}

// chain is the directives that lead from the source to a file, the source's
// first; nil where none do.
func (g *includeGraph) chain(source, file string) []reference {
	type step struct {
		ref  reference
		prev *step
	}
	seen := map[string]bool{source: true}
	queue := []*step{{ref: reference{to: source}}}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		if at.ref.to == file {
			var chain []reference
			for ; at.prev != nil; at = at.prev {
				chain = append(chain, at.ref)
			}
			slices.Reverse(chain)
			return chain
		}
		for _, e := range g.edges {
			if e.from == at.ref.to && !seen[e.to] {
				seen[e.to] = true
				queue = append(queue, &step{e, at})
			}
		}
	}
	return nil
}

// notFoundName reads "'bpf/bpf_helpers.h' file not found" and clang's variants
// of it ("... with <angled> include; use \"quotes\" instead" is one that was found).
func notFoundName(message string) (string, bool) {
	rest, ok := strings.CutSuffix(message, "' file not found")
	if !ok {
		return "", false
	}
	return strings.CutPrefix(rest, "'")
}

// notOpened reads "cannot open file '/src/a.h': Permission denied": the file was found, as a
// link that leads nowhere for instance.
func notOpened(message string) (path string, ok bool) {
	rest, ok := strings.CutPrefix(message, "cannot open file '")
	end := strings.LastIndex(rest, "': ")
	if !ok || end < 0 {
		return "", false
	}
	return rest[:end], true
}
