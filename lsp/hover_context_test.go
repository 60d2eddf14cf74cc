package lsp_test

import (
	"strings"
	"testing"

	"go.lsp.dev/protocol"
)

const contextSource = `struct { int (*type)[2]; unsigned int *key; unsigned long *value; int (*max_entries)[8]; } counters __attribute__((section(".maps"), used));
static void *(*lookup)(void *map, const void *key) = (void *)1;
struct xdp_md { unsigned int data, data_end, data_meta, ingress_ifindex; };

static __attribute__((noinline)) int kind(struct xdp_md *x)
{
	return x->ingress_ifindex & 1;
}
__attribute__((section("xdp"), used))
int f(struct xdp_md *ctx)
{
	unsigned int key = kind(ctx);
	unsigned long *value = lookup(&counters, &key);
	char *p = (char *)(long)ctx->data;
	if (p + 1 > (char *)(long)ctx->data_end)
		return 0;
	if (value)
		*value += *p;
	if (key > 1)
		return *(volatile int *)ctx;
	return 2;
}
`

// A map tells its type, key, value and users at its definition and at its uses; a member of
// the context its place, and what programs may do with it.
func TestHoverMapAndContext(t *testing.T) {
	c := connect(t, nil, `{"settings": {"platform": "linux"}}`, actionAbilities)
	c.open("a.bpf.c", contextSource)
	c.until("a verdict", func() bool { return strings.Contains(c.status["a.bpf.c"], "1 program") })
	lines := strings.Split(contextSource, "\n")
	for _, test := range []struct {
		name string
		line int
		at   string // the cursor is at its first letter
		want []string
	}{
		{"a map's definition", 0, "counters", []string{"counters: array of 8 entries, key 4 bytes (unsigned int), value 8 bytes (unsigned long)", "map type array (2) of linux: keys are numbers below 8", "used by xdp f"}},
		{"a map's use", 12, "counters", []string{"counters: array of 8 entries"}},
		{"the packet", 13, "data", []string{"unsigned int data: bytes 0 to 3 of the context of hook xdp (linux), 4 bytes|__u32 data: bytes 0 to 3 of the context of hook xdp (linux), 4 bytes", "first byte of the packet; programs may read it, not write it"}},
		{"its end", 14, "data_end", []string{"data_end: bytes 4 to 7", "behind the last byte of the packet"}},
		{"a number, in a function", 6, "ingress_ifindex", []string{"ingress_ifindex: bytes 12 to 15", "lets programs read and write it"}},
	} {
		at := c.at("a.bpf.c", uint32(test.line), uint32(strings.Index(lines[test.line], test.at)))
		hover, err := c.server.Hover(t.Context(), &protocol.HoverParams{TextDocumentPositionParams: at})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if hover != nil {
			got = hover.Contents.(*protocol.MarkupContent).Value
		}
		for _, want := range test.want {
			one, other, either := strings.Cut(want, "|")
			if !strings.Contains(got, one) && (!either || !strings.Contains(got, other)) {
				t.Errorf("%s: %q is not in:\n%s", test.name, want, got)
			}
		}
	}
}

// Lines that no execution gets to, as the verifier shows, are greyed; where the editor knows
// no tags there is nothing.
func TestDeadCode(t *testing.T) {
	tags := strings.Replace(actionAbilities, `"relatedInformation": true`, `"relatedInformation": true, "tagSupport": {"valueSet": [1]}`, 1)
	c := connect(t, nil, `{"settings": {"platform": "linux"}}`, tags)
	const source = `__attribute__((section("xdp"), used))
int f(volatile int *ctx)
{
	unsigned int n = ctx[3] & 3;
	asm volatile("%0 &= 3" : "+r"(n)); // hides from the compiler what the verifier knows
	if (n < 4)
		return 1;
	ctx[4] = 1;
	return ctx[3];
}
`
	c.open("a.bpf.c", source)
	c.untilStatus("a.bpf.c", "verified: verified, 1 program (linux)")
	c.untilDiagnostics("a.bpf.c", "7:1-8:15 4 <nil> the verifier never gets here: no execution does\n")
	c.mu.Lock()
	if tags := c.published["a.bpf.c"].Diagnostics[0].Tags.Slice(); len(tags) != 1 || tags[0] != protocol.DiagnosticTagUnnecessary {
		t.Errorf("tags %v", tags)
	}
	c.mu.Unlock()
	c.edit("a.bpf.c", 2, 3, 0, 0, "\t// edited\n")
	c.untilDiagnostics("a.bpf.c", "")

	plain := connect(t, nil, `{"settings": {"platform": "linux"}}`, actionAbilities)
	plain.open("a.bpf.c", source)
	plain.untilStatus("a.bpf.c", "verified: verified, 1 program (linux)")
	plain.mu.Lock()
	defer plain.mu.Unlock()
	if got := plain.diagnostics("a.bpf.c"); got != "" && got != "none published" {
		t.Errorf("without tags: %s", got)
	}
}
