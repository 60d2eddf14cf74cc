package session

import (
	"slices"
	"strings"

	"bpfls/explain"
	"bpfls/settings"
)

// allow marks the findings that a comment allows: one in the finding's first line, or
// in a comment of its own in the lines before it. Neither verdict nor exit code change.
func (p *pipeline) allow() {
	byFile := map[string]map[int][]settings.Comment{}
	for name, text := range p.out.Sources {
		path := p.sourcePath(name)
		if path == p.req.Path || byFile[path] == nil {
			byFile[path] = allowing(path, text.Text())
		}
	}
	for _, program := range p.out.Report.Programs {
		for i := range program.Findings {
			f := &program.Findings[i]
			for _, c := range byFile[f.Range.File][f.Range.Line] {
				if strings.EqualFold(c.Allow, f.Code) {
					f.Allowed = c.Reason
				}
			}
		}
	}
}

// allowing returns the comments that allow something, by the line that they speak of.
func allowing(path string, text []byte) map[int][]settings.Comment {
	comments, _ := settings.ParseComments(path, text)
	comments = slices.DeleteFunc(comments, func(c settings.Comment) bool { return c.Allow == "" })
	if len(comments) == 0 {
		return nil
	}
	lines := strings.Split(string(text), "\n")
	byLine := map[int][]settings.Comment{}
	for _, c := range comments {
		line := c.Line
		for line <= len(lines) && onlyComment(lines[line-1]) {
			line++
		}
		byLine[line] = append(byLine[line], c)
	}
	return byLine
}

// onlyComment reports whether a line has no code: it is empty, or begins a comment
// that nothing follows.
func onlyComment(line string) bool {
	line = strings.TrimSpace(line)
	if end := strings.Index(line, "*/"); end >= 0 {
		return strings.HasPrefix(line, "/*") && strings.TrimSpace(line[end+2:]) == ""
	}
	return line == "" || strings.HasPrefix(line, "//") || strings.HasPrefix(line, "/*")
}

// shownFindings are the findings of a program that editors show.
func shownFindings(p *explain.Program) []explain.Finding {
	return slices.DeleteFunc(slices.Clone(p.Findings), func(f explain.Finding) bool { return f.Allowed != "" })
}
