package lsp

import (
	"go.lsp.dev/protocol"

	"bpfls/explain"
	"bpfls/position"
)

// fromLSP returns the place of an LSP position.
func fromLSP(text *position.Mapper, p protocol.Position, enc position.Encoding) position.Point {
	return text.FromLSP(p.Line, p.Character, enc)
}

// toLSP converts a range. Without a column it is the line without its indentation;
// an empty one grows over the word that it is in front of. Where the text is not known
// (nil) it is the file's beginning.
func toLSP(text *position.Mapper, r explain.Range, enc position.Encoding) protocol.Range {
	if text == nil {
		text = position.New(nil)
	}
	start := text.Clamp(position.Point{Line: r.Line, Column: r.Column})
	end := text.Clamp(position.Point{Line: r.EndLine, Column: r.EndColumn})
	if r.Column == 0 {
		start = text.BTF(start.Line, 0)
	}
	if r.EndColumn == 0 || r.EndLine == 0 {
		end = text.EndOfLine(max(r.EndLine, start.Line))
	}
	if end == start || end.Line < start.Line {
		end = text.EndOfWord(start)
	}
	var out protocol.Range
	out.Start.Line, out.Start.Character = text.LSP(start, enc)
	out.End.Line, out.End.Character = text.LSP(end, enc)
	return out
}
