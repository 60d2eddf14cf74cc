package lsp

import (
	"context"
	"errors"

	"go.lsp.dev/protocol"

	"bpfls/explain"
)

// applyEdits has the editor make changes of present texts.
func (s *server) applyEdits(ctx context.Context, edits []explain.Edit) error {
	placed, err := s.session.Place(edits)
	if err != nil {
		return err
	}
	result, err := s.client.ApplyEdit(ctx, &protocol.ApplyWorkspaceEditParams{Label: ptr("bpfls"), Edit: *s.workspaceEdit(placed)})
	switch {
	case err != nil:
		return err
	case !result.Applied && result.FailureReason != nil:
		return errors.New("the editor did not make the change: " + *result.FailureReason)
	case !result.Applied:
		return errors.New("the editor did not make the change")
	}
	return nil
}
