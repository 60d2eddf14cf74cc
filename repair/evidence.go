package repair

import (
	"context"

	"bpfls/explain"
)

func evidence(ctx context.Context, req Request) (explain.Finding, error) {
	w := newWorker(&req)
	f := w.finding
	var err error
	f.Evidence.Fixes, err = w.fixes(ctx)
	return f, err
}
