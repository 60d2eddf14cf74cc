package explain

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The tests of this file read the verifier's and the loader's sources, so that a new
// message cannot be forgotten here.

// sourceText is the syntax of a package's files, tests left out.
type sourceText struct {
	t     *testing.T
	files []*ast.File
	fset  *gotoken.FileSet
}

func parseSources(t *testing.T, patterns ...string) *sourceText {
	t.Helper()
	s := &sourceText{t: t, fset: gotoken.NewFileSet()}
	for _, pattern := range patterns {
		names, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(pattern)))
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: no files (%v)", pattern, err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(s.fset, name, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			s.files = append(s.files, f)
		}
	}
	return s
}

func (s *sourceText) functions(f func(*ast.FuncDecl)) {
	for _, file := range s.files {
		for _, d := range file.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
				f(fn)
			}
		}
	}
}

// texts returns what an expression can be, with "7" for every part that is known
// at run time only. It is empty where nothing of the text is in the source.
func (s *sourceText) texts(scope ast.Node, e ast.Expr) []string {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return s.texts(scope, e.X)
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil && e.Kind == gotoken.STRING {
			return []string{text}
		}
	case *ast.BinaryExpr:
		left, right := s.texts(scope, e.X), s.texts(scope, e.Y)
		if e.Op != gotoken.ADD || len(left) == 0 && len(right) == 0 {
			return nil
		}
		var out []string
		for _, l := range some(left) {
			for _, r := range some(right) {
				out = append(out, l+r)
			}
		}
		return out
	case *ast.Ident:
		return s.assigned(scope, e.Name)
	case *ast.SelectorExpr:
		return s.fields(e.Sel.Name)
	case *ast.CallExpr:
		if name := callee(e); (name == "Sprintf" || name == "Errorf") && len(e.Args) > 0 {
			var out []string
			for _, format := range s.texts(scope, e.Args[0]) {
				out = append(out, verb.ReplaceAllString(format, "7"))
			}
			return out
		} else if name == "sizeText" { // "r1.shared_region_size"
			return []string{"r7.shared_region_size", "r7.alloc_mem_size"}
		}
	}
	return nil
}

var verb = regexp.MustCompile(`%[#+ 0-9.]*[a-z]`)

func some(texts []string) []string {
	if len(texts) == 0 {
		return []string{"7"}
	}
	return texts
}

func callee(c *ast.CallExpr) string {
	switch f := c.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

// assigned returns the texts that a name gets in a function, or as a constant of the package.
func (s *sourceText) assigned(scope ast.Node, name string) (out []string) {
	pairs := func(names, values []ast.Expr) {
		for i, n := range names {
			if id, ok := n.(*ast.Ident); ok && id.Name == name && i < len(values) && len(names) == len(values) {
				if self, ok := values[i].(*ast.Ident); !ok || self.Name != name {
					out = append(out, s.texts(nil, values[i])...)
				}
			}
		}
	}
	nodes := []ast.Node{scope}
	for _, file := range s.files {
		for _, d := range file.Decls {
			if g, ok := d.(*ast.GenDecl); ok {
				nodes = append(nodes, g)
			}
		}
	}
	for _, n := range nodes {
		if n == nil {
			continue
		}
		ast.Inspect(n, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				pairs(n.Lhs, n.Rhs)
			case *ast.ValueSpec:
				var names []ast.Expr
				for _, id := range n.Names {
					names = append(names, id)
				}
				pairs(names, n.Values)
			}
			return true
		})
	}
	return out
}

// fields returns the texts that composite literals give a field.
func (s *sourceText) fields(name string) (out []string) {
	for _, file := range s.files {
		ast.Inspect(file, func(n ast.Node) bool {
			if kv, ok := n.(*ast.KeyValueExpr); ok {
				if id, ok := kv.Key.(*ast.Ident); ok && id.Name == name {
					if lit, ok := kv.Value.(*ast.BasicLit); ok && lit.Kind == gotoken.STRING {
						out = append(out, s.texts(nil, lit)...)
					}
				}
			}
			return true
		})
	}
	return out
}

// failureTemplates are the messages of the verifier's checks: what functions with
// the results (msg string, ..., ok bool) return.
func failureTemplates(t *testing.T) map[string]string {
	s := parseSources(t, "verifier/*.go")
	out := map[string]string{}
	s.functions(func(fn *ast.FuncDecl) {
		r := fn.Type.Results
		if r == nil || len(r.List) < 2 || len(r.List[0].Names) != 1 || r.List[0].Names[0].Name != "msg" {
			return
		}
		ast.Inspect(fn.Body, func(n ast.Node) bool {
			ret, ok := n.(*ast.ReturnStmt)
			if !ok || len(ret.Results) < 2 {
				return true
			}
			for _, text := range s.texts(fn, ret.Results[0]) {
				if text != "" {
					out[text] = s.fset.Position(ret.Pos()).String()
				}
			}
			return true
		})
	})
	return out
}

// TestEveryFailureHasACode finds a row of the catalogue for every message of the
// verifier's checks, and a message for every row.
func TestEveryFailureHasACode(t *testing.T) {
	templates := failureTemplates(t)
	if len(templates) < 40 {
		t.Fatalf("only %d messages were found in the verifier's sources: %q", len(templates), slices.Sorted(maps.Keys(templates)))
	}
	used := map[string]bool{}
	for _, text := range slices.Sorted(maps.Keys(templates)) {
		i := slices.IndexFunc(failures, func(f template) bool { return f.begins(text) })
		if i < 0 {
			t.Errorf("%s: no row of failures begins %q: give it a code", templates[text], text)
			continue
		}
		used[failures[i].text] = true
	}
	for _, f := range failures {
		if !used[f.text] {
			t.Errorf("no message of the verifier begins %q", f.text)
		}
	}
	t.Logf("%d messages of checks, %d rows", len(templates), len(failures))
}

// rejectionTemplates are the reasons of rejections: the texts of cfg.Rejection, of
// the errors that end a run, of those of the platform's lookups and of the loader.
func rejectionTemplates(t *testing.T) map[string]string {
	out := map[string]string{}
	// collect takes the texts that pick finds, in functions that where chooses and
	// in declarations outside of functions.
	collect := func(s *sourceText, prefix string, where func(name string) bool, pick func(n ast.Node) []ast.Expr) {
		for _, file := range s.files {
			for _, d := range file.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && !where(fn.Name.Name) {
					continue
				}
				ast.Inspect(d, func(n ast.Node) bool {
					for _, e := range pick(n) {
						for _, text := range s.texts(d, e) {
							if text != "" && text != "7" {
								out[prefix+text] = s.fset.Position(e.Pos()).String()
							}
						}
					}
					return true
				})
			}
		}
	}
	not := func(names ...string) func(string) bool {
		return func(name string) bool { return !slices.Contains(names, name) }
	}
	only := func(names ...string) func(string) bool {
		return func(name string) bool { return slices.Contains(names, name) }
	}
	// field returns the value of a field in a composite literal of a type.
	field := func(n ast.Node, typ, name string) []ast.Expr {
		c, ok := n.(*ast.CompositeLit)
		if !ok {
			return nil
		}
		if id, ok := c.Type.(*ast.Ident); !ok || id.Name != typ {
			return nil
		}
		for _, e := range c.Elts {
			kv, ok := e.(*ast.KeyValueExpr)
			if !ok {
				return []ast.Expr{e}
			}
			if kv.Key.(*ast.Ident).Name == name {
				return []ast.Expr{kv.Value}
			}
		}
		return nil
	}
	call := func(n ast.Node, names map[string]int) []ast.Expr {
		c, ok := n.(*ast.CallExpr)
		if !ok {
			return nil
		}
		if at, ok := names[callee(c)]; ok && at < len(c.Args) {
			if callee(c) == "Errorf" {
				return []ast.Expr{c} // its format is filled in
			}
			return []ast.Expr{c.Args[at]}
		}
		return nil
	}
	errors := map[string]int{"New": 0, "Errorf": 0, "unsupported": 1}

	results := func(n ast.Node) []ast.Expr {
		if r, ok := n.(*ast.ReturnStmt); ok && len(r.Results) == 1 {
			return r.Results
		}
		return nil
	}

	s := parseSources(t, "verifier/cfg/*.go")
	collect(s, "", not("unsupported"), func(n ast.Node) []ast.Expr {
		return append(field(n, "Rejection", "Text"), call(n, errors)...)
	})
	s = parseSources(t, "verifier/*.go")
	collect(s, "", not(), func(n ast.Node) []ast.Expr {
		if a, ok := n.(*ast.AssignStmt); ok && len(a.Lhs) >= 2 && len(a.Lhs) == len(a.Rhs) {
			if sel, ok := a.Lhs[1].(*ast.SelectorExpr); ok && sel.Sel.Name == "Reason" {
				return []ast.Expr{a.Rhs[1]}
			}
		}
		return append(field(n, "errReject", "text"), field(n, "errInternal", "text")...)
	})
	// The lookups of helpers, builtins, kernel functions and maps.
	s = parseSources(t, "platform/lookup.go")
	collect(s, "", only("KfuncByID", "BuiltinByID"), func(n ast.Node) []ast.Expr { return call(n, errors) })
	s = parseSources(t, "winhooks/winhooks.go", "linuxhooks/linuxhooks.go")
	collect(s, "", only("helperMessage", "mapMessage"), results)
	// The decoder: what is wrong with the instruction of a slot, as DecodeError.Error
	// puts it.
	s = parseSources(t, "isa/decode.go")
	collect(s, "3: ", not("opText", "Error"), func(n ast.Node) []ast.Expr {
		return append(call(n, map[string]int{"opText": 0}), results(n)...)
	})
	collect(s, "", not(), func(n ast.Node) []ast.Expr {
		if e := field(n, "DecodeError", "Text"); len(e) == 1 {
			if lit, ok := e[0].(*ast.BasicLit); ok {
				return []ast.Expr{lit}
			}
		}
		return nil
	})
	// The loader. In findPrograms and Open no programs can be told: there is nothing
	// that could have a finding.
	s = parseSources(t, "elfbpf/parse.go", "elfbpf/relocate.go", "elfbpf/core.go", "elfbpf/maps.go", "elfbpf/btf.go")
	errors["fail"], errors["sectionError"] = 1, 1
	collect(s, "", not("findPrograms", "Open"), func(n ast.Node) []ast.Expr {
		if c, ok := n.(*ast.CallExpr); ok && callee(c) == "fail" && len(c.Args) == 1 { // of the header of BTF
			return nil
		}
		return append(call(n, errors), field(n, "Error", "Reason")...)
	})
	return out
}

// TestEveryRejectionHasACode finds a code of its own for every reason for which a
// program is not judged.
func TestEveryRejectionHasACode(t *testing.T) {
	templates := rejectionTemplates(t)
	if len(templates) < 100 {
		t.Fatalf("only %d reasons were found in the sources: %q", len(templates), slices.Sorted(maps.Keys(templates)))
	}
	used := map[string]bool{}
	for _, text := range slices.Sorted(maps.Keys(templates)) {
		code := rejectionCode(text)
		if testing.Verbose() {
			t.Logf("%-30s %s", code, text)
		}
		if code == "BPF-rejected" {
			t.Errorf("%s: %q has no code: give it a row of rejections", templates[text], text)
		}
		if i := slices.IndexFunc(rejections, func(r template) bool { return strings.Contains(text, r.text) }); i >= 0 {
			used[rejections[i].text] = true
		}
	}
	for _, r := range rejections {
		if !used[r.text] {
			t.Errorf("no reason has %q", r.text)
		}
	}
	t.Logf("%d reasons, %d rows", len(templates), len(rejections))
}
