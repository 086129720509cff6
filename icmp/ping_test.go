package icmp_test

import (
	"net/netip"
	"syscall"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/slankdev/ministack/icmp"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

// pinger is a ping socket that notes what it gets.
type pinger struct {
	icmp.Pinger
	replies []uint16
	errors  []syscall.Errno
}

func newPinger(t *testing.T, p *world.Peer, id uint16) *pinger {
	k := &pinger{Pinger: icmp.Pinger{ID: id}}
	k.Deliver = func(b *skb.Buffer) skb.Reason {
		k.replies = append(k.replies, icmp.Header(b.Data()).Sequence())
		b.Consume()
		return skb.NotDropped
	}
	k.Error = func(b *skb.Buffer, e *inet.Error) { k.errors = append(k.errors, e.Errno) }
	require.NoError(t, p.S.ICMP().AddPinger(&k.Pinger))
	return k
}

func (k *pinger) send(t *testing.T, p *world.Peer, seq byte) gopacket.Packet {
	r, err := p.S.IP().Route(&inet.Flow{Dst: netip.MustParseAddr("10.0.0.9")})
	require.NoError(t, err)
	require.NoError(t, p.S.ICMP().SendEcho(&k.Pinger, r, []byte{8, 0, 9, 9, 9, 9, 0, seq, 'x'}, &inet.Header{}))
	p.S.Flush()
	return p.One()
}

func reply(p *world.Peer, id, seq uint16) {
	send(p, p.IPv4(layers.IPProtocolICMPv4), &layers.ICMPv4{Id: id, Seq: seq}, gopacket.Payload("x"))
}

func TestAPingSocketGetsTheRepliesToItsOwnIdentifier(t *testing.T) { // B48
	p := world.NewPeer(t)
	p.Introduce()
	a, b := newPinger(t, p, 0), newPinger(t, p, 0)
	require.NotEqual(t, a.ID, b.ID)
	pkt := a.send(t, p, 3)
	require.Equal(t, a.ID, icmpOf(t, pkt).Id, "its own, whatever the caller wrote")
	require.EqualValues(t, 3, icmpOf(t, pkt).Seq)
	reply(p, a.ID, 3)
	reply(p, b.ID, 4)
	reply(p, 999, 5)
	require.Equal(t, []uint16{3}, a.replies)
	require.Equal(t, []uint16{4}, b.replies)
	require.EqualValues(t, 1, p.S.Pool().Drops(skb.NoSocket))
	p.S.ICMP().RemovePinger(&a.Pinger)
	reply(p, a.ID, 6)
	require.Equal(t, []uint16{3}, a.replies)
}

func TestAnIdentifierIsTakenOnce(t *testing.T) { // B48
	p := world.NewPeer(t)
	first := newPinger(t, p, 77)
	require.ErrorIs(t, p.S.ICMP().AddPinger(&icmp.Pinger{ID: 77}), syscall.EADDRINUSE)
	p.S.ICMP().RemovePinger(&icmp.Pinger{ID: 77}) // not the owner
	require.ErrorIs(t, p.S.ICMP().AddPinger(&icmp.Pinger{ID: 77}), syscall.EADDRINUSE)
	p.S.ICMP().RemovePinger(&first.Pinger)
	newPinger(t, p, 77)
}

func TestAllIdentifiersCanBeTaken(t *testing.T) { // B48
	p := world.NewPeer(t)
	for range 65535 {
		require.NoError(t, p.S.ICMP().AddPinger(&icmp.Pinger{}))
	}
	require.ErrorIs(t, p.S.ICMP().AddPinger(&icmp.Pinger{}), syscall.EADDRINUSE)
}

func TestAPingSocketLearnsOfErrorsAboutItsRequests(t *testing.T) { // B48, B15
	p := world.NewPeer(t)
	p.Introduce()
	a, b := newPinger(t, p, 0), newPinger(t, p, 0)
	pkt := a.send(t, p, 1)
	ip := ipOf(pkt)
	report(p, 3, 1, 0, append(append(gopacket.Payload(nil), ip.Contents...), ip.Payload...))
	require.Equal(t, []syscall.Errno{syscall.EHOSTUNREACH}, a.errors)
	require.Empty(t, b.errors)
}

func TestAPingSocketSendsEchoRequestsOnly(t *testing.T) { // B48
	p := world.NewPeer(t)
	k := newPinger(t, p, 0)
	r, err := p.S.IP().Route(&inet.Flow{Dst: netip.MustParseAddr("10.0.0.9")})
	require.NoError(t, err)
	for _, m := range [][]byte{{8, 0, 0, 0}, {0, 0, 0, 0, 0, 0, 0, 0}, {8, 1, 0, 0, 0, 0, 0, 0}} {
		require.ErrorIs(t, p.S.ICMP().SendEcho(&k.Pinger, r, m, &inet.Header{}), syscall.EINVAL)
	}
	p.Silent()
}
