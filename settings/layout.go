package settings

import (
	"fmt"
	"time"
)

// The layouts are bpfls.toml as structs. Tags: key is the name of a key; doc is
// its documentation in the JSON Schema; enum lists the values of a text; min
// and max bound a number. A type with its own rules implements custom.

// fileLayout is a bpfls.toml.
type fileLayout struct {
	Root          bool         `key:"root" doc:"Do not look for further bpfls.toml files in the folders above."`
	Platform      *string      `key:"platform" enum:"auto,windows,linux" doc:"The platform whose rules programs are verified by. auto decides by the headers that a source includes."`
	Type          *string      `key:"type" doc:"The type of all programs: the name of a program type or a section prefix (see bpfls hooks). Without it the section's name decides."`
	VerifyOn      *string      `key:"verifyOn" enum:"save,change,manual" doc:"When programs are verified: when a file is saved, also while it is edited, or only by command."`
	Watch         *string      `key:"watch" enum:"auto,poll" doc:"How changes on disk are noticed: auto asks the system where it tells them, and looks at the files every two seconds where it does not (network and shared folders, WSL's mounts of Windows disks); poll always looks."`
	Termination   *string      `key:"termination" enum:"auto,on,off" doc:"Whether every loop must be proven to end. auto is the platform's rule: on for Windows, off for Linux."`
	InlayHints    *bool        `key:"inlayHints" doc:"Whether editors show behind accesses to packets and map values which bytes they are about."`
	CompileErrors *string      `key:"compileErrors" enum:"auto,show,hide" doc:"Whether clang's own errors and warnings are shown. auto hides them where clangd shows them."`
	Sources       []string     `key:"sources" doc:"The BPF sources, as glob patterns relative to this file: * stops at slashes, ** does not; a pattern without a slash fits in every folder. Without it, names and contents decide."`
	Exclude       []string     `key:"exclude" doc:"Files that are not BPF sources, as glob patterns."`
	Headers       []string     `key:"headers" doc:"Include directories that are searched first. For eBPF for Windows: the NuGet package's build/native/include, or a checkout."`
	Link          []string     `key:"link" doc:"Sources that are compiled into one object, relative to this file: each of them is verified together with the others. bpftool links them."`
	Clang         clangLayout  `key:"clang" doc:"The compiler."`
	Limits        limitsLayout `key:"limits" doc:"Bounds on the work of the verifier. A program that reaches one has the verdict unknown."`
	Files         []filesBlock `key:"files" doc:"Settings for some of the files. Of blocks that fit, the last one wins."`
	Hooks         hookList     `key:"hooks" doc:"Hooks that the platform does not know, or that override its own; or the path of a file that declares them."`
}

type clangLayout struct {
	Path            *string  `key:"path" doc:"clang to compile with: a path, or a name to find. Without it clang is found on PATH and in the usual places."`
	Flags           []string `key:"flags" doc:"Flags behind -target bpf -O2 -g -Wall and those of compile_commands.json."`
	CompileCommands *string  `key:"compileCommands" doc:"The path of compile_commands.json. Without it the file is looked for upwards from the source."`
	Timeout         duration `key:"timeout" doc:"How long one run of clang may take."`
}

type limitsLayout struct {
	Nodes   *int     `key:"nodes" min:"1" doc:"Nodes of a program's control-flow graph, calls inlined."`
	Visits  *int     `key:"visits" min:"1" doc:"How often nodes are visited, in all."`
	Timeout duration `key:"timeout" doc:"How long the verification of one program may take."`
}

type filesBlock struct {
	Glob        stringOrList `key:"glob" required:"true" doc:"The files, as one or several glob patterns relative to this file."`
	Platform    *string      `key:"platform" enum:"auto,windows,linux" doc:"The platform of these files."`
	Type        *string      `key:"type" doc:"The type of all programs in these files."`
	Termination *string      `key:"termination" enum:"auto,on,off" doc:"Whether every loop in these files must be proven to end."`
	VerifyOn    *string      `key:"verifyOn" enum:"save,change,manual" doc:"When programs in these files are verified."`
	Flags       []string     `key:"flags" doc:"clang's flags for these files."`
	Link        []string     `key:"link" doc:"Sources that each of these files is linked with into one object."`
}

// hooksLayout is a file with nothing but hooks.
type hooksLayout struct {
	Hooks hookList `key:"hooks" doc:"Hooks that the platform does not know, or that override its own."`
}

type hookLayout struct {
	Name       string         `key:"name" required:"true" doc:"The name of the program type, for messages and --type."`
	Platform   string         `key:"platform" enum:"windows,linux" doc:"The platform that has the hook. Without it, both."`
	Sections   []string       `key:"sections" required:"true" doc:"The section names that select the hook: on Windows prefixes; on Linux as libbpf writes them, xdp for that name alone, kprobe+ for kprobe and kprobe/anything."`
	Context    contextLayout  `key:"context" required:"true" doc:"The context structure: explicit offsets, or a C header that declares it."`
	ID         *int           `key:"id" min:"0" doc:"The number of the program type (bpf_prog_type)."`
	Privileged *bool          `key:"privileged" doc:"Programs may compare, store and return pointers."`
	Sleepable  *bool          `key:"sleepable" doc:"Programs may call helpers that sleep."`
	Doc        string         `key:"doc" doc:"A sentence for hovers."`
	Helpers    []helperLayout `key:"helpers" doc:"Helper functions of this hook alone. They win over the platform's of the same id."`

	wrong bool // it has an error, which was reported
}

type contextLayout struct {
	Size   *int          `key:"size" min:"0" max:"65535" doc:"The structure's size in bytes, where there is no header."`
	Data   *reference    `key:"data" doc:"The pointer to the first byte of the packet or buffer: its offset in bytes, -1 for none, or with a header the member's name."`
	End    *reference    `key:"end" doc:"The pointer behind the last byte: its offset in bytes, -1 for none, or with a header the member's name."`
	Meta   *reference    `key:"meta" doc:"The pointer to the metadata before the packet: its offset in bytes, -1 for none, or with a header the member's name."`
	Fields []fieldLayout `key:"fields" doc:"The members, for messages. A header tells them by itself."`
	Header string        `key:"header" doc:"The C header that declares the structure, relative to this file. It is compiled, so no size or offset is written down twice."`
	Type   string        `key:"type" doc:"The structure's name: a typedef, or struct NAME."`
}

type fieldLayout struct {
	Name   string `key:"name" required:"true" doc:"The member's name."`
	Type   string `key:"type" doc:"The member's C type."`
	Offset int    `key:"offset" required:"true" min:"0" max:"65535" doc:"Its offset in bytes."`
	Size   int    `key:"size" required:"true" min:"1" max:"65535" doc:"Its size in bytes."`
}

type helperLayout struct {
	ID                int              `key:"id" required:"true" min:"0" max:"2147483647" doc:"The number that the call instruction holds."`
	Name              string           `key:"name" required:"true" doc:"The name, for messages and disassembly."`
	Return            retName          `key:"return" doc:"What it returns; integer where nothing is said."`
	Arguments         []argumentLayout `key:"arguments" doc:"The arguments in r1 to r5."`
	ReallocatesPacket bool             `key:"reallocatesPacket" doc:"It may move the packet: pointers into it must be read again from the context."`
	Doc               string           `key:"doc" doc:"A sentence for hovers."`
}

type argumentLayout struct {
	Type argName `key:"type" required:"true" doc:"What the argument must be. A pointer to memory is followed by its size."`
	Name string  `key:"name" doc:"The parameter's name in C."`
}

// custom is a value with rules of its own.
type custom interface {
	// decode stores a value of TOML or JSON, or says what is wrong with it.
	decode(v any) error
	schema() map[string]any
}

// duration is a time span: "30s", "1m30s".
type duration struct {
	value time.Duration
	set   bool
}

func (d *duration) pointer() *time.Duration {
	if !d.set {
		return nil
	}
	return &d.value
}

func (d *duration) decode(v any) error {
	text, ok := v.(string)
	if !ok {
		return fmt.Errorf(`must be a time such as "30s", not %s`, describe(v))
	}
	value, err := time.ParseDuration(text)
	if err != nil || value <= 0 {
		return fmt.Errorf(`must be a time such as "500ms", "30s" or "2m", not %q`, text)
	}
	d.value, d.set = value, true
	return nil
}

func (*duration) schema() map[string]any {
	return map[string]any{"type": "string", "pattern": `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`, "examples": []string{"500ms", "30s", "2m"}}
}

// stringOrList is one text or several.
type stringOrList []string

func (l *stringOrList) decode(v any) error {
	switch v := v.(type) {
	case string:
		*l = stringOrList{v}
		return nil
	case []any:
		for _, e := range v {
			text, ok := e.(string)
			if !ok {
				return fmt.Errorf("must be a text or a list of texts; one of the list is %s", describe(e))
			}
			*l = append(*l, text)
		}
		return nil
	}
	return fmt.Errorf("must be a text or a list of texts, not %s", describe(v))
}

func (*stringOrList) schema() map[string]any {
	return map[string]any{"oneOf": []any{
		map[string]any{"type": "string"},
		map[string]any{"type": "array", "items": map[string]any{"type": "string"}, "minItems": 1},
	}}
}

// reference is a member of a context: an offset, or a member's name.
type reference struct {
	Offset int
	Name   string // empty: Offset counts
}

func (r *reference) decode(v any) error {
	if name, ok := v.(string); ok {
		if name == "" {
			return fmt.Errorf("must not be empty; leave the key out where there is no such member")
		}
		*r = reference{Offset: -1, Name: name}
		return nil
	}
	n, ok := wholeNumber(v)
	if !ok {
		return fmt.Errorf("must be an offset in bytes or a member's name, not %s", describe(v))
	}
	if n < -1 || n > 65535 {
		return fmt.Errorf("must be an offset from 0 to 65535, or -1 for none, not %d", n)
	}
	*r = reference{Offset: int(n)}
	return nil
}

func (*reference) schema() map[string]any {
	return map[string]any{"oneOf": []any{
		map[string]any{"type": "integer", "minimum": -1, "maximum": 65535},
		map[string]any{"type": "string", "minLength": 1},
	}}
}
