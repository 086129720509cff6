package arp

import (
	"testing"
	"time"

	"github.com/google/gopacket/layers"
	"github.com/stretchr/testify/require"
)

// FuzzInput gives any bytes as an ARP packet to a table that knows a neighbour,
// waits for another, and lets time pass. Nothing panics, every buffer meets one
// fate, no address of ours becomes a neighbour, and what is believed of the
// permanent neighbour does not change.
func FuzzInput(f *testing.F) {
	x := newBench(f)
	for _, op := range []uint16{OpRequest, OpReply, 3} {
		f.Add(x.says(op, another)[14:], false)
	}
	f.Add(x.says(OpRequest, another, sender(0, 0, 0, 0))[14:], true)
	f.Add(x.says(OpReply, another, target(10, 0, 0, 9))[14:], true)
	f.Fuzz(func(t *testing.T, data []byte, broadcast bool) {
		x := newBench(t)
		waits := theirs.Next()
		require.True(t, x.m.Add(x.d, theirs, theyAre))
		x.m.Output(x.d, waits, x.packet(0x45))
		for range 2 {
			frame := append(x.says(OpRequest, another)[:14:14], data...)
			if broadcast {
				copy(frame, "\xff\xff\xff\xff\xff\xff")
			}
			x.hear(frame)
			x.clk.Run(2 * time.Second)
		}
		for _, e := range x.m.Entries() {
			require.NotEqual(t, ours, e.IP)
			if e.IP == theirs {
				require.Equal(t, theyAre, e.MAC)
				require.Equal(t, Permanent, e.State)
			}
		}
		require.LessOrEqual(t, len(x.m.Entries()), 3)
		for _, p := range x.take() {
			if a := p.Layer(layers.LayerTypeARP); a != nil {
				require.Equal(t, ours.AsSlice(), a.(*layers.ARP).SourceProtAddress, "we speak for ourselves")
			}
		}
	})
}
