package clangdriver

import (
	"path/filepath"
	"slices"
	"strings"
)

// defaults are the flags that every compilation begins with. -O2 gives way to a
// level that settings, or the source's own command for BPF, name.
var defaults = []string{"-O2", "-g", "-Wall"}

// Reasons why a flag is not taken.
const (
	reasonHost      = "is for the machine the command compiles for, not for BPF"
	reasonOutput    = "names output; bpfls compiles into a directory of its own"
	reasonPlugin    = "loads code into clang"
	reasonResponse  = "response files are not read"
	reasonToolchain = "chooses parts of a toolchain"
	reasonWerror    = "warnings stay warnings, so that the program is still verified"
	reasonDebug     = "-g is always on: findings need the line information"
	reasonUnknown   = "does not matter for BPF, or is not known to"
	reasonLink      = "is for the linker"
	reasonNoValue   = "has no value"
	reasonTarget    = "bpfls compiles for bpf, little endian"
	reasonLanguage  = "is not for C"
	reasonCPU       = "is no CPU of BPF (generic, v1 to v4, probe)"
)

// flagRule is what the filters do with an option.
type flagRule struct {
	name     string
	value    valueForm
	isPath   bool   // the value is a path
	onlyBPF  bool   // taken only from a command whose target is BPF
	take     bool   // taken
	dropWith string // else: the reason
}

type valueForm int

const (
	noValue     valueForm = iota
	joined                // -std=c11; the name ends with what joins
	separate              // -include x
	eitherValue           // -Ix, -I x
)

// flagRules are the options that are taken, and those whose values must be
// skipped with them. The longest matching name decides.
var flagRules = []flagRule{
	{name: "-I", value: eitherValue, isPath: true, take: true},
	{name: "-isystem", value: eitherValue, isPath: true, take: true},
	{name: "-iquote", value: eitherValue, isPath: true, take: true},
	{name: "-idirafter", value: eitherValue, isPath: true, take: true},
	{name: "-include", value: eitherValue, isPath: true, take: true},
	{name: "-imacros", value: eitherValue, isPath: true, take: true},
	{name: "-isysroot", value: eitherValue, isPath: true, take: true, onlyBPF: true},
	{name: "--sysroot=", value: joined, isPath: true, take: true, onlyBPF: true},
	{name: "-nostdinc", take: true, onlyBPF: true},
	{name: "-nostdlibinc", take: true, onlyBPF: true},
	{name: "-nobuiltininc", take: true, onlyBPF: true},
	{name: "-D", value: eitherValue, take: true},
	{name: "-U", value: eitherValue, take: true},
	{name: "-std=", value: joined, take: true},
	{name: "--std=", value: joined, take: true},
	{name: "-ansi", take: true},
	{name: "-w", take: true},
	{name: "-pedantic", take: true},
	{name: "-pedantic-errors", dropWith: reasonWerror},
	{name: "-mllvm", value: separate, onlyBPF: true}, // see filter
	{name: "-Xclang", value: separate},               // see filter

	{name: "-fbuiltin", take: true, onlyBPF: true},
	{name: "-fno-builtin", take: true, onlyBPF: true},
	{name: "-fno-builtin-", value: joined, take: true, onlyBPF: true},
	{name: "-ffreestanding", take: true, onlyBPF: true},
	{name: "-fhosted", take: true, onlyBPF: true},
	{name: "-fshort-enums", take: true, onlyBPF: true},
	{name: "-fno-short-enums", take: true, onlyBPF: true},
	{name: "-fsigned-char", take: true, onlyBPF: true},
	{name: "-fno-signed-char", take: true, onlyBPF: true},
	{name: "-funsigned-char", take: true, onlyBPF: true},
	{name: "-fno-unsigned-char", take: true, onlyBPF: true},
	{name: "-fpack-struct", take: true, onlyBPF: true},
	{name: "-fpack-struct=", value: joined, take: true, onlyBPF: true},
	{name: "-fwrapv", take: true, onlyBPF: true},
	{name: "-fno-wrapv", take: true, onlyBPF: true},
	{name: "-fstrict-aliasing", take: true, onlyBPF: true},
	{name: "-fno-strict-aliasing", take: true, onlyBPF: true},
	{name: "-fstrict-overflow", take: true, onlyBPF: true},
	{name: "-fno-strict-overflow", take: true, onlyBPF: true},
	{name: "-fdelete-null-pointer-checks", take: true, onlyBPF: true},
	{name: "-fno-delete-null-pointer-checks", take: true, onlyBPF: true},
	{name: "-fms-extensions", take: true},
	{name: "-fno-ms-extensions", take: true},
	{name: "-fgnu89-inline", take: true, onlyBPF: true},
	{name: "-fno-gnu89-inline", take: true, onlyBPF: true},
	{name: "-finline-functions", take: true, onlyBPF: true},
	{name: "-finline-hint-functions", take: true, onlyBPF: true},
	{name: "-fno-inline", take: true, onlyBPF: true},
	{name: "-fno-inline-functions", take: true, onlyBPF: true},
	{name: "-funroll-loops", take: true, onlyBPF: true},
	{name: "-fno-unroll-loops", take: true, onlyBPF: true},
	{name: "-fvectorize", take: true, onlyBPF: true},
	{name: "-fno-vectorize", take: true, onlyBPF: true},
	{name: "-fslp-vectorize", take: true, onlyBPF: true},
	{name: "-fno-slp-vectorize", take: true, onlyBPF: true},
	{name: "-fjump-tables", take: true, onlyBPF: true},
	{name: "-fno-jump-tables", take: true, onlyBPF: true},
	{name: "-fcommon", take: true, onlyBPF: true},
	{name: "-fno-common", take: true, onlyBPF: true},
	{name: "-ffunction-sections", take: true, onlyBPF: true},
	{name: "-fno-function-sections", take: true, onlyBPF: true},
	{name: "-fdata-sections", take: true, onlyBPF: true},
	{name: "-fno-data-sections", take: true, onlyBPF: true},
	{name: "-fmerge-all-constants", take: true, onlyBPF: true},
	{name: "-fno-merge-all-constants", take: true, onlyBPF: true},
	{name: "-fno-zero-initialized-in-bss", take: true, onlyBPF: true},
	{name: "-ftrivial-auto-var-init=", value: joined, take: true, onlyBPF: true},
	{name: "-fvisibility=", value: joined, take: true, onlyBPF: true},
	{name: "-fno-stack-protector", take: true, onlyBPF: true},
	{name: "-fno-asynchronous-unwind-tables", take: true, onlyBPF: true},
	{name: "-fdebug-types-section", dropWith: reasonDebug},

	{name: "-mcpu=", value: joined, onlyBPF: true}, // see filter
	{name: "-malu32", take: true, onlyBPF: true},
	{name: "-mno-alu32", take: true, onlyBPF: true},
	{name: "-mlittle-endian", take: true, onlyBPF: true},

	{name: "-target", value: separate},
	{name: "--target=", value: joined},
	{name: "--target", value: separate},
	{name: "-o", value: eitherValue, dropWith: reasonOutput},
	{name: "--output=", value: joined, dropWith: reasonOutput},
	{name: "-c"}, {name: "-v"}, {name: "-pipe"}, {name: "--"},
	{name: "-x", value: eitherValue, dropWith: reasonLanguage},
	{name: "-MF", value: eitherValue, dropWith: reasonOutput},
	{name: "-MT", value: eitherValue, dropWith: reasonOutput},
	{name: "-MQ", value: eitherValue, dropWith: reasonOutput},
	{name: "-MJ", value: eitherValue, dropWith: reasonOutput},
	{name: "-M", value: joined, dropWith: reasonOutput},
	{name: "-save-temps", dropWith: reasonOutput},
	{name: "-save-temps=", value: joined, dropWith: reasonOutput},
	{name: "--save-temps", dropWith: reasonOutput},
	{name: "--save-temps=", value: joined, dropWith: reasonOutput},
	{name: "-E", dropWith: reasonOutput},
	{name: "-S", dropWith: reasonOutput},
	{name: "-fsyntax-only", dropWith: reasonOutput},
	{name: "--analyze", dropWith: reasonOutput},
	{name: "-dump", value: joined, dropWith: reasonOutput},
	{name: "-ftime-trace", dropWith: reasonOutput},
	{name: "-ftime-trace=", value: joined, dropWith: reasonOutput},
	{name: "-fsave-optimization-record", dropWith: reasonOutput},
	{name: "-fsave-optimization-record=", value: joined, dropWith: reasonOutput},
	{name: "-foptimization-record-file=", value: joined, dropWith: reasonOutput},
	{name: "-fstack-usage", dropWith: reasonOutput},
	{name: "-fcrash-diagnostics-dir=", value: joined, dropWith: reasonOutput},
	{name: "-gen-reproducer", dropWith: reasonOutput},
	{name: "-gen-reproducer=", value: joined, dropWith: reasonOutput},
	{name: "-fproc-stat-report", dropWith: reasonOutput},
	{name: "-fproc-stat-report=", value: joined, dropWith: reasonOutput},
	{name: "-serialize-diagnostics", value: separate, dropWith: reasonOutput},
	{name: "--serialize-diagnostics", value: separate, dropWith: reasonOutput},
	{name: "-fdiagnostics-format=", value: joined, dropWith: reasonOutput},
	{name: "-fplugin=", value: joined, dropWith: reasonPlugin},
	{name: "-fplugin-arg-", value: joined, dropWith: reasonPlugin},
	{name: "-fpass-plugin=", value: joined, dropWith: reasonPlugin},
	{name: "-fuse-ld=", value: joined, dropWith: reasonToolchain},
	{name: "-fno-integrated-as", dropWith: reasonToolchain},
	{name: "-fno-integrated-cc1", dropWith: reasonToolchain},
	{name: "-B", value: eitherValue, dropWith: reasonToolchain},
	{name: "-gcc-toolchain", value: separate, dropWith: reasonToolchain},
	{name: "--gcc-toolchain=", value: joined, dropWith: reasonToolchain},
	{name: "--config", value: separate, dropWith: reasonToolchain},
	{name: "--config=", value: joined, dropWith: reasonToolchain},
	{name: "-ccc-", value: joined, dropWith: reasonToolchain},
	{name: "-resource-dir", value: separate, dropWith: reasonToolchain},
	{name: "-resource-dir=", value: joined, dropWith: reasonToolchain},
	{name: "-specs=", value: joined, dropWith: reasonToolchain},
	{name: "-wrapper", value: separate, dropWith: reasonToolchain},
	{name: "-arch", value: separate, dropWith: reasonHost},
	{name: "-march=", value: joined, dropWith: reasonHost},
	{name: "-mtune=", value: joined, dropWith: reasonHost},
	{name: "--param", value: separate, dropWith: reasonHost},
	{name: "-Xlinker", value: separate, dropWith: reasonLink},
	{name: "-Xassembler", value: separate, dropWith: reasonHost},
	{name: "-Xpreprocessor", value: separate, dropWith: reasonUnknown},
	{name: "-Wl,", value: joined, dropWith: reasonLink},
	{name: "-Wa,", value: joined, dropWith: reasonHost},
	{name: "-Wp,", value: joined, dropWith: reasonOutput},
	{name: "-Xclang=", value: joined, dropWith: reasonToolchain},
	{name: "-mllvm=", value: joined, dropWith: reasonToolchain},
	{name: "--driver-mode=", value: joined, dropWith: reasonToolchain},
	{name: "-flto", dropWith: reasonOutput},
	{name: "-flto=", value: joined, dropWith: reasonOutput},
	{name: "-gsplit-dwarf", dropWith: reasonOutput},
	{name: "-gsplit-dwarf=", value: joined, dropWith: reasonOutput},
	{name: "-coverage", dropWith: reasonOutput},
	{name: "--coverage", dropWith: reasonOutput},
	{name: "-ftest-coverage", dropWith: reasonOutput},
	{name: "-fmodules", value: joined, dropWith: reasonOutput},
	{name: "-fmodule-", value: joined, dropWith: reasonOutput},
	{name: "-emit-", value: joined, dropWith: reasonOutput},
	{name: "-print-", value: joined, dropWith: reasonOutput},
	{name: "--print-", value: joined, dropWith: reasonOutput},
	{name: "--version", dropWith: reasonOutput},
	{name: "--help", value: joined, dropWith: reasonOutput},
	{name: "-###", dropWith: reasonOutput},
	{name: "-L", value: eitherValue, dropWith: reasonLink},
	{name: "-l", value: eitherValue, dropWith: reasonLink},
	{name: "-T", value: eitherValue, dropWith: reasonLink},
	{name: "-u", value: eitherValue, dropWith: reasonLink},
	{name: "-z", value: eitherValue, dropWith: reasonLink},
	{name: "-framework", value: separate, dropWith: reasonLink},
	{name: "-F", value: eitherValue, dropWith: reasonHost},
	{name: "-iframework", value: eitherValue, dropWith: reasonHost},
	{name: "-include-pch", value: separate, dropWith: reasonHost},
}

// matches says whether an argument is this rule's option.
func (r *flagRule) matches(arg string) bool {
	switch r.value {
	case noValue, separate:
		return arg == r.name
	case joined:
		return strings.HasPrefix(arg, r.name)
	}
	return strings.HasPrefix(arg, r.name)
}

func ruleFor(arg string) *flagRule {
	var best *flagRule
	for i := range flagRules {
		r := &flagRules[i]
		if r.matches(arg) && (best == nil || len(r.name) > len(best.name)) {
			best = r
		}
	}
	return best
}

// splitFlag cuts the first flag with its value off args.
func splitFlag(args []string, rule *flagRule) (flag, rest []string) {
	if rule == nil || rule.value == noValue || rule.value == joined {
		return args[:1], args[1:]
	}
	if args[0] != rule.name { // joined form of eitherValue
		return []string{rule.name, args[0][len(rule.name):]}, args[1:]
	}
	n := min(2, len(args))
	return args[:n], args[n:]
}

// takenFlags is what a filter made of a command.
type takenFlags struct {
	taken, ignored []Flag
	optimize       *Flag // the -O that it names, where that counts
	target         string
	warnings       bool // takes warning options, which may be another compiler's
}

func (t *takenFlags) take(origin string, args ...string) {
	t.taken = append(t.taken, Flag{Args: args, Origin: origin})
}

func (t *takenFlags) ignore(origin, reason string, args ...string) {
	t.ignored = append(t.ignored, Flag{Args: args, Origin: origin, Reason: reason})
}

var (
	optimizeFlag = pattern{text: `^-O([0-9sgz]|fast)?$`}
	warningFlag  = pattern{text: `^-W[A-Za-z#][-+A-Za-z0-9_=#]*$`}
	bpfCPU       = pattern{text: `^(generic|probe|v[1-9])$`}
)

func isBPFTarget(triple string) bool {
	arch, _, _ := strings.Cut(triple, "-")
	return arch == "bpf" || arch == "bpfel"
}

// targetOf is the target that a command names, "" if none.
func targetOf(args []string) string {
	target := ""
	for i, a := range args {
		if (a == "-target" || a == "--target") && i+1 < len(args) {
			target = args[i+1]
		} else if t, ok := strings.CutPrefix(a, "--target="); ok {
			target = t
		}
	}
	return target
}

// filterCommand takes from a compile command, without the compiler's name, what
// makes sense for BPF. Paths are made absolute in dir.
func filterCommand(args []string, dir, origin string, source string) takenFlags {
	return filterPart(args, targetOf(args), dir, origin, source)
}

// filterPart takes the same from a part of a command that has a target.
func filterPart(args []string, target, dir, origin string, source string) takenFlags {
	t := takenFlags{target: target}
	bpf := isBPFTarget(target)
	for len(args) > 0 {
		arg := args[0]
		if arg == "--" {
			break // files follow
		}
		if arg == "" || arg == "-" || arg[0] != '-' && arg[0] != '@' {
			args = args[1:] // a file
			continue
		}
		rule := ruleFor(arg)
		var flag []string
		flag, args = splitFlag(args, rule)
		value := flag[len(flag)-1]
		switch {
		case arg[0] == '@':
			t.ignore(origin, reasonResponse, flag...)
		case rule != nil && (rule.value == separate || rule.value == eitherValue) && len(flag) < 2:
			t.ignore(origin, reasonNoValue, flag...)
		case rule != nil && (rule.name == "-target" || rule.name == "--target" || rule.name == "--target="):
			if !bpf {
				t.ignore(origin, reasonTarget, flag...)
			}
		case rule != nil && rule.name == "-Xclang":
			// -Xclang A -Xclang B: what takes a value has it behind the next -Xclang.
			if !bpf {
				t.ignore(origin, reasonHost, flag...)
				continue
			}
			var values []string
			for values = append(values, value); len(args) >= 2 && args[0] == "-Xclang" && !strings.HasPrefix(args[1], "-"); {
				values = append(values, args[1])
				flag = append(slices.Clip(flag), args[0], args[1])
				args = args[2:]
			}
			switch {
			case values[0] == "-target-feature" && len(values) == 2 || values[0] == "-disable-O0-optnone" && len(values) == 1:
				t.take(origin, flag...)
			case strings.Contains(values[0], "plugin") || values[0] == "-load":
				t.ignore(origin, reasonPlugin, flag...)
			default:
				t.ignore(origin, reasonUnknown, flag...)
			}
		case rule != nil && rule.name == "-mllvm":
			switch {
			case !bpf:
				t.ignore(origin, reasonHost, flag...)
			case strings.HasPrefix(value, "-bpf-") || strings.HasPrefix(value, "--bpf-"):
				t.take(origin, flag...)
			case strings.Contains(value, "load"):
				t.ignore(origin, reasonPlugin, flag...)
			default:
				t.ignore(origin, reasonUnknown, flag...)
			}
		case rule != nil && rule.name == "-mcpu=":
			switch {
			case !bpf:
				t.ignore(origin, reasonHost, flag...)
			case bpfCPU.get().MatchString(strings.TrimPrefix(arg, rule.name)):
				t.take(origin, flag...)
			default:
				t.ignore(origin, reasonCPU, flag...)
			}
		case optimizeFlag.get().MatchString(arg):
			if bpf {
				t.optimize = &Flag{Args: flag, Origin: origin}
			} else if arg != "-O2" {
				t.ignore(origin, reasonHost, flag...)
			}
		case rule != nil && rule.take && rule.onlyBPF && !bpf:
			t.ignore(origin, reasonHost, flag...)
		case rule != nil && rule.take:
			switch {
			case strings.HasSuffix(rule.name, "std=") && !forC(value, source):
				t.ignore(origin, reasonLanguage, flag...)
			case rule.isPath && rule.value == joined:
				t.take(origin, rule.name+absIn(dir, strings.TrimPrefix(arg, rule.name)))
			case rule.name == "-include" || rule.name == "-imacros":
				t.take(origin, rule.name, includeArgument(dir, value))
			case rule.isPath:
				t.take(origin, rule.name, absIn(dir, value))
			case rule.name == "-D" || rule.name == "-U":
				t.take(origin, rule.name+value)
			default:
				t.take(origin, flag...)
			}
		case rule != nil:
			if rule.dropWith != "" && !(rule.name == "-x" && value == "c") {
				t.ignore(origin, rule.dropWith, flag...)
			}
		case strings.HasPrefix(arg, "-Werror"):
			t.ignore(origin, reasonWerror, flag...)
		case warningFlag.get().MatchString(arg):
			t.warnings = true
			if !slices.Contains(defaults, arg) {
				t.take(origin, flag...)
			}
		case strings.HasPrefix(arg, "-g"):
			if arg != "-g" {
				t.ignore(origin, reasonDebug, flag...)
			}
		case strings.HasPrefix(arg, "-m"):
			t.ignore(origin, reasonHost, flag...)
		default:
			t.ignore(origin, reasonUnknown, flag...)
		}
	}
	return t
}

// forC says whether a -std= is one for the source's language.
func forC(value, source string) bool {
	cxx := strings.Contains(value, "++")
	return cxx == slices.Contains([]string{".cc", ".cpp", ".cxx", ".C"}, filepath.Ext(source))
}

// includeArgument is the value of -include: a file in the directory of the
// command, else a header that is searched for.
func includeArgument(dir, value string) string {
	if path := absIn(dir, value); isFile(path) {
		return path
	}
	return value
}

// filterSettings takes the flags that a user set, but for those that would take
// clang out of our hands. Relative paths are in dir.
func filterSettings(args []string, dir string) takenFlags {
	const origin = "setting"
	t := takenFlags{target: targetOf(args)}
	for len(args) > 0 {
		arg := args[0]
		rule := ruleFor(arg)
		var flag []string
		if arg == "" {
			args = args[1:]
			continue
		}
		flag, args = splitFlag(args, rule)
		value := flag[len(flag)-1]
		switch {
		case arg[0] == '@':
			t.ignore(origin, reasonResponse, flag...)
		case arg[0] != '-' || arg == "-" || arg == "--":
			t.ignore(origin, "is no flag", flag...)
		case rule != nil && (rule.value == separate || rule.value == eitherValue) && len(flag) < 2:
			t.ignore(origin, reasonNoValue, flag...)
		case rule != nil && (rule.name == "-target" || rule.name == "--target" || rule.name == "--target="):
			if !isBPFTarget(t.target) {
				t.ignore(origin, reasonTarget, flag...)
			}
		case rule != nil && slices.Contains([]string{reasonOutput, reasonPlugin, reasonToolchain, reasonHost, reasonLink}, rule.dropWith):
			t.ignore(origin, rule.dropWith, flag...)
		case rule != nil && (rule.name == "-c" || rule.name == "-v" || rule.name == "-pipe"):
		case rule != nil && rule.name == "-Xclang" && (value == "-load" || strings.Contains(value, "plugin")),
			rule != nil && rule.name == "-mllvm" && strings.Contains(value, "-load"):
			t.ignore(origin, reasonPlugin, flag...)
			if rule.name == "-Xclang" && len(args) >= 2 && args[0] == "-Xclang" { // its value
				t.ignore(origin, reasonPlugin, args[0], args[1])
				args = args[2:]
			}
		case rule != nil && rule.name == "-Xclang" && (value == "-o" || strings.HasSuffix(value, "-file") || strings.HasPrefix(value, "-emit")):
			t.ignore(origin, reasonOutput, flag...)
		case optimizeFlag.get().MatchString(arg):
			t.optimize = &Flag{Args: flag, Origin: origin}
		case rule != nil && rule.isPath && rule.value == joined:
			t.take(origin, rule.name+absIn(dir, strings.TrimPrefix(arg, rule.name)))
		case rule != nil && (rule.name == "-include" || rule.name == "-imacros"):
			t.take(origin, rule.name, includeArgument(dir, value))
		case rule != nil && rule.isPath:
			t.take(origin, rule.name, absIn(dir, value))
		case rule != nil && (rule.name == "-D" || rule.name == "-U"):
			t.take(origin, rule.name+value)
		default:
			t.take(origin, flag...)
		}
	}
	return t
}
