package elfbpf

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"testing"

	"bpfls/isa"
	"bpfls/linuxhooks"
	"bpfls/platform"
	"bpfls/winhooks"
)

// table reads a tab-separated table of the reference data; rows are by column name.
func table(t *testing.T, elem ...string) []map[string]string {
	t.Helper()
	file, err := os.Open(shared(t, elem...))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r := csv.NewReader(bufio.NewReader(file))
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = '\t', true, -1
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	for _, row := range rows[1:] {
		m := map[string]string{}
		for i, cell := range row {
			if i < len(rows[0]) {
				m[rows[0][i]] = cell
			}
		}
		out = append(out, m)
	}
	return out
}

// loaderReason reports whether a rejection comes from reading the object, and
// what PREVAIL says of it.
func loaderReason(row map[string]string) (string, bool) {
	text := strings.TrimPrefix(row["message"], "error: ")
	text = strings.TrimPrefix(text, "error listing programs: ")
	if row["verdict"] != "rejected" {
		return "", false
	}
	for _, other := range []string{
		"rejected: ", "not implemented: ", "unmarshaling error", "parse failure", "helper prototype", "Map cache entry", "too many call stack frames",
		"fallthrough", "jump to undefined label", "illegal recursion", "Unspecified program type", "tail call",
	} {
		if strings.HasPrefix(text, other) || strings.Contains(text, "illegal recursion") {
			return "", false
		}
	}
	return text, true
}

type programKey struct{ section, function string }

// checkTable parses every object of a table and compares the programs, and the
// rejections that come from reading, with its rows. all: the table has a row for
// every program.
func checkTable(t *testing.T, rows []map[string]string, dir string, p *platform.Platform, all bool) {
	byObject := map[string][]map[string]string{}
	for _, row := range rows {
		byObject[row["object"]] = append(byObject[row["object"]], row)
	}
	objects, programs, rejected := 0, 0, 0
	for object, rows := range byObject {
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(object)))
		if err != nil {
			t.Fatal(err)
		}
		objects++
		o, err := Parse(object, data, Options{Platform: p})
		if err != nil {
			e := err.(*Error)
			for _, row := range rows {
				reason, _ := loaderReason(row)
				if reason == "Section not found" { // a section was asked for
					reason = "No executable sections"
				}
				if reason == "" || !strings.HasPrefix(e.Reason, reason) {
					t.Errorf("%s: got %v, PREVAIL says %q", object, e, row["message"])
				}
				rejected++
			}
			continue
		}
		got := map[programKey]*Program{}
		for _, prog := range o.Programs {
			got[programKey{prog.Section, prog.Name}] = prog
		}
		want := map[programKey]bool{}
		for _, row := range rows {
			key := programKey{row["section"], row["function"]}
			want[key] = true
			prog := got[key]
			if prog == nil {
				t.Errorf("%s: no program %v", object, key)
				continue
			}
			reason, refused := loaderReason(row)
			switch {
			case refused && prog.Err == nil:
				t.Errorf("%s %v: read, PREVAIL says %q", object, key, reason)
			case !refused && prog.Err != nil:
				t.Errorf("%s %v: %v, PREVAIL reads it", object, key, prog.Err)
			case refused && prog.Err.(*Error).Reason != reason:
				t.Errorf("%s %v: got %q, want %q", object, key, prog.Err.(*Error).Reason, reason)
			case refused:
				rejected++
			}
		}
		if all && len(want) != len(got) {
			t.Errorf("%s: %d programs, PREVAIL has %d", object, len(got), len(want))
		}
		programs += len(want)
	}
	t.Logf("%d objects, %d programs as in the table, %d rejections of the reader", objects, programs, rejected)
}

// TestTables compares the programs found, and those refused, with what PREVAIL
// lists on both platforms.
func TestTables(t *testing.T) {
	samples := []string{"corpus", "ebpf-samples"}
	t.Run("linux", func(t *testing.T) {
		checkTable(t, table(t, "corpus", "prevail-verdicts.tsv"), shared(t, samples...), linuxhooks.Platform(), true)
	})
	t.Run("windows", func(t *testing.T) {
		checkTable(t, table(t, "corpus", "prevail-windows.tsv"), shared(t, samples...), winhooks.Platform(), false)
	})
	t.Run("traps", func(t *testing.T) {
		rows := table(t, "traps", "prevail.tsv")
		checkTable(t, rows, shared(t, "traps"), linuxhooks.Platform(), false)
	})
	t.Run("generated", func(t *testing.T) {
		var linux, windows []map[string]string
		for _, row := range table(t, "generated", "prevail.tsv") {
			if row["platform"] == "windows" {
				windows = append(windows, row)
			} else {
				linux = append(linux, row)
			}
		}
		checkTable(t, linux, shared(t, "generated"), linuxhooks.Platform(), false)
		checkTable(t, windows, shared(t, "generated"), winhooks.Platform(), false)
	})
}

var objdumpLine = regexp.MustCompile(`^ *(\d+):\t(.*)$`)
var objdumpSection = regexp.MustCompile(`^Disassembly of section (.*):$`)

// TestObjdump compares the code of the corpus, as it stands in the objects, with
// llvm-objdump's listing.
func TestObjdump(t *testing.T) {
	objdump, err := exec.LookPath("llvm-objdump-19")
	if err != nil {
		t.Skip("llvm-objdump-19 is not installed")
	}
	const every, largest = 8, 256 << 10 // llvm-objdump is slow
	seen, files, lines := 0, 0, 0
	err = filepath.WalkDir(shared(t, "corpus", "ebpf-samples"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".o" {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if seen++; seen%every != 0 || len(data) > largest {
			return nil
		}
		o, err := Parse(path, data, Options{Platform: linuxPlatform()})
		if err != nil {
			return nil
		}
		out, err := exec.Command(objdump, "-d", "--no-show-raw-insn", path).Output()
		if err != nil {
			t.Logf("llvm-objdump cannot read %s", path)
			return nil
		}
		files++
		n, err := compareObjdump(o, string(out))
		lines += n
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d instructions in %d objects as in llvm-objdump", lines, files)
}

func compareObjdump(o *Object, text string) (n int, err error) {
	var code []isa.Slot
	var symbols []Symbol
	section := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if m := objdumpSection.FindStringSubmatch(line); m != nil {
			section = m[1]
			data, _ := o.Data(section)
			code, symbols = isa.Slots(data, o.ByteOrder), o.Symbols(section)
			continue
		}
		m := objdumpLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		slot, err := strconv.Atoi(m[1])
		if err != nil || slot >= len(code) {
			return n, fmt.Errorf("section %s has no slot %s", section, m[1])
		}
		got, _ := isa.ObjdumpText(code, slot, func(target int) string {
			offset := uint64(target) * isa.SlotSize
			i := sort.Search(len(symbols), func(i int) bool { return symbols[i].Offset > offset })
			if i == 0 {
				return ""
			}
			s := symbols[i-1]
			if s.Offset == offset {
				return s.Name
			}
			return fmt.Sprintf("%s+0x%x", s.Name, offset-s.Offset)
		})
		if want := strings.TrimSpace(m[2]); got != want {
			return n, fmt.Errorf("section %s slot %d: got %q, want %q", section, slot, got, want)
		}
		n++
	}
	return n, nil
}
