package clangdriver

import (
	"fmt"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// plan is what a compilation is made of, decided before clang runs.
type plan struct {
	source        string // absolute, clean
	dir           string // of the source
	platform, why string
	flags         []Flag
	ignored       []Flag
	search        searchDirs  // as far as it is known without asking clang
	headers       []HeaderDir // those dirs with their origins
	missing       []string
	looked        places // where headers were looked for
	db            *database
	inDatabase    bool
	read          []string // files besides that say how to compile
	// unresolved are names that no directory has, skipped includes among them, with
	// the paths above the source where they were looked for.
	unresolved map[string][]string
	packages   []string // directories where a package could be restored
}

// makePlan decides platform and flags for a source.
func (d *Driver) makePlan(req Request, files *snapshot, text []byte) (*plan, error) {
	switch req.Platform {
	case "", PlatformAuto, PlatformWindows, PlatformLinux:
	default:
		return nil, fmt.Errorf("platform %q is unknown; known are auto, windows and linux", req.Platform)
	}
	p := &plan{source: req.Path, dir: filepath.Dir(req.Path), unresolved: map[string][]string{}}
	settingsDir := req.Settings.Dir
	if settingsDir == "" {
		settingsDir = p.dir
	}
	env := d.environ()

	// What the user says.
	var headerDirs []foundDir
	for _, h := range req.Settings.Headers {
		if h != "" {
			headerDirs = append(headerDirs, foundDir{headerRoot(absIn(settingsDir, h)), "setting"})
		}
	}
	settings := filterSettings(req.Settings.Flags, settingsDir)
	fromProject := d.commandFlags(req.Settings, settingsDir, p)

	// Directories that the flags name.
	for _, h := range headerDirs {
		p.addDir("-I", h)
	}
	userFlags := slices.Concat(fromProject.taken, settings.taken)
	p.addDirsOf(userFlags)
	roots := []string{p.source}
	for _, f := range userFlags {
		if f.Args[0] == "-include" && filepath.IsAbs(f.Args[1]) {
			roots = append(roots, f.Args[1])
		}
	}

	// The platform.
	system, perArch := linuxSystemDirs()
	stop := slices.Concat(system, perArch)
	efw, haveEFW := foundDir{}, false
	for _, dir := range slices.Concat(p.search.quote, p.search.angled) {
		if isEFWDir(dir) {
			efw, haveEFW = foundDir{dir, ""}, true // searched already
			break
		}
	}
	var looked places
	checkout := efwCheckout(p.dir)
	if !haveEFW {
		if checkout != "" {
			efw, haveEFW = foundDir{filepath.Join(checkout, "include"), "checkout " + checkout}, true
		} else {
			efw, haveEFW = findEFW(p.dir, env, &looked)
		}
	}
	deciding := p.search
	var efwDirs []string
	if haveEFW {
		efwDirs = []string{efw.path}
		if efw.origin != "" {
			deciding.angled = append(slices.Clip(deciding.angled), efw.path)
		}
	}
	if checkout != "" {
		dirs := efwCheckoutDirs(checkout)
		efwDirs = append(efwDirs, dirs...)
		deciding.angled = append(slices.Clip(deciding.angled), dirs...)
	}
	deciding.angled = append(slices.Clip(deciding.angled), stop...)
	refs := files.closure(roots, deciding, stop)
	p.platform, p.why = decidePlatform(req.Platform, text, refs, efwDirs, checkout)

	// The platform's own flags and directories.
	var platformFlags []Flag
	add := func(origin string, args ...string) {
		platformFlags = append(platformFlags, Flag{Args: args, Origin: origin})
	}
	if p.platform == PlatformWindows {
		// Windows programs see clang's own headers and no C library: the same
		// everywhere, and the same code. -ffreestanding would do it too, but it
		// keeps clang from knowing memset and memcpy.
		add("default", "-nostdlibinc")
		switch {
		case checkout != "":
			for _, dir := range efwCheckoutDirs(checkout) {
				if !slices.Contains(p.search.angled, dir) {
					f := foundDir{dir, "checkout " + checkout}
					p.addDir("-I", f)
					add(f.origin, "-I", dir)
				}
			}
		case haveEFW && efw.origin != "" && len(p.unknown(files, roots)) > 0:
			p.addDir("-isystem", efw)
			add(efw.origin, "-isystem", efw.path)
		case !haveEFW:
			for _, l := range looked {
				p.looked.add(l)
			}
			for _, up := range headerParents(p.dir) {
				if packages := filepath.Join(up, "packages"); !isDir(packages) {
					p.packages = append(p.packages, packages)
				}
			}
		}
		for _, dir := range windowsSDKDirs(env) {
			p.addDir("-idirafter", foundDir{dir, "Windows SDK"})
			add("Windows SDK", "-idirafter", dir)
		}
	} else {
		arch, _, _ := targetArch(runtime.GOARCH)
		if arch != "" && !definesTargetArch(userFlags) {
			add("host", "-D__TARGET_ARCH_"+arch)
		}
		for _, dir := range perArch {
			add("host", "-idirafter", dir)
		}
		for _, dir := range system {
			p.search.angled = append(p.search.angled, dir)
			p.headers = append(p.headers, HeaderDir{Path: dir, Origin: "clang"})
		}
		for _, dir := range perArch {
			p.addDir("-idirafter", foundDir{dir, "host"})
		}
	}
	upward := p.findRest(files, roots)
	for _, f := range upward {
		add(f.Origin, f.Args...)
	}

	// All together; the last -O counts.
	level := Flag{Args: []string{defaults[0]}, Origin: "default"}
	for _, t := range []takenFlags{fromProject, settings} {
		if t.optimize != nil {
			level = *t.optimize
		}
		p.ignored = append(p.ignored, t.ignored...)
	}
	p.flags = append(p.flags, Flag{Args: []string{"-target", "bpf"}, Origin: "default"}, level)
	for _, f := range defaults[1:] {
		p.flags = append(p.flags, Flag{Args: []string{f}, Origin: "default"})
	}
	if fromProject.warnings {
		// Options of other compilers are no news.
		p.flags = append(p.flags, Flag{Args: []string{"-Wno-unknown-warning-option"}, Origin: "default"})
	}
	for _, h := range headerDirs {
		p.flags = append(p.flags, Flag{Args: []string{"-I", h.path}, Origin: h.origin})
	}
	p.flags = slices.Concat(p.flags, fromProject.taken, settings.taken, platformFlags)
	for i := range p.headers {
		p.headers[i].Exists = files.existsDir(p.headers[i].Path)
	}
	slices.Sort(p.missing)
	p.missing = slices.Compact(p.missing)
	return p, nil
}

// commandFlags takes the flags that the project compiles the source with.
func (d *Driver) commandFlags(s Settings, settingsDir string, p *plan) takenFlags {
	c := d.projectCommand(s, settingsDir, p.source)
	p.missing = append(p.missing, c.missing...)
	p.db, p.inDatabase, p.read = c.db, c.inDB, c.read
	return c.flags(p.source)
}

func definesTargetArch(flags []Flag) bool {
	return slices.ContainsFunc(flags, func(f Flag) bool { return strings.HasPrefix(f.Args[0], "-D__TARGET_ARCH_") })
}

// addDir puts a directory where its flag makes clang search it.
func (p *plan) addDir(flag string, f foundDir) {
	p.headers = append(p.headers, HeaderDir{Path: f.path, Origin: f.origin})
	if flag == "-iquote" {
		p.search.quote = append(p.search.quote, f.path)
	} else {
		p.search.angled = append(p.search.angled, f.path)
	}
}

// addDirsOf adds the directories that flags name, in clang's order.
func (p *plan) addDirsOf(flags []Flag) {
	for _, name := range []string{"-iquote", "-I", "-isystem", "-idirafter"} {
		for _, f := range flags {
			if f.Args[0] == name {
				p.addDir(name, foundDir{f.Args[1], f.Origin})
			}
		}
	}
}

// unknown lists the names that no directory has, but for those clang brings along.
func (p *plan) unknown(files *snapshot, roots []string) []reference {
	system, perArch := linuxSystemDirs()
	var names []reference
	for _, ref := range files.closure(roots, p.search, slices.Concat(system, perArch)) {
		if ref.to == "" && !slices.Contains(builtinHeaders, ref.name) && !ref.probe &&
			!slices.ContainsFunc(names, func(r reference) bool { return r.name == ref.name }) {
			names = append(names, ref)
		}
	}
	return names
}

// findRest looks upwards for what is still unknown, and gives flags for it.
func (p *plan) findRest(files *snapshot, roots []string) []Flag {
	var flags []Flag
	tried := map[string]bool{}
	for range 8 { // a header that was found may include more
		progress := false
		for _, ref := range p.unknown(files, roots) {
			if tried[ref.name] {
				continue
			}
			tried[ref.name] = true
			found, missing, ok := files.findUpwards(p.dir, ref.name)
			if ok {
				p.addDir("-idirafter", found)
				flags = append(flags, Flag{Args: []string{"-idirafter", found.path}, Origin: "found upwards: " + ref.name})
				progress = true
				break
			}
			if p.platform == PlatformLinux {
				src, more, ok := files.findLibbpf(p.dir, ref.name)
				if ok {
					view, views := libbpfView(src.path)
					maps.Copy(files.views, views)
					p.search.angled = append(p.search.angled, view)
					p.headers = append(p.headers, HeaderDir{Path: src.path, Origin: "found upwards"})
					flags = append(flags, Flag{Args: []string{"-idirafter", view}, Origin: "found upwards: " + src.path})
					progress = true
					break
				}
				missing = append(missing, more...)
			}
			p.unresolved[ref.name] = missing
		}
		if !progress {
			break
		}
	}
	return flags
}
