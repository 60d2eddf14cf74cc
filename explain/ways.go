package explain

import (
	"fmt"
	"strings"

	"bpfls/isa"
	"bpfls/verifier"
)

// furthestWay bounds how many instructions before a finding the ways to it are looked for.
const furthestWay = 256

// unwrittenWays looks for the place where ways meet that left different bytes of the stack
// unwritten, and tells them apart; false where there is none. The offsets count from the
// top of the frame; name is what C calls the bytes from lo on.
func (d *describer) unwrittenWays(name string, lo, hi int64) bool {
	from := d.flow()
	at := d.u.point.Slot
	for n := 0; n < furthestWay && !d.functionEntry(at); n++ {
		before := from.before(at)
		if len(before) == 1 {
			at = int(before[0])
			continue
		}
		return d.tellWays(before, name, lo, hi)
	}
	return false
}

func (d *describer) tellWays(ways []int32, name string, lo, hi int64) bool {
	var notes []Related
	runs := map[[2]int64]bool{}
	for _, slot := range ways {
		state := d.Result.After(verifier.Point{Slot: int(slot), CallPath: d.u.point.CallPath})
		if state.Bottom() {
			continue
		}
		first, last, ok := unwritten(state.NumericBytes(), lo, hi)
		if !ok {
			first, last = hi+1, hi
		}
		runs[[2]int64{first, last}] = true
		want := wantStatement
		if d.insts[slot].Kind == isa.Jump && d.insts[slot].Cond {
			want = wantOperator
		}
		r, _ := d.rangeAt(int(slot), want, 0)
		text := "on this way all of " + name + " is written"
		if ok {
			text = fmt.Sprintf("on this way %s of %s%s %s never written", byteRange(first-lo, last-lo), name, d.member(first-lo, last-lo), were(first, last))
		}
		notes = append(notes, Related{r, text})
	}
	if len(runs) < 2 {
		return false
	}
	d.related = append(d.related, notes...)
	return true
}

// were is the verb of bytes from first to last.
func were(first, last int64) string {
	if first == last {
		return "was"
	}
	return "were"
}

// listed joins words as a sentence does: "a, b and c".
func listed(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}
