package raw_test

import (
	"net/netip"
	"syscall"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/slankdev/ministack/socket"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

// RFC 1112 7.2: a group's datagrams arrive while somebody is a member.
func TestGroupsReachMembers(t *testing.T) {
	p := world.NewPeer(t)
	k := open(t, p.S, 253)
	group := netip.MustParseAddr("239.1.2.3")
	tell := func() {
		eth, ip := p.Ether(layers.EthernetTypeIPv4), p.IPv4(253)
		eth.DstMAC, ip.DstIP = []byte{1, 0, 0x5e, 1, 2, 3}, group.AsSlice()
		p.Send(eth, ip, gopacket.Payload("x"))
	}
	tell()
	_, err := read(k)
	require.Equal(t, syscall.EAGAIN, err)
	require.NoError(t, k.Membership(socket.IP_ADD_MEMBERSHIP, group, 0))
	tell()
	got, err := read(k)
	require.NoError(t, err)
	require.Len(t, got, 21)
	require.NoError(t, k.Membership(socket.IP_DROP_MEMBERSHIP, group, 0))
	tell()
	_, err = read(k)
	require.Equal(t, syscall.EAGAIN, err)
}

// epoll(7): a raw socket becomes readable, once for each datagram.
func TestAPollerSeesDatagrams(t *testing.T) {
	p := world.NewPeer(t)
	k := open(t, p.S, 253)
	poller := p.S.NewPoller()
	require.NoError(t, poller.Add(k, socket.POLLIN|socket.EPOLLET, k))
	events := make([]socket.Event, 4)
	require.Zero(t, poller.Wait(events, 0))
	for range 2 {
		p.SendRaw(echo(p, p.IPv4(253)))
		require.Equal(t, 1, poller.Wait(events, 0))
		require.NotZero(t, events[0].Events&socket.POLLIN)
		require.Zero(t, poller.Wait(events, 0))
	}
}
