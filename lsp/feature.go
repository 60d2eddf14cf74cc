package lsp

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.lsp.dev/protocol"
)

// switchable, by name, are the parts of the server that a user can switch off, and the
// methods that only they serve.
var switchable = map[string][]string{
	"hover":              {protocol.MethodTextDocumentHover},
	"documentSymbol":     {protocol.MethodTextDocumentDocumentSymbol},
	"workspaceSymbol":    {protocol.MethodWorkspaceSymbol},
	"codeLens":           {protocol.MethodTextDocumentCodeLens},
	"completion":         {protocol.MethodTextDocumentCompletion},
	"signatureHelp":      {protocol.MethodTextDocumentSignatureHelp},
	"inlayHint":          {protocol.MethodTextDocumentInlayHint},
	"codeAction":         {protocol.MethodTextDocumentCodeAction, protocol.MethodCodeActionResolve},
	"pullDiagnostics":    {protocol.MethodTextDocumentDiagnostic, protocol.MethodWorkspaceDiagnostic},
	"executeCommand":     {protocol.MethodWorkspaceExecuteCommand},
	"settingActions":     nil,
	"headChange":         nil,
	"publishDiagnostics": nil,
	"related":            nil,
	"codeDescription":    nil,
	"tags":               nil,
	"status":             nil,
	"progress":           nil,
	"trace":              nil,
	"diskReports":        nil,
}

// Features lists what can be switched off by Options.Without.
func Features() []string { return slices.Sorted(maps.Keys(switchable)) }

// CheckFeatures returns an error that names the first of the names that is no feature.
func CheckFeatures(names []string) error {
	for _, name := range names {
		if _, ok := switchable[name]; !ok {
			return fmt.Errorf("there is no feature %q of the language server; there are %s", name, strings.Join(Features(), ", "))
		}
	}
	return nil
}

// has reports whether a feature is on.
func (s *server) has(feature string) bool { return !slices.Contains(s.opt.Without, feature) }

// serves reports whether the server answers a method.
func (s *server) serves(method string) bool {
	if !served[method] {
		return false
	}
	for _, feature := range s.opt.Without {
		if slices.Contains(switchable[feature], method) {
			return false
		}
	}
	return true
}
