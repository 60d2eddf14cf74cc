package clangdriver

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
)

// Blocks and records of clang's serialized diagnostics
// (clang/Frontend/SerializedDiagnostics.h; versions 1 and 2 hold the same here).
const (
	diaMagic = "DIAG"

	diaBlockDiag = 9

	diaRecordDiag     = 2
	diaRecordRange    = 3
	diaRecordFlag     = 4
	diaRecordCategory = 5
	diaRecordFile     = 6
	diaRecordFixIt    = 7
)

// Severities in serialized diagnostics; zero is "ignored".
const (
	diaNote    = 1
	diaWarning = 2
	diaError   = 3
	diaFatal   = 4
	diaRemark  = 5
)

// rawDiagnostic is a diagnostic as clang wrote it: a point and ranges.
type rawDiagnostic struct {
	Diagnostic
	fatal  bool
	ranges []rawRange
}

type rawPos struct {
	file         string
	line, column int
}

type rawRange struct{ from, to rawPos } // to is behind the last byte

// dagNode is how the code generator names a function in an error: by the node of
// its graph, with its address: "0x55d0: i64 = GlobalAddress<ptr @f> 0, a.c:3:25 too
// many arguments".
var dagNode = pattern{text: `^0x[0-9a-f]+: .*GlobalAddress<[^@>]*@([^>]+)> 0(?:, [^ ]*)? `}

type diaReader struct {
	files, flags, categories map[uint64]string
	stack                    []*rawNode
	roots                    []*rawNode
}

type rawNode struct {
	rawDiagnostic
	seen  bool // its DIAG record was there
	notes []*rawNode
}

func (d *diaReader) enter(block uint64) error {
	if block != diaBlockDiag {
		return nil
	}
	n := &rawNode{}
	if len(d.stack) == 0 {
		d.roots = append(d.roots, n)
	} else {
		top := d.stack[len(d.stack)-1]
		top.notes = append(top.notes, n)
	}
	d.stack = append(d.stack, n)
	return nil
}

func (d *diaReader) leave(block uint64) error {
	if block == diaBlockDiag {
		d.stack = d.stack[:len(d.stack)-1]
	}
	return nil
}

func (d *diaReader) record(block uint64, r bitRecord) error {
	if block != diaBlockDiag {
		return nil
	}
	need := map[uint64]int{
		diaRecordDiag: 7, diaRecordRange: 8, diaRecordFlag: 1,
		diaRecordCategory: 1, diaRecordFile: 1, diaRecordFixIt: 8,
	}[r.code]
	if need == 0 {
		return nil // of a newer version
	}
	if len(r.ops) < need {
		return fmt.Errorf("has a record %d of %d operands", r.code, len(r.ops))
	}
	text := string(bytes.ToValidUTF8(r.blob, []byte("\uFFFD")))
	n := d.stack[len(d.stack)-1]
	switch r.code {
	case diaRecordFile:
		d.files[r.ops[0]] = text
	case diaRecordFlag:
		d.flags[r.ops[0]] = text
	case diaRecordCategory:
		d.categories[r.ops[0]] = text
	case diaRecordDiag:
		pos, err := d.position(r.ops[1:5])
		if err != nil {
			return err
		}
		switch r.ops[0] {
		case diaNote:
			n.Severity = SeverityNote
		case diaWarning:
			n.Severity = SeverityWarning
		case diaError, diaFatal:
			n.Severity = SeverityError
		case diaRemark:
			n.Severity = SeverityRemark
		default:
			return fmt.Errorf("has a diagnostic of unknown severity %d", r.ops[0])
		}
		n.fatal = r.ops[0] == diaFatal
		n.File, n.Line, n.Column = pos.file, pos.line, pos.column
		n.Category = d.categories[r.ops[5]]
		if flag := d.flags[r.ops[6]]; flag != "" {
			n.Option = "-W" + flag
		}
		n.Message = dagNode.get().ReplaceAllString(strings.TrimSpace(text), "$1: ")
		n.seen = true
	case diaRecordRange, diaRecordFixIt:
		from, err := d.position(r.ops[0:4])
		if err != nil {
			return err
		}
		to, err := d.position(r.ops[4:8])
		if err != nil {
			return err
		}
		if from.line == 0 || to.line == 0 || from.file != to.file {
			return nil // clang lost the place, in a macro for instance
		}
		if r.code == diaRecordRange {
			n.ranges = append(n.ranges, rawRange{from, to})
			return nil
		}
		n.Fixes = append(n.Fixes, Edit{
			File: from.file, Line: from.line, Column: from.column,
			EndLine: to.line, EndColumn: to.column, Text: text,
		})
	}
	return nil
}

// position reads [file, line, column, offset].
func (d *diaReader) position(ops []uint64) (rawPos, error) {
	if ops[0] == 0 {
		return rawPos{}, nil
	}
	file, ok := d.files[ops[0]]
	if !ok {
		return rawPos{}, fmt.Errorf("names file %d, which it does not define", ops[0])
	}
	if ops[1] > math.MaxInt32 || ops[2] > math.MaxInt32 {
		return rawPos{}, errors.New("has a position out of range")
	}
	return rawPos{file, int(ops[1]), max(int(ops[2]), 1)}, nil
}

// parseDiagnostics reads what clang's -serialize-diagnostics wrote.
func parseDiagnostics(data []byte) ([]*rawNode, error) {
	body, err := bitstreamMagic(data, diaMagic)
	if err == nil {
		d := &diaReader{files: map[uint64]string{}, flags: map[uint64]string{}, categories: map[uint64]string{}}
		if err = readBitstream(body, d); err == nil {
			var seen []*rawNode
			for _, n := range d.roots {
				if n.seen {
					seen = append(seen, n)
				}
			}
			return seen, nil
		}
	}
	return nil, fmt.Errorf("clang's serialized diagnostics: the file %w", err)
}

// flatten lists a node's notes in the order of clang's text, those of a note
// (the macros that it was expanded from) behind it.
func (n *rawNode) flatten() []*rawNode {
	var all []*rawNode
	for _, note := range n.notes {
		// The stack of includes is told by includeGraph, with the directives' places.
		if note.seen && !strings.HasPrefix(note.Message, "in file included from ") {
			all = append(all, note)
		}
		all = append(all, note.flatten()...)
	}
	return all
}

// texts gives the text of a file, "" where it is not known.
type texts func(file string) []byte

// finish makes a Diagnostic of a node: absolute files, and a range.
func (n *rawNode) finish(abs func(string) string, text texts) Diagnostic {
	d := n.Diagnostic
	if d.File != "" {
		d.File = abs(d.File)
	}
	for i := range d.Fixes {
		d.Fixes[i].File = abs(d.Fixes[i].File)
	}
	d.EndLine, d.EndColumn = d.Line, d.Column
	if d.Line > 0 {
		d.setRange(n.ranges, abs, text(d.File))
	}
	for _, note := range n.flatten() {
		d.Notes = append(d.Notes, note.finishNote(abs, text))
	}
	return d
}

func (n *rawNode) finishNote(abs func(string) string, text texts) Diagnostic {
	leaf := rawNode{rawDiagnostic: n.rawDiagnostic}
	return leaf.finish(abs, text)
}

// setRange chooses the range to underline: the smallest of clang's ranges on
// one line that holds the point, else a range that the proposal replaces, else
// the token at the point. Column and Line stay the beginning of the range.
func (d *Diagnostic) setRange(ranges []rawRange, abs func(string) string, text []byte) {
	best, found := rawRange{}, false
	consider := func(r rawRange) {
		holds := r.from.line == d.Line && r.to.line == d.Line &&
			r.from.column <= d.Column && d.Column < r.to.column
		if holds && abs(r.from.file) == d.File &&
			(!found || r.to.column-r.from.column < best.to.column-best.from.column) {
			best, found = r, true
		}
	}
	for _, r := range ranges {
		consider(r)
	}
	if !found {
		for _, e := range d.Fixes {
			consider(rawRange{rawPos{e.File, e.Line, e.Column}, rawPos{e.File, e.EndLine, e.EndColumn}})
		}
	}
	if found {
		d.Column, d.EndColumn = best.from.column, best.to.column
		return
	}
	line := lineOf(text, d.Line)
	d.EndColumn = d.Column + tokenLength(line, d.Column-1)
}

// lineOf is line n of a text, counted from 1, without its end.
func lineOf(text []byte, n int) []byte {
	for ; n > 1; n-- {
		i := bytes.IndexByte(text, '\n')
		if i < 0 {
			return nil
		}
		text = text[i+1:]
	}
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		text = text[:i]
	}
	return bytes.TrimSuffix(text, []byte("\r"))
}

// tokenLength is the length in bytes of the C token at an offset of a line; 0
// behind its end.
func tokenLength(line []byte, at int) int {
	if at < 0 || at >= len(line) {
		return 0
	}
	word := func(b byte) bool {
		return b == '_' || b == '$' || b >= 0x80 || '0' <= b && b <= '9' || 'a' <= b|0x20 && b|0x20 <= 'z'
	}
	end := at
	switch b := line[at]; {
	case '0' <= b && b <= '9': // a preprocessing number: 0x1p-3, 1e+5
		for end < len(line) && (word(line[end]) || line[end] == '.' ||
			(line[end] == '+' || line[end] == '-') && bytes.IndexByte([]byte("eEpP"), line[end-1]) >= 0) {
			end++
		}
	case word(b):
		for end < len(line) && word(line[end]) {
			end++
		}
	case b == '"' || b == '\'':
		for end++; end < len(line) && line[end] != b; end++ {
			if line[end] == '\\' {
				end++
			}
		}
		end = min(end+1, len(line))
	default:
		end++
		for _, op := range []string{"<<=", ">>=", "...", "->", "++", "--", "<<", ">>", "<=", ">=", "==", "!=", "&&",
			"||", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "##"} {
			if bytes.HasPrefix(line[at:], []byte(op)) {
				return len(op)
			}
		}
	}
	return end - at
}
