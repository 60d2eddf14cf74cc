//go:build unix

package lsp_test

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"go.lsp.dev/protocol"

	"bpfls/diskcache"
	"bpfls/session"
)

// heavy is source with so much before it that its verdict is worth to be kept on disk.
func heavy(checked string, read int) string {
	var b strings.Builder
	for i := range 70 {
		fmt.Fprintf(&b, "\tif (data[%d] > %d) sum += *(volatile unsigned char *)(data + %d);\n", i%10, i, i%10)
	}
	head, tail, _ := strings.Cut(source(checked, read), "\tif (data + ")
	first := "\tunsigned int sum = 0;\n\tif (data + 10 > end)\n\t\treturn 1;\n" + b.String() + "\tif (sum == 7)\n\t\treturn 2;\n"
	return head + first + "\tif (data + " + tail
}

// TestDiskReports starts a second server on what the first one verified: it analyses nothing,
// and says the same, until somebody wants states.
func TestDiskReports(t *testing.T) {
	if _, err := exec.LookPath("clang-19"); err != nil {
		t.Skip("clang-19 was not found")
	}
	for name, test := range map[string]struct {
		text, status, diagnostics string
	}{
		"a program that passes": {heavy("14", 3), "verified: verified, 1 program (linux)", ""},
		"a program that fails":  {heavy("14", 20), "failed: 1 finding in 1 of 1 program (linux)", "BPF-packet-bounds"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, cache := t.TempDir(), t.TempDir()
			var analysed, taken atomic.Int32
			start := func() (*client, *diskcache.Store) {
				store := diskcache.NewStore(cache, func() string { return "a build" })
				run := func(ctx context.Context, req session.Request) *session.Outcome {
					out := session.Run(ctx, req)
					for _, po := range out.Programs {
						if po.Stored {
							taken.Add(1)
						} else if po.Result != nil && !po.Known {
							analysed.Add(1)
						}
					}
					return out
				}
				return connectIn(t, dir, session.Options{Run: run, Reports: store}, `{"settings": {"platform": "linux"}}`, actionAbilities), store
			}
			show := func(c *client) string {
				c.open("a.bpf.c", test.text)
				c.untilStatus("a.bpf.c", test.status)
				c.mu.Lock()
				defer c.mu.Unlock()
				return c.diagnostics("a.bpf.c")
			}
			first, store := start()
			want := show(first)
			if !strings.Contains(want, test.diagnostics) {
				t.Errorf("diagnostics %q", want)
			}
			store.Close()
			if a, n := analysed.Swap(0), taken.Load(); a != 1 || n != 0 {
				t.Errorf("the first server analysed %d programs and took %d from disk", a, n)
			}
			second, _ := start()
			if got := show(second); got != want {
				t.Errorf("diagnostics of the second server %q, want %q", got, want)
			}
			if a, n := analysed.Load(), taken.Load(); a != 0 || n != 1 {
				t.Errorf("the second server analysed %d programs and took %d from disk", a, n)
			}
			line := uint32(strings.Count(test.text[:strings.Index(test.text, "sum +=")], "\n"))
			hover := func(c *client) string {
				h, err := c.server.Hover(t.Context(), &protocol.HoverParams{TextDocumentPositionParams: c.at("a.bpf.c", line, 40)})
				if err != nil || h == nil {
					t.Fatal(h, err)
				}
				return h.Contents.(*protocol.MarkupContent).Value
			}
			if got, want := hover(second), hover(first); got != want || !strings.Contains(got, "proven here") {
				t.Errorf("the second server's hover:\n%s\nthe first's:\n%s", got, want)
			}
		})
	}
}
