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
		if value < inet.PMTUDont || value > inet.PMTUProbe {
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
	default:
		return s.setMulticastOption(o, name, value)
	}
	return nil
}

func (s *Socket) setMulticastOption(o *inet.Options, name, value int) error {
	if s.typ == SOCK_STREAM {
		return syscall.ENOPROTOOPT
	}
	switch name {
	case IP_MULTICAST_TTL:
		if value == -1 {
			value = 1
		}
		if value < 1 || value > 255 { // 0, this host only, is not had
			return syscall.EINVAL
		}
		o.McastTTL = uint8(value)
	case IP_MULTICAST_LOOP:
		o.McastLoop = value != 0
	case IP_MULTICAST_IF:
		if value != 0 && s.family.env.Dev.ByIndex(value) == nil {
			return syscall.EADDRNOTAVAIL
		}
		o.McastIf = value
	default:
		return syscall.ENOPROTOOPT
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
	case IP_MULTICAST_TTL:
		return int(o.McastTTL), nil
	case IP_MULTICAST_LOOP:
		return number(o.McastLoop), nil
	case IP_MULTICAST_IF:
		return o.McastIf, nil
	}
	return 0, syscall.ENOPROTOOPT
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
