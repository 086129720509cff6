package raw

import (
	"net/netip"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
)

// Error tells the sockets that may have sent the quoted packet of an ICMP error
// about it (raw_icmp_error).
func (m *Module) Error(b *skb.Buffer, e *inet.Error) {
	for _, s := range m.table.at(b.Net.Proto) {
		if s.id.Load().matches(b.Net.Dst, b.Net.Src, int(b.IfIndex)) {
			s.failed(b, e)
		}
	}
}

// failed is raw_err: the user learns of an error if he asked for all of them,
// or if the socket is connected and the error is no passing one (B15).
func (s *Sock) failed(b *skb.Buffer, e *inet.Error) {
	if e.Kind == inet.NeedFrag {
		s.m.ip.UpdatePMTU(b.Net.Dst, int(e.Info))
	}
	s.queueError(b, e)
	s.reported.Store(e)
	s.Defer(deferError)
}

// queueError enters the error with what it quotes: what the user had sent, so
// with the IP header if that was his.
func (s *Sock) queueError(b *skb.Buffer, e *inet.Error) {
	to := netip.AddrPortFrom(b.Net.Dst, 0)
	if !s.hdrIncl.Load() {
		s.QueueError(e, to, b, 0)
		return
	}
	back, _ := b.NetworkOffset()
	b.PushToNetwork()
	s.QueueError(e, to, b, 0)
	b.Pull(-back)
}

// Deferred gives the user the last ICMP error, under the socket's lock; see
// inet.Handler.
func (s *Sock) Deferred(uint32) {
	if e := s.reported.Swap(nil); e != nil {
		s.Report(e, s.connected())
	}
}

// deferError is the deferred work of an ICMP error.
const deferError = 1
