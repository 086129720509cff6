package ministack_test

import (
	"fmt"
	"net"
	"net/netip"
	"testing"

	ministack "github.com/slankdev/ministack"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/socket"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

// packets returns a UDP port of one stack, and one of another that has it for a
// peer, joined by a pipe that moves super-segments or not.
func packets(t *testing.T, offload bool) (server, client *ministack.PacketConn) {
	x, y := netdev.PipeWith(netdev.PipeOptions{Offload: offload})
	a, b := on(t, x, world.Addr(0)), on(t, y, world.Addr(1))
	s, err := b.ListenPacket("udp", world.Addr(1)+":53")
	require.NoError(t, err)
	c, err := a.Dial("udp", s.LocalAddr().String())
	require.NoError(t, err)
	return s.(*ministack.PacketConn), c.(*ministack.PacketConn)
}

func TestBatchesOfDatagramsArriveInOrder(t *testing.T) {
	server, client := packets(t, false)
	out := make([]socket.Message, 60)
	for i := range out {
		out[i].Data = fmt.Append(nil, "datagram ", i)
	}
	n, err := client.WriteBatch(out)
	require.NoError(t, err)
	require.Equal(t, len(out), n)
	in := make([]socket.Message, 16)
	for i := range in {
		in[i].Data = make([]byte, 100)
	}
	for got := 0; got < len(out); {
		n, err := server.ReadBatch(in)
		require.NoError(t, err)
		require.Positive(t, n)
		for _, m := range in[:n] {
			require.Equal(t, fmt.Sprint("datagram ", got), string(m.Data[:m.N]))
			require.Equal(t, client.LocalAddr().String(), m.Addr.String())
			got++
		}
	}
	out[0].Addr = netip.MustParseAddrPort("10.0.0.9:9")
	_, err = client.WriteBatch(out)
	require.ErrorIs(t, err, net.ErrWriteToConnected)
}

// UDP_SEGMENT and UDP_GRO from end to end: one message, whole or cut.
func TestASegmentedMessageCrossesALinkWhole(t *testing.T) {
	for _, offload := range []bool{true, false} {
		server, client := packets(t, offload)
		require.NoError(t, server.Socket().Setsockopt(socket.SOL_UDP, socket.UDP_GRO, 1))
		out := []socket.Message{{Data: make([]byte, 20500)}}
		out[0].Control.SegmentSize = 1000
		_, err := client.WriteBatch(out)
		require.NoError(t, err)
		in := []socket.Message{{Data: make([]byte, 30000)}}
		for octets, want := 0, map[bool]int{true: 20500, false: 1000}[offload]; octets < 20500; octets += in[0].N {
			_, err := server.ReadBatch(in)
			require.NoError(t, err)
			require.Equal(t, min(want, 20500-octets), in[0].N)
		}
		require.Equal(t, map[bool]int{true: 1000, false: 0}[offload], in[0].SegmentSize)
	}
}

// A peer is one net.Addr for as long as no other is heard.
func TestAPeersAddressIsMadeOnce(t *testing.T) {
	server, client := packets(t, false)
	var first net.Addr
	for i := range 3 {
		_, err := client.Write([]byte("x"))
		require.NoError(t, err)
		_, a, err := server.ReadFrom(make([]byte, 10))
		require.NoError(t, err)
		if i == 0 {
			first = a
		}
		require.Same(t, first, a)
		require.Equal(t, client.LocalAddr().String(), a.String())
	}
}
