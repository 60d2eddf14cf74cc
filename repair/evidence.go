package repair

import (
	"context"

	"bpfls/explain"
)

func evidence(ctx context.Context, req Request) (explain.Finding, error) {
	return req.Subject.Report.Findings[req.Finding], ctx.Err()
}
