// Package platform says what a platform is, as data: its hooks with section
// prefixes and context layouts, its helper prototypes, map types, map record
// formats and verifier options. It knows no particular platform: winhooks and
// linuxhooks hold those data, settings adds what a user declares.
package platform

import "bpfls/isa"

// Context is the layout of a hook's context structure. Offsets are in bytes,
// -1 where the context has no such field.
type Context struct {
	TypeName string // C name of the structure, for messages; may be empty
	Size     int    // size of the structure in bytes
	Data     int    // offset of the pointer to the first byte of the packet (or buffer)
	End      int    // offset of the pointer behind its last byte
	Meta     int    // offset of the pointer to the metadata before it
	Fields   []Field
}

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
	Prefixes   []string // section name prefixes that select it
	Context    *Context // nil: a program of this type cannot be verified (unspec)
	ID         uint32   // bpf_prog_type of the platform
	Privileged bool     // may store and return pointers
	Sleepable  bool
	Helpers    []Helper // helpers of this type alone, besides the general ones
	Header     string   // C header that declares the context, for messages
	Doc        string   // one paragraph for hovers
	Origin     string   // "built in", or the file that declares it
	Note       string   // for instance: overrides the built-in hook xdp
}

// ArgType is the type of a helper argument. The values are the ABI of
// ebpf-for-windows' ebpf_base.h, so third-party prototypes can be read as they are.
type ArgType uint8

// The argument types.
const (
	ArgDontCare              ArgType = 0
	ArgAnything              ArgType = 1
	ArgConstSize             ArgType = 2
	ArgConstSizeOrZero       ArgType = 3
	ArgPtrToCtx              ArgType = 4
	ArgPtrToMap              ArgType = 5
	ArgPtrToMapOfPrograms    ArgType = 6
	ArgPtrToMapKey           ArgType = 7
	ArgPtrToMapValue         ArgType = 8
	ArgPtrToReadableMem      ArgType = 9
	ArgPtrToReadableMemOrNul ArgType = 10
	ArgPtrToWritableMem      ArgType = 11
	ArgPtrToStack            ArgType = 12
	ArgPtrToStackOrNull      ArgType = 13
	ArgPtrToCtxOrNull        ArgType = 14
	ArgPtrToWritableMemOrNul ArgType = 15
	ArgPtrToBTFIDSockCommon  ArgType = 17
	ArgPtrToSpinLock         ArgType = 18
	ArgPtrToSockCommon       ArgType = 19
	ArgPtrToBTFID            ArgType = 20
	ArgPtrToLong             ArgType = 21
	ArgPtrToInt              ArgType = 22
	ArgPtrToConstStr         ArgType = 23
	ArgPtrToFunc             ArgType = 24
	ArgConstAllocSizeOrZero  ArgType = 25
	ArgPtrToAllocMem         ArgType = 26
	ArgPtrToTimer            ArgType = 27
	ArgPtrToPercpuBTFID      ArgType = 28
	ArgPtrToReadonlyMem      ArgType = 29
	ArgPtrToReadonlyMemOrNul ArgType = 30
	ArgPtrToUninitMapValue   ArgType = 31
	ArgConstPtrToMap         ArgType = 32
	ArgUnsupported           ArgType = 33
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

// Helper is the prototype of a helper function, a builtin or a kfunc.
type Helper struct {
	ID                int32
	Name              string
	Return            RetType
	Args              [5]ArgType
	ArgNames          [5]string // for messages; empty where not known
	ReallocatesPacket bool      // invalidates packet pointers
	ZeroArgs          uint8     // bit i: argument i+1 must be zero
	MightSleep        bool
	AllowedMapTypes   uint64 // bit per map type below 64; 0: any
	Unsupported       bool
	Doc               string
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
	// Parse turns records into map descriptors. recordSize is what the section's
	// symbols say. base is the number of maps already known.
	RecordSize int
	Share      bool // equal maps share a descriptor (PREVAIL on Linux)
	HasIDs     bool // Windows: id, inner_id and inner index, 1-based descriptors
}

// Platform is one operating system's view of BPF programs.
type Platform struct {
	Name    string // "windows", "linux"
	Types   []*ProgramType
	General []Helper // helpers of every program type, sorted by ID
	Maps    []MapType
	Legacy  LegacyMaps
	Options Options

	// LongestPrefix selects the program type with the longest matching prefix;
	// otherwise the first in order wins.
	LongestPrefix bool
	// Unknown is the type of a section that matches no prefix; its Context is
	// nil where such a program is refused.
	Unknown *ProgramType

	// Builtin resolves a call of an undefined function (memcpy) to a negative id.
	Builtin func(name string) (Helper, bool)
	// Kfunc resolves the name of a kernel function.
	Kfunc func(name string) (Kfunc, bool)
	// SocketFields is the layout of struct bpf_sock; nil where the platform has none.
	SocketFields []SocketField
	SocketSize   int
}

// Kfunc is a kernel function that programs may call, by BTF id and module.
type Kfunc struct {
	BTFID  int32
	Module int16
	Helper
	// Program types that may call it, by name; empty: all.
	Types      []string
	Privileged bool
}

// SocketField says how a field of struct bpf_sock may be accessed.
type SocketField struct {
	Offset, Span   int
	Writable       bool
	MaxWidth       int
	Narrow         bool
	ExtraReadWidth int
}

var _ isa.Reg // arguments travel in r1 to r5
