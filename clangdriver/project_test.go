package clangdriver

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// bootstrap is a Makefile as libbpf-bootstrap's are built up.
const bootstrap = `
OUTPUT := .output
CLANG ?= clang
LIBBPF_SRC := $(abspath ../libbpf/src)
ARCH ?= $(shell uname -m | sed 's/x86_64/x86/' \
			 | sed 's/arm.*/arm/' \
			 | sed 's/aarch64/arm64/' )
VMLINUX := ../vmlinux/$(ARCH)/vmlinux.h
INCLUDES := -I$(OUTPUT) -I$(dir $(VMLINUX)) # headers
CLANG_BPF_SYS_INCLUDES ?= $(shell $(CLANG) -v -E - </dev/null 2>&1 \
	| sed -n '/<...> search starts here:/,/End of search list./{ s| \(/.*\)|-idirafter \1|p }')
ifeq ($(V),1)
	Q =
	msg =
else
	Q = @
	msg = @printf '  %-8s %s\n' "$(1)" "$(2)";
endif
define allow-override
  $(if $(or $(findstring environment,$(origin $(1)))),,$(eval $(1) = $(2)))
endef
$(call allow-override,CC,$(CROSS_COMPILE)cc)
BPF_CFLAGS = -DNAME='"a b"'
APPS = one two

all: $(APPS)

$(OUTPUT)/%.bpf.o: %.bpf.c $(wildcard *.h) $(VMLINUX) | $(OUTPUT)
	$(call msg,BPF,$@)
	$(Q)$(CLANG) -g -O1 -target bpf -D__TARGET_ARCH_$(ARCH) $(BPF_CFLAGS) \
		     $(INCLUDES) $(CLANG_BPF_SYS_INCLUDES) \
		     -c $(filter %.c,$^) -o $(patsubst %.bpf.o,%.tmp.bpf.o,$@)
	$(Q)bpftool gen object $@ $(patsubst %.bpf.o,%.tmp.bpf.o,$@)
`

// The flags of a source are those that its project compiles it with, wherever the project
// says so. In the flags, DIR is the folder of the files.
func TestProjectFlags(t *testing.T) {
	arch := map[string]string{"amd64": "x86", "arm64": "arm64"}[runtime.GOARCH]
	if runtime.GOOS != "linux" || arch == "" {
		t.Skip("the expected flags are those of Linux on amd64 and arm64")
	}
	for _, test := range []struct {
		name, files string
		want        string // flags that are taken, with where they come from
		ignored     string // a part of what is said of flags that are not
		env         string
	}{
		{"nothing", "-- src/a.bpf.c --", "", "", ""},
		{"bpf2go", "-- go.mod --\n-- src/a.bpf.c --\n-- gen.go --\npackage main\n\n//go:generate go run github.com/cilium/ebpf/cmd/bpf2go@v0.22.0 -type event -cflags \"-DA -DB\" prog src/a.bpf.c -- -Iinc -O1\n",
			"-O1 DIR/gen.go:3|-mcpu=v1 DIR/gen.go:3|-DA DIR/gen.go:3|-DB DIR/gen.go:3|-I DIR/inc DIR/gen.go:3", "", ""},
		{"bpf2go as a tool, for machines", "-- src/a.bpf.c --\n-- src/gen.go --\n//go:generate -command bpf2go go tool bpf2go\n//go:generate bpf2go -target arm64,amd64,s390x prog ./a.bpf.c\n",
			"-O2 DIR/src/gen.go:2|-mcpu=v1 DIR/src/gen.go:2|-D__TARGET_ARCH_" + arch + " DIR/src/gen.go:2", "", ""},
		{"bpf2go and the environment", "-- src/a.bpf.c --\n-- src/gen.go --\n//go:generate go tool bpf2go prog $GOFILE.c\n//go:generate go tool bpf2go prog a.bpf.c\n",
			"-O2 DIR/src/gen.go:2|-mcpu=v1 DIR/src/gen.go:2|-DE DIR/src/gen.go:2", "", "BPF2GO_CFLAGS=-DE"},
		{"a variable that is not set", "-- src/a.bpf.c --\n-- src/gen.go --\n//go:generate go tool bpf2go -cflags $BPF_CFLAGS_ prog a.bpf.c\n",
			"", "it uses $BPF_CFLAGS_, which is not set", ""},
		{"bpf2go for big-endian machines", "-- src/a.bpf.c --\n-- src/gen.go --\n//go:generate go tool bpf2go -target bpfeb prog a.bpf.c\n",
			"", "big-endian", ""},
		{"another source's bpf2go", "-- src/a.bpf.c --\n-- src/gen.go --\n//go:generate go tool bpf2go prog b.bpf.c\n//go:generate stringer -type=bpf2go\n", "", "", ""},
		{"a Makefile", "-- src/a.bpf.c --\n-- src/Makefile --" + bootstrap,
			"-O1 MAKE|-D__TARGET_ARCH_" + arch + " MAKE|-DNAME=\"a b\" MAKE|-I DIR/src/.output MAKE|-I DIR/vmlinux/" + arch + " MAKE", "", ""},
		{"a Makefile with a rule for one file, in the folder above", "-- .git/x --\n-- src/a.bpf.c --\n-- Makefile --\nF = -DX $(MORE)\nMORE += -DY\nout/a.o: src/a.bpf.c\n\tmkdir -p out\n\t/usr/bin/clang-19 $F --target=bpf -c $< -o $@\n",
			"-DX DIR/Makefile:3|-DY DIR/Makefile:3", "", ""},
		{"a static pattern rule", "-- src/a.bpf.c --\n-- src/Makefile --\nOBJS = a.o b.o\n$(OBJS): %.o: %.bpf.c\n\tclang -D$* -target bpf -c $< -o $@\n", "-Da DIR/src/Makefile:2", "", ""},
		{"a rule for other objects", "-- src/a.bpf.c --\n-- src/Makefile --\nb.o: %.o: %.bpf.c\n\tclang -D$* -target bpf -c $< -o $@\n", "", "", ""},
		{"a rule that includes another file", "-- src/a.bpf.c --\n-- src/Makefile --\ninclude ../common.mk\n-include *.d\n%.o: %.bpf.c\n\t$(CLANG) $(BPF_CFLAGS:=1) -target bpf -c $< -o $@\n-- common.mk --\nCLANG := clang-19\nBPF_CFLAGS = -DX=\n",
			"-DX=1 DIR/src/Makefile:3", "", ""},
		{"a command that is run", "-- src/a.bpf.c --\n-- src/Makefile --\nX != date\nF = $(shell pkg-config --cflags x)\n%.o: %.bpf.c\n\tclang $(F) -target bpf -c $< -o $@\n", "", "$(shell pkg-config --cflags x) is not run", ""},
		{"a condition that cannot be evaluated", "-- src/a.bpf.c --\n-- src/Makefile --\nifeq ($(shell date),)\nF = -DX\nendif\n%.o: %.bpf.c\n\tclang $(F) -target bpf -c $< -o $@\n", "", "line 1: $(shell date) is not run", ""},
		{"what eval sets", "-- src/a.bpf.c --\n-- src/Makefile --\n$(eval F = -DX)\n%.o: %.bpf.c\n\tclang $(F) -target bpf -c $< -o $@\n", "", "$(F) may be set by", ""},
		{"a rule for the host", "-- src/a.bpf.c --\n-- src/Makefile --\n# bpf\n%.o: %.bpf.c\n\tclang -DX -c $< -o $@\n", "", "", ""},
		{"variables that never end", "-- src/a.bpf.c --\n-- src/Makefile --\nA = $(A)\nB = $(C)$(C)\nC = $(B)$(B)\n%.o: %.bpf.c\n\tclang $(A) $(B) -target bpf -c $< -o $@\n", "", "too deep", ""},
		{"conditions", "-- src/a.bpf.c --\n-- src/Makefile --\nD = 1\nifdef D\nifneq ($(D),1)\nF = -DNO\nelse ifeq \"$(D)\" \"1\"\nF = -DYES\nelse\nF = -DNO\nendif\nelse\nF = -DNO\nendif\n%.o: %.bpf.c\n\tclang $(F) -target bpf -c $< -o $@\n", "-DYES DIR/src/Makefile:13", "", ""},
		{"a .clangd", "-- src/a.bpf.c --\n-- .clangd --\nCompileFlags:\n  Add: [-target, bpf, -Iinc, -O1]\n---\nIf:\n  PathMatch: other/.*\nCompileFlags:\n  Add: -DNO\n---\nIf:\n  PathMatch: [other/.*, 'src/.*\\.c']\n  PathExclude: .*x\nCompileFlags:\n  Add: -DYES\n  Compiler: clang-19\n",
			"-O1 DIR/.clangd|-I DIR/src/inc DIR/.clangd|-DYES DIR/.clangd", "", ""},
		{"a .clangd that changes a database", "-- build/compile_commands.json --\n[{\"directory\": \"$DIR\", \"file\": \"src/a.bpf.c\", \"arguments\": [\"clang\", \"-target\", \"bpf\", \"-I\", \"x\", \"-DA=1\", \"-DB\", \"-DC\"]}]\n-- src/a.bpf.c --\n-- src/.clangd --\nCompileFlags:\n  Remove: [-I, -DA*, -DC]\n  Add: -DNEW\n",
			"-DB DIR/build/compile_commands.json|-DNEW DIR/src/.clangd", "", ""},
		{"a .clangd that names a database", "-- db/compile_commands.json --\n[{\"directory\": \"$DIR\", \"file\": \"src/a.bpf.c\", \"arguments\": [\"clang\", \"-target\", \"bpf\", \"-DA\"]}]\n-- src/a.bpf.c --\n-- .clangd --\nCompileFlags: {CompilationDatabase: db}\n",
			"-DA DIR/db/compile_commands.json", "", ""},
		{"a broken .clangd", "-- src/a.bpf.c --\n-- .clangd --\nCompileFlags: {Add: [-DX\n", "", "is not understood", ""},
		{"a database for BPF before all else", "-- compile_commands.json --\n[{\"directory\": \"$DIR\", \"file\": \"src/a.bpf.c\", \"arguments\": [\"clang\", \"-target\", \"bpf\", \"-DDB\"]}]\n-- src/a.bpf.c --\n-- src/gen.go --\n//go:generate go tool bpf2go prog a.bpf.c -- -DGO\n",
			"-DDB DIR/compile_commands.json", "", ""},
		{"a database for the host behind them", "-- compile_flags.txt --\n-DHOST\n-- src/a.bpf.c --\n-- src/Makefile --\n%.o: %.bpf.c\n\tclang -DMAKE -target bpf -c $< -o $@\n",
			"-DMAKE DIR/src/Makefile:1", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := realTempDir(t)
			unpack(t, txtar.Parse([]byte(test.files)), dir)
			d := &Driver{Env: append(os.Environ(), "V=", "ARCH=", "F=", "MORE=", "BPF_CFLAGS=", "BPF2GO_CFLAGS=", test.env)}
			p := &plan{source: filepath.Join(dir, "src", "a.bpf.c"), dir: filepath.Join(dir, "src"), unresolved: map[string][]string{}}
			s := Settings{NoProject: switchedOff("projectFlags")}
			flags := d.commandFlags(s, p.dir, p)
			var got []string
			if flags.optimize != nil {
				got = append(got, flags.optimize.Args[0]+" "+flags.optimize.Origin)
			}
			for _, f := range flags.taken {
				got = append(got, strings.Join(f.Args, " ")+" "+f.Origin)
			}
			text := strings.ReplaceAll(strings.Join(got, "|"), dir, "DIR")
			want := strings.ReplaceAll(test.want, "MAKE", "DIR/src/Makefile:"+line(bootstrap, "$(OUTPUT)/%.bpf.o:"))
			if test.name == "a database for the host behind them" {
				want = test.want
			}
			if diff := cmp.Diff(want, text); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			said := fmt.Sprint(flags.ignored)
			if !strings.Contains(said, test.ignored) || test.ignored == "" && strings.Contains(said, "nothing of this") {
				t.Errorf("ignored: %s; want %q", said, test.ignored)
			}
			if where, ok := ForBPF(p.source, s); test.env == "" && (ok != (test.want != "") || ok && where == "") {
				t.Errorf("for BPF: %v by %q", ok, where)
			}
			for _, f := range flags.taken {
				file, _, _ := strings.Cut(strings.TrimPrefix(f.Origin, dir), ":")
				if !slices.Contains(p.read, dir+file) && (p.db == nil || p.db.path != f.Origin) {
					t.Errorf("%s is not watched: %q", f.Origin, p.read)
				}
			}
		})
	}
}

// line is the number of the line that begins so.
func line(text, start string) string {
	return fmt.Sprint(1 + strings.Count(text[1:strings.Index(text, "\n"+start)+1], "\n"))
}

func FuzzMakefile(f *testing.F) {
	f.Add(bootstrap)
	f.Add("a: b\n\tclang -target bpf -c $< -o $@\nifeq (a,a)\nX=$(foreach a,b,$(a))\nendif\ndefine x\ny\nendef\n$(eval a)\n")
	f.Add("%.o: %.c; clang -target bpf $(subst a,b,$^) ${x:a=b}\n")
	f.Fuzz(func(t *testing.T, text string) {
		m := newMakefile("/nowhere", nil)
		err := m.parse("/nowhere/Makefile", text)
		_, at, failed := m.commandFor("/nowhere/a.bpf.c")
		if at == "" && failed == nil && err == nil && m.steps > maxMakeSteps+1 {
			t.Errorf("it went on after %d expansions", m.steps)
		}
	})
}

func FuzzClangd(f *testing.F) {
	f.Add([]byte("CompileFlags:\n  Add: [-DX]\n  Remove: -I*\n---\nIf: {PathMatch: 'a.*'}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := parseClangd(".clangd", text)
		if err == nil && len(list) > 1000 {
			t.Error("too many documents")
		}
	})
}

func FuzzGenerate(f *testing.F) {
	f.Add([]byte("//go:generate go run x/bpf2go -cflags \"-DX\" a b.c -- -Ix\n//go:generate -command x go tool bpf2go\n//go:generate x \"a\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, g := range parseGenerate("/nowhere/a.go", text, nil) {
			g.compiles("/nowhere/b.c")
			if c, err := g.command(nil); err == nil && !isBPFTarget(targetOf(c.args)) {
				t.Errorf("%q is not for BPF", c.args)
			}
		}
	})
}
