package elfbpf

import (
	"debug/dwarf"
	"fmt"
	"slices"
	"strings"
)

// DWARF returns the object's debugging information, relocated; an error where it
// has none. It reads the sections anew at every call: the result is the caller's,
// and like every dwarf.Data not for several goroutines.
func (o *Object) DWARF() (*dwarf.Data, error) {
	d, _, err := o.dwarf(false)
	return d, err
}

// dwarf reads the debugging information and returns its sections too, by their names
// without ".debug_". With spread, addresses tell sections of code apart: see spread.
func (o *Object) dwarf(spread bool) (*dwarf.Data, map[string][]byte, error) {
	f := o.reader.f
	sections := map[string][]byte{}
	for i := range f.sections {
		s := &f.sections[i]
		if !s.present || !strings.HasPrefix(s.name, ".debug_") {
			continue
		}
		data := slices.Clone(f.contents(s))
		if err := f.relocateData(i, data, spread); err != nil {
			return nil, nil, fmt.Errorf("%s: section %s: %w", o.Name, s.name, err)
		}
		sections[strings.TrimPrefix(s.name, ".debug_")] = data
	}
	if len(sections["info"]) == 0 {
		return nil, nil, fmt.Errorf("%s: no debugging information (section .debug_info); compile with -g", o.Name)
	}
	d, err := dwarf.New(sections["abbrev"], nil, nil, sections["info"], sections["line"], nil, sections["ranges"], sections["str"])
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", o.Name, err)
	}
	if offsets := sections["str_offsets"]; len(offsets) >= 8 {
		// debug/dwarf reads the root entry before it knows where the offsets begin,
		// and takes the header for offsets; a large one would be an error.
		clear(offsets[:8])
	}
	// What DWARF 5 added.
	for _, name := range [...]string{"addr", "line_str", "str_offsets", "rnglists", "loclists", "types"} {
		data, ok := sections[name]
		if !ok {
			continue
		}
		if name == "types" {
			err = d.AddTypes(name, data)
		} else {
			err = d.AddSection(".debug_"+name, data)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: section .debug_%s: %w", o.Name, name, err)
		}
	}
	return d, sections, nil
}

// spreadBits is where the number of a section stands in an address of code that was
// relocated with spread: in an object file the addresses of all sections begin at 0.
const spreadBits = 40

// relocateData applies the relocations of a section of data to a copy of it:
// the symbol's value is added to what stands there; with spread the number of the
// symbol's section too if that holds code.
func (f *elfFile) relocateData(section int, data []byte, spread bool) error {
	for i := range f.sections {
		table := &f.sections[i]
		if table.typ != shtRel && table.typ != shtRela || int(table.info) != section {
			continue
		}
		list, ok := f.relocations(table)
		if !ok {
			return fmt.Errorf("malformed relocations in %s", table.name)
		}
		for _, rel := range list {
			width := uint64(4)
			switch rel.typ {
			case Reloc64Abs64:
				width = 8
			case Reloc64Abs32, Reloc64Nodyl:
			case RelocNone:
				continue
			default:
				return fmt.Errorf("relocation %s at offset %d", RelocationName(rel.typ), rel.offset)
			}
			if rel.offset > uint64(len(data)) || width > uint64(len(data))-rel.offset || int64(rel.symbol) >= int64(f.count) {
				return fmt.Errorf("relocation at offset %d out of bounds", rel.offset)
			}
			b := data[rel.offset:]
			sym := f.symbol(int(rel.symbol))
			value := sym.value
			switch {
			case table.typ == shtRela:
				value += uint64(rel.addend)
			case width == 8:
				value += f.u64(b)
			default:
				value += uint64(f.u32(b))
			}
			if width == 8 {
				if s := int(sym.section); spread && s < len(f.sections) && f.sections[s].flags&shfExecinstr != 0 {
					value += uint64(s) << spreadBits
				}
				f.order.PutUint64(b, value)
			} else {
				f.order.PutUint32(b, uint32(value))
			}
		}
	}
	return nil
}
