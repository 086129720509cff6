package link_test

import (
	"sync"
	"testing"

	"github.com/slankdev/ministack/link"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/stretchr/testify/require"
)

func (b *bare) count(etherType uint16, device int) *int {
	n := new(int)
	b.m.AddTap(&link.Tap{EtherType: etherType, Device: device, Deliver: func(_ *netdev.Device, c *skb.Buffer) { *n++; c.Consume() }})
	return n
}

func TestATapOfADeviceSeesOnlyItsFrames(t *testing.T) {
	b := newBare(t, 0)
	here, elsewhere := b.count(0, b.d.Index), b.count(0, b.d.Index+1)
	b.input(frame(mac, link.TypeIPv4, 0x45))
	require.Equal(t, skb.NotDropped, b.m.Output(b.d, peer, link.TypeIPv4, b.packet(20, 0x45)))
	require.Equal(t, 2, *here)
	require.Zero(t, *elsewhere)
}

func TestEveryTapGetsItsOwnClone(t *testing.T) { // B7 and B16: as many readers as there are
	b := newBare(t, 0)
	ids := map[*skb.Buffer]bool{}
	for range 3 {
		b.m.AddTap(&link.Tap{Deliver: func(_ *netdev.Device, c *skb.Buffer) { ids[c] = true }})
	}
	b.input(frame(mac, link.TypeIPv4, 0x45))
	require.Len(t, ids, 3)
	for c := range ids {
		require.Equal(t, []byte{0x45}, c.Data())
		c.Pull(1) // moves nobody else's data
		c.Consume()
	}
	require.Equal(t, []byte{0x45}, b.got[0].Data())
}

// B10, B13: a tap is asked before anybody judges the frame.
func TestATapSeesWhatNobodyHandles(t *testing.T) {
	b := newBare(t, 0)
	all, odd := b.count(0, 0), b.count(0x88b5, 0)
	require.Equal(t, skb.UnhandledProto, b.input(frame(mac, 0x88b5, 1)))
	require.Equal(t, skb.UnhandledProto, b.input(frame(mac, 50, 1))) // IEEE 802.3 with a length
	require.Equal(t, skb.OtherHost, b.input(frame(netdev.MACAddr{2, 9}, 0x88b5, 1)))
	require.Equal(t, 3, *all)
	require.Equal(t, 2, *odd)
}

func TestAnOutgoingFrameIsShownAsSuch(t *testing.T) { // B20: type 4, whatever it was before
	b := newBare(t, 0)
	p := b.packet(20, 0x45)
	p.IfIndex, p.Type = 7, skb.PacketBroadcast
	b.m.AddTap(&link.Tap{Deliver: func(_ *netdev.Device, c *skb.Buffer) {
		require.Equal(t, skb.PacketOutgoing, c.Type)
		require.EqualValues(t, b.d.Index, c.IfIndex)
		require.Equal(t, []byte{0x45}, c.Network())
		c.Consume()
	}})
	b.m.Output(b.d, peer, link.TypeIPv4, p)
}

func TestTapsComeAndGoWhileFramesPass(t *testing.T) { // for the race detector
	b := newBare(t, 0)
	var wg sync.WaitGroup
	for range 2 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 500 {
				tp := &link.Tap{Deliver: func(_ *netdev.Device, c *skb.Buffer) { c.Consume() }}
				b.m.AddTap(tp)
				b.m.RemoveTap(tp)
			}
		}()
	}
	for range 500 {
		b.input(frame(mac, 0x88b5, 1))
	}
	wg.Wait()
	n := b.count(0, 0)
	b.input(frame(mac, 0x88b5, 1))
	require.Equal(t, 1, *n)
}
