package udp

import (
	"net/netip"

	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
)

// Datagrams may come joined: a sender on the other side of a device that moves
// super-segments used UDP_SEGMENT, and nobody has cut them yet. A socket with
// UDP_GRO reads them in one call; for others they are cut here, at the last
// moment, so that all before this costs once and not once a datagram
// (udp_unexpected_gso, udp_rcv_segment).

// receive takes over what came for the socket; its data is the payload.
func (s *Sock) receive(b *skb.Buffer, peer netip.AddrPort) skb.Reason {
	if b.GSO == skb.GSONone || s.gro.Load() {
		return s.receiveOne(b, peer)
	}
	if !b.PushToNetwork() {
		return b.Drop(skb.GSOFailed)
	}
	var parts skb.Queue
	if r := netdev.Segment(b, &parts); r != skb.NotDropped {
		return r
	}
	last := skb.NotDropped
	for p := parts.PopFront(); p != nil; p = parts.PopFront() {
		off, _ := p.TransportOffset()
		p.Pull(off + HeaderLen)
		if r := s.receiveOne(p, peer); r != skb.NotDropped {
			last = r
		}
	}
	return last
}

// receiveOne takes over a datagram whose data is the payload. The socket's filter
// sees the header as well (udp_queue_rcv_one_skb).
func (s *Sock) receiveOne(b *skb.Buffer, peer netip.AddrPort) skb.Reason {
	b.Push(HeaderLen)
	if r := s.Filter(b, HeaderLen); r != skb.NotDropped {
		s.m.env.Stat.Inc(stat.UdpInErrors)
		return r
	}
	b.Pull(HeaderLen)
	b.CB[cbPort] = uint32(peer.Port())
	r := s.Receive(b)
	if r == skb.SocketBacklog {
		s.countFull()
	}
	return r
}
