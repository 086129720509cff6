package ping

import (
	"net/netip"
	"syscall"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
)

// Packet queues a reply under the socket's lock (ping_queue_rcv_skb); see
// inet.Handler.
func (s *Sock) Packet(b *skb.Buffer) skb.Reason {
	if r := s.Filter(b, 1); r != skb.NotDropped {
		return r
	}
	if r := s.Queue(b); r != skb.NotDropped {
		return r
	}
	s.Wake(inet.PollIn)
	return skb.NotDropped
}

// RecvMsg takes the oldest reply off the queue, from its ICMP header on
// (ping_recvmsg). As on Linux MSG_TRUNC does not return the whole length.
// Errors: EOPNOTSUPP for MSG_OOB, EAGAIN, SO_ERROR.
func (s *Sock) RecvMsg(m *inet.Message, flags int, p *inet.Patience) (int, error) {
	s.Lock()
	defer s.Unlock()
	if flags&inet.MsgOOB != 0 {
		return 0, syscall.EOPNOTSUPP
	}
	b, err := s.Next(p)
	if b == nil {
		return m.Filled(0, 0, 0), err
	}
	length := b.Len()
	m.Addr, m.Ancillary = netip.AddrPortFrom(b.Net.Src, 0), s.Ancillary(b, s.m.ip)
	return m.Filled(s.Read(b, m.Data, flags), length, 0), nil
}

// failed is told of an ICMP error about a request (ping_err).
func (s *Sock) failed(b *skb.Buffer, e *inet.Error) {
	if e.Kind == inet.NeedFrag {
		s.m.ip.UpdatePMTU(b.Net.Dst, int(e.Info))
	}
	s.QueueError(e, netip.AddrPortFrom(b.Net.Dst, 0), b, 0)
	s.reported.Store(e)
	s.Defer(deferError)
}

// deferError is the deferred work of an ICMP error.
const deferError = 1

// Deferred gives the user the last ICMP error, under the socket's lock; see
// inet.Handler.
func (s *Sock) Deferred(uint32) {
	if e := s.reported.Swap(nil); e != nil {
		s.Report(e, s.connected())
	}
}

// Released has nothing to do; see inet.Handler.
func (s *Sock) Released() {}
