package report

import (
	"fmt"
	"strings"

	"bpfls/isa"
	"bpfls/platform"
	"bpfls/verifier/cfg"
)

// Listing returns the instructions at some slots in PREVAIL's notation, a line
// each, with their numbers.
func Listing(r ProgramRow, p *platform.Platform, slots []int) ([]string, error) {
	insts, err := isa.Decode(r.Program.Code)
	if err != nil {
		return nil, err
	}
	resolve := cfg.CallResolver(p, r.Type)
	numbers := isa.ListingNumbers(insts)
	var lines []string
	for _, slot := range slots {
		if slot >= 0 && slot < len(insts) && insts[slot].Slots > 0 && numbers[slot] >= 0 {
			lines = append(lines, fmt.Sprintf("%4d: %s", numbers[slot], isa.ListingText(insts, numbers, slot, resolve)))
		}
	}
	return lines, nil
}

// Prototype returns a helper's prototype: "name(map: ptr_to_map, index: anything) -> integer".
func Prototype(h *platform.Helper) string {
	return fmt.Sprintf("%s(%s) -> %s", h.CName(), strings.Join(arguments(h), ", "), h.Return)
}
