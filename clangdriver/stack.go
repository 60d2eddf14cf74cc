package clangdriver

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// stackLimit is what clang says at every access to what lies too deep in a stack frame.
const stackLimit = "BPF stack limit"

// maxStack is the number of bytes that the stack of a function has. At an access that
// far down clang complains.
const maxStack = 512

// layoutFlags make clang tell how large the stack frames of functions are, and what is in
// them (clang 16 and later).
var layoutFlags = []string{"-Wframe-larger-than=" + strconv.Itoa(maxStack-1), "-Rpass-analysis=stack-frame-layout"}

// What clang says with layoutFlags: of a function whose frame is large, and of the variables
// of a slot of a frame.
var (
	frameSize = pattern{text: `^stack frame size \(?(?:of )?(\d+)\)? .*in (?:function )?'(.+)'`}
	frameSlot = pattern{text: `^Offset: .*Type: Variable, .*Size: (\d+)`}
	frameName = pattern{text: `^(\S+) @ (.*):(\d+)$`}
)

// local is a variable on the stack.
type local struct {
	name, file string
	line, size int
}

// tellStack puts one error for each function with too large a frame in the place of those
// that clang has for its accesses. Where clang does not tell the frames, it leaves all as
// they are.
func (c *compilation) tellStack(ctx context.Context, out *Output) error {
	exceeded := func(d Diagnostic) bool {
		return d.Severity == SeverityError && strings.Contains(d.Message, stackLimit)
	}
	if c.layout || !slices.ContainsFunc(out.Diagnostics, exceeded) {
		return nil
	}
	again := *c
	again.layout = true
	told, _, err := again.run(ctx)
	if err != nil {
		return err
	}
	frames := frameErrors(told.Diagnostics, c.abs, c.textOf(out))
	if len(frames) > 0 {
		out.Diagnostics = append(slices.DeleteFunc(out.Diagnostics, exceeded), frames...)
	}
	return nil
}

// frameErrors makes errors of what clang says of large frames, in the order of the
// functions in its output.
func frameErrors(diagnostics []Diagnostic, abs func(string) string, text texts) []Diagnostic {
	var out []Diagnostic
	locals := map[string][]local{}
	for _, d := range diagnostics {
		if function, rest, ok := strings.Cut(strings.TrimPrefix(d.Message, "Function: "), "\n"); ok && d.Severity == SeverityRemark {
			locals[function] = frameLocals(rest, abs)
		}
	}
	for _, d := range diagnostics {
		m := frameSize.get().FindStringSubmatch(d.Message)
		if m == nil {
			continue
		}
		d.Severity, d.Option, d.Notes, d.Fixes = SeverityError, "", nil, nil
		d.Message = fmt.Sprintf("%s needs %s bytes of stack; clang takes fewer than %d for a function of a BPF program", m[2], m[1], maxStack)
		var sizes []string
		for _, l := range locals[m[2]] {
			sizes = append(sizes, fmt.Sprintf("%s (%d bytes)", l.name, l.size))
			note := Diagnostic{Severity: SeverityNote, File: l.file, Line: l.line, EndLine: l.line, Message: fmt.Sprintf("%s takes %d bytes", l.name, l.size)}
			note.setLine(lineOf(text(l.file), l.line))
			d.Notes = append(d.Notes, note)
		}
		if len(sizes) > 0 {
			d.Message += "; large in it: " + strings.Join(sizes, ", ")
		}
		d.Message += ". Keep large data in a map, such as a per-CPU array of one entry"
		out = append(out, d)
	}
	return out
}

// setLine chooses all of a line but its indentation.
func (d *Diagnostic) setLine(line []byte) {
	d.Column = len(line) - len(bytes.TrimLeft(line, " \t")) + 1
	d.EndColumn = len(line) + 1
}

// The variables that are named: no more than maxLocals, and none of fewer bytes than
// minLocal.
const (
	maxLocals = 4
	minLocal  = 32
)

// frameLocals reads the variables of a frame that are large, the largest first.
func frameLocals(layout string, abs func(string) string) []local {
	var out []local
	size := 0
	for line := range strings.Lines(layout) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "Offset: ") {
			size = 0
			if m := frameSlot.get().FindStringSubmatch(line); m != nil {
				size, _ = strconv.Atoi(m[1])
			}
		} else if m := frameName.get().FindStringSubmatch(line); m != nil && size >= minLocal {
			at, _ := strconv.Atoi(m[3])
			out = append(out, local{m[1], abs(m[2]), at, size})
		}
	}
	slices.SortStableFunc(out, func(a, b local) int { return cmp.Compare(b.size, a.size) })
	return out[:min(len(out), maxLocals)]
}
