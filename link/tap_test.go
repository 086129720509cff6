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
	b.env.Dev.Flush()
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
	b, shown := newBare(t, 0), 0
	p := b.packet(20, 0x45)
	p.IfIndex, p.Type = 7, skb.PacketBroadcast
	b.m.AddTap(&link.Tap{Deliver: func(_ *netdev.Device, c *skb.Buffer) {
		require.Equal(t, skb.PacketOutgoing, c.Type)
		require.EqualValues(t, b.d.Index, c.IfIndex)
		require.Equal(t, []byte{0x45}, c.Network())
		shown++
		c.Consume()
	}})
	b.m.Output(b.d, peer, link.TypeIPv4, p)
	require.Zero(t, shown, "it has not left")
	b.env.Dev.Flush()
	require.Equal(t, 1, shown)
}

// The frame that a tap looks at is the caller's, and goes on as it was.
func TestATapMayLookWithoutAClone(t *testing.T) {
	b, seen := newBare(t, 0), []string{}
	b.m.AddTap(&link.Tap{Look: func(_ *netdev.Device, p *skb.Buffer) { seen = append(seen, string(p.Data())) }})
	born := b.env.Pool.Count().Born
	require.Equal(t, skb.NotDropped, b.input(frame(mac, link.TypeIPv4, 'i', 'n')))
	b.m.Output(b.d, peer, link.TypeIPv4, b.packet(20, 'o', 'u', 't'))
	b.env.Dev.Flush()
	require.Equal(t, []string{"in", "out"}, seen)
	require.EqualValues(t, 2, b.env.Pool.Count().Born-born)
	require.Equal(t, frame(peer, link.TypeIPv4, 'o', 'u', 't')[12:], b.wire.last[12:])
}

// skb_loop_sk: a socket is not shown what it sent itself.
func TestATapDoesNotSeeWhatItsSocketSent(t *testing.T) {
	b := newBare(t, 0)
	all, own := b.count(0, 0), 0
	b.m.AddTap(&link.Tap{Sock: 7, Look: func(*netdev.Device, *skb.Buffer) { own++ }})
	for _, sock := range []uint32{0, 7, 8} {
		p := b.packet(20, 0x45)
		p.Sock = sock
		b.m.Output(b.d, peer, link.TypeIPv4, p)
	}
	b.env.Dev.Flush()
	require.Equal(t, 3, *all)
	require.Equal(t, 2, own)
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
