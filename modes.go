package ministack

import "github.com/slankdev/ministack/netdev"

// SetPromiscuousMode has a device take IP packets to any unicast address for
// the stack's own: a listener on any address then accepts connections to all
// of them, and HandleTCP and HandleUDP get the rest. Linux does so by a local
// route to 0.0.0.0/0. Error: ENODEV.
func (s *Stack) SetPromiscuousMode(dev string, on bool) error {
	return s.setMode(dev, netdev.Promiscuous, on)
}

// SetSpoofing lets sockets have, and packets leave by a device from, any
// unicast address, as IP_TRANSPARENT does on Linux. What answers for other
// hosts needs both modes. Error: ENODEV.
func (s *Stack) SetSpoofing(dev string, on bool) error {
	return s.setMode(dev, netdev.Spoofing, on)
}

func (s *Stack) setMode(dev string, m netdev.Mode, on bool) error {
	d, err := s.device(dev)
	if err != nil {
		return err
	}
	s.ip.SetMode(d, m, on)
	return nil
}
