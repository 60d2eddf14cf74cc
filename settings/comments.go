package settings

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Comment is a comment of a C source that speaks to bpfls:
//
//	// bpfls: type=bind
//	// bpfls: type=xdp section=myprog
//	// bpfls: assert length <= 1500
//	// bpfls: allow BPF-packet-bounds the header is checked by the caller
//
// Exactly one of Settings, Assert and Allow is given.
type Comment struct {
	Line, Column, EndColumn int // of the text behind "bpfls:", from 1, in bytes

	// Settings hold for the file, or with section for the programs of a section:
	// type, platform, termination, section.
	Settings map[string]string
	Assert   string // a C expression
	Allow    string // the code of a finding
	Reason   string // why it is allowed
}

// commentKeys are the keys of settings in comments, with the values that they
// may have; nil: any.
var commentKeys = []struct {
	name   string
	values []string
}{
	{"type", nil},
	{"section", nil},
	{"platform", []string{"auto", "windows", "linux"}},
	{"termination", []string{"auto", "on", "off"}},
}

// ParseComments returns the comments of a C source that begin with "bpfls:".
// Comments in string literals are none. file is for the problems alone.
func ParseComments(file string, text []byte) (comments []Comment, problems []*Problem) {
	eachComment(text, func(line, column int, body string) {
		trimmed := strings.TrimLeft(body, " \t*/!")
		rest, ok := strings.CutPrefix(trimmed, "bpfls:")
		if !ok {
			return
		}
		column += len(body) - len(rest)
		content := strings.TrimRight(rest, " \t\r*")
		column += len(content) - len(strings.TrimLeft(content, " \t"))
		content = strings.TrimLeft(content, " \t")
		c := Comment{Line: line, Column: column, EndColumn: column + len(content)}
		wrong := func(offset, length int, message string) {
			problems = append(problems, &Problem{File: file, Line: line, Column: column + offset, EndColumn: column + offset + length, Message: message})
		}
		word, argument, _ := strings.Cut(content, " ")
		argument = strings.TrimSpace(argument)
		switch {
		case content == "":
			wrong(0, 0, "bpfls: nothing is said behind it; write for instance type=xdp, assert EXPRESSION, or allow CODE REASON")
			return
		case word == "assert":
			if argument == "" {
				wrong(0, len(content), "bpfls: assert needs a C expression")
				return
			}
			c.Assert = argument
		case word == "allow":
			code, reason, _ := strings.Cut(argument, " ")
			if code == "" || strings.TrimSpace(reason) == "" {
				wrong(0, len(content), "bpfls: allow needs the code of a finding and a reason: allow BPF-packet-bounds because ...")
				return
			}
			c.Allow, c.Reason = code, strings.TrimSpace(reason)
		case strings.Contains(content, "="):
			before := len(problems)
			c.Settings = commentSettings(content, wrong)
			if len(problems) > before {
				return
			}
		default:
			message := "bpfls: " + strconv.Quote(clip(word)) + " is not known; allowed are key=value, assert EXPRESSION and allow CODE REASON"
			if near := nearest(word, []string{"assert", "allow"}); near != "" {
				message = "bpfls: " + strconv.Quote(clip(word)) + " is not known; did you mean " + strconv.Quote(near) + "?"
			}
			wrong(0, len(word), message)
			return
		}
		comments = append(comments, c)
	})
	return comments, problems
}

func commentSettings(content string, wrong func(offset, length int, message string)) map[string]string {
	names := make([]string, len(commentKeys))
	for i, k := range commentKeys {
		names[i] = k.name
	}
	settings := make(map[string]string)
	for offset := 0; offset < len(content); {
		if content[offset] == ' ' || content[offset] == '\t' {
			offset++
			continue
		}
		word := content[offset:]
		if end := strings.IndexAny(word, " \t"); end >= 0 {
			word = word[:end]
		}
		key, value, ok := strings.Cut(word, "=")
		i := slices.Index(names, key)
		switch {
		case !ok || value == "":
			wrong(offset, len(word), "bpfls: "+strconv.Quote(clip(word))+" must be key=value")
		case i < 0:
			hint := "; allowed are " + strings.Join(names, ", ")
			if near := nearest(key, names); near != "" {
				hint = "; did you mean " + strconv.Quote(near) + "?"
			}
			wrong(offset, len(key), "bpfls: unknown key "+strconv.Quote(clip(key))+hint)
		case commentKeys[i].values != nil && !slices.Contains(commentKeys[i].values, value):
			wrong(offset+len(key)+1, len(value), "bpfls: "+key+" must be one of "+strings.Join(commentKeys[i].values, ", ")+
				", not "+strconv.Quote(clip(value))+meant(value, commentKeys[i].values))
		case settings[key] != "":
			wrong(offset, len(word), "bpfls: "+key+" is given twice")
		default:
			settings[key] = value
		}
		offset += len(word)
	}
	if settings["section"] != "" && settings["type"] == "" {
		wrong(0, len(content), "bpfls: section needs a type: type=xdp section=myprog")
	}
	return settings
}

// clip keeps a message short whatever is in the source.
func clip(s string) string {
	if len(s) <= 60 {
		return s
	}
	n := 60
	for n > 60-utf8.UTFMax && !utf8.RuneStart(s[n]) { // what is no UTF-8 is cut anywhere
		n--
	}
	return s[:n] + "..."
}

// eachComment calls f for every line of every comment of a C source, with the
// place and text behind the comment's opening (or of a further line).
func eachComment(text []byte, f func(line, column int, body string)) {
	if !bytes.Contains(text, []byte("bpfls:")) {
		return
	}
	line, start := 1, 0 // start of the line
	newline := func(i int) {
		line++
		start = i + 1
	}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\n':
			newline(i)
		case c == '"' || c == '\'':
			// A literal ends at its quote, or unfinished at the end of its line.
			for i++; i < len(text) && text[i] != c && text[i] != '\n'; i++ {
				if text[i] == '\\' && i+1 < len(text) {
					i++
					if text[i] == '\n' {
						newline(i)
					}
				}
			}
			if i < len(text) && text[i] == '\n' {
				newline(i)
			}
		case c == '/' && i+1 < len(text) && text[i+1] == '/':
			begin := i + 2
			end := begin
			for end < len(text) && text[end] != '\n' {
				end++
			}
			f(line, begin-start+1, string(text[begin:end]))
			i = end - 1
		case c == '/' && i+1 < len(text) && text[i+1] == '*':
			begin := i + 2
			length := bytes.Index(text[begin:], []byte("*/"))
			end := len(text)
			if length >= 0 {
				end = begin + length
			}
			for begin <= end {
				stop := bytes.IndexByte(text[begin:end], '\n')
				if stop < 0 {
					f(line, begin-start+1, string(text[begin:end]))
					break
				}
				f(line, begin-start+1, string(text[begin:begin+stop]))
				begin += stop
				newline(begin)
				begin++
			}
			i = end + 1
		}
	}
}
