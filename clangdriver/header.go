package clangdriver

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

var typeNameText = pattern{text: `^((struct|union)[ \t]+)?[A-Za-z_][A-Za-z0-9_]*$`}

// CompileHeader compiles a header; see the function CompileHeader.
func (d *Driver) CompileHeader(ctx context.Context, req Request, typeName string) (*Output, error) {
	if !typeNameText.get().MatchString(typeName) {
		return nil, fmt.Errorf("%q is not the name of a C type: write struct NAME, union NAME, or the name of a typedef", typeName)
	}
	if !filepath.IsAbs(req.Path) {
		return nil, fmt.Errorf("%s: is not an absolute path", req.Path)
	}
	header := filepath.Clean(req.Path)
	if _, err := newSnapshot(req.Overlay, &d.cache.scans).read(header); err != nil {
		return nil, err
	}
	// A header for use behind others may expect their fixed-width integers; one that
	// declares its own (vmlinux.h) must not see them.
	var first *Output
	for _, before := range []string{"", "#include <stdint.h>\n#include <stdbool.h>\n#include <stddef.h>\n"} {
		out, err := d.compileHeader(ctx, req, header, typeName, before)
		if err != nil || out.Object != nil {
			return out, err
		}
		if first == nil {
			first = out
		}
	}
	return first, nil
}

func (d *Driver) compileHeader(ctx context.Context, req Request, header, typeName, before string) (*Output, error) {
	// A name beside the header's, so that the same directories and the same compile
	// command count; of a file that is not there.
	source := strings.TrimSuffix(header, filepath.Ext(header)) + ".bpfls-context.c"
	text := before + fmt.Sprintf("#include %q\n%s bpfls_context;\n", filepath.Base(header), typeName)
	req.Path = source
	req.Overlay = maps.Clone(req.Overlay)
	if req.Overlay == nil {
		req.Overlay = map[string][]byte{}
	}
	req.Overlay[source] = []byte(text)
	out, err := d.Compile(ctx, req)
	if err != nil {
		return nil, err
	}
	// The source that was made up is nobody's business.
	out.Files[0] = header
	if i := slices.Index(out.Files[1:], header); i >= 0 {
		out.Files = slices.Delete(out.Files, i+1, i+2)
	}
	delete(out.Sources, source)
	for i := range out.Diagnostics {
		hideSource(&out.Diagnostics[i], source, header, typeName)
	}
	return out, nil
}

// hideSource moves what clang says of the made-up source to the header's first line.
func hideSource(d *Diagnostic, source, header, typeName string) {
	if d.File == source {
		d.File, d.Line, d.Column, d.EndLine, d.EndColumn = header, 1, 1, 1, 1
		d.Message = typeName + ": " + d.Message
		d.Fixes = nil
	}
	var notes []Diagnostic
	for _, n := range d.Notes {
		if n.File != source {
			notes = append(notes, n)
		}
	}
	d.Notes = notes
}
