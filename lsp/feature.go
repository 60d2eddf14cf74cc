package lsp

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.lsp.dev/protocol"
)

// feature is a part of the server that can be switched off.
type feature struct {
	methods []string // that only it serves
	// misleads: without it what is shown may be out of date and not look so, or a workspace
	// that is not trusted is compiled. Only a build for tests switches it off (tag harness).
	misleads bool
}

// switchable are the features by name. What belongs to the session is switched off there
// (session.Without), what belongs to the process by the program that serves.
var switchable = map[string]feature{
	"hover":           {methods: []string{protocol.MethodTextDocumentHover}},
	"documentSymbol":  {methods: []string{protocol.MethodTextDocumentDocumentSymbol}},
	"workspaceSymbol": {methods: []string{protocol.MethodWorkspaceSymbol}},
	"codeLens":        {methods: []string{protocol.MethodTextDocumentCodeLens}},
	"completion":      {methods: []string{protocol.MethodTextDocumentCompletion}},
	"signatureHelp":   {methods: []string{protocol.MethodTextDocumentSignatureHelp}},
	"inlayHint":       {methods: []string{protocol.MethodTextDocumentInlayHint}},
	"codeAction":      {methods: []string{protocol.MethodTextDocumentCodeAction, protocol.MethodCodeActionResolve}},
	"pullDiagnostics": {methods: []string{protocol.MethodTextDocumentDiagnostic, protocol.MethodWorkspaceDiagnostic}},
	"executeCommand":  {methods: []string{protocol.MethodWorkspaceExecuteCommand}},

	"clangd": {}, "codeDescription": {}, "configuration": {}, "headChange": {}, "progress": {}, "publishDiagnostics": {},
	"related": {}, "relatedInMessage": {}, "settingActions": {}, "status": {}, "tags": {}, "trace": {},
	"trust": {misleads: true}, "utf8": {}, "utf16": {misleads: true},

	// Of the session.
	"diskReports": {}, "knownResults": {}, "link": {}, "moves": {}, "overlap": {}, "polling": {misleads: true},
	"projectFlags": {}, "retries": {}, "settingsFiles": {}, "superseding": {}, "unsavedText": {}, "watching": {misleads: true},

	// Of the process.
	"abandonedFolders": {}, "logLevels": {}, "mcp": {}, "mcpWrite": {}, "precompiledHeaders": {},
}

// Features lists what can be switched off by Options.Without.
func Features() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(switchable)), func(name string) bool { return switchable[name].misleads && !Harness })
}

// TestedFeatures lists also what only a build for tests switches off.
func TestedFeatures() []string { return slices.Sorted(maps.Keys(switchable)) }

// CheckFeatures returns an error that names the first of the names that is no feature.
func CheckFeatures(names []string) error {
	for _, name := range names {
		f, ok := switchable[name]
		switch {
		case !ok:
			return fmt.Errorf("there is no feature %q of the language server; there are %s", name, strings.Join(Features(), ", "))
		case f.misleads && !Harness:
			return fmt.Errorf("%s cannot be switched off: without it the server may mislead", name)
		}
	}
	return nil
}

// has reports whether a feature is on.
func (s *server) has(name string) bool { return !slices.Contains(s.opt.Without, name) }

// serves reports whether the server answers a method.
func (s *server) serves(method string) bool {
	if !served[method] {
		return false
	}
	for _, name := range s.opt.Without {
		if slices.Contains(switchable[name].methods, method) {
			return false
		}
	}
	return true
}
