package packet

import (
	"syscall"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/link"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/trace"
)

// vlanLen is how much longer than the MTU a frame with a VLAN tag may be.
const vlanLen = 4

// Send sends a frame (packet_snd): with SOCK_RAW data is all of it, with
// SOCK_DGRAM what follows the link header, which is made of the address: the
// destination is Addr as it is, and nobody is asked (B17). Without an address,
// the zero inet.LinkAddr, it goes by the device that the socket is bound to, and only
// a device that needs no destination sends for SOCK_DGRAM. Errors: ENXIO for no
// such device, ENETDOWN, EMSGSIZE, EINVAL for a frame shorter than its header
// (B21), or without an octet, or an address that is not 6 bytes long, ENOBUFS, SO_ERROR.
func (s *Sock) Send(data []byte, to inet.LinkAddr) (int, error) {
	s.Lock()
	defer s.Unlock()
	if s.Closed() {
		return 0, syscall.EBADF
	}
	d, proto := s.device(), s.num
	named := to != inet.LinkAddr{}
	if named {
		d, proto = s.m.env.Dev.ByIndex(to.IfIndex), to.Protocol
	}
	switch {
	case d == nil:
		return 0, syscall.ENXIO
	case named && !s.raw && int(to.HaLen) != addrLen(d):
		return 0, syscall.EINVAL
	case !d.Up():
		return 0, syscall.ENETDOWN
	case s.tooLong(d, proto, data):
		return 0, syscall.EMSGSIZE
	}
	if err := s.TakeError(); err != nil {
		return 0, err
	}
	if s.raw {
		return s.sendRaw(d, proto, data)
	}
	dst, ok := destination(d, named, &to)
	if !ok || len(data) == 0 && !d.HasLink() { // a frame of nothing
		return 0, syscall.EINVAL
	}
	return s.sent(len(data), s.m.link.Output(d, dst, proto, s.frame(d, proto, data)))
}

func (s *Sock) sendRaw(d *netdev.Device, proto uint16, data []byte) (int, error) {
	if len(data) == 0 || d.HasLink() && len(data) < link.HeaderLen {
		return 0, syscall.EINVAL
	}
	b := s.frame(d, proto, data)
	if proto != AllProtocols { // else it is read from the frame
		b.EtherType = proto
	}
	return s.sent(len(data), s.m.link.OutputRaw(d, b))
}

// tooLong reports a frame that does not fit the device. A VLAN tag is not
// counted (packet_extra_vlan_len_allowed).
func (s *Sock) tooLong(d *netdev.Device, proto uint16, data []byte) bool {
	most := d.MTU()
	if s.raw && d.HasLink() {
		most += link.HeaderLen
		if h := link.Header(data); h.Valid() {
			proto = h.Type()
		}
	}
	if proto == link.TypeVLAN && d.HasLink() {
		most += vlanLen
	}
	return len(data) > most
}

// destination is where a frame of SOCK_DGRAM goes. Devices that need none take
// zeros (eth_header).
func destination(d *netdev.Device, named bool, to *inet.LinkAddr) (netdev.MACAddr, bool) {
	if named {
		return netdev.MACAddr(to.Addr[:6]), true
	}
	return netdev.MACAddr{}, d.Flags()&netdev.NoARP != 0
}

func (s *Sock) frame(d *netdev.Device, proto uint16, data []byte) *skb.Buffer {
	b := s.m.env.Pool.New(len(data))
	b.Append(data)
	b.Sock, b.IfIndex, b.Type, b.Time = s.ID, int32(d.Index), skb.PacketOutgoing, s.m.env.Clock.Now()
	if s.raw {
		b.SetLink()
	} else {
		b.SetNetwork()
	}
	s.m.env.Trace.Mark(b)
	if b.Traced {
		s.m.env.Trace.Packet(trace.PacketTx, b, s.ID, uint32(proto), uint32(len(data)), 0)
	}
	return b
}

// sent is what the user learns of a frame's fate (net_xmit_errno).
func (s *Sock) sent(n int, r skb.Reason) (int, error) {
	switch r {
	case skb.NotDropped:
		return n, nil
	case skb.DevReady:
		return 0, syscall.ENETDOWN
	}
	return 0, syscall.ENOBUFS
}
