package explain

import (
	"bpfls/csource"
	"bpfls/position"
)

// source is a compiled text, read as far as a finding's place and words need it.
type source struct{ *csource.File }

func newSource(m *position.Mapper) *source { return &source{csource.Scan(m)} }
