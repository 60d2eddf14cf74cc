// Package platform says what a platform is, as data: its hooks with section
// prefixes and context layouts, its helper prototypes, map types, map record
// formats and verifier options. It knows no particular platform: winhooks and
// linuxhooks hold those data, settings adds what a user declares.
//
// Platforms are immutable data that several goroutines share. A Platform that
// differs is a copy (see Clone).
package platform

// Context is the layout of a hook's context structure. Offsets are in bytes,
// -1 where the context has no such field.
type Context struct {
	TypeName string // C name of the structure, for messages; may be empty
	Size     int    // size of the structure in bytes
	Data     int    // offset of the pointer to the first byte of the packet (or buffer)
	End      int    // offset of the pointer behind its last byte
	Meta     int    // offset of the pointer to the metadata before it
	Fields   []Field

	// UpperBound says that no structure has Size bytes: it bounds the
	// structures of all architectures or attach points (pt_regs, the record of
	// a tracepoint), so a program's own structure may be smaller.
	UpperBound bool
	// Replaces is the built-in context that a declared one stands in for:
	// helpers that demand that one accept this one.
	Replaces *Context
}

// HasPacket tells whether the context holds pointers to a packet or buffer.
func (c *Context) HasPacket() bool { return c != nil && c.Data >= 0 && c.End >= 0 }

// Field is a named member of a context, for messages and hovers.
type Field struct {
	Name   string
	Type   string // C type
	Offset int
	Size   int
}

// ProgramType is a kind of program and the hook that it attaches to.
type ProgramType struct {
	Name       string   // as printed: "xdp", "bind"
	Prefixes   []string // section names that select it, read as Platform.Names says
	Context    *Context // nil: a program of this type cannot be verified (unspec)
	ID         uint32   // bpf_prog_type of the platform
	Privileged bool     // may store and return pointers
	Sleepable  bool
	Helpers    []Helper // helpers of this type alone, besides the general ones
	// HelpersFirst makes Helpers win over general helpers of the same id, as
	// prototypes that a user declared do. Otherwise the general ones win.
	HelpersFirst bool
	Header       string // C header that declares the context, for messages
	Doc          string // one paragraph for hovers
	Origin       string // "built in", or the file that declares it
	Note         string // for instance: overrides the built-in hook xdp
}

// NameRule is a way to compare section names with the names of a program type.
type NameRule uint8

// The name rules.
const (
	// NamePrefix: the section's name starts with the prefix (eBPF for Windows).
	NamePrefix NameRule = iota
	// NamePattern: libbpf's notation. "xdp" is that name alone; "kprobe+" is
	// kprobe alone or kprobe/ and anything; "x/" is x/ and anything.
	NamePattern
)

// ArgType is the type of a helper argument. The values are the ABI of
// ebpf-for-windows' ebpf_base.h, so third-party prototypes can be read as they are.
type ArgType uint8

// The argument types.
const (
	ArgDontCare               ArgType = 0
	ArgAnything               ArgType = 1
	ArgConstSize              ArgType = 2
	ArgConstSizeOrZero        ArgType = 3
	ArgPtrToCtx               ArgType = 4
	ArgPtrToMap               ArgType = 5
	ArgPtrToMapOfPrograms     ArgType = 6
	ArgPtrToMapKey            ArgType = 7
	ArgPtrToMapValue          ArgType = 8
	ArgPtrToReadableMem       ArgType = 9
	ArgPtrToReadableMemOrNull ArgType = 10
	ArgPtrToWritableMem       ArgType = 11
	ArgPtrToStack             ArgType = 12
	ArgPtrToStackOrNull       ArgType = 13
	ArgPtrToCtxOrNull         ArgType = 14
	ArgPtrToWritableMemOrNull ArgType = 15
	ArgPtrToBTFIDSockCommon   ArgType = 17
	ArgPtrToSpinLock          ArgType = 18
	ArgPtrToSockCommon        ArgType = 19
	ArgPtrToBTFID             ArgType = 20
	ArgPtrToLong              ArgType = 21
	ArgPtrToInt               ArgType = 22
	ArgPtrToConstStr          ArgType = 23
	ArgPtrToFunc              ArgType = 24
	ArgConstAllocSizeOrZero   ArgType = 25
	ArgPtrToAllocMem          ArgType = 26
	ArgPtrToTimer             ArgType = 27
	ArgPtrToPercpuBTFID       ArgType = 28
	ArgPtrToReadonlyMem       ArgType = 29
	ArgPtrToReadonlyMemOrNull ArgType = 30
	ArgPtrToUninitMapValue    ArgType = 31
	ArgConstPtrToMap          ArgType = 32
	ArgUnsupported            ArgType = 33
)

// RetType is the type of a helper's return value; values as in ebpf_base.h.
type RetType uint8

// The return types.
const (
	RetInteger               RetType = 0
	RetPtrToMapValueOrNull   RetType = 1
	RetIntegerOrNoReturn     RetType = 2
	RetUnsupported           RetType = 3
	RetPtrToSockCommonOrNull RetType = 4
	RetPtrToSocketOrNull     RetType = 5
	RetPtrToTCPSocketOrNull  RetType = 6
	RetPtrToAllocMemOrNull   RetType = 7
	RetPtrToBTFIDOrNull      RetType = 8
	RetPtrToMemOrBTFIDOrNull RetType = 9
	RetPtrToBTFID            RetType = 10
	RetPtrToMemOrBTFID       RetType = 11
)

// Resource is a kind of thing that a program takes and has to give back.
type Resource uint8

// The resources.
const (
	NoResource    Resource = iota
	RingbufRecord          // a reserved record of a ring buffer: submit it or discard it
	Socket                 // a reference to a socket: release it
)

// Helper is the prototype of a helper function, a builtin or a kfunc.
type Helper struct {
	ID                int32
	Name              string
	Return            RetType
	Args              [5]ArgType
	ArgNames          [5]string // for messages; empty where not known
	ReallocatesPacket bool      // invalidates packet pointers
	ZeroArgs          uint8     // bit i: argument i+1 must be zero
	MightSleep        bool      // only sleepable programs may call it
	AllowedMapTypes   uint64    // bit per map type below 64; 0: any
	Unsupported       bool      // known, but no program may call it
	Doc               string

	// SizeArg is the number (1 to 5) of the argument that holds the size of
	// every memory argument, as in memcpy(dst, src, size). 0, the rule for
	// helpers: the size of a memory argument is the argument behind it.
	SizeArg uint8
	// Acquires is what the result stands for if it is not null: something that the
	// program has to give back by a helper that Releases the same. No verdict depends on
	// it: PREVAIL does not look.
	Acquires Resource
	// Releases is what the helper takes back, by its first argument.
	Releases Resource
	// Context, if not nil, is the one context that a program's type must have.
	Context *Context
	// Types, if not empty, names the only program types that may call it.
	Types []string
}

// MapValueKind says what a map's values are.
type MapValueKind uint8

// The kinds of map values.
const (
	ValueAny MapValueKind = iota
	ValueMap
	ValueProgram
)

// MapType is a type of map of a platform.
type MapType struct {
	ID    uint32
	Name  string
	Array bool // keys are indices below the number of entries
	Value MapValueKind
}

// Map describes a map of an object: the verifier's map descriptor.
type Map struct {
	FD         int // pseudo descriptor that map loads carry
	Name       string
	Type       uint32 // the platform's number
	KeySize    uint32 // bytes
	ValueSize  uint32 // bytes
	MaxEntries uint32
	InnerFD    int  // descriptor of the inner map template, -1 if none
	Template   bool // only an inner map template
	Global     bool // a data section (.data, .rodata, .bss), not a declared map
}

// Options are the verifier's options that a platform sets.
type Options struct {
	Termination      bool // every loop must be proven to end
	StackSize        int  // bytes per frame
	MaxFrames        int
	MaxPacketSize    int  // bytes
	PacketAccess     bool // legacy packet instructions are allowed
	CallX            bool // callx is allowed
	NoDivisionByZero bool
	Strict           bool
}

// LegacyMaps is how a platform reads the records of a "maps" section.
type LegacyMaps struct {
	RecordSize int  // bytes of a full record; shorter ones are filled with zeros
	Share      bool // equal maps share a descriptor (PREVAIL on Linux)
	HasIDs     bool // records end in pinning, id and inner id (Windows)
}

// Platform is one operating system's view of BPF programs.
type Platform struct {
	Name    string // "windows", "linux"
	Types   []*ProgramType
	General []Helper // helpers of every program type, sorted by ID
	Maps    []MapType
	Legacy  LegacyMaps
	Options Options

	// Names says how the names of program types are compared with a section's.
	// The longest name that matches wins, the first of equal ones.
	Names NameRule
	// Unknown is the type of a section that matches no prefix; its Context is
	// nil where such a program is refused.
	Unknown *ProgramType

	// Builtin resolves a call of an undefined function: to a builtin with a
	// negative id (memcpy), or to a helper of that name. Nil where the platform
	// has no such calls. See BuiltinByID for the way back.
	Builtin func(name string) (Helper, bool)
	// Builtins are the builtins that Builtin can answer with, sorted by ID.
	Builtins []Helper
	// Kfunc resolves the name of a kernel function to its BTF id and module;
	// there need not be a prototype for them. Nil where there are none.
	Kfunc func(name string) (Kfunc, bool)
	// Kfuncs are the prototypes of kernel functions, sorted by BTFID, then Module.
	Kfuncs []Kfunc
	// HelperMessage words the refusal of a helper as the platform's reference
	// verifier does.
	HelperMessage func(*HelperError) string
	// MapMessage words that no map has a descriptor, as the platform's reference
	// verifier does. That comes up only while a program is analyzed: as the inner
	// map of a map that declares none.
	MapMessage func(fd int) string
	// SocketFields is the layout of struct bpf_sock; nil where the platform has none.
	SocketFields []SocketField
	SocketSize   int
}

// Kfunc is a kernel function that programs may call, by BTF id and module.
type Kfunc struct {
	BTFID  int32
	Module int16
	Helper
	Privileged bool // only privileged program types may call it
	// Releases says that it gives up a reference, which is not verified: no
	// program may call it.
	Releases bool
}

// SocketField says how a field of struct bpf_sock may be accessed.
type SocketField struct {
	Offset, Span   int
	Writable       bool
	MaxWidth       int
	Narrow         bool
	ExtraReadWidth int
}
