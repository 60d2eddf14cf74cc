package clangdriver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// OldestTested is the oldest major version of clang that this package's tests
// passed with (13.0.1). An older one is taken only where there is no other.
const OldestTested = 13

// askTimeout bounds the question to a compiler which version it is.
const askTimeout = 10 * time.Second

// installAdvice is what to do where there is no clang.
const installAdvice = "Install LLVM (apt install clang-19; winget install LLVM.LLVM; brew install llvm) or set bpfls.clang.path."

// compilers caches what is known of files that may be clang.
type compilers struct {
	mu    sync.Mutex
	known map[string]knownCompiler // by resolved path
}

type knownCompiler struct {
	stamp stamp
	clang Clang
	err   error
}

// stamp says whether a file is still the one that was looked at.
type stamp struct {
	size    int64
	mod     int64
	changed int64 // any program may set mod as it likes
}

func stampOf(info os.FileInfo) stamp {
	return stamp{info.Size(), info.ModTime().UnixNano(), ChangeTime(info).UnixNano()}
}

// candidate is a place where clang may be.
type candidate struct{ path, origin string }

// findClang gives the compiler to use, and what was looked at for it.
func (d *Driver) findClang(ctx context.Context, s Settings, dir string) (Clang, []string, error) {
	env := d.environ()
	if s.Clang != "" {
		return d.findSetting(ctx, s, dir, env)
	}
	var looked []string
	var old *Clang
	try := func(c candidate) (Clang, bool, error) {
		found, err := d.ask(ctx, c)
		switch {
		case ctx.Err() != nil:
			return Clang{}, false, ctx.Err()
		case err != nil:
			if !errors.Is(err, os.ErrNotExist) {
				looked = append(looked, fmt.Sprintf("%s: %v", c.path, err))
			}
			return Clang{}, false, nil
		case found.Major < OldestTested:
			looked = append(looked, fmt.Sprintf("%s: version %s is older than %d", c.path, found.Version, OldestTested))
			if old == nil {
				old = &found
			}
			return Clang{}, false, nil
		}
		looked = append(looked, fmt.Sprintf("%s: version %s", c.path, found.Version))
		return found, true, nil
	}
	pathDirs := env.pathDirs()
	looked = append(looked, "PATH")
	for _, c := range pathCandidates(pathDirs, exeSuffix(runtime.GOOS)) {
		if found, ok, err := try(c); ok || err != nil {
			return found, looked, err
		}
	}
	usual := d.usual
	if usual == nil {
		usual = usualPlaces(runtime.GOOS, env.get)
	}
	for _, pattern := range usual {
		looked = append(looked, pattern)
		matches, _ := filepath.Glob(pattern)
		slices.SortFunc(matches, func(a, b string) int { return compareVersions(b, a) })
		for _, path := range matches {
			if found, ok, err := try(candidate{path, filepath.Dir(path)}); ok || err != nil {
				return found, looked, err
			}
		}
	}
	if old != nil {
		return *old, looked, nil
	}
	return Clang{}, looked, &NotFoundError{Looked: looked, Message: "clang was not found." + wrongOnes(looked) +
		" Verification is off for this file. " + installAdvice}
}

// wrongOnes tells of compilers that were there and could not be used.
func wrongOnes(looked []string) string {
	var wrong []string
	for _, l := range looked {
		if path, why, ok := strings.Cut(l, ": "); ok {
			wrong = append(wrong, path+" "+why)
		}
	}
	if len(wrong) == 0 {
		return ""
	}
	return " (Not usable: " + strings.Join(wrong, "; ") + ".)"
}

func (d *Driver) findSetting(ctx context.Context, s Settings, dir string, env environment) (Clang, []string, error) {
	path := s.Clang
	if strings.ContainsAny(path, `/\`) || filepath.IsAbs(path) {
		path = absIn(dir, path)
		if runtime.GOOS == "windows" && filepath.Ext(path) == "" {
			path += ".exe"
		}
	} else if found := env.lookPath(path); found != "" {
		path = found
	} else {
		message := fmt.Sprintf("clang was not found: the setting names %s, which is in no directory of PATH. Verification is off for this file. %s",
			s.Clang, installAdvice)
		return Clang{}, []string{"PATH"}, &NotFoundError{[]string{"PATH"}, message}
	}
	looked := []string{path}
	found, err := d.ask(ctx, candidate{path, "setting"})
	if ctx.Err() != nil {
		return Clang{}, looked, ctx.Err()
	}
	if err != nil {
		why := err.Error()
		if errors.Is(err, os.ErrNotExist) {
			why = "there is no such file"
		}
		looked[0] += ": " + why
		return Clang{}, looked, &NotFoundError{looked, fmt.Sprintf(
			"clang was not found: the setting names %s: %s. Verification is off for this file. %s", path, why, installAdvice)}
	}
	looked[0] += ": version " + found.Version
	return found, looked, nil
}

// ask runs a candidate to learn its version and whether it compiles for BPF.
func (d *Driver) ask(ctx context.Context, c candidate) (Clang, error) {
	real, err := filepath.EvalSymlinks(c.path)
	if err != nil {
		real = c.path // a Windows app alias, for instance
	}
	info, err := os.Stat(c.path)
	if err != nil {
		return Clang{}, err
	}
	if info.IsDir() {
		return Clang{}, errors.New("is a directory")
	}
	// The name counts too: a link named gcc may lead to a wrapper of many names.
	key := real + "\x00" + filepath.Base(c.path)
	s := &d.cache.compilers
	s.mu.Lock()
	known, ok := s.known[key]
	s.mu.Unlock()
	if !ok || known.stamp != stampOf(info) {
		known = knownCompiler{stamp: stampOf(info)}
		known.clang, known.err = d.askNow(ctx, c.path)
		if ctx.Err() != nil {
			return Clang{}, ctx.Err()
		}
		if errors.As(known.err, new(notRun)) {
			return Clang{}, known.err
		}
		s.mu.Lock()
		if s.known == nil {
			s.known = map[string]knownCompiler{}
		}
		s.known[key] = known
		s.mu.Unlock()
	}
	found := known.clang
	found.Path, found.Origin = c.path, c.origin
	return found, known.err
}

// notRun is why a compiler could not be run: a file that another program holds, as scanners
// do on Windows, or a machine that has no more processes. Next time it may be otherwise.
type notRun struct{ cause error }

func (e notRun) Error() string { return "cannot be run: " + e.cause.Error() }
func (e notRun) Unwrap() error { return e.cause }

func (d *Driver) askNow(ctx context.Context, path string) (Clang, error) {
	// -v is answered on standard error, --print-targets on standard output.
	res, err := run(ctx, command{
		path: path, args: []string{"-v", "--print-targets"}, env: d.environ(), limit: askTimeout,
	})
	var timeout *TimeoutError
	switch {
	case errors.As(err, &timeout):
		return Clang{}, fmt.Errorf("did not tell its version within %s", askTimeout)
	case err != nil:
		return Clang{}, notRun{err}
	}
	version, major, ok := parseVersion(string(res.stderr))
	if !ok {
		return Clang{}, errors.New("does not tell a version of clang")
	}
	if !hasTarget(string(res.stdout), "bpf") {
		return Clang{}, fmt.Errorf("version %s was built without the bpf target", version)
	}
	return Clang{Version: version, Major: major}, nil
}

var versionText = pattern{text: `clang version (([0-9]+)(\.[0-9]+)*)`}

// parseVersion reads "Debian clang version 19.1.7 (3~deb12u1)" and its like.
func parseVersion(text string) (version string, major int, ok bool) {
	m := versionText.get().FindStringSubmatch(text)
	if m == nil {
		return "", 0, false
	}
	major, err := strconv.Atoi(m[2])
	return m[1], major, err == nil
}

// hasTarget reads the answer to --print-targets: "    bpf        - BPF (host endian)".
func hasTarget(text, name string) bool {
	for line := range strings.Lines(text) {
		if target, _, ok := strings.Cut(strings.TrimSpace(line), " "); ok && target == name {
			return true
		}
	}
	return false
}

func exeSuffix(goos string) string {
	if goos == "windows" {
		return ".exe"
	}
	return ""
}

var versionedName = pattern{text: `^clang-([0-9]+)$`}

// pathCandidates lists clang in the directories of PATH, then clang-22, clang-21
// and so on, the highest version first.
func pathCandidates(dirs []string, suffix string) []candidate {
	var plain, versioned []candidate
	version := map[string]int{}
	for _, dir := range dirs {
		plain = append(plain, candidate{filepath.Join(dir, "clang"+suffix), "PATH"})
		names, _ := filepath.Glob(filepath.Join(globQuote(dir), "clang-[0-9]*"+suffix))
		for _, path := range names {
			m := versionedName.get().FindStringSubmatch(strings.TrimSuffix(filepath.Base(path), suffix))
			if m == nil {
				continue
			}
			n, err := strconv.Atoi(m[1])
			if err != nil {
				continue
			}
			version[path] = n
			versioned = append(versioned, candidate{path, "PATH"})
		}
	}
	slices.SortStableFunc(versioned, func(a, b candidate) int { return version[b.path] - version[a.path] })
	return append(plain, versioned...)
}

// globQuote makes a pattern that matches a path and nothing else.
func globQuote(path string) string {
	if runtime.GOOS == "windows" {
		return path // patterns cannot be quoted there, and * and ? are in no name
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// usualPlaces are patterns of the paths where installers put clang.
func usualPlaces(goos string, env func(string) string) []string {
	switch goos {
	case "windows":
		var places []string
		for _, name := range []string{"ProgramFiles", "ProgramW6432", "ProgramFiles(x86)"} {
			base := env(name)
			if base == "" {
				continue
			}
			for _, place := range []string{
				base + `\LLVM\bin\clang.exe`,
				base + `\Microsoft Visual Studio\*\*\VC\Tools\Llvm\x64\bin\clang.exe`,
				base + `\Microsoft Visual Studio\*\*\VC\Tools\Llvm\bin\clang.exe`,
			} {
				if !slices.Contains(places, place) {
					places = append(places, place)
				}
			}
		}
		if base := env("LOCALAPPDATA"); base != "" {
			places = append(places, base+`\Programs\LLVM\bin\clang.exe`, base+`\Microsoft\WinGet\Links\clang.exe`)
		}
		if base := env("USERPROFILE"); base != "" {
			places = append(places, base+`\scoop\apps\llvm\current\bin\clang.exe`)
		}
		return places
	case "darwin": // Apple's own clang has no BPF target
		return []string{
			"/opt/homebrew/opt/llvm/bin/clang", "/opt/homebrew/opt/llvm@*/bin/clang",
			"/usr/local/opt/llvm/bin/clang", "/usr/local/opt/llvm@*/bin/clang",
			"/opt/local/libexec/llvm-*/bin/clang",
		}
	}
	return []string{
		"/usr/lib/llvm-*/bin/clang", "/usr/lib/llvm*/bin/clang", "/usr/lib/llvm/*/bin/clang", "/usr/lib64/llvm*/bin/clang",
		"/usr/local/bin/clang", "/usr/local/llvm*/bin/clang", "/opt/llvm*/bin/clang",
		"/home/linuxbrew/.linuxbrew/opt/llvm/bin/clang",
	}
}

var digits = pattern{text: `[0-9]+|[^0-9]+`}

// compareVersions orders names so that numbers in them count by value: llvm-9
// is before llvm-19, packages/x.0.21.0 before packages/x.1.0.0.
func compareVersions(a, b string) int {
	as, bs := digits.get().FindAllString(a, -1), digits.get().FindAllString(b, -1)
	for i := 0; i < len(as) && i < len(bs); i++ {
		x, errX := strconv.ParseUint(as[i], 10, 64)
		y, errY := strconv.ParseUint(bs[i], 10, 64)
		if errX == nil && errY == nil && x != y {
			if x < y {
				return -1
			}
			return 1
		}
		if errX != nil || errY != nil {
			if c := strings.Compare(as[i], bs[i]); c != 0 {
				return c
			}
		}
	}
	return len(as) - len(bs)
}

// absIn makes a path absolute and clean; a relative one is in dir, and one that begins with
// a separator but names no drive, as Windows has it, is on the drive of dir. A leading ~ is
// home.
func absIn(dir, path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	switch {
	case filepath.IsAbs(path):
		return filepath.Clean(path)
	case strings.HasPrefix(filepath.ToSlash(path), "/"):
		return filepath.Clean(filepath.VolumeName(dir) + path)
	}
	return filepath.Join(dir, path)
}
