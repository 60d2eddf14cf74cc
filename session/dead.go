package session

import (
	"slices"

	"bpfls/explain"
)

// deadItems are the lines of a run of the source at path that the verifier never gets to in
// any of its programs that have them, lines that follow each other as one. Behind a failed
// check nothing is said of reaching: only programs that pass are asked.
func deadItems(path string, out *Outcome) []item {
	type line struct {
		file string
		line int
	}
	dead, alive := map[line]bool{}, map[line]bool{}
	for _, p := range out.Report.Programs {
		for _, l := range p.Lines {
			key := line{resolve(path, l.File), l.Line}
			if l.Unreachable && p.Verdict == "pass" {
				dead[key] = true
			} else {
				alive[key] = true
			}
		}
	}
	var list []line
	for l := range dead {
		if !alive[l] {
			list = append(list, l)
		}
	}
	slices.SortFunc(list, func(a, b line) int {
		if a.file != b.file {
			if a.file < b.file {
				return -1
			}
			return 1
		}
		return a.line - b.line
	})
	var items []item
	for i, l := range list {
		if i > 0 && list[i-1].file == l.file && list[i-1].line == l.line-1 {
			last := &items[len(items)-1]
			last.Range.EndLine = l.line
			continue
		}
		items = append(items, item{path: l.file, Finding: Finding{
			Origin: "bpfls", Severity: "hint", Unnecessary: true, Sources: []string{path},
			Message: "the verifier never gets here: no execution does",
			Range:   explain.Range{Line: l.line, EndLine: l.line},
		}})
	}
	return items
}
