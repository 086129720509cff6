package raw

import (
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/trace"
)

// Input gives a datagram to every socket that matches, each a clone (B7), and
// reports whether one did (raw_local_deliver, raw_v4_input). That a filter
// kept the datagram from its socket makes no difference (B9); that there was no
// room does. b stays the caller's.
func (m *Module) Input(b *skb.Buffer) bool {
	list := m.table.at(b.Net.Proto)
	if len(list) == 0 {
		return false
	}
	matched := 0
	for _, s := range list {
		if !s.id.Load().matches(b.Net.Src, b.Net.Dst, int(b.IfIndex)) {
			continue
		}
		if s.Full() {
			s.Refuse(b.Clone())
			continue
		}
		matched++
		if s.wants(b) {
			s.receive(b.Clone())
		}
	}
	if b.Traced {
		m.env.Trace.Packet(trace.RawLookup, b, uint32(b.Net.Proto), uint32(matched), 0, 0)
	}
	return matched > 0
}

// wants asks the socket's filters: of multicast sources (ip_mc_sf_allow) and of
// ICMP types (icmp_filter).
func (s *Sock) wants(b *skb.Buffer) bool {
	if b.Net.Dst.IsMulticast() && !s.Groups().Allows(b.Net.Dst, b.Net.Src, int(b.IfIndex)) {
		return false
	}
	if s.protocol != inet.ProtoICMP {
		return true
	}
	pass := s.filter.passes(b)
	if b.Traced {
		s.m.env.Trace.Packet(trace.RawFilter, b, s.ID, verdict(pass), 0, 0)
	}
	return pass
}

func verdict(pass bool) uint32 {
	if pass {
		return 1
	}
	return 0
}

// receive takes over a clone and puts it back to its IP header, which users
// always see (raw_rcv, B6).
func (s *Sock) receive(c *skb.Buffer) skb.Reason {
	if c.Traced {
		s.m.env.Trace.Packet(trace.RawClone, c, s.ID, 0, 0, 0)
	}
	c.PushToNetwork()
	return s.Receive(c)
}

// Packet queues a datagram under the socket's lock (raw_rcv_skb); see
// inet.Handler. What the buffer does not take is dropped and counted, without a
// word to the user (B14).
func (s *Sock) Packet(b *skb.Buffer) skb.Reason {
	if r := s.Filter(b, 1); r != skb.NotDropped {
		return r
	}
	if r := s.Queue(b); r != skb.NotDropped {
		return r
	}
	if b.Traced {
		s.m.env.Trace.Packet(trace.RawDeliver, b, uint32(s.Queued()), 0, 0, 0)
	}
	s.Wake(inet.PollIn)
	return skb.NotDropped
}
