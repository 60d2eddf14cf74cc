package lsp

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"go.lsp.dev/jsonrpc2"
	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"

	"bpfls/explain"
	"bpfls/session"
)

// actionData is what a lazy action needs to be resolved.
type actionData struct {
	URI     uri.URI `json:"uri"`
	Finding string  `json:"finding"` // session.Finding.Key
}

// CodeAction lists what can be done about the findings in a range: verified fixes, the
// page that explains a finding, and a comment that allows it. Where the user asked for
// the list, fixes are looked for at once; else one action stands for them.
func (s *server) CodeAction(ctx context.Context, params *protocol.CodeActionParams) ([]protocol.CommandOrCodeAction, error) {
	list := []protocol.CommandOrCodeAction{}
	path, ok := s.path(params.TextDocument.URI)
	text, _, open := s.session.Document(path)
	if !ok || !open || !wants(params.Context.Only, protocol.CodeActionKindQuickFix) {
		return list, nil
	}
	enc := s.features.encoding
	from, to := fromLSP(text, params.Range.Start, enc), fromLSP(text, params.Range.End, enc)
	at := explain.Range{Line: from.Line, Column: from.Column, EndLine: to.Line, EndColumn: to.Column}
	event, findings := s.session.FindingsAt(path, at)
	for _, f := range findings {
		if f.Key() == "" {
			continue
		}
		d := s.diagnostic(event, f)
		for _, a := range s.fixes(ctx, params, f, d) {
			list = append(list, a)
		}
		if s.has("executeCommand") {
			command := protocol.Command{Title: "Explain " + f.Code, Command: "bpfls.explain", Arguments: []protocol.LSPAny{raw(f.Code)}}
			if s.features.literalActions {
				list = append(list, &protocol.CodeAction{Title: command.Title, Kind: ptr(protocol.CodeActionKindQuickFix),
					Diagnostics: []protocol.Diagnostic{d}, Command: command})
			} else {
				list = append(list, &command)
			}
		}
		if allow, ok := s.session.Allow(event, f); ok && s.features.literalActions {
			list = append(list, s.codeAction(allow, d))
		}
	}
	return append(list, s.settingActions(ctx, path, event, at)...), nil
}

// settingActions are changes of the settings, which clients take that can make files where
// there are none yet.
func (s *server) settingActions(ctx context.Context, path string, event session.FindingsEvent, at explain.Range) (list []protocol.CommandOrCodeAction) {
	if !s.has("settingActions") || !s.features.literalActions {
		return nil
	}
	for _, a := range s.session.SettingActions(ctx, path, at) {
		action := s.codeAction(a, s.diagnostic(event, a.Finding))
		if a.Vmlinux != "" {
			if !s.has("executeCommand") {
				continue
			}
			action.Edit = nil
			action.Command = protocol.Command{Title: a.Title, Command: "bpfls.vmlinux", Arguments: []protocol.LSPAny{raw(uri.File(a.Vmlinux))}}
		} else if a.Edits[0].Create && !s.features.createFiles {
			continue
		}
		list = append(list, action)
	}
	return list
}

// fixes are the actions that make a finding go away.
func (s *server) fixes(ctx context.Context, params *protocol.CodeActionParams, f session.Finding, d protocol.Diagnostic) []*protocol.CodeAction {
	if !s.features.literalActions || f.OutOfDate {
		return nil
	}
	lazy := s.features.resolveEdits
	if params.Context.TriggerKind == protocol.CodeActionTriggerKindInvoked || !lazy && params.Context.TriggerKind == 0 {
		wait := s.opt.FixWait
		if !lazy {
			wait *= 10 // it is the only time to find them
		}
		ctx, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		found, err := s.session.Fixes(ctx, f)
		if err == nil || ctx.Err() == nil {
			var list []*protocol.CodeAction
			for _, a := range found {
				list = append(list, s.codeAction(a, d))
			}
			return list
		}
	}
	if !lazy {
		return nil
	}
	return []*protocol.CodeAction{{
		Title: "Look for a verified fix of " + f.Code, Kind: ptr(protocol.CodeActionKindQuickFix),
		Diagnostics: []protocol.Diagnostic{d}, Data: raw(actionData{params.TextDocument.URI, f.Key()}),
	}}
}

func (s *server) codeAction(a session.Action, d protocol.Diagnostic) *protocol.CodeAction {
	return &protocol.CodeAction{
		Title: a.Title, Kind: ptr(protocol.CodeActionKindQuickFix), Diagnostics: []protocol.Diagnostic{d},
		IsPreferred: ptr(a.Preferred), Edit: s.workspaceEdit(a.Edits),
	}
}

// wants reports whether actions of a kind are asked for: that kind itself, or one that
// it is a part of.
func wants(only []protocol.CodeActionKind, kind protocol.CodeActionKind) bool {
	return len(only) == 0 || slices.ContainsFunc(only, func(k protocol.CodeActionKind) bool {
		return k == kind || strings.HasPrefix(string(kind), string(k)+".") || k == protocol.CodeActionKindEmpty
	})
}

// workspaceEdit makes the edits of an action the protocol's.
func (s *server) workspaceEdit(edits []session.FileEdit) *protocol.WorkspaceEdit {
	all := map[uri.URI][]protocol.TextEdit{}
	if len(edits) == 1 && edits[0].Create {
		u := s.uri(edits[0].Path)
		return &protocol.WorkspaceEdit{DocumentChanges: []protocol.DocumentChange{
			&protocol.CreateFile{Kind: "create", URI: u, Options: &protocol.CreateFileOptions{IgnoreIfExists: ptr(false)}},
			&protocol.TextDocumentEdit{
				TextDocument: protocol.OptionalVersionedTextDocumentIdentifier{TextDocumentIdentifier: protocol.TextDocumentIdentifier{URI: u}},
				Edits:        []protocol.TextDocumentEditElement{&protocol.TextEdit{NewText: edits[0].New}},
			},
		}}
	}
	for _, e := range edits {
		u := s.uri(e.Path)
		all[u] = append(all[u], protocol.TextEdit{Range: exactRange(e.Text, e.Range, s.features.encoding), NewText: e.New})
	}
	return &protocol.WorkspaceEdit{Changes: all}
}

// codeRequestFailed is LSP's RequestFailed: the request was right, but cannot be met.
const codeRequestFailed jsonrpc2.Code = -32803

// CodeActionResolve finds the edits of an action that was listed without.
func (s *server) CodeActionResolve(ctx context.Context, params *protocol.CodeAction) (*protocol.CodeAction, error) {
	var data actionData
	if len(params.Data) == 0 || json.Unmarshal(params.Data, &data) != nil || params.Edit != nil {
		return params, nil
	}
	path, ok := s.path(data.URI)
	if !ok {
		return params, nil
	}
	_, f, ok := s.session.FindingByKey(path, data.Finding)
	if !ok {
		return nil, jsonrpc2.NewError(protocol.CodeContentModified, "the finding is gone: the file was verified again")
	}
	found, err := s.session.Fixes(ctx, f)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, jsonrpc2.NewError(codeRequestFailed, "no change was found that makes "+f.Code+" go away and keeps the program's behaviour")
	}
	params.Edit = s.workspaceEdit(found[0].Edits)
	return params, nil
}
