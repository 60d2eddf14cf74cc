package isa

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"reflect"
	"testing"
)

// FuzzDecode: a program is decoded or refused with a reason that names a slot;
// what is decoded survives encoding, prints, and reads the same in a big-endian
// object.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		"b7000000000000009500000000000000",
		"18110000010000000000000000000000851000000100000095000000000000009500000000000000",
		"67010000200000007701000020000000c701000020000000150101000500000005000000000000009500000000000000",
		"db210800f1000000c3210800010000002000000008000000402000000800000091210000000000009500000000000000",
		"8d000000030000008d03000000000000852003000500000095000000000000000600000000000000",
	} {
		b, err := hex.DecodeString(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		code := Slots(b, binary.LittleEndian)
		if again := AppendBytes(nil, code, binary.LittleEndian); string(again) != string(b[:len(b)/SlotSize*SlotSize]) {
			t.Fatalf("bytes changed: %x", again)
		}
		if big := Slots(AppendBytes(nil, code, binary.BigEndian), binary.BigEndian); !reflect.DeepEqual(big, code) {
			t.Fatalf("big-endian bytes read as %v", big)
		}
		for i := 0; i < len(code); {
			text, n := ObjdumpText(code, i, nil)
			if text == "" || n < 1 || n > 2 {
				t.Fatalf("slot %d: %q, %d slots", i, text, n)
			}
			i += n
		}
		insts, err := Decode(code)
		if err != nil {
			var de *DecodeError
			if insts != nil || !errors.As(err, &de) || de.Slot >= len(code) || de.Text == "" {
				t.Fatalf("insts %v, error %v", insts, err)
			}
			return
		}
		if len(insts) != len(code) {
			t.Fatalf("%d entries for %d slots", len(insts), len(code))
		}
		numbers := ListingNumbers(insts)
		for i := range insts {
			if insts[i].Slots == 0 {
				continue
			}
			if insts[i].Kind == Undefined || Text(&insts[i], nil) == "" || ListingText(insts, numbers, i, nil) == "" {
				t.Fatalf("slot %d: %+v", i, insts[i])
			}
		}
		again, err := Encode(insts)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Decode(again)
		if err != nil || !reflect.DeepEqual(back, insts) {
			t.Fatalf("encoded as %v: %v, %v, want %v", again, err, back, insts)
		}
	})
}
