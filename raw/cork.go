package raw

import (
	"net/netip"

	"github.com/slankdev/ministack/inet"
)

// Corking (MSG_MORE; ip_append_data): the data of several calls becomes one
// datagram, which a call without MSG_MORE lets go. Ancillary requests are those
// of the first call, addresses those of the last, as on Linux, where the header
// is written from that call's flow. A header of the user's is a whole packet,
// and never waits.

// corked is a datagram that is not whole yet (sk_write_queue, inet_sock.cork).
type corked struct {
	open    bool
	data    []byte // kept from one datagram to the next
	control inet.Control
}

// flush throws the datagram away (ip_flush_pending_frames).
func (k *corked) flush() { *k = corked{data: k.data[:0]} }

// sendPayload appends to the datagram under way, or begins one, and sends it
// unless flags ask to wait for more. A failure costs all of it.
func (s *Sock) sendPayload(data []byte, r *inet.Route, c *inet.Control, flags int) error {
	k, more := &s.cork, flags&inet.MsgMore != 0
	if !k.open && !more {
		return s.push(data, r, c)
	}
	if !k.open {
		k.open, k.control = true, *c
	}
	k.data = append(k.data, data...)
	if _, err := s.fillHeader(len(k.data), r, &k.control); err != nil {
		k.flush()
		return err
	}
	if more {
		return nil
	}
	defer k.flush()
	return s.push(k.data, r, &k.control)
}

// fillHeader decides the network header of a datagram, and by which route it
// goes. Error: EMSGSIZE.
func (s *Sock) fillHeader(length int, r *inet.Route, c *inet.Control) (*inet.Route, error) {
	s.header.Proto = uint8(s.protocol)
	return s.HeaderTo(&s.header, r, length, netip.AddrPortFrom(r.Dst, s.port), c, s.m.ip)
}
