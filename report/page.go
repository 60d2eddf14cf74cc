package report

import (
	"io"
	"strings"
)

// Page writes a page of the catalogue for people. The examples are the same on a
// terminal and elsewhere.
func Page(w io.Writer, page string, color bool) error {
	text := PlainPage(page, 78)
	if color {
		headings := map[string]bool{}
		for line := range strings.Lines(page) {
			if strings.HasPrefix(line, "#") {
				headings[strings.TrimLeft(line, "# ")] = true
			}
		}
		var b strings.Builder
		for line := range strings.Lines(text) {
			if headings[line] {
				line = bold + strings.TrimSuffix(line, "\n") + reset + "\n"
			}
			b.WriteString(line)
		}
		text = b.String()
	}
	_, err := io.WriteString(w, text)
	return err
}

// PlainPage makes plain text of a page of the catalogue: headings without marks,
// examples indented, paragraphs filled to a width; 0 leaves a paragraph on one line.
func PlainPage(page string, width int) string {
	var b strings.Builder
	var paragraph []string
	flush := func() {
		if len(paragraph) > 0 {
			text := strings.ReplaceAll(strings.Join(paragraph, " "), "`", "")
			if width > 0 {
				text = Wrap(text, width)
			}
			b.WriteString(text + "\n")
			paragraph = nil
		}
	}
	code := false
	for line := range strings.Lines(page) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.HasPrefix(line, "```"):
			flush()
			code = !code
		case code:
			if line != "" {
				line = "    " + line
			}
			b.WriteString(line + "\n")
		case strings.HasPrefix(line, "#"):
			flush()
			b.WriteString(strings.TrimLeft(line, "# ") + "\n")
		case strings.TrimSpace(line) == "":
			flush()
			b.WriteString("\n")
		default:
			paragraph = append(paragraph, strings.TrimSpace(line))
		}
	}
	flush()
	return strings.TrimSpace(b.String()) + "\n"
}
