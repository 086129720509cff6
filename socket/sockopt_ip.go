package socket

import (
	"syscall"

	"github.com/slankdev/ministack/inet"
)

// setIPOption sets an option of level SOL_IP (ip(7)).
func (s *Socket) setIPOption(name, value int) error {
	if name == IP_HDRINCL {
		return s.setHdrIncl(value != 0)
	}
	c := s.ops.Common()
	c.Lock()
	defer c.Unlock()
	o := &c.Options
	switch name {
	case IP_TOS:
		o.TOS = uint8(value)
		if s.typ == SOCK_STREAM {
			o.TOS &^= 3 // ECN is TCP's own (RFC 3168 6.1)
		}
	case IP_TTL:
		if value != -1 && (value < 1 || value > 255) {
			return syscall.EINVAL
		}
		o.TTL = uint8(max(value, 0))
	case IP_MTU_DISCOVER:
		if value < inet.PMTUDont || value > inet.PMTUOmit {
			return syscall.EINVAL
		}
		o.MTUDiscover = uint8(value)
	case IP_RECVERR:
		c.SetWantsErrors(value != 0)
	case IP_PKTINFO:
		o.PktInfo = value != 0
	case IP_RECVTTL:
		o.RecvTTL = value != 0
	case IP_RECVTOS:
		o.RecvTOS = value != 0
	case IP_RECVOPTS:
		o.RecvOpts = value != 0
	case IP_RETOPTS:
		o.RetOpts = value != 0
	case IP_FREEBIND:
		o.FreeBind = value != 0
	case IP_UNICAST_IF:
		return s.setUnicastDevice(o, value)
	default:
		return s.setMulticastOption(c, name, value)
	}
	return nil
}

// setUnicastDevice is the device to send unicast packets by, where no other is
// asked for.
func (s *Socket) setUnicastDevice(o *inet.Options, index int) error {
	if err := s.mayUse(o, index); err != nil {
		return err
	}
	o.SetEgress(func(e *inet.Egress) { e.UnicastIf = index })
	return nil
}

// mayUse reports whether a socket may send by a device. Errors: EADDRNOTAVAIL
// where there is none, EINVAL for a socket that is bound to another.
func (s *Socket) mayUse(o *inet.Options, index int) error {
	switch {
	case index == 0:
	case s.family.env.Dev.ByIndex(index) == nil:
		return syscall.EADDRNOTAVAIL
	case o.Device != 0 && o.Device != index:
		return syscall.EINVAL
	}
	return nil
}

// ipOption returns an option of level SOL_IP.
func (s *Socket) ipOption(name int) (int, error) {
	switch name {
	case IP_MTU:
		return s.pathMTU()
	case IP_HDRINCL:
		return number(s.hdrIncl()), nil
	}
	c := s.ops.Common()
	c.Lock()
	defer c.Unlock()
	o := &c.Options
	switch name {
	case IP_TOS:
		return int(o.TOS), nil
	case IP_TTL:
		if o.TTL == 0 {
			return s.defaultTTL(), nil
		}
		return int(o.TTL), nil
	case IP_MTU_DISCOVER:
		return int(o.MTUDiscover), nil
	case IP_RECVERR:
		return number(c.WantsErrors()), nil
	case IP_PKTINFO:
		return number(o.PktInfo), nil
	case IP_RECVTTL:
		return number(o.RecvTTL), nil
	case IP_RECVTOS:
		return number(o.RecvTOS), nil
	case IP_RECVOPTS:
		return number(o.RecvOpts), nil
	case IP_RETOPTS:
		return number(o.RetOpts), nil
	case IP_FREEBIND:
		return number(o.FreeBind), nil
	case IP_UNICAST_IF:
		return o.Egress().UnicastIf, nil
	case IP_PROTOCOL:
		return int(s.protocol), nil
	}
	return multicastOption(c, name)
}

func (s *Socket) defaultTTL() int { return s.family.proto.IP.DefaultTTL() }

// pathMTU is that of the way to the peer. Error: ENOTCONN.
func (s *Socket) pathMTU() (int, error) {
	_, peer := s.ops.Names()
	if !peer.IsValid() {
		return 0, syscall.ENOTCONN
	}
	r, err := s.family.proto.IP.Route(&inet.Flow{Dst: peer.Addr()})
	if err != nil {
		return 0, err
	}
	return r.MTU, nil
}
