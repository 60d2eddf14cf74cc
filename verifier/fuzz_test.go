package verifier_test

import (
	"context"
	"encoding/binary"
	"os"
	"testing"

	"bpfls/elfbpf"
	"bpfls/isa"
	"bpfls/linuxhooks"
	"bpfls/platform"
	"bpfls/verifier"
	"bpfls/winhooks"
)

// FuzzAnalyze gives programs of random instructions to the verifier. It must answer,
// and a state of each instruction must be readable.
func FuzzAnalyze(f *testing.F) {
	for _, name := range []string{"netsh/bounds.o", "netsh/helpers.o", "netsh/legacy_map.o"} {
		data, err := os.ReadFile("../../shared/" + name)
		if err != nil {
			continue // seeds only
		}
		o, err := elfbpf.Parse(name, data, elfbpf.Options{Platform: winhooks.Platform()})
		if err != nil {
			f.Fatal(err)
		}
		for _, p := range o.Programs {
			f.Add(encode(p.Code), byte(0))
			f.Add(encode(p.Code), byte(3))
		}
	}
	// r0 = 0; loop: r0 += 1; if r0 < 10 goto loop; call f; exit; f: *(r10-8) = r1; exit
	f.Add([]byte{
		0xb7, 0, 0, 0, 0, 0, 0, 0,
		0x07, 0, 0, 0, 1, 0, 0, 0,
		0xa5, 0, 0xfe, 0xff, 10, 0, 0, 0,
		0x85, 0x10, 0, 0, 1, 0, 0, 0,
		0x95, 0, 0, 0, 0, 0, 0, 0,
		0x7b, 0x1a, 0xf8, 0xff, 0, 0, 0, 0,
		0x95, 0, 0, 0, 0, 0, 0, 0,
	}, byte(2))
	maps := []platform.Map{
		{FD: 1, Type: 1, KeySize: 4, ValueSize: 8, MaxEntries: 16, InnerFD: -1},
		{FD: 2, Type: 12, KeySize: 4, ValueSize: 4, MaxEntries: 2, InnerFD: 1},
	}
	f.Fuzz(func(t *testing.T, data []byte, flags byte) {
		if len(data) > 8*256 {
			return
		}
		in := verifier.Input{Code: decodeSlots(data), Maps: maps, Platform: linuxhooks.Platform()}
		if flags&1 != 0 {
			in.Platform = winhooks.Platform()
		}
		in.Type, _ = in.Platform.TypeByName("xdp")
		opt := verifier.Options{Limits: verifier.Limits{Nodes: 20_000, Visits: 50_000}}
		if flags&2 != 0 {
			opt.Termination = verifier.On
		}
		res, err := verifier.Analyze(context.Background(), in, opt)
		if err != nil {
			t.Fatal(err)
		}
		if res.Verdict == verifier.Fail && len(res.Failures) == 0 {
			t.Log("failed behind code that turned out to be unreachable")
		}
		for slot := range in.Code {
			for _, p := range res.Points(slot) {
				res.Before(p).Strings()
				res.After(p).Cells()
				res.Checks(p)
			}
		}
		for i := range res.Failures {
			res.AtFailure(i).Text()
		}
		res.Listing(true)
	})
}

func encode(code []isa.Slot) []byte {
	var b []byte
	for _, s := range code {
		b = append(b, s.Op, byte(s.Src)<<4|byte(s.Dst))
		b = binary.LittleEndian.AppendUint16(b, uint16(s.Off))
		b = binary.LittleEndian.AppendUint32(b, uint32(s.Imm))
	}
	return b
}

func decodeSlots(data []byte) []isa.Slot {
	var code []isa.Slot
	for ; len(data) >= 8; data = data[8:] {
		code = append(code, isa.Slot{
			Op: data[0], Dst: isa.Reg(data[1] & 15), Src: isa.Reg(data[1] >> 4),
			Off: int16(binary.LittleEndian.Uint16(data[2:])), Imm: int32(binary.LittleEndian.Uint32(data[4:])),
		})
	}
	return code
}
