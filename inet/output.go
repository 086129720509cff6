package inet

import (
	"net/netip"
	"syscall"
)

// The way down from a socket: what it asks the routing table, and what it
// decides of the network header, by its options and by what a single message
// asks (ip_cmsg_send, ipcm_init_sk, ip_setup_cork).

// Valid reports whether the control can be had: EINVAL if not.
func (c *Control) Valid() bool {
	return c.TTL >= 0 && c.TTL <= 255 && (!c.HasTOS || c.TOS >= 0 && c.TOS <= 255) && c.Device >= 0 &&
		c.SegmentSize >= 0 && c.SegmentSize < 1<<16
}

// FlowTo fills f with what is asked for a packet to dst from src, the socket's
// own address; where that is none or no host's, the route chooses. Lock held.
func (s *Sock) FlowTo(f *Flow, dst, src netip.Addr, c *Control, net Network) {
	o := &s.Options
	device := o.Device
	if c.Device != 0 {
		device = c.Device
	}
	if src.IsValid() && (src.IsUnspecified() || net.Kind(src) >= Broadcast) {
		src = netip.Addr{}
	}
	if c.Source.IsValid() && !c.Source.IsUnspecified() {
		src = c.Source
	}
	switch {
	case device != 0 || o.egress == nil:
	case dst.IsMulticast():
		device = o.egress.McastIf
	default:
		device = o.egress.UnicastIf
	}
	*f = Flow{Dst: dst, Src: src, Device: device, TOS: s.tos(c)}
}

func (s *Sock) tos(c *Control) uint8 {
	if c.HasTOS {
		return uint8(c.TOS)
	}
	return s.Options.TOS
}

// HeaderTo fills h for a packet of length bytes, without its network header,
// and returns the route to send it by, which IP_MTU_DISCOVER may change: a
// probe goes as far as the device lets it. Error: EMSGSIZE, which is queued for
// who asked (IP_RECVERR), for a packet that may neither pass whole nor be
// fragmented. Lock held.
func (s *Sock) HeaderTo(h *Header, r *Route, length int, to netip.AddrPort, c *Control, net Network) (*Route, error) {
	o := &s.Options
	*h = Header{Proto: h.Proto, TTL: o.TTL, TOS: s.tos(c), Loop: true}
	if o.egress != nil {
		h.Options = o.egress.IPOptions
	}
	if c.Options != nil {
		h.Options = c.Options
	}
	if o.MTUDiscover >= PMTUProbe && r.MTU != r.Dev.MTU() {
		by := *r
		by.MTU = r.Dev.MTU()
		r = &by
	}
	size := length + net.HeaderLen() + (len(h.Options)+3)&^3
	if size > maxPacket || o.forbidsFragments() && size > r.MTU {
		s.QueueLocalError(syscall.EMSGSIZE, to, r.MTU-len(h.Options))
		return nil, syscall.EMSGSIZE
	}
	h.DF = o.MTUDiscover == PMTUDo || o.MTUDiscover == PMTUProbe || o.MTUDiscover == PMTUWant && size <= r.MTU
	s.lifetime(h, r, c)
	return r, nil
}

// maxPacket is the largest packet of the network layer, in bytes.
const maxPacket = 65535

// forbidsFragments is the reverse of ip_sk_ignore_df.
func (o *Options) forbidsFragments() bool {
	return o.MTUDiscover >= PMTUDo && o.MTUDiscover != PMTUOmit
}

// lifetime is the time to live: the message's, or that of multicasts, of which
// 0 keeps them on this host (ip_mc_output).
func (s *Sock) lifetime(h *Header, r *Route, c *Control) {
	o := &s.Options
	if r.Type == Multicast {
		h.TTL, h.Loop = o.McastTTL, o.McastLoop
		h.Stay = h.TTL == 0
	}
	if c.TTL != 0 {
		h.TTL, h.Stay = uint8(c.TTL), false
	}
}
