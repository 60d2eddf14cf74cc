package clangdriver

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseVersion(t *testing.T) {
	for _, test := range []struct {
		text, version string
		major         int
	}{
		{"Debian clang version 19.1.7 (3~deb12u1)\nTarget: x86_64-pc-linux-gnu\n", "19.1.7", 19},
		{"Ubuntu clang version 18.1.3 (1ubuntu1)", "18.1.3", 18},
		{"clang version 17.0.6\r\nTarget: x86_64-pc-windows-msvc\r\n", "17.0.6", 17},
		{"Apple clang version 15.0.0 (clang-1500.3.9.4)", "15.0.0", 15},
		{"clang version 21.0.0git (https://github.com/llvm/llvm-project.git 1234)", "21.0.0", 21},
		{"gcc version 12.2.0 (Debian 12.2.0-14)", "", 0},
		{"", "", 0},
	} {
		version, major, ok := parseVersion(test.text)
		if version != test.version || major != test.major || ok != (test.version != "") {
			t.Errorf("%q: %q %d %t", test.text, version, major, ok)
		}
	}
}

func TestHasTarget(t *testing.T) {
	const text = "\n  Registered Targets:\n    amdgcn      - AMD GCN GPUs\n    bpf         - BPF (host endian)\n    bpfeb       - BPF (big endian)\n"
	for target, want := range map[string]bool{"bpf": true, "bpfeb": true, "bp": false, "x86": false} {
		if hasTarget(text, target) != want {
			t.Errorf("%s: not %t", target, want)
		}
	}
}

func TestCompareVersions(t *testing.T) {
	for _, test := range []struct{ less, more string }{
		{"llvm-9", "llvm-19"}, {"x.0.9.0", "x.0.21.0"}, {"x.0.21.0", "x.1.0.0"}, {"llvm", "llvm-9"}, {"a", "b"}, {"llvm@9/bin", "llvm@19/bin"},
	} {
		if compareVersions(test.less, test.more) >= 0 || compareVersions(test.more, test.less) <= 0 {
			t.Errorf("%s is not before %s", test.less, test.more)
		}
	}
}

func TestUsualPlaces(t *testing.T) {
	env := map[string]string{
		"ProgramFiles": `C:\Program Files`, "ProgramW6432": `C:\Program Files`, "ProgramFiles(x86)": `C:\Program Files (x86)`,
		"LOCALAPPDATA": `C:\Users\u\AppData\Local`,
	}
	want := []string{
		`C:\Program Files\LLVM\bin\clang.exe`,
		`C:\Program Files\Microsoft Visual Studio\*\*\VC\Tools\Llvm\x64\bin\clang.exe`,
		`C:\Program Files\Microsoft Visual Studio\*\*\VC\Tools\Llvm\bin\clang.exe`,
		`C:\Program Files (x86)\LLVM\bin\clang.exe`,
		`C:\Program Files (x86)\Microsoft Visual Studio\*\*\VC\Tools\Llvm\x64\bin\clang.exe`,
		`C:\Program Files (x86)\Microsoft Visual Studio\*\*\VC\Tools\Llvm\bin\clang.exe`,
		`C:\Users\u\AppData\Local\Programs\LLVM\bin\clang.exe`,
		`C:\Users\u\AppData\Local\Microsoft\WinGet\Links\clang.exe`,
	}
	if diff := cmp.Diff(want, usualPlaces("windows", func(n string) string { return env[n] })); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for _, goos := range []string{"linux", "darwin"} {
		for _, place := range usualPlaces(goos, func(string) string { return "" }) {
			if !strings.HasPrefix(place, "/") || !strings.HasSuffix(place, "/clang") {
				t.Errorf("%s: %s", goos, place)
			}
		}
	}
}

// TestFindClang: which of several compilers is taken.
func TestFindClang(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the compilers are shell scripts")
	}
	const bpf = `echo "    bpf        - BPF (host endian)"` + "\n"
	version := func(v string) string { return `echo "clang version ` + v + `" >&2` + "\n" }
	for _, test := range []struct {
		name    string
		scripts map[string]string // by path
		setting string
		want    string // path
		err     string
	}{
		{name: "the plain name first", want: "a/clang",
			scripts: map[string]string{"a/clang": version("14.0.6") + bpf, "a/clang-19": version("19.1.7") + bpf}},
		{name: "the highest versioned name", want: "b/clang-20",
			scripts: map[string]string{"a/clang-9": version("9.0.0") + bpf, "a/clang-19": version("19.1.7") + bpf, "b/clang-20": version("20.1.0") + bpf}},
		{name: "not without the target", want: "a/clang-18",
			scripts: map[string]string{"a/clang": version("15.0.0"), "a/clang-18": version("18.0.0") + bpf}},
		{name: "not one that is no clang", want: "a/clang-18",
			scripts: map[string]string{"a/clang": "exit 3\n", "a/clang-18": version("18.0.0") + bpf}},
		{name: "no name that is not quite it", want: "a/clang-18",
			scripts: map[string]string{"a/clang-format-20": version("20.0.0") + bpf, "a/clang-cl": version("20.0.0") + bpf, "a/clang-18": version("18.0.0") + bpf}},
		{name: "the setting, a name", setting: "myclang", want: "b/myclang",
			scripts: map[string]string{"a/clang": version("19.1.7") + bpf, "b/myclang": version("16.0.0") + bpf}},
		{name: "the setting, a path", setting: "./c/clang", want: "c/clang",
			scripts: map[string]string{"a/clang": version("19.1.7") + bpf, "c/clang": version("16.0.0") + bpf}},
		{name: "the setting, however old", setting: "./c/clang", want: "c/clang",
			scripts: map[string]string{"a/clang": version("19.1.7") + bpf, "c/clang": version("10.0.0") + bpf}},
		{name: "nothing in place of the setting", setting: "none", err: "the setting names none, which is in no directory of PATH. ",
			scripts: map[string]string{"a/clang": version("19.1.7") + bpf}},
		{name: "the setting has no target", setting: "./c/clang", err: "c/clang: version 15.0.0 was built without the bpf target. ",
			scripts: map[string]string{"c/clang": version("15.0.0")}},
		{name: "the setting is a directory", setting: ".", err: "no directory of PATH",
			scripts: map[string]string{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := realTempDir(t)
			for path, text := range test.scripts {
				path = filepath.Join(dir, path)
				if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
					t.Fatal(err)
				}
				writeScript(t, path, text)
			}
			d := &Driver{Env: []string{"PATH=" + filepath.Join(dir, "a") + ":relative:" + filepath.Join(dir, "b")}, usual: []string{}}
			found, looked, err := d.findClang(t.Context(), Settings{Clang: test.setting}, dir)
			if test.err != "" {
				var none *NotFoundError
				if !errors.As(err, &none) || !strings.Contains(err.Error(), test.err) || !strings.Contains(err.Error(), installAdvice) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if want := filepath.Join(dir, test.want); found.Path != want {
				t.Errorf("got %s, want %s; looked at %q", found.Path, want, looked)
			}
			// Known now, until the file changes.
			again, err := d.ask(t.Context(), candidate{found.Path, found.Origin})
			if err != nil || again != found {
				t.Errorf("asked again: %+v, %v", again, err)
			}
			writeScript(t, found.Path, version("99.0")+bpf+"# and more\n")
			again, err = d.ask(t.Context(), candidate{found.Path, found.Origin})
			if err != nil || again.Major != 99 {
				t.Errorf("after a change: %+v, %v", again, err)
			}
		})
	}
}

func TestClangNotFound(t *testing.T) {
	d := &Driver{Env: []string{"PATH=/nonexistent"}, usual: []string{"/nonexistent/llvm-*/bin/clang"}}
	_, looked, err := d.findClang(t.Context(), Settings{}, "/")
	const want = "clang was not found. Verification is off for this file. " +
		"Install LLVM (apt install clang-19; winget install LLVM.LLVM; brew install llvm) or set bpfls.clang.path."
	var none *NotFoundError
	if !errors.As(err, &none) || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if diff := cmp.Diff([]string{"PATH", "/nonexistent/llvm-*/bin/clang"}, looked); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if runtime.GOOS == "windows" {
		return
	}
	// One that cannot be used is named.
	dir := realTempDir(t)
	writeScript(t, filepath.Join(dir, "clang"), "echo 'Apple clang version 15.0.0' >&2\n")
	d = &Driver{Env: []string{"PATH=" + dir}, usual: []string{}}
	_, _, err = d.findClang(t.Context(), Settings{}, "/")
	if err == nil || !strings.Contains(err.Error(), "(Not usable: "+dir+"/clang version 15.0.0 was built without the bpf target.)") {
		t.Errorf("got %v", err)
	}
	// A usual place, the newest; one too old only where there is no other.
	for _, v := range []string{"9", "12", "14"} {
		bin := filepath.Join(dir, "llvm-"+v, "bin")
		if err := os.MkdirAll(bin, 0o777); err != nil {
			t.Fatal(err)
		}
		writeScript(t, filepath.Join(bin, "clang"), "echo 'clang version "+v+".0.0' >&2\necho '  bpf  - BPF'\n")
		d = &Driver{Env: []string{"PATH=/nonexistent"}, usual: []string{filepath.Join(dir, "llvm-*", "bin", "clang")}}
		found, _, err := d.findClang(t.Context(), Settings{}, "/")
		if err != nil || found.Version != v+".0.0" || found.Origin != bin {
			t.Errorf("%+v, %v", found, err)
		}
	}
}
