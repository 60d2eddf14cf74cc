package clangdriver

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// bitWriter writes a bitstream without abbreviations of its own.
type bitWriter struct {
	data []byte
	used uint
}

func (w *bitWriter) fixed(v uint64, n uint) {
	for range n {
		if w.used%8 == 0 {
			w.data = append(w.data, 0)
		}
		w.data[w.used/8] |= byte(v&1) << (w.used % 8)
		v >>= 1
		w.used++
	}
}

func (w *bitWriter) vbr(v uint64, n uint) {
	for ; v >= 1<<(n-1); v >>= n - 1 {
		w.fixed(v&(1<<(n-1)-1)|1<<(n-1), n)
	}
	w.fixed(v, n)
}

func (w *bitWriter) align() {
	for w.used%32 != 0 {
		w.fixed(0, 1)
	}
}

// block writes a block whose abbreviation ids have 3 bits, around what body writes.
func (w *bitWriter) block(outer uint, id uint64, body func()) {
	w.fixed(abbrevEnterSubblock, outer)
	w.vbr(id, 8)
	w.vbr(3, 4)
	w.align()
	length := len(w.data)
	w.fixed(0, 32)
	body()
	w.fixed(abbrevEndBlock, 3)
	w.align()
	binary.LittleEndian.PutUint32(w.data[length:], uint32(len(w.data)-length-4)/4)
}

func (w *bitWriter) record(code uint64, ops ...uint64) {
	w.fixed(abbrevUnabbreviated, 3)
	w.vbr(code, 6)
	w.vbr(uint64(len(ops)), 6)
	for _, op := range ops {
		w.vbr(op, 6)
	}
}

func TestParseDiagnosticsErrors(t *testing.T) {
	diag := func(body func(w *bitWriter)) []byte {
		w := &bitWriter{data: []byte(diaMagic), used: 32}
		w.block(2, diaBlockDiag, func() { body(w) })
		return w.data
	}
	for _, test := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, `does not begin with "DIAG"`},
		{"another file", []byte("BC\xc0\xde"), `does not begin with "DIAG"`},
		{"cut", diag(func(w *bitWriter) { w.record(diaRecordDiag, 3, 0, 0, 0, 0, 0, 0, 0) })[:20], "ends in the middle of a record"},
		{"odd length", []byte("DIAGx"), "no multiple of 4"},
		{"short record", diag(func(w *bitWriter) { w.record(diaRecordDiag, 3) }), "has a record 2 of 1 operands"},
		{"unknown file", diag(func(w *bitWriter) { w.record(diaRecordDiag, 3, 7, 1, 1, 0, 0, 0, 0) }), "names file 7, which it does not define"},
		{"unknown severity", diag(func(w *bitWriter) { w.record(diaRecordDiag, 9, 0, 0, 0, 0, 0, 0, 0) }), "unknown severity 9"},
		{"huge position", diag(func(w *bitWriter) {
			w.record(diaRecordFile, 1, 0, 0, 0)
			w.record(diaRecordDiag, 3, 1, 1<<40, 1, 0, 0, 0, 0)
		}), "has a position out of range"},
		{"abbreviation", diag(func(w *bitWriter) { w.fixed(5, 3) }), "uses abbreviation 5, which is not defined"},
		{"outside", []byte("DIAG\x00\x00\x00\x00"), "outside of a block"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := parseDiagnostics(test.data)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "clang's serialized diagnostics: the file ") {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
	nodes, err := parseDiagnostics(diag(func(w *bitWriter) {
		w.record(99, 1, 2, 3) // of a newer version
		w.record(diaRecordDiag, 2, 0, 0, 0, 0, 0, 0, 0)
		w.block(3, diaBlockDiag, func() { w.record(diaRecordDiag, 1, 0, 0, 0, 0, 0, 0, 0) })
		w.block(3, 77, func() { w.record(diaRecordDiag, 1) })
	}))
	if err != nil || len(nodes) != 1 || nodes[0].Severity != SeverityWarning || len(nodes[0].notes) != 1 {
		t.Errorf("got %+v, %v", nodes, err)
	}
}

// FuzzParseDiagnostics begins with what clang 13 and 19 wrote.
func FuzzParseDiagnostics(f *testing.F) {
	seeds, err := filepath.Glob("testdata/diagnostics/*.dia")
	if err != nil || len(seeds) == 0 {
		f.Fatal("there are no seeds", err)
	}
	for _, path := range seeds {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		nodes, err := parseDiagnostics(data)
		if err != nil || len(nodes) == 0 {
			f.Errorf("%s: %d diagnostics, %v", path, len(nodes), err)
		}
		f.Add(data)
	}
	f.Add([]byte(diaMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		nodes, err := parseDiagnostics(data)
		if err != nil {
			return
		}
		for _, n := range nodes {
			d := n.finish(func(s string) string { return s }, func(string) []byte { return data })
			if d.Line < 0 || d.Column < 0 || d.EndLine == d.Line && d.EndColumn < d.Column {
				t.Errorf("%+v", d)
			}
		}
	})
}

func TestTokenLength(t *testing.T) {
	for _, test := range []struct {
		line string
		at   int
		want int
	}{
		{"abc + d", 0, 3}, {"abc + d", 4, 1}, {"a->b", 1, 2}, {"a <<= 2", 2, 3}, {"1e+5;", 0, 4}, {"0x1p-3f", 0, 7},
		{`"a\"b" x`, 0, 6}, {`"open`, 0, 5}, {`'\'`, 0, 3}, {"é = 1", 0, 2}, {"x", 1, 0}, {"x", 9, 0}, {"x", -1, 0}, {`"\`, 0, 2},
	} {
		if got := tokenLength([]byte(test.line), test.at); got != test.want {
			t.Errorf("%q at %d: %d, want %d", test.line, test.at, got, test.want)
		}
	}
}
