package session

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"bpfls/elfbpf"
	"bpfls/explain"
	"bpfls/position"
)

// adviseLink says of symbols that a program needs and its object does not define in which
// source of the workspace they are defined, and how the two are linked.
func (p *pipeline) adviseLink(po *ProgramOutcome) {
	var unresolved *elfbpf.Error
	if !errors.As(po.Program.Err, &unresolved) || len(unresolved.Unresolved) == 0 || p.out.Compile == nil || p.req.VerdictOnly {
		return
	}
	advice := p.linkAdvice(unresolvedSymbols(unresolved.Unresolved))
	if advice == "" {
		return
	}
	copied := *unresolved
	copied.Advice = advice
	po.Program.Err = &copied
}

// linkAdvice says of symbols in which sources they are defined, and how these are linked;
// empty where none is defined anywhere.
func (p *pipeline) linkAdvice(symbols []string) string {
	var advice []string
	files := []string{p.req.Path}
	for _, symbol := range symbols {
		file := p.definedIn(symbol)
		if file == "" {
			continue
		}
		advice = append(advice, fmt.Sprintf("%s is extern, defined in %s", symbol, filepath.ToSlash(p.relative(file))))
		if !slices.Contains(files, file) {
			files = append(files, file)
		}
	}
	if len(advice) == 0 {
		return ""
	}
	quoted := make([]string, len(files))
	for i, f := range files {
		quoted[i] = `"` + filepath.ToSlash(p.relative(f)) + `"`
	}
	return fmt.Sprintf("%s: link = [%s] in a bpfls.toml here makes one object of them", strings.Join(advice, "; "), strings.Join(quoted, ", "))
}

// explainExtern makes findings about what a program needs and its object does not define,
// a function that is called as an unknown helper or a variable that reads as 0, say where
// that is defined. Of the findings about arguments of such a call the first one stays.
func (p *pipeline) explainExtern(po *ProgramOutcome) {
	if p.out.Compile == nil || p.req.VerdictOnly || po.Report == nil || len(po.Report.Findings) == 0 {
		return
	}
	bySlot := map[int]string{}
	var symbols []string
	for _, r := range po.Program.Relocs {
		if name := r.Symbol; r.Extern && identifierOnly.get().MatchString(name) && p.definedIn(name) != "" {
			bySlot[r.Offset/8] = name
			if !slices.Contains(symbols, name) {
				symbols = append(symbols, name)
			}
		}
	}
	if len(symbols) == 0 {
		return
	}
	first := map[int]int{} // by slot, the finding that stays
	var kept []explain.Finding
	for _, f := range po.Report.Findings {
		symbol := bySlot[f.Instruction]
		if symbol == "" {
			kept = append(kept, f)
			continue
		}
		if at, again := first[f.Instruction]; again {
			kept[at].Consequences += 1 + f.Consequences
			continue
		}
		first[f.Instruction] = len(kept)
		f.Code, f.Message = "BPF-unresolved-symbol", p.linkAdvice([]string{symbol})+"."
		kept = append(kept, f)
	}
	kept[0].Related = append(slices.Clone(kept[0].Related), explain.Related{Range: kept[0].Range, Message: p.linkAdvice(symbols)})
	po.Report.Findings = kept
}

var identifierOnly = pattern{text: `^[A-Za-z_]\w*$`}

// relative is a path seen from the directory of the source.
func (p *pipeline) relative(path string) string {
	if rel, err := filepath.Rel(filepath.Dir(p.req.Path), path); err == nil {
		return rel
	}
	return path
}

// unresolvedSymbols are the names in the lines of an elfbpf.Error.
func unresolvedSymbols(lines []string) (names []string) {
	for _, l := range lines {
		if m := unresolvedLine.get().FindStringSubmatch(l); m != nil && !slices.Contains(names, m[1]) {
			names = append(names, m[1])
		}
	}
	return names
}

var unresolvedLine = pattern{text: `^Unresolved external symbol (\w+) in section`}

// definedIn finds the C source that defines a function or variable.
func (p *pipeline) definedIn(symbol string) string {
	p.listed.Do(func() { p.sourceFiles = p.listSources() })
	mark := regexp.MustCompile(`\b` + symbol + `\b`)
	variable := regexp.MustCompile(`(?m)^[A-Za-z_][\w \t*]*\b` + symbol + `\b\s*(\[[^\]]*\]\s*)*(=|;|__attribute__|SEC)`)
	for _, file := range p.sourceFiles {
		text, ok := p.req.Overlay[file]
		if !ok {
			var err error
			if text, err = os.ReadFile(file); err != nil {
				continue
			}
		}
		if !mark.Match(text) {
			continue
		}
		for _, d := range explain.Outline(position.New(text)) {
			if d.Name == symbol && d.Kind != explain.DeclaredMap {
				return file
			}
		}
		for _, m := range variable.FindAll(text, -1) {
			if !strings.HasPrefix(string(m), "extern") && !strings.HasPrefix(string(m), "static") && !strings.HasPrefix(string(m), "return") && !strings.HasPrefix(string(m), "typedef") {
				return file
			}
		}
	}
	return ""
}

// listSources lists the other C sources of the workspace's folder that has the source, or
// of the source's directory where it is in none.
func (p *pipeline) listSources() []string {
	if p.req.Without.Link {
		return nil
	}
	root := filepath.Dir(p.req.Path)
	for _, folder := range p.req.Folders {
		if rel, err := filepath.Rel(folder, p.req.Path); err == nil && filepath.IsLocal(rel) {
			root = folder
		}
	}
	list := []string{}
	looked := 0
	_ = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		looked++
		switch {
		case p.stopped() || looked > maxSearched:
			return fs.SkipAll
		case err != nil:
			return nil
		case entry.IsDir() && path != root && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules"):
			return fs.SkipDir
		case !entry.Type().IsRegular() || !isC(path) || path == p.req.Path:
			return nil
		}
		if info, err := entry.Info(); err == nil && info.Size() <= maxSourceSize {
			list = append(list, path)
		}
		return nil
	})
	return list
}
