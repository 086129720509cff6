package packet

import (
	"encoding/binary"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/link"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/trace"
)

// What a queued frame keeps in its scratch space (struct packet_skb_cb): how
// long it was before the filter cut it, and what recvmsg tells of the sender.
const (
	cbLen      = iota
	cbHardware // type of the device, and length of the address
	cbAddr     // the first four bytes of it
	cbAddrRest
	cbNetOffset // of the network header
)

// receive is shown a frame (packet_rcv), whose data begins at the network
// header, and queues a clone.
func (s *Sock) receive(d *netdev.Device, b *skb.Buffer) {
	if b.Type == skb.PacketOutgoing && s.ignoreOutgoing.Load() {
		return
	}
	if s.raw {
		b.PushToLink()
	}
	header, _ := b.NetworkOffset()
	if keep := s.keep(b); keep > 0 {
		s.queueClone(d, b, keep)
	}
	b.Pull(header)
}

// keep is how many bytes of a frame the filter wants (run_filter). What it does
// not want costs no clone, and is no loss.
func (s *Sock) keep(b *skb.Buffer) int {
	keep, ok := s.Verdict(b)
	if !ok {
		return b.Len()
	}
	if b.Traced {
		s.m.env.Trace.Packet(trace.PacketFilter, b, s.ID, keep, 0, 0)
	}
	return int(min(keep, 1<<30))
}

func (s *Sock) queueClone(d *netdev.Device, b *skb.Buffer, keep int) {
	c := b.Clone()
	if c.Traced {
		s.m.env.Trace.Packet(trace.PacketClone, c, s.ID, 0, 0, 0)
	}
	describe(d, c)
	c.Trim(keep)
	if s.Receive(c) == skb.SocketBacklog {
		s.lost.Add(1)
	}
}

// describe notes what sockaddr_ll will say of the frame's sender.
func describe(d *netdev.Device, c *skb.Buffer) {
	n := addrLen(d)
	header, _ := c.NetworkOffset()
	c.CB[cbNetOffset] = uint32(header)
	c.CB[cbLen] = uint32(c.Len())
	c.CB[cbHardware] = uint32(hardwareType(d))<<16 | uint32(n)
	if n > 0 {
		src := link.Header(c.Link()).Src()
		c.CB[cbAddr] = binary.BigEndian.Uint32(src[:])
		c.CB[cbAddrRest] = uint32(binary.BigEndian.Uint16(src[4:])) << 16
	}
}

// Packet queues a frame under the socket's lock; see inet.Handler. It is taken
// as long as the buffer is not full; what is lost is counted and not told (B14).
func (s *Sock) Packet(b *skb.Buffer) skb.Reason {
	if r := s.Queue(b); r != skb.NotDropped {
		if r == skb.SocketRcvBuff {
			s.lost.Add(1)
		}
		return r
	}
	s.packets++
	if b.Traced {
		s.m.env.Trace.Packet(trace.PacketDeliver, b, s.ID, uint32(s.Queued()), 0, 0)
	}
	s.Wake(inet.PollIn)
	return skb.NotDropped
}

// Released has nothing to do; see inet.Handler.
func (s *Sock) Released() {}
