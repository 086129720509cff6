package socket

import (
	"syscall"

	"github.com/slankdev/ministack/inet"
)

// setMulticastOption sets an option of multicast sending and receiving; the
// socket's lock is held.
func (s *Socket) setMulticastOption(c *inet.Sock, name, value int) error {
	o := &c.Options
	switch name {
	case IP_MULTICAST_TTL:
		return s.setMulticastTTL(o, value)
	case IP_MULTICAST_LOOP:
		o.McastLoop = value != 0
	case IP_MULTICAST_IF:
		if s.typ == SOCK_STREAM {
			return syscall.EINVAL
		}
		if err := s.mayUse(o, value); err != nil {
			return err
		}
		o.SetEgress(func(e *inet.Egress) { e.McastIf = value })
	case IP_MULTICAST_ALL:
		if value != 0 && value != 1 {
			return syscall.EINVAL
		}
		c.OwnGroups().SetAll(value != 0)
	default:
		return syscall.ENOPROTOOPT
	}
	return nil
}

// setMulticastTTL takes 0 to 255, of which 0 keeps multicasts on this host, or
// -1 for the default.
func (s *Socket) setMulticastTTL(o *inet.Options, value int) error {
	if value == -1 {
		value = 1
	}
	if s.typ == SOCK_STREAM || value < 0 || value > 255 {
		return syscall.EINVAL
	}
	o.McastTTL = uint8(value)
	return nil
}

// multicastOption returns an option of multicast sending and receiving.
func multicastOption(c *inet.Sock, name int) (int, error) {
	o := &c.Options
	switch name {
	case IP_MULTICAST_TTL:
		return int(o.McastTTL), nil
	case IP_MULTICAST_LOOP:
		return number(o.McastLoop), nil
	case IP_MULTICAST_IF:
		return o.Egress().McastIf, nil
	case IP_MULTICAST_ALL:
		return number(c.Groups().All()), nil
	}
	return 0, syscall.ENOPROTOOPT
}
