package cfg

import (
	"encoding/binary"
	"testing"

	"bpfls/isa"
	"bpfls/platform"
)

// Any code gives a graph or a rejection, within the limits.
func FuzzBuild(f *testing.F) {
	for _, c := range []code{
		code{}.mov(0, 0).exit(),
		code{}.jeq(1, 5, 2).mov(0, 1).cond(0x2d, 1, 2, 0, 1).exit(),
		code{}.local(2).exit().jeq(1, 7, 2).exit(),
		code{}.local(4).local(7).mov(0, 0).exit().local(9).local(9).exit().local(4).exit().exit(),
		code{}.local(4).local(6).mov(0, 0).exit().local(8).exit().local(4).exit().exit(),
		code{}.mov(0, 0).local(0).exit(),
		code{}.lddw(1, isa.SrcCode, 1, 0).lddw(1, isa.SrcMapIndex, 0, 0).call(1).exit(),
		code{}.jump(0).exit(),
	} {
		f.Add(isa.AppendBytes(nil, c, binary.LittleEndian), uint8(0))
		f.Add(isa.AppendBytes(nil, c, binary.LittleEndian), uint8(3))
	}
	f.Fuzz(func(t *testing.T, data []byte, flags uint8) {
		c := isa.Slots(data, binary.LittleEndian)
		in := Input{Code: c, Platform: testPlatform, Type: testType, Maps: []platform.Map{{FD: 1}}}
		opt := Options{Termination: flags&1 != 0, UnreachableCalls: flags&2 != 0, CallX: flags&4 != 0, PacketAccess: flags&8 != 0, MaxNodes: 2000}
		g, r := Build(in, opt)
		if r != nil {
			if r.Text == "" || r.Slot >= len(c) {
				t.Fatalf("%+v", *r)
			}
			return
		}
		if len(g.Nodes) > opt.MaxNodes {
			t.Fatalf("%d nodes", len(g.Nodes))
		}
		if len(g.Nodes) < 200 { // the check takes the cube of it
			checkGraph(t, g)
		}
		listing(g)
		g.Blocks(true)
		Count(g)
	})
}

// A function with a loop that is called from many places.
func BenchmarkBuild(b *testing.B) {
	var c code
	const calls, length = 16, 60
	body := calls*2 + 1
	for range calls {
		c = c.mov(1, 0).local(body)
	}
	c = c.exit()
	for i := range length / 4 {
		c = c.mov(0, 0).aluImm(0x07, 0, 1).jeq(0, 9, len(c)+4).cond(0xa5, 0, 0, int32(i), len(c)+1)
	}
	c = c.mov(0, 0).exit()
	g, r := c.build(Options{})
	if r != nil {
		b.Fatal(r)
	}
	b.ReportAllocs()
	for b.Loop() {
		c.build(Options{})
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(g.Nodes)), "ns/node")
}
