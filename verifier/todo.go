package verifier

import (
	"context"
	"errors"
)

type analysis struct{}

func analyze(ctx context.Context, in Input, opt Options) (*Result, error) {
	return nil, errors.New("verifier: not built yet")
}

func (r *Result) points(slot int) []Point         { return nil }
func (r *Result) state(p Point, after bool) State { return nil }
func (r *Result) checks(p Point) []CheckStatus    { return nil }
