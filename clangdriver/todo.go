package clangdriver

import (
	"context"
	"errors"
)

func compile(ctx context.Context, req Request) (*Output, error) {
	return nil, errors.New("clangdriver: not built yet")
}
