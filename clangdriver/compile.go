package clangdriver

import (
	"context"
	"errors"
)

type cache struct{ compilers compilers }

// Compile compiles a source; see the function Compile.
func (d *Driver) Compile(ctx context.Context, req Request) (*Output, error) {
	return nil, errors.New("clangdriver: not built yet")
}

// CompileHeader compiles a header; see the function CompileHeader.
func (d *Driver) CompileHeader(ctx context.Context, req Request, typeName string) (*Output, error) {
	return nil, errors.New("clangdriver: not built yet")
}

// Doctor tells what Compile would do; see the function Doctor.
func (d *Driver) Doctor(ctx context.Context, req Request) *Setup {
	return &Setup{Error: errors.New("clangdriver: not built yet")}
}
