package clangdriver

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

func TestDoctor(t *testing.T) {
	d := testDriver(t)
	settings, clang := needClang(t, d)
	dir := realTempDir(t)
	unpack(t, txtar.Parse([]byte(`
-- compile_commands.json --
[{"directory": "$DIR", "file": "src/prog.c", "arguments": ["clang", "-target", "bpf", "-Iinc", "-O1", "-march=native"]}]
-- src/prog.c --
#include "ebpf_nethooks.h"
#include "nowhere.h"
-- packages/eBPF-for-Windows.x64.1.0.0/build/native/include/ebpf_nethooks.h --
`)), dir)
	settings.Flags = []string{"-I../more", "-o", "x"}
	source := filepath.Join(dir, "src", "prog.c")
	setup := d.Doctor(t.Context(), Request{Path: source, Settings: settings})
	if setup.Error != nil || setup.SourceError != nil {
		t.Fatal(setup.Error, setup.SourceError)
	}
	if setup.Clang.Path != clang.Path || len(setup.Looked) == 0 {
		t.Errorf("clang %+v, looked at %q", setup.Clang, setup.Looked)
	}
	db := filepath.Join(dir, "compile_commands.json")
	pkg := filepath.Join(dir, "packages/eBPF-for-Windows.x64.1.0.0/build/native/include")
	wantFlags := []Flag{
		{Args: []string{"-target", "bpf"}, Origin: "default"},
		{Args: []string{"-O1"}, Origin: db},
		{Args: []string{"-g"}, Origin: "default"},
		{Args: []string{"-Wall"}, Origin: "default"},
		{Args: []string{"-I", filepath.Join(dir, "inc")}, Origin: db},
		{Args: []string{"-I", filepath.Join(dir, "more")}, Origin: "setting"},
		{Args: []string{"-nostdlibinc"}, Origin: "default"},
		{Args: []string{"-isystem", pkg}, Origin: "found upwards"},
	}
	if diff := cmp.Diff(wantFlags, setup.Flags); diff != "" {
		t.Errorf("flags: -want +got\n%s", diff)
	}
	if len(setup.Ignored) != 2 {
		t.Errorf("ignored: %+v", setup.Ignored)
	}
	if setup.CompileCommands != db || !setup.InDatabase {
		t.Errorf("database %q, %t", setup.CompileCommands, setup.InDatabase)
	}
	if setup.Platform != PlatformWindows || setup.Why != "includes ebpf_nethooks.h ("+filepath.Join(pkg, "ebpf_nethooks.h")+")" {
		t.Errorf("platform %s: %s", setup.Platform, setup.Why)
	}
	if !slices.Equal(setup.NotFound, []string{"nowhere.h"}) {
		t.Errorf("not found: %q", setup.NotFound)
	}
	if !slices.Contains(setup.Headers, HeaderDir{pkg, "found upwards", true}) ||
		!slices.Contains(setup.Headers, HeaderDir{filepath.Join(dir, "inc"), db, false}) {
		t.Errorf("headers: %+v", setup.Headers)
	}
	if last := setup.Headers[len(setup.Headers)-1]; last.Origin != "clang" || !last.Exists {
		t.Errorf("clang's own headers are not last: %+v", setup.Headers)
	}
}

func TestDoctorTellsWhatIsWrong(t *testing.T) {
	d := testDriver(t)
	dir := realTempDir(t)
	setup := d.Doctor(t.Context(), Request{Path: filepath.Join(dir, "to-come.c"), Settings: Settings{Clang: "/nonexistent/clang"}})
	if setup.Error == nil || setup.SourceError != nil || len(setup.Flags) == 0 {
		t.Errorf("%+v", setup)
	}
	setup = d.Doctor(t.Context(), Request{Path: dir, Settings: Settings{Clang: "/nonexistent/clang"}})
	if setup.SourceError == nil {
		t.Errorf("%+v", setup)
	}
	setup = d.Doctor(t.Context(), Request{Path: filepath.Join(dir, "a.c"), Platform: "solaris"})
	if setup.SourceError == nil || setup.SourceError.Error() != `platform "solaris" is unknown; known are auto, windows and linux` {
		t.Errorf("%+v", setup.SourceError)
	}
}
