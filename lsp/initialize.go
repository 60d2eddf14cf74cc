package lsp

import (
	"context"
	"encoding/json"
	"slices"

	"go.lsp.dev/protocol"

	"bpfls/position"
	"bpfls/session"
)

// initOptions are the initializationOptions that the server understands.
type initOptions struct {
	// Trusted is false where the workspace is not trusted: nothing is compiled.
	Trusted *bool `json:"trusted"`
	// Clangd: clangd serves the same files in this editor.
	Clangd bool `json:"clangd"`
	// Diagnostics is "pull" where the client asks for diagnostics and wants to be told
	// none; else it is told them, unless pulling is all that it can do.
	Diagnostics string `json:"diagnostics"`
	// Settings for editors that have no workspace/configuration.
	Settings json.RawMessage `json:"settings"`
}

// Initialize negotiates what client and server can do.
func (s *server) Initialize(_ context.Context, params *protocol.InitializeParams) (*protocol.InitializeResult, error) {
	var init initOptions
	if len(params.InitializationOptions) > 0 {
		if err := json.Unmarshal(params.InitializationOptions, &init); err != nil {
			s.log.Warn("initializationOptions are not understood", "error", err)
		}
	}
	s.features = featuresOf(params.Capabilities)
	s.restrict(init)
	s.clangd = init.Clangd && s.has("clangd")
	s.trace.Store(params.Trace != "" && params.Trace != protocol.TraceValueOff)
	s.session.SetTrusted(init.Trusted == nil || *init.Trusted || !s.has("trust"))
	s.session.SetFolders(folders(params))
	s.configure(init.Settings, nil)
	encoding := protocol.PositionEncodingKindUTF16
	if s.features.encoding == position.UTF8 {
		encoding = protocol.PositionEncodingKindUTF8
	}
	sync := protocol.TextDocumentSyncKindIncremental
	s.initialized.Store(true)
	result := &protocol.InitializeResult{
		ServerInfo: protocol.ServerInfo{Name: "bpfls", Version: protocol.NewOptional(s.opt.Version)},
		Capabilities: protocol.ServerCapabilities{
			PositionEncoding: encoding,
			TextDocumentSync: &protocol.TextDocumentSyncOptions{
				OpenClose: ptr(true), Change: &sync, Save: &protocol.SaveOptions{IncludeText: ptr(false)},
			},
			Workspace: &protocol.WorkspaceOptions{
				WorkspaceFolders: &protocol.WorkspaceFoldersServerCapabilities{
					Supported: ptr(true), ChangeNotifications: protocol.Boolean(true),
				},
			},
		},
	}
	s.announce(&result.Capabilities)
	return result, nil
}

// announce tells the client which requests are answered.
func (s *server) announce(c *protocol.ServerCapabilities) {
	if s.has("hover") {
		c.HoverProvider = protocol.Boolean(true)
	}
	if s.has("documentSymbol") {
		c.DocumentSymbolProvider = protocol.Boolean(true)
	}
	if s.has("workspaceSymbol") {
		c.WorkspaceSymbolProvider = protocol.Boolean(true)
	}
	if s.has("codeLens") {
		c.CodeLensProvider = &protocol.CodeLensOptions{}
	}
	if s.has("codeAction") {
		c.CodeActionProvider = &protocol.CodeActionOptions{
			CodeActionKinds: []protocol.CodeActionKind{protocol.CodeActionKindQuickFix}, ResolveProvider: ptr(s.features.resolveEdits),
		}
	}
	if s.has("completion") {
		c.CompletionProvider = &protocol.CompletionOptions{TriggerCharacters: []string{"\"", "/", "="}}
	}
	if s.has("signatureHelp") {
		c.SignatureHelpProvider = &protocol.SignatureHelpOptions{TriggerCharacters: []string{"(", ","}}
	}
	if s.has("inlayHint") {
		c.InlayHintProvider = protocol.Boolean(true)
	}
	if s.features.pull {
		c.DiagnosticProvider = &protocol.DiagnosticOptions{Identifier: ptr("bpfls"), InterFileDependencies: true, WorkspaceDiagnostics: true}
	}
	if s.has("executeCommand") {
		c.ExecuteCommandProvider = protocol.ExecuteCommandOptions{Commands: commandNames()}
	}
}

// restrict takes back what the client can do but the user does not want.
func (s *server) restrict(init initOptions) {
	f := &s.features
	f.pull = f.pull && s.has("pullDiagnostics") && (init.Diagnostics == "pull" || !f.push)
	if !s.has("utf16") {
		f.encoding = position.UTF8
	}
	if !s.has("utf8") {
		f.encoding = position.UTF16 // which every client knows
	}
	f.related = f.related && s.has("related")
	f.codeDescription = f.codeDescription && s.has("codeDescription")
	f.tags = f.tags && s.has("tags")
	f.progress = f.progress && s.has("progress")
	f.refresh.diagnostics = f.refresh.diagnostics && f.pull
	f.refresh.lenses = f.refresh.lenses && s.has("codeLens")
	f.refresh.hints = f.refresh.hints && s.has("inlayHint")
}

func featuresOf(c protocol.ClientCapabilities) features {
	var f features
	if g := c.General; g != nil && slices.Contains(g.PositionEncodings, protocol.PositionEncodingKindUTF8) {
		f.encoding = position.UTF8
	}
	if t := c.TextDocument; t != nil {
		f.push, f.pull = t.PublishDiagnostics != nil, t.Diagnostic != nil
		f.nestedSymbols = t.DocumentSymbol != nil && is(t.DocumentSymbol.HierarchicalDocumentSymbolSupport)
		if a := t.CodeAction; a != nil {
			f.literalActions = len(a.CodeActionLiteralSupport.CodeActionKind.ValueSet) > 0
			f.resolveEdits = is(a.DataSupport) && slices.Contains(a.ResolveSupport.Properties, "edit")
		}
		if p := t.PublishDiagnostics; p != nil {
			f.related = is(p.RelatedInformation)
			f.codeDescription = is(p.CodeDescriptionSupport)
			f.tags = slices.Contains(p.TagSupport.ValueSet, protocol.DiagnosticTagUnnecessary)
		}
		f.markdown = t.Hover != nil && slices.Contains(t.Hover.ContentFormat, protocol.MarkupKindMarkdown)
	}
	if w := c.Window; w != nil {
		f.progress = is(w.WorkDoneProgress)
	}
	if w := c.Workspace; w != nil {
		f.configuration = is(w.Configuration)
		if e := w.WorkspaceEdit; e != nil {
			f.createFiles = is(e.DocumentChanges) && slices.Contains(e.ResourceOperations, protocol.ResourceOperationKindCreate)
		}
		f.refresh = refreshing{
			diagnostics: w.Diagnostics != nil && is(w.Diagnostics.RefreshSupport),
			lenses:      w.CodeLens != nil && is(w.CodeLens.RefreshSupport),
			hints:       w.InlayHint != nil && is(w.InlayHint.RefreshSupport),
		}
		f.registerWatch = w.DidChangeWatchedFiles != nil && is(w.DidChangeWatchedFiles.DynamicRegistration)
		f.registerConfig = w.DidChangeConfiguration != nil && is(w.DidChangeConfiguration.DynamicRegistration)
	}
	return f
}

// folders returns the folders of the workspace, or the root of clients that know no
// folders.
func folders(params *protocol.InitializeParams) []string {
	var paths []string
	list, _ := params.WorkspaceFolders.Get()
	for _, f := range list {
		if f.URI.IsFile() {
			paths = append(paths, session.CleanPath(f.URI.FsPath()))
		}
	}
	//lint:ignore SA1019 some clients know nothing newer
	if root := params.RootURI; len(paths) == 0 && root != nil && root.IsFile() {
		paths = append(paths, session.CleanPath(root.FsPath()))
	}
	return paths
}

func ptr[T any](v T) *T { return &v }

func is(p *bool) bool { return p != nil && *p }
