package winhooks

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode/utf16"

	"bpfls/platform"
)

// Key is a key of the registry with all that is below it.
type Key struct {
	Name   string
	Values map[string]RegistryValue
	Keys   []Key
}

// RegistryValue is a value of a key, as the registry holds it.
type RegistryValue struct {
	Type uint32 // REG_SZ, ...
	Data []byte
}

// Types of registry values.
const (
	REGSZ     = 1 // UTF-16, little endian, ends in a zero
	REGBINARY = 3
	REGDWORD  = 4 // 32 bits, little endian
)

// Store is what the eBPF store of a machine says: the program types, helpers
// and BTF-resolved functions that extensions have published.
type Store struct {
	Types   []StoreType
	General []platform.Helper // by id
	// Functions are those that programs name in .ksyms with a module's GUID.
	Functions []StoreFunction
	// Notes say which records were skipped and why.
	Notes []string
}

// StoreType is a program type of the store.
type StoreType struct {
	GUID string // 8f6c1f83-ce4c-4b58-8b91-654a29e23b7c
	platform.ProgramType
}

// StoreFunction is a BTF-resolved function.
type StoreFunction struct {
	Module string // GUID of the module that has it
	platform.Helper
}

// DecodeStore reads the tree of Software\eBPF\Providers. A record that Windows'
// own reader would not take is skipped with a note.
func DecodeStore(providers Key) *Store {
	s := &Store{}
	sections := make(map[string][]string) // prefixes by GUID
	for _, k := range providers.child("SectionData").Keys {
		guid, err := k.guid("ProgramType")
		if err != nil || k.Name == "" {
			s.note(`SectionData\`+k.Name, err)
			continue
		}
		sections[guid] = append(sections[guid], k.Name)
	}
	for _, k := range providers.child("ProgramData").Keys {
		t, err := decodeType(k)
		if err != nil {
			s.note(`ProgramData\`+k.Name, err)
			continue
		}
		t.Prefixes = sections[t.GUID]
		slices.Sort(t.Prefixes)
		s.Types = append(s.Types, t)
	}
	slices.SortStableFunc(s.Types, func(a, b StoreType) int { return strings.Compare(a.Name, b.Name) })
	for _, k := range providers.child("GlobalHelpers").Keys {
		h, err := decodeHelper(k)
		if err == nil && slices.ContainsFunc(s.General, func(o platform.Helper) bool { return o.ID == h.ID }) {
			err = fmt.Errorf("another general helper has the id %d", h.ID)
		}
		if err != nil {
			s.note(`GlobalHelpers\`+k.Name, err)
			continue
		}
		s.General = append(s.General, h)
	}
	slices.SortFunc(s.General, func(a, b platform.Helper) int { return int(a.ID) - int(b.ID) })
	for _, module := range providers.child("BtfResolvedFunctions").Keys {
		guid, ok := normalGUID(module.Name)
		if !ok {
			s.note(`BtfResolvedFunctions\`+module.Name, fmt.Errorf("its name is not a GUID"))
			continue
		}
		for _, k := range module.child("Functions").Keys {
			f, err := decodeFunction(k)
			if err != nil {
				s.note(`BtfResolvedFunctions\`+module.Name+`\Functions\`+k.Name, err)
				continue
			}
			s.Functions = append(s.Functions, StoreFunction{guid, f})
		}
	}
	return s
}

func (s *Store) note(key string, err error) {
	if err == nil {
		err = fmt.Errorf("it has no name")
	}
	s.Notes = append(s.Notes, fmt.Sprintf(`eBPF store: %s is skipped: %v`, key, err))
}

func decodeType(k Key) (StoreType, error) {
	t := StoreType{ProgramType: platform.ProgramType{Origin: `eBPF store: ProgramData\` + k.Name}}
	var ok bool
	if t.GUID, ok = normalGUID(k.Name); !ok {
		return t, fmt.Errorf("its name is not a GUID")
	}
	descriptor := k.child("TypeDescriptor")
	name, err := descriptor.text("Name")
	if err != nil {
		return t, err
	}
	data, err := descriptor.binary("ContextDescriptor", 16)
	if err != nil {
		return t, err
	}
	privileged, err := descriptor.number("IsPrivileged")
	if err != nil {
		return t, err
	}
	id, err := descriptor.number("BpfProgType")
	if err != nil {
		return t, err
	}
	if name == "" {
		return t, fmt.Errorf("the program type has no name")
	}
	t.Name, t.ID, t.Privileged, t.Context = name, id, privileged != 0, decodeContext(data)
	if t.Context.Size < 16 { // ebpf-for-windows refuses it
		return t, fmt.Errorf("the context has %d bytes; a context has at least 16", t.Context.Size)
	}
	if err := t.Context.Valid(); err != nil {
		return t, err
	}
	count, err := k.number("HelperCount")
	if err != nil {
		return t, err
	}
	helpers := k.child("Helpers").Keys
	if count > 0 && int(count) != len(helpers) {
		return t, fmt.Errorf("HelperCount is %d, but there are %d helpers", count, len(helpers))
	}
	if count == 0 {
		helpers = nil
	}
	for _, h := range helpers {
		helper, err := decodeHelper(h)
		if err != nil {
			return t, fmt.Errorf("helper %s: %w", h.Name, err)
		}
		t.Helpers = append(t.Helpers, helper)
	}
	slices.SortStableFunc(t.Helpers, func(a, b platform.Helper) int { return int(a.ID) - int(b.ID) })
	return t, nil
}

// decodeContext reads size, data, end and meta: four signed numbers of 32 bits.
func decodeContext(data []byte) *platform.Context {
	number := func(i int) int { return max(int(int32(binary.LittleEndian.Uint32(data[4*i:]))), -1) }
	return &platform.Context{Size: number(0), Data: number(1), End: number(2), Meta: number(3)}
}

// decodeHelper reads a prototype: the id, the return type and five argument
// types, each of 32 bits.
func decodeHelper(k Key) (platform.Helper, error) {
	h := platform.Helper{Name: k.Name}
	data, err := k.binary("Prototype", 28)
	if err != nil {
		return h, err
	}
	id := binary.LittleEndian.Uint32(data)
	if id > 1<<31-1 {
		return h, fmt.Errorf("the helper's id is %d; ids have 31 bits", id)
	}
	h.ID = int32(id)
	h.Return = returnType(binary.LittleEndian.Uint32(data[4:]))
	arguments(&h, data[8:])
	if moves, err := k.number("ReallocatePacket"); err == nil && moves != 0 {
		h.ReallocatesPacket = true
	}
	return h, nil
}

func decodeFunction(k Key) (platform.Helper, error) {
	h := platform.Helper{Name: k.Name}
	result, err := k.number("ReturnType")
	if err != nil {
		return h, err
	}
	data, err := k.binary("Arguments", 20)
	if err != nil {
		return h, err
	}
	flags, err := k.number("Flags")
	if err != nil {
		return h, err
	}
	if flags != 0 {
		return h, fmt.Errorf("its flags are %#x; none are known", flags)
	}
	h.Return = returnType(result)
	arguments(&h, data)
	return h, nil
}

// returnType and arguments keep what is not in the ABI as unsupported, so that
// a call is refused and not the record lost.
func returnType(n uint32) platform.RetType {
	if r := platform.RetType(min(n, 255)); r.Valid() {
		return r
	}
	return platform.RetUnsupported
}

func arguments(h *platform.Helper, data []byte) {
	for i := range h.Args {
		h.Args[i] = platform.ArgType(min(binary.LittleEndian.Uint32(data[4*i:]), 255))
		if !h.Args[i].Valid() {
			h.Args[i] = platform.ArgUnsupported
		}
	}
}

// child returns the key with that name below k, or an empty one. Names of the
// registry do not differ by case.
func (k Key) child(name string) Key {
	for _, c := range k.Keys {
		if strings.EqualFold(c.Name, name) {
			return c
		}
	}
	return Key{}
}

func (k Key) value(name string) (RegistryValue, error) {
	for n, v := range k.Values {
		if strings.EqualFold(n, name) {
			return v, nil
		}
	}
	return RegistryValue{}, fmt.Errorf("it has no value %s", name)
}

func (k Key) binary(name string, size int) ([]byte, error) {
	v, err := k.value(name)
	if err != nil {
		return nil, err
	}
	if v.Type != REGBINARY || len(v.Data) != size {
		return nil, fmt.Errorf("the value %s has type %d and %d bytes; it must be binary with %d", name, v.Type, len(v.Data), size)
	}
	return v.Data, nil
}

func (k Key) number(name string) (uint32, error) {
	v, err := k.value(name)
	if err != nil {
		return 0, err
	}
	if v.Type != REGDWORD || len(v.Data) != 4 {
		return 0, fmt.Errorf("the value %s has type %d and %d bytes; it must be a number of 32 bits", name, v.Type, len(v.Data))
	}
	return binary.LittleEndian.Uint32(v.Data), nil
}

func (k Key) text(name string) (string, error) {
	v, err := k.value(name)
	if err != nil {
		return "", err
	}
	if v.Type != REGSZ || len(v.Data)%2 != 0 {
		return "", fmt.Errorf("the value %s has type %d and %d bytes; it must be a text", name, v.Type, len(v.Data))
	}
	units := make([]uint16, len(v.Data)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(v.Data[2*i:])
	}
	if end := slices.Index(units, 0); end >= 0 {
		units = units[:end]
	}
	return string(utf16.Decode(units)), nil
}

// guid reads a GUID value: a number of 32 bits, two of 16 and eight bytes.
func (k Key) guid(name string) (string, error) {
	b, err := k.binary(name, 16)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x", binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint16(b[4:]),
		binary.LittleEndian.Uint16(b[6:]), b[8:10], b[10:]), nil
}

// normalGUID takes the braces from a GUID and makes it lower case.
func normalGUID(s string) (string, bool) {
	s = strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(s, "{"), "}"))
	if len(s) != 36 {
		return s, false
	}
	for i := range len(s) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if (s[i] == '-') != dash || !dash && !strings.ContainsRune("0123456789abcdef", rune(s[i])) {
			return s, false
		}
	}
	return s, true
}

// Extend returns base, the platform as it ships, with what the store of a
// machine adds, and notes on what differs. Where both have a program type (by
// section or name) or a general helper (by id), the store counts, since the
// tools of that machine go by it; names of members and arguments, which the
// store does not have, are kept where the layout is the same.
func (s *Store) Extend(base *platform.Platform) (p *platform.Platform, notes []string) {
	notes = slices.Clone(s.Notes)
	p = base.Clone()
	for _, h := range s.General {
		i, found := slices.BinarySearchFunc(p.General, h.ID, func(h platform.Helper, id int32) int { return int(h.ID) - int(id) })
		if !found {
			p.General = slices.Insert(p.General, i, h)
			continue
		}
		if old := p.General[i]; !sameContract(old, h) {
			notes = append(notes, fmt.Sprintf("eBPF store: general helper %d (%s) differs from the one that is built in (%s)", h.ID, h.Name, old.Name))
			p.General[i] = h
		}
	}
	var added []*platform.ProgramType
	for _, stored := range s.Types {
		t := stored.ProgramType
		t.Helpers = slices.Clone(t.Helpers)
		var rest []*platform.ProgramType
		for _, b := range p.Types {
			left := slices.DeleteFunc(slices.Clone(b.Prefixes), func(name string) bool { return slices.Contains(t.Prefixes, name) })
			if b.Name == t.Name || len(left) < len(b.Prefixes) {
				keepNames(&t, b)
				if note := differs(&t, b); note != "" {
					t.Note = note
					notes = append(notes, fmt.Sprintf("eBPF store: program type %s %s", t.Name, note))
				}
			}
			switch {
			case b.Name == t.Name && len(t.Prefixes) > 0:
			case b.Name == t.Name:
				t.Prefixes = b.Prefixes // the store has no sections for it
			case len(left) == len(b.Prefixes):
				rest = append(rest, b)
			case len(left) > 0:
				b := *b
				b.Prefixes = left
				rest = append(rest, &b)
			}
		}
		p.Types = rest
		added = append(added, &t)
	}
	p.Types = append(added, p.Types...)
	return p, notes
}

var installed struct {
	once     sync.Once
	platform *platform.Platform
	notes    []string
}

// Installed returns eBPF for Windows as this machine has it: Platform, on
// Windows extended by the machine's eBPF store, which is read once. notes say
// what differs from Platform and why a record or the store was not taken.
func Installed() (p *platform.Platform, notes []string) {
	installed.once.Do(func() {
		installed.platform = Platform()
		store, err := ReadStore()
		if err != nil {
			installed.notes = []string{err.Error()}
		} else if store != nil {
			installed.platform, installed.notes = store.Extend(Platform())
		}
	})
	return installed.platform, installed.notes
}

func sameContract(a, b platform.Helper) bool {
	return a.ID == b.ID && a.Return == b.Return && a.Args == b.Args && a.ReallocatesPacket == b.ReallocatesPacket
}

// keepNames takes from a built-in type what the store does not know.
func keepNames(t, b *platform.ProgramType) {
	if c := b.Context; c != nil && t.Context.Size == c.Size && t.Context.Data == c.Data && t.Context.End == c.End && t.Context.Meta == c.Meta {
		t.Context = c
	}
	t.Header, t.Doc = b.Header, b.Doc
	for i, h := range t.Helpers {
		if j := slices.IndexFunc(b.Helpers, func(o platform.Helper) bool { return sameContract(o, h) }); j >= 0 {
			t.Helpers[i].ArgNames, t.Helpers[i].Doc = b.Helpers[j].ArgNames, b.Helpers[j].Doc
		}
	}
}

// differs says in what a stored type differs from the built-in one, or "".
func differs(t, b *platform.ProgramType) string {
	switch {
	case t.Context != b.Context:
		return fmt.Sprintf("has a context of %d bytes (data %d, end %d, meta %d); the built-in one of %s has %d (%d, %d, %d)",
			t.Context.Size, t.Context.Data, t.Context.End, t.Context.Meta, b.Name, b.Context.Size, b.Context.Data, b.Context.End, b.Context.Meta)
	case t.Privileged != b.Privileged:
		return fmt.Sprintf("is privileged: %v; the built-in one is not so", t.Privileged)
	case !slices.EqualFunc(t.Helpers, b.Helpers, sameContract):
		return "has other helpers than the built-in one"
	}
	return ""
}
