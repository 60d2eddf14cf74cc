package session

import (
	"context"
	"errors"

	"bpfls/explain"
)

func run(ctx context.Context, req Request) *Outcome {
	err := errors.New("session: not built yet")
	return &Outcome{Report: &explain.Report{Path: req.Path, Error: err.Error()}, Err: err}
}
