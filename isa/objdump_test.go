package isa

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// tool returns the path of a program of LLVM 19; the test is skipped without it.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

// TestObjdumpText compares every opcode, with several operands, with what
// llvm-objdump prints.
func TestObjdumpText(t *testing.T) {
	clang, objdump := tool(t, "clang-19"), tool(t, "llvm-objdump-19")
	rng := rand.New(rand.NewPCG(1, 2))
	var code []Slot
	add := func(s Slot) {
		code = append(code, s)
		if s.Op == OpLDDW {
			code = append(code, Slot{Imm: int32(rng.Uint32())})
		}
	}
	for op := range 256 {
		op := uint8(op)
		if op == 0 {
			continue // never the first slot of anything
		}
		for _, s := range []Slot{
			{Op: op, Dst: 1, Src: 2, Off: 3, Imm: 4}, {Op: op}, {Op: op, Dst: 3, Imm: -5}, {Op: op, Dst: 3, Src: 4},
			{Op: op, Dst: 10, Off: -8, Imm: 1}, {Op: op, Dst: 12}, {Op: op, Src: 12}, {Op: op, Dst: 1, Src: 2, Off: 1},
			{Op: op, Dst: 1, Src: 2, Off: 1, Imm: 0x10002},
			{Op: op, Dst: 1, Src: 2, Off: 8}, {Op: op, Dst: 1, Src: 2, Off: 16}, {Op: op, Dst: 1, Src: 2, Off: 32},
			{Op: op, Dst: 1, Imm: 16}, {Op: op, Dst: 1, Imm: 32}, {Op: op, Dst: 1, Imm: 64}, {Op: op, Imm: -1 << 31},
		} {
			add(s)
		}
		for _, atomic := range []int32{0, 0x40, 0x50, 0xa0, 0xe0, 0xf0} {
			if op&classMask == classSTX {
				add(Slot{Op: op, Dst: 1, Src: 2, Off: -16, Imm: atomic})
				add(Slot{Op: op, Dst: 1, Src: 2, Off: 24, Imm: atomic | 1})
			}
		}
	}
	want := objdumpLines(t, clang, objdump, code)
	for i := 0; i < len(code); {
		text, n := ObjdumpText(code, i, nil)
		if want[i] == "" {
			t.Errorf("slot %d %+v: llvm-objdump prints nothing, we %q", i, code[i], text)
		} else if text != want[i] {
			t.Errorf("slot %d %+v: got %q, llvm-objdump prints %q", i, code[i], text, want[i])
		}
		i += n
	}
}

var objdumpLine = regexp.MustCompile(`^ *(\d+):\t(?:[0-9a-f]{2} ?)+\t(.*)$`)
var objdumpSymbol = regexp.MustCompile(` <f(\+0x[0-9a-f]+)?>$`)

// objdumpLines assembles code and returns llvm-objdump's text by slot.
func objdumpLines(t *testing.T, clang, objdump string, code []Slot) map[int]string {
	t.Helper()
	dir := t.TempDir()
	var asm strings.Builder
	asm.WriteString(".text\nf:\n")
	for _, b := range AppendBytes(nil, code, binary.LittleEndian) {
		fmt.Fprintf(&asm, ".byte %d\n", b)
	}
	src, obj := filepath.Join(dir, "a.s"), filepath.Join(dir, "a.o")
	if err := os.WriteFile(src, []byte(asm.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(clang, "-target", "bpf", "-c", "-o", obj, src).CombinedOutput(); err != nil {
		t.Fatalf("clang: %v\n%s", err, out)
	}
	out, err := exec.Command(objdump, "-d", "-z", obj).CombinedOutput()
	if err != nil {
		t.Fatalf("llvm-objdump: %v\n%s", err, out)
	}
	lines := map[int]string{}
	for line := range strings.Lines(string(out)) {
		m := objdumpLine.FindStringSubmatch(strings.TrimRight(line, "\n"))
		if m == nil {
			continue
		}
		slot, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		text := m[2]
		if text != Unknown {
			text = objdumpSymbol.ReplaceAllString(text, "")
		}
		lines[slot] = text
	}
	return lines
}
