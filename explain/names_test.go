package explain

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"bpfls/elfbpf"
	"bpfls/isa"
	"bpfls/linuxhooks"
	"bpfls/platform"
	"bpfls/position"
	"bpfls/verifier"
)

// namesSource has behind // the names that registers or memory have at one of the
// instructions of the line, and behind //! those that none may have there.
const namesSource = `
typedef unsigned char u8; typedef unsigned short u16; typedef unsigned int u32; typedef unsigned long long u64;
#define SEC(x) __attribute__((section(x), used))
struct xdp_md { u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex; };
struct eth { u8 to[6], from[6]; u16 proto; };
struct ip { u8 ihl : 4, version : 4; u8 tos; u16 length; u8 rest[16]; };
struct value { u64 packets; u32 flags; u32 slots[4]; struct { u16 low, high; } ports; };
struct { int (*type)[1]; u32 *key; struct value *value; int (*max_entries)[8]; } stats SEC(".maps");
static void *(*lookup)(void *map, const void *key) = (void *)1;
static u64 (*now)(void) = (void *)5;
struct key { u32 address; u8 port; };
struct { int (*type)[1]; struct key *key; u64 *value; int (*max_entries)[8]; } flows SEC(".maps");

static inline __attribute__((always_inline)) u32 at(u8 *bytes, u32 n)
{
    return bytes[n]; // bytes[3]
}

SEC("xdp") int program(struct xdp_md *ctx)
{
    u8 *data = (u8 *)(u64)ctx->data; // ctx->data
    u8 *end = (u8 *)(u64)ctx->data_end; // ctx->data_end
    struct eth *eth = (void *)data;
    if (data + 34 > end) // data + 34 | end
        return 0;
    if (eth->proto != 8) // eth->proto
        return 1;
    struct ip *ip = (void *)(eth + 1);
    u32 length = ip->length; // ip->length
    u32 third = at(data, 3);
    u32 key = length & 7;
    struct value *value = lookup(&stats, &key); // &stats | &key
    if (!value) // value
        return 2;
    value->packets += third; // value->packets | value
    value->flags = 1; // value->flags
    value->slots[length & 3] = 7; // value->slots[length & 3] ! value->flags
    value->ports.high = 1; // value->ports.high
    struct key flow = {};
    flow.address = value->flags;
    flow.port = ip->tos; // ip->tos
    u64 *counter = lookup(&flows, &flow); // &flows
    if (counter)
        *counter += now(); // *counter
    return 0;
}
`

// compiled builds C and analyses the programs of the object.
func compiled(t *testing.T, c string, flags ...string) []Input {
	t.Helper()
	clang, err := exec.LookPath("clang-19")
	if err != nil {
		t.Skip("clang-19 is not installed")
	}
	dir := t.TempDir()
	source, object := filepath.Join(dir, "a.c"), filepath.Join(dir, "a.o")
	if err := os.WriteFile(source, []byte(c), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(clang, append([]string{"-target", "bpf", "-O2", "-g", "-c", "-o", object, source}, flags...)...)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("clang: %v\n%s", err, text)
	}
	data, err := os.ReadFile(object)
	if err != nil {
		t.Fatal(err)
	}
	p := linuxhooks.Platform()
	o, err := elfbpf.Parse("a.o", data, elfbpf.Options{Platform: p})
	if err != nil {
		t.Fatal(err)
	}
	var maps []platform.Map
	for _, m := range o.Maps {
		maps = append(maps, m.Map)
	}
	var out []Input
	for _, prog := range o.Programs {
		in := Input{Object: o, Program: prog, Platform: p, Sources: Sources{}}
		for i := range p.Types {
			if slices.Contains(p.Types[i].Prefixes, "xdp") {
				in.Type = p.Types[i]
			}
		}
		for _, l := range prog.Lines {
			in.Sources[l.File] = position.New([]byte(c))
		}
		in.Result, err = verifier.Analyze(context.Background(), verifier.Input{Code: prog.Code, Maps: maps, Platform: p, Type: in.Type}, verifier.Options{})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, in)
	}
	return out
}

// TestNames names registers and memory of a program, from both versions of DWARF.
func TestNames(t *testing.T) {
	for _, version := range []string{"4", "5"} {
		t.Run("DWARF "+version, func(t *testing.T) {
			in := compiled(t, namesSource, "-gdwarf-"+version)[0]
			if in.Result.Verdict != verifier.Pass {
				t.Fatalf("verdict %v: %v", in.Result.Verdict, in.Result.Failures)
			}
			namer := NewNamer(in)
			insts, _ := isa.Decode(in.Program.Code)
			byLine := map[int][]string{}
			for slot, inst := range insts {
				l, ok := in.Program.Line(slot)
				if !ok || inst.Slots == 0 {
					continue
				}
				at := verifier.Point{Slot: slot}
				for r := range 10 {
					if n, ok := namer.Register(at, r); ok {
						byLine[l.Line] = append(byLine[l.Line], n.Expr)
					}
				}
				switch inst.Kind {
				case isa.Load:
					if n, ok := namer.Memory(at, int(inst.Src), int(inst.Off), int(inst.Width)); ok {
						byLine[l.Line] = append(byLine[l.Line], n.Expr)
					}
				case isa.Store, isa.Atomic:
					if n, ok := namer.Memory(at, int(inst.Dst), int(inst.Off), int(inst.Width)); ok {
						byLine[l.Line] = append(byLine[l.Line], n.Expr)
					}
				}
			}
			marks := 0
			for i, line := range strings.Split(namesSource, "\n") {
				code, mark, ok := strings.Cut(line, " // ")
				if !ok {
					continue
				}
				names := byLine[i+1]
				want, not, _ := strings.Cut(mark, " ! ")
				for _, w := range strings.Split(want, " | ") {
					marks++
					if !slices.Contains(names, w) {
						t.Errorf("line %d: %s\nno %s among %q", i+1, strings.TrimSpace(code), w, slices.Compact(names))
					}
				}
				if not != "" && slices.Contains(names, not) && !strings.Contains(code, not) {
					t.Errorf("line %d: %s\n%s is among %q", i+1, strings.TrimSpace(code), not, names)
				}
			}
			if marks == 0 {
				t.Fatal("nothing was looked at")
			}
		})
	}
}

// TestPlaceNotes relates a finding in a macro to the macro's definition.
func TestPlaceNotes(t *testing.T) {
	const c = `
#define SEC(x) __attribute__((section(x), used))
#  define READ(p, n) (*(unsigned char *)((p) + (n)))
struct xdp_md { unsigned data, data_end, meta, in, queue, out; };
SEC("xdp") int program(struct xdp_md *ctx)
{
    unsigned char *data = (unsigned char *)(unsigned long)ctx->data;
    return READ(data, 20);
}
`
	p := Explain(compiled(t, c)[0])
	if len(p.Findings) != 1 {
		t.Fatalf("findings: %+v", p.Findings)
	}
	f := p.Findings[0]
	line := strings.Split(c, "\n")[f.Range.Line-1]
	if got := line[f.Range.Column-1 : f.Range.EndColumn-1]; got != "READ(data, 20)" {
		t.Errorf("underlined %q", got)
	}
	if regexp.MustCompile(`\br\d\b`).MatchString(f.Message) || !strings.Contains(f.Message, "data") {
		t.Errorf("message %q", f.Message)
	}
	i := slices.IndexFunc(f.Related, func(r Related) bool { return r.Message == "macro READ is defined here" })
	if i < 0 {
		t.Fatalf("related: %+v", f.Related)
	}
	if r := f.Related[i].Range; r.Line != 3 || r.Column != 11 || r.EndColumn != 15 {
		t.Errorf("the definition is at %+v", r)
	}
}
