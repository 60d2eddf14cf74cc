package soundness

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"bpfls/elfbpf"
	"bpfls/linuxhooks"
	"bpfls/platform"
	"bpfls/winhooks"
)

var objectMutants = flag.Int("soundness.mutants", 2, "mutants of each program of an object, besides itself")

// shared returns a path of the reference data, which stand beside the repository.
func shared(t testing.TB, name string) string {
	path := filepath.Join("..", "..", "shared", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the reference data are not here: %v", err)
	}
	return path
}

// real is a program of an object file.
type real struct {
	name     string
	program  Program
	platform *platform.Platform
}

// realPrograms reads the programs of all objects below a folder.
func realPrograms(t testing.TB, dir string, keep func(i int) bool) []real {
	var files []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".o") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	sort.Strings(files)
	var out []real
	for i, file := range files {
		if !keep(i) {
			continue
		}
		p := linuxhooks.Platform()
		if strings.HasPrefix(filepath.Base(file), "windows_") {
			p = winhooks.Platform()
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		o, err := elfbpf.Parse(file, data, elfbpf.Options{Platform: p})
		if err != nil {
			continue // broken objects are other tests' matter
		}
		var maps []platform.Map
		for _, m := range o.Maps {
			maps = append(maps, m.Map)
		}
		for _, prog := range o.Programs {
			typ, _, _ := p.Match(prog.Section)
			if prog.Err != nil || typ == nil || typ.Context == nil || len(prog.Code) == 0 {
				continue
			}
			out = append(out, real{filepath.Base(file) + " " + prog.Name, Program{Code: prog.Code, Maps: maps, Type: typ, BigEndian: o.BigEndian()}, p})
		}
	}
	return out
}

// TestSoundnessObjects does what TestSoundness does with the programs of real
// objects and their mutants.
func TestSoundnessObjects(t *testing.T) {
	s := newSearch(t)
	every := 6
	if *wantPrograms > 2000 {
		every = 1
	}
	var all []real
	all = append(all, realPrograms(t, shared(t, "generated"), func(i int) bool { return i%every == 0 })...)
	all = append(all, realPrograms(t, shared(t, "corpus/ebpf-samples"), func(i int) bool { return i%every == 0 })...)
	n := uint64(len(all) * (1 + *objectMutants))
	s.limit = n
	s.first, s.next = 0, 0
	s.search(func(i uint64) (string, Program, *platform.Platform, int) {
		r := all[i%uint64(len(all))]
		p := r.program
		name := r.name
		if k := i / uint64(len(all)); k > 0 {
			seed := *firstSeed + i
			p.Code = Mutate(seed, p.Code)
			name = fmt.Sprintf("%s, mutant %d", name, seed)
		}
		return name, p, r.platform, 6
	})
	s.report(t)
}
