package cfg_test

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"bpfls/elfbpf"
	"bpfls/linuxhooks"
	"bpfls/platform"
	"bpfls/verifier/cfg"
	"bpfls/winhooks"
)

// shared returns a path in the reference data, which are no part of the project.
func shared(t testing.TB, elem ...string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
	path := filepath.Join(append([]string{dir, "..", "shared"}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("reference data are absent: %v", err)
	}
	return path
}

// readTable reads a table of tab-separated rows under a line of column names.
func readTable(t testing.TB, path string) []map[string]string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	names := strings.Split(lines[0], "\t")
	var rows []map[string]string
	for _, line := range lines[1:] {
		row := make(map[string]string)
		for i, value := range strings.Split(line, "\t") {
			row[names[i]] = value
		}
		rows = append(rows, row)
	}
	return rows
}

// programType returns what a table calls a program type. lxc is sched_cls's
// context with socket_filter's helpers.
func programType(p *platform.Platform, name string) *platform.ProgramType {
	for _, t := range p.Types {
		if t.Name == name {
			return t
		}
		if name == "lxc" && t.Name == "sched_cls" {
			return &platform.ProgramType{Name: name, Context: t.Context}
		}
	}
	return nil
}

// ours tells whether a rejection's text is one that this package makes; others
// are the reader's or the analysis's.
var ours = regexp.MustCompile(`^(unmarshaling error at|parse failure:) \d+: |^(rejected|not implemented): |illegal recursion$|^(too many call stack frames|fallthrough in last instruction|empty instruction sequence|invalid map index .*|jump to undefined label .*|helper (prototype not found|not usable|ID is negative): -?\d+|tail call chain depth .*)$`)

type table struct {
	t                          *testing.T
	objects                    map[string]*elfbpf.Object
	graphs, rejected, unloaded int
}

func (tb *table) row(name string, data func() []byte, p *platform.Platform, row map[string]string) {
	t := tb.t
	o, ok := tb.objects[name]
	if !ok {
		var err error
		if o, err = elfbpf.Parse(name, data(), elfbpf.Options{Platform: p}); err != nil {
			o = nil
		}
		tb.objects[name] = o
	}
	if o == nil {
		tb.unloaded++
		return
	}
	for _, prog := range o.Programs {
		if prog.Section != row["section"] || prog.Name != row["function"] {
			continue
		}
		if prog.Err != nil {
			tb.unloaded++
			return
		}
		in := cfg.Input{Code: prog.Code, Platform: p}
		for _, m := range o.Maps {
			in.Maps = append(in.Maps, m.Map)
		}
		if in.Type = programType(p, row["type"]); row["type"] == "" {
			in.Type, _, _ = p.Match(prog.Section)
		}
		if in.Type == nil {
			t.Errorf("%s: no program type %q", name, row["type"])
			return
		}
		opt := cfg.DefaultOptions(p)
		switch row["termination"] {
		case "yes":
			opt.Termination = true
		case "no":
			opt.Termination = false
		}
		where := fmt.Sprintf("%s %s %s %s %s", name, row["section"], row["function"], row["type"], row["section_offset"])
		message := strings.TrimSpace(strings.TrimRight(strings.TrimPrefix(row["message"], "error: "), "| "))
		_, r := cfg.Build(in, opt)
		switch {
		case row["verdict"] == "rejected" && !ours.MatchString(message):
			tb.unloaded++
		case row["verdict"] == "rejected":
			tb.rejected++
			message = strings.TrimPrefix(strings.TrimPrefix(message, "unmarshaling error at "), "parse failure: ")
			if r == nil || r.Text != message {
				t.Errorf("%s: got %v, want %q", where, r, message)
			}
		case r != nil:
			t.Errorf("%s: rejected: %v", where, r)
		default:
			tb.graphs++
		}
		return
	}
	tb.unloaded++
}

func (tb *table) report() {
	tb.t.Logf("%d graphs, %d rejections equal; %d rows that the reader or the analysis decides", tb.graphs, tb.rejected, tb.unloaded)
	if tb.graphs+tb.rejected == 0 {
		tb.t.Error("no row was compared")
	}
}

// Programs that PREVAIL analyses get a graph; those that it rejects while it
// makes one are rejected in its words.
func TestTables(t *testing.T) {
	for _, test := range []struct {
		table, objects string
	}{
		{"corpus/prevail-verdicts.tsv", "corpus/ebpf-samples"},
		{"corpus/prevail-termination.tsv", "corpus/ebpf-samples"},
		{"corpus/prevail-windows.tsv", "corpus/ebpf-samples"},
		{"generated/prevail.tsv", "generated"},
		{"traps/prevail.tsv", "traps"},
	} {
		t.Run(test.table, func(t *testing.T) {
			rows := readTable(t, shared(t, test.table))
			byPlatform := map[*platform.Platform]*table{}
			for _, row := range rows {
				p := linuxhooks.Platform()
				if row["platform"] == "windows" || test.table == "corpus/prevail-windows.tsv" {
					p = winhooks.Platform()
				}
				tb := byPlatform[p]
				if tb == nil {
					tb = &table{t: t, objects: make(map[string]*elfbpf.Object)}
					byPlatform[p] = tb
				}
				tb.row(row["object"], func() []byte {
					data, err := os.ReadFile(shared(t, test.objects, row["object"]))
					if err != nil {
						t.Fatal(err)
					}
					return data
				}, p, row)
			}
			for _, tb := range byPlatform {
				tb.report()
			}
		})
	}
}

// The same for mutants of the corpus: all that are rejected and some that are not.
func TestMutants(t *testing.T) {
	rows := readTable(t, shared(t, "corpus/prevail-mutants.tsv"))
	tb := &table{t: t, objects: make(map[string]*elfbpf.Object)}
	files := make(map[string][]byte)
	for i, row := range rows {
		if row["verdict"] != "rejected" && (i%20 != 0 || testing.Short()) {
			continue
		}
		path := shared(t, "corpus/ebpf-samples", row["object"])
		data, ok := files[path]
		if !ok {
			var err error
			if data, err = os.ReadFile(path); err != nil {
				t.Fatal(err)
			}
			files[path] = data
		}
		name := fmt.Sprintf("%s#%d", row["object"], i)
		tb.row(name, func() []byte { return mutate(t, data, row) }, linuxhooks.Platform(), row)
		delete(tb.objects, name)
	}
	tb.report()
}

// mutate returns an object with one instruction of the row's section replaced.
func mutate(t *testing.T, data []byte, row map[string]string) []byte {
	t.Helper()
	order := binary.LittleEndian
	at, _ := strconv.Atoi(row["section_offset"])
	to, err := hex.DecodeString(row["mutated"])
	if err != nil {
		t.Fatal(err)
	}
	headers := order.Uint64(data[0x28:])
	n, names := order.Uint16(data[0x3c:]), order.Uint16(data[0x3e:])
	header := func(i uint16) []byte { return data[headers+64*uint64(i):] }
	strtab := order.Uint64(header(names)[24:])
	for i := range n {
		name := data[strtab+uint64(order.Uint32(header(i))):]
		if string(name[:len(row["section"])+1]) == row["section"]+"\x00" {
			out := append([]byte(nil), data...)
			copy(out[order.Uint64(header(i)[24:])+uint64(at):], to)
			return out
		}
	}
	t.Fatalf("%s has no section %s", row["object"], row["section"])
	return nil
}
