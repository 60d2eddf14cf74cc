package isa

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// program reads slots from hexadecimal text as it stands in a little-endian object.
func program(t testing.TB, text string) []Slot {
	t.Helper()
	b, err := hex.DecodeString(strings.NewReplacer(" ", "", "|", "").Replace(text))
	if err != nil || len(b)%SlotSize != 0 {
		t.Fatalf("bad program %q: %v", text, err)
	}
	return Slots(b, binary.LittleEndian)
}

// TestDecode gives one instruction (and what has to follow it) beside its text in
// PREVAIL's notation, or PREVAIL's reason to refuse it.
func TestDecode(t *testing.T) {
	const exit = " 9500000000000000"
	tests := []struct{ code, want string }{
		// 64-bit arithmetic
		{"0701000005000000", "r1 += 5"},
		{"0f21000000000000", "r1 += r2"},
		{"17010000fbffffff", "r1 -= -5"},
		{"1f21000000000000", "r1 -= r2"},
		{"2701000005000000", "r1 *= 5"},
		{"2f21000000000000", "r1 *= r2"},
		{"3701000005000000", "r1 /= 5"},
		{"3701010005000000", "r1 s/= 5"},
		{"3f21000000000000", "r1 /= r2"},
		{"3f21010000000000", "r1 s/= r2"},
		{"4701000005000000", "r1 |= 5"},
		{"4f21000000000000", "r1 |= r2"},
		{"5701000005000000", "r1 &= 5"},
		{"5f21000000000000", "r1 &= r2"},
		{"6701000005000000", "r1 <<= 5"},
		{"6f21000000000000", "r1 <<= r2"},
		{"7701000005000000", "r1 >>= 5"},
		{"7f21000000000000", "r1 >>= r2"},
		{"8701000000000000", "r1 = -r1"},
		{"9701000005000000", "r1 %= 5"},
		{"9701010005000000", "r1 s%= 5"},
		{"9f21000000000000", "r1 %= r2"},
		{"9f21010000000000", "r1 s%= r2"},
		{"a701000005000000", "r1 ^= 5"},
		{"af21000000000000", "r1 ^= r2"},
		{"b701000005000000", "r1 = 5"},
		{"bf21000000000000", "r1 = r2"},
		{"bf21080000000000", "r1 s8= r2"},
		{"bf21100000000000", "r1 s16= r2"},
		{"bf21200000000000", "r1 s32= r2"},
		{"c701000005000000", "r1 >>>= 5"},
		{"cf21000000000000", "r1 >>>= r2"},
		{"d701000010000000", "r1 = swap16 r1"},
		{"d701000020000000", "r1 = swap32 r1"},
		{"d701000040000000", "r1 = swap64 r1"},
		// 32-bit arithmetic
		{"0401000005000000", "w1 += 5"},
		{"0c21000000000000", "w1 += r2"},
		{"1401000005000000", "w1 -= 5"},
		{"1c21000000000000", "w1 -= r2"},
		{"2401000005000000", "w1 *= 5"},
		{"2c21000000000000", "w1 *= r2"},
		{"3401000005000000", "w1 /= 5"},
		{"3c21010000000000", "w1 s/= r2"},
		{"4401000005000000", "w1 |= 5"},
		{"4c21000000000000", "w1 |= r2"},
		{"5401000005000000", "w1 &= 5"},
		{"5c21000000000000", "w1 &= r2"},
		{"6401000005000000", "w1 <<= 5"},
		{"6c21000000000000", "w1 <<= r2"},
		{"7401000005000000", "w1 >>= 5"},
		{"7c21000000000000", "w1 >>= r2"},
		{"8401000000000000", "r1 = -r1"},
		{"9401000005000000", "w1 %= 5"},
		{"9c21010000000000", "w1 s%= r2"},
		{"a401000005000000", "w1 ^= 5"},
		{"ac21000000000000", "w1 ^= r2"},
		{"b401000005000000", "w1 = 5"},
		{"bc21000000000000", "w1 = r2"},
		{"bc21080000000000", "w1 s8= r2"},
		{"bc21200000000000", "w1 s32= r2"},
		{"c401000005000000", "w1 >>>= 5"},
		{"cc21000000000000", "w1 >>>= r2"},
		{"d401000010000000", "r1 = le16 r1"},
		{"d401000040000000", "r1 = le64 r1"},
		{"dc01000020000000", "r1 = be32 r1"},
		// refused arithmetic
		{"070a000005000000", "0: invalid target r10"},
		{"070b000005000000", "0: bad register"},
		{"0fb1000000000000", "0: bad register"},
		{"0701010005000000", "0: nonzero offset for op 0x7"},
		{"0f21000001000000", "0: nonzero imm for op 0xf"},
		{"0721000005000000", "0: bad instruction op 0x7"},
		{"3701020005000000", "0: invalid offset for op 0x37"},
		{"b701080000000000", "0: nonzero offset for op 0xb7"},
		{"b701f8ff00000000", "0: invalid offset for op 0xb7"},
		{"bf21070000000000", "0: invalid offset for op 0xbf"},
		{"8f01000000000000", "0: bad instruction op 0x8f"},
		{"8721000000000000", "0: bad instruction op 0x87"},
		{"8701000001000000", "0: nonzero imm for op 0x87"},
		{"d701000008000000", "0: unsupported immediate"},
		{"df01000010000000", "0: bad instruction op 0xdf"},
		{"d421000010000000", "0: bad instruction op 0xd4"},
		{"e701000000000000", "0: bad instruction op 0xe7"},
		{"f401000000000000", "0: bad instruction op 0xf4"},
		// zero and sign extension by two shifts
		{"6701000020000000 7701000020000000", "w1 = r1"},
		{"6701000020000000 c701000020000000", "r1 s32= r1"},
		{"6701000020000000 7702000020000000", "r1 <<= 32"},
		{"6701000020000000 770100001f000000", "r1 <<= 32"},
		{"6401000020000000 7401000020000000", "w1 <<= 32"},
		{"6701000020000000 770a000020000000", "1: invalid target r10"},
		// 64-bit immediates
		{"1801000005000000 0000000000000000", "r1 = 5 ll"},
		{"1801000005000000 00000000ffffffff", "r1 = -4294967291 ll"},
		{"1801000000000080 0000000000000000", "r1 = 2147483648 ll"},
		{"1811000005000000 0000000000000000", "r1 = map_fd 5"},
		{"1821000005000000 0000000008000000", "r1 = map_val(5) + 8"},
		{"1831000005000000 0000000000000000", "r1 = variable_addr(5)"},
		{"1841000005000000 0000000000000000", "r1 = code_addr(5)"},
		{"1851000005000000 0000000000000000", "r1 = map_by_idx(5)"},
		{"1861000005000000 0000000008000000", "r1 = mva(map_by_idx(5)) + 8"},
		{"1811000005000000 0000000001000000", "0: lddw uses reserved fields"},
		{"1841000005000000 0000000001000000", "0: lddw uses reserved fields"},
		{"1871000005000000 0000000000000000", "0: bad instruction op 0x18"},
		{"1801010005000000 0000000000000000", "0: nonzero offset for op 0x18"},
		{"180b000005000000 0000000000000000", "0: bad register"},
		{"1801000005000000 0001000000000000", "0: invalid lddw"},
		// loads and stores
		{"6121fcff00000000", "r1 = *(u32 *)(r2 - 4)"},
		{"6921040000000000", "r1 = *(u16 *)(r2 + 4)"},
		{"7121000000000000", "r1 = *(u8 *)(r2 + 0)"},
		{"7921000000000000", "r1 = *(u64 *)(r2 + 0)"},
		{"8121fcff00000000", "r1 = *(s32 *)(r2 - 4)"},
		{"8921040000000000", "r1 = *(s16 *)(r2 + 4)"},
		{"9121000000000000", "r1 = *(s8 *)(r2 + 0)"},
		{"620afcff05000000", "*(u32 *)(r10 - 4) = 5"},
		{"6a010400fbffffff", "*(u16 *)(r1 + 4) = -5"},
		{"7201000005000000", "*(u8 *)(r1 + 0) = 5"},
		{"7a01000005000000", "*(u64 *)(r1 + 0) = 5"},
		{"632afcff00000000", "*(u32 *)(r10 - 4) = r2"},
		{"6b21040000000000", "*(u16 *)(r1 + 4) = r2"},
		{"7321000000000000", "*(u8 *)(r1 + 0) = r2"},
		{"7b21000000000000", "*(u64 *)(r1 + 0) = r2"},
		{"2000000008000000", "r0 = *(u32 *)skb[8]"},
		{"2800000000000000", "r0 = *(u16 *)skb[]"},
		{"3000000008000000", "r0 = *(u8 *)skb[8]"},
		{"4020000008000000", "r0 = *(u32 *)skb[r2 + 8]"},
		{"4820000000000000", "r0 = *(u16 *)skb[r2]"},
		{"5020000008000000", "r0 = *(u8 *)skb[r2 + 8]"},
		{"612a000000000000", "0: cannot modify r10"},
		{"812a000000000000", "0: cannot modify r10"},
		{"61b1000000000000", "0: bad register"},
		{"6121000001000000", "0: nonzero imm for op 0x61"},
		{"6221000001000000", "0: bad instruction op 0x62"},
		{"9921000000000000", "0: bad instruction op 0x99"},
		{"8221000000000000", "0: bad instruction op 0x82"},
		{"3800000000000000", "0: bad instruction op 0x38"},
		{"2001000008000000", "0: nonzero dst for register op 0x20"},
		{"2010000008000000", "0: bad instruction op 0x20"},
		{"2000010008000000", "0: nonzero offset for op 0x20"},
		{"6000000000000000", "0: bad instruction op 0x60"},
		{"0000000000000000", "0: bad instruction op 0x0"},
		{"a121000000000000", "0: bad instruction op 0xa1"},
		{"e321000000000000", "0: bad instruction op 0xe3"},
		// atomic operations
		{"db21080000000000", "lock *(u64 *)(r1 + 8) += r2"},
		{"c321f8ff01000000", "lock *(u32 *)(r1 - 8) += r2 fetch"},
		{"db21080040000000", "lock *(u64 *)(r1 + 8) |= r2"},
		{"db21080050000000", "lock *(u64 *)(r1 + 8) &= r2"},
		{"db210800a1000000", "lock *(u64 *)(r1 + 8) ^= r2 fetch"},
		{"db210800e1000000", "lock *(u64 *)(r1 + 8) x= r2"},
		{"c3210800f1000000", "lock *(u32 *)(r1 + 8) cx= r2"},
		{"db210800e0000000", "0: unsupported immediate"},
		{"db21080002000000", "0: unsupported immediate"},
		{"cb21080000000000", "0: bad instruction op 0xcb"},
		{"d121080000000000", "0: bad instruction op 0xd1"},
		// jumps
		{"0500000000000000", "goto label <1>"},
		{"0600000000000000", "goto label <1>"},
		{"0500ffff00000000", "goto label <0>"},
		{"1501000005000000", "if r1 == 5 goto label <1>"},
		{"1d21000000000000", "if r1 == r2 goto label <1>"},
		{"1601000005000000", "if r1 w== 5 goto label <1>"},
		{"1e21000000000000", "if r1 w== r2 goto label <1>"},
		{"2501000005000000", "if r1 > 5 goto label <1>"},
		{"3501000005000000", "if r1 >= 5 goto label <1>"},
		{"4501000005000000", "if r1 &== 5 goto label <1>"},
		{"5501000005000000", "if r1 != 5 goto label <1>"},
		{"6501000005000000", "if r1 s> 5 goto label <1>"},
		{"7501000005000000", "if r1 s>= 5 goto label <1>"},
		{"a501000005000000", "if r1 < 5 goto label <1>"},
		{"b601000005000000", "if r1 w<= 5 goto label <1>"},
		{"cd21000000000000", "if r1 s< r2 goto label <1>"},
		{"de21000000000000", "if r1 ws<= r2 goto label <1>"},
		{"0500010000000000", "0: jump out of bounds"},
		{"0500feff00000000", "0: jump out of bounds"},
		{"06000000ffffff7f", "0: jump out of bounds"},
		{"0500010000000000 1800000000000000 0000000000000000", "0: jump to middle of lddw"},
		{"0500000001000000", "0: nonzero imm for op 0x5"},
		{"0600010000000000", "0: nonzero offset for op 0x6"},
		{"0501000000000000", "0: nonzero dst for register op 0x5"},
		{"0510000000000000", "0: bad instruction op 0x5"},
		{"0d00000000000000", "0: bad instruction op 0xd"},
		{"1521000005000000", "0: bad instruction op 0x15"},
		{"1d21000005000000", "0: nonzero imm for op 0x1d"},
		{"150b000005000000", "0: bad register"},
		{"1db1000000000000", "0: bad register"},
		{"e500000000000000", "0: bad instruction op 0xe5"},
		{"f600000000000000", "0: bad instruction op 0xf6"},
		// calls
		{"8500000005000000", "r0 = call:5"},
		{"85000000f5ffffff", "r0 = call:-11"},
		{"8510000000000000", "call <1>"},
		{"8520000005000000", "call_btf 5"},
		{"8520030005000000", "call_btf 5 module 3"},
		{"8d03000000000000", "callx r3"},
		{"8d00000003000000", "callx r3"},
		{"8500010005000000", "0: nonzero offset for op 0x85"},
		{"8501000005000000", "0: nonzero dst for register op 0x85"},
		{"8530000005000000", "0: bad instruction op 0x85"},
		{"8510010000000000", "0: nonzero offset for op 0x85"},
		{"8511000000000000", "0: nonzero dst for register op 0x85"},
		{"8510000001000000", "0: jump out of bounds"},
		{"8520ffff05000000", "0: negative module for op 0x85"},
		{"8d10000000000000", "0: bad instruction op 0x8d"},
		{"8d20000000000000", "0: bad instruction op 0x8d"},
		{"8d03010000000000", "0: nonzero offset for op 0x8d"},
		{"8d01000003000000", "0: nonzero imm for op 0x8d"},
		{"8d0000000b000000", "0: bad register"},
		{"8d0b000000000000", "0: bad register"},
		{"8600000005000000", "0: bad instruction op 0x86"},
		// exit
		{"9500000000000000", "exit"},
		{"9501000000000000", "0: nonzero dst for register op 0x95"},
		{"9510000000000000", "0: bad instruction op 0x95"},
		{"9500010000000000", "0: nonzero offset for op 0x95"},
		{"9500000001000000", "0: nonzero imm for op 0x95"},
		{"9600000000000000", "0: bad instruction op 0x96"},
		{"9d00000000000000", "0: bad instruction op 0x9d"},
	}
	for _, tt := range tests {
		code := program(t, tt.code+exit)
		insts, err := Decode(code)
		got := ""
		if err != nil {
			got = err.Error()
			var de *DecodeError
			if !errors.As(err, &de) {
				t.Errorf("%s: error of type %T", tt.code, err)
			}
		} else {
			got = Text(&insts[0], nil)
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.code, got, tt.want)
		}
		if err == nil {
			again, err := Encode(insts)
			if err != nil {
				t.Errorf("%s: encode: %v", tt.code, err)
				continue
			}
			back, err := Decode(again)
			if err != nil || !reflect.DeepEqual(back, insts) {
				t.Errorf("%s: encoded and decoded again: %v, %+v, want %+v", tt.code, err, back, insts)
			}
		}
	}
}

func TestDecodeEnds(t *testing.T) {
	for _, tt := range []struct{ code, want string }{
		{"", "Zero length programs are not allowed"},
		{"1801000005000000", "0: incomplete lddw"},
		{"b700000000000000 1801000005000000", "1: incomplete lddw"},
	} {
		if _, err := Decode(program(t, tt.code)); err == nil || err.Error() != tt.want {
			t.Errorf("%s: got %v, want %q", tt.code, err, tt.want)
		}
	}
	// The last instruction may be the first half of what would be fused.
	if _, err := Decode(program(t, "6701000020000000")); err != nil {
		t.Error(err)
	}
}

// wantAccepted are the opcodes of RFC 9669, appendix A, without those that PREVAIL
// does not have (8-byte legacy packet access).
var wantAccepted = []uint8{
	0x04, 0x05, 0x06, 0x07, 0x0c, 0x0f,
	0x14, 0x15, 0x16, 0x17, 0x18, 0x1c, 0x1d, 0x1e, 0x1f,
	0x20, 0x24, 0x25, 0x26, 0x27, 0x28, 0x2c, 0x2d, 0x2e, 0x2f,
	0x30, 0x34, 0x35, 0x36, 0x37, 0x3c, 0x3d, 0x3e, 0x3f,
	0x40, 0x44, 0x45, 0x46, 0x47, 0x48, 0x4c, 0x4d, 0x4e, 0x4f,
	0x50, 0x54, 0x55, 0x56, 0x57, 0x5c, 0x5d, 0x5e, 0x5f,
	0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f,
	0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x79, 0x7a, 0x7b, 0x7c, 0x7d, 0x7e, 0x7f,
	0x81, 0x84, 0x85, 0x87, 0x89, 0x8d,
	0x91, 0x94, 0x95, 0x97, 0x9c, 0x9f,
	0xa4, 0xa5, 0xa6, 0xa7, 0xac, 0xad, 0xae, 0xaf,
	0xb4, 0xb5, 0xb6, 0xb7, 0xbc, 0xbd, 0xbe, 0xbf,
	0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xcc, 0xcd, 0xce, 0xcf,
	0xd4, 0xd5, 0xd6, 0xd7, 0xdb, 0xdc, 0xdd, 0xde,
}

// TestAcceptedOpcodes makes sure that these opcodes and no others have an
// accepted form.
func TestAcceptedOpcodes(t *testing.T) {
	accepted := map[uint8]bool{}
	for op := range 256 {
		for _, src := range []Reg{0, 1} {
			for _, imm := range []int32{0, 16} {
				code := []Slot{{Op: uint8(op), Src: src, Imm: imm}, {}, {Op: OpExit}}
				if op != OpLDDW {
					code[1] = Slot{Op: OpExit}
				}
				if _, err := Decode(code); err == nil {
					accepted[uint8(op)] = true
				}
			}
		}
	}
	var got []uint8
	for op := range accepted {
		got = append(got, op)
	}
	slices.Sort(got)
	if !slices.Equal(got, wantAccepted) {
		t.Errorf("accepted opcodes: %x\nwant %x", got, wantAccepted)
	}
}
