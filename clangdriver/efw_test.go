package clangdriver

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWindowsSamples compiles the samples of a checkout of ebpf-for-windows that
// BPFLS_EBPF_FOR_WINDOWS names, and prints how many compile and what stopped the
// rest. Only the reasons that are known to be the host's are allowed to.
func TestWindowsSamples(t *testing.T) {
	root := os.Getenv("BPFLS_EBPF_FOR_WINDOWS")
	if root == "" {
		t.Skip("BPFLS_EBPF_FOR_WINDOWS names no checkout of ebpf-for-windows")
	}
	known := map[string]string{
		"ipifcons.h": "a header of the Windows SDK",
	}
	root, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	d := testDriver(t)
	settings, clang := needClang(t, d)
	compiled, stopped := 0, 0
	for _, dir := range []string{"tests/sample", "undocked/tests/sample"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, e fs.DirEntry, err error) error {
			// ext/drv and ext/app are a driver and an application.
			if err != nil || filepath.Ext(path) != ".c" || strings.Contains(path, "/ext/drv/") || strings.Contains(path, "/ext/app/") {
				return err
			}
			out, err := d.Compile(context.Background(), Request{Path: path, Settings: settings})
			if err != nil {
				t.Fatal(err)
			}
			name, _ := filepath.Rel(root, path)
			if out.Platform != PlatformWindows {
				t.Errorf("%s: platform %s: %s", name, out.Platform, out.Why)
			}
			if out.Object != nil {
				compiled++
				return nil
			}
			stopped++
			excused := false
			for _, diag := range out.Diagnostics {
				if diag.Severity == SeverityError {
					t.Logf("%s:%d: %s", name, diag.Line, diag.Message)
					excused = known[diag.Header] != ""
				}
			}
			if !excused {
				t.Errorf("%s does not compile", name)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d of %d samples compile with clang %s", compiled, compiled+stopped, clang.Version)
	if compiled == 0 {
		t.Error("there are no samples")
	}
}
