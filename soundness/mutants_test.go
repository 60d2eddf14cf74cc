package soundness

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var plant = flag.Bool("soundness.plant", false, "plant bugs in the verifier and see whether TestSoundness finds them")

// planted are bugs: in a file of the verifier a text, which stands there once, is
// replaced.
var planted = []struct{ name, file, old, new string }{
	{"subtraction of a constant adds it", "transfer.go", "\t\t\timm = -imm\n", ""},
	{"right shift shifts left", "transfer.go", "z.LShrImm(s, u, count, width)", "z.ShlImm(s, u, count, width)"},
	{"32-bit results keep their upper half", "transfer.go", "if done || in.Is64 {", "if done || !done {"},
	{"calls keep r5", "transfer.go", "for r := isa.Reg(1); r <= 5; r++ {\n\t\tp.forgetReg(st, r)", "for r := isa.Reg(1); r <= 4; r++ {\n\t\tp.forgetReg(st, r)"},
	{"32-bit stores keep the whole signed value", "memory.go", "p.mutZone(st).OverflowBounds(v, width*8, true)", ""},
	{"a store keeps cells that it hits by one byte", "memory.go", "hit := c.end() > at.off && int(c.off) < at.off+at.size", "hit := c.end() > at.off+1 && int(c.off) < at.off+at.size"},
	{"pointer >= pointer is taken for >", "transfer.go", "case isa.GE, isa.SGE:\n\t\treturn zone.Geq(l, r)", "case isa.GE, isa.SGE:\n\t\treturn zone.Gt(l, r)"},
	{"accesses may end one byte behind their region", "check.go", "!st.entails(zone.Leq(*hi, *ceiling))", "!st.entails(zone.Leq(hi.PlusConst(-1), *ceiling))"},
	{"accesses may start one byte before their region", "check.go", "if !st.entails(zone.Geq(*lo, *floor)) {", "if !st.entails(zone.Geq(lo.PlusConst(1), *floor)) {"},
	{"lookups never fail", "transfer.go", "\t\tlo = 0\n", "\t\tlo = 1\n"},
	{"fetches leave the register as it is", "transfer.go", "\t\tp.loadMem(st, in.Src, in.Dst, in.Off, in.Width, false)\n", ""},
	{"sign extension from twice the width", "transfer.go", "from := 8 << (op - isa.MovSX8)", "from := 16 << (op - isa.MovSX8)"},
	{"and with a negative constant bounds", "transfer.go", "if op == isa.And && int32(imm) > 0 {", "if op == isa.And && imm != 0 {"},
	{"loads never extend the sign", "transfer.go", "\t\tif in.Signed {\n\t\t\text :=", "\t\tif in.Signed && in.Width > 4 {\n\t\t\text :="},
	{"joins keep the numbers of one side", "product.go", "\tz.Join(b.z.Zone)\n", ""},
	{"loops are left after two steps", "engine.go", "if r.leq(&next, &inv) {", "if n > 1 || r.leq(&next, &inv) {"},
	{"widening keeps the numbers", "product.go", "\tp.mutZone(&r).Widen(b.z.Zone)\n", ""},
	{"a call keeps the callee's stack", "transfer.go", "p.kill(st, 1<<zone.KindType, &at)\n\t\tif at.exact {\n\t\t\tp.mutStack(st).setBytes(at.off, at.size, false)\n\t\t}\n\t\tp.havocCells(st, zone.AllKinds, &at)", "_ = at"},
	{"a store of a pointer leaves numeric bytes numeric", "memory.go", "p.mutStack(st).setBytes(at.off, at.size, number)", "p.mutStack(st).setBytes(at.off, at.size, true)"},
	{"copies of pointers keep the old offset", "transfer.go", "k, ok := primaryKind(dt); ok {\n\t\t\t\t\tp.mutZone(st).Apply(zone.OpAdd", "k, ok := primaryKind(dt); ok && dt != TypePacket {\n\t\t\t\t\tp.mutZone(st).Apply(zone.OpAdd"},
}

// TestPlantedBugs plants bugs one by one and runs TestSoundness on the result: a
// bug that it does not find shows what the soundness tests cannot see.
func TestPlantedBugs(t *testing.T) {
	if !*plant {
		t.Skip("make mutants runs it")
	}
	caught, tried := 0, 0
	for _, bug := range planted {
		path, err := filepath.Abs(filepath.Join("..", "verifier", bug.file))
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(text), bug.old); n != 1 {
			t.Errorf("%s: the text to replace stands in %s %d times", bug.name, bug.file, n)
			continue
		}
		dir := t.TempDir()
		changed := filepath.Join(dir, bug.file)
		if err := os.WriteFile(changed, []byte(strings.Replace(string(text), bug.old, bug.new, 1)), 0o666); err != nil {
			t.Fatal(err)
		}
		overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{path: changed}})
		if err != nil {
			t.Fatal(err)
		}
		list := filepath.Join(dir, "overlay.json")
		if err := os.WriteFile(list, overlay, 0o666); err != nil {
			t.Fatal(err)
		}
		binary := filepath.Join(dir, "soundness.test")
		if out, err := exec.Command("go", "test", "-vet=off", "-overlay", list, "-c", "-o", binary, ".").CombinedOutput(); err != nil {
			t.Errorf("%s: does not build: %s", bug.name, out)
			continue
		}
		tried++
		if err := exec.Command(binary, "-test.run", "TestSoundness$", "-soundness.programs", "3000").Run(); err != nil {
			caught++
			t.Logf("found: %s", bug.name)
		} else {
			t.Errorf("not found: %s", bug.name)
		}
	}
	t.Logf("%d of %d planted bugs found", caught, tried)
}
