package settings

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"bpfls/linuxhooks"
	"bpfls/platform"
	"bpfls/winhooks"
)

// load declares hooks in a bpfls.toml.
func load(t *testing.T, text string) []Hook {
	t.Helper()
	s, problems := Load("/src/x.c", reader(map[string][]byte{"bpfls.toml": []byte(text)}), nil, "")
	for _, p := range problems {
		t.Fatal(p)
	}
	return s.Hooks
}

// TestTutorial: the hook of the tutorial's section 6.1, whose context has 24
// bytes and not the 32 of today's xdp, as offsets and as a header.
func TestTutorial(t *testing.T) {
	layout := platform.StructLayout{Name: "ebpf_xdp_args_t", Size: 24, Members: []platform.Field{
		{Name: "data", Type: "void *", Offset: 0, Size: 8},
		{Name: "data_end", Type: "void *", Offset: 8, Size: 8},
		{Name: "data_meta", Type: "uint64_t", Offset: 16, Size: 8},
	}}
	for _, declaration := range []string{
		`{size = 24, data = 0, end = 8, meta = 16}`,
		`{header = "xdp.h", type = "ebpf_xdp_args_t", data = "data", end = "data_end", meta = "data_meta"}`,
	} {
		hooks := load(t, "[[hooks]]\nname = 'xdp'\nsections = ['xdp']\ncontext = "+declaration+"\n")
		context, err := ResolveContext(hooks[0].Context, layout)
		if err != nil {
			t.Fatal(err)
		}
		hooks[0].Context.Layout = context
		p, notes, err := Apply(winhooks.Platform(), hooks)
		if err != nil {
			t.Fatal(err)
		}
		typ, _, _ := p.Match("xdp")
		c := typ.Context
		if got, want := fmt.Sprint(c.Size, c.Data, c.End, c.Meta), "24 0 8 16"; got != want {
			t.Errorf("%s: size, data, end, meta = %s, want %s", declaration, got, want)
		}
		if got, want := filepath.ToSlash(strings.Join(notes, "; ")), "hook xdp at /src/bpfls.toml:1 overrides the built-in hook xdp"; got != want {
			t.Errorf("%s: notes %q, want %q", declaration, got, want)
		}
		if filepath.ToSlash(typ.Origin) != "/src/bpfls.toml:1" || typ.Note != "overrides the built-in hook xdp" || typ.ID != 1 {
			t.Errorf("%s: origin %s, note %s, id %d", declaration, typ.Origin, typ.Note, typ.ID)
		}
		// What the declaration does not say is as in the built-in hook.
		if h, err := p.Helper(65536, typ); err != nil || h.Name != "bpf_xdp_adjust_head" {
			t.Errorf("%s: helper 65536: %v", declaration, err)
		}
	}
	if typ, _ := winhooks.Platform().TypeByName("xdp"); typ.Context.Size != 32 {
		t.Error("the built-in platform was changed")
	}
}

func TestResolveContextErrors(t *testing.T) {
	layout := platform.StructLayout{Name: "md", Size: 24, Members: []platform.Field{
		{Name: "data", Offset: 0, Size: 8}, {Name: "len", Offset: 8, Size: 8}, {Name: "data_end", Offset: 16, Size: 8},
	}}
	for _, test := range []struct{ pointers, want string }{
		{`data = "data", end = "len"`, ""},
		{`data = "data", end = "dataend"`, "/src/bpfls.toml:4: context.end: md in /src/md.h has no member dataend; did you mean data_end?"},
		{`data = "begin", end = "data_end"`, "/src/bpfls.toml:4: context.data: md in /src/md.h has no member begin; its members are data, len, data_end"},
		{`data = "data", end = "data_end"`, "/src/bpfls.toml:4: md in /src/md.h cannot be a context: end must be directly behind data in the context, 4 or 8 bytes later; it is at offset 16, data at 0"},
	} {
		hooks := load(t, "[[hooks]]\nname = 'h'\nsections = ['h']\ncontext = {header = 'md.h', type = 'md', "+test.pointers+"}\n")
		_, err := ResolveContext(hooks[0].Context, layout)
		got := ""
		if err != nil {
			got = filepath.ToSlash(err.Error())
		}
		if got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.pointers, got, test.want)
		}
		if _, _, err := Apply(winhooks.Platform(), hooks); err == nil || !strings.Contains(filepath.ToSlash(err.Error()), "the context md of /src/md.h was not resolved") {
			t.Errorf("a hook whose context is not resolved was applied: %v", err)
		}
	}
}

func TestApply(t *testing.T) {
	const declared = `
[[hooks]]
name = "sock_addr"
platform = "windows"
sections = ["cgroup/connect4", "cgroup/connect5"]
context = {size = 128}
privileged = true
[[hooks.helpers]]
id = 2
name = "my_update"
[[hooks.helpers]]
id = 65537
name = "my_redirect"
arguments = [{type = "ptr_to_ctx", name = "ctx"}]

[[hooks]]
name = "my_tc"
platform = "linux"
sections = ["tc", "mine+"]
context = {size = 192, data = 76, end = 80, meta = 140}
`
	t.Run("windows", func(t *testing.T) {
		p, notes, err := Apply(winhooks.Platform(), load(t, declared))
		if err != nil {
			t.Fatal(err)
		}
		if len(notes) != 1 {
			t.Errorf("notes %q", notes)
		}
		for section, want := range map[string]string{
			"cgroup/connect4": "sock_addr 128", "cgroup/connect5": "sock_addr 128",
			"cgroup/connect6": "sock_addr 64", "xdp": "xdp 32", "tc": "unspec",
		} {
			typ, _, _ := p.Match(section)
			got := typ.Name
			if typ.Context != nil {
				got += fmt.Sprint(" ", typ.Context.Size)
			}
			if got != want {
				t.Errorf("section %s: %s, want %s", section, got, want)
			}
		}
		typ, _, _ := p.Match("cgroup/connect4")
		if !typ.Privileged || typ.Sleepable || typ.ID != 3 {
			t.Errorf("privileged %v, sleepable %v, id %d", typ.Privileged, typ.Sleepable, typ.ID)
		}
		for id, want := range map[int32]string{
			1: "bpf_map_lookup_elem", 2: "my_update", 65537: "my_redirect", 65538: "bpf_sock_addr_get_network_context",
		} {
			if h, err := p.Helper(id, typ); err != nil || h.Name != want {
				t.Errorf("helper %d: %v %v, want %s", id, h, err, want)
			}
		}
		other, _, _ := p.Match("cgroup/connect6")
		if h, _ := p.Helper(2, other); h.Name != "bpf_map_update_elem" {
			t.Errorf("a helper of one hook leaked into another: %s", h.Name)
		}
	})
	t.Run("linux", func(t *testing.T) {
		p, _, err := Apply(linuxhooks.Platform(), load(t, declared))
		if err != nil {
			t.Fatal(err)
		}
		for section, want := range map[string]string{
			"tc": "my_tc", "mine": "my_tc", "mine/x": "my_tc", "minex": "unspec", "tc/ingress": "sched_cls", "cgroup/connect5": "unspec",
		} {
			if typ, _, _ := p.Match(section); typ.Name != want {
				t.Errorf("section %s: %s, want %s", section, typ.Name, want)
			}
		}
		// A helper that demands __sk_buff takes the context that stands in for it.
		typ, _, _ := p.Match("tc")
		if h, err := p.Helper(9, typ); err != nil || h.Name != "skb_store_bytes" {
			t.Errorf("helper 9: %v", err)
		}
		if _, err := p.Helper(44, typ); err == nil {
			t.Error("helper 44 takes another context and was allowed")
		}
	})
	t.Run("twice", func(t *testing.T) {
		_, _, err := Apply(winhooks.Platform(), load(t, "[[hooks]]\nname='a'\nsections=['s']\ncontext={size=8}\n[[hooks]]\nname='b'\nsections=['s']\ncontext={size=8}\n"))
		if err == nil || filepath.ToSlash(err.Error()) != "/src/bpfls.toml:5: hook b: section s is declared twice; also at /src/bpfls.toml:1" {
			t.Errorf("error %v", err)
		}
	})
	t.Run("closest file wins", func(t *testing.T) {
		hooks := append(load(t, "[[hooks]]\nname='near'\nsections=['s']\ncontext={size=8}\n"), load(t, "[[hooks]]\nname='far'\nsections=['s', 't']\ncontext={size=8}\n")...)
		hooks[1].Origin.File = "/bpfls.toml"
		p, notes, err := Apply(winhooks.Platform(), hooks)
		if err != nil {
			t.Fatal(err)
		}
		s, _, _ := p.Match("s")
		other, _, _ := p.Match("t")
		if s.Name != "near" || other.Name != "far" || len(notes) != 1 || filepath.ToSlash(notes[0]) != "hook near at /src/bpfls.toml:1 wins over hook far at /bpfls.toml:1 in section s" {
			t.Errorf("s is %s, t is %s, notes %q", s.Name, other.Name, notes)
		}
	})
}
